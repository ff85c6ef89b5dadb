package vpclattice

import (
	"context"
	"slices"
	"strings"

	"trellis/internal/aws/model/vpclattice"
	"trellis/internal/lattice"
	"trellis/internal/state"
)

// CreateResourceConfiguration says what can be reached through a gateway of the caller's.
func (a *API) CreateResourceConfiguration(ctx context.Context, in *vpclattice.CreateResourceConfigurationInput) (*vpclattice.CreateResourceConfigurationOutput, error) {
	var out *vpclattice.CreateResourceConfigurationOutput
	err := a.update(ctx, func(q *query, tx *state.Tx) error {
		params := *in
		params.ClientToken = nil
		c, err := once(q, tx, "CreateResourceConfiguration", in.ClientToken, params, state.ResourceConfigurations, configurationID, func() (*lattice.ResourceConfiguration, error) {
			return q.newConfiguration(tx, in)
		})
		if err != nil {
			return err
		}
		s := showConfiguration(tx, c)
		out = &vpclattice.CreateResourceConfigurationOutput{Id: s.Id, Name: s.Name, Arn: s.Arn, ResourceGatewayId: s.ResourceGatewayId,
			ResourceConfigurationGroupId: s.ResourceConfigurationGroupId, Type: s.Type, PortRanges: s.PortRanges, Protocol: s.Protocol, Status: s.Status,
			ResourceConfigurationDefinition: s.ResourceConfigurationDefinition, CreatedAt: s.CreatedAt, FailureReason: s.FailureReason,
			AllowAssociationToShareableServiceNetwork: s.AllowAssociationToShareableServiceNetwork}
		return nil
	})
	return out, err
}

func configurationID(c *lattice.ResourceConfiguration) string { return c.ID }

func (q *query) newConfiguration(tx *state.Tx, in *vpclattice.CreateResourceConfigurationInput) (*lattice.ResourceConfiguration, error) {
	name := str(in.Name)
	if err := lattice.KindConfiguration.CheckName(name); err != nil {
		return nil, err
	}
	if err := lattice.CheckResource(str(in.Type), str(in.Protocol)); err != nil {
		return nil, err
	}
	if err := lattice.UnservedDomains(in.CustomDomainName, in.GroupDomain, in.DomainVerificationIdentifier); err != nil {
		return nil, err
	}
	for other := range state.ResourceConfigurations.By(tx, state.ByName, q.Scope()+"/"+name) {
		return nil, conflict(lattice.KindConfiguration, other.ID, "A resource configuration with the name '%s' already exists.", name)
	}
	if state.ResourceConfigurations.Count(tx, state.ByScope, q.Scope()) >= lattice.MaxConfigurations {
		return nil, quota(lattice.KindConfiguration, "", "An account can have at most %d resource configurations in a region.", lattice.MaxConfigurations)
	}
	if in.ResourceConfigurationGroupIdentifier != nil {
		return nil, lattice.Invalid("resourceConfigurationGroupIdentifier", "Only a resource configuration of type CHILD has a group.")
	}
	if in.ResourceGatewayIdentifier == nil {
		return nil, lattice.Invalid("resourceGatewayIdentifier", "The resource gateway must be given.")
	}
	g, err := q.gateway(tx, in.ResourceGatewayIdentifier)
	if err != nil {
		return nil, err
	}
	if g.Deleting {
		return nil, busy(lattice.KindGateway, g.ID, lattice.Deleting)
	}
	meta, err := q.newMeta(lattice.KindConfiguration, name, in.Tags)
	if err != nil {
		return nil, err
	}
	c := &lattice.ResourceConfiguration{Meta: meta, Type: *in.Type, Gateway: g.ID, Protocol: lattice.ProtocolTCP}
	if in.AllowAssociationToShareableServiceNetwork != nil {
		c.Shareable = *in.AllowAssociationToShareableServiceNetwork
	}
	if err := c.SetPorts(in.PortRanges); err != nil {
		return nil, err
	}
	return c, q.define(tx, c, in.ResourceConfigurationDefinition)
}

