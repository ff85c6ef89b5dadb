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
	"trellis/internal/lattice"
	"trellis/internal/proxy"
	"trellis/internal/state"
	"trellis/internal/vpc"
)

// front is a VPC that is associated with a service network, or a network interface of an endpoint.
func (b *builder) front(id string) *proxy.VPC {
	if i, ok := state.Interfaces.Get(b, id); ok {
		return b.endpoint(i)
	}
	v, ok := state.VPCs.Get(b, id)
	if !ok {
		return nil
	}
	a := association(b, id)
	if a == nil {
		return nil
	}
	out := callers(v.ID, v)
	if out.Network = use(b, b.c.networks, a.Network); out.Network != nil {
		out.Bindings, out.Entrances = out.Network.Bindings, out.Network.Entrances
	}
	return out
}

func callers(namespace string, v *vpc.VPC) *proxy.VPC {
	return &proxy.VPC{Namespace: namespace, ID: v.ID, ARN: arn.New("ec2", v.Region, v.Account, "vpc/"+v.ID).String(), Owner: v.Account}
}

// linkLocal is where a service is reached in associated VPCs.
func linkLocal(s *proxy.Service) []netip.Addr {
	v4, v6 := lattice.Addresses(s.ID)
	return []netip.Addr{v4, v6}
}

// bindings are the addresses and ports that services are reached at.
func bindings(services []*proxy.Service, at func(*proxy.Service) []netip.Addr) []netip.AddrPort {
	var out []netip.AddrPort
	for _, s := range services {
		addrs := at(s)
		for _, l := range s.Listeners {
			for _, a := range addrs {
				out = append(out, netip.AddrPortFrom(a, l.Port))
			}
		}
	}
	slices.SortFunc(out, netip.AddrPort.Compare)
	return slices.Clip(slices.Compact(out))
}

