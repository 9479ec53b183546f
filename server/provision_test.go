package server

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"glassbox/server/lesson"
)

// needy has the site teach a first lesson whose box needs the layer docker.
func (s *site) needy(t *testing.T) {
	t.Helper()
	s.teach(t, "panels:", "needs: {layers: [docker]}\npanels:")
}

func provide(t *testing.T, s *site, how Provision) {
	t.Helper()
	if err := s.server.Provide("docker", how); err != nil {
		t.Fatal(err)
	}
}

func TestBoxWaitsForALayer(t *testing.T) {
	s := newSite(t)
	s.needy(t)
	provide(t, s, Provision{State: Making, Say: "Fetching."})
	b := s.browser(t)
	if page := b.get("/"); !strings.Contains(page, "being prepared") {
		t.Error("the list of lessons does not say that one is being prepared")
	}
	b.get("/lessons/one")
	lab := b.socket("/ws/lab?lesson=one")
	if m := lab.state("waiting"); m["say"] != "Fetching." {
		t.Errorf("while it is made: %v", m)
	}
	provide(t, s, Provision{State: Making, Say: "Unpacking.", Tasks: []Task{
		{Name: "making image nginx", Done: 3, Total: 12, Unit: "images", Since: time.Now().Add(-90 * time.Second)},
		{Name: "installing packages", Since: time.Now()},
	}})
	m := lab.state("waiting")
	for m["say"] == "Fetching." { // may be said again, to the page that has just come
		m = lab.state("waiting")
	}
	want := []any{
		map[string]any{"name": "making image nginx", "done": 3.0, "total": 12.0, "unit": "images", "took": 90.0},
		map[string]any{"name": "installing packages", "done": 0.0, "took": 0.0},
	}
	if diff := cmp.Diff(want, m["tasks"]); m["say"] != "Unpacking." || diff != "" {
		t.Errorf("further on it says %v; tasks (-want +got):\n%s", m["say"], diff)
	}
	if n := s.workshop.built.Load(); n != 0 {
		t.Fatalf("%d boxes were built before the layer was there", n)
	}
	provide(t, s, Provision{State: Ready})
	lab.state("ready")
	if page := b.get("/"); strings.Contains(page, "being prepared") {
		t.Error("the list of lessons still says that one is being prepared")
	}
}

func TestBoxLacksALayer(t *testing.T) {
	s := newSite(t)
	s.needy(t)
	provide(t, s, Provision{State: Missing, Say: "There is no Debian here.", Do: "Find one."})
	b := s.browser(t)
	if page := b.get("/"); !strings.Contains(page, "needs more than this lab has") || !strings.Contains(page, "First lesson") {
		t.Error("the list of lessons does not have the lesson and say what is wrong with it")
	}
	if page := b.get("/lessons/one"); !strings.Contains(page, "A step with") {
		t.Error("the lesson cannot be read")
	}
	lab := b.socket("/ws/lab?lesson=one")
	if m := lab.state("lacking"); m["say"] != "There is no Debian here." || m["do"] != "Find one." {
		t.Errorf("without the layer: %v", m)
	}
	b.lab("two") // needs nothing, and has its box
}

func TestRestartWaitsForWhatTheLessonNowNeeds(t *testing.T) {
	s := newSite(t)
	provide(t, s, Provision{State: Making, Say: "Fetching."})
	b := s.browser(t)
	lab := b.lab("one")
	s.needy(t)
	if res, _ := b.do("POST", "/lessons/one/restart", b.origin()); res.StatusCode >= 400 {
		t.Fatalf("restart: %s", res.Status)
	}
	lab.state("waiting")
	provide(t, s, Provision{State: Ready})
	lab.state("ready")
}

func TestVariantsFollowALayer(t *testing.T) {
	s := newSite(t)
	s.teach(t, "## A step", "<!-- when: \"docker\" in layers -->\nwith an engine\n<!-- else -->\nwithout an engine\n<!-- end -->\n\n## A step")
	b := s.browser(t)
	for _, step := range []struct {
		how  Provision
		want string
	}{{Provision{State: Making}, "without an engine"}, {Provision{State: Ready}, "with an engine"}, {Provision{State: Missing}, "without an engine"}} {
		provide(t, s, step.how)
		if page := b.get("/lessons/one"); !strings.Contains(page, step.want) {
			t.Errorf("while it is %s the page does not say %q", step.how.State, step.want)
		}
	}
}

func TestSeveralCourses(t *testing.T) {
	s := newSite(t)
	load := func(slug string) *lesson.Course {
		c, err := lesson.Load(fstest.MapFS{
			"course.yaml":        file("title: Another course\ndescription: d\nparts: [{title: Begin, summary: Easy., from: 1}, {title: Later, from: 5}]\n"),
			"02-" + slug + ".md": file("---\ntitle: Mine\nsummary: M.\n---\n## Step\n\nText.\n"),
			"05-fifth.md":        file("---\ntitle: Fifth\nsummary: F.\n---\n## Step\n\nText.\n"),
		})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	first := s.server.taught.Load().courses[0]
	if err := s.server.Teach(first, load("mine")); err != nil {
		t.Fatal(err)
	}
	b := s.browser(t)
	page := b.get("/")
	var order []int
	for _, words := range []string{"Test course", "First lesson", "Another course", "Begin", "Easy.", "Mine", "Later", "Fifth"} {
		order = append(order, strings.Index(page, ">"+words+"<"))
	}
	for i, at := range order {
		if at < 0 || i > 0 && at < order[i-1] {
			t.Fatalf("the page of courses has the words at %v, want them in this order", order)
		}
	}
	if mine := b.get("/lessons/mine"); !strings.Contains(mine, "Another course") || strings.Contains(mine, "First lesson") {
		t.Error("the lesson's page is not of its course alone")
	}
	err := s.server.Teach(first, load("one"))
	want := `the lesson one is in two courses, "Test course" and "Another course": rename one of the files`
	if err == nil || cmp.Diff(want, err.Error()) != "" {
		t.Errorf("two lessons of a name: %v, want %s", err, want)
	}
	b.get("/lessons/mine") // nothing has changed
}
