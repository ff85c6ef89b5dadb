package share_test

import (
	"strings"
	"testing"

	"trellis/internal/arn"
	"trellis/internal/share"
	"trellis/internal/vpc"
)

func FuzzParsePrincipal(f *testing.F) {
	for _, s := range []string{"", "111111111111", "arn:aws:organizations::111111111111:organization/o-a", "arn:aws:organizations::111111111111:ou/o-a/ou-b",
		"arn:aws:organizations::1:ou/o-a", "arn:aws:iam::111111111111:role/r", "o-a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := share.ParsePrincipal(s)
		if err != nil {
			return
		}
		switch p.Kind {
		case share.Account:
			if !arn.IsAccount(s) {
				t.Errorf("%q is taken for an account", s)
			}
		case share.Organization:
			if !strings.HasSuffix(s, ":organization/"+p.Organization) {
				t.Errorf("%q is taken for the organization %q", s, p.Organization)
			}
		case share.Unit:
			if !strings.HasSuffix(s, ":ou/"+p.Organization+"/"+p.Unit) {
				t.Errorf("%q is taken for the unit %q of %q", s, p.Unit, p.Organization)
			}
		}
	})
}

func FuzzShareable(f *testing.F) {
	o := vpc.Owner{Account: "111111111111", Region: "us-east-1"}
	for _, s := range []string{"", "arn:aws:vpc-lattice:us-east-1:111111111111:servicenetwork/sn-1", "arn:aws:vpc-lattice:us-east-1:111111111111:service/svc-1/listener/x",
		"arn:aws:vpc-lattice:eu-west-1:111111111111:service/svc-1", "arn:aws:ec2:us-east-1:111111111111:vpc/vpc-1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		typ, err := share.Shareable(s, o)
		if err != nil {
			return
		}
		if a, perr := arn.Parse(s); perr != nil || a.Account != o.Account || a.Region != o.Region || a.Service != typ.Service {
			t.Errorf("%q is shareable as %s", s, typ.Name)
		}
	})
}

func TestEveryTypeHasItsPermission(t *testing.T) {
	for _, typ := range share.Types() {
		got, ok := share.ManagedPermission(typ.PermissionARN())
		if !ok || got.Type != typ.Name || got.ARN() != typ.PermissionARN() {
			t.Errorf("%s: permission %s is %v", typ.Name, typ.PermissionARN(), got)
		}
		if named, ok := share.TypeNamed(typ.Name); !ok || named.Permission != typ.Permission {
			t.Errorf("%s is not found by its name", typ.Name)
		}
	}
}
