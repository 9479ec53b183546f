package network

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
)

// alpine is the tarball of a mini root filesystem, at the path that Alpine has it at.
type alpine struct {
	rootTarball
	path string // at dl-cdn.alpinelinux.org
	sum  string // what Alpine has in the .sha256 beside it
}

// alpineName takes the version's branch, and the architecture, from the name of a release.
var alpineName = regexp.MustCompile(`^alpine-minirootfs-(\d+\.\d+)\.\d+-([a-z0-9_]+)\.tar\.gz$`)

func newAlpine(file string) (*alpine, error) {
	name := filepath.Base(file)
	m := alpineName.FindStringSubmatch(name)
	if m == nil {
		return nil, fmt.Errorf("alpine tarball %s: the name is not alpine-minirootfs-VERSION-ARCH.tar.gz", file)
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("alpine tarball: %w", err)
	}
	defer f.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return nil, fmt.Errorf("alpine tarball: %w", err)
	}
	return &alpine{
		rootTarball: rootTarball{file},
		path:        "/alpine/v" + m[1] + "/releases/" + m[2] + "/" + name,
		sum:         hex.EncodeToString(hash.Sum(nil)) + "  " + name + "\n",
	}, nil
}

func (a *alpine) url() string { return "http://" + alpineHost + a.path }

func (a *alpine) mux() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET "+a.path, a)
	mux.Handle("GET "+a.path+".sha256", bytesHandler("text/plain; charset=utf-8", []byte(a.sum)))
	return withHelp(mux, alpineHost, a.path, a.path+".sha256")
}

// rootTarball is the tarball of a root filesystem.
type rootTarball struct {
	file string // on the host
}

// ServeHTTP serves the file, or the parts of it that a Range header asks for.
func (t rootTarball) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f, err := os.Open(t.file)
	if err != nil {
		http.Error(w, "The lab has lost its tarball. Tell who runs it.", http.StatusInternalServerError)
		return
	}
	defer f.Close()
	stat, err := f.Stat()
	if err != nil {
		http.Error(w, "The lab cannot read its tarball. Tell who runs it.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", stat.ModTime(), f)
}
