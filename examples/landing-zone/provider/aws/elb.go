package aws

import (
	"context"
	"fmt"

	"landing-zone/engine"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

func elbTags(all map[string]string) []types.Tag {
	return tagList(all, func(key, value *string) types.Tag { return types.Tag{Key: key, Value: value} })
}

// retagELB is the update of a load balancer's or a target group's tags.
func (p *Provider) retagELB() update {
	return update{inputs: []string{"tags"}, apply: func(ctx context.Context, old engine.Existing, in engine.Properties) error {
		if gone := surplus(tags(old.Inputs), tags(in)); len(gone) > 0 {
			if _, err := p.elb.RemoveTags(ctx, &elbv2.RemoveTagsInput{ResourceArns: []string{old.ID}, TagKeys: gone}); err != nil {
				return err
			}
		}
		if list := elbTags(tags(in)); len(list) > 0 {
			_, err := p.elb.AddTags(ctx, &elbv2.AddTagsInput{ResourceArns: []string{old.ID}, Tags: list})
			return err
		}
		return nil
	}}
}

func (p *Provider) loadBalancerKind() kind {
	defaults := engine.Properties{"internal": false, "loadBalancerType": "application"}
	for _, a := range balancerAttributes() {
		defaults[a.input] = plainText(a.usual)
	}
	return kind{create: p.createLoadBalancer, read: p.readLoadBalancer, delete: p.deleteLoadBalancer, updates: []update{p.retagELB()},
		defaults: defaults, computed: []string{"name"}}
}

func (p *Provider) createLoadBalancer(ctx context.Context, name string, in engine.Properties) (engine.Made, error) {
	name = given(in, "name", name)
	_, err := p.elb.DescribeLoadBalancers(ctx, &elbv2.DescribeLoadBalancersInput{Names: []string{name}})
	if err == nil {
		return engine.Made{}, fmt.Errorf("load balancer %s exists already", name)
	}
	if err := unless(err, "LoadBalancerNotFound"); err != nil {
		return engine.Made{}, err
	}
	create := &elbv2.CreateLoadBalancerInput{
		Name:           &name,
		Type:           types.LoadBalancerTypeEnum(text(in, "loadBalancerType")),
		Subnets:        texts(in, "subnets"),
		SecurityGroups: texts(in, "securityGroups"),
		Tags:           elbTags(tags(in)),
	}
	if flag(in, "internal") {
		create.Scheme = types.LoadBalancerSchemeEnumInternal
	}
	out, err := p.elb.CreateLoadBalancer(ctx, create)
	if err != nil {
		return engine.Made{}, err
	}
	if len(out.LoadBalancers) != 1 {
		return engine.Made{}, fmt.Errorf("%d load balancers were created", len(out.LoadBalancers))
	}
	made := engine.Made{ID: awssdk.ToString(out.LoadBalancers[0].LoadBalancerArn)}
	balancer, err := p.loadBalancerActive(ctx, made.ID)
	if err != nil {
		return made, err
	}
	if _, err := p.elb.ModifyLoadBalancerAttributes(ctx, &elbv2.ModifyLoadBalancerAttributesInput{
		LoadBalancerArn: &made.ID, Attributes: loadBalancerAttributes(in),
	}); err != nil {
		return made, err
	}
	if _, err := p.elb.DescribeLoadBalancerAttributes(ctx, &elbv2.DescribeLoadBalancerAttributesInput{LoadBalancerArn: &made.ID}); err != nil {
		return made, err
	}
	if _, err := p.elb.DescribeTags(ctx, &elbv2.DescribeTagsInput{ResourceArns: []string{made.ID}}); err != nil {
		return made, err
	}
	made.Outputs = balancerOutputs(balancer)
	return made, nil
}

func (p *Provider) loadBalancerActive(ctx context.Context, arn string) (balancer types.LoadBalancer, err error) {
	err = poll(ctx, "load balancer "+arn, func() (bool, error) {
		out, err := p.elb.DescribeLoadBalancers(ctx, &elbv2.DescribeLoadBalancersInput{LoadBalancerArns: []string{arn}})
		if err != nil || len(out.LoadBalancers) == 0 {
			return false, unless(err, "LoadBalancerNotFound")
		}
		balancer = out.LoadBalancers[0]
		if balancer.State == nil {
			return true, nil
		}
		if balancer.State.Code == types.LoadBalancerStateEnumFailed {
			return false, fmt.Errorf("load balancer %s failed: %s", arn, awssdk.ToString(balancer.State.Reason))
		}
		return balancer.State.Code == types.LoadBalancerStateEnumActive, nil
	})
	return balancer, err
}

// balancerAttribute is an attribute, the input it is set by, and its value where the program says nothing.
type balancerAttribute struct{ name, input, usual string }

// balancerAttributes are all the attributes pulumi-aws sets on an application load balancer.
func balancerAttributes() []balancerAttribute {
	return []balancerAttribute{
		{"access_logs.s3.enabled", "accessLogs.enabled", "false"},
		{"client_keep_alive.seconds", "clientKeepAlive", "3600"},
		{"connection_logs.s3.enabled", "connectionLogs.enabled", "false"},
		{"deletion_protection.enabled", "enableDeletionProtection", "false"},
		{"idle_timeout.timeout_seconds", "idleTimeout", "60"},
		{"routing.http.desync_mitigation_mode", "desyncMitigationMode", "defensive"},
		{"routing.http.drop_invalid_header_fields.enabled", "dropInvalidHeaderFields", "false"},
		{"routing.http.preserve_host_header.enabled", "preserveHostHeader", "false"},
		{"routing.http.x_amzn_tls_version_and_cipher_suite.enabled", "enableTlsVersionAndCipherSuiteHeaders", "false"},
		{"routing.http.xff_client_port.enabled", "enableXffClientPort", "false"},
		{"routing.http.xff_header_processing.mode", "xffHeaderProcessingMode", "append"},
		{"routing.http2.enabled", "enableHttp2", "true"},
		{"waf.fail_open.enabled", "enableWafFailOpen", "false"},
	}
}

func loadBalancerAttributes(in engine.Properties) []types.LoadBalancerAttribute {
	var all []types.LoadBalancerAttribute
	for _, a := range balancerAttributes() {
		value := a.usual
		if given, ok := in[a.input]; ok {
			value = fmt.Sprint(given)
		}
		all = append(all, types.LoadBalancerAttribute{Key: awssdk.String(a.name), Value: &value})
	}
	return all
}

func balancerOutputs(balancer types.LoadBalancer) engine.Properties {
	return engine.Properties{
		"arn":     awssdk.ToString(balancer.LoadBalancerArn),
		"name":    awssdk.ToString(balancer.LoadBalancerName),
		"dnsName": awssdk.ToString(balancer.DNSName),
		"zoneId":  awssdk.ToString(balancer.CanonicalHostedZoneId),
		"vpcId":   awssdk.ToString(balancer.VpcId),
	}
}

func (p *Provider) deleteLoadBalancer(ctx context.Context, r engine.Existing) error {
	_, err := p.elb.DeleteLoadBalancer(ctx, &elbv2.DeleteLoadBalancerInput{LoadBalancerArn: &r.ID})
	if err := unless(err, "LoadBalancerNotFound"); err != nil {
		return err
	}
	// ARN …:loadbalancer/app/NAME/ID: its interfaces, which the subnets cannot be deleted before, are described by
	// what follows "loadbalancer/".
	description := "ELB " + afterFirst(r.ID, ":loadbalancer/")
	return poll(ctx, "the interfaces of "+r.ID, func() (bool, error) {
		out, err := p.ec2.DescribeNetworkInterfaces(ctx, &ec2.DescribeNetworkInterfacesInput{
			Filters: filters("attachment.instance-owner-id", "amazon-elb", "description", description),
		})
		return err == nil && len(out.NetworkInterfaces) == 0, err
	})
}

func (p *Provider) targetGroupKind() kind {
	return kind{create: p.createTargetGroup, read: p.readTargetGroup, delete: p.deleteTargetGroup, updates: []update{p.retagELB()},
		defaults: engine.Properties{"lambdaMultiValueHeadersEnabled": false}, computed: []string{"name"}}
}

func (p *Provider) createTargetGroup(ctx context.Context, name string, in engine.Properties) (engine.Made, error) {
	name = given(in, "name", name)
	_, err := p.elb.DescribeTargetGroups(ctx, &elbv2.DescribeTargetGroupsInput{Names: []string{name}})
	if err == nil {
		return engine.Made{}, fmt.Errorf("target group %s exists already", name)
	}
	if err := unless(err, "TargetGroupNotFound"); err != nil {
		return engine.Made{}, err
	}
	out, err := p.elb.CreateTargetGroup(ctx, &elbv2.CreateTargetGroupInput{
		Name:       &name,
		TargetType: types.TargetTypeEnum(text(in, "targetType")),
		Tags:       elbTags(tags(in)),
	})
	if err != nil {
		return engine.Made{}, err
	}
	if len(out.TargetGroups) != 1 {
		return engine.Made{}, fmt.Errorf("%d target groups were created", len(out.TargetGroups))
	}
	arn := awssdk.ToString(out.TargetGroups[0].TargetGroupArn)
	made := engine.Made{ID: arn, Outputs: engine.Properties{"arn": arn, "name": name}}
	err = poll(ctx, "target group "+arn, func() (bool, error) {
		out, err := p.elb.DescribeTargetGroups(ctx, &elbv2.DescribeTargetGroupsInput{TargetGroupArns: []string{arn}})
		if err := unless(err, "TargetGroupNotFound"); err != nil {
			return false, err
		}
		return out != nil && len(out.TargetGroups) == 1, nil
	})
	if err != nil {
		return made, err
	}
	if _, err := p.elb.DescribeTargetGroupAttributes(ctx, &elbv2.DescribeTargetGroupAttributesInput{TargetGroupArn: &arn}); err != nil {
		return made, err
	}
	_, err = p.elb.DescribeTags(ctx, &elbv2.DescribeTagsInput{ResourceArns: []string{arn}})
	return made, err
}

func (p *Provider) deleteTargetGroup(ctx context.Context, r engine.Existing) error {
	return whileRefused(ctx, "what uses "+r.ID, func() error {
		_, err := p.elb.DeleteTargetGroup(ctx, &elbv2.DeleteTargetGroupInput{TargetGroupArn: &r.ID})
		return unless(err, "TargetGroupNotFound")
	}, "ResourceInUse")
}

func (p *Provider) listenerKind() kind {
	modify := update{inputs: []string{"port", "protocol", "defaultActions"},
		apply: func(ctx context.Context, old engine.Existing, in engine.Properties) error {
			_, err := p.elb.ModifyListener(ctx, &elbv2.ModifyListenerInput{
				ListenerArn:    &old.ID,
				Port:           awssdk.Int32(number(in, "port")),
				Protocol:       types.ProtocolEnum(text(in, "protocol")),
				DefaultActions: actions(in),
			})
			return err
		}}
	return kind{create: p.createListener, read: p.readListener, delete: p.deleteListener, updates: []update{modify}}
}

func actions(in engine.Properties) []types.Action {
	var all []types.Action
	for i, action := range objects(in, "defaultActions") {
		all = append(all, types.Action{
			Order:          awssdk.Int32(int32(i) + 1),
			Type:           types.ActionTypeEnum(text(action, "type")),
			TargetGroupArn: awssdk.String(text(action, "targetGroupArn")),
		})
	}
	return all
}

func (p *Provider) createListener(ctx context.Context, _ string, in engine.Properties) (engine.Made, error) {
	out, err := p.elb.CreateListener(ctx, &elbv2.CreateListenerInput{
		LoadBalancerArn: awssdk.String(text(in, "loadBalancerArn")),
		Port:            awssdk.Int32(number(in, "port")),
		Protocol:        types.ProtocolEnum(text(in, "protocol")),
		DefaultActions:  actions(in),
	})
	if err != nil {
		return engine.Made{}, err
	}
	if len(out.Listeners) != 1 {
		return engine.Made{}, fmt.Errorf("%d listeners were created", len(out.Listeners))
	}
	arn := awssdk.ToString(out.Listeners[0].ListenerArn)
	made := engine.Made{ID: arn, Outputs: engine.Properties{"arn": arn}}
	err = poll(ctx, "listener "+arn, func() (bool, error) {
		out, err := p.elb.DescribeListeners(ctx, &elbv2.DescribeListenersInput{ListenerArns: []string{arn}})
		if err := unless(err, "ListenerNotFound"); err != nil {
			return false, err
		}
		return out != nil && len(out.Listeners) == 1, nil
	})
	if err != nil {
		return made, err
	}
	_, err = p.elb.DescribeTags(ctx, &elbv2.DescribeTagsInput{ResourceArns: []string{arn}})
	return made, err
}

func (p *Provider) deleteListener(ctx context.Context, r engine.Existing) error {
	_, err := p.elb.DeleteListener(ctx, &elbv2.DeleteListenerInput{ListenerArn: &r.ID})
	return unless(err, "ListenerNotFound")
}

func (p *Provider) attachmentKind() kind {
	targets := func(in engine.Properties) []types.TargetDescription {
		return []types.TargetDescription{{Id: awssdk.String(text(in, "targetId"))}}
	}
	return kind{
		create: func(ctx context.Context, name string, in engine.Properties) (engine.Made, error) {
			group := awssdk.String(text(in, "targetGroupArn"))
			if _, err := p.elb.RegisterTargets(ctx, &elbv2.RegisterTargetsInput{TargetGroupArn: group, Targets: targets(in)}); err != nil {
				return engine.Made{}, err
			}
			_, err := p.elb.DescribeTargetHealth(ctx, &elbv2.DescribeTargetHealthInput{TargetGroupArn: group, Targets: targets(in)})
			return engine.Made{ID: uniqueName(*group), Outputs: engine.Properties{}}, err
		},
		read: p.readAttachment,
		delete: func(ctx context.Context, r engine.Existing) error {
			_, err := p.elb.DeregisterTargets(ctx, &elbv2.DeregisterTargetsInput{
				TargetGroupArn: awssdk.String(text(r.Inputs, "targetGroupArn")), Targets: targets(r.Inputs),
			})
			return unless(err, "TargetGroupNotFound", "InvalidTarget")
		},
	}
}
