package check

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"glassbox/sandbox/kernel"
)

// state is a sandbox with a shell, a sleeper in a group of its own, and that group.
func state() State {
	init := &kernel.Process{Exists: true, Pid: 1, HostPid: 100, Comm: "glassbox-init", Cgroup: "/init"}
	shell := &kernel.Process{Exists: true, Pid: 7, HostPid: 107, Comm: "bash", Shell: true, Cgroup: "/shell", Terminal: "pts/0"}
	sleeper := &kernel.Process{
		Exists: true, Pid: 9, HostPid: 109, Comm: "sleep", Cmdline: "sleep 100", Cgroup: "/demo", Pids: []int{9, 1},
		Namespaces: kernel.Namespaces{Net: kernel.Namespace{ID: 5, Own: true}, UTS: kernel.Namespace{ID: 6, Own: true}, Mount: kernel.Namespace{ID: 8, Own: true}},
		Capabilities: kernel.Capabilities{
			Effective: []string{"CAP_CHOWN"},
			Bounding: []string{
				"CAP_CHOWN", "CAP_FOWNER", "CAP_FSETID", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID",
			},
		},
	}
	return State{
		View: &kernel.View{
			At: time.Unix(1000, 0), Want: kernel.WantAll, Init: init, Processes: []*kernel.Process{init, shell, sleeper},
			Cgroups: []*kernel.Cgroup{
				{Exists: true, Path: "/", MemoryMax: kernel.Unlimited},
				{Exists: true, Path: "/demo", MemoryMax: 73 << 20, PidsMax: kernel.Unlimited, CPUMax: kernel.CPUMax{Limited: true, Quota: 20000, Period: 100000}},
			},
			Mounts: []*kernel.MountNamespace{{ID: 8, Mounts: []*kernel.Mount{
				{Exists: true, Path: "/", Type: "ext4", Options: []string{"rw"}}, {Exists: true, Path: "/proc", Type: "proc", Options: []string{"ro"}},
			}}},
			Hostnames: []*kernel.Hostname{{ID: 1, Name: "box"}, {ID: 6, Own: true, Name: "teapot"}},
			History:   []*kernel.Process{{Exists: true, Pid: 12, HostPid: 112, Comm: "false", Ended: true, ExitStatus: 1}},
			Events:    []kernel.Event{{Seq: 1, Kind: "oom", Group: "/gone", Scope: "refused", Text: "/gone: OOM kill"}},
		},
		Facts: kernel.HostFacts{Release: "6.1.0-18-amd64", Version: [3]int{6, 1, 0}, CgroupVersion: 2},
	}
}

