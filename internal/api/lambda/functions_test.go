package lambda_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"trellis/internal/aws/model/lambda"
	"trellis/internal/function"
	"trellis/internal/state"
	"trellis/internal/vpc"
)

func TestLifeOfAFunction(t *testing.T) {
	e := newEnv(t)
	in := e.input(red, "hello")
	in.Environment = &lambda.Environment{Variables: map[string]string{"COLOUR": "red"}}
	in.Tags = map[string]string{"team": "a"}
	out := must[*lambda.CreateFunctionOutput](t)(e.CreateFunction(e.as(red), in))
	if *out.State != "Pending" || *out.StateReasonCode != "Creating" || *out.FunctionArn != arnOf(red, "hello") || *out.Version != "$LATEST" ||
		*out.Timeout != 3 || *out.MemorySize != 128 || *out.LoggingConfig.LogGroup != "/aws/lambda/hello" || *out.LastModified != "2026-03-04T05:06:07.089+0000" {
		t.Errorf("created %+v", out)
	}
	if _, err := e.Invoke(e.as(red), &lambda.InvokeInput{FunctionName: new("hello")}); err == nil {
		t.Error("a pending function ran")
	} else {
		wants(t, err, "ResourceConflictException", "following state: Pending")
	}
	e.applied()
	got := must[*lambda.GetFunctionOutput](t)(e.GetFunction(e.as(red), &lambda.GetFunctionInput{FunctionName: out.FunctionArn}))
	if c := got.Configuration; *c.State != "Active" || *c.LastUpdateStatus != "Successful" || got.Tags["team"] != "a" || got.Code == nil || c.StateReason != nil {
		t.Errorf("after the hosts: %+v", got)
	}

	// What is not code or configuration leaves the state alone.
	must[*lambda.TagResourceOutput](t)(e.TagResource(e.as(red), &lambda.TagResourceInput{Resource: out.FunctionArn, Tags: map[string]string{"k": "v"}}))
	if c := e.get(red, "hello"); *c.LastUpdateStatus != "Successful" {
		t.Errorf("after tagging: %s", *c.LastUpdateStatus)
	}

	update := &lambda.UpdateFunctionConfigurationInput{FunctionName: new("hello"), Environment: &lambda.Environment{Variables: map[string]string{"COLOUR": "blue"}}, Timeout: new(int32(9))}
	changed := must[*lambda.UpdateFunctionConfigurationOutput](t)(e.UpdateFunctionConfiguration(e.as(red), update))
	if *changed.LastUpdateStatus != "InProgress" || *changed.State != "Active" || changed.Environment.Variables["COLOUR"] != "blue" || *changed.Timeout != 9 || *changed.MemorySize != 128 {
		t.Errorf("changed %+v", changed)
	}
	_, err := e.UpdateFunctionConfiguration(e.as(red), update)
	wants(t, err, "ResourceConflictException", "An update is in progress for resource: "+*out.FunctionArn)
	e.applied()
	if c := e.get(red, "hello"); *c.LastUpdateStatus != "Successful" {
		t.Errorf("after the update: %s", *c.LastUpdateStatus)
	}

	must[*lambda.DeleteFunctionOutput](t)(e.DeleteFunction(e.as(red), &lambda.DeleteFunctionInput{FunctionName: new("hello")}))
	_, err = e.GetFunction(e.as(red), &lambda.GetFunctionInput{FunctionName: new("hello")})
	wants(t, err, "ResourceNotFoundException", "Function not found: "+*out.FunctionArn)
	for c := range state.FunctionConfigs.All(e.view.Snapshot()) {
		t.Errorf("%s is left", c.Qualified())
	}
}

