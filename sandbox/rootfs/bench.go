package rootfs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
)

// A Bench is where a layer is laid out whose content another package makes; see [Root.BuildLayer].
type Bench struct {
	Digest string // of the inputs: the Digest that the Layer will have
	Tree   string // the directory of which the image is made; owners and modes are taken as they are
	Work   string // a directory for what is needed on the way; it goes when the build ends
	Keep   string // a directory of the cache that stays, for this maker alone: see [Root.Keep]

	builder *builder
	from    *archive
}

// BuildLayer gives a layer that fill lays out on a bench, or the one in the cache that was made of the same inputs.
// While fill runs, no other process builds in the cache. It must not call BuildLayer or PrepareLayer.
func (r *Root) BuildLayer(ctx context.Context, name string, inputs []string, fill func(context.Context, *Bench) error) (Layer, error) {
	d := newDigester(name)
	d.add(r.Platform()...)
	d.add(inputs...)
	digest := d.sum()
	made, err := r.builder.build(ctx, name, digest, func(ctx context.Context, t *tree, work string) (stamp, error) {
		from, err := openArchive(r.builder.store.path("debs"), r.builder.teller)
		if err != nil {
			return stamp{}, err
		}
		keep := r.Keep(name)
		if err := os.MkdirAll(keep, 0o755); err != nil {
			return stamp{}, err
		}
		defer r.builder.within(nil)
		return stamp{}, fill(ctx, &Bench{
			Digest: digest, Tree: t.dir, Work: work, Keep: keep, builder: r.builder, from: from,
		})
	})
	if err != nil {
		return Layer{}, fmt.Errorf("prepare layer %s: %w", name, inWords(err, r.builder.store.dir))
	}
	return r.builder.layer(made), nil
}

// Keep is the directory of the cache that is its maker's own, for a layer made by [Root.BuildLayer].
func (r *Root) Keep(name string) string { return r.builder.store.path(name) }

// Tell tells whoever waits for the root, or for a layer of it, what is being done.
func (r *Root) Tell(p Progress) { r.builder.tell(p) }

// LookOnly tells that nothing shall be downloaded or made; see [Look].
func (r *Root) LookOnly() bool { return r.builder.lookOnly }

// Platform is the architecture and the release of the host, which are an input of whatever is made of Debian's packages.
func (r *Root) Platform() []string { return []string{runtime.GOARCH, hostRelease()} }

// Tell tells whoever waits for the layer what is being done.
func (b *Bench) Tell(p Progress) { b.builder.tell(p) }

// Within makes all that is told until the next call a part of p; nil ends that.
func (b *Bench) Within(p *Progress) { b.builder.within(p) }

// Debs gives the files of packages and of what they need, as apt would install them without what is only recommended.
// status is a dpkg status file (dpkg(1)) that tells what is there already; it may be empty. A package may be given as a pattern,
// such as ?essential; see apt-patterns(7).
func (b *Bench) Debs(ctx context.Context, status string, packages ...string) (_ []string, err error) {
	private, err := os.MkdirTemp(b.Work, "apt-*")
	if err != nil {
		return nil, err
	}
	if err := os.Mkdir(filepath.Join(private, "partial"), 0o700); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(private)) }()
	b.Tell(Progress{Step: "choosing Debian packages"})
	from := *b.from
	from.status = status
	args := append([]string{
		"-o", "Dir::Cache::archives=" + private,
		"-o", "Dir::State::extended_states=" + filepath.Join(private, "extended_states"),
		"--no-install-recommends", "--yes", "--print-uris", "install",
	}, packages...)
	out, err := from.aptGetListed(ctx, private, args...)
	if err != nil {
		return nil, err
	}
	places, err := parseURIs(out)
	if err != nil {
		return nil, err
	}
	return from.fetch(ctx, sortedKeys(places))
}

// Fetch gives the files of the packages themselves.
func (b *Bench) Fetch(ctx context.Context, packages ...string) ([]string, error) {
	return b.from.fetch(ctx, packages)
}

// Control gives a package's control fields (deb-control(5)), as they are in it.
func (b *Bench) Control(ctx context.Context, deb string) ([]byte, error) {
	return run(ctx, append(os.Environ(), "LC_ALL=C"), b.from.dpkgDeb, "--field", deb)
}

// Extract lays the files of packages out in a directory, which it makes, but for the paths that match a pattern of drop
// (path.Match, or those of a directory above). links are made first: where -> target.
func (b *Bench) Extract(ctx context.Context, dir string, links map[string]string, drop []string, debs ...string) (err error) {
	t, err := newTree(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	if err := t.mkdir(".", 0o755, 0, 0, epoch); err != nil {
		return err
	}
	for _, link := range sortedKeys(links) {
		if err := t.mkdir(links[link], 0o755, 0, 0, epoch); err != nil {
			return err
		}
		if err := t.symlink(link, links[link], 0, 0, epoch); err != nil {
			return err
		}
	}
	skip := func(name string) bool { return dropped(drop, name) }
	for i, file := range debs {
		b.Tell(unpacking(i, len(debs)))
		if err := b.from.extract(ctx, t, deb{File: file}, skip); err != nil {
			return err
		}
	}
	return t.settle()
}

// Unpack lays a tarball (.tar.gz) out in a directory, which it makes.
func (b *Bench) Unpack(dir, tarball string) (err error) {
	t, err := newTree(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	if err := t.mkdir(".", 0o755, 0, 0, epoch); err != nil {
		return err
	}
	if err := t.unpackTarball(tarball); err != nil {
		return err
	}
	return t.settle()
}

// Programs lays packages out in a directory, which it makes, as an optional layer of that name would have them, with the
// libraries that they need, but for those of skip: to run a program of theirs here, where it is not installed, through
// the loader that comes with it.
func (b *Bench) Programs(ctx context.Context, dir, layer string, packages, skip []string) error {
	m := b.builder.manifest
	debs, err := b.from.closure(ctx, packages, slices.Concat(m.Skip, m.Layers[layer].Skip, skip), nil)
	if err != nil {
		return err
	}
	files := make([]string, len(debs))
	for i, one := range debs {
		files[i] = one.File
	}
	return b.Extract(ctx, dir, nil, slices.Concat(m.Drop, m.Layers[layer].Drop), files...)
}

// Modules lays the Go modules of an optional layer out in a directory that has a Go where the layer has its own: at to,
// below dir, as a module proxy.
func (b *Bench) Modules(ctx context.Context, dir, layer, to string) (err error) {
	t, err := openTree(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	want := b.builder.manifest.Layers[layer].Go
	want.Programs, want.Proxy = nil, to
	return errors.Join(t.goModules(ctx, want, filepath.Join(b.Work, "go"), "", b.builder.teller), t.settle())
}

// Modules are the Go modules of an optional layer, as MODULE@VERSION.
func (r *Root) Modules(layer string) []string { return r.builder.manifest.Layers[layer].Go.Modules }
