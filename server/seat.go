package server

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"glassbox/server/lesson"
	"glassbox/server/terminal"
)

// boxState is how a seat's box is.
type boxState string

const (
	noBox    boxState = ""         // nobody asked for it yet
	waiting  boxState = "waiting"  // for a layer that it needs and that is being made
	lacking  boxState = "lacking"  // a layer that it needs and that this machine does not have
	building boxState = "building" //
	ready    boxState = "ready"    //
	ended    boxState = "ended"    // by itself: the learner killed its PID 1, or had it reboot
	failed   boxState = "failed"   // it could not be built
)

const (
	buildTime = 60 * time.Second // until a build is given up
	closeTime = 30 * time.Second // until closing is given up
	openTime  = 10 * time.Second // until a shell has to run

	terminalsOfOne = 8 // shells that run at a time in a box
)

// place names a seat.
type place struct {
	visitor visitor
	lesson  string // slug
}

// seat is one visitor at one lesson: the box, its terminals, and the pages that are open there. The box is built when the
// first page comes, and stays when the last one goes.
type seat struct {
	place
	server  *Server
	edition atomic.Pointer[edition] // of the lesson, with this visitor's values; never nil

	// opening orders the openings of shells, so that two pages that want the same terminal get the same shell.
	opening sync.Mutex

	context context.Context // of builds
	giveUp  context.CancelFunc

	mu        sync.Mutex
	state     boxState
	trouble   string    // why it failed, in words
	lack      Provision // what it waits for, or lacks
	box       Box
	needs     lesson.Needs       // what it was built with
	stop      context.CancelFunc // ends what watches the present box
	glass     *glass             // what watches it; nil while there is none
	terminals map[string]*shell  // by name
	labs      map[*lab]struct{}  // pages that are open
	used      time.Time          // somebody came or went
	closed    bool               // the server shuts down, or the seat is given up
	work      sync.WaitGroup     // goroutines of this seat
}

// shell is a terminal of a seat.
type shell struct {
	id      string // unguessable; it is the right to attach, together with the visitor's cookie
	name    string
	session *terminal.Session
}

// labsOfOne is how many pages may be open at a seat.
const labsOfOne = 16

// join adds a page, and has the box built if there is none.
func (s *seat) join(l *lab) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errGoneAway
	}
	if len(s.labs) >= labsOfOne {
		return refuse("this lesson is open in too many tabs")
	}
	s.labs[l] = struct{}{}
	s.used = time.Now()
	if s.state == noBox || s.state == failed || s.state == waiting || s.state == lacking {
		s.begin()
	}
	l.tell(boxSlot, s.describe())
	l.tell(lessonSlot, s.aboutEdition())
	if s.glass != nil {
		s.glass.show(l)
	}
	return nil
}

// leave takes a page away.
func (s *seat) leave(l *lab) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.labs, l)
	l.look(nil)
	s.used = time.Now()
}

// boxMessage tells how the box is.
type boxMessage struct {
	Type     string   `json:"type"`
	State    boxState `json:"state"`
	ID       string   `json:"id,omitempty"`
	Hostname string   `json:"hostname,omitempty"`
	Error    string   `json:"error,omitempty"`
	// What it waits for or lacks; see Provision.
	Say   string        `json:"say,omitempty"`
	Do    string        `json:"do,omitempty"`
	Tasks []taskMessage `json:"tasks,omitempty"`
}

// taskMessage tells of a [Task].
type taskMessage struct {
	Name  string `json:"name"`
	Done  int64  `json:"done"`
	Total int64  `json:"total,omitempty"`
	Unit  string `json:"unit,omitempty"`
	Took  int    `json:"took"` // seconds until now; a browser's clock is not the lab's
}

func messagesOf(tasks []Task) []taskMessage {
	var all []taskMessage
	for _, t := range tasks {
		all = append(all, taskMessage{t.Name, t.Done, t.Total, t.Unit, int(time.Since(t.Since).Seconds())})
	}
	return all
}

func (s *seat) describe() boxMessage {
	m := boxMessage{Type: "box", State: s.state, Error: s.trouble}
	if s.state == waiting || s.state == lacking {
		m.Say, m.Do = s.lack.Say, s.lack.Do
		m.Tasks = messagesOf(s.lack.Tasks)
	}
	if s.box != nil && s.state == ready {
		m.ID, m.Hostname = s.box.ID(), hostname(s.box)
	}
	return m
}

// hostname is what the box's shells call it.
func hostname(b Box) string {
	if named, ok := b.(interface{ Hostname() string }); ok {
		return named.Hostname()
	}
	return b.ID()
}

// become changes the state and tells every page. The caller holds the lock.
func (s *seat) become(state boxState, trouble string) {
	s.state, s.trouble = state, trouble
	m := s.describe()
	for l := range s.labs {
		l.tell(boxSlot, m)
	}
}

// begin starts to build a box, unless what it needs is not there. The caller holds the lock, and there is no box.
func (s *seat) begin() {
	if s.closed || s.await() {
		return
	}
	s.become(building, "")
	s.work.Go(func() {
		if wait := s.server.starts.take(s.visitor, time.Now()); wait > 0 {
			s.mu.Lock()
			s.become(failed, tooMany(wait).words())
			s.mu.Unlock()
			return
		}
		s.build()
	})
}

