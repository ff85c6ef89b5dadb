//go:build linux

package process

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"trellis/internal/sandbox"
)

const pythonCode = `
import json, logging, os, sys
calls = 0
def handler(event, context):
    global calls
    calls += 1
    do = event.get("do")
    if do == "raise":
        raise ValueError("as told")
    if do == "exit":
        sys.exit(4)
    if do == "set":
        return {1, 2}
    if do == "log":
        print("printed")
        logging.getLogger().setLevel("INFO")
        logging.info("logged")
    if do == "import":
        import layered
        return layered.value
    if do == "path":
        return sys.path[:3]
    if do == "sleep":
        import time
        time.sleep(60)
    return {"calls": calls, "id": context.aws_request_id, "name": context.function_name, "memory": context.memory_limit_in_mb,
        "arn": context.invoked_function_arn, "left": 0 < context.get_remaining_time_in_millis() <= 10000, "group": context.log_group_name,
        "stream": context.log_stream_name == os.environ["AWS_LAMBDA_LOG_STREAM_NAME"], "version": context.function_version,
        "uid": os.getuid(), "execution": os.environ["AWS_EXECUTION_ENV"], "custom": context.client_context and context.client_context.custom}
`

const nodeCode = `
let calls = 0;
exports.handler = async (event, context) => {
  calls++;
  if (event.do === "raise") throw new TypeError("as told");
  if (event.do === "exit") process.exit(4);
  if (event.do === "log") console.log("printed %d", 7);
  if (event.do === "reject") { Promise.reject(new Error("lost")); await new Promise((r) => setTimeout(r, 1000)); }
  if (event.do === "sleep") await new Promise((r) => setTimeout(r, 60000));
  return { calls, id: context.awsRequestId, name: context.functionName, memory: context.memoryLimitInMB, arn: context.invokedFunctionArn,
    left: context.getRemainingTimeInMillis() > 0, group: context.logGroupName, stream: context.logStreamName === process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    version: context.functionVersion, uid: process.getuid(), execution: process.env.AWS_EXECUTION_ENV,
    custom: context.clientContext && context.clientContext.custom };
};
exports.callback = (event, context, callback) => { setTimeout(() => { calls += 10 }, 20); callback(null, "called"); };
exports.late = (event, context, callback) => { context.callbackWaitsForEmptyEventLoop = false; setTimeout(() => {}, 60000); callback(null, "at once"); };
exports.failing = (event, context, callback) => callback(new RangeError("as told"));
exports.nothing = () => {};
exports.nested = { deep: async () => "deep" };
exports.value = 3;
`

// interpreters are found once for all tests.
func interpreters(t *testing.T, l sandbox.Language) []sandbox.Interpreter {
	t.Helper()
	var out []sandbox.Interpreter
	for _, in := range FindInterpreters(context.Background()) {
		if in.Language == l {
			out = append(out, in)
		}
	}
	if _, err := sandbox.Resolve(map[sandbox.Language]string{sandbox.Python: "python3.12", sandbox.Node: "nodejs20.x"}[l], out); err != nil {
		t.Skip(err)
	}
	return out
}

type report struct {
	ErrorType, ErrorMessage, RequestID string
	StackTrace, Trace                  []string
}

func (h *host) fails(f *sandbox.Function, payload string) (report, string) {
	h.t.Helper()
	res, err := h.m.Invoke(context.Background(), sandbox.Invocation{ARN: f.ARN, Payload: []byte(payload), Tail: true})
	if err != nil {
		h.t.Fatal(err)
	}
	var r report
	if err := json.Unmarshal(res.Payload, &r); err != nil || res.FunctionError == "" {
		h.t.Fatalf("%s %s %v", res.FunctionError, res.Payload, err)
	}
	return r, string(res.LogTail)
}

func (h *host) succeeds(f *sandbox.Function, payload string) (string, string) {
	h.t.Helper()
	res, err := h.m.Invoke(context.Background(), sandbox.Invocation{ARN: f.ARN, Payload: []byte(payload), RequestID: "r-7", Tail: true, ClientContext: `{"custom":{"k":"v"}}`})
	if err != nil {
		h.t.Fatal(err)
	}
	if res.FunctionError != "" {
		h.t.Errorf("%s: %s\n%s", payload, res.Payload, res.LogTail)
	}
	return string(res.Payload), string(res.LogTail)
}

