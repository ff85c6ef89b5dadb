package vpclattice_test

import (
	"fmt"
	"testing"

	model "trellis/internal/aws/model/vpclattice"
	"trellis/internal/fault"
	"trellis/internal/lattice"
	"trellis/internal/state"
)

func TestServiceAssociations(t *testing.T) {
	w := newWorld(t)
	n, s := w.newNetwork(owner, "one"), w.newService(owner, "one")
	create := func(network, service *string) error {
		_, err := w.CreateServiceNetworkServiceAssociation(w.as(owner), &model.CreateServiceNetworkServiceAssociationInput{ServiceNetworkIdentifier: network, ServiceIdentifier: service})
		return err
	}
	w.lag()
	a := w.join(owner, n.Id, s.Arn)
	equal(t, "status", *a.Status, "CREATE_IN_PROGRESS")
	del := &model.DeleteServiceNetworkServiceAssociationInput{ServiceNetworkServiceAssociationIdentifier: a.Id}
	_, err := w.DeleteServiceNetworkServiceAssociation(w.as(owner), del)
	w.refused(err, fault.Conflict, "status: CREATE_IN_PROGRESS")
	w.host(always, nil)
	w.refused(create(n.Arn, s.Id), fault.Conflict, "already associated")
	w.refused(create(new("sn-00000000000000000"), s.Id), fault.NotFound, "service network")
	w.refused(create(n.Id, new("svc-00000000000000000")), fault.NotFound, "service")

	// A custom domain name is unique in a network.
	custom := func(name string) *string {
		return ok(w.CreateService(w.as(owner), &model.CreateServiceInput{Name: &name, CustomDomainName: new("x.example.com")}))(t).Id
	}
	first, second := custom("first"), custom("second")
	w.join(owner, n.Id, first)
	w.refused(create(n.Id, second), fault.Conflict, "custom domain name")

	got := ok(w.GetServiceNetworkServiceAssociation(w.as(owner), &model.GetServiceNetworkServiceAssociationInput{ServiceNetworkServiceAssociationIdentifier: a.Arn}))(t)
	equal(t, "network's name", *got.ServiceNetworkName, "one")
	equal(t, "service's name", *got.ServiceName, "one")
	equal(t, "DNS name", *got.DnsEntry.DomainName, *s.DnsEntry.DomainName)
	_, err = w.ListServiceNetworkServiceAssociations(w.as(owner), &model.ListServiceNetworkServiceAssociationsInput{})
	w.refused(err, fault.Invalid, "must be given")
	ok(w.DeleteServiceNetworkServiceAssociation(w.as(owner), del))(t)
	ok(w.DeleteServiceNetworkServiceAssociation(w.as(owner), del))(t)
	w.refused(create(n.Id, s.Id), fault.Conflict, "status: DELETE_IN_PROGRESS")
	w.sweep()
	if err := create(n.Id, s.Id); err != nil {
		t.Error(err)
	}
	ok(w.DeleteServiceNetworkServiceAssociation(w.as(owner), &model.DeleteServiceNetworkServiceAssociationInput{ServiceNetworkServiceAssociationIdentifier: ok(w.ListServiceNetworkServiceAssociations(w.as(owner),
		&model.ListServiceNetworkServiceAssociationsInput{ServiceIdentifier: s.Id}))(t).Items[0].Id}))(t)
	w.sweep()
	ok(w.DeleteService(w.as(owner), &model.DeleteServiceInput{ServiceIdentifier: s.Id}))(t)
	w.refused(create(n.Id, s.Id), fault.Conflict, "status: DELETE_IN_PROGRESS")
}

