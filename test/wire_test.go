package test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"trellis/internal/aws/model"
	"trellis/internal/aws/model/cloudcontrol"
	"trellis/internal/aws/model/ec2"
	"trellis/internal/aws/model/elbv2"
	"trellis/internal/aws/model/iam"
	"trellis/internal/aws/model/lambda"
	"trellis/internal/aws/model/logs"
	"trellis/internal/aws/model/organizations"
	"trellis/internal/aws/model/ram"
	"trellis/internal/aws/model/sts"
	"trellis/internal/aws/model/vpclattice"
)

func models() []*model.Service {
	return []*model.Service{cloudcontrol.Model, ec2.Model, elbv2.Model, iam.Model, lambda.Model, logs.Model, organizations.Model, ram.Model, sts.Model, vpclattice.Model}
}

// message is an API request in the raw.
type message struct {
	method, target string
	header         http.Header
	body           []byte
}

func (m message) with(header, value string) message {
	m.header = m.header.Clone()
	m.header.Set(header, value)
	return m
}

// answer is what came back, with its error taken apart.
type answer struct {
	status        int
	code, message string
	body          string
}

// signer signs raw requests, wrongly if it is told to.
type signer struct {
	credentials aws.Credentials
	service     string
	age         time.Duration
	none        bool // no signature at all
	host        string
}

func (a *account) signer(t *testing.T, m *model.Service) signer {
	t.Helper()
	c, err := a.config.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return signer{credentials: c, service: m.SigningName}
}

func (s *server) send(ctx context.Context, m message, by signer) (answer, error) {
	r, err := http.NewRequestWithContext(ctx, m.method, s.endpoint+m.target, bytes.NewReader(m.body))
	if err != nil {
		return answer{}, err
	}
	r.Header = m.header.Clone()
	r.Host = by.host
	if !by.none {
		hash := sha256.Sum256(m.body)
		digest := hex.EncodeToString(hash[:])
		if err := v4.NewSigner().SignHTTP(ctx, by.credentials, r, digest, by.service, region, time.Now().Add(-by.age)); err != nil {
			return answer{}, err
		}
		if other := m.header.Get("Authorization"); other != "" {
			r.Header.Set("Authorization", other)
		}
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return answer{}, err
	}
	out := answer{status: res.StatusCode, body: string(body)}
	out.code, out.message = problem(res.Header, body)
	return out, nil
}

var (
	xmlCode    = regexp.MustCompile(`<Code>([^<]*)</Code>`)
	xmlMessage = regexp.MustCompile(`<Message>([^<]*)</Message>`)
)

// problem reads an error as clients do: from the header or the body, whichever the protocol has.
func problem(h http.Header, body []byte) (code, text string) {
	if c := xmlCode.FindSubmatch(body); c != nil {
		if m := xmlMessage.FindSubmatch(body); m != nil {
			text = string(m[1])
		}
		return string(c[1]), text
	}
	var fields map[string]any
	if err := json.Unmarshal(body, &fields); err != nil {
		return "", ""
	}
	code = h.Get("X-Amzn-Errortype")
	for _, name := range []string{"__type", "code", "Code"} {
		if c, ok := fields[name].(string); ok && code == "" {
			code = c
		}
	}
	for _, name := range []string{"message", "Message"} {
		if m, ok := fields[name].(string); ok {
			text = m
		}
	}
	code, _, _ = strings.Cut(code, ":")
	return code[strings.LastIndexByte(code, '#')+1:], text
}

// internals are what no answer may show.
var internals = regexp.MustCompile(`\.go:\d|goroutine |runtime error|nil pointer|etcd|%!|reflect\.|internal/|0xc0[0-9a-f]{6}`)

// proper says what is wrong with an answer, if anything.
func (a answer) proper() string {
	switch {
	case a.status >= 500 && a.status != http.StatusNotImplemented:
		return "a fault of the server"
	case internals.MatchString(a.body):
		return "it shows internals"
	case a.status >= 400 && a.code == "":
		return "an error without a code"
	case a.status >= 400 && len(a.message) < 10:
		return "an error without a message"
	}
	return ""
}

