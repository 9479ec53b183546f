package cgroup

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestParse(t *testing.T) {
	tests := []struct {
		name, line string
		want       Hierarchy
		ok         bool
	}{
		{"version 2", "35 24 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate", Hierarchy{Version: 2, Mount: "/sys/fs/cgroup"}, true},
		{"version 1", "36 35 0:31 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory", Hierarchy{Version: 1, Mount: "/sys/fs/cgroup/memory", Controllers: []string{"memory"}}, true},
		{"two on one", "36 35 0:31 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct", Hierarchy{Version: 1, Mount: "/sys/fs/cgroup/cpu,cpuacct", Controllers: []string{"cpu", "cpuacct"}}, true},
		{"named", "36 35 0:31 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,release_agent=/x,name=systemd", Hierarchy{Version: 1, Mount: "/sys/fs/cgroup/systemd", Controllers: []string{"name=systemd"}}, true},
		{"part of a hierarchy", "36 35 0:31 /docker/1 /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory", Hierarchy{}, false},
		{"another file system", "36 35 0:31 / /tmp rw - tmpfs tmpfs rw", Hierarchy{}, false},
		{"no separator", "36 35 0:31 / /tmp rw", Hierarchy{}, false},
		{"empty", "", Hierarchy{}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, ok := parse(test.line)
			if ok != test.ok {
				t.Fatalf("parse(%q): got ok %v, want %v", test.line, ok, test.ok)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("parse(%q): (-want +got)\n%s", test.line, diff)
			}
		})
	}
}

func TestDetectNamesTheMissingController(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mountinfo")
	line := "36 35 0:31 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
	if err := os.WriteFile(file, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Detect(file)
	if !errors.Is(err, ErrNoControllers) || !strings.Contains(err.Error(), "pids") {
		t.Errorf("Detect: got %v, want ErrNoControllers that names pids", err)
	}
}

func TestSettings(t *testing.T) {
	limits := Limits{Memory: 1 << 20, Swap: 0, Pids: 10, CPU: 0.5, Groups: 4}
	tests := []struct {
		name string
		h    Hierarchy
		want []setting
	}{
		{"version 2", Hierarchy{Version: 2, Controllers: []string{"cpu", "memory", "pids"}}, []setting{
			{"memory.max", "1048576", false},
			{"memory.swap.max", "0", true},
			{"pids.max", "10", false},
			{"cpu.max", "50000 100000", false},
			{"cgroup.max.descendants", "5", false},
			{"cgroup.max.depth", "16", false},
		}},
		{"bare version 2", Hierarchy{Version: 2}, []setting{
			{"cgroup.max.descendants", "5", false}, {"cgroup.max.depth", "16", false},
		}},
		{"version 1 memory", Hierarchy{Version: 1, Controllers: []string{"memory"}}, []setting{
			{"memory.limit_in_bytes", "1048576", false}, {"memory.memsw.limit_in_bytes", "1048576", true},
		}},
		{"version 1 cpu", Hierarchy{Version: 1, Controllers: []string{"cpu", "cpuacct"}}, []setting{
			{"cpu.cfs_period_us", "100000", false}, {"cpu.cfs_quota_us", "50000", false},
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := settings(test.h, limits)
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(setting{})); diff != "" {
				t.Errorf("settings: (-want +got)\n%s", diff)
			}
		})
	}
}

// host is the real one; the test's groups carry a name that no sandbox has.
func host(t *testing.T) *Host {
	t.Helper()
	skip := t.Skipf
	if os.Getenv("GLASSBOX_REQUIRE") != "" {
		skip = t.Fatalf
	}
	if os.Geteuid() != 0 {
		skip("groups are made by root")
	}
	h, err := Detect("/proc/self/mountinfo")
	if err != nil {
		skip("%v", err)
	}
	if err := h.Prepare(); err != nil {
		t.Fatal(err)
	}
	return h
}

