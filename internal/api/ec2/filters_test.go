package ec2_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"trellis/internal/aws/model/ec2"
	"trellis/internal/lattice"
	"trellis/internal/state"
	"trellis/internal/vpc"
)

// filterTable says of an operation where its resources have the value that each of its filters looks at.
type filterTable struct {
	operation string
	// list are the resources in the output.
	list string
	// at has the path of a filter's value in a resource; "" is where none of them has one. What is after an "@" is the kind of
	// value that has another name, under which it is found: a group's, a resource's id, or in addition, a protocol's.
	at map[string]string
}

// filterTables are by the function in the code that knows the filters, and before a "/" what its names are preceded by.
var filterTables = map[string]filterTable{
	"vpcFields": {"DescribeVpcs", "Vpcs", map[string]string{
		"cidr": "CidrBlock", "cidrBlock": "CidrBlock", "cidr-block-association.cidr-block": "CidrBlockAssociationSet.CidrBlock",
		"cidr-block-association.association-id": "CidrBlockAssociationSet.AssociationId", "cidr-block-association.state": "CidrBlockAssociationSet.CidrBlockState.State",
		"dhcp-options-id": "DhcpOptionsId", "instance-tenancy": "InstanceTenancy", "is-default": "IsDefault", "isDefault": "IsDefault",
		"owner-id": "OwnerId", "state": "State", "vpc-id": "VpcId",
		"ipv6-cidr-block-association.ipv6-cidr-block": "", "ipv6-cidr-block-association.ipv6-pool": "",
		"ipv6-cidr-block-association.association-id": "", "ipv6-cidr-block-association.state": "",
	}},
	"subnetFields": {"DescribeSubnets", "Subnets", map[string]string{
		"availability-zone": "AvailabilityZone", "availabilityZone": "AvailabilityZone", "availability-zone-id": "AvailabilityZoneId",
		"availabilityZoneId": "AvailabilityZoneId", "available-ip-address-count": "AvailableIpAddressCount",
		"cidr-block": "CidrBlock", "cidr": "CidrBlock", "cidrBlock": "CidrBlock", "default-for-az": "DefaultForAz", "defaultForAz": "DefaultForAz",
		"enable-dns64": "EnableDns64", "ipv6-native": "Ipv6Native", "map-customer-owned-ip-on-launch": "MapCustomerOwnedIpOnLaunch",
		"map-public-ip-on-launch": "MapPublicIpOnLaunch", "owner-id": "OwnerId", "state": "State", "subnet-arn": "SubnetArn", "subnet-id": "SubnetId", "vpc-id": "VpcId",
		"private-dns-name-options-on-launch.hostname-type":                        "PrivateDnsNameOptionsOnLaunch.HostnameType",
		"private-dns-name-options-on-launch.enable-resource-name-dns-a-record":    "PrivateDnsNameOptionsOnLaunch.EnableResourceNameDnsARecord",
		"private-dns-name-options-on-launch.enable-resource-name-dns-aaaa-record": "PrivateDnsNameOptionsOnLaunch.EnableResourceNameDnsAAAARecord",
		"enable-lni-at-device-index":                                              "", "customer-owned-ipv4-pool": "", "outpost-arn": "",
		"ipv6-cidr-block-association.ipv6-cidr-block": "", "ipv6-cidr-block-association.association-id": "", "ipv6-cidr-block-association.state": "",
	}},
	"routeTableFields": {"DescribeRouteTables", "RouteTables", map[string]string{
		"association.main": "Associations.Main", "association.route-table-association-id": "Associations.RouteTableAssociationId",
		"association.route-table-id": "Associations.RouteTableId", "association.subnet-id": "Associations.SubnetId", "association.state": "Associations.AssociationState.State",
		"owner-id": "OwnerId", "route-table-id": "RouteTableId", "vpc-id": "VpcId", "route.destination-cidr-block": "Routes.DestinationCidrBlock",
		"route.destination-ipv6-cidr-block": "Routes.DestinationIpv6CidrBlock", "route.destination-prefix-list-id": "Routes.DestinationPrefixListId",
		"route.gateway-id": "Routes.GatewayId", "route.origin": "Routes.Origin", "route.state": "Routes.State", "route.vpc-peering-connection-id": "Routes.VpcPeeringConnectionId",
		"association.gateway-id": "", "route.instance-id": "", "route.nat-gateway-id": "", "route.transit-gateway-id": "", "route.egress-only-internet-gateway-id": "",
	}},
	"gatewayFields": {"DescribeInternetGateways", "InternetGateways", map[string]string{
		"attachment.state": "Attachments.State", "attachment.vpc-id": "Attachments.VpcId", "internet-gateway-id": "InternetGatewayId", "owner-id": "OwnerId",
	}},
	"aclFields": {"DescribeNetworkAcls", "NetworkAcls", map[string]string{
		"association.association-id": "Associations.NetworkAclAssociationId", "association.network-acl-id": "Associations.NetworkAclId",
		"association.subnet-id": "Associations.SubnetId", "default": "IsDefault", "entry.cidr": "Entries.CidrBlock", "entry.egress": "Entries.Egress",
		"entry.protocol": "Entries.Protocol@protocol", "entry.rule-action": "Entries.RuleAction", "entry.rule-number": "Entries.RuleNumber", "entry.ipv6-cidr": "Entries.Ipv6CidrBlock",
		"entry.icmp.code": "Entries.IcmpTypeCode.Code", "entry.icmp.type": "Entries.IcmpTypeCode.Type", "entry.port-range.from": "Entries.PortRange.From",
		"entry.port-range.to": "Entries.PortRange.To", "network-acl-id": "NetworkAclId", "owner-id": "OwnerId", "vpc-id": "VpcId",
	}},
	"groupFields": {"DescribeSecurityGroups", "SecurityGroups", map[string]string{
		"description": "Description", "group-id": "GroupId", "group-name": "GroupName", "owner-id": "OwnerId", "vpc-id": "VpcId",
	}},
	"ip-permission./permissionFields":        {"DescribeSecurityGroups", "SecurityGroups", permissionPaths("IpPermissions.")},
	"egress.ip-permission./permissionFields": {"DescribeSecurityGroups", "SecurityGroups", permissionPaths("IpPermissionsEgress.")},
	"ruleFields": {"DescribeSecurityGroupRules", "SecurityGroupRules", map[string]string{
		"group-id": "GroupId", "security-group-rule-id": "SecurityGroupRuleId",
	}},
	"GetSecurityGroupsForVpc": {"GetSecurityGroupsForVpc", "SecurityGroupForVpcs", map[string]string{
		"description": "Description", "group-id": "GroupId", "group-name": "GroupName", "owner-id": "OwnerId", "primary-vpc-id": "PrimaryVpcId",
	}},
	"interfaceFields": {"DescribeNetworkInterfaces", "NetworkInterfaces", map[string]string{
		"addresses.private-ip-address": "PrivateIpAddresses.PrivateIpAddress", "addresses.primary": "PrivateIpAddresses.Primary",
		"attachment.attachment-id": "Attachment.AttachmentId", "attachment.attach-time": "Attachment.AttachTime",
		"attachment.delete-on-termination": "Attachment.DeleteOnTermination", "attachment.device-index": "Attachment.DeviceIndex",
		"attachment.instance-owner-id": "Attachment.InstanceOwnerId", "attachment.status": "Attachment.Status",
		"availability-zone": "AvailabilityZone", "availability-zone-id": "AvailabilityZoneId", "description": "Description", "group-id": "Groups.GroupId",
		"group-name": "Groups.GroupName", "interface-type": "InterfaceType", "mac-address": "MacAddress", "network-interface-id": "NetworkInterfaceId",
		"operator.managed": "Operator.Managed", "owner-id": "OwnerId", "private-dns-name": "PrivateDnsName", "private-ip-address": "PrivateIpAddress",
		"requester-id": "RequesterId", "requester-managed": "RequesterManaged", "source-dest-check": "SourceDestCheck", "status": "Status", "subnet-id": "SubnetId", "vpc-id": "VpcId",
		"addresses.association.public-ip": "", "addresses.association.owner-id": "", "association.association-id": "", "association.allocation-id": "",
		"association.ip-owner-id": "", "association.public-ip": "", "association.public-dns-name": "", "ipv6-addresses.ipv6-address": "", "outpost-arn": "",
		"attachment.instance-id": "", "attachment.nat-gateway-id": "", "operator.principal": "",
	}},
	"peeringFields": {"DescribeVpcPeeringConnections", "VpcPeeringConnections", map[string]string{
		"accepter-vpc-info.cidr-block": "AccepterVpcInfo.CidrBlock", "accepter-vpc-info.owner-id": "AccepterVpcInfo.OwnerId", "accepter-vpc-info.vpc-id": "AccepterVpcInfo.VpcId",
		"requester-vpc-info.cidr-block": "RequesterVpcInfo.CidrBlock", "requester-vpc-info.owner-id": "RequesterVpcInfo.OwnerId", "requester-vpc-info.vpc-id": "RequesterVpcInfo.VpcId",
		"expiration-time": "ExpirationTime", "status-code": "Status.Code", "status-message": "Status.Message", "vpc-peering-connection-id": "VpcPeeringConnectionId",
	}},
	"endpointFields": {"DescribeVpcEndpoints", "VpcEndpoints", map[string]string{
		"ip-address-type": "IpAddressType", "service-name": "", "service-region": "ServiceRegion", "vpc-id": "VpcId", "vpc-endpoint-id": "VpcEndpointId",
		"vpc-endpoint-state": "State", "vpc-endpoint-type": "VpcEndpointType",
	}},
	"associationFields": {"DescribeVpcEndpointAssociations", "VpcEndpointAssociations", map[string]string{
		"vpc-endpoint-id": "VpcEndpointId", "associated-resource-accessibility": "AssociatedResourceAccessibility", "association-id": "Id",
		"associated-resource-id": "AssociatedResourceArn@id", "service-network-arn": "ServiceNetworkArn", "resource-configuration-group-arn": "",
	}},
	"DescribeManagedPrefixLists": {"DescribeManagedPrefixLists", "PrefixLists", map[string]string{
		"owner-id": "OwnerId", "prefix-list-id": "PrefixListId", "prefix-list-name": "PrefixListName",
	}},
	"DescribePrefixLists": {"DescribePrefixLists", "PrefixLists", map[string]string{"prefix-list-id": "PrefixListId", "prefix-list-name": "PrefixListName"}},
	"tagFields":           {"DescribeTags", "Tags", map[string]string{"key": "Key", "resource-id": "ResourceId", "resource-type": "ResourceType", "value": "Value"}},
	"dhcpFields": {"DescribeDhcpOptions", "DhcpOptions", map[string]string{
		"dhcp-options-id": "DhcpOptionsId", "key": "DhcpConfigurations.Key", "value": "DhcpConfigurations.Values.Value", "owner-id": "OwnerId",
	}},
	"DescribeRegions": {"DescribeRegions", "Regions", map[string]string{"endpoint": "Endpoint", "opt-in-status": "OptInStatus", "region-name": "RegionName"}},
	"zoneFields": {"DescribeAvailabilityZones", "AvailabilityZones", map[string]string{
		"group-name": "GroupName", "opt-in-status": "OptInStatus", "region-name": "RegionName", "state": "State", "zone-id": "ZoneId", "zone-name": "ZoneName", "zone-type": "ZoneType",
		"group-long-name": "", "message": "", "parent-zone-id": "", "parent-zone-name": "",
	}},
}

