package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"glassbox/sandbox/kernel"
)

// Bounds of what is read, far above what honest images have.
const (
	maxList   = 4 << 20   // bytes of a list: images.json, layers.json, containers.json
	maxItems  = 4096      // images, layers or containers in it
	maxConfig = 512 << 10 // bytes of a configuration or a manifest
	maxLog    = 1 << 20   // bytes of what a container printed
	maxConf   = 64 << 10  // bytes of storage.conf and the like
	maxNames  = 4096      // in one directory
	maxPlaces = 8         // where images may stand, the engine's own place included
	maxChain  = 512       // layers of an image; overlayfs takes 500
	maxFiles  = 300_000   // files of a layer
	maxKept   = 1024      // files and layers that are remembered
	maxAll    = 8 << 20   // bytes of all files that one question needs, and of those that are remembered
)

// patience bounds how long one question may take. The file systems of a sandbox answer at once; one that a program of the learner's
// answers for (FUSE) might not, but there is no /dev/fuse in a sandbox.
const patience = 5 * time.Second

// root is where the engine keeps its things unless storage.conf says otherwise.
const root = "/var/lib/containers/storage"

// Error says that something of the store is there and cannot be read or understood.
type Error struct {
	// Path is the file as the learner finds it.
	Path string
	// Err is the cause.
	Err error
}

func (e *Error) Error() string {
	return fmt.Sprintf("the engine's store is not readable: %s: %v", e.Path, e.Err)
}
func (e *Error) Unwrap() error { return e.Err }

// errSlow is the cause when a question takes longer than [patience].
var errSlow = fmt.Errorf("took longer than %v", patience)

// Store reads the store of one sandbox, and remembers what does not change. It may be used by several goroutines; they take
// turns. It holds nothing open.
type Store struct {
	src  kernel.Source
	turn chan struct{} // holds one token

	// What was read, by path. Whoever has the turn may use them.
	files  map[string]kept
	held   int64 // bytes of these files
	layers map[string]*contents
}

// kept is what was made of a file as it was at that stamp.
type kept struct {
	stamp kernel.Stamp
	value any
	err   error
}

// Open prepares reading.
func Open(src kernel.Source) *Store {
	s := &Store{src: src, turn: make(chan struct{}, 1), files: map[string]kept{}, layers: map[string]*contents{}}
	s.turn <- struct{}{}
	return s
}

// look is one question to the store: an open root, and the time until which it must be answered.
type look struct {
	*Store
	root  *kernel.Node
	until time.Time
	read  int64 // bytes so far
}

// take counts what the answer is made of. One file may have many names, and what is parsed is many times as large as its text.
func (l *look) take(bytes int64) error {
	if l.read += bytes; l.read > maxAll {
		return fmt.Errorf("%w: all in all more than %d bytes", kernel.ErrTooLarge, int64(maxAll))
	}
	return nil
}

// remember keeps what was made of a file, and forgets all others where that is too much.
func (s *Store) remember(file string, k kept) {
	s.forget(file)
	if s.held += k.stamp.Size; len(s.files) >= maxKept || s.held > maxAll {
		clear(s.files)
		s.held = k.stamp.Size
	}
	s.files[file] = k
}

func (s *Store) forget(file string) {
	s.held -= s.files[file].stamp.Size
	delete(s.files, file)
}

// ask answers a question, while no other is answered, within [patience]. One that takes longer is left to itself; until it ends, all
// others fail.
func (s *Store) ask(answer func(*look) error) error {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-s.turn:
	case <-timer.C:
		return &Error{root, errSlow}
	}
	done := make(chan error, 1)
	go func() {
		defer func() { s.turn <- struct{}{} }()
		sandbox, err := s.src.OpenRoot()
		if err != nil {
			done <- err
			return
		}
		defer sandbox.Close()
		done <- answer(&look{Store: s, root: sandbox, until: time.Now().Add(patience)})
	}()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		return &Error{root, errSlow}
	}
}

