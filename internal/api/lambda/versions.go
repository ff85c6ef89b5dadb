package lambda

import (
	"context"
	"strconv"
	"time"

	"trellis/internal/aws/model/lambda"
	"trellis/internal/function"
	"trellis/internal/state"
)

// publish makes a version of $LATEST, unless the last one made behaves the same, and returns its number. The caller stores f.
func publish(tx *state.Tx, f *function.Function, latest *function.Config, description string, now time.Time) string {
	if n := len(f.Versions); n > 0 {
		if last, ok := state.FunctionConfigs.Get(tx, f.ARN()+":"+f.Versions[n-1]); ok && last.SameBehaviour(latest) {
			return last.Version
		}
	}
	c := *latest
	c.Version, c.Description = strconv.Itoa(f.NextVersion), description
	c.RevisionID, c.Modified = revision(), now.UTC()
	f.NextVersion++
	f.Versions = append(without(f.Versions, func(string) bool { return false }), c.Version)
	state.FunctionConfigs.Put(tx, &c)
	return c.Version
}

// PublishVersion keeps $LATEST as it is now under a number.
func (a *API) PublishVersion(ctx context.Context, in *lambda.PublishVersionInput) (*lambda.PublishVersionOutput, error) {
	if err := unbuilt([]feature{{"PublishTo", deref(in.PublishTo) != ""}}); err != nil {
		return nil, err
	}
	var version string
	name, err := a.change(ctx, in.FunctionName, in.RevisionId, "PublishVersion", func(tx *state.Tx, f *function.Function, c *function.Config) error {
		if sha := deref(in.CodeSha256); sha != "" && sha != c.CodeSHA256 {
			return invalid("CodeSHA256 (%s) is different from current CodeSHA256 in $LATEST (%s). Please try again with the CodeSHA256 in $LATEST.", sha, c.CodeSHA256)
		}
		description := c.Description
		if in.Description != nil && *in.Description != "" {
			description = *in.Description
		}
		before := f.NextVersion
		version = publish(tx, f, c, description, a.Now())
		if f.NextVersion == before {
			return nil
		}
		if err := room(tx.Snapshot(), f.Owner, c.CodeSize); err != nil {
			return err
		}
		state.Functions.Put(tx, f)
		return connect(tx, f, a.Now())
	})
	if err != nil {
		return nil, err
	}
	shown, err := a.answer(name, version, true)
	if err != nil {
		return nil, err
	}
	return new(lambda.PublishVersionOutput(shown)), nil
}
