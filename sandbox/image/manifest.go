package image

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

//go:embed images.yaml
var manifestYAML []byte

// ownFiles are our own files of the images, in files/IMAGE.
//
//go:embed all:files
var ownFiles embed.FS

// manifest is images.yaml; the file explains its keys.
type manifest struct {
	Images map[string]recipe `yaml:"images"`
	NPM    npmPackage        `yaml:"npm"`
}

// recipe is what one image is made of. Paths are relative to its root, without a leading slash.
type recipe struct {
	Name     string            `yaml:"name,omitempty"`
	Tags     []string          `yaml:"tags"`
	What     string            `yaml:"what"`
	From     string            `yaml:"from,omitempty"`
	Root     string            `yaml:"root,omitempty"`
	Packages []string          `yaml:"packages,omitempty"`
	Only     []string          `yaml:"only,omitempty"`
	Status   string            `yaml:"status,omitempty"`
	Bundle   string            `yaml:"bundle,omitempty"`
	Modules  string            `yaml:"modules,omitempty"`
	NPM      string            `yaml:"npm,omitempty"`
	Programs map[string]string `yaml:"programs,omitempty"`
	Run      [][]string        `yaml:"run,omitempty"`
	Drop     []string          `yaml:"drop,omitempty"`
	Config   settings          `yaml:"config"`
}

// settings are what a container of the image starts with, in a Dockerfile's words.
type settings struct {
	Entrypoint []string          `yaml:"entrypoint,omitempty"`
	Cmd        []string          `yaml:"cmd,omitempty"`
	User       string            `yaml:"user,omitempty"`
	WorkDir    string            `yaml:"workdir,omitempty"`
	Env        map[string]string `yaml:"env,omitempty"`
	Ports      []string          `yaml:"ports,omitempty"`
	Volumes    []string          `yaml:"volumes,omitempty"`
	Stop       string            `yaml:"stop,omitempty"`
}

// The kinds of bottom layers.
const (
	rootAlpine = "alpine"
	rootDebian = "debian"
)

// parseManifest reads a manifest and refuses unknown keys and what no image can be made of.
func parseManifest(text []byte) (manifest, error) {
	var m manifest
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.DisallowUnknownField()).Decode(&m); err != nil {
		return manifest{}, fmt.Errorf("images.yaml: %w", err)
	}
	for _, name := range sortedKeys(m.Images) {
		if err := m.check(name); err != nil {
			return manifest{}, fmt.Errorf("images.yaml: %s: %w", name, err)
		}
	}
	return m, nil
}

func (m manifest) check(name string) error {
	r := m.Images[name]
	switch {
	case len(r.Tags) == 0:
		return errors.New("no tags")
	case r.What == "":
		return errors.New("nobody would know what it is: say it in what")
	case r.From != "" && r.Root != "":
		return errors.New("an image has either a root or another image below it (from)")
	case r.Root != "" && r.Root != rootAlpine && r.Root != rootDebian:
		return fmt.Errorf("root %q is neither %s nor %s", r.Root, rootAlpine, rootDebian)
	case r.empty() && r.From == "":
		return errors.New("it is made of nothing")
	case r.Modules != "" && r.From == "":
		return errors.New("modules are for an image with a Go, and so with another image below it (from)")
	}
	for _, pattern := range slices.Concat(r.Drop, r.Only) {
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Errorf("pattern %q: %w", pattern, err)
		}
	}
	seen := []string{name}
	for at := r.From; at != ""; at = m.Images[at].From {
		if _, ok := m.Images[at]; !ok {
			return fmt.Errorf("from %q, which is no image", at)
		}
		if slices.Contains(seen, at) {
			return fmt.Errorf("it is made from itself, by way of %s", strings.Join(seen[1:], " and "))
		}
		seen = append(seen, at)
	}
	return nil
}

// empty tells whether an image adds nothing to the one below but its configuration, and perhaps our own files.
func (r recipe) empty() bool {
	return r.Root == "" && len(r.Packages) == 0 && len(r.Programs) == 0 && len(r.Run) == 0
}

// bare tells whether an image has no layer of its own.
func (m manifest) bare(name string) (bool, error) {
	files, err := filesOf(name)
	return m.Images[name].empty() && len(files) == 0, err
}

// withoutNPM is the manifest less the images that need npm, and those made from them, with their names.
func (m manifest) withoutNPM() (less manifest, left []string) {
	less = manifest{Images: maps.Clone(m.Images), NPM: m.NPM}
	for _, name := range m.order() {
		if slices.ContainsFunc(m.chain(name), func(at string) bool { return m.Images[at].NPM != "" }) {
			delete(less.Images, name)
			left = append(left, name)
		}
	}
	return less, left
}

// order lists the images so that each comes after the one that it is made from.
func (m manifest) order() []string {
	var names []string
	var add func(name string)
	add = func(name string) {
		if slices.Contains(names, name) {
			return
		}
		if from := m.Images[name].From; from != "" {
			add(from)
		}
		names = append(names, name)
	}
	for _, name := range sortedKeys(m.Images) {
		add(name)
	}
	return names
}

// chain lists an image and those below it, from the bottom up.
func (m manifest) chain(name string) []string {
	var names []string
	for at := name; at != ""; at = m.Images[at].From {
		names = append(names, at)
	}
	slices.Reverse(names)
	return names
}

// drops are the paths that neither an image nor one above it has.
func (m manifest) drops(name string) []string {
	var all []string
	for _, at := range m.chain(name) {
		all = append(all, m.Images[at].Drop...)
	}
	return all
}

// reference is an image's full name, without a tag: a name without a dot is one of Docker Hub's.
func (m manifest) reference(name string) string {
	if other := m.Images[name].Name; other != "" {
		name = other
	}
	if host, _, ok := strings.Cut(name, "/"); ok && strings.Contains(host, ".") {
		return name
	}
	return "docker.io/library/" + name
}

// filesOf lists our own files of an image, by their paths in it.
func filesOf(name string) (map[string][]byte, error) {
	top := path.Join("files", name)
	all := map[string][]byte{}
	err := fs.WalkDir(ownFiles, top, func(file string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && file == top {
			return nil // most images have none
		}
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := ownFiles.ReadFile(file)
		all[strings.TrimPrefix(file, top+"/")] = content
		return err
	})
	return all, err
}

// matches tells whether a path, or a directory above it, matches one of the patterns.
func matches(patterns []string, name string) bool {
	for ; name != "." && name != "/" && name != ""; name = path.Dir(name) {
		for _, pattern := range patterns {
			if ok, _ := path.Match(pattern, name); ok {
				return true
			}
		}
	}
	return false
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
