package inventory

import (
	"context"
	"reflect"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudcontrol"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/ram"
	ramtypes "github.com/aws/aws-sdk-go-v2/service/ram/types"
	"github.com/aws/aws-sdk-go-v2/service/vpclattice"
)

// question is one call, with all its pages.
type question func(ctx context.Context) ([]any, error)

// list asks one operation; its answer's items are those of every list in it.
func list[In, Out, Options any](call func(context.Context, *In, ...func(*Options)) (*Out, error), in In) question {
	return func(ctx context.Context) ([]any, error) {
		var all []any
		for in := in; ; {
			out, err := call(ctx, &in)
			if err != nil {
				return nil, err
			}
			answer := reflect.ValueOf(out).Elem()
			for i := range answer.NumField() {
				if field := answer.Field(i); answer.Type().Field(i).IsExported() && field.Kind() == reflect.Slice {
					for j := range field.Len() {
						all = append(all, field.Index(j).Interface())
					}
				}
			}
			if !turn(reflect.ValueOf(&in).Elem(), answer) {
				return all, nil
			}
		}
	}
}

// turn sets the input to the page after the answer's, where there is one.
func turn(in, out reflect.Value) bool {
	for from, to := range map[string]string{"NextToken": "NextToken", "NextMarker": "Marker", "Marker": "Marker"} {
		token, target := out.FieldByName(from), in.FieldByName(to)
		if !token.IsValid() || !target.IsValid() || token.IsNil() || token.Elem().String() == "" {
			continue
		}
		target.Set(token)
		return true
	}
	return false
}

// questions are all that can be asked without naming a thing: those about one thing answer nothing once it is gone.
func questions(config awssdk.Config) map[string]question {
	all := map[string]question{}
	network(config, all)
	sharing(config, all)
	b := elbv2.NewFromConfig(config)
	all["elasticloadbalancing DescribeLoadBalancers"] = list(b.DescribeLoadBalancers, elbv2.DescribeLoadBalancersInput{})
	all["elasticloadbalancing DescribeTargetGroups"] = list(b.DescribeTargetGroups, elbv2.DescribeTargetGroupsInput{})
	i := iam.NewFromConfig(config)
	all["iam ListAccessKeys"] = list(i.ListAccessKeys, iam.ListAccessKeysInput{})
	all["iam ListGroups"] = list(i.ListGroups, iam.ListGroupsInput{})
	all["iam ListInstanceProfiles"] = list(i.ListInstanceProfiles, iam.ListInstanceProfilesInput{})
	all["iam ListPolicies"] = list(i.ListPolicies, iam.ListPoliciesInput{})
	all["iam ListRoles"] = list(i.ListRoles, iam.ListRolesInput{})
	all["iam ListUsers"] = list(i.ListUsers, iam.ListUsersInput{})
	f := lambda.NewFromConfig(config)
	all["lambda ListEventSourceMappings"] = list(f.ListEventSourceMappings, lambda.ListEventSourceMappingsInput{})
	all["lambda ListFunctions"] = list(f.ListFunctions, lambda.ListFunctionsInput{})
	all["lambda ListLayers"] = list(f.ListLayers, lambda.ListLayersInput{})
	g := cloudwatchlogs.NewFromConfig(config)
	all["logs DescribeLogGroups"] = list(g.DescribeLogGroups, cloudwatchlogs.DescribeLogGroupsInput{})
	v := vpclattice.NewFromConfig(config)
	all["vpc-lattice ListServices"] = list(v.ListServices, vpclattice.ListServicesInput{})
	all["vpc-lattice ListServiceNetworks"] = list(v.ListServiceNetworks, vpclattice.ListServiceNetworksInput{})
	all["vpc-lattice ListTargetGroups"] = list(v.ListTargetGroups, vpclattice.ListTargetGroupsInput{})
	all["vpc-lattice ListResourceGateways"] = list(v.ListResourceGateways, vpclattice.ListResourceGatewaysInput{})
	all["vpc-lattice ListResourceConfigurations"] = list(v.ListResourceConfigurations, vpclattice.ListResourceConfigurationsInput{})
	all["vpc-lattice ListDomainVerifications"] = list(v.ListDomainVerifications, vpclattice.ListDomainVerificationsInput{})
	c := cloudcontrol.NewFromConfig(config)
	for _, name := range []string{"Service", "ServiceNetwork", "TargetGroup", "ResourceGateway", "ResourceConfiguration", "DomainVerification"} {
		all["cloudcontrol ListResources "+name] = list(c.ListResources, cloudcontrol.ListResourcesInput{
			TypeName: awssdk.String("AWS::VpcLattice::" + name),
		})
	}
	return all
}

