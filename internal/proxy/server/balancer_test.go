package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"trellis/internal/proxy"
)

// functions are answered by name, in raw bytes.
type functions struct {
	mu     sync.Mutex
	events []string
	groups []string
	answer func(arn string) ([]byte, string, error)
}

func (f *functions) Invoke(_ context.Context, group, arn string, event []byte) ([]byte, string, error) {
	f.mu.Lock()
	f.events, f.groups = append(f.events, string(event)), append(f.groups, group)
	f.mu.Unlock()
	return f.answer(arn)
}

func (f *functions) last(t *testing.T) map[string]any {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	var m map[string]any
	if err := json.Unmarshal([]byte(f.events[len(f.events)-1]), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

const (
	albNS       = "alb"
	functionARN = "arn:aws:lambda:us-west-2:111111111111:function:directory"
	albTG       = "arn:aws:elasticloadbalancing:us-west-2:111111111111:targetgroup/directory/0123456789abcdef"
)

var albAddr = netip.MustParseAddrPort("10.0.1.7:80")

func echoHeaders(r *http.Request, _ string) string { return ok(headerLines(r)) }

func lambdaGroup(event proxy.EventVersion) *proxy.TargetGroup {
	return &proxy.TargetGroup{ARN: albTG, Type: proxy.TargetLambda, Event: event, Targets: []proxy.Target{{ID: functionARN}}}
}

func balancer(l *proxy.Listener) *proxy.Table {
	l.Port, l.Protocol = 80, proxy.HTTP
	return &proxy.Table{LoadBalancers: []*proxy.LoadBalancer{{ARN: "arn:alb", VPC: "vpc-0fedcba9876543210",
		Nodes: []proxy.Node{{Namespace: albNS, Address: albAddr.Addr()}}, Listeners: []*proxy.Listener{l}}}}
}

func forwardTo(g *proxy.TargetGroup) proxy.Action {
	return proxy.Action{Groups: []proxy.WeightedGroup{{Group: g, Weight: 1}}}
}

// TestLandingZone is the article's path: a VPC Lattice service, a load balancer behind it, a function behind that.
func TestLandingZone(t *testing.T) {
	n := newNetwork()
	fn := &functions{answer: func(string) ([]byte, string, error) {
		return []byte(`{"statusCode":200,"statusDescription":"200 OK","isBase64Encoded":false,"headers":{"Content-Type":"application/json"},"body":"{\"who\":\"blue\"}"}`), "", nil
	}}
	f := start(t, n, func(c *Config) { c.Invoker = fn })
	table := oneService(proxy.Target{ID: "arn:alb", Addr: albAddr, Namespace: albNS, Source: netip.MustParseAddr("169.254.171.9")})
	group(table).Type = proxy.TargetALB
	service(table).Auth = proxy.Auth{Type: proxy.AuthIAM, Policy: allowAll{}}
	table.LoadBalancers = balancer(&proxy.Listener{Default: forwardTo(lambdaGroup(proxy.EventELB))}).LoadBalancers
	f.apply(t, table)
	c := f.dial(t, blueNS, latticeAddr)
	res, body := c.do(t, "GET", get("/dir?q=blue"))
	if res.StatusCode != 200 || body != `{"who":"blue"}` || res.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("%d %s %v", res.StatusCode, body, res.Header)
	}
	if res, _ := c.do(t, "GET", get("/dir?q=green")); res.StatusCode != 403 {
		t.Errorf("green: %d", res.StatusCode)
	}
	event := fn.last(t)
	if fn.groups[0] != albTG {
		t.Errorf("invoked for %s", fn.groups[0])
	}
	headers := event["headers"].(map[string]any)
	if !strings.HasPrefix(headers["x-amzn-trace-id"].(string), "Root=1-") {
		t.Errorf("trace id %q", headers["x-amzn-trace-id"])
	}
	if headers["x-forwarded-for"] != "127.0.0.1, 127.0.0.1" || headers["x-forwarded-port"] != "80" || headers["host"] != svcHost ||
		headers["x-amzn-lattice-network"] != "SourceVpcArn="+vpcARN || headers["x-amzn-requestid"] != res.Header.Get("x-amzn-requestid") && headers["x-amzn-requestid"] == "" {
		t.Errorf("headers %v", headers)
	}
	delete(event, "headers")
	want := map[string]any{"httpMethod": "GET", "path": "/dir", "queryStringParameters": map[string]any{"q": "blue"}, "body": "", "isBase64Encoded": false,
		"requestContext": map[string]any{"elb": map[string]any{"targetGroupArn": albTG}}}
	if d := cmp.Diff(want, event); d != "" {
		t.Error(d)
	}
}

func TestFunctionAnswers(t *testing.T) {
	for _, tc := range []struct {
		name, answer, functionError string
		err                         error
		status                      int
		body                        string
	}{
		{"plain", `{"statusCode":201,"body":"hi"}`, "", nil, 201, "hi"},
		{"base64", `{"statusCode":200,"isBase64Encoded":true,"body":"aGk="}`, "", nil, 200, "hi"},
		{"no body", `{"statusCode":204}`, "", nil, 204, ""},
		{"failed", `{"errorMessage":"boom"}`, "Unhandled", nil, 502, ""},
		{"not run", ``, "", errors.New("throttled"), 502, ""},
		{"timed out", ``, "", context.DeadlineExceeded, 504, ""},
		{"not JSON", `hello`, "", nil, 502, ""},
		{"no status", `{"body":"hi"}`, "", nil, 502, ""},
		{"split header", `{"statusCode":200,"headers":{"a":"b\r\nSet-Cookie: x"},"body":"hi"}`, "", nil, 502, ""},
		{"bad name", `{"statusCode":200,"headers":{"a b":"c"},"body":"hi"}`, "", nil, 502, ""},
		{"own framing", `{"statusCode":200,"headers":{"Content-Length":"99","Transfer-Encoding":"chunked","Connection":"x"},"body":"hi"}`, "", nil, 200, "hi"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n := newNetwork()
			f := start(t, n, func(c *Config) {
				c.Invoker = &functions{answer: func(string) ([]byte, string, error) { return []byte(tc.answer), tc.functionError, tc.err }}
			})
			f.apply(t, balancer(&proxy.Listener{Default: forwardTo(lambdaGroup(proxy.EventELB))}))
			c := f.dial(t, albNS, albAddr)
			for range 2 {
				res, body := c.do(t, "GET", get("/"))
				if res.StatusCode != tc.status || tc.body != "" && body != tc.body || res.Header.Get("Set-Cookie") != "" {
					t.Errorf("%d %q %v", res.StatusCode, body, res.Header)
				}
			}
		})
	}
}

