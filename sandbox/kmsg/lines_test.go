package kmsg

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestAttribution: whose a line is. Subject a has the group /glassbox/1-aaaa, the user ids from 100000 and the pids 100 to 199;
// b has /glassbox/1-aaaab, those from 200000, and the pids 200 to 299.
func TestAttribution(t *testing.T) {
	oomKill := "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=%s,mems_allowed=0,oom_memcg=%s,task_memcg=%s,task=%s,pid=%d,uid=%d"
	report := func(stats, last string) []string {
		r := oomReport(stats, "sh", 101, 100000)
		return append(r[:len(r)-2:len(r)-2], last)
	}
	tests := []struct {
		name   string
		caller string
		send   []string
		a, b   []string
	}{
		{name: "fork rejected", send: []string{"cgroup: fork rejected by pids controller in /glassbox/1-aaaa/box"}, a: []string{"cgroup: fork rejected by pids controller in /glassbox/1-aaaa/box"}},
		{name: "fork rejected in a group whose name begins alike", send: []string{"cgroup: fork rejected by pids controller in /glassbox/1-aaaab"}, b: []string{"cgroup: fork rejected by pids controller in /glassbox/1-aaaab"}},
		{name: "fork rejected elsewhere", send: []string{"cgroup: fork rejected by pids controller in /user.slice", "cgroup: fork rejected by pids controller in /", "cgroup: fork rejected by pids controller in /x/glassbox/1-aaaa"}},
		{
			name: "segfault", send: []string{"python3[150]: segfault at 0 ip 00007f022cf85ad8 sp 00007ffcd75a3878 error 4 in libc.so.6[167ad8,7f022ce44000+156000] likely on CPU 0 (core 0, socket 0)"},
			a: []string{"python3[150]: segfault at 0 ip 00007f022cf85ad8 sp 00007ffcd75a3878 error 4 in libc.so.6[167ad8,7f022ce44000+156000] likely on CPU 0 (core 0, socket 0)"},
		},
		{name: "segfault of one whose name is like another's", send: []string{"a[250]: segfaul[150]: segfault at 0 ip 0 sp 0 error 4"}, a: []string{"a[250]: segfaul[150]: segfault at 0 ip 0 sp 0 error 4"}},
		{name: "segfault of the host's", send: []string{"python3[1500]: segfault at 0 ip 0 sp 0 error 4"}},
		{
			name: "trap", send: []string{"traps: a.out[200] general protection fault ip:401136 sp:7ffe error:0 in a.out[401000+1000]", "traps: a.out[201] trap invalid opcode ip:401136 sp:7ffe error:0"},
			b: []string{"traps: a.out[200] general protection fault ip:401136 sp:7ffe error:0 in a.out[401000+1000]", "traps: a.out[201] trap invalid opcode ip:401136 sp:7ffe error:0"},
		},
		{
			name: "seccomp by user", send: []string{`audit: type=1326 audit(1795549191.203:6): auid=4294967295 uid=100042 gid=0 ses=4294967295 pid=3155 comm="x" exe="/bin/x" sig=31 arch=c000003e syscall=90 compat=0 ip=0x1 code=0x80000000`},
			a: []string{`audit: type=1326 audit(1795549191.203:6): auid=4294967295 uid=100042 gid=0 ses=4294967295 pid=3155 comm="x" exe="/bin/x" sig=31 arch=c000003e syscall=90 compat=0 ip=0x1 code=0x80000000`},
		},
		{name: "seccomp of the host's", send: []string{`audit: type=1326 audit(1795549191.203:6): auid=4294967295 uid=0 gid=0 ses=4294967295 pid=3155 comm=" uid=100042 pid=" exe="/bin/x"`}},
		{name: "other audit", send: []string{`audit: type=1400 audit(1795549191.203:6): auid=1 uid=100042 gid=0 ses=1 pid=150 comm="x"`}},
		{name: "killed, report not shown", send: []string{killedLine("sh", 1, 100000)}, a: []string{killedLine("sh", 1, 100000)}},
		{name: "killed with a name", send: []string{killedLine("x) UID:200000 p", 1, 165535)}, a: []string{killedLine("x) UID:200000 p", 1, 165535)}},
		{name: "killed on the host", send: []string{killedLine("sh", 150, 0), killedLine("sh", 150, 165536)}},
		{
			name: "reaper comes later", send: []string{killedLine("sh", 9, 100000), killedLine("sh", 8, 200000), "oom_reaper: reaped process 9 (sh), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB", "oom_reaper: reaped process 7 (sh), now anon-rss:0kB"},
			a: []string{killedLine("sh", 9, 100000), "oom_reaper: reaped process 9 (sh), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB"}, b: []string{killedLine("sh", 8, 200000)},
		},
		{
			name: "whole group", send: []string{"Tasks in /glassbox/1-aaaa/box are going to be killed due to memory.oom.group set", "Memory cgroup out of memory: OOM victim 150 (sh) is already exiting. Skip killing the task"},
			a: []string{"Tasks in /glassbox/1-aaaa/box are going to be killed due to memory.oom.group set", "Memory cgroup out of memory: OOM victim 150 (sh) is already exiting. Skip killing the task"},
		},
		{name: "by caller", caller: "T222", send: []string{"overlay: filesystem on /hi not supported as upperdir"}, b: []string{"overlay: filesystem on /hi not supported as upperdir"}},
		{name: "by a caller on the host", caller: "T2222", send: []string{"overlay: filesystem on /hi not supported as upperdir"}},
		{name: "by an interrupt", caller: "C150", send: []string{"overlay: filesystem on /hi not supported as upperdir"}},
		{name: "nobody's", send: []string{"EXT4-fs (loop4): unmounting filesystem /glassbox/1-aaaa", " dump_stack_lvl+0x57/0x80", "cache 0", "Code: 00"}},
		{
			name: "a group above ran out: the victim's lines only",
			send: append(report("/glassbox", fmt.Sprintf(oomKill, "/", "/glassbox", "/glassbox/1-aaaa/box", "sh", 101, 100000)), killedLine("sh", 101, 100000)),
			a:    []string{fmt.Sprintf(oomKill, "/", "/glassbox", "/glassbox/1-aaaa/box", "sh", 101, 100000), killedLine("sh", 101, 100000)},
		},
		{
			name: "the machine ran out: the victim's lines only",
			send: append(oomReport("", "sh", 101, 100000)[:8:8], "[   1234]     0  1234      426      205      205        0         0    45056        0             0 sshd",
				"oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=a,oom_memcg=/glassbox/1-aaaa,mems_allowed=0,global_oom,task_memcg=/glassbox/1-aaaa,task=sh,pid=101,uid=100000"),
			a: []string{"oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=a,oom_memcg=/glassbox/1-aaaa,mems_allowed=0,global_oom,task_memcg=/glassbox/1-aaaa,task=sh,pid=101,uid=100000"},
		},
		{name: "a group with another's path in its name", send: report("/glassbox/1-aaaa/x", fmt.Sprintf(oomKill, "/", "/glassbox/1-aaaa/x", "/glassbox/1-aaaa/x,task_memcg=/glassbox/1-aaaab", "sh", 101, 100000))},
		{name: "a cpuset with another's path in its name", send: report("/glassbox/1-aaaa/x", fmt.Sprintf(oomKill, "x,task_memcg=/glassbox/1-aaaab,task=y", "/glassbox/1-aaaa", "/glassbox/1-aaaa", "sh", 101, 100000))},
		{name: "path and user disagree", send: report("/glassbox/1-aaaa", fmt.Sprintf(oomKill, "/", "/glassbox/1-aaaa", "/glassbox/1-aaaa", "sh", 101, 200000))},
		{
			name: "no killable process",
			send: append(oomReport("/glassbox/1-aaaab", "dd", 201, 200007)[:11:11], "Memory cgroup out of memory and no killable processes..."),
			b:    append(oomReport("/glassbox/1-aaaab", "dd", 201, 200007)[:11:11], "Memory cgroup out of memory and no killable processes..."),
		},
		{
			name: "another's trace comes between",
			send: slices.Concat(oomReport("/glassbox/1-aaaa", "sh", 101, 100000)[:5],
				[]string{"------------[ cut here ]------------", "WARNING: CPU: 0 PID: 250 at kernel/x.c:1 f+0x1/0x2", "RIP: 0010:secret+0x1/0x2", " secret+0x1/0x2", "CPU: 0 PID: 250 Comm: secret"},
				oomReport("/glassbox/1-aaaa", "sh", 101, 100000)[5:]),
			a: slices.DeleteFunc(oomReport("/glassbox/1-aaaa", "sh", 101, 100000), trace.MatchString),
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := play()
			a, b := p.Follow(subjectA), p.Follow(subjectB)
			for _, text := range tt.send {
				p.send(tt.caller, text)
			}
			if diff := cmp.Diff(tt.a, texts(a)); diff != "" {
				t.Errorf("a: %s", diff)
			}
			if diff := cmp.Diff(tt.b, texts(b)); diff != "" {
				t.Errorf("b: %s", diff)
			}
		})
	}
}

