package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"glassbox/sandbox/handshake"
)

// fence limits the namespaces that the sandbox may hold and starts PID 1 in all the namespaces of its own.
//
// The limits of /proc/sys/user belong to a user namespace, and whoever is root in it may raise them: hence a user
// namespace around the sandbox's, in which the learner never is. See user_namespaces(7) and namespaces(7).
func fence() error {
	m, err := handshake.Receive(handshake.FD, handshake.MaxMessage, 0)
	if err != nil {
		return fmt.Errorf("fence: receive: %w", err)
	}
	if m.Kind != handshake.Go || m.Fence == nil {
		return fmt.Errorf("fence: got %q, want %q", m.Kind, handshake.Go)
	}
	for name, limit := range m.Fence.Limits {
		file := filepath.Join("/proc/sys/user", filepath.Base(name))
		err := os.WriteFile(file, []byte(strconv.Itoa(limit)), 0)
		if os.IsNotExist(err) {
			continue // such as max_time_namespaces before Linux 5.6: what cannot be made needs no limit
		}
		if err != nil {
			return fmt.Errorf("fence: %s: %w", name, err)
		}
	}

	all := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 65536}}
	_, err = syscall.ForkExec(
		"/proc/self/fd/"+strconv.Itoa(handshake.InitFD),
		[]string{"glassbox-init", "init"},
		&syscall.ProcAttr{
			Env:   []string{"GODEBUG=madvdontneed=1", "GOMAXPROCS=1"},
			Files: []uintptr{0, 1, 2, handshake.FD, handshake.InitFD},
			Sys: &syscall.SysProcAttr{
				// CLONE_PARENT makes PID 1 a child of the lab, which then can wait for it, and lets the fence end.
				Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC |
					unix.CLONE_NEWUTS | unix.CLONE_NEWNET | unix.CLONE_NEWCGROUP | unix.CLONE_PARENT,
				UidMappings:                all,
				GidMappings:                all,
				GidMappingsEnableSetgroups: true,
				Credential:                 &syscall.Credential{},
				Setsid:                     true,
			},
		})
	if err != nil {
		return fmt.Errorf("fence: clone the sandbox's namespaces: %w", err)
	}
	return nil
}
