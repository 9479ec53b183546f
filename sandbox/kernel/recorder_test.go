package kernel

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
)

// recording is a recorder of a box with something that looks again and again.
type recording struct {
	*Recorder
	poke chan struct{}
}

// record runs a recorder of the box until the test ends, and waits for its first event.
func (b *box) record(connector *Connector, period time.Duration) *recording {
	b.t.Helper()
	recorder, err := NewRecorder(b.source, RecorderOptions{Connector: connector})
	if err != nil {
		b.t.Fatal(err)
	}
	r := &recording{recorder, make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		for {
			if _, err := r.Look(ctx, WantNothing); err != nil {
				done <- err
				return
			}
			select {
			case <-time.After(period):
			case <-r.poke:
			case <-ctx.Done():
				done <- nil
				return
			}
		}
	}()
	b.t.Cleanup(func() {
		cancel()
		r.Close()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			b.t.Error(err)
		}
	})
	b.run("sleep 1000 & true")
	eventually(b.t, "the first event", func() bool {
		r.Poke()
		b.run("mkdir -p /mnt/probe /mnt/x; mount -t tmpfs probe /mnt/probe")
		return len(r.all()) > 0
	})
	return r
}

// Poke has it look at once.
func (r *recording) Poke() {
	select {
	case r.poke <- struct{}{}:
	default:
	}
}

func (r *recording) all() []Event {
	events, _ := r.Events(0, 0, maxEvents)
	return events
}

// past are the processes that have passed after a mark.
func (r *recording) past(after uint64) (passed []*Process, mark uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.since(after), r.ended
}

func listen(t *testing.T) *Connector {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	c, err := Listen(ctx, slog.New(slog.DiscardHandler))
	if err != nil {
		cancel()
		cannot(t, err.Error())
	}
	t.Cleanup(func() { cancel(); <-c.Done() })
	return c
}

func (r *recording) told(pattern string) bool {
	re := regexp.MustCompile(pattern)
	return slices.ContainsFunc(r.all(), func(e Event) bool { return re.MatchString(e.Text) })
}

func (r *recording) texts() string {
	var b strings.Builder
	for _, e := range r.all() {
		fmt.Fprintf(&b, "%3d %-9s %-8s %s\n", e.Seq, e.Kind, e.Scope, e.Text)
	}
	return b.String()
}

func TestTimeline(t *testing.T) {
	b := start(t)
	dir := b.group("memory", "demo")
	limit := "memory.max"
	if b.open().CgroupVersion() == 1 {
		limit = "memory.limit_in_bytes"
	}
	r := b.record(nil, 20*time.Millisecond)
	b.run("mkdir -p /mnt/jail/bin; cp $(command -v busybox) /mnt/jail/bin/sleep")
	write(t, filepath.Join(dir, limit), strconv.Itoa(24<<20))
	// A look may fall between what a program does to itself and its exec of the next one: the event names either.
	for _, step := range []struct{ command, told string }{
		{"hostname teapot", `^host name is now "teapot"$`},
		{"mount -t tmpfs t /mnt/x", `^tmpfs was mounted on /mnt/x$`},
		{"umount /mnt/x", `^/mnt/x was unmounted$`},
		{"ip link set lo down", `^interface lo is down$`},
		{"unshare --net --uts sleep 400 &", `^pid \d+ \((unshare|sleep)\) entered new namespaces: network, uts$`},
		{"chroot /mnt/jail /bin/sleep 401 &", `^pid \d+ \((chroot|sleep)\) changed its root to /mnt/jail$`},
		{"setpriv --bounding-set -chown sleep 402 &", `^pid \d+ \((setpriv|sleep)\) lost CAP_CHOWN from its bounding set$`},
		{"setpriv --no-new-privs sleep 403 &", `^pid \d+ \((setpriv|sleep)\) can gain no more privileges`},
		{"setpriv --reuid 1000 --clear-groups sleep 404 &", `^pid \d+ \((setpriv|sleep)\) became user 1000$`},
		{"for i in $(seq 50); do sleep 405 & done", `^\d+ processes started$`}, // over several looks, with five or more in one of them
		{"true", `^/demo: memory limit 24 MiB$`},
	} {
		b.run(step.command)
		eventually(t, fmt.Sprintf("%s: %s in\n%s", step.command, step.told, r.texts()), func() bool { return r.told(step.told) })
	}
	_, p := b.find(WantProcesses, "sleep 404")
	write(t, filepath.Join(dir, "cgroup.procs"), strconv.Itoa(p.HostPid))
	eventually(t, "the move in "+r.texts(), func() bool { return r.told(`\(sleep\) moved to group /demo$`) })
	events := r.all()
	for i, e := range events {
		if e.Seq != uint64(i+1) || e.At.IsZero() || e.Kind == "" || e.Scope == "" {
			t.Errorf("event %d is %+v", i, e)
		}
	}
	if got, more := r.Events(events[2].Seq, 0, maxEvents); len(got) < len(events)-3 || got[0].Seq != 4 || !more {
		t.Errorf("after 3 comes %+v", got[0])
	}
	if got, more := r.Events(0, 6, 3); len(got) != 3 || got[0].Seq != 3 || got[2].Seq != 5 || !more {
		t.Errorf("the last three before 6 are %+v", got)
	}
	if got, more := r.Events(0, 3, 100); len(got) != 2 || more {
		t.Errorf("all before 3 are %+v, and more: %v", got, more)
	}
}

