package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"glassbox/sandbox/rootfs"
)

// npmBall is a package of npm's, with its pin.
func npmBall(t *testing.T, version string) ([]byte, npmPackage) {
	t.Helper()
	var ball bytes.Buffer
	zipped := gzip.NewWriter(&ball)
	w := tar.NewWriter(zipped)
	about := `{"name": "thing", "version": "` + version + `", "dependencies": {"other": "^1"}}`
	if err := w.WriteHeader(&tar.Header{Name: "package/package.json", Mode: 0o644, Size: int64(len(about))}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(about)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	sum := sha512.Sum512(ball.Bytes())
	return ball.Bytes(), npmPackage{Name: "thing", Version: version, Integrity: "sha512-" + base64.StdEncoding.EncodeToString(sum[:])}
}

func TestNPM(t *testing.T) {
	ball, pinned := npmBall(t, "1.2.3")
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/thing/-/thing-1.2.3.tgz" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(ball)
	}))
	defer upstream.Close()
	t.Setenv("npm_config_registry", upstream.URL+"/")
	var told []rootfs.Progress
	hear := func(p rootfs.Progress) { told = append(told, p) }

	keep := t.TempDir()
	packages := []npmPackage{pinned}
	if err := fetchNPM(t.Context(), packages, keep, true, hear); err == nil {
		t.Error("who only looks has downloaded something")
	}
	for range 2 { // the second time from the cache
		if err := fetchNPM(t.Context(), packages, keep, false, hear); err != nil {
			t.Fatal(err)
		}
		upstream.Close()
	}
	step := rootfs.Progress{Step: "downloading from npm's registry", Total: 1, Unit: rootfs.Packages}
	done := step
	done.Done = 1
	if diff := cmp.Diff([]rootfs.Progress{step, done}, told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}

	var p Packages
	if err := p.Serve(&Set{keep: keep, npm: packages}); err != nil {
		t.Fatal(err)
	}
	ask := func(method, path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		p.ServeHTTP(w, httptest.NewRequest(method, "http://registry.npmjs.org"+path, nil))
		return w
	}
	var about struct {
		Tags     map[string]string `json:"dist-tags"`
		Versions map[string]struct {
			Dependencies map[string]string
			Dist         struct{ Tarball, Integrity string }
		}
	}
	if err := json.Unmarshal(ask("GET", "/thing").Body.Bytes(), &about); err != nil {
		t.Fatal(err)
	}
	one := about.Versions[about.Tags["latest"]]
	if one.Dependencies["other"] != "^1" || one.Dist.Integrity != pinned.Integrity {
		t.Errorf("described as %+v, want its dependency and integrity %s", one, pinned.Integrity)
	}
	if got := ask("GET", strings.TrimPrefix(one.Dist.Tarball, "http://registry.npmjs.org")).Body.Bytes(); !bytes.Equal(got, ball) {
		t.Errorf("the tarball at %s is another, of %d bytes", one.Dist.Tarball, len(got))
	}
	for _, c := range []struct {
		method, path string
		status       int
		want         string
	}{
		{"GET", "/nosuch", 404, "It has: thing."},
		{"GET", "/thing/-/thing-9.tgz", 404, "thing-9.tgz"},
		{"PUT", "/thing", 403, "read-only"},
	} {
		if w := ask(c.method, c.path); w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s %s: got %d %s, want %d and %q", c.method, c.path, w.Code, w.Body, c.status, c.want)
		}
	}
}

func TestNPMRefusesAnotherPackage(t *testing.T) {
	ball, _ := npmBall(t, "1.0.0")
	_, other := npmBall(t, "1.0.1")
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(ball) }))
	defer upstream.Close()
	t.Setenv("npm_config_registry", upstream.URL)
	keep := t.TempDir()
	if err := fetchNPM(t.Context(), []npmPackage{other}, keep, false, func(rootfs.Progress) {}); err == nil || !strings.Contains(err.Error(), other.Integrity) {
		t.Errorf("got %v, want an error that names %s", err, other.Integrity)
	}
	if _, err := os.Stat(npmFile(keep, other)); !os.IsNotExist(err) {
		t.Errorf("the package is kept: %v", err)
	}
}

// Where npm's registry cannot be reached, all other images are there.
func TestWithoutNPM(t *testing.T) {
	m, err := parseManifest(manifestYAML)
	if err != nil {
		t.Fatal(err)
	}
	less, left := m.withoutNPM()
	if len(left) != 1 || left[0] != "node" || len(less.Images) != len(m.Images)-1 {
		t.Errorf("left out %v of %d images, %d remain; want node left out", left, len(m.Images), len(less.Images))
	}
}

func TestParseLock(t *testing.T) {
	own, err := parseLock(npmLock)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"express", "left-pad", "ms"} {
		if !slices.ContainsFunc(own, func(p npmPackage) bool { return p.Name == name }) {
			t.Errorf("our own lock file has no %s", name)
		}
	}
	got, err := parseLock([]byte(`{"packages": {"": {"name": "x"},
		"node_modules/debug/node_modules/ms": {"version": "2.0.0", "integrity": "sha512-a"},
		"node_modules/other/node_modules/ms": {"version": "2.0.0", "integrity": "sha512-a"},
		"node_modules/@b/c": {"version": "3.0.1", "integrity": "sha512-b"}}}`))
	want := []npmPackage{{"@b/c", "3.0.1", "sha512-b"}, {"ms", "2.0.0", "sha512-a"}}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("%v; packages (-want +got):\n%s", err, d)
	}
	if got, want := want[0].ball(), "/@b/c/-/c-3.0.1.tgz"; got != want {
		t.Errorf("ball: got %s, want %s", got, want)
	}
	for _, bad := range []string{"", `{"packages": {"node_modules/a": {"version": "1.0.0"}}}`, `{"packages": {"node_modules/a": {"version": "1.0.0", "integrity": "sha1-x"}}}`} {
		if _, err := parseLock([]byte(bad)); err == nil {
			t.Errorf("parseLock(%q) gave no error", bad)
		}
	}
}

func TestByVersion(t *testing.T) {
	if got := slices.MaxFunc([]string{"2.0.0", "10.1.0", "2.9.3"}, byVersion); got != "10.1.0" {
		t.Errorf("the latest is %s, want 10.1.0", got)
	}
}
