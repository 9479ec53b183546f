package kernel

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// What is read is of the group that is there, also where another of its name was there before.
func TestGroupAnew(t *testing.T) {
	b := start(t)
	r := b.open()
	read := func() *Cgroup {
		t.Helper()
		v, err := r.Read(t.Context(), WantCgroups)
		if err != nil {
			t.Fatal(err)
		}
		return v.Cgroup("demo")
	}
	for i := range 3 {
		if read().Exists {
			t.Fatal("it is there before it is made")
		}
		dir := b.group("pids", "demo")
		for _, limit := range []int{40 + i, 50 + i} {
			write(t, dir+"/pids.max", fmt.Sprint(limit))
			if g := read(); !g.Exists || g.PidsMax != limit {
				t.Errorf("exists: %v, pids.max: %d, want %d", g.Exists, g.PidsMax, limit)
			}
		}
		if i > 0 { // at once another, so that nobody sees that there was none
			removeGroups(t, dir)
			write(t, b.group("pids", "demo")+"/pids.max", "7")
			if g := read(); !g.Exists || g.PidsMax != 7 {
				t.Errorf("of the new group: exists: %v, pids.max: %d, want 7", g.Exists, g.PidsMax)
			}
		}
		removeGroups(t, dir)
	}
}

// What is kept open is bounded, goes with its group, and is closed when the reader rests.
func TestKept(t *testing.T) {
	b := start(t)
	r := b.open()
	read := func() {
		t.Helper()
		if v, err := r.Read(t.Context(), WantCgroups); err != nil || len(v.Cgroups) == 0 {
			t.Fatalf("%d groups: %v", len(v.Cgroups), err)
		}
	}
	b.group("pids", "first") // on version 2 it makes a group for those that are there, too
	read()
	few := len(r.kept.groups)
	if few == 0 {
		t.Fatal("nothing is kept")
	}
	dir := ""
	for i := range maxKept {
		dir = b.group("pids", fmt.Sprintf("many/%d", i))
	}
	read()
	if n := len(r.kept.groups); n != maxKept {
		t.Errorf("%d groups are kept, want %d", n, maxKept)
	}
	removeGroups(t, filepath.Dir(dir))
	read()
	if n := len(r.kept.groups); n != few {
		t.Errorf("%d groups are kept after most are gone, want %d", n, few)
	}
	var kept []*os.File
	for _, g := range r.kept.groups {
		kept = append(kept, g.dir)
		for _, f := range g.files {
			kept = append(kept, f)
		}
	}
	r.Rest()
	for _, f := range kept {
		if fd := int(f.Fd()); fd != -1 {
			t.Errorf("%s is still open", f.Name())
		}
	}
	read()
	if n := len(r.kept.groups); n != few {
		t.Errorf("after a rest %d groups are kept, want %d", n, few)
	}
}

// A file that does not fit the buffer is read whole.
func TestReadAgain(t *testing.T) {
	want := bytes.Repeat([]byte("pgpgin 7\n"), 1000)
	name := filepath.Join(t.TempDir(), "memory.stat")
	if err := os.WriteFile(name, want, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	buf := make([]byte, 16)
	for range 2 {
		if b, err := again(int(f.Fd()), &buf); err != nil || !bytes.Equal(b, want) {
			t.Errorf("%d bytes of %d: %v", len(b), len(want), err)
		}
	}
}

// A group of which a file cannot be read is opened anew for the next reading.
func TestKeptFails(t *testing.T) {
	b := start(t)
	r := b.open()
	if _, err := r.Read(t.Context(), WantCgroups); err != nil {
		t.Fatal(err)
	}
	for _, g := range r.kept.groups {
		for _, f := range g.files {
			f.Close()
		}
	}
	if _, err := r.Read(t.Context(), WantCgroups); err == nil {
		t.Fatal("files that are closed were read")
	}
	var err error
	for range b.source.Hierarchies { // the files of each fail once
		if _, err = r.Read(t.Context(), WantCgroups); err == nil {
			return
		}
	}
	t.Error(err)
}
