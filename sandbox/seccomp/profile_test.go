package seccomp

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// plain are the facts of a process without capabilities on Debian 12.
var plain = Facts{Arch: AMD64, Kernel: [2]int{6, 1}}

func TestParseProfile(t *testing.T) {
	root := Facts{Arch: AMD64, Kernel: [2]int{6, 1}, Capabilities: []string{"CAP_SYS_ADMIN", "CAP_CHOWN"}}
	deny := func(rule string) string {
		return `{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [` + rule + `]}`
	}
	const chmod = `"names": ["chmod"], "action": "SCMP_ACT_ERRNO"`
	eperm := Errno(unix.EPERM)
	tests := []struct {
		name    string
		profile string
		facts   Facts
		call    string
		args    []uint64
		want    Action
	}{
		{"default", `{"defaultAction": "SCMP_ACT_ERRNO"}`, plain, "read", nil, eperm},
		{"default with errno", `{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38}`, plain, "read", nil, Errno(unix.ENOSYS)},
		{"named", deny(`{` + chmod + `}`), plain, "chmod", nil, eperm},
		{"not named", deny(`{` + chmod + `}`), plain, "fchmod", nil, Allow},
		{"old single name", deny(`{"name": "chmod", "action": "SCMP_ACT_KILL"}`), plain, "chmod", nil, KillThread},
		{"errnoRet", deny(`{` + chmod + `, "errnoRet": 13}`), plain, "chmod", nil, Errno(unix.EACCES)},
		{"args null", deny(`{` + chmod + `, "args": null, "comment": "", "includes": {}, "excludes": {}}`), plain, "chmod", nil, eperm},
		{"kill process", deny(`{"names": ["chmod"], "action": "SCMP_ACT_KILL_PROCESS"}`), plain, "chmod", nil, KillProcess},
		{"trace", deny(`{"names": ["chmod"], "action": "SCMP_ACT_TRACE", "errnoRet": 7}`), plain, "chmod", nil, Trace(7)},

		{"masked, holds", deny(`{"names": ["clone"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 0, "value": 2114060288, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}]}`), plain, "clone", []uint64{0x11}, eperm},
		{"masked, fails", deny(`{"names": ["clone"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 0, "value": 2114060288, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}]}`), plain, "clone", []uint64{unix.CLONE_NEWUSER}, Allow},
		{"two arguments, one holds", deny(`{` + chmod + `, "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}, {"index": 1, "value": 2, "op": "SCMP_CMP_EQ"}]}`), plain, "chmod", []uint64{1, 1}, Allow},
		{"one argument twice, one holds", deny(`{` + chmod + `, "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}, {"index": 0, "value": 2, "op": "SCMP_CMP_EQ"}]}`), plain, "chmod", []uint64{2}, eperm},
		{"whole words are compared", deny(`{` + chmod + `, "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}]}`), plain, "chmod", []uint64{1<<32 | 1}, Allow},
		{"64-bit value", deny(`{` + chmod + `, "args": [{"index": 0, "value": 18446744073709551615, "op": "SCMP_CMP_EQ"}]}`), plain, "chmod", []uint64{^uint64(0)}, eperm},

		{"includes capability, missing", deny(`{` + chmod + `, "includes": {"caps": ["CAP_SYS_ADMIN"]}}`), plain, "chmod", nil, Allow},
		{"includes capability, there", deny(`{` + chmod + `, "includes": {"caps": ["CAP_SYS_ADMIN"]}}`), root, "chmod", nil, eperm},
		{"includes two, one missing", deny(`{` + chmod + `, "includes": {"caps": ["CAP_SYS_ADMIN", "CAP_BPF"]}}`), root, "chmod", nil, Allow},
		{"excludes capability, there", deny(`{` + chmod + `, "excludes": {"caps": ["CAP_BPF", "CAP_CHOWN"]}}`), root, "chmod", nil, Allow},
		{"excludes capability, missing", deny(`{` + chmod + `, "excludes": {"caps": ["CAP_BPF"]}}`), root, "chmod", nil, eperm},
		{"includes this architecture", deny(`{` + chmod + `, "includes": {"arches": ["amd64", "x32"]}}`), plain, "chmod", nil, eperm},
		{"includes another", deny(`{` + chmod + `, "includes": {"arches": ["s390"]}}`), plain, "chmod", nil, Allow},
		{"excludes this architecture", deny(`{` + chmod + `, "excludes": {"arches": ["amd64"]}}`), plain, "chmod", nil, Allow},
		{"new enough", deny(`{` + chmod + `, "includes": {"minKernel": "4.8"}}`), plain, "chmod", nil, eperm},
		{"too old", deny(`{` + chmod + `, "includes": {"minKernel": "6.10"}}`), plain, "chmod", nil, Allow},
		{"excluded from this kernel on", deny(`{` + chmod + `, "excludes": {"minKernel": "6.1"}}`), plain, "chmod", nil, Allow},

		{"the default's action says nothing", `{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{` + chmod + `}, {"names": ["chmod"], "action": "SCMP_ACT_ALLOW"}]}`, plain, "chmod", nil, Allow},
		{"first of two", deny(`{` + chmod + `}, {"names": ["chmod"], "action": "SCMP_ACT_TRAP"}`), plain, "chmod", nil, eperm},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := ParseProfile([]byte(tt.profile), tt.facts)
			if err != nil {
				t.Fatal(err)
			}
			c := call(t, tt.facts.Arch, tt.call, tt.args...)
			if got := compile(t, p.Policy, tt.facts.Arch).run(t, c); got != tt.want {
				t.Errorf("%s%#x: %s, want %s", tt.call, tt.args, got, tt.want)
			}
		})
	}
}

