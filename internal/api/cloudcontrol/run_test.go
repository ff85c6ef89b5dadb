package cloudcontrol_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"trellis/internal/api/cloudcontrol"
	model "trellis/internal/aws/model/cloudcontrol"
	"trellis/internal/aws/model/vpclattice"
	"trellis/internal/fault"
	"trellis/internal/state"
)

// known waits until the request in progress tells its identifier.
func (w *world) known(e *model.ProgressEvent, err error) *model.ProgressEvent {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
	for {
		s := w.view.Snapshot()
		row, _ := state.ResourceRequests.Get(s, *e.RequestToken)
		if !row.Open() {
			w.Fatalf("the request ended: %s %s", row.Status, row.Message)
		}
		if row.Identifier != "" {
			return w.event(e)
		}
		if _, err := w.view.After(w.Context(), s.Rev); err != nil {
			w.Fatal(err)
		}
	}
}

func (w *world) event(e *model.ProgressEvent) *model.ProgressEvent {
	w.Helper()
	out, err := w.ListResourceRequests(w.as(account), &model.ListResourceRequestsInput{})
	if err != nil {
		w.Fatal(err)
	}
	for _, found := range out.ResourceRequestStatusSummaries {
		if *found.RequestToken == *e.RequestToken {
			return &found
		}
	}
	w.Fatalf("request %s is not listed", *e.RequestToken)
	return nil
}

// A resource is there when its packets flow, and gone when they do not.
func TestRequestsWaitForHosts(t *testing.T) {
	w := newWorld(t)
	w.lag()
	began, err := w.begin("Service", object{"Name": "service"})
	if err != nil || *began.OperationStatus != "IN_PROGRESS" || began.RetryAfter == nil || began.Identifier != nil || *began.Operation != "CREATE" {
		t.Fatalf("began %v, %v", began, err)
	}
	e := w.known(began, nil)
	if m := w.get("Service", *e.Identifier); m["Status"] != "CREATE_IN_PROGRESS" {
		t.Errorf("the service is %v", m["Status"])
	}
	// Nothing else may be done to it meanwhile.
	_, err = w.remove("Service", *e.Identifier)
	w.refused(err, "ConcurrentOperationException", *e.RequestToken)
	_, err = w.update("Service", *e.Identifier, `[]`)
	w.refused(err, "ConcurrentOperationException", *e.RequestToken)
	w.lag()
	e = w.end(e, nil)
	if *e.OperationStatus != "SUCCESS" || e.RetryAfter != nil || w.get("Service", *e.Identifier)["Status"] != "ACTIVE" {
		t.Errorf("ended %v", e)
	}

	going, err := w.remove("Service", *e.Identifier)
	if err != nil {
		t.Fatal(err)
	}
	for w.get("Service", *e.Identifier)["Status"] != "DELETE_IN_PROGRESS" {
		if _, err := w.view.After(t.Context(), w.view.Snapshot().Rev-1); err != nil {
			t.Fatal(err)
		}
	}
	if e := w.event(going); *e.OperationStatus != "IN_PROGRESS" {
		t.Errorf("the deletion is %s while hosts still have the service", *e.OperationStatus)
	}
	w.host(always)
	w.succeed(going, nil)
}

func TestHostsFail(t *testing.T) {
	w := newWorld(t)
	w.lag()
	e := w.known(w.begin("Service", object{"Name": "service"}))
	id := (*e.Identifier)[strings.LastIndex(*e.Identifier, "/")+1:]
	w.put(func(tx *state.Tx) {
		state.Hosts.Put(tx, &state.Host{Name: "h", Applied: always, Failures: map[string]string{id: "no addresses are left"}})
	})
	w.fail("NotStabilized", "did not stabilize: its status is CREATE_FAILED. no addresses are left")(e, nil)
}

