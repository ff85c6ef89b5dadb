package lambda_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	api "trellis/internal/api/lambda"
	"trellis/internal/aws/model/lambda"
	"trellis/internal/blob"
	"trellis/internal/caller"
	"trellis/internal/fault"
	"trellis/internal/identity"
	"trellis/internal/state"
	"trellis/internal/store/mem"
	"trellis/internal/vpc"
)

const (
	red    = "111111111111"
	black  = "222222222222"
	region = "us-east-1"
)

type plain struct{}

func (plain) Seal(b []byte) []byte          { return b }
func (plain) Open(b []byte) ([]byte, error) { return b, nil }

// env is the API over a memory store and a directory of archives, with a clock of its own.
type env struct {
	*api.API
	t      *testing.T
	view   *state.View
	now    time.Time
	access *access
	runs   *runs
	// dir holds the directory of archives and nothing else.
	dir string
}

// access stands for package access. It refuses the actions that are listed, as "ACTION" or "ACTION by ARN".
type access struct{ refused []string }

func (a *access) check(ctx context.Context, action string) error {
	who := caller.From(ctx)
	if slices.Contains(a.refused, action) || slices.Contains(a.refused, action+" by "+who.ARN) {
		return fault.New(fault.Denied, "", "%s may not %s", who.ARN, action)
	}
	return nil
}

func (a *access) Authorize(ctx context.Context, action string, _ any) error {
	return a.check(ctx, action)
}

func (a *access) PassRole(ctx context.Context, _, _ string) error {
	return a.check(ctx, "iam:PassRole")
}

func (a *access) CanAssume(role, service string) bool {
	return service == "lambda.amazonaws.com" && strings.HasSuffix(role, "/runner")
}

// runs remembers what was invoked.
type runs struct {
	seen    []api.Invocation
	outcome api.Outcome
	err     error
}

func (r *runs) Invoke(_ context.Context, inv api.Invocation) (api.Outcome, error) {
	r.seen = append(r.seen, inv)
	return r.outcome, r.err
}

func newEnv(t *testing.T) *env {
	t.Helper()
	s := mem.New()
	view, err := state.Open(t.Context(), s, plain{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		view.Close()
		_ = s.Close()
	})
	dir := t.TempDir()
	blobs, err := blob.Open(filepath.Join(dir, "code"))
	if err != nil {
		t.Fatal(err)
	}
	e := &env{t: t, view: view, now: time.Date(2026, 3, 4, 5, 6, 7, 89e6, time.UTC), access: &access{}, runs: &runs{}, dir: dir}
	e.API = api.New(view, api.Ports{Archives: blobs, Links: blob.NewLinks(blobs, func() time.Time { return e.now }), Access: e.access, Invoker: e.runs, Architecture: "x86_64", Now: func() time.Time { return e.now }})
	e.update(func(tx *state.Tx) {
		for _, account := range []string{red, black} {
			state.Accounts.Put(tx, &identity.Account{ID: account, Name: account, Email: account + "@example.com"})
			state.Roles.Put(tx, identity.NewRole(account, "/", "runner", "{}", e.now))
		}
	})
	return e
}

// as returns a context in which the root user of the account calls us-east-1.
func (e *env) as(account string) context.Context { return e.in(account, region) }

func (e *env) in(account, region string) context.Context {
	return caller.With(e.t.Context(), &caller.Caller{Account: account, Region: region, ARN: "arn:aws:iam::" + account + ":root", UserID: account, RequestID: "request"})
}

func (e *env) update(fn func(tx *state.Tx)) {
	e.t.Helper()
	if err := e.view.Update(e.t.Context(), func(tx *state.Tx) error { fn(tx); return nil }); err != nil {
		e.t.Fatal(err)
	}
}

// applied makes everything real that is there now, but for what fails.
func (e *env) applied(failures ...string) {
	e.t.Helper()
	h := &state.Host{Name: "h", Applied: e.view.Snapshot().SpecRev, Failures: map[string]string{}}
	for i := 0; i < len(failures); i += 2 {
		h.Failures[failures[i]] = failures[i+1]
	}
	e.update(func(tx *state.Tx) { state.Hosts.Put(tx, h) })
}

