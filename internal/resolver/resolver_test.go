package resolver

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	service  = "directory-0123456789abcdefg.7d67968.vpc-lattice-svcs.us-east-1.on.aws"
	balancer = "internal-directory-1234567890.us-east-1.elb.amazonaws.com"
)

func addrs(list ...string) []netip.Addr {
	var out []netip.Addr
	for _, s := range list {
		out = append(out, netip.MustParseAddr(s))
	}
	return out
}

// vpc is a VPC with one interface of each kind at base.8.5 and base.8.6.
func vpc(id string, base int, change func(*VPC)) *VPC {
	v := &VPC{
		ID:               id,
		Listen:           addrs(fmt.Sprintf("10.%d.0.2", base), "169.254.169.253"),
		EnableDNSSupport: true, EnableDNSHostnames: true,
		Interfaces: []Interface{
			{PrivateName: fmt.Sprintf("ip-10-%d-8-5.ec2.internal", base), Private: netip.AddrFrom4([4]byte{10, byte(base), 8, 5})},
			{
				PrivateName: fmt.Sprintf("ip-10-%d-8-6.ec2.internal", base), Private: netip.AddrFrom4([4]byte{10, byte(base), 8, 6}),
				PublicName: fmt.Sprintf("ec2-203-0-113-%d.compute-1.amazonaws.com", base), Public: netip.AddrFrom4([4]byte{203, 0, 113, byte(base)}),
			},
		},
	}
	if change != nil {
		change(v)
	}
	return v
}

func world() Desired {
	return Desired{
		Public: []*Host{
			{Name: service, Addrs: addrs("169.254.171.33", "fd00:ec2:80::a9fe:ab21")},
			{Name: balancer, Addrs: addrs("10.0.8.9", "10.0.12.9")},
		},
		VPCs: []*VPC{
			vpc("a", 0, func(v *VPC) {
				v.Peers = []string{"b", "gone", "nohost", "a"}
				v.Aliases = []Alias{
					{"directory.corp.example", service},
					{"www.corp.example", "Directory.Corp.Example."},
					{"dangling.corp.example", "nowhere.example"},
					{"loop-1.corp.example", "loop-2.corp.example"},
					{"loop-2.corp.example", "loop-1.corp.example"},
				}
			}),
			vpc("b", 1, nil),
			vpc("nohost", 2, func(v *VPC) { v.EnableDNSHostnames = false; v.Peers = []string{"b"} }),
			vpc("nodns", 3, func(v *VPC) { v.EnableDNSSupport = false }),
			vpc("west", 4, func(v *VPC) {
				v.Interfaces = []Interface{
					{PrivateName: "ip-10-4-0-9.us-west-2.compute.internal", Private: netip.MustParseAddr("10.4.0.9")},
					{PrivateName: "i-0abc.us-west-2.compute.internal", Private: netip.MustParseAddr("2001:db8::9")},
				}
			}),
		},
	}
}

// render writes an answer on one line: "name>target address ... | status zone".
func render(a Answer) string {
	var parts []string
	for _, r := range a.Records {
		switch r.Type {
		case A, AAAA:
			parts = append(parts, r.Name+"="+r.Addr.String())
		case CNAME:
			parts = append(parts, r.Name+">"+r.Target)
		case PTR:
			parts = append(parts, r.Name+"~"+r.Target)
		}
	}
	status := map[Status]string{Found: "found", NoSuchName: "no such name", Silent: "silent", Loop: "loop"}[a.Status]
	return strings.TrimSpace(fmt.Sprintf("%s | %s %s", strings.Join(parts, " "), status, a.Zone))
}

