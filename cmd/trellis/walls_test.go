package main

import (
	"hash/fnv"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"trellis/internal/aws/model"
	"trellis/test/estate"
	"trellis/test/forge"
)

// everything makes the generated tests leave nothing out: every kind of identifier at every place, many more broken inputs.
var everything = os.Getenv("TRELLIS_EVERYTHING") != ""

// ghost is an identifier of the same form that nothing has and nothing ever had.
func ghost(id string) string {
	id, all := strings.CutSuffix(id, ":*")
	cut := strings.LastIndexAny(id, "/:") + 1
	if i := strings.IndexByte(id[cut:], '-'); i >= 0 && strings.Trim(id[cut:cut+i], "abcdefghijklmnopqrstuvwxyz") == "" {
		cut += i + 1
	} else if strings.HasPrefix(id, "AKIA") {
		cut = len("AKIA")
	}
	turn := func(first, last, r rune) rune { return first + (r-first+1)%(last-first+1) }
	other := strings.Map(func(r rune) rune {
		switch {
		case r >= '2' && r <= '7':
			return turn('2', '7', r)
		case r >= 'a' && r <= 'f':
			return turn('a', 'f', r)
		case r >= 'g' && r <= 'z':
			return turn('g', 'z', r)
		case r >= 'A' && r <= 'Z':
			return turn('A', 'Z', r)
		case r == '1':
			return '9'
		}
		return r
	}, id[cut:])
	id = id[:cut] + other
	if all {
		id += ":*"
	}
	return id
}

