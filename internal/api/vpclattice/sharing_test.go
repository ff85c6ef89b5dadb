package vpclattice_test

import (
	"testing"

	model "trellis/internal/aws/model/vpclattice"
	"trellis/internal/fault"
	"trellis/internal/identity"
	"trellis/internal/share"
	"trellis/internal/state"
)

// neighbours is an owner's network and service, the network shared with a consumer who has a service and a VPC.
type neighbours struct {
	*world
	network         *model.CreateServiceNetworkOutput
	service, theirs *model.CreateServiceOutput
	vpc             string
}

func newNeighbours(t *testing.T) *neighbours {
	w := newWorld(t)
	v, _ := w.network(consumer, "2", "10.2.0.0/16")
	n := &neighbours{w, w.newNetwork(owner, "shared"), w.newService(owner, "mine"), w.newService(consumer, "theirs"), v}
	w.share("network", []string{*n.network.Arn}, consumer)
	return n
}

func TestSharedNetwork(t *testing.T) {
	w := newNeighbours(t)
	for _, id := range []*string{w.network.Id, w.network.Arn} {
		equal(t, "network", *ok(w.GetServiceNetwork(w.as(consumer), &model.GetServiceNetworkInput{ServiceNetworkIdentifier: id}))(t).Arn, *w.network.Arn)
		_, err := w.GetServiceNetwork(w.as(stranger), &model.GetServiceNetworkInput{ServiceNetworkIdentifier: id})
		w.refused(err, fault.NotFound, "does not exist")
	}
	for account, want := range map[string]int{owner: 1, consumer: 1, stranger: 0} {
		equal(t, account+"'s networks", len(ok(w.ListServiceNetworks(w.as(account), &model.ListServiceNetworksInput{}))(t).Items), want)
	}
	_, err := w.UpdateServiceNetwork(w.as(consumer), &model.UpdateServiceNetworkInput{ServiceNetworkIdentifier: w.network.Arn, AuthType: new("AWS_IAM")})
	w.refused(err, fault.Denied, "User: arn:aws:iam::"+consumer+":root is not authorized to perform: vpc-lattice:UpdateServiceNetwork on resource: "+*w.network.Arn)
	_, err = w.DeleteServiceNetwork(w.as(consumer), &model.DeleteServiceNetworkInput{ServiceNetworkIdentifier: w.network.Id})
	w.refused(err, fault.Denied, "DeleteServiceNetwork")
	_, err = w.PutAuthPolicy(w.as(consumer), &model.PutAuthPolicyInput{ResourceIdentifier: w.network.Arn, Policy: new(allowAll)})
	w.refused(err, fault.Denied, "PutAuthPolicy")
	_, err = w.ListTagsForResource(w.as(consumer), &model.ListTagsForResourceInput{ResourceArn: w.network.Arn})
	w.refused(err, fault.Denied, "ListTagsForResource")

	// In requests that associate, another account's network is named by its ARN.
	_, err = w.CreateServiceNetworkVpcAssociation(w.as(consumer), &model.CreateServiceNetworkVpcAssociationInput{ServiceNetworkIdentifier: w.network.Id, VpcIdentifier: &w.vpc})
	w.refused(err, fault.NotFound, "by its ARN")
	_, err = w.CreateServiceNetworkServiceAssociation(w.as(consumer), &model.CreateServiceNetworkServiceAssociationInput{ServiceNetworkIdentifier: w.network.Id, ServiceIdentifier: w.theirs.Id})
	w.refused(err, fault.NotFound, "by its ARN")
}

