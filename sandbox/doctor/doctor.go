// Package doctor looks at a machine and says whether it can run sandboxes, what it would do better with, and how to
// mend what is missing. It changes nothing.
package doctor

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// fullKernel is Debian's package of the kernel with all modules; Debian and Go call architectures by the same names.
const fullKernel = "linux-image-" + runtime.GOARCH

// Status is what a check found.
type Status string

// OK needs no deed; a Warning weakens the lab or takes a feature away; Missing keeps sandboxes from starting.
const (
	OK      Status = "ok"
	Warning Status = "warning"
	Missing Status = "missing"
)

// Finding is the outcome of one check.
type Finding struct {
	Name   string `json:"name"`             // such as "cgroup controllers"
	Status Status `json:"status"`           //
	Found  string `json:"found"`            // what is there, in words
	Mend   string `json:"mend,omitempty"`   // what to do, a command where there is one; empty when OK
	Source string `json:"source,omitempty"` // the file that said so
}

// Machine says where the kernel's files are, so that tests can point at others.
type Machine struct {
	Proc string   // "/proc"
	Sys  string   // "/sys"
	Lib  string   // "/lib/modules"
	Dev  string   // "/dev"
	UID  int      // effective
	Path []string // directories of programs
}

// ThisMachine is the one that the process runs on.
func ThisMachine() Machine {
	return Machine{
		Proc: "/proc", Sys: "/sys", Lib: "/lib/modules", Dev: "/dev", UID: os.Geteuid(),
		Path: append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/sbin"),
	}
}

// Examine runs all checks, in the order in which a start needs them.
func (m Machine) Examine() []Finding {
	findings := []Finding{
		m.root(),
		m.kernel(),
		m.namespaces(),
		m.controllers(),
		m.kill(),
		m.filesystem("overlay", "the root of every sandbox is an overlay"),
		m.filesystem("ext4", "layers and scratch are ext4 images"),
		m.device("loop-control", "loop", "images are mounted through loop devices"),
		m.loadable(Finding{Name: "veth"}, "veth", "a sandbox's network cable is a veth pair"),
		m.seccomp(),
		m.program("mke2fs", "e2fsprogs", "images are made with it"),
		m.pressure(),
		m.nested(),
		m.containers(),
	}
	return append(findings, m.hardening()...)
}

// Worst is the gravest status among the findings.
func Worst(findings []Finding) Status {
	worst := OK
	for _, f := range findings {
		if f.Status == Missing {
			return Missing
		}
		if f.Status == Warning {
			worst = Warning
		}
	}
	return worst
}

// read returns a file's content without white space around it.
func read(path string) (string, error) {
	b, err := os.ReadFile(path)
	return strings.TrimSpace(string(b)), err
}

func (m Machine) root() Finding {
	f := Finding{Name: "root", Status: OK, Found: "running as root"}
	if m.UID != 0 {
		f.Status, f.Found = Missing, fmt.Sprintf("running as uid %d", m.UID)
		f.Mend = "sudo glassbox …"
	}
	return f
}

// oldest is the first kernel with id-mapped layers below an overlay.
var oldest = [2]int{5, 19}

func (m Machine) kernel() Finding {
	f := Finding{Name: "kernel", Source: filepath.Join(m.Proc, "sys/kernel/osrelease")}
	release, err := read(f.Source)
	if err != nil {
		f.Status, f.Found, f.Mend = Missing, err.Error(), "mount /proc"
		return f
	}
	f.Status, f.Found = OK, "Linux "+release
	if major, minor := version(release); major < oldest[0] || major == oldest[0] && minor < oldest[1] {
		f.Status = Missing
		f.Mend = fmt.Sprintf("needs Linux %d.%d for id-mapped layers: Debian 12 has 6.1; apt-get install %s and restart", oldest[0], oldest[1], fullKernel)
	}
	return f
}

// version takes the first two numbers of a release such as "6.1.0-18-cloud-amd64".
func version(release string) (major, minor int) {
	parts := strings.FieldsFunc(release, func(r rune) bool { return r < '0' || r > '9' })
	if len(parts) > 1 {
		major, _ = strconv.Atoi(parts[0])
		minor, _ = strconv.Atoi(parts[1])
	}
	return major, minor
}

func (m Machine) namespaces() Finding {
	f := Finding{Name: "user namespaces", Source: filepath.Join(m.Proc, "sys/user/max_user_namespaces")}
	value, err := read(f.Source)
	n, _ := strconv.Atoi(value)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.Status, f.Found, f.Mend = Missing, "the kernel has none", "use a kernel with CONFIG_USER_NS=y"
	case err != nil || n == 0:
		f.Status, f.Found, f.Mend = Missing, "switched off", "sysctl user.max_user_namespaces=15000"
	default:
		f.Status, f.Found = OK, value+" allowed for each user"
	}
	return f
}

func (m Machine) kill() Finding {
	f := Finding{Name: "cgroup.kill", Status: OK, Found: "a version 2 hierarchy is mounted", Source: filepath.Join(m.Proc, "self/mountinfo")}
	mounts, err := read(f.Source)
	if err != nil || !strings.Contains(mounts, " - cgroup2 ") {
		f.Status, f.Found = Warning, "no version 2 hierarchy is mounted: sandboxes are ended process by process, and pressure is not shown"
		f.Mend = "mkdir -p /sys/fs/cgroup/unified && mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified"
	}
	return f
}

