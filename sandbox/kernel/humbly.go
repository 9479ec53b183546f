package kernel

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// proud are the capabilities by which the kernel shows root of the host what it shows no sandbox: its log (CAP_SYSLOG), the addresses in
// kallsyms (CAP_SYSLOG) and iomem (CAP_SYS_ADMIN), its memory in kcore (CAP_SYS_RAWIO). It looks at who opens a file.
var proud = []int{unix.CAP_SYSLOG, unix.CAP_SYS_ADMIN, unix.CAP_SYS_RAWIO}

// humbly opens something on a thread that is without these, see capabilities(7). A thread that does not get them back ends.
func humbly(open func() (int, error)) (fd int, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		self := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var all, fewer [2]unix.CapUserData
		if err = unix.Capget(&self, &all[0]); err != nil {
			err = fmt.Errorf("capget: %w", err)
			return
		}
		fewer = all
		for _, c := range proud {
			fewer[c/32].Effective &^= 1 << (c % 32)
		}
		if err = unix.Capset(&self, &fewer[0]); err != nil {
			err = fmt.Errorf("capset: %w", err)
			return
		}
		fd, err = open()
		if unix.Capset(&self, &all[0]) == nil {
			runtime.UnlockOSThread()
		}
	}()
	<-done
	return fd, err
}
