package faults

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/vpclattice"
	latticetypes "github.com/aws/aws-sdk-go-v2/service/vpclattice/types"
	"github.com/aws/smithy-go"

	"trellis/test/process"
)

// handler answers, and takes long where the event asks for it by its name.
const handler = `import json, time

def handler(event, context):
    text = json.dumps(event)
    if "slow" in text:
        print("at work on " + text, flush=True)
        time.sleep(20)
    return {"statusCode": 200, "body": "well"}
`

// archive is a function's code, with so many bytes beside it that nothing makes smaller.
func archive(t *testing.T, more []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, text := range map[string][]byte{"index.py": []byte(handler), "more": more} {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err == nil {
			_, err = w.Write(text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// function makes a function and waits until it can be invoked.
func (z *zone) function(t *testing.T, name string) string {
	t.Helper()
	role := must(t, z.iam.CreateRole, &iam.CreateRoleInput{RoleName: &name,
		AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}}`)}).Role
	must(t, z.iam.AttachRolePolicy, &iam.AttachRolePolicyInput{RoleName: &name, PolicyArn: aws.String("arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole")})
	made := must(t, z.lambda.CreateFunction, &lambda.CreateFunctionInput{FunctionName: &name, Role: role.Arn, Runtime: lambdatypes.RuntimePython312, Handler: aws.String("index.handler"),
		Code: &lambdatypes.FunctionCode{ZipFile: archive(t, nil)}, Timeout: aws.Int32(30)})
	z.updated(t, name)
	return *made.FunctionArn
}

func (z *zone) updated(t *testing.T, name string) {
	t.Helper()
	eventually(t, "the function", func() bool {
		got := must(t, z.lambda.GetFunctionConfiguration, &lambda.GetFunctionConfigurationInput{FunctionName: &name})
		if got.StateReasonCode != "" && got.State == lambdatypes.StateFailed {
			t.Skipf("functions in Python do not run here: %s", aws.ToString(got.StateReason))
		}
		return got.State == lambdatypes.StateActive && got.LastUpdateStatus == lambdatypes.LastUpdateStatusSuccessful
	})
}

// runtimes are the processes that the server runs an interpreter in.
func (s *server) runtimes() []int {
	return slices.DeleteFunc(process.Children(s.cmd.Process.Pid), func(pid int) bool {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		return err != nil || !strings.Contains(string(line), "python")
	})
}

// killRuntimes kills every runtime, and returns when they have ended.
func (s *server) killRuntimes(t *testing.T) {
	t.Helper()
	killed := 0
	for _, pid := range s.runtimes() {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Error(err)
		}
		eventually(t, "the end of a runtime", func() bool {
			_, _, there := process.Stat(pid)
			return !there
		})
		killed++
	}
	if killed != 1 {
		t.Errorf("%d runtimes were there to be killed", killed)
	}
}

// The process of a function that somebody kills fails the call that it is at as on AWS, and no other.
func TestPrivilegedKilledFunction(t *testing.T) {
	s := start(t, 0)
	z := s.zone(t)
	function := z.function(t, "f")
	invoke := func(event string) *lambda.InvokeOutput {
		t.Helper()
		return must(t, z.lambda.Invoke, &lambda.InvokeInput{FunctionName: &function, Payload: []byte(event)})
	}
	well := func(when string) {
		t.Helper()
		if got := invoke(`"fast"`); got.FunctionError != nil || !strings.Contains(string(got.Payload), "well") {
			t.Errorf("%s: %s %s", when, aws.ToString(got.FunctionError), got.Payload)
		}
	}
	working := func(event string) {
		t.Helper()
		eventually(t, "the call of "+event, func() bool {
			out, err := z.logs.FilterLogEvents(t.Context(), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String("/aws/lambda/f"), FilterPattern: aws.String(`"` + event + `"`)})
			return err == nil && len(out.Events) > 0
		})
	}
	well("at first")
	there := s.runtimes()
	if len(there) == 0 {
		t.Fatal("the function answers, and no process of it is there")
	}
	s.nameless(t, there...)
	s.killRuntimes(t)
	well("after it was killed at rest")

	answered := make(chan *lambda.InvokeOutput, 1)
	go func() {
		out, err := z.lambda.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &function, Payload: []byte(`"slow-invoke"`)})
		if err != nil {
			t.Error(err)
		}
		answered <- out
	}()
	working("slow-invoke")
	s.killRuntimes(t)
	if got := <-answered; got != nil && (got.StatusCode != 200 || aws.ToString(got.FunctionError) != "Unhandled" || !strings.Contains(string(got.Payload), "Runtime.ExitError") ||
		!strings.Contains(string(got.Payload), "signal: killed")) {
		t.Errorf("the call under way: %d %s %s", got.StatusCode, aws.ToString(got.FunctionError), got.Payload)
	}
	well("after it was killed at work")

	// As a target.
	g := must(t, z.lattice.CreateTargetGroup, &vpclattice.CreateTargetGroupInput{Name: aws.String("functions"), Type: latticetypes.TargetGroupTypeLambda}).Id
	eventually(t, "the target group", func() bool {
		return must(t, z.lattice.GetTargetGroup, &vpclattice.GetTargetGroupInput{TargetGroupIdentifier: g}).Status == latticetypes.TargetGroupStatusActive
	})
	must(t, z.lattice.RegisterTargets, &vpclattice.RegisterTargetsInput{TargetGroupIdentifier: g, Targets: []latticetypes.Target{{Id: &function}}})
	must(t, z.lattice.CreateListener, &vpclattice.CreateListenerInput{ServiceIdentifier: &z.service, Name: aws.String("functions"), Port: aws.Int32(81), Protocol: latticetypes.ListenerProtocolHttp,
		DefaultAction: &latticetypes.RuleActionMemberForward{Value: latticetypes.ForwardAction{TargetGroups: []latticetypes.WeightedTargetGroup{{TargetGroupIdentifier: g}}}}})
	p := z.start(t, "ask")
	url := "http://" + z.name + ":81/"
	eventually(t, "the target", func() bool { return p.get(t, url) == fine })
	if _, err := fmt.Fprintln(p.in, url+"slow-request"); err != nil {
		t.Fatal(err)
	}
	working("slow-request")
	s.killRuntimes(t)
	if got := p.line(t); got != "502 <nil>" {
		t.Errorf("the request under way: %s, want 502", got)
	}
	if got := p.get(t, url); got != fine {
		t.Errorf("the next request: %s", got)
	}
	s.alive(t)
}

// A server does not begin where its state has no room, and says so.
func TestPrivilegedBeginOnFullDisk(t *testing.T) {
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	if os.Getuid() != 0 {
		t.Skip("only root may mount a tmpfs here")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := &server{program: path, self: self, data: t.TempDir()}
	s.hold(t, 1)
	cmd := exec.Command(self, probeArgument, "within", strconv.Itoa(s.holder), path, "serve", "--control-plane-only", "--listen", "127.0.0.1:0", "--data", s.data)
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "The disk of the server is full") || strings.Contains(string(out), "goroutine") {
		t.Errorf("%v: %s", err, out)
	}
}

// Code does not go on a full disk, and what is there stays; a server starts again on one, and all is well once there is room.
func TestPrivilegedFullDiskCodeAndRestart(t *testing.T) {
	s := start(t, 600)
	z := s.zone(t)
	function := z.function(t, "f")
	before := must(t, z.lambda.GetFunctionConfiguration, &lambda.GetFunctionConfigurationInput{FunctionName: &function}).CodeSha256
	update := func() error {
		_, err := z.lambda.UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: &function, ZipFile: archive(t, []byte("more"))})
		return err
	}
	filler := s.fill(t)
	var api smithy.APIError
	if err := update(); !errors.As(err, &api) || !strings.Contains(api.ErrorMessage(), "The disk of the server is full") {
		t.Errorf("code on a full disk: %v", err)
	}
	left, err := filepath.Glob(filepath.Join(s.inside(), "code", "tmp", "*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left of it: %v, %v", left, err)
	}
	well := func(when string) {
		t.Helper()
		if got := must(t, z.lambda.Invoke, &lambda.InvokeInput{FunctionName: &function, Payload: []byte(`"fast"`)}); got.FunctionError != nil || !strings.Contains(string(got.Payload), "well") {
			t.Errorf("%s: %s %s", when, aws.ToString(got.FunctionError), got.Payload)
		}
	}
	well("with a full disk")

	s.kill(t)
	s.run(t)
	z.clients(t, z.profile)
	if got := must(t, z.lambda.GetFunctionConfiguration, &lambda.GetFunctionConfigurationInput{FunctionName: &function}).CodeSha256; *got != *before {
		t.Errorf("the code is %s, was %s", *got, *before)
	}
	// That the function can run again is not known before it could be written.
	if err := update(); err == nil {
		t.Error("code was taken on a full disk after a restart")
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	eventually(t, "room", func() bool { return update() == nil })
	z.updated(t, "f")
	well("with room again")
	if got := must(t, z.lambda.GetFunctionConfiguration, &lambda.GetFunctionConfigurationInput{FunctionName: &function}).CodeSha256; *got == *before {
		t.Error("the code is the old one")
	}
	s.alive(t)
}
