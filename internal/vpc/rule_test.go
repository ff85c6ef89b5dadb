package vpc

import "testing"

func TestNormalProtocol(t *testing.T) {
	for in, want := range map[string]string{"-1": "-1", "all": "-1", "6": "tcp", "TCP": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6", "icmpv6": "icmpv6",
		"47": "47", "047": "47", "0": "0", "255": "255", "256": "", "-2": "", "": "", "+6": "", "sctp": ""} {
		got, err := NormalProtocol(in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v, want %q", in, got, err, want)
		}
	}
}

func TestSetPorts(t *testing.T) {
	n := func(v int32) *int32 { return &v }
	for _, tc := range []struct {
		protocol         string
		from, to         *int32
		wantFrom, wantTo int32
		ok               bool
	}{
		{"tcp", n(80), n(443), 80, 443, true},
		{"tcp", n(0), n(65535), 0, 65535, true},
		{"tcp", n(-1), n(-1), 0, 0, false},
		{"udp", n(2), n(1), 0, 0, false},
		{"udp", n(1), nil, 0, 0, false},
		{"icmp", nil, nil, -1, -1, true},
		{"icmp", n(8), n(-1), 8, -1, true},
		{"icmp", n(8), nil, 8, -1, true},
		{"icmpv6", n(256), n(0), 0, 0, false},
		{"icmp", n(-1), n(0), 0, 0, false},
		{"-1", n(80), n(80), -1, -1, true},
		{"47", n(1), n(2), -1, -1, true},
	} {
		r := Rule{Protocol: tc.protocol}
		err := r.SetPorts(tc.from, tc.to)
		if (err == nil) != tc.ok || err == nil && (r.FromPort != tc.wantFrom || r.ToPort != tc.wantTo) {
			t.Errorf("%s: %d to %d, %v; want %d to %d, %t", tc.protocol, r.FromPort, r.ToPort, err, tc.wantFrom, tc.wantTo, tc.ok)
		}
	}
}
