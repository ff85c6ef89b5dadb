package access

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"sync"
	"time"

	"trellis/internal/arn"
	"trellis/internal/caller"
	"trellis/internal/identity"
	"trellis/internal/state"
)

// Credentials are what a session signs with.
type Credentials = identity.Credentials

// issue fills in the session's key and secret and seals it into its token.
func (c *Control) issue(s identity.Session, life time.Duration) (Credentials, error) {
	now := time.Now().UTC().Truncate(time.Second)
	s.AccessKey, s.Secret = arn.MintKey("ASIA"), identity.NewSecret()
	s.Issued, s.Expires = now, now.Add(life)
	raw, err := json.Marshal(s)
	if err != nil {
		return Credentials{}, err
	}
	out := Credentials{AccessKey: s.AccessKey, Secret: s.Secret, Token: base64.StdEncoding.EncodeToString(c.seal.Seal(raw)), Expires: s.Expires,
		SourceIdentity: s.SourceIdentity}
	if s.Role != "" {
		out.ARN, out.ID = identity.RoleSessionARN(s.Role, s.Name), s.RoleID+":"+s.Name
	}
	return out, nil
}

// sessionCache keeps what tokens carry, which a session that calls often would else be asked for every time. When it is full
// it starts over.
type sessionCache struct {
	mu       sync.RWMutex
	sessions map[string]identity.Session
}

// opened returns what a token carries.
func (c *Control) opened(token string) (identity.Session, bool) {
	c.sessions.mu.RLock()
	s, ok := c.sessions.sessions[token]
	c.sessions.mu.RUnlock()
	if ok {
		return s, true
	}
	sealed, err := base64.StdEncoding.DecodeString(token)
	if err != nil {
		return s, false
	}
	raw, err := c.seal.Open(sealed)
	if err != nil || json.Unmarshal(raw, &s) != nil {
		return identity.Session{}, false
	}
	c.sessions.mu.Lock()
	defer c.sessions.mu.Unlock()
	if c.sessions.sessions == nil || len(c.sessions.sessions) >= cacheSize {
		c.sessions.sessions = map[string]identity.Session{}
	}
	c.sessions.sessions[strings.Clone(token)] = s // a caller may reuse the memory
	return s, true
}

// session opens a token. A session ends when it expires, when its account is closed, and when its role or user is deleted,
// even if another is made under the same name.
func (c *Control) session(r state.Reader, accessKey, token string) (string, caller.Caller, error) {
	s, ok := c.opened(token)
	if !ok || s.AccessKey != accessKey || accessKey == "" {
		return "", caller.Caller{}, errInvalidKey
	}
	if !time.Now().Before(s.Expires) {
		return "", caller.Caller{}, errExpired
	}
	if !open(r, s.Account) {
		return "", caller.Caller{}, errInvalidKey
	}
	who := caller.Caller{Account: s.Account, AccessKey: accessKey, SessionPolicy: s.Policy, SessionTags: s.Tags, Transitive: s.Transitive,
		SourceIdentity: s.SourceIdentity, Issued: s.Issued}
	switch {
	case s.Role != "":
		role, ok := state.RoleByARN(r, s.Role)
		if !ok || role.ID != s.RoleID {
			return "", caller.Caller{}, errInvalidKey
		}
		who.Kind, who.ARN, who.UserID = caller.AssumedRole, identity.RoleSessionARN(s.Role, s.Name), s.RoleID+":"+s.Name
		who.RoleARN, who.Session = s.Role, s.Name
	case s.User != "":
		user, ok := state.Users.Get(r, s.Account+"/"+s.User)
		if !ok || user.ID != s.UserID {
			return "", caller.Caller{}, errInvalidKey
		}
		who.Kind, who.ARN, who.UserID = caller.User, user.ARN(), user.ID
	default:
		root := Root(s.Account, accessKey)
		who.Kind, who.ARN, who.UserID = root.Kind, root.ARN, root.UserID
	}
	return s.Secret, who, nil
}
