package test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/vpclattice"
	latticetypes "github.com/aws/aws-sdk-go-v2/service/vpclattice/types"
	"github.com/aws/smithy-go"

	"trellis/test/sdk"
)

// crowd is an account whose clients repeat no call: every answer counts.
type crowd struct {
	*account
	vpc string
}

func newCrowd(t *testing.T, name string) crowd {
	t.Helper()
	a := sharedServer(t).account(t, name)
	c := a.config.Copy()
	c.HTTPClient, c.RetryMaxAttempts = sdk.HTTP(time.Minute), 1
	a = a.server.clients(a.id, a.name, c)
	return crowd{a, a.network(t, "10.0.0.0/16", "10.0.0.0/28").vpc}
}

// atOnce does a thing for each number, for all at once, and says what failed.
func atOnce(t *testing.T, n int, do func(i int) error) {
	t.Helper()
	errs := make([]error, n)
	start := make(chan struct{})
	var running sync.WaitGroup
	for i := range n {
		running.Go(func() {
			<-start
			errs[i] = do(i)
		})
	}
	close(start)
	running.Wait()
	for i, err := range errs {
		if err != nil {
			t.Errorf("%d of %d: %v", i, n, err)
		}
	}
}

// ok is the error of a call whose answer says nothing more.
func ok[Out any](_ Out, err error) error { return err }

func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// resourceKind is a kind of resource: how one is made by its number, and by its id changed by two writers in a different part each, asked if
// both changes are there, and deleted.
type resourceKind struct {
	make   func(ctx context.Context, i int) (id string, err error)
	change [2]func(ctx context.Context, id string) error
	both   func(ctx context.Context, id string) (bool, error)
	remove func(ctx context.Context, id string) error
	// gone are the codes of what is not there, or on its way.
	gone string
	// few says that one takes a hundredfold of what a row takes.
	few bool
}

