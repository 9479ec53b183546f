package image

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// A Registry answers for the registries that the images are named after: read-only, with the images of a [Set] and
// nothing else. It speaks the OCI's distribution protocol, as far as pulling goes. Until [Registry.Serve] is called it has none.
type Registry struct {
	mu      sync.RWMutex
	by      map[string]http.Handler // by the name that begins a reference, as docker.io
	names   []string                // of the images, with tags
	because string                  // why there are none
	blobs   blobs                   // of the images

	// Upstream has what the lab has not made; nil where learners may have nothing from elsewhere. It is set before the first request.
	Upstream *Upstream
}

// NewRegistry gives a registry without images.
func NewRegistry() *Registry {
	return &Registry{because: "The lab's images are still being made: try again in a few minutes."}
}

// registries are the hosts that engines go to for an image's name, where that is another than the one that begins it.
var registries = map[string]string{
	"registry-1.docker.io": "docker.io",
	"index.docker.io":      "docker.io",
}

// Hosts lists the hosts that it answers for.
func (g *Registry) Hosts() []string {
	return append([]string{"docker.io", "gcr.io"}, sortedKeys(registries)...)
}

// Serve has it serve a set of images from now on.
func (g *Registry) Serve(set *Set) error {
	by := map[string]http.Handler{}
	var names []string
	for _, one := range set.Images {
		host, repository, ok := strings.Cut(one.Name, "/")
		if !ok {
			return fmt.Errorf("image %s: no registry in its name", one.Name)
		}
		if by[host] == nil {
			by[host] = registry.New(
				registry.WithBlobHandler(blobs{set.blobs}), registry.Logger(slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)),
			)
		}
		manifest, err := os.ReadFile(filepath.Join(set.blobs, "sha256", one.Digest.Hex))
		if err != nil {
			return fmt.Errorf("image %s: %w", one.Name, err)
		}
		for _, tag := range one.Tags {
			if err := put(by[host], repository, tag, manifest); err != nil {
				return fmt.Errorf("image %s:%s: %w", one.Name, tag, err)
			}
			names = append(names, one.Name+":"+tag)
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.by, g.names, g.because, g.blobs = by, names, "", blobs{set.blobs}
	return nil
}

// Fail has it say that there are no images, and why.
func (g *Registry) Fail(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.by, g.names = nil, nil
	g.because = fmt.Sprintf("The lab's images could not be made: %v", err)
}

// put gives a manifest to a registry, in its own protocol.
func put(h http.Handler, repository, tag string, manifest []byte) error {
	url := "/v2/" + repository + "/manifests/" + tag
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPut, url, bytes.NewReader(manifest))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", string(types.OCIManifestSchema1))
	w := &answer{header: http.Header{}, status: http.StatusOK}
	h.ServeHTTP(w, r)
	if w.status != http.StatusCreated {
		return fmt.Errorf("PUT %s: status %d: %s", url, w.status, strings.TrimSpace(w.body.String()))
	}
	return nil
}

// An answer is an http.ResponseWriter in memory.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }

// ServeHTTP answers for the host that the request names.
func (g *Registry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host := strings.ToLower(strings.TrimSuffix(r.Host, "."))
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if name, ok := registries[host]; ok {
		host = name
	}
	g.mu.RLock()
	h, because, names, own := g.by[host], g.because, g.names, g.blobs
	g.mu.RUnlock()
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	path, ok := strings.CutPrefix(r.URL.Path, "/v2/")
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		refuse(w, http.StatusForbidden, "DENIED",
			"This is the registry of your lab, and read-only: what you push would go nowhere. Images that you build are in your own box: docker images.")
	case !ok:
		refuse(w, http.StatusNotFound, "UNSUPPORTED", "This is the registry of your lab, and all that it has is below /v2/.")
	case path == "" && g.Upstream != nil:
		w.WriteHeader(http.StatusOK)
	case g.Upstream != nil && (h == nil || !has(host, path, names) || !own.have(path)):
		g.Upstream.serve(w, r, host, path)
	case because != "":
		refuse(w, http.StatusServiceUnavailable, "UNAVAILABLE", because)
	case path == "" && h == nil:
		w.WriteHeader(http.StatusOK) // a registry, if an empty one
	case h == nil || !has(host, path, names):
		refuse(w, http.StatusNotFound, "MANIFEST_UNKNOWN", fmt.Sprintf("This lab has no %s/%s, and no internet to get it from. It has: %s.",
			host, strings.Replace(path, "/manifests/", ":", 1), strings.Join(names, ", ")))
	default:
		h.ServeHTTP(w, r)
	}
}

// has tells whether a path leads to something: it does unless it asks for an image that is not there.
func has(host, path string, names []string) bool {
	repository, reference, ok := strings.Cut(path, "/manifests/")
	if !ok {
		return true
	}
	if strings.HasPrefix(reference, "sha256:") {
		return slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name, host+"/"+repository+":") })
	}
	return slices.Contains(names, host+"/"+repository+":"+reference)
}

// refuse writes an error as the protocol has them, and as engines show them.
func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	type fault struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	_ = json.NewEncoder(w).Encode(map[string][]fault{"errors": {{code, message}}}) // the client is gone, if that fails
}

// blobs are the files of a directory of blobs. Each was checked when it was made, and is never written again; to check it
// whenever somebody asks, as the library's own does, would let any learner keep the host busy.
type blobs struct{ dir string }

func (b blobs) file(digest v1.Hash) string { return filepath.Join(b.dir, digest.Algorithm, digest.Hex) }

// have tells whether a path does not lead to a blob, or to one that is there.
func (b blobs) have(path string) bool {
	_, text, ok := strings.Cut(path, "/blobs/")
	if !ok {
		return true
	}
	digest, err := v1.NewHash(text)
	if err != nil {
		return true // to be refused by who serves them
	}
	_, err = os.Stat(b.file(digest))
	return err == nil
}

func (b blobs) Stat(_ context.Context, _ string, digest v1.Hash) (int64, error) {
	about, err := os.Stat(b.file(digest))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, registry.ErrNotFound
	}
	if err != nil {
		return 0, err
	}
	return about.Size(), nil
}

func (b blobs) Get(_ context.Context, _ string, digest v1.Hash) (io.ReadCloser, error) {
	f, err := os.Open(b.file(digest))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, registry.ErrNotFound
	}
	return f, err
}