func TestLatticeEvents(t *testing.T) {
	for _, version := range []proxy.EventVersion{proxy.EventV1, proxy.EventV2} {
		n := newNetwork()
		fn := &functions{answer: func(string) ([]byte, string, error) { return []byte(`{"statusCode":200}`), "", nil }}
		f := start(t, n, func(c *Config) { c.Invoker = fn })
		table := oneService(proxy.Target{ID: functionARN})
		group(table).Type, group(table).Event = proxy.TargetLambda, version
		f.apply(t, table)
		c := f.dial(t, blueNS, latticeAddr)
		c.do(t, "POST", "POST /p?k=1&k=%32+x HTTP/1.1\r\nHost: "+svcHost+"\r\nA: v1\r\nA: v2\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n")
		e := fn.last(t)
		h := e["headers"].(map[string]any)
		switch version {
		case proxy.EventV1:
			if e["raw_path"] != "/p" || e["method"] != "POST" || e["body"] != "{}" || e["is_base64_encoded"] != false || h["a"] != "v1, v2" ||
				e["query_string_parameters"].(map[string]any)["k"] != "2 x" {
				t.Errorf("V1 %v", e)
			}
		case proxy.EventV2:
			if d := cmp.Diff([]any{"v1", "v2"}, h["a"]); d != "" || e["version"] != "2.0" || e["path"] != "/p" {
				t.Errorf("V2 %v", e)
			}
			rc := e["requestContext"].(map[string]any)
			if rc["region"] != "us-west-2" || rc["serviceArn"] != svcARN || rc["identity"].(map[string]any)["sourceVpcArn"] != vpcARN || len(rc["timeEpoch"].(string)) != 16 {
				t.Errorf("context %v", rc)
			}
		}
		c.do(t, "POST", "POST / HTTP/1.1\r\nHost: "+svcHost+"\r\nContent-Length: 2\r\n\r\n\xff\xfe")
		if e := fn.last(t); e["body"] != "//4=" {
			t.Errorf("binary body %v", e["body"])
		}
	}
}