func permissionPaths(list string) map[string]string {
	return map[string]string{"cidr": list + "IpRanges.CidrIp", "ipv6-cidr": list + "Ipv6Ranges.CidrIpv6", "from-port": list + "FromPort", "to-port": list + "ToPort",
		"protocol": list + "IpProtocol", "group-id": list + "UserIdGroupPairs.GroupId", "group-name": list + "UserIdGroupPairs.GroupId@group",
		"user-id": list + "UserIdGroupPairs.UserId", "prefix-list-id": list + "PrefixListIds.PrefixListId"}
}

// tagPaths has where an operation's resources have their tags, of which each has the one with the key Stage; "" is of those without.
var tagPaths = map[string]string{
	"DescribeVpcs": "Tags.", "DescribeSubnets": "Tags.", "DescribeRouteTables": "Tags.", "DescribeInternetGateways": "Tags.", "DescribeNetworkAcls": "Tags.",
	"DescribeSecurityGroups": "Tags.", "DescribeSecurityGroupRules": "Tags.", "GetSecurityGroupsForVpc": "Tags.", "DescribeNetworkInterfaces": "TagSet.",
	"DescribeVpcPeeringConnections": "Tags.", "DescribeManagedPrefixLists": "", "DescribePrefixLists": "", "DescribeTags": "", "DescribeDhcpOptions": "",
	"DescribeRegions": "", "DescribeAvailabilityZones": "", "DescribeVpcEndpoints": "Tags.", "DescribeVpcEndpointAssociations": "",
}

