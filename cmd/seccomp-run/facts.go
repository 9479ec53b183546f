package main

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"glassbox/sandbox/seccomp"
)

// capabilities are the names in the order of their numbers, from linux/capability.h.
var capabilities = strings.Fields(`
	CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE
	NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN
	SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE
	MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE`)

// here gathers what a profile may ask about.
func here() (seccomp.Facts, error) {
	facts := seccomp.Facts{Arch: seccomp.Native}
	sets, err := capget()
	if err != nil {
		return facts, err
	}
	for i, name := range capabilities {
		if sets[i/32].Permitted&(1<<(i%32)) != 0 {
			facts.Capabilities = append(facts.Capabilities, "CAP_"+name)
		}
	}
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return facts, fmt.Errorf("uname: %w", err)
	}
	release := unix.ByteSliceToString(uts.Release[:])
	if _, err := fmt.Sscanf(release, "%d.%d", &facts.Kernel[0], &facts.Kernel[1]); err != nil {
		return facts, fmt.Errorf("kernel release %q: %w", release, err)
	}
	return facts, nil
}

func hasSysAdmin() (bool, error) {
	sets, err := capget()
	return sets[0].Effective&(1<<unix.CAP_SYS_ADMIN) != 0, err
}

// capget returns this thread's capability sets: bits 0 to 31, then 32 to 63.
func capget() (sets [2]unix.CapUserData, err error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	if err := unix.Capget(&header, &sets[0]); err != nil {
		return sets, fmt.Errorf("capget: %w", err)
	}
	return sets, nil
}
