// Package network is the one place that a sandbox can reach: the gateway.
//
// The gateway is a network namespace of the lab's own. It forwards nothing and has no route to anywhere but the sandboxes.
// From it a cable (a veth pair, veth(4)) leads to each sandbox, where its other end is called eth0; there is no bridge. The lab's
// servers listen inside the namespace, so a learner's curl finds httpstat.us, the Alpine tarball and what else the
// lessons need, with no internet.
//
//	host                     gateway                              sandboxes
//	                         10.77.0.1, DNS, HTTP, HTTPS
//	(eth0, lo: no cable)     no forwarding, no other route
//	                           box0 ───────── veth ─────────────── eth0 10.77.1.1/16
//	                           box1 ───────── veth ─────────────── eth0 10.77.1.2/16
//
// To a sandbox it looks like a local network with a router. What holds it:
//
//   - the gateway has no interface that leads to the host or beyond, and no route (namespace.go);
//   - ip_forward is 0, so it passes nothing from one cable to another;
//   - a filter at the gateway's end of each cable lets in IPv4 and ARP from the one address and MAC address that the sandbox
//     was given, to the one address of the gateway, and drops the rest: spoofed, IPv6, VLAN, multicast (filter.go);
//   - strict reverse path filtering and a permanent neighbour entry say the same again, in other words;
//   - every cable has listeners of its own, bound to the interface (socket(7), SO_BINDTODEVICE), with a queue, a limit on
//     connections and a pace of their own, so who floods floods only oneself (listen.go).
//
// All is done over netlink (rtnetlink(7)); no program is run.
package network

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Config says what the gateway offers.
type Config struct {
	State    string                  // directory for the lab's certificate authority and SSH key; made if absent, 0700
	Alpine   string                  // path of alpine-minirootfs-VERSION-ARCH.tar.gz; none is offered when empty
	StandIn  string                  // path of another root's tarball, where there is no Alpine; offered under its own name
	Profiles fs.FS                   // default.json and default-no-chmod.json; none are offered when nil
	Sites    map[string]http.Handler // more sites, by host name; they win over the lab's own
	Internet bool                    // must be false: see ErrInternet
	Log      *slog.Logger            // nil is silent
}

// ErrInternet says that Config.Internet cannot be had.
var ErrInternet = errors.New("sandboxes with internet access are not available: the gateway forwards nothing")

// GatewayAddress is the gateway's address in every lab: the sandboxes' default route and name server, and, but for
// themselves, the only inhabitant of the network that they believe to be in.
const GatewayAddress = "10.77.0.1"

// prefixBits is the length of that network's prefix, 10.77.0.0/16.
const prefixBits = 16

// netlinkTimeout bounds each request to the kernel. They take microseconds; but the kernel answers one after the other (its rtnl lock), and
// on an emulated machine where thirty learners come at once one of them has waited for ten seconds.
const netlinkTimeout = time.Minute

// Gateway is a lab's network.
type Gateway struct {
	// Address is the gateway's, the same for all sandboxes: their default route and their name server.
	Address netip.Addr
	// URL is the address of the tarball of Alpine, or of what stands in for it, for $URL; empty where there is neither.
	URL string
	// CA signs for the sites. Sandboxes trust it when CA.Certificate is in their trust store.
	CA *CA

	log     *slog.Logger
	host    *os.File // the network namespace that we must not touch
	ns      *namespace
	netlink *netlink.Handle
	raw     *rawNetlink
	names   *nameServer
	web     *http.Server

	mu     sync.Mutex
	links  map[int]*Link // by slot
	next   int           // where the search for a free slot begins
	closed bool

	attaching sync.WaitGroup
}

