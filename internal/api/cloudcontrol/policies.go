package cloudcontrol

import (
	"fmt"
	"reflect"

	"trellis/internal/aws/model/vpclattice"
	"trellis/internal/fault"
	"trellis/internal/lattice"
)

// readPolicy adds a policy, which is a document in the API and an object in models.
func readPolicy(m model, document *string) (model, error) {
	policy, err := parseModel(str(document))
	if err != nil {
		return nil, fmt.Errorf("a stored policy cannot be read: %w", err)
	}
	m[policyProperty] = map[string]any(policy)
	return m, nil
}

// policies returns the handlers of a type that is one policy of another resource, which identifies it.
func policies(identifier string, get func(*call, string) (model, error), put func(c *call, id, document string) error, remove func(*call, string) error) *resource {
	write := func(c *call, id string, want model) error { return put(c, id, want.document(policyProperty)) }
	r := &resource{
		read: get,
		update: func(c *call, id string, want, have model) error {
			if !differ(want, have, policyProperty) {
				return nil
			}
			return write(c, id, want)
		},
		remove: remove,
	}
	r.create = func(c *call, want model) error {
		id := want.text(identifier)
		have, err := get(c, str(id))
		switch {
		case err == nil && c.again && reflect.DeepEqual(have[policyProperty], want[policyProperty]):
			c.made(id)
			return nil
		case err == nil:
			return r.taken(str(id))
		case !fault.Is(err, fault.NotFound):
			return err
		}
		c.made(id)
		return write(c, *id, want)
	}
	return r
}

func authPolicy(l Lattice) *resource {
	return policies("ResourceIdentifier", func(c *call, id string) (model, error) {
		out, err := ask(c, "GetAuthPolicy", l.GetAuthPolicy, &vpclattice.GetAuthPolicyInput{ResourceIdentifier: &id})
		if err != nil {
			return nil, err
		}
		if str(out.Policy) == "" {
			return nil, fault.New(fault.NotFound, "", "The resource %s has no auth policy.", id)
		}
		m := model{"ResourceIdentifier": id}
		if out.State != nil {
			m["State"] = *out.State
		}
		return readPolicy(m, out.Policy)
	}, func(c *call, id, document string) error {
		_, err := ask(c, "PutAuthPolicy", l.PutAuthPolicy, &vpclattice.PutAuthPolicyInput{ResourceIdentifier: &id, Policy: &document})
		return err
	}, func(c *call, id string) error {
		_, err := ask(c, "DeleteAuthPolicy", l.DeleteAuthPolicy, &vpclattice.DeleteAuthPolicyInput{ResourceIdentifier: &id})
		return err
	})
}

func resourcePolicy(l Lattice) *resource {
	return policies("ResourceArn", func(c *call, id string) (model, error) {
		out, err := ask(c, "GetResourcePolicy", l.GetResourcePolicy, &vpclattice.GetResourcePolicyInput{ResourceArn: &id})
		if err != nil {
			return nil, err
		}
		if str(out.Policy) == "" {
			return nil, fault.New(fault.NotFound, "", "The resource %s has no resource policy.", id)
		}
		return readPolicy(model{"ResourceArn": id}, out.Policy)
	}, func(c *call, id, document string) error {
		_, err := ask(c, "PutResourcePolicy", l.PutResourcePolicy, &vpclattice.PutResourcePolicyInput{ResourceArn: &id, Policy: &document})
		return err
	}, func(c *call, id string) error {
		_, err := ask(c, "DeleteResourcePolicy", l.DeleteResourcePolicy, &vpclattice.DeleteResourcePolicyInput{ResourceArn: &id})
		return err
	})
}

func accessLogSubscription(l Lattice) *resource {
	r := &resource{kind: lattice.KindSubscription.Type, lasting: []string{"ServiceNetworkLogType"}}
	r.create = func(c *call, want model) error {
		in := vpclattice.CreateAccessLogSubscriptionInput{}
		if err := want.into(&in); err != nil {
			return err
		}
		in.ClientToken, in.Tags = &c.token, want.tags()
		out, err := ask(c, "CreateAccessLogSubscription", l.CreateAccessLogSubscription, &in)
		if err == nil {
			c.made(out.Arn)
		}
		return err
	}
	r.read = func(c *call, id string) (model, error) {
		out, err := ask(c, "GetAccessLogSubscription", l.GetAccessLogSubscription, &vpclattice.GetAccessLogSubscriptionInput{AccessLogSubscriptionIdentifier: &id})
		if err != nil {
			return nil, err
		}
		return c.tagged(l, r.show(out), out.Arn)
	}
	r.update = func(c *call, id string, want, have model) error {
		if differ(want, have, "DestinationArn") {
			if _, err := ask(c, "UpdateAccessLogSubscription", l.UpdateAccessLogSubscription, &vpclattice.UpdateAccessLogSubscriptionInput{
				AccessLogSubscriptionIdentifier: &id, DestinationArn: want.text("DestinationArn")}); err != nil {
				return err
			}
		}
		return c.retag(l, id, want, have)
	}
	r.remove = func(c *call, id string) error {
		_, err := ask(c, "DeleteAccessLogSubscription", l.DeleteAccessLogSubscription, &vpclattice.DeleteAccessLogSubscriptionInput{AccessLogSubscriptionIdentifier: &id})
		return err
	}
	r.list = func(c *call, by model, max *int32, token *string) ([]model, *string, error) {
		out, err := ask(c, "ListAccessLogSubscriptions", l.ListAccessLogSubscriptions, &vpclattice.ListAccessLogSubscriptionsInput{
			ResourceIdentifier: by.text("ResourceIdentifier"), MaxResults: max, NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return showAll(r, out.Items, out.NextToken, nil)
	}
	return r
}
