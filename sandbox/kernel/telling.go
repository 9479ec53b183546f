package kernel

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// telling puts into words what differs between two looks at a sandbox.
type telling struct {
	last, now *View
	lives     map[int]*life // what was heard in between, by the host's pid
	events    []Event
	passed    []*Process
	owed      []*Process       // of these: who are gone, and nobody has said how
	before    map[int]*Process // by the host's pid
	after     map[int]*Process
}

// burst is from how many of a kind on they are told in one line.
const burst = 5

func (t *telling) say(kind, scope, format string, args ...any) {
	t.events = append(t.events, Event{Kind: kind, Scope: scope, Text: fmt.Sprintf(format, args...)})
}

// sayOf tells something of a process.
func (t *telling) sayOf(p *Process, kind, format string, args ...any) {
	t.events = append(t.events, eventOf(p, kind, format, args...))
}

func eventOf(p *Process, kind, format string, args ...any) Event {
	return Event{Kind: kind, Scope: scopeOf(p), Pid: p.Pid, Text: fmt.Sprintf(format, args...)}
}

// first takes what was heard before the first look. There is nothing to compare with, and so nothing to tell.
func (t *telling) first() {
	t.after = byHostPid(t.now)
	for pid, l := range t.lives {
		if l.over && l.seen != nil && t.after[pid] == nil {
			t.passed = append(t.passed, l.seen.end(l.status))
		}
	}
}

func (t *telling) tell() {
	t.before, t.after = byHostPid(t.last), byHostPid(t.now)
	t.groups() // first, since processes go into them
	t.processes()
	t.mounts()
	t.hostnames()
	t.networks()
}

func byHostPid(v *View) map[int]*Process {
	m := make(map[int]*Process, len(v.Processes))
	for _, p := range v.Processes {
		m[p.HostPid] = p
	}
	return m
}

// same tells whether two looks saw the same process, and not one that has its pid later.
func same(a, b *Process) bool { return a != nil && b != nil && a.Started.Equal(b.Started) }

func called(p *Process) string {
	name := fmt.Sprintf("pid %d (%s)", p.Pid, strings.ToValidUTF8(p.Comm, "?"))
	if n := len(p.Pids); n > 1 {
		name += fmt.Sprintf(", which is pid %d in its own namespace,", p.Pids[n-1])
	}
	return name
}

// who is called, shorter.
func who(p *Process) string {
	return fmt.Sprintf("pid %d (%s)", p.Pid, strings.ToValidUTF8(p.Comm, "?"))
}

func scopeOf(p *Process) string {
	n := p.Namespaces
	for _, ns := range []Namespace{n.Cgroup, n.IPC, n.Mount, n.Net, n.Pid, n.Time, n.User, n.UTS} {
		if ns.Own {
			return "nested"
		}
	}
	return "sandbox"
}

func scope(own bool) string {
	if own {
		return "nested"
	}
	return "sandbox"
}

// maxTables is up to how many mounts, and how many interfaces, are kept with a process that has passed.
const maxTables = 256

// lean is a process as it may be kept: a thousand of them, each with a table of its own that is as long as the learner likes, are too much.
func lean(p *Process) *Process {
	if len(p.Mounts) <= maxTables && len(p.Interfaces) <= maxTables {
		return p
	}
	l := *p
	if len(l.Mounts) > maxTables {
		l.Mounts = nil
	}
	if len(l.Interfaces) > maxTables {
		l.Interfaces = nil
	}
	return &l
}

