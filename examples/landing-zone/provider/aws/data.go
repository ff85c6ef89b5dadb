package aws

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"landing-zone/engine"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// Invoke implements engine.Provider.
func (p *Provider) Invoke(ctx context.Context, token string, args engine.Properties) (engine.Properties, error) {
	switch token {
	case "aws:index/getCallerIdentity:getCallerIdentity":
		return p.callerIdentity(ctx)
	case "aws:index/getAvailabilityZones:getAvailabilityZones":
		return p.availabilityZones(ctx, text(args, "state"))
	case "aws:iam/getPolicy:getPolicy":
		return p.policy(ctx, text(args, "name"))
	}
	return nil, fmt.Errorf("no data source %s", token)
}

func (p *Provider) callerIdentity(ctx context.Context) (engine.Properties, error) {
	caller, err := p.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return nil, err
	}
	return engine.Properties{
		"accountId": awssdk.ToString(caller.Account),
		"arn":       awssdk.ToString(caller.Arn),
		"userId":    awssdk.ToString(caller.UserId),
	}, nil
}

func (p *Provider) availabilityZones(ctx context.Context, state string) (engine.Properties, error) {
	in := &ec2.DescribeAvailabilityZonesInput{}
	if state != "" {
		in.Filters = filters("state", state)
	}
	out, err := p.ec2.DescribeAvailabilityZones(ctx, in)
	if err != nil {
		return nil, err
	}
	zones := slices.Clone(out.AvailabilityZones)
	slices.SortFunc(zones, func(a, b types.AvailabilityZone) int {
		return strings.Compare(awssdk.ToString(a.ZoneName), awssdk.ToString(b.ZoneName))
	})
	names, ids := []any{}, []any{}
	for _, zone := range zones {
		names = append(names, awssdk.ToString(zone.ZoneName))
		ids = append(ids, awssdk.ToString(zone.ZoneId))
	}
	return engine.Properties{"names": names, "zoneIds": ids}, nil
}

// policy finds a managed policy by its name, as the provider does: by listing them all.
func (p *Provider) policy(ctx context.Context, name string) (engine.Properties, error) {
	var found []iamtypes.Policy
	for pages := iam.NewListPoliciesPaginator(p.iam, &iam.ListPoliciesInput{}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, policy := range page.Policies {
			if awssdk.ToString(policy.PolicyName) == name {
				found = append(found, policy)
			}
		}
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("%d policies are named %q", len(found), name)
	}
	policy, err := p.iam.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: found[0].Arn})
	if err != nil {
		return nil, err
	}
	version, err := p.iam.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{
		PolicyArn: policy.Policy.Arn,
		VersionId: policy.Policy.DefaultVersionId,
	})
	if err != nil {
		return nil, err
	}
	return engine.Properties{
		"arn":    awssdk.ToString(policy.Policy.Arn),
		"name":   awssdk.ToString(policy.Policy.PolicyName),
		"policy": awssdk.ToString(version.PolicyVersion.Document),
	}, nil
}
