package kernel

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Event is one thing that happened in a sandbox, in words.
type Event struct {
	// Seq numbers the events of a sandbox from 1.
	Seq uint64 `expr:"seq" json:"seq"`
	// At is when it was seen: the time of the first look after it happened.
	At time.Time `expr:"at" json:"at"`
	// Text says it: "pid 7 (sh) entered a new network namespace".
	Text string `expr:"text" json:"text"`
	// Kind is process, namespace, cgroup, mount, oom, network, seccomp, capabilities, or pause: nobody looked for a while.
	Kind string `expr:"kind" json:"kind"`
	// Scope is sandbox, nested (in namespaces inside the sandbox) or refused (the kernel said no).
	Scope string `expr:"scope" json:"scope"`
	// Pid is the pid, in the sandbox, of the process that it is about; 0 where it is about none, or about several.
	Pid int `expr:"pid" json:"pid,omitempty"`
	// Group is the control group that it is about, such as "/demo"; else empty.
	Group string `expr:"group" json:"group,omitempty"`
}

// RecorderOptions say how a Recorder works.
type RecorderOptions struct {
	// Connector tells of processes that come and go between two looks. Without it they are not seen.
	Connector *Connector
	// Log gets what went wrong on our side. Default: nobody.
	Log *slog.Logger
}

// Recorder keeps the history of one sandbox, from what differs between looks and from what it hears of its Connector. It reads
// nothing by itself: whoever has it calls Look again and again, as often as it shall be exact, and not while nobody cares.
//
// What it guarantees, and what not:
//
//   - Counters of the kernel's (memory.events, pids.events) only grow: an OOM kill is noticed however short it was, unless its group
//     is removed before the next look.
//   - A state that lasts from one look to the next is seen: a mount, a host name, a limit, a namespace, a filter.
//   - With a Connector, every process is known to have been there, with how it ended, however short it lived and whether anybody
//     looked or not, unless the kernel's queue overflowed (Connector.Lost). What the process was like, its namespaces, group,
//     capabilities, is read at its exec, at once, but by another thread than its own: a program that ends at once may be gone before.
//     The tests measure how often that is. No more than some hundred a second are read so; the others are only counted.
//   - Without a Connector, a process that lives for less than the time between two looks may not be seen at all.
type Recorder struct {
	reader  *Reader // for the looks
	quick   *Reader // for processes at their exec, which must not wait for a look
	options RecorderOptions
	stirred chan struct{} // capacity 1

	looking sync.Mutex // one look after the other
	last    *View
	read    time.Time // when last was read
	used    int       // the sandbox's processor time when reading last began, in µs; 0 where it is not known
	lost    uint64    // of the connector at the last look

	mu     sync.Mutex
	events []Event
	seq    uint64
	passed []*Process // ended or changed, the newest last
	ended  uint64     // how many ever went into passed
	marked uint64     // how many of these the last look has handed out
	life   map[int]*life
	heard  bool             // of anything since the last look
	owed   map[int]*Process // of those in passed, by the host's pid: gone, and the connector has yet to say how
	reads  allowance
	closed bool
}

// life is what was heard of a process since the last look.
type life struct {
	seen   *Process // at its last exec; nil if it was gone before it could be read
	over   bool
	status int
}

// Bounds of what is kept for a sandbox.
const (
	maxEvents = 2000
	maxPassed = 1024
	maxLives  = 4096 // processes between two looks; those beyond are only counted
	maxOwed   = 256
)

// patience is how long a look waits for the connector to say how a process has ended that is gone.
const patience = 20 * time.Millisecond

// pause is from which time on between two looks what differs is not told as if it happened now.
const pause = 5 * time.Second

// restful is for how long a look may do with the one before where nothing has run in the sandbox: averages over time change all the same.
const restful = 2 * time.Second

// NewRecorder begins to keep the history of a sandbox, until Close. It is [ErrEnded] where there is none any more.
func NewRecorder(source Source, options RecorderOptions) (*Recorder, error) {
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	r := newRecorder(options)
	var err error
	if r.reader, err = source.Open(); err != nil {
		return nil, err
	}
	if r.quick, err = source.Open(); err != nil {
		return nil, err
	}
	r.quick.booted = r.reader.booted // so that both give a process the same time of start
	if c := options.Connector; c != nil {
		r.lost = c.Lost()
		c.follow(r, []int{source.Init})
	}
	return r, nil
}

func newRecorder(options RecorderOptions) *Recorder {
	return &Recorder{options: options, stirred: make(chan struct{}, 1), life: map[int]*life{}, owed: map[int]*Process{}}
}

// Close ends the history. What is kept can still be asked for.
func (r *Recorder) Close() {
	r.Rest()
	r.mu.Lock()
	r.closed = true
	clear(r.life)
	r.mu.Unlock()
	if c := r.options.Connector; c != nil {
		c.forget(r)
	}
}

