package access

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"trellis/internal/arn"
	"trellis/internal/caller"
	"trellis/internal/fault"
	"trellis/internal/iam"
	"trellis/internal/identity"
	"trellis/internal/state"
	"trellis/internal/tag"
)

const (
	defaultSession = time.Hour
	// chainedSession bounds the session that a role's session starts.
	chainedSession = time.Hour
	serviceSession = 12 * time.Hour
	// maxSessionPolicy is how many characters session policies may have together, managed ones not counted.
	maxSessionPolicy = 2048
)

// Assume starts a session of a role for the caller of ctx, if the role's trust policy and the caller's own policies allow.
// A role that does not exist is refused like one that does not trust the caller.
func (c *Control) Assume(ctx context.Context, a identity.Assumption) (Credentials, error) {
	who := caller.From(ctx)
	s := c.view.Snapshot()
	if parsed, err := arn.Parse(a.Role); err != nil || parsed.Service != "iam" || parsed.Type() != "role" {
		return Credentials{}, fault.New(fault.Invalid, "ValidationError", "%s is invalid", a.Role)
	}
	if who.Kind == caller.Root {
		return Credentials{}, fault.New(fault.Denied, "AccessDenied", "Roles may not be assumed by root accounts.")
	}
	if err := inherit(who, &a); err != nil {
		return Credentials{}, err
	}
	role, err := c.mayAssume(s, who, &a)
	if err != nil {
		return Credentials{}, err
	}
	life, err := sessionLife(who, role, a.Duration)
	if err != nil {
		return Credentials{}, err
	}
	policy, err := c.sessionPolicy(s, role.Account, &a)
	if err != nil {
		return Credentials{}, err
	}
	return c.issue(identity.Session{Account: role.Account, Role: a.Role, RoleID: role.ID, Name: a.Session, Policy: policy, Tags: a.Tags, Transitive: a.Transitive,
		SourceIdentity: a.SourceIdentity}, life)
}

// inherit hands on what the caller's own session passes to every session it starts: transitive tags and the source
// identity, neither of which can be changed on the way.
func inherit(who *caller.Caller, a *identity.Assumption) error {
	if who.SourceIdentity != "" {
		if a.SourceIdentity != "" && a.SourceIdentity != who.SourceIdentity {
			return fault.New(fault.Denied, "AccessDenied", "The source identity of a session can't be changed.")
		}
		a.SourceIdentity = who.SourceIdentity
	}
	if len(who.Transitive) == 0 {
		return nil
	}
	passed := tag.Set{}
	for _, k := range who.Transitive {
		passed[k] = who.SessionTags[k]
		if v, ok := a.Tags[k]; ok && v != passed[k] {
			return fault.New(fault.Invalid, "InvalidParameterValue", "The tag %s is inherited from the calling session and can't be changed.", k)
		}
	}
	maps.Copy(passed, a.Tags)
	a.Tags = passed
	a.Transitive = slices.Compact(slices.Sorted(slices.Values(slices.Concat(a.Transitive, who.Transitive))))
	return nil
}

// mayAssume decides with the trust policy and the caller's policies together.
func (c *Control) mayAssume(s *state.Snapshot, who *caller.Caller, a *identity.Assumption) (*identity.Role, error) {
	owner, _, _ := identity.SplitRole(a.Role)
	req := iam.Request{Principal: Principal(s, who), Action: "sts:AssumeRole", Resource: iam.Resource{ARN: a.Role, Account: owner}, Time: time.Now()}
	role, ok := state.RoleByARN(s, a.Role)
	if !ok || !open(s, owner) {
		return nil, fault.New(fault.Denied, "AccessDenied", "User: %s is not authorized to perform: sts:AssumeRole on resource: %s", who.ARN, a.Role)
	}
	trust, err := c.policies.get(iam.Trust, role.Trust)
	if err != nil {
		return nil, unreadable(err)
	}
	entitlements, err := c.Entitlements(s, who)
	if err != nil {
		return nil, err
	}
	k := callKeys(s, who)
	k.set("sts:RoleSessionName", a.Session)
	k.set("sts:ExternalId", nonEmpty(a.ExternalID)...)
	k.set("sts:SourceIdentity", nonEmpty(a.SourceIdentity)...)
	k.set("sts:TransitiveTagKeys", a.Transitive...)
	k.requestTags(a.Tags)
	k.resourceTags("iam", role.Tags)
	req.Context = k
	actions := []string{"sts:AssumeRole"}
	if len(a.Tags) > 0 {
		actions = append(actions, "sts:TagSession")
	}
	if a.SourceIdentity != "" {
		actions = append(actions, "sts:SetSourceIdentity")
	}
	decision := iam.Access{Entitlements: entitlements, Resource: trust}
	for _, action := range actions {
		req.Action = action
		if outcome := decision.Decide(&req); !outcome.Allowed() {
			return nil, refused(outcome, &req)
		}
	}
	return role, nil
}

