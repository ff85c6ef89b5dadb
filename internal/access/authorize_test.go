package access_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"trellis/internal/access"
	"trellis/internal/aws/model/ec2"
	"trellis/internal/aws/model/elbv2"
	"trellis/internal/aws/model/iam"
	"trellis/internal/aws/model/lambda"
	"trellis/internal/aws/model/logs"
	"trellis/internal/aws/model/organizations"
	"trellis/internal/aws/model/ram"
	"trellis/internal/aws/model/vpclattice"
	"trellis/internal/caller"
	"trellis/internal/fault"
	"trellis/internal/identity"
	"trellis/internal/state"
	"trellis/internal/tag"
	"trellis/internal/vpc"
)

func base64of(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// TestResources says which one resource a policy has to name for a call to be allowed.
func TestResources(t *testing.T) {
	w := newWorld(t)
	w.update(func(tx *state.Tx) {
		state.Users.Put(tx, &identity.User{Account: red, Name: "ann", Path: "/team/", ID: "AIDAANN"})
		state.Roles.Put(tx, &identity.Role{Account: red, Name: "r", Path: "/team/", ID: "AROAR"})
	})
	ec2s := "arn:aws:ec2:us-east-1:111111111111:"
	lattice := "arn:aws:vpc-lattice:us-east-1:111111111111:"
	fn := "arn:aws:lambda:us-east-1:111111111111:function:"
	lb := "arn:aws:elasticloadbalancing:us-east-1:111111111111:"
	iams := "arn:aws:iam::111111111111:"
	group := "arn:aws:logs:us-east-1:111111111111:log-group:"
	for _, c := range []struct {
		action string
		in     any
		want   []string
	}{
		{"ec2:CreateVpc", &ec2.CreateVpcInput{}, []string{ec2s + "vpc/*"}},
		{"ec2:DeleteVpc", &ec2.DeleteVpcInput{VpcId: new("vpc-1")}, []string{ec2s + "vpc/vpc-1"}},
		{"ec2:DescribeVpcs", &ec2.DescribeVpcsInput{VpcIds: []string{"vpc-1"}}, []string{"*"}},
		{"ec2:CreateSubnet", &ec2.CreateSubnetInput{VpcId: new("vpc-1")}, []string{ec2s + "subnet/*", ec2s + "vpc/vpc-1"}},
		{"ec2:CreateRoute", &ec2.CreateRouteInput{RouteTableId: new("rtb-1"), GatewayId: new("igw-1")}, []string{ec2s + "route-table/rtb-1"}},
		{"ec2:AssociateRouteTable", &ec2.AssociateRouteTableInput{RouteTableId: new("rtb-1"), SubnetId: new("subnet-1")}, []string{ec2s + "route-table/rtb-1", ec2s + "subnet/subnet-1"}},
		{"ec2:CreateNetworkInterface", &ec2.CreateNetworkInterfaceInput{SubnetId: new("subnet-1"), Groups: []string{"sg-1", "sg-2"}},
			[]string{ec2s + "network-interface/*", ec2s + "subnet/subnet-1", ec2s + "security-group/sg-1", ec2s + "security-group/sg-2"}},
		{"ec2:CreateTags", &ec2.CreateTagsInput{Resources: []string{"vpc-1", "sg-1"}}, []string{ec2s + "vpc/vpc-1", ec2s + "security-group/sg-1"}},
		{"vpc-lattice:GetService", &vpclattice.GetServiceInput{ServiceIdentifier: new("svc-1")}, []string{lattice + "service/svc-1"}},
		{"vpc-lattice:GetServiceNetwork", &vpclattice.GetServiceNetworkInput{ServiceNetworkIdentifier: new("arn:aws:vpc-lattice:eu-west-1:222222222222:servicenetwork/sn-1")},
			[]string{"arn:aws:vpc-lattice:eu-west-1:222222222222:servicenetwork/sn-1"}},
		{"vpc-lattice:GetListener", &vpclattice.GetListenerInput{ServiceIdentifier: new(lattice + "service/svc-1"), ListenerIdentifier: new("listener-1")},
			[]string{lattice + "service/svc-1/listener/listener-1"}},
		{"vpc-lattice:GetRule", &vpclattice.GetRuleInput{ServiceIdentifier: new("svc-1"), ListenerIdentifier: new(lattice + "service/svc-1/listener/listener-1"), RuleIdentifier: new("rule-1")},
			[]string{lattice + "service/svc-1/listener/listener-1/rule/rule-1"}},
		{"vpc-lattice:UpdateRule", &vpclattice.BatchUpdateRuleInput{ServiceIdentifier: new("svc-1"), ListenerIdentifier: new("listener-1"), Rules: []vpclattice.RuleUpdate{{RuleIdentifier: new("rule-1")}, {RuleIdentifier: new("rule-2")}}},
			[]string{lattice + "service/svc-1/listener/listener-1/rule/rule-1", lattice + "service/svc-1/listener/listener-1/rule/rule-2"}},
		{"vpc-lattice:PutAuthPolicy", &vpclattice.PutAuthPolicyInput{ResourceIdentifier: new("sn-1")}, []string{lattice + "servicenetwork/sn-1"}},
		{"vpc-lattice:ListServices", &vpclattice.ListServicesInput{}, []string{"*"}},
		{"vpc-lattice:CreateServiceNetworkServiceAssociation", &vpclattice.CreateServiceNetworkServiceAssociationInput{ServiceIdentifier: new("svc-1"), ServiceNetworkIdentifier: new("sn-1")},
			[]string{lattice + "servicenetworkserviceassociation/*", lattice + "servicenetwork/sn-1", lattice + "service/svc-1"}},
		{"lambda:InvokeFunction", &lambda.InvokeInput{FunctionName: new("f")}, []string{fn + "f"}},
		{"lambda:InvokeFunction", &lambda.InvokeInput{FunctionName: new("f:3")}, []string{fn + "f:3"}},
		{"lambda:InvokeFunction", &lambda.InvokeInput{FunctionName: new(fn + "f"), Qualifier: new("live")}, []string{fn + "f:live"}},
		{"lambda:GetFunction", &lambda.GetFunctionInput{FunctionName: new("222222222222:function:f")}, []string{"arn:aws:lambda:us-east-1:222222222222:function:f"}},
		{"lambda:CreateFunction", &lambda.CreateFunctionInput{FunctionName: new("f")}, []string{fn + "f"}},
		{"lambda:GetLayerVersion", &lambda.GetLayerVersionInput{LayerName: new("l"), VersionNumber: new(int64(2))}, []string{"arn:aws:lambda:us-east-1:111111111111:layer:l:2"}},
		{"lambda:PublishLayerVersion", &lambda.PublishLayerVersionInput{LayerName: new("l")}, []string{"arn:aws:lambda:us-east-1:111111111111:layer:l"}},
		{"lambda:ListFunctions", &lambda.ListFunctionsInput{}, []string{"*"}},
		{"elasticloadbalancing:CreateLoadBalancer", &elbv2.CreateLoadBalancerInput{Name: new("a")}, []string{lb + "loadbalancer/app/a/*"}},
		{"elasticloadbalancing:DescribeListeners", &elbv2.DescribeListenersInput{LoadBalancerArn: new("arn:aws:elasticloadbalancing:r:a:loadbalancer/app/a/1")}, []string{"*"}},
		{"elasticloadbalancing:SetRulePriorities", &elbv2.SetRulePrioritiesInput{RulePriorities: []elbv2.RulePriorityPair{{RuleArn: new(lb + "listener-rule/app/a/1/2/3")}}},
			[]string{lb + "listener-rule/app/a/1/2/3"}},
		{"iam:GetRole", &iam.GetRoleInput{RoleName: new("r")}, []string{iams + "role/team/r"}},
		{"iam:CreateRole", &iam.CreateRoleInput{RoleName: new("n"), Path: new("/new/")}, []string{iams + "role/new/n"}},
		{"iam:CreateRole", &iam.CreateRoleInput{RoleName: new("r")}, []string{iams + "role/r"}},
		{"iam:AttachUserPolicy", &iam.AttachUserPolicyInput{UserName: new("ann"), PolicyArn: new("arn:aws:iam::aws:policy/ReadOnlyAccess")}, []string{iams + "user/team/ann"}},
		{"iam:GetPolicy", &iam.GetPolicyInput{PolicyArn: new("arn:aws:iam::aws:policy/ReadOnlyAccess")}, []string{"arn:aws:iam::aws:policy/ReadOnlyAccess"}},
		{"iam:ListRoles", &iam.ListRolesInput{}, []string{"*"}},
		{"iam:CreateServiceLinkedRole", &iam.CreateServiceLinkedRoleInput{AWSServiceName: new("vpc-lattice.amazonaws.com")},
			[]string{iams + "role/aws-service-role/vpc-lattice.amazonaws.com/AWSServiceRoleForVpcLattice"}},
		{"logs:PutLogEvents", &logs.PutLogEventsInput{LogGroupName: new("/g"), LogStreamName: new("s")}, []string{group + "/g:log-stream:s"}},
		{"logs:DeleteLogGroup", &logs.DeleteLogGroupInput{LogGroupName: new("/g")}, []string{group + "/g:log-stream:"}},
		{"ram:DeleteResourceShare", &ram.DeleteResourceShareInput{ResourceShareArn: new("arn:aws:ram:us-east-1:111111111111:resource-share/1")}, []string{"arn:aws:ram:us-east-1:111111111111:resource-share/1"}},
		{"organizations:ListAccounts", &organizations.ListAccountsInput{}, []string{"*"}},
	} {
		statements := make([]string, len(c.want))
		for i, resource := range c.want {
			statements[i] = fmt.Sprintf(`{"Effect":"Allow","Action":"*","Resource":%q}`, resource)
		}
		document := func(s []string) string {
			return `{"Version":"2012-10-17","Statement":[` + strings.Join(s, ",") + `]}`
		}
		ctx := w.user(red, "someone", document(statements))
		if err := w.Authorize(ctx, c.action, c.in); err != nil {
			t.Errorf("%s with %v allowed: %v", c.action, c.want, err)
		}
		// Each of the resources is needed, and a deny of any of them denies.
		for i, resource := range c.want {
			if len(statements) > 1 {
				fewer := append(append([]string{}, statements[:i]...), statements[i+1:]...)
				wantKind(t, c.action+" without "+resource, w.Authorize(w.user(red, "someone", document(fewer)), c.action, c.in), fault.Denied)
			}
			deny := append([]string{`{"Effect":"Allow","Action":"*","Resource":"*"}`}, strings.Replace(statements[i], "Allow", "Deny", 1))
			wantKind(t, c.action+" with a deny of "+resource, w.Authorize(w.user(red, "someone", document(deny)), c.action, c.in), fault.Denied)
		}
	}
}

func TestUnknownResourcesAreRefused(t *testing.T) {
	w := newWorld(t)
	in := &ec2.DeleteSecurityGroupInput{GroupName: new("web")}
	named := w.user(red, "named", allow("ec2:*", "arn:aws:ec2:*:*:*"))
	wantKind(t, "an allow that names resources", w.Authorize(named, "ec2:DeleteSecurityGroup", in), fault.Denied)
	if err := w.Authorize(w.user(red, "all", everything), "ec2:DeleteSecurityGroup", in); err != nil {
		t.Error(err)
	}
	denied := w.user(red, "denied", everything, strings.Replace(allow("ec2:*", "arn:aws:ec2:*:*:security-group/sg-1"), "Allow", "Deny", 1))
	wantKind(t, "a deny that may name the resource", w.Authorize(denied, "ec2:DeleteSecurityGroup", in), fault.Denied)
}

func TestConditions(t *testing.T) {
	w := newWorld(t)
	w.update(func(tx *state.Tx) {
		state.VPCs.Put(tx, &vpc.VPC{Owner: vpc.Owner{Account: red, Region: "us-east-1"}, ID: "vpc-1", Tags: tag.Set{"env": "prod"}})
		state.Subnets.Put(tx, &vpc.Subnet{Owner: vpc.Owner{Account: red, Region: "us-east-1"}, ID: "subnet-1", VPC: "vpc-1"})
	})
	tagged := func(tags ...ec2.Tag) *ec2.CreateVpcInput {
		return &ec2.CreateVpcInput{TagSpecifications: []ec2.TagSpecification{{ResourceType: new("vpc"), Tags: tags}}}
	}
	env := ec2.Tag{Key: new("env"), Value: new("dev")}
	for _, c := range []struct {
		what      string
		action    string
		in        any
		condition string
		want      bool
	}{
		{"the region asked for", "ec2:CreateVpc", &ec2.CreateVpcInput{}, `"StringEquals":{"aws:RequestedRegion":"us-east-1"}`, true},
		{"another region", "ec2:CreateVpc", &ec2.CreateVpcInput{}, `"StringEquals":{"aws:RequestedRegion":"eu-west-1"}`, false},
		{"a tag of the request", "ec2:CreateVpc", tagged(env), `"StringEquals":{"aws:RequestTag/env":"dev"}`, true},
		{"a tag of another request", "ec2:CreateVpc", tagged(), `"StringEquals":{"aws:RequestTag/env":"dev"}`, false},
		{"only these tag keys", "ec2:CreateVpc", tagged(env), `"ForAllValues:StringEquals":{"aws:TagKeys":["env"]}`, true},
		{"other tag keys", "ec2:CreateVpc", tagged(env), `"ForAllValues:StringEquals":{"aws:TagKeys":["owner"]}`, false},
		{"a tag of the resource", "ec2:DeleteVpc", &ec2.DeleteVpcInput{VpcId: new("vpc-1")}, `"StringEquals":{"aws:ResourceTag/env":"prod"}`, true},
		{"the same under EC2's name", "ec2:DeleteVpc", &ec2.DeleteVpcInput{VpcId: new("vpc-1")}, `"StringEquals":{"ec2:ResourceTag/env":"prod"}`, true},
		{"a tag that must not be there", "ec2:DeleteVpc", &ec2.DeleteVpcInput{VpcId: new("vpc-1")}, `"StringNotEquals":{"aws:ResourceTag/env":"prod"}`, false},
		{"a key that cannot be told", "ec2:DeleteVpc", &ec2.DeleteVpcInput{VpcId: new("vpc-1")}, `"StringNotEquals":{"ec2:Tenancy":"dedicated"}`, false},
		{"a global key nobody knows", "ec2:DeleteVpc", &ec2.DeleteVpcInput{VpcId: new("vpc-1")}, `"Null":{"aws:SomethingNew":"true"}`, false},
		{"a key that no call here has", "ec2:DeleteVpc", &ec2.DeleteVpcInput{VpcId: new("vpc-1")}, `"Null":{"aws:SourceVpce":"true"}`, true},
		{"a key of another service", "ec2:DeleteVpc", &ec2.DeleteVpcInput{VpcId: new("vpc-1")}, `"Null":{"iam:PolicyARN":"true"}`, true},
		{"a boundary that must be set", "iam:CreateRole", &iam.CreateRoleInput{RoleName: new("r"), PermissionsBoundary: new("arn:b")}, `"StringEquals":{"iam:PermissionsBoundary":"arn:b"}`, true},
		{"a boundary that is missing", "iam:CreateRole", &iam.CreateRoleInput{RoleName: new("r")}, `"StringEquals":{"iam:PermissionsBoundary":"arn:b"}`, false},
		{"sharing outside by default", "ram:CreateResourceShare", &ram.CreateResourceShareInput{}, `"Bool":{"ram:RequestedAllowsExternalPrincipals":"true"}`, true},
		{"the network of an association", "vpc-lattice:CreateServiceNetworkVpcAssociation",
			&vpclattice.CreateServiceNetworkVpcAssociationInput{ServiceNetworkIdentifier: new("sn-1"), VpcIdentifier: new("vpc-1")},
			`"ArnEquals":{"vpc-lattice:ServiceNetworkArn":"arn:aws:vpc-lattice:us-east-1:111111111111:servicenetwork/sn-1"},"StringEquals":{"vpc-lattice:VpcId":"vpc-1"}`, true},
		{"the VPC of a function", "lambda:CreateFunction", &lambda.CreateFunctionInput{FunctionName: new("f"), VpcConfig: &lambda.VpcConfig{SubnetIds: []string{"subnet-1"}}},
			`"ForAllValues:StringEquals":{"lambda:VpcIds":["vpc-1"]},"Null":{"lambda:VpcIds":"false"}`, true},
		{"a function outside of every VPC", "lambda:CreateFunction", &lambda.CreateFunctionInput{FunctionName: new("f")}, `"Null":{"lambda:VpcIds":"false"}`, false},
	} {
		doc := fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{%s}}}`, c.condition)
		err := w.Authorize(w.user(red, "someone", doc), c.action, c.in)
		if (err == nil) != c.want {
			t.Errorf("%s: allowed is %v, want %v: %v", c.what, err == nil, c.want, err)
		}
	}
}

func TestTagsOnCreationNeedTheirPermission(t *testing.T) {
	w := newWorld(t)
	in := &ec2.CreateVpcInput{TagSpecifications: []ec2.TagSpecification{{Tags: []ec2.Tag{{Key: new("a"), Value: new("b")}}}}}
	create := allow("ec2:CreateVpc", "*")
	wantKind(t, "tags without ec2:CreateTags", w.Authorize(w.user(red, "u", create), "ec2:CreateVpc", in), fault.Denied)
	withTags := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ec2:CreateTags","Resource":"arn:aws:ec2:*:*:vpc/*","Condition":{"StringEquals":{"ec2:CreateAction":%q}}}}`
	if err := w.Authorize(w.user(red, "u", create, fmt.Sprintf(withTags, "CreateVpc")), "ec2:CreateVpc", in); err != nil {
		t.Error(err)
	}
	wantKind(t, "tags on another creation", w.Authorize(w.user(red, "u", create, fmt.Sprintf(withTags, "CreateSubnet")), "ec2:CreateVpc", in), fault.Denied)
	if err := w.Authorize(w.user(red, "u", create), "ec2:CreateVpc", &ec2.CreateVpcInput{}); err != nil {
		t.Error(err)
	}
}

