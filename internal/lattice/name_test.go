package lattice

import (
	"errors"
	"strings"
	"testing"

	"trellis/internal/fault"
)

// invalid reports whether err refuses the field.
func invalid(err error, field string) bool {
	var e *fault.Error
	return errors.As(err, &e) && (e.Kind == fault.Invalid || e.Kind == fault.Unsupported) && len(e.Fields) == 1 && e.Fields[0].Name == field && e.Reason == "fieldValidationFailed"
}

func TestNames(t *testing.T) {
	for _, test := range []struct {
		kind Kind
		name string
		ok   bool
	}{
		{KindService, "abc", true},
		{KindService, "ab", false},
		{KindService, strings.Repeat("a", 40), true},
		{KindService, strings.Repeat("a", 41), false},
		{KindService, "a-b-1", true},
		{KindService, "a--b", false},
		{KindService, "-ab", false},
		{KindService, "ab-", false},
		{KindService, "aBc", false},
		{KindService, "a_c", false},
		{KindService, "aé1", false},
		{KindService, "svc-a", false},
		{KindService, "svca", true},
		{KindNetwork, "sn-abc", true}, // no banned prefix
		{KindNetwork, strings.Repeat("a", 63), true},
		{KindNetwork, strings.Repeat("a", 64), false},
		{KindListener, "listener-1", false},
		{KindListener, "http", true},
		{KindRule, "rule-1", false},
		{KindRule, "tg-1", true},
		{KindTargetGroup, "tg-1", false},
		{KindTargetGroup, strings.Repeat("a", 128), true},
		{KindTargetGroup, strings.Repeat("a", 129), false},
		{KindTargetGroup, "", false},
	} {
		err := test.kind.CheckName(test.name)
		if (err == nil) != test.ok || err != nil && !invalid(err, "name") {
			t.Errorf("%s %q: %v, want ok %v", test.kind.Title, test.name, err, test.ok)
		}
	}
}

func TestIDOf(t *testing.T) {
	for in, want := range map[string]string{
		"svc-1":                                 "svc-1",
		"arn:aws:vpc-lattice:r:1:service/svc-1": "svc-1",
		"arn:aws:vpc-lattice:r:1:service/svc-1/listener/listener-2":    "listener-2",
		"arn:aws:vpc-lattice:r:1:service/svc-1/listener/l/rule/rule-3": "rule-3",
		"arn:": "arn:",
		"":     "",
	} {
		if got := IDOf(in); got != want {
			t.Errorf("IDOf(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestDomains(t *testing.T) {
	for name, ok := range map[string]bool{
		"a.example.com": true, "A.Example.Com": true, "x-y.z": true, "_a.example.com": true,
		"": false, "example": false, ".com": false, "a..b": false, "-a.com": false, "a-.com": false, "a b.com": false, "*.example.com": false,
		strings.Repeat("a", 64) + ".com": false, strings.Repeat("a.", 130) + "com": false,
	} {
		if err := CheckDomain(name); (err == nil) != ok || err != nil && !invalid(err, "customDomainName") {
			t.Errorf("%q: %v, want ok %v", name, err, ok)
		}
	}
}

func TestHostedZones(t *testing.T) {
	a, b := HostedZone("us-east-1"), HostedZone("eu-west-1")
	if a == b || a != HostedZone("us-east-1") || len(a) != 21 || a[0] != 'Z' {
		t.Errorf("zones %q and %q", a, b)
	}
}

func TestStatuses(t *testing.T) {
	pending, done, failed := Realisation{}, Realisation{Created: true, Modified: true}, Realisation{Created: true, Modified: true, Failure: "no"}
	changing := Realisation{Created: true}
	for _, test := range []struct {
		what               string
		deleting, updating bool
		r                  Realisation
		meta, association  string
	}{
		{"new", false, false, pending, Creating, Creating},
		{"made", false, false, done, Active, Active},
		{"failed", false, false, failed, CreateFailed, CreateFailed},
		{"failed, not yet known everywhere", false, false, Realisation{Failure: "no"}, Creating, Creating},
		{"deleting", true, false, done, Deleting, Deleting},
		{"deleting and failed", true, true, failed, Deleting, Deleting},
		{"tags changed", false, false, changing, Active, Active},
		{"updated", false, true, changing, Active, Updating},
		{"updated while new", false, true, pending, Creating, Creating},
		{"update through", false, true, done, Active, Active},
		{"update failed", false, true, failed, CreateFailed, UpdateFailed},
	} {
		a := NetworkVPC{Meta: Meta{Deleting: test.deleting}, Updating: test.updating}
		if got := a.Meta.Status(test.r); got != test.meta {
			t.Errorf("%s: %s, want %s", test.what, got, test.meta)
		}
		if got := a.Status(test.r); got != test.association {
			t.Errorf("%s: association %s, want %s", test.what, got, test.association)
		}
	}
}