// Every filter of every list finds exactly the resources that have the value, whichever of the values there are it is given.
func TestEveryFilter(t *testing.T) {
	e := newEnv(t)
	v := filterWorld(e)
	inCode := filterNames(t)
	tested := map[string]bool{}
	for name, table := range filterTables {
		t.Run(name, func(t *testing.T) {
			prefix, function, ok := strings.Cut(name, "/")
			if !ok {
				prefix, function = "", name
			}
			tested[function] = true
			if there := slices.Sorted(maps.Keys(table.at)); !slices.Equal(there, inCode[function]) {
				t.Errorf("the code has the filters %q, the table %q", inCode[function], there)
			}
			all, err := e.listBy(table, v, nil)
			if err != nil {
				t.Fatal(err)
			}
			for filter, path := range table.at {
				e.holdFilter(t, table, v, prefix+filter, path, all)
			}
			tags, ok := tagPaths[table.operation]
			if !ok {
				t.Fatalf("%s: are its resources tagged?", table.operation)
			}
			if tags != "" {
				e.holdFilter(t, table, v, "tag-key", tags+"Key", all)
				e.holdFilter(t, table, v, "tag:Stage", tags+"Value", all)
			}
		})
	}
	for function := range inCode {
		if !tested[function] {
			t.Errorf("the filters of %s have no table", function)
		}
	}
}

