package main

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
)

func TestAnswers(t *testing.T) {
	missing, err := os.ReadFile("layer/directory_service/missing_query.json")
	if err != nil {
		t.Fatal(err)
	}
	s := service{missing: bytes.TrimSpace(missing)}
	const elb = `"requestContext":{"elb":{"targetGroupArn":"arn"}},`
	for _, test := range []struct {
		event  string
		status int
		body   string
	}{
		{`"httpMethod":"GET","path":"/","queryStringParameters":{"q":"blue"},"headers":{}`, 200, `{"endpoint":"blue"}`},
		{`"httpMethod":"GET","path":"/","queryStringParameters":{"q":""}`, 200, `{"endpoint":""}`},
		{`"httpMethod":"GET","path":"/","queryStringParameters":{"%71":"a+b%3C%22"}`, 200, `{"endpoint":"a b<\""}`},
		{`"httpMethod":"GET","path":"/","multiValueHeaders":{},"multiValueQueryStringParameters":{"q":["blue","green"]}`, 200, `{"endpoint":"green"}`},
		{`"httpMethod":"GET","path":"/","queryStringParameters":{}`, 422,
			`{"detail":[{"loc":["query","q"],"msg":"field required","type":"value_error.missing"}]}`},
		{`"httpMethod":"GET","path":"/other","queryStringParameters":{"q":"blue"}`, 404, `{"detail":"Not Found"}`},
		{`"httpMethod":"POST","path":"/other"`, 404, `{"detail":"Not Found"}`},
		{`"httpMethod":"POST","path":"/","queryStringParameters":{"q":"blue"}`, 405, `{"detail":"Method Not Allowed"}`},
	} {
		got, err := s.handle(t.Context(), json.RawMessage("{"+elb+test.event+"}"))
		if err != nil {
			t.Errorf("%s: %v", test.event, err)
			continue
		}
		a := got.(answer)
		if a.StatusCode != test.status || a.Body != test.body || (a.Headers == nil) == (a.MultiValueHeaders == nil) {
			t.Errorf("%s: %+v, want %d %s", test.event, a, test.status, test.body)
		}
		if a.StatusCode == 405 && a.Headers["allow"] != "GET" {
			t.Errorf("405 allows %q", a.Headers["allow"])
		}
	}
}

func TestOtherEventsAreRefused(t *testing.T) {
	for _, event := range []string{`{}`, `[]`, `{"version":"2.0","path":"/","method":"GET"}`} {
		if got, err := (service{}).handle(t.Context(), json.RawMessage(event)); err == nil {
			t.Errorf("%s: %v", event, got)
		}
	}
}
