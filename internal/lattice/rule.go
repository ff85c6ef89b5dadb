package lattice

import (
	"slices"
	"strings"

	"trellis/internal/fault"
)

// The protocol that listeners and target groups speak, and its version.
const (
	ProtocolHTTP = "HTTP"
	HTTP1        = "HTTP1"
)

// Limits of rules.
const (
	MaxPriority      = 2000
	maxWeight        = 999
	defaultWeight    = 100
	maxForwards      = 10
	maxHeaderMatches = 5
	maxHeaderName    = 100
	maxMatchValue    = 200
	maxMethod        = 16
)

// DefaultPort is the port of a listener or target group that names none.
const DefaultPort = 80

// CheckPort checks a port.
func CheckPort(field string, port int32) error {
	if port < 1 || port > 65535 {
		return Invalid(field, "The port must be between 1 and 65535.")
	}
	return nil
}

// CheckPriority checks the priority of a rule.
func CheckPriority(p int32) error {
	if p < 1 || p > MaxPriority {
		return Invalid("priority", "The priority must be between 1 and %d.", MaxPriority)
	}
	return nil
}

// CheckMatch checks the conditions of a rule.
func CheckMatch(m Match) error {
	if m.Method == "" && m.Path == nil && len(m.Headers) == 0 {
		return Invalid("match", "A rule must have at least one condition.")
	}
	if len(m.Method) > maxMethod || m.Method != "" && !isToken(m.Method) {
		return Invalid("match.httpMatch.method", "'%.32s' is not an HTTP method.", m.Method)
	}
	if p := m.Path; p != nil {
		field, value, err := onlyOne("match.httpMatch.pathMatch.match", [][2]string{{"exact", p.Exact}, {"prefix", p.Prefix}})
		if err != nil {
			return err
		}
		if len(value) > maxMatchValue || !isPath(value) {
			return Invalid(field, "A path must begin with / and hold at most %d letters, digits and characters of @:%%_+.~#?&/=-.", maxMatchValue)
		}
	}
	if len(m.Headers) > maxHeaderMatches {
		return Invalid("match.httpMatch.headerMatches", "A rule can match at most %d headers.", maxHeaderMatches)
	}
	for _, h := range m.Headers {
		if len(h.Name) > maxHeaderName || !isToken(h.Name) {
			return Invalid("match.httpMatch.headerMatches.name", "'%.128s' is not the name of an HTTP header.", h.Name)
		}
		field, value, err := onlyOne("match.httpMatch.headerMatches.match", [][2]string{{"exact", h.Exact}, {"prefix", h.Prefix}, {"contains", h.Contains}})
		if err != nil {
			return err
		}
		if len(value) > maxMatchValue {
			return Invalid(field, "The value of a header match can have at most %d characters.", maxMatchValue)
		}
	}
	return nil
}

// onlyOne returns the one member that is not empty.
func onlyOne(union string, members [][2]string) (field, value string, err error) {
	n := 0
	for _, m := range members {
		if m[1] != "" {
			n++
			field, value = union+"."+m[0], m[1]
		}
	}
	if n != 1 {
		return "", "", Invalid(union, "Exactly one kind of match must be given.")
	}
	return field, value, nil
}

func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return s != ""
}

func isPath(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("@:%_+.~#?&/=-", rune(c)) {
			return false
		}
	}
	return strings.HasPrefix(s, "/")
}

// Share is a target group's part in a forward action as it is asked for: without a weight, the default one.
type Share struct {
	TargetGroup string
	Weight      *int32
}

// ForwardTo returns the action that forwards to the shares.
func ForwardTo(shares []Share) (Action, error) {
	const field = "action.forward.targetGroups"
	if len(shares) == 0 || len(shares) > maxForwards {
		return Action{}, Invalid(field, "A forward action must name between 1 and %d target groups.", maxForwards)
	}
	var a Action
	for _, s := range shares {
		if slices.ContainsFunc(a.Forward, func(w Weighted) bool { return w.TargetGroup == s.TargetGroup }) {
			return Action{}, Invalid(field, "The target group %s is named twice.", s.TargetGroup)
		}
		weight := int32(defaultWeight)
		switch {
		case s.Weight != nil:
			weight = *s.Weight
		case len(shares) > 1:
			return Action{}, Invalid(field+".weight", "Every target group of a forward action must have a weight when there are several.")
		}
		if weight < 0 || weight > maxWeight {
			return Action{}, Invalid(field+".weight", "A weight must be between 0 and %d.", maxWeight)
		}
		a.Forward = append(a.Forward, Weighted{s.TargetGroup, weight})
	}
	return a, nil
}

// FixedResponse returns the action that answers with the status.
func FixedResponse(status int32) (Action, error) {
	if status != 404 && status != 500 {
		return Action{}, Invalid("action.fixedResponse.statusCode", "The status of a fixed response must be 404 or 500.")
	}
	return Action{FixedStatus: status}, nil
}

// CheckListener checks a listener's protocol.
func CheckListener(protocol string) error {
	switch protocol {
	case ProtocolHTTP:
		return nil
	case "HTTPS", "TLS_PASSTHROUGH":
		return notServed("protocol", "listeners of protocol "+protocol, ProtocolHTTP)
	}
	return Invalid("protocol", "The protocol of a listener must be HTTP, HTTPS or TLS_PASSTHROUGH.")
}

// notServed refuses what VPC Lattice has and this server does not: nothing of it would be real.
func notServed(field, what, instead string) error {
	message := "This server does not serve " + what + ": use " + instead + "."
	return &fault.Error{Kind: fault.Unsupported, Message: message, Reason: "fieldValidationFailed", Fields: []fault.Field{{Name: field, Message: message}}}
}
