package main

import (
	"slices"
	"strings"

	"trellis/internal/aws/model"
)

// commonCodes are the errors that every operation of an API may answer though its model does not say so, by the API or else its protocol.
var commonCodes = map[string]string{
	// The pages "Common Errors" and "Common Error Types" of the API references of IAM, STS and Elastic Load Balancing; MalformedInput is
	// what their front end calls a form it cannot read, as the query protocol's errors in their SDKs' models have it.
	"query": "AccessDenied InvalidClientTokenId MalformedInput MalformedQueryString MissingAction InvalidAction ValidationError RequestEntityTooLarge NotImplemented Throttling",
	// "Common Error Types" of the JSON APIs' references; SerializationException is AWS JSON's own for a body it cannot read.
	"json": "AccessDeniedException SerializationException UnknownOperationException ValidationException RequestEntityTooLargeException NotImplementedException ThrottlingException",
	// The model of EC2 declares no errors. These are on "Error codes for the Amazon EC2 API" of its reference; codes with a .NotFound or a
	// .Malformed are taken by their form.
	"ec2": `AuthFailure DryRunOperation IdempotentParameterMismatch InvalidAction InvalidPaginationToken InvalidNextToken InvalidParameter InvalidParameterCombination
		InvalidParameterValue MalformedQueryString MissingAction MissingParameter UnauthorizedOperation UnknownParameter UnsupportedOperation RequestEntityTooLarge RequestLimitExceeded
		DefaultVpcDoesNotExist DefaultVpcAlreadyExists DefaultSubnetAlreadyExistsInAvailabilityZone DependencyViolation IncorrectState InvalidGroup.Duplicate InvalidGroup.Reserved InvalidGroup.InUse
		InvalidID InvalidInput InvalidPermission.Duplicate InvalidPermission.Malformed InvalidState InvalidStateTransition InvalidSubnet.Conflict InvalidSubnet.Range InvalidVpc.Range
		InvalidVpcPeeringConnectionState.DnsHostnamesDisabled NatGatewayNotFound NetworkAclEntryAlreadyExists NetworkAclLimitExceeded OperationNotPermitted Resource.AlreadyAssociated
		Gateway.NotAttached ResourceLimitExceeded RouteAlreadyExists RulesPerSecurityGroupLimitExceeded SecurityGroupLimitExceeded TagLimitExceeded VPCIdNotSpecified VpcLimitExceeded
		VpcPeeringConnectionAlreadyExists InsufficientFreeAddressesInSubnet InvalidIPAddress.InUse PrivateIpAddressLimitExceeded InvalidNetworkInterface.InUse InvalidParameterDependency CidrConflict InternetGatewayLimitExceeded InvalidServiceName VpcEndpointLimitExceeded DuplicateSubnetsInSameZone`,
	// What these APIs answer to a value that the model does not allow is declared for most operations, and is the same for the others.
	"logs":          "InvalidParameterException",
	"ram":           "InvalidParameterException",
	"organizations": "InvalidInputException",
	// Lambda's own for a body that is not JSON.
	"lambda": "InvalidRequestContentException",
	// STS answers session tags that contradict each other with it ("Passing session tags", IAM user guide).
	"sts": "InvalidParameterValue",
	// Tags are checked alike wherever they are given.
	"elbv2": "DuplicateTagKeys",
	// CreateRole checks a permissions boundary as CreateUser does, which declares it.
	"iam": "NoSuchEntity",
}

// common says if every operation of an API may answer a code.
func common(s *model.Service, code string) bool {
	kinds := []string{s.Package}
	switch s.Protocol {
	case model.EC2Query:
		if strings.HasPrefix(code, "Invalid") && (strings.HasSuffix(code, ".NotFound") || strings.HasSuffix(code, ".Malformed")) {
			return true
		}
	case model.Query:
		kinds = append(kinds, "query")
	default:
		kinds = append(kinds, "json")
	}
	return slices.ContainsFunc(kinds, func(kind string) bool { return slices.Contains(strings.Fields(commonCodes[kind]), code) })
}
