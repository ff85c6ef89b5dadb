package iam

import (
	"context"
	"regexp"

	"trellis/internal/aws/model/iam"
	"trellis/internal/fault"
	"trellis/internal/identity"
	"trellis/internal/state"
)

const maxKeys = 2

// keyOwner returns the user whose keys a call is about, "" for the root user.
func keyOwner(ctx context.Context, r state.Reader, name *string) (string, error) {
	owner, err := named(ctx, name)
	if err == nil && owner != "" {
		_, err = getUser(r, account(ctx), owner)
	}
	return owner, err
}

// CreateAccessKey makes an access key. Its secret is told this once.
func (a *API) CreateAccessKey(ctx context.Context, in *iam.CreateAccessKeyInput) (*iam.CreateAccessKeyOutput, error) {
	var key identity.AccessKey
	err := a.view.Update(ctx, func(tx *state.Tx) error {
		owner, err := keyOwner(ctx, tx, in.UserName)
		if err != nil {
			return err
		}
		n := 0
		for range state.AccessKeys.By(tx, state.ByIdentity, account(ctx)+"/"+owner) {
			n++
		}
		if n >= maxKeys {
			return quota("AccessKeysPerUser", maxKeys)
		}
		key = identity.NewAccessKey(account(ctx), owner, a.time())
		state.AccessKeys.Put(tx, &key)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &iam.CreateAccessKeyOutput{AccessKey: &iam.AccessKey{AccessKeyId: &key.ID, SecretAccessKey: &key.Secret, UserName: optional(key.User),
		Status: new(statusOf(&key)), CreateDate: &key.Created}}, nil
}

func statusOf(k *identity.AccessKey) string {
	if k.Active {
		return "Active"
	}
	return "Inactive"
}

// ListAccessKeys lists a user's keys, without secrets.
func (a *API) ListAccessKeys(ctx context.Context, in *iam.ListAccessKeysInput) (*iam.ListAccessKeysOutput, error) {
	s := a.view.Snapshot()
	owner, err := keyOwner(ctx, s, in.UserName)
	if err != nil {
		return nil, err
	}
	all := []iam.AccessKeyMetadata{}
	for k := range state.AccessKeys.By(s, state.ByIdentity, account(ctx)+"/"+owner) {
		all = append(all, iam.AccessKeyMetadata{AccessKeyId: &k.ID, UserName: optional(k.User), Status: new(statusOf(k)), CreateDate: &k.Created})
	}
	l, err := cut(all, func(k iam.AccessKeyMetadata) string { return *k.AccessKeyId }, in.MaxItems, in.Marker)
	if err != nil {
		return nil, err
	}
	return &iam.ListAccessKeysOutput{AccessKeyMetadata: l.items, IsTruncated: l.truncated, Marker: l.marker}, nil
}

// key returns a user's access key.
func key(ctx context.Context, tx *state.Tx, name, id *string) (*identity.AccessKey, error) {
	owner, err := keyOwner(ctx, tx, name)
	if err != nil {
		return nil, err
	}
	k, ok := state.AccessKeys.Get(tx, text(id))
	if !ok || k.Account != account(ctx) || k.User != owner {
		return nil, fault.New(fault.NotFound, "NoSuchEntity", "The Access Key with id %s cannot be found.", text(id))
	}
	return k, nil
}

// UpdateAccessKey turns a key on or off.
func (a *API) UpdateAccessKey(ctx context.Context, in *iam.UpdateAccessKeyInput) (*iam.UpdateAccessKeyOutput, error) {
	if s := text(in.Status); s != "Active" && s != "Inactive" {
		return nil, fault.New(fault.Invalid, "ValidationError", "The status %s can't be set: it must be Active or Inactive.", s)
	}
	return nil, a.view.Update(ctx, func(tx *state.Tx) error {
		k, err := key(ctx, tx, in.UserName, in.AccessKeyId)
		if err != nil {
			return err
		}
		k.Active = text(in.Status) == "Active"
		state.AccessKeys.Put(tx, k)
		return nil
	})
}

// DeleteAccessKey removes a key.
func (a *API) DeleteAccessKey(ctx context.Context, in *iam.DeleteAccessKeyInput) (*iam.DeleteAccessKeyOutput, error) {
	return nil, a.view.Update(ctx, func(tx *state.Tx) error {
		k, err := key(ctx, tx, in.UserName, in.AccessKeyId)
		if err != nil {
			return err
		}
		state.AccessKeys.Delete(tx, k.ID)
		return nil
	})
}

// aliasForm is that of an account alias, which is part of a host name.
var aliasForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9]|-[a-z0-9])*$`)

// CreateAccountAlias names the account; a second alias takes the place of the first.
func (a *API) CreateAccountAlias(ctx context.Context, in *iam.CreateAccountAliasInput) (*iam.CreateAccountAliasOutput, error) {
	alias := text(in.AccountAlias)
	if !aliasForm.MatchString(alias) {
		return nil, fault.New(fault.Invalid, "ValidationError", "The specified value for accountAlias is invalid: it must have lowercase letters, digits and single hyphens.")
	}
	return nil, a.view.Update(ctx, func(tx *state.Tx) error {
		for other := range state.Accounts.By(tx, state.ByAlias, alias) {
			if other.ID != account(ctx) {
				return fault.New(fault.Exists, "EntityAlreadyExists", "The account alias %s already exists.", alias)
			}
		}
		return setAlias(ctx, tx, alias)
	})
}

func setAlias(ctx context.Context, tx *state.Tx, alias string) error {
	row, ok := state.Accounts.Get(tx, account(ctx))
	if !ok {
		return fault.New(fault.NotFound, "NoSuchEntity", "The account %s cannot be found.", account(ctx))
	}
	row.Alias = alias
	state.Accounts.Put(tx, row)
	return nil
}

// DeleteAccountAlias takes the name away.
func (a *API) DeleteAccountAlias(ctx context.Context, in *iam.DeleteAccountAliasInput) (*iam.DeleteAccountAliasOutput, error) {
	return nil, a.view.Update(ctx, func(tx *state.Tx) error {
		if row, ok := state.Accounts.Get(tx, account(ctx)); !ok || row.Alias == "" || row.Alias != text(in.AccountAlias) {
			return fault.New(fault.NotFound, "NoSuchEntity", "The account alias %s cannot be found.", text(in.AccountAlias))
		}
		return setAlias(ctx, tx, "")
	})
}

// ListAccountAliases lists the account's alias, if it has one.
func (a *API) ListAccountAliases(ctx context.Context, in *iam.ListAccountAliasesInput) (*iam.ListAccountAliasesOutput, error) {
	all := []string{}
	if row, ok := state.Accounts.Get(a.view.Snapshot(), account(ctx)); ok && row.Alias != "" {
		all = append(all, row.Alias)
	}
	l, err := cut(all, same, in.MaxItems, in.Marker)
	if err != nil {
		return nil, err
	}
	return &iam.ListAccountAliasesOutput{AccountAliases: l.items, IsTruncated: l.truncated, Marker: l.marker}, nil
}

// GetAccountSummary counts what the account has, and the quotas that are held.
func (a *API) GetAccountSummary(ctx context.Context, _ *iam.GetAccountSummaryInput) (*iam.GetAccountSummaryOutput, error) {
	s, id := a.view.Snapshot(), account(ctx)
	n := map[string]int32{"AccountMFAEnabled": 0, "MFADevices": 0, "MFADevicesInUse": 0, "ServerCertificates": 0, "Providers": 0, "AccountSigningCertificatesPresent": 0,
		"AccountAccessKeysPresent": 0, "Users": 0, "Groups": 0, "Roles": 0, "InstanceProfiles": 0, "Policies": 0, "PolicyVersionsInUse": 0,
		"AccessKeysPerUserQuota": maxKeys, "GroupsPerUserQuota": maxGroups, "AttachedPoliciesPerUserQuota": maxAttached,
		"AttachedPoliciesPerGroupQuota": maxAttached, "AttachedPoliciesPerRoleQuota": maxAttached, "PolicySizeQuota": maxManaged,
		"VersionsPerPolicyQuota": maxVersions, "AssumeRolePolicySizeQuota": maxTrust}
	for range state.AccessKeys.By(s, state.ByIdentity, id+"/") {
		n["AccountAccessKeysPresent"] = 1
	}
	for range state.Users.By(s, state.ByAccount, id) {
		n["Users"]++
	}
	for range state.Groups.By(s, state.ByAccount, id) {
		n["Groups"]++
	}
	for range state.Roles.By(s, state.ByAccount, id) {
		n["Roles"]++
	}
	for range state.InstanceProfiles.By(s, state.ByAccount, id) {
		n["InstanceProfiles"]++
	}
	for p := range state.ManagedPolicies.By(s, state.ByAccount, id) {
		n["Policies"]++
		n["PolicyVersionsInUse"] += int32(len(p.Versions))
	}
	return &iam.GetAccountSummaryOutput{SummaryMap: n}, nil
}
