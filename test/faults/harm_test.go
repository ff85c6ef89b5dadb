package faults

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"trellis/test/kernel"
	"trellis/test/process"
)

// held opens the network namespaces that the server holds.
func (s *server) held(t *testing.T) []netns.NsHandle {
	t.Helper()
	all, err := kernel.Open(s.cmd.Process.Pid)
	t.Cleanup(func() {
		for _, h := range all {
			_ = h.Close()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// state is what the kernel holds in them.
func (s *server) state(t *testing.T) []string {
	t.Helper()
	state, err := kernel.State(s.cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// place is a namespace of the server as somebody else reaches it.
type place struct {
	ns netns.NsHandle
	*netlink.Handle
}

// find opens the namespace of the VPC and that of the interface with the address.
func (s *server) find(t *testing.T, address string) (router, workload place) {
	t.Helper()
	for _, ns := range s.held(t) {
		h, err := netlink.NewHandleAt(ns, unix.NETLINK_ROUTE)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(h.Close)
		routes, err := h.RouteListFiltered(netlink.FAMILY_V4, &netlink.Route{Table: unix.RT_TABLE_MAIN}, netlink.RT_FILTER_TABLE)
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(routes, func(r netlink.Route) bool { return r.Dst != nil && r.Dst.String() == address+"/32" }) {
			router = place{ns, h}
		}
		addrs, err := h.AddrList(nil, netlink.FAMILY_V4)
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(addrs, func(a netlink.Addr) bool { return a.IP.String() == address }) {
			workload = place{ns, h}
		}
	}
	if router.Handle == nil || workload.Handle == nil {
		t.Fatalf("the namespaces of %s are not to be found", address)
	}
	return router, workload
}

func (p place) each(kind string, do func(netlink.Link) error) error {
	links, err := p.LinkList()
	for _, l := range links {
		if l.Type() == kind {
			err = errors.Join(err, do(l))
		}
	}
	return err
}

// set changes a setting of the kernel.
func (p place) set(path, value string) error {
	return kernel.Within(p.ns, func() error { return os.WriteFile("/proc/sys/net/"+path, []byte(value), 0) })
}

// balancer puts a load balancer of two nodes before the target, and tells its name and the address of one of them.
func (z *zone) balancer(t *testing.T) (name, node string) {
	t.Helper()
	c := elb.NewFromConfig(z.config(t, z.profile, 1))
	first := must(t, z.ec2.DescribeSubnets, &ec2.DescribeSubnetsInput{SubnetIds: []string{z.subnet}}).Subnets[0]
	zone := "us-east-1b"
	if *first.AvailabilityZone == zone {
		zone = "us-east-1a"
	}
	second := must(t, z.ec2.CreateSubnet, &ec2.CreateSubnetInput{VpcId: &z.vpc, CidrBlock: aws.String("10.0.1.0/24"), AvailabilityZone: &zone}).Subnet
	b := must(t, c.CreateLoadBalancer, &elb.CreateLoadBalancerInput{Name: aws.String("balancer"), Scheme: elbtypes.LoadBalancerSchemeEnumInternal,
		Subnets: []string{z.subnet, *second.SubnetId}, SecurityGroups: []string{z.group}}).LoadBalancers[0]
	targets := must(t, c.CreateTargetGroup, &elb.CreateTargetGroupInput{Name: aws.String("targets"), TargetType: elbtypes.TargetTypeEnumIp,
		Protocol: elbtypes.ProtocolEnumHttp, Port: aws.Int32(8080), VpcId: &z.vpc}).TargetGroups[0].TargetGroupArn
	must(t, c.RegisterTargets, &elb.RegisterTargetsInput{TargetGroupArn: targets, Targets: []elbtypes.TargetDescription{{Id: &z.address}}})
	must(t, c.CreateListener, &elb.CreateListenerInput{LoadBalancerArn: b.LoadBalancerArn, Protocol: elbtypes.ProtocolEnumHttp, Port: aws.Int32(80),
		DefaultActions: []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward, TargetGroupArn: targets}}})
	interfaces := must(t, z.ec2.DescribeNetworkInterfaces, &ec2.DescribeNetworkInterfacesInput{Filters: []ec2types.Filter{
		{Name: aws.String("subnet-id"), Values: []string{*second.SubnetId}}}}).NetworkInterfaces
	if len(interfaces) != 1 {
		t.Fatalf("%d interfaces in the second subnet, want the node's", len(interfaces))
	}
	return *b.DNSName, *interfaces[0].PrivateIpAddress
}

// patience is how long what was done by hand may last. It is meant to be a second, of which the bench has the figure; here the
// machine has other things to do.
const patience = 3 * time.Second

// What somebody takes away or adds under a running server is put right, and packets flow again: of a target, and of a load
// balancer's node.
func TestPrivilegedThingsDeletedByHand(t *testing.T) {
	s := start(t, 0)
	z := s.zone(t)
	p := z.start(t, "ask")
	balancer, node := z.balancer(t)
	var whole []string
	for _, victim := range []struct{ name, address, url string }{
		{"target", z.address, z.url("/")},
		{"load balancer", node, "http://" + balancer + "/"},
	} {
		t.Run(victim.name, func(t *testing.T) {
			eventually(t, "an answer", func() bool { return p.get(t, victim.url) == fine })
			eventually(t, "rest", func() bool {
				before := whole
				whole = s.state(t)
				return slices.Equal(before, whole)
			})
			for _, harm := range harms(s.find(t, victim.address)) {
				t.Run(harm.name, func(t *testing.T) {
					if err := harm.do(); err != nil {
						t.Fatal(err)
					}
					began, missing := time.Now(), "what was done"
					for missing != "" && time.Since(began) < patience {
						time.Sleep(20 * time.Millisecond)
						missing = kernel.Difference(whole, s.state(t))
					}
					if missing != "" {
						t.Fatalf("it is not put right within %v:\n%s", patience, missing)
					}
					t.Logf("whole after %v", time.Since(began).Round(time.Millisecond))
					if got := p.get(t, victim.url); got != fine {
						t.Errorf("afterwards: %s", got)
					}
				})
			}
		})
	}
	s.alive(t)
}

type harm struct {
	name string
	do   func() error
}

// harms are what can be done by hand to a VPC and one of the interfaces in it.
func harms(router, workload place) []harm {
	return []harm{
		{"every link of the VPC", func() error { return router.each("veth", router.LinkDel) }},
		{"its link", func() error { return workload.each("veth", workload.LinkDel) }},
		{"links down", func() error { return router.each("veth", router.LinkSetDown) }},
		{"loopback down", func() error {
			loopback, err := router.LinkByName("lo")
			if err != nil {
				return err
			}
			return router.LinkSetDown(loopback)
		}},
		{"its addresses", func() error {
			return workload.each("veth", func(l netlink.Link) error {
				addrs, err := workload.AddrList(l, netlink.FAMILY_V4)
				for _, a := range addrs {
					err = errors.Join(err, workload.AddrDel(l, &a))
				}
				return err
			})
		}},
		{"every route", func() error {
			routes, err := router.RouteListFiltered(netlink.FAMILY_V4, &netlink.Route{Table: unix.RT_TABLE_UNSPEC}, netlink.RT_FILTER_TABLE)
			for _, r := range routes {
				if r.Protocol != unix.RTPROT_KERNEL {
					err = errors.Join(err, router.RouteDel(&r))
				}
			}
			return err
		}},
		{"every policy rule", func() error {
			rules, err := router.RuleList(netlink.FAMILY_V4)
			for _, r := range rules {
				if r.Priority != 0 && r.Priority < 32766 {
					err = errors.Join(err, router.RuleDel(&r))
				}
			}
			return err
		}},
		{"neighbours", func() error {
			all, err := router.NeighList(0, 0)
			for _, n := range all {
				if n.State == netlink.NUD_PERMANENT {
					err = errors.Join(err, router.NeighDel(&n))
				}
			}
			return err
		}},
		{"the nft table", func() error {
			c, err := nftables.New(nftables.WithNetNSFd(int(router.ns)))
			if err != nil {
				return err
			}
			c.FlushRuleset()
			return c.Flush()
		}},
		{"a rule of each chain", func() error {
			c, err := nftables.New(nftables.WithNetNSFd(int(router.ns)))
			if err != nil {
				return err
			}
			chains, err := c.ListChains()
			for _, chain := range chains {
				rules, rerr := c.GetRules(chain.Table, chain)
				if err = errors.Join(err, rerr); len(rules) > 0 {
					err = errors.Join(err, c.DelRule(rules[0]))
				}
			}
			return errors.Join(err, c.Flush())
		}},
		{"a table of somebody's own", func() error {
			c, err := nftables.New(nftables.WithNetNSFd(int(router.ns)))
			if err != nil {
				return err
			}
			drop := nftables.ChainPolicyDrop
			c.AddChain(&nftables.Chain{Name: "all", Table: c.AddTable(&nftables.Table{Name: "foreign", Family: nftables.TableFamilyINet}),
				Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookForward, Priority: nftables.ChainPriorityFilter, Policy: &drop})
			return c.Flush()
		}},
		{"an address of somebody's own", func() error {
			return workload.each("veth", func(l netlink.Link) error {
				return workload.AddrAdd(l, &netlink.Addr{IPNet: &net.IPNet{IP: net.IPv4(10, 9, 9, 9), Mask: net.CIDRMask(32, 32)}})
			})
		}},
		{"a route of somebody's own", func() error {
			return router.RouteAdd(&netlink.Route{Dst: &net.IPNet{IP: net.IPv4(10, 9, 0, 0), Mask: net.CIDRMask(16, 32)}, Type: unix.RTN_BLACKHOLE})
		}},
		{"forwarding off", func() error { return router.set("ipv4/ip_forward", "0") }},
		{"reverse paths filtered", func() error { return router.set("ipv4/conf/all/rp_filter", "1") }},
	}
}

// nameless holds that a namespace has no name and no mount by which somebody could delete it, and that neither the server nor a
// process that it has started is in a cgroup of its own.
func (s *server) nameless(t *testing.T, processes ...int) {
	t.Helper()
	read := func(pid any, name string) string {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%v/%s", pid, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	namespaces := process.Namespaces(s.cmd.Process.Pid)
	for _, pid := range append(processes, s.cmd.Process.Pid) {
		for line := range strings.Lines(read(pid, "mountinfo")) {
			if f := strings.Fields(line); namespaces[f[3]] {
				t.Errorf("process %d has a namespace mounted: %s", pid, line)
			}
		}
		if got, want := read(pid, "cgroup"), read("self", "cgroup"); got != want {
			t.Errorf("process %d is in a cgroup of its own: %s, want %s", pid, got, want)
		}
	}
}
