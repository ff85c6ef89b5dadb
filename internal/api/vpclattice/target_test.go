package vpclattice_test

import (
	"fmt"
	"testing"

	model "trellis/internal/aws/model/vpclattice"
	"trellis/internal/balancer"
	"trellis/internal/fault"
	"trellis/internal/function"
	"trellis/internal/lattice"
	"trellis/internal/state"
)

func TestTargetGroups(t *testing.T) {
	w := newWorld(t)
	v, _ := w.network(owner, "1", "10.0.0.0/16")
	theirs, _ := w.network(consumer, "2", "10.0.0.0/16")
	g := w.newGroup(owner, "instances", "INSTANCE", &model.TargetGroupConfig{Protocol: new("HTTP"), VpcIdentifier: &v})
	equal(t, "port", *g.Config.Port, 80)
	h := g.Config.HealthCheck
	if !*h.Enabled || *h.HealthCheckIntervalSeconds != 30 || *h.HealthCheckTimeoutSeconds != 5 || *h.HealthyThresholdCount != 5 || *h.UnhealthyThresholdCount != 2 ||
		*h.Path != "/" || *h.Matcher.HttpCode != "200" || *h.Protocol != "HTTP" || *h.ProtocolVersion != "HTTP1" || h.Port != nil {
		t.Errorf("default health check %+v", h)
	}
	v1 := w.newGroup(owner, "functions", "LAMBDA", nil)
	equal(t, "default event version", *v1.Config.LambdaEventStructureVersion, "V1")
	v2 := w.newGroup(owner, "functions2", "LAMBDA", &model.TargetGroupConfig{LambdaEventStructureVersion: new("V2")})
	equal(t, "event version", *v2.Config.LambdaEventStructureVersion, "V2")

	for what, test := range map[string]struct {
		in    model.CreateTargetGroupInput
		kind  fault.Kind
		words string
	}{
		"a taken name":          {model.CreateTargetGroupInput{Name: new("instances"), Type: new("LAMBDA")}, fault.Conflict, "already exists"},
		"a bad name":            {model.CreateTargetGroupInput{Name: new("tg-x"), Type: new("LAMBDA")}, fault.Invalid, "tg-"},
		"no type":               {model.CreateTargetGroupInput{Name: new("more")}, fault.Invalid, "type"},
		"no config":             {model.CreateTargetGroupInput{Name: new("more"), Type: new("IP")}, fault.Invalid, "VPC"},
		"another account's VPC": {model.CreateTargetGroupInput{Name: new("more"), Type: new("IP"), Config: &model.TargetGroupConfig{Protocol: new("HTTP"), VpcIdentifier: &theirs}}, fault.NotFound, "VPC"},
		"HTTPS":                 {model.CreateTargetGroupInput{Name: new("more"), Type: new("IP"), Config: &model.TargetGroupConfig{Protocol: new("HTTPS"), VpcIdentifier: &v}}, fault.Unsupported, "protocol HTTPS"},
		"a bad check":           {model.CreateTargetGroupInput{Name: new("more"), Type: new("IP"), Config: &model.TargetGroupConfig{Protocol: new("HTTP"), VpcIdentifier: &v, HealthCheck: &model.HealthCheckConfig{Matcher: &model.Matcher{HttpCode: new("600")}}}}, fault.Invalid, "statuses"},
	} {
		_, err := w.CreateTargetGroup(w.as(owner), &test.in)
		t.Run(what, func(*testing.T) { w.refused(err, test.kind, test.words) })
	}

	up := ok(w.UpdateTargetGroup(w.as(owner), &model.UpdateTargetGroupInput{TargetGroupIdentifier: g.Arn, HealthCheck: &model.HealthCheckConfig{Enabled: new(false), Path: new("/up")}}))(t)
	equal(t, "path", *up.Config.HealthCheck.Path, "/up")
	equal(t, "enabled", *up.Config.HealthCheck.Enabled, false)
	_, err := w.UpdateTargetGroup(w.as(owner), &model.UpdateTargetGroupInput{TargetGroupIdentifier: g.Id})
	w.refused(err, fault.Invalid, "missing")
	_, err = w.UpdateTargetGroup(w.as(owner), &model.UpdateTargetGroupInput{TargetGroupIdentifier: v2.Id, HealthCheck: &model.HealthCheckConfig{}})
	w.refused(err, fault.Invalid, "not supported")

	list := func(in model.ListTargetGroupsInput) int {
		t.Helper()
		return len(ok(w.ListTargetGroups(w.as(owner), &in))(t).Items)
	}
	equal(t, "groups", list(model.ListTargetGroupsInput{}), 3)
	equal(t, "functions", list(model.ListTargetGroupsInput{TargetGroupType: new("LAMBDA")}), 2)
	equal(t, "in the VPC", list(model.ListTargetGroupsInput{VpcIdentifier: &v}), 1)
	equal(t, "functions in the VPC", list(model.ListTargetGroupsInput{VpcIdentifier: &v, TargetGroupType: new("LAMBDA")}), 0)

	w.lag()
	late := w.newGroup(owner, "late", "LAMBDA", nil)
	_, err = w.DeleteTargetGroup(w.as(owner), &model.DeleteTargetGroupInput{TargetGroupIdentifier: late.Id})
	w.refused(err, fault.Conflict, "status: CREATE_IN_PROGRESS")
	w.host(always, map[string]string{*late.Id: "no"})
	equal(t, "status", *ok(w.GetTargetGroup(w.as(owner), &model.GetTargetGroupInput{TargetGroupIdentifier: late.Id}))(t).Status, "CREATE_FAILED")
	equal(t, "status", *ok(w.DeleteTargetGroup(w.as(owner), &model.DeleteTargetGroupInput{TargetGroupIdentifier: late.Id}))(t).Status, "DELETE_IN_PROGRESS")
	ok(w.DeleteTargetGroup(w.as(owner), &model.DeleteTargetGroupInput{TargetGroupIdentifier: late.Id}))(t)
	_, err = w.UpdateTargetGroup(w.as(owner), &model.UpdateTargetGroupInput{TargetGroupIdentifier: late.Id, HealthCheck: &model.HealthCheckConfig{}})
	w.refused(err, fault.Conflict, "status: DELETE_IN_PROGRESS")
	w.sweep()
	_, err = w.GetTargetGroup(w.as(owner), &model.GetTargetGroupInput{TargetGroupIdentifier: late.Id})
	w.refused(err, fault.NotFound, "target group")
}

