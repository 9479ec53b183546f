package seccomp

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Action is what the kernel does with a call: a SECCOMP_RET_ value, with its 16 bits of data. See seccomp(2).
type Action uint32

// The actions without data.
const (
	Allow       Action = unix.SECCOMP_RET_ALLOW
	Log         Action = unix.SECCOMP_RET_LOG          // allow, and write a line to the audit log
	Trap        Action = unix.SECCOMP_RET_TRAP         // send SIGSYS to the thread
	KillThread  Action = unix.SECCOMP_RET_KILL_THREAD  // end the thread as by SIGSYS
	KillProcess Action = unix.SECCOMP_RET_KILL_PROCESS // end the process as by SIGSYS
)

// Errno makes the call fail with e, without being made.
func Errno(e unix.Errno) Action { return unix.SECCOMP_RET_ERRNO | Action(e)&unix.SECCOMP_RET_DATA }

// Trace hands the call to a tracer with the message msg; without a tracer it fails with ENOSYS.
func Trace(msg uint16) Action { return unix.SECCOMP_RET_TRACE | Action(msg) }

// String gives the action in words: "allow", "errno EPERM".
func (a Action) String() string {
	data := a & unix.SECCOMP_RET_DATA
	switch a &^ unix.SECCOMP_RET_DATA {
	case Allow:
		return "allow"
	case Log:
		return "log"
	case Trap:
		return "trap"
	case KillThread:
		return "kill thread"
	case KillProcess:
		return "kill process"
	case unix.SECCOMP_RET_TRACE:
		return fmt.Sprintf("trace %d", uint32(data))
	case unix.SECCOMP_RET_ERRNO:
		if name := unix.ErrnoName(unix.Errno(data)); name != "" {
			return "errno " + name
		}
		return fmt.Sprintf("errno %d", uint32(data))
	default:
		return fmt.Sprintf("action %#x", uint32(a))
	}
}

// Op compares an argument with a value, both unsigned.
type Op uint8

// The comparisons.
const (
	Equal Op = iota
	NotEqual
	Less
	LessEqual
	Greater
	GreaterEqual
)

// Cond holds when (argument & Mask) Op Value does.
type Cond struct {
	Arg   int // 0 to 5
	Op    Op
	Mask  uint64
	Value uint64
}

// low masks the half of a register that the kernel reads when a parameter is an int.
const low = 0xffff_ffff

// Int holds when an argument that the kernel takes as a 32-bit value equals value. The kernel ignores the register's upper
// half, and so must a rule: ioctl(fd, 1<<32|TIOCSTI) is TIOCSTI.
func Int(arg int, value uint32) Cond {
	return Cond{Arg: arg, Mask: low, Value: uint64(value)}
}

// Bits holds when those bits of a 32-bit argument that mask selects equal value.
func Bits(arg int, mask, value uint32) Cond {
	return Cond{Arg: arg, Mask: uint64(mask), Value: uint64(value)}
}

// Rule decides for the named calls when all of its conditions hold. Names that exist only on other architectures are
// passed over; names that exist nowhere are an error of the policy.
type Rule struct {
	Names []string
	When  []Cond
	Do    Action
}

// Policy is an ordered list of rules. The first that matches decides.
type Policy struct {
	Rules   []Rule
	Default Action
}

// Call is one system call as a filter sees it.
type Call struct {
	Audit uint32 // AUDIT_ARCH_…
	Nr    uint32
	Args  [6]uint64
}

// Decide says what the filter of an architecture does with a call. It reads the policy as it is written, without the
// compiler, and so is what the compiler is tested against.
func (p Policy) Decide(arch Arch, c Call) Action {
	audit, err := arch.audit()
	if err != nil || c.Audit != audit || (arch == AMD64 && c.Nr >= x32Bit) {
		return foreign
	}
	for _, r := range p.Rules {
		for _, name := range r.Names {
			if nr, ok := Number(arch, name); ok && nr == c.Nr && all(r.When, c) {
				return r.Do
			}
		}
	}
	return p.Default
}

func all(conds []Cond, c Call) bool {
	for _, cond := range conds {
		if !cond.holds(c.Args[cond.Arg]) {
			return false
		}
	}
	return true
}

func (c Cond) holds(arg uint64) bool {
	v := arg & c.Mask
	switch c.Op {
	case Equal:
		return v == c.Value
	case NotEqual:
		return v != c.Value
	case Less:
		return v < c.Value
	case LessEqual:
		return v <= c.Value
	case Greater:
		return v > c.Value
	default:
		return v >= c.Value
	}
}
