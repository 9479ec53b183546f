package sandbox

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

// A blank is a sandbox up to the point from which no two are alike: its place, groups, disk and fence are there, and the
// fence waits. What the kernel is slow at lies before that point: binding a loop device, and moving a process into version 1
// groups, each take it some ten milliseconds.
//
// blanks keeps a few ready, so that a learner's start does not wait for that.
type blanks struct {
	lab   *Lab
	ready chan *Sandbox
	want  chan struct{}
	stop  context.CancelFunc
	done  sync.WaitGroup
}

// newBlanks keeps n blanks ready, from the first refill on.
func newBlanks(l *Lab, n int) *blanks {
	ctx, stop := context.WithCancel(context.Background())
	b := &blanks{lab: l, ready: make(chan *Sandbox, n), want: make(chan struct{}, 1), stop: stop}
	b.done.Go(func() {
		for {
			select {
			case <-b.want:
				b.fill(ctx)
			case <-ctx.Done():
				return
			}
		}
	})
	b.refill()
	return b
}

func (b *blanks) fill(ctx context.Context) {
	for len(b.ready) < cap(b.ready) && ctx.Err() == nil {
		s, err := b.lab.blank(ctx, DefaultScratch)
		if err != nil {
			b.lab.log.Warn("no spare sandbox", "err", err)
			return // the next start makes its own, and says what is wrong
		}
		b.ready <- s // nobody else sends, so there is room
	}
}

// refill has what was taken replaced, in the background.
func (b *blanks) refill() {
	select {
	case b.want <- struct{}{}:
	default: // it is asked for already
	}
}

// take returns a ready blank, if its disk has the right size, or makes one. Size 0 is DefaultScratch.
func (b *blanks) take(ctx context.Context, size int64) (*Sandbox, error) {
	if size == 0 || size == DefaultScratch {
		select {
		case s := <-b.ready:
			return s, nil
		default:
			size = DefaultScratch
		}
	}
	return b.lab.blank(ctx, size)
}

// close makes no more blanks. Those that are ready are closed with the lab's other sandboxes.
func (b *blanks) close() {
	b.stop()
	b.done.Wait()
}

// blank makes a blank. If it returns an error, nothing is left.
func (l *Lab) blank(ctx context.Context, scratchSize int64) (_ *Sandbox, err error) {
	s := &Sandbox{
		lab: l, done: make(chan struct{}),
		terminals: map[int]*Terminal{}, starting: map[int]chan error{},
	}
	if s.slot, err = takeSlot(l.config.Run, l.nextHint()); err != nil {
		return nil, err
	}
	s.id = newID(s.slot)
	if err := l.admit(s); err != nil {
		s.slot.release()
		return nil, err
	}
	defer func() {
		if err != nil {
			if cerr := s.Close(ctx); cerr != nil {
				l.log.Error("a blank that was not made", "sandbox", s.id, "err", cerr)
			}
		}
	}()
	if s.scratch, err = l.maker.make(ctx, scratchSize); err != nil {
		return nil, err
	}
	if s.group, err = l.host.New(s.id, s.slot.first()); err != nil {
		return nil, err
	}
	return s, s.spawnFence()
}

// spawnFence clones the fence into the sandbox's groups. It waits there for a Go.
func (s *Sandbox) spawnFence() error {
	ours, theirs, err := socketPair()
	if err != nil {
		return err
	}
	defer theirs.Close()
	s.socket = ours
	unified, err := s.group.Open()
	if err != nil {
		return fmt.Errorf("cgroup: %w", err)
	}
	if unified != nil {
		defer unified.Close()
	}
	if s.fence, err = s.lab.spawner.spawn(s.slot.first(), theirs, unified, s.lab.null); err != nil {
		return err
	}
	s.userns, err = os.Open(filepath.Join("/proc", strconv.Itoa(s.fence), "ns/user"))
	if err != nil {
		return fmt.Errorf("user namespace: %w", err)
	}
	// Before PID 1 gets its cgroup namespace: a process at a hierarchy's root could mount the whole of it, the host's groups
	// included.
	return s.group.Join(s.fence, false)
}

// buryFence waits for the fence, which ends when it has cloned PID 1 or is killed.
func (s *Sandbox) buryFence() {
	if s.fence != 0 {
		_, _ = unix.Wait4(s.fence, nil, 0, nil)
		s.fence = 0
	}
	if s.userns != nil {
		s.userns.Close()
		s.userns = nil
	}
}
