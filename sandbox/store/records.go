package store

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// The records of containers/storage, of which only what is used is here. Names are those of its JSON.

// imageRecord is an entry of overlay-images/images.json.
type imageRecord struct {
	ID      string         `json:"id"`
	Digest  string         `json:"digest"`
	Names   []string       `json:"names"`
	Layer   string         `json:"layer"` // the topmost; empty for an image without any
	Sizes   map[string]int `json:"big-data-sizes"`
	Created time.Time      `json:"created"`

	place string // where its files are
}

// layerRecord is an entry of overlay-layers/layers.json.
type layerRecord struct {
	ID     string         `json:"id"`
	Parent string         `json:"parent"`
	Digest string         `json:"diff-digest"` // of the layer as a tar file
	Size   int            `json:"diff-size"`   // of the same, in bytes
	Flags  map[string]any `json:"flags"`

	place string
}

// containerRecord is an entry of overlay-containers/containers.json.
type containerRecord struct {
	ID       string    `json:"id"`
	Names    []string  `json:"names"`
	Image    string    `json:"image"` // its id
	Layer    string    `json:"layer"` // that it writes to
	Metadata string    `json:"metadata"`
	Created  time.Time `json:"created"`

	metadata containerMetadata
}

// containerMetadata is the JSON in a container's metadata. A container that the builder works in has none.
type containerMetadata struct {
	ImageName string `json:"image-name"`
	Name      string `json:"name"`
}

// runtimeConfig is what the runtime was told (OCI runtime specification, config.md).
type runtimeConfig struct {
	Process struct {
		Args []string `json:"args"`
		Env  []string `json:"env"`
		Cwd  string   `json:"cwd"`
		User struct {
			UID int `json:"uid"`
			GID int `json:"gid"`
		} `json:"user"`
	} `json:"process"`
	Root struct {
		ReadOnly bool `json:"readonly"`
	} `json:"root"`
	Hostname string `json:"hostname"`
	Mounts   []struct {
		Destination string   `json:"destination"`
		Type        string   `json:"type"`
		Source      string   `json:"source"`
		Options     []string `json:"options"`
	} `json:"mounts"`
}

// imageConfig is an image's configuration, in Docker's format or in OCI's: the fields used here are the same in both.
type imageConfig struct {
	Created      time.Time `json:"created"`
	Architecture string    `json:"architecture"`
	Config       struct {
		User         string
		ExposedPorts map[string]struct{}
		Env          []string
		Cmd          words
		Entrypoint   words
		Volumes      map[string]struct{}
		WorkingDir   string
		Labels       map[string]string
		StopSignal   string
		Healthcheck  *struct{ Test []string }
	} `json:"config"`
	Rootfs struct {
		DiffIDs []string `json:"diff_ids"`
	} `json:"rootfs"`
	History []struct {
		Created    time.Time `json:"created"`
		CreatedBy  string    `json:"created_by"`
		Comment    string    `json:"comment"`
		EmptyLayer bool      `json:"empty_layer"`
	} `json:"history"`
}

// words is a list of words that some tools write as one string.
type words []string

// UnmarshalJSON takes both.
func (w *words) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*w = words{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(w))
}

// imageManifest is an image's manifest.
type imageManifest struct {
	Annotations map[string]string `json:"annotations"`
}

// identity is what ids of images, layers and containers look like.
var identity = regexp.MustCompile(`^[0-9a-f]{64}$`)

func parseImages(b []byte) ([]imageRecord, error) {
	images, err := list[imageRecord](b)
	if err != nil {
		return nil, err
	}
	for i, image := range images {
		if !identity.MatchString(image.ID) || image.Layer != "" && !identity.MatchString(image.Layer) {
			return nil, fmt.Errorf("entry %d: %.80q with the layer %.80q is no image's id", i, image.ID, image.Layer)
		}
	}
	return images, nil
}

func parseLayers(b []byte) ([]layerRecord, error) {
	layers, err := list[layerRecord](b)
	if err != nil {
		return nil, err
	}
	for i, layer := range layers {
		if !identity.MatchString(layer.ID) || layer.Parent != "" && !identity.MatchString(layer.Parent) {
			return nil, fmt.Errorf("entry %d: %.80q with the parent %.80q is no layer's id", i, layer.ID, layer.Parent)
		}
		layers[i].Size = max(0, layer.Size)
	}
	return layers, nil
}