// harmless is a request of an operation that changes nothing, in the API's protocol.
func harmless(m *model.Service) message {
	operation := map[string]string{"cloudcontrol": "ListResourceRequests", "ec2": "DescribeVpcs", "elbv2": "DescribeLoadBalancers", "iam": "ListRoles", "logs": "DescribeLogGroups",
		"organizations": "ListRoots", "sts": "GetCallerIdentity"}[m.Package]
	switch m.Protocol {
	case model.Query, model.EC2Query:
		return message{"POST", "/", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, []byte("Action=" + operation + "&Version=" + m.APIVersion)}
	case model.JSON10, model.JSON11:
		return message{"POST", "/", http.Header{"X-Amz-Target": {m.TargetPrefix + "." + operation}}, []byte("{}")}
	}
	switch m.Package {
	case "lambda":
		return message{"POST", "/2015-03-31/functions", http.Header{}, []byte(`{"FunctionName":"f","Role":"arn:aws:iam::111111111111:role/r","Code":{}}`)}
	case "ram":
		return message{"POST", "/getresourceshares", http.Header{}, []byte(`{"resourceOwner":"SELF"}`)}
	}
	return message{"POST", "/servicenetworks", http.Header{}, []byte(`{"name":"UPPER"}`)}
}

func TestWireErrors(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	a := s.account(t, "wire")
	type codes struct{ ec2, query, json string }
	tests := []struct {
		what  string
		sent  func(message, *model.Service) message
		by    func(*signer)
		codes codes
		only  func(*model.Service) bool
	}{
		{what: "no signature", by: func(s *signer) { s.none = true }, codes: codes{"MissingAuthenticationToken", "MissingAuthenticationToken", "MissingAuthenticationTokenException"}},
		{what: "a broken signature", sent: func(m message, _ *model.Service) message {
			return m.with("Authorization", "AWS4-HMAC-SHA256 Credential=x")
		},
			codes: codes{"IncompleteSignature AuthFailure", "IncompleteSignature", "IncompleteSignatureException"}},
		{what: "another scheme", sent: func(m message, _ *model.Service) message { return m.with("Authorization", "Basic eDp5") },
			codes: codes{"AuthFailure IncompleteSignature", "IncompleteSignature MissingAuthenticationToken", "IncompleteSignatureException MissingAuthenticationTokenException"}},
		{what: "a wrong secret", by: func(s *signer) { s.credentials.SecretAccessKey += "x" }, codes: codes{"AuthFailure", "SignatureDoesNotMatch", "InvalidSignatureException"}},
		{what: "a key that is none", by: func(s *signer) { s.credentials.AccessKeyID = "AKIAIOSFODNN7EXAMPLE" }, codes: codes{"AuthFailure", "InvalidClientTokenId", "UnrecognizedClientException"}},
		{what: "a token that is none", by: func(s *signer) { s.credentials.SessionToken = "x" }, codes: codes{"AuthFailure", "InvalidClientTokenId", "UnrecognizedClientException"}},
		{what: "an old signature", by: func(s *signer) { s.age = time.Hour }, codes: codes{"RequestExpired", "SignatureDoesNotMatch", "InvalidSignatureException"}},
		{what: "a signature from the future", by: func(s *signer) { s.age = -time.Hour }, codes: codes{"AuthFailure", "SignatureDoesNotMatch", "InvalidSignatureException"}},
		{what: "a scope that is no service", by: func(s *signer) { s.service = "s3" }, codes: codes{"SignatureDoesNotMatch", "SignatureDoesNotMatch", "InvalidSignatureException SignatureDoesNotMatch"}},
		{what: "an unknown operation", sent: unknownOperation, codes: codes{"InvalidAction", "InvalidAction", "UnknownOperationException"}},
		{what: "no operation", sent: noOperation, codes: codes{"MissingAction", "MissingAction", "UnknownOperationException"}},
		{what: "a body that does not parse", sent: func(m message, s *model.Service) message { m.body = malformed(m, s); return m },
			codes: codes{"MalformedQueryString", "MalformedInput", "SerializationException ValidationException InvalidRequestContentException"}},
		{what: "a value of another type", sent: func(m message, s *model.Service) message { m.body = mistyped(m, s); return m },
			codes: codes{"InvalidParameterValue", "MalformedInput", "SerializationException ValidationException InvalidRequestContentException"},
			only:  func(m *model.Service) bool { return m.Package != "sts" }},
		{what: "an unknown parameter", sent: func(m message, _ *model.Service) message { m.body = append(m.body, "&Unheard=Of"...); return m }, codes: codes{ec2: "UnknownParameter"},
			only: func(m *model.Service) bool { return m.Protocol == model.EC2Query }},
		{what: "a body of 2 MiB", sent: func(m message, _ *model.Service) message { m.body = bytes.Repeat([]byte("x"), 2<<20); return m },
			codes: codes{"RequestEntityTooLarge", "RequestEntityTooLarge", "RequestEntityTooLargeException ValidationException"},
			only:  func(m *model.Service) bool { return m.Package != "lambda" }},
	}
	for _, m := range models() {
		for _, test := range tests {
			if test.only != nil && !test.only(m) {
				continue
			}
			sent, by := harmless(m), a.signer(t, m)
			if test.sent != nil {
				sent = test.sent(sent, m)
			}
			if test.by != nil {
				test.by(&by)
			}
			want := test.codes.json
			switch m.Protocol {
			case model.EC2Query:
				want = test.codes.ec2
			case model.Query:
				want = test.codes.query
			}
			got, err := s.send(t.Context(), sent, by)
			if err != nil {
				t.Fatalf("%s: %s: %v", m.Package, test.what, err)
			}
			if wrong := got.proper(); wrong != "" || got.status < 400 || !slices.Contains(strings.Fields(want), got.code) {
				t.Errorf("%s: %s: %d %s (%s), want %s %s", m.Package, test.what, got.status, got.code, got.message, want, wrong)
			}
		}
	}
	by := a.signer(t, sts.Model)
	by.host = "trellis.example.com"
	if got, err := s.send(t.Context(), harmless(sts.Model), by); err != nil || got.status != http.StatusMisdirectedRequest {
		t.Errorf("a host that is not the server's: %d %v, want 421", got.status, err)
	}
}

