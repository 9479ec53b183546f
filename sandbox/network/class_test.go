package network

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// TestClass: thirty learners start at once, and all download the tarball.
func TestClass(t *testing.T) {
	alpine, content := tarball(t)
	g := openGateway(t, Config{Alpine: alpine})
	const learners = 30
	boxes := make([]*box, learners)
	var class sync.WaitGroup
	for i := range boxes {
		ns, err := newNamespace()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ns.close() })
		boxes[i] = &box{namespace: ns}
	}
	for _, b := range boxes {
		class.Go(func() {
			l, err := g.AttachNamespace(t.Context(), b.file)
			if err != nil {
				t.Error(err)
				return
			}
			b.link = l
			if response, body := b.get(t, g, g.URL); response.StatusCode != http.StatusOK || body != string(content) {
				t.Errorf("%s: %s, %d bytes", l.Address(), response.Status, len(body))
			}
		})
	}
	class.Wait()
	if t.Failed() {
		return // some have no link
	}
	addresses := map[string]bool{}
	for _, b := range boxes {
		addresses[b.link.Address()] = true
	}
	if len(addresses) != learners {
		t.Errorf("%d addresses for %d learners", len(addresses), learners)
	}
	// The gateway's Close pulls all cables.
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	for _, b := range boxes {
		if eth0(t, b) {
			t.Errorf("%s still has eth0", b.link.Address())
		}
		if err := b.link.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestCurl: what a learner types, with the program that a learner has.
func TestCurl(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("no curl on this machine")
	}
	alpine, content := tarball(t)
	g := openGateway(t, Config{Alpine: alpine})
	b := newBox(t, g)
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(ca, g.CA.Certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(arguments ...string) string {
		t.Helper()
		// The host's resolv.conf is not the sandbox's.
		arguments = append([]string{
			"-sS", "-m", "10", "--cacert", ca, "--resolve", "httpstat.us:80:" + b.link.Gateway(), "--resolve", "httpstat.us:443:" + b.link.Gateway(),
			"--resolve", "dl-cdn.alpinelinux.org:80:" + b.link.Gateway(),
		}, arguments...)
		var out []byte
		err := b.do(func() (err error) {
			out, err = exec.CommandContext(t.Context(), curl, arguments...).CombinedOutput()
			return err
		})
		if err != nil {
			t.Errorf("curl %v: %v\n%s", arguments, err, out)
		}
		return string(out)
	}
	for _, url := range []string{"httpstat.us/418", "https://httpstat.us/418"} {
		if out := run(url); !strings.Contains(out, teapot) {
			t.Errorf("%s:\n%s", url, out)
		}
	}
	file := filepath.Join(dir, "alpine.tar.gz")
	run("-o", file, g.URL)
	if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, content) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// TestTampering: what a learner does to eth0 cuts only the learner off, and putting it right helps.
func TestTampering(t *testing.T) {
	g := openGateway(t, Config{})
	a, b := newBox(t, g), newBox(t, g)
	inside := func(f func(n *netlink.Handle, eth0 netlink.Link) error) {
		t.Helper()
		if err := a.do(func() error {
			n, err := netlink.NewHandle(unix.NETLINK_ROUTE)
			if err != nil {
				return err
			}
			defer n.Close()
			eth0, err := n.LinkByName("eth0")
			if err != nil {
				return err
			}
			return f(n, eth0)
		}); err != nil {
			t.Fatal(err)
		}
	}
	if !a.served(t, testTimeout) || !b.served(t, testTimeout) {
		t.Fatal("no service to begin with")
	}
	address := func(ip net.IP) *netlink.Addr {
		return &netlink.Addr{IPNet: &net.IPNet{IP: ip, Mask: net.CIDRMask(prefixBits, 32)}}
	}
	mine, theirs := address(a.link.address.AsSlice()), address(b.link.address.AsSlice())

	inside(func(n *netlink.Handle, eth0 netlink.Link) error { // takes the other's address
		if err := n.AddrDel(eth0, mine); err != nil {
			return err
		}
		return n.AddrAdd(eth0, theirs)
	})
	if a.served(t, unanswered) {
		t.Error("a is served under b's address")
	}
	if !b.served(t, testTimeout) {
		t.Error("a has taken the gateway from b")
	}
	inside(func(n *netlink.Handle, eth0 netlink.Link) error {
		if err := n.AddrDel(eth0, theirs); err != nil {
			return err
		}
		return n.AddrAdd(eth0, mine)
	})
	if !a.served(t, testTimeout) {
		t.Error("a has its own address again, and no service")
	}

	inside(func(n *netlink.Handle, eth0 netlink.Link) error { return n.LinkSetHardwareAddr(eth0, otherMAC) })
	if a.served(t, unanswered) || !b.served(t, testTimeout) {
		t.Error("with b's MAC address: a is served, or b is not")
	}
	inside(func(n *netlink.Handle, eth0 netlink.Link) error { return n.LinkSetHardwareAddr(eth0, ownMAC) })
	inside(func(n *netlink.Handle, eth0 netlink.Link) error {
		if err := n.LinkSetDown(eth0); err != nil {
			return err
		}
		return n.LinkSetUp(eth0)
	})
	if !a.served(t, testTimeout) {
		t.Error("after down and up a has no service")
	}
}

// served tells whether the box reaches the gateway within a time.
func (b *box) served(t *testing.T, within time.Duration) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	c, err := b.dial(ctx, "tcp", net.JoinHostPort(b.link.Gateway(), "80"))
	if err == nil {
		c.Close()
	}
	return err == nil
}
