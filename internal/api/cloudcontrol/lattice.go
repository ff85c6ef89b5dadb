package cloudcontrol

import (
	"context"

	"trellis/internal/aws/model/vpclattice"
)

// Lattice is the VPC Lattice API, which the handlers of its types drive as any client would.
type Lattice interface {
	CreateServiceNetwork(context.Context, *vpclattice.CreateServiceNetworkInput) (*vpclattice.CreateServiceNetworkOutput, error)
	GetServiceNetwork(context.Context, *vpclattice.GetServiceNetworkInput) (*vpclattice.GetServiceNetworkOutput, error)
	ListServiceNetworks(context.Context, *vpclattice.ListServiceNetworksInput) (*vpclattice.ListServiceNetworksOutput, error)
	UpdateServiceNetwork(context.Context, *vpclattice.UpdateServiceNetworkInput) (*vpclattice.UpdateServiceNetworkOutput, error)
	DeleteServiceNetwork(context.Context, *vpclattice.DeleteServiceNetworkInput) (*vpclattice.DeleteServiceNetworkOutput, error)

	CreateService(context.Context, *vpclattice.CreateServiceInput) (*vpclattice.CreateServiceOutput, error)
	GetService(context.Context, *vpclattice.GetServiceInput) (*vpclattice.GetServiceOutput, error)
	ListServices(context.Context, *vpclattice.ListServicesInput) (*vpclattice.ListServicesOutput, error)
	UpdateService(context.Context, *vpclattice.UpdateServiceInput) (*vpclattice.UpdateServiceOutput, error)
	DeleteService(context.Context, *vpclattice.DeleteServiceInput) (*vpclattice.DeleteServiceOutput, error)

	CreateServiceNetworkServiceAssociation(context.Context, *vpclattice.CreateServiceNetworkServiceAssociationInput) (*vpclattice.CreateServiceNetworkServiceAssociationOutput, error)
	GetServiceNetworkServiceAssociation(context.Context, *vpclattice.GetServiceNetworkServiceAssociationInput) (*vpclattice.GetServiceNetworkServiceAssociationOutput, error)
	ListServiceNetworkServiceAssociations(context.Context, *vpclattice.ListServiceNetworkServiceAssociationsInput) (*vpclattice.ListServiceNetworkServiceAssociationsOutput, error)
	DeleteServiceNetworkServiceAssociation(context.Context, *vpclattice.DeleteServiceNetworkServiceAssociationInput) (*vpclattice.DeleteServiceNetworkServiceAssociationOutput, error)

	CreateServiceNetworkVpcAssociation(context.Context, *vpclattice.CreateServiceNetworkVpcAssociationInput) (*vpclattice.CreateServiceNetworkVpcAssociationOutput, error)
	GetServiceNetworkVpcAssociation(context.Context, *vpclattice.GetServiceNetworkVpcAssociationInput) (*vpclattice.GetServiceNetworkVpcAssociationOutput, error)
	ListServiceNetworkVpcAssociations(context.Context, *vpclattice.ListServiceNetworkVpcAssociationsInput) (*vpclattice.ListServiceNetworkVpcAssociationsOutput, error)
	UpdateServiceNetworkVpcAssociation(context.Context, *vpclattice.UpdateServiceNetworkVpcAssociationInput) (*vpclattice.UpdateServiceNetworkVpcAssociationOutput, error)
	DeleteServiceNetworkVpcAssociation(context.Context, *vpclattice.DeleteServiceNetworkVpcAssociationInput) (*vpclattice.DeleteServiceNetworkVpcAssociationOutput, error)

	CreateListener(context.Context, *vpclattice.CreateListenerInput) (*vpclattice.CreateListenerOutput, error)
	GetListener(context.Context, *vpclattice.GetListenerInput) (*vpclattice.GetListenerOutput, error)
	ListListeners(context.Context, *vpclattice.ListListenersInput) (*vpclattice.ListListenersOutput, error)
	UpdateListener(context.Context, *vpclattice.UpdateListenerInput) (*vpclattice.UpdateListenerOutput, error)
	DeleteListener(context.Context, *vpclattice.DeleteListenerInput) (*vpclattice.DeleteListenerOutput, error)

	CreateRule(context.Context, *vpclattice.CreateRuleInput) (*vpclattice.CreateRuleOutput, error)
	GetRule(context.Context, *vpclattice.GetRuleInput) (*vpclattice.GetRuleOutput, error)
	ListRules(context.Context, *vpclattice.ListRulesInput) (*vpclattice.ListRulesOutput, error)
	UpdateRule(context.Context, *vpclattice.UpdateRuleInput) (*vpclattice.UpdateRuleOutput, error)
	DeleteRule(context.Context, *vpclattice.DeleteRuleInput) (*vpclattice.DeleteRuleOutput, error)

	CreateTargetGroup(context.Context, *vpclattice.CreateTargetGroupInput) (*vpclattice.CreateTargetGroupOutput, error)
	GetTargetGroup(context.Context, *vpclattice.GetTargetGroupInput) (*vpclattice.GetTargetGroupOutput, error)
	ListTargetGroups(context.Context, *vpclattice.ListTargetGroupsInput) (*vpclattice.ListTargetGroupsOutput, error)
	UpdateTargetGroup(context.Context, *vpclattice.UpdateTargetGroupInput) (*vpclattice.UpdateTargetGroupOutput, error)
	DeleteTargetGroup(context.Context, *vpclattice.DeleteTargetGroupInput) (*vpclattice.DeleteTargetGroupOutput, error)
	RegisterTargets(context.Context, *vpclattice.RegisterTargetsInput) (*vpclattice.RegisterTargetsOutput, error)
	DeregisterTargets(context.Context, *vpclattice.DeregisterTargetsInput) (*vpclattice.DeregisterTargetsOutput, error)
	ListTargets(context.Context, *vpclattice.ListTargetsInput) (*vpclattice.ListTargetsOutput, error)

	CreateResourceGateway(context.Context, *vpclattice.CreateResourceGatewayInput) (*vpclattice.CreateResourceGatewayOutput, error)
	GetResourceGateway(context.Context, *vpclattice.GetResourceGatewayInput) (*vpclattice.GetResourceGatewayOutput, error)
	ListResourceGateways(context.Context, *vpclattice.ListResourceGatewaysInput) (*vpclattice.ListResourceGatewaysOutput, error)
	UpdateResourceGateway(context.Context, *vpclattice.UpdateResourceGatewayInput) (*vpclattice.UpdateResourceGatewayOutput, error)
	DeleteResourceGateway(context.Context, *vpclattice.DeleteResourceGatewayInput) (*vpclattice.DeleteResourceGatewayOutput, error)

	CreateResourceConfiguration(context.Context, *vpclattice.CreateResourceConfigurationInput) (*vpclattice.CreateResourceConfigurationOutput, error)
	GetResourceConfiguration(context.Context, *vpclattice.GetResourceConfigurationInput) (*vpclattice.GetResourceConfigurationOutput, error)
	ListResourceConfigurations(context.Context, *vpclattice.ListResourceConfigurationsInput) (*vpclattice.ListResourceConfigurationsOutput, error)
	UpdateResourceConfiguration(context.Context, *vpclattice.UpdateResourceConfigurationInput) (*vpclattice.UpdateResourceConfigurationOutput, error)
	DeleteResourceConfiguration(context.Context, *vpclattice.DeleteResourceConfigurationInput) (*vpclattice.DeleteResourceConfigurationOutput, error)

	CreateServiceNetworkResourceAssociation(context.Context, *vpclattice.CreateServiceNetworkResourceAssociationInput) (*vpclattice.CreateServiceNetworkResourceAssociationOutput, error)
	GetServiceNetworkResourceAssociation(context.Context, *vpclattice.GetServiceNetworkResourceAssociationInput) (*vpclattice.GetServiceNetworkResourceAssociationOutput, error)
	ListServiceNetworkResourceAssociations(context.Context, *vpclattice.ListServiceNetworkResourceAssociationsInput) (*vpclattice.ListServiceNetworkResourceAssociationsOutput, error)
	DeleteServiceNetworkResourceAssociation(context.Context, *vpclattice.DeleteServiceNetworkResourceAssociationInput) (*vpclattice.DeleteServiceNetworkResourceAssociationOutput, error)

	StartDomainVerification(context.Context, *vpclattice.StartDomainVerificationInput) (*vpclattice.StartDomainVerificationOutput, error)
	GetDomainVerification(context.Context, *vpclattice.GetDomainVerificationInput) (*vpclattice.GetDomainVerificationOutput, error)
	ListDomainVerifications(context.Context, *vpclattice.ListDomainVerificationsInput) (*vpclattice.ListDomainVerificationsOutput, error)
	DeleteDomainVerification(context.Context, *vpclattice.DeleteDomainVerificationInput) (*vpclattice.DeleteDomainVerificationOutput, error)

	PutAuthPolicy(context.Context, *vpclattice.PutAuthPolicyInput) (*vpclattice.PutAuthPolicyOutput, error)
	GetAuthPolicy(context.Context, *vpclattice.GetAuthPolicyInput) (*vpclattice.GetAuthPolicyOutput, error)
	DeleteAuthPolicy(context.Context, *vpclattice.DeleteAuthPolicyInput) (*vpclattice.DeleteAuthPolicyOutput, error)
	PutResourcePolicy(context.Context, *vpclattice.PutResourcePolicyInput) (*vpclattice.PutResourcePolicyOutput, error)
	GetResourcePolicy(context.Context, *vpclattice.GetResourcePolicyInput) (*vpclattice.GetResourcePolicyOutput, error)
	DeleteResourcePolicy(context.Context, *vpclattice.DeleteResourcePolicyInput) (*vpclattice.DeleteResourcePolicyOutput, error)

	CreateAccessLogSubscription(context.Context, *vpclattice.CreateAccessLogSubscriptionInput) (*vpclattice.CreateAccessLogSubscriptionOutput, error)
	GetAccessLogSubscription(context.Context, *vpclattice.GetAccessLogSubscriptionInput) (*vpclattice.GetAccessLogSubscriptionOutput, error)
	ListAccessLogSubscriptions(context.Context, *vpclattice.ListAccessLogSubscriptionsInput) (*vpclattice.ListAccessLogSubscriptionsOutput, error)
	UpdateAccessLogSubscription(context.Context, *vpclattice.UpdateAccessLogSubscriptionInput) (*vpclattice.UpdateAccessLogSubscriptionOutput, error)
	DeleteAccessLogSubscription(context.Context, *vpclattice.DeleteAccessLogSubscriptionInput) (*vpclattice.DeleteAccessLogSubscriptionOutput, error)

	ListTagsForResource(context.Context, *vpclattice.ListTagsForResourceInput) (*vpclattice.ListTagsForResourceOutput, error)
	TagResource(context.Context, *vpclattice.TagResourceInput) (*vpclattice.TagResourceOutput, error)
	UntagResource(context.Context, *vpclattice.UntagResourceInput) (*vpclattice.UntagResourceOutput, error)
}
