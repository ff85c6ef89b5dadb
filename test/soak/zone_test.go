package soak

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/ram"
	ramtypes "github.com/aws/aws-sdk-go-v2/service/ram/types"
	"github.com/aws/aws-sdk-go-v2/service/vpclattice"
	lattice "github.com/aws/aws-sdk-go-v2/service/vpclattice/types"
	"github.com/aws/smithy-go"
)

// account is a caller's clients. They never try a call again by themselves: what a call ends in is what is looked at.
type account struct {
	id, name string
	ec2      *ec2.Client
	lattice  *vpclattice.Client
	ram      *ram.Client
	iam      *iam.Client
	lambda   *lambda.Client
}

// step is one thing that is made, found again, and removed. Its id is kept under its name.
type step struct {
	name string
	// make makes the thing and returns its id. Repeated, it makes nothing new and returns the same id.
	make func(ctx context.Context, z *zone) (string, error)
	// find fails with what isGone knows once the thing is not there, and otherwise if it is not as it was made.
	find func(ctx context.Context, z *zone, id string) error
	drop func(ctx context.Context, z *zone, id string) error
}

// zone is one life of a smaller landing zone: it is made, asked, and removed.
type zone struct {
	owner, guest *account
	life         int
	ids          map[string]string
}

func (z *zone) token(name string) *string {
	return aws.String(fmt.Sprintf("soak-token-%d-%s", z.life, name))
}
func (z *zone) named(name string) *string { return aws.String(fmt.Sprintf("%s-%d", name, z.life)) }
func (z *zone) id(name string) *string    { return aws.String(z.ids[name]) }

const code = `def handler(event, context):
    return {"statusCode": 200, "headers": {"Content-Type": "text/plain"}, "body": "from the function"}
`

func archive() []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.Create("app.py")
	if err == nil {
		_, err = f.Write([]byte(code))
	}
	if err = errors.Join(err, w.Close()); err != nil {
		return nil
	}
	return b.Bytes()
}

// isGone says whether a call was told that the thing is not there.
func isGone(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && (strings.Contains(api.ErrorCode(), "NotFound") || strings.Contains(api.ErrorCode(), "NoSuchEntity") || strings.Contains(api.ErrorCode(), "UnknownResource"))
}

func isCode(err error, codes ...string) bool {
	var api smithy.APIError
	return errors.As(err, &api) && slices.Contains(codes, api.ErrorCode())
}

// same fails unless a thing is as it was made.
func same(got, want any) error {
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		return fmt.Errorf("it is not as it was made: it has %s, want %s", g, w)
	}
	return nil
}

var errGone = &smithy.GenericAPIError{Code: "NotFound", Message: "it is marked as deleted"}

