package share

import (
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"trellis/internal/arn"
	"trellis/internal/fault"
	"trellis/internal/tag"
	"trellis/internal/vpc"
)

// Permission says what those may do with a resource of a type whom it is shared with. AWS's own have no owner; an account makes
// others, in versions.
type Permission struct {
	vpc.Owner
	Name string `json:"name"`
	Type string `json:"type"` // vpc-lattice:ServiceNetwork
	// Default is the version that shares get, Last the highest there was. Versions are in order of their numbers.
	Default  int       `json:"default"`
	Last     int       `json:"last"`
	Versions []Version `json:"versions"`
	Tags     tag.Set   `json:"tags,omitempty"`
	Created  time.Time `json:"created"`
	Updated  time.Time `json:"updated"`
}

// Version is one version of a permission.
type Version struct {
	Number   int       `json:"number"`
	Template string    `json:"template"` // as it was given
	Actions  []string  `json:"actions"`
	Created  time.Time `json:"created"`
}

// Most versions a permission can have.
const maxVersions = 5

// ARN returns the permission's name.
func (p *Permission) ARN() string {
	if p.Managed() {
		return arn.New("ram", "", "aws", "permission/"+p.Name).String()
	}
	return arn.New("ram", p.Region, p.Account, "permission/"+p.Name).String()
}

// Managed says whether the permission is AWS's own.
func (p *Permission) Managed() bool { return p.Account == "" }

// Version returns the version with the number.
func (p *Permission) Version(number int) (Version, bool) {
	i := slices.IndexFunc(p.Versions, func(v Version) bool { return v.Number == number })
	if i < 0 {
		return Version{}, false
	}
	return p.Versions[i], true
}

// Add makes a version the newest and the default.
func (p *Permission) Add(template string, now time.Time) error {
	actions, err := parseTemplate(p.Type, template)
	if err != nil {
		return err
	}
	if len(p.Versions) >= maxVersions {
		return fault.New(fault.Quota, "PermissionVersionsLimitExceededException", "The permission %s has %d versions, as many as it can have. Delete one of them first.", p.ARN(), maxVersions)
	}
	p.Last++
	p.Default, p.Updated = p.Last, now
	p.Versions = append(slices.Clone(p.Versions), Version{Number: p.Last, Template: template, Actions: actions, Created: now})
	return nil
}

// introduced is when the permissions for VPC Lattice came to be.
func introduced() time.Time { return time.Date(2023, 3, 31, 0, 0, 0, 0, time.UTC) }

// DefaultPermission returns the permission of AWS's own that goes with the type.
func (t Type) DefaultPermission() *Permission {
	template, _ := json.Marshal(struct{ Effect, Action any }{"Allow", t.Actions})
	return &Permission{Name: t.Permission, Type: t.Name, Default: 1, Last: 1, Created: introduced(), Updated: introduced(),
		Versions: []Version{{Number: 1, Template: string(template), Actions: t.Actions, Created: introduced()}}}
}

// ManagedPermission returns the permission of AWS's own with the ARN.
func ManagedPermission(permissionARN string) (*Permission, bool) {
	for _, t := range Types() {
		if t.PermissionARN() == permissionARN {
			return t.DefaultPermission(), true
		}
	}
	return nil, false
}

func malformedTemplate(format string, args ...any) error {
	return fault.New(fault.Invalid, "MalformedPolicyTemplateException", format, args...)
}

// parseTemplate returns what a policy template allows: actions of the type, without a condition.
func parseTemplate(typeName, text string) ([]string, error) {
	d := json.NewDecoder(strings.NewReader(text))
	var members map[string]json.RawMessage
	if err := d.Decode(&members); err != nil || members == nil {
		return nil, malformedTemplate("The policy template is not a JSON object.")
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, malformedTemplate("More follows after the policy template.")
	}
	for name := range members {
		switch name {
		case "Effect", "Action":
		case "Condition":
			return nil, fault.New(fault.Unsupported, "InvalidPolicyException", "Conditions in policy templates are not built.")
		default:
			return nil, malformedTemplate("A policy template cannot have the element %s.", clip(name))
		}
	}
	var effect string
	if err := json.Unmarshal(members["Effect"], &effect); err != nil || !strings.EqualFold(effect, "Allow") {
		return nil, malformedTemplate("The Effect of a policy template must be Allow.")
	}
	var actions []string
	if err := json.Unmarshal(members["Action"], &actions); err != nil {
		var one string
		if err := json.Unmarshal(members["Action"], &one); err != nil {
			return nil, malformedTemplate("The Action of a policy template must be a list of actions.")
		}
		actions = []string{one}
	}
	if len(actions) == 0 {
		return nil, malformedTemplate("A policy template must allow at least one action.")
	}
	t, ok := TypeNamed(typeName)
	for _, action := range actions {
		if !ok || !slices.Contains(t.Actions, action) {
			return nil, fault.New(fault.Invalid, "InvalidPolicyException", "The action %s cannot be allowed for resources of type %s.", clip(action), typeName)
		}
	}
	slices.Sort(actions)
	return slices.Compact(actions), nil
}

// Replacement is a change of all shares of an account from one permission to the default version of another, or of the same.
type Replacement struct {
	vpc.Owner
	ID          string    `json:"id"` // a UUID
	From        string    `json:"from"`
	FromVersion int       `json:"fromVersion,omitempty"` // 0 for any
	To          string    `json:"to"`
	ToVersion   int       `json:"toVersion"`
	Made        time.Time `json:"made"`
}

// Permitted returns which version of a permission the share has, 0 where it has none.
func (s *Share) Permitted(permissionARN string) int {
	switch v, ok := s.Versions[permissionARN]; {
	case ok:
		return v
	case slices.Contains(s.Permissions, permissionARN):
		return 1
	}
	return 0
}

// Permit gives the share a permission in its default version.
func (s *Share) Permit(p *Permission) {
	name := p.ARN()
	if s.Permitted(name) == 0 {
		s.Permissions = append(slices.Clone(s.Permissions), name)
	}
	if !p.Managed() {
		versions := map[string]int{name: p.Default}
		for other, v := range s.Versions {
			if other != name {
				versions[other] = v
			}
		}
		s.Versions = versions
	}
}

// Forbid takes a permission from the share.
func (s *Share) Forbid(permissionARN string) {
	s.Versions = maps.Clone(s.Versions)
	delete(s.Versions, permissionARN)
	s.Permissions = slices.DeleteFunc(slices.Clone(s.Permissions), func(name string) bool { return name == permissionARN })
}
