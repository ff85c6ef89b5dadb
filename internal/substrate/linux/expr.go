package linux

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"trellis/internal/substrate"
)

// reg is the register statements work in; a second part of a key follows in reg2.
const (
	reg  = unix.NFT_REG_1
	reg2 = unix.NFT_REG_2
)

func ifname(name string) []byte {
	b := make([]byte, unix.IFNAMSIZ)
	copy(b, name)
	return b
}

func same(data []byte) expr.Any { return &expr.Cmp{Op: expr.CmpOpEq, Register: reg, Data: data} }

func family(v6 bool) []expr.Any {
	f := byte(unix.NFPROTO_IPV4)
	if v6 {
		f = unix.NFPROTO_IPV6
	}
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: reg}, same([]byte{f})}
}

func protocol(n int) []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: reg}, same([]byte{byte(n)})}
}

func link(out bool) expr.Any {
	if out {
		return &expr.Meta{Key: expr.MetaKeyOIFNAME, Register: reg}
	}
	return &expr.Meta{Key: expr.MetaKeyIIFNAME, Register: reg}
}

func address(v6, destination bool, register uint32) expr.Any {
	p := &expr.Payload{DestRegister: register, Base: expr.PayloadBaseNetworkHeader, Offset: 12, Len: 4}
	if v6 {
		p.Offset, p.Len = 8, 16
	}
	if destination {
		p.Offset += p.Len
	}
	return p
}

func transport(offset, length uint32) expr.Any {
	return &expr.Payload{DestRegister: reg, Base: expr.PayloadBaseTransportHeader, Offset: offset, Len: length}
}

func masked(mask []byte) expr.Any {
	return &expr.Bitwise{SourceRegister: reg, DestRegister: reg, Len: uint32(len(mask)), Mask: mask, Xor: make([]byte, len(mask))}
}

// anyOf holds if a bit of the mask is set in the register.
func anyOf(mask []byte) []expr.Any {
	return []expr.Any{masked(mask), &expr.Cmp{Op: expr.CmpOpNeq, Register: reg, Data: make([]byte, len(mask))}}
}

func state(bits uint32) []expr.Any {
	return append([]expr.Any{&expr.Ct{Key: expr.CtKeySTATE, Register: reg}}, anyOf(binaryutil.NativeEndian.PutUint32(bits))...)
}

func between(from, to []byte) expr.Any {
	return &expr.Range{Op: expr.CmpOpEq, Register: reg, FromData: from, ToData: to}
}

func inSet(name string, not bool) expr.Any {
	return &expr.Lookup{SourceRegister: reg, SetName: name, Invert: not}
}

func mapped(name string, register uint32) expr.Any {
	return &expr.Lookup{SourceRegister: reg, DestRegister: register, IsDestRegSet: true, SetName: name}
}

func prefix(p netip.Prefix, destination bool) []expr.Any {
	v6 := p.Addr().Is6()
	out := append(family(v6), address(v6, destination, reg))
	if !p.IsSingleIP() {
		mask := make([]byte, p.Addr().BitLen()/8)
		for i := range p.Bits() {
			mask[i/8] |= 0x80 >> (i % 8)
		}
		out = append(out, masked(mask))
	}
	return append(out, same(p.Masked().Addr().AsSlice()))
}

func nat(kind expr.NATType) expr.Any {
	return &expr.NAT{Type: kind, Family: unix.NFPROTO_IPV4, RegAddrMin: reg}
}

func verdict(kind expr.VerdictKind, chain string) []expr.Any {
	return []expr.Any{&expr.Verdict{Kind: kind, Chain: chain}}
}

const (
	protocolICMP   = 1
	protocolTCP    = 6
	protocolICMPv6 = 58
	tcpReset       = 4
)

