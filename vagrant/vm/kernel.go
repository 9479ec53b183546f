package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// kernel is an unpacked kernel package.
type kernel struct {
	release string // as uname -r says it
	image   string
	tree    string // holds lib/modules/RELEASE
}

// prepareKernel downloads and unpacks the kernel, unless that was done.
func prepareKernel(ctx context.Context, a architecture, from archive, dir string) (kernel, error) {
	if k, err := findKernel(dir); err == nil {
		return k, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return kernel{}, err
	}
	next, err := filepath.Abs(dir + ".new")
	if err != nil {
		return kernel{}, err
	}
	if err := errors.Join(os.RemoveAll(next), os.MkdirAll(next, 0o755)); err != nil {
		return kernel{}, err
	}
	name, err := kernelName(ctx, a, from)
	if err != nil {
		// A machine that was just installed has no lists yet.
		if err := from.update(ctx); err != nil {
			return kernel{}, err
		}
		if name, err = kernelName(ctx, a, from); err != nil {
			return kernel{}, err
		}
	}
	fmt.Fprintln(os.Stderr, "vm: downloading", name)
	if _, err := from.call(ctx, next, "apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", name); err != nil {
		return kernel{}, err
	}
	debs, err := filepath.Glob(filepath.Join(next, "*.deb"))
	if err != nil || len(debs) != 1 {
		return kernel{}, fmt.Errorf("apt-get download %s left %q: %w", name, debs, err)
	}
	if _, err := output(ctx, next, "dpkg-deb", "-x", debs[0], next); err != nil {
		return kernel{}, err
	}
	k, err := findKernel(next)
	if err != nil {
		return kernel{}, err
	}
	if _, err := output(ctx, next, busybox, "depmod", "-b", next, k.release); err != nil {
		return kernel{}, err
	}
	if err := errors.Join(os.Remove(debs[0]), os.RemoveAll(dir), os.Rename(next, dir)); err != nil {
		return kernel{}, err
	}
	return findKernel(dir)
}

// kernelName asks which package the architecture's kernelPackage stands for today.
func kernelName(ctx context.Context, a architecture, from archive) (string, error) {
	out, err := from.call(ctx, "", "apt-cache", "depends", "--important", a.kernelPackage())
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(out) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "Depends: "); ok && strings.HasPrefix(name, "linux-image-") {
			return name, nil
		}
	}
	return "", fmt.Errorf("apt-cache knows no kernel behind %s", a.kernelPackage())
}

func findKernel(dir string) (kernel, error) {
	entries, err := os.ReadDir(filepath.Join(dir, "lib/modules"))
	if err != nil {
		return kernel{}, err
	}
	if len(entries) != 1 {
		return kernel{}, fmt.Errorf("%s holds %d kernels; remove it, and it is made anew", dir, len(entries))
	}
	release := entries[0].Name()
	return kernel{release: release, image: filepath.Join(dir, "boot/vmlinuz-"+release), tree: dir}, nil
}

// modules returns the files of modules and of all that they need, in the order in which they are to be loaded, relative
// to lib/modules/RELEASE.
func (k kernel) modules(names ...string) ([]string, error) {
	f, err := os.Open(filepath.Join(k.tree, "lib/modules", k.release, "modules.dep"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	needs := map[string][]string{} // by file
	files := map[string]string{}   // by name
	for lines := bufio.NewScanner(f); lines.Scan(); {
		file, rest, _ := strings.Cut(lines.Text(), ":")
		needs[file] = strings.Fields(rest)
		files[strings.TrimSuffix(filepath.Base(file), ".ko")] = file
	}
	var order []string
	for _, name := range names {
		file, ok := files[name]
		if !ok {
			return nil, fmt.Errorf("kernel %s has no module %s", k.release, name)
		}
		// modules.dep lists a module's needs from the outermost in.
		chain := append([]string{file}, needs[file]...)
		for _, f := range slices.Backward(chain) {
			if !slices.Contains(order, f) {
				order = append(order, f)
			}
		}
	}
	return order, nil
}

// output runs a program and returns what it prints. Its error carries what it said. Directories of system programs are searched too.
func output(ctx context.Context, dir, name string, args ...string) (string, error) {
	return outputWith(ctx, nil, dir, name, args...)
}

// outputWith is output with more variables in the program's environment.
func outputWith(ctx context.Context, env []string, dir, name string, args ...string) (string, error) {
	for _, d := range []string{"/usr/sbin", "/sbin"} {
		if _, err := exec.LookPath(name); err == nil {
			break
		}
		if _, err := os.Stat(filepath.Join(d, name)); err == nil {
			name = filepath.Join(d, name)
		}
	}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "LC_ALL=C", "CGO_ENABLED=0"), env...)
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return "", fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, strings.TrimSpace(string(exit.Stderr)))
	}
	if err != nil {
		return "", fmt.Errorf("%w; `make install-vm` installs what is needed", err)
	}
	return string(out), nil
}
