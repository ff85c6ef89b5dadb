package ram_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	api "trellis/internal/api/ram"
	"trellis/internal/aws/model/ram"
	"trellis/internal/caller"
	"trellis/internal/fault"
	"trellis/internal/identity"
	"trellis/internal/lattice"
	"trellis/internal/state"
	"trellis/internal/store/mem"
	"trellis/internal/vpc"
)

const (
	manager = "100000000000"
	owner   = "111111111111"
	blue    = "222222222222"
	green   = "333333333333"
	loner   = "999999999999" // in no organization
	region  = "us-east-1"
)

type plain struct{}

func (plain) Seal(b []byte) []byte          { return b }
func (plain) Open(b []byte) ([]byte, error) { return b, nil }

// env is the API over a memory store with an organization of four accounts and one account outside; the clock stands.
type env struct {
	*api.API
	*testing.T
	view *state.View
	now  time.Time
	org  *identity.Organization
}

func newEnv(t *testing.T) *env {
	t.Helper()
	s := mem.New()
	view, err := state.Open(t.Context(), s, plain{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		view.Close()
		_ = s.Close()
	})
	e := &env{T: t, view: view, now: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}
	e.API = api.New(view, func() time.Time { return e.now })
	e.org = identity.NewOrganization(manager, identity.AllFeatures, e.now)
	e.put(func(tx *state.Tx) {
		state.Organizations.Put(tx, e.org)
		for _, id := range []string{manager, owner, blue, green, loner} {
			a := &identity.Account{ID: id, Name: "n" + id}
			if id != loner {
				a.Join(e.org, identity.Invited, e.now)
			}
			state.Accounts.Put(tx, a)
		}
	})
	return e
}

func (e *env) put(fn func(tx *state.Tx)) {
	e.Helper()
	if err := e.view.Update(e.Context(), func(tx *state.Tx) error { fn(tx); return nil }); err != nil {
		e.Fatal(err)
	}
}

func (e *env) as(account string) context.Context {
	return caller.With(e.Context(), &caller.Caller{Account: account, Region: region, ARN: "arn:aws:iam::" + account + ":root"})
}

// enable turns sharing in the organization on.
func (e *env) enable() {
	e.Helper()
	must(e, e.EnableSharingWithAwsOrganization)(manager, &ram.EnableSharingWithAwsOrganizationInput{})
}

// network makes a service network of the account and returns its ARN.
func (e *env) network(account, id string) string {
	e.Helper()
	n := &lattice.Network{Meta: lattice.Meta{Owner: vpc.Owner{Account: account, Region: region}, ID: "sn-" + id, Name: id}}
	e.put(func(tx *state.Tx) { state.Networks.Put(tx, n) })
	return n.ARN()
}

// must returns a call of the operation as an account that fails the test when it is refused.
func must[I, O any](e *env, op func(context.Context, *I) (*O, error)) func(account string, in *I) *O {
	return func(account string, in *I) *O {
		e.Helper()
		out, err := op(e.as(account), in)
		if err != nil {
			e.Fatal(err)
		}
		return out
	}
}

// refused returns a call of the operation as an account that fails the test unless it is refused with the code.
func refused[I, O any](e *env, op func(context.Context, *I) (*O, error)) func(account string, in *I, code string) {
	return func(account string, in *I, code string) {
		e.Helper()
		_, err := op(e.as(account), in)
		var f *fault.Error
		if !errors.As(err, &f) || f.Code != code {
			e.Errorf("got %v, want %s", err, code)
		}
	}
}

// share makes a share of the owner's and returns its ARN.
func (e *env) share(in *ram.CreateResourceShareInput) string {
	e.Helper()
	if in.Name == nil {
		in.Name = new("share")
	}
	return *must(e, e.CreateResourceShare)(owner, in).ResourceShare.ResourceShareArn
}

func (e *env) associations(shareARN, kind string) map[string]string {
	e.Helper()
	out := map[string]string{}
	for _, a := range must(e, e.GetResourceShareAssociations)(owner, &ram.GetResourceShareAssociationsInput{AssociationType: &kind, ResourceShareArns: []string{shareARN}}).ResourceShareAssociations {
		out[*a.AssociatedEntity] = *a.Status
	}
	return out
}

func (e *env) sharedWith(account string) []string {
	return state.ResourcesSharedWith(e.view.Snapshot(), account, region, "servicenetwork/")
}

