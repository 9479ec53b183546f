package panel

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"glassbox/sandbox/kernel"
)

// view is a sandbox with PID 1, a shell with a child in front of it, and a process that is lost in a group of its own.
func view() *kernel.View {
	init := &kernel.Process{Exists: true, Pid: 1, HostPid: 100, Comm: "glassbox-init", Cgroup: "/init"}
	bash := &kernel.Process{Exists: true, Pid: 7, HostPid: 107, Ppid: 1, HostPpid: 100, Comm: "bash", Shell: true, Foreground: 109, Cgroup: "/shell"}
	less := &kernel.Process{
		Exists: true, Pid: 9, HostPid: 109, Ppid: 7, HostPpid: 107, Comm: "less", Cgroup: "/demo", SeccompFilters: 2, OwnFilters: 1,
		Namespaces:   kernel.Namespaces{Net: kernel.Namespace{ID: 5, Own: true}, Mount: kernel.Namespace{ID: 6}},
		Capabilities: kernel.Capabilities{Effective: []string{"CAP_CHOWN", "CAP_SYS_ADMIN"}},
	}
	other := &kernel.Process{Exists: true, Pid: 8, HostPid: 108, Ppid: 1, HostPpid: 100, Comm: "sleep", Cgroup: "/shell"}
	return &kernel.View{
		At: time.Unix(1, 0), Want: kernel.WantAll, Init: init, Processes: []*kernel.Process{init, bash, other, less},
		Cgroups: []*kernel.Cgroup{
			{Exists: true, Path: "/", MemoryMax: kernel.Unlimited, MemoryCurrent: 10},
			{Exists: true, Path: "/demo", MemoryMax: 4096, MemoryCurrent: 5, PidsMax: kernel.Unlimited},
			{Exists: true, Path: "/demo/deeper", MemoryMax: kernel.Unlimited},
		},
		Mounts: []*kernel.MountNamespace{{ID: 6, Mounts: []*kernel.Mount{
			{ID: 1, Parent: 0, Path: "/", Type: "overlay", Lower: []string{"a", "b"}},
			{ID: 3, Parent: 2, Path: "/proc/x", Type: "tmpfs"},
			{ID: 2, Parent: 1, Path: "/proc", Type: "proc"},
		}}},
		Networks:  []*kernel.Network{{ID: 5, Own: true, Interfaces: []*kernel.Interface{{Name: "lo"}}}},
		Hostnames: []*kernel.Hostname{{ID: 3, Name: "box"}},
		Log:       []kernel.LogLine{{Seq: 1, Text: "oom"}},
	}
}

func TestFront(t *testing.T) {
	v := view()
	tests := []struct {
		name  string
		group int
		want  int
	}{
		{"the terminal's own", 108, 8},
		{"unknown: the foreground of the first shell", 0, 9},
		{"gone: likewise", 4711, 9},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := frontOf(v, test.group).Pid; got != test.want {
				t.Errorf("got pid %d, want %d", got, test.want)
			}
		})
	}
	// Two containers, each on a terminal of its own, and one that was started before both.
	process := func(pid, parent int, comm string, started int64, foreground int) *kernel.Process {
		return &kernel.Process{Exists: true, Pid: pid, HostPid: 100 + pid, HostPpid: 100 + parent, Comm: comm, Started: time.Unix(started, 0), Foreground: foreground}
	}
	v.Processes = append(
		v.Processes,
		process(20, 1, "conmon", 5, -1), process(21, 20, "bash", 5, 121),
		process(30, 7, "podman", 10, 130), process(31, 1, "conmon", 11, -1), process(32, 31, "sh", 11, 133), process(33, 32, "capsh", 12, 133),
		process(40, 7, "podman", 20, 140), process(41, 1, "conmon", 20, -1), process(42, 41, "bash", 20, 142), process(43, 41, "nginx", 20, -1),
		process(50, 7, "podman", 30, 150),
	)
	for group, want := range map[int]int{130: 33, 140: 42, 150: 50, 142: 42} {
		if got := frontOf(v, group).Pid; got != want {
			t.Errorf("where group %d is in front: got pid %d, want %d", group, got, want)
		}
	}
	if got := frontOf(&kernel.View{}, 0); got == nil {
		t.Error("an empty sandbox: got nil")
	}
}

