package sandbox_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"glassbox/sandbox"
	"glassbox/sandbox/rig"
	"glassbox/sandbox/sandboxtest"
)

// BenchmarkStart takes the time from asking for a sandbox to the first byte that a shell in it writes, with all walls up,
// beside other programs that make something like it of the same root. Theirs is the time of the whole command up to its first byte.
func BenchmarkStart(b *testing.B) {
	sandboxtest.Require(b)
	config := sandboxtest.Config(b, b.TempDir())
	config.Spares = 2 // as the server has it
	r, err := rig.Open(b.Context(), config)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := r.Close(context.Background()); err != nil {
			b.Error(err)
		}
	})
	root := filepath.Join(b.TempDir(), "rootfs")
	unpack(b, r.Root.Tarball, root)

	b.Run("glassbox", func(b *testing.B) {
		for range b.N {
			s, err := r.Start(b.Context(), sandbox.Spec{Limits: sandbox.DefaultLimits})
			if err != nil {
				b.Fatal(err)
			}
			t, err := s.Shell(b.Context(), sandbox.Command{Argv: []string{"/bin/sh", "-c", "echo x"}})
			if err != nil {
				b.Fatal(err)
			}
			if _, err := t.Read(make([]byte, 1)); err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			t.Close()
			if err := s.Close(context.Background()); err != nil {
				b.Fatal(err)
			}
			time.Sleep(50 * time.Millisecond) // learners do not come one upon the other: let a blank get ready
			b.StartTimer()
		}
	})
	b.Run("runc", func(b *testing.B) {
		bundle := runcBundle(b, root)
		n := 0
		firstByte(b, func() []string {
			n++
			return []string{"runc", "run", "--bundle", bundle, fmt.Sprintf("glassbox-bench-%d-%d", os.Getpid(), n)}
		})
	})
	b.Run("bwrap", func(b *testing.B) {
		firstByte(b, func() []string {
			return []string{"bwrap", "--unshare-all", "--bind", root, "/", "--proc", "/proc", "--dev", "/dev", "/bin/sh", "-c", "echo x"}
		})
	})
	b.Run("unshare", func(b *testing.B) {
		firstByte(b, func() []string {
			return []string{"unshare", "-U", "-r", "-m", "-p", "-f", "-n", "-u", "-i", "-C", "chroot", root, "/bin/sh", "-c", "echo x"}
		})
	})
}

// firstByte runs commands, each up to its first byte of output.
func firstByte(b *testing.B, command func() []string) {
	for range b.N {
		argv := command()
		path, err := exec.LookPath(argv[0])
		if err != nil {
			b.Skipf("%v (apt-get install %s)", err, map[string]string{"bwrap": "bubblewrap"}[argv[0]])
		}
		c := exec.Command(path, argv[1:]...)
		var stderr bytes.Buffer
		c.Stderr = &stderr
		out, err := c.StdoutPipe()
		if err != nil {
			b.Fatal(err)
		}
		if err := c.Start(); err != nil {
			b.Fatal(err)
		}
		_, rerr := out.Read(make([]byte, 1))
		b.StopTimer()
		if err := c.Wait(); err != nil || rerr != nil {
			b.Fatalf("%s: %v, %v: %s", strings.Join(argv, " "), err, rerr, stderr.String())
		}
		b.StartTimer()
	}
}

func unpack(b *testing.B, tarball, dir string) {
	b.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.Fatal(err)
	}
	if out, err := exec.Command("tar", "xzf", tarball, "-C", dir).CombinedOutput(); err != nil {
		b.Fatalf("tar: %v: %s", err, out)
	}
}

// runcBundle makes a bundle as `runc spec` writes it, with a command instead of a terminal.
func runcBundle(b *testing.B, root string) string {
	b.Helper()
	if _, err := exec.LookPath("runc"); err != nil {
		b.Skipf("%v (apt-get install runc)", err)
	}
	bundle := b.TempDir()
	spec := exec.Command("runc", "spec", "--bundle", bundle)
	if out, err := spec.CombinedOutput(); err != nil {
		b.Fatalf("runc spec: %v: %s", err, out)
	}
	file := filepath.Join(bundle, "config.json")
	content, err := os.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	var config map[string]any
	if err := json.Unmarshal(content, &config); err != nil {
		b.Fatal(err)
	}
	config["root"] = map[string]any{"path": root, "readonly": true}
	process := config["process"].(map[string]any)
	process["terminal"] = false
	process["args"] = []string{"/bin/sh", "-c", "echo x"}
	if content, err = json.Marshal(config); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(file, content, 0o600); err != nil {
		b.Fatal(err)
	}
	return bundle
}

// BenchmarkMemory reports what an idle sandbox costs beyond its shell, in KiB of private memory: its PID 1, and what the
// process of the lab grows by.
func BenchmarkMemory(b *testing.B) {
	r := sandboxtest.Rig(b)
	const n = 20
	for range b.N {
		before := private(b, os.Getpid())
		pid1 := 0
		for range n {
			s, err := r.Start(b.Context(), sandbox.Spec{Limits: sandbox.DefaultLimits})
			if err != nil {
				b.Fatal(err)
			}
			t, err := s.Shell(b.Context(), sandbox.Command{})
			if err != nil {
				b.Fatal(err)
			}
			if _, err := t.Read(make([]byte, 256)); err != nil {
				b.Fatal(err)
			}
			pid1 += private(b, s.Init())
			b.Cleanup(func() { t.Close(); _ = s.Close(context.Background()) })
		}
		b.ReportMetric(float64(pid1)/n, "KiB/pid1")
		b.ReportMetric(float64(private(b, os.Getpid())-before)/n, "KiB/lab")
	}
}

// private is a process's private memory in KiB, see proc_pid_smaps(5).
func private(b *testing.B, pid int) int {
	b.Helper()
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		b.Fatal(err)
	}
	sum := 0
	for line := range strings.SplitSeq(string(content), "\n") {
		name, rest, _ := strings.Cut(line, ":")
		if strings.HasPrefix(name, "Private_") {
			var kib int
			if _, err := fmt.Sscanf(rest, "%d kB", &kib); err != nil {
				b.Fatal(err)
			}
			sum += kib
		}
	}
	return sum
}