func want[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestLandingZone(t *testing.T) {
	e := newEnv(t)
	e.enable()
	blueNet, greenNet := e.network(owner, "blue"), e.network(owner, "green")
	made := must(e, e.CreateResourceShare)(owner, &ram.CreateResourceShareInput{Name: new("BlueLatticeRamShare"), AllowExternalPrincipals: new(false),
		Tags: []ram.Tag{{Key: new("Sandbox"), Value: new("SharedServices")}}}).ResourceShare
	want(t, "status", *made.Status, "ACTIVE")
	shareARN := *made.ResourceShareArn
	out := must(e, e.AssociateResourceShare)(owner, &ram.AssociateResourceShareInput{ResourceShareArn: &shareARN, Principals: []string{blue}})
	want(t, "principal's association", *out.ResourceShareAssociations[0].Status, "ASSOCIATED")
	want(t, "external", *out.ResourceShareAssociations[0].External, false)
	must(e, e.AssociateResourceShare)(owner, &ram.AssociateResourceShareInput{ResourceShareArn: &shareARN, ResourceArns: []string{blueNet}})
	want(t, "resource's association", e.associations(shareARN, "RESOURCE")[blueNet], "ASSOCIATED")

	want(t, "blue's network shared with blue", state.SharedWith(e.view.Snapshot(), blueNet, blue), true)
	want(t, "blue's network shared with green", state.SharedWith(e.view.Snapshot(), blueNet, green), false)
	want(t, "green's network shared with blue", state.SharedWith(e.view.Snapshot(), greenNet, blue), false)
	want(t, "blue's network shared with its owner", state.SharedWith(e.view.Snapshot(), blueNet, owner), false)
	perms := must(e, e.ListResourceSharePermissions)(owner, &ram.ListResourceSharePermissionsInput{ResourceShareArn: &shareARN}).Permissions
	if len(perms) != 1 || *perms[0].Name != "AWSRAMPermissionVpcLatticeServiceNetworkReadWrite" {
		t.Errorf("permissions: %+v", perms)
	}
	theirs := must(e, e.GetResourceShares)(blue, &ram.GetResourceSharesInput{ResourceOwner: new("OTHER-ACCOUNTS")}).ResourceShares
	if len(theirs) != 1 || *theirs[0].ResourceShareArn != shareARN || len(theirs[0].Tags) != 0 {
		t.Errorf("blue sees %+v", theirs)
	}
	res := must(e, e.ListResources)(blue, &ram.ListResourcesInput{ResourceOwner: new("OTHER-ACCOUNTS")}).Resources
	if len(res) != 1 || *res[0].Arn != blueNet || *res[0].Type != "vpc-lattice:ServiceNetwork" || *res[0].Status != "AVAILABLE" {
		t.Errorf("blue sees %+v", res)
	}
	for _, account := range []string{green, loner} {
		if got := must(e, e.GetResourceShares)(account, &ram.GetResourceSharesInput{ResourceOwner: new("OTHER-ACCOUNTS")}).ResourceShares; len(got) != 0 {
			t.Errorf("%s sees %+v", account, got)
		}
		refused(e, e.GetResourceShares)(account, &ram.GetResourceSharesInput{ResourceOwner: new("OTHER-ACCOUNTS"), ResourceShareArns: []string{shareARN}}, "UnknownResourceException")
	}

	must(e, e.DisassociateResourceShare)(owner, &ram.DisassociateResourceShareInput{ResourceShareArn: &shareARN, ResourceArns: []string{blueNet}})
	must(e, e.DisassociateResourceShare)(owner, &ram.DisassociateResourceShareInput{ResourceShareArn: &shareARN, Principals: []string{blue}})
	want(t, "association after", e.associations(shareARN, "PRINCIPAL")[blue], "DISASSOCIATED")
	want(t, "shared after", state.SharedWith(e.view.Snapshot(), blueNet, blue), false)
	must(e, e.DeleteResourceShare)(owner, &ram.DeleteResourceShareInput{ResourceShareArn: &shareARN})
	get := &ram.GetResourceSharesInput{ResourceOwner: new("SELF"), ResourceShareArns: []string{shareARN}}
	want(t, "status after deletion", *must(e, e.GetResourceShares)(owner, get).ResourceShares[0].Status, "DELETED")
	if got := must(e, e.GetResourceShares)(owner, &ram.GetResourceSharesInput{ResourceOwner: new("SELF"), ResourceShareStatus: new("ACTIVE")}).ResourceShares; len(got) != 0 {
		t.Errorf("active after deletion: %+v", got)
	}
	e.now = e.now.Add(61 * time.Minute)
	refused(e, e.GetResourceShares)(owner, get, "UnknownResourceException")
}

func TestWhoMayBeAPrincipal(t *testing.T) {
	e := newEnv(t)
	unit := identity.NewUnit(e.org, e.org.Root, "apps", e.now)
	inner := identity.NewUnit(e.org, unit.ID, "inner", e.now)
	e.put(func(tx *state.Tx) {
		state.Units.Put(tx, unit)
		state.Units.Put(tx, inner)
		for _, id := range []string{blue} {
			a, _ := state.Accounts.Get(tx, id)
			a.Parent = inner.ID
			state.Accounts.Put(tx, a)
		}
	})
	orgARN, unitARN := e.org.ARN(), e.org.UnitARN(unit.ID)
	tests := []struct {
		name      string
		disabled  bool // sharing in the organization
		closed    bool // the share to outsiders
		principal string
		status    string // "" for a refusal
		code      string
		reaches   []string
	}{
		{"member", false, true, blue, "ASSOCIATED", "", []string{blue}},
		{"member while sharing is disabled", true, false, blue, "ASSOCIATING", "", nil},
		{"member while sharing is disabled, closed", true, true, blue, "", "OperationNotPermittedException", nil},
		{"outsider", false, false, loner, "ASSOCIATING", "", nil},
		{"outsider, closed", false, true, loner, "", "OperationNotPermittedException", nil},
		{"account that does not exist, closed", false, true, "123456789012", "", "OperationNotPermittedException", nil},
		{"organization", false, true, orgARN, "ASSOCIATED", "", []string{manager, blue, green}},
		{"organization while sharing is disabled", true, false, orgARN, "", "UnknownResourceException", nil},
		{"another organization", false, false, "arn:aws:organizations::" + manager + ":organization/o-zzzzzzzzzz", "", "UnknownResourceException", nil},
		{"unit", false, true, unitARN, "ASSOCIATED", "", []string{blue}},
		{"unit while sharing is disabled", true, false, unitARN, "", "UnknownResourceException", nil},
		{"unit that does not exist", false, false, e.org.UnitARN("ou-zzzz-zzzzzzzz"), "", "UnknownResourceException", nil},
		{"role", false, false, "arn:aws:iam::" + blue + ":role/r", "", "InvalidParameterException", nil},
		{"organization's id", false, false, e.org.ID, "", "InvalidParameterException", nil},
		{"itself", false, false, owner, "", "InvalidParameterException", nil},
		{"nonsense", false, false, "everybody", "", "InvalidParameterException", nil},
		{"service", false, false, "vpc-lattice.amazonaws.com", "", "InvalidParameterException", nil},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.disabled {
				e.put(func(tx *state.Tx) { state.Organizations.Put(tx, e.org) })
			} else {
				e.enable()
			}
			net := e.network(owner, string(rune('a'+i)))
			in := &ram.CreateResourceShareInput{Name: &tt.name, AllowExternalPrincipals: new(!tt.closed), ResourceArns: []string{net}, Principals: []string{tt.principal}}
			if tt.status == "" {
				refused(e, e.CreateResourceShare)(owner, in, tt.code)
				return
			}
			want(t, "status", e.associations(e.share(in), "PRINCIPAL")[tt.principal], tt.status)
			for _, account := range []string{manager, owner, blue, green, loner} {
				want(t, "access of "+account, state.SharedWith(e.view.Snapshot(), net, account), slices.Contains(tt.reaches, account))
			}
		})
	}
}

