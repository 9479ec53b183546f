package kernel

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// box stands in for a sandbox: a shell that is PID 1 in namespaces of its own and in groups of its own, and nothing else. Real sandboxes
// are built by package sandbox, which imports this one.
type box struct {
	t      testing.TB
	source Source
	stdin  io.Writer
	stdout *bufio.Reader
}

// firstUID is the host's id that is root in the stand-in.
const firstUID = 1_900_000_000

// cannot skips the test, or fails it where everything must run.
func cannot(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("GLASSBOX_REQUIRE") == "1" {
		t.Fatal(why)
	}
	t.Skip(why)
}

func start(t testing.TB) *box {
	t.Helper()
	if os.Geteuid() != 0 {
		cannot(t, "needs root")
	}
	b := &box{t: t, source: Source{ID: t.Name(), FirstUID: firstUID}}
	b.source.Hierarchies = groups(t)

	// It waits to be moved into its groups before it makes its cgroup namespace.
	const script = `read go; exec unshare --cgroup sh -c 'mount -t proc proc /proc; mount -t tmpfs tmpfs /mnt; exec sh'`
	cmd := exec.Command("sh", "-c", script)
	ids := []syscall.SysProcIDMap{{ContainerID: 0, HostID: firstUID, Size: sandboxIDs}}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWNET,
		UidMappings: ids, GidMappings: ids, GidMappingsEnableSetgroups: true, Credential: &syscall.Credential{NoSetGroups: true}, Setsid: true,
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		cannot(t, "no namespaces here: "+err.Error())
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // and with PID 1 the rest
		_ = cmd.Wait()
	})
	b.stdin, b.stdout = stdin, bufio.NewReader(stdout)
	b.source.Init = cmd.Process.Pid
	for _, h := range b.source.Hierarchies {
		write(t, filepath.Join(h.Inner, "cgroup.procs"), strconv.Itoa(cmd.Process.Pid))
	}
	fmt.Fprintln(stdin, "go")
	b.run("hostname box; ip link set lo up")
	if b.source.Root, err = openRoot(cmd.Process.Pid); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.source.Root.Close() })
	return b
}

func openRoot(pid int) (*os.File, error) {
	fd, err := unix.Open(fmt.Sprintf("/proc/%d/root", pid), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "root"), nil
}

// groups makes an outer and an inner group in every hierarchy that a sandbox uses.
func groups(t testing.TB) []Hierarchy {
	t.Helper()
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	var all []Hierarchy
	name := fmt.Sprintf("glassbox-test-%d-%d", os.Getpid(), time.Now().UnixNano())
	for _, m := range parseMountinfo(b) {
		h := Hierarchy{Version: 1, Outer: filepath.Join(m.Path, name)}
		h.Inner = filepath.Join(h.Outer, "box")
		switch m.Type {
		case "cgroup":
			for _, o := range m.SuperOptions {
				if slices.Contains([]string{"memory", "pids", "cpu", "cpuacct"}, o) {
					h.Controllers = append(h.Controllers, o)
				}
			}
			if h.Controllers == nil {
				continue
			}
		case "cgroup2":
			h.Version = 2
			controllers, err := os.ReadFile(filepath.Join(m.Path, "cgroup.controllers"))
			if err != nil {
				t.Fatal(err)
			}
			h.Controllers = strings.Fields(string(controllers))
		default:
			continue
		}
		t.Cleanup(func() { removeGroups(t, h.Outer) })
		for _, dir := range []string{h.Outer, h.Inner} {
			if err := os.Mkdir(dir, 0o755); err != nil {
				cannot(t, "no groups here: "+err.Error())
			}
			if h.Version == 2 && dir == h.Outer {
				for _, c := range []string{"memory", "pids", "cpu"} {
					_ = os.WriteFile(filepath.Join(m.Path, "cgroup.subtree_control"), []byte("+"+c), 0)
					_ = os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+"+c), 0)
				}
			}
		}
		for _, file := range []string{"", "cgroup.procs", "cgroup.subtree_control", "tasks"} {
			_ = os.Chown(filepath.Join(h.Inner, file), firstUID, firstUID)
		}
		all = append(all, h)
	}
	if all == nil {
		cannot(t, "no cgroup hierarchy is mounted here")
	}
	return all
}

