package kernel

import "math/bits"

// capabilityNames are the capabilities by the number of their bit, from include/uapi/linux/capability.h. The last came
// with Linux 5.9.
var capabilityNames = [...]string{
	"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID", "CAP_SETUID",
	"CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW",
	"CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT",
	"CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD",
	"CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL", "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG",
	"CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
}

// CapabilityNames are the names of all capabilities: the index is the number of the bit.
func CapabilityNames() []string { return append([]string(nil), capabilityNames[:]...) }

// capabilities names the bits of a set. Every call with the same set returns the same slice, which nobody changes: processes mostly
// have one of a few sets.
func (r *Reader) capabilities(set uint64) []string {
	if names, ok := r.sets[set]; ok {
		return names
	}
	names := namesOf(set)
	if len(r.sets) < 256 { // a learner could try all 2^41
		r.sets[set] = names
	}
	return names
}

// namesOf names the bits of a set, in the kernel's order. Bits that have no name yet are left out.
func namesOf(set uint64) []string {
	names := make([]string, 0, bits.OnesCount64(set))
	for i, name := range capabilityNames {
		if set&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}
