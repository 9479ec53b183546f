package server

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
)

// fault is an error on its way to a visitor. What he reads and what the operator reads are two things: say and do go to the
// page, err goes to the log.
type fault struct {
	status int
	say    string // what happened, a sentence
	do     string // what to do about it, a sentence; may be empty
	err    error  // for the operator; may be nil
}

func (f *fault) Error() string {
	if f.err == nil {
		return f.say
	}
	return f.say + " (" + f.err.Error() + ")"
}

func (f *fault) Unwrap() error { return f.err }

// words are the fault's sentences in one.
func (f *fault) words() string {
	return strings.TrimSpace(f.say + " " + f.do)
}

func notFound(what string) *fault {
	return &fault{status: http.StatusNotFound, say: what, do: "Go back to the list of lessons."}
}

// asFault makes a fault of any error. The visitor is told nothing of an error that was not written for him.
func asFault(err error) *fault {
	if f, ok := errors.AsType[*fault](err); ok {
		return f
	}
	if errors.Is(err, context.Canceled) {
		return &fault{status: 499, say: "The request was cancelled.", err: err}
	}
	return &fault{
		status: http.StatusInternalServerError,
		say:    "Something went wrong on our side.",
		do:     "Try again; if it stays like this, the operator finds the reason in the log.",
		err:    err,
	}
}

// handler is an http.Handler that may fail. It must not have written anything when it does.
type handler func(w http.ResponseWriter, r *http.Request) error

// page serves h and turns its error into a page, or into JSON for a program. It is the only place where errors of requests
// end.
func (s *Server) page(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			s.fail(w, r, asFault(err))
		}
	})
}

func (s *Server) fail(w http.ResponseWriter, r *http.Request, f *fault) {
	level := slog.LevelDebug
	if f.status >= 500 {
		level = slog.LevelError
	}
	s.log.Log(r.Context(), level, f.say, "status", f.status, "method", r.Method, "path", r.URL.Path, "error", f.err)

	w.Header().Set("Cache-Control", "no-store")
	if wantsJSON(r) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(f.status)
		_ = json.NewEncoder(w).Encode(struct {
			Say string `json:"say"`
			Do  string `json:"do,omitempty"`
		}{f.say, f.do})
		return
	}
	frame := s.frame(r, nil)
	frame.Title = f.say
	if err := s.render(w, f.status, "error.html", ErrorPage{Frame: frame, Status: f.status, Say: f.say, Do: f.do}); err != nil {
		s.log.Error("draw the error page", "error", err)
		http.Error(w, f.words(), f.status)
	}
}

// wantsJSON tells whether a program asks, and not a person: our own page's fetch, or a websocket.
func wantsJSON(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "application/json") || strings.HasPrefix(r.URL.Path, "/ws/")
}
