package kernel

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestProcess(t *testing.T) {
	b := start(t)
	b.run("sleep 301 &")
	v, p := b.find(WantAll, "sleep 301")
	if v.Init == nil || v.Init.Pid != 1 || v.Init.HostPid != b.source.Init {
		t.Fatalf("PID 1 is %+v", v.Init)
	}
	if got := b.run("echo $!"); got != strconv.Itoa(p.Pid) {
		t.Errorf("pid %d, but the shell says %s", p.Pid, got)
	}
	if p.Ppid != 1 || p.HostPpid != b.source.Init || !slices.Equal(p.Pids, []int{p.Pid}) {
		t.Errorf("parent %d, on the host %d, pids %v", p.Ppid, p.HostPpid, p.Pids)
	}
	if p.UID != 0 || p.GID != 0 || p.HostUID != firstUID || p.OwnUID != 0 {
		t.Errorf("uid %d, gid %d, host's %d, own %d", p.UID, p.GID, p.HostUID, p.OwnUID)
	}
	if diff := cmp.Diff([]IDMap{{0, 0, sandboxIDs}}, p.UIDMap); diff != "" {
		t.Error(diff)
	}
	if p.Root != "/" || p.Exe == "" || p.Comm != "sleep" || p.Cgroup != "/" || p.Hostname != "box" {
		t.Errorf("root %q, exe %q, comm %q, cgroup %q, host name %q", p.Root, p.Exe, p.Comm, p.Cgroup, p.Hostname)
	}
	if len(p.Capabilities.Effective) < 38 || len(p.Capabilities.Ambient) != 0 || p.Seccomp != "disabled" {
		t.Errorf("capabilities %v, seccomp %s", p.Capabilities, p.Seccomp)
	}
	if p.Namespaces != v.Init.Namespaces || p.Namespaces.Net.ID == 0 || p.Namespaces.Net.Own {
		t.Errorf("namespaces %+v, PID 1's %+v", p.Namespaces, v.Init.Namespaces)
	}
	if p.Namespaces.User.ID == v.HostNamespaces["user"] {
		t.Error("in the host's user namespace")
	}
	if m := v.Mount("/mnt"); !m.Exists || m.Type != "tmpfs" {
		t.Errorf("mount /mnt: %+v", m)
	}
	if got := v.Interfaces(); len(got) != 1 || got[0].Name != "lo" || !got[0].Up || !slices.Contains(got[0].Addresses, "127.0.0.1/8") {
		t.Errorf("interfaces %+v", got)
	}
}

func TestNestedNamespaces(t *testing.T) {
	b := start(t)
	// User 1000 becomes root in a user namespace of its own.
	b.run(`setpriv --reuid 1000 --regid 1000 --clear-groups unshare --user --map-root-user --net --uts --mount --pid --fork --time --boottime 86400 sh -c 'hostname inner; ip link add pair0 type veth peer name pair1; ip addr add 10.9.8.7/24 dev pair0; mount -t tmpfs t /mnt; exec sleep 302' </dev/null >/dev/null 2>&1 &`)
	v, p := b.find(WantAll, "sleep 302")
	if p.Hostname != "inner" || v.Hostname() != "box" {
		t.Errorf("host names %q and %q", p.Hostname, v.Hostname())
	}
	for name, ns := range map[string]Namespace{
		"net": p.Namespaces.Net, "uts": p.Namespaces.UTS, "mnt": p.Namespaces.Mount, "pid": p.Namespaces.Pid, "user": p.Namespaces.User, "time": p.Namespaces.Time,
	} {
		if !ns.Own {
			t.Errorf("%s namespace is not its own", name)
		}
	}
	if p.Namespaces.IPC.Own || p.Namespaces.Cgroup.Own {
		t.Error("ipc or cgroup namespace is its own")
	}
	if len(p.Pids) != 2 || p.Pids[1] != 1 {
		t.Errorf("pids %v", p.Pids)
	}
	if p.BoottimeOffset != 86400 {
		t.Errorf("boottime offset %d", p.BoottimeOffset)
	}
	if diff := cmp.Diff([]IDMap{{0, 1000, 1}}, p.UIDMap); diff != "" {
		t.Error(diff)
	}
	var pair *Interface
	for _, i := range p.Interfaces {
		if i.Name == "pair0" {
			pair = i
		}
	}
	if pair == nil || pair.Up || !slices.Equal(pair.Addresses, []string{"10.9.8.7/24"}) || pair.Kind != "veth" || pair.MTU != 1500 || pair.MAC == "" {
		t.Errorf("pair0: %+v", pair)
	}
	if !slices.ContainsFunc(p.Mounts, func(m *Mount) bool { return m.Source == "t" && m.Path == "/mnt" }) {
		t.Error("its own mount is not there")
	}
	if v.Mount("/mnt").Source == "t" {
		t.Error("the sandbox sees a mount of another mount namespace")
	}
}