// target is one as requests name it; a port of 0 is none.
func target(id string, port int32) model.Target {
	t := model.Target{Id: &id}
	if port != 0 {
		t.Port = &port
	}
	return t
}

func (w *world) register(group *string, targets ...model.Target) (successful, failed []string) {
	w.Helper()
	out := ok(w.RegisterTargets(w.as(owner), &model.RegisterTargetsInput{TargetGroupIdentifier: group, Targets: targets}))(w.T)
	for _, s := range out.Successful {
		successful = append(successful, shown(s.Id, s.Port))
	}
	for _, f := range out.Unsuccessful {
		failed = append(failed, shown(f.Id, f.Port)+" "+*f.FailureCode+" "+*f.FailureMessage)
	}
	return successful, failed
}

func shown(id *string, port *int32) string {
	if port == nil {
		return *id
	}
	return fmt.Sprintf("%s:%d", *id, *port)
}

// health lists the targets of a group with their status.
func (w *world) health(group *string, only ...model.Target) []string {
	w.Helper()
	var out []string
	for _, s := range ok(w.ListTargets(w.as(owner), &model.ListTargetsInput{TargetGroupIdentifier: group, Targets: only}))(w.T).Items {
		line := shown(s.Id, s.Port) + " " + *s.Status
		if s.ReasonCode != nil {
			line += " " + *s.ReasonCode
		}
		out = append(out, line)
	}
	return out
}

