package test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudcontrol"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/vpclattice"
	latticetypes "github.com/aws/aws-sdk-go-v2/service/vpclattice/types"

	"trellis/internal/aws/model"
)

// marker stands in whatever an account writes that only it may read.
const marker = "OnlyForTheOwner"

// estate is what an account has, by words that are in the names of the parameters that take it: ids first, ARNs second.
type estate [][]string

// word is one of the estate for a parameter.
func (e estate) word(member string, turn int) string {
	name := strings.ToLower(member)
	for _, entry := range e {
		if strings.Contains(name, entry[0]) {
			return entry[1+turn%(len(entry)-1)]
		}
	}
	return ""
}

// ids are the parts of the estate that nobody else's are like.
func (e estate) ids() []string {
	var out []string
	for _, entry := range e {
		for _, id := range entry[1:] {
			if len(id) > 15 {
				out = append(out, id)
			}
		}
	}
	return out
}

// settle gives an account something of everything.
func (a *account) settle(t *testing.T) estate {
	t.Helper()
	p := aws.String
	n := a.network(t, "10.0.0.0/16", "10.0.0.0/24")
	other := a.network(t, "10.1.0.0/16", "10.1.0.0/24")
	second := *must(t, a.ec2.CreateSubnet, &ec2.CreateSubnetInput{VpcId: &n.vpc, CidrBlock: p("10.0.1.0/24"), AvailabilityZone: p("us-east-1b")}).Subnet.SubnetId
	group := n.group(t, marker, 80)
	rule := *must(t, a.ec2.DescribeSecurityGroupRules, &ec2.DescribeSecurityGroupRulesInput{}).SecurityGroupRules[0].SecurityGroupRuleId
	gateway := *must(t, a.ec2.CreateInternetGateway, &ec2.CreateInternetGatewayInput{}).InternetGateway.InternetGatewayId
	must(t, a.ec2.AttachInternetGateway, &ec2.AttachInternetGatewayInput{InternetGatewayId: &gateway, VpcId: &n.vpc})
	table := must(t, a.ec2.CreateRouteTable, &ec2.CreateRouteTableInput{VpcId: &n.vpc}).RouteTable
	joined := *must(t, a.ec2.AssociateRouteTable, &ec2.AssociateRouteTableInput{RouteTableId: table.RouteTableId, SubnetId: &n.subnet}).AssociationId
	acl := *must(t, a.ec2.DescribeNetworkAcls, &ec2.DescribeNetworkAclsInput{}).NetworkAcls[0].NetworkAclId
	peering := *must(t, a.ec2.CreateVpcPeeringConnection, &ec2.CreateVpcPeeringConnectionInput{VpcId: &n.vpc, PeerVpcId: &other.vpc}).VpcPeeringConnection.VpcPeeringConnectionId
	must(t, a.ec2.CreateTags, &ec2.CreateTagsInput{Resources: []string{n.vpc, n.subnet, group, gateway, *table.RouteTableId, acl, peering}, Tags: []ec2types.Tag{{Key: p("k"), Value: p(marker)}}})

	tags := map[string]string{"k": marker}
	sn := must(t, a.lattice.CreateServiceNetwork, &vpclattice.CreateServiceNetworkInput{Name: p("walled"), Tags: tags})
	svc := must(t, a.lattice.CreateService, &vpclattice.CreateServiceInput{Name: p("walled"), Tags: tags, AuthType: "AWS_IAM"})
	must(t, a.lattice.PutAuthPolicy, &vpclattice.PutAuthPolicyInput{ResourceIdentifier: svc.Id,
		Policy: p(`{"Version":"2012-10-17","Statement":[{"Sid":"` + marker + `","Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}`)})
	tg := must(t, a.lattice.CreateTargetGroup, &vpclattice.CreateTargetGroupInput{Name: p("walled"), Type: latticetypes.TargetGroupTypeIp, Tags: tags,
		Config: &latticetypes.TargetGroupConfig{Port: aws.Int32(80), Protocol: "HTTP", VpcIdentifier: &n.vpc}})
	forward := &latticetypes.RuleActionMemberForward{Value: latticetypes.ForwardAction{TargetGroups: []latticetypes.WeightedTargetGroup{{TargetGroupIdentifier: tg.Id}}}}
	listener := must(t, a.lattice.CreateListener, &vpclattice.CreateListenerInput{ServiceIdentifier: svc.Id, Name: p("walled"), Protocol: "HTTP", DefaultAction: forward})
	match := &latticetypes.RuleMatchMemberHttpMatch{Value: latticetypes.HttpMatch{Method: p("GET")}}
	lrule := must(t, a.lattice.CreateRule, &vpclattice.CreateRuleInput{ServiceIdentifier: svc.Id, ListenerIdentifier: listener.Id, Name: p("walled"), Priority: aws.Int32(1), Match: match, Action: forward})
	snsa := must(t, a.lattice.CreateServiceNetworkServiceAssociation, &vpclattice.CreateServiceNetworkServiceAssociationInput{ServiceIdentifier: svc.Id, ServiceNetworkIdentifier: sn.Id})
	snva := must(t, a.lattice.CreateServiceNetworkVpcAssociation, &vpclattice.CreateServiceNetworkVpcAssociationInput{VpcIdentifier: &n.vpc, ServiceNetworkIdentifier: sn.Id})
	must(t, a.logs.CreateLogGroup, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: p(marker), Tags: tags})
	must(t, a.logs.CreateLogStream, &cloudwatchlogs.CreateLogStreamInput{LogGroupName: p(marker), LogStreamName: p("s")})
	must(t, a.logs.PutLogEvents, &cloudwatchlogs.PutLogEventsInput{LogGroupName: p(marker), LogStreamName: p("s"), LogEvents: []logtypes.InputLogEvent{{Message: p(marker), Timestamp: aws.Int64(time.Now().UnixMilli())}}})
	groupARN := *must(t, a.logs.DescribeLogGroups, &cloudwatchlogs.DescribeLogGroupsInput{}).LogGroups[0].Arn
	als := must(t, a.lattice.CreateAccessLogSubscription, &vpclattice.CreateAccessLogSubscriptionInput{ResourceIdentifier: svc.Id, DestinationArn: &groupARN})
	share := *a.share(t, marker, *sn.Arn, &account{id: "999999999999"}, true).ResourceShareArn

	role := must(t, a.iam.CreateRole, &iam.CreateRoleInput{RoleName: p("walled"), AssumeRolePolicyDocument: p(lambdaTrust), Description: p(marker)}).Role
	must(t, a.iam.PutRolePolicy, &iam.PutRolePolicyInput{RoleName: p("walled"), PolicyName: p("p"), PolicyDocument: p(strings.Replace(invoke, `{"Effect`, `{"Sid":"`+marker+`","Effect`, 1))})
	must(t, a.iam.AttachRolePolicy, &iam.AttachRolePolicyInput{RoleName: p("walled"), PolicyArn: p("arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole")})
	policy := *must(t, a.iam.CreatePolicy, &iam.CreatePolicyInput{PolicyName: p("walled"), PolicyDocument: p(invoke), Description: p(marker)}).Policy.Arn
	key := a.user(t, "walled", "").Key
	function := must(t, a.lambda.CreateFunction, &lambda.CreateFunctionInput{FunctionName: p("walled"), Role: role.Arn, Runtime: lambdatypes.RuntimeProvidedal2023, Handler: p("h"), Tags: tags, Description: p(marker),
		Code: &lambdatypes.FunctionCode{ZipFile: archive(t)}, Environment: &lambdatypes.Environment{Variables: map[string]string{"WORD": marker}}})
	layer := must(t, a.lambda.PublishLayerVersion, &lambda.PublishLayerVersionInput{LayerName: p("walled"), Description: p(marker), Content: &lambdatypes.LayerVersionContentInput{ZipFile: archive(t)}})
	b := must(t, a.elb.CreateLoadBalancer, &elb.CreateLoadBalancerInput{Name: p("walled"), Scheme: elbtypes.LoadBalancerSchemeEnumInternal, Subnets: []string{n.subnet, second}, SecurityGroups: []string{group},
		Tags: []elbtypes.Tag{{Key: p("k"), Value: p(marker)}}}).LoadBalancers[0]
	g := must(t, a.elb.CreateTargetGroup, &elb.CreateTargetGroupInput{Name: p("walled"), TargetType: elbtypes.TargetTypeEnumIp, Protocol: "HTTP", Port: aws.Int32(80), VpcId: &n.vpc}).TargetGroups[0].TargetGroupArn
	door := must(t, a.elb.CreateListener, &elb.CreateListenerInput{LoadBalancerArn: b.LoadBalancerArn, Protocol: "HTTP", Port: aws.Int32(80), DefaultActions: []elbtypes.Action{{Type: "forward", TargetGroupArn: g}}}).Listeners[0].ListenerArn
	eni := *must(t, a.ec2.DescribeNetworkInterfaces, &ec2.DescribeNetworkInterfacesInput{}).NetworkInterfaces[0].NetworkInterfaceId
	request := must(t, a.cloudcontrol.CreateResource, &cloudcontrol.CreateResourceInput{TypeName: p("AWS::VpcLattice::ServiceNetwork"), DesiredState: p(`{"Name":"by-control"}`)}).ProgressEvent.RequestToken
	must(t, a.organizations.CreateOrganization, &organizations.CreateOrganizationInput{})
	root := must(t, a.organizations.ListRoots, &organizations.ListRootsInput{}).Roots[0]
	invitation := a.share(t, "again", *sn.Arn, &account{id: "999999999998"}, true)

	// The longest words first: the first that a parameter's name has decides.
	return estate{
		{"securitygrouprule", rule}, {"securitygroup", group}, {"groupid", group}, {"associationid", joined, peering}, {"serviceassociation", *snsa.Id, *snsa.Arn}, {"vpcassociation", *snva.Id, *snva.Arn},
		{"servicenetwork", *sn.Id, *sn.Arn}, {"service", *svc.Id, *svc.Arn}, {"accesslog", *als.Id, *als.Arn}, {"ruleidentifier", *lrule.Id, *lrule.Arn}, {"listeneridentifier", *listener.Id, *listener.Arn},
		{"targetgroupidentifier", *tg.Id, *tg.Arn}, {"targetgrouparn", *g}, {"listenerarn", *door}, {"loadbalancerarn", *b.LoadBalancerArn}, {"peering", peering}, {"networkacl", acl},
		{"networkinterface", eni}, {"internetgateway", gateway}, {"gatewayid", gateway}, {"routetable", *table.RouteTableId}, {"subnet", n.subnet, second}, {"vpc", n.vpc, other.vpc},
		{"resourcesharearn", share, *invitation.ResourceShareArn}, {"policyarn", policy}, {"rolearn", *role.Arn}, {"layername", *layer.LayerArn}, {"layers", *layer.LayerVersionArn}, {"layer", *layer.LayerArn},
		{"functionname", *function.FunctionArn}, {"loggroupidentifier", groupARN}, {"loggroup", marker, groupARN}, {"logstreamname", "s"}, {"accesskeyid", key}, {"requesttoken", *request}, {"rootid", *root.Id}, {"parentid", *root.Id},
		{"accountid", a.id}, {"principalarn", *role.Arn}, {"principal", a.id}, {"sourcearn", *role.Arn}, {"role", *role.Arn}, {"identifier", *sn.Arn, *svc.Id, *svc.Arn},
		{"resourcearn", *sn.Arn, *svc.Arn, *role.Arn, *function.FunctionArn, *b.LoadBalancerArn, groupARN, *tg.Arn, share}, {"resources", n.vpc, group}, {"resource", *function.FunctionArn, *svc.Arn, *b.LoadBalancerArn},
		{"filtervalues", n.vpc, group}, {"values", n.vpc, n.subnet, group, n.id}, {"arn", *function.FunctionArn, policy, *role.Arn},
	}
}