// define sets what the configuration stands for.
func (q *query) define(tx *state.Tx, c *lattice.ResourceConfiguration, in *vpclattice.ResourceConfigurationDefinition) error {
	g, ok := state.ResourceGateways.Get(tx, c.Gateway)
	if !ok {
		return absent(lattice.KindGateway, c.Gateway)
	}
	v, err := q.vpc(tx, g.VPC)
	if err != nil {
		return err
	}
	d := lattice.Definition{}
	if in != nil {
		if in.IpResource != nil {
			d.IP = new(str(in.IpResource.IpAddress))
		}
		if in.DnsResource != nil {
			d.Domain, d.DomainType = new(str(in.DnsResource.DomainName)), in.DnsResource.IpAddressType
		}
		if in.ArnResource != nil {
			d.ARN = new(str(in.ArnResource.Arn))
		}
		d.CIDRs = in.CidrResource != nil
	}
	return c.Define(d, v)
}

func realisedConfiguration(r state.Reader, c *lattice.ResourceConfiguration) lattice.Realisation {
	_, rev, _ := state.ResourceConfigurations.Lookup(r, c.ID)
	return realised(r, rev, c.ID)
}

func showConfiguration(r state.Reader, c *lattice.ResourceConfiguration) *vpclattice.GetResourceConfigurationOutput {
	real := realisedConfiguration(r, c)
	status := c.Status(real)
	out := &vpclattice.GetResourceConfigurationOutput{Id: new(c.ID), Name: new(c.Name), Arn: new(c.ARN()), ResourceGatewayId: text(c.Gateway),
		ResourceConfigurationGroupId: text(c.Group), Type: new(c.Type), AllowAssociationToShareableServiceNetwork: new(c.Shareable),
		PortRanges: []string{}, Protocol: text(c.Protocol), Status: new(status), CreatedAt: new(c.Created), LastUpdatedAt: new(c.Meta.Updated),
		AmazonManaged: new(false), ResourceConfigurationDefinition: showDefinition(c)}
	for _, p := range c.Ports {
		out.PortRanges = append(out.PortRanges, p.String())
	}
	_, out.FailureReason = failure(status, real)
	return out
}

func showDefinition(c *lattice.ResourceConfiguration) *vpclattice.ResourceConfigurationDefinition {
	switch {
	case c.IP.IsValid():
		return &vpclattice.ResourceConfigurationDefinition{IpResource: &vpclattice.IpResource{IpAddress: new(c.IP.String())}}
	case c.Domain != "":
		return &vpclattice.ResourceConfigurationDefinition{DnsResource: &vpclattice.DnsResource{DomainName: new(c.Domain), IpAddressType: new("IPV4")}}
	}
	return nil
}

// GetResourceConfiguration describes a configuration, the caller's own or one shared with it.
func (a *API) GetResourceConfiguration(ctx context.Context, in *vpclattice.GetResourceConfigurationInput) (*vpclattice.GetResourceConfigurationOutput, error) {
	r := a.view.Snapshot()
	c, err := a.query(ctx).configuration(r, in.ResourceConfigurationIdentifier)
	if err != nil {
		return nil, err
	}
	return showConfiguration(r, c), nil
}

