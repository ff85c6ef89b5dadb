package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func py(minor, patch int) Interpreter {
	return Interpreter{Language: Python, Version: Version{3, minor, patch}, Path: fmt.Sprintf("/usr/bin/python3.%d", minor)}
}

func node(major int) Interpreter {
	return Interpreter{Language: Node, Version: Version{Major: major}, Path: "/usr/bin/node"}
}

func TestResolve(t *testing.T) {
	for _, tc := range []struct {
		runtime string
		found   []Interpreter
		want    string
		note    string
		err     string
	}{
		{runtime: "provided.al2023", want: "native 0.0.0"},
		{runtime: "provided.al2", want: "native 0.0.0"},
		{runtime: "python3.12", found: []Interpreter{py(11, 7), py(12, 1), py(13, 0)}, want: "python 3.12.1"},
		{runtime: "python3.12", found: []Interpreter{py(12, 1), py(12, 4)}, want: "python 3.12.4"},
		{runtime: "python3.12", found: []Interpreter{py(11, 7), py(13, 0)}, want: "python 3.13.0", note: "python3.12 is not on this host; running with python 3.13.0"},
		{runtime: "python3.9", found: []Interpreter{py(8, 1), py(11, 0)}, want: "python 3.8.1", note: "running with python 3.8.1"},
		{runtime: "python3.9", found: []Interpreter{py(6, 1)}, err: "needs python 3.7 or later"},
		{runtime: "python3.9", found: []Interpreter{{Language: Python, Version: Version{2, 7, 18}}}, err: "there is none"},
		{runtime: "python3.9", found: []Interpreter{node(20)}, err: "there is none"},
		{runtime: "nodejs20.x", found: []Interpreter{node(18), node(20), py(9, 1)}, want: "node 20.0.0"},
		{runtime: "nodejs22.x", found: []Interpreter{node(18), node(20)}, want: "node 20.0.0", note: "nodejs22.x is not on this host"},
		{runtime: "nodejs22.x", err: "needs node 14.0 or later"},
		{runtime: "java21", err: "is not one that runs here"},
		{runtime: "python3.012", err: "is not one that runs here"},
		{runtime: "", err: "is not one that runs here"},
	} {
		got, err := Resolve(tc.runtime, tc.found)
		if tc.err != "" {
			if err == nil || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%s: error %v, want %q", tc.runtime, err, tc.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tc.runtime, err)
			continue
		}
		name := got.Interpreter.String()
		if got.Runtime.Language == Native {
			name = "native 0.0.0"
		}
		if name != tc.want || !strings.Contains(got.Note, tc.note) || (tc.note == "") != (got.Note == "") {
			t.Errorf("%s: %s %q, want %s %q", tc.runtime, name, got.Note, tc.want, tc.note)
		}
	}
}

func sample() Function {
	return Function{
		ARN: "arn:aws:lambda:eu-west-1:111111111111:function:Directory", Version: Latest, Runtime: "python3.12", Handler: "main.handler",
		Code: "aa", MemoryMB: 128, EphemeralMB: 512, Timeout: 3 * time.Second, LogGroup: "/aws/lambda/Directory",
		Environment: map[string]string{"QUERY": "q=blue", "PATH": "/opt/mine", "AWS_REGION": "mars"},
	}
}

func TestEnvironment(t *testing.T) {
	f := sample()
	c, err := Resolve(f.Runtime, []Interpreter{py(12, 1)})
	if err != nil {
		t.Fatal(err)
	}
	env := Environment(&f, c, "stream", Credentials{"AKIA", "secret", "token"})
	for _, want := range []string{
		"QUERY=q=blue", "PATH=/opt/mine", "AWS_REGION=eu-west-1", "AWS_DEFAULT_REGION=eu-west-1", "_HANDLER=main.handler",
		"AWS_LAMBDA_FUNCTION_NAME=Directory", "AWS_LAMBDA_FUNCTION_VERSION=$LATEST", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128",
		"AWS_EXECUTION_ENV=AWS_Lambda_python3.12", "AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/Directory", "AWS_LAMBDA_LOG_STREAM_NAME=stream",
		"AWS_ACCESS_KEY_ID=AKIA", "AWS_SECRET_ACCESS_KEY=secret", "AWS_SESSION_TOKEN=token", "LAMBDA_TASK_ROOT=/var/task",
		"LAMBDA_RUNTIME_DIR=/var/runtime", "AWS_LAMBDA_RUNTIME_API=127.0.0.1:9001", "AWS_ENDPOINT_URL=http://127.0.0.1:4566", "TZ=:UTC",
	} {
		if !slices.Contains(env, want) {
			t.Errorf("no %s in %q", want, env)
		}
	}
	if !slices.IsSorted(env) {
		t.Error("not sorted")
	}
	f.Runtime = "provided.al2023"
	c, _ = Resolve(f.Runtime, nil)
	for _, v := range Environment(&f, c, "stream", Credentials{}) {
		if strings.HasPrefix(v, "AWS_EXECUTION_ENV=") {
			t.Errorf("a bootstrap has %s", v)
		}
	}
}

func TestReserved(t *testing.T) {
	if !slices.IsSorted(reserved) {
		t.Fatal("reserved is searched by halves and must be sorted")
	}
}

