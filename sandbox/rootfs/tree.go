package rootfs

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// epoch is the time of every file that has none of its own, so that the same inputs give the same image.
var epoch = time.Date(2024, time.September, 6, 0, 0, 0, 0, time.UTC)

// A tree is a directory in which the content of a layer is laid out before mke2fs makes an image of it. Every path is
// taken relative to it, and [os.Root] holds whatever a tarball says inside it.
type tree struct {
	dir   string
	root  *os.Root
	times map[string]time.Time // of directories: writing into one changes its time, so it is set last
	size  int64                // bytes written so far
}

// maxTree bounds what one layer may unpack to, in bytes: a tarball that goes on for ever ends here.
const maxTree = 4 << 30

func newTree(dir string) (*tree, error) {
	// Staging holds set-user-ID programs of releases that nobody updates: nobody but root gets at them.
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	return openTree(dir)
}

// openTree is newTree for a directory that is there and has something in it.
func openTree(dir string) (*tree, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &tree{dir: dir, root: root, times: map[string]time.Time{}}, nil
}

func (t *tree) close() error { return t.root.Close() }

// usualModes are the directories that are not 0755 where a layer makes them only to hold something.
var usualModes = map[string]fs.FileMode{"root": 0o700, "tmp": 0o777 | fs.ModeSticky, "var/tmp": 0o777 | fs.ModeSticky}

// local makes a path relative to the tree, or refuses it.
func local(name string) (string, error) {
	clean := path.Clean("/" + name)[1:]
	for part := range strings.SplitSeq(name, "/") {
		if part == ".." {
			return "", fmt.Errorf("path %q leads out of the root", name)
		}
	}
	if strings.ContainsRune(name, 0) {
		return "", fmt.Errorf("path %q holds a NUL", name)
	}
	if clean == "" {
		return ".", nil
	}
	return clean, nil
}