// ListResourceConfigurations lists the caller's configurations and those shared with it, of one gateway or group if the
// request names it.
func (a *API) ListResourceConfigurations(ctx context.Context, in *vpclattice.ListResourceConfigurationsInput) (*vpclattice.ListResourceConfigurationsOutput, error) {
	r, q := a.view.Snapshot(), a.query(ctx)
	rows := slices.Collect(state.ResourceConfigurations.By(r, state.ByScope, q.Scope()))
	for _, id := range q.sharedIDs(r, "resourceconfiguration/") {
		if c, ok := state.ResourceConfigurations.Get(r, id); ok && c.Account != q.Account {
			rows = append(rows, c)
		}
	}
	slices.SortFunc(rows, func(a, b *lattice.ResourceConfiguration) int { return strings.Compare(a.ID, b.ID) })
	page, next, err := cut(where(slices.Values(rows), func(c *lattice.ResourceConfiguration) bool {
		return (in.ResourceGatewayIdentifier == nil || c.Gateway == lattice.IDOf(*in.ResourceGatewayIdentifier)) &&
			(in.ResourceConfigurationGroupIdentifier == nil || c.Group == lattice.IDOf(*in.ResourceConfigurationGroupIdentifier)) &&
			in.DomainVerificationIdentifier == nil
	}), configurationID, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &vpclattice.ListResourceConfigurationsOutput{NextToken: next, Items: summaries(page, func(c *lattice.ResourceConfiguration) vpclattice.ResourceConfigurationSummary {
		s := showConfiguration(r, c)
		return vpclattice.ResourceConfigurationSummary{Id: s.Id, Name: s.Name, Arn: s.Arn, ResourceGatewayId: s.ResourceGatewayId,
			ResourceConfigurationGroupId: s.ResourceConfigurationGroupId, Type: s.Type, Status: s.Status, AmazonManaged: s.AmazonManaged,
			CreatedAt: s.CreatedAt, LastUpdatedAt: s.LastUpdatedAt}
	})}, nil
}

// UpdateResourceConfiguration changes what the configuration stands for, its ports, and whether it can be associated with
// service networks that are shared.
func (a *API) UpdateResourceConfiguration(ctx context.Context, in *vpclattice.UpdateResourceConfigurationInput) (*vpclattice.UpdateResourceConfigurationOutput, error) {
	var out *vpclattice.UpdateResourceConfigurationOutput
	err := a.update(ctx, func(q *query, tx *state.Tx) error {
		c, err := q.ownConfiguration(tx, in.ResourceConfigurationIdentifier, "UpdateResourceConfiguration")
		if err != nil {
			return err
		}
		if status := c.Status(realisedConfiguration(tx, c)); status != lattice.Active && status != lattice.UpdateFailed {
			return busy(lattice.KindConfiguration, c.ID, status)
		}
		if in.PortRanges != nil {
			if err := c.SetPorts(in.PortRanges); err != nil {
				return err
			}
		}
		if in.ResourceConfigurationDefinition != nil {
			if err := q.define(tx, c, in.ResourceConfigurationDefinition); err != nil {
				return err
			}
		}
		if in.AllowAssociationToShareableServiceNetwork != nil {
			c.Shareable = *in.AllowAssociationToShareableServiceNetwork
		}
		c.Updating, c.Meta.Updated = true, q.now
		state.ResourceConfigurations.Put(tx, c)
		s := showConfiguration(tx, c)
		out = &vpclattice.UpdateResourceConfigurationOutput{Id: s.Id, Name: s.Name, Arn: s.Arn, ResourceGatewayId: s.ResourceGatewayId,
			ResourceConfigurationGroupId: s.ResourceConfigurationGroupId, Type: s.Type, PortRanges: s.PortRanges,
			AllowAssociationToShareableServiceNetwork: s.AllowAssociationToShareableServiceNetwork, Protocol: s.Protocol, Status: new(lattice.Updating),
			ResourceConfigurationDefinition: s.ResourceConfigurationDefinition}
		return nil
	})
	return out, err
}

// DeleteResourceConfiguration begins the deletion of a configuration that nothing is associated with.
func (a *API) DeleteResourceConfiguration(ctx context.Context, in *vpclattice.DeleteResourceConfigurationInput) (*vpclattice.DeleteResourceConfigurationOutput, error) {
	return &vpclattice.DeleteResourceConfigurationOutput{}, a.update(ctx, func(q *query, tx *state.Tx) error {
		c, err := q.ownConfiguration(tx, in.ResourceConfigurationIdentifier, "DeleteResourceConfiguration")
		if err != nil {
			return err
		}
		switch status := c.Status(realisedConfiguration(tx, c)); status {
		case lattice.Deleting:
			return nil
		case lattice.Creating, lattice.Updating:
			return busy(lattice.KindConfiguration, c.ID, status)
		}
		for as := range state.NetworkResources.By(tx, state.ByResource, c.ID) {
			return conflict(lattice.KindConfiguration, c.ID, "Resource configuration %s is associated with the service network %s", c.ID, as.Network)
		}
		for e := range state.Endpoints.By(tx, state.ByResource, c.ID) {
			return conflict(lattice.KindConfiguration, c.ID, "Resource configuration %s is associated with the VPC endpoint %s", c.ID, e.ID)
		}
		dropAttachments(tx, c.ID, c.ARN())
		c.Deleting, c.Meta.Updated = true, q.now
		state.ResourceConfigurations.Put(tx, c)
		return nil
	})
}
