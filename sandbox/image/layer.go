package image

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// A layer is one of an image's, as a .tar.gz among the blobs. It is what go-containerregistry calls a compressed layer.
type layer struct {
	Blob   v1.Hash `json:"blob"`   // of the .tar.gz
	Diff   v1.Hash `json:"diff"`   // of the tar in it
	Packed int64   `json:"packed"` // bytes of the .tar.gz
	Bytes  int64   `json:"bytes"`  // bytes of the files

	blobs string // the directory that it is in
}

func (l layer) Digest() (v1.Hash, error)           { return l.Blob, nil }
func (l layer) DiffID() (v1.Hash, error)           { return l.Diff, nil }
func (l layer) Size() (int64, error)               { return l.Packed, nil }
func (layer) MediaType() (types.MediaType, error)  { return types.OCILayer, nil }
func (l layer) Compressed() (io.ReadCloser, error) { return os.Open(l.file()) }
func (l layer) file() string                       { return filepath.Join(l.blobs, "sha256", l.Blob.Hex) }

// readLayer reads the stamp of a layer that is built, if it and its blob are there.
func readLayer(stamp, blobs string) (layer, bool) {
	text, err := os.ReadFile(stamp)
	if err != nil {
		return layer{}, false
	}
	l := layer{blobs: blobs}
	if err := json.Unmarshal(text, &l); err != nil {
		return layer{}, false
	}
	about, err := os.Stat(l.file())
	return l, err == nil && about.Size() == l.Packed
}

// keep writes the stamp of a layer, which makes it count.
func (l layer) keep(stamp string) error {
	text, err := json.MarshalIndent(l, "", "\t")
	if err != nil {
		return err
	}
	return replaceFile(stamp, append(text, '\n'))
}

// replaceFile replaces a file in one step.
func replaceFile(name string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(content)
	if err := errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// pack writes what a tree has and the one below does not as a layer. below may be empty. What the tree lacks of the one
// below is an error: it would take a whiteout, which an overlay cannot have in a lower layer that is itself shown through one.
func pack(dir, below, blobs string) (made layer, err error) {
	if err := os.MkdirAll(filepath.Join(blobs, "sha256"), 0o755); err != nil {
		return layer{}, err
	}
	f, err := os.CreateTemp(blobs, ".new-*")
	if err != nil {
		return layer{}, err
	}
	defer func() {
		f.Close()
		os.Remove(f.Name())
	}()
	packed := counter{Writer: f, sum: sha256.New()}
	zipped, err := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	if err != nil {
		return layer{}, err
	}
	plain := counter{Writer: zipped, sum: sha256.New()}
	p := packer{dir: dir, below: below, tar: tar.NewWriter(&plain), links: map[uint64]string{}}
	if err := p.all(); err != nil {
		return layer{}, err
	}
	if err := errors.Join(p.tar.Close(), zipped.Close(), f.Chmod(0o644), f.Sync()); err != nil {
		return layer{}, err
	}
	made = layer{Blob: packed.hash(), Diff: plain.hash(), Packed: packed.bytes, Bytes: p.bytes, blobs: blobs}
	return made, os.Rename(f.Name(), made.file())
}

// A counter passes on what is written, and knows its length and digest.
type counter struct {
	io.Writer
	sum   hash.Hash
	bytes int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.Writer.Write(b)
	c.sum.Write(b[:n])
	c.bytes += int64(n)
	return n, err
}

func (c *counter) hash() v1.Hash {
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(c.sum.Sum(nil))}
}

// A packer writes the difference of two trees as a tar.
type packer struct {
	dir, below string
	tar        *tar.Writer
	links      map[uint64]string // inode -> the name that it was written under
	bytes      int64
}

func (p *packer) all() error {
	err := filepath.WalkDir(p.dir, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || file == p.dir {
			return err
		}
		name, err := filepath.Rel(p.dir, file)
		if err != nil {
			return err
		}
		about, err := entry.Info()
		if err != nil {
			return err
		}
		if p.below != "" && same(about, filepath.Join(p.below, name)) {
			return nil
		}
		return p.add(file, name, about)
	})
	if err != nil || p.below == "" {
		return err
	}
	return filepath.WalkDir(p.below, func(file string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(p.below, file)
		if err != nil {
			return err
		}
		if _, err := os.Lstat(filepath.Join(p.dir, name)); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("/%s, which the image below has, is gone: a layer cannot take files away here", name)
		}
		return nil
	})
}

// same tells whether a file is as the one below: all that a layer keeps of it, but for what it holds, which nobody changes
// without changing its time.
func same(about fs.FileInfo, below string) bool {
	other, err := os.Lstat(below)
	if err != nil || other.Mode() != about.Mode() {
		return false
	}
	a, b := about.Sys().(*syscall.Stat_t), other.Sys().(*syscall.Stat_t)
	if a.Uid != b.Uid || a.Gid != b.Gid {
		return false
	}
	return about.IsDir() || about.Size() == other.Size() && about.ModTime().Equal(other.ModTime())
}

func (p *packer) add(file, name string, about fs.FileInfo) error {
	target := ""
	if about.Mode()&fs.ModeSymlink != 0 {
		var err error
		if target, err = os.Readlink(file); err != nil {
			return err
		}
	}
	header, err := tar.FileInfoHeader(about, target)
	if err != nil {
		return err
	}
	header.Name, header.Uname, header.Gname = name, "", ""
	header.Format = tar.FormatPAX
	header.AccessTime, header.ChangeTime = time.Time{}, time.Time{}
	stat := about.Sys().(*syscall.Stat_t)
	if about.IsDir() {
		header.Name += "/"
	} else if stat.Nlink > 1 {
		if first, ok := p.links[stat.Ino]; ok {
			header.Typeflag, header.Linkname, header.Size = tar.TypeLink, first, 0
		} else {
			p.links[stat.Ino] = name
		}
	}
	if header.Typeflag != tar.TypeReg && header.Typeflag != tar.TypeDir && header.Typeflag != tar.TypeSymlink && header.Typeflag != tar.TypeLink {
		return fmt.Errorf("/%s (mode %s) is neither file, directory nor link", name, strconv.FormatUint(uint64(stat.Mode), 8))
	}
	if err := p.tar.WriteHeader(header); err != nil {
		return err
	}
	if header.Typeflag != tar.TypeReg {
		return nil
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	p.bytes += header.Size
	_, err = io.Copy(p.tar, f)
	return err
}
