package main

import (
	"fmt"
	"os"
	"path"
	"runtime"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"glassbox/sandbox/handshake"
)

// maxMounts is how many mounts a plan may bring.
const maxMounts = 16

// step is one part of the set-up. Its name is what the learner's teacher reads when it fails.
type step struct {
	name string
	do   func() error
}

// build makes the box, as a list of steps that can be read from top to bottom. Paths without a leading slash are below
// the new root, which is the working directory; paths with one are still the host's, until pivot_root.
func build(plan *handshake.Plan, fds []int) (*box, error) {
	b := &box{}
	steps := []step{
		{"private propagation", func() error { return unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "") }},
		{"root", func() error { return enterRoot(fds[0]) }},
		{"mount /proc", func() error { return mount("proc", "proc", "proc", hard, "") }},
		{"mount /sys", func() error { return mount("sysfs", "sys", "sysfs", hard, "") }},
		{"cgroups", func() error { return mountCgroups(plan.Cgroups) }},
		{"mount /dev", func() error { return mountDev(plan) }},
		{"spare /proc and /sys", mountSpares},
		{"attach scratch", func() error { return attach(plan.Mounts[1:], fds[1:]) }},
		{"host name", func() error { return name(plan) }},
		{"pivot_root", pivot},
		{"delegate cgroups", func() (err error) { b.shells, err = delegate(plan.Cgroups); return err }},
		{"resource limits", func() error { return limit(plan.Rlimits) }},
		{"seccomp", func() error { return filter(plan.Filter) }},
	}
	for _, s := range steps {
		if err := s.do(); err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return b, nil
}

// hard are the flags of a mount that holds no programs.
const hard = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC

// mount mounts a file system below the working directory, and makes the mount point if it is missing.
func mount(source, target, fstype string, flags uintptr, options string) error {
	if err := os.MkdirAll(target, 0o755); err != nil {
		return err
	}
	if err := unix.Mount(source, target, fstype, flags, options); err != nil {
		return &os.PathError{Op: "mount " + fstype, Path: "/" + target, Err: err}
	}
	return nil
}

// enterRoot puts the detached root on top of the host's and makes it the working directory. Absolute paths go on
// meaning the host's, since a process's root does not follow what is mounted over it.
func enterRoot(fd int) error {
	if err := unix.MoveMount(fd, "", unix.AT_FDCWD, "/", unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return fmt.Errorf("move_mount: %w", err)
	}
	if err := unix.Fchdir(fd); err != nil {
		return fmt.Errorf("fchdir: %w", err)
	}
	return unix.Close(fd)
}

// mountCgroups mounts the hierarchies. A host with version 1 controllers gets the usual tmpfs with one directory for
// each hierarchy.
func mountCgroups(groups []handshake.Cgroup) error {
	const root = "sys/fs/cgroup"
	if len(groups) == 0 || groups[0].At != root {
		if err := mount("tmpfs", root, "tmpfs", hard, "mode=755,size=64k,nr_inodes=64"); err != nil {
			return err
		}
	}
	for _, g := range groups {
		fstype := "cgroup2"
		if g.Version == 1 {
			fstype = "cgroup"
		}
		if err := mount(fstype, g.At, fstype, hard, g.Options); err != nil {
			return err
		}
	}
	return nil
}

