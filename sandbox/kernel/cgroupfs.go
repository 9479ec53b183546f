package kernel

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// hierarchy is a Hierarchy with what is found out once.
type hierarchy struct {
	Hierarchy
	// learner is where the sandbox has it mounted: /sys/fs/cgroup, or a directory below it on v1.
	learner string
	// below is what a path in /proc/PID/cgroup has before the part that the sandbox sees.
	below string
}

func newHierarchy(h Hierarchy, only bool) hierarchy {
	const root = "/sys/fs/cgroup"
	found := hierarchy{Hierarchy: h, learner: root, below: "/" + filepath.Base(h.Outer) + "/" + filepath.Base(h.Inner)}
	if h.Version == 1 || !only {
		found.learner = path.Join(root, filepath.Base(mountPoint(h)))
	}
	return found
}

// mountPoint finds where a hierarchy is mounted on the host: the last directory upward from the sandbox's group that is in
// the same file system.
func mountPoint(h Hierarchy) string {
	var fs unix.Statfs_t
	var here, up unix.Stat_t
	dir := h.Outer
	if unix.Statfs(dir, &fs) != nil || fs.Type != unix.CGROUP_SUPER_MAGIC && fs.Type != unix.CGROUP2_SUPER_MAGIC || unix.Stat(dir, &here) != nil {
		if h.Version == 2 {
			return "unified"
		}
		return strings.Join(h.Controllers, ",")
	}
	for dir != "/" {
		parent := filepath.Dir(dir)
		if unix.Stat(parent, &up) != nil || up.Dev != here.Dev {
			break
		}
		dir = parent
	}
	return dir
}

// inside is a path in /proc/PID/cgroup as the sandbox sees it.
func (h *hierarchy) inside(p string) string {
	i := strings.Index(p+"/", h.below+"/")
	if i < 0 {
		return "/.."
	}
	return path.Clean("/" + p[min(len(p), i+len(h.below)):])
}

// maxGroups bounds how many groups are looked at. The sandbox's limits bound them too, on v2 (cgroup.max.descendants).
const maxGroups = 512

// walk visits the directories of a hierarchy from dir downwards, each after its parent, brothers by name. rel is the path below dir: "/",
// "/demo". A group that is removed meanwhile is skipped.
func walk(dir, rel string, left *int, visit func(fd int, rel string) error) error {
	if *left <= 0 {
		return nil
	}
	*left--
	fd, err := openat(unix.AT_FDCWD, dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC|unix.O_NOFOLLOW)
	if err != nil {
		// The names are the learner's. A group that no path reaches is left out.
		if (gone(err) || errors.Is(err, unix.ENAMETOOLONG)) && rel != "/" {
			return nil
		}
		return err
	}
	defer unix.Close(fd)
	if err := visit(fd, rel); err != nil {
		return err
	}
	// A directory has one link for each directory in it, and two more: . and its name.
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Nlink == 2 {
		return nil //nolint:nilerr // it is gone
	}
	names, err := subdirectories(fd)
	if err != nil {
		return nil //nolint:nilerr // it is gone
	}
	for _, name := range names {
		if err := walk(dir+"/"+name, path.Join(rel, name), left, visit); err != nil {
			return err
		}
	}
	return nil
}

// subdirectories lists the directories in a directory, sorted, by getdents64(2): os.ReadDir would ask for the state of each.
func subdirectories(fd int) ([]string, error) {
	var names []string
	b := make([]byte, 8<<10)
	for {
		n, err := unix.Getdents(fd, b)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if n <= 0 {
			slices.Sort(names)
			return names, nil
		}
		// struct linux_dirent64: inode (64 bits), offset (64), length (16), type (8), name
		for rest := b[:n]; len(rest) > 19; {
			length := int(binary.NativeEndian.Uint16(rest[16:]))
			if length < 20 || length > len(rest) {
				break
			}
			if name := text(rest[19:length]); rest[18] == unix.DT_DIR && name != "." && name != ".." {
				names = append(names, name)
			}
			rest = rest[length:]
		}
	}
}

// member is one process of the sandbox's and its group in the hierarchy that was walked.
type member struct {
	pid   int // on the host
	group string
}

// members lists the processes of the sandbox: all that are in the subtree of its group in one hierarchy. The v2 hierarchy is
// asked where there is one. Neither can be left from inside: writing to a cgroup.procs outside the delegated subtree needs a write
// permission there, which the sandbox's root does not have (cgroups(7), "Delegation containment").
//
// The groups are read one after the other, and a process may go from one to another meanwhile, so that it is in both, or in none. It is in
// the one that was read last; and where one that was there before is in none, and has not ended, all are read again.
func (r *Reader) members() ([]member, error) {
	groups, err := r.walkMembers()
	if err == nil && r.mislaid(groups) {
		groups, err = r.walkMembers()
	}
	if err != nil {
		return nil, err
	}
	r.groups = groups
	all := make([]member, 0, len(groups))
	for _, pid := range slices.Sorted(maps.Keys(groups)) {
		all = append(all, member{pid, groups[pid]})
	}
	return all, nil
}

