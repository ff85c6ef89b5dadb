package proxy

import (
	"net/netip"

	"trellis/internal/proxy/http1"
)

// Request is a request head with what rules and policies read of it decoded. It is reused: Decode begins it anew.
type Request struct {
	http1.Request
	// Source is the client's address.
	Source netip.Addr

	path        string
	params      []param
	hasParams   bool
	clearParams bool
	mem         scratch
}

// Decode prepares the request after its head was parsed.
func (r *Request) Decode(source netip.Addr) {
	r.mem.reset()
	r.Source, r.hasParams = source.Unmap(), false
	if r.path = r.Path; r.Escaped {
		r.path = r.mem.unescape(r.Path, false)
	}
}

// parameters returns the decoded parameters of the query string.
func (r *Request) parameters() []param {
	if !r.hasParams {
		r.params, r.clearParams = r.mem.appendParams(r.params[:0], r.Query)
		r.hasParams = true
	}
	return r.params
}

// Clear reports whether every party reads the path and the parameters alike. Where it is false, what a policy would
// decide on is not certainly what the target acts on.
func (r *Request) Clear() bool {
	r.parameters()
	return r.clearParams && clearPath(r.Path, r.path)
}
