package seccomp

import "golang.org/x/sys/unix"

// Options are what a sandbox's filter depends on.
type Options struct {
	// Netfilter allows netlink sockets of NETLINK_NETFILTER, for lessons about nftables. It opens a part of the kernel
	// in which bugs are found every year; leave it off where no lesson needs it.
	Netfilter bool
}

// nestingCalls are what containers inside the sandbox are made with. Each is harmless as long as the sandbox's user
// namespace is one without rights over the host, and none can be missed by a lesson.
const nestingCalls = `
	clone clone3 unshare setns mount umount2 pivot_root chroot
	fsopen fsconfig fsmount fspick move_mount open_tree open_tree_attr mount_setattr statmount listmount
	sethostname setdomainname reboot kcmp pidfd_getfd process_madvise get_mempolicy lsm_get_self_attr lsm_list_modules`

// refusedCalls fail with EPERM, as they do for whoever lacks the capability: programs take that for an answer. The kernel would refuse
// most of them by itself; they are named so that a bug in its check is not a way out.
const refusedCalls = `
	bpf perf_event_open quotactl quotactl_fd acct swapon swapoff syslog iopl ioperm vhangup
	settimeofday stime clock_settime clock_settime64
	fanotify_init fanotify_mark mbind set_mempolicy set_mempolicy_home_node migrate_pages move_pages`

// Absent calls fail with ENOSYS, as on a kernel built without them: programs then fall back to something older, where EPERM
// would end them (runc and crun do without keyctl, but not if it is forbidden). All that this file does not name is absent,
// calls of newer kernels included. The most important are written out, so that the list can be read and tested.
const absentCalls = `
	io_uring_setup io_uring_enter io_uring_register add_key request_key keyctl userfaultfd open_by_handle_at
	kexec_load kexec_file_load init_module finit_module delete_module create_module query_module get_kernel_syms
	lookup_dcookie nfsservctl uselib modify_ldt _sysctl sysfs ustat`

// Values that golang.org/x/sys/unix does not name.
const (
	sockTypeMask = 0xf // linux/net.h, SOCK_TYPE_MASK: the rest are SOCK_CLOEXEC and SOCK_NONBLOCK

	optReplace  = 64   // IPT_SO_SET_REPLACE, IP6T_SO_SET_REPLACE
	optCounters = 65   // IPT_SO_SET_ADD_COUNTERS, IP6T_SO_SET_ADD_COUNTERS
	optArp      = 96   // ARPT_BASE_CTL, and 97
	optBridge   = 128  // EBT_BASE_CTL, and 129
	optIPVS     = 1152 // IP_VS_BASE_CTL, and 15 more

	perLinux        = 0x00000 // linux/personality.h
	perLinux32      = 0x00008
	uname26         = 0x20000
	addrNoRandomize = 0x40000 // what debuggers and `setarch -R` set
)

// Sandbox is the policy around every sandbox. It allows what containers inside containers need, and nothing that it does
// not name. The list follows that of Podman (containers/common), which is made for nesting, less the kernel surface
// that no lesson needs. It uses no notifier, since a process has room for only one and the learner may want it.
func Sandbox(o Options) Policy {
	rules := sandboxSockets(o)
	rules = append(rules, ioctlRules()...)
	rules = append(rules, personalityRules(perLinux, perLinux32, uname26, perLinux32|uname26, addrNoRandomize)...)
	rules = append(rules,
		Rule{Names: words(modeCalls, fileCalls, memoryCalls, processCalls, eventCalls, timeCalls, socketCalls,
			confineCalls, spyCalls, nestingCalls), Do: Allow},
		Rule{Names: words(refusedCalls), Do: Errno(unix.EPERM)},
		Rule{Names: words(absentCalls), Do: Errno(unix.ENOSYS)},
	)
	return Policy{Rules: rules, Default: Errno(unix.ENOSYS)}
}

