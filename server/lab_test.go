package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/websocket"

	"glassbox/server/lesson"
)

// limitOf is the visitor's value in the first lesson.
func limitOf(t *testing.T, page string) int {
	t.Helper()
	m := regexp.MustCompile(`with (\d+)\.`).FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("the page shows no value: %s", page)
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestExerciseByButton(t *testing.T) {
	s := newSite(t)
	b := s.browser(t)
	lab := b.lab("one")
	limit := limitOf(t, b.get("/lessons/one"))
	ask := func() message {
		t.Helper()
		lab.say(`{"type":"check","exercise":"first"}`)
		return lab.hear("verdict")
	}
	m := ask()
	if m["status"] != "not-yet" || m["say"] != "There is no group `demo` yet." || m["by"] != "button" {
		t.Errorf("before: %v", m)
	}
	s.workshop.last().demo(t, limit+1)
	if m := ask(); m["status"] != "not-yet" || m["say"] != "It has another limit." || len(m["evidence"].([]any)) == 0 {
		t.Errorf("with a wrong limit: %v", m)
	}
	s.workshop.last().demo(t, limit)
	for m = ask(); m["status"] == "not-yet"; m = ask() {
		t.Errorf("with the right limit: %v", m)
	}
	if m["status"] != "passed" {
		t.Errorf("solved: %v", m)
	}
	// The other tabs know, and so does the page after a restart of the server.
	other := b.socket("/ws/lab?lesson=one")
	if m := other.hear("progress"); cmp.Diff(m["passed"], []any{"first"}) != "" || m["total"].(float64) != 1 {
		t.Errorf("progress in another tab: %v", m)
	}
	if page := b.get("/"); !strings.Contains(page, "1 of 1 exercises passed") {
		t.Error("the list of lessons does not show it")
	}
}

func TestExerciseByWatching(t *testing.T) {
	s := newSite(t)
	b := s.browser(t)
	lab := b.lab("one")
	second := b.lab("one")
	s.workshop.last().demo(t, limitOf(t, b.get("/lessons/one")))
	for _, w := range []*wire{lab, second} {
		m := w.hear("verdict")
		if m["status"] != "passed" || m["by"] != "watch" || m["exercise"] != "first" {
			t.Errorf("seen: %v", m)
		}
		if evidence, ok := m["evidence"].([]any); !ok || !strings.HasSuffix(evidence[len(evidence)-1].(map[string]any)["file"].(string), "memory.max") {
			t.Errorf("it does not say by which file: %v", m)
		}
	}
}

// What the learner has done is seen within half a second. The machine may be busy, so the quickest of several counts.
func TestExerciseIsSeenSoon(t *testing.T) {
	s := newSite(t)
	quickest := time.Hour
	for n := 0; n < 20 && quickest > 500*time.Millisecond; n++ {
		b := s.browser(t)
		lab := b.lab("one")
		limit := limitOf(t, b.get("/lessons/one"))
		box := s.workshop.last()
		began := time.Now()
		box.demo(t, limit)
		lab.hear("verdict")
		quickest = min(quickest, time.Since(began))
	}
	if quickest > 500*time.Millisecond {
		t.Errorf("the quickest verdict took %v, want at most half a second", quickest)
	}
}

func TestCheckThatFailsByItself(t *testing.T) {
	s := newSite(t)
	b := s.browser(t)
	lab := b.lab("one")
	if err := os.RemoveAll(filepath.Dir(s.workshop.last().group)); err != nil {
		t.Fatal(err)
	}
	lab.say(`{"type":"check","exercise":"first"}`)
	m := lab.hear("verdict")
	// A group that is gone may also be read as one that is not there yet. What it must never be is a passed exercise.
	if m["status"] == "passed" {
		t.Errorf("without anything to read: %v", m)
	}
}

func TestQuestions(t *testing.T) {
	b := newSite(t).browser(t)
	lab := b.lab("one")
	for _, step := range []struct{ say, hear, want string }{
		{`{"type":"solution","exercise":"first"}`, "locked", "Try first"},
		{`{"type":"hint","exercise":"first","stage":2}`, "error", "hint 1 first"},
		{`{"type":"hint","exercise":"first","stage":3}`, "error", "2 hints"},
		{`{"type":"hint","exercise":"first","stage":-1}`, "error", "2 hints"},
		{`{"type":"hint","exercise":"first","stage":1}`, "hint", "first <em>hint</em>"},
		{`{"type":"hint","exercise":"first","stage":2}`, "hint", "second hint"},
		{`{"type":"hint","exercise":"first","stage":1}`, "hint", `"left":1`},
		{`{"type":"solution","exercise":"first"}`, "solution", "the-secret-solution"},
		{`{"type":"answer","quiz":"which","choices":[1]}`, "quiz", `"right":false`},
		{`{"type":"answer","quiz":"which","choices":[1]}`, "quiz", "it-is-not-that"},
		{`{"type":"answer","quiz":"which","choices":[0]}`, "quiz", `"right":true`},
		{`{"type":"answer","quiz":"which","choices":[0]}`, "quiz", "the-explanation"},
		{`{"type":"answer","quiz":"which","choices":[]}`, "error", "Choose"},
		{`{"type":"answer","quiz":"which","choices":[0,0,0]}`, "error", "Choose"},
		{`{"type":"answer","quiz":"which","choices":[-1]}`, "quiz", `"right":false`},
		{`{"type":"answer","quiz":"none","choices":[0]}`, "error", "no such question"},
		{`{"type":"predict","predict":"none","value":"1"}`, "error", "no such prediction"},
		{`{"type":"predict","predict":"limit","value":"many"}`, "error", "no answer"},
		{`{"type":"predict","predict":"limit","value":"NaN"}`, "error", "no answer"},
		{`{"type":"check","exercise":"../first"}`, "error", "no such exercise"},
		{`{"type":"solution","exercise":"none"}`, "error", "no such exercise"},
		{`{"type":"open","name":"../one"}`, "error", "name"},
		{`{"type":"open","name":""}`, "error", "name"},
		{`{"type":"open","name":"a_b"}`, "error", `"terminal":"a_b"`},
		{`{"type":"watch","panels":["memory","unknown"]}`, "", ""},
	} {
		lab.say(step.say)
		if step.hear == "" {
			continue
		}
		got, err := json.Marshal(lab.hear(step.hear))
		if err != nil {
			t.Fatal(err)
		}
		plain := strings.NewReplacer(`\u003c`, "<", `\u003e`, ">").Replace(string(got))
		if !strings.Contains(plain, step.want) {
			t.Errorf("%s: %s, want %q in it", step.say, plain, step.want)
		}
	}
}

// What a learner has to find out is not in the page.
func TestPageTellsNoAnswers(t *testing.T) {
	b := newSite(t).browser(t)
	page := b.get("/lessons/one")
	for _, secret := range []string{"the-secret-solution", "second hint", "it-is-this", "it-is-not-that", "the-explanation", "the-reason", "cgroup(&#34;demo&#34;)", `"right":true`} {
		if strings.Contains(page, secret) {
			t.Errorf("the page tells %q", secret)
		}
	}
	for _, harm := range []string{"<script>alert", "javascript:alert"} {
		if strings.Contains(page, harm) {
			t.Errorf("the page holds %q", harm)
		}
	}
	for _, m := range regexp.MustCompile(`<[^>]*onerror`).FindAllString(page, -1) {
		if !strings.Contains(m, `alt="`) && !strings.Contains(m, `title="`) {
			t.Errorf("the page holds %q", m)
		}
	}
}

func TestPrediction(t *testing.T) {
	s := newSite(t)
	b := s.browser(t)
	lab := b.lab("one")
	lab.say(`{"type":"predict","predict":"limit","value":"77"}`)
	if m := lab.hear("prediction"); m["outcome"] != "waiting" || m["because"] != nil {
		t.Errorf("predicted: %v", m)
	}
	s.workshop.last().demo(t, 77)
	m := lab.hear("prediction")
	if m["outcome"] != "right" || m["got"] != "77" || m["because"] != "the-reason" {
		t.Errorf("measured: %v", m)
	}
	// Now it is known, and cannot be predicted any more.
	lab.say(`{"type":"predict","predict":"limit","value":"1"}`)
	if m := lab.hear("prediction"); m["outcome"] != "right" || m["value"] != "77" {
		t.Errorf("predicted too late: %v", m)
	}
	if m := b.socket("/ws/lab?lesson=one").hear("prediction"); m["outcome"] != "right" {
		t.Errorf("another tab: %v", m)
	}
}

func TestReadings(t *testing.T) {
	s := newSite(t)
	b := s.browser(t)
	lab := b.lab("one")
	lab.say(`{"type":"watch","panels":["cgroups"]}`)
	m := lab.hear("reading")
	if m["panel"] != "cgroups" || len(m["paths"].([]any)) == 0 {
		t.Errorf("reading: %v", m)
	}
	// Nothing has changed by a command before there was one.
	s.workshop.last().demo(t, 70)
	if m = lab.hear("reading"); m["changed"] != nil {
		t.Errorf("before the first command: %v", m)
	}
	w := b.socket("/ws/terminal/" + b.terminal(lab, "one"))
	w.typ("echo no command yet")
	w.typ("\r")
	for n := 71; m["changed"] == nil; n++ { // Enter may come after the first of these
		s.workshop.last().demo(t, n)
		m = lab.hear("reading")
	}
	// It stays marked until the learner presses Enter.
	w.typ("\r")
	for m["changed"] != nil {
		m = lab.hear("reading")
	}
	if groups := m["reading"].(map[string]any)["groups"].([]any); len(groups) != 2 {
		t.Errorf("after Enter: %v", m)
	}
}

func TestRawFilesOfAReading(t *testing.T) {
	s := newSite(t)
	lab := s.browser(t).lab("one")
	lab.say(`{"type":"raw","panel":"memory"}`)
	if m := lab.hear("raw"); m["files"] != nil {
		t.Errorf("before anybody looked: %v", m)
	}
	for name, content := range map[string]string{"memory.current": "4096\n", "memory.max": "98304\n"} {
		if err := os.WriteFile(filepath.Join(s.workshop.last().group, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	lab.say(`{"type":"watch","panels":["memory"]}`)
	paths, _ := lab.hear("reading")["paths"].([]any)
	lab.say(`{"type":"raw","panel":"memory"}`)
	group := s.workshop.last().group
	want := []any{
		map[string]any{"path": "/sys/fs/cgroup/memory.current", "host": group + "/memory.current", "text": "4096\n"},
		map[string]any{"path": "/sys/fs/cgroup/memory.max", "host": group + "/memory.max", "text": "98304\n"},
	}
	if d := cmp.Diff(want, lab.hear("raw")["files"]); d != "" {
		t.Errorf("the files of %v (-want +got):\n%s", paths, d)
	}
}

func TestTimelineReachesThePage(t *testing.T) {
	s := newSite(t)
	b := s.browser(t)
	lab := b.lab("one")
	lab.say(`{"type":"watch","panels":["timeline"]}`)
	s.workshop.last().demo(t, 70)
	limit := filepath.Join(s.workshop.last().group, "demo", "memory.max")
	stop := make(chan struct{})
	defer close(stop)
	go func() { // again and again, since the first change may come before the first look
		tick := time.NewTicker(LookEvery / 2)
		defer tick.Stop()
		for n := 71; ; n++ {
			select {
			case <-tick.C:
				_ = os.WriteFile(limit, fmt.Appendf(nil, "%d\n", n<<20), 0o600)
			case <-stop:
				return
			}
		}
	}()
	m := lab.hear("timeline")
	events := m["events"].([]any)
	if len(events) == 0 {
		t.Fatalf("nothing happened: %v", m)
	}
	if first := events[0].(map[string]any); first["kind"] != "cgroup" || first["seq"].(float64) != 1 {
		t.Errorf("happened: %v", first)
	}
	// Another tab gets the past as well.
	other := b.socket("/ws/lab?lesson=one")
	other.say(`{"type":"watch","panels":["timeline"]}`)
	if m := other.hear("timeline"); m["events"].([]any)[0].(map[string]any)["seq"].(float64) != 1 {
		t.Errorf("another tab: %v", m)
	}
}

// glassOf is what looks into the visitor's box at the first lesson.
func glassOf(b *browser) *glass {
	return b.site.server.seats.find(place{visitorOf(b), "one"}).looking()
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within a minute", what)
		}
	}
}

// The timeline begins with the box, and not with its panel; and all of it can be had.
func TestTimelineIsOlderThanItsPanel(t *testing.T) {
	s := newSite(t)
	b := s.browser(t)
	lab := b.lab("one")
	box, g := s.workshop.last(), glassOf(b)
	eventually(t, "the first look", func() bool { g.looking.Lock(); defer g.looking.Unlock(); return !g.looked.IsZero() })
	const made = maxTimeline + 50
	for n := range made {
		if err := os.MkdirAll(filepath.Join(box.group, "g"+strconv.Itoa(n)), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "all groups in the timeline", func() bool { return g.recorder.Newest() >= made })
	lab.say(`{"type":"watch","panels":["timeline"]}`)
	m := lab.hear("timeline")
	events := m["events"].([]any)
	first := events[0].(map[string]any)["seq"].(float64)
	if len(events) != maxTimeline || m["more"] != true || first < 2 {
		t.Fatalf("%d events from %v on, and more: %v", len(events), first, m["more"])
	}
	if e := events[0].(map[string]any); !strings.HasPrefix(e["group"].(string), "/g") {
		t.Errorf("an event: %v", e)
	}
	lab.say(fmt.Sprintf(`{"type":"past","before":%v}`, first))
	m = lab.hear("past")
	events = m["events"].([]any)
	if last := events[len(events)-1].(map[string]any)["seq"].(float64); last != first-1 || m["more"] != nil || events[0].(map[string]any)["seq"].(float64) != 1 {
		t.Errorf("the past before %v: %v", first, m)
	}
	lab.say(`{"type":"past","before":1}`)
	if m := lab.hear("past"); len(m["events"].([]any)) != 0 {
		t.Errorf("before the first: %v", m)
	}
}

// While no page is open nothing is read.
func TestNothingIsReadWhileNobodyLooks(t *testing.T) {
	s := newSite(t)
	b := s.browser(t)
	lab := b.lab("one")
	g := glassOf(b)
	looks := func() time.Time { g.looking.Lock(); defer g.looking.Unlock(); return g.looked }
	eventually(t, "a look", func() bool { return !looks().IsZero() })
	lab.Close()
	seat := g.seat
	eventually(t, "nobody there", func() bool { return !seat.attended() })
	time.Sleep(2 * LookEvery) // one may be about to begin
	last := looks()
	time.Sleep(3 * LookEvery)
	if now := looks(); now.After(last) {
		t.Errorf("it was looked at %v later, with no page open", now.Sub(last))
	}
	b.socket("/ws/lab?lesson=one")
	eventually(t, "a look for the new page", func() bool { return looks().After(last) })
}

func TestBoxThatCannotBeBuilt(t *testing.T) {
	s := newSite(t)
	s.workshop.fails.Store(true)
	b := s.browser(t)
	b.get("/lessons/one")
	lab := b.socket("/ws/lab?lesson=one")
	if m := lab.state("failed"); !strings.Contains(m["error"].(string), "step 7, mount /proc") {
		t.Errorf("failed: %v", m)
	}
	lab.say(`{"type":"open","name":"one"}`)
	if m := lab.hear("error"); !strings.Contains(m["say"].(string), "no box") {
		t.Errorf("a terminal without a box: %v", m)
	}
	s.workshop.fails.Store(false)
	same := http.Header{"Sec-Fetch-Site": {"same-origin"}, "Accept": {"application/json"}}
	if resp, _ := b.do("POST", "/lessons/one/restart", same); resp.StatusCode != http.StatusNoContent {
		t.Fatalf("restart: %s", resp.Status)
	}
	lab.state("ready")
}

func TestBoxThatEnds(t *testing.T) {
	s := newSite(t)
	b := s.browser(t)
	lab := b.lab("one")
	id := b.terminal(lab, "one")
	w := b.socket("/ws/terminal/" + id)
	w.hear("attached")
	s.workshop.last().end() // reboot -f
	lab.state("ended")
	w.hear("exit")
	w.closed()
	eventually(t, "what is left of the box is closed", s.workshop.last().closed.Load)
	// The page offers a restart; so does a new page.
	if m := b.socket("/ws/lab?lesson=one").hear("box"); m["state"] != "ended" {
		t.Errorf("a new page: %v", m)
	}
}

func TestProgressSurvivesTheServer(t *testing.T) {
	state, w := t.TempDir(), &workshop{argv: []string{"/bin/sh"}, kernel: t.TempDir()}
	first := newSiteIn(t, state, w)
	b := first.browser(t)
	lab := b.lab("one")
	limit := limitOf(t, b.get("/lessons/one"))
	w.last().demo(t, limit)
	evidence := lab.hear("verdict")["evidence"]
	cookie := cookieOf(b)
	if err := first.server.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if code, _ := lab.closed(); code != websocket.CloseServiceRestart {
		t.Errorf("closed with %d", code)
	}
	if !w.last().closed.Load() {
		t.Error("the box is still there")
	}

	second := newSiteIn(t, state, w)
	again := second.browser(t)
	resp, page := again.do("GET", "/lessons/one", http.Header{"Cookie": {cookie.Name + "=" + cookie.Value}})
	if resp.StatusCode != http.StatusOK || len(resp.Cookies()) != 0 {
		t.Errorf("the cookie is not known any more: %s", resp.Status)
	}
	if got := limitOf(t, page); got != limit {
		t.Errorf("the value is %d, was %d", got, limit)
	}
	if !strings.Contains(page, `"passed":["first"]`) {
		t.Error("the exercise is not passed any more")
	}
	again.http.Jar = b.http.Jar
	if m := again.socket("/ws/lab?lesson=one").hear("verdict"); m["by"] != "earlier" || !cmp.Equal(m["evidence"], evidence) {
		t.Errorf("by what it was passed: %v, want %v", m, evidence)
	}
	lab = again.lab("one") // whose new box has no group
	lab.say(`{"type":"check","exercise":"first"}`)
	m := lab.hear("verdict")
	for m["by"] != "button" {
		m = lab.hear("verdict")
	}
	if m["status"] != "passed" || !cmp.Equal(m["evidence"], evidence) {
		t.Errorf("asked again: %v, want %v", m, evidence)
	}
}

func TestFullTable(t *testing.T) {
	s := newSite(t)
	s.server.config.Boxes = 2
	var labs []*wire
	for range 2 {
		labs = append(labs, s.browser(t).lab("one"))
	}
	late := s.browser(t)
	late.get("/lessons/one")
	if m := late.socket("/ws/lab?lesson=one").state("failed"); !strings.Contains(m["error"].(string), "in use") {
		t.Errorf("a box too many: %v", m)
	}
	_ = labs
}

// Of a visitor's boxes the one makes room that nobody looks at and that was left first.
func TestRoomForAnotherBox(t *testing.T) {
	s := newSite(t)
	v := visitor("someone")
	var all []*seat
	for _, slug := range []string{"a", "b", "c"} {
		seat, err := s.server.seats.take(place{v, slug}, s.server, nil)
		if err != nil {
			t.Fatal(err)
		}
		box, err := s.workshop.Build(t.Context(), lesson.Needs{})
		if err != nil {
			t.Fatal(err)
		}
		seat.mu.Lock()
		seat.box, seat.state, seat.used = box, ready, time.Now().Add(-time.Duration(len(all))*time.Minute)
		seat.mu.Unlock()
		all = append(all, seat)
	}
	all[2].labs[newLab(nil)] = struct{}{} // the oldest, but somebody looks
	wants, err := s.server.seats.take(place{v, "d"}, s.server, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !s.server.room(wants, s.server.seats.of(v), 3, 0) {
		t.Fatal("no room")
	}
	var live []bool
	for _, seat := range all {
		l, _, _ := seat.live()
		live = append(live, l)
	}
	if want := []bool{true, false, true}; cmp.Diff(live, want) != "" {
		t.Errorf("alive: %v, want %v", live, want)
	}
	if s.server.room(wants, s.server.seats.of(v), 1, 0) {
		t.Error("a box that somebody looks at made room")
	}
	clear(all[2].labs)
}
