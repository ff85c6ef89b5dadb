package test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/ram"
	ramtypes "github.com/aws/aws-sdk-go-v2/service/ram/types"
	"github.com/aws/aws-sdk-go-v2/service/vpclattice"
	latticetypes "github.com/aws/aws-sdk-go-v2/service/vpclattice/types"
)

// organization makes an organization of a management account and the named ones, in which RAM may share.
func (s *server) organization(t *testing.T, names ...string) []*account {
	t.Helper()
	m := s.account(t, names[0]+"-management")
	must(t, m.organizations.CreateOrganization, &organizations.CreateOrganizationInput{})
	var members []*account
	for _, name := range names {
		a := s.account(t, name)
		h := must(t, m.organizations.InviteAccountToOrganization, &organizations.InviteAccountToOrganizationInput{
			Target: &orgtypes.HandshakeParty{Type: orgtypes.HandshakePartyTypeAccount, Id: &a.id}}).Handshake
		must(t, a.organizations.AcceptHandshake, &organizations.AcceptHandshakeInput{HandshakeId: h.Id})
		members = append(members, a)
	}
	must(t, m.ram.EnableSharingWithAwsOrganization, &ram.EnableSharingWithAwsOrganizationInput{})
	return members
}

// share shares a resource through RAM.
func (a *account) share(t *testing.T, name, resource string, with *account, external bool) *ramtypes.ResourceShare {
	t.Helper()
	return must(t, a.ram.CreateResourceShare, &ram.CreateResourceShareInput{Name: &name, ResourceArns: []string{resource}, Principals: []string{with.id},
		AllowExternalPrincipals: &external}).ResourceShare
}

// lattice is a service network with one service, whose target is a program in a VPC.
type lattice struct {
	owner            *network
	network, service string // ARNs
	id, name         string // of the service
	target           *vpclattice.CreateTargetGroupOutput
}

// lattice makes the service, of which a policy says who may ask, and its network.
func (n *network) lattice(t *testing.T, name, policy string) *lattice {
	t.Helper()
	group := n.group(t, name+"-target", 8080)
	address := n.place(group).serve(t, "8080")
	net := must(t, n.account.lattice.CreateServiceNetwork, &vpclattice.CreateServiceNetworkInput{Name: &name})
	svc := must(t, n.account.lattice.CreateService, &vpclattice.CreateServiceInput{Name: &name, AuthType: latticetypes.AuthTypeAwsIam})
	l := &lattice{owner: n, network: *net.Arn, service: *svc.Arn, id: *svc.Id}
	l.target = must(t, n.account.lattice.CreateTargetGroup, &vpclattice.CreateTargetGroupInput{Name: &name, Type: latticetypes.TargetGroupTypeIp,
		Config: &latticetypes.TargetGroupConfig{Port: aws.Int32(8080), Protocol: latticetypes.TargetGroupProtocolHttp, VpcIdentifier: &n.vpc}})
	must(t, n.account.lattice.PutAuthPolicy, &vpclattice.PutAuthPolicyInput{ResourceIdentifier: svc.Id, Policy: &policy})
	eventually(t, "the target group", func() bool {
		return must(t, n.account.lattice.GetTargetGroup, &vpclattice.GetTargetGroupInput{TargetGroupIdentifier: l.target.Id}).Status == latticetypes.TargetGroupStatusActive
	})
	registered := must(t, n.account.lattice.RegisterTargets, &vpclattice.RegisterTargetsInput{TargetGroupIdentifier: l.target.Id, Targets: []latticetypes.Target{{Id: &address}}})
	if len(registered.Unsuccessful) > 0 {
		t.Fatalf("the target is not registered: %s", aws.ToString(registered.Unsuccessful[0].FailureMessage))
	}
	eventually(t, "the service", func() bool {
		s := must(t, n.account.lattice.GetService, &vpclattice.GetServiceInput{ServiceIdentifier: svc.Id})
		if s.DnsEntry != nil {
			l.name = *s.DnsEntry.DomainName
		}
		return s.Status == latticetypes.ServiceStatusActive
	})
	must(t, n.account.lattice.CreateListener, &vpclattice.CreateListenerInput{ServiceIdentifier: svc.Id, Name: aws.String("http"), Protocol: latticetypes.ListenerProtocolHttp,
		DefaultAction: &latticetypes.RuleActionMemberForward{Value: latticetypes.ForwardAction{TargetGroups: []latticetypes.WeightedTargetGroup{{TargetGroupIdentifier: l.target.Id}}}}})
	made := must(t, n.account.lattice.CreateServiceNetworkServiceAssociation, &vpclattice.CreateServiceNetworkServiceAssociationInput{
		ServiceIdentifier: svc.Id, ServiceNetworkIdentifier: net.Id})
	eventually(t, "the service's association", func() bool {
		return must(t, n.account.lattice.GetServiceNetworkServiceAssociation, &vpclattice.GetServiceNetworkServiceAssociationInput{
			ServiceNetworkServiceAssociationIdentifier: made.Id}).Status == latticetypes.ServiceNetworkServiceAssociationStatusActive
	})
	return l
}

