package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Node is a file or directory in the sandbox that was opened without reading it (O_PATH), so that it stays the same one whatever
// becomes of its name. Whoever opens one closes it.
type Node struct {
	// Stat is what stat(2) says of it; its ids are the host's.
	Stat unix.Stat_t

	fd  int
	src *Source
}

// OpenRoot opens the sandbox's root directory.
func (s Source) OpenRoot() (*Node, error) {
	fd, err := s.dupRoot("/")
	if err != nil {
		return nil, err
	}
	return s.node(fd, "/")
}

// dupRoot is a descriptor of our own of the sandbox's root, for the sandbox may be closed while we read. The path is for the error.
func (s *Source) dupRoot(p string) (int, error) {
	if s.Root == nil {
		return -1, ErrEnded
	}
	conn, err := s.Root.SyscallConn()
	if err != nil {
		return -1, ErrEnded
	}
	fd, e := -1, error(nil)
	if err := conn.Control(func(root uintptr) { fd, e = unix.FcntlInt(root, unix.F_DUPFD_CLOEXEC, 0) }); err != nil {
		return -1, ErrEnded
	}
	if e != nil {
		return -1, &Error{Op: "dup the root for", Path: p, Err: e}
	}
	return fd, nil
}

func (s *Source) node(fd int, p string) (*Node, error) {
	n := &Node{fd: fd, src: s}
	if err := unix.Fstat(fd, &n.Stat); err != nil {
		unix.Close(fd)
		return nil, &Error{Op: "stat in the sandbox", Path: p, Err: err}
	}
	return n, nil
}

// Close lets go of it.
func (n *Node) Close() {
	unix.Close(n.fd)
	n.fd = -1
}

// Open opens a path with this directory as the root: no symbolic link and no .. leads out of it, and magic links are refused. A last
// symbolic link is opened itself. The error is [fs.ErrNotExist] where there is no such file, else an [*Error].
func (n *Node) Open(p string) (*Node, error) {
	fd, err := beneath(n.fd, p)
	if nowhere(err) {
		return nil, fs.ErrNotExist
	}
	if err != nil {
		return nil, &Error{Op: "open in the sandbox", Path: p, Err: err}
	}
	return n.src.node(fd, p)
}

// Entry opens what has that name, which is no path, in this directory itself. It follows nothing. Errors are as with Open.
func (n *Node) Entry(name string) (*Node, error) {
	if name == ".." || strings.ContainsRune(name, '/') {
		return nil, fs.ErrNotExist
	}
	fd, err := openat(n.fd, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC)
	if nowhere(err) {
		return nil, fs.ErrNotExist
	}
	if err != nil {
		return nil, &Error{Op: "open in the sandbox", Path: name, Err: err}
	}
	return n.src.node(fd, name)
}

// nowhere tells whether an error of [beneath] means that there is no such file:
//
//	ELOOP        a ring of links, or a magic link
//	ENAMETOOLONG no file can have that name
//	EAGAIN       directories are renamed faster than we can look
func nowhere(err error) bool {
	return gone(err) || errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENAMETOOLONG) || errors.Is(err, unix.EAGAIN)
}

// Type is file, directory, symlink, fifo, socket, char or block.
func (n *Node) Type() string { return fileType(n.Stat.Mode) }

// Target is where a symbolic link points.
func (n *Node) Target() (string, error) { return readlink(n.fd, "") }

// Whiteout tells whether it hides what has its name in the lower layers of an overlay: a character device of number 0.
func (n *Node) Whiteout() bool {
	return n.Stat.Mode&unix.S_IFMT == unix.S_IFCHR && n.Stat.Rdev == 0
}

// Opaque tells whether it is a directory of an overlay's layer that hides the one of the same name in the lower layers.
func (n *Node) Opaque() bool {
	var value [8]byte
	for _, space := range []string{"user", "trusted"} {
		m, err := unix.Getxattr(n.self(), space+".overlay.opaque", value[:])
		if err == nil && string(value[:m]) == "y" {
			return true
		}
	}
	return false
}

// self is the name by which the descriptor is opened again, through our own procfs, so that it is the same file.
func (n *Node) self() string { return "/proc/self/fd/" + itoa(n.fd) }