// recorded is what a look reads at least: all that the timeline speaks of.
const recorded = WantProcesses | WantNamespaces | WantPaths | WantCgroups | WantMounts | WantNetworks | WantHostnames

// Look reads the sandbox, what the history needs and what else is wanted, and takes into the history what has happened since the
// look before. Errors are those of [Source.Read]. Several may look; they take turns.
//
// Nothing in a sandbox changes without processor time. Where none was used since the look before, this one is cheap: it is the same again,
// and says so by Unchanged. The kernel writes the time of a running program down at each tick, so that what was done in the last few
// milliseconds may be seen by the next look only.
func (r *Recorder) Look(ctx context.Context, want Want) (*View, error) {
	r.looking.Lock()
	defer r.looking.Unlock()
	used := r.reader.processorTime()
	v := r.again(recorded|want, used)
	if v == nil {
		var err error
		if v, err = r.reader.Read(ctx, recorded|want); err != nil {
			return nil, err
		}
		v.gone = leftOf(r.last, v)
		r.compare(ctx, r.last, v)
		r.last, r.read, r.used = v, v.At, used
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	v.Passed, r.marked = r.since(r.marked), r.ended
	if want&WantHistory != 0 {
		v.History = slices.DeleteFunc(r.since(0), func(p *Process) bool { return !p.Ended })
	}
	if want&WantEvents != 0 {
		v.Events = slices.Clone(r.events)
	}
	return v, nil
}

// again is the last View, as of now, if it has what is wanted and nothing has run in the sandbox since; else nil.
func (r *Recorder) again(want Want, used int) *View {
	r.mu.Lock()
	heard := r.heard
	r.mu.Unlock()
	if r.last == nil || heard || used == 0 || used != r.used || time.Since(r.read) >= restful || r.last.Want&want.normal() != want.normal() {
		return nil
	}
	v := r.last.as(r.last.Processes)
	v.At, v.Unchanged = time.Now(), true
	return v
}

// Rest closes what is kept open from one look to the next, while nobody looks.
func (r *Recorder) Rest() { r.reader.Rest() }

// Stirred receives when a process has run another program or ended since, so that the next look need not wait its time.
// Without a Connector it never does.
func (r *Recorder) Stirred() <-chan struct{} { return r.stirred }

// Forget begins the history anew, with the next look.
func (r *Recorder) Forget() {
	r.looking.Lock()
	defer r.looking.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last, r.events, r.passed, r.marked = nil, nil, nil, r.ended
	clear(r.life)
	clear(r.owed)
}

// Events are those with a number above after and below before, 0 for no bound, oldest first; of more than most, the latest. The
// latest 2,000 are kept. more says that there are older ones.
func (r *Recorder) Events(after, before uint64, most int) (events []Event, more bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.events
	if before > 0 {
		all = all[:search(all, before)]
	}
	from := max(search(all, after+1), len(all)-most)
	return slices.Clone(all[from:]), from > 0
}

// Newest is the number of the newest event; 0 while there is none.
func (r *Recorder) Newest() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seq
}

// search is the index of the first event with at least that number.
func search(events []Event, seq uint64) int {
	i, _ := slices.BinarySearchFunc(events, seq, func(e Event, seq uint64) int { return cmp.Compare(e.Seq, seq) })
	return i
}

// since are the processes that have passed after a mark, the value of ended then; 0 for all that are kept. mu is held.
func (r *Recorder) since(mark uint64) []*Process {
	n := min(r.ended-min(mark, r.ended), uint64(len(r.passed)))
	return slices.Clone(r.passed[uint64(len(r.passed))-n:])
}

// hear takes an event of the process connector. It is called on the connector's thread.
func (r *Recorder) hear(e procEvent) {
	var seen *Process
	if e.what == cnExec && r.mayRead() {
		// At once, before anything else.
		r.quick.mu.Lock()
		if r.quick.meet() == nil {
			seen, _ = r.quick.process(e.pid, "", WantNamespaces|WantPaths|WantMaps, map[int][2][]idRange{})
		}
		r.quick.mu.Unlock()
	}
	r.note(e, seen)
}

// note takes an event, and for an exec the process as it is since; nil if it is gone already.
func (r *Recorder) note(e procEvent, seen *Process) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	r.heard = true
	if r.amend(e, seen) {
		return
	}
	l := r.life[e.pid]
	if l == nil {
		if len(r.life) >= maxLives {
			return
		}
		l = &life{}
		r.life[e.pid] = l
	}
	switch e.what {
	case cnFork:
		if l.over && l.seen != nil { // its pid is used again already
			r.keep(l.seen.end(l.status))
		}
		*l = life{}
	case cnExec:
		if seen != nil {
			r.keep(l.seen)
			l.seen = seen
		}
		r.stir()
	case cnExit:
		l.over, l.status = true, e.status
		r.stir()
	}
}