// vpcOf makes a VPC with a subnet and a group, which EC2 gives no client tokens for: they are found by name or range.
func vpcOf(who string, pick func(*zone) *account, cidr, subnet string) []step {
	return []step{{
		name: who + "-vpc",
		make: func(ctx context.Context, z *zone) (string, error) {
			e, name := pick(z).ec2, *z.named(who)
			found, err := e.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{Filters: []ec2types.Filter{{Name: aws.String("tag:Name"), Values: []string{name}}}})
			if err != nil || len(found.Vpcs) > 0 {
				if err == nil {
					return *found.Vpcs[0].VpcId, nil
				}
				return "", err
			}
			out, err := e.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: &cidr, TagSpecifications: []ec2types.TagSpecification{{ResourceType: ec2types.ResourceTypeVpc,
				Tags: []ec2types.Tag{{Key: aws.String("Name"), Value: &name}}}}})
			if err != nil {
				return "", err
			}
			return *out.Vpc.VpcId, nil
		},
		find: func(ctx context.Context, z *zone, id string) error {
			out, err := pick(z).ec2.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{VpcIds: []string{id}})
			if err != nil {
				return err
			}
			got := []string{*out.Vpcs[0].CidrBlock}
			for _, tag := range out.Vpcs[0].Tags {
				got = append(got, *tag.Key, *tag.Value)
			}
			return same(got, []string{cidr, "Name", *z.named(who)})
		},
		drop: func(ctx context.Context, z *zone, id string) error {
			_, err := pick(z).ec2.DeleteVpc(ctx, &ec2.DeleteVpcInput{VpcId: &id})
			return err
		},
	}, {
		name: who + "-subnet",
		make: func(ctx context.Context, z *zone) (string, error) {
			e := pick(z).ec2
			out, err := e.CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: z.id(who + "-vpc"), CidrBlock: &subnet})
			if err == nil {
				return *out.Subnet.SubnetId, nil
			}
			if !isCode(err, "InvalidSubnet.Conflict") {
				return "", err
			}
			found, err := e.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{Filters: []ec2types.Filter{{Name: aws.String("vpc-id"), Values: []string{*z.id(who + "-vpc")}}}})
			if err != nil {
				return "", err
			}
			return *found.Subnets[0].SubnetId, nil
		},
		find: func(ctx context.Context, z *zone, id string) error {
			out, err := pick(z).ec2.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{SubnetIds: []string{id}})
			if err != nil {
				return err
			}
			return same(*out.Subnets[0].CidrBlock, subnet)
		},
		drop: func(ctx context.Context, z *zone, id string) error {
			_, err := pick(z).ec2.DeleteSubnet(ctx, &ec2.DeleteSubnetInput{SubnetId: &id})
			return err
		},
	}, {
		name: who + "-group",
		make: func(ctx context.Context, z *zone) (string, error) {
			e := pick(z).ec2
			out, err := e.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{VpcId: z.id(who + "-vpc"), GroupName: aws.String("web"), Description: aws.String("soak")})
			id := ""
			switch {
			case err == nil:
				id = *out.GroupId
			case isCode(err, "InvalidGroup.Duplicate"):
				found, err := e.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{Filters: []ec2types.Filter{
					{Name: aws.String("vpc-id"), Values: []string{*z.id(who + "-vpc")}}, {Name: aws.String("group-name"), Values: []string{"web"}}}})
				if err != nil {
					return "", err
				}
				id = *found.SecurityGroups[0].GroupId
			default:
				return "", err
			}
			_, err = e.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &id, IpPermissions: []ec2types.IpPermission{{
				IpProtocol: aws.String("tcp"), FromPort: aws.Int32(80), ToPort: aws.Int32(80), IpRanges: []ec2types.IpRange{{CidrIp: aws.String("0.0.0.0/0")}}}}})
			if err != nil && !isCode(err, "InvalidPermission.Duplicate") {
				return "", err
			}
			return id, nil
		},
		find: func(ctx context.Context, z *zone, id string) error {
			out, err := pick(z).ec2.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{GroupIds: []string{id}})
			if err != nil {
				return err
			}
			var got []string
			for _, p := range out.SecurityGroups[0].IpPermissions {
				for _, r := range p.IpRanges {
					got = append(got, fmt.Sprint(*p.IpProtocol, *p.FromPort, *p.ToPort, *r.CidrIp))
				}
			}
			return same(got, []string{fmt.Sprint("tcp", 80, 80, "0.0.0.0/0")})
		},
		drop: func(ctx context.Context, z *zone, id string) error {
			_, err := pick(z).ec2.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: &id})
			return err
		},
	}}
}

func ownerOf(z *zone) *account { return z.owner }
func guestOf(z *zone) *account { return z.guest }

// steps are the things of a zone in the order they are made in.
func steps() []step {
	all := append(vpcOf("owner", ownerOf, "10.0.0.0/16", "10.0.0.0/24"), vpcOf("guest", guestOf, "10.0.0.0/16", "10.0.1.0/24")...)
	return append(all, functionStep(), networkStep(), serviceStep(), targetStep(), listenerStep(), serviceAssociationStep(), shareStep(), vpcAssociationStep())
}

