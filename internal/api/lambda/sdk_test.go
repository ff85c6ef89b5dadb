package lambda_test

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http/httptest"
	"testing"
	"time"

	api "trellis/internal/api/lambda"
	"trellis/internal/aws"
	model "trellis/internal/aws/model/lambda"
	"trellis/internal/caller"
	"trellis/internal/fault"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"
)

// keyring gives every account the access key that is its id.
type keyring struct{}

func (keyring) Lookup(_ context.Context, key, _ string) (string, caller.Caller, error) {
	if key != red && key != black {
		return "", caller.Caller{}, fault.New(fault.NotFound, "", "no such key")
	}
	return "secret", caller.Caller{Account: key, ARN: "arn:aws:iam::" + key + ":root", UserID: key}, nil
}

// client serves the API over HTTP and returns the SDK's client of an account.
func (e *env) client(account string) *lambda.Client {
	e.t.Helper()
	h, err := aws.New(aws.Config{Services: []aws.Service{{Model: model.Model, API: e.API}}, Credentials: keyring{}})
	if err != nil {
		e.t.Fatal(err)
	}
	srv := httptest.NewServer(h)
	e.t.Cleanup(srv.Close)
	return lambda.New(lambda.Options{Region: region, BaseEndpoint: &srv.URL, RetryMaxAttempts: 1,
		Credentials: sdk.CredentialsProviderFunc(func(context.Context) (sdk.Credentials, error) {
			return sdk.Credentials{AccessKeyID: account, SecretAccessKey: "secret"}, nil
		})})
}

func wantsAPI(t *testing.T, err error, code string) {
	t.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) || e.ErrorCode() != code {
		t.Errorf("got %v, want %s", err, code)
	}
}

