// Package native is the engine's provider for Pulumi's `aws-native` package: every resource goes to Cloud Control, as
// that provider does it. It holds a client and no state.
package native

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"landing-zone/engine"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudcontrol"
	"github.com/aws/aws-sdk-go-v2/service/cloudcontrol/types"
	"github.com/google/uuid"
)

// Provider is one account and region.
type Provider struct {
	client *cloudcontrol.Client
	types  map[string]resourceType
}

// resourceType is what a type's CloudFormation schema says and a client must know.
type resourceType struct {
	name string
	// createOnly inputs cannot change in place.
	createOnly []string
	// shown are the outputs that show inputs which cannot be read.
	shown map[string]string
	// document inputs are JSON documents, whose keys are nobody's property names.
	document string
}

// New is the provider for an SDK configuration.
func New(config awssdk.Config) *Provider {
	return &Provider{client: cloudcontrol.NewFromConfig(config), types: map[string]resourceType{
		"aws-native:vpclattice:ServiceNetwork": {
			name: "AWS::VpcLattice::ServiceNetwork", createOnly: []string{"name"}},
		"aws-native:vpclattice:ServiceNetworkVpcAssociation": {
			name:       "AWS::VpcLattice::ServiceNetworkVpcAssociation",
			createOnly: []string{"serviceNetworkIdentifier", "vpcIdentifier"},
			shown:      map[string]string{"serviceNetworkIdentifier": "serviceNetworkId", "vpcIdentifier": "vpcId"}},
		"aws-native:vpclattice:ServiceNetworkServiceAssociation": {
			name:       "AWS::VpcLattice::ServiceNetworkServiceAssociation",
			createOnly: []string{"serviceNetworkIdentifier", "serviceIdentifier"},
			shown:      map[string]string{"serviceNetworkIdentifier": "serviceNetworkId", "serviceIdentifier": "serviceId"}},
		"aws-native:vpclattice:TargetGroup": {
			name: "AWS::VpcLattice::TargetGroup", createOnly: []string{"name", "type", "config"}},
		"aws-native:vpclattice:Service": {
			name: "AWS::VpcLattice::Service", createOnly: []string{"name", "customDomainName"}},
		"aws-native:vpclattice:Listener": {
			name:       "AWS::VpcLattice::Listener",
			createOnly: []string{"serviceIdentifier", "name", "port", "protocol"},
			shown:      map[string]string{"serviceIdentifier": "serviceId"}},
		"aws-native:vpclattice:AuthPolicy": {
			name: "AWS::VpcLattice::AuthPolicy", createOnly: []string{"resourceIdentifier"}, document: "policy"},
	}}
}

func (p *Provider) resourceType(token string) (resourceType, error) {
	t, ok := p.types[token]
	if !ok {
		return t, fmt.Errorf("no resource type %s", token)
	}
	return t, nil
}

// Create implements engine.Provider.
func (p *Provider) Create(ctx context.Context, typ, _ string, inputs engine.Properties) (engine.Made, error) {
	t, err := p.resourceType(typ)
	if err != nil {
		return engine.Made{}, err
	}
	desired, err := json.Marshal(t.upper(inputs))
	if err != nil {
		return engine.Made{}, err
	}
	event, err := p.settled(ctx, func() (*types.ProgressEvent, error) {
		out, err := p.client.CreateResource(ctx, &cloudcontrol.CreateResourceInput{
			TypeName: &t.name, DesiredState: awssdk.String(string(desired)), ClientToken: awssdk.String(uuid.NewString()),
		})
		if err != nil {
			return nil, err
		}
		return out.ProgressEvent, nil
	}, types.HandlerErrorCodeThrottling)
	made := engine.Made{ID: awssdk.ToString(event.Identifier)}
	if err != nil {
		return made, err
	}
	made.Outputs, err = p.read(ctx, t, made.ID)
	return made, err
}

func (p *Provider) read(ctx context.Context, t resourceType, id string) (engine.Properties, error) {
	out, err := p.client.GetResource(ctx, &cloudcontrol.GetResourceInput{TypeName: &t.name, Identifier: &id})
	if err != nil {
		return nil, err
	}
	var properties engine.Properties
	if err := json.Unmarshal([]byte(awssdk.ToString(out.ResourceDescription.Properties)), &properties); err != nil {
		return nil, fmt.Errorf("properties of %s: %w", id, err)
	}
	return t.lower(properties), nil
}

