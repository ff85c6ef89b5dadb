package test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// network is a VPC with one subnet.
type network struct {
	*account
	vpc, subnet string
}

func (a *account) network(t *testing.T, cidr, subnet string) *network {
	t.Helper()
	v := must(t, a.ec2.CreateVpc, &ec2.CreateVpcInput{CidrBlock: &cidr}).Vpc
	if err := ec2.NewVpcAvailableWaiter(a.ec2, func(o *ec2.VpcAvailableWaiterOptions) { o.MinDelay = soon }).Wait(t.Context(), &ec2.DescribeVpcsInput{VpcIds: []string{*v.VpcId}}, wait); err != nil {
		t.Fatalf("%s: %v", *v.VpcId, err)
	}
	s := must(t, a.ec2.CreateSubnet, &ec2.CreateSubnetInput{VpcId: v.VpcId, CidrBlock: &subnet}).Subnet
	if err := ec2.NewSubnetAvailableWaiter(a.ec2, func(o *ec2.SubnetAvailableWaiterOptions) { o.MinDelay = soon }).Wait(t.Context(), &ec2.DescribeSubnetsInput{SubnetIds: []string{*s.SubnetId}}, wait); err != nil {
		t.Fatalf("%s: %v", *s.SubnetId, err)
	}
	return &network{a, *v.VpcId, *s.SubnetId}
}

// group makes a security group that takes TCP at the port from anywhere.
func (n *network) group(t *testing.T, name string, port int32) string {
	t.Helper()
	g := *must(t, n.ec2.CreateSecurityGroup, &ec2.CreateSecurityGroupInput{GroupName: &name, Description: aws.String("for a test"), VpcId: &n.vpc}).GroupId
	if err := ec2.NewSecurityGroupExistsWaiter(n.ec2, func(o *ec2.SecurityGroupExistsWaiterOptions) { o.MinDelay = soon }).Wait(t.Context(), &ec2.DescribeSecurityGroupsInput{GroupIds: []string{g}}, wait); err != nil {
		t.Fatal(err)
	}
	must(t, n.ec2.AuthorizeSecurityGroupIngress, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &g, IpPermissions: from(port)})
	return g
}

func from(port int32) []ec2types.IpPermission {
	return []ec2types.IpPermission{{IpProtocol: aws.String("tcp"), FromPort: &port, ToPort: &port,
		IpRanges: []ec2types.IpRange{{CidrIp: aws.String("0.0.0.0/0")}}}}
}

func (n *network) place(groups ...string) place { return place{n.server, n.subnet, groups} }

func TestVPCs(t *testing.T) {
	t.Parallel()
	a := sharedServer(t).account(t, "vpcs")
	n := a.network(t, "10.0.0.0/16", "10.0.0.0/24")
	subnets := []string{n.subnet}
	for i := range 6 {
		s := must(t, a.ec2.CreateSubnet, &ec2.CreateSubnetInput{VpcId: &n.vpc, CidrBlock: aws.String(fmt.Sprintf("10.0.%d.0/24", i+1))}).Subnet
		subnets = append(subnets, *s.SubnetId)
	}
	found, pageCount := pages(t, ec2.NewDescribeSubnetsPaginator(a.ec2, &ec2.DescribeSubnetsInput{MaxResults: aws.Int32(5)}), func(out *ec2.DescribeSubnetsOutput) []string {
		var ids []string
		for _, s := range out.Subnets {
			ids = append(ids, *s.SubnetId)
		}
		return ids
	})
	slices.Sort(subnets)
	slices.Sort(found)
	if !slices.Equal(found, subnets) || pageCount != 2 {
		t.Errorf("%d pages have %q, want 2 with %q", pageCount, found, subnets)
	}
	if there := must(t, a.in("eu-central-1").ec2.DescribeVpcs, &ec2.DescribeVpcsInput{}); len(there.Vpcs) != 0 {
		t.Errorf("another region has %d of the VPCs", len(there.Vpcs))
	}
	refused(t, a.ec2.DeleteVpc, &ec2.DeleteVpcInput{VpcId: &n.vpc}, "DependencyViolation")
	for _, id := range subnets {
		must(t, a.ec2.DeleteSubnet, &ec2.DeleteSubnetInput{SubnetId: &id})
	}
	must(t, a.ec2.DeleteVpc, &ec2.DeleteVpcInput{VpcId: &n.vpc})
	refused(t, a.ec2.DescribeVpcs, &ec2.DescribeVpcsInput{VpcIds: []string{n.vpc}}, "InvalidVpcID.NotFound")
}

