#!/usr/bin/env bash
# The landing zone with the AWS CLI: each step makes, or takes away, a part of it, and shows every command as it runs it.
#
#   zone.sh up              all of it: network, sharing, directory, team Blue, team Green
#   zone.sh network         the shared account's three VPCs, peered
#   zone.sh sharing         a service network for each team, shared with its account
#   zone.sh directory       DirectoryService, and the Lattice service in front of it
#   zone.sh team COLOUR     a team's VPC and the function in it that asks the service: COLOUR is Blue or Green
#   zone.sh down            take away what there is of it
#   zone.sh down COLOUR     take away a team's part
#
# The profiles shared-services, blue and green are the three accounts.
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")"

code=../landing-zone/build # the functions' archives, which `make zone` builds
profile=shared-services
export AWS_PAGER=

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
	case " $* " in
	*' --query '*) command aws --profile "$profile" --output text "$@" ;;
	*) command aws --profile "$profile" --output text "$@" >/dev/null ;;
	esac
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
named() { echo "ResourceType=$1,Tags=[{Key=Name,Value=$2}]"; }
vpc() { aws ec2 describe-vpcs --filters "Name=tag:Name,Values=$1-$region" --query 'Vpcs[].VpcId'; }
subnets() { aws ec2 describe-subnets --filters "Name=tag:Name,Values=$1-*" --query 'Subnets[].SubnetId'; }
group() { aws ec2 describe-security-groups --filters "Name=tag:Name,Values=$1-$region" --query 'SecurityGroups[].GroupId'; }
balancer() { aws elbv2 describe-load-balancers --query "LoadBalancers[?LoadBalancerName=='DirectoryServiceLb'].LoadBalancerArn"; }
service() { aws vpc-lattice list-services --query "items[?name=='shared-service'].$1"; }
service_network() { aws vpc-lattice list-service-networks --query "items[?name=='${1,,}-service-network'].arn"; }

# The accounts' zones and region.
locate() {
	zones=($(aws ec2 describe-availability-zones --filters Name=state,Values=available --query 'AvailabilityZones[:2].ZoneName'))
	region=${zones[0]%?}
}

# missing COMMAND... stops where the command finds what is to be made.
missing() {
	local there
	there=$("$@")
	[ -z "$there" ] || { echo "zone.sh: $there is there already; zone.sh down takes it away" >&2; exit 1; }
}

make_vpc() { # NAME CIDR; prints its id
	local id
	id=$(aws ec2 create-vpc --cidr-block "$2" --tag-specifications "$(named vpc "$1-$region")" --query Vpc.VpcId)
	aws ec2 wait vpc-available --vpc-ids "$id"
	aws ec2 modify-vpc-attribute --vpc-id "$id" --enable-dns-hostnames
	echo "$id"
}

# A subnet in each zone, and a route table for them.
make_tier() { # VPC PREFIX TIER CIDR CIDR; prints the route table's id
	local table subnet i
	table=$(aws ec2 create-route-table --vpc-id "$1" --tag-specifications "$(named route-table "$2Rt$3")" --query RouteTable.RouteTableId)
	for i in 0 1; do
		subnet=$(aws ec2 create-subnet --vpc-id "$1" --cidr-block "${@:4+i:1}" --availability-zone "${zones[i]}" \
			--tag-specifications "$(named subnet "$2Subnet$3-${zones[i]}")" --query Subnet.SubnetId)
		aws ec2 associate-route-table --route-table-id "$table" --subnet-id "$subnet"
	done
	echo "$table"
}

# An internet gateway, and the way to it from a public tier.
make_gateway() { # VPC NAME TABLE
	local id
	id=$(aws ec2 create-internet-gateway --tag-specifications "$(named internet-gateway "$2-$region")" --query InternetGateway.InternetGatewayId)
	aws ec2 attach-internet-gateway --internet-gateway-id "$id" --vpc-id "$1"
	aws ec2 create-route --route-table-id "$3" --destination-cidr-block 0.0.0.0/0 --gateway-id "$id"
}

# A security group that lets everything in; out it does by itself.
make_group() { # VPC NAME DESCRIPTION; prints its id
	local id
	id=$(aws ec2 create-security-group --vpc-id "$1" --group-name "$2" --description "$3" \
		--tag-specifications "$(named security-group "$2-$region")" --query GroupId)
	aws ec2 authorize-security-group-ingress --group-id "$id" \
		--ip-permissions 'IpProtocol=-1,IpRanges=[{CidrIp=0.0.0.0/0,Description=Any}],Ipv6Ranges=[{CidrIpv6=::/0,Description=Any}]'
	echo "$id"
}

