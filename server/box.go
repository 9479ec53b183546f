package server

import (
	"context"

	"glassbox/sandbox/kernel"
	"glassbox/server/lesson"
	"glassbox/server/terminal"
)

// Box is a learner's sandbox as the server sees it. Package server does not know how sandboxes are made; the command that
// wires everything does.
//
// A Box may also have a method Hostname() string, which is what its shells call it; otherwise its ID is shown.
type Box interface {
	ID() string
	// Open starts one more shell on a pty of the box's own. The shell may have a method Foreground() int: the host's
	// number of the process group in front of the terminal, 0 if there is none.
	Open(ctx context.Context, size terminal.Size) (terminal.Shell, error)
	// Source says where the box's kernel state is read.
	Source() kernel.Source
	// Done is closed when the box has ended, by Close or by itself: its PID 1 was killed, or called reboot(2).
	Done() <-chan struct{}
	// Close ends the box and leaves nothing of it behind. It may be called after the box has ended, and more than once.
	Close(ctx context.Context) error
}

// Builder builds boxes. An error of Build is shown to the learner: it should say which step failed and what to do.
type Builder interface {
	Build(ctx context.Context, needs lesson.Needs) (Box, error)
}