func TestLayers(t *testing.T) {
	w := newWorld(t)
	in := &ec2.DeleteVpcInput{VpcId: new("vpc-1")}
	root := w.as(access.Root(red, "AKIA"))
	if err := w.Authorize(root, "ec2:DeleteVpc", in); err != nil {
		t.Errorf("a root user: %v", err)
	}
	wantKind(t, "a user without policies", w.Authorize(w.user(red, "none"), "ec2:DeleteVpc", in), fault.Denied)
	if err := w.Authorize(w.user(red, "none"), "sts:GetCallerIdentity", nil); err != nil {
		t.Errorf("GetCallerIdentity: %v", err)
	}
	bounded := &identity.User{Account: red, Name: "bounded", Path: "/", ID: "AIDAB", Policies: inline([]string{everything}), Boundary: "arn:aws:iam::aws:policy/ReadOnlyAccess"}
	grouped := &identity.User{Account: red, Name: "grouped", Path: "/", ID: "AIDAG", Groups: []string{"admins"}}
	dangling := &identity.User{Account: red, Name: "dangling", Path: "/", ID: "AIDAD", Policies: inline([]string{everything})}
	dangling.Attached = []string{"arn:aws:iam::222222222222:policy/theirs"}
	w.update(func(tx *state.Tx) {
		state.Users.Put(tx, bounded)
		state.Users.Put(tx, grouped)
		state.Users.Put(tx, dangling)
		state.Groups.Put(tx, &identity.Group{Account: red, Name: "admins", Path: "/", Policies: identity.Policies{Attached: []string{"arn:aws:iam::aws:policy/AdministratorAccess"}}})
		state.ManagedPolicies.Put(tx, &identity.ManagedPolicy{Account: blue, Name: "theirs", Path: "/", Versions: []identity.PolicyVersion{{ID: "v1", Document: everything}}, Default: "v1"})
	})
	as := func(u *identity.User) error {
		return w.Authorize(w.as(caller.Caller{Account: red, Kind: caller.User, ARN: u.ARN(), UserID: u.ID}), "ec2:DeleteVpc", in)
	}
	wantKind(t, "a user within a boundary", as(bounded), fault.Denied)
	if err := as(grouped); err != nil {
		t.Errorf("a user with the permissions of a group: %v", err)
	}
	wantKind(t, "a user with another account's policy", as(dangling), fault.Denied)
	err := w.Authorize(w.user(red, "none"), "ec2:DeleteVpc", in)
	const message = "You are not authorized to perform this operation. User: arn:aws:iam::111111111111:user/none is not authorized to perform: ec2:DeleteVpc on resource: arn:aws:ec2:us-east-1:111111111111:vpc/vpc-1 because no identity-based policy allows the ec2:DeleteVpc action"
	if err == nil || err.Error() != message {
		t.Errorf("the refusal reads %v", err)
	}
}

