package cloudcontrol

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"trellis/internal/api/cloudcontrol/schema"
	"trellis/internal/aws/model/ec2"
	"trellis/internal/fault"
)

// networkTypes are the types of EC2.
func networkTypes() map[string]*resource {
	return map[string]*resource{
		"AWS::EC2::VPC":                         vpcResource(),
		"AWS::EC2::Subnet":                      subnetResource(),
		"AWS::EC2::InternetGateway":             internetGateway(),
		"AWS::EC2::VPCGatewayAttachment":        gatewayAttachment(),
		"AWS::EC2::RouteTable":                  routeTable(),
		"AWS::EC2::Route":                       route(),
		"AWS::EC2::SubnetRouteTableAssociation": routeTableAssociation(),
		"AWS::EC2::SecurityGroup":               securityGroup(),
		"AWS::EC2::SecurityGroupIngress":        securityGroupRule(false),
		"AWS::EC2::SecurityGroupEgress":         securityGroupRule(true),
		"AWS::EC2::VPCPeeringConnection":        peeringConnection(),
		"AWS::EC2::VPCEndpoint":                 vpcEndpoint(),
	}
}

// stampOf is the tags of a resource that is made.
func stampOf(kind string, want model) []ec2.TagSpecification {
	tags := ec2Tags(want.tags())
	if len(tags) == 0 {
		return nil
	}
	return []ec2.TagSpecification{{ResourceType: &kind, Tags: tags}}
}

func ec2Tags(tags map[string]string) []ec2.Tag {
	var out []ec2.Tag
	for k, v := range tags {
		out = append(out, ec2.Tag{Key: &k, Value: &v})
	}
	return out
}

func (c *call) retagEC2(id string, want, have model) error {
	return exchangeTags(want, have, func(keys []string) error {
		in := ec2.DeleteTagsInput{Resources: []string{id}}
		for _, key := range keys {
			in.Tags = append(in.Tags, ec2.Tag{Key: &key})
		}
		_, err := do[ec2.DeleteTagsOutput](c, ec2.Model, "DeleteTags", &in)
		return err
	}, func(tags map[string]string) error {
		_, err := do[ec2.CreateTagsOutput](c, ec2.Model, "CreateTags", &ec2.CreateTagsInput{Resources: []string{id}, Tags: ec2Tags(tags)})
		return err
	})
}

// withTags shows a resource with its tags, none where it has none.
func withTags[T any](r *resource, shown any, tags []T, pair func(T) (key, value *string)) model {
	m, all := r.show(shown), map[string]string{}
	for _, t := range tags {
		k, v := pair(t)
		all[str(k)] = str(v)
	}
	m[tagsProperty] = showTags(all)
	return m
}

func ec2Tag(t ec2.Tag) (key, value *string) { return t.Key, t.Value }

// only is the one item of a listing by id.
func only[T any](items []T, err error, format string, args ...any) (*T, error) {
	switch {
	case err != nil:
		return nil, err
	case len(items) != 1:
		return nil, fault.New(fault.NotFound, "", format, args...)
	}
	return &items[0], nil
}

// pages collects a listing that has several pages.
func pages[T any](next func(token *string) ([]T, *string, error)) ([]T, error) {
	var all []T
	for token := (*string)(nil); ; {
		items, more, err := next(token)
		if err != nil {
			return nil, err
		}
		all = append(all, items...)
		if token = more; str(more) == "" {
			return all, nil
		}
	}
}

func by(name, value string) ec2.Filter { return ec2.Filter{Name: &name, Values: []string{value}} }

