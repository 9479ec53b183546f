package seccomp

import (
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// machine runs filters as the kernel does.
type machine struct{ vm *bpf.VM }

func load(t testing.TB, f Filter) machine {
	t.Helper()
	code := make([]bpf.Instruction, len(f))
	for i, ins := range f {
		code[i] = bpf.RawInstruction{Op: ins.Code, Jt: ins.Jt, Jf: ins.Jf, K: ins.K}.Disassemble()
	}
	vm, err := bpf.NewVM(code)
	if err != nil {
		t.Fatalf("the program is not sound: %v", err)
	}
	return machine{vm}
}

// run hands the program a struct seccomp_data. The machine loads words in network order, where the kernel loads them in the
// host's, so each word is written that way; the low word still comes first.
func (m machine) run(t testing.TB, c Call) Action {
	t.Helper()
	words := []uint32{c.Nr, c.Audit, 0, 0}
	for _, a := range c.Args {
		words = append(words, uint32(a), uint32(a>>32))
	}
	var b []byte
	for _, w := range words {
		b = binary.BigEndian.AppendUint32(b, w)
	}
	got, err := m.vm.Run(b)
	if err != nil {
		t.Fatal(err)
	}
	return Action(got)
}

func compile(t testing.TB, p Policy, arch Arch) machine {
	t.Helper()
	f, err := p.Compile(arch)
	if err != nil {
		t.Fatal(err)
	}
	return load(t, f)
}

// call makes the Call of a named system call.
func call(t testing.TB, arch Arch, name string, args ...uint64) Call {
	t.Helper()
	nr, ok := Number(arch, name)
	if !ok {
		t.Fatalf("%s has no call %s", arch, name)
	}
	audit, err := arch.audit()
	if err != nil {
		t.Fatal(err)
	}
	c := Call{Audit: audit, Nr: nr}
	copy(c.Args[:], args)
	return c
}

func TestConditions(t *testing.T) {
	const big = 7<<32 | 100
	eperm := Errno(unix.EPERM)
	whole := func(op Op) Cond { return Cond{Arg: 1, Op: op, Mask: ^uint64(0), Value: big} }
	tests := []struct {
		name string
		when []Cond
		yes  []uint64 // second arguments
		no   []uint64
	}{
		{"equal", []Cond{whole(Equal)}, []uint64{big}, []uint64{0, 100, 7 << 32, 8<<32 | 100, big + 1}},
		{"not equal", []Cond{whole(NotEqual)}, []uint64{0, 100, 7 << 32, big + 1}, []uint64{big}},
		{"greater", []Cond{whole(Greater)}, []uint64{big + 1, 8 << 32, 1 << 63}, []uint64{big, 200, big - 1, 6<<32 | 200}},
		{"greater or equal", []Cond{whole(GreaterEqual)}, []uint64{big, big + 1, 8 << 32}, []uint64{200, big - 1, 6<<32 | 200}},
		{"less", []Cond{whole(Less)}, []uint64{0, 200, big - 1, 6<<32 | 200}, []uint64{big, big + 1, 8 << 32}},
		{"less or equal", []Cond{whole(LessEqual)}, []uint64{0, big, 6<<32 | 200}, []uint64{big + 1, 8 << 32}},
		{"int", []Cond{Int(1, 100)}, []uint64{100, big, 1<<63 | 100}, []uint64{0, 101, 7 << 32}},
		{"bits", []Cond{Bits(1, 0xf, 3)}, []uint64{3, 0x80003, 9<<32 | 3}, []uint64{0, 2, 7, 0x80002}},
		{"low word below", []Cond{less(1, 256)}, []uint64{0, 255, 1 << 32}, []uint64{256, 1<<32 | 256}},
		{"value outside its mask", []Cond{Bits(1, 0xf, 0x10)}, nil, []uint64{0, 0x10, 0x1f}},
		{"no bits", []Cond{{Arg: 1}}, []uint64{0, 1, big}, nil},
		{"high bits only", []Cond{{Arg: 1, Mask: 0xff << 32, Value: 7 << 32}}, []uint64{big, 7 << 32, 0x107 << 32}, []uint64{7, 0, 8 << 32}},
		{"both of two", []Cond{Int(0, 0), Int(1, 5)}, []uint64{5}, []uint64{4}},
		{"one of two fails", []Cond{Int(0, 1), Int(1, 5)}, nil, []uint64{5, 4}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := Policy{Default: Allow, Rules: []Rule{{Names: []string{"ioctl"}, When: tt.when, Do: eperm}}}
			m := compile(t, p, AMD64)
			check := func(arg uint64, want Action) {
				if got := m.run(t, call(t, AMD64, "ioctl", 0, arg)); got != want {
					t.Errorf("ioctl(0, %#x): %s, want %s", arg, got, want)
				}
			}
			for _, arg := range tt.yes {
				check(arg, eperm)
			}
			for _, arg := range tt.no {
				check(arg, Allow)
			}
		})
	}
}

