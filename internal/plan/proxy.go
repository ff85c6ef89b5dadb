package plan

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"trellis/internal/arn"
	"trellis/internal/balancer"
	"trellis/internal/guard"
	"trellis/internal/iam"
	"trellis/internal/lattice"
	"trellis/internal/proxy"
	"trellis/internal/state"
	"trellis/internal/vpc"
)

func (b *builder) proxy() *proxy.Table {
	b.groups = map[string]*proxy.TargetGroup{}
	t := &proxy.Table{}
	networks := map[string]*proxy.ServiceNetwork{}
	services := map[string]*proxy.Service{}
	for _, id := range sortedValues(b.associations) {
		a, _ := state.NetworkVPCs.Get(b, id)
		v, ok := state.VPCs.Get(b, a.VPC)
		if !ok {
			b.problem(a.ID, fmt.Errorf("VPC %s does not exist", a.VPC))
			continue
		}
		out := &proxy.VPC{Namespace: v.ID, ID: v.ID, ARN: arn.New("ec2", v.Region, v.Account, "vpc/"+v.ID).String(), Owner: v.Account}
		if networks[a.Network] == nil {
			networks[a.Network] = b.serviceNetwork(a.Network, services)
		}
		out.Network = networks[a.Network]
		out.Bindings = bindings(out.Network)
		t.VPCs = append(t.VPCs, out)
	}
	for lb := range state.LoadBalancers.All(b.Snapshot) {
		t.LoadBalancers = append(t.LoadBalancers, b.loadBalancer(lb)...)
	}
	return t
}

func sortedValues(m map[string]string) []string {
	out := make([]string, 0, len(m))
	for _, v := range m {
		out = append(out, v)
	}
	slices.Sort(out)
	return out
}

// bindings are the addresses and ports that the services of a network are reached at.
func bindings(n *proxy.ServiceNetwork) []netip.AddrPort {
	if n == nil {
		return nil
	}
	seen := map[netip.AddrPort]bool{}
	for _, s := range n.Services {
		v4, v6 := lattice.Addresses(s.ID)
		for _, l := range s.Listeners {
			seen[netip.AddrPortFrom(v4, l.Port)] = true
			seen[netip.AddrPortFrom(v6, l.Port)] = true
		}
	}
	out := make([]netip.AddrPort, 0, len(seen))
	for a := range seen {
		out = append(out, a)
	}
	slices.SortFunc(out, netip.AddrPort.Compare)
	return out
}

func (b *builder) serviceNetwork(id string, services map[string]*proxy.Service) *proxy.ServiceNetwork {
	n, ok := state.Networks.Get(b, id)
	if !ok || n.Deleting {
		return nil
	}
	out := &proxy.ServiceNetwork{ID: n.ID, ARN: n.ARN(), Auth: b.auth(n.ID, n.AuthType)}
	for a := range state.NetworkServices.By(b, state.ByNetwork, id) {
		if a.Deleting {
			continue
		}
		if services[a.Service] == nil {
			services[a.Service] = b.service(a.Service)
		}
		if s := services[a.Service]; s != nil {
			out.Services = append(out.Services, s)
		}
	}
	return out
}

// auth returns the auth of a service or network. A policy that cannot be parsed denies everything.
func (b *builder) auth(id, authType string) proxy.Auth {
	out := proxy.Auth{Type: proxy.AuthType(authType)}
	row, ok := state.AuthPolicies.Get(b, id)
	if authType != lattice.AuthIAM || !ok {
		return out
	}
	p := b.parsed[row.Document]
	if p == nil {
		var err error
		if p, err = iam.Parse(iam.ResourcePolicy, row.Document); err != nil {
			b.problem(id, fmt.Errorf("the auth policy cannot be parsed: %w", err))
			return out
		}
	}
	b.kept[row.Document] = p
	out.Policy = guard.Auth(p)
	return out
}

func (b *builder) service(id string) *proxy.Service {
	s, ok := state.Services.Get(b, id)
	if !ok || s.Deleting {
		return nil
	}
	out := &proxy.Service{ID: s.ID, ARN: s.ARN(), Account: s.Account, Hosts: []string{s.Domain()}, Auth: b.auth(s.ID, s.AuthType), Tags: s.Tags,
		Idle: time.Duration(s.IdleTimeout) * time.Second}
	if s.CustomDomain != "" {
		out.Hosts = append(out.Hosts, strings.ToLower(s.CustomDomain))
	}
	for l := range state.Listeners.By(b, state.ByService, id) {
		listener := &proxy.Listener{ID: l.ID, ARN: l.ARN(), Port: uint16(l.Port), Protocol: proxy.Protocol(l.Protocol), Default: b.latticeAction(l.Default)}
		for r := range state.Rules.By(b, state.ByListener, l.ID) {
			listener.Rules = append(listener.Rules, proxy.Rule{ARN: r.ARN(), Priority: int(r.Priority), Conditions: latticeConditions(r.Match), Action: b.latticeAction(r.Action)})
		}
		out.Listeners = append(out.Listeners, listener)
	}
	return out
}

