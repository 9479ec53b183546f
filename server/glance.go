package server

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"glassbox/sandbox/kernel"
	"glassbox/sandbox/store"
	"glassbox/server/check"
	"glassbox/server/lesson"
	"glassbox/server/panel"
)

// LookEvery is the time from one look at a box to the next, while a page of the lesson is open.
const LookEvery = 250 * time.Millisecond

// lookSoonest is how soon after a look the next one may come because a program has begun or ended in the box.
const lookSoonest = 100 * time.Millisecond

// glass is what looks into one box: its panels, its timeline, and the checks of its exercises. It reads once for all of them, and
// only while a page of the lesson is open. While none is, the recorder goes on to hear of processes that come and go.
type glass struct {
	seat     *seat
	hub      *panel.Hub     // shows
	watcher  *check.Watcher // judges
	recorder *kernel.Recorder
	store    *store.Store
	wake     chan struct{} // capacity 1: look now

	looking sync.Mutex // one look after the other, with all that comes of it
	looked  time.Time  // when the last one began
	next    time.Time  // when the next one may begin, see look

	mu       sync.Mutex
	expected map[string]*expectation // predictions that wait to be measured
}

// expectation is a prediction that waits.
type expectation struct {
	*lesson.Predict
	value         string
	after, answer *check.Expression
}

// watch begins to look into the box, until ctx ends.
func (s *seat) watch(ctx context.Context, box Box) (*glass, error) {
	w, err := s.server.notebooks.read(s.visitor)
	if err != nil {
		return nil, err
	}
	work := w.lesson(s.lesson)
	page := s.edition.Load().Page
	exercises, err := compile(page)
	if err != nil {
		return nil, err
	}
	g := &glass{
		seat:     s,
		hub:      panel.NewHub(panel.Options{Front: s.front, Log: s.server.log}),
		watcher:  check.NewWatcher(exercises, passedOf(page, work)),
		wake:     make(chan struct{}, 1),
		expected: make(map[string]*expectation),
	}
	source := box.Source()
	if g.recorder, err = kernel.NewRecorder(source, kernel.RecorderOptions{Connector: s.server.config.Connector}); err != nil {
		return nil, err
	}
	g.store = store.Open(source)
	g.expectAll(page, work)
	s.work.Go(func() { g.run(ctx) })
	return g, nil
}

// renew has it judge and measure by another edition of the lesson.
func (g *glass) renew(page *lesson.Page, work *lessonWork) error {
	exercises, err := compile(page)
	if err != nil {
		return err
	}
	g.watcher.Renew(exercises, passedOf(page, work))
	g.mu.Lock()
	clear(g.expected)
	g.mu.Unlock()
	g.expectAll(page, work)
	g.poke()
	return nil
}

// expectAll has those predictions measured that the visitor has made and that wait.
func (g *glass) expectAll(page *lesson.Page, work *lessonWork) {
	for _, q := range page.Predictions() {
		if x := work.Predictions[q.ID]; x != nil && x.Outcome == "" {
			g.expect(q, x.Value)
		}
	}
}

