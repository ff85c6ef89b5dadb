package cloudcontrol_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"trellis/internal/api/cloudcontrol"
	"trellis/internal/api/vpclattice"
	"trellis/internal/aws"
	apimodel "trellis/internal/aws/model"
	model "trellis/internal/aws/model/cloudcontrol"
	"trellis/internal/caller"
	"trellis/internal/fault"
	"trellis/internal/identity"
	"trellis/internal/state"
	"trellis/internal/store"
	"trellis/internal/store/mem"
	"trellis/internal/vpc"
)

const (
	account  = "111111111111"
	stranger = "222222222222"
	region   = "eu-west-1"
	prefix   = "AWS::VpcLattice::"
)

type plain struct{}

func (plain) Seal(b []byte) []byte          { return bytes.Clone(b) }
func (plain) Open(b []byte) ([]byte, error) { return bytes.Clone(b), nil }

// permissions refuse actions by name; the others are allowed.
type permissions struct {
	mu      sync.Mutex
	refused map[string]bool
	asked   []string
}

func (p *permissions) Authorize(ctx context.Context, action string, _ any) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, caller.From(ctx).ARN+" "+action)
	if p.refused[action] {
		return fault.New(fault.Denied, "", "User: %s is not authorized to perform: %s", caller.From(ctx).ARN, action)
	}
	return nil
}

func (p *permissions) PassRole(_ context.Context, role, service string) error {
	if service != "cloudformation.amazonaws.com" || !strings.HasSuffix(role, ":role/deployer") {
		return fault.New(fault.Denied, "", "may not pass %s to %s", role, service)
	}
	return nil
}

func (p *permissions) AssumeAsService(role, _, session string) (identity.Credentials, error) {
	return identity.Credentials{AccessKey: role, Token: session}, nil
}

func (p *permissions) Lookup(_ context.Context, key, token string) (string, caller.Caller, error) {
	return "", caller.Caller{Account: account, ARN: key + "/" + token}, nil
}

func (p *permissions) refuse(actions ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refused = map[string]bool{}
	for _, a := range actions {
		p.refused[a] = true
	}
}

// noAPIs are the APIs but VPC Lattice, which the whole program's tests have.
type noAPIs struct{}

func (noAPIs) Do(_ context.Context, api *apimodel.Service, operation string, _ any) (any, error) {
	return nil, fault.New(fault.Unsupported, "", "There is no %s of %s here.", operation, api.Name)
}

// world is the API over a VPC Lattice whose only host applies everything at once unless told to lag.
type world struct {
	*testing.T
	*cloudcontrol.API
	store   store.Store
	view    *state.View
	lattice cloudcontrol.Lattice
	auth    *permissions
	clock   time.Time
	mu      sync.Mutex
	stop    func()
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldWith(t, func(l cloudcontrol.Lattice) cloudcontrol.Lattice { return l })
}

func newWorldWith(t *testing.T, wrap func(cloudcontrol.Lattice) cloudcontrol.Lattice) *world {
	t.Helper()
	w := &world{T: t, store: mem.New(), auth: &permissions{}, clock: time.Date(2026, 1, 2, 3, 4, 5, 678900000, time.UTC)}
	t.Cleanup(func() { _ = w.store.Close() })
	w.open()
	w.lattice = wrap(vpclattice.New(w.view, w.now))
	w.API = cloudcontrol.New(w.view, "here", w.lattice, noAPIs{}, w.auth, slog.New(slog.DiscardHandler), w.now)
	w.host(always)
	w.run()
	return w
}

func (noAPIs) Outcome(api *apimodel.Service, e *fault.Error) (string, int) {
	return aws.Outcome(api, e)
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.clock
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock = w.clock.Add(d)
}

func (w *world) open() {
	w.Helper()
	v, err := state.Open(w.Context(), w.store, plain{}, slog.New(slog.DiscardHandler))
	if err != nil {
		w.Fatal(err)
	}
	w.view = v
	w.Cleanup(v.Close)
}

