package ec2

import (
	"context"
	"slices"
	"strings"

	"trellis/internal/aws/model/ec2"
	"trellis/internal/fault"
	"trellis/internal/vpc"
)

// The resources of this file cannot be made, so there are none. Their filters are checked as far as the common ones go: a name
// is refused only when it cannot be a filter at all.

func anyField[V any](_ *V, filter string) ([]string, bool) {
	for i := range len(filter) {
		if c := filter[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' {
			return nil, false
		}
	}
	return nil, filter != ""
}

func noneSuch(code, kind string) func(string) error {
	return func(id string) error {
		return fault.New(fault.NotFound, code, "The %s ID '%s' does not exist", kind, clip(id))
	}
}

// DescribeInstances lists no instances.
func (a *API) DescribeInstances(_ context.Context, in *ec2.DescribeInstancesInput) (*ec2.DescribeInstancesOutput, error) {
	out, _, err := nothing[ec2.Reservation](query{in.InstanceIds, in.Filters, in.MaxResults, in.NextToken, in.DryRun}, true, anyField,
		noneSuch("InvalidInstanceID.NotFound", "instance"))
	if err != nil {
		return nil, err
	}
	return &ec2.DescribeInstancesOutput{Reservations: out}, nil
}

// DescribeInstanceStatus lists no instances.
func (a *API) DescribeInstanceStatus(_ context.Context, in *ec2.DescribeInstanceStatusInput) (*ec2.DescribeInstanceStatusOutput, error) {
	out, _, err := nothing[ec2.InstanceStatus](query{in.InstanceIds, in.Filters, in.MaxResults, in.NextToken, in.DryRun}, true, anyField,
		noneSuch("InvalidInstanceID.NotFound", "instance"))
	if err != nil {
		return nil, err
	}
	return &ec2.DescribeInstanceStatusOutput{InstanceStatuses: out}, nil
}

// DescribeInstanceTypeOfferings offers no instance types.
func (a *API) DescribeInstanceTypeOfferings(_ context.Context, in *ec2.DescribeInstanceTypeOfferingsInput) (*ec2.DescribeInstanceTypeOfferingsOutput, error) {
	out, _, err := nothing[ec2.InstanceTypeOffering](query{filters: in.Filters, max: in.MaxResults, token: in.NextToken, dry: in.DryRun}, false, anyField, nil)
	if err != nil {
		return nil, err
	}
	return &ec2.DescribeInstanceTypeOfferingsOutput{InstanceTypeOfferings: out}, nil
}

// DescribeAddresses lists no Elastic IP addresses.
func (a *API) DescribeAddresses(_ context.Context, in *ec2.DescribeAddressesInput) (*ec2.DescribeAddressesOutput, error) {
	if len(in.PublicIps) > 0 {
		return nil, fault.New(fault.NotFound, "InvalidAddress.NotFound", "Address '%s' not found.", clip(in.PublicIps[0]))
	}
	out, _, err := nothing[ec2.Address](query{ids: in.AllocationIds, filters: in.Filters, dry: in.DryRun}, true, anyField,
		noneSuch("InvalidAllocationID.NotFound", "allocation"))
	if err != nil {
		return nil, err
	}
	return &ec2.DescribeAddressesOutput{Addresses: out}, nil
}

// DescribeAddressesAttribute lists no Elastic IP addresses.
func (a *API) DescribeAddressesAttribute(_ context.Context, in *ec2.DescribeAddressesAttributeInput) (*ec2.DescribeAddressesAttributeOutput, error) {
	out, _, err := nothing[ec2.AddressAttribute](query{ids: in.AllocationIds, max: in.MaxResults, token: in.NextToken, dry: in.DryRun}, false, anyField,
		noneSuch("InvalidAllocationID.NotFound", "allocation"))
	if err != nil {
		return nil, err
	}
	return &ec2.DescribeAddressesAttributeOutput{Addresses: out}, nil
}

// DescribeNatGateways lists no NAT gateways.
func (a *API) DescribeNatGateways(_ context.Context, in *ec2.DescribeNatGatewaysInput) (*ec2.DescribeNatGatewaysOutput, error) {
	out, _, err := nothing[ec2.NatGateway](query{in.NatGatewayIds, in.Filter, in.MaxResults, in.NextToken, in.DryRun}, true, anyField,
		noneSuch("NatGatewayNotFound", "natGateway"))
	if err != nil {
		return nil, err
	}
	return &ec2.DescribeNatGatewaysOutput{NatGateways: out}, nil
}

