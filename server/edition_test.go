package server

import (
	"maps"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"glassbox/server/lesson"
)

// teach has the site teach the test's course with changes to its first lesson, given as pairs of old and new text.
func (s *site) teach(t *testing.T, changes ...string) {
	t.Helper()
	files := maps.Clone(course)
	files["01-one.md"] = &fstest.MapFile{Data: []byte(strings.NewReplacer(changes...).Replace(string(course["01-one.md"].Data)))}
	c, err := lesson.Load(files)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.server.Teach(c); err != nil {
		t.Fatal(err)
	}
}

// told reads until the server tells of an edition that is as wanted. What it told before, such as when the box was ready,
// may still be on its way.
func (w *wire) told(what string, wanted func(message) bool) message {
	w.t.Helper()
	for {
		m := w.hear("lesson")
		if wanted(m) {
			return m
		}
		w.t.Logf("waiting for %s: %v", what, m)
	}
}

// version is the version of the first lesson that its page says it is.
func (b *browser) version() string {
	b.t.Helper()
	m := regexp.MustCompile(`"version":"([A-Za-z0-9_-]{12})"`).FindStringSubmatch(b.get("/lessons/one"))
	if m == nil {
		b.t.Fatal("the page does not say which version it is")
	}
	return m[1]
}

func TestOpenPagesAreToldOfAnotherEdition(t *testing.T) {
	s := newSite(t)
	b := s.browser(t)
	lab := b.lab("one")
	first := b.version()
	is := func(version string) func(message) bool {
		return func(m message) bool { return m["version"] == version }
	}
	lab.told("the first edition", is(first))

	s.teach(t) // the same again
	if got := b.version(); got != first {
		t.Errorf("the same text has version %s, want %s", got, first)
	}
	s.teach(t, "Before the first step", "Other words before the first step")
	second := b.version()
	if second == first {
		t.Errorf("another text has the version of the one before, %s", first)
	}
	lab.told("the second edition", is(second))
	if !strings.Contains(b.get("/lessons/one"), "Other words before") {
		t.Error("the page is not the new edition")
	}
	s.teach(t)
	lab.told("the first edition again", is(first))
	if n := s.workshop.built.Load(); n != 1 {
		t.Errorf("%d boxes were built, want the one that there was", n)
	}
}

func TestBoxIsJudgedByTheNewEdition(t *testing.T) {
	s := newSite(t)
	b := s.browser(t)
	lab := b.lab("one")
	limit := limitOf(t, b.get("/lessons/one"))
	lab.say(`{"type":"predict","predict":"limit","value":"100"}`)
	lab.hear("prediction")

	s.teach(t, `cgroup("demo").exists
    say: There is no group`, `cgroup("other").exists
    say: There is no other group`, "because: the-reason", "because: another-reason")
	s.workshop.last().demo(t, limit)
	if m := lab.hear("prediction"); m["because"] != "another-reason" {
		t.Errorf("a prediction that waited: %v, want the new reason", m)
	}
	lab.say(`{"type":"check","exercise":"first"}`)
	if m := lab.hear("verdict"); m["status"] != "not-yet" || m["say"] != "There is no other group `demo` yet." {
		t.Errorf("with what the old edition asked: %v", m)
	}
	s.teach(t)
	if m := lab.hear("verdict"); m["status"] != "passed" || m["by"] != "watch" {
		t.Errorf("with the first edition again: %v", m)
	}
}

func TestNeedsThatTheBoxWasNotBuiltWith(t *testing.T) {
	s := newSite(t)
	lab := s.browser(t).lab("one")
	s.teach(t, "panels:", "needs: {memory: 2GiB, disk: 1536MiB, pids: 32, layers: [docker]}\npanels:")
	const want = "2 GiB of memory, 1536 MiB of disk, 32 processes, the layer docker"
	lab.told("what the box lacks", func(m message) bool { return m["outgrown"] == want })
	s.teach(t)
	lab.told("that the box will do", func(m message) bool { return m["outgrown"] == nil })
}

func TestSlipsAreToldToTheAuthor(t *testing.T) {
	s := newSite(t)
	b := s.browser(t)
	lab := b.lab("one")
	s.server.Warn(Slips{Old: true, Problems: lesson.Problems{{File: "01-one.md", Line: 3, Text: "unknown key", Fix: "remove it"}}})
	want := []any{"01-one.md:3: unknown key; remove it"}
	for _, w := range []*wire{lab, b.lab("one")} { // and one that comes later
		w.told("slips", func(m message) bool { return m["old"] == true && cmp.Equal(want, m["slips"]) })
	}
	s.server.Warn(Slips{})
	lab.told("none any more", func(m message) bool { return m["old"] == nil && m["slips"] == nil })
}
