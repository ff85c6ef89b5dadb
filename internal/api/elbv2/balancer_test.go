package elbv2_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"trellis/internal/aws/model/elbv2"
	"trellis/internal/state"
	"trellis/internal/vpc"
)

func TestCreateLoadBalancerRefuses(t *testing.T) {
	e := newEnv(t)
	other := vpc.Owner{Account: red, Region: region}
	e.put(func(tx *state.Tx) {
		state.VPCs.Put(tx, &vpc.VPC{Owner: other, ID: "vpc-2", DefaultSecurityGroupID: "sg-2"})
		state.Subnets.Put(tx, &vpc.Subnet{Owner: other, ID: "subnet-2", VPC: "vpc-2", Zone: region + "c", CIDR: netip.MustParsePrefix("10.9.0.0/24")})
		state.SecurityGroups.Put(tx, &vpc.SecurityGroup{Owner: other, ID: "sg-2", VPC: "vpc-2"})
	})
	tests := []struct {
		name   string
		change func(in *elbv2.CreateLoadBalancerInput)
		code   string
	}{
		{"no name", func(in *elbv2.CreateLoadBalancerInput) { in.Name = nil }, "ValidationError"},
		{"a long name", func(in *elbv2.CreateLoadBalancerInput) { in.Name = new(strings.Repeat("a", 33)) }, "ValidationError"},
		{"a name with a dot", func(in *elbv2.CreateLoadBalancerInput) { in.Name = new("a.b") }, "ValidationError"},
		{"a name with a hyphen at its end", func(in *elbv2.CreateLoadBalancerInput) { in.Name = new("a-") }, "ValidationError"},
		{"a name that begins with internal-", func(in *elbv2.CreateLoadBalancerInput) { in.Name = new("internal-a") }, "ValidationError"},
		{"internet-facing by default", func(in *elbv2.CreateLoadBalancerInput) { in.Scheme = nil }, "InvalidScheme"},
		{"internet-facing", func(in *elbv2.CreateLoadBalancerInput) { in.Scheme = new("internet-facing") }, "InvalidScheme"},
		{"network", func(in *elbv2.CreateLoadBalancerInput) { in.Type = new("network") }, "OperationNotPermitted"},
		{"dual stack", func(in *elbv2.CreateLoadBalancerInput) { in.IpAddressType = new("dualstack") }, "InvalidSubnet"},
		{"no subnets", func(in *elbv2.CreateLoadBalancerInput) { in.Subnets = nil }, "ValidationError"},
		{"one subnet", func(in *elbv2.CreateLoadBalancerInput) { in.Subnets = subnets("a") }, "ValidationError"},
		{"one subnet twice", func(in *elbv2.CreateLoadBalancerInput) { in.Subnets = subnets("a", "a") }, "InvalidConfigurationRequest"},
		{"one zone", func(in *elbv2.CreateLoadBalancerInput) { in.Subnets = subnets("a", "a2") }, "InvalidConfigurationRequest"},
		{"two VPCs", func(in *elbv2.CreateLoadBalancerInput) { in.Subnets = append(subnets("a"), "subnet-2") }, "InvalidConfigurationRequest"},
		{"no such subnet", func(in *elbv2.CreateLoadBalancerInput) { in.Subnets = append(subnets("a"), "subnet-none") }, "SubnetNotFound"},
		{"another account's subnet", func(in *elbv2.CreateLoadBalancerInput) { in.Subnets = append(subnets("a"), "subnet-"+black+"-b") }, "SubnetNotFound"},
		{"a full subnet", func(in *elbv2.CreateLoadBalancerInput) { in.Subnets = subnets("a", "small") }, "InvalidSubnet"},
		{"addresses", func(in *elbv2.CreateLoadBalancerInput) {
			in.Subnets, in.SubnetMappings = nil, []elbv2.SubnetMapping{{SubnetId: new("subnet-a"), PrivateIPv4Address: new("10.0.0.9")}}
		}, "InvalidConfigurationRequest"},
		{"both forms of subnets", func(in *elbv2.CreateLoadBalancerInput) {
			in.SubnetMappings = []elbv2.SubnetMapping{{SubnetId: &in.Subnets[0]}}
		}, "ValidationError"},
		{"no such group", func(in *elbv2.CreateLoadBalancerInput) { in.SecurityGroups = []string{"sg-none"} }, "InvalidSecurityGroup"},
		{"another account's group", func(in *elbv2.CreateLoadBalancerInput) { in.SecurityGroups = []string{"sg-" + black} }, "InvalidSecurityGroup"},
		{"another VPC's group", func(in *elbv2.CreateLoadBalancerInput) { in.SecurityGroups = []string{"sg-2"} }, "InvalidConfigurationRequest"},
		{"a tag twice", func(in *elbv2.CreateLoadBalancerInput) {
			in.Tags = []elbv2.Tag{{Key: new("a"), Value: new("1")}, {Key: new("a"), Value: new("2")}}
		}, "DuplicateTagKeys"},
	}
	// The small subnet has 11 addresses, of which three more leave seven.
	e.put(func(tx *state.Tx) {
		sn, _ := state.Subnets.Get(tx, subnets("small")[0])
		for range 4 {
			if _, err := state.CreateInterface(tx, sn, vpc.NetworkInterface{}); err != nil {
				t.Fatal(err)
			}
		}
	})
	before := e.view.Snapshot().Rev
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := &elbv2.CreateLoadBalancerInput{Name: new("lb"), Scheme: new("internal"), Subnets: subnets("a", "b")}
			tt.change(in)
			refused(e, red, e.CreateLoadBalancer, in, tt.code)
		})
	}
	want(t, "revision after refusals", e.view.Snapshot().Rev, before)
}

