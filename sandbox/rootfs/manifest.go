package rootfs

import (
	"bytes"
	_ "embed"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

//go:embed manifest.yaml
var manifestYAML []byte

// manifest is manifest.yaml; the file explains its keys.
type manifest struct {
	Alpine  alpineRelease     `yaml:"alpine"`
	Busybox busyboxSource     `yaml:"busybox"`
	Layers  map[string]recipe `yaml:"layers"`
	Skip    []string          `yaml:"skip"`
	Drop    []string          `yaml:"drop"`
}

type alpineRelease struct {
	Version string            `yaml:"version"`
	File    string            `yaml:"file"`
	URL     string            `yaml:"url"`
	SHA256  map[string]string `yaml:"sha256"`
}

type busyboxSource struct {
	Package string `yaml:"package"`
}

// recipe is what one layer of Debian packages is made of. Paths are relative to the root, without a leading slash.
type recipe struct {
	Packages     []string            `yaml:"packages"`
	Only         map[string][]string `yaml:"only"`
	Links        map[string]string   `yaml:"links"`
	Certificates certificates        `yaml:"certificates"`
	Skip         []string            `yaml:"skip,omitempty"` // as of the manifest, for this layer
	Drop         []string            `yaml:"drop,omitempty"`
	Go           modules             `yaml:"go,omitempty"`
}

// modules are what a layer takes from the Go module proxy, with the go command that is in the layer itself.
type modules struct {
	Root     string            `yaml:"root,omitempty"`     // GOROOT in the layer
	Programs map[string]string `yaml:"programs,omitempty"` // where the program goes -> PACKAGE@VERSION
	Proxy    string            `yaml:"proxy,omitempty"`    // directory of a module proxy that serves Modules
	Modules  []string          `yaml:"modules,omitempty"`  // MODULE@VERSION; what they need comes with them
}

type certificates struct {
	From   string `yaml:"from"`
	Bundle string `yaml:"bundle"`
}

// parseManifest reads a manifest and refuses unknown keys, empty layers and patterns that path.Match does not take.
func parseManifest(text []byte) (manifest, error) {
	var m manifest
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.DisallowUnknownField()).Decode(&m); err != nil {
		return manifest{}, fmt.Errorf("manifest: %w", err)
	}
	for arch, sum := range m.Alpine.SHA256 {
		if len(sum) != 64 || strings.Trim(sum, "0123456789abcdef") != "" {
			return manifest{}, fmt.Errorf("manifest: alpine: sha256 of %s: %q is not 64 hexadecimal digits", arch, sum)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.Layers)) {
		if name == layerAlpine || name == layerLab {
			return manifest{}, fmt.Errorf("manifest: layer %s: the name is taken", name)
		}
		if len(m.Layers[name].Packages) == 0 {
			return manifest{}, fmt.Errorf("manifest: layer %s has no packages", name)
		}
	}
	patterns := slices.Clone(m.Drop)
	for _, layer := range m.Layers {
		patterns = append(patterns, layer.Drop...)
	}
	for _, pattern := range patterns {
		if _, err := path.Match(pattern, ""); err != nil {
			return manifest{}, fmt.Errorf("manifest: drop %q: %w", pattern, err)
		}
	}
	return m, nil
}

// file is the name of the release's tarball for an architecture in Alpine's words.
func (a alpineRelease) file(arch string) string {
	return strings.NewReplacer("{version}", a.Version, "{arch}", arch).Replace(a.File)
}

// url is where Alpine keeps that tarball.
func (a alpineRelease) url(arch string) string {
	series := a.Version
	if at := strings.LastIndexByte(series, '.'); at > 0 {
		series = series[:at]
	}
	return strings.NewReplacer("{version}", a.Version, "{series}", series, "{arch}", arch, "{file}", a.file(arch)).Replace(a.URL)
}

// alpineArch says an architecture of Go's in Alpine's words.
func alpineArch(goarch string) (string, error) {
	switch goarch {
	case "amd64":
		return "x86_64", nil
	case "arm64":
		return "aarch64", nil
	}
	return "", fmt.Errorf("no root file system for this architecture: %s (known: amd64, arm64)", goarch)
}

// dropped tells whether a path, or a directory above it, matches one of the patterns.
func dropped(patterns []string, name string) bool {
	for ; name != "." && name != "/" && name != ""; name = path.Dir(name) {
		for _, pattern := range patterns {
			if ok, _ := path.Match(pattern, name); ok {
				return true
			}
		}
	}
	return false
}

// under tells whether a path is at or below one of the directories.
func under(name string, dirs []string) bool {
	for _, dir := range dirs {
		if name == dir || strings.HasPrefix(name, dir+"/") {
			return true
		}
	}
	return false
}
