package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"trellis/bench/load"
	"trellis/bench/process"
	"trellis/bench/report"
	"trellis/bench/stand"
)

const pythonFunction = `import time

BEGAN = str(time.time_ns())


def handler(event, context):
    time.sleep(event.get("Sleep", 0) / 1000)
    return BEGAN
`

// atOnce is how many invocations are made at the same time, each of which takes so long by itself.
const (
	atOnce    = 100
	takesLong = 300 * time.Millisecond
)

// functions measures invocations of functions that do nothing.
func (b *bench) functions(ctx context.Context) error {
	l, err := b.loader()
	if err != nil {
		return err
	}
	s, err := b.server(ctx, "functions", process.Any)
	if err != nil {
		return err
	}
	if s.Plane != "" {
		return fmt.Errorf("no function runs here: %s", s.Plane)
	}
	a, err := s.Account(ctx, "bench")
	if err != nil {
		return err
	}
	role, err := a.IAM.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("bench"), AssumeRolePolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`)})
	if err != nil {
		return err
	}
	bootstrap, err := os.ReadFile(b.function)
	if err != nil {
		return err
	}
	path, interpreter, err := python(ctx)
	if err != nil {
		return err
	}
	for _, f := range []function{
		{name: "go", label: "Go", runtime: types.RuntimeProvidedal2023, handler: "bootstrap", file: "bootstrap", code: bootstrap},
		{name: "python", label: "Python", runtime: types.Runtime(interpreter), handler: "function.handler", file: "function.py", code: []byte(pythonFunction), interpreter: path},
	} {
		if err := b.language(ctx, l, s, a, f, *role.Role.Arn); err != nil {
			return fmt.Errorf("%s: %w", f.label, err)
		}
	}
	return nil
}

// function is what is measured in one language.
type function struct {
	name, label   string
	runtime       types.Runtime
	handler, file string
	code          []byte
	// interpreter is the program that runs the code, empty for code that is a program.
	interpreter string
}

// startAim is what a first answer may take beside the interpreter's own start, in milliseconds.
const startAim = 15

// python is this machine's interpreter, and the name of its runtime.
func python(ctx context.Context) (path, runtime string, err error) {
	out, err := exec.CommandContext(ctx, "python3", "-c", `import sys; print(sys.executable, "python%d.%d" % sys.version_info[:2])`).Output()
	if err != nil {
		return "", "", fmt.Errorf("python3: %w", err)
	}
	path, runtime, ok := strings.Cut(strings.TrimSpace(string(out)), " ")
	if !ok {
		return "", "", fmt.Errorf("python3 says %q", out)
	}
	return path, runtime, nil
}

// bareStart is how many milliseconds an interpreter takes that has nothing to do. It is started as one that runs a function is:
// without the hooks of packages that this machine has.
func bareStart(ctx context.Context, path string) (float64, error) {
	begin := time.Now()
	err := exec.CommandContext(ctx, path, "-S", "-c", "import site").Run()
	return millis(time.Since(begin)), err
}

func (b *bench) language(ctx context.Context, l *loader, s *stand.Server, a *stand.Account, f function, role string) error {
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	h := &zip.FileHeader{Name: f.file, Method: zip.Deflate}
	h.SetMode(0o755)
	w, err := z.CreateHeader(h)
	if err != nil {
		return err
	}
	if _, err := w.Write(f.code); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	if _, err := a.Lambda.CreateFunction(ctx, &lambda.CreateFunctionInput{FunctionName: &f.name, Runtime: f.runtime, Handler: &f.handler, Role: &role,
		Code: &types.FunctionCode{ZipFile: archive.Bytes()}, Timeout: aws.Int32(30), MemorySize: aws.Int32(256)}); err != nil {
		return err
	}
	t := &invoker{l, s, a, f.name}
	rounds, each := 25, 500
	if b.quick {
		rounds, each = 3, 50
	}
	var cold, alone, warm, warm99, burst, again []float64
	repeated := 0
	for i := range rounds {
		if err := t.renew(ctx, i); err != nil {
			return err
		}
		r, err := t.invoke(ctx, 1, 1, 0)
		if err != nil {
			return err
		}
		cold = append(cold, millis(r.Max))
		if f.interpreter != "" {
			took, err := bareStart(ctx, f.interpreter)
			if err != nil {
				return err
			}
			alone = append(alone, took)
		}
	}
	for range min(rounds, 5) {
		r, err := t.invoke(ctx, 1, each, 0)
		if err != nil {
			return err
		}
		warm, warm99 = append(warm, millis(r.P50)), append(warm99, millis(r.P99))
	}
	for i := range min(rounds, 3) {
		if err := t.renew(ctx, rounds+i); err != nil {
			return err
		}
		for _, values := range []*[]float64{&burst, &again} {
			r, err := t.invoke(ctx, atOnce, atOnce, takesLong)
			if err != nil {
				return err
			}
			*values = append(*values, millis(r.Max-takesLong))
			repeated = max(repeated, r.Repeated)
		}
	}
	add := func(name string, values []float64, aim *report.Aim, limit string) {
		b.add(report.Figure{Group: "Functions", Name: f.label + ": " + name, Unit: report.Millis, Ours: report.Sample{Subject: trellis, Values: values}, Aim: aim, Limit: limit})
	}
	b.add(report.Figure{Group: "Functions", Name: f.label + ": first answer of a function without an instance", Unit: report.Millis,
		Ours: report.Sample{Subject: trellis, Values: cold}, Beside: []report.Sample{{Subject: "the interpreter alone", Values: alone}},
		Aim:   &report.Aim{Value: startAim + report.Sample{Values: alone}.Median()},
		Limit: "a process in namespaces of its own, its mounts, and the program's own start."})
	add("warm invocation, p50", warm, &report.Aim{Value: 0.5}, "the signed call, the event and its answer at the Runtime API, and the scheduler between them.")
	add("warm invocation, p99", warm99, nil, "five of five hundred invocations: whoever else had the core when they came, the server's own work included.")
	limit := "two cores that start the processes."
	if repeated > 0 {
		limit = fmt.Sprintf("the memory of this machine: %d invocations were throttled, and their clients asked again every 10 ms.", repeated)
	}
	name := fmt.Sprintf("%d at once that take %s each, until the last answer, beyond that time", atOnce, takesLong)
	add(name+", without an instance", burst, nil, limit)
	add(name+", warm", again, nil, limit)
	return nil
}

// invoker invokes one function.
type invoker struct {
	load    *loader
	server  *stand.Server
	account *stand.Account
	name    string
}

// invoke makes so many invocations at so many connections, each of which takes a time by itself.
func (t *invoker) invoke(ctx context.Context, conns, count int, sleep time.Duration) (load.Result, error) {
	body, err := json.Marshal(struct{ Sleep int64 }{sleep.Milliseconds()})
	if err != nil {
		return load.Result{}, err
	}
	requests, err := t.account.Sign(ctx, stand.Invoke(t.name, string(body)))
	if err != nil {
		return load.Result{}, err
	}
	r, err := t.load.do(load.Job{Addr: t.server.Addr, Requests: requests, Conns: conns, Count: count, Time: time.Minute, Status: 200, Throttled: 429})
	if err == nil && r.Answered != count {
		err = fmt.Errorf("%d of %d invocations were answered in a minute", r.Answered, count)
	}
	return r, err
}

// renew changes the function, so that no instance of it is there.
func (t *invoker) renew(ctx context.Context, i int) error {
	if err := t.ready(ctx); err != nil {
		return err
	}
	if _, err := t.account.Lambda.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{FunctionName: &t.name,
		Environment: &types.Environment{Variables: map[string]string{"ROUND": fmt.Sprint(i)}}}); err != nil {
		return err
	}
	if err := t.ready(ctx); err != nil {
		return err
	}
	// What the change set off is over before the invocation.
	time.Sleep(100 * time.Millisecond)
	return nil
}

// ready waits until the function can be changed and invoked.
func (t *invoker) ready(ctx context.Context) error {
	for begin := time.Now(); time.Since(begin) < 30*time.Second; time.Sleep(10 * time.Millisecond) {
		c, err := t.account.Lambda.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &t.name})
		if err != nil {
			return err
		}
		switch {
		case c.State == types.StateFailed:
			return fmt.Errorf("the function failed: %s", aws.ToString(c.StateReason))
		case c.State == types.StateActive && c.LastUpdateStatus != types.LastUpdateStatusInProgress:
			return nil
		}
	}
	return errors.New("the function is not ready after 30 s")
}