// organization puts red as management and blue as a member in a unit, with service control policies on.
func (w *world) organization(unitPolicy string) *identity.Organization {
	o := &identity.Organization{ID: "o-1", Management: red, Root: "r-1", FeatureSet: identity.AllFeatures, PolicyTypes: []string{identity.ServiceControl}}
	w.update(func(tx *state.Tx) {
		state.Organizations.Put(tx, o)
		for _, id := range []string{red, blue} {
			a, _ := state.Accounts.Get(tx, id)
			a.Organization, a.Parent = "o-1", "r-1"
			if id == blue {
				a.Parent = "ou-1"
			}
			state.Accounts.Put(tx, a)
		}
		state.Units.Put(tx, &identity.Unit{ID: "ou-1", Organization: "o-1", Parent: "r-1", Name: "u"})
		state.OrganizationPolicies.Put(tx, &identity.OrganizationPolicy{ID: "p-full", Organization: "o-1", Content: everything, Targets: []string{"r-1", blue, red, "ou-1"}})
		state.OrganizationPolicies.Put(tx, &identity.OrganizationPolicy{ID: "p-unit", Organization: "o-1", Content: unitPolicy, Targets: []string{"ou-1", red}})
	})
	return o
}

func TestServiceControl(t *testing.T) {
	w := newWorld(t)
	w.organization(strings.Replace(allow("ec2:DeleteVpc", "*"), "Allow", "Deny", 1))
	in := &ec2.DeleteVpcInput{VpcId: new("vpc-1")}
	blueRoot := w.as(access.Root(blue, "AKIA"))
	err := w.Authorize(blueRoot, "ec2:DeleteVpc", in)
	wantKind(t, "a member's root user", err, fault.Denied)
	if !strings.HasSuffix(fmt.Sprint(err), "with an explicit deny in a service control policy") {
		t.Errorf("the refusal reads %v", err)
	}
	wantKind(t, "a member's user", w.Authorize(w.user(blue, "all", everything), "ec2:DeleteVpc", in), fault.Denied)
	if err := w.Authorize(blueRoot, "ec2:CreateVpc", &ec2.CreateVpcInput{}); err != nil {
		t.Errorf("what the policy leaves: %v", err)
	}
	if err := w.Authorize(w.as(access.Root(red, "AKIA")), "ec2:DeleteVpc", in); err != nil {
		t.Errorf("the management account: %v", err)
	}
	w.update(func(tx *state.Tx) {
		p, _ := state.OrganizationPolicies.Get(tx, "o-1/p-full")
		p.Targets = []string{"r-1"}
		state.OrganizationPolicies.Put(tx, p)
	})
	wantKind(t, "an account with no policy at its level", w.Authorize(blueRoot, "ec2:CreateVpc", &ec2.CreateVpcInput{}), fault.Denied)
	w.update(func(tx *state.Tx) {
		o, _ := state.Organizations.Get(tx, "o-1")
		o.PolicyTypes = nil
		state.Organizations.Put(tx, o)
	})
	if err := w.Authorize(blueRoot, "ec2:DeleteVpc", in); err != nil {
		t.Errorf("with the policy type off: %v", err)
	}
}