func (b *builder) serviceNetwork(id string) *proxy.ServiceNetwork {
	n, ok := state.Networks.Get(b, id)
	if !ok || n.Deleting {
		return nil
	}
	out := &proxy.ServiceNetwork{ID: n.ID, ARN: n.ARN(), Auth: b.auth(n.ID, n.AuthType), Aliases: map[string]*proxy.Service{}}
	for a := range state.NetworkServices.By(b, state.ByNetwork, id) {
		if a.Deleting {
			continue
		}
		if s := use(b, b.c.services, a.Service); s != nil {
			out.Services = append(out.Services, s)
			out.Aliases[a.Alias()] = s
		}
	}
	out.Bindings = bindings(out.Services, linkLocal)
	for a := range state.NetworkResources.By(b, state.ByNetwork, id) {
		if a.Deleting {
			continue
		}
		if r := b.resource(a.ID, a.Configuration); r != nil {
			out.Entrances = append(out.Entrances, entrance(a.ID, a.Address, r))
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
	p := use(b, b.c.policies, row.Document)
	if p.err != nil {
		b.problem(id, fmt.Errorf("the auth policy cannot be parsed: %w", p.err))
		return out
	}
	out.Policy = guard.Auth(p.policy)
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
		if g := use(b, b.c.groups, w.TargetGroup); g != nil {
			out.Groups = append(out.Groups, proxy.WeightedGroup{Group: g, Weight: int(w.Weight)})
		}
	}
	return out
}

// targetGroup is one of VPC Lattice, by its id, or of Elastic Load Balancing, by its ARN.
func (b *builder) targetGroup(key string) *proxy.TargetGroup {
	if strings.HasPrefix(key, "arn:") {
		return b.balancerGroup(key)
	}
	return b.latticeGroup(key)
}

func (b *builder) latticeGroup(id string) *proxy.TargetGroup {
	row, ok := state.TargetGroups.Get(b, id)
	if !ok || row.Deleting {
		return nil
	}
	g := &proxy.TargetGroup{ARN: row.ARN(), VPC: row.VPC, Type: proxy.TargetType(row.Type), Protocol: proxy.Protocol(row.Protocol), Event: proxy.EventVersion(row.EventVersion)}
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

func (b *builder) loadBalancer(arn string) *proxy.LoadBalancer {
	lb, ok := state.LoadBalancers.Get(b, arn)
	if !ok {
		return nil
	}
	out := &proxy.LoadBalancer{ARN: arn, VPC: lb.VPC}
	out.Idle, out.KeepAlive = seconds(lb.Attribute(balancer.IdleTimeout)), seconds(lb.Attribute(balancer.KeepAlive))
	out.PreserveHost = lb.Attribute(balancer.PreserveHost) == "true"
	out.DropInvalid = lb.Attribute(balancer.DropInvalidFields) == "true"
	out.ClientPort = lb.Attribute(balancer.ForwardedClientPort) == "true"
	switch lb.Attribute(balancer.ForwardedFor) {
	case "preserve":
		out.ForwardedFor = proxy.ForwardedPreserve
	case "remove":
		out.ForwardedFor = proxy.ForwardedRemove
	}
	for _, id := range lb.Interfaces {
		node, ok := state.Interfaces.Get(b, id)
		if !ok {
			b.problem(arn, fmt.Errorf("the network interface %s of a node is gone", id))
			continue
		}
		out.Nodes = append(out.Nodes, proxy.Node{Namespace: node.ID, Address: node.Addr})
	}
	for l := range state.BalancerListeners.By(b, state.ByBalancer, arn) {
		listener := &proxy.Listener{ID: l.ARN, ARN: l.ARN, Port: uint16(l.Port), Protocol: proxy.Protocol(l.Protocol), Default: b.balancerAction(l.Default)}
		listener.HideServer = l.Attribute(balancer.ServerHeader) == "false"
		for _, h := range balancer.ResponseHeaders() {
			if v := l.Attribute(h.Key); v != "" {
				listener.Headers = append(listener.Headers, proxy.Header{Name: h.Name, Value: v})
			}
		}
		for r := range state.BalancerRules.By(b, state.ByListener, l.ARN) {
			conditions, err := balancerConditions(r.Conditions)
			if err != nil {
				b.problem(r.ARN, err)
				continue
			}
			listener.Rules = append(listener.Rules, proxy.Rule{ARN: r.ARN, Priority: int(r.Priority), Conditions: conditions, Action: b.balancerAction(r.Actions)})
		}
		out.Listeners = append(out.Listeners, listener)
	}
	return out
}

// seconds is an attribute's value, which was found to be a number when it was set.
func seconds(v string) time.Duration {
	n, _ := strconv.Atoi(v)
	return time.Duration(n) * time.Second
}

func stickiness(row *balancer.TargetGroup) *proxy.Stickiness {
	switch {
	case row.Attribute(balancer.Sticky) != "true":
		return nil
	case row.Attribute(balancer.StickyBy) == "app_cookie":
		return &proxy.Stickiness{Application: row.Attribute(balancer.StickyCookie), Duration: seconds(row.Attribute(balancer.StickyCookieLasts))}
	}
	return &proxy.Stickiness{Duration: seconds(row.Attribute(balancer.StickyLasts))}
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

func (b *builder) balancerAction(actions []balancer.Action) proxy.Action {
	for _, a := range actions {
		switch a.Type {
		case "forward":
			out := proxy.Action{Kind: proxy.Forward}
			for _, w := range a.Forward {
				if g := use(b, b.c.groups, w.TargetGroup); g != nil {
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

// dialler is the node from which the targets of a target group are dialled: the first of the first load balancer that
// forwards to it. There is one group for an ARN, which its load balancers share, and every node reaches the same targets.
func (b *builder) dialler(groupARN string) *vpc.NetworkInterface {
	var balancers []string
	for l := range state.BalancerListeners.By(b, state.ByTargetGroup, groupARN) {
		balancers = append(balancers, l.LoadBalancer)
	}
	for r := range state.BalancerRules.By(b, state.ByTargetGroup, groupARN) {
		if l, ok := state.BalancerListeners.Get(b, r.Listener); ok {
			balancers = append(balancers, l.LoadBalancer)
		}
	}
	slices.Sort(balancers)
	for _, arn := range slices.Compact(balancers) {
		lb, ok := state.LoadBalancers.Get(b, arn)
		if !ok {
			continue
		}
		for _, id := range lb.Interfaces {
			if node, ok := state.Interfaces.Get(b, id); ok {
				return node
			}
		}
	}
	return nil
}

func (b *builder) balancerGroup(groupARN string) *proxy.TargetGroup {
	row, ok := state.BalancerTargetGroups.Get(b, groupARN)
	if !ok {
		return nil
	}
	node := b.dialler(groupARN)
	if node == nil {
		return nil
	}
	g := &proxy.TargetGroup{ARN: row.ARN, VPC: row.VPC, Type: proxy.TargetType(strings.ToUpper(row.Type)), Protocol: proxy.Protocol(row.Protocol),
		Event: proxy.EventELB, MultiValueHeaders: row.Attribute(balancer.MultiValueHeaders) == "true",
		Algorithm: proxy.Algorithm(row.Attribute(balancer.Algorithm)), Sticky: stickiness(row)}
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
