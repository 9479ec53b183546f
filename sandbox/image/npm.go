package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	_ "embed" // npm/package-lock.json
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"glassbox/sandbox/rootfs"
)

// npmPackage is a package of npm's, pinned.
type npmPackage struct {
	Name      string `yaml:"name"`
	Version   string `yaml:"version"`
	Integrity string `yaml:"integrity"` // sha512-BASE64, as in the registry (Subresource Integrity)
}

// npmLock lists the packages that learners can install, with all that these depend on, in npm's own format.
//
//go:embed npm/package-lock.json
var npmLock []byte

// parseLock reads a lock file of npm's (package-lock.json, "packages"):
//
//	"node_modules/debug/node_modules/ms": {"version": "2.0.0", "integrity": "sha512-Tpp6…", …}
func parseLock(text []byte) ([]npmPackage, error) {
	var lock struct {
		Packages map[string]struct{ Version, Integrity string }
	}
	if err := json.Unmarshal(text, &lock); err != nil {
		return nil, fmt.Errorf("package-lock.json: %w", err)
	}
	const modules = "node_modules/"
	var all []npmPackage
	for _, where := range sortedKeys(lock.Packages) {
		at := strings.LastIndex(where, modules)
		if at < 0 {
			continue // the project itself
		}
		p := npmPackage{Name: where[at+len(modules):], Version: lock.Packages[where].Version, Integrity: lock.Packages[where].Integrity}
		if p.Version == "" || !strings.HasPrefix(p.Integrity, "sha512-") {
			return nil, fmt.Errorf("package-lock.json: %s: no version, or no integrity by sha512", where)
		}
		if !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	return all, nil
}

// NPMHost is the registry that packages come from, and that the gateway stands in for.
const NPMHost = "registry.npmjs.org"

// npmRegistry is where the packages are downloaded from; npm's own variable names another.
func npmRegistry() string {
	if own := os.Getenv("npm_config_registry"); own != "" {
		return strings.TrimSuffix(own, "/")
	}
	return "https://" + NPMHost
}

// npmTimeout bounds the download of one package, which has a few kilobytes; npm itself has two megabytes.
const npmTimeout = 30 * time.Second

// npmFile is where a package is kept.
func npmFile(keep string, p npmPackage) string {
	return filepath.Join(keep, "npm", strings.ReplaceAll(p.Name, "/", "-")+"-"+p.Version+".tgz")
}

// ball is the path of a package's tarball in a registry.
func (p npmPackage) ball() string {
	return "/" + p.Name + "/-/" + path.Base(p.Name) + "-" + p.Version + ".tgz"
}

// npmAtOnce is how many packages are downloaded at a time.
const npmAtOnce = 8

// fetchNPM downloads those of the packages that are not there, unless it shall only look.
func fetchNPM(ctx context.Context, packages []npmPackage, keep string, lookOnly bool, tell func(rootfs.Progress)) error {
	var missing []npmPackage
	for _, p := range packages {
		switch _, err := os.Stat(npmFile(keep, p)); {
		case errors.Is(err, fs.ErrNotExist):
			missing = append(missing, p)
		case err != nil:
			return err
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if lookOnly {
		return fmt.Errorf("%d packages of npm's are not in the cache", len(missing))
	}
	var mu sync.Mutex // of how
	how := rootfs.Progress{Step: "downloading from npm's registry", Total: int64(len(missing)), Unit: rootfs.Packages}
	tell(how)
	if err := os.MkdirAll(filepath.Join(keep, "npm"), 0o755); err != nil {
		return err
	}
	client := &http.Client{Timeout: npmTimeout}
	all, ctx := errgroup.WithContext(ctx)
	all.SetLimit(npmAtOnce)
	for _, p := range missing {
		all.Go(func() error {
			content, err := download(ctx, client, npmRegistry()+p.ball())
			if err != nil {
				return fmt.Errorf("npm's package %s cannot be had: %w (npm_config_registry names another registry)", p.Name, err)
			}
			sum := sha512.Sum512(content)
			if got := "sha512-" + base64.StdEncoding.EncodeToString(sum[:]); got != p.Integrity {
				return fmt.Errorf("npm's package %s %s: got %s, want %s", p.Name, p.Version, got, p.Integrity)
			}
			if err := replaceFile(npmFile(keep, p), content); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			how.Done++
			tell(how)
			return nil
		})
	}
	return all.Wait()
}

// maxPackage bounds a package, in bytes.
const maxPackage = 32 << 20

func download(ctx context.Context, client *http.Client, url string) (content []byte, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	answer, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %s", url, answer.Status)
	}
	return io.ReadAll(io.LimitReader(answer.Body, maxPackage))
}

// A Packages is npm's registry as far as the lab has it: what is in npm/package-lock.json. Until [Packages.Serve] is
// called it has none.
type Packages struct {
	mu    sync.RWMutex
	about map[string][]byte // a package's description ("packument"), by its name
	files map[string]string // a tarball on disk, by its path in the registry
}

// Serve has it serve what a set came with.
func (s *Packages) Serve(set *Set) error {
	about, files := map[string][]byte{}, map[string]string{}
	versions := map[string]map[string]any{} // of a package, by version
	for _, p := range set.npm {
		file := npmFile(set.keep, p)
		described, err := packageJSON(file)
		if err != nil {
			return fmt.Errorf("npm's package %s %s: %w", p.Name, p.Version, err)
		}
		described["dist"] = map[string]string{"tarball": "http://" + NPMHost + p.ball(), "integrity": p.Integrity}
		if versions[p.Name] == nil {
			versions[p.Name] = map[string]any{}
		}
		versions[p.Name][p.Version] = described
		files[p.ball()] = file
	}
	for name, all := range versions {
		text, err := json.Marshal(map[string]any{
			"name": name, "versions": all,
			"dist-tags": map[string]string{"latest": slices.MaxFunc(sortedKeys(all), byVersion)},
		})
		if err != nil {
			return err
		}
		about[name] = text
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.about, s.files = about, files
	return nil
}

// byVersion compares versions as far as their three numbers go (semver.org).
func byVersion(a, b string) int {
	var x, y [3]int
	_, _ = fmt.Sscanf(a, "%d.%d.%d", &x[0], &x[1], &x[2]) // what is not there counts as 0
	_, _ = fmt.Sscanf(b, "%d.%d.%d", &y[0], &y[1], &y[2])
	return slices.Compare(x[:], y[:])
}

// packageJSON reads package.json out of a package, where it is one directory down; most call that directory package.
func packageJSON(file string) (map[string]any, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	zipped, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	for r := tar.NewReader(zipped); ; {
		h, err := r.Next()
		if err != nil {
			return nil, fmt.Errorf("package.json: %w", err)
		}
		if _, name, _ := strings.Cut(h.Name, "/"); name == "package.json" {
			var about map[string]any
			return about, json.NewDecoder(r).Decode(&about)
		}
	}
}

// ServeHTTP answers npm: see its documentation of the registry, "package metadata".
func (s *Packages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.RLock()
	about, files := s.about, s.files
	s.mu.RUnlock()
	name := strings.TrimPrefix(r.URL.Path, "/")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		complain(w, http.StatusForbidden, "This is the registry of your lab, and read-only.")
		return
	}
	if text, ok := about[name]; ok {
		w.Header().Set("Content-Type", "application/json")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
		return
	}
	if file, ok := files[r.URL.Path]; ok {
		w.Header().Set("Content-Type", "application/octet-stream")
		http.ServeFile(w, r, file)
		return
	}
	complain(w, http.StatusNotFound, fmt.Sprintf("This lab has no npm package %q, and no internet to get it from. It has: %s.",
		name, strings.Join(sortedKeys(about), ", ")))
}

// complain writes an error as npm shows it.
func complain(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": message}) // the client is gone, if that fails
}
