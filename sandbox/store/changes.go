package store

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"glassbox/sandbox/kernel"
)

// Bounds of what a container may have changed.
const (
	maxChanges = 4096
	maxLevels  = 64 // of directories
)

// notChanges are places that the engine mounts something on in every container; docker diff leaves them out.
var notChanges = []string{
	"/dev", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf", "/etc/mtab", "/proc", "/run", "/run/.containerenv", "/run/notify", "/run/secrets", "/sys",
}

// changes compares the layer that a container writes to with the layers below it.
func (l *look) changes(c *Container, record containerRecord) error {
	all, err := l.lists()
	if err != nil {
		return err
	}
	chain, ok := all.chain(all.layers[record.Layer].Parent)
	if !ok {
		return nil
	}
	slices.Reverse(chain)
	upper, err := l.open(&Layer{Path: c.Layer})
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it is being taken away
	}
	if err != nil {
		return err
	}
	defer upper.Close()
	lower, err := l.roots(layersOf(chain))
	if err != nil {
		return err
	}
	defer lower.close()
	d := difference{until: l.until, changes: []Change{}}
	if err := d.directory("/", place{Node: upper, path: c.Layer}, lower, 0); err != nil {
		return &Error{c.Layer, err}
	}
	c.Changes = d.changes
	return nil
}

// difference finds what an overlay's upper directory changes in the lower ones.
type difference struct {
	until   time.Time
	changes []Change
}

// directory compares a directory of the upper one with the same in the merged view of the lower ones, which is empty where it is new.
func (d *difference) directory(at string, upper place, lower directories, level int) error {
	switch {
	case level > maxLevels:
		return fmt.Errorf("%w: deeper than %d directories", kernel.ErrTooLarge, maxLevels)
	case time.Now().After(d.until):
		return errSlow
	}
	names, err := upper.Names(maxNames)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := d.entry(path.Join(at, name), name, upper, lower, level); err != nil {
			return err
		}
	}
	return nil
}

func (d *difference) entry(p, name string, upper place, lower directories, level int) error {
	n, err := upper.Entry(name)
	if err != nil {
		return nil // it has gone meanwhile
	}
	defer n.Close()
	if hidden, ok := strings.CutPrefix(name, tarWhiteout); ok {
		d.add(path.Join(path.Dir(p), hidden), "deleted")
		return nil
	}
	if n.Whiteout() {
		d.add(p, "deleted")
		return nil
	}
	below, err := lower.entry(name)
	if err != nil {
		return err
	}
	defer func() { below.close() }()
	before := len(d.changes)
	directory := n.Type() == "directory"
	switch {
	case len(below) == 0:
		d.add(p, "added")
	case directory && n.Opaque(): // it was deleted and made again
		d.add(p, "deleted")
		below.close()
		below = nil
	case differs(n, below[0].Node):
		d.add(p, "changed")
	}
	if len(d.changes) > maxChanges {
		return fmt.Errorf("%w: more than %d changes", kernel.ErrTooLarge, maxChanges)
	}
	if !directory {
		return nil
	}
	if len(below) > 0 && below[0].Type() != "directory" {
		below.close()
		below = nil
	}
	told := len(d.changes) > before
	if err := d.directory(p, place{Node: n, path: path.Join(upper.path, name)}, below, level+1); err != nil {
		return err
	}
	if !told && len(d.changes) > before && !slices.Contains(notChanges, p) {
		d.changes = slices.Insert(d.changes, before, Change{p, "changed"}) // something in it has
	}
	return nil
}

// differs tells whether a file is another one than the one that it hides. A directory's size and time say little.
func differs(a, b *kernel.Node) bool {
	x, y := a.Stat, b.Stat
	return x.Mode != y.Mode || x.Uid != y.Uid || x.Gid != y.Gid || x.Rdev != y.Rdev ||
		a.Type() != "directory" && (x.Size != y.Size || x.Mtim != y.Mtim)
}

func (d *difference) add(p, kind string) {
	if !slices.Contains(notChanges, p) {
		d.changes = append(d.changes, Change{p, kind})
	}
}
