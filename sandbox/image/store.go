package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"

	"glassbox/sandbox/rootfs"
)

// refName names an image in an OCI layout; see the OCI's image-layout.md and annotations.md.
const refName = "org.opencontainers.image.ref.name"

// store has skopeo, the engine's own, make the store that boxes are given, so that its form is the engine's.
func (b *builder) store(ctx context.Context, made map[string]v1.Image) error {
	filling := rootfs.Progress{Step: "filling the store of images"}
	b.bench.Tell(filling)
	if err := b.layout(made); err != nil {
		return err
	}
	programs := filepath.Join(b.bench.Work, "skopeo")
	if err := b.bench.Programs(ctx, programs, engineLayer, []string{"skopeo"}, []string{engineSettings}); err != nil {
		return err
	}
	for name, content := range map[string]string{
		"etc/containers/policy.json":  `{"default": [{"type": "insecureAcceptAnything"}]}`,
		"etc/containers/storage.conf": "[storage]\ndriver = \"overlay\"\nrunroot = \"/run\"\ngraphroot = \"/store\"\n",
		"var/tmp/README":              "for skopeo",
	} {
		if err := putFile(programs, name, []byte(content), 0o644); err != nil {
			return err
		}
	}
	c := chroot{dir: programs, binds: map[string]string{"store": b.bench.Tree, "images": b.bench.Keep}}
	err := c.in(func() error {
		filling.Total, filling.Unit = int64(len(made)), rootfs.Images
		for i, name := range b.manifest.order() {
			filling.Done = int64(i)
			b.bench.Tell(filling)
			for _, tag := range b.manifest.Images[name].Tags {
				full := b.manifest.reference(name) + ":" + tag
				err := c.run(ctx, "/usr/bin/skopeo", "copy", "--quiet", "oci:/images:"+full, "containers-storage:"+full)
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return os.Chmod(b.bench.Tree, 0o755)
}

// engineLayer is the layer that the engine, and skopeo with it, comes with.
const engineLayer = "docker"

// engineSettings is the package with the engine's configuration, which skopeo depends on and is told here.
const engineSettings = "golang-github-containers-common"

// layout makes of the cache's directory an OCI layout of the images.
func (b *builder) layout(made map[string]v1.Image) error {
	at, err := layout.Write(b.bench.Keep, empty.Index)
	if err != nil {
		return err
	}
	for _, name := range b.manifest.order() {
		for _, tag := range b.manifest.Images[name].Tags {
			about := layout.WithAnnotations(map[string]string{refName: b.manifest.reference(name) + ":" + tag})
			if err := at.AppendImage(made[name], about); err != nil {
				return err
			}
		}
	}
	return nil
}

// unpack lays one layer out above what is in a directory.
func (b *builder) unpack(ctx context.Context, dir string, l layer) error {
	return call(ctx, "", os.Environ(), "/bin/tar", "--extract", "--gzip", "--numeric-owner", "--same-owner",
		"--preserve-permissions", "--file", l.file(), "--directory", dir)
}

// unusedFor is how long what nobody uses is kept.
const unusedFor = 30 * 24 * time.Hour

// prune removes lists of images, and stamps of layers, that were not in use for a month, and then the blobs that none of
// those left names.
func (b *builder) prune() error {
	for _, pattern := range []string{"sets/*.json", "layers/*.json"} {
		files, err := filepath.Glob(filepath.Join(b.bench.Keep, pattern))
		if err != nil {
			return err
		}
		for _, file := range files {
			if about, err := os.Stat(file); err == nil && time.Since(about.ModTime()) > unusedFor {
				if err := os.Remove(file); err != nil {
					return err
				}
			}
		}
	}
	named, err := b.named()
	if err != nil {
		return err
	}
	blobs, err := filepath.Glob(filepath.Join(b.blobs(), "sha256", "*"))
	if err != nil {
		return err
	}
	for _, blob := range blobs {
		if !named[filepath.Base(blob)] {
			if err := os.Remove(blob); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

// named are the digests of all blobs that a list of images or a stamp leads to.
func (b *builder) named() (map[string]bool, error) {
	named := map[string]bool{}
	stamps, err := filepath.Glob(filepath.Join(b.bench.Keep, "layers", "*.json"))
	if err != nil {
		return nil, err
	}
	for _, stamp := range stamps {
		if l, ok := readLayer(stamp, b.blobs()); ok {
			named[l.Blob.Hex] = true
		}
	}
	lists, err := filepath.Glob(filepath.Join(b.bench.Keep, "sets", "*.json"))
	if err != nil {
		return nil, err
	}
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			return nil, err
		}
		var images []Image
		if err := json.Unmarshal(text, &images); err != nil {
			return nil, fmt.Errorf("%s: %w", list, err)
		}
		for _, one := range images {
			named[one.Digest.Hex] = true
			f, err := os.Open(filepath.Join(b.blobs(), "sha256", one.Digest.Hex))
			if err != nil {
				continue // a list of which a blob is lost is good for nothing
			}
			parsed, err := v1.ParseManifest(f)
			f.Close()
			if err != nil {
				return nil, fmt.Errorf("%s: manifest of %s: %w", list, one.Name, err)
			}
			named[parsed.Config.Digest.Hex] = true
			for _, l := range parsed.Layers {
				named[l.Digest.Hex] = true
			}
		}
	}
	return named, nil
}
