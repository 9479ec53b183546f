package panel

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"glassbox/sandbox/kernel"
)

const engineID = "8fce054a8e73a5576f1eb63edbf25f257778158d4ad04ecfcaa167b4f322b9aa"

// sideView is a box with a shell, a container that was built by hand, and one of the engine's with its monitor.
func sideView() *kernel.View {
	own := func(id int) kernel.Namespace { return kernel.Namespace{ID: id, Own: true} }
	box := kernel.Namespaces{
		User: kernel.Namespace{ID: 1}, Pid: kernel.Namespace{ID: 2}, Mount: kernel.Namespace{ID: 3}, Net: kernel.Namespace{ID: 4},
		UTS: kernel.Namespace{ID: 5}, IPC: kernel.Namespace{ID: 6}, Cgroup: kernel.Namespace{ID: 7}, Time: kernel.Namespace{ID: 8},
	}
	all := kernel.Capabilities{Effective: []string{"CAP_CHOWN", "CAP_KILL", "CAP_SYS_ADMIN"}, Bounding: []string{"CAP_CHOWN", "CAP_KILL", "CAP_SYS_ADMIN"}}
	process := func(pid, parent int, comm string, ns kernel.Namespaces, change func(*kernel.Process)) *kernel.Process {
		p := &kernel.Process{
			Exists: true, Pid: pid, HostPid: 100 + pid, HostPpid: 100 + parent, Comm: comm, Pids: []int{pid}, Namespaces: ns, Root: "/", Cgroup: "/shell",
			Capabilities: all, Started: time.Unix(int64(pid), 0),
		}
		if change != nil {
			change(p)
		}
		return p
	}
	hand := box
	hand.Pid, hand.Mount, hand.UTS = own(22), own(23), own(25)
	docker := hand
	docker.Pid, docker.Mount, docker.UTS, docker.Net = own(32), own(33), own(35), own(34)
	init := process(1, 0, "glassbox-init", box, func(p *kernel.Process) { p.Cgroup = "/init" })
	return &kernel.View{
		Init: init,
		Processes: []*kernel.Process{
			init,
			process(7, 1, "bash", box, func(p *kernel.Process) { p.Shell, p.Foreground = true, 109 }),
			process(9, 7, "unshare", hand, nil),
			process(10, 9, "sh", hand, func(p *kernel.Process) { p.Pids = []int{10, 1}; p.Cgroup = "/mine" }),
			process(11, 10, "sleep", hand, func(p *kernel.Process) { p.Pids = []int{11, 2}; p.Cgroup = "/mine" }),
			process(20, 1, "conmon", box, func(p *kernel.Process) {
				p.Args = []string{"conmon", "-c", engineID, "-u", engineID, "-n", "web"}
			}),
			process(21, 20, "nginx", docker, func(p *kernel.Process) {
				p.Pids, p.Cgroup, p.OwnFilters, p.NoNewPrivs = []int{21, 1}, "/libpod_parent/libpod-"+engineID, 1, true
				p.Cgroups = map[string]string{"": p.Cgroup}
				p.Capabilities = kernel.Capabilities{Effective: []string{"CAP_CHOWN", "CAP_KILL"}, Bounding: []string{"CAP_CHOWN", "CAP_KILL"}}
			}),
		},
		Cgroups: []*kernel.Cgroup{
			{Exists: true, Path: "/mine", MemoryMax: 64 << 20, PidsMax: kernel.Unlimited, CPUMax: kernel.CPUMax{Limited: true, Quota: 20000, Period: 100000}},
		},
		Mounts: []*kernel.MountNamespace{
			{ID: 3, Mounts: []*kernel.Mount{{Path: "/", Type: "overlay", Device: "0:50", Root: "/", Upper: "scratch/upper"}}},
			{ID: 23, Own: true, Mounts: []*kernel.Mount{{Path: "/", Type: "tmpfs", Device: "0:60", Root: "/alpine"}, {Path: "/proc", Type: "proc"}}},
			{ID: 33, Own: true, Mounts: []*kernel.Mount{
				{Path: "/", Type: "overlay", Device: "0:70", Root: "/", Lower: []string{"l/A", "l/B"}, Upper: "/var/lib/containers/storage/overlay/x/diff"},
				{Path: "/proc", Type: "proc"},
				{Path: "/proc/keys", Type: "devtmpfs", Root: "/null", ReadOnly: true},
				{Path: "/proc/acpi", Type: "tmpfs", Root: "/", ReadOnly: true},
				{Path: "/proc/sys", Type: "proc", Root: "/sys", ReadOnly: true},
				{Path: "/dev", Type: "tmpfs", Root: "/"},
				{Path: "/dev/null", Type: "devtmpfs", Root: "/null"},
			}},
		},
		Networks: []*kernel.Network{
			{ID: 4, Interfaces: []*kernel.Interface{{Name: "lo"}, {Name: "eth0"}}},
			{ID: 34, Own: true, Interfaces: []*kernel.Interface{{Name: "lo"}}},
		},
		Hostnames: []*kernel.Hostname{{ID: 5, Name: "box"}, {ID: 25, Own: true, Name: "mine"}, {ID: 35, Own: true, Name: "8fce054a8e73"}},
	}
}

