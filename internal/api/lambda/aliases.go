package lambda

import (
	"context"
	"maps"
	"slices"

	"trellis/internal/api/page"
	"trellis/internal/aws/model/lambda"
	"trellis/internal/fault"
	"trellis/internal/function"
	"trellis/internal/state"
)

func showAlias(f *function.Function, al *function.Alias) lambda.AliasConfiguration {
	out := lambda.AliasConfiguration{AliasArn: new(f.ARN() + ":" + al.Name), Name: &al.Name, FunctionVersion: &al.Version,
		Description: &al.Description, RevisionId: &al.RevisionID}
	if len(al.Weights) > 0 {
		out.RoutingConfig = &lambda.AliasRoutingConfiguration{AdditionalVersionWeights: al.Weights}
	}
	return out
}

func noAlias(f *function.Function, name string) error {
	return notFound("Cannot find alias arn: %s:%s", f.ARN(), name)
}

// aim checks where an alias leads.
func aim(f *function.Function, al *function.Alias) error {
	if _, isAlias := f.Alias(al.Version); isAlias {
		return notFound("Function not found: %s:%s", f.ARN(), al.Version)
	}
	if _, ok := f.Resolve(al.Version); !ok {
		return notFound("Function not found: %s:%s", f.ARN(), al.Version)
	}
	if len(al.Weights) == 0 {
		return nil
	}
	if al.Version == function.Latest {
		return invalid("$LATEST is not supported for an alias pointing to more than 1 version")
	}
	if len(al.Weights) > 1 {
		return invalid("Number of items in AdditionalVersionWeights cannot be greater than 1")
	}
	for v, w := range al.Weights {
		switch {
		case v == al.Version:
			return invalid("Invalid function version %s. Function version %s is already included in routing configuration.", v, v)
		case !slices.Contains(f.Versions, v):
			return notFound("Function not found: %s:%s", f.ARN(), v)
		case w < 0 || w > 1:
			return invalid("The weight of version %s must be between 0.0 and 1.0", v)
		}
	}
	return nil
}

// editAliases changes the aliases of a function.
func (a *API) editAliases(ctx context.Context, name *string, action string, edit func(f *function.Function) error) error {
	return a.view.Update(ctx, func(tx *state.Tx) error {
		f, err := own(ctx, tx, name, action)
		if err != nil {
			return err
		}
		f.Aliases = slices.Clone(f.Aliases)
		if err := edit(f); err != nil {
			return err
		}
		state.Functions.Put(tx, f)
		return nil
	})
}

// CreateAlias gives a version a name.
func (a *API) CreateAlias(ctx context.Context, in *lambda.CreateAliasInput) (*lambda.CreateAliasOutput, error) {
	var out lambda.AliasConfiguration
	err := a.editAliases(ctx, in.FunctionName, "CreateAlias", func(f *function.Function) error {
		al := function.Alias{Name: deref(in.Name), Version: deref(in.FunctionVersion), Description: deref(in.Description), RevisionID: revision()}
		if in.RoutingConfig != nil {
			al.Weights = maps.Clone(in.RoutingConfig.AdditionalVersionWeights)
		}
		if _, exists := f.Alias(al.Name); exists {
			return fault.New(fault.Exists, "ResourceConflictException", "Alias already exists: %s:%s", f.ARN(), al.Name)
		}
		if err := aim(f, &al); err != nil {
			return err
		}
		f.Aliases = append(f.Aliases, al)
		out = showAlias(f, &al)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return new(lambda.CreateAliasOutput(out)), nil
}

// GetAlias describes an alias.
func (a *API) GetAlias(ctx context.Context, in *lambda.GetAliasInput) (*lambda.GetAliasOutput, error) {
	f, err := own(ctx, a.view.Snapshot(), in.FunctionName, "GetAlias")
	if err != nil {
		return nil, err
	}
	al, ok := f.Alias(deref(in.Name))
	if !ok {
		return nil, noAlias(f, deref(in.Name))
	}
	return new(lambda.GetAliasOutput(showAlias(f, al))), nil
}

// ListAliases lists the aliases of a function, or of one version.
func (a *API) ListAliases(ctx context.Context, in *lambda.ListAliasesInput) (*lambda.ListAliasesOutput, error) {
	f, err := own(ctx, a.view.Snapshot(), in.FunctionName, "ListAliases")
	if err != nil {
		return nil, err
	}
	aliases := without(f.Aliases, func(al function.Alias) bool {
		return in.FunctionVersion != nil && al.Version != *in.FunctionVersion
	})
	name := func(al function.Alias) string { return al.Name }
	listed, next, err := page.Cut(sorted(aliases, name), name, pageSize(in.MaxItems), deref(in.Marker), badMarker)
	if err != nil {
		return nil, err
	}
	out := &lambda.ListAliasesOutput{Aliases: []lambda.AliasConfiguration{}, NextMarker: optional(next)}
	for i := range listed {
		out.Aliases = append(out.Aliases, showAlias(f, &listed[i]))
	}
	return out, nil
}

// UpdateAlias changes where an alias leads.
func (a *API) UpdateAlias(ctx context.Context, in *lambda.UpdateAliasInput) (*lambda.UpdateAliasOutput, error) {
	var out lambda.AliasConfiguration
	err := a.editAliases(ctx, in.FunctionName, "UpdateAlias", func(f *function.Function) error {
		al, ok := f.Alias(deref(in.Name))
		if !ok {
			return noAlias(f, deref(in.Name))
		}
		if err := unless(in.RevisionId, al.RevisionID, "GetFunction/GetAlias"); err != nil {
			return err
		}
		set(&al.Version, in.FunctionVersion)
		set(&al.Description, in.Description)
		if in.RoutingConfig != nil {
			al.Weights = maps.Clone(in.RoutingConfig.AdditionalVersionWeights)
		}
		al.RevisionID = revision()
		out = showAlias(f, al)
		return aim(f, al)
	})
	if err != nil {
		return nil, err
	}
	return new(lambda.UpdateAliasOutput(out)), nil
}

// DeleteAlias removes an alias with its permissions. One that does not exist is no error.
func (a *API) DeleteAlias(ctx context.Context, in *lambda.DeleteAliasInput) (*lambda.DeleteAliasOutput, error) {
	name := deref(in.Name)
	return &lambda.DeleteAliasOutput{}, a.editAliases(ctx, in.FunctionName, "DeleteAlias", func(f *function.Function) error {
		f.Aliases = without(f.Aliases, func(al function.Alias) bool { return al.Name == name })
		f.Permissions = without(f.Permissions, func(p function.Permission) bool { return p.Qualifier == name })
		return nil
	})
}
