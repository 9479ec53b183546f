// Package rig puts a lab together from its parts: the layers of the roots, the gateway, the seccomp filter, the kernel's
// log, and the sandboxes that are built from them. The server, the command line and the tests all use the same rig.
package rig

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"glassbox/sandbox"
	"glassbox/sandbox/image"
	"glassbox/sandbox/kernel"
	"glassbox/sandbox/kmsg"
	"glassbox/sandbox/network"
	"glassbox/sandbox/rootfs"
	"glassbox/sandbox/seccomp"
)

// Config says where things are. The programs are those of the build, see package assets.
type Config struct {
	State    string // what a lab keeps: its authority, its learners' progress, scratch images; on a disk with room
	Cache    string // layers, which labs may share; empty for the user's cache directory
	Alpine   string // the operator's own copy of Alpine's tarball, or the directory that holds it; may be empty
	Run      string // see sandbox.Config
	Programs func(name string) ([]byte, error)
	Profiles fs.FS                   // seccomp profiles that the gateway serves
	Layers   []string                // optional layers to make ready, such as docker
	Sites    map[string]http.Handler // more that the gateway serves, by host name
	Spares   int                     // see sandbox.Config
	Pull     int64                   // bytes of images from elsewhere that learners may pull through the lab; 0: none, see image.Upstream
	Progress func(rootfs.Progress)   // hears what the first start, which builds layers, is doing; may be nil
	Log      *slog.Logger
}

// Rig is a lab with its parts.
type Rig struct {
	Lab     *sandbox.Lab
	Root    *rootfs.Root
	Gateway *network.Gateway
	Log     *kmsg.Reader

	config   Config
	registry *image.Registry
	packages image.Packages
	extras   extras
}