func TestSharedNetworkAssociations(t *testing.T) {
	w := newNeighbours(t)
	mine, theirs := w.join(owner, w.network.Id, w.service.Id), w.join(consumer, w.network.Arn, w.theirs.Id)
	va := w.attach(consumer, w.network.Arn, w.vpc)
	equal(t, "creator", *theirs.CreatedBy, consumer)

	// Owner and consumer see all, each under its own account; others see nothing.
	for account, want := range map[string]int{owner: 2, consumer: 2, stranger: 0} {
		list := ok(w.ListServiceNetworkServiceAssociations(w.as(account), &model.ListServiceNetworkServiceAssociationsInput{ServiceNetworkIdentifier: w.network.Arn}))(t)
		equal(t, account+"'s service associations", len(list.Items), want)
		for _, a := range list.Items {
			equal(t, "ARN", *a.Arn, "arn:aws:vpc-lattice:"+region+":"+account+":servicenetworkserviceassociation/"+*a.Id)
			equal(t, "network", *a.ServiceNetworkArn, *w.network.Arn)
		}
		equal(t, account+"'s VPC associations", len(ok(w.ListServiceNetworkVpcAssociations(w.as(account), &model.ListServiceNetworkVpcAssociationsInput{ServiceNetworkIdentifier: w.network.Id}))(t).Items), (want+1)/2)
	}
	equal(t, "by service", len(ok(w.ListServiceNetworkServiceAssociations(w.as(owner), &model.ListServiceNetworkServiceAssociationsInput{ServiceIdentifier: w.theirs.Id}))(t).Items), 1)
	equal(t, "by both", len(ok(w.ListServiceNetworkServiceAssociations(w.as(owner), &model.ListServiceNetworkServiceAssociationsInput{ServiceNetworkIdentifier: w.network.Id, ServiceIdentifier: w.service.Arn}))(t).Items), 1)
	equal(t, "by VPC", len(ok(w.ListServiceNetworkVpcAssociations(w.as(consumer), &model.ListServiceNetworkVpcAssociationsInput{VpcIdentifier: &w.vpc}))(t).Items), 1)
	if _, err := w.GetServiceNetworkServiceAssociation(w.as(consumer), &model.GetServiceNetworkServiceAssociationInput{ServiceNetworkServiceAssociationIdentifier: mine.Arn}); err == nil {
		t.Error("an association answers to the other account's ARN")
	}

	// A service in a shared network is not thereby shared.
	_, err := w.GetService(w.as(consumer), &model.GetServiceInput{ServiceIdentifier: w.service.Arn})
	w.refused(err, fault.NotFound, "does not exist")
	_, err = w.GetService(w.as(owner), &model.GetServiceInput{ServiceIdentifier: w.theirs.Arn})
	w.refused(err, fault.NotFound, "does not exist")

	// The consumer removes only its own; tags and security groups are the creator's.
	_, err = w.DeleteServiceNetworkServiceAssociation(w.as(consumer), &model.DeleteServiceNetworkServiceAssociationInput{ServiceNetworkServiceAssociationIdentifier: mine.Id})
	w.refused(err, fault.Denied, "DeleteServiceNetworkServiceAssociation")
	own := "arn:aws:vpc-lattice:" + region + ":" + owner + ":servicenetworkvpcassociation/" + *va.Id
	_, err = w.ListTagsForResource(w.as(owner), &model.ListTagsForResourceInput{ResourceArn: &own})
	w.refused(err, fault.Denied, "ListTagsForResource")
	_, err = w.UpdateServiceNetworkVpcAssociation(w.as(owner), &model.UpdateServiceNetworkVpcAssociationInput{ServiceNetworkVpcAssociationIdentifier: va.Id, SecurityGroupIds: []string{"sg-00000000000000002"}})
	w.refused(err, fault.Denied, "UpdateServiceNetworkVpcAssociation")
	ok(w.DeleteServiceNetworkServiceAssociation(w.as(owner), &model.DeleteServiceNetworkServiceAssociationInput{ServiceNetworkServiceAssociationIdentifier: theirs.Id}))(t)
	ok(w.DeleteServiceNetworkVpcAssociation(w.as(owner), &model.DeleteServiceNetworkVpcAssociationInput{ServiceNetworkVpcAssociationIdentifier: va.Id}))(t)
	w.sweep()
	_, err = w.GetServiceNetworkVpcAssociation(w.as(consumer), &model.GetServiceNetworkVpcAssociationInput{ServiceNetworkVpcAssociationIdentifier: va.Id})
	w.refused(err, fault.NotFound, "does not exist")
}

func TestUnsharing(t *testing.T) {
	w := newNeighbours(t)
	mine, theirs := w.join(owner, w.network.Id, w.service.Id), w.join(consumer, w.network.Arn, w.theirs.Id)
	va := w.attach(consumer, w.network.Arn, w.vpc)
	w.unshare("network")
	_, err := w.GetServiceNetwork(w.as(consumer), &model.GetServiceNetworkInput{ServiceNetworkIdentifier: w.network.Arn})
	w.refused(err, fault.NotFound, "does not exist")
	equal(t, "kept association", *ok(w.GetServiceNetworkVpcAssociation(w.as(consumer), &model.GetServiceNetworkVpcAssociationInput{ServiceNetworkVpcAssociationIdentifier: va.Arn}))(t).Status, "ACTIVE")
	equal(t, "kept association", *ok(w.GetServiceNetworkServiceAssociation(w.as(consumer), &model.GetServiceNetworkServiceAssociationInput{ServiceNetworkServiceAssociationIdentifier: theirs.Arn}))(t).Status, "ACTIVE")
	_, err = w.GetServiceNetworkServiceAssociation(w.as(consumer), &model.GetServiceNetworkServiceAssociationInput{ServiceNetworkServiceAssociationIdentifier: mine.Id})
	w.refused(err, fault.NotFound, "does not exist")
	equal(t, "associations seen", len(ok(w.ListServiceNetworkServiceAssociations(w.as(consumer), &model.ListServiceNetworkServiceAssociationsInput{ServiceNetworkIdentifier: w.network.Arn}))(t).Items), 1)

	second := w.newService(consumer, "second")
	_, err = w.CreateServiceNetworkServiceAssociation(w.as(consumer), &model.CreateServiceNetworkServiceAssociationInput{ServiceNetworkIdentifier: w.network.Arn, ServiceIdentifier: second.Id})
	w.refused(err, fault.NotFound, "does not exist")
	ok(w.DeleteServiceNetworkVpcAssociation(w.as(consumer), &model.DeleteServiceNetworkVpcAssociationInput{ServiceNetworkVpcAssociationIdentifier: va.Id}))(t)
	w.sweep()
	_, err = w.CreateServiceNetworkVpcAssociation(w.as(consumer), &model.CreateServiceNetworkVpcAssociationInput{ServiceNetworkIdentifier: w.network.Arn, VpcIdentifier: &w.vpc})
	w.refused(err, fault.NotFound, "does not exist")
}

