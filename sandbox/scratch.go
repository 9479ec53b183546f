package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// scratch is the file system that holds all that a learner writes: an ext4 image of fixed size, so that neither bytes
// nor inodes can run out for anybody else. Its image has no name: it goes when the mount goes.
type scratch struct {
	name string // of its mount point on the stage
}

// directories of a scratch file system. The first two make the upper layer of the root; the others are bind-mounted at
// their paths, because the kernel takes no directory on an overlay as another overlay's upper one.
var scratchDirs = []struct {
	name string
	at   string // "" for those of the overlay
	mode os.FileMode
}{
	{"upper", "", 0o755},
	{"work", "", 0o755},
	{"root", "root", 0o700},
	{"tmp", "tmp", 0o777 | os.ModeSticky},
	{"shm", "dev/shm", 0o777 | os.ModeSticky},
	{"lab", "lab", 0o755},
	{"containers", "var/lib/containers", 0o711},
}

// scratchMaker makes scratch file systems by copying a template, since mke2fs takes tens of milliseconds and the few blocks that it writes
// are always the same.
type scratchMaker struct {
	stage *stage
	dir   string // for images, on a disk
	made  atomic.Int64
}

// make makes a scratch file system and mounts it on the stage.
func (m *scratchMaker) make(ctx context.Context, size int64) (*scratch, error) {
	template, err := m.template(ctx, size)
	if err != nil {
		return nil, fmt.Errorf("scratch: %w", err)
	}
	defer template.Close()
	image, err := os.OpenFile(m.dir, unix.O_TMPFILE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("scratch: %w", err)
	}
	defer image.Close()
	if err := copySparse(image, template, size); err != nil {
		return nil, fmt.Errorf("scratch: copy the template: %w", err)
	}
	s := &scratch{name: "scratch" + strconv.FormatInt(m.made.Add(1), 10)}
	err = m.stage.mount(image, s.name, false, s.furnish)
	if err != nil {
		return nil, fmt.Errorf("scratch: %w", err)
	}
	return s, nil
}

// furnish makes the directories. Only for use on a stage's thread.
func (s *scratch) furnish() error {
	for _, d := range scratchDirs {
		dir := filepath.Join(s.name, d.name)
		if err := os.Mkdir(dir, d.mode.Perm()); err != nil {
			return err
		}
		if err := os.Chmod(dir, d.mode); err != nil { // Mkdir obeys the umask
			return err
		}
	}
	return os.WriteFile(filepath.Join(s.name, kernelLog), nil, 0o644)
}

// template opens the empty file system of this size, made at its first use.
func (m *scratchMaker) template(ctx context.Context, size int64) (*os.File, error) {
	path := filepath.Join(m.dir, "template-"+strconv.FormatInt(size, 10)+".ext4")
	f, err := os.Open(path)
	if !errors.Is(err, os.ErrNotExist) {
		return f, err
	}
	tmp, err := os.CreateTemp(m.dir, "template-*")
	if err != nil {
		return nil, err
	}
	defer os.Remove(tmp.Name())
	if err := tmp.Truncate(size); err != nil {
		return nil, err
	}
	if err := tmp.Close(); err != nil {
		return nil, err
	}
	// No journal: what is in there is gone after a crash anyway. No reserve for root: root is the learner.
	mke2fs := exec.CommandContext(ctx, "mke2fs", "-q", "-t", "ext4", "-b", "4096", "-i", "8192", "-m", "0",
		"-O", "^has_journal,^resize_inode,^metadata_csum", "-E", "lazy_itable_init=1,root_owner=0:0,nodiscard", tmp.Name())
	mke2fs.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	if out, err := mke2fs.CombinedOutput(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return nil, fmt.Errorf("%w (install the package e2fsprogs)", err)
		}
		return nil, fmt.Errorf("mke2fs: %w: %s", err, out)
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return nil, err
	}
	return os.Open(path)
}

// copySparse makes dst a file of the given size with src's content: by sharing its blocks where the file system can (FICLONE),
// and else by copying what is not a hole.
func copySparse(dst, src *os.File, size int64) error {
	if err := unix.IoctlFileClone(int(dst.Fd()), int(src.Fd())); err == nil {
		return nil
	}
	if err := dst.Truncate(size); err != nil {
		return err
	}
	for at := int64(0); at < size; {
		from, err := unix.Seek(int(src.Fd()), at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			return nil // only a hole is left
		}
		if err != nil {
			return err
		}
		to, err := unix.Seek(int(src.Fd()), from, unix.SEEK_HOLE)
		if err != nil {
			return err
		}
		for in, out := from, from; in < to; {
			n, err := unix.CopyFileRange(int(src.Fd()), &in, int(dst.Fd()), &out, int(to-in), 0)
			if err != nil {
				return err
			}
			if n == 0 {
				break
			}
		}
		at = to
	}
	return nil
}

// give hands the directories to the sandbox's root. Only for use on a stage's thread.
//
// The log of the kernel's lines is for it to read. It stays the host's: a learner may make its mount writable, but not the file.
func (s *scratch) give(owner int) error {
	if err := os.Chown(s.name, owner, owner); err != nil {
		return err
	}
	for _, d := range scratchDirs {
		if err := os.Chown(filepath.Join(s.name, d.name), owner, owner); err != nil {
			return err
		}
	}
	return os.Chmod(filepath.Join(s.name, kernelLog), 0o644) // whatever our umask is
}

// drop takes the file system away. What is not yet written to its image never will be: it is about to be deleted.
// Only for use on a stage's thread.
func (s *scratch) drop() error {
	if dir, err := os.Open(s.name); err == nil {
		flags := uint32(extGoingNoLogFlush)
		_, _, _ = syscall.Syscall(unix.SYS_IOCTL, dir.Fd(), extShutdown, uintptr(unsafe.Pointer(&flags)))
		dir.Close()
	}
	return detach(s.name)
}

// From the kernel's fs/ext4/ext4.h: EXT4_IOC_SHUTDOWN, _IOR('X', 125, __u32), and EXT4_GOING_FLAGS_NOLOGFLUSH.
const (
	extShutdown        = 0x8004587d
	extGoingNoLogFlush = 2
)
