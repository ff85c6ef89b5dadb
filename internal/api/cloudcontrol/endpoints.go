package cloudcontrol

import (
	"maps"
	"slices"

	"trellis/internal/aws/model/ec2"
	"trellis/internal/aws/model/vpclattice"
	"trellis/internal/fault"
	"trellis/internal/lattice"
)

func vpcEndpoint() *resource {
	r := &resource{absent: model{"IpAddressType": "ipv4", "PrivateDnsEnabled": false}, stays: []string{"DnsOptions", "SecurityGroupIds", "SubnetIds"}}
	describe := func(c *call, id string) (*ec2.VpcEndpoint, error) {
		out, err := do[ec2.DescribeVpcEndpointsOutput](c, ec2.Model, "DescribeVpcEndpoints", &ec2.DescribeVpcEndpointsInput{VpcEndpointIds: []string{id}})
		if err != nil {
			return nil, err
		}
		return only(out.VpcEndpoints, nil, "The Vpc Endpoint Id '%s' does not exist", id)
	}
	show := func(e ec2.VpcEndpoint) model {
		m := withTags(r, e, e.Tags, ec2Tag)
		m["Id"] = str(e.VpcEndpointId)
		groups := []any{}
		for _, g := range e.Groups {
			groups = append(groups, str(g.GroupId))
		}
		m["SecurityGroupIds"] = groups
		return m
	}
	r.create = func(c *call, want model) error {
		in := ec2.CreateVpcEndpointInput{}
		if err := endpointWanted(want).into(&in); err != nil {
			return err
		}
		in.ClientToken, in.TagSpecifications = &c.token, stampOf("vpc-endpoint", want)
		out, err := do[ec2.CreateVpcEndpointOutput](c, ec2.Model, "CreateVpcEndpoint", &in)
		if err == nil {
			c.made(out.VpcEndpoint.VpcEndpointId)
		}
		return err
	}
	r.status = func(c *call, id string) (*string, *string, error) {
		e, err := describe(c, id)
		if err != nil {
			return nil, nil, err
		}
		return settled(e.State), e.FailureReason, nil
	}
	r.read = func(c *call, id string) (model, error) {
		e, err := describe(c, id)
		if err != nil {
			return nil, err
		}
		return show(*e), nil
	}
	r.update = func(c *call, id string, want, have model) error {
		in, changed := ec2.ModifyVpcEndpointInput{}, false
		some := model{}
		for _, property := range []string{"PrivateDnsEnabled", "DnsOptions", "IpAddressType", "PolicyDocument"} {
			if value, given := want[property]; given && differ(want, have, property) {
				some[property], changed = value, true
			}
		}
		if err := endpointWanted(some).into(&in); err != nil {
			return err
		}
		for property, lists := range map[string][2]*[]string{"SubnetIds": {&in.AddSubnetIds, &in.RemoveSubnetIds},
			"SecurityGroupIds": {&in.AddSecurityGroupIds, &in.RemoveSecurityGroupIds}, "RouteTableIds": {&in.AddRouteTableIds, &in.RemoveRouteTableIds}} {
			if _, given := want[property]; given {
				*lists[0], *lists[1] = without(want, have, property), without(have, want, property)
				changed = changed || len(*lists[0])+len(*lists[1]) > 0
			}
		}
		if changed {
			in.VpcEndpointId = &id
			if _, err := do[ec2.ModifyVpcEndpointOutput](c, ec2.Model, "ModifyVpcEndpoint", &in); err != nil {
				return err
			}
		}
		return c.retagEC2(id, want, have)
	}
	r.remove = func(c *call, id string) error {
		out, err := do[ec2.DeleteVpcEndpointsOutput](c, ec2.Model, "DeleteVpcEndpoints", &ec2.DeleteVpcEndpointsInput{VpcEndpointIds: []string{id}})
		if err == nil && len(out.Unsuccessful) > 0 {
			return fault.New(fault.NotFound, "", "The Vpc Endpoint Id '%s' does not exist", id)
		}
		return err
	}
	r.list = r.listed(func(c *call, _ model) ([]model, error) {
		all, err := pages(func(token *string) ([]ec2.VpcEndpoint, *string, error) {
			out, err := do[ec2.DescribeVpcEndpointsOutput](c, ec2.Model, "DescribeVpcEndpoints", &ec2.DescribeVpcEndpointsInput{NextToken: token})
			if err != nil {
				return nil, nil, err
			}
			return out.VpcEndpoints, out.NextToken, nil
		})
		return each(all, err, show)
	})
	return r
}

// without are the strings that a list of one model has and that of another has not.
func without(of, other model, property string) []string {
	theirs, _ := other[property].([]any)
	mine, _ := of[property].([]any)
	var out []string
	for _, one := range mine {
		if text, ok := one.(string); ok && !slices.Contains(theirs, one) {
			out = append(out, text)
		}
	}
	return out
}

// endpointWanted returns an endpoint with the forms that the API has for its properties.
func endpointWanted(want model) model {
	in := maps.Clone(want)
	if in["IpAddressType"] == "not-specified" {
		delete(in, "IpAddressType")
	}
	if _, object := in["PolicyDocument"].(map[string]any); object {
		in["PolicyDocument"] = want.document("PolicyDocument")
	}
	if options, ok := in["DnsOptions"].(map[string]any); ok {
		options = maps.Clone(options)
		const inbound = "PrivateDnsOnlyForInboundResolverEndpoint"
		if only, given := options[inbound]; given {
			options[inbound] = only == "OnlyInboundResolver"
		}
		if options["DnsRecordIpType"] == "not-specified" {
			delete(options, "DnsRecordIpType")
		}
		in["DnsOptions"] = options
	}
	return in
}

func domainVerification(l Lattice) *resource {
	r := &resource{kind: lattice.KindVerification.Type}
	r.create = func(c *call, want model) error {
		out, err := ask(c, "StartDomainVerification", l.StartDomainVerification,
			&vpclattice.StartDomainVerificationInput{DomainName: want.text("DomainName"), ClientToken: &c.token, Tags: want.tags()})
		if err == nil {
			c.made(out.Arn)
		}
		return err
	}
	r.read = func(c *call, id string) (model, error) {
		out, err := ask(c, "GetDomainVerification", l.GetDomainVerification, &vpclattice.GetDomainVerificationInput{DomainVerificationIdentifier: &id})
		if err != nil {
			return nil, err
		}
		return c.tagged(l, r.show(out), out.Arn)
	}
	r.update = func(c *call, id string, want, have model) error { return c.retag(l, id, want, have) }
	r.remove = func(c *call, id string) error {
		_, err := ask(c, "DeleteDomainVerification", l.DeleteDomainVerification, &vpclattice.DeleteDomainVerificationInput{DomainVerificationIdentifier: &id})
		return err
	}
	r.list = func(c *call, _ model, max *int32, token *string) ([]model, *string, error) {
		out, err := ask(c, "ListDomainVerifications", l.ListDomainVerifications, &vpclattice.ListDomainVerificationsInput{MaxResults: max, NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return showAll(r, out.Items, out.NextToken, nil)
	}
	return r
}
