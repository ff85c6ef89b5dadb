package elbv2

import (
	"context"
	"slices"
	"strings"

	"trellis/internal/arn"
	"trellis/internal/aws/model/elbv2"
	"trellis/internal/balancer"
	"trellis/internal/fault"
	"trellis/internal/state"
)

const maxListeners = 50

// CreateListener makes a load balancer serve a port. The same listener, if it is there already, is the answer.
func (a *API) CreateListener(ctx context.Context, in *elbv2.CreateListenerInput) (*elbv2.CreateListenerOutput, error) {
	var out *balancer.Listener
	err := a.update(ctx, func(q query, tx *state.Tx) error {
		lb, err := q.balancer(tx, str(in.LoadBalancerArn))
		if err != nil {
			return err
		}
		if str(in.Protocol) == "" || in.Port == nil {
			return invalid("A listener protocol and a port must be specified")
		}
		if err := checkProtocol(*in.Protocol, in.Certificates, in.SslPolicy, in.AlpnPolicy, in.MutualAuthentication); err != nil {
			return err
		}
		if err := checkPort(*in.Port); err != nil {
			return err
		}
		actions, err := q.actions(tx, lb, in.DefaultActions)
		if err != nil {
			return err
		}
		set, err := withTags(nil, in.Tags)
		if err != nil {
			return err
		}
		others := 0
		for l := range state.BalancerListeners.By(tx, state.ByBalancer, lb.ARN()) {
			if l.Port == *in.Port {
				if l.Protocol == *in.Protocol && sameActions(l.Default, actions) {
					out = l
					return nil
				}
				return duplicate(lb)
			}
			others++
		}
		if others >= maxListeners {
			return quota("TooManyListeners", "The maximum number of listeners has been reached")
		}
		name := strings.Replace(lb.ARN(), ":loadbalancer/", ":listener/", 1) + "/" + arn.RandomHex(16)
		out = &balancer.Listener{Owner: q.Owner, LoadBalancer: lb.ARN(), ARN: name, Protocol: *in.Protocol, Port: *in.Port, Default: actions,
			DefaultRule: ruleARN(name), Tags: set}
		state.BalancerListeners.Put(tx, out)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &elbv2.CreateListenerOutput{Listeners: []elbv2.Listener{showListener(out)}}, nil
}

func duplicate(lb *balancer.LoadBalancer) error {
	return fault.New(fault.Exists, "DuplicateListener", "A listener already exists on this port for this load balancer '%s'", lb.ARN())
}

// ruleARN mints the name of a rule of the listener.
func ruleARN(listener string) string {
	return strings.Replace(listener, ":listener/", ":listener-rule/", 1) + "/" + arn.RandomHex(16)
}

func checkPort(port int32) error {
	if port < 1 || port > 65535 {
		return invalid("Listener port '%d' must be in the range of 1-65535", port)
	}
	return nil
}

// authenticates says if attributes ask for anything.
func authenticates(m *elbv2.MutualAuthenticationAttributes) bool {
	return str(m.Mode) != "" && str(m.Mode) != "off" || m.TrustStoreArn != nil || m.TrustStoreAssociationStatus != nil || str(m.AdvertiseTrustStoreCaNames) == "on" || m.IgnoreClientCertificateExpiry != nil && *m.IgnoreClientCertificateExpiry
}

func checkProtocol(protocol string, certificates []elbv2.Certificate, policy *string, alpn []string, mutual *elbv2.MutualAuthenticationAttributes) error {
	switch {
	case protocol == "HTTPS":
		return notBuilt("UnsupportedProtocol", "Listeners of protocol 'HTTPS' are not built; only 'HTTP' is")
	case protocol != "HTTP":
		return invalid("Listener protocol '%s' must be one of 'HTTPS, HTTP'", clip(protocol))
	case len(certificates) > 0 || str(policy) != "" || mutual != nil && authenticates(mutual):
		return invalid("A certificate, a security policy or mutual authentication cannot be specified for HTTP listeners")
	case len(alpn) > 0:
		return invalid("An ALPN policy cannot be specified for HTTP listeners")
	}
	return nil
}

// DescribeListeners lists the listeners of a load balancer, or those that are named.
func (a *API) DescribeListeners(ctx context.Context, in *elbv2.DescribeListenersInput) (*elbv2.DescribeListenersOutput, error) {
	q, s := a.query(ctx), a.view.Snapshot()
	var all []*balancer.Listener
	switch {
	case (in.LoadBalancerArn == nil) == (len(in.ListenerArns) == 0):
		return nil, invalid("You must specify either listener ARNs or a load balancer ARN")
	case in.LoadBalancerArn != nil:
		if _, err := q.balancer(s, *in.LoadBalancerArn); err != nil {
			return nil, err
		}
		all = slices.Collect(state.BalancerListeners.By(s, state.ByBalancer, *in.LoadBalancerArn))
	default:
		for _, name := range in.ListenerArns {
			l, err := q.listener(s, name)
			if fault.Is(err, fault.NotFound) {
				return nil, listeners().absent()
			}
			if err != nil {
				return nil, err
			}
			all = append(all, l)
		}
	}
	some, next, err := cut(all, func(l *balancer.Listener) string { return l.ARN }, in.PageSize, in.Marker)
	if err != nil {
		return nil, err
	}
	return &elbv2.DescribeListenersOutput{Listeners: show(some, showListener), NextMarker: next}, nil
}

func showListener(l *balancer.Listener) elbv2.Listener {
	return elbv2.Listener{ListenerArn: &l.ARN, LoadBalancerArn: &l.LoadBalancer, Port: &l.Port, Protocol: &l.Protocol, DefaultActions: show(l.Default, showAction)}
}

// ModifyListener changes a listener. What is not named stays.
func (a *API) ModifyListener(ctx context.Context, in *elbv2.ModifyListenerInput) (*elbv2.ModifyListenerOutput, error) {
	var out *balancer.Listener
	err := a.update(ctx, func(q query, tx *state.Tx) error {
		l, err := q.listener(tx, str(in.ListenerArn))
		if err != nil {
			return err
		}
		lb, err := q.balancer(tx, l.LoadBalancer)
		if err != nil {
			return err
		}
		protocol := l.Protocol
		if str(in.Protocol) != "" {
			protocol = *in.Protocol
		}
		if err := checkProtocol(protocol, in.Certificates, in.SslPolicy, in.AlpnPolicy, in.MutualAuthentication); err != nil {
			return err
		}
		if in.Port != nil {
			if err := checkPort(*in.Port); err != nil {
				return err
			}
			for other := range state.BalancerListeners.By(tx, state.ByBalancer, l.LoadBalancer) {
				if other.ARN != l.ARN && other.Port == *in.Port {
					return duplicate(lb)
				}
			}
			l.Port = *in.Port
		}
		if len(in.DefaultActions) > 0 {
			if l.Default, err = q.actions(tx, lb, in.DefaultActions); err != nil {
				return err
			}
		}
		state.BalancerListeners.Put(tx, l)
		out = l
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &elbv2.ModifyListenerOutput{Listeners: []elbv2.Listener{showListener(out)}}, nil
}

// DeleteListener removes a listener with its rules.
func (a *API) DeleteListener(ctx context.Context, in *elbv2.DeleteListenerInput) (*elbv2.DeleteListenerOutput, error) {
	err := a.update(ctx, func(q query, tx *state.Tx) error {
		l, err := q.listener(tx, str(in.ListenerArn))
		if err != nil {
			return err
		}
		removeListener(tx, l)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &elbv2.DeleteListenerOutput{}, nil
}

func removeListener(tx *state.Tx, l *balancer.Listener) {
	for r := range state.BalancerRules.By(tx, state.ByListener, l.ARN) {
		state.BalancerRules.Delete(tx, r.ARN)
	}
	state.BalancerListeners.Delete(tx, l.ARN)
}