func vpcResource() *resource {
	r := &resource{once: true, absent: model{"EnableDnsSupport": true, "EnableDnsHostnames": false, "InstanceTenancy": "default"}}
	show := func(c *call, v ec2.Vpc) (model, error) {
		m := withTags(r, v, v.Tags, ec2Tag)
		for property, attribute := range map[string]string{"EnableDnsSupport": "enableDnsSupport", "EnableDnsHostnames": "enableDnsHostnames"} {
			out, err := do[ec2.DescribeVpcAttributeOutput](c, ec2.Model, "DescribeVpcAttribute", &ec2.DescribeVpcAttributeInput{VpcId: v.VpcId, Attribute: &attribute})
			if err != nil {
				return nil, err
			}
			for _, value := range []*ec2.AttributeBooleanValue{out.EnableDnsSupport, out.EnableDnsHostnames} {
				if value != nil && value.Value != nil {
					m[property] = *value.Value
				}
			}
		}
		associations, six := []any{}, []any{}
		for _, a := range v.CidrBlockAssociationSet {
			associations = append(associations, str(a.AssociationId))
		}
		for _, a := range v.Ipv6CidrBlockAssociationSet {
			six = append(six, str(a.Ipv6CidrBlock))
		}
		m["CidrBlockAssociations"], m["Ipv6CidrBlocks"] = associations, six
		groups, err := do[ec2.DescribeSecurityGroupsOutput](c, ec2.Model, "DescribeSecurityGroups", &ec2.DescribeSecurityGroupsInput{
			Filters: []ec2.Filter{by("vpc-id", *v.VpcId), by("group-name", "default")}})
		if err != nil {
			return nil, err
		}
		if len(groups.SecurityGroups) == 1 {
			m["DefaultSecurityGroup"] = str(groups.SecurityGroups[0].GroupId)
		}
		acls, err := do[ec2.DescribeNetworkAclsOutput](c, ec2.Model, "DescribeNetworkAcls", &ec2.DescribeNetworkAclsInput{
			Filters: []ec2.Filter{by("vpc-id", *v.VpcId), by("default", "true")}})
		if err != nil {
			return nil, err
		}
		if len(acls.NetworkAcls) == 1 {
			m["DefaultNetworkAcl"] = str(acls.NetworkAcls[0].NetworkAclId)
		}
		return m, nil
	}
	describe := func(c *call, id string) (*ec2.Vpc, error) {
		out, err := do[ec2.DescribeVpcsOutput](c, ec2.Model, "DescribeVpcs", &ec2.DescribeVpcsInput{VpcIds: []string{id}})
		if err != nil {
			return nil, err
		}
		return only(out.Vpcs, nil, "The vpc ID '%s' does not exist", id)
	}
	attributes := func(c *call, id string, want, have model) error {
		for property, set := range map[string]func(*ec2.ModifyVpcAttributeInput, *ec2.AttributeBooleanValue){
			"EnableDnsSupport":   func(in *ec2.ModifyVpcAttributeInput, v *ec2.AttributeBooleanValue) { in.EnableDnsSupport = v },
			"EnableDnsHostnames": func(in *ec2.ModifyVpcAttributeInput, v *ec2.AttributeBooleanValue) { in.EnableDnsHostnames = v },
		} {
			value, ok := want[property].(bool)
			if !ok || value == have[property] {
				continue
			}
			in := ec2.ModifyVpcAttributeInput{VpcId: &id}
			set(&in, &ec2.AttributeBooleanValue{Value: &value})
			if _, err := do[ec2.ModifyVpcAttributeOutput](c, ec2.Model, "ModifyVpcAttribute", &in); err != nil {
				return err
			}
		}
		return nil
	}
	r.create = func(c *call, want model) error {
		in := ec2.CreateVpcInput{}
		if err := want.into(&in); err != nil {
			return err
		}
		in.TagSpecifications = stampOf("vpc", want)
		out, err := do[ec2.CreateVpcOutput](c, ec2.Model, "CreateVpc", &in)
		if err == nil {
			c.made(out.Vpc.VpcId)
		}
		return err
	}
	r.complete = func(c *call, want model) error { return attributes(c, c.id, want, model{}) }
	r.status = func(c *call, id string) (*string, *string, error) {
		v, err := describe(c, id)
		if err != nil {
			return nil, nil, err
		}
		return settled(v.State), nil, nil
	}
	r.read = func(c *call, id string) (model, error) {
		v, err := describe(c, id)
		if err != nil {
			return nil, err
		}
		return show(c, *v)
	}
	r.update = func(c *call, id string, want, have model) error {
		if tenancy := want.text("InstanceTenancy"); differ(want, have, "InstanceTenancy") && tenancy != nil {
			if _, err := do[ec2.ModifyVpcTenancyOutput](c, ec2.Model, "ModifyVpcTenancy", &ec2.ModifyVpcTenancyInput{VpcId: &id, InstanceTenancy: tenancy}); err != nil {
				return err
			}
		}
		if err := attributes(c, id, want, have); err != nil {
			return err
		}
		return c.retagEC2(id, want, have)
	}
	r.remove = func(c *call, id string) error {
		_, err := do[ec2.DeleteVpcOutput](c, ec2.Model, "DeleteVpc", &ec2.DeleteVpcInput{VpcId: &id})
		return err
	}
	r.list = r.listed(func(c *call, _ model) ([]model, error) {
		all, err := pages(func(token *string) ([]ec2.Vpc, *string, error) {
			out, err := do[ec2.DescribeVpcsOutput](c, ec2.Model, "DescribeVpcs", &ec2.DescribeVpcsInput{NextToken: token})
			if err != nil {
				return nil, nil, err
			}
			return out.Vpcs, out.NextToken, nil
		})
		return each(all, err, func(v ec2.Vpc) model { return r.show(v) })
	})
	return r
}

