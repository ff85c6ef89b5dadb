package lambda_test

import (
	"slices"
	"testing"

	"trellis/internal/aws/model/lambda"
)

func (e *env) publish(name string) string {
	e.t.Helper()
	out := must[*lambda.PublishVersionOutput](e.t)(e.PublishVersion(e.as(red), &lambda.PublishVersionInput{FunctionName: &name}))
	e.applied()
	return *out.Version
}

func (e *env) configure(name, description string) {
	e.t.Helper()
	must[*lambda.UpdateFunctionConfigurationOutput](e.t)(e.UpdateFunctionConfiguration(e.as(red), &lambda.UpdateFunctionConfigurationInput{
		FunctionName: &name, Environment: variables("COLOUR", description), Description: &description}))
	e.applied()
}

func TestVersions(t *testing.T) {
	e := newEnv(t)
	in := e.input(red, "hello")
	in.Publish = new(true)
	if out := must[*lambda.CreateFunctionOutput](t)(e.CreateFunction(e.as(red), in)); *out.Version != "1" || *out.State != "Pending" {
		t.Errorf("published at once: %s %s", *out.Version, *out.State)
	}
	_, err := e.PublishVersion(e.as(red), &lambda.PublishVersionInput{FunctionName: new("hello")})
	wants(t, err, "ResourceConflictException", "Pending")
	e.applied()
	if v := e.publish("hello"); v != "1" {
		t.Errorf("nothing changed, and a version %s was made", v)
	}
	e.configure("hello", "two")
	if v := e.publish("hello"); v != "2" {
		t.Errorf("version %s", v)
	}
	latest := e.get(red, "hello")
	_, err = e.PublishVersion(e.as(red), &lambda.PublishVersionInput{FunctionName: new("hello"), CodeSha256: new("other")})
	wants(t, err, "InvalidParameterValueException", "CodeSHA256 (other) is different from current CodeSHA256")
	_, err = e.PublishVersion(e.as(red), &lambda.PublishVersionInput{FunctionName: new("hello"), RevisionId: new("other")})
	wants(t, err, "PreconditionFailedException", "RevisionId")

	code := must[*lambda.UpdateFunctionCodeOutput](t)(e.UpdateFunctionCode(e.as(red), &lambda.UpdateFunctionCodeInput{FunctionName: new("hello"),
		ZipFile: archive(t, "bootstrap", "new"), DryRun: new(true), RevisionId: latest.RevisionId}))
	if *code.CodeSha256 == *latest.CodeSha256 || *e.get(red, "hello").CodeSha256 != *latest.CodeSha256 {
		t.Error("a dry run changed the code")
	}
	code = must[*lambda.UpdateFunctionCodeOutput](t)(e.UpdateFunctionCode(e.as(red), &lambda.UpdateFunctionCodeInput{FunctionName: new("hello"),
		ZipFile: archive(t, "bootstrap", "new"), Publish: new(true), RevisionId: latest.RevisionId}))
	if *code.Version != "3" || *code.FunctionArn != arnOf(red, "hello")+":3" || *code.CodeSha256 == *latest.CodeSha256 {
		t.Errorf("updated and published: %s %s", *code.Version, *code.FunctionArn)
	}
	_, err = e.UpdateFunctionCode(e.as(red), &lambda.UpdateFunctionCodeInput{FunctionName: new("hello"), ZipFile: archive(t, "bootstrap", "new"), RevisionId: latest.RevisionId})
	wants(t, err, "PreconditionFailedException", "RevisionId")
	e.applied()

	// A version keeps what it was published with, under each of its names.
	one := must[*lambda.GetFunctionConfigurationOutput](t)(e.GetFunctionConfiguration(e.as(red), &lambda.GetFunctionConfigurationInput{FunctionName: new("hello:1")}))
	if one.Environment != nil || *one.FunctionArn != arnOf(red, "hello")+":1" || *one.State != "Active" {
		t.Errorf("version 1: %+v", one)
	}
	_, err = e.GetFunction(e.as(red), &lambda.GetFunctionInput{FunctionName: new("hello:1"), Qualifier: new("2")})
	wants(t, err, "InvalidParameterValueException", "derived qualifier")
	_, err = e.GetFunction(e.as(red), &lambda.GetFunctionInput{FunctionName: new("hello"), Qualifier: new("9")})
	wants(t, err, "ResourceNotFoundException", "Function not found: "+arnOf(red, "hello")+":9")

	var listed []string
	list := &lambda.ListVersionsByFunctionInput{FunctionName: new("hello"), MaxItems: new(int32(3))}
	for {
		out := must[*lambda.ListVersionsByFunctionOutput](t)(e.ListVersionsByFunction(e.as(red), list))
		for _, c := range out.Versions {
			listed = append(listed, *c.Version)
		}
		if list.Marker = out.NextMarker; list.Marker == nil {
			break
		}
	}
	if want := []string{"$LATEST", "1", "2", "3"}; !slices.Equal(listed, want) {
		t.Errorf("versions %q", listed)
	}

	for qualifier, want := range map[string]string{"$LATEST": "$LATEST version cannot be deleted", "9": "Function not found"} {
		_, err := e.DeleteFunction(e.as(red), &lambda.DeleteFunctionInput{FunctionName: new("hello"), Qualifier: &qualifier})
		if err == nil {
			t.Errorf("%s was deleted", qualifier)
		}
		if qualifier == "9" {
			wants(t, err, "ResourceNotFoundException", want)
		} else {
			wants(t, err, "InvalidParameterValueException", want)
		}
	}
	must[*lambda.DeleteFunctionOutput](t)(e.DeleteFunction(e.as(red), &lambda.DeleteFunctionInput{FunctionName: new("hello"), Qualifier: new("3")}))
	e.configure("hello", "four")
	if v := e.publish("hello"); v != "4" {
		t.Errorf("a number was used again: %s", v)
	}
}