// sandboxSockets lists what sockets there are. The rest fails as on a kernel built without them, with EAFNOSUPPORT or
// EPROTONOSUPPORT: libaudit, for one, ends its program on any other errno. socket(2) loads modules by number, so every
// family and protocol not listed is one less piece of the kernel that a learner can wake.
func sandboxSockets(o Options) []Rule {
	socket := []string{"socket"}
	allow := func(when ...Cond) Rule { return Rule{Names: socket, When: when, Do: Allow} }

	rules := []Rule{allow(Int(0, unix.AF_UNIX)), allow(Int(0, unix.AF_PACKET))}
	for _, family := range []uint32{unix.AF_INET, unix.AF_INET6} {
		// SOCK_SEQPACKET with protocol 0 is SCTP, and type 6 is DCCP: so the type is looked at, too.
		for _, kind := range []struct {
			socktype  uint32
			protocols []uint32
		}{
			{unix.SOCK_STREAM, []uint32{0, unix.IPPROTO_TCP}},
			{unix.SOCK_DGRAM, []uint32{0, unix.IPPROTO_UDP, unix.IPPROTO_ICMP, unix.IPPROTO_ICMPV6}},
		} {
			for _, protocol := range kind.protocols {
				rules = append(rules, allow(Int(0, family), Bits(1, sockTypeMask, kind.socktype), Int(2, protocol)))
			}
		}
		rules = append(rules, allow(Int(0, family), Bits(1, sockTypeMask, unix.SOCK_RAW), less(2, 256)))
	}
	netlinks := []uint32{unix.NETLINK_ROUTE, unix.NETLINK_SOCK_DIAG, unix.NETLINK_KOBJECT_UEVENT, unix.NETLINK_GENERIC}
	if o.Netfilter {
		netlinks = append(netlinks, unix.NETLINK_NETFILTER)
	}
	for _, protocol := range netlinks {
		rules = append(rules, allow(Int(0, unix.AF_NETLINK), Int(2, protocol)))
	}
	for _, family := range []uint32{unix.AF_INET, unix.AF_INET6, unix.AF_NETLINK} {
		rules = append(rules, Rule{Names: socket, When: []Cond{Int(0, family)}, Do: Errno(unix.EPROTONOSUPPORT)})
	}
	rules = append(rules,
		Rule{Names: socket, Do: Errno(unix.EAFNOSUPPORT)},
		Rule{Names: []string{"socketpair"}, When: []Cond{Int(0, unix.AF_UNIX)}, Do: Allow},
		Rule{Names: []string{"socketpair"}, Do: Errno(unix.EAFNOSUPPORT)},
	)
	return append(rules, optionRules()...)
}

// optionRules deny what setsockopt(2) would wake: upper layer protocols on TCP, and the old tables of iptables, arptables,
// ebtables and IPVS. They answer as a kernel without them.
func optionRules() []Rule {
	deny := func(when ...Cond) Rule {
		return Rule{Names: []string{"setsockopt"}, When: when, Do: Errno(unix.ENOPROTOOPT)}
	}
	return []Rule{
		deny(Int(1, unix.SOL_TCP), Int(2, unix.TCP_ULP)),
		deny(Int(1, unix.SOL_IP), Int(2, optReplace)),
		deny(Int(1, unix.SOL_IP), Int(2, optCounters)),
		deny(Int(1, unix.SOL_IPV6), Int(2, optReplace)),
		deny(Int(1, unix.SOL_IPV6), Int(2, optCounters)),
		deny(Int(1, unix.SOL_IP), Bits(2, low&^1, optArp)),
		deny(Int(1, unix.SOL_IP), Bits(2, low&^1, optBridge)),
		deny(Int(1, unix.SOL_IP), Bits(2, low&^15, optIPVS)),
		{Names: []string{"setsockopt"}, Do: Allow},
	}
}

// ioctlRules deny typing into another's terminal (TIOCSTI, and the console's paste, TIOCLINUX) and choosing a line
// discipline (TIOCSETD), which loads drivers that nothing else would.
func ioctlRules() []Rule {
	var rules []Rule
	for _, request := range []uint32{unix.TIOCSTI, unix.TIOCLINUX, unix.TIOCSETD} {
		rules = append(rules, Rule{Names: []string{"ioctl"}, When: []Cond{Int(1, request)}, Do: Errno(unix.EPERM)})
	}
	return append(rules, Rule{Names: []string{"ioctl"}, Do: Allow})
}

// personalityRules allow the given execution domains and the question which one is set (0xffffffff). See personality(2).
func personalityRules(domains ...uint32) []Rule {
	var rules []Rule
	for _, d := range append(domains, low) {
		rules = append(rules, Rule{Names: []string{"personality"}, When: []Cond{Int(0, d)}, Do: Allow})
	}
	return append(rules, Rule{Names: []string{"personality"}, Do: Errno(unix.EPERM)})
}

// less holds when a 32-bit argument is below value.
func less(arg int, value uint32) Cond {
	return Cond{Arg: arg, Op: Less, Mask: low, Value: uint64(value)}
}