// mislaid tells whether a process that was there at the last reading is in none of the groups, and has not ended.
func (r *Reader) mislaid(groups map[int]string) bool {
	for pid := range r.groups {
		if groups[pid] == "" && unix.Access(r.src.Proc+"/"+strconv.Itoa(pid), unix.F_OK) == nil {
			return true
		}
	}
	return false
}

// walkMembers reads the groups once, and gives the group of each process by its pid.
func (r *Reader) walkMembers() (map[int]string, error) {
	h := &r.hierarchies[r.walked]
	buf := r.buffers.get()
	defer r.buffers.pool.Put(buf)
	groups := map[int]string{}
	left := maxGroups
	err := walk(h.Outer, "/", &left, func(fd int, rel string) error {
		b, err := slurp(fd, "cgroup.procs", buf)
		if errors.Is(err, unix.EOPNOTSUPP) {
			b, err = slurp(fd, "cgroup.threads", buf) // a threaded group, which has threads of processes above it
		}
		if err != nil {
			if gone(err) {
				return nil
			}
			return err
		}
		group := h.inside(path.Join("/"+filepath.Base(h.Outer), rel))
		lines(b, func(line []byte) bool {
			if pid, ok := number(line); ok && pid > 0 {
				groups[pid] = group
			}
			return true
		})
		return nil
	})
	if err != nil {
		if gone(err) {
			return nil, ErrEnded
		}
		return nil, &Error{Op: "read the groups of", Path: h.Outer, Err: err}
	}
	return groups, nil
}

// cgroups reads all groups of the sandbox: the union of its trees in all hierarchies.
func (r *Reader) cgroups(v *View) ([]*Cgroup, error) {
	var all []*Cgroup
	seen := map[string]bool{}
	for i := range r.hierarchies {
		h := &r.hierarchies[i]
		if h.named() {
			continue
		}
		left := maxGroups
		err := walk(h.Inner, "/", &left, func(_ int, rel string) error {
			if seen[rel] {
				return nil
			}
			seen[rel] = true
			g, err := r.cgroup(v, rel)
			if err == nil && g.Exists {
				all = append(all, g)
			}
			return err
		})
		var failed *Error
		switch {
		case errors.As(err, &failed):
			return nil, err
		case err != nil && gone(err):
			return nil, ErrEnded
		case err != nil:
			return nil, &Error{Op: "read the groups of", Path: h.Inner, Err: err}
		}
	}
	r.kept.dropAll(func(dir string) bool {
		return slices.ContainsFunc(r.hierarchies, func(h hierarchy) bool {
			rel, ok := strings.CutPrefix(dir, h.Inner)
			return ok && seen[cmp.Or(rel, "/")]
		})
	})
	slices.SortFunc(all, func(a, b *Cgroup) int { return slices.Compare(strings.Split(a.Path, "/"), strings.Split(b.Path, "/")) })
	// On v1 there is no cgroup.events: a group is populated if it or one below it has a process.
	for i, g := range all {
		for _, below := range all[i+1:] {
			if g.Path != "/" && !strings.HasPrefix(below.Path, g.Path+"/") {
				break
			}
			g.Populated = g.Populated || below.populated
		}
	}
	return all, nil
}

// named tells whether it is a v1 hierarchy without controllers, such as systemd's.
func (h *hierarchy) named() bool {
	return h.Version == 1 && !slices.ContainsFunc(h.Controllers, func(c string) bool { return !strings.HasPrefix(c, "name=") })
}

// cgroup reads one group by its path as the sandbox sees it.
func (r *Reader) cgroup(v *View, p string) (*Cgroup, error) {
	p = path.Clean("/" + p)
	g := &Cgroup{
		Path: p, place: path.Join(r.memory().learner, p), Controllers: []string{}, SubtreeControl: []string{}, Procs: []int{}, MemoryMax: Unlimited, MemoryHigh: Unlimited, SwapMax: Unlimited, PidsMax: Unlimited,
		CPUMax: CPUMax{Quota: Unlimited, Period: 100_000}, CPUWeight: 100,
	}
	if strings.HasPrefix(p+"/", "/../") || len(p) > 4096 {
		return g, nil
	}
	buf := r.buffers.get()
	defer r.buffers.pool.Put(buf)
	for i := range r.hierarchies {
		h := &r.hierarchies[i]
		if h.named() {
			continue
		}
		if err := r.readGroup(h, g, buf); err != nil {
			return nil, err
		}
	}
	if g.Exists {
		r.listProcs(v, g)
	}
	return g, nil
}

