package rootfs

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// standIn makes the tarball of a root of Debian's static busybox, for where Alpine cannot be had, and gives its
// version. It has a root's directories, links for all applets, and says in /etc/os-release that it is not Alpine.
// Another difference: Debian builds its shell so that it runs applets before it looks into PATH (FEATURE_SH_STANDALONE),
// so in this root `ps` in sh is busybox's, and in bash procps'.
func standIn(ctx context.Context, from *archive, pkg, work, to string) (version string, err error) {
	files, err := from.fetch(ctx, []string{pkg})
	if err != nil {
		return "", err
	}
	one, err := from.control(ctx, files[0])
	if err != nil {
		return "", err
	}
	t, err := newTree(filepath.Join(work, "busybox"))
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, t.close(), os.RemoveAll(t.dir)) }()
	if err := from.extract(ctx, t, one, func(name string) bool { return dropped([]string{"usr/share", "etc"}, name) }); err != nil {
		return "", err
	}
	if err := t.furnish(ctx, one.Version); err != nil {
		return "", fmt.Errorf("busybox root: %w", err)
	}
	if err := t.settle(); err != nil {
		return "", err
	}
	part := filepath.Join(work, "busybox.tar.gz")
	if err := t.pack(part); err != nil {
		return "", err
	}
	if err := flush(part); err != nil {
		return "", err
	}
	return one.Version, os.Rename(part, to)
}

// furnish makes a root around bin/busybox.
func (t *tree) furnish(ctx context.Context, version string) error {
	busybox, ok := t.program("busybox")
	if !ok {
		return errors.New("no busybox in the package")
	}
	if busybox != "bin/busybox" {
		if err := t.linkTo("bin/busybox", busybox); err != nil {
			return err
		}
	}
	list, err := run(ctx, []string{"PATH=/bin"}, filepath.Join(t.dir, busybox), "--list-full")
	if err != nil {
		return err
	}
	for _, dir := range []string{
		"bin", "dev", "etc", "home", "lib", "media", "mnt", "opt", "proc", "root", "run", "sbin", "srv", "sys", "tmp",
		"usr/bin", "usr/lib", "usr/local/bin", "usr/sbin", "usr/share", "var/cache", "var/lib", "var/log", "var/tmp",
	} {
		mode := fs.FileMode(0o755)
		if special, ok := usualModes[dir]; ok {
			mode = special
		}
		if err := t.mkdir(dir, mode, 0, 0, epoch); err != nil {
			return err
		}
	}
	for applet := range strings.FieldsSeq(string(list)) {
		applet, err := local(applet)
		if err != nil || !slices.Contains(programDirs, path.Dir(applet)) {
			continue // "linuxrc" and the like
		}
		if _, ok := t.resolve(applet); ok {
			continue
		}
		// Absolute, as Alpine's are: in a chroot it is that root's busybox.
		if err := t.symlink(applet, "/bin/busybox", 0, 0, epoch); err != nil {
			return err
		}
	}
	if err := t.symlink("var/run", "/run", 0, 0, epoch); err != nil {
		return err
	}
	for _, name := range sortedKeys(busyboxFiles) {
		mode := fs.FileMode(0o644)
		if name == "etc/shadow" {
			mode = 0o600
		}
		text := strings.ReplaceAll(busyboxFiles[name], "{version}", version)
		if err := t.file(name, mode, 0, 0, epoch, strings.NewReader(text)); err != nil {
			return err
		}
	}
	return nil
}

// busyboxFiles are the files of the root that is not Alpine; only what programs read by themselves.
var busyboxFiles = map[string]string{
	"etc/os-release": `NAME="BusyBox root of Glassbox (not Alpine)"
ID=glassbox-busybox
VERSION_ID="{version}"
PRETTY_NAME="BusyBox {version} from Debian's busybox-static (not Alpine Linux)"
`,
	"etc/passwd": `root:x:0:0:root:/root:/bin/sh
bin:x:1:1:bin:/bin:/sbin/nologin
daemon:x:2:2:daemon:/sbin:/sbin/nologin
guest:x:405:100:guest:/dev/null:/sbin/nologin
nobody:x:65534:65534:nobody:/:/sbin/nologin
`,
	"etc/shadow": `root:*::0:::::
bin:!::0:::::
daemon:!::0:::::
guest:!::0:::::
nobody:!::0:::::
`,
	"etc/group": `root:x:0:root
bin:x:1:root,bin,daemon
daemon:x:2:root,bin,daemon
tty:x:5:
disk:x:6:root
shadow:x:42:
users:x:100:
nogroup:x:65533:
nobody:x:65534:
`,
	"etc/shells":        "/bin/sh\n/bin/ash\n",
	"etc/profile":       "export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\numask 022\nfor script in /etc/profile.d/*.sh; do\n\t[ -r \"$script\" ] && . \"$script\"\ndone\nunset script\n",
	"etc/hosts":         "127.0.0.1\tlocalhost\n::1\tlocalhost\n",
	"etc/nsswitch.conf": "hosts: files dns\n",
}

// pack makes a .tar.gz of the tree: the same tree gives the same bytes.
func (t *tree) pack(to string) (err error) {
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	zipped := gzip.NewWriter(f)
	out := tar.NewWriter(zipped)
	err = t.walk(func(name string, about fs.FileInfo) error {
		header, err := t.header(name, about)
		if err != nil {
			return err
		}
		if err := out.WriteHeader(header); err != nil {
			return err
		}
		if !about.Mode().IsRegular() {
			return nil
		}
		content, err := t.root.Open(name)
		if err != nil {
			return err
		}
		defer content.Close()
		_, err = io.Copy(out, content)
		return err
	})
	return errors.Join(err, out.Close(), zipped.Close())
}

// header is a file's header in a tarball: "./" before each name, as in Alpine's.
func (t *tree) header(name string, about fs.FileInfo) (*tar.Header, error) {
	target := ""
	if about.Mode()&fs.ModeSymlink != 0 {
		var err error
		if target, err = t.root.Readlink(name); err != nil {
			return nil, err
		}
	}
	header, err := tar.FileInfoHeader(about, target)
	if err != nil {
		return nil, err
	}
	header.Name = "./" + name
	if name == "." {
		header.Name = "./"
	} else if about.IsDir() {
		header.Name += "/"
	}
	header.Uname, header.Gname = "", ""
	header.AccessTime, header.ChangeTime = time.Time{}, time.Time{}
	header.ModTime = about.ModTime().Truncate(time.Second)
	header.Format = tar.FormatGNU
	return header, nil
}

// tarballDigest is the digest that names the layer made of a stand-in; its bytes differ where gzip does, its tar not.
func tarballDigest(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	zipped, err := gzip.NewReader(f)
	if err != nil {
		return "", fmt.Errorf("%s: %w", file, truncated(err))
	}
	d := newDigester("tar")
	if _, err := io.Copy(d.hash, zipped); err != nil {
		return "", fmt.Errorf("%s: %w", file, truncated(err))
	}
	return d.sum(), nil
}
