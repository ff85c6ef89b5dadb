package plan_test

import (
	"log/slog"
	"net/netip"
	"slices"
	"testing"
	"time"

	"trellis/internal/balancer"
	"trellis/internal/lattice"
	"trellis/internal/plan"
	"trellis/internal/proxy"
	"trellis/internal/state"
	"trellis/internal/store/mem"
	"trellis/internal/substrate"
	"trellis/internal/vpc"
)

type open struct{}

func (open) Seal(b []byte) []byte          { return b }
func (open) Open(b []byte) ([]byte, error) { return b, nil }

const region = "us-east-1"

func owner(account string) vpc.Owner { return vpc.Owner{Account: account, Region: region} }

// zone is a small landing zone: a shared account with the main VPC, an ALB and a service in one network, and a blue
// account whose VPC is associated with it; main and peer are peered.
func zone(t *testing.T, change func(*state.Tx)) *state.Snapshot {
	t.Helper()
	s := mem.New()
	v, err := state.Open(t.Context(), s, open{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		v.Close()
		_ = s.Close()
	})
	err = v.Update(t.Context(), func(tx *state.Tx) error {
		addVPC(tx, "111111111111", "main", "10.0.0.0/16", vpc.Route{Destination: netip.MustParsePrefix("192.168.0.0/23"), Peering: "pcx-1"})
		addVPC(tx, "111111111111", "peer", "192.168.0.0/23")
		addVPC(tx, "222222222222", "blue", "10.0.0.0/16")
		state.Peerings.Put(tx, &vpc.Peering{Owner: owner("111111111111"), ID: "pcx-1", Status: "active",
			Requester: vpc.PeerSide{Owner: owner("111111111111"), VPC: "vpc-main"}, Accepter: vpc.PeerSide{Owner: owner("111111111111"), VPC: "vpc-peer", RemoteDNS: true}})
		state.Interfaces.Put(tx, &vpc.NetworkInterface{Owner: owner("111111111111"), ID: "eni-alb", MAC: "02:0b:0a:00:00:0a", VPC: "vpc-main", Subnet: "subnet-main",
			Addr: netip.MustParseAddr("10.0.0.10"), Groups: []string{"sg-main"}, Type: vpc.PlainInterface, User: "alb"})
		state.Interfaces.Put(tx, &vpc.NetworkInterface{Owner: owner("111111111111"), ID: "eni-reserved", VPC: "vpc-main", Subnet: "subnet-main",
			Addr: netip.MustParseAddr("10.0.0.11"), Type: vpc.PlainInterface})
		lb := &balancer.LoadBalancer{Owner: owner("111111111111"), Name: "alb", ID: "0123456789abcdef", Scheme: "internal", VPC: "vpc-main", Interfaces: []string{"eni-alb"},
			Attributes: map[string]string{"idle_timeout.timeout_seconds": "120"}}
		state.LoadBalancers.Put(tx, lb)
		meta := func(id, name string) lattice.Meta {
			return lattice.Meta{Owner: owner("111111111111"), ID: id, Name: name, Created: time.Unix(0, 0)}
		}
		state.TargetGroups.Put(tx, &lattice.TargetGroup{Meta: meta("tg-1", "tg"), Type: lattice.TypeALB, VPC: "vpc-main", Port: 80, Protocol: "HTTP"})
		state.Targets.Put(tx, &lattice.Target{Owner: owner("111111111111"), TargetGroup: "tg-1", ID: lb.ARN(), Port: 80})
		state.Services.Put(tx, &lattice.Service{Meta: meta("svc-0123456789abcdefg", "directory"), AuthType: lattice.AuthIAM, IdleTimeout: 90})
		state.AuthPolicies.Put(tx, &lattice.AuthPolicy{Resource: "svc-0123456789abcdefg", Document: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}`})
		state.Listeners.Put(tx, &lattice.Listener{Meta: meta("listener-1", "l"), Service: "svc-0123456789abcdefg", Protocol: "HTTP", Port: 80,
			Default: lattice.Action{Forward: []lattice.Weighted{{TargetGroup: "tg-1", Weight: 100}}}})
		state.Networks.Put(tx, &lattice.Network{Meta: meta("sn-1", "blue-net"), AuthType: lattice.AuthNone})
		state.NetworkServices.Put(tx, &lattice.NetworkService{Meta: meta("snsa-1", ""), Network: "sn-1", Service: "svc-0123456789abcdefg"})
		state.NetworkVPCs.Put(tx, &lattice.NetworkVPC{Meta: lattice.Meta{Owner: owner("222222222222"), ID: "snva-1"}, Network: "sn-1", VPC: "vpc-blue", SecurityGroups: []string{"sg-blue"}})
		if change != nil {
			change(tx)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return v.Snapshot()
}

func addVPC(tx *state.Tx, account, name, cidr string, routes ...vpc.Route) {
	prefix := netip.MustParsePrefix(cidr)
	state.VPCs.Put(tx, &vpc.VPC{Owner: owner(account), ID: "vpc-" + name, CIDRs: []vpc.CIDRBlock{{Prefix: prefix}}, DNSSupport: true, DNSHostnames: true, DefaultSecurityGroupID: "sg-" + name})
	state.Subnets.Put(tx, &vpc.Subnet{Owner: owner(account), ID: "subnet-" + name, VPC: "vpc-" + name, CIDR: netip.PrefixFrom(prefix.Addr(), 24)})
	state.RouteTables.Put(tx, &vpc.RouteTable{Owner: owner(account), ID: "rtb-" + name, VPC: "vpc-" + name, Associations: []vpc.TableAssociation{{Main: true}}, Routes: routes})
	any4 := netip.MustParsePrefix("0.0.0.0/0")
	state.SecurityGroups.Put(tx, &vpc.SecurityGroup{Owner: owner(account), ID: "sg-" + name, VPC: "vpc-" + name,
		Rules: []vpc.Rule{{ID: "sgr-1", Protocol: "-1", CIDR: any4}, {ID: "sgr-2", Egress: true, Protocol: "-1", CIDR: any4}}})
}

func network(h plan.Host, id string) substrate.VPC {
	for _, v := range h.Network.VPCs {
		if v.ID == id {
			return *v
		}
	}
	return substrate.VPC{}
}

func TestCompile(t *testing.T) {
	h := plan.New().Compile(zone(t, nil))
	if len(h.Problems) != 0 {
		t.Errorf("problems: %v", h.Problems)
	}
	for id, want := range map[string]substrate.LatticeMode{"vpc-main": substrate.LatticeTargets, "vpc-peer": substrate.LatticeNone, "vpc-blue": substrate.LatticeAssociated} {
		if got := network(h, id).Lattice; got != want {
			t.Errorf("%s: Lattice mode %d, want %d", id, got, want)
		}
	}
	routes := network(h, "vpc-main").Subnets[0].Routes
	if len(routes) != 2 || routes[0].Via != substrate.ViaLocal || routes[1].Via != substrate.ViaPeering || routes[1].Target != "pcx-1" {
		t.Errorf("routes of vpc-main: %+v", routes)
	}
	layout := substrate.Lower(h.Network)
	found := false
	for _, p := range layout.Parts {
		found = found || slices.ContainsFunc(p.Links, func(l substrate.Link) bool { return l.Owner == "eni-alb" && l.B.MAC.String() == "02:0b:0a:00:00:0a" })
	}
	if !found {
		t.Error("the interface does not have the address that the API shows")
	}
	if problems := layout.Problems(); len(problems) != 0 {
		t.Errorf("the network has problems: %v", problems)
	}
	if len(h.Proxy.VPCs) != 1 || h.Proxy.VPCs[0].Owner != "222222222222" || len(h.Proxy.VPCs[0].Bindings) != 2 {
		t.Fatalf("proxied VPCs: %+v", h.Proxy.VPCs)
	}
	svc := h.Proxy.VPCs[0].Network.Services[0]
	if svc.Idle != 90*time.Second || h.Proxy.LoadBalancers[0].Idle != 2*time.Minute {
		t.Errorf("idle times: %v, %v", svc.Idle, h.Proxy.LoadBalancers[0].Idle)
	}
	if svc.Auth.Policy == nil || svc.Auth.Type != proxy.AuthIAM {
		t.Errorf("auth: %+v", svc.Auth)
	}
	target := svc.Listeners[0].Default.Groups[0].Group.Targets[0]
	if target.Addr.String() != "10.0.0.10:80" || target.Namespace != "vpc-main" || !lattice.RangeV4.Contains(target.Source) {
		t.Errorf("target: %+v", target)
	}
	if len(h.Proxy.LoadBalancers) != 1 || h.Proxy.LoadBalancers[0].Nodes[0].Namespace != "eni-alb" {
		t.Errorf("load balancers: %+v", h.Proxy.LoadBalancers)
	}
}

func TestReservedAddressesAreNotRealised(t *testing.T) {
	for _, i := range network(plan.New().Compile(zone(t, nil)), "vpc-main").Interfaces {
		if i.ID == "eni-reserved" {
			t.Error("an interface that nothing uses is realised")
		}
	}
}

func TestNetworkACL(t *testing.T) {
	acl := vpc.NewDefaultACL(owner("111111111111"), "vpc-main")
	with := func(change func(*vpc.NetworkACL)) *substrate.NetworkACL {
		h := plan.New().Compile(zone(t, func(tx *state.Tx) {
			one := *acl
			one.Entries = append([]vpc.ACLEntry{}, acl.Entries...)
			change(&one)
			state.NetworkACLs.Put(tx, &one)
			s, _ := state.Subnets.Get(tx, "subnet-main")
			s.NetworkACLID = one.ID
			state.Subnets.Put(tx, s)
		}))
		return network(h, "vpc-main").Subnets[0].ACL
	}
	if got := with(func(*vpc.NetworkACL) {}); got != nil {
		t.Errorf("an ACL that lets everything pass became %+v", got)
	}
	got := with(func(a *vpc.NetworkACL) {
		a.Entries = append(a.Entries, vpc.ACLEntry{Number: 50, Protocol: "tcp", FromPort: 80, ToPort: 81, CIDR: netip.MustParsePrefix("10.0.0.0/8")})
	})
	if got == nil || len(got.Ingress) != 2 || got.Ingress[0].Number != 50 || got.Ingress[0].Allow || got.Ingress[0].To != 81 || len(got.Egress) != 1 {
		t.Errorf("ACL with a deny: %+v", got)
	}
}

func TestRouteOverDeletedPeeringIsABlackhole(t *testing.T) {
	h := plan.New().Compile(zone(t, func(tx *state.Tx) {
		p, _ := state.Peerings.Get(tx, "pcx-1")
		p.Status = "deleted"
		state.Peerings.Put(tx, p)
	}))
	if r := network(h, "vpc-main").Subnets[0].Routes[1]; r.Via != substrate.ViaBlackhole {
		t.Errorf("route: %+v", r)
	}
	if len(h.Network.Peerings) != 0 {
		t.Errorf("peerings: %+v", h.Network.Peerings)
	}
}

func TestDeletingIsNotRealised(t *testing.T) {
	h := plan.New().Compile(zone(t, func(tx *state.Tx) {
		a, _ := state.NetworkVPCs.Get(tx, "snva-1")
		a.Deleting = true
		state.NetworkVPCs.Put(tx, a)
	}))
	if len(h.Proxy.VPCs) != 0 || network(h, "vpc-blue").Lattice != substrate.LatticeNone {
		t.Errorf("a deleted association is realised: %+v", h.Proxy.VPCs)
	}
}

func TestTrace(t *testing.T) {
	var domain string
	s := zone(t, nil)
	for svc := range state.Services.All(s) {
		domain = svc.Domain()
	}
	tests := []struct {
		name, subnet, to string
		open             bool
		resource         string
	}{
		{"associated", "subnet-blue", domain, true, "snva-1"},
		{"not associated", "subnet-main", domain, false, "vpc-main"},
		{"balancer", "subnet-main", "10.0.0.10", true, ""},
		{"no route", "subnet-blue", "192.168.0.9", false, "rtb-blue"},
		{"nobody there", "subnet-blue", "10.0.0.10", false, "vpc-blue"},
		{"no way there", "subnet-peer", "10.0.0.10", false, "rtb-peer"},
		{"unknown name", "subnet-blue", "nowhere.example", false, "vpc-blue"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := plan.Trace(s, plan.Origin{Subnet: tt.subnet}, tt.to, 80)
			if got.Open != tt.open || got.Resource != tt.resource || got.Text == "" {
				t.Errorf("%+v, want open %v and %q", got, tt.open, tt.resource)
			}
		})
	}
}
