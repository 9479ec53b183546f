package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"glassbox/server/check"
	"glassbox/server/lesson"
)

// progress is what a visitor has done so far, in all lessons. It is a JSON file in the state directory.
type progress struct {
	Version int                    `json:"version"` // 1
	Lessons map[string]*lessonWork `json:"lessons"` // by slug
}

// lessonWork is what a visitor has done in one lesson.
type lessonWork struct {
	// Seed is what the visitor's values in this lesson are drawn from since the lesson was wiped; empty before.
	Seed string `json:"seed,omitempty"`
	// Opened is when the visitor first had a box for the lesson; the zero time if he had none.
	Opened time.Time `json:"opened,omitzero"`
	// Exercises by id.
	Exercises map[string]*exerciseWork `json:"exercises,omitempty"`
	// Quizzes tells for each that was answered whether the last answer was right.
	Quizzes map[string]bool `json:"quizzes,omitempty"`
	// Predictions by id.
	Predictions map[string]*predictionWork `json:"predictions,omitempty"`
}

// predictionWork is what a visitor predicted.
type predictionWork struct {
	Value   string `json:"value"`             // the number of a choice, from 0, or the number that was asked for
	Outcome string `json:"outcome,omitempty"` // right or wrong; empty until it was measured
	Got     string `json:"got,omitempty"`     // what was measured, like Value
}

// exerciseWork is what a visitor has done in one exercise.
type exerciseWork struct {
	// Passed is when it was passed; the zero time if it was not. What is passed stays passed.
	Passed time.Time `json:"passed,omitzero"`
	// Evidence is what it was passed by. Verdicts bound how much that is, and clipped how long.
	Evidence []check.Evidence `json:"evidence,omitempty"`
	// Checks counts how often the visitor asked and had not passed.
	Checks int `json:"checks,omitempty"`
	// Hints is how many hints were shown.
	Hints int `json:"hints,omitempty"`
	// Solution tells that the solution was shown.
	Solution bool `json:"solution,omitempty"`
}

// clipped is evidence with the beginning of what is long: it is kept in a file, and its words are a learner's.
func clipped(evidence []check.Evidence) []check.Evidence {
	const most = 200 // letters
	out := slices.Clone(evidence)
	for i := range out {
		for _, text := range []*string{&out[i].File, &out[i].Want, &out[i].Got} {
			if r := []rune(*text); len(r) > most {
				*text = string(r[:most]) + "…"
			}
		}
	}
	return out
}

// lesson is the work in a lesson, made if there is none.
func (p *progress) lesson(slug string) *lessonWork {
	w := p.Lessons[slug]
	if w == nil {
		w = &lessonWork{}
		p.Lessons[slug] = w
	}
	return w
}

// open notes that the visitor has a box for the lesson. It returns whether that is the first one.
func (w *lessonWork) open(now time.Time) bool {
	if !w.Opened.IsZero() {
		return false
	}
	w.Opened = now.UTC().Truncate(time.Second)
	return true
}

// exercise is the work in an exercise, made if there is none.
func (w *lessonWork) exercise(id string) *exerciseWork {
	if w.Exercises == nil {
		w.Exercises = make(map[string]*exerciseWork)
	}
	e := w.Exercises[id]
	if e == nil {
		e = &exerciseWork{}
		w.Exercises[id] = e
	}
	return e
}

// attempts are what the rules of package lesson look at.
func (w *lessonWork) attempts(id string) lesson.Attempts {
	a := lesson.Attempts{Opened: w.Opened}
	if e := w.Exercises[id]; e != nil {
		a.Checks, a.Hints, a.Passed = e.Checks, e.Hints, !e.Passed.IsZero()
	}
	return a
}

// passed tells whether an exercise is passed.
func (w *lessonWork) passed(id string) bool {
	e := w.Exercises[id]
	return e != nil && !e.Passed.IsZero()
}

// notebooks are the progress of all visitors, one file each. Nothing is kept in memory: a file is some kilobytes and is
// read once for a page and once for what a learner does, which is seldom.
type notebooks struct {
	dir  string
	log  *slog.Logger
	seed maphash.Seed
	// locks order the changes of one visitor's file; a visitor's lock is chosen by hash.
	locks [64]sync.Mutex
}

func openNotebooks(dir string, log *slog.Logger) (*notebooks, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("progress: %w", err)
	}
	return &notebooks{dir: dir, log: log, seed: maphash.MakeSeed()}, nil
}

func (n *notebooks) lock(v visitor) *sync.Mutex {
	return &n.locks[maphash.String(n.seed, string(v))%uint64(len(n.locks))]
}

// path is safe: a visitor's id is base64url and comes from a cookie that we signed.
func (n *notebooks) path(v visitor) string { return filepath.Join(n.dir, string(v)+".json") }

// read is the visitor's progress so far.
func (n *notebooks) read(v visitor) (*progress, error) {
	l := n.lock(v)
	l.Lock()
	defer l.Unlock()
	return n.load(v)
}

// change lets f change the visitor's progress and keeps the result. If f returns false, nothing has changed.
func (n *notebooks) change(v visitor, f func(*progress) bool) error {
	l := n.lock(v)
	l.Lock()
	defer l.Unlock()
	p, err := n.load(v)
	if err != nil {
		return err
	}
	if !f(p) {
		return nil
	}
	b, err := json.MarshalIndent(p, "", "\t")
	if err != nil {
		return fmt.Errorf("encode progress: %w", err)
	}
	return writeFile(n.path(v), append(b, '\n'))
}

// load reads the file. One that cannot be understood is put aside, not lost and not in the way.
func (n *notebooks) load(v visitor) (*progress, error) {
	fresh := &progress{Version: 1, Lessons: make(map[string]*lessonWork)}
	path := n.path(v)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fresh, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read progress: %w", err)
	}
	p := &progress{}
	err = json.Unmarshal(b, p)
	if err == nil && p.Version != 1 {
		err = fmt.Errorf("version %d is not known", p.Version)
	}
	if err != nil {
		aside := fmt.Sprintf("%s.broken-%d", path, time.Now().UnixNano())
		if e := os.Rename(path, aside); e != nil {
			return nil, fmt.Errorf("put a broken progress file aside: %w", e)
		}
		n.log.Error("a progress file cannot be read; the visitor starts afresh", "kept", aside, "error", err)
		return fresh, nil
	}
	if p.Lessons == nil {
		p.Lessons = fresh.Lessons
	}
	for slug, w := range p.Lessons { // null is JSON too
		if w == nil {
			delete(p.Lessons, slug)
			continue
		}
		for id, e := range w.Exercises {
			if e == nil {
				delete(w.Exercises, id)
			}
		}
		for id, x := range w.Predictions {
			if x == nil {
				delete(w.Predictions, id)
			}
		}
	}
	return p, nil
}
