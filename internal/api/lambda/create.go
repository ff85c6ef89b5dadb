package lambda

import (
	"context"
	"maps"
	"slices"

	"trellis/internal/arn"
	"trellis/internal/aws/model/lambda"
	"trellis/internal/fault"
	"trellis/internal/function"
	"trellis/internal/state"
	"trellis/internal/tag"
)

// CreateFunction makes a function of a deployment package. It is Pending until the hosts can run it.
func (a *API) CreateFunction(ctx context.Context, in *lambda.CreateFunctionInput) (*lambda.CreateFunctionOutput, error) {
	o := owner(ctx)
	ref, err := function.ParseRef(deref(in.FunctionName), o)
	if err != nil {
		return nil, err
	}
	if ref.Owner != o || ref.Qualifier != "" {
		return nil, invalid("Functions are created in the caller's own account and region, without a qualifier.")
	}
	if err := unbuilt(createFeatures(in)); err != nil {
		return nil, err
	}
	c := function.Config{
		Function: ref.ARN(), Version: function.Latest, Description: deref(in.Description), Runtime: deref(in.Runtime), Handler: deref(in.Handler),
		Role: deref(in.Role), Timeout: function.DefaultTimeout, Memory: function.DefaultMemory, Ephemeral: function.DefaultStorage,
		Layers: slices.Clone(in.Layers), LogGroup: "/aws/lambda/" + ref.Name,
	}
	set(&c.Timeout, in.Timeout)
	set(&c.Memory, in.MemorySize)
	if in.EphemeralStorage != nil {
		set(&c.Ephemeral, in.EphemeralStorage.Size)
	}
	if in.Environment != nil {
		c.Environment = maps.Clone(in.Environment.Variables)
	}
	if c.Architecture, err = a.architecture(in.Architectures); err != nil {
		return nil, err
	}
	if err := place(&c, in.VpcConfig); err != nil {
		return nil, err
	}
	if err := logTo(&c, in.LoggingConfig); err != nil {
		return nil, err
	}
	if err := c.Check(); err != nil {
		return nil, err
	}
	tags, err := tag.Set(nil).With(in.Tags)
	if err != nil {
		return nil, err
	}
	if err := a.takeRole(ctx, c.Role); err != nil {
		return nil, err
	}
	if err := a.mayUse(ctx, c.Layers); err != nil {
		return nil, err
	}
	if _, exists := state.Functions.Get(a.view.Snapshot(), c.Function); exists {
		return nil, fault.New(fault.Exists, "ResourceConflictException", "Function already exist: %s", ref.Name)
	}
	code, err := a.store(ctx, codeOf(in.Code))
	if err != nil {
		return nil, err
	}
	code.into(&c)
	version := function.Latest
	err = a.view.Update(ctx, func(tx *state.Tx) error {
		if _, exists := state.Functions.Get(tx, c.Function); exists {
			return fault.New(fault.Exists, "ResourceConflictException", "Function already exist: %s", ref.Name)
		}
		if err := room(tx.Snapshot(), o, c.CodeSize); err != nil {
			return err
		}
		if err := a.checkLayers(ctx, tx, &c); err != nil {
			return err
		}
		if err := locate(tx, o, &c); err != nil {
			return err
		}
		if err := a.mayConnect(ctx, &c); err != nil {
			return err
		}
		f := &function.Function{Owner: o, Name: ref.Name, Tags: tags, NextVersion: 1}
		row := c
		row.Modified, row.RevisionID = a.Now().UTC(), revision()
		state.FunctionConfigs.Put(tx, &row)
		if deref(in.Publish) {
			version = publish(tx, f, &row, row.Description, a.Now())
		}
		state.Functions.Put(tx, f)
		return connect(tx, f, a.Now())
	})
	if err != nil {
		return nil, err
	}
	shown, err := a.answer(c.Function, version, false)
	if err != nil {
		return nil, err
	}
	return new(lambda.CreateFunctionOutput(shown)), nil
}

func set[T any](to *T, v *T) {
	if v != nil {
		*to = *v
	}
}

// takeRole checks that the caller may hand the role to Lambda and that Lambda may act with it.
func (a *API) takeRole(ctx context.Context, role string) error {
	if err := a.Access.PassRole(ctx, role, service); err != nil {
		return err
	}
	if !a.Access.CanAssume(role, service) {
		return invalid("The role defined for the function cannot be assumed by Lambda.")
	}
	return nil
}

// mayUse checks that the caller's own policies let it use the layers.
func (a *API) mayUse(ctx context.Context, layers []string) error {
	for _, l := range layers {
		if err := a.Access.Authorize(ctx, "lambda:GetLayerVersion", &lambda.GetLayerVersionByArnInput{Arn: &l}); err != nil {
			return err
		}
	}
	return nil
}

// feature is something a function can be asked to have that there is not here.
type feature struct {
	name  string
	asked bool
}

func unbuilt(features []feature) error {
	for _, f := range features {
		if f.asked {
			return unsupported("%s is not supported by this server.", f.name)
		}
	}
	return nil
}

func createFeatures(in *lambda.CreateFunctionInput) []feature {
	return append(features(in.DeadLetterConfig, in.KMSKeyArn, in.TracingConfig, in.FileSystemConfigs, in.SnapStart),
		feature{"PackageType Image", deref(in.PackageType) == "Image" && deref(in.Code.ImageUri) == ""},
		feature{"ImageConfig", in.ImageConfig != nil && deref(in.PackageType) != "Image"},
		feature{"CodeSigningConfigArn", deref(in.CodeSigningConfigArn) != ""},
		feature{"TenancyConfig", in.TenancyConfig != nil},
		feature{"CapacityProviderConfig", in.CapacityProviderConfig != nil},
		feature{"DurableConfig", in.DurableConfig != nil},
		feature{"RuntimeConfig", in.RuntimeConfig != nil},
		feature{"AcceleratorConfig", in.AcceleratorConfig != nil},
		feature{"PublishTo", deref(in.PublishTo) != ""})
}

func features(dlq *lambda.DeadLetterConfig, key *string, tracing *lambda.TracingConfig, files []lambda.FileSystemConfig, snap *lambda.SnapStart) []feature {
	return []feature{
		{"DeadLetterConfig", dlq != nil && deref(dlq.TargetArn) != ""},
		{"KMSKeyArn", deref(key) != ""},
		{"Active tracing", tracing != nil && deref(tracing.Mode) == "Active"},
		{"FileSystemConfigs", len(files) > 0},
		{"SnapStart", snap != nil && deref(snap.ApplyOn) == "PublishedVersions"},
	}
}

// logTo puts a logging configuration into c.
func logTo(c *function.Config, in *lambda.LoggingConfig) error {
	if in == nil {
		return nil
	}
	if deref(in.LogFormat) == "JSON" {
		return unsupported("LogFormat JSON is not supported by this server.")
	}
	if in.ApplicationLogLevel != nil || in.SystemLogLevel != nil {
		return invalid("ApplicationLogLevel and SystemLogLevel are only supported with LogFormat JSON.")
	}
	set(&c.LogGroup, in.LogGroup)
	return nil
}

// accountOf returns the account in an ARN.
func accountOf(name string) string {
	a, err := arn.Parse(name)
	if err != nil {
		return ""
	}
	return a.Account
}
