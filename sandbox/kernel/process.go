package kernel

import "time"

// Process is one process of the sandbox.
type Process struct {
	// Exists is false for a process that was asked for and is not there.
	Exists bool `expr:"exists" json:"-"`
	// Pid is its pid in the sandbox's pid namespace.
	Pid int `expr:"pid" json:"pid" file:"status:NSpid"`
	// HostPid is its pid on the host.
	HostPid int `expr:"host_pid" json:"host_pid" file:"status:Pid"`
	// Pids are its pids from the sandbox's pid namespace inward: the first is Pid, the last is what it calls itself.
	Pids []int `expr:"pids" json:"pids" file:"status:NSpid"`
	// Ppid is its parent's pid in the sandbox; 0 where the parent is outside.
	Ppid int `expr:"ppid" json:"ppid" file:"status:PPid"`
	// HostPpid is its parent's pid on the host.
	HostPpid int `expr:"host_ppid" json:"host_ppid" file:"status:PPid"`
	// Comm is the name of its program, at most 15 bytes.
	Comm string `expr:"comm" json:"comm" file:"status:Name"`
	// Cmdline is its command line with spaces between the words; empty for a zombie.
	Cmdline string `expr:"cmdline" json:"cmdline" file:"cmdline"`
	// Args are the words of its command line.
	Args []string `expr:"args" json:"args" file:"cmdline"`
	// State is R (running), S (sleeping), D (waiting for a device), T (stopped), t (traced), Z (zombie) or I (idle).
	State string `expr:"state" json:"state" file:"status:State"`
	// UID is its effective user id as the sandbox's user namespace sees it; 65534 for one that has no id there.
	UID int `expr:"uid" json:"uid" file:"status:Uid"`
	// GID is its effective group id as the sandbox's user namespace sees it.
	GID int `expr:"gid" json:"gid" file:"status:Gid"`
	// RealUID is its real user id as the sandbox's user namespace sees it.
	RealUID int `expr:"real_uid" json:"real_uid" file:"status:Uid"`
	// RealGID is its real group id as the sandbox's user namespace sees it.
	RealGID int `expr:"real_gid" json:"real_gid" file:"status:Gid"`
	// OwnUID is its effective user id as its own user namespace sees it: what id(1) prints in it.
	OwnUID int `expr:"own_uid" json:"own_uid" file:"uid_map"`
	// OwnGID is its effective group id as its own user namespace sees it.
	OwnGID int `expr:"own_gid" json:"own_gid" file:"gid_map"`
	// HostUID is its effective user id on the host.
	HostUID int `expr:"host_uid" json:"host_uid" file:"status:Uid"`
	// HostGID is its effective group id on the host.
	HostGID int `expr:"host_gid" json:"host_gid" file:"status:Gid"`
	// UIDMap is the id mapping of its user namespace; its outside ids are the sandbox's (user_namespaces(7)).
	UIDMap []IDMap `expr:"uid_map" json:"uid_map,omitempty" file:"uid_map"`
	// GIDMap is the same for group ids.
	GIDMap []IDMap `expr:"gid_map" json:"gid_map,omitempty" file:"gid_map"`
	// Namespaces are the namespaces that it is in.
	Namespaces Namespaces `expr:"ns" json:"ns" file:"ns"`
	// Root is its root directory as a path from the sandbox's root: "/" unless it has changed root.
	Root string `expr:"root" json:"root,omitempty" file:"root"`
	// Cwd is its working directory as a path from the sandbox's root.
	Cwd string `expr:"cwd" json:"cwd,omitempty" file:"cwd"`
	// Exe is the file it runs, as a path from the sandbox's root.
	Exe string `expr:"exe" json:"exe,omitempty" file:"exe"`
	// Cgroup is its group as the sandbox sees it, such as "/demo". On v1, where it has one in each hierarchy, it is the one for
	// memory; but where that is still "/", the first one that is not. A group outside the sandbox's is "/..".
	Cgroup string `expr:"cgroup" json:"cgroup" file:"cgroup"`
	// Cgroups are its groups by controller: memory, pids, cpu, …, and "" for v2.
	Cgroups map[string]string `expr:"cgroups" json:"cgroups,omitempty" file:"cgroup"`
	// Capabilities are its five capability sets.
	Capabilities Capabilities `expr:"capabilities" json:"capabilities" file:"status:Cap"`
	// Seccomp is its seccomp mode: disabled, strict or filter.
	Seccomp string `expr:"seccomp" json:"seccomp" file:"status:Seccomp"`
	// SeccompFilters is how many seccomp filters it has, the sandbox's own one included.
	SeccompFilters int `expr:"seccomp_filters" json:"seccomp_filters" file:"status:Seccomp_filters"`
	// OwnFilters is how many seccomp filters it has beyond those of the sandbox's PID 1.
	OwnFilters int `expr:"own_filters" json:"own_filters" file:"status:Seccomp_filters beyond the box’s"`
	// NoNewPrivs says that execve cannot give it more privileges (PR_SET_NO_NEW_PRIVS(2const)).
	NoNewPrivs bool `expr:"no_new_privs" json:"no_new_privs" file:"status:NoNewPrivs"`
	// Threads is the number of its threads.
	Threads int `expr:"threads" json:"threads" file:"status:Threads"`
	// Hostname is the host name of its uts namespace.
	Hostname string `expr:"hostname" json:"hostname,omitempty" file:"uname"`
	// Mounts are the mounts of its mount namespace that are below its root, their paths as it sees them.
	Mounts []*Mount `expr:"mounts" json:"-" file:"mountinfo"`
	// Interfaces are the network interfaces of its network namespace.
	Interfaces []*Interface `expr:"interfaces" json:"-" file:"net/dev"`
	// BoottimeOffset is how many seconds its time namespace is ahead in CLOCK_BOOTTIME (time_namespaces(7)).
	BoottimeOffset int `expr:"boottime_offset" json:"boottime_offset,omitempty" unit:"s" file:"timens_offsets"`
	// MonotonicOffset is the same for CLOCK_MONOTONIC.
	MonotonicOffset int `expr:"monotonic_offset" json:"monotonic_offset,omitempty" unit:"s" file:"timens_offsets"`
	// Started is when it was started, to a hundredth of a second.
	Started time.Time `expr:"started" json:"started" file:"stat:22"`
	// Session is the host's pid of the leader of its session.
	Session int `expr:"-" json:"-"`
	// Group is the host's pid of the leader of its process group.
	Group int `expr:"-" json:"-"`
	// Foreground is the host's pid of the leader of the process group in the foreground of its terminal; -1 for none.
	Foreground int `expr:"-" json:"-"`
	// Terminal is its controlling terminal, such as "pts/0"; empty for none.
	Terminal string `expr:"terminal" json:"terminal,omitempty" file:"stat:7"`
	// TTY is the device number of its controlling terminal; 0 for none.
	TTY int `expr:"tty_nr" json:"tty_nr,omitempty" file:"stat:7"`
	// Shell says that it leads a session on a terminal: one of the learner's shells.
	Shell bool `expr:"shell" json:"shell,omitempty" file:"stat:6"`

	// Ended says that it has ended: always so in the history, never so in what there is now.
	Ended bool `expr:"ended" json:"ended,omitempty"`
	// ExitStatus is what it ended with; -1 while it runs, where a signal ended it, and where the kernel's process connector is not
	// heard.
	ExitStatus int `expr:"exit_status" json:"exit_status,omitempty"`
	// Signal is what ended it, such as SIGKILL; empty where it ended by itself.
	Signal string `expr:"signal" json:"signal,omitempty"`

	userns []idRange // its user namespace's mapping of user ids
}