func TestLookup(t *testing.T) {
	zones := Compile(world())
	const (
		lattice = " | found 7d67968.vpc-lattice-svcs.us-east-1.on.aws."
		elb     = " | found us-east-1.elb.amazonaws.com."
		ec2     = " | found ec2.internal."
		compute = " | found compute-1.amazonaws.com."
		reverse = " | found in-addr.arpa."
	)
	tests := []struct {
		why, vpc, name string
		typ            Type
		want           string
	}{
		{"a Lattice name, IPv4", "a", service + ".", A, service + ".=169.254.171.33" + lattice},
		{"without the final dot", "a", service, A, service + ".=169.254.171.33" + lattice},
		{"a Lattice name, IPv6", "a", service + ".", AAAA, service + ".=fd00:ec2:80::a9fe:ab21" + lattice},
		{"the same in a VPC of another kind", "nohost", service + ".", A, service + ".=169.254.171.33" + lattice},
		{"letter case is kept", "b", "Directory-0123456789ABCDEFG.7d67968.vpc-lattice-svcs.us-east-1.on.AWS.", A,
			"Directory-0123456789ABCDEFG.7d67968.vpc-lattice-svcs.us-east-1.on.AWS.=169.254.171.33" + lattice},
		{"a name with no such type", "a", service + ".", PTR, "| found 7d67968.vpc-lattice-svcs.us-east-1.on.aws."},
		{"a type unheard of", "a", service + ".", Type(65), "| found 7d67968.vpc-lattice-svcs.us-east-1.on.aws."},
		{"an internal load balancer, in its VPC", "a", balancer + ".", A, balancer + ".=10.0.8.9 " + balancer + ".=10.0.12.9" + elb},
		{"and from anywhere", "west", balancer + ".", A, balancer + ".=10.0.8.9 " + balancer + ".=10.0.12.9" + elb},
		{"with IPv4 only", "west", balancer + ".", AAAA, "| found us-east-1.elb.amazonaws.com."},
		{"a zone's own name has no address", "a", "us-east-1.elb.amazonaws.com.", A, "| found us-east-1.elb.amazonaws.com."},
		{"nor has a name between", "a", "amazonaws.com.", A, "| found ."},
		{"nor the root", "a", ".", A, "| found ."},
		{"an empty name is the root", "a", "", A, "| found ."},
		{"a stranger in a known zone", "a", "other.7d67968.vpc-lattice-svcs.us-east-1.on.aws.", A,
			"| no such name 7d67968.vpc-lattice-svcs.us-east-1.on.aws."},
		{"below a host", "a", "x." + service + ".", A, "| no such name 7d67968.vpc-lattice-svcs.us-east-1.on.aws."},
		{"a stranger", "a", "www.example.com.", A, "| no such name ."},
		{"a dot inside a label", "a", `directory\.0123456789abcdefg.7d67968.vpc-lattice-svcs.us-east-1.on.aws.`, A,
			"| no such name 7d67968.vpc-lattice-svcs.us-east-1.on.aws."},

		{"a private name in its VPC", "a", "ip-10-0-8-5.ec2.internal.", A, "ip-10-0-8-5.ec2.internal.=10.0.8.5" + ec2},
		{"of another region", "west", "ip-10-4-0-9.us-west-2.compute.internal.", A,
			"ip-10-4-0-9.us-west-2.compute.internal.=10.4.0.9 | found us-west-2.compute.internal."},
		{"with IPv6", "west", "i-0abc.us-west-2.compute.internal.", AAAA,
			"i-0abc.us-west-2.compute.internal.=2001:db8::9 | found us-west-2.compute.internal."},
		{"a peering carries no private name", "a", "ip-10-1-8-5.ec2.internal.", A, "| no such name ec2.internal."},
		{"nor does a stranger's VPC", "west", "ip-10-0-8-5.ec2.internal.", A, "| no such name ."},
		{"no private names without hostnames", "nohost", "ip-10-2-8-5.ec2.internal.", A, "| no such name ."},

		{"a public name in its VPC is private", "b", "ec2-203-0-113-1.compute-1.amazonaws.com.", A,
			"ec2-203-0-113-1.compute-1.amazonaws.com.=10.1.8.6" + compute},
		{"and in a peer that is let in", "a", "ec2-203-0-113-1.compute-1.amazonaws.com.", A,
			"ec2-203-0-113-1.compute-1.amazonaws.com.=10.1.8.6" + compute},
		{"but public in a peer that is not", "b", "ec2-203-0-113-0.compute-1.amazonaws.com.", A,
			"ec2-203-0-113-0.compute-1.amazonaws.com.=203.0.113.0" + compute},
		{"and in a peer without hostnames", "nohost", "ec2-203-0-113-1.compute-1.amazonaws.com.", A,
			"ec2-203-0-113-1.compute-1.amazonaws.com.=203.0.113.1" + compute},
		{"and anywhere else", "west", "ec2-203-0-113-1.compute-1.amazonaws.com.", A,
			"ec2-203-0-113-1.compute-1.amazonaws.com.=203.0.113.1" + compute},
		{"no public name without hostnames", "a", "ec2-203-0-113-2.compute-1.amazonaws.com.", A, "| no such name compute-1.amazonaws.com."},
		{"nor without DNS", "a", "ec2-203-0-113-3.compute-1.amazonaws.com.", A, "| no such name compute-1.amazonaws.com."},

		{"reverse in its VPC", "a", "5.8.0.10.in-addr.arpa.", PTR, "5.8.0.10.in-addr.arpa.~ip-10-0-8-5.ec2.internal." + reverse},
		{"reverse in a peer that is let in", "a", "5.8.1.10.IN-ADDR.arpa.", PTR, "5.8.1.10.IN-ADDR.arpa.~ip-10-1-8-5.ec2.internal." + reverse},
		{"not in a peer that is not", "b", "5.8.0.10.in-addr.arpa.", PTR, "| no such name in-addr.arpa."},
		{"reverse of nothing", "a", "7.8.0.10.in-addr.arpa.", PTR, "| no such name in-addr.arpa."},
		{"a reverse name between", "a", "8.0.10.in-addr.arpa.", PTR, "| found in-addr.arpa."},
		{"reverse, IPv6", "west", "9.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.", PTR,
			"9.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.~i-0abc.us-west-2.compute.internal. | found ip6.arpa."},

		{"an alias into the public zone", "a", "directory.corp.example.", A,
			"directory.corp.example.>" + service + ". " + service + ".=169.254.171.33" + lattice},
		{"a chain keeps the first name's case", "a", "WWW.corp.example.", AAAA,
			"WWW.corp.example.>directory.corp.example. directory.corp.example.>" + service + ". " + service + ".=fd00:ec2:80::a9fe:ab21" + lattice},
		{"the alias itself", "a", "www.corp.example.", CNAME, "www.corp.example.>directory.corp.example. | found corp.example."},
		{"to nowhere", "a", "dangling.corp.example.", A, "dangling.corp.example.>nowhere.example. | no such name ."},
		{"in a circle", "a", "loop-1.corp.example.", A, "| loop corp.example."},
		{"another VPC's alias", "b", "www.corp.example.", A, "| no such name ."},

		{"a VPC without DNS", "nodns", service + ".", A, "| silent"},
		{"a VPC unknown", "none", service + ".", A, "| silent"},
	}
	for _, test := range tests {
		t.Run(test.why, func(t *testing.T) {
			if diff := cmp.Diff(test.want, strings.TrimSpace(render(zones.View(test.vpc).Lookup(test.name, test.typ)))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestNoZonesAreSilent(t *testing.T) {
	var zones *Zones
	if got := zones.View("a").Lookup(service, A).Status; got != Silent {
		t.Errorf("status %v, want silent", got)
	}
	for l := range zones.Since(nil) {
		t.Errorf("listens in %q", l.VPC)
	}
}

func TestAddressesOfANamePoolWithoutRepeats(t *testing.T) {
	zones := Compile(Desired{
		Public: []*Host{
			{Name: "x.example", Addrs: addrs("10.0.0.1", "::ffff:10.0.0.1")},
			{Name: "X.example.", Addrs: addrs("10.0.0.2", "10.0.0.1")},
		},
		VPCs: []*VPC{{ID: "a", EnableDNSSupport: true}},
	})
	want := "x.example.=10.0.0.1 x.example.=10.0.0.2 | found example."
	if got := render(zones.View("a").Lookup("x.example", A)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestZonesDoNotShareMemoryWithDesired(t *testing.T) {
	d := world()
	zones := Compile(d)
	d.VPCs[0].Listen[0] = netip.MustParseAddr("192.0.2.1")
	d.Public[0].Addrs[0] = netip.MustParseAddr("192.0.2.1")
	for l := range zones.Since(nil) {
		if slices.Contains(l.Addrs, netip.MustParseAddr("192.0.2.1")) {
			t.Errorf("VPC %s listens at an address written after Compile", l.VPC)
		}
	}
	if got := zones.View("a").Lookup(service, A).Records[0].Addr; got != netip.MustParseAddr("169.254.171.33") {
		t.Errorf("answer %v was written after Compile", got)
	}
}

func TestAddresses(t *testing.T) {
	tests := map[string][]netip.Addr{
		"10.0.0.0/16":    addrs("10.0.0.2", "169.254.169.253"),
		"10.0.99.7/16":   addrs("10.0.0.2", "169.254.169.253"),
		"192.168.2.0/23": addrs("192.168.2.2", "169.254.169.253"),
		"10.0.0.0/31":    addrs("169.254.169.253"),
		"2001:db8::/56":  addrs("169.254.169.253"),
	}
	for cidr, want := range tests {
		if diff := cmp.Diff(want, Addresses(netip.MustParsePrefix(cidr)), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
			t.Errorf("%s: %s", cidr, diff)
		}
	}
	if got := Addresses(netip.Prefix{}); len(got) != 1 {
		t.Errorf("no CIDR: %v", got)
	}
}

func BenchmarkCompile(b *testing.B) {
	d := Desired{}
	for i := range 2000 {
		d.Public = append(d.Public, &Host{
			Name:  fmt.Sprintf("service-%d.7d67968.vpc-lattice-svcs.us-east-1.on.aws", i),
			Addrs: addrs("169.254.171.33", "fd00:ec2:80::a9fe:ab21"),
		})
	}
	for i := range 300 {
		d.VPCs = append(d.VPCs, vpc(fmt.Sprint(i), i%256, nil))
	}
	b.ReportAllocs()
	for b.Loop() {
		Compile(d)
	}
}

func BenchmarkLookup(b *testing.B) {
	view := Compile(world()).View("a")
	b.ReportAllocs()
	for b.Loop() {
		view.Lookup(service+".", A)
	}
}