func readCompare(t *testing.T, v *kernel.View, front *kernel.Process) (CompareReading, []string) {
	t.Helper()
	value, paths := compare{}.Read(v, front)
	reading, ok := value.(CompareReading)
	if !ok {
		t.Fatalf("got a %T", value)
	}
	return reading, paths
}

func TestCompare(t *testing.T) {
	v := sideView()
	reading, paths := readCompare(t, v, v.Process(10))
	if reading.Left != 10 || reading.Right != 21 {
		t.Errorf("proposes %d and %d, want 10 and 21", reading.Left, reading.Right)
	}
	if len(paths) != 10 || paths[0] != "/proc/10/ns/" || paths[6] != "/proc/21/status" {
		t.Errorf("read from %v", paths)
	}
	cells := func(pid int) map[string]CompareCell {
		for _, p := range reading.Processes {
			if p.Pid == pid {
				out := map[string]CompareCell{}
				for i, c := range p.Cells {
					out[reading.Rows[i].Name] = c
				}
				return out
			}
		}
		t.Fatalf("pid %d cannot be chosen", pid)
		return nil
	}
	hand, docker, box := cells(10), cells(21), cells(7)
	tests := []struct {
		row               string
		hand, docker, box string
	}{
		{"pid", "its own", "its own", "the box’s"},
		{"net", "the box’s", "its own", "the box’s"},
		{"user", "the box’s", "the box’s", "the box’s"},
		{"root", "a tmpfs", "an overlay", "the box’s"},
		{"root-mode", "the files themselves", "a layer of its own", "the box’s layer"},
		{"masked", "0", "2", "0"},
		{"read-only", "0", "1", "0"},
		{"tmpfs", "1", "1", "0"},
		{"dev", "0", "1", "0"},
		{"group", "/mine", "the container’s own", "/shell"},
		{"memory", "64 MiB", "max", "max"},
		{"pids", "max", "max", "max"},
		{"cpu", "0.2 of a processor", "max", "max"},
		{"uid", "0", "0", "0"},
		{"uid_map", "the box’s", "the box’s", "the box’s"},
		{"CapEff", "3", "2", "3"},
		{"CapAmb", "0", "0", "0"},
		{"seccomp", "the box’s filter", "and a filter of its own", "the box’s filter"},
		{"no_new_privs", "no", "yes", "no"},
		{"hostname", "mine", "8fce054a8e73", "box"},
		{"pid-inside", "1", "1", "7"},
		{"processes", "3 of 7", "1 of 7", "all of the box’s"},
		{"interfaces", "2", "1", "2"},
	}
	for _, test := range tests {
		got := []string{hand[test.row].Text, docker[test.row].Text, box[test.row].Text}
		if diff := cmp.Diff([]string{test.hand, test.docker, test.box}, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", test.row, diff)
		}
	}
	if diff := cmp.Diff([]string{"/proc/acpi", "/proc/keys"}, docker["masked"].List); diff != "" {
		t.Errorf("masked: (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{"CHOWN", "KILL"}, docker["CapBnd"].List); diff != "" {
		t.Errorf("CapBnd: (-want +got)\n%s", diff)
	}
}

// withWorker adds a process of the engine's container that has another user id and came later.
func withWorker(v *kernel.View) *kernel.View {
	worker := *v.Process(21)
	worker.Pid, worker.HostPid, worker.HostPpid, worker.UID, worker.Pids, worker.Started = 30, 130, 121, 33, []int{30, 9}, time.Unix(30, 0)
	v.Processes = append(v.Processes, &worker)
	return v
}

// without takes processes away.
func without(v *kernel.View, pids ...int) *kernel.View {
	v.Processes = slices.DeleteFunc(v.Processes, func(p *kernel.Process) bool { return slices.Contains(pids, p.Pid) })
	return v
}

func TestCompareChooses(t *testing.T) {
	tests := []struct {
		name        string
		view        *kernel.View
		front       int
		left, right int
	}{
		{"the nested one in front", sideView(), 9, 9, 21},
		{"the newest nested one, where the box's shell is in front", sideView(), 7, 10, 21},
		{"a container's first process, not its workers", withWorker(sideView()), 10, 10, 21},
		{"no engine: the box's shell", without(sideView(), 20, 21), 10, 10, 7},
		{"nothing nested: the one in front", without(sideView(), 9, 10, 11), 7, 7, 21},
		{"only the box", without(sideView(), 9, 10, 11, 20, 21), 7, 7, 1},
		{"nothing but PID 1", without(sideView(), 7, 9, 10, 11, 20, 21), 1, 1, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			reading, _ := readCompare(t, test.view, test.view.Process(test.front))
			if reading.Left != test.left || reading.Right != test.right {
				t.Errorf("proposes %d and %d, want %d and %d", reading.Left, reading.Right, test.left, test.right)
			}
		})
	}
}

