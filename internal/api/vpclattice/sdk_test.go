package vpclattice_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"testing"

	"trellis/internal/aws"
	model "trellis/internal/aws/model/vpclattice"
	"trellis/internal/caller"
	"trellis/internal/fault"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/vpclattice"
	"github.com/aws/aws-sdk-go-v2/service/vpclattice/types"
	smithy "github.com/aws/smithy-go/middleware"
	"github.com/aws/smithy-go/transport/http"
)

// keyring has one key for each account, named as the account.
type keyring struct{}

func (keyring) Lookup(_ context.Context, key, _ string) (string, caller.Caller, error) {
	if key != owner && key != consumer {
		return "", caller.Caller{}, fault.New(fault.NotFound, "", "no such key")
	}
	return "secret", caller.Caller{Account: key, ARN: "arn:aws:iam::" + key + ":root", UserID: key}, nil
}

// client returns the AWS SDK's client of the account.
func (w *world) client(url, account string) *vpclattice.Client {
	return vpclattice.NewFromConfig(sdk.Config{Region: region, BaseEndpoint: &url, RetryMaxAttempts: 1,
		Credentials: sdk.CredentialsProviderFunc(func(context.Context) (sdk.Credentials, error) {
			return sdk.Credentials{AccessKeyID: account, SecretAccessKey: "secret"}, nil
		})})
}

func (w *world) serve() string {
	w.Helper()
	h, err := aws.New(aws.Config{Services: []aws.Service{{Model: model.Model, API: w.API}}, Credentials: keyring{}})
	if err != nil {
		w.Fatal(err)
	}
	server := httptest.NewServer(h)
	w.Cleanup(server.Close)
	return server.URL
}

// answered checks the HTTP status of an answer.
func answered(t *testing.T, what string, m smithy.Metadata, want int) {
	t.Helper()
	raw, _ := middleware.GetRawResponse(m).(*http.Response)
	if raw == nil || raw.StatusCode != want {
		t.Errorf("%s is answered %v, want %d", what, raw, want)
	}
}

func status(err error) int {
	var e *http.ResponseError
	if errors.As(err, &e) {
		return e.HTTPStatusCode()
	}
	return 0
}

