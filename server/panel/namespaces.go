package panel

import (
	"fmt"

	"glassbox/sandbox/kernel"
)

// namespaces shows which process is in which namespace.
type namespaces struct{}

// kinds are the kinds of namespaces in the order of the page, by the names of /proc/PID/ns.
var kinds = []struct {
	name string
	of   func(*kernel.Process) kernel.Namespace
}{
	{"user", func(p *kernel.Process) kernel.Namespace { return p.Namespaces.User }},
	{"pid", func(p *kernel.Process) kernel.Namespace { return p.Namespaces.Pid }},
	{"mnt", func(p *kernel.Process) kernel.Namespace { return p.Namespaces.Mount }},
	{"net", func(p *kernel.Process) kernel.Namespace { return p.Namespaces.Net }},
	{"uts", func(p *kernel.Process) kernel.Namespace { return p.Namespaces.UTS }},
	{"ipc", func(p *kernel.Process) kernel.Namespace { return p.Namespaces.IPC }},
	{"cgroup", func(p *kernel.Process) kernel.Namespace { return p.Namespaces.Cgroup }},
	{"time", func(p *kernel.Process) kernel.Namespace { return p.Namespaces.Time }},
}

// NamespacesReading is the reading of the panel namespaces: a matrix of processes and kinds.
type NamespacesReading struct {
	Kinds     []string       `json:"kinds"`
	Processes []NamespaceRow `json:"processes"`
	Front     int            `json:"front"` // pid of the process in front
	// Host are the inode numbers of the host's own namespaces, by kind: what the sandbox differs from.
	Host map[string]int `json:"host"`
	// Names say more about a namespace than its number, by number: its host name, for a uts namespace.
	Names map[int]string `json:"names"`
}

// NamespaceRow is one process.
type NamespaceRow struct {
	Pid  int             `json:"pid"`
	Comm string          `json:"comm"`
	In   []NamespaceCell `json:"in"` // in the order of Kinds
}

// NamespaceCell is one namespace of a process.
type NamespaceCell struct {
	ID     int  `json:"id"`     // inode number
	Own    bool `json:"own"`    // not the sandbox's
	Shared int  `json:"shared"` // how many of the sandbox's processes are in it
}

func (namespaces) Name() string  { return "namespaces" }
func (namespaces) Title() string { return "Namespaces" }
func (namespaces) Want() kernel.Want {
	return kernel.WantProcesses | kernel.WantNamespaces | kernel.WantHostnames
}

func (namespaces) Read(v *kernel.View, front *kernel.Process) (any, []string) {
	reading := NamespacesReading{Processes: []NamespaceRow{}, Front: front.Pid, Host: v.HostNamespaces, Names: map[int]string{}}
	members := map[int]int{}
	for _, k := range kinds {
		reading.Kinds = append(reading.Kinds, k.name)
		for _, p := range v.Processes {
			members[k.of(p).ID]++
		}
	}
	walk(v, func(p *kernel.Process, _ int) {
		row := NamespaceRow{Pid: p.Pid, Comm: p.Comm}
		for _, k := range kinds {
			ns := k.of(p)
			row.In = append(row.In, NamespaceCell{ID: ns.ID, Own: ns.Own, Shared: members[ns.ID]})
		}
		reading.Processes = append(reading.Processes, row)
	})
	for _, h := range v.Hostnames {
		reading.Names[h.ID] = h.Name
	}
	return reading, []string{fmt.Sprintf("/proc/%d/ns/", front.Pid)}
}