// expressions translates one statement to what the kernel runs.
func expressions(s substrate.Statement) ([]expr.Any, error) {
	switch s := s.(type) {
	case substrate.MatchLink:
		if s.Prefix {
			return []expr.Any{link(s.Out), same([]byte(s.Name))}, nil
		}
		return []expr.Any{link(s.Out), same(ifname(s.Name))}, nil
	case substrate.MatchLinkSet:
		return []expr.Any{link(s.Out), inSet(s.Set, false)}, nil
	case substrate.MatchPinned:
		return append(family(s.IPv6), link(false), address(s.IPv6, false, reg2), inSet(s.Set, false)), nil
	case substrate.MatchFamily:
		return family(s.IPv6), nil
	case substrate.MatchAddress:
		return prefix(s.Prefix, s.Destination), nil
	case substrate.MatchAddressSet:
		return append(family(s.IPv6), address(s.IPv6, s.Destination, reg), inSet(s.Set, s.Not)), nil
	case substrate.MatchProtocol:
		return protocol(s.Number), nil
	case substrate.MatchPorts:
		from, to := binary.BigEndian.AppendUint16(nil, uint16(s.From)), binary.BigEndian.AppendUint16(nil, uint16(s.To))
		return []expr.Any{transport(2, 2), between(from, to)}, nil
	case substrate.MatchICMP:
		out := []expr.Any{transport(0, 1), same([]byte{byte(s.Type)})}
		if s.Code >= 0 {
			out = append(out, transport(1, 1), same([]byte{byte(s.Code)}))
		}
		return out, nil
	case substrate.MatchEstablished:
		return state(expr.CtStateBitESTABLISHED | expr.CtStateBitRELATED), nil
	case substrate.MatchInvalid:
		return state(expr.CtStateBitINVALID), nil
	case substrate.MatchOriginal:
		return []expr.Any{&expr.Ct{Key: expr.CtKeyDIRECTION, Register: reg}, same([]byte{0})}, nil
	case substrate.MatchLocal:
		fib := &expr.Fib{Register: reg, ResultADDRTYPE: true, FlagDADDR: true}
		return []expr.Any{fib, same(binaryutil.NativeEndian.PutUint32(unix.RTN_LOCAL))}, nil
	case substrate.MatchRefusal:
		out := append(protocol(protocolTCP), transport(13, 1))
		out = append(out, anyOf([]byte{tcpReset})...)
		return append(out, transport(4, 4), same(make([]byte, 4))), nil
	case substrate.MatchICMPTypes:
		n := protocolICMP
		if s.IPv6 {
			n = protocolICMPv6
		}
		return append(protocol(n), transport(0, 1), between([]byte{byte(s.From)}, []byte{byte(s.To)})), nil
	case substrate.Count:
		return []expr.Any{&expr.Objref{Type: int(nftables.ObjTypeCounter), Name: s.Counter}}, nil
	case substrate.Dispatch:
		return []expr.Any{link(s.Out), mapped(s.Map, unix.NFT_REG_VERDICT)}, nil
	case substrate.Steer:
		return []expr.Any{
			&expr.Immediate{Register: reg, Data: s.To.Addr().AsSlice()},
			&expr.Immediate{Register: reg2, Data: binary.BigEndian.AppendUint16(nil, s.To.Port())},
			&expr.TProxy{Family: unix.NFPROTO_IPV4, TableFamily: unix.NFPROTO_INET, RegAddr: reg, RegPort: reg2},
		}, nil
	case substrate.Accept:
		return verdict(expr.VerdictAccept, ""), nil
	case substrate.Drop:
		return verdict(expr.VerdictDrop, ""), nil
	case substrate.Return:
		return verdict(expr.VerdictReturn, ""), nil
	case substrate.Jump:
		return verdict(expr.VerdictJump, s.Chain), nil
	case substrate.Goto:
		return verdict(expr.VerdictGoto, s.Chain), nil
	case substrate.SNAT:
		return []expr.Any{&expr.Immediate{Register: reg, Data: s.To.AsSlice()}, nat(expr.NATTypeSourceNAT)}, nil
	case substrate.MapSNAT:
		return append(family(false), address(false, false, reg), mapped(s.Map, reg), nat(expr.NATTypeSourceNAT)), nil
	case substrate.MapDNAT:
		return append(family(false), address(false, true, reg), mapped(s.Map, reg), nat(expr.NATTypeDestNAT)), nil
	}
	return nil, fmt.Errorf("no expression for %T", s)
}
