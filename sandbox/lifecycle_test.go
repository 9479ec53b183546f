package sandbox_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"glassbox/sandbox"
	"glassbox/sandbox/kernel"
	"glassbox/sandbox/rig"
	"glassbox/sandbox/sandboxtest"
)

// traces lists what a sandbox leaves on the host, by kind, as far as it bears the sandbox's name.
func traces(t *testing.T, id string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir("/sys/fs/cgroup", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && filepath.Base(path) == id {
			found = append(found, path)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestCloseLeavesNothing(t *testing.T) {
	s := sandboxtest.Start(t, nil)
	// Processes that do not want to go, in groups and namespaces of their own, with files and mounts.
	s.Must("nohup sh -c 'trap \"\" HUP TERM INT; while :; do :; done' >/dev/null 2>&1 & sleep 0.1")
	s.Must("unshare -m -p -f -n sh -c 'mount -t tmpfs x /mnt; nohup sleep 1000 >/dev/null 2>&1 &' ; true")
	s.Must("dd if=/dev/zero of=/lab/file bs=1M count=64 2>/dev/null")
	init := s.Init()
	loops := loopDevices(t)
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(init, 0); !errors.Is(err, unix.ESRCH) {
		t.Errorf("PID 1, host pid %d: got %v, want it gone", init, err)
	}
	if found := traces(t, s.ID()); len(found) > 0 {
		t.Errorf("left behind: %q", found)
	}
	sandboxtest.Poll(t, time.Minute, func() error {
		if now := loopDevices(t); now >= loops {
			return fmt.Errorf("%d loop devices, as many as with the sandbox", now)
		}
		return nil
	})
	if _, err := s.Shell(t.Context(), sandbox.Command{}); err == nil {
		t.Error("a shell in a closed sandbox: got no error")
	}
	if err := s.Close(context.Background()); err != nil {
		t.Errorf("close again: %v", err)
	}
}

// TestCloseDeepGroups closes a sandbox in which no path reaches the groups at the bottom. They must not be in the way of a look at it, nor of its
// end, nor of the next lab, which reaps what is left.
func TestCloseDeepGroups(t *testing.T) {
	s := sandboxtest.Start(t, nil)
	s.Must(`name=$(printf %0250d 0)
		for top in $(find /sys/fs/cgroup -maxdepth 2 -name cgroup.procs); do
			cd ${top%/*}
			while mkdir $name && cd $name; do :; done 2>/dev/null
			sh -c 'echo $$ > cgroup.procs; exec sleep 1000' >/dev/null 2>&1 &
		done; true`)
	if _, err := s.Source().Read(t.Context(), kernel.WantAll); err != nil {
		t.Errorf("look at it: %v", err)
	}
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if found := traces(t, s.ID()); len(found) > 0 {
		t.Errorf("left behind: %q", found)
	}
}

// loopDevices counts those that are bound to a file without a name in the state of the lab, as scratch images are. Other tests, of other
// packages, have labs of their own meanwhile.
func loopDevices(t *testing.T) int {
	t.Helper()
	files, err := filepath.Glob("/sys/block/loop*/loop/backing_file")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range files {
		if b, err := os.ReadFile(f); err == nil && strings.HasPrefix(string(b), sandboxtest.State()+"/") && strings.Contains(string(b), "(deleted)") {
			n++
		}
	}
	return n
}

// TestKilledLab kills the process of a lab with a sandbox in full swing: the sandbox dies with it, and the next lab
// finds nothing but empty groups, which it removes.
func TestKilledLab(t *testing.T) {
	sandboxtest.Require(t)
	dir := t.TempDir()
	lab := exec.Command("/proc/self/exe", "-test.run", "^TestLabToKill$", "-test.v")
	lab.Env = append(os.Environ(), "GLASSBOX_LAB_TO_KILL="+dir)
	out, err := lab.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	lab.Stderr = os.Stderr
	if err := lab.Start(); err != nil {
		t.Fatal(err)
	}
	var id string
	var init int
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if n, _ := fmt.Sscanf(lines.Text(), "sandbox %s %d", &id, &init); n == 2 {
			break
		}
	}
	if err := lab.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = lab.Wait()
	if init == 0 {
		t.Fatal("the lab said nothing of its sandbox")
	}
	sandboxtest.Poll(t, time.Minute, func() error {
		if err := unix.Kill(init, 0); !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("PID 1, host pid %d: got %w, want it gone", init, err)
		}
		return nil
	})
	next, err := rig.Open(t.Context(), sandboxtest.Config(t, t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close(context.Background())
	if found := traces(t, id); len(found) > 0 {
		t.Errorf("the next lab left %q", found)
	}
	entries, err := os.ReadDir(filepath.Join(dir, "sandboxes"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".img") {
			t.Errorf("left behind: %s", e.Name())
		}
	}
}

// TestLabToKill is the process that TestKilledLab kills.
func TestLabToKill(t *testing.T) {
	dir := os.Getenv("GLASSBOX_LAB_TO_KILL")
	if dir == "" {
		return // nothing to test when it is not asked for
	}
	config := sandboxtest.Config(t, dir)
	config.Spares = 2
	r, err := rig.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	s, err := r.Start(t.Context(), sandbox.Spec{Limits: sandbox.DefaultLimits})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Shell(t.Context(), sandbox.Command{Argv: []string{"sh", "-c", "trap '' HUP; while :; do sleep 1 & done"}}); err != nil {
		t.Fatal(err)
	}
	fmt.Println("sandbox", s.ID(), s.Init())
	select {}
}

func TestTerminals(t *testing.T) {
	s := sandboxtest.Start(t, nil)
	var terminals []*sandbox.Terminal
	for i := range 3 {
		terminal, err := s.Shell(t.Context(), sandbox.Command{Argv: []string{"sh", "-c", "tty; stty size; read x; exit 7"}, Rows: 30, Cols: 90})
		if err != nil {
			t.Fatal(err)
		}
		defer terminal.Close()
		lines := bufio.NewScanner(terminal)
		for _, want := range []string{fmt.Sprintf("/dev/pts/%d", i), "30 90"} {
			if !lines.Scan() || lines.Text() != want {
				t.Errorf("terminal %d: got %q, want %q", i, lines.Text(), want)
			}
		}
		terminals = append(terminals, terminal)
	}
	for i, terminal := range terminals {
		if _, err := terminal.Write([]byte("\n")); err != nil {
			t.Fatal(err)
		}
		if status, err := terminal.Wait(); status != 7 || err != nil {
			t.Errorf("terminal %d: got status %d and %v, want 7", i, status, err)
		}
	}
	if _, err := s.Shell(t.Context(), sandbox.Command{Argv: []string{"no-such-program"}}); err == nil || !strings.Contains(err.Error(), "no-such-program") {
		t.Errorf("a program that is not there: got %v, want an error that names it", err)
	}
}

// TestStartNamesTheStep takes something away that a start needs, and wants to hear what.
func TestStartNamesTheStep(t *testing.T) {
	r := sandboxtest.Rig(t)
	if _, err := r.Start(t.Context(), sandbox.Spec{Layers: []string{"no-such-layer"}}); err == nil || !strings.Contains(err.Error(), `layer "no-such-layer"`) {
		t.Errorf("got %v, want an error that names the layer", err)
	}
	config := sandboxtest.Config(t, t.TempDir())
	config.Programs = func(string) ([]byte, error) { return []byte("#!/bin/false\n"), nil }
	broken, err := rig.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer broken.Close(context.Background())
	_, err = broken.Start(t.Context(), sandbox.Spec{})
	if err == nil {
		t.Fatal("a lab whose init does not run: got no error")
	}
}
