package iam

import (
	"regexp"
	"slices"
	"testing"
)

func TestManagedPolicies(t *testing.T) {
	all := ManagedPolicies()
	names := map[string]*Policy{}
	var order []string
	for _, m := range all {
		names[m.Name] = mustParse(t, Identity, m.Document)
		order = append(order, m.Name)
		if m.ARN != "arn:aws:iam::aws:policy"+m.Path+m.Name || m.Created.IsZero() || m.Updated.Before(m.Created) || m.Description == "" {
			t.Errorf("%s: %+v", m.Name, m)
		}
		if !regexp.MustCompile(`^ANPA[A-Z2-7]{17}$`).MatchString(m.ID) || !regexp.MustCompile(`^v[0-9]+$`).MatchString(m.VersionID) {
			t.Errorf("%s: id %q, version %q", m.Name, m.ID, m.VersionID)
		}
	}
	if !slices.IsSorted(order) {
		t.Errorf("not sorted: %q", order)
	}
	names["FullAWSAccess"] = mustParse(t, Identity, FullAWSAccess().Document)
	for _, c := range []struct {
		name, action string
		want         bool
	}{
		{"AWSLambdaVPCAccessExecutionRole", "logs:PutLogEvents", true},
		{"AWSLambdaVPCAccessExecutionRole", "ec2:CreateNetworkInterface", true},
		{"AWSLambdaVPCAccessExecutionRole", "ec2:RunInstances", false},
		{"AWSLambdaBasicExecutionRole", "logs:CreateLogGroup", true},
		{"AWSLambdaBasicExecutionRole", "ec2:CreateNetworkInterface", false},
		{"VPCLatticeServicesInvokeAccess", "vpc-lattice-svcs:Invoke", true},
		{"VPCLatticeServicesInvokeAccess", "vpc-lattice:GetService", false},
		{"VPCLatticeFullAccess", "vpc-lattice:CreateService", true},
		{"VPCLatticeFullAccess", "vpc-lattice-svcs:Invoke", false},
		{"VPCLatticeReadOnlyAccess", "vpc-lattice:ListServices", true},
		{"VPCLatticeReadOnlyAccess", "vpc-lattice:DeleteService", false},
		{"AdministratorAccess", "iam:CreateUser", true},
		{"PowerUserAccess", "ec2:CreateVpc", true},
		{"PowerUserAccess", "iam:CreateUser", false},
		{"PowerUserAccess", "iam:ListRoles", true},
		{"ReadOnlyAccess", "ec2:DescribeVpcs", true},
		{"ReadOnlyAccess", "ec2:DeleteVpc", false},
		{"ReadOnlyAccess", "lambda:InvokeFunction", false},
		{"FullAWSAccess", "sts:AssumeRole", true},
	} {
		r := Request{Principal: session, Action: c.action, Resource: Resource{ARN: "*"}}
		if got := names[c.name].Decide(&r).Verdict == Allowed; got != c.want {
			t.Errorf("%s allows %s: %v", c.name, c.action, got)
		}
	}
}