func (t *telling) processes() {
	var started, ended, ran []Event
	unseen := 0
	for _, p := range t.now.Processes {
		was := t.before[p.HostPid]
		if unborn(t.now, p) {
			continue
		}
		if same(was, p) && !unborn(t.last, was) {
			if was.Comm != p.Comm && was.Cmdline != p.Cmdline && p.State != "Z" {
				t.sayOf(p, "process", "pid %d runs %s now; it was %s", p.Pid, brief(p.Comm), brief(was.Comm))
			}
			t.changed(was, p)
			if !alike(was, p) {
				t.passed = append(t.passed, lean(was))
			}
			continue
		}
		started = append(started, eventOf(p, "process", "%s started: %s", called(p), brief(p.Cmdline)))
		if parent := t.after[p.HostPpid]; parent != nil {
			t.changed(parent, p)
		}
	}
	for _, p := range t.last.Processes {
		if same(p, t.after[p.HostPid]) {
			continue
		}
		gone := *lean(p)
		l := t.lives[p.HostPid]
		if l != nil && l.seen != nil && l.seen.Started.Equal(p.Started) { // it ran another program meanwhile
			t.passed = append(t.passed, lean(p))
			gone = *l.seen
		}
		gone.Ended = true
		how := " ended"
		if l != nil && l.over {
			gone = *gone.end(l.status)
			how = ending(&gone)
		} else {
			t.owed = append(t.owed, &gone)
		}
		t.passed = append(t.passed, &gone)
		ended = append(ended, eventOf(&gone, "process", "%s%s", who(&gone), how))
	}
	// What came and went between the looks.
	for pid, l := range t.lives {
		before, after := t.before[pid], t.after[pid]
		switch {
		case after != nil:
			if !l.over && l.seen != nil && same(l.seen, after) && l.seen.Cmdline != after.Cmdline {
				t.passed = append(t.passed, l.seen) // it ran this program in between
			}
			continue
		case before != nil && (l.seen == nil || same(l.seen, before)):
			continue // told above
		case !l.over:
			continue // it began after the look, see compare
		case l.seen == nil:
			unseen++
			continue
		}
		p := l.seen.end(l.status)
		t.passed = append(t.passed, p)
		ran = append(ran, eventOf(p, "process", "%s ran and%s: %s", called(p), ending(p), brief(p.Cmdline)))
		if parent := t.after[p.HostPpid]; parent != nil {
			t.namespaces(parent, p)
		}
	}
	t.several(started, "%d processes started")
	slices.SortFunc(ran, func(a, b Event) int { return cmp.Compare(a.Pid, b.Pid) })
	t.several(ran, "%d processes ran and ended")
	t.several(ended, "%d processes ended")
	if unseen >= burst { // a shell forks without exec all the time
		t.say("process", "sandbox", "%d processes came and went, too fast to be looked at", unseen)
	}
}

// unborn tells whether a process is one that PID 1 has forked and that has yet to become a program of its own, such as a shell.
func unborn(v *View, p *Process) bool {
	return v.Init != nil && p.HostPpid == v.Init.HostPid && p.Cmdline == v.Init.Cmdline
}

// several tells each of some events, or how many they are.
func (t *telling) several(events []Event, many string) {
	if len(events) < burst {
		t.events = append(t.events, events...)
		return
	}
	t.say(events[0].Kind, events[0].Scope, many, len(events))
}

// alike tells whether a process is the same in all that checks are likely to ask for.
func alike(a, b *Process) bool {
	return a.Namespaces == b.Namespaces && a.Root == b.Root && a.Cmdline == b.Cmdline && a.Cgroup == b.Cgroup && a.OwnFilters == b.OwnFilters &&
		a.UID == b.UID && a.NoNewPrivs == b.NoNewPrivs && slices.Equal(a.Capabilities.Effective, b.Capabilities.Effective) &&
		slices.Equal(a.Capabilities.Bounding, b.Capabilities.Bounding)
}

func ending(p *Process) string {
	switch {
	case p.Signal != "":
		return " was killed by " + p.Signal
	case p.ExitStatus > 0:
		return fmt.Sprintf(" ended with status %d", p.ExitStatus)
	}
	return " ended"
}

func brief(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "?")), " ")
	if r := []rune(s); len(r) > 80 {
		return string(r[:80]) + "…"
	}
	return s
}

