package lambda

import (
	"context"
	"maps"
	"slices"

	"trellis/internal/aws/model/lambda"
	"trellis/internal/function"
	"trellis/internal/state"
)

// change edits $LATEST of a function in a transaction, once the hosts are done with the change before.
func (a *API) change(ctx context.Context, name, revisionID *string, action string, edit func(tx *state.Tx, f *function.Function, c *function.Config) error) (string, error) {
	var functionARN string
	err := a.view.Update(ctx, func(tx *state.Tx) error {
		f, err := own(ctx, tx, name, action)
		if err != nil {
			return err
		}
		functionARN = f.ARN()
		c, rev, ok := state.FunctionConfigs.Lookup(tx, functionARN+":"+function.Latest)
		if !ok {
			return notFound("Function not found: %s", functionARN)
		}
		if err := unless(revisionID, c.RevisionID, "GetFunction/GetAlias"); err != nil {
			return err
		}
		if err := settled(tx.Snapshot(), c, rev); err != nil {
			return err
		}
		return edit(tx, f, c)
	})
	return functionARN, err
}

// save stores an edited $LATEST.
func (a *API) save(tx *state.Tx, c *function.Config) {
	c.Modified, c.RevisionID = a.Now().UTC(), revision()
	state.FunctionConfigs.Put(tx, c)
}

// UpdateFunctionCode gives a function another deployment package.
func (a *API) UpdateFunctionCode(ctx context.Context, in *lambda.UpdateFunctionCodeInput) (*lambda.UpdateFunctionCodeOutput, error) {
	if err := unbuilt([]feature{{"PublishTo", deref(in.PublishTo) != ""}}); err != nil {
		return nil, err
	}
	if _, err := own(ctx, a.view.Snapshot(), in.FunctionName, "UpdateFunctionCode"); err != nil {
		return nil, err
	}
	architecture, err := a.architecture(in.Architectures)
	if err != nil {
		return nil, err
	}
	code, err := a.store(ctx, source{in.ZipFile, in.S3Bucket, in.ImageUri, in.SourceKMSKeyArn, in.S3Key != nil || in.S3ObjectVersion != nil})
	if err != nil {
		return nil, err
	}
	version := function.Latest
	var tried *function.Config
	name, err := a.change(ctx, in.FunctionName, in.RevisionId, "UpdateFunctionCode", func(tx *state.Tx, f *function.Function, c *function.Config) error {
		if err := room(tx.Snapshot(), f.Owner, code.size-c.CodeSize); err != nil {
			return err
		}
		code.into(c)
		c.Architecture = architecture
		total := c.Unzipped
		for _, l := range c.Layers {
			if row, ok := state.Layers.Get(tx, l); ok {
				total += row.Unzipped
			}
		}
		if total > function.MaxUnzipped {
			return invalid("Layers consume more than the available size of %d bytes", function.MaxUnzipped)
		}
		if deref(in.DryRun) {
			tried = c
			return nil
		}
		a.save(tx, c)
		if deref(in.Publish) {
			version = publish(tx, f, c, c.Description, a.Now())
			state.Functions.Put(tx, f)
			return connect(tx, f, a.Now())
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if tried != nil {
		s := a.view.Snapshot()
		_, rev, _ := state.FunctionConfigs.Lookup(s, tried.Qualified())
		return new(lambda.UpdateFunctionCodeOutput(show(s, tried, rev, name))), nil
	}
	shown, err := a.answer(name, version, version != function.Latest)
	if err != nil {
		return nil, err
	}
	return new(lambda.UpdateFunctionCodeOutput(shown)), nil
}

// UpdateFunctionConfiguration changes how a function runs. What the request leaves out stays.
func (a *API) UpdateFunctionConfiguration(ctx context.Context, in *lambda.UpdateFunctionConfigurationInput) (*lambda.UpdateFunctionConfigurationOutput, error) {
	asked := append(features(in.DeadLetterConfig, in.KMSKeyArn, in.TracingConfig, in.FileSystemConfigs, in.SnapStart),
		feature{"ImageConfig", in.ImageConfig != nil && (len(in.ImageConfig.Command) > 0 || len(in.ImageConfig.EntryPoint) > 0 || in.ImageConfig.WorkingDirectory != nil)},
		feature{"CapacityProviderConfig", in.CapacityProviderConfig != nil},
		feature{"DurableConfig", in.DurableConfig != nil},
		feature{"RuntimeConfig", in.RuntimeConfig != nil},
		feature{"AcceleratorConfig", in.AcceleratorConfig != nil})
	if err := unbuilt(asked); err != nil {
		return nil, err
	}
	if _, err := own(ctx, a.view.Snapshot(), in.FunctionName, "UpdateFunctionConfiguration"); err != nil {
		return nil, err
	}
	if in.Role != nil {
		if err := a.takeRole(ctx, *in.Role); err != nil {
			return nil, err
		}
	}
	if err := a.mayUse(ctx, in.Layers); err != nil {
		return nil, err
	}
	name, err := a.change(ctx, in.FunctionName, in.RevisionId, "UpdateFunctionConfiguration", func(tx *state.Tx, f *function.Function, c *function.Config) error {
		if err := edit(c, in); err != nil {
			return err
		}
		if in.Layers != nil {
			if err := a.checkLayers(ctx, tx, c); err != nil {
				return err
			}
		}
		if in.VpcConfig != nil {
			if err := locate(tx, f.Owner, c); err != nil {
				return err
			}
		}
		if in.VpcConfig != nil || in.Role != nil {
			if err := a.mayConnect(ctx, c); err != nil {
				return err
			}
		}
		a.save(tx, c)
		return connect(tx, f, a.Now())
	})
	if err != nil {
		return nil, err
	}
	shown, err := a.answer(name, function.Latest, false)
	if err != nil {
		return nil, err
	}
	return new(lambda.UpdateFunctionConfigurationOutput(shown)), nil
}

// edit puts what the request asks for into c.
func edit(c *function.Config, in *lambda.UpdateFunctionConfigurationInput) error {
	set(&c.Role, in.Role)
	set(&c.Handler, in.Handler)
	set(&c.Description, in.Description)
	set(&c.Runtime, in.Runtime)
	set(&c.Timeout, in.Timeout)
	set(&c.Memory, in.MemorySize)
	if in.EphemeralStorage != nil {
		set(&c.Ephemeral, in.EphemeralStorage.Size)
	}
	if in.Environment != nil {
		c.Environment = maps.Clone(in.Environment.Variables)
	}
	if in.Layers != nil {
		c.Layers = slices.Clone(in.Layers)
	}
	if err := place(c, in.VpcConfig); err != nil {
		return err
	}
	if err := logTo(c, in.LoggingConfig); err != nil {
		return err
	}
	return c.Check()
}
