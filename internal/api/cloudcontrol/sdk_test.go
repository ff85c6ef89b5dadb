package cloudcontrol_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"testing"
	"time"

	"trellis/internal/aws"
	model "trellis/internal/aws/model/cloudcontrol"
	"trellis/internal/caller"
	"trellis/internal/fault"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudcontrol"
	"github.com/aws/aws-sdk-go-v2/service/cloudcontrol/types"
)

// keyring gives every account the access key that is its id.
type keyring struct{}

func (keyring) Lookup(_ context.Context, key, _ string) (string, caller.Caller, error) {
	if key != account && key != stranger {
		return "", caller.Caller{}, fault.New(fault.NotFound, "", "no such key")
	}
	return "secret", caller.Caller{Account: key, ARN: "arn:aws:iam::" + key + ":root", UserID: key}, nil
}

func (w *world) client(endpoint, account string) *cloudcontrol.Client {
	return cloudcontrol.New(cloudcontrol.Options{Region: region, BaseEndpoint: &endpoint, RetryMaxAttempts: 1,
		Credentials: sdk.CredentialsProviderFunc(func(context.Context) (sdk.Credentials, error) {
			return sdk.Credentials{AccessKeyID: account, SecretAccessKey: "secret"}, nil
		})})
}

func TestWithTheSDK(t *testing.T) {
	w := newWorld(t)
	h, err := aws.New(aws.Config{Services: []aws.Service{{Model: model.Model, API: w.API}}, Credentials: keyring{}})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	c, theirs, ctx := w.client(srv.URL, account), w.client(srv.URL, stranger), t.Context()
	waiter := cloudcontrol.NewResourceRequestSuccessWaiter(c)
	typeName := new(prefix + "ServiceNetwork")
	wait := func(e *types.ProgressEvent) *types.ProgressEvent {
		t.Helper()
		out, err := waiter.WaitForOutput(ctx, &cloudcontrol.GetResourceRequestStatusInput{RequestToken: e.RequestToken}, 20*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		return out.ProgressEvent
	}

	made, err := c.CreateResource(ctx, &cloudcontrol.CreateResourceInput{TypeName: typeName, DesiredState: new(`{"Name":"network","Tags":[{"Key":"a","Value":"b"}]}`)})
	if err != nil {
		t.Fatal(err)
	}
	id := wait(made.ProgressEvent).Identifier
	got, err := c.GetResource(ctx, &cloudcontrol.GetResourceInput{TypeName: typeName, Identifier: id})
	if err != nil {
		t.Fatal(err)
	}
	var properties struct{ Name, Arn string }
	if err := json.Unmarshal([]byte(*got.ResourceDescription.Properties), &properties); err != nil || properties.Name != "network" || properties.Arn != *id {
		t.Errorf("properties %s, %v", *got.ResourceDescription.Properties, err)
	}
	changed, err := c.UpdateResource(ctx, &cloudcontrol.UpdateResourceInput{TypeName: typeName, Identifier: id, PatchDocument: new(`[{"op":"replace","path":"/AuthType","value":"AWS_IAM"}]`)})
	if err != nil {
		t.Fatal(err)
	}
	if e := wait(changed.ProgressEvent); e.OperationStatus != types.OperationStatusSuccess || e.EventTime == nil {
		t.Errorf("update %+v", e)
	}
	pages := cloudcontrol.NewListResourcesPaginator(c, &cloudcontrol.ListResourcesInput{TypeName: typeName, MaxResults: new(int32(1))})
	for n := 0; pages.HasMorePages(); n++ {
		page, err := pages.NextPage(ctx)
		if err != nil || n > 1 {
			t.Fatal(n, err)
		}
		if len(page.ResourceDescriptions) != 1 || *page.ResourceDescriptions[0].Identifier != *id {
			t.Errorf("page %+v", page)
		}
	}
	requests := cloudcontrol.NewListResourceRequestsPaginator(c, &cloudcontrol.ListResourceRequestsInput{MaxResults: new(int32(1))})
	n := 0
	for requests.HasMorePages() {
		page, err := requests.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		n += len(page.ResourceRequestStatusSummaries)
	}
	if n != 2 {
		t.Errorf("%d requests", n)
	}

	// Errors are the SDK's own types.
	var missing *types.ResourceNotFoundException
	if _, err := theirs.GetResource(ctx, &cloudcontrol.GetResourceInput{TypeName: typeName, Identifier: id}); !errors.As(err, &missing) {
		t.Errorf("a stranger gets %v", err)
	}
	var fixed *types.NotUpdatableException
	if _, err := c.UpdateResource(ctx, &cloudcontrol.UpdateResourceInput{TypeName: typeName, Identifier: id, PatchDocument: new(`[{"op":"remove","path":"/Name"}]`)}); !errors.As(err, &fixed) {
		t.Errorf("a new name gets %v", err)
	}
	var unknown *types.TypeNotFoundException
	if _, err := c.GetResource(ctx, &cloudcontrol.GetResourceInput{TypeName: new("AWS::No::Such"), Identifier: id}); !errors.As(err, &unknown) {
		t.Errorf("a type that is none gets %v", err)
	}
	var unsupported *types.UnsupportedActionException
	if _, err := c.GetResource(ctx, &cloudcontrol.GetResourceInput{TypeName: new("AWS::IAM::Policy"), Identifier: id}); !errors.As(err, &unsupported) {
		t.Errorf("a type that is not built gets %v", err)
	}
	var noToken *types.RequestTokenNotFoundException
	if _, err := theirs.GetResourceRequestStatus(ctx, &cloudcontrol.GetResourceRequestStatusInput{RequestToken: made.ProgressEvent.RequestToken}); !errors.As(err, &noToken) {
		t.Errorf("a stranger's question gets %v", err)
	}

	w.lag()
	slow, err := c.CreateResource(ctx, &cloudcontrol.CreateResourceInput{TypeName: new(prefix + "Service"), DesiredState: new(`{"Name":"service"}`)})
	if err != nil || slow.ProgressEvent.RetryAfter == nil || slow.ProgressEvent.OperationStatus != types.OperationStatusInProgress {
		t.Fatalf("began %+v, %v", slow, err)
	}
	var other *types.ConcurrentModificationException
	cancel := &cloudcontrol.CancelResourceRequestInput{RequestToken: made.ProgressEvent.RequestToken}
	if _, err := c.CancelResourceRequest(ctx, cancel); !errors.As(err, &other) {
		t.Errorf("a late cancellation gets %v", err)
	}
	w.host(always)
	service := wait(slow.ProgressEvent).Identifier
	for _, gone := range []struct{ typeName, id *string }{{slow.ProgressEvent.TypeName, service}, {typeName, id}} {
		out, err := c.DeleteResource(ctx, &cloudcontrol.DeleteResourceInput{TypeName: gone.typeName, Identifier: gone.id})
		if err != nil {
			t.Fatal(err)
		}
		wait(out.ProgressEvent)
	}
	if _, err := c.GetResource(ctx, &cloudcontrol.GetResourceInput{TypeName: typeName, Identifier: id}); !errors.As(err, &missing) {
		t.Errorf("what is deleted gets %v", err)
	}
}
