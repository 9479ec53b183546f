package panel

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"slices"
	"sync"
	"time"

	"glassbox/sandbox/kernel"
)

// Reading is what a panel showed at one moment.
type Reading struct {
	Panel   string          `json:"panel"`
	At      time.Time       `json:"at"`
	Paths   []string        `json:"paths"`   // the files it was read from, as the learner finds them
	Reading json.RawMessage `json:"reading"` // the panel's own type
	Changed []string        `json:"changed"` // fields that differ from what was there at the learner's last command, see changes
}

// Options say how a Hub works.
type Options struct {
	// Front is the host pid of the process group in the foreground of the terminal that the learner last typed in; 0 if it is not known.
	Front func() int
	Log   *slog.Logger
}

// Hub makes the readings of the panels of one box for all who look at it, from Views that it is shown. It also knows what there was
// when the learner gave the last command, so that each reading tells what has changed since.
type Hub struct {
	options Options
	panels  map[string]Panel

	mu      sync.Mutex
	viewers map[*Viewer]bool
	latest  map[string]*Reading
	version map[string]int // of latest, counted up
	last    moment
	wanted  []Panel        // the last time that somebody asked what to read
	due     bool           // there is something to show in the same View: another viewer, or a command
	base    moment         // before the last command; before the first one, what was seen last
	before  map[string]any // readings of base, as JSON has them, made when they are needed; nil before the first command
}

// moment is a View with the process that was in front.
type moment struct {
	view  *kernel.View
	front *kernel.Process
}

// NewHub makes a hub. It shows nothing before it is shown a View.
func NewHub(options Options) *Hub {
	h := &Hub{
		options: options, panels: map[string]Panel{},
		viewers: map[*Viewer]bool{}, latest: map[string]*Reading{}, version: map[string]int{},
	}
	for _, p := range All() {
		h.panels[p.Name()] = p
	}
	return h
}

// Want says which parts of the View the panels need that at least one viewer has on the screen. A View that is read then is for them.
func (h *Hub) Want() kernel.Want {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.wanted = h.watched()
	var want kernel.Want
	for _, p := range h.wanted {
		want |= p.Want()
	}
	return want
}

// watched are the panels that at least one viewer has on the screen. mu is held.
func (h *Hub) watched() []Panel {
	var watched []Panel
	for _, p := range All() {
		for v := range h.viewers {
			if v.watches[p.Name()] {
				watched = append(watched, p)
				break
			}
		}
	}
	return watched
}

// Mark notes that the learner is about to give a command: what differs from what was shown last is marked as changed from then on.
func (h *Hub) Mark() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.base, h.before, h.due = h.last, map[string]any{}, true
}

// Show makes one reading of each panel that the View was read for, see Want, and puts those that differ from the last into their slots.
// One that somebody has begun to watch since gets its first reading from the next View: this one may be older than what its viewer did before.
func (h *Hub) Show(v *kernel.View) {
	group := 0
	if h.options.Front != nil {
		group = h.options.Front()
	}
	now := moment{v, frontOf(v, group)}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.before == nil || h.base.view == nil {
		h.base = now // what the box does while it gets its shells is nobody's doing
	}
	h.last = now
	if v.Unchanged && !h.due {
		return
	}
	h.due = slices.ContainsFunc(h.watched(), func(p Panel) bool { return !slices.Contains(h.wanted, p) })
	for _, p := range h.wanted {
		if err := h.read(p, now); err != nil && h.options.Log != nil {
			h.options.Log.Error("panels", "panel", p.Name(), "error", err)
		}
	}
}

// read makes the reading of a panel. mu is held.
func (h *Hub) read(p Panel, now moment) error {
	var value any
	var paths []string
	if c, ok := p.(comparing); ok {
		value, paths = c.ReadSince(h.base.view, now.view, now.front)
	} else {
		value, paths = p.Read(now.view, now.front)
	}
	raw, err := json.Marshal(value)
	if err != nil {
		return err
	}
	r := &Reading{Panel: p.Name(), At: now.view.At, Paths: paths, Reading: raw}
	if err := h.compare(p, r); err != nil {
		return err
	}
	if last := h.latest[r.Panel]; last != nil && bytes.Equal(last.Reading, r.Reading) && slices.Equal(last.Changed, r.Changed) {
		return nil
	}
	h.latest[r.Panel] = r
	h.version[r.Panel]++
	for v := range h.viewers {
		if v.watches[r.Panel] {
			v.tell()
		}
	}
	return nil
}

// compare notes what in a reading differs from what there was at the last command. Where that was not read, because nobody watched the
// panel, it is compared with the first reading after it.
func (h *Hub) compare(p Panel, r *Reading) error {
	if h.before == nil {
		return nil
	}
	before, ok := h.before[r.Panel]
	if !ok {
		raw := r.Reading
		if base := h.base.view; base.Want&p.Want() == p.Want() {
			value, _ := p.Read(base, h.base.front)
			var err error
			if raw, err = json.Marshal(value); err != nil {
				return err
			}
		}
		before = generic(raw)
		h.before[r.Panel] = before
	}
	r.Changed = changes(before, generic(r.Reading))
	return nil
}

// Viewer is one who looks: a page that is open somewhere.
type Viewer struct {
	hub   *Hub
	ready chan struct{}

	// guarded by hub.mu
	watches map[string]bool
	seen    map[string]int
}

// Look adds a viewer, who watches nothing yet.
func (h *Hub) Look() *Viewer {
	v := &Viewer{hub: h, ready: make(chan struct{}, 1), watches: map[string]bool{}, seen: map[string]int{}}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.viewers[v] = true
	return v
}

// Watch replaces what the viewer watches. Names that are no panel's are ignored. A panel that comes back is shown from its last
// reading on.
func (v *Viewer) Watch(names []string) {
	h := v.hub
	h.mu.Lock()
	watches := map[string]bool{}
	for _, name := range names {
		if _, ok := h.panels[name]; ok {
			watches[name] = true
			if !v.watches[name] {
				delete(v.seen, name)
			}
		}
	}
	v.watches, h.due = watches, true
	h.mu.Unlock()
	v.tell()
}

// Ready receives when there is something to Take.
func (v *Viewer) Ready() <-chan struct{} { return v.ready }

func (v *Viewer) tell() {
	select {
	case v.ready <- struct{}{}:
	default:
	}
}

// Take returns the latest readings of the watched panels that the viewer has not had. Whoever is slow misses what lay
// between, and never falls behind.
func (v *Viewer) Take() []*Reading {
	h := v.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	var fresh []*Reading
	for _, p := range All() {
		name := p.Name()
		if v.watches[name] && h.latest[name] != nil && v.seen[name] != h.version[name] {
			v.seen[name] = h.version[name]
			fresh = append(fresh, h.latest[name])
		}
	}
	return fresh
}

// Close takes the viewer away.
func (v *Viewer) Close() {
	v.hub.mu.Lock()
	defer v.hub.mu.Unlock()
	delete(v.hub.viewers, v)
}
