package doctor

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
)

// sysctls narrow what a sandbox can reach of the host's kernel. None is needed for a sandbox to start, and the walls hold without
// them; each takes one more thing away from whoever gets past a wall. The last ones are of what the kernel counts for the whole machine, and no
// wall divides. See Documentation/admin-guide/sysctl/kernel.rst, and Documentation/networking/ip-sysctl.rst.
var sysctls = []struct {
	file string
	good func(value string) bool
	want string
	why  string
}{
	{"kernel/core_pattern", func(v string) bool { return !strings.HasPrefix(v, "|") }, "core", "a crash inside would start the helper as root outside"},
	{"kernel/dmesg_restrict", is("1"), "1", "others on this machine could read the kernel log"},
	{"kernel/kptr_restrict", isNot("0"), "1", "addresses of the kernel are shown"},
	{"dev/tty/legacy_tiocsti", is("0"), "0", "a program could type into the terminal that it runs in"},
	{"kernel/io_uring_disabled", is("2"), "2", "the seccomp filter forbids io_uring inside; this closes it for all"},
	{"kernel/unprivileged_bpf_disabled", isNot("0"), "2", "the seccomp filter forbids bpf inside; this closes it for all"},
	{"kernel/yama/ptrace_scope", isNot("0"), "1", "processes of one user could trace one another on the host"},
	{"kernel/pty/max", atLeast(100_000), "1048576", "one sandbox can take all terminals, and no other gets one"},
	{"net/ipv4/neigh/default/gc_thresh3", atLeast(100_000), "1048576", "one sandbox can fill the machine's table of what ARP has learned"},
	{"net/ipv6/neigh/default/gc_thresh3", atLeast(100_000), "1048576", "one sandbox can fill the machine's table of IPv6 neighbours"},
}

func is(want string) func(string) bool   { return func(v string) bool { return v == want } }
func isNot(bad string) func(string) bool { return func(v string) bool { return v != bad } }

func atLeast(least int) func(string) bool {
	return func(v string) bool { n, err := strconv.Atoi(v); return err == nil && n >= least }
}

func (m Machine) hardening() []Finding {
	var findings []Finding
	for _, s := range sysctls {
		name := strings.ReplaceAll(s.file, "/", ".")
		f := Finding{Name: name, Source: filepath.Join(m.Proc, "sys", s.file)}
		value, err := read(f.Source)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue // this kernel has no such thing to switch off
		case err != nil:
			f.Status, f.Found = Warning, err.Error()
		case s.good(value):
			f.Status, f.Found = OK, value
		default:
			f.Status, f.Found, f.Mend = Warning, value+": "+s.why, "sysctl "+name+"="+s.want
		}
		findings = append(findings, f)
	}
	return findings
}
