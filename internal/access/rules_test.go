package access

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"trellis/internal/aws/model"
	"trellis/internal/aws/model/cloudcontrol"
	"trellis/internal/aws/model/ec2"
	"trellis/internal/aws/model/elbv2"
	"trellis/internal/aws/model/iam"
	"trellis/internal/aws/model/lambda"
	"trellis/internal/aws/model/logs"
	"trellis/internal/aws/model/organizations"
	"trellis/internal/aws/model/ram"
	"trellis/internal/aws/model/sts"
	"trellis/internal/aws/model/vpclattice"
)

var placeholder = regexp.MustCompile(`\{([^}|]*)(?:\|([^}]*))?\}`)

// hasMember says whether an input has a member at the path.
func hasMember(t reflect.Type, path string) bool {
	for _, name := range strings.Split(path, ".") {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct {
			return false
		}
		f, ok := t.FieldByName(name)
		if !ok {
			return false
		}
		t = f.Type
	}
	return true
}

// TestRulesFitTheModels holds that every template names members that the inputs have and functions that there are, and that
// every rule is of use to some operation.
func TestRulesFitTheModels(t *testing.T) {
	models := []*model.Service{cloudcontrol.Model, ec2.Model, elbv2.Model, iam.Model, lambda.Model, logs.Model, organizations.Model, ram.Model, sts.Model, vpclattice.Model}
	for _, m := range models {
		g := grammars[m.ActionPrefix]
		if g == nil {
			t.Errorf("%s has no rules", m.ActionPrefix)
			continue
		}
		inputs := map[string]reflect.Type{}
		for _, op := range m.Operations {
			inputs[op.Name] = reflect.TypeOf(op.NewInput())
		}
		for name, text := range g.operations {
			if !slices.Contains(m.Known, name) {
				t.Errorf("%s:%s has a rule, but there is no such operation", m.ActionPrefix, name)
			}
			in, ok := inputs[name]
			if !ok {
				continue
			}
			for _, p := range placeholder.FindAllStringSubmatch(text, -1) {
				if !hasMember(in, p[1]) {
					t.Errorf("%s:%s has no member %s", m.ActionPrefix, name, p[1])
				}
			}
		}
		some := append([]string{}, g.members...)
		for _, member := range g.keys {
			some = append(some, "{"+member+"}")
		}
		for _, template := range some {
			used := false
			for _, in := range inputs {
				fits := true
				for _, p := range placeholder.FindAllStringSubmatch(template, -1) {
					fits = fits && hasMember(in, p[1])
				}
				used = used || fits
			}
			if !used {
				t.Errorf("no operation of %s has the members of %s", m.ActionPrefix, template)
			}
		}
		all := some
		for _, text := range g.operations {
			all = append(all, text)
		}
		called := map[string]bool{}
		for _, template := range all {
			for _, p := range placeholder.FindAllStringSubmatch(template, -1) {
				if p[2] != "" {
					called[p[2]] = true
					if g.functions[p[2]] == nil {
						t.Errorf("%s has no function %s", m.ActionPrefix, p[2])
					}
				}
			}
		}
		for name := range g.functions {
			if !called[name] && g.also == nil {
				t.Errorf("%s does not use its function %s", m.ActionPrefix, name)
			}
		}
	}
}
