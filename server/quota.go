package server

import (
	"sync"
	"time"
)

// quota lets burst things happen at once and then one every interval.
type quota struct {
	burst    int
	interval time.Duration
}

// bucket counts what is left of a quota. The zero value is full. It has no lock.
type bucket struct {
	spent float64
	at    time.Time
}

// take takes one out, or tells how long until there is one.
func (b *bucket) take(q quota, now time.Time) (wait time.Duration) {
	b.spent = max(0, b.spent-float64(now.Sub(b.at))/float64(q.interval))
	b.at = now
	if over := b.spent + 1 - float64(q.burst); over > 0 {
		return time.Duration(over * float64(q.interval))
	}
	b.spent++
	return 0
}

// full tells whether nothing is missing, so that the bucket can be forgotten.
func (b *bucket) full(q quota, now time.Time) bool {
	return b.spent <= float64(now.Sub(b.at))/float64(q.interval)
}

// Building a box costs some milliseconds of a processor, a loop device, and a piece of the disk, so it is the one thing
// that a visitor could hurt others with by asking often. The quota of all is for visitors who throw their cookie away.
var (
	startsOfOne = quota{burst: 10, interval: 6 * time.Second}
	startsOfAll = quota{burst: 120, interval: 500 * time.Millisecond}
)

// starts counts the boxes that were built lately.
type starts struct {
	ofOne, ofAll quota

	mu  sync.Mutex
	one map[visitor]*bucket
	all bucket
}

// take takes one start of a visitor, or tells how long to wait.
func (s *starts) take(v visitor, now time.Time) (wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.one == nil {
		s.one = make(map[visitor]*bucket)
	}
	b := s.one[v]
	if b == nil {
		for other, b := range s.one {
			if b.full(s.ofOne, now) {
				delete(s.one, other)
			}
		}
		b = &bucket{}
		s.one[v] = b
	}
	if wait := b.take(s.ofOne, now); wait > 0 {
		return wait
	}
	if wait := s.all.take(s.ofAll, now); wait > 0 {
		b.spent--
		return wait
	}
	return 0
}
