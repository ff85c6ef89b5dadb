package ec2_test

import (
	"slices"
	"sync"
	"testing"

	"trellis/internal/aws/model/ec2"
	"trellis/internal/state"
	"trellis/internal/vpc"
)

func TestCreateSubnetRefusals(t *testing.T) {
	e := newEnv(t)
	v, foreign := e.vpc(red, "10.0.0.0/16"), e.vpc(black, "10.0.0.0/16")
	e.subnet(red, v, "10.0.1.0/24")
	for _, tc := range []struct {
		name string
		in   ec2.CreateSubnetInput
		code string
	}{
		{"overlapping", ec2.CreateSubnetInput{CidrBlock: new("10.0.0.0/23")}, "InvalidSubnet.Conflict"},
		{"outside", ec2.CreateSubnetInput{CidrBlock: new("10.1.0.0/24")}, "InvalidSubnet.Range"},
		{"bigger than the VPC", ec2.CreateSubnetInput{CidrBlock: new("10.0.0.0/15")}, "InvalidSubnet.Range"},
		{"too small", ec2.CreateSubnetInput{CidrBlock: new("10.0.2.0/29")}, "InvalidSubnet.Range"},
		{"not a block", ec2.CreateSubnetInput{CidrBlock: new("10.0.2.0")}, "InvalidParameterValue"},
		{"no block", ec2.CreateSubnetInput{}, "MissingParameter"},
		{"zone elsewhere", ec2.CreateSubnetInput{CidrBlock: new("10.0.2.0/24"), AvailabilityZone: new("eu-west-1a")}, "InvalidParameterValue"},
		{"zone twice", ec2.CreateSubnetInput{CidrBlock: new("10.0.2.0/24"), AvailabilityZone: new("us-east-1a"), AvailabilityZoneId: new("use1-az1")}, "InvalidParameterCombination"},
		{"IPv6", ec2.CreateSubnetInput{CidrBlock: new("10.0.2.0/24"), Ipv6CidrBlock: new("fd00::/64")}, "UnsupportedOperation"},
		{"another's VPC", ec2.CreateSubnetInput{CidrBlock: new("10.0.2.0/24"), VpcId: &foreign}, "InvalidVpcID.NotFound"},
		{"smallest", ec2.CreateSubnetInput{CidrBlock: new("10.0.2.0/28"), AvailabilityZoneId: new("use1-az2")}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.in.VpcId == nil {
				tc.in.VpcId = &v
			}
			out, err := e.CreateSubnet(e.as(red), &tc.in)
			wants(t, err, tc.code)
			if err == nil && (*out.Subnet.AvailabilityZone != "us-east-1b" || *out.Subnet.AvailableIpAddressCount != 11) {
				t.Errorf("zone %s, %d addresses", *out.Subnet.AvailabilityZone, *out.Subnet.AvailableIpAddressCount)
			}
		})
	}
}

func TestConcurrentSubnetsNeverOverlap(t *testing.T) {
	e := newEnv(t)
	v := e.vpc(red, "10.0.0.0/16")
	var wg sync.WaitGroup
	made := make([]bool, 12)
	for i := range made {
		wg.Go(func() {
			_, err := e.CreateSubnet(e.as(red), &ec2.CreateSubnetInput{VpcId: &v, CidrBlock: new("10.0.0.0/24")})
			made[i] = err == nil
		})
	}
	wg.Wait()
	if n := state.Subnets.Len(e.view.Snapshot()); n != 1 || !slices.Contains(made, true) {
		t.Errorf("%d subnets with the same block", n)
	}
}

