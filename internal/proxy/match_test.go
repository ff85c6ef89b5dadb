package proxy

import (
	"net/netip"
	"testing"

	"trellis/internal/proxy/http1"
)

// request parses a request and decodes it.
func request(t testing.TB, raw string) *Request {
	t.Helper()
	var f http1.Finder
	n, err := f.Find([]byte(raw))
	if err != nil || n == 0 {
		t.Fatalf("%q: %v", raw, err)
	}
	r := new(Request)
	if err := r.Parse([]byte(raw)[:n], http1.Limits{}); err != nil {
		t.Fatalf("%q: %v", raw, err)
	}
	r.Decode(netip.MustParseAddr("10.0.0.7"))
	return r
}

func to(path string) string { return "GET " + path + " HTTP/1.1\r\nHost: a.example.com:80\r\n\r\n" }

func TestCondition(t *testing.T) {
	for _, tc := range []struct {
		name string
		c    Condition
		yes  []string
		no   []string
	}{
		{"method", Condition{Field: FieldMethod, Values: []string{"GET"}}, []string{to("/")}, []string{"get / HTTP/1.1\r\nHost: x\r\n\r\n", "GETS / HTTP/1.1\r\nHost: x\r\n\r\n"}},
		{"exact path", Condition{Field: FieldPath, CaseSensitive: true, Values: []string{"/a", "/b"}}, []string{to("/a"), to("/b?q"), to("/%61")}, []string{to("/A"), to("/a/"), to("/ab")}},
		{"exact path, any case", Condition{Field: FieldPath, Values: []string{"/Ab"}}, []string{to("/aB")}, []string{to("/abc")}},
		{"prefix is of the string", Condition{Field: FieldPath, Op: Prefix, CaseSensitive: true, Values: []string{"/a"}}, []string{to("/a"), to("/ab"), to("/a/b")}, []string{to("/A"), to("/")}},
		{"escaped pattern", Condition{Field: FieldPath, CaseSensitive: true, Values: []string{"/a%20b"}}, []string{to("/a%20b"), to("/%61%20b")}, []string{to("/a+b")}},
		{"header exact", Condition{Field: FieldHeader, Name: "X-Team", Values: []string{"Blue"}}, []string{with("x-team: blue"), with("X-Team: a\r\nX-TEAM: BLUE")}, []string{with("x-team: bluer"), to("/")}},
		{"header exact, case", Condition{Field: FieldHeader, Name: "x-team", CaseSensitive: true, Values: []string{"Blue"}}, []string{with("X-Team: Blue")}, []string{with("X-Team: blue")}},
		{"header prefix", Condition{Field: FieldHeader, Op: Prefix, Name: "x", Values: []string{"ab"}}, []string{with("x: ABC")}, []string{with("x: a"), with("x: cab")}},
		{"header contains", Condition{Field: FieldHeader, Op: Contains, Name: "x", Values: []string{"bc"}}, []string{with("x: aBCd"), with("x: bc")}, []string{with("x: b"), with("x: cb")}},
		{"header host", Condition{Field: FieldHeader, Op: Glob, Name: "Host", Values: []string{"a.*"}}, []string{to("/")}, []string{"GET / HTTP/1.1\r\nHost: b\r\n\r\n"}},
		{"hop-by-hop header", Condition{Field: FieldHeader, Name: "x", Values: []string{"a"}}, []string{with("x: a")}, []string{with("x: a\r\nConnection: x")}},
		{"host", Condition{Field: FieldHost, Op: Glob, Values: []string{"*.Example.com"}}, []string{to("/")}, []string{"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"}},
		{"query", Condition{Field: FieldQuery, Op: Glob, Queries: []QueryMatch{{"Q", "bl*"}}}, []string{to("/?q=Blue"), to("/?x=1&q=%62lue")}, []string{to("/?q=green"), to("/?qq=blue"), to("/")}},
		{"query value only", Condition{Field: FieldQuery, Op: Glob, Queries: []QueryMatch{{"", "v?"}}}, []string{to("/?a=v1")}, []string{to("/?v1=a"), to("/?a=v")}},
		{"source", Condition{Field: FieldSourceIP, Sources: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")}}, []string{to("/")}, nil},
		{"other source", Condition{Field: FieldSourceIP, Sources: []netip.Prefix{netip.MustParsePrefix("10.0.1.0/24")}}, nil, []string{to("/")}},
		{"no values", Condition{Field: FieldPath}, nil, []string{to("/")}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newCondition(tc.c)
			for _, raw := range tc.yes {
				if !c.match(request(t, raw)) {
					t.Errorf("does not match %q", raw)
				}
			}
			for _, raw := range tc.no {
				if c.match(request(t, raw)) {
					t.Errorf("matches %q", raw)
				}
			}
		})
	}
}

func with(header string) string { return "GET / HTTP/1.1\r\nHost: x\r\n" + header + "\r\n\r\n" }

func TestGlob(t *testing.T) {
	for _, tc := range []struct {
		pattern, s string
		want       bool
	}{
		{"", "", true}, {"", "a", false}, {"*", "", true}, {"*", "abc", true}, {"a*", "abc", true}, {"a*c", "abbc", true}, {"a*c", "abcd", false},
		{"*b*", "abc", true}, {"?", "", false}, {"?", "a", true}, {"a?c", "abc", true}, {"a*b*c*d", "axxbyyczzd", true}, {"a*b*c*d", "axxbyyzzd", false},
		{"**a", "ba", true}, {"*a", "aaab", false},
	} {
		if got := glob(tc.s, tc.pattern, false); got != tc.want {
			t.Errorf("%q matches %q: %v", tc.pattern, tc.s, got)
		}
	}
}

func FuzzGlob(f *testing.F) {
	f.Add("a*b?c", "axxbyc")
	f.Fuzz(func(t *testing.T, pattern, s string) {
		if got, want := glob(s, pattern, false), slowGlob(s, pattern); got != want {
			t.Errorf("%q matches %q: %v, want %v", pattern, s, got, want)
		}
	})
}

// slowGlob compares every end of the text with every end of the pattern.
func slowGlob(s, p string) bool {
	match := make([][]bool, len(s)+1)
	for i := len(s); i >= 0; i-- {
		match[i] = make([]bool, len(p)+1)
		match[i][len(p)] = i == len(s)
		for j := len(p) - 1; j >= 0; j-- {
			one := i < len(s) && (p[j] == '?' || p[j] == s[i]) && match[i+1][j+1]
			if p[j] == '*' {
				one = match[i][j+1] || i < len(s) && match[i+1][j]
			}
			match[i][j] = one
		}
	}
	return match[0][0]
}

func TestRules(t *testing.T) {
	path := func(p string) []Condition {
		return []Condition{{Field: FieldPath, Op: Prefix, CaseSensitive: true, Values: []string{p}}}
	}
	status := func(n int) Action { return Action{Kind: FixedResponse, Status: n} }
	router := NewRouter(nil)
	l := router.listener(&Listener{Default: status(404), Rules: []Rule{
		{ARN: "30", Priority: 30, Conditions: path("/"), Action: status(30)},
		{ARN: "10", Priority: 10, Conditions: append(path("/a"), Condition{Field: FieldMethod, Values: []string{"POST"}}), Action: status(10)},
		{ARN: "20", Priority: 20, Conditions: path("/a"), Action: status(20)},
	}})
	for raw, want := range map[string]string{to("/a"): "20", to("/b"): "30", "POST /a HTTP/1.1\r\nHost: x\r\n\r\n": "10"} {
		route, arn := l.match(request(t, raw))
		if arn != want || route.Action.Status == 404 {
			t.Errorf("%q: rule %s", raw, arn)
		}
	}
	l = router.listener(&Listener{Default: status(404)})
	if route, arn := l.match(request(t, to("/"))); arn != "" || route.Action.Status != 404 {
		t.Errorf("default: %q %d", arn, route.Action.Status)
	}
}

func TestFind(t *testing.T) {
	svc := &Service{ARN: "svc", Hosts: []string{"Name.on.aws", "own.example.com."}, Listeners: []*Listener{{Port: 80}, {Port: 8080}}}
	bare := &Service{ARN: "bare", Hosts: []string{"bare.on.aws"}}
	n := &ServiceNetwork{Services: []*Service{svc, bare}, Aliases: map[string]*Service{"snsa-1.on.aws": svc}}
	v := &VPC{Namespace: "ns", Network: n, Bindings: []netip.AddrPort{
		netip.MustParseAddrPort("169.254.171.1:80"), netip.MustParseAddrPort("169.254.171.1:81")}}
	r := NewRouter(nil)
	end := &VPC{Namespace: "eni-1", Endpoint: "vpce-1", Network: n, Bindings: []netip.AddrPort{netip.MustParseAddrPort("10.0.0.1:80")}}
	r.Update(NewTable([]*VPC{v, end}, nil))
	entered := r.Front(Binding{"eni-1", end.Bindings[0]})
	at80, at81 := r.Front(Binding{"ns", v.Bindings[0]}), r.Front(Binding{"ns", v.Bindings[1]})
	for _, tc := range []struct {
		front *Front
		host  string
		want  *Service
		ok    bool
	}{
		{at80, "name.on.aws", svc, true}, {at80, "NAME.ON.AWS:80", svc, true}, {at80, "name.on.aws.", svc, true}, {at80, "name.on.aws.:1234", svc, true},
		{at80, "own.example.com", svc, true}, {at80, "x.on.aws", nil, false}, {at80, "", nil, false}, {at80, "name.on.aws:x", nil, false},
		{entered, "VPCE-1-snsa-1.on.aws:80", svc, true}, {entered, "name.on.aws", svc, true}, {entered, "vpce-2-snsa-1.on.aws", nil, false},
		{entered, "snsa-1.on.aws", nil, false}, {entered, "vpce-1-", nil, false}, {entered, "vpce-1", nil, false}, {at80, "vpce-1-snsa-1.on.aws", nil, false},
		{at81, "name.on.aws", svc, false}, {at80, "bare.on.aws", bare, false}, {at80, "[::1]:80", nil, false},
	} {
		d, ok := tc.front.Find(tc.host)
		if d.Service != tc.want || ok != tc.ok {
			t.Errorf("port %d, host %q: %v %v", tc.front.Port, tc.host, d.Service, ok)
		}
	}
	if r.Front(Binding{"other", v.Bindings[0]}) != nil {
		t.Error("another namespace is served")
	}
}

func BenchmarkMatch(b *testing.B) {
	build := NewRouter(nil)
	l := &Listener{Default: Action{Kind: FixedResponse, Status: 404}}
	for i, p := range []string{"/a", "/b", "/c", "/d", "/directory"} {
		l.Rules = append(l.Rules, Rule{Priority: i, Conditions: []Condition{{Field: FieldMethod, Values: []string{"GET"}}, {Field: FieldPath, Op: Prefix, Values: []string{p}}}})
	}
	ready := build.listener(l)
	r := request(b, to("/directory?q=blue"))
	b.ReportAllocs()
	for b.Loop() {
		ready.match(r)
	}
}
