package substrate

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trellis/internal/ordered"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func prefixes(s ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(s))
	for i, p := range s {
		out[i] = netip.MustParsePrefix(p)
	}
	return out
}

func addrs(s ...string) []netip.Addr {
	out := make([]netip.Addr, len(s))
	for i, a := range s {
		out[i] = netip.MustParseAddr(a)
	}
	return out
}

func anyAny() []Rule {
	return []Rule{{ID: "sgr-any", Protocol: AllProtocols, CIDRs: prefixes("0.0.0.0/0", "::/0")}}
}

// example is two peered VPCs, one of them with all there is.
func example() Config {
	return Config{
		LatticePrefixes: prefixes("169.254.171.0/24", "fd00:ec2:80::/64"),
		VPCs: []*VPC{
			{
				ID: "vpc-a", CIDRs: prefixes("10.0.0.0/16"), Lattice: LatticeAssociated, LatticeGroups: []string{"sg-lattice"},
				Resolvers: addrs("10.0.0.2", "169.254.169.253"), InternetGateway: "igw-a",
				Subnets: []Subnet{
					{ID: "subnet-app", CIDRs: prefixes("10.0.1.0/24"), Routes: []Route{
						{Destination: netip.MustParsePrefix("10.0.0.0/16"), Via: ViaLocal},
						{Destination: netip.MustParsePrefix("10.1.0.0/16"), Via: ViaPeering, Target: "pcx-ab"},
					}},
					{ID: "subnet-public", CIDRs: prefixes("10.0.0.0/24"), Routes: []Route{
						{Destination: netip.MustParsePrefix("10.0.0.0/16"), Via: ViaLocal},
						{Destination: netip.MustParsePrefix("0.0.0.0/0"), Via: ViaInternet, Target: "igw-a"},
						{Destination: netip.MustParsePrefix("10.9.0.0/16"), Via: ViaPeering, Target: "pcx-gone"},
					}},
				},
				Interfaces: []Interface{
					{ID: "eni-web", Subnet: "subnet-public", Addresses: addrs("10.0.0.10"), Public: netip.MustParseAddr("203.0.113.5"), SecurityGroups: []string{"sg-web", "sg-lattice"}},
					{ID: "eni-fn", Subnet: "subnet-app", Addresses: addrs("10.0.1.10"), SecurityGroups: []string{"sg-web"}, Guests: true},
				},
				SecurityGroups: []SecurityGroup{
					{ID: "sg-web", Egress: anyAny(), Ingress: []Rule{
						{ID: "sgr-1", Protocol: 6, From: 80, To: 81, CIDRs: prefixes("10.0.0.0/16", "10.0.1.0/24", "192.168.0.0/24")},
						{ID: "sgr-2", Protocol: 17, From: 53, To: 53, Groups: []string{"sg-b", "sg-web"}},
						{ID: "sgr-3", Protocol: 1, From: 8, To: -1, CIDRs: prefixes("0.0.0.0/0", "::/0")},
						{ID: "sgr-4", Protocol: 58, From: -1, To: -1, CIDRs: prefixes("0.0.0.0/0", "2001:db8::/32")},
					}},
					{ID: "sg-lattice", Ingress: []Rule{{ID: "sgr-5", Protocol: 6, From: 443, To: 443, Groups: []string{"sg-web"}}}},
				},
			},
			{
				ID: "vpc-b", CIDRs: prefixes("10.1.0.0/16", "2001:db8:1::/56"), Lattice: LatticeTargets,
				Subnets: []Subnet{{ID: "subnet-b", CIDRs: prefixes("10.1.0.0/24", "2001:db8:1::/64"), Routes: []Route{
					{Destination: netip.MustParsePrefix("10.0.0.0/16"), Via: ViaPeering, Target: "pcx-ab"},
				}}},
				Interfaces:     []Interface{{ID: "eni-b", Subnet: "subnet-b", Addresses: addrs("10.1.0.10", "2001:db8:1::10"), SecurityGroups: []string{"sg-b"}}},
				SecurityGroups: []SecurityGroup{{ID: "sg-b", Egress: anyAny(), Ingress: []Rule{{ID: "sgr-6", Protocol: 6, From: 0, To: 65535, Groups: []string{"sg-web", "sg-c"}}}}},
			},
			{
				ID: "vpc-c", CIDRs: prefixes("10.0.0.0/16"), Resolvers: addrs("10.0.0.2"),
				Subnets: []Subnet{{ID: "subnet-c", CIDRs: prefixes("10.0.0.0/24"), ACL: &NetworkACL{
					ID: "acl-c",
					Ingress: []ACLEntry{
						{Number: 200, Allow: true, Protocol: AllProtocols, CIDR: netip.MustParsePrefix("0.0.0.0/0")},
						{Number: 100, Protocol: 6, From: 22, To: 22, CIDR: netip.MustParsePrefix("10.0.3.0/24")},
					},
				}}},
				Interfaces:     []Interface{{ID: "eni-c", Subnet: "subnet-c", Addresses: addrs("10.0.0.10"), SecurityGroups: []string{"sg-c"}}},
				SecurityGroups: []SecurityGroup{{ID: "sg-c", Egress: anyAny()}},
			},
		},
		Peerings: []*Peering{{ID: "pcx-ab", Requester: "vpc-a", Accepter: "vpc-b"}},
	}
}

