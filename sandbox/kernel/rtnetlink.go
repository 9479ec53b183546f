package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// look reads the interfaces of the network namespace of the calling thread: two dumps over one rtnetlink(7) socket, which is
// not kept, for a socket keeps its namespace alive. left is how many bytes the answers may still have.
func (n *Network) look(left *int) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	defer unix.Close(fd)
	// The kernel answers at once; a bound all the same, for nothing here may wait for ever.
	wait := unix.NsecToTimeval(int64(time.Second))
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait); err != nil {
		return fmt.Errorf("setsockopt: %w", err)
	}
	links, err := dump(fd, unix.RTM_GETLINK, left)
	if err != nil {
		return fmt.Errorf("list links: %w", err)
	}
	addresses, err := dump(fd, unix.RTM_GETADDR, left)
	if err != nil {
		return fmt.Errorf("list addresses: %w", err)
	}
	n.Interfaces = parseLinks(links)
	parseAddresses(addresses, n.Interfaces)
	return nil
}

// dump asks for all objects of a kind and returns the answer's messages, headers and all.
func dump(fd int, kind uint16, left *int) ([]byte, error) {
	request := make([]byte, unix.SizeofNlMsghdr+unix.SizeofRtGenmsg)
	binary.NativeEndian.PutUint32(request, uint32(len(request)))
	binary.NativeEndian.PutUint16(request[4:], kind)
	binary.NativeEndian.PutUint16(request[6:], unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	if err := unix.Sendto(fd, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, err
	}
	var answer []byte
	b := make([]byte, 16<<10) // the kernel makes its messages as large as the reader's buffer, and not above 32 KiB
	for *left > 0 {
		m, _, err := unix.Recvfrom(fd, b, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, err
		}
		done := false
		messages(b[:m], func(kind uint16, body []byte) {
			switch {
			case kind == unix.NLMSG_DONE:
				done = true
			case kind == unix.NLMSG_ERROR && len(body) >= 4:
				if errno := -int32(binary.NativeEndian.Uint32(body)); errno != 0 {
					err = unix.Errno(errno)
				}
			}
		})
		if err != nil {
			return nil, err
		}
		answer = append(answer, b[:m]...)
		*left -= m
		if done {
			return answer, nil
		}
	}
	return nil, errTooLarge
}

// messages calls f for each netlink message, see netlink(7): length (32 bits), kind (16), flags (16), sequence (32), port (32), then
// the body; aligned to 4 bytes.
func messages(b []byte, f func(kind uint16, body []byte)) {
	for len(b) >= unix.SizeofNlMsghdr {
		n := int(binary.NativeEndian.Uint32(b))
		if n < unix.SizeofNlMsghdr || n > len(b) {
			return
		}
		f(binary.NativeEndian.Uint16(b[4:]), b[unix.SizeofNlMsghdr:n])
		b = b[min(len(b), (n+3)&^3):]
	}
}

// attributes calls f for each attribute: length (16 bits), kind (16), then the value; aligned to 4 bytes.
func attributes(b []byte, f func(kind uint16, value []byte)) {
	for len(b) >= unix.SizeofRtAttr {
		n := int(binary.NativeEndian.Uint16(b))
		if n < unix.SizeofRtAttr || n > len(b) {
			return
		}
		f(binary.NativeEndian.Uint16(b[2:])&^uint16(unix.NLA_F_NESTED), b[unix.SizeofRtAttr:n])
		b = b[min(len(b), (n+3)&^3):]
	}
}

// parseLinks reads the answers to RTM_GETLINK: struct ifinfomsg and attributes.
func parseLinks(b []byte) []*Interface {
	all := []*Interface{}
	messages(b, func(kind uint16, body []byte) {
		if kind != unix.RTM_NEWLINK || len(body) < unix.SizeofIfInfomsg {
			return
		}
		flags := binary.NativeEndian.Uint32(body[8:])
		i := &Interface{
			Exists: true, Index: int(int32(binary.NativeEndian.Uint32(body[4:]))), Up: flags&unix.IFF_UP != 0, Addresses: []string{},
		}
		attributes(body[unix.SizeofIfInfomsg:], func(kind uint16, value []byte) {
			switch kind {
			case unix.IFLA_IFNAME:
				i.Name = text(value)
			case unix.IFLA_MTU:
				if len(value) >= 4 {
					i.MTU = int(binary.NativeEndian.Uint32(value))
				}
			case unix.IFLA_ADDRESS:
				if flags&unix.IFF_LOOPBACK == 0 && len(value) == 6 {
					i.MAC = net.HardwareAddr(value).String()
				}
			case unix.IFLA_STATS64: // struct rtnl_link_stats64: packets in, out, bytes in, out, …
				if len(value) >= 32 {
					i.Received, i.Sent = int(binary.NativeEndian.Uint64(value[16:])), int(binary.NativeEndian.Uint64(value[24:]))
				}
			case unix.IFLA_LINKINFO:
				attributes(value, func(kind uint16, value []byte) {
					if kind == unix.IFLA_INFO_KIND {
						i.Kind = text(value)
					}
				})
			}
		})
		all = append(all, i)
	})
	slices.SortFunc(all, func(a, b *Interface) int { return a.Index - b.Index })
	return all
}

// parseAddresses reads the answers to RTM_GETADDR, struct ifaddrmsg and attributes, into the interfaces.
func parseAddresses(b []byte, interfaces []*Interface) {
	messages(b, func(kind uint16, body []byte) {
		if kind != unix.RTM_NEWADDR || len(body) < unix.SizeofIfAddrmsg {
			return
		}
		bits, index := int(body[1]), int(binary.NativeEndian.Uint32(body[4:]))
		var address, local []byte
		attributes(body[unix.SizeofIfAddrmsg:], func(kind uint16, value []byte) {
			switch kind {
			case unix.IFA_ADDRESS:
				address = value
			case unix.IFA_LOCAL: // of a link from point to point the other is the peer's
				local = value
			}
		})
		if local != nil {
			address = local
		}
		a, ok := netip.AddrFromSlice(address)
		if !ok {
			return
		}
		for _, i := range interfaces {
			if i.Index == index {
				i.Addresses = append(i.Addresses, netip.PrefixFrom(a, bits).String())
			}
		}
	})
}

func text(b []byte) string {
	if n := slices.Index(b, 0); n >= 0 {
		b = b[:n]
	}
	return string(b)
}
