package ec2

import (
	"context"
	"net/netip"
	"slices"

	"trellis/internal/aws/model/ec2"
	"trellis/internal/caller"
	"trellis/internal/fault"
	"trellis/internal/state"
	"trellis/internal/vpc"
)

// CreateNetworkInterface reserves an address of a subnet. Nothing uses it until it is attached, and there are no instances to
// attach it to.
func (a *API) CreateNetworkInterface(ctx context.Context, in *ec2.CreateNetworkInterfaceInput) (*ec2.CreateNetworkInterfaceOutput, error) {
	o := owner(ctx)
	tags, err := tagsFor(in.TagSpecifications, "network-interface")
	if err != nil {
		return nil, err
	}
	addr, err := askedAddress(in)
	if err != nil {
		return nil, err
	}
	var id string
	err = a.update(ctx, in.DryRun, func(tx *state.Tx) error {
		var err error
		params := []any{in.SubnetId, addr, in.Groups, in.Description, tags}
		id, err = a.once(tx, o, "CreateNetworkInterface", in.ClientToken, params, func() (string, error) {
			sn, err := subnetOf(tx, o, str(in.SubnetId))
			if err != nil {
				return "", err
			}
			groups, err := groupsFor(tx, o, sn.VPC, in.Groups)
			if err != nil {
				return "", err
			}
			n, err := countInterfaces(tx, o, sn, addr)
			if err != nil {
				return "", err
			}
			if n >= vpc.MaxInterfaces {
				return "", fault.New(fault.Quota, "NetworkInterfaceLimitExceeded", "The maximum number of network interfaces has been reached.")
			}
			ni, err := state.CreateInterface(tx, sn, vpc.NetworkInterface{Addr: addr, Groups: groups, Description: str(in.Description),
				Type: "interface", Requester: caller.From(ctx).UserID, SourceDestCheck: true, Tags: tags})
			if err != nil {
				return "", err
			}
			return ni.ID, nil
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	s := a.view.Snapshot()
	ni, err := interfaceOf(s, o, id)
	if err != nil {
		return nil, err
	}
	return &ec2.CreateNetworkInterfaceOutput{NetworkInterface: new(showInterface(s, ni)), ClientToken: in.ClientToken}, nil
}

// askedAddress returns the address that the request asks for, if any.
func askedAddress(in *ec2.CreateNetworkInterfaceInput) (netip.Addr, error) {
	if t := str(in.InterfaceType); t != "" && t != "interface" {
		return netip.Addr{}, unsupported("Network interfaces of type %s are not supported.", clip(t))
	}
	if in.SecondaryPrivateIpAddressCount != nil || len(in.PrivateIpAddresses) > 1 || len(in.Ipv4Prefixes) > 0 || in.Ipv4PrefixCount != nil {
		return netip.Addr{}, unsupported("Secondary private addresses are not supported.")
	}
	if len(in.Ipv6Addresses) > 0 || in.Ipv6AddressCount != nil || len(in.Ipv6Prefixes) > 0 || in.Ipv6PrefixCount != nil || is(in.EnablePrimaryIpv6) {
		return netip.Addr{}, unsupported("IPv6 addresses are not supported.")
	}
	if in.ConnectionTrackingSpecification != nil && *in.ConnectionTrackingSpecification != (ec2.ConnectionTrackingSpecificationRequest{}) {
		return netip.Addr{}, unsupported("Timeouts of tracked connections are not supported.")
	}
	if in.Operator != nil && in.Operator.Principal != nil {
		return netip.Addr{}, unsupported("Network interfaces that a service manages are not supported.")
	}
	asked := in.PrivateIpAddress
	if len(in.PrivateIpAddresses) == 1 {
		if asked != nil {
			return netip.Addr{}, combination("privateIpAddress and privateIpAddresses may not be used together.")
		}
		asked = in.PrivateIpAddresses[0].PrivateIpAddress
	}
	if asked == nil {
		return netip.Addr{}, nil
	}
	addr, err := netip.ParseAddr(*asked)
	if err != nil || !addr.Is4() {
		return netip.Addr{}, invalid("invalid value for parameter address: %s", clip(*asked))
	}
	return addr, nil
}

// countInterfaces counts the caller's interfaces after checking that the address, if one is asked for, is free.
func countInterfaces(tx *state.Tx, o vpc.Owner, sn *vpc.Subnet, addr netip.Addr) (int, error) {
	if addr.IsValid() && (!sn.CIDR.Contains(addr) || vpc.Reserved(sn.CIDR, addr)) {
		if sn.CIDR.Contains(addr) {
			return 0, invalid("Address %s is in subnet's reserved address range", addr)
		}
		return 0, invalid("Address does not fall within the subnet's address range")
	}
	if state.UsedAddresses(tx, sn.ID)[addr] {
		return 0, fault.New(fault.Conflict, "InvalidIPAddress.InUse", "Address %s is in use.", addr)
	}
	n := 0
	for range state.Interfaces.By(tx.Snapshot(), state.ByScope, o.Scope()) {
		n++
	}
	return n, nil
}

// groupsFor checks that the groups are the caller's, in the VPC, and not too many. None means the VPC's default one.
func groupsFor(tx *state.Tx, o vpc.Owner, vpcID string, ids []string) ([]string, error) {
	if len(ids) == 0 {
		v, err := vpcOf(tx, o, vpcID)
		if err != nil {
			return nil, err
		}
		return []string{v.DefaultSecurityGroupID}, nil
	}
	var out []string
	for _, id := range ids {
		g, err := groupOf(tx, o, id)
		if err != nil {
			return nil, err
		}
		if g.VPC != vpcID {
			return nil, fault.New(fault.NotFound, "InvalidGroup.NotFound", "You have specified two resources that belong to different networks.")
		}
		if !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	if len(out) > vpc.MaxGroupsPerENI {
		return nil, fault.New(fault.Quota, "SecurityGroupsPerInterfaceLimitExceeded", "The maximum number of security groups per interface has been reached.")
	}
	return out, nil
}

func showInterface(s *state.Snapshot, ni *vpc.NetworkInterface) ec2.NetworkInterface {
	status := "available"
	if ni.InUse() {
		status = "in-use"
	}
	out := ec2.NetworkInterface{AvailabilityZone: new(ni.Zone), AvailabilityZoneId: zoneID(ni.Region, ni.Zone), Description: new(ni.Description),
		Groups: showGroups(s, ni.Groups), InterfaceType: new(ni.Type), MacAddress: new(ni.MAC), NetworkInterfaceId: new(ni.ID),
		OwnerId: new(ni.Account), PrivateIpAddress: new(ni.Addr.String()), RequesterId: text(ni.Requester),
		RequesterManaged: new(ni.RequesterManaged), SourceDestCheck: new(ni.SourceDestCheck), Status: new(status), SubnetId: new(ni.Subnet),
		TagSet: showTags(ni.Tags), VpcId: new(ni.VPC), Operator: &ec2.OperatorResponse{Managed: new(false)},
		Ipv6Addresses: []ec2.NetworkInterfaceIpv6Address{}}
	v, ok := state.VPCs.Get(s, ni.VPC)
	for i, a := range ni.Addresses() {
		one := ec2.NetworkInterfacePrivateIpAddress{Primary: new(i == 0), PrivateIpAddress: new(a.String())}
		if ok && v.DNSSupport && v.DNSHostnames && a.Is4() {
			one.PrivateDnsName = new(vpc.Name(a, ni.Region))
		}
		out.PrivateIpAddresses = append(out.PrivateIpAddresses, one)
	}
	out.PrivateDnsName = out.PrivateIpAddresses[0].PrivateDnsName
	if ni.AttachmentID != "" {
		at := &ec2.NetworkInterfaceAttachment{AttachmentId: new(ni.AttachmentID), DeleteOnTermination: new(false), DeviceIndex: new(int32(1)),
			NetworkCardIndex: new(int32(0)), InstanceOwnerId: text(ni.InstanceOwner), Status: new("attached")}
		if !ni.Attached.IsZero() {
			at.AttachTime = new(ni.Attached)
		}
		out.Attachment = at
	}
	return out
}

func showGroups(s *state.Snapshot, ids []string) []ec2.GroupIdentifier {
	out := []ec2.GroupIdentifier{}
	for _, id := range ids {
		g := ec2.GroupIdentifier{GroupId: new(id)}
		if row, ok := state.SecurityGroups.Get(s, id); ok {
			g.GroupName = new(row.Name)
		}
		out = append(out, g)
	}
	return out
}

func interfaceFields(ni *ec2.NetworkInterface, filter string) ([]string, bool) {
	at := ni.Attachment
	if at == nil {
		at = &ec2.NetworkInterfaceAttachment{}
	}
	switch filter {
	case "addresses.private-ip-address":
		return each(ni.PrivateIpAddresses, func(p *ec2.NetworkInterfacePrivateIpAddress) *string { return p.PrivateIpAddress }), true
	case "addresses.primary":
		var out []string
		for i := range ni.PrivateIpAddresses {
			out = append(out, flag(ni.PrivateIpAddresses[i].Primary)...)
		}
		return out, true
	case "addresses.association.public-ip", "addresses.association.owner-id", "association.association-id", "association.allocation-id",
		"association.ip-owner-id", "association.public-ip", "association.public-dns-name", "ipv6-addresses.ipv6-address", "outpost-arn":
		return nil, true
	case "attachment.attachment-id":
		return one(at.AttachmentId), true
	case "attachment.attach-time":
		if at.AttachTime == nil {
			return nil, true
		}
		return []string{at.AttachTime.UTC().Format("2006-01-02T15:04:05.000Z")}, true
	case "attachment.delete-on-termination":
		return flag(at.DeleteOnTermination), true
	case "attachment.device-index":
		return number(at.DeviceIndex), true
	case "attachment.instance-id":
		return one(at.InstanceId), true
	case "attachment.instance-owner-id":
		return one(at.InstanceOwnerId), true
	case "attachment.nat-gateway-id":
		return nil, true
	case "attachment.status":
		return one(at.Status), true
	case "availability-zone":
		return one(ni.AvailabilityZone), true
	case "availability-zone-id":
		return one(ni.AvailabilityZoneId), true
	case "description":
		return one(ni.Description), true
	case "group-id":
		return each(ni.Groups, func(g *ec2.GroupIdentifier) *string { return g.GroupId }), true
	case "group-name":
		return each(ni.Groups, func(g *ec2.GroupIdentifier) *string { return g.GroupName }), true
	case "interface-type":
		return one(ni.InterfaceType), true
	case "mac-address":
		return one(ni.MacAddress), true
	case "network-interface-id":
		return one(ni.NetworkInterfaceId), true
	case "operator.managed":
		if ni.Operator == nil {
			return nil, true
		}
		return flag(ni.Operator.Managed), true
	case "operator.principal":
		return nil, true
	case "owner-id":
		return one(ni.OwnerId), true
	case "private-dns-name":
		return one(ni.PrivateDnsName), true
	case "private-ip-address":
		return one(ni.PrivateIpAddress), true
	case "requester-id":
		return one(ni.RequesterId), true
	case "requester-managed":
		return flag(ni.RequesterManaged), true
	case "source-dest-check":
		return flag(ni.SourceDestCheck), true
	case "status":
		return one(ni.Status), true
	case "subnet-id":
		return one(ni.SubnetId), true
	case "vpc-id":
		return one(ni.VpcId), true
	}
	return nil, false
}

// DescribeNetworkInterfaces lists interfaces: one's own, and those of load balancers, functions and exec sessions.
func (a *API) DescribeNetworkInterfaces(ctx context.Context, in *ec2.DescribeNetworkInterfacesInput) (*ec2.DescribeNetworkInterfacesOutput, error) {
	l := &listing[vpc.NetworkInterface, ec2.NetworkInterface]{table: state.Interfaces, id: func(i *vpc.NetworkInterface) string { return i.ID },
		owned:  func(i *vpc.NetworkInterface, o vpc.Owner) bool { return i.Owner == o },
		absent: noInterface, show: showInterface, tags: func(i *ec2.NetworkInterface) []ec2.Tag { return i.TagSet }, fields: interfaceFields,
		index: func(filter string) string {
			switch filter {
			case "vpc-id":
				return state.ByVPC
			case "subnet-id":
				return state.BySubnet
			case "group-id":
				return state.ByGroup
			case "attachment.attachment-id":
				return state.ByAttachment
			}
			return ""
		}}
	out, next, err := describe(ctx, a.view.Snapshot(), l, query{in.NetworkInterfaceIds, in.Filters, in.MaxResults, in.NextToken, in.DryRun})
	if err != nil {
		return nil, err
	}
	return &ec2.DescribeNetworkInterfacesOutput{NetworkInterfaces: out, NextToken: next}, nil
}

// DescribeNetworkInterfaceAttribute answers one attribute.
func (a *API) DescribeNetworkInterfaceAttribute(ctx context.Context, in *ec2.DescribeNetworkInterfaceAttributeInput) (*ec2.DescribeNetworkInterfaceAttributeOutput, error) {
	s := a.view.Snapshot()
	ni, err := interfaceOf(s, owner(ctx), str(in.NetworkInterfaceId))
	if err != nil {
		return nil, err
	}
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	shown := showInterface(s, ni)
	out := &ec2.DescribeNetworkInterfaceAttributeOutput{NetworkInterfaceId: new(ni.ID)}
	switch str(in.Attribute) {
	case "attachment":
		out.Attachment = shown.Attachment
	case "description":
		out.Description = &ec2.AttributeValue{Value: new(ni.Description)}
	case "groupSet":
		out.Groups = shown.Groups
	case "sourceDestCheck":
		out.SourceDestCheck = &ec2.AttributeBooleanValue{Value: new(ni.SourceDestCheck)}
	case "associatePublicIpAddress":
		out.AssociatePublicIpAddress = new(false)
	case "":
		return nil, missing("attribute")
	default:
		return nil, invalid("Value (%s) for parameter attribute is invalid. Unknown attribute.", clip(*in.Attribute))
	}
	return out, nil
}

// ModifyNetworkInterfaceAttribute sets one attribute of an interface of one's own.
func (a *API) ModifyNetworkInterfaceAttribute(ctx context.Context, in *ec2.ModifyNetworkInterfaceAttributeInput) (*ec2.ModifyNetworkInterfaceAttributeOutput, error) {
	o := owner(ctx)
	if in.EnaSrdSpecification != nil || is(in.EnablePrimaryIpv6) || in.ConnectionTrackingSpecification != nil || is(in.AssociatePublicIpAddress) ||
		len(in.AssociatedSubnetIds) > 0 || in.Attachment != nil {
		return nil, unsupported("Only description, groups and sourceDestCheck of an interface can be changed.")
	}
	n := 0
	for _, given := range []bool{in.Description != nil, in.SourceDestCheck != nil, len(in.Groups) > 0} {
		if given {
			n++
		}
	}
	switch {
	case n == 0:
		return nil, combination("No attributes specified.")
	case n > 1:
		return nil, combination("Fields for multiple attribute types specified")
	}
	err := a.update(ctx, in.DryRun, func(tx *state.Tx) error {
		ni, err := interfaceOf(tx, o, str(in.NetworkInterfaceId))
		if err != nil {
			return err
		}
		if err := ownInterface(ni); err != nil {
			return err
		}
		switch {
		case in.Description != nil:
			ni.Description = str(in.Description.Value)
		case in.SourceDestCheck != nil:
			ni.SourceDestCheck = is(in.SourceDestCheck.Value)
		default:
			if ni.Groups, err = groupsFor(tx, o, ni.VPC, in.Groups); err != nil {
				return err
			}
		}
		state.Interfaces.Put(tx, ni)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ec2.ModifyNetworkInterfaceAttributeOutput{}, nil
}

// ResetNetworkInterfaceAttribute sets sourceDestCheck back to true.
func (a *API) ResetNetworkInterfaceAttribute(ctx context.Context, in *ec2.ResetNetworkInterfaceAttributeInput) (*ec2.ResetNetworkInterfaceAttributeOutput, error) {
	_, err := a.ModifyNetworkInterfaceAttribute(ctx, &ec2.ModifyNetworkInterfaceAttributeInput{NetworkInterfaceId: in.NetworkInterfaceId, DryRun: in.DryRun,
		SourceDestCheck: &ec2.AttributeBooleanValue{Value: new(true)}})
	if err != nil {
		return nil, err
	}
	return &ec2.ResetNetworkInterfaceAttributeOutput{}, nil
}

// ownInterface refuses to let a user change an interface that another service manages.
func ownInterface(ni *vpc.NetworkInterface) error {
	if ni.RequesterManaged {
		return denied("The network interface %s is managed by %s. You are not allowed to change it.", ni.ID, manager(ni))
	}
	return nil
}

func manager(ni *vpc.NetworkInterface) string {
	if ni.Requester != "" {
		return ni.Requester
	}
	return "another service"
}

// DetachNetworkInterface refuses: every attachment is that of a load balancer, function or exec session, which ends it itself.
func (a *API) DetachNetworkInterface(ctx context.Context, in *ec2.DetachNetworkInterfaceInput) (*ec2.DetachNetworkInterfaceOutput, error) {
	for ni := range state.Interfaces.By(a.view.Snapshot(), state.ByAttachment, str(in.AttachmentId)) {
		if ni.Owner == owner(ctx) {
			return nil, denied("You are not allowed to manage '%s' attachments.", ni.AttachmentID)
		}
	}
	return nil, fault.New(fault.NotFound, "InvalidAttachmentID.NotFound", "Interface attachment '%s' does not exist.", clip(str(in.AttachmentId)))
}

// DeleteNetworkInterface removes an interface that nothing uses.
func (a *API) DeleteNetworkInterface(ctx context.Context, in *ec2.DeleteNetworkInterfaceInput) (*ec2.DeleteNetworkInterfaceOutput, error) {
	err := a.update(ctx, in.DryRun, func(tx *state.Tx) error {
		ni, err := interfaceOf(tx, owner(ctx), str(in.NetworkInterfaceId))
		if err != nil {
			return err
		}
		if ni.InUse() {
			return invalid("Network interface '%s' is currently in use.", ni.ID)
		}
		if err := ownInterface(ni); err != nil {
			return err
		}
		state.Interfaces.Delete(tx, ni.ID)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ec2.DeleteNetworkInterfaceOutput{}, nil
}
