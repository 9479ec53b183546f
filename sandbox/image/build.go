package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"glassbox/sandbox/rootfs"
)

// format is part of every layer's digest. Raise it when the code makes other layers of the same inputs.
const format = "1"

// A builder makes images on a bench.
type builder struct {
	Config
	manifest manifest
	bench    *rootfs.Bench
	layers   map[string]layer  // by image, its own
	trees    map[string]string // by image, the directory that it is laid out in, once it is
	now      time.Time
}

// build makes all images, and of them the store that is the layer.
func build(ctx context.Context, config Config, m manifest, bench *rootfs.Bench) error {
	b := &builder{
		Config: config, manifest: m, bench: bench,
		layers: map[string]layer{}, trees: map[string]string{}, now: time.Now().UTC().Truncate(time.Second),
	}
	made := map[string]v1.Image{}
	var index []Image
	for i, name := range m.order() {
		bench.Within(&rootfs.Progress{Step: "making image " + name, Done: int64(i), Total: int64(len(m.Images)), Unit: rootfs.Images})
		img, about, err := b.image(ctx, name)
		if err != nil {
			return fmt.Errorf("image %s: %w", name, err)
		}
		made[name] = img
		index = append(index, about)
	}
	bench.Within(nil)
	if err := b.store(ctx, made); err != nil {
		return fmt.Errorf("store of the images: %w", err)
	}
	slices.SortFunc(index, func(a, b Image) int { return strings.Compare(a.Name, b.Name) })
	return b.finish(index)
}

