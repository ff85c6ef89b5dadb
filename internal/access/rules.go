package access

// grammars hold, for each prefix of actions, which resources AWS's service authorization reference gives its operations.
var grammars = map[string]*grammar{
	"ec2": &ec2Grammar, "vpc-lattice": &latticeGrammar, "elasticloadbalancing": &balancerGrammar, "lambda": &lambdaGrammar,
	"ram": &ramGrammar, "logs": &logsGrammar, "iam": &iamGrammar, "organizations": &organizationsGrammar,
	"sts": &stsGrammar, "cloudformation": &cloudControlGrammar,
}

var stsGrammar = grammar{global: true, plain: []string{"GetAccessKeyInfo"}}

// cloudControlGrammar has no resources: what Cloud Control does for a caller, the caller must be allowed to do.
var cloudControlGrammar = grammar{plain: []string{"Create", "Delete", "Get", "List", "Update", "Cancel"}}

var ec2Grammar = grammar{
	operations: map[string]string{
		"AcceptVpcPeeringConnection":        "vpc-peering-connection/{VpcPeeringConnectionId} {VpcPeeringConnectionId|accepter}",
		"AssociateRouteTable":               "route-table/{RouteTableId} subnet/{SubnetId}? internet-gateway/{GatewayId}?",
		"AttachInternetGateway":             "internet-gateway/{InternetGatewayId} vpc/{VpcId}",
		"CreateDefaultSubnet":               "*",
		"CreateDefaultVpc":                  "*",
		"CreateInternetGateway":             "internet-gateway/*",
		"CreateManagedPrefixList":           "prefix-list/*",
		"CreateNetworkAcl":                  "network-acl/* vpc/{VpcId}",
		"CreateNetworkInterface":            "network-interface/* subnet/{SubnetId} security-group/{Groups}?",
		"CreateRouteTable":                  "route-table/* vpc/{VpcId}",
		"CreateSecurityGroup":               "security-group/* vpc/{VpcId}?",
		"CreateSubnet":                      "subnet/* vpc/{VpcId}",
		"CreateTags":                        "{Resources|id}",
		"CreateVpc":                         "vpc/*",
		"CreateVpcEndpoint":                 "vpc-endpoint/* vpc/{VpcId} subnet/{SubnetIds}? security-group/{SecurityGroupIds}?",
		"CreateVpcPeeringConnection":        "vpc-peering-connection/* vpc/{VpcId}",
		"DeleteTags":                        "{Resources|id}",
		"DetachInternetGateway":             "internet-gateway/{InternetGatewayId} vpc/{VpcId}",
		"DetachNetworkInterface":            "{AttachmentId|attached}",
		"DisassociateRouteTable":            "{AssociationId|table}",
		"DisassociateVpcCidrBlock":          "{AssociationId|block}",
		"GetManagedPrefixListAssociations":  "prefix-list/{PrefixListId}",
		"GetManagedPrefixListEntries":       "prefix-list/{PrefixListId}",
		"GetSecurityGroupsForVpc":           "vpc/{VpcId}",
		"ReplaceRouteTableAssociation":      "{AssociationId|table} route-table/{RouteTableId}",
		"ModifyVpcPeeringConnectionOptions": "vpc-peering-connection/{VpcPeeringConnectionId}",
	},
	plain: []string{"Describe"},
	members: []string{"route-table/{RouteTableId}", "network-acl/{NetworkAclId}", "security-group/{GroupId}", "network-interface/{NetworkInterfaceId}",
		"subnet/{SubnetId}", "internet-gateway/{InternetGatewayId}", "vpc-peering-connection/{VpcPeeringConnectionId}", "prefix-list/{PrefixListId}",
		"vpc-endpoint/{VpcEndpointIds}", "vpc-endpoint/{VpcEndpointId}", "vpc/{VpcId}"},
	functions: map[string]func(*call, string) string{"id": ec2ID, "accepter": accepterVPC, "attached": attachedInterface,
		"table": associatedTable, "block": associatedVPC},
	tagging: "ec2:CreateTags",
	also:    map[string][2]string{"CreateVpcEndpoint": {"vpc-lattice:CreateServiceNetworkVpcEndpointAssociation", "{ServiceNetworkArn}?"}},
}