// delegate lets the learner make groups with limits at once. On version 2 the controllers of a group can be enabled for
// its children only while it holds no process itself ("no internal processes", cgroups(7)), so PID 1 moves to the leaf
// init, and shells start in the leaf shell, whose descriptor is returned; it is -1 on version 1.
func delegate(groups []handshake.Cgroup) (shells int, err error) {
	for _, g := range groups {
		if len(g.Delegate) == 0 {
			continue
		}
		root := "/" + g.At
		for _, leaf := range []string{"init", "shell"} {
			if err := os.Mkdir(path.Join(root, leaf), 0o755); err != nil {
				return -1, err
			}
		}
		if err := os.WriteFile(path.Join(root, "init/cgroup.procs"), []byte("0"), 0); err != nil {
			return -1, err
		}
		enable := "+" + strings.Join(g.Delegate, " +")
		if err := os.WriteFile(path.Join(root, "cgroup.subtree_control"), []byte(enable), 0); err != nil {
			return -1, err
		}
		return unix.Open(path.Join(root, "shell"), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	}
	return -1, nil
}

// devices are the host's device nodes that every sandbox has. They are bind mounts: mknod(2) of a device is refused in a user
// namespace.
var devices = []string{"null", "zero", "full", "random", "urandom", "tty"}

// mountDev makes /dev: a small tmpfs, the harmless devices, and terminals of the sandbox's own.
func mountDev(plan *handshake.Plan) error {
	options := fmt.Sprintf("mode=755,size=%d,nr_inodes=1024", plan.DevSize)
	if err := mount("tmpfs", "dev", "tmpfs", unix.MS_NOSUID, options); err != nil {
		return err
	}
	for _, name := range devices {
		if err := touch("dev/" + name); err != nil {
			return err
		}
		if err := unix.Mount("/dev/"+name, "dev/"+name, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("bind /dev/%s: %w", name, err)
		}
	}
	links := []struct{ target, link string }{
		{"/proc/self/fd", "dev/fd"},
		{"/proc/self/fd/0", "dev/stdin"},
		{"/proc/self/fd/1", "dev/stdout"},
		{"/proc/self/fd/2", "dev/stderr"},
		{"pts/ptmx", "dev/ptmx"},
	}
	for _, l := range links {
		if err := os.Symlink(l.target, l.link); err != nil {
			return err
		}
	}
	options = fmt.Sprintf("newinstance,ptmxmode=0666,mode=0620,uid=0,gid=5,max=%d", plan.PTYs)
	if err := mount("devpts", "dev/pts", "devpts", unix.MS_NOSUID|unix.MS_NOEXEC, options); err != nil {
		return err
	}
	return mount("mqueue", "dev/mqueue", "mqueue", hard, "")
}

// mountSpares keeps a second procfs and sysfs. The kernel lets an unprivileged mount of either succeed only while another
// instance is fully visible, so that without a spare `umount /proc` could never be undone. Incus does the same.
func mountSpares() error {
	if err := mount("proc", "dev/.lxc/proc", "proc", hard, ""); err != nil {
		return err
	}
	return mount("sysfs", "dev/.lxc/sys", "sysfs", hard, "")
}

// attach puts the scratch directories in their places.
func attach(mounts []handshake.Mount, fds []int) error {
	for i, m := range mounts {
		at := strings.TrimPrefix(m.At, "/")
		if m.File {
			if err := touch(at); err != nil {
				return err
			}
		} else if err := os.MkdirAll(at, 0o755); err != nil {
			return err
		}
		if err := unix.MoveMount(fds[i], "", unix.AT_FDCWD, at, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
			return fmt.Errorf("move_mount to /%s: %w", at, err)
		}
		if err := unix.Close(fds[i]); err != nil {
			return err
		}
	}
	return nil
}

func name(plan *handshake.Plan) error {
	if err := unix.Sethostname([]byte(plan.Hostname)); err != nil {
		return err
	}
	if err := os.WriteFile("etc/hostname", []byte(plan.Hostname+"\n"), 0o644); err != nil {
		return err
	}
	return os.WriteFile("etc/hosts", []byte(plan.Hosts), 0o644)
}

// pivot makes the working directory the root and lets go of the host's. pivot_root(2), "pivot_root(".", ".")": the
// old root ends up on top of the new one, and a detach of "." takes it away, with all that was mounted below it.
func pivot() error {
	if err := unix.PivotRoot(".", "."); err != nil {
		return err
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("detach the old root: %w", err)
	}
	return unix.Chdir("/")
}

// limit sets limits that nobody inside can raise again: raising a hard limit takes CAP_SYS_RESOURCE in the host's user namespace.
func limit(limits []handshake.Rlimit) error {
	for _, l := range limits {
		var now syscall.Rlimit
		if err := syscall.Getrlimit(l.Resource, &now); err != nil {
			return fmt.Errorf("resource %d: %w", l.Resource, err)
		}
		most := min(l.Max, now.Max) // a host that allows less already is obeyed
		// syscall's and not unix's: the runtime then knows that RLIMIT_NOFILE is ours and does not restore it in children.
		if err := syscall.Setrlimit(l.Resource, &syscall.Rlimit{Cur: min(now.Cur, most), Max: most}); err != nil {
			return fmt.Errorf("resource %d: %w", l.Resource, err)
		}
	}
	return nil
}

// filter installs the seccomp filter for this process and all that it will ever start. no_new_privs stays off, so that set-user-ID
// programs work inside; CAP_SYS_ADMIN in the sandbox's user namespace permits that. See seccomp(2).
func filter(program []byte) error {
	const size = unix.SizeofSockFilter
	if len(program) == 0 || len(program)%size != 0 {
		return fmt.Errorf("filter of %d bytes", len(program))
	}
	fprog := unix.SockFprog{
		Len:    uint16(len(program) / size),
		Filter: (*unix.SockFilter)(unsafe.Pointer(&program[0])),
	}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC,
		uintptr(unsafe.Pointer(&fprog)))
	runtime.KeepAlive(program)
	if errno != 0 {
		return errno
	}
	return nil
}

func touch(file string) error {
	if err := os.MkdirAll(path.Dir(file), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	return f.Close()
}
