package terraform

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// attributes are those of a resource in a state.
type attributes map[string]any

func (a attributes) join(separator string, names ...string) string {
	var parts []string
	for _, name := range names {
		parts = append(parts, fmt.Sprint(a[name]))
	}
	return strings.Join(parts, separator)
}

// strange says what ids import those types that their id does not; an empty one cannot be imported.
var strange = map[string]func(a attributes) string{
	"aws_cloudwatch_log_stream":                  func(a attributes) string { return a.join(":", "log_group_name", "name") },
	"aws_default_route_table":                    func(a attributes) string { return a.join("", "vpc_id") },
	"aws_iam_group_membership":                   func(attributes) string { return "" },
	"aws_iam_policy_attachment":                  func(attributes) string { return "" },
	"aws_network_interface_sg_attachment":        func(a attributes) string { return a.join("_", "network_interface_id", "security_group_id") },
	"aws_iam_role_policies_exclusive":            func(a attributes) string { return a.join("", "role_name") },
	"aws_iam_role_policy_attachments_exclusive":  func(a attributes) string { return a.join("", "role_name") },
	"aws_iam_user_policies_exclusive":            func(a attributes) string { return a.join("", "user_name") },
	"aws_iam_user_policy_attachments_exclusive":  func(a attributes) string { return a.join("", "user_name") },
	"aws_iam_group_policies_exclusive":           func(a attributes) string { return a.join("", "group_name") },
	"aws_iam_group_policy_attachments_exclusive": func(a attributes) string { return a.join("", "group_name") },
	"aws_iam_access_key":                         func(attributes) string { return "" }, // without its secret
	"aws_iam_group_policy_attachment":            func(a attributes) string { return a.join("/", "group", "policy_arn") },
	"aws_iam_role_policy_attachment":             func(a attributes) string { return a.join("/", "role", "policy_arn") },
	"aws_iam_user_group_membership":              func(a attributes) string { return a.join("/", "user") + "/" + a["groups"].([]any)[0].(string) },
	"aws_iam_user_policy_attachment":             func(a attributes) string { return a.join("/", "user", "policy_arn") },
	"aws_lambda_alias":                           func(a attributes) string { return functionName(a["function_name"]) + "/" + a.join("", "name") },
	"aws_lambda_layer_version_permission":        func(a attributes) string { return a.join(",", "layer_name", "version_number") },
	"aws_lambda_layer_version":                   func(attributes) string { return "" }, // it is another one without its file's name
	"aws_lambda_permission":                      permissionID,
	"aws_lambda_runtime_management_config":       func(a attributes) string { return a.join("", "function_name") + ",$LATEST" },
	"aws_lambda_function_recursion_config":       func(a attributes) string { return a.join("", "function_name") },
	"aws_lb_target_group_attachment":             func(attributes) string { return "" },
	"aws_main_route_table_association":           func(attributes) string { return "" },
	"aws_network_acl_rule":                       func(a attributes) string { return a.join(":", "network_acl_id", "rule_number", "protocol", "egress") },
	"aws_organizations_policy_attachment":        func(a attributes) string { return a.join(":", "target_id", "policy_id") },
	"aws_route":                                  func(a attributes) string { return a.join("_", "route_table_id", "destination_cidr_block") },
	"aws_route_table_association":                func(a attributes) string { return a.join("/", "subnet_id", "route_table_id") },
	"aws_security_group_rule":                    ruleID,
	"aws_vpc_peering_connection_options":         func(a attributes) string { return a.join("", "vpc_peering_connection_id") },
	"aws_vpclattice_listener":                    func(a attributes) string { return a.join("/", "service_identifier", "listener_id") },
	"aws_vpclattice_listener_rule":               func(a attributes) string { return a.join("/", "service_identifier", "listener_identifier", "rule_id") },
	"aws_vpclattice_target_group_attachment":     func(attributes) string { return "" },
	"aws_internet_gateway_attachment":            func(a attributes) string { return a.join(":", "internet_gateway_id", "vpc_id") },
}

