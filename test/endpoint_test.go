package test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/vpclattice"
	latticetypes "github.com/aws/aws-sdk-go-v2/service/vpclattice/types"
)

// endpoint makes a VPC endpoint and waits until it is there. It answers its id and the names it gives what it leads to, by the
// id of the resource.
func (n *network) endpoint(t *testing.T, in *ec2.CreateVpcEndpointInput) (string, map[string]string) {
	t.Helper()
	in.VpcId, in.SubnetIds = &n.vpc, []string{n.subnet}
	id := *must(t, n.ec2.CreateVpcEndpoint, in).VpcEndpoint.VpcEndpointId
	eventually(t, "the endpoint", func() bool {
		e := must(t, n.ec2.DescribeVpcEndpoints, &ec2.DescribeVpcEndpointsInput{VpcEndpointIds: []string{id}}).VpcEndpoints[0]
		if e.LastError != nil {
			t.Fatalf("the endpoint failed: %s", aws.ToString(e.LastError.Message))
		}
		return e.State == "available"
	})
	names := map[string]string{}
	for _, a := range must(t, n.ec2.DescribeVpcEndpointAssociations, &ec2.DescribeVpcEndpointAssociationsInput{VpcEndpointIds: []string{id}}).VpcEndpointAssociations {
		arn := *a.AssociatedResourceArn
		names[arn[strings.LastIndex(arn, "/")+1:]] = *a.DnsEntry.DnsName
	}
	return id, names
}

func (n *network) dropEndpoint(t *testing.T, id string) {
	t.Helper()
	must(t, n.ec2.DeleteVpcEndpoints, &ec2.DeleteVpcEndpointsInput{VpcEndpointIds: []string{id}})
	eventually(t, "the endpoint's end", func() bool {
		_, err := n.ec2.DescribeVpcEndpoints(t.Context(), &ec2.DescribeVpcEndpointsInput{VpcEndpointIds: []string{id}})
		return err != nil && strings.Contains(err.Error(), "InvalidVpcEndpointId.NotFound")
	})
}

// An endpoint in a VPC of one account gives the services of another's network addresses there, which a peered VPC reaches as
// well: what an association does not allow. The service's policy sees the endpoint's VPC, and the endpoint's groups decide who
// gets there at all.
func TestServiceNetworkEndpoint(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	members := s.organization(t, "network", "hub")
	owner, hub := members[0], members[1]
	l := owner.network(t, "10.0.0.0/16", "10.0.0.0/24").lattice(t, "behind-endpoint", onlyQuery(hub.id, "blue"))
	n, peer := hub.network(t, "10.0.0.0/16", "10.0.0.0/24"), hub.network(t, "10.1.0.0/16", "10.1.0.0/24")
	group := n.group(t, "endpoint", 80)
	create := &ec2.CreateVpcEndpointInput{VpcEndpointType: ec2types.VpcEndpointTypeServiceNetwork, ServiceNetworkArn: &l.network, SecurityGroupIds: []string{group}}
	refused(t, hub.ec2.CreateVpcEndpoint, &ec2.CreateVpcEndpointInput{VpcId: &n.vpc, VpcEndpointType: create.VpcEndpointType, ServiceNetworkArn: &l.network}, "InvalidParameterValue")
	owner.share(t, "endpoints", l.network, hub, false)
	id, names := n.endpoint(t, create)
	url := fmt.Sprintf("http://%s/?q=blue", names[l.id])

	if got := n.place().get(t, url); !got.is(200) {
		t.Fatalf("in the endpoint's VPC: %s, want 200", got)
	}
	if got := n.place().get(t, "http://"+names[l.id]+"/?q=green"); !got.is(403) {
		t.Errorf("what the policy does not allow: %s, want 403", got)
	}
	if got := peer.place().get(t, url); !got.is(0) {
		t.Errorf("before the peering: %s, want a timeout", got)
	}
	p := must(t, hub.ec2.CreateVpcPeeringConnection, &ec2.CreateVpcPeeringConnectionInput{VpcId: &n.vpc, PeerVpcId: &peer.vpc}).VpcPeeringConnection.VpcPeeringConnectionId
	must(t, hub.ec2.AcceptVpcPeeringConnection, &ec2.AcceptVpcPeeringConnectionInput{VpcPeeringConnectionId: p})
	n.route(t, "10.1.0.0/16", *p)
	peer.route(t, "10.0.0.0/16", *p)
	eventually(t, "the peered VPC's way", func() bool { return peer.place().get(t, url).is(200) })
	if got := peer.place().get(t, "http://"+l.name+"/?q=blue"); !got.is(0) {
		t.Errorf("by the service's own name from the peered VPC: %s, want a timeout", got)
	}
	if got := peer.place().get(t, "http://"+names[l.id]+":81/"); !got.is(0) {
		t.Errorf("at a port the group does not allow: %s, want a timeout", got)
	}
	if said := s.why(t, "--subnet", peer.subnet, "--to", names[l.id]+":81"); !strings.Contains(said, group) {
		t.Errorf("why says %q, want %s named", said, group)
	}
	must(t, hub.ec2.RevokeSecurityGroupIngress, &ec2.RevokeSecurityGroupIngressInput{GroupId: &group, IpPermissions: from(80)})
	if got := n.place().get(t, url); !got.is(0) {
		t.Errorf("without the group's rule: %s, want a timeout", got)
	}

	listed := must(t, owner.lattice.ListServiceNetworkVpcEndpointAssociations, &vpclattice.ListServiceNetworkVpcEndpointAssociationsInput{ServiceNetworkIdentifier: &l.network}).Items
	if len(listed) != 1 || *listed[0].VpcEndpointId != id || *listed[0].VpcEndpointOwnerId != hub.id || *listed[0].State != "ACTIVE" {
		t.Errorf("the network's owner sees %+v", listed)
	}
	refused(t, hub.ec2.DeleteSecurityGroup, &ec2.DeleteSecurityGroupInput{GroupId: &group}, "DependencyViolation")
	n.dropEndpoint(t, id)
	must(t, hub.ec2.DeleteSecurityGroup, &ec2.DeleteSecurityGroupInput{GroupId: &group})
	must(t, hub.ec2.DeleteSubnet, &ec2.DeleteSubnetInput{SubnetId: &n.subnet})
}

