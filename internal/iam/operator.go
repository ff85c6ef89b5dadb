package iam

import (
	"encoding/base64"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

type family uint8

const (
	stringExact family = iota
	stringFold
	stringLike
	arnLike
	numeric
	date
	boolean
	binary
	ipAddress
	null
)

type comparison uint8

const (
	equal comparison = iota
	less
	lessEqual
	greater
	greaterEqual
)

// quantifier is the set operator before an operator's name.
type quantifier uint8

const (
	plain quantifier = iota
	forAny
	forAll
)

// operator is a condition operator taken apart.
type operator struct {
	text     string
	family   family
	compare  comparison
	negated  bool
	ifExists bool
	set      quantifier
}

func parseOperator(text string) (operator, error) {
	op := operator{text: text}
	name := text
	if rest, ok := strings.CutPrefix(name, "ForAnyValue:"); ok {
		op.set, name = forAny, rest
	} else if rest, ok := strings.CutPrefix(name, "ForAllValues:"); ok {
		op.set, name = forAll, rest
	}
	name, op.ifExists = strings.CutSuffix(name, "IfExists")
	ok := true
	switch name {
	case "StringEquals":
		op.family = stringExact
	case "StringNotEquals":
		op.family, op.negated = stringExact, true
	case "StringEqualsIgnoreCase":
		op.family = stringFold
	case "StringNotEqualsIgnoreCase":
		op.family, op.negated = stringFold, true
	case "StringLike":
		op.family = stringLike
	case "StringNotLike":
		op.family, op.negated = stringLike, true
	case "ArnEquals", "ArnLike":
		op.family = arnLike
	case "ArnNotEquals", "ArnNotLike":
		op.family, op.negated = arnLike, true
	case "Bool":
		op.family = boolean
	case "BinaryEquals":
		op.family = binary
	case "IpAddress":
		op.family = ipAddress
	case "NotIpAddress":
		op.family, op.negated = ipAddress, true
	case "Null":
		op.family = null
		ok = !op.ifExists && op.set == plain
	default:
		if rest, found := strings.CutPrefix(name, "Numeric"); found {
			op.family = numeric
			op.compare, op.negated, ok = parseComparison(rest)
		} else if rest, found := strings.CutPrefix(name, "Date"); found {
			op.family = date
			op.compare, op.negated, ok = parseComparison(rest)
		} else {
			ok = false
		}
	}
	if !ok {
		return operator{}, invalid("%s is not a condition operator.", quote(text))
	}
	return op, nil
}

func parseComparison(s string) (c comparison, negated, ok bool) {
	switch s {
	case "Equals":
		return equal, false, true
	case "NotEquals":
		return equal, true, true
	case "LessThan":
		return less, false, true
	case "LessThanEquals":
		return lessEqual, false, true
	case "GreaterThan":
		return greater, false, true
	case "GreaterThanEquals":
		return greaterEqual, false, true
	}
	return 0, false, false
}

// holds says whether a value that compares as sign to the policy's satisfies c.
func (c comparison) holds(sign int) bool {
	switch c {
	case less:
		return sign < 0
	case lessEqual:
		return sign <= 0
	case greater:
		return sign > 0
	case greaterEqual:
		return sign >= 0
	}
	return sign == 0
}

// parseNumber reads a decimal number; the other forms strconv knows are none in the policy language.
func parseNumber(s string) (float64, bool) {
	if s == "" || strings.Trim(s, "0123456789+-.eE") != "" {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil
}

// parseDate reads the forms of ISO 8601 that IAM takes, and seconds since 1970.
func parseDate(s string) (time.Time, bool) {
	if len(s) > 4 && strings.Trim(s, "0123456789") == "" {
		n, err := strconv.ParseInt(s, 10, 64)
		return time.Unix(n, 0), err == nil
	}
	for _, layout := range [...]string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04Z07:00", "2006-01-02", "2006-01", "2006"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// parsePrefix reads an address or a CIDR block.
func parsePrefix(s string) (netip.Prefix, bool) {
	if !strings.Contains(s, "/") {
		a, err := netip.ParseAddr(s)
		if err != nil || a.Zone() != "" {
			return netip.Prefix{}, false
		}
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, false
	}
	if p.Addr().Is4In6() {
		if p.Bits() < 96 {
			return netip.Prefix{}, false
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked(), true
}

// parseBinary reads base64 and returns it in its one standard form.
func parseBinary(s string) (string, bool) {
	b, err := base64.StdEncoding.DecodeString(s)
	return base64.StdEncoding.EncodeToString(b), err == nil
}
