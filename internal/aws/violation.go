package aws

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"trellis/internal/aws/wire"
	"trellis/internal/fault"
)

// violations is the message most AWS APIs answer for inputs that do not satisfy
// their model.
func violations(found []wire.Violation) string {
	var b strings.Builder
	plural := ""
	if len(found) > 1 {
		plural = "s"
	}
	fmt.Fprintf(&b, "%d validation error%s detected: ", len(found), plural)
	for i, v := range found {
		if i > 0 {
			b.WriteString("; ")
		}
		value := v.Value
		if !v.Missing {
			value = "'" + value + "'"
		}
		fmt.Fprintf(&b, "Value %s at '%s' failed to satisfy constraint: %s", value, v.Path, v.Constraint)
	}
	return b.String()
}

// invalidEC2 words the first violation as EC2 does.
func invalidEC2(v wire.Violation) *fault.Error {
	number := func(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
	switch v.Rule {
	case wire.Required:
		return fault.New(fault.Invalid, "MissingParameter", "The request must contain the parameter %s", v.Path)
	case wire.Range:
		bound := "less than or equal to " + number(v.Shape.Max)
		if strings.Contains(v.Constraint, "greater") {
			bound = "greater than or equal to " + number(v.Shape.Min)
		}
		return fault.New(fault.Invalid, "InvalidParameterValue", "Value ( %s ) for parameter %s is invalid. Expecting a value %s.", v.Value, v.Path, bound)
	case wire.Enum:
		if len(v.Shape.Enum) > 0 && len(v.Shape.Enum) <= 20 {
			allowed := slices.Sorted(slices.Values(v.Shape.Enum))
			return fault.New(fault.Invalid, "InvalidParameterValue", "Value (%s) for parameter %s is invalid. Allowed values: %s.", v.Value, v.Path, strings.Join(allowed, ", "))
		}
	}
	return fault.New(fault.Invalid, "InvalidParameterValue", "Value (%s) for parameter %s is invalid. %s.", v.Value, v.Path, v.Constraint)
}
