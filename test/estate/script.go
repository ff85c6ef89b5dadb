package estate

import (
	"trellis/internal/aws/model"
	"trellis/test/forge"
)

// Script is how every operation that is built is called with success, for an account with an estate.
type Script struct {
	Calls   map[string]Call
	members []member
}

// NewScript reads the script.
func NewScript() (*Script, error) {
	calls, err := readCalls()
	if err != nil {
		return nil, err
	}
	members, err := readMembers()
	return &Script{calls, members}, err
}

// Known is what a member takes by its path, for an estate.
func (s *Script) Known(e Estate) func(string) (any, bool) {
	return func(path string) (any, bool) {
		for _, m := range s.members {
			if m.Path.MatchString(path) {
				v, err := e.Expand(m.Value)
				return v, err == nil
			}
		}
		return nil, false
	}
}

// Call is an operation's call: who makes it and with what.
func (s *Script) Call(api *model.Service, op *model.Operation, e Estate) (by string, in map[string]any) {
	c := s.Calls[api.Package+"."+op.Name]
	given, err := e.Expand(c.With)
	if err != nil {
		// An account without an organization has no ids of one.
		given = map[string]any{}
	}
	by = e["account"]
	if c.Peer {
		by = e["peer"]
	}
	k := &forge.Maker{Service: api, Known: s.Known(e)}
	return by, k.Input(op, given.(map[string]any))
}