func TestVPCAssociations(t *testing.T) {
	w := newWorld(t)
	v, sg := w.network(owner, "1", "10.1.0.0/16")
	_, far := w.network(owner, "2", "10.2.0.0/16")
	theirs, _ := w.network(consumer, "3", "10.3.0.0/16")
	n, second := w.newNetwork(owner, "one"), w.newNetwork(owner, "two")
	base := func() model.CreateServiceNetworkVpcAssociationInput {
		return model.CreateServiceNetworkVpcAssociationInput{ServiceNetworkIdentifier: n.Id, VpcIdentifier: &v}
	}
	for what, test := range map[string]struct {
		change func(*model.CreateServiceNetworkVpcAssociationInput)
		kind   fault.Kind
		words  string
	}{
		"no such network":       {func(in *model.CreateServiceNetworkVpcAssociationInput) { in.ServiceNetworkIdentifier = new("one") }, fault.NotFound, "service network"},
		"another account's VPC": {func(in *model.CreateServiceNetworkVpcAssociationInput) { in.VpcIdentifier = &theirs }, fault.NotFound, "VPC"},
		"no VPC":                {func(in *model.CreateServiceNetworkVpcAssociationInput) { in.VpcIdentifier = nil }, fault.NotFound, "VPC"},
		"another VPC's group":   {func(in *model.CreateServiceNetworkVpcAssociationInput) { in.SecurityGroupIds = []string{far} }, fault.Invalid, "not of the VPC"},
		"another account's group": {func(in *model.CreateServiceNetworkVpcAssociationInput) {
			in.SecurityGroupIds = []string{"sg-00000000000000003"}
		}, fault.NotFound, "security group"},
		"six groups":        {func(in *model.CreateServiceNetworkVpcAssociationInput) { in.SecurityGroupIds = make([]string, 6) }, fault.Invalid, "At most 5"},
		"DNS options alone": {func(in *model.CreateServiceNetworkVpcAssociationInput) { in.DnsOptions = &model.DnsOptions{} }, fault.Invalid, "private DNS"},
		"unknown preference": {func(in *model.CreateServiceNetworkVpcAssociationInput) {
			in.PrivateDnsEnabled, in.DnsOptions = new(true), &model.DnsOptions{PrivateDnsPreference: new("SOME")}
		}, fault.Invalid, "preference"},
		"domains without preference": {func(in *model.CreateServiceNetworkVpcAssociationInput) {
			in.PrivateDnsEnabled, in.DnsOptions = new(true), &model.DnsOptions{PrivateDnsSpecifiedDomains: []string{"a.b"}}
		}, fault.Invalid, "preference"},
	} {
		in := base()
		test.change(&in)
		_, err := w.CreateServiceNetworkVpcAssociation(w.as(owner), &in)
		t.Run(what, func(*testing.T) { w.refused(err, test.kind, test.words) })
	}

	w.lag()
	in := base()
	in.SecurityGroupIds = []string{sg, sg}
	in.PrivateDnsEnabled, in.DnsOptions = new(true), &model.DnsOptions{PrivateDnsPreference: new("SPECIFIED_DOMAINS_ONLY"), PrivateDnsSpecifiedDomains: []string{"a.b"}}
	a := ok(w.CreateServiceNetworkVpcAssociation(w.as(owner), &in))(t)
	equal(t, "status", *a.Status, "CREATE_IN_PROGRESS")
	same(t, "groups", a.SecurityGroupIds, []string{sg})
	same(t, "domains", a.DnsOptions.PrivateDnsSpecifiedDomains, []string{"a.b"})
	update := &model.UpdateServiceNetworkVpcAssociationInput{ServiceNetworkVpcAssociationIdentifier: a.Id, SecurityGroupIds: []string{sg}}
	del := &model.DeleteServiceNetworkVpcAssociationInput{ServiceNetworkVpcAssociationIdentifier: a.Arn}
	_, err := w.UpdateServiceNetworkVpcAssociation(w.as(owner), update)
	w.refused(err, fault.Conflict, "status: CREATE_IN_PROGRESS")
	_, err = w.DeleteServiceNetworkVpcAssociation(w.as(owner), del)
	w.refused(err, fault.Conflict, "status: CREATE_IN_PROGRESS")
	other := base()
	other.ServiceNetworkIdentifier = second.Id
	_, err = w.CreateServiceNetworkVpcAssociation(w.as(owner), &other)
	w.refused(err, fault.Conflict, "VPC has already been associated to a service network.")

	// Updates are in progress until hosts have them, and tags are no update.
	status := func() string {
		t.Helper()
		return *ok(w.GetServiceNetworkVpcAssociation(w.as(owner), &model.GetServiceNetworkVpcAssociationInput{ServiceNetworkVpcAssociationIdentifier: a.Id}))(t).Status
	}
	w.lag()
	equal(t, "status", status(), "ACTIVE")
	equal(t, "status", *ok(w.UpdateServiceNetworkVpcAssociation(w.as(owner), update))(t).Status, "UPDATE_IN_PROGRESS")
	equal(t, "status", status(), "UPDATE_IN_PROGRESS")
	_, err = w.DeleteServiceNetworkVpcAssociation(w.as(owner), del)
	w.refused(err, fault.Conflict, "status: UPDATE_IN_PROGRESS")
	w.host(w.view.Snapshot().SpecRev, map[string]string{*a.Id: "no"})
	equal(t, "status", status(), "UPDATE_FAILED")
	w.host(w.view.Snapshot().SpecRev, map[string]string{*base().VpcIdentifier: "no namespace"})
	equal(t, "status where the VPC cannot be made", status(), "UPDATE_FAILED")
	w.lag()
	equal(t, "status", status(), "ACTIVE")
	ok(w.TagResource(w.as(owner), &model.TagResourceInput{ResourceArn: a.Arn, Tags: map[string]string{"a": "b"}}))(t)
	equal(t, "status after tagging", status(), "ACTIVE")
	_, err = w.UpdateServiceNetworkVpcAssociation(w.as(owner), &model.UpdateServiceNetworkVpcAssociationInput{ServiceNetworkVpcAssociationIdentifier: a.Id, SecurityGroupIds: []string{}})
	w.refused(err, fault.Invalid, "At least one")
	_, err = w.UpdateServiceNetworkVpcAssociation(w.as(owner), &model.UpdateServiceNetworkVpcAssociationInput{ServiceNetworkVpcAssociationIdentifier: a.Id, SecurityGroupIds: []string{far}})
	w.refused(err, fault.Invalid, "not of the VPC")
	equal(t, "status of an empty update", *ok(w.UpdateServiceNetworkVpcAssociation(w.as(owner), &model.UpdateServiceNetworkVpcAssociationInput{ServiceNetworkVpcAssociationIdentifier: a.Id}))(t).Status, "ACTIVE")

	w.host(always, nil)
	ok(w.DeleteServiceNetworkVpcAssociation(w.as(owner), del))(t)
	ok(w.DeleteServiceNetworkVpcAssociation(w.as(owner), del))(t)
	equal(t, "status", status(), "DELETE_IN_PROGRESS")
	_, err = w.CreateServiceNetworkVpcAssociation(w.as(owner), &other)
	w.refused(err, fault.Conflict, "status: DELETE_IN_PROGRESS")
	w.sweep()
	ok(w.CreateServiceNetworkVpcAssociation(w.as(owner), &other))(t)
	_, err = w.ListServiceNetworkVpcAssociations(w.as(owner), &model.ListServiceNetworkVpcAssociationsInput{})
	w.refused(err, fault.Invalid, "must be given")
}

