package proxy

import (
	"strconv"

	"trellis/internal/proxy/http1"
)

// ActionInvoke is the action an HTTP request is decided as.
const ActionInvoke = "vpc-lattice-svcs:Invoke"

// AuthRequest is what policies may know of a request. It lives in its connection's memory: the strings it returns are
// valid only until Decide returns.
type AuthRequest struct {
	// Memo is for implementations of Policy to keep memory of their own between one request and the next.
	Memo any

	req       *Request
	vpc       *VPC
	service   *Service
	principal *Principal
	port      uint16
	mem       scratch
	values    []string
}

// Reset makes r about another request.
func (r *AuthRequest) Reset(req *Request, vpc *VPC, service *Service, port uint16, principal *Principal) {
	r.mem.reset()
	*r = AuthRequest{Memo: r.Memo, req: req, vpc: vpc, service: service, principal: principal, port: port, mem: r.mem, values: r.values[:0]}
}

// Action returns the action that is decided on.
func (r *AuthRequest) Action() string { return ActionInvoke }

// Resource returns the ARN of the service and the decoded path; together they are the resource that is decided on.
func (r *AuthRequest) Resource() (service, path string) { return r.service.ARN, r.req.path }

// Account returns the account that owns the service.
func (r *AuthRequest) Account() string { return r.service.Account }

// Principal returns the verified caller, nil for an anonymous one.
func (r *AuthRequest) Principal() *Principal { return r.principal }

// Values returns the values of a condition key, none if the request does not have it. Name is in lower case, such as
// "vpc-lattice-svcs:requestheader", and arg what follows the slash: a header or tag key in any case, or the key of a
// query parameter as written. Keys that follow from the principal, the resource or the time are not known here.
func (r *AuthRequest) Values(name, arg string) []string {
	from := len(r.values)
	switch name {
	case "vpc-lattice-svcs:requestmethod":
		r.add(r.req.Method)
	case "vpc-lattice-svcs:requestpath":
		r.add(r.req.path)
	case "vpc-lattice-svcs:requestquerystring":
		for _, p := range r.req.parameters() {
			if p.key == arg {
				r.add(p.value)
			}
		}
	case "vpc-lattice-svcs:requestheader":
		r.header(arg)
	case "vpc-lattice-svcs:port":
		at := len(r.mem.buf)
		r.mem.buf = strconv.AppendUint(r.mem.buf, uint64(r.port), 10)
		r.add(r.mem.since(at))
	case "vpc-lattice-svcs:servicearn":
		r.add(r.service.ARN)
	case "vpc-lattice-svcs:servicenetworkarn":
		r.add(r.vpc.Network.ARN)
	case "vpc-lattice-svcs:sourcevpc", "aws:sourcevpc":
		r.add(r.vpc.ID)
	case "vpc-lattice-svcs:sourcevpcowneraccount":
		r.add(r.vpc.Owner)
	case "aws:sourceip":
		at := len(r.mem.buf)
		r.mem.buf = r.req.Source.AppendTo(r.mem.buf)
		r.add(r.mem.since(at))
	case "aws:securetransport":
		r.add("false")
	case "aws:useragent":
		r.header("user-agent")
	case "aws:principalorgpaths":
		if r.principal != nil {
			r.values = append(r.values, r.principal.OrgPaths...)
		}
	case "aws:resourcetag":
		for k, v := range r.service.Tags {
			if http1.EqualFold(k, arg) {
				r.add(v)
			}
		}
	}
	return r.values[from:len(r.values):len(r.values)]
}

func (r *AuthRequest) add(v string) { r.values = append(r.values, v) }

// header adds the values of a header, a line each, that the target will receive from the client.
func (r *AuthRequest) header(name string) {
	if http1.EqualFold(name, "host") {
		r.add(r.req.Host)
		return
	}
	for i := range r.req.Fields {
		if f := &r.req.Fields[i]; !f.Hop && http1.EqualFold(f.Name, name) && !reserved(f.Name) {
			r.add(f.Value)
		}
	}
}
