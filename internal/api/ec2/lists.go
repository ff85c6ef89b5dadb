package ec2

import (
	"context"
	"slices"
	"strings"

	"trellis/internal/arn"
	"trellis/internal/aws/model/ec2"
	"trellis/internal/fault"
	"trellis/internal/state"
	"trellis/internal/vpc"
)

func noPrefixList(id string) error {
	return absence("pl-", "InvalidPrefixListId.Malformed", "InvalidPrefixListID.NotFound", "The prefix list ID '%s' does not exist.")(id)
}

// lists returns the region's prefix lists in order of their ids.
func lists(region string) []vpc.ManagedPrefixList {
	all := vpc.ManagedPrefixLists(region)
	slices.SortFunc(all, func(a, b vpc.ManagedPrefixList) int { return strings.Compare(a.ID, b.ID) })
	return all
}

func managedList(region, id string) bool {
	return slices.ContainsFunc(lists(region), func(l vpc.ManagedPrefixList) bool { return l.ID == id })
}

// DescribeManagedPrefixLists lists the prefix lists that AWS owns. Customers' own do not exist.
func (a *API) DescribeManagedPrefixLists(ctx context.Context, in *ec2.DescribeManagedPrefixListsInput) (*ec2.DescribeManagedPrefixListsOutput, error) {
	region := owner(ctx).Region
	var all []ec2.ManagedPrefixList
	for _, l := range lists(region) {
		all = append(all, ec2.ManagedPrefixList{PrefixListId: new(l.ID), AddressFamily: new(l.Family), State: new("create-complete"),
			PrefixListArn: new(arn.New("ec2", region, "aws", "prefix-list/"+l.ID).String()), PrefixListName: new(l.Name), OwnerId: new("AWS")})
	}
	out, next, err := fixed(all, func(l *ec2.ManagedPrefixList) string { return str(l.PrefixListId) },
		func(l *ec2.ManagedPrefixList) []ec2.Tag { return l.Tags }, func(l *ec2.ManagedPrefixList, filter string) ([]string, bool) {
			switch filter {
			case "owner-id":
				return one(l.OwnerId), true
			case "prefix-list-id":
				return one(l.PrefixListId), true
			case "prefix-list-name":
				return one(l.PrefixListName), true
			}
			return nil, false
		}, query{in.PrefixListIds, in.Filters, in.MaxResults, in.NextToken, in.DryRun}, noPrefixList)
	if err != nil {
		return nil, err
	}
	return &ec2.DescribeManagedPrefixListsOutput{PrefixLists: out, NextToken: next}, nil
}

// GetManagedPrefixListEntries lists the CIDRs of a prefix list.
func (a *API) GetManagedPrefixListEntries(ctx context.Context, in *ec2.GetManagedPrefixListEntriesInput) (*ec2.GetManagedPrefixListEntriesOutput, error) {
	var entries []ec2.PrefixListEntry
	id := str(in.PrefixListId)
	for _, l := range lists(owner(ctx).Region) {
		if l.ID != id {
			continue
		}
		for _, p := range l.Entries {
			entries = append(entries, ec2.PrefixListEntry{Cidr: new(p.String())})
		}
	}
	if entries == nil {
		return nil, noPrefixList(id)
	}
	key := func(e *ec2.PrefixListEntry) string { return *e.Cidr }
	slices.SortFunc(entries, func(a, b ec2.PrefixListEntry) int { return strings.Compare(*a.Cidr, *b.Cidr) })
	out, next, err := fixed(entries, key, nil, func(*ec2.PrefixListEntry, string) ([]string, bool) { return nil, false },
		query{max: in.MaxResults, token: in.NextToken, dry: in.DryRun}, nil)
	if err != nil {
		return nil, err
	}
	return &ec2.GetManagedPrefixListEntriesOutput{Entries: out, NextToken: next}, nil
}

// DescribePrefixLists lists AWS's prefix lists with their CIDRs.
func (a *API) DescribePrefixLists(ctx context.Context, in *ec2.DescribePrefixListsInput) (*ec2.DescribePrefixListsOutput, error) {
	var all []ec2.PrefixList
	for _, l := range lists(owner(ctx).Region) {
		out := ec2.PrefixList{PrefixListId: new(l.ID), PrefixListName: new(l.Name)}
		for _, p := range l.Entries {
			out.Cidrs = append(out.Cidrs, p.String())
		}
		all = append(all, out)
	}
	out, next, err := fixed(all, func(l *ec2.PrefixList) string { return str(l.PrefixListId) }, nil,
		func(l *ec2.PrefixList, filter string) ([]string, bool) {
			switch filter {
			case "prefix-list-id":
				return one(l.PrefixListId), true
			case "prefix-list-name":
				return one(l.PrefixListName), true
			}
			return nil, false
		}, query{in.PrefixListIds, in.Filters, in.MaxResults, in.NextToken, in.DryRun}, noPrefixList)
	if err != nil {
		return nil, err
	}
	return &ec2.DescribePrefixListsOutput{PrefixLists: out, NextToken: next}, nil
}

// GetManagedPrefixListAssociations answers only for lists of one's own, of which there are none.
func (a *API) GetManagedPrefixListAssociations(ctx context.Context, in *ec2.GetManagedPrefixListAssociationsInput) (*ec2.GetManagedPrefixListAssociationsOutput, error) {
	if id := str(in.PrefixListId); !managedList(owner(ctx).Region, id) {
		return nil, noPrefixList(id)
	}
	return nil, fault.New(fault.Denied, "UnauthorizedOperation", "You are not authorized to perform this operation. The prefix list belongs to AWS.")
}

func defaultVPCOf(r state.Reader, o vpc.Owner) (*vpc.VPC, bool) {
	for v := range state.VPCs.By(r, state.ByScope, o.Scope()) {
		if v.Default {
			return v, true
		}
	}
	return nil, false
}
