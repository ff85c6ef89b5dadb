package test

import (
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudcontrol"
	"github.com/aws/aws-sdk-go-v2/service/cloudcontrol/types"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/ram"
	ramtypes "github.com/aws/aws-sdk-go-v2/service/ram/types"
	"github.com/aws/aws-sdk-go-v2/service/vpclattice"
	latticetypes "github.com/aws/aws-sdk-go-v2/service/vpclattice/types"

	"trellis/internal/api/cloudcontrol/schema"
)

// sample sets properties of a type that nativeResources leaves alone.
type sample struct {
	// with stands in the place of what the resource of nativeResources has; nil takes a property away.
	with object
	// shows is what is shown of it where that is not what was asked for.
	shows object
	// refused is a part of the error with which this cannot be created, fixed of that with which it cannot become so.
	refused, fixed string
	// stays is a part of the error with which a changed resource cannot become what it was.
	stays string
	// release is what must be so before the resource can be deleted.
	release object
	// same says that this is so without being asked for: no other value is built.
	same bool
}

// takes makes a sample of a patch, if it sets whole properties.
func (s sample) takes(patch []object) bool {
	for _, c := range patch {
		name := strings.TrimPrefix(c["path"].(string), "/")
		if strings.Contains(name, "/") {
			return false
		}
		s.with[name] = c["value"]
	}
	return true
}

// overlaid merges properties over a model.
func overlaid(base, over object) object {
	out := maps.Clone(base)
	for name, value := range over {
		if out[name] = value; value == nil {
			delete(out, name)
		}
	}
	return out
}

// attempt begins to create a resource and tells what became of it.
func (n *native) attempt(typ string, desired object) (string, error) {
	out, err := n.cloudcontrol.CreateResource(n.Context(), &cloudcontrol.CreateResourceInput{TypeName: &typ, DesiredState: aws.String(n.fill(desired))})
	if err != nil {
		return "", err
	}
	event, err := n.follow(out.ProgressEvent, nil)
	return aws.ToString(event.Identifier), err
}

// created takes samples of a type through creation, each alone: a resource is as it was asked for, or is not made.
func (n *native) created(r nativeResource, samples []sample) {
	n.Helper()
	for _, s := range samples {
		id, err := n.attempt(r.typ, overlaid(r.desired, s.with))
		if s.refused != "" || err != nil {
			if err == nil || s.refused == "" || !strings.Contains(err.Error(), s.refused) {
				n.Errorf("%s: created with %s: %v, want %q", r.typ, n.fill(s.with), err, s.refused)
			}
			if err != nil {
				if id != "" {
					if _, err := n.get(r.typ, id); err == nil {
						_, _ = n.follow(must(n.T, n.cloudcontrol.DeleteResource, &cloudcontrol.DeleteResourceInput{TypeName: &r.typ, Identifier: &id}).ProgressEvent, nil)
					}
				}
				continue
			}
		}
		n.know(r, id)
		n.sampled(r, "created", s)
		for name, value := range s.release {
			if err := n.update(r, put(name, value)); err != nil {
				n.Errorf("%s: %s of %s: %v", r.typ, name, n.fill(s.with), err)
			}
		}
		if event, err := n.follow(must(n.T, n.cloudcontrol.DeleteResource, &cloudcontrol.DeleteResourceInput{TypeName: &r.typ, Identifier: &id}).ProgressEvent, nil); err != nil {
			n.Fatalf("delete %s with %s: %s: %v", r.typ, n.fill(s.with), event.ErrorCode, err)
		}
	}
}

// sampled holds a resource to showing what a sample sets.
func (n *native) sampled(r nativeResource, how string, s sample) {
	n.Helper()
	have, err := n.get(r.typ, n.ids[r.name])
	if err != nil {
		n.Errorf("read %s: %v", r.typ, err)
		return
	}
	n.hides(r, have)
	want := n.filled(overlaid(s.with, s.shows))
	for name, value := range s.with {
		if value == nil {
			delete(want, name)
		}
	}
	n.held(r, s)
	for _, path := range r.declared().WriteOnly {
		schema.Drop(want, path)
	}
	for _, name := range r.more {
		asked, _ := want[name].([]any)
		items, _ := have[name].([]any)
		have[name] = slices.DeleteFunc(items, func(item any) bool {
			return !slices.ContainsFunc(asked, func(a any) bool { return within(a, item) })
		})
	}
	if !within(want, have) {
		raw, _ := json.Marshal(have)
		n.Errorf("%s: %s with %s shows %s", r.typ, how, n.fill(s.with), raw)
	}
}

