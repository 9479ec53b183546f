package check

import (
	"sync"
	"time"

	"glassbox/sandbox/kernel"
)

// Watcher judges the exercises of a lesson again and again, as the state of a sandbox changes. What has passed stays passed.
type Watcher struct {
	mu    sync.Mutex
	items map[string]*item
	order []*item
}

type item struct {
	*Exercise
	passed bool
	since  time.Time // since when all checks hold without a break; zero when they do not
	looked time.Time // when it was judged last
	last   Verdict   // that somebody was told
}

// NewWatcher watches exercises; those in passed are done already and are not judged again.
func NewWatcher(exercises []*Exercise, passed []string) *Watcher {
	w := &Watcher{}
	w.Renew(exercises, passed)
	return w
}

// Renew watches other exercises from now on, as NewWatcher does. What has to hold for a time begins anew.
func (w *Watcher) Renew(exercises []*Exercise, passed []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.items, w.order = map[string]*item{}, nil
	for _, x := range exercises {
		i := &item{Exercise: x}
		w.items[x.ID] = i
		w.order = append(w.order, i)
	}
	for _, id := range passed {
		if i := w.items[id]; i != nil {
			i.passed, i.last = true, Verdict{Status: Passed, Check: -1}
		}
	}
}

// Want says which parts of the View the exercises that are open read.
func (w *Watcher) Want() kernel.Want {
	w.mu.Lock()
	defer w.mu.Unlock()
	var want kernel.Want
	for _, i := range w.order {
		if !i.passed {
			want |= i.Want()
		}
	}
	return want
}

// Pass is an exercise that is passed, with what it rests on.
type Pass struct {
	ID      string
	Verdict Verdict
}

// Look judges the open exercises by a state that was read at the View's time, and returns those that are passed now.
func (w *Watcher) Look(s State) []Pass {
	w.mu.Lock()
	defer w.mu.Unlock()
	var passed []Pass
	for _, i := range w.order {
		if i.passed || s.View.Want&i.Want() != i.Want() {
			continue
		}
		if s.View.Unchanged && !i.looked.IsZero() && i.When.Held == 0 {
			continue // it was judged by the same state
		}
		if v, in := i.look(s); v.Status == Passed {
			i.last = i.explained(v, in)
			passed = append(passed, Pass{i.ID, i.last})
		}
	}
	return passed
}

// broken is after which time without a look nothing can be said to have held meanwhile.
const broken = 2 * time.Second

// look judges an exercise and keeps the time for those that must hold for a while. The evidence is still to be found, in what it
// returns beside the verdict.
func (i *item) look(s State) (Verdict, env) {
	v, in := i.judge(s)
	if i.When.Ever && v.Status == NotYet {
		for _, between := range s.View.Between() {
			if was, then := i.judge(State{View: between, Store: s.Store, Facts: s.Facts}); was.Status == Passed {
				v, in = was, then
				break
			}
		}
	}
	gap := s.View.At.Sub(i.looked)
	i.looked = s.View.At
	if v.Status != Passed {
		i.since = time.Time{}
		return v, in
	}
	if i.since.IsZero() || gap > broken {
		i.since = s.View.At
	}
	if held := s.View.At.Sub(i.since); held < i.When.Held {
		return Verdict{Status: NotYet, Check: -1, Evidence: []Evidence{{
			File: "time", Want: "held for " + i.When.Held.String(), Got: held.Round(time.Second / 10).String(),
		}}}, in
	}
	i.passed = true
	return v, in
}

// Judge judges one exercise because the learner asks. One that has passed stays so. It returns false for an id that is not there.
func (w *Watcher) Judge(id string, s State) (Verdict, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	i, ok := w.items[id]
	if !ok {
		return Verdict{}, false
	}
	if i.passed {
		return i.last, true
	}
	v, in := i.look(s)
	i.last = i.explained(v, in)
	return i.last, true
}