func TestFirstRuleDecides(t *testing.T) {
	m := compile(t, Policy{Default: KillProcess, Rules: []Rule{
		{Names: []string{"socket"}, When: []Cond{Int(0, unix.AF_INET)}, Do: Errno(unix.EACCES)},
		{Names: []string{"socket", "read"}, Do: Allow},
		{Names: []string{"socket", "read", "write"}, Do: Trap},
	}}, ARM64)
	tests := []struct {
		name string
		arg  uint64
		want Action
	}{
		{"socket", unix.AF_INET, Errno(unix.EACCES)},
		{"socket", unix.AF_UNIX, Allow},
		{"read", 0, Allow},
		{"write", 0, Trap},
		{"close", 0, KillProcess},
	}
	for _, tt := range tests {
		if got := m.run(t, call(t, ARM64, tt.name, tt.arg)); got != tt.want {
			t.Errorf("%s(%d): %s, want %s", tt.name, tt.arg, got, tt.want)
		}
	}
}

func TestForeignCallsAreAbsent(t *testing.T) {
	for _, arch := range []Arch{AMD64, ARM64} {
		m := compile(t, Policy{Default: Allow}, arch)
		native := call(t, arch, "getpid")
		if got := m.run(t, native); got != Allow {
			t.Errorf("%s: getpid: %s, want allow", arch, got)
		}
		for name, audit := range map[string]uint32{
			"i386": unix.AUDIT_ARCH_I386, "arm": unix.AUDIT_ARCH_ARM, "none": 0, "big endian": unix.AUDIT_ARCH_S390X,
		} {
			c := native
			c.Audit = audit
			if got := m.run(t, c); got != Errno(unix.ENOSYS) {
				t.Errorf("%s: getpid of %s: %s, want errno ENOSYS", arch, name, got)
			}
		}
	}
	x32 := call(t, AMD64, "getpid")
	x32.Nr |= x32Bit
	// A constant policy has no test of the number, so try one that has.
	m := compile(t, Sandbox(Options{}), AMD64)
	if got := m.run(t, x32); got != Errno(unix.ENOSYS) {
		t.Errorf("x32 getpid: %s, want errno ENOSYS", got)
	}
	if got := compile(t, Policy{Default: Allow}, AMD64).run(t, x32); got != Errno(unix.ENOSYS) {
		t.Errorf("x32 getpid with an empty policy: %s, want errno ENOSYS", got)
	}
}

// TestCompilerAgreesWithPolicy compiles random policies, long ones among them, and compares the program with a plain
// reading of the rules.
func TestCompilerAgreesWithPolicy(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	longest := 0
	for range 40 {
		arch := []Arch{AMD64, ARM64}[rng.IntN(2)]
		p := randomPolicy(rng)
		f, err := p.Compile(arch)
		if err != nil {
			t.Fatal(err)
		}
		longest = max(longest, len(f))
		m := load(t, f)
		for range 1000 {
			c := randomCall(rng, arch)
			if got, want := m.run(t, c), p.Decide(arch, c); got != want {
				t.Fatalf("%s: %+v: %s, want %s", arch, c, got, want)
			}
		}
	}
	if longest < 3*255 {
		t.Errorf("the longest program has %d instructions: long jumps were not tried", longest)
	}
}

// interesting are argument values near which comparisons go wrong.
var interesting = []uint64{0, 1, 2, 40, 0xffff_ffff, 1 << 32, 1<<32 | 1, 1 << 63, ^uint64(0)}

