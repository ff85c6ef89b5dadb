package balancer

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"trellis/internal/fault"
)

// Limits of rules and actions.
const (
	MaxPriority    = 50000
	maxValues      = 5 // of all conditions of a rule
	maxWildcards   = 5 // of all conditions of a rule
	maxForwards    = 5
	maxWeight      = 999
	maxText        = 128
	maxHeaderName  = 40
	maxMethod      = 40
	maxFixedBody   = 1024
	pathCharacters = "_-.$/~\"'@:+&*?"
)

// Types of action.
const (
	Forward       = "forward"
	FixedResponse = "fixed-response"
	Redirect      = "redirect"
)

// CheckConditions refuses conditions that a rule can't have.
func CheckConditions(conditions []Condition) error {
	if len(conditions) == 0 {
		return invalid("A condition must be specified")
	}
	values, wildcards := 0, 0
	seen := map[string]bool{}
	for _, c := range conditions {
		if err := c.check(); err != nil {
			return err
		}
		values += len(c.Values) + len(c.Query)
		if c.Field != "source-ip" && c.Field != "http-request-method" {
			for _, v := range c.Values {
				wildcards += strings.Count(v, "*") + strings.Count(v, "?")
			}
			for _, q := range c.Query {
				wildcards += strings.Count(q.Key+q.Value, "*") + strings.Count(q.Key+q.Value, "?")
			}
		}
		if seen[c.Field] && c.Field != "http-header" && c.Field != "query-string" {
			return invalid("Rule cannot have more than one '%s' condition", c.Field)
		}
		seen[c.Field] = true
	}
	if values > maxValues {
		return invalid("The maximum number of condition values per rule is '%d'", maxValues)
	}
	if wildcards > maxWildcards {
		return invalid("The maximum number of wildcards in the conditions of a rule is '%d'", maxWildcards)
	}
	return nil
}

func (c *Condition) check() error {
	if len(c.Values)+len(c.Query) == 0 {
		return invalid("A condition value must be specified for the field '%s'", clip(c.Field))
	}
	if c.Field == "query-string" {
		for _, q := range c.Query {
			if q.Value == "" || len(q.Value) > maxText || len(q.Key) > maxText {
				return invalid("The keys and values of a query-string condition must have between 1 and %d characters", maxText)
			}
		}
		return nil
	}
	if c.Field == "http-header" {
		switch {
		case c.Header == "" || len(c.Header) > maxHeaderName || strings.ContainsFunc(c.Header, notToken):
			return invalid("The header name '%s' is not valid", clip(c.Header))
		case strings.EqualFold(c.Header, "host"):
			return invalid("The header name 'Host' is not valid for an http-header condition: use a host-header condition")
		}
	}
	for _, v := range c.Values {
		if !c.allows(v) {
			return invalid("Condition value '%s' is not valid for the field '%s'", clip(v), clip(c.Field))
		}
	}
	return nil
}

// allows says whether a condition on the field can have the value.
func (c *Condition) allows(v string) bool {
	switch c.Field {
	case "host-header":
		return v != "" && len(v) <= maxText && !strings.ContainsFunc(v, func(r rune) bool { return notName(r) && !strings.ContainsRune("*?.", r) })
	case "path-pattern":
		return v != "" && len(v) <= maxText && !strings.ContainsFunc(v, func(r rune) bool { return notName(r) && !strings.ContainsRune(pathCharacters, r) })
	case "http-header":
		return v != "" && len(v) <= maxText && !strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r > '~' })
	case "http-request-method":
		return v != "" && len(v) <= maxMethod && !strings.ContainsFunc(v, func(r rune) bool { return (r < 'A' || r > 'Z') && r != '-' && r != '_' })
	case "source-ip":
		p, err := netip.ParsePrefix(v)
		return err == nil && p == p.Masked()
	}
	return false
}

// notToken says whether a character can't be part of the name of a header.
func notToken(c rune) bool {
	return notName(c) && !strings.ContainsRune("!#$%&'*+.^_`|~", c)
}

