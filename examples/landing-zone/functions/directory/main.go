// Command directory is DirectoryService as a function behind an Application Load Balancer: it names the endpoint a
// client asks for, with the answers of the article's FastAPI application. It holds no state.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"

	"landing-zone/functions/runtimeapi"
)

// layer is where the service's layer puts the answer to a request without a query.
const layer = "/opt/directory_service/missing_query.json"

func main() {
	runtimeapi.Main(func() (runtimeapi.Handler, error) {
		missing, err := os.ReadFile(layer)
		if err != nil {
			return nil, fmt.Errorf("the function's layer: %w", err)
		}
		return service{missing: bytes.TrimSpace(missing)}.handle, nil
	})
}

type service struct {
	// missing is the body of the answer to a request without q.
	missing []byte
}

// event is what a load balancer sends; which of the two kinds of parameters it has is its target group's choice.
type event struct {
	RequestContext struct {
		ELB *struct{} `json:"elb"`
	} `json:"requestContext"`
	HTTPMethod string              `json:"httpMethod"`
	Path       string              `json:"path"`
	Query      map[string]string   `json:"queryStringParameters"`
	MultiQuery map[string][]string `json:"multiValueQueryStringParameters"`
	MultiValue map[string][]string `json:"multiValueHeaders"`
}

// answer is what a load balancer takes.
type answer struct {
	StatusCode        int                 `json:"statusCode"`
	StatusDescription string              `json:"statusDescription"`
	Headers           map[string]string   `json:"headers,omitempty"`
	MultiValueHeaders map[string][]string `json:"multiValueHeaders,omitempty"`
	Body              string              `json:"body"`
	IsBase64Encoded   bool                `json:"isBase64Encoded"`
}

func (s service) handle(_ context.Context, raw json.RawMessage) (any, error) {
	var e event
	if err := json.Unmarshal(raw, &e); err != nil {
		return nil, runtimeapi.Failure{Type: "EventError", Message: err.Error()}
	}
	if e.RequestContext.ELB == nil {
		return nil, runtimeapi.Failure{Type: "EventError", Message: "the event does not come from a load balancer"}
	}
	status, body := s.respond(e)
	headers := map[string]string{"content-type": "application/json", "content-length": strconv.Itoa(len(body))}
	if status == http.StatusMethodNotAllowed {
		headers["allow"] = http.MethodGet
	}
	a := answer{
		StatusCode:        status,
		StatusDescription: strconv.Itoa(status) + " " + http.StatusText(status),
		Body:              string(body),
	}
	if e.MultiValue == nil {
		a.Headers = headers
		return a, nil
	}
	a.MultiValueHeaders = map[string][]string{}
	for name, value := range headers {
		a.MultiValueHeaders[name] = []string{value}
	}
	return a, nil
}

func (s service) respond(e event) (int, []byte) {
	switch {
	case e.Path != "/":
		return http.StatusNotFound, []byte(`{"detail":"Not Found"}`)
	case e.HTTPMethod != http.MethodGet:
		return http.StatusMethodNotAllowed, []byte(`{"detail":"Method Not Allowed"}`)
	}
	q, ok := e.parameter("q")
	if !ok {
		return http.StatusUnprocessableEntity, s.missing
	}
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(map[string]string{"endpoint": q}); err != nil {
		return http.StatusInternalServerError, []byte(`{"detail":"Internal Server Error"}`)
	}
	return http.StatusOK, bytes.TrimSuffix(body.Bytes(), []byte("\n"))
}

// parameter is the last value of a query parameter; a load balancer passes names and values as they were sent.
func (e event) parameter(name string) (value string, ok bool) {
	decoded := func(s string) string {
		if d, err := url.QueryUnescape(s); err == nil {
			return d
		}
		return s
	}
	for key, v := range e.Query {
		if decoded(key) == name {
			value, ok = decoded(v), true
		}
	}
	for key, values := range e.MultiQuery {
		if decoded(key) == name && len(values) > 0 {
			value, ok = decoded(values[len(values)-1]), true
		}
	}
	return value, ok
}
