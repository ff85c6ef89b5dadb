package vpclattice_test

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	model "trellis/internal/aws/model/vpclattice"
	"trellis/internal/fault"
	"trellis/internal/logs"
	"trellis/internal/state"
	"trellis/internal/vpc"
)

// Every operation that creates answers a repeated request with what the first one made.
func TestClientTokens(t *testing.T) {
	w := newWorld(t)
	v, sg := w.network(owner, "1", "10.1.0.0/16")
	w.put(func(tx *state.Tx) { state.LogGroups.Put(tx, &logs.Group{Owner: in(owner), Name: "access"}) })
	n, s := w.newNetwork(owner, "one"), w.newService(owner, "one")
	l := w.newListener(owner, s.Id, "http", 80, fixed(404))
	g, token := w.gateway(owner, "one", v), new("a-token")
	c := w.resource(owner, "one", g.Id, "10.1.0.9")
	tests := []struct {
		in, other any
	}{
		{model.CreateServiceInput{Name: new("two"), ClientToken: token}, model.CreateServiceInput{Name: new("three"), ClientToken: token}},
		{model.CreateServiceNetworkInput{Name: new("two"), ClientToken: token}, model.CreateServiceNetworkInput{Name: new("two"), AuthType: new("AWS_IAM"), ClientToken: token}},
		{model.CreateTargetGroupInput{Name: new("two"), Type: new("LAMBDA"), ClientToken: token}, model.CreateTargetGroupInput{Name: new("two"), Type: new("LAMBDA"), Tags: map[string]string{"a": "b"}, ClientToken: token}},
		{model.CreateListenerInput{ServiceIdentifier: s.Id, Name: new("two"), Protocol: new("HTTP"), Port: new(int32(81)), DefaultAction: fixed(404), ClientToken: token},
			model.CreateListenerInput{ServiceIdentifier: s.Id, Name: new("two"), Protocol: new("HTTP"), Port: new(int32(81)), DefaultAction: fixed(500), ClientToken: token}},
		{model.CreateRuleInput{ServiceIdentifier: s.Id, ListenerIdentifier: l.Id, Name: new("two"), Priority: new(int32(1)), Match: path("/a"), Action: fixed(404), ClientToken: token},
			model.CreateRuleInput{ServiceIdentifier: s.Id, ListenerIdentifier: l.Id, Name: new("two"), Priority: new(int32(1)), Match: path("/b"), Action: fixed(404), ClientToken: token}},
		{model.CreateServiceNetworkServiceAssociationInput{ServiceNetworkIdentifier: n.Id, ServiceIdentifier: s.Id, ClientToken: token},
			model.CreateServiceNetworkServiceAssociationInput{ServiceNetworkIdentifier: n.Arn, ServiceIdentifier: s.Id, ClientToken: token}},
		{model.CreateServiceNetworkVpcAssociationInput{ServiceNetworkIdentifier: n.Id, VpcIdentifier: &v, ClientToken: token},
			model.CreateServiceNetworkVpcAssociationInput{ServiceNetworkIdentifier: n.Id, VpcIdentifier: &v, SecurityGroupIds: []string{sg}, ClientToken: token}},
		{model.CreateAccessLogSubscriptionInput{ResourceIdentifier: s.Id, DestinationArn: new("arn:aws:logs:" + region + ":" + owner + ":log-group:access"), ClientToken: token},
			model.CreateAccessLogSubscriptionInput{ResourceIdentifier: s.Id, DestinationArn: new("arn:aws:logs:" + region + ":" + owner + ":log-group:access:*"), ClientToken: token}},
		{model.CreateResourceGatewayInput{Name: new("two"), VpcIdentifier: &v, SubnetIds: []string{subnetOf(v)}, ClientToken: token},
			model.CreateResourceGatewayInput{Name: new("three"), VpcIdentifier: &v, SubnetIds: []string{subnetOf(v)}, ClientToken: token}},
		{model.CreateResourceConfigurationInput{Name: new("two"), Type: new("SINGLE"), ResourceGatewayIdentifier: g.Id, PortRanges: []string{"80"}, ResourceConfigurationDefinition: ipResource("10.1.0.9"), ClientToken: token},
			model.CreateResourceConfigurationInput{Name: new("two"), Type: new("SINGLE"), ResourceGatewayIdentifier: g.Id, PortRanges: []string{"81"}, ResourceConfigurationDefinition: ipResource("10.1.0.9"), ClientToken: token}},
		{model.CreateServiceNetworkResourceAssociationInput{ServiceNetworkIdentifier: n.Id, ResourceConfigurationIdentifier: c.Id, ClientToken: token},
			model.CreateServiceNetworkResourceAssociationInput{ServiceNetworkIdentifier: n.Arn, ResourceConfigurationIdentifier: c.Id, ClientToken: token}},
	}
	creates := 0
	for _, m := range methods(w) {
		if strings.HasPrefix(m, "Create") {
			creates++
		}
	}
	equal(t, "operations tried", len(tests), creates)
	for _, test := range tests {
		op := strings.TrimSuffix(reflect.TypeOf(test.in).Name(), "Input")
		first, err := w.call(w.as(owner), op, test.in)
		if err != nil {
			t.Errorf("%s: %v", op, err)
			continue
		}
		rev := w.view.Snapshot().SpecRev
		again, err := w.call(w.as(owner), op, test.in)
		if err != nil || member(again, "Id") != member(first, "Id") {
			t.Errorf("%s again: %v, %v", op, again, err)
		}
		equal(t, op+"'s changes", w.view.Snapshot().SpecRev, rev)
		_, err = w.call(w.as(owner), op, test.other)
		w.refused(err, fault.Conflict, "client token")
		if _, err := w.call(w.as(stranger), op, test.in); fault.Is(err, fault.Conflict) {
			t.Errorf("%s: a token of one account is known to another: %v", op, err)
		}
	}
}

