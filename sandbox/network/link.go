package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

const (
	// slots is how many sandboxes a gateway can hold.
	slots = 4096
	// perByte is how many slots share the third byte of an address. No address ends in 0 or 255: not all software likes them.
	perByte = 250
	// carrierPoll is the time between two looks at an interface that has no carrier yet.
	carrierPoll = 200 * time.Microsecond
)

// Link is the cable of one sandbox.
type Link struct {
	gateway *Gateway
	slot    int
	address netip.Addr
	index   int // of the gateway's end
	serving *serving

	once sync.Once
	err  error
}

// Address is the sandbox's, without prefix length.
func (l *Link) Address() string { return l.address.String() }

// Gateway is the address of the gateway, which is also the name server.
func (l *Link) Gateway() string { return l.gateway.Address.String() }

// Interface is the name of the cable's end in the gateway's namespace.
func (l *Link) Interface() string { return "box" + strconv.Itoa(l.slot) }

// mac is the MAC address of the gateway's end.
func (l *Link) mac() net.HardwareAddr { return hardware(0x00, byte(l.slot>>8), byte(l.slot)) }

// slotAddress is the sandbox's address: 10.77.1.1, 10.77.1.2, …
func slotAddress(slot int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, 77, byte(1 + slot/perByte), byte(1 + slot%perByte)})
}

// takeSlot reserves a slot, the one that has been free for longest, so that nobody is given what was meant for a
// predecessor.
func (g *Gateway) takeSlot() (*Link, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil, net.ErrClosed
	}
	for range slots {
		slot := g.next
		g.next = (g.next + 1) % slots
		if g.links[slot] == nil {
			l := &Link{gateway: g, slot: slot, address: slotAddress(slot)}
			g.links[slot] = l
			g.attaching.Add(1)
			return l, nil
		}
	}
	return nil, fmt.Errorf("all %d places for sandboxes at the gateway are taken", slots)
}

// AttachNamespace lays the cable to a network namespace, given by a descriptor of /proc/PID/ns/net: there, lo and eth0 are up,
// eth0 has its address, and the default route goes to the gateway. The namespace must not have an eth0.
func (g *Gateway) AttachNamespace(ctx context.Context, ns *os.File) (_ *Link, err error) {
	l, err := g.takeSlot()
	if err != nil {
		return nil, fmt.Errorf("attach: %w", err)
	}
	defer g.attaching.Done()
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("attach: %w", err), l.Close())
		}
	}()
	for _, not := range []*os.File{g.host, g.ns.file} {
		same, err := sameNamespace(ns, not)
		if err != nil {
			return nil, err
		}
		if same {
			return nil, errors.New("the namespace is the host's or the gateway's own")
		}
	}
	n, err := netlink.NewHandleAt(netns.NsHandle(ns.Fd()), unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("netlink in the sandbox: %w", err)
	}
	defer n.Close()
	if err := n.SetSocketTimeout(netlinkTimeout); err != nil {
		return nil, fmt.Errorf("netlink timeout: %w", err)
	}

	theirs := hardware(0x01, byte(l.slot>>8), byte(l.slot))
	if err := l.plug(ns, theirs); err != nil {
		return nil, err
	}
	// Nothing passes while eth0 is down, so these may happen in any order, and all at once.
	var eth0 int
	var parts errgroup.Group
	parts.Go(func() error { return l.secure(theirs) })
	parts.Go(func() (err error) {
		l.serving, err = g.serve(l)
		return err
	})
	parts.Go(func() (err error) {
		eth0, err = l.configure(n)
		return err
	})
	if err := parts.Wait(); err != nil {
		return nil, err
	}
	if err := l.connect(ctx, n, eth0); err != nil {
		return nil, err
	}
	return l, nil
}

// plug makes the cable, with both ends where they belong; ours is up, theirs is down.
func (l *Link) plug(ns *os.File, theirs net.HardwareAddr) error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = l.Interface()
	attrs.HardwareAddr = l.mac()
	attrs.NumTxQueues, attrs.NumRxQueues = 1, 1 // not one for each processor
	attrs.Flags = net.FlagUp
	veth := &netlink.Veth{
		LinkAttrs:        attrs,
		PeerName:         "eth0",
		PeerHardwareAddr: theirs,
		PeerNamespace:    netlink.NsFd(ns.Fd()),
	}
	if err := l.gateway.netlink.LinkAdd(veth); err != nil {
		return fmt.Errorf("veth: %w", err)
	}
	if veth.Index == 0 { // the package looks for it after it made the pair, and says nothing if it found none
		return errors.Join(errors.New("veth: made, but not there"), l.gateway.netlink.LinkDel(veth))
	}
	l.index = veth.Index
	return nil
}