func randomPolicy(rng *rand.Rand) Policy {
	var names []string
	for name := range calls().known {
		names = append(names, name)
	}
	actions := []Action{Allow, Errno(unix.EPERM), Errno(unix.ENOSYS), Trap, Log, KillProcess}
	p := Policy{Default: actions[rng.IntN(len(actions))]}
	for range rng.IntN(150) {
		r := Rule{Do: actions[rng.IntN(len(actions))]}
		for range 1 + rng.IntN(4) {
			r.Names = append(r.Names, names[rng.IntN(len(names))])
		}
		for range rng.IntN(4) {
			mask := ^uint64(0)
			if rng.IntN(2) == 0 {
				mask = interesting[rng.IntN(len(interesting))]
			}
			r.When = append(r.When, Cond{
				Arg: rng.IntN(6), Op: Op(rng.IntN(6)), Mask: mask, Value: interesting[rng.IntN(len(interesting))],
			})
		}
		p.Rules = append(p.Rules, r)
	}
	return p
}

func randomCall(rng *rand.Rand, arch Arch) Call {
	audit, _ := arch.audit()
	c := Call{Audit: audit, Nr: uint32(rng.IntN(480))}
	switch rng.IntN(20) {
	case 0:
		c.Audit = unix.AUDIT_ARCH_I386
	case 1:
		c.Nr |= x32Bit
	case 2:
		c.Nr = rng.Uint32()
	}
	for i := range c.Args {
		c.Args[i] = interesting[rng.IntN(len(interesting))]
	}
	return c
}

func TestCompileRefuses(t *testing.T) {
	many := Policy{Default: Allow}
	for i := range 3000 {
		many.Rules = append(many.Rules, Rule{Names: []string{"ioctl"}, When: []Cond{Int(1, uint32(i))}, Do: Trap})
	}
	tests := []struct {
		name   string
		policy Policy
		arch   Arch
		want   string
	}{
		{"unknown name", Policy{Rules: []Rule{{Names: []string{"chmmod"}}}}, AMD64, `named "chmmod"`},
		{"argument 6", Policy{Rules: []Rule{{Names: []string{"read"}, When: []Cond{Int(6, 0)}}}}, AMD64, "argument 6"},
		{"architecture", Policy{}, "mips", "amd64 and arm64"},
		{"too long", many, ARM64, "the kernel takes 4096"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := tt.policy.Compile(tt.arch)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
}

// TestCacheable holds the program to what seccomp_is_const_allow in the kernel's kernel/seccomp.c can follow, for every call
// whose fate does not hang on its arguments.
func TestCacheable(t *testing.T) {
	f, err := Sandbox(Options{}).Compile(AMD64)
	if err != nil {
		t.Fatal(err)
	}
	follow := func(nr uint32) bool {
		var a uint32
		for pc := 0; ; pc++ {
			i := f[pc]
			var jump bool
			switch i.Code {
			case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
				switch i.K {
				case offNr:
					a = nr
				case offArch:
					a = unix.AUDIT_ARCH_X86_64
				default:
					return false
				}
				continue
			case unix.BPF_RET | unix.BPF_K:
				return Action(i.K) == Allow
			case unix.BPF_JMP | unix.BPF_JA:
				pc += int(i.K)
				continue
			case unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K:
				jump = a == i.K
			case unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K:
				jump = a >= i.K
			case unix.BPF_JMP | unix.BPF_JGT | unix.BPF_K:
				jump = a > i.K
			default:
				return false
			}
			if jump {
				pc += int(i.Jt)
			} else {
				pc += int(i.Jf)
			}
		}
	}
	for _, name := range words(fileCalls, memoryCalls, processCalls) {
		if nr, ok := Number(AMD64, name); ok && !follow(nr) {
			t.Errorf("%s: the kernel cannot see that it is always allowed", name)
		}
	}
	if nr, _ := Number(AMD64, "socket"); follow(nr) {
		t.Error("socket: always allowed")
	}
}

func BenchmarkCompile(b *testing.B) {
	for b.Loop() {
		if _, err := Sandbox(Options{}).Compile(AMD64); err != nil {
			b.Fatal(err)
		}
	}
}
