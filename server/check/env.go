package check

import (
	"slices"
	"strconv"
	"strings"

	"glassbox/sandbox/kernel"
	"glassbox/sandbox/store"
)

// State is what checks are judged by: the kernel's view of a sandbox, what its container engine keeps, and the machine it is on.
type State struct {
	View  *kernel.View
	Store *store.Store
	Facts kernel.HostFacts
}

// env is what an expression sees. Its fields are the names that it can use; the doc tags make the reference for authors.
type env struct {
	Processes  []*process          `expr:"processes" doc:"The processes of the sandbox, parents and children alike. Where the exercise says when: ever, also those that were there since the look before."`
	Shells     []*process          `expr:"shells" doc:"Those that lead a session on a terminal: the learner's shells."`
	Cgroups    []*kernel.Cgroup    `expr:"cgroups" doc:"The control groups, each after its parent; the first is the sandbox's root group."`
	Mounts     []*kernel.Mount     `expr:"mounts" doc:"The mounts that the sandbox's PID 1 sees."`
	Interfaces []*kernel.Interface `expr:"interfaces" doc:"The network interfaces of the sandbox's own network namespace."`
	Hostname   string              `expr:"hostname" doc:"The host name of the sandbox's own uts namespace."`
	Log        []kernel.LogLine    `expr:"log" doc:"What the kernel's log says about this sandbox."`
	History    []*process          `expr:"history" doc:"The processes that have ended since the sandbox was built, oldest first; the latest 1,000 or so. Each is as it was when it was last seen, with how it ended."`
	Events     []kernel.Event      `expr:"events" doc:"What happened in the sandbox, oldest first: the lines of the panel timeline; the latest 2,000."`

	Image func(string) (*image, error) `expr:"image" doc:"image(NAME): an image of the sandbox's container engine, named as for docker: image(\"app\"). One that is not there has exists == false."`

	Container  func(string) (*container, error) `expr:"container" doc:"container(NAME): a container of the engine's, by name or id. One that is not there has exists == false."`
	Containers []*container                     `expr:"containers" doc:"The containers of the engine's, the oldest first; those that do not run as well."`

	Process func(int) *process                           `expr:"process" doc:"process(PID): the process with that pid in the sandbox."`
	Cgroup  func(string) (*kernel.Cgroup, error)         `expr:"cgroup" doc:"cgroup(PATH): a control group, such as cgroup(\"demo\"). One that is not there has exists == false."`
	Mount   func(string) *kernel.Mount                   `expr:"mount" doc:"mount(PATH): what is mounted there, as PID 1 sees it; the topmost if there are several."`
	File    func(string) (*kernel.File, error)           `expr:"file" doc:"file(PATH): a file as PID 1 sees it, without what other mount namespaces have there."`
	FileOf  func(*process, string) (*kernel.File, error) `expr:"file_of" doc:"file_of(PROCESS, PATH): a file below a process's own root."`
	Has     func([]string, ...string) bool               `expr:"has_all" doc:"has_all(LIST, WORD, …): whether all words are in a list, such as a capability set."`
	AtLeast func(string) bool                            `expr:"kernel_at_least" doc:"kernel_at_least(\"6.6\"): whether the kernel is that version or a newer one."`
	Version int                                          `expr:"cgroup_version" doc:"2 where the memory controller is on cgroup version 2, else 1."`
	KiB     int                                          `expr:"KiB" doc:"1024 bytes."`
	MiB     int                                          `expr:"MiB" doc:"1024 KiB."`
	GiB     int                                          `expr:"GiB" doc:"1024 MiB."`
}

// process is a kernel.Process with what is read through its namespaces.
type process struct {
	*kernel.Process

	Mounts     []*kernel.Mount     `expr:"mounts" doc:"The mounts that it sees." file:"mountinfo"`
	Hostname   string              `expr:"hostname" doc:"The host name that it sees." file:"ns/uts"`
	Interfaces []*kernel.Interface `expr:"interfaces" doc:"The network interfaces that it sees." file:"net/dev"`
}

// needs says which parts of the View a name of the environment needs; names that are not here need none.
var needs = map[string]kernel.Want{
	"processes":  everyProcess,
	"shells":     everyProcess,
	"process":    everyProcess,
	"cgroups":    kernel.WantCgroups,
	"cgroup":     kernel.WantCgroups,
	"mounts":     kernel.WantMounts,
	"mount":      kernel.WantMounts,
	"interfaces": kernel.WantNetworks,
	"hostname":   kernel.WantHostnames,
	"log":        kernel.WantLog,
	"history":    kernel.WantHistory,
	"events":     kernel.WantEvents,
	"file":       kernel.WantProcesses,
	"file_of":    everyProcess,
	// Nothing of the View; but who wants nothing of it is not looked at.
	"image": kernel.WantProcesses,
	// Whose process it is, its root tells.
	"container":  everyProcess | kernel.WantMounts,
	"containers": everyProcess | kernel.WantMounts,
}