func TestWhatCanBeShared(t *testing.T) {
	e := newEnv(t)
	shareARN := e.share(&ram.CreateResourceShareInput{})
	foreign := e.network(blue, "theirs")
	tests := []struct{ name, resource, code string }{
		{"not an ARN", "sn-1", "MalformedArnException"},
		{"a type that can't be", "arn:aws:ec2:us-east-1:" + owner + ":vpc/vpc-1", "InvalidParameterException"},
		{"a part of a resource", "arn:aws:vpc-lattice:us-east-1:" + owner + ":service/svc-1/listener/listener-1", "InvalidParameterException"},
		{"not there", "arn:aws:vpc-lattice:us-east-1:" + owner + ":servicenetwork/sn-none", "UnknownResourceException"},
		{"no such resource configuration", "arn:aws:vpc-lattice:us-east-1:" + owner + ":resourceconfiguration/rcfg-none", "UnknownResourceException"},
		{"another account's", foreign, "OperationNotPermittedException"},
		{"another account's, not there", foreign + "x", "OperationNotPermittedException"},
		{"another region's", "arn:aws:vpc-lattice:eu-west-1:" + owner + ":servicenetwork/sn-1", "InvalidParameterException"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			refused(e, e.AssociateResourceShare)(owner, &ram.AssociateResourceShareInput{ResourceShareArn: &shareARN, ResourceArns: []string{tt.resource}}, tt.code)
			refused(e, e.CreateResourceShare)(owner, &ram.CreateResourceShareInput{Name: new("x"), ResourceArns: []string{tt.resource}}, tt.code)
		})
	}
	if got := must(e, e.GetResourceShares)(owner, &ram.GetResourceSharesInput{ResourceOwner: new("SELF")}).ResourceShares; len(got) != 1 {
		t.Errorf("refused calls left shares: %+v", got)
	}
}
