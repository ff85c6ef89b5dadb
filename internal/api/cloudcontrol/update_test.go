package cloudcontrol_test

import (
	"reflect"
	"strings"
	"testing"

	"trellis/internal/aws/model/vpclattice"
	"trellis/internal/state"
)

func TestUpdates(t *testing.T) {
	w := newWorld(t)
	vpcID, groupID := w.vpc("1")
	_, secondGroup := "", "sg-00000000000000009"
	w.put(func(tx *state.Tx) {
		g, _ := state.SecurityGroups.Get(tx, groupID)
		g.ID, g.Name = secondGroup, "second"
		state.SecurityGroups.Put(tx, g)
	})
	network := w.create("ServiceNetwork", object{"Name": "network", "Tags": []object{{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}}})
	service := w.create("Service", object{"Name": "service"})
	group := w.create("TargetGroup", object{"Type": "IP", "Config": object{"Port": 80, "Protocol": "HTTP", "VpcIdentifier": vpcID}, "Targets": []object{{"Id": "10.0.0.5"}}})
	fixed := object{"FixedResponse": object{"StatusCode": 404}}
	listener := w.create("Listener", object{"ServiceIdentifier": service, "Protocol": "HTTP", "DefaultAction": fixed})
	match := object{"HttpMatch": object{"Method": "GET"}}
	rule := w.create("Rule", object{"ServiceIdentifier": service, "ListenerIdentifier": listener, "Priority": 10, "Match": match, "Action": fixed})
	policy := object{"Version": "2012-10-17", "Statement": []any{object{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}}}
	auth := w.create("AuthPolicy", object{"ResourceIdentifier": network, "Policy": policy})
	attachment := w.create("ServiceNetworkVpcAssociation", object{"ServiceNetworkIdentifier": network, "VpcIdentifier": vpcID, "SecurityGroupIds": []string{groupID}})
	association := w.create("ServiceNetworkServiceAssociation", object{"ServiceNetworkIdentifier": network, "ServiceIdentifier": service})

	for _, test := range []struct {
		typeName, id, patch string
		property            string
		want                any
	}{
		{"ServiceNetwork", network, `[{"op":"replace","path":"/AuthType","value":"AWS_IAM"}]`, "AuthType", "AWS_IAM"},
		{"ServiceNetwork", network, `[{"op":"remove","path":"/AuthType"}]`, "AuthType", "NONE"},
		{"ServiceNetwork", network, `[{"op":"replace","path":"/Tags","value":[{"Key":"b","Value":"3"},{"Key":"c","Value":"4"}]}]`, "Tags",
			[]any{object{"Key": "b", "Value": "3"}, object{"Key": "c", "Value": "4"}}},
		{"ServiceNetwork", network, `[{"op":"remove","path":"/Tags/0"},{"op":"test","path":"/Tags/0/Key","value":"c"}]`, "Tags", []any{object{"Key": "c", "Value": "4"}}},
		{"ServiceNetwork", network, `[{"op":"remove","path":"/Tags"}]`, "Tags", []any{}},
		{"ServiceNetwork", network, `[]`, "Name", "network"},
		{"Service", service, `[{"op":"add","path":"/AuthType","value":"AWS_IAM"},{"op":"add","path":"/Tags/-","value":{"Key":"k","Value":"v"}}]`, "AuthType", "AWS_IAM"},
		{"Service", service, `[{"op":"add","path":"/IdleTimeoutSeconds","value":120}]`, "IdleTimeoutSeconds", 120.0},
		{"Service", service, `[{"op":"replace","path":"/Arn","value":"` + service + `"}]`, "Tags", []any{object{"Key": "k", "Value": "v"}}},
		{"TargetGroup", group, `[{"op":"replace","path":"/Config/HealthCheck/Path","value":"/up"}]`, "Targets", []any{object{"Id": "10.0.0.5", "Port": 80.0}}},
		{"TargetGroup", group, `[{"op":"replace","path":"/Targets","value":[{"Id":"10.0.0.5"},{"Id":"10.0.0.6","Port":81}]}]`, "Targets",
			[]any{object{"Id": "10.0.0.5", "Port": 80.0}, object{"Id": "10.0.0.6", "Port": 81.0}}},
		{"TargetGroup", group, `[{"op":"remove","path":"/Targets/0"}]`, "Targets", []any{object{"Id": "10.0.0.6", "Port": 81.0}}},
		{"Listener", listener, `[{"op":"replace","path":"/DefaultAction","value":{"Forward":{"TargetGroups":[{"TargetGroupIdentifier":"` + group + `","Weight":7}]}}}]`,
			"DefaultAction", object{"Forward": object{"TargetGroups": []any{object{"TargetGroupIdentifier": group[strings.LastIndex(group, "/")+1:], "Weight": 7.0}}}}},
		{"Rule", rule, `[{"op":"replace","path":"/Priority","value":20},{"op":"add","path":"/Match/HttpMatch/PathMatch","value":{"Match":{"Exact":"/a"},"CaseSensitive":true}}]`,
			"Match", object{"HttpMatch": object{"Method": "GET", "PathMatch": object{"Match": object{"Exact": "/a"}, "CaseSensitive": true}}}},
		{"Rule", rule, `[]`, "Priority", 20.0},
		{"AuthPolicy", auth, `[{"op":"replace","path":"/Policy/Statement/0/Action","value":"vpc-lattice-svcs:Invoke"}]`, "Policy", object{"Version": "2012-10-17",
			"Statement": []any{object{"Effect": "Allow", "Principal": "*", "Action": "vpc-lattice-svcs:Invoke", "Resource": "*"}}}},
		{"ServiceNetworkVpcAssociation", attachment, `[{"op":"replace","path":"/SecurityGroupIds","value":["` + secondGroup + `"]}]`, "SecurityGroupIds", []any{secondGroup}},
		{"ServiceNetworkVpcAssociation", attachment, `[{"op":"add","path":"/Tags/-","value":{"Key":"k","Value":"v"}}]`, "Tags", []any{object{"Key": "k", "Value": "v"}}},
		{"ServiceNetworkServiceAssociation", association, `[{"op":"add","path":"/Tags/-","value":{"Key":"k","Value":"v"}}]`, "Tags", []any{object{"Key": "k", "Value": "v"}}},
	} {
		if id := w.succeed(w.update(test.typeName, test.id, test.patch)); id != test.id {
			t.Errorf("%s: identifier %s", test.patch, id)
		}
		same(t, object{test.property: w.get(test.typeName, test.id)[test.property]}, object{test.property: test.want})
	}
	if path := w.get("TargetGroup", group)["Config"].(object)["HealthCheck"].(object)["Path"]; path != "/up" {
		t.Errorf("the health check asks for %s", path)
	}

	for _, test := range []struct{ typeName, id, patch, code, words string }{
		{"Service", service, `[{"op":"replace","path":"/Name","value":"other"}]`, "NotUpdatableException", "Invalid patch update: createOnlyProperties [/properties/Name] cannot be updated"},
		{"Service", service, `[{"op":"remove","path":"/Name"}]`, "NotUpdatableException", "[/properties/Name]"},
		{"Service", service, `[{"op":"replace","path":"/Arn","value":"x"}]`, "ValidationException", "Invalid patch update: readOnlyProperties [/properties/Arn] cannot be updated"},
		{"Service", service, `[{"op":"replace","path":"/DnsEntry/DomainName","value":"x"}]`, "ValidationException", "readOnlyProperties [/properties/DnsEntry/DomainName]"},
		{"Service", service, `[{"op":"replace","path":"/AuthType","value":"ALL"}]`, "ValidationException", "Model validation failed (#/AuthType: failed validation constraint for keyword [enum])"},
		{"Service", service, `[{"op":"add","path":"/Nmae","value":"x"}]`, "ValidationException", "Model validation failed (#: extraneous key [Nmae] is not permitted)"},
		{"Service", service, `[{"op":"add","path":"/Tags","value":[{"Key":"k","Value":"1"},{"Key":"k","Value":"2"}]}]`, "ValidationException", "the key [k] is there twice"},
		{"Service", service, `[{"op":"remove","path":"/CertificateArn"}]`, "ValidationException", "cannot be applied"},
		{"Service", service, `[{"op":"test","path":"/AuthType","value":"NONE"}]`, "ValidationException", "cannot be applied"},
		{"Service", service, `[{"op":"remove","path":"/Tags/-1"}]`, "ValidationException", "cannot be applied"},
		{"Service", service, `[{"op":"replace","path":"","value":[]}]`, "ValidationException", ""},
		{"Service", service, `{"op":"remove","path":"/Name"}`, "ValidationException", "not a list"},
		{"Service", service, `null`, "ValidationException", "not a list"},
		{"Service", service, `[{"op":"dance","path":"/Name"}]`, "ValidationException", "not valid"},
		{"Service", service, `[`, "ValidationException", "not a list"},
		{"TargetGroup", group, `[{"op":"replace","path":"/Config/Port","value":81}]`, "NotUpdatableException", "[/properties/Config/Port]"},
		{"Listener", listener, `[{"op":"add","path":"/ServiceIdentifier","value":"` + service + `"}]`, "NotUpdatableException", "[/properties/ServiceIdentifier]"},
		{"Listener", listener, `[{"op":"remove","path":"/DefaultAction"}]`, "ValidationException", "#: required key [DefaultAction] not found"},
		{"AuthPolicy", auth, `[{"op":"replace","path":"/State","value":"Active"}]`, "ValidationException", "readOnlyProperties [/properties/State]"},
		{"Service", strings.Replace(service, "/svc-", "/svc-x", 1), `[]`, "ValidationException", "is not valid for identifier [/properties/Arn]"},
		{"Service", service[:len(service)-1] + "!", `[]`, "ValidationException", "is not valid for identifier"},
		{"Service", other(service), `[]`, "ResourceNotFoundException", "was not found"},
	} {
		_, err := w.update(test.typeName, test.id, test.patch)
		w.refused(err, test.code, test.words)
	}
	// Nothing of that changed anything.
	if m := w.get("Service", service); m["Name"] != "service" || m["AuthType"] != "AWS_IAM" {
		t.Errorf("the service is %v", m)
	}

	// The service's own refusals end the request.
	w.fail("InvalidRequest", "Service: VpcLattice, Status Code: 400, Request ID: req-1")(w.update("AuthPolicy", auth, `[{"op":"replace","path":"/Policy","value":{}}]`))
	w.fail("InvalidRequest", "At least one security group")(w.update("ServiceNetworkVpcAssociation", attachment, `[{"op":"remove","path":"/SecurityGroupIds"}]`))
	w.fail("InvalidRequest", "192.168.0.1")(w.update("TargetGroup", group, `[{"op":"add","path":"/Targets/-","value":{"Id":"192.168.0.1"}}]`))
	missing := `[{"op":"replace","path":"/DefaultAction","value":{"Forward":{"TargetGroups":[{"TargetGroupIdentifier":"tg-00000000000000000"}]}}}]`
	w.fail("NotFound", "tg-00000000000000000")(w.update("Listener", listener, missing))
}

