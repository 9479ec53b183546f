package terminal

import (
	"log/slog"
	"sync"
	"time"
)

// Session is one shell with its scrollback and its viewers. Its methods may be called from any goroutine.
type Session struct {
	shell   Shell
	options Options
	log     *slog.Logger

	resume chan struct{} // capacity 1: something changed that the reader waits for
	typed  chan struct{} // capacity 1: there is input
	ended  chan struct{} // closed when the shell has ended and all its output is in the scrollback
	once   sync.Once     // closes the shell

	mu       sync.Mutex
	ring     ring
	size     Size          // of the pty
	viewers  []*Viewer     // in the order in which they attached
	input    []byte        // typed, not yet written to the pty
	taken    chan struct{} // closed and renewed when input was taken while somebody waits for that
	stalled  int           // callers that wait in Type
	exited   bool          // the program has ended; output may still come
	last     int64         // how much output there was when it had
	over     bool          // the session has ended
	status   int
	active   time.Time // when somebody last typed; zero if nobody did
	deserted time.Time // since when there is no viewer; zero while there is one
}

// Start takes over a shell whose terminal has the given size. The session ends when the shell does, or with Close.
func Start(shell Shell, size Size, options Options, log *slog.Logger) *Session {
	s := &Session{
		shell:    shell,
		options:  options.withDefaults(),
		log:      log,
		resume:   make(chan struct{}, 1),
		typed:    make(chan struct{}, 1),
		ended:    make(chan struct{}),
		taken:    make(chan struct{}),
		size:     size,
		status:   -1,
		deserted: time.Now(),
	}
	s.ring.limit = s.options.Scrollback
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		s.drain()
	}()
	go s.feed()
	go s.wait(drained)
	return s
}

// Shell is the shell itself, for what only its maker knows of it. Reading, writing and closing it is the session's.
func (s *Session) Shell() Shell { return s.shell }

// Ended is closed when the shell has ended and its last output is in the scrollback.
func (s *Session) Ended() <-chan struct{} { return s.ended }

// Status is the shell's exit status, as $? has it; -1 while it runs or when it is not known.
func (s *Session) Status() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}

// Deserted tells since when nobody is attached; the zero time while somebody is.
func (s *Session) Deserted() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.deserted
}

// Typed tells when somebody last typed; the zero time if nobody did.
func (s *Session) Typed() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.active
}

// Close hangs up: the programs on the tty get a SIGHUP, and the session ends.
func (s *Session) Close() error {
	var err error
	s.once.Do(func() { err = s.shell.Close() })
	return err
}

// drain reads the pty into the scrollback until there is nothing to come. It reads straight into the ring's room,
// without the lock: nobody else looks behind the ring's end.
func (s *Session) drain() {
	unattended := bucket{rate: float64(s.options.Unattended), depth: float64(s.options.Unattended)}
	for {
		s.mu.Lock()
		if s.exited && s.ring.end-s.last > int64(s.options.Scrollback) {
			s.mu.Unlock()
			return // a process that the shell left behind writes and writes
		}
		wait := s.pause(&unattended)
		var room []byte
		if wait == 0 {
			room = s.ring.room()
		}
		s.mu.Unlock()

		if wait != 0 {
			s.rest(wait)
			continue
		}
		n, err := s.shell.Read(room)
		if n > 0 {
			unattended.take(float64(n))
			s.mu.Lock()
			s.ring.commit(n)
			for _, v := range s.viewers {
				v.wake()
			}
			s.mu.Unlock()
		}
		if err != nil {
			return // EIO or EOF: nobody holds the tty any more
		}
	}
}

// forever is how long to wait for an event that is announced on resume.
const forever time.Duration = -1

// pause tells how long the pty must not be read: 0 if it may be read now, forever until something changes.
func (s *Session) pause(unattended *bucket) time.Duration {
	unattended.fill(time.Now())
	owner := s.owner()
	switch {
	case s.exited:
		// What is left is bounded (see drain), and without it the session cannot end.
		return 0
	case owner == nil:
		return unattended.wait()
	case s.stalled > 0:
		// A viewer's acknowledgements wait behind the input that it sends, and the program may wait for its output to
		// be read before it reads input. Only reading the output unties that.
		return 0
	case s.ring.end-owner.acked >= int64(s.options.Window):
		return forever
	}
	return 0
}

// rest waits for the given time or until something changes.
func (s *Session) rest(d time.Duration) {
	if d == forever {
		<-s.resume
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-s.resume:
	case <-timer.C:
	}
}

// signal tells the goroutine that waits on c, now or next, to look again.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// feed writes what was typed to the pty. It is the only place where a program that does not read can block us; Close
// ends it.
func (s *Session) feed() {
	for {
		s.mu.Lock()
		input := s.input
		s.input = nil
		if s.stalled > 0 {
			close(s.taken)
			s.taken = make(chan struct{})
		}
		s.mu.Unlock()

		if len(input) > 0 {
			if _, err := s.shell.Write(input); err != nil {
				s.log.Debug("type into the pty", "error", err)
			}
			continue
		}
		select {
		case <-s.typed:
		case <-s.ended:
			return
		}
	}
}

// wait waits for the shell, lets its last output through, and ends the session.
func (s *Session) wait(drained <-chan struct{}) {
	status, err := s.shell.Wait()
	if err != nil {
		s.log.Debug("wait for the shell", "error", err)
		status = -1
	}
	s.mu.Lock()
	s.exited, s.last = true, s.ring.end
	s.mu.Unlock()
	signal(s.resume)

	// A process that the shell left behind may hold the tty for ever; like sshd(8) we hang up on it, but later.
	grace := time.NewTimer(s.options.Grace)
	defer grace.Stop()
	select {
	case <-drained:
	case <-grace.C:
	}
	_ = s.Close()
	<-drained

	s.mu.Lock()
	s.status, s.over = status, true
	for _, v := range s.viewers {
		v.wake()
	}
	s.mu.Unlock()
	close(s.ended)
}

// bucket is a token bucket: rate bytes a second, depth bytes at once.
type bucket struct {
	rate, depth float64
	level       float64
	filled      time.Time
}

func (b *bucket) fill(now time.Time) {
	if b.filled.IsZero() {
		b.level = b.depth
	} else {
		b.level = min(b.depth, b.level+now.Sub(b.filled).Seconds()*b.rate)
	}
	b.filled = now
}

// take takes n bytes out; the level may become negative, down to -depth: what was read for an owner is not held
// against the shell for longer than a second after the owner has gone.
func (b *bucket) take(n float64) { b.level = max(b.level-n, -b.depth) }

// wait tells how long until there is something in the bucket; 0 if there is.
func (b *bucket) wait() time.Duration {
	if b.level > 0 {
		return 0
	}
	return max(time.Duration(-b.level/b.rate*float64(time.Second)), time.Millisecond)
}

// Kept is how many bytes of memory the scrollback holds.
func (s *Session) Kept() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.ring.chunks) * chunkSize
}
