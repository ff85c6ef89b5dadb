package main

import (
	"context"
	"encoding/base64"
	"log/slog"
	"slices"
	"testing"

	"trellis/internal/blob"
	"trellis/internal/fault"
	"trellis/internal/function"
	"trellis/internal/state"
	"trellis/internal/store/mem"
	"trellis/internal/vpc"
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
	digest := func(b byte) string { return archiveDigest(sha(b)) }
	want := []blob.Use{{Code: digest(4), Layers: []string{digest(1)}}, {Code: digest(2)}}
	if got := codeUses(view.Snapshot()); !slices.EqualFunc(got, want, func(a, b blob.Use) bool { return a.Code == b.Code && slices.Equal(a.Layers, b.Layers) }) {
		t.Errorf("in use are %v", got)
	}
}
