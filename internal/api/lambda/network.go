package lambda

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"trellis/internal/arn"
	"trellis/internal/aws/model/ec2"
	"trellis/internal/aws/model/lambda"
	"trellis/internal/caller"
	"trellis/internal/fault"
	"trellis/internal/function"
	"trellis/internal/state"
	"trellis/internal/vpc"
)

// place puts a VPC configuration into c. Lists that are not given stay as they are.
func place(c *function.Config, in *lambda.VpcConfig) error {
	if in == nil {
		return nil
	}
	if deref(in.Ipv6AllowedForDualStack) {
		return unsupported("Functions with IPv6 addresses are not supported by this server.")
	}
	if in.SubnetIds != nil {
		c.Subnets = distinct(in.SubnetIds)
	}
	if in.SecurityGroupIds != nil {
		c.Groups = distinct(in.SecurityGroupIds)
	}
	return nil
}

func distinct(ids []string) []string {
	var out []string
	for _, id := range ids {
		if !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}

// locate checks the subnets and groups of a configuration and fills in their VPC.
func locate(tx *state.Tx, o vpc.Owner, c *function.Config) error {
	c.VPC = ""
	for _, id := range c.Subnets {
		sn, ok := state.Subnets.Get(tx, id)
		if !ok || sn.Owner != o {
			return invalid("Error occurred while DescribeSubnets. EC2 Error Code: InvalidSubnetID.NotFound. EC2 Error Message: The subnet ID '%s' does not exist", id)
		}
		if c.VPC != "" && c.VPC != sn.VPC {
			return invalid("All subnets of a function must be in the same VPC.")
		}
		c.VPC = sn.VPC
	}
	for _, id := range c.Groups {
		g, ok := state.SecurityGroups.Get(tx, id)
		if !ok || g.Owner != o {
			return invalid("Error occurred while DescribeSecurityGroups. EC2 Error Code: InvalidGroup.NotFound. EC2 Error Message: The security group '%s' does not exist", id)
		}
		if g.VPC != c.VPC {
			return invalid("Security Groups are required to be in the same VPC.")
		}
	}
	return nil
}

// mayConnect checks that the role of a configuration lets Lambda make its network interfaces.
func (a *API) mayConnect(ctx context.Context, c *function.Config) error {
	if len(c.Subnets) == 0 {
		return nil
	}
	refused := invalid("The provided execution role does not have permissions to call CreateNetworkInterface on EC2")
	role, ok := state.RoleByARN(a.view.Snapshot(), c.Role)
	if !ok {
		return refused
	}
	who := *caller.From(ctx)
	acting := caller.With(ctx, &caller.Caller{Account: role.Account, Region: who.Region, Kind: caller.AssumedRole, RoleARN: c.Role,
		ARN:    arn.New("sts", "", role.Account, "assumed-role/"+role.Name+"/"+c.Name()).String(),
		UserID: role.ID + ":" + c.Name(), Session: c.Name(), Issued: a.Now(), RequestID: who.RequestID})
	for _, subnet := range c.Subnets {
		err := a.Access.Authorize(acting, "ec2:CreateNetworkInterface", &ec2.CreateNetworkInterfaceInput{SubnetId: &subnet, Groups: c.Groups})
		if fault.Is(err, fault.Denied) || fault.Is(err, fault.Unauthenticated) {
			return refused
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// connect makes the network interfaces of a function those that its versions need: one for each subnet and set of groups.
func connect(tx *state.Tx, f *function.Function, now time.Time) error {
	var have []*vpc.NetworkInterface
	for i := range state.Interfaces.By(tx, state.ByUser, f.ARN()) {
		have = append(have, i)
	}
	configs := versions(tx, f)
	for _, c := range configs {
		for _, subnet := range c.Subnets {
			if slices.ContainsFunc(have, func(i *vpc.NetworkInterface) bool { return i.Subnet == subnet && c.Serves(i) }) {
				continue
			}
			i, err := attach(tx, c, subnet, now)
			if err != nil {
				return err
			}
			have = append(have, i)
		}
	}
	for _, i := range have {
		if !slices.ContainsFunc(configs, func(c *function.Config) bool { return c.Serves(i) }) {
			state.Interfaces.Delete(tx, i.ID)
		}
	}
	return nil
}

func attach(tx *state.Tx, c *function.Config, subnet string, now time.Time) (*vpc.NetworkInterface, error) {
	sn, ok := state.Subnets.Get(tx, subnet)
	if !ok {
		return nil, invalid("Error occurred while DescribeSubnets. EC2 Error Code: InvalidSubnetID.NotFound. EC2 Error Message: The subnet ID '%s' does not exist", subnet)
	}
	requester := "lambda"
	if role, ok := state.RoleByARN(tx, c.Role); ok {
		requester = role.ID
	}
	i, err := state.CreateInterface(tx, sn, vpc.NetworkInterface{
		Groups: c.Groups, Description: "AWS Lambda VPC ENI-" + c.Name() + "-" + uuid.NewString(), Type: vpc.LambdaInterface,
		Requester: requester + ":" + sn.Account, User: c.Function, AttachmentID: arn.MintHex("ela-attach-"), Attached: now.UTC(),
		InstanceOwner: "amazon-aws", SourceDestCheck: true})
	if fault.Is(err, fault.Quota) {
		return nil, &fault.Error{Kind: fault.Gateway, Code: "SubnetIPAddressLimitReachedException", Cause: err,
			Message: "Lambda was not able to set up VPC access for the Lambda function because one or more configured subnets has no available IP addresses."}
	}
	return i, err
}

// disconnect takes away every network interface of a function.
func disconnect(tx *state.Tx, f *function.Function) {
	for i := range state.Interfaces.By(tx, state.ByUser, f.ARN()) {
		state.Interfaces.Delete(tx, i.ID)
	}
}

func messageOf(err error) string {
	var e *fault.Error
	if errors.As(err, &e) {
		return e.Message
	}
	return ""
}