// DescribeEgressOnlyInternetGateways lists no gateways: there is no IPv6 for them to lead out.
func (a *API) DescribeEgressOnlyInternetGateways(_ context.Context, in *ec2.DescribeEgressOnlyInternetGatewaysInput) (*ec2.DescribeEgressOnlyInternetGatewaysOutput, error) {
	out, _, err := nothing[ec2.EgressOnlyInternetGateway](query{in.EgressOnlyInternetGatewayIds, in.Filters, in.MaxResults, in.NextToken, in.DryRun}, true, anyField,
		noneSuch("InvalidGatewayID.NotFound", "egressOnlyInternetGateway"))
	if err != nil {
		return nil, err
	}
	return &ec2.DescribeEgressOnlyInternetGatewaysOutput{EgressOnlyInternetGateways: out}, nil
}

// DescribeSecurityGroupVpcAssociations lists no associations: a group belongs to the VPC it was made in.
func (a *API) DescribeSecurityGroupVpcAssociations(_ context.Context, in *ec2.DescribeSecurityGroupVpcAssociationsInput) (*ec2.DescribeSecurityGroupVpcAssociationsOutput, error) {
	out, _, err := nothing[ec2.SecurityGroupVpcAssociation](query{filters: in.Filters, max: in.MaxResults, token: in.NextToken, dry: in.DryRun}, false, anyField, nil)
	if err != nil {
		return nil, err
	}
	return &ec2.DescribeSecurityGroupVpcAssociationsOutput{SecurityGroupVpcAssociations: out}, nil
}

// DescribeDhcpOptions lists the one set of options that every VPC of the region uses.
func (a *API) DescribeDhcpOptions(ctx context.Context, in *ec2.DescribeDhcpOptionsInput) (*ec2.DescribeDhcpOptionsOutput, error) {
	o := owner(ctx)
	option := func(key, value string) ec2.DhcpConfiguration {
		return ec2.DhcpConfiguration{Key: new(key), Values: []ec2.AttributeValue{{Value: new(value)}}}
	}
	all := []ec2.DhcpOptions{{OwnerId: new(o.Account), DhcpOptionsId: new(vpc.DefaultDHCPOptions(o)),
		DhcpConfigurations: []ec2.DhcpConfiguration{option("domain-name", vpc.Domain(o.Region)), option("domain-name-servers", "AmazonProvidedDNS")}}}
	ids := slices.DeleteFunc(slices.Clone(in.DhcpOptionsIds), func(id string) bool { return id == "default" })
	out, next, err := fixed(all, func(d *ec2.DhcpOptions) string { return str(d.DhcpOptionsId) }, func(d *ec2.DhcpOptions) []ec2.Tag { return d.Tags },
		dhcpFields, query{ids, in.Filters, in.MaxResults, in.NextToken, in.DryRun}, noDHCP)
	if err != nil {
		return nil, err
	}
	return &ec2.DescribeDhcpOptionsOutput{DhcpOptions: out, NextToken: next}, nil
}

func noDHCP(id string) error {
	if !strings.HasPrefix(id, "dopt-") {
		return fault.New(fault.Invalid, "InvalidDhcpOptionsId.Malformed", "Invalid id: \"%s\" (expecting \"dopt-...\")", clip(id))
	}
	return fault.New(fault.NotFound, "InvalidDhcpOptionID.NotFound", "The dhcpOption ID '%s' does not exist", clip(id))
}

func dhcpFields(d *ec2.DhcpOptions, filter string) ([]string, bool) {
	switch filter {
	case "dhcp-options-id":
		return one(d.DhcpOptionsId), true
	case "key":
		return each(d.DhcpConfigurations, func(c *ec2.DhcpConfiguration) *string { return c.Key }), true
	case "value":
		var out []string
		for i := range d.DhcpConfigurations {
			out = append(out, each(d.DhcpConfigurations[i].Values, func(v *ec2.AttributeValue) *string { return v.Value })...)
		}
		return out, true
	case "owner-id":
		return one(d.OwnerId), true
	}
	return nil, false
}
