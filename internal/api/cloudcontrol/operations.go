package cloudcontrol

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"trellis/internal/api/cloudcontrol/schema"
	"trellis/internal/aws/model/cloudcontrol"
	"trellis/internal/fault"
	"trellis/internal/state"
)

// call begins a call that is answered at once.
func (a *API) call(ctx context.Context) *call {
	return &call{ctx: ctx, view: a.view, auth: a.auth, apis: a.apis}
}

// CreateResource begins to create a resource.
func (a *API) CreateResource(ctx context.Context, in *cloudcontrol.CreateResourceInput) (*cloudcontrol.CreateResourceOutput, error) {
	r, err := a.resource(in.TypeName, in.TypeVersionId, opCreate)
	if err != nil {
		return nil, err
	}
	if ctx, err = a.withRole(ctx, in.RoleArn); err != nil {
		return nil, err
	}
	want, err := parseModel(str(in.DesiredState))
	if err != nil {
		return nil, invalid("The desired state is not a JSON object: %s", err)
	}
	var readOnly []string
	for _, path := range r.schema.ReadOnly {
		if _, ok := schema.At(want, path); ok {
			readOnly = append(readOnly, path)
		}
	}
	if len(readOnly) > 0 {
		return nil, invalid("Invalid desired state: readOnlyProperties %s cannot be set", pointers(readOnly))
	}
	if err := r.built(want, nil); err != nil {
		return nil, err
	}
	if err := a.check(r.schema, want); err != nil {
		return nil, err
	}
	id, _ := r.identify(want)
	event, err := a.begin(ctx, in.ClientToken, state.ResourceRequest{Type: r.schema.Name, Operation: actions[opCreate], Model: want.json(), Identifier: id}, want.json())
	if err != nil {
		return nil, err
	}
	return &cloudcontrol.CreateResourceOutput{ProgressEvent: event}, nil
}

// identifier returns the primary identifier that was given: alone, its parts joined by bars, or as a JSON object.
func (a *API) identifier(r *resource, given *string) (string, error) {
	id, names := str(given), r.schema.Identifier
	m := model{}
	var object map[string]string
	if len(id) > 0 && id[0] == '{' && json.Unmarshal([]byte(id), &object) == nil && len(object) == len(names) {
		for name, part := range object {
			m[name] = part
		}
	} else if parts := strings.SplitN(id, "|", len(names)); len(parts) == len(names) {
		for i, name := range names {
			m[name] = parts[i]
		}
	}
	for _, name := range names {
		part := m.text(name)
		if v, ok := r.schema.Model.Property(name); part == nil || *part == "" || !ok || !a.checker.Matches(v, *part) {
			return "", invalid("Identifier %s is not valid for identifier %s", clip(id), pointers(names))
		}
	}
	id, _ = r.identify(m)
	return id, nil
}

// GetResource returns a resource as it is now.
func (a *API) GetResource(ctx context.Context, in *cloudcontrol.GetResourceInput) (*cloudcontrol.GetResourceOutput, error) {
	r, err := a.resource(in.TypeName, in.TypeVersionId, opRead)
	if err != nil {
		return nil, err
	}
	if ctx, err = a.withRole(ctx, in.RoleArn); err != nil {
		return nil, err
	}
	id, err := a.identifier(r, in.Identifier)
	if err != nil {
		return nil, err
	}
	have, err := r.read(a.call(ctx), id)
	if err != nil {
		return nil, a.exception(ctx, r, opRead, id, err)
	}
	return &cloudcontrol.GetResourceOutput{TypeName: new(r.schema.Name),
		ResourceDescription: &cloudcontrol.ResourceDescription{Identifier: new(id), Properties: new(have.json())}}, nil
}