var (
	requestIDs = regexp.MustCompile(`(?i)<requestid>[^<]*`)
	times      = regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:.]+(Z|\+0000)|\b\d{10}(\.\d+)?\b|\b\d{13}\b`)
	// The number in a load balancer's name has more digits or fewer.
	balancers = regexp.MustCompile(`-[0-9a-f]+(\.[a-z0-9-]+\.elb\.)`)
	// A parser names what it did not expect.
	unexpected = regexp.MustCompile(`invalid character '.'`)
	random     = regexp.MustCompile(`\b[0-9a-f]{8}-[0-9a-f-]{27}\b|\b[a-z]+(-[0-9a-z]{4})?-[0-9a-z]{8,32}\b|-[0-9a-z]{17}\.|-[0-9a-f]{10}\.|"AccountId":"\d{12}"|\b_?[0-9a-f]{15,}\b|\b(AKIA|ASIA|AIDA|AROA|AGPA|ANPA|AIPA)[0-9A-Z]{16}\b`)
)

// told is what an answer says to somebody who asked with an identifier, without it. Another one is taken out too where it stands whole.
func told(a forge.Answer, id, other string) string {
	text := a.Body
	id, other = strings.TrimSuffix(id, ":*"), strings.TrimSuffix(other, ":*")
	for _, id := range []string{id, other} {
		for _, part := range []string{id, id[strings.LastIndexAny(id, "/:")+1:]} {
			if len(part) > 3 {
				text = strings.ReplaceAll(text, part, "ID")
				// Names of hosts are told in small letters.
				text = strings.ReplaceAll(text, strings.ToLower(part), "ID")
			}
		}
	}
	// Messages cut long values short.
	const short = 13
	if len(id) > short && strings.Contains(text, id[:short]) {
		for n := len(id) - 1; n >= short; n-- {
			if strings.Contains(text, id[:n]) {
				return strings.ReplaceAll(text, id[:n], "ID")
			}
		}
	}
	return text
}

// alike says if two answers say the same, but for what is different each time.
func alike(a, b string) bool { return a == b || lasting(a) == lasting(b) }

// lasting is a text without what is different each time.
func lasting(text string) string {
	text = requestIDs.ReplaceAllString(text, "")
	text = balancers.ReplaceAllString(text, "-NUMBER$1")
	text = unexpected.ReplaceAllString(text, "CHARACTER")
	// A name may end in a number that would do for a time.
	text = random.ReplaceAllString(text, "RANDOM")
	return times.ReplaceAllString(text, "TIME")
}

// oracles are the places at which AWS tells what is there from what is not, and why.
var oracles = map[string]string{
	"sts.GetAccessKeyInfo AccessKeyId":                    "it names the account of any key: that is what it is for",
	"iam.CreateAccountAlias AccountAlias":                 "aliases are unique among all accounts",
	"lambda.AddPermission Principal":                      "policies of resources take only principals that are there",
	"organizations.InviteAccountToOrganization Target.Id": "an account in an organization is refused with a reason of its own, ALREADY_IN_AN_ORGANIZATION",
}

// fellows are the places at which AWS tells that to the members of an organization of what is in it.
var fellows = map[string]string{
	"ram.CreateResourceShare principals.0":    "a member shares with the units of its organization",
	"ram.AssociateResourceShare principals.0": "a member shares with the units and, without an invitation, with the accounts of its organization",
}

// Nobody learns or changes what is another account's, whatever place of whatever operation they name it at: not a stranger, not
// another member of the organization, not one with whom it was shared once. The answer is the one that an identifier gets which
// nothing ever had.
func TestWalls(t *testing.T) {
	w := newWorld(t)
	owner, outsiders := w.divided(t)
	for _, p := range outsiders {
		t.Run(p.who, func(t *testing.T) {
			t.Parallel()
			var whole, asked, answered atomic.Int64
			t.Cleanup(func() {
				if int(whole.Load()) == len(w.apis) && (asked.Load() < 1000 || answered.Load() < 100) {
					t.Errorf("%d identifiers asked for, %d with success: the generator makes nothing of the models", asked.Load(), answered.Load())
				}
			})
			for _, name := range slices.Sorted(maps.Keys(w.apis)) {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					a, pr := w.apis[name], newProber(t, w, w.apis[name].Service, p.has, owner)
					pr.known = func(what string) bool { return oracles[what] != "" || p.fellow && fellows[what] != "" }
					for _, op := range slices.Sorted(maps.Keys(a.operations)) {
						pr.operation(t, a, a.operations[op])
					}
					if !maps.Equal(pr.scratch.rows(t), pr.scratch.had) {
						t.Error("what calls changed was not put back")
					}
					t.Logf("%s, %s: %d identifiers asked for in %d operations, %d of them with success; %d requests, %d refused, %d changed something", p.who, name, pr.asked, len(a.operations), pr.answered, 2*pr.asked, pr.refused, pr.changed)
					whole.Add(1)
					asked.Add(int64(pr.asked))
					answered.Add(int64(pr.answered))
				})
			}
		})
	}
}

// ownersMark stands wherever the owner chose a text.
const ownersMark = "OnlyForTheOwner"

// outsider is an account that is not to see what the owner has.
type outsider struct {
	who string
	has estate.Estate
	// fellow says that it is in the owner's organization.
	fellow bool
}

// divided makes an owner, and outsiders of each kind.
func (w *world) divided(t testing.TB) (owner estate.Estate, outsiders []outsider) {
	t.Helper()
	const account = "111111111111"
	for _, id := range []string{account, "222222222222", "333333333333", "444444444444", "555555555555", "666666666666", "777777777777"} {
		w.open(t, id)
	}
	owner = w.populate(t, account, "222222222222", ownersMark, true)
	w.must(t, account, "organizations", "CreateAccount", map[string]any{"AccountName": "another", "Email": "another@example.com"})
	w.must(t, account, "ram", "EnableSharingWithAwsOrganization", map[string]any{})
	member := ""
	for _, a := range w.must(t, account, "organizations", "ListAccounts", map[string]any{})["Accounts"].([]any) {
		if a := a.(map[string]any); a["Name"] == "another" {
			member = a["Id"].(string)
		}
	}
	w.unshare(t, account, "666666666666", owner)
	return owner, []outsider{
		{"a stranger", w.populate(t, "444444444444", "555555555555", "stranger", true), false},
		{"another member of the organization", w.populate(t, member, "333333333333", "member", false), true},
		{"one with whom it was shared", w.populate(t, "666666666666", "777777777777", "sharee", true), false},
	}
}

// trespass says of a row that somebody else's call changed or made if it is the owner's.
func trespass(owner, key, old, now string) bool {
	if old == now {
		return false
	}
	if old != "" {
		return strings.Contains(old, `"`+owner+`"`) || strings.Contains(key, owner)
	}
	// The key of a row that is somebody else's may end in what was asked for.
	_, of, _ := strings.Cut(key, "|")
	if arn := strings.SplitN(of, ":", 6); len(arn) == 6 && arn[0] == "arn" {
		of = arn[4]
	}
	return strings.HasPrefix(of, owner) || strings.Contains(now, `"`+owner+`"`) || strings.Contains(now, `"`+owner+`/`)
}

