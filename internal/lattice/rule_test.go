package lattice

import (
	"fmt"
	"strings"
	"testing"

	"trellis/internal/fault"
)

func TestMatches(t *testing.T) {
	header := func(h HeaderMatch) Match { return Match{Headers: []HeaderMatch{h}} }
	long := strings.Repeat("a", 200)
	const (
		anyMatch = "match"
		method   = "match.httpMatch.method"
		path     = "match.httpMatch.pathMatch.match"
		headers  = "match.httpMatch.headerMatches"
	)
	for name, test := range map[string]struct {
		m     Match
		field string
	}{
		"nothing":               {Match{}, anyMatch},
		"method":                {Match{Method: "GET"}, ""},
		"own method":            {Match{Method: "M-SEARCH"}, ""},
		"method with a space":   {Match{Method: "GE T"}, method},
		"long method":           {Match{Method: strings.Repeat("A", 17)}, method},
		"path":                  {Match{Path: &PathMatch{Exact: "/a"}}, ""},
		"path prefix":           {Match{Path: &PathMatch{Prefix: "/"}}, ""},
		"both kinds of path":    {Match{Path: &PathMatch{Exact: "/a", Prefix: "/"}}, path},
		"neither kind of path":  {Match{Path: &PathMatch{}}, path},
		"relative path":         {Match{Path: &PathMatch{Exact: "a"}}, path + ".exact"},
		"path with a space":     {Match{Path: &PathMatch{Prefix: "/a b"}}, path + ".prefix"},
		"path with all signs":   {Match{Path: &PathMatch{Exact: "/@:%_+.~#?&/=-aZ0"}}, ""},
		"path of 200":           {Match{Path: &PathMatch{Exact: "/" + long[1:]}}, ""},
		"path of 201":           {Match{Path: &PathMatch{Exact: "/" + long}}, path + ".exact"},
		"header":                {header(HeaderMatch{Name: "X-A", Exact: "1"}), ""},
		"header contains":       {header(HeaderMatch{Name: "x", Contains: "1"}), ""},
		"header without value":  {header(HeaderMatch{Name: "x"}), headers + ".match"},
		"header with two":       {header(HeaderMatch{Name: "x", Exact: "1", Prefix: "1"}), headers + ".match"},
		"header without name":   {header(HeaderMatch{Exact: "1"}), headers + ".name"},
		"header with bad name":  {header(HeaderMatch{Name: "x y", Exact: "1"}), headers + ".name"},
		"header with long name": {header(HeaderMatch{Name: strings.Repeat("x", 101), Exact: "1"}), headers + ".name"},
		"header of 201":         {header(HeaderMatch{Name: "x", Exact: long + "a"}), headers + ".match.exact"},
		"five headers":          {Match{Headers: fill(5)}, ""},
		"six headers":           {Match{Headers: fill(6)}, headers},
	} {
		if err := CheckMatch(test.m); (err == nil) != (test.field == "") || err != nil && !invalid(err, test.field) {
			t.Errorf("%s: %v, want field %q", name, err, test.field)
		}
	}
}

func fill(n int) []HeaderMatch {
	var out []HeaderMatch
	for i := range n {
		out = append(out, HeaderMatch{Name: fmt.Sprint("x", i), Exact: "1"})
	}
	return out
}

func TestForwards(t *testing.T) {
	share := func(weights ...int32) []Share {
		var out []Share
		for i, w := range weights {
			s := Share{TargetGroup: fmt.Sprint("tg-", i), Weight: &w}
			if w == -2 {
				s.Weight = nil
			}
			out = append(out, s)
		}
		return out
	}
	const field = "action.forward.targetGroups"
	for name, test := range map[string]struct {
		shares []Share
		want   string
		field  string
	}{
		"one without weight":   {share(-2), "[{tg-0 100}]", ""},
		"one with weight":      {share(7), "[{tg-0 7}]", ""},
		"two":                  {share(0, 999), "[{tg-0 0} {tg-1 999}]", ""},
		"two, one unweighted":  {share(1, -2), "", field + ".weight"},
		"weight of 1000":       {share(1000), "", field + ".weight"},
		"negative weight":      {share(-1), "", field + ".weight"},
		"none":                 {nil, "", field},
		"ten":                  {share(1, 1, 1, 1, 1, 1, 1, 1, 1, 1), "", ""},
		"eleven":               {share(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1), "", field},
		"the same group twice": {append(share(1), share(1)...), "", field},
	} {
		a, err := ForwardTo(test.shares)
		if (err == nil) != (test.field == "") || err != nil && !invalid(err, test.field) {
			t.Errorf("%s: %v, want field %q", name, err, test.field)
		}
		if test.want != "" && fmt.Sprint(a.Forward) != test.want {
			t.Errorf("%s: %v, want %s", name, a.Forward, test.want)
		}
	}
	for status, ok := range map[int32]bool{404: true, 500: true, 200: false, 403: false, 0: false, 503: false} {
		if a, err := FixedResponse(status); (err == nil) != ok || ok && a.FixedStatus != status {
			t.Errorf("fixed response %d: %v %v", status, a, err)
		}
	}
}

func TestListeners(t *testing.T) {
	for protocol, want := range map[string]fault.Kind{"HTTP": 0, "HTTPS": fault.Unsupported, "TLS_PASSTHROUGH": fault.Unsupported, "TCP": fault.Invalid, "": fault.Invalid} {
		err := CheckListener(protocol)
		if want == 0 {
			if err != nil {
				t.Errorf("%s: %v", protocol, err)
			}
		} else if !fault.Is(err, want) || !invalid(err, "protocol") {
			t.Errorf("%s: %v, want %v", protocol, err, want)
		}
	}
}

func TestPriorities(t *testing.T) {
	for p, ok := range map[int32]bool{0: false, 1: true, 2000: true, 2001: false, -1: false} {
		if err := CheckPriority(p); (err == nil) != ok {
			t.Errorf("%d: %v", p, err)
		}
	}
}
