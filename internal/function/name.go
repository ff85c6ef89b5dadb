package function

import (
	"iter"
	"maps"
	"strings"

	"trellis/internal/arn"
	"trellis/internal/fault"
	"trellis/internal/vpc"
)

// maxName is how many characters a function's name may have.
const maxName = 64

// Split cuts a function's ARN into the unqualified ARN and the qualifier, which is empty where there is none.
func Split(functionARN string) (name, qualifier string) {
	at := 0
	for range 7 {
		i := strings.IndexByte(functionARN[at:], ':')
		if i < 0 {
			return functionARN, ""
		}
		at += i + 1
	}
	return functionARN[:at-1], functionARN[at:]
}

// Ref names a function, with a qualifier or without.
type Ref struct {
	vpc.Owner
	Name, Qualifier string
}

// ARN returns the function's name with the qualifier.
func (r Ref) ARN() string {
	if r.Qualifier == "" {
		return ARN(r.Owner, r.Name)
	}
	return ARN(r.Owner, r.Name) + ":" + r.Qualifier
}

// ParseRef reads the forms in which callers name functions: NAME, function:NAME, ACCOUNT:function:NAME and the ARN, each
// with a qualifier or without. What a short form leaves out is the caller's own.
func ParseRef(s string, o vpc.Owner) (Ref, error) {
	parts := strings.Split(s, ":")
	ref := Ref{Owner: o}
	switch {
	case parts[0] == "arn":
		if len(parts) < 7 || parts[2] != "lambda" || parts[5] != "function" || !arn.IsAccount(parts[4]) {
			return Ref{}, badName(s)
		}
		ref.Region, ref.Account = parts[3], parts[4]
		parts = parts[6:]
	case len(parts) > 2 && parts[1] == "function" && arn.IsAccount(parts[0]):
		ref.Account = parts[0]
		parts = parts[2:]
	case len(parts) > 1 && parts[0] == "function":
		parts = parts[1:]
	}
	if len(parts) > 2 || !isName(parts[0]) {
		return Ref{}, badName(s)
	}
	ref.Name = parts[0]
	if len(parts) == 2 {
		if ref.Qualifier = parts[1]; ref.Qualifier != Latest && !isName(ref.Qualifier) {
			return Ref{}, badName(s)
		}
	}
	return ref, nil
}

func badName(s string) error {
	if len(s) > 256 {
		s = s[:256] + "..."
	}
	return fault.New(fault.Invalid, "ValidationException", "1 validation error detected: Value '%s' at 'functionName' failed to satisfy constraint: "+
		"Member must be the name or the ARN of a function, the name of at most %d letters, digits, hyphens and underscores", s, maxName)
}

func isName(s string) bool {
	if s == "" || len(s) > maxName {
		return false
	}
	return isWord(s)
}

func isWord(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// ParseLayer reads a layer's name or ARN, without a version.
func ParseLayer(s string, o vpc.Owner) (owner vpc.Owner, name string, err error) {
	if !arn.Is(s) {
		return o, s, nil
	}
	a, err := arn.Parse(s)
	if err != nil || a.Service != "lambda" || a.Type() != "layer" || !isWord(a.ID()) {
		return o, "", fault.New(fault.Invalid, "ValidationException", "%q is neither the name nor the ARN of a layer.", s)
	}
	return vpc.Owner{Account: a.Account, Region: a.Region}, a.ID(), nil
}

// arnLike reports whether an ARN matches a pattern, part by part; "*" and "?" stand for any characters.
func arnLike(pattern, s string) bool {
	p, q := strings.SplitN(pattern, ":", 6), strings.SplitN(s, ":", 6)
	if len(p) != 6 || len(q) != 6 {
		return false
	}
	for i := range p {
		if !glob(p[i], q[i]) {
			return false
		}
	}
	return true
}

func glob(pattern, s string) bool {
	star, mark := -1, 0
	p, i := 0, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

func keys[V any](m map[string]V) iter.Seq[string] { return maps.Keys(m) }
