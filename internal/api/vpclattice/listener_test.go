package vpclattice_test

import (
	"fmt"
	"testing"

	model "trellis/internal/aws/model/vpclattice"
	"trellis/internal/fault"
)

func TestListeners(t *testing.T) {
	w := newWorld(t)
	v, _ := w.network(owner, "1", "10.0.0.0/16")
	s, other := w.newService(owner, "one"), w.newService(owner, "two")
	config := &model.TargetGroupConfig{Protocol: new("HTTP"), VpcIdentifier: &v}
	g, taken := w.newGroup(owner, "plain", "IP", config), w.newGroup(owner, "taken", "IP", config)
	w.newListener(owner, other.Id, "http", 80, forward(taken.Id))
	l := w.newListener(owner, s.Id, "http", 80, fixed(404))
	equal(t, "fixed response", *l.DefaultAction.FixedResponse.StatusCode, 404)
	equal(t, "ARN", *l.Arn, *s.Arn+"/listener/"+*l.Id)

	for what, test := range map[string]struct {
		in    model.CreateListenerInput
		kind  fault.Kind
		words string
	}{
		"a taken name":            {model.CreateListenerInput{Name: new("http"), Protocol: new("HTTP"), Port: new(int32(81)), DefaultAction: fixed(404)}, fault.Conflict, "name 'http'"},
		"a taken port":            {model.CreateListenerInput{Name: new("more"), Protocol: new("HTTP"), DefaultAction: fixed(404)}, fault.Conflict, "port 80"},
		"a bad port":              {model.CreateListenerInput{Name: new("more"), Protocol: new("HTTP"), Port: new(int32(65536)), DefaultAction: fixed(404)}, fault.Invalid, "port"},
		"a bad name":              {model.CreateListenerInput{Name: new("listener-x"), Protocol: new("HTTP"), DefaultAction: fixed(404)}, fault.Invalid, "listener-"},
		"no protocol":             {model.CreateListenerInput{Name: new("more"), DefaultAction: fixed(404)}, fault.Invalid, "protocol"},
		"HTTPS":                   {model.CreateListenerInput{Name: new("more"), Protocol: new("HTTPS"), DefaultAction: fixed(404)}, fault.Unsupported, "does not serve listeners of protocol HTTPS"},
		"TLS passthrough":         {model.CreateListenerInput{Name: new("more"), Protocol: new("TLS_PASSTHROUGH"), DefaultAction: forward(g.Id)}, fault.Unsupported, "TLS_PASSTHROUGH"},
		"no action":               {model.CreateListenerInput{Name: new("more"), Protocol: new("HTTP"), Port: new(int32(81))}, fault.Invalid, "action"},
		"an empty action":         {model.CreateListenerInput{Name: new("more"), Protocol: new("HTTP"), Port: new(int32(81)), DefaultAction: &model.RuleAction{}}, fault.Invalid, "action"},
		"two actions":             {model.CreateListenerInput{Name: new("more"), Protocol: new("HTTP"), Port: new(int32(81)), DefaultAction: &model.RuleAction{Forward: forward(g.Id).Forward, FixedResponse: fixed(404).FixedResponse}}, fault.Invalid, "action"},
		"a fixed 200":             {model.CreateListenerInput{Name: new("more"), Protocol: new("HTTP"), Port: new(int32(81)), DefaultAction: fixed(200)}, fault.Invalid, "404 or 500"},
		"no status":               {model.CreateListenerInput{Name: new("more"), Protocol: new("HTTP"), Port: new(int32(81)), DefaultAction: &model.RuleAction{FixedResponse: &model.FixedResponseAction{}}}, fault.Invalid, "status"},
		"no target group":         {model.CreateListenerInput{Name: new("more"), Protocol: new("HTTP"), Port: new(int32(81)), DefaultAction: forward()}, fault.Invalid, "between 1 and 10"},
		"a group twice":           {model.CreateListenerInput{Name: new("more"), Protocol: new("HTTP"), Port: new(int32(81)), DefaultAction: forward(g.Id, g.Arn)}, fault.Invalid, "twice"},
		"a group that is not":     {model.CreateListenerInput{Name: new("more"), Protocol: new("HTTP"), Port: new(int32(81)), DefaultAction: forward(new("tg-00000000000000000"))}, fault.NotFound, "target group"},
		"another service's group": {model.CreateListenerInput{Name: new("more"), Protocol: new("HTTP"), Port: new(int32(81)), DefaultAction: forward(taken.Id)}, fault.Conflict, "another service"},
	} {
		test.in.ServiceIdentifier = s.Id
		_, err := w.CreateListener(w.as(owner), &test.in)
		t.Run(what, func(*testing.T) { w.refused(err, test.kind, test.words) })
	}

	more := ok(w.CreateListener(w.as(owner), &model.CreateListenerInput{ServiceIdentifier: s.Arn, Name: new("more"), Protocol: new("HTTP"), Port: new(int32(8080)), DefaultAction: forward(g.Arn)}))(t)
	equal(t, "port", *more.Port, 8080)
	equal(t, "target group", *more.DefaultAction.Forward.TargetGroups[0].TargetGroupIdentifier, *g.Id)
	_, err := w.CreateListener(w.as(owner), &model.CreateListenerInput{ServiceIdentifier: s.Id, Name: new("third"), Protocol: new("HTTP"), Port: new(int32(81)), DefaultAction: fixed(404)})
	w.refused(err, fault.Quota, "at most 2 listeners")

	_, err = w.UpdateListener(w.as(owner), &model.UpdateListenerInput{ServiceIdentifier: s.Id, ListenerIdentifier: l.Arn, DefaultAction: forward(taken.Id)})
	w.refused(err, fault.Conflict, "another service")
	changed := ok(w.UpdateListener(w.as(owner), &model.UpdateListenerInput{ServiceIdentifier: s.Id, ListenerIdentifier: l.Arn, DefaultAction: forward(g.Id)}))(t)
	equal(t, "target group", *changed.DefaultAction.Forward.TargetGroups[0].TargetGroupIdentifier, *g.Id)
	same(t, "services of the group", ok(w.GetTargetGroup(w.as(owner), &model.GetTargetGroupInput{TargetGroupIdentifier: g.Id}))(t).ServiceArns, []string{*s.Arn})
	equal(t, "listeners", len(ok(w.ListListeners(w.as(owner), &model.ListListenersInput{ServiceIdentifier: s.Id}))(t).Items), 2)

	// A listener belongs to its service.
	_, err = w.GetListener(w.as(owner), &model.GetListenerInput{ServiceIdentifier: other.Id, ListenerIdentifier: l.Id})
	w.refused(err, fault.NotFound, "listener")
	ok(w.DeleteListener(w.as(owner), &model.DeleteListenerInput{ServiceIdentifier: s.Id, ListenerIdentifier: l.Id}))(t)
	_, err = w.GetListener(w.as(owner), &model.GetListenerInput{ServiceIdentifier: s.Id, ListenerIdentifier: l.Id})
	w.refused(err, fault.NotFound, "listener")
	ok(w.DeleteListener(w.as(owner), &model.DeleteListenerInput{ServiceIdentifier: s.Id, ListenerIdentifier: more.Id}))(t)
	same(t, "services of the group", ok(w.GetTargetGroup(w.as(owner), &model.GetTargetGroupInput{TargetGroupIdentifier: g.Id}))(t).ServiceArns, []string{})
}