func TestCreateLoadBalancerAgain(t *testing.T) {
	e := newEnv(t)
	in := &elbv2.CreateLoadBalancerInput{Name: new("lb"), Scheme: new("internal"), Subnets: subnets("a", "b")}
	first := *must(e, e.CreateLoadBalancer, in).LoadBalancers[0].LoadBalancerArn
	slices.Reverse(in.Subnets)
	again := must(e, e.CreateLoadBalancer, in).LoadBalancers[0]
	want(t, "the same", *again.LoadBalancerArn, first)
	want(t, "default group", again.SecurityGroups[0], "sg-"+red+"-default")
	in.SecurityGroups = []string{"sg-" + red}
	refused(e, red, e.CreateLoadBalancer, in, "DuplicateLoadBalancerName")
	want(t, "nodes", count(state.Interfaces.By(e.view.Snapshot(), state.ByUser, first)), 2)
}

func count[T any](rows func(func(T) bool)) int {
	n := 0
	for range rows {
		n++
	}
	return n
}

func TestSubnetsAndGroupsOfALoadBalancer(t *testing.T) {
	e := newEnv(t)
	lb := e.balancer("lb")
	addresses := func() map[string]string {
		out := map[string]string{}
		for ni := range state.Interfaces.By(e.view.Snapshot(), state.ByUser, lb) {
			out[ni.Subnet] = ni.Addr.String()
		}
		return out
	}
	before := addresses()
	refused(e, red, e.SetSubnets, &elbv2.SetSubnetsInput{LoadBalancerArn: &lb, Subnets: subnets("c", "b"), EnablePrefixForIpv6SourceNat: new("on")}, "ValidationError")
	must(e, e.SetSubnets, &elbv2.SetSubnetsInput{LoadBalancerArn: &lb, Subnets: subnets("c", "b")})
	after := addresses()
	if len(after) != 2 || after[subnets("b")[0]] != before[subnets("b")[0]] || after[subnets("c")[0]] == "" {
		t.Errorf("nodes before %v and after %v", before, after)
	}
	row, _ := state.LoadBalancers.Get(e.view.Snapshot(), lb)
	for i, id := range row.Interfaces {
		ni, ok := state.Interfaces.Get(e.view.Snapshot(), id)
		if !ok || ni.Subnet != row.Subnets[i] {
			t.Errorf("interface %d is %+v, its subnet %s", i, ni, row.Subnets[i])
		}
	}
	refused(e, red, e.SetSubnets, &elbv2.SetSubnetsInput{LoadBalancerArn: &lb, Subnets: subnets("a")}, "ValidationError")

	out := must(e, e.SetSecurityGroups, &elbv2.SetSecurityGroupsInput{LoadBalancerArn: &lb, SecurityGroups: []string{"sg-" + red}})
	want(t, "groups", strings.Join(out.SecurityGroupIds, " "), "sg-"+red)
	want(t, "interfaces with the group", count(state.Interfaces.By(e.view.Snapshot(), state.ByGroup, "sg-"+red)), 2)
	want(t, "interfaces with the old one", count(state.Interfaces.By(e.view.Snapshot(), state.ByGroup, "sg-"+red+"-default")), 0)
	refused(e, red, e.SetSecurityGroups, &elbv2.SetSecurityGroupsInput{LoadBalancerArn: &lb, SecurityGroups: []string{"sg-" + black}}, "InvalidSecurityGroup")
	want(t, "address type", *must(e, e.SetIpAddressType, &elbv2.SetIpAddressTypeInput{LoadBalancerArn: &lb, IpAddressType: new("ipv4")}).IpAddressType, "ipv4")
	refused(e, red, e.SetIpAddressType, &elbv2.SetIpAddressTypeInput{LoadBalancerArn: &lb, IpAddressType: new("dualstack")}, "InvalidSubnet")
}