func TestReadings(t *testing.T) {
	v := view()
	front := frontOf(v, 0)
	readings := map[string]any{}
	for _, p := range All() {
		value, _ := p.Read(v, front)
		raw, err := json.Marshal(value)
		if err != nil {
			t.Fatalf("%s: %v", p.Name(), err)
		}
		readings[p.Name()] = generic(raw)
	}
	get := func(panel string, path ...any) any {
		x := readings[panel]
		for _, step := range path {
			switch key := step.(type) {
			case string:
				x = x.(map[string]any)[key]
			case int:
				x = x.([]any)[key]
			}
		}
		return x
	}
	tests := []struct {
		panel string
		path  []any
		want  any
	}{
		{"memory", []any{"group", "path"}, "/demo"},
		{"memory", []any{"group", "max"}, 4096.0},
		{"memory", []any{"sandbox", "max"}, nil},
		{"cgroups", []any{"groups", 2, "depth"}, 2.0},
		{"cgroups", []any{"groups", 1, "pids_max"}, nil},
		{"processes", []any{"processes", 2, "comm"}, "less"}, // after its parent, not by number
		{"processes", []any{"processes", 2, "depth"}, 2.0},
		{"processes", []any{"processes", 2, "nested"}, true},
		{"processes", []any{"front"}, 9.0},
		{"namespaces", []any{"processes", 2, "in", 3, "own"}, true},
		{"capabilities", []any{"sets", 0, "hex"}, "0000000000200001"},
		{"mounts", []any{"mounts", 2, "path"}, "/proc/x"}, // after what it is on
		{"mounts", []any{"mounts", 2, "depth"}, 2.0},
		{"network", []any{"namespaces", 0, "pids", 0}, 9.0},
		{"seccomp", []any{"processes", 2, "own"}, 1.0},
		{"log", []any{"lines", 0, "text"}, "oom"},
	}
	for _, test := range tests {
		if got := get(test.panel, test.path...); got != test.want {
			t.Errorf("%s %v: got %v, want %v", test.panel, test.path, got, test.want)
		}
	}
}

// at is the sandbox at a second, with something of it changed.
func at(second int, change func(*kernel.View)) *kernel.View {
	v := view()
	v.At = time.Unix(int64(second), 0)
	if change != nil {
		change(v)
	}
	return v
}

// show has a hub show a View that was read for it.
func show(h *Hub, v *kernel.View) {
	h.Want()
	h.Show(v)
}

func TestNothingIsWantedWhileNobodyLooks(t *testing.T) {
	h := NewHub(Options{})
	v := h.Look()
	if w := h.Want(); w != 0 {
		t.Errorf("nobody watches a panel: got %b, want nothing", w)
	}
	v.Watch([]string{"memory", "log", "no-such-panel"})
	if w := h.Want(); w != (memory{}).Want()|kernel.WantLog {
		t.Errorf("memory and log are watched: got %b", w)
	}
	v.Watch(nil)
	if w := h.Want(); w != 0 {
		t.Errorf("after watching: got %b, want nothing", w)
	}
	v.Watch([]string{"memory"})
	v.Close()
	if w := h.Want(); w != 0 {
		t.Errorf("after the viewer has gone: got %b, want nothing", w)
	}
}

func TestSlowViewerGetsTheLatest(t *testing.T) {
	h := NewHub(Options{})
	slow, other := h.Look(), h.Look()
	slow.Watch([]string{"memory", "no-such-panel"})
	other.Watch([]string{"memory"})
	h.Mark()
	for second := range 10 {
		show(h, at(second, func(v *kernel.View) { v.Cgroups[1].MemoryCurrent = second }))
	}
	got := slow.Take()
	if len(got) != 1 || got[0].Panel != "memory" || got[0].At.Unix() != 9 {
		t.Fatalf("got %+v, want the latest of memory", got)
	}
	if again := slow.Take(); len(again) != 0 {
		t.Errorf("took again at once: got %d readings, want none", len(again))
	}
	if diff := cmp.Diff([]string{"group.current"}, got[0].Changed); diff != "" {
		t.Errorf("changed: (-want +got)\n%s", diff)
	}
	if n := len(other.Take()); n != 1 {
		t.Errorf("the other viewer: got %d readings, want one", n)
	}
	show(h, at(10, func(v *kernel.View) { v.Cgroups[1].MemoryCurrent = 9 }))
	if n := len(other.Take()); n != 0 {
		t.Errorf("nothing has changed: got %d readings, want none", n)
	}
}