// Read implements engine.Provider. What a resource shows beyond its inputs, defaults among it, is in its outputs.
func (p *Provider) Read(ctx context.Context, r engine.Existing) (inputs, outputs engine.Properties, err error) {
	t, err := p.resourceType(r.Type)
	if err != nil {
		return nil, nil, err
	}
	outputs, err = p.read(ctx, t, r.ID)
	var missing *types.ResourceNotFoundException
	if errors.As(err, &missing) {
		return nil, nil, engine.ErrGone
	}
	if err != nil {
		return nil, nil, err
	}
	inputs = engine.Properties{}
	for name, given := range r.Inputs {
		output, ok := t.shown[name]
		if !ok {
			output = name
		}
		value, ok := outputs[output]
		if ok && name != t.document {
			value = within(value, given)
		}
		if ok {
			inputs[name] = value
		}
	}
	return inputs, outputs, nil
}

// within is as much of a value as the given one speaks of. VPC Lattice shows the id of what is given as an ARN.
func within(value, given any) any {
	if arn, ok := given.(string); ok && strings.HasPrefix(arn, "arn:") && strings.HasSuffix(arn, fmt.Sprint("/", value)) {
		return given
	}
	whole, ok := value.(engine.Properties)
	part, partial := given.(engine.Properties)
	if ok && partial {
		seen := engine.Properties{}
		for name, element := range part {
			if v, ok := whole[name]; ok {
				seen[name] = within(v, element)
			}
		}
		return seen
	}
	list, ok := value.([]any)
	like, partial := given.([]any)
	if !ok || !partial || len(list) != len(like) {
		return value
	}
	seen := make([]any, len(list))
	for i := range list {
		seen[i] = within(list[i], like[i])
	}
	return seen
}

// Compare implements engine.Provider.
func (p *Provider) Compare(typ string, old, new engine.Properties) engine.Change {
	for _, o := range patch(old, new) {
		if slices.Contains(p.types[typ].createOnly, o.input) {
			return engine.Replace
		}
	}
	return engine.Update
}

// Update implements engine.Provider.
func (p *Provider) Update(ctx context.Context, old engine.Existing, inputs engine.Properties) (engine.Properties, error) {
	t, err := p.resourceType(old.Type)
	if err != nil {
		return nil, err
	}
	operations := patch(t.upper(old.Inputs), t.upper(inputs))
	document, err := json.Marshal(operations)
	if err != nil {
		return nil, err
	}
	if _, err := p.settled(ctx, func() (*types.ProgressEvent, error) {
		out, err := p.client.UpdateResource(ctx, &cloudcontrol.UpdateResourceInput{
			TypeName: &t.name, Identifier: &old.ID, PatchDocument: awssdk.String(string(document)),
			ClientToken: awssdk.String(uuid.NewString()),
		})
		if err != nil {
			return nil, err
		}
		return out.ProgressEvent, nil
	}, types.HandlerErrorCodeThrottling); err != nil {
		return nil, err
	}
	return p.read(ctx, t, old.ID)
}

// Delete implements engine.Provider.
func (p *Provider) Delete(ctx context.Context, r engine.Existing) error {
	t, err := p.resourceType(r.Type)
	if err != nil {
		return err
	}
	event, err := p.settled(ctx, func() (*types.ProgressEvent, error) {
		out, err := p.client.DeleteResource(ctx, &cloudcontrol.DeleteResourceInput{
			TypeName: &t.name, Identifier: &r.ID, ClientToken: awssdk.String(uuid.NewString()),
		})
		if err != nil {
			return nil, err
		}
		return out.ProgressEvent, nil
	}, types.HandlerErrorCodeThrottling, types.HandlerErrorCodeResourceConflict)
	var missing *types.ResourceNotFoundException
	if event.ErrorCode == types.HandlerErrorCodeNotFound || errors.As(err, &missing) {
		return nil
	}
	return err
}

