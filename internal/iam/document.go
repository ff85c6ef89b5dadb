package iam

import (
	"fmt"
	"strings"

	"trellis/internal/arn"
)

// Kind says where a policy document stands, and so which elements it may have.
type Kind uint8

const (
	// Identity is a policy of a user or role, a permissions boundary, a session policy or a service control policy. It has
	// no Principal.
	Identity Kind = iota
	// ResourcePolicy is attached to a resource, as an auth policy is. It must have a Principal.
	ResourcePolicy
	// Trust says who may assume a role. It must have a Principal and has no Resource.
	Trust
)

const (
	current = "2012-10-17" // has policy variables
	first   = "2008-10-17" // meant where a document has no Version
)

// Parse reads and compiles a policy document. Its error is a [fault.Error] of kind Invalid without a code, since every API
// answers a bad policy with a code of its own.
func Parse(kind Kind, document string) (*Policy, error) {
	root, err := readJSON(document)
	if err != nil {
		return nil, err
	}
	if root.kind != objectNode {
		return nil, invalid("Syntax errors in policy: the document must be an object, not %s.", root.kind)
	}
	c := compiler{kind: kind, sids: map[string]bool{}}
	version := first
	var statements []node
	for i, name := range root.names {
		item := root.items[i]
		switch name {
		case "Version":
			if item.kind != stringNode || item.text != current && item.text != first {
				return nil, invalid("Version must be %q or %q.", current, first)
			}
			version = item.text
		case "Id":
			if item.kind != stringNode {
				return nil, invalid("Id must be a string, not %s.", item.kind)
			}
		case "Statement":
			statements = []node{item}
			if item.kind == arrayNode {
				statements = item.items
			}
		default:
			return nil, unknownElement("The policy", name, "Version", "Id", "Statement")
		}
	}
	if len(statements) == 0 {
		return nil, invalid("Syntax errors in policy: the document has no Statement.")
	}
	c.vars = version == current
	p := &Policy{kind: kind, statements: make([]statement, 0, len(statements))}
	for i, n := range statements {
		c.where = fmt.Sprintf("Statement %d", i+1)
		s, err := c.statement(n)
		if err != nil {
			return nil, err
		}
		s.index = i
		p.statements = append(p.statements, s)
	}
	return p, nil
}

func unknownElement(where, name string, known ...string) error {
	for _, k := range known {
		if strings.EqualFold(k, name) {
			return invalid("%s has the unknown element %s; it is written %q.", where, quote(name), k)
		}
	}
	return invalid("%s has the unknown element %s.", where, quote(name))
}

// compiler carries what is common to the statements of one document. where names the statement at hand.
type compiler struct {
	kind  Kind
	vars  bool
	where string
	sids  map[string]bool
}

// locate adds the statement to the message of err, which is that of an [invalid].
func (c *compiler) locate(err error) error { return invalid("%s: %s", c.where, err) }

func (c *compiler) statement(n node) (statement, error) {
	if n.kind != objectNode {
		return statement{}, invalid("%s must be an object, not %s.", c.where, n.kind)
	}
	elements := map[string]node{}
	for i, name := range n.names {
		switch name {
		case "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition":
			elements[name] = n.items[i]
		default:
			return statement{}, unknownElement(c.where, name, "Sid", "Effect", "Principal", "NotPrincipal", "Action",
				"NotAction", "Resource", "NotResource", "Condition")
		}
	}
	for _, name := range [...]string{"Principal", "Action", "Resource"} {
		if _, ok := elements[name]; ok {
			if _, ok := elements["Not"+name]; ok {
				return statement{}, invalid("%s has both %s and Not%s; it may have one of them.", c.where, name, name)
			}
		}
	}
	var s statement
	for _, step := range [...]func(*statement, map[string]node) error{c.sid, c.effect, c.principals, c.actions, c.resources, c.conditions} {
		if err := step(&s, elements); err != nil {
			return statement{}, err
		}
	}
	return s, nil
}

