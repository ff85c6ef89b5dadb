package ec2

import (
	"context"
	"slices"

	"trellis/internal/arn"
	"trellis/internal/aws/model/ec2"
	"trellis/internal/fault"
	"trellis/internal/state"
	"trellis/internal/vpc"
)

func aclOf(r state.Reader, o vpc.Owner, id string) (*vpc.NetworkACL, error) {
	return get(r, state.NetworkACLs, func(a *vpc.NetworkACL) vpc.Owner { return a.Owner }, o, id, noACL)
}

// CreateNetworkAcl makes a network ACL that denies everything. A repeated client token answers with what it made.
func (a *API) CreateNetworkAcl(ctx context.Context, in *ec2.CreateNetworkAclInput) (*ec2.CreateNetworkAclOutput, error) {
	o := owner(ctx)
	tags, err := tagsFor(in.TagSpecifications, "network-acl")
	if err != nil {
		return nil, err
	}
	var id string
	err = a.update(ctx, in.DryRun, func(tx *state.Tx) error {
		var err error
		id, err = a.once(tx, o, "CreateNetworkAcl", in.ClientToken, []any{in.VpcId, tags}, func() (string, error) {
			v, err := vpcOf(tx, o, str(in.VpcId))
			if err != nil {
				return "", err
			}
			n := 0
			for range state.NetworkACLs.By(tx, state.ByVPC, v.ID) {
				n++
			}
			if n >= vpc.MaxACLsPerVPC {
				return "", fault.New(fault.Quota, "NetworkAclLimitExceeded", "The maximum number of network ACLs has been reached.")
			}
			acl := &vpc.NetworkACL{Owner: o, ID: arn.MintHex("acl-"), VPC: v.ID, Tags: tags}
			state.NetworkACLs.Put(tx, acl)
			return acl.ID, nil
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	s := a.view.Snapshot()
	acl, err := aclOf(s, o, id)
	if err != nil {
		return nil, err
	}
	return &ec2.CreateNetworkAclOutput{NetworkAcl: new(showACL(s, acl)), ClientToken: in.ClientToken}, nil
}

// DeleteNetworkAcl removes a network ACL that no subnet uses. A VPC keeps its default one.
func (a *API) DeleteNetworkAcl(ctx context.Context, in *ec2.DeleteNetworkAclInput) (*ec2.DeleteNetworkAclOutput, error) {
	err := a.update(ctx, in.DryRun, func(tx *state.Tx) error {
		acl, err := aclOf(tx, owner(ctx), str(in.NetworkAclId))
		if err != nil {
			return err
		}
		if acl.Default {
			return invalid("cannot delete default network ACL %s", acl.ID)
		}
		for s := range state.Subnets.By(tx, state.ByVPC, acl.VPC) {
			if s.NetworkACLID == acl.ID {
				return dependency("The networkAcl '%s' has dependencies and cannot be deleted.", acl.ID)
			}
		}
		state.NetworkACLs.Delete(tx, acl.ID)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ec2.DeleteNetworkAclOutput{}, nil
}

// ReplaceNetworkAclAssociation lets a subnet use another network ACL of its VPC.
func (a *API) ReplaceNetworkAclAssociation(ctx context.Context, in *ec2.ReplaceNetworkAclAssociationInput) (*ec2.ReplaceNetworkAclAssociationOutput, error) {
	o := owner(ctx)
	var id string
	err := a.update(ctx, in.DryRun, func(tx *state.Tx) error {
		acl, err := aclOf(tx, o, str(in.NetworkAclId))
		if err != nil {
			return err
		}
		for s := range state.Subnets.By(tx, state.ByVPC, acl.VPC) {
			if s.ACLAssocID != str(in.AssociationId) {
				continue
			}
			own := *s
			own.NetworkACLID, own.ACLAssocID = acl.ID, arn.MintHex("aclassoc-")
			id = own.ACLAssocID
			state.Subnets.Put(tx, &own)
			return nil
		}
		return fault.New(fault.NotFound, "InvalidAssociationID.NotFound", "The association ID '%s' does not exist in the VPC of the network ACL", clip(str(in.AssociationId)))
	})
	if err != nil {
		return nil, err
	}
	return &ec2.ReplaceNetworkAclAssociationOutput{NewAssociationId: new(id)}, nil
}

// CreateNetworkAclEntry adds an entry under a number that is free in its direction.
func (a *API) CreateNetworkAclEntry(ctx context.Context, in *ec2.CreateNetworkAclEntryInput) (*ec2.CreateNetworkAclEntryOutput, error) {
	e, err := entryOf(in)
	if err != nil {
		return nil, err
	}
	err = a.editEntries(ctx, in.DryRun, in.NetworkAclId, e.Number, e.Egress, func(acl *vpc.NetworkACL, at int) error {
		if at >= 0 {
			return fault.New(fault.Exists, "NetworkAclEntryAlreadyExists", "The network acl entry identified by %d already exists.", e.Number)
		}
		if len(acl.Sorted(e.Egress)) >= vpc.MaxEntriesPerACL {
			return fault.New(fault.Quota, "NetworkAclEntryLimitExceeded", "The maximum number of network acl entries has been reached.")
		}
		acl.Entries = append(acl.Entries, e)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ec2.CreateNetworkAclEntryOutput{}, nil
}

// ReplaceNetworkAclEntry puts another entry under a number that is taken.
func (a *API) ReplaceNetworkAclEntry(ctx context.Context, in *ec2.ReplaceNetworkAclEntryInput) (*ec2.ReplaceNetworkAclEntryOutput, error) {
	e, err := entryOf((*ec2.CreateNetworkAclEntryInput)(in))
	if err != nil {
		return nil, err
	}
	err = a.editEntries(ctx, in.DryRun, in.NetworkAclId, e.Number, e.Egress, func(acl *vpc.NetworkACL, at int) error {
		if at < 0 {
			return noEntry(e.Number)
		}
		acl.Entries[at] = e
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ec2.ReplaceNetworkAclEntryOutput{}, nil
}

// DeleteNetworkAclEntry removes the entry under a number.
func (a *API) DeleteNetworkAclEntry(ctx context.Context, in *ec2.DeleteNetworkAclEntryInput) (*ec2.DeleteNetworkAclEntryOutput, error) {
	if in.RuleNumber == nil {
		return nil, missing("ruleNumber")
	}
	err := a.editEntries(ctx, in.DryRun, in.NetworkAclId, *in.RuleNumber, is(in.Egress), func(acl *vpc.NetworkACL, at int) error {
		if at < 0 {
			return noEntry(*in.RuleNumber)
		}
		acl.Entries = slices.Delete(acl.Entries, at, at+1)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ec2.DeleteNetworkAclEntryOutput{}, nil
}

func noEntry(n int32) error {
	return fault.New(fault.NotFound, "InvalidNetworkAclEntry.NotFound", "The network acl entry identified by %d does not exist.", n)
}

// editEntries runs edit on an ACL whose entries may be changed, with the place of the entry under the number, -1 if there is none.
func (a *API) editEntries(ctx context.Context, dry *bool, id *string, n int32, egress bool, edit func(acl *vpc.NetworkACL, at int) error) error {
	return a.update(ctx, dry, func(tx *state.Tx) error {
		acl, err := aclOf(tx, owner(ctx), str(id))
		if err != nil {
			return err
		}
		acl.Entries = slices.Clone(acl.Entries)
		at := slices.IndexFunc(acl.Entries, func(e vpc.ACLEntry) bool { return e.Number == n && e.Egress == egress })
		if err := edit(acl, at); err != nil {
			return err
		}
		state.NetworkACLs.Put(tx, acl)
		return nil
	})
}

// entryOf reads an entry from a request.
func entryOf(in *ec2.CreateNetworkAclEntryInput) (vpc.ACLEntry, error) {
	e := vpc.ACLEntry{Egress: is(in.Egress)}
	switch {
	case in.RuleNumber == nil:
		return e, missing("ruleNumber")
	case *in.RuleNumber < 1 || *in.RuleNumber > 32766:
		return e, invalid("Value (%d) for parameter ruleNumber is invalid. It must be from 1 to 32766.", *in.RuleNumber)
	case in.Protocol == nil:
		return e, missing("protocol")
	case in.CidrBlock == nil && in.Ipv6CidrBlock == nil:
		return e, missing("cidrBlock")
	case in.CidrBlock != nil && in.Ipv6CidrBlock != nil:
		return e, combination("Only one of cidrBlock and ipv6CidrBlock may be given.")
	}
	e.Number = *in.RuleNumber
	switch str(in.RuleAction) {
	case "allow":
		e.Allow = true
	case "deny":
	default:
		return e, invalid("Value (%s) for parameter ruleAction is invalid. It must be allow or deny.", clip(str(in.RuleAction)))
	}
	block, v6 := in.CidrBlock, false
	if block == nil {
		block, v6 = in.Ipv6CidrBlock, true
	}
	var err error
	if e.CIDR, err = vpc.ParsePeerBlock(*block, v6); err != nil {
		return e, err
	}
	r := vpc.Rule{}
	if r.Protocol, err = vpc.NormalProtocol(*in.Protocol); err != nil {
		return e, err
	}
	var from, to *int32
	switch r.Protocol {
	case "tcp", "udp":
		if in.PortRange == nil {
			return e, missing("portRange")
		}
		from, to = in.PortRange.From, in.PortRange.To
	case "icmp", "icmpv6":
		if in.IcmpTypeCode == nil {
			return e, missing("icmpTypeCode.type")
		}
		from, to = in.IcmpTypeCode.Type, in.IcmpTypeCode.Code
	}
	if err := r.SetPorts(from, to); err != nil {
		return e, err
	}
	e.Protocol, e.FromPort, e.ToPort = r.Protocol, r.FromPort, r.ToPort
	return e, nil
}

func showEntry(e *vpc.ACLEntry) ec2.NetworkAclEntry {
	out := ec2.NetworkAclEntry{Egress: new(e.Egress), Protocol: new(vpc.ProtocolNumber(e.Protocol)), RuleAction: new("deny"), RuleNumber: new(e.Number)}
	if e.Allow {
		out.RuleAction = new("allow")
	}
	if e.CIDR.Addr().Is4() {
		out.CidrBlock = new(e.CIDR.String())
	} else {
		out.Ipv6CidrBlock = new(e.CIDR.String())
	}
	switch e.Protocol {
	case "tcp", "udp":
		out.PortRange = &ec2.PortRange{From: new(e.FromPort), To: new(e.ToPort)}
	case "icmp", "icmpv6":
		out.IcmpTypeCode = &ec2.IcmpTypeCode{Type: new(e.FromPort), Code: new(e.ToPort)}
	}
	return out
}
