package lambda_test

import (
	"strings"
	"testing"

	"trellis/internal/aws/model/lambda"
	"trellis/internal/function"
	"trellis/internal/state"
)

func (e *env) layer(account, name, text string) *lambda.PublishLayerVersionOutput {
	e.t.Helper()
	return must[*lambda.PublishLayerVersionOutput](e.t)(e.PublishLayerVersion(e.as(account), &lambda.PublishLayerVersionInput{LayerName: &name,
		Content: &lambda.LayerVersionContentInput{ZipFile: archive(e.t, "data.txt", text)}, CompatibleRuntimes: []string{"python3.12"}, Description: &text}))
}

func TestLayers(t *testing.T) {
	e := newEnv(t)
	one := e.layer(red, "data", "one")
	if *one.LayerArn != "arn:aws:lambda:us-east-1:"+red+":layer:data" || *one.LayerVersionArn != *one.LayerArn+":1" || *one.Version != 1 {
		t.Errorf("made %+v", one)
	}
	two := e.layer(red, "data", "two")
	e.layer(red, "alpha", "three")
	e.layer(black, "data", "foreign")
	got := must[*lambda.GetLayerVersionOutput](t)(e.GetLayerVersion(e.as(red), &lambda.GetLayerVersionInput{LayerName: one.LayerArn, VersionNumber: new(int64(2))}))
	if *got.Content.CodeSha256 != *two.Content.CodeSha256 || *got.Description != "two" {
		t.Errorf("version 2: %+v", got)
	}
	byARN := must[*lambda.GetLayerVersionByArnOutput](t)(e.GetLayerVersionByArn(e.as(red), &lambda.GetLayerVersionByArnInput{Arn: one.LayerVersionArn}))
	if *byARN.Version != 1 {
		t.Errorf("by ARN: %+v", byARN)
	}
	_, err := e.GetLayerVersion(e.as(red), &lambda.GetLayerVersionInput{LayerName: new("data"), VersionNumber: new(int64(9))})
	wants(t, err, "ResourceNotFoundException", "The resource you requested does not exist.")

	list := must[*lambda.ListLayersOutput](t)(e.ListLayers(e.as(red), &lambda.ListLayersInput{}))
	if len(list.Layers) != 2 || *list.Layers[0].LayerName != "alpha" || *list.Layers[1].LatestMatchingVersion.Version != 2 {
		t.Errorf("layers %+v", list.Layers)
	}
	if out := must[*lambda.ListLayersOutput](t)(e.ListLayers(e.as(red), &lambda.ListLayersInput{CompatibleRuntime: new("nodejs20.x")})); len(out.Layers) != 0 {
		t.Errorf("layers for Node %+v", out.Layers)
	}
	first := must[*lambda.ListLayerVersionsOutput](t)(e.ListLayerVersions(e.as(red), &lambda.ListLayerVersionsInput{LayerName: new("data"), MaxItems: new(int32(1))}))
	rest := must[*lambda.ListLayerVersionsOutput](t)(e.ListLayerVersions(e.as(red), &lambda.ListLayerVersionsInput{LayerName: new("data"), Marker: first.NextMarker}))
	if *first.LayerVersions[0].Version != 2 || len(rest.LayerVersions) != 1 || *rest.LayerVersions[0].Version != 1 || rest.NextMarker != nil {
		t.Errorf("versions %+v, then %+v", first, rest)
	}

	// A function keeps a layer that is deleted, and the number is not used again.
	in := e.input(red, "hello")
	in.Layers = []string{*two.LayerVersionArn}
	must[*lambda.CreateFunctionOutput](t)(e.CreateFunction(e.as(red), in))
	e.applied()
	for range 2 {
		must[*lambda.DeleteLayerVersionOutput](t)(e.DeleteLayerVersion(e.as(red), &lambda.DeleteLayerVersionInput{LayerName: new("data"), VersionNumber: new(int64(2))}))
	}
	_, err = e.GetLayerVersion(e.as(red), &lambda.GetLayerVersionInput{LayerName: new("data"), VersionNumber: new(int64(2))})
	wants(t, err, "ResourceNotFoundException", "does not exist")
	if c := e.get(red, "hello"); len(c.Layers) != 1 || *c.Layers[0].Arn != *two.LayerVersionArn || *c.Layers[0].CodeSize == 0 {
		t.Errorf("the function's layers are %+v", c.Layers)
	}
	e.configure("hello", "still works")
	_, err = e.CreateFunction(e.as(red), func() *lambda.CreateFunctionInput {
		in := e.input(red, "second")
		in.Layers = []string{*two.LayerVersionArn}
		return in
	}())
	wants(t, err, "InvalidParameterValueException", "Layer version "+*two.LayerVersionArn+" does not exist.")
	if three := e.layer(red, "data", "again"); *three.Version != 3 {
		t.Errorf("version %d after 2 was deleted", *three.Version)
	}
}

