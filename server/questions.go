package server

import (
	"strings"
	"time"

	"glassbox/server/lesson"
)

// maxPredicted bounds a predicted value, in bytes.
const maxPredicted = 64

// exercise is the exercise of that id.
func (s *seat) exercise(id string) (*lesson.Exercise, error) {
	if e := s.edition.Load().Exercise(id); e != nil {
		return e, nil
	}
	return nil, &fault{status: 404, say: "There is no such exercise in this lesson."}
}

// change lets f see and change what the visitor has done in the lesson; f returns whether it changed something.
func (s *seat) change(f func(*lessonWork) bool) error {
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed { // wiped: what comes late must not bring the progress back
		return nil
	}
	return s.server.notebooks.change(s.visitor, func(p *progress) bool { return f(p.lesson(s.lesson)) })
}

// hint answers with a hint, or with the one to read first.
func (s *seat) hint(id string, stage int) (any, error) {
	e, err := s.exercise(id)
	if err != nil {
		return nil, err
	}
	refused := ""
	err = s.change(func(w *lessonWork) bool {
		ok, say := w.attempts(id).Hint(e, stage)
		if !ok {
			refused = say
			return false
		}
		x := w.exercise(id)
		if stage <= x.Hints {
			return false
		}
		x.Hints = stage
		return true
	})
	if err != nil {
		return nil, err
	}
	if refused != "" {
		return errorMessage{Type: "error", Say: refused}, nil
	}
	return hintMessage{"hint", id, stage, e.HintHTML(stage), len(e.Hints) - stage}, nil
}

// solution answers with the solution, or with what to try first.
func (s *seat) solution(id string) (any, error) {
	e, err := s.exercise(id)
	if err != nil {
		return nil, err
	}
	locked := ""
	err = s.change(func(w *lessonWork) bool {
		ok, say := w.attempts(id).Solution(e, time.Now())
		if !ok {
			locked = say
			return false
		}
		x := w.exercise(id)
		shown := x.Solution
		x.Solution = true
		return !shown
	})
	if err != nil {
		return nil, err
	}
	if locked != "" {
		return lockedMessage{"locked", id, locked}, nil
	}
	return solutionMessage{"solution", id, e.SolutionHTML()}, nil
}

// mark marks the answer to a quiz.
func (s *seat) mark(id string, choices []int) (any, error) {
	q := s.edition.Load().Quiz(id)
	if q == nil {
		return nil, &fault{status: 404, say: "There is no such question in this lesson."}
	}
	if len(choices) == 0 || len(choices) > len(q.Choices) {
		return nil, &fault{status: 400, say: "Choose an answer."}
	}
	right, because := q.Mark(choices)
	err := s.change(func(w *lessonWork) bool {
		if was, ok := w.Quizzes[id]; ok && (was || was == right) {
			return false // once right stays right
		}
		if w.Quizzes == nil {
			w.Quizzes = make(map[string]bool)
		}
		w.Quizzes[id] = right
		return true
	})
	if err != nil {
		return nil, err
	}
	return quizMessage{"quiz", id, right, because}, nil
}

// predictionMessage tells what became of a prediction.
type predictionMessage struct {
	Type    string `json:"type"`
	Predict string `json:"predict"`
	Value   string `json:"value"`
	Outcome string `json:"outcome"` // waiting, right or wrong
	Got     string `json:"got,omitempty"`
	Because string `json:"because,omitempty"` // markdown, once it is measured
}

func predictionOf(q *lesson.Predict, w *predictionWork) predictionMessage {
	m := predictionMessage{"prediction", q.ID, w.Value, w.Outcome, w.Got, ""}
	if m.Outcome == "" {
		m.Outcome = "waiting"
	} else {
		m.Because = q.Because
	}
	return m
}

// predict keeps a prediction, until the glass has measured what really happens. Then it cannot be changed any more.
func (s *seat) predict(id, value string) (any, error) {
	q := s.edition.Load().Prediction(id)
	if q == nil {
		return nil, &fault{status: 404, say: "There is no such prediction in this lesson."}
	}
	value = strings.TrimSpace(value)
	if len(value) > maxPredicted || !q.Valid(value) {
		return nil, &fault{status: 400, say: "That is no answer to this question."}
	}
	var m predictionMessage
	err := s.change(func(w *lessonWork) bool {
		if x := w.Predictions[id]; x != nil && x.Outcome != "" {
			m = predictionOf(q, x)
			return false
		}
		if w.Predictions == nil {
			w.Predictions = make(map[string]*predictionWork)
		}
		w.Predictions[id] = &predictionWork{Value: value}
		m = predictionOf(q, w.Predictions[id])
		return true
	})
	if err != nil {
		return nil, err
	}
	if g := s.looking(); g != nil && m.Outcome == "waiting" {
		g.expect(q, value)
	}
	return m, nil
}

// settle keeps what was measured for a prediction, and tells the pages.
func (s *seat) settle(q *lesson.Predict, outcome, got string) error {
	var m predictionMessage
	err := s.change(func(w *lessonWork) bool {
		x := w.Predictions[q.ID]
		if x == nil || x.Outcome != "" {
			return false
		}
		x.Outcome, x.Got = outcome, got
		m = predictionOf(q, x)
		return true
	})
	if err == nil && m.Type != "" {
		s.tellAll(predictSlot+q.ID, m)
	}
	return err
}

func progressOf(page *lesson.Page, w *lessonWork) progressMessage {
	if w == nil {
		w = &lessonWork{}
	}
	return progressMessage{"progress", passedOf(page, w), len(page.Exercises())}
}

// tellAll tells every page that is open at the seat.
func (s *seat) tellAll(slot string, message any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for l := range s.labs {
		l.tell(slot, message)
	}
}