// What a token made can be made again once it is gone, and a day later.
func TestTokensDoNotOutliveWhatTheyMade(t *testing.T) {
	w := newWorld(t)
	in := &model.CreateServiceNetworkInput{Name: new("one"), ClientToken: new("t")}
	first := ok(w.CreateServiceNetwork(w.as(owner), in))(t)
	ok(w.DeleteServiceNetwork(w.as(owner), &model.DeleteServiceNetworkInput{ServiceNetworkIdentifier: first.Id}))(t)
	second := ok(w.CreateServiceNetwork(w.as(owner), in))(t)
	if *second.Id == *first.Id {
		t.Error("a token answers with what is gone")
	}
	w.now = w.now.Add(25 * time.Hour)
	_, err := w.CreateServiceNetwork(w.as(owner), in)
	w.refused(err, fault.Conflict, "already exists")
}

func methods(w *world) []string {
	var out []string
	api := reflect.TypeOf(w.API)
	for i := range api.NumMethod() {
		out = append(out, api.Method(i).Name)
	}
	return out
}

func (w *world) call(ctx context.Context, op string, in any) (any, error) {
	p := reflect.New(reflect.TypeOf(in))
	p.Elem().Set(reflect.ValueOf(in))
	results := reflect.ValueOf(w.API).MethodByName(op).Call([]reflect.Value{reflect.ValueOf(ctx), p})
	err, _ := results[1].Interface().(error)
	return results[0].Interface(), err
}

// member is a string member of an answer.
func member(out any, name string) string {
	v := reflect.ValueOf(out).Elem().FieldByName(name)
	if v.IsNil() {
		return ""
	}
	return v.Elem().String()
}

