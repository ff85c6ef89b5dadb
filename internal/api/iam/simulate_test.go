package iam_test

import (
	"slices"
	"strings"
	"testing"

	"trellis/internal/aws/model/iam"
	"trellis/internal/identity"
	"trellis/internal/state"
)

const (
	allowVPCs = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:*Vpc","Resource":"*","Condition":{"StringEquals":{"aws:RequestedRegion":"us-east-1"}}}]}`
	denyVPCs  = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"ec2:DeleteVpc","Resource":"*"}]}`
)

func decisions(results []iam.EvaluationResult) []string {
	var out []string
	for _, r := range results {
		s := *r.EvalActionName + " " + *r.EvalDecision
		for _, m := range r.MatchedStatements {
			if m.SourcePolicyId != nil {
				s += " by " + *m.SourcePolicyId
			}
		}
		if d := r.OrganizationsDecisionDetail; d != nil && !*d.AllowedByOrganizations {
			s += " (organization)"
		}
		if d := r.PermissionsBoundaryDecisionDetail; d != nil && !*d.AllowedByPermissionsBoundary {
			s += " (boundary)"
		}
		if len(r.MissingContextValues) > 0 {
			s += " without " + strings.Join(r.MissingContextValues, ",")
		}
		out = append(out, s)
	}
	return out
}

func TestSimulateCustomPolicy(t *testing.T) {
	w := newWorld(t)
	for what, c := range map[string]struct {
		in   iam.SimulateCustomPolicyInput
		want []string
	}{
		"a key that is missing": {iam.SimulateCustomPolicyInput{PolicyInputList: []string{allowVPCs}, ActionNames: []string{"ec2:CreateVpc", "ec2:CreateSubnet"}},
			[]string{"ec2:CreateVpc implicitDeny without aws:requestedregion", "ec2:CreateSubnet implicitDeny"}},
		"a key that is given": {iam.SimulateCustomPolicyInput{PolicyInputList: []string{allowVPCs, denyVPCs}, ActionNames: []string{"ec2:CreateVpc", "ec2:DeleteVpc"},
			ContextEntries: []iam.ContextEntry{{ContextKeyName: new("aws:RequestedRegion"), ContextKeyValues: []string{"us-east-1"}, ContextKeyType: new("string")}}},
			[]string{"ec2:CreateVpc allowed by PolicyInputList.1", "ec2:DeleteVpc explicitDeny by PolicyInputList.2"}},
		"a boundary": {iam.SimulateCustomPolicyInput{PolicyInputList: []string{allowAll}, PermissionsBoundaryPolicyInputList: []string{denyVPCs}, ActionNames: []string{"ec2:CreateVpc"}},
			[]string{"ec2:CreateVpc implicitDeny (boundary)"}},
		"an organization": {iam.SimulateCustomPolicyInput{PolicyInputList: []string{allowAll}, ActionNames: []string{"ec2:DeleteVpc"},
			OrderedOrganizationPolicyInputList: []iam.OrderedOrganizationPolicyType{{ServiceControlPolicyInputList: []string{allowAll, denyVPCs}}}},
			[]string{"ec2:DeleteVpc explicitDeny (organization)"}},
		"two resources": {iam.SimulateCustomPolicyInput{PolicyInputList: []string{strings.Replace(allowAll, `"Resource":"*"`, `"Resource":"arn:aws:s3:::a"`, 1)}, ActionNames: []string{"s3:ListBucket"},
			ResourceArns: []string{"arn:aws:s3:::a", "arn:aws:s3:::b"}}, []string{"s3:ListBucket allowed by PolicyInputList.1", "s3:ListBucket implicitDeny"}},
	} {
		got := decisions(must[*iam.SimulateCustomPolicyOutput](t)(w.SimulateCustomPolicy(w.red, &c.in)).EvaluationResults)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", what, got, c.want)
		}
	}
	for what, in := range map[string]iam.SimulateCustomPolicyInput{
		"a policy that is none":   {PolicyInputList: []string{"{}"}, ActionNames: []string{"a:B"}},
		"an action of no service": {PolicyInputList: []string{allowAll}, ActionNames: []string{"CreateVpc"}},
		"a wildcard":              {PolicyInputList: []string{allowAll}, ActionNames: []string{"ec2:*"}},
		"two boundaries":          {PolicyInputList: []string{allowAll}, PermissionsBoundaryPolicyInputList: []string{allowAll, allowAll}, ActionNames: []string{"a:B"}},
	} {
		_, err := w.SimulateCustomPolicy(w.red, &in)
		refused(t, what, err, "InvalidInput")
	}
}

func TestSimulatePrincipalPolicy(t *testing.T) {
	w := newWorld(t)
	w.role(w.red, "r")
	must[*iam.AttachRolePolicyOutput](t)(w.AttachRolePolicy(w.red, &iam.AttachRolePolicyInput{RoleName: new("r"), PolicyArn: new(admin)}))
	w.makeUser(w.red, "ann")
	must[*iam.CreateGroupOutput](t)(w.CreateGroup(w.red, &iam.CreateGroupInput{GroupName: new("g")}))
	must[*iam.PutGroupPolicyOutput](t)(w.PutGroupPolicy(w.red, &iam.PutGroupPolicyInput{GroupName: new("g"), PolicyName: new("all"), PolicyDocument: new(allowAll)}))
	must[*iam.AddUserToGroupOutput](t)(w.AddUserToGroup(w.red, &iam.AddUserToGroupInput{GroupName: new("g"), UserName: new("ann")}))
	must[*iam.PutUserPolicyOutput](t)(w.PutUserPolicy(w.red, &iam.PutUserPolicyInput{UserName: new("ann"), PolicyName: new("no"), PolicyDocument: new(denyVPCs)}))
	run := func(source string) ([]string, error) {
		out, err := w.SimulatePrincipalPolicy(w.red, &iam.SimulatePrincipalPolicyInput{PolicySourceArn: &source, ActionNames: []string{"ec2:CreateVpc", "ec2:DeleteVpc"}})
		if err != nil {
			return nil, err
		}
		return decisions(out.EvaluationResults), nil
	}
	check := func(source string, want ...string) {
		t.Helper()
		if got, err := run(source); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %q, %v, want %q", source, got, err, want)
		}
	}
	check("arn:aws:iam::111111111111:role/r", "ec2:CreateVpc allowed by AdministratorAccess", "ec2:DeleteVpc allowed by AdministratorAccess")
	check("arn:aws:iam::111111111111:user/ann", "ec2:CreateVpc allowed by all", "ec2:DeleteVpc explicitDeny by no")
	check("arn:aws:iam::111111111111:group/g", "ec2:CreateVpc allowed by all", "ec2:DeleteVpc allowed by all")
	for source, code := range map[string]string{"arn:aws:iam::111111111111:role/none": "NoSuchEntity", "arn:aws:iam::222222222222:role/r": "InvalidInput",
		"arn:aws:iam::111111111111:root": "InvalidInput", "role/r": "InvalidInput"} {
		_, err := run(source)
		refused(t, source, err, code)
	}
	must[*iam.PutRolePermissionsBoundaryOutput](t)(w.PutRolePermissionsBoundary(w.red, &iam.PutRolePermissionsBoundaryInput{RoleName: new("r"), PermissionsBoundary: new(execution)}))
	check("arn:aws:iam::111111111111:role/r", "ec2:CreateVpc implicitDeny (boundary)", "ec2:DeleteVpc implicitDeny (boundary)")
	err := w.view.Update(t.Context(), func(tx *state.Tx) error {
		state.Organizations.Put(tx, &identity.Organization{ID: "o-1", Management: blue, Root: "r-1", PolicyTypes: []string{identity.ServiceControl}})
		a, _ := state.Accounts.Get(tx, red)
		a.Organization, a.Parent = "o-1", "r-1"
		state.Accounts.Put(tx, a)
		state.OrganizationPolicies.Put(tx, &identity.OrganizationPolicy{ID: "p-1", Organization: "o-1", Content: allowVPCs, Targets: []string{"r-1", red}})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	check("arn:aws:iam::111111111111:user/ann", "ec2:CreateVpc implicitDeny (organization) without aws:requestedregion", "ec2:DeleteVpc explicitDeny by no (organization) without aws:requestedregion")
}