func TestLowerGolden(t *testing.T) {
	layout := Lower(example())
	for _, p := range layout.Problems() {
		t.Errorf("problem %s", p)
	}
	got := layout.String()
	file := filepath.Join("testdata", "example.golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("layout (-want +got):\n%s", diff)
	}
}

// The order in which the desired state is listed is nobody's wish.
func TestLowerIgnoresOrder(t *testing.T) {
	want := Lower(example())
	cfg := example()
	for i := range cfg.VPCs {
		slices.Reverse(cfg.VPCs[i].Subnets)
		slices.Reverse(cfg.VPCs[i].Interfaces)
		slices.Reverse(cfg.VPCs[i].SecurityGroups)
	}
	got := Lower(cfg)
	if diff := cmp.Diff(want.String(), got.String()); diff != "" {
		t.Errorf("layout changed with the order (-want +got):\n%s", diff)
	}
}

func TestLowerProblems(t *testing.T) {
	tests := []struct {
		name   string
		break_ func(*Config)
		id     string
		text   string
	}{
		{"unknown subnet", func(c *Config) { c.VPCs[0].Interfaces[0].Subnet = "subnet-x" }, "eni-web", "no subnet"},
		{"address outside", func(c *Config) { c.VPCs[0].Interfaces[0].Addresses = addrs("10.7.0.1") }, "eni-web", "outside"},
		{"address of the resolver", func(c *Config) { c.VPCs[0].Interfaces[0].Addresses = addrs("10.0.0.2") }, "eni-web", "taken"},
		{"no address", func(c *Config) { c.VPCs[0].Interfaces[0].Addresses = nil }, "eni-web", "no address"},
		{"interface twice", func(c *Config) { c.VPCs[1].Interfaces[0].ID = "eni-web" }, "eni-web", "twice"},
		{"VPC twice", func(c *Config) { c.VPCs[1].ID = "vpc-a" }, "vpc-a", "twice"},
		{"VPC named internet", func(c *Config) { c.VPCs[2].ID = InternetNamespace }, InternetNamespace, "twice"},
		{"unknown group", func(c *Config) { c.VPCs[0].Interfaces[0].SecurityGroups = []string{"sg-x"} }, "eni-web", "sg-x"},
		{"peering without VPC", func(c *Config) { c.Peerings[0].Accepter = "vpc-x" }, "pcx-ab", "two VPCs"},
		{"peering of overlap", func(c *Config) { c.Peerings[0].Accepter = "vpc-c" }, "pcx-ab", "overlapping"},
		{"bad ports", func(c *Config) { c.VPCs[0].SecurityGroups[0].Ingress[0].To = 70000 }, "sg-web", "ports"},
		{"route twice", func(c *Config) {
			c.VPCs[0].Subnets[0].Routes = append(c.VPCs[0].Subnets[0].Routes, c.VPCs[0].Subnets[0].Routes[0])
		}, "subnet-app", "two routes"},
		{"bad ACL entry", func(c *Config) { c.VPCs[2].Subnets[0].ACL.Ingress[0].CIDR = netip.Prefix{} }, "acl-c", "no CIDR"},
		{"bad VPC range", func(c *Config) { c.VPCs[2].CIDRs = make([]netip.Prefix, 1) }, "vpc-c", "not valid"},
		{"bad address", func(c *Config) { c.VPCs[0].Interfaces[0].Addresses = make([]netip.Addr, 1) }, "eni-web", "outside"},
		{"bad route", func(c *Config) { c.VPCs[0].Subnets[0].Routes = make([]Route, 1) }, "subnet-app", "destination"},
		{"subnet without range", func(c *Config) { c.VPCs[2].Subnets[0].CIDRs = nil }, "subnet-c", "no range"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := example()
			tt.break_(&cfg)
			problems := Lower(cfg).Problems()
			if !slices.ContainsFunc(problems, func(p Problem) bool {
				return p.ID == tt.id && strings.Contains(p.Err.Error(), tt.text)
			}) {
				t.Errorf("problems %v, want one of %s saying %q", problems, tt.id, tt.text)
			}
		})
	}
}