// A View is not shown to who began to watch after it was read.
func TestFirstReadingIsNotOlderThanItsViewer(t *testing.T) {
	h := NewHub(Options{})
	v := h.Look()
	h.Want()
	v.Watch([]string{"memory"})
	h.Show(at(0, nil))
	if got := v.Take(); len(got) != 0 {
		t.Errorf("got %v", got)
	}
	again := at(1, nil)
	again.Unchanged = true
	show(h, again)
	if got := v.Take(); len(got) != 1 {
		t.Errorf("got %d readings of the next View, want one", len(got))
	}
}

// A copy of a mount namespace has the same mounts, by other numbers: what differs in it is what was mounted there.
func TestMountsOfACopy(t *testing.T) {
	namespace := func(id int, all ...*kernel.Mount) *kernel.View {
		front := &kernel.Process{Pid: 1, Exists: true, Namespaces: kernel.Namespaces{Mount: kernel.Namespace{ID: id}}}
		return &kernel.View{
			Want: mounts{}.Want(), At: time.Unix(int64(id), 0), Init: front, Processes: []*kernel.Process{front},
			Mounts: []*kernel.MountNamespace{{ID: id, Mounts: all}},
		}
	}
	mount := func(id, parent int, path, source string) *kernel.Mount {
		return &kernel.Mount{ID: id, Parent: parent, Path: path, Source: source}
	}
	h := NewHub(Options{})
	v := h.Look()
	v.Watch([]string{"mounts"})
	show(h, namespace(1, mount(10, 1, "/", "root"), mount(11, 10, "/mnt", "below"), mount(12, 11, "/mnt", "above")))
	v.Take()
	h.Mark()
	show(h, namespace(2, mount(20, 2, "/", "root"), mount(21, 20, "/mnt", "below"), mount(22, 21, "/mnt", "other"), mount(23, 20, "/new", "new")))
	readings := v.Take()
	if len(readings) != 1 {
		t.Fatalf("got %d readings, want one", len(readings))
	}
	want := []string{"mounts./mnt 2.source", "mounts./new", "namespace"}
	if diff := cmp.Diff(want, readings[0].Changed); diff != "" {
		t.Errorf("changed: (-want +got)\n%s", diff)
	}
}

// What is marked as changed differs from what there was before the last command, however many readings came since.
func TestChangedSinceTheLastCommand(t *testing.T) {
	limit := func(n int) func(*kernel.View) { return func(v *kernel.View) { v.Cgroups[1].MemoryMax = n } }
	h := NewHub(Options{})
	v := h.Look()
	v.Watch([]string{"cgroups"})
	changed := func() []string {
		t.Helper()
		readings := v.Take()
		if len(readings) != 1 {
			t.Fatalf("got %d readings, want one", len(readings))
		}
		return readings[0].Changed
	}
	for second := range 3 {
		show(h, at(second, limit(4096+second)))
		if got := changed(); got != nil {
			t.Errorf("before the first command: %v", got)
		}
	}
	show(h, at(2, nil))
	v.Take()
	h.Mark()
	want := []string{"groups./demo.memory_max"}
	show(h, at(3, limit(5000)))
	if diff := cmp.Diff(want, changed()); diff != "" {
		t.Errorf("after the command: (-want +got)\n%s", diff)
	}
	for second := 4; second < 9; second++ {
		show(h, at(second, limit(5000)))
	}
	show(h, at(9, func(v *kernel.View) { limit(5000)(v); v.Cgroups[2].PidsMax = 7 }))
	if diff := cmp.Diff([]string{"groups./demo.memory_max", "groups./demo/deeper.pids_max"}, changed()); diff != "" {
		t.Errorf("much later: (-want +got)\n%s", diff)
	}
	h.Mark()
	show(h, at(11, func(v *kernel.View) { limit(5000)(v); v.Cgroups[2].PidsMax = 7 }))
	if got := changed(); got != nil {
		t.Errorf("after the next command: %v", got)
	}
	// A panel that is opened later knows what there was before the command, too.
	show(h, at(12, limit(6000)))
	v.Watch([]string{"cgroups", "memory"})
	show(h, at(13, limit(6000)))
	for _, r := range v.Take() {
		if r.Panel == "memory" {
			if diff := cmp.Diff([]string{"group.max"}, r.Changed); diff != "" {
				t.Errorf("opened later: (-want +got)\n%s", diff)
			}
			return
		}
	}
	t.Error("no reading of memory")
}

