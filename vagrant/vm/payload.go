package main

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// payload is what one run brings into the machine: files, and a command for a shell.
type payload struct {
	arch        architecture
	files       map[string]string // this machine's files and directories by their absolute place in the other
	command     []string
	env         []string
	dir         string
	interactive bool
}

// put brings a file or a directory with all that is in it, to the same place or to another.
func (p *payload) put(from, to string) error {
	from, err := filepath.Abs(from)
	if err != nil {
		return err
	}
	if _, err := os.Stat(from); err != nil {
		return err
	}
	if to == "" {
		to = from
	}
	if !filepath.IsAbs(to) {
		return fmt.Errorf("--put %s:%s: the place must be absolute", from, to)
	}
	if p.files == nil {
		p.files = map[string]string{}
	}
	p.files[filepath.Clean(to)] = from
	return nil
}

// notBrought are directories of a source tree that no test reads.
var notBrought = []string{".git", ".cache", "node_modules", "bin"}

// tests compiles the packages' tests into scratch and makes the command that runs them, each in its package's directory. The
// source tree comes along, at the same place: tests look for testdata and for what is embedded.
func (p *payload) tests(ctx context.Context, scratch string, packages, flags []string) error {
	out, err := output(ctx, "", "go", append([]string{
		"list", "-f",
		`{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{"\t"}}{{.Dir}}{{"\t"}}{{.Module.Dir}}{{end}}`,
	}, packages...)...)
	if err != nil {
		return err
	}
	overlay, err := p.arch.overlay(ctx, scratch)
	if err != nil {
		return err
	}
	var script strings.Builder
	script.WriteString("failed=0\n")
	for i, line := range strings.Split(strings.TrimSpace(out), "\n") {
		fields := strings.Split(line, "\t")
		if len(fields) != 3 {
			return fmt.Errorf("none of %s has tests", packages)
		}
		pkg, dir, root := fields[0], fields[1], fields[2]
		binary := fmt.Sprintf("%d.test", i)
		fmt.Fprintln(os.Stderr, "vm: compiling the tests of", pkg)
		if err := p.arch.compile(ctx, "test", append(slices.Clone(overlay), "-c", "-o", filepath.Join(scratch, binary), pkg)...); err != nil {
			fmt.Fprintln(os.Stderr, "vm:", err)
			fmt.Fprintf(&script, "printf 'FAIL\\t%%s [build failed]\\n' %s; failed=1\n", quote(pkg))
			continue
		}
		if err := errors.Join(p.put(filepath.Join(scratch, binary), "/vm/tests/"+binary), p.put(root, "")); err != nil {
			return err
		}
		// The closing lines are those of go test.
		fmt.Fprintf(&script, "cd %s; start=$(date +%%s)\nif /vm/tests/%s %s; then word='ok  '; else word=FAIL; failed=1; fi\n"+
			"printf '%%s\\t%%s\\t%%ss\\n' \"$word\" %s $(($(date +%%s) - start))\n", quote(dir), binary, quoteAll(flags), quote(pkg))
	}
	script.WriteString("exit $failed\n")
	p.command = []string{"sh", "-c", script.String()}
	return nil
}

// write writes the archive that is the second disk.
func (p *payload) write(w io.Writer) error {
	t := tar.NewWriter(w)
	for _, to := range sorted(p.files) {
		if err := addTree(t, p.files[to], to); err != nil {
			return fmt.Errorf("bring %s: %w", p.files[to], err)
		}
	}
	var script strings.Builder
	for _, e := range p.env {
		name, value, _ := strings.Cut(e, "=")
		fmt.Fprintf(&script, "export %s=%s\n", name, quote(value))
	}
	fmt.Fprintf(&script, "cd %s && exec %s\n", quote(p.dir), quoteAll(p.command))
	contents := map[string]string{"vm/command": script.String()}
	if p.interactive {
		contents["vm/interactive"] = ""
	}
	for _, name := range slices.Sorted(maps.Keys(contents)) {
		content := contents[name]
		if err := t.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))}); err != nil {
			return err
		}
		if _, err := io.WriteString(t, content); err != nil {
			return err
		}
	}
	return t.Close()
}

// addTree adds a file, or a directory and all that is in it but notBrought.
func addTree(t *tar.Writer, from, to string) error {
	return filepath.WalkDir(from, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && file != from && slices.Contains(notBrought, d.Name()) && filepath.Dir(file) == from || d.Name() == "node_modules" {
			return fs.SkipDir
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		link := ""
		switch {
		case info.Mode()&fs.ModeSymlink != 0:
			if link, err = os.Readlink(file); err != nil {
				return err
			}
		case !info.Mode().IsRegular() && !info.IsDir():
			return nil
		}
		header, err := tar.FileInfoHeader(info, link)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(from, file)
		if err != nil {
			return err
		}
		header.Name = strings.TrimPrefix(filepath.Join(to, relative), "/")
		header.Uid, header.Gid, header.Uname, header.Gname = 0, 0, "", ""
		if err := t.WriteHeader(header); err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return nil
		}
		f, err := os.Open(file)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(t, f)
		return err
	})
}

// copyFile copies a file with its mode, through links.
func copyFile(from, to string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, content, info.Mode().Perm())
}

// quote makes one word of a shell out of any string.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func quoteAll(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = quote(w)
	}
	return strings.Join(quoted, " ")
}

func sorted(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