// holdFilter gives a filter each value that resources have at a path, and one that none has.
func (e *env) holdFilter(t *testing.T, table filterTable, v, filter, path string, all []reflect.Value) {
	t.Helper()
	want := map[string][]any{}
	if path != "" {
		path, kind, _ := strings.Cut(path, "@")
		for _, r := range all {
			values := valuesAt(r, strings.Split(path, "."))
			switch kind {
			case "protocol":
				for _, number := range values {
					if name := map[string]string{"6": "tcp", "1": "icmp"}[number]; name != "" {
						values = append(values, name)
					}
				}
			case "id":
				for i, name := range values {
					values[i] = lattice.IDOf(name)
				}
			case "group":
				for i, id := range values {
					values[i] = e.groupName(id)
				}
			}
			for _, value := range slices.Compact(slices.Sorted(slices.Values(values))) {
				want[value] = append(want[value], r.Interface())
			}
		}
		if len(want) == 0 {
			t.Errorf("%s: no resource has %s", filter, path)
		}
	}
	want["another value"] = nil
	for value, resources := range want {
		if value == "" {
			continue
		}
		found, err := e.listBy(table, v, filters(filter, value))
		if err != nil {
			t.Errorf("%s: %v", filter, err)
			continue
		}
		var got []any
		for _, r := range found {
			got = append(got, r.Interface())
		}
		if !reflect.DeepEqual(got, resources) {
			t.Errorf("%s=%s finds %d resources, not the %d that have it", filter, value, len(got), len(resources))
		}
	}
}

// groupName returns the name of a group, whosever it is.
func (e *env) groupName(id string) string {
	e.t.Helper()
	g, ok := state.SecurityGroups.Get(e.view.Snapshot(), id)
	if !ok {
		e.t.Fatalf("no group %s", id)
	}
	return g.Name
}

// listBy calls the operation of a table with filters.
func (e *env) listBy(table filterTable, v string, by []ec2.Filter) ([]reflect.Value, error) {
	operation := reflect.ValueOf(e.API).MethodByName(table.operation)
	in := reflect.New(operation.Type().In(1).Elem())
	if f := in.Elem().FieldByName("VpcId"); f.IsValid() {
		f.Set(reflect.ValueOf(&v))
	}
	in.Elem().FieldByName("Filters").Set(reflect.ValueOf(by))
	out := operation.Call([]reflect.Value{reflect.ValueOf(e.as(red)), in})
	if err, _ := out[1].Interface().(error); err != nil {
		return nil, err
	}
	var all []reflect.Value
	for _, r := range out[0].Elem().FieldByName(table.list).Seq2() {
		all = append(all, r)
	}
	return all, nil
}

