package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"glassbox/assets"
	"glassbox/sandbox/rootfs"
	"glassbox/sandbox/sandboxtest"
	"glassbox/server"
)

// A lesson whose layer this machine cannot have is there, and says so; the lab runs.
func TestLayerThatCannotBeMade(t *testing.T) {
	r := sandboxtest.Rig(t)
	dir := t.TempDir()
	for name, text := range map[string]string{
		"course.yaml": "title: T\ndescription: D\n",
		"01-one.md":   "---\ntitle: Needy\nsummary: S.\nneeds: {layers: [nowhere]}\n---\n## Step\n\nText.\n",
		"02-two.md":   "---\ntitle: Modest\nsummary: S.\n---\n## Step\n\nText.\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f := &flags{stderr: t.Output()}
	s, err := openSchool([]string{dir}, false, f)
	if err != nil {
		t.Fatal(err)
	}
	front, err := assets.Front()
	if err != nil {
		t.Skip(err)
	}
	srv, err := server.New(server.Config{Builder: builder{r}, Courses: s.courses, Assets: front, State: t.TempDir(), Log: f.log()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer s.close()
	defer cancel()
	if err := s.open(ctx, srv, r); err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(srv)
	defer web.Close()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Jar: jar}
	get := func() string {
		res, err := client.Get(web.URL)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	sandboxtest.Poll(t, time.Minute, func() error {
		if page := get(); !strings.Contains(page, "needs more than this lab has") {
			return errors.New("the page of the course does not say that a lesson needs more")
		}
		return nil
	})
	if page := get(); strings.Count(page, "needs more than this lab has") != 1 || !strings.Contains(page, "Needy") || !strings.Contains(page, "Modest") {
		t.Error("the page of the course does not have both lessons, one of them with a remark")
	}
}

// A step that goes on has begun when it was first told of, and so has what it is a part of.
func TestTasksOfTheMaking(t *testing.T) {
	at := func(second int) time.Time { return time.Unix(int64(second), 0) }
	image := &rootfs.Progress{Step: "making image nginx", Done: 3, Total: 12, Unit: rootfs.Images}
	var got []server.Task
	for i, step := range []struct {
		told rootfs.Progress
		want []server.Task
	}{
		{rootfs.Progress{Step: "installing packages", Of: image}, []server.Task{
			{Name: "making image nginx", Done: 3, Total: 12, Unit: "images", Since: at(0)}, {Name: "installing packages", Since: at(0)},
		}},
		{rootfs.Progress{Step: "unpacking", Done: 1, Total: 9, Unit: rootfs.Packages, Of: image}, []server.Task{
			{Name: "making image nginx", Done: 3, Total: 12, Unit: "images", Since: at(0)}, {Name: "unpacking", Done: 1, Total: 9, Unit: "packages", Since: at(1)},
		}},
		{rootfs.Progress{Step: "unpacking", Done: 5, Total: 9, Unit: rootfs.Packages, Of: image}, []server.Task{
			{Name: "making image nginx", Done: 3, Total: 12, Unit: "images", Since: at(0)}, {Name: "unpacking", Done: 5, Total: 9, Unit: "packages", Since: at(1)},
		}},
		{rootfs.Progress{Step: "unpacking", Of: &rootfs.Progress{Step: "making image redis"}}, []server.Task{
			{Name: "making image redis", Since: at(3)}, {Name: "unpacking", Since: at(3)},
		}},
		{rootfs.Progress{Step: "writing", Done: 1, Total: 2, Unit: rootfs.Bytes}, []server.Task{
			{Name: "writing", Done: 1, Total: 2, Unit: "bytes", Since: at(4)},
		}},
	} {
		got = tasksOf(&step.told, got, at(i))
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Errorf("told %+v (-want +got):\n%s", step.told, diff)
		}
	}
}

// The command line says what is being done, a line for each step, and how much there is to do where that is known.
func TestProgressInLines(t *testing.T) {
	var out strings.Builder
	hear := (&flags{stderr: &out}).progress()
	image := &rootfs.Progress{Step: "making image nginx", Done: 3, Total: 12, Unit: rootfs.Images}
	for _, p := range []rootfs.Progress{
		{Step: "downloading Debian packages", Total: 61_500_000, Unit: rootfs.Bytes},
		{Step: "downloading Debian packages", Done: 7, Total: 61_500_000, Unit: rootfs.Bytes},
		{Step: "unpacking", Total: 57, Unit: rootfs.Packages},
		{Step: "installing packages", Of: image},
		{Step: "packing its layer", Of: image},
		{Step: "filling the store of images"},
	} {
		hear(p)
	}
	want := "downloading Debian packages, 61.5 MB …\nunpacking, 57 packages …\nmaking image nginx, 4 of 12 …\nfilling the store of images …\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

// Where boxes are not made from Alpine, every page says from what, and why.
func TestNotice(t *testing.T) {
	if got := notice(&rootfs.Root{Kind: rootfs.Alpine, Version: "3.20.3"}); got != "" {
		t.Errorf("of Alpine: %q", got)
	}
	want := "The boxes of this lab are made from BusyBox 1.35.0, which stands in for Alpine: dl-cdn.alpinelinux.org cannot be reached."
	if got := notice(&rootfs.Root{Kind: rootfs.Busybox, Version: "1.35.0", Reason: "dl-cdn.alpinelinux.org cannot be reached"}); got != want {
		t.Errorf("of busybox: %q, want %q", got, want)
	}
}

// Several courses: of directories, and the one that comes with the program.
func TestSchoolOfSeveralCourses(t *testing.T) {
	write := func(lesson string) string {
		dir := t.TempDir()
		for name, text := range map[string]string{"course.yaml": "title: Mine\ndescription: D\n", "01-mine.md": lesson} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	good := write("---\ntitle: A\n---\n## Step\n\nText.\n")
	titles := func(dirs []string, builtIn bool) string {
		t.Helper()
		s, err := openSchool(dirs, builtIn, &flags{stderr: t.Output()})
		if err != nil {
			t.Fatal(err)
		}
		var titles []string
		for _, c := range s.courses {
			titles = append(titles, c.Title)
		}
		return strings.Join(titles, ", ")
	}
	if got := titles(nil, false); got != "Containers" {
		t.Errorf("without directories: %s", got)
	}
	if got := titles([]string{good}, false); got != "Mine" {
		t.Errorf("with a directory: %s", got)
	}
	if got := titles([]string{good}, true); got != "Containers, Mine" {
		t.Errorf("with a directory and --built-in: %s", got)
	}
	bad := write("---\ntitel: A\n---\n## Step\n\nText.\n")
	_, err := openSchool([]string{good, bad}, false, &flags{stderr: t.Output()})
	if want := filepath.Join(bad, "01-mine.md") + ":2:1: unknown key titel"; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("a mistake in the second is told as %v; want %s…", err, want)
	}
}
