package ec2

import (
	"context"
	"time"

	"trellis/internal/arn"
	"trellis/internal/aws/model/ec2"
	"trellis/internal/caller"
	"trellis/internal/fault"
	"trellis/internal/state"
	"trellis/internal/vpc"
)

// CreateVpcPeeringConnection asks the owner of another VPC for a peering. A request that can come to nothing, for there
// is no such VPC or its addresses overlap, fails without saying which it was.
func (a *API) CreateVpcPeeringConnection(ctx context.Context, in *ec2.CreateVpcPeeringConnectionInput) (*ec2.CreateVpcPeeringConnectionOutput, error) {
	o := owner(ctx)
	if in.PeerVpcId == nil {
		return nil, missing("peerVpcId")
	}
	if in.RequesterPeeringConnectionOptions != nil {
		return nil, unsupported("Multipath resilience of peerings is not supported.")
	}
	far := vpc.Owner{Account: o.Account, Region: o.Region}
	if in.PeerOwnerId != nil {
		if !arn.IsAccount(*in.PeerOwnerId) {
			return nil, invalid("Value (%s) for parameter peerOwnerId is invalid. It must be a 12-digit account id.", clip(*in.PeerOwnerId))
		}
		far.Account = *in.PeerOwnerId
	}
	if in.PeerRegion != nil {
		if !knownRegion(*in.PeerRegion) {
			return nil, invalid("Value (%s) for parameter peerRegion is invalid.", clip(*in.PeerRegion))
		}
		far.Region = *in.PeerRegion
	}
	tags, err := tagsFor(in.TagSpecifications, "vpc-peering-connection")
	if err != nil {
		return nil, err
	}
	var p *vpc.Peering
	err = a.update(ctx, in.DryRun, func(tx *state.Tx) error {
		now := a.now().UTC()
		v, err := vpcOf(tx, o, str(in.VpcId))
		if err != nil {
			return err
		}
		if v.ID == *in.PeerVpcId {
			return invalid("A VPC cannot be peered with itself: %s", v.ID)
		}
		if err := a.checkPeerings(tx, v, *in.PeerVpcId, now); err != nil {
			return err
		}
		for old := range state.Peerings.By(tx, state.ByScope, o.Scope()) {
			if !old.Visible(now) {
				state.Peerings.Delete(tx, old.ID)
			}
		}
		p = &vpc.Peering{Owner: o, ID: arn.MintHex("pcx-"), Requester: vpc.PeerSide{Owner: o, VPC: v.ID, Tags: tags},
			Accepter: vpc.PeerSide{Owner: far, VPC: *in.PeerVpcId}, Status: vpc.PeeringPending,
			Message: "Pending Acceptance by " + far.Account, Created: now, Expires: now.Add(vpc.PeeringPatience)}
		peer, err := vpcOf(tx, far, *in.PeerVpcId)
		if err != nil && far == o {
			return err
		}
		if err != nil || peer.Overlaps(v) {
			p.Status, p.Expires, p.Ended = vpc.PeeringFailed, time.Time{}, now
			p.Message = "Failed due to incorrect VPC-ID, Account ID, or overlapping CIDR range"
		}
		state.Peerings.Put(tx, p)
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := a.showPeering(a.view.Snapshot(), p, o)
	out.Status = &ec2.VpcPeeringConnectionStateReason{Code: new("initiating-request"), Message: new("Initiating Request to " + far.Account)}
	return &ec2.CreateVpcPeeringConnectionOutput{VpcPeeringConnection: &out}, nil
}

// checkPeerings refuses a second peering with the same VPC and one over the quotas.
func (a *API) checkPeerings(tx *state.Tx, v *vpc.VPC, peer string, now time.Time) error {
	active, pending := 0, 0
	for p := range state.Peerings.By(tx, state.ByVPC, v.ID) {
		_, far, _ := p.Side(v.ID)
		switch s := p.StatusAt(now); {
		case p.Live(now) && far.VPC == peer:
			return fault.New(fault.Exists, "VpcPeeringConnectionAlreadyExists",
				"A VPC peering connection between the VPCs already exists: %s", p.ID)
		case s == vpc.PeeringActive:
			active++
		case s == vpc.PeeringPending:
			pending++
		}
	}
	if active >= vpc.MaxActivePeerings {
		return fault.New(fault.Quota, "PeeringConnectionLimitExceeded", "The maximum number of VPC peering connections of the VPC has been reached.")
	}
	if pending >= vpc.MaxPendingPeerings {
		return fault.New(fault.Quota, "OutstandingVpcPeeringConnectionLimitExceeded",
			"The maximum number of outstanding VPC peering connection requests has been reached.")
	}
	return nil
}

// peeringOf returns a peering that the caller has a side of, in the call's region.
func (a *API) peeringOf(r state.Reader, o vpc.Owner, id string) (*vpc.Peering, error) {
	p, ok := state.Peerings.Get(r, id)
	if !ok || !a.ownsSide(p, o) {
		return nil, noPeering(id)
	}
	return p, nil
}

func (a *API) ownsSide(p *vpc.Peering, o vpc.Owner) bool {
	return (p.Requester.Owner == o || p.Accepter.Owner == o) && p.Visible(a.now())
}

// showPeering shows a peering to the owner of one of its sides.
func (a *API) showPeering(s *state.Snapshot, p *vpc.Peering, o vpc.Owner) ec2.VpcPeeringConnection {
	status, text := p.StatusAt(a.now()), p.Message
	_, rev, _ := state.Peerings.Lookup(s, p.ID)
	if p.Provisioning && status == vpc.PeeringActive {
		switch done, failure := state.Realised(s, rev.Modified, p.ID); {
		case failure != "":
			status, text = vpc.PeeringFailed, failure
		case !done:
			status, text = vpc.PeeringProvisioning, "Provisioning"
		}
	}
	if status == vpc.PeeringExpired {
		text = "Expired"
	}
	out := ec2.VpcPeeringConnection{VpcPeeringConnectionId: new(p.ID), Tags: showTags(*p.TagsOf(o)),
		Status:           &ec2.VpcPeeringConnectionStateReason{Code: new(status), Message: new(text)},
		RequesterVpcInfo: showSide(s, &p.Requester, true),
		AccepterVpcInfo:  showSide(s, &p.Accepter, p.Status == vpc.PeeringActive || p.Requester.Owner == p.Accepter.Owner)}
	if p.Status == vpc.PeeringPending {
		out.ExpirationTime = new(p.Expires)
	}
	if p.Status == vpc.PeeringActive {
		out.RequesterVpcInfo.PeeringOptions = describedOptions(&p.Requester)
		out.AccepterVpcInfo.PeeringOptions = describedOptions(&p.Accepter)
	}
	return out
}

func describedOptions(side *vpc.PeerSide) *ec2.VpcPeeringConnectionOptionsDescription {
	return &ec2.VpcPeeringConnectionOptionsDescription{AllowDnsResolutionFromRemoteVpc: new(side.RemoteDNS),
		AllowEgressFromLocalClassicLinkToRemoteVpc: new(false), AllowEgressFromLocalVpcToRemoteClassicLink: new(false)}
}

// showSide shows one end; its addresses only with blocks.
func showSide(s *state.Snapshot, side *vpc.PeerSide, blocks bool) *ec2.VpcPeeringConnectionVpcInfo {
	out := &ec2.VpcPeeringConnectionVpcInfo{OwnerId: new(side.Account), VpcId: new(side.VPC), Region: new(side.Region)}
	v, ok := state.VPCs.Get(s, side.VPC)
	if !blocks || !ok || v.Owner != side.Owner {
		return out
	}
	out.CidrBlock = new(v.CIDRs[0].Prefix.String())
	for _, b := range v.CIDRs {
		out.CidrBlockSet = append(out.CidrBlockSet, ec2.CidrBlock{CidrBlock: new(b.Prefix.String())})
	}
	return out
}

func peeringFields(p *ec2.VpcPeeringConnection, filter string) ([]string, bool) {
	side := func(i *ec2.VpcPeeringConnectionVpcInfo, f func(*ec2.VpcPeeringConnectionVpcInfo) *string) ([]string, bool) {
		if i == nil {
			return nil, true
		}
		return one(f(i)), true
	}
	switch filter {
	case "accepter-vpc-info.cidr-block":
		return side(p.AccepterVpcInfo, func(i *ec2.VpcPeeringConnectionVpcInfo) *string { return i.CidrBlock })
	case "accepter-vpc-info.owner-id":
		return side(p.AccepterVpcInfo, func(i *ec2.VpcPeeringConnectionVpcInfo) *string { return i.OwnerId })
	case "accepter-vpc-info.vpc-id":
		return side(p.AccepterVpcInfo, func(i *ec2.VpcPeeringConnectionVpcInfo) *string { return i.VpcId })
	case "requester-vpc-info.cidr-block":
		return side(p.RequesterVpcInfo, func(i *ec2.VpcPeeringConnectionVpcInfo) *string { return i.CidrBlock })
	case "requester-vpc-info.owner-id":
		return side(p.RequesterVpcInfo, func(i *ec2.VpcPeeringConnectionVpcInfo) *string { return i.OwnerId })
	case "requester-vpc-info.vpc-id":
		return side(p.RequesterVpcInfo, func(i *ec2.VpcPeeringConnectionVpcInfo) *string { return i.VpcId })
	case "expiration-time":
		if p.ExpirationTime == nil {
			return nil, true
		}
		return []string{p.ExpirationTime.Format("2006-01-02T15:04:05.000Z")}, true
	case "status-code", "status-message":
		if p.Status == nil {
			return nil, true
		}
		if filter == "status-code" {
			return one(p.Status.Code), true
		}
		return one(p.Status.Message), true
	case "vpc-peering-connection-id":
		return one(p.VpcPeeringConnectionId), true
	}
	return nil, false
}

// DescribeVpcPeeringConnections lists the peerings that the caller has a side of, and for a while those that ended.
func (a *API) DescribeVpcPeeringConnections(ctx context.Context, in *ec2.DescribeVpcPeeringConnectionsInput) (*ec2.DescribeVpcPeeringConnectionsOutput, error) {
	l := &listing[vpc.Peering, ec2.VpcPeeringConnection]{table: state.Peerings, id: func(p *vpc.Peering) string { return p.ID },
		owned: a.ownsSide, absent: noPeering,
		show: func(s *state.Snapshot, p *vpc.Peering) ec2.VpcPeeringConnection {
			return a.showPeering(s, p, owner(ctx))
		},
		tags: func(p *ec2.VpcPeeringConnection) []ec2.Tag { return p.Tags }, fields: peeringFields,
		index: func(filter string) string {
			if filter == "accepter-vpc-info.vpc-id" || filter == "requester-vpc-info.vpc-id" {
				return state.ByVPC
			}
			return ""
		}}
	out, next, err := describe(ctx, a.view.Snapshot(), l, query{in.VpcPeeringConnectionIds, in.Filters, in.MaxResults, in.NextToken, in.DryRun})
	if err != nil {
		return nil, err
	}
	return &ec2.DescribeVpcPeeringConnectionsOutput{VpcPeeringConnections: out, NextToken: next}, nil
}

// changePeering runs change on the caller's peering in a transaction and stores the result.
func (a *API) changePeering(ctx context.Context, dry *bool, id *string, change func(tx *state.Tx, p *vpc.Peering, now time.Time) error) (*vpc.Peering, error) {
	if id == nil {
		return nil, missing("vpcPeeringConnectionId")
	}
	var p *vpc.Peering
	err := a.update(ctx, dry, func(tx *state.Tx) error {
		var err error
		if p, err = a.peeringOf(tx, owner(ctx), *id); err != nil {
			return err
		}
		a.settle(tx, p)
		if err := change(tx, p, a.now().UTC()); err != nil {
			return err
		}
		state.Peerings.Put(tx, p)
		return nil
	})
	return p, err
}

// settle takes note that the peering has become real, before its row is written again.
func (a *API) settle(tx *state.Tx, p *vpc.Peering) {
	_, rev, _ := state.Peerings.Lookup(tx, p.ID)
	if done, failure := state.Realised(tx.Snapshot(), rev.Modified, p.ID); done && failure == "" {
		p.Provisioning = false
	}
}

// AcceptVpcPeeringConnection lets the owner of the other VPC make a requested peering active.
func (a *API) AcceptVpcPeeringConnection(ctx context.Context, in *ec2.AcceptVpcPeeringConnectionInput) (*ec2.AcceptVpcPeeringConnectionOutput, error) {
	o := owner(ctx)
	p, err := a.changePeering(ctx, in.DryRun, in.VpcPeeringConnectionId, func(tx *state.Tx, p *vpc.Peering, now time.Time) error {
		if p.Accepter.Owner != o {
			return denied("User %s cannot accept peering %s", caller.From(ctx).Account, p.ID)
		}
		near, err := vpcOf(tx, o, p.Accepter.VPC)
		if err != nil {
			return err
		}
		if err := p.Accept(now); err != nil {
			return err
		}
		far, ok := state.VPCs.Get(tx, p.Requester.VPC)
		if !ok || far.Overlaps(near) {
			p.Status, p.Provisioning, p.Ended = vpc.PeeringFailed, false, now
			p.Message = "Failed due to incorrect VPC-ID, Account ID, or overlapping CIDR range"
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ec2.AcceptVpcPeeringConnectionOutput{VpcPeeringConnection: new(a.showPeering(a.view.Snapshot(), p, o))}, nil
}

func denied(format string, args ...any) error {
	return fault.New(fault.Conflict, "OperationNotPermitted", format, args...)
}

// RejectVpcPeeringConnection lets the owner of the other VPC refuse a requested peering.
func (a *API) RejectVpcPeeringConnection(ctx context.Context, in *ec2.RejectVpcPeeringConnectionInput) (*ec2.RejectVpcPeeringConnectionOutput, error) {
	o := owner(ctx)
	_, err := a.changePeering(ctx, in.DryRun, in.VpcPeeringConnectionId, func(_ *state.Tx, p *vpc.Peering, now time.Time) error {
		if p.Accepter.Owner != o {
			return denied("User %s cannot reject peering %s", o.Account, p.ID)
		}
		return p.Reject(o.Account, now)
	})
	if err != nil {
		return nil, err
	}
	return &ec2.RejectVpcPeeringConnectionOutput{Return: new(true)}, nil
}

// DeleteVpcPeeringConnection ends a peering. Routes through it stay and lead nowhere.
func (a *API) DeleteVpcPeeringConnection(ctx context.Context, in *ec2.DeleteVpcPeeringConnectionInput) (*ec2.DeleteVpcPeeringConnectionOutput, error) {
	o := owner(ctx)
	_, err := a.changePeering(ctx, in.DryRun, in.VpcPeeringConnectionId, func(_ *state.Tx, p *vpc.Peering, now time.Time) error {
		if p.StatusAt(now) == vpc.PeeringDeleted {
			return nil
		}
		return p.Delete(o.Account, now)
	})
	if err != nil {
		return nil, err
	}
	return &ec2.DeleteVpcPeeringConnectionOutput{Return: new(true)}, nil
}

// ModifyVpcPeeringConnectionOptions sets what each side allows the other. Only the owner of a side may change it.
func (a *API) ModifyVpcPeeringConnectionOptions(ctx context.Context, in *ec2.ModifyVpcPeeringConnectionOptionsInput) (*ec2.ModifyVpcPeeringConnectionOptionsOutput, error) {
	o := owner(ctx)
	if in.AccepterPeeringConnectionOptions == nil && in.RequesterPeeringConnectionOptions == nil {
		return nil, missing("requesterPeeringConnectionOptions or accepterPeeringConnectionOptions")
	}
	p, err := a.changePeering(ctx, in.DryRun, in.VpcPeeringConnectionId, func(tx *state.Tx, p *vpc.Peering, now time.Time) error {
		if p.StatusAt(now) != vpc.PeeringActive {
			return denied("Peering %s is not active. Peering options can be added only to active peerings.", p.ID)
		}
		for _, side := range []struct {
			name string
			side *vpc.PeerSide
			want *ec2.PeeringConnectionOptionsRequest
		}{{"accepter", &p.Accepter, in.AccepterPeeringConnectionOptions}, {"requester", &p.Requester, in.RequesterPeeringConnectionOptions}} {
			if side.want == nil {
				continue
			}
			if side.side.Owner != o {
				return denied("User %s cannot modify %s peering options.", o.Account, side.name)
			}
			if err := setOptions(tx, side.side, side.want); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := &ec2.ModifyVpcPeeringConnectionOptionsOutput{}
	if in.AccepterPeeringConnectionOptions != nil {
		out.AccepterPeeringConnectionOptions = modifiedOptions(&p.Accepter)
	}
	if in.RequesterPeeringConnectionOptions != nil {
		out.RequesterPeeringConnectionOptions = modifiedOptions(&p.Requester)
	}
	return out, nil
}

func modifiedOptions(side *vpc.PeerSide) *ec2.PeeringConnectionOptions {
	return &ec2.PeeringConnectionOptions{AllowDnsResolutionFromRemoteVpc: new(side.RemoteDNS),
		AllowEgressFromLocalClassicLinkToRemoteVpc: new(false), AllowEgressFromLocalVpcToRemoteClassicLink: new(false)}
}

func setOptions(tx *state.Tx, side *vpc.PeerSide, want *ec2.PeeringConnectionOptionsRequest) error {
	switch {
	case is(want.AllowEgressFromLocalClassicLinkToRemoteVpc) || is(want.AllowEgressFromLocalVpcToRemoteClassicLink):
		return invalid("ClassicLink has been retired.")
	case is(want.AllowMultipathResilience) || want.MultipathResilienceMode != nil:
		return unsupported("Multipath resilience of peerings is not supported.")
	case want.AllowDnsResolutionFromRemoteVpc == nil:
		return nil
	}
	if *want.AllowDnsResolutionFromRemoteVpc {
		if v, ok := state.VPCs.Get(tx, side.VPC); ok && (!v.DNSHostnames || !v.DNSSupport) {
			return fault.New(fault.Conflict, "InvalidVpcPeeringConnectionState.DnsHostnamesDisabled",
				"To enable DNS hostname resolution for the VPC peering connection, DNS hostname support must be enabled for the VPCs.")
		}
	}
	side.RemoteDNS = *want.AllowDnsResolutionFromRemoteVpc
	return nil
}
