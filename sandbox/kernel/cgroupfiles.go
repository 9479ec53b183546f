package kernel

import (
	"bytes"
	"strconv"
)

func itoa(n int) string { return strconv.Itoa(n) }

// groupFile is one file of a group: where it is found and what it says. To add one, add a line here and a field to Cgroup.
type groupFile struct {
	version    int    // of the hierarchy
	controller string // on v1: that the hierarchy must have
	name       string
	as         string // the v2 file of the same meaning
	parse      func(*Cgroup, []byte)
}

// groupFiles are all files that are read, from Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/*.rst.
//
// On v1, memory.memsw.* count memory and swap together, so they are read after the files for memory alone.
var groupFiles = [...]groupFile{
	{2, "", "cgroup.controllers", "cgroup.controllers", func(g *Cgroup, b []byte) { g.Controllers = append(g.Controllers, words(b)...) }},
	{2, "", "cgroup.subtree_control", "cgroup.subtree_control", func(g *Cgroup, b []byte) { g.SubtreeControl = words(b) }},
	{2, "", "cgroup.events", "cgroup.events", parseEvents},
	{2, "", "memory.max", "memory.max", func(g *Cgroup, b []byte) { g.MemoryMax = parseLimit(b) }},
	{2, "", "memory.high", "memory.high", func(g *Cgroup, b []byte) { g.MemoryHigh = parseLimit(b) }},
	{2, "", "memory.current", "memory.current", func(g *Cgroup, b []byte) { g.MemoryCurrent = parseCount(b) }},
	{2, "", "memory.peak", "memory.peak", func(g *Cgroup, b []byte) { g.MemoryPeak = parseCount(b) }},
	{2, "", "memory.swap.max", "memory.swap.max", func(g *Cgroup, b []byte) { g.SwapMax = parseLimit(b) }},
	{2, "", "memory.swap.current", "memory.swap.current", func(g *Cgroup, b []byte) { g.SwapCurrent = parseCount(b) }},
	{2, "", "memory.events", "memory.events", parseMemoryEvents},
	{2, "", "pids.max", "pids.max", func(g *Cgroup, b []byte) { g.PidsMax = parseLimit(b) }},
	{2, "", "pids.current", "pids.current", func(g *Cgroup, b []byte) { g.PidsCurrent = parseCount(b) }},
	{2, "", "pids.events", "pids.events", parsePidsEvents},
	{2, "", "cpu.max", "cpu.max", parseCPUMax},
	{2, "", "cpu.weight", "cpu.weight", func(g *Cgroup, b []byte) { g.CPUWeight = parseCount(b) }},
	{2, "", "cpu.stat", "cpu.stat", parseCPUStat},
	{2, "", "cpu.pressure", "cpu.pressure", func(g *Cgroup, b []byte) { g.CPUPressure = parsePressure(b) }},
	{2, "", "memory.pressure", "memory.pressure", func(g *Cgroup, b []byte) { g.MemoryPressure = parsePressure(b) }},
	{2, "", "io.pressure", "io.pressure", func(g *Cgroup, b []byte) { g.IOPressure = parsePressure(b) }},

	{1, "memory", "memory.limit_in_bytes", "memory.max", func(g *Cgroup, b []byte) { g.MemoryMax = parseLimit(b) }},
	{1, "memory", "memory.usage_in_bytes", "memory.current", func(g *Cgroup, b []byte) { g.MemoryCurrent = parseCount(b) }},
	{1, "memory", "memory.max_usage_in_bytes", "memory.peak", func(g *Cgroup, b []byte) { g.MemoryPeak = parseCount(b) }},
	{1, "memory", "memory.memsw.limit_in_bytes", "memory.swap.max", func(g *Cgroup, b []byte) {
		if both := parseLimit(b); both < Unlimited && g.MemoryMax < Unlimited {
			g.SwapMax = max(0, both-g.MemoryMax)
		}
	}},
	{1, "memory", "memory.memsw.usage_in_bytes", "memory.swap.current", func(g *Cgroup, b []byte) { g.SwapCurrent = max(0, parseCount(b)-g.MemoryCurrent) }},
	{1, "memory", "memory.oom_control", "memory.events", parseOOMControl},
	{1, "memory", "memory.failcnt", "memory.failcnt", func(g *Cgroup, b []byte) { g.MemoryEvents.Max = parseCount(b) }},
	{1, "pids", "pids.max", "pids.max", func(g *Cgroup, b []byte) { g.PidsMax = parseLimit(b) }},
	{1, "pids", "pids.current", "pids.current", func(g *Cgroup, b []byte) { g.PidsCurrent = parseCount(b) }},
	{1, "pids", "pids.events", "pids.events", parsePidsEvents},
	{1, "freezer", "freezer.state", "freezer.state", func(g *Cgroup, b []byte) { g.Frozen = string(bytes.TrimSpace(b)) == "FROZEN" }},
	{1, "cpu", "cpu.cfs_quota_us", "cpu.max", func(g *Cgroup, b []byte) {
		if n, ok := number(b); ok && n >= 0 {
			g.CPUMax.Limited, g.CPUMax.Quota = true, n
		}
	}},
	{1, "cpu", "cpu.cfs_period_us", "cpu.cfs_period_us", func(g *Cgroup, b []byte) { g.CPUMax.Period = parseCount(b) }},
	{1, "cpu", "cpu.shares", "cpu.weight", func(g *Cgroup, b []byte) { g.CPUWeight = max(1, parseCount(b)*100/1024) }},
	{1, "cpu", "cpu.stat", "cpu.stat", parseCPUStat},
	{1, "cpuacct", "cpuacct.usage", "cpuacct.usage", func(g *Cgroup, b []byte) { g.CPUStat.Usage = parseCount(b) / 1000 }},
	{1, "cpuacct", "cpuacct.usage_user", "cpuacct.usage_user", func(g *Cgroup, b []byte) { g.CPUStat.User = parseCount(b) / 1000 }},
	{1, "cpuacct", "cpuacct.usage_sys", "cpuacct.usage_sys", func(g *Cgroup, b []byte) { g.CPUStat.System = parseCount(b) / 1000 }},
}

