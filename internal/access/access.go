// Package access answers two questions about an API call: whose credentials signed it, and may that principal do what it
// asks? It reads identities from state and asks package iam. Long-term keys are rows of state; a session is not stored at
// all: its token carries it, sealed, so it survives restarts and every server of a cluster knows it.
package access

import (
	"context"
	"time"

	"trellis/internal/arn"
	"trellis/internal/caller"
	"trellis/internal/fault"
	"trellis/internal/identity"
	"trellis/internal/state"
)

// Control looks credentials up, issues sessions and authorizes calls.
type Control struct {
	view     *state.View
	seal     state.Sealer
	policies policyCache
	sessions sessionCache
}

// New returns a Control over the view. Session tokens are sealed with seal.
func New(view *state.View, seal state.Sealer) *Control { return &Control{view: view, seal: seal} }

var (
	errNoKey      = fault.New(fault.NotFound, "InvalidClientTokenId", "The security token included in the request is invalid.")
	errInvalidKey = fault.New(fault.Unauthenticated, "InvalidClientTokenId", "The security token included in the request is invalid.")
	errExpired    = fault.New(fault.Unauthenticated, "ExpiredToken", "The security token included in the request is expired")
)

// Lookup returns the secret of an access key and whom it belongs to. The token is that of a session, empty for a long-term
// key. A key that does not exist, of kind NotFound, one that may not be used and a
// token that is not the key's own, of kind Unauthenticated, all get the same words.
func (c *Control) Lookup(_ context.Context, accessKey, token string) (secret string, who caller.Caller, err error) {
	s := c.view.Snapshot()
	if token != "" {
		return c.session(s, accessKey, token)
	}
	k, ok := state.AccessKeys.Get(s, accessKey)
	if !ok {
		return "", caller.Caller{}, errNoKey
	}
	if !k.Active || !open(s, k.Account) {
		return "", caller.Caller{}, errInvalidKey
	}
	if k.User == "" {
		return k.Secret, Root(k.Account, k.ID), nil
	}
	u, ok := state.Users.Get(s, k.Account+"/"+k.User)
	if !ok {
		return "", caller.Caller{}, errInvalidKey
	}
	return k.Secret, caller.Caller{Account: k.Account, Kind: caller.User, ARN: u.ARN(), UserID: u.ID, AccessKey: k.ID}, nil
}

// open says whether the account exists and was not closed.
func open(r state.Reader, account string) bool {
	a, ok := state.Accounts.Get(r, account)
	return ok && !a.Closed
}

// Root returns the root user of an account.
func Root(account, accessKey string) caller.Caller {
	return caller.Caller{Account: account, Kind: caller.Root, ARN: arn.New("iam", "", account, "root").String(), UserID: account, AccessKey: accessKey}
}

// CreateAccount makes a standalone account, as signing up does, with an access key of its root user. An empty id is minted.
func CreateAccount(ctx context.Context, view *state.View, name, email, id string) (identity.Account, identity.AccessKey, error) {
	if id != "" && !arn.IsAccount(id) {
		return identity.Account{}, identity.AccessKey{}, fault.New(fault.Invalid, "ValidationError", "%q is not an account id: it must have 12 digits.", id)
	}
	if name == "" || len(name) > 50 {
		return identity.Account{}, identity.AccessKey{}, fault.New(fault.Invalid, "ValidationError", "An account's name must have between 1 and 50 characters.")
	}
	now := time.Now().UTC()
	var account identity.Account
	var key identity.AccessKey
	err := view.Update(ctx, func(tx *state.Tx) error {
		account = identity.Account{ID: id, Name: name, Email: email, Created: now}
		if id == "" {
			account.ID = arn.RandomDigits(12)
		}
		if account.Email == "" {
			account.Email = account.ID + "@accounts.invalid"
		}
		if _, ok := state.Accounts.Get(tx, account.ID); ok {
			return fault.New(fault.Exists, "EntityAlreadyExists", "Account %s exists already.", account.ID)
		}
		for other := range state.Accounts.By(tx, state.ByEmail, identity.Address(account.Email)) {
			return fault.New(fault.Exists, "EntityAlreadyExists", "Account %s has the email address %s already.", other.ID, account.Email)
		}
		key = identity.NewAccessKey(account.ID, "", now)
		state.Accounts.Put(tx, &account)
		state.AccessKeys.Put(tx, &key)
		return nil
	})
	return account, key, err
}