// each shows the items of a listing.
func each[T any](items []T, err error, show func(T) model) ([]model, error) {
	if err != nil {
		return nil, err
	}
	out := make([]model, 0, len(items))
	for _, item := range items {
		if m := show(item); m != nil {
			out = append(out, m)
		}
	}
	return out, nil
}

// settled words EC2's state as Lattice does, which is what waits look for.
func settled(state *string) *string {
	switch str(state) {
	case "available", "active":
		return new("ACTIVE")
	case "failed", "rejected", "expired", "deleted", "deleting":
		return new("CREATE_FAILED")
	}
	return new("CREATE_IN_PROGRESS")
}

func subnetResource() *resource {
	const names = "PrivateDnsNameOptionsOnLaunch"
	r := &resource{once: true, unbuilt: []string{"EnableLniAtDeviceIndex", "Ipv6CidrBlock"}, absent: model{"MapPublicIpOnLaunch": false,
		"AssignIpv6AddressOnCreation": false, "EnableDns64": false,
		names: map[string]any{"HostnameType": "ip-name", "EnableResourceNameDnsARecord": false, "EnableResourceNameDnsAAAARecord": false}}}
	describe := func(c *call, id string) (*ec2.Subnet, error) {
		out, err := do[ec2.DescribeSubnetsOutput](c, ec2.Model, "DescribeSubnets", &ec2.DescribeSubnetsInput{SubnetIds: []string{id}})
		if err != nil {
			return nil, err
		}
		return only(out.Subnets, nil, "The subnet ID '%s' does not exist", id)
	}
	modify := func(c *call, in ec2.ModifySubnetAttributeInput) error {
		_, err := do[ec2.ModifySubnetAttributeOutput](c, ec2.Model, "ModifySubnetAttribute", &in)
		return err
	}
	attributes := func(c *call, id string, want, have model) error {
		for path, set := range map[string]func(*ec2.ModifySubnetAttributeInput, *ec2.AttributeBooleanValue){
			"MapPublicIpOnLaunch": func(in *ec2.ModifySubnetAttributeInput, v *ec2.AttributeBooleanValue) { in.MapPublicIpOnLaunch = v },
			"AssignIpv6AddressOnCreation": func(in *ec2.ModifySubnetAttributeInput, v *ec2.AttributeBooleanValue) {
				in.AssignIpv6AddressOnCreation = v
			},
			"EnableDns64": func(in *ec2.ModifySubnetAttributeInput, v *ec2.AttributeBooleanValue) { in.EnableDns64 = v },
			names + "/EnableResourceNameDnsARecord": func(in *ec2.ModifySubnetAttributeInput, v *ec2.AttributeBooleanValue) {
				in.EnableResourceNameDnsARecordOnLaunch = v
			},
			names + "/EnableResourceNameDnsAAAARecord": func(in *ec2.ModifySubnetAttributeInput, v *ec2.AttributeBooleanValue) {
				in.EnableResourceNameDnsAAAARecordOnLaunch = v
			},
		} {
			wanted, _ := schema.At(want, path)
			had, _ := schema.At(have, path)
			value, given := wanted.(bool)
			if !given || wanted == had || had == nil && !value {
				continue
			}
			in := ec2.ModifySubnetAttributeInput{SubnetId: &id}
			set(&in, &ec2.AttributeBooleanValue{Value: &value})
			if err := modify(c, in); err != nil {
				return err
			}
		}
		if kind, _ := schema.At(want, names+"/HostnameType"); kind != nil && differ(want, have, names+"/HostnameType") {
			kind, _ := kind.(string)
			return modify(c, ec2.ModifySubnetAttributeInput{SubnetId: &id, PrivateDnsHostnameTypeOnLaunch: &kind})
		}
		return nil
	}
	r.create = func(c *call, want model) error {
		in := ec2.CreateSubnetInput{}
		if err := want.into(&in); err != nil {
			return err
		}
		in.TagSpecifications = stampOf("subnet", want)
		out, err := do[ec2.CreateSubnetOutput](c, ec2.Model, "CreateSubnet", &in)
		if err == nil {
			c.made(out.Subnet.SubnetId)
		}
		return err
	}
	r.complete = func(c *call, want model) error { return attributes(c, c.id, want, model{}) }
	r.status = func(c *call, id string) (*string, *string, error) {
		s, err := describe(c, id)
		if err != nil {
			return nil, nil, err
		}
		return settled(s.State), nil, nil
	}
	r.read = func(c *call, id string) (model, error) {
		s, err := describe(c, id)
		if err != nil {
			return nil, err
		}
		m := withTags(r, *s, s.Tags, ec2Tag)
		six := []any{}
		for _, a := range s.Ipv6CidrBlockAssociationSet {
			six = append(six, str(a.Ipv6CidrBlock))
		}
		m["Ipv6CidrBlocks"] = six
		acls, err := do[ec2.DescribeNetworkAclsOutput](c, ec2.Model, "DescribeNetworkAcls", &ec2.DescribeNetworkAclsInput{Filters: []ec2.Filter{by("association.subnet-id", id)}})
		if err != nil {
			return nil, err
		}
		for _, acl := range acls.NetworkAcls {
			for _, a := range acl.Associations {
				if str(a.SubnetId) == id {
					m["NetworkAclAssociationId"] = str(a.NetworkAclAssociationId)
				}
			}
		}
		return m, nil
	}
	r.update = func(c *call, id string, want, have model) error {
		if err := attributes(c, id, want, have); err != nil {
			return err
		}
		return c.retagEC2(id, want, have)
	}
	r.remove = func(c *call, id string) error {
		_, err := do[ec2.DeleteSubnetOutput](c, ec2.Model, "DeleteSubnet", &ec2.DeleteSubnetInput{SubnetId: &id})
		return err
	}
	r.list = r.listed(func(c *call, _ model) ([]model, error) {
		all, err := pages(func(token *string) ([]ec2.Subnet, *string, error) {
			out, err := do[ec2.DescribeSubnetsOutput](c, ec2.Model, "DescribeSubnets", &ec2.DescribeSubnetsInput{NextToken: token})
			if err != nil {
				return nil, nil, err
			}
			return out.Subnets, out.NextToken, nil
		})
		return each(all, err, func(s ec2.Subnet) model { return r.show(s) })
	})
	return r
}

