package network

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// unanswered is for how long a connection that must not come about is tried. One that may takes microseconds.
const unanswered = 200 * time.Millisecond

func TestNothingElseIsReachable(t *testing.T) {
	g := openGateway(t, Config{})
	a, b := newBox(t, g), newBox(t, g)

	// A listener of b's own, which b can reach.
	var theirs net.Listener
	err := b.do(func() (err error) {
		theirs, err = net.Listen("tcp4", "0.0.0.0:0")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	theirPort := theirs.Addr().(*net.TCPAddr).Port
	if c, err := b.dial(t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", theirPort)); err != nil {
		t.Fatalf("b cannot reach itself: %v", err)
	} else {
		c.Close()
	}

	// One of the host's, on all its addresses.
	hosts, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer hosts.Close()
	hostPort := hosts.Addr().(*net.TCPAddr).Port
	targets := map[string]string{
		"b":                 fmt.Sprintf("%s:%d", b.link.Address(), theirPort),
		"cloud metadata":    "169.254.169.254:80",
		"internet":          "1.1.1.1:53",
		"host's loopback":   fmt.Sprintf("127.0.0.1:%d", hostPort),
		"host's loopback 6": fmt.Sprintf("[::1]:%d", hostPort),
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range addresses {
		if ip := address.(*net.IPNet).IP; !ip.IsLoopback() && !ip.IsLinkLocalUnicast() {
			targets["host's "+ip.String()] = net.JoinHostPort(ip.String(), fmt.Sprint(hostPort))
		}
	}
	for name, target := range targets {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), unanswered)
			defer cancel()
			c, err := a.dial(ctx, "tcp", target)
			if err == nil {
				c.Close()
				t.Errorf("a reaches %s", target)
			}
		})
	}

	t.Run("closed port", func(t *testing.T) {
		for _, port := range []string{"22", "81", "65535", fmt.Sprint(hostPort)} {
			if _, err := a.dial(t.Context(), "tcp", net.JoinHostPort(g.Address.String(), port)); !errors.Is(err, unix.ECONNREFUSED) {
				t.Errorf("port %s: %v, want refused", port, err)
			}
		}
	})
}

func TestEcho(t *testing.T) {
	g := openGateway(t, Config{})
	b := newBox(t, g)
	conn, err := b.dial(t.Context(), "ip4:icmp", g.Address.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(testTimeout))
	request := []byte{8, 0, 0, 0, 0x67, 0x62, 0, 1, 'h', 'i'}
	binary.BigEndian.PutUint16(request[2:], checksum(request))
	if _, err := conn.Write(request); err != nil {
		t.Fatal(err)
	}
	reply := make([]byte, 1500)
	n, _, err := conn.(*net.IPConn).ReadFrom(reply)
	if err != nil || n < len(request) || reply[0] != 0 {
		t.Errorf("%x, %v", reply[:n], err)
	}
}

func TestSysctls(t *testing.T) {
	g := openGateway(t, Config{})
	b := newBox(t, g)
	for name, want := range map[string]string{
		"ipv4/ip_forward":                                     "0",
		"ipv4/tcp_syncookies":                                 "1",
		"ipv4/conf/all/forwarding":                            "0",
		"ipv4/conf/" + b.link.Interface() + "/rp_filter":      "1",
		"ipv4/conf/" + b.link.Interface() + "/route_localnet": "0",
		"ipv4/conf/" + b.link.Interface() + "/proxy_arp":      "0",
	} {
		var got []byte
		err := g.ns.do(func() (err error) {
			got, err = os.ReadFile("/proc/sys/net/" + name)
			return err
		})
		if err != nil || string(got) != want+"\n" {
			t.Errorf("%s is %q, want %s (%v)", name, got, want, err)
		}
	}
	// No route but to the sandbox.
	routes, err := g.netlink.RouteList(nil, netlink.FAMILY_ALL)
	if err != nil || len(routes) != 1 || routes[0].Dst.String() != b.link.Address()+"/32" {
		t.Errorf("routes %v, %v", routes, err)
	}
}
