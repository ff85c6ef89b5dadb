package vpc

import (
	"net/netip"
	"testing"

	"trellis/internal/fault"
)

func TestCheckSecondary(t *testing.T) {
	for _, tc := range []struct {
		primary, block string
		ok             bool
	}{
		{"10.0.0.0/16", "10.1.0.0/16", true},
		{"10.0.0.0/16", "10.0.128.0/17", false},
		{"10.0.0.0/16", "172.16.0.0/16", false},
		{"10.0.0.0/16", "192.168.0.0/16", false},
		{"10.0.0.0/16", "198.19.0.0/16", false},
		{"10.0.0.0/16", "100.64.0.0/16", true},
		{"10.0.0.0/16", "8.8.0.0/16", true},
		{"10.0.0.0/16", "10.1.0.0/15", false},
		{"172.31.0.0/16", "172.16.0.0/16", true},
		{"192.168.0.0/16", "10.0.0.0/16", false},
		{"100.64.0.0/16", "10.0.0.0/16", false},
		{"100.64.0.0/16", "100.65.0.0/16", true},
		{"8.8.0.0/16", "10.0.0.0/16", false},
		{"8.8.0.0/16", "9.9.0.0/16", true},
	} {
		v := &VPC{ID: "vpc-1", CIDRs: []CIDRBlock{{Prefix: netip.MustParsePrefix(tc.primary)}}}
		if err := v.CheckSecondary(netip.MustParsePrefix(tc.block)); (err == nil) != tc.ok {
			t.Errorf("%s beside %s: %v", tc.block, tc.primary, err)
		}
	}
}

func TestSubnetAddresses(t *testing.T) {
	s := &Subnet{ID: "subnet-1", CIDR: netip.MustParsePrefix("10.0.0.0/28")}
	taken := map[netip.Addr]bool{}
	for range s.Usable() {
		a, err := Allocate(s, func(a netip.Addr) bool { return taken[a] })
		if err != nil || taken[a] || Reserved(s.CIDR, a) {
			t.Fatalf("address %s: %v", a, err)
		}
		taken[a] = true
	}
	if _, err := Allocate(s, func(a netip.Addr) bool { return taken[a] }); !fault.Is(err, fault.Quota) {
		t.Errorf("a full subnet answers %v", err)
	}
}

func TestNames(t *testing.T) {
	a := netip.MustParseAddr("10.0.0.5")
	for region, want := range map[string]string{"us-east-1": "ip-10-0-0-5.ec2.internal", "eu-west-1": "ip-10-0-0-5.eu-west-1.compute.internal"} {
		if got := Name(a, region); got != want {
			t.Errorf("%s: %s", region, got)
		}
	}
	for region, want := range map[string]string{"us-east-1": "use1", "eu-west-1": "euw1", "ap-southeast-2": "apse2", "ap-northeast-1": "apne1",
		"ap-south-1": "aps1", "us-gov-west-1": "usgw1", "ca-central-1": "cac1", "me-south-1": "mes1", "ap-east-1": "ape1"} {
		if got := ShortRegion(region); got != want {
			t.Errorf("%s: %s, want %s", region, got, want)
		}
	}
}

func FuzzParseBlock(f *testing.F) {
	for _, s := range []string{"10.0.0.0/16", "10.0.0.1/33", "::/0", "", "10.0.0.0/-1", "::ffff:10.0.0.0/120"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParseBlock(s, "cidrBlock")
		if err != nil {
			return
		}
		again, err := ParseBlock(p.String(), "cidrBlock")
		if err != nil || again != p || !p.Addr().Is4() || p.Masked() != p {
			t.Errorf("%q gave %s, which gave %s, %v", s, p, again, err)
		}
	})
}
