package iam

import (
	"encoding/json"

	"trellis/internal/arn"
	"trellis/internal/fault"
	"trellis/internal/state"
)

// oneOrMore is a JSON value that may stand in a list or alone.
type oneOrMore[T any] []T

func (o *oneOrMore[T]) UnmarshalJSON(raw []byte) error {
	if len(raw) > 0 && raw[0] == '[' {
		var many []T
		err := json.Unmarshal(raw, &many)
		*o = many
		return err
	}
	var one T
	err := json.Unmarshal(raw, &one)
	*o = []T{one}
	return err
}

// trusted refuses a trust policy that names a user or role which is not there, in an account that is. The document has been
// checked before.
func trusted(r state.Reader, document string) error {
	var doc struct {
		Statement oneOrMore[struct{ Principal, NotPrincipal json.RawMessage }]
	}
	if err := json.Unmarshal([]byte(document), &doc); err != nil {
		return fault.New(fault.Invalid, "MalformedPolicyDocument", "%v", err)
	}
	for _, statement := range doc.Statement {
		for _, raw := range []json.RawMessage{statement.Principal, statement.NotPrincipal} {
			var p struct{ AWS oneOrMore[string] }
			if len(raw) == 0 || raw[0] != '{' || json.Unmarshal(raw, &p) != nil {
				continue
			}
			for _, name := range p.AWS {
				if !exists(r, name) {
					return fault.New(fault.Invalid, "MalformedPolicyDocument", "Invalid principal in policy: \"AWS\":\"%s\"", name)
				}
			}
		}
	}
	return nil
}

// exists says whether a principal is there, as far as that is known here: principals of other accounts are taken as they are.
func exists(r state.Reader, name string) bool {
	a, err := arn.Parse(name)
	if err != nil || a.Service != "iam" {
		return true
	}
	if _, known := state.Accounts.Get(r, a.Account); !known {
		return true
	}
	switch a.Type() {
	case "role":
		_, ok := state.RoleByARN(r, name)
		return ok
	case "user":
		u, ok := state.Users.Get(r, a.Account+"/"+a.Last())
		return ok && u.ARN() == name
	}
	return true
}
