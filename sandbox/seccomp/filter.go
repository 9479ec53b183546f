package seccomp

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Filter is a compiled program, as seccomp(2) takes it.
type Filter []unix.SockFilter

// Bytes is the program as it lies in memory, an array of struct sock_filter, to be sent to the process that installs it.
func (f Filter) Bytes() []byte {
	b := make([]byte, 0, len(f)*unix.SizeofSockFilter)
	for _, i := range f {
		b = binary.NativeEndian.AppendUint16(b, i.Code)
		b = append(b, i.Jt, i.Jf)
		b = binary.NativeEndian.AppendUint32(b, i.K)
	}
	return b
}

// Install filters all threads of this process, and all that they will ever start; nothing takes it off again. It leaves
// no_new_privs as it is: the caller has set it, or has CAP_SYS_ADMIN in its user namespace; else the error is EACCES.
func (f Filter) Install() error {
	if len(f) == 0 || len(f) > maxInstructions {
		return fmt.Errorf("seccomp: a filter of %d instructions", len(f))
	}
	prog := unix.SockFprog{Len: uint16(len(f)), Filter: &f[0]}
	thread, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER,
		unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog)))
	runtime.KeepAlive(f)
	switch {
	case errno == unix.EACCES:
		return fmt.Errorf("seccomp: install the filter: %w (needs no_new_privs or CAP_SYS_ADMIN)", errno)
	case errno != 0:
		return fmt.Errorf("seccomp: install the filter: %w", errno)
	case thread != 0:
		return fmt.Errorf("seccomp: thread %d has another filter already", thread)
	}
	return nil
}