// Open makes the gateway. It needs CAP_SYS_ADMIN and CAP_NET_ADMIN on the host.
func Open(ctx context.Context, config Config) (_ *Gateway, err error) {
	if config.Internet {
		return nil, ErrInternet
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	g := &Gateway{Address: netip.MustParseAddr(GatewayAddress), log: config.Log, links: map[int]*Link{}}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("gateway: %w", err), g.Close())
			g = nil
		}
	}()
	if g.CA, err = OpenCA(config.State); err != nil {
		return nil, err
	}
	sites, err := newSites(config, g)
	if err != nil {
		return nil, err
	}
	g.CA.names, g.CA.address = sites.names(), g.Address.AsSlice()
	g.names = &nameServer{address: g.Address, names: sites.names()}
	g.web = newWebServer(sites, g.log)

	if g.host, err = os.Open("/proc/self/ns/net"); err != nil {
		return nil, err
	}
	if g.ns, err = newNamespace(); err != nil {
		return nil, err
	}
	if err := g.ns.do(g.furnish); err != nil {
		return nil, err
	}
	return g, nil
}

// furnish sets up the namespace, on its thread.
func (g *Gateway) furnish() (err error) {
	if err := seclude(); err != nil {
		return err
	}
	if g.netlink, err = netlink.NewHandle(unix.NETLINK_ROUTE); err != nil {
		return fmt.Errorf("netlink: %w", err)
	}
	if err := g.netlink.SetSocketTimeout(netlinkTimeout); err != nil {
		return fmt.Errorf("netlink timeout: %w", err)
	}
	if g.raw, err = newRawNetlink(); err != nil {
		return err
	}
	lo := &netlink.Device{LinkAttrs: netlink.LinkAttrs{Name: "lo", Index: loopback}}
	if err := g.netlink.LinkSetUp(lo); err != nil {
		return fmt.Errorf("lo up: %w", err)
	}
	address := &netlink.Addr{IPNet: hostNet(g.Address)}
	if err := g.netlink.AddrAdd(lo, address); err != nil {
		return fmt.Errorf("address %s: %w", address.IPNet, err)
	}
	return ingress(g.netlink, loopback)
}

// loopback is the index of lo in every network namespace.
const loopback = 1

// hostNet is an address with a prefix of its full length.
func hostNet(a netip.Addr) *net.IPNet {
	return &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(a.BitLen(), a.BitLen())}
}

// Attach lays the cable to the network namespace of a process.
func (g *Gateway) Attach(ctx context.Context, pid int) (*Link, error) {
	ns, err := os.Open("/proc/" + strconv.Itoa(pid) + "/ns/net")
	if err != nil {
		return nil, err
	}
	defer ns.Close()
	return g.AttachNamespace(ctx, ns)
}

// Listen opens a socket for every sandbox inside the gateway: network and address are those of net.Listen, with a literal IP
// address. Unlike the gateway's own services, it has one queue for all.
func (g *Gateway) Listen(ctx context.Context, network, address string) (l net.Listener, err error) {
	var c net.ListenConfig
	c.SetMultipathTCP(false)
	err = g.ns.do(func() error {
		l, err = c.Listen(ctx, network, address)
		return err
	})
	return l, err
}

// ListenPacket is Listen for datagrams.
func (g *Gateway) ListenPacket(ctx context.Context, network, address string) (p net.PacketConn, err error) {
	err = g.ns.do(func() error {
		p, err = (&net.ListenConfig{}).ListenPacket(ctx, network, address)
		return err
	})
	return p, err
}

// Close takes away all cables and the namespace.
func (g *Gateway) Close() error {
	g.mu.Lock()
	closed := g.closed
	g.closed = true
	g.mu.Unlock()
	g.attaching.Wait()

	g.mu.Lock()
	var left []*Link
	for _, l := range g.links {
		left = append(left, l)
	}
	g.mu.Unlock()
	if closed {
		return nil
	}
	var errs []error
	for _, l := range left {
		errs = append(errs, l.Close())
	}
	if g.web != nil {
		errs = append(errs, g.web.Close())
	}
	if g.raw != nil {
		g.raw.close()
	}
	if g.netlink != nil {
		g.netlink.Close()
	}
	if g.ns != nil {
		errs = append(errs, g.ns.close())
	}
	if g.host != nil {
		g.host.Close()
	}
	return errors.Join(errs...)
}
