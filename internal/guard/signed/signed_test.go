package signed

import (
	"context"
	"errors"
	"testing"
	"time"

	"trellis/internal/caller"
	"trellis/internal/fault"
	"trellis/internal/iam"
	"trellis/internal/proxy"
	"trellis/internal/proxy/http1"
)

// one knows a single key.
type one struct{ key, secret string }

func (o one) Lookup(_ context.Context, key, _ string) (string, caller.Caller, error) {
	if key != o.key {
		return "", caller.Caller{}, fault.New(fault.NotFound, "", "no such key")
	}
	return o.secret, caller.Caller{Account: "111111111111", ARN: "arn:aws:iam::111111111111:root"}, nil
}

func (one) Principal(*caller.Caller) (iam.Principal, iam.Entitlements, error) {
	return iam.Principal{}, iam.Entitlements{}, nil
}

// What is no signature of VPC Lattice is refused by what is wrong with it.
func TestRefusals(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	scope := func(key, day, service string) string {
		return "AWS4-HMAC-SHA256 Credential=" + key + "/" + day + "/us-east-1/" + service + "/aws4_request, SignedHeaders=host;x-amz-date, Signature=00"
	}
	for _, test := range []struct{ name, authorization, code string }{
		{"a token", "Bearer x", "IncompleteSignatureException"},
		{"a password", "Basic eDp5", "IncompleteSignatureException"},
		{"nothing", "", "IncompleteSignatureException"},
		{"another algorithm", "AWS4-ECDSA-P256-SHA256 x", "IncompleteSignatureException"},
		{"half a signature", "AWS4-HMAC-SHA256 Credential=AKID/20260102/us-east-1/vpc-lattice-svcs/aws4_request", "IncompleteSignatureException"},
		{"of another service", scope("AKID", "20260102", "vpc-lattice"), "InvalidSignatureException"},
		{"of another day", scope("AKID", "20260101", "vpc-lattice-svcs"), "InvalidSignatureException"},
		{"of another key", scope("AKIX", "20260102", "vpc-lattice-svcs"), "UnrecognizedClientException"},
		{"with another secret", scope("AKID", "20260102", "vpc-lattice-svcs"), "InvalidSignatureException"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := &http1.Request{Method: "GET", Host: "svc.example", Path: "/", Fields: []http1.Field{
				{Name: "x-amz-date", Value: now.Format("20060102T150405Z")}, {Name: "x-amz-content-sha256", Value: "UNSIGNED-PAYLOAD"},
				{Name: "authorization", Value: test.authorization}}}
			who, err := New(one{"AKID", "secret"}).Authenticate(r, now)
			var refused *proxy.AuthError
			if !errors.As(err, &refused) || refused.Code != test.code {
				t.Errorf("%v, %v, want %s", who, err, test.code)
			}
		})
	}
}