func TestCompile(t *testing.T) {
	tests := []struct {
		text string
		want any
	}{
		{`cgroup("demo").exists`, true},
		{`cgroup("/demo").exists`, true},
		{`cgroup("other").exists`, false},
		{`cgroup("demo").memory_max == 73 * MiB`, true},
		{`cgroup("demo").cpu_max.quota_us * 5 == cgroup("demo").cpu_max.period_us`, true},
		{`any(processes, .comm == "sleep" && .cgroup == "/demo")`, true},
		{`any(processes, .comm == "sleep" && .ns.net.own && .pids[-1] == 1)`, true},
		{`any(processes, .hostname == "teapot" && .ns.uts.own)`, true},
		{`hostname == "box"`, true},
		{`len(shells) == 1 && shells[0].pid == 7`, true},
		{`process(9).comm == "sleep"`, true},
		{`process(12345).exists`, false},
		{`has_all(process(9).capabilities.effective, "CAP_CHOWN")`, true},
		{`has_all(process(9).capabilities.effective, "CAP_CHOWN", "CAP_KILL")`, false},
		{`"CAP_KILL" in process(9).capabilities.effective`, false},
		{`kernel_at_least("6.1") && !kernel_at_least("6.6")`, true},
		{`cgroup_version == 2`, true},
		{`mount("/nowhere").exists`, false},
		{`any(processes, .comm == "false")`, false}, // it has ended
		{`any(history, .comm == "false" && .ended && .exit_status == 1 && .signal == "")`, true},
		{`any(events, .kind == "oom" && .group == "/gone")`, true},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			e, err := Compile(test.text)
			if err != nil {
				t.Fatal(err)
			}
			got, err := e.Value(state())
			if err != nil {
				t.Fatal(err)
			}
			if got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestCompileRefuses(t *testing.T) {
	tests := []struct{ text, want string }{
		{`procsses`, "did you mean processes?"},
		{`cgroup("demo").memory_maximum > 1`, "did you mean memory_max"},
		{`cgroup("demo").memory_max`, "bool"},
		{`cgroup("demo").memory_max == "73M"`, "mismatched"},
		{`any(processes, .comm == )`, "unexpected"},
		{``, "unexpected"},
		{strings.Repeat("1 == 1 && ", 300) + "true", "maximum"},
	}
	for _, test := range tests {
		name := test.text
		if len(name) > 40 {
			name = name[:40]
		}
		t.Run(name, func(t *testing.T) {
			_, err := Compile(test.text)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
}

func TestWant(t *testing.T) {
	tests := []struct {
		text string
		want kernel.Want
	}{
		{`cgroup("demo").exists`, kernel.WantCgroups},
		{`hostname == "x"`, kernel.WantHostnames},
		{`any(processes, .hostname == "x")`, everyProcess | kernel.WantHostnames},
		{`any(history, .exit_status == 1)`, kernel.WantHistory},
		{`len(events) > 3`, kernel.WantEvents},
		{`any(processes, any(.mounts, .path == "/x"))`, everyProcess | kernel.WantMounts},
		{`1 == 1`, kernel.WantNothing},
	}
	for _, test := range tests {
		e, err := Compile(test.text)
		if err != nil {
			t.Fatal(err)
		}
		if e.Want() != test.want {
			t.Errorf("%s: got %b, want %b", test.text, e.Want(), test.want)
		}
	}
}

func TestVerdict(t *testing.T) {
	tests := []struct {
		name   string
		checks []string
		want   Verdict
	}{
		{"passed", []string{`cgroup("demo").exists`, `cgroup("demo").memory_max <= 100 * MiB`}, Verdict{
			Status: Passed, Check: -1,
			Evidence: []Evidence{
				{File: "/sys/fs/cgroup/demo", Got: "yes"},
				{File: "/sys/fs/cgroup/demo", Want: "at most 104857600 (100 MiB)", Got: "76546048 (73 MiB)"},
			},
		}},
		{"the first that fails speaks", []string{`cgroup("demo").exists`, `cgroup("demo").memory_max == 10 * MiB`, `1 == 2`}, Verdict{
			Status: NotYet, Check: 1,
			Evidence: []Evidence{{File: "/sys/fs/cgroup/demo", Want: "10485760 (10 MiB)", Got: "76546048 (73 MiB)"}},
		}},
		{"not there", []string{`cgroup("x").exists`}, Verdict{
			Status: NotYet, Check: 0, Evidence: []Evidence{{File: "/sys/fs/cgroup/x", Want: "yes", Got: "no"}},
		}},
		{"no limit", []string{`cgroup("demo").pids_max < 10`}, Verdict{
			Status: NotYet, Check: 0, Evidence: []Evidence{{File: "/sys/fs/cgroup/demo", Want: "less than 10", Got: "max"}},
		}},
		{"a process", []string{`process(9).cgroup == "/other" && process(9).comm == "sleep"`}, Verdict{
			Status: NotYet, Check: 0, Evidence: []Evidence{{File: "/proc/9/cgroup", Want: "/other", Got: "/demo"}},
		}},
		{"negated", []string{`not cgroup("demo").exists`}, Verdict{
			Status: NotYet, Check: 0, Evidence: []Evidence{{File: "/sys/fs/cgroup/demo", Want: "no", Got: "yes"}},
		}},
		{"a name", []string{`hostname == "teapot"`}, Verdict{
			Status: NotYet, Check: 0, Evidence: []Evidence{{File: "/proc/sys/kernel/hostname", Want: "teapot", Got: "box"}},
		}},
		{"a process of several", []string{`any(processes, .comm == "sleep" && .ns.net.own && "CAP_CHOWN" in .capabilities.effective)`}, Verdict{
			Status: Passed, Check: -1, Evidence: []Evidence{
				{File: "/proc/9/status, its Name", Got: "sleep"},
				{File: "/proc/9/ns/net", Got: "its own"},
				{File: "/proc/9/status, its CapEff", Got: "CAP_CHOWN"},
			},
		}},
		{"the process that comes nearest", []string{`any(processes, .comm == "sleep" && .ns.net.own && .ns.user.own && .cgroup == "/x")`}, Verdict{
			Status: NotYet, Check: 0, Evidence: []Evidence{{File: "/proc/9/ns/user", Want: "its own", Got: "not its own"}},
		}},
		{"what it lacks", []string{`any(processes, .comm == "sleep" && "CAP_KILL" in .capabilities.effective)`}, Verdict{
			Status: NotYet, Check: 0, Evidence: []Evidence{{File: "/proc/9/status, its CapEff", Want: "with CAP_KILL", Got: "CAP_CHOWN"}},
		}},
		{"a search within", []string{`any(processes, .comm == "sleep" && any(.capabilities.bounding, # == "CAP_KILL"))`}, Verdict{
			Status: NotYet, Check: 0, Evidence: []Evidence{{File: "/proc/9/status, its CapBnd", Want: "one with CAP_KILL", Got: "none of 9"}},
		}},
		{"what a search within comes near to", []string{`any(processes, .ns.mnt.own && any(.mounts, .path == "/" && "ro" in .options))`}, Verdict{
			Status: NotYet, Check: 0, Evidence: []Evidence{{File: "/proc/9/mountinfo", Want: "with ro", Got: "rw"}},
		}},
		{"a search within finds nothing", []string{`any(processes, .ns.mnt.own && any(.mounts, .path == "/old"))`}, Verdict{
			Status: NotYet, Check: 0, Evidence: []Evidence{{File: "/proc/9/mountinfo", Want: "one with path /old", Got: "none of 2"}},
		}},
		{"a search within finds too much", []string{`any(processes, .ns.mnt.own && !any(.mounts, .type == "proc"))`}, Verdict{
			Status: NotYet, Check: 0, Evidence: []Evidence{{File: "/proc/9/mountinfo", Want: "not proc", Got: "proc"}},
		}},
		{"a search within, as it should be", []string{`any(processes, .ns.mnt.own && !any(.mounts, .type == "overlay"))`}, Verdict{
			Status: Passed, Check: -1, Evidence: []Evidence{
				{File: "/proc/9/ns/mnt", Got: "its own"}, {File: "/proc/9/mountinfo", Want: "none with type overlay", Got: "none of 2"},
			},
		}},
		{"what is more than words", []string{`any(processes, string(.pid) == "0" && .ns.net.own)`}, Verdict{Status: NotYet, Check: 0}},
		{"what is too much", []string{`any(processes, .comm == "sleep" && not ("CAP_CHOWN" in .capabilities.effective))`}, Verdict{
			Status: NotYet, Check: 0, Evidence: []Evidence{{File: "/proc/9/status, its CapEff", Want: "without CAP_CHOWN", Got: "CAP_CHOWN"}},
		}},
		{"one of many", []string{`any(processes, .comm == "sleep" && "CAP_KILL" in .capabilities.bounding)`}, Verdict{
			Status: NotYet, Check: 0, Evidence: []Evidence{{File: "/proc/9/status, its CapBnd", Want: "with CAP_KILL", Got: "9, without CAP_KILL"}},
		}},
		{"no process comes near", []string{`any(processes, .comm == "top" && .ns.net.own)`}, Verdict{
			Status: NotYet, Check: 0, Evidence: []Evidence{{File: "/proc/*/status", Want: "one with Name top", Got: "none of 3"}},
		}},
		{"none has a namespace of its own", []string{`any(processes, .ns.ipc.own && .cgroup == "/demo")`}, Verdict{
			Status: NotYet, Check: 0, Evidence: []Evidence{{File: "/proc/*/ns/ipc", Want: "one with its own ipc", Got: "none of 3"}},
		}},
		{"none of those", []string{`any(filter(processes, .ns.net.own), .own_filters > 0)`}, Verdict{
			Status: NotYet, Check: 0, Evidence: []Evidence{{File: "/proc/*/status", Want: "one with Seccomp_filters beyond the box’s more than 0", Got: "none of 1"}},
		}},
		{"none has what is searched within", []string{`any(processes, any(.mounts, .path == "/mnt" && .type == "tmpfs"))`}, Verdict{
			Status: NotYet, Check: 0, Evidence: []Evidence{{File: "/proc/*/mountinfo", Want: "one with path /mnt", Got: "none of 3"}},
		}},
		{"none of a list that a process has", []string{`any(process(9).mounts, .path == "/mnt")`}, Verdict{
			Status: NotYet, Check: 0, Evidence: []Evidence{{File: "/proc/9/mountinfo", Want: "one with path /mnt", Got: "none of 2"}},
		}},
		{"one of a list that a process has", []string{`any(process(9).mounts, .path == "/")`}, Verdict{
			Status: Passed, Check: -1, Evidence: []Evidence{{File: "/proc/9/mountinfo", Got: "/"}},
		}},
		{"none of some texts", []string{`any(process(9).capabilities.effective, # endsWith "_ADMIN")`}, Verdict{
			Status: NotYet, Check: 0, Evidence: []Evidence{{File: "/proc/9/status, its CapEff", Want: "one that ends with _ADMIN", Got: "none of 1"}},
		}},
		{"several", []string{`has_all(process(9).capabilities.effective, "CAP_CHOWN", "CAP_KILL")`}, Verdict{
			Status: NotYet, Check: 0, Evidence: []Evidence{{File: "/proc/9/status, its CapEff", Want: "with CAP_CHOWN, CAP_KILL", Got: "CAP_CHOWN"}},
		}},
		{"a process that should not be", []string{`not any(processes, .comm == "sleep")`}, Verdict{
			Status: NotYet, Check: 0, Evidence: []Evidence{{File: "/proc/9/status, its Name", Want: "not sleep", Got: "sleep"}},
		}},
		{"no process that should not be", []string{`not any(processes, .comm == "top")`}, Verdict{
			Status: Passed, Check: -1, Evidence: []Evidence{{File: "/proc/*/status", Want: "none with Name top", Got: "none of 3"}},
		}},
		{"a group of a process", []string{`any(processes, .comm == "sleep" && cgroup(.cgroup).memory_max > GiB)`}, Verdict{
			Status: NotYet, Check: 0, Evidence: []Evidence{
				{File: "/sys/fs/cgroup/demo", Want: "more than 1073741824 (1 GiB)", Got: "76546048 (73 MiB)"},
			},
		}},
		{"a process within a process", []string{`any(processes, let a = #; a.comm == "sleep" && any(processes, .pid != a.pid && .cgroup == a.cgroup))`}, Verdict{
			Status: NotYet, Check: 0,
		}},
		{"how many", []string{`len(filter(processes, .comm == "sleep")) >= 2`}, Verdict{
			Status: NotYet, Check: 0, Evidence: []Evidence{{File: "/proc/*", Want: "at least 2", Got: "1"}},
		}},
		{"who has ended", []string{`any(history, .comm == "false" && .exit_status == 1)`}, Verdict{
			Status: Passed, Check: -1, Evidence: []Evidence{{File: "pid 12, which has ended", Got: "false"}, {File: "pid 12, which has ended", Got: "1"}},
		}},
		{"what happened", []string{`any(events, .kind == "oom" && .group == "/gone")`}, Verdict{
			Status: Passed, Check: -1, Evidence: []Evidence{{File: "what happened", Got: "oom"}, {File: "what happened", Got: "/gone"}},
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			x, err := NewExercise("x", When{}, test.checks...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, x.Judge(state())); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// A check that we cannot evaluate is our failure, and never looks like a wrong answer.
func TestFailedIsNotNotYet(t *testing.T) {
	x, err := NewExercise("x", When{}, `shells[3].pid == 1`)
	if err != nil {
		t.Fatal(err)
	}
	if v := x.Judge(state()); v.Status != Failed || v.Err == nil {
		t.Errorf("got %+v, want failed with a reason", v)
	}
}

func TestWatcher(t *testing.T) {
	exercise := func(id string, when When, text string) *Exercise {
		x, err := NewExercise(id, when, text)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	at := func(second int, name string) State {
		s := state()
		s.View.At = time.Unix(int64(1000+second), 0)
		s.View.Hostnames = []*kernel.Hostname{{ID: 1, Name: name}}
		return s
	}
	w := NewWatcher([]*Exercise{
		exercise("now", When{}, `hostname == "x"`),
		exercise("held", When{Held: 3 * time.Second}, `hostname == "x"`),
		exercise("done", When{}, `hostname == "never"`),
	}, []string{"done"})

	steps := []struct {
		second int
		name   string
		want   []string
	}{
		{0, "box", nil},
		{1, "x", []string{"now"}},
		{2, "x", nil},
		{3, "box", nil}, // the time that it held is over
		{4, "x", nil},
		{6, "x", nil},
		{7, "x", []string{"held"}},
		{8, "box", nil},
	}
	for _, step := range steps {
		var got []string
		for _, p := range w.Look(at(step.second, step.name)) {
			got = append(got, p.ID)
			if len(p.Verdict.Evidence) == 0 || p.Verdict.Status != Passed {
				t.Errorf("%s is passed by %+v", p.ID, p.Verdict)
			}
		}
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Errorf("second %d: (-want +got)\n%s", step.second, diff)
		}
	}
	for _, id := range []string{"now", "held", "done"} {
		if v, ok := w.Judge(id, at(9, "box")); !ok || v.Status != Passed {
			t.Errorf("%s: got %+v, want what has passed to stay passed", id, v)
		}
	}
	if _, ok := w.Judge("nonsense", at(9, "box")); ok {
		t.Error("an exercise that is not there was judged")
	}
}

// What was over before a look counts for "ever", and for nothing else.
func TestEver(t *testing.T) {
	const text = `len(filter(processes, .comm == "sleep" && .hostname == "teapot")) == 1`
	ran := &kernel.Process{
		Exists: true, Pid: 20, HostPid: 120, Comm: "sleep", Ended: true, Namespaces: kernel.Namespaces{UTS: kernel.Namespace{ID: 6, Own: true}},
	}
	for _, test := range []struct {
		name   string
		when   When
		passed []*kernel.Process
		want   Status
	}{
		{"now", When{}, []*kernel.Process{ran}, NotYet},
		{"held", When{Held: time.Nanosecond}, []*kernel.Process{ran}, NotYet},
		{"ever", When{Ever: true}, []*kernel.Process{ran}, Passed},
		{"ever, but it never was", When{Ever: true}, nil, NotYet},
	} {
		t.Run(test.name, func(t *testing.T) {
			x, err := NewExercise("x", test.when, text)
			if err != nil {
				t.Fatal(err)
			}
			s := state()
			s.View.Processes = s.View.Processes[:2]
			s.View.Passed = test.passed
			w := NewWatcher([]*Exercise{x}, nil)
			w.Look(s)
			if v, _ := w.Judge("x", s); v.Status != test.want {
				t.Errorf("got %+v, want %s", v, test.want)
			}
		})
	}
}

// Nothing can be said to have held while nobody looked.
func TestHeldNeedsLooks(t *testing.T) {
	x, err := NewExercise("x", When{Held: 3 * time.Second}, `hostname == "box"`)
	if err != nil {
		t.Fatal(err)
	}
	w := NewWatcher([]*Exercise{x}, nil)
	for _, step := range []struct {
		second int64
		passed bool
	}{{0, false}, {1, false}, {60, false}, {61, false}, {62, false}, {63, true}} {
		s := state()
		s.View.At = time.Unix(1000+step.second, 0)
		if got := len(w.Look(s)) == 1; got != step.passed {
			t.Errorf("second %d: passed is %v", step.second, got)
		}
	}
}

func TestNearest(t *testing.T) {
	known := []string{"memory", "mounts", "processes", "log"}
	tests := []struct{ word, want string }{
		{"memroy", "memory"}, {"mount", "mounts"}, {"Processes", "processes"}, {"process", "processes"}, {"lgo", "log"}, {"network", ""}, {"x", ""}, {"", ""},
	}
	for _, tt := range tests {
		if got := Nearest(tt.word, known); got != tt.want {
			t.Errorf("Nearest(%q) = %q, want %q", tt.word, got, tt.want)
		}
	}
}

func FuzzCompile(f *testing.F) {
	f.Add(`cgroup("demo").memory_max == 73 * MiB`)
	f.Add(`any(processes, .comm == "sh" && .cgroup == "/demo")`)
	f.Add(`not (file("/etc/motd").content contains "x") or len(cgroups) > 2`)
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 200 {
			return
		}
		x, err := NewExercise("x", When{}, text)
		if err != nil {
			return
		}
		v := x.Judge(state())
		if v.Status == NotYet && v.Check != 0 {
			t.Errorf("%q: not yet, but by check %d", text, v.Check)
		}
	})
}
