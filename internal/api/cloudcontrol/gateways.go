package cloudcontrol

import (
	"maps"

	"trellis/internal/aws/model/vpclattice"
	"trellis/internal/lattice"
)

func resourceGateway(l Lattice) *resource {
	r := &resource{kind: lattice.KindGateway.Type, lasting: []string{"Ipv4AddressesPerEni"}}
	get := func(c *call, id string) (*vpclattice.GetResourceGatewayOutput, error) {
		return ask(c, "GetResourceGateway", l.GetResourceGateway, &vpclattice.GetResourceGatewayInput{ResourceGatewayIdentifier: &id})
	}
	r.create = func(c *call, want model) error {
		in := vpclattice.CreateResourceGatewayInput{}
		if err := want.into(&in); err != nil {
			return err
		}
		in.ClientToken, in.Tags = &c.token, want.tags()
		out, err := ask(c, "CreateResourceGateway", l.CreateResourceGateway, &in)
		if err == nil {
			c.made(out.Arn)
		}
		return err
	}
	r.status = func(c *call, id string) (*string, *string, error) {
		out, err := get(c, id)
		if err != nil {
			return nil, nil, err
		}
		return out.Status, nil, nil
	}
	r.read = func(c *call, id string) (model, error) {
		out, err := get(c, id)
		if err != nil {
			return nil, err
		}
		m := r.show(out)
		m["VpcIdentifier"] = str(out.VpcId)
		return c.tagged(l, m, out.Arn)
	}
	r.update = func(c *call, id string, want, have model) error {
		if differ(want, have, "SecurityGroupIds") {
			in := vpclattice.UpdateResourceGatewayInput{}
			if err := (model{"SecurityGroupIds": want["SecurityGroupIds"]}).into(&in); err != nil {
				return err
			}
			if in.SecurityGroupIds == nil {
				in.SecurityGroupIds = []string{}
			}
			in.ResourceGatewayIdentifier = &id
			if _, err := ask(c, "UpdateResourceGateway", l.UpdateResourceGateway, &in); err != nil {
				return err
			}
		}
		return c.retag(l, id, want, have)
	}
	r.remove = func(c *call, id string) error {
		_, err := ask(c, "DeleteResourceGateway", l.DeleteResourceGateway, &vpclattice.DeleteResourceGatewayInput{ResourceGatewayIdentifier: &id})
		return err
	}
	r.list = func(c *call, _ model, max *int32, token *string) ([]model, *string, error) {
		out, err := ask(c, "ListResourceGateways", l.ListResourceGateways, &vpclattice.ListResourceGatewaysInput{MaxResults: max, NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return showAll(r, out.Items, out.NextToken, nil)
	}
	return r
}

func resourceConfiguration(l Lattice) *resource {
	r := &resource{kind: lattice.KindConfiguration.Type, lasting: []string{"Name", "ResourceConfigurationGroupId"}}
	get := func(c *call, id string) (*vpclattice.GetResourceConfigurationOutput, error) {
		return ask(c, "GetResourceConfiguration", l.GetResourceConfiguration, &vpclattice.GetResourceConfigurationInput{ResourceConfigurationIdentifier: &id})
	}
	r.create = func(c *call, want model) error {
		if auth := str(want.text("ResourceConfigurationAuthType")); auth != "" && auth != lattice.AuthNone {
			return &failure{invalidRequest, "VPC Lattice has no auth type " + auth + " of resource configurations."}
		}
		in := vpclattice.CreateResourceConfigurationInput{}
		if err := configured(want).into(&in); err != nil {
			return err
		}
		in.ClientToken, in.Tags = &c.token, want.tags()
		out, err := ask(c, "CreateResourceConfiguration", l.CreateResourceConfiguration, &in)
		if err == nil {
			c.made(out.Arn)
		}
		return err
	}
	r.status = func(c *call, id string) (*string, *string, error) {
		out, err := get(c, id)
		if err != nil {
			return nil, nil, err
		}
		return out.Status, out.FailureReason, nil
	}
	r.read = func(c *call, id string) (model, error) {
		out, err := get(c, id)
		if err != nil {
			return nil, err
		}
		m := r.show(out)
		m["ResourceConfigurationType"], m["ProtocolType"] = str(out.Type), str(out.Protocol)
		if shareable := out.AllowAssociationToShareableServiceNetwork; shareable != nil {
			m["AllowAssociationToSharableServiceNetwork"] = *shareable
		}
		if d := out.ResourceConfigurationDefinition; d != nil && d.IpResource != nil {
			m[definitionProperty] = map[string]any{"IpResource": str(d.IpResource.IpAddress)}
		}
		return c.tagged(l, m, out.Arn)
	}
	r.update = func(c *call, id string, want, have model) error {
		if differ(want, have, "PortRanges") || differ(want, have, definitionProperty) || differ(want, have, "AllowAssociationToSharableServiceNetwork") {
			in := vpclattice.UpdateResourceConfigurationInput{}
			if err := configured(want).into(&in); err != nil {
				return err
			}
			in.ResourceConfigurationIdentifier = &id
			// What is taken away is asked for as what is empty.
			if in.PortRanges == nil {
				in.PortRanges = []string{}
			}
			if in.ResourceConfigurationDefinition == nil {
				in.ResourceConfigurationDefinition = &vpclattice.ResourceConfigurationDefinition{}
			}
			if in.AllowAssociationToShareableServiceNetwork == nil {
				in.AllowAssociationToShareableServiceNetwork = new(false)
			}
			if _, err := ask(c, "UpdateResourceConfiguration", l.UpdateResourceConfiguration, &in); err != nil {
				return err
			}
		}
		return c.retag(l, id, want, have)
	}
	r.remove = func(c *call, id string) error {
		_, err := ask(c, "DeleteResourceConfiguration", l.DeleteResourceConfiguration, &vpclattice.DeleteResourceConfigurationInput{ResourceConfigurationIdentifier: &id})
		return err
	}
	r.list = func(c *call, _ model, max *int32, token *string) ([]model, *string, error) {
		out, err := ask(c, "ListResourceConfigurations", l.ListResourceConfigurations, &vpclattice.ListResourceConfigurationsInput{MaxResults: max, NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return showAll(r, out.Items, out.NextToken, nil)
	}
	return r
}

const definitionProperty = "ResourceConfigurationDefinition"

// configured returns a resource configuration with the names and forms that the API has for its properties.
func configured(want model) model {
	in := model{
		"Name": want["Name"], "Type": want["ResourceConfigurationType"], "Protocol": want["ProtocolType"], "PortRanges": want["PortRanges"],
		"ResourceGatewayIdentifier": want["ResourceGatewayId"], "ResourceConfigurationGroupIdentifier": want["ResourceConfigurationGroupId"],
		"AllowAssociationToShareableServiceNetwork": want["AllowAssociationToSharableServiceNetwork"],
		"CustomDomainName":                          want["CustomDomainName"], "GroupDomain": want["GroupDomain"], "DomainVerificationIdentifier": want["DomainVerificationId"],
	}
	if d, ok := want[definitionProperty].(map[string]any); ok {
		d = maps.Clone(d)
		for member, inner := range map[string]string{"IpResource": "IpAddress", "ArnResource": "Arn"} {
			if value, ok := d[member]; ok {
				d[member] = map[string]any{inner: value}
			}
		}
		in[definitionProperty] = d
	}
	return in
}

func resourceAssociation(l Lattice) *resource {
	r := &resource{kind: lattice.KindNetworkResource.Type}
	get := func(c *call, id string) (*vpclattice.GetServiceNetworkResourceAssociationOutput, error) {
		return ask(c, "GetServiceNetworkResourceAssociation", l.GetServiceNetworkResourceAssociation,
			&vpclattice.GetServiceNetworkResourceAssociationInput{ServiceNetworkResourceAssociationIdentifier: &id})
	}
	r.create = func(c *call, want model) error {
		in := vpclattice.CreateServiceNetworkResourceAssociationInput{}
		if err := want.into(&in); err != nil {
			return err
		}
		in.ResourceConfigurationIdentifier, in.ServiceNetworkIdentifier = want.text("ResourceConfigurationId"), want.text("ServiceNetworkId")
		in.ClientToken, in.Tags = &c.token, want.tags()
		out, err := ask(c, "CreateServiceNetworkResourceAssociation", l.CreateServiceNetworkResourceAssociation, &in)
		if err == nil {
			c.made(out.Arn)
		}
		return err
	}
	r.status = func(c *call, id string) (*string, *string, error) {
		out, err := get(c, id)
		if err != nil {
			return nil, nil, err
		}
		return out.Status, out.FailureReason, nil
	}
	r.read = func(c *call, id string) (model, error) {
		out, err := get(c, id)
		if err != nil {
			return nil, err
		}
		return c.tagged(l, r.show(out), out.Arn)
	}
	r.update = func(c *call, id string, want, have model) error { return c.retag(l, id, want, have) }
	r.remove = func(c *call, id string) error {
		_, err := ask(c, "DeleteServiceNetworkResourceAssociation", l.DeleteServiceNetworkResourceAssociation,
			&vpclattice.DeleteServiceNetworkResourceAssociationInput{ServiceNetworkResourceAssociationIdentifier: &id})
		return err
	}
	r.list = func(c *call, by model, max *int32, token *string) ([]model, *string, error) {
		out, err := ask(c, "ListServiceNetworkResourceAssociations", l.ListServiceNetworkResourceAssociations, &vpclattice.ListServiceNetworkResourceAssociationsInput{
			ServiceNetworkIdentifier: by.text("ServiceNetworkId"), ResourceConfigurationIdentifier: by.text("ResourceConfigurationId"), MaxResults: max, NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return showAll(r, out.Items, out.NextToken, nil)
	}
	return r
}
