package test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudcontrol"
	"github.com/aws/aws-sdk-go-v2/service/cloudcontrol/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"
	"github.com/google/uuid"

	"trellis/internal/api/cloudcontrol/schema"
)

// object is a resource's model, or a part of one.
type object = map[string]any

// nativeResource is one resource as pulumi-aws-native takes it through its life.
type nativeResource struct {
	name, typ string
	desired   object
	// change is a JSON Patch that changes it in place, and shows what must be seen afterwards.
	change []object
	shows  object
	// instead are desired properties that are shown with another value.
	instead object
	// more are lists that are shown with items beside those that were asked for.
	more []string
	// fixed is a create-only property with a value it does not have.
	fixed object
	// rest is what properties go back to that a change gives that very value.
	rest object
	// refused is a property with a value it does not have, which its schema lets change and its API does not.
	refused object
	// lists are the models that a listing can be about, none where it needs none; unlisted types have no listing.
	lists    []object
	unlisted bool
	// kept resources cannot be deleted, or go with another.
	kept bool
}

// native is an account's Cloud Control, used as pulumi-aws-native uses it.
type native struct {
	*testing.T
	*account
	ids map[string]string
	// moved are the properties that patches have given another value, by type and path.
	moved map[string]bool
}

// fill puts the identifiers of other resources in the place of ${name}.
func (n *native) fill(v any) string {
	n.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		n.Fatal(err)
	}
	text := string(raw)
	for name, id := range n.ids {
		quoted, err := json.Marshal(id)
		if err != nil {
			n.Fatal(err)
		}
		text = strings.ReplaceAll(text, "${"+name+"}", strings.Trim(string(quoted), `"`))
	}
	return text
}

// follow asks until a request has ended.
func (n *native) follow(event *types.ProgressEvent, err error) (*types.ProgressEvent, error) {
	n.Helper()
	for err == nil && (event.OperationStatus == types.OperationStatusInProgress || event.OperationStatus == types.OperationStatusPending) {
		out, problem := n.cloudcontrol.GetResourceRequestStatus(n.Context(), &cloudcontrol.GetResourceRequestStatusInput{RequestToken: event.RequestToken})
		if err = problem; err == nil {
			event = out.ProgressEvent
		}
	}
	if err == nil && event.OperationStatus != types.OperationStatusSuccess {
		err = fmt.Errorf("%s: %s", event.ErrorCode, aws.ToString(event.StatusMessage))
	}
	return event, err
}

func (n *native) create(r nativeResource) string {
	n.Helper()
	in := &cloudcontrol.CreateResourceInput{TypeName: &r.typ, DesiredState: aws.String(n.fill(r.desired)), ClientToken: aws.String(uuid.NewString())}
	out, err := n.cloudcontrol.CreateResource(n.Context(), in)
	if err != nil {
		n.Fatalf("%s: %v", r.name, err)
	}
	event, err := n.follow(out.ProgressEvent, nil)
	if err != nil {
		n.Fatalf("create %s: %v", r.name, err)
	}
	// A client that did not hear the answer asks again.
	again := must(n.T, n.cloudcontrol.CreateResource, in)
	if aws.ToString(again.ProgressEvent.RequestToken) != aws.ToString(event.RequestToken) {
		n.Errorf("%s: the same token is another request", r.name)
	}
	return aws.ToString(event.Identifier)
}

func (n *native) get(typ, id string) (object, error) {
	out, err := n.cloudcontrol.GetResource(n.Context(), &cloudcontrol.GetResourceInput{TypeName: &typ, Identifier: &id})
	if err != nil {
		return nil, err
	}
	var m object
	return m, json.Unmarshal([]byte(aws.ToString(out.ResourceDescription.Properties)), &m)
}

func (n *native) update(r nativeResource, patch []object) error {
	id := n.ids[r.name]
	out, err := n.cloudcontrol.UpdateResource(n.Context(), &cloudcontrol.UpdateResourceInput{TypeName: &r.typ, Identifier: &id, PatchDocument: aws.String(n.fill(patch)),
		ClientToken: aws.String(uuid.NewString())})
	if err != nil {
		return err
	}
	_, err = n.follow(out.ProgressEvent, nil)
	return err
}

// within reports if have has all that want has: of objects what is asked for, of lists every item in its place.
func within(want, have any) bool {
	switch w := want.(type) {
	case object:
		h, _ := have.(object)
		for name, value := range w {
			if !within(value, h[name]) {
				return false
			}
		}
		return true
	case []any:
		h, _ := have.([]any)
		if len(h) != len(w) {
			return false
		}
		for i := range w {
			if !within(w[i], h[i]) {
				return false
			}
		}
		return true
	}
	return reflect.DeepEqual(want, have)
}

