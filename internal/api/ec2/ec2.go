// Package ec2 answers the EC2 API's networking operations. It owns VPCs and everything in them: it writes their rows, and
// shows the network interfaces that other APIs put into subnets. Whether a VPC or a peering is real is the hosts' word.
package ec2

import (
	"context"
	"strings"
	"time"

	"trellis/internal/aws/model/ec2"
	"trellis/internal/caller"
	"trellis/internal/fault"
	"trellis/internal/state"
	"trellis/internal/tag"
	"trellis/internal/vpc"
)

// API has one method for every operation that it answers.
type API struct {
	view *state.View
	now  func() time.Time
}

// New returns the API over the view.
func New(view *state.View, now func() time.Time) *API { return &API{view, now} }

// owner says whose resources a call is about.
func owner(ctx context.Context) vpc.Owner {
	c := caller.From(ctx)
	return vpc.Owner{Account: c.Account, Region: c.Region}
}

// update commits what fn writes, or with dry only says that it would.
func (a *API) update(ctx context.Context, dry *bool, fn func(tx *state.Tx) error) error {
	return a.view.Update(ctx, func(tx *state.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return dryRun(dry)
	})
}

func dryRun(dry *bool) error {
	if is(dry) {
		return fault.New(fault.Conflict, "DryRunOperation", "Request would have succeeded, but DryRun flag is set.")
	}
	return nil
}

func is(b *bool) bool { return b != nil && *b }

func str(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// text returns nil for an empty string, so that it is left out of an answer.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func invalid(format string, args ...any) error {
	return fault.New(fault.Invalid, "InvalidParameterValue", format, args...)
}

func combination(format string, args ...any) error {
	return fault.New(fault.Invalid, "InvalidParameterCombination", format, args...)
}

func missing(parameter string) error {
	return fault.New(fault.Invalid, "MissingParameter", "The request must contain the parameter %s", parameter)
}

func unsupported(format string, args ...any) error {
	return fault.New(fault.Unsupported, "UnsupportedOperation", format, args...)
}

func dependency(format string, args ...any) error {
	return fault.New(fault.InUse, "DependencyViolation", format, args...)
}

// get returns the caller's row with the id. A row of another owner is as absent as one that does not exist.
func get[R any](r state.Reader, t *state.Table[R], owned func(*R) vpc.Owner, o vpc.Owner, id string, absent func(string) error) (*R, error) {
	if row, ok := t.Get(r, id); ok && owned(row) == o {
		return row, nil
	}
	return nil, absent(id)
}

func vpcOf(r state.Reader, o vpc.Owner, id string) (*vpc.VPC, error) {
	return get(r, state.VPCs, func(v *vpc.VPC) vpc.Owner { return v.Owner }, o, id, noVPC)
}

func subnetOf(r state.Reader, o vpc.Owner, id string) (*vpc.Subnet, error) {
	return get(r, state.Subnets, func(s *vpc.Subnet) vpc.Owner { return s.Owner }, o, id, noSubnet)
}

func tableOf(r state.Reader, o vpc.Owner, id string) (*vpc.RouteTable, error) {
	return get(r, state.RouteTables, func(t *vpc.RouteTable) vpc.Owner { return t.Owner }, o, id, noTable)
}

func gatewayOf(r state.Reader, o vpc.Owner, id string) (*vpc.InternetGateway, error) {
	return get(r, state.InternetGateways, func(g *vpc.InternetGateway) vpc.Owner { return g.Owner }, o, id, noGateway)
}

func groupOf(r state.Reader, o vpc.Owner, id string) (*vpc.SecurityGroup, error) {
	return get(r, state.SecurityGroups, func(g *vpc.SecurityGroup) vpc.Owner { return g.Owner }, o, id, noGroup)
}

