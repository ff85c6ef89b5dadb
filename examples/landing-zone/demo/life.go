package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"landing-zone/engine"
	"landing-zone/stacks/imported"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/vpclattice"
)

// life changes the stacks as their owners do in time.
func (d *demo) life(ctx context.Context) error {
	if err := d.again(ctx, "a second run without changes", nil, engine.OpSame); err != nil {
		return err
	}
	if err := d.again(ctx, "a tag more, in place", map[string]string{"stage": "test"}, engine.OpSame, engine.OpUpdate); err != nil {
		return err
	}
	for _, name := range []string{"directory-service", "shared-service"} {
		if err := d.again(ctx, "the name "+name+", by replacement", map[string]string{"stage": "test", "service-name": name},
			engine.OpSame, engine.OpUpdate, engine.OpReplace, engine.OpDelete, engine.OpCreate); err != nil {
			return err
		}
	}
	if err := d.meddle(ctx); err != nil {
		return err
	}
	if err := d.again(ctx, "what another hand changed, put right", d.settings,
		engine.OpDiffers, engine.OpGone, engine.OpSame, engine.OpUpdate, engine.OpCreate); err != nil {
		return err
	}
	if err := d.again(ctx, "a run after all that", d.settings, engine.OpSame); err != nil {
		return err
	}
	return d.imported(ctx)
}

// meddle tags a team's function and deletes the other's.
func (d *demo) meddle(ctx context.Context) error {
	blue, err := d.zone.Config(ctx, "blue")
	if err != nil {
		return err
	}
	green, err := d.zone.Config(ctx, "green")
	if err != nil {
		return err
	}
	_, err = lambda.NewFromConfig(blue).TagResource(ctx, &lambda.TagResourceInput{
		Resource: aws.String(fmt.Sprintf("arn:aws:lambda:%s:%s:function:BlueFunction", blue.Region, d.accounts["blue"])),
		Tags:     map[string]string{"Stage": "production"},
	})
	if err != nil {
		return err
	}
	_, err = lambda.NewFromConfig(green).DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: aws.String("GreenFunction")})
	return err
}

// again reads every resource, which must be as it was recorded, and brings the stacks up with other settings. Nothing but the
// given operations may be done, and each of them must.
func (d *demo) again(ctx context.Context, what string, settings map[string]string, ops ...engine.Op) error {
	d.settings = settings
	clear(d.done)
	ops = append(ops, engine.OpRead)
	slices.Sort(ops)
	if err := d.refresh(ctx); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	for op := range d.done {
		if !slices.Contains(ops, op) {
			return fmt.Errorf("%s: of what was there, %s", what, d.counts())
		}
	}
	if err := d.up(ctx); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	fmt.Fprintf(d.out, "%s: %s\n", what, d.counts())
	if did := slices.Sorted(maps.Keys(d.done)); !slices.Equal(did, ops) {
		return fmt.Errorf("%s: the engine did %v, not %v", what, did, ops)
	}
	return nil
}

func (d *demo) counts() string {
	var parts []string
	for _, op := range slices.Sorted(maps.Keys(d.done)) {
		parts = append(parts, fmt.Sprintf("%d %s", d.done[op], op))
	}
	return strings.Join(parts, ", ")
}

// imported makes a VPC and a service network with the SDK, has a program take them over, and destroys them with its stack.
func (d *demo) imported(ctx context.Context) error {
	config, err := d.zone.Config(ctx, "green")
	if err != nil {
		return err
	}
	vpc, err := ec2.NewFromConfig(config).CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.99.0.0/16"),
		TagSpecifications: []ec2types.TagSpecification{{ResourceType: ec2types.ResourceTypeVpc, Tags: []ec2types.Tag{{Key: aws.String("Name"), Value: aws.String("found")}}}}})
	if err != nil {
		return err
	}
	network, err := vpclattice.NewFromConfig(config).CreateServiceNetwork(ctx, &vpclattice.CreateServiceNetworkInput{Name: aws.String("found")})
	if err != nil {
		return err
	}
	d.settings = map[string]string{"vpc": aws.ToString(vpc.Vpc.VpcId), "network": aws.ToString(network.Arn)}
	program, directory := engine.Go(imported.Program), ""
	if d.python != "" {
		program, directory = engine.Python(d.python), "../pulumi-python/d-imported"
	}
	stack, err := d.stack(ctx, deployment{"imported", directory, "green", program}, nil)
	if err != nil {
		return err
	}
	for _, run := range []struct {
		what string
		did  map[engine.Op]int
	}{
		{"import", map[engine.Op]int{engine.OpImport: 2}},
		{"a second run after the import", map[engine.Op]int{engine.OpRead: 2, engine.OpSame: 2}},
	} {
		clear(d.done)
		err := stack.Refresh(ctx)
		if err == nil {
			_, err = stack.Up(ctx)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", run.what, err)
		}
		fmt.Fprintf(d.out, "%s: %s\n", run.what, d.counts())
		if !maps.Equal(d.done, run.did) {
			return fmt.Errorf("%s: the engine did %v", run.what, d.done)
		}
	}
	return stack.Destroy(ctx)
}
