package image

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// merged are the links of a merged /usr: Debian's packages count on them, and none brings them.
var merged = map[string]string{"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64"}

// archives is where packages lie while dpkg installs them, in the tree.
const archives = "var/cache/apt/archives"

// bootstrap makes a minimal Debian system in a directory, as debootstrap does: all packages are unpacked, so that their
// scripts have what they need, and are then installed over themselves.
func (b *builder) bootstrap(ctx context.Context, dir string, packages, drop []string, configure func() error) error {
	none := filepath.Join(b.bench.Work, "no-status")
	if err := os.WriteFile(none, nil, 0o600); err != nil {
		return err
	}
	debs, err := b.bench.Debs(ctx, none, packages...)
	if err != nil {
		return err
	}
	if err := os.Remove(dir); err != nil {
		return err
	}
	if err := b.bench.Extract(ctx, dir, merged, drop, debs...); err != nil {
		return err
	}
	if err := configure(); err != nil {
		return err
	}
	// What base-passwd and mawk do when they are configured is needed before.
	for from, to := range map[string]string{
		"usr/share/base-passwd/passwd.master": "etc/passwd",
		"usr/share/base-passwd/group.master":  "etc/group",
	} {
		content, err := os.ReadFile(filepath.Join(dir, from))
		if err != nil {
			return err
		}
		if err := putFile(dir, to, content, 0o644); err != nil {
			return err
		}
	}
	if err := os.Symlink("mawk", filepath.Join(dir, "usr/bin/awk")); err != nil {
		return err
	}
	for _, name := range []string{statusFile, "var/lib/dpkg/available"} {
		if err := putFile(dir, name, nil, 0o644); err != nil {
			return err
		}
	}
	return b.dpkg(ctx, dir, debs)
}

// install installs packages in a tree that has a Debian system.
func (b *builder) install(ctx context.Context, dir string, packages []string) error {
	debs, err := b.bench.Debs(ctx, filepath.Join(dir, statusFile), packages...)
	if err != nil {
		return err
	}
	return b.dpkg(ctx, dir, debs)
}

// dpkg has the tree's own dpkg install packages.
func (b *builder) dpkg(ctx context.Context, dir string, debs []string) error {
	at := filepath.Join(dir, archives)
	if err := os.MkdirAll(at, 0o755); err != nil {
		return err
	}
	argv := []string{"/usr/bin/dpkg", "--force-depends", "--force-unsafe-io", "--force-confold", "--install"}
	for _, deb := range debs {
		name := filepath.Base(deb)
		if err := os.Link(deb, filepath.Join(at, name)); err != nil {
			return err
		}
		argv = append(argv, "/"+archives+"/"+name)
	}
	b.say("installing packages")
	c := chroot{dir: dir}
	err := c.in(func() error {
		if err := c.run(ctx, argv...); err != nil {
			return err
		}
		// --force-depends was for the order; now all must be in order.
		return c.run(ctx, "/usr/bin/dpkg", "--configure", "--pending")
	})
	if err != nil {
		return err
	}
	return os.RemoveAll(at)
}

// layOut unpacks packages, without installing them, and keeps the paths that the recipe names.
func (b *builder) layOut(ctx context.Context, dir string, r recipe) error {
	debs, err := b.bench.Fetch(ctx, r.Packages...)
	if err != nil {
		return err
	}
	if err := os.Remove(dir); err != nil {
		return err
	}
	if err := b.bench.Extract(ctx, dir, merged, nil, debs...); err != nil {
		return err
	}
	if err := keepOnly(dir, r.Only); err != nil || r.Status == "" {
		return err
	}
	for _, deb := range debs {
		fields, err := b.bench.Control(ctx, deb)
		if err != nil {
			return err
		}
		name, _, _ := strings.Cut(filepath.Base(deb), "_")
		if err := putFile(dir, r.Status+"/"+name, fields, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// keepOnly removes from a tree what is not at or below one of the paths.
func keepOnly(dir string, only []string) error {
	if len(only) == 0 {
		return nil
	}
	var gone []string
	err := filepath.WalkDir(dir, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || file == dir {
			return err
		}
		name, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		switch {
		case matches(only, name):
			if entry.IsDir() {
				return filepath.SkipDir
			}
		case entry.IsDir() && leads(only, name):
		default:
			gone = append(gone, file)
			if entry.IsDir() {
				return filepath.SkipDir
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, file := range gone {
		if err := os.RemoveAll(file); err != nil {
			return err
		}
	}
	return nil
}

// leads tells whether a directory is above a path that one of the patterns could match.
func leads(patterns []string, dir string) bool {
	parts := strings.Split(dir, "/")
	for _, pattern := range patterns {
		above := strings.Split(pattern, "/")
		if len(above) <= len(parts) {
			continue
		}
		if ok, _ := filepath.Match(strings.Join(above[:len(parts)], "/"), dir); ok {
			return true
		}
	}
	return false
}

// bundleFile is where programs look for the certificates that they trust.
const bundleFile = "etc/ssl/certs/ca-certificates.crt"

// bundle joins the certificates of a directory into one file, as update-ca-certificates does, and removes the directory.
func bundle(dir, from string) error {
	var all []byte
	top := filepath.Join(dir, from)
	err := filepath.WalkDir(top, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(file, ".crt") {
			return err
		}
		one, err := os.ReadFile(file)
		all = append(append(all, bytes.TrimSpace(one)...), '\n')
		return err
	})
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return fmt.Errorf("no certificate in /%s", from)
	}
	if err := os.RemoveAll(top); err != nil {
		return err
	}
	return putFile(dir, bundleFile, all, 0o644)
}
