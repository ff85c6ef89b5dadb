package vpclattice_test

import (
	"testing"
	"time"

	model "trellis/internal/aws/model/vpclattice"
	"trellis/internal/fault"
	"trellis/internal/lattice"
	"trellis/internal/state"
)

func TestServices(t *testing.T) {
	w := newWorld(t)
	w.lag()
	s := w.newService(owner, "one")
	equal(t, "status", *s.Status, "CREATE_IN_PROGRESS")
	equal(t, "auth type", *s.AuthType, "NONE")
	equal(t, "idle timeout", *s.IdleTimeoutSeconds, 60)
	contains(t, *s.Id, "svc-")
	equal(t, "id length", len(*s.Id), 4+17)
	get := func() *model.GetServiceOutput {
		t.Helper()
		return ok(w.GetService(w.as(owner), &model.GetServiceInput{ServiceIdentifier: s.Id}))(t)
	}
	equal(t, "status", *get().Status, "CREATE_IN_PROGRESS")
	w.host(always, map[string]string{*s.Id: "no data plane"})
	failed := get()
	equal(t, "status", *failed.Status, "CREATE_FAILED")
	equal(t, "reason", *failed.FailureMessage, "no data plane")
	if failed.FailureCode == nil {
		t.Error("a failure has no code")
	}
	w.host(always, nil)
	equal(t, "status", *get().Status, "ACTIVE")
	if get().FailureMessage != nil {
		t.Error("an active service has a failure")
	}

	w.now = w.now.Add(time.Hour)
	u := ok(w.UpdateService(w.as(owner), &model.UpdateServiceInput{ServiceIdentifier: s.Arn, AuthType: new("AWS_IAM"), IdleTimeoutSeconds: new(int32(600))}))(t)
	equal(t, "auth type", *u.AuthType, "AWS_IAM")
	equal(t, "idle timeout", *get().IdleTimeoutSeconds, 600)
	equal(t, "age at update", get().LastUpdatedAt.Sub(*get().CreatedAt), time.Hour)

	for name, test := range map[string]struct {
		in    model.CreateServiceInput
		kind  fault.Kind
		words string
	}{
		"taken name":      {model.CreateServiceInput{Name: new("one")}, fault.Conflict, "already exists"},
		"bad name":        {model.CreateServiceInput{Name: new("svc-x")}, fault.Invalid, "must not begin with svc-"},
		"no name":         {model.CreateServiceInput{}, fault.Invalid, "between 3 and 40"},
		"bad auth":        {model.CreateServiceInput{Name: new("two"), AuthType: new("IAM")}, fault.Invalid, "AWS_IAM"},
		"bad domain":      {model.CreateServiceInput{Name: new("two"), CustomDomainName: new("nodots")}, fault.Invalid, "domain name"},
		"a certificate":   {model.CreateServiceInput{Name: new("two"), CertificateArn: new("arn:aws:acm:eu-west-1:1:certificate/x")}, fault.Unsupported, "does not exist"},
		"short idle time": {model.CreateServiceInput{Name: new("two"), IdleTimeoutSeconds: new(int32(59))}, fault.Invalid, "between 60 and 600"},
		"reserved tag":    {model.CreateServiceInput{Name: new("two"), Tags: map[string]string{"aws:x": "1"}}, fault.Invalid, "reserved"},
	} {
		_, err := w.CreateService(w.as(owner), &test.in)
		t.Run(name, func(*testing.T) { w.refused(err, test.kind, test.words) })
	}
	w.newService(consumer, "one") // names are each account's own
	_, err := w.CreateService(w.in(owner, "us-west-2"), &model.CreateServiceInput{Name: new("one")})
	if err != nil {
		t.Errorf("the name in another region: %v", err)
	}

	del := ok(w.DeleteService(w.as(owner), &model.DeleteServiceInput{ServiceIdentifier: s.Id}))(t)
	equal(t, "status", *del.Status, "DELETE_IN_PROGRESS")
	equal(t, "status", *get().Status, "DELETE_IN_PROGRESS")
	ok(w.DeleteService(w.as(owner), &model.DeleteServiceInput{ServiceIdentifier: s.Id}))(t)
	_, err = w.UpdateService(w.as(owner), &model.UpdateServiceInput{ServiceIdentifier: s.Id, AuthType: new("NONE")})
	w.refused(err, fault.Conflict, "status: DELETE_IN_PROGRESS")
	_, err = w.CreateListener(w.as(owner), &model.CreateListenerInput{ServiceIdentifier: s.Id, Name: new("http"), Protocol: new("HTTP"), DefaultAction: fixed(404)})
	w.refused(err, fault.Conflict, "status: DELETE_IN_PROGRESS")
	w.sweep()
	_, err = w.GetService(w.as(owner), &model.GetServiceInput{ServiceIdentifier: s.Id})
	w.refused(err, fault.NotFound, "does not exist")
}