func TestRevision(t *testing.T) {
	base := sample()
	one, two := 1, 2
	for name, tc := range map[string]struct {
		edit func(*Function)
		same bool
	}{
		"nothing":     {func(*Function) {}, true},
		"concurrency": {func(f *Function) { f.Reserved = &one }, true},
		"retries":     {func(f *Function) { f.Retries = &two }, true},
		"environment": {func(f *Function) { f.Environment = map[string]string{"QUERY": "q=green"} }, false},
		"code":        {func(f *Function) { f.Code = "bb" }, false},
		"layers":      {func(f *Function) { f.Layers = []string{"cc"} }, false},
		"interface":   {func(f *Function) { f.Interface = "eni-1" }, false},
		"timeout":     {func(f *Function) { f.Timeout = time.Second }, false},
		"role":        {func(f *Function) { f.Role = "arn:aws:iam::111111111111:role/r" }, false},
	} {
		f := sample()
		tc.edit(&f)
		if got := f.Revision() == base.Revision(); got != tc.same {
			t.Errorf("%s: same revision %v, want %v", name, got, tc.same)
		}
	}
}

func TestValidate(t *testing.T) {
	for name, tc := range map[string]struct {
		edit func(*Function)
		err  string
	}{
		"as it is":    {func(*Function) {}, ""},
		"qualified":   {func(f *Function) { f.ARN += ":1" }, "without a qualifier"},
		"other arn":   {func(f *Function) { f.ARN = "arn:aws:s3:::bucket" }, "without a qualifier"},
		"no version":  {func(f *Function) { f.Version = "" }, "no version"},
		"no code":     {func(f *Function) { f.Code = "" }, "no code"},
		"memory":      {func(f *Function) { f.MemoryMB = 64 }, "memory size 64"},
		"storage":     {func(f *Function) { f.EphemeralMB = 10241 }, "ephemeral storage"},
		"timeout":     {func(f *Function) { f.Timeout = 901 * time.Second }, "timeout"},
		"layers":      {func(f *Function) { f.Layers = make([]string, 6) }, "6 layers"},
		"runtime":     {func(f *Function) { f.Runtime = "cobol" }, "cobol"},
		"handler":     {func(f *Function) { f.Handler = "" }, "needs a handler"},
		"concurrency": {func(f *Function) { n := -1; f.Reserved = &n }, "negative"},
		"retries":     {func(f *Function) { n := 3; f.Retries = &n }, "retry"},
	} {
		f := sample()
		tc.edit(&f)
		err := f.Validate()
		if (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
			t.Errorf("%s: %v, want %q", name, err, tc.err)
		}
	}
}

func TestLines(t *testing.T) {
	at := time.Date(2026, 11, 23, 4, 5, 6, 7e6, time.UTC)
	for _, tc := range []struct{ got, want string }{
		{LogStream(Latest, at, "0f"), "2026/11/23/[$LATEST]0f"},
		{StartLine("r", "7"), "START RequestId: r Version: 7"},
		{EndLine("r"), "END RequestId: r"},
		{ReportLine("r", Usage{Duration: 1234567, PeakMB: 30, LimitMB: 128}),
			"REPORT RequestId: r\tDuration: 1.23 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\tMax Memory Used: 30 MB\t"},
		{ReportLine("r", Usage{Duration: 3e9, Init: 5e5, PeakMB: 30, LimitMB: 128, Status: "timeout"}),
			"REPORT RequestId: r\tDuration: 3000.00 ms\tBilled Duration: 3001 ms\tMemory Size: 128 MB\tMax Memory Used: 30 MB\tInit Duration: 0.50 ms\tStatus: timeout"},
		{ReportLine("r", Usage{Duration: 1e6, LimitMB: 128, Status: "error", ErrorType: ErrorExit}),
			"REPORT RequestId: r\tDuration: 1.00 ms\tBilled Duration: 1 ms\tMemory Size: 128 MB\tMax Memory Used: 0 MB\tStatus: error\tError Type: Runtime.ExitError"},
		{TimeoutLine("r", at, 3*time.Second), "2026-11-23T04:05:06.007Z r Task timed out after 3.00 seconds"},
		{TimeoutMessage("r", 3*time.Second), "RequestId: r Error: Task timed out after 3.00 seconds"},
		{ExitMessage("r", ""), "RequestId: r Error: Runtime exited without providing a reason"},
		{ExitMessage("r", "exit status 1"), "RequestId: r Error: Runtime exited with error: exit status 1"},
	} {
		if tc.got != tc.want {
			t.Errorf("got  %q\nwant %q", tc.got, tc.want)
		}
	}
	var p map[string]string
	if err := json.Unmarshal(ErrorPayload(ErrorExit, `a "b"`), &p); err != nil || p["errorType"] != ErrorExit || p["errorMessage"] != `a "b"` {
		t.Errorf("payload %v, %v", p, err)
	}
}

func TestTail(t *testing.T) {
	var all bytes.Buffer
	var tail Tail
	for i := range 2000 {
		line := fmt.Appendf(nil, "line %d", i)
		tail.Line(line)
		all.Write(append(line, '\n'))
		want := all.Bytes()
		if len(want) > MaxLogTail {
			want = want[len(want)-MaxLogTail:]
		}
		if !bytes.Equal(tail.Bytes(), want) {
			t.Fatalf("after line %d the tail is %q", i, tail.Bytes())
		}
	}
	long := bytes.Repeat([]byte("x"), 3*MaxLogTail)
	tail.Line(long)
	if got := tail.Bytes(); len(got) != MaxLogTail || got[len(got)-1] != '\n' || bytes.Contains(got, []byte("line")) {
		t.Errorf("a long line leaves %d bytes", len(got))
	}
}

func FuzzParseRuntime(f *testing.F) {
	for _, s := range []string{"python3.12", "nodejs20.x", "provided", "python3.", "nodejs.x", "python3.999999999999999999999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		rt, err := ParseRuntime(s)
		if err == nil && (rt.Name != s || rt.Language == "") {
			t.Errorf("%q became %+v", s, rt)
		}
	})
}