func TestGroup(t *testing.T) {
	h := host(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	g, err := h.New("test-"+strconv.Itoa(os.Getpid()), 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Limit(Limits{Memory: 64 << 20, Pids: 100, CPU: 1, Groups: 8}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Kill(context.Background()); _ = g.Remove(context.Background()) })

	// A shell in all groups that goes on forking: what Kill is for.
	shell := exec.Command("sh", "-c", "read go; while :; do sh -c 'while :; do :; done' & sleep 0.05; done")
	stdin, err := shell.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	if err := g.Join(shell.Process.Pid, true); err != nil {
		t.Fatal(err)
	}
	if _, err := stdin.Write([]byte("go\n")); err != nil {
		t.Fatal(err)
	}
	memory, _ := h.With("memory")
	if err := os.Mkdir(filepath.Join(g.Inner(memory), "below"), 0o755); err != nil {
		t.Fatal(err)
	}
	err = poll(ctx, func() (bool, error) {
		pids, err := g.pids()
		return len(pids) > 6, err
	})
	if err != nil {
		t.Fatalf("wait for the shell to fork: %v", err)
	}
	if freezer, ok := h.With("freezer"); ok && freezer.Version == 1 {
		below := filepath.Join(g.Inner(freezer), "below")
		if err := os.Mkdir(below, 0o755); err != nil {
			t.Fatal(err)
		}
		for file, text := range map[string]string{"cgroup.procs": strconv.Itoa(shell.Process.Pid), "freezer.state": "FROZEN"} {
			if err := write(below, file, text); err != nil {
				t.Fatal(err)
			}
		}
	}
	ends(ctx, t, g, shell)
}

// ends kills a group with a program in it, and removes it.
func ends(ctx context.Context, t *testing.T, g *Group, inside *exec.Cmd) {
	t.Helper()
	if err := g.Kill(ctx); err != nil {
		t.Fatalf("Kill: %v", err)
	}
	if err := inside.Wait(); err == nil {
		t.Errorf("%s ended by itself, want it killed", inside)
	}
	if err := g.Remove(ctx); err != nil {
		t.Fatalf("Remove: %v", err)
	}
	for _, hierarchy := range g.host.Hierarchies {
		if _, err := os.Stat(g.Outer(hierarchy)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: got %v, want it gone", g.Outer(hierarchy), err)
		}
	}
}

// TestDeepGroup nests groups until no path reaches the last one, as a learner may, with a process in it.
func TestDeepGroup(t *testing.T) {
	h := host(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	g, err := h.New("test-deep-"+strconv.Itoa(os.Getpid()), 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Kill(context.Background()); _ = g.Remove(context.Background()) })
	sleep := exec.Command("sleep", "1000")
	if err := sleep.Start(); err != nil {
		t.Fatal(err)
	}
	if err := g.Join(sleep.Process.Pid, true); err != nil {
		t.Fatal(err)
	}
	name := strings.Repeat("d", unix.NAME_MAX)
	for _, hierarchy := range h.Hierarchies {
		at, err := os.Open(g.Inner(hierarchy))
		if err != nil {
			t.Fatal(err)
		}
		for range unix.PathMax/unix.NAME_MAX + 1 {
			if err := unix.Mkdirat(int(at.Fd()), name, 0o755); err != nil {
				t.Fatal(err)
			}
			next, err := openat(at, name, unix.O_RDONLY|unix.O_DIRECTORY)
			at.Close()
			if err != nil {
				t.Fatal(err)
			}
			at = next
		}
		if hierarchy.Has("memory") {
			f, err := openat(at, "cgroup.procs", unix.O_WRONLY)
			if err != nil {
				t.Fatal(err)
			}
			_, err = f.WriteString(strconv.Itoa(sleep.Process.Pid))
			f.Close()
			if err != nil {
				t.Fatal(err)
			}
		}
		at.Close()
	}
	if pids, err := g.pids(); err != nil || !slices.Contains(pids, sleep.Process.Pid) {
		t.Errorf("pids: got %v, %v; want %d", pids, err, sleep.Process.Pid)
	}
	ends(ctx, t, g, sleep)
}
