package cloudcontrol

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"trellis/internal/api/cloudcontrol/schema"
	"trellis/internal/aws/model/vpclattice"
	"trellis/internal/lattice"
)

const targetsProperty = "Targets"

// atOnce is how many targets one call of the API takes.
const atOnce = 100

func targetGroup(l Lattice) *resource {
	r := &resource{kind: lattice.KindTargetGroup.Type}
	get := func(c *call, id string) (*vpclattice.GetTargetGroupOutput, error) {
		return ask(c, "GetTargetGroup", l.GetTargetGroup, &vpclattice.GetTargetGroupInput{TargetGroupIdentifier: &id})
	}
	r.create = func(c *call, want model) error {
		in := vpclattice.CreateTargetGroupInput{}
		if err := want.into(&in); err != nil {
			return err
		}
		in.Name, in.ClientToken, in.Tags = c.nameOf(want), &c.token, want.tags()
		out, err := ask(c, "CreateTargetGroup", l.CreateTargetGroup, &in)
		if err == nil {
			c.made(out.Arn)
		}
		return err
	}
	r.complete = func(c *call, want model) error { return c.register(l, c.id, targetsOf(want)) }
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
		targets, err := c.targets(l, id)
		if err != nil {
			return nil, err
		}
		m := r.show(out)
		shown := []any{}
		for _, t := range targets {
			if str(t.Status) == lattice.Draining {
				continue
			}
			target := map[string]any{"Id": str(t.Id)}
			if t.Port != nil {
				target["Port"] = json.Number(strconv.Itoa(int(*t.Port)))
			}
			shown = append(shown, target)
		}
		m[targetsProperty] = shown
		return c.tagged(l, m, out.Arn)
	}
	r.update = func(c *call, id string, want, have model) error {
		if differ(want, have, "Config/HealthCheck") {
			const port = "Config/HealthCheck/Port"
			if schema.Has(have, port) && !schema.Has(want, port) {
				return &failure{invalidRequest, "VPC Lattice does not take the Port of a health check away."}
			}
			in := vpclattice.CreateTargetGroupInput{}
			if err := want.into(&in); err != nil {
				return err
			}
			if in.Config != nil && in.Config.HealthCheck != nil {
				if _, err := ask(c, "UpdateTargetGroup", l.UpdateTargetGroup, &vpclattice.UpdateTargetGroupInput{TargetGroupIdentifier: &id, HealthCheck: in.Config.HealthCheck}); err != nil {
					return err
				}
			}
		}
		if err := c.exchange(l, id, want, have); err != nil {
			return err
		}
		return c.retag(l, id, want, have)
	}
	r.remove = func(c *call, id string) error {
		out, err := get(c, id)
		if err != nil {
			return err
		}
		// A group that services use is refused before its targets are taken from it.
		if len(out.ServiceArns) == 0 && str(out.Status) != lattice.Deleting {
			if err := c.empty(l, id); err != nil {
				return err
			}
		}
		_, err = ask(c, "DeleteTargetGroup", l.DeleteTargetGroup, &vpclattice.DeleteTargetGroupInput{TargetGroupIdentifier: &id})
		return err
	}
	r.list = func(c *call, _ model, max *int32, token *string) ([]model, *string, error) {
		out, err := ask(c, "ListTargetGroups", l.ListTargetGroups, &vpclattice.ListTargetGroupsInput{MaxResults: max, NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return showAll(r, out.Items, out.NextToken, nil)
	}
	return r
}

// targetsOf returns the targets of a model.
func targetsOf(m model) []vpclattice.Target {
	var in vpclattice.RegisterTargetsInput
	if err := (model{targetsProperty: m[targetsProperty]}).into(&in); err != nil {
		return nil
	}
	return in.Targets
}

// targets lists a group's targets, those that drain too.
func (c *call) targets(l Lattice, id string) ([]vpclattice.TargetSummary, error) {
	var all []vpclattice.TargetSummary
	var token *string
	for {
		out, err := ask(c, "ListTargets", l.ListTargets, &vpclattice.ListTargetsInput{TargetGroupIdentifier: &id, NextToken: token})
		if err != nil {
			return nil, err
		}
		all = append(all, out.Items...)
		if token = out.NextToken; token == nil {
			return all, nil
		}
	}
}

// empty takes all targets from a group and waits until they are gone.
func (c *call) empty(l Lattice, id string) error {
	targets, err := c.targets(l, id)
	if err != nil || len(targets) == 0 {
		return err
	}
	var registered []vpclattice.Target
	for _, t := range targets {
		if str(t.Status) != lattice.Draining {
			registered = append(registered, vpclattice.Target{Id: t.Id, Port: t.Port})
		}
	}
	if err := c.deregister(l, id, registered); err != nil {
		return err
	}
	return c.drained(l, id)
}

// drained waits until no target of a group drains any more.
func (c *call) drained(l Lattice, id string) error {
	return c.until(func() (bool, error) {
		targets, err := c.targets(l, id)
		return !slices.ContainsFunc(targets, func(t vpclattice.TargetSummary) bool { return str(t.Status) == lattice.Draining }), err
	})
}

// exchange makes a group's targets those that are wanted.
func (c *call) exchange(l Lattice, id string, want, have model) error {
	key := func(t vpclattice.Target) string {
		if t.Port == nil {
			return str(t.Id)
		}
		return str(t.Id) + " " + strconv.Itoa(int(*t.Port))
	}
	wanted, had := targetsOf(want), targetsOf(have)
	var config vpclattice.CreateTargetGroupInput
	if err := have.into(&config); err != nil {
		return err
	}
	if config.Config != nil {
		for i := range wanted {
			wanted[i].Port = cmp.Or(wanted[i].Port, config.Config.Port)
		}
	}
	in := func(list []vpclattice.Target) func(vpclattice.Target) bool {
		return func(t vpclattice.Target) bool {
			return slices.ContainsFunc(list, func(other vpclattice.Target) bool { return key(other) == key(t) })
		}
	}
	gone := slices.DeleteFunc(slices.Clone(had), in(wanted))
	added := slices.DeleteFunc(slices.Clone(wanted), in(had))
	if err := c.deregister(l, id, gone); err != nil {
		return err
	}
	if single := str(have.text("Type")); len(gone) > 0 && len(added) > 0 && (single == lattice.TypeALB || single == lattice.TypeLambda) {
		if err := c.drained(l, id); err != nil {
			return err
		}
	}
	return c.register(l, id, added)
}

func (c *call) register(l Lattice, id string, targets []vpclattice.Target) error {
	for some := range slices.Chunk(targets, atOnce) {
		out, err := ask(c, "RegisterTargets", l.RegisterTargets, &vpclattice.RegisterTargetsInput{TargetGroupIdentifier: &id, Targets: some})
		if err != nil {
			return err
		}
		if err := refused("registered", out.Unsuccessful); err != nil {
			return err
		}
	}
	return nil
}

func (c *call) deregister(l Lattice, id string, targets []vpclattice.Target) error {
	for some := range slices.Chunk(targets, atOnce) {
		if _, err := ask(c, "DeregisterTargets", l.DeregisterTargets, &vpclattice.DeregisterTargetsInput{TargetGroupIdentifier: &id, Targets: some}); err != nil {
			return err
		}
	}
	return nil
}

// refused words why targets were not taken.
func refused(what string, targets []vpclattice.TargetFailure) error {
	if len(targets) == 0 {
		return nil
	}
	var each []string
	for _, t := range targets {
		each = append(each, fmt.Sprintf("%s: %s (%s)", str(t.Id), str(t.FailureMessage), str(t.FailureCode)))
	}
	return &failure{invalidRequest, "Some targets could not be " + what + ": " + strings.Join(each, "; ")}
}
