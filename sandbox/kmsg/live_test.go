package kmsg

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// liveTimeout bounds what takes the kernel milliseconds.
const liveTimeout = time.Minute

// liveGroup makes a cgroup for a test, on the hierarchy that has a controller, and returns its directory and its path in the kernel's log.
func liveGroup(t *testing.T, controller, name string) (dir, path string) {
	t.Helper()
	path = fmt.Sprintf("/glassbox-test-%d-%s/%s", os.Getpid(), controller, name)
	mount := filepath.Join("/sys/fs/cgroup", controller) // version 1
	if _, err := os.Stat(filepath.Join(mount, "cgroup.procs")); err != nil {
		mount = "/sys/fs/cgroup"
		if err := os.WriteFile(filepath.Join(mount, "cgroup.subtree_control"), []byte("+"+controller), 0); err != nil {
			skip(t, "no "+controller+" controller: "+err.Error())
		}
	}
	dir = filepath.Join(mount, path)
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		skip(t, "no cgroups: "+err.Error())
	}
	if mount == "/sys/fs/cgroup" {
		if err := os.WriteFile(filepath.Join(parent, "cgroup.subtree_control"), []byte("+"+controller), 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for deadline := time.Now().Add(liveTimeout); ; {
			err := errors.Join(os.Remove(dir), os.Remove(parent))
			if err == nil {
				return
			}
			if time.Now().After(deadline) {
				t.Error(err)
				return
			}
		}
	})
	return dir, path
}

func skip(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("GLASSBOX_REQUIRE") == "1" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// runIn runs a shell command in a cgroup. How it ends is of no matter.
func runIn(t *testing.T, dir, command string) {
	t.Helper()
	script := `echo $$ > "$0/cgroup.procs" && ` + command
	_ = exec.CommandContext(t.Context(), "sh", "-c", script, dir).Run()
}

// write sets a limit by the name that it has in the one version or the other.
func write(t *testing.T, dir, value string, names ...string) {
	t.Helper()
	var err error
	for _, name := range names {
		if err = os.WriteFile(filepath.Join(dir, name), []byte(value), 0); err == nil {
			return
		}
	}
	t.Fatal(err)
}

// TestLive has the kernel write of two groups, and sees that each gets its own.
func TestLive(t *testing.T) {
	if os.Geteuid() != 0 {
		skip(t, "the kernel log is for root")
	}
	reader, err := Open(t.Context(), "/dev/kmsg", nil)
	if err != nil {
		skip(t, err.Error())
	}
	defer reader.Close()
	memory, path := liveGroup(t, "memory", "live")
	pids, pidsPath := liveGroup(t, "pids", "live-pids")
	write(t, memory, strconv.Itoa(8<<20), "memory.max", "memory.limit_in_bytes")
	write(t, pids, "2", "pids.max")

	reports := make(chan []Line, 100)
	feed := reader.Follow(Subject{Group: path, Deliver: func(lines []Line) { reports <- lines }})
	defer feed.Close()
	forks := make(chan []Line, 100)
	forkFeed := reader.Follow(Subject{Group: pidsPath, Deliver: func(lines []Line) { forks <- lines }})
	defer forkFeed.Close()

	runIn(t, pids, "for i in 1 2 3; do (:) & done; wait")
	fork := receive(t, forks)
	if len(fork) != 1 || fork[0].Text != "cgroup: fork rejected by pids controller in "+pidsPath {
		t.Errorf("%v", fork)
	}
	// The kernel shows ten reports in five seconds for the whole machine, and of more only who was killed, without the group.
	var got []Line
	for deadline := time.Now().Add(liveTimeout); len(got) == 0; {
		if time.Now().After(deadline) {
			t.Fatal("no report in the kernel's log, or it was not found")
		}
		runIn(t, memory, "head -c 64000000 /dev/zero | tail -c 60000000 | wc -c; true")
		select {
		case got = <-reports:
		case <-time.After(2 * time.Second):
		}
	}
	for !strings.Contains(fmt.Sprint(got), "Killed process") {
		got = append(got, receive(t, reports)...)
	}
	first, last := got[0], got[len(got)-1]
	if !strings.Contains(first.Text, " invoked oom-killer: ") {
		t.Errorf("begins with %q", first)
	}
	if !strings.HasPrefix(last.Text, "Memory cgroup out of memory: Killed process ") {
		t.Errorf("ends with %q", last)
	}
	if text := fmt.Sprint(got); !strings.Contains(text, "oom_memcg="+path) || !strings.Contains(text, "Memory cgroup stats for "+path) {
		t.Errorf("not about %s:\n%s", path, text)
	}
	if since := time.Since(last.Read); since > liveTimeout || last.Uptime == 0 {
		t.Errorf("read %v ago, written at %v", since, last.Uptime)
	}
	for _, l := range forkFeed.Lines() {
		if !strings.Contains(l.Text, pidsPath) {
			t.Errorf("the other group got %q", l)
		}
	}
}

func receive(t *testing.T, lines <-chan []Line) []Line {
	t.Helper()
	select {
	case l := <-lines:
		return l
	case <-time.After(liveTimeout):
		t.Fatal("the kernel wrote nothing, or it was not found")
		return nil
	}
}

func TestClose(t *testing.T) {
	reader, err := Open(t.Context(), "/dev/kmsg", nil)
	if err != nil {
		skip(t, err.Error())
	}
	closed := make(chan error)
	go func() { closed <- reader.Close() }()
	select {
	case err := <-closed:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(liveTimeout):
		t.Error("Close waits for the kernel's next line")
	}
	if err := reader.Close(); err != nil {
		t.Errorf("the second time: %v", err)
	}
	if _, err := Open(t.Context(), filepath.Join(t.TempDir(), "kmsg"), nil); err == nil {
		t.Error("a log that is not there")
	}
}
