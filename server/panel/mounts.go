package panel

import (
	"fmt"

	"glassbox/sandbox/kernel"
)

// mounts shows the mounts that the process in front sees, as a tree.
type mounts struct{}

// MountsReading is the reading of the panel mounts: each mount after the one that it is on.
type MountsReading struct {
	Pid        int        `json:"pid"`       // whose mounts these are
	Namespace  int        `json:"namespace"` // inode number
	Own        bool       `json:"own"`       // not the sandbox's
	Mounts     []MountRow `json:"mounts"`
	Namespaces int        `json:"namespaces"` // how many mount namespaces the sandbox has in all
}

// MountRow is one mount.
type MountRow struct {
	// Key names it by where it is: its path, and a number where it lies on another one of that path. The kernel's number is another in each
	// copy of a namespace, and would have all mounts look changed when a program with a copy comes to the front.
	Key         string   `json:"key"`
	Depth       int      `json:"depth"`
	Path        string   `json:"path"`
	Type        string   `json:"type"`
	Source      string   `json:"source"`
	Root        string   `json:"root"`
	Options     []string `json:"options"`
	Propagation string   `json:"propagation"`
	ReadOnly    bool     `json:"read_only"`
	Lower       []string `json:"lower,omitempty"` // of an overlay, the uppermost first
	Upper       string   `json:"upper,omitempty"`
	Work        string   `json:"work,omitempty"`
}

func (mounts) Name() string  { return "mounts" }
func (mounts) Title() string { return "Mounts" }
func (mounts) Want() kernel.Want {
	return kernel.WantProcesses | kernel.WantNamespaces | kernel.WantMounts
}

func (mounts) Read(v *kernel.View, front *kernel.Process) (any, []string) {
	reading := MountsReading{Pid: front.Pid, Mounts: []MountRow{}, Namespaces: len(v.Mounts)}
	for _, ns := range v.Mounts {
		if ns.ID != front.Namespaces.Mount.ID {
			continue
		}
		reading.Namespace, reading.Own = ns.ID, ns.Own
		at := map[string]int{}
		tree(ns.Mounts, func(m *kernel.Mount, depth int) {
			key := m.Path
			if at[m.Path]++; at[m.Path] > 1 {
				key = fmt.Sprintf("%s %d", m.Path, at[m.Path])
			}
			reading.Mounts = append(reading.Mounts, MountRow{
				Key: key, Depth: depth, Path: m.Path, Type: m.Type, Source: m.Source, Root: m.Root, Options: m.Options,
				Propagation: m.Propagation, ReadOnly: m.ReadOnly, Lower: m.Lower, Upper: m.Upper, Work: m.Work,
			})
		})
	}
	return reading, []string{fmt.Sprintf("/proc/%d/mountinfo", front.Pid)}
}

// tree visits mounts as a tree, in the kernel's order among brothers.
func tree(all []*kernel.Mount, visit func(m *kernel.Mount, depth int)) {
	on := map[int][]*kernel.Mount{}
	known := map[int]bool{}
	for _, m := range all {
		known[m.ID] = true
	}
	for _, m := range all {
		parent := m.Parent
		if !known[parent] || parent == m.ID {
			parent = -1
		}
		on[parent] = append(on[parent], m)
	}
	var descend func(parent, depth int)
	descend = func(parent, depth int) {
		for _, m := range on[parent] {
			visit(m, depth)
			descend(m.ID, depth+1)
		}
	}
	descend(-1, 0)
}