func (r *Reader) readGroup(h *hierarchy, g *Cgroup, buf *[]byte) error {
	dir := h.Inner
	if g.Path != "/" {
		dir += g.Path
	}
	r.kept.mu.Lock()
	defer r.kept.mu.Unlock()
	for {
		group, before, err := r.kept.group(dir)
		if gone(err) || errors.Is(err, unix.ENAMETOOLONG) {
			return nil
		}
		if err != nil {
			return &Error{Op: "open", Path: dir, Err: err}
		}
		n, err := r.readFiles(h, g, group, buf)
		if err != nil {
			r.kept.drop(dir, group)
			return err
		}
		if before && n == 0 {
			r.kept.drop(dir, group) // it was removed; there may be another of its name
			continue
		}
		r.kept.keep(dir, group)
		g.Exists = true
		if h.Version == 1 {
			g.Controllers = append(g.Controllers, h.Controllers...)
		}
		return nil
	}
}

// readFiles reads the files of a group in one hierarchy, and tells how many there are.
func (r *Reader) readFiles(h *hierarchy, g *Cgroup, group *keptGroup, buf *[]byte) (n int, err error) {
	dir := group.dir.Name()
	for i := range groupFiles {
		f := &groupFiles[i]
		if f.version != h.Version || f.controller != "" && h.Version == 1 && !slices.Contains(h.Controllers, f.controller) {
			continue
		}
		b, err := group.read(f.name, buf)
		if err != nil {
			// Controllers that are not enabled have no files; a pressure file can be switched off.
			if gone(err) || errors.Is(err, unix.EOPNOTSUPP) {
				continue
			}
			return n, &Error{Op: "read", Path: dir + "/" + f.name, Err: err}
		}
		n++
		b = bytes.TrimRight(b, "\n")
		f.parse(g, b)
		g.reads = append(g.reads, Read{
			Path: path.Join(h.learner, g.Path, f.name), Host: dir + "/" + f.name, Value: shorten(b), name: f.as,
		})
	}
	return n, nil
}

// listProcs fills Procs from the processes of the view, which know their groups: cgroup.procs has the host's pids, and
// the learner sees others.
func (r *Reader) listProcs(v *View, g *Cgroup) {
	h := r.memory()
	for _, p := range v.Processes {
		group := p.Cgroups["memory"]
		if h.Version == 2 {
			group = p.Cgroups[""]
		}
		if group == g.Path {
			g.Procs = append(g.Procs, p.Pid)
		}
		for _, other := range p.Cgroups {
			g.populated = g.populated || other == g.Path
		}
	}
	g.Populated = g.Populated || g.populated
	var said strings.Builder
	for i, pid := range g.Procs {
		if i > 0 {
			said.WriteByte(' ')
		}
		said.WriteString(itoa(pid))
	}
	g.reads = append(g.reads, Read{
		Path: path.Join(h.learner, g.Path, "cgroup.procs"), Host: path.Join(h.Inner, g.Path, "cgroup.procs"), Value: said.String(), name: "cgroup.procs",
	})
}

// processorTime is how long processors have run for the sandbox in all, in microseconds; 0 where that cannot be told.
func (r *Reader) processorTime() int {
	buf := r.buffers.get()
	defer r.buffers.pool.Put(buf)
	h := &r.hierarchies[r.walked]
	if h.Version == 2 { // every group has it, also where the controller is elsewhere
		b, err := slurp(unix.AT_FDCWD, h.Outer+"/cpu.stat", buf)
		if err != nil {
			return 0
		}
		var g Cgroup
		parseCPUStat(&g, b)
		return g.CPUStat.Usage
	}
	for i := range r.hierarchies {
		if h = &r.hierarchies[i]; slices.Contains(h.Controllers, "cpuacct") {
			b, err := slurp(unix.AT_FDCWD, h.Outer+"/cpuacct.usage", buf)
			if err != nil {
				return 0
			}
			n, _ := number(bytes.TrimSpace(b))
			return n / 1000
		}
	}
	return 0
}

// memory is the hierarchy that the memory controller is on; the first one where there is none.
func (r *Reader) memory() *hierarchy {
	for i := range r.hierarchies {
		if slices.Contains(r.hierarchies[i].Controllers, "memory") {
			return &r.hierarchies[i]
		}
	}
	return &r.hierarchies[0]
}

// Evidence is the file that a field was read from, by its name on v2, such as memory.max. On v1 that is another file of the
// same meaning. It is not ok where the group, or its controller, is not there.
func (g *Cgroup) Evidence(name string) (read Read, ok bool) {
	name, _, _ = strings.Cut(name, ":")
	for _, read := range g.reads {
		if read.name == name {
			return read, true
		}
	}
	return Read{}, false
}

// Place is its directory as the sandbox sees it, or where that would be: on v1 in the tree of the memory controller.
func (g *Cgroup) Place() string {
	if g.place != "" {
		return g.place
	}
	return path.Join("/sys/fs/cgroup", g.Path)
}

// Reads are all files that it was read from.
func (g *Cgroup) Reads() []Read { return g.reads }

func shorten(b []byte) string {
	const most = 256
	if len(b) > most {
		return string(b[:most]) + "…"
	}
	return string(b)
}
