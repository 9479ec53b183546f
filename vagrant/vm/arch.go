package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// architecture is what differs between the machines that can be emulated.
type architecture struct {
	name    string // Go's word, and Debian's
	qemu    string
	machine []string // QEMU's flags for the board and the processor
	console string   // the board's serial line, as the kernel calls it
}

var architectures = map[string]architecture{
	"amd64": {
		name: "amd64", qemu: "qemu-system-x86_64", console: "ttyS0",
		machine: []string{"-machine", "q35", "-cpu", "max,la57=off"},
	},
	// Pointer authentication by QEMU's own hash: the architecture's is slow to emulate, and no test depends on it.
	"arm64": {
		name: "arm64", qemu: "qemu-system-aarch64", console: "ttyAMA0",
		machine: []string{"-machine", "virt,gic-version=3", "-cpu", "max,pauth-impdef=on,sve=off"},
	},
}

// foreign tells that the machine's programs are not this machine's.
func (a architecture) foreign() bool { return a.name != runtime.GOARCH }

// kernelPackage is the package whose newest dependency is the kernel: 6.1 on Debian 12.
func (a architecture) kernelPackage() string { return "linux-image-cloud-" + a.name }

// foreignPackages are unpacked into the disk of a foreign machine, with what they depend on: this machine's programs do
// not run there. They are those of [programs].
var foreignPackages = []string{
	"attr", "bash", "busybox-static", "dpkg", "e2fsprogs", "iproute2", "kmod", "libcap2-bin", "mount", "strace", "tar", "util-linux",
}

// archive is Debian's archive for one architecture, as apt knows it.
type archive struct {
	config string // apt.conf(5); empty for this machine's own
}

// openArchive gives the archive for an architecture. A foreign one has lists and a cache of its own in dir, so that what dpkg
// knows of this machine stays as it is.
func openArchive(a architecture, dir string) (archive, error) {
	if !a.foreign() {
		return archive{}, nil
	}
	for _, part := range []string{"state/lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, part), 0o755); err != nil {
			return archive{}, err
		}
	}
	status := filepath.Join(dir, "status") // nothing is installed
	text := fmt.Sprintf("APT::Architecture %[1]q;\nAPT::Architectures { %[1]q; };\nAPT::Sandbox::User \"root\";\n"+
		"Dir::State %[2]q;\nDir::State::status %[3]q;\nDir::Cache %[4]q;\n",
		a.name, filepath.Join(dir, "state"), status, filepath.Join(dir, "cache"))
	config := filepath.Join(dir, "apt.conf")
	return archive{config}, errors.Join(os.WriteFile(status, nil, 0o644), os.WriteFile(config, []byte(text), 0o644))
}

// call runs a program of apt's.
func (from archive) call(ctx context.Context, dir, name string, args ...string) (string, error) {
	var env []string
	if from.config != "" {
		env = []string{"APT_CONFIG=" + from.config}
	}
	return outputWith(ctx, env, dir, name, args...)
}

// update fetches the archive's lists.
func (from archive) update(ctx context.Context) error {
	_, err := from.call(ctx, "", "apt-get", "update", "-qq")
	return err
}

// prepareRoot downloads foreignPackages and unpacks them into dir, unless that was done, and tells the packages' files by name.
func prepareRoot(ctx context.Context, from archive, dir string) (debs []string, err error) {
	list := dir + ".list"
	if text, err := os.ReadFile(list); err == nil {
		return strings.Fields(string(text)), nil
	}
	fmt.Fprintln(os.Stderr, "vm: downloading", strings.Join(foreignPackages, " "))
	kept := dir + ".debs"
	if err := errors.Join(os.RemoveAll(dir), os.RemoveAll(kept), os.MkdirAll(filepath.Join(kept, "partial"), 0o755)); err != nil {
		return nil, err
	}
	args := append([]string{"-qq", "-y", "--no-install-recommends", "--download-only", "-o", "Dir::Cache::archives=" + kept, "install"}, foreignPackages...)
	if _, err := from.call(ctx, "", "apt-get", args...); err != nil {
		return nil, err
	}
	if err := makeUsr(dir); err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(kept, "*.deb"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		// dpkg-deb -x would put directories in place of the links into /usr.
		unpack := `dpkg-deb --fsys-tarfile "$1" | tar -x --keep-directory-symlink -C "$2"`
		if _, err := output(ctx, "", "sh", "-c", unpack, "sh", file, dir); err != nil {
			return nil, err
		}
		debs = append(debs, filepath.Base(file))
	}
	return debs, errors.Join(os.RemoveAll(kept), os.WriteFile(list, []byte(strings.Join(debs, "\n")+"\n"), 0o644))
}

// makeUsr makes /usr and the links into it.
func makeUsr(tree string) error {
	for _, dir := range []string{"bin", "sbin", "lib", "lib64"} {
		if err := os.MkdirAll(filepath.Join(tree, "usr", dir), 0o755); err != nil {
			return err
		}
		if err := os.Symlink("usr/"+dir, filepath.Join(tree, dir)); err != nil {
			return err
		}
	}
	return nil
}
