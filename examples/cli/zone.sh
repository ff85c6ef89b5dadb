#!/usr/bin/env bash
# The landing zone with the AWS CLI: each step makes what is missing of a part of it, sets what is otherwise, or takes the part away, and
# shows every command as it runs it. Nothing is kept between runs: what is there is found by its name.
#
#   zone.sh up              all of it: network, sharing, directory, team Blue, team Green, stage
#   zone.sh network         the shared account's three VPCs, peered
#   zone.sh sharing         a service network for each team, shared with its account
#   zone.sh directory       DirectoryService, and the Lattice service in front of it
#   zone.sh team COLOUR     a team's VPC and the function in it that asks the service: COLOUR is Blue or Green
#   zone.sh stage           the tag Stage of everything
#   zone.sh down            take away what there is of it
#   zone.sh down COLOUR     take away a team's part
#
# The profiles shared-services, blue and green are the three accounts.
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")"

service=${SERVICE:-shared-service} # the Lattice service's name: another one replaces it
stage=${STAGE:-dev}                # the tag of everything

code=../landing-zone/build # the functions' archives, which `make zone` builds
profile=shared-services
export AWS_PAGER=
notes=$(mktemp -d)
trap 'rm -r "$notes"' EXIT

# aws runs the CLI for the account at hand and shows what it runs. Only what --query asks for is printed.
aws() {
	local line="aws --profile $profile" word
	for word; do
		case $word in
		*\'*) word="\"$word\"" ;;
		*[!A-Za-z0-9_./:=,@+-]*) word="'$word'" ;;
		esac
		line+=" $word"
	done
	echo "$line" >&2
	case $2 in
	describe-* | get-* | list-* | wait) echo read ;;
	*) echo change ;;
	esac >>"$notes/commands"
	case " $* " in
	*' --query '*) command aws --profile "$profile" --output text "$@" ;;
	*) command aws --profile "$profile" --output text "$@" >/dev/null ;;
	esac
}

# found COMMAND... prints what a command finds, and nothing where AWS answers that there is nothing.
found() {
	local code=0
	aws "$@" 2>"$notes/said" || code=$?
	if [ "$code" != 0 ] && grep -q ResourceNotFoundException "$notes/said"; then
		sed 1q "$notes/said" >&2
		return
	fi
	cat "$notes/said" >&2
	return "$code"
}

# have FIND... or MAKE... prints what the one command finds, or else what the other makes.
have() {
	local find=() there
	while [ "$1" != or ]; do find+=("$1") && shift; done
	there=$(found "${find[@]}")
	[ -n "$there" ] || there=$(aws "${@:2}")
	echo "$there"
}

# ensure FIND... or MAKE... is have without a word.
ensure() { have "$@" >/dev/null; }

# is VALUE FIND... or SET... runs the other command where what the one finds is not the value.
is() {
	local want=$1 find=() there
	shift
	while [ "$1" != or ]; do find+=("$1") && shift; done
	there=$(found "${find[@]}")
	[ "$there" = "$want" ] || aws "${@:2}"
}

# becomes STATUS COMMAND... asks every second until the answer is STATUS.
becomes() {
	local want=$1 got _
	shift
	for _ in {1..300}; do
		got=$(aws "$@")
		case $got in
		"$want") return ;;
		*FAILED*) break ;;
		esac
		sleep 1
	done
	echo "zone.sh: it is ${got:-there no more} and not ${want:-gone}" >&2
	exit 1
}

# What has a name is found by it.
tagged() { echo "ResourceType=$1,Tags=[{Key=Name,Value=$2},{Key=Provisioned,Value=zone.sh}]"; }
named() { echo "Name=tag:Name,Values=$1"; }
vpc() { aws ec2 describe-vpcs --filters "$(named "$1-$region")" --query 'Vpcs[].VpcId'; }
subnets() { aws ec2 describe-subnets --filters "$(named "$1-*")" --query 'Subnets[].SubnetId'; }
group() { aws ec2 describe-security-groups --filters "$(named "$1-$region")" --query 'SecurityGroups[].GroupId'; }
balancer() { aws elbv2 describe-load-balancers --query "LoadBalancers[?LoadBalancerName=='DirectoryServiceLb'].LoadBalancerArn"; }
service() { aws vpc-lattice list-services --query "items[?name=='$service'].$1"; }
service_network() { aws vpc-lattice list-service-networks --query "items[?name=='${1,,}-service-network'].arn"; }