// parents makes the directories above a path where they are missing.
func (t *tree) parents(name string) error {
	dir := path.Dir(name)
	if dir == "." {
		return nil
	}
	if _, err := t.root.Stat(dir); err == nil {
		return nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := t.parents(dir); err != nil {
		return err
	}
	mode, ok := usualModes[dir]
	if !ok {
		mode = 0o755
	}
	return t.mkdir(dir, mode, 0, 0, epoch)
}

func (t *tree) mkdir(name string, mode fs.FileMode, uid, gid int, mtime time.Time) error {
	if name != "." {
		if err := t.parents(name); err != nil {
			return err
		}
		if err := t.root.Mkdir(name, 0o700); err != nil {
			// A directory of two packages is one directory, and where it is a link to one, so it stays.
			if at, statErr := t.root.Stat(name); statErr != nil || !at.IsDir() {
				return err
			}
		}
		if at, err := t.root.Lstat(name); err == nil && !at.IsDir() {
			return nil
		}
	}
	t.times[name] = mtime
	return t.own(name, mode, uid, gid)
}

// own sets owner, then mode: chown(2) clears the set-user-ID bit.
func (t *tree) own(name string, mode fs.FileMode, uid, gid int) error {
	if err := t.root.Lchown(name, uid, gid); err != nil {
		return err
	}
	return t.root.Chmod(name, mode)
}

// replace removes what is at a path, unless it is a directory with something in it.
func (t *tree) replace(name string) error {
	if err := t.parents(name); err != nil {
		return err
	}
	if err := t.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (t *tree) file(name string, mode fs.FileMode, uid, gid int, mtime time.Time, content io.Reader) error {
	if err := t.replace(name); err != nil {
		return err
	}
	f, err := t.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	n, err := io.Copy(f, io.LimitReader(content, maxTree-t.size+1))
	t.size += n
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if t.size > maxTree {
		return fmt.Errorf("more than %d bytes in one layer", int64(maxTree))
	}
	if err := t.own(name, mode, uid, gid); err != nil {
		return err
	}
	return t.root.Chtimes(name, mtime, mtime)
}

func (t *tree) symlink(name, target string, uid, gid int, mtime time.Time) error {
	if err := t.replace(name); err != nil {
		return err
	}
	if err := t.root.Symlink(target, name); err != nil {
		return err
	}
	if err := t.root.Lchown(name, uid, gid); err != nil {
		return err
	}
	return t.linkTime(name, mtime)
}

// linkTime sets the time of a symbolic link itself; os.Root has no call for that.
func (t *tree) linkTime(name string, mtime time.Time) error {
	dir, err := t.root.Open(path.Dir(name))
	if err != nil {
		return err
	}
	defer dir.Close()
	at := unix.NsecToTimespec(mtime.UnixNano())
	if err := unix.UtimesNanoAt(int(dir.Fd()), path.Base(name), []unix.Timespec{at, at}, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return fmt.Errorf("utimensat %s: %w", name, err)
	}
	return nil
}

// unpack lays a tar stream out in the tree, but for the paths that skip says. Owners are the numbers in the tar; what
// is neither file, directory nor link is refused, and so is every path or hard link that leads out of the tree.
// Extended attributes are not taken.
func (t *tree) unpack(r io.Reader, skip func(name string) bool) error {
	tr := tar.NewReader(r)
	for {
		header, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name, err := local(header.Name)
		if err != nil {
			return err
		}
		if skip != nil && skip(name) {
			continue
		}
		if err := t.entry(name, header, tr); err != nil {
			return fmt.Errorf("%s: %w", header.Name, err)
		}
	}
}

func (t *tree) entry(name string, header *tar.Header, content io.Reader) error {
	mode := header.FileInfo().Mode() & (fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky)
	mtime := header.ModTime
	switch header.Typeflag {
	case tar.TypeDir:
		return t.mkdir(name, mode, header.Uid, header.Gid, mtime)
	case tar.TypeReg:
		return t.file(name, mode, header.Uid, header.Gid, mtime, content)
	case tar.TypeSymlink:
		return t.symlink(name, header.Linkname, header.Uid, header.Gid, mtime)
	case tar.TypeLink:
		target, err := local(header.Linkname)
		if err != nil {
			return err
		}
		if target == name {
			return nil
		}
		if err := t.replace(name); err != nil {
			return err
		}
		return t.root.Link(target, name)
	}
	return fmt.Errorf("type %q is neither file, directory nor link", header.Typeflag)
}

// walk calls visit for everything in the tree, in order, with paths relative to it.
func (t *tree) walk(visit func(name string, entry fs.FileInfo) error) error {
	return filepath.WalkDir(t.dir, func(full string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(t.dir, full)
		if err != nil {
			return err
		}
		about, err := entry.Info()
		if err != nil {
			return err
		}
		return visit(name, about)
	})
}

// resolve follows symbolic links as a process would whose root is the tree, and tells whether something is there.
func (t *tree) resolve(name string) (string, bool) {
	rest := strings.Split(path.Clean("/" + name)[1:], "/")
	at := ""
	for hops := 0; len(rest) > 0; {
		part := rest[0]
		rest = rest[1:]
		if part == "" || part == "." {
			continue
		}
		if part == ".." {
			at = path.Dir(at)
			if at == "." {
				at = ""
			}
			continue
		}
		next := path.Join(at, part)
		about, err := t.root.Lstat(next)
		if err != nil {
			return "", false
		}
		if about.Mode()&fs.ModeSymlink == 0 {
			at = next
			continue
		}
		target, err := t.root.Readlink(next)
		if hops++; err != nil || hops > 40 {
			return "", false
		}
		if path.IsAbs(target) {
			at = ""
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	return at, true
}

// settle gives the directories their times, once nothing more is written into them.
func (t *tree) settle() error {
	for name, mtime := range t.times {
		if err := t.root.Chtimes(name, mtime, mtime); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
