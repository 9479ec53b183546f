package kernel

import (
	"context"
	"errors"
	"path"
	"slices"
	"sync"
	"time"
)

// View is what the kernel knows about one sandbox at one moment, read from the host's side.
type View struct {
	// At is when reading began.
	At time.Time `json:"at"`
	// Want says which parts were read.
	Want Want `json:"want"`
	// Unchanged says, in a view of a [Recorder]'s, that nothing has run in the sandbox since the look before: all is as it was.
	Unchanged bool `json:"-"`
	// Init is the sandbox's PID 1; nil when it has ended.
	Init *Process `json:"-"`
	// Processes are the processes of the sandbox by pid, parents and children alike.
	Processes []*Process `json:"processes,omitempty"`
	// Cgroups are the groups of the sandbox, each after its parent; the first is "/".
	Cgroups []*Cgroup `json:"cgroups,omitempty"`
	// Mounts are the mounts of each mount namespace.
	Mounts []*MountNamespace `json:"mounts,omitempty"`
	// Networks are the network namespaces with their interfaces.
	Networks []*Network `json:"networks,omitempty"`
	// Hostnames are the uts namespaces with their host names.
	Hostnames []*Hostname `json:"hostnames,omitempty"`
	// Log is the kernel log of this sandbox.
	Log []LogLine `json:"log,omitempty"`
	// Passed are, in a view of a [Recorder]'s, the processes that have ended since the look before, and those that were something else
	// in between, oldest first: as they were at their exec, or when they were seen last. See [View.Between].
	Passed []*Process `json:"-"`
	// History are the processes that have ended, oldest first, in a view of a [Recorder]'s; the latest 1,000 or so are kept.
	History []*Process `json:"-"`
	// Events are what happened, in words, oldest first, in a view of a [Recorder]'s; the latest 2,000 are kept.
	Events []Event `json:"-"`
	// HostNamespaces are the inode numbers of the host's own namespaces, by their names in /proc/PID/ns.
	HostNamespaces map[string]int `json:"host_namespaces,omitempty"`

	gone   left // since the look before
	reader *Reader
	mu     sync.Mutex // guards what is read when it is asked for
	asked  map[string]*Cgroup
	files  map[string]*File
}

// Read is one file that was read, as evidence.
type Read struct {
	// Path is the file as the learner finds it, such as /sys/fs/cgroup/demo/memory.max.
	Path string `json:"path"`
	// Host is the file that was read on the host.
	Host string `json:"host,omitempty"`
	// Value is what it said, without the final newline, shortened to 256 bytes.
	Value string `json:"value"`

	name string // of a group's file: its name on v2
}

// ErrEnded is what reading a sandbox gives that has ended: its groups are gone.
var ErrEnded = errors.New("the sandbox has ended")

// Read reads the wanted parts once. Who reads more than once keeps a [Reader], which remembers what does not change.
//
// A process or group that goes away while it is read is left out and is no error. Errors are of the type [*Error], or
// [ErrEnded], or the context's.
func (s Source) Read(ctx context.Context, want Want) (*View, error) {
	r, err := s.Open()
	if err != nil {
		return nil, err
	}
	return r.Read(ctx, want)
}

// Between are what there was between the look before and this one, as far as it is known: all processes that were there at any
// time, each once. In the first they are as they were last, in the next as they were before, and so on. There are none
// where nothing has passed. They are for an exercise that asks whether something ever was, which is judged by them beside the view itself.
func (v *View) Between() []*View {
	if len(v.Passed) == 0 {
		return nil
	}
	type identity struct {
		pid     int
		started time.Time
	}
	var order []identity
	states := map[identity][]*Process{}
	for _, p := range append(slices.Clone(v.Passed), v.Processes...) {
		id := identity{p.HostPid, p.Started}
		if states[id] == nil {
			order = append(order, id)
		}
		states[id] = append(states[id], p)
	}
	most := 0
	for _, s := range states {
		most = max(most, len(s))
	}
	var all []*View
	for back := range most {
		var there []*Process
		for _, id := range order {
			s := states[id]
			there = append(there, s[max(0, len(s)-1-back)])
		}
		slices.SortFunc(there, func(a, b *Process) int { return a.Pid - b.Pid })
		between := v.as(there)
		between.Mounts, between.Networks = slices.Concat(v.Mounts, v.gone.mounts), slices.Concat(v.Networks, v.gone.networks)
		between.Hostnames = slices.Concat(v.Hostnames, v.gone.hostnames)
		all = append(all, between)
	}
	return all
}

