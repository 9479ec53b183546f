package server

import (
	"errors"
	"html/template"
	"net/http"

	"github.com/gorilla/websocket"

	"glassbox/server/check"
	"glassbox/server/panel"
)

// serveLab is GET /ws/lab?lesson=NAME; see docs/protocol.md.
func (s *Server) serveLab(w http.ResponseWriter, r *http.Request) error {
	if !ours(r) {
		return errForeign
	}
	who, ok := s.signer.visitor(r)
	if !ok {
		return errNobody
	}
	slug := r.URL.Query().Get("lesson")
	version := s.taught.Load().version(slug)
	page, p, err := s.pageOf(who, slug)
	if err != nil {
		return err
	}
	seat, err := s.seats.take(place{who, slug}, s, &edition{page, version})
	if err != nil {
		return err
	}
	if err := seat.renew(); err != nil { // another edition may have come meanwhile
		return err
	}
	sock, err := s.upgrade(w, r)
	if err != nil {
		return err
	}
	sock.quota = questionsOfOne
	if !s.sockets.add(sock) {
		return nil
	}
	defer s.sockets.remove(sock)

	l := newLab(sock)
	written := make(chan struct{})
	go func() {
		defer close(written)
		sock.close(l.show())
	}()
	if err = seat.join(l); err == nil {
		seat.greet(l, p.Lessons[slug])
		err = seat.answerAll(l)
		seat.leave(l)
	}
	sock.close(err) // before gone is: the reason to close is the reader's
	close(l.gone)
	<-written
	return nil
}

// greet tells a page what the visitor has done.
func (s *seat) greet(l *lab, w *lessonWork) {
	l.tell(progressSlot, progressOf(s.edition.Load().Page, w))
	for _, e := range s.edition.Load().Exercises() {
		if w.passed(e.ID) {
			v := check.Verdict{Status: check.Passed, Evidence: w.Exercises[e.ID].Evidence}
			l.tell(verdictSlot+e.ID, verdictOf(e, v, "earlier"))
		}
	}
	for _, q := range s.edition.Load().Predictions() {
		if x := w.Predictions[q.ID]; x != nil {
			l.tell(predictSlot+q.ID, predictionOf(q, x))
		}
	}
}

// question is any message of a page. Which of the fields it has depends on its type.
type question struct {
	Type     string    `json:"type"`
	Panels   *[]string `json:"panels"`
	Panel    string    `json:"panel"`
	Name     string    `json:"name"`
	Exercise string    `json:"exercise"`
	Quiz     string    `json:"quiz"`
	Choices  []int     `json:"choices"`
	Predict  string    `json:"predict"`
	Value    string    `json:"value"`
	Stage    int       `json:"stage"`
	Before   uint64    `json:"before"`
}

// answerAll reads the page's questions and answers them, until the connection ends. Questions that cannot be answered get
// an error in words; those that break the protocol end the connection.
func (s *seat) answerAll(l *lab) error {
	for {
		kind, message, err := l.sock.read()
		if err != nil {
			return err
		}
		if kind != websocket.TextMessage {
			return &errWords{websocket.CloseUnsupportedData, "this socket takes text only"}
		}
		var q question
		if err := decode(message, &q); err != nil {
			return err
		}
		answer, err := s.answer(l, q)
		if words, ok := errors.AsType[*errWords](err); ok {
			return words
		}
		if err != nil {
			f := asFault(err)
			if f.status >= 500 {
				s.server.log.Error(f.say, "lesson", s.lesson, "error", f.err)
			}
			answer = errorMessage{Type: "error", Say: f.words(), Terminal: q.Name}
		}
		if answer == nil {
			continue
		}
		if err := l.answer(answer); err != nil {
			return err
		}
	}
}

type errorMessage struct {
	Type     string `json:"type"`
	Say      string `json:"say"`
	Terminal string `json:"terminal,omitempty"` // the one that could not be opened
}

// rawMessage brings the files that a panel's reading came from.
type rawMessage struct {
	Type  string      `json:"type"`
	Panel string      `json:"panel"`
	Files []panel.Raw `json:"files"`
}

type terminalMessage struct {
	Type string `json:"type"`
	Name string `json:"name"`
	ID   string `json:"id"`
}

type progressMessage struct {
	Type   string   `json:"type"`
	Passed []string `json:"passed"`
	Total  int      `json:"total"`
}

type hintMessage struct {
	Type     string        `json:"type"`
	Exercise string        `json:"exercise"`
	Stage    int           `json:"stage"`
	HTML     template.HTML `json:"html"`
	Left     int           `json:"left"`
}

type solutionMessage struct {
	Type     string        `json:"type"`
	Exercise string        `json:"exercise"`
	HTML     template.HTML `json:"html"`
}

type lockedMessage struct {
	Type     string `json:"type"`
	Exercise string `json:"exercise"`
	Say      string `json:"say"`
}

type quizMessage struct {
	Type    string   `json:"type"`
	Quiz    string   `json:"quiz"`
	Right   bool     `json:"right"`
	Because []string `json:"because"` // HTML
}

// answer answers one question; nil when there is nothing to say.
func (s *seat) answer(l *lab, q question) (any, error) {
	switch q.Type {
	case "watch":
		return nil, s.watchPanels(l, q.Panels)
	case "raw":
		return s.raw(q.Panel), nil
	case "open":
		t, err := s.open(q.Name)
		if err != nil {
			return nil, err
		}
		return terminalMessage{"terminal", t.name, t.id}, nil
	case "check":
		return s.check(q.Exercise)
	case "hint":
		return s.hint(q.Exercise, q.Stage)
	case "solution":
		return s.solution(q.Exercise)
	case "answer":
		return s.mark(q.Quiz, q.Choices)
	case "predict":
		return s.predict(q.Predict, q.Value)
	case "past":
		return l.past(q.Before), nil
	}
	return nil, refuse("the lab does not know %q", short(q.Type))
}
