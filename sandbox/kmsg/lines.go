package kmsg

import (
	"regexp"
	"strconv"
	"strings"
)

// The lines that stand alone, as the kernel's source has their formats. A learner chooses what is (.*) here: the name of a
// process (15 bytes) or of a group. So each expression is anchored, a name is matched greedily where something follows it that is
// the kernel's, and what says whose the line is stands where no name can reach it, or begins with a path that a learner
// cannot choose the beginning of.
var (
	// mm/oom_kill.c: "%s: Killed process %d (%s) total-vm:%lukB, anon-rss:%lukB, file-rss:%lukB, shmem-rss:%lukB, UID:%u
	// pgtables:%lukB oom_score_adj:%hd\n"
	killed = regexp.MustCompile(`^(?:Memory cgroup out|Out) of memory(?: \([^()]*\))?: Killed process (\d+) \(.*\) total-vm:\d+kB, .*, UID:(\d+) pgtables:\d+kB oom_score_adj:-?\d+$`)
	// "%s: OOM victim %d (%s) is already exiting. Skip killing the task\n"
	exiting = regexp.MustCompile(`^(?:Memory cgroup out|Out) of memory: OOM victim (\d+) \(.*\) is already exiting\. Skip killing the task$`)
	// "oom_reaper: reaped process %d (%s), now anon-rss:%lukB, file-rss:%lukB, shmem-rss:%lukB\n"
	reaped = regexp.MustCompile(`^oom_reaper: (?:reaped|unable to reap) process (\d+) \(.*\)`)
	// mm/memcontrol.c, memory.oom.group: "Tasks in " path " are going to be killed due to memory.oom.group set\n"
	group = regexp.MustCompile(`^Tasks in (/.*) are going to be killed due to memory\.oom\.group set$`)
	// kernel/cgroup/pids.c: "cgroup: fork rejected by pids controller in " path "\n"
	fork = regexp.MustCompile(`^cgroup: fork rejected by pids controller in (/.*)$`)
	// arch/x86/mm/fault.c: "%s%s[%d]: segfault at %lx ip %p sp %p error %lx"; arch/arm64/kernel/traps.c: "%s[%d]: unhandled exception: "
	fault = regexp.MustCompile(`^.{0,60}\[(\d+)\]: (?:segfault at|unhandled exception:) `)
	// arch/x86/kernel/traps.c: "traps: %s[%d] trap %s ip:%lx sp:%lx error:%lx", "traps: %s[%d] general protection fault ip:…"
	trap = regexp.MustCompile(`^traps: .{0,60}\[(\d+)\] (?:trap .*|general protection fault) ip:[0-9a-f]+ sp:[0-9a-f]+ error:[0-9a-f]+`)
	// kernel/auditsc.c, AUDIT_SECCOMP: "auid=%u uid=%u gid=%u ses=%u" [" subj=%s"] " pid=%d comm=" …
	seccomp = regexp.MustCompile(`^audit: type=1326 audit\([0-9.:]+\): auid=\d+ uid=(\d+) gid=\d+ ses=\d+ (?:subj=\S+ )?pid=(\d+) comm=`)
)

// attribute tells whose a record is, and which lines that makes: none while a report is not whole. The reader's lock is held.
func (r *Reader) attribute(rec record) (*Feed, []Line) {
	if m := killed.FindStringSubmatch(rec.Text); m != nil {
		feed := r.ofUser(m[2])
		if feed == nil {
			feed = r.reports.victims[m[1]] // as the report before it has it
		}
		r.reports.claim(m[1], feed)
		r.reports.end(rec)
		return feed, []Line{rec.Line}
	}
	if feed, lines, ok := r.report(rec); ok {
		return feed, lines
	}
	return r.single(rec), []Line{rec.Line}
}

// single attributes a line that is not part of a report.
func (r *Reader) single(rec record) *Feed {
	text := rec.Text
	if m := group.FindStringSubmatch(text); m != nil {
		return r.inGroup(m[1])
	}
	if m := fork.FindStringSubmatch(text); m != nil {
		return r.inGroup(m[1])
	}
	if m := seccomp.FindStringSubmatch(text); m != nil {
		if feed := r.ofUser(m[1]); feed != nil {
			return feed
		}
		return r.ofProcess(m[2])
	}
	if m := exiting.FindStringSubmatch(text); m != nil {
		return r.ofVictim(m[1])
	}
	if m := reaped.FindStringSubmatch(text); m != nil {
		feed := r.ofVictim(m[1])
		delete(r.reports.victims, m[1])
		return feed
	}
	for _, kind := range []*regexp.Regexp{fault, trap} {
		if m := kind.FindStringSubmatch(text); m != nil {
			return r.ofProcess(m[1])
		}
	}
	if _, ok := rec.task(); ok {
		return r.ofProcess(strings.TrimPrefix(rec.caller, "T"))
	}
	return nil
}

// inGroup finds the subject that a cgroup belongs to.
func (r *Reader) inGroup(path string) *Feed {
	return r.find(func(s Subject) bool { return s.contains(path) })
}

// ofUser finds the subject that a user id belongs to.
func (r *Reader) ofUser(uid string) *Feed {
	n, err := strconv.ParseUint(uid, 10, 32)
	if err != nil {
		return nil
	}
	return r.find(func(s Subject) bool { return s.has(uint32(n)) })
}

// ofProcess finds the subject that says that a process is its own.
func (r *Reader) ofProcess(pid string) *Feed {
	n, err := strconv.Atoi(pid)
	if err != nil {
		return nil
	}
	return r.find(func(s Subject) bool { return s.Owns != nil && s.Owns(n) })
}

// ofVictim finds the subject whose process was killed before, or says that it is its own.
func (r *Reader) ofVictim(pid string) *Feed {
	if feed := r.reports.victims[pid]; feed != nil {
		return feed
	}
	return r.ofProcess(pid)
}