func TestAttributes(t *testing.T) {
	e := newEnv(t)
	lb, lambda, ip := e.balancer("lb"), e.group("lambda", "lambda"), e.group("ip", "ip")
	l := e.listener(lb, 80, fixed("200"))
	set := func(key, value string) error {
		_, err := e.ModifyLoadBalancerAttributes(e.as(red), &elbv2.ModifyLoadBalancerAttributesInput{LoadBalancerArn: &lb,
			Attributes: []elbv2.LoadBalancerAttribute{{Key: &key, Value: &value}}})
		return err
	}
	for _, tt := range []struct {
		key, value, code string
	}{
		{"idle_timeout.timeout_seconds", "120", ""},
		{"idle_timeout.timeout_seconds", "0", "ValidationError"},
		{"routing.http2.enabled", "maybe", "ValidationError"},
		{"access_logs.s3.enabled", "true", "InvalidConfigurationRequest"},
		{"load_balancing.cross_zone.enabled", "false", "ValidationError"},
		{"routing.http.drop_invalid_header_fields.enabled", "true", ""},
		{"routing.http.xff_header_processing.mode", "preserve", ""},
		{"routing.http.xff_header_processing.mode", "forge", "ValidationError"},
		{"none.such", "1", "InvalidConfigurationRequest"},
		{"deletion_protection.enabled", "true", ""},
	} {
		if err := set(tt.key, tt.value); tt.code != "" || err != nil {
			if err == nil || !strings.HasPrefix(err.Error(), tt.code+":") {
				t.Errorf("%s=%s: got %v, want %q", tt.key, tt.value, err, tt.code)
			}
		}
	}
	values := map[string]string{}
	for _, a := range must(e, e.DescribeLoadBalancerAttributes, &elbv2.DescribeLoadBalancerAttributesInput{LoadBalancerArn: &lb}).Attributes {
		values[*a.Key] = *a.Value
	}
	want(t, "idle timeout", values["idle_timeout.timeout_seconds"], "120")
	want(t, "an attribute never set", values["client_keep_alive.seconds"], "3600")
	refused(e, red, e.DeleteLoadBalancer, &elbv2.DeleteLoadBalancerInput{LoadBalancerArn: &lb}, "OperationNotPermitted")

	group := func(group, key, value string) *elbv2.ModifyTargetGroupAttributesInput {
		return &elbv2.ModifyTargetGroupAttributesInput{TargetGroupArn: &group, Attributes: []elbv2.TargetGroupAttribute{{Key: &key, Value: &value}}}
	}
	must(e, e.ModifyTargetGroupAttributes, group(lambda, "lambda.multi_value_headers.enabled", "true"))
	row, _ := state.BalancerTargetGroups.Get(e.view.Snapshot(), lambda)
	want(t, "multi-value headers", row.Attributes["lambda.multi_value_headers.enabled"], "true")
	refused(e, red, e.ModifyTargetGroupAttributes, group(ip, "lambda.multi_value_headers.enabled", "true"), "InvalidConfigurationRequest")
	must(e, e.ModifyTargetGroupAttributes, group(ip, "deregistration_delay.timeout_seconds", "5"))
	must(e, e.ModifyTargetGroupAttributes, group(ip, "stickiness.enabled", "true"))
	refused(e, red, e.ModifyTargetGroupAttributes, group(ip, "stickiness.type", "app_cookie"), "InvalidConfigurationRequest")
	refused(e, red, e.ModifyTargetGroupAttributes, group(ip, "stickiness.app_cookie.cookie_name", "AWSALBAPP"), "ValidationError")
	refused(e, red, e.ModifyTargetGroupAttributes, group(ip, "slow_start.duration_seconds", "30"), "InvalidConfigurationRequest")
	refused(e, red, e.ModifyTargetGroupAttributes, group(lambda, "deregistration_delay.timeout_seconds", "5"), "InvalidConfigurationRequest")
	if got := must(e, e.DescribeTargetGroupAttributes, &elbv2.DescribeTargetGroupAttributesInput{TargetGroupArn: &ip}).Attributes; *got[0].Value != "5" {
		t.Errorf("attributes %s=%s", *got[0].Key, *got[0].Value)
	}

	must(e, e.ModifyListenerAttributes, &elbv2.ModifyListenerAttributesInput{ListenerArn: &l,
		Attributes: must(e, e.DescribeListenerAttributes, &elbv2.DescribeListenerAttributesInput{ListenerArn: &l}).Attributes})
	must(e, e.ModifyListenerAttributes, &elbv2.ModifyListenerAttributesInput{ListenerArn: &l,
		Attributes: []elbv2.ListenerAttribute{{Key: new("routing.http.response.server.enabled"), Value: new("false")}}})
	refused(e, red, e.ModifyListenerAttributes, &elbv2.ModifyListenerAttributesInput{ListenerArn: &l,
		Attributes: []elbv2.ListenerAttribute{{Key: new("routing.http.response.x_frame_options.header_value"), Value: new("DENY\r\nSet-Cookie: a=b")}}}, "ValidationError")
}