# The services in Blue's network by another name than the service has.
others() {
	local network
	for network in $(service_network Blue); do
		aws vpc-lattice list-service-network-service-associations --service-network-identifier "$network" --query "items[?serviceName!='$service'].serviceId"
	done
}

# The accounts' zones and region.
locate() {
	zones=($(aws ec2 describe-availability-zones --filters Name=state,Values=available --query 'AvailabilityZones[:2].ZoneName'))
	region=${zones[0]%?}
}

make_vpc() { # NAME CIDR; prints its id
	local id
	id=$(have ec2 describe-vpcs --filters "$(named "$1-$region")" --query 'Vpcs[].VpcId' or \
		ec2 create-vpc --cidr-block "$2" --tag-specifications "$(tagged vpc "$1-$region")" --query Vpc.VpcId)
	aws ec2 wait vpc-available --vpc-ids "$id"
	is True ec2 describe-vpc-attribute --vpc-id "$id" --attribute enableDnsHostnames --query EnableDnsHostnames.Value or \
		ec2 modify-vpc-attribute --vpc-id "$id" --enable-dns-hostnames
	echo "$id"
}

# A subnet in each zone, and a route table for them.
make_tier() { # VPC PREFIX TIER CIDR CIDR; prints the route table's id
	local table subnet i
	table=$(have ec2 describe-route-tables --filters "$(named "$2Rt$3")" --query 'RouteTables[].RouteTableId' or \
		ec2 create-route-table --vpc-id "$1" --tag-specifications "$(tagged route-table "$2Rt$3")" --query RouteTable.RouteTableId)
	for i in 0 1; do
		subnet=$(have ec2 describe-subnets --filters "$(named "$2Subnet$3-${zones[i]}")" --query 'Subnets[].SubnetId' or \
			ec2 create-subnet --vpc-id "$1" --cidr-block "${@:4+i:1}" --availability-zone "${zones[i]}" \
			--tag-specifications "$(tagged subnet "$2Subnet$3-${zones[i]}")" --query Subnet.SubnetId)
		is "$table" ec2 describe-route-tables --filters "Name=association.subnet-id,Values=$subnet" --query 'RouteTables[].RouteTableId' or \
			ec2 associate-route-table --route-table-id "$table" --subnet-id "$subnet"
	done
	echo "$table"
}

# A route of a table to CIDR, by what OPTION names.
make_route() { # TABLE CIDR OPTION ID
	ensure ec2 describe-route-tables --route-table-ids "$1" --query "RouteTables[].Routes[?DestinationCidrBlock=='$2'].DestinationCidrBlock" or \
		ec2 create-route --route-table-id "$1" --destination-cidr-block "$2" "$3" "$4"
}

# An internet gateway, and the way to it from a public tier.
make_gateway() { # VPC NAME TABLE
	local id
	id=$(have ec2 describe-internet-gateways --filters "$(named "$2-$region")" --query 'InternetGateways[].InternetGatewayId' or \
		ec2 create-internet-gateway --tag-specifications "$(tagged internet-gateway "$2-$region")" --query InternetGateway.InternetGatewayId)
	is "$1" ec2 describe-internet-gateways --internet-gateway-ids "$id" --query 'InternetGateways[].Attachments[].VpcId' or \
		ec2 attach-internet-gateway --internet-gateway-id "$id" --vpc-id "$1"
	make_route "$3" 0.0.0.0/0 --gateway-id "$id"
}