// hides holds a model to what its type's schema says is never shown.
func (n *native) hides(r nativeResource, model object) {
	n.Helper()
	for _, path := range r.declared().WriteOnly {
		if schema.Has(model, path) {
			n.Errorf("%s shows %s, which is write-only", r.name, path)
		}
	}
}

func (r nativeResource) declared() *schema.Type {
	i := slices.IndexFunc(schema.Types, func(s schema.Type) bool { return s.Name == r.typ })
	return &schema.Types[i]
}

// changes says if the type has anything that changes in place; tools make the resource anew else.
func (r nativeResource) changes() bool { return slices.Contains(r.declared().Handlers, "update") }

// asked holds a resource to showing everything that was asked for, with these changes, and can be seen.
func (n *native) asked(r nativeResource, changes []object) {
	n.Helper()
	want := n.filled(r.desired)
	maps.Copy(want, n.filled(r.instead))
	for _, c := range changes {
		path := strings.Split(strings.TrimPrefix(c["path"].(string), "/"), "/")
		into := want
		for _, name := range path[:len(path)-1] {
			into = into[name].(object)
		}
		maps.Copy(into, n.filled(object{path[len(path)-1]: c["value"]}))
	}
	for _, path := range r.declared().WriteOnly {
		schema.Drop(want, path)
	}
	n.show(r, want)
}

// filled is a model as one that is read, with the identifiers of other resources.
func (n *native) filled(m object) object {
	n.Helper()
	out := object{}
	if err := json.Unmarshal([]byte(n.fill(m)), &out); err != nil {
		n.Fatal(err)
	}
	return out
}

// show holds a resource's properties to what is wanted of them.
func (n *native) show(r nativeResource, want object) {
	n.Helper()
	have, err := n.get(r.typ, n.ids[r.name])
	if err != nil {
		n.Errorf("read %s: %v", r.name, err)
		return
	}
	n.hides(r, have)
	want = n.filled(want)
	for _, name := range r.more {
		asked, _ := want[name].([]any)
		items, _ := have[name].([]any)
		have[name] = slices.DeleteFunc(items, func(item any) bool {
			return !slices.ContainsFunc(asked, func(a any) bool { return within(a, item) })
		})
	}
	if !within(want, have) {
		n.Errorf("%s shows %v, want %v", r.name, have, want)
	}
}

// know keeps a resource's identifier. What is named by an ARN is named by its id, or number, too.
func (n *native) know(r nativeResource, id string) {
	n.ids[r.name], n.ids["id of "+r.name] = id, id[strings.LastIndexAny(id, "/:")+1:]
}

// life takes resources from creation to their end, those last that others need.
func (n *native) life(resources []nativeResource) {
	n.Helper()
	for _, r := range resources {
		n.know(r, n.create(r))
		n.listed(r, true)
		n.asked(r, nil)
		if r.shows != nil && r.change == nil {
			n.show(r, r.shows)
		}
	}
	for _, r := range resources {
		if r.change != nil {
			if err := n.update(r, r.change); err != nil {
				n.Errorf("update %s: %v", r.name, err)
			}
			n.show(r, r.shows)
			n.asked(r, r.change)
			// The same patch again changes nothing and fails nothing.
			if err := n.update(r, r.change); err != nil {
				n.Errorf("update %s again: %v", r.name, err)
			}
			n.show(r, r.shows)
		}
		for name, value := range r.fixed {
			err := n.update(r, []object{{"op": "add", "path": "/" + name, "value": value}})
			var not *types.NotUpdatableException
			if !errors.As(err, &not) {
				n.Errorf("%s: %s changed with %v", r.name, name, err)
			}
		}
		if !r.changes() {
			var cannot *types.UnsupportedActionException
			if err := n.update(r, put("Tags", tag("Stage", "two"))); !errors.As(err, &cannot) {
				n.Errorf("%s changed with %v", r.name, err)
			}
		}
		for name, value := range r.refused {
			if err := n.update(r, put(name, value)); err == nil || !strings.Contains(err.Error(), "InvalidRequest") {
				n.Errorf("%s: %s changed with %v", r.name, name, err)
			}
		}
	}
	for i := len(resources) - 1; i >= 0; i-- {
		r := resources[i]
		if r.kept {
			continue
		}
		n.remove(r)
	}
}

