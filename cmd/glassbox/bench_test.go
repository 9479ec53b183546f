package main

import (
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"glassbox/sandbox"
	"glassbox/sandbox/kernel"
	"glassbox/sandbox/sandboxtest"
	"glassbox/server/check"
	"glassbox/server/lesson"
	"glassbox/server/panel"
)

func TestMain(m *testing.M) { sandboxtest.Main(m) }

// withTwoShells is a sandbox as a lesson with two terminals has it.
func withTwoShells(b *testing.B) *sandboxtest.Sandbox {
	b.Helper()
	s := sandboxtest.Start(b, nil)
	for range 2 {
		t, err := s.Shell(b.Context(), sandbox.Command{})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { t.Close() })
	}
	return s
}

// BenchmarkPanel is one reading of each panel, of a real sandbox with two shells: the kernel's files and what is made of them.
func BenchmarkPanel(b *testing.B) {
	s := withTwoShells(b)
	reader, err := s.Source().Open()
	if err != nil {
		b.Fatal(err)
	}
	for _, p := range panel.All() {
		b.Run(p.Name(), func(b *testing.B) {
			defer processorTime(b, unix.RUSAGE_SELF)()
			for b.Loop() {
				view, err := reader.Read(b.Context(), p.Want())
				if err != nil {
					b.Fatal(err)
				}
				front := view.Init
				if front == nil {
					front = view.Process(1)
				}
				p.Read(view, front)
			}
		})
	}
}

// BenchmarkLook is what a box costs while a page of its lesson is open: one look for the exercises, the timeline and the panels of the
// lesson on control groups. There are four a second: of a box in which something runs, "anew" all; of an idle one, one of eight, and the
// others are "again". One ps(1) of the whole machine stands beside them. A box of which no page is open is not looked at.
func BenchmarkLook(b *testing.B) {
	s := withTwoShells(b)
	c, err := course("")
	if err != nil {
		b.Fatal(err)
	}
	page, err := c.Lesson("control-groups").For(lesson.Facts{CgroupVersion: 2}, lesson.First)
	if err != nil {
		b.Fatal(err)
	}
	var exercises []*check.Exercise
	for _, e := range page.Exercises() {
		x, err := e.Compiled()
		if err != nil {
			b.Fatal(err)
		}
		exercises = append(exercises, x)
	}
	recorder, err := kernel.NewRecorder(s.Source(), kernel.RecorderOptions{})
	if err != nil {
		b.Fatal(err)
	}
	defer recorder.Close()
	watcher, hub := check.NewWatcher(exercises, nil), panel.NewHub(panel.Options{})
	viewer := hub.Look()
	viewer.Watch(page.Panels)
	for _, how := range []string{"anew", "again"} {
		b.Run(how, func(b *testing.B) {
			defer processorTime(b, unix.RUSAGE_SELF)()
			for b.Loop() {
				if how == "anew" {
					recorder.Forget()
				}
				view, err := recorder.Look(b.Context(), watcher.Want()|hub.Want())
				if err != nil {
					b.Fatal(err)
				}
				watcher.Look(check.State{View: view})
				hub.Show(view)
				viewer.Take()
			}
		})
	}
	b.Run("ps", func(b *testing.B) {
		defer processorTime(b, unix.RUSAGE_CHILDREN)()
		for b.Loop() {
			if err := exec.CommandContext(b.Context(), "ps", "-e").Run(); err != nil {
				b.Skip(err)
			}
		}
	})
}

// processorTime begins to measure the processor time of this process, or of its children; the function that it returns reports it. Unlike
// the time that passes, it does not depend on what else the machine does.
func processorTime(b *testing.B, who int) (report func()) {
	used := func() time.Duration {
		var u unix.Rusage
		if err := unix.Getrusage(who, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := used()
	return func() { b.ReportMetric(float64((used()-before).Microseconds())/float64(b.N), "cpu-µs/op") }
}