// ruled is a service with a listener.
type ruled struct {
	*world
	s *model.CreateServiceOutput
	l *model.CreateListenerOutput
}

func newRuled(t *testing.T) *ruled {
	w := newWorld(t)
	s := w.newService(owner, "one")
	return &ruled{w, s, w.newListener(owner, s.Id, "http", 80, fixed(404))}
}

func (w *ruled) rule(name string, priority int32) *model.CreateRuleOutput {
	w.Helper()
	return ok(w.CreateRule(w.as(owner), &model.CreateRuleInput{ServiceIdentifier: w.s.Id, ListenerIdentifier: w.l.Id, Name: &name, Priority: &priority, Match: path("/" + name), Action: fixed(404)}))(w.T)
}

// order lists the rules' names as they are tried.
func (w *ruled) order() []string {
	w.Helper()
	var out []string
	for _, r := range ok(w.ListRules(w.as(owner), &model.ListRulesInput{ServiceIdentifier: w.s.Id, ListenerIdentifier: w.l.Id}))(w.T).Items {
		out = append(out, *r.Name)
	}
	return out
}

func TestRules(t *testing.T) {
	w := newRuled(t)
	r := ok(w.CreateRule(w.as(owner), &model.CreateRuleInput{ServiceIdentifier: w.s.Id, ListenerIdentifier: w.l.Arn, Name: new("one"), Priority: new(int32(20)), Action: fixed(500),
		Match: &model.RuleMatch{HttpMatch: &model.HttpMatch{Method: new("GET"), PathMatch: &model.PathMatch{Match: &model.PathMatchType{Exact: new("/a")}},
			HeaderMatches: []model.HeaderMatch{{Name: new("X-A"), Match: &model.HeaderMatchType{Contains: new("b")}}}}}}))(t)
	equal(t, "ARN", *r.Arn, *w.l.Arn+"/rule/"+*r.Id)
	equal(t, "case of paths", *r.Match.HttpMatch.PathMatch.CaseSensitive, true)
	equal(t, "case of headers", *r.Match.HttpMatch.HeaderMatches[0].CaseSensitive, false)
	w.rule("two", 3)
	same(t, "order", w.order(), []string{"two", "one", "default"})

	base := func() model.CreateRuleInput {
		return model.CreateRuleInput{ServiceIdentifier: w.s.Id, ListenerIdentifier: w.l.Id, Name: new("more"), Priority: new(int32(9)), Match: path("/"), Action: fixed(404)}
	}
	for what, test := range map[string]struct {
		change func(*model.CreateRuleInput)
		kind   fault.Kind
		words  string
	}{
		"a taken name":      {func(in *model.CreateRuleInput) { in.Name = new("one") }, fault.Conflict, "name 'one'"},
		"a taken priority":  {func(in *model.CreateRuleInput) { in.Priority = new(int32(3)) }, fault.Conflict, "priority 3"},
		"no priority":       {func(in *model.CreateRuleInput) { in.Priority = nil }, fault.Invalid, "priority"},
		"priority 0":        {func(in *model.CreateRuleInput) { in.Priority = new(int32(0)) }, fault.Invalid, "priority"},
		"priority 2001":     {func(in *model.CreateRuleInput) { in.Priority = new(int32(2001)) }, fault.Invalid, "priority"},
		"a bad name":        {func(in *model.CreateRuleInput) { in.Name = new("rule-1") }, fault.Invalid, "rule-"},
		"no match":          {func(in *model.CreateRuleInput) { in.Match = nil }, fault.Invalid, "condition"},
		"an empty match":    {func(in *model.CreateRuleInput) { in.Match = &model.RuleMatch{HttpMatch: &model.HttpMatch{}} }, fault.Invalid, "condition"},
		"a path of neither": {func(in *model.CreateRuleInput) { in.Match.HttpMatch.PathMatch.Match = nil }, fault.Invalid, "Exactly one"},
		"no action":         {func(in *model.CreateRuleInput) { in.Action = nil }, fault.Invalid, "action"},
		"no such group":     {func(in *model.CreateRuleInput) { in.Action = forward(new("tg-00000000000000000")) }, fault.NotFound, "target group"},
	} {
		in := base()
		test.change(&in)
		_, err := w.CreateRule(w.as(owner), &in)
		t.Run(what, func(*testing.T) { w.refused(err, test.kind, test.words) })
	}
	for i := range 8 {
		w.rule(fmt.Sprint("fill", i), int32(100+i))
	}
	full := base()
	_, err := w.CreateRule(w.as(owner), &full)
	w.refused(err, fault.Quota, "at most 10 rules")

	up := ok(w.UpdateRule(w.as(owner), &model.UpdateRuleInput{ServiceIdentifier: w.s.Id, ListenerIdentifier: w.l.Id, RuleIdentifier: r.Arn, Priority: new(int32(1)), Match: path("/z")}))(t)
	equal(t, "prefix", *up.Match.HttpMatch.PathMatch.Match.Prefix, "/z")
	equal(t, "kept action", *up.Action.FixedResponse.StatusCode, 500)
	equal(t, "first", w.order()[0], "one")
	_, err = w.UpdateRule(w.as(owner), &model.UpdateRuleInput{ServiceIdentifier: w.s.Id, ListenerIdentifier: w.l.Id, RuleIdentifier: r.Id, Priority: new(int32(3))})
	w.refused(err, fault.Conflict, "priority 3")
	equal(t, "first", w.order()[0], "one")
	ok(w.UpdateRule(w.as(owner), &model.UpdateRuleInput{ServiceIdentifier: w.s.Id, ListenerIdentifier: w.l.Id, RuleIdentifier: r.Id, Action: fixed(404)}))(t)
	equal(t, "action", *ok(w.GetRule(w.as(owner), &model.GetRuleInput{ServiceIdentifier: w.s.Id, ListenerIdentifier: w.l.Id, RuleIdentifier: r.Id}))(t).Action.FixedResponse.StatusCode, 404)
	ok(w.DeleteRule(w.as(owner), &model.DeleteRuleInput{ServiceIdentifier: w.s.Id, ListenerIdentifier: w.l.Id, RuleIdentifier: r.Id}))(t)
	_, err = w.GetRule(w.as(owner), &model.GetRuleInput{ServiceIdentifier: w.s.Id, ListenerIdentifier: w.l.Id, RuleIdentifier: r.Id})
	w.refused(err, fault.NotFound, "rule")
}

