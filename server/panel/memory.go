package panel

import "glassbox/sandbox/kernel"

// memory shows the memory of the group that the process in front is in, and of the sandbox as a whole. Where the OOM killer has killed
// in another group since the learner's last command, it shows that one: the process in front may have been the victim, and what
// happened to it is what there is to see.
type memory struct{}

// MemoryReading is the reading of the panel memory. Amounts are in bytes; a limit that is not set is null.
type MemoryReading struct {
	Group   MemoryOf `json:"group"`   // the group of the process in front, or of the victim
	Killed  int      `json:"killed"`  // how many processes the OOM killer has killed in it since the learner's last command
	Sandbox MemoryOf `json:"sandbox"` // the learner's root group, with all that is below it
}

// MemoryOf is the memory of one group.
type MemoryOf struct {
	Path        string              `json:"path"`
	Current     int                 `json:"current"`
	Peak        int                 `json:"peak"`
	Max         *int                `json:"max"`
	High        *int                `json:"high"`
	SwapCurrent int                 `json:"swap_current"`
	SwapMax     *int                `json:"swap_max"`
	Events      kernel.MemoryEvents `json:"events"`
	Pressure    kernel.Pressure     `json:"pressure"`
}

func (memory) Name() string      { return "memory" }
func (memory) Title() string     { return "Memory" }
func (memory) Want() kernel.Want { return kernel.WantProcesses | kernel.WantCgroups }

func (m memory) Read(v *kernel.View, front *kernel.Process) (any, []string) {
	return m.ReadSince(v, v, front)
}

func (memory) ReadSince(before, v *kernel.View, front *kernel.Process) (any, []string) {
	group, killed := v.Cgroup(front.Cgroup), 0
	if g, n := victim(before, v); n > 0 {
		group, killed = g, n
	}
	return MemoryReading{Group: memoryOf(group), Killed: killed, Sandbox: memoryOf(v.Cgroup("/"))},
		paths(group, "memory.current", "memory.max", "memory.events", "memory.pressure")
}

// victim is the group in which processes were killed for want of memory between two Views, and how many. On v2 a group counts also what
// happened below it; so it is the last one, for each comes after its parent.
func victim(before, v *kernel.View) (group *kernel.Cgroup, killed int) {
	was := map[string]int{}
	for _, g := range before.Cgroups {
		was[g.Path] = g.MemoryEvents.OOMKill
	}
	for _, g := range v.Cgroups {
		if n := g.MemoryEvents.OOMKill - was[g.Path]; n > 0 {
			group, killed = g, n
		}
	}
	return group, killed
}

func memoryOf(g *kernel.Cgroup) MemoryOf {
	return MemoryOf{
		Path: g.Path, Current: g.MemoryCurrent, Peak: g.MemoryPeak, Max: limit(g.MemoryMax), High: limit(g.MemoryHigh),
		SwapCurrent: g.SwapCurrent, SwapMax: limit(g.SwapMax), Events: g.MemoryEvents, Pressure: g.MemoryPressure,
	}
}

// paths are the files of a group that a reading came from, as the learner finds them; those that the kernel does not have
// are left out.
func paths(g *kernel.Cgroup, files ...string) []string {
	var found []string
	for _, f := range files {
		if read, ok := g.Evidence(f); ok {
			found = append(found, read.Path)
		}
	}
	return found
}