func TestAddressTargets(t *testing.T) {
	w := newWorld(t)
	v, _ := w.network(owner, "1", "10.1.0.0/16")
	g := w.newGroup(owner, "addresses", "IP", &model.TargetGroupConfig{Protocol: new("HTTP"), Port: new(int32(8080)), VpcIdentifier: &v})
	done, failed := w.register(g.Id, target("10.1.0.1", 0), target("10.1.0.1", 81), target("10.2.0.1", 0), target("169.254.171.1", 0))
	same(t, "registered", done, []string{"10.1.0.1:8080", "10.1.0.1:81"})
	same(t, "refused", failed, []string{
		"10.2.0.1:8080 UnsupportedTarget The IP address 10.2.0.1 is not within the CIDR blocks of the VPC " + v,
		"169.254.171.1:8080 UnsupportedTarget The IP address 169.254.171.1 is not within the CIDR blocks of the VPC " + v})
	for words, targets := range map[string][]model.Target{
		"named twice":        {target("10.1.0.1", 0), target("10.1.0.1", 8080)},
		"not an IP address":  {target("10.1.0", 0)},
		"address type":       {target("fd00::1", 0)},
		"Between 1 and 100 ": {},
	} {
		_, err := w.RegisterTargets(w.as(owner), &model.RegisterTargetsInput{TargetGroupIdentifier: g.Id, Targets: targets})
		w.refused(err, fault.Invalid, words)
	}
	_, err := w.RegisterTargets(w.as(owner), &model.RegisterTargetsInput{TargetGroupIdentifier: g.Id, Targets: make([]model.Target, 101)})
	w.refused(err, fault.Invalid, "Between 1 and 100 ")
	same(t, "health", w.health(g.Id), []string{"10.1.0.1:8080 UNUSED TargetGroupNotInUse", "10.1.0.1:81 UNUSED TargetGroupNotInUse"})

	// A service in a network makes the group used; then the hosts say how its targets are.
	s, n := w.newService(owner, "one"), w.newNetwork(owner, "one")
	w.newListener(owner, s.Id, "http", 80, forward(g.Id))
	same(t, "health", w.health(g.Id, target("10.1.0.1", 81)), []string{"10.1.0.1:81 UNUSED TargetGroupNotInUse"})
	w.join(owner, n.Id, s.Id)
	say := func(port int32, status string) {
		w.put(func(tx *state.Tx) {
			state.Healths.Put(tx, &state.Health{Host: "h", TargetGroup: *g.Arn, Target: "10.1.0.1", Port: port, Status: status, Reason: "connection refused"})
		})
	}
	same(t, "health", w.health(g.Id, target("10.1.0.1", 81)), []string{"10.1.0.1:81 INITIAL"})
	say(81, "HEALTHY")
	same(t, "health", w.health(g.Id), []string{"10.1.0.1:8080 INITIAL", "10.1.0.1:81 HEALTHY"})
	say(81, "UNHEALTHY")
	same(t, "health", w.health(g.Id, target("10.1.0.1", 81)), []string{"10.1.0.1:81 UNHEALTHY HealthCheckFailed"})
	ok(w.UpdateTargetGroup(w.as(owner), &model.UpdateTargetGroupInput{TargetGroupIdentifier: g.Id, HealthCheck: &model.HealthCheckConfig{Enabled: new(false)}}))(t)
	same(t, "health", w.health(g.Id, target("10.1.0.1", 81)), []string{"10.1.0.1:81 UNAVAILABLE HealthCheckDisabled"})

	// In use, a target drains, and comes back when it is registered again.
	out := ok(w.DeregisterTargets(w.as(owner), &model.DeregisterTargetsInput{TargetGroupIdentifier: g.Id, Targets: []model.Target{target("10.1.0.1", 81), target("10.1.0.9", 0)}}))(t)
	equal(t, "deregistered", len(out.Successful), 1)
	equal(t, "code", *out.Unsuccessful[0].FailureCode, "TargetNotFound")
	same(t, "health", w.health(g.Id, target("10.1.0.1", 81)), []string{"10.1.0.1:81 DRAINING"})
	_, before, _ := state.Targets.Lookup(w.view.Snapshot(), *g.Id+"/10.1.0.1/81")
	ok(w.DeregisterTargets(w.as(owner), &model.DeregisterTargetsInput{TargetGroupIdentifier: g.Id, Targets: []model.Target{target("10.1.0.1", 81)}}))(t)
	_, after, _ := state.Targets.Lookup(w.view.Snapshot(), *g.Id+"/10.1.0.1/81")
	equal(t, "the target's last change", after.Modified, before.Modified)
	w.register(g.Id, target("10.1.0.1", 81))
	same(t, "health", w.health(g.Id, target("10.1.0.1", 81)), []string{"10.1.0.1:81 UNAVAILABLE HealthCheckDisabled"})

	// Not in use any more, draining targets still hold the group, and the others go at once.
	ok(w.DeregisterTargets(w.as(owner), &model.DeregisterTargetsInput{TargetGroupIdentifier: g.Id, Targets: []model.Target{target("10.1.0.1", 81)}}))(t)
	l := ok(w.ListListeners(w.as(owner), &model.ListListenersInput{ServiceIdentifier: s.Id}))(t).Items[0]
	ok(w.DeleteListener(w.as(owner), &model.DeleteListenerInput{ServiceIdentifier: s.Id, ListenerIdentifier: l.Id}))(t)
	_, err = w.DeleteTargetGroup(w.as(owner), &model.DeleteTargetGroupInput{TargetGroupIdentifier: g.Id})
	w.refused(err, fault.Conflict, "draining")
	ok(w.DeregisterTargets(w.as(owner), &model.DeregisterTargetsInput{TargetGroupIdentifier: g.Id, Targets: []model.Target{target("10.1.0.1", 8080)}}))(t)
	same(t, "health", w.health(g.Id), []string{"10.1.0.1:81 DRAINING"})
	w.sweep()
	ok(w.DeleteTargetGroup(w.as(owner), &model.DeleteTargetGroupInput{TargetGroupIdentifier: g.Id}))(t)
}

