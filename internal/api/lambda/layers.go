package lambda

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"trellis/internal/api/page"
	"trellis/internal/arn"
	"trellis/internal/aws/model/lambda"
	"trellis/internal/caller"
	"trellis/internal/function"
	"trellis/internal/state"
	"trellis/internal/vpc"
)

func (a *API) showLayer(ctx context.Context, l *function.Layer) lambda.GetLayerVersionOutput {
	content := &lambda.LayerVersionContentOutput{CodeSha256: &l.CodeSHA256, CodeSize: &l.CodeSize, Location: a.location(ctx, l.CodeSHA256)}
	return lambda.GetLayerVersionOutput{Content: content, LayerArn: new(l.ARN()), LayerVersionArn: new(l.VersionARN()), Description: &l.Description,
		CreatedDate: stamp(l.Created), Version: &l.Version, CompatibleArchitectures: l.Architectures, CompatibleRuntimes: l.Runtimes,
		LicenseInfo: optional(l.License)}
}

// PublishLayerVersion makes a new version of a layer.
func (a *API) PublishLayerVersion(ctx context.Context, in *lambda.PublishLayerVersionInput) (*lambda.PublishLayerVersionOutput, error) {
	o := owner(ctx)
	to, name, err := function.ParseLayer(deref(in.LayerName), o)
	if err != nil {
		return nil, err
	}
	if to != o {
		return nil, denied(caller.From(ctx), "PublishLayerVersion", function.LayerARN(to, name))
	}
	if len(name) > 64 {
		return nil, invalid("1 validation error detected: Value '%s' at 'layerName' failed to satisfy constraint: Member must have length less than or equal to 64", name)
	}
	code, err := a.store(ctx, source{zip: in.Content.ZipFile, bucket: in.Content.S3Bucket, object: in.Content.S3Key != nil || in.Content.S3ObjectVersion != nil})
	if err != nil {
		return nil, err
	}
	var l *function.Layer
	err = a.view.Update(ctx, func(tx *state.Tx) error {
		if err := room(tx.Snapshot(), o, code.size); err != nil {
			return err
		}
		l = &function.Layer{Owner: o, Name: name, Version: 1, Description: deref(in.Description), License: deref(in.LicenseInfo),
			Runtimes: in.CompatibleRuntimes, Architectures: in.CompatibleArchitectures, CodeSHA256: code.sha, CodeSize: code.size,
			Unzipped: code.unzipped, Created: a.Now().UTC()}
		for other := range state.Layers.By(tx, state.ByName, l.ARN()) {
			l.Version = max(l.Version, other.Version+1)
		}
		state.Layers.Put(tx, l)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return new(lambda.PublishLayerVersionOutput(a.showLayer(ctx, l))), nil
}

// layerVersion returns a layer version that the caller may see.
func layerVersion(ctx context.Context, r state.Reader, layer *string, version int64, action string) (*function.Layer, error) {
	o, name, err := function.ParseLayer(deref(layer), owner(ctx))
	if err != nil {
		return nil, err
	}
	wanted := function.Layer{Owner: o, Name: name, Version: version}
	l, ok := state.Layers.Get(r, wanted.VersionARN())
	who := caller.From(ctx)
	if o.Account != who.Account && (!ok || !l.AllowsPrincipal("lambda:"+action, principal(r, who))) {
		return nil, denied(who, action, wanted.VersionARN())
	}
	if !ok || l.Deleted || o.Region != who.Region {
		return nil, nothing()
	}
	return l, nil
}

// GetLayerVersion describes a layer version, and says where it can be had from.
func (a *API) GetLayerVersion(ctx context.Context, in *lambda.GetLayerVersionInput) (*lambda.GetLayerVersionOutput, error) {
	l, err := layerVersion(ctx, a.view.Snapshot(), in.LayerName, deref(in.VersionNumber), "GetLayerVersion")
	if err != nil {
		return nil, err
	}
	return new(a.showLayer(ctx, l)), nil
}

// GetLayerVersionByArn is GetLayerVersion by the layer version's ARN.
func (a *API) GetLayerVersionByArn(ctx context.Context, in *lambda.GetLayerVersionByArnInput) (*lambda.GetLayerVersionByArnOutput, error) {
	name, version, err := splitLayerVersion(deref(in.Arn))
	if err != nil {
		return nil, err
	}
	l, err := layerVersion(ctx, a.view.Snapshot(), &name, version, "GetLayerVersion")
	if err != nil {
		return nil, err
	}
	return new(lambda.GetLayerVersionByArnOutput(a.showLayer(ctx, l))), nil
}

func splitLayerVersion(s string) (name string, version int64, err error) {
	i := strings.LastIndexByte(s, ':')
	if i >= 0 {
		for _, c := range s[i+1:] {
			if c < '0' || c > '9' || version > 1<<40 {
				i = -1
				break
			}
			version = version*10 + int64(c-'0')
		}
	}
	if i < 0 || !arn.Is(s) || version == 0 {
		return "", 0, invalid("%q is not the ARN of a layer version.", s)
	}
	return s[:i], version, nil
}

func itemOf(l *function.Layer) lambda.LayerVersionsListItem {
	return lambda.LayerVersionsListItem{LayerVersionArn: new(l.VersionARN()), Version: &l.Version, Description: &l.Description, CreatedDate: stamp(l.Created),
		CompatibleArchitectures: l.Architectures, CompatibleRuntimes: l.Runtimes, LicenseInfo: optional(l.License)}
}

// fits reports whether a layer is for a runtime and an architecture, if any are asked for.
func fits(l *function.Layer, runtime, architecture *string) bool {
	return (runtime == nil || slices.Contains(l.Runtimes, *runtime)) && (architecture == nil || slices.Contains(l.Architectures, *architecture))
}

// ListLayers lists the caller's layers, each with its newest version that fits.
func (a *API) ListLayers(ctx context.Context, in *lambda.ListLayersInput) (*lambda.ListLayersOutput, error) {
	newest := map[string]*function.Layer{}
	for l := range state.Layers.By(a.view.Snapshot(), state.ByScope, owner(ctx).Scope()) {
		if old := newest[l.Name]; !l.Deleted && fits(l, in.CompatibleRuntime, in.CompatibleArchitecture) && (old == nil || old.Version < l.Version) {
			newest[l.Name] = l
		}
	}
	var rows []*function.Layer
	for _, l := range newest {
		rows = append(rows, l)
	}
	name := func(l *function.Layer) string { return l.Name }
	listed, next, err := page.Cut(sorted(rows, name), name, pageSize(in.MaxItems), deref(in.Marker), badMarker)
	if err != nil {
		return nil, err
	}
	out := &lambda.ListLayersOutput{Layers: []lambda.LayersListItem{}, NextMarker: optional(next)}
	for _, l := range listed {
		out.Layers = append(out.Layers, lambda.LayersListItem{LayerName: &l.Name, LayerArn: new(l.ARN()), LatestMatchingVersion: new(itemOf(l))})
	}
	return out, nil
}

// newestFirst is the sum that a layer version's number and its place in a list of versions have.
const newestFirst = 999_999_999_999

// ListLayerVersions lists a layer's versions, the newest first.
func (a *API) ListLayerVersions(ctx context.Context, in *lambda.ListLayerVersionsInput) (*lambda.ListLayerVersionsOutput, error) {
	o, name, err := function.ParseLayer(deref(in.LayerName), owner(ctx))
	if err != nil {
		return nil, err
	}
	if o.Account != owner(ctx).Account {
		return nil, denied(caller.From(ctx), "ListLayerVersions", function.LayerARN(o, name))
	}
	rows := layerVersions(a.view.Snapshot(), o, name, in)
	key := func(l *function.Layer) string { return padded(strconv.FormatInt(newestFirst-l.Version, 10)) }
	listed, next, err := page.Cut(sorted(rows, key), key, pageSize(in.MaxItems), deref(in.Marker), badMarker)
	if err != nil {
		return nil, err
	}
	out := &lambda.ListLayerVersionsOutput{LayerVersions: []lambda.LayerVersionsListItem{}, NextMarker: optional(next)}
	for _, l := range listed {
		out.LayerVersions = append(out.LayerVersions, itemOf(l))
	}
	return out, nil
}

func layerVersions(r state.Reader, o vpc.Owner, name string, in *lambda.ListLayerVersionsInput) []*function.Layer {
	var rows []*function.Layer
	for l := range state.Layers.By(r, state.ByName, function.LayerARN(o, name)) {
		if !l.Deleted && fits(l, in.CompatibleRuntime, in.CompatibleArchitecture) {
			rows = append(rows, l)
		}
	}
	return rows
}

// DeleteLayerVersion removes a layer version from what can be found and used. Functions that have it go on.
func (a *API) DeleteLayerVersion(ctx context.Context, in *lambda.DeleteLayerVersionInput) (*lambda.DeleteLayerVersionOutput, error) {
	o, name, err := function.ParseLayer(deref(in.LayerName), owner(ctx))
	if err != nil {
		return nil, err
	}
	if o != owner(ctx) {
		return nil, denied(caller.From(ctx), "DeleteLayerVersion", function.LayerARN(o, name))
	}
	wanted := function.Layer{Owner: o, Name: name, Version: deref(in.VersionNumber)}
	return &lambda.DeleteLayerVersionOutput{}, a.view.Update(ctx, func(tx *state.Tx) error {
		l, ok := state.Layers.Get(tx, wanted.VersionARN())
		if !ok || l.Deleted {
			return nil
		}
		l.Deleted, l.Permissions = true, nil
		state.Layers.Put(tx, l)
		return nil
	})
}