func latticeConditions(m lattice.Match) []proxy.Condition {
	var out []proxy.Condition
	if m.Method != "" {
		out = append(out, proxy.Condition{Field: proxy.FieldMethod, CaseSensitive: true, Values: []string{m.Method}})
	}
	if p := m.Path; p != nil {
		c := proxy.Condition{Field: proxy.FieldPath, Op: proxy.Exact, CaseSensitive: p.CaseSensitive, Values: []string{p.Exact}}
		if p.Prefix != "" {
			c.Op, c.Values = proxy.Prefix, []string{p.Prefix}
		}
		out = append(out, c)
	}
	for _, h := range m.Headers {
		c := proxy.Condition{Field: proxy.FieldHeader, Name: h.Name, Op: proxy.Exact, CaseSensitive: h.CaseSensitive, Values: []string{h.Exact}}
		switch {
		case h.Prefix != "":
			c.Op, c.Values = proxy.Prefix, []string{h.Prefix}
		case h.Contains != "":
			c.Op, c.Values = proxy.Contains, []string{h.Contains}
		}
		out = append(out, c)
	}
	return out
}

func (b *builder) latticeAction(a lattice.Action) proxy.Action {
	if a.FixedStatus != 0 {
		return proxy.Action{Kind: proxy.FixedResponse, Status: int(a.FixedStatus)}
	}
	out := proxy.Action{Kind: proxy.Forward}
	for _, w := range a.Forward {
		if g := b.latticeGroup(w.TargetGroup); g != nil {
			out.Groups = append(out.Groups, proxy.WeightedGroup{Group: g, Weight: int(w.Weight)})
		}
	}
	return out
}

func (b *builder) latticeGroup(id string) *proxy.TargetGroup {
	if g, ok := b.groups[id]; ok {
		return g
	}
	row, ok := state.TargetGroups.Get(b, id)
	if !ok || row.Deleting {
		return nil
	}
	g := &proxy.TargetGroup{ARN: row.ARN(), VPC: row.VPC, Type: proxy.TargetType(row.Type), Protocol: proxy.Protocol(row.Protocol), Event: proxy.EventVersion(row.EventVersion)}
	b.groups[id] = g
	if hc := row.HealthCheck; hc != nil {
		g.Check = proxy.HealthCheck{Enabled: hc.Enabled, Port: uint16(hc.Port), Path: hc.Path, Interval: time.Duration(hc.Interval) * time.Second,
			Timeout: time.Duration(hc.Timeout) * time.Second, Healthy: int(hc.Healthy), Unhealthy: int(hc.Unhealthy), Matcher: hc.Matcher}
	}
	source, _ := lattice.Source()
	for t := range state.Targets.By(b, state.ByTargetGroup, id) {
		port := uint16(t.Port)
		switch row.Type {
		case lattice.TypeLambda:
			g.Targets = append(g.Targets, proxy.Target{ID: t.ID, Draining: t.Draining})
		case lattice.TypeALB:
			lb, ok := state.LoadBalancers.Get(b, t.ID)
			if !ok {
				continue
			}
			for _, addr := range b.addresses(lb.Interfaces) {
				g.Targets = append(g.Targets, proxy.Target{ID: t.ID, Addr: netip.AddrPortFrom(addr, port), Namespace: row.VPC, Source: source, Draining: t.Draining})
			}
		case lattice.TypeIP:
			addr, err := netip.ParseAddr(t.ID)
			if err != nil {
				b.problem(id, fmt.Errorf("target %q is not an address", t.ID))
				continue
			}
			g.Targets = append(g.Targets, proxy.Target{ID: t.ID, Addr: netip.AddrPortFrom(addr, port), Namespace: row.VPC, Source: source, Draining: t.Draining})
		}
	}
	return g
}

// loadBalancer returns one balancer for each node, since a node listens in a namespace of its own.
func (b *builder) loadBalancer(lb *balancer.LoadBalancer) []*proxy.LoadBalancer {
	var out []*proxy.LoadBalancer
	for _, id := range lb.Interfaces {
		node, ok := state.Interfaces.Get(b, id)
		if !ok {
			b.problem(lb.ARN(), fmt.Errorf("the network interface %s of a node is gone", id))
			continue
		}
		one := &proxy.LoadBalancer{ARN: lb.ARN(), VPC: lb.VPC, Namespace: node.ID, Addresses: []netip.Addr{node.Addr}}
		if seconds, err := strconv.Atoi(lb.Attributes["idle_timeout.timeout_seconds"]); err == nil {
			one.Idle = time.Duration(seconds) * time.Second
		}
		for l := range state.BalancerListeners.By(b, state.ByBalancer, lb.ARN()) {
			listener := &proxy.Listener{ID: l.ARN, ARN: l.ARN, Port: uint16(l.Port), Protocol: proxy.Protocol(l.Protocol), Default: b.balancerAction(l.Default, node)}
			for r := range state.BalancerRules.By(b, state.ByListener, l.ARN) {
				conditions, err := balancerConditions(r.Conditions)
				if err != nil {
					b.problem(r.ARN, err)
					continue
				}
				listener.Rules = append(listener.Rules, proxy.Rule{ARN: r.ARN, Priority: int(r.Priority), Conditions: conditions, Action: b.balancerAction(r.Actions, node)})
			}
			one.Listeners = append(one.Listeners, listener)
		}
		out = append(out, one)
	}
	return out
}

