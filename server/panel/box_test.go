package panel

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"glassbox/sandbox"
	"glassbox/sandbox/kernel"
	"glassbox/sandbox/sandboxtest"
)

func TestMain(m *testing.M) { sandboxtest.Main(m, "docker") }

// TestCompareInABox puts a container that is built by hand beside one of the engine's.
func TestCompareInABox(t *testing.T) {
	s := sandboxtest.Start(t, func(spec *sandbox.Spec) {
		spec.Layers, spec.Engine = []string{"docker"}, true
		spec.Limits.Memory = 512 << 20
	})
	s.Must("curl -s $URL | docker import - mini && docker run -d --name web --memory 64m mini sleep 1000")
	s.Must("mkdir /dev/shm/mini && curl -s $URL | tar -xz -C /dev/shm/mini")
	hand, err := s.Shell(t.Context(), sandbox.Command{
		Argv: []string{"unshare", "--pid", "--mount", "--uts", "--fork", "chroot", "/dev/shm/mini", "sleep", "2000"}, Rows: 24, Cols: 80,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer hand.Close()
	reader, err := s.Source().Open()
	if err != nil {
		t.Fatal(err)
	}
	var reading CompareReading
	side := func(pid int) CompareProcess {
		i := slices.IndexFunc(reading.Processes, func(p CompareProcess) bool { return p.Pid == pid })
		if i < 0 {
			return CompareProcess{}
		}
		return reading.Processes[i]
	}
	var left, right CompareProcess
	sandboxtest.Poll(t, time.Minute, func() error {
		v, err := reader.Read(t.Context(), compare{}.Want())
		if err != nil {
			return err
		}
		value, _ := compare{}.Read(v, &kernel.Process{})
		reading, _ = value.(CompareReading)
		left, right = side(reading.Left), side(reading.Right)
		if left.Comm != "sleep" || right.Container != "web" {
			return errors.New("proposes " + left.Comm + " and " + right.Container)
		}
		return nil
	})
	if left.Kind != "nested" || right.Kind != "engine" {
		t.Errorf("got a %s and an %s", left.Kind, right.Kind)
	}
	for i, row := range reading.Rows {
		got := [2]string{left.Cells[i].Text, right.Cells[i].Text}
		want, known := map[string][2]string{
			"pid": {"its own", "its own"}, "net": {"the box’s", "its own"}, "user": {"the box’s", "the box’s"},
			"root": {"chroot to /dev/shm/mini", "an overlay"}, "root-mode": {"the files themselves", "a layer of its own"},
			"memory": {"max", "64 MiB"}, "seccomp": {"the box’s filter", "and a filter of its own"}, "pid-inside": {"1", "1"},
			"group": {"/shell", "the container’s own"}, "CapBnd": {left.Cells[i].Text, "14"}, "uid": {"0", "0"},
		}[row.Name]
		if known && row.Name == "group" {
			got[0] = want[0] // whichever the shells are in
		}
		if known && got != want {
			t.Errorf("%s: got %q, want %q", row.Name, got, want)
		}
		if row.Name == "masked" && len(right.Cells[i].List) < 3 {
			t.Errorf("masked in the engine's container: %v", right.Cells[i].List)
		}
	}
	if raw, err := json.Marshal(reading); err != nil || len(raw) > 64<<10 {
		t.Errorf("a reading of %d bytes, %v", len(raw), err)
	}
}

func BenchmarkCompare(b *testing.B) {
	v := sideView()
	for b.Loop() {
		compare{}.Read(v, v.Process(10))
	}
}
