package access

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"trellis/internal/arn"
	"trellis/internal/caller"
	"trellis/internal/fault"
	"trellis/internal/iam"
	"trellis/internal/identity"
	"trellis/internal/state"
	"trellis/internal/tag"
)

// policyCache keeps compiled policies by kind and document. When it is full it starts over.
type policyCache struct {
	mu   sync.RWMutex
	docs map[policyKey]*iam.Policy
}

type policyKey struct {
	kind     iam.Kind
	document string
}

const cacheSize = 4096

func (c *policyCache) get(kind iam.Kind, document string) (*iam.Policy, error) {
	key := policyKey{kind, document}
	c.mu.RLock()
	p := c.docs[key]
	c.mu.RUnlock()
	if p != nil {
		return p, nil
	}
	p, err := iam.Parse(kind, document)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.docs == nil || len(c.docs) >= cacheSize {
		c.docs = map[policyKey]*iam.Policy{}
	}
	c.docs[key] = p
	return p, nil
}

// unreadable is the refusal of whatever depends on a stored policy that does not parse.
func unreadable(err error) error {
	return &fault.Error{Kind: fault.Denied, Message: "A policy that bears on this call can't be read.", Cause: err}
}

// malformed is the refusal of a policy document that came with a call.
func malformed(err error) error {
	return &fault.Error{Kind: fault.Invalid, Code: "MalformedPolicyDocument", Message: err.Error()}
}

// refused words the refusal of a request.
func refused(o iam.Outcome, r *iam.Request) error {
	message := o.Message(r)
	if strings.HasPrefix(r.Action, "ec2:") {
		message = "You are not authorized to perform this operation. " + message
	}
	return fault.New(fault.Denied, "", "%s", message)
}

// Principal returns the caller in the form policies know. A session's own tags stand before its role's.
func Principal(s *state.Snapshot, c *caller.Caller) iam.Principal {
	p := iam.Principal{ARN: c.ARN, RoleARN: c.RoleARN, Account: c.Account, UserID: c.UserID}
	switch c.Kind {
	case caller.Root:
		p.Kind = iam.Root
	case caller.User:
		p.Kind = iam.User
		if u, ok := state.Users.Get(s, c.Account+"/"+c.Name()); ok {
			p.Tags = principalTags(u.Tags, nil)
		}
	case caller.AssumedRole:
		p.Kind = iam.AssumedRole
		if r, ok := state.RoleByARN(s, c.RoleARN); ok {
			p.Tags = principalTags(r.Tags, c.SessionTags)
		}
	}
	if o, ok := state.OrganizationOf(s, c.Account); ok {
		p.OrgID = o.ID
	}
	return p
}

func principalTags(own, session map[string]string) []iam.Tag {
	out := make([]iam.Tag, 0, len(own)+len(session))
	for k, v := range session {
		out = append(out, iam.Tag{Key: k, Value: v})
	}
	for k, v := range own {
		if !slices.ContainsFunc(out, func(t iam.Tag) bool { return strings.EqualFold(t.Key, k) }) {
			out = append(out, iam.Tag{Key: k, Value: v})
		}
	}
	return out
}

// Entitlements returns every policy that bears on what the caller may do by itself. A policy that cannot be read is an
// error: the caller is then refused, not allowed.
func (c *Control) Entitlements(s *state.Snapshot, who *caller.Caller) (iam.Entitlements, error) {
	var out iam.Entitlements
	var err error
	switch who.Kind {
	case caller.User:
		u, ok := state.Users.Get(s, who.Account+"/"+who.Name())
		if !ok || u.ID != who.UserID {
			return out, errInvalidKey
		}
		if err = c.add(s, &out, who.Account, u.Policies, u.Boundary); err != nil {
			return out, err
		}
		for _, name := range u.Groups {
			if g, ok := state.Groups.Get(s, who.Account+"/"+name); ok {
				if err := c.add(s, &out, who.Account, g.Policies, ""); err != nil {
					return out, err
				}
			}
		}
	case caller.AssumedRole:
		r, ok := state.RoleByARN(s, who.RoleARN)
		if !ok {
			return out, errInvalidKey
		}
		if err = c.add(s, &out, who.Account, r.Policies, r.Boundary); err != nil {
			return out, err
		}
		if who.SessionPolicy != "" {
			if out.Session, err = c.policies.get(iam.Identity, who.SessionPolicy); err != nil {
				return out, unreadable(err)
			}
		}
		if r.ServiceLinked() {
			return out, nil
		}
	}
	out.ServiceControl, err = c.serviceControl(s, who.Account)
	return out, err
}

func (c *Control) add(s *state.Snapshot, out *iam.Entitlements, account string, p identity.Policies, boundary string) error {
	for _, name := range sortedNames(p.Inline) {
		compiled, err := c.policies.get(iam.Identity, p.Inline[name])
		if err != nil {
			return unreadable(err)
		}
		out.Identity = append(out.Identity, compiled)
	}
	for _, name := range p.Attached {
		compiled, err := c.managed(s, account, name)
		if err != nil {
			return err
		}
		out.Identity = append(out.Identity, compiled)
	}
	if boundary != "" {
		compiled, err := c.managed(s, account, boundary)
		if err != nil {
			return err
		}
		out.Boundary = compiled
	}
	return nil
}

