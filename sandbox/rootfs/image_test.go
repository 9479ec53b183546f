package rootfs

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The same tree laid out twice, at other times and elsewhere, gives the same bytes.
func TestImageIsReproducible(t *testing.T) {
	var sums []string
	for _, name := range []string{"one", "two"} {
		dir := t.TempDir()
		tr, err := newTree(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		defer tr.close()
		for _, file := range []string{"b", "etc/a", "usr/bin/c", "usr/bin/a", "usr/share/zoneinfo", "tmp/x"} {
			if err := tr.file(file, 0o644, 0, 0, epoch.Add(time.Hour), strings.NewReader(strings.Repeat(file, 2000))); err != nil {
				t.Fatal(err)
			}
		}
		if err := tr.symlink("usr/bin/l", "c", 0, 0, epoch); err != nil {
			t.Fatal(err)
		}
		if err := tr.root.Link("b", "hard"); err != nil {
			t.Fatal(err)
		}
		if err := tr.mkdir(".", 0o755, 0, 0, epoch); err != nil {
			t.Fatal(err)
		}
		image := filepath.Join(dir, "image")
		var told []Progress
		if err := tr.makeImage(t.Context(), image, "test", "digest", func(p Progress) { told = append(told, p) }); err != nil {
			t.Fatal(err)
		}
		for i, p := range told {
			last := i == len(told)-1
			if p.Done < 0 || p.Done > p.Total || last != (p.Total == 0) {
				t.Errorf("told %+v", told)
			}
		}
		if out, err := run(t.Context(), nil, "/sbin/e2fsck", "-fn", image); err != nil {
			t.Errorf("e2fsck: %v\n%s", err, out)
		}
		sum, err := fileDigest(image)
		if err != nil {
			t.Fatal(err)
		}
		sums = append(sums, sum)
	}
	if sums[0] != sums[1] {
		t.Errorf("two images of the same tree differ: %v", sums)
	}
}
