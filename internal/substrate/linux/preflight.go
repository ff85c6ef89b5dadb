package linux

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"trellis/internal/substrate"
)

// Preflight makes a small network, sends a packet through all of it and takes it
// away again. The error says what the kernel or its configuration lacks, and how to
// get it. Run it after Enter.
func Preflight(ctx context.Context) error {
	if err := tryNamespace(); err != nil {
		return fmt.Errorf("network namespaces: %w: %s", err, userNamespaceHelp())
	}
	h := New(nil)
	defer h.Close()
	problems, err := h.Apply(ctx, probe())
	if err != nil {
		return err
	}
	for _, p := range problems {
		return advise(p.Err)
	}
	if err := crossing(ctx, h); err != nil {
		return fmt.Errorf("a packet does not cross the namespaces made for it: %w: nf_conntrack, nf_nat and IPv4 forwarding have to work within network namespaces", err)
	}
	return nil
}

// probe needs everything a network can: forwarding, filters, translation, policy
// routing and a prefix that is local as a whole.
func probe() substrate.Config {
	any4 := netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	all := []substrate.Rule{{ID: "all", Protocol: substrate.AllProtocols, CIDRs: []netip.Prefix{any4, netip.MustParsePrefix("10.0.0.0/8")}}}
	cidr := netip.MustParsePrefix("10.0.0.0/24")
	return substrate.Config{
		LatticePrefixes: []netip.Prefix{netip.MustParsePrefix("169.254.171.0/24")},
		VPCs: []*substrate.VPC{{
			ID: "vpc", CIDRs: []netip.Prefix{cidr}, Lattice: substrate.LatticeAssociated, InternetGateway: "igw",
			Subnets:        []substrate.Subnet{{ID: "subnet", CIDRs: []netip.Prefix{cidr}}},
			Interfaces:     []substrate.Interface{{ID: "eni", Subnet: "subnet", Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.4")}, SecurityGroups: []string{"sg"}, Guests: true}},
			SecurityGroups: []substrate.SecurityGroup{{ID: "sg", Ingress: all, Egress: all}},
		}},
	}
}

// crossing connects a guest of the probe to its VPC.
func crossing(ctx context.Context, h *Host) error {
	address := netip.MustParseAddrPort("169.254.171.1:80")
	vpc, ok := h.Namespace("vpc")
	if !ok {
		return errClosed
	}
	l, err := vpc.Listen("tcp", address)
	if err != nil {
		return err
	}
	defer l.Close()
	g, err := h.AddGuest("eni")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	c, err := g.Dial(ctx, "tcp", netip.AddrPort{}, address)
	if err != nil {
		return err
	}
	return c.Close()
}

// advise adds to an error of the kernel what would help.
func advise(err error) error {
	switch {
	case errors.Is(err, os.ErrPermission), errors.Is(err, unix.EROFS):
		return fmt.Errorf("%w: the process needs CAP_NET_ADMIN and a writable /proc/sys/net: in a container, run it with --privileged or with a user namespace of its own", err)
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.EPROTONOSUPPORT):
		return fmt.Errorf("%w: the kernel needs nf_tables with inet, conntrack, nat and fib (CONFIG_NF_TABLES_INET, NFT_CT, NFT_NAT, NFT_FIB_INET): load them with modprobe nf_tables nft_ct nft_nat nft_fib_inet", err)
	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EAFNOSUPPORT), errors.Is(err, unix.ENODEV):
		return fmt.Errorf("%w: the kernel needs veth and policy routing (CONFIG_VETH, IP_MULTIPLE_TABLES, IPV6_MULTIPLE_TABLES): load veth with modprobe veth", err)
	}
	return err
}