// A server that is killed goes on with what it was asked for.
func TestRestart(t *testing.T) {
	w := newWorld(t)
	vpcID, _ := w.vpc("1")
	w.lag()
	service := w.known(w.begin("Service", object{"Name": "service"}))
	group := w.known(w.begin("TargetGroup", object{"Name": "group", "Type": "IP", "Config": object{"Port": 80, "Protocol": "HTTP", "VpcIdentifier": vpcID}, "Targets": []object{{"Id": "10.0.0.5"}}}))
	w.stop()
	waiting, err := w.begin("ServiceNetwork", object{"Name": "network"})
	if err != nil {
		t.Fatal(err)
	}
	w.restart()
	network := w.succeed(waiting, nil)
	if e := w.event(service); *e.OperationStatus != "IN_PROGRESS" {
		t.Errorf("the service is %s before hosts have it", *e.OperationStatus)
	}
	w.host(always)
	if id := w.succeed(service, nil); id != *service.Identifier {
		t.Errorf("a second service %s was made, besides %s", id, *service.Identifier)
	}
	if targets := w.get("TargetGroup", w.succeed(group, nil))["Targets"].([]any); len(targets) != 1 {
		t.Errorf("targets %v", targets)
	}
	if n := state.Services.Len(w.view.Snapshot()); n != 1 {
		t.Errorf("there are %d services", n)
	}

	// A deletion that was through but for its record ends well; one of what never was does not.
	w.stop()
	done, err := w.remove("ServiceNetwork", network)
	if err != nil {
		t.Fatal(err)
	}
	never, err := w.remove("ServiceNetwork", other(network))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.lattice.DeleteServiceNetwork(w.as(account), &vpclattice.DeleteServiceNetworkInput{ServiceNetworkIdentifier: &network}); err != nil {
		t.Fatal(err)
	}
	w.restart()
	w.succeed(done, nil)
	w.fail("NotFound", "was not found")(never, nil)
}

