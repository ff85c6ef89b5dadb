package lambda_test

import (
	"testing"

	"trellis/internal/aws/model/lambda"
)

func TestConcurrency(t *testing.T) {
	e := newEnv(t)
	e.create(red, "one")
	e.create(red, "two")
	put := func(name string, n int32) error {
		_, err := e.PutFunctionConcurrency(e.as(red), &lambda.PutFunctionConcurrencyInput{FunctionName: &name, ReservedConcurrentExecutions: &n})
		return err
	}
	if err := put("one", 600); err != nil {
		t.Error(err)
	}
	wants(t, put("two", 301), "InvalidParameterValueException", "below its minimum value of [100]")
	if err := put("one", 0); err != nil {
		t.Error(err)
	}
	if err := put("two", 900); err != nil {
		t.Error(err)
	}
	got := must[*lambda.GetFunctionOutput](t)(e.GetFunction(e.as(red), &lambda.GetFunctionInput{FunctionName: new("one")}))
	if got.Concurrency == nil || *got.Concurrency.ReservedConcurrentExecutions != 0 {
		t.Errorf("got %+v", got.Concurrency)
	}
	settings := must[*lambda.GetAccountSettingsOutput](t)(e.GetAccountSettings(e.as(red), &lambda.GetAccountSettingsInput{}))
	if *settings.AccountLimit.UnreservedConcurrentExecutions != 100 || *settings.AccountUsage.FunctionCount != 2 || *settings.AccountUsage.TotalCodeSize == 0 {
		t.Errorf("settings %+v %+v", settings.AccountLimit, settings.AccountUsage)
	}
	must[*lambda.DeleteFunctionConcurrencyOutput](t)(e.DeleteFunctionConcurrency(e.as(red), &lambda.DeleteFunctionConcurrencyInput{FunctionName: new("two")}))
	if out := must[*lambda.GetFunctionConcurrencyOutput](t)(e.GetFunctionConcurrency(e.as(red), &lambda.GetFunctionConcurrencyInput{FunctionName: new("two")})); out.ReservedConcurrentExecutions != nil {
		t.Errorf("still %d", *out.ReservedConcurrentExecutions)
	}
}

func TestEventInvokeConfig(t *testing.T) {
	e := newEnv(t)
	e.create(red, "hello")
	e.publish("hello")
	must[*lambda.CreateAliasOutput](t)(e.CreateAlias(e.as(red), &lambda.CreateAliasInput{FunctionName: new("hello"), Name: new("live"), FunctionVersion: new("1")}))
	name := new("hello")
	get := func(qualifier *string) (*lambda.GetFunctionEventInvokeConfigOutput, error) {
		return e.GetFunctionEventInvokeConfig(e.as(red), &lambda.GetFunctionEventInvokeConfigInput{FunctionName: name, Qualifier: qualifier})
	}
	_, err := get(nil)
	wants(t, err, "ResourceNotFoundException", "doesn't have an EventInvokeConfig")
	_, err = e.UpdateFunctionEventInvokeConfig(e.as(red), &lambda.UpdateFunctionEventInvokeConfigInput{FunctionName: name, MaximumRetryAttempts: new(int32(1))})
	wants(t, err, "ResourceNotFoundException", "doesn't have an EventInvokeConfig")
	put := &lambda.PutFunctionEventInvokeConfigInput{FunctionName: name, MaximumRetryAttempts: new(int32(1))}
	must[*lambda.PutFunctionEventInvokeConfigOutput](t)(e.PutFunctionEventInvokeConfig(e.as(red), put))
	if got := must[*lambda.GetFunctionEventInvokeConfigOutput](t)(get(nil)); *got.MaximumRetryAttempts != 1 || *got.FunctionArn != arnOf(red, "hello")+":$LATEST" {
		t.Errorf("got %+v", got)
	}
	must[*lambda.UpdateFunctionEventInvokeConfigOutput](t)(e.UpdateFunctionEventInvokeConfig(e.as(red), &lambda.UpdateFunctionEventInvokeConfigInput{FunctionName: name}))
	if got := must[*lambda.GetFunctionEventInvokeConfigOutput](t)(get(nil)); *got.MaximumRetryAttempts != 1 {
		t.Error("an update without a value changed it")
	}
	for text, in := range map[string]*lambda.PutFunctionEventInvokeConfigInput{
		"MaximumEventAgeInSeconds": {MaximumEventAgeInSeconds: new(int32(60))},
		"DestinationConfig":        {DestinationConfig: &lambda.DestinationConfig{OnFailure: &lambda.OnFailure{Destination: new("arn:aws:sqs:::q")}}},
		"of aliases":               {Qualifier: new("live")},
		"between 0 and 2":          {MaximumRetryAttempts: new(int32(3))},
	} {
		in.FunctionName = name
		_, err := e.PutFunctionEventInvokeConfig(e.as(red), in)
		if err == nil {
			t.Errorf("%s: taken", text)
		}
		wants(t, err, "InvalidParameterValueException", text)
	}
	must[*lambda.PutFunctionEventInvokeConfigOutput](t)(e.PutFunctionEventInvokeConfig(e.as(red), &lambda.PutFunctionEventInvokeConfigInput{FunctionName: name, Qualifier: new("1"), MaximumRetryAttempts: new(int32(0))}))
	if out := must[*lambda.ListFunctionEventInvokeConfigsOutput](t)(e.ListFunctionEventInvokeConfigs(e.as(red), &lambda.ListFunctionEventInvokeConfigsInput{FunctionName: name})); len(out.FunctionEventInvokeConfigs) != 2 {
		t.Errorf("listed %+v", out.FunctionEventInvokeConfigs)
	}
	must[*lambda.DeleteFunctionEventInvokeConfigOutput](t)(e.DeleteFunctionEventInvokeConfig(e.as(red), &lambda.DeleteFunctionEventInvokeConfigInput{FunctionName: name}))
	_, err = e.DeleteFunctionEventInvokeConfig(e.as(red), &lambda.DeleteFunctionEventInvokeConfigInput{FunctionName: name})
	wants(t, err, "ResourceNotFoundException", "doesn't have an EventInvokeConfig")
}

