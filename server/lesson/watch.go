package lesson

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

// settle is how long a directory must be quiet before it is read again. An editor saves a file in several steps: a new
// one is written, the old one is moved away, the new one takes its place.
const settle = 100 * time.Millisecond

// patient is how many times a file that is empty is waited for: an editor may cut a file off before it writes it anew.
const patient = 10

// empty tells whether a file of a lesson, or the course's, has nothing in it.
func empty(dir string) bool {
	entries, err := os.ReadDir(dir)
	return err == nil && slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		if e.Name() != CourseFile && !lessonFile.MatchString(e.Name()) {
			return false
		}
		info, err := e.Info()
		return err == nil && info.Mode().IsRegular() && info.Size() == 0
	})
}

// Watch reads the course in dir whenever a file in it changes, and hands what [Loader.Load] gives to changed: a course,
// and maybe [Problems]. It does so once at the beginning. It returns when ctx ends, with nil, or when dir cannot be
// watched.
func (ld Loader) Watch(ctx context.Context, dir string, log *slog.Logger, changed func(*Course, error)) error {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch %s: %w", dir, err)
	}
	defer w.Close()
	// Watched before it is read, so that nothing that happens between the two is missed.
	if err := watchAll(w, dir); err != nil {
		return fmt.Errorf("watch %s: %w", dir, err)
	}
	read := func() { changed(ld.Load(os.DirFS(dir))) }
	read()
	waits := 0
	quiet := time.NewTimer(settle)
	quiet.Stop()
	defer quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case e, ok := <-w.Events:
			if !ok {
				return fmt.Errorf("watch %s: the watch has ended", dir)
			}
			if e.Op == fsnotify.Chmod {
				continue // reading a file changes its times
			}
			log.Debug("lesson file changed", "file", e.Name, "how", e.Op.String())
			quiet.Reset(settle)
		case err, ok := <-w.Errors:
			if !ok {
				return fmt.Errorf("watch %s: the watch has ended", dir)
			}
			// Events were lost: the directory may have changed in any way.
			log.Warn("watch lessons", "dir", dir, "err", err)
			quiet.Reset(settle)
		case <-quiet.C:
			if empty(dir) && waits < patient {
				waits++
				quiet.Reset(settle)
				continue
			}
			waits = 0
			if err := watchAll(w, dir); err != nil { // a directory may be new
				log.Warn("watch lessons", "dir", dir, "err", err)
			}
			read()
		}
	}
}

// watchAll watches dir and every directory below it. One that vanishes meanwhile is no matter.
func watchAll(w *fsnotify.Watcher, dir string) error {
	if err := w.Add(dir); err != nil {
		return err
	}
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() && path != dir {
			err = w.Add(path)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
}
