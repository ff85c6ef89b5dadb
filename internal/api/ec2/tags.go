package ec2

import (
	"context"
	"slices"
	"strings"

	"trellis/internal/aws/model/ec2"
	"trellis/internal/fault"
	"trellis/internal/state"
	"trellis/internal/tag"
	"trellis/internal/vpc"
)

// CreateTags adds tags to resources, or gives those that they have another value.
func (a *API) CreateTags(ctx context.Context, in *ec2.CreateTagsInput) (*ec2.CreateTagsOutput, error) {
	if len(in.Tags) == 0 {
		return nil, missing("tagSet")
	}
	err := a.editTags(ctx, in.DryRun, in.Resources, func(s tag.Set) (tag.Set, error) { return withTags(s, in.Tags) })
	if err != nil {
		return nil, err
	}
	return &ec2.CreateTagsOutput{}, nil
}

// DeleteTags removes tags from resources: those with the keys, and where a value is given only with that value. Without tags it
// removes all.
func (a *API) DeleteTags(ctx context.Context, in *ec2.DeleteTagsInput) (*ec2.DeleteTagsOutput, error) {
	err := a.editTags(ctx, in.DryRun, in.Resources, func(s tag.Set) (tag.Set, error) {
		if len(in.Tags) == 0 {
			return nil, nil
		}
		for i := range in.Tags {
			t := &in.Tags[i]
			if t.Key == nil {
				return nil, missing("Tag.Key")
			}
			if t.Value == nil || s[*t.Key] == *t.Value {
				s = s.Without(*t.Key)
			}
		}
		return s, nil
	})
	if err != nil {
		return nil, err
	}
	return &ec2.DeleteTagsOutput{}, nil
}

func (a *API) editTags(ctx context.Context, dry *bool, ids []string, edit func(tag.Set) (tag.Set, error)) error {
	if len(ids) == 0 {
		return missing("resourceIdSet")
	}
	o := owner(ctx)
	return a.update(ctx, dry, func(tx *state.Tx) error {
		for _, id := range ids {
			if err := a.editTagsOf(tx, o, id, edit); err != nil {
				return err
			}
		}
		return nil
	})
}

// retag puts a row again with edited tags.
func retag[R any](tx *state.Tx, t *state.Table[R], row *R, err error, tags func(*R) *tag.Set, edit func(tag.Set) (tag.Set, error)) error {
	if err != nil {
		return err
	}
	p := tags(row)
	if *p, err = edit(*p); err != nil {
		return err
	}
	t.Put(tx, row)
	return nil
}

func (a *API) editTagsOf(tx *state.Tx, o vpc.Owner, id string, edit func(tag.Set) (tag.Set, error)) error {
	kind, _, _ := strings.Cut(id, "-")
	switch kind {
	case "vpc":
		row, err := vpcOf(tx, o, id)
		return retag(tx, state.VPCs, row, err, func(v *vpc.VPC) *tag.Set { return &v.Tags }, edit)
	case "subnet":
		row, err := subnetOf(tx, o, id)
		return retag(tx, state.Subnets, row, err, func(s *vpc.Subnet) *tag.Set { return &s.Tags }, edit)
	case "rtb":
		row, err := tableOf(tx, o, id)
		return retag(tx, state.RouteTables, row, err, func(t *vpc.RouteTable) *tag.Set { return &t.Tags }, edit)
	case "igw":
		row, err := gatewayOf(tx, o, id)
		return retag(tx, state.InternetGateways, row, err, func(g *vpc.InternetGateway) *tag.Set { return &g.Tags }, edit)
	case "sg":
		row, err := groupOf(tx, o, id)
		return retag(tx, state.SecurityGroups, row, err, func(g *vpc.SecurityGroup) *tag.Set { return &g.Tags }, edit)
	case "sgr":
		g, i, err := ruleOf(tx, o, id)
		return retag(tx, state.SecurityGroups, g, err, func(g *vpc.SecurityGroup) *tag.Set { return &g.Rules[i].Tags }, edit)
	case "eni":
		row, err := interfaceOf(tx, o, id)
		return retag(tx, state.Interfaces, row, err, func(i *vpc.NetworkInterface) *tag.Set { return &i.Tags }, edit)
	case "acl":
		row, err := aclOf(tx, o, id)
		return retag(tx, state.NetworkACLs, row, err, func(a *vpc.NetworkACL) *tag.Set { return &a.Tags }, edit)
	case "pcx":
		row, err := a.peeringOf(tx, o, id)
		if err == nil {
			a.settle(tx, row)
		}
		return retag(tx, state.Peerings, row, err, func(p *vpc.Peering) *tag.Set { return p.TagsOf(o) }, edit)
	case "vpce":
		row, err := endpointOf(tx, o, id)
		if err == nil && row.Updating {
			status, _ := endpointStatus(tx.Snapshot(), row)
			row.Updating = status == "pending"
		}
		return retag(tx, state.Endpoints, row, err, func(e *vpc.Endpoint) *tag.Set { return &e.Tags }, edit)
	case "dopt":
		return unsupported("DHCP options cannot be tagged: %s", clip(id))
	}
	return fault.New(fault.NotFound, "InvalidID", "The ID '%s' is not valid", clip(id))
}

