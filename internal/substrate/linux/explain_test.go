package linux

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
	"time"

	"trellis/internal/substrate"
)

// chance makes configurations in which about as much is allowed as not.
type chance struct{ *rand.Rand }

func (c chance) of(n int) bool { return c.IntN(100) < n }

func pick[T any](c chance, from ...T) T { return from[c.IntN(len(from))] }

// rules allow some of the ports 80 and 81 to or from some of the peers.
func (c chance) rules(cidrs []string, groups []string) []substrate.Rule {
	var rules []substrate.Rule
	for range 1 + c.IntN(3) {
		r := substrate.Rule{ID: "sgr", Protocol: pick(c, 6, 6, 17, substrate.AllProtocols), From: 80, To: pick(c, 80, 81)}
		if c.of(70) {
			r.CIDRs = prefixes(pick(c, cidrs[:2]...), pick(c, cidrs...))
		}
		if c.of(60) {
			r.Groups = []string{pick(c, groups...)}
		}
		rules = append(rules, r)
	}
	return rules
}

func (c chance) entries(cidrs []string) []substrate.ACLEntry {
	var entries []substrate.ACLEntry
	for i := range 2 {
		entries = append(entries, substrate.ACLEntry{
			Number: 50 - i, Allow: c.of(60), Protocol: pick(c, 6, substrate.AllProtocols), From: 80, To: pick(c, 80, 81),
			CIDR: netip.MustParsePrefix(pick(c, cidrs...)),
		})
	}
	return append(entries, substrate.ACLEntry{Number: 100, Allow: c.of(80), Protocol: substrate.AllProtocols, CIDR: netip.MustParsePrefix("0.0.0.0/0")})
}

func (c chance) config() substrate.Config {
	const vpcs = 4
	cfg := substrate.Config{LatticePrefixes: latticePrefixes}
	cidrs := []string{"0.0.0.0/0", "10.0.0.0/8", "169.254.171.0/24", "203.0.113.0/24"}
	var groups []string
	for v := range vpcs {
		cidrs = append(cidrs, fmt.Sprintf("10.%d.0.0/16", v), fmt.Sprintf("10.%d.1.0/24", v))
		groups = append(groups, fmt.Sprintf("sg-%d-0", v), fmt.Sprintf("sg-%d-1", v))
	}
	// The first VPC peers with each of the others.
	for v := 1; v < vpcs; v++ {
		if c.of(80) {
			cfg.Peerings = append(cfg.Peerings, &substrate.Peering{ID: fmt.Sprintf("pcx-%d", v), Requester: "vpc-0", Accepter: fmt.Sprintf("vpc-%d", v)})
		}
	}
	for v := range vpcs {
		vpc := &substrate.VPC{
			ID: fmt.Sprintf("vpc-%d", v), CIDRs: prefixes(fmt.Sprintf("10.%d.0.0/16", v)),
			Lattice: pick(c, substrate.LatticeNone, substrate.LatticeTargets, substrate.LatticeAssociated, substrate.LatticeAssociated),
		}
		if c.of(60) {
			vpc.InternetGateway = fmt.Sprintf("igw-%d", v)
		}
		for g := range 2 {
			vpc.SecurityGroups = append(vpc.SecurityGroups, substrate.SecurityGroup{
				ID: fmt.Sprintf("sg-%d-%d", v, g), Ingress: c.rules(cidrs, groups), Egress: c.rules(cidrs, groups),
			})
		}
		if c.of(50) {
			vpc.LatticeGroups = []string{pick(c, groups[2*v:2*v+2]...)}
		}
		for s := range 2 {
			subnet := substrate.Subnet{ID: fmt.Sprintf("subnet-%d-%d", v, s), CIDRs: prefixes(fmt.Sprintf("10.%d.%d.0/24", v, s+1))}
			if c.of(25) {
				subnet.ACL = &substrate.NetworkACL{ID: fmt.Sprintf("acl-%d-%d", v, s), Ingress: c.entries(cidrs), Egress: c.entries(cidrs)}
			}
			if c.of(60) {
				subnet.Routes = append(subnet.Routes, substrate.Route{Destination: netip.MustParsePrefix("0.0.0.0/0"), Via: substrate.ViaInternet})
			}
			for w := range vpcs {
				if w != v && c.of(80) {
					subnet.Routes = append(subnet.Routes, over(fmt.Sprintf("pcx-%d", max(v, w)), fmt.Sprintf("10.%d.0.0/16", w)))
				}
			}
			vpc.Subnets = append(vpc.Subnets, subnet)
			n := iface(fmt.Sprintf("eni-%d-%d", v, s), subnet.ID, groups[2*v+s], fmt.Sprintf("10.%d.%d.10", v, s+1))
			if c.of(40) {
				n.SecurityGroups = append(n.SecurityGroups, groups[2*v+1-s])
			}
			if c.of(50) {
				n.Public = netip.AddrFrom4([4]byte{203, 0, 113, byte(10*v + s + 1)})
			}
			vpc.Interfaces = append(vpc.Interfaces, n)
		}
		cfg.VPCs = append(cfg.VPCs, vpc)
	}
	return cfg
}

// The kernel lets through what Explain says, and nothing else.
func TestPrivilegedExplanationsHold(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			h := newHost(t)
			cfg := chance{rand.New(rand.NewPCG(seed, 0))}.config()
			apply(t, h, cfg)
			destinations := []string{"10.0.1.99", "203.0.113.99"}
			for _, vpc := range cfg.VPCs {
				for _, n := range vpc.Interfaces {
					destinations = append(destinations, n.Addresses[0].String())
					if n.Public.IsValid() {
						destinations = append(destinations, n.Public.String())
					}
					for _, port := range []string{":80", ":81"} {
						serve(t, namespace(t, h, n.ID), n.Addresses[0].String()+port, "here")
					}
				}
				if vpc.Lattice != substrate.LatticeNone {
					serve(t, namespace(t, h, vpc.ID), "169.254.171.9:80", "lattice")
				}
			}
			destinations = append(destinations, "169.254.171.9")
			open := 0
			var wg sync.WaitGroup
			check := func(from, source, to string, port int) {
				f := substrate.Flow{From: from, Destination: netip.MustParseAddr(to), Protocol: 6, Port: port}
				if source != "" {
					f.Source = netip.MustParseAddr(source)
				}
				e := substrate.Explain(cfg, f)
				if e.Open {
					open++
				} else if e.Reason == "" || e.Text == "" {
					t.Errorf("%s to %s:%d is shut without a reason", from, to, port)
				}
				wg.Go(func() {
					patience := silence
					if e.Open {
						patience = 10 * time.Second
					}
					got := ask(namespace(t, h, from), source, fmt.Sprintf("%s:%d", to, port), patience)
					if (got != "timeout") != e.Open {
						t.Errorf("%s to %s:%d: got %q, but %+v", from, to, port, got, e)
					}
				})
			}
			for _, vpc := range cfg.VPCs {
				for _, n := range vpc.Interfaces {
					for _, to := range destinations {
						check(n.ID, "", to, 80)
						if to != "169.254.171.9" {
							check(n.ID, "", to, 81)
						}
					}
				}
				if vpc.Lattice != substrate.LatticeNone {
					for _, n := range vpc.Interfaces {
						check(vpc.ID, "169.254.171.9", n.Addresses[0].String(), 80)
					}
				}
			}
			wg.Wait()
			if open == 0 {
				t.Error("nothing is open: the test proves little")
			}
			t.Logf("%d of the flows are open", open)
		})
	}
}
