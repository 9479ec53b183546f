package terminal

import (
	"fmt"
	"slices"
	"time"
)

// Role is what a viewer may do.
type Role int

const (
	// Reader only looks: it neither types nor gives the pty its size nor slows it down.
	Reader Role = iota
	// Writer types. The writer that attached last is the owner.
	Writer
)

// Viewer is one place where a session is looked at: a browser's tab. It is used by two goroutines: one takes output, the
// other one, which reads the viewer's socket, calls the rest.
type Viewer struct {
	session *Session
	role    Role
	ready   chan struct{} // capacity 1

	// Guarded by the session's lock.
	cursor   int64 // offset of the next byte to take
	acked    int64 // everything before it is drawn
	announce bool  // the cursor jumped: say so before the next byte
	told     geometry
	wanted   Size // of the viewer's window; zero when it never said
	finished bool // the end was told
	detached bool
}

// geometry is what a viewer knows about the pty's size and its own right to set it.
type geometry struct {
	Size
	owner bool
}

// Kind tells what an Output is.
type Kind int

const (
	// Nothing to take at the moment; wait for Ready.
	Nothing Kind = iota
	// Attached tells where the following bytes belong: Offset. A viewer that stands elsewhere has to forget what it has
	// drawn. It also tells Size and Owner.
	Attached
	// Bytes are output. They must not be changed.
	Bytes
	// Resized tells Size and Owner, one of which has changed.
	Resized
	// Exit tells the shell's exit Status, after its last byte. It is the last output.
	Exit
)

// Output is what a viewer takes next.
type Output struct {
	Kind   Kind
	Bytes  []byte
	Offset int64 // Attached: of the next byte
	Size   Size
	Owner  bool
	Status int // -1 when it is not known
}

// Attach adds a viewer that has everything before offset. If that place is no longer kept, or never was, the viewer
// starts with the oldest line that is; the first output, always Attached, tells where that is.
//
// It returns ErrCrowded when as many are attached as may be. Attaching to a session that has ended is no error: its
// last output can be read and its exit status is told.
func (s *Session) Attach(offset int64, role Role) (*Viewer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.viewers) >= s.options.Viewers {
		return nil, fmt.Errorf("%w: there are %d", ErrCrowded, len(s.viewers))
	}
	if offset < s.ring.start || offset > s.ring.end {
		offset = s.ring.entry()
	}
	v := &Viewer{session: s, role: role, ready: make(chan struct{}, 1), cursor: offset, acked: offset, announce: true}
	s.viewers = append(s.viewers, v)
	s.deserted = time.Time{}
	v.wake()
	s.changed()
	return v, nil
}

// owner is the writer that attached last; nil when there is none.
func (s *Session) owner() *Viewer {
	for _, v := range slices.Backward(s.viewers) {
		if v.role == Writer {
			return v
		}
	}
	return nil
}

// changed has everybody look again: who owns the session or how large it is may be new.
func (s *Session) changed() {
	for _, v := range s.viewers {
		v.wake()
	}
	signal(s.resume)
}

func (v *Viewer) wake() { signal(v.ready) }

// Ready has a value when there may be something to take.
func (v *Viewer) Ready() <-chan struct{} { return v.ready }

// Take returns what the viewer has not seen yet, at most max bytes of it; Nothing when there is nothing new.
func (v *Viewer) Take(most int) Output {
	s := v.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if v.detached || v.finished {
		return Output{}
	}
	now := geometry{Size: s.size, owner: s.owner() == v}
	if v.cursor < s.ring.start {
		v.cursor = s.ring.entry()
		v.acked = v.cursor
		v.announce = true
	}
	switch {
	case v.announce:
		v.announce, v.told = false, now
		return Output{Kind: Attached, Offset: v.cursor, Size: now.Size, Owner: now.owner}
	case v.told != now:
		v.told = now
		return Output{Kind: Resized, Size: now.Size, Owner: now.owner}
	case v.cursor < s.ring.end:
		b := s.ring.after(v.cursor, most)
		v.cursor += int64(len(b))
		return Output{Kind: Bytes, Bytes: b}
	case s.over:
		v.finished = true
		return Output{Kind: Exit, Status: s.status}
	}
	return Output{}
}

// Ack says that everything before offset is drawn. Offsets only grow; an older one is ignored. It returns ErrNeverSent
// for bytes that the viewer did not take yet.
func (v *Viewer) Ack(offset int64) error {
	s := v.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if offset > v.cursor {
		return fmt.Errorf("%w: up to %d of %d", ErrNeverSent, offset, v.cursor)
	}
	if offset > v.acked {
		v.acked = offset
		signal(s.resume)
	}
	return nil
}

// Resize tells the size of the viewer's window. The pty takes it if the viewer is the owner; otherwise it is remembered
// for when it becomes the owner.
func (v *Viewer) Resize(size Size) error {
	if err := size.Check(); err != nil {
		return err
	}
	s := v.session
	s.mu.Lock()
	defer s.mu.Unlock()
	v.wanted = size
	return s.fit()
}

// fit gives the pty the size that its owner wants.
func (s *Session) fit() error {
	owner := s.owner()
	if owner == nil || owner.wanted == (Size{}) || owner.wanted == s.size || s.exited {
		return nil
	}
	if err := s.shell.Resize(owner.wanted); err != nil {
		return err
	}
	s.size = owner.wanted
	s.changed()
	return nil
}

// Type has the shell read p, as if typed. It returns as soon as p is queued, in order. When the queue is full it waits for
// the program to read, for at most Options.Patience, then drops what is left of p and returns ErrNotReading.
func (v *Viewer) Type(p []byte) error {
	if v.role != Writer {
		return ErrReadOnly
	}
	s := v.session
	var patience *time.Timer
	for {
		s.mu.Lock()
		if patience != nil {
			s.stalled--
		}
		switch {
		case s.over:
			s.mu.Unlock()
			return ErrEnded
		case v.detached:
			s.mu.Unlock()
			return ErrDetached
		}
		s.active = time.Now()
		n := min(s.options.Input-len(s.input), len(p))
		s.input = append(s.input, p[:n]...)
		p = p[n:]
		signal(s.typed)
		if len(p) == 0 {
			s.mu.Unlock()
			return nil
		}
		taken := s.taken
		s.stalled++
		signal(s.resume)
		s.mu.Unlock()

		if patience == nil {
			patience = time.NewTimer(s.options.Patience)
			defer patience.Stop()
		}
		select {
		case <-taken:
		case <-s.ended:
		case <-patience.C:
			s.mu.Lock()
			s.stalled--
			s.mu.Unlock()
			return fmt.Errorf("%w: %d bytes are dropped", ErrNotReading, len(p))
		}
	}
}

// Detach ends the viewer. The shell keeps running.
func (v *Viewer) Detach() {
	s := v.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if v.detached {
		return
	}
	v.detached = true
	s.viewers = slices.DeleteFunc(s.viewers, func(other *Viewer) bool { return other == v })
	if len(s.viewers) == 0 {
		s.deserted = time.Now()
	}
	if err := s.fit(); err != nil {
		s.log.Debug("size for the next owner", "error", err)
	}
	s.changed()
}
