package common

import (
	"landing-zone/resource/lambda"
	"landing-zone/resource/lb"
	"landing-zone/resource/vpclattice"
	"landing-zone/stacks/block"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// directory makes DirectoryService: a function in the app subnets, behind a private load balancer.
func (s *stack) directory() error {
	var subnets pulumi.StringArray
	for _, subnet := range s.appSubnets {
		subnets = append(subnets, subnet.ID())
	}
	var err error
	s.balancer, err = lb.NewLoadBalancer(s.ctx, "DirectoryServiceLb", lb.LoadBalancerArgs{
		Internal:                 pulumi.Bool(true),
		LoadBalancerType:         pulumi.String("application"),
		SecurityGroups:           pulumi.StringArray{s.balancerGroup.ID()},
		Subnets:                  subnets,
		EnableDeletionProtection: pulumi.Bool(false),
		Tags:                     s.tags.Named("DirectoryServiceLb"),
	})
	if err != nil {
		return err
	}
	targets, err := lb.NewTargetGroup(s.ctx, "DirectoryServiceTg", lb.TargetGroupArgs{
		TargetType: pulumi.String("lambda"),
		Tags:       s.tags.Named("DirectoryServiceTg"),
	})
	if err != nil {
		return err
	}
	if _, err := lb.NewListener(s.ctx, "DirectoryServiceListener", lb.ListenerArgs{
		LoadBalancerArn: s.balancer.Arn,
		Port:            pulumi.Int(80),
		Protocol:        pulumi.String("HTTP"),
		DefaultActions: pulumi.Array{lb.ListenerActionArgs{
			Type:           pulumi.String("forward"),
			TargetGroupArn: targets.Arn,
		}},
	}); err != nil {
		return err
	}
	function, err := s.function(subnets)
	if err != nil {
		return err
	}
	permission, err := lambda.NewPermission(s.ctx, "AlbFunctionPermission", lambda.PermissionArgs{
		Action:    pulumi.String("lambda:InvokeFunction"),
		Function:  function.Name,
		Principal: pulumi.String("elasticloadbalancing.amazonaws.com"),
		SourceArn: targets.Arn,
	})
	if err != nil {
		return err
	}
	_, err = lb.NewTargetGroupAttachment(s.ctx, "FunctionTargetGroupAttachment", lb.TargetGroupAttachmentArgs{
		TargetGroupArn: targets.Arn,
		TargetId:       function.Arn,
	}, pulumi.DependsOn([]pulumi.Resource{permission}))
	return err
}

func (s *stack) function(subnets pulumi.StringArray) (*lambda.Function, error) {
	group, err := block.NewOpenGroup(s.ctx, s.mainVpc, "MainLambdaFuncSecurityGroup", "Lambda Security Group", s.region, s.tags)
	if err != nil {
		return nil, err
	}
	role, err := block.NewFunctionRole(s.ctx, "DirectoryServiceExecutionRole", "DirectoryServiceExecutionRolePolicyAttachment", s.tags)
	if err != nil {
		return nil, err
	}
	layer, err := lambda.NewLayerVersion(s.ctx, "DirectoryServiceLayer", lambda.LayerVersionArgs{
		CompatibleRuntimes: pulumi.StringArray{pulumi.String(s.software.Runtime)},
		Code:               pulumi.NewFileArchive(s.software.Layer),
		LayerName:          pulumi.String("lambda_layer"),
	})
	if err != nil {
		return nil, err
	}
	return lambda.NewFunction(s.ctx, "DirectoryServiceFunction", lambda.FunctionArgs{
		Tags: s.tags.Named("DirectoryServiceFunction"),
		Role: role.Arn,
		VpcConfig: lambda.FunctionVpcConfigArgs{
			SecurityGroupIds: pulumi.StringArray{group.ID()},
			SubnetIds:        subnets,
		},
		ReplaceSecurityGroupsOnDestroy: pulumi.Bool(true),
		Name:                           pulumi.String("DirectoryServiceFunction"),
		Runtime:                        pulumi.String(s.software.Runtime),
		Layers:                         pulumi.StringArray{layer.ID()},
		Code:                           s.software.Code,
		Handler:                        pulumi.String(s.software.Handler),
	})
}

// service makes the Lattice service in front of the load balancer, puts it in both networks, and says who may ask
// it what.
func (s *stack) service() error {
	targets, err := vpclattice.NewTargetGroup(s.ctx, "SharedServiceTargetGroup", vpclattice.TargetGroupArgs{
		Type: pulumi.String("ALB"),
		Config: vpclattice.TargetGroupConfigArgs{
			Port:          pulumi.Int(80),
			Protocol:      pulumi.String("HTTP"),
			VpcIdentifier: s.mainVpc.ID(),
		},
		Name:    pulumi.String("shared-service-target"),
		Tags:    s.tags.Native(),
		Targets: pulumi.Array{vpclattice.TargetArgs{Id: s.balancer.ID(), Port: pulumi.Int(80)}},
	})
	if err != nil {
		return err
	}
	name, ok := s.ctx.GetConfig(s.ctx.Project() + ":service-name")
	if !ok {
		name = "shared-service"
	}
	service, err := vpclattice.NewService(s.ctx, "SharedServiceLatticeService", vpclattice.ServiceArgs{
		Name:     pulumi.String(name),
		AuthType: pulumi.String("AWS_IAM"),
		Tags:     s.tags.Native(),
	})
	if err != nil {
		return err
	}
	s.ctx.Export("shared-service-fqdn", service.DnsEntry.MapIndex(pulumi.String("domainName")))

	after := pulumi.DependsOn([]pulumi.Resource{service})
	if _, err := vpclattice.NewListener(s.ctx, "SharedServiceLatticeServiceListener", vpclattice.ListenerArgs{
		Name:              pulumi.String("shared-service-listener"),
		Protocol:          pulumi.String("HTTP"),
		Port:              pulumi.Int(80),
		ServiceIdentifier: service.ID(),
		Tags:              s.tags.Native(),
		DefaultAction: vpclattice.ListenerDefaultActionArgs{
			Forward: vpclattice.ListenerForwardArgs{
				TargetGroups: pulumi.Array{vpclattice.WeightedTargetGroupArgs{
					TargetGroupIdentifier: targets.ID(),
					Weight:                pulumi.Int(100),
				}},
			},
		},
	}, after); err != nil {
		return err
	}
	for _, in := range []struct {
		name    string
		network *vpclattice.ServiceNetwork
	}{
		{"BlueServiceLatticeServiceAssociation", s.blueNetwork},
		{"GreenServiceLatticeServiceAssociation", s.greenNetwork},
	} {
		if _, err := vpclattice.NewServiceNetworkServiceAssociation(s.ctx, in.name, vpclattice.ServiceNetworkServiceAssociationArgs{
			ServiceIdentifier:        service.ID(),
			ServiceNetworkIdentifier: in.network.ID(),
			Tags:                     s.tags.Native(),
		}, after); err != nil {
			return err
		}
	}
	_, err = vpclattice.NewAuthPolicy(s.ctx, "SharedServiceAuthPolicy", vpclattice.AuthPolicyArgs{
		Policy: pulumi.Map{
			"Version":   pulumi.String("2012-10-17"),
			"Statement": pulumi.Array{allow("blue", s.bluePrincipal), allow("green", s.greenPrincipal)},
		},
		ResourceIdentifier: service.ID(),
	}, after)
	return err
}

// allow lets clients in VPCs of the account ask for one endpoint, and nothing else.
func allow(endpoint, account string) pulumi.Map {
	return pulumi.Map{
		"Effect":    pulumi.String("Allow"),
		"Principal": pulumi.String("*"),
		"Action":    pulumi.String("vpc-lattice-svcs:Invoke"),
		"Resource":  pulumi.String("*"),
		"Condition": pulumi.Map{
			"StringEquals": pulumi.StringMap{
				"vpc-lattice-svcs:RequestMethod":         pulumi.String("GET"),
				"vpc-lattice-svcs:RequestQueryString/q":  pulumi.String(endpoint),
				"vpc-lattice-svcs:SourceVpcOwnerAccount": pulumi.String(account),
			},
		},
	}
}