// changed takes samples of a type through changes of one resource, which is as it was after each.
func (n *native) changed(r nativeResource, samples []sample) {
	n.Helper()
	declared := r.declared()
	if !r.changes() {
		return
	}
	for _, s := range samples {
		var patch []object
		before, err := n.get(r.typ, n.ids[r.name])
		if err != nil {
			n.Fatalf("read %s: %v", r.typ, err)
		}
		fixed := slices.ContainsFunc(declared.CreateOnly, func(path string) bool {
			want, asked := schema.At(n.filled(s.with), path)
			have, _ := schema.At(before, path)
			return asked && !within(want, have)
		})
		for _, name := range slices.Sorted(maps.Keys(s.with)) {
			switch {
			case s.with[name] != nil:
				patch = append(patch, object{"op": "add", "path": "/" + name, "value": s.with[name]})
			case before[name] != nil:
				patch = append(patch, object{"op": "remove", "path": "/" + name})
			}
		}
		for _, name := range declared.Model.Required {
			if before[name] == nil && s.with[name] == nil {
				patch = append(patch, object{"op": "add", "path": "/" + name, "value": r.desired[name]})
			}
		}
		err = n.update(r, patch)
		if fixed {
			var not *types.NotUpdatableException
			if !errors.As(err, &not) {
				n.Errorf("%s: changed with %s: %v", r.typ, n.fill(s.with), err)
			}
			continue
		}
		refused := s.fixed
		if refused == "" {
			refused = s.refused
		}
		if refused != "" || err != nil {
			if err == nil || refused == "" || !strings.Contains(err.Error(), refused) {
				n.Errorf("%s: changed with %s: %v, want %q", r.typ, n.fill(s.with), err, refused)
			}
			if err != nil {
				continue
			}
		}
		n.sampled(r, "changed", s)
		if now, err := n.get(r.typ, n.ids[r.name]); err == nil {
			n.move(r, before, now)
			if same := within(before, now) && within(now, before); same != s.same {
				n.Errorf("%s: %s is so without being asked for: %t", r.typ, n.fill(s.with), same)
			}
		}
		n.takenAway(r, s, before)
		if err := n.update(r, n.back(r, s, before)); s.stays != "" {
			if err == nil || !strings.Contains(err.Error(), s.stays) {
				n.Errorf("%s: changed back from %s: %v, want %q", r.typ, n.fill(s.with), err, s.stays)
			}
			continue
		} else if err != nil {
			n.Errorf("%s: changed back from %s: %v", r.typ, n.fill(s.with), err)
		}
		after, err := n.get(r.typ, n.ids[r.name])
		for _, path := range declared.ReadOnly {
			schema.Drop(before, path)
		}
		for _, path := range declared.ReadOnly {
			schema.Drop(after, path)
		}
		if err != nil || !within(before, after) || !within(after, before) {
			b, _ := json.Marshal(before)
			a, _ := json.Marshal(after)
			n.Errorf("%s: changed back from %s: %v\n is %s\nwas %s", r.typ, n.fill(s.with), err, a, b)
		}
	}
}

// move notes which properties a patch has given another value.
func (n *native) move(r nativeResource, before, after object) {
	for _, path := range settable(r.declared()) {
		if !reflect.DeepEqual(values(before, path), values(after, path)) {
			n.moved[r.typ+" "+path] = true
		}
	}
}

// values are all that a path names in a model.
func values(at any, path string) []any {
	name, rest, deeper := strings.Cut(path, "/")
	items, list := at.([]any)
	switch {
	case list && name == "*" && deeper:
		var all []any
		for _, item := range items {
			all = append(all, values(item, rest)...)
		}
		return all
	case list:
		return items
	}
	m, _ := at.(object)
	if value, ok := m[name]; ok && deeper {
		return values(value, rest)
	} else if ok {
		return []any{value}
	}
	return nil
}

