package main

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

//go:embed guest.sh
var guestScript string

// programs are copied from this machine, with their libraries, where it has them. The rest is busybox.
var programs = []string{
	"/sbin/mke2fs", "/sbin/debugfs", "/sbin/e2fsck", "/usr/bin/dpkg-deb", "/usr/bin/tar", "/bin/tar", "/sbin/modprobe",
	"/bin/bash", "/bin/mount", "/bin/umount", "/sbin/losetup", "/usr/bin/unshare", "/usr/bin/nsenter", "/usr/bin/setpriv",
	"/sbin/ip", "/usr/bin/strace", "/usr/bin/getfattr", "/usr/bin/setfattr", "/sbin/capsh", "/usr/sbin/capsh",
}

// diskFiles are written as they stand.
var diskFiles = map[string]string{
	"etc/passwd":      "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
	"etc/group":       "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n",
	"etc/hosts":       "127.0.0.1 localhost vm\n::1 localhost\n",
	"etc/resolv.conf": "",
}

// prepareDisk makes the root disk, unless one of the same content is there. Its programs are copied from this machine, or are
// those that prepareRoot unpacked into root from debs, where that is not empty.
func prepareDisk(ctx context.Context, cache string, k kernel, root string, debs []string) (string, error) {
	files := map[string]string{} // from this machine, by their place on the disk
	digest := sha256.New()
	const layout = 4 // of fillDisk; another one makes another disk
	fmt.Fprintln(digest, layout, k.release, guestScript, diskFiles)
	fmt.Fprintln(digest, debs)
	copied := append([]string{busybox, "/etc/mke2fs.conf", "/etc/debian_version"}, programs...)
	if root != "" {
		copied = nil
	}
	for _, program := range copied {
		needs, err := closure(ctx, program)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		for _, file := range needs {
			at, err := settle(file)
			if err != nil {
				return "", err
			}
			files[at] = file
		}
	}
	for _, at := range sorted(files) {
		info, err := os.Stat(files[at])
		if err != nil {
			return "", err
		}
		fmt.Fprintln(digest, at, info.Size(), info.ModTime().UnixNano())
	}
	image := filepath.Join(cache, fmt.Sprintf("disk-%x.img", digest.Sum(nil)[:8]))
	if _, err := os.Stat(image); err == nil {
		return image, nil
	}
	fmt.Fprintln(os.Stderr, "vm: making the disk")
	old, err := filepath.Glob(filepath.Join(cache, "disk-*.img*"))
	if err != nil {
		return "", err
	}
	for _, name := range old {
		if err := os.Remove(name); err != nil {
			return "", err
		}
	}
	tree, err := os.MkdirTemp("", "vm-disk-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tree)
	if err := fillDisk(ctx, tree, files, k, root); err != nil {
		return "", err
	}
	// The features that are left out cost time under emulation and protect nothing here.
	if _, err := output(ctx, "", "mke2fs", "-q", "-t", "ext4", "-O", "^metadata_csum,^has_journal", "-E", "lazy_itable_init=1",
		"-m", "0", "-d", tree, image+".new", "6G"); err != nil {
		return "", err
	}
	return image, os.Rename(image+".new", image)
}

// fillDisk lays out the disk's tree.
func fillDisk(ctx context.Context, tree string, files map[string]string, k kernel, root string) error {
	var err error
	if root != "" {
		err = os.CopyFS(tree, os.DirFS(root))
	} else {
		err = makeUsr(tree)
	}
	if err != nil {
		return err
	}
	for _, dir := range []string{
		"dev", "proc", "sys", "run", "tmp", "root", "etc", "var/lib", "var/cache", "var/tmp", "vm", "usr/local/bin",
	} {
		if err := os.MkdirAll(filepath.Join(tree, dir), 0o755); err != nil {
			return err
		}
	}
	// A link into /usr here. Layers of packages are named after the release that they are from.
	if err := copyFile("/etc/os-release", filepath.Join(tree, "etc/os-release")); err != nil {
		return err
	}
	for _, at := range sorted(files) {
		if err := copyFile(files[at], filepath.Join(tree, at)); err != nil {
			return err
		}
	}
	for name, content := range diskFiles {
		if err := os.WriteFile(filepath.Join(tree, name), []byte(content), 0o644); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(tree, "vm/init"), []byte(guestScript), 0o755); err != nil {
		return err
	}
	if err := os.CopyFS(filepath.Join(tree, "usr/lib/modules"), os.DirFS(filepath.Join(k.tree, "lib/modules"))); err != nil {
		return err
	}
	applets, err := output(ctx, "", busybox, "--list")
	if err != nil {
		return err
	}
	// The kernel itself calls /sbin/modprobe, as which a bare busybox would do.
	has := func(at string) bool {
		_, err := os.Lstat(filepath.Join(tree, at))
		return err == nil
	}
	if !has("usr/sbin/modprobe") {
		if err := os.Symlink("/bin/busybox", filepath.Join(tree, "usr/sbin/modprobe")); err != nil {
			return err
		}
	}
	for applet := range strings.FieldsSeq(applets) {
		if has("usr/bin/"+applet) || has("usr/sbin/"+applet) {
			continue
		}
		if err := os.Symlink("/bin/busybox", filepath.Join(tree, "usr/bin", applet)); err != nil {
			return err
		}
	}
	return nil
}

// closure returns a file and the libraries that ldd(1) names for it. It is for this machine's own programs only: ldd may run them.
func closure(ctx context.Context, file string) ([]string, error) {
	if _, err := os.Stat(file); err != nil {
		return nil, err
	}
	files := []string{file}
	out, err := output(ctx, "", "ldd", file)
	if err != nil {
		return files, nil // a static program, or none
	}
	for line := range strings.Lines(out) {
		for word := range strings.FieldsSeq(line) {
			if strings.HasPrefix(word, "/") {
				files = append(files, word)
			}
		}
	}
	return files, nil
}

// settle returns the place of a file on the disk, where /bin, /sbin and /lib are links into /usr, whatever they are here.
func settle(file string) (string, error) {
	dir, err := filepath.EvalSymlinks(filepath.Dir(file)) //nolint:forbidigo // this machine's own directories, not a sandbox's
	if err != nil {
		return "", err
	}
	at := strings.TrimPrefix(filepath.Join(dir, filepath.Base(file)), "/")
	for _, top := range []string{"bin/", "sbin/", "lib/", "lib64/"} {
		if strings.HasPrefix(at, top) {
			return "usr/" + at, nil
		}
	}
	return at, nil
}
