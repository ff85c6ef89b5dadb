package identity

import (
	"errors"
	"regexp"
	"testing"
	"time"

	"trellis/internal/fault"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func TestHandshakeMoves(t *testing.T) {
	o := NewOrganization("100000000000", AllFeatures, now)
	late := now.Add(handshakeLife)
	for _, c := range []struct {
		from, to string
		at       time.Time
		code     string
	}{
		{HandshakeOpen, HandshakeAccepted, now, ""},
		{HandshakeOpen, HandshakeDeclined, now, ""},
		{HandshakeOpen, HandshakeCanceled, late.Add(-time.Second), ""},
		{HandshakeOpen, HandshakeAccepted, late, "InvalidHandshakeTransitionException"},
		{HandshakeAccepted, HandshakeAccepted, now, "HandshakeAlreadyInStateException"},
		{HandshakeAccepted, HandshakeCanceled, now, "InvalidHandshakeTransitionException"},
		{HandshakeDeclined, HandshakeAccepted, now, "InvalidHandshakeTransitionException"},
		{HandshakeCanceled, HandshakeDeclined, late, "InvalidHandshakeTransitionException"},
	} {
		h := NewHandshake(o, "200000000000", now)
		h.State = c.from
		err := h.Move(c.to, c.at)
		var e *fault.Error
		switch {
		case c.code == "" && (err != nil || h.State != c.to):
			t.Errorf("%s to %s: %v, state %s", c.from, c.to, err, h.State)
		case c.code != "" && (!errors.As(err, &e) || e.Code != c.code || h.State != c.from):
			t.Errorf("%s to %s: %v, state %s; want %s", c.from, c.to, err, h.State, c.code)
		}
	}
	h := NewHandshake(o, "200000000000", now)
	if h.StateAt(late) != HandshakeExpired || !h.ShownAt(late) || h.ShownAt(late.Add(handshakeShown)) {
		t.Error("an invitation expires and is shown for a while")
	}
}

// TestIDs holds minted ids against the patterns of the API models.
func TestIDs(t *testing.T) {
	o := NewOrganization("100000000000", AllFeatures, now)
	u := NewUnit(o, o.Root, "u", now)
	h := NewHandshake(o, "200000000000", now)
	for id, pattern := range map[string]string{o.ID: `^o-[a-z0-9]{10,32}$`, o.Root: `^r-[0-9a-z]{4,32}$`, u.ID: `^ou-[0-9a-z]{4,32}-[a-z0-9]{8,32}$`, h.ID: `^h-[0-9a-z]{8,32}$`} {
		if !regexp.MustCompile(pattern).MatchString(id) {
			t.Errorf("%s is not of the form %s", id, pattern)
		}
	}
	if k := NewAccessKey("1", "", now); len(k.ID) != 20 || len(k.Secret) != 40 {
		t.Errorf("the key %s has a secret of %d characters", k.ID, len(k.Secret))
	}
}

func TestNames(t *testing.T) {
	o := &Organization{ID: "o-1", Root: "r-1", Management: "100000000000"}
	p := &OrganizationPolicy{ID: "p-1"}
	managed := &OrganizationPolicy{ID: "p-FullAWSAccess", AWSManaged: true}
	h := &Handshake{ID: "h-1", Organization: "o-1", Management: "100000000000"}
	for got, want := range map[string]string{
		o.ARN():           "arn:aws:organizations::100000000000:organization/o-1",
		o.RootARN():       "arn:aws:organizations::100000000000:root/o-1/r-1",
		o.UnitARN("ou-1"): "arn:aws:organizations::100000000000:ou/o-1/ou-1",
		o.AccountARN("2"): "arn:aws:organizations::100000000000:account/o-1/2",
		p.ARN(o):          "arn:aws:organizations::100000000000:policy/o-1/service_control_policy/p-1",
		managed.ARN(o):    "arn:aws:organizations::aws:policy/service_control_policy/p-FullAWSAccess",
		h.ARN():           "arn:aws:organizations::100000000000:handshake/o-1/invite/h-1",
		(&Role{Account: "100000000000", Path: "/a/", Name: "r"}).ARN():          "arn:aws:iam::100000000000:role/a/r",
		RoleSessionARN("arn:aws:iam::100000000000:role/a/r", "s"):               "arn:aws:sts::100000000000:assumed-role/r/s",
		(&InstanceProfile{Account: "100000000000", Path: "/", Name: "i"}).ARN(): "arn:aws:iam::100000000000:instance-profile/i",
		(&ManagedPolicy{Account: "100000000000", Path: "/", Name: "p"}).ARN():   "arn:aws:iam::100000000000:policy/p",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	for arn, want := range map[string]bool{"arn:aws:iam::1:role/r": true, "arn:aws:iam::1:user/r": false, "arn:aws:sts::1:role/r": false, "r": false} {
		if _, _, ok := SplitRole(arn); ok != want {
			t.Errorf("SplitRole(%s) = %v", arn, ok)
		}
	}
	if name, _ := ServiceLinkedRole("vpc-lattice.amazonaws.com", "x"); name != "AWSServiceRoleForVpcLattice_x" {
		t.Errorf("the service-linked role is %s", name)
	}
	if name, _ := ServiceLinkedRole("nothing.amazonaws.com", ""); name != "" {
		t.Errorf("an unknown service has the role %s", name)
	}
}

func TestJoinAndLeave(t *testing.T) {
	o := NewOrganization("100000000000", AllFeatures, now)
	a := Account{ID: "2", Name: "n", Email: "A@b", Created: now}
	before := a
	a.Join(o, Invited, now)
	if a.Organization != o.ID || a.Parent != o.Root || a.JoinedMethod != Invited || !a.Joined.Equal(now) {
		t.Errorf("joined: %+v", a)
	}
	a.Delegated = map[string]time.Time{"ram.amazonaws.com": now}
	a.Leave()
	if a.Organization != before.Organization || a.Parent != "" || a.Delegated != nil || a.JoinedMethod != "" {
		t.Errorf("left: %+v", a)
	}
}

func TestManagedPolicyVersions(t *testing.T) {
	p := ManagedPolicy{Versions: []PolicyVersion{{ID: "v1", Document: "one"}, {ID: "v2", Document: "two"}}, Default: "v2"}
	if p.Document() != "two" {
		t.Errorf("the default document is %s", p.Document())
	}
	if _, ok := p.Version("v3"); ok {
		t.Error("there is a third version")
	}
}
