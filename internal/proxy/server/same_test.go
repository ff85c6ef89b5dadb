package server

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trellis/internal/guard"
	"trellis/internal/iam"
	"trellis/internal/proxy"
)

// recorder is a target that keeps the requests it got, as net/http reads them.
type recorder struct {
	mu  sync.Mutex
	got []*http.Request
}

func (r *recorder) answer(req *http.Request, _ string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, req)
	return ok("")
}

// take returns what came since it was last asked.
func (r *recorder) take() []*http.Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	got := r.got
	r.got = nil
	return got
}

// conditions are those of a policy's statement, by operator and key.
type conditions map[string]map[string][]string

func (c conditions) with(operator, key string, values ...string) conditions {
	out := conditions{}
	for op, keys := range c {
		out[op] = maps.Clone(keys)
	}
	if out[operator] == nil {
		out[operator] = map[string][]string{}
	}
	out[operator][key] = values
	return out
}

// allowing is the policy, as a user would write it, that allows whoever meets the conditions.
func (c conditions) allowing(t *testing.T, path string) proxy.Policy {
	t.Helper()
	text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{
		"Effect": "Allow", "Principal": "*", "Action": "vpc-lattice-svcs:Invoke", "Resource": svcARN + path, "Condition": c}}})
	if err != nil {
		t.Fatal(err)
	}
	p, err := iam.Parse(iam.ResourcePolicy, string(text))
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return guard.Auth(p)
}

const (
	methodKey = "vpc-lattice-svcs:RequestMethod"
	pathKey   = "vpc-lattice-svcs:RequestPath"
	queryKey  = "vpc-lattice-svcs:RequestQueryString/"
	headerKey = "vpc-lattice-svcs:RequestHeader/"
)

// as is the policy conditions that hold for just the request a target got: each key with each of its values, and no other.
func as(got *http.Request, absent []string) conditions {
	c := conditions{}.with("StringEquals", methodKey, got.Method).with("StringEquals", pathKey, got.URL.Path).
		with("StringEquals", headerKey+"Host", got.Host)
	for k, v := range got.URL.Query() {
		if k != "" { // which no condition can name
			c = c.with("StringEquals", queryKey+k, v...)
		}
	}
	for k, v := range got.Header {
		if !setByProxy(k) {
			c = c.with("StringEquals", headerKey+k, v...)
		}
	}
	for _, key := range absent {
		c = c.with("Null", key, "true")
	}
	return c
}

func setByProxy(header string) bool {
	return strings.HasPrefix(header, "X-Forwarded-") || strings.HasPrefix(header, "X-Amzn-") || header == "Content-Length"
}

