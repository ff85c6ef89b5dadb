package ec2_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"trellis/internal/aws/model/ec2"
	"trellis/internal/vpc"
)

func TestFilters(t *testing.T) {
	e := newEnv(t)
	ctx := e.as(red)
	v := e.vpc(red, "10.0.0.0/16")
	other := e.vpc(red, "10.1.0.0/16")
	names := map[string]string{}
	for i, name := range []string{"app-a", "app-b", "db*"} {
		id := e.subnet(red, v, fmt.Sprintf("10.0.%d.0/24", i))
		names[id] = name
		must[*ec2.CreateTagsOutput](t)(e.CreateTags(ctx, &ec2.CreateTagsInput{Resources: []string{id}, Tags: []ec2.Tag{{Key: new("Name"), Value: new(name)}}}))
	}
	names[e.subnet(red, other, "10.1.0.0/24")] = "other"
	e.subnet(black, e.vpc(black, "10.0.0.0/16"), "10.0.0.0/24")

	for _, tc := range []struct {
		name    string
		filters []ec2.Filter
		want    []string
		code    string
	}{
		{"none", nil, []string{"app-a", "app-b", "db*", "other"}, ""},
		{"vpc", filters("vpc-id", v), []string{"app-a", "app-b", "db*"}, ""},
		{"tag value", filters("tag:Name", "app-a"), []string{"app-a"}, ""},
		{"star", filters("tag:Name", "app-*"), []string{"app-a", "app-b"}, ""},
		{"question mark", filters("tag:Name", "app-?"), []string{"app-a", "app-b"}, ""},
		{"escaped star", filters("tag:Name", `db\*`), []string{"db*"}, ""},
		{"tag key", filters("tag-key", "N*"), []string{"app-a", "app-b", "db*"}, ""},
		{"no such tag", filters("tag:name", "*"), nil, ""},
		{"case matters", filters("tag:Name", "APP-A"), nil, ""},
		{"either value", []ec2.Filter{{Name: new("cidr-block"), Values: []string{"10.0.0.0/24", "10.1.0.0/24"}}}, []string{"app-a", "other"}, ""},
		{"both filters", filters("vpc-id", v, "tag:Name", "other"), nil, ""},
		{"two VPCs", []ec2.Filter{{Name: new("vpc-id"), Values: []string{v, other}}}, []string{"app-a", "app-b", "db*", "other"}, ""},
		{"wildcard VPC", filters("vpc-id", "vpc-*"), []string{"app-a", "app-b", "db*", "other"}, ""},
		{"empty value", filters("vpc-id", ""), nil, ""},
		{"number", filters("available-ip-address-count", "251", "default-for-az", "false"), []string{"app-a", "app-b", "db*", "other"}, ""},
		{"unknown filter", filters("colour", "red"), nil, "InvalidParameterValue"},
		{"no filter name", []ec2.Filter{{Values: []string{"x"}}}, nil, "MissingParameter"},
		{"too many values", []ec2.Filter{{Name: new("cidr"), Values: make([]string, 201)}}, nil, "FilterLimitExceeded"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			out, err := e.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{Filters: tc.filters})
			wants(t, err, tc.code)
			if err != nil {
				return
			}
			var got []string
			for _, s := range out.Subnets {
				got = append(got, names[*s.SubnetId])
			}
			slices.Sort(got)
			if !slices.Equal(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestPages(t *testing.T) {
	e := newEnv(t)
	ctx := e.as(red)
	v := e.vpc(red, "10.0.0.0/16")
	want := map[string]bool{}
	for i := range 12 {
		want[e.subnet(red, v, fmt.Sprintf("10.0.%d.0/24", i))] = true
	}
	got := map[string]bool{}
	in := &ec2.DescribeSubnetsInput{MaxResults: new(int32(5))}
	for pages := 1; ; pages++ {
		out := must[*ec2.DescribeSubnetsOutput](t)(e.DescribeSubnets(ctx, in))
		for _, s := range out.Subnets {
			got[*s.SubnetId] = true
		}
		if out.NextToken == nil {
			if pages != 3 {
				t.Errorf("%d pages, want 3", pages)
			}
			break
		}
		in.NextToken = out.NextToken
	}
	if len(got) != len(want) {
		t.Errorf("%d of %d subnets listed", len(got), len(want))
	}
	_, err := e.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{NextToken: new("forged")})
	wants(t, err, "InvalidNextToken")
	_, err = e.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{DryRun: new(true)})
	wants(t, err, "DryRunOperation")
}

func TestTags(t *testing.T) {
	e := newEnv(t)
	ctx := e.as(red)
	v := e.vpc(red, "10.0.0.0/16")
	subnet, table, gw, g := e.subnet(red, v, "10.0.0.0/24"), e.table(red, v), e.gateway(red), e.group(red, v, "g")
	rule := *must[*ec2.AuthorizeSecurityGroupIngressOutput](t)(e.ingress(red, g, cidrRule("tcp", 1, 1, "10.0.0.0/8"))).SecurityGroupRules[0].SecurityGroupRuleId
	acl := *must[*ec2.DescribeNetworkAclsOutput](t)(e.DescribeNetworkAcls(ctx, &ec2.DescribeNetworkAclsInput{})).NetworkAcls[0].NetworkAclId
	eni := *must[*ec2.CreateNetworkInterfaceOutput](t)(e.CreateNetworkInterface(ctx, &ec2.CreateNetworkInterfaceInput{SubnetId: &subnet})).NetworkInterface.NetworkInterfaceId
	pcx := e.peering(red, red, v, e.vpc(red, "10.1.0.0/16"))
	ids := []string{v, subnet, table, gw, g, rule, acl, eni, pcx}
	tag := func(account string, resources []string, pairs ...string) error {
		var tags []ec2.Tag
		for i := 0; i < len(pairs); i += 2 {
			tags = append(tags, ec2.Tag{Key: &pairs[i], Value: &pairs[i+1]})
		}
		_, err := e.CreateTags(e.as(account), &ec2.CreateTagsInput{Resources: resources, Tags: tags})
		return err
	}
	if err := tag(red, ids, "a", "1", "b", "2"); err != nil {
		t.Fatal(err)
	}
	list := func(account string, pairs ...string) []ec2.TagDescription {
		t.Helper()
		return must[*ec2.DescribeTagsOutput](t)(e.DescribeTags(e.as(account), &ec2.DescribeTagsInput{Filters: filters(pairs...)})).Tags
	}
	if n := len(list(red)); n != 2*len(ids) {
		t.Errorf("%d tags, want %d", n, 2*len(ids))
	}
	for _, id := range ids {
		if got := list(red, "resource-id", id, "key", "a"); len(got) != 1 || *got[0].Value != "1" {
			t.Errorf("tags of %s: %+v", id, got)
		}
		if got := list(black, "resource-id", id); len(got) != 0 {
			t.Errorf("another account sees the tags of %s", id)
		}
		wants(t, tag(black, []string{id}, "x", "y"), notFoundOf(id))
	}
	if got := list(red, "resource-type", "security-group-rule"); len(got) != 2 {
		t.Errorf("rule tags %+v", got)
	}
	del := func(tags ...ec2.Tag) {
		t.Helper()
		must[*ec2.DeleteTagsOutput](t)(e.DeleteTags(ctx, &ec2.DeleteTagsInput{Resources: []string{subnet}, Tags: tags}))
	}
	del(ec2.Tag{Key: new("a"), Value: new("other")})
	if n := len(list(red, "resource-id", subnet)); n != 2 {
		t.Errorf("a tag with another value was deleted")
	}
	del(ec2.Tag{Key: new("a")})
	if n := len(list(red, "resource-id", subnet)); n != 1 {
		t.Errorf("%d tags left, want 1", n)
	}
	del()
	if n := len(list(red, "resource-id", subnet)); n != 0 {
		t.Errorf("%d tags left, want none", n)
	}
	var many []string
	for i := range 51 {
		many = append(many, fmt.Sprintf("k%d", i), "")
	}
	wants(t, tag(red, []string{v}, many...), "TagLimitExceeded")
	wants(t, tag(red, []string{"thing-1"}, "a", "b"), "InvalidID")
	wants(t, tag(red, []string{v, "subnet-0123456789abcdef0"}, "c", "d"), "InvalidSubnetID.NotFound")
	if n := len(list(red, "resource-id", v, "key", "c")); n != 0 {
		t.Error("a refused call tagged one of its resources")
	}
}

// notFoundOf is the code for an id that is not there.
func notFoundOf(id string) string {
	kind, _, _ := strings.Cut(id, "-")
	return map[string]string{"vpc": "InvalidVpcID.NotFound", "subnet": "InvalidSubnetID.NotFound", "rtb": "InvalidRouteTableID.NotFound",
		"igw": "InvalidInternetGatewayID.NotFound", "sg": "InvalidGroup.NotFound", "sgr": "InvalidSecurityGroupRuleId.NotFound",
		"acl": "InvalidNetworkAclID.NotFound", "eni": "InvalidNetworkInterfaceID.NotFound", "pcx": "InvalidVpcPeeringConnectionID.NotFound"}[kind]
}

func TestZonesRegionsAndLists(t *testing.T) {
	e := newEnv(t)
	ctx := e.in(red, "eu-west-1")
	zones := must[*ec2.DescribeAvailabilityZonesOutput](t)(e.DescribeAvailabilityZones(ctx, &ec2.DescribeAvailabilityZonesInput{Filters: filters("state", "available")}))
	if len(zones.AvailabilityZones) != 3 || *zones.AvailabilityZones[0].ZoneName != "eu-west-1a" || *zones.AvailabilityZones[0].ZoneId != "euw1-az1" {
		t.Errorf("zones %+v", zones.AvailabilityZones)
	}
	_, err := e.DescribeAvailabilityZones(ctx, &ec2.DescribeAvailabilityZonesInput{ZoneNames: []string{"us-east-1a"}})
	wants(t, err, "InvalidParameterValue")
	regions := must[*ec2.DescribeRegionsOutput](t)(e.DescribeRegions(ctx, &ec2.DescribeRegionsInput{RegionNames: []string{"eu-west-1"}}))
	if len(regions.Regions) != 1 || *regions.Regions[0].Endpoint != "ec2.eu-west-1.amazonaws.com" {
		t.Errorf("regions %+v", regions.Regions)
	}
	_, err = e.DescribeRegions(ctx, &ec2.DescribeRegionsInput{RegionNames: []string{"eu-west-9"}})
	wants(t, err, "InvalidParameterValue")

	lists := must[*ec2.DescribeManagedPrefixListsOutput](t)(e.DescribeManagedPrefixLists(ctx,
		&ec2.DescribeManagedPrefixListsInput{Filters: filters("prefix-list-name", "com.amazonaws.eu-west-1.vpc-lattice")})).PrefixLists
	if len(lists) != 1 || *lists[0].AddressFamily != "IPv4" || *lists[0].OwnerId != "AWS" {
		t.Fatalf("lists %+v", lists)
	}
	entries := must[*ec2.GetManagedPrefixListEntriesOutput](t)(e.GetManagedPrefixListEntries(ctx, &ec2.GetManagedPrefixListEntriesInput{PrefixListId: lists[0].PrefixListId})).Entries
	if !slices.ContainsFunc(entries, func(x ec2.PrefixListEntry) bool { return *x.Cidr == "169.254.171.0/24" }) {
		t.Errorf("entries %+v", entries)
	}
	_, err = e.GetManagedPrefixListEntries(e.as(red), &ec2.GetManagedPrefixListEntriesInput{PrefixListId: lists[0].PrefixListId})
	wants(t, err, "InvalidPrefixListID.NotFound")
	older := must[*ec2.DescribePrefixListsOutput](t)(e.DescribePrefixLists(ctx, &ec2.DescribePrefixListsInput{PrefixListIds: []string{*lists[0].PrefixListId}})).PrefixLists
	if len(older) != 1 || len(older[0].Cidrs) != len(entries) {
		t.Errorf("older form %+v", older)
	}
	options := must[*ec2.DescribeDhcpOptionsOutput](t)(e.DescribeDhcpOptions(ctx, &ec2.DescribeDhcpOptionsInput{})).DhcpOptions
	if len(options) != 1 || *options[0].DhcpOptionsId != vpc.DefaultDHCPOptions(vpc.Owner{Account: red, Region: "eu-west-1"}) {
		t.Errorf("options %+v", options)
	}
	attrs := must[*ec2.DescribeAccountAttributesOutput](t)(e.DescribeAccountAttributes(ctx, &ec2.DescribeAccountAttributesInput{AttributeNames: []string{"default-vpc"}}))
	if *attrs.AccountAttributes[0].AttributeValues[0].AttributeValue != "none" {
		t.Errorf("attributes %+v", attrs.AccountAttributes)
	}
}

func TestRegionsAreApart(t *testing.T) {
	e := newEnv(t)
	v := e.vpc(red, "10.0.0.0/16")
	_, err := e.DescribeVpcs(e.in(red, "eu-west-1"), &ec2.DescribeVpcsInput{VpcIds: []string{v}})
	wants(t, err, "InvalidVpcID.NotFound")
	if out := must[*ec2.DescribeVpcsOutput](t)(e.DescribeVpcs(e.in(red, "eu-west-1"), &ec2.DescribeVpcsInput{})); len(out.Vpcs) != 0 {
		t.Errorf("%d VPCs of another region", len(out.Vpcs))
	}
}

func TestGateways(t *testing.T) {
	e := newEnv(t)
	ctx := e.as(red)
	v, w := e.vpc(red, "10.0.0.0/16"), e.vpc(red, "10.1.0.0/16")
	g, h := e.gateway(red), e.gateway(red)
	attach := func(g, v string) error {
		_, err := e.AttachInternetGateway(ctx, &ec2.AttachInternetGatewayInput{InternetGatewayId: &g, VpcId: &v})
		return err
	}
	detach := func(g, v string) error {
		_, err := e.DetachInternetGateway(ctx, &ec2.DetachInternetGatewayInput{InternetGatewayId: &g, VpcId: &v})
		return err
	}
	wants(t, detach(g, v), "Gateway.NotAttached")
	if err := attach(g, v); err != nil {
		t.Fatal(err)
	}
	wants(t, attach(g, v), "Resource.AlreadyAssociated")
	wants(t, attach(g, w), "Resource.AlreadyAssociated")
	wants(t, attach(h, v), "InvalidParameterValue")
	wants(t, attach("igw-0123456789abcdef0", v), "InvalidInternetGatewayID.NotFound")
	wants(t, detach(g, w), "Gateway.NotAttached")
	_, err := e.DeleteInternetGateway(ctx, &ec2.DeleteInternetGatewayInput{InternetGatewayId: &g})
	wants(t, err, "DependencyViolation")
	_, err = e.DeleteInternetGateway(e.as(black), &ec2.DeleteInternetGatewayInput{InternetGatewayId: &g})
	wants(t, err, "InvalidInternetGatewayID.NotFound")
	if err := detach(g, v); err != nil {
		t.Fatal(err)
	}
	must[*ec2.DeleteInternetGatewayOutput](t)(e.DeleteInternetGateway(ctx, &ec2.DeleteInternetGatewayInput{InternetGatewayId: &g}))
}

func TestBlocks(t *testing.T) {
	e := newEnv(t)
	ctx := e.as(red)
	v := e.vpc(red, "10.0.0.0/16")
	add := func(cidr string) (*ec2.AssociateVpcCidrBlockOutput, error) {
		return e.AssociateVpcCidrBlock(ctx, &ec2.AssociateVpcCidrBlockInput{VpcId: &v, CidrBlock: &cidr})
	}
	for cidr, code := range map[string]string{"10.0.0.0/24": "CidrConflict", "192.168.0.0/16": "InvalidVpc.Range", "10.0.0.0/8": "InvalidVpc.Range",
		"198.19.0.0/16": "InvalidVpc.Range", "172.16.0.0/16": "InvalidVpc.Range"} {
		_, err := add(cidr)
		wants(t, err, code)
	}
	w := e.vpc(red, "10.2.0.0/16")
	e.accept(red, e.peering(red, red, v, w))
	_, err := add("10.2.0.0/24")
	wants(t, err, "CidrConflict")
	id := *must[*ec2.AssociateVpcCidrBlockOutput](t)(add("100.64.0.0/16")).CidrBlockAssociation.AssociationId
	subnet := e.subnet(red, v, "100.64.1.0/24")
	del := func(id string) error {
		_, err := e.DisassociateVpcCidrBlock(ctx, &ec2.DisassociateVpcCidrBlockInput{AssociationId: &id})
		return err
	}
	wants(t, del(id), "DependencyViolation")
	must[*ec2.DeleteSubnetOutput](t)(e.DeleteSubnet(ctx, &ec2.DeleteSubnetInput{SubnetId: &subnet}))
	if err := del(id); err != nil {
		t.Fatal(err)
	}
	wants(t, del(id), "InvalidVpcCidrBlockAssociationID.NotFound")
	blocks := must[*ec2.DescribeVpcsOutput](t)(e.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{VpcIds: []string{v}})).Vpcs[0].CidrBlockAssociationSet
	wants(t, del(*blocks[0].AssociationId), "OperationNotPermitted")
}