// associate joins a VPC to a service network.
func (n *network) associate(t *testing.T, serviceNetwork string, groups ...string) string {
	t.Helper()
	made := must(t, n.account.lattice.CreateServiceNetworkVpcAssociation, &vpclattice.CreateServiceNetworkVpcAssociationInput{
		ServiceNetworkIdentifier: &serviceNetwork, VpcIdentifier: &n.vpc, SecurityGroupIds: groups})
	eventually(t, "the VPC's association", func() bool {
		got := must(t, n.account.lattice.GetServiceNetworkVpcAssociation, &vpclattice.GetServiceNetworkVpcAssociationInput{ServiceNetworkVpcAssociationIdentifier: made.Id})
		if got.Status == latticetypes.ServiceNetworkVpcAssociationStatusCreateFailed {
			t.Fatalf("the association failed: %s", aws.ToString(got.FailureMessage))
		}
		return got.Status == latticetypes.ServiceNetworkVpcAssociationStatusActive
	})
	return *made.Id
}

// onlyQuery is the article's policy: an account may GET with its own word in the query.
func onlyQuery(account, q string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Sid":"Only%s","Effect":"Allow","Principal":"*","Action":"vpc-lattice-svcs:Invoke","Resource":"*",`+
		`"Condition":{"StringEquals":{"vpc-lattice-svcs:RequestMethod":"GET","vpc-lattice-svcs:RequestQueryString/q":%q,"vpc-lattice-svcs:SourceVpcOwnerAccount":%q}}}]}`, q, q, account)
}

