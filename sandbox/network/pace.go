package network

import (
	"context"
	"sync"
	"time"
)

// A sandbox's requests to one service, connections included, are served at this pace, so that a flood costs the host little.
// A lesson needs a few a second; a container engine that pulls an image a few dozen.
const (
	requestEvery = 4 * time.Millisecond
	requestBurst = 100 * requestEvery
)

// pace spaces events out: one every so often, after a burst. It is the generic cell rate algorithm (ITU-T I.371).
type pace struct {
	every time.Duration
	burst time.Duration

	mu   sync.Mutex
	next time.Time // when the next event would be due without a burst
}

// reserve takes the next place in time, and returns how long it is to it.
func (p *pace) reserve(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if earliest := now.Add(-p.burst); p.next.Before(earliest) {
		p.next = earliest
	}
	wait := p.next.Sub(now)
	p.next = p.next.Add(p.every)
	return max(wait, 0)
}

// wait waits for one's turn.
func (p *pace) wait(ctx context.Context) error {
	d := p.reserve(time.Now())
	if d == 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