// amend takes what is told of a process that a look has missed before the connector's thread came to say how it ended. mu is held.
func (r *Recorder) amend(e procEvent, seen *Process) bool {
	p := r.owed[e.pid]
	if p == nil {
		return false
	}
	if e.what == cnExec && seen == nil {
		return true // it was gone before that could be read; how it ended is yet to come
	}
	delete(r.owed, e.pid)
	if e.what != cnExit {
		return false // another has its pid
	}
	if i := slices.Index(r.passed, p); i >= 0 {
		r.passed[i] = p.end(e.status)
	}
	r.stir()
	return true
}

func (r *Recorder) stir() {
	select {
	case r.stirred <- struct{}{}:
	default:
	}
}

// mayRead tells whether a process may be read at its exec: the thread is everybody's, and reading takes some 100 µs.
func (r *Recorder) mayRead() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.closed && len(r.life) < maxLives && r.reads.take(time.Now())
}

// allowance is how many more may be had: so many a second, and what was not taken of the last second.
type allowance struct {
	left float64
	at   time.Time
}

const readsASecond = 500

func (a *allowance) take(now time.Time) bool {
	a.left = min(readsASecond, a.left+now.Sub(a.at).Seconds()*readsASecond)
	a.at = now
	if a.left < 1 {
		return false
	}
	a.left--
	return true
}

// keep adds a process to those that have passed. mu is held.
func (r *Recorder) keep(p *Process) {
	if p == nil {
		return
	}
	r.passed = append(r.passed, p)
	r.ended++
	if len(r.passed) > maxPassed+maxPassed/4 {
		r.passed = slices.Clone(r.passed[len(r.passed)-maxPassed:])
	}
}

// end is the process with how it ended, as wait(2) gives it.
func (p *Process) end(status int) *Process {
	gone := *p
	gone.Ended, gone.ExitStatus, gone.Signal = true, -1, ""
	if w := unix.WaitStatus(status); w.Signaled() {
		gone.Signal = unix.SignalName(w.Signal())
	} else {
		gone.ExitStatus = w.ExitStatus()
	}
	return &gone
}

// compare notes what differs between two looks, and what was heard between them.
func (r *Recorder) compare(ctx context.Context, last, now *View) {
	c := r.options.Connector
	if c != nil {
		pids := make([]int, 0, len(now.Processes))
		for _, p := range now.Processes {
			pids = append(pids, p.HostPid)
		}
		c.follow(r, pids)
		r.await(ctx, last, now)
	}
	r.mu.Lock()
	lives := r.life
	r.life, r.heard = map[int]*life{}, false
	r.mu.Unlock()

	t := &telling{last: last, now: now, lives: lives}
	if last == nil {
		t.first()
	} else {
		t.tell()
	}
	if c != nil {
		if lost := c.Lost(); lost != r.lost {
			r.lost = lost
			t.say("process", "sandbox", "the kernel had more to tell than was heard: processes may be missing here")
		}
	}
	if last != nil && now.At.Sub(last.At) > pause && len(t.events) > 0 {
		t.events = slices.Insert(t.events, 0, Event{
			Kind: "pause", Scope: "sandbox", Text: "nobody looked for " + now.At.Sub(last.At).Round(time.Second).String() + "; meanwhile:",
		})
	}

	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	owed := make(map[int]*Process, len(t.owed))
	for _, p := range t.owed {
		owed[p.HostPid] = p
	}
	for pid, l := range lives {
		if read := t.after[pid] != nil; read != l.over || owed[pid] != nil {
			continue // it goes on and was read, or it has ended and was told
		}
		// It has begun since the look read the others, or has ended since it was read itself: the next look, or its end, tells.
		if newer := r.life[pid]; newer == nil {
			r.life[pid] = l
		} else if newer.seen == nil && !l.over {
			newer.seen = l.seen
		}
	}
	for _, p := range t.passed {
		r.keep(p)
	}
	if c != nil && len(r.owed)+len(owed) <= maxOwed {
		maps.Copy(r.owed, owed)
	}
	for _, e := range t.events {
		r.seq++
		e.Seq, e.At = r.seq, now.At
		r.events = append(r.events, e)
	}
	if len(r.events) > maxEvents+maxEvents/4 {
		r.events = slices.Clone(r.events[len(r.events)-maxEvents:])
	}
}

// await gives the connector a moment to say how those have ended who are gone since the last look: its thread may be a little late.
func (r *Recorder) await(ctx context.Context, last, now *View) {
	if last == nil {
		return
	}
	after := byHostPid(now)
	var gone []int
	for _, p := range last.Processes {
		if !same(p, after[p.HostPid]) {
			gone = append(gone, p.HostPid)
		}
	}
	heard := func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return !slices.ContainsFunc(gone, func(pid int) bool { return r.life[pid] == nil || !r.life[pid].over })
	}
	for deadline := time.Now().Add(patience); !heard() && time.Now().Before(deadline); {
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			return
		}
	}
}
