package server

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"glassbox/server/lesson"
	"glassbox/server/terminal"
)

const (
	boxesOfOne = 4                // live boxes of a visitor
	forsaken   = 10 * time.Minute // without a page before a box may make room for other visitors
)

// seats are all seats that are taken. Its lock may be taken while a seat's is held, never the other way round.
type seats struct {
	mu        sync.Mutex
	all       map[place]*seat
	terminals map[string]registered // by id
	closed    bool
}

// registered is a terminal and whose it is.
type registered struct {
	seat    *seat
	session *terminal.Session
}

func (s *seats) register(of *seat, t *shell) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.terminals[t.id] = registered{of, t.session}
}

func (s *seats) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.terminals, id)
}

// terminal is the visitor's terminal of that id, and the seat that it is at; or nil.
func (s *seats) terminal(v visitor, id string) (*terminal.Session, *seat) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.terminals[id]
	if !ok || t.seat.visitor != v {
		return nil, nil
	}
	return t.session, t.seat
}

// find is the seat at p, or nil.
func (s *seats) find(p place) *seat {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all[p]
}

// of are the visitor's seats, or all of them for "", the latest used first.
func (s *seats) of(v visitor) []*seat {
	s.mu.Lock()
	var found []*seat
	for p, seat := range s.all {
		if v == "" || p.visitor == v {
			found = append(found, seat)
		}
	}
	s.mu.Unlock()
	used := make(map[*seat]time.Time, len(found))
	for _, seat := range found {
		_, _, used[seat] = seat.live()
	}
	slices.SortFunc(found, func(a, b *seat) int {
		return cmp.Or(used[b].Compare(used[a]), cmp.Compare(a.lesson, b.lesson))
	})
	return found
}

// take returns the seat at p, and makes one with that edition of the lesson if there is none. Seats that hold nothing are given up on the way.
func (s *seats) take(p place, server *Server, now *edition) (*seat, error) {
	for _, other := range s.of(p.visitor) {
		if other.place != p && other.idle() {
			s.drop(other)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosing
	}
	if found := s.all[p]; found != nil {
		return found, nil
	}
	taken := &seat{place: p, server: server, terminals: make(map[string]*shell), labs: make(map[*lab]struct{}), used: time.Now()}
	taken.edition.Store(now)
	taken.context, taken.giveUp = context.WithCancel(context.Background())
	s.all[p] = taken
	return taken, nil
}

// drop gives a seat up, and closes its box if there is one.
func (s *seats) drop(seat *seat) {
	s.mu.Lock()
	if s.all[seat.place] == seat {
		delete(s.all, seat.place)
	}
	s.mu.Unlock()
	seat.close()
}

var errClosing = &fault{status: 503, say: "The lab is being shut down.", do: "Come back in a moment."}

// build has a box built for a seat, after making room for it.
func (s *Server) build(seat *seat, needs lesson.Needs) (Box, error) {
	if err := s.makeRoom(seat); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(seat.context, buildTime)
	defer cancel()
	box, err := s.config.Builder.Build(ctx, needs)
	if err != nil {
		return nil, &fault{status: 500, say: fmt.Sprintf("The box could not be built: %v.", err), do: "Restart the box to try again; glassbox doctor tells what the host lacks.", err: err}
	}
	return box, nil
}

func tooMany(wait time.Duration) *fault {
	return &fault{
		status: 429,
		say:    "Too many boxes were started in a short time.",
		do:     fmt.Sprintf("Wait %d seconds and try again.", int(wait.Seconds())+1),
	}
}

// makeRoom closes boxes that nobody looks at until there may be one more. Boxes do not expire by themselves: only
// somebody who needs the room ends one.
func (s *Server) makeRoom(wants *seat) error {
	if !s.room(wants, s.seats.of(wants.visitor), boxesOfOne, 0) {
		return &fault{status: 409, say: fmt.Sprintf("You have %d boxes open.", boxesOfOne), do: "Close the page of another lesson first."}
	}
	if !s.room(wants, s.seats.of(""), s.config.Boxes, forsaken) {
		return &fault{status: 503, say: "All boxes of this lab are in use.", do: "Try again in a few minutes."}
	}
	return nil
}

// room closes those of the boxes that were left for at least that long, the longest unused first, until there are fewer
// than most besides the one of wants.
func (s *Server) room(wants *seat, seats []*seat, most int, left time.Duration) bool {
	count := 0
	for _, other := range seats {
		if live, _, _ := other.live(); live && other != wants {
			count++
		}
	}
	for _, other := range slices.Backward(seats) {
		if count < most {
			return true
		}
		_, deserted, used := other.live()
		if other != wants && deserted && time.Since(used) >= left && other.evict() {
			s.log.Info("a box made room for another", "lesson", other.lesson)
			count--
		}
	}
	return count < most
}
