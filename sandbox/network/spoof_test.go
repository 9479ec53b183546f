package network

import (
	"encoding/binary"
	"net"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// inject sends frames from the box's eth0 as they are (packet(7)).
func (b *box) inject(t testing.TB, frames ...[]byte) {
	t.Helper()
	err := b.do(func() error {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		eth0, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		// All on one processor, so that they arrive in order.
		var cpus, one unix.CPUSet
		if err := unix.SchedGetaffinity(0, &cpus); err != nil {
			return err
		}
		for cpu := range runtime.NumCPU() {
			if cpus.IsSet(cpu) {
				one.Set(cpu)
				break
			}
		}
		if err := unix.SchedSetaffinity(0, &one); err != nil {
			return err
		}
		defer func() { _ = unix.SchedSetaffinity(0, &cpus) }()
		for _, frame := range frames {
			if err := unix.Sendto(fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: eth0.Index}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// datagram makes a UDP datagram (RFC 768) without a checksum.
func datagram(from, to netip.Addr, port uint16, text string) []byte {
	p := binary.BigEndian.AppendUint16(nil, 4242)
	p = binary.BigEndian.AppendUint16(p, port)
	p = binary.BigEndian.AppendUint16(p, uint16(8+len(text)))
	return ip(unix.IPPROTO_UDP, from, to, append(p, 0, 0)) // the header; the text follows
}

func frameOf(mac []byte, from, to netip.Addr, port uint16, text string) []byte {
	p := datagram(from, to, port, text)
	binary.BigEndian.PutUint16(p[2:], uint16(len(p)+len(text)))
	binary.BigEndian.PutUint16(p[10:], 0)
	binary.BigEndian.PutUint16(p[10:], checksum(p[:20]))
	return ethernet(mac, unix.ETH_P_IP, append(p, text...))
}

func TestSpoofedSource(t *testing.T) {
	g := openGateway(t, Config{})
	a, b := newBox(t, g), newBox(t, g)
	if a.link.slot != 0 || b.link.slot != 1 {
		t.Fatalf("slots %d and %d", a.link.slot, b.link.slot)
	}
	listener, err := g.ListenPacket(t.Context(), "udp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	port := uint16(listener.LocalAddr().(*net.UDPAddr).Port)
	arrived := func() (texts []string) {
		t.Helper()
		buffer := make([]byte, 1500)
		for {
			_ = listener.SetReadDeadline(time.Now().Add(testTimeout))
			n, _, err := listener.ReadFrom(buffer)
			if err != nil {
				t.Fatal(err)
			}
			if string(buffer[:n]) == "end" {
				return texts
			}
			texts = append(texts, string(buffer[:n]))
		}
	}
	end := frameOf(ownMAC, own, theGateway, port, "end")
	spoofed := [][]byte{
		frameOf(ownMAC, other, theGateway, port, "another's address"),
		frameOf(ownMAC, theGateway, theGateway, port, "the gateway's address"),
		frameOf(ownMAC, netip.MustParseAddr("127.0.0.1"), theGateway, port, "loopback"),
		frameOf(ownMAC, netip.MustParseAddr("192.0.2.1"), theGateway, port, "somebody's address"),
	}
	foreign := frameOf(otherMAC, own, theGateway, port, "another's MAC")

	a.inject(t, append(append(spoofed, foreign), end)...)
	if got := arrived(); len(got) != 0 {
		t.Errorf("through the filter came %q", got)
	}

	// The second wall alone: it is of IP, and knows nothing of MAC addresses.
	qdisc := &netlink.Ingress{QdiscAttrs: netlink.QdiscAttrs{LinkIndex: a.link.index, Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_INGRESS}}
	if err := g.netlink.QdiscDel(qdisc); err != nil {
		t.Fatal(err)
	}
	a.inject(t, append(append(spoofed, foreign), end)...)
	if got := arrived(); len(got) != 1 || got[0] != "another's MAC" {
		t.Errorf("through reverse path filtering came %q", got)
	}

	// Without a filter, and with lies over ARP, the gateway still knows who is where.
	a.inject(t,
		ethernet(ownMAC, unix.ETH_P_ARP, arp(1, ownMAC, other, theGateway)),
		ethernet(ownMAC, unix.ETH_P_ARP, arp(2, ownMAC, other, theGateway)),
		ethernet(ownMAC, unix.ETH_P_ARP, arp(1, otherMAC, own, theGateway)),
		end)
	arrived()
	neighbours, err := g.netlink.NeighList(0, netlink.FAMILY_V4)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range neighbours {
		if n.State != netlink.NUD_PERMANENT && n.State != netlink.NUD_NOARP {
			t.Errorf("learned over ARP: %v", n)
		}
		if n.LinkIndex == a.link.index && n.HardwareAddr.String() != ownMAC.String() {
			t.Errorf("a is at %v", n.HardwareAddr)
		}
	}
}
