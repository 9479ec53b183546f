package server

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"
)

// Starting is the lab as a web site before there is a lab: while what all boxes are made of is made, which the first time takes a
// minute. Every page says so, shows how far that is, and turns into what was asked for when the lab is there.
type Starting struct {
	site    *Server // its pages only
	listens *net.TCPListener
	server  *http.Server
	served  chan error
	stop    func() error

	mu    sync.Mutex
	tasks []Task
}

// Begin serves from l until Stop. Of c it needs what pages are made of: Assets, Hosts and Log.
func Begin(c Config, l *net.TCPListener) (*Starting, error) {
	s := &Starting{site: &Server{config: c, log: c.Log}, listens: l, served: make(chan error, 1)}
	var err error
	if s.site.assets, err = loadAssets(c.Assets); err != nil {
		return nil, err
	}
	if s.site.templates, err = parseTemplates(s.site.assets); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /assets/", func(w http.ResponseWriter, r *http.Request) {
		if s.site.assets.serve(w, r) != nil {
			s.serve(w, r)
		}
	})
	mux.HandleFunc("/", s.serve)
	s.server = newHTTPServer(secured(s.site.knownHost(mux)), c.Log)
	s.stop = sync.OnceValue(s.end)
	go func() { s.served <- s.server.Serve(lent{l}) }()
	return s, nil
}

// Tell says what is being done: a task, after those that it is a part of.
func (s *Starting) Tell(tasks []Task) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tasks = tasks
}

// Stop ends it, and leaves the listener to the lab: whoever asks now waits for that. It may be called again.
func (s *Starting) Stop() error { return s.stop() }

func (s *Starting) end() error {
	const patience = 500 * time.Millisecond // for answers that are on their way
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if s.server.Shutdown(ctx) != nil {
		_ = s.server.Close() // it closes what is left, and the listener is not its own
	}
	if err := <-s.served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return s.listens.SetDeadline(time.Time{})
}

// lent is a listener that is wanted back: to close it is to end the wait for a connection.
type lent struct{ *net.TCPListener }

func (l lent) Close() error { return l.SetDeadline(time.Now()) }

// StartingPage is every page while the lab starts.
type StartingPage struct {
	Frame
	Start StartingMessage // what its program shows first, and then asks for: the same address, as JSON
}

// StartingMessage tells how far the start is.
type StartingMessage struct {
	Say   string        `json:"say"`
	Tasks []taskMessage `json:"tasks"`
}

func (s *Starting) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	m := StartingMessage{Say: "The lab is being made ready.", Tasks: messagesOf(s.tasks)}
	s.mu.Unlock()
	h := w.Header()
	h.Set("Retry-After", "1")
	if wantsJSON(r) || r.Method != http.MethodGet {
		h.Set("Content-Type", "application/json")
		h.Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusServiceUnavailable)
		_ = json.NewEncoder(w).Encode(m) // who asked is gone, if that fails
		return
	}
	page := StartingPage{Frame: Frame{Title: m.Say}, Start: m}
	if err := s.site.render(w, http.StatusServiceUnavailable, "starting.html", page); err != nil {
		s.site.log.Error("draw the page of the start", "error", err)
		http.Error(w, m.Say, http.StatusServiceUnavailable)
	}
}