func TestServiceDeletionCascades(t *testing.T) {
	w := newWorld(t)
	ids, _ := w.build(owner, "1")
	service := ids["ServiceIdentifier"]
	association := ids["ServiceNetworkServiceAssociationIdentifier"]
	ok(w.DeleteServiceNetworkServiceAssociation(w.as(owner), &model.DeleteServiceNetworkServiceAssociationInput{ServiceNetworkServiceAssociationIdentifier: &association}))(t)
	w.sweep()
	ok(w.DeleteService(w.as(owner), &model.DeleteServiceInput{ServiceIdentifier: &service}))(t)
	r := w.view.Snapshot()
	equal(t, "listeners", state.Listeners.Len(r), 0)
	equal(t, "rules", state.Rules.Len(r), 0)
	equal(t, "policies", state.AuthPolicies.Len(r), 0)
	equal(t, "subscriptions", state.LogSubscriptions.Len(r), 0)
	equal(t, "target groups", state.TargetGroups.Len(r), 1)
	group := ids["TargetGroupIdentifier"]
	ok(w.DeleteTargetGroup(w.as(owner), &model.DeleteTargetGroupInput{TargetGroupIdentifier: &group}))(t)
	equal(t, "targets", state.Targets.Len(w.view.Snapshot()), 0)
}

func TestNetworks(t *testing.T) {
	w := newWorld(t)
	n := ok(w.CreateServiceNetwork(w.as(owner), &model.CreateServiceNetworkInput{Name: new("sn-one"), AuthType: new("AWS_IAM")}))(t)
	equal(t, "sharing", *n.SharingConfig.Enabled, true)
	equal(t, "auth type", *n.AuthType, "AWS_IAM")
	_, err := w.CreateServiceNetwork(w.as(owner), &model.CreateServiceNetworkInput{Name: new("sn-one")})
	w.refused(err, fault.Conflict, "already exists")
	_, err = w.CreateServiceNetwork(w.as(owner), &model.CreateServiceNetworkInput{Name: new("two"), AuthType: new("x")})
	w.refused(err, fault.Invalid, "auth type")
	_, err = w.UpdateServiceNetwork(w.as(owner), &model.UpdateServiceNetworkInput{ServiceNetworkIdentifier: n.Id})
	w.refused(err, fault.Invalid, "auth type")
	equal(t, "auth type", *ok(w.UpdateServiceNetwork(w.as(owner), &model.UpdateServiceNetworkInput{ServiceNetworkIdentifier: n.Arn, AuthType: new("NONE")}))(t).AuthType, "NONE")
	ok(w.PutAuthPolicy(w.as(owner), &model.PutAuthPolicyInput{ResourceIdentifier: n.Id, Policy: new(allowAll)}))(t)
	ok(w.DeleteServiceNetwork(w.as(owner), &model.DeleteServiceNetworkInput{ServiceNetworkIdentifier: n.Id}))(t)
	_, err = w.GetServiceNetwork(w.as(owner), &model.GetServiceNetworkInput{ServiceNetworkIdentifier: n.Id})
	w.refused(err, fault.NotFound, "does not exist")
	equal(t, "policies", state.AuthPolicies.Len(w.view.Snapshot()), 0)
	w.newNetwork(owner, "sn-one") // the name is free again
}

