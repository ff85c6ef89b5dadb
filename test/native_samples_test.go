package test

import (
	"runtime"

	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// architectures are that of this machine's functions and another.
func architectures() (own, other string) {
	own, other = string(lambdatypes.ArchitectureX8664), string(lambdatypes.ArchitectureArm64)
	if runtime.GOARCH == "arm64" {
		own, other = other, own
	}
	return own, other
}

// nativeSamples set what nativeResources leave alone, by type.
func nativeSamples(account string) map[string][]sample {

	set := func(name string, value any) sample { return sample{with: object{name: value}} }
	refused := func(words, name string, value any) sample { return sample{with: object{name: value}, refused: words} }
	own, other := architectures()
	// same is what is so without being asked for, where nothing else is built.
	same := func(name string, value any) sample { return sample{with: object{name: value}, same: true} }
	tags := set("Tags", tag("Phase", "three"))
	loggroup := "arn:aws:logs:" + region + ":" + account + ":log-group:/native/other:*"
	return map[string][]sample{
		"AWS::EC2::VPC": {
			tags, set("EnableDnsSupport", false), set("EnableDnsHostnames", true), {with: object{"InstanceTenancy": "dedicated"}, fixed: "Allowed values: default"},
			{with: object{"CidrBlock": nil, "Ipv4IpamPoolId": "ipam-pool-00000000000000000", "Ipv4NetmaskLength": 24}, refused: "IPAM pools are not supported. Give a CidrBlock."},
			refused("VPC encryption controls are not supported.", "VpcEncryptionControl", object{"Mode": "monitor", "EgressOnlyInternetGatewayExclusion": "enable", "ElasticFileSystemExclusion": "enable", "InternetGatewayExclusion": "enable",
				"LambdaExclusion": "enable", "NatGatewayExclusion": "enable", "VirtualPrivateGatewayExclusion": "enable", "VpcLatticeExclusion": "enable", "VpcPeeringExclusion": "enable"}),
		},
		"AWS::EC2::Subnet": {
			set("MapPublicIpOnLaunch", true), tags, {with: object{"AvailabilityZone": nil, "AvailabilityZoneId": "use1-az1"}},
			same("AssignIpv6AddressOnCreation", false), refused("The subnet attribute cannot be turned on: Trellis has no IPv6 blocks, Outposts or local ne", "AssignIpv6AddressOnCreation", true), refused("The subnet attribute cannot be turned on: Trellis has no IPv6 blocks, Outposts or local ne", "EnableDns64", true),
			{with: object{"EnableLniAtDeviceIndex": 1}, refused: "EnableLniAtDeviceIndex]"}, {with: object{"CidrBlock": nil, "Ipv4IpamPoolId": "ipam-pool-00000000000000000", "Ipv4NetmaskLength": 24}, refused: "IPAM pools are not supported. Give a CidrBlock."},
			refused("Ipv6CidrBlock]", "Ipv6CidrBlock", "2001:db8::/64"), {with: object{"Ipv6IpamPoolId": "ipam-pool-00000000000000000", "Ipv6NetmaskLength": 64}, refused: "IPv6 CIDR blocks are not supported."},
			refused("IPv6 CIDR blocks are not supported.", "Ipv6Native", true), refused("Outposts are not supported.", "OutpostArn", "arn:aws:outposts:us-east-1:111122223333:outpost/op-00000000000000000"),
			set("PrivateDnsNameOptionsOnLaunch", object{"HostnameType": "resource-name", "EnableResourceNameDnsARecord": true, "EnableResourceNameDnsAAAARecord": true}),
		},
		"AWS::EC2::InternetGateway": {tags},
		"AWS::EC2::VPCGatewayAttachment": {
			{with: object{"InternetGatewayId": nil, "VpnGatewayId": "vgw-00000000000000000"}, refused: "VpnGatewayId]"},
		},
		"AWS::EC2::VPCPeeringConnection": {
			tags, same("PeerOwnerId", account), same("PeerRegion", region),
			{with: object{"PeerRoleArn": "arn:aws:iam::" + account + ":role/accepter"}, refused: "PeerRoleArn]"}, {with: object{"AssumeRoleRegion": "eu-west-1"}, refused: "AssumeRoleRegion]"},
		},
		"AWS::EC2::RouteTable": {tags},
		"AWS::EC2::Route": {
			{with: object{"GatewayId": nil, "VpcPeeringConnectionId": "${peering}"}},
			{with: object{"DestinationCidrBlock": nil, "DestinationIpv6CidrBlock": "::/0"}},
			{with: object{"DestinationCidrBlock": nil, "DestinationPrefixListId": "pl-00000000000000000"}, refused: "The prefix list ID 'pl-00000000000000000' does not exist."},
			{with: object{"GatewayId": nil, "CarrierGatewayId": "cagw-00000000000000000"}, refused: "The carrierGateway ID 'cagw-00000000000000000' does not exist"},
			{with: object{"GatewayId": nil, "CoreNetworkArn": "arn:aws:networkmanager::111122223333:core-network/core-network-00000000000000000"}, refused: "The coreNetwork ID 'arn:aws:networkmanager::111122223333:core-network/core-network-0000000"},
			{with: object{"GatewayId": nil, "EgressOnlyInternetGatewayId": "eigw-00000000000000000"}, refused: "The egressOnlyInternetGateway ID 'eigw-00000000000000000' does not exist"},
			{with: object{"GatewayId": nil, "InstanceId": "i-00000000000000000"}, refused: "The instance ID 'i-00000000000000000' does not exist"},
			{with: object{"GatewayId": nil, "LocalGatewayId": "lgw-00000000000000000"}, refused: "The localGateway ID 'lgw-00000000000000000' does not exist"},
			{with: object{"GatewayId": nil, "NatGatewayId": "nat-00000000000000000"}, refused: "The natGateway ID 'nat-00000000000000000' does not exist"},
			{with: object{"GatewayId": nil, "NetworkInterfaceId": "eni-00000000000000000"}, refused: "The networkInterface ID 'eni-00000000000000000' does not exist"},
			{with: object{"GatewayId": nil, "OdbNetworkArn": "arn:aws:odb:us-east-1:111122223333:odb-network/odbnet_0000000000"}, refused: "The odbNetwork ID 'arn:aws:odb:us-east-1:111122223333:odb-network/odbnet_0000000000' does "},
			{with: object{"GatewayId": nil, "TransitGatewayId": "tgw-00000000000000000"}, refused: "The transitGateway ID 'tgw-00000000000000000' does not exist"},
			{with: object{"GatewayId": nil, "VpcEndpointId": "vpce-00000000000000000"}, refused: "The vpcEndpoint ID 'vpce-00000000000000000' does not exist"},
		},
		"AWS::EC2::SecurityGroup": {
			tags, set("GroupName", "native"),
			set("SecurityGroupEgress", []object{{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "10.0.0.0/8", "Description": "tls"}}),
			refused("prefix list ID", "SecurityGroupEgress", []object{{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "DestinationPrefixListId": "pl-00000000000000000"}}),
			set("SecurityGroupEgress", []object{{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "DestinationSecurityGroupId": "${closed}"}}),
			set("SecurityGroupEgress", []object{{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIpv6": "2001:db8::/32"}}),
			set("SecurityGroupIngress", []object{{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIpv6": "2001:db8::/32"}}),
			refused("prefix list ID", "SecurityGroupIngress", []object{{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "SourcePrefixListId": "pl-00000000000000000"}}),
			set("SecurityGroupIngress", []object{{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "SourceSecurityGroupId": "${closed}", "SourceSecurityGroupOwnerId": account}}),
			refused("SourceSecurityGroupName]", "SecurityGroupIngress", []object{{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "SourceSecurityGroupName": "default"}}),
		},
		"AWS::EC2::SecurityGroupIngress": {
			set("Description", "shells"), {with: object{"CidrIp": nil, "CidrIpv6": "2001:db8::/32"}}, {with: object{"GroupId": nil, "GroupName": "default"}, refused: "GroupName]"},
			{with: object{"CidrIp": nil, "SourcePrefixListId": "pl-00000000000000000"}, refused: "prefix list ID"}, {with: object{"CidrIp": nil, "SourceSecurityGroupId": "${ruled}", "SourceSecurityGroupOwnerId": account}},
			{with: object{"CidrIp": nil, "SourceSecurityGroupName": "default"}, refused: "SourceSecurityGroupName]"},
		},
		"AWS::EC2::SecurityGroupEgress": {
			set("Description", "all names"), {with: object{"CidrIp": nil, "CidrIpv6": "2001:db8::/32"}},
			{with: object{"CidrIp": nil, "DestinationPrefixListId": "pl-00000000000000000"}, refused: "The prefix list ID 'pl-00000000000000000' does not exist."}, {with: object{"CidrIp": nil, "DestinationSecurityGroupId": "${ruled}"}},
		},
		"AWS::IAM::Role": {
			tags, set("MaxSessionDuration", 7200), set("Path", "/deep/"), set("PermissionsBoundary", "arn:aws:iam::aws:policy/ReadOnlyAccess"),
			set("ManagedPolicyArns", []string{"arn:aws:iam::aws:policy/ReadOnlyAccess"}), set("AssumeRolePolicyDocument", trust("ecs-tasks.amazonaws.com")),
			set("Policies", []object{{"PolicyName": "other", "PolicyDocument": allow("s3:*")}}),
		},
		"AWS::IAM::RolePolicy": {},
		"AWS::IAM::ManagedPolicy": {
			set("Description", "what may be"), set("Path", "/deep/"), set("Users", []string{"native"}), set("Groups", []string{"native"}), set("Roles", []string{}),
		},
		"AWS::Logs::LogGroup": {
			tags, {with: object{"DeletionProtectionEnabled": true}, release: object{"DeletionProtectionEnabled": false}}, refused("DataProtectionPolicy]", "DataProtectionPolicy", object{"Name": "a", "Version": "2021-06-01", "Statement": []object{}}),
			refused("FieldIndexPolicies]", "FieldIndexPolicies", []object{{"Fields": []string{"a"}}}), refused("KmsKeyId]", "KmsKeyId", "arn:aws:kms:us-east-1:111122223333:key/00000000-0000-0000-0000-000000000000"),
			{with: object{"LogGroupClass": "INFREQUENT_ACCESS"}, fixed: "LogGroupClass]"}, refused("ResourcePolicyDocument]", "ResourcePolicyDocument", object{"Version": "2012-10-17", "Statement": []object{}}), refused("BearerTokenAuthenticationEnabled]", "BearerTokenAuthenticationEnabled", true),
		},
		"AWS::ElasticLoadBalancingV2::LoadBalancer": {
			tags, set("LoadBalancerAttributes", []object{{"Key": "idle_timeout.timeout_seconds", "Value": "20"}}), set("SecurityGroups", []string{"${ruled}"}), set("Subnets", []string{"${subnet}", "${third subnet}"}),
			{with: object{"Subnets": nil, "SubnetMappings": []object{{"SubnetId": "${subnet}"}, {"SubnetId": "${third subnet}"}}}},
			{with: object{"Subnets": nil, "SubnetMappings": []object{{"SubnetId": "${subnet}", "PrivateIPv4Address": "10.0.0.77"}, {"SubnetId": "${other subnet}"}}}, refused: "SubnetMappings/*/PrivateIPv4Address]"},
			{with: object{"Subnets": nil, "SubnetMappings": []object{{"SubnetId": "${subnet}", "AllocationId": "eipalloc-00000000000000000"}, {"SubnetId": "${other subnet}"}}}, refused: "SubnetMappings/*/AllocationId]"},
			{with: object{"Subnets": nil, "SubnetMappings": []object{{"SubnetId": "${subnet}", "IPv6Address": "2001:db8::1"}, {"SubnetId": "${other subnet}"}}}, refused: "SubnetMappings/*/IPv6Address]"},
			{with: object{"Subnets": nil, "SubnetMappings": []object{{"SubnetId": "${subnet}", "SourceNatIpv6Prefix": "2001:db8::/80"}, {"SubnetId": "${other subnet}"}}}, refused: "SubnetMappings/*/SourceNatIpv6Prefix]"},
			same("IpAddressType", "ipv4"), refused("You must specify subnets with an associated IPv6 CIDR block for the IP address type 'duals", "IpAddressType", "dualstack"), refused("Ipv4IpamPoolId]", "Ipv4IpamPoolId", "ipam-pool-00000000000000000"),
			refused("EnableCapacityReservationProvisionStabilize]", "EnableCapacityReservationProvisionStabilize", true), refused("EnablePrefixForIpv6SourceNat]", "EnablePrefixForIpv6SourceNat", "on"), refused("EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic]", "EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic", "on"),
			refused("MinimumLoadBalancerCapacity]", "MinimumLoadBalancerCapacity", object{"CapacityUnits": 100}),
		},
		"AWS::ElasticLoadBalancingV2::TargetGroup": {
			tags, same("HealthCheckEnabled", true), refused("Health check enabled must be true for target groups with target type 'ip'", "HealthCheckEnabled", false), set("HealthCheckIntervalSeconds", 7), set("HealthCheckPath", "/a"), set("HealthCheckPort", "81"), same("HealthCheckProtocol", "HTTP"), refused("HTTPS", "HealthCheckProtocol", "HTTPS"), set("HealthCheckTimeoutSeconds", 3),
			set("HealthyThresholdCount", 3), set("UnhealthyThresholdCount", 4), same("IpAddressType", "ipv4"), refused("Targets with addresses of type 'ipv6' are not built; only 'ipv4' is", "IpAddressType", "ipv6"), set("Matcher", object{"HttpCode": "200-299"}),
			{with: object{"ProtocolVersion": "GRPC", "Matcher": object{"GrpcCode": "0"}}, refused: "Targets of protocol version 'GRPC' are not built; only 'HTTP1' is"}, same("ProtocolVersion", "HTTP1"),
			{with: object{"TargetType": "lambda", "Protocol": nil, "Port": nil, "VpcId": nil, "Targets": nil, "HealthCheckEnabled": true}, refused: "Health checks of functions are not built"}, refused("TargetControlPort]", "TargetControlPort", 9000),
			set("TargetGroupAttributes", []object{{"Key": "deregistration_delay.timeout_seconds", "Value": "7"}}), set("Targets", []object{{"Id": "10.0.0.10", "Port": 81}}),
			set("Targets", []object{{"Id": "10.20.0.10", "Port": 81, "AvailabilityZone": "all"}}), refused("QUIC server IDs are only for load balancers of type 'network'", "Targets", []object{{"Id": "10.0.0.10", "Port": 81, "QuicServerId": "0x0123456789abcdef"}}),
		},
		"AWS::ElasticLoadBalancingV2::Listener": {
			tags, set("ListenerAttributes", []object{{"Key": "routing.http.response.server.enabled", "Value": "false"}}), set("Port", 81),
			set("DefaultActions", []object{{"Type": "fixed-response", "FixedResponseConfig": object{"StatusCode": "404", "ContentType": "text/plain", "MessageBody": "no"}}}),
			set("DefaultActions", []object{{"Type": "redirect", "RedirectConfig": object{"Host": "a.example.com", "Path": "/b", "Port": "81", "Protocol": "HTTP", "Query": "q=1", "StatusCode": "HTTP_302"}}}),
			set("DefaultActions", []object{{"Type": "forward", "Order": 1, "ForwardConfig": object{"TargetGroups": []object{{"TargetGroupArn": "${targets}", "Weight": 3}}}}}),
			refused("Stickiness between target groups is not built", "DefaultActions", []object{{"Type": "forward", "ForwardConfig": object{"TargetGroups": []object{{"TargetGroupArn": "${targets}", "Weight": 3}},
				"TargetGroupStickinessConfig": object{"Enabled": true, "DurationSeconds": 60}}}}),
			refused("Internal error reported from downstream service during operation 'AWS::ElasticLoadBalancin", "DefaultActions", []object{{"Type": "authenticate-cognito", "Order": 1, "AuthenticateCognitoConfig": object{"UserPoolArn": "arn:aws:cognito-idp:us-east-1:111122223333:userpool/a", "UserPoolClientId": "a", "UserPoolDomain": "a",
				"AuthenticationRequestExtraParams": object{"a": "b"}, "OnUnauthenticatedRequest": "deny", "Scope": "openid", "SessionCookieName": "c", "SessionTimeout": "60"}},
				{"Type": "forward", "Order": 2, "TargetGroupArn": "${targets}"}}),
			refused("Internal error reported from downstream service during operation 'AWS::ElasticLoadBalancin", "DefaultActions", []object{{"Type": "authenticate-oidc", "Order": 1, "AuthenticateOidcConfig": object{"Issuer": "https://a.example.com", "AuthorizationEndpoint": "https://a.example.com/a", "TokenEndpoint": "https://a.example.com/t",
				"UserInfoEndpoint": "https://a.example.com/u", "ClientId": "a", "ClientSecret": "b", "UseExistingClientSecret": false, "AuthenticationRequestExtraParams": object{"a": "b"}, "OnUnauthenticatedRequest": "deny", "Scope": "openid",
				"SessionCookieName": "c", "SessionTimeout": "60"}}, {"Type": "forward", "Order": 2, "TargetGroupArn": "${targets}"}}),
			refused("The configuration of an action of type 'jwt-validation' does not go with it", "DefaultActions", []object{{"Type": "jwt-validation", "Order": 1, "JwtValidationConfig": object{"Issuer": "https://a.example.com", "JwksEndpoint": "https://a.example.com/j",
				"AdditionalClaims": []object{{"Format": "single-string", "Name": "a", "Values": []string{"b"}}}}}, {"Type": "forward", "Order": 2, "TargetGroupArn": "${targets}"}}),
			refused("An ALPN policy cannot be specified for HTTP listeners", "AlpnPolicy", []string{"HTTP2Only"}), refused("A certificate, a security policy or mutual authentication cannot be specified for HTTP lis", "Certificates", []object{{"CertificateArn": "arn:aws:acm:us-east-1:111122223333:certificate/00000000-0000-0000-0000-000000000000"}}),
			refused("A certificate, a security policy or mutual authentication cannot be specified for HTTP lis", "MutualAuthentication", object{"Mode": "verify", "TrustStoreArn": "arn:aws:elasticloadbalancing:us-east-1:111122223333:truststore/a/0000000000000000", "IgnoreClientCertificateExpiry": true, "AdvertiseTrustStoreCaNames": "on"}),
			refused("Listeners of protocol 'HTTPS' are not built; only 'HTTP' is", "Protocol", "HTTPS"), refused("A certificate, a security policy or mutual authentication cannot be specified for HTTP lis", "SslPolicy", "ELBSecurityPolicy-2016-08"),
		},
		"AWS::ElasticLoadBalancingV2::ListenerRule": {
			tags, set("Actions", []object{{"Type": "fixed-response", "FixedResponseConfig": object{"StatusCode": "403", "ContentType": "text/plain", "MessageBody": "no"}}}),
			set("Actions", []object{{"Type": "redirect", "RedirectConfig": object{"Host": "a.example.com", "Path": "/b", "Port": "81", "Protocol": "HTTP", "Query": "q=1", "StatusCode": "HTTP_302"}}}),
			set("Actions", []object{{"Type": "forward", "TargetGroupArn": "${targets}"}}),
			set("Actions", []object{{"Type": "forward", "Order": 1, "ForwardConfig": object{"TargetGroups": []object{{"TargetGroupArn": "${targets}", "Weight": 3}}}}}),
			refused("Stickiness between target groups is not built", "Actions", []object{{"Type": "forward", "ForwardConfig": object{"TargetGroups": []object{{"TargetGroupArn": "${targets}", "Weight": 3}},
				"TargetGroupStickinessConfig": object{"Enabled": true, "DurationSeconds": 60}}}}),
			refused("The configuration of an action of type 'authenticate-cognito' does not go with it", "Actions", []object{{"Type": "authenticate-cognito", "Order": 1, "AuthenticateCognitoConfig": object{"UserPoolArn": "arn:aws:cognito-idp:us-east-1:111122223333:userpool/a", "UserPoolClientId": "a", "UserPoolDomain": "a",
				"AuthenticationRequestExtraParams": object{"a": "b"}, "OnUnauthenticatedRequest": "deny", "Scope": "openid", "SessionCookieName": "c", "SessionTimeout": 60}},
				{"Type": "forward", "Order": 2, "TargetGroupArn": "${targets}"}}),
			refused("The configuration of an action of type 'authenticate-oidc' does not go with it", "Actions", []object{{"Type": "authenticate-oidc", "Order": 1, "AuthenticateOidcConfig": object{"Issuer": "https://a.example.com", "AuthorizationEndpoint": "https://a.example.com/a", "TokenEndpoint": "https://a.example.com/t",
				"UserInfoEndpoint": "https://a.example.com/u", "ClientId": "a", "ClientSecret": "b", "UseExistingClientSecret": false, "AuthenticationRequestExtraParams": object{"a": "b"}, "OnUnauthenticatedRequest": "deny", "Scope": "openid",
				"SessionCookieName": "c", "SessionTimeout": 60}}, {"Type": "forward", "Order": 2, "TargetGroupArn": "${targets}"}}),
			refused("The configuration of an action of type 'jwt-validation' does not go with it", "Actions", []object{{"Type": "jwt-validation", "Order": 1, "JwtValidationConfig": object{"Issuer": "https://a.example.com", "JwksEndpoint": "https://a.example.com/j",
				"AdditionalClaims": []object{{"Format": "single-string", "Name": "a", "Values": []string{"b"}}}}}, {"Type": "forward", "Order": 2, "TargetGroupArn": "${targets}"}}),
			set("Conditions", []object{{"Field": "host-header", "HostHeaderConfig": object{"Values": []string{"a.example.com"}}}}),
			refused("regular expressions are not built", "Conditions", []object{{"Field": "host-header", "HostHeaderConfig": object{"RegexValues": []string{"^a.*"}}}}),
			set("Conditions", []object{{"Field": "host-header", "Values": []string{"a.example.com"}}}), refused("regular expressions are not built", "Conditions", []object{{"Field": "path-pattern", "RegexValues": []string{"^/a.*"}}}),
			refused("regular expressions are not built", "Conditions", []object{{"Field": "path-pattern", "PathPatternConfig": object{"RegexValues": []string{"^/a.*"}}}}),
			set("Conditions", []object{{"Field": "http-header", "HttpHeaderConfig": object{"HttpHeaderName": "X-A", "Values": []string{"b"}}}}),
			refused("regular expressions are not built", "Conditions", []object{{"Field": "http-header", "HttpHeaderConfig": object{"HttpHeaderName": "X-A", "RegexValues": []string{"^b"}}}}),
			set("Conditions", []object{{"Field": "path-pattern", "PathPatternConfig": object{"Values": []string{"/b", "/c/*"}}}}), set("Priority", 6),
			set("Conditions", []object{{"Field": "http-request-method", "HttpRequestMethodConfig": object{"Values": []string{"PUT"}}}}),
			set("Conditions", []object{{"Field": "query-string", "QueryStringConfig": object{"Values": []object{{"Key": "a", "Value": "b"}}}}}),
			set("Conditions", []object{{"Field": "source-ip", "SourceIpConfig": object{"Values": []string{"10.0.0.0/8"}}}}),
			refused("SourceIpConfig/IpAddressType]", "Conditions", []object{{"Field": "source-ip", "SourceIpConfig": object{"Values": []string{"10.0.0.0/8"}, "IpAddressType": "ipv4"}}}),
			refused("Transforms]", "Transforms", []object{{"Type": "host-header-rewrite", "HostHeaderRewriteConfig": object{"Rewrites": []object{{"Regex": "a", "Replace": "b"}}}}}),
			refused("Transforms]", "Transforms", []object{{"Type": "url-rewrite", "UrlRewriteConfig": object{"Rewrites": []object{{"Regex": "a", "Replace": "b"}}}}}),
		},
		"AWS::Lambda::Function": {
			tags, same("Architectures", []string{own}), {with: object{"Architectures": []string{other}}, refused: "of the architecture " + own + " only", fixed: "Architectures]"}, set("Description", "echo"), set("EphemeralStorage", object{"Size": 1024}), set("MemorySize", 256), same("PackageType", "Zip"), set("Role", "arn:aws:iam::"+account+":role/native"),
			set("Handler", "index.other"), set("Runtime", "python3.13"), set("Timeout", 5), set("Environment", object{"Variables": object{"AB": "2"}}), set("ReservedConcurrentExecutions", 5),
			same("TracingConfig", object{"Mode": "PassThrough"}), refused("Active tracing", "TracingConfig", object{"Mode": "Active"}), set("LoggingConfig", object{"LogGroup": "/native/function"}), refused("LogFormat JSON", "LoggingConfig", object{"LogFormat": "JSON", "ApplicationLogLevel": "DEBUG", "SystemLogLevel": "WARN"}),
			set("VpcConfig", object{"SubnetIds": []string{"${subnet}"}, "SecurityGroupIds": []string{"${group}"}, "Ipv6AllowedForDualStack": false}),
			refused("IPv6 addresses", "VpcConfig", object{"SubnetIds": []string{"${subnet}"}, "SecurityGroupIds": []string{"${group}"}, "Ipv6AllowedForDualStack": true}),
			set("RecursiveLoop", "Allow"), same("RuntimeManagementConfig", object{"UpdateRuntimeOn": "Auto"}), refused("can only be Auto", "RuntimeManagementConfig", object{"UpdateRuntimeOn": "FunctionUpdate"}),
			refused("can only be Auto", "RuntimeManagementConfig", object{"UpdateRuntimeOn": "Manual", "RuntimeVersionArn": "arn:aws:lambda:us-east-1::runtime:0000000000000000000000000000000000000000000000000000000000000000"}),
			refused("CapacityProviderConfig is not supported by this server.", "CapacityProviderConfig", object{"LambdaManagedInstancesCapacityProviderConfig": object{"CapacityProviderArn": "arn:aws:lambda:us-east-1:111122223333:capacity-provider:a", "ExecutionEnvironmentMemoryGiBPerVCpu": 2, "PerExecutionEnvironmentMaxConcurrency": 1}}),
			refused("Source image 111122223333.dkr.ecr.us-east-1.amazonaws.com/a:b does not exist. Provide a va", "Code", object{"ImageUri": "111122223333.dkr.ecr.us-east-1.amazonaws.com/a:b"}),
			refused("encrypted with a key of KMS", "Code", object{"S3Bucket": "bucket", "S3Key": "key", "S3ObjectVersion": "1", "S3ObjectStorageMode": "COPY", "SourceKMSKeyArn": "arn:aws:kms:us-east-1:111122223333:key/00000000-0000-0000-0000-000000000000"}),
			refused("CodeSigningConfigArn]", "CodeSigningConfigArn", "arn:aws:lambda:us-east-1:111122223333:code-signing-config:csc-00000000000000000"), refused("DeadLetterConfig is not supported by this server.", "DeadLetterConfig", object{"TargetArn": "arn:aws:sqs:us-east-1:111122223333:a"}),
			refused("DurableConfig is not supported by this server.", "DurableConfig", object{"ExecutionTimeout": 60, "RetentionPeriodInDays": 3, "KMSKeyArn": "arn:aws:kms:us-east-1:111122223333:key/00000000-0000-0000-0000-000000000000"}),
			refused("FileSystemConfigs is not supported by this server.", "FileSystemConfigs", []object{{"Arn": "arn:aws:elasticfilesystem:us-east-1:111122223333:access-point/fsap-00000000000000000", "LocalMountPath": "/mnt/a"}}),
			refused("FunctionScalingConfig]", "FunctionScalingConfig", object{"MinExecutionEnvironments": 1, "MaxExecutionEnvironments": 2}), refused("ImageConfig is not supported by this server.", "ImageConfig", object{"Command": []string{"a"}, "EntryPoint": []string{"b"}, "WorkingDirectory": "/c"}),
			refused("KMSKeyArn is not supported by this server.", "KmsKeyArn", "arn:aws:kms:us-east-1:111122223333:key/00000000-0000-0000-0000-000000000000"), refused("PublishToLatestPublished]", "PublishToLatestPublished", true), refused("SnapStart is not supported by this server.", "SnapStart", object{"ApplyOn": "PublishedVersions"}),
			refused("TenancyConfig is not supported by this server.", "TenancyConfig", object{"TenantIsolationMode": "PER_TENANT"}), refused("is not authorized to perform: lambda:GetLayerVersion ", "Layers", []string{"arn:aws:lambda:us-east-1:111122223333:layer:none:1"}), refused("PackageType Image is not supported by this server.", "PackageType", "Image"),
		},
		"AWS::Lambda::Version": {
			set("Description", "the first"), refused("CodeSHA256 (AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=) is different from current CodeSH", "CodeSha256", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="), refused("FunctionScalingConfig]", "FunctionScalingConfig", object{"MinExecutionEnvironments": 1, "MaxExecutionEnvironments": 2}),
			refused("ProvisionedConcurrencyConfig]", "ProvisionedConcurrencyConfig", object{"ProvisionedConcurrentExecutions": 1}), refused("RuntimePolicy]", "RuntimePolicy", object{"UpdateRuntimeOn": "Auto", "RuntimeVersionArn": "arn"}),
		},
		"AWS::Lambda::Alias": {
			set("Description", "used"), set("FunctionVersion", "${id of later version}"), refused("ProvisionedConcurrencyConfig]", "ProvisionedConcurrencyConfig", object{"ProvisionedConcurrentExecutions": 1}), {with: object{"RoutingConfig": object{"AdditionalVersionWeights": []object{{"FunctionVersion": "${id of later version}", "FunctionWeight": 0.25}}}}},
		},
		"AWS::Lambda::Permission": {
			set("SourceAccount", account), {with: object{"Principal": "*", "SourceArn": nil, "PrincipalOrgID": "o-aaaaaaaaaa"}}, {with: object{"Principal": "*", "SourceArn": nil, "Action": "lambda:InvokeFunctionUrl", "FunctionUrlAuthType": "NONE"}},
			{with: object{"Principal": "*", "SourceArn": nil, "InvokedViaFunctionUrl": true}}, {with: object{"SourceArn": nil, "Principal": "events.amazonaws.com", "EventSourceToken": "a"}},
		},
		"AWS::RAM::ResourceShare": {
			tags, set("AllowExternalPrincipals", false), set("Name", "other"), set("Principals", []string{"111122223333"}), set("ResourceArns", []string{"${service}"}), set("PermissionArns", []string{"${share permission}"}), refused("Sources]", "Sources", []string{"111122223333"}),
			set("ResourceShareConfiguration", object{"RetainSharingOnAccountLeaveOrganization": true}), refused("ResourceShareConfiguration/ExclusiveAccountAccess]", "ResourceShareConfiguration", object{"ExclusiveAccountAccess": true, "RetainSharingOnAccountLeaveOrganization": false}),
		},
		"AWS::RAM::Permission": {tags},
		"AWS::VpcLattice::ServiceNetwork": {
			{with: object{"SharingConfig": object{"enabled": false}}, fixed: "SharingConfig]"}, tags,
		},
		"AWS::VpcLattice::Service": {
			tags, set("AuthType", "AWS_IAM"), refused("The certificate 'arn:aws:acm:us-east-1:111122223333:certificate/00000000-0000-0000-0000-00", "CertificateArn", "arn:aws:acm:us-east-1:111122223333:certificate/00000000-0000-0000-0000-000000000000"), set("CustomDomainName", "native.example.com"), set("IdleTimeoutSeconds", 90),
		},
		"AWS::VpcLattice::ServiceNetworkServiceAssociation": {tags},
		"AWS::VpcLattice::ServiceNetworkVpcAssociation": {
			tags, set("PrivateDnsEnabled", true), {with: object{"PrivateDnsEnabled": true, "DnsOptions": object{"PrivateDnsPreference": "SPECIFIED_DOMAINS_ONLY", "PrivateDnsSpecifiedDomains": []string{"a.example.com"}}}},
		},
		"AWS::VpcLattice::TargetGroup": {
			tags, set("Targets", []object{{"Id": "10.0.0.10", "Port": 81}}),
			{with: object{"Config": object{"Port": 80, "Protocol": "HTTP", "VpcIdentifier": "${vpc}", "ProtocolVersion": "HTTP1", "IpAddressType": "IPV4", "HealthCheck": object{"HealthCheckIntervalSeconds": 7, "HealthCheckTimeoutSeconds": 3,
				"HealthyThresholdCount": 3, "UnhealthyThresholdCount": 4, "Matcher": object{"HttpCode": "200-299"}, "Path": "/a", "Port": 81}}}, stays: "Port of a health check"},
			{with: object{"Config": object{"Port": 80, "Protocol": "HTTP", "VpcIdentifier": "${vpc}", "ProtocolVersion": "HTTP1", "IpAddressType": "IPV4", "HealthCheck": object{"Port": 81, "Enabled": false}}}},
			refused("HTTPS", "Config", object{"Port": 80, "Protocol": "HTTP", "VpcIdentifier": "${vpc}", "ProtocolVersion": "HTTP1", "IpAddressType": "IPV4", "HealthCheck": object{"Port": 81, "Protocol": "HTTPS"}}),
			refused("HTTP2", "Config", object{"Port": 80, "Protocol": "HTTP", "VpcIdentifier": "${vpc}", "ProtocolVersion": "HTTP1", "IpAddressType": "IPV4", "HealthCheck": object{"Port": 81, "ProtocolVersion": "HTTP2"}}),
			{with: object{"Type": "LAMBDA", "Targets": nil, "Config": object{"LambdaEventStructureVersion": "V1"}}},
		},
		"AWS::VpcLattice::Listener": {
			tags, set("Port", 81), set("DefaultAction", object{"FixedResponse": object{"StatusCode": 500}}),
		},
		"AWS::VpcLattice::Rule": {
			tags, set("Action", object{"FixedResponse": object{"StatusCode": 500}}), set("Match", object{"HttpMatch": object{"PathMatch": object{"Match": object{"Prefix": "/c"}}}}), set("Action", object{"Forward": object{"TargetGroups": []object{{"TargetGroupIdentifier": "${id of lattice targets}", "Weight": 3}}}}),
			set("Match", object{"HttpMatch": object{"Method": "PUT", "PathMatch": object{"CaseSensitive": false, "Match": object{"Exact": "/b"}}, "HeaderMatches": []object{{"Name": "x-a", "CaseSensitive": true, "Match": object{"Contains": "b"}},
				{"Name": "x-b", "Match": object{"Exact": "c"}}, {"Name": "x-c", "Match": object{"Prefix": "d"}}}}}),
		},
		"AWS::VpcLattice::ResourceGateway": {
			tags, same("IpAddressType", "IPV4"), {with: object{"Ipv4AddressesPerEni": 3}, fixed: "Ipv4AddressesPerEni]"}, refused("The subnets have no IPv6 addresses, which a resource gateway of IP address type IPV6 needs", "IpAddressType", "IPV6"), set("ResourceConfigDnsResolution", "IN_VPC"),
		},
		"AWS::VpcLattice::ResourceConfiguration": {
			tags, set("AllowAssociationToSharableServiceNetwork", true), refused("This server does not serve custom domain names of resource configurations: use the generat", "CustomDomainName", "native.example.com"), refused("This server does not serve custom domain names of resource configurations: use the generat", "DomainVerificationId", "dv-00000000000000000"),
			refused("This server does not serve custom domain names of resource configurations: use the generat", "GroupDomain", "example.com"), same("ProtocolType", "TCP"), {with: object{"Name": "other"}, fixed: "Name]"}, set("PortRanges", []string{"81", "90-99"}), set("ResourceConfigurationDefinition", object{"IpResource": "10.0.1.10"}), refused("VPC Lattice has no auth type AWS_IAM of resource configurations.", "ResourceConfigurationAuthType", "AWS_IAM"), {with: object{"ResourceConfigurationGroupId": "rcfg-00000000000000000"}, refused: "of type CHILD has a group", fixed: "ResourceConfigurationGroupId]"},
			{with: object{"ResourceConfigurationType": "ARN", "ResourceConfigurationDefinition": object{"ArnResource": "arn:aws:rds:us-east-1:111122223333:db:a"}}, refused: "This server does not serve resource configurations of type ARN: use SINGLE."},
			set("ResourceConfigurationDefinition", object{"DnsResource": object{"DomainName": "db.example.com", "IpAddressType": "IPV4"}}),
		},
		"AWS::VpcLattice::ServiceNetworkResourceAssociation": {tags, set("PrivateDnsEnabled", true)},
		"AWS::VpcLattice::AccessLogSubscription": {
			tags, {with: object{"ResourceIdentifier": "${network}", "ServiceNetworkLogType": "SERVICE"}, fixed: "ResourceIdentifier]"}, {with: object{"ServiceNetworkLogType": "RESOURCE"}, refused: "Only a service network has log types.", fixed: "ServiceNetworkLogType]"}, refused("Model validation failed (#/DestinationArn: expected minLength: 20, actual: 19)", "DestinationArn", "arn:aws:s3:::bucket"), set("DestinationArn", loggroup),
		},
		"AWS::EC2::VPCEndpoint": {
			tags, set("PrivateDnsEnabled", true), same("IpAddressType", "ipv4"), refused("have no IPv6 addresses", "IpAddressType", "ipv6"), refused("Endpoint policies are not supported", "PolicyDocument", object{"Version": "2012-10-17", "Statement": []object{}}),
			set("SubnetIds", []string{"${other subnet}"}), refused("Route tables are not supported", "RouteTableIds", []string{"${table}"}), refused("both a service network and a resource", "ResourceConfigurationArn", "${resource}"), refused("cannot have a service name", "ServiceName", "com.amazonaws.us-east-1.s3"), refused("is the endpoint's own", "ServiceRegion", "eu-west-1"),
			same("DnsOptions", object{"DnsRecordIpType": "ipv4"}), refused("only for services with both", "DnsOptions", object{"PrivateDnsOnlyForInboundResolverEndpoint": "OnlyInboundResolver"}), {with: object{"PrivateDnsEnabled": true, "DnsOptions": object{"PrivateDnsPreference": "SPECIFIED_DOMAINS_ONLY", "PrivateDnsSpecifiedDomains": []string{"a.example.com"}}}},
		},
		"AWS::Lambda::LayerVersion": {
			refused("NoSuchBucket", "Content", object{"S3Bucket": "bucket", "S3Key": "key", "S3ObjectVersion": "1", "S3ObjectStorageMode": "COPY"}),
		},
		"AWS::Lambda::LayerVersionPermission":    {set("OrganizationId", "o-aaaaaaaaaa")},
		"AWS::Organizations::Account":            {tags, {with: object{"AccountName": "other", "Email": "other@example.com"}, fixed: "are changed by its root user"}, {with: object{"RoleName": "Steward", "Email": "steward@example.com"}, fixed: "cannot update"}},
		"AWS::VpcLattice::DomainVerification":    {tags},
		"AWS::Organizations::Organization":       {{with: object{"FeatureSet": "CONSOLIDATED_BILLING"}, fixed: "Update between ALL and CONSOLIDATED_BILLING feature set mode is not supported."}},
		"AWS::Organizations::OrganizationalUnit": {tags},
	}
}