func internetGateway() *resource {
	r := &resource{once: true}
	r.create = func(c *call, want model) error {
		out, err := do[ec2.CreateInternetGatewayOutput](c, ec2.Model, "CreateInternetGateway", &ec2.CreateInternetGatewayInput{TagSpecifications: stampOf("internet-gateway", want)})
		if err == nil {
			c.made(out.InternetGateway.InternetGatewayId)
		}
		return err
	}
	r.read = func(c *call, id string) (model, error) {
		out, err := do[ec2.DescribeInternetGatewaysOutput](c, ec2.Model, "DescribeInternetGateways", &ec2.DescribeInternetGatewaysInput{InternetGatewayIds: []string{id}})
		if err != nil {
			return nil, err
		}
		g, err := only(out.InternetGateways, nil, "The internetGateway ID '%s' does not exist", id)
		if err != nil {
			return nil, err
		}
		return withTags(r, *g, g.Tags, ec2Tag), nil
	}
	r.update = func(c *call, id string, want, have model) error { return c.retagEC2(id, want, have) }
	r.remove = func(c *call, id string) error {
		_, err := do[ec2.DeleteInternetGatewayOutput](c, ec2.Model, "DeleteInternetGateway", &ec2.DeleteInternetGatewayInput{InternetGatewayId: &id})
		return err
	}
	r.list = r.listed(func(c *call, _ model) ([]model, error) {
		all, err := c.gateways()
		return each(all, err, func(g ec2.InternetGateway) model { return r.show(g) })
	})
	return r
}

