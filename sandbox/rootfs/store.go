package rootfs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// unusedFor is how long a layer, a package or a download that nobody asks for is kept.
const unusedFor = 30 * 24 * time.Hour

// A store is the cache directory:
//
//	lock                       flock(2): one process builds, the others wait and then find it built
//	layers/NAME-DIGEST.ext4    an image; never written again once it has this name
//	layers/NAME-DIGEST.json    its stamp, written last: without one the image does not count
//	debs/                      Debian packages as downloaded
//	tarballs/                  Alpine's tarball, or that of the root that stands in for it
//	programs/                  Go programs that were compiled for a layer
//	work-*/                    a build that is going on, or one that was killed
type store struct {
	dir string
	log *slog.Logger
}

// A stamp tells what a layer's image is made of, so that nobody has to look into it.
type stamp struct {
	Name     string            `json:"name"`
	Digest   string            `json:"digest"`             // of the inputs
	Size     int64             `json:"size"`               // of the image, in bytes
	Packages map[string]string `json:"packages,omitempty"` // Debian package -> version
	Files    []string          `json:"files,omitempty"`    // paths of programs and libraries, for the layers above
}

func openStore(dir string, log *slog.Logger) (*store, error) {
	for _, sub := range []string{"layers", "debs", "tarballs", "programs"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, err
		}
	}
	return &store{dir: dir, log: log}, nil
}

func (s *store) path(elem ...string) string {
	return filepath.Join(append([]string{s.dir}, elem...)...)
}

func layerFile(name, digest string) string { return name + "-" + digest[:16] }

func (s *store) image(name, digest string) string {
	return s.path("layers", layerFile(name, digest)+".ext4")
}

func (s *store) stampFile(name, digest string) string {
	return s.path("layers", layerFile(name, digest)+".json")
}

// find gives the stamp of a layer that is built, and notes that it is in use.
func (s *store) find(name, digest string) (stamp, bool) {
	text, err := os.ReadFile(s.stampFile(name, digest))
	if err != nil {
		return stamp{}, false
	}
	var found stamp
	if err := json.Unmarshal(text, &found); err != nil || found.Digest != digest {
		return stamp{}, false
	}
	image := s.image(name, digest)
	about, err := os.Stat(image)
	if err != nil || about.Size() != found.Size {
		return stamp{}, false
	}
	s.touch(s.stampFile(name, digest), image)
	return found, true
}

// touch notes that files are in use. Where that cannot be noted, they may be made anew in a month; no more.
func (s *store) touch(files ...string) {
	now := time.Now()
	for _, file := range files {
		if err := os.Chtimes(file, now, now); err != nil {
			s.log.Debug("cannot note that a file of the cache is in use", "file", file, "err", err)
		}
	}
}

// keep puts an image that was built in dir into its place: the image first, then the stamp that makes it count.
func (s *store) keep(image string, made stamp) error {
	about, err := os.Stat(image)
	if err != nil {
		return err
	}
	made.Size = about.Size()
	text, err := json.MarshalIndent(made, "", "\t")
	if err != nil {
		return err
	}
	if err := flush(image); err != nil {
		return err
	}
	// A stamp whose image was damaged or removed goes first: image and stamp are never of two builds.
	if err := os.Remove(s.stampFile(made.Name, made.Digest)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(image, s.image(made.Name, made.Digest)); err != nil {
		return err
	}
	return writeFile(s.stampFile(made.Name, made.Digest), append(text, '\n'))
}

// flush makes sure that a file's content is on disk before its name says that it is complete.
func flush(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// writeFile replaces a file in one step.
func writeFile(name string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// lock waits until no other process, and no other goroutine of this one, builds in the store.
func (s *store) lock(ctx context.Context, waiting func()) (unlock func() error, err error) {
	f, err := os.OpenFile(s.path("lock"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	const often = 50 * time.Millisecond
	tick := time.NewTicker(often)
	defer tick.Stop()
	for said := false; ; {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return f.Close, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return nil, errors.Join(fmt.Errorf("flock %s: %w", f.Name(), err), f.Close())
		}
		if !said {
			waiting()
			said = true
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), f.Close())
		case <-tick.C:
		}
	}
}

// work makes a directory for one build; only who holds the lock calls it, so that what it finds there is a dead one's.
func (s *store) work() (dir string, err error) {
	left, err := filepath.Glob(s.path("work-*"))
	if err != nil {
		return "", err
	}
	for _, dead := range left {
		if err := os.RemoveAll(dead); err != nil {
			return "", err
		}
	}
	return os.MkdirTemp(s.dir, "work-*")
}

// prune removes what was not in use for a month, and of layers of one name, of which there is one for every set of lab
// files, all but the last few that were not in use for a day. A layer that is attached to a loop device stays readable
// all the same.
func (s *store) prune() {
	seen := map[string]int{}
	for _, pattern := range []string{"layers/*.ext4", "layers/*.json", "debs/*", "tarballs/*", "programs/*"} {
		for _, file := range s.newestFirst(pattern) {
			unused := time.Since(file.used)
			name := ""
			if at := strings.LastIndexByte(filepath.Base(file.path), '-'); at > 0 && strings.HasPrefix(pattern, "layers/") {
				name = filepath.Base(file.path)[:at] + filepath.Ext(file.path)
				seen[name]++
			}
			if unused < unusedFor && (seen[name] <= fewLayers || unused < 24*time.Hour) {
				continue
			}
			s.log.Info("removing what is no longer used", "file", file.path, "unused", unused.Round(time.Hour))
			if err := os.RemoveAll(file.path); err != nil {
				s.log.Warn("cannot remove a file of the cache", "file", file.path, "err", err)
			}
		}
	}
}

// fewLayers is how many layers of one name are kept whether they are in use or not.
const fewLayers = 8

// A usedFile is a file of the cache and when it was last in use.
type usedFile struct {
	path string
	used time.Time
}

// newestFirst lists the files of a pattern, those that were in use last before the others.
func (s *store) newestFirst(pattern string) []usedFile {
	paths, err := filepath.Glob(s.path(pattern))
	if err != nil {
		return nil // a pattern that Glob does not take, which ours are not
	}
	var files []usedFile
	for _, file := range paths {
		if about, err := os.Stat(file); err == nil {
			files = append(files, usedFile{file, about.ModTime()})
		}
	}
	slices.SortStableFunc(files, func(a, b usedFile) int { return b.used.Compare(a.used) })
	return files
}
