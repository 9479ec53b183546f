package rootfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// goModules builds programs and lays out a module proxy, with the go command of the layer itself: so the host needs none, and
// what learners download was chosen by the same go that they compile with. Modules come from GOPROXY and are checked
// against the checksum database, both as the host's environment says. work is a directory that does not exist yet; programs
// is where those that were built are kept for the next layer, since compiling takes minutes.
func (t *tree) goModules(ctx context.Context, want modules, work, programs string, to *teller) error {
	if want.Root == "" {
		return nil
	}
	if err := os.MkdirAll(work, 0o700); err != nil {
		return err
	}
	// The environment, less what the host's user has set for a newer go.
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains([]string{"GOFLAGS", "GOTOOLCHAIN", "GOROOT", "GOPATH", "GOBIN", "GOWORK", "GOENV"}, name)
	})
	env = append(env, "GOROOT="+filepath.Join(t.dir, want.Root), "GOPATH="+filepath.Join(work, "path"),
		"GOCACHE="+filepath.Join(work, "cache"), "GOMODCACHE="+filepath.Join(work, "mod"), "GOBIN="+filepath.Join(work, "bin"),
		"GOENV=off", "GOWORK=off", "GOFLAGS=-modcacherw", "CGO_ENABLED=0")
	call := func(dir string, args ...string) error {
		_, err := runIn(ctx, dir, env, filepath.Join(t.dir, want.Root, "bin/go"), args...)
		return err
	}
	compiler, err := fileDigest(filepath.Join(t.dir, want.Root, "bin/go"))
	if err != nil {
		return err
	}
	for _, at := range sortedKeys(want.Programs) {
		d := newDigester(path.Base(at))
		d.add(want.Programs[at], compiler)
		kept := filepath.Join(programs, layerFile(path.Base(at), d.sum()))
		if _, err := os.Stat(kept); err != nil {
			to.say("compiling " + path.Base(at))
			if err := call(work, "install", "-trimpath", "-ldflags=-s -w", want.Programs[at]); err != nil {
				return unreachable(err)
			}
			if err := os.Rename(filepath.Join(work, "bin", path.Base(at)), kept); err != nil {
				return err
			}
		}
		if err := t.take(kept, at, 0o755); err != nil {
			return err
		}
	}
	if len(want.Modules) == 0 {
		return nil
	}
	to.say("downloading Go modules")
	learner := filepath.Join(work, "learner")
	if err := os.Mkdir(learner, 0o700); err != nil {
		return err
	}
	// A cache of its own holds nothing of the programs above.
	env = append(env, "GOMODCACHE="+filepath.Join(work, "proxy"))
	if err := call(learner, "mod", "init", "learner"); err != nil {
		return err
	}
	for _, module := range want.Modules {
		if err := call(learner, "get", module); err != nil {
			return unreachable(err)
		}
	}
	if err := call(learner, "mod", "download", "all"); err != nil {
		return unreachable(err)
	}
	return t.proxy(filepath.Join(work, "proxy/cache/download"), want.Proxy)
}

// proxy lays out a module cache's downloads, which have the layout that the GOPROXY protocol asks for, as files that a
// go command with GOPROXY=file:///… reads. Each module gets the list of its versions by which `go get` finds the latest. A version whose
// description alone was downloaded (go looks at the latest one to see whether the module is deprecated) is none that can be had.
func (t *tree) proxy(from, to string) error {
	versions := map[string][]string{} // by directory
	err := filepath.WalkDir(from, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(from, file)
		if err != nil {
			return err
		}
		if strings.HasPrefix(name, "sumdb/") {
			return nil
		}
		switch ext := path.Ext(name); ext {
		case ".mod", ".zip", ".info":
			if ext == ".zip" {
				versions[path.Dir(name)] = append(versions[path.Dir(name)], strings.TrimSuffix(path.Base(name), ext))
			}
			return t.take(file, path.Join(to, name), 0o644)
		}
		return nil // locks and digests of the cache's own
	})
	if err != nil {
		return err
	}
	for _, dir := range sortedKeys(versions) {
		slices.Sort(versions[dir])
		list := strings.NewReader(strings.Join(versions[dir], "\n") + "\n")
		if err := t.file(path.Join(to, dir, "list"), 0o644, 0, 0, epoch, list); err != nil {
			return err
		}
	}
	return nil
}

// take copies a file of the host's into the tree.
func (t *tree) take(from, to string, mode fs.FileMode) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	return t.file(to, mode, 0, 0, epoch, f)
}

// unreachable says what to do where there is no module proxy. The packages' archive was reached, so it is not the network.
func unreachable(err error) error {
	for _, sign := range []string{"dial tcp", "lookup ", "i/o timeout", "403 Forbidden", "no such host"} {
		if strings.Contains(err.Error(), sign) {
			return errors.Join(ErrNoTools, fmt.Errorf("modules of Go cannot be had: %w\nset GOPROXY (and GONOSUMDB or GOFLAGS) to a module proxy that this machine reaches", err))
		}
	}
	return err
}