func TestParseProfileErrors(t *testing.T) {
	rule := func(r string) string {
		return `{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_LOG"}, ` + r + `]}`
	}
	arg := func(a string) string {
		return rule(`{"names": ["read"], "action": "SCMP_ACT_TRAP", "args": [` + a + `]}`)
	}
	tests := []struct{ name, profile, want string }{
		{"empty", ``, "line 1, column 1"},
		{"syntax", "{\n  \"defaultAction\": SCMP\n}", "line 2, column 20"},
		{"trailing", `{"defaultAction": "SCMP_ACT_ALLOW"} {}`, "more than one value"},
		{"not an object", `[]`, "$: is a list; want an object"},
		{"no default", `{}`, "$: defaultAction is missing"},
		{"unknown key", `{"defaultAction": "SCMP_ACT_ALLOW", "sysscalls": []}`, `$: unknown key "sysscalls"`},
		{"unknown action", `{"defaultAction": "ALLOW"}`, `$.defaultAction: unknown action "ALLOW"`},
		{"action is a number", `{"defaultAction": 1}`, "$.defaultAction: is a number; want a string"},
		{"notify", rule(`{"names": ["read"], "action": "SCMP_ACT_NOTIFY"}`), "$.syscalls[1].action: SCMP_ACT_NOTIFY"},
		{"errno out of range", `{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 65536}`, "$.defaultErrnoRet: is 65536"},
		{"no names", rule(`{"action": "SCMP_ACT_TRAP"}`), "$.syscalls[1]: names is missing"},
		{"name is a number", rule(`{"names": ["read", 5], "action": "SCMP_ACT_TRAP"}`), "$.syscalls[1].names[1]: is a number"},
		{"rule key", rule(`{"names": ["read"], "action": "SCMP_ACT_TRAP", "arg": []}`), `$.syscalls[1]: unknown key "arg"`},
		{"index", arg(`{"index": 6, "value": 0, "op": "SCMP_CMP_EQ"}`), "$.syscalls[1].args[0].index: is 6; want a whole number from 0 to 5"},
		{"negative", arg(`{"index": 0, "value": -1, "op": "SCMP_CMP_EQ"}`), "$.syscalls[1].args[0].value: is -1"},
		{"fraction", arg(`{"index": 0, "value": 1.5, "op": "SCMP_CMP_EQ"}`), "$.syscalls[1].args[0].value: is 1.5"},
		{"op", arg(`{"index": 0, "value": 1, "op": "=="}`), `$.syscalls[1].args[0].op: unknown comparison "=="`},
		{"no op", arg(`{"index": 0, "value": 1}`), "$.syscalls[1].args[0]: op is missing"},
		{"other machine", `{"defaultAction": "SCMP_ACT_ALLOW", "archMap": [{"architecture": "SCMP_ARCH_S390X", "subArchitectures": []}]}`, "the profile is for SCMP_ARCH_S390X"},
		{"kernel", rule(`{"names": ["read"], "action": "SCMP_ACT_TRAP", "includes": {"minKernel": "six"}}`), `$.syscalls[1].includes.minKernel: is "six"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseProfile([]byte(tt.profile), plain)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestParseProfileNotesUnknownNames(t *testing.T) {
	p, err := ParseProfile([]byte(`{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
		{"names": ["chmmod", "socketcall", "s390_pci_mmio_read", "read"], "action": "SCMP_ACT_ERRNO"}]}`), plain)
	if err != nil {
		t.Fatal(err)
	}
	if want := `$.syscalls[0].names[0]: no system call is named "chmmod"`; len(p.Unknown) != 1 || p.Unknown[0] != want {
		t.Errorf("unknown: %q, want only %q", p.Unknown, want)
	}
}

// TestProfileFiles keeps the profiles that the lab serves to the lists in calls.go.
func TestProfileFiles(t *testing.T) {
	for file, policy := range map[string]Policy{
		"default.json":          Default(),
		"default-no-chmod.json": Default(words(modeCalls)...),
	} {
		t.Run(file, func(t *testing.T) {
			path := filepath.Join("../../assets/profiles", file)
			want, err := policy.MarshalProfile()
			if err != nil {
				t.Fatal(err)
			}
			if *update {
				if err := os.WriteFile(path, want, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			got, err := os.ReadFile(path)
			if err != nil {
				t.Skipf("not in the source tree: %v", err)
			}
			if string(got) != string(want) {
				t.Errorf("%s is not what calls.go says; go test -run TestProfileFiles -update rewrites it", path)
			}
			for _, arch := range []Arch{AMD64, ARM64} {
				profile, err := ParseProfile(got, Facts{Arch: arch})
				if err != nil {
					t.Fatal(err)
				}
				read, direct := compile(t, profile.Policy, arch), compile(t, policy, arch)
				for name := range calls().numbers[arch] {
					for _, arg := range []uint64{0, unix.AF_VSOCK, unix.CLONE_NEWUSER, uint64(unix.SIGCHLD)} {
						c := call(t, arch, name, arg)
						if got, want := read.run(t, c), direct.run(t, c); got != want {
							t.Errorf("%s: %s(%#x): %s as JSON, %s in Go", arch, name, arg, got, want)
						}
					}
				}
			}
		})
	}
}

func TestDefault(t *testing.T) {
	eperm := Errno(unix.EPERM)
	whole, noChmod := compile(t, Default(), AMD64), compile(t, Default(words(modeCalls)...), AMD64)
	for _, tt := range []struct {
		name          string
		arg           uint64
		want, noChmod Action
	}{
		{"chmod", 0, Allow, eperm},
		{"fchmod", 0, Allow, eperm},
		{"fchmodat", 0, Allow, eperm},
		{"fchmodat2", 0, Allow, eperm},
		{"chown", 0, Allow, Allow},
		{"openat", 0, Allow, Allow},
		{"ptrace", 0, Allow, Allow},
		{"clone", uint64(unix.SIGCHLD), Allow, Allow},
		{"clone", unix.CLONE_NEWUSER | uint64(unix.SIGCHLD), eperm, eperm},
		{"clone3", 0, Errno(unix.ENOSYS), Errno(unix.ENOSYS)},
		{"unshare", 0, eperm, eperm},
		{"setns", 0, eperm, eperm},
		{"mount", 0, eperm, eperm},
		{"umount2", 0, eperm, eperm},
		{"pivot_root", 0, eperm, eperm},
		{"chroot", 0, eperm, eperm},
		{"keyctl", 0, eperm, eperm},
		{"bpf", 0, eperm, eperm},
		{"reboot", 0, eperm, eperm},
		{"init_module", 0, eperm, eperm},
		{"io_uring_setup", 0, eperm, eperm},
		{"userfaultfd", 0, eperm, eperm},
		{"open_by_handle_at", 0, eperm, eperm},
		{"clock_settime", 0, eperm, eperm},
		{"socket", unix.AF_INET, Allow, Allow},
		{"socket", unix.AF_VSOCK, eperm, eperm},
	} {
		c := call(t, AMD64, tt.name, tt.arg)
		if got := whole.run(t, c); got != tt.want {
			t.Errorf("default: %s(%#x): %s, want %s", tt.name, tt.arg, got, tt.want)
		}
		if got := noChmod.run(t, c); got != tt.noChmod {
			t.Errorf("default-no-chmod: %s(%#x): %s, want %s", tt.name, tt.arg, got, tt.noChmod)
		}
	}
}

// FuzzParseProfile: whatever is parsed compiles, or says that it is too long, and the program agrees with the rules.
func FuzzParseProfile(f *testing.F) {
	whole, err := Default().MarshalProfile()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole, uint32(90), uint64(0))
	f.Add([]byte(`{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_TRACE", "errnoRet": 3,
		"args": [{"index": 0, "value": 4, "valueTwo": 4, "op": "SCMP_CMP_MASKED_EQ"}], "includes": {"minKernel": "4.8"}}]}`),
		uint32(0), uint64(4))
	f.Fuzz(func(t *testing.T, data []byte, nr uint32, arg uint64) {
		p, err := ParseProfile(data, plain)
		if err != nil {
			return
		}
		filter, err := p.Compile(AMD64)
		if err != nil {
			if !strings.Contains(err.Error(), "the kernel takes") {
				t.Fatal(err)
			}
			return
		}
		c := Call{Audit: unix.AUDIT_ARCH_X86_64, Nr: nr, Args: [6]uint64{arg, arg, arg, arg, arg, arg}}
		if got, want := load(t, filter).run(t, c), p.Decide(AMD64, c); got != want {
			t.Errorf("%+v: %s, want %s", c, got, want)
		}
	})
}
