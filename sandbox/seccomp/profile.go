package seccomp

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Facts are what a profile's includes and excludes ask about the place where it is loaded.
type Facts struct {
	Arch         Arch
	Capabilities []string // "CAP_SYS_ADMIN"
	Kernel       [2]int   // 6, 1
}

// Profile is a policy read from Docker's JSON format, with what did not become part of it.
type Profile struct {
	Policy
	// Unknown are the names that no architecture has a call for, each with its place: calls of a newer kernel, or typing
	// mistakes. An engine passes over them in silence.
	Unknown []string
}

// ParseProfile reads a profile in the format of `docker run --security-opt seccomp=FILE`. What Docker's format has and this
// reads: defaultAction, defaultErrnoRet, archMap or architectures, and syscalls with names (or name), action, errnoRet, args,
// comment, includes and excludes with caps, arches and minKernel. Errors name the place, "$.syscalls[3].args[0].op: …";
// an unknown key is an error.
//
// Meanings are libseccomp's, as runc uses it: arguments are compared as 64 bits; conditions on different arguments must
// all hold, and of several on the same argument one must; a rule with the default's action says nothing. Where two rules
// contradict each other the first one decides. The one difference: the archMap's other architectures (32-bit programs) stay refused.
func ParseProfile(data []byte, facts Facts) (*Profile, error) {
	root, err := parseJSON(data)
	if err != nil {
		return nil, err
	}
	top, err := root.object("defaultAction", "defaultErrnoRet", "archMap", "architectures", "syscalls")
	if err != nil {
		return nil, err
	}
	p := &Profile{}
	if p.Default, err = parseAction(root, top, "defaultAction", "defaultErrnoRet"); err != nil {
		return nil, err
	}
	if err := checkArch(top, facts.Arch); err != nil {
		return nil, err
	}
	rules, err := top["syscalls"].list()
	if err != nil {
		return nil, err
	}
	for _, r := range rules {
		if err := p.parseRule(r, facts); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// scmpActions maps libseccomp's names; those with data are in parseAction.
var scmpActions = map[string]Action{
	"SCMP_ACT_ALLOW":        Allow,
	"SCMP_ACT_LOG":          Log,
	"SCMP_ACT_TRAP":         Trap,
	"SCMP_ACT_KILL":         KillThread,
	"SCMP_ACT_KILL_THREAD":  KillThread,
	"SCMP_ACT_KILL_PROCESS": KillProcess,
}

// parseAction reads an action and the errno beside it, which is EPERM where the profile gives none.
func parseAction(at jsonValue, members map[string]jsonValue, key, errnoKey string) (Action, error) {
	j, ok := members[key]
	if !ok {
		return 0, at.errorf("%s is missing", key)
	}
	name, err := j.text()
	if err != nil {
		return 0, err
	}
	data := uint64(unix.EPERM)
	if e, ok := members[errnoKey]; ok {
		if data, err = e.number(unix.SECCOMP_RET_DATA); err != nil {
			return 0, err
		}
	}
	switch name {
	case "SCMP_ACT_ERRNO":
		return Errno(unix.Errno(data)), nil
	case "SCMP_ACT_TRACE":
		return Trace(uint16(data)), nil
	case "SCMP_ACT_NOTIFY":
		return 0, j.errorf("SCMP_ACT_NOTIFY wants a process that listens, and there is none here")
	}
	if do, ok := scmpActions[name]; ok {
		return do, nil
	}
	return 0, j.errorf("unknown action %q; there are SCMP_ACT_ALLOW, _ERRNO, _LOG, _TRAP, _TRACE, _KILL_THREAD, _KILL_PROCESS", name)
}

// scmpArch are libseccomp's names for the architectures.
var scmpArch = map[Arch]string{AMD64: "SCMP_ARCH_X86_64", ARM64: "SCMP_ARCH_AARCH64"}

// checkArch refuses a profile that lists architectures, but not this one: none of its rules would be about this machine.
func checkArch(top map[string]jsonValue, arch Arch) error {
	var listed []string
	archMap, err := top["archMap"].list()
	if err != nil {
		return err
	}
	for _, entry := range archMap {
		m, err := entry.object("architecture", "subArchitectures")
		if err != nil {
			return err
		}
		name, err := m["architecture"].text()
		if err != nil {
			return err
		}
		if _, err := m["subArchitectures"].texts(); err != nil {
			return err
		}
		listed = append(listed, name)
	}
	plain, err := top["architectures"].texts()
	if err != nil {
		return err
	}
	listed = append(listed, plain...)
	if len(listed) > 0 && !slices.Contains(listed, scmpArch[arch]) {
		return fmt.Errorf("$: the profile is for %s, and this machine is %s", strings.Join(listed, ", "), scmpArch[arch])
	}
	return nil
}

func (p *Profile) parseRule(j jsonValue, facts Facts) error {
	m, err := j.object("name", "names", "action", "errnoRet", "args", "comment", "includes", "excludes")
	if err != nil {
		return err
	}
	do, err := parseAction(j, m, "action", "errnoRet")
	if err != nil {
		return err
	}
	names, err := p.parseNames(j, m)
	if err != nil {
		return err
	}
	alternatives, err := parseArgs(m["args"])
	if err != nil {
		return err
	}
	included, err := parseFilter(m["includes"], facts, true)
	if err != nil {
		return err
	}
	excluded, err := parseFilter(m["excludes"], facts, false)
	if err != nil {
		return err
	}
	if !included || excluded || do == p.Default {
		return nil
	}
	for _, when := range alternatives {
		p.Rules = append(p.Rules, Rule{Names: names, When: when, Do: do})
	}
	return nil
}

// parseNames returns the known names of a rule, and notes the others.
func (p *Profile) parseNames(j jsonValue, m map[string]jsonValue) ([]string, error) {
	items, err := m["names"].list()
	if err != nil {
		return nil, err
	}
	if single, ok := m["name"]; ok {
		items = append(items, single)
	}
	if len(items) == 0 {
		return nil, j.errorf("names is missing or empty")
	}
	var names []string
	for _, item := range items {
		name, err := item.text()
		if err != nil {
			return nil, err
		}
		if calls().known[name] {
			names = append(names, name)
		} else {
			p.Unknown = append(p.Unknown, fmt.Sprintf("%s: no system call is named %q", item.path, name))
		}
	}
	return names, nil
}

// scmpOps maps libseccomp's comparisons but SCMP_CMP_MASKED_EQ, whose value is the mask and valueTwo the value.
var scmpOps = map[string]Op{
	"SCMP_CMP_NE": NotEqual,
	"SCMP_CMP_LT": Less,
	"SCMP_CMP_LE": LessEqual,
	"SCMP_CMP_EQ": Equal,
	"SCMP_CMP_GE": GreaterEqual,
	"SCMP_CMP_GT": Greater,
}

// parseArgs returns the alternatives that a rule's args stand for: each is a list of conditions that must all hold. As in runc,
// two conditions on one argument make every condition an alternative of its own.
func parseArgs(j jsonValue) ([][]Cond, error) {
	items, err := j.list()
	if err != nil {
		return nil, err
	}
	together := []Cond{}
	var alternatives [][]Cond
	seen := map[int]bool{}
	twice := false
	for _, item := range items {
		c, err := parseArg(item)
		if err != nil {
			return nil, err
		}
		twice = twice || seen[c.Arg]
		seen[c.Arg] = true
		together = append(together, c)
		alternatives = append(alternatives, []Cond{c})
	}
	if twice {
		return alternatives, nil
	}
	return [][]Cond{together}, nil
}

func parseArg(j jsonValue) (Cond, error) {
	m, err := j.object("index", "value", "valueTwo", "op")
	if err != nil {
		return Cond{}, err
	}
	for _, key := range []string{"index", "value", "op"} {
		if _, ok := m[key]; !ok {
			return Cond{}, j.errorf("%s is missing", key)
		}
	}
	index, err := m["index"].number(5)
	if err != nil {
		return Cond{}, err
	}
	value, err := m["value"].number(math.MaxUint64)
	if err != nil {
		return Cond{}, err
	}
	var two uint64
	if v, ok := m["valueTwo"]; ok {
		if two, err = v.number(math.MaxUint64); err != nil {
			return Cond{}, err
		}
	}
	name, err := m["op"].text()
	if err != nil {
		return Cond{}, err
	}
	if name == "SCMP_CMP_MASKED_EQ" {
		return Cond{Arg: int(index), Mask: value, Value: two}, nil
	}
	op, ok := scmpOps[name]
	if !ok {
		return Cond{}, m["op"].errorf("unknown comparison %q; there are SCMP_CMP_EQ, _NE, _LT, _LE, _GT, _GE, _MASKED_EQ", name)
	}
	return Cond{Arg: int(index), Op: op, Mask: math.MaxUint64, Value: value}, nil
}

// parseFilter reads includes or excludes and says whether it holds here. Includes want all the capabilities, one of the
// architectures and the kernel; excludes hold when any one of them is met. Without the key, a rule is included and
// not excluded.
func parseFilter(j jsonValue, facts Facts, includes bool) (bool, error) {
	if j.v == nil {
		return includes, nil
	}
	m, err := j.object("caps", "arches", "minKernel")
	if err != nil {
		return false, err
	}
	caps, err := m["caps"].texts()
	if err != nil {
		return false, err
	}
	arches, err := m["arches"].texts()
	if err != nil {
		return false, err
	}
	newEnough := includes
	if k, ok := m["minKernel"]; ok {
		if newEnough, err = k.kernelAtLeast(facts.Kernel); err != nil {
			return false, err
		}
	}
	has := func(c string) bool { return slices.Contains(facts.Capabilities, c) }
	lacks := func(c string) bool { return !has(c) }
	here := slices.Contains(arches, string(facts.Arch))
	if includes {
		return !slices.ContainsFunc(caps, lacks) && (len(arches) == 0 || here) && newEnough, nil
	}
	return slices.ContainsFunc(caps, has) || here || newEnough, nil
}

// kernelAtLeast compares "4.8" with the running kernel.
func (j jsonValue) kernelAtLeast(kernel [2]int) (bool, error) {
	s, err := j.text()
	if err != nil {
		return false, err
	}
	major, minor, _ := strings.Cut(s, ".")
	x, err1 := strconv.Atoi(major)
	y, err2 := strconv.Atoi(minor)
	if err1 != nil || err2 != nil {
		return false, j.errorf("is %q; want a version such as \"4.8\"", s)
	}
	return slices.Compare(kernel[:], []int{x, y}) >= 0, nil
}