// Open prepares all that sandboxes need. The first time on a machine it builds the layers, which takes about a minute;
// later it takes a fraction of a second.
func Open(ctx context.Context, config Config) (_ *Rig, err error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("sandboxes are built by root: run it with sudo")
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	r := &Rig{config: config}
	defer func() {
		if err != nil {
			_ = r.Close(ctx)
		}
	}()
	if r.Root, err = Layers(ctx, config); err != nil {
		return nil, err
	}
	r.registry = image.NewRegistry()
	if config.Pull > 0 {
		if r.registry.Upstream, err = image.NewUpstream(filepath.Join(config.State, "pulled"), config.Pull); err != nil {
			return nil, err
		}
	}
	sites := map[string]http.Handler{}
	for _, host := range r.registry.Hosts() {
		sites[host] = r.registry
	}
	sites[image.NPMHost] = &r.packages
	maps.Copy(sites, config.Sites)
	offer := network.Config{State: config.State, Profiles: config.Profiles, Sites: sites, Log: config.Log}
	if r.Root.Kind == rootfs.Alpine {
		offer.Alpine = r.Root.Tarball
	} else {
		offer.StandIn = r.Root.Tarball
	}
	r.Gateway, err = network.Open(ctx, offer)
	if err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	if r.Log, err = kmsg.Open(context.WithoutCancel(ctx), "/dev/kmsg", config.Log); err != nil {
		return nil, fmt.Errorf("kernel log: %w", err)
	}
	init, err := config.Programs("glassbox-init")
	if err != nil {
		return nil, err
	}
	lab := sandbox.Config{
		Dir: filepath.Join(config.State, "sandboxes"), Init: init, Network: cables{r.Gateway},
		Spares: config.Spares, Run: config.Run, Log: config.Log,
	}
	if lab.Filter, err = filter(seccomp.Options{}); err != nil {
		return nil, err
	}
	if lab.Engine, err = filter(seccomp.Options{Netfilter: true}); err != nil {
		return nil, err
	}
	if r.Root.Tools == nil {
		lab.Shell = "sh" // bash comes with the tools
	}
	for _, l := range r.Root.Layers {
		lab.Layers = append(lab.Layers, sandbox.Layer{Name: l.Name, Image: l.Image})
	}
	if r.Lab, err = sandbox.Open(ctx, lab); err != nil {
		return nil, err
	}
	for _, name := range config.Layers {
		if err := r.Offer(ctx, name); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// filter compiles the sandboxes' seccomp filter for this machine.
func filter(options seccomp.Options) ([]byte, error) {
	f, err := seccomp.Sandbox(options).Compile(seccomp.Arch(runtime.GOARCH))
	if err != nil {
		return nil, fmt.Errorf("seccomp: %w", err)
	}
	return f.Bytes(), nil
}

// Layers prepares the images of the roots, with what is the lab's own in the topmost.
func Layers(ctx context.Context, config Config) (*rootfs.Root, error) {
	c, err := roots(config)
	if err != nil {
		return nil, err
	}
	return rootfs.Prepare(ctx, c)
}

// Look is Layers for doctor: it builds and downloads nothing. What is not there yet is [rootfs.ErrNotPrepared].
func Look(ctx context.Context, config Config) (*rootfs.Root, error) {
	if _, err := os.Stat(filepath.Join(config.State, "ca.pem")); err != nil {
		return nil, fmt.Errorf("%w: %s holds no lab yet", rootfs.ErrNotPrepared, config.State)
	}
	c, err := roots(config)
	if err != nil {
		return nil, err
	}
	return rootfs.Look(ctx, c)
}

// roots says what the roots are made of.
func roots(config Config) (rootfs.Config, error) {
	if err := os.MkdirAll(config.State, 0o700); err != nil {
		return rootfs.Config{}, fmt.Errorf("state directory: %w", err)
	}
	ca, err := network.OpenCA(config.State)
	if err != nil {
		return rootfs.Config{}, err
	}
	loader, err := config.Programs("seccomp-run")
	if err != nil {
		return rootfs.Config{}, err
	}
	return rootfs.Config{
		Alpine: config.Alpine, Cache: config.Cache, CA: ca.Certificate, Progress: config.Progress, Log: config.Log,
		Files: []rootfs.File{
			{Path: "/etc/resolv.conf", Content: []byte("nameserver " + network.GatewayAddress + "\n")},
			{Path: "/usr/local/bin/seccomp-run", Mode: 0o755, Content: loader},
		},
	}, nil
}

// Start builds a sandbox as every learner gets it: with $URL, where the Alpine tarball is, in its environment, and with the
// kernel's lines about it in its dmesg.
func (r *Rig) Start(ctx context.Context, spec sandbox.Spec) (*sandbox.Sandbox, error) {
	spec.Env = append([]string{"URL=" + r.Gateway.URL}, spec.Env...)
	layers, err := r.extras.wanted(spec.Layers)
	if err != nil {
		return nil, err
	}
	spec.Layers = layers
	s, err := r.Lab.Start(ctx, spec)
	if err != nil {
		return nil, err
	}
	feed := r.Log.Follow(kmsg.Subject{
		Group: s.GroupPath(), FirstUID: s.Source().FirstUID, UIDs: idsOfOne, Owns: s.Owns,
		Deliver: func(lines []kmsg.Line) { deliver(s, lines) },
	})
	go func() {
		<-s.Done()
		feed.Close()
	}()
	return s, nil
}

// idsOfOne is how many host ids a sandbox has.
const idsOfOne = 65536

// deliver hands a sandbox its lines, as text for dmesg and as values for panels and checks.
func deliver(s *sandbox.Sandbox, lines []kmsg.Line) {
	var text strings.Builder
	var values []kernel.LogLine
	for _, l := range lines {
		text.WriteString(l.Raw())
		values = append(values, kernel.LogLine{Time: l.Read, Seq: l.Seq, Text: l.Text})
	}
	s.AddLog(text.String(), values...)
}

// Close ends all sandboxes, and the gateway after them.
func (r *Rig) Close(ctx context.Context) error {
	var errs []error
	if r.Lab != nil {
		errs = append(errs, r.Lab.Close(ctx))
	}
	if r.Log != nil {
		errs = append(errs, r.Log.Close())
	}
	if r.Gateway != nil {
		errs = append(errs, r.Gateway.Close())
	}
	return errors.Join(errs...)
}

// cables lets the lab use the gateway.
type cables struct{ gateway *network.Gateway }

func (c cables) Attach(ctx context.Context, pid int) (sandbox.Link, error) {
	return c.gateway.Attach(ctx, pid)
}