func (c *compiler) sid(s *statement, elements map[string]node) error {
	n, ok := elements["Sid"]
	if !ok {
		return nil
	}
	if n.kind != stringNode {
		return invalid("%s: Sid must be a string, not %s.", c.where, n.kind)
	}
	s.sid = n.text
	if c.kind == Identity {
		for _, r := range s.sid {
			if (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') {
				return invalid("%s: Sid %s may hold letters and digits only.", c.where, quote(s.sid))
			}
		}
	}
	if s.sid != "" && c.sids[s.sid] {
		return invalid("%s: Sid %s is already that of another statement.", c.where, quote(s.sid))
	}
	c.sids[s.sid] = true
	return nil
}

func (c *compiler) effect(s *statement, elements map[string]node) error {
	n, ok := elements["Effect"]
	switch {
	case !ok:
		return invalid("%s has no Effect.", c.where)
	case n.kind == stringNode && n.text == "Allow":
		s.effect = Allow
	case n.kind == stringNode && n.text == "Deny":
		s.effect = Deny
	default:
		return invalid("%s: Effect must be \"Allow\" or \"Deny\".", c.where)
	}
	return nil
}

// pick returns the element name or its Not form, whichever is there.
func pick(elements map[string]node, name string) (n node, not, ok bool) {
	if n, ok = elements[name]; ok {
		return n, false, true
	}
	n, ok = elements["Not"+name]
	return n, true, ok
}

// strings returns the strings of an element that is a string or a list of strings, and has at least one.
func (c *compiler) strings(what string, n node) ([]string, error) {
	if n.kind == stringNode {
		return []string{n.text}, nil
	}
	if n.kind != arrayNode {
		return nil, invalid("%s: %s must be a string or a list of strings, not %s.", c.where, what, n.kind)
	}
	if len(n.items) == 0 {
		return nil, invalid("%s: %s is empty.", c.where, what)
	}
	list := make([]string, len(n.items))
	for i, item := range n.items {
		if item.kind != stringNode {
			return nil, invalid("%s: %s must hold strings only, not %s.", c.where, what, item.kind)
		}
		list[i] = item.text
	}
	return list, nil
}

func (c *compiler) principals(s *statement, elements map[string]node) error {
	n, not, ok := pick(elements, "Principal")
	switch {
	case c.kind == Identity && ok:
		return invalid("Policy document should not specify a principal: %s has one.", c.where)
	case c.kind == Identity:
		return nil
	case !ok:
		return invalid("%s has no Principal.", c.where)
	case not && s.effect == Allow:
		return invalid("%s: NotPrincipal can be used with \"Effect\": \"Deny\" only.", c.where)
	}
	p := &principals{not: not, accounts: map[string]struct{}{}, arns: map[string]struct{}{}, services: map[string]struct{}{}}
	s.principals = p
	if n.kind == stringNode {
		if n.text != "*" {
			return invalid("%s: Invalid principal in policy: %s must be \"*\" or an object such as {\"AWS\": %s}.", c.where, quote(n.text), quote(n.text))
		}
		p.everyone = true
		p.want = []string{"*"}
		return nil
	}
	if n.kind != objectNode || len(n.names) == 0 {
		return invalid("%s: Principal must be \"*\" or an object with AWS, Service or Federated.", c.where)
	}
	for i, kind := range n.names {
		values, err := c.strings("Principal "+kind, n.items[i])
		if err != nil {
			return err
		}
		for _, v := range values {
			if err := p.add(kind, v); err != nil {
				return c.locate(err)
			}
		}
		p.want = append(p.want, values...)
	}
	return nil
}

func (p *principals) add(kind, value string) error {
	switch kind {
	case "AWS":
		return p.addAWS(value)
	case "Service":
		return p.addService(value)
	case "Federated":
		// No caller is a federated principal: it is named, and matches nobody.
		if value == "" || strings.ContainsAny(value, "*?") {
			return invalid("Invalid principal in policy: %s is not an identity provider.", quote(value))
		}
		return nil
	}
	return invalid("Invalid principal in policy: %s is not a kind of principal; AWS, Service and Federated are.", quote(kind))
}

