package signed

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

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

// FuzzAuthenticate holds that a request of which the proxy says who signed it is one that was signed, whatever parser reads it; a query's
// pairs may come in another order, and a path with dots in it.
func FuzzAuthenticate(f *testing.F) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	const target, unsigned = "/orders/a%20b/c?colour=blue&colour=red&empty=", "UNSIGNED-PAYLOAD"
	signed, err := http.NewRequest(http.MethodPut, "http://svc.example"+target, nil)
	if err != nil {
		f.Fatal(err)
	}
	signed.Header.Set("X-Amz-Content-Sha256", unsigned)
	signed.Header.Set("X-Word", "a b")
	if err := v4.NewSigner().SignHTTP(f.Context(), aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: "secret"}, signed, unsigned, signingName, "us-east-1", now); err != nil {
		f.Fatal(err)
	}
	head := "PUT " + target + " HTTP/1.1\r\nHost: svc.example\r\n"
	for _, name := range slices.Sorted(maps.Keys(signed.Header)) {
		head += name + ": " + signed.Header.Get(name) + "\r\n"
	}
	head += "\r\n"
	a := New(one{"AKID", "secret"})
	authentic := func(text string) (r http1.Request, ok bool) {
		var find http1.Finder
		n, err := find.Find([]byte(text))
		if err != nil || n == 0 || r.Parse([]byte(text[:n]), http1.Limits{}) != nil {
			return r, false
		}
		_, err = a.Authenticate(&r, now)
		return r, err == nil
	}
	if _, ok := authentic(head); !ok {
		f.Fatalf("what was signed is refused: %s", head)
	}
	f.Add(head)
	for _, change := range [][2]string{
		{"PUT", "GET"}, {"b/c?", "b/./c?"}, {"/orders", "//orders"}, {"%20", "+"}, {"colour=blue&colour=red", "colour=red&colour=blue"}, {"empty=", "empty"},
		{"?", "?x=y&"}, {"PUT /", "PUT http://svc.example/"}, {"X-Word: a b", "X-Word: a  b"}, {"X-Word: a b", "X-Word: a\r\nX-Word: b"}, {"Host: svc", "Host: SVC"},
	} {
		f.Add(strings.Replace(head, change[0], change[1], 1))
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, ok := authentic(text)
		if !ok {
			return
		}
		var words []string
		for _, field := range r.Fields {
			if strings.EqualFold(field.Name, "X-Word") {
				words = append(words, strings.Join(strings.Fields(field.Value), " "))
			}
		}
		spelled, err := url.PathUnescape(r.Path)
		query, queryErr := url.ParseQuery(r.Query)
		slices.Sort(query["colour"])
		want := url.Values{"colour": {"blue", "red"}, "empty": {""}}
		if r.Method != "PUT" || err != nil || path.Clean(spelled) != "/orders/a b/c" || queryErr != nil || !reflect.DeepEqual(query, want) || r.Host != "svc.example" || !slices.Equal(words, []string{"a b"}) {
			t.Errorf("%s %s?%s of %s with the word %q was not signed", r.Method, r.Path, r.Query, r.Host, words)
		}
	})
}
