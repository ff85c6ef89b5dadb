package vpclattice_test

import (
	"testing"

	model "trellis/internal/aws/model/vpclattice"
	"trellis/internal/fault"
	"trellis/internal/state"
)

// The landing zone: one service behind a load balancer, in a network shared with another account, whose VPC joins it.
func TestLandingZone(t *testing.T) {
	w := newWorld(t)
	home, _ := w.network(owner, "1", "10.0.0.0/16")
	away, awayGroup := w.network(consumer, "2", "10.100.0.0/16")
	lb := w.balancer(owner, "shared", home, "internal")

	n := w.newNetwork(owner, "blue-network")
	equal(t, "auth type", *n.AuthType, "NONE")
	w.share("s1", []string{*n.Arn}, consumer)

	w.lag()
	g := w.newGroup(owner, "shared-service-target", "ALB", &model.TargetGroupConfig{Port: new(int32(80)), Protocol: new("HTTP"), VpcIdentifier: &home})
	equal(t, "new group's status", *g.Status, "CREATE_IN_PROGRESS")
	equal(t, "protocol version", *g.Config.ProtocolVersion, "HTTP1")
	if g.Config.HealthCheck != nil {
		t.Error("an ALB group has a health check")
	}
	register := &model.RegisterTargetsInput{TargetGroupIdentifier: g.Id, Targets: []model.Target{{Id: &lb, Port: new(int32(80))}}}
	_, err := w.RegisterTargets(w.as(owner), register)
	w.refused(err, fault.Conflict, "Invalid resource status for this operation, resource id "+*g.Id+", status: CREATE_IN_PROGRESS.")
	w.host(always, nil)
	equal(t, "group's status", *ok(w.GetTargetGroup(w.as(owner), &model.GetTargetGroupInput{TargetGroupIdentifier: g.Arn}))(t).Status, "ACTIVE")
	reg := ok(w.RegisterTargets(w.as(owner), register))(t)
	if len(reg.Successful) != 1 || len(reg.Unsuccessful) != 0 {
		t.Errorf("registered %+v", reg)
	}

	s := ok(w.CreateService(w.as(owner), &model.CreateServiceInput{Name: new("shared-service"), AuthType: new("AWS_IAM"), Tags: map[string]string{"Name": "x"}}))(t)
	equal(t, "domain", *s.DnsEntry.DomainName, "shared-service-"+(*s.Id)[4:]+".7d67968.vpc-lattice-svcs.eu-west-1.on.aws")
	equal(t, "weight", *w.newListener(owner, s.Id, "http-listener", 80, forward(g.Arn)).DefaultAction.Forward.TargetGroups[0].Weight, 100)
	sa := w.join(owner, n.Id, s.Id)
	va := w.attach(consumer, n.Arn, away, awayGroup)
	equal(t, "the consumer's ARN", *va.Arn, "arn:aws:vpc-lattice:eu-west-1:"+consumer+":servicenetworkvpcassociation/"+*va.Id)
	seen := ok(w.GetServiceNetworkVpcAssociation(w.as(owner), &model.GetServiceNetworkVpcAssociationInput{ServiceNetworkVpcAssociationIdentifier: va.Id}))(t)
	equal(t, "the owner's ARN", *seen.Arn, "arn:aws:vpc-lattice:eu-west-1:"+owner+":servicenetworkvpcassociation/"+*va.Id)
	equal(t, "status", *seen.Status, "ACTIVE")
	same(t, "groups", seen.SecurityGroupIds, []string{awayGroup})
	equal(t, "creator", *seen.CreatedBy, consumer)

	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"vpc-lattice-svcs:Invoke","Resource":"*",
"Condition":{"StringEquals":{"vpc-lattice-svcs:RequestQueryString/q":"blue","vpc-lattice-svcs:SourceVpcOwnerAccount":"222222222222"}}}]}`
	equal(t, "policy state", *ok(w.PutAuthPolicy(w.as(owner), &model.PutAuthPolicyInput{ResourceIdentifier: s.Arn, Policy: &policy}))(t).State, "Active")
	targets := ok(w.ListTargets(w.as(owner), &model.ListTargetsInput{TargetGroupIdentifier: g.Id}))(t)
	equal(t, "target status", *targets.Items[0].Status, "UNAVAILABLE")
	equal(t, "target reason", *targets.Items[0].ReasonCode, "HealthCheckNotSupported")
	count := ok(w.GetServiceNetwork(w.as(consumer), &model.GetServiceNetworkInput{ServiceNetworkIdentifier: n.Arn}))(t)
	if *count.NumberOfAssociatedServices != 1 || *count.NumberOfAssociatedVPCs != 1 {
		t.Errorf("associations %d %d", *count.NumberOfAssociatedServices, *count.NumberOfAssociatedVPCs)
	}

	// What is in use stays, and then all of it goes.
	del := func(err error, words string) {
		t.Helper()
		w.refused(err, fault.Conflict, words)
	}
	_, err = w.DeleteServiceNetwork(w.as(owner), &model.DeleteServiceNetworkInput{ServiceNetworkIdentifier: n.Id})
	del(err, "ServiceNetwork "+*n.Id+" has VPC(s) associated")
	_, err = w.DeleteService(w.as(owner), &model.DeleteServiceInput{ServiceIdentifier: s.Id})
	del(err, "associated")
	_, err = w.DeleteTargetGroup(w.as(owner), &model.DeleteTargetGroupInput{TargetGroupIdentifier: g.Id})
	del(err, "is used by")
	equal(t, "status", *ok(w.DeleteServiceNetworkVpcAssociation(w.as(consumer), &model.DeleteServiceNetworkVpcAssociationInput{ServiceNetworkVpcAssociationIdentifier: va.Arn}))(t).Status, "DELETE_IN_PROGRESS")
	equal(t, "status", *ok(w.GetServiceNetworkVpcAssociation(w.as(consumer), &model.GetServiceNetworkVpcAssociationInput{ServiceNetworkVpcAssociationIdentifier: va.Arn}))(t).Status, "DELETE_IN_PROGRESS")
	ok(w.DeleteServiceNetworkServiceAssociation(w.as(owner), &model.DeleteServiceNetworkServiceAssociationInput{ServiceNetworkServiceAssociationIdentifier: sa.Id}))(t)
	_, err = w.DeleteServiceNetwork(w.as(owner), &model.DeleteServiceNetworkInput{ServiceNetworkIdentifier: n.Id})
	del(err, "associated")
	w.sweep()
	_, err = w.GetServiceNetworkVpcAssociation(w.as(consumer), &model.GetServiceNetworkVpcAssociationInput{ServiceNetworkVpcAssociationIdentifier: va.Arn})
	w.refused(err, fault.NotFound, *va.Id)
	ok(w.DeleteServiceNetwork(w.as(owner), &model.DeleteServiceNetworkInput{ServiceNetworkIdentifier: n.Id}))(t)
	equal(t, "status", *ok(w.DeleteService(w.as(owner), &model.DeleteServiceInput{ServiceIdentifier: s.Id}))(t).Status, "DELETE_IN_PROGRESS")
	ok(w.DeregisterTargets(w.as(owner), &model.DeregisterTargetsInput{TargetGroupIdentifier: g.Id, Targets: []model.Target{{Id: &lb, Port: new(int32(80))}}}))(t)
	ok(w.DeleteTargetGroup(w.as(owner), &model.DeleteTargetGroupInput{TargetGroupIdentifier: g.Id}))(t)
	w.sweep()
	r := w.view.Snapshot()
	for what, n := range map[string]int{"services": state.Services.Len(r), "networks": state.Networks.Len(r), "listeners": state.Listeners.Len(r),
		"groups": state.TargetGroups.Len(r), "targets": state.Targets.Len(r), "policies": state.AuthPolicies.Len(r), "associations": state.NetworkServices.Len(r) + state.NetworkVPCs.Len(r)} {
		equal(t, what, n, 0)
	}
}