func TestPeeringAndRoutes(t *testing.T) {
	t.Parallel()
	a := sharedServer(t).account(t, "peering")
	one, two := a.network(t, "10.0.0.0/16", "10.0.0.0/24"), a.network(t, "10.1.0.0/16", "10.1.0.0/24")
	open := two.group(t, "open", 8080)
	url := "http://" + two.place(open).serve(t, "8080") + ":8080/"

	p := must(t, a.ec2.CreateVpcPeeringConnection, &ec2.CreateVpcPeeringConnectionInput{VpcId: &one.vpc, PeerVpcId: &two.vpc}).VpcPeeringConnection.VpcPeeringConnectionId
	must(t, a.ec2.AcceptVpcPeeringConnection, &ec2.AcceptVpcPeeringConnectionInput{VpcPeeringConnectionId: p})
	if err := ec2.NewVpcPeeringConnectionExistsWaiter(a.ec2, func(o *ec2.VpcPeeringConnectionExistsWaiterOptions) { o.MinDelay = soon }).Wait(t.Context(), &ec2.DescribeVpcPeeringConnectionsInput{VpcPeeringConnectionIds: []string{*p}}, wait); err != nil {
		t.Fatal(err)
	}
	if got := one.place().get(t, url); !got.is(0) {
		t.Errorf("without routes: %s, want a timeout", got)
	}
	if said := a.server.why(t, "--subnet", one.subnet, "--to", strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/")); !strings.Contains(said, "rtb-") {
		t.Errorf("without routes why says %q, want the route table named", said)
	}
	there, back := one.route(t, "10.1.0.0/16", *p), two.route(t, "10.0.0.0/16", *p)
	if got := one.place().get(t, url); !got.is(200) {
		t.Errorf("with routes: %s, want 200", got)
	}
	must(t, a.ec2.DeleteRoute, &ec2.DeleteRouteInput{RouteTableId: &back, DestinationCidrBlock: aws.String("10.0.0.0/16")})
	if got := one.place().get(t, url); !got.is(0) {
		t.Errorf("without the route back: %s, want a timeout", got)
	}
	must(t, a.ec2.DeleteVpcPeeringConnection, &ec2.DeleteVpcPeeringConnectionInput{VpcPeeringConnectionId: p})
	if err := ec2.NewVpcPeeringConnectionDeletedWaiter(a.ec2, func(o *ec2.VpcPeeringConnectionDeletedWaiterOptions) { o.MinDelay = soon }).Wait(t.Context(), &ec2.DescribeVpcPeeringConnectionsInput{VpcPeeringConnectionIds: []string{*p}}, wait); err != nil {
		t.Error(err)
	}
	for _, r := range must(t, a.ec2.DescribeRouteTables, &ec2.DescribeRouteTablesInput{RouteTableIds: []string{there}}).RouteTables[0].Routes {
		if aws.ToString(r.DestinationCidrBlock) == "10.1.0.0/16" && r.State != ec2types.RouteStateBlackhole {
			t.Errorf("the route through the deleted peering is %s", r.State)
		}
	}
}

