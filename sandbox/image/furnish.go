package image

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// tree lays an image out in a directory, once: what its layers hold, in full.
func (b *builder) tree(ctx context.Context, name string) (dir string, err error) {
	if dir, ok := b.trees[name]; ok {
		return dir, nil
	}
	dir = filepath.Join(b.bench.Work, "image-"+strings.ReplaceAll(name, "/", "-"))
	r := b.manifest.Images[name]
	switch {
	case r.From != "":
		below, err := b.tree(ctx, r.From)
		if err != nil {
			return "", err
		}
		if err := call(ctx, "", os.Environ(), "/bin/cp", "-a", "--reflink=auto", below, dir); err != nil {
			return "", err
		}
	case r.Root == rootAlpine:
		if err := b.bench.Unpack(dir, b.Root.Tarball); err != nil {
			return "", err
		}
	default:
		if err := os.Mkdir(dir, 0o755); err != nil {
			return "", err
		}
	}
	if bare, err := b.manifest.bare(name); err != nil {
		return "", err
	} else if bare {
		b.trees[name] = dir
		return dir, nil
	}
	if stamped, ok := b.layers[name]; ok {
		// An image above is made anew, and this one is not: it is in the layer.
		if err := b.unpack(ctx, dir, stamped); err != nil {
			return "", err
		}
	} else if err := b.furnish(ctx, name, dir); err != nil {
		return "", err
	}
	b.trees[name] = dir
	return dir, nil
}

// furnish does to a tree what the recipe says.
func (b *builder) furnish(ctx context.Context, name, dir string) error {
	r := b.manifest.Images[name]
	drop := b.manifest.drops(name)
	files, err := filesOf(name)
	if err != nil {
		return err
	}
	put := func() error { return putFiles(dir, files) }
	switch system, err := installed(dir); {
	case err != nil:
		return err
	case r.Root == rootDebian:
		err = b.bootstrap(ctx, dir, r.Packages, drop, put)
		if err != nil {
			return err
		}
	case len(r.Packages) > 0 && system:
		if err := b.install(ctx, dir, r.Packages); err != nil {
			return err
		}
	case len(r.Packages) > 0:
		if err := b.layOut(ctx, dir, r); err != nil {
			return err
		}
	}
	if err := put(); err != nil {
		return err
	}
	for _, to := range sortedKeys(r.Programs) {
		content, err := b.Programs(r.Programs[to])
		if err != nil {
			return err
		}
		if err := putFile(dir, to, content, 0o755); err != nil {
			return err
		}
	}
	if r.Bundle != "" {
		if err := bundle(dir, r.Bundle); err != nil {
			return err
		}
	}
	if r.NPM != "" {
		ball := npmFile(b.bench.Keep, b.manifest.NPM)
		if err := os.MkdirAll(filepath.Join(dir, r.NPM), 0o755); err != nil {
			return err
		}
		// A package of npm's is in one directory, package.
		err := call(ctx, "", os.Environ(), "/bin/tar", "--extract", "--gzip", "--no-same-owner", "--strip-components=1",
			"--file", ball, "--directory", filepath.Join(dir, r.NPM))
		if err != nil {
			return err
		}
	}
	if r.Modules != "" {
		if err := b.bench.Modules(ctx, dir, engineLayer, r.Modules); err != nil {
			return err
		}
	}
	if len(r.Run) > 0 {
		c := chroot{dir: dir}
		err := c.in(func() error {
			for _, argv := range r.Run {
				if err := c.run(ctx, argv...); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return remove(dir, drop)
}

// remove takes away the paths that match a pattern.
func remove(dir string, patterns []string) error {
	for _, pattern := range patterns {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return err
		}
		for _, file := range found {
			if err := os.RemoveAll(file); err != nil {
				return err
			}
		}
	}
	return nil
}

// putFiles puts our own files into a tree; see putFile. In files for apt, {codename} is that of the release.
func putFiles(dir string, files map[string][]byte) error {
	codename := osRelease("/etc/os-release")["VERSION_CODENAME"]
	for _, name := range sortedKeys(files) {
		content, mode := files[name], fs.FileMode(0o644)
		if bytes.HasPrefix(content, []byte("#!")) { // embed keeps no modes
			mode = 0o755
		}
		if strings.HasPrefix(name, "etc/apt/") {
			content = bytes.ReplaceAll(content, []byte("{codename}"), []byte(codename))
		}
		if err := putFile(dir, name, content, mode); err != nil {
			return err
		}
	}
	return nil
}

// putFile writes a file into a tree, never through a link that leads out of it.
func putFile(dir, name string, content []byte, mode fs.FileMode) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	if err := root.WriteFile(name, content, mode); err != nil {
		return err
	}
	return root.Chmod(name, mode)
}
