package test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
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
	"trellis/test/forge"
)

func models() []*model.Service {
	return []*model.Service{cloudcontrol.Model, ec2.Model, elbv2.Model, iam.Model, lambda.Model, logs.Model, organizations.Model, ram.Model, sts.Model, vpclattice.Model}
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

func (s *server) send(ctx context.Context, m forge.Message, by signer) (forge.Answer, error) {
	r, err := http.NewRequestWithContext(ctx, m.Method, s.endpoint+m.Target, bytes.NewReader(m.Body))
	if err != nil {
		return forge.Answer{}, err
	}
	r.Header = m.Header.Clone()
	r.Host = by.host
	if !by.none {
		hash := sha256.Sum256(m.Body)
		digest := hex.EncodeToString(hash[:])
		if err := v4.NewSigner().SignHTTP(ctx, by.credentials, r, digest, by.service, region, time.Now().Add(-by.age)); err != nil {
			return forge.Answer{}, err
		}
		if other := m.Header.Get("Authorization"); other != "" {
			r.Header.Set("Authorization", other)
		}
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return forge.Answer{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return forge.Answer{}, err
	}
	return forge.NewAnswer(res.StatusCode, res.Header, body), nil
}

// harmless is a request of an operation that changes nothing, in the API's protocol.
func harmless(m *model.Service) forge.Message {
	operation := map[string]string{"cloudcontrol": "ListResourceRequests", "ec2": "DescribeVpcs", "elbv2": "DescribeLoadBalancers", "iam": "ListRoles", "logs": "DescribeLogGroups",
		"organizations": "ListRoots", "sts": "GetCallerIdentity"}[m.Package]
	switch m.Protocol {
	case model.Query, model.EC2Query:
		return forge.Message{Method: "POST", Target: "/", Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, Body: []byte("Action=" + operation + "&Version=" + m.APIVersion)}
	case model.JSON10, model.JSON11:
		return forge.Message{Method: "POST", Target: "/", Header: http.Header{"X-Amz-Target": {m.TargetPrefix + "." + operation}}, Body: []byte("{}")}
	}
	switch m.Package {
	case "lambda":
		return forge.Message{Method: "POST", Target: "/2015-03-31/functions", Header: http.Header{}, Body: []byte(`{"FunctionName":"f","Role":"arn:aws:iam::111111111111:role/r","Code":{}}`)}
	case "ram":
		return forge.Message{Method: "POST", Target: "/getresourceshares", Header: http.Header{}, Body: []byte(`{"resourceOwner":"SELF"}`)}
	}
	return forge.Message{Method: "POST", Target: "/servicenetworks", Header: http.Header{}, Body: []byte(`{"name":"UPPER"}`)}
}

func TestWireErrors(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	a := s.account(t, "wire")
	type codes struct{ ec2, query, json string }
	tests := []struct {
		what  string
		sent  func(forge.Message, *model.Service) forge.Message
		by    func(*signer)
		codes codes
		only  func(*model.Service) bool
	}{
		{what: "no signature", by: func(s *signer) { s.none = true }, codes: codes{"MissingAuthenticationToken", "MissingAuthenticationToken", "MissingAuthenticationTokenException"}},
		{what: "a broken signature", sent: func(m forge.Message, _ *model.Service) forge.Message {
			return m.With("Authorization", "AWS4-HMAC-SHA256 Credential=x")
		},
			codes: codes{"IncompleteSignature AuthFailure", "IncompleteSignature", "IncompleteSignatureException"}},
		{what: "another scheme", sent: func(m forge.Message, _ *model.Service) forge.Message { return m.With("Authorization", "Basic eDp5") },
			codes: codes{"AuthFailure IncompleteSignature", "IncompleteSignature MissingAuthenticationToken", "IncompleteSignatureException MissingAuthenticationTokenException"}},
		{what: "a wrong secret", by: func(s *signer) { s.credentials.SecretAccessKey += "x" }, codes: codes{"AuthFailure", "SignatureDoesNotMatch", "InvalidSignatureException"}},
		{what: "a key that is none", by: func(s *signer) { s.credentials.AccessKeyID = "AKIAIOSFODNN7EXAMPLE" }, codes: codes{"AuthFailure", "InvalidClientTokenId", "UnrecognizedClientException"}},
		{what: "a token that is none", by: func(s *signer) { s.credentials.SessionToken = "x" }, codes: codes{"AuthFailure", "InvalidClientTokenId", "UnrecognizedClientException"}},
		{what: "an old signature", by: func(s *signer) { s.age = time.Hour }, codes: codes{"RequestExpired", "SignatureDoesNotMatch", "InvalidSignatureException"}},
		{what: "a signature from the future", by: func(s *signer) { s.age = -time.Hour }, codes: codes{"AuthFailure", "SignatureDoesNotMatch", "InvalidSignatureException"}},
		{what: "a scope that is no service", by: func(s *signer) { s.service = "s3" }, codes: codes{"SignatureDoesNotMatch", "SignatureDoesNotMatch", "InvalidSignatureException SignatureDoesNotMatch"}},
		{what: "an unknown operation", sent: unknownOperation, codes: codes{"InvalidAction", "InvalidAction", "UnknownOperationException"}},
		{what: "no operation", sent: noOperation, codes: codes{"MissingAction", "MissingAction", "UnknownOperationException"}},
		{what: "a body that does not parse", sent: func(m forge.Message, s *model.Service) forge.Message { m.Body = malformed(m, s); return m },
			codes: codes{"MalformedQueryString", "MalformedInput", "SerializationException ValidationException InvalidRequestContentException"}},
		{what: "a value of another type", sent: func(m forge.Message, s *model.Service) forge.Message { m.Body = mistyped(m, s); return m },
			codes: codes{"InvalidParameterValue", "MalformedInput", "SerializationException ValidationException InvalidRequestContentException"},
			only:  func(m *model.Service) bool { return m.Package != "sts" }},
		{what: "an unknown parameter", sent: func(m forge.Message, _ *model.Service) forge.Message {
			m.Body = append(m.Body, "&Unheard=Of"...)
			return m
		}, codes: codes{ec2: "UnknownParameter"},
			only: func(m *model.Service) bool { return m.Protocol == model.EC2Query }},
		{what: "a body of 2 MiB", sent: func(m forge.Message, _ *model.Service) forge.Message {
			m.Body = bytes.Repeat([]byte("x"), 2<<20)
			return m
		},
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
			if wrong := got.Improper(); wrong != "" || got.Status < 400 || !slices.Contains(strings.Fields(want), got.Code) {
				t.Errorf("%s: %s: %d %s (%s), want %s %s", m.Package, test.what, got.Status, got.Code, got.Message, want, wrong)
			}
		}
	}
	by := a.signer(t, sts.Model)
	by.host = "trellis.example.com"
	if got, err := s.send(t.Context(), harmless(sts.Model), by); err != nil || got.Status != http.StatusMisdirectedRequest {
		t.Errorf("a host that is not the server's: %d %v, want 421", got.Status, err)
	}
}

func unknownOperation(m forge.Message, s *model.Service) forge.Message {
	switch s.Protocol {
	case model.Query, model.EC2Query:
		m.Body = []byte("Action=MakeCoffee&Version=" + s.APIVersion)
	case model.JSON10, model.JSON11:
		return m.With("X-Amz-Target", s.TargetPrefix+".MakeCoffee")
	default:
		m.Target = "/make/coffee"
	}
	return m
}

func noOperation(m forge.Message, s *model.Service) forge.Message {
	m.Header = m.Header.Clone()
	m.Header.Del("X-Amz-Target")
	m.Target, m.Body = "/", nil
	if s.Protocol == model.Query || s.Protocol == model.EC2Query {
		m.Body = []byte("Version=" + s.APIVersion)
	}
	return m
}

func malformed(m forge.Message, s *model.Service) []byte {
	if s.Protocol == model.Query || s.Protocol == model.EC2Query {
		return append(m.Body, "&MaxItems=%zz"...)
	}
	return []byte(`{"name":`)
}

// mistyped gives a member of the harmless request a value of another type.
func mistyped(m forge.Message, s *model.Service) []byte {
	switch s.Package {
	case "ec2":
		return append(m.Body, "&MaxResults=many"...)
	case "elbv2":
		return append(m.Body, "&PageSize=many"...)
	case "iam":
		return append(m.Body, "&MaxItems=many"...)
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
				n := 0
				// Some turns leave out what is optional, each a different part of it.
				k := &forge.Maker{Service: m, Turn: turn + 1, Wants: func(_ string, member *model.Member) bool {
					n++
					return turn > 0 && (turn+n)%3 > 0 && member.Name != "DryRun"
				}}
				for i := range m.Operations {
					op := &m.Operations[i]
					if op.Name == "CloseAccount" {
						continue
					}
					sent := forge.Encode(m, op, k.Input(op, nil))
					got, err := s.send(t.Context(), sent, by)
					if err != nil {
						t.Fatalf("%s: %v", op.Name, err)
					}
					if wrong := got.Improper(); wrong != "" {
						t.Errorf("%s is answered %d %s %q: %s\n%s %s\n%.600s", op.Name, got.Status, got.Code, got.Message, wrong, sent.Method, sent.Target, sent.Body)
					}
				}
			}
		})
	}
}
