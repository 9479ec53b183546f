package kernel

import "math"

// Unlimited is the value of a limit that is not set: "max" on v2, 9223372036854771712 or -1 on v1.
const Unlimited = math.MaxInt64

// Cgroup is one group of the sandbox. Its fields are named after the files of cgroup v2; on a v1 host they are filled from the
// v1 files of the same meaning, and [Cgroup.Evidence] tells which file was read.
type Cgroup struct {
	// Exists is false for a group that was asked for and is not there; its limits are then unlimited.
	Exists bool `expr:"exists" json:"-"`
	// Path is the group as the sandbox sees it: "/demo".
	Path string `expr:"path" json:"path"`
	// Controllers are the controllers that work in it. On v1 those in whose hierarchy the group exists.
	Controllers []string `expr:"controllers" json:"controllers" file:"cgroup.controllers"`
	// SubtreeControl are the controllers that are enabled for its children; v2 only.
	SubtreeControl []string `expr:"subtree_control" json:"subtree_control" file:"cgroup.subtree_control"`
	// MemoryMax is its memory limit in bytes.
	MemoryMax int `expr:"memory_max" json:"memory_max" unit:"bytes" file:"memory.max"`
	// MemoryHigh is where the kernel starts to slow it down and to take memory back, in bytes.
	MemoryHigh int `expr:"memory_high" json:"memory_high" unit:"bytes" file:"memory.high"`
	// MemoryCurrent is the memory it uses, in bytes.
	MemoryCurrent int `expr:"memory_current" json:"memory_current" unit:"bytes" file:"memory.current"`
	// MemoryPeak is the most memory it ever used, in bytes; 0 on kernels before 5.19 with v2.
	MemoryPeak int `expr:"memory_peak" json:"memory_peak" unit:"bytes" file:"memory.peak"`
	// SwapMax is its limit for swap in bytes.
	SwapMax int `expr:"swap_max" json:"swap_max" unit:"bytes" file:"memory.swap.max"`
	// SwapCurrent is the swap it uses, in bytes.
	SwapCurrent int `expr:"swap_current" json:"swap_current" unit:"bytes" file:"memory.swap.current"`
	// MemoryEvents counts what happened to its memory.
	MemoryEvents MemoryEvents `expr:"memory_events" json:"memory_events" file:"memory.events"`
	// PidsMax is how many processes and threads it may have.
	PidsMax int `expr:"pids_max" json:"pids_max" file:"pids.max"`
	// PidsCurrent is how many it has.
	PidsCurrent int `expr:"pids_current" json:"pids_current" file:"pids.current"`
	// PidsRefused counts the forks that failed at the limit.
	PidsRefused int `expr:"pids_refused" json:"pids_refused" file:"pids.events"`
	// CPUMax is its limit for processor time.
	CPUMax CPUMax `expr:"cpu_max" json:"cpu_max" file:"cpu.max"`
	// CPUWeight is its share against its siblings, 1 to 10000; 100 unless it was set. On v1 it is cpu.shares, whose 1024 is 100.
	CPUWeight int `expr:"cpu_weight" json:"cpu_weight" file:"cpu.weight"`
	// CPUStat is the processor time that it used.
	CPUStat CPUStat `expr:"cpu_stat" json:"cpu_stat" file:"cpu.stat"`
	// CPUPressure tells how long its tasks waited for a processor; v2 only.
	CPUPressure Pressure `expr:"cpu_pressure" json:"cpu_pressure" file:"cpu.pressure"`
	// MemoryPressure tells how long its tasks waited for memory; v2 only.
	MemoryPressure Pressure `expr:"memory_pressure" json:"memory_pressure" file:"memory.pressure"`
	// IOPressure tells how long its tasks waited for input and output; v2 only.
	IOPressure Pressure `expr:"io_pressure" json:"io_pressure" file:"io.pressure"`
	// Populated says that it or a group below it has processes.
	Populated bool `expr:"populated" json:"populated" file:"cgroup.events"`
	// Frozen says that its processes are stopped by cgroup.freeze; on v1 by freezer.state.
	Frozen bool `expr:"frozen" json:"frozen" file:"cgroup.events"`
	// Procs are the pids, in the sandbox, of the processes in it; on v1 of those in the memory hierarchy.
	Procs []int `expr:"procs" json:"procs" file:"cgroup.procs"`

	place     string // its directory, as the sandbox sees it
	populated bool   // it has processes of its own
	reads     []Read
}