// changeable says that a patch can give a property another value that shows.
func (n *native) changeable(s *schema.Type, path string, samples []sample) bool {
	of := func(list []string) bool {
		return slices.ContainsFunc(list, func(p string) bool { return path == p || strings.HasPrefix(path, p+"/") })
	}
	if !slices.Contains(s.Handlers, "update") || of(s.CreateOnly) || of(s.WriteOnly) {
		return false
	}
	taken := func(one sample) bool { return one.refused == "" && one.fixed == "" && !one.same }
	asks := func(one sample) bool { return schema.Has(n.filled(one.with), path) }
	// Attributes are all there from the beginning.
	if strings.HasSuffix(path, "Attributes/*/Key") {
		return false
	}
	return !slices.ContainsFunc(samples, asks) || slices.ContainsFunc(samples, func(one sample) bool { return asks(one) && taken(one) })
}

// back is what makes a resource what it was before a sample.
func (n *native) back(r nativeResource, s sample, original object) []object {
	n.Helper()
	now, err := n.get(r.typ, n.ids[r.name])
	if err != nil {
		n.Fatalf("read %s: %v", r.typ, err)
	}
	var patch []object
	for _, name := range slices.Sorted(maps.Keys(s.with)) {
		switch was, had := original[name]; {
		case had:
			patch = append(patch, object{"op": "add", "path": "/" + name, "value": was})
		case now[name] != nil:
			patch = append(patch, object{"op": "remove", "path": "/" + name})
		}
	}
	for _, name := range r.declared().Model.Required {
		if original[name] == nil {
			patch = append(patch, object{"op": "add", "path": "/" + name, "value": r.desired[name]})
		}
	}
	if patch == nil {
		return []object{}
	}
	return patch
}

// takenAway removes what a sample sets: it goes back to what it is without being asked for, or the removal is refused.
func (n *native) takenAway(r nativeResource, s sample, original object) {
	n.Helper()
	for name := range s.with {
		before, err := n.get(r.typ, n.ids[r.name])
		if err != nil {
			n.Fatalf("read %s: %v", r.typ, err)
		}
		if nothing, _ := before[name].([]any); before[name] == nil || nothing != nil && len(nothing) == 0 || within(before[name], original[name]) {
			continue
		}
		patch := []object{{"op": "remove", "path": "/" + name}}
		for _, required := range r.declared().Model.Required {
			if before[required] == nil {
				patch = append(patch, object{"op": "add", "path": "/" + required, "value": r.desired[required]})
			}
		}
		if err := n.update(r, patch); err != nil {
			continue
		}
		after, err := n.get(r.typ, n.ids[r.name])
		if err != nil {
			n.Fatalf("read %s: %v", r.typ, err)
		}
		if within(before[name], after[name]) && (r.rest[name] == nil || !within(n.filled(r.rest)[name], after[name])) {
			n.Errorf("%s: %s is still %v after it was taken away", r.typ, name, after[name])
		}
	}
}

// settable are the paths of all values that a type's schema lets be asked for.
func settable(t *schema.Type) []string {
	var out []string
	var walk func(v *schema.Value, path string, depth int)
	walk = func(v *schema.Value, path string, depth int) {
		switch {
		case slices.Contains(t.ReadOnly, path):
		case v.Items != nil:
			walk(v.Items, path+"/*", depth+1)
		case len(v.Properties) > 0 && depth < 12:
			for i := range v.Properties {
				walk(&v.Properties[i].Value, strings.TrimPrefix(path+"/"+v.Properties[i].Name, "/"), depth+1)
			}
		default:
			out = append(out, strings.TrimSuffix(path, "/*"))
		}
	}
	walk(&t.Model, "", 0)
	return out
}

