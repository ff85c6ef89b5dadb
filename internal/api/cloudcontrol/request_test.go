package cloudcontrol_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	model "trellis/internal/aws/model/cloudcontrol"
	"trellis/internal/caller"
	"trellis/internal/state"
)

func TestCreateRefuses(t *testing.T) {
	w := newWorld(t)
	for _, test := range []struct{ typeName, desired, code, words string }{
		{prefix + "Service", `{"Nmae":"abc"}`, "ValidationException", "Model validation failed (#: extraneous key [Nmae] is not permitted)"},
		{prefix + "Service", `{"Name":"svc-abc"}`, "ValidationException", "Model validation failed (#/Name: failed validation constraint for keyword [pattern])"},
		{prefix + "Service", `{"Name":"abc","Arn":"x"}`, "ValidationException", "readOnlyProperties [/properties/Arn]"},
		{prefix + "Service", `{"Name":"abc","DnsEntry":{"DomainName":"x"}}`, "ValidationException", "readOnlyProperties [/properties/DnsEntry/DomainName]"},
		{prefix + "TargetGroup", `{}`, "ValidationException", "Model validation failed (#: required key [Type] not found)"},
		{prefix + "TargetGroup", `{"Name":"x"}`, "ValidationException", "(#: required key [Type] not found\n#/Name: expected minLength: 3, actual: 1)"},
		{prefix + "Service", `{"Name":`, "ValidationException", "not a JSON object"},
		{prefix + "Service", `[]`, "ValidationException", "not a JSON object"},
		{prefix + "Service", `null`, "ValidationException", "not a JSON object"},
		{prefix + "Service", `{} {}`, "ValidationException", "not a JSON object"},
		{prefix + "ResourceConfiguration", `{"Name":"abc","ResourceConfigurationType":"SINGLE","ResourceConfigurationDefinition":{"CidrResource":"10.0.0.0/8"}}`, "ValidationException",
			"Model validation failed (#/ResourceConfigurationDefinition: extraneous key [CidrResource] is not permitted)"},
		{"AWS::IAM::Policy", `{}`, "UnsupportedActionException", "AWS::IAM::Policy"},
		{"AWS::No::Such", `{}`, "TypeNotFoundException", "The type 'AWS::No::Such' cannot be found."},
	} {
		_, err := w.CreateResource(w.as(account), &model.CreateResourceInput{TypeName: &test.typeName, DesiredState: &test.desired})
		w.refused(err, test.code, test.words)
	}
	if n := state.ResourceRequests.Len(w.view.Snapshot()); n != 0 {
		t.Errorf("%d requests were kept", n)
	}
	_, err := w.CreateResource(w.as(account), &model.CreateResourceInput{TypeName: new(prefix + "Service"), TypeVersionId: new("7"), DesiredState: new("{}")})
	w.refused(err, "TypeNotFoundException", "")
}

func TestCreateFails(t *testing.T) {
	w := newWorld(t)
	w.create("ServiceNetwork", object{"Name": "network"})
	service := w.create("Service", object{"Name": "service"})
	single := object{"Name": "resource", "ResourceConfigurationType": "SINGLE", "ResourceGatewayId": "rgw-00000000000000000", "PortRanges": []string{"80"},
		"ResourceConfigurationDefinition": object{"ArnResource": "arn:aws:rds:eu-west-1:111111111111:db:main"}}
	w.fail("NotFound", "rgw-00000000000000000")(w.begin("ResourceConfiguration", single))
	single["ResourceConfigurationAuthType"] = "AWS_IAM"
	w.fail("InvalidRequest", "no auth type AWS_IAM")(w.begin("ResourceConfiguration", single))
	w.fail("AlreadyExists", "Service: VpcLattice, Status Code: 409, Request ID: req-1")(w.begin("ServiceNetwork", object{"Name": "network"}))
	w.fail("AlreadyExists", "")(w.begin("Service", object{"Name": "service"}))
	w.fail("NotFound", "sn-00000000000000000")(w.begin("ServiceNetworkServiceAssociation", object{"ServiceIdentifier": service, "ServiceNetworkIdentifier": "sn-00000000000000000"}))
	w.fail("InvalidRequest", "")(w.begin("TargetGroup", object{"Name": "group", "Type": "IP"}))
	policy := object{"Version": "2012-10-17", "Statement": []any{object{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}}}
	w.create("AuthPolicy", object{"ResourceIdentifier": service, "Policy": policy})
	w.fail("AlreadyExists", "already exists.")(w.begin("AuthPolicy", object{"ResourceIdentifier": service, "Policy": policy}))
	w.fail("NotFound", "")(w.begin("AuthPolicy", object{"ResourceIdentifier": "svc-00000000000000000", "Policy": policy}))

	// A target that is refused leaves the group, whose identifier is told.
	vpcID, _ := w.vpc("1")
	e := w.fail("InvalidRequest", "Some targets could not be registered: 192.168.0.1")(w.begin("TargetGroup", object{"Name": "group", "Type": "IP", "Config": object{"Port": 80, "Protocol": "HTTP", "VpcIdentifier": vpcID},
		"Targets": []object{{"Id": "192.168.0.1"}}}))
	if m := w.get("TargetGroup", *e.Identifier); m["Name"] != "group" || len(m["Targets"].([]any)) != 0 {
		t.Errorf("the group is %v", m)
	}
}

