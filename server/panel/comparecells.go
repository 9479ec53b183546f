package panel

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"glassbox/sandbox/kernel"
)

// compared are the rows and where each comes from.
var compared = []struct {
	CompareRow
	of func(*side) CompareCell
}{
	{CompareRow{"user", "user", "namespaces", "ns/user"}, namespace(0)},
	{CompareRow{"pid", "pid", "namespaces", "ns/pid"}, namespace(1)},
	{CompareRow{"mnt", "mnt", "namespaces", "ns/mnt"}, namespace(2)},
	{CompareRow{"net", "net", "namespaces", "ns/net"}, namespace(3)},
	{CompareRow{"uts", "uts", "namespaces", "ns/uts"}, namespace(4)},
	{CompareRow{"ipc", "ipc", "namespaces", "ns/ipc"}, namespace(5)},
	{CompareRow{"cgroup", "cgroup", "namespaces", "ns/cgroup"}, namespace(6)},
	{CompareRow{"time", "time", "namespaces", "ns/time"}, namespace(7)},

	{CompareRow{"root", "root", "root and mounts", "mountinfo"}, (*side).root},
	{CompareRow{"root-mode", "written to", "root and mounts", "mountinfo"}, (*side).rootMode},
	{CompareRow{"masked", "masked", "root and mounts", "mountinfo"}, (*side).masked},
	{CompareRow{"read-only", "read-only", "root and mounts", "mountinfo"}, (*side).readOnly},
	{CompareRow{"tmpfs", "tmpfs", "root and mounts", "mountinfo"}, (*side).tmpfs},
	{CompareRow{"dev", "mounted in /dev", "root and mounts", "mountinfo"}, (*side).devices},

	{CompareRow{"group", "group", "control group", "cgroup"}, (*side).groupPath},
	{CompareRow{"memory", "memory.max", "control group", "cgroup"}, limitOf(func(g *kernel.Cgroup) int { return g.MemoryMax })},
	{CompareRow{"pids", "pids.max", "control group", "cgroup"}, limitOf(func(g *kernel.Cgroup) int { return g.PidsMax })},
	{CompareRow{"cpu", "cpu.max", "control group", "cgroup"}, (*side).cpu},

	{CompareRow{"uid", "user id", "ids and capabilities", "status"}, (*side).uid},
	{CompareRow{"uid_map", "uid_map", "ids and capabilities", "uid_map"}, (*side).uidMap},
	{CompareRow{"CapEff", "CapEff", "ids and capabilities", "status"}, set(func(c kernel.Capabilities) []string { return c.Effective })},
	{CompareRow{"CapPrm", "CapPrm", "ids and capabilities", "status"}, set(func(c kernel.Capabilities) []string { return c.Permitted })},
	{CompareRow{"CapInh", "CapInh", "ids and capabilities", "status"}, set(func(c kernel.Capabilities) []string { return c.Inheritable })},
	{CompareRow{"CapBnd", "CapBnd", "ids and capabilities", "status"}, set(func(c kernel.Capabilities) []string { return c.Bounding })},
	{CompareRow{"CapAmb", "CapAmb", "ids and capabilities", "status"}, set(func(c kernel.Capabilities) []string { return c.Ambient })},

	{CompareRow{"seccomp", "seccomp", "system calls", "status"}, (*side).seccomp},
	{CompareRow{"no_new_privs", "no_new_privs", "system calls", "status"}, (*side).noNewPrivs},

	{CompareRow{"hostname", "host name", "what it sees", "ns/uts"}, (*side).hostname},
	{CompareRow{"pid-inside", "its own pid", "what it sees", "status"}, (*side).pidInside},
	{CompareRow{"processes", "processes", "what it sees", "ns/pid"}, (*side).processes},
	{CompareRow{"interfaces", "interfaces", "what it sees", "net/dev"}, (*side).interfaces},
}