func TestDefaultRule(t *testing.T) {
	w := newRuled(t)
	listed := ok(w.ListRules(w.as(owner), &model.ListRulesInput{ServiceIdentifier: w.s.Id, ListenerIdentifier: w.l.Id}))(t).Items
	equal(t, "rules", len(listed), 1)
	equal(t, "default", *listed[0].IsDefault, true)
	for _, id := range []*string{listed[0].Id, listed[0].Arn} {
		got := ok(w.GetRule(w.as(owner), &model.GetRuleInput{ServiceIdentifier: w.s.Id, ListenerIdentifier: w.l.Id, RuleIdentifier: id}))(t)
		equal(t, "default", *got.IsDefault, true)
		equal(t, "action", *got.Action.FixedResponse.StatusCode, 404)
		_, err := w.UpdateRule(w.as(owner), &model.UpdateRuleInput{ServiceIdentifier: w.s.Id, ListenerIdentifier: w.l.Id, RuleIdentifier: id, Action: fixed(500)})
		w.refused(err, fault.Invalid, "default rule")
		_, err = w.DeleteRule(w.as(owner), &model.DeleteRuleInput{ServiceIdentifier: w.s.Id, ListenerIdentifier: w.l.Id, RuleIdentifier: id})
		w.refused(err, fault.Invalid, "default rule")
	}
}

