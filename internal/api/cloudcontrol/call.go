package cloudcontrol

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"trellis/internal/api/cloudcontrol/schema"
	"trellis/internal/api/page"
	apimodel "trellis/internal/aws/model"
	"trellis/internal/aws/model/vpclattice"
	"trellis/internal/fault"
	"trellis/internal/lattice"
	"trellis/internal/state"
)

// resource is how Cloud Control handles one type. A handler asks the API that owns the resources, as the caller.
type resource struct {
	schema *schema.Type
	// unbuilt are properties whose effect is not built, and lasting those that nothing changes though the schema lets them
	// change. Both are paths as in schemas; what asks for them is refused.
	unbuilt, lasting []string
	// absent is what properties go back to when a patch takes them away, and stays are those that nothing takes away.
	absent model
	stays  []string
	// kind is how the API's errors call resources of the type.
	kind string
	// create makes the resource and tells its identifier by call.made.
	create func(*call, model) error
	// once says that creating twice makes two: the API takes no token for it.
	once bool
	// complete, where it is set, does the rest once the new resource is stable.
	complete func(*call, model) error
	read     func(*call, string) (model, error)
	update   func(c *call, id string, want, have model) error
	remove   func(*call, string) error
	list     func(*call, model, *int32, *string) ([]model, *string, error)
	// status, where it is set, tells the status of a resource and why it failed.
	status func(*call, string) (status, reason *string, err error)
}

// call is one operation on one resource on behalf of the caller of ctx.
type call struct {
	ctx  context.Context
	view *state.View
	auth Authorizer
	apis APIs
	// token is the client token of what is created: made twice, it is the same.
	token string
	// again says that the operation may have been begun before.
	again bool
	// id is the resource's identifier once it is known; told says that requests show it, which tell sees to.
	id   string
	told bool
	tell func(id string) error
}

// ask performs an action of VPC Lattice if the caller may.
func ask[I, O any](c *call, action string, f func(context.Context, *I) (*O, error), in *I) (*O, error) {
	if err := c.auth.Authorize(c.ctx, "vpc-lattice:"+action, in); err != nil {
		return nil, err
	}
	return f(c.ctx, in)
}

// APIs performs operations of the AWS APIs as their clients could.
type APIs interface {
	Do(ctx context.Context, api *apimodel.Service, operation string, in any) (any, error)
	// Outcome is the code and the HTTP status with which an API answers an error.
	Outcome(api *apimodel.Service, e *fault.Error) (code string, status int)
}

// do performs an operation of an API for the caller.
func do[O, I any](c *call, api *apimodel.Service, operation string, in *I) (*O, error) {
	out, err := c.apis.Do(c.ctx, api, operation, in)
	if err != nil {
		return nil, err
	}
	answer, ok := out.(*O)
	if !ok {
		return nil, fmt.Errorf("%s answered a %T", operation, out)
	}
	return answer, nil
}

// listed returns a handler that pages what all returns, in order of the identifiers.
func (r *resource) listed(all func(*call, model) ([]model, error)) func(*call, model, *int32, *string) ([]model, *string, error) {
	key := func(m model) string { id, _ := r.identify(m); return id }
	return func(c *call, by model, max *int32, token *string) ([]model, *string, error) {
		found, err := all(c, by)
		if err != nil {
			return nil, nil, err
		}
		slices.SortFunc(found, func(a, b model) int { return strings.Compare(key(a), key(b)) })
		// What a model names twice is listed once.
		found = slices.CompactFunc(found, func(a, b model) bool { return key(a) == key(b) })
		some, next, err := page.Cut(slices.Values(found), key, int(*max), str(token), "")
		return some, text(next), err
	}
}

// made tells the identifier of what was created.
func (c *call) made(id *string) { c.id = str(id) }

// identifiers are those of the items of a listing, which may be about something that is not there.
func identifiers[T any](items []T, err error, id func(T) *string) ([]string, error) {
	if err != nil && !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	var out []string
	for _, item := range items {
		out = append(out, str(id(item)))
	}
	return out, nil
}

