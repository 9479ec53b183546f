package main

import (
	"fmt"
	"io"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// strictMode copies standard input to standard output in a child in strict mode, until the end of input; then the child calls
// getpid, and the kernel kills it. The exit status is what a shell would show for the child.
func strictMode(stderr io.Writer) (status int, err error) {
	pid, err := strictChild()
	if err != nil {
		return statusFailed, err
	}
	fmt.Fprintf(stderr, "process %d shall copy its input in strict mode; look at Seccomp: in /proc/%d/status\n", pid, pid)
	var ws unix.WaitStatus
	for {
		_, err := unix.Wait4(pid, &ws, 0, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return statusFailed, fmt.Errorf("wait for process %d: %w", pid, err)
		}
		break
	}
	if ws.Exited() && unix.Errno(ws.ExitStatus()) == unix.EINVAL {
		return statusFailed, fmt.Errorf("strict mode: %w: the process has a filter already, and its mode cannot change any more; see seccomp(2)", unix.EINVAL)
	}
	if !ws.Signaled() {
		return statusFailed, fmt.Errorf("process %d was not killed: exit status %d (errno of prctl PR_SET_SECCOMP)", pid, ws.ExitStatus())
	}
	fmt.Fprintf(stderr, "process %d called getpid, which is not among read, write, exit and sigreturn: %s\n", pid, unix.SignalName(ws.Signal()))
	return 128 + int(ws.Signal()), nil
}

// strictChild forks. In strict mode the kernel kills a thread at its first other call, and the Go runtime makes such calls whenever
// it likes: so the child is a process of one thread that stays in this function, calls nothing that may grow the stack, and
// lives on raw system calls.
//
//go:noinline
//go:norace
func strictChild() (pid int, err error) {
	var buf [4096]byte
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	child, _, errno := unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if errno != 0 {
		return 0, fmt.Errorf("fork: %w", errno)
	}
	if child != 0 {
		return int(child), nil
	}
	_, _, errno = unix.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_STRICT, 0)
	if errno != 0 {
		unix.RawSyscall(unix.SYS_EXIT, uintptr(errno), 0, 0)
	}
	for {
		n, _, errno := unix.RawSyscall(unix.SYS_READ, 0, uintptr(unsafe.Pointer(&buf)), uintptr(len(buf)))
		if errno != 0 || n == 0 {
			break
		}
		unix.RawSyscall(unix.SYS_WRITE, 1, uintptr(unsafe.Pointer(&buf)), n)
	}
	unix.RawSyscall(unix.SYS_GETPID, 0, 0, 0)
	unix.RawSyscall(unix.SYS_EXIT, 0, 0, 0) // strict mode did not hold
	return 0, nil
}