var latticeGrammar = grammar{
	operations: map[string]string{
		"CreateAccessLogSubscription":               "accesslogsubscription/*",
		"CreateListener":                            "service/{ServiceIdentifier|id}/listener/*",
		"CreateRule":                                "service/{ServiceIdentifier|id}/listener/{ListenerIdentifier}/rule/*",
		"CreateResourceConfiguration":               "resourceconfiguration/*",
		"CreateResourceGateway":                     "resourcegateway/*",
		"CreateService":                             "service/*",
		"CreateServiceNetwork":                      "servicenetwork/*",
		"CreateServiceNetworkResourceAssociation":   "servicenetworkresourceassociation/* {ServiceNetworkIdentifier|id} {ResourceConfigurationIdentifier|id}",
		"CreateServiceNetworkServiceAssociation":    "servicenetworkserviceassociation/* {ServiceNetworkIdentifier|id} {ServiceIdentifier|id}",
		"CreateServiceNetworkVpcAssociation":        "servicenetworkvpcassociation/* {ServiceNetworkIdentifier|id}",
		"CreateTargetGroup":                         "targetgroup/*",
		"ListAccessLogSubscriptions":                "*",
		"StartDomainVerification":                   "domainverification/*",
		"ListServiceNetworkResourceAssociations":    "*",
		"ListServiceNetworkServiceAssociations":     "*",
		"ListServiceNetworkVpcAssociations":         "*",
		"ListResourceEndpointAssociations":          "*",
		"ListServiceNetworkVpcEndpointAssociations": "*",
	},
	members: []string{"service/{ServiceIdentifier|id}/listener/{ListenerIdentifier}/rule/{RuleIdentifier}",
		"service/{ServiceIdentifier|id}/listener/{ListenerIdentifier}/rule/{Rules.RuleIdentifier}",
		"service/{ServiceIdentifier|id}/listener/{ListenerIdentifier}",
		"servicenetworkserviceassociation/{ServiceNetworkServiceAssociationIdentifier}",
		"servicenetworkvpcassociation/{ServiceNetworkVpcAssociationIdentifier}",
		"servicenetworkresourceassociation/{ServiceNetworkResourceAssociationIdentifier}",
		"domainverification/{DomainVerificationIdentifier}", "resourceendpointassociation/{ResourceEndpointAssociationIdentifier}",
		"accesslogsubscription/{AccessLogSubscriptionIdentifier}", "targetgroup/{TargetGroupIdentifier}",
		"resourcegateway/{ResourceGatewayIdentifier}", "{ResourceConfigurationIdentifier|id}", "{ResourceIdentifier|id}",
		"{ResourceArn}", "{ServiceIdentifier|id}", "{ServiceNetworkIdentifier|id}"},
	listing:   []string{"List"},
	functions: map[string]func(*call, string) string{"id": latticeID},
	keys: map[string]string{"vpc-lattice:VpcId": "VpcIdentifier", "vpc-lattice:AuthType": "AuthType", "vpc-lattice:Protocol": "Protocol",
		"vpc-lattice:SecurityGroupIds": "SecurityGroupIds", "vpc-lattice:ServiceNetworkArn": "ServiceNetworkIdentifier|id",
		"vpc-lattice:ServiceArn": "ServiceIdentifier|id"},
	tagging: "vpc-lattice:TagResource",
}

var balancerGrammar = grammar{
	operations: map[string]string{
		"CreateListener":     "{LoadBalancerArn}",
		"CreateLoadBalancer": "loadbalancer/app/{Name}/*",
		"CreateRule":         "{ListenerArn}",
		"CreateTargetGroup":  "targetgroup/{Name}/*",
		"SetRulePriorities":  "{RulePriorities.RuleArn}",
	},
	plain:   []string{"Describe"},
	members: []string{"{RuleArn}", "{ListenerArn}", "{TargetGroupArn}", "{LoadBalancerArn}", "{ResourceArns}"},
	keys: map[string]string{"elasticloadbalancing:Scheme": "Scheme", "elasticloadbalancing:Subnet": "Subnets",
		"elasticloadbalancing:SecurityGroup": "SecurityGroups", "elasticloadbalancing:ListenerProtocol": "Protocol",
		"elasticloadbalancing:SecurityPolicy": "SslPolicy"},
	tagging: "elasticloadbalancing:AddTags",
}

var lambdaGrammar = grammar{
	operations: map[string]string{"ListEventSourceMappings": "*", "ListFunctions": "*", "ListLayers": "*", "GetAccountSettings": "*"},
	members:    []string{"{LayerName|layer}:{VersionNumber}", "{LayerName|layer}", "{FunctionName|function}", "{Resource}", "{Arn}"},
	functions:  map[string]func(*call, string) string{"function": functionARN, "layer": layerARN, "vpc": subnetVPC},
	keys: map[string]string{"lambda:SubnetIds": "VpcConfig.SubnetIds", "lambda:SecurityGroupIds": "VpcConfig.SecurityGroupIds",
		"lambda:VpcIds": "VpcConfig.SubnetIds|vpc", "lambda:Layer": "Layers", "lambda:Principal": "Principal",
		"lambda:FunctionUrlAuthType": "FunctionUrlAuthType", "lambda:CodeSigningConfigArn": "CodeSigningConfigArn"},
	tagging: "lambda:TagResource",
}

