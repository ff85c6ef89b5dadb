package lambda

import (
	"context"
	"slices"

	"trellis/internal/api/page"
	"trellis/internal/aws/model/lambda"
	"trellis/internal/fault"
	"trellis/internal/function"
	"trellis/internal/state"
)

// edit changes what the versions of a function have in common.
func (a *API) edit(ctx context.Context, name *string, action string, change func(tx *state.Tx, f *function.Function) error) error {
	return a.view.Update(ctx, func(tx *state.Tx) error {
		f, err := own(ctx, tx, name, action)
		if err != nil {
			return err
		}
		if err := change(tx, f); err != nil {
			return err
		}
		state.Functions.Put(tx, f)
		return nil
	})
}

// PutFunctionConcurrency reserves a part of the account's concurrency for a function, which it then cannot exceed.
func (a *API) PutFunctionConcurrency(ctx context.Context, in *lambda.PutFunctionConcurrencyInput) (*lambda.PutFunctionConcurrencyOutput, error) {
	n := deref(in.ReservedConcurrentExecutions)
	err := a.edit(ctx, in.FunctionName, "PutFunctionConcurrency", func(tx *state.Tx, f *function.Function) error {
		left := unreserved(tx.Snapshot(), f) - int64(n)
		if left < function.MinUnreserved {
			return invalid("Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [%d].", function.MinUnreserved)
		}
		f.Concurrency = &n
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &lambda.PutFunctionConcurrencyOutput{ReservedConcurrentExecutions: &n}, nil
}

// unreserved returns how much of an account's concurrency the functions beside f leave.
func unreserved(s *state.Snapshot, f *function.Function) int64 {
	left := int64(function.MaxConcurrency)
	for other := range state.Functions.By(s, state.ByScope, f.Scope()) {
		if other.Name != f.Name && other.Concurrency != nil {
			left -= int64(*other.Concurrency)
		}
	}
	return left
}

// GetFunctionConcurrency returns a function's reserved concurrency.
func (a *API) GetFunctionConcurrency(ctx context.Context, in *lambda.GetFunctionConcurrencyInput) (*lambda.GetFunctionConcurrencyOutput, error) {
	f, err := own(ctx, a.view.Snapshot(), in.FunctionName, "GetFunctionConcurrency")
	if err != nil {
		return nil, err
	}
	return &lambda.GetFunctionConcurrencyOutput{ReservedConcurrentExecutions: f.Concurrency}, nil
}

// DeleteFunctionConcurrency gives a function's reserved concurrency back.
func (a *API) DeleteFunctionConcurrency(ctx context.Context, in *lambda.DeleteFunctionConcurrencyInput) (*lambda.DeleteFunctionConcurrencyOutput, error) {
	return &lambda.DeleteFunctionConcurrencyOutput{}, a.edit(ctx, in.FunctionName, "DeleteFunctionConcurrency", func(_ *state.Tx, f *function.Function) error {
		f.Concurrency = nil
		return nil
	})
}

// ListProvisionedConcurrencyConfigs lists nothing: concurrency cannot be provisioned here.
func (a *API) ListProvisionedConcurrencyConfigs(ctx context.Context, in *lambda.ListProvisionedConcurrencyConfigsInput) (*lambda.ListProvisionedConcurrencyConfigsOutput, error) {
	if _, err := own(ctx, a.view.Snapshot(), in.FunctionName, "ListProvisionedConcurrencyConfigs"); err != nil {
		return nil, err
	}
	return &lambda.ListProvisionedConcurrencyConfigsOutput{ProvisionedConcurrencyConfigs: []lambda.ProvisionedConcurrencyConfigListItem{}}, nil
}

// GetProvisionedConcurrencyConfig finds nothing: concurrency cannot be provisioned here.
func (a *API) GetProvisionedConcurrencyConfig(ctx context.Context, in *lambda.GetProvisionedConcurrencyConfigInput) (*lambda.GetProvisionedConcurrencyConfigOutput, error) {
	if _, err := find(ctx, a.view.Snapshot(), in.FunctionName, in.Qualifier, "GetProvisionedConcurrencyConfig"); err != nil {
		return nil, err
	}
	return nil, fault.New(fault.NotFound, "ProvisionedConcurrencyConfigNotFoundException", "No Provisioned Concurrency Config found for this function")
}

// ListEventSourceMappings lists nothing: there are no event sources here.
func (a *API) ListEventSourceMappings(context.Context, *lambda.ListEventSourceMappingsInput) (*lambda.ListEventSourceMappingsOutput, error) {
	return &lambda.ListEventSourceMappingsOutput{EventSourceMappings: []lambda.EventSourceMappingConfiguration{}}, nil
}

// GetFunctionCodeSigningConfig names the function only: no code is signed here.
func (a *API) GetFunctionCodeSigningConfig(ctx context.Context, in *lambda.GetFunctionCodeSigningConfigInput) (*lambda.GetFunctionCodeSigningConfigOutput, error) {
	f, err := find(ctx, a.view.Snapshot(), in.FunctionName, nil, "GetFunctionCodeSigningConfig")
	if err != nil {
		return nil, err
	}
	return &lambda.GetFunctionCodeSigningConfigOutput{FunctionName: &f.Name}, nil
}

// recursiveLoop is what becomes of a function in a loop over queues and topics, which are not here.
func recursiveLoop(f *function.Function) *string {
	if f.RecursiveLoop == "" {
		return new("Terminate")
	}
	return &f.RecursiveLoop
}

// GetFunctionRecursionConfig returns what becomes of a function in a loop.
func (a *API) GetFunctionRecursionConfig(ctx context.Context, in *lambda.GetFunctionRecursionConfigInput) (*lambda.GetFunctionRecursionConfigOutput, error) {
	f, err := own(ctx, a.view.Snapshot(), in.FunctionName, "GetFunctionRecursionConfig")
	if err != nil {
		return nil, err
	}
	return &lambda.GetFunctionRecursionConfigOutput{RecursiveLoop: recursiveLoop(f)}, nil
}

// PutFunctionRecursionConfig sets what becomes of a function in a loop.
func (a *API) PutFunctionRecursionConfig(ctx context.Context, in *lambda.PutFunctionRecursionConfigInput) (*lambda.PutFunctionRecursionConfigOutput, error) {
	err := a.edit(ctx, in.FunctionName, "PutFunctionRecursionConfig", func(_ *state.Tx, f *function.Function) error {
		f.RecursiveLoop = deref(in.RecursiveLoop)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &lambda.PutFunctionRecursionConfigOutput{RecursiveLoop: in.RecursiveLoop}, nil
}

// GetRuntimeManagementConfig returns Auto: a function runs on what the host has.
func (a *API) GetRuntimeManagementConfig(ctx context.Context, in *lambda.GetRuntimeManagementConfigInput) (*lambda.GetRuntimeManagementConfigOutput, error) {
	f, err := find(ctx, a.view.Snapshot(), in.FunctionName, in.Qualifier, "GetRuntimeManagementConfig")
	if err != nil {
		return nil, err
	}
	return &lambda.GetRuntimeManagementConfigOutput{UpdateRuntimeOn: new("Auto"), FunctionArn: new(f.arn())}, nil
}

// PutRuntimeManagementConfig takes Auto only.
func (a *API) PutRuntimeManagementConfig(ctx context.Context, in *lambda.PutRuntimeManagementConfigInput) (*lambda.PutRuntimeManagementConfigOutput, error) {
	f, err := find(ctx, a.view.Snapshot(), in.FunctionName, in.Qualifier, "PutRuntimeManagementConfig")
	if err != nil {
		return nil, err
	}
	if deref(in.UpdateRuntimeOn) != "Auto" || in.RuntimeVersionArn != nil {
		return nil, unsupported("Functions run on the interpreters of this server: UpdateRuntimeOn can only be Auto.")
	}
	return &lambda.PutRuntimeManagementConfigOutput{UpdateRuntimeOn: in.UpdateRuntimeOn, FunctionArn: new(f.arn())}, nil
}

// GetAccountSettings returns the limits of an account in a region, and what it uses of them.
func (a *API) GetAccountSettings(ctx context.Context, _ *lambda.GetAccountSettingsInput) (*lambda.GetAccountSettingsOutput, error) {
	s, o := a.view.Snapshot(), owner(ctx)
	n, size := codeStorage(s, o)
	left := int32(unreserved(s, &function.Function{Owner: o}))
	return &lambda.GetAccountSettingsOutput{
		AccountLimit: &lambda.AccountLimit{TotalCodeSize: new(int64(function.MaxCodeStorage)), CodeSizeUnzipped: new(int64(function.MaxUnzipped)),
			CodeSizeZipped: new(int64(function.MaxZipped)), ConcurrentExecutions: new(int32(function.MaxConcurrency)), UnreservedConcurrentExecutions: &left},
		AccountUsage: &lambda.AccountUsage{TotalCodeSize: &size, FunctionCount: &n},
	}, nil
}

// eventVersion returns the version whose events a request is about.
func eventVersion(f *found) (string, error) {
	if _, isAlias := f.Alias(f.qualifier); isAlias {
		return "", unsupported("Event invoke configurations of aliases are not supported by this server. Configure the version.")
	}
	v, _ := f.Resolve(f.qualifier)
	return v, nil
}

func showAsync(f *function.Function, c *function.Async) lambda.FunctionEventInvokeConfig {
	return lambda.FunctionEventInvokeConfig{FunctionArn: new(f.ARN() + ":" + c.Version), LastModified: &c.Modified, MaximumRetryAttempts: c.MaxRetries,
		MaximumEventAgeInSeconds: new(int32(function.MaxEventAge)),
		DestinationConfig:        &lambda.DestinationConfig{OnSuccess: &lambda.OnSuccess{}, OnFailure: &lambda.OnFailure{}}}
}

// asynchronous sets how the events of a version are retried.
func (a *API) asynchronous(ctx context.Context, name, qualifier *string, action string, retries, age *int32, to *lambda.DestinationConfig) (lambda.FunctionEventInvokeConfig, error) {
	if age != nil && *age != function.MaxEventAge {
		return lambda.FunctionEventInvokeConfig{}, unsupported("Events are kept for %d seconds by this server: MaximumEventAgeInSeconds can not be less.", function.MaxEventAge)
	}
	if to != nil && (to.OnSuccess != nil && deref(to.OnSuccess.Destination) != "" || to.OnFailure != nil && deref(to.OnFailure.Destination) != "") {
		return lambda.FunctionEventInvokeConfig{}, unsupported("DestinationConfig is not supported by this server.")
	}
	if retries != nil && (*retries < 0 || *retries > function.DefaultRetries) {
		return lambda.FunctionEventInvokeConfig{}, invalid("MaximumRetryAttempts must be between 0 and %d.", function.DefaultRetries)
	}
	var out lambda.FunctionEventInvokeConfig
	err := a.view.Update(ctx, func(tx *state.Tx) error {
		f, err := find(ctx, tx, name, qualifier, action)
		if err != nil {
			return err
		}
		v, err := eventVersion(f)
		if err != nil {
			return err
		}
		c := function.Async{Version: v, MaxRetries: retries, Modified: a.Now().UTC()}
		if action == "UpdateFunctionEventInvokeConfig" {
			i := slices.IndexFunc(f.Async, func(c function.Async) bool { return c.Version == v })
			if i < 0 {
				return noAsync(f)
			}
			if retries == nil {
				c.MaxRetries = f.Async[i].MaxRetries
			}
		}
		f.Async = append(without(f.Async, func(c function.Async) bool { return c.Version == v }), c)
		out = showAsync(f.Function, &c)
		state.Functions.Put(tx, f.Function)
		return nil
	})
	return out, err
}

func noAsync(f *found) error {
	return notFound("The function %s doesn't have an EventInvokeConfig", f.arn())
}

// PutFunctionEventInvokeConfig sets how the events of a version are retried.
func (a *API) PutFunctionEventInvokeConfig(ctx context.Context, in *lambda.PutFunctionEventInvokeConfigInput) (*lambda.PutFunctionEventInvokeConfigOutput, error) {
	out, err := a.asynchronous(ctx, in.FunctionName, in.Qualifier, "PutFunctionEventInvokeConfig", in.MaximumRetryAttempts, in.MaximumEventAgeInSeconds, in.DestinationConfig)
	if err != nil {
		return nil, err
	}
	return new(lambda.PutFunctionEventInvokeConfigOutput(out)), nil
}

// UpdateFunctionEventInvokeConfig changes how the events of a version are retried.
func (a *API) UpdateFunctionEventInvokeConfig(ctx context.Context, in *lambda.UpdateFunctionEventInvokeConfigInput) (*lambda.UpdateFunctionEventInvokeConfigOutput, error) {
	out, err := a.asynchronous(ctx, in.FunctionName, in.Qualifier, "UpdateFunctionEventInvokeConfig", in.MaximumRetryAttempts, in.MaximumEventAgeInSeconds, in.DestinationConfig)
	if err != nil {
		return nil, err
	}
	return new(lambda.UpdateFunctionEventInvokeConfigOutput(out)), nil
}

// GetFunctionEventInvokeConfig returns how the events of a version are retried.
func (a *API) GetFunctionEventInvokeConfig(ctx context.Context, in *lambda.GetFunctionEventInvokeConfigInput) (*lambda.GetFunctionEventInvokeConfigOutput, error) {
	f, err := find(ctx, a.view.Snapshot(), in.FunctionName, in.Qualifier, "GetFunctionEventInvokeConfig")
	if err != nil {
		return nil, err
	}
	v, _ := f.Resolve(f.qualifier)
	_, isAlias := f.Alias(f.qualifier)
	for i := range f.Async {
		if f.Async[i].Version == v && !isAlias {
			return new(lambda.GetFunctionEventInvokeConfigOutput(showAsync(f.Function, &f.Async[i]))), nil
		}
	}
	return nil, noAsync(f)
}

// ListFunctionEventInvokeConfigs lists how the events of a function's versions are retried.
func (a *API) ListFunctionEventInvokeConfigs(ctx context.Context, in *lambda.ListFunctionEventInvokeConfigsInput) (*lambda.ListFunctionEventInvokeConfigsOutput, error) {
	f, err := own(ctx, a.view.Snapshot(), in.FunctionName, "ListFunctionEventInvokeConfigs")
	if err != nil {
		return nil, err
	}
	key := func(c function.Async) string { return padded(c.Version) }
	listed, next, err := page.Cut(sorted(f.Async, key), key, pageSize(in.MaxItems), deref(in.Marker), badMarker)
	if err != nil {
		return nil, err
	}
	out := &lambda.ListFunctionEventInvokeConfigsOutput{FunctionEventInvokeConfigs: []lambda.FunctionEventInvokeConfig{}, NextMarker: optional(next)}
	for i := range listed {
		out.FunctionEventInvokeConfigs = append(out.FunctionEventInvokeConfigs, showAsync(f, &listed[i]))
	}
	return out, nil
}

// DeleteFunctionEventInvokeConfig makes the events of a version be retried as usual.
func (a *API) DeleteFunctionEventInvokeConfig(ctx context.Context, in *lambda.DeleteFunctionEventInvokeConfigInput) (*lambda.DeleteFunctionEventInvokeConfigOutput, error) {
	return &lambda.DeleteFunctionEventInvokeConfigOutput{}, a.view.Update(ctx, func(tx *state.Tx) error {
		f, err := find(ctx, tx, in.FunctionName, in.Qualifier, "DeleteFunctionEventInvokeConfig")
		if err != nil {
			return err
		}
		v, err := eventVersion(f)
		if err != nil {
			return err
		}
		kept := without(f.Async, func(c function.Async) bool { return c.Version == v })
		if len(kept) == len(f.Async) {
			return noAsync(f)
		}
		f.Async = kept
		state.Functions.Put(tx, f.Function)
		return nil
	})
}
