package access_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"trellis/internal/access"
	"trellis/internal/caller"
	"trellis/internal/fault"
	"trellis/internal/identity"
	"trellis/internal/state"
	"trellis/internal/store/mem"
	"trellis/internal/tag"
)

// flip is a sealer that a test can open and change.
type flip struct{}

func (flip) Seal(b []byte) []byte {
	out := bytes.Clone(b)
	for i := range out {
		out[i] ^= 0x5a
	}
	return out
}

func (f flip) Open(b []byte) ([]byte, error) { return f.Seal(b), nil }

const (
	red  = "111111111111"
	blue = "222222222222"
)

// world is two accounts, of which red has a user and a role with every permission and blue a role that trusts red.
type world struct {
	*access.Control
	t    testing.TB
	view *state.View
}

func newWorld(t *testing.T) *world { t.Helper(); return newWorldOf(t) }

func newWorldOf(t testing.TB) *world {
	t.Helper()
	s := mem.New()
	view, err := state.Open(t.Context(), s, flip{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		view.Close()
		_ = s.Close()
	})
	w := &world{access.New(view, flip{}), t, view}
	for _, id := range []string{red, blue} {
		if _, _, err := access.CreateAccount(t.Context(), view, "account "+id, "", id); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func (w *world) update(fn func(tx *state.Tx)) {
	w.t.Helper()
	if err := w.view.Update(w.t.Context(), func(tx *state.Tx) error { fn(tx); return nil }); err != nil {
		w.t.Fatal(err)
	}
}

const everything = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`

func allow(action, resource string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":%q,"Resource":%q}}`, action, resource)
}

func trust(principal string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":%s,"Action":"sts:AssumeRole"}}`, principal)
}

// user puts a user with the inline policies and returns its context.
func (w *world) user(account, name string, policies ...string) context.Context {
	w.t.Helper()
	u := &identity.User{Account: account, Name: name, Path: "/", ID: "AIDA" + strings.ToUpper(name), Policies: inline(policies)}
	w.update(func(tx *state.Tx) { state.Users.Put(tx, u) })
	return w.as(caller.Caller{Account: account, Kind: caller.User, ARN: u.ARN(), UserID: u.ID})
}

func inline(policies []string) identity.Policies {
	p := identity.Policies{Inline: map[string]string{}}
	for i, doc := range policies {
		p.Inline[fmt.Sprint("p", i)] = doc
	}
	return p
}

func (w *world) role(account, name, trust string, policies ...string) *identity.Role {
	w.t.Helper()
	r := identity.NewRole(account, "/", name, trust, time.Now())
	r.Policies = inline(policies)
	w.update(func(tx *state.Tx) { state.Roles.Put(tx, r) })
	return r
}

func (w *world) as(who caller.Caller) context.Context {
	who.Region = "us-east-1"
	return caller.With(w.t.Context(), &who)
}

// rootKey returns the key, the secret and no token of an account's root user.
func (w *world) rootKey(account string) (string, string, string) {
	for k := range state.AccessKeys.By(w.view.Snapshot(), state.ByIdentity, account+"/") {
		return k.ID, k.Secret, ""
	}
	w.t.Fatalf("account %s has no key", account)
	return "", "", ""
}

// signed looks credentials up as the wire does.
func (w *world) signed(c access.Credentials) (context.Context, error) {
	secret, who, err := w.Lookup(w.t.Context(), c.AccessKey, c.Token)
	if err != nil {
		return nil, err
	}
	if secret != c.Secret {
		w.t.Errorf("the secret of %s is not the one that was issued", c.ARN)
	}
	return w.as(who), nil
}