func (c crowd) kinds() map[string]resourceKind {
	p := aws.String
	name := func(i int) *string { return p(fmt.Sprintf("crowd-%d", i)) }
	arn := func(path, id string) *string {
		return p("arn:aws:vpc-lattice:" + region + ":" + c.id + ":" + path + "/" + id)
	}
	l, e, g := c.lattice, c.ec2, c.logs
	tagged := func(path, key string) func(context.Context, string) error {
		return func(ctx context.Context, id string) error {
			return ok(l.TagResource(ctx, &vpclattice.TagResourceInput{ResourceArn: arn(path, id), Tags: map[string]string{key: "v"}}))
		}
	}
	tags := func(path string) func(context.Context, string) (bool, error) {
		return func(ctx context.Context, id string) (bool, error) {
			out, err := l.ListTagsForResource(ctx, &vpclattice.ListTagsForResourceInput{ResourceArn: arn(path, id)})
			return err == nil && len(out.Tags) == 2, err
		}
	}
	mark := func(key string) func(context.Context, string) error {
		return func(ctx context.Context, id string) error {
			return ok(e.CreateTags(ctx, &ec2.CreateTagsInput{Resources: []string{id}, Tags: []ec2types.Tag{{Key: &key, Value: p("v")}}}))
		}
	}
	marks := func(ctx context.Context, id string) (bool, error) {
		out, err := e.DescribeTags(ctx, &ec2.DescribeTagsInput{Filters: []ec2types.Filter{{Name: p("resource-id"), Values: []string{id}}}})
		return err == nil && len(out.Tags) == 2, err
	}
	permit := func(port int32) func(context.Context, string) error {
		return func(ctx context.Context, id string) error {
			return ok(e.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &id, IpPermissions: []ec2types.IpPermission{
				{IpProtocol: p("tcp"), FromPort: &port, ToPort: &port, IpRanges: []ec2types.IpRange{{CidrIp: p("10.0.0.0/8")}}}}}))
		}
	}
	deny := func(number int32) func(context.Context, string) error {
		return func(ctx context.Context, id string) error {
			return ok(e.CreateNetworkAclEntry(ctx, &ec2.CreateNetworkAclEntryInput{NetworkAclId: &id, RuleNumber: &number, Protocol: p("-1"), RuleAction: ec2types.RuleActionDeny,
				Egress: aws.Bool(false), CidrBlock: p("10.9.0.0/16")}))
		}
	}
	label := func(key string) func(context.Context, string) error {
		return func(ctx context.Context, id string) error {
			return ok(c.iam.TagPolicy(ctx, &iam.TagPolicyInput{PolicyArn: &id, Tags: []iamtypes.Tag{{Key: &key, Value: p("v")}}}))
		}
	}
	register := func(address string) func(context.Context, string) error {
		return func(ctx context.Context, id string) error {
			return ok(l.RegisterTargets(ctx, &vpclattice.RegisterTargetsInput{TargetGroupIdentifier: &id, Targets: []latticetypes.Target{{Id: &address, Port: aws.Int32(80)}}}))
		}
	}
	return map[string]resourceKind{
		"security group": {
			make: func(ctx context.Context, i int) (string, error) {
				out, err := e.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{GroupName: name(i), Description: p("d"), VpcId: &c.vpc})
				if err != nil {
					return "", err
				}
				return *out.GroupId, nil
			},
			change: [2]func(context.Context, string) error{permit(80), permit(443)},
			both: func(ctx context.Context, id string) (bool, error) {
				out, err := e.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{GroupIds: []string{id}})
				return err == nil && len(out.SecurityGroups[0].IpPermissions) == 2, err
			},
			remove: func(ctx context.Context, id string) error {
				return ok(e.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: &id}))
			},
			gone: "InvalidGroup.NotFound",
		},
		"subnet": {
			make: func(ctx context.Context, i int) (string, error) {
				block := 16 * (i + 1)
				out, err := e.CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: &c.vpc, CidrBlock: p(fmt.Sprintf("10.0.%d.%d/28", block/256, block%256))})
				if err != nil {
					return "", err
				}
				return *out.Subnet.SubnetId, nil
			},
			change: [2]func(context.Context, string) error{mark("one"), mark("two")},
			both:   marks,
			remove: func(ctx context.Context, id string) error {
				return ok(e.DeleteSubnet(ctx, &ec2.DeleteSubnetInput{SubnetId: &id}))
			},
			gone: "InvalidSubnetID.NotFound",
		},
		"route table": {
			make: func(ctx context.Context, _ int) (string, error) {
				out, err := e.CreateRouteTable(ctx, &ec2.CreateRouteTableInput{VpcId: &c.vpc})
				if err != nil {
					return "", err
				}
				return *out.RouteTable.RouteTableId, nil
			},
			change: [2]func(context.Context, string) error{mark("one"), mark("two")},
			both:   marks,
			remove: func(ctx context.Context, id string) error {
				return ok(e.DeleteRouteTable(ctx, &ec2.DeleteRouteTableInput{RouteTableId: &id}))
			},
			gone: "InvalidRouteTableID.NotFound",
		},
		"network ACL": {
			make: func(ctx context.Context, _ int) (string, error) {
				out, err := e.CreateNetworkAcl(ctx, &ec2.CreateNetworkAclInput{VpcId: &c.vpc})
				if err != nil {
					return "", err
				}
				return *out.NetworkAcl.NetworkAclId, nil
			},
			change: [2]func(context.Context, string) error{deny(1), deny(2)},
			both: func(ctx context.Context, id string) (bool, error) {
				out, err := e.DescribeNetworkAcls(ctx, &ec2.DescribeNetworkAclsInput{NetworkAclIds: []string{id}})
				return err == nil && len(out.NetworkAcls[0].Entries) == 4, err
			},
			remove: func(ctx context.Context, id string) error {
				return ok(e.DeleteNetworkAcl(ctx, &ec2.DeleteNetworkAclInput{NetworkAclId: &id}))
			},
			gone: "InvalidNetworkAclID.NotFound",
		},
		"policy": {
			make: func(ctx context.Context, i int) (string, error) {
				out, err := c.iam.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: name(i), PolicyDocument: p(invoke)})
				if err != nil {
					return "", err
				}
				return *out.Policy.Arn, nil
			},
			change: [2]func(context.Context, string) error{label("one"), label("two")},
			both: func(ctx context.Context, id string) (bool, error) {
				out, err := c.iam.ListPolicyTags(ctx, &iam.ListPolicyTagsInput{PolicyArn: &id})
				return err == nil && len(out.Tags) == 2, err
			},
			remove: func(ctx context.Context, id string) error {
				return ok(c.iam.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: &id}))
			},
			gone: "NoSuchEntity",
		},
		"service network": {
			make: func(ctx context.Context, i int) (string, error) {
				out, err := l.CreateServiceNetwork(ctx, &vpclattice.CreateServiceNetworkInput{Name: name(i)})
				if err != nil {
					return "", err
				}
				return *out.Id, nil
			},
			change: [2]func(context.Context, string) error{tagged("servicenetwork", "one"), tagged("servicenetwork", "two")},
			both:   tags("servicenetwork"),
			remove: func(ctx context.Context, id string) error {
				return ok(l.DeleteServiceNetwork(ctx, &vpclattice.DeleteServiceNetworkInput{ServiceNetworkIdentifier: &id}))
			},
			gone: "ResourceNotFoundException",
		},
		"service": {
			make: func(ctx context.Context, i int) (string, error) {
				out, err := l.CreateService(ctx, &vpclattice.CreateServiceInput{Name: name(i)})
				if err != nil {
					return "", err
				}
				return *out.Id, nil
			},
			change: [2]func(context.Context, string) error{
				func(ctx context.Context, id string) error {
					return ok(l.UpdateService(ctx, &vpclattice.UpdateServiceInput{ServiceIdentifier: &id, AuthType: latticetypes.AuthTypeAwsIam}))
				},
				tagged("service", "one"),
			},
			both: func(ctx context.Context, id string) (bool, error) {
				out, err := l.GetService(ctx, &vpclattice.GetServiceInput{ServiceIdentifier: &id})
				if err != nil || out.AuthType != latticetypes.AuthTypeAwsIam {
					return false, err
				}
				has, err := l.ListTagsForResource(ctx, &vpclattice.ListTagsForResourceInput{ResourceArn: out.Arn})
				return err == nil && len(has.Tags) == 1, err
			},
			remove: func(ctx context.Context, id string) error {
				return ok(l.DeleteService(ctx, &vpclattice.DeleteServiceInput{ServiceIdentifier: &id}))
			},
			gone: "ResourceNotFoundException",
		},
		"target group": {
			make: func(ctx context.Context, i int) (string, error) {
				out, err := l.CreateTargetGroup(ctx, &vpclattice.CreateTargetGroupInput{Name: name(i), Type: latticetypes.TargetGroupTypeIp,
					Config: &latticetypes.TargetGroupConfig{Port: aws.Int32(80), Protocol: "HTTP", VpcIdentifier: &c.vpc}})
				if err != nil {
					return "", err
				}
				return *out.Id, nil
			},
			change: [2]func(context.Context, string) error{register("10.0.0.8"), register("10.0.0.9")},
			both: func(ctx context.Context, id string) (bool, error) {
				out, err := l.ListTargets(ctx, &vpclattice.ListTargetsInput{TargetGroupIdentifier: &id})
				return err == nil && len(out.Items) == 2, err
			},
			remove: func(ctx context.Context, id string) error {
				return ok(l.DeleteTargetGroup(ctx, &vpclattice.DeleteTargetGroupInput{TargetGroupIdentifier: &id}))
			},
			gone: "ResourceNotFoundException",
		},
		"role": {
			make: func(ctx context.Context, i int) (string, error) {
				return *name(i), ok(c.iam.CreateRole(ctx, &iam.CreateRoleInput{RoleName: name(i), AssumeRolePolicyDocument: p(lambdaTrust)}))
			},
			change: [2]func(context.Context, string) error{
				func(ctx context.Context, id string) error {
					return ok(c.iam.UpdateRole(ctx, &iam.UpdateRoleInput{RoleName: &id, MaxSessionDuration: aws.Int32(7200)}))
				},
				func(ctx context.Context, id string) error {
					return ok(c.iam.TagRole(ctx, &iam.TagRoleInput{RoleName: &id, Tags: []iamtypes.Tag{{Key: p("k"), Value: p("v")}}}))
				},
			},
			both: func(ctx context.Context, id string) (bool, error) {
				out, err := c.iam.GetRole(ctx, &iam.GetRoleInput{RoleName: &id})
				return err == nil && *out.Role.MaxSessionDuration == 7200 && len(out.Role.Tags) == 1, err
			},
			remove: func(ctx context.Context, id string) error {
				return ok(c.iam.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: &id}))
			},
			gone: "NoSuchEntity",
		},
		"log group": {
			make: func(ctx context.Context, i int) (string, error) {
				return *name(i), ok(g.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: name(i)}))
			},
			change: [2]func(context.Context, string) error{
				func(ctx context.Context, id string) error {
					return ok(g.PutRetentionPolicy(ctx, &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: &id, RetentionInDays: aws.Int32(7)}))
				},
				func(ctx context.Context, id string) error {
					return ok(g.TagResource(ctx, &cloudwatchlogs.TagResourceInput{ResourceArn: p("arn:aws:logs:" + region + ":" + c.id + ":log-group:" + id), Tags: map[string]string{"k": "v"}}))
				},
			},
			both: func(ctx context.Context, id string) (bool, error) {
				out, err := g.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: &id})
				if err != nil || aws.ToInt32(out.LogGroups[0].RetentionInDays) != 7 {
					return false, err
				}
				has, err := g.ListTagsForResource(ctx, &cloudwatchlogs.ListTagsForResourceInput{ResourceArn: out.LogGroups[0].LogGroupArn})
				return err == nil && len(has.Tags) == 1, err
			},
			remove: func(ctx context.Context, id string) error {
				return ok(g.DeleteLogGroup(ctx, &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: &id}))
			},
			gone: "ResourceNotFoundException",
		},
	}
}