// TestCloudControlProperties sets every property of every type: it is as it was asked for, when created and when changed, or it
// is refused. None is taken and dropped.
func TestCloudControlProperties(t *testing.T) {
	t.Parallel()
	a := sharedServer(t).account(t, "properties")
	n := &native{t, a, map[string]string{}, map[string]bool{}}
	must(t, a.iam.CreateUser, &iam.CreateUserInput{UserName: aws.String("native")})
	must(t, a.iam.CreateGroup, &iam.CreateGroupInput{GroupName: aws.String("native")})
	must(t, a.iam.CreateRole, &iam.CreateRoleInput{RoleName: aws.String("native"), AssumeRolePolicyDocument: aws.String(n.fill(trust("lambda.amazonaws.com")))})
	samples := nativeSamples(a.id)
	asked := map[string][]object{}
	left, changes := map[string]int{}, map[string][]sample{}
	walk := func(resources []nativeResource) {
		for _, r := range resources {
			left[r.typ]++
			if s := (sample{with: object{}}); r.change != nil && s.takes(r.change) {
				changes[r.typ] = append(changes[r.typ], s)
			}
		}
		for _, r := range resources {
			left[r.typ]--
			asked[r.typ] = append(asked[r.typ], r.desired)
			for _, c := range r.change {
				asked[r.typ] = append(asked[r.typ], nest(c["path"].(string), c["value"]))
			}
			if left[r.typ] == 0 {
				n.created(r, samples[r.typ])
			}
			n.know(r, n.create(r))
			if r.name == "version" {
				n.laterVersion(nativeResources(a.id))
			}
			if left[r.typ] == 0 {
				n.changed(r, slices.Concat(samples[r.typ], changes[r.typ]))
			}
		}
	}
	walk(nativeResources(a.id))
	organization, err := n.get("AWS::Organizations::Organization", n.ids["organization"])
	if err != nil {
		t.Fatal(err)
	}
	root := organization["RootId"].(string)
	walk(nativeUnits(root))
	member := nativeMember(root, n.ids["unit"])
	n.created(member, samples[member.typ])
	// An account that is closed keeps its address.
	member.desired["Email"] = "successor@example.com"
	n.know(member, n.create(member))
	moving := sample{with: object{}}
	moving.takes(member.change)
	n.changed(member, append(samples[member.typ], moving))
	asked[member.typ] = []object{member.desired}
	own, _ := architectures()
	layer := nativeResource{name: "layer", typ: "AWS::Lambda::LayerVersion", desired: object{"LayerName": "native", "Description": "a layer", "LicenseInfo": "MIT",
		"CompatibleArchitectures": []string{own}, "CompatibleRuntimes": []string{"python3.12"}}}
	n.created(layer, samples[layer.typ])
	asked[layer.typ] = append(asked[layer.typ], layer.desired)
	n.know(layer, n.publishLayer())
	walk([]nativeResource{nativeLayerPermission()})
	n.elsewhere("arn:aws:iam::" + a.id + ":role/native")
	for i := range schema.Types {
		s := &schema.Types[i]
		for _, one := range samples[s.Name] {
			asked[s.Name] = append(asked[s.Name], one.with)
		}
		for _, path := range settable(s) {
			if !slices.ContainsFunc(asked[s.Name], func(m object) bool { return schema.Has(n.filled(m), path) }) {
				t.Errorf("%s: nothing sets %s", s.Name, path)
			}
			if n.changeable(s, path, samples[s.Name]) && !n.moved[s.Name+" "+path] {
				t.Errorf("%s: nothing changes %s", s.Name, path)
			}
		}
	}
}

// held holds a share to what a sample puts into it, which only RAM shows.
func (n *native) held(r nativeResource, s sample) {
	n.Helper()
	if r.typ != "AWS::RAM::ResourceShare" {
		return
	}
	share := n.ids[r.name]
	shared := func(kind ramtypes.ResourceShareAssociationType) (out []string) {
		for _, a := range must(n.T, n.ram.GetResourceShareAssociations, &ram.GetResourceShareAssociationsInput{AssociationType: kind, ResourceShareArns: []string{share}}).ResourceShareAssociations {
			if a.Status != ramtypes.ResourceShareAssociationStatusDisassociated {
				out = append(out, aws.ToString(a.AssociatedEntity))
			}
		}
		return out
	}
	var permissions []string
	for _, p := range must(n.T, n.ram.ListResourceSharePermissions, &ram.ListResourceSharePermissionsInput{ResourceShareArn: &share}).Permissions {
		permissions = append(permissions, aws.ToString(p.Arn))
	}
	for name, have := range map[string][]string{"ResourceArns": shared(ramtypes.ResourceShareAssociationTypeResource), "Principals": shared(ramtypes.ResourceShareAssociationTypePrincipal),
		"PermissionArns": permissions} {
		want, named := n.filled(s.with)[name].([]any)
		if named && !slices.EqualFunc(have, want, func(h string, w any) bool { return h == w }) {
			n.Errorf("the %s of the share are %v, want %v", name, have, want)
		}
		if len(want) > 0 {
			n.moved[r.typ+" "+name] = true
		}
	}
}

