package lesson

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestNew(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "course")
	for _, tt := range []struct{ name, file, title string }{
		{"mount-points", "01-mount-points.md", "Mount points"},
		{`  The "end" & more!`, "02-the-end-more.md", "The end & more!"},
		{"cgroups", "03-cgroups.md", "Cgroups"},
	} {
		path, err := New(dir, tt.name)
		if err != nil {
			t.Fatal(err)
		}
		if want := filepath.Join(dir, tt.file); path != want {
			t.Errorf("New(%q) = %s, want %s", tt.name, path, want)
		}
		c, err := Loader{Panels: []string{"processes", "mounts"}}.Load(os.DirFS(dir))
		if err != nil {
			t.Fatalf("New(%q) makes what cannot be loaded:\n%v", tt.name, err)
		}
		if ps := c.Lint(); len(ps) > 0 {
			t.Errorf("New(%q) makes what lint complains of:\n%v", tt.name, ps)
		}
		l := c.Lessons[len(c.Lessons)-1]
		if l.Title != tt.title {
			t.Errorf("the title is %q, want %q", l.Title, tt.title)
		}
		p, err := l.For(Facts{CgroupVersion: 2, Kernel: "6.1"}, First)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Exercises()) == 0 || len(p.Quizzes()) == 0 || len(p.Runs()) == 0 || len(blocksOf[*Note](p)) == 0 {
			t.Errorf("the new lesson lacks a kind of block: %v", p.Blocks())
		}
	}
}

func TestNewRefuses(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"", "!!", "7", "../x/", "Größe"} {
		if path, err := New(filepath.Join(dir, "course"), name); err == nil && name != "../x/" {
			t.Errorf("New(%q) = %s, want an error", name, path)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "x")); err == nil {
		t.Error("New wrote outside of its directory")
	}
	if _, err := New(dir, "twice"); err != nil {
		t.Fatal(err)
	}
	if _, err := New(dir, "twice"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second New = %v, want %v", err, fs.ErrExist)
	}
}