// IDMap is one line of /proc/PID/uid_map.
type IDMap struct {
	// Inside is the first id inside the namespace.
	Inside int `expr:"inside" json:"inside"`
	// Outside is the first id that it is in the sandbox's user namespace.
	Outside int `expr:"outside" json:"outside"`
	// Count is how many ids follow one another from there, the first included.
	Count int `expr:"count" json:"count"`
}

// Namespaces are the namespaces of a process, see namespaces(7).
type Namespaces struct {
	// Cgroup is its cgroup namespace.
	Cgroup Namespace `expr:"cgroup" json:"cgroup" file:"ns/cgroup"`
	// IPC is its ipc namespace.
	IPC Namespace `expr:"ipc" json:"ipc" file:"ns/ipc"`
	// Mount is its mount namespace.
	Mount Namespace `expr:"mnt" json:"mnt" file:"ns/mnt"`
	// Net is its network namespace.
	Net Namespace `expr:"net" json:"net" file:"ns/net"`
	// Pid is its pid namespace.
	Pid Namespace `expr:"pid" json:"pid" file:"ns/pid"`
	// PidForChildren is the pid namespace that its next child will be in.
	PidForChildren Namespace `expr:"pid_for_children" json:"pid_for_children" file:"ns/pid_for_children"`
	// Time is its time namespace.
	Time Namespace `expr:"time" json:"time" file:"ns/time"`
	// TimeForChildren is the time namespace that its next child will be in.
	TimeForChildren Namespace `expr:"time_for_children" json:"time_for_children" file:"ns/time_for_children"`
	// User is its user namespace.
	User Namespace `expr:"user" json:"user" file:"ns/user"`
	// UTS is its uts namespace: host name and domain name.
	UTS Namespace `expr:"uts" json:"uts" file:"ns/uts"`
}

// Namespace is one namespace.
type Namespace struct {
	// ID is its inode number, as in readlink /proc/PID/ns/net: net:[4026531840]. 0 when it is not known.
	ID int `expr:"id" json:"id"`
	// Own says that it is another one than that of the sandbox's PID 1.
	Own bool `expr:"own" json:"own"`
}

// Capabilities are the five capability sets of a process, see capabilities(7), by name: CAP_CHOWN, in the kernel's order.
type Capabilities struct {
	// Effective is what the kernel checks.
	Effective []string `expr:"effective" json:"effective" file:"status:CapEff"`
	// Permitted is what it may take into Effective.
	Permitted []string `expr:"permitted" json:"permitted" file:"status:CapPrm"`
	// Inheritable is what it may hand over to programs that ask for it.
	Inheritable []string `expr:"inheritable" json:"inheritable" file:"status:CapInh"`
	// Bounding is what no program it runs can go beyond.
	Bounding []string `expr:"bounding" json:"bounding" file:"status:CapBnd"`
	// Ambient is what it hands over to programs that know nothing of capabilities.
	Ambient []string `expr:"ambient" json:"ambient" file:"status:CapAmb"`
}
