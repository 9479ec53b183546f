package rootfs

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// programDirs are the directories of a root's programs, in no order: who wins is a matter of PATH.
var programDirs = []string{"bin", "sbin", "usr/bin", "usr/sbin"}

// ToolsFile lists, within a layer of Debian packages, their versions as a JSON object.
const ToolsFile = "usr/share/glassbox/tools.json"

// assemble lays out a layer of Debian packages above the layers whose stamps are given: download, closure, unpack,
// then what maintainer scripts would have done, and at last the proof that nothing is missing.
func assemble(ctx context.Context, t *tree, from *archive, m manifest, name string, below []stamp) (made stamp, err error) {
	how := m.Layers[name]
	there := map[string]string{}
	var lower []string
	for _, layer := range below {
		maps.Copy(there, layer.Packages)
		lower = append(lower, layer.Files...)
	}
	slices.Sort(lower)

	debs, err := from.closure(ctx, how.Packages, slices.Concat(m.Skip, how.Skip), there)
	if err != nil {
		return stamp{}, err
	}
	drop := slices.Concat(m.Drop, how.Drop)
	made = stamp{Name: name, Packages: map[string]string{}}
	for i, one := range debs {
		from.tell(unpacking(i, len(debs)))
		made.Packages[one.Package] = one.Version
		only := how.Only[one.Package]
		skip := func(file string) bool {
			return dropped(drop, file) || only != nil && !under(file, only)
		}
		if err := from.extract(ctx, t, one, skip); err != nil {
			return stamp{}, err
		}
	}
	if err := t.finish(how, made.Packages, name, lower); err != nil {
		return stamp{}, fmt.Errorf("layer %s: %w", name, err)
	}
	if err := t.prove(lower); err != nil {
		return stamp{}, fmt.Errorf("layer %s is not complete (add what is missing to packages, or take it out of skip, in manifest.yaml):\n%w", name, err)
	}
	made.Files, err = t.outline()
	return made, err
}

// finish does what the packages' maintainer scripts would have done.
func (t *tree) finish(how recipe, versions map[string]string, name string, lower []string) error {
	if err := t.unmergedUsr(); err != nil {
		return err
	}
	if err := t.bundle(how.Certificates); err != nil {
		return err
	}
	if err := t.alternatives(how.Links); err != nil {
		return err
	}
	if err := t.win(lower); err != nil {
		return err
	}
	if err := t.loader(); err != nil {
		return err
	}
	text, err := json.MarshalIndent(versions, "", "\t")
	if err != nil {
		return err
	}
	file := ToolsFile
	if name != layerTools {
		file = path.Join(path.Dir(ToolsFile), name+".json")
	}
	return t.file(file, 0o644, 0, 0, epoch, bytes.NewReader(append(text, '\n')))
}

// unmergedUsr refuses a layer in which /bin, /lib, … are links: over Alpine they would hide its own directories.
func (t *tree) unmergedUsr() error {
	for _, dir := range []string{"bin", "sbin", "lib", "lib64", "usr", "usr/bin", "usr/sbin", "usr/lib", "etc", "var"} {
		about, err := t.root.Lstat(dir)
		if err == nil && !about.IsDir() {
			return fmt.Errorf("/%s is not a directory and would hide the one below it", dir)
		}
	}
	return nil
}

// bundle joins the certificates of ca-certificates into the one file that programs read.
func (t *tree) bundle(certs certificates) error {
	if certs.From == "" {
		return nil
	}
	var all bytes.Buffer
	err := t.walk(func(name string, about fs.FileInfo) error {
		if !about.Mode().IsRegular() || !under(name, []string{certs.From}) || !strings.HasSuffix(name, ".crt") {
			return nil
		}
		one, err := t.root.ReadFile(name)
		if err != nil {
			return err
		}
		all.Write(one)
		if !bytes.HasSuffix(one, []byte("\n")) {
			all.WriteByte('\n')
		}
		return nil
	})
	if err != nil {
		return err
	}
	if all.Len() == 0 {
		return fmt.Errorf("no certificate in /%s", certs.From)
	}
	if err := t.root.RemoveAll(certs.From); err != nil {
		return err
	}
	return t.file(certs.Bundle, 0o644, 0, 0, epoch, &all)
}

// alternatives makes links to programs, wherever these are.
func (t *tree) alternatives(links map[string]string) error {
	for _, link := range sortedKeys(links) {
		if _, ok := t.resolve(link); ok {
			continue
		}
		target, ok := t.program(links[link])
		if !ok {
			return fmt.Errorf("link /%s: no program %s in the layer", link, links[link])
		}
		if err := t.linkTo(link, target); err != nil {
			return err
		}
	}
	return nil
}

// program finds a program of the tree by its name.
func (t *tree) program(name string) (string, bool) {
	for _, dir := range programDirs {
		if at, ok := t.resolve(path.Join(dir, name)); ok && at != "" {
			return path.Join(dir, name), true
		}
	}
	return "", false
}

// linkTo makes a symbolic link that holds below any root, also where it is a subdirectory.
func (t *tree) linkTo(link, target string) error {
	way, err := filepath.Rel("/"+path.Dir(link), "/"+target)
	if err != nil {
		return err
	}
	return t.symlink(link, way, 0, 0, epoch)
}

// win lets the layer's programs win over those of the same name in the layers below that lie in another directory:
// Debian's ps is /bin/ps, and were busybox's in /usr/bin, PATH would find that one.
func (t *tree) win(lower []string) error {
	for _, file := range lower {
		dir, name := path.Dir(file), path.Base(file)
		if !slices.Contains(programDirs, dir) {
			continue
		}
		if _, ok := t.resolve(file); ok {
			continue
		}
		ours, ok := t.program(name)
		if !ok {
			continue
		}
		if err := t.linkTo(file, ours); err != nil {
			return err
		}
	}
	return nil
}

// loader links the program interpreter to where programs name it, where Debian keeps it in /usr only.
func (t *tree) loader() error {
	for _, name := range []string{"lib64/ld-linux-x86-64.so.2", "lib/ld-linux-aarch64.so.1"} {
		if _, ok := t.resolve(name); ok {
			continue
		}
		if _, ok := t.resolve("usr/" + name); ok {
			if err := t.linkTo(name, "usr/"+name); err != nil {
				return err
			}
		}
	}
	return nil
}

// outline lists the programs and libraries of the tree, sorted, as the layers above it want to know them.
func (t *tree) outline() ([]string, error) {
	var files []string
	err := t.walk(func(name string, about fs.FileInfo) error {
		if about.IsDir() {
			return nil
		}
		dir, base := path.Dir(name), path.Base(name)
		if slices.Contains(programDirs, dir) || strings.Contains(base, ".so") {
			files = append(files, name)
		}
		return nil
	})
	slices.Sort(files)
	return files, err
}
