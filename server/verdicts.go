package server

import (
	"context"
	"fmt"
	"time"

	"glassbox/server/check"
	"glassbox/server/lesson"
	"glassbox/server/panel"
)

// checkTime is how long a learner waits for a verdict.
const checkTime = 5 * time.Second

// verdictMessage is the judgement on an exercise.
type verdictMessage struct {
	Type     string           `json:"type"`
	Exercise string           `json:"exercise"`
	Status   check.Status     `json:"status"`
	Say      string           `json:"say,omitempty"` // markdown, one paragraph
	Evidence []check.Evidence `json:"evidence,omitempty"`
	By       string           `json:"by"` // watch, button, or earlier
}

// check judges an exercise because the learner asks.
func (s *seat) check(id string) (any, error) {
	e, err := s.exercise(id)
	if err != nil {
		return nil, err
	}
	g := s.looking()
	if g == nil {
		return nil, &fault{status: 409, say: "There is no box at the moment.", err: errNoBox}
	}
	ctx, cancel := context.WithTimeout(context.Background(), checkTime)
	defer cancel()
	v, err := g.judge(ctx, id)
	if err != nil {
		v = check.Verdict{Status: check.Failed, Err: err}
	}
	m := verdictOf(e, v, "button")
	switch v.Status {
	case check.Passed:
		if m.Evidence, err = s.passed(id, v); err != nil {
			return nil, err
		}
	case check.NotYet:
		err := s.change(func(w *lessonWork) bool {
			w.exercise(id).Checks++
			return true
		})
		if err != nil {
			return nil, err
		}
	case check.Failed:
		s.server.log.Error("a check failed by itself", "lesson", s.lesson, "exercise", id, "error", v.Err)
	}
	return m, nil
}

// verdictOf puts a verdict into words. "We failed" must not look like a wrong answer, and the reason is the operator's.
func verdictOf(e *lesson.Exercise, v check.Verdict, by string) verdictMessage {
	m := verdictMessage{Type: "verdict", Exercise: e.ID, Status: v.Status, Evidence: v.Evidence, By: by}
	switch v.Status {
	case check.Passed:
	case check.Failed:
		m.Say = "We could not look at your box. That says nothing about your answer; try again."
	case check.NotYet:
		if v.Check >= 0 && v.Check < len(e.Checks) {
			m.Say = e.Checks[v.Check].Say
		} else if e.When.Kind == lesson.Held {
			m.Say = fmt.Sprintf("So far so good. It has to stay like this for %s.", e.When.For)
		}
	}
	return m
}

// pass notes that an exercise is passed, seen by watching, and tells the pages.
func (s *seat) pass(id string, v check.Verdict) error {
	e, err := s.exercise(id)
	if err != nil {
		return err
	}
	if v.Evidence, err = s.passed(id, v); err != nil {
		return err
	}
	s.tellAll(verdictSlot+id, verdictOf(e, v, "watch"))
	return nil
}

// passed notes that an exercise is passed, and returns the evidence that it was passed by. If it was not before, the pages get the
// new progress.
func (s *seat) passed(id string, v check.Verdict) ([]check.Evidence, error) {
	var m progressMessage
	evidence := v.Evidence
	err := s.change(func(w *lessonWork) bool {
		x := w.exercise(id)
		if !x.Passed.IsZero() {
			evidence = x.Evidence
			return false
		}
		x.Passed = time.Now().UTC().Truncate(time.Second)
		x.Evidence = clipped(v.Evidence)
		m = progressOf(s.edition.Load().Page, w)
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("keep that %s is passed: %w", id, err)
	}
	if m.Type != "" {
		s.tellAll(progressSlot, m)
	}
	return evidence, nil
}

// looking is what looks into the box; nil while there is none.
func (s *seat) looking() *glass {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.glass
}

// attended tells whether a page is open.
func (s *seat) attended() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.labs) > 0
}

// happened tells the pages that show the timeline.
func (s *seat) happened() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for l := range s.labs {
		l.happened()
	}
}

// front is the process group in front of the terminal in which the learner typed last, as the host numbers it; 0 if
// that is not known.
func (s *seat) front() int {
	group, typed := 0, time.Time{}
	for _, t := range s.shells() {
		f, ok := t.session.Shell().(interface{ Foreground() int })
		if at := t.session.Typed(); ok && (group == 0 || at.After(typed)) && !over(t.session) {
			group, typed = f.Foreground(), at
		}
	}
	return group
}

// watchPanels is the question "watch".
func (s *seat) watchPanels(l *lab, panels *[]string) error {
	if panels == nil {
		return refuse("watch needs panels")
	}
	l.watch(*panels)
	if g := s.looking(); g != nil {
		g.poke()
	}
	return nil
}

// command is called when the learner presses Enter, before the terminal has it: what comes of it should be seen at once.
func (s *seat) command() {
	if g := s.looking(); g != nil {
		g.command()
	}
}

// raw answers with the files that the latest reading of a panel came from.
func (s *seat) raw(name string) rawMessage {
	m := rawMessage{Type: "raw", Panel: name}
	if g := s.looking(); g != nil {
		m.Files = g.hub.Raw(name)
	}
	return m
}

// panelChoices are all panels that there are.
func panelChoices() []PanelChoice {
	var out []PanelChoice
	for _, p := range panel.All() {
		out = append(out, PanelChoice{Name: p.Name(), Title: p.Title()})
	}
	return append(out, PanelChoice{Name: panel.Timeline, Title: "What happened"})
}
