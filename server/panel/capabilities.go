package panel

import (
	"fmt"

	"glassbox/sandbox/kernel"
)

// capabilities shows the five capability sets of the process in front.
type capabilities struct{}

// CapabilitiesReading is the reading of the panel capabilities.
type CapabilitiesReading struct {
	Pid  int    `json:"pid"`
	Comm string `json:"comm"`
	// All are the names of all capabilities that the kernel has, in its order: the index is the number of the bit.
	All []string `json:"all"`
	// Sets are the five sets as /proc/PID/status names them, and as bits of All.
	Sets []CapabilitySet `json:"sets"`
	// NoNewPrivs says that no program it runs can gain a capability.
	NoNewPrivs bool `json:"no_new_privs"`
	// OwnUser says that they count only in a user namespace of the process's own, inside the sandbox's.
	OwnUser bool `json:"own_user"`
}

// CapabilitySet is one set.
type CapabilitySet struct {
	Name string   `json:"name"` // CapInh, CapPrm, CapEff, CapBnd, CapAmb
	Hex  string   `json:"hex"`
	Has  []string `json:"has"`
}

func (capabilities) Name() string      { return "capabilities" }
func (capabilities) Title() string     { return "Capabilities" }
func (capabilities) Want() kernel.Want { return kernel.WantProcesses | kernel.WantNamespaces }

func (capabilities) Read(_ *kernel.View, front *kernel.Process) (any, []string) {
	all := kernel.CapabilityNames()
	number := make(map[string]int, len(all))
	for i, name := range all {
		number[name] = i
	}
	reading := CapabilitiesReading{
		Pid: front.Pid, Comm: front.Comm, All: all, NoNewPrivs: front.NoNewPrivs, OwnUser: front.Namespaces.User.Own,
	}
	c := front.Capabilities
	for _, s := range []struct {
		name string
		has  []string
	}{{"CapEff", c.Effective}, {"CapPrm", c.Permitted}, {"CapInh", c.Inheritable}, {"CapBnd", c.Bounding}, {"CapAmb", c.Ambient}} {
		var bits uint64
		for _, name := range s.has {
			bits |= 1 << number[name]
		}
		has := s.has
		if has == nil {
			has = []string{}
		}
		reading.Sets = append(reading.Sets, CapabilitySet{Name: s.name, Hex: fmt.Sprintf("%016x", bits), Has: has})
	}
	return reading, []string{fmt.Sprintf("/proc/%d/status", front.Pid)}
}