// compile compiles the checks of a page's exercises.
func compile(page *lesson.Page) ([]*check.Exercise, error) {
	var out []*check.Exercise
	for _, e := range page.Exercises() {
		x, err := e.Compiled()
		if err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	return out, nil
}

// show has a page see into the box.
func (g *glass) show(l *lab) {
	l.look(g)
	g.poke()
}

// poke has it look at once.
func (g *glass) poke() {
	select {
	case g.wake <- struct{}{}:
	default: // it is about to look anyway
	}
}

// command takes note that the learner is about to give a command: what comes of it shall be seen at once, and be marked.
func (g *glass) command() {
	g.hub.Mark()
	g.poke()
}

// run looks again and again while somebody is there.
func (g *glass) run(ctx context.Context) {
	defer g.recorder.Close()
	tick := time.NewTicker(LookEvery)
	defer tick.Stop()
	for {
		if g.seat.attended() {
			_, err := g.look(ctx)
			if errors.Is(err, kernel.ErrEnded) {
				return
			}
			if err != nil && ctx.Err() == nil {
				g.seat.server.log.Warn("look into a box", "lesson", g.seat.lesson, "error", err)
			}
		} else {
			g.recorder.Rest()
		}
		looked := time.Now()
		select {
		case <-tick.C:
		case <-g.wake:
		case <-g.recorder.Stirred():
			select {
			case <-time.After(lookSoonest - time.Since(looked)):
			case <-g.wake:
			case <-ctx.Done():
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// rest is how long to rest after a look that took so long: three times that, so that a box has a quarter of a processor at most. No longer
// than a second, though: on a machine that is merely busy verdicts must not stay away, nor what has to hold for a time begin anew.
func rest(took time.Duration) time.Duration { return min(3*took, time.Second) }

// look reads the box once, for the exercises that are open, the predictions that wait, the panels on screen, and the timeline.
//
// What a look costs depends on what the learner has in the box, and how often there is one on how fast somebody types and asks. The
// server pays for it; so after each it rests, see rest.
func (g *glass) look(ctx context.Context) (check.State, error) {
	g.looking.Lock()
	defer g.looking.Unlock()
	select {
	case <-time.After(time.Until(g.next)):
	case <-ctx.Done():
		return check.State{}, ctx.Err()
	}
	began := time.Now()
	defer func() { g.next = time.Now().Add(rest(time.Since(began))) }()
	want := g.watcher.Want() | g.hub.Want()
	waiting := g.waiting()
	for _, x := range waiting {
		want |= x.after.Want() | x.answer.Want()
	}
	view, err := g.recorder.Look(ctx, want)
	if err != nil {
		return check.State{}, err
	}
	g.looked = view.At
	state := check.State{View: view, Store: g.store, Facts: g.seat.server.config.Host}
	passed := g.watcher.Look(state)
	for _, x := range waiting {
		g.measure(x, state)
	}
	g.hub.Show(view)
	g.seat.happened()
	for _, p := range passed {
		if err := g.seat.pass(p.ID, p.Verdict); err != nil {
			return state, err
		}
	}
	return state, nil
}

// expect has a prediction measured.
func (g *glass) expect(q *lesson.Predict, value string) {
	x := &expectation{Predict: q, value: value}
	var err error
	if x.after, err = check.Compile(q.After.Text); err == nil {
		x.answer, err = check.CompileValue(q.Answer.Text)
	}
	if err != nil {
		g.seat.server.log.Error("a prediction cannot be measured", "lesson", g.seat.lesson, "predict", q.ID, "error", err)
		return
	}
	g.mu.Lock()
	g.expected[q.ID] = x
	g.mu.Unlock()
	g.poke()
}

// waiting are the predictions that wait.
func (g *glass) waiting() []*expectation {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []*expectation
	for _, x := range g.expected {
		out = append(out, x)
	}
	return out
}

// measure settles a prediction if its time has come.
func (g *glass) measure(x *expectation, s check.State) {
	outcome, got, err := x.measure(s)
	if err == nil && outcome == "" {
		return
	}
	if err == nil {
		err = g.seat.settle(x.Predict, outcome, got)
	}
	if err != nil {
		g.seat.server.log.Error("measure what was predicted", "lesson", g.seat.lesson, "predict", x.ID, "error", err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.expected[x.ID] == x {
		delete(g.expected, x.ID)
	}
}

// measure tells what became of the prediction; outcome is empty when it is too early.
func (x *expectation) measure(s check.State) (outcome, got string, err error) {
	after, err := x.after.Value(s)
	if err != nil || after != true {
		return "", "", err
	}
	answer, err := x.answer.Value(s)
	if err != nil {
		return "", "", err
	}
	right, got, err := x.Mark(x.value, answer)
	if err != nil {
		return "", "", err
	}
	if right {
		return "right", got, nil
	}
	return "wrong", got, nil
}

// judge judges one exercise for a learner who asks.
func (g *glass) judge(ctx context.Context, id string) (check.Verdict, error) {
	state, err := g.look(ctx)
	if err != nil {
		return check.Verdict{}, err
	}
	v, known := g.watcher.Judge(id, state)
	if !known {
		return v, fmt.Errorf("exercise %s is not watched", id)
	}
	return v, nil
}
