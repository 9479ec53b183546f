package doctor

import (
	"fmt"
	"path/filepath"

	"glassbox/sandbox/cgroup"
)

func (m Machine) controllers() Finding {
	f := Finding{Name: "cgroup controllers", Source: filepath.Join(m.Proc, "self/mountinfo")}
	host, err := cgroup.Detect(f.Source)
	if err != nil {
		f.Status, f.Found = Missing, err.Error()
		f.Mend = "add cgroup_enable=memory swapaccount=1 to the kernel's command line, and mount cgroup2 at /sys/fs/cgroup"
		return f
	}
	f.Status, f.Found = OK, fmt.Sprintf("memory, pids and cpu, on version %d", host.Version())
	return f
}