func functionName(v any) string {
	parts := strings.Split(fmt.Sprint(v), ":")
	return parts[len(parts)-1]
}

func permissionID(a attributes) string {
	function := functionName(a["function_name"])
	if q, _ := a["qualifier"].(string); q != "" {
		function += ":" + q
	}
	return function + "/" + a.join("", "statement_id")
}

// ruleID names a rule by all it says.
func ruleID(a attributes) string {
	id := a.join("_", "security_group_id", "type", "protocol", "from_port", "to_port")
	if a["self"] == true {
		return id + "_self"
	}
	for _, from := range []string{"cidr_blocks", "prefix_list_ids"} {
		list, _ := a[from].([]any)
		for _, v := range list {
			id += "_" + fmt.Sprint(v)
		}
	}
	return id
}

// forgotten are the types of which an import leaves something for the first apply: what only the configuration knows, such
// as where a function's archive is.
var forgotten = []string{
	"aws_iam_role", "aws_iam_user", "aws_lambda_alias", "aws_lambda_function", "aws_lambda_permission", "aws_security_group", "aws_vpc_peering_connection",
	"aws_vpc_peering_connection_accepter", "aws_organizations_account", "aws_default_route_table", "aws_lb_target_group", "aws_cloudwatch_log_group", "aws_lb_listener",
	"aws_default_vpc", "aws_default_subnet",
}

// reimport makes the program forget all it can import, and import it.
func (c *tool) reimport() {
	c.Helper()
	file := filepath.Join(c.dir, "terraform.tfstate")
	text, err := os.ReadFile(file)
	if err != nil {
		c.Fatal(err)
	}
	var state map[string]any
	if err := json.Unmarshal(text, &state); err != nil {
		c.Fatal(err)
	}
	var blocks strings.Builder
	types := map[string]string{}
	var kept []any
	for _, r := range state["resources"].([]any) {
		r := r.(map[string]any)
		kind := r["type"].(string)
		if r["mode"] != "managed" {
			continue
		}
		identify := strange[kind]
		if identify == nil {
			identify = func(a attributes) string { return a.join("", "id") }
		}
		imported := false
		for _, i := range r["instances"].([]any) {
			i := i.(map[string]any)
			id := identify(i["attributes"].(map[string]any))
			if id == "" {
				continue
			}
			imported = true
			addr := kind + "." + r["name"].(string)
			if module, _ := r["module"].(string); module != "" {
				addr = module + "." + addr
			}
			switch key := i["index_key"].(type) {
			case string:
				addr += fmt.Sprintf("[%q]", key)
			case float64:
				addr += fmt.Sprintf("[%d]", int(key))
			}
			types[addr] = kind
			fmt.Fprintf(&blocks, "import {\n  to = %s\n  id = %q\n}\n", addr, id)
		}
		if !imported {
			kept = append(kept, r)
		}
	}
	state["resources"], state["serial"] = kept, state["serial"].(float64)+1
	if text, err = json.Marshal(state); err != nil {
		c.Fatal(err)
	}
	c.write("terraform.tfstate", string(text))
	c.write("imports.tf", blocks.String())
	o := c.run("apply")
	for addr, kind := range types {
		switch action := o.actions[addr]; {
		case action == "import":
			c.lived.add(kind, "import")
		case action == "update" && slices.Contains(forgotten, kind):
			c.lived.add(kind, "import")
		default:
			c.Errorf("%s is to %s and not imported", addr, action)
		}
	}
	for addr, action := range o.actions {
		if types[addr] == "" && action != "read" {
			c.Errorf("importing means to %s %s", action, addr)
		}
	}
	if err := os.Remove(filepath.Join(c.dir, "imports.tf")); err != nil {
		c.Fatal(err)
	}
}
