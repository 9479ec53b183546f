// Glassbox is an interactive teaching lab for Linux containers.
//
//	glassbox serve     the lab, in the browser
//	glassbox shell     one sandbox, in this terminal
//	glassbox doctor    can this machine run it, and what would make it better
//	glassbox lint      are the lessons well-formed
//	glassbox verify    does every exercise work, on this kernel
//	glassbox new       start a lesson
//	glassbox rootfs    make ready what sandboxes are made of
//
// The commands only wire the packages together; what they do lies in sandbox, server and lessons.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"glassbox/assets"
	"glassbox/sandbox/rig"
	"glassbox/sandbox/rootfs"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	defer stop()
	err := command(os.Stdin, os.Stdout, os.Stderr).ExecuteContext(ctx)
	var status exitStatus
	switch {
	case err == nil:
	case errors.As(err, &status):
		os.Exit(int(status))
	default:
		fmt.Fprintln(os.Stderr, "glassbox: "+err.Error())
		os.Exit(1)
	}
}

// exitStatus ends the program with a status and no words: they are said already.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// flags are those that all commands have.
type flags struct {
	state  string
	alpine string
	debug  bool
	stderr io.Writer
}

// command is the whole command line.
func command(stdin io.Reader, stdout, stderr io.Writer) *cobra.Command {
	f := &flags{stderr: stderr}
	root := &cobra.Command{
		Use:           "glassbox",
		Short:         "An interactive teaching lab for Linux containers",
		Long:          "Glassbox serves lessons about Linux containers, each beside a shell in a freshly built sandbox\nwhose walls are glass: panels show what the kernel knows about it.",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.PersistentFlags().StringVar(&f.state, "data", defaultState(), "directory for what the lab keeps")
	root.PersistentFlags().StringVar(&f.alpine, "rootfs", os.Getenv("GLASSBOX_ROOTFS"), "Alpine's minirootfs tarball, or the directory it is in (GLASSBOX_ROOTFS)")
	root.PersistentFlags().BoolVar(&f.debug, "debug", false, "log everything")
	_ = root.MarkPersistentFlagDirname("data")
	_ = root.MarkPersistentFlagFilename("rootfs", "gz")
	root.AddCommand(serveCommand(f), shellCommand(f), doctorCommand(f), lintCommand(), verifyCommand(f), newCommand(), rootfsCommand(f), imagesCommand(f))
	return root
}

// defaultState is GLASSBOX_DATA, or where a system service keeps its state (file-hierarchy(7)).
func defaultState() string {
	if dir := os.Getenv("GLASSBOX_DATA"); dir != "" {
		return dir
	}
	return "/var/lib/glassbox"
}

func (f *flags) log() *slog.Logger {
	level := slog.LevelInfo
	if f.debug {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(f.stderr, &slog.HandlerOptions{Level: level}))
}

// quiet logs only what the user of a command has to know.
func (f *flags) quiet() *slog.Logger {
	if f.debug {
		return f.log()
	}
	return slog.New(slog.NewTextHandler(f.stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// rig is the configuration that the flags ask for.
func (f *flags) rig(log *slog.Logger) (rig.Config, error) {
	state, err := filepath.Abs(f.state)
	if err != nil {
		return rig.Config{}, err
	}
	return rig.Config{
		State: state, Alpine: f.alpine, Programs: assets.Program, Profiles: assets.Profiles(), Log: log,
		Progress: f.progress(),
	}, nil
}

// progress tells what the first start is doing, a line for each step that is not a part of another.
func (f *flags) progress() func(rootfs.Progress) {
	last := ""
	return func(p rootfs.Progress) {
		for p.Of != nil {
			p = *p.Of
		}
		if p.Step == last {
			return
		}
		last = p.Step
		fmt.Fprintln(f.stderr, p.Step+amount(p)+" …")
	}
}

// amount says how much a step has to do, where that is known.
func amount(p rootfs.Progress) string {
	const mega = 1e6
	switch {
	case p.Total == 0:
		return ""
	case p.Unit == rootfs.Bytes:
		return fmt.Sprintf(", %.1f MB", float64(p.Total)/mega)
	case p.Unit == rootfs.Images:
		return fmt.Sprintf(", %d of %d", p.Done+1, p.Total)
	}
	return fmt.Sprintf(", %d %s", p.Total, p.Unit)
}

// closeTimeout bounds how long a command takes to clean up after an interrupt.
const closeTimeout = 30 * time.Second

// shut closes a rig whatever became of ctx.
func shut(ctx context.Context, r *rig.Rig) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	return r.Close(ctx)
}
