package test

import (
	"github.com/aws/aws-sdk-go-v2/service/cloudcontrol"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/ram"
	"github.com/aws/aws-sdk-go-v2/service/vpclattice"
)

// helpers are the paginators and waiters that the SDK has for what is built.
func helpers() []helper {
	return []helper{
		paginator(cloudcontrol.NewListResourceRequestsPaginator), paginator(cloudcontrol.NewListResourcesPaginator),
		paginator(cloudwatchlogs.NewDescribeLogGroupsPaginator), paginator(cloudwatchlogs.NewDescribeLogStreamsPaginator), paginator(cloudwatchlogs.NewFilterLogEventsPaginator),
		paginator(cloudwatchlogs.NewGetLogEventsPaginator),
		paginator(ec2.NewDescribeAddressesAttributePaginator), paginator(ec2.NewDescribeDhcpOptionsPaginator), paginator(ec2.NewDescribeEgressOnlyInternetGatewaysPaginator),
		paginator(ec2.NewDescribeInstanceStatusPaginator), paginator(ec2.NewDescribeInstanceTypeOfferingsPaginator), paginator(ec2.NewDescribeInstancesPaginator),
		paginator(ec2.NewDescribeInternetGatewaysPaginator), paginator(ec2.NewDescribeManagedPrefixListsPaginator), paginator(ec2.NewDescribeNatGatewaysPaginator),
		paginator(ec2.NewDescribeNetworkAclsPaginator), paginator(ec2.NewDescribeNetworkInterfacesPaginator), paginator(ec2.NewDescribePrefixListsPaginator),
		paginator(ec2.NewDescribeRouteTablesPaginator), paginator(ec2.NewDescribeSecurityGroupRulesPaginator), paginator(ec2.NewDescribeSecurityGroupVpcAssociationsPaginator),
		paginator(ec2.NewDescribeSecurityGroupsPaginator), paginator(ec2.NewDescribeStaleSecurityGroupsPaginator), paginator(ec2.NewDescribeSubnetsPaginator),
		paginator(ec2.NewDescribeTagsPaginator), paginator(ec2.NewDescribeVpcEndpointsPaginator), paginator(ec2.NewDescribeVpcPeeringConnectionsPaginator),
		paginator(ec2.NewDescribeVpcsPaginator), paginator(ec2.NewGetManagedPrefixListAssociationsPaginator), paginator(ec2.NewGetManagedPrefixListEntriesPaginator),
		paginator(ec2.NewGetSecurityGroupsForVpcPaginator),
		paginator(elasticloadbalancingv2.NewDescribeAccountLimitsPaginator), paginator(elasticloadbalancingv2.NewDescribeListenersPaginator), paginator(elasticloadbalancingv2.NewDescribeLoadBalancersPaginator),
		paginator(elasticloadbalancingv2.NewDescribeRulesPaginator), paginator(elasticloadbalancingv2.NewDescribeTargetGroupsPaginator),
		paginator(iam.NewGetAccountAuthorizationDetailsPaginator), paginator(iam.NewGetGroupPaginator), paginator(iam.NewListAccessKeysPaginator),
		paginator(iam.NewListAccountAliasesPaginator), paginator(iam.NewListAttachedGroupPoliciesPaginator), paginator(iam.NewListAttachedRolePoliciesPaginator),
		paginator(iam.NewListAttachedUserPoliciesPaginator), paginator(iam.NewListEntitiesForPolicyPaginator), paginator(iam.NewListGroupPoliciesPaginator),
		paginator(iam.NewListGroupsPaginator), paginator(iam.NewListGroupsForUserPaginator), paginator(iam.NewListInstanceProfileTagsPaginator),
		paginator(iam.NewListInstanceProfilesPaginator), paginator(iam.NewListInstanceProfilesForRolePaginator), paginator(iam.NewListMFADevicesPaginator),
		paginator(iam.NewListPoliciesPaginator), paginator(iam.NewListPolicyTagsPaginator), paginator(iam.NewListPolicyVersionsPaginator),
		paginator(iam.NewListRolePoliciesPaginator), paginator(iam.NewListRoleTagsPaginator), paginator(iam.NewListRolesPaginator),
		paginator(iam.NewListSSHPublicKeysPaginator), paginator(iam.NewListSigningCertificatesPaginator), paginator(iam.NewListUserPoliciesPaginator),
		paginator(iam.NewListUserTagsPaginator), paginator(iam.NewListUsersPaginator), paginator(iam.NewListVirtualMFADevicesPaginator),
		paginator(iam.NewSimulateCustomPolicyPaginator), paginator(iam.NewSimulatePrincipalPolicyPaginator),
		paginator(lambda.NewListAliasesPaginator), paginator(lambda.NewListEventSourceMappingsPaginator), paginator(lambda.NewListFunctionEventInvokeConfigsPaginator),
		paginator(lambda.NewListFunctionsPaginator), paginator(lambda.NewListLayerVersionsPaginator), paginator(lambda.NewListLayersPaginator),
		paginator(lambda.NewListProvisionedConcurrencyConfigsPaginator), paginator(lambda.NewListVersionsByFunctionPaginator),
		paginator(organizations.NewListAWSServiceAccessForOrganizationPaginator), paginator(organizations.NewListAccountsPaginator), paginator(organizations.NewListAccountsForParentPaginator),
		paginator(organizations.NewListChildrenPaginator), paginator(organizations.NewListCreateAccountStatusPaginator), paginator(organizations.NewListDelegatedAdministratorsPaginator),
		paginator(organizations.NewListDelegatedServicesForAccountPaginator), paginator(organizations.NewListHandshakesForAccountPaginator), paginator(organizations.NewListHandshakesForOrganizationPaginator),
		paginator(organizations.NewListOrganizationalUnitsForParentPaginator), paginator(organizations.NewListParentsPaginator), paginator(organizations.NewListPoliciesPaginator),
		paginator(organizations.NewListPoliciesForTargetPaginator), paginator(organizations.NewListRootsPaginator), paginator(organizations.NewListTagsForResourcePaginator),
		paginator(organizations.NewListTargetsForPolicyPaginator),
		paginator(ram.NewGetResourcePoliciesPaginator), paginator(ram.NewGetResourceShareAssociationsPaginator), paginator(ram.NewGetResourceShareInvitationsPaginator),
		paginator(ram.NewGetResourceSharesPaginator), paginator(ram.NewListPendingInvitationResourcesPaginator), paginator(ram.NewListPermissionAssociationsPaginator),
		paginator(ram.NewListPermissionVersionsPaginator), paginator(ram.NewListPermissionsPaginator), paginator(ram.NewListPrincipalsPaginator),
		paginator(ram.NewListResourceSharePermissionsPaginator), paginator(ram.NewListResourceTypesPaginator), paginator(ram.NewListResourcesPaginator), paginator(ram.NewListReplacePermissionAssociationsWorkPaginator),
		paginator(vpclattice.NewListAccessLogSubscriptionsPaginator), paginator(vpclattice.NewListListenersPaginator), paginator(vpclattice.NewListRulesPaginator),
		paginator(vpclattice.NewListServiceNetworkResourceAssociationsPaginator), paginator(vpclattice.NewListServiceNetworkServiceAssociationsPaginator), paginator(vpclattice.NewListServiceNetworkVpcAssociationsPaginator),
		paginator(vpclattice.NewListServiceNetworkVpcEndpointAssociationsPaginator), paginator(vpclattice.NewListServiceNetworksPaginator), paginator(vpclattice.NewListServicesPaginator),
		paginator(vpclattice.NewListTargetGroupsPaginator), paginator(vpclattice.NewListTargetsPaginator), paginator(vpclattice.NewListResourceConfigurationsPaginator), paginator(vpclattice.NewListResourceGatewaysPaginator),
		paginator(vpclattice.NewListDomainVerificationsPaginator), paginator(vpclattice.NewListResourceEndpointAssociationsPaginator),

		waiter(cloudcontrol.NewResourceRequestSuccessWaiter),
		waiter(ec2.NewInternetGatewayExistsWaiter), waiter(ec2.NewNatGatewayDeletedWaiter), waiter(ec2.NewNetworkInterfaceAvailableWaiter),
		waiter(ec2.NewSecurityGroupExistsWaiter), waiter(ec2.NewSubnetAvailableWaiter), waiter(ec2.NewVpcPeeringConnectionDeletedWaiter),
		waiter(ec2.NewVpcPeeringConnectionExistsWaiter), waiter(ec2.NewVpcAvailableWaiter), waiter(ec2.NewVpcExistsWaiter),
		waiter(elasticloadbalancingv2.NewLoadBalancerAvailableWaiter), waiter(elasticloadbalancingv2.NewLoadBalancerExistsWaiter), waiter(elasticloadbalancingv2.NewLoadBalancersDeletedWaiter),
		waiter(iam.NewInstanceProfileExistsWaiter), waiter(iam.NewPolicyExistsWaiter), waiter(iam.NewRoleExistsWaiter),
		waiter(iam.NewUserExistsWaiter),
		waiter(lambda.NewFunctionActiveV2Waiter), waiter(lambda.NewFunctionExistsWaiter), waiter(lambda.NewFunctionUpdatedV2Waiter),
		waiter(lambda.NewFunctionActiveWaiter), waiter(lambda.NewFunctionUpdatedWaiter), waiter(lambda.NewPublishedVersionActiveWaiter),
	}
}

// pointless are waiters for what an account here never has, or what the estate has not.
func pointless() map[string]string {
	return map[string]string{
		"InstanceExists": "there are no instances", "InstanceRunning": "there are no instances", "InstanceStopped": "there are no instances",
		"InstanceTerminated": "there are no instances", "InstanceStatusOk": "there are no instances", "SystemStatusOk": "there are no instances",
		"NatGatewayAvailable":                      "there are no NAT gateways",
		"SecurityGroupVpcAssociationAssociated":    "groups are of one VPC",
		"SecurityGroupVpcAssociationDisassociated": "groups are of one VPC",
		"TargetDeregistered":                       "TestWaitersOfWhatComesAndGoes has a program behind a target",
		"TargetInService":                          "TestWaitersOfWhatComesAndGoes has a program behind a target",
	}
}
