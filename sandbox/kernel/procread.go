package kernel

import (
	"bytes"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// process reads one process. It is nil for one that has ended or is not in the sandbox's pid namespace. group is its group in
// the hierarchy that was walked, or empty. userns keeps the id mappings of user namespaces that were read already.
func (r *Reader) process(pid int, group string, want Want, userns map[int][2][]idRange) (*Process, error) {
	name := strconv.Itoa(pid)
	dir, err := r.dir(name)
	if gone(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer unix.Close(dir)
	buf := r.buffers.get()
	defer r.buffers.pool.Put(buf)
	p := &Process{Exists: true, Args: []string{}, ExitStatus: -1}
	if want&WantNamespaces != 0 {
		r.fillNamespaces(p, dir, buf) // first, since they are the first to go when a process ends
	}
	for _, file := range []struct {
		name string
		read func(int, string, *[]byte) ([]byte, error)
		fill func([]byte) error
	}{
		{"status", record, func(b []byte) error { return r.fillStatus(p, b) }},
		{"stat", record, func(b []byte) error { return r.fillStat(p, b) }},
		{"cmdline", beginning, func(b []byte) error { fillCmdline(p, b); return nil }},
		{"cgroup", record, func(b []byte) error { r.fillCgroup(p, b); return nil }},
	} {
		if file.name == "cgroup" && len(r.hierarchies) == 1 && group != "" {
			p.Cgroup, p.Cgroups = group, map[string]string{"": group} // the walk has told
			continue
		}
		b, err := file.read(dir, file.name, buf)
		if gone(err) {
			return nil, nil
		}
		if err != nil {
			return nil, &Error{Op: "read", Path: r.path(pid, file.name), Err: err}
		}
		if err := file.fill(b); err != nil {
			return nil, &Error{Op: "parse", Path: r.path(pid, file.name), Err: err}
		}
		if p.Pid == 0 {
			return nil, nil
		}
	}
	p.Shell = p.Session == p.HostPid && p.TTY != 0
	if want&WantMaps != 0 {
		r.fillMaps(p, dir, buf, userns)
	}
	if want&WantPaths != 0 {
		p.Root, p.Cwd, p.Exe = link(dir, "root"), link(dir, "cwd"), link(dir, "exe")
	}
	return p, nil
}

func (r *Reader) fillStatus(p *Process, b []byte) error {
	s, err := parseStatus(b)
	if err != nil {
		return err
	}
	if len(s.nspid) <= r.depth {
		return nil // not in the sandbox's pid namespace
	}
	p.Pids = s.nspid[r.depth:]
	p.Pid, p.HostPid, p.HostPpid = p.Pids[0], s.pid, s.ppid
	p.Comm, p.State, p.Threads = s.name, string(s.state), s.threads
	p.RealUID, p.RealGID = r.src.id(s.uid[0]), r.src.id(s.gid[0])
	p.HostUID, p.HostGID = s.uid[1], s.gid[1]
	p.UID, p.GID = r.src.id(p.HostUID), r.src.id(p.HostGID)
	p.OwnUID, p.OwnGID = p.UID, p.GID
	p.Capabilities = Capabilities{
		Effective: r.capabilities(s.effective), Permitted: r.capabilities(s.permitted), Inheritable: r.capabilities(s.inheritable),
		Bounding: r.capabilities(s.bound), Ambient: r.capabilities(s.ambient),
	}
	p.NoNewPrivs, p.Seccomp, p.SeccompFilters = s.noNewPrivs, seccompMode(s.seccomp), s.filters
	p.OwnFilters = max(0, s.filters-r.inits)
	return nil
}

func (r *Reader) fillStat(p *Process, b []byte) error {
	s, err := parseStat(b)
	if err != nil {
		return err
	}
	p.Group, p.Session, p.Foreground, p.TTY, p.Terminal = s.group, s.session, s.foreground, s.tty, ttyName(s.tty)
	p.Started = r.booted.Add(time.Duration(s.start) * (time.Second / ticks)).Truncate(time.Second / ticks)
	return nil
}

// maxCmdline is how much of a command line is read, in bytes; the rest is left out. It may be megabytes, which every process of a sandbox may
// have, and the history keeps those of many.
const maxCmdline = 4 << 10

// fillCmdline reads /proc/PID/cmdline: the words, each ended by a byte of 0. A program may overwrite it.
func fillCmdline(p *Process, b []byte) {
	b = bytes.TrimSuffix(b[:min(len(b), maxCmdline)], []byte{0})
	if len(b) == 0 {
		return
	}
	for word := range bytes.SplitSeq(b, []byte{0}) {
		p.Args = append(p.Args, string(word))
	}
	p.Cmdline = strings.Join(p.Args, " ")
}

// place is what a /proc/PID/cgroup says: the groups by controller, and the one that stands for all.
type place struct {
	groups map[string]string
	one    string
}

// fillCgroup fills the process's groups. Most processes are where others are, so what was parsed is kept; nobody changes it.
func (r *Reader) fillCgroup(p *Process, b []byte) {
	at, ok := r.places[string(b)]
	if !ok {
		at = r.place(b)
		if len(r.places) >= 256 {
			clear(r.places)
		}
		r.places[string(b)] = at
	}
	p.Cgroup, p.Cgroups = at.one, at.groups
}

func (r *Reader) place(b []byte) place {
	groups := map[string]string{}
	var others []string
	for _, m := range parseProcCgroup(b) {
		h := r.find(m.controllers)
		if h == nil {
			continue // a hierarchy that the sandbox has no group in
		}
		in := h.inside(m.path)
		if m.controllers == "" {
			groups[""] = in
			continue
		}
		for c := range strings.SplitSeq(m.controllers, ",") {
			groups[c] = in
		}
		if in != "/" && !strings.HasPrefix(m.controllers, "name=") {
			others = append(others, in)
		}
	}
	memory, ok := groups["memory"]
	switch {
	case !ok: // it is on v2
		memory = groups[""]
	case memory == "/" && len(others) > 0:
		memory = slices.Min(others)
	}
	return place{groups, memory}
}

// find is the hierarchy of a line in /proc/PID/cgroup.
func (r *Reader) find(controllers string) *hierarchy {
	for i := range r.hierarchies {
		h := &r.hierarchies[i]
		if controllers == "" && h.Version == 2 || controllers != "" && h.Version == 1 && slices.Contains(h.Controllers, strings.Split(controllers, ",")[0]) {
			return h
		}
	}
	return nil
}

// fillMaps reads the id mappings of the process's user namespace, once for each namespace.
func (r *Reader) fillMaps(p *Process, dir int, buf *[]byte, userns map[int][2][]idRange) {
	maps, ok := userns[p.Namespaces.User.ID]
	if !ok || p.Namespaces.User.ID == 0 {
		for i, file := range []string{"uid_map", "gid_map"} {
			if b, err := slurp(dir, file, buf); err == nil {
				maps[i] = parseIDMap(b)
			}
		}
		userns[p.Namespaces.User.ID] = maps
	}
	p.userns = maps[0]
	p.UIDMap, p.GIDMap = r.src.idMap(maps[0]), r.src.idMap(maps[1])
	if p.Namespaces.User.Own {
		p.OwnUID, p.OwnGID = inside(maps[0], p.HostUID), inside(maps[1], p.HostGID)
	}
}

// link reads one of the magic links in /proc/PID. The kernel names what it points to from the root of the process's mount namespace; it is read,
// never followed. What has no name is empty, as are the links of a process that has ended.
func link(dir int, name string) string {
	target, err := readlink(dir, name)
	if err != nil || !strings.HasPrefix(target, "/") {
		return ""
	}
	return path.Clean(strings.TrimSuffix(target, " (deleted)"))
}
