package test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/vpclattice/types"
	"github.com/aws/smithy-go"
)

// call is an operation of the SDK on trees as encoding/json has them.
type call struct {
	name string // as in ec2.CreateVpc
	make func(ctx context.Context, in map[string]any) (out any, err error)
}

func via[In, Out, Option any](operation func(context.Context, *In, ...Option) (*Out, error)) call {
	of := reflect.TypeFor[In]()
	api := path.Base(of.PkgPath())
	if short := map[string]string{"elasticloadbalancingv2": "elb", "cloudwatchlogs": "logs"}[api]; short != "" {
		api = short
	}
	return call{api + "." + strings.TrimSuffix(of.Name(), "Input"), func(ctx context.Context, given map[string]any) (any, error) {
		in := new(In)
		if err := fill(reflect.ValueOf(in).Elem(), given); err != nil {
			return nil, err
		}
		out, err := operation(ctx, in)
		if err != nil {
			return nil, err
		}
		d := json.NewDecoder(strings.NewReader(shown(out)))
		d.UseNumber()
		var tree any
		err = d.Decode(&tree)
		return tree, err
	}}
}

// fill sets a part of an input. What encoding/json cannot do is to choose the member of a union.
func fill(into reflect.Value, given any) error {
	switch tree, isMap := given.(map[string]any); {
	case into.Kind() == reflect.Interface && isMap:
		for name, v := range tree {
			member, err := choose(into.Type(), name)
			if err == nil {
				err = fill(member.Elem().FieldByName("Value"), v)
			}
			if err != nil {
				return err
			}
			into.Set(member)
		}
		return nil
	case into.Kind() == reflect.Struct && isMap:
		for name, v := range tree {
			field := into.FieldByName(name)
			if !field.IsValid() {
				return fmt.Errorf("%s has no %s", into.Type(), name)
			}
			if err := fill(field, v); err != nil {
				return err
			}
		}
		return nil
	case into.Kind() == reflect.Pointer && isMap:
		into.Set(reflect.New(into.Type().Elem()))
		return fill(into.Elem(), given)
	case into.Kind() == reflect.Slice && into.Type().Elem().Kind() != reflect.Uint8:
		list, ok := given.([]any)
		if !ok {
			return fmt.Errorf("%v is not a list", given)
		}
		into.Set(reflect.MakeSlice(into.Type(), len(list), len(list)))
		for i, v := range list {
			if err := fill(into.Index(i), v); err != nil {
				return err
			}
		}
		return nil
	}
	return json.Unmarshal([]byte(shown(given)), into.Addr().Interface())
}

// choose makes the member of a union that has a name.
func choose(union reflect.Type, name string) (reflect.Value, error) {
	for _, member := range []any{
		&types.RuleActionMemberForward{}, &types.RuleActionMemberFixedResponse{}, &types.RuleMatchMemberHttpMatch{}, &types.MatcherMemberHttpCode{},
		&types.PathMatchTypeMemberExact{}, &types.PathMatchTypeMemberPrefix{}, &types.HeaderMatchTypeMemberContains{},
		&types.ResourceConfigurationDefinitionMemberIpResource{}, &types.ResourceConfigurationDefinitionMemberDnsResource{},
	} {
		if of := reflect.TypeOf(member); of.Implements(union) && strings.HasSuffix(of.Elem().Name(), "Member"+name) {
			return reflect.New(of.Elem()), nil
		}
	}
	return reflect.Value{}, fmt.Errorf("%s has no member %s", union, name)
}

// chains are the files of sequences. What stands in one is done by one account, each resource with those before it.
func chains(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/provider/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	return files
}

// sequence is what the provider calls for a resource, by what it does with it.
type sequence struct {
	resource string
	calls    map[string][]string
}

// sequences reads a file of them.
func sequences(t *testing.T, file string) []sequence {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all []sequence
	phase := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		name, resource := strings.CutPrefix(line, "resource ")
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case resource:
			all = append(all, sequence{name, map[string][]string{}})
		case slices.Contains(steps, line):
			phase = line
		default:
			last := all[len(all)-1]
			last.calls[phase] = append(last.calls[phase], line)
		}
	}
	return all
}

// provider makes sequences of calls for an account.
type provider struct {
	*testing.T
	operations map[string]call
	has        map[string]string
}