// Every call that a handler makes is the caller's.
func TestPermissions(t *testing.T) {
	w := newWorld(t)
	id := w.create("Service", object{"Name": "service"})
	w.auth.refuse("vpc-lattice:CreateService", "vpc-lattice:GetService", "vpc-lattice:UpdateService")
	w.fail("AccessDenied", "User: arn:aws:iam::111111111111:root is not authorized to perform: vpc-lattice:CreateService")(w.begin("Service", object{"Name": "second"}))
	_, err := w.GetResource(w.as(account), getInput("Service", id))
	w.refused(err, "AccessDeniedException", "AWS::VpcLattice::Service Handler returned status FAILED: User: arn:aws:iam::111111111111:root is not authorized to perform: vpc-lattice:GetService")
	_, err = w.update("Service", id, `[]`)
	w.refused(err, "AccessDeniedException", "vpc-lattice:GetService")
	w.auth.refuse("vpc-lattice:UpdateService")
	w.fail("AccessDenied", "vpc-lattice:UpdateService")(w.update("Service", id, `[{"op":"replace","path":"/AuthType","value":"AWS_IAM"}]`))
	w.auth.refuse("vpc-lattice:DeleteService")
	w.fail("AccessDenied", "vpc-lattice:DeleteService")(w.remove("Service", id))
	w.auth.refuse()
	w.succeed(w.remove("Service", id))
}

func TestRole(t *testing.T) {
	w := newWorld(t)
	role := "arn:aws:iam::" + account + ":role/deployer"
	out, err := w.CreateResource(w.as(account), &model.CreateResourceInput{TypeName: new(prefix + "ServiceNetwork"), DesiredState: new(`{"Name":"network"}`), RoleArn: &role})
	if err != nil {
		t.Fatal(err)
	}
	w.succeed(out.ProgressEvent, nil)
	w.auth.mu.Lock()
	defer w.auth.mu.Unlock()
	if want := []string{role + "/AWSCloudFormation vpc-lattice:CreateServiceNetwork"}; !slices.Equal(w.auth.asked, want) {
		t.Errorf("asked %q, want %q", w.auth.asked, want)
	}
	_, err = w.CreateResource(w.as(account), &model.CreateResourceInput{TypeName: new(prefix + "ServiceNetwork"), DesiredState: new(`{"Name":"other"}`), RoleArn: new("arn:aws:iam::" + account + ":role/admin")})
	if err == nil || !strings.Contains(err.Error(), "may not pass") {
		t.Errorf("error %v", err)
	}
}

func TestNamesAreMadeUp(t *testing.T) {
	w := newWorld(t)
	name, _ := w.get("Service", w.create("Service", object{}))["Name"].(string)
	if !strings.HasPrefix(name, "cloudcontrol-") {
		t.Errorf("name %q", name)
	}
}

