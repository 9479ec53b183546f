package seccomp

import (
	"fmt"
	"slices"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// foreign answers calls in the numbers of another architecture: as a kernel built without it would.
const foreign = unix.SECCOMP_RET_ERRNO | Action(unix.ENOSYS)

// Offsets in struct seccomp_data on a little-endian machine, which both architectures are.
const (
	offNr   = 0
	offArch = 4
	offArgs = 16
)

// maxInstructions is BPF_MAXINSNS: the kernel takes no longer program.
const maxInstructions = 4096

// node is one decision of the program: leaf (yes and no are nil) or test. The tests form a graph without cycles, in which
// everything that leads to the same action shares one leaf.
type node struct {
	do Action // of a leaf

	load    bool // load the word at off first; else the last loaded word is tested
	off     uint32
	mask    uint32 // of the loaded word
	op      bpf.JumpTest
	value   uint32
	yes, no *node
}

// Compile turns the policy into the program for one architecture.
func (p Policy) Compile(arch Arch) (Filter, error) {
	audit, err := arch.audit()
	if err != nil {
		return nil, err
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	leaf := leaves{}
	root := search(p.segments(arch, leaf))
	if arch == AMD64 {
		root = &node{op: bpf.JumpGreaterOrEqual, value: x32Bit, yes: leaf.of(foreign), no: root}
	}
	if root.yes != nil {
		root.load, root.off, root.mask = true, offNr, low
	}
	root = &node{
		load: true, off: offArch, mask: low,
		op: bpf.JumpEqual, value: audit, yes: root, no: leaf.of(foreign),
	}
	return assemble(root)
}

func (p Policy) check() error {
	for i, r := range p.Rules {
		for _, name := range r.Names {
			if !calls().known[name] {
				return fmt.Errorf("seccomp: rule %d: no architecture has a system call named %q", i, name)
			}
		}
		for _, c := range r.When {
			if c.Arg < 0 || c.Arg > 5 {
				return fmt.Errorf("seccomp: rule %d (%s): argument %d; calls have 0 to 5", i, r.Names, c.Arg)
			}
		}
	}
	return nil
}

// leaves makes one leaf for each action.
type leaves map[Action]*node

func (l leaves) of(do Action) *node {
	if l[do] == nil {
		l[do] = &node{do: do}
	}
	return l[do]
}

// segment is a range of call numbers, from first up to the next segment's, that share a decision.
type segment struct {
	first  uint32
	decide *node
}

// segments covers all call numbers, from 0 up.
func (p Policy) segments(arch Arch, leaf leaves) []segment {
	rules := map[uint32][]Rule{}
	for _, r := range p.Rules {
		for _, name := range r.Names {
			if nr, ok := Number(arch, name); ok {
				rules[nr] = append(rules[nr], r)
			}
		}
	}
	var numbers []uint32
	for nr := range rules {
		numbers = append(numbers, nr)
	}
	slices.Sort(numbers)

	segs := []segment{{0, leaf.of(p.Default)}}
	add := func(first uint32, decide *node) {
		last := &segs[len(segs)-1]
		switch {
		case last.first == first:
			last.decide = decide
		case last.decide != decide:
			segs = append(segs, segment{first, decide})
		}
	}
	for _, nr := range numbers {
		add(nr, chain(rules[nr], p.Default, leaf))
		add(nr+1, leaf.of(p.Default))
	}
	// A segment that took its predecessor's place may now equal the one before that.
	return slices.CompactFunc(segs, func(a, b segment) bool { return a.decide == b.decide })
}

// chain tests the rules of one call in their order.
func chain(rules []Rule, otherwise Action, leaf leaves) *node {
	next := leaf.of(otherwise)
	for _, r := range slices.Backward(rules) {
		yes := leaf.of(r.Do)
		for _, c := range slices.Backward(r.When) {
			yes = c.test(yes, next)
		}
		next = yes
	}
	return next
}

// test compares a 64-bit argument by its words. For an order the high words decide unless they are equal.
func (c Cond) test(yes, no *node) *node {
	switch c.Op {
	case Equal:
		return c.word(1, bpf.JumpEqual, c.word(0, bpf.JumpEqual, yes, no), no)
	case NotEqual:
		return c.word(1, bpf.JumpEqual, c.word(0, bpf.JumpEqual, no, yes), yes)
	case Greater:
		return c.order(bpf.JumpGreaterThan, yes, no)
	case GreaterEqual:
		return c.order(bpf.JumpGreaterOrEqual, yes, no)
	case Less:
		return c.order(bpf.JumpGreaterOrEqual, no, yes)
	default: // LessEqual
		return c.order(bpf.JumpGreaterThan, no, yes)
	}
}

func (c Cond) order(op bpf.JumpTest, yes, no *node) *node {
	lower := c.word(0, op, yes, no)
	return c.word(1, bpf.JumpGreaterThan, yes, c.word(1, bpf.JumpEqual, lower, no))
}

// word tests the low (0) or high (1) word of the argument. A word without a bit in the mask is 0, and is not looked at: it is
// part of no comparison.
func (c Cond) word(half uint32, op bpf.JumpTest, yes, no *node) *node {
	mask, value := uint32(c.Mask>>(32*half)), uint32(c.Value>>(32*half))
	if mask == 0 {
		holds := value == 0 && (op == bpf.JumpEqual || op == bpf.JumpGreaterOrEqual)
		if holds {
			return yes
		}
		return no
	}
	return &node{
		load: true, off: offArgs + 8*uint32(c.Arg) + 4*half, mask: mask,
		op: op, value: value, yes: yes, no: no,
	}
}

// search finds the segment of the loaded call number by halving.
func search(segs []segment) *node {
	if len(segs) == 1 {
		return segs[0].decide
	}
	mid := len(segs) / 2
	return &node{op: bpf.JumpGreaterOrEqual, value: segs[mid].first, yes: search(segs[mid:]), no: search(segs[:mid])}
}

// assembler places the program from its end to its start, since BPF jumps only forwards: what is jumped to is already there.
// Places count from the end.
type assembler struct {
	code   []bpf.Instruction // last instruction first
	placed map[*node]int
}

// reach is how far a conditional jump goes, less what near may add between a jump and its targets.
const reach = 250

func assemble(root *node) (Filter, error) {
	a := assembler{placed: map[*node]int{}}
	a.place(root)
	if len(a.code) > maxInstructions {
		return nil, fmt.Errorf("seccomp: the filter has %d instructions; the kernel takes %d", len(a.code), maxInstructions)
	}
	slices.Reverse(a.code)
	raw, err := bpf.Assemble(a.code)
	if err != nil {
		return nil, fmt.Errorf("seccomp: assemble: %w", err)
	}
	filter := make(Filter, len(raw))
	for i, r := range raw {
		filter[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	return filter, nil
}

func (a *assembler) emit(i bpf.Instruction) int {
	a.code = append(a.code, i)
	return len(a.code) - 1
}

// place emits n, after all that it leads to, unless that is done.
func (a *assembler) place(n *node) {
	if _, done := a.placed[n]; done {
		return
	}
	var at int
	if n.yes == nil {
		at = a.emit(bpf.RetConstant{Val: uint32(n.do)})
	} else {
		a.place(n.no)
		a.place(n.yes)
		no := a.near(n.no)
		yes := a.near(n.yes)
		here := len(a.code)
		at = a.emit(bpf.JumpIf{Cond: n.op, Val: n.value, SkipTrue: uint8(here - yes - 1), SkipFalse: uint8(here - no - 1)})
		if n.load && n.mask != low {
			at = a.emit(bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: n.mask})
		}
		if n.load {
			at = a.emit(bpf.LoadAbsolute{Off: n.off, Size: 4})
		}
	}
	a.placed[n] = at
}

// near returns a place for n that a conditional jump emitted next can reach. A leaf that is too far is emitted again, and
// to anything else goes a long jump; both stand in for n from here on.
func (a *assembler) near(n *node) int {
	at := a.placed[n]
	if len(a.code)-at <= reach {
		return at
	}
	if n.yes == nil {
		at = a.emit(bpf.RetConstant{Val: uint32(n.do)})
	} else {
		at = a.emit(bpf.Jump{Skip: uint32(len(a.code) - at - 1)})
	}
	a.placed[n] = at
	return at
}