// read reads a file and gives what parse makes of it; what it made last time, if the file is still the same. A file that is not
// there gives the zero value and no error.
func read[T any](l *look, file string, most int, parse func([]byte) (T, error)) (value T, err error) {
	n, err := l.root.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		l.forget(file)
		return value, nil
	}
	if err != nil {
		return value, err
	}
	defer n.Close()
	stamp := n.Stamp()
	if err := l.take(min(stamp.Size, int64(most))); err != nil {
		return value, &Error{file, err}
	}
	if k, ok := l.files[file]; ok && k.stamp == stamp {
		if value, ok := k.value.(T); ok {
			return value, k.err
		}
	}
	b, err := n.Read(most)
	if err == nil {
		value, err = parse(b)
	}
	if err != nil {
		err = &Error{file, err}
	}
	l.remember(file, kept{stamp, value, err})
	return value, err
}

// places are the directories that images stand in: the engine's own, and the read-only ones that storage.conf names.
func (l *look) places() ([]string, error) {
	// The second is read only where the first is not there, as the engine does.
	for _, file := range []string{"/etc/containers/storage.conf", "/usr/share/containers/storage.conf"} {
		places, err := read(l, file, maxConf, parsePlaces)
		if places != nil || err != nil {
			return places, err
		}
	}
	return []string{root}, nil
}

// parsePlaces reads containers-storage.conf(5).
func parsePlaces(b []byte) ([]string, error) {
	var conf struct {
		Storage struct {
			Graphroot string
			Options   struct{ Additionalimagestores []string }
		}
	}
	if err := toml.Unmarshal(b, &conf); err != nil {
		return nil, err
	}
	own := root
	if conf.Storage.Graphroot != "" {
		own = path.Clean("/" + conf.Storage.Graphroot)
	}
	places := []string{own}
	for _, p := range conf.Storage.Options.Additionalimagestores {
		if len(places) < maxPlaces {
			places = append(places, path.Clean("/"+p))
		}
	}
	return places, nil
}

// aliases are the engine's short names, by which alpine is docker.io/library/alpine (containers-registries.conf(5)).
func (l *look) aliases() (map[string]string, error) {
	const conf = "/etc/containers/registries.conf"
	files := []string{conf}
	dir, err := l.root.Open(conf + ".d")
	if err == nil {
		defer dir.Close()
		names, err := dir.Names(maxNames)
		if err != nil {
			return nil, &Error{conf + ".d", err}
		}
		for _, name := range names {
			if strings.HasSuffix(name, ".conf") && len(files) < maxPlaces {
				files = append(files, path.Join(conf+".d", name))
			}
		}
	}
	all := map[string]string{}
	for _, file := range files {
		aliases, err := read(l, file, maxConf, parseAliases)
		if err != nil {
			return nil, err
		}
		maps.Copy(all, aliases) // the last file counts
	}
	return all, nil
}

func parseAliases(b []byte) (map[string]string, error) {
	var conf struct{ Aliases map[string]string }
	err := toml.Unmarshal(b, &conf)
	return conf.Aliases, err
}

// list parses a JSON list one element after the other, so that a list of a million empty ones costs no memory.
func list[T any](b []byte) ([]T, error) {
	d := json.NewDecoder(strings.NewReader(string(b)))
	start, err := d.Token()
	if err != nil {
		return nil, fmt.Errorf("no JSON: %w", err)
	}
	if start == nil { // null: the engine's word for none
		return []T{}, nil
	}
	if start != json.Delim('[') {
		return nil, errors.New("no list in JSON")
	}
	items := []T{}
	for d.More() {
		if len(items) >= maxItems {
			return nil, fmt.Errorf("%w: more than %d entries", kernel.ErrTooLarge, maxItems)
		}
		var item T
		if err := d.Decode(&item); err != nil {
			return nil, fmt.Errorf("entry %d: %w", len(items), err)
		}
		items = append(items, item)
	}
	if _, err := d.Token(); err != nil {
		return nil, fmt.Errorf("the list does not end: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the list")
	}
	return items, nil
}
