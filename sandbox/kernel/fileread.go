package kernel

import (
	"encoding/binary"
	"errors"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// fileTime bounds how long one file may take. The kernel's own file systems answer at once; one that a program of the
// learner's answers for (FUSE) may not. /dev/fuse is not in a sandbox, so this is a second wall.
const fileTime = time.Second

var errSlow = errors.New("took longer than a second")

// File is the file of that path as the sandbox's PID 1 sees it. It is read when it is first asked for, and never nil: where
// there is none, or it cannot be read, Exists is false. [View.FindFile] tells these apart.
func (v *View) File(p string) *File { return whatever(v.FindFile(nil, p)) }

// FileOf is the file of that path as a process sees it, below its own root and in its own mount namespace. See [View.File].
func (v *View) FileOf(of *Process, p string) *File { return whatever(v.FindFile(of, p)) }

func whatever(f *File, err error) *File {
	if err != nil {
		return &File{Path: f.Path}
	}
	return f
}

// FindFile is File and FileOf with the error, an [*Error], where we failed to read. of is nil for PID 1's view.
func (v *View) FindFile(of *Process, p string) (*File, error) {
	p = path.Clean("/" + p)
	none := &File{Path: p}
	if v.reader == nil || of != nil && (!of.Exists || of.Ended) || strings.ContainsRune(p, 0) || len(p) >= unix.PathMax {
		return none, nil
	}
	key := p
	if of != nil {
		key = itoa(of.HostPid) + p
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if f, ok := v.files[key]; ok {
		return f, nil
	}
	f, err := v.reader.file(of, p)
	if err != nil {
		return none, err
	}
	if v.files == nil {
		v.files = map[string]*File{}
	}
	v.files[key] = f
	return f, nil
}

func (r *Reader) file(of *Process, p string) (*File, error) {
	root := -1
	if of != nil {
		// /proc/PID/root is a magic link to the root itself, whatever its name; it is followed once, here, by us.
		dir, err := r.dirOf(of)
		if gone(err) {
			return &File{Path: p}, nil
		}
		if err != nil {
			return nil, err
		}
		defer unix.Close(dir)
		root, err = openat(dir, "root", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC)
		if gone(err) {
			return &File{Path: p}, nil
		}
		if err != nil {
			return nil, &Error{Op: "open", Path: r.path(of.HostPid, "root"), Err: err}
		}
	} else {
		if r.src.Root == nil {
			return &File{Path: p}, nil
		}
		var err error
		if root, err = r.src.dupRoot(p); err != nil {
			return nil, err
		}
	}
	type result struct {
		file *File
		err  error
	}
	done := make(chan result, 1)
	go func() {
		defer unix.Close(root)
		f, err := r.src.readFile(root, p)
		done <- result{f, err}
	}()
	timer := time.NewTimer(fileTime)
	defer timer.Stop()
	select {
	case got := <-done:
		return got.file, got.err
	case <-timer.C:
		return nil, &Error{Op: "read in the sandbox", Path: p, Err: errSlow}
	}
}

// dirOf opens the directory of a process in /proc. Where it has ended the error says that it is gone, also if another one has its pid.
func (r *Reader) dirOf(p *Process) (int, error) {
	dir, err := r.dir(itoa(p.HostPid))
	if err == nil && !r.started(dir, p) {
		unix.Close(dir)
		return -1, &Error{Op: "open", Path: r.path(p.HostPid, ""), Err: unix.ESRCH}
	}
	return dir, err
}

// started tells whether the process in that directory of /proc is this one. A View may be older than the process that has the pid now, which
// need not be one of the sandbox's.
func (r *Reader) started(dir int, of *Process) bool {
	buf := r.buffers.get()
	defer r.buffers.pool.Put(buf)
	b, err := slurp(dir, "stat", buf)
	if err != nil {
		return false
	}
	var now Process
	return r.fillStat(&now, b) == nil && now.Started.Equal(of.Started)
}

// beneath opens a path below a root directory and nowhere else (openat2(2)). An absolute symbolic link and .. stay below it; magic
// links, as in /proc/PID/fd, are refused; a last symbolic link is opened itself.
func beneath(root int, p string) (int, error) {
	how := unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	}
	for range 128 {
		fd, err := unix.Openat2(root, p, &how)
		// EAGAIN: somebody renamed a directory meanwhile, and the kernel is not sure that .. stays below.
		if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
			return fd, err
		}
	}
	return -1, unix.EAGAIN
}

// readFile reads what there is at a path below a root.
func (s *Source) readFile(root int, p string) (*File, error) {
	fd, err := beneath(root, p)
	if nowhere(err) {
		return &File{Path: p, Xattrs: map[string]string{}}, nil
	}
	if err != nil { // EACCES does not happen to the host's root, but in a file system of another's
		return nil, &Error{Op: "open in the sandbox", Path: p, Err: err}
	}
	n, err := s.node(fd, p)
	if err != nil {
		return nil, err
	}
	defer n.Close()
	return s.describe(n, p)
}