func TestBalancerRules(t *testing.T) {
	n := newNetwork()
	f := start(t, n, nil)
	echo := &proxy.TargetGroup{ARN: albTG, Type: proxy.TargetIP, Protocol: proxy.HTTP, Targets: []proxy.Target{n.target(t, albNS, "10.0.0.9:80", serving(echoHeaders))}}
	f.apply(t, balancer(&proxy.Listener{
		Rules: []proxy.Rule{
			{Priority: 20, Conditions: []proxy.Condition{{Field: proxy.FieldPath, Op: proxy.Glob, CaseSensitive: true, Values: []string{"/old/*"}}},
				Action: proxy.Action{Kind: proxy.Redirect, Status: 301, Location: proxy.Location{Protocol: "HTTPS", Port: "443", Path: "/new/#{path}"}}},
			{Priority: 10, Conditions: []proxy.Condition{{Field: proxy.FieldHost, Op: proxy.Glob, Values: []string{"*.Example.com"}}},
				Action: forwardTo(echo)},
			{Priority: 30, Conditions: []proxy.Condition{{Field: proxy.FieldSourceIP, Sources: []netip.Prefix{netip.MustParsePrefix("10.9.0.0/16")}}},
				Action: proxy.Action{Kind: proxy.FixedResponse, Status: 500}},
		},
		Default: proxy.Action{Kind: proxy.FixedResponse, Status: 418, ContentType: "application/json", Body: "{}"},
	}))
	c := f.dial(t, albNS, albAddr)
	res, body := c.do(t, "GET", "GET /old/x HTTP/1.1\r\nHost: a.example.COM:80\r\nX-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\nX-Amzn-Trace-Id: Root=1-2-3\r\nX-Amzn-Lattice-Network: n\r\n\r\n")
	if res.StatusCode != 200 || !strings.Contains(body, "X-Forwarded-For: 1.2.3.4, 127.0.0.1\r\n") || !strings.Contains(body, "X-Forwarded-Proto: http\r\n") ||
		!strings.Contains(body, "X-Amzn-Trace-Id: Self=1-") || !strings.Contains(body, ";Root=1-2-3\r\n") || !strings.Contains(body, "X-Amzn-Lattice-Network: n\r\n") {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	if res.Header.Get("x-amzn-requestid") != "" {
		t.Error("a load balancer told a request id")
	}
	if res, _ := c.do(t, "GET", "GET /old/x?a=b HTTP/1.1\r\nHost: y\r\n\r\n"); res.StatusCode != 301 || res.Header.Get("Location") != "https://y/new/old/x?a=b" {
		t.Errorf("%d %s", res.StatusCode, res.Header.Get("Location"))
	}
	if res, body := c.do(t, "GET", "GET /OLD/x HTTP/1.1\r\nHost: y\r\n\r\n"); res.StatusCode != 418 || body != "{}" || res.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%d %s", res.StatusCode, body)
	}
}