func TestSharedService(t *testing.T) {
	w := newNeighbours(t)
	w.newListener(owner, w.service.Id, "http", 80, fixed(404))
	w.share("service", []string{*w.service.Arn}, consumer)
	equal(t, "service", *ok(w.GetService(w.as(consumer), &model.GetServiceInput{ServiceIdentifier: w.service.Arn}))(t).Arn, *w.service.Arn)
	equal(t, "services", len(ok(w.ListServices(w.as(consumer), &model.ListServicesInput{}))(t).Items), 2)
	_, err := w.ListListeners(w.as(consumer), &model.ListListenersInput{ServiceIdentifier: w.service.Arn})
	w.refused(err, fault.Denied, "ListListeners")
	_, err = w.DeleteService(w.as(consumer), &model.DeleteServiceInput{ServiceIdentifier: w.service.Arn})
	w.refused(err, fault.Denied, "DeleteService")

	// Two things that are both another's cannot be associated; one's own network and a shared service can.
	_, err = w.CreateServiceNetworkServiceAssociation(w.as(consumer), &model.CreateServiceNetworkServiceAssociationInput{ServiceNetworkIdentifier: w.network.Arn, ServiceIdentifier: w.service.Arn})
	w.refused(err, fault.Denied, "CreateServiceNetworkServiceAssociation")
	own := w.newNetwork(consumer, "own")
	_, err = w.CreateServiceNetworkServiceAssociation(w.as(consumer), &model.CreateServiceNetworkServiceAssociationInput{ServiceNetworkIdentifier: own.Id, ServiceIdentifier: w.service.Id})
	w.refused(err, fault.NotFound, "by its ARN")
	a := w.join(consumer, own.Id, w.service.Arn)
	equal(t, "domain", *a.DnsEntry.DomainName, *w.service.DnsEntry.DomainName)
	// The service's owner sees it and may end it.
	list := ok(w.ListServiceNetworkServiceAssociations(w.as(owner), &model.ListServiceNetworkServiceAssociationsInput{ServiceIdentifier: w.service.Id}))(t)
	equal(t, "associations", len(list.Items), 1)
	equal(t, "creator", *list.Items[0].CreatedBy, consumer)
	_, err = w.DeleteService(w.as(owner), &model.DeleteServiceInput{ServiceIdentifier: w.service.Id})
	w.refused(err, fault.Conflict, "associated")
	ok(w.DeleteServiceNetworkServiceAssociation(w.as(owner), &model.DeleteServiceNetworkServiceAssociationInput{ServiceNetworkServiceAssociationIdentifier: list.Items[0].Arn}))(t)
}

func TestSharedWithOrganization(t *testing.T) {
	w := newNeighbours(t)
	w.put(func(tx *state.Tx) {
		state.Organizations.Put(tx, &identity.Organization{ID: "o-abc", Management: owner, Root: "r-1"})
		state.Accounts.Put(tx, &identity.Account{ID: stranger, Organization: "o-abc", Parent: "r-1"})
	})
	equal(t, "networks before", len(ok(w.ListServiceNetworks(w.as(stranger), &model.ListServiceNetworksInput{}))(t).Items), 0)
	w.share("all", []string{*w.network.Arn}, "arn:aws:organizations::"+owner+":organization/o-abc")
	equal(t, "networks", len(ok(w.ListServiceNetworks(w.as(stranger), &model.ListServiceNetworksInput{}))(t).Items), 1)
	policy := *ok(w.GetResourcePolicy(w.as(owner), &model.GetResourcePolicyInput{ResourceArn: w.network.Arn}))(t).Policy
	for _, want := range []string{`"aws:PrincipalOrgID":"o-abc"`, `"AWS":["` + consumer + `"]`, "vpc-lattice:CreateServiceNetworkVpcAssociation", *w.network.Arn} {
		contains(t, policy, want)
	}
}