func TestLostRecords(t *testing.T) {
	p := play()
	a := p.Follow(subjectA)
	report := oomReport("/glassbox/1-aaaa", "sh", 101, 100000)
	for i, text := range report {
		if i == 5 {
			p.seq += 3
		}
		p.send("", text)
	}
	if diff := cmp.Diff(report[len(report)-1:], texts(a)); diff != "" {
		t.Error(diff)
	}
}

func TestUserRecords(t *testing.T) {
	p := play()
	a := p.Follow(subjectA)
	for _, text := range oomReport("/glassbox/1-aaaa", "sh", 101, 100000) {
		p.take(fmt.Sprintf("12,%d,1,-;%s\n", p.seq, text), time.Time{})
		p.seq++
	}
	if got := texts(a); got != nil {
		t.Errorf("what a process wrote is taken for the kernel's: %q", got)
	}
}

func TestFeed(t *testing.T) {
	p := play()
	line := "cgroup: fork rejected by pids controller in /glassbox/1-aaaa/box"
	p.send("", line)
	feed := p.Follow(subjectA)
	if got := texts(feed); got != nil {
		t.Errorf("from before: %q", got)
	}
	for range maxLines + 10 {
		p.send("", line)
	}
	lines := feed.Lines()
	if len(lines) != maxLines || lines[len(lines)-1].Seq != maxLines+10 {
		t.Errorf("%d lines, the last is %d", len(lines), lines[len(lines)-1].Seq)
	}
	p.send("", killedLine("sh", 1, 100000))
	feed.Close()
	p.send("", line)
	p.send("", "oom_reaper: reaped process 1 (sh), now anon-rss:0kB")
	if lines := feed.Lines(); lines[len(lines)-1].Seq != maxLines+11 {
		t.Error("a closed feed gets lines")
	}
	if len(p.reports.victims) != 0 {
		t.Error("a closed feed is remembered")
	}

	// Two that cannot be told apart.
	one, two := p.Follow(subjectA), p.Follow(subjectA)
	p.send("", line)
	if texts(one) != nil || texts(two) != nil {
		t.Error("a line for two")
	}
}

