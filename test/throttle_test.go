package test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/cloudcontrol"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/ram"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/vpclattice"
	"github.com/aws/smithy-go"
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

	patient := s.account(t, "patient")
	config = patient.config.Copy()
	config.Retryer = func() aws.Retryer {
		return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = 30, time.Second })
	}
	patient = s.clients(patient.id, patient.name, config)
	var made sync.WaitGroup
	for range 5 {
		made.Go(func() {
			if _, err := patient.ec2.CreateVpc(t.Context(), &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")}); err != nil {
				t.Error(err)
			}
		})
	}
	made.Wait()
	if vpcs := must(t, patient.ec2.DescribeVpcs, &ec2.DescribeVpcsInput{Filters: []ec2types.Filter{{Name: aws.String("cidr"), Values: []string{"10.0.0.0/16"}}}}); len(vpcs.Vpcs) != 5 {
		t.Errorf("%d VPCs were made of 5", len(vpcs.Vpcs))
	}
}
