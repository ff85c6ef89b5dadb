package proxy

import (
	"strconv"

	"trellis/internal/proxy/http1"
)

// ActionInvoke is the action an HTTP request is decided as.
const ActionInvoke = "vpc-lattice-svcs:Invoke"

// AuthRequest is what policies may know of a request. It lives in its connection's memory: its strings are valid only
// while the request is decided.
type AuthRequest struct {
	req       *Request
	vpc       *VPC
	service   *Service
	principal *Principal
	port      uint16
	resource  string
	mem       scratch
	doubtful  bool
}

// Reset makes r about another request.
func (r *AuthRequest) Reset(req *Request, vpc *VPC, service *Service, port uint16, principal *Principal) {
	mem := r.mem
	mem.reset()
	mem.buf = append(append(mem.buf, service.ARN...), req.path...)
	*r = AuthRequest{req: req, vpc: vpc, service: service, principal: principal, port: port, resource: mem.since(0), mem: mem}
}

// Action returns the action that is decided on.
func (r *AuthRequest) Action() string { return ActionInvoke }

// Resource returns the service's ARN followed by the decoded path, without the query.
func (r *AuthRequest) Resource() string { return r.resource }

// Principal returns the verified caller, nil for an anonymous one.
func (r *AuthRequest) Principal() *Principal { return r.principal }

// ServiceAccount returns the account that owns the service.
func (r *AuthRequest) ServiceAccount() string { return r.service.Account }

// Doubtful reports whether a policy asked for a header of which the request has more than one line, so that the target
// may read another value than the policy did.
func (r *AuthRequest) Doubtful() bool { return r.doubtful }

const (
	latticePrefix = "vpc-lattice-svcs:"
	globalPrefix  = "aws:"
)

// Values appends the values of a condition key to buf; none means that the key is absent. Keys do not depend on case,
// except the part after RequestQueryString/ , which names a parameter and is taken as written.
func (r *AuthRequest) Values(key string, buf []string) []string {
	if rest, ok := cutFold(key, latticePrefix); ok {
		return r.lattice(rest, buf)
	}
	if rest, ok := cutFold(key, globalPrefix); ok {
		return r.global(rest, buf)
	}
	return buf
}

func (r *AuthRequest) lattice(key string, buf []string) []string {
	if name, ok := cutFold(key, "RequestQueryString/"); ok {
		for _, p := range r.req.parameters() {
			if p.key == name {
				buf = append(buf, p.value)
			}
		}
		return buf
	}
	if name, ok := cutFold(key, "RequestHeader/"); ok {
		return r.header(name, buf)
	}
	switch {
	case http1.EqualFold(key, "RequestMethod"):
		return append(buf, r.req.Method)
	case http1.EqualFold(key, "RequestPath"):
		return append(buf, r.req.path)
	case http1.EqualFold(key, "Port"):
		from := len(r.mem.buf)
		r.mem.buf = strconv.AppendUint(r.mem.buf, uint64(r.port), 10)
		return append(buf, r.mem.since(from))
	case http1.EqualFold(key, "ServiceArn"):
		return append(buf, r.service.ARN)
	case http1.EqualFold(key, "ServiceNetworkArn"):
		return append(buf, r.vpc.Network.ARN)
	case http1.EqualFold(key, "SourceVpc"):
		return append(buf, r.vpc.ID)
	case http1.EqualFold(key, "SourceVpcOwnerAccount"):
		return append(buf, r.vpc.Owner)
	}
	return buf
}

// header appends the value of a header that the target will receive from the client.
func (r *AuthRequest) header(name string, buf []string) []string {
	if http1.EqualFold(name, "host") {
		return append(buf, r.req.Host)
	}
	found := false
	for i := range r.req.Fields {
		f := &r.req.Fields[i]
		if f.Hop || !http1.EqualFold(f.Name, name) || reserved(f.Name) {
			continue
		}
		r.doubtful = r.doubtful || found
		found = true
		buf = append(buf, f.Value)
	}
	return buf
}

func (r *AuthRequest) global(key string, buf []string) []string {
	p := r.principal
	if name, ok := cutFold(key, "ResourceTag/"); ok {
		return appendTag(buf, r.service.Tags, name)
	}
	switch {
	case http1.EqualFold(key, "SourceIp"):
		from := len(r.mem.buf)
		r.mem.buf = r.req.Source.AppendTo(r.mem.buf)
		return append(buf, r.mem.since(from))
	case http1.EqualFold(key, "PrincipalType"):
		if p == nil {
			return append(buf, "Anonymous")
		}
		return append(buf, p.Type)
	case http1.EqualFold(key, "SourceVpc"):
		return append(buf, r.vpc.ID)
	case http1.EqualFold(key, "SecureTransport"):
		return append(buf, "false")
	case http1.EqualFold(key, "ResourceAccount"):
		return append(buf, r.service.Account)
	case http1.EqualFold(key, "UserAgent"):
		return r.header("user-agent", buf)
	}
	if p == nil {
		return buf
	}
	if name, ok := cutFold(key, "PrincipalTag/"); ok {
		return appendTag(buf, p.Tags, name)
	}
	value := ""
	switch {
	case http1.EqualFold(key, "PrincipalArn"):
		if value = p.RoleARN; value == "" {
			value = p.ARN
		}
	case http1.EqualFold(key, "PrincipalAccount"):
		value = p.Account
	case http1.EqualFold(key, "PrincipalOrgID"):
		value = p.OrgID
	case http1.EqualFold(key, "PrincipalOrgPaths"):
		return append(buf, p.OrgPaths...)
	case http1.EqualFold(key, "userid"):
		value = p.UserID
	case http1.EqualFold(key, "username"):
		if p.RoleARN == "" {
			value = p.ARN[lastSlash(p.ARN)+1:]
		}
	}
	if value == "" {
		return buf
	}
	return append(buf, value)
}

func lastSlash(s string) int {
	i := len(s) - 1
	for i >= 0 && s[i] != '/' {
		i--
	}
	return i
}

// appendTag finds a tag; keys of tags in condition keys do not depend on case.
func appendTag(buf []string, tags map[string]string, key string) []string {
	if v, ok := tags[key]; ok {
		return append(buf, v)
	}
	for k, v := range tags {
		if http1.EqualFold(k, key) {
			return append(buf, v)
		}
	}
	return buf
}

// cutFold is strings.CutPrefix without regard to case.
func cutFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !http1.EqualFold(s[:len(prefix)], prefix) {
		return "", false
	}
	return s[len(prefix):], true
}