// TestCrowd makes 500 resources at once, changes each of them by two writers at once, and deletes them by two at once. Nobody is told
// of a conflict or to come later, and no change is lost.
func TestCrowd(t *testing.T) {
	t.Parallel()
	c := newCrowd(t, "crowd")
	const n = 500
	kinds := c.kinds()
	maps.Copy(kinds, c.workloads(c.ground(t)))
	before := c.inventory(t)
	var names, few []string
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		if kinds[name].few {
			few = append(few, name)
		} else {
			names = append(names, name)
		}
	}
	of := func(i int) (string, resourceKind) {
		name := names[i%len(names)]
		if i%100 == 0 {
			name = few[i/100%len(few)]
		}
		return name, kinds[name]
	}
	ids := make([]string, n)
	atOnce(t, n, func(i int) (err error) {
		name, k := of(i)
		if ids[i], err = k.make(t.Context(), i); err != nil {
			return fmt.Errorf("a %s: %w", name, err)
		}
		return nil
	})
	if t.Failed() {
		return
	}
	// What is ACTIVE only in a moment is not changed before.
	eventually(t, "the target groups", func() bool {
		items, _ := pages(t, vpclattice.NewListTargetGroupsPaginator(c.lattice, &vpclattice.ListTargetGroupsInput{}), func(p *vpclattice.ListTargetGroupsOutput) []latticetypes.TargetGroupSummary { return p.Items })
		return !slices.ContainsFunc(items, func(g latticetypes.TargetGroupSummary) bool { return g.Status != latticetypes.TargetGroupStatusActive })
	})
	eventually(t, "the services", func() bool {
		items, _ := pages(t, vpclattice.NewListServicesPaginator(c.lattice, &vpclattice.ListServicesInput{}), func(p *vpclattice.ListServicesOutput) []latticetypes.ServiceSummary { return p.Items })
		return !slices.ContainsFunc(items, func(s latticetypes.ServiceSummary) bool { return s.Status != latticetypes.ServiceStatusActive })
	})
	atOnce(t, 2*n, func(i int) error {
		name, k := of(i / 2)
		if err := k.change[i%2](t.Context(), ids[i/2]); err != nil {
			return fmt.Errorf("the change %d of a %s: %w", i%2, name, err)
		}
		return nil
	})
	for i := range n {
		name, k := of(i)
		if both, err := k.both(t.Context(), ids[i]); err != nil || !both {
			t.Errorf("a change of the %s %s is lost: %v", name, ids[i], err)
		}
	}
	// The second of two who delete finds it gone, or on its way.
	removed := make([]error, 2*n)
	atOnce(t, 2*n, func(i int) error {
		name, k := of(i / 2)
		if removed[i] = k.remove(t.Context(), ids[i/2]); removed[i] != nil && !slices.Contains(strings.Fields(k.gone), code(removed[i])) {
			return fmt.Errorf("deleting a %s: %w", name, removed[i])
		}
		return nil
	})
	for i := range n {
		if removed[2*i] != nil && removed[2*i+1] != nil {
			t.Errorf("%s is deleted by nobody: %v", ids[i], removed[2*i])
		}
	}
	var after []string
	if !settles(func() bool { after = c.inventory(t); return slices.Equal(after, before) }) {
		t.Errorf("afterwards there is\n%s\nand was\n%s", strings.Join(after, "\n"), strings.Join(before, "\n"))
	}
}
