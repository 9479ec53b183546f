package kmsg

import (
	"regexp"
	"strings"
	"time"
)

// The report of an out-of-memory kill is some hundred lines, and only the last say whose it is:
//
//	sh invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0
//	CPU: 1 UID: 100000 PID: 9269 Comm: sh Not tainted 6.18.44 #1
//	Call Trace:
//	 …
//	memory: usage 96kB, limit 96kB, failcnt 48
//	Memory cgroup stats for /glassbox/17-k3v9x2/box/demo:
//	…
//	Tasks state (memory values in pages):
//	[  pid  ]   uid  tgid total_vm      rss …  name
//	[   9269] 100000  9269      426      205 … sh
//	oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/…/demo,task_memcg=/…/demo,task=sh,pid=9269,uid=100000
//	Memory cgroup out of memory: Killed process 9269 (sh) total-vm:1704kB, …, UID:100000 pgtables:44kB oom_score_adj:0
//
// The kernel makes one report at a time (oom_lock in mm/oom_kill.c), but other lines may come between. Where the kernel says who
// wrote a line, a report is what one task wrote. Else it is the lines that look like a report's, and where something
// else that brings a call trace comes between, no line of either trace is taken.

const (
	// maxReport bounds a report, in lines: some hundred and one for each process of the group.
	maxReport = 5000
	// maxReportTime is how long after its beginning a report may go on. It takes a millisecond; a serial console makes it slow.
	maxReportTime = 30 * time.Second
	// newline is how /dev/kmsg writes a line's end within a message.
	newline = `\x0a`
	// maxVictims bounds how many killed processes are remembered for the lines that come after.
	maxVictims = 1000
)

var (
	invoked = regexp.MustCompile(`^.{0,60} invoked oom-killer: gfp_mask=`)
	stats   = regexp.MustCompile(`^Memory cgroup stats for (/.*):$`)
	victim  = regexp.MustCompile(`,pid=(\d+),uid=(\d+)$`)
	nobody  = regexp.MustCompile(`^(?:Memory cgroup out|Out) of memory and no killable processes`)

	// What a report is made of, beyond the above.
	cpu   = regexp.MustCompile(`^CPU: \d+ `)
	trace = regexp.MustCompile(`^(?:Hardware name: |Call [Tt]race:|Workqueue: | </?(?:TASK|IRQ)>| (?:\? )?[\w.]+\+0x[0-9a-f]+/0x[0-9a-f]+|(?:RIP|RSP|RAX|RDX|RBP|R10|R13|RFL): |Code: |(?:pc|lr|sp|pstate|x\d+) ?: )`)
	usage = regexp.MustCompile(`^(?:memory|memory\+swap|swap|kmem): usage \d+kB, limit \d+kB, failcnt \d+$`)
	count = regexp.MustCompile(`^[a-z0-9_]+ \d+(?:` + regexp.QuoteMeta(newline) + `[a-z0-9_]+ \d+)*(?:` + regexp.QuoteMeta(newline) + `)?$`)
	tasks = regexp.MustCompile(`^(?:Tasks state |\[ *pid *\] |\[ *\d+\] +\d+ )`)
	alien = regexp.MustCompile(`^(?:-+\[ cut here \]|WARNING: |BUG: |Oops|INFO: |Kernel panic|rcu: |watchdog: |sysrq: |general protection fault|[\w-]+: page allocation failure|.* blocked for more than )`)
)

// reports are those that have begun, by who writes them, and those killed of late.
type reports struct {
	open    map[string]*report
	victims map[string]*Feed // by pid
}

type report struct {
	began   time.Duration
	lines   []Line
	path    string // of the group, by its statistics
	cpu     bool   // the line "CPU:" was there
	tracing bool   // the call trace is not over, and nobody else's has come between
	mixed   int    // how many reports it would be, had their lines not come together
}

func newReports() reports {
	return reports{open: map[string]*report{}, victims: map[string]*Feed{}}
}

// lost gives up all that is half, because records are missing.
func (rs *reports) lost() { clear(rs.open) }

// end ends the report of who wrote the record, if it is one.
func (rs *reports) end(rec record) {
	if p := rs.open[rec.caller]; p != nil && p.mixed <= 1 {
		delete(rs.open, rec.caller)
	}
}

// claim remembers that a process that is killed was a feed's.
func (rs *reports) claim(pid string, f *Feed) {
	if f == nil {
		delete(rs.victims, pid)
		return
	}
	if len(rs.victims) >= maxVictims {
		clear(rs.victims)
	}
	rs.victims[pid] = f
}

// forget drops what refers to a feed.
func (rs *reports) forget(f *Feed) {
	for pid, of := range rs.victims {
		if of == f {
			delete(rs.victims, pid)
		}
	}
}