func (c *call) gateways(filters ...ec2.Filter) ([]ec2.InternetGateway, error) {
	return pages(func(token *string) ([]ec2.InternetGateway, *string, error) {
		out, err := do[ec2.DescribeInternetGatewaysOutput](c, ec2.Model, "DescribeInternetGateways", &ec2.DescribeInternetGatewaysInput{NextToken: token, Filters: filters})
		if err != nil {
			return nil, nil, err
		}
		return out.InternetGateways, out.NextToken, nil
	})
}

// gatewayAttachment is an internet gateway in a VPC. Its identifier is the type, IGW, and the VPC.
func gatewayAttachment() *resource {
	const kind = "IGW"
	r := &resource{unbuilt: []string{"VpnGatewayId"}}
	shown := func(gateway, vpc string) model {
		return model{"AttachmentType": kind, "VpcId": vpc, "InternetGatewayId": gateway}
	}
	r.create = func(c *call, want model) error {
		gateway, err := gatewayOf(want)
		if err != nil {
			return err
		}
		id := kind + "|" + str(want.text("VpcId"))
		if c.again {
			if have, err := r.read(c, id); err == nil && str(have.text("InternetGatewayId")) == gateway {
				c.made(&id)
				return nil
			}
		}
		if err := attach(c, "AttachInternetGateway", gateway, str(want.text("VpcId"))); err != nil {
			return err
		}
		c.made(&id)
		return nil
	}
	r.read = func(c *call, id string) (model, error) {
		_, vpc := parts(id)
		all, err := c.gateways(by("attachment.vpc-id", vpc))
		g, err := only(all, err, "The VPC %s has no internet gateway", vpc)
		if err != nil {
			return nil, err
		}
		return shown(str(g.InternetGatewayId), vpc), nil
	}
	r.update = func(c *call, id string, want, have model) error {
		if !differ(want, have, "InternetGatewayId") {
			return nil
		}
		gateway, err := gatewayOf(want)
		if err != nil {
			return err
		}
		_, vpc := parts(id)
		had := str(have.text("InternetGatewayId"))
		if err := attach(c, "DetachInternetGateway", had, vpc); err != nil {
			return err
		}
		if err := attach(c, "AttachInternetGateway", gateway, vpc); err != nil {
			return errors.Join(err, attach(c, "AttachInternetGateway", had, vpc))
		}
		return nil
	}
	r.remove = func(c *call, id string) error {
		have, err := r.read(c, id)
		if err != nil {
			return err
		}
		_, vpc := parts(id)
		return attach(c, "DetachInternetGateway", str(have.text("InternetGatewayId")), vpc)
	}
	r.list = r.listed(func(c *call, _ model) ([]model, error) {
		all, err := c.gateways()
		return each(all, err, func(g ec2.InternetGateway) model {
			if len(g.Attachments) == 0 {
				return nil
			}
			return shown(str(g.InternetGatewayId), str(g.Attachments[0].VpcId))
		})
	})
	return r
}

// gatewayOf is the gateway that an attachment must name.
func gatewayOf(want model) (string, error) {
	gateway := want.text("InternetGatewayId")
	if gateway == nil {
		return "", &failure{invalidRequest, "InternetGatewayId is required."}
	}
	return *gateway, nil
}

func attach(c *call, operation, gateway, vpc string) error {
	if operation == "AttachInternetGateway" {
		_, err := do[ec2.AttachInternetGatewayOutput](c, ec2.Model, operation, &ec2.AttachInternetGatewayInput{InternetGatewayId: &gateway, VpcId: &vpc})
		return err
	}
	_, err := do[ec2.DetachInternetGatewayOutput](c, ec2.Model, operation, &ec2.DetachInternetGatewayInput{InternetGatewayId: &gateway, VpcId: &vpc})
	return err
}