// filesystem checks that the kernel knows a file system, or has a module for it.
func (m Machine) filesystem(name, why string) Finding {
	f := Finding{Name: name, Source: filepath.Join(m.Proc, "filesystems")}
	file, err := os.Open(f.Source)
	if err == nil {
		defer file.Close()
		for lines := bufio.NewScanner(file); lines.Scan(); {
			if fields := strings.Fields(lines.Text()); len(fields) > 0 && fields[len(fields)-1] == name {
				f.Status, f.Found = OK, "the kernel has it"
				return f
			}
		}
	}
	return m.loadable(f, name, why)
}

func (m Machine) device(node, module, why string) Finding {
	f := Finding{Name: module, Source: filepath.Join(m.Dev, node)}
	if _, err := os.Stat(f.Source); err == nil {
		f.Status, f.Found = OK, "the kernel has it"
		return f
	}
	return m.loadable(f, module, why)
}

// loadable says whether a module of that name can be loaded: it is built in, or lies among the kernel's modules.
func (m Machine) loadable(f Finding, module, why string) Finding {
	switch source, known := m.module(module, "CONFIG_"+strings.ToUpper(module)); {
	case source != "":
		f.Status, f.Found, f.Source = OK, "the kernel has it, or loads it when it is needed", source
	case !known:
		f.Status, f.Found = Warning, "cannot tell: "+why
		f.Mend = "modprobe " + module + ", or use a kernel that has it built in"
	default:
		f.Status, f.Found, f.Mend = Missing, "not there: "+why, "modprobe "+module+"; on a cloud image, install the full kernel: apt-get install "+fullKernel
	}
	return f
}

// module returns the file that says that the kernel has a module, or can load it; the kernel's option for it is asked where it
// publishes them. Without a source, known tells whether that is certain.
func (m Machine) module(name, option string) (source string, known bool) {
	release, _ := read(filepath.Join(m.Proc, "sys/kernel/osrelease"))
	for _, list := range []string{"modules.builtin", "modules.dep"} {
		file := filepath.Join(m.Lib, release, list)
		b, err := os.ReadFile(file)
		if err == nil && strings.Contains(string(b), "/"+name+".ko") {
			return file, true
		}
	}
	if m.configured(option) {
		return filepath.Join(m.Proc, "config.gz"), true
	}
	_, err := os.Stat(filepath.Join(m.Lib, release))
	return "", !errors.Is(err, fs.ErrNotExist)
}

// configured says whether the running kernel was built with the option as built-in, as far as it tells (CONFIG_IKCONFIG_PROC).
func (m Machine) configured(option string) bool {
	f, err := os.Open(filepath.Join(m.Proc, "config.gz"))
	if err != nil {
		return false
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return false
	}
	for lines := bufio.NewScanner(z); lines.Scan(); {
		if lines.Text() == option+"=y" {
			return true
		}
	}
	return false
}

func (m Machine) seccomp() Finding {
	f := Finding{Name: "seccomp", Status: OK, Found: "filters are there", Source: filepath.Join(m.Proc, "sys/kernel/seccomp/actions_avail")}
	if _, err := os.Stat(f.Source); err != nil {
		f.Status, f.Found, f.Mend = Missing, "the kernel has no seccomp filters", "use a kernel with CONFIG_SECCOMP_FILTER=y"
	}
	return f
}

func (m Machine) program(name, deb, why string) Finding {
	f := Finding{Name: name}
	for _, dir := range m.Path {
		if file, err := os.Stat(filepath.Join(dir, name)); err == nil && file.Mode()&0o111 != 0 {
			f.Status, f.Found, f.Source = OK, "installed", filepath.Join(dir, name)
			return f
		}
	}
	f.Status, f.Found, f.Mend = Missing, "not installed: "+why, "apt-get install "+deb
	return f
}

func (m Machine) pressure() Finding {
	f := Finding{Name: "pressure stall information", Status: OK, Found: "on", Source: filepath.Join(m.Proc, "pressure/memory")}
	if _, err := read(f.Source); err != nil {
		f.Status, f.Found = Warning, "off: the pressure files of the cgroup lesson stay empty"
		f.Mend = "add psi=1 to the kernel's command line"
	}
	return f
}

// nested looks for what keeps the sandbox's root from making user namespaces, as several lessons do.
func (m Machine) nested() Finding {
	f := Finding{Name: "nested user namespaces", Status: OK, Found: "allowed"}
	for _, s := range []struct{ file, bad, mend string }{
		{"kernel/apparmor_restrict_unprivileged_userns", "1", "sysctl kernel.apparmor_restrict_unprivileged_userns=0"},
		{"kernel/unprivileged_userns_clone", "0", "sysctl kernel.unprivileged_userns_clone=1"},
	} {
		f.Source = filepath.Join(m.Proc, "sys", s.file)
		if value, err := read(f.Source); err == nil && value == s.bad {
			f.Status, f.Found, f.Mend = Missing, "refused by "+filepath.Base(s.file), s.mend
			return f
		}
	}
	return f
}