func (w *world) assume(ctx context.Context, a identity.Assumption) context.Context {
	w.t.Helper()
	c, err := w.Assume(ctx, a)
	if err != nil {
		w.t.Fatal(err)
	}
	out, err := w.signed(c)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func wantKind(t *testing.T, what string, err error, kind fault.Kind) {
	t.Helper()
	if err == nil || fault.KindOf(err) != kind {
		t.Errorf("%s: got %v, want an error of kind %s", what, err, kind)
	}
}

func TestLookup(t *testing.T) {
	w := newWorld(t)
	_, root, err := access.CreateAccount(t.Context(), w.view, "third", "", "333333333333")
	if err != nil {
		t.Fatal(err)
	}
	w.user(red, "ann")
	ann, off, ghost := identity.NewAccessKey(red, "ann", time.Now()), identity.NewAccessKey(red, "ann", time.Now()), identity.NewAccessKey(red, "bob", time.Now())
	off.Active = false
	w.update(func(tx *state.Tx) {
		state.AccessKeys.Put(tx, &ann)
		state.AccessKeys.Put(tx, &off)
		state.AccessKeys.Put(tx, &ghost)
	})
	for _, c := range []struct {
		key  identity.AccessKey
		want string
	}{{root, "arn:aws:iam::333333333333:root"}, {ann, "arn:aws:iam::111111111111:user/ann"}} {
		secret, who, err := w.Lookup(t.Context(), c.key.ID, "")
		if err != nil || secret != c.key.Secret || who.ARN != c.want {
			t.Errorf("Lookup(%s) = %q, %q, %v; want %q", c.key.ID, secret, who.ARN, err, c.want)
		}
	}
	w.update(func(tx *state.Tx) {
		a, _ := state.Accounts.Get(tx, "333333333333")
		a.Closed = true
		state.Accounts.Put(tx, a)
	})
	for what, c := range map[string][2]string{"inactive": {off.ID, ""}, "of a user that is gone": {ghost.ID, ""},
		"of a closed account": {root.ID, ""}, "with a token that is none": {ann.ID, "!"}, "with a foreign token": {ann.ID, "AAAA"}} {
		_, _, err := w.Lookup(t.Context(), c[0], c[1])
		wantKind(t, "a key "+what, err, fault.Unauthenticated)
	}
	for _, key := range []string{"AKIAUNKNOWN", ""} {
		_, _, err := w.Lookup(t.Context(), key, "")
		wantKind(t, "the unknown key "+key, err, fault.NotFound)
	}
}

func TestSessionsEnd(t *testing.T) {
	w := newWorld(t)
	ann := w.user(red, "ann", everything)
	role := w.role(blue, "door", trust(`{"AWS":"`+red+`"}`))
	start := func() access.Credentials {
		t.Helper()
		c, err := w.Assume(ann, identity.Assumption{Role: role.ARN(), Session: "s"})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for what, end := range map[string]func(tx *state.Tx){
		"when the role is deleted": func(tx *state.Tx) { state.Roles.Delete(tx, blue+"/door") },
		"when the role is made again": func(tx *state.Tx) {
			state.Roles.Put(tx, identity.NewRole(blue, "/", "door", role.Trust, time.Now()))
		},
		"when the account is closed": func(tx *state.Tx) {
			a, _ := state.Accounts.Get(tx, blue)
			a.Closed = true
			state.Accounts.Put(tx, a)
		},
	} {
		c := start()
		if _, err := w.signed(c); err != nil {
			t.Fatal(err)
		}
		w.update(end)
		_, err := w.signed(c)
		wantKind(t, "a session "+what, err, fault.Unauthenticated)
		w.update(func(tx *state.Tx) {
			state.Roles.Put(tx, role)
			a, _ := state.Accounts.Get(tx, blue)
			a.Closed = false
			state.Accounts.Put(tx, a)
		})
	}
	c, other := start(), start()
	c.Token = other.Token
	_, err := w.signed(c)
	wantKind(t, "another session's token", err, fault.Unauthenticated)
}

func TestExpiredSession(t *testing.T) {
	w := newWorld(t)
	w.user(red, "ann")
	sealed := func(expires string) string {
		raw := `{"k":"ASIAX","s":"secret","a":"` + red + `","u":"ann","j":"AIDAANN","e":"` + expires + `"}`
		return base64of(flip{}.Seal([]byte(raw)))
	}
	if _, who, err := w.Lookup(t.Context(), "ASIAX", sealed("2999-01-01T00:00:00Z")); err != nil || who.ARN != "arn:aws:iam::111111111111:user/ann" {
		t.Errorf("a session that lasts: %v, %v", who.ARN, err)
	}
	_, _, err := w.Lookup(t.Context(), "ASIAX", sealed("2020-01-01T00:00:00Z"))
	wantKind(t, "an expired session", err, fault.Unauthenticated)
	if !strings.HasPrefix(fmt.Sprint(err), "ExpiredToken") {
		t.Errorf("an expired session is told so: %v", err)
	}
}

func TestTrust(t *testing.T) {
	w := newWorld(t)
	all := w.user(red, "all", everything)
	none := w.user(red, "none")
	one := w.user(red, "one", allow("sts:AssumeRole", "arn:aws:iam::222222222222:role/byaccount"))
	w.user(blue, "none")
	blueNone := w.as(caller.Caller{Account: blue, Kind: caller.User, ARN: "arn:aws:iam::222222222222:user/none", UserID: "AIDANONE"})
	root := w.as(access.Root(red, "AKIA"))
	w.role(blue, "byaccount", trust(`{"AWS":"`+red+`"}`))
	w.role(blue, "byuser", trust(`{"AWS":["arn:aws:iam::111111111111:user/none","arn:aws:iam::222222222222:user/none"]}`))
	w.role(blue, "nobody", trust(`{"AWS":"333333333333"}`))
	w.role(blue, "lambda", trust(`{"Service":"lambda.amazonaws.com"}`))
	w.role(blue, "secret", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":"sts:AssumeRole",
		"Condition":{"StringEquals":{"sts:ExternalId":"sesame"},"StringLike":{"sts:RoleSessionName":"ok-*"}}}}`)
	w.role(blue, "broken", `{"Version":"2012-10-17"}`)
	for _, c := range []struct {
		who     string
		ctx     context.Context
		role    string
		session string
		id      string
		allowed bool
	}{
		{"a user whose account is trusted", all, "byaccount", "s", "", true},
		{"a user with that one permission", one, "byaccount", "s", "", true},
		{"a user with that permission for another role", one, "byuser", "s", "", false},
		{"a user without permissions whose account is trusted", none, "byaccount", "s", "", false},
		{"a user of another account who is named but has no permissions", none, "byuser", "s", "", false},
		{"a user of the same account who is named", blueNone, "byuser", "s", "", true},
		{"a user who is not named", all, "byuser", "s", "", false},
		{"a user of an account that is not trusted", all, "nobody", "s", "", false},
		{"a user for a role of a service", all, "lambda", "s", "", false},
		{"a user for a role that is not there", all, "ghost", "s", "", false},
		{"a user without the external id", all, "secret", "ok-1", "", false},
		{"a user with a wrong external id", all, "secret", "ok-1", "open", false},
		{"a user with the external id", all, "secret", "ok-1", "sesame", true},
		{"a user with the external id and another session name", all, "secret", "no-1", "sesame", false},
		{"a user for a role whose trust cannot be read", all, "broken", "s", "", false},
		{"a root user", root, "byaccount", "s", "", false},
	} {
		got, err := w.Assume(c.ctx, identity.Assumption{Role: "arn:aws:iam::222222222222:role/" + c.role, Session: c.session, ExternalID: c.id})
		switch {
		case c.allowed && err != nil:
			t.Errorf("%s is refused: %v", c.who, err)
		case c.allowed && got.ARN != "arn:aws:sts::222222222222:assumed-role/"+c.role+"/"+c.session:
			t.Errorf("%s becomes %s", c.who, got.ARN)
		case !c.allowed:
			wantKind(t, c.who, err, fault.Denied)
		}
	}
}

func TestAssumeBounds(t *testing.T) {
	w := newWorld(t)
	ann := w.user(red, "ann", everything)
	first := w.role(red, "first", trust(`{"AWS":"111111111111"}`), everything)
	first.MaxSession = 7200
	w.update(func(tx *state.Tx) { state.Roles.Put(tx, first) })
	session := w.assume(ann, identity.Assumption{Role: first.ARN(), Session: "s", Duration: 2 * time.Hour})
	for what, c := range map[string]struct {
		ctx  context.Context
		a    identity.Assumption
		kind fault.Kind
	}{
		"longer than the role's longest":       {ann, identity.Assumption{Duration: 3 * time.Hour}, fault.Invalid},
		"a chained session of over an hour":    {session, identity.Assumption{Duration: 2 * time.Hour}, fault.Invalid},
		"a session policy that is none":        {ann, identity.Assumption{Policy: `{}`}, fault.Invalid},
		"a session policy with a principal":    {ann, identity.Assumption{Policy: trust(`"*"`)}, fault.Invalid},
		"a session policy that is too long":    {ann, identity.Assumption{Policy: everything + strings.Repeat(" ", 2048)}, fault.Invalid},
		"a managed session policy of nobody's": {ann, identity.Assumption{Policies: []string{"arn:aws:iam::111111111111:policy/none"}}, fault.Invalid},
		"tags without sts:TagSession":          {ann, identity.Assumption{Tags: tag.Set{"a": "b"}}, fault.Denied},
		"a source identity without its action": {ann, identity.Assumption{SourceIdentity: "ann"}, fault.Denied},
	} {
		c.a.Role, c.a.Session = first.ARN(), "s"
		_, err := w.Assume(c.ctx, c.a)
		wantKind(t, what, err, c.kind)
	}
	_, err := w.Assume(ann, identity.Assumption{Role: "arn:aws:s3:::bucket", Session: "s"})
	wantKind(t, "an ARN of something else", err, fault.Invalid)
}

func TestSessionPolicyAndTags(t *testing.T) {
	w := newWorld(t)
	ann := w.user(red, "ann", everything)
	open := strings.ReplaceAll(trust(`{"AWS":"111111111111"}`), `"sts:AssumeRole"`, `["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]`)
	role := w.role(red, "all", open, everything)
	both := w.assume(ann, identity.Assumption{Role: role.ARN(), Session: "s", Policy: allow("ec2:CreateVpc", "*"), Policies: []string{"arn:aws:iam::aws:policy/VPCLatticeServicesInvokeAccess"}})
	for action, want := range map[string]bool{"ec2:CreateVpc": true, "ec2:DeleteVpc": false, "vpc-lattice-svcs:Invoke": true} {
		if got := w.Authorize(both, action, nil) == nil; got != want {
			t.Errorf("%s under the session policies: %v, want %v", action, got, want)
		}
	}
	tagged := w.assume(ann, identity.Assumption{Role: role.ARN(), Session: "s", Tags: tag.Set{"team": "a", "env": "x"}, Transitive: []string{"team"}, SourceIdentity: "ann"})
	chained := w.assume(tagged, identity.Assumption{Role: role.ARN(), Session: "t"})
	who := caller.From(chained)
	if who.SessionTags["team"] != "a" || len(who.SessionTags) != 1 || who.SourceIdentity != "ann" {
		t.Errorf("a chained session has %v of %s", who.SessionTags, who.SourceIdentity)
	}
	_, err := w.Assume(tagged, identity.Assumption{Role: role.ARN(), Session: "t", SourceIdentity: "bob"})
	wantKind(t, "another source identity", err, fault.Denied)
	_, err = w.Assume(tagged, identity.Assumption{Role: role.ARN(), Session: "t", Tags: tag.Set{"team": "b"}})
	wantKind(t, "another value of an inherited tag", err, fault.Invalid)
	if p := access.Principal(w.view.Snapshot(), who); len(p.Tags) != 1 || p.Tags[0].Value != "a" {
		t.Errorf("the principal's tags are %v", p.Tags)
	}
}

func TestServices(t *testing.T) {
	w := newWorld(t)
	lambda := w.role(red, "fn", trust(`{"Service":"lambda.amazonaws.com"}`), everything)
	people := w.role(red, "people", trust(`{"AWS":"111111111111"}`))
	everyone := w.role(red, "everyone", trust(`{"AWS":"*"}`))
	for arn, want := range map[string]bool{lambda.ARN(): true, people.ARN(): false, everyone.ARN(): false, "arn:aws:iam::111111111111:role/none": false} {
		if got := w.CanAssume(arn, "lambda.amazonaws.com"); got != want {
			t.Errorf("CanAssume(%s) = %v", arn, got)
		}
		if _, err := w.AssumeAsService(arn, "lambda.amazonaws.com", "f"); (err == nil) != want {
			t.Errorf("AssumeAsService(%s): %v", arn, err)
		}
	}
	if w.CanAssume(lambda.ARN(), "ec2.amazonaws.com") {
		t.Error("another service may assume a role of Lambda's")
	}
	c, err := w.AssumeAsService(lambda.ARN(), "lambda.amazonaws.com", "f")
	if err != nil {
		t.Fatal(err)
	}
	ctx, err := w.signed(c)
	if err != nil || caller.From(ctx).ARN != "arn:aws:sts::111111111111:assumed-role/fn/f" {
		t.Errorf("a function's session: %v", err)
	}
}

func TestSessionToken(t *testing.T) {
	w := newWorld(t)
	ann := w.user(red, "ann", everything)
	c, err := w.SessionToken(ann, 0)
	if err != nil {
		t.Fatal(err)
	}
	session, err := w.signed(c)
	if err != nil {
		t.Fatal(err)
	}
	if got := caller.From(session); got.ARN != caller.From(ann).ARN || got.Kind != caller.User {
		t.Errorf("the session is %s", got.ARN)
	}
	for action, want := range map[string]bool{"ec2:DescribeVpcs": true, "iam:ListUsers": false, "sts:GetCallerIdentity": true, "sts:GetAccessKeyInfo": false} {
		if got := w.Authorize(session, action, nil) == nil; got != want {
			t.Errorf("%s with a session token: %v, want %v", action, got, want)
		}
	}
	_, err = w.SessionToken(session, 0)
	wantKind(t, "a session token for a session token", err, fault.Denied)
	w.update(func(tx *state.Tx) { state.Users.Delete(tx, red+"/ann") })
	_, err = w.signed(c)
	wantKind(t, "a session of a user that is gone", err, fault.Unauthenticated)
	root, err := w.SessionToken(w.as(access.Root(red, "AKIA")), 36*time.Hour)
	if err != nil || time.Until(root.Expires) > time.Hour {
		t.Errorf("a root user's session ends %s, %v", root.Expires, err)
	}
}

func TestAccountsAreDistinct(t *testing.T) {
	w := newWorld(t)
	for what, c := range map[string]struct {
		name, email, id string
		kind            fault.Kind
	}{
		"an id that is taken": {"x", "", red, fault.Exists}, "an id that is none": {"x", "", "12", fault.Invalid}, "no name": {"", "", "", fault.Invalid},
		"an address that is taken": {"x", strings.ToUpper(red) + "@Accounts.invalid", "", fault.Exists},
	} {
		_, _, err := access.CreateAccount(t.Context(), w.view, c.name, c.email, c.id)
		wantKind(t, what, err, c.kind)
	}
}
