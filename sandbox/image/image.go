// Package image makes the images that the lessons on containers use, on the machine itself: out of the sandboxes' own
// Alpine, out of Debian packages, and out of programs of ours. Nothing is pulled, and each says in a label what it truly is.
//
// images.yaml names them. [Prepare] makes them once and keeps them in the cache, in two forms:
//
//   - a store of containers/storage, in an ext4 image of its own, that every box with a container engine has at [At]:
//     read-only, shared by all, and so at no cost of time or disk to any (containers-storage.conf(5), additionalimagestores);
//   - blobs and manifests, which [Set.Registry] serves to `docker pull` and `skopeo inspect`.
//
// A layer of an image is built again when what it is made of changes, and only then.
//
// Why so: docs/adr/0006-images-made-here-in-a-store-and-a-registry.md.
package image

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"glassbox/sandbox/rootfs"
)

// LayerName is the name of the layer that holds the store.
const LayerName = "images"

// At is where boxes have the store. The engine's storage.conf, in the docker layer, says so too.
const At = "/usr/share/images"

// Config says what images are made of besides images.yaml.
type Config struct {
	Root     *rootfs.Root                      // whose Alpine and whose cache are used
	Programs func(name string) ([]byte, error) // the project's own, such as hello-world
}

// A Set is all images, made.
type Set struct {
	Layer  rootfs.Layer // the store
	Images []Image      // by name
	// Missing tells why an image that there should be could not be made, by its name.
	Missing map[string]string

	keep, blobs string
	npm         []npmPackage // what learners can install
}

// An Image is one image of a set.
type Image struct {
	Name   string   `json:"name"` // as docker.io/library/nginx
	Tags   []string `json:"tags"`
	What   string   `json:"what"`   // what it truly is
	From   string   `json:"from"`   // the name of the one that it shares its lower layers with; may be empty
	Digest v1.Hash  `json:"digest"` // of the manifest
	Size   int64    `json:"size"`   // of the files of all its layers, in bytes
	Own    int64    `json:"own"`    // the same without the layers of From
}

// Prepare gives the images, and makes those that are not in the cache. The first time takes minutes.
// [rootfs.ErrNoTools] tells that they cannot be made on this machine.
func Prepare(ctx context.Context, config Config) (*Set, error) {
	m, err := parseManifest(manifestYAML)
	if err != nil {
		return nil, err
	}
	packages, err := parseLock(npmLock)
	if err != nil {
		return nil, err
	}
	missing := map[string]string{}
	keep := config.Root.Keep(LayerName)
	if err := fetchNPM(ctx, append(packages, m.NPM), keep, config.Root.LookOnly(), config.Root.Tell); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		less, left := m.withoutNPM()
		for _, name := range left {
			missing[m.reference(name)] = err.Error()
		}
		m, packages = less, nil
	}
	inputs, err := m.inputs(config)
	if err != nil {
		return nil, err
	}
	made, err := config.Root.BuildLayer(ctx, LayerName, inputs, func(ctx context.Context, bench *rootfs.Bench) error {
		return build(ctx, config, m, bench)
	})
	if err != nil {
		return nil, err
	}
	set, err := open(keep, made)
	if err != nil {
		return nil, err
	}
	set.Missing, set.npm = missing, packages
	return set, nil
}

// open reads what a build kept beside its layer.
func open(keep string, made rootfs.Layer) (*Set, error) {
	name := indexFile(keep, made.Digest)
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("images: %w (remove %s to have them made again)", err, made.Image)
	}
	s := &Set{Layer: made, keep: keep, blobs: filepath.Join(keep, "blobs")}
	if err := json.Unmarshal(text, &s.Images); err != nil {
		return nil, fmt.Errorf("images: %s: %w (remove %s to have them made again)", name, err, made.Image)
	}
	now := time.Now() // in use; see prune
	return s, os.Chtimes(name, now, now)
}

// indexFile lists the images of a build, of which a cache may keep several that share blobs:
//
//	index.json, oci-layout   an OCI layout of the last build's
//	blobs/sha256/            of all
//	layers/IMAGE-DIGEST.json the blob that an image's own layer is; the digest is that of what it is made of
//	sets/DIGEST.json         the images of a build
func indexFile(keep, digest string) string { return filepath.Join(keep, "sets", digest[:16]+".json") }
