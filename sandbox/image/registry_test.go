package image

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// served is a registry with one image of a set of its own, docker.io/library/thing.
func served(t *testing.T) (*Registry, v1.Image) {
	t.Helper()
	img, err := random.Image(1000, 2)
	if err != nil {
		t.Fatal(err)
	}
	img = mutate.ConfigMediaType(mutate.MediaType(img, types.OCIManifestSchema1), types.OCIConfigJSON)
	dir := t.TempDir()
	at, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := at.AppendImage(img); err != nil {
		t.Fatal(err)
	}
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	g := NewRegistry()
	set := &Set{Images: []Image{{Name: "docker.io/library/thing", Tags: []string{"1", "latest"}, Digest: digest}}, blobs: filepath.Join(dir, "blobs")}
	if err := g.Serve(set); err != nil {
		t.Fatal(err)
	}
	return g, img
}

// get asks a registry for something that must be there.
func get(t *testing.T, g *Registry, url string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	g.ServeHTTP(w, httptest.NewRequest(http.MethodGet, url, nil))
	if w.Code != http.StatusOK {
		t.Fatalf("GET %s: got %d %s, want 200", url, w.Code, w.Body)
	}
	return w
}

// An image is there whole: its manifest by tag and by digest, and all that the manifest names.
func TestRegistryPull(t *testing.T) {
	g, want := served(t)
	wantDigest, err := want.Digest()
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"docker.io", "registry-1.docker.io", "index.docker.io", "index.docker.io:443"} {
		at := "https://" + host + "/v2/"
		get(t, g, at)
		w := get(t, g, at+"library/thing/manifests/1")
		if kind := w.Header().Get("Content-Type"); kind != string(types.OCIManifestSchema1) {
			t.Errorf("%s: the manifest is of type %q", host, kind)
		}
		if again := get(t, g, at+"library/thing/manifests/"+wantDigest.String()); again.Body.String() != w.Body.String() {
			t.Errorf("%s: by digest, the manifest is another", host)
		}
		digest, _, err := v1.SHA256(bytes.NewReader(w.Body.Bytes()))
		if err != nil || digest != wantDigest {
			t.Errorf("%s: got a manifest with digest %v (%v), want %v", host, digest, err, wantDigest)
		}
		manifest, err := v1.ParseManifest(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range append(manifest.Layers, manifest.Config) {
			digest, size, err := v1.SHA256(get(t, g, at+"library/thing/blobs/"+part.Digest.String()).Body)
			if err != nil || digest != part.Digest || size != part.Size {
				t.Errorf("%s: a blob is %v of %d bytes (%v), want %v of %d", host, digest, size, err, part.Digest, part.Size)
			}
		}
	}
}

func TestRegistryRefuses(t *testing.T) {
	full, _ := served(t)
	failed := NewRegistry()
	failed.Fail(errors.New("the archive was closed"))
	for _, c := range []struct {
		name, method, url string
		of                *Registry
		status            int
		want              string
	}{
		{"to push a blob", "POST", "https://registry-1.docker.io/v2/library/thing/blobs/uploads/", full, 403, "read-only"},
		{"to push a manifest", "PUT", "https://registry-1.docker.io/v2/library/thing/manifests/2", full, 403, "DENIED"},
		{"to delete", "DELETE", "https://registry-1.docker.io/v2/library/thing/manifests/1", full, 403, "DENIED"},
		{"another image", "GET", "https://registry-1.docker.io/v2/library/other/manifests/latest", full, 404, "This lab has no docker.io/library/other:latest"},
		{"another tag", "GET", "https://registry-1.docker.io/v2/library/thing/manifests/3", full, 404, "docker.io/library/thing:latest"},
		{"another registry's", "GET", "https://gcr.io/v2/library/thing/manifests/1", full, 404, "gcr.io/library/thing:1"},
		{"a file beside the blobs", "GET", "https://registry-1.docker.io/v2/library/thing/blobs/sha256:../index.json", full, 404, "METHOD_UNKNOWN"},
		{"another page", "GET", "https://docker.io/", full, 404, "below /v2/"},
		{"before there are any", "GET", "https://registry-1.docker.io/v2/library/thing/manifests/1", NewRegistry(), 503, "still being made"},
		{"where there are none", "GET", "https://registry-1.docker.io/v2/library/thing/manifests/1", failed, 503, "the archive was closed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(c.method, c.url, nil)
			w := httptest.NewRecorder()
			c.of.ServeHTTP(w, r)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
				t.Errorf("%s %s: got %d %s, want %d and %q", c.method, c.url, w.Code, w.Body, c.status, c.want)
			}
		})
	}
}

// A set whose blobs are damaged is refused as a whole, and what was served before goes on.
func TestRegistryServeKeepsWhatItHas(t *testing.T) {
	g, _ := served(t)
	none := v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("0", 64)}
	if err := g.Serve(&Set{Images: []Image{{Name: "docker.io/library/x", Tags: []string{"1"}, Digest: none}}, blobs: t.TempDir()}); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("a set without blobs: got %v, want %v", err, os.ErrNotExist)
	}
	if got := get(t, g, "https://docker.io/v2/library/thing/tags/list").Body.String(); !strings.Contains(got, `"latest"`) {
		t.Errorf("tags: got %s, want latest among them", got)
	}
}
