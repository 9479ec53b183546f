package kernel

// MaxContent is how much of a file's content is read, in bytes.
const MaxContent = 64 << 10

// File is one file below a root: the sandbox's, or a process's. It is opened with
// openat2(RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS), so no name that the learner makes leads out of that root.
type File struct {
	// Exists says that there is such a file.
	Exists bool `expr:"exists" json:"exists"`
	// Path is the path that was asked for.
	Path string `expr:"path" json:"path"`
	// Type is file, directory, symlink, fifo, socket, char, block; empty where there is none.
	Type string `expr:"type" json:"type,omitempty"`
	// Mode is the permission bits, as in chmod(1): 0o755, with 0o4000 setuid, 0o2000 setgid, 0o1000 sticky.
	Mode int `expr:"mode" json:"mode"`
	// UID is the owner as the sandbox's user namespace sees it; 65534 for one that has no id there.
	UID int `expr:"uid" json:"uid"`
	// GID is the group as the sandbox's user namespace sees it.
	GID int `expr:"gid" json:"gid"`
	// Size is its length in bytes.
	Size int `expr:"size" json:"size" unit:"bytes"`
	// Target is where a symbolic link points.
	Target string `expr:"target" json:"target,omitempty"`
	// Content is the beginning of a regular file, up to 64 KiB.
	Content string `expr:"content" json:"content,omitempty"`
	// Entries are the names in a directory, sorted, up to 1,024.
	Entries []string `expr:"entries" json:"entries,omitempty"`
	// Xattrs are its extended attributes in user.*, trusted.overlay.* and user.overlay.*.
	Xattrs map[string]string `expr:"xattrs" json:"xattrs,omitempty"`
	// Capabilities are its file capabilities (setcap(8)).
	Capabilities FileCapabilities `expr:"capabilities" json:"capabilities"`
	// Whiteout says that it hides a file of a lower layer of an overlay.
	Whiteout bool `expr:"whiteout" json:"whiteout,omitempty"`
	// Opaque says that it is a directory that hides the one of the same name in the lower layers.
	Opaque bool `expr:"opaque" json:"opaque,omitempty"`
}

// FileCapabilities are the capabilities that executing a file gives, see capabilities(7).
type FileCapabilities struct {
	// Permitted is what the program gets.
	Permitted []string `expr:"permitted" json:"permitted,omitempty"`
	// Inheritable is what it gets where the process's inheritable set has it too.
	Inheritable []string `expr:"inheritable" json:"inheritable,omitempty"`
	// Effective says that they are effective from the start.
	Effective bool `expr:"effective" json:"effective,omitempty"`
	// Version is 2, or 3 where they hold only in the user namespace of RootID; 0 without capabilities.
	Version int `expr:"version" json:"version,omitempty"`
	// RootID is the user id, in the sandbox, of that namespace's root.
	RootID int `expr:"root_id" json:"root_id,omitempty"`
}