func functionStep() step {
	return step{
		name: "function",
		make: func(ctx context.Context, z *zone) (string, error) {
			role, err := z.owner.iam.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("soak")})
			if isGone(err) {
				var made *iam.CreateRoleOutput
				made, err = z.owner.iam.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("soak"), AssumeRolePolicyDocument: aws.String(
					`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`)})
				if err == nil {
					role = &iam.GetRoleOutput{Role: made.Role}
				}
			}
			if err != nil {
				return "", err
			}
			out, err := z.owner.lambda.CreateFunction(ctx, &lambda.CreateFunctionInput{FunctionName: z.named("f"), Role: role.Role.Arn, Runtime: lambdatypes.RuntimePython312,
				Handler: aws.String("app.handler"), Code: &lambdatypes.FunctionCode{ZipFile: archive()}, Timeout: aws.Int32(20)})
			if isCode(err, "ResourceConflictException") {
				found, err := z.owner.lambda.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: z.named("f")})
				if err != nil {
					return "", err
				}
				return *found.Configuration.FunctionArn, nil
			}
			if err != nil {
				return "", err
			}
			return *out.FunctionArn, nil
		},
		find: func(ctx context.Context, z *zone, id string) error {
			out, err := z.owner.lambda.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: &id})
			if err != nil {
				return err
			}
			sum := sha256.Sum256(archive())
			return same(*out.Configuration.CodeSha256, base64.StdEncoding.EncodeToString(sum[:]))
		},
		drop: func(ctx context.Context, z *zone, id string) error {
			_, err := z.owner.lambda.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: &id})
			return err
		},
	}
}

func networkStep() step {
	return step{
		name: "network",
		make: func(ctx context.Context, z *zone) (string, error) {
			out, err := z.owner.lattice.CreateServiceNetwork(ctx, &vpclattice.CreateServiceNetworkInput{Name: z.named("common"), ClientToken: z.token("network")})
			if err != nil {
				return "", err
			}
			return *out.Arn, nil
		},
		find: func(ctx context.Context, z *zone, id string) error {
			_, err := z.owner.lattice.GetServiceNetwork(ctx, &vpclattice.GetServiceNetworkInput{ServiceNetworkIdentifier: &id})
			return err
		},
		drop: func(ctx context.Context, z *zone, id string) error {
			_, err := z.owner.lattice.DeleteServiceNetwork(ctx, &vpclattice.DeleteServiceNetworkInput{ServiceNetworkIdentifier: &id})
			return err
		},
	}
}