func TestSubnetStateAttributesAndInterfaces(t *testing.T) {
	e := newEnv(t)
	ctx := e.as(red)
	v := e.vpc(red, "10.0.0.0/16")
	id := e.subnet(red, v, "10.0.0.0/24")
	get := func() ec2.Subnet {
		t.Helper()
		return must[*ec2.DescribeSubnetsOutput](t)(e.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{SubnetIds: []string{id}})).Subnets[0]
	}
	if s := get(); *s.State != "pending" || *s.AvailableIpAddressCount != 251 || *s.AvailabilityZoneId != "use1-az1" {
		t.Errorf("new: %s, %d, %s", *s.State, *s.AvailableIpAddressCount, *s.AvailabilityZoneId)
	}
	e.applied()
	e.update(func(tx *state.Tx) {
		state.Hosts.Put(tx, &state.Host{Name: "h", Applied: e.view.Snapshot().SpecRev, Failures: map[string]string{id: "no network namespaces"}})
	})
	if s := get(); *s.State != "failed" {
		t.Errorf("a subnet that could not be made is %s", *s.State)
	}
	e.applied()
	must[*ec2.ModifySubnetAttributeOutput](t)(e.ModifySubnetAttribute(ctx, &ec2.ModifySubnetAttributeInput{SubnetId: &id, MapPublicIpOnLaunch: &ec2.AttributeBooleanValue{Value: new(true)}}))
	if s := get(); *s.State != "available" || !*s.MapPublicIpOnLaunch {
		t.Errorf("after the change: %s, %t", *s.State, *s.MapPublicIpOnLaunch)
	}
	_, err := e.ModifySubnetAttribute(ctx, &ec2.ModifySubnetAttributeInput{SubnetId: &id, EnableDns64: &ec2.AttributeBooleanValue{Value: new(true)}})
	wants(t, err, "UnsupportedOperation")

	eni, err := e.CreateNetworkInterface(ctx, &ec2.CreateNetworkInterfaceInput{SubnetId: &id, PrivateIpAddress: new("10.0.0.9")})
	if err != nil {
		t.Fatal(err)
	}
	if s := get(); *s.AvailableIpAddressCount != 250 {
		t.Errorf("%d addresses left", *s.AvailableIpAddressCount)
	}
	_, err = e.DeleteSubnet(ctx, &ec2.DeleteSubnetInput{SubnetId: &id})
	wants(t, err, "DependencyViolation")
	for addr, code := range map[string]string{"10.0.0.9": "InvalidIPAddress.InUse", "10.0.0.3": "InvalidParameterValue", "10.0.0.255": "InvalidParameterValue",
		"10.0.1.9": "InvalidParameterValue", "x": "InvalidParameterValue"} {
		_, err := e.CreateNetworkInterface(ctx, &ec2.CreateNetworkInterfaceInput{SubnetId: &id, PrivateIpAddress: &addr})
		wants(t, err, code)
	}
	_, err = e.DeleteNetworkInterface(e.as(black), &ec2.DeleteNetworkInterfaceInput{NetworkInterfaceId: eni.NetworkInterface.NetworkInterfaceId})
	wants(t, err, "InvalidNetworkInterfaceID.NotFound")
	must[*ec2.DeleteNetworkInterfaceOutput](t)(e.DeleteNetworkInterface(ctx, &ec2.DeleteNetworkInterfaceInput{NetworkInterfaceId: eni.NetworkInterface.NetworkInterfaceId}))
	must[*ec2.DeleteSubnetOutput](t)(e.DeleteSubnet(ctx, &ec2.DeleteSubnetInput{SubnetId: &id}))
	_, err = e.DeleteSubnet(ctx, &ec2.DeleteSubnetInput{SubnetId: &id})
	wants(t, err, "InvalidSubnetID.NotFound")
}

func TestManagedInterfaces(t *testing.T) {
	e := newEnv(t)
	ctx := e.as(red)
	v := e.vpc(red, "10.0.0.0/16")
	id := e.subnet(red, v, "10.0.0.0/24")
	g := e.group(red, v, "g")
	var eni *vpc.NetworkInterface
	e.update(func(tx *state.Tx) {
		sn, _ := state.Subnets.Get(tx, id)
		var err error
		eni, err = state.CreateInterface(tx, sn, vpc.NetworkInterface{Groups: []string{g}, Description: "ELB app/web/0123456789abcdef", Type: "interface",
			Requester: "amazon-elb", RequesterManaged: true, User: "arn:lb", AttachmentID: "ela-attach-01", InstanceOwner: "amazon-elb", SourceDestCheck: true})
		if err != nil {
			t.Error(err)
		}
	})
	for _, f := range [][]string{{"description", "ELB app/*"}, {"group-id", g}, {"subnet-id", id}, {"attachment.instance-owner-id", "amazon-elb"},
		{"requester-managed", "true"}, {"status", "in-use"}, {"vpc-id", v, "private-ip-address", "10.0.0.4"}, {"attachment.attachment-id", "ela-attach-01"}} {
		out := must[*ec2.DescribeNetworkInterfacesOutput](t)(e.DescribeNetworkInterfaces(ctx, &ec2.DescribeNetworkInterfacesInput{Filters: filters(f...)}))
		if len(out.NetworkInterfaces) != 1 || *out.NetworkInterfaces[0].NetworkInterfaceId != eni.ID || *out.NetworkInterfaces[0].Groups[0].GroupName != "g" {
			t.Errorf("filter %v finds %d", f, len(out.NetworkInterfaces))
		}
	}
	_, err := e.DeleteNetworkInterface(ctx, &ec2.DeleteNetworkInterfaceInput{NetworkInterfaceId: &eni.ID})
	wants(t, err, "InvalidParameterValue")
	_, err = e.ModifyNetworkInterfaceAttribute(ctx, &ec2.ModifyNetworkInterfaceAttributeInput{NetworkInterfaceId: &eni.ID, Description: &ec2.AttributeValue{Value: new("x")}})
	wants(t, err, "OperationNotPermitted")
	_, err = e.DetachNetworkInterface(ctx, &ec2.DetachNetworkInterfaceInput{AttachmentId: &eni.AttachmentID})
	wants(t, err, "OperationNotPermitted")
	_, err = e.DetachNetworkInterface(e.as(black), &ec2.DetachNetworkInterfaceInput{AttachmentId: &eni.AttachmentID})
	wants(t, err, "InvalidAttachmentID.NotFound")
}

