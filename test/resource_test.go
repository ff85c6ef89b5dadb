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

// A client reaches a resource in a VPC of another account, with the same CIDR block, by the name it has in the service network of
// the client's VPC: at its ports, from the gateway's addresses, as long as the gateway's and the association's groups let it.
func TestResourcesAcrossAccounts(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	members := s.organization(t, "provider", "consumer")
	provider, consumer := members[0].network(t, "10.0.0.0/16", "10.0.0.0/24"), members[1].network(t, "10.0.0.0/16", "10.0.0.0/24")
	leaving, behind := provider.group(t, "gateway", 1), provider.group(t, "target", 1)
	// Whoever carries the gateway's group may come, and nobody else.
	must(t, provider.ec2.AuthorizeSecurityGroupIngress, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &behind, IpPermissions: []ec2types.IpPermission{{
		IpProtocol: aws.String("tcp"), FromPort: aws.Int32(8080), ToPort: aws.Int32(8080), UserIdGroupPairs: []ec2types.UserIdGroupPair{{GroupId: &leaving}}}}})
	target := provider.place(behind).serve(t, "8080")
	g := must(t, provider.account.lattice.CreateResourceGateway, &vpclattice.CreateResourceGatewayInput{Name: aws.String("gateway"), VpcIdentifier: &provider.vpc,
		SubnetIds: []string{provider.subnet}, SecurityGroupIds: []string{leaving}, Ipv4AddressesPerEni: aws.Int32(2)})
	eventually(t, "the gateway", func() bool {
		return must(t, provider.account.lattice.GetResourceGateway, &vpclattice.GetResourceGatewayInput{ResourceGatewayIdentifier: g.Id}).Status == latticetypes.ResourceGatewayStatusActive
	})
	c := must(t, provider.account.lattice.CreateResourceConfiguration, &vpclattice.CreateResourceConfigurationInput{Name: aws.String("directory"), Type: latticetypes.ResourceConfigurationTypeSingle,
		ResourceGatewayIdentifier: g.Id, PortRanges: []string{"8000-8080", "9000"}, AllowAssociationToShareableServiceNetwork: aws.Bool(true),
		ResourceConfigurationDefinition: &latticetypes.ResourceConfigurationDefinitionMemberIpResource{Value: latticetypes.IpResource{IpAddress: &target}}})
	net := must(t, provider.account.lattice.CreateServiceNetwork, &vpclattice.CreateServiceNetworkInput{Name: aws.String("resources")})
	provider.share(t, "resources", *net.Arn, members[1], false)
	as := must(t, provider.account.lattice.CreateServiceNetworkResourceAssociation, &vpclattice.CreateServiceNetworkResourceAssociationInput{
		ServiceNetworkIdentifier: net.Id, ResourceConfigurationIdentifier: c.Id})
	name := ""
	eventually(t, "the resource's association", func() bool {
		got := must(t, provider.account.lattice.GetServiceNetworkResourceAssociation, &vpclattice.GetServiceNetworkResourceAssociationInput{ServiceNetworkResourceAssociationIdentifier: as.Id})
		name = *got.DnsEntry.DomainName
		return got.Status == latticetypes.ServiceNetworkResourceAssociationStatusActive
	})
	url := fmt.Sprintf("http://%s:8080/", name)
	if got := consumer.place().get(t, url); !got.is(0) {
		t.Errorf("not associated: %s, want a timeout", got)
	}
	group := consumer.group(t, "lattice", 8080)
	consumer.associate(t, *net.Arn, group)

	if got := consumer.place().get(t, url); !got.is(200) {
		t.Fatalf("associated: %s, want 200", got)
	}
	// Port 9000 is the resource's, but not the group's; 8081 neither's; at the address beside it there is nothing.
	for _, to := range []string{name + ":9000", name + ":8081", "129.224.127.254:8080"} {
		if got := consumer.place().get(t, "http://"+to+"/"); !got.is(0) {
			t.Errorf("%s: %s, want a timeout", to, got)
		}
	}
	if said := s.why(t, "--subnet", consumer.subnet, "--to", name+":9000"); !strings.Contains(said, group) {
		t.Errorf("why says %q, want %s named", said, group)
	}

	// What no egress rule of the gateway's lets out does not arrive.
	shut := must(t, provider.ec2.DescribeSecurityGroups, &ec2.DescribeSecurityGroupsInput{GroupIds: []string{leaving}}).SecurityGroups[0]
	must(t, provider.ec2.RevokeSecurityGroupEgress, &ec2.RevokeSecurityGroupEgressInput{GroupId: &leaving, IpPermissions: shut.IpPermissionsEgress})
	if got := consumer.place().get(t, url); got.is(200) {
		t.Errorf("with the gateway's egress revoked: %s", got)
	}
	must(t, provider.ec2.AuthorizeSecurityGroupEgress, &ec2.AuthorizeSecurityGroupEgressInput{GroupId: &leaving, IpPermissions: shut.IpPermissionsEgress})
	if got := consumer.place().get(t, url); !got.is(200) {
		t.Errorf("with the gateway's egress back: %s, want 200", got)
	}

	must(t, provider.account.lattice.UpdateResourceConfiguration, &vpclattice.UpdateResourceConfigurationInput{ResourceConfigurationIdentifier: c.Id, PortRanges: []string{"8081"}})
	eventually(t, "the change of ports", func() bool {
		return must(t, provider.account.lattice.GetResourceConfiguration, &vpclattice.GetResourceConfigurationInput{ResourceConfigurationIdentifier: c.Id}).Status == latticetypes.ResourceConfigurationStatusActive
	})
	if got := consumer.place().get(t, url); !got.is(0) {
		t.Errorf("at a port that is no longer the resource's: %s, want a timeout", got)
	}
	refused(t, provider.account.lattice.DeleteResourceGateway, &vpclattice.DeleteResourceGatewayInput{ResourceGatewayIdentifier: g.Id}, "ConflictException")
	must(t, provider.account.lattice.DeleteServiceNetworkResourceAssociation, &vpclattice.DeleteServiceNetworkResourceAssociationInput{ServiceNetworkResourceAssociationIdentifier: as.Id})
}
