package store

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"glassbox/sandbox/kernel"
)

// contents is what a walk through a layer found.
type contents struct {
	files   int
	deletes int
	setuid  []string // paths with the setuid or setgid bit
}

// maxSetuid bounds how many files with the setuid bit are listed.
const maxSetuid = 1024

// maxSteps bounds how many names are looked up for one path, symbolic links included; the kernel follows 40 links.
const maxSteps = 512

// Some tools write whiteouts in the form that layers have in a tar file: .wh.NAME, and .wh..wh..opq for a directory that hides
// all below it (OCI image specification, layer.md).
const (
	tarWhiteout = ".wh."
	tarOpaque   = ".wh..wh..opq"
)

// File is the file of that path in the merged view of the image's layers, as a container of it would see it. Symbolic links to directories
// are followed inside the image, a last one is not. The File's path is where in the store it was read. It is never nil without an error.
func (i *Image) File(p string) (*kernel.File, error) {
	p = path.Clean("/" + p)
	none := &kernel.File{Path: p + " in the layers of " + i.String()}
	if !i.Exists || !proper(p) {
		return none, nil
	}
	var file *kernel.File
	err := i.store.ask(func(l *look) (err error) {
		file, err = l.file(i.Layers, p)
		return err
	})
	if err != nil || file == nil {
		return none, err
	}
	return file, nil
}

// file is a file in the merged view of layers; nil where there is none.
func (l *look) file(layers []*Layer, p string) (*kernel.File, error) {
	found, err := l.merged(layers, p, false)
	if found == nil || err != nil {
		return nil, err
	}
	defer found.Close()
	return found.File(found.path)
}

