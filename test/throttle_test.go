package test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/cloudcontrol"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/ram"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/vpclattice"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// TestThrottling holds --throttle to what each API's clients take for throttling, and the SDK's retries to getting through.
func TestThrottling(t *testing.T) {
	t.Parallel()
	s, err := start(program(t), directory(t, "throttle"), nil, "--control-plane-only", "--throttle", "1/s,2")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(s.panicked(), s.stop()); err != nil {
			t.Error(err)
		}
	})
	impatient := s.account(t, "impatient")
	config := impatient.config.Copy()
	config.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	impatient = s.clients(impatient.id, impatient.name, config)
	for name, c := range map[string]struct {
		call   func(context.Context) error
		code   string
		status int
	}{
		"EC2": {func(ctx context.Context) error {
			_, err := impatient.ec2.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{})
			return err
		}, "RequestLimitExceeded", http.StatusServiceUnavailable},
		"VPC Lattice": {func(ctx context.Context) error {
			_, err := impatient.lattice.ListServices(ctx, &vpclattice.ListServicesInput{})
			return err
		}, "ThrottlingException", http.StatusTooManyRequests},
		"Elastic Load Balancing": {func(ctx context.Context) error {
			_, err := impatient.elb.DescribeLoadBalancers(ctx, &elasticloadbalancingv2.DescribeLoadBalancersInput{})
			return err
		}, "Throttling", http.StatusBadRequest},
		"IAM": {func(ctx context.Context) error {
			_, err := impatient.iam.ListRoles(ctx, &iam.ListRolesInput{})
			return err
		}, "Throttling", http.StatusBadRequest},
		"STS": {func(ctx context.Context) error {
			_, err := impatient.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
			return err
		}, "Throttling", http.StatusBadRequest},
		"Lambda": {func(ctx context.Context) error {
			_, err := impatient.lambda.ListFunctions(ctx, &lambda.ListFunctionsInput{})
			return err
		}, "TooManyRequestsException", http.StatusTooManyRequests},
		"RAM": {func(ctx context.Context) error {
			_, err := impatient.ram.GetResourceShares(ctx, &ram.GetResourceSharesInput{ResourceOwner: "SELF"})
			return err
		}, "ThrottlingException", http.StatusTooManyRequests},
		"Organizations": {func(ctx context.Context) error {
			_, err := impatient.organizations.ListHandshakesForAccount(ctx, &organizations.ListHandshakesForAccountInput{})
			return err
		}, "TooManyRequestsException", http.StatusBadRequest},
		"Logs": {func(ctx context.Context) error {
			_, err := impatient.logs.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{})
			return err
		}, "ThrottlingException", http.StatusBadRequest},
		"Cloud Control": {func(ctx context.Context) error {
			_, err := impatient.cloudcontrol.ListResourceRequests(ctx, &cloudcontrol.ListResourceRequestsInput{})
			return err
		}, "ThrottlingException", http.StatusBadRequest},
	} {
		// A token comes back each second: of so many at once not all can get through.
		errs := make([]error, 30)
		var calls sync.WaitGroup
		for i := range errs {
			calls.Go(func() { errs[i] = c.call(t.Context()) })
		}
		calls.Wait()
		through, refused := 0, 0
		for _, err := range errs {
			var api smithy.APIError
			var answer *smithyhttp.ResponseError
			switch {
			case err == nil:
				through++
			case errors.As(err, &api) && errors.As(err, &answer) && api.ErrorCode() == c.code && answer.HTTPStatusCode() == c.status:
				refused++
			default:
				t.Errorf("%s: %v, want %d %s", name, err, c.status, c.code)
			}
		}
		if through < 2 || refused == 0 {
			t.Errorf("%s: %d calls got through and %d were refused", name, through, refused)
		}
	}

	// The SDK's own retries get through, after some refusals, for a creation of each API.
	patient := s.account(t, "patient")
	config = patient.config.Copy()
	config.Retryer = func() aws.Retryer {
		return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = 30, time.Second })
	}
	patient = s.clients(patient.id, patient.name, config)
	const n = 4
	p := aws.String
	code := script(t)
	role := *must(t, patient.iam.CreateRole, &iam.CreateRoleInput{RoleName: p("worker"), AssumeRolePolicyDocument: p(lambdaTrust)}).Role.Arn
	must(t, patient.organizations.CreateOrganization, &organizations.CreateOrganizationInput{})
	root := must(t, patient.organizations.ListRoots, &organizations.ListRootsInput{}).Roots[0].Id
	var running sync.WaitGroup
	for api, create := range map[string]struct {
		make  func(name string) (middleware.Metadata, error)
		count func() int
	}{
		"EC2": {func(string) (middleware.Metadata, error) {
			return metadata(patient.ec2.CreateVpc(t.Context(), &ec2.CreateVpcInput{CidrBlock: p("10.0.0.0/16")}))
		}, func() int { return len(must(t, patient.ec2.DescribeVpcs, &ec2.DescribeVpcsInput{}).Vpcs) }},
		"VPC Lattice": {func(name string) (middleware.Metadata, error) {
			return metadata(patient.lattice.CreateServiceNetwork(t.Context(), &vpclattice.CreateServiceNetworkInput{Name: &name}))
		}, func() int {
			return len(must(t, patient.lattice.ListServiceNetworks, &vpclattice.ListServiceNetworksInput{}).Items)
		}},
		"Elastic Load Balancing": {func(name string) (middleware.Metadata, error) {
			return metadata(patient.elb.CreateTargetGroup(t.Context(), &elasticloadbalancingv2.CreateTargetGroupInput{Name: &name, TargetType: "lambda"}))
		}, func() int {
			return len(must(t, patient.elb.DescribeTargetGroups, &elasticloadbalancingv2.DescribeTargetGroupsInput{}).TargetGroups)
		}},
		"IAM": {func(name string) (middleware.Metadata, error) {
			return metadata(patient.iam.CreateUser(t.Context(), &iam.CreateUserInput{UserName: &name, Path: p("/made/")}))
		}, func() int {
			return len(must(t, patient.iam.ListUsers, &iam.ListUsersInput{PathPrefix: p("/made/")}).Users)
		}},
		// It has nothing to list.
		"STS": {func(string) (middleware.Metadata, error) {
			return metadata(patient.sts.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}))
		}, func() int { return n }},
		"Lambda": {func(name string) (middleware.Metadata, error) {
			return metadata(patient.lambda.CreateFunction(t.Context(), &lambda.CreateFunctionInput{FunctionName: &name, Role: &role, Runtime: "provided.al2023", Handler: p("bootstrap"),
				Code: &lambdatypes.FunctionCode{ZipFile: code}}))
		}, func() int {
			return len(must(t, patient.lambda.ListFunctions, &lambda.ListFunctionsInput{}).Functions)
		}},
		"RAM": {func(name string) (middleware.Metadata, error) {
			return metadata(patient.ram.CreateResourceShare(t.Context(), &ram.CreateResourceShareInput{Name: &name}))
		}, func() int {
			return len(must(t, patient.ram.GetResourceShares, &ram.GetResourceSharesInput{ResourceOwner: "SELF"}).ResourceShares)
		}},
		"Organizations": {func(name string) (middleware.Metadata, error) {
			return metadata(patient.organizations.CreateOrganizationalUnit(t.Context(), &organizations.CreateOrganizationalUnitInput{Name: &name, ParentId: root}))
		}, func() int {
			return len(must(t, patient.organizations.ListOrganizationalUnitsForParent, &organizations.ListOrganizationalUnitsForParentInput{ParentId: root}).OrganizationalUnits)
		}},
		"Logs": {func(name string) (middleware.Metadata, error) {
			return metadata(patient.logs.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: p("logs-" + name)}))
		}, func() int {
			return len(must(t, patient.logs.DescribeLogGroups, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: p("logs-")}).LogGroups)
		}},
		"Cloud Control": {func(name string) (middleware.Metadata, error) {
			return metadata(patient.cloudcontrol.CreateResource(t.Context(), &cloudcontrol.CreateResourceInput{TypeName: p("AWS::Logs::LogGroup"), DesiredState: p(`{"LogGroupName":"` + name + `"}`)}))
		}, func() int {
			return len(must(t, patient.cloudcontrol.ListResourceRequests, &cloudcontrol.ListResourceRequestsInput{}).ResourceRequestStatusSummaries)
		}},
	} {
		running.Go(func() {
			var refused atomic.Int64
			var all sync.WaitGroup
			for i := range n {
				all.Go(func() {
					made, err := create.make(fmt.Sprintf("made-%d", i))
					if err != nil {
						t.Errorf("%s: %v", api, err)
					}
					attempts, _ := retry.GetAttemptResults(made)
					for _, a := range attempts.Results {
						refused.Add(int64(one(a.Err != nil)))
					}
				})
			}
			all.Wait()
			if refused.Load() == 0 {
				t.Errorf("%s: %d creations at once were not throttled", api, n)
			}
			if made := create.count(); made != n {
				t.Errorf("%s: there are %d of %d that were created", api, made, n)
			}
		})
	}
	running.Wait()
}

// metadata is what the SDK tells of a call.
func metadata[Out any](out *Out, err error) (middleware.Metadata, error) {
	if err != nil {
		return middleware.Metadata{}, err
	}
	return reflect.ValueOf(out).Elem().FieldByName("ResultMetadata").Interface().(middleware.Metadata), nil
}
