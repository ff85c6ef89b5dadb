package aws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"landing-zone/engine"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

const noFunction = "ResourceNotFoundException"

// archive is the input's archive; what the state gives back is only its hash.
func archive(in engine.Properties, key string) ([]byte, error) {
	a, ok := in[key].(*engine.Archive)
	if !ok {
		return nil, fmt.Errorf("%s is not an archive", key)
	}
	return a.Zip, nil
}

func (p *Provider) layerKind() kind {
	return kind{create: p.createLayer, read: p.readLayer, delete: p.deleteLayer}
}

func (p *Provider) createLayer(ctx context.Context, _ string, in engine.Properties) (engine.Made, error) {
	zip, err := archive(in, "code")
	if err != nil {
		return engine.Made{}, err
	}
	name := awssdk.String(text(in, "layerName"))
	var runtimes []types.Runtime
	for _, runtime := range texts(in, "compatibleRuntimes") {
		runtimes = append(runtimes, types.Runtime(runtime))
	}
	out, err := p.lambda.PublishLayerVersion(ctx, &lambda.PublishLayerVersionInput{
		LayerName:          name,
		Content:            &types.LayerVersionContentInput{ZipFile: zip},
		CompatibleRuntimes: runtimes,
	})
	if err != nil {
		return engine.Made{}, err
	}
	arn := awssdk.ToString(out.LayerVersionArn)
	made := engine.Made{ID: arn, Outputs: engine.Properties{
		"arn": arn, "layerArn": awssdk.ToString(out.LayerArn), "version": fmt.Sprint(out.Version),
	}}
	_, err = p.lambda.GetLayerVersion(ctx, &lambda.GetLayerVersionInput{LayerName: name, VersionNumber: awssdk.Int64(out.Version)})
	return made, err
}

func (p *Provider) deleteLayer(ctx context.Context, r engine.Existing) error {
	var version int64
	if _, err := fmt.Sscan(text(r.Outputs, "version"), &version); err != nil {
		return fmt.Errorf("version of layer %s: %w", r.ID, err)
	}
	_, err := p.lambda.DeleteLayerVersion(ctx, &lambda.DeleteLayerVersionInput{
		LayerName: awssdk.String(text(r.Inputs, "layerName")), VersionNumber: &version,
	})
	return unless(err, noFunction)
}

func (p *Provider) functionKind() kind {
	code := update{inputs: []string{"code"}, apply: func(ctx context.Context, old engine.Existing, in engine.Properties) error {
		zip, err := archive(in, "code")
		if err != nil {
			return err
		}
		if _, err := p.lambda.UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeInput{FunctionName: &old.ID, ZipFile: zip}); err != nil {
			return err
		}
		return p.functionUpdated(ctx, old.ID)
	}}
	configuration := update{inputs: []string{"role", "vpcConfig", "runtime", "layers", "handler", "environment"},
		apply: func(ctx context.Context, old engine.Existing, in engine.Properties) error {
			if _, err := p.lambda.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{
				FunctionName: &old.ID,
				Role:         awssdk.String(text(in, "role")),
				VpcConfig:    vpcConfig(in),
				Runtime:      types.Runtime(text(in, "runtime")),
				Layers:       append([]string{}, texts(in, "layers")...),
				Handler:      awssdk.String(text(in, "handler")),
				Environment:  environment(in),
			}); err != nil {
				return err
			}
			return p.functionUpdated(ctx, old.ID)
		}}
	retag := update{inputs: []string{"tags"}, apply: func(ctx context.Context, old engine.Existing, in engine.Properties) error {
		arn := awssdk.String(text(old.Outputs, "arn"))
		if gone := surplus(tags(old.Inputs), tags(in)); len(gone) > 0 {
			if _, err := p.lambda.UntagResource(ctx, &lambda.UntagResourceInput{Resource: arn, TagKeys: gone}); err != nil {
				return err
			}
		}
		_, err := p.lambda.TagResource(ctx, &lambda.TagResourceInput{Resource: arn, Tags: tags(in)})
		return err
	}}
	onDestroy := update{inputs: []string{"replaceSecurityGroupsOnDestroy"},
		apply: func(context.Context, engine.Existing, engine.Properties) error { return nil }}
	return kind{create: p.createFunction, read: p.readFunction, delete: p.deleteFunction, updates: []update{code, configuration, retag, onDestroy},
		defaults: engine.Properties{"memorySize": 128, "timeout": 3, "packageType": "Zip", "description": "", "architectures": []any{"x86_64"},
			"ephemeralStorage": 512, "tracingConfig": "PassThrough", "layers": []any{}, "reservedConcurrentExecutions": -1},
		unseen: []string{"replaceSecurityGroupsOnDestroy"}}
}

