package test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// until sees that a waiter waits, does what it waits for, and sees that it then ends well.
func until[In, WO any](t *testing.T, what string, w waits[In, WO], in *In, soon func(*WO), do func()) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- w.Wait(ctx, in, wait, soon) }()
	select {
	case err := <-ended:
		t.Errorf("%s: the waiter does not wait: %v", what, err)
		do()
		return
	case <-time.After(300 * time.Millisecond):
	}
	do()
	if err := <-ended; err != nil {
		t.Errorf("%s: %v", what, err)
	}
}

// Waiters wait for what is made until it is ready, and for what is there until it is gone.
func TestWaitersOfWhatComesAndGoes(t *testing.T) {
	t.Parallel()
	p := aws.String
	n := sharedServer(t).account(t, "waiters").network(t, "10.0.0.0/16", "10.0.0.0/24")
	second := *must(t, n.ec2.CreateSubnet, &ec2.CreateSubnetInput{VpcId: &n.vpc, CidrBlock: p("10.0.1.0/24"), AvailabilityZone: p("us-east-1b")}).Subnet.SubnetId

	other := n.account.network(t, "10.1.0.0/16", "10.1.0.0/24").vpc
	peering := *must(t, n.ec2.CreateVpcPeeringConnection, &ec2.CreateVpcPeeringConnectionInput{VpcId: &n.vpc, PeerVpcId: &other}).VpcPeeringConnection.VpcPeeringConnectionId
	must(t, n.ec2.AcceptVpcPeeringConnection, &ec2.AcceptVpcPeeringConnectionInput{VpcPeeringConnectionId: &peering})
	until(t, "a peering that is deleted", ec2.NewVpcPeeringConnectionDeletedWaiter(n.ec2), &ec2.DescribeVpcPeeringConnectionsInput{VpcPeeringConnectionIds: []string{peering}},
		func(o *ec2.VpcPeeringConnectionDeletedWaiterOptions) { o.MinDelay, o.MaxDelay = soon, soon }, func() {
			must(t, n.ec2.DeleteVpcPeeringConnection, &ec2.DeleteVpcPeeringConnectionInput{VpcPeeringConnectionId: &peering})
		})

	group := n.group(t, "web", 8080)
	balancer := *must(t, n.elb.CreateLoadBalancer, &elb.CreateLoadBalancerInput{Name: p("b"), Scheme: elbtypes.LoadBalancerSchemeEnumInternal, Subnets: []string{n.subnet, second}, SecurityGroups: []string{group}}).LoadBalancers[0].LoadBalancerArn
	only := &elb.DescribeLoadBalancersInput{LoadBalancerArns: []string{balancer}}
	if err := elb.NewLoadBalancerAvailableWaiter(n.elb, func(o *elb.LoadBalancerAvailableWaiterOptions) { o.MinDelay = soon }).Wait(t.Context(), only, wait); err != nil {
		t.Fatal(err)
	}
	targets := must(t, n.elb.CreateTargetGroup, &elb.CreateTargetGroupInput{Name: p("t"), TargetType: "ip", Protocol: "HTTP", Port: aws.Int32(8080), VpcId: &n.vpc,
		HealthCheckIntervalSeconds: aws.Int32(5), HealthCheckTimeoutSeconds: aws.Int32(2), HealthyThresholdCount: aws.Int32(2)}).TargetGroups[0].TargetGroupArn
	must(t, n.elb.ModifyTargetGroupAttributes, &elb.ModifyTargetGroupAttributesInput{TargetGroupArn: targets, Attributes: []elbtypes.TargetGroupAttribute{{Key: p("deregistration_delay.timeout_seconds"), Value: p("1")}}})
	one := []elbtypes.TargetDescription{{Id: p(n.place(group).serve(t, "8080")), Port: aws.Int32(8080)}}
	must(t, n.elb.RegisterTargets, &elb.RegisterTargetsInput{TargetGroupArn: targets, Targets: one})
	health := &elb.DescribeTargetHealthInput{TargetGroupArn: targets, Targets: one}
	until(t, "a target in service", elb.NewTargetInServiceWaiter(n.elb), health, func(o *elb.TargetInServiceWaiterOptions) { o.MinDelay, o.MaxDelay = soon, soon }, func() {
		must(t, n.elb.CreateListener, &elb.CreateListenerInput{LoadBalancerArn: &balancer, Protocol: "HTTP", Port: aws.Int32(8080), DefaultActions: []elbtypes.Action{{Type: "forward", TargetGroupArn: targets}}})
	})
	until(t, "a target that leaves", elb.NewTargetDeregisteredWaiter(n.elb), health, func(o *elb.TargetDeregisteredWaiterOptions) { o.MinDelay, o.MaxDelay = soon, soon }, func() {
		must(t, n.elb.DeregisterTargets, &elb.DeregisterTargetsInput{TargetGroupArn: targets, Targets: one})
	})
	until(t, "a load balancer that is deleted", elb.NewLoadBalancersDeletedWaiter(n.elb), only, func(o *elb.LoadBalancersDeletedWaiterOptions) { o.MinDelay, o.MaxDelay = soon, soon }, func() {
		must(t, n.elb.DeleteLoadBalancer, &elb.DeleteLoadBalancerInput{LoadBalancerArn: &balancer})
	})
}