func TestTags(t *testing.T) {
	e := newEnv(t)
	e.create(red, "hello")
	e.publish("hello")
	arn := new(arnOf(red, "hello"))
	must[*lambda.TagResourceOutput](t)(e.TagResource(e.as(red), &lambda.TagResourceInput{Resource: arn, Tags: map[string]string{"a": "1", "b": "2"}}))
	must[*lambda.UntagResourceOutput](t)(e.UntagResource(e.as(red), &lambda.UntagResourceInput{Resource: arn, TagKeys: []string{"a", "c"}}))
	if tags := must[*lambda.ListTagsOutput](t)(e.ListTags(e.as(red), &lambda.ListTagsInput{Resource: arn})).Tags; len(tags) != 1 || tags["b"] != "2" {
		t.Errorf("tags %v", tags)
	}
	_, err := e.TagResource(e.as(red), &lambda.TagResourceInput{Resource: new(*arn + ":1"), Tags: map[string]string{"a": "1"}})
	wants(t, err, "InvalidParameterValueException", "aliases and versions are not supported")
	_, err = e.ListTags(e.as(red), &lambda.ListTagsInput{Resource: new(arnOf(red, "gone"))})
	wants(t, err, "ResourceNotFoundException", "Function not found")
	_, err = e.ListTags(e.as(red), &lambda.ListTagsInput{Resource: new("arn:aws:lambda:us-east-1:" + red + ":code-signing-config:csc-0123456789abcdef0")})
	wants(t, err, "ResourceNotFoundException", "does not exist")
}

// What newer clients read of every function.
func TestReadsOfClients(t *testing.T) {
	e := newEnv(t)
	e.create(red, "hello")
	name := new("hello")
	if out := must[*lambda.GetFunctionCodeSigningConfigOutput](t)(e.GetFunctionCodeSigningConfig(e.as(red), &lambda.GetFunctionCodeSigningConfigInput{FunctionName: name})); out.CodeSigningConfigArn != nil || *out.FunctionName != "hello" {
		t.Errorf("code signing %+v", out)
	}
	if out := must[*lambda.GetRuntimeManagementConfigOutput](t)(e.GetRuntimeManagementConfig(e.as(red), &lambda.GetRuntimeManagementConfigInput{FunctionName: name})); *out.UpdateRuntimeOn != "Auto" {
		t.Errorf("runtime management %+v", out)
	}
	_, err := e.PutRuntimeManagementConfig(e.as(red), &lambda.PutRuntimeManagementConfigInput{FunctionName: name, UpdateRuntimeOn: new("Manual")})
	wants(t, err, "InvalidParameterValueException", "only be Auto")
	must[*lambda.PutFunctionRecursionConfigOutput](t)(e.PutFunctionRecursionConfig(e.as(red), &lambda.PutFunctionRecursionConfigInput{FunctionName: name, RecursiveLoop: new("Allow")}))
	if out := must[*lambda.GetFunctionRecursionConfigOutput](t)(e.GetFunctionRecursionConfig(e.as(red), &lambda.GetFunctionRecursionConfigInput{FunctionName: name})); *out.RecursiveLoop != "Allow" {
		t.Errorf("recursion %+v", out)
	}
	_, err = e.GetProvisionedConcurrencyConfig(e.as(red), &lambda.GetProvisionedConcurrencyConfigInput{FunctionName: name, Qualifier: new("$LATEST")})
	wants(t, err, "ProvisionedConcurrencyConfigNotFoundException", "No Provisioned Concurrency Config")
	for _, err := range []error{
		second(e.ListProvisionedConcurrencyConfigs(e.as(red), &lambda.ListProvisionedConcurrencyConfigsInput{FunctionName: name})),
		second(e.ListEventSourceMappings(e.as(red), &lambda.ListEventSourceMappingsInput{FunctionName: name})),
	} {
		if err != nil {
			t.Error(err)
		}
	}
}
