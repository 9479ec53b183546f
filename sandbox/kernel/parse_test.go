package kernel

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

const statusText = "Name:\ta\\nb\\\\\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t4242\nPid:\t4242\nPPid:\t4240\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\n" +
	"NSpid:\t4242\t17\t1\nThreads:\t3\nCapInh:\t0000000000000000\nCapPrm:\t000001ffffffffff\nCapEff:\t0000000000000003\nCapBnd:\t000001ffffffffff\n" +
	"CapAmb:\t0000000000000400\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t2\nSpeculation_Store_Bypass:\tvulnerable\n"

func TestParseStatus(t *testing.T) {
	got, err := parseStatus([]byte(statusText))
	want := status{
		name: "a\nb\\", state: 'S', pid: 4242, ppid: 4240, uid: [4]int{1, 2, 3, 4}, gid: [4]int{5, 6, 7, 8}, nspid: []int{4242, 17, 1},
		threads: 3, permitted: 0x1ffffffffff, effective: 3, bound: 0x1ffffffffff, ambient: 0x400, noNewPrivs: true, seccomp: 2, filters: 2,
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(status{})); err != nil || diff != "" {
		t.Error(err, diff)
	}
	if _, err := parseStatus([]byte("Name:\tx\n")); err == nil {
		t.Error("a status without a pid is none")
	}
}

func TestParseStat(t *testing.T) {
	got, err := parseStat([]byte("7 (a) b (c) S 6 5 4 34817 9 4194304 0 0 0 0 0 0 0 0 20 0 1 0 345678 0\n"))
	if want := (stat{group: 5, session: 4, tty: 34817, foreground: 9, start: 345678}); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	for _, s := range []string{"", "7 (a", "7 (a) S 1 2"} {
		if _, err := parseStat([]byte(s)); err == nil {
			t.Errorf("%q is one", s)
		}
	}
	for nr, want := range map[int]string{0: "", 136 << 8: "pts/0", 136<<8 | 7: "pts/7", 136<<8 | 1<<20 | 4: "pts/260", 4<<8 | 1: "tty1", 4<<8 | 64: "ttyS0", 5<<8 | 1: "console"} {
		if got := ttyName(nr); got != want {
			t.Errorf("%#x is %q, want %q", nr, got, want)
		}
	}
}

func TestIDMap(t *testing.T) {
	ranges := parseIDMap([]byte("         0 1900001000          1\n         1 1900100000      65536\n"))
	if diff := cmp.Diff([]idRange{{0, 1900001000, 1}, {1, 1900100000, 65536}}, ranges, cmp.AllowUnexported(idRange{})); diff != "" {
		t.Error(diff)
	}
	for host, want := range map[int]int{1900001000: 0, 1900001001: overflow, 1900100000: 1, 1900100000 + 65535: 65536, 0: overflow} {
		if got := inside(ranges, host); got != want {
			t.Errorf("%d is %d inside, want %d", host, got, want)
		}
	}
}