// route adds a route through a peering to the VPC's main table, and answers the table.
func (n *network) route(t *testing.T, to, peering string) string {
	t.Helper()
	tables := must(t, n.ec2.DescribeRouteTables, &ec2.DescribeRouteTablesInput{Filters: []ec2types.Filter{
		{Name: aws.String("vpc-id"), Values: []string{n.vpc}}, {Name: aws.String("association.main"), Values: []string{"true"}}}}).RouteTables
	if len(tables) != 1 {
		t.Fatalf("%s has %d main route tables", n.vpc, len(tables))
	}
	id := *tables[0].RouteTableId
	must(t, n.ec2.CreateRoute, &ec2.CreateRouteInput{RouteTableId: &id, DestinationCidrBlock: &to, VpcPeeringConnectionId: &peering})
	return id
}

// The programs run on another interface than the default group's other members, so "no group" is the default one.
func TestSecurityGroups(t *testing.T) {
	t.Parallel()
	n := sharedServer(t).account(t, "groups").network(t, "10.0.0.0/16", "10.0.0.0/24")
	server := n.group(t, "server", 8080)
	url := "http://" + n.place(server).serve(t, "8080") + ":8080/"
	if got := n.place().get(t, url); !got.is(200) {
		t.Errorf("with the port open: %s, want 200", got)
	}
	must(t, n.ec2.RevokeSecurityGroupIngress, &ec2.RevokeSecurityGroupIngressInput{GroupId: &server, IpPermissions: from(8080)})
	if got := n.place().get(t, url); !got.is(0) {
		t.Errorf("with the port closed: %s, want a timeout", got)
	}
	client := *must(t, n.ec2.CreateSecurityGroup, &ec2.CreateSecurityGroupInput{GroupName: aws.String("client"), Description: aws.String("for a test"), VpcId: &n.vpc}).GroupId
	must(t, n.ec2.AuthorizeSecurityGroupIngress, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &server, IpPermissions: []ec2types.IpPermission{
		{IpProtocol: aws.String("-1"), UserIdGroupPairs: []ec2types.UserIdGroupPair{{GroupId: &client}}}}})
	if got := n.place(client).get(t, url); !got.is(200) {
		t.Errorf("from the group that may: %s, want 200", got)
	}
	if got := n.place().get(t, url); !got.is(0) {
		t.Errorf("from another group: %s, want a timeout", got)
	}
	to := strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/")
	if said := n.server.why(t, "--subnet", n.subnet, "--to", to); !strings.Contains(said, server) {
		t.Errorf("from another group why says %q, want %s named", said, server)
	}

	// Network ACLs are between subnets.
	second := *must(t, n.ec2.CreateSubnet, &ec2.CreateSubnetInput{VpcId: &n.vpc, CidrBlock: aws.String("10.0.1.0/24")}).Subnet.SubnetId
	from := place{n.server, second, []string{client}}
	if got := from.get(t, url); !got.is(200) {
		t.Errorf("from another subnet: %s, want 200", got)
	}
	acl := *must(t, n.ec2.DescribeNetworkAcls, &ec2.DescribeNetworkAclsInput{Filters: []ec2types.Filter{{Name: aws.String("vpc-id"), Values: []string{n.vpc}}}}).NetworkAcls[0].NetworkAclId
	must(t, n.ec2.CreateNetworkAclEntry, &ec2.CreateNetworkAclEntryInput{NetworkAclId: &acl, RuleNumber: aws.Int32(50), Protocol: aws.String("6"), RuleAction: ec2types.RuleActionDeny,
		Egress: aws.Bool(false), CidrBlock: aws.String("10.0.1.0/24"), PortRange: &ec2types.PortRange{From: aws.Int32(8080), To: aws.Int32(8080)}})
	if got := from.get(t, url); !got.is(0) {
		t.Errorf("with an ACL that denies: %s, want a timeout", got)
	}
	if said := n.server.why(t, "--subnet", second, "--security-group", client, "--to", to); !strings.Contains(said, acl) {
		t.Errorf("with an ACL that denies why says %q, want %s named", said, acl)
	}
}