// Nothing in a Config, however broken, keeps the rest from being worked out.
func TestLowerOfNothings(t *testing.T) {
	cfg := example()
	cfg.LatticePrefixes = append(cfg.LatticePrefixes, netip.Prefix{})
	cfg.Peerings = append([]*Peering{{}}, cfg.Peerings...)
	zero := &VPC{
		ID: "vpc-zero", CIDRs: make([]netip.Prefix, 1), Lattice: LatticeAssociated, LatticeGroups: []string{""}, Resolvers: make([]netip.Addr, 1),
		Subnets: []Subnet{{}, {ACL: &NetworkACL{Ingress: make([]ACLEntry, 1)}}}, Interfaces: make([]Interface, 2),
		SecurityGroups: []SecurityGroup{{Ingress: []Rule{{}, {CIDRs: make([]netip.Prefix, 1), Groups: []string{""}}}}},
	}
	cfg.VPCs = append(append([]*VPC{{}}, cfg.VPCs...), zero)
	layout := Lower(cfg)
	if len(layout.Problems()) == 0 {
		t.Error("no problems")
	}
	for _, want := range Lower(example()).Parts {
		got := ordered.Find(layout.Parts, (*Part).Key, want.ID)
		if diff := cmp.Diff(Layout{Parts: []*Part{want}}.String(), Layout{Parts: []*Part{got}}.String()); got == nil || diff != "" {
			t.Errorf("%s is not what it is without the broken ones:\n%s", want.ID, diff)
		}
	}
	if e := Explain(cfg, Flow{}); e.Open || e.Reason == "" {
		t.Errorf("a flow from nowhere: %+v", e)
	}
}

func TestParseMAC(t *testing.T) {
	if m, ok := ParseMAC("02:0A:00:00:08:05"); !ok || m != (MAC{2, 10, 0, 0, 8, 5}) {
		t.Errorf("%v, %v", m, ok)
	}
	for _, s := range []string{"", "02", "020a00000805", "02:0a:00:00:08:0", "02:0a:00:00:08:05:06", "zz:0a:00:00:08:05", ":02:0a:00:00:08:05"} {
		if m, ok := ParseMAC(s); ok {
			t.Errorf("%q was read as %v", s, m)
		}
	}
}
