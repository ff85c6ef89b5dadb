package iam

import "testing"

// busyLattice is every layer with policies of the kinds that are met on the data path.
func busyLattice(tb testing.TB) (*Lattice, *Request) {
	network := mustParse(tb, ResourcePolicy, doc(
		`{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1"},"StringNotEqualsIgnoreCase":{"aws:PrincipalType":"anonymous"}}}`,
		`{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*/admin/*","Condition":{"NotIpAddress":{"aws:SourceIp":"10.0.0.0/8"},"StringLike":{"vpc-lattice-svcs:RequestHeader/X-Team":"ext-*"}}}`))
	identity := &Entitlements{
		Identity:       []*Policy{mustParse(tb, Identity, latticeInvoke)},
		Boundary:       mustParse(tb, Identity, allowEverything),
		ServiceControl: [][]*Policy{{mustParse(tb, Identity, allowEverything)}},
	}
	p := session
	p.OrgID = "o-1"
	return &Lattice{Network: AuthPolicy{true, network}, Service: AuthPolicy{true, mustParse(tb, ResourcePolicy, articlePolicy)}, Identity: identity},
		&Request{Principal: p, Action: invoke, Resource: Resource{ARN: service, Path: "/orders/17", Account: acct},
			Context: &httpRequest{method: "GET", owner: green, vpc: "vpc-1", query: []string{"green"}, header: "web"}}
}

func TestDecideDoesNotAllocate(t *testing.T) {
	l, r := busyLattice(t)
	if o := l.Decide(r); !o.Allowed() {
		t.Fatalf("outcome %+v: %s", o, l.Explain(r))
	}
	refused := *r
	refused.Context = &httpRequest{method: "GET", owner: green, query: []string{"blue", "green"}}
	if o := l.Decide(&refused); o.Allowed() {
		t.Fatalf("outcome %+v", o)
	}
	for _, q := range []*Request{r, &refused} {
		if n := testing.AllocsPerRun(100, func() { l.Decide(q) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	b.Run("article", func(b *testing.B) {
		p := mustParse(b, ResourcePolicy, articlePolicy)
		r := Request{Action: invoke, Resource: Resource{ARN: service, Path: "/", Account: acct}, Context: &httpRequest{method: "GET", owner: green, query: []string{"green"}}}
		b.ReportAllocs()
		for b.Loop() {
			if p.Decide(&r).Verdict != Allowed {
				b.Fatal("denied")
			}
		}
	})
	b.Run("every layer", func(b *testing.B) {
		l, r := busyLattice(b)
		b.ReportAllocs()
		for b.Loop() {
			if o := l.Decide(r); !o.Allowed() {
				b.Fatal("denied")
			}
		}
	})
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		mustParse(b, ResourcePolicy, articlePolicy)
	}
}
