package ec2

import (
	"context"
	"slices"
	"strings"

	"trellis/internal/aws/model/ec2"
	"trellis/internal/lattice"
	"trellis/internal/state"
	"trellis/internal/vpc"
)

// endpointStatus is the state of an endpoint, and why it is failed.
func endpointStatus(s *state.Snapshot, e *vpc.Endpoint) (status, failure string) {
	switch {
	case e.Deleting:
		return "deleting", ""
	case e.Detached:
		return "rejected", ""
	}
	_, rev, _ := state.Endpoints.Lookup(s, e.ID)
	at := rev.Created
	if e.Updating {
		at = rev.Modified
	}
	ids := []string{e.ID, e.VPC}
	for i := range state.Interfaces.By(s, state.ByUser, e.ARN()) {
		ids = append(ids, i.ID)
	}
	done := false
	for _, id := range ids {
		if done, failure = state.Realised(s, at, id); failure != "" {
			return "failed", failure
		}
	}
	if !done {
		return "pending", ""
	}
	return "available", ""
}

func preference(e *vpc.Endpoint) string {
	if e.PrivateDNS && e.DNSPreference == "" {
		return "VERIFIED_DOMAINS_ONLY"
	}
	return e.DNSPreference
}

func showEndpoint(s *state.Snapshot, e *vpc.Endpoint) ec2.VpcEndpoint {
	status, failure := endpointStatus(s, e)
	out := ec2.VpcEndpoint{VpcEndpointId: new(e.ID), VpcEndpointType: new(e.Type), VpcId: new(e.VPC), State: new(status), RouteTableIds: []string{},
		SubnetIds: []string{}, Groups: []ec2.SecurityGroupIdentifier{}, IpAddressType: new("ipv4"), PrivateDnsEnabled: new(e.PrivateDNS),
		RequesterManaged: new(false), NetworkInterfaceIds: []string{}, DnsEntries: []ec2.DnsEntry{}, CreationTimestamp: new(e.Created),
		Tags: showTags(e.Tags), OwnerId: new(e.Account), ServiceRegion: new(e.Region),
		DnsOptions: &ec2.DnsOptions{DnsRecordIpType: new("ipv4"), PrivateDnsPreference: text(preference(e)), PrivateDnsSpecifiedDomains: slices.Clone(e.DNSDomains)}}
	if failure != "" {
		out.LastError = &ec2.LastError{Code: new("InternalError"), Message: new(failure)}
		out.FailureReason = new(failure)
	}
	if e.Type == vpc.NetworkEndpoint {
		out.ServiceNetworkArn = new(e.TargetARN())
	} else {
		out.ResourceConfigurationArn = new(e.TargetARN())
	}
	for _, g := range showGroups(s, e.Groups) {
		out.Groups = append(out.Groups, ec2.SecurityGroupIdentifier(g))
	}
	for _, n := range e.Nodes {
		out.SubnetIds = append(out.SubnetIds, n.Subnet)
		if n.Services.IsValid() {
			out.Ipv4Prefixes = append(out.Ipv4Prefixes, ec2.SubnetIpPrefixes{SubnetId: new(n.Subnet), IpPrefixes: []string{n.Services.String()}})
		}
	}
	for i := range state.Interfaces.By(s, state.ByUser, e.ARN()) {
		out.NetworkInterfaceIds = append(out.NetworkInterfaceIds, i.ID)
	}
	return out
}

func endpointFields(e *ec2.VpcEndpoint, filter string) ([]string, bool) {
	switch filter {
	case "ip-address-type":
		return one(e.IpAddressType), true
	case "service-name":
		return one(e.ServiceName), true
	case "service-region":
		return one(e.ServiceRegion), true
	case "vpc-id":
		return one(e.VpcId), true
	case "vpc-endpoint-id":
		return one(e.VpcEndpointId), true
	case "vpc-endpoint-state":
		return one(e.State), true
	case "vpc-endpoint-type":
		return one(e.VpcEndpointType), true
	}
	return nil, false
}

// DescribeVpcEndpoints lists endpoints.
func (a *API) DescribeVpcEndpoints(ctx context.Context, in *ec2.DescribeVpcEndpointsInput) (*ec2.DescribeVpcEndpointsOutput, error) {
	l := &listing[vpc.Endpoint, ec2.VpcEndpoint]{table: state.Endpoints, id: func(e *vpc.Endpoint) string { return e.ID },
		owned:  func(e *vpc.Endpoint, o vpc.Owner) bool { return e.Owner == o },
		absent: noEndpoint, show: showEndpoint, tags: func(e *ec2.VpcEndpoint) []ec2.Tag { return e.Tags }, fields: endpointFields,
		index: func(filter string) string {
			if filter == "vpc-id" {
				return state.ByVPC
			}
			return ""
		}}
	out, next, err := describe(ctx, a.view.Snapshot(), l, query{in.VpcEndpointIds, in.Filters, in.MaxResults, in.NextToken, in.DryRun})
	if err != nil {
		return nil, err
	}
	return &ec2.DescribeVpcEndpointsOutput{VpcEndpoints: out, NextToken: next}, nil
}

// Accessibility of what is associated with an endpoint.
const (
	accessible   = "AVAILABLE"
	inaccessible = "FAILED"
)