// remove deletes a resource, which is not there afterwards.
func (n *native) remove(r nativeResource) {
	n.Helper()
	id := n.ids[r.name]
	// The provider tries again what was throttled, and nothing else.
	deletion := &cloudcontrol.DeleteResourceInput{TypeName: &r.typ, Identifier: &id, ClientToken: aws.String(uuid.NewString())}
	if event, err := n.follow(must(n.T, n.cloudcontrol.DeleteResource, deletion).ProgressEvent, nil); err != nil {
		n.Fatalf("delete %s: %s: %v", r.name, event.ErrorCode, err)
	}
	_, err := n.get(r.typ, id)
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != "ResourceNotFoundException" {
		n.Errorf("%s %s after its end: %v", r.name, id, err)
	}
	n.listed(r, false)
	n.failed(r.name+" deleted twice", n.deleting(r.typ, id), types.HandlerErrorCodeNotFound, "Resource of type '"+r.typ+"' with identifier '"+id+"' was not found.")
	if err := n.update(r, put("Tags", tag("Stage", "three"))); r.changes() && (!errors.As(err, &api) || api.ErrorCode() != "ResourceNotFoundException") {
		n.Errorf("%s changed after its end: %v", r.name, err)
	}
}

// listed holds every listing to having the resource, or not.
func (n *native) listed(r nativeResource, want bool) {
	n.Helper()
	lists := r.lists
	if lists == nil && !r.unlisted {
		lists = []object{nil}
	}
	for _, by := range lists {
		found, err := n.listing(r.typ, by)
		// What the listing is about may be gone with it.
		if err != nil && want {
			n.Errorf("list %s by %s: %v", r.name, n.fill(by), err)
		}
		if _, has := found[n.ids[r.name]]; err == nil && has != want {
			n.Errorf("the listing of %s by %s has %s: %t", r.typ, n.fill(by), r.name, has)
		}
		for _, model := range found {
			n.hides(r, model)
		}
	}
}

// listing is a listing of a type, by identifiers. No identifier is there twice.
func (n *native) listing(typ string, by object) (map[string]object, error) {
	in := &cloudcontrol.ListResourcesInput{TypeName: &typ}
	if by != nil {
		in.ResourceModel = aws.String(n.fill(by))
	}
	found := map[string]object{}
	for p := cloudcontrol.NewListResourcesPaginator(n.cloudcontrol, in); p.HasMorePages(); {
		page, err := p.NextPage(n.Context())
		if err != nil {
			return nil, err
		}
		for _, d := range page.ResourceDescriptions {
			id := aws.ToString(d.Identifier)
			if found[id] != nil {
				return nil, fmt.Errorf("%s is there twice", id)
			}
			var model object
			if err := json.Unmarshal([]byte(aws.ToString(d.Properties)), &model); err != nil {
				return nil, err
			}
			found[id] = model
		}
	}
	return found, nil
}

func tag(key, value string) []object { return []object{{"Key": key, "Value": value}} }

func put(name string, value any) []object {
	return []object{{"op": "add", "path": "/" + name, "value": value}}
}

