package cgroup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Limits are what a sandbox may use. Zero means no limit of that kind.
type Limits struct {
	Memory int64   // bytes of memory, page cache included
	Swap   int64   // bytes of swap on top of it
	Pids   int64   // processes and threads
	CPU    float64 // processors' worth of time: 0.5 is half of one
	Groups int64   // groups below the delegated one; version 2 only
}

// cpuPeriod is the span over which CPU is measured, in microseconds.
const cpuPeriod = 100_000

// depth is how deep groups may nest below the delegated one. Version 2 only.
const depth = 16

// Group is the pair of groups of one sandbox, in every hierarchy.
type Group struct {
	host *Host
	name string
}

// New makes the groups of a sandbox, without limits, and gives the inner ones to owner, the host's uid and gid of the
// sandbox's root. What was made is removed again if a step fails.
func (h *Host) New(name string, owner int) (_ *Group, err error) {
	g := &Group{host: h, name: name}
	defer func() {
		if err != nil {
			_ = g.Remove(context.Background())
		}
	}()
	for _, hierarchy := range h.Hierarchies {
		outer := g.Outer(hierarchy)
		if err := mkdir(outer, hierarchy); err != nil {
			return nil, err
		}
		if hierarchy.Version == 2 {
			if err := enable(outer, hierarchy.Controllers); err != nil {
				return nil, err
			}
		}
		if err := mkdir(g.Inner(hierarchy), hierarchy); err != nil {
			return nil, err
		}
		if err := delegate(g.Inner(hierarchy), hierarchy, owner); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// Limit sets the limits on the outer groups.
func (g *Group) Limit(limits Limits) error {
	for _, hierarchy := range g.host.Hierarchies {
		for _, s := range settings(hierarchy, limits) {
			if err := s.apply(g.Outer(hierarchy)); err != nil {
				return err
			}
		}
	}
	return nil
}

// setting is one control file and its value. An optional one may be missing, where the kernel was built without it.
type setting struct {
	file, value string
	optional    bool
}

func (s setting) apply(dir string) error {
	err := write(dir, s.file, s.value)
	if s.optional && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// settings translates limits to the control files of a hierarchy. Memory limits come in their order: version 1 refuses
// a memory.memsw below memory.limit.
func settings(h Hierarchy, l Limits) []setting {
	var s []setting
	set := func(controller, file, value string, optional bool) {
		if controller == "" || h.Has(controller) {
			s = append(s, setting{file, value, optional})
		}
	}
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	quota := number(int64(l.CPU * cpuPeriod))
	if h.Version == 1 {
		if l.Memory > 0 {
			set("memory", "memory.limit_in_bytes", number(l.Memory), false)
			set("memory", "memory.memsw.limit_in_bytes", number(l.Memory+l.Swap), true)
		}
		if l.Pids > 0 {
			set("pids", "pids.max", number(l.Pids), false)
		}
		if l.CPU > 0 {
			set("cpu", "cpu.cfs_period_us", number(cpuPeriod), false)
			set("cpu", "cpu.cfs_quota_us", quota, false)
		}
		return s
	}
	if l.Memory > 0 {
		set("memory", "memory.max", number(l.Memory), false)
		set("memory", "memory.swap.max", number(l.Swap), true)
	}
	if l.Pids > 0 {
		set("pids", "pids.max", number(l.Pids), false)
	}
	if l.CPU > 0 {
		set("cpu", "cpu.max", quota+" "+number(cpuPeriod), false)
	}
	if l.Groups > 0 {
		set("", "cgroup.max.descendants", number(l.Groups+1), false)
		set("", "cgroup.max.depth", number(depth), false)
	}
	return s
}

// delegate hands a group over: the directory, and the files that move processes and enable controllers, and no limit.
func delegate(dir string, h Hierarchy, owner int) error {
	files := []string{"", "cgroup.procs", "tasks"}
	if h.Version == 2 {
		files = []string{"", "cgroup.procs", "cgroup.threads", "cgroup.subtree_control"}
	}
	for _, f := range files {
		if err := os.Chown(filepath.Join(dir, f), owner, owner); err != nil {
			return fmt.Errorf("cgroup: delegate: %w", err)
		}
	}
	return nil
}

// Outer is the directory with the limits in the hierarchy.
func (g *Group) Outer(h Hierarchy) string { return filepath.Join(h.Mount, Base, g.name) }

// Path is the outer group's path from the root of each hierarchy, as /proc/PID/cgroup and the kernel's log have it.
func (g *Group) Path() string { return "/" + Base + "/" + g.name }

// Inner is the delegated directory in the hierarchy.
func (g *Group) Inner(h Hierarchy) string { return filepath.Join(g.Outer(h), inner) }

// Open opens the inner group of the version 2 hierarchy for CLONE_INTO_CGROUP, see clone3(2). It is nil where the host
// has no such hierarchy.
func (g *Group) Open() (*os.File, error) {
	h, ok := g.host.Unified()
	if !ok {
		return nil, nil
	}
	return os.OpenFile(g.Inner(h), unix.O_PATH|unix.O_DIRECTORY, 0)
}

// Join moves a process to the inner group of every hierarchy, the version 2 one excepted when unified is false.
func (g *Group) Join(pid int, unified bool) error {
	for _, h := range g.host.Hierarchies {
		if h.Version == 2 && !unified {
			continue
		}
		if err := write(g.Inner(h), "cgroup.procs", strconv.Itoa(pid)); err != nil {
			return err
		}
	}
	return nil
}

// Kill ends every process in the sandbox's groups, however fast it forks: with cgroup.kill where the kernel has it (5.14),
// and else by killing until nobody is left. What the learner has frozen is thawed, since version 1 lets nothing frozen die. A group must not
// be used again after it.
func (g *Group) Kill(ctx context.Context) error {
	killed := false
	if h, ok := g.host.Unified(); ok {
		err := write(g.Outer(h), "cgroup.kill", "1")
		killed = err == nil
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return poll(ctx, func() (bool, error) {
		pids, err := g.pids()
		if err != nil || len(pids) == 0 {
			return true, err
		}
		if err := g.thaw(); err != nil {
			return true, err
		}
		if !killed {
			for _, pid := range pids {
				// A pid that is still in our group cannot have been given to somebody else in between: it is not reaped.
				_ = unix.Kill(pid, unix.SIGKILL)
			}
		}
		return false, nil
	})
}

// thaw ends what version 1's freezer holds, see freezer-subsystem.rst of the kernel: a task that is killed while it is frozen does not die before
// that, and its PID 1 waits for it. docker pause freezes.
func (g *Group) thaw() error {
	h, ok := g.host.With("freezer")
	if !ok || h.Version != 1 {
		return nil
	}
	return below(g.Outer(h), func(at *os.File, name string) error {
		f, err := openat(at, name+"/freezer.state", unix.O_WRONLY)
		if err == nil {
			_, err = f.WriteString("THAWED")
			f.Close()
		}
		if err != nil && !gone(err) {
			return fmt.Errorf("cgroup: thaw: %w", err)
		}
		return nil
	})
}

// pids lists the processes in the sandbox's groups, over all hierarchies: on version 1 a process may be in one and not in
// another.
func (g *Group) pids() ([]int, error) {
	var pids []int
	for _, h := range g.host.Hierarchies {
		err := below(g.Outer(h), func(at *os.File, name string) error {
			f, err := openat(at, name+"/cgroup.procs", unix.O_RDONLY)
			if gone(err) {
				return nil
			}
			if err != nil {
				return fmt.Errorf("cgroup: %w", err)
			}
			defer f.Close()
			b, err := io.ReadAll(f)
			// A threaded group is not asked: its processes are in the group above.
			if err != nil && !gone(err) && !errors.Is(err, unix.EOPNOTSUPP) {
				return fmt.Errorf("cgroup: %w", err)
			}
			for field := range strings.FieldsSeq(string(b)) {
				if pid, err := strconv.Atoi(field); err == nil && pid > 0 {
					pids = append(pids, pid)
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return pids, nil
}

// Remove removes the sandbox's groups from the bottom up. They must be empty: see Kill. A group that was just emptied can
// be busy for a moment.
func (g *Group) Remove(ctx context.Context) error {
	return poll(ctx, func() (bool, error) {
		var busy error
		for _, h := range g.host.Hierarchies {
			if err := below(g.Outer(h), rmdir); err != nil {
				busy = err
			}
		}
		if errors.Is(busy, unix.EBUSY) || errors.Is(busy, unix.ENOTEMPTY) {
			return false, busy
		}
		return true, busy
	})
}

// rmdir removes a group. Only directories are removed: control files go with their group.
func rmdir(at *os.File, name string) error {
	err := unix.Unlinkat(int(at.Fd()), name, unix.AT_REMOVEDIR)
	if err != nil && !gone(err) {
		return &os.PathError{Op: "rmdir", Path: name, Err: err}
	}
	return nil
}

// Find returns the groups that an earlier run left, by name.
func (h *Host) Find() ([]*Group, error) {
	seen := map[string]bool{}
	var groups []*Group
	for _, hierarchy := range h.Hierarchies {
		entries, err := os.ReadDir(filepath.Join(hierarchy.Mount, Base))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("cgroup: %w", err)
		}
		for _, e := range entries {
			if e.IsDir() && !seen[e.Name()] {
				seen[e.Name()] = true
				groups = append(groups, &Group{host: h, name: e.Name()})
			}
		}
	}
	return groups, nil
}

// Name is the name of the group, as given to New.
func (g *Group) Name() string { return g.name }

// poll calls done, at growing intervals of at most 20 ms, until it is done or the context ends. The last error is joined to the context's.
func poll(ctx context.Context, done func() (bool, error)) error {
	for wait := 200 * time.Microsecond; ; wait = min(2*wait, 20*time.Millisecond) {
		ok, err := done()
		if ok {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(wait):
		}
	}
}
