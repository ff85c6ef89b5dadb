package aws

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"trellis/internal/aws/model"
	"trellis/internal/aws/wire"
)

// service is an API bound to its implementation.
type service struct {
	*model.Service
	ready      func(context.Context) error // nil: nothing is waited for
	operations map[string]*operation
	router     func() *router
}

// operation is one operation; call is nil when the API value has no method for
// it.
type operation struct {
	*model.Operation
	action string
	reads  bool // and changes nothing
	codec  func() (*wire.Codec, error)
	call   func(ctx context.Context, in any) (any, error)
}

func bind(s Service) (*service, error) {
	b := &service{Service: s.Model, ready: s.Ready, operations: make(map[string]*operation, len(s.Model.Operations))}
	b.router = sync.OnceValue(func() *router { return newRouter(s.Model.Routes) })
	set := wire.NewSet(s.Model)
	api := reflect.ValueOf(s.API)
	for i := range s.Model.Operations {
		op := &s.Model.Operations[i]
		bound := &operation{Operation: op, action: action(s.Model, op.Name), reads: reads(op.Name)}
		bound.codec = sync.OnceValues(func() (*wire.Codec, error) { return set.Codec(op) })
		if api.IsValid() {
			if method := api.MethodByName(op.Name); method.IsValid() {
				if err := checkMethod(s.Model, op, method.Type()); err != nil {
					return nil, err
				}
				bound.call = invoker(method)
			}
		}
		b.operations[op.Name] = bound
	}
	if api.IsValid() {
		for i := range api.NumMethod() {
			name := api.Type().Method(i).Name
			if _, known := slices.BinarySearch(s.Model.Known, name); known && b.operations[name] == nil {
				return nil, fmt.Errorf("aws: %s implements %s, which is not in its operations.txt", s.Model.Package, name)
			}
		}
	}
	return b, nil
}

func checkMethod(m *model.Service, op *model.Operation, t reflect.Type) error {
	in, out := reflect.TypeOf(op.NewInput()), reflect.TypeOf(op.NewOutput())
	if t.NumIn() == 2 && t.NumOut() == 2 && !t.IsVariadic() && t.In(0) == reflect.TypeFor[context.Context]() &&
		t.In(1) == in && t.Out(0) == out && t.Out(1) == reflect.TypeFor[error]() {
		return nil
	}
	return fmt.Errorf("aws: method %s of %s is %s, not func(context.Context, %s) (%s, error)", op.Name, m.Package, t, in, out)
}

func invoker(method reflect.Value) func(context.Context, any) (any, error) {
	return func(ctx context.Context, in any) (any, error) {
		results := method.Call([]reflect.Value{reflect.ValueOf(ctx), reflect.ValueOf(in)})
		if err, _ := results[1].Interface().(error); err != nil {
			return nil, err
		}
		if results[0].IsNil() {
			return nil, nil
		}
		return results[0].Interface(), nil
	}
}

// reads reports whether an operation changes nothing, which AWS says in its name.
func reads(op string) bool {
	return slices.ContainsFunc([]string{"Get", "List", "Describe"}, func(verb string) bool { return strings.HasPrefix(op, verb) })
}

// action is the name of an operation in IAM policies, which is its own but for
// a few.
func action(m *model.Service, op string) string {
	switch name := m.ActionPrefix + ":" + op; name {
	case "lambda:Invoke":
		return "lambda:InvokeFunction"
	case "lambda:GetLayerVersionByArn":
		return "lambda:GetLayerVersion"
	case "vpc-lattice:BatchUpdateRule":
		return "vpc-lattice:UpdateRule"
	default:
		return name
	}
}

// Coverage says which operations of an API are served.
type Coverage struct {
	Service  string // as AWS names it
	Built    []string
	NotBuilt []string
}

// Covered compares each API's whole list of operations with its methods.
func Covered(services []Service) []Coverage {
	var list []Coverage
	for _, s := range services {
		c := Coverage{Service: s.Model.Name}
		for _, name := range s.Model.Known {
			if api := reflect.ValueOf(s.API); api.IsValid() && api.MethodByName(name).IsValid() {
				c.Built = append(c.Built, name)
			} else {
				c.NotBuilt = append(c.NotBuilt, name)
			}
		}
		list = append(list, c)
	}
	return list
}

// knows reports whether the API has an operation, built or not.
func (s *service) knows(name string) bool {
	_, ok := slices.BinarySearch(s.Known, name)
	return ok
}