func TestAliases(t *testing.T) {
	e := newEnv(t)
	e.create(red, "hello")
	name := new("hello")
	e.publish("hello")
	e.configure("hello", "two")
	e.publish("hello")
	made := must[*lambda.CreateAliasOutput](t)(e.CreateAlias(e.as(red), &lambda.CreateAliasInput{FunctionName: name, Name: new("live"), FunctionVersion: new("1"),
		RoutingConfig: &lambda.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{"2": 0.1}}}))
	if *made.AliasArn != arnOf(red, "hello")+":live" {
		t.Errorf("made %s", *made.AliasArn)
	}
	for _, tc := range []struct {
		alias, version string
		routing        *lambda.AliasRoutingConfiguration
		code, text     string
	}{
		{"live", "1", nil, "ResourceConflictException", "Alias already exists: " + arnOf(red, "hello") + ":live"},
		{"dead", "7", nil, "ResourceNotFoundException", "Function not found: " + arnOf(red, "hello") + ":7"},
		{"dead", "1", routing("7", 0.5), "ResourceNotFoundException", "Function not found: " + arnOf(red, "hello") + ":7"},
		{"dead", "$LATEST", routing("1", 0.5), "InvalidParameterValueException", "$LATEST is not supported"},
		{"dead", "1", routing("1", 0.5), "InvalidParameterValueException", "already included"},
		{"dead", "1", routing("2", 1.5), "InvalidParameterValueException", "must be between 0.0"},
	} {
		_, err := e.CreateAlias(e.as(red), &lambda.CreateAliasInput{FunctionName: name, Name: &tc.alias, FunctionVersion: &tc.version, RoutingConfig: tc.routing})
		if err == nil {
			t.Errorf("%s leads to %s", tc.alias, tc.version)
		}
		wants(t, err, tc.code, tc.text)
	}
	got := must[*lambda.GetFunctionConfigurationOutput](t)(e.GetFunctionConfiguration(e.as(red), &lambda.GetFunctionConfigurationInput{FunctionName: name, Qualifier: new("live")}))
	if *got.Version != "1" || *got.FunctionArn != arnOf(red, "hello")+":live" {
		t.Errorf("the alias shows %s as %s", *got.Version, *got.FunctionArn)
	}
	_, err := e.DeleteFunction(e.as(red), &lambda.DeleteFunctionInput{FunctionName: name, Qualifier: new("2")})
	wants(t, err, "ResourceConflictException", "live")
	_, err = e.UpdateAlias(e.as(red), &lambda.UpdateAliasInput{FunctionName: name, Name: new("live"), FunctionVersion: new("2"), RevisionId: new("old")})
	wants(t, err, "PreconditionFailedException", "RevisionId")
	must[*lambda.UpdateAliasOutput](t)(e.UpdateAlias(e.as(red), &lambda.UpdateAliasInput{FunctionName: name, Name: new("live"), FunctionVersion: new("2"),
		RoutingConfig: &lambda.AliasRoutingConfiguration{}, RevisionId: made.RevisionId}))
	read := must[*lambda.GetAliasOutput](t)(e.GetAlias(e.as(red), &lambda.GetAliasInput{FunctionName: name, Name: new("live")}))
	if *read.FunctionVersion != "2" || read.RoutingConfig != nil || *read.RevisionId == *made.RevisionId {
		t.Errorf("updated %+v", read)
	}
	_, err = e.GetAlias(e.as(red), &lambda.GetAliasInput{FunctionName: name, Name: new("dead")})
	wants(t, err, "ResourceNotFoundException", "Cannot find alias arn: "+arnOf(red, "hello")+":dead")
	if out := must[*lambda.ListAliasesOutput](t)(e.ListAliases(e.as(red), &lambda.ListAliasesInput{FunctionName: name, FunctionVersion: new("1")})); len(out.Aliases) != 0 {
		t.Errorf("aliases of version 1: %+v", out.Aliases)
	}
	if out := must[*lambda.ListAliasesOutput](t)(e.ListAliases(e.as(red), &lambda.ListAliasesInput{FunctionName: name})); len(out.Aliases) != 1 {
		t.Errorf("aliases: %+v", out.Aliases)
	}
	for range 2 {
		must[*lambda.DeleteAliasOutput](t)(e.DeleteAlias(e.as(red), &lambda.DeleteAliasInput{FunctionName: name, Name: new("live")}))
	}
}

