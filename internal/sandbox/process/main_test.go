//go:build linux

package process

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"trellis/internal/blob"
	"trellis/internal/sandbox"
)

// The main thread must not be one that enters namespaces: /proc/self is the main thread's.
func init() { runtime.LockOSThread() }

const (
	envInside    = "TRELLIS_TEST_INSIDE"
	envBootstrap = "TRELLIS_TEST_BOOTSTRAP"
)

func TestMain(m *testing.M) {
	if os.Getenv(envDoomed) != "" {
		os.Exit(doomedServer())
	}
	os.Exit(run(m))
}

// run runs the tests as root, be it of a user namespace of their own.
func run(m *testing.M) int {
	if os.Geteuid() == 0 || os.Getenv(envInside) != "" {
		return m.Run()
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), envInside+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return exit.ExitCode()
	case err != nil:
		// Without a user namespace the privileged tests skip.
		return m.Run()
	}
	return 0
}

func privileged(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("neither root nor allowed to make a user namespace")
	}
}

// bootstrap builds the tests' function once.
var bootstrap = sync.OnceValues(func() ([]byte, error) {
	if path := os.Getenv(envBootstrap); path != "" {
		return os.ReadFile(path)
	}
	dir, err := os.MkdirTemp("", "bootstrap-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "bootstrap")
	cmd := exec.Command("go", "build", "-ldflags=-s -w", "-o", out, "./testdata/bootstrap")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, text)
	}
	return os.ReadFile(out)
})

type zipped map[string]string

func (z zipped) bytes(t testing.TB) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for name, data := range z {
		h := &zip.FileHeader{Name: name}
		h.SetMode(0o755)
		f, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		f.Write([]byte(data))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

type memoryLog struct {
	mu    sync.Mutex
	lines map[string][]string
	block chan struct{}
}

func (l *memoryLog) Write(ctx context.Context, _ *sandbox.Function, stream string, lines []LogLine) error {
	if l.block != nil {
		select {
		case <-l.block:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range lines {
		l.lines[stream] = append(l.lines[stream], line.Message)
	}
	return nil
}

func (l *memoryLog) streams() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.lines)
}

// all returns every line, stream by stream.
func (l *memoryLog) all() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b strings.Builder
	for stream, lines := range l.lines {
		fmt.Fprintln(&b, "==", stream)
		for _, line := range lines {
			fmt.Fprintln(&b, line)
		}
	}
	return b.String()
}

type fixedCredentials struct{ expires time.Time }

func (c fixedCredentials) Assume(_ context.Context, role, _ string) (sandbox.Credentials, time.Time, error) {
	if strings.HasSuffix(role, "/forbidden") {
		return sandbox.Credentials{}, time.Time{}, errors.New("not this one")
	}
	return sandbox.Credentials{AccessKeyID: "ASIATEST", SecretAccessKey: "secret", SessionToken: role}, c.expires, nil
}

// host is a Manager with a store, for one test.
type host struct {
	t     testing.TB
	m     *Manager
	blobs *blob.Store
	log   *memoryLog
	data  string
	code  string
	fns   []*sandbox.Function
}

func newHost(t testing.TB, edit func(*Options)) *host {
	t.Helper()
	h := &host{t: t, data: t.TempDir(), log: &memoryLog{lines: make(map[string][]string)}}
	var err error
	if h.blobs, err = blob.Open(filepath.Join(h.data, "blob")); err != nil {
		t.Fatal(err)
	}
	opts := Options{
		Dir: filepath.Join(h.data, "sandbox"), Code: h.blobs, Logs: h.log, Credentials: fixedCredentials{},
		API: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "the API") }),
	}
	if edit != nil {
		edit(&opts)
	}
	if h.m, err = New(opts); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.m.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func (h *host) put(z zipped) string {
	h.t.Helper()
	info, err := h.blobs.Put(context.Background(), bytes.NewReader(z.bytes(h.t)), 1<<30)
	if err != nil {
		h.t.Fatal(err)
	}
	return info.Digest
}

// function desires the tests' function, edited.
func (h *host) function(name string, edit func(*sandbox.Function)) *sandbox.Function {
	h.t.Helper()
	f := sandbox.Function{
		ARN: "arn:aws:lambda:us-east-1:111111111111:function:" + name, Version: sandbox.Latest, Runtime: "provided.al2023", Handler: "bootstrap",
		MemoryMB: 128, EphemeralMB: 512, Timeout: 10 * time.Second, Role: "arn:aws:iam::111111111111:role/r", LogGroup: "/aws/lambda/" + name,
	}
	if edit != nil {
		edit(&f)
	}
	if f.Code == "" {
		if h.code == "" {
			text, err := bootstrap()
			if err != nil {
				h.t.Fatal(err)
			}
			h.code = h.put(zipped{"bootstrap": string(text), "data.txt": "code"})
		}
		f.Code = h.code
	}
	desired := f
	for i := range h.fns {
		if h.fns[i].Qualified() == f.Qualified() {
			h.fns[i] = &desired
			return &f
		}
	}
	h.fns = append(h.fns, &desired)
	return &f
}

func (h *host) apply() []sandbox.Status {
	h.t.Helper()
	s, err := h.m.Apply(context.Background(), h.fns)
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

func (h *host) ready() {
	h.t.Helper()
	for _, s := range h.apply() {
		if s.State != sandbox.Active {
			h.t.Fatalf("%+v", s)
		}
	}
}

type ev struct {
	Do   string
	Text string    `json:",omitempty"`
	N    int       `json:",omitempty"`
	Args []uintptr `json:",omitempty"`
}

func (h *host) invoke(f *sandbox.Function, e any) sandbox.Result {
	h.t.Helper()
	payload, err := json.Marshal(e)
	if err != nil {
		h.t.Fatal(err)
	}
	res, err := h.m.Invoke(context.Background(), sandbox.Invocation{ARN: f.ARN, Version: f.Version, Payload: payload, Tail: true})
	if err != nil {
		var cause interface{ Unwrap() error }
		if errors.As(err, &cause) {
			h.t.Fatalf("%v: %v", err, cause.Unwrap())
		}
		h.t.Fatal(err)
	}
	return res
}

// get returns what the function answered, or its error's message after "!".
func (h *host) get(f *sandbox.Function, e any) string {
	h.t.Helper()
	res := h.invoke(f, e)
	if res.FunctionError != "" {
		var report struct{ ErrorMessage string }
		if err := json.Unmarshal(res.Payload, &report); err != nil {
			h.t.Fatalf("%s: %v", res.Payload, err)
		}
		return "!" + report.ErrorMessage
	}
	var s any
	if err := json.Unmarshal(res.Payload, &s); err != nil {
		h.t.Fatalf("%s: %v", res.Payload, err)
	}
	return fmt.Sprint(s)
}

// eventually waits for something that another goroutine brings about.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for range 500 {
		if ok() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("did not come about: %s", what)
}