func TestClientToken(t *testing.T) {
	w := newWorld(t)
	create := func(token, desired string) (*model.ProgressEvent, error) {
		out, err := w.CreateResource(w.as(account), &model.CreateResourceInput{TypeName: new(prefix + "ServiceNetwork"), DesiredState: &desired, ClientToken: &token})
		if err != nil {
			return nil, err
		}
		return out.ProgressEvent, nil
	}
	a := w.end(create("t1", `{"Name":"network","AuthType":"NONE"}`))
	b := w.end(create("t1", `{"AuthType":"NONE", "Name":"network"}`))
	if *a.RequestToken != *b.RequestToken || *b.OperationStatus != "SUCCESS" {
		t.Errorf("%s %s, want %s SUCCESS", *b.RequestToken, *b.OperationStatus, *a.RequestToken)
	}
	_, err := create("t1", `{"Name":"second"}`)
	w.refused(err, "ClientTokenConflictException", "already been used")

	remove := func(token string) *model.ProgressEvent {
		out, err := w.DeleteResource(w.as(account), &model.DeleteResourceInput{TypeName: a.TypeName, Identifier: a.Identifier, ClientToken: &token})
		if err != nil {
			t.Fatal(err)
		}
		return w.end(out.ProgressEvent, nil)
	}
	patch := func(token, document string) (*model.UpdateResourceOutput, error) {
		return w.UpdateResource(w.as(account), &model.UpdateResourceInput{TypeName: a.TypeName, Identifier: a.Identifier, ClientToken: &token, PatchDocument: &document})
	}
	// An update that was carried out is not checked again: it would no longer apply.
	document := `[{"op":"test","path":"/AuthType","value":"NONE"},{"op":"replace","path":"/AuthType","value":"AWS_IAM"}]`
	first, err := patch("t2", document)
	if err != nil {
		t.Fatal(err)
	}
	w.end(first.ProgressEvent, nil)
	again, err := patch("t2", document)
	if err != nil || *again.ProgressEvent.RequestToken != *first.ProgressEvent.RequestToken {
		t.Errorf("again %v, %v", again, err)
	}
	_, err = patch("t2", `[]`)
	w.refused(err, "ClientTokenConflictException", "")
	if e := remove("t3"); *e.OperationStatus != "SUCCESS" {
		t.Errorf("deletion %v", e)
	}
	if e := remove("t3"); *e.OperationStatus != "SUCCESS" {
		t.Errorf("the same deletion %v", e)
	}
	if e := remove("t4"); str(e.ErrorCode) != "NotFound" {
		t.Errorf("another deletion %v", e)
	}

	// The token of one account means nothing to another, and nothing at all after 36 hours.
	out, err := w.CreateResource(w.as(stranger), &model.CreateResourceInput{TypeName: a.TypeName, DesiredState: new(`{"Name":"theirs"}`), ClientToken: new("t1")})
	if err != nil || *out.ProgressEvent.RequestToken == *a.RequestToken {
		t.Errorf("a stranger got %v, %v", out, err)
	}
	w.pass(37 * time.Hour)
	if c := w.end(create("t1", `{"Name":"second"}`)); *c.RequestToken == *a.RequestToken || *c.OperationStatus != "SUCCESS" {
		t.Errorf("after its time %v", c)
	}
}

func TestRequestsOfOthersAreHidden(t *testing.T) {
	w := newWorld(t)
	e := w.end(w.begin("Service", object{"Name": "service"}))
	elsewhere := caller.With(t.Context(), &caller.Caller{Account: account, Region: "us-west-2"})
	for _, ctx := range []struct {
		name string
		c    func() error
	}{
		{"status", func() error {
			_, err := w.GetResourceRequestStatus(w.as(stranger), &model.GetResourceRequestStatusInput{RequestToken: e.RequestToken})
			return err
		}},
		{"status in another region", func() error {
			_, err := w.GetResourceRequestStatus(elsewhere, &model.GetResourceRequestStatusInput{RequestToken: e.RequestToken})
			return err
		}},
		{"cancel", func() error {
			_, err := w.CancelResourceRequest(w.as(stranger), &model.CancelResourceRequestInput{RequestToken: e.RequestToken})
			return err
		}},
	} {
		w.refused(ctx.c(), "RequestTokenNotFoundException", *e.RequestToken)
	}
	out, err := w.ListResourceRequests(w.as(stranger), &model.ListResourceRequestsInput{})
	if err != nil || len(out.ResourceRequestStatusSummaries) != 0 {
		t.Errorf("a stranger lists %v, %v", out, err)
	}
	_, err = w.GetResource(w.as(stranger), getInput("Service", *e.Identifier))
	w.refused(err, "ResourceNotFoundException", "")
	_, err = w.UpdateResource(w.as(stranger), &model.UpdateResourceInput{TypeName: e.TypeName, Identifier: e.Identifier, PatchDocument: new(`[]`)})
	w.refused(err, "ResourceNotFoundException", "")
	gone, err := w.DeleteResource(w.as(stranger), &model.DeleteResourceInput{TypeName: e.TypeName, Identifier: e.Identifier})
	if err != nil {
		t.Fatal(err)
	}
	for *gone.ProgressEvent.OperationStatus == "IN_PROGRESS" {
		s, err := w.GetResourceRequestStatus(w.as(stranger), &model.GetResourceRequestStatusInput{RequestToken: gone.ProgressEvent.RequestToken})
		if err != nil {
			t.Fatal(err)
		}
		gone.ProgressEvent = s.ProgressEvent
	}
	if str(gone.ProgressEvent.ErrorCode) != "NotFound" {
		t.Errorf("a stranger's deletion: %v", gone.ProgressEvent)
	}
	w.get("Service", *e.Identifier)
	list, err := w.ListResources(w.as(stranger), &model.ListResourcesInput{TypeName: e.TypeName})
	if err != nil || len(list.ResourceDescriptions) != 0 {
		t.Errorf("a stranger lists %v, %v", list, err)
	}
}

