package kernel

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

func (t *telling) groups() {
	was := map[string]*Cgroup{}
	for _, g := range t.last.Cgroups {
		was[g.Path] = g
	}
	var removed []Event
	for _, g := range t.now.Cgroups {
		before := was[g.Path]
		delete(was, g.Path)
		if before == nil {
			t.sayIn(g, "cgroup", "sandbox", "group %s was made", g.Path)
			before = &Cgroup{
				MemoryMax: Unlimited, MemoryHigh: Unlimited, PidsMax: Unlimited, SwapMax: Unlimited,
				CPUMax: CPUMax{Quota: Unlimited, Period: g.CPUMax.Period}, CPUWeight: 100,
			}
		}
		t.group(before, g)
	}
	for _, g := range t.last.Cgroups {
		if was[g.Path] != nil {
			removed = append(removed, Event{Kind: "cgroup", Scope: "sandbox", Group: g.Path, Text: "group " + g.Path + " was removed"})
		}
	}
	t.several(removed, "%d groups were removed")
}

// sayIn tells something of a group.
func (t *telling) sayIn(g *Cgroup, kind, scope, format string, args ...any) {
	t.events = append(t.events, Event{Kind: kind, Scope: scope, Group: g.Path, Text: fmt.Sprintf(format, args...)})
}

func (t *telling) group(was, g *Cgroup) {
	for _, l := range []struct {
		name     string
		was, now int
		unit     string
	}{
		{"memory limit", was.MemoryMax, g.MemoryMax, "bytes"},
		{"memory is slowed down from", was.MemoryHigh, g.MemoryHigh, "bytes"},
		{"swap limit", was.SwapMax, g.SwapMax, "bytes"},
		{"limit of processes", was.PidsMax, g.PidsMax, ""},
	} {
		if l.was != l.now {
			t.sayIn(g, "cgroup", "sandbox", "%s: %s %s", g.Path, l.name, amount(l.now, l.unit))
		}
	}
	if was.CPUMax != g.CPUMax {
		text := "no processor limit"
		if g.CPUMax.Limited {
			text = fmt.Sprintf("processor limit %d µs in %d µs", g.CPUMax.Quota, g.CPUMax.Period)
		}
		t.sayIn(g, "cgroup", "sandbox", "%s: %s", g.Path, text)
	}
	if was.CPUWeight != g.CPUWeight && g.CPUWeight != 0 {
		t.sayIn(g, "cgroup", "sandbox", "%s: processor weight %d", g.Path, g.CPUWeight)
	}
	if was.Frozen != g.Frozen {
		t.sayIn(g, "cgroup", "sandbox", "%s: %s", g.Path, map[bool]string{true: "frozen", false: "thawed"}[g.Frozen])
	}
	// On v2 a group's counters include those of the groups below it: only the lowest speaks.
	if n := g.MemoryEvents.OOMKill - was.MemoryEvents.OOMKill; n > 0 && !t.below(g, func(g *Cgroup) int { return g.MemoryEvents.OOMKill }) {
		t.sayIn(g, "oom", "refused", "%s: %s", g.Path, times(n, "OOM kill"))
	}
	if n := g.PidsRefused - was.PidsRefused; n > 0 && !t.below(g, func(g *Cgroup) int { return g.PidsRefused }) {
		t.sayIn(g, "cgroup", "refused", "%s: %s refused at the limit of processes", g.Path, times(n, "fork"))
	}
}

// below tells whether a counter has also grown in a group below.
func (t *telling) below(g *Cgroup, count func(*Cgroup) int) bool {
	prefix := strings.TrimSuffix(g.Path, "/") + "/"
	return slices.ContainsFunc(t.now.Cgroups, func(o *Cgroup) bool {
		if o == g || !strings.HasPrefix(o.Path, prefix) {
			return false
		}
		i := slices.IndexFunc(t.last.Cgroups, func(l *Cgroup) bool { return l.Path == o.Path })
		return i >= 0 && count(o) > count(t.last.Cgroups[i]) || i < 0 && count(o) > 0
	})
}