func sortedNames(m map[string]string) []string { return tag.Set(m).Keys() }

func (c *Control) managed(s *state.Snapshot, account, policyARN string) (*iam.Policy, error) {
	doc, ok := managedDocument(s, account, policyARN)
	if !ok {
		return nil, fault.New(fault.Denied, "", "The policy %s does not exist.", policyARN)
	}
	compiled, err := c.policies.get(iam.Identity, doc)
	if err != nil {
		return nil, unreadable(err)
	}
	return compiled, nil
}

// managedDocument returns what a managed policy of the account or of AWS says.
func managedDocument(r state.Reader, account, policyARN string) (string, bool) {
	if row, ok := state.ManagedPolicies.Get(r, policyARN); ok && row.Account == account {
		return row.Document(), true
	}
	if !strings.HasPrefix(policyARN, "arn:aws:iam::aws:") {
		return "", false
	}
	for _, m := range iam.ManagedPolicies() {
		if m.ARN == policyARN {
			return m.Document, true
		}
	}
	return "", false
}

// serviceControl returns the policies of each level from the organization's root down to the account.
func (c *Control) serviceControl(s *state.Snapshot, account string) ([][]*iam.Policy, error) {
	var out [][]*iam.Policy
	for _, level := range state.ServiceControl(s, account) {
		compiled := make([]*iam.Policy, 0, len(level))
		for _, doc := range level {
			p, err := c.policies.get(iam.Identity, doc)
			if err != nil {
				return nil, unreadable(err)
			}
			compiled = append(compiled, p)
		}
		out = append(out, compiled)
	}
	return out, nil
}

// ungoverned actions are not for Authorize to decide: no policy bears on GetCallerIdentity and GetSessionToken, and
// AssumeRole is decided by Assume, with the role's trust policy.
var ungoverned = map[string]bool{"sts:GetCallerIdentity": true, "sts:GetSessionToken": true, "sts:AssumeRole": true}

// Authorize decides whether the caller of ctx may perform the action, such as "ec2:CreateVpc", on everything that the input
// names. Where that cannot be told only a statement for every resource allows, and any that names a resource may deny.
func (c *Control) Authorize(ctx context.Context, action string, in any) error {
	who := caller.From(ctx)
	s := c.view.Snapshot()
	if err := checkSession(who, action); err != nil {
		return err
	}
	if ungoverned[action] || who.Kind == caller.Root && len(state.ServiceControl(s, who.Account)) == 0 {
		return nil
	}
	entitlements, err := c.Entitlements(s, who)
	if err != nil {
		return err
	}
	call := newCall(s, who, action, in)
	for _, need := range call.needs() {
		if err := decide(s, who, &entitlements, need); err != nil {
			return err
		}
	}
	return nil
}

// checkSession refuses what the credentials of GetSessionToken cannot do without multi-factor authentication, which there
// is none of.
func checkSession(who *caller.Caller, action string) error {
	if who.Issued.IsZero() || who.Kind == caller.AssumedRole {
		return nil
	}
	if strings.HasPrefix(action, "iam:") {
		return fault.New(fault.Unauthenticated, "InvalidClientTokenId", "The security token included in the request is invalid")
	}
	if strings.HasPrefix(action, "sts:") && action != "sts:AssumeRole" && action != "sts:GetCallerIdentity" {
		return fault.New(fault.Denied, "AccessDenied", "Cannot call %s with session credentials", strings.TrimPrefix(action, "sts:"))
	}
	return nil
}

// need is one thing that must be allowed.
type need struct {
	action   string
	resource iam.Resource
	keys     keys
}

func decide(s *state.Snapshot, who *caller.Caller, entitlements *iam.Entitlements, n need) error {
	n.keys.setResource(s, &n.resource)
	req := iam.Request{Principal: Principal(s, who), Action: n.action, Resource: n.resource, Time: time.Now(), Context: n.keys}
	if outcome := entitlements.Decide(&req); !outcome.Allowed() {
		return refused(outcome, &req)
	}
	return nil
}

// PassRole decides whether the caller of ctx may hand the role to a service, such as "lambda.amazonaws.com".
func (c *Control) PassRole(ctx context.Context, roleARN, service string) error {
	who := caller.From(ctx)
	s := c.view.Snapshot()
	a, err := arn.Parse(roleARN)
	if err != nil || a.Account != who.Account {
		return fault.New(fault.Denied, "", "Cross-account pass role is not allowed.")
	}
	if who.Kind == caller.Root && len(state.ServiceControl(s, who.Account)) == 0 {
		return nil
	}
	entitlements, err := c.Entitlements(s, who)
	if err != nil {
		return err
	}
	k := callKeys(s, who)
	k.service = "iam"
	k.set("iam:PassedToService", service)
	return decide(s, who, &entitlements, need{action: "iam:PassRole", resource: iam.Resource{ARN: roleARN, Account: a.Account}, keys: k})
}
