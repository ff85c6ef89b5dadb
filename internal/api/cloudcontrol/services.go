package cloudcontrol

import (
	"maps"

	"trellis/internal/arn"
	"trellis/internal/aws/model/vpclattice"
	"trellis/internal/lattice"
)

// resources returns the handlers of every type that is built, by the type's name.
func resources(l Lattice) map[string]*resource {
	all := latticeTypes(l)
	for _, more := range []map[string]*resource{networkTypes(), balancerTypes(), identityTypes(), functionTypes(), accountTypes()} {
		maps.Copy(all, more)
	}
	return all
}

// Unbuilt returns the properties that are refused because their effect is not built, as paths of schemas, by type.
func Unbuilt() map[string][]string {
	out := map[string][]string{}
	for name, r := range resources(nil) {
		if len(r.unbuilt) > 0 {
			out[name] = r.unbuilt
		}
	}
	return out
}

func latticeTypes(l Lattice) map[string]*resource {
	return map[string]*resource{
		"AWS::VpcLattice::ResourceGateway":                   resourceGateway(l),
		"AWS::VpcLattice::ResourceConfiguration":             resourceConfiguration(l),
		"AWS::VpcLattice::ServiceNetworkResourceAssociation": resourceAssociation(l),
		"AWS::VpcLattice::DomainVerification":                domainVerification(l),
		"AWS::VpcLattice::ServiceNetwork":                    serviceNetwork(l),
		"AWS::VpcLattice::Service":                           latticeService(l),
		"AWS::VpcLattice::ServiceNetworkServiceAssociation":  serviceAssociation(l),
		"AWS::VpcLattice::ServiceNetworkVpcAssociation":      vpcAssociation(l),
		"AWS::VpcLattice::Listener":                          listener(l),
		"AWS::VpcLattice::Rule":                              rule(l),
		"AWS::VpcLattice::TargetGroup":                       targetGroup(l),
		"AWS::VpcLattice::AuthPolicy":                        authPolicy(l),
		"AWS::VpcLattice::ResourcePolicy":                    resourcePolicy(l),
		"AWS::VpcLattice::AccessLogSubscription":             accessLogSubscription(l),
	}
}

// nameOf returns the name that is wanted, or one made up from the request's token, so that the same request makes the same.
func (c *call) nameOf(want model) *string {
	if name := want.text("Name"); name != nil {
		return name
	}
	return new("cloudcontrol-" + c.token[max(0, len(c.token)-12):])
}

// authTypeOf returns the auth type that is wanted; a model without one wants the default.
func authTypeOf(want model) *string {
	if t := want.text("AuthType"); t != nil {
		return t
	}
	return new(lattice.AuthNone)
}

// showAll presents the items of a listing.
func showAll[T any](r *resource, items []T, next *string, err error) ([]model, *string, error) {
	out := make([]model, 0, len(items))
	for _, item := range items {
		out = append(out, r.show(item))
	}
	return out, next, err
}