func TestBatchUpdate(t *testing.T) {
	w := newRuled(t)
	a, b, c := w.rule("aaa", 1), w.rule("bbb", 2), w.rule("ccc", 3)
	update := func(id *string, priority int32) model.RuleUpdate {
		return model.RuleUpdate{RuleIdentifier: id, Priority: &priority}
	}
	bad := model.RuleUpdate{RuleIdentifier: c.Id, Match: &model.RuleMatch{}}
	ghost := new("rule-00000000000000000")
	def := ok(w.ListRules(w.as(owner), &model.ListRulesInput{ServiceIdentifier: w.s.Id, ListenerIdentifier: w.l.Id}))(t).Items[3].Id
	for _, test := range []struct {
		what   string
		rules  []model.RuleUpdate
		order  []string
		failed []string
	}{
		{"swap", []model.RuleUpdate{update(a.Id, 2), update(b.Arn, 1)}, []string{"bbb", "aaa", "ccc", "default"}, nil},
		{"rotate back", []model.RuleUpdate{update(a.Id, 1), update(b.Id, 3), update(c.Id, 2)}, []string{"aaa", "ccc", "bbb", "default"}, nil},
		{"taken", []model.RuleUpdate{update(a.Id, 3), update(c.Id, 7)}, []string{"aaa", "bbb", "ccc", "default"}, []string{"ConflictException"}},
		{"both want one", []model.RuleUpdate{update(a.Id, 9), update(b.Id, 9)}, []string{"aaa", "ccc", "bbb", "default"}, []string{"ConflictException"}},
		{"one falls with another", []model.RuleUpdate{update(a.Id, 7), bad}, []string{"aaa", "ccc", "bbb", "default"}, []string{"ConflictException", "ValidationException"}},
		{"absent, default and twice", []model.RuleUpdate{update(ghost, 50), update(def, 51), update(a.Id, 1), update(a.Id, 2)}, []string{"aaa", "ccc", "bbb", "default"},
			[]string{"ResourceNotFoundException", "ValidationException", "ValidationException"}},
		{"out of range", []model.RuleUpdate{update(a.Id, 0)}, []string{"aaa", "ccc", "bbb", "default"}, []string{"ValidationException"}},
	} {
		out := ok(w.BatchUpdateRule(w.as(owner), &model.BatchUpdateRuleInput{ServiceIdentifier: w.s.Id, ListenerIdentifier: w.l.Id, Rules: test.rules}))(t)
		var failed []string
		for _, f := range out.Unsuccessful {
			failed = append(failed, *f.FailureCode)
		}
		same(t, test.what+": failures", failed, test.failed)
		equal(t, test.what+": successes", len(out.Successful), len(test.rules)-len(test.failed))
		same(t, test.what+": order", w.order(), test.order)
	}
	_, err := w.BatchUpdateRule(w.as(owner), &model.BatchUpdateRuleInput{ServiceIdentifier: w.s.Id, ListenerIdentifier: w.l.Id})
	w.refused(err, fault.Invalid, "Between 1 and 10")
}