// A guest by nsenter(1) is in the container's rooms, and not in its control group.
func TestCompareKnowsAGuest(t *testing.T) {
	v := sideView()
	v.Mounts[2].Mounts[0].Upper = "/var/lib/containers/storage/overlay/" + strings.Repeat("5e", 32) + "/diff"
	guest := *v.Process(7)
	guest.Pid, guest.HostPid, guest.Started = 40, 140, time.Unix(40, 0)
	guest.Namespaces, guest.Pids = v.Process(21).Namespaces, []int{40, 6}
	v.Processes = append(v.Processes, &guest)
	reading, _ := readCompare(t, without(v, 9, 10, 11), &guest)
	if reading.Left != 40 || reading.Right != 21 {
		t.Errorf("proposes %d and %d, want the guest, 40, and the container, 21", reading.Left, reading.Right)
	}
	if last := reading.Processes[len(reading.Processes)-1]; last.Pid != 40 || last.Container != "web" {
		t.Errorf("the guest is %+v, want pid 40 in web", last)
	}
}

func TestCompareOffers(t *testing.T) {
	v := sideView()
	reading, _ := readCompare(t, v, v.Process(7))
	var got []string
	for _, p := range reading.Processes {
		got = append(got, strings.TrimSpace(fmt.Sprint(p.Pid, p.Kind, p.Container)))
	}
	// 11 sees what 10 does, and came later; conmon is like the shell.
	want := []string{"1box", "7box", "9nested", "10nested", "21engineweb"}
	for i := range got {
		got[i] = strings.ReplaceAll(got[i], " ", "")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	v.Processes = append([]*kernel.Process(nil), v.Processes...)
	for pid := 100; pid < 200; pid++ {
		v.Processes = append(v.Processes, &kernel.Process{Exists: true, Pid: pid, HostPid: pid + 100, UID: pid, Root: "/"})
	}
	reading, _ = readCompare(t, v, v.Process(7))
	n := len(reading.Processes)
	if n != mostCompared || reading.Processes[0].Pid != 1 || reading.Processes[1].Pid != 7 || reading.Processes[n-1].Pid != 199 {
		t.Errorf("offers %d, from %d to %d; want %d: PID 1, the shell, and the newest", n, reading.Processes[0].Pid, reading.Processes[n-1].Pid, mostCompared)
	}
	if _, paths := readCompare(t, &kernel.View{}, &kernel.Process{}); paths != nil {
		t.Errorf("of an empty sandbox it reads %v", paths)
	}
}
