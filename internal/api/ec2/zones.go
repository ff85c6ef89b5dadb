package ec2

import (
	"context"
	"slices"

	"trellis/internal/aws/model/ec2"
	"trellis/internal/vpc"
)

func knownRegion(name string) bool {
	return slices.ContainsFunc(vpc.Regions(), func(r vpc.Region) bool { return r.Name == name })
}

// DescribeRegions lists the regions that AWS enables in every account.
func (a *API) DescribeRegions(_ context.Context, in *ec2.DescribeRegionsInput) (*ec2.DescribeRegionsOutput, error) {
	var all []ec2.Region
	for _, r := range vpc.Regions() {
		if !r.Default && !is(in.AllRegions) && !slices.Contains(in.RegionNames, r.Name) {
			continue
		}
		status := "opt-in-not-required"
		if !r.Default {
			status = "not-opted-in"
		}
		all = append(all, ec2.Region{OptInStatus: new(status), RegionName: new(r.Name), Endpoint: new("ec2." + r.Name + ".amazonaws.com")})
	}
	out, _, err := fixed(all, func(r *ec2.Region) string { return str(r.RegionName) }, nil, func(r *ec2.Region, filter string) ([]string, bool) {
		switch filter {
		case "endpoint":
			return one(r.Endpoint), true
		case "opt-in-status":
			return one(r.OptInStatus), true
		case "region-name":
			return one(r.RegionName), true
		}
		return nil, false
	}, query{ids: in.RegionNames, filters: in.Filters, dry: in.DryRun}, func(id string) error {
		return invalid("Invalid region provided: %s", clip(id))
	})
	if err != nil {
		return nil, err
	}
	return &ec2.DescribeRegionsOutput{Regions: out}, nil
}

func zoneFields(z *ec2.AvailabilityZone, filter string) ([]string, bool) {
	switch filter {
	case "group-name":
		return one(z.GroupName), true
	case "group-long-name":
		return one(z.GroupLongName), true
	case "message", "parent-zone-id", "parent-zone-name":
		return nil, true
	case "opt-in-status":
		return one(z.OptInStatus), true
	case "region-name":
		return one(z.RegionName), true
	case "state":
		return one(z.State), true
	case "zone-id":
		return one(z.ZoneId), true
	case "zone-name":
		return one(z.ZoneName), true
	case "zone-type":
		return one(z.ZoneType), true
	}
	return nil, false
}

// DescribeAvailabilityZones lists the zones of the call's region.
func (a *API) DescribeAvailabilityZones(ctx context.Context, in *ec2.DescribeAvailabilityZonesInput) (*ec2.DescribeAvailabilityZonesOutput, error) {
	region := owner(ctx).Region
	var all []ec2.AvailabilityZone
	for _, z := range vpc.Zones(region) {
		if len(in.ZoneIds) > 0 && !slices.Contains(in.ZoneIds, z.ID) {
			continue
		}
		all = append(all, ec2.AvailabilityZone{OptInStatus: new("opt-in-not-required"), RegionName: new(region), ZoneName: new(z.Name), ZoneId: new(z.ID),
			GroupName: new(region + "-zg-1"), NetworkBorderGroup: new(region), ZoneType: new("availability-zone"), State: new("available")})
	}
	for _, id := range in.ZoneIds {
		if !slices.ContainsFunc(all, func(z ec2.AvailabilityZone) bool { return *z.ZoneId == id }) {
			return nil, invalid("Invalid availability zone-id: [%s]", clip(id))
		}
	}
	out, _, err := fixed(all, func(z *ec2.AvailabilityZone) string { return str(z.ZoneName) }, nil, zoneFields,
		query{ids: in.ZoneNames, filters: in.Filters, dry: in.DryRun}, func(id string) error { return invalid("Invalid availability zone: [%s]", clip(id)) })
	if err != nil {
		return nil, err
	}
	return &ec2.DescribeAvailabilityZonesOutput{AvailabilityZones: out}, nil
}

// DescribeAccountAttributes answers what an account may have. There is a default VPC only where one was made.
func (a *API) DescribeAccountAttributes(ctx context.Context, in *ec2.DescribeAccountAttributesInput) (*ec2.DescribeAccountAttributesOutput, error) {
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	defaultVPC := "none"
	if v, ok := defaultVPCOf(a.view.Snapshot(), owner(ctx)); ok {
		defaultVPC = v.ID
	}
	all := []struct{ name, value string }{
		{"supported-platforms", "VPC"}, {"default-vpc", defaultVPC}, {"vpc-max-security-groups-per-interface", "5"},
		{"max-instances", "20"}, {"max-elastic-ips", "5"}, {"vpc-max-elastic-ips", "5"},
	}
	out := &ec2.DescribeAccountAttributesOutput{}
	for _, name := range in.AttributeNames {
		if !slices.ContainsFunc(all, func(x struct{ name, value string }) bool { return x.name == name }) {
			return nil, invalid("Value (%s) for parameter attributeName is invalid. Unknown attribute.", clip(name))
		}
	}
	for _, x := range all {
		if len(in.AttributeNames) == 0 || slices.Contains(in.AttributeNames, x.name) {
			out.AccountAttributes = append(out.AccountAttributes, ec2.AccountAttribute{AttributeName: new(x.name),
				AttributeValues: []ec2.AccountAttributeValue{{AttributeValue: new(x.value)}}})
		}
	}
	return out, nil
}
