package sandbox_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"glassbox/sandbox"
	"glassbox/sandbox/sandboxtest"
)

// TestEscape tries, as the sandbox's root, what a curious learner tries first. Each line must fail, with the kernel's own words.
func TestEscape(t *testing.T) {
	t.Run("plain", func(t *testing.T) { testEscape(t, sandboxtest.Start(t, nil)) })
	// One for a container engine has another filter, and other mounts of control groups.
	t.Run("engine", func(t *testing.T) {
		testEscape(t, sandboxtest.Start(t, func(s *sandbox.Spec) { s.Engine = true }))
	})
}

func testEscape(t *testing.T, s *sandboxtest.Sandbox) {
	tests := []struct {
		name, line string
		want       string // part of the output, an alternative after each |
	}{
		{"core_pattern", "echo '|/bin/sh' > /proc/sys/kernel/core_pattern", "ermission denied|ead-only"},
		{"sysrq", "echo b > /proc/sysrq-trigger", "ermission denied|onexistent"},
		{"modprobe path", "echo /tmp/x > /proc/sys/kernel/modprobe", "ermission denied|onexistent"},
		{"kernel setting", "echo 1 > /proc/sys/kernel/panic", "ermission denied"},
		{"vm setting", "echo 1 > /proc/sys/vm/drop_caches", "ermission denied"},
		{"uevent helper", "echo /tmp/x > /sys/kernel/uevent_helper", "ermission denied|onexistent|o such file"},
		{"write below /sys", "echo 1 > /sys/kernel/mm/ksm/run", "ermission denied|onexistent|o such file"},
		{"kernel memory", "cat /dev/mem", "o such file"},
		{"host's disk", "mknod /tmp/sda b 8 0", "not permitted"},
		{"host's log", "cat /dev/kmsg", "o such file"},
		{"kcore", "head -c 1 /proc/kcore", "ermission denied|not permitted|o such file"},
		{"mount a disk", "mount -t ext4 /dev/vda /mnt", "ermission denied|not permitted|oes not exist|o such"},
		{"devtmpfs", "mount -t devtmpfs x /mnt", "ermission denied|not permitted"},
		{"debugfs", "mount -t debugfs x /mnt", "ermission denied|not permitted"},
		{"tracefs", "mount -t tracefs x /mnt", "ermission denied|not permitted"},
		{"securityfs", "mount -t securityfs x /mnt", "ermission denied|not permitted"},
		{"bpf file system writes", "mount -t bpf x /mnt && mkdir /mnt/x && bpftool prog", "ermission denied|not permitted|not found"},
		{"new cgroup hierarchy", "mount -t cgroup -o none,name=x x /mnt", "ermission denied|not permitted"},
		{"root writable", "mount -o remount,rw,dev /", ""},
		{"host's ids", "unshare -U sh -c 'echo 0 0 1 > /proc/self/uid_map; sleep 0.1; cat /proc/self/uid_map; id -u' | grep -c 4294967295", ""},
		{"own memory limit", "echo 999999999999 > $(cat /tmp/memfile)", "ermission denied"},
		{"modules", "insmod /tmp/x.ko", "not implemented|not permitted|not found|o such file"},
		{"clock", "date -s 2001-01-01 && [ $(date +%Y) = 2001 ]", "not permitted"},
		{"oom_score_adj", "echo -1000 > /proc/self/oom_score_adj", "ermission denied"},
		{"dmesg by syscall", "busybox dmesg", "not permitted"},
		{"realtime", "chrt -f 50 true", "not permitted"},
		{"nice", "nice -n -10 true && [ $(nice -n -10 nice) -lt 0 ]", ""},
		{"swap", "dd if=/dev/zero of=/lab/swap bs=1M count=1 2>/dev/null; chmod 600 /lab/swap; mkswap /lab/swap; swapon /lab/swap", "not permitted"},
		{"raise the file limit", "ulimit -Hn 1000000", "not permitted|error setting limit"},
		{"write to PID 1's program", "echo x > /proc/1/exe", "ermission denied|ext file busy|not permitted"},
		{"write to the kernel log's copy", "echo x > /run/kmsg", "ead-only"},
		{"the same, with its mount made writable", "mount -o remount,bind,rw /run/kmsg; chmod 666 /run/kmsg; echo x >> /run/kmsg", "ermission denied|ead-only"},
		{"hardware clock", "hwclock -w", "annot access|not permitted|o such"},
		{"cloud's metadata", "curl -sS -m 2 http://169.254.169.254/", "onnect|refused|unreachable|imed out"},
	}
	// The file with the sandbox's own limit, as it is seen from inside where it is seen at all.
	s.Must("for f in /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max /sys/fs/cgroup/cgroup.max.depth; do [ -e $f ] && echo $f > /tmp/memfile; done; true")
	positive := map[string]bool{"root writable": true, "host's ids": true, "nice": true}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			output, status := s.Run(test.line)
			if positive[test.name] {
				return // harmless whether or not it works; what must not follow from it is tried elsewhere
			}
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

func TestHostProcessesAreInvisible(t *testing.T) {
	s := sandboxtest.Start(t, nil)
	for pid := range strings.FieldsSeq(s.Must("ls /proc | grep '^[0-9]*$' | tr '\\n' ' '")) {
		cmdline := s.Must("tr '\\0' ' ' < /proc/" + pid + "/cmdline 2>/dev/null || true")
		if strings.Contains(cmdline, ".test") {
			t.Errorf("pid %s is %q: the test's own process, which is the host's", pid, cmdline)
		}
	}
	if got, want := s.Must("nsenter -t 1 -m -u -i -n -p hostname"), "box"; got != want {
		t.Errorf("nsenter to PID 1: got host name %q, want %q", got, want)
	}
}

func TestOnlyThreeDescriptors(t *testing.T) {
	s := sandboxtest.Start(t, nil)
	// The directory that ls itself opens is the fourth.
	if got, want := s.Must("ls /proc/self/fd | tr '\\n' ' '"), "0 1 2 3"; got != want {
		t.Errorf("descriptors of a fresh program: got %q, want %q", got, want)
	}
	for fd := range strings.FieldsSeq(s.Must("ls /proc/$$/fd | tr '\\n' ' '")) {
		link := s.Must("readlink /proc/$$/fd/" + fd + " || true")
		if link != "" && !strings.HasPrefix(link, "/dev/") && !strings.HasPrefix(link, "pipe:") {
			t.Errorf("descriptor %s of a shell: got %q", fd, link)
		}
	}
	if got := s.Must("readlink /proc/self/cwd"); got != "/root" {
		t.Errorf("working directory: got %q, want /root", got)
	}
}

func TestGroupsAboveAreAbsent(t *testing.T) {
	t.Run("plain", func(t *testing.T) { testGroupsAbove(t, sandboxtest.Start(t, nil)) })
	t.Run("engine", func(t *testing.T) {
		testGroupsAbove(t, sandboxtest.Start(t, func(s *sandbox.Spec) { s.Engine = true }))
	})
}

func testGroupsAbove(t *testing.T, s *sandboxtest.Sandbox) {
	for line := range strings.SplitSeq(s.Must("cat /proc/self/cgroup"), "\n") {
		path := line[strings.LastIndex(line, ":")+1:]
		if path != "/" && path != "/shell" {
			t.Errorf("/proc/self/cgroup: got %q, want a path of the sandbox's own", line)
		}
	}
	if out, status := s.Run("find /sys/fs/cgroup -name release_agent | grep ."); status == 0 {
		t.Errorf("release_agent is in sight: %s", out)
	}
	// A hierarchy that is mounted afresh shows the same: the sandbox's own group as its root.
	s.Run("mkdir -p /mnt/cg && { mount -t cgroup2 none /mnt/cg || mount -t cgroup -o memory none /mnt/cg; }")
	if out, status := s.Run("ls -d /mnt/cg/glassbox /mnt/cg/release_agent"); status == 0 {
		t.Errorf("a fresh mount shows the host's groups: %s", out)
	}
}

// TestSharedLayersCannotBeWritten tries every way to make the layers writable, and then compares them with what they were.
func TestSharedLayersCannotBeWritten(t *testing.T) {
	r := sandboxtest.Rig(t)
	before := map[string]string{}
	for _, l := range r.Root.Layers {
		before[l.Image] = digest(t, l.Image)
	}
	s := sandboxtest.Start(t, nil)
	for _, line := range []string{
		"mount -o remount,rw /",
		"mount -o remount,bind,rw /",
		"mkdir -p /mnt/r && mount --rbind / /mnt/r && mount -o remount,rw,bind /mnt/r && echo x >> /mnt/r/etc/alpine-release",
		"echo x >> /etc/alpine-release; rm -rf /usr/share; chmod 777 /bin/busybox",
		"unshare -Urm sh -c 'mount -o remount,rw /; echo y >> /etc/os-release'",
		"for f in /dev/loop*; do [ -e $f ] && echo x > $f; done",
	} {
		s.Run(line)
	}
	other := sandboxtest.Start(t, nil)
	if out, status := other.Run("grep x /etc/alpine-release"); status == 0 {
		t.Errorf("another sandbox sees the change: %s", out)
	}
	unix.Sync()
	for image, want := range before {
		if got := digest(t, image); got != want {
			t.Errorf("%s: got digest %s, want %s", filepath.Base(image), got, want)
		}
	}
}

func digest(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// TestNeighbours lets one sandbox try to reach another and the host.
func TestNeighbours(t *testing.T) {
	a, b := sandboxtest.Start(t, nil), sandboxtest.Start(t, func(s *sandbox.Spec) { s.Hostname = "other" })
	host, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	port := strconv.Itoa(host.Addr().(*net.TCPAddr).Port)

	address := a.Must("ip -4 -o addr show dev eth0 | awk '{print $4}' | cut -d/ -f1")
	targets := []string{"10.77.0.1", "127.0.0.1"}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, addr := range addrs {
		if ip, ok := addr.(*net.IPNet); ok && ip.IP.To4() != nil {
			targets = append(targets, ip.IP.String())
		}
	}
	for _, target := range targets {
		if out, status := b.Run("nc -z -w 1 " + target + " " + port); status == 0 {
			t.Errorf("the host answers on %s:%s: %s", target, port, out)
		}
	}
	if out, status := b.Run("ping -c 1 -W 1 " + address); status == 0 {
		t.Errorf("another sandbox answers: %s", out)
	}
	if got := b.Must("curl -sS -o /dev/null -w '%{http_code}' httpstat.us/418"); got != "418" {
		t.Errorf("the teapot: got %q, want 418", got)
	}
	// Uids of two sandboxes have nothing in common.
	if mapA, mapB := idMap(t, a.Init()), idMap(t, b.Init()); mapA == mapB {
		t.Errorf("both sandboxes have the host's ids %d", mapA)
	}
}

// idMap is the first host id of a sandbox.
func idMap(t *testing.T, init int) int {
	t.Helper()
	var stat unix.Stat_t
	if err := unix.Stat(fmt.Sprintf("/proc/%d", init), &stat); err != nil {
		t.Fatal(err)
	}
	return int(stat.Uid)
}

func TestReboot(t *testing.T) {
	s := sandboxtest.Start(t, nil)
	terminal, err := s.Shell(t.Context(), sandbox.Command{Argv: []string{"reboot", "-f"}})
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	if _, err := terminal.Wait(); !errors.Is(err, sandbox.ErrEnded) {
		t.Errorf("wait for the terminal: got %v, want %v", err, sandbox.ErrEnded)
	}
	<-s.Done()
	if err := s.Close(t.Context()); err != nil {
		t.Errorf("close after a reboot: %v", err)
	}
}