// valuesAt returns what is at a path, in every element of the lists that it leads through, as a filter has it.
func valuesAt(r reflect.Value, path []string) []string {
	switch r.Kind() {
	case reflect.Pointer:
		if r.IsNil() {
			return nil
		}
		return valuesAt(r.Elem(), path)
	case reflect.Slice:
		var out []string
		for i := range r.Len() {
			out = append(out, valuesAt(r.Index(i), path)...)
		}
		return out
	}
	if len(path) > 0 {
		return valuesAt(r.FieldByName(path[0]), path[1:])
	}
	switch value := r.Interface().(type) {
	case bool:
		return []string{strconv.FormatBool(value)}
	case int32:
		return []string{strconv.Itoa(int(value))}
	case time.Time:
		return []string{value.UTC().Format("2006-01-02T15:04:05.000Z")}
	}
	return []string{r.String()}
}

// filterNames reads from the package's code what names each of its functions knows: where it returns values, the cases of a
// switch over "filter".
func filterNames(t *testing.T) map[string][]string {
	t.Helper()
	names := map[string][]string{}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			function, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			var found []string
			ast.Inspect(function, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.FuncLit:
					// An index's name is none.
					return n.Type.Results == nil || n.Type.Results.NumFields() != 1
				case *ast.SwitchStmt:
					if over, ok := n.Tag.(*ast.Ident); ok && over.Name == "filter" {
						found = append(found, cases(t, n)...)
					}
				}
				return true
			})
			if found != nil {
				slices.Sort(found)
				names[function.Name.Name] = slices.Compact(found)
			}
		}
	}
	return names
}