# A function in a VPC, with a role and a log group of its own.
make_function() { # NAME ROLE ARCHIVE SUBNETS GROUP MORE...; prints its ARN
	local role arn
	role=$(aws iam create-role --role-name "$2" --query Role.Arn --assume-role-policy-document \
		'{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"lambda.amazonaws.com"}}]}')
	aws iam attach-role-policy --role-name "$2" --policy-arn arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole
	aws logs create-log-group --log-group-name "/aws/lambda/$1"
	arn=$(aws lambda create-function --function-name "$1" --role "$role" --runtime provided.al2023 --handler bootstrap \
		--zip-file "fileb://$code/$3" --vpc-config "SubnetIds=${4//[[:space:]]/,},SecurityGroupIds=$5" "${@:6}" --query FunctionArn)
	aws lambda wait function-active-v2 --function-name "$1"
	echo "$arn"
}

join() { # SERVICE-NETWORK VPC GROUP
	local id
	id=$(aws vpc-lattice create-service-network-vpc-association --service-network-identifier "$1" --vpc-identifier "$2" \
		--security-group-ids "$3" --query id)
	becomes ACTIVE vpc-lattice get-service-network-vpc-association --service-network-vpc-association-identifier "$id" --query status
}

network() {
	missing vpc SharedServicesMainVpc
	local main public app other colour cidr peering table
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
		peering=$(aws ec2 create-vpc-peering-connection --vpc-id "$main" --peer-vpc-id "$other" \
			--tag-specifications "$(named vpc-peering-connection "${colour}PeeringConnection")" --query VpcPeeringConnection.VpcPeeringConnectionId)
		aws ec2 accept-vpc-peering-connection --vpc-peering-connection-id "$peering"
		aws ec2 modify-vpc-peering-connection-options --vpc-peering-connection-id "$peering" \
			--accepter-peering-connection-options AllowDnsResolutionFromRemoteVpc=true \
			--requester-peering-connection-options AllowDnsResolutionFromRemoteVpc=true
		aws ec2 create-route --route-table-id "$app" --destination-cidr-block "$cidr" --vpc-peering-connection-id "$peering"
		aws ec2 create-route --route-table-id "$table" --destination-cidr-block 10.0.0.0/16 --vpc-peering-connection-id "$peering"
	done
}

account() { profile=${1,,} aws sts get-caller-identity --query Account; }

sharing() {
	local colour network share
	for colour in Blue Green; do
		missing service_network "$colour"
		network=$(aws vpc-lattice create-service-network --name "${colour,,}-service-network" --auth-type NONE --query arn)
		join "$network" "$(vpc "${colour}NetworkVpc")" "$(group "${colour}SecurityGroup")"
		share=$(aws ram create-resource-share --name "${colour}LatticeRamShare" --no-allow-external-principals --resource-arns "$network" \
			--principals "$(account "$colour")" --query resourceShare.resourceShareArn)
		becomes ASSOCIATED ram get-resource-share-associations --association-type PRINCIPAL --resource-share-arns "$share" \
			--query 'resourceShareAssociations[].status'
		becomes ASSOCIATED ram get-resource-share-associations --association-type RESOURCE --resource-share-arns "$share" \
			--query 'resourceShareAssociations[].status'
	done
}

# may_ask COLOUR is the statement that opens the service to a team's own question from its own account.
may_ask() {
	cat <<-END
		{"Effect": "Allow", "Principal": "*", "Action": "vpc-lattice-svcs:Invoke", "Resource": "*", "Condition": {"StringEquals": {
		  "vpc-lattice-svcs:RequestMethod": "GET",
		  "vpc-lattice-svcs:RequestQueryString/q": "${1,,}",
		  "vpc-lattice-svcs:SourceVpcOwnerAccount": "$(account "$1")"}}}
	END
}