func checkContext(t *testing.T, text, runtime string, f *sandbox.Function) {
	t.Helper()
	var got map[string]any
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	custom, _ := got["custom"].(map[string]any)
	if got["id"] != "r-7" || got["name"] != f.Name() || got["memory"] != "256" || got["arn"] != f.ARN || got["left"] != true || got["group"] != f.LogGroup ||
		got["stream"] != true || got["version"] != sandbox.Latest || got["uid"] != 1000. || got["execution"] != "AWS_Lambda_"+runtime || custom["k"] != "v" {
		t.Errorf("%s", text)
	}
}

func TestPrivilegedPython(t *testing.T) {
	privileged(t)
	found := interpreters(t, sandbox.Python)
	h := newHost(t, func(o *Options) { o.Interpreters = func(context.Context) []sandbox.Interpreter { return found } })
	code := h.put(zipped{"main.py": pythonCode, "pkg/mod.py": "def run(event, context):\n    exit\n    return event * 2\n",
		"logging.py": "raise ValueError('in the way of the library')\n", "wrong.py": "def handler(:\n",
		"boom.py": "import nowhere\n", "late.py": "raise KeyError('at import')\n"})
	layer := h.put(zipped{"python/layered.py": "value = 'from the layer'\n"})
	python := func(name, handler string) *sandbox.Function {
		return h.function(name, func(f *sandbox.Function) {
			f.Runtime, f.Handler, f.Code, f.Layers, f.MemoryMB, f.Timeout = "python3.12", handler, code, []string{layer}, 256, 10*time.Second
		})
	}
	f := python("py", "main.handler")
	nested, wrong, boom, late := python("nested", "pkg/mod.run"), python("wrong", "wrong.handler"), python("boom", "boom.handler"), python("late", "late.handler")
	absent, malformed := python("absent", "main.absent"), python("malformed", "main")
	old := h.function("old", func(f *sandbox.Function) {
		f.Runtime, f.Handler, f.Code, f.MemoryMB = "python3.99", "main.handler", code, 256
	})
	versions := map[string]*sandbox.Function{}
	for _, in := range found {
		runtime := fmt.Sprintf("python%d.%d", in.Version.Major, in.Version.Minor)
		if in.Version.Minor >= 7 && versions[runtime] == nil {
			versions[runtime] = h.function(strings.ReplaceAll(runtime, ".", "-"), func(f *sandbox.Function) {
				f.Runtime, f.Handler, f.Code, f.MemoryMB = runtime, "main.handler", code, 256
			})
		}
	}
	h.ready()

	text, _ := h.succeeds(f, `{}`)
	checkContext(t, text, "python3.12", f)
	for runtime, f := range versions {
		if r, _ := h.fails(f, `{"do":"raise"}`); r.ErrorType != "ValueError" || !strings.Contains(strings.Join(r.StackTrace, ""), "/var/task/main.py") {
			t.Errorf("%s: %+v", runtime, r)
		}
	}
	if text, _ := h.succeeds(f, `{"do":"import"}`); text != `"from the layer"` {
		t.Error(text)
	}
	if text, _ := h.succeeds(f, `{"do":"path"}`); !strings.HasPrefix(text, `["/var/task", "/opt/python/lib/python3.`) || !strings.HasSuffix(text, `/site-packages", "/opt/python"]`) {
		t.Error(text)
	}
	if _, tail := h.succeeds(f, `{"do":"log"}`); !strings.Contains(tail, "\nprinted\n") || !strings.Contains(tail, "[INFO]\t") || !strings.Contains(tail, "Z\tr-7\tlogged\n") {
		t.Errorf("%s", tail)
	}
	// More than one read takes, both ways.
	if text, _ := h.succeeds(nested, `"`+strings.Repeat("x", 1<<20)+`"`); text != `"`+strings.Repeat("x", 2<<20)+`"` {
		t.Errorf("%.100s, %d bytes", text, len(text))
	}
	h.succeeds(old, `{}`)
	eventually(t, "the log naming the nearest interpreter", func() bool {
		return strings.Contains(h.log.all(), "[trellis] python3.99 is not on this host; running with python 3.")
	})
	for _, tc := range []struct {
		f                  *sandbox.Function
		payload            string
		errorType, message string
		stack, log         string
	}{
		{f, `{"do":"raise"}`, "ValueError", "as told", `  File "/var/task/main.py", line 9, in handler`, "[ERROR] ValueError: as told"},
		{f, `{"do":"set"}`, "Runtime.MarshalError", "set is not JSON serializable", "", "[ERROR] Runtime.MarshalError"},
		{f, `not json`, "Runtime.UnmarshalError", "Unable to unmarshal input", "", ""},
		{f, `{"do":"exit"}`, "Runtime.ExitError", "exit status 4", "", ""},
		{wrong, `{}`, "Runtime.UserCodeSyntaxError", "Syntax error in module 'wrong'", "/var/task/wrong.py", "UserCodeSyntaxError"},
		{boom, `{}`, "Runtime.ImportModuleError", "Unable to import module 'boom': No module named 'nowhere'", "", ""},
		{late, `{}`, "KeyError", "'at import'", "/var/task/late.py", ""},
		{absent, `{}`, "Runtime.HandlerNotFound", "Handler 'absent' missing on module 'main'", "", ""},
		{malformed, `{}`, "Runtime.MalformedHandlerName", "Bad handler 'main'", "", ""},
	} {
		r, tail := h.fails(tc.f, tc.payload)
		if r.ErrorType != tc.errorType || !strings.Contains(r.ErrorMessage, tc.message) || !strings.Contains(strings.Join(r.StackTrace, ""), tc.stack) {
			t.Errorf("%s %s: %+v", tc.f.Name(), tc.payload, r)
		}
		if strings.Contains(strings.Join(r.StackTrace, ""), "bootstrap") {
			t.Errorf("the loop shows in %v", r.StackTrace)
		}
		if !strings.Contains(tail, tc.log) {
			t.Errorf("%s %s: no %q in\n%s", tc.f.Name(), tc.payload, tc.log, tail)
		}
	}
}

