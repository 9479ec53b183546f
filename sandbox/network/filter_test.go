package network

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

var (
	ownMAC     = hardware(1, 0, 0)
	otherMAC   = hardware(1, 0, 1)
	own        = slotAddress(0)
	other      = slotAddress(1)
	theGateway = netip.MustParseAddr(GatewayAddress)
)

// ethernet makes a frame to the gateway's MAC address of slot 0.
func ethernet(from []byte, kind uint16, payload []byte) []byte {
	return slices.Concat(hardware(0, 0, 0), from, binary.BigEndian.AppendUint16(nil, kind), payload)
}

// arp makes an ARP packet for Ethernet and IPv4 (RFC 826).
func arp(operation uint16, mac []byte, from, target netip.Addr) []byte {
	p := []byte{0, 1, 8, 0, 6, 4, 0, byte(operation)}
	return slices.Concat(p, mac, from.AsSlice(), make([]byte, 6), target.AsSlice())
}

// ip makes an IPv4 packet (RFC 791).
func ip(protocol byte, from, to netip.Addr, payload []byte) []byte {
	p := []byte{0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0}
	p = slices.Concat(p, from.AsSlice(), to.AsSlice())
	binary.BigEndian.PutUint16(p[2:], uint16(len(p)+len(payload)))
	binary.BigEndian.PutUint16(p[10:], checksum(p))
	return append(p, payload...)
}

// checksum is the internet checksum (RFC 1071).
func checksum(p []byte) uint16 {
	var sum uint32
	for i := 0; i+1 < len(p); i += 2 {
		sum += uint32(p[i])<<8 | uint32(p[i+1])
	}
	if len(p)%2 == 1 {
		sum += uint32(p[len(p)-1]) << 8
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}

func newFilter(t testing.TB) func(frame []byte) int {
	t.Helper()
	raw, err := cableFilter(ownMAC, own, theGateway)
	if err != nil {
		t.Fatal(err)
	}
	program, ok := bpf.Disassemble(raw)
	if !ok {
		t.Fatal("the program has instructions that x/net/bpf does not know")
	}
	vm, err := bpf.NewVM(program)
	if err != nil {
		t.Fatal(err)
	}
	return func(frame []byte) int {
		verdict, err := vm.Run(frame)
		if err != nil {
			t.Fatal(err)
		}
		return verdict
	}
}

func TestFilter(t *testing.T) {
	run := newFilter(t)
	payload := make([]byte, 8)
	tests := []struct {
		name  string
		frame []byte
		want  int
	}{
		{"IPv4 to the gateway", ethernet(ownMAC, unix.ETH_P_IP, ip(6, own, theGateway, payload)), letIn},
		{"IPv4 header only", ethernet(ownMAC, unix.ETH_P_IP, ip(6, own, theGateway, nil)), letIn},
		{"who has the gateway", ethernet(ownMAC, unix.ETH_P_ARP, arp(1, ownMAC, own, theGateway)), letIn},
		{"IPv4 from another's address", ethernet(ownMAC, unix.ETH_P_IP, ip(6, other, theGateway, payload)), drop},
		{"IPv4 from the gateway's address", ethernet(ownMAC, unix.ETH_P_IP, ip(6, theGateway, theGateway, payload)), drop},
		{"IPv4 from loopback", ethernet(ownMAC, unix.ETH_P_IP, ip(6, netip.MustParseAddr("127.0.0.1"), theGateway, payload)), drop},
		{"IPv4 from 0.0.0.0", ethernet(ownMAC, unix.ETH_P_IP, ip(17, netip.IPv4Unspecified(), netip.MustParseAddr("255.255.255.255"), payload)), drop},
		{"IPv4 from another's MAC", ethernet(otherMAC, unix.ETH_P_IP, ip(6, own, theGateway, payload)), drop},
		{"IPv4 to another", ethernet(ownMAC, unix.ETH_P_IP, ip(6, own, other, payload)), drop},
		{"IPv4 to loopback", ethernet(ownMAC, unix.ETH_P_IP, ip(6, own, netip.MustParseAddr("127.0.0.1"), payload)), drop},
		{"IPv4 to the internet", ethernet(ownMAC, unix.ETH_P_IP, ip(6, own, netip.MustParseAddr("169.254.169.254"), payload)), drop},
		{"IPv4 to multicast", ethernet(ownMAC, unix.ETH_P_IP, ip(2, own, netip.MustParseAddr("224.0.0.1"), payload)), drop},
		{"ARP from another's MAC", ethernet(otherMAC, unix.ETH_P_ARP, arp(1, ownMAC, own, theGateway)), drop},
		{"ARP that says another's MAC", ethernet(ownMAC, unix.ETH_P_ARP, arp(1, otherMAC, own, theGateway)), drop},
		{"ARP that says another's address", ethernet(ownMAC, unix.ETH_P_ARP, arp(1, ownMAC, other, theGateway)), drop},
		{"ARP that says the gateway's address", ethernet(ownMAC, unix.ETH_P_ARP, arp(2, ownMAC, theGateway, theGateway)), drop},
		{"who has another", ethernet(ownMAC, unix.ETH_P_ARP, arp(1, ownMAC, own, other)), drop},
		{"half an ARP", ethernet(ownMAC, unix.ETH_P_ARP, arp(1, ownMAC, own, theGateway)[:27]), drop},
		{"IPv6", ethernet(ownMAC, unix.ETH_P_IPV6, make([]byte, 40)), drop},
		{"VLAN", ethernet(ownMAC, unix.ETH_P_8021Q, slices.Concat([]byte{0, 0, 8, 0}, ip(6, own, theGateway, payload))), drop},
		{"half a header", ethernet(ownMAC, unix.ETH_P_IP, ip(6, own, theGateway, nil)[:19]), drop},
		{"nothing", nil, drop},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := run(tt.frame); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}

// FuzzFilter: what is let in is from the sandbox and to the gateway, whatever else the frame holds.
func FuzzFilter(f *testing.F) {
	run := newFilter(f)
	f.Add(ethernet(ownMAC, unix.ETH_P_IP, ip(6, own, theGateway, nil)))
	f.Add(ethernet(ownMAC, unix.ETH_P_ARP, arp(1, ownMAC, own, theGateway)))
	f.Fuzz(func(t *testing.T, frame []byte) {
		switch run(frame) {
		case drop:
			return
		case letIn:
		default:
			t.Fatal("neither let in nor dropped")
		}
		if !slices.Equal(frame[6:12], ownMAC) {
			t.Error("MAC is another's")
		}
		from, to := frame[26:30], frame[30:34]
		if binary.BigEndian.Uint16(frame[12:]) == unix.ETH_P_ARP {
			from, to = frame[28:32], frame[38:42]
		}
		if !slices.Equal(from, own.AsSlice()) || !slices.Equal(to, theGateway.AsSlice()) {
			t.Error("address is another's")
		}
	})
}
