// Package sandboxtest gives tests real sandboxes.
//
// A test that wants one says so and gets it, with all walls up, on the machine that it runs on:
//
//	s := sandboxtest.Start(t)
//	out := s.Run("id -u")
//
// Where none can be had the test is skipped, with the reason, or fails if GLASSBOX_REQUIRE is set.
package sandboxtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"glassbox/assets"
	"glassbox/sandbox"
	"glassbox/sandbox/rig"
	"glassbox/sandbox/rootfs"
)

// Require skips the test unless sandboxes can be built here.
func Require(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		skip(t, "sandboxes are built by root")
	}
}

// skip skips a test, or fails it where nothing may be skipped.
func skip(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("GLASSBOX_REQUIRE") != "" {
		t.Fatal(why)
	}
	t.Skip(why)
}

var (
	opening sync.Mutex
	shared  *rig.Rig
	state   string
	extra   []string // optional layers, such as docker
)

// Rig is the one that the tests of a package share. Main closes it.
func Rig(t testing.TB) *rig.Rig {
	t.Helper()
	Require(t)
	opening.Lock()
	defer opening.Unlock()
	if shared != nil {
		return shared
	}
	dir, err := os.MkdirTemp("", "glassbox-test-")
	if err != nil {
		t.Fatal(err)
	}
	state = dir
	config := Config(t, dir)
	config.Layers = extra
	shared, err = rig.Open(context.Background(), config)
	if err != nil {
		t.Fatalf("open the lab: %v", err)
	}
	return shared
}

// State is where the shared rig keeps its state.
func State() string {
	opening.Lock()
	defer opening.Unlock()
	return state
}

// Config is that of a test's own rig, which keeps its state in dir.
func Config(t testing.TB, dir string) rig.Config {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	if testing.Verbose() {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	return rig.Config{
		State: dir, Alpine: alpine(), Programs: program, Profiles: assets.Profiles(), Log: log,
	}
}

// Main runs a package's tests and then takes the shared lab down. It is what their TestMain calls. layers are the optional ones
// that sandboxes of this package may ask for, such as docker.
func Main(m *testing.M, layers ...string) {
	extra = layers
	status := m.Run()
	if shared != nil {
		if err := shared.Close(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, "close the lab:", err)
			status = max(status, 1)
		}
	}
	if state != "" {
		if err := os.RemoveAll(state); err != nil {
			fmt.Fprintln(os.Stderr, err)
			status = max(status, 1)
		}
	}
	os.Exit(status)
}

// alpine is a copy of the tarball beside the project, if there is one.
func alpine() string {
	if dir := os.Getenv("GLASSBOX_ROOTFS"); dir != "" {
		return dir
	}
	dir := filepath.Join(moduleRoot(), "..", "shared", "alpine")
	if _, err := os.Stat(dir); err != nil {
		return ""
	}
	return dir
}

func moduleRoot() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}

// program is the one that the build put into assets, or a fresh one where there was no build.
func program(name string) ([]byte, error) {
	if b, err := assets.Program(name); err == nil {
		return b, nil
	}
	dir, err := os.MkdirTemp("", "glassbox-build-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	build := exec.CommandContext(context.Background(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(dir, name), "./cmd/"+name)
	build.Dir = moduleRoot()
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build %s: %w\n%s", name, err, out)
	}
	return os.ReadFile(filepath.Join(dir, name))
}

// Sandbox is a sandbox of a test, which fails when something cannot be done.
type Sandbox struct {
	*sandbox.Sandbox
	t testing.TB
}

// Engine is a change for [Start]: a sandbox with a container engine and the images, and with room for containers. The
// layers are made once for all tests of the machine, which takes minutes.
func Engine(spec *sandbox.Spec) {
	spec.Layers, spec.Engine = []string{rig.EngineLayer}, true
	spec.Limits = sandbox.EngineLimits
}

// Start builds a sandbox that is closed with the test. Parts of the default spec are replaced by change, which may be nil.
func Start(t testing.TB, change func(*sandbox.Spec)) *Sandbox {
	t.Helper()
	r := Rig(t)
	spec := sandbox.Spec{Hostname: "box", Limits: sandbox.DefaultLimits}
	if change != nil {
		change(&spec)
	}
	for _, name := range spec.Layers {
		if err := r.Offer(context.Background(), name); errors.Is(err, rootfs.ErrNoTools) {
			skip(t, err.Error())
		} else if err != nil {
			t.Fatalf("layer %s: %v", name, err)
		}
	}
	s, err := r.Start(t.Context(), spec)
	if err != nil {
		t.Fatalf("start a sandbox: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return &Sandbox{Sandbox: s, t: t}
}

// patience is how long a command may take, on an emulated processor too.
const patience = 4 * time.Minute

// Run runs a line in a shell of its own, on a terminal, and returns what it wrote, with line ends as they are in a file, and its
// status.
func (s *Sandbox) Run(line string) (output string, status int) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	t, err := s.Shell(ctx, sandbox.Command{Argv: []string{"sh", "-c", line}, Rows: 50, Cols: 500})
	if err != nil {
		s.t.Fatalf("run %q: %v", line, err)
	}
	defer t.Close()
	stop := context.AfterFunc(ctx, func() { t.Close() })
	defer stop()
	b, _ := io.ReadAll(t) // ends with EIO when the last program lets go of the tty
	if ctx.Err() != nil {
		s.t.Fatalf("run %q: %v; so far it wrote %q", line, ctx.Err(), b)
	}
	status, err = t.Wait()
	if err != nil {
		s.t.Fatalf("run %q: %v; it wrote %q", line, err, b)
	}
	return strings.ReplaceAll(string(b), "\r\n", "\n"), status
}

// Must runs a line that must succeed, and returns what it wrote without white space around it.
func (s *Sandbox) Must(line string) string {
	s.t.Helper()
	output, status := s.Run(line)
	if status != 0 {
		s.t.Fatalf("%q: got status %d and %q, want status 0", line, status, output)
	}
	return strings.TrimSpace(output)
}

// Poll tries until it succeeds or the time is over.
func Poll(t testing.TB, within time.Duration, try func() error) {
	t.Helper()
	deadline := time.Now().Add(within)
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %v: %v", within, err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
