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
// TIOCGPGRP tells it (ioctl_tty(2)); else the foreground of the first shell; else PID 1, since a sandbox has nothing else then. Where
// that is an engine's client, it is whom the client has on the terminal in the container.
func frontOf(v *kernel.View, group int) *kernel.Process {
	front := byHostPid(v, group)
	if front == nil {
		front = &kernel.Process{}
		if v.Init != nil {
			front = v.Init
		}
		if i := slices.IndexFunc(v.Processes, func(p *kernel.Process) bool { return p.Shell }); i >= 0 {
			front = foreground(v, v.Processes[i])
		}
	}
	if p := behind(v, front); p != nil {
		return p
	}
	return front
}

// foreground is who is in the foreground of a process's terminal: itself, where that is not known.
func foreground(v *kernel.View, p *kernel.Process) *kernel.Process {
	if f := byHostPid(v, p.Foreground); f != nil {
		return f
	}
	return p
}

// clients of the engine hand a terminal on to a container, by their names in /proc/PID/comm.
var clients = []string{"podman", "docker-compose"}

// behind finds who is in the foreground of the terminal in a container that a client of the engine's shows; nil where there is none, or p is no
// client. The two know each other by a socket alone. But the engine starts a monitor (conmon) for each container, and for each program that
// is sent into one, which is the parent of what runs in there: the client's is the first that began after the client.
func behind(v *kernel.View, client *kernel.Process) *kernel.Process {
	if !slices.Contains(clients, client.Comm) {
		return nil
	}
	var first, found *kernel.Process
	for _, p := range v.Processes {
		monitor := byHostPid(v, p.HostPpid)
		if p.Foreground <= 0 || monitor == nil || monitor.Comm != "conmon" || monitor.Started.Before(client.Started) {
			continue
		}
		if first == nil || monitor.Started.Before(first.Started) {
			first, found = monitor, p
		}
	}
	if found == nil {
		return nil
	}
	return foreground(v, found)
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
