package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"glassbox/sandbox"
	"glassbox/sandbox/kernel"
	"glassbox/sandbox/rig"
	"glassbox/server"
	"glassbox/server/lesson"
	"glassbox/server/terminal"
)

// listen hears, until ctx ends, of the processes that begin and end in sandboxes. Where the kernel does not tell it is nil, and the log says
// what that means.
func listen(ctx context.Context, log *slog.Logger) *kernel.Connector {
	c, err := kernel.Listen(ctx, log)
	if err != nil {
		log.Warn("processes that come and go within "+server.LookEvery.String()+" may be missed, in the timeline and by exercises", "error", err)
		return nil
	}
	return c
}

// builder lets the server, and the proofs, have sandboxes.
type builder struct{ rig *rig.Rig }

func (b builder) Build(ctx context.Context, needs lesson.Needs) (server.Box, error) {
	spec := sandbox.Spec{
		Limits: sandbox.DefaultLimits, Scratch: needs.Disk,
		Layers: needs.Layers, Engine: slices.Contains(needs.Layers, rig.EngineLayer),
	}
	if spec.Engine {
		spec.Limits = sandbox.EngineLimits
	}
	if needs.Memory > 0 {
		spec.Limits.Memory = needs.Memory
	}
	if needs.Pids > 0 {
		spec.Limits.Pids = int64(needs.Pids)
	}
	s, err := b.rig.Start(ctx, spec)
	if err != nil {
		return nil, err
	}
	return box{s}, nil
}

// box is a sandbox as the server sees it.
type box struct{ *sandbox.Sandbox }

func (b box) Open(ctx context.Context, size terminal.Size) (terminal.Shell, error) {
	t, err := b.Shell(ctx, sandbox.Command{Rows: size.Rows, Cols: size.Cols})
	if err != nil {
		return nil, fmt.Errorf("open a shell: %w", err)
	}
	return shell{t}, nil
}

// shell is a terminal as the server sees it.
type shell struct{ *sandbox.Terminal }

func (s shell) Resize(size terminal.Size) error { return s.Terminal.Resize(size.Rows, size.Cols) }