// inputs are what decides about the layer of all images, besides the platform.
func (m manifest) inputs(config Config) ([]string, error) {
	all := []string{format, string(manifestYAML), strings.Join(m.order(), " ")}
	for _, name := range m.order() {
		d, err := m.digest(config, name)
		if err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	return all, nil
}

// digest is that of what an image's own layer, and those below it, are made of.
func (m manifest) digest(config Config, name string) (string, error) {
	sum := sha256.New()
	add := func(parts ...string) {
		for _, part := range parts {
			fmt.Fprintf(sum, "%d:%s\n", len(part), part)
		}
	}
	add("glassbox image layer", format)
	add(config.Root.Platform()...)
	for _, at := range m.chain(name) {
		r := m.Images[at]
		add(r.Root)
		if r.Root == rootAlpine {
			add(config.Root.Layers[0].Digest)
		}
		add(r.Packages...)
		add("only")
		add(r.Only...)
		for _, argv := range r.Run {
			add("run")
			add(argv...)
		}
		add("drop")
		add(r.Drop...)
		add(r.Status, r.Bundle, r.Modules, r.NPM)
		if r.NPM != "" {
			add(m.NPM.Integrity)
		}
		if r.Modules != "" {
			add(config.Root.Modules(engineLayer)...)
		}
		for _, to := range sortedKeys(r.Programs) {
			content, err := config.Programs(r.Programs[to])
			if err != nil {
				return "", err
			}
			add(to, string(content))
		}
		files, err := filesOf(at)
		if err != nil {
			return "", err
		}
		for _, file := range sortedKeys(files) {
			add(file, string(files[file]))
		}
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// image makes one image; those that it is made from are made.
func (b *builder) image(ctx context.Context, name string) (v1.Image, Image, error) {
	r := b.manifest.Images[name]
	about := Image{Name: b.manifest.reference(name), Tags: r.Tags, What: b.inWords(r.What)}
	if err := b.layer(ctx, name); err != nil {
		return nil, about, err
	}
	var layers []mutate.Addendum
	for _, at := range b.manifest.chain(name) {
		l, ok := b.layers[at]
		if !ok {
			continue // it has none
		}
		about.Size += l.Bytes
		full, err := partial.CompressedToLayer(l)
		if err != nil {
			return nil, about, err
		}
		layers = append(layers, mutate.Addendum{Layer: full, History: v1.History{
			Created: v1.Time{Time: b.now}, CreatedBy: b.manifest.Images[at].does(), Comment: "glassbox images build",
		}})
	}
	about.Own = b.layers[name].Bytes
	if r.From != "" {
		about.From = b.manifest.reference(r.From)
	}
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	img, err := mutate.Append(base, layers...)
	if err != nil {
		return nil, about, err
	}
	img, err = mutate.ConfigFile(img, b.config(img, name, about.What))
	if err != nil {
		return nil, about, err
	}
	about.Digest, err = img.Digest()
	return img, about, err
}

// does says how a layer was made, for `docker history`.
func (r recipe) does() string {
	var words []string
	if r.Root != "" {
		words = append(words, "root "+r.Root)
	}
	if len(r.Packages) > 0 {
		words = append(words, "packages "+strings.Join(r.Packages, " "))
	}
	for _, to := range sortedKeys(r.Programs) {
		words = append(words, "program /"+to)
	}
	for _, argv := range r.Run {
		words = append(words, "run "+strings.Join(argv, " "))
	}
	if r.Modules != "" {
		words = append(words, "modules /"+r.Modules)
	}
	if len(words) == 0 {
		words = append(words, "files")
	}
	return strings.Join(words, "; ")
}

// inWords fills in what an image is made of on this machine.
func (b *builder) inWords(what string) string {
	root := "Alpine " + b.Root.Version
	if b.Root.Kind != rootfs.Alpine {
		root = "BusyBox " + b.Root.Version + " (not Alpine, which could not be had)"
	}
	return strings.NewReplacer("{root}", root, "{debian}", osRelease("/etc/os-release")["PRETTY_NAME"]).Replace(what)
}

// osRelease reads os-release(5).
func osRelease(file string) map[string]string {
	fields := map[string]string{"PRETTY_NAME": "an unknown distribution", "VERSION_CODENAME": "stable"}
	text, err := os.ReadFile(file)
	if err != nil {
		return fields
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			fields[key] = strings.Trim(value, `"'`)
		}
	}
	return fields
}

// config is the image's configuration: that of the one below, with what the recipe says on top.
func (b *builder) config(img v1.Image, name, what string) *v1.ConfigFile {
	file, err := img.ConfigFile()
	if err != nil {
		file = &v1.ConfigFile{}
	}
	file = file.DeepCopy()
	file.Architecture, file.OS = b.Root.Platform()[0], "linux"
	file.Created = v1.Time{Time: b.now}
	c := &file.Config
	env := map[string]string{}
	for _, at := range b.manifest.chain(name) {
		s := b.manifest.Images[at].Config
		maps.Copy(env, s.Env)
		if len(s.Entrypoint) > 0 || len(s.Cmd) > 0 {
			c.Entrypoint, c.Cmd = s.Entrypoint, s.Cmd
		}
		c.User = overlay(c.User, s.User)
		c.WorkingDir = overlay(c.WorkingDir, s.WorkDir)
		c.StopSignal = overlay(c.StopSignal, s.Stop)
		c.ExposedPorts = with(c.ExposedPorts, s.Ports)
		c.Volumes = with(c.Volumes, s.Volumes)
	}
	if _, ok := env["PATH"]; !ok {
		env["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	}
	for _, key := range sortedKeys(env) {
		c.Env = append(c.Env, key+"="+env[key])
	}
	c.Labels = map[string]string{
		"org.opencontainers.image.title":       path.Base(b.manifest.reference(name)),
		"org.opencontainers.image.description": what,
	}
	return file
}

// overlay is what is said on top, or what is below where nothing is.
func overlay(below, top string) string {
	if top != "" {
		return top
	}
	return below
}

// with adds names to a set.
func with(set map[string]struct{}, names []string) map[string]struct{} {
	for _, name := range names {
		if set == nil {
			set = map[string]struct{}{}
		}
		set[name] = struct{}{}
	}
	return set
}

// layer makes an image's own layer, or finds it among the blobs.
func (b *builder) layer(ctx context.Context, name string) error {
	if bare, err := b.manifest.bare(name); bare || err != nil {
		return err
	}
	digest, err := b.manifest.digest(b.Config, name)
	if err != nil {
		return err
	}
	stamp := filepath.Join(b.bench.Keep, "layers", strings.ReplaceAll(name, "/", "-")+"-"+digest[:16]+".json")
	if l, ok := readLayer(stamp, b.blobs()); ok {
		now := time.Now() // in use; see prune
		b.layers[name] = l
		return os.Chtimes(stamp, now, now)
	}
	b.say("laying out its files")
	dir, err := b.tree(ctx, name)
	if err != nil {
		return err
	}
	below := ""
	if from := b.manifest.Images[name].From; from != "" {
		below = b.trees[from]
	}
	b.say("packing its layer")
	l, err := pack(dir, below, b.blobs())
	if err != nil {
		return err
	}
	b.layers[name] = l
	if err := os.MkdirAll(filepath.Dir(stamp), 0o755); err != nil {
		return err
	}
	return l.keep(stamp)
}

func (b *builder) say(step string) { b.bench.Tell(rootfs.Progress{Step: step}) }

func (b *builder) blobs() string { return filepath.Join(b.bench.Keep, "blobs") }

// finish writes the list of the images, and removes what no list of the last month names.
func (b *builder) finish(index []Image) error {
	text, err := json.MarshalIndent(index, "", "\t")
	if err != nil {
		return err
	}
	file := indexFile(b.bench.Keep, b.bench.Digest)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return errors.Join(replaceFile(file, append(text, '\n')), b.prune())
}