// parseContainers leaves out those that a builder works in, as docker ps does.
func parseContainers(b []byte) ([]containerRecord, error) {
	all, err := list[containerRecord](b)
	if err != nil {
		return nil, err
	}
	var containers []containerRecord
	for i, c := range all {
		if !identity.MatchString(c.ID) || c.Layer != "" && !identity.MatchString(c.Layer) {
			return nil, fmt.Errorf("entry %d: %.80q with the layer %.80q is no container's id", i, c.ID, c.Layer)
		}
		if json.Unmarshal([]byte(c.Metadata), &c.metadata) == nil && c.metadata.Name != "" {
			containers = append(containers, c)
		}
	}
	return containers, nil
}

func parseRuntime(b []byte) (*runtimeConfig, error) {
	c := &runtimeConfig{}
	return c, json.Unmarshal(b, c)
}

func parseConfig(b []byte) (*imageConfig, error) {
	c := &imageConfig{}
	return c, json.Unmarshal(b, c)
}

func parseManifest(b []byte) (*imageManifest, error) {
	m := &imageManifest{}
	return m, json.Unmarshal(b, m)
}

// fileName is the name of the file that an image's or a container's thing of that name is kept in (makeBigDataBaseName of
// containers/storage).
func fileName(key string) string {
	if strings.Trim(key, ".0123456789abcdefghijklmnopqrstuvwxyz") == "" {
		return key
	}
	return "=" + base64.StdEncoding.EncodeToString([]byte(key))
}

// hexadecimal is what an id, or the beginning of one, is written with.
var hexadecimal = regexp.MustCompile(`^[0-9a-f]+$`)

// byID finds what has that id, or the only one whose id begins so.
func byID[T any](all []T, id func(T) string, word string) (found T, ok bool) {
	word = strings.TrimPrefix(word, "sha256:")
	if !hexadecimal.MatchString(word) {
		return found, false
	}
	for _, one := range all {
		switch {
		case id(one) == word:
			return one, true
		case !strings.HasPrefix(id(one), word):
		case !ok:
			found, ok = one, true
		case id(found) != id(one):
			return *new(T), false // of several
		}
	}
	return found, ok
}

// spellings are the full names that the engine tries for a name of an image, in its order: an alias first; then, for one without a registry,
// one of its own (localhost) before Docker's.
//
//	alpine         docker.io/library/alpine:latest, an alias; …
//	app            localhost/app:latest, docker.io/library/app:latest
//	me/app:v1      localhost/me/app:v1, docker.io/me/app:v1
//	r.example/app  r.example/app:latest
func spellings(name string, aliases map[string]string) []string {
	last := strings.LastIndexByte(name, '/') + 1
	repository, rest := name, ":latest"
	if end := strings.IndexAny(name[last:], ":@"); end >= 0 {
		repository, rest = name[:last+end], name[last+end:]
	}
	host, below, hasHost := strings.Cut(repository, "/")
	if hasHost && (strings.ContainsAny(host, ".:") || host == "localhost") {
		if host == "docker.io" && !strings.Contains(below, "/") {
			below = "library/" + below
		}
		return []string{host + "/" + below + rest}
	}
	var full []string
	if alias := aliases[repository]; alias != "" {
		full = append(full, alias+rest)
	}
	full = append(full, "localhost/"+repository+rest)
	if !hasHost {
		repository = "library/" + repository
	}
	return append(full, "docker.io/"+repository+rest)
}

// named finds the image of that name, which may also be its id or the beginning of it, or NAME@DIGEST.
func named(images []imageRecord, name string, aliases map[string]string) (imageRecord, bool) {
	for _, full := range spellings(name, aliases) {
		repository, digest, pinned := strings.Cut(full, "@")
		if pinned { // a tag beside it counts for nothing
			last := strings.LastIndexByte(repository, '/')
			tag, _, _ := strings.Cut(repository[last+1:], ":")
			repository = repository[:last+1] + tag
		}
		for _, image := range images {
			switch {
			case pinned && image.Digest == digest && slices.ContainsFunc(image.Names, func(n string) bool {
				return strings.HasPrefix(n, repository+":") || strings.HasPrefix(n, repository+"@")
			}),
				!pinned && slices.Contains(image.Names, full):
				return image, true
			}
		}
	}
	return byID(images, func(i imageRecord) string { return i.ID }, name)
}