// CheckActions refuses actions that a rule or listener can't have: exactly one is built, and what it names must be whole.
func CheckActions(actions []Action) error {
	if len(actions) == 0 {
		return invalid("An action must be specified")
	}
	for _, a := range actions {
		if !slices.Contains([]string{Forward, FixedResponse, Redirect}, a.Type) {
			return fault.New(fault.Unsupported, "InvalidLoadBalancerAction", "Actions of type '%s' are not built", clip(a.Type))
		}
	}
	if len(actions) > 1 {
		return fault.New(fault.Invalid, "InvalidLoadBalancerAction", "You must specify exactly one of the following actions: forward, redirect, fixed-response")
	}
	a := actions[0]
	switch a.Type {
	case Forward:
		return a.checkForward()
	case FixedResponse:
		return a.checkFixed()
	}
	return a.checkRedirect()
}

func (a *Action) checkForward() error {
	if len(a.Forward) == 0 {
		return invalid("A target group ARN must be specified")
	}
	if len(a.Forward) > maxForwards {
		return fault.New(fault.Quota, "TooManyTargetGroups", "The maximum number of target groups per action is '%d'", maxForwards)
	}
	seen := map[string]bool{}
	for _, w := range a.Forward {
		if w.Weight < 0 || w.Weight > maxWeight {
			return invalid("The weight of a target group must be between 0 and %d", maxWeight)
		}
		if seen[w.TargetGroup] {
			return invalid("The target group '%s' is specified more than once", w.TargetGroup)
		}
		seen[w.TargetGroup] = true
	}
	return nil
}

func (a *Action) checkFixed() error {
	status, err := strconv.Atoi(a.Status)
	switch {
	case err != nil || len(a.Status) != 3 || status < 200 || status > 599 || status/100 == 3:
		return invalid("The status code '%s' of a fixed response must be 2XX, 4XX or 5XX", clip(a.Status))
	case len(a.Body) > maxFixedBody:
		return invalid("The message body of a fixed response cannot be longer than '%d' characters", maxFixedBody)
	case !slices.Contains([]string{"", "text/plain", "text/css", "text/html", "application/javascript", "application/json"}, a.ContentType):
		return invalid("The content type '%s' of a fixed response is not valid", clip(a.ContentType))
	}
	return nil
}

func (a *Action) checkRedirect() error {
	switch {
	case a.Status != "HTTP_301" && a.Status != "HTTP_302":
		return invalid("The status code '%s' of a redirect must be HTTP_301 or HTTP_302", clip(a.Status))
	case !slices.Contains([]string{"", "HTTP", "HTTPS", "#{protocol}"}, a.Protocol):
		return invalid("The protocol '%s' of a redirect must be HTTP, HTTPS or #{protocol}", clip(a.Protocol))
	case a.Port != "" && a.Port != "#{port}" && !number(1, 65535)(a.Port):
		return invalid("The port '%s' of a redirect must be in the range of 1-65535 or #{port}", clip(a.Port))
	case a.Path != "" && !strings.HasPrefix(a.Path, "/"):
		return invalid("The path '%s' of a redirect must begin with '/'", clip(a.Path))
	case len(a.Host) > maxText || len(a.Path) > maxText || len(a.Query) > maxText:
		return invalid("The components of a redirect cannot be longer than '%d' characters", maxText)
	case strings.HasPrefix(a.Query, "?"):
		return invalid("The query of a redirect must not include the leading '?'")
	case same(a.Protocol, "#{protocol}") && same(a.Host, "#{host}") && same(a.Port, "#{port}") && same(a.Path, "/#{path}"):
		return fault.New(fault.Invalid, "InvalidLoadBalancerAction", "The redirect would lead to the same URL: change at least one of protocol, port, host and path")
	}
	for _, part := range []string{a.Host, a.Path, a.Query} {
		if strings.ContainsFunc(part, func(r rune) bool { return r < ' ' || r > '~' }) {
			return invalid("The components of a redirect can only contain printable ASCII characters")
		}
	}
	return nil
}

func same(part, own string) bool { return part == "" || part == own }