// File reads it as checks see files. p is what the File says is its path.
func (n *Node) File(p string) (*File, error) { return n.src.describe(n, p) }

// ErrTooLarge says that a file, or a list in it, is longer than any honest one.
var ErrTooLarge = errors.New("too large")

// Read reads a regular file of at most so many bytes. Whatever else it is, or if it is longer, is an error.
func (n *Node) Read(most int) ([]byte, error) {
	if n.Type() != "file" {
		return nil, fmt.Errorf("it is no file but a %s", n.Type())
	}
	if n.Stat.Size > int64(most) {
		return nil, fmt.Errorf("%w: %d bytes, at most %d are read", ErrTooLarge, n.Stat.Size, most)
	}
	b, err := n.begin(min(most, int(n.Stat.Size)) + 1) // one more, to see the end
	if err == nil && len(b) > int(n.Stat.Size) {
		err = fmt.Errorf("it has grown from %d bytes while it was read", n.Stat.Size)
	}
	return b, err
}

// Begin reads the beginning of a regular file, at most so many bytes. What is no regular file is an error.
func (n *Node) Begin(most int) ([]byte, error) {
	if n.Type() != "file" {
		return nil, fmt.Errorf("it is no file but a %s", n.Type())
	}
	return n.begin(min(most, int(n.Stat.Size)))
}

// Names are the names in a directory, sorted; more than so many are an error.
func (n *Node) Names(most int) ([]string, error) {
	fd, err := openat(unix.AT_FDCWD, n.self(), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	names, err := entries(fd, most+1)
	if err == nil && len(names) > most {
		err = fmt.Errorf("%w: more than %d names", ErrTooLarge, most)
	}
	return names, err
}

// Stamp changes when what is in the file changes. Two files with the same stamp are the same.
type Stamp struct {
	Device, Inode    uint64
	Size             int64
	Written, Changed unix.Timespec
}

// Stamp is the file's as it was opened.
func (n *Node) Stamp() Stamp {
	return Stamp{Device: n.Stat.Dev, Inode: n.Stat.Ino, Size: n.Stat.Size, Written: n.Stat.Mtim, Changed: n.Stat.Ctim}
}

// maxWalk bounds how deep Walk goes: a path has at most 4,096 bytes, and honest trees far fewer levels.
const maxWalk = 128

// Walk visits everything below a directory, depth first, names in the kernel's order. Paths are given from it, with a leading slash. It
// stays on the file system that the directory is on, follows nothing, and visits at most so many files; more are an error, and so is
// what takes longer than until. What goes away meanwhile is left out.
func (n *Node) Walk(most int, until time.Time, visit func(p string, st *unix.Stat_t)) error {
	w := walker{most: most, until: until, device: n.Stat.Dev, visit: visit}
	fd, err := openat(unix.AT_FDCWD, n.self(), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC)
	if err != nil {
		return err
	}
	return w.directory(fd, "", 0)
}

type walker struct {
	most   int
	until  time.Time
	device uint64
	visit  func(string, *unix.Stat_t)
	seen   int
}

// directory visits what is in a directory, whose descriptor it closes.
func (w *walker) directory(fd int, at string, depth int) error {
	defer unix.Close(fd)
	if depth > maxWalk {
		return fmt.Errorf("%w: deeper than %d directories", ErrTooLarge, maxWalk)
	}
	b := make([]byte, 8<<10)
	for {
		size, err := unix.Getdents(fd, b)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if gone(err) || size == 0 {
			return nil
		}
		if err != nil {
			return err
		}
		_, _, names := unix.ParseDirent(b[:size], -1, nil)
		for _, name := range names {
			if err := w.entry(fd, at, name, depth); err != nil {
				return err
			}
		}
		if time.Now().After(w.until) {
			return errSlow
		}
	}
}

func (w *walker) entry(dir int, at, name string, depth int) error {
	var st unix.Stat_t
	err := unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT)
	if gone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if w.seen++; w.seen > w.most {
		return fmt.Errorf("%w: more than %d files", ErrTooLarge, w.most)
	}
	p := at + "/" + name
	w.visit(p, &st)
	if st.Mode&unix.S_IFMT != unix.S_IFDIR || st.Dev != w.device {
		return nil
	}
	fd, err := openat(dir, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC)
	if nowhere(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return w.directory(fd, p, depth+1)
}