// UpdateResource begins to change a resource by a patch of its present model.
func (a *API) UpdateResource(ctx context.Context, in *cloudcontrol.UpdateResourceInput) (*cloudcontrol.UpdateResourceOutput, error) {
	r, err := a.resource(in.TypeName, in.TypeVersionId, opUpdate)
	if err != nil {
		return nil, err
	}
	if ctx, err = a.withRole(ctx, in.RoleArn); err != nil {
		return nil, err
	}
	id, err := a.identifier(r, in.Identifier)
	if err != nil {
		return nil, err
	}
	request := state.ResourceRequest{Type: r.schema.Name, Operation: actions[opUpdate], Identifier: id}
	if event, err := a.repeated(ctx, in.ClientToken, request, str(in.PatchDocument)); event != nil || err != nil {
		return &cloudcontrol.UpdateResourceOutput{ProgressEvent: event}, err
	}
	have, err := r.read(a.call(ctx), id)
	if err != nil {
		return nil, a.exception(ctx, r, opUpdate, id, err)
	}
	want, err := a.patched(r, have, str(in.PatchDocument))
	if err != nil {
		return nil, err
	}
	request.Model, request.Base = want.json(), have.json()
	event, err := a.begin(ctx, in.ClientToken, request, str(in.PatchDocument))
	if err != nil {
		return nil, err
	}
	return &cloudcontrol.UpdateResourceOutput{ProgressEvent: event}, nil
}

// DeleteResource begins to delete a resource.
func (a *API) DeleteResource(ctx context.Context, in *cloudcontrol.DeleteResourceInput) (*cloudcontrol.DeleteResourceOutput, error) {
	r, err := a.resource(in.TypeName, in.TypeVersionId, opDelete)
	if err != nil {
		return nil, err
	}
	if ctx, err = a.withRole(ctx, in.RoleArn); err != nil {
		return nil, err
	}
	id, err := a.identifier(r, in.Identifier)
	if err != nil {
		return nil, err
	}
	_, missing := r.read(a.call(ctx), id)
	event, err := a.begin(ctx, in.ClientToken, state.ResourceRequest{Type: r.schema.Name, Operation: actions[opDelete], Identifier: id, Existed: missing == nil}, "")
	if err != nil {
		return nil, err
	}
	return &cloudcontrol.DeleteResourceOutput{ProgressEvent: event}, nil
}

const defaultPage = 20

// ListResources lists resources of a type, with the properties that a listing has.
func (a *API) ListResources(ctx context.Context, in *cloudcontrol.ListResourcesInput) (*cloudcontrol.ListResourcesOutput, error) {
	r, err := a.resource(in.TypeName, in.TypeVersionId, opList)
	if err != nil {
		return nil, err
	}
	if ctx, err = a.withRole(ctx, in.RoleArn); err != nil {
		return nil, err
	}
	by := model{}
	if in.ResourceModel != nil {
		if by, err = parseModel(*in.ResourceModel); err != nil {
			return nil, invalid("The resource model is not a JSON object: %s", err)
		}
	}
	if err := a.listable(r.schema, by); err != nil {
		return nil, err
	}
	size := int32(defaultPage)
	if in.MaxResults != nil {
		size = *in.MaxResults
	}
	found, next, err := r.list(a.call(ctx), by, &size, in.NextToken)
	if err != nil {
		return nil, a.exception(ctx, r, opList, "", err)
	}
	out := &cloudcontrol.ListResourcesOutput{TypeName: new(r.schema.Name), ResourceDescriptions: []cloudcontrol.ResourceDescription{}, NextToken: next}
	for _, m := range found {
		id, _ := r.identify(m)
		out.ResourceDescriptions = append(out.ResourceDescriptions, cloudcontrol.ResourceDescription{Identifier: &id, Properties: new(m.json())})
	}
	return out, nil
}

// listable refuses a model that resources of the type cannot be listed by.
func (a *API) listable(t *schema.Type, by model) error {
	if found := a.checker.CheckListing(t, by); len(found) > 0 {
		return broken(found)
	}
	required := func(name string) error {
		return fault.New(fault.Invalid, "InvalidRequestException", "Missing or invalid ResourceModel property in %s list handler request input. Required property: [%s]",
			t.Name, name)
	}
	for _, name := range t.ListRequired {
		if by[name] == nil {
			return required(name)
		}
	}
	named := 0
	for _, name := range t.ListOne {
		if items, list := by[name].([]any); by[name] != nil && (!list || len(items) > 0) {
			named++
		}
	}
	switch {
	case named > 1:
		return broken([]string{fmt.Sprintf("#: %d subschemas matched instead of one", named)})
	case named < min(1, len(t.ListOne)):
		return required(strings.Join(t.ListOne, "] or ["))
	}
	return nil
}
