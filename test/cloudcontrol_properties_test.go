package test

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudcontrol"
	"github.com/aws/aws-sdk-go-v2/service/cloudcontrol/types"
	"github.com/aws/aws-sdk-go-v2/service/ram"

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
		if within(before[name], after[name]) {
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
	n := &native{t, a, map[string]string{}}
	samples := nativeSamples(a.id)
	asked := map[string][]object{}
	left := map[string]int{}
	walk := func(resources []nativeResource) {
		for _, r := range resources {
			left[r.typ]++
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
				n.changed(r, samples[r.typ])
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
	n.changed(member, samples[member.typ])
	asked[member.typ] = []object{member.desired}
	own, _ := architectures()
	layer := nativeResource{name: "layer", typ: "AWS::Lambda::LayerVersion", desired: object{"LayerName": "native", "Description": "a layer", "LicenseInfo": "MIT",
		"CompatibleArchitectures": []string{own}, "CompatibleRuntimes": []string{"python3.12"}}}
	n.created(layer, samples[layer.typ])
	asked[layer.typ] = append(asked[layer.typ], layer.desired)
	n.know(layer, n.publishLayer())
	walk([]nativeResource{nativeLayerPermission()})
	n.permitted()
	for i := range schema.Types {
		s := &schema.Types[i]
		for _, one := range samples[s.Name] {
			asked[s.Name] = append(asked[s.Name], one.with)
		}
		for _, path := range settable(s) {
			if !slices.ContainsFunc(asked[s.Name], func(m object) bool { return schema.Has(n.filled(m), path) }) {
				t.Errorf("%s: nothing sets %s", s.Name, path)
			}
		}
	}
}

// permitted changes the permissions of a share, which only RAM shows.
func (n *native) permitted() {
	n.Helper()
	share, permission := n.ids["share"], n.ids["share permission"]
	if err := n.update(nativeResource{name: "share", typ: "AWS::RAM::ResourceShare"}, put("PermissionArns", []string{permission})); err != nil {
		n.Error(err)
	}
	out := must(n.T, n.ram.ListResourceSharePermissions, &ram.ListResourceSharePermissionsInput{ResourceShareArn: &share})
	if len(out.Permissions) != 1 || aws.ToString(out.Permissions[0].Arn) != permission {
		n.Errorf("the share has %v", out.Permissions)
	}
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