// report takes a record if it is part of a report. It returns the lines of the report when they are whole.
func (r *Reader) report(rec record) (_ *Feed, _ []Line, taken bool) {
	rs := &r.reports
	if invoked.MatchString(rec.Text) {
		if p := rs.open[rec.caller]; p != nil && rec.Uptime-p.began <= maxReportTime {
			// The one before has not come to its end. It may have had none, but nothing says so.
			*p = report{began: rec.Uptime, mixed: max(p.mixed, 1) + 1}
			return nil, nil, true
		}
		rs.open[rec.caller] = &report{began: rec.Uptime, lines: []Line{rec.Line}, tracing: true}
		return nil, nil, true
	}
	p := rs.open[rec.caller]
	if p == nil {
		return nil, nil, false
	}
	if rec.Uptime-p.began > maxReportTime || len(p.lines) >= maxReport {
		delete(rs.open, rec.caller)
		return nil, nil, false
	}
	if !p.takes(rec) {
		return nil, nil, false
	}
	last := strings.HasPrefix(rec.Text, "oom-kill:")
	if p.mixed > 1 && !last {
		return nil, nil, true
	}
	if count.MatchString(rec.Text) { // up to 6.9, all counts are one record
		for text := range strings.SplitSeq(strings.TrimSuffix(rec.Text, newline), newline) {
			line := rec.Line
			line.Text = text
			p.lines = append(p.lines, line)
		}
		return nil, nil, true
	}
	p.lines = append(p.lines, rec.Line)
	if m := stats.FindStringSubmatch(rec.Text); m != nil {
		p.path = m[1]
	}
	if nobody.MatchString(rec.Text) {
		delete(rs.open, rec.caller)
		return r.inGroup(p.path), p.lines, true
	}
	if !last {
		return nil, nil, true
	}
	feed, whole := r.judge(rec.Text, p.path)
	whole = whole && p.mixed <= 1
	if p.mixed--; p.mixed < 1 {
		delete(rs.open, rec.caller)
	}
	if m := victim.FindStringSubmatch(rec.Text); m != nil {
		rs.claim(m[1], feed)
	}
	lines := p.lines
	p.lines = nil
	if !whole {
		lines = []Line{rec.Line}
	}
	return feed, lines, true
}

// takes tells whether a record is part of the report.
func (p *report) takes(rec record) bool {
	text := rec.Text
	if rec.caller != "" {
		return true
	}
	switch {
	case alien.MatchString(text):
		p.tracing = false
		p.dropTrace()
		return false
	case cpu.MatchString(text):
		if p.cpu || !p.tracing {
			p.tracing = false
			p.dropTrace()
			return false
		}
		p.cpu = true
		return true
	case trace.MatchString(text):
		return p.tracing
	case usage.MatchString(text):
		p.tracing = false
		return true
	}
	return stats.MatchString(text) || nobody.MatchString(text) || count.MatchString(text) || tasks.MatchString(text) ||
		strings.HasPrefix(text, "oom-kill:constraint=")
}

// dropTrace takes the call trace out of a report that another's may be mixed with.
func (p *report) dropTrace() {
	kept := p.lines[:0]
	for _, l := range p.lines {
		if !trace.MatchString(l.Text) {
			kept = append(kept, l)
		}
	}
	p.lines = kept
}

// judge reads whose a report is from the line that says who ran out and who is killed (dump_oom_victim in mm/oom_kill.c):
//
//	oom-kill:constraint=%s,nodemask=%*pbl,cpuset=NAME,mems_allowed=%*pbl[,global_oom|,oom_memcg=PATH],task_memcg=PATH,task=%s,pid=%d,uid=%u
//
// The learner chooses the name of the cpuset, the ends of the paths and the name of the task. So a line in which a key appears twice is
// nobody's; where the victim's user id is known to be somebody's, the path must agree; and the whole report is the
// victim's only if it is of one group, by the constraint, and that group is theirs, by the path of its statistics.
func (r *Reader) judge(text, path string) (_ *Feed, whole bool) {
	const ranOut, of, name = ",oom_memcg=", ",task_memcg=", ",task="
	if strings.Count(text, of) != 1 {
		return nil, false
	}
	before, after, _ := strings.Cut(text, of)
	task, _, ok := strings.Cut(after, name)
	m := victim.FindStringSubmatch(after)
	if !ok || m == nil {
		return nil, false
	}
	feed := r.inGroup(task)
	if user := r.ofUser(m[2]); feed == nil || user != nil && user != feed {
		return nil, false
	}
	one := strings.HasPrefix(text, "oom-kill:constraint=CONSTRAINT_MEMCG,")
	return feed, one && strings.HasSuffix(before, ranOut+path) && feed.subject.contains(path)
}