func TestParseMountinfo(t *testing.T) {
	text := "36 35 98:0 / / rw,noatime shared:1 master:2 - ext4 /dev/root rw,errors=continue\n" +
		"37 36 0:5 /a\\040b /mnt/x\\134y ro,nosuid unbindable - tmpfs none rw,size=64k\n" +
		"38 36 0:6 / /merged rw - overlay overlay rw,lowerdir=/a\\:1:/b,upperdir=/up\\,x,workdir=/work\n" +
		"39 36 0:7 / /new rw propagate_from:3 - overlay overlay rw,lowerdir+=/a:b,lowerdir+=/c,datadir+=/d\n" +
		"broken\n"
	got := parseMountinfo([]byte(text))
	want := []*Mount{
		{
			Exists: true, ID: 36, Parent: 35, Device: "98:0", Root: "/", Path: "/", Options: []string{"rw", "noatime"}, Propagation: "shared,slave",
			PeerGroup: 1, Master: 2, Type: "ext4", Source: "/dev/root", SuperOptions: []string{"rw", "errors=continue"},
		},
		{
			Exists: true, ID: 37, Parent: 36, Device: "0:5", Root: "/a b", Path: `/mnt/x\y`, Options: []string{"ro", "nosuid"}, Propagation: "unbindable",
			Type: "tmpfs", Source: "none", SuperOptions: []string{"rw", "size=64k"}, ReadOnly: true,
		},
		{
			Exists: true, ID: 38, Parent: 36, Device: "0:6", Root: "/", Path: "/merged", Options: []string{"rw"}, Propagation: "private", Type: "overlay",
			Source: "overlay", SuperOptions: []string{"rw", `lowerdir=/a\:1:/b`, `upperdir=/up\,x`, "workdir=/work"},
			Lower: []string{"/a:1", "/b"}, Upper: "/up,x", Work: "/work",
		},
		{
			Exists: true, ID: 39, Parent: 36, Device: "0:7", Root: "/", Path: "/new", Options: []string{"rw"}, Propagation: "private", Type: "overlay",
			Source: "overlay", SuperOptions: []string{"rw", "lowerdir+=/a:b", "lowerdir+=/c", "datadir+=/d"}, Lower: []string{"/a:b", "/c"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestGroupFiles(t *testing.T) {
	for _, test := range []struct {
		version int
		file    string
		text    string
		check   func(*Cgroup) any
		want    any
	}{
		{2, "memory.max", "max", func(g *Cgroup) any { return g.MemoryMax }, Unlimited},
		{2, "memory.max", "98304", func(g *Cgroup) any { return g.MemoryMax }, 98304},
		{1, "memory.limit_in_bytes", "9223372036854771712", func(g *Cgroup) any { return g.MemoryMax }, Unlimited},
		{1, "memory.limit_in_bytes", "98304", func(g *Cgroup) any { return g.MemoryMax }, 98304},
		{2, "memory.events", "low 1\nhigh 2\nmax 3\noom 4\noom_kill 5\noom_group_kill 6", func(g *Cgroup) any { return g.MemoryEvents }, MemoryEvents{1, 2, 3, 4, 5}},
		{1, "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2", func(g *Cgroup) any { return g.MemoryEvents.OOMKill }, 2},
		{2, "cpu.max", "max 100000", func(g *Cgroup) any { return g.CPUMax }, CPUMax{false, Unlimited, 100000}},
		{2, "cpu.max", "25000 50000", func(g *Cgroup) any { return g.CPUMax }, CPUMax{true, 25000, 50000}},
		{1, "cpu.cfs_quota_us", "-1", func(g *Cgroup) any { return g.CPUMax.Limited }, false},
		{1, "cpu.cfs_quota_us", "25000", func(g *Cgroup) any { return g.CPUMax.Quota }, 25000},
		{1, "cpu.shares", "512", func(g *Cgroup) any { return g.CPUWeight }, 50},
		{2, "cpu.stat", "usage_usec 1\nuser_usec 2\nsystem_usec 3\nnr_periods 4\nnr_throttled 5\nthrottled_usec 6", func(g *Cgroup) any { return g.CPUStat }, CPUStat{1, 2, 3, 4, 5, 6}},
		{1, "cpu.stat", "nr_periods 4\nnr_throttled 5\nthrottled_time 6000", func(g *Cgroup) any { return g.CPUStat }, CPUStat{0, 0, 0, 4, 5, 6}},
		{2, "pids.max", "max", func(g *Cgroup) any { return g.PidsMax }, Unlimited},
		{2, "pids.events", "max 7", func(g *Cgroup) any { return g.PidsRefused }, 7},
		{2, "cgroup.events", "populated 1\nfrozen 1", func(g *Cgroup) any { return []bool{g.Populated, g.Frozen} }, []bool{true, true}},
		{2, "cgroup.controllers", "cpu memory pids", func(g *Cgroup) any { return g.Controllers }, []string{"cpu", "memory", "pids"}},
		{
			2, "memory.pressure", "some avg10=0.50 avg60=1.52 avg300=0.80 total=123456\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7",
			func(g *Cgroup) any { return g.MemoryPressure },
			Pressure{true, Stall{0.5, 1.52, 0.8, 123456}, Stall{0, 0, 0, 7}},
		},
	} {
		g := &Cgroup{MemoryMax: Unlimited, CPUMax: CPUMax{Quota: Unlimited, Period: 100000}}
		i := slices.IndexFunc(groupFiles[:], func(f groupFile) bool { return f.version == test.version && f.name == test.file })
		groupFiles[i].parse(g, []byte(test.text))
		if diff := cmp.Diff(test.want, test.check(g)); diff != "" {
			t.Errorf("%s %q: %s", test.file, test.text, diff)
		}
	}
}

func TestHierarchyInside(t *testing.T) {
	h := newHierarchy(Hierarchy{Version: 1, Controllers: []string{"memory"}, Outer: "/nowhere/glassbox/17-k3v9x2", Inner: "/nowhere/glassbox/17-k3v9x2/box"}, false)
	for p, want := range map[string]string{
		"/glassbox/17-k3v9x2/box":                      "/",
		"/glassbox/17-k3v9x2/box/demo":                 "/demo",
		"/up/glassbox/17-k3v9x2/box/a/17-k3v9x2/box/b": "/a/17-k3v9x2/box/b", // the first is ours
		"/glassbox/17-k3v9x2":                          "/..",
		"/glassbox/17-k3v9x2/boxes":                    "/..",
		"/glassbox/17-k3v9x2/boxes/17-k3v9x2/box/x":    "/x",
		"/": "/..",
	} {
		if got := h.inside(p); got != want {
			t.Errorf("%s is %s, want %s", p, got, want)
		}
	}
	if h.learner != "/sys/fs/cgroup/memory" {
		t.Error(h.learner)
	}
}

func TestMergedCgroup(t *testing.T) {
	r := &Reader{}
	for _, c := range []string{"memory", "pids", "cpu,cpuacct"} {
		h := Hierarchy{Version: 1, Controllers: strings.Split(c, ","), Outer: "/x/1", Inner: "/x/1/box"}
		r.hierarchies = append(r.hierarchies, newHierarchy(h, false))
	}
	for text, want := range map[string]string{
		"3:memory:/1/box/a\n2:pids:/1/box/b\n1:cpu,cpuacct:/1/box\n": "/a",
		"3:memory:/1/box\n2:pids:/1/box/b\n1:cpu,cpuacct:/1/box\n":   "/b",
		"3:memory:/1/box\n2:pids:/1/box\n1:cpu,cpuacct:/1/box\n":     "/",
		"3:memory:/1/box/a (deleted)\n":                              "/a",
		"3:memory:/\n":                                               "/..",
	} {
		if got := r.place([]byte(text)).one; got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
	if got := r.place([]byte("1:cpu,cpuacct:/1/box/c\n")).groups["cpuacct"]; got != "/c" {
		t.Error(got)
	}
}

func TestKernelAtLeast(t *testing.T) {
	f := HostFacts{Version: [3]int{6, 1, 55}}
	for version, want := range map[string]bool{"6": true, "6.1": true, "6.1.55": true, "6.1.56": false, "6.6": false, "5.19": true, "7": false, "x": false, "": false} {
		if got := f.KernelAtLeast(version); got != want {
			t.Errorf("%q: %v", version, got)
		}
	}
	if got, err := ParseVersion("6.1.0-56-cloud-amd64"); err != nil || got != [3]int{6, 1, 0} {
		t.Error(got, err)
	}
}

func TestFileCapabilitiesDecoded(t *testing.T) {
	s := &Source{FirstUID: 1000}
	v2 := []byte{1, 0, 0, 2, 1, 4, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0}
	got := s.fileCapabilities(v2)
	want := FileCapabilities{Permitted: []string{"CAP_CHOWN", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_MAC_OVERRIDE"}, Inheritable: []string{}, Effective: true, Version: 2}
	want.Permitted = namesOf(0x0401 | 1<<32)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	v3 := binary.LittleEndian.AppendUint32(slices.Clone(v2), 1007)
	v3[3] = 3
	if got := s.fileCapabilities(v3); got.Version != 3 || got.RootID != 7 {
		t.Errorf("%+v", got)
	}
	if got := s.fileCapabilities(v2[:7]); got.Version != 0 {
		t.Errorf("%+v", got)
	}
}

func TestParseProcEvent(t *testing.T) {
	event := func(what uint32, words ...uint32) []byte {
		b := make([]byte, sizeofCnMsg+sizeofEvent)
		binary.NativeEndian.PutUint32(b[sizeofCnMsg:], what)
		for _, w := range words {
			b = binary.NativeEndian.AppendUint32(b, w)
		}
		return b
	}
	for _, test := range []struct {
		name string
		b    []byte
		want procEvent
		ok   bool
	}{
		{"fork", event(cnFork, 10, 10, 11, 11), procEvent{what: cnFork, pid: 11, parent: 10}, true},
		{"fork by a thread", event(cnFork, 12, 10, 11, 11), procEvent{what: cnFork, pid: 11, parent: 10}, true},
		{"thread", event(cnFork, 10, 10, 11, 10), procEvent{}, false},
		{"exec", event(cnExec, 11, 11), procEvent{what: cnExec, pid: 11}, true},
		{"exit", event(cnExit, 11, 11, 0x300, 17, 10, 10), procEvent{what: cnExit, pid: 11, status: 0x300}, true},
		{"end of a thread", event(cnExit, 12, 11, 0, 17, 10, 10), procEvent{}, false},
		{"cut off", event(cnExit, 11), procEvent{}, false},
		{"answer", event(0, 0), procEvent{}, false},
		{"nothing", nil, procEvent{}, false},
	} {
		got, ok := parseProcEvent(test.b)
		if ok != test.ok || ok && got != test.want {
			t.Errorf("%s: %+v, %v", test.name, got, ok)
		}
	}
	p := &Process{ExitStatus: -1}
	if p := p.end(int(unix.SIGKILL)); p.Signal != "SIGKILL" || p.ExitStatus != -1 || !p.Ended {
		t.Errorf("killed: %q, %d", p.Signal, p.ExitStatus)
	}
	if p := p.end(0x300); p.Signal != "" || p.ExitStatus != 3 || !p.Ended {
		t.Errorf("ended: %q, %d", p.Signal, p.ExitStatus)
	}
	if p.Ended {
		t.Error("what was seen has changed")
	}
	answer := event(cnNone, uint32(unix.EPERM), 0, 0)
	binary.NativeEndian.PutUint32(answer[12:], 78)
	if errno, ok := parseProcAnswer(answer, 78); !ok || errno != unix.EPERM {
		t.Errorf("answer: %v, %v", errno, ok)
	}
	if _, ok := parseProcAnswer(answer, 77); ok {
		t.Error("an answer to another one")
	}
	if _, ok := parseProcAnswer(event(cnExec, 11, 11), 0); ok {
		t.Error("an event is no answer")
	}
}

// What the learner can write into names and paths must neither crash a parser nor make it run on.
func FuzzParsers(f *testing.F) {
	f.Add([]byte(statusText))
	f.Add([]byte("7 (a) b (c) S 6 5 4 34817 9 4194304 0 0 0 0 0 0 0 0 20 0 1 0 345678 0\n"))
	f.Add([]byte("38 36 0:6 / /m\\040 rw shared:1 - overlay overlay rw,lowerdir=/a\\:1:/b,upperdir=/up\n"))
	f.Add([]byte("4:memory:/1/box/demo\n0::/\n"))
	f.Add([]byte("some avg10=0.50 avg60=1.52 avg300=0.80 total=123456\n"))
	f.Add([]byte("0 1900000000 65536\n"))
	h := newHierarchy(Hierarchy{Version: 1, Controllers: []string{"memory"}, Outer: "/x/1", Inner: "/x/1/box"}, false)
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := parseStatus(b); err == nil && (s.pid <= 0 || len(s.nspid) == 0) {
			t.Errorf("status %+v", s)
		}
		_, _ = parseStat(b)
		for _, m := range parseMountinfo(b) {
			if m.Propagation == "" || len(m.Options) == 0 {
				t.Errorf("mount %+v", m)
			}
		}
		for _, m := range parseProcCgroup(b) {
			if in := h.inside(m.path); !strings.HasPrefix(in, "/") {
				t.Errorf("%q is %q inside", m.path, in)
			}
		}
		for _, r := range parseIDMap(b) {
			inside([]idRange{r}, 0)
		}
		for i := range groupFiles {
			groupFiles[i].parse(&Cgroup{}, b)
		}
		parseOffsets(b)
		fillCmdline(&Process{}, b)
		(&Source{}).fileCapabilities(b)
		parseAddresses(b, parseLinks(b))
		messages(b, func(_ uint16, body []byte) { parseProcEvent(body) })
	})
}
