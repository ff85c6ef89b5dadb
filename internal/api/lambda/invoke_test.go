package lambda_test

import (
	"encoding/base64"
	"testing"

	api "trellis/internal/api/lambda"
	"trellis/internal/aws/model/lambda"
	"trellis/internal/fault"
)

func TestInvoke(t *testing.T) {
	e := newEnv(t)
	e.create(red, "hello")
	e.publish("hello")
	must[*lambda.CreateAliasOutput](t)(e.CreateAlias(e.as(red), &lambda.CreateAliasInput{FunctionName: new("hello"), Name: new("live"), FunctionVersion: new("1")}))
	e.runs.outcome = api.Outcome{Payload: []byte(`{"ok":true}`), LogTail: []byte("START\n")}
	out := must[*lambda.InvokeOutput](t)(e.Invoke(e.as(red), &lambda.InvokeInput{FunctionName: new("hello"), Payload: []byte(`{"a":1}`), LogType: new("Tail"),
		ClientContext: new(base64.StdEncoding.EncodeToString([]byte(`{"c":1}`)))}))
	if *out.StatusCode != 200 || string(out.Payload) != `{"ok":true}` || *out.ExecutedVersion != "$LATEST" || out.FunctionError != nil ||
		*out.LogResult != base64.StdEncoding.EncodeToString([]byte("START\n")) {
		t.Errorf("answered %+v", out)
	}
	if inv := e.runs.seen[0]; inv.RequestID != "request" || inv.Invoked != arnOf(red, "hello") || string(inv.Payload) != `{"a":1}` || inv.ClientContext != `{"c":1}` || inv.Event {
		t.Errorf("invoked %+v", inv)
	}
	out = must[*lambda.InvokeOutput](t)(e.Invoke(e.as(red), &lambda.InvokeInput{FunctionName: new("hello:live")}))
	if inv := e.runs.seen[1]; *out.ExecutedVersion != "1" || inv.Version != "1" || inv.Invoked != arnOf(red, "hello")+":live" || out.LogResult != nil {
		t.Errorf("the alias answered %+v, for %+v", out, inv)
	}
	if out := must[*lambda.InvokeOutput](t)(e.Invoke(e.as(red), &lambda.InvokeInput{FunctionName: new("hello"), InvocationType: new("Event")})); *out.StatusCode != 202 || out.Payload != nil || !e.runs.seen[2].Event {
		t.Errorf("the event got %+v", out)
	}
	if out := must[*lambda.InvokeOutput](t)(e.Invoke(e.as(red), &lambda.InvokeInput{FunctionName: new("hello"), InvocationType: new("DryRun")})); *out.StatusCode != 204 || len(e.runs.seen) != 3 {
		t.Errorf("the dry run got %+v", out)
	}
	for text, in := range map[string]*lambda.InvokeInput{
		"Could not parse request body": {Payload: []byte("{")},
		"Client context":               {ClientContext: new("%")},
	} {
		in.FunctionName = new("hello")
		_, err := e.Invoke(e.as(red), in)
		if err == nil {
			t.Errorf("%s: ran", text)
		}
		wants(t, err, "InvalidRequestContentException", text)
	}
	_, err := e.Invoke(e.as(red), &lambda.InvokeInput{FunctionName: new("hello"), TenantId: new("t")})
	wants(t, err, "InvalidParameterValueException", "TenantId is not supported")
	e.runs.outcome = api.Outcome{FunctionError: "Unhandled", Payload: []byte(`{"errorType":"x"}`)}
	if out := must[*lambda.InvokeOutput](t)(e.Invoke(e.as(red), &lambda.InvokeInput{FunctionName: new("hello")})); *out.FunctionError != "Unhandled" || *out.StatusCode != 200 {
		t.Errorf("a failing function answered %+v", out)
	}
	e.runs.err = fault.New(fault.Throttled, "TooManyRequestsException", "Rate exceeded")
	_, err = e.Invoke(e.as(red), &lambda.InvokeInput{FunctionName: new("hello")})
	wants(t, err, "TooManyRequestsException", "Rate")
}

func TestWithoutInvoker(t *testing.T) {
	e := newEnv(t)
	e.create(red, "hello")
	e.API.Invoker, e.API.NoInvoker = nil, "no namespaces"
	_, err := e.Invoke(e.as(red), &lambda.InvokeInput{FunctionName: new("hello")})
	wants(t, err, "ServiceException", "no namespaces")
}
