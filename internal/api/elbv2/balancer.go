package elbv2

import (
	"context"
	"slices"

	"trellis/internal/arn"
	"trellis/internal/aws/model/elbv2"
	"trellis/internal/balancer"
	"trellis/internal/fault"
	"trellis/internal/state"
	"trellis/internal/vpc"
)

// Limits of load balancers.
const (
	maxBalancers = 50
	maxGroups    = 5
	// freeAddresses is how many a subnet must have for a load balancer to be placed in it.
	freeAddresses = 8
)

// CreateLoadBalancer makes a load balancer. One of the same name and settings is the answer if it is there already.
func (a *API) CreateLoadBalancer(ctx context.Context, in *elbv2.CreateLoadBalancerInput) (*elbv2.CreateLoadBalancerOutput, error) {
	if err := checkCreate(in); err != nil {
		return nil, err
	}
	var name string
	err := a.update(ctx, func(q query, tx *state.Tx) error {
		subnets, err := q.subnets(tx, in.Subnets, in.SubnetMappings)
		if err != nil {
			return err
		}
		groups, err := q.groups(tx, subnets[0].VPC, in.SecurityGroups)
		if err != nil {
			return err
		}
		set, err := withTags(nil, in.Tags)
		if err != nil {
			return err
		}
		for old := range state.LoadBalancers.By(tx, state.ByName, q.Scope()+"/"+*in.Name) {
			if !sameSet(old.Subnets, subnetIDs(subnets)) || !sameSet(old.SecurityGroups, groups) {
				return fault.New(fault.Exists, "DuplicateLoadBalancerName", "A load balancer with the same name '%s' exists, but with different settings", *in.Name)
			}
			name = old.ARN()
			return nil
		}
		if state.LoadBalancers.Count(tx, state.ByScope, q.Scope()) >= maxBalancers {
			return quota("TooManyLoadBalancers", "The maximum number of load balancers has been reached")
		}
		lb := &balancer.LoadBalancer{Owner: q.Owner, Name: *in.Name, ID: arn.RandomHex(16), Created: q.now, Scheme: "internal", Type: "application",
			IPAddressType: "ipv4", VPC: subnets[0].VPC, SecurityGroups: groups, Tags: set}
		for _, sn := range subnets {
			if err := q.place(tx, lb, sn); err != nil {
				return err
			}
		}
		state.LoadBalancers.Put(tx, lb)
		name = lb.ARN()
		return nil
	})
	if err != nil {
		return nil, err
	}
	s := a.view.Snapshot()
	lb, err := a.query(ctx).balancer(s, name)
	if err != nil {
		return nil, err
	}
	return &elbv2.CreateLoadBalancerOutput{LoadBalancers: []elbv2.LoadBalancer{showBalancer(s, lb)}}, nil
}

func checkCreate(in *elbv2.CreateLoadBalancerInput) error {
	if err := balancer.CheckName("Load balancer", str(in.Name)); err != nil {
		return err
	}
	switch {
	case str(in.Type) != "" && *in.Type != "application":
		return notBuilt("OperationNotPermitted", "Load balancers of type '%s' are not built; only 'application' is", *in.Type)
	case str(in.Scheme) != "internal":
		return notBuilt("InvalidScheme", "Internet-facing load balancers are not built: set the scheme to 'internal'")
	case str(in.CustomerOwnedIpv4Pool) != "" || in.IpamPools != nil:
		return notBuilt("OperationNotPermitted", "Addresses from pools are not built")
	}
	return checkAddresses(in.IpAddressType, in.EnablePrefixForIpv6SourceNat)
}

// checkAddresses refuses addresses other than IPv4.
func checkAddresses(kind, sourceNAT *string) error {
	if str(sourceNAT) != "" && *sourceNAT != "off" {
		return invalid("Source NAT is not supported for load balancers of type 'application'")
	}
	return checkAddressType(kind)
}

func checkAddressType(asked *string) error {
	if str(asked) != "" && *asked != "ipv4" {
		return fault.New(fault.Invalid, "InvalidSubnet", "You must specify subnets with an associated IPv6 CIDR block for the IP address type '%s'", clip(*asked))
	}
	return nil
}

func sameSet(x, y []string) bool {
	x, y = slices.Clone(x), slices.Clone(y)
	slices.Sort(x)
	slices.Sort(y)
	return slices.Equal(x, y)
}

