package panel

import (
	"fmt"

	"glassbox/sandbox/kernel"
)

// processes shows the tree of processes, each with its pid inside and its pid on the host: the same process, seen from both sides.
type processes struct{}

// ProcessesReading is the reading of the panel processes: each process after its parent.
type ProcessesReading struct {
	Processes []ProcessRow `json:"processes"`
	Front     int          `json:"front"` // pid, in the sandbox, of the process in front
}

// ProcessRow is one process.
type ProcessRow struct {
	Pid      int            `json:"pid"`  // in the sandbox
	Pids     []int          `json:"pids"` // from the sandbox's pid namespace inward
	HostPid  int            `json:"host_pid"`
	Ppid     int            `json:"ppid"`
	Depth    int            `json:"depth"`
	Comm     string         `json:"comm"`
	Cmdline  string         `json:"cmdline"`
	State    string         `json:"state"`
	UID      int            `json:"uid"`     // in the sandbox
	OwnUID   int            `json:"own_uid"` // in its own user namespace
	HostUID  int            `json:"host_uid"`
	Terminal string         `json:"terminal"`
	Root     string         `json:"root"`
	Threads  int            `json:"threads"`
	Cgroup   string         `json:"cgroup"`
	Nested   bool           `json:"nested"` // in some namespace that is not the sandbox's
	UIDMap   []kernel.IDMap `json:"uid_map,omitempty"`
}

func (processes) Name() string  { return "processes" }
func (processes) Title() string { return "Processes" }
func (processes) Want() kernel.Want {
	return kernel.WantProcesses | kernel.WantNamespaces | kernel.WantMaps | kernel.WantPaths
}

func (processes) Read(v *kernel.View, front *kernel.Process) (any, []string) {
	reading := ProcessesReading{Processes: []ProcessRow{}, Front: front.Pid}
	walk(v, func(p *kernel.Process, depth int) {
		row := ProcessRow{
			Pid: p.Pid, Pids: p.Pids, HostPid: p.HostPid, Ppid: p.Ppid, Depth: depth, Comm: p.Comm, Cmdline: p.Cmdline,
			State: p.State, UID: p.UID, OwnUID: p.OwnUID, HostUID: p.HostUID, Terminal: p.Terminal, Root: p.Root,
			Threads: p.Threads, Cgroup: p.Cgroup, Nested: nested(p),
		}
		if p.Namespaces.User.Own {
			row.UIDMap = p.UIDMap
		}
		reading.Processes = append(reading.Processes, row)
	})
	return reading, []string{
		fmt.Sprintf("/proc/%d/status", front.Pid), fmt.Sprintf("/proc/%d/cmdline", front.Pid), fmt.Sprintf("/proc/%d/uid_map", front.Pid),
	}
}

// walk visits the processes as a tree: each after its parent, brothers by pid. One whose parent is outside, or gone, is
// a root.
func walk(v *kernel.View, visit func(p *kernel.Process, depth int)) {
	children := map[int][]*kernel.Process{}
	known := map[int]bool{}
	for _, p := range v.Processes {
		known[p.HostPid] = true
	}
	for _, p := range v.Processes {
		parent := p.HostPpid
		if !known[parent] {
			parent = 0
		}
		children[parent] = append(children[parent], p)
	}
	var descend func(parent, depth int)
	descend = func(parent, depth int) {
		for _, p := range children[parent] {
			visit(p, depth)
			descend(p.HostPid, depth+1)
		}
	}
	descend(0, 0)
}

// nested tells whether a process is in a namespace that is not the sandbox's own.
func nested(p *kernel.Process) bool {
	for _, k := range kinds {
		if k.of(p).Own {
			return true
		}
	}
	return false
}
