package ec2

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"trellis/internal/arn"
	"trellis/internal/aws/model/ec2"
	"trellis/internal/fault"
	"trellis/internal/lattice"
	"trellis/internal/state"
	"trellis/internal/vpc"
)

func noEndpoint(id string) error {
	return absence("vpce-", "InvalidVpcEndpointId.Malformed", "InvalidVpcEndpointId.NotFound", "The Vpc Endpoint Id '%s' does not exist")(id)
}

func endpointOf(r state.Reader, o vpc.Owner, id string) (*vpc.Endpoint, error) {
	return get(r, state.Endpoints, func(e *vpc.Endpoint) vpc.Owner { return e.Owner }, o, id, noEndpoint)
}

// parameter refuses a parameter that an endpoint of the type does not have.
func parameter(format string, args ...any) error {
	return fault.New(fault.Invalid, "InvalidParameter", format, args...)
}

// CreateVpcEndpoint connects subnets of a VPC to a service network or a resource configuration.
func (a *API) CreateVpcEndpoint(ctx context.Context, in *ec2.CreateVpcEndpointInput) (*ec2.CreateVpcEndpointOutput, error) {
	o := owner(ctx)
	tags, err := tagsFor(in.TagSpecifications, "vpc-endpoint")
	if err != nil {
		return nil, err
	}
	if err := checkEndpoint(in, o.Region); err != nil {
		return nil, err
	}
	var id string
	err = a.update(ctx, in.DryRun, func(tx *state.Tx) error {
		params := *in
		params.ClientToken, params.DryRun = nil, nil
		var err error
		id, err = a.once(tx, o, "CreateVpcEndpoint", in.ClientToken, params, func() (string, error) {
			e, err := a.newEndpoint(tx, o, in)
			if err != nil {
				return "", err
			}
			e.Tags = tags
			state.Endpoints.Put(tx, e)
			return e.ID, nil
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	s := a.view.Snapshot()
	e, err := endpointOf(s, o, id)
	if err != nil {
		return nil, err
	}
	return &ec2.CreateVpcEndpointOutput{VpcEndpoint: new(showEndpoint(s, e)), ClientToken: in.ClientToken}, nil
}

// checkEndpoint refuses what no endpoint can be.
func checkEndpoint(in *ec2.CreateVpcEndpointInput, region string) error {
	kind := str(in.VpcEndpointType)
	if kind == "" {
		kind = "Gateway"
	}
	switch kind {
	case vpc.NetworkEndpoint, vpc.ResourceEndpoint:
	case "Gateway", "Interface", "GatewayLoadBalancer":
		if in.ServiceName == nil {
			return missing("serviceName")
		}
		return noService(*in.ServiceName)
	case "Tunnel":
		return unsupported("Endpoints of type Tunnel are not supported.")
	default:
		return invalid("Value (%s) for parameter VpcEndpointType is invalid.", clip(kind))
	}
	switch {
	case in.VpcId == nil:
		return missing("vpcId")
	case in.ServiceName != nil:
		return parameter("An endpoint of type %s cannot have a service name.", kind)
	case kind == vpc.NetworkEndpoint && in.ServiceNetworkArn == nil:
		return missing("ServiceNetworkArn")
	case kind == vpc.ResourceEndpoint && in.ResourceConfigurationArn == nil:
		return missing("ResourceConfigurationArn")
	case in.ServiceNetworkArn != nil && in.ResourceConfigurationArn != nil:
		return parameter("An endpoint of type %s cannot have both a service network and a resource configuration.", kind)
	case in.PolicyDocument != nil:
		return parameter("Endpoint policies are not supported for endpoints of type %s.", kind)
	case len(in.RouteTableIds) > 0:
		return parameter("Route tables are not supported for endpoints of type %s.", kind)
	case in.ServiceRegion != nil && *in.ServiceRegion != region:
		return parameter("The service Region of an endpoint of type %s is the endpoint's own.", kind)
	case kind == vpc.NetworkEndpoint && len(in.SubnetConfigurations) > 0:
		return parameter("Addresses cannot be chosen for endpoints of type %s.", kind)
	}
	return checkFamily(in.IpAddressType, in.DnsOptions)
}

func noService(name string) error {
	return fault.New(fault.NotFound, "InvalidServiceName", "The Vpc Endpoint Service '%s' does not exist", clip(name))
}

func checkFamily(addresses *string, dns *ec2.DnsOptionsSpecification) error {
	if t := str(addresses); t != "" && t != "ipv4" {
		return parameter("The subnets have no IPv6 addresses, which an endpoint of IP address type %s needs.", clip(t))
	}
	if dns == nil {
		return nil
	}
	if t := str(dns.DnsRecordIpType); t != "" && t != "ipv4" && t != "service-defined" {
		return parameter("DNS records of type %s need an endpoint with IPv6 addresses.", clip(t))
	}
	if is(dns.PrivateDnsOnlyForInboundResolverEndpoint) {
		return parameter("PrivateDnsOnlyForInboundResolverEndpoint is supported only for services with both gateway and interface endpoints.")
	}
	return nil
}

func (a *API) newEndpoint(tx *state.Tx, o vpc.Owner, in *ec2.CreateVpcEndpointInput) (*vpc.Endpoint, error) {
	v, err := vpcOf(tx, o, str(in.VpcId))
	if err != nil {
		return nil, err
	}
	now := a.now().UTC()
	e := &vpc.Endpoint{Owner: o, ID: arn.MintHex("vpce-"), VPC: v.ID, Type: *in.VpcEndpointType, Created: now}
	if err := target(tx, e, str(in.ServiceNetworkArn), str(in.ResourceConfigurationArn)); err != nil {
		return nil, err
	}
	if state.Endpoints.Count(tx, state.ByVPC, v.ID) >= vpc.MaxEndpointsPerVPC {
		return nil, fault.New(fault.Quota, "VpcEndpointLimitExceeded", "The maximum number of VPC endpoints has been reached.")
	}
	if e.Groups, err = groupsFor(tx, o, v.ID, in.SecurityGroupIds); err != nil {
		return nil, err
	}
	if err := setPrivateDNS(e, v, in.PrivateDnsEnabled, in.DnsOptions); err != nil {
		return nil, err
	}
	if err := addSubnets(tx, e, in.SubnetIds, in.SubnetConfigurations, a.now().UTC()); err != nil {
		return nil, err
	}
	return e, state.SettleEndpoint(tx, e, now)
}

// target sets what the endpoint leads to, which is the caller's own or shared with it.
func target(tx *state.Tx, e *vpc.Endpoint, network, configuration string) error {
	if e.Type == vpc.NetworkEndpoint {
		n, ok := state.Networks.Get(tx, lattice.IDOf(network))
		if !ok || n.Region != e.Region || n.ARN() != network || n.Account != e.Account && !state.Shown(tx, network, e.Account) {
			return invalid("The service network '%s' does not exist.", clip(network))
		}
		const action = "vpc-lattice:CreateServiceNetworkVpcEndpointAssociation"
		if n.Account != e.Account && !state.Allowed(tx, network, e.Account, action) {
			return denied("You are not authorized to perform %s on %s, because no resource-based policy allows it.", action, network)
		}
		if state.Endpoints.Count(tx, state.ByNetwork, n.ID) >= lattice.MaxEndpointsPerNetwork {
			return fault.New(fault.Quota, "VpcEndpointLimitExceeded", "A service network can have at most %d VPC endpoints.", lattice.MaxEndpointsPerNetwork)
		}
		e.Target, e.TargetOwner = n.ID, n.Account
		return nil
	}
	c, ok := state.ResourceConfigurations.Get(tx, lattice.IDOf(configuration))
	if !ok || c.Region != e.Region || c.ARN() != configuration || c.Account != e.Account && !state.Shown(tx, configuration, e.Account) {
		return invalid("The resource configuration '%s' does not exist.", clip(configuration))
	}
	if c.Deleting {
		return invalid("The resource configuration '%s' is being deleted.", c.ID)
	}
	// As VPC Lattice has it: what is in the VPC already needs no endpoint there.
	if g, ok := state.ResourceGateways.Get(tx, c.Gateway); ok && g.VPC == e.VPC {
		return invalid("The resource gateway of %s is in %s, so no resource endpoint can be created there.", c.ID, e.VPC)
	}
	e.Target, e.TargetOwner = c.ID, c.Account
	return nil
}

func setPrivateDNS(e *vpc.Endpoint, v *vpc.VPC, enabled *bool, options *ec2.DnsOptionsSpecification) error {
	if enabled != nil {
		e.PrivateDNS = *enabled
	}
	if e.PrivateDNS && !(v.DNSSupport && v.DNSHostnames) {
		return parameter("Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true for %s", v.ID)
	}
	if options == nil {
		return nil
	}
	preference := str(options.PrivateDnsPreference)
	lists := preference == "VERIFIED_DOMAINS_AND_SPECIFIED_DOMAINS" || preference == "SPECIFIED_DOMAINS_ONLY"
	switch {
	case !lists && preference != "" && preference != "VERIFIED_DOMAINS_ONLY" && preference != "ALL_DOMAINS":
		return invalid("Value (%s) for parameter PrivateDnsPreference is invalid.", clip(preference))
	case preference != "" && !e.PrivateDNS:
		return parameter("PrivateDnsPreference needs private DNS to be enabled.")
	case !lists && len(options.PrivateDnsSpecifiedDomains) > 0, lists && len(options.PrivateDnsSpecifiedDomains) == 0:
		return parameter("PrivateDnsSpecifiedDomains go with the preferences VERIFIED_DOMAINS_AND_SPECIFIED_DOMAINS and SPECIFIED_DOMAINS_ONLY.")
	}
	for _, d := range options.PrivateDnsSpecifiedDomains {
		if lattice.CheckDomain(d) != nil {
			return invalid("Value (%s) for parameter PrivateDnsSpecifiedDomains is invalid.", clip(d))
		}
	}
	if preference != "" {
		e.DNSPreference, e.DNSDomains = preference, slices.Clone(options.PrivateDnsSpecifiedDomains)
	}
	return nil
}

// DeleteVpcEndpoints begins the deletion of endpoints, and tells of those that there are none of.
func (a *API) DeleteVpcEndpoints(ctx context.Context, in *ec2.DeleteVpcEndpointsInput) (*ec2.DeleteVpcEndpointsOutput, error) {
	if len(in.VpcEndpointIds) == 0 {
		return nil, missing("VpcEndpointId")
	}
	o := owner(ctx)
	var out *ec2.DeleteVpcEndpointsOutput
	err := a.update(ctx, in.DryRun, func(tx *state.Tx) error {
		out = &ec2.DeleteVpcEndpointsOutput{Unsuccessful: []ec2.UnsuccessfulItem{}}
		for _, id := range in.VpcEndpointIds {
			if !strings.HasPrefix(id, "vpce-") {
				return noEndpoint(id)
			}
			e, err := endpointOf(tx, o, id)
			if err != nil {
				out.Unsuccessful = append(out.Unsuccessful, ec2.UnsuccessfulItem{ResourceId: new(id),
					Error: &ec2.UnsuccessfulItemError{Code: new("InvalidVpcEndpoint.NotFound"), Message: new(message(err))}})
				continue
			}
			for _, n := range e.Nodes {
				state.RemoveEndpoint(tx, e, n.Subnet)
			}
			e.Deleting = true
			state.Endpoints.Put(tx, e)
		}
		return nil
	})
	return out, err
}

// ModifyVpcEndpoint changes the subnets, the security groups and the private DNS names of an endpoint.
func (a *API) ModifyVpcEndpoint(ctx context.Context, in *ec2.ModifyVpcEndpointInput) (*ec2.ModifyVpcEndpointOutput, error) {
	o := owner(ctx)
	if err := checkFamily(in.IpAddressType, in.DnsOptions); err != nil {
		return nil, err
	}
	err := a.update(ctx, in.DryRun, func(tx *state.Tx) error {
		e, err := endpointOf(tx, o, str(in.VpcEndpointId))
		if err != nil {
			return err
		}
		switch {
		case e.Deleting:
			return fault.New(fault.Conflict, "InvalidState", "The VPC endpoint %s is being deleted.", e.ID)
		case in.PolicyDocument != nil || is(in.ResetPolicy):
			return parameter("Endpoint policies are not supported for endpoints of type %s.", e.Type)
		case len(in.AddRouteTableIds)+len(in.RemoveRouteTableIds) > 0:
			return parameter("Route tables are not supported for endpoints of type %s.", e.Type)
		}
		v, err := vpcOf(tx, o, e.VPC)
		if err != nil {
			return err
		}
		if d := in.DnsOptions; d != nil && (d.PrivateDnsPreference != nil && *d.PrivateDnsPreference != preference(e) ||
			(d.PrivateDnsPreference != nil || d.PrivateDnsSpecifiedDomains != nil) && !slices.Equal(d.PrivateDnsSpecifiedDomains, e.DNSDomains)) {
			return parameter("The private DNS preference of an endpoint cannot be modified.")
		}
		if err := setPrivateDNS(e, v, in.PrivateDnsEnabled, nil); err != nil {
			return err
		}
		if err := a.moveEndpoint(tx, e, in); err != nil {
			return err
		}
		e.Updating = true
		state.Endpoints.Put(tx, e)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ec2.ModifyVpcEndpointOutput{Return: new(true)}, nil
}

// moveEndpoint changes the subnets and the security groups.
func (a *API) moveEndpoint(tx *state.Tx, e *vpc.Endpoint, in *ec2.ModifyVpcEndpointInput) error {
	has := func(id string) bool {
		return slices.ContainsFunc(e.Nodes, func(n vpc.EndpointNode) bool { return n.Subnet == id })
	}
	if len(in.SubnetConfigurations) > 0 {
		return parameter("The addresses of an endpoint of type %s cannot be modified.", e.Type)
	}
	for _, id := range in.RemoveSubnetIds {
		if !has(id) {
			return invalid("The subnet %s is not one of endpoint %s.", clip(id), e.ID)
		}
		state.RemoveEndpoint(tx, e, id)
	}
	groups := slices.DeleteFunc(slices.Clone(e.Groups), func(id string) bool { return slices.Contains(in.RemoveSecurityGroupIds, id) })
	for _, id := range in.RemoveSecurityGroupIds {
		if !slices.Contains(e.Groups, id) {
			return fault.New(fault.NotFound, "InvalidGroup.NotFound", "The security group '%s' is not one of endpoint %s.", clip(id), e.ID)
		}
	}
	var err error
	if e.Groups, err = groupsFor(tx, e.Owner, e.VPC, append(groups, in.AddSecurityGroupIds...)); err != nil {
		return err
	}
	for i := range state.Interfaces.By(tx, state.ByUser, e.ARN()) {
		next := *i
		next.Groups = e.Groups
		state.Interfaces.Put(tx, &next)
	}
	more := slices.DeleteFunc(slices.Clone(in.AddSubnetIds), has)
	if err := addSubnets(tx, e, more, nil, a.now().UTC()); err != nil {
		return err
	}
	return state.SettleEndpoint(tx, e, a.now().UTC())
}

// addSubnets gives the endpoint addresses in more subnets, of which it has one in a zone at most.
func addSubnets(tx *state.Tx, e *vpc.Endpoint, ids []string, chosen []ec2.SubnetConfiguration, now time.Time) error {
	asked := map[string]netip.Addr{}
	ids = slices.Clone(ids)
	for _, c := range chosen {
		id := str(c.SubnetId)
		if c.Ipv6 != nil {
			return parameter("The subnet %s has no IPv6 addresses.", clip(id))
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
		if c.Ipv4 != nil {
			addr, err := netip.ParseAddr(*c.Ipv4)
			if err != nil || !addr.Is4() {
				return invalid("invalid value for parameter address: %s", clip(*c.Ipv4))
			}
			asked[id] = addr
		}
	}
	zones := map[string]string{}
	for _, n := range e.Nodes {
		if sn, ok := state.Subnets.Get(tx, n.Subnet); ok {
			zones[sn.Zone] = sn.ID
		}
	}
	for _, id := range ids {
		sn, err := subnetOf(tx, e.Owner, id)
		if err != nil {
			return err
		}
		if sn.VPC != e.VPC {
			return parameter("The subnet %s is not of the VPC %s.", sn.ID, e.VPC)
		}
		if other := zones[sn.Zone]; other != "" {
			return fault.New(fault.Conflict, "DuplicateSubnetsInSameZone", "Found another VPC endpoint subnet in the availability zone of %s", sn.ID)
		}
		zones[sn.Zone] = sn.ID
		n, err := countInterfaces(tx, e.Owner, sn, asked[id])
		if err != nil {
			return err
		}
		if n >= vpc.MaxInterfaces {
			return fault.New(fault.Quota, "NetworkInterfaceLimitExceeded", "The maximum number of network interfaces has been reached.")
		}
		if err := state.PlaceEndpoint(tx, e, sn, asked[id], now); err != nil {
			return err
		}
	}
	return nil
}