func vpcConfig(in engine.Properties) *types.VpcConfig {
	if _, given := in["vpcConfig"]; !given {
		return nil
	}
	config := object(in, "vpcConfig")
	return &types.VpcConfig{SecurityGroupIds: texts(config, "securityGroupIds"), SubnetIds: texts(config, "subnetIds")}
}

func environment(in engine.Properties) *types.Environment {
	variables := map[string]string{}
	for key, value := range object(object(in, "environment"), "variables") {
		if v, ok := value.(string); ok {
			variables[key] = v
		}
	}
	return &types.Environment{Variables: variables}
}

func (p *Provider) createFunction(ctx context.Context, name string, in engine.Properties) (engine.Made, error) {
	zip, err := archive(in, "code")
	if err != nil {
		return engine.Made{}, err
	}
	name = given(in, "name", name)
	create := &lambda.CreateFunctionInput{
		FunctionName: &name,
		Code:         &types.FunctionCode{ZipFile: zip},
		Role:         awssdk.String(text(in, "role")),
		Handler:      awssdk.String(text(in, "handler")),
		Runtime:      types.Runtime(text(in, "runtime")),
		Layers:       texts(in, "layers"),
		VpcConfig:    vpcConfig(in),
		PackageType:  types.PackageTypeZip,
		MemorySize:   awssdk.Int32(128),
		Timeout:      awssdk.Int32(3),
		Tags:         tags(in),
	}
	if _, given := in["environment"]; given {
		create.Environment = environment(in)
	}
	// A new role takes a while to be known everywhere.
	err = poll(ctx, "the role of function "+name, func() (bool, error) {
		_, err := p.lambda.CreateFunction(ctx, create)
		return err == nil, roleUnknown(err)
	})
	if err != nil {
		return engine.Made{}, err
	}
	made := engine.Made{ID: name}
	if made.Outputs, err = p.functionActive(ctx, name); err != nil {
		return made, err
	}
	for pages := lambda.NewListVersionsByFunctionPaginator(p.lambda, &lambda.ListVersionsByFunctionInput{FunctionName: &name}); pages.HasMorePages(); {
		if _, err := pages.NextPage(ctx); err != nil {
			return made, err
		}
	}
	_, err = p.lambda.GetFunctionCodeSigningConfig(ctx, &lambda.GetFunctionCodeSigningConfigInput{FunctionName: &name})
	return made, err
}

// roleUnknown drops the refusals that mean the role, or its policy, has not arrived where Lambda looks.
func roleUnknown(err error) error {
	var invalid *types.InvalidParameterValueException
	if !errors.As(err, &invalid) {
		return err
	}
	for _, reason := range []string{
		"cannot be assumed by Lambda", "execution role does not have permissions",
		"Your request has been throttled by EC2", "Lambda was unable to configure access to your environment variables",
	} {
		if strings.Contains(invalid.ErrorMessage(), reason) {
			return nil
		}
	}
	return err
}

func (p *Provider) functionActive(ctx context.Context, name string) (outputs engine.Properties, err error) {
	err = poll(ctx, "function "+name, func() (bool, error) {
		out, err := p.lambda.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: &name})
		if err != nil {
			return false, unless(err, noFunction)
		}
		c := out.Configuration
		if c.State == types.StateFailed {
			return false, fmt.Errorf("function %s failed: %s: %s", name, c.StateReasonCode, awssdk.ToString(c.StateReason))
		}
		outputs = functionOutputs(c)
		return c.State == types.StateActive, nil
	})
	return outputs, err
}

