package kernel

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Reader reads Views of one sandbox and remembers what does not change between them. It may be used by several goroutines;
// they take turns. It keeps the files of the sandbox's groups open, until Rest or until nobody has it any more.
type Reader struct {
	src         Source
	hierarchies []hierarchy
	walked      int // the hierarchy that tells which processes are the sandbox's
	buffers     buffers
	kept        kept

	mu     sync.Mutex
	sets   map[uint64][]string // names of capability sets
	places map[string]place    // by the text of /proc/PID/cgroup
	tables map[int]table       // mounts by the namespace's number
	groups map[int]string      // of the processes of the last reading, by pid
	own    *[len(kinds)]int    // namespaces of PID 1 as they were first seen: it may be tampered with later
	depth  int                 // which of NSpid is the pid in the sandbox
	inits  int                 // seccomp filters of PID 1
	host   map[string]int
	booted time.Time
}

// Open prepares reading.
func (s Source) Open() (*Reader, error) {
	if s.Proc == "" {
		s.Proc = "/proc"
	}
	if len(s.Hierarchies) == 0 {
		return nil, &Error{Op: "open", Path: s.ID, Err: errNoHierarchy}
	}
	r := &Reader{src: s, sets: map[uint64][]string{}, places: map[string]place{}, tables: map[int]table{}, depth: -1, host: map[string]int{}}
	r.kept.groups = map[string]*keptGroup{}
	for i, h := range s.Hierarchies {
		r.hierarchies = append(r.hierarchies, newHierarchy(h, len(s.Hierarchies) == 1))
		if h.Version == 2 {
			r.walked = i
		}
	}
	// A hybrid host's bare v2 hierarchy is unified; the one that has controllers is /sys/fs/cgroup itself.
	if h := &r.hierarchies[r.walked]; h.Version == 2 && slices.Contains(h.Controllers, "memory") {
		h.learner = "/sys/fs/cgroup"
	}
	var since unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &since); err != nil {
		return nil, &Error{Op: "read", Path: "CLOCK_BOOTTIME", Err: err}
	}
	r.booted = time.Now().Add(-time.Duration(since.Nano()))
	return r, nil
}

var errNoHierarchy = errors.New("the source names no cgroup hierarchy")

// Rest closes what is kept open. The next reading opens it again.
func (r *Reader) Rest() { r.kept.dropAll(func(string) bool { return false }) }

// CgroupVersion is 2 where the sandbox's memory controller is on v2, else 1.
func (r *Reader) CgroupVersion() int { return r.memory().Version }

// Read reads the wanted parts; see [Source.Read].
func (r *Reader) Read(ctx context.Context, want Want) (*View, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	want = want.normal()
	v := &View{At: time.Now(), Want: want, reader: r}
	if want&WantProcesses != 0 {
		if err := r.processes(ctx, v); err != nil {
			return nil, err
		}
	}
	for _, part := range []struct {
		want Want
		read func(*View) error
	}{
		{WantCgroups, func(v *View) (err error) { v.Cgroups, err = r.cgroups(v); return err }},
		{WantMounts, r.mounts},
		{WantNetworks | WantHostnames, r.enter},
	} {
		if want&part.want == 0 {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := part.read(v); err != nil {
			return nil, err
		}
	}
	if want&WantLog != 0 && r.src.Log != nil {
		v.Log = r.src.Log()
	}
	return v, nil
}

// processes reads all processes of the sandbox.
func (r *Reader) processes(ctx context.Context, v *View) error {
	if err := r.meet(); err != nil {
		return err
	}
	members, err := r.members()
	if err != nil {
		return err
	}
	if v.Want&WantNamespaces != 0 {
		v.HostNamespaces = maps.Clone(r.host)
	}
	v.Processes = make([]*Process, 0, len(members))
	userns := map[int][2][]idRange{}
	for _, m := range members {
		if err := ctx.Err(); err != nil {
			return err
		}
		p, err := r.process(m.pid, m.group, v.Want, userns)
		if err != nil {
			return err
		}
		if p == nil {
			continue // it ended, or it is the lab's own and not in the sandbox's pid namespace
		}
		if p.Pid == 1 && p.HostPid == r.src.Init {
			v.Init = p
		}
		v.Processes = append(v.Processes, p)
	}
	slices.SortFunc(v.Processes, func(a, b *Process) int { return a.Pid - b.Pid })
	parents := make(map[int]int, len(v.Processes))
	for _, p := range v.Processes {
		parents[p.HostPid] = p.Pid
	}
	for _, p := range v.Processes {
		p.Ppid = parents[p.HostPpid]
	}
	return nil
}

// meet gets to know the sandbox's PID 1, once: what namespaces it is in, how deep, and how many filters it has. Later
// readings compare with that, for the learner, who is root in there, may send PID 1 elsewhere.
func (r *Reader) meet() error {
	if r.own != nil {
		return nil
	}
	host, err := r.dir("self")
	if err != nil {
		return err
	}
	defer unix.Close(host)
	for i, id := range namespaceIDs(host) {
		r.host[kinds[i]] = id
	}
	init, err := r.dir(strconv.Itoa(r.src.Init))
	if gone(err) || r.src.Init <= 0 {
		return ErrEnded
	}
	if err != nil {
		return err
	}
	defer unix.Close(init)
	buf := r.buffers.get()
	defer r.buffers.pool.Put(buf)
	b, err := slurp(init, "status", buf)
	if gone(err) {
		return ErrEnded
	}
	if err != nil {
		return &Error{Op: "read", Path: r.path(r.src.Init, "status"), Err: err}
	}
	s, err := parseStatus(b)
	if err != nil {
		return &Error{Op: "parse", Path: r.path(r.src.Init, "status"), Err: err}
	}
	ids := namespaceIDs(init)
	r.own, r.depth, r.inits = &ids, len(s.nspid)-1, s.filters
	return nil
}

// dir opens a process's directory. All files of it are then of that process, even if it ends and its pid is used again.
func (r *Reader) dir(pid string) (int, error) {
	fd, err := openat(unix.AT_FDCWD, r.src.Proc+"/"+pid, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC)
	if err != nil {
		return -1, &Error{Op: "open", Path: r.src.Proc + "/" + pid, Err: err}
	}
	return fd, nil
}

func (r *Reader) path(pid int, name string) string {
	return r.src.Proc + "/" + strconv.Itoa(pid) + "/" + name
}