// The process in front is gone after an OOM kill, and the group in which it was killed is what there is to see.
func TestMemoryStaysWithTheVictim(t *testing.T) {
	h := NewHub(Options{})
	v := h.Look()
	v.Watch([]string{"memory"})
	shown := func() MemoryReading {
		t.Helper()
		readings := v.Take()
		if len(readings) != 1 {
			t.Fatalf("got %d readings, want one", len(readings))
		}
		var r MemoryReading
		if err := json.Unmarshal(readings[0].Reading, &r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	killed := func(v *kernel.View) {
		v.Processes = v.Processes[:3] // less is gone, and bash is in front
		v.Processes[1].Foreground = 107
		v.Cgroups[0].MemoryEvents.OOMKill, v.Cgroups[1].MemoryEvents.OOMKill = 1, 1 // as on v2, where the parent counts it too
	}
	show(h, at(0, nil))
	if r := shown(); r.Group.Path != "/demo" || r.Killed != 0 {
		t.Errorf("before: %s, %d killed", r.Group.Path, r.Killed)
	}
	h.Mark()
	for second := 2; second < 20; second++ {
		show(h, at(second, killed))
	}
	if r := shown(); r.Group.Path != "/demo" || r.Killed != 1 || r.Group.Events.OOMKill != 1 {
		t.Errorf("after the kill: %s, %d killed", r.Group.Path, r.Killed)
	}
	h.Mark()
	show(h, at(21, killed))
	if r := shown(); r.Group.Path != "/shell" || r.Killed != 0 {
		t.Errorf("after the next command: %s, %d killed", r.Group.Path, r.Killed)
	}
}

// On v1 a group may be there in the memory hierarchy alone.
func TestProcessesOfAGroupWithoutThePidsController(t *testing.T) {
	v := at(0, func(v *kernel.View) {
		v.Cgroups[1].Controllers = []string{"memory"}
		v.Cgroups[2].Controllers = []string{"memory", "pids"}
		v.Processes[3].Cgroups = map[string]string{"memory": "/demo", "pids": "/"}
		v.Processes[2].Cgroups = map[string]string{"memory": "/demo/deeper", "pids": "/"}
	})
	value, _ := cgroups{}.Read(v, v.Init)
	rows := value.(CgroupsReading).Groups
	if rows[1].PidsCurrent != 1 || rows[2].PidsCurrent != 0 {
		t.Errorf("got %d and %d, want 1 process, and what the controller says", rows[1].PidsCurrent, rows[2].PidsCurrent)
	}
}

func TestChanges(t *testing.T) {
	tests := []struct {
		name, before, after string
		want                []string
	}{
		{"nothing", `{"a": 1}`, `{"a": 1}`, nil},
		{"a field", `{"a": 1, "b": 2}`, `{"a": 1, "b": 3}`, []string{"b"}},
		{"a new element", `{"p": [{"pid": 1}]}`, `{"p": [{"pid": 5}, {"pid": 1}]}`, []string{"p.5"}},
		{"one that is gone", `{"p": [{"pid": 1}, {"pid": 2}]}`, `{"p": [{"pid": 2}]}`, []string{"p.1"}},
		{"a field of an element that moved", `{"p": [{"pid": 1, "s": "R"}]}`, `{"p": [{"pid": 0}, {"pid": 1, "s": "S"}]}`, []string{"p.0", "p.1.s"}},
		{"a limit that was none", `{"max": null}`, `{"max": 5}`, []string{"max"}},
		{"words", `{"has": ["a", "b"]}`, `{"has": ["c", "a"]}`, []string{"has.b", "has.c"}},
		{"numbers", `{"procs": [1, 7]}`, `{"procs": [7, 9]}`, []string{"procs.1", "procs.9"}},
		{"a large number", `{"ns": [{"id": 4026531840, "own": false}]}`, `{"ns": [{"id": 4026531840, "own": true}]}`, []string{"ns.4026531840.own"}},
		{"a name with a dot", `{"m": [{"path": "/a.b", "x": 1}]}`, `{"m": [{"path": "/a.b", "x": 2}]}`, []string{"m./a·b.x"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := changes(generic(json.RawMessage(test.before)), generic(json.RawMessage(test.after)))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
