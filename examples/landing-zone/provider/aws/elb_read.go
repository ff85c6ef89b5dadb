package aws

import (
	"context"

	"landing-zone/engine"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

func (p *Provider) readLoadBalancer(ctx context.Context, r engine.Existing) (inputs, outputs engine.Properties, err error) {
	out, err := p.elb.DescribeLoadBalancers(ctx, &elbv2.DescribeLoadBalancersInput{LoadBalancerArns: []string{r.ID}})
	if hasCode(err, "LoadBalancerNotFound") || err == nil && len(out.LoadBalancers) == 0 {
		return nil, nil, engine.ErrGone
	}
	if err != nil {
		return nil, nil, err
	}
	balancer := out.LoadBalancers[0]
	attributes, err := p.elb.DescribeLoadBalancerAttributes(ctx, &elbv2.DescribeLoadBalancerAttributesInput{LoadBalancerArn: &r.ID})
	if err != nil {
		return nil, nil, err
	}
	tags, err := p.elbTags(ctx, r.ID)
	if err != nil {
		return nil, nil, err
	}
	var subnets []string
	for _, zone := range balancer.AvailabilityZones {
		subnets = append(subnets, awssdk.ToString(zone.SubnetId))
	}
	inputs = engine.Properties{
		"name":             awssdk.ToString(balancer.LoadBalancerName),
		"internal":         balancer.Scheme == types.LoadBalancerSchemeEnumInternal,
		"loadBalancerType": string(balancer.Type),
		"subnets":          shownTexts(subnets),
		"securityGroups":   shownTexts(balancer.SecurityGroups),
		"tags":             tags,
	}
	values := map[string]string{}
	for _, a := range attributes.Attributes {
		values[awssdk.ToString(a.Key)] = awssdk.ToString(a.Value)
	}
	for _, a := range balancerAttributes() {
		inputs[a.input] = plainText(values[a.name])
	}
	return inputs, balancerOutputs(balancer), nil
}

func (p *Provider) elbTags(ctx context.Context, arn string) (engine.Properties, error) {
	out, err := p.elb.DescribeTags(ctx, &elbv2.DescribeTagsInput{ResourceArns: []string{arn}})
	if err != nil {
		return nil, err
	}
	all := engine.Properties{}
	for _, described := range out.TagDescriptions {
		all = shownPairs(described.Tags, func(tag types.Tag) (key, value *string) { return tag.Key, tag.Value })
	}
	return all, nil
}

func (p *Provider) readTargetGroup(ctx context.Context, r engine.Existing) (inputs, outputs engine.Properties, err error) {
	out, err := p.elb.DescribeTargetGroups(ctx, &elbv2.DescribeTargetGroupsInput{TargetGroupArns: []string{r.ID}})
	if hasCode(err, "TargetGroupNotFound") || err == nil && len(out.TargetGroups) == 0 {
		return nil, nil, engine.ErrGone
	}
	if err != nil {
		return nil, nil, err
	}
	group := out.TargetGroups[0]
	attributes, err := p.elb.DescribeTargetGroupAttributes(ctx, &elbv2.DescribeTargetGroupAttributesInput{TargetGroupArn: &r.ID})
	if err != nil {
		return nil, nil, err
	}
	tags, err := p.elbTags(ctx, r.ID)
	if err != nil {
		return nil, nil, err
	}
	inputs = engine.Properties{"name": awssdk.ToString(group.TargetGroupName), "targetType": string(group.TargetType), "tags": tags,
		"lambdaMultiValueHeadersEnabled": nil}
	for _, a := range attributes.Attributes {
		if awssdk.ToString(a.Key) == "lambda.multi_value_headers.enabled" {
			inputs["lambdaMultiValueHeadersEnabled"] = plainText(awssdk.ToString(a.Value))
		}
	}
	return inputs, engine.Properties{"arn": awssdk.ToString(group.TargetGroupArn), "name": awssdk.ToString(group.TargetGroupName)}, nil
}

func (p *Provider) readListener(ctx context.Context, r engine.Existing) (inputs, outputs engine.Properties, err error) {
	out, err := p.elb.DescribeListeners(ctx, &elbv2.DescribeListenersInput{ListenerArns: []string{r.ID}})
	if hasCode(err, "ListenerNotFound") || err == nil && len(out.Listeners) == 0 {
		return nil, nil, engine.ErrGone
	}
	if err != nil {
		return nil, nil, err
	}
	listener := out.Listeners[0]
	tags, err := p.elbTags(ctx, r.ID)
	if err != nil {
		return nil, nil, err
	}
	var actions []any
	for _, action := range listener.DefaultActions {
		actions = append(actions, engine.Properties{"type": string(action.Type), "targetGroupArn": awssdk.ToString(action.TargetGroupArn)})
	}
	return engine.Properties{
		"loadBalancerArn": awssdk.ToString(listener.LoadBalancerArn),
		"port":            shown(listener.Port),
		"protocol":        string(listener.Protocol),
		"defaultActions":  actions,
		"tags":            tags,
	}, engine.Properties{"arn": r.ID}, nil
}

func (p *Provider) readAttachment(ctx context.Context, r engine.Existing) (inputs, outputs engine.Properties, err error) {
	group := text(r.Inputs, "targetGroupArn")
	out, err := p.elb.DescribeTargetHealth(ctx, &elbv2.DescribeTargetHealthInput{
		TargetGroupArn: &group, Targets: []types.TargetDescription{{Id: awssdk.String(text(r.Inputs, "targetId"))}},
	})
	if hasCode(err, "TargetGroupNotFound", "InvalidTarget") {
		return nil, nil, engine.ErrGone
	}
	if err != nil {
		return nil, nil, err
	}
	for _, described := range out.TargetHealthDescriptions {
		if h := described.TargetHealth; described.Target == nil || h != nil && (h.Reason == types.TargetHealthReasonEnumNotRegistered ||
			h.Reason == types.TargetHealthReasonEnumDeregistrationInProgress) {
			continue
		}
		return engine.Properties{"targetGroupArn": group, "targetId": awssdk.ToString(described.Target.Id)}, engine.Properties{}, nil
	}
	return nil, nil, engine.ErrGone
}