var ramGrammar = grammar{
	operations: map[string]string{"CreateResourceShare": "*", "EnableSharingWithAwsOrganization": "*", "CreatePermission": "*", "ReplacePermissionAssociations": "*"},
	plain:      []string{"Get", "List"},
	members:    []string{"{ResourceShareInvitationArn}", "{ResourceShareArn}", "{ResourceArn}", "{PermissionArn}"},
	keys: map[string]string{"ram:RequestedAllowsExternalPrincipals": "AllowExternalPrincipals", "ram:Principal": "Principals",
		"ram:ResourceArn": "ResourceArns", "ram:PermissionArn": "PermissionArn"},
	tagging: "ram:TagResource",
}

// logsGrammar ends the ARN of a log group as its operations do on AWS, so that "log-group:NAME:*" names it.
var logsGrammar = grammar{
	operations: map[string]string{"DescribeLogGroups": "log-group::log-stream:", "ListLogGroups": "log-group::log-stream:",
		"DescribeResourcePolicies": "*", "PutResourcePolicy": "*", "DeleteResourcePolicy": "*", "DescribeAccountPolicies": "*"},
	members: []string{"log-group:{LogGroupName}:log-stream:{LogStreamName}", "log-group:{LogGroupName}:log-stream:",
		"{LogGroupIdentifier|group}:log-stream:{LogStreamName}", "{LogGroupIdentifier|group}:log-stream:", "{ResourceArn}"},
	functions: map[string]func(*call, string) string{"group": logGroupARN},
	tagging:   "logs:TagResource",
}

var iamGrammar = grammar{
	global: true,
	operations: map[string]string{
		"AddRoleToInstanceProfile":      "instance-profile{InstanceProfileName|profile}",
		"AddUserToGroup":                "group{GroupName|group}",
		"CreateAccountAlias":            "*",
		"CreatePolicy":                  "policy{PolicyName|policy}",
		"CreateServiceLinkedRole":       "role/aws-service-role/{AWSServiceName}/{AWSServiceName|linked}",
		"DeleteAccountAlias":            "*",
		"DeleteServiceLinkedRole":       "role{RoleName|role}",
		"GetAccessKeyLastUsed":          "*",
		"RemoveRoleFromInstanceProfile": "instance-profile{InstanceProfileName|profile}",
		"RemoveUserFromGroup":           "group{GroupName|group}",
		"SimulateCustomPolicy":          "*",
		"SimulatePrincipalPolicy":       "{PolicySourceArn}",
		"GetUser":                       "user{UserName|user}", "CreateAccessKey": "user{UserName|user}", "ListAccessKeys": "user{UserName|user}",
		"DeleteAccessKey": "user{UserName|user}", "UpdateAccessKey": "user{UserName|user}",
	},
	members: []string{"role{RoleName|named role}", "user{UserName|named user}", "group{GroupName|named group}",
		"instance-profile{InstanceProfileName|named profile}", "{PolicyArn}"},
	listing: []string{"List", "Get"},
	functions: map[string]func(*call, string) string{"role": rolePath, "user": userPath, "group": groupPath, "profile": profilePath,
		"policy": policyPath, "linked": linkedRole, "named role": given(rolePath), "named user": given(userPath), "named group": given(groupPath),
		"named profile": given(profilePath)},
	keys: map[string]string{"iam:PermissionsBoundary": "PermissionsBoundary", "iam:PolicyARN": "PolicyArn", "iam:AWSServiceName": "AWSServiceName"},
	also: map[string][2]string{"AddRoleToInstanceProfile": {"iam:PassRole", "role{RoleName|role}"}},
}

var organizationsGrammar = grammar{
	global: true,
	operations: map[string]string{
		"AttachPolicy":                "{PolicyId|id} {TargetId|id}",
		"DetachPolicy":                "{PolicyId|id} {TargetId|id}",
		"CreateAccount":               "*",
		"CreateOrganization":          "*",
		"CreatePolicy":                "*",
		"DeleteOrganization":          "*",
		"DisableAWSServiceAccess":     "*",
		"EnableAWSServiceAccess":      "*",
		"EnableAllFeatures":           "*",
		"InviteAccountToOrganization": "{Target.Id|id}",
		"LeaveOrganization":           "*",
		"MoveAccount":                 "{AccountId|id} {SourceParentId|id} {DestinationParentId|id}",
		"DescribeCreateAccountStatus": "*",
	},
	members: []string{"{TargetId|id}", "{PolicyId|id}", "{OrganizationalUnitId|id}", "{ParentId|id}", "{AccountId|id}", "{ChildId|id}",
		"{HandshakeId|id}", "{ResourceId|id}", "{RootId|id}"},
	listing:   []string{"List", "Describe"},
	functions: map[string]func(*call, string) string{"id": organizationID},
	keys:      map[string]string{"organizations:ServicePrincipal": "ServicePrincipal", "organizations:PolicyType": "PolicyType"},
	tagging:   "organizations:TagResource",
}
