package network

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func TestCloseRemovesTheCable(t *testing.T) {
	g := openGateway(t, Config{})
	b := newBox(t, g)
	conn, err := b.dial(t.Context(), "tcp", net.JoinHostPort(g.Address.String(), "80"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := b.link.Close(); err != nil {
		t.Fatal(err)
	}
	if eth0(t, b) {
		t.Error("eth0 is still there")
	}
	links, err := g.netlink.LinkList()
	if err != nil || len(links) != 1 {
		t.Errorf("left at the gateway: %v, %v", links, err)
	}
	if len(g.links) != 0 {
		t.Errorf("slots taken: %v", g.links)
	}

	// The learner may have pulled the cable.
	l, err := g.AttachNamespace(t.Context(), b.file)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.do(func() error {
		n, err := netlink.NewHandle(unix.NETLINK_ROUTE)
		if err != nil {
			return err
		}
		defer n.Close()
		return n.LinkDel(&netlink.Device{LinkAttrs: netlink.LinkAttrs{Name: "eth0"}})
	}); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// eth0 tells whether the box has one.
func eth0(t testing.TB, b *box) bool {
	t.Helper()
	var names []string
	if err := b.do(func() error {
		interfaces, err := net.Interfaces()
		for _, i := range interfaces {
			names = append(names, i.Name)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return strings.Contains(strings.Join(names, " "), "eth0")
}

func TestAttachRefuses(t *testing.T) {
	g := openGateway(t, Config{})
	if l, err := g.Attach(t.Context(), os.Getpid()); err == nil {
		l.Close()
		t.Error("the host is attached")
	}
	if l, err := g.AttachNamespace(t.Context(), g.ns.file); err == nil {
		l.Close()
		t.Error("the gateway is attached to itself")
	}
	b := newBox(t, g)
	if l, err := g.AttachNamespace(t.Context(), b.file); err == nil {
		l.Close()
		t.Error("a second eth0")
	}
	if len(g.links) != 1 {
		t.Errorf("slots taken: %v", g.links)
	}
	if _, err := Open(t.Context(), Config{State: t.TempDir(), Internet: true}); !errors.Is(err, ErrInternet) {
		t.Errorf("internet: %v", err)
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := g.AttachNamespace(t.Context(), b.file); !errors.Is(err, net.ErrClosed) {
		t.Errorf("attach to a closed gateway: %v", err)
	}
	if _, err := g.Listen(t.Context(), "tcp4", "0.0.0.0:0"); !errors.Is(err, net.ErrClosed) {
		t.Errorf("listen at a closed gateway: %v", err)
	}
}

// TestMain lets the test binary be a lab that is killed.
func TestMain(m *testing.M) {
	if os.Getenv("NETWORK_TEST_VICTIM") != "" {
		victim()
	}
	os.Exit(m.Run())
}

// victim attaches the namespace at descriptor 3, says so, and waits for the end.
func victim() {
	g, err := Open(context.Background(), Config{State: os.Getenv("NETWORK_TEST_VICTIM")})
	if err == nil {
		_, err = g.AttachNamespace(context.Background(), os.NewFile(3, "namespace"))
	}
	fmt.Println("attached:", err)
	select {}
}

func TestKilledLabLeavesNothing(t *testing.T) {
	require(t)
	ns, err := newNamespace()
	if err != nil {
		t.Fatal(err)
	}
	defer ns.close()
	b := &box{namespace: ns}

	lab := exec.CommandContext(t.Context(), os.Args[0])
	lab.Env = append(os.Environ(), "NETWORK_TEST_VICTIM="+t.TempDir())
	lab.ExtraFiles = []*os.File{ns.file}
	out, err := lab.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := lab.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	if line != "attached: <nil>\n" || !eth0(t, b) {
		t.Errorf("the lab says %q", line)
	}
	_ = lab.Process.Kill()
	_ = lab.Wait()
	for deadline := time.Now().Add(testTimeout); eth0(t, b); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("eth0 outlives the lab")
		}
	}
}