// describe reads a file that is open, as checks see it.
func (s *Source) describe(n *Node, p string) (*File, error) {
	f := &File{Path: p, Xattrs: map[string]string{}, Exists: true, Type: n.Type(), Whiteout: n.Whiteout()}
	f.Mode, f.Size = int(n.Stat.Mode&0o7777), int(n.Stat.Size)
	f.UID, f.GID = s.id(int(n.Stat.Uid)), s.id(int(n.Stat.Gid))
	// The descriptor is opened again through our own /proc/self/fd, so that it is the same file, whatever its name is now.
	self := n.self()
	var err error
	switch f.Type {
	case "symlink":
		f.Target, err = n.Target()
	case "file":
		err = f.readContent(n)
	case "directory":
		err = f.readEntries(self)
	}
	if err != nil && !gone(err) && !errors.Is(err, unix.EACCES) && !errors.Is(err, unix.EPERM) {
		return nil, &Error{Op: "read in the sandbox", Path: p, Err: err}
	}
	if f.Type == "file" || f.Type == "directory" {
		f.readXattrs(s, self)
	}
	return f, nil
}

func fileType(mode uint32) string {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return "file"
	case unix.S_IFDIR:
		return "directory"
	case unix.S_IFLNK:
		return "symlink"
	case unix.S_IFIFO:
		return "fifo"
	case unix.S_IFSOCK:
		return "socket"
	case unix.S_IFCHR:
		return "char"
	case unix.S_IFBLK:
		return "block"
	}
	return ""
}

// readContent reads a regular file's beginning.
func (f *File) readContent(n *Node) error {
	size := MaxContent
	if 0 < f.Size && f.Size < size {
		size = f.Size + 1
	}
	b, err := n.begin(size)
	f.Content = string(b)
	return err
}

// begin reads a regular file's beginning, up to so many bytes. O_NONBLOCK keeps a file of procfs from making us wait.
//
// The learner can put any file of procfs and sysfs where a check reads, and is shown what was read: so nothing is read that the learner could not
// read. What belongs to nobody in the sandbox must be for all to read, as the kernel asks of the sandbox's root (capable_wrt_inode_uidgid).
func (n *Node) begin(size int) ([]byte, error) {
	if owned := n.src.has(int(n.Stat.Uid)) && n.src.has(int(n.Stat.Gid)); !owned && n.Stat.Mode&unix.S_IROTH == 0 {
		return nil, unix.EACCES
	}
	fd, err := humbly(func() (int, error) {
		return openat(unix.AT_FDCWD, n.self(), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC)
	})
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	b, got := make([]byte, size), 0
	for got < len(b) {
		m, err := unix.Read(fd, b[got:])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EIO) {
			break // a file of the kernel's that has nothing to say to us
		}
		if err != nil {
			return nil, err
		}
		if m == 0 {
			break
		}
		got += m
	}
	return b[:got], nil
}

// maxEntries bounds the names of a directory that are read.
const maxEntries = 1024

func (f *File) readEntries(self string) error {
	fd, err := openat(unix.AT_FDCWD, self, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	f.Entries, err = entries(fd, maxEntries)
	return err
}

// entries are the names in a directory, sorted, up to so many.
func entries(fd, most int) ([]string, error) {
	b, names := make([]byte, 32<<10), []string{}
	for len(names) < most {
		n, err := unix.Getdents(fd, b)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return names, err
		}
		if n <= 0 {
			break
		}
		_, _, names = unix.ParseDirent(b[:n], most-len(names), names)
	}
	slices.Sort(names)
	return names, nil
}

// readXattrs reads the extended attributes that lessons look at, see xattr(7). A file system without them has none.
func (f *File) readXattrs(s *Source, self string) {
	names := make([]byte, 16<<10)
	n, err := unix.Listxattr(self, names)
	if err != nil {
		return
	}
	value := make([]byte, 4<<10)
	for name := range strings.SplitSeq(strings.TrimRight(string(names[:n]), "\x00"), "\x00") {
		known := name == capabilityXattr || strings.HasPrefix(name, "user.") || strings.HasPrefix(name, "trusted.overlay.")
		if !known || len(f.Xattrs) >= 64 {
			continue
		}
		n, err := unix.Getxattr(self, name, value)
		if err != nil {
			continue
		}
		if name == capabilityXattr {
			f.Capabilities = s.fileCapabilities(value[:n])
			continue
		}
		f.Xattrs[name] = string(value[:n])
		switch _, last, _ := strings.Cut(name, ".overlay."); last {
		case "opaque": // x: a directory with whiteouts that are not devices
			f.Opaque = f.Type == "directory" && string(value[:n]) == "y"
		case "whiteout": // of a file without content, since Linux 6.7
			f.Whiteout = f.Type == "file" && f.Size == 0
		}
	}
}

const capabilityXattr = "security.capability"

// fileCapabilities decodes the attribute security.capability, see include/uapi/linux/capability.h and capabilities(7). All numbers are
// little-endian:
//
//	struct vfs_ns_cap_data {
//		__le32 magic_etc;                    revision << 24 | 1 if effective
//		struct { __le32 permitted, inheritable; } data[2];
//		__le32 rootid;                       revision 3 only
//	};
//
// The kernel gives rootid as a user id of the reader's, which is the host's.
func (s *Source) fileCapabilities(b []byte) FileCapabilities {
	if len(b) < 20 {
		return FileCapabilities{}
	}
	word := func(i int) uint64 { return uint64(binary.LittleEndian.Uint32(b[4*i:])) }
	c := FileCapabilities{
		Version: int(word(0) >> 24), Effective: word(0)&1 != 0,
		Permitted: namesOf(word(1) | word(3)<<32), Inheritable: namesOf(word(2) | word(4)<<32),
	}
	if c.Version == 3 && len(b) >= 24 {
		c.RootID = s.id(int(word(5)))
	}
	return c
}
