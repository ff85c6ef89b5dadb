package lambda_test

import (
	"encoding/json"
	"testing"

	"trellis/internal/aws/model/lambda"
	"trellis/internal/function"
)

func TestPermissions(t *testing.T) {
	e := newEnv(t)
	e.create(red, "hello")
	name := new("hello")
	_, err := e.GetPolicy(e.as(red), &lambda.GetPolicyInput{FunctionName: name})
	wants(t, err, "ResourceNotFoundException", "The resource you requested does not exist.")
	add := func(sid, principal string) error {
		_, err := e.AddPermission(e.as(red), &lambda.AddPermissionInput{FunctionName: name, StatementId: &sid, Action: new("lambda:InvokeFunction"), Principal: &principal})
		return err
	}
	for sid, principal := range map[string]string{"elb": "elasticloadbalancing.amazonaws.com", "account": black, "root": "arn:aws:iam::" + black + ":root",
		"role": *role(black), "all": "*"} {
		if err := add(sid, principal); err != nil {
			t.Errorf("%s: %v", principal, err)
		}
	}
	for _, principal := range []string{"elb", "333333333333", "arn:aws:iam::" + black + ":role/nobody", "arn:aws:iam::" + black + ":user/nobody", "arn:aws:s3:::b", "example.com"} {
		err := add("bad", principal)
		if err == nil {
			t.Errorf("%s is a principal", principal)
		}
		wants(t, err, "InvalidParameterValueException", "The provided principal was invalid.")
	}
	wants(t, add("elb", "*"), "ResourceConflictException", "The statement id (elb) provided already exists.")

	got := must[*lambda.GetPolicyOutput](t)(e.GetPolicy(e.as(red), &lambda.GetPolicyInput{FunctionName: name}))
	var policy function.Policy
	if err := json.Unmarshal([]byte(*got.Policy), &policy); err != nil || len(policy.Statement) != 5 {
		t.Fatalf("%s: %v", *got.Policy, err)
	}
	for _, s := range policy.Statement {
		if s.Resource != arnOf(red, "hello") || s.Effect != "Allow" {
			t.Errorf("statement %+v", s)
		}
	}
	remove := func(sid string, revision *string) error {
		_, err := e.RemovePermission(e.as(red), &lambda.RemovePermissionInput{FunctionName: name, StatementId: &sid, RevisionId: revision})
		return err
	}
	wants(t, remove("elb", new("old")), "PreconditionFailedException", "GetPolicy")
	if err := remove("elb", got.RevisionId); err != nil {
		t.Error(err)
	}
	wants(t, remove("elb", nil), "ResourceNotFoundException", "Statement elb is not found in resource policy.")

	// Each qualifier has a policy of its own.
	e.publish("hello")
	must[*lambda.AddPermissionOutput](t)(e.AddPermission(e.as(red), &lambda.AddPermissionInput{FunctionName: new("hello:1"), StatementId: new("all"), Action: new("lambda:*"), Principal: new("*")}))
	one := must[*lambda.GetPolicyOutput](t)(e.GetPolicy(e.as(red), &lambda.GetPolicyInput{FunctionName: name, Qualifier: new("1")}))
	if err := json.Unmarshal([]byte(*one.Policy), &policy); err != nil || len(policy.Statement) != 1 || policy.Statement[0].Resource != arnOf(red, "hello")+":1" {
		t.Errorf("version 1: %s", *one.Policy)
	}
	_, err = e.AddPermission(e.as(red), &lambda.AddPermissionInput{FunctionName: new("hello:$LATEST"), StatementId: new("x"), Action: new("lambda:*"), Principal: new("*")})
	wants(t, err, "InvalidParameterValueException", "$LATEST")
}

