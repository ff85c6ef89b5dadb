package substrate

import "net/netip"

// sharedTable is the table of an interface that forwards for guests: they go out
// under its address, and nothing comes in that was not asked for.
func sharedTable(address netip.Addr) Table {
	t := Table{Chains: []Chain{
		{Name: "input", Hook: HookInput, Drop: true, Rules: []FilterRule{
			{MatchLink{Name: "lo"}, Accept{}},
			{MatchEstablished{}, Accept{}},
		}},
		{Name: "forward", Hook: HookForward, Drop: true, Rules: []FilterRule{
			{MatchEstablished{}, Accept{}},
			{MatchLink{Name: guestLinks, Prefix: true}, MatchLink{Out: true, Name: WorkloadLink}, Accept{}},
		}},
	}}
	if address.IsValid() {
		t.Chains = append(t.Chains, Chain{Name: "postrouting", Hook: HookSNAT, Rules: []FilterRule{
			{MatchLink{Out: true, Name: WorkloadLink}, MatchAddress{Prefix: guests4}, SNAT{address}},
		}})
	}
	return t
}

// public maps private to public addresses at the gateway, one to one.
func (b *builder) public() {
	if b.vx.InternetGateway == "" {
		return
	}
	set := b.set(setPublic, KeyAddr4, Plain)
	out := b.set(mapPublic, KeyAddr4, Addresses4)
	in := b.set(mapPrivate, KeyAddr4, Addresses4)
	for _, n := range b.vx.interfaces {
		if !n.Public.IsValid() {
			continue
		}
		private := primary(n, false)
		set.Elements = append(set.Elements, Element{Prefix: host(private)})
		out.Elements = append(out.Elements, Element{Prefix: host(private), To: n.Public})
		in.Elements = append(in.Elements, Element{Prefix: host(n.Public), To: private})
	}
	b.chain("dstnat", HookDNAT, false, FilterRule{MatchLink{Name: gatewayLink}, MapDNAT{mapPrivate}})
	b.chain("srcnat", HookSNAT, false, FilterRule{MatchLink{Out: true, Name: gatewayLink}, MapSNAT{mapPublic}})
}

// internetTable lets each VPC send from its public addresses only.
func internetTable(elements []Element) Table {
	pinned := Set{Name: setPinned4, Key: KeyLinkAddr4, Elements: elements}
	sortElements(pinned.Elements)
	return Table{
		Counters: []string{DropNoHost, DropSilenced, DropSpoofed},
		Sets:     []Set{pinned},
		Chains: []Chain{
			{Name: "prerouting", Hook: HookPrerouting, Drop: true, Rules: []FilterRule{
				{MatchLink{Name: "lo"}, Accept{}},
				{MatchPinned{Set: setPinned4}, Accept{}},
				dropFor(DropSpoofed),
			}},
			{Name: "output", Hook: HookOutput, Rules: silence()},
		},
	}
}
