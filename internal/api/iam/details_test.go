package iam_test

import (
	"net/url"
	"slices"
	"testing"

	"trellis/internal/aws/model/iam"
)

func TestAuthorizationDetails(t *testing.T) {
	w := newWorld(t)
	w.role(w.red, "r")
	w.makeUser(w.red, "ann")
	mine := w.policy(w.red, "mine")
	must[*iam.CreateGroupOutput](t)(w.CreateGroup(w.red, &iam.CreateGroupInput{GroupName: new("g")}))
	must[*iam.AddUserToGroupOutput](t)(w.AddUserToGroup(w.red, &iam.AddUserToGroupInput{GroupName: new("g"), UserName: new("ann")}))
	must[*iam.PutUserPolicyOutput](t)(w.PutUserPolicy(w.red, &iam.PutUserPolicyInput{UserName: new("ann"), PolicyName: new("p"), PolicyDocument: new(allowAll)}))
	must[*iam.AttachRolePolicyOutput](t)(w.AttachRolePolicy(w.red, &iam.AttachRolePolicyInput{RoleName: new("r"), PolicyArn: new(execution)}))
	must[*iam.AttachGroupPolicyOutput](t)(w.AttachGroupPolicy(w.red, &iam.AttachGroupPolicyInput{GroupName: new("g"), PolicyArn: &mine}))
	w.role(w.blue, "theirs")

	var seen []string
	var marker *string
	for {
		out := must[*iam.GetAccountAuthorizationDetailsOutput](t)(w.GetAccountAuthorizationDetails(w.red, &iam.GetAccountAuthorizationDetailsInput{MaxItems: new(int32(1)), Marker: marker}))
		for _, u := range out.UserDetailList {
			doc, _ := url.PathUnescape(*u.UserPolicyList[0].PolicyDocument)
			if doc != allowAll || !slices.Equal(u.GroupList, []string{"g"}) {
				t.Errorf("the user has %s and is in %v", doc, u.GroupList)
			}
			seen = append(seen, "user "+*u.UserName)
		}
		for _, g := range out.GroupDetailList {
			seen = append(seen, "group "+*g.GroupName+" with "+*g.AttachedManagedPolicies[0].PolicyName)
		}
		for _, r := range out.RoleDetailList {
			seen = append(seen, "role "+*r.RoleName+" with "+*r.AttachedManagedPolicies[0].PolicyName)
		}
		for _, p := range out.Policies {
			seen = append(seen, "policy "+*p.PolicyName)
		}
		if !*out.IsTruncated {
			break
		}
		marker = out.Marker
	}
	want := []string{"policy AWSLambdaVPCAccessExecutionRole", "group g with mine", "policy mine", "role r with AWSLambdaVPCAccessExecutionRole", "user ann"}
	if !slices.Equal(seen, want) {
		t.Errorf("the account has %q, want %q", seen, want)
	}
	only := must[*iam.GetAccountAuthorizationDetailsOutput](t)(w.GetAccountAuthorizationDetails(w.red, &iam.GetAccountAuthorizationDetailsInput{Filter: []string{"Role"}}))
	if len(only.RoleDetailList) != 1 || len(only.UserDetailList)+len(only.GroupDetailList)+len(only.Policies) != 0 {
		t.Errorf("filtered for roles: %+v", only)
	}
}

// TestDeletingAUserByForce asks what a client asks before it deletes a user with all that is tied to it.
func TestDeletingAUserByForce(t *testing.T) {
	w := newWorld(t)
	w.makeUser(w.red, "ann")
	for _, name := range []string{"ann", "none"} {
		for what, call := range map[string]func() (int, error){
			"MFA devices": func() (int, error) {
				out, err := w.ListMFADevices(w.red, &iam.ListMFADevicesInput{UserName: &name})
				return lengthOf(out, func(o *iam.ListMFADevicesOutput) int { return len(o.MFADevices) }), err
			},
			"SSH keys": func() (int, error) {
				out, err := w.ListSSHPublicKeys(w.red, &iam.ListSSHPublicKeysInput{UserName: &name})
				return lengthOf(out, func(o *iam.ListSSHPublicKeysOutput) int { return len(o.SSHPublicKeys) }), err
			},
			"certificates": func() (int, error) {
				out, err := w.ListSigningCertificates(w.red, &iam.ListSigningCertificatesInput{UserName: &name})
				return lengthOf(out, func(o *iam.ListSigningCertificatesOutput) int { return len(o.Certificates) }), err
			},
			"credentials": func() (int, error) {
				out, err := w.ListServiceSpecificCredentials(w.red, &iam.ListServiceSpecificCredentialsInput{UserName: &name})
				return lengthOf(out, func(o *iam.ListServiceSpecificCredentialsOutput) int { return len(o.ServiceSpecificCredentials) }), err
			},
		} {
			n, err := call()
			if name == "none" {
				refused(t, what+" of a user that is none", err, "NoSuchEntity")
			} else if n != 0 || err != nil {
				t.Errorf("%s of a new user: %d, %v", what, n, err)
			}
		}
		_, err := w.DeleteLoginProfile(w.red, &iam.DeleteLoginProfileInput{UserName: &name})
		refused(t, "a password of "+name, err, "NoSuchEntity")
	}
}

func lengthOf[T any](out *T, f func(*T) int) int {
	if out == nil {
		return 0
	}
	return f(out)
}