// With private DNS the services' own names lead to the endpoint, in its VPC.
func TestEndpointPrivateDNS(t *testing.T) {
	t.Parallel()
	a := sharedServer(t).account(t, "endpoint-dns")
	n := a.network(t, "10.0.0.0/16", "10.0.0.0/24")
	l := n.lattice(t, "private-name", onlyQuery(a.id, "blue"))
	client := a.network(t, "10.2.0.0/16", "10.2.0.0/24")
	must(t, a.ec2.ModifyVpcAttribute, &ec2.ModifyVpcAttributeInput{VpcId: &client.vpc, EnableDnsHostnames: &ec2types.AttributeBooleanValue{Value: aws.Bool(true)}})
	group, url := client.group(t, "endpoint", 80), "http://"+l.name+"/?q=blue"
	if got := client.place().get(t, url); !got.is(0) {
		t.Errorf("without an endpoint: %s, want a timeout", got)
	}
	client.endpoint(t, &ec2.CreateVpcEndpointInput{VpcEndpointType: ec2types.VpcEndpointTypeServiceNetwork, ServiceNetworkArn: &l.network, SecurityGroupIds: []string{group},
		PrivateDnsEnabled: aws.Bool(true)})
	if got := client.place().get(t, url); !got.is(200) {
		t.Errorf("by the service's own name: %s, want 200", got)
	}
}

