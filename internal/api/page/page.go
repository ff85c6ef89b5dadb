// Package page cuts listings into pages with opaque tokens. It keeps no state: a token names the last item of the page
// before it, so items that come and go between two pages are neither repeated nor lost.
package page

import (
	"encoding/base64"
	"iter"
	"strings"

	"trellis/internal/fault"
)

const mark = "t1:"

// Cut returns up to max of items whose key follows token's, and the token of the next page, empty when there is none.
// items must come in ascending order of key. A token that this package did not make is an Invalid fault with code.
func Cut[T any](items iter.Seq[T], key func(T) string, max int, token, code string) ([]T, string, error) {
	after := ""
	if token != "" {
		raw, err := base64.RawURLEncoding.DecodeString(token)
		rest, ok := strings.CutPrefix(string(raw), mark)
		if err != nil || !ok {
			return nil, "", fault.New(fault.Invalid, code, "The pagination token is not valid.")
		}
		after = rest
	}
	out := []T{}
	for item := range items {
		k := key(item)
		if after != "" && k <= after {
			continue
		}
		if len(out) == max {
			return out, base64.RawURLEncoding.EncodeToString([]byte(mark + key(out[len(out)-1]))), nil
		}
		out = append(out, item)
	}
	return out, "", nil
}
