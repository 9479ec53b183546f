package kernel

// MountNamespace is one mount namespace with its mounts, as a process with the sandbox's root sees them.
type MountNamespace struct {
	// ID is its inode number.
	ID int `json:"id"`
	// Own says that it is another one than that of the sandbox's PID 1.
	Own bool `json:"own"`
	// Reader is the pid, in the sandbox, of the process through which it was read.
	Reader int `json:"reader"`
	// Mounts are its mounts in the kernel's order.
	Mounts []*Mount `json:"mounts"`
}

// Mount is one line of /proc/PID/mountinfo, see proc_pid_mountinfo(5).
type Mount struct {
	// Exists is false for a mount that was asked for and is not there.
	Exists bool `expr:"exists" json:"-"`
	// ID is the mount's number.
	ID int `expr:"id" json:"id"`
	// Parent is the number of the mount it is on.
	Parent int `expr:"parent" json:"parent"`
	// Device is the file system's device, "major:minor".
	Device string `expr:"device" json:"device"`
	// Root is the directory of the file system that is mounted: "/" unless it is a bind mount of a part.
	Root string `expr:"root" json:"root"`
	// Path is where it is mounted, as the process whose mountinfo was read sees it.
	Path string `expr:"path" json:"path"`
	// Options are the options of the mount, such as ro and nosuid.
	Options []string `expr:"options" json:"options"`
	// Propagation is shared, slave, private or unbindable; or "shared,slave" (mount_namespaces(7)).
	Propagation string `expr:"propagation" json:"propagation"`
	// PeerGroup is the number of its peer group where it is shared; else 0.
	PeerGroup int `expr:"peer_group" json:"peer_group,omitempty"`
	// Master is the peer group that it gets events from where it is a slave; else 0.
	Master int `expr:"master" json:"master,omitempty"`
	// Type is the file system's type: overlay, proc, tmpfs, …
	Type string `expr:"type" json:"type"`
	// Source is what was mounted: a device, or a word for file systems without one.
	Source string `expr:"source" json:"source"`
	// SuperOptions are the options of the file system.
	SuperOptions []string `expr:"super_options" json:"super_options"`
	// ReadOnly says that it cannot be written through this mount, or at all.
	ReadOnly bool `expr:"read_only" json:"read_only,omitempty"`
	// Lower are an overlay's lower directories, the uppermost first.
	Lower []string `expr:"lower" json:"lower,omitempty"`
	// Upper is an overlay's upper directory; empty where it has none.
	Upper string `expr:"upper" json:"upper,omitempty"`
	// Work is an overlay's work directory.
	Work string `expr:"work" json:"work,omitempty"`
}
