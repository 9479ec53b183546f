package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// below visits a group and all groups below it, each after those below it: visit gets the directory above it, open, and its name. What goes
// away meanwhile is left out.
//
// The names and the depth are the learner's. Together they may be longer than any path can be (PATH_MAX), and on version 1 deeper than
// we may have files open. So it goes from one directory to the next by name, and has two open at a time.
func below(dir string, visit func(at *os.File, name string) error) error {
	at, err := os.Open(filepath.Dir(dir))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cgroup: %w", err)
	}
	w := walk{at, visit}
	defer func() { w.at.Close() }()
	return w.group(filepath.Base(dir))
}

// walk is on its way through a tree of groups.
type walk struct {
	at    *os.File // the directory where it is
	visit func(at *os.File, name string) error
}

// group visits a group in the directory where the walk is, and comes back there.
func (w *walk) group(name string) error {
	err := w.enter(name)
	if gone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	entries, err := w.at.ReadDir(-1)
	if err != nil && !gone(err) {
		return fmt.Errorf("cgroup: %w", err)
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := w.group(e.Name()); err != nil {
				return err
			}
		}
	}
	// A group stays in the one that it was made in, even when it is removed.
	if err := w.enter(".."); err != nil {
		return err
	}
	return w.visit(w.at, name)
}

func (w *walk) enter(name string) error {
	f, err := openat(w.at, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW)
	if err != nil {
		return fmt.Errorf("cgroup: %w", err)
	}
	w.at.Close()
	w.at = f
	return nil
}

// openat opens what has that name in a directory, see openat(2).
func openat(at *os.File, name string, flags int) (*os.File, error) {
	for {
		fd, err := unix.Openat(int(at.Fd()), name, flags|unix.O_CLOEXEC, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, &os.PathError{Op: "open", Path: name, Err: err}
		}
		return os.NewFile(uintptr(fd), name), nil
	}
}

// gone tells whether an error means that a group, or its file, is not there or was removed.
func gone(err error) bool { return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODEV) }