func TestDefaultVPC(t *testing.T) {
	e := newEnv(t)
	ctx := e.as(red)
	_, err := e.CreateDefaultSubnet(ctx, &ec2.CreateDefaultSubnetInput{AvailabilityZone: new("us-east-1a")})
	wants(t, err, "DefaultVpcDoesNotExist")
	v := must[*ec2.CreateDefaultVpcOutput](t)(e.CreateDefaultVpc(ctx, &ec2.CreateDefaultVpcInput{})).Vpc
	if !*v.IsDefault || *v.CidrBlock != "172.31.0.0/16" {
		t.Errorf("default VPC %+v", v)
	}
	_, err = e.CreateDefaultVpc(ctx, &ec2.CreateDefaultVpcInput{})
	wants(t, err, "DefaultVpcAlreadyExists")
	subnets := must[*ec2.DescribeSubnetsOutput](t)(e.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{Filters: filters("default-for-az", "true")})).Subnets
	if len(subnets) != 3 || !*subnets[0].MapPublicIpOnLaunch {
		t.Fatalf("default subnets %+v", subnets)
	}
	must[*ec2.DeleteSubnetOutput](t)(e.DeleteSubnet(ctx, &ec2.DeleteSubnetInput{SubnetId: subnets[0].SubnetId}))
	again := must[*ec2.CreateDefaultSubnetOutput](t)(e.CreateDefaultSubnet(ctx, &ec2.CreateDefaultSubnetInput{AvailabilityZone: subnets[0].AvailabilityZone})).Subnet
	if *again.CidrBlock != *subnets[0].CidrBlock {
		t.Errorf("the free block %s was not used again: %s", *subnets[0].CidrBlock, *again.CidrBlock)
	}
	_, err = e.CreateDefaultSubnet(ctx, &ec2.CreateDefaultSubnetInput{AvailabilityZone: subnets[0].AvailabilityZone})
	wants(t, err, "DefaultSubnetAlreadyExistsInAvailabilityZone")
}

func TestWhatCannotExistIsAbsent(t *testing.T) {
	e := newEnv(t)
	ctx := e.as(red)
	if out := must[*ec2.DescribeInstancesOutput](t)(e.DescribeInstances(ctx, &ec2.DescribeInstancesInput{Filters: filters("vpc-id", "vpc-1")})); len(out.Reservations) != 0 {
		t.Errorf("instances %+v", out.Reservations)
	}
	_, err := e.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{"i-0123456789abcdef0"}})
	wants(t, err, "InvalidInstanceID.NotFound")
	_, err = e.DescribeNatGateways(ctx, &ec2.DescribeNatGatewaysInput{Filter: filters("No Filter", "x")})
	wants(t, err, "InvalidParameterValue")
	_, err = e.DescribeVpcEndpoints(ctx, &ec2.DescribeVpcEndpointsInput{VpcEndpointIds: []string{"vpce-0123456789abcdef0"}})
	wants(t, err, "InvalidVpcEndpointId.NotFound")
	_, err = e.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{PublicIps: []string{"192.0.2.1"}})
	wants(t, err, "InvalidAddress.NotFound")
}