func TestLatticeAcrossAccounts(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	members := s.organization(t, "shared", "blue")
	owner, blue := members[0], members[1]
	l := owner.network(t, "10.0.0.0/16", "10.0.0.0/24").lattice(t, "directory", onlyQuery(blue.id, "blue"))
	client := blue.network(t, "10.0.0.0/16", "10.0.0.0/24")
	group := client.group(t, "lattice", 80)

	refused(t, blue.lattice.GetServiceNetwork, &vpclattice.GetServiceNetworkInput{ServiceNetworkIdentifier: &l.network}, "ResourceNotFoundException", "AccessDeniedException")
	refused(t, blue.lattice.CreateServiceNetworkVpcAssociation, &vpclattice.CreateServiceNetworkVpcAssociationInput{ServiceNetworkIdentifier: &l.network, VpcIdentifier: &client.vpc},
		"ResourceNotFoundException", "AccessDeniedException")
	share := owner.share(t, "network", l.network, blue, false)
	var names []string
	networks, _ := pages(t, vpclattice.NewListServiceNetworksPaginator(blue.lattice, &vpclattice.ListServiceNetworksInput{}), func(out *vpclattice.ListServiceNetworksOutput) []latticetypes.ServiceNetworkSummary { return out.Items })
	for _, n := range networks {
		names = append(names, *n.Name)
	}
	if !slices.Equal(names, []string{"directory"}) {
		t.Errorf("the networks Blue sees are %q", names)
	}
	url := "http://" + l.name + "/"
	before := client.place().get(t, url+"?q=blue")
	if !before.is(0) {
		t.Errorf("not associated: %s, want a timeout", before)
	}
	if said := s.why(t, "--subnet", client.subnet, "--to", l.name+":80"); !strings.Contains(said, "associat") {
		t.Errorf("why says %q, want the missing association named", said)
	}
	client.associate(t, l.network, group)

	rows := []struct {
		method, query string
		want          int
		why           []string
	}{
		{"GET", "?q=blue", 200, []string{"OnlyBlue", "service"}},
		{"GET", "?q=green", 403, []string{"vpc-lattice-svcs:RequestQueryString/q"}},
		{"POST", "?q=blue", 403, []string{"vpc-lattice-svcs:RequestMethod"}},
		{"GET", "", 403, []string{"vpc-lattice-svcs:RequestQueryString/q"}},
		{"GET", "?q=blue&q=green", 403, []string{"vpc-lattice-svcs:RequestQueryString/q"}},
		{"GET", "?q=Blue", 403, nil},
		{"GET", "?Q=blue", 403, nil},
	}
	var asks []ask
	for _, r := range rows {
		asks = append(asks, ask{Method: r.method, URL: url + r.query})
	}
	for i, got := range client.place().ask(t, asks...) {
		what := rows[i].method + " " + rows[i].query
		if !got.is(rows[i].want) {
			t.Errorf("%s: %s, want %d", what, got, rows[i].want)
			continue
		}
		if rows[i].want == 403 && !strings.Contains(got.Body, "AccessDeniedException: User: anonymous is not authorized to perform: vpc-lattice-svcs:Invoke on resource: "+l.service+"/ because") {
			t.Errorf("%s: the body is %q", what, got.Body)
		}
		said := strings.ToLower(s.why(t, got.requestID()))
		for _, word := range rows[i].why {
			if !strings.Contains(said, strings.ToLower(word)) {
				t.Errorf("%s: why says %q, want %q in it", what, said, word)
			}
		}
	}
	got := client.place().get(t, url+"?q=blue")
	for _, want := range []string{`"X-Forwarded-For":["10.0.0.`, "SourceVpcArn=arn:aws:ec2:us-east-1:" + blue.id + ":vpc/" + client.vpc, "ServiceArn=" + l.service, "TargetGroupArn=" + *l.target.Arn} {
		if !strings.Contains(got.Body, want) {
			t.Errorf("the target got %s, want %s in it", got.Body, want)
		}
	}

	must(t, blue.ec2.RevokeSecurityGroupIngress, &ec2.RevokeSecurityGroupIngressInput{GroupId: &group, IpPermissions: from(80)})
	if got := client.place().get(t, url+"?q=blue"); !got.is(0) {
		t.Errorf("with the group's ingress revoked: %s, want a timeout", got)
	}
	if said := s.why(t, "--subnet", client.subnet, "--to", l.name+":80"); !strings.Contains(said, group) {
		t.Errorf("why says %q, want %s named", said, group)
	}
	must(t, blue.ec2.AuthorizeSecurityGroupIngress, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &group, IpPermissions: from(80)})
	if got := client.place().get(t, url+"?q=blue"); !got.is(200) {
		t.Errorf("with the group's ingress back: %s, want 200", got)
	}

	// What was associated stays when the share goes.
	must(t, owner.ram.DeleteResourceShare, &ram.DeleteResourceShareInput{ResourceShareArn: share.ResourceShareArn})
	if got := client.place().get(t, url+"?q=blue"); !got.is(200) {
		t.Errorf("after unsharing: %s, want 200", got)
	}
	refused(t, owner.lattice.DeleteServiceNetwork, &vpclattice.DeleteServiceNetworkInput{ServiceNetworkIdentifier: &l.network}, "ConflictException")
}

