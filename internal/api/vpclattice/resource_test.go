package vpclattice_test

import (
	"net/netip"
	"slices"
	"testing"

	model "trellis/internal/aws/model/vpclattice"
	"trellis/internal/fault"
	"trellis/internal/lattice"
	"trellis/internal/state"
)

// A gateway, what is behind it and its place in a network come up in this order and go in the opposite one.
func TestResources(t *testing.T) {
	w := newWorld(t)
	v, sg := w.network(owner, "1", "10.1.0.0/16")
	n := w.newNetwork(owner, "one")
	ctx := w.as(owner)
	w.lag()
	g := ok(w.CreateResourceGateway(ctx, &model.CreateResourceGatewayInput{Name: new("one"), VpcIdentifier: &v, SubnetIds: []string{subnetOf(v)}, SecurityGroupIds: []string{sg}}))(t)
	equal(t, "status", *g.Status, "CREATE_IN_PROGRESS")
	equal(t, "addresses", *g.Ipv4AddressesPerEni, 16)
	_, err := w.DeleteResourceGateway(ctx, &model.DeleteResourceGatewayInput{ResourceGatewayIdentifier: g.Id})
	w.refused(err, fault.Conflict, "CREATE_IN_PROGRESS")
	w.host(always, nil)

	s := w.view.Snapshot()
	interfaces := slices.Collect(state.Interfaces.By(s, state.ByUser, *g.Arn))
	equal(t, "interfaces", len(interfaces), 1)
	equal(t, "addresses of the interface", len(interfaces[0].Addresses()), 16)
	equal(t, "different addresses", len(state.UsedAddresses(s, subnetOf(v))), 16)

	c := w.resource(owner, "database", g.Id, "10.1.0.200")
	as := w.place(owner, n.Id, c.Id)
	got := ok(w.GetServiceNetworkResourceAssociation(ctx, &model.GetServiceNetworkResourceAssociationInput{ServiceNetworkResourceAssociationIdentifier: as.Id}))(t)
	equal(t, "status", *got.Status, "ACTIVE")
	equal(t, "name", *got.DnsEntry.DomainName, *as.Id+"."+*c.Id+".4232ccc.vpc-lattice-rsc."+region+".on.aws")
	row, _ := state.NetworkResources.Get(w.view.Snapshot(), *as.Id)
	if !lattice.RangeResources.Contains(row.Address) {
		t.Errorf("the resource is at %s", row.Address)
	}
	_, err = w.CreateServiceNetworkResourceAssociation(ctx, &model.CreateServiceNetworkResourceAssociationInput{ServiceNetworkIdentifier: n.Id, ResourceConfigurationIdentifier: c.Id})
	w.refused(err, fault.Conflict, "already associated")

	w.lag()
	up := ok(w.UpdateResourceConfiguration(ctx, &model.UpdateResourceConfigurationInput{ResourceConfigurationIdentifier: c.Id, PortRanges: []string{"1-100", "200"}}))(t)
	equal(t, "status", *up.Status, "UPDATE_IN_PROGRESS")
	equal(t, "ports", len(up.PortRanges), 2)
	equal(t, "status", *ok(w.GetResourceConfiguration(ctx, &model.GetResourceConfigurationInput{ResourceConfigurationIdentifier: c.Id}))(t).Status, "UPDATE_IN_PROGRESS")
	w.host(always, nil)

	_, err = w.DeleteResourceGateway(ctx, &model.DeleteResourceGatewayInput{ResourceGatewayIdentifier: g.Id})
	w.refused(err, fault.Conflict, "is used by")
	_, err = w.DeleteResourceConfiguration(ctx, &model.DeleteResourceConfigurationInput{ResourceConfigurationIdentifier: c.Id})
	w.refused(err, fault.Conflict, "is associated")
	_, err = w.DeleteServiceNetwork(ctx, &model.DeleteServiceNetworkInput{ServiceNetworkIdentifier: n.Id})
	w.refused(err, fault.Conflict, "associated")

	gone := ok(w.DeleteServiceNetworkResourceAssociation(ctx, &model.DeleteServiceNetworkResourceAssociationInput{ServiceNetworkResourceAssociationIdentifier: as.Id}))(t)
	equal(t, "status", *gone.Status, "DELETE_IN_PROGRESS")
	w.sweep()
	ok(w.DeleteResourceConfiguration(ctx, &model.DeleteResourceConfigurationInput{ResourceConfigurationIdentifier: c.Id}))(t)
	equal(t, "status", *ok(w.GetResourceConfiguration(ctx, &model.GetResourceConfigurationInput{ResourceConfigurationIdentifier: c.Id}))(t).Status, "DELETE_IN_PROGRESS")
	w.sweep()
	ok(w.DeleteResourceGateway(ctx, &model.DeleteResourceGatewayInput{ResourceGatewayIdentifier: g.Id}))(t)
	equal(t, "addresses that are left", len(state.UsedAddresses(w.view.Snapshot(), subnetOf(v))), 0)
	w.sweep()
	_, err = w.GetResourceGateway(ctx, &model.GetResourceGatewayInput{ResourceGatewayIdentifier: g.Id})
	w.refused(err, fault.NotFound, "does not exist")
}

