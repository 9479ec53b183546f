package sandbox

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// kernelLog is the file that the kernel's lines about a sandbox are written to, in the form that dmesg -F reads. The
// learner sees it, read-only, as /run/kmsg.
const kernelLog = "kmsg"

// mountLayer mounts an image, once for all sandboxes. The file system and the device below it are read-only, so that
// no remount and no bind mount makes the tree writable: that would take rights in the host's user namespace.
func (s *stage) mountLayer(name, image string) error {
	f, err := os.Open(image)
	if err != nil {
		return fmt.Errorf("layer %s: %w", name, err)
	}
	defer f.Close()
	if err := s.mount(f, name, true, nil); err != nil {
		return fmt.Errorf("layer %s: %w", name, err)
	}
	return nil
}

// rootMounts are the detached mounts that a sandbox is handed: its root first.
type rootMounts struct {
	at  []string
	fds []int
	log *os.File // kernelLog, for appending
}

func (r *rootMounts) close() {
	for _, fd := range r.fds {
		_ = unix.Close(fd)
	}
	r.fds = nil
}

// mountRoot builds the root of a sandbox: an overlay of the layers, from the top down, in the ids of the sandbox's user
// namespace, with the upper layer on its scratch. The overlay is made out here, so its trusted.overlay.* attributes
// cannot be forged inside, and so it works on kernels whose tmpfs or overlay lack user.* ones. The layers' mounts stay on the stage,
// where the learner cannot remount them: the overlay has private copies.
//
// See mount_setattr(2) for MOUNT_ATTR_IDMAP, which needs Linux 5.12, and 5.19 below an overlay.
func (s *stage) mountRoot(id string, layers []string, beside map[string]string, sc *scratch, userns *os.File, owner int) (root *rootMounts, err error) {
	err = s.do(func() (err error) {
		root, err = buildRoot(id, layers, beside, sc, userns, owner)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("root: %w", err)
	}
	return root, nil
}

func buildRoot(id string, layers []string, beside map[string]string, sc *scratch, userns *os.File, owner int) (_ *rootMounts, err error) {
	if err := sc.give(owner); err != nil {
		return nil, err
	}
	if err := os.Mkdir(id, 0o700); err != nil {
		return nil, err
	}
	defer os.Remove(id)
	for _, l := range layers {
		at := filepath.Join(id, l)
		if err := attachMapped(l, at, userns); err != nil {
			return nil, fmt.Errorf("idmap layer %s: %w (needs Linux 5.19)", l, err)
		}
		defer func() { _ = detach(at) }()
	}

	link := filepath.Join(id, "scratch")
	if err := os.Symlink("../"+sc.name, link); err != nil {
		return nil, err
	}
	defer os.Remove(link)

	root := &rootMounts{}
	defer func() {
		if err != nil {
			root.close()
		}
	}()
	// The names in mountinfo are what the learner reads, so they are short ones, relative to a directory.
	if err := unix.Chdir(id); err != nil {
		return nil, err
	}
	fd, err := mountOverlay(layers, "scratch/upper", "scratch/work")
	if err := unix.Chdir(".."); err != nil {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("overlay: %w", err)
	}
	root.add("", fd)
	for _, d := range scratchDirs {
		if d.at == "" {
			continue
		}
		fd, err := cloneMount(filepath.Join(sc.name, d.name), 0)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", d.name, err)
		}
		root.add(d.at, fd)
	}
	for _, at := range slices.Sorted(maps.Keys(beside)) {
		// A learner may remount it: what is read-only is the file system itself, and the device below.
		fd, err := cloneMapped(beside[at], userns)
		if err != nil {
			return nil, fmt.Errorf("idmap layer %s: %w", beside[at], err)
		}
		root.add(strings.TrimPrefix(at, "/"), fd)
	}
	fd, err = cloneMount(filepath.Join(sc.name, kernelLog), unix.MOUNT_ATTR_RDONLY)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", kernelLog, err)
	}
	root.add("run/"+kernelLog, fd)
	root.log, err = os.OpenFile(filepath.Join(sc.name, kernelLog), os.O_WRONLY|os.O_APPEND, 0)
	return root, err
}

func (r *rootMounts) add(at string, fd int) {
	r.at = append(r.at, at)
	r.fds = append(r.fds, fd)
}

// attachMapped attaches a copy of a layer's mount whose ids are those of the user namespace.
func attachMapped(layer, at string, userns *os.File) error {
	fd, err := cloneMapped(layer, userns)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := os.Mkdir(at, 0o700); err != nil {
		return err
	}
	if err := unix.MoveMount(fd, "", unix.AT_FDCWD, at, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		_ = os.Remove(at)
		return fmt.Errorf("move_mount: %w", err)
	}
	return nil
}

// cloneMapped returns a detached copy of a layer's mount whose ids are those of the user namespace.
func cloneMapped(layer string, userns *os.File) (int, error) {
	fd, err := unix.OpenTree(unix.AT_FDCWD, layer, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return -1, fmt.Errorf("open_tree: %w", err)
	}
	attr := unix.MountAttr{
		Attr_set:  unix.MOUNT_ATTR_IDMAP | unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NODEV,
		Userns_fd: uint64(userns.Fd()),
	}
	if err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, &attr); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("mount_setattr: %w", err)
	}
	return fd, nil
}

// mountOverlay makes an overlay that is attached nowhere. Its lower directories are given from the bottom up. It is
// volatile: no sync reaches the disk, since nothing has to outlive the sandbox, so that a storm of them harms nobody.
func mountOverlay(lower []string, upper, work string) (int, error) {
	top := make([]string, 0, len(lower))
	for _, l := range slices.Backward(lower) {
		top = append(top, l)
	}
	fsfd, err := unix.Fsopen("overlay", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, fmt.Errorf("fsopen: %w", err)
	}
	defer unix.Close(fsfd)
	options := [][2]string{
		{"source", "overlay"},
		{"lowerdir", strings.Join(top, ":")},
		{"upperdir", upper},
		{"workdir", work},
	}
	for _, o := range options {
		if err := unix.FsconfigSetString(fsfd, o[0], o[1]); err != nil {
			return -1, fmt.Errorf("%s=%s: %w", o[0], o[1], err)
		}
	}
	if err := unix.FsconfigSetFlag(fsfd, "volatile"); err != nil {
		return -1, fmt.Errorf("volatile: %w", err)
	}
	if err := unix.FsconfigCreate(fsfd); err != nil {
		return -1, fmt.Errorf("create: %w", err)
	}
	return unix.Fsmount(fsfd, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NODEV)
}

// cloneMount returns a detached bind mount of a directory or file.
func cloneMount(path string, set uint64) (int, error) {
	fd, err := unix.OpenTree(unix.AT_FDCWD, path, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return -1, fmt.Errorf("open_tree: %w", err)
	}
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_NODEV | set}
	if err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, &attr); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("mount_setattr: %w", err)
	}
	return fd, nil
}