func interfaceOf(r state.Reader, o vpc.Owner, id string) (*vpc.NetworkInterface, error) {
	return get(r, state.Interfaces, func(i *vpc.NetworkInterface) vpc.Owner { return i.Owner }, o, id, noInterface)
}

// absence makes the error for an id of a kind of resource that begins with prefix: another one is malformed.
func absence(prefix, malformed, notFound, format string) func(string) error {
	return func(id string) error {
		if !strings.HasPrefix(id, prefix) {
			return fault.New(fault.Invalid, malformed, "Invalid id: \"%.128s\" (expecting \"%s...\")", id, prefix)
		}
		return fault.New(fault.NotFound, notFound, format, clip(id))
	}
}

func clip(s string) string { return s[:min(len(s), 128)] }

func noVPC(id string) error {
	return fault.New(fault.NotFound, "InvalidVpcID.NotFound", "The vpc ID '%s' does not exist", clip(id))
}

func noSubnet(id string) error {
	return fault.New(fault.NotFound, "InvalidSubnetID.NotFound", "The subnet ID '%s' does not exist", clip(id))
}

func noTable(id string) error {
	return absence("rtb-", "InvalidRouteTableId.Malformed", "InvalidRouteTableID.NotFound", "The routeTable ID '%s' does not exist")(id)
}

func noGateway(id string) error {
	return absence("igw-", "InvalidInternetGatewayId.Malformed", "InvalidInternetGatewayID.NotFound",
		"The internetGateway ID '%s' does not exist")(id)
}

func noGroup(id string) error {
	return absence("sg-", "InvalidGroupId.Malformed", "InvalidGroup.NotFound", "The security group '%s' does not exist")(id)
}

func noPeering(id string) error {
	return absence("pcx-", "InvalidVpcPeeringConnectionId.Malformed", "InvalidVpcPeeringConnectionID.NotFound",
		"The vpcPeeringConnection ID '%s' does not exist")(id)
}

func noInterface(id string) error {
	return absence("eni-", "InvalidNetworkInterfaceId.Malformed", "InvalidNetworkInterfaceID.NotFound",
		"The networkInterface ID '%s' does not exist")(id)
}

func noACL(id string) error {
	return absence("acl-", "InvalidNetworkAclId.Malformed", "InvalidNetworkAclID.NotFound", "The networkAcl ID '%s' does not exist")(id)
}

// tagsFor returns the tags that the specifications give to a new resource of the kind. other lists further kinds that
// the operation makes.
func tagsFor(specs []ec2.TagSpecification, kind string, other ...string) (tag.Set, error) {
	var out tag.Set
	for i := range specs {
		got := str(specs[i].ResourceType)
		if got != kind {
			ok := false
			for _, o := range other {
				ok = ok || o == got
			}
			if !ok {
				return nil, invalid("'%s' is not a valid taggable resource type for this operation.", clip(got))
			}
			continue
		}
		var err error
		if out, err = withTags(out, specs[i].Tags); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func withTags(s tag.Set, tags []ec2.Tag) (tag.Set, error) {
	more := make(tag.Set, len(tags))
	for i := range tags {
		if tags[i].Key == nil {
			return nil, missing("Tag.Key")
		}
		more[*tags[i].Key] = str(tags[i].Value)
	}
	out, err := s.With(more)
	switch {
	case err == nil:
		return out, nil
	case fault.Is(err, fault.Quota):
		return nil, fault.New(fault.Quota, "TagLimitExceeded", "The maximum number of Tags for a resource has been reached.")
	}
	return nil, invalid("%s", message(err))
}

func message(err error) string {
	if f, ok := err.(*fault.Error); ok {
		return f.Message
	}
	return err.Error()
}

func showTags(s tag.Set) []ec2.Tag {
	if len(s) == 0 {
		return nil
	}
	out := make([]ec2.Tag, 0, len(s))
	for _, k := range s.Keys() {
		out = append(out, ec2.Tag{Key: new(k), Value: new(s[k])})
	}
	return out
}