func serviceNetwork(l Lattice) *resource {
	r := &resource{kind: lattice.KindNetwork.Type, lasting: []string{"SharingConfig"}}
	r.create = func(c *call, want model) error {
		in := vpclattice.CreateServiceNetworkInput{}
		if err := want.into(&in); err != nil {
			return err
		}
		in.Name, in.ClientToken, in.Tags = c.nameOf(want), &c.token, want.tags()
		out, err := ask(c, "CreateServiceNetwork", l.CreateServiceNetwork, &in)
		if err == nil {
			c.made(out.Arn)
		}
		return err
	}
	r.read = func(c *call, id string) (model, error) {
		out, err := ask(c, "GetServiceNetwork", l.GetServiceNetwork, &vpclattice.GetServiceNetworkInput{ServiceNetworkIdentifier: &id})
		if err != nil {
			return nil, err
		}
		return c.tagged(l, r.show(out), out.Arn)
	}
	r.update = func(c *call, id string, want, have model) error {
		if auth := authTypeOf(want); *auth != str(have.text("AuthType")) {
			if _, err := ask(c, "UpdateServiceNetwork", l.UpdateServiceNetwork, &vpclattice.UpdateServiceNetworkInput{ServiceNetworkIdentifier: &id, AuthType: auth}); err != nil {
				return err
			}
		}
		return c.retag(l, id, want, have)
	}
	r.remove = func(c *call, id string) error {
		_, err := ask(c, "DeleteServiceNetwork", l.DeleteServiceNetwork, &vpclattice.DeleteServiceNetworkInput{ServiceNetworkIdentifier: &id})
		return err
	}
	r.list = func(c *call, _ model, max *int32, token *string) ([]model, *string, error) {
		out, err := ask(c, "ListServiceNetworks", l.ListServiceNetworks, &vpclattice.ListServiceNetworksInput{MaxResults: max, NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return showAll(r, out.Items, out.NextToken, nil)
	}
	return r
}

func latticeService(l Lattice) *resource {
	r := &resource{kind: lattice.KindService.Type, absent: model{"IdleTimeoutSeconds": jsonNumber(int32(60))}}
	get := func(c *call, id string) (*vpclattice.GetServiceOutput, error) {
		return ask(c, "GetService", l.GetService, &vpclattice.GetServiceInput{ServiceIdentifier: &id})
	}
	r.create = func(c *call, want model) error {
		in := vpclattice.CreateServiceInput{}
		if err := want.into(&in); err != nil {
			return err
		}
		in.Name, in.ClientToken, in.Tags = c.nameOf(want), &c.token, want.tags()
		out, err := ask(c, "CreateService", l.CreateService, &in)
		if err == nil {
			c.made(out.Arn)
		}
		return err
	}
	r.status = func(c *call, id string) (*string, *string, error) {
		out, err := get(c, id)
		if err != nil {
			return nil, nil, err
		}
		return out.Status, out.FailureMessage, nil
	}
	r.read = func(c *call, id string) (model, error) {
		out, err := get(c, id)
		if err != nil {
			return nil, err
		}
		return c.tagged(l, r.show(out), out.Arn)
	}
	r.update = func(c *call, id string, want, have model) error {
		auth := authTypeOf(want)
		if *auth != str(have.text("AuthType")) || differ(want, have, "CertificateArn") || differ(want, have, "IdleTimeoutSeconds") {
			in := vpclattice.UpdateServiceInput{}
			if err := want.into(&in); err != nil {
				return err
			}
			in.ServiceIdentifier, in.AuthType = &id, auth
			if _, err := ask(c, "UpdateService", l.UpdateService, &in); err != nil {
				return err
			}
		}
		return c.retag(l, id, want, have)
	}
	r.remove = func(c *call, id string) error {
		_, err := ask(c, "DeleteService", l.DeleteService, &vpclattice.DeleteServiceInput{ServiceIdentifier: &id})
		return err
	}
	r.list = func(c *call, _ model, max *int32, token *string) ([]model, *string, error) {
		out, err := ask(c, "ListServices", l.ListServices, &vpclattice.ListServicesInput{MaxResults: max, NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return showAll(r, out.Items, out.NextToken, nil)
	}
	return r
}

func serviceAssociation(l Lattice) *resource {
	r := &resource{kind: lattice.KindNetworkService.Type}
	get := func(c *call, id string) (*vpclattice.GetServiceNetworkServiceAssociationOutput, error) {
		return ask(c, "GetServiceNetworkServiceAssociation", l.GetServiceNetworkServiceAssociation,
			&vpclattice.GetServiceNetworkServiceAssociationInput{ServiceNetworkServiceAssociationIdentifier: &id})
	}
	r.create = func(c *call, want model) error {
		out, err := ask(c, "CreateServiceNetworkServiceAssociation", l.CreateServiceNetworkServiceAssociation, &vpclattice.CreateServiceNetworkServiceAssociationInput{
			ServiceIdentifier: want.text("ServiceIdentifier"), ServiceNetworkIdentifier: want.text("ServiceNetworkIdentifier"), ClientToken: &c.token, Tags: want.tags()})
		if err == nil {
			c.made(out.Arn)
		}
		return err
	}
	r.status = func(c *call, id string) (*string, *string, error) {
		out, err := get(c, id)
		if err != nil {
			return nil, nil, err
		}
		return out.Status, out.FailureMessage, nil
	}
	r.read = func(c *call, id string) (model, error) {
		out, err := get(c, id)
		if err != nil {
			return nil, err
		}
		return c.tagged(l, r.show(out), out.Arn)
	}
	r.update = func(c *call, id string, want, have model) error { return c.retag(l, id, want, have) }
	r.remove = func(c *call, id string) error {
		_, err := ask(c, "DeleteServiceNetworkServiceAssociation", l.DeleteServiceNetworkServiceAssociation,
			&vpclattice.DeleteServiceNetworkServiceAssociationInput{ServiceNetworkServiceAssociationIdentifier: &id})
		return err
	}
	r.list = func(c *call, by model, max *int32, token *string) ([]model, *string, error) {
		out, err := ask(c, "ListServiceNetworkServiceAssociations", l.ListServiceNetworkServiceAssociations, &vpclattice.ListServiceNetworkServiceAssociationsInput{
			ServiceIdentifier: by.text("ServiceIdentifier"), ServiceNetworkIdentifier: by.text("ServiceNetworkIdentifier"), MaxResults: max, NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return showAll(r, out.Items, out.NextToken, nil)
	}
	return r
}

func vpcAssociation(l Lattice) *resource {
	r := &resource{kind: lattice.KindNetworkVPC.Type}
	get := func(c *call, id string) (*vpclattice.GetServiceNetworkVpcAssociationOutput, error) {
		return ask(c, "GetServiceNetworkVpcAssociation", l.GetServiceNetworkVpcAssociation,
			&vpclattice.GetServiceNetworkVpcAssociationInput{ServiceNetworkVpcAssociationIdentifier: &id})
	}
	r.create = func(c *call, want model) error {
		in := vpclattice.CreateServiceNetworkVpcAssociationInput{}
		if err := want.into(&in); err != nil {
			return err
		}
		in.ClientToken, in.Tags = &c.token, want.tags()
		out, err := ask(c, "CreateServiceNetworkVpcAssociation", l.CreateServiceNetworkVpcAssociation, &in)
		if err == nil {
			c.made(out.Arn)
		}
		return err
	}
	r.status = func(c *call, id string) (*string, *string, error) {
		out, err := get(c, id)
		if err != nil {
			return nil, nil, err
		}
		return out.Status, out.FailureMessage, nil
	}
	r.read = func(c *call, id string) (model, error) {
		out, err := get(c, id)
		if err != nil {
			return nil, err
		}
		return c.tagged(l, r.show(out), out.Arn)
	}
	r.update = func(c *call, id string, want, have model) error {
		if differ(want, have, "SecurityGroupIds") {
			in := vpclattice.UpdateServiceNetworkVpcAssociationInput{SecurityGroupIds: []string{}}
			if err := (model{"SecurityGroupIds": want["SecurityGroupIds"]}).into(&in); err != nil {
				return err
			}
			if in.SecurityGroupIds == nil {
				in.SecurityGroupIds = []string{}
			}
			in.ServiceNetworkVpcAssociationIdentifier = &id
			if _, err := ask(c, "UpdateServiceNetworkVpcAssociation", l.UpdateServiceNetworkVpcAssociation, &in); err != nil {
				return err
			}
		}
		return c.retag(l, id, want, have)
	}
	r.remove = func(c *call, id string) error {
		_, err := ask(c, "DeleteServiceNetworkVpcAssociation", l.DeleteServiceNetworkVpcAssociation,
			&vpclattice.DeleteServiceNetworkVpcAssociationInput{ServiceNetworkVpcAssociationIdentifier: &id})
		return err
	}
	r.list = func(c *call, by model, max *int32, token *string) ([]model, *string, error) {
		out, err := ask(c, "ListServiceNetworkVpcAssociations", l.ListServiceNetworkVpcAssociations, &vpclattice.ListServiceNetworkVpcAssociationsInput{
			ServiceNetworkIdentifier: by.text("ServiceNetworkIdentifier"), VpcIdentifier: by.text("VpcIdentifier"), MaxResults: max, NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return showAll(r, out.Items, out.NextToken, nil)
	}
	return r
}

func listener(l Lattice) *resource {
	r := &resource{kind: lattice.KindListener.Type}
	r.create = func(c *call, want model) error {
		in := vpclattice.CreateListenerInput{}
		if err := want.into(&in); err != nil {
			return err
		}
		in.Name, in.ClientToken, in.Tags = c.nameOf(want), &c.token, want.tags()
		out, err := ask(c, "CreateListener", l.CreateListener, &in)
		if err == nil {
			c.made(out.Arn)
		}
		return err
	}
	r.read = func(c *call, id string) (model, error) {
		out, err := ask(c, "GetListener", l.GetListener, &vpclattice.GetListenerInput{ServiceIdentifier: parent(id), ListenerIdentifier: &id})
		if err != nil {
			return nil, err
		}
		return c.tagged(l, r.show(out), out.Arn)
	}
	r.update = func(c *call, id string, want, have model) error {
		if differ(want, have, "DefaultAction") {
			in := vpclattice.UpdateListenerInput{}
			if err := want.into(&in); err != nil {
				return err
			}
			in.ServiceIdentifier, in.ListenerIdentifier = parent(id), &id
			if _, err := ask(c, "UpdateListener", l.UpdateListener, &in); err != nil {
				return err
			}
		}
		return c.retag(l, id, want, have)
	}
	r.remove = func(c *call, id string) error {
		_, err := ask(c, "DeleteListener", l.DeleteListener, &vpclattice.DeleteListenerInput{ServiceIdentifier: parent(id), ListenerIdentifier: &id})
		return err
	}
	r.list = func(c *call, by model, max *int32, token *string) ([]model, *string, error) {
		out, err := ask(c, "ListListeners", l.ListListeners, &vpclattice.ListListenersInput{ServiceIdentifier: by.text("ServiceIdentifier"), MaxResults: max, NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return showAll(r, out.Items, out.NextToken, nil)
	}
	return r
}

func rule(l Lattice) *resource {
	r := &resource{kind: lattice.KindRule.Type}
	r.create = func(c *call, want model) error {
		in := vpclattice.CreateRuleInput{}
		if err := want.into(&in); err != nil {
			return err
		}
		in.Name, in.ClientToken, in.Tags = c.nameOf(want), &c.token, want.tags()
		out, err := ask(c, "CreateRule", l.CreateRule, &in)
		if err == nil {
			c.made(out.Arn)
		}
		return err
	}
	r.read = func(c *call, id string) (model, error) {
		listener := parent(id)
		out, err := ask(c, "GetRule", l.GetRule, &vpclattice.GetRuleInput{ServiceIdentifier: parent(*listener), ListenerIdentifier: listener, RuleIdentifier: &id})
		if err != nil {
			return nil, err
		}
		return c.tagged(l, r.show(out), out.Arn)
	}
	r.update = func(c *call, id string, want, have model) error {
		if differ(want, have, "Action") || differ(want, have, "Match") || differ(want, have, "Priority") {
			in := vpclattice.UpdateRuleInput{}
			if err := want.into(&in); err != nil {
				return err
			}
			in.ListenerIdentifier, in.RuleIdentifier = parent(id), &id
			in.ServiceIdentifier = parent(*in.ListenerIdentifier)
			if _, err := ask(c, "UpdateRule", l.UpdateRule, &in); err != nil {
				return err
			}
		}
		return c.retag(l, id, want, have)
	}
	r.remove = func(c *call, id string) error {
		listener := parent(id)
		_, err := ask(c, "DeleteRule", l.DeleteRule, &vpclattice.DeleteRuleInput{ServiceIdentifier: parent(*listener), ListenerIdentifier: listener, RuleIdentifier: &id})
		return err
	}
	r.list = func(c *call, by model, max *int32, token *string) ([]model, *string, error) {
		out, err := ask(c, "ListRules", l.ListRules, &vpclattice.ListRulesInput{ServiceIdentifier: by.text("ServiceIdentifier"),
			ListenerIdentifier: by.text("ListenerIdentifier"), MaxResults: max, NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return showAll(r, out.Items, out.NextToken, nil)
	}
	return r
}

// parent returns the ARN of what a listener or rule is part of.
func parent(id string) *string {
	a, err := arn.Parse(id)
	if err != nil {
		return &id
	}
	a.Resource = withoutLast(withoutLast(a.Resource))
	return new(a.String())
}

func withoutLast(path string) string {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' {
			return path[:i]
		}
	}
	return path
}