// must makes a call that is to succeed and answers its output.
func (w *world) must(t testing.TB, account, api, operation string, in map[string]any) map[string]any {
	t.Helper()
	got := w.call(account, api, operation, in)
	if got.Status >= 300 {
		t.Fatalf("%s %s: %d %s %s", operation, shown(in), got.Status, got.Code, got.Message)
	}
	a := w.apis[api]
	out, err := forge.Output(a.Service, a.operations[operation], got)
	if err != nil {
		t.Fatal(err)
	}
	w.settle(t)
	return out
}

// unshare lets an account have what the owner shares, and takes it away again.
func (w *world) unshare(t testing.TB, owner, with string, e estate.Estate) {
	t.Helper()
	made := w.must(t, owner, "ram", "CreateResourceShare", map[string]any{"name": "once", "resourceArns": []any{e["network.arn"], e["service.arn"]}, "principals": []any{with}, "allowExternalPrincipals": true})
	share := made["resourceShare"].(map[string]any)["resourceShareArn"]
	invitations := w.must(t, with, "ram", "GetResourceShareInvitations", map[string]any{"resourceShareArns": []any{share}})["resourceShareInvitations"].([]any)
	w.must(t, with, "ram", "AcceptResourceShareInvitation", map[string]any{"resourceShareInvitationArn": invitations[0].(map[string]any)["resourceShareInvitationArn"]})
	if got := w.call(with, "vpclattice", "GetServiceNetwork", map[string]any{"serviceNetworkIdentifier": e["network.arn"]}); got.Status != 200 {
		t.Fatalf("what is shared is not seen: %s", got.Body)
	}
	w.must(t, owner, "ram", "DisassociateResourceShare", map[string]any{"resourceShareArn": share, "principals": []any{with}})
}

// prober asks every operation for what is the owner's.
type prober struct {
	scratch    *world
	script     *estate.Script
	maker      *forge.Maker
	has, owner estate.Estate
	// known says of a place that AWS tells there what is there.
	known func(string) bool
	// secrets are the names of what only the owner knows, clean are answers that have nothing of it.
	secrets []string
	clean   map[string]bool
	// filters are the names of filters that operations take.
	filters map[string][]string
	// identifiers that were asked for and those of them with success; requests that were refused and those that changed anything.
	asked, answered, refused, changed int
}

func newProber(t *testing.T, w *world, s *model.Service, has, owner estate.Estate) *prober {
	p := &prober{scratch: w.fork(t), script: newScript(t), has: has, owner: owner, clean: map[string]bool{}, filters: map[string][]string{}}
	p.maker = &forge.Maker{Service: s, Known: p.script.Known(has)}
	for name, theirs := range owner {
		if len(theirs) > 12 && name != "zip" && has[name] != theirs {
			p.secrets = append(p.secrets, name)
		}
	}
	return p
}