# A security group that lets everything in; out it does by itself.
make_group() { # VPC NAME DESCRIPTION; prints its id
	local id
	id=$(have ec2 describe-security-groups --filters "$(named "$2-$region")" --query 'SecurityGroups[].GroupId' or \
		ec2 create-security-group --vpc-id "$1" --group-name "$2" --description "$3" \
		--tag-specifications "$(tagged security-group "$2-$region")" --query GroupId)
	ensure ec2 describe-security-groups --group-ids "$id" --query 'SecurityGroups[].IpPermissions[].IpProtocol' or \
		ec2 authorize-security-group-ingress --group-id "$id" \
		--ip-permissions 'IpProtocol=-1,IpRanges=[{CidrIp=0.0.0.0/0,Description=Any}],Ipv6Ranges=[{CidrIpv6=::/0,Description=Any}]'
	echo "$id"
}

# A function in a VPC, with a role and a log group of its own.
make_function() { # NAME ROLE ARCHIVE SUBNETS GROUP MORE...; prints its ARN
	local role arn
	role=$(have iam list-roles --query "Roles[?RoleName=='$2'].Arn" or \
		iam create-role --role-name "$2" --query Role.Arn --assume-role-policy-document \
		'{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"lambda.amazonaws.com"}}]}')
	ensure iam list-attached-role-policies --role-name "$2" --query 'AttachedPolicies[].PolicyArn' or \
		iam attach-role-policy --role-name "$2" --policy-arn arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole
	ensure logs describe-log-groups --log-group-name-prefix "/aws/lambda/$1" --query 'logGroups[].logGroupName' or \
		logs create-log-group --log-group-name "/aws/lambda/$1"
	arn=$(have lambda list-functions --query "Functions[?FunctionName=='$1'].FunctionArn" or \
		lambda create-function --function-name "$1" --role "$role" --runtime provided.al2023 --handler bootstrap --zip-file "fileb://$code/$3" \
		--vpc-config "SubnetIds=${4//[[:space:]]/,},SecurityGroupIds=$5" "${@:6}" --query FunctionArn)
	aws lambda wait function-active-v2 --function-name "$1"
	echo "$arn"
}

join() { # SERVICE-NETWORK VPC GROUP
	local id
	id=$(have vpc-lattice list-service-network-vpc-associations --vpc-identifier "$2" --query 'items[].id' or \
		vpc-lattice create-service-network-vpc-association --service-network-identifier "$1" --vpc-identifier "$2" --security-group-ids "$3" --query id)
	becomes ACTIVE vpc-lattice get-service-network-vpc-association --service-network-vpc-association-identifier "$id" --query status
}

network() {
	local main public app other colour cidr peering table options
	main=$(make_vpc SharedServicesMainVpc 10.0.0.0/16)
	public=$(make_tier "$main" SharedService Pub 10.0.0.0/22 10.0.4.0/22)
	app=$(make_tier "$main" SharedService App 10.0.8.0/22 10.0.12.0/22)
	make_gateway "$main" SharedServicesMainVpcIgw "$public"
	make_group "$main" MainLambdaAlbSecurityGroup 'ALB Security Group' >/dev/null
	make_group "$main" MainLambdaFuncSecurityGroup 'Lambda Security Group' >/dev/null
	for colour in Blue Green; do
		case $colour in
		Blue) cidr=192.168.0.0/23 && set -- 192.168.0.0/24 192.168.1.0/24 ;;
		Green) cidr=192.168.2.0/23 && set -- 192.168.2.0/24 192.168.3.0/24 ;;
		esac
		other=$(make_vpc "${colour}NetworkVpc" "$cidr")
		table=$(make_tier "$other" "${colour}Peer" '' "$@")
		make_group "$other" "${colour}SecurityGroup" "$colour Lattice Security Group" >/dev/null
		peering=$(have ec2 describe-vpc-peering-connections --filters "$(named "${colour}PeeringConnection")" \
			Name=status-code,Values=pending-acceptance,active --query 'VpcPeeringConnections[].VpcPeeringConnectionId' or \
			ec2 create-vpc-peering-connection --vpc-id "$main" --peer-vpc-id "$other" \
			--tag-specifications "$(tagged vpc-peering-connection "${colour}PeeringConnection")" --query VpcPeeringConnection.VpcPeeringConnectionId)
		is active ec2 describe-vpc-peering-connections --vpc-peering-connection-ids "$peering" --query 'VpcPeeringConnections[].Status.Code' or \
			ec2 accept-vpc-peering-connection --vpc-peering-connection-id "$peering"
		options='PeeringOptions.AllowDnsResolutionFromRemoteVpc'
		is $'True\tTrue' ec2 describe-vpc-peering-connections --vpc-peering-connection-ids "$peering" \
			--query "VpcPeeringConnections[].[AccepterVpcInfo.$options, RequesterVpcInfo.$options]" or \
			ec2 modify-vpc-peering-connection-options --vpc-peering-connection-id "$peering" \
			--accepter-peering-connection-options AllowDnsResolutionFromRemoteVpc=true \
			--requester-peering-connection-options AllowDnsResolutionFromRemoteVpc=true
		make_route "$app" "$cidr" --vpc-peering-connection-id "$peering"
		make_route "$table" 10.0.0.0/16 --vpc-peering-connection-id "$peering"
	done
}

