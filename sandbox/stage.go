package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// stage is a mount namespace in which the lab mounts what sandboxes are made of: the shared layers and each sandbox's
// scratch. Nobody else sees these mounts, and when the lab's process ends, however it ends, the kernel takes them away, and the
// loop devices below them.
//
// A mount namespace belongs to a thread, so the stage has two: one that builds, for a start that somebody waits for, and one that
// takes down, since the kernel takes its time to write a file system off.
type stage struct {
	builds chan func()
	drops  chan func()
}

// newStage starts the threads. Their tmpfs covers dir, in their mount namespace only, and is their working directory.
func newStage(dir string) (*stage, error) {
	s := &stage{builds: make(chan func()), drops: make(chan func())}
	var namespace *os.File
	err := thread(s.builds, func() (err error) {
		if err := enterPrivate(); err != nil {
			return err
		}
		if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "mode=700,size=1m"); err != nil {
			return fmt.Errorf("mount tmpfs: %w", err)
		}
		if namespace, err = os.Open("/proc/thread-self/ns/mnt"); err != nil {
			return err
		}
		return unix.Chdir(dir)
	})
	if err != nil {
		return nil, fmt.Errorf("stage: %w", err)
	}
	defer namespace.Close()
	err = thread(s.drops, func() error {
		if err := unix.Unshare(unix.CLONE_FS); err != nil {
			return err
		}
		if err := unix.Setns(int(namespace.Fd()), unix.CLONE_NEWNS); err != nil {
			return err
		}
		return unix.Chdir(dir)
	})
	if err != nil {
		return nil, fmt.Errorf("stage: %w", err)
	}
	return s, nil
}

// thread starts an operating-system thread of the process, prepares it, and has it make the calls that it is sent. It is never unlocked from
// its goroutine, so that no other goroutine runs with what the preparation changed, and ends when the channel is closed.
func thread(calls <-chan func(), prepare func() error) error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := prepare()
		started <- err
		if err != nil {
			return
		}
		for call := range calls {
			call()
		}
	}()
	return <-started
}

// do builds something on the stage. Relative paths are below its tmpfs.
func (s *stage) do(f func() error) error { return on(s.builds, f) }

// later takes something down.
func (s *stage) later(f func() error) error { return on(s.drops, f) }

// on makes a call on a thread and waits for it.
func on(thread chan<- func(), f func() error) error {
	done := make(chan error, 1)
	thread <- func() { done <- f() }
	return <-done
}

// close ends the threads. The mount namespace goes with them, but for what sandboxes still hold.
func (s *stage) close() {
	close(s.builds)
	close(s.drops)
}

// enterPrivate gives the calling thread a mount namespace, root and working directory of its own, from which nothing
// spreads to the host and to which nothing of the host's new mounts comes.
func enterPrivate() error {
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("unshare the mount namespace: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("private propagation: %w", err)
	}
	return nil
}

// detach takes a mount of the stage away and removes its mount point. Only for use on a stage's thread.
func detach(dir string) error {
	if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
		return &os.PathError{Op: "umount", Path: dir, Err: err}
	}
	return os.Remove(dir)
}

// mount mounts an ext4 image through a loop device, at name below the stage's tmpfs, and then, if there is one, makes a last
// call there.
func (s *stage) mount(image *os.File, name string, readOnly bool, then func() error) error {
	loop, err := attachLoop(image, readOnly) // slow, and needs no stage
	if err != nil {
		return err
	}
	defer loop.Close() // once mounted, the mount holds it, and takes it along when it goes
	flags, options := uintptr(unix.MS_NODEV), "errors=continue,nobarrier,noinit_itable"
	if readOnly {
		flags, options = flags|unix.MS_RDONLY, ""
	}
	return s.do(func() error {
		if err := os.Mkdir(name, 0o700); err != nil {
			return err
		}
		if err := unix.Mount(loop.Name(), name, "ext4", flags, options); err != nil {
			_ = os.Remove(name)
			return fmt.Errorf("mount %s: %w", filepath.Base(image.Name()), err)
		}
		if then == nil {
			return nil
		}
		if err := then(); err != nil {
			return errors.Join(err, detach(name))
		}
		return nil
	})
}
