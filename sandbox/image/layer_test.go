package image

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// trees makes two equal trees.
func trees(t *testing.T) (below, above string) {
	t.Helper()
	then := time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, dir := range []*string{&below, &above} {
		*dir = t.TempDir()
		if err := os.Mkdir(filepath.Join(*dir, "etc"), 0o755); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"etc/same", "etc/changed"} {
			file := filepath.Join(*dir, name)
			if err := os.WriteFile(file, []byte("one"), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(file, then, then); err != nil {
				t.Fatal(err)
			}
		}
	}
	return below, above
}

// entries lists what is in a layer, as "name type link".
func entries(t *testing.T, l layer) []string {
	t.Helper()
	f, err := l.Compressed()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	zipped, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for r := tar.NewReader(zipped); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, strings.TrimSpace(h.Name+" "+string(h.Typeflag)+" "+h.Linkname))
	}
}

func TestPackTakesTheDifference(t *testing.T) {
	below, above := trees(t)
	in := func(name string) string { return filepath.Join(above, name) }
	for _, err := range []error{
		os.WriteFile(in("etc/changed"), []byte("two"), 0o644),
		os.WriteFile(in("etc/new"), nil, 0o600),
		os.Link(in("etc/new"), in("etc/other")),
		os.Symlink("new", in("etc/link")),
		os.Chmod(in("etc"), 0o700),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	l, err := pack(above, below, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"etc/ 5", "etc/changed 0", "etc/link 2 new", "etc/new 0", "etc/other 1 etc/new"}
	if d := cmp.Diff(want, entries(t, l)); d != "" {
		t.Errorf("entries of the layer (-want +got):\n%s", d)
	}
	if l.Bytes != 3 {
		t.Errorf("bytes of the files: got %d, want 3", l.Bytes)
	}
	f, err := os.Open(l.file())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sum, size, err := v1.SHA256(f)
	if err != nil || sum != l.Blob || size != l.Packed {
		t.Errorf("the blob is %s of %d bytes (%v), and the layer says %s of %d", sum, size, err, l.Blob, l.Packed)
	}
}

func TestPackRefusesWhiteouts(t *testing.T) {
	below, above := trees(t)
	if err := os.Remove(filepath.Join(above, "etc/same")); err != nil {
		t.Fatal(err)
	}
	if _, err := pack(above, below, t.TempDir()); err == nil || !strings.Contains(err.Error(), "/etc/same") {
		t.Errorf("got %v, want an error that names /etc/same", err)
	}
}

func TestReadLayer(t *testing.T) {
	_, above := trees(t)
	blobs := t.TempDir()
	l, err := pack(above, "", blobs)
	if err != nil {
		t.Fatal(err)
	}
	stamp := filepath.Join(t.TempDir(), "stamp.json")
	if err := l.keep(stamp); err != nil {
		t.Fatal(err)
	}
	got, ok := readLayer(stamp, blobs)
	if !ok || got != l {
		t.Errorf("got %+v (%v), want %+v", got, ok, l)
	}
	if err := os.Truncate(l.file(), 5); err != nil {
		t.Fatal(err)
	}
	if _, ok := readLayer(stamp, blobs); ok {
		t.Error("a layer whose blob was cut off counts")
	}
}
