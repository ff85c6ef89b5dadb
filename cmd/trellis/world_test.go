package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"trellis/internal/access"
	cloudcontrolapi "trellis/internal/api/cloudcontrol"
	lambdaapi "trellis/internal/api/lambda"
	latticeapi "trellis/internal/api/vpclattice"
	"trellis/internal/aws"
	"trellis/internal/aws/model"
	"trellis/internal/blob"
	"trellis/internal/identity"
	"trellis/internal/journal"
	"trellis/internal/state"
	"trellis/internal/store"
	"trellis/internal/store/mem"
	"trellis/internal/vault"
	"trellis/test/estate"
	"trellis/test/forge"
)

const (
	worldRegion = "us-east-1"
	// invitee is an account that is there to be invited.
	invitee = "999900000001"
)

// world is the control plane in this process, on a store in memory, with a host that has always applied everything. Accounts are
// called by the convention of local tools: the access key is the account.
type world struct {
	dir     string
	store   *recorder
	view    *state.View
	handler http.Handler
	apis    map[string]*api
	close   func()
	// of is the world that this one is a fork of; had and files are the rows and the files that both had then.
	of    *world
	had   map[string]string
	files string
}

// recorder is a store that knows which keys were written, and what they hold since, nil if nothing.
type recorder struct {
	*mem.Store
	mu      sync.Mutex
	written map[string][]byte
}

// Commit implements store.Store.
func (r *recorder) Commit(ctx context.Context, reads []store.Read, writes []store.Write) (int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rev, err := r.Store.Commit(ctx, reads, writes)
	if err == nil {
		for _, w := range writes {
			r.written[w.Key] = w.Value
		}
	}
	return rev, err
}

// changes are the rows that were written, with what they hold, empty if they are gone.
func (r *recorder) changes() map[string]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make(map[string]string, len(r.written))
	for key, value := range r.written {
		out[key] = string(value)
	}
	return out
}

// forget takes what is there now for what was never written.
func (r *recorder) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.written)
}

