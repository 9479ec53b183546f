// Package rootfs makes the read-only lower layers of every sandbox's root: ext4 images that the sandbox attaches to
// read-only loop devices and stacks, below the learner's own writable layer, into an overlay.
//
//	docker   more Debian packages, only where a lesson asks for them (Root.PrepareLayer)
//	lab      our own files: shell start-up, dmesg wrapper, certificates, what the caller hands in
//	tools    bash, curl, capsh, ps, ifconfig, … from Debian packages, with the libraries they need
//	alpine   Alpine's mini root file system as Alpine releases it, or a root of busybox where it cannot be had
//
// [Prepare] is all that a caller needs:
//
//	root, err := rootfs.Prepare(ctx, rootfs.Config{
//		Alpine: os.Getenv("GLASSBOX_ROOTFS"),
//		CA:     labAuthorityPEM,
//		Files:  []rootfs.File{{Path: "/etc/resolv.conf", Content: resolv}, {Path: "/usr/local/bin/seccomp-run", Mode: 0o755, Source: bin}},
//		Log:    log,
//	})
//	for _, layer := range root.Layers { // bottom to top
//		attach(layer.Image)
//	}
//
// It may be called by any number of processes at once. Layers are named after a digest of what they are made of, are
// built in a directory of their own, get their name when they are complete, and are never written again: the first call
// takes half a minute (downloads), every later one milliseconds. What differs from the manifest is refused; what cannot
// be had is replaced or left out, and [Root.Reason] and [Root.ToolsReason] keep the words for the page and for doctor.
//
// Why ext4 images: docs/adr/0002-ext4-images-as-lower-layers.md.
package rootfs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
)

// Names of the layers that are always there.
const (
	layerAlpine = "alpine"
	layerTools  = "tools"
	layerLab    = "lab"
)

// Kind tells what the bottom layer is.
type Kind string

// The kinds of the bottom layer.
const (
	Alpine  Kind = "alpine"  // Alpine's mini root file system
	Busybox Kind = "busybox" // a root of Debian's busybox-static, which is not Alpine
)

// Config says what the layers are made of besides the manifest.
type Config struct {
	// Alpine is the operator's own copy of Alpine's tarball, or a directory that holds it (--rootfs,
	// GLASSBOX_ROOTFS). Empty: the cache, then Alpine's server, then a root of busybox.
	Alpine string
	// Cache is the directory of images and downloads. Empty: [CacheDir].
	Cache string
	// Files go into the lab layer, above the lab's own of the same path.
	Files []File
	// CA holds certificates in PEM that every program in the sandbox trusts.
	CA []byte
	// Client downloads Alpine's tarball; nil is one with sensible timeouts.
	Client *http.Client
	// Progress hears what is going on; nil is nobody. It is never called twice at a time.
	Progress func(Progress)
	// Log; nil is none.
	Log *slog.Logger
}

// A Layer is one image of a root.
type Layer struct {
	Name   string // alpine, tools, lab, docker
	Image  string // path of the ext4 image; it is never written again
	Digest string // SHA-256 of the layer's inputs, in hexadecimal
}

// A Root is the lower layers of a sandbox's root.
type Root struct {
	Layers      []Layer           // bottom to top
	Kind        Kind              // what the bottom is
	Version     string            // of Alpine, or of busybox
	Reason      string            // why it is not Alpine; empty where it is
	Tarball     string            // path of the bottom layer's .tar.gz, for learners to download
	Tools       map[string]string // Debian package -> version of the tools layer; nil where there is none
	ToolsReason string            // why there are no tools; empty where there are

	builder *builder
	stamps  []stamp // of Layers
}

// CacheDir is where layers are kept by default: GLASSBOX_CACHE, else glassbox in the user's cache directory, else
// /var/cache/glassbox, as for a system's unit that has no HOME.
func CacheDir() string {
	if dir := os.Getenv("GLASSBOX_CACHE"); dir != "" {
		return dir
	}
	if dir, err := os.UserCacheDir(); err == nil {
		return filepath.Join(dir, "glassbox")
	}
	return "/var/cache/glassbox"
}

// Prepare gives the layers of a root, and builds those that are not in the cache. Errors say what to do; those that
// a caller tells apart are [ErrDigest] and ctx's. Building needs root: owners are set.
func Prepare(ctx context.Context, config Config) (*Root, error) {
	b, err := newBuilder(config)
	if err != nil {
		return nil, inWords(err, config.Cache)
	}
	root, err := b.root(ctx)
	if err != nil {
		return nil, fmt.Errorf("prepare the root: %w", inWords(err, b.store.dir))
	}
	return root, nil
}

// Look gives what [Prepare] would give where it is all in the cache already, and downloads and builds nothing, as
// doctor wants it. Else the error is [ErrNotPrepared], with what is missing.
func Look(ctx context.Context, config Config) (*Root, error) {
	b, err := newBuilder(config)
	if err != nil {
		return nil, inWords(err, config.Cache)
	}
	b.lookOnly = true
	return b.root(ctx)
}

// PrepareLayer gives one more layer by its name in the manifest ("docker"), to be laid above r.Layers. It builds it
// where it is not in the cache; r itself does not change. [ErrNoTools] tells that it cannot be had. To add such a layer
// takes nothing but its packages in manifest.yaml.
func (r *Root) PrepareLayer(ctx context.Context, name string) (Layer, error) {
	if _, ok := r.builder.manifest.Layers[name]; !ok || name == layerTools {
		return Layer{}, fmt.Errorf("no optional layer %q in the manifest", name)
	}
	if r.Tools == nil {
		return Layer{}, fmt.Errorf("layer %s: %w", name, errors.Join(ErrNoTools, errors.New(r.ToolsReason)))
	}
	made, err := r.builder.packages(ctx, name, r.stamps[:2])
	if err != nil {
		return Layer{}, fmt.Errorf("prepare layer %s: %w", name, inWords(err, r.builder.store.dir))
	}
	return r.builder.layer(made), nil
}

// OptionalLayers lists the names that [Root.PrepareLayer] takes.
func (r *Root) OptionalLayers() []string {
	names := sortedKeys(r.builder.manifest.Layers)
	return slices.DeleteFunc(names, func(name string) bool { return name == layerTools })
}
