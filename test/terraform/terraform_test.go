package terraform

import (
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

// landingZoneChanges override the landing zone: tags, rules, settings in place; another name for a function, another
// description for a security group.
const landingZoneChanges = `
locals {
  tags      = { AccountType = "Workload", Provisioned = "Terraform", Release = "2" }
  directory = "DirectoryFunction"
}

resource "aws_lambda_function" "directory" {
  memory_size = 256
  timeout     = 7
  description = "changed"
}

resource "aws_cloudwatch_log_group" "directory" {
  retention_in_days = 7
}

resource "aws_lb_target_group" "directory" {
  lambda_multi_value_headers_enabled = true
}

# A change of the load balancer takes the provider half a minute.
resource "aws_lb" "directory" {
  lifecycle {
    ignore_changes = all
  }
}

resource "aws_security_group" "shared" {
  ingress {
    description = "Web"
    from_port   = 80
    to_port     = 80
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }
}
`

// TestPrivileged runs the configurations with each program. They wait most of the time, and so all run at once.
func TestPrivileged(t *testing.T) {
	var running sync.WaitGroup
	configurations := map[string]func(*testing.T, *server, *tool){"../../examples/terraform": landingZone, "types": types, "balancers": balancers}
	var mu sync.Mutex
	records := map[string]*record{}
	for name := range registries {
		for configuration, life := range configurations {
			running.Go(func() {
				t.Run(filepath.Base(configuration)+"/"+name, func(t *testing.T) {
					find(t, name)
					s := newServer(t)
					c := newTool(t, name, configuration, s.profiles)
					c.env = append(c.env, "TF_VAR_functions="+s.functions)
					nothingLeft := s.before()
					life(t, s, c)
					c.run("destroy")
					nothingLeft()
					if !t.Failed() {
						mu.Lock()
						defer mu.Unlock()
						r := records[name]
						if r == nil {
							r = &record{versions: c.versions(), lived: lived{}}
							records[name] = r
						}
						r.runs++
						maps.Copy(r.lived, c.lived)
					}
				})
			})
		}
	}
	running.Wait()
	for _, name := range slices.Sorted(maps.Keys(records)) {
		if r := records[name]; r.runs == len(configurations) {
			r.compare(t)
		}
	}
}

func landingZone(t *testing.T, s *server, c *tool) {
	if o := c.run("apply"); len(o.actions) < 100 {
		t.Errorf("the landing zone is of %d resources only", len(o.actions))
	}
	c.unchanged("after the first apply")
	c.write("changes_override.tf", landingZoneChanges)
	c.actions(c.run("apply"), map[string]string{
		"aws_lambda_function.directory":                                    "replace",
		"aws_lambda_permission.directory":                                  "replace",
		"aws_lb_target_group.directory":                                    "update",
		`aws_security_group.shared["BlueSecurityGroup"]`:                   "update",
		"aws_vpclattice_service.shared_service":                            "update",
		`aws_vpc_peering_connection.peer["Blue"]`:                          "update",
		"module.blue.module.network.aws_vpc.this":                          "update",
		"module.green.aws_vpclattice_service_network_vpc_association.this": "update",
	})
	c.reimport()
	c.unchanged("after the import")
	t.Logf("%s", s.lookAt("table"))
}

// types and balancers take every other type through its life: made, changed in place, replaced, imported.
func types(_ *testing.T, _ *server, c *tool) {
	c.life(map[string]string{
		"aws_vpclattice_target_group.ip":                        "update",
		"aws_vpclattice_listener_rule.forward":                  "update",
		"aws_vpclattice_auth_policy.a":                          "update",
		"aws_vpclattice_resource_gateway.a":                     "update",
		"aws_vpclattice_resource_configuration.address":         "update",
		"aws_vpclattice_service_network_resource_association.a": "update",
		"aws_iam_role.a":                                        "update",
		"aws_lambda_function.a":                                 "update",
		"aws_lambda_alias.a":                                    "update",
		"aws_organizations_organization.a":                      "update",
		"aws_ram_resource_share.a":                              "update",
		"aws_network_acl.inline":                                "update",
	}, map[string]string{
		"aws_subnet.spare":                                      "replace",
		"aws_security_group.a":                                  "replace",
		"aws_vpclattice_service.a":                              "replace",
		"aws_vpclattice_service_network.a":                      "replace",
		"aws_vpclattice_resource_gateway.a":                     "replace",
		"aws_vpclattice_resource_configuration.address":         "replace",
		"aws_vpclattice_resource_configuration.name":            "replace",
		"aws_vpclattice_service_network_resource_association.a": "replace",
		"aws_vpclattice_target_group.ip":                        "replace",
		"aws_iam_role.a":                                        "replace",
		"aws_iam_user_group_membership.a":                       "replace",
		"aws_lambda_function.a":                                 "replace",
		"aws_lambda_layer_version.a":                            "replace",
		"aws_lambda_layer_version_permission.a":                 "replace",
		"aws_ram_resource_association.a":                        "replace",
	})
}

func balancers(_ *testing.T, _ *server, c *tool) {
	c.life(map[string]string{
		"aws_lb_listener.a":            "update",
		"aws_lb_listener_rule.forward": "update",
		"aws_lb_target_group.ip":       "update",
	}, map[string]string{
		"aws_lb_target_group.ip":            "replace",
		"aws_lb_target_group_attachment.ip": "replace",
		"aws_lb_listener_rule.forward":      "update",
	})
}

// life makes what a configuration has, changes it, replaces what has a name, and imports it.
func (c *tool) life(updated, replaced map[string]string) {
	c.Helper()
	c.run("apply")
	c.unchanged("after the first apply")
	c.env = append(c.env, "TF_VAR_release=2")
	c.actions(c.run("apply"), updated)
	c.env = append(c.env, "TF_VAR_generation=b")
	c.actions(c.run("apply"), replaced)
	c.reimport()
	c.unchanged("after the import")
}

// actions holds that a plan does with resources what is wanted.
func (c *tool) actions(o outcome, want map[string]string) {
	c.Helper()
	for addr, action := range want {
		if o.actions[addr] != action {
			c.Errorf("%s is to %s, want %s", addr, o.actions[addr], action)
		}
	}
}
