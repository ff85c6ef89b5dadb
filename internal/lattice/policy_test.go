package lattice

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"trellis/internal/arn"
)

const sn = "arn:aws:vpc-lattice:r:111111111111:servicenetwork/sn-0123456789abcdefg"

func TestParseSharePolicy(t *testing.T) {
	const all = `"vpc-lattice:CreateServiceNetworkServiceAssociation","vpc-lattice:CreateServiceNetworkVpcAssociation","vpc-lattice:GetServiceNetwork"`
	statement := func(principal, actions, resource, more string) string {
		return fmt.Sprintf(`{"Effect":"Allow","Principal":%s,"Action":[%s],"Resource":%s%s}`, principal, actions, resource, more)
	}
	const resource = `"` + sn + `"`
	one := statement(`{"AWS":"222222222222"}`, all, resource, "")
	for name, test := range map[string]struct {
		statement string
		want      string
	}{
		"one account":         {one, "222222222222"},
		"a list":              {"[" + one + "]", "222222222222"},
		"accounts":            {statement(`{"AWS":["arn:aws:iam::333333333333:root","222222222222","222222222222"]}`, all, "["+resource+"]", ""), "222222222222 333333333333"},
		"two statements":      {"[" + one + "," + statement(`{"AWS":"333333333333"}`, all, resource, "") + "]", "222222222222 333333333333"},
		"more actions":        {statement(`{"AWS":"222222222222"}`, all+`,"vpc-lattice:CreateServiceNetworkVpcEndpointAssociation"`, resource, ""), "222222222222"},
		"fewer actions":       {statement(`{"AWS":"222222222222"}`, `"vpc-lattice:GetServiceNetwork"`, resource, ""), ""},
		"other actions":       {statement(`{"AWS":"222222222222"}`, all+`,"vpc-lattice:DeleteServiceNetwork"`, resource, ""), ""},
		"every action":        {statement(`{"AWS":"222222222222"}`, `"vpc-lattice:*"`, resource, ""), ""},
		"everybody":           {statement(`"*"`, all, resource, ""), ""},
		"every account":       {statement(`{"AWS":"*"}`, all, resource, ""), ""},
		"a role":              {statement(`{"AWS":"arn:aws:iam::222222222222:role/r"}`, all, resource, ""), ""},
		"an AWS service":      {statement(`{"Service":"ram.amazonaws.com"}`, all, resource, ""), ""},
		"another resource":    {statement(`{"AWS":"222222222222"}`, all, `"`+sn+`x"`, ""), ""},
		"every resource":      {statement(`{"AWS":"222222222222"}`, all, `"*"`, ""), ""},
		"with a condition":    {statement(`{"AWS":"222222222222"}`, all, resource, `,"Condition":{"StringEquals":{"a":"b"}}`), ""},
		"a deny":              {strings.Replace(one, "Allow", "Deny", 1), ""},
		"not a statement":     {`"x"`, ""},
		"no principal at all": {strings.Replace(one, `"Principal":{"AWS":"222222222222"},`, "", 1), ""},
	} {
		got, err := ParseSharePolicy(KindNetwork, sn, `{"Version":"2012-10-17","Statement":`+test.statement+`}`)
		if strings.Join(got, " ") != test.want || (err == nil) != (test.want != "") || err != nil && !invalid(err, "policy") {
			t.Errorf("%s: %q %v, want %q", name, got, err, test.want)
		}
	}
}

func TestSharePolicy(t *testing.T) {
	doc := SharePolicy(KindNetwork, sn, []string{"222222222222", "333333333333"})
	got, err := ParseSharePolicy(KindNetwork, sn, doc)
	if err != nil || !slices.Equal(got, []string{"222222222222", "333333333333"}) {
		t.Errorf("%s reads back as %q, %v", doc, got, err)
	}
	doc = SharePolicy(KindService, sn, []string{"arn:aws:organizations::1:organization/o-abc", "arn:aws:organizations::1:ou/o-abc/ou-1"})
	var parsed struct {
		Statement []struct{ Condition map[string]map[string]string }
	}
	if err := json.Unmarshal([]byte(doc), &parsed); err != nil {
		t.Fatal(err)
	}
	if len(parsed.Statement) != 2 || parsed.Statement[0].Condition["StringEquals"]["aws:PrincipalOrgID"] != "o-abc" ||
		parsed.Statement[1].Condition["ForAnyValue:StringLike"]["aws:PrincipalOrgPaths"] != "o-abc/*/ou-1/*" {
		t.Errorf("organization policy %s", doc)
	}
}

func FuzzParseSharePolicy(f *testing.F) {
	f.Add(SharePolicy(KindNetwork, sn, []string{"222222222222"}))
	f.Add(`{"Statement":[]}`)
	f.Add(`{"Statement":{"Principal":{"AWS":[]}}}`)
	f.Fuzz(func(t *testing.T, doc string) {
		accounts, err := ParseSharePolicy(KindNetwork, sn, doc)
		for _, a := range accounts {
			if err != nil || !arn.IsAccount(a) {
				t.Errorf("account %q of a policy with error %v", a, err)
			}
		}
	})
}
