package kernel

import (
	"fmt"
	"strconv"
	"strings"
)

// HostFacts are what lessons and checks may depend on in the machine they run on.
type HostFacts struct {
	// Release is the kernel's release, as uname -r prints it.
	Release string `expr:"kernel_release" json:"release"`
	// Version is the numeric part of Release: major, minor, patch.
	Version [3]int `expr:"-" json:"version"`
	// CgroupVersion is 2 where the memory controller is on cgroup v2, else 1.
	CgroupVersion int `expr:"cgroup_version" json:"cgroup_version"`
	// Layers are the layers that roots can have: alpine, tools, lab, docker.
	Layers []string `expr:"layers" json:"layers"`
}

// KernelAtLeast tells whether the kernel is of that version or a later one: "6.6", "5.19.3". What is no version is never
// reached; see [ParseVersion].
func (f HostFacts) KernelAtLeast(version string) bool {
	least, err := ParseVersion(version)
	if err != nil {
		return false
	}
	for i, n := range f.Version {
		if n != least[i] {
			return n > least[i]
		}
	}
	return true
}

// ParseVersion reads the numeric part of a kernel's version, of one to three numbers: "6.1.0-56-cloud-amd64" is 6, 1, 0.
func ParseVersion(s string) (version [3]int, err error) {
	end := strings.IndexFunc(s, func(c rune) bool { return c != '.' && (c < '0' || c > '9') })
	if end < 0 {
		end = len(s)
	}
	parts := strings.Split(strings.TrimSuffix(s[:end], "."), ".")
	for i := range min(len(parts), len(version)) {
		if version[i], err = strconv.Atoi(parts[i]); err != nil {
			return [3]int{}, fmt.Errorf("%q is not a kernel version", s)
		}
	}
	return version, nil
}