// build builds the box and waits for its end.
func (s *seat) build() {
	needs := s.edition.Load().Needs
	box, err := s.server.build(s, needs)
	if err != nil {
		f := asFault(err)
		s.server.log.Error("build a box", "lesson", s.lesson, "error", err)
		s.mu.Lock()
		s.become(failed, f.words())
		s.mu.Unlock()
		return
	}

	if err := s.change(func(w *lessonWork) bool { return w.open(time.Now()) }); err != nil {
		s.server.log.Error("keep that a lesson was opened", "lesson", s.lesson, "error", err)
	}
	// The box is used even if it cannot be looked into: a learner without panels is better off than one without a box.
	run, stop := context.WithCancel(context.Background())
	g, err := s.watch(run, box)
	if err != nil {
		s.server.log.Error("look into a box", "box", box.ID(), "lesson", s.lesson, "error", err)
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		stop()
		s.discard(box)
		return
	}
	s.box, s.needs, s.stop, s.glass = box, needs, stop, g
	s.used = time.Now()
	s.become(ready, "")
	s.tellEdition()
	if g != nil {
		for l := range s.labs {
			g.show(l)
		}
	}
	s.mu.Unlock()
	s.server.log.Info("a box is ready", "box", box.ID(), "lesson", s.lesson)

	<-box.Done()
	s.mu.Lock()
	mine := s.box == box
	if mine {
		s.release()
		s.become(ended, "")
	}
	s.mu.Unlock()
	if mine {
		s.server.log.Info("a box has ended by itself", "box", box.ID())
		s.discard(box)
	}
}

// release gives up the box and everything in it, and returns it for discard. The caller holds the lock.
func (s *seat) release() Box {
	box := s.box
	s.box = nil
	if s.stop != nil {
		s.stop()
	}
	s.glass = nil
	for l := range s.labs {
		l.look(nil)
	}
	for _, t := range s.terminals {
		_ = t.session.Close()
		s.server.seats.forget(t.id)
	}
	clear(s.terminals)
	return box
}

// discard closes a box that nobody has any more.
func (s *seat) discard(box Box) {
	if box == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	if err := box.Close(ctx); err != nil {
		s.server.log.Error("close a box", "box", box.ID(), "error", err)
	}
}

// restart replaces the box by a fresh one. It returns at once; the pages are told. It is a fault if there were too many
// starts lately.
func (s *seat) restart() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used = time.Now()
	if s.state == building || s.closed {
		return nil
	}
	if wait := s.server.starts.take(s.visitor, s.used); wait > 0 {
		return tooMany(wait)
	}
	box := s.release()
	waits := s.await()
	if !waits {
		s.become(building, "")
	}
	s.work.Go(func() {
		s.discard(box)
		if !waits {
			s.build()
		}
	})
	return nil
}

// evict closes the box to make room. The next page that comes gets a new one. It does nothing if somebody has come.
func (s *seat) evict() bool {
	s.mu.Lock()
	if s.state != ready || len(s.labs) > 0 {
		s.mu.Unlock()
		return false
	}
	box := s.release()
	s.state = noBox
	s.mu.Unlock()
	s.discard(box)
	return true
}

// close ends the seat for good, and the pages that are open there are told to come back.
func (s *seat) close() {
	s.mu.Lock()
	s.closed = true
	s.giveUp()
	box := s.release()
	s.state = noBox
	labs := slices.Collect(maps.Keys(s.labs))
	s.mu.Unlock()
	for _, l := range labs {
		l.sock.close(errGoneAway)
	}
	s.discard(box)
	s.work.Wait()
}

// idle tells whether the seat holds nothing that is worth keeping.
func (s *seat) idle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.labs) == 0 && s.state != building && s.state != ready
}

// live tells whether there is a box, whether nobody looks at it, and since when.
func (s *seat) live() (box, deserted bool, used time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state == ready || s.state == building, len(s.labs) == 0 && s.state == ready, s.used
}

var terminalName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,19}$`)

var errNoBox = errors.New("there is no box at the moment")

// open returns the terminal of that name. If there is none, or its shell has ended, it starts one.
func (s *seat) open(name string) (*shell, error) {
	if !terminalName.MatchString(name) {
		return nil, &fault{status: 400, say: "A terminal's name has up to 20 of a to z, 0 to 9 and -."}
	}
	s.opening.Lock()
	defer s.opening.Unlock()

	s.mu.Lock()
	box := s.box
	running := 0
	for _, t := range s.terminals {
		if !over(t.session) {
			running++
		}
	}
	old := s.terminals[name]
	s.mu.Unlock()
	switch {
	case box == nil:
		return nil, &fault{status: 409, say: "There is no box at the moment.", err: errNoBox}
	case old != nil && !over(old.session):
		return old, nil
	case running >= terminalsOfOne:
		return nil, &fault{status: 409, say: fmt.Sprintf("This box has %d shells already.", running), do: "End one of them with exit."}
	}

	ctx, cancel := context.WithTimeout(context.Background(), openTime)
	defer cancel()
	size := terminal.Size{Rows: 24, Cols: 80}
	sh, err := box.Open(ctx, size)
	if err != nil {
		return nil, &fault{status: 500, say: "The shell could not be started.", do: "Restart the box.", err: err}
	}
	t := &shell{id: randomID(), name: name, session: terminal.Start(sh, size, terminal.Options{}, s.server.log)}

	s.mu.Lock()
	defer s.mu.Unlock()
	if s.box != box { // it was restarted meanwhile
		_ = t.session.Close()
		return nil, &fault{status: 409, say: "The box was restarted.", err: errNoBox}
	}
	if old != nil {
		s.server.seats.forget(old.id)
	}
	s.terminals[name] = t
	s.server.seats.register(s, t)
	return t, nil
}

func over(s *terminal.Session) bool {
	select {
	case <-s.Ended():
		return true
	default:
		return false
	}
}

// shells are the terminals that there are, by name.
func (s *seat) shells() map[string]*shell {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.terminals)
}