func TestTargetGroupsOfOneService(t *testing.T) {
	w := newRuled(t)
	var groups []*string
	for i := range 11 {
		groups = append(groups, w.newGroup(owner, fmt.Sprint("group", i), "LAMBDA", nil).Id)
	}
	ok(w.UpdateListener(w.as(owner), &model.UpdateListenerInput{ServiceIdentifier: w.s.Id, ListenerIdentifier: w.l.Id, DefaultAction: forward(groups[:10]...)}))(t)
	_, err := w.CreateRule(w.as(owner), &model.CreateRuleInput{ServiceIdentifier: w.s.Id, ListenerIdentifier: w.l.Id, Name: new("more"), Priority: new(int32(1)), Match: path("/"), Action: forward(groups[10])})
	w.refused(err, fault.Quota, "at most 10 target groups")
	r := ok(w.CreateRule(w.as(owner), &model.CreateRuleInput{ServiceIdentifier: w.s.Id, ListenerIdentifier: w.l.Id, Name: new("more"), Priority: new(int32(1)), Match: path("/"), Action: forward(groups[0])}))(t)
	_, err = w.UpdateListener(w.as(owner), &model.UpdateListenerInput{ServiceIdentifier: w.s.Id, ListenerIdentifier: w.l.Id, DefaultAction: forward(groups[1:]...)})
	w.refused(err, fault.Quota, "at most 10 target groups")
	// What an update replaces makes room.
	ok(w.UpdateListener(w.as(owner), &model.UpdateListenerInput{ServiceIdentifier: w.s.Id, ListenerIdentifier: w.l.Id, DefaultAction: forward(groups[2:]...)}))(t)
	ok(w.UpdateRule(w.as(owner), &model.UpdateRuleInput{ServiceIdentifier: w.s.Id, ListenerIdentifier: w.l.Id, RuleIdentifier: r.Id, Action: forward(groups[1])}))(t)
}
