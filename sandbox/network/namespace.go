package network

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"golang.org/x/sys/unix"
)

// namespace is a network namespace with a thread that lives in it. Sockets and netlink handles are made on that thread and
// then work from everywhere, for a socket belongs to the namespace it was made in (network_namespaces(7)).
//
// It has no name in /run/netns: when the process ends, however it ends, the kernel closes the last descriptor, and the
// namespace goes with every interface in it.
type namespace struct {
	file  *os.File // /proc/…/ns/net
	calls chan func()
	quit  chan struct{}
}

// newNamespace makes an empty network namespace.
func newNamespace() (*namespace, error) {
	n := &namespace{calls: make(chan func()), quit: make(chan struct{})}
	made := make(chan error)
	go n.live(made)
	if err := <-made; err != nil {
		return nil, err
	}
	return n, nil
}

// live is the life of the namespace's thread.
func (n *namespace) live(made chan<- error) {
	// Never unlocked: when this goroutine returns, the runtime ends the thread and gives it to nobody else.
	runtime.LockOSThread()
	if unix.Gettid() == unix.Getpid() {
		// The first thread stands for the process in /proc/self. Leave it where it is.
		done := make(chan struct{})
		go func() {
			n.live(made)
			close(done)
		}()
		<-done
		runtime.UnlockOSThread()
		return
	}
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		made <- fmt.Errorf("unshare network namespace: %w", err)
		return
	}
	var err error
	if n.file, err = os.Open("/proc/thread-self/ns/net"); err != nil {
		made <- fmt.Errorf("network namespace: %w", err)
		return
	}
	close(made)
	for {
		select {
		case call := <-n.calls:
			call()
		case <-n.quit:
			return
		}
	}
}

// do runs a function on the thread in the namespace.
func (n *namespace) do(f func() error) error {
	result := make(chan error)
	select {
	case n.calls <- func() { result <- f() }:
		return <-result
	case <-n.quit:
		return net.ErrClosed
	}
}

// close ends the thread, once.
func (n *namespace) close() error {
	close(n.quit)
	return n.file.Close()
}

// hermit is the IPv4 life of a namespace that trusts nobody and leads nowhere: see Documentation/networking/ip-sysctl.rst. A new
// namespace inherits some of these from the host, so all are written.
var hermit = map[string]string{
	"forwarding":          "0",
	"mc_forwarding":       "0", // read-only; listed so that a wrong value is an error
	"rp_filter":           "1", // a source must be reachable through the interface that its packet came from (RFC 3704, strict)
	"accept_local":        "0",
	"accept_source_route": "0",
	"accept_redirects":    "0",
	"secure_redirects":    "0",
	"send_redirects":      "0",
	"route_localnet":      "0",
	"proxy_arp":           "0",
	"proxy_arp_pvlan":     "0",
	"arp_accept":          "0",
	"arp_announce":        "2",
	"arp_ignore":          "0", // the address is on lo, and must be answered for on the cables; there is no other
	"log_martians":        "0", // a learner does not write the host's log
	"bootp_relay":         "0",
	"tag":                 "0",
}

// seclude sets the namespace's sysctls. It runs in the namespace, before any interface but lo is there: a new one copies "default".
func seclude() error {
	set := func(name, value string) error {
		path := filepath.Join("/proc/sys/net", name)
		if was, err := os.ReadFile(path); err != nil {
			return err
		} else if string(was) == value+"\n" {
			return nil
		}
		return os.WriteFile(path, []byte(value), 0)
	}
	// In this order: writing ip_forward resets others to their defaults for a router or a host.
	sysctls := [][2]string{
		{"ipv4/ip_forward", "0"},
		{"ipv4/tcp_syncookies", "1"},
		{"ipv4/icmp_echo_ignore_all", "0"},
		{"ipv4/icmp_echo_ignore_broadcasts", "1"},
		// What one connection may hold of the host's memory in each direction, in bytes: at least, at first, at most.
		{"ipv4/tcp_rmem", "4096\t65536\t262144"},
		{"ipv4/tcp_wmem", "4096\t65536\t262144"},
	}
	for _, of := range []string{"all", "default", "lo"} {
		for name, value := range hermit {
			sysctls = append(sysctls, [2]string{"ipv4/conf/" + of + "/" + name, value})
		}
	}
	if _, err := os.Stat("/proc/sys/net/ipv6"); err == nil { // absent with ipv6.disable=1
		for _, of := range []string{"all", "default"} {
			sysctls = append(sysctls,
				[2]string{"ipv6/conf/" + of + "/accept_ra", "0"},
				[2]string{"ipv6/conf/" + of + "/accept_redirects", "0"},
				[2]string{"ipv6/conf/" + of + "/forwarding", "0"},
				[2]string{"ipv6/conf/" + of + "/disable_ipv6", "1"})
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, s := range sysctls {
		if err := set(s[0], s[1]); err != nil {
			return fmt.Errorf("sysctl net/%s=%s: %w", s[0], s[1], err)
		}
	}
	return nil
}

// sameNamespace tells whether two descriptors are of one namespace (ioctl_nsfs(2): device and inode say it).
func sameNamespace(a, b *os.File) (bool, error) {
	ai, err := a.Stat()
	if err != nil {
		return false, err
	}
	bi, err := b.Stat()
	if err != nil {
		return false, err
	}
	return os.SameFile(ai, bi), nil
}

// hardware makes a locally administered MAC address. "gb" is for Glassbox.
func hardware(tail ...byte) net.HardwareAddr {
	return slices.Concat(net.HardwareAddr{0x02, 'g', 'b'}, tail)
}