const everyProcess = kernel.WantProcesses | kernel.WantNamespaces | kernel.WantPaths | kernel.WantMaps

// environment makes what expressions see of a state; with tells what they want of the engine's store. The error is about that.
func environment(s State, with storeWant) (env, error) {
	v := s.View
	e := env{
		Cgroups: v.Cgroups, Log: v.Log, Events: v.Events,
		Has: func(list []string, words ...string) bool {
			return !slices.ContainsFunc(words, func(w string) bool { return !slices.Contains(list, w) })
		},
		AtLeast: s.Facts.KernelAtLeast, Version: s.Facts.CgroupVersion,
		KiB: 1 << 10, MiB: 1 << 20, GiB: 1 << 30,
		// With the errors: what we could not read must not look like something that is not there.
		Cgroup: v.FindCgroup,
		File:   func(path string) (*kernel.File, error) { return v.FindFile(nil, path) },
		FileOf: func(p *process, path string) (*kernel.File, error) {
			if p == nil || p.Process == nil {
				return &kernel.File{Path: path}, nil
			}
			return v.FindFile(p.Process, path)
		},
		Image: imagesOf(s.Store, with),
		Mount: v.Mount, Hostname: v.Hostname(), Interfaces: v.Interfaces(),
	}
	mounts, hostnames, networks := map[int][]*kernel.Mount{}, map[int]string{}, map[int][]*kernel.Interface{}
	for _, m := range v.Mounts {
		mounts[m.ID] = m.Mounts
	}
	for _, h := range v.Hostnames {
		hostnames[h.ID] = h.Name
	}
	for _, n := range v.Networks {
		networks[n.ID] = n.Interfaces
	}
	within := func(p *kernel.Process) *process {
		ns := p.Namespaces
		return &process{Process: p, Mounts: mounts[ns.Mount.ID], Hostname: hostnames[ns.UTS.ID], Interfaces: networks[ns.Net.ID]}
	}
	for _, p := range v.Processes {
		x := within(p)
		e.Processes = append(e.Processes, x)
		if p.Shell {
			e.Shells = append(e.Shells, x)
		}
	}
	for _, p := range v.History {
		e.History = append(e.History, within(p))
	}
	if v.Init != nil {
		e.Mounts = mounts[v.Init.Namespaces.Mount.ID]
	}
	e.Process = func(pid int) *process {
		for _, p := range e.Processes {
			if p.Pid == pid {
				return p
			}
		}
		return &process{Process: &kernel.Process{Pid: pid}}
	}
	var err error
	e.Container = containersOf(s, e.Processes, with)
	if with&wantContainers != 0 {
		e.Containers, err = allContainers(s, e.Processes, with)
	}
	return e, err
}

// say writes a value of an expression as a person reads it.
func say(v any) string {
	switch x := v.(type) {
	case nil:
		return "nothing"
	case string:
		return sayText(x)
	case int:
		return sayNumber(x)
	case float64:
		return strconv.FormatFloat(x, 'g', -1, 64)
	case bool:
		if x {
			return "yes"
		}
		return "no"
	case []string:
		if len(x) == 0 {
			return "nothing"
		}
		return strings.Join(x, ", ")
	case []any:
		words := make([]string, 0, len(x))
		for _, e := range x {
			words = append(words, say(e))
		}
		return say(words)
	case []int:
		words := make([]string, 0, len(x))
		for _, e := range x {
			words = append(words, strconv.Itoa(e))
		}
		return say(words)
	}
	return "something else"
}

// sayText writes a text, the beginning of a long one.
func sayText(s string) string {
	const most = 120
	s = strings.TrimRight(strings.ToValidUTF8(s, "?"), "\n")
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	if s == "" {
		return "nothing"
	}
	return s
}

// sayNumber writes a number, with the unit in which it is round.
func sayNumber(n int) string {
	text := strconv.Itoa(n)
	switch {
	case n == kernel.Unlimited:
		return "max"
	case n >= 1<<30 && n%(1<<30) == 0:
		return text + " (" + strconv.Itoa(n>>30) + " GiB)"
	case n >= 1<<20 && n%(1<<20) == 0:
		return text + " (" + strconv.Itoa(n>>20) + " MiB)"
	case n >= 1<<14 && n%(1<<10) == 0:
		return text + " (" + strconv.Itoa(n>>10) + " KiB)"
	}
	return text
}
