package vpclattice_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	model "trellis/internal/aws/model/vpclattice"
	"trellis/internal/fault"
	"trellis/internal/logs"
	"trellis/internal/state"
	"trellis/internal/vpc"
)

// estate is the identifiers of one account's resources, by the member of a request that names such a thing.
type estate map[string]string

const (
	allowAll = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}`
	targetID = "Targets"
	groupIDs = "SecurityGroupIds"
	// subnetIDs are of one VPC with the rest of their estate.
	subnetIDs = "SubnetIds"
)

// build makes one of everything in the account. The ids of EC2 things end in the digit.
func (w *world) build(account, digit string) (ids, arns estate) {
	w.Helper()
	vpcID, sg := w.network(account, digit, "10."+digit+".0.0/16")
	lb := w.balancer(account, "lb"+digit, vpcID, "internal")
	w.put(func(tx *state.Tx) { state.LogGroups.Put(tx, &logs.Group{Owner: in(account), Name: "access"}) })
	n, s := w.newNetwork(account, "network"), w.newService(account, "service")
	g := w.newGroup(account, "group", "ALB", &model.TargetGroupConfig{Protocol: new("HTTP"), VpcIdentifier: &vpcID})
	l := w.newListener(account, s.Id, "http", 80, forward(g.Id))
	r := ok(w.CreateRule(w.as(account), &model.CreateRuleInput{ServiceIdentifier: s.Id, ListenerIdentifier: l.Id, Name: new("one"), Priority: new(int32(1)), Match: path("/a"), Action: fixed(404)}))(w.T)
	sa := w.join(account, n.Id, s.Id)
	va := w.attach(account, n.Id, vpcID, sg)
	ok(w.RegisterTargets(w.as(account), &model.RegisterTargetsInput{TargetGroupIdentifier: g.Id, Targets: []model.Target{{Id: &lb}}}))(w.T)
	ok(w.PutAuthPolicy(w.as(account), &model.PutAuthPolicyInput{ResourceIdentifier: s.Id, Policy: new(allowAll)}))(w.T)
	als := ok(w.CreateAccessLogSubscription(w.as(account), &model.CreateAccessLogSubscriptionInput{ResourceIdentifier: s.Id,
		DestinationArn: new("arn:aws:logs:" + region + ":" + account + ":log-group:access:*")}))(w.T)
	rgw := w.gateway(account, "gateway", vpcID)
	rcfg := w.resource(account, "resource", rgw.Id, "10."+digit+".0.9")
	ra := w.place(account, n.Id, rcfg.Id)
	end := w.endpoint(account, "vpce-0000000000000000"+digit, vpc.ResourceEndpoint, *rcfg.Id)
	dv := ok(w.StartDomainVerification(w.as(account), &model.StartDomainVerificationInput{DomainName: new("d" + digit + ".example.com")}))(w.T)
	ids = estate{"ResourceEndpointAssociationIdentifier": end.ResourceAssociation(), "DomainVerificationIdentifier": *dv.Id, "ResourceGatewayIdentifier": *rgw.Id, "ResourceConfigurationIdentifier": *rcfg.Id, "ServiceNetworkResourceAssociationIdentifier": *ra.Id,
		subnetIDs: subnetOf(vpcID), "ServiceIdentifier": *s.Id, "ServiceNetworkIdentifier": *n.Id, "TargetGroupIdentifier": *g.Id, "ListenerIdentifier": *l.Id,
		"RuleIdentifier": *r.Id, "ServiceNetworkServiceAssociationIdentifier": *sa.Id, "ServiceNetworkVpcAssociationIdentifier": *va.Id,
		"AccessLogSubscriptionIdentifier": *als.Id, "ResourceIdentifier": *s.Id, "ResourceArn": *s.Arn, "VpcIdentifier": vpcID, groupIDs: sg, targetID: lb}
	arns = maps.Clone(ids)
	maps.Copy(arns, estate{"ResourceEndpointAssociationIdentifier": "arn:aws:vpc-lattice:" + region + ":" + account + ":resourceendpointassociation/" + end.ResourceAssociation(),
		"DomainVerificationIdentifier": *dv.Arn, "ResourceGatewayIdentifier": *rgw.Arn, "ResourceConfigurationIdentifier": *rcfg.Arn, "ServiceNetworkResourceAssociationIdentifier": *ra.Arn,
		"ServiceIdentifier": *s.Arn, "ServiceNetworkIdentifier": *n.Arn, "TargetGroupIdentifier": *g.Arn, "ListenerIdentifier": *l.Arn,
		"RuleIdentifier": *r.Arn, "ServiceNetworkServiceAssociationIdentifier": *sa.Arn, "ServiceNetworkVpcAssociationIdentifier": *va.Arn,
		"AccessLogSubscriptionIdentifier": *als.Arn, "ResourceIdentifier": *s.Arn})
	return ids, arns
}

// ghosts is e with the digits of its ids changed, so that nothing has them.
func ghosts(e estate) estate {
	out := estate{}
	for k, v := range e {
		last := strings.LastIndexAny(v, "-/") + 1
		out[k] = v[:last] + strings.Repeat("z", len(v)-last)
	}
	out[groupIDs], out["VpcIdentifier"], out[subnetIDs] = "sg-ffffffffffffffff0", "vpc-ffffffffffffffff0", "subnet-ffffffffffffffff0"
	out[targetID] = strings.Replace(e[targetID], "/lb", "/no", 1)
	return out
}

// request fills an input: identifiers from e, and everything else with what the operation accepts.
func request(t reflect.Type, e estate) reflect.Value {
	p := reflect.New(t)
	in := p.Elem()
	for i := range t.NumField() {
		f, name := in.Field(i), t.Field(i).Name
		id := e[name]
		switch name {
		case groupIDs, subnetIDs:
			f.Set(reflect.ValueOf([]string{id}))
		case targetID:
			f.Set(reflect.ValueOf([]model.Target{{Id: &id}}))
		case "Rules":
			id = e["RuleIdentifier"]
			f.Set(reflect.ValueOf([]model.RuleUpdate{{RuleIdentifier: &id, Priority: new(int32(7)), Action: forward(new(e["TargetGroupIdentifier"]))}}))
		case "DefaultAction", "Action":
			f.Set(reflect.ValueOf(forward(new(e["TargetGroupIdentifier"]))))
		case "Config":
			f.Set(reflect.ValueOf(&model.TargetGroupConfig{Protocol: new("HTTP"), VpcIdentifier: new(e["VpcIdentifier"])}))
		case "Match":
			f.Set(reflect.ValueOf(path("/b")))
		case "HealthCheck":
			f.Set(reflect.ValueOf(&model.HealthCheckConfig{}))
		case "Tags":
			f.Set(reflect.ValueOf(map[string]string{"k": "v"}))
		case "TagKeys":
			f.Set(reflect.ValueOf([]string{"k"}))
		case "PortRanges":
			f.Set(reflect.ValueOf([]string{"80"}))
		case "ResourceConfigurationDefinition":
			f.Set(reflect.ValueOf(&model.ResourceConfigurationDefinition{DnsResource: &model.DnsResource{DomainName: new("db.example.com")}}))
		case "Priority", "Port":
			f.Set(reflect.ValueOf(new(int32(7))))
		case "Name", "AuthType", "Protocol", "Type", "Policy":
			v := map[string]string{"Name": "fresh", "AuthType": "AWS_IAM", "Protocol": "HTTP", "Type": "ALB", "Policy": allowAll}[name]
			if kind, ok := map[string]string{"Type": "SINGLE", "Protocol": "TCP"}[name]; ok && t == reflect.TypeFor[model.CreateResourceConfigurationInput]() {
				v = kind
			}
			f.Set(reflect.ValueOf(&v))
		case "DestinationArn":
			f.Set(reflect.ValueOf(new("arn:aws:logs:" + region + ":" + stranger + ":log-group:access:*")))
		default:
			if id != "" && !unserved(t, name) {
				f.Set(reflect.ValueOf(&id))
			}
		}
	}
	return p
}

// unserved says whether a member is refused whatever it names: no resource configuration has a domain that was verified.
func unserved(t reflect.Type, name string) bool {
	return name == "DomainVerificationIdentifier" && t == reflect.TypeFor[model.CreateResourceConfigurationInput]()
}

// references are the members of an input, its own or further in, that name resources.
func references(t reflect.Type) []string {
	var out []string
	for i := range t.NumField() {
		switch name := t.Field(i).Name; name {
		case "Rules":
			out = append(out, "RuleIdentifier", "TargetGroupIdentifier")
		case "DefaultAction", "Action":
			out = append(out, "TargetGroupIdentifier")
		case "Config":
			out = append(out, "VpcIdentifier")
		case "ResourceConfigurationGroupIdentifier": // there are no groups
		case groupIDs, subnetIDs, targetID:
			out = append(out, name)
		default:
			if (strings.HasSuffix(name, "Identifier") || name == "ResourceArn") && !unserved(t, name) {
				out = append(out, name)
			}
		}
	}
	return out
}

// answer is what an operation says, with every identifier of e blanked: an error with its words, or the output.
func (w *world) answer(ctx context.Context, op string, in reflect.Value, e estate) string {
	results := reflect.ValueOf(w.API).MethodByName(op).Call([]reflect.Value{reflect.ValueOf(ctx), in})
	var out string
	var err *fault.Error
	if cause, _ := results[1].Interface().(error); errors.As(cause, &err) {
		out = fmt.Sprintf("%v %s %s %s %s", err.Kind, err.Code, err.Message, err.ResourceType, err.ResourceID)
	} else if cause != nil {
		out = cause.Error()
	} else {
		raw, _ := json.Marshal(results[0].Interface())
		out = "fine: " + string(raw)
	}
	var names []string
	for k, id := range e {
		names = append(names, id)
		if k != targetID {
			names = append(names, id[strings.LastIndexByte(id, '/')+1:])
		}
	}
	slices.SortFunc(names, func(a, b string) int { return len(b) - len(a) })
	for _, id := range names {
		out = strings.ReplaceAll(out, id, "ID")
	}
	return out
}

// Another account's things are as absent as things that do not exist, wherever a request can name them.
func TestWalls(t *testing.T) {
	w := newWorld(t)
	theirIDs, theirARNs := w.build(owner, "1")
	mineIDs, _ := w.build(stranger, "3")
	api := reflect.TypeOf(w.API)
	operations := 0
	for i := range api.NumMethod() {
		op := api.Method(i).Name
		input := api.Method(i).Type.In(2).Elem()
		refs := references(input)
		if len(refs) == 0 {
			continue
		}
		operations++
		for form, theirs := range map[string]estate{"id": theirIDs, "ARN": theirARNs} {
			ghost := ghosts(theirs)
			for _, ref := range slices.Compact(refs) {
				foreign, none := maps.Clone(mineIDs), maps.Clone(mineIDs)
				foreign[ref], none[ref] = theirs[ref], ghost[ref]
				w.indistinct(w.as(stranger), op+" naming by "+form+" another account's "+ref, op, request(input, foreign), request(input, none), theirs, ghost)
			}
			w.indistinct(w.in(owner, "us-west-2"), op+" in another region by "+form, op, request(input, theirs), request(input, ghost), theirs, ghost)
		}
	}
	if operations < 45 {
		t.Errorf("%d operations name resources, want all of them tried", operations)
	}
	for _, account := range []string{owner, stranger} {
		if got := w.everything(account); len(got) != 12 {
			t.Errorf("%s has %q afterwards, want what it had before", account, got)
		}
	}
}

// indistinct checks that two requests are answered alike, and neither does anything.
func (w *world) indistinct(ctx context.Context, what, op string, foreign, none reflect.Value, theirs, ghost estate) {
	w.Helper()
	before := w.view.Snapshot().SpecRev
	got, want := w.answer(ctx, op, foreign, theirs), w.answer(ctx, op, none, ghost)
	if got != want {
		w.Errorf("%s:\n got %s\nwant %s", what, got, want)
	}
	if !strings.Contains(got, "ID") && got != `fine: {"Items":[],"NextToken":null}` {
		w.Errorf("%s: %s, want a refusal for the name's sake", what, got)
	}
	harmless := strings.HasPrefix(op, "List") || strings.Contains(got, `"Unsuccessful":[{`)
	if strings.HasPrefix(got, "fine") && (!harmless || op == "BatchUpdateRule" && !strings.Contains(got, "FailureCode")) {
		w.Errorf("%s: %s, want a refusal", what, got)
	}
	if after := w.view.Snapshot().SpecRev; after != before && op != "BatchUpdateRule" && op != "ListTargets" {
		w.Errorf("%s changed something", what)
	}
}

// everything lists the ids that an account's listings show.
func (w *world) everything(account string) []string {
	w.Helper()
	var out []string
	ctx := w.as(account)
	for _, n := range ok(w.ListServiceNetworks(ctx, &model.ListServiceNetworksInput{}))(w.T).Items {
		out = append(out, *n.Id)
		for _, a := range ok(w.ListServiceNetworkServiceAssociations(ctx, &model.ListServiceNetworkServiceAssociationsInput{ServiceNetworkIdentifier: n.Id}))(w.T).Items {
			out = append(out, *a.Id)
		}
		for _, a := range ok(w.ListServiceNetworkVpcAssociations(ctx, &model.ListServiceNetworkVpcAssociationsInput{ServiceNetworkIdentifier: n.Id}))(w.T).Items {
			out = append(out, *a.Id)
		}
	}
	for _, s := range ok(w.ListServices(ctx, &model.ListServicesInput{}))(w.T).Items {
		out = append(out, *s.Id)
		for _, a := range ok(w.ListAccessLogSubscriptions(ctx, &model.ListAccessLogSubscriptionsInput{ResourceIdentifier: s.Id}))(w.T).Items {
			out = append(out, *a.Id)
		}
		for _, l := range ok(w.ListListeners(ctx, &model.ListListenersInput{ServiceIdentifier: s.Id}))(w.T).Items {
			out = append(out, *l.Id)
			for _, r := range ok(w.ListRules(ctx, &model.ListRulesInput{ServiceIdentifier: s.Id, ListenerIdentifier: l.Id}))(w.T).Items {
				out = append(out, *r.Id)
			}
		}
	}
	for _, g := range ok(w.ListResourceGateways(ctx, &model.ListResourceGatewaysInput{}))(w.T).Items {
		out = append(out, *g.Id)
	}
	for _, c := range ok(w.ListResourceConfigurations(ctx, &model.ListResourceConfigurationsInput{}))(w.T).Items {
		out = append(out, *c.Id)
		for _, a := range ok(w.ListServiceNetworkResourceAssociations(ctx, &model.ListServiceNetworkResourceAssociationsInput{ResourceConfigurationIdentifier: c.Id}))(w.T).Items {
			out = append(out, *a.Id)
		}
	}
	for _, g := range ok(w.ListTargetGroups(ctx, &model.ListTargetGroupsInput{}))(w.T).Items {
		out = append(out, *g.Id)
	}
	return out
}

// Tags are walled off for every kind of resource.
func TestTagWalls(t *testing.T) {
	w := newWorld(t)
	_, arns := w.build(owner, "1")
	for _, name := range []string{"ServiceIdentifier", "ServiceNetworkIdentifier", "TargetGroupIdentifier", "ListenerIdentifier", "RuleIdentifier",
		"ServiceNetworkServiceAssociationIdentifier", "ServiceNetworkVpcAssociationIdentifier", "AccessLogSubscriptionIdentifier",
		"ResourceGatewayIdentifier", "ResourceConfigurationIdentifier", "ServiceNetworkResourceAssociationIdentifier"} {
		id := arns[name]
		ok(w.TagResource(w.as(owner), &model.TagResourceInput{ResourceArn: &id, Tags: map[string]string{"a": "1", "b": "2"}}))(t)
		ok(w.UntagResource(w.as(owner), &model.UntagResourceInput{ResourceArn: &id, TagKeys: []string{"a", "none"}}))(t)
		if got := ok(w.ListTagsForResource(w.as(owner), &model.ListTagsForResourceInput{ResourceArn: &id}))(t).Tags; !maps.Equal(got, map[string]string{"b": "2"}) {
			t.Errorf("%s: tags %v", name, got)
		}
		_, err := w.ListTagsForResource(w.as(stranger), &model.ListTagsForResourceInput{ResourceArn: &id})
		w.refused(err, fault.NotFound, "does not exist")
		_, err = w.TagResource(w.as(stranger), &model.TagResourceInput{ResourceArn: &id, Tags: map[string]string{"a": "1"}})
		w.refused(err, fault.NotFound, "does not exist")
		_, err = w.UntagResource(w.as(stranger), &model.UntagResourceInput{ResourceArn: &id, TagKeys: []string{"b"}})
		w.refused(err, fault.NotFound, "does not exist")
	}
	_, err := w.ListTagsForResource(w.as(owner), &model.ListTagsForResourceInput{ResourceArn: new("arn:aws:ec2:eu-west-1:1:vpc/vpc-1")})
	w.refused(err, fault.Invalid, "VPC Lattice")
	_, err = w.ListTagsForResource(w.as(owner), &model.ListTagsForResourceInput{ResourceArn: new("arn:aws:vpc-lattice:eu-west-1:" + owner + ":resourcegateway/rgw-00000000000000000")})
	w.refused(err, fault.NotFound, "does not exist")
	many := map[string]string{}
	for i := range 50 {
		many[fmt.Sprint("k", i)] = "v"
	}
	service := arns["ServiceIdentifier"]
	_, err = w.TagResource(w.as(owner), &model.TagResourceInput{ResourceArn: &service, Tags: many})
	w.refused(err, fault.Invalid, "at most 50")
	_, err = w.TagResource(w.as(owner), &model.TagResourceInput{ResourceArn: &service, Tags: map[string]string{"aws:x": "v"}})
	w.refused(err, fault.Invalid, "reserved")
}