// api is an AWS API with the operations that are built.
type api struct {
	*model.Service
	operations map[string]*model.Operation
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := openWorld(t, mem.New(), t.TempDir())
	err := w.view.Update(t.Context(), func(tx *state.Tx) error {
		state.Hosts.Put(tx, &state.Host{Name: "host", Applied: math.MaxInt64})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	w.open(t, invitee)
	return w
}

// fork is another world that is as this one is now.
func (w *world) fork(t testing.TB) *world {
	t.Helper()
	dir := t.TempDir()
	for _, part := range []string{"logs", "code"} {
		if err := os.CopyFS(filepath.Join(dir, part), os.DirFS(filepath.Join(w.dir, part))); err != nil {
			t.Fatal(err)
		}
	}
	f := openWorld(t, w.store.Clone(), dir)
	f.of, f.had, f.files = w, f.rows(t), f.list(t)
	return f
}

// anew is a fork as it was when it was made: itself, with its rows put back, unless its files are others now. Nothing may be on its
// way any more.
func (w *world) anew(t testing.TB) *world {
	t.Helper()
	if w.list(t) != w.files {
		w.close()
		return w.of.fork(t)
	}
	var back []store.Write
	for key := range w.store.changes() {
		write := store.Write{Key: key}
		if old, ok := w.had[key]; ok {
			write.Value = []byte(old)
		}
		back = append(back, write)
	}
	rev, err := w.store.Commit(t.Context(), nil, back)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.view.After(t.Context(), rev-1); err != nil {
		t.Fatal(err)
	}
	w.store.forget()
	return w
}

// list is the world's files, by name and size: what logs and code have is only added to.
func (w *world) list(t testing.TB) string {
	t.Helper()
	var out strings.Builder
	err := filepath.WalkDir(w.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			fmt.Fprintln(&out, path)
			return err
		}
		info, err := e.Info()
		if err == nil {
			fmt.Fprintln(&out, path, info.Size())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func openWorld(t testing.TB, rows *mem.Store, dir string) *world {
	t.Helper()
	kv := &recorder{Store: rows, written: map[string][]byte{}}
	log := slog.New(slog.DiscardHandler)
	keys, err := vault.New(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	view, err := state.Open(context.Background(), kv, keys, log)
	if err != nil {
		t.Fatal(err)
	}
	plane := &dataPlane{dir: dir, why: "this is a test", metrics: newMetrics()}
	if plane.blobs, err = blob.Open(filepath.Join(dir, "code")); err != nil {
		t.Fatal(err)
	}
	if plane.journal, err = journal.Open(filepath.Join(dir, "logs")); err != nil {
		t.Fatal(err)
	}
	plane.links = blob.NewLinks(plane.blobs, time.Now)
	control := access.New(view, keys)
	lattice := latticeapi.New(view, time.Now)
	late := &lateHandler{}
	requests := cloudcontrolapi.New(view, "here", lattice, late, control, log, time.Now)
	all := services(view, control, plane, lattice, requests, nil)
	ports := lambdaPorts(control, plane)
	ports.Invoker = echo{}
	w := &world{dir: dir, store: kv, view: view, apis: map[string]*api{}}
	for i := range all {
		if all[i].Model.Package == "lambda" {
			all[i].API = lambdaapi.New(view, ports)
		}
	}
	covered := aws.Covered(all)
	for i, s := range all {
		a := &api{s.Model, map[string]*model.Operation{}}
		for j := range s.Model.Operations {
			op := &s.Model.Operations[j]
			for _, name := range covered[i].Built {
				if name == op.Name {
					a.operations[name] = op
				}
			}
		}
		w.apis[s.Model.Package] = a
	}
	handler, err := aws.New(aws.Config{Services: all, Credentials: control, Authorizer: localAccounts{control, view}, Logger: slog.New(&faults{t: t}), Dev: true})
	if err != nil {
		t.Fatal(err)
	}
	late.set(handler, plane.links)
	w.handler = late
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { requests.Run(ctx) })
	w.close = sync.OnceFunc(func() {
		stop()
		running.Wait()
		view.Close()
		_ = kv.Close()
	})
	t.Cleanup(w.close)
	return w
}

// echo answers a function's event with itself.
type echo struct{}

func (echo) Invoke(_ context.Context, inv lambdaapi.Invocation) (lambdaapi.Outcome, error) {
	return lambdaapi.Outcome{Payload: inv.Payload}, nil
}

// faults tells the test of what the server logs as an error of its own.
type faults struct{ t testing.TB }

func (f *faults) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelError }
func (f *faults) WithAttrs([]slog.Attr) slog.Handler           { return f }
func (f *faults) WithGroup(string) slog.Handler                { return f }
func (f *faults) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	r.Attrs(func(a slog.Attr) bool {
		fmt.Fprintf(&b, " %s=%v", a.Key, a.Value)
		return true
	})
	f.t.Errorf("the server says: %s%s", r.Message, b.String())
	return nil
}

// send makes a request as an account.
func (w *world) send(account string, s *model.Service, m forge.Message) forge.Answer {
	r := httptest.NewRequest(m.Method, m.Target, strings.NewReader(string(m.Body)))
	for k, v := range m.Header {
		r.Header[k] = v
	}
	now := time.Now().UTC()
	r.Host, r.RemoteAddr = "localhost", "127.0.0.1:1"
	r.Header.Set("X-Amz-Date", now.Format("20060102T150405Z"))
	r.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/%s/%s/%s/aws4_request, SignedHeaders=host, Signature=00", account, now.Format("20060102"), worldRegion, s.SigningName))
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	return forge.NewAnswer(rec.Code, rec.Header(), rec.Body.Bytes())
}

// call makes a call of an operation as an account.
func (w *world) call(account, api, operation string, in map[string]any) forge.Answer {
	a := w.apis[api]
	return w.send(account, a.Service, forge.Encode(a.Service, a.operations[operation], in))
}

// settle waits until nothing is on its way any more: Cloud Control requests have ended, and what is to go is gone.
func (w *world) settle(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	f := newFinalizer(time.Now)
	for {
		s := w.view.Snapshot()
		f.follow(s)
		if err := w.view.Update(ctx, f.sweep); err != nil {
			t.Fatal(err)
		}
		open := false
		for range state.ResourceRequests.By(w.view.Snapshot(), state.ByOpen, state.OpenRequest) {
			open = true
		}
		if !open && w.view.Snapshot().Rev == s.Rev {
			return
		}
		if open {
			if _, err := w.view.After(ctx, s.Rev); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// open makes an account.
func (w *world) open(t testing.TB, id string) {
	t.Helper()
	err := w.view.Update(t.Context(), func(tx *state.Tx) error {
		state.Accounts.Put(tx, &identity.Account{ID: id, Name: "account-" + id, Email: id + "@example.com", Created: time.Now().UTC()})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// populate gives an account and its neighbour an estate, in which the mark stands wherever a text can be chosen. An account that
// cannot have an organization does without.
func (w *world) populate(t testing.TB, account, peer, mark string, organization bool) estate.Estate {
	t.Helper()
	e, err := estate.New(account, peer, worldRegion)
	if err != nil {
		t.Fatal(err)
	}
	e["mark"], e["invitee"] = mark, invitee
	e["now"] = fmt.Sprint(time.Now().UnixMilli())
	steps, err := estate.Steps()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range steps {
		if s.API == "organizations" && !organization {
			continue
		}
		in, err := e.Expand(s.Input)
		if err != nil {
			t.Fatalf("%s: %v", s.Operation, err)
		}
		by := account
		if s.Peer {
			by = peer
		}
		a := w.apis[s.API]
		op := a.operations[s.Operation]
		if op == nil {
			t.Fatalf("%s of %s is not built", s.Operation, s.API)
		}
		got := w.call(by, s.API, s.Operation, in.(map[string]any))
		if got.Status >= 300 {
			text, _ := json.Marshal(in)
			t.Fatalf("%s %s: %d %s %s", s.Operation, text, got.Status, got.Code, got.Message)
		}
		out, err := forge.Output(a.Service, op, got)
		if err == nil {
			err = e.Keep(s, out)
		}
		if err != nil {
			t.Fatalf("%s: %v", s.Operation, err)
		}
		w.settle(t)
	}
	return e
}

// rows is what the store holds.
func (w *world) rows(t testing.TB) map[string]string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := map[string]string{}
	_ = w.store.Watch(ctx, func(b store.Batch) error {
		for _, e := range b.Events {
			out[e.Key] = string(e.Value)
		}
		cancel()
		return context.Canceled
	})
	return out
}