func TestChangedRoot(t *testing.T) {
	b := start(t)
	b.run(`mkdir -p /mnt/jail/bin && cp "$(command -v busybox)" /mnt/jail/bin/sleep && (chroot /mnt/jail /bin/sleep 303 &)`)
	v, p := b.find(WantAll, "/bin/sleep 303")
	if p.Root != "/mnt/jail" || p.Cwd != "/mnt/jail" {
		t.Errorf("root %q, cwd %q", p.Root, p.Cwd)
	}
	if f := v.FileOf(p, "/bin/sleep"); !f.Exists || f.Type != "file" {
		t.Errorf("/bin/sleep in its root: %+v", f)
	}
	if f := v.File("/mnt/jail/bin/sleep"); !f.Exists {
		t.Error("not there in the sandbox's root")
	}
}

// A root that was read before chroot(2) is not told with the mounts that are seen from the root after it.
func TestRootGoesWithMounts(t *testing.T) {
	b := start(t)
	b.run("mkdir -p /mnt/jail/bin; cp $(command -v busybox) /mnt/jail/bin/sleep; mount --bind /mnt/jail /mnt/jail")
	b.run("unshare --mount chroot /mnt/jail /bin/sleep 310 &")
	b.find(WantProcesses, "/bin/sleep 310")
	r := b.open()
	v, err := r.Read(t.Context(), WantProcesses|WantNamespaces|WantPaths)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(v.Processes, func(p *Process) bool { return p.Cmdline == "/bin/sleep 310" })
	p := v.Processes[i]
	p.Root = "/" // as it was a moment ago
	if err := r.mounts(v); err != nil {
		t.Fatal(err)
	}
	if m := topmost(p.Mounts, "/"); p.Root != "/mnt/jail" || !strings.HasSuffix(m.Root, "/jail") {
		t.Errorf("with the mounts of /mnt/jail, %+v, its root is said to be %s", m, p.Root)
	}
}