// FuzzReader: whatever the log holds, a subject gets no line twice, out of order, or that it should not have.
func FuzzReader(f *testing.F) {
	f.Add(strings.Join(oomReport("/glassbox/1-aaaa", "sh", 101, 100000), "\n"), "")
	f.Add(strings.Join(oomReport("/glassbox/1-aaaa", "sh", 101, 100000), "\n"), "T101")
	f.Add(strings.Join(recorded(f, "oom-v1-6.18.kmsg"), "\n"), "")
	f.Add(strings.Join(recorded(f, "oom-v2-6.1.kmsg"), "\n"), "")
	f.Fuzz(func(t *testing.T, log, caller string) {
		p := play()
		a, nobodys := p.Follow(subjectA), p.Follow(Subject{Group: "/"})
		for text := range strings.SplitSeq(log, "\n") {
			p.send(caller, text)
		}
		var last uint64
		for _, l := range a.Lines() {
			if l.Seq < last {
				t.Errorf("%d after %d", l.Seq, last)
			}
			last = l.Seq
		}
		if len(nobodys.Lines()) != 0 {
			t.Error("lines for who has nothing")
		}
	})
}

// FuzzParse: a record that is taken is printed on one line, as it was.
func FuzzParse(f *testing.F) {
	f.Add("4,339,1297272853,-,caller=T9269;sh invoked oom-killer: order=0\n SUBSYSTEM=x\n")
	f.Add("6,0,0,-;")
	f.Fuzz(func(t *testing.T, s string) {
		r, err := parse(s)
		if err != nil {
			return
		}
		if strings.Count(r.Raw(), "\n") != 1 {
			t.Errorf("%q", r.Raw())
		}
		again, err := parse(fmt.Sprintf("%d,%d,%d,-;%s\n", r.Priority, r.Seq, r.Uptime.Microseconds(), r.Text))
		if err != nil || again.Line != r.Line {
			t.Errorf("%v, then %v, %v", r, again, err)
		}
	})
}
