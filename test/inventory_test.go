package test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// holding is a list of what an account has: the call, the member of its answer, and what is asked about each of the items. An input's $Name
// stands for a member of the item, or of the call about the one above it.
type holding struct {
	list  call
	in    map[string]any
	items string
	about []holding
	// absent are the codes that say that there is nothing to be listed.
	absent string
}

// holdings are all lists of an account, by API.
func (a *account) holdings() map[string][]holding {
	type in = map[string]any
	e, l, g := a.ec2, a.lattice, a.organizations
	of := func(name, member string) in { return in{name: "$" + member} }
	all := func(list call, items string, about ...holding) holding {
		return holding{list: list, items: items, about: about}
	}
	each := func(list call, asked in, items string, about ...holding) holding {
		return holding{list: list, in: asked, items: items, about: about}
	}
	const arn, absent, nobody = "ResourceArn", "ResourceNotFoundException", "AWSOrganizationsNotInUseException AccessDeniedException"
	latticeTags := each(via(l.ListTagsForResource), of(arn, "Arn"), "Tags")
	rule := each(via(l.ListRules), in{"ServiceIdentifier": "$ServiceIdentifier", "ListenerIdentifier": "$Id"}, "Items", holding{list: via(l.ListTagsForResource), in: of(arn, "Arn"), items: "Tags", absent: absent})
	policy := holding{list: via(l.GetAuthPolicy), in: of("ResourceIdentifier", "Arn"), items: "Policy", absent: absent}
	shared := holding{list: via(l.GetResourcePolicy), in: of(arn, "Arn"), items: "Policy", absent: absent}
	records := each(via(l.ListAccessLogSubscriptions), of("ResourceIdentifier", "Arn"), "Items", latticeTags)
	network := of("ServiceNetworkIdentifier", "Id")
	elbTags := func(member string) holding {
		return each(via(a.elb.DescribeTags), in{"ResourceArns": []any{"$" + member}}, "TagDescriptions")
	}
	function := of("FunctionName", "FunctionName")
	layer := in{"LayerName": "$LayerName", "VersionNumber": "$Version"}
	tagged := func(member string) holding {
		return each(via(g.ListTagsForResource), of("ResourceId", member), "Tags")
	}
	unit := each(via(g.ListOrganizationalUnitsForParent), of("ParentId", "Id"), "OrganizationalUnits", tagged("Id"), each(via(g.ListAccountsForParent), of("ParentId", "Id"), "Accounts"))
	share := in{"ResourceShareArns": []any{"$ResourceShareArn"}}
	return map[string][]holding{
		"ec2": {all(via(e.DescribeVpcs), "Vpcs"), all(via(e.DescribeSubnets), "Subnets"), all(via(e.DescribeRouteTables), "RouteTables"), all(via(e.DescribeNetworkAcls), "NetworkAcls"),
			all(via(e.DescribeSecurityGroups), "SecurityGroups"), all(via(e.DescribeSecurityGroupRules), "SecurityGroupRules"), all(via(e.DescribeInternetGateways), "InternetGateways"),
			all(via(e.DescribeNetworkInterfaces), "NetworkInterfaces"), all(via(e.DescribeVpcPeeringConnections), "VpcPeeringConnections"), all(via(e.DescribeVpcEndpoints), "VpcEndpoints"),
			all(via(e.DescribeDhcpOptions), "DhcpOptions"), all(via(e.DescribeTags), "Tags")},
		"vpclattice": {
			all(via(l.ListServices), "Items", latticeTags, policy, shared, records, each(via(l.ListListeners), of("ServiceIdentifier", "Id"), "Items", latticeTags, rule)),
			all(via(l.ListServiceNetworks), "Items", latticeTags, policy, shared, records, each(via(l.ListServiceNetworkServiceAssociations), network, "Items", latticeTags),
				each(via(l.ListServiceNetworkVpcAssociations), network, "Items", latticeTags), each(via(l.ListServiceNetworkResourceAssociations), network, "Items", latticeTags)),
			all(via(l.ListTargetGroups), "Items", latticeTags, each(via(l.ListTargets), of("TargetGroupIdentifier", "Id"), "Items")),
			all(via(l.ListResourceGateways), "Items", latticeTags), all(via(l.ListResourceConfigurations), "Items", latticeTags, shared),
			all(via(l.ListDomainVerifications), "Items", latticeTags)},
		"iam": {all(via(a.iam.GetAccountAuthorizationDetails), "RoleDetailList"), all(via(a.iam.GetAccountAuthorizationDetails), "UserDetailList"),
			all(via(a.iam.GetAccountAuthorizationDetails), "GroupDetailList"),
			each(via(a.iam.ListPolicies), in{"Scope": "Local"}, "Policies", each(via(a.iam.ListPolicyVersions), of("PolicyArn", "Arn"), "Versions"), each(via(a.iam.ListPolicyTags), of("PolicyArn", "Arn"), "Tags")),
			all(via(a.iam.ListInstanceProfiles), "InstanceProfiles"), all(via(a.iam.ListAccountAliases), "AccountAliases"),
			all(via(a.iam.ListUsers), "Users", each(via(a.iam.ListAccessKeys), of("UserName", "UserName"), "AccessKeyMetadata"))},
		"lambda": {
			all(via(a.lambda.ListFunctions), "Functions", each(via(a.lambda.ListVersionsByFunction), function, "Versions"), each(via(a.lambda.ListTags), of("Resource", "FunctionArn"), "Tags"),
				each(via(a.lambda.ListAliases), function, "Aliases",
					holding{list: via(a.lambda.GetPolicy), in: in{"FunctionName": "$FunctionName", "Qualifier": "$Name"}, items: "Policy", absent: absent}),
				holding{list: via(a.lambda.GetPolicy), in: function, items: "Policy", absent: absent},
				each(via(a.lambda.ListFunctionEventInvokeConfigs), function, "FunctionEventInvokeConfigs"), each(via(a.lambda.GetFunctionConcurrency), function, "ReservedConcurrentExecutions"),
				each(via(a.lambda.GetFunctionRecursionConfig), function, "RecursiveLoop")),
			all(via(a.lambda.ListLayers), "Layers", each(via(a.lambda.ListLayerVersions), of("LayerName", "LayerName"), "LayerVersions",
				holding{list: via(a.lambda.GetLayerVersionPolicy), in: layer, items: "Policy", absent: absent}))},
		"elb": {
			all(via(a.elb.DescribeLoadBalancers), "LoadBalancers", elbTags("LoadBalancerArn"), each(via(a.elb.DescribeListeners), of("LoadBalancerArn", "LoadBalancerArn"), "Listeners",
				elbTags("ListenerArn"), each(via(a.elb.DescribeRules), of("ListenerArn", "ListenerArn"), "Rules"))),
			all(via(a.elb.DescribeTargetGroups), "TargetGroups", elbTags("TargetGroupArn"), each(via(a.elb.DescribeTargetHealth), of("TargetGroupArn", "TargetGroupArn"), "TargetHealthDescriptions"))},
		"ram": {
			each(via(a.ram.GetResourceShares), in{"ResourceOwner": "SELF"}, "ResourceShares", each(via(a.ram.ListResourceSharePermissions), of("ResourceShareArn", "ResourceShareArn"), "Permissions"),
				each(via(a.ram.GetResourceShareAssociations), with(share, "AssociationType", "RESOURCE"), "ResourceShareAssociations"),
				each(via(a.ram.GetResourceShareAssociations), with(share, "AssociationType", "PRINCIPAL"), "ResourceShareAssociations")),
			each(via(a.ram.GetResourceShares), in{"ResourceOwner": "OTHER-ACCOUNTS"}, "ResourceShares"),
			each(via(a.ram.ListPermissions), in{"PermissionType": "CUSTOMER_MANAGED"}, "Permissions", each(via(a.ram.ListPermissionVersions), of("PermissionArn", "Arn"), "Permissions"))},
		"organizations": {
			{list: via(g.DescribeOrganization), items: "Organization", absent: nobody},
			{list: via(g.ListRoots), items: "Roots", absent: nobody, about: []holding{unit, each(via(g.ListAccountsForParent), of("ParentId", "Id"), "Accounts")}},
			{list: via(g.ListPolicies), in: in{"Filter": "SERVICE_CONTROL_POLICY"}, items: "Policies", absent: nobody, about: []holding{each(via(g.ListTargetsForPolicy), of("PolicyId", "Id"), "Targets")}},
			{list: via(g.ListAWSServiceAccessForOrganization), items: "EnabledServicePrincipals", absent: nobody}, {list: via(g.ListDelegatedAdministrators), items: "DelegatedAdministrators", absent: nobody},
			{list: via(g.ListHandshakesForAccount), items: "Handshakes"}},
		"logs": {all(via(a.logs.DescribeLogGroups), "LogGroups", each(via(a.logs.ListTagsForResource), of(arn, "LogGroupArn"), "Tags"),
			each(via(a.logs.DescribeLogStreams), of("LogGroupName", "LogGroupName"), "LogStreams"))},
	}
}