func subnetIDs(subnets []*vpc.Subnet) []string {
	return show(subnets, func(s *vpc.Subnet) string { return s.ID })
}

// subnets returns the subnets that a request names: at least two, of one VPC and each in a zone of its own.
func (q query) subnets(tx *state.Tx, ids []string, mappings []elbv2.SubnetMapping) ([]*vpc.Subnet, error) {
	if len(ids) > 0 && len(mappings) > 0 {
		return nil, invalid("You can specify either subnets or subnet mappings, but not both")
	}
	for _, m := range mappings {
		if str(m.AllocationId)+str(m.PrivateIPv4Address)+str(m.IPv6Address)+str(m.SourceNatIpv6Prefix) != "" {
			return nil, configuration("You can't specify addresses for load balancers of type 'application'")
		}
		ids = append(ids, str(m.SubnetId))
	}
	var out []*vpc.Subnet
	zones := map[string]bool{}
	for _, id := range ids {
		sn, ok := state.Subnets.Get(tx, id)
		if !ok || sn.Owner != q.Owner {
			return nil, fault.New(fault.NotFound, "SubnetNotFound", "The subnet ID '%s' does not exist", clip(id))
		}
		if slices.ContainsFunc(out, func(o *vpc.Subnet) bool { return o.ID == id }) {
			return nil, configuration("The subnet '%s' is specified more than once", id)
		}
		if len(out) > 0 && out[0].VPC != sn.VPC {
			return nil, configuration("All subnets must belong to the same VPC")
		}
		if zones[sn.Zone] {
			return nil, configuration("A load balancer cannot be attached to multiple subnets in the same Availability Zone")
		}
		zones[sn.Zone] = true
		out = append(out, sn)
	}
	if len(out) < 2 {
		return nil, invalid("At least two subnets in two different Availability Zones must be specified")
	}
	return out, nil
}