// LayersWith are the layers that contain a file of that path, the lowest first, even where a later one deletes it.
func (i *Image) LayersWith(p string) ([]*Layer, error) {
	p = path.Clean("/" + p)
	if !i.Exists || !proper(p) {
		return nil, nil
	}
	var with []*Layer
	err := i.store.ask(func(l *look) error {
		// The name may lead over a link of another layer: /bin/x where /bin links to usr/bin.
		names := []string{p}
		if dir, err := l.merged(i.Layers, path.Dir(p), true); err != nil {
			return err
		} else if dir != nil {
			names = append(names, path.Join(dir.name, path.Base(p)))
			dir.Close()
		}
		for _, layer := range i.Layers {
			for _, name := range slices.Compact(names) {
				has, err := l.has(layer, name)
				if err != nil {
					return err
				}
				if has {
					with = append(with, layer)
					break
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return with, nil
}

// proper tells whether a path can be one at all.
func proper(p string) bool { return !strings.ContainsRune(p, 0) && len(p) < unix.PathMax }

// has tells whether a layer itself contains a file of that path.
func (l *look) has(layer *Layer, p string) (bool, error) {
	diff, err := l.open(layer)
	if err != nil {
		return false, err
	}
	defer diff.Close()
	n, err := diff.Open(p)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer n.Close()
	return !n.Whiteout(), nil
}

// open opens the directory of a layer.
func (l *look) open(layer *Layer) (*kernel.Node, error) {
	diff, err := l.root.Open(layer.Path)
	if err != nil {
		return nil, &Error{layer.Path, err}
	}
	if diff.Type() != "directory" {
		defer diff.Close()
		return nil, &Error{layer.Path, fmt.Errorf("it is no directory but a %s", diff.Type())}
	}
	return diff, nil
}

// place is a file of the merged view.
type place struct {
	*kernel.Node

	name string // its path in the merged view, without links
	path string // and in the store
}

// directories are those of several layers that make one directory of the merged view, the topmost first.
type directories []place

func (d directories) close() {
	for _, one := range d {
		one.Close()
	}
}

// merged finds a path in the merged view of layers, the lowest first, as overlayfs would: of each name the topmost layer's that has it; a
// directory together with those below it, down to an opaque one; nothing below a whiteout. It gives nil where there is no such file.
//
// Symbolic links belong to the merged view, so they are followed here and never by the kernel: names are looked up one at a time. follow
// says that a last one is followed, too.
func (l *look) merged(layers []*Layer, p string, follow bool) (*place, error) {
	names, passed := split(p), []string{}
	at, err := l.roots(layers)
	if err != nil || len(at) == 0 {
		return nil, err
	}
	defer func() { at.close() }()
	for step := 0; len(names) > 0; step++ {
		if step > maxSteps {
			return nil, nil // a ring of links
		}
		name := names[0]
		names = names[1:]
		if name == ".." {
			// What was passed so far has no links, so the directory above is the one without the last name.
			names = slices.Concat(passed[:max(0, len(passed)-1)], names)
			passed = passed[:0]
			at.close()
			if at, err = l.roots(layers); err != nil {
				return nil, err
			}
			continue
		}
		next, err := at.entry(name)
		if err != nil || len(next) == 0 {
			return nil, err
		}
		at.close()
		at = next
		link := at[0].Type() == "symlink"
		switch {
		case at[0].Type() == "directory", len(names) == 0 && (!link || !follow): // on the way, or what was asked for
			passed = append(passed, name)
		case link:
			target, err := at[0].Target()
			if err != nil {
				return nil, &Error{at[0].path, err}
			}
			if path.IsAbs(target) {
				names = slices.Concat(split(target), names)
			} else {
				names = slices.Concat(passed, split(target), names)
			}
			if passed = passed[:0]; len(names) > maxSteps {
				return nil, nil
			}
			at.close()
			if at, err = l.roots(layers); err != nil {
				return nil, err
			}
		default: // a file where a directory should be
			return nil, nil
		}
	}
	found := at[0]
	found.name = "/" + strings.Join(passed, "/")
	at = at[1:]
	return &found, nil
}

// split gives the names of a path.
func split(p string) []string {
	return slices.DeleteFunc(strings.Split(p, "/"), func(name string) bool { return name == "" || name == "." })
}

// roots opens the layers' own directories.
func (l *look) roots(layers []*Layer) (all directories, err error) {
	for _, layer := range slices.Backward(layers) {
		n, err := l.open(layer)
		if err != nil {
			all.close()
			return nil, err
		}
		all = append(all, place{Node: n, path: layer.Path})
	}
	return all, nil
}

// entry is what has that name in a directory of the merged view: several directories, or one of anything else, or nothing.
func (d directories) entry(name string) (found directories, err error) {
	defer func() {
		if err != nil {
			found.close()
			found = nil
		}
	}()
	for _, dir := range d {
		n, err := dir.Entry(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			if hides, err := dir.holds(tarWhiteout + name); hides || err != nil {
				return found, err
			}
			continue
		case err != nil:
			return found, err
		}
		here := place{Node: n, path: path.Join(dir.path, name)}
		if n.Whiteout() || n.Type() != "directory" && len(found) > 0 {
			n.Close()
			return found, nil
		}
		found = append(found, here)
		if n.Type() != "directory" || n.Opaque() {
			return found, nil
		}
		if opaque, err := here.holds(tarOpaque); opaque || err != nil {
			return found, err
		}
	}
	return found, nil
}

// holds tells whether a directory of one layer contains that name.
func (p place) holds(name string) (bool, error) {
	n, err := p.Entry(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	n.Close()
	return true, nil
}

// walk fills what is known of an image after all its layers have been walked through.
func (l *look) walk(image *Image) error {
	candidates := map[string]bool{}
	for _, layer := range image.Layers {
		c, err := l.contents(layer)
		if err != nil {
			return err
		}
		layer.Files, layer.Deletes = c.files, c.deletes
		for _, p := range c.setuid {
			candidates[p] = true
		}
	}
	// A later layer may have taken the bit, or the file, away.
	for p := range candidates {
		found, err := l.merged(image.Layers, p, false)
		if err != nil {
			return err
		}
		if found == nil {
			continue
		}
		if found.Stat.Mode&(unix.S_ISUID|unix.S_ISGID) != 0 && found.Type() == "file" {
			image.SetuidFiles = append(image.SetuidFiles, found.name)
		}
		found.Close()
	}
	slices.Sort(image.SetuidFiles)
	image.SetuidFiles = slices.Compact(image.SetuidFiles)
	if n := len(image.Layers); n > 0 {
		image.files["diff"] = image.Layers[n-1].Path
	}
	return nil
}

// contents walks through a layer, once.
func (l *look) contents(layer *Layer) (*contents, error) {
	if c, ok := l.layers[layer.Path]; ok {
		return c, nil
	}
	diff, err := l.open(layer)
	if err != nil {
		return nil, err
	}
	defer diff.Close()
	c := &contents{}
	err = diff.Walk(maxFiles, l.until, func(p string, st *unix.Stat_t) {
		switch {
		case st.Mode&unix.S_IFMT == unix.S_IFCHR && st.Rdev == 0, strings.HasPrefix(path.Base(p), tarWhiteout):
			c.deletes++
			return
		case st.Mode&unix.S_IFMT == unix.S_IFREG && st.Mode&(unix.S_ISUID|unix.S_ISGID) != 0 && len(c.setuid) < maxSetuid:
			c.setuid = append(c.setuid, p)
		}
		c.files++
	})
	if err != nil {
		return nil, &Error{layer.Path, err}
	}
	if len(l.layers) >= maxKept {
		clear(l.layers)
	}
	l.layers[layer.Path] = c
	return c, nil
}
