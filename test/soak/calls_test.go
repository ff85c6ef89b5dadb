package soak

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudcontrol"
	cctypes "github.com/aws/aws-sdk-go-v2/service/cloudcontrol/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/vpclattice"
)

// callers make calls while a server is killed and started, and repeat those that end in an error that SDKs try again after.
type callers struct {
	*account
	*killer
	iam    *iam.Client
	lambda *lambda.Client
	cloud  *cloudcontrol.Client
	vpc    string
	total  atomic.Int64

	mu sync.Mutex
	// made are the services by their ids, and cut is how many calls of each kind were under way when the server ended.
	made map[string]string
	cut  map[string]int
}

// until repeats a call until it is answered, and tells whether it was made more than once. Any other answer is a wrong one.
func (c *callers) until(ctx context.Context, what string, call func() error) (repeated bool, err error) {
	for ; ; repeated = true {
		err := call()
		switch {
		case err == nil:
			c.total.Add(1)
			return repeated, nil
		case !retriable(err):
			return repeated, fmt.Errorf("%s: %w", what, err)
		case !errors.Is(err, syscall.ECONNREFUSED):
			c.mu.Lock()
			c.cut[what]++
			c.mu.Unlock()
		}
		if err := c.wait(ctx); err != nil {
			return repeated, err
		}
	}
}

// services makes a service twice with one token.
func (c *callers) services(ctx context.Context, who, i int) error {
	name := fmt.Sprintf("service-%d-%d", who, i%100) // an account has 2,000 at most
	var ids []string
	for range 2 {
		if _, err := c.until(ctx, "CreateService", func() error {
			out, err := c.lattice.CreateService(ctx, &vpclattice.CreateServiceInput{Name: &name, ClientToken: aws.String("token-of-" + name)})
			if err == nil {
				ids = append(ids, *out.Id)
			}
			return err
		}); err != nil {
			return err
		}
		// Others are answered sooner after a start.
		c.answered.Add(1)
	}
	if ids[0] != ids[1] {
		return fmt.Errorf("%s is %s, and %s when the call is repeated", name, ids[0], ids[1])
	}
	c.mu.Lock()
	c.made[ids[0]] = name
	c.mu.Unlock()
	return nil
}

// policies changes a role's policy and reads it back.
func (c *callers) policies(ctx context.Context, who, i int) error {
	name := aws.String(fmt.Sprint("policy-", who))
	sid := fmt.Sprint("number", i)
	if _, err := c.until(ctx, "PutRolePolicy", func() error {
		_, err := c.iam.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: aws.String("callers"), PolicyName: name,
			PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":{"Sid":"` + sid + `","Effect":"Deny","Action":"*","Resource":"*"}}`)})
		return err
	}); err != nil {
		return err
	}
	_, err := c.until(ctx, "GetRolePolicy", func() error {
		out, err := c.iam.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: aws.String("callers"), PolicyName: name})
		if err == nil && !strings.Contains(*out.PolicyDocument, sid+"%22") {
			return fmt.Errorf("the policy is %s, want %s", *out.PolicyDocument, sid)
		}
		return err
	})
	return err
}

// groups makes and removes a security group, and knows after each answer whether it is there. Neither call has a token: one that was
// carried out and not answered is told of when it is repeated, and only then.
func (c *callers) groups(ctx context.Context, who, _ int) error {
	name := aws.String(fmt.Sprint("group-", who))
	repeated, err := c.until(ctx, "CreateSecurityGroup", func() error {
		_, err := c.ec2.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{GroupName: name, Description: name, VpcId: &c.vpc})
		return err
	})
	if err != nil && !(repeated && isCode(err, "InvalidGroup.Duplicate")) {
		return err
	}
	var id *string
	if _, err := c.until(ctx, "DescribeSecurityGroups", func() error {
		out, err := c.ec2.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{Filters: []ec2types.Filter{
			{Name: aws.String("vpc-id"), Values: []string{c.vpc}}, {Name: aws.String("group-name"), Values: []string{*name}}}})
		if err == nil && len(out.SecurityGroups) != 1 {
			return fmt.Errorf("there are %d groups %s", len(out.SecurityGroups), *name)
		}
		if err == nil {
			id = out.SecurityGroups[0].GroupId
		}
		return err
	}); err != nil {
		return err
	}
	repeated, err = c.until(ctx, "DeleteSecurityGroup", func() error {
		_, err := c.ec2.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: id})
		return err
	})
	if repeated && isCode(err, "InvalidGroup.NotFound") {
		return nil
	}
	return err
}

// invocations ask a function that takes its time, and answers what it was asked.
func (c *callers) invocations(ctx context.Context, who, i int) error {
	asked := fmt.Sprintf(`{"who": %d, "number": %d, "wait": %d}`, who, i, rand.IntN(1500))
	_, err := c.until(ctx, "Invoke", func() error {
		out, err := c.lambda.Invoke(ctx, &lambda.InvokeInput{FunctionName: aws.String("callers"), Payload: []byte(asked)})
		if err == nil && (out.FunctionError != nil || string(out.Payload) != asked) {
			return fmt.Errorf("%s is answered %s (%s)", asked, out.Payload, aws.ToString(out.FunctionError))
		}
		return err
	})
	return err
}

