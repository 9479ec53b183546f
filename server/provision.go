package server

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// Provision is how far a layer is that the boxes of some lessons need, such as a container engine. Making one may take
// minutes, and on some machines it cannot be made; the lessons are there all the same, and say so.
type Provision struct {
	State ProvisionState
	Say   string // what is being made, or what is missing: a sentence for whoever reads the lesson
	Do    string // what the operator can do about a missing one, a sentence; may be empty
	Tasks []Task // what is being done at the moment: a task, after those that it is a part of
}

// Task is something that is being done, and how much of it is done. Done and Total are counted in Unit; Total is 0 when it
// is not known.
type Task struct {
	Name        string // in words: "downloading Debian packages"
	Done, Total int64
	Unit        string    // bytes, or a noun in the plural
	Since       time.Time // when it was begun
}

// ProvisionState is a state of a [Provision].
type ProvisionState string

// The states.
const (
	Ready   ProvisionState = "ready"   // boxes may have it
	Making  ProvisionState = "making"  // they will
	Missing ProvisionState = "missing" // they will not
)

// provisions are those that somebody has said something about, by the layer's name. Any other layer is ready.
type provisions struct {
	mu    sync.Mutex
	known map[string]Provision
}

// lack is how far the first of the layers is that is not ready. One that is missing comes before one that is
// being made. ok is false when all are ready.
func (p *provisions) lack(layers []string) (how Provision, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, layer := range layers {
		now, said := p.known[layer]
		if said && now.State != Ready && (!ok || now.State == Missing && how.State != Missing) {
			how, ok = now, true
		}
	}
	return how, ok
}

// split are the layers of which somebody has said that they are ready, and those of which somebody has said that they are not.
func (p *provisions) split() (ready, others []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, layer := range slices.Sorted(maps.Keys(p.known)) {
		if p.known[layer].State == Ready {
			ready = append(ready, layer)
		} else {
			others = append(others, layer)
		}
	}
	return ready, others
}

// Provide says how far a layer is. Lessons that need it wait while it is being made, and show how far it is; their boxes
// are built as soon as it is ready. A layer of which nothing was ever said is ready.
func (s *Server) Provide(layer string, how Provision) error {
	s.layers.mu.Lock()
	before, said := s.layers.known[layer]
	if s.layers.known == nil {
		s.layers.known = make(map[string]Provision)
	}
	s.layers.known[layer] = how
	s.layers.mu.Unlock()
	// Lessons may say other things on a machine that has it.
	if !said || before.State != how.State {
		if err := s.Teach(s.taught.Load().courses...); err != nil {
			return err
		}
	}
	for _, seat := range s.seats.of("") {
		seat.provided()
	}
	return nil
}

// provided looks again whether the seat's box can be built, if it could not.
func (s *seat) provided() {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.state != waiting && s.state != lacking:
	case len(s.labs) == 0:
		s.state = noBox // the next page that comes asks again
	default:
		s.begin()
	}
}

// await has the seat wait for what its box needs, and reports whether there is something to wait for. The caller holds the
// lock.
func (s *seat) await() bool {
	how, lacks := s.server.layers.lack(s.edition.Load().Needs.Layers)
	if !lacks {
		return false
	}
	s.lack = how
	if how.State == Missing {
		s.become(lacking, "")
	} else {
		s.become(waiting, "")
	}
	return true
}
