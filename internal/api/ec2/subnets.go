package ec2

import (
	"context"
	"net/netip"

	"trellis/internal/arn"
	"trellis/internal/aws/model/ec2"
	"trellis/internal/fault"
	"trellis/internal/state"
	"trellis/internal/vpc"
)

// CreateSubnet makes a subnet that uses its VPC's main route table and default network ACL.
func (a *API) CreateSubnet(ctx context.Context, in *ec2.CreateSubnetInput) (*ec2.CreateSubnetOutput, error) {
	o := owner(ctx)
	if err := noIPv6(is(in.Ipv6Native) || in.Ipv6NetmaskLength != nil, in.Ipv6CidrBlock, in.Ipv6IpamPoolId); err != nil {
		return nil, err
	}
	switch {
	case in.Ipv4IpamPoolId != nil || in.Ipv4NetmaskLength != nil:
		return nil, unsupported("IPAM pools are not supported. Give a CidrBlock.")
	case in.OutpostArn != nil:
		return nil, unsupported("Outposts are not supported.")
	case in.CidrBlock == nil:
		return nil, missing("cidrBlock")
	}
	block, err := vpc.ParseBlock(*in.CidrBlock, "cidrBlock")
	if err != nil {
		return nil, err
	}
	zone, err := zoneFor(o.Region, in.AvailabilityZone, in.AvailabilityZoneId)
	if err != nil {
		return nil, err
	}
	tags, err := tagsFor(in.TagSpecifications, "subnet")
	if err != nil {
		return nil, err
	}
	var id string
	err = a.update(ctx, in.DryRun, func(tx *state.Tx) error {
		v, err := vpcOf(tx, o, str(in.VpcId))
		if err != nil {
			return err
		}
		var blocks []netip.Prefix
		for s := range state.Subnets.By(tx, state.ByVPC, v.ID) {
			blocks = append(blocks, s.CIDR)
		}
		if err := v.CheckSubnet(block, blocks); err != nil {
			return err
		}
		if len(blocks) >= vpc.MaxSubnetsPerVPC {
			return fault.New(fault.Quota, "SubnetLimitExceeded", "The maximum number of subnets has been reached.")
		}
		s := newSubnet(v, zone, block)
		s.Tags = tags
		state.Subnets.Put(tx, s)
		id = s.ID
		return nil
	})
	if err != nil {
		return nil, err
	}
	s := a.view.Snapshot()
	row, ok := state.Subnets.Get(s, id)
	if !ok {
		return nil, noSubnet(id)
	}
	return &ec2.CreateSubnetOutput{Subnet: new(showSubnet(s, row))}, nil
}

func newSubnet(v *vpc.VPC, zone string, block netip.Prefix) *vpc.Subnet {
	return &vpc.Subnet{Owner: v.Owner, ID: arn.MintHex("subnet-"), VPC: v.ID, Zone: zone, CIDR: block,
		NetworkACLID: v.DefaultNetworkACLID, ACLAssocID: arn.MintHex("aclassoc-"), HostnameType: "ip-name"}
}

// zoneFor returns the zone that is named by name or id, or the first one.
func zoneFor(region string, name, id *string) (string, error) {
	if name != nil && id != nil {
		return "", combination("The parameters availabilityZone and availabilityZoneId may not be used together.")
	}
	for _, z := range vpc.Zones(region) {
		if name == nil && id == nil || name != nil && z.Name == *name || id != nil && z.ID == *id {
			return z.Name, nil
		}
	}
	if id != nil {
		return "", invalid("Value (%s) for parameter availabilityZoneId is invalid. It is not a zone of %s.", clip(*id), region)
	}
	return "", invalid("Value (%s) for parameter availabilityZone is invalid. Subnets can currently only be created in the following availability zones: %s.",
		clip(*name), zoneNames(region))
}

func zoneNames(region string) string {
	out := ""
	for i, z := range vpc.Zones(region) {
		if i > 0 {
			out += ", "
		}
		out += z.Name
	}
	return out
}

func zoneID(region, name string) *string {
	for _, z := range vpc.Zones(region) {
		if z.Name == name {
			return new(z.ID)
		}
	}
	return nil
}

