package lambda

import (
	"context"
	"iter"
	"slices"

	"trellis/internal/api/page"
	"trellis/internal/aws/model/lambda"
	"trellis/internal/function"
	"trellis/internal/state"
)

// maxPage is how many functions, versions or aliases a page has at most.
const maxPage = 50

func pageSize(asked *int32) int {
	if asked == nil || *asked > maxPage {
		return maxPage
	}
	return int(*asked)
}

// badMarker is the code for a marker that is not ours.
const badMarker = "InvalidParameterValueException"

// GetFunction describes a function with its tags, and says where its code can be had from.
func (a *API) GetFunction(ctx context.Context, in *lambda.GetFunctionInput) (*lambda.GetFunctionOutput, error) {
	s := a.view.Snapshot()
	f, err := find(ctx, s, in.FunctionName, in.Qualifier, "GetFunction")
	if err != nil {
		return nil, err
	}
	c, rev, err := f.config(s)
	if err != nil {
		return nil, err
	}
	out := &lambda.GetFunctionOutput{Configuration: new(show(s, c, rev, f.arn())), Tags: f.Tags,
		Code: &lambda.FunctionCodeLocation{RepositoryType: new("S3"), Location: a.location(ctx, c.CodeSHA256)}}
	if f.Concurrency != nil && f.qualifier == "" {
		out.Concurrency = &lambda.Concurrency{ReservedConcurrentExecutions: f.Concurrency}
	}
	return out, nil
}

// GetFunctionConfiguration describes a version of a function.
func (a *API) GetFunctionConfiguration(ctx context.Context, in *lambda.GetFunctionConfigurationInput) (*lambda.GetFunctionConfigurationOutput, error) {
	s := a.view.Snapshot()
	f, err := find(ctx, s, in.FunctionName, in.Qualifier, "GetFunctionConfiguration")
	if err != nil {
		return nil, err
	}
	c, rev, err := f.config(s)
	if err != nil {
		return nil, err
	}
	return new(lambda.GetFunctionConfigurationOutput(show(s, c, rev, f.arn()))), nil
}

// ListFunctions lists the functions of the region, each with all versions if asked.
func (a *API) ListFunctions(ctx context.Context, in *lambda.ListFunctionsInput) (*lambda.ListFunctionsOutput, error) {
	s := a.view.Snapshot()
	all := deref(in.FunctionVersion) == "ALL"
	if m := deref(in.MasterRegion); m != "" && m != "ALL" && m != owner(ctx).Region {
		return &lambda.ListFunctionsOutput{Functions: []lambda.FunctionConfiguration{}}, nil
	}
	rows := func(yield func(*function.Config) bool) {
		for f := range state.Functions.By(s, state.ByScope, owner(ctx).Scope()) {
			for _, c := range versions(s, f) {
				if (all || c.Version == function.Latest) && !yield(c) {
					return
				}
			}
		}
	}
	configs, next, err := page.Cut(rows, versionKey, pageSize(in.MaxItems), deref(in.Marker), badMarker)
	if err != nil {
		return nil, err
	}
	out := &lambda.ListFunctionsOutput{Functions: []lambda.FunctionConfiguration{}, NextMarker: optional(next)}
	for _, c := range configs {
		name := c.Function
		if all {
			name = c.Qualified()
		}
		out.Functions = append(out.Functions, summary(s, c, name))
	}
	return out, nil
}

// versionKey sorts the versions of functions, $LATEST first.
func versionKey(c *function.Config) string {
	v := c.Version
	if v == function.Latest {
		v = ""
	}
	return c.Function + "\x00" + padded(v)
}

// padded makes numbers sort by their value.
func padded(v string) string {
	const width = 12
	for len(v) < width {
		v = "0" + v
	}
	return v
}

// ListVersionsByFunction lists a function's versions, $LATEST first.
func (a *API) ListVersionsByFunction(ctx context.Context, in *lambda.ListVersionsByFunctionInput) (*lambda.ListVersionsByFunctionOutput, error) {
	s := a.view.Snapshot()
	f, err := find(ctx, s, in.FunctionName, nil, "ListVersionsByFunction")
	if err != nil {
		return nil, err
	}
	configs, next, err := page.Cut(slices.Values(versions(s, f.Function)), versionKey, pageSize(in.MaxItems), deref(in.Marker), badMarker)
	if err != nil {
		return nil, err
	}
	out := &lambda.ListVersionsByFunctionOutput{Versions: []lambda.FunctionConfiguration{}, NextMarker: optional(next)}
	for _, c := range configs {
		_, rev, _ := state.FunctionConfigs.Lookup(s, c.Qualified())
		out.Versions = append(out.Versions, show(s, c, rev, c.Qualified()))
	}
	return out, nil
}

// DeleteFunction removes a function with all that is its own, or one version.
func (a *API) DeleteFunction(ctx context.Context, in *lambda.DeleteFunctionInput) (*lambda.DeleteFunctionOutput, error) {
	err := a.view.Update(ctx, func(tx *state.Tx) error {
		f, err := find(ctx, tx, in.FunctionName, in.Qualifier, "DeleteFunction")
		if err != nil {
			return err
		}
		if f.qualifier != "" {
			return a.deleteVersion(tx, f)
		}
		for _, c := range versions(tx, f.Function) {
			state.FunctionConfigs.Delete(tx, c.Qualified())
		}
		disconnect(tx, f.Function)
		state.Functions.Delete(tx, f.ARN())
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &lambda.DeleteFunctionOutput{StatusCode: new(int32(204))}, nil
}

func (a *API) deleteVersion(tx *state.Tx, f *found) error {
	v := f.qualifier
	switch {
	case v == function.Latest:
		return invalid("$LATEST version cannot be deleted without deleting the function.")
	case !slices.Contains(f.Versions, v):
		return invalid("Deletion of aliases is not currently supported.")
	}
	var users []string
	for _, alias := range f.Aliases {
		if _, weighted := alias.Weights[v]; weighted || alias.Version == v {
			users = append(users, alias.Name)
		}
	}
	if len(users) > 0 {
		return conflict("Deletion failed because the following aliases reference it: %v", users)
	}
	f.Versions = without(f.Versions, func(n string) bool { return n == v })
	f.Permissions = without(f.Permissions, func(p function.Permission) bool { return p.Qualifier == v })
	f.Async = without(f.Async, func(s function.Async) bool { return s.Version == v })
	state.FunctionConfigs.Delete(tx, f.ARN()+":"+v)
	state.Functions.Put(tx, f.Function)
	return connect(tx, f.Function, a.Now())
}

// without returns a copy of the list without those that go.
func without[T any](list []T, goes func(T) bool) []T {
	return slices.DeleteFunc(slices.Clone(list), goes)
}

// sorted returns an iterator over the rows in order of their keys.
func sorted[T any](rows []T, key func(T) string) iter.Seq[T] {
	rows = slices.Clone(rows)
	slices.SortFunc(rows, func(a, b T) int {
		switch ka, kb := key(a), key(b); {
		case ka < kb:
			return -1
		case ka > kb:
			return 1
		}
		return 0
	})
	return slices.Values(rows)
}