func namespace(kind int) func(*side) CompareCell {
	return func(s *side) CompareCell {
		ns := kinds[kind].of(s.Process)
		switch {
		case ns.ID == 0:
			return CompareCell{Text: "not known"}
		case ns.Own:
			return CompareCell{Text: "its own", Note: strconv.Itoa(ns.ID)}
		}
		return CompareCell{Text: "the box’s", Note: strconv.Itoa(ns.ID)}
	}
}

func (s *side) root() CompareCell {
	root := rootOf(s.mounts)
	switch {
	case s.Root != "/" && s.Root != "":
		return CompareCell{Text: "chroot to " + s.Root}
	case s.sameRoot():
		return CompareCell{Text: "the box’s"}
	case root.Type == "":
		return CompareCell{Text: "not known"}
	case root.Type == "overlay":
		return CompareCell{Text: "an overlay", Note: layers(len(root.Lower))}
	}
	return CompareCell{Text: "a " + root.Type, Note: root.Root}
}

func layers(n int) string {
	if n == 1 {
		return "on 1 layer"
	}
	return fmt.Sprintf("on %d layers", n)
}

// sameRoot tells whether its root is the box's, if need be in a mount namespace of its own.
func (s *side) sameRoot() bool {
	root := rootOf(s.mounts)
	return !s.Namespaces.Mount.Own || root.Device != "" && root.Device == s.box.Device && root.Root == s.box.Root
}

func (s *side) rootMode() CompareCell {
	root := rootOf(s.mounts)
	switch {
	case s.Root != "/" && s.Root != "":
		return CompareCell{Text: "the files themselves"}
	case root.ReadOnly:
		return CompareCell{Text: "nothing: read-only"}
	case s.sameRoot():
		return CompareCell{Text: "the box’s layer"}
	case root.Upper != "":
		return CompareCell{Text: "a layer of its own", Note: root.Upper}
	}
	return CompareCell{Text: "the files themselves"}
}

// some are the paths of the mounts for which f says so, as a set.
func (s *side) some(f func(*kernel.Mount) bool) CompareCell {
	c := CompareCell{List: []string{}}
	for _, m := range s.mounts {
		if f(m) && !slices.Contains(c.List, m.Path) {
			c.List = append(c.List, m.Path)
		}
	}
	slices.Sort(c.List)
	c.Text = strconv.Itoa(len(c.List))
	return c
}

// below tells whether a path is in one of the directories of the kernel's that are masked: /proc and /sys.
func below(p string) bool { return strings.HasPrefix(p, "/proc/") || strings.HasPrefix(p, "/sys/") }

// masked are the places of /proc and /sys that something empty is mounted over.
func (s *side) masked() CompareCell {
	return s.some(func(m *kernel.Mount) bool {
		return below(m.Path) && (m.Type == "tmpfs" && !strings.HasPrefix(m.Path, "/sys/fs/cgroup") || m.Root == "/null")
	})
}

// readOnly are the mounts that cannot be written, masks excepted.
func (s *side) readOnly() CompareCell {
	return s.some(func(m *kernel.Mount) bool { return m.ReadOnly && m.Type != "tmpfs" && m.Root != "/null" })
}

func (s *side) tmpfs() CompareCell {
	return s.some(func(m *kernel.Mount) bool { return m.Type == "tmpfs" && !below(m.Path) })
}

func (s *side) devices() CompareCell {
	return s.some(func(m *kernel.Mount) bool { return strings.HasPrefix(m.Path, "/dev/") })
}

func (s *side) groupPath() CompareCell {
	switch {
	case engineGroup.MatchString(s.Cgroup):
		return CompareCell{Text: "the container’s own", Note: s.Cgroup}
	case s.Cgroup == "":
		return CompareCell{Text: "not known"}
	}
	return CompareCell{Text: s.Cgroup}
}

// group is its control group, one without limits if that was not read.
func (s *side) group() *kernel.Cgroup {
	i := slices.IndexFunc(s.view.Cgroups, func(g *kernel.Cgroup) bool { return g.Path == s.Cgroup })
	if i < 0 {
		return &kernel.Cgroup{MemoryMax: kernel.Unlimited, PidsMax: kernel.Unlimited}
	}
	return s.view.Cgroups[i]
}

