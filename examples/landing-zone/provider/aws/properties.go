package aws

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"

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