func TestPassRole(t *testing.T) {
	w := newWorld(t)
	role := w.role(red, "fn", trust(`{"Service":"lambda.amazonaws.com"}`))
	only := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:PassRole","Resource":"arn:aws:iam::111111111111:role/fn","Condition":{"StringEquals":{"iam:PassedToService":"lambda.amazonaws.com"}}}}`
	ann := w.user(red, "ann", only)
	if err := w.PassRole(ann, role.ARN(), "lambda.amazonaws.com"); err != nil {
		t.Error(err)
	}
	wantKind(t, "to another service", w.PassRole(ann, role.ARN(), "ec2.amazonaws.com"), fault.Denied)
	wantKind(t, "another role", w.PassRole(ann, "arn:aws:iam::111111111111:role/other", "lambda.amazonaws.com"), fault.Denied)
	wantKind(t, "without permission", w.PassRole(w.user(red, "bob"), role.ARN(), "lambda.amazonaws.com"), fault.Denied)
	root := w.as(access.Root(red, "AKIA"))
	if err := w.PassRole(root, role.ARN(), "lambda.amazonaws.com"); err != nil {
		t.Error(err)
	}
	wantKind(t, "another account's role", w.PassRole(root, "arn:aws:iam::222222222222:role/fn", "lambda.amazonaws.com"), fault.Denied)
}
