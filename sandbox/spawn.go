package sandbox

import (
	"fmt"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"glassbox/sandbox/handshake"
)

// spawner is an operating-system thread from which all sandboxes are cloned. It lives as long as the lab, so that the parent
// death signal of a PID 1 means the lab's death; and its credentials change for every clone, since the effective user of whoever
// makes a user namespace owns it and is charged for it.
type spawner struct {
	calls chan func()
	init  *os.File
}

// newSpawner starts the thread. program is the content of glassbox-init.
func newSpawner(program []byte) (*spawner, error) {
	init, err := sealed("glassbox-init", program)
	if err != nil {
		return nil, fmt.Errorf("spawner: %w", err)
	}
	s := &spawner{calls: make(chan func()), init: init}
	if err := thread(s.calls, prepareSpawner); err != nil {
		return nil, fmt.Errorf("spawner: %w", err)
	}
	return s, nil
}

// prepareSpawner gives the thread a mount namespace without sandboxes' mounts in it, a session keyring of its own, and
// the right to change its user without losing its capabilities, see capabilities(7).
func prepareSpawner() error {
	if err := enterPrivate(); err != nil {
		return err
	}
	if _, err := unix.KeyctlJoinSessionKeyring("glassbox"); err != nil && err != unix.ENOSYS {
		return fmt.Errorf("session keyring: %w", err)
	}
	const noSetuidFixup = 1 << 2 // SECBIT_NO_SETUID_FIXUP
	if err := unix.Prctl(unix.PR_SET_SECUREBITS, noSetuidFixup, 0, 0, 0); err != nil {
		return fmt.Errorf("securebits: %w", err)
	}
	return nil
}

// sealed returns a file in memory that can be executed and never changed again: what a learner finds as
// /proc/1/exe. See memfd_create(2).
func sealed(name string, content []byte) (*os.File, error) {
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate(name, flags|unix.MFD_EXEC)
	if err == unix.EINVAL { // before Linux 6.3, where every such file can be executed
		fd, err = unix.MemfdCreate(name, flags)
	}
	if err != nil {
		return nil, fmt.Errorf("memfd_create: %w", err)
	}
	f := os.NewFile(uintptr(fd), name)
	if _, err := f.Write(content); err != nil {
		f.Close()
		return nil, err
	}
	const seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		f.Close()
		return nil, fmt.Errorf("seal: %w", err)
	}
	return f, nil
}

// spawn clones the fence of a sandbox, in the given cgroup if there is one, and returns its pid.
func (s *spawner) spawn(owner int, socket, cgroup, null *os.File) (pid int, err error) {
	err = on(s.calls, func() (err error) {
		pid, err = s.clone(owner, socket, cgroup, null)
		return err
	})
	return pid, err
}

func (s *spawner) clone(owner int, socket, cgroup, null *os.File) (pid int, err error) {
	if err := become(owner); err != nil {
		return 0, err
	}
	defer func() {
		if back := become(0); err == nil {
			err = back
		}
	}()
	ids := []syscall.SysProcIDMap{{ContainerID: 0, HostID: owner, Size: idsPerSlot}}
	attr := &syscall.ProcAttr{
		Dir:   "/",
		Env:   []string{"GOMAXPROCS=1"},
		Files: []uintptr{null.Fd(), null.Fd(), null.Fd(), socket.Fd(), s.init.Fd()},
		Sys: &syscall.SysProcAttr{
			Cloneflags:                 unix.CLONE_NEWUSER,
			UidMappings:                ids,
			GidMappings:                ids,
			GidMappingsEnableSetgroups: true,
			Credential:                 &syscall.Credential{},
			Setsid:                     true,
		},
	}
	if cgroup != nil {
		attr.Sys.UseCgroupFD = true
		attr.Sys.CgroupFD = int(cgroup.Fd())
	}
	pid, err = syscall.ForkExec("/proc/self/fd/"+strconv.Itoa(handshake.InitFD), []string{"glassbox-init", "fence"}, attr)
	if err != nil {
		return 0, fmt.Errorf("clone the user namespace: %w", err)
	}
	return pid, nil
}

// become changes the effective user and group of this thread alone: the kernel keeps credentials for each thread, and
// only the C library and Go's syscall package make them one for the process.
func become(id int) error {
	keep := ^uintptr(0)
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESGID, keep, uintptr(id), keep); errno != 0 {
		return fmt.Errorf("setresgid %d: %w", id, errno)
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, keep, uintptr(id), keep); errno != 0 {
		return fmt.Errorf("setresuid %d: %w", id, errno)
	}
	return nil
}

func (s *spawner) close() {
	close(s.calls)
	s.init.Close()
}