// must fails the test when the call failed.
func must[T any](t *testing.T) func(out T, err error) T {
	return func(out T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

// wants fails the test unless err carries the code and its message holds the text.
func wants(t *testing.T, err error, code, text string) {
	t.Helper()
	var f *fault.Error
	switch {
	case err == nil && code == "":
	case !errors.As(err, &f):
		t.Errorf("got error %v, want %s", err, code)
	case f.Code != code || !strings.Contains(f.Message, text):
		t.Errorf("got %s %q, want %s %q", f.Code, f.Message, code, text)
	}
}

func archive(t *testing.T, files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		w, err := z.Create(files[i])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(files[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func role(account string) *string { return new("arn:aws:iam::" + account + ":role/runner") }

func arnOf(account, name string) string {
	return "arn:aws:lambda:" + region + ":" + account + ":function:" + name
}

// input is a function that every account can make.
func (e *env) input(account, name string) *lambda.CreateFunctionInput {
	return &lambda.CreateFunctionInput{FunctionName: &name, Role: role(account), Runtime: new("provided.al2023"), Handler: new("bootstrap"),
		Code: &lambda.FunctionCode{ZipFile: archive(e.t, "bootstrap", "#!"+name)}}
}

// create makes a function and has the host run it.
func (e *env) create(account, name string) {
	e.t.Helper()
	must[*lambda.CreateFunctionOutput](e.t)(e.CreateFunction(e.as(account), e.input(account, name)))
	e.applied()
}

func (e *env) get(account, name string) *lambda.FunctionConfiguration {
	e.t.Helper()
	return must[*lambda.GetFunctionOutput](e.t)(e.GetFunction(e.as(account), &lambda.GetFunctionInput{FunctionName: &name})).Configuration
}

// network is a VPC of an account.
type network struct{ vpc, subnet, other, group, second string }

// network makes a VPC with two subnets and two groups. The id distinguishes several.
func (e *env) network(account, id string) network {
	e.t.Helper()
	n := network{"vpc-" + id, "subnet-" + id + "a", "subnet-" + id + "b", "sg-" + id + "a", "sg-" + id + "b"}
	o := vpc.Owner{Account: account, Region: region}
	e.update(func(tx *state.Tx) {
		state.VPCs.Put(tx, &vpc.VPC{Owner: o, ID: n.vpc, CIDRs: []vpc.CIDRBlock{{Prefix: netip.MustParsePrefix("10.0.0.0/16")}}})
		state.Subnets.Put(tx, &vpc.Subnet{Owner: o, ID: n.subnet, VPC: n.vpc, Zone: region + "a", CIDR: netip.MustParsePrefix("10.0.1.0/28")})
		state.Subnets.Put(tx, &vpc.Subnet{Owner: o, ID: n.other, VPC: n.vpc, Zone: region + "b", CIDR: netip.MustParsePrefix("10.0.2.0/28")})
		state.SecurityGroups.Put(tx, &vpc.SecurityGroup{Owner: o, ID: n.group, VPC: n.vpc, Name: "a"})
		state.SecurityGroups.Put(tx, &vpc.SecurityGroup{Owner: o, ID: n.second, VPC: n.vpc, Name: "b"})
	})
	return n
}

// interfaces returns the network interfaces of a function as "SUBNET GROUP,GROUP".
func (e *env) interfaces(functionARN string) []string {
	var out []string
	for i := range state.Interfaces.By(e.view.Snapshot(), state.ByUser, functionARN) {
		out = append(out, i.Subnet+" "+strings.Join(i.Groups, ","))
	}
	slices.Sort(out)
	return out
}

// executable is an archive of one program.
func executable(t *testing.T, name string, program []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	h := &zip.FileHeader{Name: name}
	h.SetMode(0o755)
	w, err := z.CreateHeader(h)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(program); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
