// Glassbox-init is the first program in a sandbox. It runs twice: as the fence, in a user namespace that limits how
// many namespaces the sandbox may hold, and then as PID 1, which builds the box, lets the learner's shells in, and
// reaps. It speaks with the lab as package handshake tells, and is not meant to be started by hand.
package main

import (
	"fmt"
	"os"
	"runtime/debug"

	"golang.org/x/sys/unix"

	"glassbox/sandbox/handshake"
)

func main() {
	// A sandbox costs what its PID 1 costs, times a hundred learners: collect early, so that the heap stays small.
	debug.SetGCPercent(20)

	role := run
	if len(os.Args) == 2 && os.Args[1] == "fence" {
		role = fence
	} else if len(os.Args) != 2 || os.Args[1] != "init" {
		fmt.Fprintln(os.Stderr, "glassbox-init: the first program of a sandbox; glassbox starts it")
		os.Exit(2)
	}
	if err := role(); err != nil {
		_ = handshake.Send(handshake.FD, handshake.Message{Kind: handshake.Failed, Error: err.Error()})
		os.Exit(1)
	}
}

// run is PID 1: it builds the box and then serves until the lab closes the socket.
func run() error {
	// When the lab dies, so does the sandbox.
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("parent death signal: %w", err)
	}
	unix.CloseOnExec(handshake.FD)
	_ = unix.Close(handshake.InitFD)
	// The kernel named the process after the descriptor that it was executed from; ps should say what it is.
	if err := os.WriteFile("/proc/self/comm", []byte("glassbox-init"), 0); err != nil {
		return fmt.Errorf("name the process: %w", err)
	}

	if err := handshake.Send(handshake.FD, handshake.Message{Kind: handshake.Hello}); err != nil {
		return err
	}
	m, err := handshake.Receive(handshake.FD, handshake.MaxMessage, maxMounts)
	if err != nil {
		return fmt.Errorf("receive the plan: %w", err)
	}
	if m.Kind != handshake.PlanFor || m.Plan == nil || len(m.FDs) != len(m.Plan.Mounts) {
		return fmt.Errorf("receive the plan: got %q with %d descriptors", m.Kind, len(m.FDs))
	}
	box, err := build(m.Plan, m.FDs)
	if err != nil {
		return err
	}
	if err := handshake.Send(handshake.FD, handshake.Message{Kind: handshake.Ready}); err != nil {
		return err
	}
	debug.FreeOSMemory()
	return box.serve()
}