// TestBalancerHeaders holds what the attributes of a load balancer and of its listener make of the heads that pass.
func TestBalancerHeaders(t *testing.T) {
	const sent = "X-Forwarded-For: 1.2.3.4\r\nX_under: 1\r\n"
	for _, tc := range []struct {
		name           string
		port           uint16
		host           string
		set            func(*proxy.LoadBalancer)
		target, absent []string
	}{
		{"as it is", 80, "a.example", nil, []string{"Host: a.example\n", "X-Forwarded-For: 1.2.3.4, 127.0.0.1\r\n", "X_under: 1"}, nil},
		{"another port", 8080, "a.example", nil, []string{"Host: a.example:8080\n"}, nil},
		{"another port, named", 8080, "a.example:8080", nil, []string{"Host: a.example:8080\n"}, nil},
		{"another port, IPv6", 8080, "[::1]", nil, []string{"Host: [::1]:8080\n"}, nil},
		{"host preserved", 8080, "a.example", func(lb *proxy.LoadBalancer) { lb.PreserveHost = true }, []string{"Host: a.example\n"}, nil},
		{"invalid names", 80, "a", func(lb *proxy.LoadBalancer) { lb.DropInvalid = true }, []string{"X-Forwarded-For: 1.2.3.4, 127.0.0.1\r\n"}, []string{"X_under"}},
		{"preserved", 80, "a", func(lb *proxy.LoadBalancer) { lb.ForwardedFor = proxy.ForwardedPreserve }, []string{"X-Forwarded-For: 1.2.3.4\r\n", "X-Forwarded-Port: 80"}, []string{"127.0.0.1"}},
		{"removed", 80, "a", func(lb *proxy.LoadBalancer) { lb.ForwardedFor = proxy.ForwardedRemove }, []string{"X-Forwarded-Proto: http"}, []string{"X-Forwarded-For"}},
		{"client's port", 80, "a", func(lb *proxy.LoadBalancer) { lb.ClientPort = true }, []string{"X-Forwarded-For: 1.2.3.4, 127.0.0.1:"}, []string{"127.0.0.1\r\n"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n := newNetwork()
			f := start(t, n, nil)
			echo := func(r *http.Request, body string) string {
				res := ok("Host: " + r.Host + "\n" + headerLines(r))
				return strings.Replace(res, "\r\n", "\r\nServer: theirs\r\nX-Frame-Options: ALLOWALL\r\n", 1)
			}
			g := &proxy.TargetGroup{ARN: albTG, Type: proxy.TargetIP, Protocol: proxy.HTTP, Targets: []proxy.Target{n.target(t, albNS, "10.0.0.9:80", serving(echo))}}
			table := balancer(&proxy.Listener{Default: forwardTo(g), HideServer: true, Headers: []proxy.Header{{Name: "X-Frame-Options", Value: "DENY"}},
				Rules: []proxy.Rule{{Priority: 1, Conditions: []proxy.Condition{{Field: proxy.FieldPath, Op: proxy.Glob, Values: []string{"/fixed"}}},
					Action: proxy.Action{Kind: proxy.FixedResponse, Status: 200, Body: "fixed"}}}})
			lb := table.LoadBalancers[0]
			lb.Listeners[0].Port = tc.port
			if tc.set != nil {
				tc.set(lb)
			}
			f.apply(t, table)
			c := f.dial(t, albNS, netip.AddrPortFrom(albAddr.Addr(), tc.port))
			res, body := c.do(t, "GET", "GET / HTTP/1.1\r\nHost: "+tc.host+"\r\n"+sent+"\r\n")
			for _, want := range tc.target {
				if !strings.Contains(body, want) {
					t.Errorf("no %q in\n%s", want, body)
				}
			}
			for _, not := range tc.absent {
				if strings.Contains(body, not) {
					t.Errorf("%q in\n%s", not, body)
				}
			}
			fixed, _ := c.do(t, "GET", "GET /fixed HTTP/1.1\r\nHost: a\r\n\r\n")
			for _, res := range []*http.Response{res, fixed} {
				if d := cmp.Diff([]string{"DENY"}, res.Header.Values("X-Frame-Options")); d != "" || res.Header.Get("Server") != "" {
					t.Errorf("answered %v", res.Header)
				}
			}
		})
	}
}

