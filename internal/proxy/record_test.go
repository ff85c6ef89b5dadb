package proxy

import (
	"encoding/json"
	"net/netip"
	"testing"
	"time"
)

// TestRecordEscapes holds that no request can break the JSON of its record.
func TestRecordEscapes(t *testing.T) {
	var c Record
	c.Begin(&Front{VPC: &VPC{ID: "vpc-1"}}, netip.MustParseAddrPort("10.0.0.1:5"), time.Unix(1722774088, 0))
	c.Describe(request(t, "GET /\"\\\xff HTTP/1.1\r\nHost: x\r\nUser-Agent: a\"b\tc\u00e9\r\n\r\n"), `i"d`)
	var w RecordWriter
	var m map[string]any
	if err := json.Unmarshal(w.Append(nil, &c), &m); err != nil {
		t.Fatal(err)
	}
	for k, want := range map[string]any{"requestPath": "/\"\\\ufffd", "userAgent": "a\"b\tc\u00e9", "requestId": `i"d`, "startTime": "2024-08-04T12:21:28Z", "serviceArn": "-", "sslCipher": "-"} {
		if m[k] != want {
			t.Errorf("%s is %q, want %q", k, m[k], want)
		}
	}
	if len(m) != 36 {
		t.Errorf("%d members", len(m))
	}
}

// Records of others between two of the same parties do not change what is written of these.
func TestRecordsTakeTurns(t *testing.T) {
	vpcs := []*VPC{{ID: "vpc-1", ARN: "arn-1"}, {ID: "vpc-2", ARN: "arn-2", Network: &ServiceNetwork{ARN: "sn-2"}}}
	var records []*Record
	for i, about := range []Parties{
		{VPC: vpcs[0]}, {VPC: vpcs[1]}, {VPC: vpcs[1], Service: &Service{ARN: "svc"}}, {VPC: vpcs[1], Group: &TargetGroup{ARN: "tg", VPC: "vpc-3"}},
		{VPC: vpcs[1], Principal: &Principal{ARN: "me", OrgID: "o-1"}}, {VPC: vpcs[1], Guarded: true}, {VPC: vpcs[1], Unverified: true},
		{VPC: vpcs[1], DeniedBy: ServiceLayer}, {VPC: vpcs[1], Failure: TargetDataTimeout},
	} {
		for port := range uint16(2) {
			c := &Record{Parties: about, Client: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, 1}), port+1), Start: time.Unix(int64(i), 0), Status: 200 + i}
			if port == 1 {
				c.Target = &Target{Addr: netip.MustParseAddrPort("10.0.0.2:80")}
			}
			records = append(records, c)
		}
	}
	seen := map[string]bool{}
	var one RecordWriter
	for range 2 {
		for _, c := range records {
			var own RecordWriter
			got, want := string(one.Append(nil, c)), string(own.Append(nil, c))
			if got != want {
				t.Errorf("%s\nis written as\n%s", want, got)
			}
			seen[got] = true
		}
	}
	if len(seen) != len(records) {
		t.Errorf("%d texts of %d records", len(seen), len(records))
	}
}

// What is kept of a record outlives the memory that its request was in.
func TestRecordKeep(t *testing.T) {
	var c Record
	var w RecordWriter
	c.Begin(&Front{VPC: &VPC{ID: "vpc-1"}}, netip.MustParseAddrPort("10.0.0.1:5"), time.Unix(1722774088, 0))
	id := []byte("an id")
	r := request(t, "GET /path HTTP/1.1\r\nHost: host\r\nUser-Agent: agent\r\n\r\n")
	c.Describe(r, view(id))
	want := string(w.Append(nil, &c))
	kept := c
	if mem := kept.Keep(make([]byte, 0, 64)); len(mem) != c.Length() {
		t.Errorf("%d bytes are kept of %d", len(mem), c.Length())
	}
	copy(id, "other")
	if got := string(w.Append(nil, &kept)); got != want {
		t.Errorf("%s\nbecame\n%s", want, got)
	}
}
