package image

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// elsewhere is a registry with one image, library/far:1, that counts the blobs that it was asked for.
func elsewhere(t *testing.T) (server *httptest.Server, img v1.Image, asked *atomic.Int64) {
	t.Helper()
	asked = new(atomic.Int64)
	of := registry.New(registry.Logger(slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)))
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/") {
			asked.Add(1)
		}
		of.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	img, err := random.Image(1000, 2)
	if err != nil {
		t.Fatal(err)
	}
	ref, err := name.NewTag(strings.TrimPrefix(server.URL, "http://") + "/library/far:1")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, img); err != nil {
		t.Fatal(err)
	}
	asked.Store(0)
	return server, img, asked
}

// through is the lab's registry with its own image thing, and others from elsewhere.
func through(t *testing.T, server *httptest.Server, dir string, room int64) *Registry {
	t.Helper()
	g, _ := served(t)
	u, err := NewUpstream(dir, room)
	if err != nil {
		t.Fatal(err)
	}
	u.at = map[string]string{"docker.io": strings.TrimPrefix(server.URL, "http://")}
	g.Upstream = u
	return g
}

const hub = "https://registry-1.docker.io/v2/library/"

// What the lab has not made comes from elsewhere, once, and is there when nobody answers any more.
func TestPullThrough(t *testing.T) {
	server, img, asked := elsewhere(t)
	dir := t.TempDir()
	g := through(t, server, dir, 1<<20)
	pull := func() {
		t.Helper()
		manifest, err := v1.ParseManifest(get(t, g, hub+"far/manifests/1").Body)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range append(manifest.Layers, manifest.Config) {
			digest, size, err := v1.SHA256(get(t, g, hub+"far/blobs/"+part.Digest.String()).Body)
			if err != nil || digest != part.Digest || size != part.Size {
				t.Errorf("a blob is %v of %d bytes (%v), want %v of %d", digest, size, err, part.Digest, part.Size)
			}
		}
	}
	pull()
	if n := asked.Load(); n != 3 {
		t.Errorf("it was asked for %d blobs, want 3", n)
	}
	get(t, g, hub+"thing/manifests/1") // the lab's own
	g.Upstream.room = 0                // nothing more is kept, and what is kept is served
	pull()
	server.Close()
	pull()
	g = through(t, server, dir, 1<<20) // another day
	pull()
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	get(t, g, hub+"far/manifests/"+digest.String())
	if n := asked.Load(); n != 3 {
		t.Errorf("it was asked again: %d blobs", n)
	}
}

func TestPullThroughRefuses(t *testing.T) {
	server, img, _ := elsewhere(t)
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	digest, err := layers[0].Digest()
	if err != nil {
		t.Fatal(err)
	}
	gone := httptest.NewServer(nil)
	gone.Close()
	for _, c := range []struct {
		name, method, path string
		of                 *Registry
		status             int
		want               string
	}{
		{"no such image", "GET", "near/manifests/1", through(t, server, t.TempDir(), 1<<20), 404, "MANIFEST_UNKNOWN"},
		{"no such blob", "GET", "far/blobs/sha256:" + strings.Repeat("0", 64), through(t, server, t.TempDir(), 1<<20), 404, "MANIFEST_UNKNOWN"},
		{"no digest", "GET", "far/blobs/sha256:../manifests", through(t, server, t.TempDir(), 1<<20), 404, ""},
		{"more than there is room for", "GET", "far/blobs/" + digest.String(), through(t, server, t.TempDir(), 10), 507, "is full"},
		{"nobody answers", "GET", "far/manifests/1", through(t, gone, t.TempDir(), 1<<20), 502, "cannot be asked"},
		{"to push", "PUT", "far/manifests/2", through(t, server, t.TempDir(), 1<<20), 403, "read-only"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			c.of.ServeHTTP(w, httptest.NewRequest(c.method, hub+c.path, nil))
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
				t.Errorf("%s %s: got %d %s, want %d and %q", c.method, c.path, w.Code, w.Body, c.status, c.want)
			}
		})
	}
}