func network(config awssdk.Config, all map[string]question) {
	c := ec2.NewFromConfig(config)
	all["ec2 DescribeAvailabilityZones"] = list(c.DescribeAvailabilityZones, ec2.DescribeAvailabilityZonesInput{})
	all["ec2 DescribeDhcpOptions"] = list(c.DescribeDhcpOptions, ec2.DescribeDhcpOptionsInput{})
	all["ec2 DescribeInternetGateways"] = list(c.DescribeInternetGateways, ec2.DescribeInternetGatewaysInput{})
	all["ec2 DescribeManagedPrefixLists"] = list(c.DescribeManagedPrefixLists, ec2.DescribeManagedPrefixListsInput{})
	all["ec2 DescribeNetworkAcls"] = list(c.DescribeNetworkAcls, ec2.DescribeNetworkAclsInput{})
	all["ec2 DescribeNetworkInterfaces"] = list(c.DescribeNetworkInterfaces, ec2.DescribeNetworkInterfacesInput{})
	all["ec2 DescribePrefixLists"] = list(c.DescribePrefixLists, ec2.DescribePrefixListsInput{})
	all["ec2 DescribeRouteTables"] = list(c.DescribeRouteTables, ec2.DescribeRouteTablesInput{})
	all["ec2 DescribeSecurityGroupRules"] = list(c.DescribeSecurityGroupRules, ec2.DescribeSecurityGroupRulesInput{})
	all["ec2 DescribeSecurityGroups"] = list(c.DescribeSecurityGroups, ec2.DescribeSecurityGroupsInput{})
	all["ec2 DescribeSubnets"] = list(c.DescribeSubnets, ec2.DescribeSubnetsInput{})
	all["ec2 DescribeTags"] = list(c.DescribeTags, ec2.DescribeTagsInput{})
	all["ec2 DescribeVpcPeeringConnections"] = list(c.DescribeVpcPeeringConnections, ec2.DescribeVpcPeeringConnectionsInput{})
	all["ec2 DescribeVpcEndpoints"] = list(c.DescribeVpcEndpoints, ec2.DescribeVpcEndpointsInput{})
	all["ec2 DescribeVpcs"] = list(c.DescribeVpcs, ec2.DescribeVpcsInput{})
}

func sharing(config awssdk.Config, all map[string]question) {
	c := ram.NewFromConfig(config)
	for _, owner := range []ramtypes.ResourceOwner{ramtypes.ResourceOwnerSelf, ramtypes.ResourceOwnerOtherAccounts} {
		all["ram GetResourceShares "+string(owner)] = list(c.GetResourceShares, ram.GetResourceSharesInput{ResourceOwner: owner})
		all["ram ListPrincipals "+string(owner)] = list(c.ListPrincipals, ram.ListPrincipalsInput{ResourceOwner: owner})
		all["ram ListResources "+string(owner)] = list(c.ListResources, ram.ListResourcesInput{ResourceOwner: owner})
	}
	for _, kind := range []ramtypes.ResourceShareAssociationType{ramtypes.ResourceShareAssociationTypePrincipal, ramtypes.ResourceShareAssociationTypeResource} {
		all["ram GetResourceShareAssociations "+string(kind)] = list(c.GetResourceShareAssociations, ram.GetResourceShareAssociationsInput{AssociationType: kind})
	}
	all["ram GetResourceShareInvitations"] = list(c.GetResourceShareInvitations, ram.GetResourceShareInvitationsInput{})
	all["ram ListPermissions"] = list(c.ListPermissions, ram.ListPermissionsInput{})
	all["ram ListResourceTypes"] = list(c.ListResourceTypes, ram.ListResourceTypesInput{})
}