account() { profile=${1,,} aws sts get-caller-identity --query Account; }

sharing() {
	local colour network share kind
	for colour in Blue Green; do
		network=$(have vpc-lattice list-service-networks --query "items[?name=='${colour,,}-service-network'].arn" or \
			vpc-lattice create-service-network --name "${colour,,}-service-network" --auth-type NONE --query arn)
		join "$network" "$(vpc "${colour}NetworkVpc")" "$(group "${colour}SecurityGroup")"
		share=$(have ram get-resource-shares --resource-owner SELF --name "${colour}LatticeRamShare" \
			--query "resourceShares[?status=='ACTIVE'].resourceShareArn" or \
			ram create-resource-share --name "${colour}LatticeRamShare" --no-allow-external-principals --resource-arns "$network" \
			--principals "$(account "$colour")" --query resourceShare.resourceShareArn)
		for kind in PRINCIPAL RESOURCE; do
			becomes ASSOCIATED ram get-resource-share-associations --association-type "$kind" --resource-share-arns "$share" \
				--query 'resourceShareAssociations[].status'
		done
	done
}

# may_ask COLOUR is the statement that opens the service to a team's own question from its own account.
may_ask() {
	printf '{"Effect":"Allow","Principal":"*","Action":"vpc-lattice-svcs:Invoke","Resource":"*","Condition":{"StringEquals":{%s,%s,%s}}}' \
		'"vpc-lattice-svcs:RequestMethod":"GET"' \
		"\"vpc-lattice-svcs:RequestQueryString/q\":\"${1,,}\"" \
		"\"vpc-lattice-svcs:SourceVpcOwnerAccount\":\"$(account "$1")\""
}