// fresh tells the identifier of what was created, unless it is among those that were there before: an API that answers with
// what is there already has created nothing.
func (r *resource) fresh(c *call, before []string, id *string) error {
	if !c.again && slices.Contains(before, str(id)) {
		return r.taken(str(id))
	}
	c.made(id)
	return nil
}

// patience is how long a resource may take to become stable.
const patience = 2 * time.Hour

// until waits for check to hold. It looks again whenever something changed.
func (c *call) until(check func() (bool, error)) error {
	wait, cancel := context.WithTimeout(c.ctx, patience)
	defer cancel()
	for {
		s := c.view.Snapshot()
		if done, err := check(); done || err != nil {
			return err
		}
		if err := c.show(); err != nil {
			return err
		}
		if _, err := c.view.After(wait, s.Rev); err != nil {
			if c.ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
				return &failure{notStabilized, "The resource did not become stable in time."}
			}
			return err
		}
	}
}

// show has the request show the identifier as soon as it is known.
func (c *call) show() error {
	if c.told || c.id == "" {
		return nil
	}
	c.told = true
	return c.tell(c.id)
}

// stable waits for the resource to be active.
func (r *resource) stable(c *call) error {
	if r.status == nil {
		return nil
	}
	return c.until(func() (bool, error) {
		status, reason, err := r.status(c, c.id)
		if err != nil {
			return false, err
		}
		switch str(status) {
		case lattice.Active:
			return true, nil
		case lattice.CreateFailed, lattice.UpdateFailed, lattice.Deleting:
			return false, r.unstable(c.id, str(status), str(reason))
		}
		return false, nil
	})
}

// gone waits for the resource to be no more.
func (r *resource) gone(c *call) error {
	if r.status == nil {
		return nil
	}
	return c.until(func() (bool, error) {
		_, _, err := r.status(c, c.id)
		if fault.Is(err, fault.NotFound) {
			return true, nil
		}
		return false, err
	})
}

func (r *resource) unstable(id, status, reason string) error {
	message := fmt.Sprintf("Resource of type '%s' with identifier '%s' did not stabilize: its status is %s.", r.schema.Name, id, status)
	if reason != "" {
		message += " " + reason
	}
	return &failure{notStabilized, message}
}

// tagged adds the resource's tags to a model.
func (c *call) tagged(l Lattice, m model, arn *string) (model, error) {
	out, err := ask(c, "ListTagsForResource", l.ListTagsForResource, &vpclattice.ListTagsForResourceInput{ResourceArn: arn})
	if err != nil {
		return nil, err
	}
	m[tagsProperty] = showTags(out.Tags)
	return m, nil
}

// retag gives the resource the tags that are wanted and takes others away.
func (c *call) retag(l Lattice, id string, want, have model) error {
	return exchangeTags(want, have, func(gone []string) error {
		_, err := ask(c, "UntagResource", l.UntagResource, &vpclattice.UntagResourceInput{ResourceArn: &id, TagKeys: gone})
		return err
	}, func(wanted map[string]string) error {
		_, err := ask(c, "TagResource", l.TagResource, &vpclattice.TagResourceInput{ResourceArn: &id, Tags: wanted})
		return err
	})
}

// exchangeTags takes away the tags that are not wanted and puts those that are new or have another value.
func exchangeTags(want, have model, untag func(keys []string) error, tag func(map[string]string) error) error {
	wanted, had := want.tags(), have.tags()
	var gone []string
	for k := range had {
		if _, ok := wanted[k]; !ok {
			gone = append(gone, k)
		}
	}
	for k, v := range wanted {
		if old, ok := had[k]; ok && old == v {
			delete(wanted, k)
		}
	}
	if len(gone) > 0 {
		slices.Sort(gone)
		if err := untag(gone); err != nil {
			return err
		}
	}
	if len(wanted) > 0 {
		return tag(wanted)
	}
	return nil
}