func times(n int, what string) string {
	if n == 1 {
		return what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func amount(n int, unit string) string {
	switch {
	case n >= Unlimited:
		return "none"
	case unit == "":
		return strconv.Itoa(n)
	case n >= 1<<20 && n%(1<<20) == 0:
		return strconv.Itoa(n>>20) + " MiB"
	}
	return strconv.Itoa(n) + " " + unit
}

func (t *telling) mounts() {
	was := map[int]*MountNamespace{}
	for _, ns := range t.last.Mounts {
		was[ns.ID] = ns
	}
	for _, ns := range t.now.Mounts {
		before := was[ns.ID]
		if before == nil {
			continue // its mounts are copies
		}
		t.mountsOf(before, ns)
	}
}

func (t *telling) mountsOf(was, now *MountNamespace) {
	where := ""
	if now.Own {
		where = fmt.Sprintf(" in the mount namespace of pid %d", now.Reader)
	}
	old := map[int]*Mount{}
	for _, m := range was.Mounts {
		old[m.ID] = m
	}
	if was.Reader == now.Reader {
		a, b := topmost(was.Mounts, "/"), topmost(now.Mounts, "/")
		if a.Exists && b.Exists && a.ID != b.ID {
			t.say("mount", scope(now.Own), "the root%s is now another file system: %s (pivot_root)", where, b.Type)
			return // all paths have changed
		}
	} else {
		return // seen through another process, perhaps from another root
	}
	var mounted, gone []Event
	for _, m := range now.Mounts {
		before := old[m.ID]
		delete(old, m.ID)
		switch {
		case before == nil:
			text := fmt.Sprintf("%s was mounted on %s%s", m.Type, m.Path, where)
			if m.Root != "/" {
				text = fmt.Sprintf("%s of a %s was mounted on %s%s", m.Root, m.Type, m.Path, where)
			}
			mounted = append(mounted, Event{Kind: "mount", Scope: scope(now.Own), Text: text})
		case !slices.Equal(before.Options, m.Options):
			t.say("mount", scope(now.Own), "%s is now mounted with %s%s", m.Path, strings.Join(m.Options, ","), where)
		case before.Propagation != m.Propagation:
			t.say("mount", scope(now.Own), "propagation of %s is now %s%s", m.Path, m.Propagation, where)
		}
	}
	for _, m := range was.Mounts {
		if old[m.ID] != nil {
			gone = append(gone, Event{Kind: "mount", Scope: scope(now.Own), Text: fmt.Sprintf("%s was unmounted%s", m.Path, where)})
		}
	}
	t.several(mounted, "%d file systems were mounted"+where)
	t.several(gone, "%d file systems were unmounted"+where)
}

func (t *telling) hostnames() {
	was := map[int]string{}
	for _, h := range t.last.Hostnames {
		was[h.ID] = h.Name
	}
	for _, h := range t.now.Hostnames {
		before, known := was[h.ID]
		if !known && h.Own {
			before = t.last.Hostname() // a new namespace begins with a copy
		} else if !known {
			continue
		}
		if before != h.Name {
			where := ""
			if h.Own {
				where = fmt.Sprintf(" in the uts namespace of pid %d", h.Reader)
			}
			t.say("namespace", scope(h.Own), "host name%s is now %q", where, h.Name)
		}
	}
}

func (t *telling) networks() {
	was := map[int]*Network{}
	for _, n := range t.last.Networks {
		was[n.ID] = n
	}
	for _, n := range t.now.Networks {
		before := was[n.ID]
		if before == nil {
			continue
		}
		where := ""
		if n.Own {
			where = fmt.Sprintf(" in the network namespace of pid %d", n.Reader)
		}
		old := map[string]*Interface{}
		for _, i := range before.Interfaces {
			old[i.Name] = i
		}
		for _, i := range n.Interfaces {
			b := old[i.Name]
			delete(old, i.Name)
			switch {
			case b == nil:
				t.say("network", scope(n.Own), "interface %s is there%s", i.Name, where)
				continue
			case b.Up != i.Up:
				t.say("network", scope(n.Own), "interface %s is %s%s", i.Name, map[bool]string{true: "up", false: "down"}[i.Up], where)
			}
			if !slices.Equal(b.Addresses, i.Addresses) {
				has := "no address"
				if len(i.Addresses) > 0 {
					has = strings.Join(i.Addresses, ", ")
				}
				t.say("network", scope(n.Own), "interface %s has %s%s", i.Name, has, where)
			}
		}
		for _, i := range before.Interfaces {
			if old[i.Name] != nil {
				t.say("network", scope(n.Own), "interface %s is gone%s", i.Name, where)
			}
		}
	}
}
