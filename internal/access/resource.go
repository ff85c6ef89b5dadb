package access

import (
	"reflect"
	"slices"
	"strconv"
	"strings"

	"trellis/internal/arn"
	"trellis/internal/caller"
	"trellis/internal/iam"
	"trellis/internal/state"
	"trellis/internal/tag"
)

// grammar says how the operations of one API name their resources. A template is the part of an ARN after the account, in
// which {Field} stands for a member of the input and {Field|function} for what the function makes of it; a member that is a
// list makes one resource of each element. Where the outcome is an ARN of its own, or a member holds one, that decides the
// region and account.
type grammar struct {
	// global resources have no region in their ARN.
	global bool
	// operations have the templates of an operation, separated by spaces. One with a "?" at its end is passed over when a
	// member is missing; "*" is an operation without a resource.
	operations map[string]string
	// plain are prefixes of operations without a resource.
	plain []string
	// members are templates for every other operation; the first whose members are all there counts.
	members []string
	// listing are prefixes of operations that have no resource if none of the above finds one.
	listing []string
	// functions are those of the templates. Each gets a member's value, empty if the input has none.
	functions map[string]func(*call, string) string
	// keys are the condition keys that follow from the input.
	keys map[string]string
	// tagging is the action that setting tags on creation needs as well, its resource that of the operation's first template.
	tagging string
	// also are actions with templates that an operation needs as well, with a "?" at the end where only if the member is there.
	also map[string][2]string
}

// call is an action with its input, as the rules see it.
type call struct {
	s       *state.Snapshot
	who     *caller.Caller
	action  string
	service string
	name    string // of the operation
	in      any
	grammar *grammar
	keys    keys
}

func newCall(s *state.Snapshot, who *caller.Caller, action string, in any) *call {
	c := &call{s: s, who: who, action: action, in: in, keys: callKeys(s, who)}
	c.service, c.name, _ = strings.Cut(action, ":")
	c.keys.service = c.service
	c.keys.requestTags(requestTags(in))
	if c.keys.request == nil {
		c.keys.set("aws:TagKeys", c.members("TagKeys")...)
	}
	if g, ok := grammars[c.service]; ok {
		c.grammar = g
		for key, member := range g.keys {
			values, _ := c.values(member)
			c.keys.set(key, values...)
		}
	}
	switch c.service {
	case "ec2":
		c.keys.set("ec2:Region", nonEmpty(who.Region)...)
	case "ram":
		if c.name == "CreateResourceShare" && len(c.members("AllowExternalPrincipals")) == 0 {
			c.keys.set("ram:RequestedAllowsExternalPrincipals", "true")
		}
	}
	return c
}

// needs returns everything that must be allowed for the call.
func (c *call) needs() []need {
	var out []need
	resources := c.resources()
	for _, r := range resources {
		out = append(out, need{c.action, r, c.keys})
	}
	if c.grammar == nil {
		return out
	}
	creates := strings.HasPrefix(c.name, "Create") || strings.HasPrefix(c.name, "Authorize")
	if tagging := c.grammar.tagging; tagging != "" && creates && len(c.keys.request) > 0 && tagging != c.action {
		k := c.keys
		if c.service == "ec2" {
			k.known = cloneMap(k.known)
			k.set("ec2:CreateAction", c.name)
		}
		out = append(out, need{tagging, resources[0], k})
	}
	if also, ok := c.grammar.also[c.name]; ok {
		template, optional := strings.CutSuffix(also[1], "?")
		if names, ok := c.expand(template); ok {
			for _, n := range names {
				out = append(out, need{also[0], iam.Resource{ARN: n}, c.keys})
			}
		} else if !optional {
			out = append(out, need{also[0], iam.Resource{Unknown: true}, c.keys})
		}
	}
	return out
}

func cloneMap(m iam.Map) iam.Map {
	out := make(iam.Map, len(m)+1)
	for k, v := range m {
		out[k] = v
	}
	return out
}

// resources returns what the call acts on; there is always at least one.
func (c *call) resources() []iam.Resource {
	unknown := []iam.Resource{{Unknown: true}}
	g := c.grammar
	if g == nil {
		return unknown
	}
	var names []string
	if text, ok := g.operations[c.name]; ok {
		for template := range strings.FieldsSeq(text) {
			template, optional := strings.CutSuffix(template, "?")
			more, ok := c.expand(template)
			if !ok && !optional {
				return unknown
			}
			names = append(names, more...)
		}
	} else {
		names = c.byRule()
	}
	if len(names) == 0 {
		return unknown
	}
	out := make([]iam.Resource, len(names))
	for i, n := range names {
		out[i] = iam.Resource{ARN: n}
	}
	return out
}

