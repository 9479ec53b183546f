package kernel

import (
	"os"
	"time"
)

// Source says where one sandbox's kernel state is read from, on the host's side. It is a plain value that the sandbox fills in.
type Source struct {
	// ID names the sandbox.
	ID string
	// Init is the host's pid of the sandbox's PID 1; 0 when it has ended.
	Init int
	// Proc is where the host's procfs is mounted; empty means /proc. Tests point it at a directory of their own.
	Proc string
	// Hierarchies are the cgroup hierarchies that the sandbox is in: one on a host with cgroup v2; memory, pids, cpu, … and
	// the bare v2 one on a host in hybrid mode.
	Hierarchies []Hierarchy
	// FirstUID is the host's uid, and gid, that is 0 in the sandbox. 65,536 ids follow it.
	FirstUID uint32
	// Root is the sandbox's root directory, opened with O_PATH. Below it, files are opened only with
	// openat2(RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS).
	Root *os.File
	// Log gives the kernel-log lines of this sandbox so far, oldest first. It may be nil.
	Log func() []LogLine
}

// Hierarchy is one cgroup hierarchy, see cgroups(7), and the sandbox's two groups in it.
type Hierarchy struct {
	// Version is 1 or 2.
	Version int
	// Controllers are the names of the controllers that are bound to it, such as memory and pids; none for the bare v2
	// hierarchy of a hybrid host.
	Controllers []string
	// Outer is the host's absolute path of the group that carries the sandbox's own limits, and that the learner cannot write.
	Outer string
	// Inner is the host's absolute path of the delegated group below Outer: what the learner sees as /.
	Inner string
}

// LogLine is one line of the kernel log, see dmesg(1).
type LogLine struct {
	// Time is when the kernel wrote the line.
	Time time.Time `expr:"time" json:"time"`
	// Seq is the line's number in the kernel's log.
	Seq uint64 `expr:"seq" json:"seq"`
	// Text is the message, without its time.
	Text string `expr:"text" json:"text"`
}

// Want says which parts of a View are to be read, so that nothing is read that nobody looks at.
type Want uint32

// The parts of a View. Those that need others imply them, see [Want.normal].
const (
	// WantProcesses reads /proc/PID/{status,stat,cmdline,cgroup}: View.Processes.
	WantProcesses Want = 1 << iota
	// WantNamespaces reads the links in /proc/PID/ns: Process.Namespaces.
	WantNamespaces
	// WantPaths reads the links /proc/PID/{root,cwd,exe}: Process.Root, Process.Cwd, Process.Exe.
	WantPaths
	// WantMaps reads /proc/PID/{uid_map,gid_map}: Process.UIDMap and GIDMap, once per user namespace.
	WantMaps
	// WantCgroups reads every group of the sandbox with its files: View.Cgroups.
	WantCgroups
	// WantMounts reads /proc/PID/mountinfo once per mount namespace: View.Mounts.
	WantMounts
	// WantNetworks reads the interfaces of every network namespace: View.Networks.
	WantNetworks
	// WantHostnames reads the host name of every uts namespace: View.Hostnames.
	WantHostnames
	// WantLog takes the sandbox's kernel log: View.Log.
	WantLog
	// WantHistory takes the processes that have ended: View.History. Only a [Recorder] knows them.
	WantHistory
	// WantEvents takes what happened: View.Events. Only a [Recorder] knows it.
	WantEvents

	// WantNothing makes a View whose parts are only read when they are asked for by name: [View.Cgroup], [View.File].
	WantNothing Want = 0
	// WantAll reads everything.
	WantAll = WantEvents<<1 - 1
)

// normal adds what the wanted parts need: each kind of namespace is read through a process that is in it.
func (w Want) normal() Want {
	if w&WantCgroups != 0 {
		w |= WantProcesses
	}
	if w&WantMounts != 0 {
		w |= WantPaths // what mountinfo shows depends on the root
	}
	if w&(WantMounts|WantNetworks|WantHostnames|WantMaps) != 0 {
		w |= WantNamespaces
	}
	if w&(WantNamespaces|WantPaths) != 0 {
		w |= WantProcesses
	}
	return w
}
