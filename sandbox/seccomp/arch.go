package seccomp

import (
	_ "embed"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// Arch is an architecture for which filters can be compiled, by Go's name for it.
type Arch string

// The architectures that the lab runs on.
const (
	AMD64 Arch = "amd64"
	ARM64 Arch = "arm64"
)

// Native is the architecture of this program.
const Native = Arch(runtime.GOARCH)

// x32Bit is set in the number of a call made with the x32 ABI, which shares its audit value with amd64. See arch/x86/include/uapi/asm/unistd.h.
const x32Bit = 0x40000000

// audit returns the AUDIT_ARCH_ value that the kernel hands to filters.
func (a Arch) audit() (uint32, error) {
	switch a {
	case AMD64:
		return unix.AUDIT_ARCH_X86_64, nil
	case ARM64:
		return unix.AUDIT_ARCH_AARCH64, nil
	default:
		return 0, fmt.Errorf("seccomp: no system call table for %q; there are amd64 and arm64", string(a))
	}
}

//go:embed syscalls.txt
var syscallTable string

// table holds the numbers of the system calls. A call that an architecture lacks is not in its map; calls that only
// other architectures have are in known alone.
type table struct {
	known   map[string]bool
	numbers map[Arch]map[string]uint32
}

// calls parses syscalls.txt, once. The file is part of the program, so a line that cannot be read is a bug.
var calls = sync.OnceValue(func() table {
	t := table{known: map[string]bool{}, numbers: map[Arch]map[string]uint32{AMD64: {}, ARM64: {}}}
	for line := range strings.Lines(syscallTable) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Fields(line)
		t.known[fields[0]] = true
		for i, arch := range []Arch{AMD64, ARM64} {
			if fields[i+1] == "-" {
				continue
			}
			nr, err := strconv.ParseUint(fields[i+1], 10, 32)
			if err != nil {
				panic("syscalls.txt: " + err.Error())
			}
			t.numbers[arch][fields[0]] = uint32(nr)
		}
	}
	return t
})

// Number returns the number of a system call on an architecture, and whether there is such a call.
func Number(arch Arch, name string) (nr uint32, ok bool) {
	nr, ok = calls().numbers[arch][name]
	return nr, ok
}