directory() {
	missing balancer
	local apps balancer targets layer function lattice id association colour
	apps=$(subnets SharedServiceSubnetApp)
	balancer=$(aws elbv2 create-load-balancer --name DirectoryServiceLb --scheme internal --subnets $apps \
		--security-groups "$(group MainLambdaAlbSecurityGroup)" --query 'LoadBalancers[].LoadBalancerArn')
	targets=$(aws elbv2 create-target-group --name DirectoryServiceTg --target-type lambda --query 'TargetGroups[].TargetGroupArn')
	aws elbv2 create-listener --load-balancer-arn "$balancer" --protocol HTTP --port 80 --default-actions "Type=forward,TargetGroupArn=$targets"
	layer=$(aws lambda publish-layer-version --layer-name lambda_layer --compatible-runtimes provided.al2023 \
		--zip-file "fileb://$code/directory_app_layer.zip" --query LayerVersionArn)
	function=$(make_function DirectoryServiceFunction DirectoryServiceExecutionRole directory_app.zip "$apps" \
		"$(group MainLambdaFuncSecurityGroup)" --layers "$layer")
	aws lambda add-permission --function-name DirectoryServiceFunction --statement-id AlbFunctionPermission \
		--action lambda:InvokeFunction --principal elasticloadbalancing.amazonaws.com --source-arn "$targets"
	aws elbv2 register-targets --target-group-arn "$targets" --targets "Id=$function"
	aws elbv2 wait load-balancer-available --load-balancer-arns "$balancer"

	lattice=$(aws vpc-lattice create-target-group --name shared-service-target --type ALB \
		--config "port=80,protocol=HTTP,vpcIdentifier=$(vpc SharedServicesMainVpc)" --query id)
	becomes ACTIVE vpc-lattice get-target-group --target-group-identifier "$lattice" --query status
	aws vpc-lattice register-targets --target-group-identifier "$lattice" --targets "id=$balancer,port=80"
	id=$(aws vpc-lattice create-service --name shared-service --auth-type AWS_IAM --query id)
	becomes ACTIVE vpc-lattice get-service --service-identifier "$id" --query status
	aws vpc-lattice put-auth-policy --resource-identifier "$id" \
		--policy "{\"Version\": \"2012-10-17\", \"Statement\": [$(may_ask Blue), $(may_ask Green)]}"
	aws vpc-lattice create-listener --service-identifier "$id" --name shared-service-listener --protocol HTTP --port 80 \
		--default-action "forward={targetGroups=[{targetGroupIdentifier=$lattice,weight=100}]}"
	for colour in Blue Green; do
		association=$(aws vpc-lattice create-service-network-service-association --service-identifier "$id" \
			--service-network-identifier "$(service_network "$colour")" --query id)
		becomes ACTIVE vpc-lattice get-service-network-service-association --service-network-service-association-identifier "$association" --query status
	done
}

team() {
	local colour=$1 range name vpc public group
	case $colour in
	Blue) range=10.100 ;;
	Green) range=10.200 ;;
	esac
	name=$(service dnsEntry.domainName)
	profile=${colour,,}
	missing vpc "${colour}SandboxVpc"
	vpc=$(make_vpc "${colour}SandboxVpc" "$range.0.0/16")
	public=$(make_tier "$vpc" "${colour}Sandbox" Pub "$range.0.0/18" "$range.64.0/18")
	make_gateway "$vpc" "${colour}SandboxIgw" "$public"
	make_tier "$vpc" "${colour}Sandbox" App "$range.128.0/18" "$range.192.0/18" >/dev/null
	group=$(make_group "$vpc" "${colour}SecurityGroup" "$colour Lattice Security Group")
	join "$(service_network "$colour")" "$vpc" "$group"
	group=$(make_group "$vpc" "${colour}LambdaFuncSecurityGroup" 'Lambda Security Group')
	make_function "${colour}Function" "${colour}LambdaExecutionRole" client_app.zip "$(subnets "${colour}SandboxSubnetApp")" "$group" \
		--environment "Variables={${colour^^}_ENDPOINT=http://$name/?q=${colour,,}}" >/dev/null
	profile=shared-services
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

drop_shared() {
	local id colour balancer
	id=$(service id)
	if [ -n "$id" ]; then
		drop_associations service --service-identifier "$id"
		aws vpc-lattice delete-service --service-identifier "$id"
		becomes '' vpc-lattice list-services --query "items[?id=='$id'].id"
	fi
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
up | network | sharing | directory | 'team Blue' | 'team Green' | down | 'down Blue' | 'down Green') locate ;;
*) sed -n '2,/^[^#]/s/^# \{0,1\}//p' zone.sh >&2 && exit 2 ;;
esac
case $* in
up) network; sharing; directory; team Blue; team Green ;;
down) drop_team Green; drop_team Blue; drop_shared ;;
down\ *) drop_team "$2" ;;
*) "$@" ;;
esac
