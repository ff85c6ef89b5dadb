package proxy

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestValues(t *testing.T) {
	v := &VPC{ID: "vpc-1", Owner: "222222222222", Network: &ServiceNetwork{ARN: "sn-arn"}}
	s := &Service{ARN: "svc-arn", Account: "111111111111", Tags: map[string]string{"Team": "x"}}
	req := request(t, "POST /a%20b?quux=corge&quux=gr%61ult&e&p=a+b%2B HTTP/1.1\r\nHost: H:80\r\nContent-Type: application/json\r\nX: 1\r\nx: 2\r\nHop: 3\r\nConnection: hop\r\nX-Forwarded-For: 4\r\n\r\n")
	var r AuthRequest
	r.Reset(req, v, s, 8080, &Principal{OrgPaths: []string{"o-1/r-1/"}})
	if arn, path := r.Resource(); arn != "svc-arn" || path != "/a b" {
		t.Errorf("resource %q %q", arn, path)
	}
	for _, tc := range []struct {
		name, arg string
		want      []string
	}{
		{"vpc-lattice-svcs:requestmethod", "", []string{"POST"}},
		{"vpc-lattice-svcs:requestpath", "", []string{"/a b"}},
		{"vpc-lattice-svcs:requestquerystring", "quux", []string{"corge", "grault"}},
		{"vpc-lattice-svcs:requestquerystring", "e", []string{""}},
		{"vpc-lattice-svcs:requestquerystring", "p", []string{"a b+"}},
		{"vpc-lattice-svcs:requestquerystring", "QUUX", []string{}},
		{"vpc-lattice-svcs:requestheader", "content-type", []string{"application/json"}},
		{"vpc-lattice-svcs:requestheader", "x", []string{"1", "2"}},
		{"vpc-lattice-svcs:requestheader", "host", []string{"H:80"}},
		{"vpc-lattice-svcs:requestheader", "hop", []string{}},
		{"vpc-lattice-svcs:requestheader", "x-forwarded-for", []string{}},
		{"vpc-lattice-svcs:port", "", []string{"8080"}},
		{"vpc-lattice-svcs:servicearn", "", []string{"svc-arn"}},
		{"vpc-lattice-svcs:servicenetworkarn", "", []string{"sn-arn"}},
		{"vpc-lattice-svcs:sourcevpc", "", []string{"vpc-1"}},
		{"vpc-lattice-svcs:sourcevpcowneraccount", "", []string{"222222222222"}},
		{"aws:sourceip", "", []string{"10.0.0.7"}},
		{"aws:resourcetag", "team", []string{"x"}},
		{"aws:principalorgpaths", "", []string{"o-1/r-1/"}},
		{"aws:unknown", "", []string{}},
	} {
		if d := cmp.Diff(tc.want, append([]string{}, r.Values(tc.name, tc.arg)...)); d != "" {
			t.Errorf("%s/%s: %s", tc.name, tc.arg, d)
		}
	}
}

func TestClear(t *testing.T) {
	for target, want := range map[string]bool{
		"/": true, "/a": true, "/a/": true, "/a/b?x=1&y=%20&&z": true, "/a%20b": true, "/.a/b..": true, "/a?x=../..": true, "/%7Euser": true,
		"//": false, "/a//b": false, "/a//": false, "/.": false, "/a/../b": false, "/a/%2e%2E/b": false, "/a/..": false, "/a%2fb": false, "/a%5cb": false,
		"/a\\b": false, "/a;b": false, "/a%3bb": false, "/a%00": false, "/a%0a": false, "/a?x;y": false, "/a?x=%00": false, "/a?%7f": false,
	} {
		if got := request(t, to(target)).Clear(); got != want {
			t.Errorf("%s: clear %v", target, got)
		}
	}
}

// FuzzQuery holds a query string's parameters against what net/url reads, whatever it says; what net/url refuses is not clear.
func FuzzQuery(f *testing.F) {
	for _, query := range []string{"a=b&c=%20+%", "q=blue&q=green&%71=x", "&&=&=a&b=&c", "a+b=c+d%2B", "a=b;c=d", "%2571=1&a=%26b%3D", "a=b=c?d", "%00=\xff"} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		var s scratch
		params, clear := s.appendParams(nil, query)
		want, err := url.ParseQuery(query)
		if err != nil {
			// The request's parser has refused escapes that are none; net/url also has a number of parameters that it takes.
			_, escapes := url.QueryUnescape(strings.ReplaceAll(query, ";", "x"))
			if clear && escapes == nil && strings.Contains(query, ";") {
				t.Errorf("%q is clear, but %v", query, err)
			}
			n := 0
			for _, p := range params {
				n += len(p.key) + len(p.value)
			}
			if n > len(query) {
				t.Errorf("%q became %q", query, params)
			}
			return
		}
		got := url.Values{}
		for _, p := range params {
			got[p.key] = append(got[p.key], p.value)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%q: %s", query, d)
		}
	})
}

func TestReserved(t *testing.T) {
	for name, want := range map[string]bool{
		"X-Forwarded-For": true, "x_forwarded_proto": true, "X-FORWARDED-HOST": true, "x-amzn-lattice-identity": true, "X_Amzn-Lattice_Foo": true,
		"x-amzn-requestid": true, "x-amzn-source-vpc": true, "x-forwarded": false, "x-amzn-requestid2": false, "x-amzn-trace-id": false, "host": false, "yx-forwarded-for": false,
	} {
		if got := reserved(name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestRequestID(t *testing.T) {
	var buf [36]byte
	id := RequestID(request(t, to("/")), &buf)
	if len(id) != 36 || id[14] != '4' || strings.Count(id, "-") != 4 {
		t.Errorf("id %q", id)
	}
	first := strings.Clone(id)
	if RequestID(request(t, to("/")), &buf) == first {
		t.Error("two requests have one id")
	}
	if id := RequestID(request(t, with("X-Amzn-RequestId: own")), &buf); id != "own" {
		t.Errorf("id %q", id)
	}
	if id := RequestID(request(t, with("X-Amzn-RequestId: "+strings.Repeat("x", 513))), &buf); len(id) != 36 {
		t.Errorf("id of %d bytes", len(id))
	}
}

func TestLocation(t *testing.T) {
	for _, tc := range []struct {
		to   Location
		want string
	}{
		{Location{}, "http://a.example.com:8080/p/x?k=v"},
		{Location{Protocol: "HTTPS", Port: "443"}, "https://a.example.com/p/x?k=v"},
		{Location{Protocol: "HTTP", Port: "80", Host: "www.#{host}", Path: "/#{path}/more", Query: "a=b&#{query}"}, "http://www.a.example.com/p/x/more?a=b&k=v"},
		{Location{Path: "/only"}, "http://a.example.com:8080/only?k=v"},
	} {
		if got := tc.to.For(request(t, to("/p/x?k=v")), 8080); got != tc.want {
			t.Errorf("%+v leads to %s, want %s", tc.to, got, tc.want)
		}
	}
}

func FuzzAppendString(f *testing.F) {
	f.Add("a\"\\\n\x00\xff\u2028é")
	f.Fuzz(func(t *testing.T, s string) {
		var got string
		if err := json.Unmarshal(appendString(nil, s), &got); err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		if want := strings.ToValidUTF8(s, "\ufffd"); strings.ReplaceAll(got, "\ufffd", "") != strings.ReplaceAll(want, "\ufffd", "") {
			t.Errorf("%q became %q", s, got)
		}
	})
}
