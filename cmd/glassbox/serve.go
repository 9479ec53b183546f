package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"glassbox/assets"
	"glassbox/sandbox/rig"
	"glassbox/sandbox/rootfs"
	"glassbox/server"
)

// serveOptions are the flags of serve.
type serveOptions struct {
	addr    string
	hosts   []string
	dirs    []string
	builtIn bool
	boxes   int
	pull    int64 // GiB
}

func serveCommand(f *flags) *cobra.Command {
	var o serveOptions
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run the lab",
		Long:  "Serve the lessons, each with sandboxes, in the browser.\nThe first start fetches and builds what sandboxes are made of, which takes about a minute.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runServe(cmd.Context(), f, o, cmd.OutOrStdout())
		},
	}
	c.Flags().StringVar(&o.addr, "addr", "127.0.0.1:8080", "address to listen on")
	c.Flags().StringSliceVar(&o.hosts, "host", nil, "names under which the lab is reached, if not by address; others are refused")
	c.Flags().IntVar(&o.boxes, "boxes", 100, "how many sandboxes may live at a time")
	c.Flags().Int64Var(&o.pull, "pull-through", 0, "let learners pull images of Docker Hub and gcr.io through the lab, which needs internet and keeps so many GiB of them")
	c.Flags().StringArrayVar(&o.dirs, "lessons", nil, "directory of a course, instead of the one that comes with glassbox; may be given several times")
	_ = c.MarkFlagDirname("lessons")
	c.Flags().BoolVar(&o.builtIn, "built-in", false, "teach the course that comes with glassbox too, before those of --lessons")
	return c
}

func runServe(ctx context.Context, f *flags, o serveOptions, w io.Writer) (err error) {
	// First what fails fast.
	listener, err := listenAt(ctx, o.addr)
	if err != nil {
		if errors.Is(err, unix.EADDRINUSE) {
			return fmt.Errorf("%s is taken by another program: choose one with --addr", o.addr)
		}
		return err
	}
	defer listener.Close()
	school, err := openSchool(o.dirs, o.builtIn, f)
	if err != nil {
		return err
	}
	config, err := f.rig(f.log())
	if err != nil {
		return err
	}
	if o.pull < 0 || o.pull > 1<<20 {
		return fmt.Errorf("--pull-through %d: give a number of GiB, such as 20", o.pull)
	}
	config.Spares, config.Pull = 2, o.pull<<30
	tell := config.Progress
	config.Progress = func(p rootfs.Progress) {
		tell(p)
		school.hear(p)
	}
	dist, err := assets.Front()
	if err != nil {
		return err
	}
	school.early, err = server.Begin(server.Config{Assets: dist, Hosts: o.hosts, Log: f.log()}, listener)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, school.early.Stop()) }()
	r, err := rig.Open(ctx, config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shut(ctx, r)) }()
	facts, err := r.Lab.Facts()
	if err != nil {
		return err
	}
	s, err := server.New(server.Config{
		Builder: builder{r}, Courses: school.courses, Assets: dist, State: filepath.Join(config.State, "server"), Host: facts,
		Connector: listen(ctx, f.log()), Root: rootName(r.Root), Notice: notice(r.Root), Hosts: o.hosts, Boxes: o.boxes, Log: f.log(),
	})
	if err != nil {
		return err
	}
	ctx, leave := context.WithCancel(ctx)
	defer school.close()
	defer leave()
	if err := school.early.Stop(); err != nil {
		return err
	}
	fmt.Fprintf(w, "Glassbox is at http://%s/\n", listener.Addr()) // before what is told of the layers to come
	if err := school.open(ctx, s, r); err != nil {
		return err
	}
	return s.Serve(ctx, listener)
}

func listenAt(ctx context.Context, addr string) (*net.TCPListener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return l.(*net.TCPListener), nil // of "tcp" it is always one
}

// notice tells everybody where sandboxes are not what the lessons speak of; empty where they are.
func notice(r *rootfs.Root) string {
	if r.Kind == rootfs.Alpine {
		return ""
	}
	return fmt.Sprintf("The boxes of this lab are made from %s, which stands in for Alpine: %s.", rootName(r), r.Reason)
}

// rootName says what sandboxes are made of.
func rootName(r *rootfs.Root) string {
	if r.Kind == rootfs.Alpine {
		return "Alpine " + r.Version
	}
	return "BusyBox " + r.Version
}
