package state

import (
	"slices"
	"strconv"

	"trellis/internal/balancer"
	"trellis/internal/function"
	"trellis/internal/lattice"
	"trellis/internal/vpc"
)

// ByScope is the index every table of regional resources has: "ACCOUNT/REGION".
const ByScope = "scope"

// allTables lists every table there is. A table that is not listed cannot be read or written.
func allTables() []table {
	return slices.Concat(hostTables(), vpcTables(), latticeTables(), balancerTables(), functionTables(), identityTables(), shareTables(), logTables(), cloudControlTables())
}

func one[T any](f func(*T) string) func(*T) []string {
	return func(row *T) []string {
		if v := f(row); v != "" {
			return []string{v}
		}
		return nil
	}
}

// each returns the different non-empty values that f has for the elements.
func each[E any](elems []E, f func(E) string) []string {
	var out []string
	for _, e := range elems {
		if v := f(e); v != "" && !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

// EC2 tables are keyed by id.
var (
	VPCs = &Table[vpc.VPC]{name: "vpc", key: func(v *vpc.VPC) string { return v.ID },
		indexes: []Index[vpc.VPC]{{ByScope, one(func(v *vpc.VPC) string { return v.Scope() })},
			{ByAssociation, func(v *vpc.VPC) []string {
				return each(v.CIDRs, func(b vpc.CIDRBlock) string { return b.AssociationID })
			}}}}
	Subnets = &Table[vpc.Subnet]{name: "subnet", key: func(s *vpc.Subnet) string { return s.ID },
		indexes: []Index[vpc.Subnet]{{ByScope, one(func(s *vpc.Subnet) string { return s.Scope() })},
			{ByVPC, one(func(s *vpc.Subnet) string { return s.VPC })}}}
	RouteTables = &Table[vpc.RouteTable]{name: "route-table", key: func(t *vpc.RouteTable) string { return t.ID },
		indexes: []Index[vpc.RouteTable]{{ByScope, one(func(t *vpc.RouteTable) string { return t.Scope() })},
			{ByVPC, one(func(t *vpc.RouteTable) string { return t.VPC })},
			{BySubnet, func(t *vpc.RouteTable) []string {
				return each(t.Associations, func(a vpc.TableAssociation) string { return a.Subnet })
			}},
			{ByAssociation, func(t *vpc.RouteTable) []string {
				return each(t.Associations, func(a vpc.TableAssociation) string { return a.ID })
			}}}}
	InternetGateways = &Table[vpc.InternetGateway]{name: "internet-gateway", key: func(g *vpc.InternetGateway) string { return g.ID },
		indexes: []Index[vpc.InternetGateway]{{ByScope, one(func(g *vpc.InternetGateway) string { return g.Scope() })},
			{ByVPC, one(func(g *vpc.InternetGateway) string { return g.VPC })}}}
	// Peerings are listed under the scopes and the VPCs of both sides.
	Peerings = &Table[vpc.Peering]{name: "peering", scanned: true, key: func(p *vpc.Peering) string { return p.ID },
		indexes: []Index[vpc.Peering]{
			{ByScope, func(p *vpc.Peering) []string {
				return slices.Compact([]string{p.Requester.Scope(), p.Accepter.Scope()})
			}},
			{ByVPC, func(p *vpc.Peering) []string { return []string{p.Requester.VPC, p.Accepter.VPC} }}}}
	SecurityGroups = &Table[vpc.SecurityGroup]{name: "security-group", key: func(g *vpc.SecurityGroup) string { return g.ID },
		indexes: []Index[vpc.SecurityGroup]{{ByScope, one(func(g *vpc.SecurityGroup) string { return g.Scope() })},
			{ByVPC, one(func(g *vpc.SecurityGroup) string { return g.VPC })},
			{ByName, one(func(g *vpc.SecurityGroup) string { return g.VPC + "/" + g.Name })},
			{ByRule, func(g *vpc.SecurityGroup) []string { return each(g.Rules, func(r vpc.Rule) string { return r.ID }) }},
			{ByGroup, func(g *vpc.SecurityGroup) []string { return each(g.Rules, func(r vpc.Rule) string { return r.Group }) }}}}
	Interfaces = &Table[vpc.NetworkInterface]{name: "interface", key: func(i *vpc.NetworkInterface) string { return i.ID },
		indexes: []Index[vpc.NetworkInterface]{{ByScope, one(func(i *vpc.NetworkInterface) string { return i.Scope() })},
			{ByVPC, one(func(i *vpc.NetworkInterface) string { return i.VPC })},
			{BySubnet, one(func(i *vpc.NetworkInterface) string { return i.Subnet })},
			{ByUser, one(func(i *vpc.NetworkInterface) string { return i.User })},
			{ByAttachment, one(func(i *vpc.NetworkInterface) string { return i.AttachmentID })},
			{ByGroup, func(i *vpc.NetworkInterface) []string { return i.Groups }}}}
	NetworkACLs = &Table[vpc.NetworkACL]{name: "network-acl", key: func(a *vpc.NetworkACL) string { return a.ID },
		indexes: []Index[vpc.NetworkACL]{{ByScope, one(func(a *vpc.NetworkACL) string { return a.Scope() })},
			{ByVPC, one(func(a *vpc.NetworkACL) string { return a.VPC })}}}
)

// Names of indexes that several tables have.
const (
	ByVPC         = "vpc"
	BySubnet      = "subnet"
	ByGroup       = "group"        // security groups: who carries or names the group; resource configurations: the group's children
	ByUser        = "user"         // interfaces: the ARN of the load balancer or function behind
	ByName        = "name"         // "ACCOUNT/REGION/NAME", for security groups "VPC/NAME"
	ByRule        = "rule"         // security groups: the id of a rule
	ByAssociation = "association"  // the id of a VPC's CIDR block's, a route table's subnet's or a resource endpoint's association
	ByAttachment  = "attachment"   // interfaces
	ByService     = "service"      // Lattice service id
	ByNetwork     = "network"      // Lattice service network id
	ByListener    = "listener"     // id or ARN
	ByTargetGroup = "target-group" // id or ARN
	ByResource    = "resource"     // id or ARN
	ByBalancer    = "balancer"     // ARN
	ByFunction    = "function"     // unqualified ARN
	ByGateway     = "gateway"      // resource gateway id
)

func vpcTables() []table {
	return []table{VPCs, Subnets, RouteTables, InternetGateways, Peerings, SecurityGroups, Interfaces, NetworkACLs, Endpoints}
}

func named(o vpc.Owner, name string) string { return o.Scope() + "/" + name }

func forwardsTo(a lattice.Action) []string {
	var out []string
	for _, w := range a.Forward {
		if !slices.Contains(out, w.TargetGroup) {
			out = append(out, w.TargetGroup)
		}
	}
	return out
}

// Lattice tables are keyed by id; targets by group, id and port; policies by the id of their resource.
var (
	Services = &Table[lattice.Service]{name: "service", key: func(s *lattice.Service) string { return s.ID },
		indexes: []Index[lattice.Service]{{ByScope, one(func(s *lattice.Service) string { return s.Scope() })},
			{ByName, one(func(s *lattice.Service) string { return named(s.Owner, s.Name) })}}}
	Networks = &Table[lattice.Network]{name: "network", key: func(n *lattice.Network) string { return n.ID },
		indexes: []Index[lattice.Network]{{ByScope, one(func(n *lattice.Network) string { return n.Scope() })},
			{ByName, one(func(n *lattice.Network) string { return named(n.Owner, n.Name) })}}}
	Listeners = &Table[lattice.Listener]{name: "listener", key: func(l *lattice.Listener) string { return l.ID },
		indexes: []Index[lattice.Listener]{{ByService, one(func(l *lattice.Listener) string { return l.Service })},
			{ByTargetGroup, func(l *lattice.Listener) []string { return forwardsTo(l.Default) }}}}
	Rules = &Table[lattice.Rule]{name: "rule", key: func(r *lattice.Rule) string { return r.ID },
		indexes: []Index[lattice.Rule]{{ByListener, one(func(r *lattice.Rule) string { return r.Listener })},
			{ByService, one(func(r *lattice.Rule) string { return r.Service })},
			{ByTargetGroup, func(r *lattice.Rule) []string { return forwardsTo(r.Action) }}}}
	TargetGroups = &Table[lattice.TargetGroup]{name: "target-group", key: func(g *lattice.TargetGroup) string { return g.ID },
		indexes: []Index[lattice.TargetGroup]{{ByScope, one(func(g *lattice.TargetGroup) string { return g.Scope() })},
			{ByName, one(func(g *lattice.TargetGroup) string { return named(g.Owner, g.Name) })},
			{ByVPC, one(func(g *lattice.TargetGroup) string { return g.VPC })}}}
	Targets = &Table[lattice.Target]{name: "target", key: TargetKey,
		indexes: []Index[lattice.Target]{{ByTargetGroup, one(func(t *lattice.Target) string { return t.TargetGroup })},
			{ByResource, one(func(t *lattice.Target) string { return t.ID })}}}
	NetworkServices = &Table[lattice.NetworkService]{name: "network-service", key: func(a *lattice.NetworkService) string { return a.ID },
		indexes: []Index[lattice.NetworkService]{{ByNetwork, one(func(a *lattice.NetworkService) string { return a.Network })},
			{ByService, one(func(a *lattice.NetworkService) string { return a.Service })}}}
	NetworkVPCs = &Table[lattice.NetworkVPC]{name: "network-vpc", key: func(a *lattice.NetworkVPC) string { return a.ID },
		indexes: []Index[lattice.NetworkVPC]{{ByNetwork, one(func(a *lattice.NetworkVPC) string { return a.Network })},
			{ByVPC, one(func(a *lattice.NetworkVPC) string { return a.VPC })},
			{ByGroup, func(a *lattice.NetworkVPC) []string { return a.SecurityGroups }}}}
	AuthPolicies = &Table[lattice.AuthPolicy]{name: "auth-policy", key: func(p *lattice.AuthPolicy) string { return p.Resource }}
	// Resource policies are found by the accounts they share with.
	ResourcePolicies = &Table[lattice.ResourcePolicy]{name: "resource-policy", key: func(p *lattice.ResourcePolicy) string { return p.ResourceARN },
		indexes: []Index[lattice.ResourcePolicy]{{ByPrincipal, func(p *lattice.ResourcePolicy) []string { return p.Principals }}}}
	LogSubscriptions = &Table[lattice.LogSubscription]{name: "log-subscription", key: func(s *lattice.LogSubscription) string { return s.ID },
		indexes: []Index[lattice.LogSubscription]{{ByScope, one(func(s *lattice.LogSubscription) string { return s.Scope() })},
			{ByResource, one(func(s *lattice.LogSubscription) string { return s.Resource })}}}
	ResourceGateways = &Table[lattice.ResourceGateway]{name: "resource-gateway", key: func(g *lattice.ResourceGateway) string { return g.ID },
		indexes: []Index[lattice.ResourceGateway]{{ByScope, one(func(g *lattice.ResourceGateway) string { return g.Scope() })},
			{ByName, one(func(g *lattice.ResourceGateway) string { return named(g.Owner, g.Name) })},
			{ByVPC, one(func(g *lattice.ResourceGateway) string { return g.VPC })}}}
	ResourceConfigurations = &Table[lattice.ResourceConfiguration]{name: "resource-configuration", key: func(c *lattice.ResourceConfiguration) string { return c.ID },
		indexes: []Index[lattice.ResourceConfiguration]{{ByScope, one(func(c *lattice.ResourceConfiguration) string { return c.Scope() })},
			{ByName, one(func(c *lattice.ResourceConfiguration) string { return named(c.Owner, c.Name) })},
			{ByGateway, one(func(c *lattice.ResourceConfiguration) string { return c.Gateway })},
			{ByGroup, one(func(c *lattice.ResourceConfiguration) string { return c.Group })}}}
	NetworkResources = &Table[lattice.NetworkResource]{name: "network-resource", key: func(a *lattice.NetworkResource) string { return a.ID },
		indexes: []Index[lattice.NetworkResource]{{ByNetwork, one(func(a *lattice.NetworkResource) string { return a.Network })},
			{ByResource, one(func(a *lattice.NetworkResource) string { return a.Configuration })}}}
	DomainVerifications = &Table[lattice.DomainVerification]{name: "domain-verification", key: func(v *lattice.DomainVerification) string { return v.ID },
		indexes: []Index[lattice.DomainVerification]{{ByScope, one(func(v *lattice.DomainVerification) string { return v.Scope() })}}}
)

// TargetKey returns the key of a Lattice target.
func TargetKey(t *lattice.Target) string {
	return t.TargetGroup + "/" + t.ID + "/" + strconv.Itoa(int(t.Port))
}

func latticeTables() []table {
	return []table{Services, Networks, Listeners, Rules, TargetGroups, Targets, NetworkServices, NetworkVPCs, AuthPolicies,
		ResourcePolicies, LogSubscriptions, ResourceGateways, ResourceConfigurations, NetworkResources, DomainVerifications}
}

func elbForwards(actions []balancer.Action) []string {
	var out []string
	for _, a := range actions {
		for _, w := range a.Forward {
			if !slices.Contains(out, w.TargetGroup) {
				out = append(out, w.TargetGroup)
			}
		}
	}
	return out
}

// Load balancing tables are keyed by ARN.
var (
	LoadBalancers = &Table[balancer.LoadBalancer]{name: "load-balancer", key: func(b *balancer.LoadBalancer) string { return b.ARN() },
		indexes: []Index[balancer.LoadBalancer]{{ByScope, one(func(b *balancer.LoadBalancer) string { return b.Scope() })},
			{ByName, one(func(b *balancer.LoadBalancer) string { return named(b.Owner, b.Name) })},
			{ByVPC, one(func(b *balancer.LoadBalancer) string { return b.VPC })},
			{ByGroup, func(b *balancer.LoadBalancer) []string { return b.SecurityGroups }}}}
	BalancerListeners = &Table[balancer.Listener]{name: "balancer-listener", key: func(l *balancer.Listener) string { return l.ARN },
		indexes: []Index[balancer.Listener]{{ByScope, one(func(l *balancer.Listener) string { return l.Scope() })},
			{ByBalancer, one(func(l *balancer.Listener) string { return l.LoadBalancer })},
			{ByTargetGroup, func(l *balancer.Listener) []string { return elbForwards(l.Default) }}}}
	BalancerRules = &Table[balancer.Rule]{name: "balancer-rule", key: func(r *balancer.Rule) string { return r.ARN },
		indexes: []Index[balancer.Rule]{{ByScope, one(func(r *balancer.Rule) string { return r.Scope() })},
			{ByListener, one(func(r *balancer.Rule) string { return r.Listener })},
			{ByTargetGroup, func(r *balancer.Rule) []string { return elbForwards(r.Actions) }}}}
	BalancerTargetGroups = &Table[balancer.TargetGroup]{name: "balancer-target-group", key: func(g *balancer.TargetGroup) string { return g.ARN },
		indexes: []Index[balancer.TargetGroup]{{ByScope, one(func(g *balancer.TargetGroup) string { return g.Scope() })},
			{ByName, one(func(g *balancer.TargetGroup) string { return named(g.Owner, g.Name) })},
			{ByVPC, one(func(g *balancer.TargetGroup) string { return g.VPC })}}}
)

func balancerTables() []table {
	return []table{LoadBalancers, BalancerListeners, BalancerRules, BalancerTargetGroups}
}

// Lambda tables: functions are keyed by their unqualified ARN, configurations by the ARN with the version, layers by the layer
// version's ARN.
var (
	Functions = &Table[function.Function]{name: "function", key: func(f *function.Function) string { return f.ARN() },
		indexes: []Index[function.Function]{{ByScope, one(func(f *function.Function) string { return f.Scope() })}}}
	FunctionConfigs = &Table[function.Config]{name: "function-config", key: func(c *function.Config) string { return c.Qualified() },
		indexes: []Index[function.Config]{{ByFunction, one(func(c *function.Config) string { return c.Function })}}}
	Layers = &Table[function.Layer]{name: "layer", scanned: true, key: func(l *function.Layer) string { return l.VersionARN() },
		indexes: []Index[function.Layer]{{ByScope, one(func(l *function.Layer) string { return l.Scope() })},
			{ByName, one(func(l *function.Layer) string { return l.ARN() })}}}
)

func functionTables() []table { return []table{Functions, FunctionConfigs, Layers} }
