package rootfs

import (
	"bytes"
	"context"
	"embed"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Our own files: those of the lab layer, and those that go above the packages of another layer.
//
//go:embed all:lab all:layers
var ownFiles embed.FS

// A File is one file of the lab layer: what the caller puts into every sandbox.
type File struct {
	Path    string      // in the sandbox, absolute
	Mode    fs.FileMode // permissions, with fs.ModeSetuid and the like; 0 is 0644
	Content []byte      // what it holds, unless Source or Link says
	Source  string      // a file of the host's to copy
	Link    string      // the target of a symbolic link
}

// bundles are the files in which programs look for certificates: Debian's curl and wget read the first, as does
// Alpine's ssl_client by way of the second, which Alpine makes a link to the first.
var bundles = []string{"etc/ssl/certs/ca-certificates.crt", "etc/ssl/cert.pem"}

// labInputs are the lab's own files below those that the caller hands in, which win; sorted by path.
func labInputs(given []File) ([]File, error) {
	all, err := own("lab")
	if err != nil {
		return nil, err
	}
	for _, file := range given {
		if !path.IsAbs(file.Path) || path.Clean(file.Path) != file.Path {
			return nil, fmt.Errorf("lab file %q: want a clean absolute path", file.Path)
		}
		if file.Mode == 0 {
			file.Mode = 0o644
		}
		all[file.Path] = file
	}
	return sorted(all), nil
}

// own gives our own files below a directory of the source, by path.
func own(dir string) (map[string]File, error) {
	all := map[string]File{}
	err := fs.WalkDir(ownFiles, dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := ownFiles.ReadFile(name)
		if err != nil {
			return err
		}
		file := File{Path: strings.TrimPrefix(name, dir), Mode: 0o644, Content: content}
		if bytes.HasPrefix(content, []byte("#!")) { // embed keeps no modes
			file.Mode = 0o755
		}
		all[file.Path] = file
		return nil
	})
	return all, err
}

// filesOf gives our own files of a layer of packages, sorted by path; most layers have none.
func filesOf(name string) ([]File, error) {
	all, err := own("layers/" + name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return sorted(all), err
}

func sorted(all map[string]File) []File {
	var files []File
	for _, name := range slices.Sorted(maps.Keys(all)) {
		files = append(files, all[name])
	}
	return files
}

// add puts a file's path, mode and content into a layer's digest.
func (f File) add(d digester) error {
	d.add(f.Path, strconv.FormatUint(uint64(f.Mode), 8), f.Link)
	content := f.Content
	if f.Source != "" {
		sum, err := fileDigest(f.Source)
		if err != nil {
			return fmt.Errorf("lab file %s: %w", f.Path, err)
		}
		content = []byte(sum)
	}
	d.add(string(content))
	return nil
}

// put lays a file of the lab's out in a tree.
func (f File) put(t *tree) (err error) {
	name, err := local(f.Path)
	if err != nil {
		return err
	}
	if f.Link != "" {
		return t.symlink(name, f.Link, 0, 0, epoch)
	}
	var content io.Reader = bytes.NewReader(f.Content)
	if f.Source != "" {
		source, err := os.Open(f.Source)
		if err != nil {
			return err
		}
		defer source.Close()
		content = source
	}
	return t.file(name, f.Mode, 0, 0, epoch, content)
}

// checkPEM refuses what is no list of certificates in PEM: it would spoil the bundle of every program.
func checkPEM(ca []byte) error {
	for rest := bytes.TrimSpace(ca); len(rest) > 0; rest = bytes.TrimSpace(rest) {
		block, after := pem.Decode(rest)
		if block == nil || block.Type != "CERTIFICATE" {
			return errors.New("certificates of the lab: not PEM, or not a certificate")
		}
		rest = after
	}
	return nil
}

// trust writes bundles that hold what the topmost of the images below has, and the lab's own authority.
func (t *tree) trust(ctx context.Context, ca []byte, images []string) error {
	var bundle []byte
	for _, image := range slices.Backward(images) {
		content, err := readImage(ctx, image, bundles[0])
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		bundle = content
		break
	}
	if len(bundle) > 0 && !bytes.HasSuffix(bundle, []byte("\n")) {
		bundle = append(bundle, '\n')
	}
	bundle = append(bundle, bytes.TrimSpace(ca)...)
	bundle = append(bundle, '\n')
	if err := t.file(bundles[0], 0o644, 0, 0, epoch, bytes.NewReader(bundle)); err != nil {
		return err
	}
	return t.linkTo(bundles[1], bundles[0])
}
