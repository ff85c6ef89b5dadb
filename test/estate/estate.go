// Package estate is something of everything that an account can have, as a list of calls in estate.json, and for every operation a
// call that such an account makes with success, in calls.json where the operation's model and members.json do not say it. The files
// are read by the tests in Go and in Python; nothing writes them.
package estate

import (
	"archive/zip"
	"bytes"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var (
	//go:embed estate.json
	stepsText []byte
	//go:embed calls.json
	callsText []byte
	//go:embed members.json
	membersText []byte
)

// Step is a call that makes part of an estate.
type Step struct {
	// Peer says that the account's neighbour calls.
	Peer bool
	// API and Operation, as in ec2 and CreateVpc.
	API, Operation string
	Input          map[string]any
	// Keep names what of the answer is kept, by its path in it.
	Keep map[string]string
}

// Steps are the calls that make an estate, in order.
func Steps() ([]Step, error) {
	var rows [][]json.RawMessage
	if err := json.Unmarshal(stepsText, &rows); err != nil {
		return nil, err
	}
	var out []Step
	for _, row := range rows {
		var name string
		step := Step{Input: map[string]any{}, Keep: map[string]string{}}
		into := []any{&name, &step.Input, &step.Keep}
		for i, part := range row {
			if err := json.Unmarshal(part, into[i]); err != nil {
				return nil, fmt.Errorf("%s: %w", part, err)
			}
		}
		name, step.Peer = strings.CutPrefix(name, "peer:")
		step.API, step.Operation, _ = strings.Cut(name, ".")
		out = append(out, step)
	}
	return out, nil
}

// Call is how an operation is called with success.
type Call struct {
	// With is the input, or what of it the members' names do not say.
	With map[string]any
	// Peer says that the account's neighbour calls.
	Peer bool
	// Refused is the code of the answer where there can be no success, and Why says why.
	Refused, Why string
}

// readCalls answers the operations' calls by API and name, as in "ec2.CreateVpc".
func readCalls() (map[string]Call, error) {
	out := map[string]Call{}
	d := json.NewDecoder(bytes.NewReader(callsText))
	d.DisallowUnknownFields()
	return out, d.Decode(&out)
}

// member says what a member takes whose path ends so.
type member struct {
	Path  *regexp.Regexp
	Value any
}

// readMembers answers the values of members by the operation and their path in its input, as in "ec2.CreateVpc.CidrBlock"; the first that fits
// counts.
func readMembers() ([]member, error) {
	var rows [][2]any
	if err := json.Unmarshal(membersText, &rows); err != nil {
		return nil, err
	}
	var out []member
	for _, row := range rows {
		re, err := regexp.Compile(fmt.Sprintf("(?:%v)$", row[0]))
		if err != nil {
			return nil, err
		}
		out = append(out, member{re, row[1]})
	}
	return out, nil
}

// Estate is what was kept, by name.
type Estate map[string]string

// New is an estate that knows its account, its neighbour and the archive of a function.
func New(account, peer, region string) (Estate, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	f, err := z.CreateHeader(&zip.FileHeader{Name: "bootstrap", ExternalAttrs: 0o755 << 16})
	if err != nil {
		return nil, err
	}
	if _, err := f.Write([]byte("#!/bin/sh\nexit 1\n")); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return Estate{"account": account, "peer": peer, "region": region, "zip": base64.StdEncoding.EncodeToString(b.Bytes())}, nil
}

// Identifiers are the names of what only this estate has.
func (e Estate) Identifiers() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(e)), func(name string) bool {
		return slices.Contains([]string{"account", "peer", "region", "zip", "now", "mark", "invitee", "prefixes", "dhcp"}, name)
	})
}

// Keep remembers what of an answer a step keeps.
func (e Estate) Keep(s Step, out map[string]any) error {
	for name, path := range s.Keep {
		if strings.Contains(path, "${") {
			continue
		}
		v := any(out)
		for part := range strings.SplitSeq(strings.ReplaceAll(path, "[", ".["), ".") {
			switch x := v.(type) {
			case map[string]any:
				v = x[part]
			case []any:
				i, err := strconv.Atoi(strings.Trim(part, "[]"))
				if err != nil || i >= len(x) {
					return fmt.Errorf("%s has no %s: %v", s.Operation, path, out)
				}
				v = x[i]
			}
		}
		text, ok := v.(string)
		if !ok {
			return fmt.Errorf("%s has no %s: %v", s.Operation, path, out)
		}
		e[name] = text
	}
	for name, path := range s.Keep {
		if strings.Contains(path, "${") {
			v, err := e.Expand(path)
			if err != nil {
				return err
			}
			e[name] = v.(string)
		}
	}
	return nil
}

var reference = regexp.MustCompile(`\$\{([^}]*)\}`)

// Expand puts what the estate has in the place of its names, as in "${vpc}".
func (e Estate) Expand(v any) (any, error) {
	switch x := v.(type) {
	case string:
		if x == "${now}" {
			return json.Number(e["now"]), nil
		}
		var missing error
		text := reference.ReplaceAllStringFunc(x, func(r string) string {
			name := r[2 : len(r)-1]
			value, ok := e[name]
			if !ok {
				missing = fmt.Errorf("the estate has no %s", name)
			}
			return value
		})
		return text, missing
	case map[string]any:
		out := make(map[string]any, len(x))
		for k, v := range x {
			name, err := e.Expand(k)
			if err != nil {
				return nil, err
			}
			if out[name.(string)], err = e.Expand(v); err != nil {
				return nil, err
			}
		}
		return out, nil
	case []any:
		out := make([]any, len(x))
		for i, v := range x {
			var err error
			if out[i], err = e.Expand(v); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return v, nil
}
