package lesson

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestWatch(t *testing.T) {
	dir := t.TempDir()
	path, err := New(dir, "one")
	if err != nil {
		t.Fatal(err)
	}
	type state struct {
		course *Course
		err    error
	}
	states := make(chan state, 100)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- Loader{}.Watch(ctx, dir, slog.New(slog.DiscardHandler), func(c *Course, err error) { states <- state{c, err} })
	}()
	// until waits for a state that is wanted. There may be others before it: how many times a save is seen is not fixed.
	until := func(what string, ok func(state) bool) {
		t.Helper()
		deadline := time.After(time.Minute)
		for {
			select {
			case s := <-states:
				if ok(s) {
					return
				}
			case <-deadline:
				t.Fatalf("no %s within a minute", what)
			}
		}
	}
	title := func(want string) func(state) bool {
		return func(s state) bool {
			return s.err == nil && len(s.course.Lessons) == 1 && s.course.Lessons[0].Title == want
		}
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	until("first course", title("One"))
	save(t, path, "nothing")
	until("problem", func(s state) bool { return s.err != nil && len(s.course.Lessons) == 0 })
	// As editors do: a new file takes the old one's place.
	save(t, path+"~", string(good)+"\nMore.\n")
	if err := os.Rename(path+"~", path); err != nil {
		t.Fatal(err)
	}
	until("mended course", title("One"))
	// As others do: the file is cut off, and written a moment later. Nobody hears of the moment.
	save(t, path, "")
	time.Sleep(3 * settle)
	save(t, path, strings.Replace(string(good), `title: "One"`, "title: Two", 1))
	until("course after a save in two steps", func(s state) bool {
		if s.err != nil {
			t.Errorf("after a save in two steps: %v", s.err)
		}
		return title("Two")(s)
	})
	save(t, path, string(good))
	until("first title again", title("One"))
	// A directory that is new is watched as well.
	save(t, path, string(good)+"\n![x](more/x.svg)\n")
	until("course with a dead picture", func(s state) bool { return s.err == nil && len(s.course.Lint()) > 0 })
	if err := os.Mkdir(filepath.Join(dir, "more"), 0o755); err != nil {
		t.Fatal(err)
	}
	until("course after mkdir", func(s state) bool { return s.err == nil })
	save(t, filepath.Join(dir, "more", "x.svg"), `<svg xmlns="http://www.w3.org/2000/svg"/>`)
	until("course with its picture", func(s state) bool { return s.err == nil && len(s.course.Lint()) == 0 })
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Watch = %v after its end, want nil", err)
	}
	if err := (Loader{}).Watch(t.Context(), filepath.Join(dir, "nowhere"), slog.New(slog.DiscardHandler), func(*Course, error) {}); err == nil {
		t.Error("Watch of no directory gives no error")
	}
}

func save(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
