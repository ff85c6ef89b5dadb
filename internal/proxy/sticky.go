package proxy

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"trellis/internal/proxy/http1"
)

// The cookies of a load balancer: its own, the same for requests across sites, and the one beside an application's.
const (
	balancerCookie    = "AWSALB"
	balancerCORS      = "AWSALBCORS"
	applicationCookie = "AWSALBAPP-0"
)

// cookieTime is the form of times in HTTP.
const cookieTime = "Mon, 02 Jan 2006 15:04:05 GMT"

// token names a target of a group to a client, to which it tells nothing else. Other servers and later ones say the same.
func token(g *TargetGroup, t *Target) string {
	sum := sha256.Sum256([]byte(g.ARN + " " + t.ID + " " + t.Addr.String() + " " + t.Namespace))
	return hex.EncodeToString(sum[:16])
}

// cookie returns the value of a cookie that the client sent.
func (r *Request) cookie(name string) (string, bool) {
	for i := range r.Fields {
		if f := &r.Fields[i]; f.Hop || !http1.EqualFold(f.Name, "cookie") {
			continue
		}
		for rest, more := r.Fields[i].Value, true; more; {
			var one string
			one, rest, more = strings.Cut(rest, ";")
			if k, v, ok := strings.Cut(strings.TrimLeft(one, " "), "="); ok && k == name {
				return v, true
			}
		}
	}
	return "", false
}

// bound returns the member that the request's cookies name.
func (u *usable) bound(r *Request, s *Stickiness) *Member {
	name := balancerCookie
	if s.Application != "" {
		if _, ok := r.cookie(s.Application); !ok {
			return nil
		}
		name = applicationCookie
	}
	v, ok := r.cookie(name)
	if !ok {
		return nil
	}
	for _, m := range u.members {
		if m.token == v {
			return m
		}
	}
	return nil
}

// appendBinding appends the cookies that bind the client to the target that answers it.
func appendBinding(dst []byte, in *http1.Response, h *Hop) []byte {
	s := h.Group.Sticky
	end := h.Now.Add(s.Duration)
	if s.Application != "" {
		if !sets(in, s.Application) {
			return dst
		}
		return append(appendCookie(dst, applicationCookie, h.Member.token, end), "\r\n"...)
	}
	dst = append(appendCookie(dst, balancerCookie, h.Member.token, end), "\r\n"...)
	return append(appendCookie(dst, balancerCORS, h.Member.token, end), "; SameSite=None\r\n"...)
}

func appendCookie(dst []byte, name, value string, end time.Time) []byte {
	dst = append(append(append(append(dst, "Set-Cookie: "...), name...), '='), value...)
	return append(end.UTC().AppendFormat(append(dst, "; Expires="...), cookieTime), "; Path=/"...)
}

// sets reports whether the answer sets a cookie.
func sets(in *http1.Response, name string) bool {
	for i := range in.Fields {
		if f := &in.Fields[i]; http1.EqualFold(f.Name, "set-cookie") && len(f.Value) > len(name) && f.Value[:len(name)] == name && f.Value[len(name)] == '=' {
			return true
		}
	}
	return false
}
