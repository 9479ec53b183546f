package network

import (
	"errors"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// TestFirstPacketArrives: when Attach returns, the cable carries. A lost first packet costs a second, the time to the next try; and that
// there was one, the kernel counts. It counts one, too, where the machine stood still for a second; so a few are let pass.
func TestFirstPacketArrives(t *testing.T) {
	g := openGateway(t, Config{})
	const boxes, few = 30, 3
	again := 0
	for range boxes {
		b := newBox(t, g)
		c, err := b.dial(t.Context(), "tcp", net.JoinHostPort(b.link.Gateway(), "80"))
		if err != nil {
			t.Fatal(err)
		}
		if retransmitted(t, c) > 0 {
			again++
		}
		c.Close()
	}
	if again > few {
		t.Errorf("of %d first connections, %d had packets sent again", boxes, again)
	}
}

// TestGatewayIsKnown: the box need not learn where the gateway is, for which the kernel may have no room.
func TestGatewayIsKnown(t *testing.T) {
	g := openGateway(t, Config{})
	b := newBox(t, g)
	n, err := netlink.NewHandleAt(netns.NsHandle(b.file.Fd()), unix.NETLINK_ROUTE)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	neighbours, err := n.NeighList(0, netlink.FAMILY_V4)
	if err != nil {
		t.Fatal(err)
	}
	gateway, err := g.netlink.LinkByIndex(b.link.index)
	if err != nil {
		t.Fatal(err)
	}
	neighbours = slices.DeleteFunc(neighbours, func(n netlink.Neigh) bool { return n.State == netlink.NUD_NOARP }) // of lo, and multicast
	if len(neighbours) != 1 || neighbours[0].State != netlink.NUD_PERMANENT || neighbours[0].IP.String() != b.link.Gateway() ||
		neighbours[0].HardwareAddr.String() != gateway.Attrs().HardwareAddr.String() {
		t.Errorf("the box's neighbours: got %+v, want only %s at %s, for good", neighbours, b.link.Gateway(), gateway.Attrs().HardwareAddr)
	}
}

// retransmitted is how many packets of a connection were sent again, the first included (tcp(7), TCP_INFO).
func retransmitted(t *testing.T, c net.Conn) uint32 {
	t.Helper()
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var info *unix.TCPInfo
	var infoErr error
	err = raw.Control(func(fd uintptr) { info, infoErr = unix.GetsockoptTCPInfo(int(fd), unix.SOL_TCP, unix.TCP_INFO) })
	if err := errors.Join(err, infoErr); err != nil {
		t.Fatal(err)
	}
	return info.Total_retrans
}

// BenchmarkAttach measures from the sandbox's empty network namespace to a cable that carries.
func BenchmarkAttach(b *testing.B) {
	g := openGateway(b, Config{})
	spare := make([]*namespace, b.N)
	for i := range spare {
		var err error
		if spare[i], err = newNamespace(); err != nil {
			b.Fatal(err)
		}
		defer spare[i].close()
	}
	var took, closing []time.Duration
	b.ResetTimer()
	for i := range b.N {
		start := time.Now()
		l, err := g.AttachNamespace(b.Context(), spare[i].file)
		took = append(took, time.Since(start))
		if err != nil {
			b.Fatal(err)
		}
		start = time.Now()
		if err := l.Close(); err != nil {
			b.Fatal(err)
		}
		closing = append(closing, time.Since(start))
	}
	slices.Sort(took)
	slices.Sort(closing)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*95/100].Microseconds()), "p95-µs")
	b.ReportMetric(float64(closing[len(closing)/2].Microseconds()), "close-p50-µs")
}
