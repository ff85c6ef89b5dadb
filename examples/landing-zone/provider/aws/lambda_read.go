package aws

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"

	"landing-zone/engine"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// shownArchive is an archive of which Lambda shows the sum.
func shownArchive(sum *string) (*engine.Archive, error) {
	raw, err := base64.StdEncoding.DecodeString(awssdk.ToString(sum))
	return &engine.Archive{Hash: hex.EncodeToString(raw)}, err
}

func (p *Provider) readLayer(ctx context.Context, r engine.Existing) (inputs, outputs engine.Properties, err error) {
	out, err := p.lambda.GetLayerVersionByArn(ctx, &lambda.GetLayerVersionByArnInput{Arn: &r.ID})
	if hasCode(err, noFunction) {
		return nil, nil, engine.ErrGone
	}
	if err != nil {
		return nil, nil, err
	}
	inputs = engine.Properties{"layerName": nameOf(awssdk.ToString(out.LayerArn)), "compatibleRuntimes": shownTexts(out.CompatibleRuntimes)}
	if out.Content != nil {
		if inputs["code"], err = shownArchive(out.Content.CodeSha256); err != nil {
			return nil, nil, fmt.Errorf("content of layer %s: %w", r.ID, err)
		}
	}
	return inputs, engine.Properties{
		"arn": awssdk.ToString(out.LayerVersionArn), "layerArn": awssdk.ToString(out.LayerArn), "version": fmt.Sprint(out.Version),
	}, nil
}

func functionOutputs(c *types.FunctionConfiguration) engine.Properties {
	return engine.Properties{"arn": awssdk.ToString(c.FunctionArn), "name": awssdk.ToString(c.FunctionName)}
}

func (p *Provider) readFunction(ctx context.Context, r engine.Existing) (inputs, outputs engine.Properties, err error) {
	out, err := p.lambda.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: &r.ID})
	if hasCode(err, noFunction) {
		return nil, nil, engine.ErrGone
	}
	if err != nil {
		return nil, nil, err
	}
	c := out.Configuration
	tags := engine.Properties{}
	for key, value := range out.Tags {
		tags[key] = value
	}
	inputs = engine.Properties{
		"name":                         awssdk.ToString(c.FunctionName),
		"description":                  awssdk.ToString(c.Description),
		"role":                         awssdk.ToString(c.Role),
		"runtime":                      string(c.Runtime),
		"handler":                      awssdk.ToString(c.Handler),
		"memorySize":                   shown(c.MemorySize),
		"timeout":                      shown(c.Timeout),
		"packageType":                  string(c.PackageType),
		"architectures":                shownTexts(c.Architectures),
		"ephemeralStorage":             nil,
		"tracingConfig":                nil,
		"reservedConcurrentExecutions": -1,
		"tags":                         tags,
	}
	if inputs["code"], err = shownArchive(c.CodeSha256); err != nil {
		return nil, nil, fmt.Errorf("code of function %s: %w", r.ID, err)
	}
	var layers []string
	for _, layer := range c.Layers {
		layers = append(layers, awssdk.ToString(layer.Arn))
	}
	inputs["layers"] = shownTexts(layers)
	if c.VpcConfig != nil && awssdk.ToString(c.VpcConfig.VpcId) != "" {
		inputs["vpcConfig"] = engine.Properties{
			"securityGroupIds": shownTexts(c.VpcConfig.SecurityGroupIds), "subnetIds": shownTexts(c.VpcConfig.SubnetIds),
		}
	}
	if c.Environment != nil {
		variables := engine.Properties{}
		for name, value := range c.Environment.Variables {
			variables[name] = value
		}
		inputs["environment"] = engine.Properties{"variables": variables}
	}
	if c.EphemeralStorage != nil {
		inputs["ephemeralStorage"] = shown(c.EphemeralStorage.Size)
	}
	if c.TracingConfig != nil {
		inputs["tracingConfig"] = string(c.TracingConfig.Mode)
	}
	if out.Concurrency != nil {
		inputs["reservedConcurrentExecutions"] = shown(out.Concurrency.ReservedConcurrentExecutions)
	}
	return inputs, functionOutputs(c), nil
}

func (p *Provider) readPermission(ctx context.Context, r engine.Existing) (inputs, outputs engine.Properties, err error) {
	function := text(r.Inputs, "function")
	found, err := p.statement(ctx, function, r.ID)
	if err != nil {
		return nil, nil, err
	}
	if found == nil {
		return nil, nil, engine.ErrGone
	}
	inputs = engine.Properties{"function": function, "action": found.Action, "principal": found.Principal.Service}
	for _, arn := range found.Condition.ArnLike {
		inputs["sourceArn"] = arn
	}
	return inputs, engine.Properties{"statementId": found.Sid}, nil
}