func (c *call) byRule() []string {
	starts := func(prefixes []string) bool {
		return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(c.name, p) })
	}
	if starts(c.grammar.plain) {
		return []string{"*"}
	}
	for _, template := range c.grammar.members {
		if names, ok := c.expand(template); ok {
			return names
		}
	}
	if starts(c.grammar.listing) {
		return []string{"*"}
	}
	return nil
}

// expand fills a template in. It fails if a member that the template needs is missing.
func (c *call) expand(template string) ([]string, bool) {
	if template == "*" {
		return []string{"*"}, true
	}
	type partial struct{ base, text string }
	items := []partial{{base: c.base()}}
	for template != "" {
		literal, rest, found := strings.Cut(template, "{")
		for i := range items {
			items[i].text += literal
		}
		if !found {
			break
		}
		member, after, _ := strings.Cut(rest, "}")
		template = after
		values, ok := c.values(member)
		if !ok {
			return nil, false
		}
		var next []partial
		for _, item := range items {
			for _, v := range values {
				p := partial{item.base, item.text + v}
				if a, err := arn.Parse(v); err == nil {
					whole := item.text == "" && after == ""
					p = partial{"", v}
					if !whole {
						p = partial{strings.TrimSuffix(v, a.Resource), item.text + a.Last()}
					}
				}
				next = append(next, p)
			}
		}
		items = next
	}
	out := make([]string, len(items))
	for i, item := range items {
		out[i] = item.base + item.text
	}
	return out, true
}

// base is what the ARNs of the caller's own resources begin with.
func (c *call) base() string {
	service, region := c.service, c.who.Region
	if c.grammar.global {
		region = ""
	}
	return "arn:aws:" + service + ":" + region + ":" + c.who.Account + ":"
}

// values returns what stands for a placeholder, and fails if there is nothing.
func (c *call) values(placeholder string) ([]string, bool) {
	member, function, _ := strings.Cut(placeholder, "|")
	values := c.members(member)
	if function == "" {
		return values, len(values) > 0
	}
	if len(values) == 0 {
		values = []string{""}
	}
	out := make([]string, 0, len(values))
	for _, v := range values {
		v = c.grammar.functions[function](c, v)
		if v == "" {
			return nil, false
		}
		out = append(out, v)
	}
	return out, true
}

// members returns the values of a member of the input that are not empty. The path of a member in another has dots.
func (c *call) members(path string) []string {
	if c.in == nil {
		return nil
	}
	return collect(reflect.ValueOf(c.in), strings.Split(path, "."))
}

func collect(v reflect.Value, path []string) []string {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return collect(v.Elem(), path)
	case reflect.Slice:
		var out []string
		for i := range v.Len() {
			out = append(out, collect(v.Index(i), path)...)
		}
		return out
	case reflect.Struct:
		if len(path) == 0 {
			return nil
		}
		if f := v.FieldByName(path[0]); f.IsValid() {
			return collect(f, path[1:])
		}
		return nil
	}
	if len(path) > 0 {
		return nil
	}
	switch v.Kind() {
	case reflect.String:
		return nonEmpty(v.String())
	case reflect.Int32, reflect.Int64:
		return []string{strconv.FormatInt(v.Int(), 10)}
	case reflect.Bool:
		return []string{strconv.FormatBool(v.Bool())}
	}
	return nil
}

// requestTags returns the tags that an input sets: a map, a list of keys with values, or such lists for each type of
// resource that is created.
func requestTags(in any) tag.Set {
	v := reflect.ValueOf(in)
	if in == nil || v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return nil
	}
	v = v.Elem()
	if specs := v.FieldByName("TagSpecifications"); specs.IsValid() && specs.Kind() == reflect.Slice {
		var out tag.Set
		for i := range specs.Len() {
			for k, value := range tagList(specs.Index(i).FieldByName("Tags")) {
				if out == nil {
					out = tag.Set{}
				}
				out[k] = value
			}
		}
		return out
	}
	return tagList(v.FieldByName("Tags"))
}

func tagList(v reflect.Value) tag.Set {
	if !v.IsValid() {
		return nil
	}
	switch v := v.Interface().(type) {
	case map[string]string:
		return v
	case []string:
		return nil
	}
	if v.Kind() != reflect.Slice || v.Len() == 0 {
		return nil
	}
	out := tag.Set{}
	for i := range v.Len() {
		item := v.Index(i)
		keys := collect(item, []string{"Key"})
		if len(keys) == 0 {
			continue
		}
		out[keys[0]] = strings.Join(collect(item, []string{"Value"}), "")
	}
	return out
}
