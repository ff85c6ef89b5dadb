package linux

import (
	"net/netip"
	"testing"

	"trellis/internal/substrate"
)

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

func anyAny(id string) substrate.SecurityGroup {
	all := []substrate.Rule{{ID: "all", Protocol: substrate.AllProtocols, CIDRs: prefixes("0.0.0.0/0", "::/0")}}
	return substrate.SecurityGroup{ID: id, Ingress: all, Egress: all}
}

func tcpFrom(id string, port int, cidrs []netip.Prefix, groups ...string) substrate.SecurityGroup {
	return substrate.SecurityGroup{
		ID:      id,
		Egress:  anyAny("").Egress,
		Ingress: []substrate.Rule{{ID: id + "-in", Protocol: 6, From: port, To: port, CIDRs: cidrs, Groups: groups}},
	}
}

func iface(id, subnet, group string, addresses ...string) substrate.Interface {
	return substrate.Interface{ID: id, Subnet: subnet, Addresses: addrs(addresses...), SecurityGroups: []string{group}}
}

func over(peering, cidr string) substrate.Route {
	return substrate.Route{Destination: netip.MustParsePrefix(cidr), Via: substrate.ViaPeering, Target: peering}
}

var latticePrefixes = prefixes("169.254.171.0/24", "fd00:ec2:80::/64")

// oneVPC has two interfaces in two subnets.
func oneVPC() substrate.VPC {
	return substrate.VPC{
		ID: "vpc-a", CIDRs: prefixes("10.0.0.0/16"), Resolvers: addrs("10.0.0.2", "169.254.169.253"),
		Subnets: []substrate.Subnet{{ID: "subnet-1", CIDRs: prefixes("10.0.1.0/24")}, {ID: "subnet-2", CIDRs: prefixes("10.0.2.0/24")}},
		Interfaces: []substrate.Interface{
			iface("eni-1", "subnet-1", "sg-client", "10.0.1.10"),
			iface("eni-2", "subnet-2", "sg-server", "10.0.2.10"),
		},
		SecurityGroups: []substrate.SecurityGroup{anyAny("sg-client"), tcpFrom("sg-server", 80, nil, "sg-client")},
	}
}

func TestPrivilegedSecurityGroups(t *testing.T) {
	h := newHost(t)
	cfg := substrate.Config{LatticePrefixes: latticePrefixes, VPCs: []substrate.VPC{oneVPC()}}
	apply(t, h, cfg)
	server := namespace(t, h, "eni-2")
	serve(t, server, "10.0.2.10:80", "web")
	serve(t, server, "10.0.2.10:81", "admin")
	wantAnswer(t, h, "eni-1", "10.0.2.10:80", "web 10.0.1.10")
	wantAnswer(t, h, "eni-1", "10.0.2.10:81", "timeout")
	// Nobody there, and a port nobody listens on where it is allowed.
	wantAnswer(t, h, "eni-1", "10.0.2.99:80", "timeout")
	wantAnswer(t, h, "eni-1", "192.0.2.1:80", "timeout")
	if got := ask(server, "", "10.0.1.10:80"); got != "dial tcp 10.0.1.10:80: connect: connection refused" {
		t.Errorf("closed port of an open group: %q", got)
	}
}

// The state of the world of the landing zone in small: main peers with blue and
// green, whose ranges overlap with nothing, and other has main's range again.
func peered() substrate.Config {
	main := oneVPC()
	main.InternetGateway = "igw-a"
	main.Subnets = []substrate.Subnet{
		{ID: "subnet-1", CIDRs: prefixes("10.0.1.0/24"), Routes: []substrate.Route{over("pcx-blue", "10.1.0.0/16"), over("pcx-green", "10.2.0.0/16")}},
		{ID: "subnet-2", CIDRs: prefixes("10.0.2.0/24"), Routes: []substrate.Route{{Destination: netip.MustParsePrefix("0.0.0.0/0"), Via: substrate.ViaInternet}}},
	}
	main.SecurityGroups = []substrate.SecurityGroup{anyAny("sg-client"), anyAny("sg-server")}
	side := func(name, cidr, subnet, address string, routes ...substrate.Route) substrate.VPC {
		return substrate.VPC{
			ID: "vpc-" + name, CIDRs: prefixes(cidr),
			Subnets:        []substrate.Subnet{{ID: "subnet-" + name, CIDRs: prefixes(subnet), Routes: routes}},
			Interfaces:     []substrate.Interface{iface("eni-"+name, "subnet-"+name, "sg-"+name, address)},
			SecurityGroups: []substrate.SecurityGroup{anyAny("sg-" + name)},
		}
	}
	other := side("other", "10.0.0.0/16", "10.0.1.0/24", "10.0.1.10")
	return substrate.Config{
		LatticePrefixes: latticePrefixes,
		VPCs: []substrate.VPC{
			main,
			side("blue", "10.1.0.0/16", "10.1.1.0/24", "10.1.1.10", over("pcx-blue", "10.0.0.0/16"), over("pcx-blue", "10.2.0.0/16")),
			side("green", "10.2.0.0/16", "10.2.1.0/24", "10.2.1.10", over("pcx-green", "10.0.0.0/16"), over("pcx-green", "10.1.0.0/16")),
			other,
		},
		Peerings: []substrate.Peering{
			{ID: "pcx-blue", Requester: "vpc-a", Accepter: "vpc-blue"},
			{ID: "pcx-green", Requester: "vpc-green", Accepter: "vpc-a"},
		},
	}
}

func TestPrivilegedPeering(t *testing.T) {
	h := newHost(t)
	cfg := peered()
	apply(t, h, cfg)
	serve(t, namespace(t, h, "eni-1"), "10.0.1.10:80", "main")
	serve(t, namespace(t, h, "eni-2"), "10.0.2.10:80", "public")
	serve(t, namespace(t, h, "eni-blue"), "10.1.1.10:80", "blue")
	serve(t, namespace(t, h, "eni-green"), "10.2.1.10:80", "green")
	serve(t, namespace(t, h, "eni-other"), "10.0.1.10:80", "other")

	wantAnswer(t, h, "eni-1", "10.1.1.10:80", "blue 10.0.1.10")
	wantAnswer(t, h, "eni-blue", "10.0.1.10:80", "main 10.1.1.10")
	wantAnswer(t, h, "eni-green", "10.0.1.10:80", "main 10.2.1.10")
	// The same address means something else in a VPC of the same range.
	wantAnswer(t, h, "eni-other", "10.0.1.10:80", "other 10.0.1.10")
	wantAnswer(t, h, "eni-other", "10.1.1.10:80", "timeout")
	// Peering is not transitive, whatever the route tables of blue and green say.
	wantAnswer(t, h, "eni-blue", "10.2.1.10:80", "timeout")
	wantAnswer(t, h, "eni-green", "10.1.1.10:80", "timeout")
	// The public subnet receives, but has no way back.
	wantAnswer(t, h, "eni-blue", "10.0.2.10:80", "timeout")
	// No public address: what goes to the internet vanishes.
	wantAnswer(t, h, "eni-2", "192.0.2.1:80", "timeout")

	cfg.Peerings = cfg.Peerings[1:]
	cfg.VPCs[0].Subnets[0].Routes = cfg.VPCs[0].Subnets[0].Routes[1:]
	apply(t, h, cfg)
	wantAnswer(t, h, "eni-blue", "10.0.1.10:80", "timeout")
	wantAnswer(t, h, "eni-green", "10.0.1.10:80", "main 10.2.1.10")
}