// TestOldConnection holds that a connection older than the load balancer's keep-alive ends with its next answer.
func TestOldConnection(t *testing.T) {
	n := newNetwork()
	f := start(t, n, nil)
	table := balancer(&proxy.Listener{Default: proxy.Action{Kind: proxy.FixedResponse, Status: 200}})
	table.LoadBalancers[0].KeepAlive = time.Hour
	f.apply(t, table)
	c := f.dial(t, albNS, albAddr)
	if res, _ := c.do(t, "GET", get("/")); res.Close {
		t.Error("a young connection was ended")
	}
	table = balancer(&proxy.Listener{Default: proxy.Action{Kind: proxy.FixedResponse, Status: 200}})
	table.LoadBalancers[0].KeepAlive = time.Nanosecond
	f.apply(t, table)
	if res, _ := c.do(t, "GET", get("/")); res.StatusCode != 200 || !res.Close {
		t.Errorf("an old one was answered %d, its end %v", res.StatusCode, res.Close)
	}
}

// TestSticky holds that a client stays with the target that its cookies name as long as that may be picked.
func TestSticky(t *testing.T) {
	n := newNetwork()
	f := start(t, n, nil)
	at := func(name string) proxy.Target {
		answer := func(r *http.Request, _ string) string {
			res := ok(name)
			if r.URL.Path == "/login" {
				res = strings.Replace(res, "\r\n", "\r\nSet-Cookie: session=7; HttpOnly\r\n", 1)
			}
			return res
		}
		return n.target(t, albNS, "10.0.0."+name+":80", serving(answer))
	}
	one, two := at("1"), at("2")
	table := func(s *proxy.Stickiness, targets ...proxy.Target) *proxy.Table {
		return balancer(&proxy.Listener{Default: forwardTo(&proxy.TargetGroup{ARN: albTG, Type: proxy.TargetIP, Protocol: proxy.HTTP, Sticky: s, Targets: targets})})
	}
	// ask returns who answered, and the cookies that were set, by name.
	ask := func(path, cookies string) (string, map[string]*http.Cookie) {
		t.Helper()
		c := f.dial(t, albNS, albAddr)
		res, body := c.do(t, "GET", "GET "+path+" HTTP/1.1\r\nHost: a\r\n"+cookies+"\r\n")
		set := map[string]*http.Cookie{}
		for _, k := range res.Cookies() {
			set[k.Name] = k
		}
		return body, set
	}
	f.apply(t, table(&proxy.Stickiness{Duration: time.Hour}, one, two))
	who, set := ask("/", "")
	own := set["AWSALB"]
	if own == nil || set["AWSALBCORS"] == nil || own.Value != set["AWSALBCORS"].Value || own.Path != "/" || set["AWSALBCORS"].SameSite != http.SameSiteNoneMode ||
		time.Until(own.Expires) < 50*time.Minute {
		t.Fatalf("cookies %v", set)
	}
	for range 8 {
		if got, _ := ask("/", "Cookie: a=b\r\nCookie: x=y; AWSALB="+own.Value+"\r\n"); got != who {
			t.Fatalf("%s answered a client of %s", got, who)
		}
	}
	left := one
	if who == "1" {
		left = two
	}
	f.apply(t, table(&proxy.Stickiness{Duration: time.Hour}, left))
	if got, set := ask("/", "Cookie: AWSALB="+own.Value+"\r\n"); got == who || set["AWSALB"] == nil || set["AWSALB"].Value == own.Value {
		t.Errorf("without its target the client had %s and %v", got, set)
	}

	f.apply(t, table(&proxy.Stickiness{Application: "session", Duration: time.Hour}, one, two))
	if _, set := ask("/", ""); len(set) != 0 {
		t.Errorf("without a session: %v", set)
	}
	who, set = ask("/login", "")
	bound := set["AWSALBAPP-0"]
	if bound == nil || set["session"] == nil {
		t.Fatalf("with a session: %v", set)
	}
	for range 8 {
		if got, _ := ask("/", "Cookie: session=7; AWSALBAPP-0="+bound.Value+"\r\n"); got != who {
			t.Fatalf("%s answered a session of %s", got, who)
		}
	}
	seen := map[string]bool{}
	for range 8 {
		got, _ := ask("/", "Cookie: AWSALBAPP-0="+bound.Value+"\r\n")
		seen[got] = true
	}
	if len(seen) != 2 {
		t.Errorf("a session that is over stays with %v", seen)
	}
}