func words(b []byte) []string {
	all := []string{}
	for w := range bytes.FieldsSeq(b) {
		all = append(all, string(w))
	}
	return all
}

// noLimit is the least value that v1 shows for no limit: the largest number of bytes in whole pages of 64 KiB, the
// largest page that Linux runs with.
const noLimit = Unlimited &^ (64<<10 - 1)

// parseLimit reads a limit: "max", or a number; on v1 also -1 or 9223372036854771712 for none.
func parseLimit(b []byte) int {
	n, ok := number(b)
	if !ok || n < 0 || n >= noLimit {
		return Unlimited
	}
	return n
}

func parseCount(b []byte) int {
	n, _ := number(b)
	return n
}

// keyed calls f for the lines of a flat keyed file:
//
//	oom 1
//	oom_kill 1
func keyed(b []byte, f func(key string, n int)) {
	lines(b, func(line []byte) bool {
		key, rest := field(line)
		value, _ := field(rest)
		if n, ok := number(value); ok {
			f(string(key), n)
		}
		return true
	})
}

// parseEvents reads cgroup.events:
//
//	populated 1
//	frozen 0
func parseEvents(g *Cgroup, b []byte) {
	keyed(b, func(key string, n int) {
		switch key {
		case "populated":
			g.Populated = n != 0
		case "frozen":
			g.Frozen = n != 0
		}
	})
}

// parseMemoryEvents reads memory.events:
//
//	low 0
//	high 0
//	max 12
//	oom 1
//	oom_kill 1
//	oom_group_kill 0
func parseMemoryEvents(g *Cgroup, b []byte) {
	e := &g.MemoryEvents
	keyed(b, func(key string, n int) {
		switch key {
		case "low":
			e.Low = n
		case "high":
			e.High = n
		case "max":
			e.Max = n
		case "oom":
			e.OOM = n
		case "oom_kill":
			e.OOMKill = n
		}
	})
}

// parseOOMControl reads v1's memory.oom_control:
//
//	oom_kill_disable 0
//	under_oom 0
//	oom_kill 1
//
// v1 does not count how often a group was out of memory, so OOM is the number of kills.
func parseOOMControl(g *Cgroup, b []byte) {
	keyed(b, func(key string, n int) {
		if key == "oom_kill" {
			g.MemoryEvents.OOMKill, g.MemoryEvents.OOM = n, n
		}
	})
}

// parsePidsEvents reads pids.events:
//
//	max 3
func parsePidsEvents(g *Cgroup, b []byte) {
	keyed(b, func(key string, n int) {
		if key == "max" {
			g.PidsRefused = n
		}
	})
}

// parseCPUMax reads cpu.max, the quota and the period in microseconds:
//
//	max 100000
//	25000 100000
func parseCPUMax(g *Cgroup, b []byte) {
	quota, rest := field(b)
	period, _ := field(rest)
	if n, ok := number(period); ok {
		g.CPUMax.Period = n
	}
	if n, ok := number(quota); ok {
		g.CPUMax.Limited, g.CPUMax.Quota = true, n
	}
}

// parseCPUStat reads cpu.stat. v1 has throttled_time in nanoseconds instead of throttled_usec, and no usage:
//
//	usage_usec 48123
//	user_usec 32001
//	system_usec 16122
//	nr_periods 12
//	nr_throttled 3
//	throttled_usec 150233
func parseCPUStat(g *Cgroup, b []byte) {
	s := &g.CPUStat
	keyed(b, func(key string, n int) {
		switch key {
		case "usage_usec":
			s.Usage = n
		case "user_usec":
			s.User = n
		case "system_usec":
			s.System = n
		case "nr_periods":
			s.Periods = n
		case "nr_throttled":
			s.Throttled = n
		case "throttled_usec":
			s.ThrottledTime = n
		case "throttled_time":
			s.ThrottledTime = n / 1000
		}
	})
}

// parsePressure reads a pressure file, see Documentation/accounting/psi.rst:
//
//	some avg10=0.00 avg60=1.52 avg300=0.80 total=123456
//	full avg10=0.00 avg60=0.00 avg300=0.00 total=0
func parsePressure(b []byte) Pressure {
	var p Pressure
	lines(b, func(line []byte) bool {
		kind, rest := field(line)
		stall := &p.Some
		if string(kind) == "full" {
			stall = &p.Full
		} else if string(kind) != "some" {
			return true
		}
		p.Known = true
		for word, rest := field(rest); len(word) > 0; word, rest = field(rest) {
			key, value, _ := bytes.Cut(word, []byte("="))
			switch string(key) {
			case "avg10":
				stall.Avg10, _ = strconv.ParseFloat(string(value), 64)
			case "avg60":
				stall.Avg60, _ = strconv.ParseFloat(string(value), 64)
			case "avg300":
				stall.Avg300, _ = strconv.ParseFloat(string(value), 64)
			case "total":
				stall.Total = parseCount(value)
			}
		}
		return true
	})
	return p
}
