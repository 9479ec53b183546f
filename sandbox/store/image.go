package store

import (
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Image is an image of the engine's store, as its configuration describes it.
type Image struct {
	// Exists is false for an image that was asked for and is not there.
	Exists bool `expr:"exists" file:"images.json"`
	// ID is the digest of its configuration, in hexadecimal and without sha256:.
	ID string `expr:"id" file:"images.json"`
	// Names are its full names with their tags, such as localhost/app:latest.
	Names []string `expr:"names" file:"images.json"`
	// Digest is the digest of its manifest: sha256:….
	Digest string `expr:"digest" file:"images.json"`
	// Created is when it was built.
	Created time.Time `expr:"created" file:"config"`
	// Architecture is the processor that it is for: amd64, arm64.
	Architecture string `expr:"architecture" file:"config"`
	// User is the user that its process runs as, as the Dockerfile names it; empty for root.
	User string `expr:"user" file:"config"`
	// Entrypoint is the words that every command of it begins with.
	Entrypoint []string `expr:"entrypoint" file:"config"`
	// Cmd is the words of its default command. The shell form of CMD gives /bin/sh, -c and one word.
	Cmd []string `expr:"cmd" file:"config"`
	// Env is its environment variables by name.
	Env map[string]string `expr:"env" file:"config"`
	// Workdir is its working directory; empty for /.
	Workdir string `expr:"workdir" file:"config"`
	// Labels are its labels by name.
	Labels map[string]string `expr:"labels" file:"config"`
	// Ports are the ports that it exposes, such as 80/tcp, sorted.
	Ports []string `expr:"ports" file:"config"`
	// Volumes are the paths that it declares to be volumes, sorted.
	Volumes []string `expr:"volumes" file:"config"`
	// StopSignal is the signal that stops it; empty for SIGTERM.
	StopSignal string `expr:"stop_signal" file:"config"`
	// Healthcheck is the words of its health check, CMD or CMD-SHELL first.
	Healthcheck []string `expr:"healthcheck" file:"config"`
	// History is what it was made by, one entry for each instruction, the oldest first.
	History []History `expr:"history" file:"config"`
	// Layers are its layers, the lowest first.
	Layers []*Layer `expr:"layers" file:"layers.json"`
	// Size is the size of its layers as tar files together with its description: what docker image inspect says.
	Size int `expr:"size" unit:"bytes" file:"layers.json"`
	// Unique is the part of it in layers that no other image with a name has: what deleting it would give back.
	Unique int `expr:"unique" unit:"bytes" file:"layers.json"`
	// Base is the name of the image that it was built FROM, as the builder recorded it; empty where it did not.
	Base string `expr:"base" file:"config"`
	// BaseDigest is that image's digest where it was recorded: builds in OCI format do, and those that name their base by digest.
	BaseDigest string `expr:"base_digest" file:"manifest"`
	// SetuidFiles are the files with the setuid or setgid bit in the merged view, sorted.
	SetuidFiles []string `expr:"setuid_files" file:"diff"`

	files map[string]string // the files that it was read from, by the words in the tags
	name  string            // that it was asked for by
	store *Store
}

// History is what one instruction of a Dockerfile did.
type History struct {
	// Created is when.
	Created time.Time `expr:"created"`
	// CreatedBy is the instruction as the builder recorded it: /bin/sh -c … for RUN, #(nop) before the others.
	CreatedBy string `expr:"created_by"`
	// Comment is what the builder added.
	Comment string `expr:"comment"`
	// EmptyLayer says that it changed no file, and so made no layer.
	EmptyLayer bool `expr:"empty_layer"`
	// Size is the size of its layer as a tar file; 0 for none.
	Size int `expr:"size" unit:"bytes"`
}

// Layer is one layer of an image.
type Layer struct {
	// ID is its name in the store, and that of its directory.
	ID string `expr:"id" file:"layers.json"`
	// DiffID is the digest of the layer as a tar file: sha256:….
	DiffID string `expr:"diff_id" file:"layers.json"`
	// Size is its size as a tar file.
	Size int `expr:"size" unit:"bytes" file:"layers.json"`
	// CreatedBy is the instruction that made it, see History.
	CreatedBy string `expr:"created_by" file:"config"`
	// Files is how many files and directories it contains; whiteouts do not count.
	Files int `expr:"files" file:"diff"`
	// Deletes is how many files and directories of the layers below it takes away: its whiteouts.
	Deletes int `expr:"deletes" file:"diff"`
	// Path is the directory of its files in the sandbox.
	Path string `expr:"path" file:"layers.json"`
}

// Evidence is the file that a field was read from, as the learner finds it; the word is the field's file tag.
func (i *Image) Evidence(tag string) string {
	if p := i.files[tag]; p != "" {
		return p
	}
	return i.files["images.json"]
}

// Evidence is the file that a field was read from, as the learner finds it; the word is the field's file tag.
func (l *Layer) Evidence(string) string { return l.Path }

// Image is the image of that name, as the engine's commands take it: with or without registry and tag, or the beginning of its id. It
// is never nil without an error: where there is none, Exists is false. walk says that its layers are to be walked through as well, for
// SetuidFiles, Files and Deletes.
func (s *Store) Image(name string, walk bool) (*Image, error) {
	var image *Image
	err := s.ask(func(l *look) (err error) {
		image, err = l.image(name, walk)
		return err
	})
	if err != nil {
		return nil, err
	}
	return image, nil
}

// lists are all images and layers, of all places.
type lists struct {
	images []imageRecord
	layers map[string]layerRecord
	own    string // where the engine writes
}

func (l *look) lists() (*lists, error) {
	places, err := l.places()
	if err != nil {
		return nil, err
	}
	all := &lists{layers: map[string]layerRecord{}, own: places[0]}
	for _, place := range places {
		images, err := read(l, path.Join(place, "overlay-images/images.json"), maxList, parseImages)
		if err != nil {
			return nil, err
		}
		for _, image := range images {
			image.place = place
			all.images = append(all.images, image)
		}
		for _, file := range []string{"layers.json", "volatile-layers.json"} {
			layers, err := read(l, path.Join(place, "overlay-layers", file), maxList, parseLayers)
			if err != nil {
				return nil, err
			}
			for _, layer := range layers {
				if _, known := all.layers[layer.ID]; !known && layer.Flags["incomplete"] != true {
					layer.place = place
					all.layers[layer.ID] = layer
				}
			}
		}
	}
	return all, nil
}

// chain are the layers from that one down to the lowest. It is false where one is missing, or they go in a ring.
func (a *lists) chain(top string) ([]layerRecord, bool) {
	var chain []layerRecord
	for id := top; id != ""; {
		layer, ok := a.layers[id]
		if !ok || len(chain) >= maxChain {
			return nil, false
		}
		chain = append(chain, layer)
		id = layer.Parent
	}
	return chain, true
}

func (l *look) image(name string, walk bool) (*Image, error) {
	all, err := l.lists()
	if err != nil {
		return nil, err
	}
	list := path.Join(all.own, "overlay-images/images.json")
	image := &Image{name: name, store: l.Store, files: map[string]string{"images.json": list}}
	aliases, err := l.aliases()
	if err != nil {
		return nil, err
	}
	record, ok := named(all.images, name, aliases)
	if !ok {
		return image, nil
	}
	config, err := l.describe(image, all, record)
	if config == nil || err != nil {
		return image, err
	}
	chain, ok := all.chain(record.Layer)
	if !ok {
		return image, nil // it is being written, or taken away
	}
	slices.Reverse(chain)
	image.Exists = true
	image.layers(chain, config)
	image.Unique = all.unique(record, chain)
	for _, size := range record.Sizes {
		image.Size += max(0, size)
	}
	if walk {
		return image, l.walk(image)
	}
	return image, nil
}

// describe fills what the image's configuration and manifest say. It gives nil where they are not there (yet).
func (l *look) describe(image *Image, all *lists, record imageRecord) (config *imageConfig, err error) {
	// An image of the read-only place that has been given another name is listed in both, and described in one.
	for _, other := range all.images {
		if other.ID != record.ID {
			continue
		}
		dir := path.Join(other.place, "overlay-images", record.ID)
		file := path.Join(dir, fileName("sha256:"+record.ID))
		if config, err = read(l, file, maxConfig, parseConfig); err != nil {
			return nil, err
		}
		if config == nil {
			continue
		}
		image.files["config"], image.files["manifest"] = file, path.Join(dir, "manifest")
		break
	}
	if config == nil {
		return nil, nil
	}
	image.ID, image.Names, image.Digest = record.ID, record.Names, record.Digest
	image.files["images.json"] = path.Join(record.place, "overlay-images/images.json")
	image.files["layers.json"] = path.Join(record.place, "overlay-layers/layers.json")
	c := config.Config
	image.Created, image.Architecture = config.Created, config.Architecture
	image.User, image.Entrypoint, image.Cmd = c.User, c.Entrypoint, c.Cmd
	image.Env, image.Workdir, image.Labels = variables(c.Env), c.WorkingDir, c.Labels
	image.Ports, image.Volumes = sorted(c.ExposedPorts), sorted(c.Volumes)
	image.StopSignal = c.StopSignal
	if c.Healthcheck != nil {
		image.Healthcheck = c.Healthcheck.Test
	}
	manifest, err := read(l, image.files["manifest"], maxConfig, parseManifest)
	if err != nil {
		return nil, err
	}
	image.base(config, manifest)
	return config, nil
}

// layers fills the layers and the history, and puts them together: each entry of the history that changed files made the next layer.
func (i *Image) layers(chain []layerRecord, config *imageConfig) {
	i.Layers = layersOf(chain)
	for _, layer := range chain {
		i.Size += layer.Size
	}
	next := 0
	for _, h := range config.History {
		entry := History{Created: h.Created, CreatedBy: h.CreatedBy, Comment: h.Comment, EmptyLayer: h.EmptyLayer}
		if !h.EmptyLayer && next < len(i.Layers) {
			i.Layers[next].CreatedBy, entry.Size = h.CreatedBy, i.Layers[next].Size
			next++
		}
		i.History = append(i.History, entry)
	}
}

// layersOf are layers of the store as expressions see them.
func layersOf(chain []layerRecord) []*Layer {
	var layers []*Layer
	for _, layer := range chain {
		layers = append(layers, &Layer{
			ID: layer.ID, DiffID: layer.Digest, Size: layer.Size, Path: path.Join(layer.place, "overlay", layer.ID, "diff"),
		})
	}
	return layers
}

// unique is the size of the layers of an image that no other one with a name has.
func (a *lists) unique(image imageRecord, chain []layerRecord) int {
	shared := map[string]bool{}
	for _, other := range a.images {
		if other.ID == image.ID || len(other.Names) == 0 {
			continue
		}
		for id := other.Layer; id != "" && !shared[id]; id = a.layers[id].Parent {
			shared[id] = true
		}
	}
	size := 0
	for _, layer := range chain {
		if !shared[layer.ID] {
			size += layer.Size
		}
	}
	return size
}

// The annotations that tell what an image was built from, see the OCI image specification, annotations.md.
const (
	baseName   = "org.opencontainers.image.base.name"
	baseDigest = "org.opencontainers.image.base.digest"
)

// base finds what the image was built from. A build in OCI format says so in annotations. One in Docker's format, which has none, leaves a
// comment in the history at the first instruction after FROM; later ones have the id of the image before.
//
//	"comment": "FROM docker.io/library/alpine:latest"
//	"comment": "FROM c685b3ff10ea"
func (i *Image) base(config *imageConfig, manifest *imageManifest) {
	for _, h := range config.History {
		name, ok := strings.CutPrefix(h.Comment, "FROM ")
		if !ok || len(name) == 12 && hexadecimal.MatchString(name) {
			continue
		}
		i.Base = strings.TrimSpace(name)
	}
	for _, places := range []map[string]string{i.Labels, annotations(manifest)} {
		if name := places[baseName]; name != "" {
			i.Base = name
		}
		if digest := places[baseDigest]; digest != "" {
			i.BaseDigest = digest
		}
	}
	if _, digest, ok := strings.Cut(i.Base, "@"); ok && i.BaseDigest == "" {
		i.BaseDigest = digest
	}
}

func annotations(m *imageManifest) map[string]string {
	if m == nil {
		return nil
	}
	return m.Annotations
}

// variables are environment variables by name.
func variables(env []string) map[string]string {
	all := make(map[string]string, len(env))
	for _, v := range env {
		name, value, _ := strings.Cut(v, "=")
		all[name] = value
	}
	return all
}

func sorted(set map[string]struct{}) []string { return slices.Sorted(maps.Keys(set)) }

// String names the image in evidence.
func (i *Image) String() string {
	if len(i.Names) > 0 {
		return i.Names[0]
	}
	return strconv.Quote(i.name)
}
