package share

import (
	"strings"

	"trellis/internal/arn"
	"trellis/internal/fault"
	"trellis/internal/vpc"
)

// Type is a type of resource that can be shared, with its default permission.
type Type struct {
	Name       string   // vpc-lattice:ServiceNetwork
	Service    string   // vpc-lattice
	Permission string   // the default permission's name
	Actions    []string // all that can be allowed, and what the default permission does allow
	prefix     string   // of the resource part of an ARN
}

// Types are the types of resource that can be shared.
func Types() []Type {
	return []Type{
		{"vpc-lattice:ResourceConfiguration", "vpc-lattice", "AWSRAMPermissionVpcLatticeResourceConfiguration",
			[]string{"vpc-lattice:GetResourceConfiguration", "vpc-lattice:CreateServiceNetworkResourceAssociation"}, "resourceconfiguration/"},
		{"vpc-lattice:Service", "vpc-lattice", "AWSRAMPermissionVpcLatticeServiceReadWrite",
			[]string{"vpc-lattice:GetService", "vpc-lattice:CreateServiceNetworkServiceAssociation"}, "service/"},
		{"vpc-lattice:ServiceNetwork", "vpc-lattice", "AWSRAMPermissionVpcLatticeServiceNetworkReadWrite",
			[]string{"vpc-lattice:GetServiceNetwork", "vpc-lattice:CreateServiceNetworkServiceAssociation",
				"vpc-lattice:CreateServiceNetworkVpcAssociation", "vpc-lattice:CreateServiceNetworkVpcEndpointAssociation"}, "servicenetwork/"},
	}
}

// PermissionARN returns the name of the permission that goes with the type.
func (t Type) PermissionARN() string {
	return arn.New("ram", "", "aws", "permission/"+t.Permission).String()
}

// TypeNamed returns the type with the name.
func TypeNamed(name string) (Type, bool) {
	for _, t := range Types() {
		if t.Name == name {
			return t, true
		}
	}
	return Type{}, false
}

// TypeOf returns the type of the resource with the ARN.
func TypeOf(resourceARN string) (Type, bool) {
	a, err := arn.Parse(resourceARN)
	if err != nil {
		return Type{}, false
	}
	for _, t := range Types() {
		if id, ok := strings.CutPrefix(a.Resource, t.prefix); ok && a.Service == t.Service && id != "" && !strings.ContainsRune(id, '/') {
			return t, true
		}
	}
	return Type{}, false
}

// Shareable checks that a resource with the ARN could be shared by the owner: of a type that can be, the owner's and in
// its region. Whether the resource exists is not its concern.
func Shareable(resourceARN string, owner vpc.Owner) (Type, error) {
	a, err := arn.Parse(resourceARN)
	if err != nil {
		return Type{}, fault.New(fault.Invalid, "MalformedArnException", "The specified resource ARN %s is not valid. Verify the ARN and try again.", clip(resourceARN))
	}
	t, ok := TypeOf(resourceARN)
	switch {
	case !ok:
		return Type{}, fault.New(fault.Invalid, "InvalidParameterException", "The resource %s is not of a type that can be shared.", resourceARN)
	case a.Account != owner.Account:
		return Type{}, fault.New(fault.Denied, "OperationNotPermittedException", "You can't share the resource %s because it belongs to another account.", resourceARN)
	case a.Region != owner.Region:
		return Type{}, fault.New(fault.Invalid, "InvalidParameterException", "The resource %s is not in the Region of the resource share, %s.", resourceARN, owner.Region)
	}
	return t, nil
}

func clip(s string) string { return s[:min(len(s), 256)] }
