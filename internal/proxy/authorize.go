package proxy

import (
	"strings"

	"trellis/internal/proxy/http1"
)

// Layer is a policy layer. A request passes when every layer in force allows it.
type Layer uint8

const (
	NoLayer Layer = iota
	NetworkLayer
	ServiceLayer
	IdentityLayer
)

// String returns the layer as access records name it.
func (l Layer) String() string { return [...]string{"-", "Network", "Service", "Identity"}[l%4] }

// adjective returns the layer as denials name it.
func (l Layer) adjective() string { return [...]string{"", "network", "service", "identity"}[l%4] }

// Guarded reports whether an auth policy is in force for requests from the VPC to the service.
func Guarded(v *VPC, s *Service) bool {
	return v.Network.Auth.Type == AuthIAM || s.Auth.Type == AuthIAM
}

// policyOf returns what a layer decides with and whether the layer is in force.
func (r *AuthRequest) policyOf(l Layer) (Policy, bool) {
	switch l {
	case NetworkLayer:
		return r.vpc.Network.Auth.Policy, r.vpc.Network.Auth.Type == AuthIAM
	case ServiceLayer:
		return r.service.Auth.Policy, r.service.Auth.Type == AuthIAM
	}
	if r.principal == nil {
		return nil, false
	}
	return r.principal.Identity, Guarded(r.vpc, r.service)
}

// Authorize decides the request: NoLayer and Allowed, or the layer that refuses and how. An explicit denial in any layer
// is told before the lack of an allowing statement in another.
func Authorize(r *AuthRequest) (Layer, Verdict) {
	layer, verdict := NoLayer, Allowed
	for l := NetworkLayer; l <= IdentityLayer; l++ {
		p, inForce := r.policyOf(l)
		if !inForce {
			continue
		}
		v := NoAllow
		if p != nil {
			v = p.Decide(r)
		}
		if v == Denied {
			return l, Denied
		}
		if v != Allowed && layer == NoLayer {
			layer, verdict = l, NoAllow
		}
	}
	return layer, verdict
}

// Signed reports whether a request carries credentials, which then must be verified.
func Signed(r *Request) bool {
	if _, ok := r.Get("authorization"); ok {
		return true
	}
	for _, f := range r.Fields {
		if http1.EqualFold(f.Name, "authorization") {
			return true
		}
	}
	for _, p := range r.parameters() {
		if http1.EqualFold(p.key, "x-amz-signature") {
			return true
		}
	}
	return false
}

// CheckPayload refuses signatures in the Authorization header that cover a payload: VPC Lattice verifies unsigned ones only.
// Whether another kind of credentials is a signature at all is for the Authenticator to say.
func CheckPayload(r *Request) error {
	sent, signed := false, false
	for _, f := range r.Fields {
		if http1.EqualFold(f.Name, "authorization") {
			if sent {
				return &AuthError{"IncompleteSignatureException", "The request has more than one Authorization header."}
			}
			sent, signed = true, strings.HasPrefix(f.Value, "AWS4-HMAC-SHA256")
		}
	}
	if !signed {
		return nil
	}
	if v, _ := r.Get("x-amz-content-sha256"); v != "UNSIGNED-PAYLOAD" {
		return &AuthError{"InvalidSignatureException", "Signed payloads are not supported"}
	}
	return nil
}

// AppendDenial appends the text a refused client is told.
func AppendDenial(dst []byte, r *AuthRequest, layer Layer, verdict Verdict) []byte {
	dst = append(dst, "AccessDeniedException: User: "...)
	if r.principal == nil {
		dst = append(dst, "anonymous"...)
	} else {
		dst = append(dst, r.principal.ARN...)
	}
	dst = append(dst, " is not authorized to perform: "+ActionInvoke+" on resource: "...)
	dst = append(dst, r.service.ARN...)
	dst = append(dst, r.req.path...)
	if verdict == Denied {
		dst = append(dst, " with an explicit deny in a "...)
		dst = append(dst, layer.adjective()...)
		return append(dst, "-based policy"...)
	}
	dst = append(dst, " because no "...)
	dst = append(dst, layer.adjective()...)
	return append(dst, "-based policy allows the "+ActionInvoke+" action"...)
}
