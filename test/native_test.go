package test

// nativeResources are of every type but those of an organization's insides and of layers, in an account.
func nativeResources(account string) []nativeResource {
	reading := object{"Effect": "Allow", "Action": []string{"vpc-lattice:GetService"}}
	functionArn := "arn:aws:lambda:" + region + ":" + account + ":function:${function}"
	tagged := func(value string) object { return object{"Tags": tag("Stage", value)} }
	return []nativeResource{
		{name: "vpc", typ: "AWS::EC2::VPC", desired: object{"CidrBlock": "10.0.0.0/16", "EnableDnsHostnames": true, "Tags": tag("Stage", "one")},
			change: append(put("Tags", tag("Stage", "two")), object{"op": "replace", "path": "/EnableDnsHostnames", "value": false}),
			shows:  object{"Tags": tag("Stage", "two"), "EnableDnsHostnames": false, "EnableDnsSupport": true, "CidrBlock": "10.0.0.0/16", "InstanceTenancy": "default"},
			fixed:  object{"CidrBlock": "10.1.0.0/16"}},
		{name: "peer", typ: "AWS::EC2::VPC", desired: object{"CidrBlock": "10.9.0.0/16"}},
		{name: "subnet", typ: "AWS::EC2::Subnet", desired: object{"VpcId": "${vpc}", "CidrBlock": "10.0.0.0/24", "AvailabilityZone": region + "a"},
			change: append(put("MapPublicIpOnLaunch", true), put("Tags", tag("Stage", "two"))...), shows: object{"MapPublicIpOnLaunch": true, "Tags": tag("Stage", "two"), "VpcId": "${vpc}"},
			fixed: object{"CidrBlock": "10.0.1.0/24"}},
		{name: "other subnet", typ: "AWS::EC2::Subnet", desired: object{"VpcId": "${vpc}", "CidrBlock": "10.0.1.0/24", "AvailabilityZone": region + "b"}},
		{name: "third subnet", typ: "AWS::EC2::Subnet", desired: object{"VpcId": "${vpc}", "CidrBlock": "10.0.2.0/24", "AvailabilityZone": region + "c"}},
		{name: "gateway", typ: "AWS::EC2::InternetGateway", desired: object{}, change: put("Tags", tag("Stage", "two")), shows: tagged("two")},
		{name: "attachment", typ: "AWS::EC2::VPCGatewayAttachment", desired: object{"VpcId": "${vpc}", "InternetGatewayId": "${gateway}"},
			shows: object{"VpcId": "${vpc}", "InternetGatewayId": "${gateway}", "AttachmentType": "IGW"}, fixed: object{"VpcId": "${peer}"}},
		{name: "peering", typ: "AWS::EC2::VPCPeeringConnection", desired: object{"VpcId": "${vpc}", "PeerVpcId": "${peer}"},
			change: put("Tags", tag("Stage", "two")), shows: object{"Tags": tag("Stage", "two"), "VpcId": "${vpc}", "PeerVpcId": "${peer}"}, fixed: object{"PeerVpcId": "${vpc}"}},
		{name: "table", typ: "AWS::EC2::RouteTable", desired: object{"VpcId": "${vpc}", "Tags": tag("Stage", "one")},
			change: put("Tags", tag("Stage", "two")), shows: tagged("two"), fixed: object{"VpcId": "${peer}"}},
		{name: "route", typ: "AWS::EC2::Route", desired: object{"RouteTableId": "${table}", "DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "${gateway}"},
			shows: object{"RouteTableId": "${table}", "CidrBlock": "0.0.0.0/0", "GatewayId": "${gateway}"}, fixed: object{"DestinationCidrBlock": "10.200.0.0/16"}, lists: []object{{"RouteTableId": "${table}"}}},
		{name: "association", typ: "AWS::EC2::SubnetRouteTableAssociation", desired: object{"RouteTableId": "${table}", "SubnetId": "${subnet}"},
			shows: object{"RouteTableId": "${table}", "SubnetId": "${subnet}"}},
		{name: "closed", typ: "AWS::EC2::SecurityGroup", desired: object{"GroupDescription": "closed", "VpcId": "${vpc}"}},
		{name: "group", typ: "AWS::EC2::SecurityGroup", desired: object{"GroupDescription": "open", "VpcId": "${vpc}",
			"SecurityGroupIngress": []object{{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "CidrIp": "10.0.0.0/8"}}},
			change: append(put("Tags", tag("Stage", "two")), put("SecurityGroupIngress", []object{{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "10.0.0.0/8", "Description": "tls"}})...),
			shows: object{"Tags": tag("Stage", "two"), "GroupDescription": "open", "VpcId": "${vpc}",
				"SecurityGroupIngress": []object{{"CidrIp": "10.0.0.0/8", "Description": "tls", "FromPort": 443, "IpProtocol": "tcp", "ToPort": 443}},
				"SecurityGroupEgress":  []object{{"CidrIp": "0.0.0.0/0", "IpProtocol": "-1", "FromPort": -1, "ToPort": -1}}},
			fixed: object{"GroupDescription": "closed"}},
		{name: "ruled", typ: "AWS::EC2::SecurityGroup", desired: object{"GroupDescription": "by rules", "VpcId": "${vpc}"}},
		{name: "ingress", typ: "AWS::EC2::SecurityGroupIngress", desired: object{"GroupId": "${ruled}", "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": "10.0.0.0/8"},
			change: put("Description", "shell"), shows: object{"Description": "shell", "CidrIp": "10.0.0.0/8", "GroupId": "${ruled}"}, fixed: object{"FromPort": 23}},
		{name: "egress", typ: "AWS::EC2::SecurityGroupEgress", desired: object{"GroupId": "${ruled}", "IpProtocol": "udp", "FromPort": 53, "ToPort": 53, "CidrIp": "10.0.0.2/32"},
			change: put("Description", "names"), shows: object{"Description": "names", "IpProtocol": "udp"}, fixed: object{"CidrIp": "10.0.0.3/32"}},

		{name: "role", typ: "AWS::IAM::Role", desired: object{"RoleName": "worker", "AssumeRolePolicyDocument": trust("lambda.amazonaws.com"),
			"Policies": []object{{"PolicyName": "inner", "PolicyDocument": allow("logs:*")}}},
			change: append(put("Description", "works"), put("Tags", tag("Stage", "two"))...),
			shows:  object{"Description": "works", "Tags": tag("Stage", "two"), "AssumeRolePolicyDocument": trust("lambda.amazonaws.com"), "MaxSessionDuration": 3600, "Path": "/"},
			more:   []string{"Policies"}, fixed: object{"RoleName": "idler"}},
		{name: "role policy", typ: "AWS::IAM::RolePolicy", desired: object{"RoleName": "${role}", "PolicyName": "own", "PolicyDocument": allow("ec2:*")},
			change: put("PolicyDocument", allow("s3:*")), shows: object{"PolicyDocument": allow("s3:*")}, fixed: object{"PolicyName": "other"}, unlisted: true},
		{name: "managed policy", typ: "AWS::IAM::ManagedPolicy", desired: object{"ManagedPolicyName": "may", "PolicyDocument": allow("s3:*"), "Roles": []string{"${role}"}},
			change: put("PolicyDocument", allow("ec2:*")), shows: object{"PolicyDocument": allow("ec2:*"), "Roles": []string{"${role}"}}, fixed: object{"ManagedPolicyName": "must"}},

		{name: "other log group", typ: "AWS::Logs::LogGroup", desired: object{"LogGroupName": "/native/other"}},
		{name: "log group", typ: "AWS::Logs::LogGroup", desired: object{"LogGroupName": "native", "RetentionInDays": 7},
			change: append(put("RetentionInDays", 30), put("Tags", tag("Stage", "two"))...), shows: object{"RetentionInDays": 30, "Tags": tag("Stage", "two")}, fixed: object{"LogGroupName": "other"},
			lists: []object{nil, {"LogGroupName": "native"}}},

		{name: "balancer", typ: "AWS::ElasticLoadBalancingV2::LoadBalancer", desired: object{"Name": "inner", "Scheme": "internal", "Type": "application",
			"Subnets": []string{"${subnet}", "${other subnet}"}, "SecurityGroups": []string{"${group}"}},
			change: append(put("Tags", tag("Stage", "two")), put("LoadBalancerAttributes", []object{{"Key": "idle_timeout.timeout_seconds", "Value": "30"}})...),
			shows:  object{"Tags": tag("Stage", "two"), "Name": "inner", "Scheme": "internal", "SecurityGroups": []string{"${group}"}},
			more:   []string{"LoadBalancerAttributes"}, fixed: object{"Scheme": "internet-facing"}},
		{name: "targets", typ: "AWS::ElasticLoadBalancingV2::TargetGroup", desired: object{"Name": "behind", "TargetType": "ip", "Protocol": "HTTP", "Port": 80, "VpcId": "${vpc}",
			"Targets": []object{{"Id": "10.0.0.9", "Port": 80}}},
			change: append(put("HealthCheckPath", "/health"), put("Tags", tag("Stage", "two"))...),
			more:   []string{"TargetGroupAttributes"},
			shows:  object{"HealthCheckPath": "/health", "Tags": tag("Stage", "two"), "Port": 80}, fixed: object{"Port": 81}},
		{name: "balancer listener", typ: "AWS::ElasticLoadBalancingV2::Listener", desired: object{"LoadBalancerArn": "${balancer}", "Port": 80, "Protocol": "HTTP",
			"DefaultActions": []object{{"Type": "forward", "TargetGroupArn": "${targets}"}}},
			more:   []string{"ListenerAttributes"},
			change: put("Port", 8080), shows: object{"Port": 8080, "LoadBalancerArn": "${balancer}"}, fixed: object{"LoadBalancerArn": "${targets}"}, lists: []object{{"LoadBalancerArn": "${balancer}"}, {"ListenerArns": []string{"${balancer listener}"}}}},
		{name: "balancer rule", typ: "AWS::ElasticLoadBalancingV2::ListenerRule", desired: object{"ListenerArn": "${balancer listener}", "Priority": 5,
			"Actions":    []object{{"Type": "fixed-response", "FixedResponseConfig": object{"StatusCode": "404"}}},
			"Conditions": []object{{"Field": "path-pattern", "PathPatternConfig": object{"Values": []string{"/a"}}}}},
			change: put("Priority", 7), shows: object{"Priority": 7, "IsDefault": false}, fixed: object{"ListenerArn": "${balancer}"}, lists: []object{{"ListenerArn": "${balancer listener}"}, {"RuleArns": []string{"${balancer rule}", "${balancer rule}"}}}},

		{name: "function", typ: "AWS::Lambda::Function", desired: object{"FunctionName": "native", "Runtime": "python3.12", "Handler": "index.handler", "Role": "arn:aws:iam::" + account + ":role/worker",
			"Code": object{"ZipFile": "def handler(event, context): return event"}, "Environment": object{"Variables": object{"AB": "1"}}},
			change: []object{{"op": "add", "path": "/Code", "value": object{"ZipFile": "def handler(event, context): return 2"}}, {"op": "add", "path": "/Timeout", "value": 9},
				{"op": "add", "path": "/Tags", "value": tag("Stage", "two")}},
			shows: object{"Timeout": 9, "Tags": tag("Stage", "two"), "Environment": object{"Variables": object{"AB": "1"}}, "MemorySize": 128}, fixed: object{"FunctionName": "other"}},
		{name: "version", typ: "AWS::Lambda::Version", desired: object{"FunctionName": "${function}"}, shows: object{"Version": "1", "FunctionName": "${function}"}, fixed: object{"FunctionName": "other"}, lists: []object{{"FunctionName": "${function}"}, {"FunctionName": functionArn}}},
		{name: "alias", typ: "AWS::Lambda::Alias", desired: object{"FunctionName": "${function}", "Name": "live", "FunctionVersion": "${id of version}"},
			change: put("Description", "in use"), shows: object{"Description": "in use", "FunctionVersion": "1", "Name": "live", "FunctionName": "${function}"}, fixed: object{"Name": "dead"},
			lists: []object{{"FunctionName": "${function}"}, {"FunctionName": functionArn}}},
		{name: "permission", typ: "AWS::Lambda::Permission", desired: object{"FunctionName": "${function}", "Action": "lambda:InvokeFunction", "Principal": "elasticloadbalancing.amazonaws.com",
			"SourceArn": "${targets}"}, shows: object{"Action": "lambda:InvokeFunction", "Principal": "elasticloadbalancing.amazonaws.com", "SourceArn": "${targets}"},
			lists: []object{{"FunctionName": "${function}"}}},

		{name: "network", typ: "AWS::VpcLattice::ServiceNetwork", desired: object{"Name": "native", "AuthType": "AWS_IAM", "Tags": tag("Stage", "one")},
			change: append(put("AuthType", "NONE"), put("Tags", tag("Stage", "two"))...), shows: object{"AuthType": "NONE", "Tags": tag("Stage", "two"), "Name": "native"}, rest: object{"AuthType": "NONE"}, fixed: object{"Name": "other"}},
		{name: "service", typ: "AWS::VpcLattice::Service", desired: object{"Name": "native"},
			change: append(put("AuthType", "AWS_IAM"), put("Tags", tag("Stage", "two"))...), shows: object{"AuthType": "AWS_IAM", "Tags": tag("Stage", "two"), "Status": "ACTIVE"},
			fixed: object{"CustomDomainName": "native.example.com"}},
		{name: "share permission", typ: "AWS::RAM::Permission", desired: object{"Name": "reader", "ResourceType": "vpc-lattice:Service", "PolicyTemplate": reading, "Tags": tag("Stage", "one")},
			change: put("Tags", tag("Stage", "two")), shows: object{"Tags": tag("Stage", "two"), "Name": "reader", "ResourceType": "vpc-lattice:Service", "Version": "1",
				"IsResourceTypeDefault": false, "PermissionType": "CUSTOMER_MANAGED", "PolicyTemplate": reading}, fixed: object{"PolicyTemplate": object{"Effect": "Allow", "Action": []string{"vpc-lattice:CreateServiceNetworkServiceAssociation"}}}},
		{name: "share", typ: "AWS::RAM::ResourceShare", desired: object{"Name": "things", "AllowExternalPrincipals": true},
			change: append(put("Name", "more things"), put("Tags", tag("Stage", "two"))...), shows: object{"Name": "more things", "Tags": tag("Stage", "two"), "Status": "ACTIVE"}},
		{name: "offer", typ: "AWS::VpcLattice::ServiceNetworkServiceAssociation", desired: object{"ServiceNetworkIdentifier": "${network}", "ServiceIdentifier": "${service}"},
			change: put("Tags", tag("Stage", "two")), shows: object{"Tags": tag("Stage", "two"), "ServiceArn": "${service}", "ServiceNetworkArn": "${network}", "Status": "ACTIVE"},
			fixed: object{"ServiceIdentifier": "svc-00000000000000000"}, lists: []object{{"ServiceNetworkIdentifier": "${network}"}, {"ServiceIdentifier": "${service}"}, {"ServiceNetworkIdentifier": "${id of network}", "ServiceIdentifier": "${id of service}"}}},
		{name: "entry", typ: "AWS::VpcLattice::ServiceNetworkVpcAssociation", desired: object{"ServiceNetworkIdentifier": "${network}", "VpcIdentifier": "${vpc}", "SecurityGroupIds": []string{"${group}"}},
			change: append(put("SecurityGroupIds", []string{"${ruled}"}), put("Tags", tag("Stage", "two"))...),
			shows:  object{"Tags": tag("Stage", "two"), "SecurityGroupIds": []string{"${ruled}"}, "VpcId": "${vpc}", "Status": "ACTIVE"}, fixed: object{"VpcIdentifier": "${peer}"},
			lists: []object{{"VpcIdentifier": "${vpc}"}, {"ServiceNetworkIdentifier": "${network}"}, {"ServiceNetworkIdentifier": "${id of network}", "VpcIdentifier": "${vpc}"}}},
		{name: "lattice targets", typ: "AWS::VpcLattice::TargetGroup", desired: object{"Name": "native", "Type": "IP", "Config": object{"Port": 80, "Protocol": "HTTP", "VpcIdentifier": "${vpc}"}, "Targets": []object{{"Id": "10.0.0.9", "Port": 80}}},
			change: append(put("Config/HealthCheck", object{"Enabled": true, "Path": "/up"}), put("Tags", tag("Stage", "two"))...),
			shows:  object{"Tags": tag("Stage", "two"), "Type": "IP", "Config": object{"Port": 80, "HealthCheck": object{"Path": "/up", "Enabled": true}}, "Status": "ACTIVE"}, fixed: object{"Type": "LAMBDA"}},
		{name: "listener", typ: "AWS::VpcLattice::Listener", desired: object{"ServiceIdentifier": "${service}", "Name": "http", "Protocol": "HTTP", "DefaultAction": object{"FixedResponse": object{"StatusCode": 404}}},
			change: append(put("DefaultAction", object{"Forward": object{"TargetGroups": []object{{"TargetGroupIdentifier": "${id of lattice targets}", "Weight": 1}}}}), put("Tags", tag("Stage", "two"))...),
			shows:  object{"Tags": tag("Stage", "two"), "Port": 80, "Protocol": "HTTP", "ServiceArn": "${service}"}, fixed: object{"Port": 81}, lists: []object{{"ServiceIdentifier": "${service}"}, {"ServiceIdentifier": "${id of service}"}}},
		{name: "rule", typ: "AWS::VpcLattice::Rule", desired: object{"ServiceIdentifier": "${service}", "ListenerIdentifier": "${listener}", "Name": "first", "Priority": 10,
			"Match": object{"HttpMatch": object{"PathMatch": object{"Match": object{"Prefix": "/a"}}}}, "Action": object{"FixedResponse": object{"StatusCode": 404}}},
			change: append(put("Priority", 20), put("Tags", tag("Stage", "two"))...), shows: object{"Tags": tag("Stage", "two"), "Priority": 20, "Name": "first"}, fixed: object{"Name": "second"},
			lists: []object{{"ServiceIdentifier": "${service}", "ListenerIdentifier": "${listener}"}, {"ServiceIdentifier": "${id of service}", "ListenerIdentifier": "${id of listener}"}}},
		{name: "resource gateway", typ: "AWS::VpcLattice::ResourceGateway", desired: object{"Name": "native", "VpcIdentifier": "${vpc}", "SubnetIds": []string{"${subnet}"},
			"SecurityGroupIds": []string{"${group}"}, "Ipv4AddressesPerEni": 2, "Tags": tag("Stage", "one")},
			change: append(put("SecurityGroupIds", []string{"${ruled}"}), put("Tags", tag("Stage", "two"))...),
			shows: object{"Name": "native", "VpcIdentifier": "${vpc}", "SubnetIds": []string{"${subnet}"}, "SecurityGroupIds": []string{"${ruled}"}, "Ipv4AddressesPerEni": 2,
				"IpAddressType": "IPV4", "ResourceConfigDnsResolution": "PUBLIC", "Tags": tag("Stage", "two")},
			fixed: object{"SubnetIds": []string{"${other subnet}"}}, refused: object{"Ipv4AddressesPerEni": 3}},
		{name: "resource", typ: "AWS::VpcLattice::ResourceConfiguration", desired: object{"Name": "native", "ResourceConfigurationType": "SINGLE", "ResourceGatewayId": "${id of resource gateway}",
			"PortRanges": []string{"5432"}, "ResourceConfigurationDefinition": object{"IpResource": "10.0.0.9"}, "ResourceConfigurationAuthType": "NONE"},
			change: append(append(put("PortRanges", []string{"5432", "6000-6010"}), put("ResourceConfigurationDefinition", object{"DnsResource": object{"DomainName": "db.example.com", "IpAddressType": "IPV4"}})...),
				append(put("AllowAssociationToSharableServiceNetwork", true), put("Tags", tag("Stage", "two"))...)...),
			shows: object{"PortRanges": []string{"5432", "6000-6010"}, "ResourceConfigurationType": "SINGLE", "ProtocolType": "TCP", "AllowAssociationToSharableServiceNetwork": true,
				"ResourceConfigurationDefinition": object{"DnsResource": object{"DomainName": "db.example.com", "IpAddressType": "IPV4"}}, "Tags": tag("Stage", "two")},
			fixed: object{"ResourceConfigurationType": "GROUP"}, refused: object{"Name": "other", "ResourceConfigurationGroupId": "rcfg-00000000000000000", "PortRanges": []string{}}},
		{name: "addressed resource", typ: "AWS::VpcLattice::ResourceConfiguration", desired: object{"Name": "native-address", "ResourceConfigurationType": "SINGLE",
			"ResourceGatewayId": "${id of resource gateway}", "PortRanges": []string{"80"}, "ResourceConfigurationDefinition": object{"IpResource": "10.0.0.9"}},
			shows: object{"PortRanges": []string{"80"}, "ResourceConfigurationDefinition": object{"IpResource": "10.0.0.9"}, "AllowAssociationToSharableServiceNetwork": false, "Tags": []object{}}},
		{name: "resource offer", typ: "AWS::VpcLattice::ServiceNetworkResourceAssociation", desired: object{"ServiceNetworkId": "${network}", "ResourceConfigurationId": "${id of resource}"},
			instead: object{"ServiceNetworkId": "${id of network}"},
			change:  put("Tags", tag("Stage", "two")), shows: object{"Tags": tag("Stage", "two"), "ServiceNetworkId": "${id of network}", "ResourceConfigurationId": "${id of resource}", "PrivateDnsEnabled": false},
			fixed: object{"PrivateDnsEnabled": true}, lists: []object{{"ServiceNetworkId": "${network}"}, {"ResourceConfigurationId": "${resource}"}, {"ServiceNetworkId": "${id of network}", "ResourceConfigurationId": "${id of resource}"}}},
		{name: "endpoint", typ: "AWS::EC2::VPCEndpoint", desired: object{"VpcId": "${vpc}", "VpcEndpointType": "ServiceNetwork", "ServiceNetworkArn": "${network}",
			"SubnetIds": []string{"${subnet}"}, "SecurityGroupIds": []string{"${group}"}, "Tags": tag("Stage", "one")},
			change: append(put("SecurityGroupIds", []string{"${ruled}"}), put("Tags", tag("Stage", "two"))...),
			shows: object{"VpcId": "${vpc}", "VpcEndpointType": "ServiceNetwork", "ServiceNetworkArn": "${network}", "SubnetIds": []string{"${subnet}"},
				"SecurityGroupIds": []string{"${ruled}"}, "PrivateDnsEnabled": false, "Tags": tag("Stage", "two")}, fixed: object{"VpcEndpointType": "Resource"}},
		{name: "domain verification", typ: "AWS::VpcLattice::DomainVerification", desired: object{"DomainName": "native.example.com", "Tags": tag("Stage", "one")},
			change: put("Tags", tag("Stage", "two")), shows: object{"DomainName": "native.example.com", "Status": "PENDING", "Tags": tag("Stage", "two")},
			fixed: object{"DomainName": "other.example.com"}},
		{name: "auth policy", typ: "AWS::VpcLattice::AuthPolicy", desired: object{"ResourceIdentifier": "${service}", "Policy": welcome("one")}, change: put("Policy", welcome("two")),
			shows: object{"Policy": welcome("two"), "State": "Active"}, fixed: object{"ResourceIdentifier": "${network}"}, unlisted: true},
		{name: "resource policy", typ: "AWS::VpcLattice::ResourcePolicy", desired: object{"ResourceArn": "${network}", "Policy": lend(0, "${network}")}, change: put("Policy", lend(1, "${network}")),
			shows: object{"Policy": lend(1, "${network}")}, fixed: object{"ResourceArn": "${service}"}, unlisted: true},
		{name: "access log", typ: "AWS::VpcLattice::AccessLogSubscription", desired: object{"ResourceIdentifier": "${service}", "DestinationArn": "arn:aws:logs:" + region + ":" + account + ":log-group:native:*"},
			change: put("Tags", tag("Stage", "two")), shows: object{"Tags": tag("Stage", "two"), "ResourceArn": "${service}"}, fixed: object{"ResourceIdentifier": "${network}"}, lists: []object{{"ResourceIdentifier": "${service}"}, {"ResourceIdentifier": "${id of service}"}}},

		{name: "organization", typ: "AWS::Organizations::Organization", desired: object{"FeatureSet": "ALL"}, shows: object{"FeatureSet": "ALL", "ManagementAccountId": account}, kept: true},
	}
}

// nativeUnits are the organizational units below a root.
func nativeUnits(root string) []nativeResource {
	return []nativeResource{
		{name: "unit", typ: "AWS::Organizations::OrganizationalUnit", desired: object{"Name": "one", "ParentId": root, "Tags": tag("Stage", "one")},
			change: append(put("Name", "two"), put("Tags", tag("Stage", "two"))...), shows: object{"Name": "two", "ParentId": root, "Tags": tag("Stage", "two")},
			fixed: object{"ParentId": "ou-0000-00000000"}, lists: []object{{"ParentId": root}}},
		{name: "inner unit", typ: "AWS::Organizations::OrganizationalUnit", desired: object{"Name": "inner", "ParentId": "${unit}"}, shows: object{"Name": "inner", "ParentId": "${unit}"},
			lists: []object{{"ParentId": "${unit}"}}},
	}
}

// nativeLayer is a layer that Lambda itself has published, since the type takes layers from S3 alone.
func nativeLayer(account string) nativeResource {
	layerArn := "arn:aws:lambda:" + region + ":" + account + ":layer:native"
	own, _ := architectures()
	return nativeResource{name: "layer", typ: "AWS::Lambda::LayerVersion", lists: []object{{"LayerName": "native"}, {"LayerName": layerArn}},
		shows: object{"LayerName": "native", "LayerVersionArn": "${layer}", "Description": "a layer", "LicenseInfo": "MIT",
			"CompatibleRuntimes": []string{"python3.12"}, "CompatibleArchitectures": []string{own}}}
}

func nativeLayerPermission() nativeResource {
	return nativeResource{name: "layer permission", typ: "AWS::Lambda::LayerVersionPermission", desired: object{"LayerVersionArn": "${layer}", "Action": "lambda:GetLayerVersion", "Principal": "*"},
		shows: object{"LayerVersionArn": "${layer}", "Action": "lambda:GetLayerVersion", "Principal": "*"}, lists: []object{{"LayerVersionArn": "${layer}"}}}
}

// nativeMember is an account of the organization, in a unit below the root. It is closed, not deleted.
func nativeMember(root, unit string) nativeResource {
	return nativeResource{name: "member", typ: "AWS::Organizations::Account",
		desired: object{"AccountName": "native member", "Email": "member@" + root + ".example.com", "ParentIds": []string{unit}, "Tags": tag("Stage", "one")},
		change:  append(put("Tags", tag("Stage", "two")), put("ParentIds", []string{root})...), shows: object{"Tags": tag("Stage", "two"), "ParentIds": []string{root}}, rest: object{"ParentIds": []string{root}}}
}