// A resource is reached at an endpoint of its own and at one of its network, at its ports and no others.
func TestResourceEndpoints(t *testing.T) {
	t.Parallel()
	a := sharedServer(t).account(t, "resource-endpoint")
	provider, consumer := a.network(t, "10.0.0.0/16", "10.0.0.0/24"), a.network(t, "10.0.0.0/16", "10.0.0.0/24")
	leaving, behind := provider.group(t, "gateway", 1), provider.group(t, "target", 8080)
	target := provider.place(behind).serve(t, "8080")
	g := must(t, a.lattice.CreateResourceGateway, &vpclattice.CreateResourceGatewayInput{Name: aws.String("gateway"), VpcIdentifier: &provider.vpc,
		SubnetIds: []string{provider.subnet}, SecurityGroupIds: []string{leaving}, Ipv4AddressesPerEni: aws.Int32(1)})
	c := must(t, a.lattice.CreateResourceConfiguration, &vpclattice.CreateResourceConfigurationInput{Name: aws.String("directory"), Type: latticetypes.ResourceConfigurationTypeSingle,
		ResourceGatewayIdentifier: g.Id, PortRanges: []string{"8000-8080"}, ResourceConfigurationDefinition: &latticetypes.ResourceConfigurationDefinitionMemberIpResource{Value: latticetypes.IpResource{IpAddress: &target}}})
	group := consumer.group(t, "endpoint", 8080)
	must(t, a.ec2.AuthorizeSecurityGroupIngress, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &group, IpPermissions: from(8081)})
	refused(t, a.ec2.CreateVpcEndpoint, &ec2.CreateVpcEndpointInput{VpcId: &provider.vpc, VpcEndpointType: ec2types.VpcEndpointTypeResource, ResourceConfigurationArn: c.Arn}, "InvalidParameterValue")
	id, names := consumer.endpoint(t, &ec2.CreateVpcEndpointInput{VpcEndpointType: ec2types.VpcEndpointTypeResource, ResourceConfigurationArn: c.Arn, SecurityGroupIds: []string{group}})

	net := must(t, a.lattice.CreateServiceNetwork, &vpclattice.CreateServiceNetworkInput{Name: aws.String("endpoint-resources")})
	other, _ := consumer.endpoint(t, &ec2.CreateVpcEndpointInput{VpcEndpointType: ec2types.VpcEndpointTypeServiceNetwork, ServiceNetworkArn: net.Arn, SecurityGroupIds: []string{group}})
	as := must(t, a.lattice.CreateServiceNetworkResourceAssociation, &vpclattice.CreateServiceNetworkResourceAssociationInput{ServiceNetworkIdentifier: net.Id, ResourceConfigurationIdentifier: c.Id})
	eventually(t, "the resource's association", func() bool {
		return must(t, a.lattice.GetServiceNetworkResourceAssociation, &vpclattice.GetServiceNetworkResourceAssociationInput{ServiceNetworkResourceAssociationIdentifier: as.Id}).Status == latticetypes.ServiceNetworkResourceAssociationStatusActive
	})
	joined := must(t, a.ec2.DescribeVpcEndpointAssociations, &ec2.DescribeVpcEndpointAssociationsInput{VpcEndpointIds: []string{other}}).VpcEndpointAssociations
	if len(joined) != 1 {
		t.Fatalf("the network's endpoint has the associations %+v", joined)
	}
	for _, name := range []string{names[*c.Id], *joined[0].DnsEntry.DnsName} {
		if got := consumer.place().get(t, "http://"+name+":8080/"); !got.is(200) {
			t.Errorf("%s: %s, want 200", name, got)
		}
		if got := consumer.place().get(t, "http://"+name+":8081/"); !got.is(0) {
			t.Errorf("%s:8081, which is not the resource's: %s, want a timeout", name, got)
		}
		if said := consumer.server.why(t, "--subnet", consumer.subnet, "--to", name+":8081"); !strings.Contains(said, "cannot be reached") {
			t.Errorf("why says %q of a port that is not the resource's", said)
		}
	}
	refused(t, a.lattice.DeleteResourceConfiguration, &vpclattice.DeleteResourceConfigurationInput{ResourceConfigurationIdentifier: c.Id}, "ConflictException")
	mine := must(t, a.lattice.ListResourceEndpointAssociations, &vpclattice.ListResourceEndpointAssociationsInput{ResourceConfigurationIdentifier: c.Id}).Items
	if len(mine) != 1 || *mine[0].VpcEndpointId != id {
		t.Fatalf("the configuration's endpoints are %+v", mine)
	}
	must(t, a.lattice.DeleteResourceEndpointAssociation, &vpclattice.DeleteResourceEndpointAssociationInput{ResourceEndpointAssociationIdentifier: mine[0].Id})
	if got := consumer.place().get(t, "http://"+names[*c.Id]+":8080/"); got.is(200) {
		t.Errorf("taken from the endpoint: %s", got)
	}
	must(t, a.lattice.DeleteServiceNetworkResourceAssociation, &vpclattice.DeleteServiceNetworkResourceAssociationInput{ServiceNetworkResourceAssociationIdentifier: as.Id})
	consumer.dropEndpoint(t, id)
	consumer.dropEndpoint(t, other)
	must(t, a.ec2.DeleteSubnet, &ec2.DeleteSubnetInput{SubnetId: &consumer.subnet})
}