// do makes the calls of phases.
func (p *provider) do(s sequence, phases ...string) {
	p.Helper()
	for _, phase := range phases {
		if phase == "create" {
			p.has["token"] = rand.Text()
		}
		for i, line := range s.calls[phase] {
			do := p.line
			if phase == "update" && changes(line) || strings.HasPrefix(line, again) {
				do = func(line string) error { return p.change(s, line, s.calls[phase][i+1:]) }
			}
			if err := do(line); err != nil {
				p.Fatalf("%s %s: %s\n%v", s.resource, phase, os.Expand(line, p.expand), err)
			}
			if name, _, _ := strings.Cut(line, " "); phase == "update" && strings.Contains(name, "Tag") && changes(line) {
				live("provider", s.resource, "tag")
			}
		}
		if s.calls[phase] != nil {
			live("provider", s.resource, phase)
		}
	}
}

var (
	reading  = regexp.MustCompile(`^(?:peer\.)?\w+\.(?:Get|List|Describe)`)
	refusing = regexp.MustCompile(`~?!\w[\w.]*$`)
)

// again is what a line begins with that sets what is so already.
const again = "again "

// changes says if a call is to change something.
func changes(line string) bool { return !reading.MatchString(line) && !refusing.MatchString(line) }

// change makes a call of an update. One of the reads after it, before the next change, must show what it did: be as it is to be now, and not
// before. A call that sets what is so already begins with "again", and then all reads answer what they did.
func (p *provider) change(s sequence, line string, after []string) error {
	if plain, same := strings.CutPrefix(line, again); same {
		before, err := p.answers(s)
		if err == nil {
			err = p.line(plain)
		}
		if err != nil {
			return err
		}
		now, err := p.answers(s)
		if err == nil && !slices.Equal(before, now) {
			err = fmt.Errorf("before, the reads answered\n%s\nand now\n%s", strings.Join(before, "\n"), strings.Join(now, "\n"))
		}
		return err
	}
	if end := slices.IndexFunc(after, changes); end >= 0 {
		after = after[:end]
	}
	shows := slices.ContainsFunc(after, func(read string) bool {
		operation, in, then, err := p.parse(read)
		without := slices.DeleteFunc(then, func(c string) bool { return kind(c) == ':' })
		return reading.MatchString(read) && (err != nil || p.ask(operation, in, without) != nil)
	})
	if err := p.line(line); err != nil {
		return err
	}
	if !shows {
		p.Errorf("%s update: %s\nno read shows what it changed", s.resource, os.Expand(line, p.expand))
	}
	return nil
}

// moments are the times in an answer.
var moments = regexp.MustCompile(`\d{4}-\d\d-\d\dT[\d:.]+Z`)

// answers are what the reads of a resource answer.
func (p *provider) answers(s sequence) (all []string, err error) {
	for _, line := range slices.Concat(s.calls["read"], s.calls["list"]) {
		operation, in, _, err := p.parse(line)
		if err != nil {
			return nil, err
		}
		out, err := operation.make(p.Context(), in)
		all = append(all, operation.name+" "+moments.ReplaceAllString(shown(out), "")+" "+code(err))
	}
	if len(all) == 0 {
		return nil, errors.New("nothing reads the resource")
	}
	return all, nil
}

func (p *provider) expand(name string) string {
	if v, ok := p.has[name]; ok {
		return v
	}
	return "$" + name
}

// parse reads a call, its input and what is done with its answer.
func (p *provider) parse(line string) (operation call, in map[string]any, then []string, err error) {
	name, rest, _ := strings.Cut(os.Expand(line, p.expand), " ")
	operation, ok := p.operations[name]
	if !ok {
		return operation, nil, nil, errors.New("operations does not have it")
	}
	d := json.NewDecoder(strings.NewReader(rest))
	d.UseNumber()
	if err := d.Decode(&in); err != nil {
		return operation, nil, nil, err
	}
	return operation, in, strings.Fields(rest[d.InputOffset():]), nil
}

func (p *provider) line(line string) error {
	operation, in, then, err := p.parse(line)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(then, func(c string) bool { return kind(c) == '~' }) {
		return p.ask(operation, in, then)
	}
	for range attempts {
		if err = p.ask(operation, in, then); err == nil {
			break
		}
		time.Sleep(soon)
	}
	return err
}

// kind is what a condition is: it keeps (:), waits (~), holds at once (=) or is refused (!).
func kind(condition string) byte { return condition[strings.IndexAny(condition, ":~=!")] }

// ask makes a call, and says where its answer is not as it should be.
func (p *provider) ask(operation call, in map[string]any, then []string) error {
	out, err := operation.make(p.Context(), in)
	var refused smithy.APIError
	code := ""
	if errors.As(err, &refused) {
		code = refused.ErrorCode()
	} else if err != nil {
		return err
	}
	want := ""
	for _, c := range then {
		if after, refusal := strings.CutPrefix(strings.TrimPrefix(c, "~"), "!"); refusal {
			want = after
		}
	}
	if code != want {
		return fmt.Errorf("the code is %q, not %q: %v", code, want, err)
	}
	if want != "" {
		return nil
	}
	for _, c := range then {
		i := strings.IndexAny(c, ":~=")
		path, value := c[:i], c[i+1:]
		if kind(c) == ':' {
			if p.has[path] = at(out, value[1:]); p.has[path] == "" {
				return fmt.Errorf("no %s: %s", value[1:], shown(out))
			}
		} else if got := at(out, path); got != value {
			return fmt.Errorf("%s is %q, not %q: %s", path, got, value, shown(out))
		}
	}
	return nil
}

