package cloudcontrol

import (
	"testing"

	"trellis/internal/api/cloudcontrol/schema"
	"trellis/internal/fault"
)

// Whatever patch comes, the outcome is a valid model or a refusal that is the caller's to mend.
func FuzzPatch(f *testing.F) {
	for _, seed := range []string{`[]`, `[{"op":"replace","path":"/AuthType","value":"AWS_IAM"}]`, `[{"op":"copy","from":"/Tags","path":"/Tags/-"}]`,
		`[{"op":"move","from":"","path":"/Name"}]`, `[{"op":"test","path":"","value":{}}]`, `[{"op":"add","path":"/Tags/9","value":null}]`,
		`[{"op":"remove","path":""}]`, `[null]`, `[{"path":null}]`, `[{"op":"copy","from":"/DnsEntry","path":"/DnsEntry/DomainName"}]`,
		`[{"op":"replace","path":"","value":null}]`, `[{"op":"add","path":"/Tags/0/Key/x","value":1}]`, `[{"op":"add","path":"/~2","value":1}]`} {
		f.Add(seed)
	}
	a := &API{checker: schema.NewChecker(schema.Types)}
	var service *resource
	for i := range schema.Types {
		if schema.Types[i].Name == "AWS::VpcLattice::Service" {
			service = &resource{schema: &schema.Types[i]}
		}
	}
	f.Fuzz(func(t *testing.T, patch string) {
		have, err := parseModel(`{"Arn":"a","Name":"service","DnsEntry":{"DomainName":"d","HostedZoneId":"h"},"Tags":[{"Key":"k","Value":"v"}]}`)
		if err != nil {
			t.Fatal(err)
		}
		want, err := a.patched(service, have, patch)
		switch {
		case err != nil && fault.KindOf(err) == fault.Internal:
			t.Errorf("%s: %v", patch, err)
		case err == nil && (want["Name"] != "service" || want["Arn"] != nil):
			t.Errorf("%s: %v", patch, want)
		}
	})
}