func (p *Provider) functionUpdated(ctx context.Context, name string) error {
	return poll(ctx, "the update of function "+name, func() (bool, error) {
		out, err := p.lambda.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: &name})
		if err != nil {
			return false, err
		}
		c := out.Configuration
		if c.LastUpdateStatus == types.LastUpdateStatusFailed {
			return false, fmt.Errorf("function %s: update failed: %s: %s", name, c.LastUpdateStatusReasonCode, awssdk.ToString(c.LastUpdateStatusReason))
		}
		return c.LastUpdateStatus == types.LastUpdateStatusSuccessful, nil
	})
}

func (p *Provider) deleteFunction(ctx context.Context, r engine.Existing) error {
	if flag(r.Inputs, "replaceSecurityGroupsOnDestroy") {
		if err := p.freeSecurityGroups(ctx, r.ID); err != nil {
			return err
		}
	}
	return whileRefused(ctx, "function "+r.ID, func() error {
		_, err := p.lambda.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: &r.ID})
		return unless(err, noFunction)
	}, "ResourceConflictException")
}

// freeSecurityGroups puts the function in its VPC's default group, so that its own can be deleted though the
// function's interfaces stay for a while. Where the role has lost its permissions already, as nothing makes them stay
// for longer than the function, the group waits for the interfaces instead.
func (p *Provider) freeSecurityGroups(ctx context.Context, name string) error {
	out, err := p.lambda.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: &name})
	if hasCode(err, noFunction) {
		return nil
	}
	if err != nil {
		return err
	}
	in := out.Configuration.VpcConfig
	if in == nil || len(in.SubnetIds) == 0 {
		return nil
	}
	group, err := p.defaultGroup(ctx, awssdk.ToString(in.VpcId))
	if err != nil {
		return err
	}
	if _, err := p.lambda.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{
		FunctionName: &name, VpcConfig: &types.VpcConfig{SecurityGroupIds: []string{group}, SubnetIds: in.SubnetIds},
	}); err != nil {
		return roleUnknown(err)
	}
	return p.functionUpdated(ctx, name)
}

func (p *Provider) permissionKind() kind {
	return kind{create: p.addPermission, read: p.readPermission, delete: p.removePermission}
}

func (p *Provider) addPermission(ctx context.Context, name string, in engine.Properties) (engine.Made, error) {
	function, statement := text(in, "function"), uniqueName(name)
	_, err := p.lambda.AddPermission(ctx, &lambda.AddPermissionInput{
		FunctionName: &function,
		StatementId:  &statement,
		Action:       awssdk.String(text(in, "action")),
		Principal:    awssdk.String(text(in, "principal")),
		SourceArn:    awssdk.String(text(in, "sourceArn")),
	})
	if err != nil {
		return engine.Made{}, err
	}
	made := engine.Made{ID: statement, Outputs: engine.Properties{"statementId": statement}}
	return made, poll(ctx, "permission "+statement, func() (bool, error) { return p.hasStatement(ctx, function, statement) })
}

func (p *Provider) hasStatement(ctx context.Context, function, statement string) (bool, error) {
	found, err := p.statement(ctx, function, statement)
	return found != nil, err
}

// statement is one of a function's policy, as far as a permission says it.
type statement struct {
	Sid, Action string
	Principal   struct{ Service string }
	Condition   struct{ ArnLike map[string]string }
}

// statement answers nil where there is none.
func (p *Provider) statement(ctx context.Context, function, id string) (*statement, error) {
	out, err := p.lambda.GetPolicy(ctx, &lambda.GetPolicyInput{FunctionName: &function})
	if err != nil {
		return nil, unless(err, noFunction)
	}
	var policy struct{ Statement []statement }
	if err := json.Unmarshal([]byte(awssdk.ToString(out.Policy)), &policy); err != nil {
		return nil, fmt.Errorf("policy of function %s: %w", function, err)
	}
	for _, s := range policy.Statement {
		if s.Sid == id {
			return &s, nil
		}
	}
	return nil, nil
}

func (p *Provider) removePermission(ctx context.Context, r engine.Existing) error {
	function := text(r.Inputs, "function")
	_, err := p.lambda.RemovePermission(ctx, &lambda.RemovePermissionInput{FunctionName: &function, StatementId: &r.ID})
	if err := unless(err, noFunction); err != nil {
		return err
	}
	return poll(ctx, "the end of permission "+r.ID, func() (bool, error) {
		there, err := p.hasStatement(ctx, function, r.ID)
		return !there, err
	})
}
