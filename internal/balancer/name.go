package balancer

import (
	"strings"

	"trellis/internal/fault"
)

// maxName is how many characters the names of load balancers and target groups can have.
const maxName = 32

func invalid(format string, args ...any) error {
	return fault.New(fault.Invalid, "ValidationError", format, args...)
}

// CheckName refuses what is not the name of a load balancer or target group; what says which of the two it is.
func CheckName(what, name string) error {
	switch {
	case name == "":
		return invalid("%s name cannot be empty", what)
	case len(name) > maxName:
		return invalid("%s name '%s' cannot be longer than '%d' characters", what, clip(name), maxName)
	case strings.ContainsFunc(name, notName):
		return invalid("%s name '%s' can only contain characters that are alphanumeric characters and hyphens(-)", what, name)
	case name[0] == '-' || name[len(name)-1] == '-':
		return invalid("%s name '%s' cannot begin or end with '-'", what, name)
	case what == "Load balancer" && strings.HasPrefix(name, "internal-"):
		return invalid("%s name '%s' cannot begin with 'internal-'", what, name)
	}
	return nil
}

func notName(c rune) bool {
	return c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z')
}

func clip(s string) string { return s[:min(len(s), 256)] }
