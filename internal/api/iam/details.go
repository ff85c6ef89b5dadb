package iam

import (
	"context"
	"slices"
	"strings"

	"trellis/internal/aws/model/iam"
	policy "trellis/internal/iam"
	"trellis/internal/identity"
	"trellis/internal/state"
)

// Filters of GetAccountAuthorizationDetails, which are also the order of its pages.
const (
	awsPolicies   = "AWSManagedPolicy"
	groups        = "Group"
	localPolicies = "LocalManagedPolicy"
	roles         = "Role"
	users         = "User"
)

// detail is one entry of the listing; only one of its members is set.
type detail struct {
	key    string
	user   *iam.UserDetail
	group  *iam.GroupDetail
	role   *iam.RoleDetail
	policy *iam.ManagedPolicyDetail
}

// GetAccountAuthorizationDetails returns users, groups, roles and policies with everything they say.
func (a *API) GetAccountAuthorizationDetails(ctx context.Context, in *iam.GetAccountAuthorizationDetailsInput) (*iam.GetAccountAuthorizationDetailsOutput, error) {
	s, id := a.view.Snapshot(), account(ctx)
	var all []detail
	wanted := func(kind string) bool { return len(in.Filter) == 0 || slices.Contains(in.Filter, kind) }
	if wanted(users) {
		for u := range state.Users.By(s, state.ByAccount, id) {
			all = append(all, detail{key: users + u.Name, user: userDetail(s, u)})
		}
	}
	if wanted(groups) {
		for g := range state.Groups.By(s, state.ByAccount, id) {
			all = append(all, detail{key: groups + g.Name, group: &iam.GroupDetail{Path: &g.Path, GroupName: &g.Name, GroupId: &g.ID, Arn: new(g.ARN()), CreateDate: &g.Created,
				GroupPolicyList: inlineDetails(&g.Policies), AttachedManagedPolicies: attachedPolicies(s, id, g.Attached, "")}})
		}
	}
	if wanted(roles) {
		for r := range state.Roles.By(s, state.ByAccount, id) {
			all = append(all, detail{key: roles + r.Name, role: roleDetail(s, r)})
		}
	}
	if wanted(localPolicies) {
		for p := range state.ManagedPolicies.By(s, state.ByAccount, id) {
			all = append(all, detail{key: localPolicies + p.Name, policy: policyDetail(s, id, &managed{ManagedPolicy: *p, arn: p.ARN()})})
		}
	}
	if wanted(awsPolicies) {
		for _, p := range policy.ManagedPolicies() {
			// AWS's policies are listed as far as the account uses them.
			if d := policyDetail(s, id, ofAWS(p)); *d.AttachmentCount+*d.PermissionsBoundaryUsageCount > 0 {
				all = append(all, detail{key: awsPolicies + p.Name, policy: d})
			}
		}
	}
	l, err := cut(all, func(d detail) string { return d.key }, in.MaxItems, in.Marker)
	if err != nil {
		return nil, err
	}
	out := &iam.GetAccountAuthorizationDetailsOutput{UserDetailList: []iam.UserDetail{}, GroupDetailList: []iam.GroupDetail{}, RoleDetailList: []iam.RoleDetail{},
		Policies: []iam.ManagedPolicyDetail{}, IsTruncated: l.truncated, Marker: l.marker}
	for _, d := range l.items {
		switch {
		case d.user != nil:
			out.UserDetailList = append(out.UserDetailList, *d.user)
		case d.group != nil:
			out.GroupDetailList = append(out.GroupDetailList, *d.group)
		case d.role != nil:
			out.RoleDetailList = append(out.RoleDetailList, *d.role)
		default:
			out.Policies = append(out.Policies, *d.policy)
		}
	}
	return out, nil
}

// inlineDetails returns inline policies in order of their names.
func inlineDetails(p *identity.Policies) []iam.PolicyDetail {
	out := []iam.PolicyDetail{}
	for name, doc := range p.Inline {
		out = append(out, iam.PolicyDetail{PolicyName: &name, PolicyDocument: encoded(doc)})
	}
	slices.SortFunc(out, func(x, y iam.PolicyDetail) int { return strings.Compare(*x.PolicyName, *y.PolicyName) })
	return out
}

func userDetail(r state.Reader, u *identity.User) *iam.UserDetail {
	return &iam.UserDetail{Path: &u.Path, UserName: &u.Name, UserId: &u.ID, Arn: new(u.ARN()), CreateDate: &u.Created, UserPolicyList: inlineDetails(&u.Policies),
		GroupList: u.Groups, AttachedManagedPolicies: attachedPolicies(r, u.Account, u.Attached, ""), PermissionsBoundary: boundaryOf(u.Boundary), Tags: tagList(u.Tags)}
}

func roleDetail(r state.Reader, role *identity.Role) *iam.RoleDetail {
	out := &iam.RoleDetail{Path: &role.Path, RoleName: &role.Name, RoleId: &role.ID, Arn: new(role.ARN()), CreateDate: &role.Created,
		AssumeRolePolicyDocument: encoded(role.Trust), InstanceProfileList: []iam.InstanceProfile{}, RolePolicyList: inlineDetails(&role.Policies),
		AttachedManagedPolicies: attachedPolicies(r, role.Account, role.Attached, ""), PermissionsBoundary: boundaryOf(role.Boundary), Tags: tagList(role.Tags)}
	for p := range state.InstanceProfiles.By(r, state.ByIdentity, role.Account+"/"+role.Name) {
		out.InstanceProfileList = append(out.InstanceProfileList, profileOut(r, p))
	}
	return out
}

func policyDetail(r state.Reader, account string, p *managed) *iam.ManagedPolicyDetail {
	v := policyOut(r, account, p)
	out := &iam.ManagedPolicyDetail{PolicyName: v.PolicyName, PolicyId: v.PolicyId, Arn: v.Arn, Path: v.Path, DefaultVersionId: v.DefaultVersionId, AttachmentCount: v.AttachmentCount,
		PermissionsBoundaryUsageCount: v.PermissionsBoundaryUsageCount, IsAttachable: v.IsAttachable, Description: optional(p.Description), CreateDate: v.CreateDate, UpdateDate: v.UpdateDate}
	for _, version := range p.Versions {
		out.PolicyVersionList = append(out.PolicyVersionList, versionOut(&p.ManagedPolicy, version, true))
	}
	return out
}