func unknownOperation(m message, s *model.Service) message {
	switch s.Protocol {
	case model.Query, model.EC2Query:
		m.body = []byte("Action=MakeCoffee&Version=" + s.APIVersion)
	case model.JSON10, model.JSON11:
		return m.with("X-Amz-Target", s.TargetPrefix+".MakeCoffee")
	default:
		m.target = "/make/coffee"
	}
	return m
}

func noOperation(m message, s *model.Service) message {
	m.header = m.header.Clone()
	m.header.Del("X-Amz-Target")
	m.target, m.body = "/", nil
	if s.Protocol == model.Query || s.Protocol == model.EC2Query {
		m.body = []byte("Version=" + s.APIVersion)
	}
	return m
}

func malformed(m message, s *model.Service) []byte {
	if s.Protocol == model.Query || s.Protocol == model.EC2Query {
		return append(m.body, "&MaxItems=%zz"...)
	}
	return []byte(`{"name":`)
}

// mistyped gives a member of the harmless request a value of another type.
func mistyped(m message, s *model.Service) []byte {
	switch s.Package {
	case "ec2":
		return append(m.body, "&MaxResults=many"...)
	case "elbv2":
		return append(m.body, "&PageSize=many"...)
	case "iam":
		return append(m.body, "&MaxItems=many"...)
	case "lambda":
		return []byte(`{"FunctionName":{"a":1},"Role":7}`)
	case "logs":
		return []byte(`{"limit":"many"}`)
	case "vpclattice":
		return []byte(`{"name":["a"]}`)
	case "ram":
		return []byte(`{"resourceOwner":{}}`)
	}
	return []byte(`{"MaxResults":"many"}`)
}

// Every operation of every API is asked with what nobody should ask for, and answers as AWS does: with a code and a message.
func TestHostileInputs(t *testing.T) {
	t.Parallel()
	s := own(t, directory(t, "hostile"), nil)
	for _, m := range models() {
		t.Run(m.Package, func(t *testing.T) {
			a := s.account(t, "hostile-"+m.Package)
			by := a.signer(t, m)
			for turn := range 6 {
				f := &forge{service: m, turn: turn}
				for i := range m.Operations {
					op := &m.Operations[i]
					if op.Name == "CloseAccount" {
						continue
					}
					sent := f.message(op)
					got, err := s.send(t.Context(), sent, by)
					if err != nil {
						t.Fatalf("%s: %v", op.Name, err)
					}
					if wrong := got.proper(); wrong != "" {
						t.Errorf("%s is answered %d %s %q: %s\n%s %s\n%.600s", op.Name, got.status, got.code, got.message, wrong, sent.method, sent.target, sent.body)
					}
				}
			}
		})
	}
}
