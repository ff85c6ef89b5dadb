package aws

import (
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"trellis/internal/aws/model"
	"trellis/internal/aws/wire"
	"trellis/internal/fault"
)

// decodeAs runs one operation's decoder and everything after it that works on
// what a client sent.
func decodeAs(t *testing.T, s *service, op *operation, req *wire.Request) {
	t.Helper()
	codec, err := op.codec()
	if err != nil {
		t.Fatal(err)
	}
	in, err := codec.Decode(req)
	if err != nil {
		e := asFault(undecodable(s.Service, err))
		if e.Kind != fault.Invalid || e.Message == "" {
			t.Fatalf("%s: decoding answers %v", op.Name, err)
		}
		return
	}
	if found := codec.Validate(in); len(found) > 0 {
		if e := invalid(s.Service, found); e.Kind != fault.Invalid || e.Message == "" {
			t.Fatalf("%s: validation answers %v", op.Name, e)
		}
	}
}

// bound are the APIs that speak one of the protocols, with their operations.
func bound(f *testing.F, protocols ...model.Protocol) ([]*service, []*operation) {
	f.Helper()
	var of []*service
	var ops []*operation
	for _, m := range models() {
		if !slices.Contains(protocols, m.Protocol) {
			continue
		}
		s, err := bind(Service{Model: m})
		if err != nil {
			f.Fatal(err)
		}
		for i := range m.Operations {
			of, ops = append(of, s), append(ops, s.operations[m.Operations[i].Name])
		}
	}
	return of, ops
}

func index(ops []*operation, name string) uint16 {
	return uint16(slices.IndexFunc(ops, func(op *operation) bool { return op.Name == name }))
}

func FuzzJSONBody(f *testing.F) {
	of, ops := bound(f, model.RESTJSON, model.JSON10, model.JSON11)
	f.Add(index(ops, "CreateRule"), `{"name":"a","priority":1,"match":{"httpMatch":{"method":"GET","headerMatches":[{"name":"a","match":{"exact":"b"}}]}},"action":{"forward":{"targetGroups":[{"weight":1e1}]}}}`)
	f.Add(index(ops, "CreateFunction"), `{"Code":{"ZipFile":"AAEC"},"Environment":{"Variables":{"a":"b","c":null}},"Tags":{},"Layers":["\u00e9\ud800"],"X":[{"y":"\""}]}`)
	f.Add(index(ops, "PutLogEvents"), `{"logEvents":[{"timestamp":1700000000000,"message":"m"}]}`)
	f.Add(index(ops, "CreateResource"), `{"DesiredState":"{}", "TypeName":1}`)
	f.Add(index(ops, "FilterLogEvents"), `{"limit":2147483648}`)
	f.Fuzz(func(t *testing.T, which uint16, body string) {
		i := int(which) % len(ops)
		decodeAs(t, of[i], ops[i], &wire.Request{Body: []byte(body)})
	})
}

func FuzzForm(f *testing.F) {
	of, ops := bound(f, model.Query, model.EC2Query)
	f.Add(index(ops, "CreateVpc"), "Action=CreateVpc&CidrBlock=10.0.0.0%2F16&TagSpecification.1.ResourceType=vpc&TagSpecification.1.Tag.2.Key=a")
	f.Add(index(ops, "AuthorizeSecurityGroupIngress"), "IpPermissions.1.IpProtocol=tcp&IpPermissions.1.FromPort=80&IpPermissions.1.IpRanges.1.CidrIp=::")
	f.Add(index(ops, "CreateLoadBalancer"), "Name=a&Subnets.member.1=s&Subnets.member.3=t&Tags.member.1.Key=k&SecurityGroups=")
	f.Add(index(ops, "AssumeRole"), "DurationSeconds=900&Tags.member.x=1&PolicyArns.member.1.arn=a&PolicyArns.member.1=b")
	f.Fuzz(func(t *testing.T, which uint16, body string) {
		i := int(which) % len(ops)
		form, err := wire.ParseForm(body)
		if err != nil {
			if e := asFault(undecodable(of[i].Service, err)); e.Kind != fault.Invalid {
				t.Fatalf("parsing answers %v", err)
			}
			return
		}
		decodeAs(t, of[i], ops[i], &wire.Request{Form: form})
	})
}

func FuzzRESTTarget(f *testing.F) {
	of, _ := bound(f, model.RESTJSON)
	for _, m := range models() {
		for _, r := range m.Routes {
			f.Add(r.Method, strings.NewReplacer("{", "", "}", "%2F").Replace(r.Path), "tagKeys=a&maxResults=1&MaxItems=x")
		}
	}
	f.Fuzz(func(t *testing.T, method, path, query string) {
		u, err := url.ParseRequestURI(path)
		if err != nil || !regexp.MustCompile(`^[A-Z]+$`).MatchString(method) {
			t.Skip()
		}
		u.RawQuery = query
		for i, s := range of {
			if i > 0 && of[i-1] == s {
				continue
			}
			r := httptest.NewRequest(method, "/", nil)
			r.URL = u
			c := &call{r: r, service: s}
			req, err := c.route(nil)
			if err != nil {
				continue
			}
			if c.op != nil {
				decodeAs(t, s, c.op, req)
			}
		}
	})
}

func TestTables(t *testing.T) {
	for _, m := range models() {
		t.Run(m.Package, func(t *testing.T) {
			if !slices.IsSorted(m.Known) {
				t.Error("the known operations are not sorted")
			}
			for i := range m.Operations {
				if _, ok := slices.BinarySearch(m.Known, m.Operations[i].Name); !ok {
					t.Errorf("%s is not known", m.Operations[i].Name)
				}
			}
			previous := ""
			for _, chunk := range m.Shapes {
				for i := range chunk {
					s := &chunk[i]
					if s.Name <= previous {
						t.Errorf("shape %s stands after %s", s.Name, previous)
					}
					previous = s.Name
					if m.Shape(s.Name) != s {
						t.Errorf("shape %s is not found", s.Name)
					}
					patterns := []string{s.Pattern}
					if s.Match != nil {
						patterns = append([]string{s.Match.Must}, s.Match.Not...)
					}
					for _, p := range patterns {
						if _, err := regexp.Compile("^(?:" + p + ")$"); err != nil {
							t.Errorf("shape %s: %v", s.Name, err)
						}
					}
				}
			}
			if m.Shape("") != nil || m.Shape("zzz") != nil {
				t.Error("a shape that is not there is found")
			}
		})
	}
}

// Every route of the tables leads back to its own operation.
func TestRoutes(t *testing.T) {
	for _, m := range models() {
		if m.Protocol != model.RESTJSON {
			continue
		}
		rt := newRouter(m.Routes)
		for _, route := range m.Routes {
			path, query, _ := strings.Cut(route.Path, "?")
			target := regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(path, "a%2Fb")
			for _, suffix := range []string{"", "/"} {
				r := httptest.NewRequest(route.Method, target+suffix+"?x=1&"+query, nil)
				op, labels, _ := rt.find(r)
				if op != route.Name {
					t.Errorf("%s %s leads to %q, not %s", route.Method, target+suffix, op, route.Name)
				}
				if len(labels) != strings.Count(path, "{") {
					t.Errorf("%s has labels %v", route.Path, labels)
				}
				for _, l := range labels {
					if l.Value != "a/b" {
						t.Errorf("label %v", l)
					}
				}
			}
		}
	}
}
