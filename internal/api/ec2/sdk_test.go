package ec2_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"testing"
	"time"

	"trellis/internal/aws"
	model "trellis/internal/aws/model/ec2"
	"trellis/internal/caller"
	"trellis/internal/fault"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"
)

// keyring gives every account the access key that is its id.
type keyring struct{}

func (keyring) Lookup(_ context.Context, key, _ string) (string, caller.Caller, error) {
	if key != red && key != black {
		return "", caller.Caller{}, fault.New(fault.NotFound, "", "no such key")
	}
	return "secret", caller.Caller{Account: key, ARN: "arn:aws:iam::" + key + ":root", UserID: key}, nil
}

// clients serves the API over HTTP and returns a client of either account.
func (e *env) clients() (ofRed, ofBlack *ec2.Client) {
	e.t.Helper()
	h, err := aws.New(aws.Config{Services: []aws.Service{{Model: model.Model, API: e.API}}, Credentials: keyring{}})
	if err != nil {
		e.t.Fatal(err)
	}
	srv := httptest.NewServer(h)
	e.t.Cleanup(srv.Close)
	client := func(account string) *ec2.Client {
		return ec2.New(ec2.Options{Region: "us-east-1", BaseEndpoint: &srv.URL, RetryMaxAttempts: 1,
			Credentials: sdk.CredentialsProviderFunc(func(context.Context) (sdk.Credentials, error) {
				return sdk.Credentials{AccessKeyID: account, SecretAccessKey: "secret"}, nil
			})})
	}
	return client(red), client(black)
}

func wantsAPI(t *testing.T, err error, code string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != code {
		t.Errorf("got %v, want %s", err, code)
	}
}