// other is the ARN with another id.
func other(arn string) string {
	last := byte('0')
	if arn[len(arn)-1] == last {
		last = '1'
	}
	return arn[:len(arn)-1] + string(last)
}

// What others change between the acceptance of a patch and its execution stays.
func TestChangesMeanwhile(t *testing.T) {
	w := newWorld(t)
	service := w.create("Service", object{"Name": "service", "Tags": []object{{"Key": "a", "Value": "1"}}})
	vpcID, _ := w.vpc("1")
	group := w.create("TargetGroup", object{"Type": "IP", "Config": object{"Port": 80, "Protocol": "HTTP", "VpcIdentifier": vpcID}})
	w.stop()
	one, err := w.update("Service", service, `[{"op":"replace","path":"/Tags","value":[{"Key":"b","Value":"2"}]}]`)
	if err != nil {
		t.Fatal(err)
	}
	two, err := w.update("TargetGroup", group, `[{"op":"replace","path":"/Config/HealthCheck/Path","value":"/up"}]`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.lattice.UpdateService(w.as(account), &vpclattice.UpdateServiceInput{ServiceIdentifier: &service, AuthType: new("AWS_IAM")}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.lattice.UpdateTargetGroup(w.as(account), &vpclattice.UpdateTargetGroupInput{TargetGroupIdentifier: &group,
		HealthCheck: &vpclattice.HealthCheckConfig{HealthyThresholdCount: new(int32(7))}}); err != nil {
		t.Fatal(err)
	}
	w.run()
	w.succeed(one, nil)
	w.succeed(two, nil)
	if m := w.get("Service", service); m["AuthType"] != "AWS_IAM" || !reflect.DeepEqual(m["Tags"], []any{object{"Key": "b", "Value": "2"}}) {
		t.Errorf("the service is %v", m)
	}
	health := w.get("TargetGroup", group)["Config"].(object)["HealthCheck"].(object)
	if health["Path"] != "/up" || health["HealthyThresholdCount"] != 7.0 {
		t.Errorf("the health check is %v", health)
	}
}
