// Package server is the lab as a web site: pages, the terminals' and the lab's websockets, and what a visitor has done.
//
// # Who has what
//
// A visitor is whoever carries a cookie that we signed; there is nothing to log in to. A visitor at a lesson has a seat.
// The seat has a box, built when the first page of that lesson opens its socket; terminals in the box, by name; and the
// pages that are open there at the moment. Closing the page changes nothing: the box and its shells stay. A box ends when
// the learner restarts or wipes it, when he ends it from within, when the server is closed, or when its room is needed
// for another one and nobody has it open.
//
//	visitor ─┬─ seat (lesson) ─┬─ box
//	         │                 ├─ terminals, by name ── viewers (/ws/terminal/{id})
//	         │                 └─ pages (/ws/lab): readings, verdicts, answers
//	         └─ progress: one file
//
// # Trust
//
// The learner is root in the box and may be anything in the browser. A request for a websocket has to come from a page
// of ours (origin.go), everything on a websocket is bounded in size, time and rate (socket.go), a POST has to be
// same-origin (http.CrossOriginProtection), and the start of a box has a quota (quota.go). Answers, hints and solutions
// leave the server when they are asked for, and not before.
//
// # Errors
//
// A handler returns its error; page (fault.go) is where it ends: words for the visitor in the response, the cause for the
// operator in the log.
package server

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"glassbox/sandbox/kernel"
	"glassbox/server/lesson"
)

// Config is what a Server needs.
type Config struct {
	Builder Builder          // makes the boxes
	Courses []*lesson.Course // the lessons; see Teach
	Assets  fs.FS            // the built front end, with its manifest.json; see package assets
	State   string           // directory for the cookies' key and the visitors' progress; made if missing
	Host    kernel.HostFacts // of the machine on which the boxes run
	// Connector tells of processes that come and go between two looks; nil where the kernel does not tell.
	Connector *kernel.Connector
	Root      string // what a box's root is made from, in words: "Alpine 3.20.3"
	Notice    string // what every visitor must know, a sentence; may be empty
	// Hosts are the names and addresses under which the lab is reached; requests for any other are refused, so that no
	// foreign name can be pointed at us. If it is empty, requests that come by way of loopback have to be for
	// localhost or an address, and others may be for anything.
	Hosts []string
	// Boxes is how many may live at a time. Default 100.
	Boxes int
	Log   *slog.Logger // default: slog.Default
}

// Server is the lab's http.Handler.
type Server struct {
	config    Config
	log       *slog.Logger
	handler   http.Handler
	templates *template.Template
	assets    *assets
	signer    *signer
	notebooks *notebooks
	upgrader  *websocket.Upgrader
	starts    starts
	seats     seats
	sockets   sockets
	taught    atomic.Pointer[taught]
	slips     atomic.Pointer[Slips]
	layers    provisions
}

// New makes a server. It fails if the state directory cannot be used or the front end is not built.
func New(c Config) (*Server, error) {
	if c.Boxes <= 0 {
		c.Boxes = 100
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	s := &Server{
		config:   c,
		log:      c.Log,
		upgrader: newUpgrader(),
		starts:   starts{ofOne: startsOfOne, ofAll: startsOfAll},
		seats:    seats{all: make(map[place]*seat), terminals: make(map[string]registered)},
		sockets:  sockets{open: make(map[*socket]struct{})},
	}
	var err error
	if s.notebooks, err = openNotebooks(filepath.Join(c.State, "visitors"), c.Log); err != nil {
		return nil, err
	}
	if s.signer, err = loadSigner(c.State); err != nil {
		return nil, err
	}
	if s.assets, err = loadAssets(c.Assets); err != nil {
		return nil, err
	}
	if s.templates, err = parseTemplates(s.assets); err != nil {
		return nil, err
	}
	if err := s.Teach(c.Courses...); err != nil {
		return nil, err
	}
	s.handler = secured(s.knownHost(s.routes()))
	return s, nil
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", s.page(s.course))
	mux.Handle("GET /lessons/{lesson}", s.page(s.lesson))
	mux.Handle("GET /lessons/{lesson}/{picture...}", s.page(s.picture))
	mux.Handle("POST /lessons/{lesson}/restart", s.page(s.restart))
	mux.Handle("POST /lessons/{lesson}/wipe", s.page(s.wipe))
	mux.Handle("GET /assets/", s.page(s.assets.serve))
	mux.Handle("GET /ws/terminal/{id}", s.page(s.serveTerminal))
	mux.Handle("GET /ws/lab", s.page(s.serveLab))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.Handle("/", s.page(func(_ http.ResponseWriter, r *http.Request) error {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			return &fault{status: http.StatusMethodNotAllowed, say: "Nothing here takes a " + r.Method + "."}
		}
		return notFound("There is no such page.")
	}))
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(s.page(func(http.ResponseWriter, *http.Request) error {
		return &fault{status: http.StatusForbidden, say: "Another site asked for this, not you.", do: "Use the buttons of the lesson's page."}
	}))
	return guard.Handler(mux)
}

// ServeHTTP makes Server an http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

func newHTTPServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second, // ends with the upgrade of a websocket, which has its own
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// Serve answers requests from l until ctx is cancelled, then closes the server and all boxes.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	h := newHTTPServer(s, s.log)
	served := make(chan error, 1)
	go func() { served <- h.Serve(l) }()
	select {
	case err := <-served:
		return errors.Join(fmt.Errorf("serve: %w", err), s.Close(context.WithoutCancel(ctx)))
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime+10*time.Second)
	defer cancel()
	// New websockets are refused first, so that Shutdown, which does not know of them, leaves none behind.
	err := s.Close(ctx)
	if e := h.Shutdown(ctx); e != nil {
		err = errors.Join(err, fmt.Errorf("shut down: %w", e))
	}
	return err
}

// Close ends all websockets, telling why, and closes all boxes. Requests for new ones are refused from then on.
func (s *Server) Close(ctx context.Context) error {
	s.seats.mu.Lock()
	s.seats.closed = true
	s.seats.mu.Unlock()
	s.sockets.closeAll(errGoneAway)

	all := s.seats.of("")
	done := make(chan struct{})
	go func() {
		defer close(done)
		var closing sync.WaitGroup
		for _, seat := range all {
			closing.Go(func() { s.seats.drop(seat) })
		}
		closing.Wait()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("close the boxes: %w", ctx.Err())
	}
}

var errGoneAway = &errWords{websocket.CloseServiceRestart, "the lab starts anew; come back in a moment"}

// sockets are the websockets that are open.
type sockets struct {
	mu     sync.Mutex
	open   map[*socket]struct{}
	closed bool
}

// add notes a socket. If the server is closed it closes the socket and returns false.
func (s *sockets) add(sock *socket) bool {
	s.mu.Lock()
	closed := s.closed
	if !closed {
		s.open[sock] = struct{}{}
	}
	s.mu.Unlock()
	if closed {
		sock.close(errGoneAway)
	}
	return !closed
}

func (s *sockets) remove(sock *socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, sock)
}

func (s *sockets) closeAll(why error) {
	s.mu.Lock()
	s.closed = true
	open := make([]*socket, 0, len(s.open))
	for sock := range s.open {
		open = append(open, sock)
	}
	s.mu.Unlock()
	var closing sync.WaitGroup
	for _, sock := range open {
		closing.Go(func() { sock.close(why) })
	}
	closing.Wait()
}