func (c *compiler) actions(s *statement, elements map[string]node) error {
	n, not, ok := pick(elements, "Action")
	if !ok {
		return invalid("Policy statement must contain actions: %s has none.", c.where)
	}
	values, err := c.strings("Action", n)
	if err != nil {
		return err
	}
	s.notAction = not
	s.wantActions = values
	for _, v := range values {
		if !validAction(v) {
			return invalid("%s: Action %s must look like \"ec2:DescribeVpcs\": a service prefix, a colon and an operation.", c.where, quote(v))
		}
		if c.kind == Trust && (not || !strings.HasPrefix(strings.ToLower(v), "sts:")) {
			return invalid("%s: AssumeRole policy may only specify STS AssumeRole actions, not %s.", c.where, quote(v))
		}
		p, err := compilePattern(v, patternOptions{wild: true, fold: true})
		if err != nil {
			return err
		}
		s.actions = append(s.actions, p)
	}
	return nil
}

func validAction(s string) bool {
	if s == "*" || s == "*:*" {
		return true
	}
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"
	service, name, ok := strings.Cut(s, ":")
	return ok && service != "" && name != "" && strings.Trim(service, letters) == "" && strings.Trim(name, letters+"*?_") == ""
}

func (c *compiler) resources(s *statement, elements map[string]node) error {
	n, not, ok := pick(elements, "Resource")
	switch {
	case c.kind == Trust && ok:
		return invalid("%s: Has prohibited field Resource.", c.where)
	case c.kind == Trust:
		return nil
	case !ok:
		return invalid("Policy statement must contain resources: %s has none.", c.where)
	}
	values, err := c.strings("Resource", n)
	if err != nil {
		return err
	}
	s.notResource = not
	s.wantResources = values
	for _, v := range values {
		// An auth policy may name a path of any service: "*/path".
		if v != "*" && !arn.Is(v) && (c.kind != ResourcePolicy || !strings.HasPrefix(v, "*")) {
			return invalid("%s: Resource %s must be in ARN format or \"*\".", c.where, quote(v))
		}
		p, err := compilePattern(v, patternOptions{wild: true, vars: c.vars})
		if err != nil {
			return c.locate(err)
		}
		s.resources = append(s.resources, p)
	}
	return nil
}

func (c *compiler) conditions(s *statement, elements map[string]node) error {
	n, ok := elements["Condition"]
	if !ok {
		return nil
	}
	if n.kind != objectNode {
		return invalid("%s: Condition must be an object, not %s.", c.where, n.kind)
	}
	for i, name := range n.names {
		op, err := parseOperator(name)
		if err != nil {
			return c.locate(err)
		}
		keys := n.items[i]
		if keys.kind != objectNode {
			return invalid("%s: %s must be an object of condition keys, not %s.", c.where, name, keys.kind)
		}
		seen := map[Key]bool{}
		for j, key := range keys.names {
			values, err := c.conditionValues(name, key, keys.items[j])
			if err != nil {
				return err
			}
			cond, err := compileCondition(op, key, values, c.vars)
			if err != nil {
				return c.locate(err)
			}
			if seen[cond.key] {
				return invalid("%s: %s names the key %s twice; keys are case-insensitive.", c.where, name, quote(key))
			}
			seen[cond.key] = true
			s.conditions = append(s.conditions, cond)
		}
	}
	return nil
}

// conditionValues returns the values wanted of a key. Numbers and booleans may stand without quotes, and a list may be empty:
// nothing matches it.
func (c *compiler) conditionValues(operator, key string, n node) ([]string, error) {
	items := []node{n}
	if n.kind == arrayNode {
		items = n.items
	}
	values := make([]string, len(items))
	for i, item := range items {
		if item.kind != stringNode && item.kind != numberNode && item.kind != boolNode {
			return nil, invalid("%s: the value of %s under %s must be a string or a list of strings, not %s.", c.where, quote(key), operator, item.kind)
		}
		values[i] = item.text
	}
	return values, nil
}