func TestQuotas(t *testing.T) {
	w := newWorld(t)
	meta := func(id string, i int) lattice.Meta {
		return lattice.Meta{Owner: in(owner), ID: id + string(rune('0'+i%10)) + string(rune('a'+i/10%26)) + string(rune('a'+i/260)), Name: "n" + string(rune(i+1000))}
	}
	w.put(func(tx *state.Tx) {
		for i := range lattice.MaxNetworks {
			state.Networks.Put(tx, &lattice.Network{Meta: meta("sn-", i)})
		}
		for i := range lattice.MaxServices {
			state.Services.Put(tx, &lattice.Service{Meta: meta("svc-", i)})
		}
		for i := range lattice.MaxTargetGroups {
			state.TargetGroups.Put(tx, &lattice.TargetGroup{Meta: meta("tg-", i)})
		}
	})
	_, err := w.CreateServiceNetwork(w.as(owner), &model.CreateServiceNetworkInput{Name: new("more")})
	w.refused(err, fault.Quota, "at most 50 service networks")
	_, err = w.CreateService(w.as(owner), &model.CreateServiceInput{Name: new("more")})
	w.refused(err, fault.Quota, "at most 2000 services")
	_, err = w.CreateTargetGroup(w.as(owner), &model.CreateTargetGroupInput{Name: new("more"), Type: new("LAMBDA")})
	w.refused(err, fault.Quota, "at most 500 target groups")
	w.newService(consumer, "more")
}