func showSubnet(s *state.Snapshot, sn *vpc.Subnet) ec2.Subnet {
	_, rev, _ := state.Subnets.Lookup(s, sn.ID)
	done, failure := state.Realised(s, rev.Created, sn.ID)
	status := "pending"
	switch {
	case failure != "":
		status = "failed"
	case done:
		status = "available"
	}
	free := sn.Usable() - len(state.UsedAddresses(s, sn.ID))
	return ec2.Subnet{AvailabilityZoneId: zoneID(sn.Region, sn.Zone), MapCustomerOwnedIpOnLaunch: new(false), OwnerId: new(sn.Account),
		AssignIpv6AddressOnCreation: new(false), Tags: showTags(sn.Tags),
		SubnetArn:   new(arn.New("ec2", sn.Region, sn.Account, "subnet/"+sn.ID).String()),
		EnableDns64: new(false), Ipv6Native: new(false),
		PrivateDnsNameOptionsOnLaunch: &ec2.PrivateDnsNameOptionsOnLaunch{HostnameType: new(sn.HostnameType),
			EnableResourceNameDnsARecord: new(sn.RecordA), EnableResourceNameDnsAAAARecord: new(sn.RecordAAAA)},
		BlockPublicAccessStates: &ec2.BlockPublicAccessStates{InternetGatewayBlockMode: new("off")},
		SubnetId:                new(sn.ID), State: new(status), VpcId: new(sn.VPC), CidrBlock: new(sn.CIDR.String()),
		AvailableIpAddressCount: new(int32(free)), AvailabilityZone: new(sn.Zone), DefaultForAz: new(sn.DefaultForAZ),
		MapPublicIpOnLaunch: new(sn.MapPublicIP), Ipv6CidrBlockAssociationSet: []ec2.SubnetIpv6CidrBlockAssociation{}}
}

func subnetFields(s *ec2.Subnet, filter string) ([]string, bool) {
	switch filter {
	case "availability-zone", "availabilityZone":
		return one(s.AvailabilityZone), true
	case "availability-zone-id", "availabilityZoneId":
		return one(s.AvailabilityZoneId), true
	case "available-ip-address-count":
		return number(s.AvailableIpAddressCount), true
	case "cidr-block", "cidr", "cidrBlock":
		return one(s.CidrBlock), true
	case "default-for-az", "defaultForAz":
		return flag(s.DefaultForAz), true
	case "customer-owned-ipv4-pool", "ipv6-cidr-block-association.ipv6-cidr-block",
		"ipv6-cidr-block-association.association-id", "ipv6-cidr-block-association.state", "outpost-arn":
		return nil, true
	case "enable-dns64":
		return flag(s.EnableDns64), true
	case "enable-lni-at-device-index":
		return number(s.EnableLniAtDeviceIndex), true
	case "ipv6-native":
		return flag(s.Ipv6Native), true
	case "map-customer-owned-ip-on-launch":
		return flag(s.MapCustomerOwnedIpOnLaunch), true
	case "map-public-ip-on-launch":
		return flag(s.MapPublicIpOnLaunch), true
	case "owner-id":
		return one(s.OwnerId), true
	case "private-dns-name-options-on-launch.hostname-type":
		if s.PrivateDnsNameOptionsOnLaunch == nil {
			return nil, true
		}
		return one(s.PrivateDnsNameOptionsOnLaunch.HostnameType), true
	case "private-dns-name-options-on-launch.enable-resource-name-dns-a-record":
		if s.PrivateDnsNameOptionsOnLaunch == nil {
			return nil, true
		}
		return flag(s.PrivateDnsNameOptionsOnLaunch.EnableResourceNameDnsARecord), true
	case "private-dns-name-options-on-launch.enable-resource-name-dns-aaaa-record":
		if s.PrivateDnsNameOptionsOnLaunch == nil {
			return nil, true
		}
		return flag(s.PrivateDnsNameOptionsOnLaunch.EnableResourceNameDnsAAAARecord), true
	case "state":
		return one(s.State), true
	case "subnet-arn":
		return one(s.SubnetArn), true
	case "subnet-id":
		return one(s.SubnetId), true
	case "vpc-id":
		return one(s.VpcId), true
	}
	return nil, false
}

