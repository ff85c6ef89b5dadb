package cloudcontrol

import (
	"cmp"

	"trellis/internal/aws/model/ec2"
)

func (c *call) routeTables(in ec2.DescribeRouteTablesInput) ([]ec2.RouteTable, error) {
	return pages(func(token *string) ([]ec2.RouteTable, *string, error) {
		in.NextToken = token
		out, err := do[ec2.DescribeRouteTablesOutput](c, ec2.Model, "DescribeRouteTables", &in)
		if err != nil {
			return nil, nil, err
		}
		return out.RouteTables, out.NextToken, nil
	})
}

func routeTable() *resource {
	r := &resource{}
	r.create = func(c *call, want model) error {
		out, err := do[ec2.CreateRouteTableOutput](c, ec2.Model, "CreateRouteTable", &ec2.CreateRouteTableInput{
			VpcId: want.text("VpcId"), ClientToken: &c.token, TagSpecifications: stampOf("route-table", want)})
		if err == nil {
			c.made(out.RouteTable.RouteTableId)
		}
		return err
	}
	r.read = func(c *call, id string) (model, error) {
		all, err := c.routeTables(ec2.DescribeRouteTablesInput{RouteTableIds: []string{id}})
		t, err := only(all, err, "The routeTable ID '%s' does not exist", id)
		if err != nil {
			return nil, err
		}
		return withTags(r, *t, t.Tags, ec2Tag), nil
	}
	r.update = func(c *call, id string, want, have model) error { return c.retagEC2(id, want, have) }
	r.remove = func(c *call, id string) error {
		_, err := do[ec2.DeleteRouteTableOutput](c, ec2.Model, "DeleteRouteTable", &ec2.DeleteRouteTableInput{RouteTableId: &id})
		return err
	}
	r.list = r.listed(func(c *call, _ model) ([]model, error) {
		all, err := c.routeTables(ec2.DescribeRouteTablesInput{})
		return each(all, err, func(t ec2.RouteTable) model { return r.show(t) })
	})
	return r
}

// route is one route of a table, which its destination tells from the others.
func route() *resource {
	r := &resource{}
	show := func(table string, one ec2.Route) model {
		if str(one.Origin) != "CreateRoute" {
			return nil
		}
		m := r.show(one)
		m["RouteTableId"] = table
		m["CidrBlock"] = cmp.Or(str(one.DestinationCidrBlock), str(one.DestinationIpv6CidrBlock), str(one.DestinationPrefixListId))
		return m
	}
	routes := func(c *call, table string) ([]model, error) {
		all, err := c.routeTables(ec2.DescribeRouteTablesInput{RouteTableIds: []string{table}})
		t, err := only(all, err, "The routeTable ID '%s' does not exist", table)
		if err != nil {
			return nil, err
		}
		return each(t.Routes, nil, func(one ec2.Route) model { return show(table, one) })
	}
	r.create = func(c *call, want model) error {
		in := ec2.CreateRouteInput{}
		if err := want.into(&in); err != nil {
			return err
		}
		id := str(in.RouteTableId) + "|" + cmp.Or(str(in.DestinationCidrBlock), str(in.DestinationIpv6CidrBlock), str(in.DestinationPrefixListId))
		// CreateRoute succeeds where there is the same.
		var before []string
		if _, err := r.read(c, id); err == nil {
			before = []string{id}
		}
		if _, err := do[ec2.CreateRouteOutput](c, ec2.Model, "CreateRoute", &in); err != nil {
			return err
		}
		return r.fresh(c, before, &id)
	}
	r.read = func(c *call, id string) (model, error) {
		table, destination := parts(id)
		all, err := routes(c, table)
		if err != nil {
			return nil, err
		}
		for _, m := range all {
			if m["CidrBlock"] == destination {
				return m, nil
			}
		}
		return nil, missing("The route table %s has no route to %s", table, destination)
	}
	r.update = func(c *call, id string, want, have model) error {
		in := ec2.ReplaceRouteInput{}
		if err := want.into(&in); err != nil {
			return err
		}
		_, err := do[ec2.ReplaceRouteOutput](c, ec2.Model, "ReplaceRoute", &in)
		return err
	}
	r.remove = func(c *call, id string) error {
		have, err := r.read(c, id)
		if err != nil {
			return err
		}
		in := ec2.DeleteRouteInput{}
		if err := have.into(&in); err != nil {
			return err
		}
		_, err = do[ec2.DeleteRouteOutput](c, ec2.Model, "DeleteRoute", &in)
		return err
	}
	r.list = r.listed(func(c *call, by model) ([]model, error) {
		if table := by.text("RouteTableId"); table != nil {
			return routes(c, *table)
		}
		tables, err := c.routeTables(ec2.DescribeRouteTablesInput{})
		if err != nil {
			return nil, err
		}
		var all []model
		for _, t := range tables {
			some, err := each(t.Routes, nil, func(one ec2.Route) model { return show(str(t.RouteTableId), one) })
			if err != nil {
				return nil, err
			}
			all = append(all, some...)
		}
		return all, nil
	})
	return r
}

func routeTableAssociation() *resource {
	r := &resource{}
	show := func(a ec2.RouteTableAssociation) model {
		if a.SubnetId == nil {
			return nil
		}
		return model{"Id": str(a.RouteTableAssociationId), "RouteTableId": str(a.RouteTableId), "SubnetId": str(a.SubnetId)}
	}
	find := func(c *call, filters ...ec2.Filter) ([]model, error) {
		tables, err := c.routeTables(ec2.DescribeRouteTablesInput{Filters: filters})
		if err != nil {
			return nil, err
		}
		var all []model
		for _, t := range tables {
			some, err := each(t.Associations, nil, show)
			if err != nil {
				return nil, err
			}
			all = append(all, some...)
		}
		return all, nil
	}
	r.create = func(c *call, want model) error {
		there, err := find(c, by("association.subnet-id", str(want.text("SubnetId"))))
		before, err := identifiers(there, err, func(m model) *string { return m.text("Id") })
		if err != nil {
			return err
		}
		out, err := do[ec2.AssociateRouteTableOutput](c, ec2.Model, "AssociateRouteTable", &ec2.AssociateRouteTableInput{
			RouteTableId: want.text("RouteTableId"), SubnetId: want.text("SubnetId")})
		if err != nil {
			return err
		}
		return r.fresh(c, before, out.AssociationId)
	}
	r.read = func(c *call, id string) (model, error) {
		all, err := find(c, by("association.route-table-association-id", id))
		if err != nil {
			return nil, err
		}
		for _, m := range all {
			if m["Id"] == id {
				return m, nil
			}
		}
		return nil, missing("The association ID '%s' does not exist", id)
	}
	r.remove = func(c *call, id string) error {
		_, err := do[ec2.DisassociateRouteTableOutput](c, ec2.Model, "DisassociateRouteTable", &ec2.DisassociateRouteTableInput{AssociationId: &id})
		return err
	}
	r.list = r.listed(func(c *call, _ model) ([]model, error) { return find(c) })
	return r
}