// Every listing comes in pages that together hold everything once.
func TestPages(t *testing.T) {
	w := newWorld(t)
	w.put(func(tx *state.Tx) { state.LogGroups.Put(tx, &logs.Group{Owner: in(owner), Name: "access"}) })
	n, s := w.newNetwork(owner, "network0"), w.newService(owner, "service0")
	l := w.newListener(owner, s.Id, "http", 80, fixed(404))
	w.newListener(owner, s.Id, "more", 81, fixed(404))
	var v string
	for i := range 5 {
		v, _ = w.network(owner, fmt.Sprint(i), fmt.Sprintf("10.%d.0.0/16", i))
		w.attach(owner, n.Id, v)
		w.newNetwork(owner, fmt.Sprint("network", i+1))
		w.join(owner, n.Id, w.newService(owner, fmt.Sprint("service", i+1)).Id)
		ok(w.CreateRule(w.as(owner), &model.CreateRuleInput{ServiceIdentifier: s.Id, ListenerIdentifier: l.Id, Name: new(fmt.Sprint("rule", i)), Priority: new(int32(2000 - i)), Match: path("/"), Action: fixed(404)}))(t)
	}
	g := w.newGroup(owner, "group0", "IP", &model.TargetGroupConfig{Protocol: new("HTTP"), VpcIdentifier: &v})
	for i := range 5 {
		w.newGroup(owner, fmt.Sprint("group", i+1), "LAMBDA", nil)
		w.register(g.Id, target(fmt.Sprint("10.4.0.", i+1), 0))
	}
	for _, kind := range []string{"SERVICE", "RESOURCE"} {
		ok(w.CreateAccessLogSubscription(w.as(owner), &model.CreateAccessLogSubscriptionInput{ResourceIdentifier: n.Id, ServiceNetworkLogType: &kind,
			DestinationArn: new("arn:aws:logs:" + region + ":" + owner + ":log-group:access")}))(t)
	}
	var resource *string
	for i := range 3 {
		gateway := w.gateway(owner, fmt.Sprint("gateway", i), v)
		resource = w.resource(owner, fmt.Sprint("resource", i), gateway.Id, "10.4.0.99").Id
		w.place(owner, n.Id, resource)
		ok(w.StartDomainVerification(w.as(owner), &model.StartDomainVerificationInput{DomainName: new(fmt.Sprint("d", i, ".example.com"))}))(t)
	}
	for i := range 3 {
		w.endpoint(owner, fmt.Sprint("vpce-0000000000000000", i), vpc.ResourceEndpoint, *resource)
		w.endpoint(owner, fmt.Sprint("vpce-0000000000000001", i), vpc.NetworkEndpoint, *n.Id)
	}
	lists := []struct {
		in   any
		want int
	}{
		{model.ListServicesInput{}, 6},
		{model.ListServiceNetworksInput{}, 6},
		{model.ListTargetGroupsInput{}, 6},
		{model.ListTargetsInput{TargetGroupIdentifier: g.Id}, 5},
		{model.ListListenersInput{ServiceIdentifier: s.Id}, 2},
		{model.ListRulesInput{ServiceIdentifier: s.Id, ListenerIdentifier: l.Id}, 6},
		{model.ListServiceNetworkServiceAssociationsInput{ServiceNetworkIdentifier: n.Id}, 5},
		{model.ListServiceNetworkVpcAssociationsInput{ServiceNetworkIdentifier: n.Id}, 5},
		{model.ListAccessLogSubscriptionsInput{ResourceIdentifier: n.Id}, 2},
		{model.ListServiceNetworkResourceAssociationsInput{ServiceNetworkIdentifier: n.Id}, 3},
		{model.ListResourceGatewaysInput{}, 3},
		{model.ListResourceConfigurationsInput{}, 3},
		{model.ListServiceNetworkVpcEndpointAssociationsInput{ServiceNetworkIdentifier: n.Id}, 3},
		{model.ListResourceEndpointAssociationsInput{ResourceConfigurationIdentifier: resource}, 3},
		{model.ListDomainVerificationsInput{}, 3},
	}
	known := 0
	for _, m := range methods(w) {
		if strings.HasPrefix(m, "List") && m != "ListTagsForResource" {
			known++
		}
	}
	equal(t, "listings tried", len(lists), known)
	for _, list := range lists {
		op := strings.TrimSuffix(reflect.TypeOf(list.in).Name(), "Input")
		var ids []string
		token, pages := "", 0
		for pages == 0 || token != "" {
			in := reflect.New(reflect.TypeOf(list.in)).Elem()
			in.Set(reflect.ValueOf(list.in))
			in.FieldByName("MaxResults").Set(reflect.ValueOf(new(int32(2))))
			if token != "" {
				in.FieldByName("NextToken").Set(reflect.ValueOf(new(token)))
			}
			out, err := w.call(w.as(owner), op, in.Interface())
			if err != nil {
				t.Fatalf("%s: %v", op, err)
			}
			items := reflect.ValueOf(out).Elem().FieldByName("Items")
			if items.IsNil() || items.Len() > 2 {
				t.Errorf("%s: a page of %v", op, items)
			}
			for i := range items.Len() {
				ids = append(ids, items.Index(i).FieldByName("Id").Elem().String())
			}
			token = member(out, "NextToken")
			pages++
		}
		equal(t, op+"'s items", len(ids), list.want)
		equal(t, op+"'s pages", pages, max(1, (list.want+1)/2))
		slices.Sort(ids)
		equal(t, op+"'s different items", len(slices.Compact(ids)), list.want)
		if list.want == 0 {
			continue
		}
		for _, bad := range []struct{ name, value string }{{"NextToken", "nonsense"}, {"MaxResults", ""}} {
			in := reflect.New(reflect.TypeOf(list.in)).Elem()
			in.Set(reflect.ValueOf(list.in))
			if bad.name == "NextToken" {
				in.FieldByName(bad.name).Set(reflect.ValueOf(&bad.value))
			} else {
				in.FieldByName(bad.name).Set(reflect.ValueOf(new(int32(101))))
			}
			_, err := w.call(w.as(owner), op, in.Interface())
			w.refused(err, fault.Invalid, "")
		}
	}
}

// No operation fails badly on a request without any of its members.
func TestEmptyRequests(t *testing.T) {
	w := newWorld(t)
	api := reflect.TypeOf(w.API)
	for i := range api.NumMethod() {
		m := api.Method(i)
		if slices.Contains([]string{"ListServices", "ListServiceNetworks", "ListTargetGroups", "ListResourceGateways", "ListResourceConfigurations", "ListDomainVerifications"}, m.Name) {
			continue
		}
		out, err := w.call(w.as(owner), m.Name, reflect.New(m.Type.In(2).Elem()).Elem().Interface())
		if m.Name == "ListAccessLogSubscriptions" {
			equal(t, "subscriptions to nothing", reflect.ValueOf(out).Elem().FieldByName("Items").Len(), 0)
		} else if !fault.Is(err, fault.Invalid) && !fault.Is(err, fault.NotFound) {
			t.Errorf("%s: %v %v", m.Name, out, err)
		}
	}
}