// DescribeSubnets lists subnets.
func (a *API) DescribeSubnets(ctx context.Context, in *ec2.DescribeSubnetsInput) (*ec2.DescribeSubnetsOutput, error) {
	l := &listing[vpc.Subnet, ec2.Subnet]{table: state.Subnets, id: func(s *vpc.Subnet) string { return s.ID },
		owned:  func(s *vpc.Subnet, o vpc.Owner) bool { return s.Owner == o },
		absent: noSubnet, show: showSubnet, tags: func(s *ec2.Subnet) []ec2.Tag { return s.Tags }, fields: subnetFields, index: byVPC}
	out, next, err := describe(ctx, a.view.Snapshot(), l, query{in.SubnetIds, in.Filters, in.MaxResults, in.NextToken, in.DryRun})
	if err != nil {
		return nil, err
	}
	return &ec2.DescribeSubnetsOutput{Subnets: out, NextToken: next}, nil
}

func byVPC(filter string) string {
	if filter == "vpc-id" {
		return state.ByVPC
	}
	return ""
}

// DeleteSubnet removes a subnet without interfaces, and its association with a route table.
func (a *API) DeleteSubnet(ctx context.Context, in *ec2.DeleteSubnetInput) (*ec2.DeleteSubnetOutput, error) {
	err := a.update(ctx, in.DryRun, func(tx *state.Tx) error {
		s, err := subnetOf(tx, owner(ctx), str(in.SubnetId))
		if err != nil {
			return err
		}
		for range state.Interfaces.By(tx, state.BySubnet, s.ID) {
			return dependency("The subnet '%s' has dependencies and cannot be deleted.", s.ID)
		}
		for t := range state.RouteTables.By(tx, state.BySubnet, s.ID) {
			without := *t
			without.Associations = withoutSubnet(t.Associations, s.ID)
			state.RouteTables.Put(tx, &without)
		}
		state.Subnets.Delete(tx, s.ID)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ec2.DeleteSubnetOutput{}, nil
}

func withoutSubnet(as []vpc.TableAssociation, subnet string) []vpc.TableAssociation {
	var out []vpc.TableAssociation
	for _, a := range as {
		if a.Subnet != subnet {
			out = append(out, a)
		}
	}
	return out
}

// ModifySubnetAttribute sets one attribute.
func (a *API) ModifySubnetAttribute(ctx context.Context, in *ec2.ModifySubnetAttributeInput) (*ec2.ModifySubnetAttributeOutput, error) {
	var set func(*vpc.Subnet)
	n := 0
	boolean := func(v *ec2.AttributeBooleanValue, field func(*vpc.Subnet) *bool) {
		if v != nil {
			n++
			set = func(s *vpc.Subnet) { *field(s) = is(v.Value) }
		}
	}
	boolean(in.MapPublicIpOnLaunch, func(s *vpc.Subnet) *bool { return &s.MapPublicIP })
	boolean(in.EnableResourceNameDnsARecordOnLaunch, func(s *vpc.Subnet) *bool { return &s.RecordA })
	boolean(in.EnableResourceNameDnsAAAARecordOnLaunch, func(s *vpc.Subnet) *bool { return &s.RecordAAAA })
	if t := in.PrivateDnsHostnameTypeOnLaunch; t != nil {
		if *t != "ip-name" && *t != "resource-name" {
			return nil, invalid("Value (%s) for parameter privateDnsHostnameTypeOnLaunch is invalid.", clip(*t))
		}
		n++
		set = func(s *vpc.Subnet) { s.HostnameType = *t }
	}
	for _, v := range []*ec2.AttributeBooleanValue{in.AssignIpv6AddressOnCreation, in.EnableDns64, in.MapCustomerOwnedIpOnLaunch, in.DisableLniAtDeviceIndex} {
		if v == nil {
			continue
		}
		if is(v.Value) {
			return nil, unsupported("The subnet attribute cannot be turned on: Trellis has no IPv6 blocks, Outposts or local network interfaces.")
		}
		n++
		set = func(*vpc.Subnet) {}
	}
	switch {
	case in.EnableLniAtDeviceIndex != nil || in.CustomerOwnedIpv4Pool != nil:
		return nil, unsupported("Outposts and local network interfaces are not supported.")
	case n == 0:
		return nil, combination("No attributes specified.")
	case n > 1:
		return nil, combination("Fields for multiple attribute types specified")
	}
	err := a.update(ctx, nil, func(tx *state.Tx) error {
		s, err := subnetOf(tx, owner(ctx), str(in.SubnetId))
		if err != nil {
			return err
		}
		set(s)
		state.Subnets.Put(tx, s)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ec2.ModifySubnetAttributeOutput{}, nil
}
