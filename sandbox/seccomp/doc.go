// Package seccomp writes system call filters: a policy in words becomes a program that the kernel runs before every
// system call of a process and of all that it will ever start.
//
// A [Policy] is a list of rules, read from top to bottom: the first rule that names the call and whose conditions hold
// decides, and the policy's default decides for calls that no rule decides. [Policy.Compile] turns it into a [Filter] for
// one architecture, and [Filter.Install] gives it to the kernel.
//
//	policy := seccomp.Policy{
//		Default: seccomp.Allow,
//		Rules: []seccomp.Rule{
//			{Names: []string{"chmod", "fchmod", "fchmodat"}, Do: seccomp.Errno(unix.EPERM)},
//			{Names: []string{"ioctl"}, When: []seccomp.Cond{seccomp.Int(1, unix.TIOCSTI)}, Do: seccomp.Errno(unix.EPERM)},
//		},
//	}
//
// There are three sources of policies: [Sandbox] is the wall around every sandbox; [Profile] reads Docker's JSON format
// for the learners' own experiments; and [Default] is what a container engine's default denies, written in that format
// by [Policy.MarshalProfile].
//
// # How a filter looks
//
// The kernel hands the program a struct seccomp_data (linux/seccomp.h) and knows only 32-bit words:
//
//	offset  0  nr                    the call's number
//	offset  4  arch                  AUDIT_ARCH_…: whose numbers these are
//	offset  8  instruction pointer   (not used here)
//	offset 16  args[0], low word; then its high word, then args[1] …
//
// The architecture is looked at first. An amd64 kernel also takes the numbers of i386 (int 0x80) and of x32, where the
// same number is another call, or one call (socketcall) is many; a filter that forgets this is no filter. All that is foreign fails with
// ENOSYS. Then a binary search finds the call, in eight or nine comparisons. Kernels from 5.11 run the program once for
// each call number at installation and remember which are always allowed (SECCOMP_CACHE); these filters keep to the
// instructions that this takes, so that an allowed call costs nothing.
//
// # What a filter cannot see
//
// It sees registers, never what they point to: no path, no file system type, no struct clone_args. So [Sandbox] is one
// wall among several. See docs/security.md.
package seccomp