// Invoke implements engine.Provider; the stacks ask this package for no data.
func (p *Provider) Invoke(_ context.Context, token string, _ engine.Properties) (engine.Properties, error) {
	return nil, fmt.Errorf("no data source %s", token)
}

// settled asks for something and follows it to its end, anew while it fails for one of the reasons that pass.
func (p *Provider) settled(ctx context.Context, ask func() (*types.ProgressEvent, error), passing ...types.HandlerErrorCode) (types.ProgressEvent, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		event, err := p.follow(ctx, ask)
		var throttled *types.ThrottlingException
		var concurrent *types.ConcurrentOperationException
		passes := slices.Contains(passing, event.ErrorCode) || errors.As(err, &throttled) || errors.As(err, &concurrent)
		if err == nil || !passes {
			return event, err
		}
		select {
		case <-ctx.Done():
			return event, errors.Join(ctx.Err(), err)
		case <-time.After(wait):
		}
	}
}

// follow asks once; an event that failed is an error too.
func (p *Provider) follow(ctx context.Context, ask func() (*types.ProgressEvent, error)) (types.ProgressEvent, error) {
	event, err := ask()
	if err != nil {
		return types.ProgressEvent{}, err
	}
	for wait := 20 * time.Millisecond; ; wait = min(wait*3/2, 2*time.Second) {
		if event == nil {
			return types.ProgressEvent{}, errors.New("no progress event was answered")
		}
		switch event.OperationStatus {
		case types.OperationStatusSuccess:
			return *event, nil
		case types.OperationStatusFailed, types.OperationStatusCancelComplete:
			return *event, fmt.Errorf("%s: %s", event.ErrorCode, awssdk.ToString(event.StatusMessage))
		}
		select {
		case <-ctx.Done():
			return *event, ctx.Err()
		case <-time.After(wait):
		}
		out, err := p.client.GetResourceRequestStatus(ctx, &cloudcontrol.GetResourceRequestStatusInput{RequestToken: event.RequestToken})
		if err != nil {
			return *event, err
		}
		event = out.ProgressEvent
	}
}

// operation is one of a JSON Patch.
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
	input string
}

// patch is what leads from the old properties to the new, whole properties at a time, in order of their names.
func patch(old, new engine.Properties) []operation {
	names := maps.Clone(old)
	if names == nil {
		names = engine.Properties{}
	}
	maps.Copy(names, new)
	var all []operation
	for _, name := range slices.Sorted(maps.Keys(names)) {
		before, had := old[name]
		after, has := new[name]
		o := operation{Path: "/" + name, Value: after, input: name}
		switch {
		case !has:
			o.Op = "remove"
		case !had:
			o.Op = "add"
		case !same(before, after):
			o.Op = "replace"
		default:
			continue
		}
		all = append(all, o)
	}
	return all
}

func same(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

// upper is Pulumi's properties as CloudFormation names them.
func (t resourceType) upper(properties engine.Properties) engine.Properties {
	return t.rename(properties, func(name string) string { return recase(name, unicode.ToUpper) })
}

// lower is CloudFormation's properties as Pulumi names them: a resource's own Id gives way to Pulumi's.
func (t resourceType) lower(properties engine.Properties) engine.Properties {
	renamed := t.rename(properties, func(name string) string { return recase(name, unicode.ToLower) })
	if id, ok := renamed["id"]; ok {
		delete(renamed, "id")
		renamed["awsId"] = id
	}
	return renamed
}

func (t resourceType) rename(properties engine.Properties, name func(string) string) engine.Properties {
	renamed := engine.Properties{}
	for key, value := range properties {
		if t.document == "" || !strings.EqualFold(key, t.document) {
			value = renameValue(value, name)
		}
		renamed[name(key)] = value
	}
	return renamed
}

func renameValue(value any, name func(string) string) any {
	switch v := value.(type) {
	case engine.Properties:
		renamed := engine.Properties{}
		for key, element := range v {
			renamed[name(key)] = renameValue(element, name)
		}
		return renamed
	case []any:
		renamed := make([]any, len(v))
		for i, element := range v {
			renamed[i] = renameValue(element, name)
		}
		return renamed
	}
	return value
}

func recase(name string, first func(rune) rune) string {
	for i, r := range name {
		return string(first(r)) + name[i+len(string(r)):]
	}
	return name
}