func peeringConnection() *resource {
	r := &resource{once: true, unbuilt: []string{"PeerRoleArn", "AssumeRoleRegion"}}
	describe := func(c *call, id string) (*ec2.VpcPeeringConnection, error) {
		out, err := do[ec2.DescribeVpcPeeringConnectionsOutput](c, ec2.Model, "DescribeVpcPeeringConnections", &ec2.DescribeVpcPeeringConnectionsInput{VpcPeeringConnectionIds: []string{id}})
		if err != nil {
			return nil, err
		}
		p, err := only(out.VpcPeeringConnections, nil, "The vpcPeeringConnection ID '%s' does not exist", id)
		if err == nil && p.Status != nil && (str(p.Status.Code) == "deleted" || str(p.Status.Code) == "deleting") {
			return nil, fault.New(fault.NotFound, "", "The vpcPeeringConnection ID '%s' does not exist", id)
		}
		return p, err
	}
	show := func(p ec2.VpcPeeringConnection) model {
		m := withTags(r, p, p.Tags, ec2Tag)
		m["Id"] = str(p.VpcPeeringConnectionId)
		if v := p.RequesterVpcInfo; v != nil {
			m["VpcId"] = str(v.VpcId)
		}
		if v := p.AccepterVpcInfo; v != nil {
			m["PeerVpcId"], m["PeerOwnerId"], m["PeerRegion"] = str(v.VpcId), str(v.OwnerId), str(v.Region)
		}
		return m
	}
	r.create = func(c *call, want model) error {
		in := ec2.CreateVpcPeeringConnectionInput{}
		if err := want.into(&in); err != nil {
			return err
		}
		in.TagSpecifications = stampOf("vpc-peering-connection", want)
		out, err := do[ec2.CreateVpcPeeringConnectionOutput](c, ec2.Model, "CreateVpcPeeringConnection", &in)
		if err != nil {
			return err
		}
		c.made(out.VpcPeeringConnection.VpcPeeringConnectionId)
		return nil
	}
	// The handler accepts what is its caller's own to accept.
	r.complete = func(c *call, want model) error {
		p, err := describe(c, c.id)
		if err != nil {
			return err
		}
		if p.Status == nil || str(p.Status.Code) != "pending-acceptance" || p.AccepterVpcInfo == nil || str(p.AccepterVpcInfo.OwnerId) != owner(c.ctx).Account {
			return nil
		}
		_, err = do[ec2.AcceptVpcPeeringConnectionOutput](c, ec2.Model, "AcceptVpcPeeringConnection", &ec2.AcceptVpcPeeringConnectionInput{VpcPeeringConnectionId: &c.id})
		if err != nil {
			return err
		}
		return c.until(func() (bool, error) {
			p, err := describe(c, c.id)
			return err == nil && str(p.Status.Code) == "active", err
		})
	}
	r.read = func(c *call, id string) (model, error) {
		p, err := describe(c, id)
		if err != nil {
			return nil, err
		}
		return show(*p), nil
	}
	r.update = func(c *call, id string, want, have model) error { return c.retagEC2(id, want, have) }
	r.remove = func(c *call, id string) error {
		if _, err := describe(c, id); err != nil {
			return err
		}
		_, err := do[ec2.DeleteVpcPeeringConnectionOutput](c, ec2.Model, "DeleteVpcPeeringConnection", &ec2.DeleteVpcPeeringConnectionInput{VpcPeeringConnectionId: &id})
		return err
	}
	r.list = r.listed(func(c *call, _ model) ([]model, error) {
		all, err := pages(func(token *string) ([]ec2.VpcPeeringConnection, *string, error) {
			out, err := do[ec2.DescribeVpcPeeringConnectionsOutput](c, ec2.Model, "DescribeVpcPeeringConnections", &ec2.DescribeVpcPeeringConnectionsInput{NextToken: token})
			if err != nil {
				return nil, nil, err
			}
			return out.VpcPeeringConnections, out.NextToken, nil
		})
		return each(all, err, func(p ec2.VpcPeeringConnection) model {
			if p.Status != nil && strings.HasPrefix(str(p.Status.Code), "delet") {
				return nil
			}
			return show(p)
		})
	})
	return r
}

// number is an integer of a model.
func (m model) number(name string) *int32 {
	n, ok := m[name].(json.Number)
	if !ok {
		return nil
	}
	v, err := n.Int64()
	if err != nil {
		return nil
	}
	return new(int32(v))
}

func missing(format string, args ...any) error {
	return fault.New(fault.NotFound, "", "%s", fmt.Sprintf(format, args...))
}