func TestOtherAccounts(t *testing.T) {
	e := newEnv(t)
	e.create(red, "hello")
	e.publish("hello")
	name := new(arnOf(red, "hello"))
	there, gone := name, new(arnOf(red, "gone"))
	call := func(n *string) map[string]error {
		errs := map[string]error{}
		ctx := e.as(black)
		_, errs["InvokeFunction"] = e.Invoke(ctx, &lambda.InvokeInput{FunctionName: n})
		_, errs["GetFunction"] = e.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: n})
		_, errs["GetFunctionConfiguration"] = e.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: n})
		_, errs["DeleteFunction"] = e.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: n})
		_, errs["UpdateFunctionCode"] = e.UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeInput{FunctionName: n, ZipFile: archive(t, "bootstrap", "evil")})
		_, errs["UpdateFunctionConfiguration"] = e.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{FunctionName: n})
		_, errs["PublishVersion"] = e.PublishVersion(ctx, &lambda.PublishVersionInput{FunctionName: n})
		_, errs["ListVersionsByFunction"] = e.ListVersionsByFunction(ctx, &lambda.ListVersionsByFunctionInput{FunctionName: n})
		_, errs["CreateAlias"] = e.CreateAlias(ctx, &lambda.CreateAliasInput{FunctionName: n, Name: new("a"), FunctionVersion: new("1")})
		_, errs["ListAliases"] = e.ListAliases(ctx, &lambda.ListAliasesInput{FunctionName: n})
		_, errs["AddPermission"] = e.AddPermission(ctx, &lambda.AddPermissionInput{FunctionName: n, StatementId: new("x"), Action: new("*"), Principal: new(black)})
		_, errs["RemovePermission"] = e.RemovePermission(ctx, &lambda.RemovePermissionInput{FunctionName: n, StatementId: new("x")})
		_, errs["GetPolicy"] = e.GetPolicy(ctx, &lambda.GetPolicyInput{FunctionName: n})
		_, errs["PutFunctionConcurrency"] = e.PutFunctionConcurrency(ctx, &lambda.PutFunctionConcurrencyInput{FunctionName: n, ReservedConcurrentExecutions: new(int32(0))})
		_, errs["GetFunctionConcurrency"] = e.GetFunctionConcurrency(ctx, &lambda.GetFunctionConcurrencyInput{FunctionName: n})
		_, errs["TagResource"] = e.TagResource(ctx, &lambda.TagResourceInput{Resource: n, Tags: map[string]string{"a": "b"}})
		_, errs["ListTags"] = e.ListTags(ctx, &lambda.ListTagsInput{Resource: n})
		_, errs["GetFunctionEventInvokeConfig"] = e.GetFunctionEventInvokeConfig(ctx, &lambda.GetFunctionEventInvokeConfigInput{FunctionName: n})
		return errs
	}
	// What exists and what does not are refused alike.
	for _, n := range []*string{there, gone} {
		for action, err := range call(n) {
			if err == nil {
				t.Errorf("%s of %s by a stranger", action, *n)
			}
			wants(t, err, "AccessDeniedException", "not authorized to perform: lambda:"+action+" on resource: "+*n+" because no resource-based policy allows the lambda:"+action+" action")
		}
	}
	must[*lambda.AddPermissionOutput](t)(e.AddPermission(e.as(red), &lambda.AddPermissionInput{FunctionName: name, StatementId: new("s"), Action: new("lambda:InvokeFunction"), Principal: new(black)}))
	must[*lambda.InvokeOutput](t)(e.Invoke(e.as(black), &lambda.InvokeInput{FunctionName: name}))
	if len(e.runs.seen) != 1 || e.runs.seen[0].Function != *name {
		t.Errorf("invoked %+v", e.runs.seen)
	}
	for text, err := range map[string]error{
		"lambda:InvokeFunction on resource: " + *name + ":1": second(e.Invoke(e.as(black), &lambda.InvokeInput{FunctionName: name, Qualifier: new("1")})),
		"lambda:GetFunction": second(e.GetFunction(e.as(black), &lambda.GetFunctionInput{FunctionName: name})),
	} {
		if err == nil {
			t.Errorf("%s by a stranger", text)
		}
		wants(t, err, "AccessDeniedException", text)
	}
	_, err := e.Invoke(e.in(red, "eu-west-1"), &lambda.InvokeInput{FunctionName: name})
	wants(t, err, "ResourceNotFoundException", "Functions from 'us-east-1' are not reachable in this region ('eu-west-1')")
	_, err = e.Invoke(e.in(red, "eu-west-1"), &lambda.InvokeInput{FunctionName: new("hello")})
	wants(t, err, "ResourceNotFoundException", "Function not found")
}

func second[T any](_ T, err error) error { return err }
