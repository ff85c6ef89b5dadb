package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"trellis/internal/aws/model"
	"trellis/test/estate"
	"trellis/test/forge"
)

var (
	reads  = regexp.MustCompile(`^(Get|List|Describe)`)
	writes = regexp.MustCompile(`^(Create|Put|Update|Modify|Publish|Set|Add|Associate|Attach|Register|Tag|Replace|Authorize|Enable)`)
)

// unread are the members that no read gives back, by the operation and their path, and why.
var unread = []struct{ path, why string }{
	{`.*\.([cC]lientToken|ClientRequestToken|CreatorRequestId|sequenceToken|RevisionId)`, "it is about the call"},
	{`cloudcontrol\..*\.(DesiredState|PatchDocument)`, "the properties are a text: the tests of Cloud Control read them"},
	{`lambda\..*\.ZipFile`, "code is read by its hash"},
	{`lambda\.Add(Layer\w*)?Permission\.(StatementId|Action|Principal|VersionNumber|EventSourceToken|InvokedViaFunctionUrl)`, "the policy has them under other names"},
	{`lambda\.PublishVersion\.Description`, "nothing has changed since the version before, which is the answer"},
	{`lambda\..*\.S3ObjectStorageMode`, "it is about objects of S3, of which there are none"},
	{`lambda\..*\.Publish`, "it makes a version"},
	{`iam\.CreateServiceLinkedRole\.(AWSServiceName|CustomSuffix)`, "they are in the role's name"},
	{`iam\.CreatePolicyVersion\.SetAsDefault`, "it is IsDefaultVersion where it is read"},
	{`organizations\.CreateAccount\.(RoleName|IamUserAccessToBilling)`, "no operation shows them"},
	{`ec2\.Replace\w+Association\.AssociationId`, "the association is another one now"},
	{`ec2\.ReplaceRoute\.LocalTarget`, "it stands for the target"},
	{`ram\.AssociateResourceSharePermission\.replace`, "it says what is to become of another"},
}

// What a call wrote, a read gives back: every operation that writes is called with each of the members that it can do without, and
// whatever it then took is looked for in what the account reads.
func TestWhatIsWrittenIsRead(t *testing.T) {
	w := newWorld(t)
	w.open(t, "111111111111")
	w.open(t, "222222222222")
	e := w.populate(t, "111111111111", "222222222222", "owner", true)
	for _, name := range slices.Sorted(maps.Keys(w.apis)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := w.apis[name]
			r := &reader{w: w, script: newScript(t), has: e}
			for _, op := range slices.Sorted(maps.Keys(a.operations)) {
				if writes.MatchString(op) {
					r.operation(t, a, a.operations[op])
				}
			}
			t.Logf("%d writes, %d members read back", r.written, r.found)
			if name != "sts" && (r.written < 3 || r.found < r.written) {
				t.Errorf("%d writes, %d members read back: nothing is compared", r.written, r.found)
			}
		})
	}
}

type reader struct {
	w              *world
	script         *estate.Script
	has            estate.Estate
	written, found int
}

func (r *reader) operation(t *testing.T, a *api, op *model.Operation) {
	if r.script.Calls[a.Package+"."+op.Name].Refused != "" {
		return
	}
	by, in := r.script.Call(a.Service, op, r.has)
	k := &forge.Maker{Service: a.Service, Known: r.script.Known(r.has), Text: "written"}
	inputs := []map[string]any{in}
	for i, m := range forge.Input(a.Service, op).Members {
		if _, there := in[m.Name]; there || m.Name == "DryRun" {
			continue
		}
		k.Wants = func(_ string, other *model.Member) bool { return other == &forge.Input(a.Service, op).Members[i] }
		inputs = append(inputs, k.Input(op, in))
	}
	// All in one first, or else each by itself.
	for _, in := range inputs {
		scratch := r.w.fork(t)
		got := scratch.call(by, a.Package, op.Name, in)
		if got.Status < 300 {
			r.written++
			scratch.settle(t)
			out, err := forge.Output(a.Service, op, got)
			if err != nil {
				t.Fatal(err)
			}
			r.look(t, scratch, a, op, by, in, out)
		}
		scratch.close()
	}
}