func with(in map[string]any, name string, value any) map[string]any {
	in = maps.Clone(in)
	in[name] = value
	return in
}

// inventory is all that an account has of some APIs, or of all, but for times and for what is listed as deleted for a while.
func (a *account) inventory(t *testing.T, apis ...string) []string {
	t.Helper()
	all := a.holdings()
	if len(apis) == 0 {
		apis = slices.Sorted(maps.Keys(all))
	}
	var out []string
	var look func(h holding, above map[string]any)
	look = func(h holding, above map[string]any) {
		in, _ := filled(h.in, above).(map[string]any)
		got, err := h.list.make(t.Context(), in)
		if slices.Contains(strings.Fields(h.absent), code(err)) {
			return
		}
		if above != nil && strings.Contains(code(err), "NotFound") {
			return // What was listed went away meanwhile.
		}
		if err != nil {
			t.Fatalf("%s %s: %v", h.list.name, shown(in), err)
		}
		for _, more := range []string{"NextToken", "NextMarker", "Marker"} {
			if at(got, more) != "" {
				t.Fatalf("%s %s has more than a page", h.list.name, shown(in))
			}
		}
		items := got.(map[string]any)[h.items]
		list, many := items.([]any)
		if !many && items != nil {
			list = []any{items}
		}
		for _, item := range list {
			// What is over is listed for a while.
			if slices.ContainsFunc([]string{"Status", "Status.Code", "State"}, func(member string) bool {
				return slices.Contains([]string{"DELETED", "deleted", "DISASSOCIATED", "ACCEPTED"}, at(item, member))
			}) {
				continue
			}
			out = append(out, fmt.Sprintf("%s %s %s", h.list.name, shown(in), moments.ReplaceAllString(shown(item), "")))
			around := maps.Clone(in)
			if around == nil {
				around = map[string]any{}
			}
			if members, ok := item.(map[string]any); ok {
				maps.Copy(around, members)
			}
			for _, about := range h.about {
				look(about, around)
			}
		}
	}
	for _, api := range apis {
		for _, h := range all[api] {
			look(h, nil)
		}
	}
	return out
}

// filled is an input with what its names stand for.
func filled(in any, above map[string]any) any {
	switch in := in.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, v := range in {
			out[name] = filled(v, above)
		}
		return out
	case []any:
		out := []any{}
		for _, v := range in {
			out = append(out, filled(v, above))
		}
		return out
	case string:
		if name, ok := strings.CutPrefix(in, "$"); ok {
			return above[name]
		}
	}
	return in
}
