package ec2_test

import (
	"net/netip"
	"slices"
	"testing"

	"trellis/internal/aws/model/ec2"
	"trellis/internal/lattice"
	"trellis/internal/state"
	"trellis/internal/vpc"
)

// latticeWorld is a service network with a service and a resource, and a resource configuration, all of the account.
type latticeWorld struct{ network, configuration, service, resource string }

func (e *env) lattice(account string) latticeWorld {
	e.t.Helper()
	meta := func(k lattice.Kind, name string) lattice.Meta {
		return lattice.Meta{Owner: vpc.Owner{Account: account, Region: "us-east-1"}, ID: k.Mint(), Name: name, Created: e.now}
	}
	n := &lattice.Network{Meta: meta(lattice.KindNetwork, "net")}
	s := &lattice.Service{Meta: meta(lattice.KindService, "svc")}
	c := &lattice.ResourceConfiguration{Meta: meta(lattice.KindConfiguration, "db"), Type: lattice.TypeSingle, Gateway: "rgw-1"}
	as := &lattice.NetworkService{Meta: meta(lattice.KindNetworkService, ""), Network: n.ID, Service: s.ID, NetworkOwner: account, ServiceOwner: account}
	ar := &lattice.NetworkResource{Meta: meta(lattice.KindNetworkResource, ""), Network: n.ID, Configuration: c.ID, NetworkOwner: account, ConfigurationOwner: account}
	e.update(func(tx *state.Tx) {
		state.Networks.Put(tx, n)
		state.Services.Put(tx, s)
		state.ResourceConfigurations.Put(tx, c)
		state.NetworkServices.Put(tx, as)
		state.NetworkResources.Put(tx, ar)
	})
	return latticeWorld{n.ARN(), c.ARN(), as.ID, ar.ID}
}

func (e *env) endpoint(account string, in *ec2.CreateVpcEndpointInput) *ec2.VpcEndpoint {
	e.t.Helper()
	return must[*ec2.CreateVpcEndpointOutput](e.t)(e.CreateVpcEndpoint(e.as(account), in)).VpcEndpoint
}