// showAssociations shows what an endpoint leads to: each service and each resource of its network, or its one resource.
func showAssociations(s *state.Snapshot, e *vpc.Endpoint) []ec2.VpcEndpointAssociation {
	var out []ec2.VpcEndpointAssociation
	status, _ := endpointStatus(s, e)
	add := func(id, resource, domain, zone, private string, placed bool) {
		as := ec2.VpcEndpointAssociation{Id: new(e.Association("vpce-rsc-asc-", id)), VpcEndpointId: new(e.ID), AssociatedResourceArn: new(resource),
			DnsEntry: &ec2.DnsEntry{DnsName: new(domain), HostedZoneId: new(zone)}, Tags: []ec2.Tag{}}
		switch {
		case status == "pending":
			as.AssociatedResourceAccessibility = new("PENDING")
		case placed && status == "available":
			as.AssociatedResourceAccessibility = new(accessible)
		default:
			as.AssociatedResourceAccessibility = new(inaccessible)
		}
		if !placed {
			as.FailureCode = new("InsufficientFreeAddressesInSubnet")
			as.FailureReason = new("No subnet of the endpoint has a free address for the resource.")
		}
		if e.Type == vpc.NetworkEndpoint {
			as.ServiceNetworkArn = new(e.TargetARN())
			if n, ok := state.Networks.Get(s, e.Target); ok {
				as.ServiceNetworkName = new(n.Name)
			}
		}
		if private != "" {
			as.PrivateDnsEntry = &ec2.DnsEntry{DnsName: new(private), HostedZoneId: new(zone)}
		}
		out = append(out, as)
	}
	has := func(id string) bool {
		return len(e.Nodes) > 0 && slices.ContainsFunc(e.Nodes, func(n vpc.EndpointNode) bool { return n.Resources[id].IsValid() })
	}
	if c, ok := state.ResourceConfigurations.Get(s, e.Configuration()); ok && !e.Detached {
		add(c.ID, c.ARN(), c.EndpointDomain(e.ID), lattice.ResourceZone(e.Region), "", has(c.ID))
	}
	if e.Type != vpc.NetworkEndpoint {
		return out
	}
	for a := range state.NetworkServices.By(s, state.ByNetwork, e.Target) {
		if a.Deleting {
			continue
		}
		private := ""
		if sv, ok := state.Services.Get(s, a.Service); ok && e.PrivateDNS {
			private = sv.Domain()
		}
		add(a.ID, a.ServiceARN(), a.EndpointDomain(e.ID), lattice.HostedZone(e.Region), private, len(e.Nodes) > 0)
	}
	for a := range state.NetworkResources.By(s, state.ByNetwork, e.Target) {
		if !a.Deleting {
			add(a.ID, a.ConfigurationARN(), a.EndpointDomain(e.ID), lattice.ResourceZone(e.Region), "", has(a.ID))
		}
	}
	return out
}

func associationFields(a *ec2.VpcEndpointAssociation, filter string) ([]string, bool) {
	switch filter {
	case "vpc-endpoint-id":
		return one(a.VpcEndpointId), true
	case "associated-resource-accessibility":
		return one(a.AssociatedResourceAccessibility), true
	case "association-id":
		return one(a.Id), true
	case "associated-resource-id":
		if a.AssociatedResourceArn == nil {
			return nil, true
		}
		return []string{lattice.IDOf(*a.AssociatedResourceArn)}, true
	case "service-network-arn":
		return one(a.ServiceNetworkArn), true
	case "resource-configuration-group-arn":
		return one(a.ResourceConfigurationGroupArn), true
	}
	return nil, false
}

// DescribeVpcEndpointAssociations lists what the caller's endpoints lead to, and by which names.
func (a *API) DescribeVpcEndpointAssociations(ctx context.Context, in *ec2.DescribeVpcEndpointAssociationsInput) (*ec2.DescribeVpcEndpointAssociationsOutput, error) {
	s, o := a.view.Snapshot(), owner(ctx)
	endpoints := slices.Collect(state.Endpoints.By(s, state.ByScope, o.Scope()))
	if len(in.VpcEndpointIds) > 0 {
		endpoints = nil
		for _, id := range slices.Compact(slices.Sorted(slices.Values(in.VpcEndpointIds))) {
			e, err := endpointOf(s, o, id)
			if err != nil {
				return nil, err
			}
			endpoints = append(endpoints, e)
		}
	}
	all := []ec2.VpcEndpointAssociation{}
	for _, e := range endpoints {
		all = append(all, showAssociations(s, e)...)
	}
	key := func(a *ec2.VpcEndpointAssociation) string { return *a.Id }
	slices.SortFunc(all, func(a, b ec2.VpcEndpointAssociation) int { return strings.Compare(*a.Id, *b.Id) })
	out, next, err := fixed(all, key, nil, associationFields, query{filters: in.Filters, max: in.MaxResults, token: in.NextToken, dry: in.DryRun}, nil)
	if err != nil {
		return nil, err
	}
	return &ec2.DescribeVpcEndpointAssociationsOutput{VpcEndpointAssociations: out, NextToken: next}, nil
}

// DescribeVpcEndpointServices lists no services: endpoints lead to service networks and resources alone.
func (a *API) DescribeVpcEndpointServices(_ context.Context, in *ec2.DescribeVpcEndpointServicesInput) (*ec2.DescribeVpcEndpointServicesOutput, error) {
	details, _, err := nothing[ec2.ServiceDetail](query{in.ServiceNames, in.Filters, in.MaxResults, in.NextToken, in.DryRun}, true, anyField, noService)
	if err != nil {
		return nil, err
	}
	return &ec2.DescribeVpcEndpointServicesOutput{ServiceDetails: details, ServiceNames: []string{}}, nil
}