func (p *prober) operation(t *testing.T, a *api, op *model.Operation) {
	by, in := p.script.Call(a.Service, op, p.has)
	for _, spot := range forge.Spots(a.Service, op) {
		if spot.Shape.Kind != model.String || len(spot.Shape.Enum) > 0 {
			continue
		}
		for _, name := range p.names(a.Package+"."+op.Name+"."+spot.Path, spot.Shape, forge.At(in, spot.Path)) {
			id := p.owner[name]
			real, none := p.maker.With(op, in, spot.Path, id), p.maker.With(op, in, spot.Path, ghost(id))
			of, isFilter := strings.CutSuffix(spot.Path, "Filters.0.Values.0")
			if !isFilter {
				p.compare(t, a, op, by, spot.Path, id, real, none)
				continue
			}
			place := of + "Filters.0.Name"
			for _, filter := range p.filtersOf(t, a, op, by, place, none) {
				p.compare(t, a, op, by, spot.Path, id, p.maker.With(op, real, place, filter), p.maker.With(op, none, place, filter))
			}
		}
	}
}

// filtersOf are the names of filters that an operation takes at a place: EC2 names them after the members of what is listed, as
// association.subnet-id, and refuses those that it does not know.
func (p *prober) filtersOf(t *testing.T, a *api, op *model.Operation, by, place string, in map[string]any) []string {
	if known, ok := p.filters[op.Name]; ok {
		return known
	}
	var out []string
	for _, name := range filterNames(a.Service, op) {
		if got := p.scratch.call(by, a.Package, op.Name, p.maker.With(op, in, place, name)); got.Status < 300 {
			out = append(out, name)
		}
	}
	if len(out) == 0 {
		t.Errorf("%s takes no filter that is named after what it lists", op.Name)
	}
	p.filters[op.Name] = out
	return out
}

var words = regexp.MustCompile(`[A-Z][a-z0-9]*`)