func TestVpcEndpoint(t *testing.T) {
	e := newEnv(t)
	ctx, w := e.as(red), e.lattice(red)
	v := e.vpc(red, "10.0.0.0/16")
	subnet, other, group := e.subnet(red, v, "10.0.0.0/26"), e.subnet(red, v, "10.0.1.0/24"), e.group(red, v, "endpoint")
	ask := &ec2.CreateVpcEndpointInput{VpcId: &v, VpcEndpointType: new("ServiceNetwork"), ServiceNetworkArn: &w.network, SubnetIds: []string{subnet},
		SecurityGroupIds: []string{group}, ClientToken: new("once"), PrivateDnsEnabled: new(false),
		TagSpecifications: []ec2.TagSpecification{{ResourceType: new("vpc-endpoint"), Tags: []ec2.Tag{{Key: new("k"), Value: new("v")}}}}}
	made := e.endpoint(red, ask)
	if *made.State != "pending" || *made.ServiceNetworkArn != w.network || !slices.Equal(made.SubnetIds, []string{subnet}) || len(made.NetworkInterfaceIds) != 1 ||
		len(made.Groups) != 1 || *made.Groups[0].GroupId != group || len(made.Tags) != 1 || *made.PrivateDnsEnabled || *made.OwnerId != red {
		t.Errorf("made %+v", made)
	}
	if again := e.endpoint(red, ask); *again.VpcEndpointId != *made.VpcEndpointId {
		t.Errorf("the same token made %s as well", *again.VpcEndpointId)
	}
	changed := *ask
	changed.SubnetIds = []string{other}
	_, err := e.CreateVpcEndpoint(ctx, &changed)
	wants(t, err, "IdempotentParameterMismatch")

	// A block of sixteen for services, and an address for the resource: the first free ones of each kind.
	ni := must[*ec2.DescribeNetworkInterfacesOutput](t)(e.DescribeNetworkInterfaces(ctx, &ec2.DescribeNetworkInterfacesInput{NetworkInterfaceIds: made.NetworkInterfaceIds})).NetworkInterfaces[0]
	if *ni.InterfaceType != "vpc_endpoint" || !*ni.RequesterManaged || len(ni.PrivateIpAddresses) != 17 || *ni.PrivateIpAddress != "10.0.0.16" || *ni.PrivateIpAddresses[16].PrivateIpAddress != "10.0.0.4" {
		t.Errorf("the interface is %+v", ni)
	}
	if got := made.Ipv4Prefixes; len(got) != 1 || !slices.Equal(got[0].IpPrefixes, []string{"10.0.0.16/28"}) {
		t.Errorf("prefixes %+v", got)
	}
	e.applied()
	describe := func() *ec2.VpcEndpoint {
		t.Helper()
		return &must[*ec2.DescribeVpcEndpointsOutput](t)(e.DescribeVpcEndpoints(ctx, &ec2.DescribeVpcEndpointsInput{VpcEndpointIds: []string{*made.VpcEndpointId}})).VpcEndpoints[0]
	}
	if got := describe(); *got.State != "available" {
		t.Errorf("applied, it is %s", *got.State)
	}
	associations := must[*ec2.DescribeVpcEndpointAssociationsOutput](t)(e.DescribeVpcEndpointAssociations(ctx, &ec2.DescribeVpcEndpointAssociationsInput{VpcEndpointIds: []string{*made.VpcEndpointId}})).VpcEndpointAssociations
	var names []string
	for _, a := range associations {
		names = append(names, *a.DnsEntry.DnsName)
		if *a.AssociatedResourceAccessibility != "AVAILABLE" || *a.ServiceNetworkName != "net" {
			t.Errorf("association %+v", a)
		}
	}
	slices.Sort(names)
	want := []string{*made.VpcEndpointId + "-" + w.service + ".7d67968.vpc-lattice-svcs.us-east-1.on.aws",
		*made.VpcEndpointId + "-" + w.resource + "." + lattice.IDOf(w.configuration) + ".4232ccc.vpc-lattice-rsc.us-east-1.on.aws"}
	slices.Sort(want)
	if !slices.Equal(names, want) {
		t.Errorf("the names are %q, want %q", names, want)
	}

	for _, refused := range []struct {
		err  error
		code string
	}{
		{result(e.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: &group})), "DependencyViolation"},
		{result(e.DeleteSubnet(ctx, &ec2.DeleteSubnetInput{SubnetId: &subnet})), "DependencyViolation"},
		{result(e.DeleteVpc(ctx, &ec2.DeleteVpcInput{VpcId: &v})), "DependencyViolation"},
		{result(e.DescribeVpcEndpoints(e.as(black), &ec2.DescribeVpcEndpointsInput{VpcEndpointIds: []string{*made.VpcEndpointId}})), "InvalidVpcEndpointId.NotFound"},
		{result(e.ModifyVpcEndpoint(e.as(black), &ec2.ModifyVpcEndpointInput{VpcEndpointId: made.VpcEndpointId})), "InvalidVpcEndpointId.NotFound"},
		{result(e.ModifyVpcEndpoint(ctx, &ec2.ModifyVpcEndpointInput{VpcEndpointId: made.VpcEndpointId, AddSubnetIds: []string{other}})), "DuplicateSubnetsInSameZone"},
		{result(e.ModifyVpcEndpoint(ctx, &ec2.ModifyVpcEndpointInput{VpcEndpointId: made.VpcEndpointId, PrivateDnsEnabled: new(true)})), "InvalidParameter"},
		{result(e.ModifyVpcEndpoint(ctx, &ec2.ModifyVpcEndpointInput{VpcEndpointId: made.VpcEndpointId, PolicyDocument: new("{}")})), "InvalidParameter"},
	} {
		wants(t, refused.err, refused.code)
	}
	must[*ec2.ModifyVpcEndpointOutput](t)(e.ModifyVpcEndpoint(ctx, &ec2.ModifyVpcEndpointInput{VpcEndpointId: made.VpcEndpointId, RemoveSubnetIds: []string{subnet},
		AddSubnetIds: []string{other}, RemoveSecurityGroupIds: []string{group}}))
	if got := describe(); *got.State != "pending" || !slices.Equal(got.SubnetIds, []string{other}) || *got.Groups[0].GroupName != "default" {
		t.Errorf("modified, it is %+v", got)
	}
	e.applied()
	must[*ec2.CreateTagsOutput](t)(e.CreateTags(ctx, &ec2.CreateTagsInput{Resources: []string{*made.VpcEndpointId}, Tags: []ec2.Tag{{Key: new("more"), Value: new("")}}}))
	if got := describe(); *got.State != "available" || len(got.Tags) != 2 {
		t.Errorf("tagged, it is %+v", got)
	}
	must[*ec2.DeleteSubnetOutput](t)(e.DeleteSubnet(ctx, &ec2.DeleteSubnetInput{SubnetId: &subnet}))

	gone := must[*ec2.DeleteVpcEndpointsOutput](t)(e.DeleteVpcEndpoints(ctx, &ec2.DeleteVpcEndpointsInput{VpcEndpointIds: []string{*made.VpcEndpointId, "vpce-0123456789abcdef0"}}))
	if len(gone.Unsuccessful) != 1 || *gone.Unsuccessful[0].ResourceId != "vpce-0123456789abcdef0" || *gone.Unsuccessful[0].Error.Code != "InvalidVpcEndpoint.NotFound" {
		t.Errorf("not deleted: %+v", gone.Unsuccessful)
	}
	if got := describe(); *got.State != "deleting" || len(got.NetworkInterfaceIds) != 0 {
		t.Errorf("deleted, it is %+v", got)
	}
	must[*ec2.DeleteSubnetOutput](t)(e.DeleteSubnet(ctx, &ec2.DeleteSubnetInput{SubnetId: &other}))
	must[*ec2.DeleteSecurityGroupOutput](t)(e.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: &group}))
}