// What looks alone guarantee: a process that lives for longer than a period is seen. It lives for a hundred of them, since a busy machine
// does not look when it should.
func TestPassedBySampling(t *testing.T) {
	b := start(t)
	r := b.record(nil, 20*time.Millisecond)
	b.run("for i in 0 1 2 3 4; do unshare --net sleep 2.$i & done")
	seen := func(i int) bool {
		passed, _ := r.past(0)
		return slices.ContainsFunc(passed, func(p *Process) bool { return p.Cmdline == fmt.Sprintf("sleep 2.%d", i) && p.Namespaces.Net.Own })
	}
	for i := range 5 {
		eventually(t, fmt.Sprintf("process %d in\n%s", i, r.texts()), func() bool { return seen(i) })
	}
}

// A period of a minute leaves everything to the connector: what ran must be known all the same, with how it ended. On a machine that
// is more than busy some may be gone before they can be looked at.
func TestPassedByConnector(t *testing.T) {
	b := start(t)
	r := b.record(listen(t), time.Minute)
	_, mark := r.past(0)
	const runs = 50
	for i := range runs {
		b.run(fmt.Sprintf("unshare --net sleep 0.0%d; sh -c 'exit 3'; sh -c 'kill -9 $$'", 10+i))
	}
	var passed []*Process
	count := func(want func(*Process) bool) (n int) {
		for _, p := range passed {
			if want(p) {
				n++
			}
		}
		return n
	}
	slept := func(p *Process) bool {
		return strings.HasPrefix(p.Cmdline, "sleep 0.") && p.Namespaces.Net.Own && p.Ended && p.ExitStatus == 0
	}
	eventually(t, "nine runs of ten", func() bool {
		r.Poke()
		passed, _ = r.past(mark)
		return count(slept) >= runs*9/10
	})
	t.Logf("unshare --net sleep 0.0…: %d of %d were seen in their network namespace", count(slept), runs)
	// These live for less than a millisecond.
	if n := count(func(p *Process) bool { return p.ExitStatus == 3 }); n < runs/2 {
		t.Errorf("%d of %d that ended with status 3", n, runs)
	}
	if n := count(func(p *Process) bool { return p.Signal == "SIGKILL" }); n < runs/2 {
		t.Errorf("%d of %d that were killed", n, runs)
	}
}