func sessionLife(who *caller.Caller, role *identity.Role, asked time.Duration) (time.Duration, error) {
	switch {
	case asked == 0:
		return defaultSession, nil
	case asked > time.Duration(role.MaxSession)*time.Second:
		return 0, fault.New(fault.Invalid, "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	case who.Kind == caller.AssumedRole && asked > chainedSession:
		return 0, fault.New(fault.Invalid, "ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.")
	}
	return asked, nil
}

// sessionPolicy joins the session policies into one document; together they allow what any of them does.
func (c *Control) sessionPolicy(s *state.Snapshot, account string, a *identity.Assumption) (string, error) {
	if len(a.Policy) > maxSessionPolicy {
		return "", fault.New(fault.Invalid, "PackedPolicyTooLarge", "Packed policy consumes %d%% of allotted space, please use smaller policy.", len(a.Policy)*100/maxSessionPolicy)
	}
	var docs []string
	if a.Policy != "" {
		docs = append(docs, a.Policy)
	}
	for _, name := range a.Policies {
		doc, ok := managedDocument(s, account, name)
		if !ok {
			return "", fault.New(fault.Invalid, "ValidationError", "Policy %s does not exist or is not attachable.", name)
		}
		docs = append(docs, doc)
	}
	for _, doc := range docs {
		if _, err := c.policies.get(iam.Identity, doc); err != nil {
			return "", malformed(err)
		}
	}
	switch len(docs) {
	case 0:
		return "", nil
	case 1:
		return docs[0], nil
	}
	return join(docs)
}

// join makes one policy of several that are valid. Its statements lose their Sid, which has to be unique.
func join(docs []string) (string, error) {
	type document struct {
		Version   string
		Statement json.RawMessage
	}
	var all []map[string]json.RawMessage
	version := ""
	for i, doc := range docs {
		var d document
		if err := json.Unmarshal([]byte(doc), &d); err != nil {
			return "", malformed(err)
		}
		if i > 0 && d.Version != version {
			return "", fault.New(fault.Invalid, "MalformedPolicyDocument", "The session policies must all have the same Version.")
		}
		version = d.Version
		var list []map[string]json.RawMessage
		if json.Unmarshal(d.Statement, &list) != nil {
			list = make([]map[string]json.RawMessage, 1)
			if err := json.Unmarshal(d.Statement, &list[0]); err != nil {
				return "", malformed(err)
			}
		}
		for _, statement := range list {
			delete(statement, "Sid")
			all = append(all, statement)
		}
	}
	out := map[string]any{"Statement": all}
	if version != "" {
		out["Version"] = version
	}
	raw, err := json.Marshal(out)
	return string(raw), err
}

// SessionToken starts a session of the user or root user that calls.
func (c *Control) SessionToken(ctx context.Context, life time.Duration) (Credentials, error) {
	who := caller.From(ctx)
	if who.Kind == caller.AssumedRole || !who.Issued.IsZero() {
		return Credentials{}, fault.New(fault.Denied, "AccessDenied", "Cannot call GetSessionToken with session credentials")
	}
	session := identity.Session{Account: who.Account}
	switch who.Kind {
	case caller.User:
		session.User, session.UserID = who.Name(), who.UserID
		if life == 0 {
			life = 12 * time.Hour
		}
	case caller.Root:
		if life == 0 || life > time.Hour {
			life = time.Hour
		}
	}
	return c.issue(session, life)
}

// trusted says whether the role's trust policy lets the service assume it.
func (c *Control) trusted(role *identity.Role, service string) bool {
	trust, err := c.policies.get(iam.Trust, role.Trust)
	if err != nil {
		return false
	}
	k := keys{known: iam.Map{}}
	k.set("aws:SourceAccount", role.Account)
	req := iam.Request{Principal: iam.Principal{Kind: iam.Service, ARN: service}, Action: "sts:AssumeRole",
		Resource: iam.Resource{ARN: role.ARN(), Account: role.Account}, Time: time.Now(), Context: k}
	decision := iam.Access{Resource: trust}
	return decision.Decide(&req).Allowed()
}

// CanAssume says whether a service, such as "lambda.amazonaws.com", may act with the role.
func (c *Control) CanAssume(roleARN, service string) bool {
	role, ok := state.RoleByARN(c.view.Snapshot(), roleARN)
	return ok && c.trusted(role, service)
}

// AssumeAsService starts a session of the role for a service that its trust policy names.
func (c *Control) AssumeAsService(roleARN, service, session string) (Credentials, error) {
	s := c.view.Snapshot()
	role, ok := state.RoleByARN(s, roleARN)
	if !ok || !open(s, role.Account) || !c.trusted(role, service) {
		return Credentials{}, fault.New(fault.Denied, "AccessDenied", "%s is not authorized to perform: sts:AssumeRole on resource: %s", service, roleARN)
	}
	return c.issue(identity.Session{Account: role.Account, Role: roleARN, RoleID: role.ID, Name: session}, serviceSession)
}

// KeyAccount returns the account that an access key belongs to.
func (c *Control) KeyAccount(accessKey string) (string, bool) {
	k, ok := state.AccessKeys.Get(c.view.Snapshot(), accessKey)
	if !ok {
		return "", false
	}
	return k.Account, true
}

func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}