func result[T any](_ T, err error) error { return err }

// An endpoint that cannot be is refused with the code of what is wrong with it.
func TestVpcEndpointRefused(t *testing.T) {
	e := newEnv(t)
	w, foreign := e.lattice(red), e.lattice(black)
	v := e.vpc(red, "10.0.0.0/16")
	small, far := e.subnet(red, v, "10.0.0.0/28"), e.subnet(red, e.vpc(red, "10.1.0.0/16"), "10.1.0.0/24")
	for name, c := range map[string]struct {
		in   ec2.CreateVpcEndpointInput
		code string
	}{
		"a gateway endpoint":       {ec2.CreateVpcEndpointInput{ServiceName: new("com.amazonaws.us-east-1.s3")}, "InvalidServiceName"},
		"an interface endpoint":    {ec2.CreateVpcEndpointInput{VpcEndpointType: new("Interface"), ServiceName: new("com.amazonaws.us-east-1.logs")}, "InvalidServiceName"},
		"no service":               {ec2.CreateVpcEndpointInput{VpcEndpointType: new("Interface")}, "MissingParameter"},
		"no network":               {ec2.CreateVpcEndpointInput{VpcEndpointType: new("ServiceNetwork")}, "MissingParameter"},
		"an unknown network":       {ec2.CreateVpcEndpointInput{VpcEndpointType: new("ServiceNetwork"), ServiceNetworkArn: new(w.network + "x")}, "InvalidParameterValue"},
		"another's network":        {ec2.CreateVpcEndpointInput{VpcEndpointType: new("ServiceNetwork"), ServiceNetworkArn: &foreign.network}, "InvalidParameterValue"},
		"another's configuration":  {ec2.CreateVpcEndpointInput{VpcEndpointType: new("Resource"), ResourceConfigurationArn: &foreign.configuration}, "InvalidParameterValue"},
		"both":                     {ec2.CreateVpcEndpointInput{VpcEndpointType: new("Resource"), ResourceConfigurationArn: &w.configuration, ServiceNetworkArn: &w.network}, "InvalidParameter"},
		"a policy":                 {ec2.CreateVpcEndpointInput{VpcEndpointType: new("ServiceNetwork"), ServiceNetworkArn: &w.network, PolicyDocument: new("{}")}, "InvalidParameter"},
		"IPv6":                     {ec2.CreateVpcEndpointInput{VpcEndpointType: new("ServiceNetwork"), ServiceNetworkArn: &w.network, IpAddressType: new("dualstack")}, "InvalidParameter"},
		"private DNS without DNS":  {ec2.CreateVpcEndpointInput{VpcEndpointType: new("ServiceNetwork"), ServiceNetworkArn: &w.network, PrivateDnsEnabled: new(true)}, "InvalidParameter"},
		"no room for the services": {ec2.CreateVpcEndpointInput{VpcEndpointType: new("ServiceNetwork"), ServiceNetworkArn: &w.network, SubnetIds: []string{small}}, "InsufficientFreeAddressesInSubnet"},
		"a subnet of another VPC":  {ec2.CreateVpcEndpointInput{VpcEndpointType: new("Resource"), ResourceConfigurationArn: &w.configuration, SubnetIds: []string{far}}, "InvalidParameter"},
		"an address in use": {ec2.CreateVpcEndpointInput{VpcEndpointType: new("Resource"), ResourceConfigurationArn: &w.configuration,
			SubnetConfigurations: []ec2.SubnetConfiguration{{SubnetId: &small, Ipv4: new("10.0.0.1")}}}, "InvalidParameterValue"},
	} {
		t.Run(name, func(t *testing.T) {
			c.in.VpcId = &v
			_, err := e.CreateVpcEndpoint(e.as(red), &c.in)
			wants(t, err, c.code)
		})
	}
	// What was refused left nothing behind, and an address that is free is given.
	made := e.endpoint(red, &ec2.CreateVpcEndpointInput{VpcId: &v, VpcEndpointType: new("Resource"), ResourceConfigurationArn: &w.configuration,
		SubnetConfigurations: []ec2.SubnetConfiguration{{SubnetId: &small, Ipv4: new("10.0.0.9")}}})
	ni, _ := state.Interfaces.Get(e.view.Snapshot(), made.NetworkInterfaceIds[0])
	if used := state.UsedAddresses(e.view.Snapshot(), small); ni.Addr != netip.MustParseAddr("10.0.0.9") || len(used) != 1 {
		t.Errorf("the interface has %v of %v", ni.Addr, used)
	}
	_, err := e.DescribeVpcEndpointServices(e.as(red), &ec2.DescribeVpcEndpointServicesInput{ServiceNames: []string{"com.amazonaws.us-east-1.s3"}})
	wants(t, err, "InvalidServiceName")
}