// How often a program that ends at once is still there to be looked at. Without a connector hardly ever.
func TestShortest(t *testing.T) {
	b := start(t)
	r := b.record(listen(t), 50*time.Millisecond)
	_, mark := r.past(0)
	const runs = 200
	b.run(fmt.Sprintf("i=0; while [ $i -lt %d ]; do unshare --net true; i=$((i+1)); done", runs))
	found := func() (n int) {
		passed, _ := r.past(mark)
		for _, p := range passed {
			if p.Cmdline == "true" && p.Namespaces.Net.Own {
				n++
			}
		}
		return n
	}
	eventually(t, "half of the runs", func() bool { r.Poke(); return found() >= runs/2 })
	t.Logf("unshare --net true: %d of %d were seen in their network namespace; lost %d", found(), runs, r.options.Connector.Lost())
}

// A fork bomb is one line, and costs a bounded amount.
func TestBurst(t *testing.T) {
	b := start(t)
	r := b.record(listen(t), 50*time.Millisecond)
	b.run("i=0; while [ $i -lt 3000 ]; do (true); i=$((i+1)); done")
	eventually(t, "a burst in one line", func() bool { return r.told(`^\d+ processes came and went`) })
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.life) > maxLives {
		t.Errorf("%d lives", len(r.life))
	}
	lines := map[time.Time]int{} // of each look
	for _, e := range r.events {
		if lines[e.At]++; lines[e.At] > 4*burst {
			t.Fatalf("%d lines and more of one look", lines[e.At])
		}
	}
}

// A recorder hears nothing of another sandbox's processes.
func TestConnectorKeepsApart(t *testing.T) {
	c := listen(t)
	a, b := start(t), start(t)
	ra, rb := a.record(c, 20*time.Millisecond), b.record(c, 20*time.Millisecond)
	a.run("sleep 0.071")
	b.run("sleep 0.072")
	has := func(r *recording, cmdline string) bool {
		passed, _ := r.past(0)
		return slices.ContainsFunc(passed, func(p *Process) bool { return p.Cmdline == cmdline })
	}
	eventually(t, "each its own", func() bool { return has(ra, "sleep 0.071") && has(rb, "sleep 0.072") })
	if has(ra, "sleep 0.072") || has(rb, "sleep 0.071") {
		t.Error("one sees the other's processes")
	}
}