func TestAuthPolicies(t *testing.T) {
	w := newWorld(t)
	s, n := w.newService(owner, "one"), w.newNetwork(owner, "one")
	_, err := w.GetAuthPolicy(w.as(owner), &model.GetAuthPolicyInput{ResourceIdentifier: s.Id})
	w.refused(err, fault.NotFound, "auth policy")
	_, err = w.DeleteAuthPolicy(w.as(owner), &model.DeleteAuthPolicyInput{ResourceIdentifier: s.Id})
	w.refused(err, fault.NotFound, "auth policy")
	for what, bad := range map[string]string{"empty": "", "text": "allow all", "array": "[]", "no statement": `{"Version":"2012-10-17"}`,
		"no principal": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`,
		"twice":        allowAll + allowAll, "too long": `{"Version":"2012-10-17","Statement":[` + string(make([]byte, 11<<10)) + `]}`} {
		_, err := w.PutAuthPolicy(w.as(owner), &model.PutAuthPolicyInput{ResourceIdentifier: s.Id, Policy: &bad})
		t.Run(what, func(*testing.T) { w.refused(err, fault.Invalid, "") })
	}
	put := func(id, policy string) string {
		t.Helper()
		return *ok(w.PutAuthPolicy(w.as(owner), &model.PutAuthPolicyInput{ResourceIdentifier: &id, Policy: &policy}))(t).State
	}
	equal(t, "state", put(*s.Arn, allowAll), "Inactive")
	equal(t, "state", put(*n.Id, "{\n \"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"*\",\"Resource\":\"*\"}]\n}"), "Inactive")
	ok(w.UpdateService(w.as(owner), &model.UpdateServiceInput{ServiceIdentifier: s.Id, AuthType: new("AWS_IAM")}))(t)
	w.now = w.now.Add(time.Minute)
	equal(t, "state", put(*s.Id, allowAll), "Active")
	got := ok(w.GetAuthPolicy(w.as(owner), &model.GetAuthPolicyInput{ResourceIdentifier: s.Arn}))(t)
	equal(t, "policy", *got.Policy, allowAll)
	equal(t, "state", *got.State, "Active")
	equal(t, "age", got.LastUpdatedAt.Sub(*got.CreatedAt), time.Minute)
	ok(w.DeleteAuthPolicy(w.as(owner), &model.DeleteAuthPolicyInput{ResourceIdentifier: s.Id}))(t)
	_, err = w.GetAuthPolicy(w.as(owner), &model.GetAuthPolicyInput{ResourceIdentifier: s.Id})
	w.refused(err, fault.NotFound, "auth policy")
	_, err = w.GetAuthPolicy(w.as(owner), &model.GetAuthPolicyInput{ResourceIdentifier: new("rcfg-00000000000000000")})
	w.refused(err, fault.NotFound, "does not exist")
}

func TestAccessLogs(t *testing.T) {
	w := newWorld(t)
	ids, _ := w.build(owner, "1")
	network := ids["ServiceNetworkIdentifier"]
	group := "arn:aws:logs:" + region + ":" + owner + ":log-group:access"
	create := func(resource, destination, kind string) (*model.CreateAccessLogSubscriptionOutput, error) {
		in := &model.CreateAccessLogSubscriptionInput{ResourceIdentifier: &resource, DestinationArn: &destination}
		if kind != "" {
			in.ServiceNetworkLogType = &kind
		}
		return w.CreateAccessLogSubscription(w.as(owner), in)
	}
	als := ok(create(network, group, ""))(t)
	equal(t, "log type", *als.ServiceNetworkLogType, "SERVICE")
	equal(t, "resource", *als.ResourceId, network)
	ok(create(network, group+":*", "RESOURCE"))(t)
	for what, test := range map[string]struct {
		resource, destination, kind string
		fault                       fault.Kind
		words                       string
	}{
		"a second one":           {network, group, "", fault.Conflict, "already"},
		"an unknown type":        {network, group, "ALL", fault.Invalid, "SERVICE or RESOURCE"},
		"a service with a type":  {ids["ServiceIdentifier"], group, "SERVICE", fault.Invalid, "Only a service network"},
		"a group that is not":    {network, group + "x", "", fault.NotFound, "does not exist"},
		"a bucket":               {network, "arn:aws:s3:::bucket", "", fault.NotFound, "does not exist"},
		"a stream":               {network, "arn:aws:firehose:eu-west-1:" + owner + ":deliverystream/x", "", fault.NotFound, "does not exist"},
		"another account's":      {network, "arn:aws:logs:eu-west-1:" + stranger + ":log-group:access", "", fault.Invalid, "of this account"},
		"another region's":       {network, "arn:aws:logs:us-east-1:" + owner + ":log-group:access", "", fault.Invalid, "of this account"},
		"another thing":          {network, "arn:aws:sqs:eu-west-1:" + owner + ":queue", "", fault.Invalid, "not a log group"},
		"not an ARN":             {network, "access", "", fault.Invalid, "not an ARN"},
		"a network that is not":  {"sn-00000000000000000", group, "", fault.NotFound, "does not exist"},
		"a resource that cannot": {"tg-00000000000000000", group, "", fault.NotFound, "does not exist"},
	} {
		_, err := create(test.resource, test.destination, test.kind)
		t.Run(what, func(*testing.T) { w.refused(err, test.fault, test.words) })
	}
	equal(t, "listed", len(ok(w.ListAccessLogSubscriptions(w.as(owner), &model.ListAccessLogSubscriptionsInput{ResourceIdentifier: &network}))(t).Items), 2)
	up := ok(w.UpdateAccessLogSubscription(w.as(owner), &model.UpdateAccessLogSubscriptionInput{AccessLogSubscriptionIdentifier: als.Arn, DestinationArn: new(group + ":*")}))(t)
	equal(t, "destination", *up.DestinationArn, group+":*")
	_, err := w.UpdateAccessLogSubscription(w.as(owner), &model.UpdateAccessLogSubscriptionInput{AccessLogSubscriptionIdentifier: als.Arn, DestinationArn: new(group + "x")})
	w.refused(err, fault.NotFound, "does not exist")
	equal(t, "destination", *ok(w.GetAccessLogSubscription(w.as(owner), &model.GetAccessLogSubscriptionInput{AccessLogSubscriptionIdentifier: als.Id}))(t).DestinationArn, group+":*")
	ok(w.DeleteAccessLogSubscription(w.as(owner), &model.DeleteAccessLogSubscriptionInput{AccessLogSubscriptionIdentifier: als.Id}))(t)
	_, err = w.GetAccessLogSubscription(w.as(owner), &model.GetAccessLogSubscriptionInput{AccessLogSubscriptionIdentifier: als.Id})
	w.refused(err, fault.NotFound, "does not exist")
}

func TestNothingMakesEndpoints(t *testing.T) {
	w := newWorld(t)
	n := w.newNetwork(owner, "one")
	equal(t, "endpoints", len(ok(w.ListServiceNetworkVpcEndpointAssociations(w.as(owner), &model.ListServiceNetworkVpcEndpointAssociationsInput{ServiceNetworkIdentifier: n.Id}))(t).Items), 0)
	equal(t, "resources", len(ok(w.ListServiceNetworkResourceAssociations(w.as(owner), &model.ListServiceNetworkResourceAssociationsInput{ServiceNetworkIdentifier: n.Id}))(t).Items), 0)
	_, err := w.ListServiceNetworkVpcEndpointAssociations(w.as(owner), &model.ListServiceNetworkVpcEndpointAssociationsInput{})
	w.refused(err, fault.Invalid, "must be given")
	_, err = w.ListServiceNetworkResourceAssociations(w.as(owner), &model.ListServiceNetworkResourceAssociationsInput{})
	w.refused(err, fault.Invalid, "must be given")
}