func TestFailures(t *testing.T) {
	e := newEnv(t)
	must[*lambda.CreateFunctionOutput](t)(e.CreateFunction(e.as(red), e.input(red, "hello")))
	e.applied(arnOf(red, "hello")+":$LATEST", "there is no python")
	c := e.get(red, "hello")
	if *c.State != "Failed" || *c.StateReason != "there is no python" || *c.LastUpdateStatus != "Successful" {
		t.Errorf("got %s %v %s", *c.State, *c.StateReason, *c.LastUpdateStatus)
	}
	_, err := e.Invoke(e.as(red), &lambda.InvokeInput{FunctionName: new("hello")})
	wants(t, err, "ResourceConflictException", "Failed: there is no python")
	must[*lambda.UpdateFunctionConfigurationOutput](t)(e.UpdateFunctionConfiguration(e.as(red), &lambda.UpdateFunctionConfigurationInput{FunctionName: new("hello"), Runtime: new("python3.12")}))
	e.applied(arnOf(red, "hello")+":$LATEST", "still none")
	if c := e.get(red, "hello"); *c.LastUpdateStatus != "Failed" || *c.LastUpdateStatusReason != "still none" {
		t.Errorf("after a failed update: %s", *c.LastUpdateStatus)
	}
}

func TestCreateFunctionRefuses(t *testing.T) {
	e := newEnv(t)
	n := e.network(red, "1")
	far := e.network(red, "2")
	foreign := e.network(black, "3")
	e.create(red, "taken")
	const bad = "InvalidParameterValueException"
	big := strings.Repeat("x", 4<<10)
	for name, tc := range map[string]struct {
		change     func(in *lambda.CreateFunctionInput)
		refuse     string
		code, text string
	}{
		"taken":              {func(in *lambda.CreateFunctionInput) { in.FunctionName = new("taken") }, "", "ResourceConflictException", "Function already exist: taken"},
		"of another account": {func(in *lambda.CreateFunctionInput) { in.FunctionName = new(arnOf(black, "x")) }, "", bad, "own account"},
		"name too long":      {func(in *lambda.CreateFunctionInput) { in.FunctionName = new(strings.Repeat("n", 65)) }, "", "ValidationException", "functionName"},
		"untrusted role":     {func(in *lambda.CreateFunctionInput) { in.Role = new("arn:aws:iam::" + red + ":role/other") }, "", bad, "cannot be assumed by Lambda."},
		"role not passed":    {func(in *lambda.CreateFunctionInput) {}, "iam:PassRole", "", "may not iam:PassRole"},
		"no handler":         {func(in *lambda.CreateFunctionInput) { in.Handler = nil }, "", bad, "Runtime and Handler are mandatory"},
		"no code":            {func(in *lambda.CreateFunctionInput) { in.Code = &lambda.FunctionCode{} }, "", bad, "provide a source"},
		"empty archive":      {func(in *lambda.CreateFunctionInput) { in.Code.ZipFile = []byte{} }, "", bad, "non-empty zip"},
		"archive and object": {func(in *lambda.CreateFunctionInput) { in.Code.S3Key = new("k") }, "", bad, "other FunctionCode parameters"},
		"archive of nothing": {func(in *lambda.CreateFunctionInput) { in.Code.ZipFile = archive(t) }, "", bad, "non-empty zip"},
		"no archive":         {func(in *lambda.CreateFunctionInput) { in.Code.ZipFile = []byte("#!/bin/sh") }, "", bad, "Could not unzip uploaded file."},
		"code in a bucket": {func(in *lambda.CreateFunctionInput) {
			in.Code = &lambda.FunctionCode{S3Bucket: new("b"), S3Key: new("k")}
		}, "", bad, "S3 Error Code: NoSuchBucket"},
		"code in an image": {func(in *lambda.CreateFunctionInput) {
			in.PackageType, in.Code = new("Image"), &lambda.FunctionCode{ImageUri: new("i:1")}
		}, "", bad, "Source image i:1 does not exist"},
		"little memory": {func(in *lambda.CreateFunctionInput) { in.MemorySize = new(int32(64)) }, "", "ValidationException", "greater than or equal to 128"},
		"long timeout":  {func(in *lambda.CreateFunctionInput) { in.Timeout = new(int32(901)) }, "", "ValidationException", "less than or equal to 900"},
		"large disk": {func(in *lambda.CreateFunctionInput) {
			in.EphemeralStorage = &lambda.EphemeralStorage{Size: new(int32(20000))}
		}, "", "ValidationException", "10240"},
		"another machine":   {func(in *lambda.CreateFunctionInput) { in.Architectures = []string{"arm64"} }, "", bad, "x86_64 only"},
		"reserved variable": {func(in *lambda.CreateFunctionInput) { in.Environment = variables("AWS_REGION", "x") }, "", bad, "Reserved keys used in this request: AWS_REGION"},
		"large environment": {func(in *lambda.CreateFunctionInput) { in.Environment = variables("BIG", big) }, "", bad, "exceeded the 4KB limit"},
		"six layers":        {func(in *lambda.CreateFunctionInput) { in.Layers = layerNames(6) }, "", bad, "more than 5 layers"},
		"layer twice": {func(in *lambda.CreateFunctionInput) {
			in.Layers = []string{layerNames(1)[0], strings.TrimSuffix(layerNames(1)[0], "1") + "2"}
		}, "", bad, "same layer"},
		"layer that is not there": {func(in *lambda.CreateFunctionInput) { in.Layers = layerNames(1) }, "", bad, "Layer version"},
		"foreign layer": {func(in *lambda.CreateFunctionInput) {
			in.Layers = []string{strings.Replace(layerNames(1)[0], red, black, 1)}
		}, "", "AccessDeniedException", "lambda:GetLayerVersion"},
		"dead letters": {func(in *lambda.CreateFunctionInput) {
			in.DeadLetterConfig = &lambda.DeadLetterConfig{TargetArn: new("arn:aws:sqs:::q")}
		}, "", bad, "DeadLetterConfig is not supported"},
		"JSON logs":              {func(in *lambda.CreateFunctionInput) { in.LoggingConfig = &lambda.LoggingConfig{LogFormat: new("JSON")} }, "", bad, "LogFormat JSON"},
		"subnets without groups": {func(in *lambda.CreateFunctionInput) { in.VpcConfig = &lambda.VpcConfig{SubnetIds: []string{n.subnet}} }, "", bad, "SubnetIds and SecurityIds must coexist"},
		"no such subnet":         {func(in *lambda.CreateFunctionInput) { in.VpcConfig = inside([]string{"subnet-0"}, n.group) }, "", bad, "InvalidSubnetID.NotFound"},
		"foreign subnet":         {func(in *lambda.CreateFunctionInput) { in.VpcConfig = inside([]string{foreign.subnet}, n.group) }, "", bad, "InvalidSubnetID.NotFound"},
		"two VPCs":               {func(in *lambda.CreateFunctionInput) { in.VpcConfig = inside([]string{n.subnet, far.subnet}, n.group) }, "", bad, "same VPC"},
		"foreign group":          {func(in *lambda.CreateFunctionInput) { in.VpcConfig = inside([]string{n.subnet}, foreign.group) }, "", bad, "InvalidGroup.NotFound"},
		"group of another VPC":   {func(in *lambda.CreateFunctionInput) { in.VpcConfig = inside([]string{n.subnet}, far.group) }, "", bad, "same VPC"},
		"role without interfaces": {func(in *lambda.CreateFunctionInput) { in.VpcConfig = inside([]string{n.subnet}, n.group) },
			"ec2:CreateNetworkInterface by arn:aws:sts::" + red + ":assumed-role/runner/new", bad, "permissions to call CreateNetworkInterface on EC2"},
	} {
		t.Run(name, func(t *testing.T) {
			in := e.input(red, "new")
			tc.change(in)
			e.access.refused = []string{tc.refuse}
			defer func() { e.access.refused = nil }()
			_, err := e.CreateFunction(e.as(red), in)
			if err == nil {
				t.Fatal("the function was made")
			}
			wants(t, err, tc.code, tc.text)
			if n := state.Functions.Len(e.view.Snapshot()); n != 1 {
				t.Errorf("%d functions after a refusal", n)
			}
			if n := state.Interfaces.Len(e.view.Snapshot()); n != 0 {
				t.Errorf("%d network interfaces after a refusal", n)
			}
		})
	}
}

