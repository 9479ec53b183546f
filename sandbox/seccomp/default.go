package seccomp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// newNamespaces are the flags of clone(2) that Docker's default does not let a container without CAP_SYS_ADMIN use:
// CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET.
const newNamespaces = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC |
	unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET

// Default is what Docker's default profile means for a container without capabilities, written anew: everyday calls are
// allowed, new namespaces and mounts are not, and all else fails with EPERM. The calls in without are taken out.
func Default(without ...string) Policy {
	names := slices.DeleteFunc(
		words(modeCalls, fileCalls, memoryCalls, processCalls, eventCalls, timeCalls, socketCalls, confineCalls, spyCalls,
			"modify_ldt socketcall ipc socketpair setsockopt ioctl fanotify_mark"),
		func(name string) bool { return slices.Contains(without, name) })
	slices.Sort(names)

	whole := func(arg int, op Op, value uint64) Cond {
		return Cond{Arg: arg, Op: op, Mask: ^uint64(0), Value: value}
	}
	rules := []Rule{
		{Names: names, Do: Allow},
		{Names: []string{"clone"}, When: []Cond{{Arg: 0, Mask: newNamespaces, Value: 0}}, Do: Allow},
		// Its flags are behind a pointer; C libraries fall back to clone.
		{Names: []string{"clone3"}, Do: Errno(unix.ENOSYS)},
	}
	for _, domain := range []uint64{perLinux, perLinux32, uname26, perLinux32 | uname26, low} {
		rules = append(rules, Rule{Names: []string{"personality"}, When: []Cond{whole(0, Equal, domain)}, Do: Allow})
	}
	rules = append(rules, Rule{Names: []string{"socket"}, When: []Cond{whole(0, NotEqual, unix.AF_VSOCK)}, Do: Allow})
	return Policy{Rules: rules, Default: Errno(unix.EPERM)}
}

// The shape of a profile as it is written. See ParseProfile for what the keys mean.
type (
	profileJSON struct {
		DefaultAction   string     `json:"defaultAction"`
		DefaultErrnoRet *uint32    `json:"defaultErrnoRet,omitempty"`
		ArchMap         []archJSON `json:"archMap"`
		Syscalls        []ruleJSON `json:"syscalls"`
	}
	archJSON struct {
		Architecture     string   `json:"architecture"`
		SubArchitectures []string `json:"subArchitectures"`
	}
	ruleJSON struct {
		Names    []string  `json:"names"`
		Action   string    `json:"action"`
		ErrnoRet *uint32   `json:"errnoRet,omitempty"`
		Args     []argJSON `json:"args,omitempty"`
	}
	argJSON struct {
		Index    int    `json:"index"`
		Value    uint64 `json:"value"`
		ValueTwo uint64 `json:"valueTwo,omitempty"`
		Op       string `json:"op"`
	}
)

// MarshalProfile writes the policy in Docker's JSON format, indented. Docker's format has masks only for equality, so a policy
// with another masked comparison is an error.
func (p Policy) MarshalProfile() ([]byte, error) {
	out := profileJSON{ArchMap: []archJSON{
		{scmpArch[AMD64], []string{"SCMP_ARCH_X86", "SCMP_ARCH_X32"}},
		{scmpArch[ARM64], []string{"SCMP_ARCH_ARM"}},
	}}
	var err error
	if out.DefaultAction, out.DefaultErrnoRet, err = actionJSON(p.Default); err != nil {
		return nil, err
	}
	for _, r := range p.Rules {
		rule := ruleJSON{Names: r.Names}
		if rule.Action, rule.ErrnoRet, err = actionJSON(r.Do); err != nil {
			return nil, err
		}
		for _, c := range r.When {
			arg, err := c.profile()
			if err != nil {
				return nil, err
			}
			rule.Args = append(rule.Args, arg)
		}
		out.Syscalls = append(out.Syscalls, rule)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "\t")
	if err := e.Encode(out); err != nil {
		return nil, fmt.Errorf("seccomp: write profile: %w", err)
	}
	return b.Bytes(), nil
}

func (c Cond) profile() (argJSON, error) {
	if c.Op == Equal && c.Mask != ^uint64(0) {
		return argJSON{Index: c.Arg, Value: c.Mask, ValueTwo: c.Value, Op: "SCMP_CMP_MASKED_EQ"}, nil
	}
	for name, op := range scmpOps {
		if op == c.Op && c.Mask == ^uint64(0) {
			return argJSON{Index: c.Arg, Value: c.Value, Op: name}, nil
		}
	}
	return argJSON{}, fmt.Errorf("seccomp: Docker's format has no word for condition %+v", c)
}

func actionJSON(a Action) (name string, errno *uint32, err error) {
	data := uint32(a & unix.SECCOMP_RET_DATA)
	switch a &^ unix.SECCOMP_RET_DATA {
	case unix.SECCOMP_RET_ERRNO:
		return "SCMP_ACT_ERRNO", &data, nil
	case unix.SECCOMP_RET_TRACE:
		return "SCMP_ACT_TRACE", &data, nil
	case KillThread:
		return "SCMP_ACT_KILL_THREAD", nil, nil
	}
	for name, do := range scmpActions {
		if do == a {
			return name, nil, nil
		}
	}
	return "", nil, fmt.Errorf("seccomp: Docker's format has no word for action %s", a)
}