func limitOf(f func(*kernel.Cgroup) int) func(*side) CompareCell {
	return func(s *side) CompareCell {
		switch n := f(s.group()); {
		case n >= kernel.Unlimited:
			return CompareCell{Text: "max"}
		case n >= 1<<20 && n%(1<<20) == 0:
			return CompareCell{Text: fmt.Sprintf("%d MiB", n>>20)}
		case n >= 1<<20:
			return CompareCell{Text: fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))}
		default:
			return CompareCell{Text: strconv.Itoa(n)}
		}
	}
}

func (s *side) cpu() CompareCell {
	c := s.group().CPUMax
	if !c.Limited || c.Period == 0 {
		return CompareCell{Text: "max"}
	}
	return CompareCell{Text: strconv.FormatFloat(float64(c.Quota)/float64(c.Period), 'g', 3, 64) + " of a processor"}
}

func (s *side) uid() CompareCell {
	if s.OwnUID != s.UID {
		return CompareCell{Text: fmt.Sprintf("%d, outside %d", s.OwnUID, s.UID)}
	}
	return CompareCell{Text: strconv.Itoa(s.UID)}
}

func (s *side) uidMap() CompareCell {
	if !s.Namespaces.User.Own {
		return CompareCell{Text: "the box’s"}
	}
	var lines []string
	for _, m := range s.UIDMap {
		lines = append(lines, fmt.Sprintf("%d→%d ×%d", m.Inside, m.Outside, m.Count))
	}
	if lines == nil {
		return CompareCell{Text: "none"}
	}
	return CompareCell{Text: strings.Join(lines, ", ")}
}

func set(f func(kernel.Capabilities) []string) func(*side) CompareCell {
	return func(s *side) CompareCell {
		has := []string{}
		for _, name := range f(s.Capabilities) {
			has = append(has, strings.TrimPrefix(name, "CAP_"))
		}
		return CompareCell{Text: strconv.Itoa(len(has)), List: has}
	}
}

func (s *side) seccomp() CompareCell {
	switch s.OwnFilters {
	case 0:
		return CompareCell{Text: "the box’s filter"}
	case 1:
		return CompareCell{Text: "and a filter of its own"}
	}
	return CompareCell{Text: fmt.Sprintf("and %d filters of its own", s.OwnFilters)}
}

func (s *side) noNewPrivs() CompareCell {
	if s.NoNewPrivs {
		return CompareCell{Text: "yes"}
	}
	return CompareCell{Text: "no"}
}

func (s *side) hostname() CompareCell {
	for _, h := range s.view.Hostnames {
		if h.ID == s.Namespaces.UTS.ID {
			return CompareCell{Text: h.Name}
		}
	}
	return CompareCell{Text: "not known"}
}

func (s *side) pidInside() CompareCell {
	if len(s.Pids) == 0 {
		return CompareCell{Text: strconv.Itoa(s.Pid)}
	}
	return CompareCell{Text: strconv.Itoa(s.Pids[len(s.Pids)-1])}
}

// processes are those of its pid namespace and of those below it.
func (s *side) processes() CompareCell {
	if !s.Namespaces.Pid.Own {
		return CompareCell{Text: "all of the box’s"}
	}
	inside := map[int]bool{}
	n := 0
	walk(s.view, func(p *kernel.Process, _ int) {
		if p.Namespaces.Pid.ID == s.Namespaces.Pid.ID || inside[p.HostPpid] {
			inside[p.HostPid] = true
			n++
		}
	})
	return CompareCell{Text: fmt.Sprintf("%d of %d", n, len(s.view.Processes))}
}

func (s *side) interfaces() CompareCell {
	c := CompareCell{List: []string{}}
	for _, n := range s.view.Networks {
		if n.ID != s.Namespaces.Net.ID {
			continue
		}
		for _, i := range n.Interfaces {
			c.List = append(c.List, i.Name)
		}
	}
	c.Text = strconv.Itoa(len(c.List))
	return c
}