// The calls of the landing zone, by the SDK and over HTTP.
func TestWithTheSDK(t *testing.T) {
	e := newEnv(t)
	c, other := e.clients()
	ctx := t.Context()
	made := must[*ec2.CreateVpcOutput](t)(c.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: new("10.0.0.0/16"), AmazonProvidedIpv6CidrBlock: new(false),
		InstanceTenancy:   types.TenancyDefault,
		TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeVpc, Tags: []types.Tag{{Key: new("Name"), Value: new("a & <b>")}}}}}))
	v := *made.Vpc.VpcId
	if made.Vpc.State != types.VpcStatePending {
		t.Errorf("state %s", made.Vpc.State)
	}
	e.applied()
	if err := ec2.NewVpcAvailableWaiter(c).Wait(ctx, &ec2.DescribeVpcsInput{VpcIds: []string{v}}, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	must[*ec2.ModifyVpcAttributeOutput](t)(c.ModifyVpcAttribute(ctx, &ec2.ModifyVpcAttributeInput{VpcId: &v, EnableDnsHostnames: &types.AttributeBooleanValue{Value: new(true)}}))
	attr := must[*ec2.DescribeVpcAttributeOutput](t)(c.DescribeVpcAttribute(ctx, &ec2.DescribeVpcAttributeInput{VpcId: &v, Attribute: types.VpcAttributeNameEnableDnsHostnames}))
	if !*attr.EnableDnsHostnames.Value {
		t.Error("the attribute was not set")
	}
	found := must[*ec2.DescribeVpcsOutput](t)(c.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{Filters: []types.Filter{{Name: new("tag:Name"), Values: []string{"a & *"}}}}))
	if len(found.Vpcs) != 1 || *found.Vpcs[0].Tags[0].Value != "a & <b>" {
		t.Errorf("by tag: %+v", found.Vpcs)
	}

	var subnets []string
	for _, cidr := range []string{"10.0.0.0/18", "10.0.64.0/18"} {
		s := must[*ec2.CreateSubnetOutput](t)(c.CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: &v, CidrBlock: &cidr, AvailabilityZone: new("us-east-1b")}))
		subnets = append(subnets, *s.Subnet.SubnetId)
	}
	gw := *must[*ec2.CreateInternetGatewayOutput](t)(c.CreateInternetGateway(ctx, &ec2.CreateInternetGatewayInput{})).InternetGateway.InternetGatewayId
	must[*ec2.AttachInternetGatewayOutput](t)(c.AttachInternetGateway(ctx, &ec2.AttachInternetGatewayInput{InternetGatewayId: &gw, VpcId: &v}))
	table := *must[*ec2.CreateRouteTableOutput](t)(c.CreateRouteTable(ctx, &ec2.CreateRouteTableInput{VpcId: &v})).RouteTable.RouteTableId
	must[*ec2.CreateRouteOutput](t)(c.CreateRoute(ctx, &ec2.CreateRouteInput{RouteTableId: &table, DestinationCidrBlock: new("0.0.0.0/0"), GatewayId: &gw}))
	assoc := must[*ec2.AssociateRouteTableOutput](t)(c.AssociateRouteTable(ctx, &ec2.AssociateRouteTableInput{RouteTableId: &table, SubnetId: &subnets[0]}))
	tables := must[*ec2.DescribeRouteTablesOutput](t)(c.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{
		Filters: []types.Filter{{Name: new("association.route-table-association-id"), Values: []string{*assoc.AssociationId}}}})).RouteTables
	if len(tables) != 1 || len(tables[0].Routes) != 2 || tables[0].Routes[1].State != types.RouteStateActive ||
		tables[0].Associations[0].AssociationState.State != types.RouteTableAssociationStateCodeAssociated {
		t.Errorf("route tables %+v", tables)
	}

	group := *must[*ec2.CreateSecurityGroupOutput](t)(c.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{VpcId: &v, GroupName: new("web"), Description: new("Managed by Pulumi")})).GroupId
	any4 := []types.IpPermission{{IpProtocol: new("-1"), IpRanges: []types.IpRange{{CidrIp: new("0.0.0.0/0")}}, Ipv6Ranges: []types.Ipv6Range{{CidrIpv6: new("::/0")}}}}
	must[*ec2.AuthorizeSecurityGroupIngressOutput](t)(c.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &group, IpPermissions: any4}))
	_, err := c.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &group, IpPermissions: any4})
	wantsAPI(t, err, "InvalidPermission.Duplicate")
	groups := must[*ec2.DescribeSecurityGroupsOutput](t)(c.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{GroupIds: []string{group}})).SecurityGroups
	if p := groups[0].IpPermissions; len(p) != 1 || p[0].FromPort != nil || *p[0].Ipv6Ranges[0].CidrIpv6 != "::/0" {
		t.Errorf("permissions %+v", p)
	}

	w := *must[*ec2.CreateVpcOutput](t)(other.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: new("192.168.0.0/23")})).Vpc.VpcId
	pcx := *must[*ec2.CreateVpcPeeringConnectionOutput](t)(c.CreateVpcPeeringConnection(ctx,
		&ec2.CreateVpcPeeringConnectionInput{VpcId: &v, PeerVpcId: &w, PeerOwnerId: new(black)})).VpcPeeringConnection.VpcPeeringConnectionId
	if err := ec2.NewVpcPeeringConnectionExistsWaiter(other).Wait(ctx, &ec2.DescribeVpcPeeringConnectionsInput{VpcPeeringConnectionIds: []string{pcx}}, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	must[*ec2.AcceptVpcPeeringConnectionOutput](t)(other.AcceptVpcPeeringConnection(ctx, &ec2.AcceptVpcPeeringConnectionInput{VpcPeeringConnectionId: &pcx}))

	pages := 0
	for p := ec2.NewDescribeSecurityGroupRulesPaginator(c, &ec2.DescribeSecurityGroupRulesInput{MaxResults: new(int32(5))}); p.HasMorePages(); pages++ {
		must[*ec2.DescribeSecurityGroupRulesOutput](t)(p.NextPage(ctx))
	}
	if pages != 1 { // two rules of the default group, three of web
		t.Errorf("%d pages of rules, want 1", pages)
	}

	_, err = c.DeleteVpc(ctx, &ec2.DeleteVpcInput{VpcId: &v})
	wantsAPI(t, err, "DependencyViolation")
	_, err = other.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{VpcIds: []string{v}})
	wantsAPI(t, err, "InvalidVpcID.NotFound")
	_, err = c.DeleteSubnet(ctx, &ec2.DeleteSubnetInput{SubnetId: &subnets[1], DryRun: new(true)})
	wantsAPI(t, err, "DryRunOperation")
	must[*ec2.DescribeInstancesOutput](t)(c.DescribeInstances(ctx, &ec2.DescribeInstancesInput{}))
	zones := must[*ec2.DescribeAvailabilityZonesOutput](t)(c.DescribeAvailabilityZones(ctx, &ec2.DescribeAvailabilityZonesInput{
		Filters: []types.Filter{{Name: new("state"), Values: []string{"available"}}}}))
	if len(zones.AvailabilityZones) != 3 {
		t.Errorf("zones %+v", zones.AvailabilityZones)
	}
}
