package panel

import (
	"slices"
	"strings"

	"glassbox/sandbox/kernel"
)

// cgroups shows the tree of groups with what each uses and may use.
type cgroups struct{}

// CgroupsReading is the reading of the panel cgroups: each group after its parent.
type CgroupsReading struct {
	Groups []CgroupRow `json:"groups"`
	Front  string      `json:"front"` // path of the group of the process in front
}

// CgroupRow is one group. Memory is in bytes, processor time in microseconds; a limit that is not set is null.
type CgroupRow struct {
	Path          string   `json:"path"`
	Depth         int      `json:"depth"`
	Controllers   []string `json:"controllers"`
	MemoryCurrent int      `json:"memory_current"`
	MemoryMax     *int     `json:"memory_max"`
	OOMKills      int      `json:"oom_kills"`
	PidsCurrent   int      `json:"pids_current"` // processes and threads; only processes where the pids controller is not in the group
	PidsMax       *int     `json:"pids_max"`
	PidsRefused   int      `json:"pids_refused"`
	CPUQuota      *int     `json:"cpu_quota"`
	CPUPeriod     int      `json:"cpu_period"`
	CPUUsage      int      `json:"cpu_usage"`
	CPUThrottled  int      `json:"cpu_throttled"` // periods
	Pressure      float64  `json:"pressure"`      // percent of the last 10 seconds in which some task waited for memory
	Frozen        bool     `json:"frozen"`
	Procs         []int    `json:"procs"`
}

func (cgroups) Name() string      { return "cgroups" }
func (cgroups) Title() string     { return "Control groups" }
func (cgroups) Want() kernel.Want { return kernel.WantProcesses | kernel.WantCgroups }

func (cgroups) Read(v *kernel.View, front *kernel.Process) (any, []string) {
	reading := CgroupsReading{Groups: []CgroupRow{}, Front: front.Cgroup}
	for _, g := range v.Cgroups {
		row := CgroupRow{
			Path: g.Path, Depth: depth(g.Path), Controllers: g.Controllers,
			MemoryCurrent: g.MemoryCurrent, MemoryMax: limit(g.MemoryMax), OOMKills: g.MemoryEvents.OOMKill,
			PidsCurrent: g.PidsCurrent, PidsMax: limit(g.PidsMax), PidsRefused: g.PidsRefused,
			CPUPeriod: g.CPUMax.Period, CPUUsage: g.CPUStat.Usage, CPUThrottled: g.CPUStat.Throttled,
			Pressure: g.MemoryPressure.Some.Avg10, Frozen: g.Frozen, Procs: g.Procs,
		}
		if !slices.Contains(g.Controllers, "pids") {
			row.PidsCurrent = inGroup(v, g)
		}
		if g.CPUMax.Limited {
			row.CPUQuota = limit(g.CPUMax.Quota)
		}
		reading.Groups = append(reading.Groups, row)
	}
	return reading, paths(v.Cgroup(front.Cgroup), "memory.max", "pids.max", "cpu.max", "cgroup.procs", "cgroup.events")
}

// inGroup counts the processes in a group, in the hierarchies in which there is such a group.
func inGroup(v *kernel.View, g *kernel.Cgroup) int {
	n := 0
	for _, p := range v.Processes {
		if slices.ContainsFunc(append([]string{""}, g.Controllers...), func(c string) bool { return p.Cgroups[c] == g.Path }) {
			n++
		}
	}
	return n
}

func depth(path string) int {
	if path == "/" {
		return 0
	}
	return strings.Count(path, "/")
}