// changed tells what a process has that it, or for a new one its parent, had not.
func (t *telling) changed(was, p *Process) {
	if p.State == "Z" {
		return // it has lost all, and that tells nothing
	}
	t.namespaces(was, p)
	if was.Cgroup != p.Cgroup {
		t.sayOf(p, "cgroup", "%s moved to group %s", who(p), p.Cgroup)
	}
	if was.Root != p.Root && p.Root != "" && was.Root != "" {
		t.sayOf(p, "mount", "%s changed its root to %s", who(p), p.Root)
	}
	if p.OwnFilters > was.OwnFilters {
		t.sayOf(p, "seccomp", "%s runs behind a seccomp filter of its own (%d)", who(p), p.OwnFilters)
	}
	if p.Seccomp == "strict" && was.Seccomp != "strict" {
		t.sayOf(p, "seccomp", "%s went into seccomp's strict mode", who(p))
	}
	if p.NoNewPrivs && !was.NoNewPrivs {
		t.sayOf(p, "capabilities", "%s can gain no more privileges (no_new_privs)", who(p))
	}
	for _, set := range []struct {
		name     string
		was, now []string
	}{{"effective", was.Capabilities.Effective, p.Capabilities.Effective}, {"bounding", was.Capabilities.Bounding, p.Capabilities.Bounding}} {
		if lost := without(set.was, set.now); len(lost) > 0 {
			t.sayOf(p, "capabilities", "%s lost %s from its %s set", who(p), listed(lost, "capabilities"), set.name)
		}
	}
	if gained := without(p.Capabilities.Effective, was.Capabilities.Effective); len(gained) > 0 {
		t.sayOf(p, "capabilities", "%s gained %s in its effective set", who(p), listed(gained, "capabilities"))
	}
	if was.UID != p.UID {
		t.sayOf(p, "process", "%s became user %d", who(p), p.UID)
	}
}

// namespaces tells which namespaces a process went into: new ones, or such as were there before.
func (t *telling) namespaces(was, p *Process) {
	var fresh, joined []string
	for _, k := range []struct {
		name string
		of   func(*Process) Namespace
	}{
		{"user", func(p *Process) Namespace { return p.Namespaces.User }},
		{"pid", func(p *Process) Namespace { return p.Namespaces.Pid }},
		{"mount", func(p *Process) Namespace { return p.Namespaces.Mount }},
		{"network", func(p *Process) Namespace { return p.Namespaces.Net }},
		{"uts", func(p *Process) Namespace { return p.Namespaces.UTS }},
		{"ipc", func(p *Process) Namespace { return p.Namespaces.IPC }},
		{"cgroup", func(p *Process) Namespace { return p.Namespaces.Cgroup }},
		{"time", func(p *Process) Namespace { return p.Namespaces.Time }},
	} {
		id := k.of(p).ID
		if id == 0 || k.of(was).ID == 0 || id == k.of(was).ID {
			continue
		}
		known := slices.ContainsFunc(t.last.Processes, func(o *Process) bool { return k.of(o).ID == id })
		if known || !k.of(p).Own {
			joined = append(joined, k.name)
		} else {
			fresh = append(fresh, k.name)
		}
	}
	if len(fresh) == 1 {
		t.sayOf(p, "namespace", "%s entered a new %s namespace", who(p), fresh[0])
	} else if len(fresh) > 1 {
		t.sayOf(p, "namespace", "%s entered new namespaces: %s", who(p), strings.Join(fresh, ", "))
	}
	if len(joined) > 0 {
		t.sayOf(p, "namespace", "%s joined: %s namespace", who(p), strings.Join(joined, ", "))
	}
}

func without(a, b []string) []string {
	if len(a) > 0 && len(a) == len(b) && &a[0] == &b[0] {
		return nil // the same set, and the same slice for it
	}
	var left []string
	for _, s := range a {
		if !slices.Contains(b, s) {
			left = append(left, s)
		}
	}
	return left
}

func listed(names []string, what string) string {
	if len(names) >= burst {
		return fmt.Sprintf("%d %s", len(names), what)
	}
	return strings.Join(names, ", ")
}
