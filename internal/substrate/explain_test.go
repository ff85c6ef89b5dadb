package substrate

import (
	"net/netip"
	"testing"
)

func TestExplainNamesWhatDecides(t *testing.T) {
	const tcp = 6
	tests := []struct {
		name   string
		break_ func(*Config)
		flow   Flow
		reason string // empty: open
		id     string
	}{
		{"into a function", nil, Flow{From: "eni-web", Destination: netip.MustParseAddr("10.0.1.10"), Protocol: tcp, Port: 80}, DropIngress, "eni-fn"},
		{"to Lattice", nil, Flow{From: "eni-fn", Destination: netip.MustParseAddr("169.254.171.1"), Protocol: tcp, Port: 443}, "", ""},
		{"to Lattice on another port", nil, Flow{From: "eni-fn", Destination: netip.MustParseAddr("169.254.171.1"), Protocol: tcp, Port: 80}, DropLattice, "sg-lattice"},
		{"to Lattice without association", nil, Flow{From: "eni-b", Destination: netip.MustParseAddr("169.254.171.1"), Protocol: tcp, Port: 443}, DropNotAssociated, "vpc-b"},
		{"to Lattice without Lattice", nil, Flow{From: "eni-c", Destination: netip.MustParseAddr("169.254.171.1"), Protocol: tcp, Port: 443}, DropNotAssociated, "vpc-c"},
		{"DNS", nil, Flow{From: "eni-c", Destination: netip.MustParseAddr("10.0.0.2"), Protocol: 17, Port: 53}, "", ""},
		{"over a peering", nil, Flow{From: "eni-fn", Destination: netip.MustParseAddr("10.1.0.10"), Protocol: tcp, Port: 9}, "", ""},
		{"nobody there", nil, Flow{From: "eni-fn", Destination: netip.MustParseAddr("10.1.0.11"), Protocol: tcp, Port: 9}, DropNoHost, "vpc-b"},
		{"no route", nil, Flow{From: "eni-fn", Destination: netip.MustParseAddr("192.0.2.1"), Protocol: tcp, Port: 9}, DropNoRoute, "rtb-app"},
		{"peering gone", nil, Flow{From: "eni-web", Destination: netip.MustParseAddr("10.9.0.1"), Protocol: tcp, Port: 9}, DropNoRoute, "subnet-public"},
		{"no way back", func(c *Config) { c.VPCs[1].Subnets[0].RouteTable, c.VPCs[1].Subnets[0].Routes = "rtb-b", nil },
			Flow{From: "eni-fn", Destination: netip.MustParseAddr("10.1.0.10"), Protocol: tcp, Port: 9}, DropNoReturn, "rtb-b"},
		{"not transitive", func(c *Config) {
			c.VPCs[0].Subnets[0].Routes = append(c.VPCs[0].Subnets[0].Routes, Route{Destination: netip.MustParsePrefix("10.5.0.0/16"), Via: ViaPeering, Target: "pcx-ab"})
		}, Flow{From: "eni-fn", Destination: netip.MustParseAddr("10.5.0.1"), Protocol: tcp, Port: 9}, DropNoHost, "pcx-ab"},
		{"no public address", func(c *Config) { c.VPCs[0].Interfaces[0].Public = netip.Addr{} },
			Flow{From: "eni-web", Destination: netip.MustParseAddr("192.0.2.1"), Protocol: tcp, Port: 9}, DropNoPublic, "eni-web"},
		{"egress", func(c *Config) { c.VPCs[0].SecurityGroups[0].Egress = nil },
			Flow{From: "eni-fn", Destination: netip.MustParseAddr("10.1.0.10"), Protocol: tcp, Port: 9}, DropEgress, "sg-web"},
		{"ingress", func(c *Config) { c.VPCs[1].SecurityGroups[0].Ingress = nil },
			Flow{From: "eni-fn", Destination: netip.MustParseAddr("10.1.0.10"), Protocol: tcp, Port: 9}, DropIngress, "sg-b"},
		{"network ACL", func(c *Config) { c.VPCs[1].Subnets[0].ACL = &NetworkACL{ID: "acl-b"} },
			Flow{From: "eni-fn", Destination: netip.MustParseAddr("10.1.0.10"), Protocol: tcp, Port: 9}, DropACL, "acl-b"},
		{"spoofed", nil, Flow{From: "eni-fn", Source: netip.MustParseAddr("10.0.1.11"), Destination: netip.MustParseAddr("10.1.0.10"), Protocol: tcp}, DropSpoofed, "eni-fn"},
		{"target of Lattice", nil, Flow{From: "vpc-b", Source: netip.MustParseAddr("169.254.171.1"), Destination: netip.MustParseAddr("10.1.0.10"), Protocol: tcp, Port: 80}, DropIngress, "sg-b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := example()
			cfg.VPCs[0].Subnets[0].RouteTable = "rtb-app"
			if tt.break_ != nil {
				tt.break_(&cfg)
			}
			e := Explain(cfg, tt.flow)
			if e.Open != (tt.reason == "") || e.Reason != tt.reason || e.Resource != tt.id || e.Text == "" {
				t.Errorf("got %+v, want %q of %s", e, tt.reason, tt.id)
			}
		})
	}
}
