package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"landing-zone/demo/zone"
	"landing-zone/engine"
	awsprovider "landing-zone/provider/aws"
	"landing-zone/provider/native"
	"landing-zone/stacks/client"
	"landing-zone/stacks/common"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
)

// deployment is one stack in one account.
type deployment struct {
	project, directory, profile string
	program                     engine.Program
}

// deployments are the stacks in the order they need each other.
func (d *demo) deployments() []deployment {
	all := goDeployments()
	if d.python == "" {
		return all
	}
	for i := range all {
		all[i].directory = filepath.Join("..", "pulumi-python", all[i].directory)
		all[i].program = engine.Python(d.python)
	}
	return all
}

func goDeployments() []deployment {
	return []deployment{
		{"common-service", "a-common-service", "shared-services", engine.Go(common.Program)},
		{"blue-service", "b-blue-service", "blue", engine.Go(client.Blue().Program())},
		{"green-service", "c-green-service", "green", engine.Go(client.Green().Program())},
	}
}

func (d *demo) stack(ctx context.Context, s deployment, settings map[string]string) (engine.Stack, error) {
	config, err := d.zone.Config(ctx, s.profile)
	if err != nil {
		return engine.Stack{}, err
	}
	all := map[string]string{
		"aws:region": config.Region, "aws:profile": s.profile,
		"aws-native:region": config.Region, "aws-native:profile": s.profile,
		s.project + ":runtime": d.runtime,
	}
	for _, more := range []map[string]string{d.settings, settings} {
		for key, value := range more {
			all[s.project+":"+key] = value
		}
	}
	return engine.Stack{
		Project:   s.project,
		Name:      "demo",
		Root:      filepath.Join(d.project, s.directory),
		Config:    all,
		Program:   s.program,
		Providers: map[string]engine.Provider{"aws": awsprovider.New(config), "aws-native": native.New(config)},
		StateFile: filepath.Join(d.dir, s.project+".json"),
		Progress: func(e engine.Event) {
			took := e.Took.Round(time.Millisecond)
			d.done[e.Op]++
			if e.Err != nil {
				fmt.Fprintf(d.out, "  %-7s %-57s %-45s %6s  FAILED\n", e.Op, e.Type, e.Name, took)
				return
			}
			fmt.Fprintf(d.out, "  %-7s %-57s %-45s %6s\n", e.Op, e.Type, e.Name, took)
		},
		Log: func(message string) { fmt.Fprintln(d.out, "  "+message) },
	}, nil
}

// outputs are what the first stack hands the others.
type outputs struct {
	blueNetwork, greenNetwork, name string
}

// up brings the stacks up, handing the first one's exports to the others.
func (d *demo) up(ctx context.Context) error {
	var o outputs
	for _, s := range d.deployments() {
		var settings map[string]string
		switch s.profile {
		case "shared-services":
			settings = map[string]string{"blue-principal": d.accounts["blue"], "green-principal": d.accounts["green"]}
		case "blue":
			settings = map[string]string{"lattice-network-arn": o.blueNetwork, "shared-service-fqdn": o.name}
		case "green":
			settings = map[string]string{"lattice-network-arn": o.greenNetwork, "shared-service-fqdn": o.name}
		}
		stack, err := d.stack(ctx, s, settings)
		if err != nil {
			return err
		}
		fmt.Fprintf(d.out, "up %s\n", s.project)
		exports, err := stack.Up(ctx)
		if err != nil {
			return fmt.Errorf("up %s: %w", s.project, err)
		}
		if s.profile == "shared-services" {
			for name, value := range map[string]*string{
				"blue-service-network-arn": &o.blueNetwork, "green-service-network-arn": &o.greenNetwork, "shared-service-fqdn": &o.name,
			} {
				text, ok := exports[name].(string)
				if !ok {
					return fmt.Errorf("%s does not export %s", s.project, name)
				}
				*value = text
				fmt.Fprintf(d.out, "  %s = %s\n", name, text)
			}
		}
	}
	return nil
}

// refresh reads what the stacks are made of.
func (d *demo) refresh(ctx context.Context) error {
	for _, s := range d.deployments() {
		stack, err := d.stack(ctx, s, nil)
		if err != nil {
			return err
		}
		fmt.Fprintf(d.out, "refresh %s\n", s.project)
		if err := stack.Refresh(ctx); err != nil {
			return fmt.Errorf("refresh %s: %w", s.project, err)
		}
	}
	return nil
}

// down destroys the stacks, the last first.
func (d *demo) down(ctx context.Context) error {
	all := d.deployments()
	slices.Reverse(all)
	for _, s := range all {
		stack, err := d.stack(ctx, s, nil)
		if err != nil {
			return err
		}
		fmt.Fprintf(d.out, "destroy %s\n", s.project)
		if err := stack.Destroy(ctx); err != nil {
			return fmt.Errorf("destroy %s: %w", s.project, err)
		}
	}
	return nil
}

// deleteLogs lists and deletes the functions' log groups, which outlive the functions.
func (d *demo) deleteLogs(ctx context.Context) error {
	found := 0
	for _, name := range zone.Members() {
		config, err := d.zone.Config(ctx, name)
		if err != nil {
			return err
		}
		logs := cloudwatchlogs.NewFromConfig(config)
		prefix := "/aws/lambda/"
		out, err := logs.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: &prefix})
		if err != nil {
			return err
		}
		for _, group := range out.LogGroups {
			fmt.Fprintf(d.out, "delete log group %s of %s\n", *group.LogGroupName, name)
			if _, err := logs.DeleteLogGroup(ctx, &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: group.LogGroupName}); err != nil {
				return err
			}
			found++
		}
	}
	if found == 0 {
		return errors.New("none survived the stacks, though functions ran")
	}
	return nil
}
