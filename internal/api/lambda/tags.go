package lambda

import (
	"context"

	"trellis/internal/aws/model/lambda"
	"trellis/internal/fault"
	"trellis/internal/function"
	"trellis/internal/state"
)

// tagged returns the function of a tagging operation.
func tagged(ctx context.Context, r state.Reader, resource *string, action string) (*function.Function, error) {
	f, err := find(ctx, r, resource, nil, action)
	if fault.Is(err, fault.Invalid) {
		return nil, nothing()
	}
	if err != nil {
		return nil, err
	}
	if f.qualifier != "" {
		return nil, invalid("Tags on function aliases and versions are not supported. Please specify either a function ARN or an event source mapping ARN.")
	}
	return f.Function, nil
}

// ListTags returns a function's tags.
func (a *API) ListTags(ctx context.Context, in *lambda.ListTagsInput) (*lambda.ListTagsOutput, error) {
	f, err := tagged(ctx, a.view.Snapshot(), in.Resource, "ListTags")
	if err != nil {
		return nil, err
	}
	tags := f.Tags
	if tags == nil {
		tags = map[string]string{}
	}
	return &lambda.ListTagsOutput{Tags: tags}, nil
}

// TagResource adds tags to a function.
func (a *API) TagResource(ctx context.Context, in *lambda.TagResourceInput) (*lambda.TagResourceOutput, error) {
	return &lambda.TagResourceOutput{}, a.view.Update(ctx, func(tx *state.Tx) error {
		f, err := tagged(ctx, tx, in.Resource, "TagResource")
		if err != nil {
			return err
		}
		if f.Tags, err = f.Tags.With(in.Tags); err != nil {
			return err
		}
		state.Functions.Put(tx, f)
		return nil
	})
}

// UntagResource takes tags off a function.
func (a *API) UntagResource(ctx context.Context, in *lambda.UntagResourceInput) (*lambda.UntagResourceOutput, error) {
	return &lambda.UntagResourceOutput{}, a.view.Update(ctx, func(tx *state.Tx) error {
		f, err := tagged(ctx, tx, in.Resource, "UntagResource")
		if err != nil {
			return err
		}
		f.Tags = f.Tags.Without(in.TagKeys...)
		state.Functions.Put(tx, f)
		return nil
	})
}
