package arn

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	good := map[string]ARN{
		"arn:aws:vpc-lattice:us-east-1:111111111111:service/svc-0123456789abcdefg": {"aws", "vpc-lattice", "us-east-1", "111111111111", "service/svc-0123456789abcdefg"},
		"arn:aws:iam::aws:policy/AdministratorAccess":                              {"aws", "iam", "", "aws", "policy/AdministratorAccess"},
		"arn:aws:lambda:eu-west-1:111111111111:function:F:3":                       {"aws", "lambda", "eu-west-1", "111111111111", "function:F:3"},
	}
	for s, want := range good {
		got, err := Parse(s)
		if err != nil || got != want {
			t.Errorf("Parse(%q) = %v, %v; want %v", s, got, err, want)
		}
		if got.String() != s {
			t.Errorf("String() = %q, want %q", got.String(), s)
		}
	}
	for _, s := range []string{"", "arn", "arn:aws:ec2:r:a", "arn:aws:ec2:r:a:", "arn::ec2:r:a:x", "arn:aws::r:a:x", "urn:aws:ec2:r:a:x", "arn:aws:ec2:r:a:x y", "arn:aws:ec2:r:a:x\n"} {
		if got, err := Parse(s); err == nil {
			t.Errorf("Parse(%q) = %v, want an error", s, got)
		}
	}
}

func TestMint(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		id := Mint("svc-")
		if !HasID(id, "svc-") || len(id) != 21 || seen[id] {
			t.Fatalf("Mint gave %q", id)
		}
		seen[id] = true
	}
	if id := MintHex("vpc-"); strings.Trim(id[4:], "0123456789abcdef") != "" {
		t.Errorf("MintHex gave %q", id)
	}
	if id := RandomDigits(12); !IsAccount(id) || id[0] == '0' {
		t.Errorf("RandomDigits gave %q", id)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("arn:aws:ec2:us-east-1:111111111111:vpc/vpc-1")
	f.Fuzz(func(t *testing.T, s string) {
		if a, err := Parse(s); err == nil && a.String() != s {
			t.Errorf("%q came back as %q", s, a)
		}
	})
}
