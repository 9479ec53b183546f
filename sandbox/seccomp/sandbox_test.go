package seccomp

import (
	"fmt"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// TestSandbox goes through what the filter is for, on both architectures.
func TestSandbox(t *testing.T) {
	const (
		eperm  = unix.EPERM
		enosys = unix.ENOSYS
		family = unix.EAFNOSUPPORT
		proto  = unix.EPROTONOSUPPORT
		option = unix.ENOPROTOOPT
		ok     = unix.Errno(0)
	)
	const inet, inet6, netlink = unix.AF_INET, unix.AF_INET6, unix.AF_NETLINK
	const stream, dgram, raw = unix.SOCK_STREAM, unix.SOCK_DGRAM, unix.SOCK_RAW
	tests := []struct {
		name string
		args []uint64
		want unix.Errno
	}{
		{"socket", []uint64{unix.AF_UNIX, stream}, ok},
		{"socket", []uint64{inet, stream | unix.SOCK_CLOEXEC | unix.SOCK_NONBLOCK, 0}, ok},
		{"socket", []uint64{inet, stream, unix.IPPROTO_TCP}, ok},
		{"socket", []uint64{inet6, dgram, unix.IPPROTO_UDP}, ok},
		{"socket", []uint64{inet, dgram, unix.IPPROTO_ICMP}, ok},
		{"socket", []uint64{inet, raw, unix.IPPROTO_ICMP}, ok},
		{"socket", []uint64{inet6, raw, unix.IPPROTO_RAW}, ok},
		{"socket", []uint64{unix.AF_PACKET, raw, 0x300}, ok},
		{"socket", []uint64{netlink, raw, unix.NETLINK_ROUTE}, ok},
		{"socket", []uint64{netlink, dgram | unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG}, ok},
		{"socket", []uint64{netlink, raw, unix.NETLINK_GENERIC}, ok},
		{"socket", []uint64{unix.AF_ALG, unix.SOCK_SEQPACKET}, family},
		{"socket", []uint64{1<<32 | unix.AF_ALG, unix.SOCK_SEQPACKET}, family},
		{"socket", []uint64{unix.AF_VSOCK, stream}, family},
		{"socket", []uint64{unix.AF_RXRPC, dgram}, family},
		{"socket", []uint64{unix.AF_TIPC, stream}, family},
		{"socket", []uint64{unix.AF_KEY, raw, 2}, family},
		{"socket", []uint64{unix.AF_XDP, raw}, family},
		{"socket", []uint64{unix.AF_SMC, stream}, family},
		{"socket", []uint64{unix.AF_BLUETOOTH, raw}, family},
		{"socket", []uint64{netlink, raw, unix.NETLINK_XFRM}, proto},
		{"socket", []uint64{netlink, raw, 1<<32 | unix.NETLINK_XFRM}, proto},
		{"socket", []uint64{netlink, raw, unix.NETLINK_AUDIT}, proto},
		{"socket", []uint64{netlink, raw, unix.NETLINK_CRYPTO}, proto},
		{"socket", []uint64{netlink, raw, unix.NETLINK_NETFILTER}, proto},
		{"socket", []uint64{inet, stream, unix.IPPROTO_SCTP}, proto},
		{"socket", []uint64{inet, unix.SOCK_SEQPACKET, 0}, proto},
		{"socket", []uint64{inet6, unix.SOCK_SEQPACKET, unix.IPPROTO_SCTP}, proto},
		{"socket", []uint64{inet, unix.SOCK_DCCP, 0}, proto},
		{"socket", []uint64{inet, unix.SOCK_DCCP, unix.IPPROTO_DCCP}, proto},
		{"socket", []uint64{inet6, dgram, unix.IPPROTO_L2TP}, proto},
		{"socket", []uint64{inet, stream, unix.IPPROTO_MPTCP}, proto},
		{"socket", []uint64{inet, raw, unix.IPPROTO_MPTCP}, proto},
		{"socketpair", []uint64{unix.AF_UNIX, stream}, ok},
		{"socketpair", []uint64{unix.AF_TIPC, stream}, family},

		{"setsockopt", []uint64{3, unix.SOL_SOCKET, unix.SO_REUSEADDR}, ok},
		{"setsockopt", []uint64{3, unix.SOL_TCP, unix.TCP_NODELAY}, ok},
		{"setsockopt", []uint64{3, unix.SOL_SOCKET, unix.TCP_ULP}, ok},
		{"setsockopt", []uint64{3, unix.SOL_TCP, unix.TCP_ULP}, option},
		{"setsockopt", []uint64{3, 1<<32 | unix.SOL_TCP, 1<<33 | unix.TCP_ULP}, option},
		{"setsockopt", []uint64{3, unix.SOL_IP, 64}, option},
		{"setsockopt", []uint64{3, unix.SOL_IP, 65}, option},
		{"setsockopt", []uint64{3, unix.SOL_IPV6, 64}, option},
		{"setsockopt", []uint64{3, unix.SOL_IPV6, 66}, ok}, // IPV6_RECVTCLASS
		{"setsockopt", []uint64{3, unix.SOL_IP, 97}, option},
		{"setsockopt", []uint64{3, unix.SOL_IP, 128}, option},
		{"setsockopt", []uint64{3, unix.SOL_IP, 1167}, option},
		{"setsockopt", []uint64{3, unix.SOL_IP, 1168}, ok},

		{"ioctl", []uint64{0, unix.TIOCGWINSZ}, ok},
		{"ioctl", []uint64{0, unix.TIOCSTI}, eperm},
		{"ioctl", []uint64{0, 1<<32 | unix.TIOCSTI}, eperm},
		{"ioctl", []uint64{0, unix.TIOCLINUX}, eperm},
		{"ioctl", []uint64{0, unix.TIOCSETD}, eperm},

		{"personality", []uint64{0xffffffff}, ok},
		{"personality", []uint64{addrNoRandomize}, ok},
		{"personality", []uint64{0x0400000}, eperm}, // READ_IMPLIES_EXEC
	}
	for _, list := range []struct {
		names string
		want  unix.Errno
	}{
		{`io_uring_setup io_uring_enter io_uring_register add_key request_key keyctl userfaultfd open_by_handle_at
		  kexec_load kexec_file_load init_module finit_module delete_module lookup_dcookie nfsservctl uselib
		  listns file_setattr rseq_slice_yield`, enosys},
		{`bpf perf_event_open quotactl quotactl_fd acct swapon swapoff syslog iopl ioperm settimeofday clock_settime`, eperm},
		{`clone clone3 unshare setns mount umount2 fsopen fsconfig fsmount fspick open_tree move_mount mount_setattr
		  statmount listmount pivot_root chroot seccomp ptrace landlock_create_ruleset landlock_add_rule
		  landlock_restrict_self memfd_create memfd_secret rseq faccessat2 openat2 pidfd_open pidfd_getfd
		  pidfd_send_signal process_madvise cachestat futex_wait futex_wake futex_requeue futex_waitv map_shadow_stack
		  execve execveat fork vfork exit_group restart_syscall rt_sigreturn sethostname reboot kcmp fchmodat2 prctl
		  close_range arch_prctl`, ok},
	} {
		for _, name := range words(list.names) {
			tests = append(tests, struct {
				name string
				args []uint64
				want unix.Errno
			}{name, nil, list.want})
		}
	}
	for _, arch := range []Arch{AMD64, ARM64} {
		m := compile(t, Sandbox(Options{}), arch)
		for _, tt := range tests {
			if _, exists := Number(arch, tt.name); !exists {
				continue
			}
			want := Allow
			if tt.want != ok {
				want = Errno(tt.want)
			}
			if got := m.run(t, call(t, arch, tt.name, tt.args...)); got != want {
				t.Errorf("%s: %s%#x: %s, want %s", arch, tt.name, tt.args, got, want)
			}
		}
		c := call(t, arch, "read")
		c.Nr = 600
		if got := m.run(t, c); got != Errno(enosys) {
			t.Errorf("%s: call 600 of a newer kernel: %s, want errno ENOSYS", arch, got)
		}
	}
}

func TestSandboxNetfilter(t *testing.T) {
	m := compile(t, Sandbox(Options{Netfilter: true}), AMD64)
	c := call(t, AMD64, "socket", unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_NETFILTER)
	if got := m.run(t, c); got != Allow {
		t.Errorf("NETLINK_NETFILTER: %s, want allow", got)
	}
	c.Args[2] = unix.NETLINK_XFRM
	if got, want := m.run(t, c), Errno(unix.EPROTONOSUPPORT); got != want {
		t.Errorf("NETLINK_XFRM: %s, want %s", got, want)
	}
}

// TestSandboxAllowsMoreThanDefault: what an engine allows a plain container must work in the sandbox too, or else the
// engine's own containers would not run in it.
func TestSandboxAllowsMoreThanDefault(t *testing.T) {
	// Taken away on purpose, or decided by argument.
	except := []string{"modify_ldt", "fanotify_mark", "socket", "socketpair"}
	for _, arch := range []Arch{AMD64, ARM64} {
		sandbox, plain := compile(t, Sandbox(Options{}), arch), compile(t, Default(), arch)
		for name := range calls().numbers[arch] {
			c := call(t, arch, name)
			if plain.run(t, c) == Allow && sandbox.run(t, c) != Allow && !slices.Contains(except, name) {
				t.Errorf("%s: %s: the default allows it, the sandbox does not", arch, name)
			}
		}
	}
}

func ExamplePolicy_Compile() {
	filter, err := Policy{
		Default: Allow,
		Rules:   []Rule{{Names: []string{"chmod"}, Do: Errno(unix.EPERM)}},
	}.Compile(AMD64)
	if err != nil {
		fmt.Println(err)
		return
	}
	for i, ins := range filter {
		fmt.Printf("%d: %02x %d %d %#x\n", i, ins.Code, ins.Jt, ins.Jf, ins.K)
	}
	// Output:
	// 0: 20 0 0 0x4
	// 1: 15 0 6 0xc000003e
	// 2: 20 0 0 0x0
	// 3: 35 4 0 0x40000000
	// 4: 35 0 2 0x5a
	// 5: 35 1 0 0x5b
	// 6: 06 0 0 0x50001
	// 7: 06 0 0 0x7fff0000
	// 8: 06 0 0 0x50026
}
