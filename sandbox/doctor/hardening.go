package doctor

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
)

// sysctls narrow what a sandbox can reach of the host's kernel. None is needed for a sandbox to start, and the walls hold without
// them; each takes one more thing away from whoever gets past a wall. See Documentation/admin-guide/sysctl/kernel.rst.
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
}

func is(want string) func(string) bool   { return func(v string) bool { return v == want } }
func isNot(bad string) func(string) bool { return func(v string) bool { return v != bad } }

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