// groups returns the security groups that a request names, the VPC's default if it names none.
func (q query) groups(tx *state.Tx, vpcID string, ids []string) ([]string, error) {
	if len(ids) == 0 {
		v, ok := state.VPCs.Get(tx, vpcID)
		if !ok {
			return nil, configuration("The VPC '%s' does not exist", vpcID)
		}
		return []string{v.DefaultSecurityGroupID}, nil
	}
	var out []string
	for _, id := range ids {
		g, ok := state.SecurityGroups.Get(tx, id)
		if !ok || g.Owner != q.Owner {
			return nil, fault.New(fault.NotFound, "InvalidSecurityGroup", "The security group '%s' does not exist", clip(id))
		}
		if g.VPC != vpcID {
			return nil, configuration("The security group '%s' does not belong to VPC '%s'", id, vpcID)
		}
		if !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	if len(out) > maxGroups {
		return nil, configuration("A load balancer can have at most %d security groups", maxGroups)
	}
	return out, nil
}

// place gives the load balancer a node in the subnet.
func (q query) place(tx *state.Tx, lb *balancer.LoadBalancer, sn *vpc.Subnet) error {
	free := 1<<(32-sn.CIDR.Bits()) - 5 - len(state.UsedAddresses(tx, sn.ID))
	if free < freeAddresses {
		return fault.New(fault.Quota, "InvalidSubnet", "Not enough IP space available in %s. ELB requires at least %d free IP addresses in each subnet.", sn.ID, freeAddresses)
	}
	ni, err := state.CreateInterface(tx, sn, vpc.NetworkInterface{
		Groups: lb.SecurityGroups, Description: "ELB app/" + lb.Name + "/" + lb.ID, Type: vpc.PlainInterface, Requester: "amazon-elb", RequesterManaged: true,
		User: lb.ARN(), AttachmentID: arn.MintHex("ela-attach-"), Attached: q.now, InstanceOwner: "amazon-elb", SourceDestCheck: true,
	})
	if err != nil {
		return err
	}
	lb.Subnets, lb.Interfaces = append(lb.Subnets, sn.ID), append(lb.Interfaces, ni.ID)
	return nil
}

// DescribeLoadBalancers lists load balancers.
func (a *API) DescribeLoadBalancers(ctx context.Context, in *elbv2.DescribeLoadBalancersInput) (*elbv2.DescribeLoadBalancersOutput, error) {
	q, s := a.query(ctx), a.view.Snapshot()
	if len(in.LoadBalancerArns) > 0 && len(in.Names) > 0 {
		return nil, invalid("Load balancer names and load balancer ARNs cannot be specified at the same time")
	}
	var all []*balancer.LoadBalancer
	for _, name := range in.LoadBalancerArns {
		lb, err := q.balancer(s, name)
		if err != nil {
			return nil, err
		}
		all = append(all, lb)
	}
	for _, name := range in.Names {
		found := slices.Collect(state.LoadBalancers.By(s, state.ByName, q.Scope()+"/"+name))
		if len(found) == 0 {
			return nil, fault.New(fault.NotFound, "LoadBalancerNotFound", "Load balancers '[%s]' not found", clip(name))
		}
		all = append(all, found...)
	}
	if len(in.LoadBalancerArns)+len(in.Names) == 0 {
		all = slices.Collect(state.LoadBalancers.By(s, state.ByScope, q.Scope()))
	}
	some, next, err := cut(all, (*balancer.LoadBalancer).ARN, in.PageSize, in.Marker)
	if err != nil {
		return nil, err
	}
	return &elbv2.DescribeLoadBalancersOutput{LoadBalancers: show(some, func(lb *balancer.LoadBalancer) elbv2.LoadBalancer { return showBalancer(s, lb) }), NextMarker: next}, nil
}

func showBalancer(s *state.Snapshot, lb *balancer.LoadBalancer) elbv2.LoadBalancer {
	return elbv2.LoadBalancer{
		LoadBalancerArn: new(lb.ARN()), DNSName: new(lb.DNSName()), CanonicalHostedZoneId: text(balancer.HostedZone(lb.Region)), CreatedTime: &lb.Created,
		LoadBalancerName: &lb.Name, Scheme: &lb.Scheme, VpcId: &lb.VPC, State: balancerState(s, lb), Type: &lb.Type,
		AvailabilityZones: zones(s, lb), SecurityGroups: lb.SecurityGroups, IpAddressType: &lb.IPAddressType,
	}
}

// balancerState is what the hosts say: a load balancer is active once all of them have made it real.
func balancerState(s *state.Snapshot, lb *balancer.LoadBalancer) *elbv2.LoadBalancerState {
	_, rev, _ := state.LoadBalancers.Lookup(s, lb.ARN())
	done := true
	for _, id := range append([]string{lb.ARN()}, lb.Interfaces...) {
		real, failure := state.Realised(s, rev.Created, id)
		if failure != "" {
			return &elbv2.LoadBalancerState{Code: new("failed"), Reason: &failure}
		}
		done = done && real
	}
	if !done {
		return &elbv2.LoadBalancerState{Code: new("provisioning")}
	}
	return &elbv2.LoadBalancerState{Code: new("active")}
}

func zones(r state.Reader, lb *balancer.LoadBalancer) []elbv2.AvailabilityZone {
	out := []elbv2.AvailabilityZone{}
	for _, id := range lb.Subnets {
		zone := elbv2.AvailabilityZone{SubnetId: &id, LoadBalancerAddresses: []elbv2.LoadBalancerAddress{}}
		if sn, ok := state.Subnets.Get(r, id); ok {
			zone.ZoneName = &sn.Zone
		}
		out = append(out, zone)
	}
	return out
}

// DeleteLoadBalancer removes a load balancer with its listeners, rules and network interfaces. One that does not exist, or no
// longer does, is no error.
func (a *API) DeleteLoadBalancer(ctx context.Context, in *elbv2.DeleteLoadBalancerInput) (*elbv2.DeleteLoadBalancerOutput, error) {
	err := a.update(ctx, func(q query, tx *state.Tx) error {
		lb, err := q.balancer(tx, str(in.LoadBalancerArn))
		if fault.Is(err, fault.NotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if lb.Attributes[balancer.DeletionProtection] == "true" {
			return fault.New(fault.Conflict, "OperationNotPermitted", "Load balancer '%s' cannot be deleted because deletion protection is enabled", lb.ARN())
		}
		for l := range state.BalancerListeners.By(tx, state.ByBalancer, lb.ARN()) {
			removeListener(tx, l)
		}
		for _, id := range lb.Interfaces {
			state.Interfaces.Delete(tx, id)
		}
		state.LoadBalancers.Delete(tx, lb.ARN())
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &elbv2.DeleteLoadBalancerOutput{}, nil
}

// SetSecurityGroups replaces the security groups of a load balancer.
func (a *API) SetSecurityGroups(ctx context.Context, in *elbv2.SetSecurityGroupsInput) (*elbv2.SetSecurityGroupsOutput, error) {
	var out []string
	err := a.update(ctx, func(q query, tx *state.Tx) error {
		lb, err := q.balancer(tx, str(in.LoadBalancerArn))
		if err != nil {
			return err
		}
		if str(in.EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic) != "" {
			return configuration("Inbound rules on PrivateLink traffic are only for load balancers of type 'network'")
		}
		if len(in.SecurityGroups) == 0 {
			return invalid("At least one security group must be specified")
		}
		if out, err = q.groups(tx, lb.VPC, in.SecurityGroups); err != nil {
			return err
		}
		lb.SecurityGroups = out
		state.LoadBalancers.Put(tx, lb)
		for _, id := range lb.Interfaces {
			if ni, ok := state.Interfaces.Get(tx, id); ok {
				ni.Groups = out
				state.Interfaces.Put(tx, ni)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &elbv2.SetSecurityGroupsOutput{SecurityGroupIds: out}, nil
}

// SetSubnets replaces the subnets of a load balancer. Its nodes in subnets that stay keep their addresses.
func (a *API) SetSubnets(ctx context.Context, in *elbv2.SetSubnetsInput) (*elbv2.SetSubnetsOutput, error) {
	var name string
	err := a.update(ctx, func(q query, tx *state.Tx) error {
		lb, err := q.balancer(tx, str(in.LoadBalancerArn))
		if err != nil {
			return err
		}
		if err := checkAddresses(in.IpAddressType, in.EnablePrefixForIpv6SourceNat); err != nil {
			return err
		}
		subnets, err := q.subnets(tx, in.Subnets, in.SubnetMappings)
		if err != nil {
			return err
		}
		if subnets[0].VPC != lb.VPC {
			return configuration("The subnets must belong to VPC '%s'", lb.VPC)
		}
		moved := *lb
		moved.Subnets, moved.Interfaces = nil, nil
		for i, id := range lb.Subnets {
			if !slices.Contains(subnetIDs(subnets), id) {
				state.Interfaces.Delete(tx, lb.Interfaces[i])
			}
		}
		for _, sn := range subnets {
			if i := slices.Index(lb.Subnets, sn.ID); i >= 0 {
				moved.Subnets, moved.Interfaces = append(moved.Subnets, sn.ID), append(moved.Interfaces, lb.Interfaces[i])
			} else if err := q.place(tx, &moved, sn); err != nil {
				return err
			}
		}
		state.LoadBalancers.Put(tx, &moved)
		name = lb.ARN()
		return nil
	})
	if err != nil {
		return nil, err
	}
	s := a.view.Snapshot()
	lb, err := a.query(ctx).balancer(s, name)
	if err != nil {
		return nil, err
	}
	return &elbv2.SetSubnetsOutput{AvailabilityZones: zones(s, lb), IpAddressType: &lb.IPAddressType}, nil
}

// SetIpAddressType says which addresses clients use. Load balancers have IPv4 addresses only.
func (a *API) SetIpAddressType(ctx context.Context, in *elbv2.SetIpAddressTypeInput) (*elbv2.SetIpAddressTypeOutput, error) {
	if _, err := a.query(ctx).balancer(a.view.Snapshot(), str(in.LoadBalancerArn)); err != nil {
		return nil, err
	}
	if err := checkAddressType(in.IpAddressType); err != nil {
		return nil, err
	}
	return &elbv2.SetIpAddressTypeOutput{IpAddressType: new("ipv4")}, nil
}

// DescribeCapacityReservation shows the capacity reserved for a load balancer, which is none: nothing reserves any.
func (a *API) DescribeCapacityReservation(ctx context.Context, in *elbv2.DescribeCapacityReservationInput) (*elbv2.DescribeCapacityReservationOutput, error) {
	if _, err := a.query(ctx).balancer(a.view.Snapshot(), str(in.LoadBalancerArn)); err != nil {
		return nil, err
	}
	return &elbv2.DescribeCapacityReservationOutput{}, nil
}
