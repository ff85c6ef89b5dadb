package lambda

import (
	"bytes"
	"context"
	"errors"

	"trellis/internal/aws/model/lambda"
	"trellis/internal/blob"
	"trellis/internal/caller"
	"trellis/internal/fault"
	"trellis/internal/function"
	"trellis/internal/state"
	"trellis/internal/vpc"
)

// archive is what is known of a stored archive.
type archive struct {
	sha            string // as the API shows it
	size, unzipped int64
}

// source is where code comes from.
type source struct {
	zip           []byte
	bucket, image *string
	key           *string // of KMS
	// object says that an object of S3 is described, though no bucket is named.
	object bool
}

func codeOf(c *lambda.FunctionCode) source {
	return source{c.ZipFile, c.S3Bucket, c.ImageUri, c.SourceKMSKeyArn, c.S3Key != nil || c.S3ObjectVersion != nil}
}

// store keeps the archive of a request, after checking that it can be unzipped.
func (a *API) store(ctx context.Context, src source) (archive, error) {
	switch {
	case src.zip != nil && (deref(src.image) != "" || deref(src.bucket) != "" || src.object):
		return archive{}, invalid("Please do not provide other FunctionCode parameters when providing a ZipFile.")
	case deref(src.image) != "":
		return archive{}, invalid("Source image %s does not exist. Provide a valid source image.", *src.image)
	case deref(src.key) != "":
		return archive{}, unsupported("Deployment packages encrypted with a key of KMS are not supported by this server.")
	case deref(src.bucket) != "":
		return archive{}, invalid("Error occurred while GetObject. S3 Error Code: NoSuchBucket. S3 Error Message: The specified bucket does not exist")
	case src.zip == nil:
		return archive{}, invalid("Please provide a source for function code.")
	case len(src.zip) == 0:
		return archive{}, invalid("Uploaded file must be a non-empty zip")
	}
	info, err := a.Archives.Put(ctx, bytes.NewReader(src.zip), function.UploadableBytes)
	switch {
	case errors.Is(err, blob.ErrEmpty):
		return archive{}, invalid("Uploaded file must be a non-empty zip")
	case errors.Is(err, blob.ErrLarge):
		return archive{}, invalid("Unzipped size must be smaller than %d bytes", function.MaxUnzipped)
	case fault.Is(err, fault.Invalid):
		return archive{}, invalid("Could not unzip uploaded file. Please check your file, then try to upload again. (%s)", messageOf(err))
	case err != nil:
		return archive{}, err
	}
	return archive{info.CodeSha256(), info.Size, info.Bytes}, nil
}

func (c archive) into(cfg *function.Config) {
	cfg.CodeSHA256, cfg.CodeSize, cfg.Unzipped = c.sha, c.size, c.unzipped
}

// architecture returns what a function is to run on, which is what this server runs on.
func (a *API) architecture(asked []string) (string, error) {
	if len(asked) > 0 && asked[0] != a.Architecture {
		return "", unsupported("This server runs functions of the architecture %s only.", a.Architecture)
	}
	return a.Architecture, nil
}

// checkLayers checks that the layers of a configuration can be used with its code.
func (a *API) checkLayers(ctx context.Context, tx *state.Tx, c *function.Config) error {
	total := c.Unzipped
	for _, name := range c.Layers {
		l, err := usable(ctx, tx, name)
		if err != nil {
			return err
		}
		total += l.Unzipped
	}
	if total > function.MaxUnzipped {
		return invalid("Layers consume more than the available size of %d bytes", function.MaxUnzipped)
	}
	return nil
}

// usable returns a layer version that the caller may put into a function.
func usable(ctx context.Context, r state.Reader, name string) (*function.Layer, error) {
	who := caller.From(ctx)
	l, ok := state.Layers.Get(r, name)
	if ok && l.Account != who.Account && !l.AllowsPrincipal("lambda:GetLayerVersion", principal(r, who)) || !ok && accountOf(name) != who.Account {
		return nil, denied(who, "GetLayerVersion", name)
	}
	if !ok || l.Deleted {
		return nil, invalid("Layer version %s does not exist.", name)
	}
	if l.Region != who.Region {
		return nil, invalid("Layers are not in the same region as the function. Layers are expected to be in region %s.", who.Region)
	}
	return l, nil
}

// codeStorage returns how many functions an account has in a region, and the size of all its archives there.
func codeStorage(s *state.Snapshot, o vpc.Owner) (functions, size int64) {
	for f := range state.Functions.By(s, state.ByScope, o.Scope()) {
		functions++
		for _, c := range versions(s, f) {
			size += c.CodeSize
		}
	}
	for l := range state.Layers.By(s, state.ByScope, o.Scope()) {
		if !l.Deleted {
			size += l.CodeSize
		}
	}
	return functions, size
}

// room refuses more code than an account may have in a region.
func room(s *state.Snapshot, o vpc.Owner, more int64) error {
	if _, size := codeStorage(s, o); size+more > function.MaxCodeStorage {
		return fault.New(fault.Quota, "CodeStorageExceededException", "Code storage limit exceeded.")
	}
	return nil
}