func TestTargetQuota(t *testing.T) {
	w := newWorld(t)
	v, _ := w.network(owner, "1", "10.1.0.0/16")
	g := w.newGroup(owner, "addresses", "IP", &model.TargetGroupConfig{Protocol: new("HTTP"), VpcIdentifier: &v})
	w.put(func(tx *state.Tx) {
		for i := range lattice.MaxTargetsPerGroup {
			state.Targets.Put(tx, &lattice.Target{Owner: in(owner), TargetGroup: *g.Id, ID: "10.1.0.1", Port: int32(1000 + i)})
		}
	})
	_, err := w.RegisterTargets(w.as(owner), &model.RegisterTargetsInput{TargetGroupIdentifier: g.Id, Targets: []model.Target{target("10.1.0.1", 1)}})
	w.refused(err, fault.Quota, "at most 1000 targets")
	if done, _ := w.register(g.Id, target("10.1.0.1", 1000)); len(done) != 1 {
		t.Error("a full group does not take a target again")
	}
}

func TestInstanceTargets(t *testing.T) {
	w := newWorld(t)
	v, _ := w.network(owner, "1", "10.1.0.0/16")
	g := w.newGroup(owner, "instances", "INSTANCE", &model.TargetGroupConfig{Protocol: new("HTTP"), VpcIdentifier: &v})
	_, failed := w.register(g.Id, target("i-0123456789abcdef0", 0))
	same(t, "refused", failed, []string{"i-0123456789abcdef0:80 UnsupportedTarget The instance i-0123456789abcdef0 does not exist"})
}