// What is not asked for rightly, or not built, is refused by its name.
func TestResourceRefusals(t *testing.T) {
	w := newWorld(t)
	v, _ := w.network(owner, "1", "10.1.0.0/16")
	g := w.gateway(owner, "one", v)
	ctx := w.as(owner)
	dns := &model.ResourceConfigurationDefinition{DnsResource: &model.DnsResource{DomainName: new("db.example.com"), IpAddressType: new("IPV4")}}
	for words, in := range map[string]model.CreateResourceConfigurationInput{
		"type GROUP":     {Type: new("GROUP"), PortRanges: []string{"1"}, ResourceConfigurationDefinition: dns},
		"type ARN":       {Type: new("ARN"), PortRanges: []string{"1"}, ResourceConfigurationDefinition: dns},
		"TCP_UDP":        {Type: new("SINGLE"), Protocol: new("TCP_UDP"), PortRanges: []string{"1"}, ResourceConfigurationDefinition: dns},
		"port range":     {Type: new("SINGLE"), ResourceConfigurationDefinition: dns},
		"'0'":            {Type: new("SINGLE"), PortRanges: []string{"0"}, ResourceConfigurationDefinition: dns},
		"'9-8'":          {Type: new("SINGLE"), PortRanges: []string{"9-8"}, ResourceConfigurationDefinition: dns},
		"overlap":        {Type: new("SINGLE"), PortRanges: []string{"1-9", "9"}, ResourceConfigurationDefinition: dns},
		"Exactly one":    {Type: new("SINGLE"), PortRanges: []string{"1"}},
		"not within":     {Type: new("SINGLE"), PortRanges: []string{"1"}, ResourceConfigurationDefinition: ipResource("10.2.0.1")},
		"custom domain":  {Type: new("SINGLE"), PortRanges: []string{"1"}, ResourceConfigurationDefinition: dns, CustomDomainName: new("db.example.com")},
		"'nonsense'":     {Type: new("SINGLE"), PortRanges: []string{"1"}, ResourceConfigurationDefinition: ipResource("nonsense")},
		"not a domain":   {Type: new("SINGLE"), PortRanges: []string{"1"}, ResourceConfigurationDefinition: &model.ResourceConfigurationDefinition{DnsResource: &model.DnsResource{DomainName: new("-")}}},
		"gateway must":   {Type: new("SINGLE"), PortRanges: []string{"1"}, ResourceConfigurationDefinition: dns, ResourceGatewayIdentifier: new("")},
		"DUALSTACK is n": {Type: new("SINGLE"), PortRanges: []string{"1"}, ResourceConfigurationDefinition: &model.ResourceConfigurationDefinition{DnsResource: &model.DnsResource{DomainName: new("a.b"), IpAddressType: new("DUALSTACK")}}},
	} {
		in.Name = new("one")
		switch {
		case in.ResourceGatewayIdentifier == nil:
			in.ResourceGatewayIdentifier = g.Id
		default:
			in.ResourceGatewayIdentifier = nil
		}
		_, err := w.CreateResourceConfiguration(ctx, &in)
		if !fault.Is(err, fault.Invalid) && !fault.Is(err, fault.Unsupported) {
			t.Errorf("%s: %v", words, err)
		}
		if e, ok := err.(*fault.Error); ok {
			w.refused(err, e.Kind, words)
		}
	}
	for words, in := range map[string]model.CreateResourceGatewayInput{
		"IPv6":         {IpAddressType: new("DUALSTACK"), SubnetIds: []string{subnetOf(v)}},
		"one subnet":   {},
		"twice":        {SubnetIds: []string{subnetOf(v), subnetOf(v)}},
		"between 1":    {SubnetIds: []string{subnetOf(v)}, Ipv4AddressesPerEni: new(int32(63))},
		"IN_VPC":       {SubnetIds: []string{subnetOf(v)}, ResourceConfigDnsResolution: new("HERE")},
		"fewer than":   {SubnetIds: []string{"subnet-00000000000000009"}},
		"VPC of the r": {SubnetIds: []string{subnetOf(v)}, VpcIdentifier: new("")},
	} {
		in.Name = new("two")
		if in.VpcIdentifier != nil {
			in.VpcIdentifier = nil
		} else {
			in.VpcIdentifier = &v
		}
		w.put(func(tx *state.Tx) {
			sn, _ := state.Subnets.Get(tx, subnetOf(v))
			sn.ID, sn.CIDR = "subnet-00000000000000009", netip.MustParsePrefix("10.1.9.0/28")
			state.Subnets.Put(tx, sn)
		})
		_, err := w.CreateResourceGateway(ctx, &in)
		w.refused(err, fault.Invalid, words)
	}
}