func TestAssociationQuotas(t *testing.T) {
	w := newWorld(t)
	n, s := w.newNetwork(owner, "one"), w.newService(owner, "one")
	v, _ := w.network(owner, "1", "10.1.0.0/16")
	w.put(func(tx *state.Tx) {
		for i := range lattice.MaxServicesPerNetwork {
			meta := lattice.Meta{Owner: in(owner), ID: fmt.Sprint("fill", i)}
			state.NetworkServices.Put(tx, &lattice.NetworkService{Meta: meta, Network: *n.Id, Service: "other"})
			state.NetworkVPCs.Put(tx, &lattice.NetworkVPC{Meta: meta, Network: *n.Id, VPC: "other"})
		}
	})
	_, err := w.CreateServiceNetworkServiceAssociation(w.as(owner), &model.CreateServiceNetworkServiceAssociationInput{ServiceNetworkIdentifier: n.Id, ServiceIdentifier: s.Id})
	w.refused(err, fault.Quota, "at most 500 services")
	_, err = w.CreateServiceNetworkVpcAssociation(w.as(owner), &model.CreateServiceNetworkVpcAssociationInput{ServiceNetworkIdentifier: n.Id, VpcIdentifier: &v})
	w.refused(err, fault.Quota, "at most 500 VPCs")
}