func TestResourcePolicy(t *testing.T) {
	w := newWorld(t)
	s := w.newService(owner, "mine")
	_, err := w.GetResourcePolicy(w.as(owner), &model.GetResourcePolicyInput{ResourceArn: s.Arn})
	w.refused(err, fault.NotFound, "resource policy")
	_, err = w.DeleteResourcePolicy(w.as(owner), &model.DeleteResourcePolicyInput{ResourceArn: s.Arn})
	w.refused(err, fault.NotFound, "resource policy")
	for _, bad := range []string{"", "{}", "not a policy", allowAll} {
		_, err = w.PutResourcePolicy(w.as(owner), &model.PutResourcePolicyInput{ResourceArn: s.Arn, Policy: &bad})
		w.refused(err, fault.Invalid, "")
	}
	policy := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"` + consumer + `"},"Action":["vpc-lattice:CreateServiceNetworkServiceAssociation","vpc-lattice:GetService"],"Resource":"` + *s.Arn + `"}}`
	ok(w.PutResourcePolicy(w.as(owner), &model.PutResourcePolicyInput{ResourceArn: s.Arn, Policy: &policy}))(t)
	equal(t, "policy", *ok(w.GetResourcePolicy(w.as(owner), &model.GetResourcePolicyInput{ResourceArn: s.Arn}))(t).Policy, policy)
	equal(t, "services", len(ok(w.ListServices(w.as(consumer), &model.ListServicesInput{}))(t).Items), 1)
	w.join(consumer, w.newNetwork(consumer, "own").Id, s.Arn)
	_, err = w.GetResourcePolicy(w.as(consumer), &model.GetResourcePolicyInput{ResourceArn: s.Arn})
	w.refused(err, fault.Denied, "GetResourcePolicy")
	ok(w.DeleteResourcePolicy(w.as(owner), &model.DeleteResourcePolicyInput{ResourceArn: s.Arn}))(t)
	equal(t, "services", len(ok(w.ListServices(w.as(consumer), &model.ListServicesInput{}))(t).Items), 0)

	closed := ok(w.CreateServiceNetwork(w.as(owner), &model.CreateServiceNetworkInput{Name: new("closed"), SharingConfig: &model.SharingConfig{Enabled: new(false)}}))(t)
	equal(t, "sharing", *closed.SharingConfig.Enabled, false)
	_, err = w.PutResourcePolicy(w.as(owner), &model.PutResourcePolicyInput{ResourceArn: closed.Arn, Policy: &policy})
	w.refused(err, fault.Invalid, "Sharing is not enabled")
}

// What a sharee may do is what the share's permission allows.
func TestSharedByPermission(t *testing.T) {
	w := newWorld(t)
	v, _ := w.network(consumer, "2", "10.2.0.0/16")
	n, theirs := w.newNetwork(owner, "shared"), w.newService(consumer, "theirs")
	calls := map[string]func() error{
		"GetServiceNetwork": func() error {
			_, err := w.GetServiceNetwork(w.as(consumer), &model.GetServiceNetworkInput{ServiceNetworkIdentifier: n.Arn})
			return err
		},
		"CreateServiceNetworkVpcAssociation": func() error {
			_, err := w.CreateServiceNetworkVpcAssociation(w.as(consumer), &model.CreateServiceNetworkVpcAssociationInput{ServiceNetworkIdentifier: n.Arn, VpcIdentifier: &v})
			return err
		},
		"CreateServiceNetworkServiceAssociation": func() error {
			_, err := w.CreateServiceNetworkServiceAssociation(w.as(consumer), &model.CreateServiceNetworkServiceAssociationInput{ServiceNetworkIdentifier: n.Arn, ServiceIdentifier: theirs.Id})
			return err
		},
	}
	for allowed := range calls {
		p := &share.Permission{Owner: in(owner), Name: allowed, Type: "vpc-lattice:ServiceNetwork"}
		if err := p.Add(`{"Effect":"Allow","Action":["vpc-lattice:`+allowed+`"]}`, w.now); err != nil {
			t.Fatal(err)
		}
		row := &share.Share{Owner: in(owner), ID: "s", Name: "s", Status: share.Active, Resources: []share.Association{{Entity: *n.Arn, Status: share.Associated}},
			Principals: []share.Association{{Entity: consumer, Status: share.Associated}}}
		row.Permit(p)
		w.put(func(tx *state.Tx) { state.Permissions.Put(tx, p); state.Shares.Put(tx, row) })
		for action, call := range calls {
			switch err := call(); {
			case action == allowed && err != nil:
				t.Errorf("%s: %v", action, err)
			case action != allowed:
				w.refused(err, fault.Denied, "is not authorized to perform: vpc-lattice:"+action+" on resource: "+*n.Arn)
			}
		}
	}
}