// An account outside the organization is invited.
func TestSharingWithAnOutsider(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	owner, guest, third := s.account(t, "owner"), s.account(t, "guest"), s.account(t, "third")
	net := must(t, owner.lattice.CreateServiceNetwork, &vpclattice.CreateServiceNetworkInput{Name: aws.String("offered")})
	refused(t, owner.ram.CreateResourceShare, &ram.CreateResourceShareInput{Name: aws.String("closed"), ResourceArns: []string{*net.Arn}, Principals: []string{guest.id},
		AllowExternalPrincipals: aws.Bool(false)}, "OperationNotPermittedException", "InvalidParameterException")
	share := owner.share(t, "open", *net.Arn, guest, true)
	refused(t, guest.lattice.GetServiceNetwork, &vpclattice.GetServiceNetworkInput{ServiceNetworkIdentifier: net.Arn}, "ResourceNotFoundException", "AccessDeniedException")
	invitations, _ := pages(t, ram.NewGetResourceShareInvitationsPaginator(guest.ram, &ram.GetResourceShareInvitationsInput{}),
		func(out *ram.GetResourceShareInvitationsOutput) []ramtypes.ResourceShareInvitation {
			return out.ResourceShareInvitations
		})
	if len(invitations) != 1 || invitations[0].Status != ramtypes.ResourceShareInvitationStatusPending {
		t.Fatalf("the invitations are %+v", invitations)
	}
	refused(t, third.ram.AcceptResourceShareInvitation, &ram.AcceptResourceShareInvitationInput{ResourceShareInvitationArn: invitations[0].ResourceShareInvitationArn},
		"ResourceShareInvitationArnNotFoundException")
	must(t, guest.ram.AcceptResourceShareInvitation, &ram.AcceptResourceShareInvitationInput{ResourceShareInvitationArn: invitations[0].ResourceShareInvitationArn})
	if got := must(t, guest.lattice.GetServiceNetwork, &vpclattice.GetServiceNetworkInput{ServiceNetworkIdentifier: net.Arn}); *got.Id != *net.Id {
		t.Errorf("the network shared is %s, want %s", *got.Id, *net.Id)
	}
	refused(t, third.lattice.GetServiceNetwork, &vpclattice.GetServiceNetworkInput{ServiceNetworkIdentifier: net.Arn}, "ResourceNotFoundException", "AccessDeniedException")
	refused(t, guest.lattice.DeleteServiceNetwork, &vpclattice.DeleteServiceNetworkInput{ServiceNetworkIdentifier: net.Arn}, "AccessDeniedException", "ResourceNotFoundException")
	shares, _ := pages(t, ram.NewGetResourceSharesPaginator(guest.ram, &ram.GetResourceSharesInput{ResourceOwner: ramtypes.ResourceOwnerOtherAccounts}),
		func(out *ram.GetResourceSharesOutput) []ramtypes.ResourceShare { return out.ResourceShares })
	if len(shares) != 1 || *shares[0].ResourceShareArn != *share.ResourceShareArn {
		t.Errorf("the shares of others are %+v", shares)
	}
}

// acceptAll accepts every invitation to a share.
func (a *account) acceptAll(t *testing.T) {
	t.Helper()
	for _, i := range must(t, a.ram.GetResourceShareInvitations, &ram.GetResourceShareInvitationsInput{}).ResourceShareInvitations {
		must(t, a.ram.AcceptResourceShareInvitation, &ram.AcceptResourceShareInvitationInput{ResourceShareInvitationArn: i.ResourceShareInvitationArn})
	}
}

// retarget makes a new program the only target.
func (l *lattice) retarget(t *testing.T, n *network) {
	t.Helper()
	for _, old := range must(t, n.account.lattice.ListTargets, &vpclattice.ListTargetsInput{TargetGroupIdentifier: l.target.Id}).Items {
		must(t, n.account.lattice.DeregisterTargets, &vpclattice.DeregisterTargetsInput{TargetGroupIdentifier: l.target.Id, Targets: []latticetypes.Target{{Id: old.Id, Port: old.Port}}})
	}
	address := n.place(n.group(t, "new-target", 8080)).serve(t, "8080")
	must(t, n.account.lattice.RegisterTargets, &vpclattice.RegisterTargetsInput{TargetGroupIdentifier: l.target.Id, Targets: []latticetypes.Target{{Id: &address}}})
}