var volatile = regexp.MustCompile(`(?i)"?<?requestid"?[>:][^<,}]*|"timestamp":\d+`)

// view is what an account sees of itself: every List, Describe and Get that needs no more than the estate.
func (a *account) view(t *testing.T, e estate) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, m := range models() {
		by := a.signer(t, m)
		f := &forge{service: m, own: e.word}
		for i := range m.Operations {
			op := &m.Operations[i]
			if !strings.HasPrefix(op.Name, "List") && !strings.HasPrefix(op.Name, "Describe") && !strings.HasPrefix(op.Name, "Get") || op.Name == "GetSessionToken" || op.Name == "GetFederationToken" {
				continue
			}
			got, err := a.server.send(t.Context(), f.message(op), by)
			if err != nil {
				t.Fatal(err)
			}
			if got.status == 200 {
				out[m.Package+"."+op.Name] = volatile.ReplaceAllString(got.body, "")
			}
		}
	}
	return out
}

// Another account that knows every id and ARN asks every operation of every API for them: it learns nothing and changes nothing.
func TestWalls(t *testing.T) {
	t.Parallel()
	s := own(t, directory(t, "walls"), nil)
	a := s.account(t, "owner")
	e := a.settle(t)
	eventually(t, "a settled account", func() bool {
		list := must(t, a.lattice.ListServiceNetworkVpcAssociations, &vpclattice.ListServiceNetworkVpcAssociationsInput{VpcIdentifier: aws.String(e.word("vpc", 0))}).Items
		return len(list) == 1 && list[0].Status == "ACTIVE"
	})
	s.exercised(t)
	before := a.view(t, e)
	shown := 0
	for _, body := range before {
		shown += strings.Count(body, marker)
	}
	if len(before) < 100 || shown < 20 {
		t.Errorf("the owner sees %d answers, with %d marks", len(before), shown)
	}
	stranger := s.account(t, "stranger")
	for _, m := range models() {
		t.Run(m.Package, func(t *testing.T) { stranger.pry(t, m, e) })
	}
	after := a.view(t, e)
	for what, body := range before {
		if after[what] != body {
			t.Errorf("%s has changed for the owner:\nbefore %.1500s\nafter  %.1500s", what, body, after[what])
		}
	}
}

// pry asks an API for another account's estate.
func (a *account) pry(t *testing.T, m *model.Service, e estate) {
	by := a.signer(t, m)
	for turn := range 6 {
		f := &forge{service: m, turn: turn, own: e.word}
		for i := range m.Operations {
			op := &m.Operations[i]
			if op.Name == "CloseAccount" {
				continue
			}
			sent := f.message(op)
			got, err := a.server.send(t.Context(), sent, by)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(got.body, marker) && !strings.Contains(string(sent.body)+sent.target, marker) {
				t.Errorf("%s shows what is the owner's: %d %.500s", op.Name, got.status, got.body)
			}
			if wrong := got.proper(); wrong != "" {
				t.Errorf("%s is answered %d %s %q: %s\n%s %s\n%.600s", op.Name, got.status, got.code, got.message, wrong, sent.method, sent.target, sent.body)
			}
			if got.status >= 300 {
				continue
			}
			for _, id := range e.ids() {
				if strings.Contains(got.body, id) {
					t.Errorf("%s takes %s of another account:\n%s %s\n%.600s\n%.600s", op.Name, id, sent.method, sent.target, sent.body, got.body)
				}
			}
		}
	}
}