// secure makes the gateway's end ready: what it lets in, who is there, and the way to there.
func (l *Link) secure(theirs net.HardwareAddr) error {
	n := l.gateway.netlink
	filter, err := cableFilter(theirs, l.address, l.gateway.Address)
	if err != nil {
		return fmt.Errorf("filter: %w", err)
	}
	if err := l.gateway.raw.guard(n, l.index, filter); err != nil {
		return err
	}
	if err := n.NeighAdd(&netlink.Neigh{
		LinkIndex: l.index, IP: l.address.AsSlice(), HardwareAddr: theirs, State: netlink.NUD_PERMANENT,
	}); err != nil {
		return fmt.Errorf("neighbour: %w", err)
	}
	// The gateway's end has no address of its own: the one on lo answers on all cables.
	if err := n.RouteAdd(&netlink.Route{
		LinkIndex: l.index, Dst: hostNet(l.address), Src: l.gateway.Address.AsSlice(), Scope: netlink.SCOPE_LINK,
	}); err != nil {
		return fmt.Errorf("route to the sandbox: %w", err)
	}
	return nil
}

// configure sets up the sandbox's end through a handle in the sandbox, and returns the index of eth0, which stays down.
func (l *Link) configure(n *netlink.Handle) (eth0 int, err error) {
	if err := n.LinkSetUp(&netlink.Device{LinkAttrs: netlink.LinkAttrs{Name: "lo", Index: loopback}}); err != nil {
		return 0, fmt.Errorf("lo up: %w", err)
	}
	link, err := n.LinkByName("eth0")
	if err != nil {
		return 0, fmt.Errorf("eth0: %w", err)
	}
	address := &net.IPNet{IP: l.address.AsSlice(), Mask: net.CIDRMask(prefixBits, l.address.BitLen())}
	if err := n.AddrAdd(link, &netlink.Addr{IPNet: address}); err != nil {
		return 0, fmt.Errorf("address of eth0: %w", err)
	}
	return link.Attrs().Index, nil
}

// connect brings eth0 up, which gives both ends a carrier, and returns when both carry.
func (l *Link) connect(ctx context.Context, n *netlink.Handle, eth0 int) error {
	if err := n.LinkSetUp(&netlink.Device{LinkAttrs: netlink.LinkAttrs{Name: "eth0", Index: eth0}}); err != nil {
		return fmt.Errorf("eth0 up: %w", err)
	}
	if err := n.RouteAdd(&netlink.Route{LinkIndex: eth0, Gw: l.gateway.Address.AsSlice()}); err != nil {
		return fmt.Errorf("default route: %w", err)
	}
	// The kernel has one table of what ARP has learned for the whole machine, and one learner can fill it. What was never learned needs no place.
	if err := n.NeighAdd(&netlink.Neigh{
		LinkIndex: eth0, IP: l.gateway.Address.AsSlice(), HardwareAddr: l.mac(), State: netlink.NUD_PERMANENT,
	}); err != nil {
		return fmt.Errorf("neighbour of eth0: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, netlinkTimeout)
	defer cancel()
	// Our end was up before there was a carrier, and drops what it should send until the kernel's link watch has run, which
	// then says so in operstate (Documentation/networking/operstates.rst). From 6.8 on, to ask is to have it run at once.
	for {
		ours, err := l.gateway.netlink.LinkByIndex(l.index)
		if err != nil {
			return fmt.Errorf("%s: %w", l.Interface(), err)
		}
		if ours.Attrs().OperState == netlink.OperUp {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s has no carrier (%v): %w", l.Interface(), ours.Attrs().OperState, ctx.Err())
		case <-time.After(carrierPoll):
		}
	}
}

// Close pulls the cable: both ends, with all that runs over it. It may be called more than once.
func (l *Link) Close() error {
	l.once.Do(func() {
		g := l.gateway
		if l.serving != nil {
			l.serving.close()
		}
		if l.index != 0 {
			err := g.netlink.LinkDel(&netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: l.index}})
			// A cable goes with either end: with the sandbox, or because the learner removed eth0.
			if err != nil && !errors.Is(err, unix.ENODEV) {
				l.err = fmt.Errorf("remove %s: %w", l.Interface(), err)
			}
		}
		g.mu.Lock()
		delete(g.links, l.slot)
		g.mu.Unlock()
	})
	return l.err
}