func tagFields(t *ec2.TagDescription, filter string) ([]string, bool) {
	switch filter {
	case "key":
		return one(t.Key), true
	case "resource-id":
		return one(t.ResourceId), true
	case "resource-type":
		return one(t.ResourceType), true
	case "value":
		return one(t.Value), true
	}
	return nil, false
}

// DescribeTags lists the tags of the caller's resources in the region.
func (a *API) DescribeTags(ctx context.Context, in *ec2.DescribeTagsInput) (*ec2.DescribeTagsOutput, error) {
	c := tagged{s: a.view.Snapshot(), o: owner(ctx)}
	for i := range in.Filters {
		if str(in.Filters[i].Name) == "resource-id" && len(in.Filters[i].Values) == 1 && literal(in.Filters[i].Values[0]) {
			c.only = in.Filters[i].Values[0]
		}
	}
	collect(&c, state.VPCs, "vpc", func(v *vpc.VPC) (string, vpc.Owner, tag.Set) { return v.ID, v.Owner, v.Tags })
	collect(&c, state.Subnets, "subnet", func(s *vpc.Subnet) (string, vpc.Owner, tag.Set) { return s.ID, s.Owner, s.Tags })
	collect(&c, state.RouteTables, "route-table", func(t *vpc.RouteTable) (string, vpc.Owner, tag.Set) { return t.ID, t.Owner, t.Tags })
	collect(&c, state.InternetGateways, "internet-gateway", func(g *vpc.InternetGateway) (string, vpc.Owner, tag.Set) { return g.ID, g.Owner, g.Tags })
	collect(&c, state.SecurityGroups, "security-group", func(g *vpc.SecurityGroup) (string, vpc.Owner, tag.Set) { return g.ID, g.Owner, g.Tags })
	collect(&c, state.Interfaces, "network-interface", func(i *vpc.NetworkInterface) (string, vpc.Owner, tag.Set) { return i.ID, i.Owner, i.Tags })
	collect(&c, state.NetworkACLs, "network-acl", func(acl *vpc.NetworkACL) (string, vpc.Owner, tag.Set) { return acl.ID, acl.Owner, acl.Tags })
	collect(&c, state.Endpoints, "vpc-endpoint", func(e *vpc.Endpoint) (string, vpc.Owner, tag.Set) { return e.ID, e.Owner, e.Tags })
	// A peering that has ended is described for a while; its tags are no resource's any more.
	collect(&c, state.Peerings, "vpc-peering-connection", func(p *vpc.Peering) (string, vpc.Owner, tag.Set) {
		if !a.ownsSide(p, c.o) || !p.Live(a.now()) {
			return p.ID, vpc.Owner{}, nil
		}
		return p.ID, c.o, *p.TagsOf(c.o)
	})
	c.rules()
	key := func(t *ec2.TagDescription) string { return *t.ResourceId + "\x00" + *t.Key }
	slices.SortFunc(c.out, func(a, b ec2.TagDescription) int { return strings.Compare(key(&a), key(&b)) })
	out, next, err := fixed(c.out, key, func(t *ec2.TagDescription) []ec2.Tag { return []ec2.Tag{{Key: t.Key, Value: t.Value}} }, tagFields,
		query{filters: in.Filters, max: in.MaxResults, token: in.NextToken, dry: in.DryRun}, nil)
	if err != nil {
		return nil, err
	}
	return &ec2.DescribeTagsOutput{Tags: out, NextToken: next}, nil
}

// tagged collects tags, of one resource alone when only is set.
type tagged struct {
	s    *state.Snapshot
	o    vpc.Owner
	only string
	out  []ec2.TagDescription
}

func (c *tagged) add(kind, id string, s tag.Set) {
	for _, k := range s.Keys() {
		c.out = append(c.out, ec2.TagDescription{Key: new(k), ResourceId: new(id), ResourceType: new(kind), Value: new(s[k])})
	}
}

func collect[R any](c *tagged, t *state.Table[R], kind string, of func(*R) (string, vpc.Owner, tag.Set)) {
	if c.only != "" {
		if r, ok := t.Get(c.s, c.only); ok {
			if id, o, s := of(r); o == c.o {
				c.add(kind, id, s)
			}
		}
		return
	}
	for r := range t.By(c.s, state.ByScope, c.o.Scope()) {
		if id, o, s := of(r); o == c.o {
			c.add(kind, id, s)
		}
	}
}

// rules collects the tags of security group rules.
func (c *tagged) rules() {
	index, value := state.ByScope, c.o.Scope()
	if c.only != "" {
		index, value = state.ByRule, c.only
	}
	for g := range state.SecurityGroups.By(c.s, index, value) {
		for i := range g.Rules {
			if r := &g.Rules[i]; g.Owner == c.o && (c.only == "" || c.only == r.ID) {
				c.add("security-group-rule", r.ID, r.Tags)
			}
		}
	}
}
