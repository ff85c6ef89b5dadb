// Package access answers two questions about an API call: whose credentials signed it, and may that principal do what it
// asks? It reads identities from state and asks package iam. Long-term keys are rows of state; a session is not stored at
// all: its token carries it, sealed, so it survives restarts and every server of a cluster knows it.
package access

import (
	"context"
	"encoding/base64"
	"encoding/json"
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
}

// New returns a Control over the view. Session tokens are sealed with seal.
func New(view *state.View, seal state.Sealer) *Control { return &Control{view: view, seal: seal} }

// Session is what a session token carries.
type Session struct {
	AccessKey string    `json:"k"`
	Secret    string    `json:"s"`
	Account   string    `json:"a"`
	Role      string    `json:"r"` // ARN
	RoleID    string    `json:"i"`
	Name      string    `json:"n"`
	Policy    string    `json:"p,omitempty"`
	Expires   time.Time `json:"e"`
}

// Credentials are what a session signs with.
type Credentials struct {
	AccessKey, Secret, Token string
	Expires                  time.Time
	// ARN is the session's: arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION, and ID its AROA…:SESSION.
	ARN, ID string
}

// Issue starts a session of the role. Who may do that is decided before.
func (c *Control) Issue(role *identity.Role, name, policy string, life time.Duration) Credentials {
	s := Session{AccessKey: arn.MintKey("ASIA"), Secret: mintSecret(), Account: role.Account, Role: role.ARN(), RoleID: role.ID, Name: name, Policy: policy,
		Expires: time.Now().Add(life).UTC().Truncate(time.Second)}
	raw, err := json.Marshal(s)
	if err != nil {
		panic(err) // strings and a time always encode
	}
	return Credentials{AccessKey: s.AccessKey, Secret: s.Secret, Token: base64.StdEncoding.EncodeToString(c.seal.Seal(raw)), Expires: s.Expires,
		ARN: s.arn(), ID: s.RoleID + ":" + s.Name}
}

func (s *Session) arn() string {
	role, _ := arn.Parse(s.Role)
	return arn.New("sts", "", s.Account, "assumed-role/"+role.Last()+"/"+s.Name).String()
}

func mintSecret() string {
	return base64.StdEncoding.EncodeToString([]byte(arn.Random(30)))
}

var (
	errUnknownKey = fault.New(fault.Unauthenticated, "InvalidClientTokenId", "The security token included in the request is invalid.")
	errExpired    = fault.New(fault.Unauthenticated, "ExpiredToken", "The security token included in the request is expired")
)

// Lookup returns the secret of an access key and whom it belongs to. The token is that of a session, empty for a long-term
// key. An unknown key, an inactive one and one with a token that is not its own all get the same answer.
func (c *Control) Lookup(_ context.Context, accessKey, token string) (secret string, who caller.Caller, err error) {
	if token != "" {
		return c.session(accessKey, token)
	}
	s := c.view.Snapshot()
	k, ok := state.AccessKeys.Get(s, accessKey)
	if !ok || !k.Active {
		return "", caller.Caller{}, errUnknownKey
	}
	a, ok := state.Accounts.Get(s, k.Account)
	if !ok || a.Closed {
		return "", caller.Caller{}, errUnknownKey
	}
	if k.User == "" {
		return k.Secret, Root(k.Account, k.ID), nil
	}
	u, ok := state.Users.Get(s, k.Account+"/"+k.User)
	if !ok {
		return "", caller.Caller{}, errUnknownKey
	}
	return k.Secret, caller.Caller{Account: k.Account, Kind: caller.User, ARN: u.ARN(), UserID: u.ID, AccessKey: k.ID}, nil
}

// Root returns the root user of an account.
func Root(account, accessKey string) caller.Caller {
	return caller.Caller{Account: account, Kind: caller.Root, ARN: arn.New("iam", "", account, "root").String(), UserID: account, AccessKey: accessKey}
}

func (c *Control) session(accessKey, token string) (string, caller.Caller, error) {
	sealed, err := base64.StdEncoding.DecodeString(token)
	if err != nil {
		return "", caller.Caller{}, errUnknownKey
	}
	raw, err := c.seal.Open(sealed)
	if err != nil {
		return "", caller.Caller{}, errUnknownKey
	}
	var s Session
	if json.Unmarshal(raw, &s) != nil || s.AccessKey != accessKey {
		return "", caller.Caller{}, errUnknownKey
	}
	if !time.Now().Before(s.Expires) {
		return "", caller.Caller{}, errExpired
	}
	// A role that was deleted, or made again under the same name, ends its sessions.
	role, ok := state.RoleByARN(c.view.Snapshot(), s.Role)
	if !ok || role.ID != s.RoleID {
		return "", caller.Caller{}, errUnknownKey
	}
	return s.Secret, caller.Caller{Account: s.Account, Kind: caller.AssumedRole, ARN: s.arn(), UserID: s.RoleID + ":" + s.Name, RoleARN: s.Role, Session: s.Name,
		SessionPolicy: s.Policy, AccessKey: accessKey}, nil
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
		key = NewKey(account.ID, "", now)
		state.Accounts.Put(tx, &account)
		state.AccessKeys.Put(tx, &key)
		return nil
	})
	return account, key, err
}

// NewKey mints an access key of a user, or of the account's root user when user is empty.
func NewKey(account, user string, now time.Time) identity.AccessKey {
	return identity.AccessKey{ID: arn.MintKey("AKIA"), Secret: mintSecret(), Account: account, User: user, Active: true, Created: now}
}
