package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"time"

	"github.com/creack/pty"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"glassbox/sandbox"
	"glassbox/sandbox/rig"
)

func shellCommand(f *flags) *cobra.Command {
	var layers []string
	c := &cobra.Command{
		Use:   "shell [-- COMMAND [ARG …]]",
		Short: "Run one sandbox in this terminal",
		Long:  "Build a sandbox, run a shell or a command in it on a terminal of its own, and take it away afterwards.\nThe command's exit status is passed on.",
		Example: "  glassbox shell\n  glassbox shell -- ps aux\n" +
			"  glassbox shell -- sh -c 'cat /proc/self/cgroup'",
		RunE: func(cmd *cobra.Command, args []string) error {
			return runShell(cmd.Context(), f, layers, args, cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
	c.Flags().StringSliceVar(&layers, "tools", nil, "more tools, such as docker")
	return c
}

func runShell(ctx context.Context, f *flags, layers, argv []string, stdin io.Reader, stdout io.Writer) (err error) {
	config, err := f.rig(f.quiet())
	if err != nil {
		return err
	}
	config.Layers = layers
	r, err := rig.Open(ctx, config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shut(ctx, r)) }()
	spec := sandbox.Spec{Limits: sandbox.DefaultLimits, Layers: layers, Engine: slices.Contains(layers, rig.EngineLayer)}
	if spec.Engine {
		spec.Limits = sandbox.EngineLimits
	}
	s, err := r.Start(ctx, spec)
	if err != nil {
		return err
	}
	t, err := s.Shell(ctx, sandbox.Command{Argv: argv})
	if err != nil {
		return err
	}
	defer t.Close()

	if in, ok := stdin.(*os.File); ok && term.IsTerminal(int(in.Fd())) {
		restore, err := mirror(ctx, in, t)
		if err != nil {
			return err
		}
		defer restore()
	} else {
		// What is piped in is typed, and its end is what ^D is on a terminal: again and again, since a shell that has yet to begin does not see
		// it, and a login shell asks once more.
		go func() {
			_, _ = io.Copy(t, stdin)
			tick := time.NewTicker(endEvery)
			defer tick.Stop()
			for {
				if _, err := t.Write([]byte{4}); err != nil {
					return
				}
				<-tick.C
			}
		}()
	}
	go func() {
		<-ctx.Done()
		t.Close()
	}()
	_, err = io.Copy(stdout, t)
	if err != nil && !errors.Is(err, unix.EIO) && !errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("read the terminal: %w", err)
	}
	if ctx.Err() != nil {
		return exitStatus(130)
	}
	status, err := t.Wait()
	if err != nil {
		return err
	}
	if status != 0 {
		return exitStatus(status)
	}
	return nil
}

// endEvery is the time from one ^D to the next at the end of what is piped in.
const endEvery = 250 * time.Millisecond

// mirror makes the user's terminal a window on the sandbox's: raw, and always of the same size. The function that it returns
// undoes that.
func mirror(ctx context.Context, in *os.File, t *sandbox.Terminal) (restore func(), err error) {
	old, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return nil, err
	}
	resized := make(chan os.Signal, 1)
	signal.Notify(resized, unix.SIGWINCH)
	resized <- unix.SIGWINCH // now is the first time
	go func() {
		for {
			select {
			case <-resized:
				if size, err := pty.GetsizeFull(in); err == nil {
					_ = t.Resize(size.Rows, size.Cols)
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	go func() { _, _ = io.Copy(t, in) }()
	return func() {
		signal.Stop(resized)
		_ = term.Restore(int(in.Fd()), old)
	}, nil
}
