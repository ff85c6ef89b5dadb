package cloudcontrol_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// except returns a model without what every run makes anew, after checking that it is there.
func except(t *testing.T, m object, names ...string) object {
	t.Helper()
	for _, name := range names {
		if m[name] == nil {
			t.Errorf("%s is missing in %v", name, m)
		}
		delete(m, name)
	}
	return m
}

func same(t *testing.T, got, want object) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestLandingZoneTypes(t *testing.T) {
	w := newWorld(t)
	vpcID, groupID := w.vpc("1")

	network := w.create("ServiceNetwork", object{"Name": "blue-network", "AuthType": "NONE", "Tags": []object{{"Key": "Name", "Value": "Blue"}}})
	m := w.get("ServiceNetwork", network)
	networkID := m["Id"]
	same(t, except(t, m, "Id"), object{"Arn": network, "Name": "blue-network", "AuthType": "NONE", "CreatedAt": "2026-01-02T03:04:05.678Z",
		"LastUpdatedAt": "2026-01-02T03:04:05.678Z", "SharingConfig": object{"enabled": true}, "Tags": []any{object{"Key": "Name", "Value": "Blue"}}})

	service := w.create("Service", object{"Name": "directory", "AuthType": "AWS_IAM"})
	m = w.get("Service", service)
	serviceID := m["Id"]
	dns := except(t, m, "Id")["DnsEntry"].(object)
	if dns["DomainName"] == "" || dns["HostedZoneId"] == "" {
		t.Errorf("DnsEntry %v", dns)
	}
	same(t, m, object{"Arn": service, "Name": "directory", "AuthType": "AWS_IAM", "Status": "ACTIVE", "CreatedAt": "2026-01-02T03:04:05.678Z",
		"LastUpdatedAt": "2026-01-02T03:04:05.678Z", "DnsEntry": dns, "IdleTimeoutSeconds": m["IdleTimeoutSeconds"], "Tags": []any{}})

	group := w.create("TargetGroup", object{"Name": "targets", "Type": "IP", "Config": object{"Port": 80, "Protocol": "HTTP", "VpcIdentifier": vpcID},
		"Targets": []object{{"Id": "10.0.0.5"}, {"Id": "10.0.0.6", "Port": 8080}}})
	m = w.get("TargetGroup", group)
	same(t, object{"Targets": m["Targets"], "Type": m["Type"], "Status": m["Status"], "Name": m["Name"], "Arn": m["Arn"]}, object{"Arn": group, "Name": "targets", "Type": "IP",
		"Status": "ACTIVE", "Targets": []any{object{"Id": "10.0.0.5", "Port": 80.0}, object{"Id": "10.0.0.6", "Port": 8080.0}}})
	if config := m["Config"].(object); config["VpcIdentifier"] != vpcID || config["ProtocolVersion"] != "HTTP1" || config["HealthCheck"].(object)["Enabled"] != true {
		t.Errorf("Config %v", config)
	}

	forward := object{"Forward": object{"TargetGroups": []object{{"TargetGroupIdentifier": group, "Weight": 100}}}}
	listener := w.create("Listener", object{"Name": "http", "ServiceIdentifier": service, "Protocol": "HTTP", "Port": 80, "DefaultAction": forward})
	m = w.get("Listener", listener)
	same(t, except(t, m, "Id", "DefaultAction"), object{"Arn": listener, "Name": "http", "Protocol": "HTTP", "Port": 80.0, "ServiceArn": service, "ServiceId": serviceID, "Tags": []any{}})

	match := object{"HttpMatch": object{"Method": "GET", "PathMatch": object{"Match": object{"Prefix": "/v1"}},
		"HeaderMatches": []object{{"Name": "x-a", "Match": object{"Exact": "1"}}}}}
	rule := w.create("Rule", object{"ServiceIdentifier": service, "ListenerIdentifier": listener, "Priority": 10, "Match": match,
		"Action": object{"FixedResponse": object{"StatusCode": 404}}})
	m = w.get("Rule", rule)
	same(t, except(t, m, "Id", "Name"), object{"Arn": rule, "Priority": 10.0, "Action": object{"FixedResponse": object{"StatusCode": 404.0}}, "Tags": []any{},
		"Match": object{"HttpMatch": object{"Method": "GET", "PathMatch": object{"Match": object{"Prefix": "/v1"}, "CaseSensitive": m["Match"].(object)["HttpMatch"].(object)["PathMatch"].(object)["CaseSensitive"]},
			"HeaderMatches": []any{object{"Name": "x-a", "Match": object{"Exact": "1"}, "CaseSensitive": false}}}}})

	association := w.create("ServiceNetworkServiceAssociation", object{"ServiceNetworkIdentifier": network, "ServiceIdentifier": service})
	m = w.get("ServiceNetworkServiceAssociation", association)
	same(t, except(t, m, "Id", "CreatedAt", "DnsEntry"), object{"Arn": association, "ServiceArn": service, "ServiceId": serviceID, "ServiceName": "directory",
		"ServiceNetworkArn": network, "ServiceNetworkId": networkID, "ServiceNetworkName": "blue-network", "Status": "ACTIVE", "Tags": []any{}})

	attachment := w.create("ServiceNetworkVpcAssociation", object{"ServiceNetworkIdentifier": network, "VpcIdentifier": vpcID, "SecurityGroupIds": []string{groupID}})
	m = w.get("ServiceNetworkVpcAssociation", attachment)
	delete(m, "PrivateDnsEnabled")
	same(t, except(t, m, "Id", "CreatedAt"), object{"Arn": attachment, "ServiceNetworkArn": network, "ServiceNetworkId": networkID, "ServiceNetworkName": "blue-network",
		"VpcId": vpcID, "SecurityGroupIds": []any{groupID}, "Status": "ACTIVE", "Tags": []any{}})

	policy := object{"Version": "2012-10-17", "Statement": []any{object{"Effect": "Allow", "Principal": "*", "Action": "vpc-lattice-svcs:Invoke", "Resource": "*",
		"Condition": object{"StringEquals": object{"vpc-lattice-svcs:RequestMethod": "GET"}}}}}
	auth := w.create("AuthPolicy", object{"ResourceIdentifier": service, "Policy": policy})
	same(t, w.get("AuthPolicy", auth), object{"ResourceIdentifier": service, "Policy": policy, "State": "Active"})

	// What others hold on to stays.
	w.fail("InvalidRequest", "Status Code: 409")(w.remove("Service", service))
	w.fail("InvalidRequest", "Status Code: 409")(w.remove("TargetGroup", group))

	for _, gone := range []struct{ typeName, id string }{{"AuthPolicy", auth}, {"ServiceNetworkVpcAssociation", attachment},
		{"ServiceNetworkServiceAssociation", association}, {"Rule", rule}, {"Listener", listener}, {"TargetGroup", group}, {"Service", service}, {"ServiceNetwork", network}} {
		w.succeed(w.remove(gone.typeName, gone.id))
		if _, err := w.GetResource(w.as(account), getInput(gone.typeName, gone.id)); err == nil {
			t.Errorf("%s %s is still there", gone.typeName, gone.id)
		} else {
			w.refused(err, "ResourceNotFoundException", "Handler returned status FAILED: Resource of type '"+prefix+gone.typeName+"' with identifier '"+gone.id+"' was not found.")
		}
		w.fail("NotFound", "was not found")(w.remove(gone.typeName, gone.id))
	}
}
