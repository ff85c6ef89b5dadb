package lattice

import (
	"net/netip"
	"regexp"
	"testing"

	"trellis/internal/vpc"
)

func TestARNs(t *testing.T) {
	m := func(id string) Meta {
		return Meta{Owner: vpc.Owner{Account: "111111111111", Region: "r"}, ID: id, Name: "n"}
	}
	const root = "arn:aws:vpc-lattice:r:111111111111:"
	s, l := &Service{Meta: m("svc-1")}, &Listener{Meta: m("listener-1"), Service: "svc-1", DefaultRule: "rule-0"}
	ns := &NetworkService{Meta: m("snsa-1"), Network: "sn-1", NetworkOwner: "222222222222", Service: "svc-1", ServiceOwner: "333333333333"}
	nv := &NetworkVPC{Meta: m("snva-1"), Network: "sn-1", NetworkOwner: "222222222222", VPC: "vpc-1"}
	for want, got := range map[string]string{
		root + "service/svc-1":                                            s.ARN(),
		"n-1.7d67968.vpc-lattice-svcs.r.on.aws":                           s.Domain(),
		root + "servicenetwork/sn-1":                                      (&Network{Meta: m("sn-1")}).ARN(),
		root + "service/svc-1/listener/listener-1":                        l.ARN(),
		root + "service/svc-1/listener/listener-1/rule/rule-0":            l.DefaultRuleARN(),
		root + "service/svc-1/listener/listener-1/rule/rule-1":            (&Rule{Meta: m("rule-1"), Service: "svc-1", Listener: "listener-1"}).ARN(),
		root + "targetgroup/tg-1":                                         (&TargetGroup{Meta: m("tg-1")}).ARN(),
		root + "accesslogsubscription/als-1":                              (&LogSubscription{Meta: m("als-1")}).ARN(),
		"arn:aws:vpc-lattice:r:9:servicenetworkserviceassociation/snsa-1": ns.ARN("9"),
		"arn:aws:vpc-lattice:r:333333333333:service/svc-1":                ns.ServiceARN(),
		"arn:aws:vpc-lattice:r:222222222222:servicenetwork/sn-1":          ns.NetworkARN(),
		"arn:aws:vpc-lattice:r:9:servicenetworkvpcassociation/snva-1":     nv.ARN("9"),
		"arn:aws:ec2:r:111111111111:vpc/vpc-1":                            nv.VPCARN(),
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if nv.NetworkARN() != ns.NetworkARN() {
		t.Errorf("%s and %s name one network", nv.NetworkARN(), ns.NetworkARN())
	}
}

func TestMintedIDs(t *testing.T) {
	for _, k := range []Kind{KindService, KindNetwork, KindListener, KindRule, KindTargetGroup, KindNetworkService, KindNetworkVPC, KindSubscription} {
		if id := k.Mint(); !regexp.MustCompile(`^` + k.Prefix + `[0-9a-z]{17}$`).MatchString(id) {
			t.Errorf("%s: %s", k.Title, id)
		}
	}
}

// The IPv6 address holds the IPv4 one, both are in the ranges that VPCs intercept, and neither is where Lattice dials from.
func TestAddresses(t *testing.T) {
	source4, source6 := Source()
	for _, id := range []string{"svc-1", "svc-2", "svc-3", ""} {
		v4, v6 := Addresses(id)
		again, _ := Addresses(id)
		embedded := v6.As16()
		if v4 != again || !RangeV4.Contains(v4) || !RangeV6.Contains(v6) || v4 == source4 || v6 == source6 || netip.AddrFrom4([4]byte(embedded[12:])) != v4 {
			t.Errorf("%q: %s and %s", id, v4, v6)
		}
	}
	if !RangeV4.Contains(source4) || !RangeV6.Contains(source6) {
		t.Errorf("source addresses %s and %s", source4, source6)
	}
}

func FuzzNames(f *testing.F) {
	for _, s := range []string{"abc", "a-b", "a--b", "-a", "tg-x", "é"} {
		f.Add(s)
	}
	grammar := regexp.MustCompile(`\A[a-z0-9]+(-[a-z0-9]+)*\z`)
	f.Fuzz(func(t *testing.T, name string) {
		want := grammar.MatchString(name) && len(name) >= 3 && len(name) <= 63
		if got := KindNetwork.CheckName(name) == nil; got != want {
			t.Errorf("%q is a name: %v, want %v", name, got, want)
		}
	})
}