// The calls of the landing zone, by the SDK and over HTTP.
func TestWithTheSDK(t *testing.T) {
	e := newEnv(t)
	n := e.network(red, "1")
	c, ctx := e.client(red), t.Context()

	layer := must[*lambda.PublishLayerVersionOutput](t)(c.PublishLayerVersion(ctx, &lambda.PublishLayerVersionInput{LayerName: new("data"),
		Content: &types.LayerVersionContentInput{ZipFile: archive(t, "data", "1")}, CompatibleRuntimes: []types.Runtime{types.RuntimeProvidedal2023}}))
	got := must[*lambda.GetLayerVersionOutput](t)(c.GetLayerVersion(ctx, &lambda.GetLayerVersionInput{LayerName: new("data"), VersionNumber: &layer.Version}))
	if *got.Content.CodeSha256 != *layer.Content.CodeSha256 || got.CompatibleRuntimes[0] != types.RuntimeProvidedal2023 {
		t.Errorf("the layer is %+v", got)
	}

	in := &lambda.CreateFunctionInput{FunctionName: new("DirectoryService"), Code: &types.FunctionCode{ZipFile: archive(t, "bootstrap", "x")},
		Role: new("arn:aws:iam::" + red + ":role/new"), Handler: new("bootstrap"), Runtime: types.RuntimeProvidedal2023, Layers: []string{*layer.LayerVersionArn},
		VpcConfig:   &types.VpcConfig{SubnetIds: []string{n.subnet, n.other}, SecurityGroupIds: []string{n.group}},
		PackageType: types.PackageTypeZip, MemorySize: new(int32(128)), Timeout: new(int32(3)), Tags: map[string]string{"Name": "a b: 1+1"},
		Environment: &types.Environment{Variables: map[string]string{"URL": "http://x/?q=blue&r=1"}}}
	_, err := c.CreateFunction(ctx, in)
	var unknown *types.InvalidParameterValueException
	if !errors.As(err, &unknown) || unknown.ErrorMessage() != "The role defined for the function cannot be assumed by Lambda." {
		t.Errorf("a role that is not there yet: %v", err)
	}
	in.Role = role(red)
	must[*lambda.CreateFunctionOutput](t)(c.CreateFunction(ctx, in))
	e.applied()
	name := &lambda.GetFunctionInput{FunctionName: in.FunctionName}
	if err := lambda.NewFunctionActiveV2Waiter(c).Wait(ctx, name, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	read := must[*lambda.GetFunctionOutput](t)(c.GetFunction(ctx, name))
	if read.Tags["Name"] != "a b: 1+1" || read.Configuration.Environment.Variables["URL"] != "http://x/?q=blue&r=1" || *read.Configuration.VpcConfig.VpcId != n.vpc ||
		read.Code == nil || *read.Configuration.Layers[0].Arn != *layer.LayerVersionArn || read.Configuration.PackageType != types.PackageTypeZip {
		t.Errorf("read %+v", read.Configuration)
	}
	versions := lambda.NewListVersionsByFunctionPaginator(c, &lambda.ListVersionsByFunctionInput{FunctionName: in.FunctionName})
	for versions.HasMorePages() {
		if page := must[*lambda.ListVersionsByFunctionOutput](t)(versions.NextPage(ctx)); len(page.Versions) != 1 || *page.Versions[0].Version != "$LATEST" {
			t.Errorf("versions %+v", page.Versions)
		}
	}
	must[*lambda.GetFunctionCodeSigningConfigOutput](t)(c.GetFunctionCodeSigningConfig(ctx, &lambda.GetFunctionCodeSigningConfigInput{FunctionName: in.FunctionName}))

	_, err = c.GetPolicy(ctx, &lambda.GetPolicyInput{FunctionName: in.FunctionName})
	wantsAPI(t, err, "ResourceNotFoundException")
	must[*lambda.AddPermissionOutput](t)(c.AddPermission(ctx, &lambda.AddPermissionInput{FunctionName: in.FunctionName, StatementId: new("alb"), Action: new("lambda:InvokeFunction"),
		Principal: new("elasticloadbalancing.amazonaws.com"), SourceArn: new("arn:aws:elasticloadbalancing:us-east-1:" + red + ":targetgroup/tg/0123456789abcdef")}))
	must[*lambda.GetPolicyOutput](t)(c.GetPolicy(ctx, &lambda.GetPolicyInput{FunctionName: in.FunctionName}))

	e.runs.outcome = api.Outcome{Payload: []byte(`{"endpoint":"blue"}`), LogTail: []byte("START\nEND\n")}
	ran := must[*lambda.InvokeOutput](t)(c.Invoke(ctx, &lambda.InvokeInput{FunctionName: in.FunctionName, LogType: types.LogTypeTail, Payload: []byte(`{}`)}))
	if tail, _ := base64.StdEncoding.DecodeString(*ran.LogResult); ran.StatusCode != 200 || string(ran.Payload) != `{"endpoint":"blue"}` || string(tail) != "START\nEND\n" || *ran.ExecutedVersion != "$LATEST" {
		t.Errorf("ran %+v", ran)
	}
	e.runs.outcome = api.Outcome{FunctionError: "Unhandled", Payload: []byte(`{"errorMessage":"HTTP 403"}`)}
	if ran = must[*lambda.InvokeOutput](t)(c.Invoke(ctx, &lambda.InvokeInput{FunctionName: in.FunctionName})); *ran.FunctionError != "Unhandled" {
		t.Errorf("ran %+v", ran)
	}
	for kind, status := range map[types.InvocationType]int32{types.InvocationTypeEvent: 202, types.InvocationTypeDryRun: 204} {
		if ran := must[*lambda.InvokeOutput](t)(c.Invoke(ctx, &lambda.InvokeInput{FunctionName: in.FunctionName, InvocationType: kind})); ran.StatusCode != status {
			t.Errorf("%s: %d", kind, ran.StatusCode)
		}
	}

	update := &lambda.UpdateFunctionConfigurationInput{FunctionName: in.FunctionName, Environment: &types.Environment{Variables: map[string]string{"URL": "http://x/?q=green"}},
		VpcConfig: &types.VpcConfig{SubnetIds: in.VpcConfig.SubnetIds, SecurityGroupIds: []string{n.second}}, Layers: []string{}}
	if out := must[*lambda.UpdateFunctionConfigurationOutput](t)(c.UpdateFunctionConfiguration(ctx, update)); out.LastUpdateStatus != types.LastUpdateStatusInProgress || len(out.Layers) != 0 {
		t.Errorf("updated %+v", out)
	}
	_, err = c.UpdateFunctionConfiguration(ctx, update)
	wantsAPI(t, err, "ResourceConflictException")
	e.applied()
	if err := lambda.NewFunctionUpdatedV2Waiter(c).Wait(ctx, name, 5*time.Second); err != nil {
		t.Error(err)
	}

	must[*lambda.RemovePermissionOutput](t)(c.RemovePermission(ctx, &lambda.RemovePermissionInput{FunctionName: in.FunctionName, StatementId: new("alb")}))
	must[*lambda.DeleteFunctionOutput](t)(c.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: in.FunctionName}))
	_, err = c.GetFunction(ctx, name)
	wantsAPI(t, err, "ResourceNotFoundException")
	must[*lambda.DeleteLayerVersionOutput](t)(c.DeleteLayerVersion(ctx, &lambda.DeleteLayerVersionInput{LayerName: new("data"), VersionNumber: &layer.Version}))
	if left := e.interfaces(arnOf(red, "DirectoryService")); len(left) != 0 {
		t.Errorf("network interfaces are left: %q", left)
	}

	other := e.client(black)
	_, err = other.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: new(arnOf(red, "DirectoryService"))})
	wantsAPI(t, err, "AccessDeniedException")
	for _, bad := range []string{"a b", "x*"} {
		_, err = c.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: &bad})
		wantsAPI(t, err, "ValidationException")
	}
}