// A configuration that does not allow it stays out of networks that are shared.
func TestSharedResources(t *testing.T) {
	w := newWorld(t)
	v, _ := w.network(owner, "1", "10.1.0.0/16")
	c := w.resource(owner, "database", w.gateway(owner, "one", v).Id, "10.1.0.200")
	n := w.newNetwork(consumer, "theirs")
	place := func() error {
		_, err := w.CreateServiceNetworkResourceAssociation(w.as(consumer), &model.CreateServiceNetworkResourceAssociationInput{ServiceNetworkIdentifier: n.Id, ResourceConfigurationIdentifier: c.Arn})
		return err
	}
	w.refused(place(), fault.NotFound, "does not exist")
	w.share("s", []string{*c.Arn}, consumer)
	equal(t, "configurations seen", len(ok(w.ListResourceConfigurations(w.as(consumer), &model.ListResourceConfigurationsInput{}))(t).Items), 1)
	w.refused(place(), fault.Invalid, "does not allow")
	ok(w.UpdateResourceConfiguration(w.as(owner), &model.UpdateResourceConfigurationInput{ResourceConfigurationIdentifier: c.Id, AllowAssociationToShareableServiceNetwork: new(true)}))(t)
	if err := place(); err != nil {
		t.Fatal(err)
	}
	_, err := w.DeleteResourceConfiguration(w.as(consumer), &model.DeleteResourceConfigurationInput{ResourceConfigurationIdentifier: c.Arn})
	w.refused(err, fault.Denied, "DeleteResourceConfiguration")
	_, err = w.DeleteResourceConfiguration(w.as(owner), &model.DeleteResourceConfigurationInput{ResourceConfigurationIdentifier: c.Arn})
	w.refused(err, fault.Conflict, "is associated")
}