// at is what stands at a path of a tree, as text; nothing is empty. Of a list of keys with values a part is the key, with a slash for each dot.
func at(v any, path string) string {
	for part := range strings.SplitSeq(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[part]
		case []any:
			if i, err := strconv.Atoi(part); part == "#" {
				v = len(x)
			} else if err == nil && i < len(x) {
				v = x[i]
			} else if i := slices.IndexFunc(x, func(e any) bool { return keyed(e, part) }); i >= 0 {
				v = x[i]
			} else {
				v = nil
			}
		case nil:
			if part == "#" {
				v = 0
			}
		default:
			return ""
		}
	}
	switch x := v.(type) {
	case nil:
		return ""
	case []any:
		if len(x) == 0 {
			return ""
		}
	case map[string]any:
		if len(x) == 0 {
			return ""
		}
	}
	return fmt.Sprint(v)
}

func keyed(element any, key string) bool {
	pair, ok := element.(map[string]any)
	return ok && pair["Key"] == strings.ReplaceAll(key, "/", ".")
}

// TestProviderSequences makes terraform-provider-aws' own calls for each resource: made, read, listed, replaced, updated, and in the end deleted
// and gone. It runs where Terraform is not; test/terraform runs the provider itself.
func TestProviderSequences(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	zip := archive(t)
	// The other has a comment of three letters at its end.
	other := append(slices.Clone(zip[:len(zip)-2]), 3, 0, 't', 'w', 'o')
	sum := sha256.Sum256(other)
	given := map[string]string{"zip": base64.StdEncoding.EncodeToString(zip), "zip.other": base64.StdEncoding.EncodeToString(other),
		"zip.other.sum": base64.StdEncoding.EncodeToString(sum[:])}
	for _, file := range chains(t) {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, peer := s.account(t, "provider-"+name), s.account(t, "provider-"+name+"-peer")
			before, peers := a.inventory(t), peer.inventory(t)
			// holds is what the accounts have of the APIs that make a resource.
			holds := func(s sequence) (all []string) {
				for _, of := range []struct {
					*account
					prefix string
				}{{a, ""}, {peer, "peer."}} {
					var apis []string
					for _, line := range s.calls["create"] {
						name, ours := strings.CutPrefix(line, of.prefix)
						api, _, _ := strings.Cut(name, ".")
						if ours && of.holdings()[api] != nil {
							apis = append(apis, api)
						}
					}
					slices.Sort(apis)
					if apis = slices.Compact(apis); len(apis) > 0 {
						all = append(all, of.inventory(t, apis...)...)
					}
				}
				return all
			}
			p := &provider{T: t, operations: map[string]call{}, has: map[string]string{"account": a.id, "peer": peer.id}}
			maps.Copy(p.has, given)
			for _, c := range a.operations() {
				p.operations[c.name] = c
			}
			for _, c := range peer.operations() {
				p.operations["peer."+c.name] = c
			}
			all := sequences(t, file)
			for _, s := range all {
				p.do(s, "create", "read", "list")
				if s.calls["read"] != nil {
					live("provider", s.resource, "import")
				}
				if s.calls["delete"] != nil {
					p.do(s, "delete", "create", "read")
					live("provider", s.resource, "replace")
				}
				p.do(s, "update")
			}
			// What each of them leaves behind would be seen.
			for _, s := range slices.Backward(all) {
				if !slices.ContainsFunc(s.calls["delete"], func(line string) bool { return changes(line) && !strings.HasPrefix(line, again) }) {
					p.do(s, "delete")
					continue
				}
				had := holds(s)
				p.do(s, "delete")
				if slices.Equal(had, holds(s)) {
					t.Errorf("the inventory does not have %s", s.resource)
				}
			}
			if after := a.inventory(t); !slices.Equal(before, after) {
				t.Errorf("afterwards there is\n%s\nand was\n%s", strings.Join(after, "\n"), strings.Join(before, "\n"))
			}
			if after := peer.inventory(t); !slices.Equal(peers, after) {
				t.Errorf("afterwards the peer has\n%s\nand had\n%s", strings.Join(after, "\n"), strings.Join(peers, "\n"))
			}
		})
	}
}