// The landing zone through the AWS SDK: status codes, shapes and typed errors are those of the real service.
func TestSDK(t *testing.T) {
	w := newWorld(t)
	v, _ := w.network(owner, "1", "10.0.0.0/16")
	away, group := w.network(consumer, "2", "10.1.0.0/16")
	url := w.serve()
	mine, theirs, ctx := w.client(url, owner), w.client(url, consumer), t.Context()

	n := ok(mine.CreateServiceNetwork(ctx, &vpclattice.CreateServiceNetworkInput{Name: new("blue"), Tags: map[string]string{"a": "b"}}))(t)
	answered(t, "CreateServiceNetwork", n.ResultMetadata, 201)
	w.share("s", []string{*n.Arn}, consumer)
	s := ok(mine.CreateService(ctx, &vpclattice.CreateServiceInput{Name: new("shared"), AuthType: types.AuthTypeAwsIam}))(t)
	answered(t, "CreateService", s.ResultMetadata, 201)
	equal(t, "status", s.Status, types.ServiceStatusCreateInProgress)
	g := ok(mine.CreateTargetGroup(ctx, &vpclattice.CreateTargetGroupInput{Name: new("shared"), Type: types.TargetGroupTypeIp,
		Config: &types.TargetGroupConfig{Port: new(int32(80)), Protocol: types.TargetGroupProtocolHttp, VpcIdentifier: &v}}))(t)
	answered(t, "CreateTargetGroup", g.ResultMetadata, 201)
	r := ok(mine.RegisterTargets(ctx, &vpclattice.RegisterTargetsInput{TargetGroupIdentifier: g.Arn, Targets: []types.Target{{Id: new("10.0.0.9")}, {Id: new("192.168.0.1")}}}))(t)
	answered(t, "RegisterTargets", r.ResultMetadata, 200)
	if len(r.Successful) != 1 || *r.Successful[0].Port != 80 || len(r.Unsuccessful) != 1 || *r.Unsuccessful[0].FailureCode != "UnsupportedTarget" {
		t.Errorf("registered %+v, refused %+v", r.Successful, r.Unsuccessful)
	}
	l := ok(mine.CreateListener(ctx, &vpclattice.CreateListenerInput{ServiceIdentifier: s.Arn, Name: new("http"), Protocol: types.ListenerProtocolHttp,
		DefaultAction: &types.RuleActionMemberForward{Value: types.ForwardAction{TargetGroups: []types.WeightedTargetGroup{{TargetGroupIdentifier: g.Id}}}}}))(t)
	answered(t, "CreateListener", l.ResultMetadata, 201)
	equal(t, "weight", *l.DefaultAction.(*types.RuleActionMemberForward).Value.TargetGroups[0].Weight, 100)
	rule := ok(mine.CreateRule(ctx, &vpclattice.CreateRuleInput{ServiceIdentifier: s.Id, ListenerIdentifier: l.Arn, Name: new("get"), Priority: new(int32(1)),
		Action: &types.RuleActionMemberFixedResponse{Value: types.FixedResponseAction{StatusCode: new(int32(404))}},
		Match: &types.RuleMatchMemberHttpMatch{Value: types.HttpMatch{Method: new("GET"), HeaderMatches: []types.HeaderMatch{
			{Name: new("x"), Match: &types.HeaderMatchTypeMemberPrefix{Value: "y"}}}}}}))(t)
	answered(t, "CreateRule", rule.ResultMetadata, 201)
	got := ok(mine.GetRule(ctx, &vpclattice.GetRuleInput{ServiceIdentifier: s.Arn, ListenerIdentifier: l.Arn, RuleIdentifier: rule.Arn}))(t)
	equal(t, "header", got.Match.(*types.RuleMatchMemberHttpMatch).Value.HeaderMatches[0].Match.(*types.HeaderMatchTypeMemberPrefix).Value, "y")

	sa := ok(mine.CreateServiceNetworkServiceAssociation(ctx, &vpclattice.CreateServiceNetworkServiceAssociationInput{ServiceIdentifier: s.Id, ServiceNetworkIdentifier: n.Id}))(t)
	answered(t, "CreateServiceNetworkServiceAssociation", sa.ResultMetadata, 200)
	va := ok(theirs.CreateServiceNetworkVpcAssociation(ctx, &vpclattice.CreateServiceNetworkVpcAssociationInput{ServiceNetworkIdentifier: n.Arn, VpcIdentifier: &away, SecurityGroupIds: []string{group}}))(t)
	answered(t, "CreateServiceNetworkVpcAssociation", va.ResultMetadata, 200)
	seen := ok(theirs.GetServiceNetworkVpcAssociation(ctx, &vpclattice.GetServiceNetworkVpcAssociationInput{ServiceNetworkVpcAssociationIdentifier: va.Arn}))(t)
	equal(t, "status", seen.Status, types.ServiceNetworkVpcAssociationStatusActive)
	equal(t, "created", *seen.CreatedAt, w.now)
	p := ok(mine.PutAuthPolicy(ctx, &vpclattice.PutAuthPolicyInput{ResourceIdentifier: s.Arn, Policy: new(allowAll)}))(t)
	equal(t, "policy state", p.State, types.AuthPolicyStateActive)
	equal(t, "tags", ok(mine.ListTagsForResource(ctx, &vpclattice.ListTagsForResourceInput{ResourceArn: n.Arn}))(t).Tags["a"], "b")

	pages := vpclattice.NewListTargetsPaginator(mine, &vpclattice.ListTargetsInput{TargetGroupIdentifier: g.Id, MaxResults: new(int32(1))})
	for pages.HasMorePages() {
		page := ok(pages.NextPage(ctx))(t)
		equal(t, "target status", page.Items[0].Status, types.TargetStatusInitial)
	}

	_, err := theirs.GetService(ctx, &vpclattice.GetServiceInput{ServiceIdentifier: s.Arn})
	var absent *types.ResourceNotFoundException
	if !errors.As(err, &absent) || *absent.ResourceId != *s.Id || *absent.ResourceType != "SERVICE" || status(err) != 404 {
		t.Errorf("another account's service: %v", err)
	}
	_, err = mine.DeleteServiceNetwork(ctx, &vpclattice.DeleteServiceNetworkInput{ServiceNetworkIdentifier: n.Id})
	var conflict *types.ConflictException
	if !errors.As(err, &conflict) || *conflict.ResourceId != *n.Id || *conflict.ResourceType != "SERVICE_NETWORK" || status(err) != 409 {
		t.Errorf("a network in use: %v", err)
	}
	_, err = mine.CreateService(ctx, &vpclattice.CreateServiceInput{Name: new("svc-x")})
	var invalid *types.ValidationException
	if !errors.As(err, &invalid) || invalid.Reason != types.ValidationExceptionReasonFieldValidationFailed || len(invalid.FieldList) != 1 || status(err) != 400 {
		t.Errorf("a bad name: %v", err)
	}
	_, err = theirs.DeleteServiceNetwork(ctx, &vpclattice.DeleteServiceNetworkInput{ServiceNetworkIdentifier: n.Arn})
	var denied *types.AccessDeniedException
	if !errors.As(err, &denied) || status(err) != 403 {
		t.Errorf("another account's network: %v", err)
	}
	for i := range 9 {
		ok(mine.CreateRule(ctx, &vpclattice.CreateRuleInput{ServiceIdentifier: s.Id, ListenerIdentifier: l.Id, Name: new("fill" + string(rune('a'+i))), Priority: new(int32(10 + i)),
			Action: &types.RuleActionMemberFixedResponse{Value: types.FixedResponseAction{StatusCode: new(int32(404))}},
			Match:  &types.RuleMatchMemberHttpMatch{Value: types.HttpMatch{Method: new("GET")}}}))(t)
	}
	_, err = mine.CreateRule(ctx, &vpclattice.CreateRuleInput{ServiceIdentifier: s.Id, ListenerIdentifier: l.Id, Name: new("more"), Priority: new(int32(99)),
		Action: &types.RuleActionMemberFixedResponse{Value: types.FixedResponseAction{StatusCode: new(int32(404))}},
		Match:  &types.RuleMatchMemberHttpMatch{Value: types.HttpMatch{Method: new("GET")}}})
	var quota *types.ServiceQuotaExceededException
	if !errors.As(err, &quota) || *quota.ServiceCode != "vpc-lattice" || status(err) != 402 {
		t.Errorf("one rule too many: %v", err)
	}

	for what, del := range map[string]func() (smithy.Metadata, int, error){
		"rule": func() (smithy.Metadata, int, error) {
			out, err := mine.DeleteRule(ctx, &vpclattice.DeleteRuleInput{ServiceIdentifier: s.Id, ListenerIdentifier: l.Id, RuleIdentifier: rule.Id})
			return out.ResultMetadata, 204, err
		},
		"auth policy": func() (smithy.Metadata, int, error) {
			out, err := mine.DeleteAuthPolicy(ctx, &vpclattice.DeleteAuthPolicyInput{ResourceIdentifier: s.Arn})
			return out.ResultMetadata, 204, err
		},
		"service association": func() (smithy.Metadata, int, error) {
			out, err := mine.DeleteServiceNetworkServiceAssociation(ctx, &vpclattice.DeleteServiceNetworkServiceAssociationInput{ServiceNetworkServiceAssociationIdentifier: sa.Id})
			return out.ResultMetadata, 200, err
		},
		"VPC association": func() (smithy.Metadata, int, error) {
			out, err := theirs.DeleteServiceNetworkVpcAssociation(ctx, &vpclattice.DeleteServiceNetworkVpcAssociationInput{ServiceNetworkVpcAssociationIdentifier: va.Arn})
			return out.ResultMetadata, 200, err
		},
	} {
		m, want, err := del()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		answered(t, "deleting a "+what, m, want)
	}
	w.sweep()
	answered(t, "DeleteListener", ok(mine.DeleteListener(ctx, &vpclattice.DeleteListenerInput{ServiceIdentifier: s.Id, ListenerIdentifier: l.Id}))(t).ResultMetadata, 204)
	answered(t, "DeleteServiceNetwork", ok(mine.DeleteServiceNetwork(ctx, &vpclattice.DeleteServiceNetworkInput{ServiceNetworkIdentifier: n.Id}))(t).ResultMetadata, 204)
	deleted := ok(mine.DeleteService(ctx, &vpclattice.DeleteServiceInput{ServiceIdentifier: s.Id}))(t)
	answered(t, "DeleteService", deleted.ResultMetadata, 200)
	equal(t, "status", deleted.Status, types.ServiceStatusDeleteInProgress)
	answered(t, "DeleteTargetGroup", ok(mine.DeleteTargetGroup(ctx, &vpclattice.DeleteTargetGroupInput{TargetGroupIdentifier: g.Id}))(t).ResultMetadata, 200)
}
