package panel

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"glassbox/sandbox/kernel"
)

// compare puts two processes side by side, difference by difference: the container that the learner has built by hand, and one of the
// engine's. Which two is chosen on the page; so a reading has all that are worth it, and proposes two.
type compare struct{}

// CompareReading is the reading of the panel compare.
type CompareReading struct {
	// Rows are what is compared, in the order of the page.
	Rows []CompareRow `json:"rows"`
	// Processes are those that can be chosen: of those that see the same, the first.
	Processes []CompareProcess `json:"processes"`
	Left      int              `json:"left"`  // pid that is proposed for the left side
	Right     int              `json:"right"` // and for the right one
}

// CompareRow is one thing that is compared.
type CompareRow struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	Part  string `json:"part"` // of the page: namespaces, root, …
	File  string `json:"file"` // in /proc/PID that it comes from
}

// CompareProcess is one process.
type CompareProcess struct {
	Pid  int    `json:"pid"`
	Comm string `json:"comm"`
	// Kind is engine for one of the engine's containers, nested for another one in namespaces or a root of its own, and box.
	Kind string `json:"kind"`
	// Container is the name, or else the short id, of the engine's container.
	Container string `json:"container,omitempty"`
	// Cells are in the order of Rows.
	Cells []CompareCell `json:"cells"`
}

// CompareCell is what one process has.
type CompareCell struct {
	// Text is what is shown, and compared.
	Text string `json:"text"`
	// Note says more, and is not compared: a namespace's number.
	Note string `json:"note,omitempty"`
	// List are the members of a set, which are compared one by one; nil where it is no set.
	List []string `json:"list"`
}

// mostCompared bounds the processes that can be chosen.
const mostCompared = 16

func (compare) Name() string  { return "compare" }
func (compare) Title() string { return "Side by side" }
func (compare) Want() kernel.Want {
	return kernel.WantProcesses | kernel.WantNamespaces | kernel.WantPaths | kernel.WantMaps | kernel.WantCgroups |
		kernel.WantMounts | kernel.WantNetworks | kernel.WantHostnames
}

func (compare) Read(v *kernel.View, front *kernel.Process) (any, []string) {
	sides := sidesOf(v, front)
	reading := CompareReading{Rows: []CompareRow{}, Processes: []CompareProcess{}}
	for _, c := range compared {
		reading.Rows = append(reading.Rows, c.CompareRow)
	}
	for _, s := range sides {
		p := CompareProcess{Pid: s.Pid, Comm: s.Comm, Kind: s.kind, Container: s.container}
		for _, c := range compared {
			p.Cells = append(p.Cells, c.of(s))
		}
		reading.Processes = append(reading.Processes, p)
	}
	reading.Left, reading.Right = propose(sides, front)
	var paths []string
	for _, pid := range []int{reading.Left, reading.Right} {
		if pid != 0 {
			for _, file := range []string{"ns/", "status", "mountinfo", "cgroup", "uid_map"} {
				paths = append(paths, fmt.Sprintf("/proc/%d/%s", pid, file))
			}
		}
	}
	return reading, paths
}

// side is a process with what it sees.
type side struct {
	*kernel.Process

	view      *kernel.View
	kind      string
	container string
	mounts    []*kernel.Mount
	box       *kernel.Mount // the root of PID 1
}

// sidesOf are the processes worth comparing, by pid: of those that are in the same namespaces, with the same root, the same capabilities and
// the same filters, the one that was started first; and the one in front.
func sidesOf(v *kernel.View, front *kernel.Process) []*side {
	mounts, box := map[int][]*kernel.Mount{}, &kernel.Mount{}
	for _, ns := range v.Mounts {
		mounts[ns.ID] = ns.Mounts
	}
	if v.Init != nil {
		box = rootOf(mounts[v.Init.Namespaces.Mount.ID])
	}
	names, owners := containerNames(v), map[string]string{} // owners: containers by the layer that they write to
	for _, p := range v.Processes {
		if id, root := groupOwner(p), rootOf(mounts[p.Namespaces.Mount.ID]); id != "" && engineRoot.MatchString(root.Upper) {
			owners[root.Upper] = id
		}
	}
	first := map[sight]*kernel.Process{}
	for _, p := range v.Processes {
		key := sightOf(p)
		if was := first[key]; was == nil || p.Started.Before(was.Started) {
			first[key] = p
		}
	}
	var chosen []*kernel.Process
	for _, p := range first {
		if p.Exists {
			chosen = append(chosen, p)
		}
	}
	if front.Exists && !slices.Contains(chosen, front) {
		chosen = append(chosen, front)
	}
	slices.SortFunc(chosen, func(a, b *kernel.Process) int { return a.Pid - b.Pid })
	extra := len(chosen) - mostCompared
	chosen = slices.DeleteFunc(chosen, func(p *kernel.Process) bool {
		if extra <= 0 || p == v.Init || p == front || p.Shell {
			return false
		}
		extra-- // the oldest goes
		return true
	})
	var sides []*side
	for _, p := range chosen {
		s := &side{Process: p, view: v, kind: "box", mounts: mounts[p.Namespaces.Mount.ID], box: box}
		if id := containerOf(p, rootOf(s.mounts), owners); id != "" {
			s.kind, s.container = "engine", id[:12]
			if name := names[id]; name != "" {
				s.container = name
			}
		} else if nested(p) || p.Root != "/" && p.Root != "" {
			s.kind = "nested"
		}
		sides = append(sides, s)
	}
	return sides
}

