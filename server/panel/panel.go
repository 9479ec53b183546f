package panel

import (
	"slices"

	"glassbox/sandbox/kernel"
)

// Panel is one view on a sandbox.
type Panel interface {
	// Name is the word for it in lessons and messages.
	Name() string
	// Title is what the page calls it.
	Title() string
	// Want says which parts of the View it needs.
	Want() kernel.Want
	// Read makes the reading, a value that goes to the browser as JSON, and names the files it came from, as the learner
	// finds them. front is the process in the foreground of the learner's terminal; it is never nil. Read does no input or
	// output of its own.
	Read(v *kernel.View, front *kernel.Process) (reading any, paths []string)
}

// comparing is a panel whose reading depends also on what there was when the learner gave the last command.
type comparing interface {
	ReadSince(before, v *kernel.View, front *kernel.Process) (reading any, paths []string)
}

// All are the panels, in the order in which the page offers them. What happened, the timeline, is no panel of these: it comes from
// events and not from looking, see kernel.Recorder.
func All() []Panel {
	return []Panel{
		memory{}, cgroups{}, processes{}, namespaces{}, capabilities{}, mounts{}, networks{}, seccomp{}, compare{}, log{},
	}
}

// Names are the names of the panels and of the timeline: what a lesson may ask for.
func Names() []string {
	var names []string
	for _, p := range All() {
		names = append(names, p.Name())
	}
	return append(names, Timeline)
}

// Timeline is the name under which lessons ask for the timeline.
const Timeline = "timeline"

// frontOf finds the process in the foreground of the terminal whose foreground process group is given by its host pid, as
// TIOCGPGRP tells it (ioctl_tty(2)); else the foreground of the first shell; else PID 1, since a sandbox has nothing else then.
func frontOf(v *kernel.View, group int) *kernel.Process {
	if p := byHostPid(v, group); p != nil {
		return p
	}
	for _, p := range v.Processes {
		if p.Shell {
			if f := byHostPid(v, p.Foreground); f != nil {
				return f
			}
			return p
		}
	}
	if v.Init != nil {
		return v.Init
	}
	return &kernel.Process{}
}

func byHostPid(v *kernel.View, pid int) *kernel.Process {
	i := slices.IndexFunc(v.Processes, func(p *kernel.Process) bool { return p.HostPid == pid && pid > 0 })
	if i < 0 {
		return nil
	}
	return v.Processes[i]
}

// limit is a limit as JSON has it: null for none, since 2⁶³−1 is not a number that a browser can hold.
func limit(n int) *int {
	if n >= kernel.Unlimited || n < 0 {
		return nil
	}
	return &n
}