func TestBalancerTargets(t *testing.T) {
	w := newWorld(t)
	v, _ := w.network(owner, "1", "10.1.0.0/16")
	elsewhere, _ := w.network(owner, "2", "10.2.0.0/16")
	good, other, outside := w.balancer(owner, "good", v, "internal"), w.balancer(owner, "other", v, "internal"), w.balancer(owner, "outside", elsewhere, "internal")
	facing, theirs := w.balancer(owner, "facing", v, "internet-facing"), w.balancer(consumer, "theirs", v, "internal")
	g := w.newGroup(owner, "balancers", "ALB", &model.TargetGroupConfig{Protocol: new("HTTP"), VpcIdentifier: &v})
	for id, words := range map[string]string{
		outside: "same VPC", facing: "must be internal", theirs: "does not exist", good + "x": "does not exist",
	} {
		done, failed := w.register(g.Id, target(id, 0))
		if len(done) != 0 || len(failed) != 1 {
			t.Fatalf("%s: registered %v", id, done)
		}
		contains(t, failed[0], "UnsupportedTarget")
		contains(t, failed[0], words)
	}
	w.put(func(tx *state.Tx) {
		state.BalancerListeners.Put(tx, &balancer.Listener{Owner: in(owner), LoadBalancer: good, ARN: good + "/tls", Protocol: "HTTPS", Port: 443})
	})
	_, failed := w.register(g.Id, target(good, 443))
	contains(t, failed[0], "protocol")
	done, _ := w.register(g.Id, target(good, 0))
	same(t, "registered", done, []string{good + ":80"})
	early := w.newGroup(owner, "early", "ALB", &model.TargetGroupConfig{Protocol: new("HTTP"), VpcIdentifier: &v})
	done, _ = w.register(early.Id, target(good, 81))
	same(t, "registered before the listener", done, []string{good + ":81"})
	_, failed = w.register(g.Id, target(other, 80))
	contains(t, failed[0], "one target only")
	if done, _ := w.register(g.Id, target(good, 80)); len(done) != 1 {
		t.Error("the one target cannot be registered again")
	}
	_, err := w.RegisterTargets(w.as(owner), &model.RegisterTargetsInput{TargetGroupIdentifier: g.Id, Targets: []model.Target{target("10.1.0.1", 80)}})
	w.refused(err, fault.Invalid, "Application Load Balancer")
}

func TestFunctionTargets(t *testing.T) {
	w := newWorld(t)
	f, second, theirs := w.function(owner, "one"), w.function(owner, "two"), w.function(consumer, "one")
	w.put(func(tx *state.Tx) {
		row, _ := state.Functions.Get(tx, f)
		row.Permissions = []function.Permission{{StatementID: "own", Action: "lambda:InvokeFunction", Principal: "vpc-lattice.amazonaws.com"}}
		state.Functions.Put(tx, row)
	})
	g := w.newGroup(owner, "functions", "LAMBDA", nil)
	permissions := func(name string) []function.Permission {
		row, _ := state.Functions.Get(w.view.Snapshot(), name)
		return row.Permissions
	}
	for _, id := range []string{theirs, f + "x", f + ":7", f + ":dead"} {
		if done, failed := w.register(g.Id, target(id, 0)); len(done) != 0 || len(failed) != 1 {
			t.Errorf("%s is registered", id)
		}
	}
	_, err := w.RegisterTargets(w.as(owner), &model.RegisterTargetsInput{TargetGroupIdentifier: g.Id, Targets: []model.Target{target(f, 80)}})
	w.refused(err, fault.Invalid, "without a port")
	w.register(g.Id, target(f, 0))
	w.register(g.Id, target(f, 0))
	got := permissions(f)
	if len(got) != 2 || got[1].Principal != "vpc-lattice.amazonaws.com" || got[1].SourceARN != *g.Arn || got[1].Action != "lambda:InvokeFunction" {
		t.Errorf("permissions %+v", got)
	}
	_, failed := w.register(g.Id, target(second, 0))
	contains(t, failed[0], "one target only")
	equal(t, "permissions of the other", len(permissions(second)), 0)
	same(t, "health", w.health(g.Id), []string{f + " UNUSED TargetGroupNotInUse"})
	ok(w.DeregisterTargets(w.as(owner), &model.DeregisterTargetsInput{TargetGroupIdentifier: g.Id, Targets: []model.Target{target(f, 0)}}))(t)
	equal(t, "permissions afterwards", len(permissions(f)), 1)

	w.register(g.Id, target(f+":live", 0))
	equal(t, "qualifier", permissions(f)[1].Qualifier, "live")
	row, _ := state.Functions.Get(w.view.Snapshot(), f)
	equal(t, "permission", function.Allows(row, "live", "lambda:InvokeFunction", "vpc-lattice.amazonaws.com", *g.Arn, owner), true)
	ok(w.DeleteTargetGroup(w.as(owner), &model.DeleteTargetGroupInput{TargetGroupIdentifier: g.Id}))(t)
	equal(t, "permissions after the group", len(permissions(f)), 1)
}