directory() {
	local apps balancer targets layer function lattice id other network association policy colour
	apps=$(subnets SharedServiceSubnetApp)
	balancer=$(have elbv2 describe-load-balancers --query "LoadBalancers[?LoadBalancerName=='DirectoryServiceLb'].LoadBalancerArn" or \
		elbv2 create-load-balancer --name DirectoryServiceLb --scheme internal --subnets $apps \
		--security-groups "$(group MainLambdaAlbSecurityGroup)" --query 'LoadBalancers[].LoadBalancerArn')
	targets=$(have elbv2 describe-target-groups --query "TargetGroups[?TargetGroupName=='DirectoryServiceTg'].TargetGroupArn" or \
		elbv2 create-target-group --name DirectoryServiceTg --target-type lambda --query 'TargetGroups[].TargetGroupArn')
	ensure elbv2 describe-listeners --load-balancer-arn "$balancer" --query 'Listeners[].ListenerArn' or \
		elbv2 create-listener --load-balancer-arn "$balancer" --protocol HTTP --port 80 --default-actions "Type=forward,TargetGroupArn=$targets"
	layer=$(have lambda list-layer-versions --layer-name lambda_layer --query 'LayerVersions[:1].LayerVersionArn' or \
		lambda publish-layer-version --layer-name lambda_layer --compatible-runtimes provided.al2023 \
		--zip-file "fileb://$code/directory_app_layer.zip" --query LayerVersionArn)
	function=$(make_function DirectoryServiceFunction DirectoryServiceExecutionRole directory_app.zip "$apps" \
		"$(group MainLambdaFuncSecurityGroup)" --layers "$layer")
	ensure lambda get-policy --function-name DirectoryServiceFunction --query Policy or \
		lambda add-permission --function-name DirectoryServiceFunction --statement-id AlbFunctionPermission \
		--action lambda:InvokeFunction --principal elasticloadbalancing.amazonaws.com --source-arn "$targets"
	is "$function" elbv2 describe-target-health --target-group-arn "$targets" --query 'TargetHealthDescriptions[].Target.Id' or \
		elbv2 register-targets --target-group-arn "$targets" --targets "Id=$function"
	aws elbv2 wait load-balancer-available --load-balancer-arns "$balancer"

	lattice=$(have vpc-lattice list-target-groups --query "items[?name=='shared-service-target'].id" or \
		vpc-lattice create-target-group --name shared-service-target --type ALB \
		--config "port=80,protocol=HTTP,vpcIdentifier=$(vpc SharedServicesMainVpc)" --query id)
	becomes ACTIVE vpc-lattice get-target-group --target-group-identifier "$lattice" --query status
	is "$balancer" vpc-lattice list-targets --target-group-identifier "$lattice" --query 'items[].id' or \
		vpc-lattice register-targets --target-group-identifier "$lattice" --targets "id=$balancer,port=80"
	for other in $(others); do
		drop_service "$other"
	done
	id=$(have vpc-lattice list-services --query "items[?name=='$service'].id" or \
		vpc-lattice create-service --name "$service" --auth-type AWS_IAM --query id)
	becomes ACTIVE vpc-lattice get-service --service-identifier "$id" --query status
	policy="{\"Version\":\"2012-10-17\",\"Statement\":[$(may_ask Blue),$(may_ask Green)]}"
	is "$policy" vpc-lattice get-auth-policy --resource-identifier "$id" --query policy or \
		vpc-lattice put-auth-policy --resource-identifier "$id" --policy "$policy"
	ensure vpc-lattice list-listeners --service-identifier "$id" --query 'items[].id' or \
		vpc-lattice create-listener --service-identifier "$id" --name shared-service-listener --protocol HTTP --port 80 \
		--default-action "forward={targetGroups=[{targetGroupIdentifier=$lattice,weight=100}]}"
	for colour in Blue Green; do
		network=$(service_network "$colour")
		association=$(have vpc-lattice list-service-network-service-associations --service-identifier "$id" \
			--service-network-identifier "$network" --query 'items[].id' or \
			vpc-lattice create-service-network-service-association --service-identifier "$id" --service-network-identifier "$network" --query id)
		becomes ACTIVE vpc-lattice get-service-network-service-association --service-network-service-association-identifier "$association" --query status
	done
}

team() {
	local colour=$1 range asks vpc public group
	case $colour in
	Blue) range=10.100 ;;
	Green) range=10.200 ;;
	esac
	asks="http://$(service dnsEntry.domainName)/?q=${colour,,}"
	profile=${colour,,}
	vpc=$(make_vpc "${colour}SandboxVpc" "$range.0.0/16")
	public=$(make_tier "$vpc" "${colour}Sandbox" Pub "$range.0.0/18" "$range.64.0/18")
	make_gateway "$vpc" "${colour}SandboxIgw" "$public"
	make_tier "$vpc" "${colour}Sandbox" App "$range.128.0/18" "$range.192.0/18" >/dev/null
	group=$(make_group "$vpc" "${colour}SecurityGroup" "$colour Lattice Security Group")
	join "$(service_network "$colour")" "$vpc" "$group"
	group=$(make_group "$vpc" "${colour}LambdaFuncSecurityGroup" 'Lambda Security Group')
	make_function "${colour}Function" "${colour}LambdaExecutionRole" client_app.zip "$(subnets "${colour}SandboxSubnetApp")" "$group" \
		--environment "Variables={${colour^^}_ENDPOINT=$asks}" >/dev/null
	is "$asks" lambda get-function-configuration --function-name "${colour}Function" --query "Environment.Variables.${colour^^}_ENDPOINT" or \
		lambda update-function-configuration --function-name "${colour}Function" --environment "Variables={${colour^^}_ENDPOINT=$asks}"
	aws lambda wait function-updated-v2 --function-name "${colour}Function"
	profile=shared-services
}

