package function

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"trellis/internal/arn"
	"trellis/internal/fault"
)

// maxPolicy is how many bytes a resource policy may have.
const maxPolicy = 20 << 10

// Permission is one statement of a function's resource policy.
type Permission struct {
	Qualifier     string `json:"qualifier,omitempty"`
	StatementID   string `json:"statementId"`
	Action        string `json:"action"`
	Principal     string `json:"principal"` // a service, an account, an ARN or *
	SourceARN     string `json:"sourceArn,omitempty"`
	SourceAccount string `json:"sourceAccount,omitempty"`
	OrgID         string `json:"orgId,omitempty"`
	// Token and URLAuthType are conditions on calls of Alexa and of function URLs, neither of which there is here.
	Token       string `json:"token,omitempty"`
	URLAuthType string `json:"urlAuthType,omitempty"`
	ViaURL      *bool  `json:"viaUrl,omitempty"`
}

// LayerPermission is one statement of a layer version's policy.
type LayerPermission struct {
	StatementID string `json:"statementId"`
	Action      string `json:"action"`
	Principal   string `json:"principal"` // an account, its root's ARN or *
	OrgID       string `json:"orgId,omitempty"`
}

// Principal is a caller of an account.
type Principal struct {
	Account string
	// ARNs are the names it goes by: a user's, or those of a session and of its role.
	ARNs []string
	// OrgID is the organization of its account, empty for none.
	OrgID string
}

// Allows reports whether the policy of the function, or of one of its qualifiers, lets a service act for a resource. The
// source ARN is the resource's and the source account its owner's.
func Allows(f *Function, qualifier, action, service, sourceARN, sourceAccount string) bool {
	return slices.ContainsFunc(f.Permissions, func(p Permission) bool {
		return p.Qualifier == qualifier && covers(p.Action, action) && (p.Principal == service || p.Principal == "*") &&
			p.OrgID == "" && !p.elsewhere() &&
			(p.SourceARN == "" || arnLike(p.SourceARN, sourceARN)) && (p.SourceAccount == "" || p.SourceAccount == sourceAccount)
	})
}

// AllowsPrincipal reports whether the policy of the function, or of one of its qualifiers, lets a caller act.
func AllowsPrincipal(f *Function, qualifier, action string, who Principal) bool {
	return slices.ContainsFunc(f.Permissions, func(p Permission) bool {
		return p.Qualifier == qualifier && covers(p.Action, action) && who.is(p.Principal) && (p.OrgID == "" || p.OrgID == who.OrgID) &&
			p.SourceARN == "" && p.SourceAccount == "" && !p.elsewhere()
	})
}

// elsewhere reports whether the statement has a condition that no call here fulfils.
func (p *Permission) elsewhere() bool {
	return p.Token != "" || p.URLAuthType != "" || p.ViaURL != nil && *p.ViaURL
}

// AllowsPrincipal reports whether the layer version's policy lets a caller act.
func (l *Layer) AllowsPrincipal(action string, who Principal) bool {
	return slices.ContainsFunc(l.Permissions, func(p LayerPermission) bool {
		return covers(p.Action, action) && who.is(p.Principal) && (p.OrgID == "" || p.OrgID == who.OrgID)
	})
}

func (w Principal) is(principal string) bool {
	return principal == "*" || principal == w.Account || principal == rootOf(w.Account) || slices.Contains(w.ARNs, principal)
}

func rootOf(account string) string { return arn.New("iam", "", account, "root").String() }

func covers(pattern, action string) bool {
	return pattern == "*" || strings.EqualFold(pattern, "lambda:*") || strings.EqualFold(pattern, action)
}

// Policy is a resource policy as AWS writes it.
type Policy struct {
	Version   string
	ID        string `json:"Id"`
	Statement []Statement
}

// Statement is one statement of a resource policy.
type Statement struct {
	Sid       string
	Effect    string
	Principal any
	Action    string
	Resource  string
	Condition map[string]map[string]string `json:",omitempty"`
}

// Statement returns the permission as a statement about the function.
func (p *Permission) Statement(functionARN string) Statement {
	s := Statement{Sid: p.StatementID, Effect: "Allow", Principal: showPrincipal(p.Principal), Action: p.Action, Resource: functionARN}
	if p.Qualifier != "" {
		s.Resource += ":" + p.Qualifier
	}
	s.when("StringEquals", "AWS:SourceAccount", p.SourceAccount)
	s.when("StringEquals", "aws:PrincipalOrgID", p.OrgID)
	s.when("StringEquals", "lambda:EventSourceToken", p.Token)
	s.when("StringEquals", "lambda:FunctionUrlAuthType", p.URLAuthType)
	s.when("ArnLike", "AWS:SourceArn", p.SourceARN)
	if p.ViaURL != nil {
		s.when("Bool", "lambda:InvokedViaFunctionUrl", map[bool]string{true: "true", false: "false"}[*p.ViaURL])
	}
	return s
}

// Statement returns the permission as a statement about the layer version.
func (p *LayerPermission) Statement(layerARN string) Statement {
	s := Statement{Sid: p.StatementID, Effect: "Allow", Principal: showPrincipal(p.Principal), Action: p.Action, Resource: layerARN}
	s.when("StringEquals", "aws:PrincipalOrgID", p.OrgID)
	return s
}

func (s *Statement) when(operator, key, value string) {
	if value == "" {
		return
	}
	if s.Condition == nil {
		s.Condition = map[string]map[string]string{}
	}
	if s.Condition[operator] == nil {
		s.Condition[operator] = map[string]string{}
	}
	s.Condition[operator][key] = value
}

func showPrincipal(p string) any {
	switch {
	case p == "*":
		return "*"
	case arn.IsAccount(p):
		return map[string]string{"AWS": rootOf(p)}
	case arn.Is(p):
		return map[string]string{"AWS": p}
	}
	return map[string]string{"Service": p}
}

// Text returns the statement as JSON.
func (s Statement) Text() string { return text(s) }

// Document returns the policy that the statements make. It fails if that is too long.
func Document(statements []Statement) (string, error) {
	doc := text(Policy{Version: "2012-10-17", ID: "default", Statement: statements})
	if len(doc) > maxPolicy {
		return "", fault.New(fault.Quota, "PolicyLengthExceededException", "The final policy size (%d) is bigger than the limit (%d).", len(doc), maxPolicy)
	}
	return doc, nil
}

func text(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		// Strings and maps of them always encode.
		return ""
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// IsService reports whether a principal is written as that of a service, such as elasticloadbalancing.amazonaws.com.
func IsService(principal string) bool {
	name, ok := strings.CutSuffix(principal, ".amazonaws.com")
	if !ok || name == "" {
		return false
	}
	for part := range strings.SplitSeq(name, ".") {
		if part == "" || !isWord(part) {
			return false
		}
	}
	return true
}
