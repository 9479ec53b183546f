// Package cgroup makes the control groups of one sandbox and takes them away again.
//
// A sandbox has two groups, one in the other. The outer one carries the limits and belongs to the lab; the inner one is
// the learner's: it is the root of the sandbox's cgroup namespace and delegated to the sandbox's root, who makes groups
// below it as root on a real machine does.
//
//	/sys/fs/cgroup/glassbox/             holds no process
//	└── 7-k3v9x2/                        outer: memory.max, pids.max, cpu.max …
//	    └── box/                         inner: what the learner sees as /sys/fs/cgroup
//	        ├── init/                    PID 1
//	        ├── shell/                   the terminals
//	        └── demo/                    the learner's own
//
// On a host whose controllers are on version 1, the same pair of groups is made in every hierarchy, and in the bare
// version 2 hierarchy beside them, if there is one, for cgroup.kill. See cgroups(7) and the kernel's
// Documentation/admin-guide/cgroup-v2.rst, "Delegation".
package cgroup

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Base is the name of the group that holds all sandboxes' groups, at the root of each hierarchy.
const Base = "glassbox"

// inner is the name of the delegated group in each sandbox's outer group.
const inner = "box"

// Controllers are those that every sandbox needs, by their version 2 names.
var Controllers = []string{"memory", "pids", "cpu"}

// Hierarchy is one mounted cgroup hierarchy of the host.
type Hierarchy struct {
	Version     int      // 1 or 2
	Mount       string   // where it is mounted, such as /sys/fs/cgroup/memory
	Controllers []string // such as memory, or cpu and cpuacct; for a named version 1 hierarchy, name=systemd
}

// Has tells whether the controller is on this hierarchy.
func (h Hierarchy) Has(controller string) bool { return slices.Contains(h.Controllers, controller) }

// Host is what the machine has of control groups.
type Host struct {
	Hierarchies []Hierarchy // the version 2 one, if there is one, first
}

// ErrNoControllers says that a needed controller is on no hierarchy.
var ErrNoControllers = errors.New("no such cgroup controller on this host")

// Detect reads the hierarchies from a mountinfo file, normally /proc/self/mountinfo, and checks that the controllers which a sandbox needs are
// there. The error names the missing ones.
func Detect(mountinfo string) (*Host, error) {
	f, err := os.Open(mountinfo)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	host := &Host{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		h, ok := parse(lines.Text())
		if !ok {
			continue
		}
		if h.Version == 2 {
			b, err := os.ReadFile(filepath.Join(h.Mount, "cgroup.controllers"))
			if err != nil {
				return nil, fmt.Errorf("cgroup: %w", err)
			}
			h.Controllers = strings.Fields(string(b))
			host.Hierarchies = slices.Insert(host.Hierarchies, 0, h)
		} else {
			host.Hierarchies = append(host.Hierarchies, h)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("cgroup: read %s: %w", mountinfo, err)
	}
	for _, c := range Controllers {
		if _, ok := host.With(c); !ok {
			return nil, fmt.Errorf("cgroup: %s: %w; enable it at boot (kernel parameter cgroup_enable=%s)", c, ErrNoControllers, c)
		}
	}
	return host, nil
}

// parse takes a hierarchy from a line of mountinfo, see proc_pid_mountinfo(5):
//
//	36 35 0:30 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory
func parse(line string) (Hierarchy, bool) {
	mount, super, ok := strings.Cut(line, " - ")
	left, right := strings.Fields(mount), strings.Fields(super)
	if !ok || len(left) < 6 || len(right) < 3 || left[3] != "/" {
		return Hierarchy{}, false
	}
	switch right[0] {
	case "cgroup2":
		return Hierarchy{Version: 2, Mount: left[4]}, true
	case "cgroup":
		h := Hierarchy{Version: 1, Mount: left[4]}
		for o := range strings.SplitSeq(right[2], ",") {
			switch o {
			case "rw", "ro", "xattr", "noprefix", "clone_children", "cpuset_v2_mode":
			default:
				if !strings.HasPrefix(o, "release_agent=") {
					h.Controllers = append(h.Controllers, o)
				}
			}
		}
		return h, true
	}
	return Hierarchy{}, false
}

// With returns the hierarchy that has the controller.
func (h *Host) With(controller string) (Hierarchy, bool) {
	for _, hierarchy := range h.Hierarchies {
		if hierarchy.Has(controller) {
			return hierarchy, true
		}
	}
	return Hierarchy{}, false
}

// Version is 2 where the memory controller is on version 2, else 1.
func (h *Host) Version() int {
	memory, _ := h.With("memory")
	return memory.Version
}

// Unified returns the version 2 hierarchy, which may have no controllers.
func (h *Host) Unified() (Hierarchy, bool) {
	if len(h.Hierarchies) > 0 && h.Hierarchies[0].Version == 2 {
		return h.Hierarchies[0], true
	}
	return Hierarchy{}, false
}

// Prepare makes the base group in every hierarchy and enables the controllers for its children. It may be called again.
func (h *Host) Prepare() error {
	for _, hierarchy := range h.Hierarchies {
		base := filepath.Join(hierarchy.Mount, Base)
		if hierarchy.Version == 2 {
			if err := enable(hierarchy.Mount, hierarchy.Controllers); err != nil {
				return err
			}
		}
		if err := mkdir(base, hierarchy); err != nil {
			return err
		}
		if hierarchy.Version == 2 {
			if err := enable(base, hierarchy.Controllers); err != nil {
				return err
			}
		}
	}
	return nil
}

// enable turns the needed controllers on for the children of a version 2 group.
func enable(dir string, present []string) error {
	for _, c := range Controllers {
		if !slices.Contains(present, c) {
			continue
		}
		if err := write(dir, "cgroup.subtree_control", "+"+c); err != nil {
			return err
		}
	}
	return nil
}

// mkdir makes a group. A version 1 cpuset takes no process before it has processors and memory nodes, so it gets its parent's.
func mkdir(dir string, h Hierarchy) error {
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("cgroup: %w", err)
	}
	if h.Version == 1 && h.Has("cpuset") {
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
			b, err := os.ReadFile(filepath.Join(filepath.Dir(dir), file))
			if err != nil {
				return fmt.Errorf("cgroup: %w", err)
			}
			if err := write(dir, file, strings.TrimSpace(string(b))); err != nil {
				return err
			}
		}
	}
	return nil
}

// write writes a control file; the error names it.
func write(dir, file, value string) error {
	f, err := os.OpenFile(filepath.Join(dir, file), os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("cgroup: %w", err)
	}
	_, err = f.WriteString(value)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("cgroup: write %q: %w", value, err)
	}
	return nil
}