// as is the view with these processes. What is read when it is asked for is read anew.
func (v *View) as(processes []*Process) *View {
	return &View{
		At: v.At, Want: v.Want, Init: v.Init, Processes: processes, Cgroups: v.Cgroups, Mounts: v.Mounts, Networks: v.Networks,
		Hostnames: v.Hostnames, Log: v.Log, History: v.History, Events: v.Events, HostNamespaces: v.HostNamespaces, reader: v.reader,
	}
}

// left are namespaces of the look before that are no longer there; what was in them is still asked for, see Between.
type left struct {
	mounts    []*MountNamespace
	networks  []*Network
	hostnames []*Hostname
}

// leftOf finds what was there and is no longer.
func leftOf(was, is *View) (l left) {
	if was == nil {
		return l
	}
	l.mounts = missing(was.Mounts, is.Mounts, func(n *MountNamespace) int { return n.ID })
	l.networks = missing(was.Networks, is.Networks, func(n *Network) int { return n.ID })
	l.hostnames = missing(was.Hostnames, is.Hostnames, func(h *Hostname) int { return h.ID })
	return l
}

func missing[T any](was, is []T, id func(T) int) []T {
	there := make(map[int]bool, len(is))
	for _, x := range is {
		there[id(x)] = true
	}
	return slices.DeleteFunc(slices.Clone(was), func(x T) bool { return there[id(x)] })
}

// Cgroup is the group of that path as the sandbox sees it; a path without a leading slash is meant from the top. It is read
// when it is first asked for, unless WantCgroups was wanted. It is never nil: where there is no such group, or it cannot be
// read, Exists is false. [View.FindCgroup] tells these apart.
func (v *View) Cgroup(p string) *Cgroup {
	g, err := v.FindCgroup(p)
	if err != nil {
		return &Cgroup{Path: path.Clean("/" + p), MemoryMax: Unlimited, MemoryHigh: Unlimited, SwapMax: Unlimited, PidsMax: Unlimited}
	}
	return g
}

// FindCgroup is Cgroup with the error, an [*Error], where we failed to read it.
func (v *View) FindCgroup(p string) (*Cgroup, error) {
	p = path.Clean("/" + p)
	for _, g := range v.Cgroups {
		if g.Path == p {
			return g, nil
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if g, ok := v.asked[p]; ok {
		return g, nil
	}
	if v.reader == nil {
		return &Cgroup{Path: p}, nil
	}
	g, err := v.reader.cgroup(v, p)
	if err != nil {
		return nil, err
	}
	if v.asked == nil {
		v.asked = map[string]*Cgroup{}
	}
	v.asked[p] = g
	return g, nil
}

// Process is the process with that pid in the sandbox. It is never nil: where there is none, Exists is false.
func (v *View) Process(pid int) *Process {
	for _, p := range v.Processes {
		if p.Pid == pid {
			return p
		}
	}
	return &Process{Pid: pid}
}

// Mount is the mount at that path in the mount namespace of the sandbox's PID 1; where several are on top of one another, the
// topmost. It is never nil: where there is none, Exists is false.
func (v *View) Mount(p string) *Mount {
	for _, ns := range v.Mounts {
		if !ns.Own {
			return topmost(ns.Mounts, p)
		}
	}
	return &Mount{Path: p}
}

func topmost(mounts []*Mount, p string) *Mount {
	p = path.Clean("/" + p)
	for _, mount := range slices.Backward(mounts) {
		if mount.Path == p {
			return mount
		}
	}
	return &Mount{Path: p}
}

// Hostname is the host name that the sandbox's PID 1 has; empty where it was not read.
func (v *View) Hostname() string {
	for _, h := range v.Hostnames {
		if !h.Own {
			return h.Name
		}
	}
	return ""
}

// Interfaces are those of the network namespace of the sandbox's PID 1.
func (v *View) Interfaces() []*Interface {
	for _, n := range v.Networks {
		if !n.Own {
			return n.Interfaces
		}
	}
	return nil
}
