package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"glassbox/sandbox/cgroup"
	"glassbox/sandbox/handshake"
	"glassbox/sandbox/kernel"
)

// Sandbox is one running box.
type Sandbox struct {
	lab  *Lab
	id   string
	spec Spec

	slot    slot
	group   *cgroup.Group
	scratch *scratch
	log     *os.File // where the kernel's lines for this sandbox go
	socket  *socket
	link    link
	fence   int      // host pid of the fence, until PID 1 is there
	userns  *os.File // the fence's, likewise
	init    int      // host pid of PID 1
	pidfd   *os.File // of PID 1
	root    *os.File // O_PATH
	devpts  *os.File // O_PATH

	mu        sync.Mutex
	nextID    int
	terminals map[int]*Terminal
	starting  map[int]chan error
	lines     []kernel.LogLine

	done    chan struct{} // closed when PID 1 has ended
	closing sync.Once
	closed  error
}

// ID names the sandbox, on this machine, for as long as it lives.
func (s *Sandbox) ID() string { return s.id }

// Hostname is what the learner's prompt says.
func (s *Sandbox) Hostname() string { return s.spec.Hostname }

// Init is the host's pid of the sandbox's PID 1.
func (s *Sandbox) Init() int { return s.init }

// Done is closed when the sandbox has ended, by Close or by itself: its PID 1 may be killed from inside by `reboot -f`.
func (s *Sandbox) Done() <-chan struct{} { return s.done }

// watch waits for PID 1 without holding a thread: a pidfd becomes readable when its process ends.
func (s *Sandbox) watch() {
	defer close(s.done)
	conn, err := s.pidfd.SyscallConn()
	if err != nil {
		return
	}
	_ = conn.Read(func(fd uintptr) bool {
		var info unix.Siginfo
		err := unix.Waitid(unix.P_PIDFD, int(fd), &info, unix.WEXITED|unix.WNOHANG, nil)
		return err != nil && !errors.Is(err, unix.EINTR) || info.Signo != 0
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, t := range s.terminals {
		delete(s.terminals, id)
		close(t.ended)
	}
}

// listen takes PID 1's reports. The learner may have written them: an id that is not waited for is ignored, and the worst that
// a lie does is to end the learner's own terminal.
func (s *Sandbox) listen() {
	for {
		m, err := s.socket.receive(handshake.MaxReport)
		if errors.Is(err, handshake.ErrTruncated) {
			continue
		}
		if err != nil {
			return
		}
		s.mu.Lock()
		switch m.Kind {
		case handshake.Started:
			if started, ok := s.starting[m.ID]; ok {
				delete(s.starting, m.ID)
				var err error
				if m.Error != "" {
					err = errors.New(m.Error)
				}
				started <- err
			}
		case handshake.Exited:
			if t, ok := s.terminals[m.ID]; ok {
				delete(s.terminals, m.ID)
				t.status = m.Status & 0xff
				close(t.ended)
			}
		}
		s.mu.Unlock()
	}
}

func (s *Sandbox) forget(id int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.terminals, id)
	delete(s.starting, id)
}

// env is the environment that every shell starts with.
func (s *Sandbox) env() []string {
	return append([]string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=/root", "USER=root", "LOGNAME=root", "SHELL=/bin/bash",
		"TERM=xterm-256color", "COLORTERM=truecolor", "LANG=C.UTF-8",
	}, s.spec.Env...)
}

// closeTimeout bounds how long the kernel may take to end a sandbox's processes.
const closeTimeout = 20 * time.Second

// Close ends the sandbox and takes away all that it was made of: processes, groups, mounts, loop devices, network, files. It
// may be called more than once, and at any time.
func (s *Sandbox) Close(ctx context.Context) error {
	s.closing.Do(func() {
		// A caller that gives up must not leave half a sandbox behind.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		if err := s.tearDown(ctx); err != nil {
			s.closed = fmt.Errorf("close sandbox %s: %w", s.id, err)
		}
		s.lab.forget(s)
	})
	return s.closed
}

// tearDown takes down what is there, in the reverse order of Start; it also serves a Start that failed half-way.
func (s *Sandbox) tearDown(ctx context.Context) error {
	var errs []error
	if s.pidfd != nil {
		// With PID 1 the kernel kills the rest of its pid namespace.
		_ = unix.PidfdSendSignal(int(s.pidfd.Fd()), unix.SIGKILL, nil, 0)
	}
	if s.group != nil {
		errs = append(errs, s.group.Kill(ctx)) // before PID 1 is waited for: it waits for what is frozen, and this thaws
	}
	if s.pidfd != nil {
		select {
		case <-s.done:
		case <-ctx.Done():
			errs = append(errs, fmt.Errorf("wait for PID 1: %w", ctx.Err()))
		}
	}
	if s.group != nil {
		errs = append(errs, s.group.Remove(ctx))
	}
	s.buryFence()
	if s.socket != nil {
		s.socket.close()
	}
	if s.link != nil {
		errs = append(errs, s.link.Close())
	}
	s.mu.Lock()
	for id, t := range s.terminals {
		delete(s.terminals, id)
		close(t.ended)
	}
	s.mu.Unlock()
	for _, f := range []*os.File{s.root, s.devpts, s.pidfd, s.log} {
		if f != nil {
			f.Close()
		}
	}
	if s.scratch != nil {
		errs = append(errs, s.lab.stage.later(s.scratch.drop))
	}
	s.slot.release()
	return errors.Join(errs...)
}