// A process that goes from one group to another while these are read is there all the same, and once.
func TestMovesWhileGroupsAreRead(t *testing.T) {
	b := start(t)
	r := b.open()
	var groups []string
	for _, name := range []string{"a", "b"} {
		dir := filepath.Join(r.hierarchies[r.walked].Inner, name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		groups = append(groups, filepath.Join(dir, "cgroup.procs"))
	}
	b.run("sleep 311 &")
	_, p := b.find(WantProcesses, "sleep 311")
	pid := []byte(strconv.Itoa(p.HostPid))
	write(t, groups[0], string(pid))
	for i := range 2000 {
		moved, wait := make(chan error), rand.N(100*time.Microsecond)
		go func() {
			for began := time.Now(); time.Since(began) < wait; {
				runtime.Gosched()
			}
			moved <- os.WriteFile(groups[(i+1)%2], pid, 0)
		}()
		v, err := r.Read(t.Context(), WantProcesses)
		if err := errors.Join(err, <-moved); err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, o := range v.Processes {
			if o.HostPid == p.HostPid {
				n++
			}
		}
		if n != 1 {
			t.Fatalf("at reading %d, while it moves to %s, it is there %d times", i, groups[(i+1)%2], n)
		}
	}
}

func TestCgroup(t *testing.T) {
	b := start(t)
	dir := b.group("memory", "demo")
	limit, kill := "memory.max", "memory.events"
	if b.open().CgroupVersion() == 1 {
		limit, kill = "memory.limit_in_bytes", "memory.oom_control"
	}
	v := b.read(WantNothing)
	g := v.Cgroup("demo")
	if !g.Exists || g.MemoryMax != Unlimited || v.Cgroup("other").Exists {
		t.Fatalf("%+v", g)
	}
	tree := "/sys/fs/cgroup"
	if b.open().CgroupVersion() == 1 {
		tree += "/memory"
	}
	if here, there := g.Place(), v.Cgroup("other").Place(); here != tree+"/demo" || there != tree+"/other" {
		t.Errorf("the group is in %s, and another would be in %s", here, there)
	}
	write(t, filepath.Join(dir, limit), strconv.Itoa(24<<20))
	// The shell of the deck: it is killed as soon as it grows over the limit.
	b.run(`sh -c 'while [ ! -e /mnt/go ]; do sleep 0.05; done; x=$(cat /mnt/go); exec head -c 200m /dev/zero | tail' >/dev/null 2>&1 & echo $! > /mnt/pid`)
	_, p := b.find(WantAll, `sh -c while [ ! -e /mnt/go ]; do sleep 0.05; done; x=$(cat /mnt/go); exec head -c 200m /dev/zero | tail`)
	write(t, filepath.Join(dir, "cgroup.procs"), strconv.Itoa(p.HostPid))
	_, p = b.find(WantAll, p.Cmdline)
	if p.Cgroup != "/demo" {
		t.Errorf("its group is %q", p.Cgroup)
	}
	g = b.read(WantCgroups).Cgroup("/demo")
	if g.MemoryMax != 24<<20 || !g.Populated || !slices.Contains(g.Procs, p.Pid) || !slices.Contains(g.Controllers, "memory") {
		t.Errorf("%+v", g)
	}
	read, ok := g.Evidence("memory.max")
	if !ok || read.Value != strconv.Itoa(24<<20) || read.Host != filepath.Join(dir, limit) || !strings.HasSuffix(read.Path, "/demo/"+limit) || !strings.HasPrefix(read.Path, "/sys/fs/cgroup/") {
		t.Errorf("evidence %+v", read)
	}
	b.run("touch /mnt/go")
	eventually(t, "an OOM kill", func() bool { return b.read(WantNothing).Cgroup("demo").MemoryEvents.OOMKill > 0 })
	if read, _ := b.read(WantNothing).Cgroup("demo").Evidence("memory.events"); !strings.HasSuffix(read.Path, kill) {
		t.Errorf("evidence %+v", read)
	}
}

// A group with a name that leads upwards is not there, whatever is asked.
func TestCgroupStaysInside(t *testing.T) {
	b := start(t)
	v := b.read(WantNothing)
	for _, p := range []string{"..", "../..", "/../../..", "demo/../..", strings.Repeat("x/", 3000)} {
		if g := v.Cgroup(p); g.Exists && g.Path != "/" {
			t.Errorf("%q is %+v", p, g)
		}
	}
}

func TestFile(t *testing.T) {
	b := start(t)
	b.run(`cd /mnt; echo hello > f; chown 1000:33 f; chmod 4750 f; ln -s /etc/passwd absolute; ln -s ../../../../etc/shadow up; mkfifo pipe
		mkdir d; touch d/b d/a; ln -s ring ring; ln -s /proc/1/root magic; head -c 70000 /dev/zero > big`)
	v := b.read(WantProcesses)
	f := v.File("/mnt/f")
	want := &File{Exists: true, Path: "/mnt/f", Type: "file", Mode: 0o4750, UID: 1000, GID: 33, Size: 6, Content: "hello\n", Xattrs: map[string]string{}}
	if diff := cmp.Diff(want, f); diff != "" {
		t.Error(diff)
	}
	for path, want := range map[string]string{
		"/mnt/absolute": "symlink", "/mnt/up": "symlink", "/mnt/pipe": "fifo", "/mnt/ring": "symlink", "/dev/null": "char", "/mnt/magic/etc": "",
		"/proc/1/root/etc": "", "/mnt/nothing": "", "/mnt/f/x": "", "/mnt/d": "directory",
	} {
		if got := v.File(path).Type; got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
	if got := v.File("/mnt/d").Entries; !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("entries %v", got)
	}
	if got := v.File("/mnt/absolute").Target; got != "/etc/passwd" {
		t.Errorf("target %q", got)
	}
	if got := len(v.File("/mnt/big").Content); got != MaxContent {
		t.Errorf("%d bytes of a large file", got)
	}
}

// A link of the learner's must not lead to the host's file, even through a directory link.
func TestFileStaysBelowRoot(t *testing.T) {
	dir := t.TempDir()
	host := filepath.Join(t.TempDir(), "secret")
	write2(t, host, "the host's")
	write2(t, filepath.Join(dir, "secret"), "the sandbox's")
	for name, target := range map[string]string{"absolute": host, "up": "../../../../../../.." + host, "dir": filepath.Dir(host)} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenFile(dir, unix.O_PATH, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	r, err := Source{Root: root, Hierarchies: []Hierarchy{{Version: 2}}}.Open()
	if err != nil {
		t.Fatal(err)
	}
	v := &View{reader: r}
	for _, p := range []string{"/dir/secret", "../" + host, host} {
		if f := v.File(p); f.Exists {
			t.Errorf("%s: %+v", p, f)
		}
	}
	if f := v.File("/../../secret"); f.Content != "the sandbox's" {
		t.Errorf("%+v", f)
	}
}

func write2(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestFileCapabilities(t *testing.T) {
	b := start(t)
	if out := b.run("command -v setcap"); out == "" {
		cannot(t, "no setcap here")
	}
	b.run("touch /mnt/f; setcap cap_net_raw,cap_chown+ep /mnt/f")
	got := b.read(WantProcesses).File("/mnt/f").Capabilities
	want := FileCapabilities{Permitted: []string{"CAP_CHOWN", "CAP_NET_RAW"}, Inheritable: []string{}, Effective: true, Version: 3}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// withAttributes has the box's /mnt keep extended attributes: a tmpfs has user.* from Linux 6.6 on.
func (b *box) withAttributes() {
	b.t.Helper()
	err := unix.Setxattr(fmt.Sprintf("/proc/%d/root/mnt", b.source.Init), "user.glassbox", nil, 0)
	if !errors.Is(err, unix.EOPNOTSUPP) {
		return
	}
	if err := os.MkdirAll("/var/tmp", 0o777|os.ModeSticky); err != nil {
		b.t.Fatal(err)
	}
	dir, err := os.MkdirTemp("/var/tmp", "glassbox-test-")
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chown(dir, firstUID, firstUID); err != nil {
		b.t.Fatal(err)
	}
	b.run("mount --bind " + dir + " /mnt")
}

func TestOverlay(t *testing.T) {
	b := start(t)
	b.withAttributes()
	b.run(`cd /mnt; mkdir lo lo2 hi wrk merged; touch lo/gone; mkdir lo/dir; touch lo/dir/x
		mount -t overlay overlay -o lowerdir=/mnt/lo:/mnt/lo2,upperdir=/mnt/hi,workdir=/mnt/wrk,userxattr /mnt/merged
		rm merged/gone; rm -r merged/dir; mkdir merged/dir`)
	v := b.read(WantMounts)
	m := v.Mount("/mnt/merged")
	if !m.Exists || m.Type != "overlay" || !slices.Equal(m.Lower, []string{"/mnt/lo", "/mnt/lo2"}) || m.Upper != "/mnt/hi" || m.Work != "/mnt/wrk" {
		t.Fatalf("%+v", m)
	}
	if f := v.File("/mnt/hi/gone"); !f.Whiteout {
		t.Errorf("whiteout %+v", f)
	}
	if f := v.File("/mnt/hi/dir"); !f.Opaque {
		t.Errorf("opaque %+v", f)
	}
	if f := v.File("/mnt/merged/gone"); f.Exists {
		t.Errorf("in the merged view %+v", f)
	}
}

func TestEnded(t *testing.T) {
	b := start(t)
	r := b.open()
	if _, err := r.Read(t.Context(), WantAll); err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(b.source.Init, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for _, h := range b.source.Hierarchies {
		removeGroups(t, h.Outer)
	}
	if _, err := r.Read(t.Context(), WantAll); !errors.Is(err, ErrEnded) {
		t.Errorf("got %v", err)
	}
	if _, err := (Source{Hierarchies: b.source.Hierarchies, Init: 1 << 30}).Read(t.Context(), WantAll); !errors.Is(err, ErrEnded) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := start(t).open().Read(ctx, WantAll); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