func variables(pairs ...string) *lambda.Environment {
	vars := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		vars[pairs[i]] = pairs[i+1]
	}
	return &lambda.Environment{Variables: vars}
}

func layerNames(n int) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf("arn:aws:lambda:%s:%s:layer:l%d:1", region, red, i))
	}
	return out
}

func inside(subnets []string, groups ...string) *lambda.VpcConfig {
	return &lambda.VpcConfig{SubnetIds: subnets, SecurityGroupIds: groups}
}

func TestNetworkInterfaces(t *testing.T) {
	e := newEnv(t)
	n := e.network(red, "1")
	in := e.input(red, "hello")
	in.VpcConfig = inside([]string{n.subnet, n.other}, n.group)
	out := must[*lambda.CreateFunctionOutput](t)(e.CreateFunction(e.as(red), in))
	if *out.VpcConfig.VpcId != n.vpc {
		t.Errorf("in %s", *out.VpcConfig.VpcId)
	}
	name := arnOf(red, "hello")
	check := func(want ...string) {
		t.Helper()
		if got := e.interfaces(name); !slices.Equal(got, want) {
			t.Errorf("interfaces %q, want %q", got, want)
		}
	}
	check(n.subnet+" "+n.group, n.other+" "+n.group)
	for i := range state.Interfaces.By(e.view.Snapshot(), state.ByUser, name) {
		if i.Type != vpc.LambdaInterface || !strings.HasPrefix(i.Description, "AWS Lambda VPC ENI-hello-") || i.InstanceOwner != "amazon-aws" ||
			!strings.HasPrefix(i.AttachmentID, "ela-attach-") || !strings.HasPrefix(i.Requester, "AROA") || !i.InUse() {
			t.Errorf("interface %+v", i)
		}
		c, _ := state.FunctionConfigs.Get(e.view.Snapshot(), name+":"+function.Latest)
		if !c.Serves(i) {
			t.Errorf("%s does not serve the function", i.ID)
		}
	}
	e.applied()
	must[*lambda.PublishVersionOutput](t)(e.PublishVersion(e.as(red), &lambda.PublishVersionInput{FunctionName: &name}))
	e.applied()

	// The version keeps what it needs when $LATEST moves on.
	update := func(v *lambda.VpcConfig) {
		t.Helper()
		must[*lambda.UpdateFunctionConfigurationOutput](t)(e.UpdateFunctionConfiguration(e.as(red), &lambda.UpdateFunctionConfigurationInput{FunctionName: &name, VpcConfig: v}))
		e.applied()
	}
	update(inside([]string{n.subnet}, n.second))
	check(n.subnet+" "+n.group, n.subnet+" "+n.second, n.other+" "+n.group)
	must[*lambda.DeleteFunctionOutput](t)(e.DeleteFunction(e.as(red), &lambda.DeleteFunctionInput{FunctionName: &name, Qualifier: new("1")}))
	check(n.subnet + " " + n.second)
	update(inside([]string{}, []string{}...))
	check()
	if c := e.get(red, "hello"); c.VpcConfig != nil {
		t.Errorf("still in %+v", c.VpcConfig)
	}
	update(inside([]string{n.subnet}, n.second, n.group))
	must[*lambda.DeleteFunctionOutput](t)(e.DeleteFunction(e.as(red), &lambda.DeleteFunctionInput{FunctionName: &name}))
	check()
}

func TestUnusableInterfaceFailsTheFunction(t *testing.T) {
	e := newEnv(t)
	n := e.network(red, "1")
	in := e.input(red, "hello")
	in.VpcConfig = inside([]string{n.subnet}, n.group)
	must[*lambda.CreateFunctionOutput](t)(e.CreateFunction(e.as(red), in))
	for i := range state.Interfaces.By(e.view.Snapshot(), state.ByUser, arnOf(red, "hello")) {
		e.applied(i.ID, "no namespaces here")
	}
	if c := e.get(red, "hello"); *c.State != "Failed" || *c.StateReason != "no namespaces here" {
		t.Errorf("got %s", *c.State)
	}
}

func TestFullSubnet(t *testing.T) {
	e := newEnv(t)
	n := e.network(red, "1")
	// A /28 has eleven addresses that can be used.
	for i := range 12 {
		in := e.input(red, fmt.Sprintf("f%d", i))
		in.VpcConfig = inside([]string{n.subnet}, n.group)
		_, err := e.CreateFunction(e.as(red), in)
		if i < 11 && err != nil {
			t.Fatal(err)
		}
		if i == 11 {
			wants(t, err, "SubnetIPAddressLimitReachedException", "no available IP addresses")
		}
	}
}