// The resources of a network come to its endpoints and go from there, over as many interfaces as they need.
func TestEndpointsFollowTheirNetwork(t *testing.T) {
	e := newEnv(t)
	w := e.lattice(red)
	v := e.vpc(red, "10.0.0.0/16")
	subnet := e.subnet(red, v, "10.0.0.0/24")
	made := e.endpoint(red, &ec2.CreateVpcEndpointInput{VpcId: &v, VpcEndpointType: new("ServiceNetwork"), ServiceNetworkArn: &w.network, SubnetIds: []string{subnet}})
	interfaces := func() (all []int) {
		for i := range state.Interfaces.By(e.view.Snapshot(), state.BySubnet, subnet) {
			all = append(all, len(i.Addresses()))
		}
		slices.Sort(all)
		return all
	}
	first, _ := state.NetworkResources.Get(e.view.Snapshot(), w.resource)
	var more []*lattice.NetworkResource
	change := func(deleting bool) {
		e.update(func(tx *state.Tx) {
			for _, r := range more {
				next := *r
				next.Deleting = deleting
				state.NetworkResources.Put(tx, &next)
			}
			if err := state.SettleNetwork(tx, first.Network, e.now); err != nil {
				t.Error(err)
			}
		})
	}
	for range 50 {
		r := *first
		r.ID = lattice.KindNetworkResource.Mint()
		more = append(more, &r)
	}
	change(false)
	if got := interfaces(); !slices.Equal(got, []int{4, 63}) {
		t.Errorf("with 51 resources the interfaces have %d addresses, want 63 and 4", got)
	}
	ep, _ := state.Endpoints.Get(e.view.Snapshot(), *made.VpcEndpointId)
	seen := map[netip.Addr]bool{}
	for _, a := range ep.Nodes[0].Resources {
		if seen[a] || ep.Nodes[0].Services.Contains(a) {
			t.Errorf("%v is given twice", a)
		}
		seen[a] = true
	}
	before := e.view.Snapshot().SpecRev
	e.update(func(tx *state.Tx) { _ = state.SettleNetwork(tx, first.Network, e.now) })
	if after := e.view.Snapshot().SpecRev; after != before {
		t.Error("settling what is settled changes something")
	}
	change(true)
	if got := interfaces(); !slices.Equal(got, []int{17}) {
		t.Errorf("with one resource left the interfaces have %d addresses, want 17", got)
	}
	more = append(more, first)
	change(true)
	if got := interfaces(); !slices.Equal(got, []int{16}) {
		t.Errorf("without resources the interfaces have %d addresses, want 16", got)
	}
	change(false)
	if got := interfaces(); !slices.Equal(got, []int{4, 63}) {
		t.Errorf("with all of them again the interfaces have %d addresses, want 63 and 4", got)
	}
}