// elsewhere changes properties that the services' own APIs must show too.
func (n *native) elsewhere(role string) {
	n.Helper()
	change := func(name, typ string, patch []object) string {
		if err := n.update(nativeResource{name: name, typ: typ}, patch); err != nil {
			n.Errorf("%s: %v", name, err)
		}
		return n.ids[name]
	}
	shows := func(what string, got, want any) {
		if !reflect.DeepEqual(got, want) {
			n.Errorf("%s is %v, want %v", what, got, want)
		}
	}
	change("alias", "AWS::Lambda::Alias", put("FunctionVersion", "${id of later version}"))
	shows("the alias", aws.ToString(must(n.T, n.lambda.GetAlias, &lambda.GetAliasInput{FunctionName: aws.String("native"), Name: aws.String("live")}).FunctionVersion), n.ids["id of later version"])
	change("function", "AWS::Lambda::Function", append(put("Role", role), put("Code", object{"ZipFile": "def handler(event, context): return 3"})...))
	shows("the role", aws.ToString(must(n.T, n.lambda.GetFunctionConfiguration, &lambda.GetFunctionConfigurationInput{FunctionName: aws.String("native")}).Role), role)
	id := change("addressed resource", "AWS::VpcLattice::ResourceConfiguration", put("ResourceConfigurationDefinition", object{"IpResource": "10.0.1.11"}))
	resource := must(n.T, n.lattice.GetResourceConfiguration, &vpclattice.GetResourceConfigurationInput{ResourceConfigurationIdentifier: &id}).ResourceConfigurationDefinition
	shows("the resource", resource, &latticetypes.ResourceConfigurationDefinitionMemberIpResource{Value: latticetypes.IpResource{IpAddress: aws.String("10.0.1.11")}})
	id = change("rule", "AWS::VpcLattice::Rule", append(put("Action", object{"FixedResponse": object{"StatusCode": 500}}),
		put("Match", object{"HttpMatch": object{"PathMatch": object{"CaseSensitive": false, "Match": object{"Exact": "/d"}}}})...))
	rule := must(n.T, n.lattice.GetRule, &vpclattice.GetRuleInput{ServiceIdentifier: aws.String(n.ids["service"]), ListenerIdentifier: aws.String(n.ids["listener"]), RuleIdentifier: &id})
	shows("the rule's action", rule.Action, &latticetypes.RuleActionMemberFixedResponse{Value: latticetypes.FixedResponseAction{StatusCode: aws.Int32(500)}})
	shows("the rule's path", rule.Match.(*latticetypes.RuleMatchMemberHttpMatch).Value.PathMatch,
		&latticetypes.PathMatch{CaseSensitive: aws.Bool(false), Match: &latticetypes.PathMatchTypeMemberExact{Value: "/d"}})
	id = change("balancer rule", "AWS::ElasticLoadBalancingV2::ListenerRule", put("Conditions", []object{{"Field": "path-pattern", "PathPatternConfig": object{"Values": []string{"/e", "/f/*"}}}}))
	rules := must(n.T, n.elb.DescribeRules, &elasticloadbalancingv2.DescribeRulesInput{RuleArns: []string{id}}).Rules
	shows("the load balancer's path", rules[0].Conditions[0].PathPatternConfig.Values, []string{"/e", "/f/*"})
}

// laterVersion publishes another version of the function.
func (n *native) laterVersion(resources []nativeResource) {
	n.Helper()
	of := func(name string) nativeResource {
		return resources[slices.IndexFunc(resources, func(r nativeResource) bool { return r.name == name })]
	}
	function, later := of("function"), of("version")
	if err := n.update(function, function.change); err != nil {
		n.Fatal(err)
	}
	later.name = "later version"
	n.know(later, n.create(later))
}

// nest is a model with a value at a pointer.
func nest(pointer string, value any) object {
	first, rest, deeper := strings.Cut(strings.TrimPrefix(pointer, "/"), "/")
	if deeper {
		value = nest(rest, value)
	}
	return object{first: value}
}
