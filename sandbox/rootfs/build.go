package rootfs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

// A builder makes layers in a store.
type builder struct {
	Config
	*teller
	manifest manifest
	store    *store
	lookOnly bool // take what is there; ErrNotPrepared where something is not
}

func newBuilder(config Config) (*builder, error) {
	if config.Cache == "" {
		config.Cache = CacheDir()
	}
	if config.Client == nil {
		config.Client = newClient()
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	m, err := parseManifest(manifestYAML)
	if err != nil {
		return nil, err
	}
	kept, err := openStore(filepath.Join(config.Cache, "rootfs"), config.Log)
	if err != nil {
		return nil, err
	}
	return &builder{Config: config, teller: &teller{hear: config.Progress}, manifest: m, store: kept}, nil
}

func (b *builder) layer(made stamp) Layer {
	return Layer{Name: made.Name, Image: b.store.image(made.Name, made.Digest), Digest: made.Digest}
}

// root prepares the layers from the bottom up.
func (b *builder) root(ctx context.Context) (*Root, error) {
	from, err := b.source(ctx)
	if err != nil {
		return nil, err
	}
	root := &Root{Kind: from.Kind, Version: from.Version, Reason: from.Reason, Tarball: from.Tarball, builder: b}
	add := func(made stamp, err error) error {
		if err == nil {
			root.stamps = append(root.stamps, made)
			root.Layers = append(root.Layers, b.layer(made))
		}
		return err
	}
	if err := add(b.bottom(ctx, from)); err != nil {
		return nil, err
	}
	switch err := add(b.packages(ctx, layerTools, root.stamps)); {
	case errors.Is(err, ErrNoTools):
		root.ToolsReason = err.Error()
		b.Log.Warn("the sandboxes get no tools", "reason", err)
	case err != nil:
		return nil, err
	default:
		root.Tools = maps.Clone(root.stamps[1].Packages)
	}
	if err := add(b.lab(ctx, root.Layers)); err != nil {
		return nil, err
	}
	return root, nil
}

// source gives the tarball of the bottom layer.
func (b *builder) source(ctx context.Context) (source, error) {
	seeker := alpineSeeker{
		release: b.manifest.Alpine, goarch: runtime.GOARCH, given: b.Alpine,
		keep: b.store.path("tarballs"), client: b.Client, progress: b.tell, lookOnly: b.lookOnly,
	}
	found, err := seeker.find(ctx)
	if err == nil {
		b.store.touch(found.Tarball)
		return found, nil
	}
	if errors.Is(err, errUnreachable) || b.lookOnly && errors.Is(err, ErrNotPrepared) {
		return b.standIn(ctx, err)
	}
	return source{}, err
}

// standIn gives the root of busybox and keeps why.
func (b *builder) standIn(ctx context.Context, reason error) (source, error) {
	name := "busybox-root-" + hostRelease() + "-" + runtime.GOARCH
	found := source{Kind: Busybox, Tarball: b.store.path("tarballs", name+".tar.gz"), Reason: reason.Error()}
	version := b.store.path("tarballs", name+".version")
	unlock, err := b.lock(ctx)
	if err != nil {
		return source{}, err
	}
	defer b.unlock(unlock)
	if text, err := os.ReadFile(version); err == nil {
		if found.SHA256, err = tarballDigest(found.Tarball); err == nil {
			found.Version = strings.TrimSpace(string(text))
			b.store.touch(version, found.Tarball)
			return found, nil
		}
	}
	if b.lookOnly {
		return source{}, reason
	}
	b.say("making a root of busybox: " + reason.Error())
	packages, err := openArchive(b.store.path("debs"), b.teller)
	if err != nil {
		return source{}, fmt.Errorf("%w; nor can busybox stand in for it: %w", reason, err)
	}
	work, err := b.store.work()
	if err != nil {
		return source{}, err
	}
	defer b.clear(work)
	found.Version, err = standIn(ctx, packages, b.manifest.Busybox.Package, work, found.Tarball)
	if err != nil {
		return source{}, fmt.Errorf("alpine: %w; nor can busybox stand in for it: %w", reason, err)
	}
	if err := writeFile(version, []byte(found.Version+"\n")); err != nil {
		return source{}, err
	}
	found.SHA256, err = tarballDigest(found.Tarball)
	return found, err
}

// bottom makes the layer of Alpine, or of what stands in for it.
func (b *builder) bottom(ctx context.Context, from source) (stamp, error) {
	d := newDigester(layerAlpine)
	d.add(from.SHA256)
	return b.build(ctx, layerAlpine, d.sum(), func(ctx context.Context, t *tree, _ string) (stamp, error) {
		if err := t.unpackTarball(from.Tarball); err != nil {
			return stamp{}, err
		}
		files, err := t.outline()
		return stamp{Files: files}, err
	})
}

// packages makes a layer of Debian packages above the given ones.
func (b *builder) packages(ctx context.Context, name string, below []stamp) (stamp, error) {
	d := newDigester(name)
	recipe, err := yaml.Marshal(b.manifest.Layers[name])
	if err != nil {
		return stamp{}, err
	}
	files, err := filesOf(name)
	if err != nil {
		return stamp{}, err
	}
	for _, file := range files {
		if err := file.add(d); err != nil {
			return stamp{}, err
		}
	}
	d.add(runtime.GOARCH, hostRelease(), string(recipe), strings.Join(b.manifest.Skip, " "), strings.Join(b.manifest.Drop, " "))
	for _, layer := range below {
		d.add(layer.Digest)
	}
	return b.build(ctx, name, d.sum(), func(ctx context.Context, t *tree, work string) (stamp, error) {
		from, err := openArchive(b.store.path("debs"), b.teller)
		if err != nil {
			return stamp{}, err
		}
		made, err := assemble(ctx, t, from, b.manifest, name, below)
		if err != nil {
			return stamp{}, err
		}
		if err := t.goModules(ctx, b.manifest.Layers[name].Go, filepath.Join(work, "go"), b.store.path("programs"), b.teller); err != nil {
			return stamp{}, fmt.Errorf("layer %s: %w", name, err)
		}
		for _, file := range files {
			if err := file.put(t); err != nil {
				return stamp{}, fmt.Errorf("layer %s: %s: %w", name, file.Path, err)
			}
		}
		return made, nil
	})
}

// lab makes the layer of our own and the caller's files.
func (b *builder) lab(ctx context.Context, below []Layer) (stamp, error) {
	files, err := labInputs(b.Files)
	if err != nil {
		return stamp{}, err
	}
	if err := checkPEM(b.CA); err != nil {
		return stamp{}, err
	}
	d := newDigester(layerLab)
	d.add(string(b.CA))
	var images []string
	for _, layer := range below {
		d.add(layer.Digest)
		images = append(images, layer.Image)
	}
	for _, file := range files {
		if err := file.add(d); err != nil {
			return stamp{}, err
		}
	}
	return b.build(ctx, layerLab, d.sum(), func(ctx context.Context, t *tree, _ string) (stamp, error) {
		if err := t.trust(ctx, b.CA, images); err != nil {
			return stamp{}, err
		}
		for _, file := range files {
			if err := file.put(t); err != nil {
				return stamp{}, fmt.Errorf("lab file %s: %w", file.Path, err)
			}
		}
		return stamp{}, nil
	})
}

// build gives a layer out of the store, or has fill lay it out and makes its image.
func (b *builder) build(ctx context.Context, name, digest string, fill func(context.Context, *tree, string) (stamp, error)) (made stamp, err error) {
	if made, ok := b.store.find(name, digest); ok {
		return made, nil
	}
	if b.lookOnly {
		return stamp{}, fmt.Errorf("layer %s: %w", name, ErrNotPrepared)
	}
	if os.Geteuid() != 0 {
		return stamp{}, fmt.Errorf("build layer %s: %w: run as root, who alone can set the owners of its files", name, os.ErrPermission)
	}
	unlock, err := b.lock(ctx)
	if err != nil {
		return stamp{}, err
	}
	defer b.unlock(unlock)
	if made, ok := b.store.find(name, digest); ok { // by the process that we waited for
		return made, nil
	}
	start := time.Now()
	b.say("building layer " + name)
	work, err := b.store.work()
	if err != nil {
		return stamp{}, err
	}
	defer b.clear(work)
	t, err := newTree(filepath.Join(work, "tree"))
	if err != nil {
		return stamp{}, err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	if err := t.mkdir(".", 0o755, 0, 0, epoch); err != nil {
		return stamp{}, err
	}
	made, err = fill(ctx, t, work)
	if err != nil {
		return stamp{}, err
	}
	made.Name, made.Digest = name, digest
	image := filepath.Join(work, "image")
	if err := t.makeImage(ctx, image, name, digest, b.tell); err != nil {
		return stamp{}, fmt.Errorf("image of layer %s: %w", name, err)
	}
	if err := b.store.keep(image, made); err != nil {
		return stamp{}, err
	}
	b.say("cleaning up") // that includes what is deferred
	b.store.prune()
	b.Log.Info("built a layer", "layer", name, "image", b.store.image(name, digest), "took", time.Since(start).Round(time.Millisecond))
	return made, nil
}

func (b *builder) lock(ctx context.Context) (func() error, error) {
	return b.store.lock(ctx, func() { b.say("waiting for another process that builds layers") })
}

// unlock lets the next one build. A lock that cannot be given back is given back when the process ends.
func (b *builder) unlock(unlock func() error) {
	if err := unlock(); err != nil {
		b.Log.Warn("cannot release the lock of the cache", "err", err)
	}
}

// clear removes what a build laid out; what is left over, the next build removes.
func (b *builder) clear(work string) {
	if err := os.RemoveAll(work); err != nil {
		b.Log.Warn("cannot remove a build's directory", "dir", work, "err", err)
	}
}

// hostRelease names the host's distribution and release, from which the Debian packages come: "debian-12".
func hostRelease() string {
	text, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return "unknown"
	}
	fields := map[string]string{}
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		fields[key] = strings.Trim(value, `"'`)
	}
	return strings.NewReplacer("/", "", " ", "").Replace(fields["ID"] + "-" + fields["VERSION_ID"])
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
