// Package sts answers the AWS Security Token Service's API: who a caller is, and sessions of roles and users. Sessions are not
// stored; package access, which this package reaches through an interface, seals them into their tokens.
package sts

import (
	"context"
	"time"

	"trellis/internal/aws/model/sts"
	"trellis/internal/caller"
	"trellis/internal/fault"
	"trellis/internal/identity"
	"trellis/internal/tag"
)

// Sessions decides about sessions and issues them.
type Sessions interface {
	// Assume starts a session of a role for the caller of ctx.
	Assume(ctx context.Context, a identity.Assumption) (identity.Credentials, error)
	// SessionToken starts a session of the user or root user that calls; a life of zero means the usual one.
	SessionToken(ctx context.Context, life time.Duration) (identity.Credentials, error)
	// KeyAccount returns the account of a long-term access key.
	KeyAccount(accessKey string) (account string, ok bool)
}

// API implements the operations.
type API struct{ sessions Sessions }

// New returns the API.
func New(sessions Sessions) *API { return &API{sessions} }

// GetCallerIdentity says who the caller is.
func (a *API) GetCallerIdentity(ctx context.Context, _ *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
	who := caller.From(ctx)
	return &sts.GetCallerIdentityOutput{Account: &who.Account, Arn: &who.ARN, UserId: &who.UserID}, nil
}

// AssumeRole starts a session of a role.
func (a *API) AssumeRole(ctx context.Context, in *sts.AssumeRoleInput) (*sts.AssumeRoleOutput, error) {
	if in.SerialNumber != nil || in.TokenCode != nil {
		return nil, fault.New(fault.Denied, "AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code.")
	}
	if len(in.ProvidedContexts) > 0 {
		return nil, fault.New(fault.Invalid, "ValidationError", "ProvidedContexts are not supported.")
	}
	tags, err := sessionTags(in.Tags, in.TransitiveTagKeys)
	if err != nil {
		return nil, err
	}
	asked := identity.Assumption{Role: text(in.RoleArn), Session: text(in.RoleSessionName), Duration: seconds(in.DurationSeconds), Policy: text(in.Policy),
		ExternalID: text(in.ExternalId), SourceIdentity: text(in.SourceIdentity), Tags: tags, Transitive: in.TransitiveTagKeys}
	for _, p := range in.PolicyArns {
		asked.Policies = append(asked.Policies, text(p.Arn))
	}
	c, err := a.sessions.Assume(ctx, asked)
	if err != nil {
		return nil, err
	}
	out := &sts.AssumeRoleOutput{Credentials: credentials(&c), AssumedRoleUser: &sts.AssumedRoleUser{Arn: &c.ARN, AssumedRoleId: &c.ID}}
	if c.SourceIdentity != "" {
		out.SourceIdentity = &c.SourceIdentity
	}
	return out, nil
}

// sessionTags checks the tags of a session, whose keys differ in more than case.
func sessionTags(list []sts.Tag, transitive []string) (tag.Set, error) {
	tags, folded := tag.Set{}, map[string]bool{}
	for _, t := range list {
		k := text(t.Key)
		if folded[identity.Fold(k)] {
			return nil, fault.New(fault.Invalid, "InvalidParameterValue", "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		folded[identity.Fold(k)] = true
		tags[k] = text(t.Value)
	}
	for _, k := range transitive {
		if _, ok := tags[k]; !ok {
			return nil, fault.New(fault.Invalid, "InvalidParameterValue", "The transitive tag key %s is not among the tags.", k)
		}
	}
	if len(tags) == 0 {
		return nil, nil
	}
	return tag.Set{}.With(tags)
}

// GetSessionToken starts a session of the caller itself.
func (a *API) GetSessionToken(ctx context.Context, in *sts.GetSessionTokenInput) (*sts.GetSessionTokenOutput, error) {
	if in.SerialNumber != nil || in.TokenCode != nil {
		return nil, fault.New(fault.Denied, "AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code.")
	}
	c, err := a.sessions.SessionToken(ctx, seconds(in.DurationSeconds))
	if err != nil {
		return nil, err
	}
	return &sts.GetSessionTokenOutput{Credentials: credentials(&c)}, nil
}

// GetAccessKeyInfo returns the account of an access key.
func (a *API) GetAccessKeyInfo(_ context.Context, in *sts.GetAccessKeyInfoInput) (*sts.GetAccessKeyInfoOutput, error) {
	account, ok := a.sessions.KeyAccount(text(in.AccessKeyId))
	if !ok {
		return nil, fault.New(fault.Invalid, "ValidationError", "Unable to fetch account information for the access key.")
	}
	return &sts.GetAccessKeyInfoOutput{Account: &account}, nil
}

func credentials(c *identity.Credentials) *sts.Credentials {
	return &sts.Credentials{AccessKeyId: &c.AccessKey, SecretAccessKey: &c.Secret, SessionToken: &c.Token, Expiration: &c.Expires}
}

func seconds(n *int32) time.Duration {
	if n == nil {
		return 0
	}
	return time.Duration(*n) * time.Second
}

func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}
