package sandbox

import (
	"fmt"
	"strconv"
	"strings"

	"trellis/internal/fault"
)

// Language is what a runtime's code is written in.
type Language string

// The languages of runtimes. Native is a bootstrap that speaks the Runtime API itself.
const (
	Native Language = "native"
	Python Language = "python"
	Node   Language = "node"
)

// Version is the version of an interpreter, or the part of it that a runtime's name states.
type Version struct{ Major, Minor, Patch int }

func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch) }

// ParseVersion reads "3.12.1", "v20.1.0", "3.12" or "20".
func ParseVersion(s string) (Version, error) {
	var v Version
	parts := strings.Split(strings.TrimPrefix(s, "v"), ".")
	if len(parts) > 3 {
		return Version{}, fmt.Errorf("%q is not a version", s)
	}
	for i, dst := range []*int{&v.Major, &v.Minor, &v.Patch} {
		if i == len(parts) {
			break
		}
		n, err := strconv.ParseUint(parts[i], 10, 16)
		if err != nil {
			return Version{}, fmt.Errorf("%q is not a version", s)
		}
		*dst = int(n)
	}
	return v, nil
}

// Runtime is a parsed runtime identifier.
type Runtime struct {
	Name     string
	Language Language
	// Wanted is the version the name asks for; only Major counts for Node, Major and Minor for Python.
	Wanted Version
}

// ParseRuntime reads a runtime identifier such as "provided.al2023", "python3.12" or "nodejs20.x".
func ParseRuntime(name string) (Runtime, error) {
	switch name {
	case "provided", "provided.al2", "provided.al2023":
		return Runtime{Name: name, Language: Native}, nil
	}
	if rest, ok := strings.CutPrefix(name, "python3."); ok {
		if n, err := strconv.ParseUint(rest, 10, 8); err == nil && strconv.FormatUint(n, 10) == rest {
			return Runtime{name, Python, Version{Major: 3, Minor: int(n)}}, nil
		}
	}
	if rest, ok := strings.CutPrefix(name, "nodejs"); ok {
		if rest, ok = strings.CutSuffix(rest, ".x"); ok {
			if n, err := strconv.ParseUint(rest, 10, 8); err == nil && strconv.FormatUint(n, 10) == rest {
				return Runtime{name, Node, Version{Major: int(n)}}, nil
			}
		}
	}
	return Runtime{}, fault.New(fault.Invalid, "InvalidParameterValueException",
		"runtime %q is not one that runs here: provided, provided.al2, provided.al2023, python3.N and nodejsN.x are", name)
}

// Interpreter is a language's program found on a host.
type Interpreter struct {
	Language Language
	Version  Version
	// Path is the program itself, not a link or a wrapper.
	Path string
	// Prefixes are the directories or files outside /usr that the program needs.
	Prefixes []string
	// Loop is the runtime loop as the program itself compiled it, for languages that compile what they run first.
	Loop []byte
}

func (i Interpreter) String() string { return string(i.Language) + " " + i.Version.String() }

// Choice is what runs a function.
type Choice struct {
	Runtime Runtime
	// Interpreter is the zero value for Native.
	Interpreter Interpreter
	// Note is said in the function's log where the interpreter is not the version asked for.
	Note string
}

// oldest are the first versions that our runtime loops run on.
var oldest = map[Language]Version{
	Python: {Major: 3, Minor: 7},
	Node:   {Major: 14},
}

// Resolve picks the interpreter for a runtime: the version asked for, else the nearest, the newer of two as near.
func Resolve(runtime string, found []Interpreter) (Choice, error) {
	rt, err := ParseRuntime(runtime)
	if err != nil {
		return Choice{}, err
	}
	if rt.Language == Native {
		return Choice{Runtime: rt}, nil
	}
	best, bestDistance := -1, 0
	for i, in := range found {
		if in.Language != rt.Language || less(in.Version, oldest[in.Language]) ||
			rt.Language == Python && in.Version.Major != rt.Wanted.Major {
			continue
		}
		d := distance(rt, in.Version)
		if best < 0 || d < bestDistance || d == bestDistance && less(found[best].Version, in.Version) {
			best, bestDistance = i, d
		}
	}
	if best < 0 {
		return Choice{}, fault.New(fault.Unavailable, "InvalidRuntime",
			"runtime %s needs %s on the PATH of this host, and there is none", runtime, needs(rt.Language))
	}
	c := Choice{Runtime: rt, Interpreter: found[best]}
	if bestDistance != 0 {
		c.Note = fmt.Sprintf("%s is not on this host; running with %s", runtime, found[best])
	}
	return c, nil
}

func needs(l Language) string {
	return fmt.Sprintf("%s %d.%d or later", l, oldest[l].Major, oldest[l].Minor)
}

func distance(rt Runtime, v Version) int {
	d := v.Major - rt.Wanted.Major
	if rt.Language == Python {
		d = v.Minor - rt.Wanted.Minor
	}
	return max(d, -d)
}

func less(a, b Version) bool {
	switch {
	case a.Major != b.Major:
		return a.Major < b.Major
	case a.Minor != b.Minor:
		return a.Minor < b.Minor
	}
	return a.Patch < b.Patch
}