// sight is what processes have in common that see and may do the same.
type sight struct {
	namespaces                kernel.Namespaces
	root, group, capabilities string
	filters, uid              int
}

func sightOf(p *kernel.Process) sight {
	c := p.Capabilities
	may := strings.Join([]string{strings.Join(c.Effective, " "), strings.Join(c.Permitted, " "), strings.Join(c.Bounding, " ")}, ",")
	return sight{namespaces: p.Namespaces, root: p.Root, group: p.Cgroup, capabilities: may, filters: p.OwnFilters, uid: p.UID}
}

// engineGroup and engineRoot are how podman names what belongs to a container.
var (
	engineGroup = regexp.MustCompile(`/libpod-([0-9a-f]{64})(/|$)`)
	engineRoot  = regexp.MustCompile(`(^|/)([0-9a-f]{64})/diff$`)
)

// groupOwner is the id of the engine's container that a process is counted as; empty for none.
func groupOwner(p *kernel.Process) string {
	for _, group := range p.Cgroups {
		if m := engineGroup.FindStringSubmatch(group); m != nil {
			return m[1]
		}
	}
	return ""
}

// containerOf is the id of the engine's container that a process is in; empty for none. Its control group tells, or else the layer that its root
// writes to: whose that is tell the processes of the container itself, in owners. Where nobody does, the layer's own id stands in.
func containerOf(p *kernel.Process, root *kernel.Mount, owners map[string]string) string {
	if id := groupOwner(p); id != "" {
		return id
	}
	if id := owners[root.Upper]; id != "" {
		return id
	}
	if m := engineRoot.FindStringSubmatch(root.Upper); m != nil && root.Type == "overlay" {
		return m[2]
	}
	return ""
}

// containerNames are the names of the engine's containers by id, as the command line of each one's monitor (conmon) has them.
func containerNames(v *kernel.View) map[string]string {
	names := map[string]string{}
	for _, p := range v.Processes {
		if p.Comm != "conmon" {
			continue
		}
		id, name := "", ""
		for i, word := range p.Args[:max(0, len(p.Args)-1)] {
			switch word {
			case "-c", "--cid":
				id = p.Args[i+1]
			case "-n", "--name":
				name = p.Args[i+1]
			}
		}
		names[id] = name
	}
	return names
}

// propose chooses the two: on the left the process in front if it is nested, else the newest that was nested by hand, else the one in front;
// on the right the newest of the engine's containers, else the box's first shell, else PID 1.
func propose(sides []*side, front *kernel.Process) (left, right int) {
	newest := func(kind string) int {
		var found *side
		for _, s := range sides {
			if s.kind == kind && !s.follows(sides) && (found == nil || found.before(s)) {
				found = s
			}
		}
		if found == nil {
			return 0
		}
		return found.Pid
	}
	left = front.Pid
	if i := slices.IndexFunc(sides, func(s *side) bool { return s.Pid == front.Pid }); i < 0 || sides[i].kind != "nested" {
		if pid := newest("nested"); pid != 0 {
			left = pid
		}
	}
	if right = newest("engine"); right != 0 && right != left {
		return left, right
	}
	right = 0
	for _, s := range sides {
		if s.kind == "box" && s.Pid != left && (right == 0 || s.Shell) {
			if right = s.Pid; s.Shell {
				break
			}
		}
	}
	return left, right
}

// before tells whether a process is the older of two. The kernel's clock of beginnings is coarse, see proc_pid_stat(5); within one tick
// the numbers tell.
func (s *side) before(o *side) bool {
	return s.Started.Before(o.Started) || s.Started.Equal(o.Started) && s.Pid < o.Pid
}

// follows tells whether an earlier process is in the same container of the engine's: the first is the one that the engine has started.
func (s *side) follows(sides []*side) bool {
	return s.container != "" && slices.ContainsFunc(sides, func(o *side) bool {
		return o.container == s.container && o.before(s)
	})
}

// rootOf is what is mounted at /; the topmost where there are several.
func rootOf(mounts []*kernel.Mount) *kernel.Mount {
	for _, m := range slices.Backward(mounts) {
		if m.Path == "/" {
			return m
		}
	}
	return &kernel.Mount{}
}
