package ec2_test

import (
	"reflect"
	"testing"

	"trellis/internal/aws/model/ec2"
)

// Lists that are empty are there, as EC2 answers them: clients look into them without asking.
func TestEmptyListsAreShown(t *testing.T) {
	e := newEnv(t)
	ctx := e.as(red)
	v := e.vpc(red, "10.0.0.0/16")
	subnet, group := e.subnet(red, v, "10.0.0.0/24"), e.group(red, v, "g")
	if _, err := e.ingress(red, group, ec2.IpPermission{IpProtocol: new("tcp"), FromPort: new(int32(1)), ToPort: new(int32(1)), IpRanges: []ec2.IpRange{{CidrIp: new("0.0.0.0/0")}}}); err != nil {
		t.Fatal(err)
	}
	acl := must[*ec2.CreateNetworkAclOutput](t)(e.CreateNetworkAcl(ctx, &ec2.CreateNetworkAclInput{VpcId: &v})).NetworkAcl
	gateway := must[*ec2.CreateInternetGatewayOutput](t)(e.CreateInternetGateway(ctx, &ec2.CreateInternetGatewayInput{})).InternetGateway
	table := must[*ec2.CreateRouteTableOutput](t)(e.CreateRouteTable(ctx, &ec2.CreateRouteTableInput{VpcId: &v})).RouteTable
	card := must[*ec2.CreateNetworkInterfaceOutput](t)(e.CreateNetworkInterface(ctx, &ec2.CreateNetworkInterfaceInput{SubnetId: &subnet})).NetworkInterface
	shown := must[*ec2.DescribeSubnetsOutput](t)(e.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{})).Subnets[0]
	inside := e.show(red, group).IpPermissions[0]
	for what, list := range map[string]any{
		"associations of an ACL": acl.Associations, "attachments of a gateway": gateway.Attachments, "associations of a table": table.Associations,
		"gateways of a table": table.PropagatingVgws, "IPv6 addresses of an interface": card.Ipv6Addresses, "IPv6 blocks of a subnet": shown.Ipv6CidrBlockAssociationSet,
		"IPv6 ranges of a permission": inside.Ipv6Ranges, "lists of a permission": inside.PrefixListIds, "groups of a permission": inside.UserIdGroupPairs,
		"permissions of another group": e.show(red, e.group(red, v, "other")).IpPermissions,
	} {
		if r := reflect.ValueOf(list); r.IsNil() || r.Len() != 0 {
			t.Errorf("the %s are %v", what, list)
		}
	}
}