// policyFor lets an account's VPCs ask for what is blue.
func policyFor(a *account) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"vpc-lattice-svcs:Invoke","Resource":"*",`+
		`"Condition":{"StringEquals":{"vpc-lattice-svcs:RequestQueryString/q":"blue","vpc-lattice-svcs:SourceVpcOwnerAccount":%q}}}]}`, a.id)
}

func serviceStep() step {
	return step{
		name: "service",
		make: func(ctx context.Context, z *zone) (string, error) {
			out, err := z.owner.lattice.CreateService(ctx, &vpclattice.CreateServiceInput{Name: z.named("directory"), AuthType: lattice.AuthTypeAwsIam, ClientToken: z.token("service")})
			if err != nil {
				return "", err
			}
			_, err = z.owner.lattice.PutAuthPolicy(ctx, &vpclattice.PutAuthPolicyInput{ResourceIdentifier: out.Arn, Policy: aws.String(policyFor(z.guest))})
			return *out.Arn, err
		},
		find: func(ctx context.Context, z *zone, id string) error {
			out, err := z.owner.lattice.GetService(ctx, &vpclattice.GetServiceInput{ServiceIdentifier: &id})
			if err == nil && out.Status == lattice.ServiceStatusDeleteInProgress {
				return errGone
			}
			if err != nil {
				return err
			}
			policy, err := z.owner.lattice.GetAuthPolicy(ctx, &vpclattice.GetAuthPolicyInput{ResourceIdentifier: &id})
			if err != nil {
				return err
			}
			return same(*policy.Policy, policyFor(z.guest))
		},
		drop: func(ctx context.Context, z *zone, id string) error {
			_, err := z.owner.lattice.DeleteService(ctx, &vpclattice.DeleteServiceInput{ServiceIdentifier: &id})
			return err
		},
	}
}

func targetStep() step {
	return step{
		name: "target",
		make: func(ctx context.Context, z *zone) (string, error) {
			out, err := z.owner.lattice.CreateTargetGroup(ctx, &vpclattice.CreateTargetGroupInput{Name: z.named("code"), Type: lattice.TargetGroupTypeLambda, ClientToken: z.token("target")})
			if err != nil {
				return "", err
			}
			for range 200 {
				got, err := z.owner.lattice.GetTargetGroup(ctx, &vpclattice.GetTargetGroupInput{TargetGroupIdentifier: out.Arn})
				if err != nil {
					return "", err
				}
				if got.Status == lattice.TargetGroupStatusActive {
					break
				}
				time.Sleep(20 * time.Millisecond)
			}
			_, err = z.owner.lattice.RegisterTargets(ctx, &vpclattice.RegisterTargetsInput{TargetGroupIdentifier: out.Arn, Targets: []lattice.Target{{Id: z.id("function")}}})
			return *out.Arn, err
		},
		find: func(ctx context.Context, z *zone, id string) error {
			out, err := z.owner.lattice.GetTargetGroup(ctx, &vpclattice.GetTargetGroupInput{TargetGroupIdentifier: &id})
			if err == nil && out.Status == lattice.TargetGroupStatusDeleteInProgress {
				return errGone
			}
			if err != nil {
				return err
			}
			targets, err := z.owner.lattice.ListTargets(ctx, &vpclattice.ListTargetsInput{TargetGroupIdentifier: &id})
			if err != nil {
				return err
			}
			var got []string
			for _, t := range targets.Items {
				got = append(got, *t.Id)
			}
			return same(got, []string{*z.id("function")})
		},
		drop: func(ctx context.Context, z *zone, id string) error {
			_, err := z.owner.lattice.DeregisterTargets(ctx, &vpclattice.DeregisterTargetsInput{TargetGroupIdentifier: &id, Targets: []lattice.Target{{Id: z.id("function")}}})
			if err != nil && !isGone(err) {
				return err
			}
			_, err = z.owner.lattice.DeleteTargetGroup(ctx, &vpclattice.DeleteTargetGroupInput{TargetGroupIdentifier: &id})
			return err
		},
	}
}

func listenerStep() step {
	return step{
		name: "listener",
		make: func(ctx context.Context, z *zone) (string, error) {
			out, err := z.owner.lattice.CreateListener(ctx, &vpclattice.CreateListenerInput{ServiceIdentifier: z.id("service"), Name: aws.String("http"), Protocol: lattice.ListenerProtocolHttp,
				ClientToken: z.token("listener"), DefaultAction: &lattice.RuleActionMemberForward{Value: lattice.ForwardAction{
					TargetGroups: []lattice.WeightedTargetGroup{{TargetGroupIdentifier: z.id("target")}}}}})
			if err != nil {
				return "", err
			}
			return *out.Id, nil
		},
		find: func(ctx context.Context, z *zone, id string) error {
			out, err := z.owner.lattice.GetListener(ctx, &vpclattice.GetListenerInput{ServiceIdentifier: z.id("service"), ListenerIdentifier: &id})
			if err != nil {
				return err
			}
			var got []string
			if forward, ok := out.DefaultAction.(*lattice.RuleActionMemberForward); ok {
				for _, g := range forward.Value.TargetGroups {
					got = append(got, *g.TargetGroupIdentifier)
				}
			}
			group := *z.id("target")
			return same(got, []string{group[strings.LastIndexByte(group, '/')+1:]})
		},
		drop: func(ctx context.Context, z *zone, id string) error {
			_, err := z.owner.lattice.DeleteListener(ctx, &vpclattice.DeleteListenerInput{ServiceIdentifier: z.id("service"), ListenerIdentifier: &id})
			return err
		},
	}
}

func serviceAssociationStep() step {
	return step{
		name: "service-association",
		make: func(ctx context.Context, z *zone) (string, error) {
			out, err := z.owner.lattice.CreateServiceNetworkServiceAssociation(ctx, &vpclattice.CreateServiceNetworkServiceAssociationInput{
				ServiceIdentifier: z.id("service"), ServiceNetworkIdentifier: z.id("network"), ClientToken: z.token("service-association")})
			if err != nil {
				return "", err
			}
			return *out.Id, nil
		},
		find: func(ctx context.Context, z *zone, id string) error {
			out, err := z.owner.lattice.GetServiceNetworkServiceAssociation(ctx, &vpclattice.GetServiceNetworkServiceAssociationInput{ServiceNetworkServiceAssociationIdentifier: &id})
			if err == nil && out.Status == lattice.ServiceNetworkServiceAssociationStatusDeleteInProgress {
				return errGone
			}
			return err
		},
		drop: func(ctx context.Context, z *zone, id string) error {
			_, err := z.owner.lattice.DeleteServiceNetworkServiceAssociation(ctx, &vpclattice.DeleteServiceNetworkServiceAssociationInput{ServiceNetworkServiceAssociationIdentifier: &id})
			return err
		},
	}
}

func shareStep() step {
	return step{
		name: "share",
		make: func(ctx context.Context, z *zone) (string, error) {
			out, err := z.owner.ram.CreateResourceShare(ctx, &ram.CreateResourceShareInput{Name: z.named("share"), ResourceArns: []string{*z.id("network")}, Principals: []string{z.guest.id},
				AllowExternalPrincipals: aws.Bool(true), ClientToken: z.token("share")})
			if err != nil {
				return "", err
			}
			invitations, err := z.guest.ram.GetResourceShareInvitations(ctx, &ram.GetResourceShareInvitationsInput{ResourceShareArns: []string{*out.ResourceShare.ResourceShareArn}})
			if err != nil {
				return "", err
			}
			for _, i := range invitations.ResourceShareInvitations {
				_, err := z.guest.ram.AcceptResourceShareInvitation(ctx, &ram.AcceptResourceShareInvitationInput{ResourceShareInvitationArn: i.ResourceShareInvitationArn})
				if err != nil && !isCode(err, "ResourceShareInvitationAlreadyAcceptedException") {
					return "", err
				}
			}
			return *out.ResourceShare.ResourceShareArn, nil
		},
		find: func(ctx context.Context, z *zone, id string) error {
			out, err := z.owner.ram.GetResourceShares(ctx, &ram.GetResourceSharesInput{ResourceOwner: "SELF", ResourceShareArns: []string{id}})
			if err == nil && (len(out.ResourceShares) == 0 || strings.HasPrefix(string(out.ResourceShares[0].Status), "DELET")) {
				return errGone
			}
			if err != nil {
				return err
			}
			var got []string
			for _, kind := range []ramtypes.ResourceShareAssociationType{ramtypes.ResourceShareAssociationTypeResource, ramtypes.ResourceShareAssociationTypePrincipal} {
				parts, err := z.owner.ram.GetResourceShareAssociations(ctx, &ram.GetResourceShareAssociationsInput{AssociationType: kind, ResourceShareArns: []string{id}})
				if err != nil {
					return err
				}
				for _, p := range parts.ResourceShareAssociations {
					got = append(got, *p.AssociatedEntity+" "+string(p.Status))
				}
			}
			return same(got, []string{*z.id("network") + " ASSOCIATED", z.guest.id + " ASSOCIATED"})
		},
		drop: func(ctx context.Context, z *zone, id string) error {
			_, err := z.owner.ram.DeleteResourceShare(ctx, &ram.DeleteResourceShareInput{ResourceShareArn: &id})
			return err
		},
	}
}

func vpcAssociationStep() step {
	return step{
		name: "vpc-association",
		make: func(ctx context.Context, z *zone) (string, error) {
			out, err := z.guest.lattice.CreateServiceNetworkVpcAssociation(ctx, &vpclattice.CreateServiceNetworkVpcAssociationInput{
				ServiceNetworkIdentifier: z.id("network"), VpcIdentifier: z.id("guest-vpc"), SecurityGroupIds: []string{*z.id("guest-group")}, ClientToken: z.token("vpc-association")})
			if err != nil {
				return "", err
			}
			return *out.Id, nil
		},
		find: func(ctx context.Context, z *zone, id string) error {
			out, err := z.guest.lattice.GetServiceNetworkVpcAssociation(ctx, &vpclattice.GetServiceNetworkVpcAssociationInput{ServiceNetworkVpcAssociationIdentifier: &id})
			if err == nil && out.Status == lattice.ServiceNetworkVpcAssociationStatusDeleteInProgress {
				return errGone
			}
			if err != nil {
				return err
			}
			return same(append(out.SecurityGroupIds, *out.VpcId), []string{*z.id("guest-group"), *z.id("guest-vpc")})
		},
		drop: func(ctx context.Context, z *zone, id string) error {
			_, err := z.guest.lattice.DeleteServiceNetworkVpcAssociation(ctx, &vpclattice.DeleteServiceNetworkVpcAssociationInput{ServiceNetworkVpcAssociationIdentifier: &id})
			return err
		},
	}
}