// What a policy reads and what a target reads are the same request. The target's own parser says what it got: the policy that
// wants exactly that allows the request, and no longer does once it wants any part of it otherwise.
func TestPolicyReadsWhatTheTargetReads(t *testing.T) {
	const host = "Host: " + svcHost + "\r\n"
	upper := strings.ToUpper(svcHost)
	query := func(q string) string { return "GET /dir?" + q + " HTTP/1.1\r\n" + host + "\r\n" }
	header := func(lines string) string { return "GET /dir HTTP/1.1\r\n" + host + lines + "\r\n" }
	type values = url.Values
	for _, tc := range []struct {
		name, raw string
		// What the target is to get; GET, /dir, the service's own name and no query unless they say otherwise.
		method, path, host string
		query              values
		headers            http.Header // besides what the proxy sets
		absent             []string    // keys that a policy does not find
	}{
		{name: "encoded query key", raw: query("%71=b%6Cue"), query: values{"q": {"blue"}}, absent: []string{queryKey + "%71"}},
		{name: "key encoded twice", raw: query("%2571=blue"), query: values{"%71": {"blue"}}, absent: []string{queryKey + "q"}},
		{name: "repeated key", raw: query("q=blue&q=green"), query: values{"q": {"blue", "green"}}},
		{name: "repeated key, once encoded", raw: query("q=blue&%71=green"), query: values{"q": {"blue", "green"}}},
		{name: "key in two cases", raw: query("q=blue&Q=green"), query: values{"q": {"blue"}, "Q": {"green"}}},
		{name: "encoded separators", raw: query("q=blue%26r%3Dgreen%3Bs"), query: values{"q": {"blue&r=green;s"}}, absent: []string{queryKey + "r", queryKey + "s"}},
		{name: "several separators", raw: query("&&q=blue&&&r=green&"), query: values{"q": {"blue"}, "r": {"green"}}},
		{name: "equals in a value", raw: query("q=blue=green"), query: values{"q": {"blue=green"}}},
		{name: "question mark in the query", raw: query("q=a?q=b"), query: values{"q": {"a?q=b"}}, absent: []string{queryKey + "a?q"}},
		{name: "key without value", raw: query("q&r="), query: values{"q": {""}, "r": {""}}},
		{name: "empty key", raw: query("=blue&q=green"), query: values{"": {"blue"}, "q": {"green"}}},
		{name: "nothing but an empty key", raw: query("="), query: values{"": {""}}},
		{name: "empty query", raw: query("")},
		{name: "plus", raw: query("a+b=c+d%2B"), query: values{"a b": {"c d+"}}, absent: []string{queryKey + "a+b"}},
		{name: "encoded space", raw: query("a%20b=c%20d"), query: values{"a b": {"c d"}}, absent: []string{queryKey + "a%20b"}},
		{name: "brackets", raw: query("q[]=blue&q[0]=green"), query: values{"q[]": {"blue"}, "q[0]": {"green"}}, absent: []string{queryKey + "q"}},
		{name: "dots and slashes", raw: query("q=../..%2f"), query: values{"q": {"../../"}}},
		{name: "letters beyond ASCII", raw: query("%C3%A9=%E2%82%AC"), query: values{"é": {"€"}}},

		{name: "encoded path", raw: "GET /%64ir%20a HTTP/1.1\r\n" + host + "\r\n", path: "/dir a"},
		{name: "path encoded twice", raw: "GET /%2564ir HTTP/1.1\r\n" + host + "\r\n", path: "/%64ir"},
		{name: "plus in the path", raw: "GET /a+b HTTP/1.1\r\n" + host + "\r\n", path: "/a+b"},
		{name: "absolute form", raw: "GET http://" + svcHost + "/dir?q=blue HTTP/1.1\r\n" + host + "\r\n", query: values{"q": {"blue"}}},
		{name: "absolute form without path", raw: "GET http://" + svcHost + " HTTP/1.1\r\n" + host + "\r\n", path: "/"},
		{name: "absolute form in another case", raw: "GET HTTP://" + upper + "/dir HTTP/1.1\r\n" + host + "\r\n", host: upper},
		{name: "host in another case", raw: "GET /dir HTTP/1.1\r\nhOST: " + upper + "\r\n\r\n", host: upper},
		{name: "host with port", raw: "GET /dir HTTP/1.1\r\nHost: " + svcHost + ":80\r\n\r\n", host: svcHost + ":80"},
		{name: "host with a dot", raw: "GET /dir HTTP/1.1\r\nHost: " + svcHost + ".\r\n\r\n", host: svcHost + "."},

		{name: "a method of one's own", raw: "FROB /dir HTTP/1.1\r\n" + host + "\r\n", method: "FROB"},
		{name: "method in lower case", raw: "get /dir HTTP/1.1\r\n" + host + "\r\n", method: "get"},
		{name: "X-HTTP-Method-Override", raw: header("X-HTTP-Method-Override: DELETE\r\n"), headers: http.Header{"X-Http-Method-Override": {"DELETE"}}},
		{name: "X-HTTP-Method-Override twice", raw: header("X-HTTP-Method-Override: PUT\r\nx-http-method-override: DELETE\r\n"), headers: http.Header{"X-Http-Method-Override": {"PUT", "DELETE"}}},
		{name: "X-HTTP-Method-Override of a POST", raw: "POST /dir HTTP/1.1\r\n" + host + "X-HTTP-Method-Override: GET\r\nContent-Length: 0\r\n\r\n", method: "POST", headers: http.Header{"X-Http-Method-Override": {"GET"}}},
		{name: "X-Method-Override", raw: header("X-Method-Override: DELETE\r\n"), headers: http.Header{"X-Method-Override": {"DELETE"}}},
		{name: "X-HTTP-Method", raw: header("X-HTTP-Method: DELETE\r\n"), headers: http.Header{"X-Http-Method": {"DELETE"}}},
		{name: "X-Original-URL", raw: header("X-Original-URL: /admin?q=blue\r\n"), headers: http.Header{"X-Original-Url": {"/admin?q=blue"}}, absent: []string{queryKey + "q"}},
		{name: "X-Rewrite-URL", raw: header("X-Rewrite-URL: /admin?q=blue\r\n"), headers: http.Header{"X-Rewrite-Url": {"/admin?q=blue"}}, absent: []string{queryKey + "q"}},
		{name: "_method in the query", raw: query("_method=DELETE"), query: values{"_method": {"DELETE"}}},

		{name: "forged identity", raw: header("x-amzn-lattice-identity: Principal=evil\r\nX-Amzn-Lattice-Identity-Tags: evil=1\r\n"),
			absent: []string{headerKey + "x-amzn-lattice-identity", headerKey + "x-amzn-lattice-identity-tags"}},
		{name: "forged with underscores", raw: header("x_amzn_lattice_identity: Principal=evil\r\nX-AMZN_Lattice-Network: evil\r\n"),
			absent: []string{headerKey + "x_amzn_lattice_identity", headerKey + "x-amzn_lattice-network", headerKey + "x-amzn-lattice-network"}},
		{name: "forged names of later", raw: header("x-amzn-lattice-anything: evil\r\n"), absent: []string{headerKey + "x-amzn-lattice-anything"}},
		{name: "forged source", raw: header("X-Forwarded-For: 6.6.6.6 evil\r\nx-forwarded-host: evil\r\nx-amzn-source-vpc: evil\r\n"),
			absent: []string{headerKey + "x-forwarded-for", headerKey + "x-forwarded-host", headerKey + "x-amzn-source-vpc"}},
		{name: "of this connection only", raw: header("Connection: x-role\r\nX-Role: evil\r\n"), absent: []string{headerKey + "x-role", headerKey + "connection"}},
		{name: "repeated header", raw: header("X-Role: a\r\nx-rOLE: b\r\nX-Other: a, b\r\n"), headers: http.Header{"X-Role": {"a", "b"}, "X-Other": {"a, b"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n := newNetwork()
			var target recorder
			f := start(t, n, quietly)
			at := n.target(t, serverNS, "10.0.0.5:80", serving(target.answer))
			// ask sends the request where the policy guards the service.
			ask := func(p proxy.Policy) (int, []*http.Request) {
				t.Helper()
				table := oneService(at)
				service(table).Auth = proxy.Auth{Type: proxy.AuthIAM, Policy: p}
				f.apply(t, table)
				c := f.dial(t, blueNS, latticeAddr)
				method, _, _ := strings.Cut(tc.raw, " ")
				res, _ := c.do(t, method, tc.raw)
				_ = c.Close()
				return res.StatusCode, target.take()
			}
			status, all := ask(conditions{}.allowing(t, "/*"))
			if status != 200 || len(all) != 1 {
				t.Fatalf("under a policy without conditions: %d, the target got %d", status, len(all))
			}
			got := all[0]
			or := func(s, otherwise string) string {
				if s == "" {
					return otherwise
				}
				return s
			}
			want := []string{or(tc.method, "GET"), or(tc.path, "/dir"), or(tc.host, svcHost)}
			if d := cmp.Diff(want, []string{got.Method, got.URL.Path, got.Host}); d != "" {
				t.Errorf("the target's method, path and host: %s", d)
			}
			if tc.query == nil {
				tc.query = values{}
			}
			if d := cmp.Diff(tc.query, got.URL.Query()); d != "" {
				t.Errorf("the target's query: %s", d)
			}
			own := http.Header{}
			for k, v := range got.Header {
				if !setByProxy(k) {
					own[k] = v
				} else if strings.Contains(strings.Join(v, " "), "evil") {
					t.Errorf("the target believes %s: %s", k, v)
				}
			}
			if tc.headers == nil {
				tc.headers = http.Header{}
			}
			if d := cmp.Diff(tc.headers, own); d != "" {
				t.Errorf("the target's headers: %s", d)
			}

			exact := as(got, tc.absent)
			if status, all := ask(exact.allowing(t, got.URL.Path)); status != 200 || len(all) != 1 {
				t.Errorf("a policy that wants what the target got: %d", status)
			}
			for key, v := range exact["StringEquals"] {
				for i := range v {
					others := append(slices.Delete(slices.Clone(v), i, i+1), "another")
					if status, all := ask(exact.with("StringEquals", key, others...).allowing(t, got.URL.Path)); status != 403 || len(all) != 0 {
						t.Errorf("a policy that wants %s to be %q, not %q: %d, and the target got %d requests", key, others, v, status, len(all))
					}
				}
			}
			if status, all := ask(exact.allowing(t, got.URL.Path+"x")); status != 403 || len(all) != 0 {
				t.Errorf("a policy on another path: %d, and the target got %d requests", status, len(all))
			}
		})
	}
}

// What could be read in two ways reaches no target that a policy guards, however much the policy allows.
func TestUnclearRequestsReachNoTarget(t *testing.T) {
	n := newNetwork()
	var target recorder
	f := start(t, n, quietly)
	table := oneService(n.target(t, serverNS, "10.0.0.5:80", serving(target.answer)))
	service(table).Auth = proxy.Auth{Type: proxy.AuthIAM, Policy: conditions{}.allowing(t, "*")}
	f.apply(t, table)
	for _, at := range []string{"/dir?q=blue;q=green", "/dir?q=blue;", "/dir?;", "/dir?q=%00", "/dir?%0d%0a=1", "/dir;q=blue", "/dir%3bq", "/a/../dir", "/a/%2E%2e/dir",
		"/./dir", "//dir", "/a//dir", "/a%2Fdir", "/a%5cdir", "/a\\dir", "/dir%00", "/dir%0aX", "http://" + svcHost + "/a/../dir", "http://" + svcHost + "//dir"} {
		c := f.dial(t, blueNS, latticeAddr)
		res, _ := c.do(t, "GET", get(at))
		if res.StatusCode != 400 || !res.Close {
			t.Errorf("%s: %d, close %v", at, res.StatusCode, res.Close)
		}
		c.ended(t)
	}
	if all := target.take(); len(all) != 0 {
		t.Errorf("the target got %d requests, the first of %s", len(all), all[0].RequestURI)
	}
}
