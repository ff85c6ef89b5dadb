// Package schema registers resources with Pulumi by token: it gives argument structs the element type the SDK
// marshals them with, so that a struct with `pulumi` tags is all a resource needs. It holds no state.
package schema

import (
	"reflect"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Element is the resolved form of an argument struct: the same fields and tags, each of type any, so that a field
// may declare the input type a program should pass and still marshal whatever that resolves to.
func Element[T any]() reflect.Type {
	t := reflect.TypeFor[T]()
	fields := make([]reflect.StructField, 0, t.NumField())
	for i := range t.NumField() {
		f := t.Field(i)
		fields = append(fields, reflect.StructField{Name: f.Name, Type: reflect.TypeFor[any](), Tag: f.Tag})
	}
	return reflect.StructOf(fields)
}

// Resource is a pointer to a struct that embeds pulumi.CustomResourceState.
type Resource[R any] interface {
	*R
	pulumi.CustomResource
}

// Register registers a custom resource of the given token and answers its outputs.
func Register[R any, P Resource[R]](ctx *pulumi.Context, token, name string, args pulumi.Input, opts []pulumi.ResourceOption) (*R, error) {
	r := new(R)
	if err := ctx.RegisterResource(token, name, args, P(r), opts...); err != nil {
		return nil, err
	}
	return r, nil
}
