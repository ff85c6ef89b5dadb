//go:build linux

package lambda_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	api "trellis/internal/api/lambda"
	"trellis/internal/aws/model/lambda"
	"trellis/internal/blob"
	"trellis/internal/plan"
	"trellis/internal/sandbox"
	"trellis/internal/sandbox/process"
	"trellis/internal/state"
)

// The main thread must not be one that enters namespaces: /proc/self is the main thread's.
func init() { runtime.LockOSThread() }

const insideVariable = "TRELLIS_TEST_INSIDE"

// TestMain runs the tests as root, be it of a user namespace of their own.
func TestMain(m *testing.M) {
	if os.Geteuid() == 0 || os.Getenv(insideVariable) != "" {
		os.Exit(m.Run())
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), insideVariable+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		os.Exit(0)
	case errors.As(err, &exit):
		os.Exit(exit.ExitCode())
	}
	// Without a user namespace the privileged test skips.
	os.Exit(m.Run())
}

// manager runs functions for the API.
type manager struct{ *process.Manager }

func (m manager) Invoke(ctx context.Context, inv api.Invocation) (api.Outcome, error) {
	res, err := m.Manager.Invoke(ctx, sandbox.Invocation{ARN: inv.Function, Version: inv.Version, InvokedARN: inv.Invoked, Payload: inv.Payload,
		Event: inv.Event, Tail: inv.Tail, RequestID: inv.RequestID, ClientContext: inv.ClientContext})
	return api.Outcome{FunctionError: res.FunctionError, Payload: res.Payload, LogTail: res.LogTail}, err
}

type noLogs struct{}

func (noLogs) Write(context.Context, *sandbox.Function, string, []process.LogLine) error { return nil }

type noCredentials struct{}

func (noCredentials) Assume(context.Context, string, string) (sandbox.Credentials, time.Time, error) {
	return sandbox.Credentials{}, time.Time{}, nil
}

// serve makes what the state asks for real, until the test ends.
func (e *env) serve(m *process.Manager) {
	ctx, stop := context.WithCancel(e.t.Context())
	done := make(chan struct{})
	e.t.Cleanup(func() { stop(); <-done })
	go func() {
		defer close(done)
		compiler := plan.New()
		for s := e.view.Snapshot(); ; {
			statuses, err := m.Apply(ctx, compiler.Compile(s).Functions)
			if err != nil {
				return
			}
			h := &state.Host{Name: "h", Applied: s.SpecRev, Failures: map[string]string{}}
			for _, one := range statuses {
				if one.State == sandbox.Failed {
					h.Failures[one.Function] = one.Reason
				}
			}
			if e.view.Update(ctx, func(tx *state.Tx) error { state.Hosts.Put(tx, h); return nil }) != nil {
				return
			}
			for at := s.SpecRev; s.SpecRev == at; {
				if s, err = e.view.After(ctx, s.Rev); err != nil {
					return
				}
			}
		}
	}()
}

// settle waits until the hosts are done with a function.
func (e *env) settle(name string) *lambda.FunctionConfiguration {
	e.t.Helper()
	for {
		c := e.get(red, name)
		if *c.State != "Pending" && *c.LastUpdateStatus != "InProgress" {
			return c
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-e.t.Context().Done():
			e.t.Fatalf("%s is still %s, %s", name, *c.State, *c.LastUpdateStatus)
		}
	}
}

func TestPrivilegedFunctionRuns(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("neither root nor allowed to make a user namespace")
	}
	e := newEnv(t)
	dir := t.TempDir()
	blobs, err := blob.Open(filepath.Join(dir, "code"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := process.New(process.Options{Dir: filepath.Join(dir, "mounts"), Code: blobs, Logs: noLogs{}, Credentials: noCredentials{}})
	if err != nil {
		t.Skip("no namespaces here: ", err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	e.API.Archives, e.API.Invoker = blobs, manager{m}
	e.serve(m)

	program := filepath.Join(dir, "bootstrap")
	build := exec.Command("go", "build", "-buildvcs=false", "-ldflags=-s -w", "-o", program, "../../sandbox/process/testdata/bootstrap")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	code, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	layer := e.layer(red, "data", "from the layer")
	in := e.input(red, "hello")
	in.Code.ZipFile, in.Environment, in.Layers = executable(t, "bootstrap", code), variables("COLOUR", "red"), []string{*layer.LayerVersionArn}
	must[*lambda.CreateFunctionOutput](t)(e.CreateFunction(e.as(red), in))
	if c := e.settle("hello"); *c.State != "Active" {
		t.Fatalf("%s: %s", *c.State, *c.StateReason)
	}
	ask := func(name, event string) *lambda.InvokeOutput {
		t.Helper()
		return must[*lambda.InvokeOutput](t)(e.Invoke(e.as(red), &lambda.InvokeInput{FunctionName: &name, Payload: []byte(event), LogType: new("Tail")}))
	}
	const colour = `{"Do":"env","Text":"COLOUR"}`
	if out := ask("hello", colour); string(out.Payload) != `"red"` || out.FunctionError != nil {
		t.Errorf("answered %s", out.Payload)
	}
	if out := ask("hello", `{"Do":"read","Text":"/opt/data.txt"}`); string(out.Payload) != `"from the layer"` {
		t.Errorf("the layer holds %s", out.Payload)
	}
	e.publishRunning("hello")

	// An update takes effect for the next invocation, and leaves the version as it was.
	must[*lambda.UpdateFunctionConfigurationOutput](t)(e.UpdateFunctionConfiguration(e.as(red), &lambda.UpdateFunctionConfigurationInput{FunctionName: new("hello"), Environment: variables("COLOUR", "blue")}))
	e.settle("hello")
	for name, want := range map[string]string{"hello": `"blue"`, "hello:1": `"red"`} {
		if out := ask(name, colour); string(out.Payload) != want {
			t.Errorf("%s answered %s", name, out.Payload)
		}
	}
	if out := ask("hello", `{"Do":"fail"}`); out.FunctionError == nil || !strings.Contains(string(out.Payload), "error") {
		t.Errorf("what cannot be done answered %s", out.Payload)
	}

	// What cannot run says why.
	python := e.input(red, "java")
	python.Runtime, python.Handler = new("java21"), new("a.B::c")
	must[*lambda.CreateFunctionOutput](t)(e.CreateFunction(e.as(red), python))
	if c := e.settle("java"); *c.State != "Failed" || !strings.Contains(*c.StateReason, "java21") {
		t.Errorf("%s: %v", *c.State, c.StateReason)
	}
}

// publishRunning publishes a version and waits until it can run.
func (e *env) publishRunning(name string) {
	e.t.Helper()
	out := must[*lambda.PublishVersionOutput](e.t)(e.PublishVersion(e.as(red), &lambda.PublishVersionInput{FunctionName: &name}))
	e.settle(name + ":" + *out.Version)
}
