package panel

import (
	"fmt"

	"glassbox/sandbox/kernel"
)

// seccomp shows which processes run behind filters, beyond the one that is around the whole sandbox.
type seccomp struct{}

// SeccompReading is the reading of the panel seccomp.
type SeccompReading struct {
	Processes []SeccompRow `json:"processes"`
	Front     int          `json:"front"` // pid of the process in front
}

// SeccompRow is one process.
type SeccompRow struct {
	Pid        int    `json:"pid"`
	Comm       string `json:"comm"`
	Mode       string `json:"mode"`    // disabled, strict or filter
	Filters    int    `json:"filters"` // the sandbox's included
	Own        int    `json:"own"`     // those that the learner added
	NoNewPrivs bool   `json:"no_new_privs"`
}

func (seccomp) Name() string      { return "seccomp" }
func (seccomp) Title() string     { return "Seccomp" }
func (seccomp) Want() kernel.Want { return kernel.WantProcesses }

func (seccomp) Read(v *kernel.View, front *kernel.Process) (any, []string) {
	reading := SeccompReading{Processes: []SeccompRow{}, Front: front.Pid}
	walk(v, func(p *kernel.Process, _ int) {
		reading.Processes = append(reading.Processes, SeccompRow{
			Pid: p.Pid, Comm: p.Comm, Mode: p.Seccomp, Filters: p.SeccompFilters, Own: p.OwnFilters, NoNewPrivs: p.NoNewPrivs,
		})
	})
	return reading, []string{fmt.Sprintf("/proc/%d/status", front.Pid)}
}
