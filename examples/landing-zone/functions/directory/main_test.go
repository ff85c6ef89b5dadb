package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"testing"

	"landing-zone/functions/wheels"
)

// request is an event of a load balancer and the answer it is due.
type request struct {
	event  string
	status int
	body   string
}

func requests() []request {
	const elb = `{"requestContext":{"elb":{"targetGroupArn":"arn"}},"body":"","isBase64Encoded":false,`
	return []request{
		{elb + `"httpMethod":"GET","path":"/","queryStringParameters":{"q":"blue"},"headers":{"host":"h"}}`, 200, `{"endpoint":"blue"}`},
		{elb + `"httpMethod":"GET","path":"/","queryStringParameters":{"q":""},"headers":{"host":"h"}}`, 200, `{"endpoint":""}`},
		{elb + `"httpMethod":"GET","path":"/","queryStringParameters":{"%71":"a+b%3C%22%C3%BC"},"headers":{"host":"h"}}`, 200, `{"endpoint":"a b<\"ü"}`},
		{elb + `"httpMethod":"GET","path":"/","multiValueQueryStringParameters":{"q":["blue","green"]},"multiValueHeaders":{"host":["h"]}}`, 200, `{"endpoint":"green"}`},
		{elb + `"httpMethod":"GET","path":"/","queryStringParameters":{},"headers":{"host":"h"}}`, 422,
			`{"detail":[{"loc":["query","q"],"msg":"field required","type":"value_error.missing"}]}`},
		{elb + `"httpMethod":"GET","path":"/other","queryStringParameters":{"q":"blue"},"headers":{"host":"h"}}`, 404, `{"detail":"Not Found"}`},
		{elb + `"httpMethod":"POST","path":"/other","queryStringParameters":{},"headers":{"host":"h"}}`, 404, `{"detail":"Not Found"}`},
		{elb + `"httpMethod":"POST","path":"/","queryStringParameters":{"q":"blue"},"headers":{"host":"h"}}`, 405, `{"detail":"Method Not Allowed"}`},
		{elb + `"httpMethod":"HEAD","path":"/","queryStringParameters":{"q":"blue"},"headers":{"host":"h"}}`, 405, `{"detail":"Method Not Allowed"}`},
	}
}

func (r request) check(t *testing.T, a answer) {
	t.Helper()
	if a.StatusCode != r.status || a.Body != r.body {
		t.Errorf("%s: %+v, want %d %s", r.event, a, r.status, r.body)
	}
	if (a.Headers == nil) == (a.MultiValueHeaders == nil) {
		t.Errorf("%s: headers %v and %v", r.event, a.Headers, a.MultiValueHeaders)
	}
	if a.StatusCode == 405 && a.Headers["allow"] != "GET" {
		t.Errorf("%s: 405 allows %q", r.event, a.Headers["allow"])
	}
}

func TestAnswers(t *testing.T) {
	missing, err := os.ReadFile("layer/directory_service/missing_query.json")
	if err != nil {
		t.Fatal(err)
	}
	s := service{missing: bytes.TrimSpace(missing)}
	for _, r := range requests() {
		got, err := s.handle(t.Context(), json.RawMessage(r.event))
		if err != nil {
			t.Errorf("%s: %v", r.event, err)
			continue
		}
		r.check(t, got.(answer))
	}
}

// TestTheArticlesOwnAnswers holds the same table against the article's FastAPI application, with the packages of its
// layer.
func TestTheArticlesOwnAnswers(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip(err)
	}
	const app = "../../a-common-service/directory_app"
	packages := t.TempDir()
	if err := wheels.Install(t.Context(), app+"_layer/requirements.txt", packages); err != nil {
		t.Skip(err)
	}
	const program = `
import json, sys
from main import lambda_handler
for line in sys.stdin:
    print(json.dumps(lambda_handler(json.loads(line), None)))
`
	var events bytes.Buffer
	for _, r := range requests() {
		events.WriteString(r.event + "\n")
	}
	command := exec.Command(python, "-B", "-c", program)
	command.Env = append(os.Environ(), "PYTHONPATH="+packages+":"+app)
	command.Stdin = &events
	var said bytes.Buffer
	command.Stderr = &said
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, said.String())
	}
	answers := json.NewDecoder(bytes.NewReader(out))
	for _, r := range requests() {
		var a answer
		if err := answers.Decode(&a); err != nil {
			t.Fatal(err)
		}
		r.check(t, a)
	}
}

func TestOtherEventsAreRefused(t *testing.T) {
	for _, event := range []string{`{}`, `[]`, `{"version":"2.0","path":"/","method":"GET"}`} {
		if got, err := (service{}).handle(t.Context(), json.RawMessage(event)); err == nil {
			t.Errorf("%s: %v", event, got)
		}
	}
}
