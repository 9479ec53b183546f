package kernel

import (
	"errors"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// kept are the files of a sandbox's groups, open from one reading to the next: to open and close one costs the kernel several times
// what reading it does.
//
// What is read is always of the group that is there: of a removed one an open file gives ENODEV, be there a new one of its name or not
// (fs/kernfs/file.c).
type kept struct {
	mu     sync.Mutex
	groups map[string]*keptGroup // by directory
}

// keptGroup is one group in one hierarchy.
type keptGroup struct {
	dir   *os.File // with O_PATH
	files map[string]*os.File
}

// maxKept bounds how many groups are kept open. Those beyond are opened for each reading.
const maxKept = 32

// group gives a group's directory to use, and tells whether it was open before. mu is held.
func (k *kept) group(dir string) (g *keptGroup, before bool, err error) {
	if g = k.groups[dir]; g != nil {
		return g, true, nil
	}
	fd, err := openat(unix.AT_FDCWD, dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC|unix.O_NOFOLLOW)
	if err != nil {
		return nil, false, err
	}
	return &keptGroup{dir: os.NewFile(uintptr(fd), dir), files: map[string]*os.File{}}, false, nil
}

// keep keeps a group for the next reading, or closes it where there is no room, or no file that would tell of its end. mu is held.
func (k *kept) keep(dir string, g *keptGroup) {
	switch {
	case k.groups[dir] == g:
	case len(g.files) == 0 || len(k.groups) >= maxKept:
		g.close()
	default:
		k.groups[dir] = g
	}
}

// drop closes a group, be it kept or not. mu is held.
func (k *kept) drop(dir string, g *keptGroup) {
	g.close()
	delete(k.groups, dir)
}

// dropAll closes those groups that are not wanted.
func (k *kept) dropAll(unless func(dir string) bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for dir, g := range k.groups {
		if !unless(dir) {
			k.drop(dir, g)
		}
	}
}

func (g *keptGroup) close() {
	for _, f := range g.files {
		f.Close()
	}
	g.dir.Close()
}

// read reads a file of the group as record does, and leaves it open.
func (g *keptGroup) read(name string, buf *[]byte) ([]byte, error) {
	if f := g.files[name]; f != nil {
		b, err := again(int(f.Fd()), buf)
		if !errors.Is(err, unix.ENODEV) {
			return b, err
		}
		f.Close() // the group was removed, or its controller disabled, and maybe enabled again
		delete(g.files, name)
	}
	fd, err := openat(int(g.dir.Fd()), name, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOCTTY)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), name)
	b, err := again(int(f.Fd()), buf)
	if err != nil {
		f.Close()
		return nil, err
	}
	g.files[name] = f
	return b, nil
}