# stage tags what has another tag Stage than it should.
stage() {
	local all done ids arn
	for profile in shared-services blue green; do
		all=$(aws ec2 describe-tags --filters Name=key,Values=Provisioned Name=value,Values=zone.sh --query 'Tags[].[ResourceId]')
		done=$(aws ec2 describe-tags --filters Name=key,Values=Stage "Name=value,Values=$stage" --query 'Tags[].[ResourceId]')
		ids=$(grep -vxF "$done" <<<"$all" || true)
		[ -z "$ids" ] || aws ec2 create-tags --resources $ids --tags "Key=Stage,Value=$stage"
		for arn in $(aws lambda list-functions --query "Functions[?contains('DirectoryServiceFunction BlueFunction GreenFunction', FunctionName)].FunctionArn"); do
			is "$stage" lambda list-tags --resource "$arn" --query Tags.Stage or lambda tag-resource --resource "$arn" --tags "Stage=$stage"
		done
	done
	profile=shared-services
	for arn in $(service arn) $(service_network Blue) $(service_network Green); do
		is "$stage" vpc-lattice list-tags-for-resource --resource-arn "$arn" --query tags.Stage or \
			vpc-lattice tag-resource --resource-arn "$arn" --tags "Stage=$stage"
	done
}

# The rest takes away what is found, and nothing where nothing is.

drop_function() { # NAME ROLE
	local found
	for found in $(aws lambda list-functions --query "Functions[?FunctionName=='$1'].FunctionName"); do
		aws lambda delete-function --function-name "$found"
	done
	for found in $(aws logs describe-log-groups --log-group-name-prefix "/aws/lambda/$1" --query 'logGroups[].logGroupName'); do
		aws logs delete-log-group --log-group-name "$found"
	done
	for found in $(aws iam list-roles --query "Roles[?RoleName=='$2'].RoleName"); do
		aws iam detach-role-policy --role-name "$found" --policy-arn arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole
		aws iam delete-role --role-name "$found"
	done
}

# drop_associations KIND FILTER... ends associations of a service network, of the KIND vpc or service.
drop_associations() {
	local kind=$1 id
	shift
	for id in $(aws vpc-lattice "list-service-network-$kind-associations" "$@" --query 'items[].id'); do
		aws vpc-lattice "delete-service-network-$kind-association" "--service-network-$kind-association-identifier" "$id"
	done
	becomes '' vpc-lattice "list-service-network-$kind-associations" "$@" --query 'items[].id'
}