func TestListResourceRequests(t *testing.T) {
	w := newWorld(t)
	var made []string
	for _, name := range []string{"one", "two", "three"} {
		e := w.end(w.begin("ServiceNetwork", object{"Name": name}))
		made = append(made, *e.RequestToken)
	}
	failed := w.end(w.begin("ServiceNetwork", object{"Name": "one"}))
	made = append(made, *failed.RequestToken)
	list := func(in *model.ListResourceRequestsInput) ([]string, *string) {
		t.Helper()
		out, err := w.ListResourceRequests(w.as(account), in)
		if err != nil {
			t.Fatal(err)
		}
		var tokens []string
		for _, e := range out.ResourceRequestStatusSummaries {
			tokens = append(tokens, *e.RequestToken)
		}
		return tokens, out.NextToken
	}
	want := slices.Clone(made)
	slices.Reverse(want)
	if got, next := list(&model.ListResourceRequestsInput{}); !slices.Equal(got, want) || next != nil {
		t.Errorf("listed %v %v, want %v", got, next, want)
	}
	got, next := list(&model.ListResourceRequestsInput{MaxResults: new(int32(3))})
	rest, end := list(&model.ListResourceRequestsInput{MaxResults: new(int32(3)), NextToken: next})
	if !slices.Equal(append(got, rest...), want) || len(got) != 3 || end != nil {
		t.Errorf("pages %v %v", got, rest)
	}
	if got, _ := list(&model.ListResourceRequestsInput{ResourceRequestStatusFilter: &model.ResourceRequestStatusFilter{OperationStatuses: []string{"FAILED"}, Operations: []string{"CREATE"}}}); !slices.Equal(got, made[3:]) {
		t.Errorf("failed %v", got)
	}
	if got, _ := list(&model.ListResourceRequestsInput{ResourceRequestStatusFilter: &model.ResourceRequestStatusFilter{Operations: []string{"DELETE"}}}); got != nil {
		t.Errorf("deletions %v", got)
	}
	_, err := w.ListResourceRequests(w.as(account), &model.ListResourceRequestsInput{NextToken: new("x")})
	w.refused(err, "ValidationException", "")

	w.pass(8 * 24 * time.Hour)
	if got, _ := list(&model.ListResourceRequestsInput{}); got != nil {
		t.Errorf("after a week %v", got)
	}
	_, err = w.GetResourceRequestStatus(w.as(account), &model.GetResourceRequestStatusInput{RequestToken: &made[0]})
	w.refused(err, "RequestTokenNotFoundException", "")
	w.restart()
	for s := w.view.Snapshot(); state.ResourceRequests.Len(s) > 0; s = w.view.Snapshot() {
		if _, err := w.view.After(t.Context(), s.Rev); err != nil {
			t.Fatal("old requests stay")
		}
	}
}