func routing(version string, weight float64) *lambda.AliasRoutingConfiguration {
	return &lambda.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{version: weight}}
}

func TestListFunctions(t *testing.T) {
	e := newEnv(t)
	e.create(black, "foreign")
	for _, name := range []string{"c", "a", "b"} {
		e.create(red, name)
	}
	e.publish("b")
	names := func(in *lambda.ListFunctionsInput) []string {
		var out []string
		in.MaxItems = new(int32(2))
		for {
			page := must[*lambda.ListFunctionsOutput](t)(e.ListFunctions(e.as(red), in))
			for _, f := range page.Functions {
				out = append(out, *f.FunctionName+":"+*f.Version)
				if f.State != nil {
					t.Error("a listing says nothing of states")
				}
			}
			if in.Marker = page.NextMarker; in.Marker == nil {
				return out
			}
		}
	}
	if got, want := names(&lambda.ListFunctionsInput{}), []string{"a:$LATEST", "b:$LATEST", "c:$LATEST"}; !slices.Equal(got, want) {
		t.Errorf("functions %q", got)
	}
	if got, want := names(&lambda.ListFunctionsInput{FunctionVersion: new("ALL")}), []string{"a:$LATEST", "b:$LATEST", "b:1", "c:$LATEST"}; !slices.Equal(got, want) {
		t.Errorf("versions %q", got)
	}
	_, err := e.ListFunctions(e.as(red), &lambda.ListFunctionsInput{Marker: new("?")})
	wants(t, err, "InvalidParameterValueException", "token")
}
