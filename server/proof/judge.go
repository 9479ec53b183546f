package proof

import (
	"context"
	"sync"
	"time"

	"glassbox/sandbox/kernel"
	"glassbox/sandbox/store"
	"glassbox/server"
	"glassbox/server/check"
	"glassbox/server/lesson"
)

// judge looks at a box again and again, as the server does, and keeps the verdict on one exercise.
type judge struct {
	exercise *check.Exercise
	recorder *kernel.Recorder
	store    *store.Store
	facts    kernel.HostFacts
	cancel   context.CancelFunc
	stopped  chan struct{}

	mu      sync.Mutex
	watcher *check.Watcher
	last    check.Verdict
	looks   int
}

func newJudge(ctx context.Context, box server.Box, x *lesson.Exercise, facts kernel.HostFacts, connector *kernel.Connector) (*judge, error) {
	compiled, err := x.Compiled()
	if err != nil {
		return nil, err
	}
	source := box.Source()
	recorder, err := kernel.NewRecorder(source, kernel.RecorderOptions{Connector: connector})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	j := &judge{exercise: compiled, recorder: recorder, store: store.Open(source), facts: facts, cancel: cancel, stopped: make(chan struct{})}
	j.begin()
	go j.look(ctx)
	return j, nil
}

// begin forgets what was seen so far: what the set-up did is not the learner's.
func (j *judge) begin() {
	j.recorder.Forget()
	j.mu.Lock()
	defer j.mu.Unlock()
	j.watcher, j.looks = check.NewWatcher([]*check.Exercise{j.exercise}, nil), 0
}

func (j *judge) look(ctx context.Context) {
	defer close(j.stopped)
	defer j.recorder.Close()
	for {
		j.mu.Lock()
		watcher := j.watcher
		j.mu.Unlock()
		view, err := j.recorder.Look(ctx, j.exercise.Want())
		j.mu.Lock()
		switch {
		case j.watcher != watcher: // what was seen is forgotten
		case err != nil:
			j.last = check.Verdict{Status: check.Failed, Check: -1, Err: err}
			j.looks++
		default:
			state := check.State{View: view, Store: j.store, Facts: j.facts}
			j.watcher.Look(state)
			j.last, _ = j.watcher.Judge(j.exercise.ID, state)
			j.looks++
		}
		j.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-time.After(period):
		}
	}
}

// stubborn is for how long looks must fail by themselves, without one that does not, before that is the verdict: one may fail where a
// machine stands still, and the next says what is.
const stubborn = 10 * time.Second

// now is the verdict of a look that began after the call.
func (j *judge) now(ctx context.Context) (check.Verdict, error) {
	j.mu.Lock()
	from := j.looks
	j.mu.Unlock()
	began := time.Now()
	for {
		j.mu.Lock()
		v, looks := j.last, j.looks
		j.mu.Unlock()
		if looks >= from+2 && (v.Status != check.Failed || time.Since(began) > stubborn) { // the first may have begun before
			return v, nil
		}
		select {
		case <-ctx.Done():
			return v, ctx.Err()
		case <-time.After(period / 4):
		}
	}
}

// await is the verdict as soon as it is another one than not yet, and else the one at the end of the time.
func (j *judge) await(ctx context.Context, within time.Duration) (check.Verdict, error) {
	deadline := time.Now().Add(within)
	for {
		v, err := j.now(ctx)
		if err != nil || v.Status != check.NotYet || time.Now().After(deadline) {
			return v, err
		}
	}
}

func (j *judge) stop() {
	j.cancel()
	<-j.stopped
}
