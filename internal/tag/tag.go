// Package tag owns resource tags and the limits every AWS API puts on them. Tags are part of the resource that carries
// them and written by the API that owns it.
package tag

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"trellis/internal/fault"
)

// Limits of a tag set, the same in every API: 50 tags, keys of 1 to 128 and values of 0 to 256 characters.
const (
	MaxTags  = 50
	MaxKey   = 128
	MaxValue = 256
)

// Set is a resource's tags. A Set that is stored is never changed; With and Without return new ones.
type Set map[string]string

// Keys returns the keys in order.
func (s Set) Keys() []string { return slices.Sorted(maps.Keys(s)) }

// With returns s with more added, or an error if the result breaks a limit.
func (s Set) With(more Set) (Set, error) {
	out := make(Set, len(s)+len(more))
	maps.Copy(out, s)
	for k, v := range more {
		switch {
		case k == "" || utf8.RuneCountInString(k) > MaxKey:
			return nil, fault.New(fault.Invalid, "", "Tag keys must have between 1 and %d characters.", MaxKey)
		case utf8.RuneCountInString(v) > MaxValue:
			return nil, fault.New(fault.Invalid, "", "The value of tag %s has more than %d characters.", k, MaxValue)
		case len(k) >= 4 && strings.EqualFold(k[:4], "aws:"):
			return nil, fault.New(fault.Invalid, "", "Tag keys starting with aws: are reserved for system use: %s.", k)
		}
		out[k] = v
	}
	if len(out) > MaxTags {
		return nil, fault.New(fault.Quota, "", "A resource can have at most %d tags.", MaxTags)
	}
	return out, nil
}

// Without returns s without the keys. Keys that s does not have are passed over.
func (s Set) Without(keys ...string) Set {
	out := maps.Clone(s)
	for _, k := range keys {
		delete(out, k)
	}
	return out
}
