package check

import (
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"glassbox/sandbox/kernel"
	"glassbox/sandbox/store"
)

// container is a store.Container with what the kernel says of its processes.
type container struct {
	*store.Container

	State     string     `expr:"state" file:"mountinfo" doc:"running, paused or stopped, as the kernel says: it runs while a process has its root."`
	Running   bool       `expr:"running" file:"mountinfo" doc:"Whether it runs; a paused one does, too."`
	Pid       int        `expr:"pid" file:"status" doc:"The pid of its first process in the sandbox; 0 while it does not run."`
	Process   *process   `expr:"process" file:"status" doc:"Its first process: its namespaces, capabilities, filters, mounts, control group. exists == false while it does not run."`
	Processes []*process `expr:"processes" file:"mountinfo" doc:"All processes whose root it is."`
	Shares    []string   `expr:"shares" file:"ns" doc:"The kinds of namespaces that it shares with the sandbox, sorted: cgroup, ipc, mnt, net, pid, time, user, uts. An ordinary container shares time and user; on cgroup version 1 cgroup, too."`
	// By a socket the engine keeps a port from being taken by anybody else.
	Published []string `expr:"published" file:"fd" doc:"The ports of the sandbox that are published for it while it runs, sorted: 8080/tcp of docker run -p 8080:80, 127.0.0.1:53/udp of -p 127.0.0.1:53:5353/udp. They are the sockets that its monitor, conmon, the parent of its first process, holds; to which of its own ports they lead no file tells."`
	// Not the engine's word for it, but what --privileged is about.
	Privileged bool `expr:"privileged" file:"status" doc:"Whether its first process has every capability that the sandbox's PID 1 has, and no filter of its own."`

	File func(string) (*kernel.File, error) `expr:"file" doc:"file(PATH): a file of its image or of its changes, without what is mounted in it; file_of(container(NAME).process, PATH) is with that."`
}

// containersOf finds containers by name, each of them once.
func containersOf(s State, processes []*process, with storeWant) func(string) (*container, error) {
	found := map[string]*container{}
	return func(name string) (*container, error) {
		if c := found[name]; c != nil {
			return c, nil
		}
		c := &store.Container{}
		if s.Store != nil {
			var err error
			if c, err = s.Store.Container(name, partsOf(with)); err != nil {
				return nil, err
			}
		}
		x, err := newContainer(c, s.View, processes, with)
		if err == nil {
			found[name] = x
		}
		return x, err
	}
}

// allContainers are all of them.
func allContainers(s State, processes []*process, with storeWant) ([]*container, error) {
	all := []*container{}
	if s.Store == nil {
		return all, nil
	}
	containers, err := s.Store.Containers(partsOf(with))
	if err != nil {
		return all, err
	}
	for _, c := range containers {
		x, err := newContainer(c, s.View, processes, with)
		if err != nil {
			return all, err
		}
		all = append(all, x)
	}
	return all, nil
}

func partsOf(with storeWant) (parts store.Part) {
	if with&wantChanges != 0 {
		parts |= store.Changes
	}
	if with&wantOutput != 0 {
		parts |= store.Output
	}
	return parts
}

// newContainer joins a container of the store with the processes of the View: those whose root is the overlay that writes to the
// container's layer.
func newContainer(c *store.Container, v *kernel.View, processes []*process, with storeWant) (*container, error) {
	x := &container{Container: c, State: "stopped", Published: []string{}, Process: &process{Process: &kernel.Process{}}, File: c.File}
	if !c.Exists || c.Layer == "" {
		return x, nil
	}
	// The engine may have given the kernel a path that is not absolute, but it ends with LAYER/diff.
	layer := path.Join(path.Base(path.Dir(c.Layer)), path.Base(c.Layer))
	for _, p := range processes {
		i := slices.IndexFunc(p.Mounts, func(m *kernel.Mount) bool { return m.Path == "/" })
		if i < 0 || p.Mounts[i].Type != "overlay" || !strings.HasSuffix(p.Mounts[i].Upper, "/"+layer) && p.Mounts[i].Upper != layer {
			continue
		}
		x.Processes = append(x.Processes, p)
		if !x.Process.Exists || first(p, x.Process) {
			x.Process = p
		}
	}
	if !x.Process.Exists {
		return x, nil
	}
	p := x.Process
	if with&wantPublished != 0 && p.Ppid > 1 {
		ports, err := v.FindPorts(v.Process(p.Ppid))
		if err != nil {
			return x, err
		}
		x.Published = append(x.Published, ports...)
	}
	x.Running, x.State, x.Pid = true, "running", p.Pid
	for _, group := range []string{p.Cgroups[""], p.Cgroups["freezer"]} {
		if group != "" && group != "/" && v.Cgroup(group).Frozen {
			x.State = "paused"
		}
	}
	x.Shares = sharedBy(p.Namespaces)
	x.Privileged = p.OwnFilters == 0 && v.Init != nil &&
		!slices.ContainsFunc(v.Init.Capabilities.Effective, func(c string) bool { return !slices.Contains(p.Capabilities.Effective, c) })
	for _, m := range x.Mounts {
		// What the kernel has there is what counts.
		for _, mounted := range p.Mounts {
			if mounted.Path == m.Path {
				m.ReadOnly = mounted.ReadOnly
			}
		}
	}
	return x, nil
}

// first tells whether a process comes before another as the first of a container: the one that is PID 1 of a pid namespace of its own, else
// the one that was started first.
func first(p, other *process) bool {
	own, others := leads(p), leads(other)
	if own != others {
		return own
	}
	return p.Started.Before(other.Started)
}

func leads(p *process) bool { return len(p.Pids) > 1 && p.Pids[len(p.Pids)-1] == 1 }

// sharedBy are the kinds of namespaces that are the sandbox's own, sorted.
func sharedBy(ns kernel.Namespaces) []string {
	shares := []string{}
	for _, kind := range []struct {
		name string
		in   kernel.Namespace
	}{
		{"cgroup", ns.Cgroup}, {"ipc", ns.IPC}, {"mnt", ns.Mount}, {"net", ns.Net}, {"pid", ns.Pid}, {"time", ns.Time}, {"user", ns.User}, {"uts", ns.UTS},
	} {
		if kind.in.ID != 0 && !kind.in.Own {
			shares = append(shares, kind.name)
		}
	}
	return shares
}

// where names the file that fields were read from, the outer one first: the kernel's while it runs, else the store's.
func (c *container) where(fields ...string) string {
	_, stored := fieldOf(reflect.TypeFor[store.Container](), fields[0])
	switch {
	case fields[0] == "process" && len(fields) > 1:
		return placeIn(c.Process, fields[1:]...)
	case fields[0] == "published" && c.Running:
		return "/proc/" + strconv.Itoa(c.Process.Ppid) + "/fd"
	case stored:
		return c.Evidence(tagOf(c.Container, fields...))
	case c.Running:
		return "/proc/" + strconv.Itoa(c.Pid) + "/" + tagOf(c, fields...)
	}
	return c.Evidence("")
}