// MemoryEvents are the counters of memory.events. On v1, oom_kill comes from memory.oom_control and max from memory.failcnt.
type MemoryEvents struct {
	// Low counts reclaims although the group was below memory.low.
	Low int `expr:"low" json:"low" file:"memory.events:low"`
	// High counts how often it was slowed down at memory.high.
	High int `expr:"high" json:"high" file:"memory.events:high"`
	// Max counts how often it was about to go over memory.max.
	Max int `expr:"max" json:"max" file:"memory.events:max"`
	// OOM counts how often it was out of memory.
	OOM int `expr:"oom" json:"oom" file:"memory.events:oom"`
	// OOMKill counts the processes that the OOM killer killed in it.
	OOMKill int `expr:"oom_kill" json:"oom_kill" file:"memory.events:oom_kill"`
}

// CPUMax is cpu.max: so many microseconds in each period.
type CPUMax struct {
	// Limited says that there is a limit.
	Limited bool `expr:"limited" json:"limited" file:"cpu.max"`
	// Quota is the processor time for each period, in microseconds; unlimited without a limit.
	Quota int `expr:"quota_us" json:"quota_us" unit:"µs" file:"cpu.max"`
	// Period is the length of a period in microseconds.
	Period int `expr:"period_us" json:"period_us" unit:"µs" file:"cpu.max"`
}

// CPUStat is cpu.stat.
type CPUStat struct {
	// Usage is the processor time used, in microseconds.
	Usage int `expr:"usage_usec" json:"usage_usec" unit:"µs" file:"cpu.stat:usage_usec"`
	// User is the part of it in programs.
	User int `expr:"user_usec" json:"user_usec" unit:"µs" file:"cpu.stat:user_usec"`
	// System is the part of it in the kernel.
	System int `expr:"system_usec" json:"system_usec" unit:"µs" file:"cpu.stat:system_usec"`
	// Periods counts the periods in which it wanted to run; only with a limit.
	Periods int `expr:"nr_periods" json:"nr_periods" file:"cpu.stat:nr_periods"`
	// Throttled counts the periods in which it was held back by its limit.
	Throttled int `expr:"nr_throttled" json:"nr_throttled" file:"cpu.stat:nr_throttled"`
	// ThrottledTime is how long it was held back, in microseconds.
	ThrottledTime int `expr:"throttled_usec" json:"throttled_usec" unit:"µs" file:"cpu.stat:throttled_usec"`
}

// Pressure is one of the pressure stall files, see Documentation/accounting/psi.rst.
type Pressure struct {
	// Known is false where the kernel does not measure it.
	Known bool `expr:"known" json:"known"`
	// Some is the time in which at least one task waited.
	Some Stall `expr:"some" json:"some"`
	// Full is the time in which all tasks waited.
	Full Stall `expr:"full" json:"full"`
}

// Stall is one line of a pressure file.
type Stall struct {
	// Avg10 is the share of the last 10 seconds, in percent.
	Avg10 float64 `expr:"avg10" json:"avg10" unit:"%"`
	// Avg60 is the share of the last minute, in percent.
	Avg60 float64 `expr:"avg60" json:"avg60" unit:"%"`
	// Avg300 is the share of the last 5 minutes, in percent.
	Avg300 float64 `expr:"avg300" json:"avg300" unit:"%"`
	// Total is the whole time in microseconds.
	Total int `expr:"total" json:"total" unit:"µs"`
}
