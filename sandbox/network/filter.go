package network

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Verdicts of a classifier in direct-action mode: TC_ACT_* in linux/pkt_cls.h.
const (
	letIn = 0 // TC_ACT_OK
	drop  = 2 // TC_ACT_SHOT
)

// cableFilter is the classic BPF program at the gateway's end of a cable. Its packet begins with the Ethernet header; the kernel
// has taken VLAN tags off before. What lets a frame in:
//
//	ARP    who asks is the sandbox, by MAC and IP address, and asks for the gateway
//	IPv4   from the sandbox, by MAC and IP address, to the gateway
//
// All else is dropped: other sources, other destinations (so also broadcast and multicast), IPv6, anything short.
func cableFilter(mac net.HardwareAddr, sandbox, gateway netip.Addr) ([]bpf.RawInstruction, error) {
	var (
		macHigh = binary.BigEndian.Uint32(mac[:4])
		macLow  = uint32(binary.BigEndian.Uint16(mac[4:]))
		from    = binary.BigEndian.Uint32(sandbox.AsSlice())
		to      = binary.BigEndian.Uint32(gateway.AsSlice())
	)
	type check struct {
		offset uint32
		size   int
		value  uint32
	}
	sender := []check{{6, 4, macHigh}, {10, 2, macLow}} // Ethernet source
	arp := append(sender[:2:2],
		check{14, 4, 0x0001_0800},            // Ethernet, IPv4
		check{18, 2, 0x0604},                 // with addresses of 6 and 4 bytes
		check{22, 4, macHigh},                // sender's hardware address
		check{26, 2, macLow},                 //
		check{28, 4, from}, check{38, 4, to}, // sender's and target's protocol address
	)
	ipv4 := append(sender[:2:2], check{26, 4, from}, check{30, 4, to})

	// block is a run of checks that ends in letIn, or goes to the drop that follows it.
	block := func(checks []check) []bpf.Instruction {
		var is []bpf.Instruction
		for i, c := range checks {
			left := uint8(2*(len(checks)-i) - 1) // instructions from the jump to drop
			is = append(is, bpf.LoadAbsolute{Off: c.offset, Size: c.size}, bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: c.value, SkipTrue: left})
		}
		return append(is, bpf.RetConstant{Val: letIn}, bpf.RetConstant{Val: drop})
	}
	// A load from beyond the packet's end would end the program with 0, and that is letIn. So the length comes first.
	long := func(bytes uint32) []bpf.Instruction {
		return []bpf.Instruction{
			bpf.LoadExtension{Num: bpf.ExtLen},
			bpf.JumpIf{Cond: bpf.JumpGreaterOrEqual, Val: bytes, SkipTrue: 1},
			bpf.RetConstant{Val: drop},
		}
	}
	arps := slices.Concat(long(14+28), block(arp))
	return bpf.Assemble(slices.Concat(
		long(14+20),
		[]bpf.Instruction{
			bpf.LoadAbsolute{Off: 12, Size: 2},
			bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.ETH_P_ARP, SkipTrue: uint8(len(arps))},
		},
		arps,
		[]bpf.Instruction{bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.ETH_P_IP, SkipTrue: 1}, bpf.RetConstant{Val: drop}},
		block(ipv4)))
}

// rawNetlink sends what the netlink package has no words for.
type rawNetlink struct {
	socket *nl.SocketHandle
}

// newRawNetlink opens a socket in the thread's network namespace.
func newRawNetlink() (*rawNetlink, error) {
	s, err := nl.Subscribe(unix.NETLINK_ROUTE) // to no group
	if err != nil {
		return nil, fmt.Errorf("netlink: %w", err)
	}
	timeout := unix.NsecToTimeval(netlinkTimeout.Nanoseconds())
	if err := s.SetSendTimeout(&timeout); err != nil {
		return nil, err
	}
	if err := s.SetReceiveTimeout(&timeout); err != nil {
		return nil, err
	}
	return &rawNetlink{socket: &nl.SocketHandle{Socket: s}}, nil
}

func (r *rawNetlink) close() { r.socket.Close() }

// ingress makes an interface one whose incoming packets can be filtered. The first one on the whole machine costs the kernel a
// millisecond: it patches its own code for all the network (a static key, Documentation/staging/static-keys.rst). So the gateway's
// lo gets one too, and keeps that paid for.
func ingress(n *netlink.Handle, index int) error {
	err := n.QdiscAdd(&netlink.Ingress{QdiscAttrs: netlink.QdiscAttrs{
		LinkIndex: index,
		Handle:    netlink.MakeHandle(0xffff, 0),
		Parent:    netlink.HANDLE_INGRESS,
	}})
	if err != nil {
		return fmt.Errorf("qdisc ingress (kernel needs sch_ingress): %w", err)
	}
	return nil
}

// guard puts a filter on what comes in through an interface: a cls_bpf classifier in direct-action mode, see tc-bpf(8). The kernel
// takes the classic program as it is, without bpf(2).
func (r *rawNetlink) guard(n *netlink.Handle, index int, program []bpf.RawInstruction) error {
	if err := ingress(n, index); err != nil {
		return err
	}
	request := nl.NewNetlinkRequest(unix.RTM_NEWTFILTER, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK)
	request.Sockets = map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: r.socket}
	const priority = 1
	request.AddData(&nl.TcMsg{
		Family:  unix.AF_UNSPEC,
		Ifindex: int32(index),
		Parent:  netlink.MakeHandle(0xffff, 0),
		Info:    netlink.MakeHandle(priority, nl.Swap16(unix.ETH_P_ALL)),
	})
	request.AddData(nl.NewRtAttr(nl.TCA_KIND, nl.ZeroTerminated("bpf")))
	options := nl.NewRtAttr(nl.TCA_OPTIONS, nil)
	var code []byte // of struct sock_filter
	for _, i := range program {
		code = binary.NativeEndian.AppendUint16(code, i.Op)
		code = append(code, i.Jt, i.Jf)
		code = binary.NativeEndian.AppendUint32(code, i.K)
	}
	options.AddRtAttr(nl.TCA_BPF_OPS_LEN, nl.Uint16Attr(uint16(len(program))))
	options.AddRtAttr(nl.TCA_BPF_OPS, code)
	options.AddRtAttr(nl.TCA_BPF_FLAGS, nl.Uint32Attr(nl.TCA_BPF_FLAG_ACT_DIRECT))
	request.AddData(options)
	if _, err := request.Execute(unix.NETLINK_ROUTE, 0); err != nil {
		return fmt.Errorf("filter (kernel needs cls_bpf): %w", err)
	}
	return nil
}
