package panel

import (
	"fmt"

	"glassbox/sandbox/kernel"
)

// networks shows the interfaces of each network namespace.
type networks struct{}

// NetworkReading is the reading of the panel network.
type NetworkReading struct {
	Namespaces []NetworkRow `json:"namespaces"`
	Front      int          `json:"front"` // inode number of the namespace of the process in front
}

// NetworkRow is one network namespace.
type NetworkRow struct {
	ID         int                 `json:"id"`
	Own        bool                `json:"own"`  // not the sandbox's
	Pids       []int               `json:"pids"` // the processes in it
	Interfaces []*kernel.Interface `json:"interfaces"`
}

func (networks) Name() string  { return "network" }
func (networks) Title() string { return "Network" }
func (networks) Want() kernel.Want {
	return kernel.WantProcesses | kernel.WantNamespaces | kernel.WantNetworks
}

func (networks) Read(v *kernel.View, front *kernel.Process) (any, []string) {
	reading := NetworkReading{Namespaces: []NetworkRow{}, Front: front.Namespaces.Net.ID}
	for _, n := range v.Networks {
		row := NetworkRow{ID: n.ID, Own: n.Own, Pids: []int{}, Interfaces: n.Interfaces}
		for _, p := range v.Processes {
			if p.Namespaces.Net.ID == n.ID {
				row.Pids = append(row.Pids, p.Pid)
			}
		}
		reading.Namespaces = append(reading.Namespaces, row)
	}
	return reading, []string{fmt.Sprintf("/proc/%d/net/dev", front.Pid), fmt.Sprintf("/proc/%d/net/fib_trie", front.Pid)}
}