// requests have Cloud Control make a log group with a token, and wait for it.
func (c *callers) requests(ctx context.Context, who, i int) error {
	name := fmt.Sprintf("requested-%d-%d", who, i%100)
	var event *cctypes.ProgressEvent
	if _, err := c.until(ctx, "CreateResource", func() error {
		out, err := c.cloud.CreateResource(ctx, &cloudcontrol.CreateResourceInput{TypeName: aws.String("AWS::Logs::LogGroup"),
			DesiredState: aws.String(`{"LogGroupName":"` + name + `"}`), ClientToken: aws.String("token-of-" + name)})
		if err == nil {
			event = out.ProgressEvent
		}
		return err
	}); err != nil {
		return err
	}
	for end := time.Now().Add(time.Minute); event.OperationStatus != cctypes.OperationStatusSuccess; {
		if event.OperationStatus == cctypes.OperationStatusFailed || time.Now().After(end) {
			return fmt.Errorf("%s: %s %s %s", name, event.OperationStatus, event.ErrorCode, aws.ToString(event.StatusMessage))
		}
		if _, err := c.until(ctx, "GetResourceRequestStatus", func() error {
			out, err := c.cloud.GetResourceRequestStatus(ctx, &cloudcontrol.GetResourceRequestStatusInput{RequestToken: event.RequestToken})
			if err == nil {
				event = out.ProgressEvent
			}
			return err
		}); err != nil {
			return err
		}
	}
	_, err := c.until(ctx, "GetResource", func() error {
		_, err := c.cloud.GetResource(ctx, &cloudcontrol.GetResourceInput{TypeName: event.TypeName, Identifier: &name})
		return err
	})
	return err
}

// Calls that are under way when the server is killed or told to end, end in their right answer or in an error that SDKs try again
// after, and repeated with their tokens they make one thing: of several callers of several APIs at once.
func TestCallsUnderWay(t *testing.T) {
	s := serving(t, newServer(t))
	if st := s.status(t); !st.DataPlane {
		t.Skipf("there is no data plane here: %s", st.Why)
	}
	a := s.account(t, "callers")
	ready := make(chan struct{})
	close(ready)
	k := &killer{t: t, server: s, gently: true, ready: ready, answered: &atomic.Int64{}}
	c := &callers{account: a, killer: k, iam: iam.NewFromConfig(a.config), lambda: lambda.NewFromConfig(a.config), cloud: cloudcontrol.NewFromConfig(a.config),
		made: map[string]string{}, cut: map[string]int{}}
	v, err := a.ec2.CreateVpc(t.Context(), &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")})
	must(t, err)
	c.vpc = *v.Vpc.VpcId
	role, err := c.iam.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("callers"),
		AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}}`)})
	must(t, err)
	code, err := archive("app.py", "import time\n\ndef handler(event, context):\n    time.sleep(event['wait'] / 1000)\n    return event\n")
	must(t, err)
	made, err := c.lambda.CreateFunction(t.Context(), &lambda.CreateFunctionInput{FunctionName: aws.String("callers"), Role: role.Role.Arn, Runtime: lambdatypes.RuntimePython312,
		Handler: aws.String("app.handler"), Timeout: aws.Int32(20), Code: &lambdatypes.FunctionCode{ZipFile: code}})
	must(t, err)
	must(t, lambda.NewFunctionActiveV2Waiter(c.lambda, func(o *lambda.FunctionActiveV2WaiterOptions) { o.MinDelay = 20 * time.Millisecond }).
		Wait(t.Context(), &lambda.GetFunctionInput{FunctionName: made.FunctionName}, time.Minute))

	done := make(chan struct{})
	go func() {
		defer close(done)
		// Each end takes a start and some hundred calls: a fifth of the points take as long as the zone's lives.
		k.run(max(10, *points/5))
	}()
	kinds := []func(context.Context, int, int) error{c.services, c.services, c.services, c.policies, c.policies, c.groups, c.groups, c.invocations, c.invocations, c.invocations, c.requests, c.requests}
	results := make(chan error)
	for who, kind := range kinds {
		go func() {
			for i := 0; ; i++ {
				err := kind(t.Context(), who, i)
				select {
				case <-done:
				default:
					if err == nil {
						continue
					}
				}
				results <- err
				return
			}
		}()
	}
	for range kinds {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	<-done
	if k.err != nil {
		t.Fatal(k.err)
	}
	there := 0
	pages := vpclattice.NewListServicesPaginator(a.lattice, &vpclattice.ListServicesInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		must(t, err)
		for _, svc := range page.Items {
			there++
			if c.made[*svc.Id] != *svc.Name {
				t.Errorf("%s %s is there, and nobody was told of it", *svc.Name, *svc.Id)
			}
		}
	}
	if there != len(c.made) || c.cut["Invoke"] == 0 || len(c.cut) < 2 {
		t.Errorf("%d services are there, %d were made; of calls were cut off %v", there, len(c.made), c.cut)
	}
	t.Logf("%d ends, half of them by SIGTERM; %d calls answered, %d services; of calls ended in an error and were repeated %v", k.killed, c.total.Load(), there, c.cut)
}