func TestLayersTogetherAreTooLarge(t *testing.T) {
	e := newEnv(t)
	one := e.layer(red, "one", "1")
	e.update(func(tx *state.Tx) {
		l, _ := state.Layers.Get(tx, *one.LayerVersionArn)
		l.Unzipped = function.MaxUnzipped
		state.Layers.Put(tx, l)
	})
	in := e.input(red, "hello")
	in.Layers = []string{*one.LayerVersionArn}
	_, err := e.CreateFunction(e.as(red), in)
	wants(t, err, "InvalidParameterValueException", "Layers consume more than the available size of 262144000 bytes")
}

func TestLayersOfOthers(t *testing.T) {
	e := newEnv(t)
	l := e.layer(red, "data", "one")
	use := func() error {
		in := e.input(black, "hello")
		in.Layers = []string{*l.LayerVersionArn}
		_, err := e.CreateFunction(e.as(black), in)
		return err
	}
	look := func(arn string) error {
		_, err := e.GetLayerVersionByArn(e.as(black), &lambda.GetLayerVersionByArnInput{Arn: &arn})
		return err
	}
	for _, arn := range []string{*l.LayerVersionArn, strings.Replace(*l.LayerVersionArn, "data", "gone", 1)} {
		wants(t, look(arn), "AccessDeniedException", "lambda:GetLayerVersion on resource: "+arn)
	}
	if err := use(); err == nil {
		t.Error("a stranger used the layer")
	}
	_, err := e.GetLayerVersionPolicy(e.as(red), &lambda.GetLayerVersionPolicyInput{LayerName: new("data"), VersionNumber: new(int64(1))})
	wants(t, err, "ResourceNotFoundException", "No policy is associated")
	add := &lambda.AddLayerVersionPermissionInput{LayerName: new("data"), VersionNumber: new(int64(1)), StatementId: new("s"), Action: new("lambda:GetLayerVersion"), Principal: new(black)}
	added := must[*lambda.AddLayerVersionPermissionOutput](t)(e.AddLayerVersionPermission(e.as(red), add))
	if want := `{"Sid":"s","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + black + `:root"},"Action":"lambda:GetLayerVersion","Resource":"` + *l.LayerVersionArn + `"}`; *added.Statement != want {
		t.Errorf("statement %s", *added.Statement)
	}
	_, err = e.AddLayerVersionPermission(e.as(red), add)
	wants(t, err, "ResourceConflictException", "statement id (s)")
	if err := look(*l.LayerVersionArn); err != nil {
		t.Error(err)
	}
	if err := use(); err != nil {
		t.Error(err)
	}
	_, err = e.DeleteLayerVersion(e.as(black), &lambda.DeleteLayerVersionInput{LayerName: l.LayerArn, VersionNumber: new(int64(1))})
	wants(t, err, "AccessDeniedException", "lambda:DeleteLayerVersion")
	_, err = e.PublishLayerVersion(e.as(black), &lambda.PublishLayerVersionInput{LayerName: l.LayerArn, Content: &lambda.LayerVersionContentInput{ZipFile: archive(t, "a", "b")}})
	wants(t, err, "AccessDeniedException", "lambda:PublishLayerVersion")
	remove := func(sid string, revision *string) error {
		_, err := e.RemoveLayerVersionPermission(e.as(red), &lambda.RemoveLayerVersionPermissionInput{LayerName: new("data"), VersionNumber: new(int64(1)), StatementId: &sid, RevisionId: revision})
		return err
	}
	wants(t, remove("x", nil), "ResourceNotFoundException", "Statement x is not found")
	wants(t, remove("s", new("old")), "PreconditionFailedException", "GetLayerVersionPolicy")
	if err := remove("s", added.RevisionId); err != nil {
		t.Error(err)
	}
	if err := look(*l.LayerVersionArn); err == nil {
		t.Error("the layer is still shared")
	}
}
