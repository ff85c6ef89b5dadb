package access

import (
	"context"
	"sync"
	"time"

	"trellis/internal/aws/model/sts"
	"trellis/internal/caller"
	"trellis/internal/fault"
	"trellis/internal/iam"
	"trellis/internal/identity"
	"trellis/internal/state"
)

// policyCache keeps compiled policies by kind and document. When it is full it starts over.
type policyCache struct {
	mu   sync.RWMutex
	docs map[string]*iam.Policy
}

const cacheSize = 4096

func (c *policyCache) get(kind iam.Kind, document string) (*iam.Policy, error) {
	key := string(rune('0'+kind)) + document
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
		c.docs = map[string]*iam.Policy{}
	}
	c.docs[key] = p
	return p, nil
}

// Principal returns the caller in the form policies know.
func Principal(s *state.Snapshot, c *caller.Caller) iam.Principal {
	p := iam.Principal{ARN: c.ARN, RoleARN: c.RoleARN, Account: c.Account, UserID: c.UserID}
	switch c.Kind {
	case caller.Root:
		p.Kind = iam.Root
	case caller.User:
		p.Kind = iam.User
		if u, ok := state.Users.Get(s, c.Account+"/"+c.Name()); ok {
			p.Tags = tags(u.Tags)
		}
	case caller.AssumedRole:
		p.Kind = iam.AssumedRole
		if r, ok := state.RoleByARN(s, c.RoleARN); ok {
			p.Tags = tags(r.Tags)
		}
	}
	if o, ok := state.OrganizationOf(s, c.Account); ok {
		p.OrgID = o.ID
	}
	return p
}

func tags(set map[string]string) []iam.Tag {
	out := make([]iam.Tag, 0, len(set))
	for k, v := range set {
		out = append(out, iam.Tag{Key: k, Value: v})
	}
	return out
}

// Entitlements returns every policy that bears on what the caller may do by itself. A policy that cannot be read is an
// error: the caller is then refused, not allowed.
func (c *Control) Entitlements(s *state.Snapshot, who *caller.Caller) (iam.Entitlements, error) {
	var out iam.Entitlements
	levels, err := c.serviceControl(s, who.Account)
	if err != nil {
		return out, err
	}
	out.ServiceControl = levels
	switch who.Kind {
	case caller.User:
		u, ok := state.Users.Get(s, who.Account+"/"+who.Name())
		if !ok {
			return out, errUnknownKey
		}
		if err := c.add(s, &out, u.Policies, u.Boundary); err != nil {
			return out, err
		}
		for _, name := range u.Groups {
			if g, ok := state.Groups.Get(s, who.Account+"/"+name); ok {
				if err := c.add(s, &out, g.Policies, ""); err != nil {
					return out, err
				}
			}
		}
	case caller.AssumedRole:
		r, ok := state.RoleByARN(s, who.RoleARN)
		if !ok {
			return out, errUnknownKey
		}
		if err := c.add(s, &out, r.Policies, r.Boundary); err != nil {
			return out, err
		}
		if who.SessionPolicy != "" {
			if out.Session, err = c.policies.get(iam.Identity, who.SessionPolicy); err != nil {
				return out, err
			}
		}
	}
	return out, nil
}

func (c *Control) add(s *state.Snapshot, out *iam.Entitlements, p identity.Policies, boundary string) error {
	for _, doc := range p.Inline {
		compiled, err := c.policies.get(iam.Identity, doc)
		if err != nil {
			return err
		}
		out.Identity = append(out.Identity, compiled)
	}
	for _, name := range p.Attached {
		compiled, err := c.managed(s, name)
		if err != nil {
			return err
		}
		out.Identity = append(out.Identity, compiled)
	}
	if boundary != "" {
		compiled, err := c.managed(s, boundary)
		if err != nil {
			return err
		}
		out.Boundary = compiled
	}
	return nil
}

func (c *Control) managed(s *state.Snapshot, policyARN string) (*iam.Policy, error) {
	if row, ok := state.ManagedPolicies.Get(s, policyARN); ok {
		return c.policies.get(iam.Identity, row.Document())
	}
	for _, m := range iam.ManagedPolicies() {
		if m.ARN == policyARN {
			return c.policies.get(iam.Identity, m.Document)
		}
	}
	return nil, fault.New(fault.Denied, "", "The policy %s does not exist.", policyARN)
}

// serviceControl returns the policies of each level from the organization's root down to the account.
func (c *Control) serviceControl(s *state.Snapshot, account string) ([][]*iam.Policy, error) {
	var out [][]*iam.Policy
	for _, level := range state.ServiceControl(s, account) {
		var compiled []*iam.Policy
		for _, doc := range level {
			p, err := c.policies.get(iam.Identity, doc)
			if err != nil {
				return nil, err
			}
			compiled = append(compiled, p)
		}
		out = append(out, compiled)
	}
	return out, nil
}

// Authorize decides whether the caller of ctx may perform the action, such as "ec2:CreateVpc", with the input. Which
// resource an input names is known for the actions in resources; for any other only a statement for every resource
// allows, and any that names a resource may deny.
func (c *Control) Authorize(ctx context.Context, action string, in any) error {
	who := caller.From(ctx)
	s := c.view.Snapshot()
	if who.Kind == caller.Root && len(state.ServiceControl(s, who.Account)) == 0 {
		return nil
	}
	if unrestricted[action] {
		return nil
	}
	entitlements, err := c.Entitlements(s, who)
	if err != nil {
		return err
	}
	req := iam.Request{Principal: Principal(s, who), Action: action, Resource: resourceOf(action, in), Time: time.Now(), Context: keys(who)}
	outcome := entitlements.Decide(&req)
	if outcome.Allowed() {
		return nil
	}
	return fault.New(fault.Denied, "", "%s", outcome.Message(&req))
}

// unrestricted actions need no permission: GetCallerIdentity even ignores an explicit deny.
var unrestricted = map[string]bool{"sts:GetCallerIdentity": true}

func keys(who *caller.Caller) iam.Map {
	m := iam.Map{}
	m.Set("aws:RequestedRegion", who.Region)
	if who.SourceIP != "" {
		m.Set("aws:SourceIp", who.SourceIP)
	}
	if who.UserAgent != "" {
		m.Set("aws:UserAgent", who.UserAgent)
	}
	m.Set("aws:SecureTransport", "false")
	return m
}

// resourceOf returns the resource that an input names.
func resourceOf(action string, in any) iam.Resource {
	if f := resources[action]; f != nil {
		if name := f(in); name != "" {
			return iam.Resource{ARN: name}
		}
	}
	return iam.Resource{Unknown: true}
}

// resources says for each action which member of its input is the ARN of the resource.
var resources = map[string]func(any) string{
	"sts:AssumeRole": func(in any) string { return text(in.(*sts.AssumeRoleInput).RoleArn) },
}

func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}