drop_vpc() { # NAME
	local vpc id
	vpc=$(vpc "$1")
	[ -n "$vpc" ] || return 0
	drop_associations vpc --vpc-identifier "$vpc"
	for id in $(aws ec2 describe-vpc-peering-connections --filters "Name=accepter-vpc-info.vpc-id,Values=$vpc" Name=status-code,Values=active \
		--query 'VpcPeeringConnections[].VpcPeeringConnectionId'); do
		aws ec2 delete-vpc-peering-connection --vpc-peering-connection-id "$id"
	done
	for id in $(aws ec2 describe-security-groups --filters "Name=vpc-id,Values=$vpc" --query "SecurityGroups[?GroupName!='default'].GroupId"); do
		aws ec2 delete-security-group --group-id "$id"
	done
	for id in $(aws ec2 describe-subnets --filters "Name=vpc-id,Values=$vpc" --query 'Subnets[].SubnetId'); do
		aws ec2 delete-subnet --subnet-id "$id"
	done
	for id in $(aws ec2 describe-route-tables --filters "Name=vpc-id,Values=$vpc" --query 'RouteTables[?!Associations].RouteTableId'); do
		aws ec2 delete-route-table --route-table-id "$id"
	done
	for id in $(aws ec2 describe-internet-gateways --filters "Name=attachment.vpc-id,Values=$vpc" --query 'InternetGateways[].InternetGatewayId'); do
		aws ec2 detach-internet-gateway --internet-gateway-id "$id" --vpc-id "$vpc"
		aws ec2 delete-internet-gateway --internet-gateway-id "$id"
	done
	aws ec2 delete-vpc --vpc-id "$vpc"
}

drop_team() {
	profile=${1,,}
	drop_function "$1Function" "$1LambdaExecutionRole"
	drop_vpc "$1SandboxVpc"
	profile=shared-services
}

drop_service() { # ID
	drop_associations service --service-identifier "$1"
	aws vpc-lattice delete-service --service-identifier "$1"
	becomes '' vpc-lattice list-services --query "items[?id=='$1'].id"
}

drop_shared() {
	local id colour balancer
	for id in $(service id) $(others); do
		drop_service "$id"
	done
	for id in $(aws vpc-lattice list-target-groups --query "items[?name=='shared-service-target'].id"); do
		balancer=$(balancer)
		[ -z "$balancer" ] || aws vpc-lattice deregister-targets --target-group-identifier "$id" --targets "id=$balancer,port=80"
		becomes '' vpc-lattice list-targets --target-group-identifier "$id" --query 'items[].id'
		aws vpc-lattice delete-target-group --target-group-identifier "$id"
	done
	for id in $(balancer); do
		aws elbv2 delete-load-balancer --load-balancer-arn "$id"
		aws elbv2 wait load-balancers-deleted --load-balancer-arns "$id"
	done
	for id in $(aws elbv2 describe-target-groups --query "TargetGroups[?TargetGroupName=='DirectoryServiceTg'].TargetGroupArn"); do
		aws elbv2 delete-target-group --target-group-arn "$id"
	done
	drop_function DirectoryServiceFunction DirectoryServiceExecutionRole
	for id in $(aws lambda list-layer-versions --layer-name lambda_layer --query 'LayerVersions[].Version'); do
		aws lambda delete-layer-version --layer-name lambda_layer --version-number "$id"
	done
	for colour in Green Blue; do
		for id in $(aws ram get-resource-shares --resource-owner SELF --name "${colour}LatticeRamShare" \
			--query "resourceShares[?status=='ACTIVE'].resourceShareArn"); do
			aws ram delete-resource-share --resource-share-arn "$id"
		done
		for id in $(service_network "$colour"); do
			drop_associations vpc --service-network-identifier "$id"
			aws vpc-lattice delete-service-network --service-network-identifier "$id"
		done
		drop_vpc "${colour}NetworkVpc"
	done
	drop_vpc SharedServicesMainVpc
}

case $* in
up | network | sharing | directory | 'team Blue' | 'team Green' | stage | down | 'down Blue' | 'down Green') locate ;;
*) sed -n '2,/^[^#]/s/^# \{0,1\}//p' zone.sh >&2 && exit 2 ;;
esac
case $* in
up) network; sharing; directory; team Blue; team Green; stage ;;
down) drop_team Green; drop_team Blue; drop_shared ;;
down\ *) drop_team "$2" ;;
*) "$@" ;;
esac
total=$(wc -l <"$notes/commands") changes=$(grep -c change "$notes/commands" || true)
if [ "$changes" = 0 ]; then
	echo "zone.sh $*: nothing to do; $total commands looked"
else
	echo "zone.sh $*: $changes of $total commands changed something"
fi