// filterNames are the names that filters of an operation may have, by its output: of each text in it the member's name, and that with the
// names of the members that hold it.
func filterNames(s *model.Service, op *model.Operation) []string {
	var out []string
	for _, spot := range forge.Told(s, op) {
		if spot.Shape.Kind != model.String || len(spot.Shape.Enum) > 0 {
			continue
		}
		name, way := "", strings.Split(spot.Path, ".")
		for i, part := range slices.Backward(way) {
			if i == 0 || part == "0" {
				continue
			}
			part = strings.ToLower(strings.Join(words.FindAllString(part, -1), "-"))
			if i+1 < len(way) && way[i+1] == "0" {
				part = strings.TrimSuffix(strings.TrimSuffix(part, "-set"), "s")
			}
			if name != "" {
				part += "." + name
			}
			if name = part; !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out
}

// names are the kinds of identifiers to try at a place: all that fit, or those of the kind that stands there, or else
// one at every third place.
func (p *prober) names(path string, shape *model.Shape, there any) []string {
	all := slices.DeleteFunc(p.owner.Identifiers(), func(name string) bool { return p.has[name] == p.owner[name] || !p.maker.Fits(shape, p.owner[name]) })
	if everything || len(all) == 0 {
		return all
	}
	kind := ""
	for name, id := range p.has {
		if there == id {
			kind, _, _ = strings.Cut(name, ".")
		}
	}
	of := slices.DeleteFunc(slices.Clone(all), func(name string) bool { return kind == "" || name != kind && !strings.HasPrefix(name, kind+".") })
	if len(of) > 0 {
		return of
	}
	h := fnv.New32a()
	h.Write([]byte(path))
	if h.Sum32()%3 > 0 {
		return nil
	}
	return all[h.Sum32()%uint32(len(all)):][:1]
}

// compare asks for what is there and for what is not.
func (p *prober) compare(t *testing.T, a *api, op *model.Operation, by, path, id string, real, none map[string]any) {
	what := a.Package + "." + op.Name + " " + path
	first := p.ask(t, a, op, by, what, real)
	second := p.ask(t, a, op, by, what, none)
	p.asked++
	if first.Status < 300 {
		p.answered++
	}
	// Either identifier may end in a word that another thing is called.
	said, other := told(first, id, ghost(id)), told(second, ghost(id), id)
	if !p.known(what) && (first.Status != second.Status || first.Code != second.Code || !alike(said, other)) {
		t.Errorf("%s tells what is there: %s\n%d %s %.400s\nand what is not: %s\n%d %s %.400s", what, shown(real), first.Status, first.Code, said, shown(none), second.Status, second.Code, other)
	}
	if p.clean[said] {
		return
	}
	clean := true
	if strings.Contains(said, ownersMark) {
		clean = false
		t.Errorf("%s shows what is the owner's: %s\n%.400s", what, shown(real), said)
	}
	for _, name := range p.secrets {
		if theirs := p.owner[name]; strings.Contains(said, theirs) {
			clean = false
			if !strings.Contains(shown(real), theirs) {
				t.Errorf("%s shows the owner's %s: %s\n%.400s", what, name, shown(real), said)
			}
		}
	}
	if clean && len(said) < 1<<10 {
		p.clean[said] = true
	}
}

// ask makes a call and sees that it changes nothing of the owner's.
func (p *prober) ask(t *testing.T, a *api, op *model.Operation, by, what string, in map[string]any) forge.Answer {
	before := p.scratch.view.Snapshot().Rev
	got := p.scratch.call(by, a.Package, op.Name, in)
	if got.Status >= 300 {
		p.refused++
	}
	if wrong := got.Improper(); wrong != "" {
		t.Errorf("%s is answered %d %s %q: %s\n%s", what, got.Status, got.Code, got.Message, wrong, shown(in))
	}
	if p.scratch.view.Snapshot().Rev == before {
		return got
	}
	p.changed++
	p.scratch.settle(t)
	for key, now := range p.scratch.store.changes() {
		if old := p.scratch.had[key]; trespass(p.owner["account"], key, old, now) {
			t.Errorf("%s changes or makes %s of the owner:\n%s\n%.300s\n%.300s", what, key, shown(in), old, now)
		}
	}
	p.scratch = p.scratch.anew(t)
	return got
}

func TestTrespass(t *testing.T) {
	const owner = "111111111111"
	for row, want := range map[[3]string]bool{
		{"vpc|vpc-1", "", `{"account":"111111111111","id":"vpc-1"}`}:                                             true,
		{"token|111111111111/r/operation/t", "", `{}`}:                                                           true,
		{"function|arn:aws:lambda:r:111111111111:function:f", "", `{}`}:                                          true,
		{"network|n", "", `{"scope":"111111111111/r"}`}:                                                          true,
		{"vpc|vpc-1", `{"account":"111111111111"}`, ""}:                                                          true,
		{"token|222222222222/r/operation/arn:aws:iam::111111111111:role/r", "", `{"scope":"222222222222/r"}`}:    false,
		{"function|arn:aws:lambda:r:222222222222:function:f", "", `{"role":"arn:aws:iam::111111111111:role/r"}`}: false,
		{"vpc|vpc-1", `{"account":"111111111111"}`, `{"account":"111111111111"}`}:                                false,
	} {
		if got := trespass(owner, row[0], row[1], row[2]); got != want {
			t.Errorf("%q: %v, want %v", row, got, want)
		}
	}
}

func TestGhosts(t *testing.T) {
	for id, want := range map[string]string{
		"vpc-0123456789abcdef0": "vpc-0934567289bcdefa0", "AKIA6USZ2OZ6Y4XMHHOU": "AKIA7VTA3PA7Z5YNIIPV", "walled-Owner": "walled-Pxofs",
		"arn:aws:iam::111111111111:policy/walled": "arn:aws:iam::111111111111:policy/xbmmfe", "arn:aws:logs:r:1:log-group:walled-a:*": "arn:aws:logs:r:1:log-group:walled-b:*",
	} {
		if got := ghost(id); got != want {
			t.Errorf("the ghost of %s is %s, want %s", id, got, want)
		}
	}
	if slices.Contains((estate.Estate{"account": "1", "vpc": "v"}).Identifiers(), "account") {
		t.Error("an account is an identifier of its estate")
	}
}