func removeGroups(t testing.TB, dir string) {
	var dirs []string
	_ = filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			dirs = append(dirs, p)
		}
		return nil
	})
	slices.Reverse(dirs)
	for _, d := range dirs {
		// The kernel ends what it was told to kill a moment later.
		eventually(t, "remove "+d, func() bool {
			err := os.Remove(d)
			return err == nil || os.IsNotExist(err)
		})
	}
}

func write(t testing.TB, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0); err != nil {
		t.Fatal(err)
	}
}

// eventually waits until the condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within a minute", what)
		}
		time.Sleep(time.Millisecond) // not to wait for a time, but to leave the processor to what is waited for
	}
}

// run has the shell run a command and returns what it printed.
func (b *box) run(command string) string {
	b.t.Helper()
	fmt.Fprintf(b.stdin, "%s\necho =done=$?\n", command)
	var out strings.Builder
	for {
		line, err := b.stdout.ReadString('\n')
		if err != nil {
			b.t.Fatalf("%s: %v\n%s%s", command, err, out.String(), line)
		}
		if before, _, ok := strings.Cut(line, "=done="); ok {
			out.WriteString(before)
			return strings.TrimSuffix(out.String(), "\n")
		}
		out.WriteString(line)
	}
}

// group is the directory of a group, made if it is not there, in the hierarchy that has the controller.
func (b *box) group(controller, name string) string {
	b.t.Helper()
	for _, h := range b.source.Hierarchies {
		if slices.Contains(h.Controllers, controller) {
			if h.Version == 2 {
				b.distribute(h, controller)
			}
			dir := filepath.Join(h.Inner, name)
			if err := os.MkdirAll(dir, 0o755); err != nil {
				b.t.Fatal(err)
			}
			return dir
		}
	}
	cannot(b.t, "no controller "+controller)
	return ""
}

// distribute gives groups in the box a controller of version 2, which they have only if no process is beside them (cgroups(7), "no internal
// processes").
func (b *box) distribute(h Hierarchy, controller string) {
	b.t.Helper()
	control := filepath.Join(h.Inner, "cgroup.subtree_control")
	if on, err := os.ReadFile(control); err != nil || slices.Contains(strings.Fields(string(on)), controller) {
		return
	}
	init := filepath.Join(h.Inner, "init")
	if err := os.MkdirAll(init, 0o755); err != nil {
		b.t.Fatal(err)
	}
	eventually(b.t, "the controller "+controller+" in "+h.Inner, func() bool {
		pids, _ := os.ReadFile(filepath.Join(h.Inner, "cgroup.procs"))
		for pid := range strings.FieldsSeq(string(pids)) {
			_ = os.WriteFile(filepath.Join(init, "cgroup.procs"), []byte(pid), 0) // it may have ended
		}
		return os.WriteFile(control, []byte("+"+controller), 0) == nil
	})
}

func (b *box) open() *Reader {
	b.t.Helper()
	r, err := b.source.Open()
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

func (b *box) read(want Want) *View {
	b.t.Helper()
	v, err := b.source.Read(context.Background(), want)
	if err != nil {
		b.t.Fatal(err)
	}
	return v
}

// find waits for a process of that command line and returns it with the view it is in.
func (b *box) find(want Want, cmdline string) (*View, *Process) {
	b.t.Helper()
	var v *View
	var found *Process
	eventually(b.t, "process "+cmdline, func() bool {
		v = b.read(want)
		i := slices.IndexFunc(v.Processes, func(p *Process) bool { return p.Cmdline == cmdline })
		if i >= 0 {
			found = v.Processes[i]
		}
		return i >= 0
	})
	return v, found
}
