package access

import (
	"slices"
	"strings"

	"trellis/internal/arn"
	"trellis/internal/caller"
	"trellis/internal/identity"
	"trellis/internal/state"
)

// ec2ID names the resource with the id.
func ec2ID(_ *call, id string) string {
	prefix, _, _ := strings.Cut(id, "-")
	kind := map[string]string{"vpc": "vpc", "subnet": "subnet", "rtb": "route-table", "igw": "internet-gateway", "pcx": "vpc-peering-connection",
		"sg": "security-group", "sgr": "security-group-rule", "eni": "network-interface", "acl": "network-acl", "pl": "prefix-list", "vpce": "vpc-endpoint"}[prefix]
	if kind == "" {
		return ""
	}
	return kind + "/" + id
}

func accepterVPC(c *call, peering string) string {
	p, ok := state.Peerings.Get(c.s, peering)
	if !ok {
		return "vpc/*"
	}
	return arn.New("ec2", p.Accepter.Region, p.Accepter.Account, "vpc/"+p.Accepter.VPC).String()
}

func attachedInterface(c *call, attachment string) string {
	for i := range state.Interfaces.By(c.s, state.ByAttachment, attachment) {
		return "network-interface/" + i.ID
	}
	return ""
}

func associatedTable(c *call, association string) string {
	for t := range state.RouteTables.By(c.s, state.ByAssociation, association) {
		return "route-table/" + t.ID
	}
	return ""
}

func associatedVPC(c *call, association string) string {
	for v := range state.VPCs.By(c.s, state.ByAssociation, association) {
		return "vpc/" + v.ID
	}
	return ""
}

// latticeID names the resource with the id or ARN. What another account shares has that account in its name; what it does
// not share is named as if it were the caller's, which tells nothing.
func latticeID(c *call, id string) string {
	if id == "" || arn.Is(id) {
		return id
	}
	prefix, _, _ := strings.Cut(id, "-")
	name := ""
	switch prefix {
	case "svc":
		if s, ok := state.Services.Get(c.s, id); ok {
			name = s.ARN()
		}
	case "sn":
		if n, ok := state.Networks.Get(c.s, id); ok {
			name = n.ARN()
		}
	case "rcfg":
		if r, ok := state.ResourceConfigurations.Get(c.s, id); ok {
			name = r.ARN()
		}
	}
	if name != "" && sharedWith(c.s, name, c.who.Account) {
		return name
	}
	kind := map[string]string{"svc": "service", "sn": "servicenetwork", "tg": "targetgroup", "snsa": "servicenetworkserviceassociation",
		"snva": "servicenetworkvpcassociation", "snra": "servicenetworkresourceassociation", "als": "accesslogsubscription",
		"rcfg": "resourceconfiguration", "rgw": "resourcegateway"}[prefix]
	if kind == "" {
		return ""
	}
	return c.base() + kind + "/" + id
}

func sharedWith(s *state.Snapshot, name, account string) bool {
	p, ok := state.ResourcePolicies.Get(s, name)
	return ok && slices.Contains(p.Principals, account) || state.SharedWith(s, name, account)
}

// functionARN names a function by any of the forms Lambda takes: a name, ACCOUNT:function:NAME or an ARN, each with a
// qualifier or without.
func functionARN(c *call, name string) string {
	if name == "" {
		return ""
	}
	parts := strings.Split(name, ":")
	i := slices.Index(parts, "function")
	base, qualifier := c.base(), ""
	switch {
	case arn.Is(name) && i == 5 && len(parts) > 6:
		base = strings.Join(parts[:5], ":") + ":"
	case i == 1 && len(parts) > 2 && arn.IsAccount(parts[0]):
		base = arn.New("lambda", c.who.Region, parts[0], "").String()
	case i >= 0 || len(parts) > 2:
		return ""
	}
	parts = parts[i+1:]
	if len(parts) > 1 {
		qualifier = parts[1]
	}
	if q := c.members("Qualifier"); len(q) > 0 {
		qualifier = q[0]
	}
	if qualifier != "" {
		qualifier = ":" + qualifier
	}
	return base + "function:" + parts[0] + qualifier
}

func layerARN(c *call, name string) string {
	if name == "" || arn.Is(name) {
		return name
	}
	return c.base() + "layer:" + name
}

func subnetVPC(c *call, subnet string) string {
	s, ok := state.Subnets.Get(c.s, subnet)
	if !ok {
		return ""
	}
	return s.VPC
}

func logGroupARN(c *call, group string) string {
	if group == "" || arn.Is(group) {
		return strings.TrimSuffix(group, ":*")
	}
	return c.base() + "log-group:" + group
}

// given makes a function that names nothing when the member is missing.
func given(f func(*call, string) string) func(*call, string) string {
	return func(c *call, name string) string {
		if name == "" {
			return ""
		}
		return f(c, name)
	}
}

// newPath is the path that an input asks for.
func (c *call) newPath() string {
	if p := c.members("Path"); len(p) > 0 {
		return p[0]
	}
	return "/"
}

func (c *call) creates() bool { return strings.HasPrefix(c.name, "Create") }

func rolePath(c *call, name string) string {
	if r, ok := state.Roles.Get(c.s, c.who.Account+"/"+name); ok && !c.creates() {
		return r.Path + name
	}
	return c.newPath() + name
}

// userPath names the caller where no user is named.
func userPath(c *call, name string) string {
	if name == "" {
		if c.who.Kind != caller.User {
			return ""
		}
		name = c.who.Name()
	}
	if u, ok := state.Users.Get(c.s, c.who.Account+"/"+name); ok && c.name != "CreateUser" {
		return u.Path + name
	}
	return c.newPath() + name
}

func groupPath(c *call, name string) string {
	if g, ok := state.Groups.Get(c.s, c.who.Account+"/"+name); ok && !c.creates() {
		return g.Path + name
	}
	return c.newPath() + name
}

func profilePath(c *call, name string) string {
	if p, ok := state.InstanceProfiles.Get(c.s, c.who.Account+"/"+name); ok && !c.creates() {
		return p.Path + name
	}
	return c.newPath() + name
}

func policyPath(c *call, name string) string { return c.newPath() + name }

func linkedRole(c *call, service string) string {
	name, _ := identity.ServiceLinkedRole(service, strings.Join(c.members("CustomSuffix"), ""))
	return name
}

// organizationID names what has the id in the caller's organization.
func organizationID(c *call, id string) string {
	o, ok := state.OrganizationOf(c.s, c.who.Account)
	if arn.IsAccount(id) && !ok {
		return arn.New("organizations", "", id, "account/"+id).String()
	}
	prefix, _, _ := strings.Cut(id, "-")
	switch {
	case prefix == "h":
		if h, ok := state.Handshakes.Get(c.s, id); ok {
			return h.ARN()
		}
		return ""
	case !ok:
		return ""
	case arn.IsAccount(id):
		return o.AccountARN(id)
	case prefix == "r":
		return strings.TrimSuffix(o.RootARN(), o.Root) + id
	case prefix == "ou":
		return o.UnitARN(id)
	case prefix == "p":
		p, ok := state.OrganizationPolicies.Get(c.s, o.ID+"/"+id)
		if !ok {
			p = &identity.OrganizationPolicy{ID: id}
		}
		return p.ARN(o)
	}
	return ""
}
