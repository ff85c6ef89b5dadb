package lattice

import (
	"encoding/json"
	"slices"
	"strings"

	"trellis/internal/arn"
)

// shareActions are what a share of a network or service allows; required are those that a policy must name.
func shareActions(k Kind) (required, optional []string) {
	if k == KindService {
		return []string{"vpc-lattice:CreateServiceNetworkServiceAssociation", "vpc-lattice:GetService"}, nil
	}
	return []string{"vpc-lattice:CreateServiceNetworkServiceAssociation", "vpc-lattice:CreateServiceNetworkVpcAssociation", "vpc-lattice:GetServiceNetwork"},
		[]string{"vpc-lattice:CreateServiceNetworkResourceAssociation", "vpc-lattice:CreateServiceNetworkVpcEndpointAssociation"}
}

// oneOrMore is a JSON string or a list of them.
type oneOrMore []string

func (o *oneOrMore) UnmarshalJSON(raw []byte) error {
	if len(raw) > 0 && raw[0] == '[' {
		return json.Unmarshal(raw, (*[]string)(o))
	}
	*o = make([]string, 1)
	return json.Unmarshal(raw, &(*o)[0])
}

type shareStatement struct {
	Sid       string                     `json:",omitempty"`
	Effect    string                     `json:",omitempty"`
	Principal json.RawMessage            `json:",omitempty"`
	Action    oneOrMore                  `json:",omitempty"`
	Resource  oneOrMore                  `json:",omitempty"`
	Condition map[string]json.RawMessage `json:",omitempty"`
}

// ParseSharePolicy returns the accounts with which a resource policy shares the resource. The document is a well-formed
// policy; what it may say is what a resource share of RAM amounts to.
func ParseSharePolicy(k Kind, resourceARN, document string) ([]string, error) {
	var doc struct{ Statement json.RawMessage }
	var statements []shareStatement
	err := json.Unmarshal([]byte(document), &doc)
	if err == nil {
		if raw := strings.TrimSpace(string(doc.Statement)); strings.HasPrefix(raw, "[") {
			err = json.Unmarshal(doc.Statement, &statements)
		} else {
			statements = make([]shareStatement, 1)
			err = json.Unmarshal(doc.Statement, &statements[0])
		}
	}
	if err != nil {
		return nil, Invalid("policy", "The statements of the policy cannot be read.")
	}
	var accounts []string
	required, optional := shareActions(k)
	for _, s := range statements {
		if s.Effect != "Allow" || len(s.Condition) > 0 {
			return nil, Invalid("policy", "A resource policy can only allow, without conditions.")
		}
		for _, a := range s.Action {
			if !slices.Contains(required, a) && !slices.Contains(optional, a) {
				return nil, Invalid("policy", "A resource policy of a %s cannot allow the action %.128s.", k.Title, a)
			}
		}
		for _, a := range required {
			if !slices.Contains(s.Action, a) {
				return nil, Invalid("policy", "A resource policy of a %s must allow the action %s.", k.Title, a)
			}
		}
		if len(s.Resource) != 1 || s.Resource[0] != resourceARN {
			return nil, Invalid("policy", "The resource of the policy must be %s.", resourceARN)
		}
		var principal struct{ AWS oneOrMore }
		if json.Unmarshal(s.Principal, &principal) != nil || len(principal.AWS) == 0 {
			return nil, Invalid("policy", "The principals of the policy must be accounts.")
		}
		for _, p := range principal.AWS {
			account := p
			if a, err := arn.Parse(p); err == nil && a.Service == "iam" && a.Resource == "root" {
				account = a.Account
			}
			if !arn.IsAccount(account) {
				return nil, Invalid("policy", "The principal '%.128s' of the policy is not an account.", p)
			}
			accounts = append(accounts, account)
		}
	}
	slices.Sort(accounts)
	return slices.Compact(accounts), nil
}

// SharePolicy returns the resource policy that resource shares with the principals amount to: accounts, and the ARNs of
// organizations and units.
func SharePolicy(k Kind, resourceARN string, principals []string) string {
	actions, more := shareActions(k)
	actions = append(slices.Clone(actions), more...)
	statement := func(principal any, condition map[string]any) shareStatement {
		s := shareStatement{Effect: "Allow", Principal: encoded(principal), Action: actions, Resource: []string{resourceARN}}
		for operator, keys := range condition {
			s.Condition = map[string]json.RawMessage{operator: encoded(keys)}
		}
		return s
	}
	var accounts []string
	var statements []shareStatement
	for _, p := range principals {
		a, err := arn.Parse(p)
		switch {
		case err != nil:
			accounts = append(accounts, p)
		case a.Type() == "organization":
			statements = append(statements, statement("*", map[string]any{"StringEquals": map[string]string{"aws:PrincipalOrgID": a.Last()}}))
		case a.Type() == "ou":
			organization, unit, _ := strings.Cut(a.ID(), "/")
			statements = append(statements, statement("*", map[string]any{"ForAnyValue:StringLike": map[string]string{"aws:PrincipalOrgPaths": organization + "/*/" + unit + "/*"}}))
		}
	}
	if len(accounts) > 0 {
		statements = append([]shareStatement{statement(map[string]any{"AWS": accounts}, nil)}, statements...)
	}
	return string(encoded(struct {
		Version   string
		Statement []shareStatement
	}{"2012-10-17", statements}))
}

// encoded is the JSON of a value that cannot fail to encode.
func encoded(v any) json.RawMessage {
	raw, _ := json.Marshal(v)
	return raw
}
