package aws

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"landing-zone/engine"
)

// The inputs come from a program whose types are ours: what is missing reads as its zero value.

func text(in engine.Properties, key string) string {
	v, _ := in[key].(string)
	return v
}

func texts(in engine.Properties, key string) []string {
	list, _ := in[key].([]any)
	var all []string
	for _, element := range list {
		if v, ok := element.(string); ok {
			all = append(all, v)
		}
	}
	return all
}

func number(in engine.Properties, key string) int32 {
	v, _ := in[key].(float64)
	return int32(v)
}

func flag(in engine.Properties, key string) bool {
	v, _ := in[key].(bool)
	return v
}

func object(in engine.Properties, key string) engine.Properties {
	v, _ := in[key].(engine.Properties)
	return v
}

func objects(in engine.Properties, key string) []engine.Properties {
	list, _ := in[key].([]any)
	var all []engine.Properties
	for _, element := range list {
		if v, ok := element.(engine.Properties); ok {
			all = append(all, v)
		}
	}
	return all
}

// tags are the tags among the inputs.
func tags(in engine.Properties) map[string]string {
	all := map[string]string{}
	for key, value := range object(in, "tags") {
		if v, ok := value.(string); ok {
			all[key] = v
		}
	}
	return all
}

// tagList is a client's own form of tags, in order of their keys.
func tagList[T any](all map[string]string, tag func(key, value *string) T) []T {
	var list []T
	for _, key := range slices.Sorted(maps.Keys(all)) {
		value := all[key]
		list = append(list, tag(&key, &value))
	}
	return list
}

// shown is a value as a property, nil where an answer lacks it.
func shown[T any](value *T) any {
	if value == nil {
		return nil
	}
	return *value
}

// shownPairs are a client's own form of tags as a property.
func shownPairs[T any](list []T, pair func(T) (key, value *string)) engine.Properties {
	all := engine.Properties{}
	for _, element := range list {
		key, value := pair(element)
		if key != nil && value != nil {
			all[*key] = *value
		}
	}
	return all
}

// plainText is what a text that may be a flag or a number says.
func plainText(s string) any {
	var value any
	if err := json.Unmarshal([]byte(s), &value); err != nil {
		return s
	}
	return value
}

// shownTexts is a list as a property.
func shownTexts[T ~string](list []T) []any {
	all := make([]any, 0, len(list))
	for _, element := range list {
		all = append(all, string(element))
	}
	return all
}

// surplus are the keys of old that new lacks.
func surplus(old, new map[string]string) []string {
	var keys []string
	for _, key := range slices.Sorted(maps.Keys(old)) {
		if _, kept := new[key]; !kept {
			keys = append(keys, key)
		}
	}
	return keys
}

// changed are the inputs that differ.
func changed(old, new engine.Properties) []string {
	var keys []string
	for key, value := range new {
		if before, ok := old[key]; !ok || !same(before, value) {
			keys = append(keys, key)
		}
	}
	for key := range old {
		if _, ok := new[key]; !ok {
			keys = append(keys, key)
		}
	}
	return keys
}

func same(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// nameOf is the last part of an ARN.
func nameOf(arn string) string { return arn[strings.LastIndex(arn, ":")+1:] }