func TestPages(t *testing.T) {
	e := newEnv(t)
	var all []string
	for i := range 5 {
		all = append(all, e.balancer(fmt.Sprint("lb", i)))
	}
	slices.Sort(all)
	var got []string
	in := &elbv2.DescribeLoadBalancersInput{PageSize: new(int32(2))}
	for {
		out := must(e, e.DescribeLoadBalancers, in)
		for _, lb := range out.LoadBalancers {
			got = append(got, *lb.LoadBalancerArn)
		}
		if in.Marker = out.NextMarker; in.Marker == nil {
			break
		}
	}
	want(t, "all pages", strings.Join(got, " "), strings.Join(all, " "))
	refused(e, red, e.DescribeLoadBalancers, &elbv2.DescribeLoadBalancersInput{Marker: new("nonsense")}, "ValidationError")
	refused(e, red, e.DescribeLoadBalancers, &elbv2.DescribeLoadBalancersInput{Names: []string{"lb0"}, LoadBalancerArns: all}, "ValidationError")
	want(t, "by name", len(must(e, e.DescribeLoadBalancers, &elbv2.DescribeLoadBalancersInput{Names: []string{"lb0", "lb1"}}).LoadBalancers), 2)
	out, err := e.DescribeLoadBalancers(e.as(black), &elbv2.DescribeLoadBalancersInput{})
	if err != nil || len(out.LoadBalancers) != 0 {
		t.Errorf("another account sees %+v, %v", out, err)
	}
}
