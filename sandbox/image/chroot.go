package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// A chroot is a tree in which programs of its own run as root, in a mount namespace that only they see.
//
// These are the scripts of the same signed packages that the host itself is made of. It is no sandbox, as little as
// debootstrap's is, from which learners' programs would be held.
type chroot struct {
	dir   string
	binds map[string]string // where in the tree -> a directory of the host's
}

// in calls f, whose programs see the tree with /proc and a small /dev. A mount namespace belongs to a thread: this one
// is not given back, and what is mounted in it goes with it.
func (c chroot) in(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := c.furnish()
		if err == nil {
			err = f()
		}
		done <- err
	}()
	return <-done
}

// devices are what scripts of packages write to and read from.
var devices = []string{"null", "zero", "full", "random", "urandom", "tty"}

func (c chroot) furnish() error {
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("unshare the mount namespace: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("private propagation: %w", err)
	}
	// A root that is a mount point: some programs make a mount namespace in turn, and its root private.
	if err := unix.Mount(c.dir, c.dir, "", unix.MS_BIND, ""); err != nil {
		return &os.PathError{Op: "bind", Path: c.dir, Err: err}
	}
	dev, proc := filepath.Join(c.dir, "dev"), filepath.Join(c.dir, "proc")
	for _, dir := range []string{dev, proc} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	if err := unix.Mount("proc", proc, "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return &os.PathError{Op: "mount proc", Path: proc, Err: err}
	}
	if err := unix.Mount("tmpfs", dev, "tmpfs", unix.MS_NOSUID|unix.MS_NOEXEC, "mode=755,size=64k"); err != nil {
		return &os.PathError{Op: "mount tmpfs", Path: dev, Err: err}
	}
	for _, name := range devices {
		at := filepath.Join(dev, name)
		if err := os.WriteFile(at, nil, 0o600); err != nil {
			return err
		}
		if err := unix.Mount("/dev/"+name, at, "", unix.MS_BIND, ""); err != nil {
			return &os.PathError{Op: "bind /dev/" + name, Path: at, Err: err}
		}
	}
	for at, source := range c.binds {
		at = filepath.Join(c.dir, at)
		if err := os.MkdirAll(at, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(source, at, "", unix.MS_BIND, ""); err != nil {
			return &os.PathError{Op: "bind " + source, Path: at, Err: err}
		}
	}
	return nil
}

// run runs a program of the tree. Only for use in a function given to in.
func (c chroot) run(ctx context.Context, argv ...string) error {
	return call(ctx, c.dir, []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8",
		"DEBIAN_FRONTEND=noninteractive", "DEBCONF_NONINTERACTIVE_SEEN=true",
	}, argv...)
}

// saidLast is how much of what a program said goes into an error, in bytes: it is at the end that it says why.
const saidLast = 2000

// call runs a program below a root, and keeps what it said for the error.
func call(ctx context.Context, root string, env []string, argv ...string) error {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = "/", env
	if root != "" {
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
	}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		text := strings.TrimSpace(said.String())
		return fmt.Errorf("%s: %w: %s", strings.Join(argv[:min(len(argv), 3)], " "), err, text[max(0, len(text)-saidLast):])
	}
	return nil
}

// installed tells whether there is a Debian system in a tree.
func installed(dir string) (bool, error) {
	_, err := os.Stat(filepath.Join(dir, statusFile))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// statusFile is where dpkg(1) keeps what is installed.
const statusFile = "var/lib/dpkg/status"