// run lets requests go on, and what is deleted go away once the host has applied that, until stop.
func (w *world) run() {
	ctx, cancel := context.WithCancel(w.Context())
	var running sync.WaitGroup
	running.Go(func() { w.API.Run(ctx) })
	running.Go(func() { w.sweep(ctx) })
	w.stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	w.Cleanup(w.stop)
}

// restart ends what runs in the background and starts it anew, with nothing in memory.
func (w *world) restart() {
	w.Helper()
	w.stop()
	w.view.Close()
	w.open()
	w.lattice = vpclattice.New(w.view, w.now)
	w.API = cloudcontrol.New(w.view, "here", w.lattice, noAPIs{}, w.auth, slog.New(slog.DiscardHandler), w.now)
	w.run()
}

const always = 1 << 40

func (w *world) host(applied int64) {
	w.Helper()
	w.put(func(tx *state.Tx) { state.Hosts.Put(tx, &state.Host{Name: "h", Applied: applied}) })
}

// lag keeps the host at what there is now.
func (w *world) lag() { w.host(w.view.Snapshot().SpecRev) }

func (w *world) put(fn func(*state.Tx)) {
	w.Helper()
	if err := w.view.Update(w.Context(), func(tx *state.Tx) error { fn(tx); return nil }); err != nil {
		w.Fatal(err)
	}
}

func (w *world) sweep(ctx context.Context) {
	for {
		s := w.view.Snapshot()
		_ = w.view.Update(ctx, func(tx *state.Tx) error {
			s := tx.Snapshot()
			for row, rev := range state.Services.Rows(s) {
				if done, _ := state.Realised(s, rev.Modified, ""); done && row.Deleting {
					state.Services.Delete(tx, row.ID)
				}
			}
			for row, rev := range state.TargetGroups.Rows(s) {
				if done, _ := state.Realised(s, rev.Modified, ""); done && row.Deleting {
					state.TargetGroups.Delete(tx, row.ID)
				}
			}
			for row, rev := range state.NetworkServices.Rows(s) {
				if done, _ := state.Realised(s, rev.Modified, ""); done && row.Deleting {
					state.NetworkServices.Delete(tx, row.ID)
				}
			}
			for row, rev := range state.NetworkVPCs.Rows(s) {
				if done, _ := state.Realised(s, rev.Modified, ""); done && row.Deleting {
					state.NetworkVPCs.Delete(tx, row.ID)
				}
			}
			for row := range state.Targets.All(s) {
				if row.Draining {
					state.Targets.Delete(tx, state.TargetKey(row))
				}
			}
			return nil
		})
		if _, err := w.view.After(ctx, s.Rev); err != nil {
			return
		}
	}
}

// as is the context of a call of the account.
func (w *world) as(account string) context.Context {
	return caller.With(w.Context(), &caller.Caller{Account: account, Region: region, ARN: "arn:aws:iam::" + account + ":root", RequestID: "req-1"})
}

// vpc puts a VPC with one security group into the account.
func (w *world) vpc(n string) (vpcID, groupID string) {
	w.Helper()
	o := vpc.Owner{Account: account, Region: region}
	vpcID, groupID = "vpc-0000000000000000"+n, "sg-0000000000000000"+n
	w.put(func(tx *state.Tx) {
		state.VPCs.Put(tx, &vpc.VPC{Owner: o, ID: vpcID, CIDRs: []vpc.CIDRBlock{{Prefix: netip.MustParsePrefix("10.0.0.0/16")}}})
		state.SecurityGroups.Put(tx, &vpc.SecurityGroup{Owner: o, ID: groupID, VPC: vpcID, Name: "g"})
	})
	return vpcID, groupID
}