func TestPolicyAfterRestart(t *testing.T) {
	w := newWorld(t)
	network := w.create("ServiceNetwork", object{"Name": "network"})
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}`
	for _, test := range []struct{ stored, status string }{{policy, "SUCCESS"}, {strings.Replace(policy, "Allow", "Deny", 1), "FAILED"}} {
		w.stop()
		out, err := w.CreateResource(w.as(account), &model.CreateResourceInput{TypeName: new(prefix + "AuthPolicy"),
			DesiredState: new(`{"ResourceIdentifier":"` + network + `","Policy":` + policy + `}`)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.lattice.PutAuthPolicy(w.as(account), &vpclattice.PutAuthPolicyInput{ResourceIdentifier: &network, Policy: &test.stored}); err != nil {
			t.Fatal(err)
		}
		w.restart()
		if e := w.end(out.ProgressEvent, nil); *e.OperationStatus != test.status {
			t.Errorf("with %s in place: %s %s", test.stored, *e.OperationStatus, str(e.StatusMessage))
		}
	}
}

func TestCancel(t *testing.T) {
	w := newWorld(t)
	w.lag()
	e := w.known(w.begin("Service", object{"Name": "service"}))
	out, err := w.CancelResourceRequest(w.as(account), &model.CancelResourceRequestInput{RequestToken: e.RequestToken})
	if err != nil || *out.ProgressEvent.OperationStatus != "CANCEL_IN_PROGRESS" {
		t.Fatalf("cancelled %v, %v", out, err)
	}
	end := w.end(out.ProgressEvent, nil)
	if *end.OperationStatus != "CANCEL_COMPLETE" || *end.Identifier != *e.Identifier || end.ErrorCode != nil {
		t.Errorf("ended %v", end)
	}
	_, err = w.CancelResourceRequest(w.as(account), &model.CancelResourceRequestInput{RequestToken: e.RequestToken})
	w.refused(err, "ConcurrentModificationException", "CANCEL_COMPLETE")
	// What was done is not undone, and what comes next is not hindered.
	w.host(always)
	w.succeed(w.remove("Service", *e.Identifier))
	_, err = w.CancelResourceRequest(w.as(account), &model.CancelResourceRequestInput{RequestToken: new("none")})
	w.refused(err, "RequestTokenNotFoundException", "none")
}

// Targets leave before their group does, after their time.
func TestTargetsDrain(t *testing.T) {
	w := newWorld(t)
	vpcID, _ := w.vpc("1")
	network, service := w.create("ServiceNetwork", object{"Name": "network"}), w.create("Service", object{"Name": "service"})
	association := w.create("ServiceNetworkServiceAssociation", object{"ServiceNetworkIdentifier": network, "ServiceIdentifier": service})
	group := w.create("TargetGroup", object{"Type": "IP", "Config": object{"Port": 80, "Protocol": "HTTP", "VpcIdentifier": vpcID}, "Targets": []object{{"Id": "10.0.0.5"}, {"Id": "10.0.0.6"}}})
	listener := w.create("Listener", object{"ServiceIdentifier": service, "Protocol": "HTTP",
		"DefaultAction": object{"Forward": object{"TargetGroups": []object{{"TargetGroupIdentifier": group}}}}})
	w.succeed(w.update("TargetGroup", group, `[{"op":"remove","path":"/Targets/0"}]`))
	if targets := w.get("TargetGroup", group)["Targets"].([]any); len(targets) != 1 {
		t.Errorf("targets %v", targets)
	}
	w.succeed(w.remove("Listener", listener))
	w.succeed(w.remove("ServiceNetworkServiceAssociation", association))
	e, err := w.remove("TargetGroup", group)
	if err != nil {
		t.Fatal(err)
	}
	for state.Targets.Len(w.view.Snapshot()) > 1 {
		if _, err := w.view.After(t.Context(), w.view.Snapshot().Rev-1); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.event(e); *got.OperationStatus != "IN_PROGRESS" {
		t.Errorf("the group's deletion is %s while a target drains", *got.OperationStatus)
	}
	w.pass(2 * time.Minute)
	w.host(always - 1)
	w.succeed(e, nil)
}

// moody fails as it is told.
type moody struct {
	cloudcontrol.Lattice
	calls atomic.Int32
	fail  func(call int32) error
}

func (m *moody) CreateServiceNetwork(ctx context.Context, in *vpclattice.CreateServiceNetworkInput) (*vpclattice.CreateServiceNetworkOutput, error) {
	if err := m.fail(m.calls.Add(1)); err != nil {
		return nil, err
	}
	return m.Lattice.CreateServiceNetwork(ctx, in)
}

func TestServiceFails(t *testing.T) {
	for _, test := range []struct {
		name, code, words string
		fail              func(int32) error
	}{
		{"unknown", "InternalFailure", "Internal error", func(int32) error { return fmt.Errorf("secret") }},
		{"panic", "InternalFailure", "Internal error", func(int32) error { panic("secret") }},
		{"throttled", "Throttling", "Status Code: 429", func(int32) error { return fault.New(fault.Throttled, "", "Slow down.") }},
		{"quota", "ServiceLimitExceeded", "Status Code: 402", func(int32) error { return fault.New(fault.Quota, "", "Too many.") }},
		{"passing", "", "", func(n int32) error {
			if n < 3 {
				return fault.New(fault.Unavailable, "", "Try again.")
			}
			return nil
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var m *moody
			w := newWorldWith(t, func(l cloudcontrol.Lattice) cloudcontrol.Lattice {
				m = &moody{Lattice: l, fail: test.fail}
				return m
			})
			e := w.end(w.begin("ServiceNetwork", object{"Name": "network"}))
			if str(e.ErrorCode) != test.code || !strings.Contains(str(e.StatusMessage), test.words) || strings.Contains(str(e.StatusMessage), "secret") {
				t.Errorf("%s %s: %s", *e.OperationStatus, str(e.ErrorCode), str(e.StatusMessage))
			}
		})
	}
}

func TestManyAtOnce(t *testing.T) {
	w := newWorld(t)
	var events []*model.ProgressEvent
	for i := range 50 {
		e, err := w.begin("ServiceNetwork", object{"Name": fmt.Sprintf("network-%d", i%40)})
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	var codes []string
	for _, e := range events {
		codes = append(codes, str(w.end(e, nil).ErrorCode))
	}
	made := slices.DeleteFunc(slices.Clone(codes), func(s string) bool { return s != "" })
	taken := slices.DeleteFunc(slices.Clone(codes), func(s string) bool { return s != "AlreadyExists" })
	if len(made) != 40 || len(taken) != 10 {
		t.Errorf("codes %q", codes)
	}
}

// A policy is the same resource by its owner's id and ARN.
func TestConcurrentByIDAndARN(t *testing.T) {
	w := newWorld(t)
	network := w.create("ServiceNetwork", object{"Name": "network"})
	w.stop()
	policy := object{"Version": "2012-10-17", "Statement": []any{object{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}}}
	if _, err := w.begin("AuthPolicy", object{"ResourceIdentifier": network, "Policy": policy}); err != nil {
		t.Fatal(err)
	}
	_, err := w.begin("AuthPolicy", object{"ResourceIdentifier": network[strings.LastIndex(network, "/")+1:], "Policy": policy})
	w.refused(err, "ConcurrentOperationException", "is in progress")
}

// A request that comes before requests are carried out is a new one and not one that an earlier run left: what it asks for can be
// there only because somebody else made it.
func TestRequestBeforeRun(t *testing.T) {
	w := newWorld(t)
	desired := object{"ResourceIdentifier": w.create("ServiceNetwork", object{"Name": "network"}),
		"Policy": object{"Version": "2012-10-17", "Statement": []object{{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}}}}
	w.create("AuthPolicy", desired)
	w.stop()
	e, err := w.begin("AuthPolicy", desired)
	w.run()
	w.fail("AlreadyExists", "already exists.")(e, err)
}
