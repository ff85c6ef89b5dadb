package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"trellis/internal/blob"
	"trellis/internal/fault"
	"trellis/internal/function"
	"trellis/internal/state"
	"trellis/internal/store/mem"
	"trellis/internal/vpc"
	"trellis/test/forge"
)

type unsealed struct{}

func (unsealed) Seal(b []byte) []byte          { return b }
func (unsealed) Open(b []byte) ([]byte, error) { return b, nil }

func openView(t *testing.T, rows func(*state.Tx)) *state.View {
	t.Helper()
	s := mem.New()
	view, err := state.Open(t.Context(), s, unsealed{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		view.Close()
		_ = s.Close()
	})
	if err := view.Update(t.Context(), func(tx *state.Tx) error { rows(tx); return nil }); err != nil {
		t.Fatal(err)
	}
	return view
}

func TestTargetsNeedPermission(t *testing.T) {
	const group = "arn:aws:elasticloadbalancing:us-east-1:111111111111:targetgroup/tg/0123456789abcdef"
	f := &function.Function{Owner: vpc.Owner{Account: "111111111111", Region: "us-east-1"}, Name: "f",
		Permissions: []function.Permission{{StatementID: "s", Action: "lambda:InvokeFunction", Principal: "elasticloadbalancing.amazonaws.com", SourceARN: group + "0"},
			{Qualifier: "gone", StatementID: "s", Action: "lambda:InvokeFunction", Principal: "*"}}}
	i := targetInvoker{view: openView(t, func(tx *state.Tx) { state.Functions.Put(tx, f) })}
	for target, want := range map[string]fault.Kind{
		f.ARN():           fault.Denied, // the statement is for another target group
		f.ARN() + "2":     fault.NotFound,
		f.ARN() + ":live": fault.Denied,
		f.ARN() + ":gone": fault.NotFound, // allowed, and not there
	} {
		if _, _, err := i.Invoke(context.Background(), group, target, nil); !fault.Is(err, want) {
			t.Errorf("%s: %v, want %s", target, err, want)
		}
	}
}

func TestCodeUses(t *testing.T) {
	o := vpc.Owner{Account: "111111111111", Region: "us-east-1"}
	sha := func(b byte) string { return base64.StdEncoding.EncodeToString(slices.Repeat([]byte{b}, 32)) }
	layer := func(name string, b byte, deleted bool) *function.Layer {
		return &function.Layer{Owner: o, Name: name, Version: 1, CodeSHA256: sha(b), Deleted: deleted}
	}
	used, unused, gone := layer("used", 1, true), layer("unused", 2, false), layer("gone", 3, true)
	view := openView(t, func(tx *state.Tx) {
		for _, l := range []*function.Layer{used, unused, gone} {
			state.Layers.Put(tx, l)
		}
		state.FunctionConfigs.Put(tx, &function.Config{Function: function.ARN(o, "f"), Version: function.Latest, CodeSHA256: sha(4), Layers: []string{used.VersionARN()}})
	})
	digest := func(b byte) string { return blob.Digest(sha(b)) }
	want := []blob.Use{{Code: digest(4), Layers: []string{digest(1)}}, {Code: digest(2)}}
	if got := codeUses(view.Snapshot()); !slices.EqualFunc(got, want, func(a, b blob.Use) bool { return a.Code == b.Code && slices.Equal(a.Layers, b.Layers) }) {
		t.Errorf("in use are %v", got)
	}
}

// What GetFunction and the readers of layers say is an address of the archive that was uploaded, of each version its own.
func TestCodeIsWhereLambdaSays(t *testing.T) {
	w := newWorld(t)
	w.open(t, "111111111111")
	w.open(t, "222222222222")
	e := w.populate(t, "111111111111", "222222222222", "owner", false)
	call := func(operation string, in map[string]any) map[string]any {
		t.Helper()
		got := w.call("111111111111", "lambda", operation, in)
		if got.Status >= 300 {
			t.Fatalf("%s: %d %s %s", operation, got.Status, got.Code, got.Message)
		}
		out, err := forge.Output(w.apis["lambda"].Service, w.apis["lambda"].operations[operation], got)
		if err != nil {
			t.Fatal(err)
		}
		w.settle(t)
		return out
	}
	is := func(what string, part any, want []byte) {
		t.Helper()
		location, _ := part.(map[string]any)["Location"].(string)
		path, ok := strings.CutPrefix(location, "http://localhost/")
		if !ok {
			t.Fatalf("%s is at %q", what, location)
		}
		if got := w.download(t, "/"+path); got != base64.StdEncoding.EncodeToString(want) {
			t.Errorf("%s: another archive is at %s", what, location)
		}
	}
	code := func(text string) []byte {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		f, err := z.CreateHeader(&zip.FileHeader{Name: "bootstrap", ExternalAttrs: 0o755 << 16})
		if err == nil {
			_, err = f.Write([]byte("#!/bin/sh\n# " + text + "\nexit 1\n"))
		}
		if err := errors.Join(err, z.Close()); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	one, two, three := code("one"), code("two"), code("three")
	name := map[string]any{"FunctionName": "located"}
	call("CreateFunction", map[string]any{"FunctionName": "located", "Role": e["role.arn"], "Runtime": "provided.al2023", "Handler": "bootstrap", "Publish": true,
		"Code": map[string]any{"ZipFile": base64.StdEncoding.EncodeToString(one)}})
	is("a function's code", call("GetFunction", name)["Code"], one)
	call("UpdateFunctionCode", map[string]any{"FunctionName": "located", "ZipFile": base64.StdEncoding.EncodeToString(two)})
	is("the new code", call("GetFunction", name)["Code"], two)
	is("a version's code", call("GetFunction", map[string]any{"FunctionName": "located", "Qualifier": "1"})["Code"], one)
	layer := call("PublishLayerVersion", map[string]any{"LayerName": "located", "Content": map[string]any{"ZipFile": base64.StdEncoding.EncodeToString(three)}})
	is("a new layer", layer["Content"], three)
	is("a layer", call("GetLayerVersion", map[string]any{"LayerName": "located", "VersionNumber": 1})["Content"], three)
	is("a layer by its ARN", call("GetLayerVersionByArn", map[string]any{"Arn": layer["LayerVersionArn"]})["Content"], three)
}