func (w *world) begin(typeName string, desired any) (*model.ProgressEvent, error) {
	w.Helper()
	raw, err := json.Marshal(desired)
	if err != nil {
		w.Fatal(err)
	}
	out, err := w.CreateResource(w.as(account), &model.CreateResourceInput{TypeName: new(prefix + typeName), DesiredState: new(string(raw))})
	if err != nil {
		return nil, err
	}
	return out.ProgressEvent, nil
}

// end waits until the request is through.
func (w *world) end(e *model.ProgressEvent, err error) *model.ProgressEvent {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
	for *e.OperationStatus == "IN_PROGRESS" || *e.OperationStatus == "CANCEL_IN_PROGRESS" {
		out, err := w.GetResourceRequestStatus(w.as(account), &model.GetResourceRequestStatusInput{RequestToken: e.RequestToken})
		if err != nil {
			w.Fatal(err)
		}
		if e = out.ProgressEvent; w.Context().Err() != nil {
			w.Fatal("the request does not end")
		}
	}
	return e
}

func (w *world) succeed(e *model.ProgressEvent, err error) string {
	w.Helper()
	if e = w.end(e, err); *e.OperationStatus != "SUCCESS" {
		w.Fatalf("%s of %s: %s %s: %s", *e.Operation, *e.TypeName, *e.OperationStatus, str(e.ErrorCode), str(e.StatusMessage))
	}
	return *e.Identifier
}

// fail checks how a request fails.
func (w *world) fail(code, words string) func(*model.ProgressEvent, error) *model.ProgressEvent {
	w.Helper()
	return func(e *model.ProgressEvent, err error) *model.ProgressEvent {
		w.Helper()
		e = w.end(e, err)
		if *e.OperationStatus != "FAILED" || str(e.ErrorCode) != code || !strings.Contains(str(e.StatusMessage), words) {
			w.Errorf("%s of %s: %s %s: %s; want FAILED %s with %q", *e.Operation, *e.TypeName, *e.OperationStatus, str(e.ErrorCode), str(e.StatusMessage), code, words)
		}
		return e
	}
}

// create makes a resource and returns its identifier.
func (w *world) create(typeName string, desired any) string {
	w.Helper()
	return w.succeed(w.begin(typeName, desired))
}

func (w *world) get(typeName, id string) map[string]any {
	w.Helper()
	out, err := w.GetResource(w.as(account), &model.GetResourceInput{TypeName: new(prefix + typeName), Identifier: &id})
	if err != nil {
		w.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal([]byte(*out.ResourceDescription.Properties), &m); err != nil {
		w.Fatal(err)
	}
	if *out.ResourceDescription.Identifier != id || *out.TypeName != prefix+typeName {
		w.Errorf("got %s %s", *out.TypeName, *out.ResourceDescription.Identifier)
	}
	return m
}

func (w *world) update(typeName, id, patch string) (*model.ProgressEvent, error) {
	out, err := w.UpdateResource(w.as(account), &model.UpdateResourceInput{TypeName: new(prefix + typeName), Identifier: &id, PatchDocument: &patch})
	if err != nil {
		return nil, err
	}
	return out.ProgressEvent, nil
}

func (w *world) remove(typeName, id string) (*model.ProgressEvent, error) {
	out, err := w.DeleteResource(w.as(account), &model.DeleteResourceInput{TypeName: new(prefix + typeName), Identifier: &id})
	if err != nil {
		return nil, err
	}
	return out.ProgressEvent, nil
}

// refused checks an error's code and that its message holds the words.
func (w *world) refused(err error, code, words string) {
	w.Helper()
	var e *fault.Error
	if !errors.As(err, &e) || e.Code != code || !strings.Contains(e.Message, words) {
		w.Errorf("error %v, want %s with %q", err, code, words)
	}
}

func str(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

type object = map[string]any

func getInput(typeName, id string) *model.GetResourceInput {
	return &model.GetResourceInput{TypeName: new(prefix + typeName), Identifier: &id}
}
