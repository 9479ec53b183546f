package server

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"glassbox/server/check"
)

func TestNotebooks(t *testing.T) {
	dir := t.TempDir()
	n, err := openNotebooks(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	// Many changes at once, none is lost.
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			err := n.change("v", func(p *progress) bool {
				p.lesson("one").exercise("e").Checks++
				p.lesson("one").exercise(string(rune('a' + i))).Passed = time.Unix(int64(i), 0).UTC()
				return true
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	p, err := n.read("v")
	if err != nil {
		t.Fatal(err)
	}
	w := p.Lessons["one"]
	if w.Exercises["e"].Checks != 20 || len(w.Exercises) != 21 && len(w.Exercises) != 20 {
		t.Errorf("%d checks, %d exercises", w.Exercises["e"].Checks, len(w.Exercises))
	}
	if !w.open(time.Unix(5, 0)) || w.open(time.Unix(6, 0)) || w.Opened.Unix() != 5 {
		t.Errorf("opened at %v, want the first time", w.Opened)
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 1 {
		t.Errorf("%d files are left in the directory, want one", len(files))
	}
	if info, err := files[0].Info(); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read it: %v, %v", info.Mode(), err)
	}
	// A change that changes nothing writes nothing.
	before, _ := os.Stat(n.path("v"))
	if err := n.change("v", func(*progress) bool { return false }); err != nil {
		t.Fatal(err)
	}
	if after, _ := os.Stat(n.path("v")); !os.SameFile(before, after) {
		t.Error("the file was written")
	}
}

func TestBrokenNotebook(t *testing.T) {
	for name, content := range map[string]string{
		"empty":       "",
		"cut off":     `{"version": 1, "lessons": {"one"`,
		"other types": `{"version": 1, "lessons": {"one": {"exercises": []}}}`,
		"a list":      `[]`,
		"the future":  `{"version": 2}`,
		"binary":      "\x00\xff",
	} {
		t.Run(name, func(t *testing.T) {
			var log strings.Builder
			n, err := openNotebooks(t.TempDir(), slog.New(slog.NewTextHandler(&log, nil)))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(n.path("v"), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			p, err := n.read("v")
			if err != nil || len(p.Lessons) != 0 {
				t.Fatalf("got %v, %v; want a fresh start", p, err)
			}
			kept, _ := filepath.Glob(n.path("v") + ".broken-*")
			if len(kept) != 1 {
				t.Fatalf("kept: %v", kept)
			}
			if b, err := os.ReadFile(kept[0]); err != nil || string(b) != content {
				t.Errorf("kept %q, %v", b, err)
			}
			if !strings.Contains(log.String(), kept[0]) {
				t.Errorf("the log says %q", log.String())
			}
		})
	}
}

// null is JSON wherever an object is.
func TestNotebookWithNulls(t *testing.T) {
	n, err := openNotebooks(t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	content := `{"version":1,"lessons":{"a":null,"b":{"seed":"s","exercises":{"x":null},"predictions":{"y":null},"quizzes":null}}}`
	if err := os.WriteFile(n.path("v"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := n.read("v")
	if err != nil {
		t.Fatal(err)
	}
	want := &progress{Version: 1, Lessons: map[string]*lessonWork{"b": {Seed: "s", Exercises: map[string]*exerciseWork{}, Predictions: map[string]*predictionWork{}}}}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestClipped(t *testing.T) {
	long := strings.Repeat("ä", 1000)
	got := clipped([]check.Evidence{{File: "/proc/7/cmdline", Want: long, Got: long}})
	short := strings.Repeat("ä", 200) + "…"
	if diff := cmp.Diff([]check.Evidence{{File: "/proc/7/cmdline", Want: short, Got: short}}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// What was passed by is kept since later.
func TestNotebookWithoutEvidence(t *testing.T) {
	n, err := openNotebooks(t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(n.path("v"), []byte(`{"version":1,"lessons":{"one":{"exercises":{"e":{"passed":"2026-01-02T03:04:05Z"}}}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if p, err := n.read("v"); err != nil || !p.lesson("one").passed("e") {
		t.Errorf("it is not passed any more: %v", err)
	}
}

func TestKeyFile(t *testing.T) {
	dir := t.TempDir()
	first, err := loadSigner(dir)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(dir, "key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key: %v, %v", info, err)
	}
	again, err := loadSigner(dir)
	if err != nil || first.mac("x") != again.mac("x") {
		t.Errorf("another key, %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "key"), []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := loadSigner(dir); err == nil || !strings.Contains(err.Error(), "5 bytes") {
		t.Errorf("a short key: %v", err)
	}
}

func TestStarts(t *testing.T) {
	s := starts{ofOne: quota{2, time.Second}, ofAll: quota{3, time.Second}}
	now := time.Unix(1000, 0)
	steps := []struct {
		who   visitor
		after time.Duration
		want  time.Duration
	}{
		{"a", 0, 0},
		{"a", 0, 0},
		{"a", 0, time.Second},            // her own quota
		{"b", 0, 0},                      //
		{"b", 0, time.Second},            // that of all
		{"a", time.Second, 0},            // one of each came back
		{"b", 0, time.Second},            //
		{"b", 10 * time.Second, 0},       // all came back
		{"b", 0, 0},                      //
		{"b", 0, time.Second},            //
		{"c", 500 * time.Millisecond, 0}, //
	}
	for i, step := range steps {
		now = now.Add(step.after)
		if got := s.take(step.who, now); got != step.want {
			t.Errorf("step %d, %s: wait %v, want %v", i, step.who, got, step.want)
		}
	}
	s.take("d", now.Add(time.Hour))
	if len(s.one) != 1 {
		t.Errorf("%d visitors are remembered after an hour", len(s.one))
	}
}
