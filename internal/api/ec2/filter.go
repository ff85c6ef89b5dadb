package ec2

import (
	"strconv"
	"strings"

	"trellis/internal/aws/model/ec2"
	"trellis/internal/fault"
)

const maxFilterValues = 200

// fields says under which values a resource V stands for a filter. It is false for a filter the resource does not have.
type fields[V any] func(v *V, filter string) ([]string, bool)

// check refuses filters that V does not have.
func check[V any](filters []ec2.Filter, values fields[V], tagged bool) error {
	total := 0
	for i := range filters {
		name := str(filters[i].Name)
		total += len(filters[i].Values)
		if name == "" {
			return missing("Filter.Name")
		}
		if tagged && (name == "tag-key" || strings.HasPrefix(name, "tag:")) {
			continue
		}
		if _, ok := values(new(V), name); !ok {
			return invalid("The filter '%s' is invalid", clip(name))
		}
	}
	if total > maxFilterValues {
		return fault.New(fault.Quota, "FilterLimitExceeded", "The request has %d filter values; the maximum is %d.", total, maxFilterValues)
	}
	return nil
}

// passes reports whether v satisfies every filter, each by any of its values.
func passes[V any](v *V, filters []ec2.Filter, values fields[V], tags []ec2.Tag) bool {
	for i := range filters {
		name := str(filters[i].Name)
		var has []string
		if key, ok := strings.CutPrefix(name, "tag:"); ok {
			for j := range tags {
				if *tags[j].Key == key {
					has = []string{*tags[j].Value}
				}
			}
		} else if name == "tag-key" {
			for j := range tags {
				has = append(has, *tags[j].Key)
			}
		} else {
			has, _ = values(v, name)
		}
		if !anyMatch(filters[i].Values, has) {
			return false
		}
	}
	return true
}

func anyMatch(patterns, values []string) bool {
	for _, p := range patterns {
		for _, v := range values {
			if wildcard(p, v) {
				return true
			}
		}
	}
	return false
}

// wildcard matches s as a whole against a pattern in which * stands for any characters, ? for one, and a backslash takes
// the next character as it is.
func wildcard(pattern, s string) bool {
	p, i := 0, 0
	star, resume := -1, 0
	for i < len(s) {
		if p < len(pattern) {
			switch c := pattern[p]; {
			case c == '*':
				star, resume = p, i
				p++
				continue
			case c == '?':
				p++
				i++
				continue
			case c == '\\' && p+1 < len(pattern) && pattern[p+1] == s[i]:
				p += 2
				i++
				continue
			case c == s[i] && c != '\\':
				p++
				i++
				continue
			}
		}
		if star < 0 {
			return false
		}
		resume++
		p, i = star+1, resume
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// literal reports whether a pattern stands for itself alone.
func literal(pattern string) bool { return !strings.ContainsAny(pattern, `*?\`) }

func one(s *string) []string {
	if s == nil {
		return nil
	}
	return []string{*s}
}

func flag(b *bool) []string {
	if b == nil {
		return nil
	}
	return []string{strconv.FormatBool(*b)}
}

func number[N int32 | int64](n *N) []string {
	if n == nil {
		return nil
	}
	return []string{strconv.FormatInt(int64(*n), 10)}
}

// each collects what f has for every element.
func each[E any](elems []E, f func(*E) *string) []string {
	var out []string
	for i := range elems {
		if v := f(&elems[i]); v != nil {
			out = append(out, *v)
		}
	}
	return out
}