func TestInterfaceAttributes(t *testing.T) {
	e := newEnv(t)
	ctx := e.as(red)
	v := e.vpc(red, "10.0.0.0/16")
	id := e.subnet(red, v, "10.0.0.0/24")
	in := &ec2.CreateNetworkInterfaceInput{SubnetId: &id, ClientToken: new("t")}
	eni := must[*ec2.CreateNetworkInterfaceOutput](t)(e.CreateNetworkInterface(ctx, in)).NetworkInterface
	if again := must[*ec2.CreateNetworkInterfaceOutput](t)(e.CreateNetworkInterface(ctx, in)).NetworkInterface; *again.NetworkInterfaceId != *eni.NetworkInterfaceId {
		t.Error("a repeated client token made a second interface")
	}
	if *eni.Status != "available" || *eni.Groups[0].GroupName != "default" || *eni.PrivateIpAddress != "10.0.0.4" {
		t.Errorf("interface %s, %s, %s", *eni.Status, *eni.Groups[0].GroupName, *eni.PrivateIpAddress)
	}
	g := e.group(red, v, "g")
	modify := func(in ec2.ModifyNetworkInterfaceAttributeInput) error {
		in.NetworkInterfaceId = eni.NetworkInterfaceId
		_, err := e.ModifyNetworkInterfaceAttribute(ctx, &in)
		return err
	}
	if err := modify(ec2.ModifyNetworkInterfaceAttributeInput{Groups: []string{g}}); err != nil {
		t.Error(err)
	}
	if err := modify(ec2.ModifyNetworkInterfaceAttributeInput{SourceDestCheck: &ec2.AttributeBooleanValue{Value: new(false)}}); err != nil {
		t.Error(err)
	}
	wants(t, modify(ec2.ModifyNetworkInterfaceAttributeInput{}), "InvalidParameterCombination")
	wants(t, modify(ec2.ModifyNetworkInterfaceAttributeInput{Groups: []string{"sg-0123456789abcdef0"}}), "InvalidGroup.NotFound")
	wants(t, modify(ec2.ModifyNetworkInterfaceAttributeInput{Groups: []string{e.group(red, e.vpc(red, "10.1.0.0/16"), "o")}}), "InvalidGroup.NotFound")
	attr := func(name string) *ec2.DescribeNetworkInterfaceAttributeOutput {
		return must[*ec2.DescribeNetworkInterfaceAttributeOutput](t)(e.DescribeNetworkInterfaceAttribute(ctx,
			&ec2.DescribeNetworkInterfaceAttributeInput{NetworkInterfaceId: eni.NetworkInterfaceId, Attribute: &name}))
	}
	if *attr("groupSet").Groups[0].GroupId != g || *attr("sourceDestCheck").SourceDestCheck.Value {
		t.Error("changed attributes are not shown")
	}
	must[*ec2.ResetNetworkInterfaceAttributeOutput](t)(e.ResetNetworkInterfaceAttribute(ctx, &ec2.ResetNetworkInterfaceAttributeInput{NetworkInterfaceId: eni.NetworkInterfaceId}))
	if !*attr("sourceDestCheck").SourceDestCheck.Value {
		t.Error("sourceDestCheck was not reset")
	}
}
