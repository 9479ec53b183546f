package server

import (
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"glassbox/sandbox/kernel"
	"glassbox/server/panel"
)

// lab is one page's connection for everything but terminals. What goes to the page is either state or an answer:
//
// State (how the box is, a verdict) is kept in slots, one value each; so are readings, by package panel. A newer value takes the place of one
// that was not sent yet, so a slow page sees fewer values and never old ones, and costs no more memory than one that
// reads nothing.
//
// An answer is for somebody who asked by a click, and none may get lost. There is a queue of a few; when it is full the
// reading of questions waits.
type lab struct {
	sock    *socket
	answers chan []byte
	ready   chan struct{} // capacity 1: a slot has something new
	gone    chan struct{} // closed when the connection has ended

	mu       sync.Mutex
	slots    map[string][]byte // not sent yet
	order    []string          // of slots, the one that waits longest first
	panels   []string          // on screen
	viewer   *panel.Viewer     // of the readings of the present box; nil while there is none
	recorder *kernel.Recorder  // of its timeline
	told     uint64            // the number of the last event that was sent
}

// boxSlot and others are names of slots.
const (
	boxSlot      = "box"
	lessonSlot   = "lesson"
	progressSlot = "progress"
	timelineSlot = "timeline"
	verdictSlot  = "verdict/" // and the exercise's id
	predictSlot  = "predict/" // and the prediction's id
)

// maxTimeline is how many events a message brings at most: the latest.
const maxTimeline = 200

// timelineMessage brings new events, or, as an answer, older ones.
type timelineMessage struct {
	Type   string         `json:"type"` // timeline, or past
	Events []kernel.Event `json:"events"`
	More   bool           `json:"more,omitempty"` // there are older ones than these
}

func newLab(sock *socket) *lab {
	return &lab{
		sock:    sock,
		answers: make(chan []byte, 8),
		ready:   make(chan struct{}, 1),
		gone:    make(chan struct{}),
		slots:   make(map[string][]byte),
	}
}

// tell puts a message into a slot. It never blocks.
func (l *lab) tell(slot string, message any) {
	b, err := json.Marshal(message)
	if err != nil {
		panic("a message that is no JSON: " + err.Error()) // they are our own structs
	}
	l.tellRaw(slot, b)
}

// tellRaw is tell for a message that is encoded already, perhaps for many pages.
func (l *lab) tellRaw(slot string, message []byte) {
	l.mu.Lock()
	if _, waits := l.slots[slot]; !waits {
		l.order = append(l.order, slot)
	}
	l.slots[slot] = message
	l.mu.Unlock()
	l.wake()
}

// happened has the page get what it has not had of the timeline, if it is on screen. One that has just begun to look gets the past.
func (l *lab) happened() {
	l.mu.Lock()
	if l.recorder == nil || !slices.Contains(l.panels, panel.Timeline) {
		l.told = 0
		l.mu.Unlock()
		return
	}
	if _, waits := l.slots[timelineSlot]; waits || l.recorder.Newest() <= l.told {
		l.mu.Unlock()
		return
	}
	l.slots[timelineSlot] = nil // next makes the message, when it can be sent
	l.order = append(l.order, timelineSlot)
	l.mu.Unlock()
	l.wake()
}

// past are events before one that the page has.
func (l *lab) past(before uint64) timelineMessage {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := timelineMessage{Type: "past", Events: []kernel.Event{}}
	if l.recorder != nil && before > 0 {
		m.Events, m.More = l.recorder.Events(0, before, maxTimeline)
	}
	return m
}

func (l *lab) wake() {
	select {
	case l.ready <- struct{}{}:
	default:
	}
}

// next takes the message that waits longest; nil when there is none.
func (l *lab) next() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.order) > 0 {
		slot := l.order[0]
		l.order = l.order[1:]
		message := l.slots[slot]
		delete(l.slots, slot)
		if slot == timelineSlot {
			message = l.news()
		}
		if message != nil {
			return message
		}
	}
	return nil
}

// news is the message with what the page has not had of the timeline; nil for nothing. The caller holds the lock.
func (l *lab) news() []byte {
	if l.recorder == nil {
		return nil
	}
	m := timelineMessage{Type: "timeline"}
	if m.Events, m.More = l.recorder.Events(l.told, 0, maxTimeline); len(m.Events) == 0 {
		return nil
	}
	l.told = m.Events[len(m.Events)-1].Seq
	b, err := json.Marshal(m)
	if err != nil {
		panic("a message that is no JSON: " + err.Error())
	}
	return b
}

// answer queues a message for the one who asked. Only the goroutine that reads questions calls it.
func (l *lab) answer(message any) error {
	b, err := json.Marshal(message)
	if err != nil {
		return err
	}
	select {
	case l.answers <- b:
		return nil
	case <-l.gone:
		return errGoneAway
	}
}

// show writes what there is to write until the connection ends.
func (l *lab) show() error {
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	for {
		var err error
		select {
		case <-l.changed():
			for _, r := range l.readings() {
				if err == nil {
					err = l.sock.writeJSON(readingMessage{"reading", r})
				}
			}
		case b := <-l.answers:
			err = l.sock.write(websocket.TextMessage, b)
		case <-l.ready:
			for b := l.next(); b != nil && err == nil; b = l.next() {
				err = l.sock.write(websocket.TextMessage, b)
			}
		case <-ping.C:
			err = l.sock.ping()
		case <-l.gone:
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// readingMessage brings a panel's reading.
type readingMessage struct {
	Type string `json:"type"`
	*panel.Reading
}

// look has the page see into another box; nil for none.
func (l *lab) look(g *glass) {
	l.mu.Lock()
	if l.viewer != nil {
		l.viewer.Close()
		l.viewer = nil
	}
	l.recorder, l.told = nil, 0
	if g != nil {
		l.recorder = g.recorder
		l.viewer = g.hub.Look()
		l.viewer.Watch(l.panels)
	}
	l.mu.Unlock()
	l.wake() // show waits for the other viewer
}

// watch sets which panels are on screen.
func (l *lab) watch(panels []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.panels = panels
	if l.viewer != nil {
		l.viewer.Watch(panels)
	}
}

// changed has a value when there may be readings to take.
func (l *lab) changed() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.viewer == nil {
		return nil
	}
	return l.viewer.Ready()
}

// readings are those that the page has not had.
func (l *lab) readings() []*panel.Reading {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.viewer == nil {
		return nil
	}
	return l.viewer.Take()
}
