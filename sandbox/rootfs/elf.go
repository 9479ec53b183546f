package rootfs

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// libraryDirs are where Debian's ld.so(8) looks for a library by itself, without a cache of ldconfig's.
func libraryDirs(machine elf.Machine) []string {
	triplet := map[elf.Machine]string{elf.EM_X86_64: "x86_64-linux-gnu", elf.EM_AARCH64: "aarch64-linux-gnu"}[machine]
	return []string{"lib/" + triplet, "usr/lib/" + triplet, "lib", "usr/lib", "lib64", "usr/lib64"}
}

// prove walks every ELF file of the tree and fails, naming file and library, if its interpreter or a library that it
// needs (DT_NEEDED) is neither in the tree nor among the files of the layers below. What a maintainer script would
// have loaded by dlopen(3) is not seen.
func (t *tree) prove(below []string) error {
	there := func(name string) bool {
		if _, ok := t.resolve(name); ok {
			return true
		}
		_, ok := slices.BinarySearch(below, name)
		return ok
	}
	var missing []error
	err := t.walk(func(name string, about fs.FileInfo) error {
		if !about.Mode().IsRegular() || about.Size() < 64 {
			return nil
		}
		lacks, err := t.lacks(name, there)
		if err != nil {
			return err
		}
		missing = append(missing, lacks...)
		return nil
	})
	if err != nil {
		return err
	}
	return errors.Join(missing...)
}

// lacks tells what one file needs and there has not; none if it is no ELF file.
func (t *tree) lacks(name string, there func(string) bool) ([]error, error) {
	f, err := t.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	magic := make([]byte, 4)
	if _, err := io.ReadFull(f, magic); err != nil || string(magic) != elf.ELFMAG {
		return nil, nil
	}
	binary, err := elf.NewFile(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var missing []error
	for _, segment := range binary.Progs {
		if segment.Type != elf.PT_INTERP {
			continue
		}
		text, err := io.ReadAll(io.LimitReader(segment.Open(), 4096))
		if err != nil {
			return nil, fmt.Errorf("%s: interpreter: %w", name, err)
		}
		interpreter := strings.TrimRight(string(text), "\x00")
		if !there(strings.TrimPrefix(interpreter, "/")) {
			missing = append(missing, fmt.Errorf("/%s needs the interpreter %s, which no package of the layer has", name, interpreter))
		}
	}
	if binary.SectionByType(elf.SHT_DYNAMIC) == nil {
		return missing, nil
	}
	dirs, err := searchPath(name, binary)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	needed, err := binary.ImportedLibraries()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	for _, library := range needed {
		if !slices.ContainsFunc(dirs, func(dir string) bool { return there(path.Join(dir, library)) }) {
			missing = append(missing, fmt.Errorf("/%s needs %s, which no package of the layer has", name, library))
		}
	}
	return missing, nil
}

// searchPath gives the directories where ld.so(8) looks for what a file needs, relative to the root.
func searchPath(name string, binary *elf.File) ([]string, error) {
	var dirs []string
	for _, tag := range []elf.DynTag{elf.DT_RPATH, elf.DT_RUNPATH} {
		values, err := binary.DynString(tag)
		if err != nil {
			return nil, err
		}
		for _, value := range values {
			for dir := range strings.SplitSeq(value, ":") {
				dir = strings.NewReplacer("$ORIGIN", "/"+path.Dir(name), "${ORIGIN}", "/"+path.Dir(name)).Replace(dir)
				dirs = append(dirs, path.Clean("/" + dir)[1:])
			}
		}
	}
	return append(dirs, libraryDirs(binary.Machine)...), nil
}