// look compares what was written with all that the account reads of the API.
func (r *reader) look(t *testing.T, w *world, a *api, op *model.Operation, by string, in, out map[string]any) {
	t.Helper()
	given := map[string]any{}
	for _, leaf := range slices.Concat(forge.Leaves(in), forge.Leaves(out)) {
		name := strings.ToLower(leaf.Name())
		if _, ok := given[name]; !ok {
			given[name] = leaf.Value
		}
	}
	// What was made is what is asked for.
	noun := writes.ReplaceAllString(op.Name, "")
	for _, leaf := range forge.Leaves(out) {
		switch name := strings.ToLower(leaf.Name()); name {
		case "arn", strings.ToLower(noun) + "arn":
			for _, other := range []string{"resourcearn", "resource", strings.ToLower(noun) + "arn"} {
				given[other] = leaf.Value
			}
		case "accountid":
			given["resourceid"] = leaf.Value
		case "id":
			if _, account := given["accountid"]; !account {
				given["resourceid"] = leaf.Value
			}
		}
	}
	var seen []forge.Leaf
	for _, name := range slices.Sorted(maps.Keys(a.operations)) {
		if !reads.MatchString(name) {
			continue
		}
		read := a.operations[name]
		_, ask := r.script.Call(a.Service, read, r.has)
		asks := []map[string]any{ask}
		changed := forge.Clone(ask)
		for _, m := range forge.Input(a.Service, read).Members {
			v, ok := given[strings.ToLower(m.Name)]
			if id, made := given["id"]; made && name == "Get"+noun && strings.ToLower(m.Name) == strings.ToLower(noun)+"identifier" {
				v, ok = id, true
			}
			if _, there := ask[m.Name]; !there {
				continue
			}
			if many, found := given[strings.TrimSuffix(strings.ToLower(m.Name), "s")]; found && a.Shape(m.Shape).Kind == model.List {
				changed[m.Name] = []any{many}
			} else if ok && a.Shape(m.Shape).Kind < model.List {
				changed[m.Name] = v
			}
		}
		if shown(changed) != shown(ask) {
			asks = append(asks, changed)
		}
		for _, ask := range asks {
			if got := w.call(by, a.Package, name, ask); got.Status < 300 {
				out, err := forge.Output(a.Service, read, got)
				if err != nil {
					t.Fatal(err)
				}
				for _, leaf := range forge.Leaves(out) {
					seen = append(seen, leaf)
					// Policies and properties are documents in a text.
					var document any
					if text, ok := leaf.Value.(string); ok && strings.HasPrefix(text, "{") && json.Unmarshal([]byte(text), &document) == nil {
						seen = append(seen, forge.Leaves(document)...)
					}
				}
			}
		}
	}
	for _, leaf := range forge.Leaves(in) {
		path := a.Package + "." + op.Name + "." + leaf.Path
		if leaf.Value == "" || slices.ContainsFunc(unread, func(u struct{ path, why string }) bool {
			return regexp.MustCompile("^(?:" + u.path + ")$").MatchString(path)
		}) {
			continue
		}
		if !slices.ContainsFunc(seen, func(s forge.Leaf) bool { return same(leaf, s) }) {
			t.Errorf("%s was given as %s and is not read back: %s", path, shown(leaf.Value), shown(in))
		} else {
			r.found++
		}
	}
}

// same says if a read has what was written: the value, and under the same name where the value could be anything's.
func same(written, read forge.Leaf) bool {
	x, y := plain(written.Value), plain(read.Value)
	if x != y {
		return false
	}
	return len(x) > 5 || strings.EqualFold(written.Name(), read.Name()) || strings.HasSuffix(strings.ToLower(written.Path), strings.ToLower(read.Name())) || read.Name() == "Value" || written.Name() == "Value"
}

func plain(v any) string {
	text := fmt.Sprint(v)
	if strings.HasPrefix(text, "%7B") {
		if plain, err := url.QueryUnescape(text); err == nil {
			text = plain
		}
	}
	if strings.HasPrefix(text, "{") {
		var doc any
		if err := json.Unmarshal([]byte(text), &doc); err == nil {
			return shown(doc)
		}
	}
	return text
}