func balancerConditions(conditions []balancer.Condition) ([]proxy.Condition, error) {
	out := make([]proxy.Condition, 0, len(conditions))
	for _, c := range conditions {
		p := proxy.Condition{Op: proxy.Glob, Values: c.Values}
		switch c.Field {
		case "host-header":
			p.Field = proxy.FieldHost
		case "path-pattern":
			p.Field, p.CaseSensitive = proxy.FieldPath, true
		case "http-header":
			p.Field, p.Name = proxy.FieldHeader, c.Header
		case "http-request-method":
			p.Field, p.Op, p.CaseSensitive = proxy.FieldMethod, proxy.Exact, true
		case "query-string":
			p.Field = proxy.FieldQuery
			for _, q := range c.Query {
				p.Queries = append(p.Queries, proxy.QueryMatch{Key: q.Key, Value: q.Value})
			}
		case "source-ip":
			p.Field = proxy.FieldSourceIP
			for _, v := range c.Values {
				prefix, err := netip.ParsePrefix(v)
				if err != nil {
					return nil, err
				}
				p.Sources = append(p.Sources, prefix)
			}
		default:
			return nil, fmt.Errorf("rules with the condition %s are not built", c.Field)
		}
		out = append(out, p)
	}
	return out, nil
}

func (b *builder) balancerAction(actions []balancer.Action, node *vpc.NetworkInterface) proxy.Action {
	for _, a := range actions {
		switch a.Type {
		case "forward":
			out := proxy.Action{Kind: proxy.Forward}
			for _, w := range a.Forward {
				if g := b.balancerGroup(w.TargetGroup, node); g != nil {
					out.Groups = append(out.Groups, proxy.WeightedGroup{Group: g, Weight: int(w.Weight)})
				}
			}
			return out
		case "fixed-response":
			status, _ := strconv.Atoi(a.Status)
			return proxy.Action{Kind: proxy.FixedResponse, Status: status, ContentType: a.ContentType, Body: a.Body}
		case "redirect":
			status, _ := strconv.Atoi(strings.TrimPrefix(a.Status, "HTTP_"))
			return proxy.Action{Kind: proxy.Redirect, Status: status,
				Location: proxy.Location{Protocol: a.Protocol, Host: a.Host, Port: a.Port, Path: a.Path, Query: a.Query}}
		}
	}
	return proxy.Action{Kind: proxy.Forward}
}

// balancerGroup returns a target group as one node sees it: the node dials the targets from its own namespace. The
// table wants one group for an ARN, so the nodes share the first one's view; every node of a balancer reaches the same
// targets.
func (b *builder) balancerGroup(groupARN string, node *vpc.NetworkInterface) *proxy.TargetGroup {
	if g, ok := b.groups[groupARN]; ok {
		return g
	}
	row, ok := state.BalancerTargetGroups.Get(b, groupARN)
	if !ok {
		return nil
	}
	g := &proxy.TargetGroup{ARN: row.ARN, VPC: row.VPC, Type: proxy.TargetType(strings.ToUpper(row.Type)), Protocol: proxy.Protocol(row.Protocol),
		Event: proxy.EventELB, MultiValueHeaders: row.Attributes["lambda.multi_value_headers.enabled"] == "true"}
	b.groups[groupARN] = g
	hc := row.HealthCheck
	g.Check = proxy.HealthCheck{Enabled: hc.Enabled, Path: hc.Path, Interval: time.Duration(hc.Interval) * time.Second,
		Timeout: time.Duration(hc.Timeout) * time.Second, Healthy: int(hc.Healthy), Unhealthy: int(hc.Unhealthy), Matcher: hc.Matcher}
	if port, err := strconv.ParseUint(hc.Port, 10, 16); err == nil {
		g.Check.Port = uint16(port)
	}
	for _, t := range row.Targets {
		if row.Type == "lambda" {
			g.Targets = append(g.Targets, proxy.Target{ID: t.ID})
			continue
		}
		addr, err := netip.ParseAddr(t.ID)
		if err != nil {
			b.problem(groupARN, fmt.Errorf("target %q is not an address", t.ID))
			continue
		}
		g.Targets = append(g.Targets, proxy.Target{ID: t.ID, Addr: netip.AddrPortFrom(addr, uint16(t.Port)), Namespace: node.ID, Source: node.Addr})
	}
	return g
}