func trust(service string) object {
	return object{"Version": "2012-10-17", "Statement": []object{{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": object{"Service": service}}}}
}

func allow(action string) object {
	return object{"Version": "2012-10-17", "Statement": []object{{"Effect": "Allow", "Action": action, "Resource": "*"}}}
}

// welcome is an auth policy that differs by its name.
func welcome(name string) object {
	return object{"Version": "2012-10-17", "Statement": []object{{"Sid": name, "Effect": "Allow", "Principal": "*", "Action": "vpc-lattice-svcs:Invoke", "Resource": "*"}}}
}

// lend lets one of two accounts use a service network.
func lend(to int, network string) object {
	return object{"Version": "2012-10-17", "Statement": []object{{"Effect": "Allow", "Principal": object{"AWS": []string{"111122223333", "444455556666"}[to]},
		"Action":   []string{"vpc-lattice:CreateServiceNetworkServiceAssociation", "vpc-lattice:CreateServiceNetworkVpcAssociation", "vpc-lattice:GetServiceNetwork"},
		"Resource": network}}}
}

// memberAccount takes an account of the organization through its life. To delete it is to close it: it is still there to be read.
func (n *native) memberAccount(root string) {
	n.Helper()
	unit := n.create(nativeResource{name: "place", typ: "AWS::Organizations::OrganizationalUnit", desired: object{"Name": "place", "ParentId": root}})
	member := nativeMember(root, unit)
	n.ids["member"] = n.create(member)
	n.listed(member, true)
	n.asked(member, nil)
	n.show(member, object{"AccountName": "native member", "Email": "member@" + root + ".example.com", "ParentIds": []string{unit}, "Tags": tag("Stage", "one"), "Status": "ACTIVE"})
	for _, step := range []struct {
		change []object
		shows  object
	}{
		{member.change, member.shows},
		{put("ParentIds", []string{unit}), object{"ParentIds": []string{unit}}},
		{[]object{{"op": "remove", "path": "/ParentIds"}}, object{"ParentIds": []string{root}}},
	} {
		if err := n.update(member, step.change); err != nil {
			n.Errorf("%v: %v", step.change, err)
		}
		n.show(member, step.shows)
	}
	for _, change := range [][]object{put("AccountName", "other"), put("Email", "other@example.com"), put("RoleName", "Other"), put("ParentIds", []string{root, unit})} {
		if err := n.update(member, change); err == nil || !strings.HasPrefix(err.Error(), "InvalidRequest: ") {
			n.Errorf("%v: %v", change, err)
		}
	}
	id := n.ids["member"]
	for _, want := range []types.HandlerErrorCode{"", types.HandlerErrorCodeNotFound} {
		event, _ := n.follow(must(n.T, n.cloudcontrol.DeleteResource, &cloudcontrol.DeleteResourceInput{TypeName: &member.typ, Identifier: &id}).ProgressEvent, nil)
		if event.ErrorCode != want {
			n.Errorf("closed with %q: %s, want %q", event.ErrorCode, aws.ToString(event.StatusMessage), want)
		}
	}
	n.show(member, object{"Status": "SUSPENDED"})
}

// refusals are of what only S3 could hold.
func (n *native) refusals() {
	n.Helper()
	event, _ := n.follow(must(n.T, n.cloudcontrol.CreateResource, &cloudcontrol.CreateResourceInput{TypeName: aws.String("AWS::Lambda::LayerVersion"),
		DesiredState: aws.String(`{"LayerName":"native","Content":{"S3Bucket":"bucket","S3Key":"key"}}`)}).ProgressEvent, nil)
	if event.ErrorCode != types.HandlerErrorCodeInvalidRequest || !strings.Contains(aws.ToString(event.StatusMessage), "NoSuchBucket") {
		n.Errorf("a layer from S3: %s: %s", event.ErrorCode, aws.ToString(event.StatusMessage))
	}
}

// publishLayer publishes a layer with Lambda itself, since the type takes them from S3 alone.
func (n *native) publishLayer() string {
	n.Helper()
	own, _ := architectures()
	published := must(n.T, n.lambda.PublishLayerVersion, &lambda.PublishLayerVersionInput{LayerName: aws.String("native"), Description: aws.String("a layer"),
		Content: &lambdatypes.LayerVersionContentInput{ZipFile: archive(n.T)}, LicenseInfo: aws.String("MIT"),
		CompatibleRuntimes: []lambdatypes.Runtime{lambdatypes.RuntimePython312}, CompatibleArchitectures: []lambdatypes.Architecture{lambdatypes.Architecture(own)}})
	return aws.ToString(published.LayerVersionArn)
}

// layers takes a layer version and its permissions through their lives.
func (n *native) layers() {
	n.Helper()
	layer := nativeLayer(n.id)
	n.know(layer, n.publishLayer())
	n.listed(layer, true)
	n.show(layer, layer.shows)
	var cannot *types.UnsupportedActionException
	if err := n.update(layer, put("Description", "another")); !errors.As(err, &cannot) {
		n.Errorf("a layer changed with %v", err)
	}
	n.life([]nativeResource{nativeLayerPermission()})
	n.remove(layer)
}

// TestCloudControlTypes takes every type through the calls that pulumi-aws-native makes: create, read, list, update in place, the
// refusal that makes it replace, tag, import by identifier, delete.
func TestCloudControlTypes(t *testing.T) {
	t.Parallel()
	a := sharedServer(t).account(t, "native")
	n := &native{t, a, map[string]string{}, map[string]bool{}}
	n.life(nativeResources(a.id))
	organization, err := n.get("AWS::Organizations::Organization", n.ids["organization"])
	if err != nil {
		t.Fatal(err)
	}
	root := organization["RootId"].(string)
	n.life(nativeUnits(root))
	n.memberAccount(root)
	n.layers()
	n.refusals()
	events := 0
	for p := cloudcontrol.NewListResourceRequestsPaginator(a.cloudcontrol, &cloudcontrol.ListResourceRequestsInput{}); p.HasMorePages(); {
		page, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		events += len(page.ResourceRequestStatusSummaries)
	}
	if events < 60 {
		t.Errorf("%d requests are remembered", events)
	}
}