func cases(t *testing.T, s *ast.SwitchStmt) []string {
	t.Helper()
	var out []string
	for _, c := range s.Body.List {
		for _, x := range c.(*ast.CaseClause).List {
			text, err := strconv.Unquote(x.(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, text)
		}
	}
	return out
}

// filterWorld makes resources that differ in what filters look at, and returns a VPC that has most of them.
func filterWorld(e *env) string {
	t := e.t
	ctx := e.as(red)
	v, w, foreign := e.vpc(red, "10.0.0.0/16"), e.vpc(red, "10.1.0.0/16"), e.vpc(black, "10.2.0.0/16")
	must[*ec2.CreateDefaultVpcOutput](t)(e.CreateDefaultVpc(ctx, &ec2.CreateDefaultVpcInput{}))
	must[*ec2.AssociateVpcCidrBlockOutput](t)(e.AssociateVpcCidrBlock(ctx, &ec2.AssociateVpcCidrBlockInput{VpcId: &v, CidrBlock: new("100.64.0.0/16")}))
	must[*ec2.ModifyVpcAttributeOutput](t)(e.ModifyVpcAttribute(ctx, &ec2.ModifyVpcAttributeInput{VpcId: &v, EnableDnsHostnames: &ec2.AttributeBooleanValue{Value: new(true)}}))
	subnet, wide := e.subnet(red, v, "10.0.0.0/24"), e.subnet(red, w, "10.1.0.0/20")
	must[*ec2.ModifySubnetAttributeOutput](t)(e.ModifySubnetAttribute(ctx, &ec2.ModifySubnetAttributeInput{SubnetId: &wide, MapPublicIpOnLaunch: &ec2.AttributeBooleanValue{Value: new(true)}}))

	gateway, table := e.gateway(red), e.table(red, v)
	e.gateway(red)
	must[*ec2.AttachInternetGatewayOutput](t)(e.AttachInternetGateway(ctx, &ec2.AttachInternetGatewayInput{InternetGatewayId: &gateway, VpcId: &v}))
	peering := e.peering(red, black, v, foreign)
	e.accept(black, peering)
	e.peering(red, black, w, foreign)
	must[*ec2.AssociateRouteTableOutput](t)(e.AssociateRouteTable(ctx, &ec2.AssociateRouteTableInput{RouteTableId: &table, SubnetId: &subnet}))
	for _, route := range []ec2.CreateRouteInput{{DestinationCidrBlock: new("0.0.0.0/0"), GatewayId: &gateway}, {DestinationIpv6CidrBlock: new("::/0"), GatewayId: &gateway},
		{DestinationCidrBlock: new("10.2.0.0/16"), VpcPeeringConnectionId: &peering}} {
		route.RouteTableId = &table
		must[*ec2.CreateRouteOutput](t)(e.CreateRoute(ctx, &route))
	}

	acl := *must[*ec2.CreateNetworkAclOutput](t)(e.CreateNetworkAcl(ctx, &ec2.CreateNetworkAclInput{VpcId: &v})).NetworkAcl.NetworkAclId
	for i, entry := range []ec2.CreateNetworkAclEntryInput{
		{Protocol: new("6"), PortRange: &ec2.PortRange{From: new(int32(80)), To: new(int32(90))}, CidrBlock: new("10.0.0.0/8")},
		{Protocol: new("1"), IcmpTypeCode: &ec2.IcmpTypeCode{Type: new(int32(8)), Code: new(int32(-1))}, CidrBlock: new("0.0.0.0/0")},
		{Protocol: new("-1"), Ipv6CidrBlock: new("::/0")},
	} {
		entry.NetworkAclId, entry.RuleAction, entry.RuleNumber = &acl, new("allow"), new(int32(100*(i+1)))
		must[*ec2.CreateNetworkAclEntryOutput](t)(e.CreateNetworkAclEntry(ctx, &entry))
	}

	group, named := e.group(red, v, "rules"), e.group(red, v, "named")
	far := e.group(black, foreign, "far")
	list := vpc.ManagedPrefixLists("us-east-1")[0].ID
	rules := []ec2.IpPermission{cidrRule("tcp", 80, 90, "10.0.0.0/8"), {IpProtocol: new("-1"), Ipv6Ranges: []ec2.Ipv6Range{{CidrIpv6: new("fd00::/8")}}},
		{IpProtocol: new("udp"), FromPort: new(int32(53)), ToPort: new(int32(54)), UserIdGroupPairs: []ec2.UserIdGroupPair{{GroupId: &named}, {GroupId: &far, UserId: new(black)}}},
		{IpProtocol: new("tcp"), FromPort: new(int32(443)), ToPort: new(int32(444)), PrefixListIds: []ec2.PrefixListId{{PrefixListId: &list}}}}
	ingress := must[*ec2.AuthorizeSecurityGroupIngressOutput](t)(e.ingress(red, group, rules...)).SecurityGroupRules
	must[*ec2.AuthorizeSecurityGroupEgressOutput](t)(e.AuthorizeSecurityGroupEgress(ctx, &ec2.AuthorizeSecurityGroupEgressInput{GroupId: &named, IpPermissions: rules}))

	own := must[*ec2.CreateNetworkInterfaceOutput](t)(e.CreateNetworkInterface(ctx, &ec2.CreateNetworkInterfaceInput{SubnetId: &wide, Description: new("one's own")}))
	world := e.lattice(red)
	there := e.endpoint(red, &ec2.CreateVpcEndpointInput{VpcId: &v, VpcEndpointType: new("ServiceNetwork"), ServiceNetworkArn: &world.network, SubnetIds: []string{subnet}})
	for _, id := range []string{*there.VpcEndpointId, v, subnet, table, gateway, acl, group, *ingress[0].SecurityGroupRuleId, *own.NetworkInterface.NetworkInterfaceId, peering} {
		must[*ec2.CreateTagsOutput](t)(e.CreateTags(ctx, &ec2.CreateTagsInput{Resources: []string{id}, Tags: []ec2.Tag{{Key: new("Stage"), Value: new("of " + id)}}}))
	}
	e.update(func(tx *state.Tx) {
		state.NetworkVPCs.Put(tx, &lattice.NetworkVPC{Meta: lattice.Meta{ID: "snva-1"}, VPC: w})
		sn, _ := state.Subnets.Get(tx, subnet)
		if _, err := state.CreateInterface(tx, sn, vpc.NetworkInterface{Groups: []string{group, named}, Description: "ELB app/web/0123456789abcdef", Type: "interface",
			Requester: "amazon-elb", RequesterManaged: true, User: "arn:lb", AttachmentID: "ela-attach-01", Attached: e.now, InstanceOwner: "amazon-elb"}); err != nil {
			t.Error(err)
		}
	})
	e.applied()
	e.subnet(red, w, "10.1.16.0/24")
	e.endpoint(red, &ec2.CreateVpcEndpointInput{VpcId: &w, VpcEndpointType: new("Resource"), ResourceConfigurationArn: &world.configuration, SubnetIds: []string{wide}})
	return v
}