// Whoever looks after the sandbox has ended is told so.
func TestRecorderEnds(t *testing.T) {
	b := start(t)
	r, err := NewRecorder(b.source, RecorderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.Look(t.Context(), WantNothing); err != nil {
		t.Fatal(err)
	}
	b.run("true")
	fmt.Fprintln(b.stdin, "exit")
	for _, h := range b.source.Hierarchies {
		removeGroups(t, h.Outer)
	}
	eventually(t, "the end", func() bool {
		_, err := r.Look(t.Context(), WantNothing)
		return errors.Is(err, ErrEnded)
	})
}

// What runs while nobody looks is known when somebody looks again, with how it ended.
func TestHistoryWhileNobodyLooks(t *testing.T) {
	b := start(t)
	r, err := NewRecorder(b.source, RecorderOptions{Connector: listen(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	look := func() *View {
		t.Helper()
		v, err := r.Look(t.Context(), WantHistory|WantEvents)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	// run runs a command and waits until the connector has told of its end, which may be a little later than its parent knows.
	run := func(command, cmdline string) {
		t.Helper()
		b.run(command)
		eventually(t, "the end of "+cmdline, func() bool {
			r.mu.Lock()
			defer r.mu.Unlock()
			for _, l := range r.life {
				if l.over && l.seen != nil && strings.Contains(l.seen.Cmdline, cmdline) {
					return true
				}
			}
			return false
		})
	}
	run("sleep 0.06", "sleep 0.06") // before the first look
	look()
	run("sh -c 'sleep 0.07; exit 5'", "exit 5")
	v := look()
	find := func(in []*Process, cmdline string) *Process {
		t.Helper()
		i := slices.IndexFunc(in, func(p *Process) bool { return strings.Contains(p.Cmdline, cmdline) })
		if i < 0 {
			t.Fatalf("%s is not in the history", cmdline)
		}
		return in[i]
	}
	if p := find(v.History, "sleep 0.06"); !p.Ended || p.ExitStatus != 0 {
		t.Errorf("before the first look: %+v", p)
	}
	if p := find(v.History, "exit 5"); !p.Ended || p.ExitStatus != 5 || p.Signal != "" {
		t.Errorf("it ended as %d %q, want 5", p.ExitStatus, p.Signal)
	}
	if p := find(v.Passed, "exit 5"); !p.Ended {
		t.Errorf("since the look before: %+v", p)
	}
	if len(v.Events) == 0 || v.Events[0].Pid == 0 && v.Events[len(v.Events)-1].Pid == 0 {
		t.Errorf("the events name no process: %+v", v.Events)
	}
	if again := look(); len(again.Passed) != 0 {
		t.Errorf("the next look tells %v again", again.Passed)
	}
	r.Forget()
	if v := look(); len(v.History) != 0 || len(v.Events) != 0 {
		t.Errorf("after Forget: %d processes, %d events", len(v.History), len(v.Events))
	}
}

// How a process has ended is known whenever the connector says so: before a look, while it reads, or after it has missed the process.
func TestEndsAtAnyTime(t *testing.T) {
	process := func(pid int) *Process {
		return &Process{Pid: pid, HostPid: 100 + pid, Comm: "sh", Cmdline: "sh", Started: time.Unix(int64(pid), 0), ExitStatus: -1}
	}
	with, without := []*Process{process(1), process(8)}, []*Process{process(1)}
	exit := procEvent{what: cnExit, pid: 108, status: 7 << 8}
	for _, test := range []struct {
		name  string
		looks [][]*Process // what each has read
		after int          // how many of them were over when the kernel told of the end
	}{
		{"before a look", [][]*Process{with, without}, 1},
		{"while a look read it alive", [][]*Process{with, with, without}, 1},
		{"while it was a zombie for some looks", [][]*Process{with, with, with, with, without}, 1},
		{"while the first look read it alive", [][]*Process{with, without}, 0},
		{"after a look has missed it", [][]*Process{with, without}, 2},
		{"after several", [][]*Process{with, without, without, without}, 4},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRecorder(RecorderOptions{Connector: &Connector{owners: map[int]*Recorder{}}})
			for i, processes := range test.looks {
				if i == test.after {
					r.hear(exit)
				}
				now := &View{At: time.Unix(int64(i), 0), Processes: processes}
				r.compare(t.Context(), r.last, now)
				r.last = now
			}
			if test.after == len(test.looks) {
				r.hear(exit)
			}
			if len(r.passed) != 1 || !r.passed[0].Ended || r.passed[0].ExitStatus != 7 {
				t.Errorf("history: %+v", r.passed)
			}
			if len(r.life) != 0 || len(r.owed) != 0 {
				t.Errorf("%d lives and %d ends are still waited for", len(r.life), len(r.owed))
			}
		})
	}
	// An exec may be heard of before the look that misses the process, and read or not, or after it, when it is too late to read it.
	runs := process(8)
	runs.Comm, runs.Cmdline = "seven", "seven"
	exec := procEvent{what: cnExec, pid: 108}
	for _, test := range []struct {
		name   string
		before *Process // as which it was read at an exec before the look
		heard  bool     // whether there was such an exec
		want   []string
	}{
		{"with another program", runs, true, []string{"sh", "seven"}},
		{"with another program that was not read", nil, true, []string{"sh"}},
		{"with another program that is told of late", nil, false, []string{"sh"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRecorder(RecorderOptions{Connector: &Connector{owners: map[int]*Recorder{}}})
			first, second := &View{Processes: with}, &View{Processes: without}
			r.compare(t.Context(), nil, first)
			if test.heard {
				r.note(exec, test.before)
			}
			r.compare(t.Context(), first, second)
			if !test.heard {
				r.note(exec, nil)
			}
			r.hear(exit)
			var comms []string
			for _, p := range r.passed {
				comms = append(comms, p.Comm)
			}
			if diff := gocmp.Diff(test.want, comms); diff != "" {
				t.Fatalf("history (-want +got)\n%s", diff)
			}
			if last := r.passed[len(r.passed)-1]; !last.Ended || last.ExitStatus != 7 {
				t.Errorf("the end of it: %+v", last)
			}
			if len(r.life) != 0 || len(r.owed) != 0 {
				t.Errorf("%d lives and %d ends are still waited for", len(r.life), len(r.owed))
			}
		})
	}
	t.Run("of another with its pid", func(t *testing.T) {
		r := newRecorder(RecorderOptions{Connector: &Connector{owners: map[int]*Recorder{}}})
		var last *View
		for _, processes := range [][]*Process{with, without} {
			now := &View{Processes: processes}
			r.compare(t.Context(), last, now)
			last = now
		}
		r.hear(procEvent{what: cnFork, pid: 108, parent: 101})
		r.hear(exit)
		if len(r.passed) != 1 || r.passed[0].ExitStatus != -1 {
			t.Errorf("history: %+v", r.passed)
		}
	})
}

// After a long time without a look, what differs is not told as if it happened now.
func TestPause(t *testing.T) {
	b := start(t)
	r, err := NewRecorder(b.source, RecorderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.Look(t.Context(), WantNothing); err != nil {
		t.Fatal(err)
	}
	r.last.At = r.last.At.Add(-time.Minute)
	b.run("hostname teapot")
	v, err := r.Look(t.Context(), WantEvents)
	if err != nil {
		t.Fatal(err)
	}
	if len(v.Events) < 2 || v.Events[0].Kind != "pause" || !strings.Contains(v.Events[1].Text, "teapot") {
		t.Errorf("after a minute: %+v", v.Events)
	}
}

// A group is told of before who goes into it, and a shell when it is one and not before.
func TestTellingInOrder(t *testing.T) {
	process := func(pid, ppid int, comm, cmdline, group string) *Process {
		return &Process{Pid: pid, HostPid: 100 + pid, HostPpid: 100 + ppid, Comm: comm, Cmdline: cmdline, Cgroup: group, Started: time.Unix(int64(pid), 0)}
	}
	init := process(1, 0, "glassbox-init", "glassbox-init init", "/")
	view := func(groups []*Cgroup, processes ...*Process) *View {
		return &View{Init: init, Processes: append([]*Process{init}, processes...), Cgroups: groups}
	}
	root := &Cgroup{Path: "/"}
	var got []string
	last := view([]*Cgroup{root}, process(7, 1, "sh", "sh", "/"))
	for _, now := range []*View{
		view([]*Cgroup{root}, process(7, 1, "sh", "sh", "/"), process(8, 1, "4", init.Cmdline, "/")),
		view(
			[]*Cgroup{root, {Path: "/demo", MemoryMax: Unlimited, MemoryHigh: Unlimited, SwapMax: Unlimited, PidsMax: Unlimited, CPUMax: CPUMax{Quota: Unlimited}}},
			process(7, 1, "sh", "sh", "/demo"), process(8, 1, "bash", "bash -l", "/"),
		),
	} {
		tell := &telling{last: last, now: now}
		tell.tell()
		for _, e := range tell.events {
			got = append(got, e.Text)
		}
		last = now
	}
	want := []string{"group /demo was made", "pid 7 (sh) moved to group /demo", "pid 8 (bash) started: bash -l"}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// A look at a sandbox in which nothing has run is cheap; and whatever has happened is seen all the same.
func TestUnchanged(t *testing.T) {
	b := start(t)
	r, err := NewRecorder(b.source, RecorderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if r.reader.processorTime() == 0 {
		cannot(t, "no group tells its processor time")
	}
	look := func(want Want) *View {
		t.Helper()
		v, err := r.Look(t.Context(), want)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	unchanged := 0
	for i := range 50 {
		for _, dir := range []string{"/mnt", "/"} {
			b.run("cd " + dir) // the shell itself does it, and hardly takes any time
			eventually(t, fmt.Sprintf("the shell in %s, %d", dir, i), func() bool { return look(WantNothing).Process(1).Cwd == dir })
		}
		first, second := look(WantNothing), look(WantNothing)
		if second.Unchanged {
			unchanged++
			if second.Process(1).Cwd != "/" || second.At.Equal(first.At) {
				t.Errorf("the same again: %s at %v", second.Process(1).Cwd, second.At)
			}
		}
	}
	if unchanged < 40 {
		t.Errorf("of 50 looks at a sandbox in which nothing ran, %d said so", unchanged)
	}
	if look(WantMaps).Unchanged {
		t.Error("what was not read is not known to be unchanged")
	}
	r.read = r.read.Add(-restful)
	if look(WantNothing).Unchanged {
		t.Error("averages over time change all the same")
	}
}

func TestBetween(t *testing.T) {
	at := func(second int64) time.Time { return time.Unix(second, 0) }
	was := &Process{Pid: 7, HostPid: 107, Started: at(1), Cmdline: "unshare true"}
	ran := &Process{Pid: 8, HostPid: 108, Started: at(2), Cmdline: "true", Ended: true, Namespaces: Namespaces{UTS: Namespace{ID: 5, Own: true}}}
	is := &Process{Pid: 7, HostPid: 107, Started: at(1), Cmdline: "bash"}
	later := &Process{Pid: 9, HostPid: 108, Started: at(3), Cmdline: "sleep 1"} // it has the pid of another one
	v := &View{
		Processes: []*Process{is, later}, Passed: []*Process{was, ran}, Hostnames: []*Hostname{{ID: 1, Name: "box"}},
		gone: left{hostnames: []*Hostname{{ID: 5, Own: true, Name: "teapot"}}},
	}
	var got [][]string
	for _, b := range v.Between() {
		var cmdlines []string
		for _, p := range b.Processes {
			cmdlines = append(cmdlines, p.Cmdline)
		}
		got = append(got, cmdlines)
		if len(b.Hostnames) != 2 {
			t.Errorf("host names: %v", b.Hostnames)
		}
	}
	want := [][]string{{"bash", "true", "sleep 1"}, {"unshare true", "true", "sleep 1"}}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if v.Passed = nil; v.Between() != nil {
		t.Error("nothing has passed, and yet there was something between")
	}
}

// A file below the root of a process that is no longer is never one below that of another which has its pid now.
func TestFileOfAnotherWithItsPid(t *testing.T) {
	b := start(t)
	b.run("sleep 1000 & true")
	v, p := b.find(WantProcesses, "sleep 1000")
	if !v.FileOf(p, "/etc/passwd").Exists {
		t.Fatal("its own file is not there")
	}
	older := *p
	older.Started = older.Started.Add(-time.Second)
	if b.read(WantProcesses).FileOf(&older, "/etc/passwd").Exists {
		t.Error("a file of another process with its pid")
	}
	ended := *p
	ended.Ended = true
	if b.read(WantProcesses).FileOf(&ended, "/etc/passwd").Exists {
		t.Error("a file of a process that has ended")
	}
}

func TestAllowance(t *testing.T) {
	var a allowance
	now := time.Unix(1000, 0)
	taken := func() (n int) {
		for a.take(now) {
			n++
		}
		return n
	}
	if n := taken(); n != readsASecond {
		t.Errorf("at first %d", n)
	}
	now = now.Add(time.Second / 10)
	if n := taken(); n < readsASecond/10-1 || n > readsASecond/10 {
		t.Errorf("a tenth of a second later %d", n)
	}
	now = now.Add(time.Hour)
	if n := taken(); n != readsASecond {
		t.Errorf("an hour later %d", n)
	}
}