func TestPrivilegedNode(t *testing.T) {
	privileged(t)
	found := interpreters(t, sandbox.Node)
	h := newHost(t, func(o *Options) { o.Interpreters = func(context.Context) []sandbox.Interpreter { return found } })
	code := h.put(zipped{"index.js": nodeCode, "esm.mjs": "export const handler = async (event) => ({ esm: event });\n", "dir/fn.cjs": "exports.handler = async () => require('layered');\n",
		"wrong.js": "exports.handler = (\n", "boom.js": "require('nowhere');\n"})
	layer := h.put(zipped{"nodejs/node_modules/layered/index.js": "module.exports = 'from the layer';\n"})
	node := func(handler string) *sandbox.Function {
		return h.function(strings.NewReplacer(".", "-", "/", "-").Replace(handler), func(f *sandbox.Function) {
			f.Runtime, f.Handler, f.Code, f.Layers, f.MemoryMB = "nodejs20.x", handler, code, []string{layer}, 256
		})
	}
	f := node("index.handler")
	good := map[*sandbox.Function]string{
		node("esm.handler"): `{"esm":{}}`, node("dir/fn.handler"): `"from the layer"`, node("index.callback"): `"called"`, node("index.late"): `"at once"`,
		node("index.nothing"): `null`, node("index.nested.deep"): `"deep"`,
	}
	failing, wrong, boom := node("index.failing"), node("wrong.handler"), node("boom.handler")
	value, absent, malformed := node("index.value"), node("absent.handler"), node("index")
	h.ready()

	text, _ := h.succeeds(f, `{}`)
	checkContext(t, text, "nodejs20.x", f)
	if _, tail := h.succeeds(f, `{"do":"log"}`); !strings.Contains(tail, "Z\tr-7\tINFO\tprinted 7\n") {
		t.Errorf("%s", tail)
	}
	for f, want := range good {
		for range 2 {
			if text, _ := h.succeeds(f, `{}`); text != want {
				t.Errorf("%s: %s, want %s", f.Handler, text, want)
			}
		}
	}
	for _, tc := range []struct {
		f                  *sandbox.Function
		payload            string
		errorType, message string
		trace              string
	}{
		{f, `{"do":"raise"}`, "TypeError", "as told", "/var/task/index.js:5"},
		{f, `{"do":"reject"}`, "Runtime.UnhandledPromiseRejection", "lost", ""},
		{f, `{"do":"exit"}`, "Runtime.ExitError", "exit status 4", ""},
		{failing, `{}`, "RangeError", "as told", "/var/task/index.js"},
		{wrong, `{}`, "Runtime.UserCodeSyntaxError", "SyntaxError", ""},
		{boom, `{}`, "Runtime.ImportModuleError", "nowhere", ""},
		{value, `{}`, "Runtime.HandlerNotFound", "not a function", ""},
		{absent, `{}`, "Runtime.ImportModuleError", "Cannot find module 'absent'", ""},
		{malformed, `{}`, "Runtime.MalformedHandlerName", "Bad handler", ""},
	} {
		r, tail := h.fails(tc.f, tc.payload)
		if r.ErrorType != tc.errorType || !strings.Contains(r.ErrorMessage, tc.message) || !strings.Contains(strings.Join(r.Trace, "\n"), tc.trace) {
			t.Errorf("%s %s: %+v\n%s", tc.f.Handler, tc.payload, r, tail)
		}
	}
}
