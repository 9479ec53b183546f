package enginetest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"glassbox/sandbox"
	"glassbox/sandbox/sandboxtest"
)

// TestPrivilegedIsNoWayOut tries from the most privileged container that there is what would reach the host. The box's own
// root is refused the same, see TestEscape of package sandbox.
func TestPrivilegedIsNoWayOut(t *testing.T) {
	b := start(t)
	b.Must("docker run -d --name all --privileged --pid=host --network=host --ipc=host --cgroupns=host -v /:/host alpine sleep 10000")
	tests := []struct{ name, line, want string }{
		{"core_pattern", "echo '|/bin/sh' > /proc/sys/kernel/core_pattern", "ermission denied|ead-only"},
		{"sysrq", "echo b > /proc/sysrq-trigger", "ermission denied|onexistent"},
		{"modules", "insmod /tmp/x.ko", "not implemented|not permitted|o such file"},
		{"host's disk", "mknod /tmp/sda b 8 0", "not permitted"},
		{"loop device", "losetup -f /bin/busybox", "o such file|not permitted|ermission denied"},
		{"devtmpfs", "mount -t devtmpfs x /mnt", "ermission denied|not permitted"},
		{"debugfs", "mount -t debugfs x /mnt", "ermission denied|not permitted"},
		{"host's log", "dmesg", "not permitted"},
		{"clock", "date -s 2001-01-01; [ $(date +%Y) = 2001 ]", "not permitted"},
		{"release_agent", "find /sys/fs/cgroup -name release_agent | grep . && exit; echo none; false", "none"},
		{"new hierarchy", "mount -t cgroup -o none,name=x x /mnt", "not permitted|ermission denied"},
		{"host's processes", "ls /proc | grep -c '^[0-9]*$' | xargs test 100 -lt", ""},
		{"uevent helper", "echo /x > /sys/kernel/uevent_helper", "ermission denied|o such file|onexistent"},
		{"own outer limit", "cat /sys/fs/cgroup/../memory.max", "o such file"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			output, status := b.Run("docker exec all sh -c '" + strings.ReplaceAll(test.line, "'", `'\''`) + "'")
			if status == 0 {
				t.Fatalf("%q: got status 0 and %q, want it refused", test.line, output)
			}
			for want := range strings.SplitSeq(test.want, "|") {
				if strings.Contains(output, want) {
					return
				}
			}
			t.Errorf("%q: got %q, want one of %q", test.line, output, test.want)
		})
	}
}

// TestNeighboursOfContainers has a container look for another learner's box, and for one of its containers.
func TestNeighboursOfContainers(t *testing.T) {
	a, b := start(t), start(t)
	a.Must("docker run -d -p 8080:80 alpine sh -c 'while true; do echo mine | nc -l -p 80; done'")
	address := a.Must("ip -4 -o addr show dev eth0 | awk '{print $4}' | cut -d/ -f1")
	for _, target := range []string{address + " 8080", "10.88.0.2 80"} {
		if out, status := b.Run("docker run --rm alpine nc -w 2 " + target + " </dev/null"); status == 0 && strings.Contains(out, "mine") {
			t.Errorf("a container in another box reaches %s: %s", target, out)
		}
	}
}

// TestNothingOutlivesTheBox leaves containers, networks and builds behind when the box is closed.
func TestNothingOutlivesTheBox(t *testing.T) {
	b := start(t)
	b.Must("docker network create n && for i in 1 2 3; do docker run -d --network n --restart always alpine sleep 12345; done")
	terminal, err := b.Shell(t.Context(), sandbox.Command{Argv: []string{"sh", "-c", "printf 'FROM alpine\\nRUN sleep 12345\\n' | docker build -"}})
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	sandboxtest.Poll(t, time.Minute, func() error {
		if got := b.Must("pgrep -fc 'sleep 1234[5]' || true"); got < "4" {
			return fmt.Errorf("%s of 4 are running", got)
		}
		return nil
	})
	if err := b.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if cmdline, _ := os.ReadFile(file); strings.HasPrefix(string(cmdline), "sleep\x0012345") { // one that ended meanwhile has none
			t.Errorf("%s is left on the host", file)
		}
	}
}
