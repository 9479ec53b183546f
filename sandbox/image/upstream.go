package image

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"golang.org/x/sync/singleflight"
)

// An Upstream gets images that the lab has not made from the registries whose names they bear, and keeps them, where the
// operator lets learners have them. It asks without an account. What is named by a digest is asked for once; a tag each
// time, and where nobody answers the manifest is taken that it named last.
type Upstream struct {
	dir     string
	room    int64              // bytes that all files may take
	at      map[string]string  // where a host is, if not where its name says
	flights singleflight.Group // one download of a blob, however many wait for it

	mu     sync.Mutex
	coming int64 // bytes that are being written
}

// kinds are the directories of what is kept.
var kinds = []string{"manifests", "blobs"}

// NewUpstream keeps up to room bytes in dir. What an earlier one has kept there is served again.
func NewUpstream(dir string, room int64) (*Upstream, error) {
	for _, sub := range kinds {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return nil, fmt.Errorf("images from elsewhere: %w", err)
		}
		left, err := filepath.Glob(filepath.Join(dir, sub, unfinished))
		for _, file := range left {
			err = errors.Join(err, os.Remove(file))
		}
		if err != nil {
			return nil, fmt.Errorf("images from elsewhere: %w", err)
		}
	}
	return &Upstream{dir: dir, room: room}, nil
}

// downloadTime is how long a blob may take to come.
const downloadTime = 10 * time.Minute

// errFull says that nothing more is kept.
var errFull = errors.New("the lab keeps no more images from elsewhere: its disk for them is full. Ask who runs it")

// serve answers for a path below /v2/ of a host.
func (u *Upstream) serve(w http.ResponseWriter, r *http.Request, host, path string) {
	if at, ok := u.at[host]; ok {
		host = at
	}
	var err error
	if repository, reference, ok := strings.Cut(path, "/manifests/"); ok {
		err = u.serveManifest(w, r, host+"/"+repository, reference)
	} else if repository, digest, ok := strings.Cut(path, "/blobs/"); ok {
		err = u.serveBlob(w, r, host+"/"+repository, digest)
	} else {
		refuse(w, http.StatusNotFound, "UNSUPPORTED", "The lab passes on manifests and blobs, and nothing else.")
		return
	}
	var answer *transport.Error
	switch {
	case err == nil:
	case errors.Is(err, errFull):
		refuse(w, http.StatusInsufficientStorage, "DENIED", err.Error())
	case errors.As(err, &answer) && answer.StatusCode >= 400 && answer.StatusCode < 500:
		refuse(w, http.StatusNotFound, "MANIFEST_UNKNOWN", fmt.Sprintf("%s says: %v", host, err))
	default:
		refuse(w, http.StatusBadGateway, "UNAVAILABLE", fmt.Sprintf("%s cannot be asked: %v", host, err))
	}
}

// A manifest as it is kept.
type manifestFile struct {
	Type   string  `json:"type"` // its media type
	Digest v1.Hash `json:"digest"`
	Body   []byte  `json:"body"`
}

func (u *Upstream) serveManifest(w http.ResponseWriter, r *http.Request, repository, reference string) error {
	m, err := u.manifest(r.Context(), repository, reference)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", m.Type)
	w.Header().Set("Docker-Content-Digest", m.Digest.String())
	w.Header().Set("Content-Length", strconv.Itoa(len(m.Body)))
	if r.Method == http.MethodGet {
		_, _ = w.Write(m.Body) // the client is gone, if that fails
	}
	return nil
}

func (u *Upstream) manifest(ctx context.Context, repository, reference string) (m manifestFile, err error) {
	text, err := os.ReadFile(u.manifestFile(repository, reference))
	kept := err == nil && json.Unmarshal(text, &m) == nil
	var ref name.Reference
	if strings.HasPrefix(reference, "sha256:") {
		if kept {
			return m, nil
		}
		ref, err = name.NewDigest(repository + "@" + reference)
	} else {
		ref, err = name.NewTag(repository + ":" + reference)
	}
	if err != nil {
		return m, err
	}
	d, err := remote.Get(ref, remote.WithContext(ctx))
	if err != nil {
		var answer *transport.Error
		if kept && !errors.As(err, &answer) {
			return m, nil // nobody answers
		}
		return m, err
	}
	if kept && m.Digest == d.Digest {
		return m, nil // and not written again, for which there may be no room
	}
	m = manifestFile{Type: string(d.MediaType), Digest: d.Digest, Body: d.Manifest}
	if text, err = json.Marshal(m); err != nil {
		return m, err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil }
	for _, by := range slices.Compact([]string{reference, d.Digest.String()}) {
		if err := u.keep(u.manifestFile(repository, by), int64(len(text)), open); err != nil {
			return m, err
		}
	}
	return m, nil
}

// manifestFile is where a manifest is kept; what a client calls it is no file name.
func (u *Upstream) manifestFile(repository, reference string) string {
	sum := sha256.Sum256([]byte(repository + " " + reference))
	return filepath.Join(u.dir, "manifests", hex.EncodeToString(sum[:]))
}

func (u *Upstream) serveBlob(w http.ResponseWriter, r *http.Request, repository, digest string) error {
	ref, err := name.NewDigest(repository + "@" + digest)
	if err != nil {
		return err
	}
	hash, err := v1.NewHash(digest)
	if err != nil {
		return err
	}
	file := filepath.Join(u.dir, "blobs", hash.Hex)
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		_, err, _ = u.flights.Do(hash.Hex, func() (any, error) { return nil, u.download(ref, file) })
		if err == nil {
			f, err = os.Open(file)
		}
	}
	if err != nil {
		return err
	}
	defer f.Close()
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Docker-Content-Digest", digest)
	http.ServeContent(w, r, "", time.Time{}, f)
	return nil
}

// download keeps a blob, whoever waits for it; the library checks its digest.
func (u *Upstream) download(ref name.Digest, file string) error {
	ctx, cancel := context.WithTimeout(context.Background(), downloadTime)
	defer cancel()
	layer, err := remote.Layer(ref, remote.WithContext(ctx))
	if err != nil {
		return err
	}
	size, err := layer.Size()
	if err != nil {
		return err
	}
	return u.keep(file, size, layer.Compressed)
}

// keep writes a file of so many bytes, if there is room for it. It has its name only when it is complete.
func (u *Upstream) keep(file string, size int64, open func() (io.ReadCloser, error)) error {
	if err := u.reserve(size); err != nil {
		return err
	}
	defer u.release(size)
	content, err := open()
	if err != nil {
		return err
	}
	defer content.Close()
	f, err := os.CreateTemp(filepath.Dir(file), unfinished)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// unfinished are files that are being written.
const unfinished = ".new-*"

// reserve makes sure of room for so many bytes more, until release.
func (u *Upstream) reserve(size int64) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	used := u.coming + size
	for _, sub := range kinds {
		entries, err := os.ReadDir(filepath.Join(u.dir, sub))
		if err != nil {
			return err
		}
		for _, e := range entries {
			if about, err := e.Info(); err == nil && e.Name()[0] != '.' {
				used += about.Size()
			}
		}
	}
	if used > u.room {
		return errFull
	}
	u.coming += size
	return nil
}

func (u *Upstream) release(size int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.coming -= size
}