func TestListResources(t *testing.T) {
	w := newWorld(t)
	network := w.create("ServiceNetwork", object{"Name": "network"})
	var services []string
	for _, name := range []string{"one", "two", "three"} {
		services = append(services, w.create("Service", object{"Name": name}))
	}
	listener := w.create("Listener", object{"ServiceIdentifier": services[0], "Protocol": "HTTP", "Name": "web", "DefaultAction": object{"FixedResponse": object{"StatusCode": 404}}})
	association := w.create("ServiceNetworkServiceAssociation", object{"ServiceNetworkIdentifier": network, "ServiceIdentifier": services[1]})
	list := func(typeName, by string, max *int32, token *string) (ids []string, properties string, next *string) {
		t.Helper()
		in := &model.ListResourcesInput{TypeName: new(prefix + typeName), MaxResults: max, NextToken: token}
		if by != "" {
			in.ResourceModel = &by
		}
		out, err := w.ListResources(w.as(account), in)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range out.ResourceDescriptions {
			ids, properties = append(ids, *d.Identifier), *d.Properties
		}
		return ids, properties, out.NextToken
	}
	all, _, next := list("Service", "", new(int32(2)), nil)
	more, _, end := list("Service", "", new(int32(2)), next)
	all = append(all, more...)
	slices.Sort(all)
	slices.Sort(services)
	if !slices.Equal(all, services) || len(more) != 1 || end != nil {
		t.Errorf("services %v, want %v", all, services)
	}
	if ids, properties, _ := list("Listener", `{"ServiceIdentifier":"`+strings.Split(listener, "/listener")[0]+`"}`, nil, nil); !slices.Equal(ids, []string{listener}) || !strings.Contains(properties, `"Name":"web"`) {
		t.Errorf("listeners %v: %s", ids, properties)
	}
	if ids, _, _ := list("ServiceNetworkServiceAssociation", `{"ServiceNetworkIdentifier":"`+network+`"}`, nil, nil); !slices.Equal(ids, []string{association}) {
		t.Errorf("associations %v", ids)
	}
	if ids, _, _ := list("TargetGroup", "", nil, nil); ids != nil {
		t.Errorf("target groups %v", ids)
	}
	for _, test := range []struct{ typeName, by, code, words string }{
		{"Listener", "", "InvalidRequestException", "Required property: [ServiceIdentifier]"},
		{"Listener", `{"ServiceIdentifier":7}`, "ValidationException", "#/ServiceIdentifier"},
		{"Listener", `{"ServiceIdentifier":"no"}`, "ValidationException", "#/ServiceIdentifier"},
		{"Listener", `{"ServiceIdentifier":"svc-00000000000000000"}`, "ResourceNotFoundException", "svc-00000000000000000"},
		{"Rule", `{"ServiceIdentifier":"svc-00000000000000000"}`, "InvalidRequestException", "Required property: [ListenerIdentifier]"},
		{"Listener", `[]`, "ValidationException", "not a JSON object"},
		{"ServiceNetworkServiceAssociation", "", "InvalidRequestException", "Handler returned status FAILED"},
		{"AuthPolicy", "", "UnsupportedActionException", "does not support LIST action"},
	} {
		in := &model.ListResourcesInput{TypeName: new(prefix + test.typeName)}
		if test.by != "" {
			in.ResourceModel = &test.by
		}
		_, err := w.ListResources(w.as(account), in)
		w.refused(err, test.code, test.words)
	}
}

func TestIdentifiers(t *testing.T) {
	w := newWorld(t)
	id := w.create("Service", object{"Name": "service"})
	out, err := w.GetResource(w.as(account), getInput("Service", `{"Arn":"`+id+`"}`))
	if err != nil || *out.ResourceDescription.Identifier != id {
		t.Errorf("by an object: %v, %v", out, err)
	}
	for _, bad := range []string{"service", id[strings.LastIndex(id, "/")+1:], `{"Id":"` + id + `"}`, `{"Arn":"` + id + `","Id":"x"}`, `{`, strings.Repeat("a", 1024)} {
		_, err := w.GetResource(w.as(account), getInput("Service", bad))
		w.refused(err, "ValidationException", "is not valid for identifier [/properties/Arn]")
	}
	_, err = w.GetResource(w.as(account), getInput("Service", strings.Replace(id, account, stranger, 1)))
	w.refused(err, "ResourceNotFoundException", "")
}
