package rootfs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// A stamp without its image, or with a cut off one, does not count.
func TestDamagedLayerIsBuiltAnew(t *testing.T) {
	needRoot(t)
	cache := t.TempDir()
	b, err := newBuilder(Config{Alpine: alpineFiles(t), Cache: cache, Log: testLog(t)})
	if err != nil {
		t.Fatal(err)
	}
	build := func() string {
		made, err := b.lab(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		return b.layer(made).Image
	}
	image := build()
	want, err := fileDigest(image)
	if err != nil {
		t.Fatal(err)
	}
	for name, damage := range map[string]func() error{
		"image gone":    func() error { return os.Remove(image) },
		"image cut off": func() error { return os.Truncate(image, 4096) },
		"stamp gone":    func() error { return os.Remove(strings.TrimSuffix(image, ".ext4") + ".json") },
		"stamp empty":   func() error { return os.Truncate(strings.TrimSuffix(image, ".ext4")+".json", 0) },
	} {
		t.Run(name, func(t *testing.T) {
			if err := damage(); err != nil {
				t.Fatal(err)
			}
			if got, err := fileDigest(build()); err != nil || got != want {
				t.Errorf("built anew: sha256 %s, %v, want %s", got, err, want)
			}
		})
	}
}

func TestLockIsGivenUpWithItsContext(t *testing.T) {
	s, err := openStore(t.TempDir(), testLog(t))
	if err != nil {
		t.Fatal(err)
	}
	unlock, err := s.lock(t.Context(), func() {})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := s.lock(ctx, cancel); !errors.Is(err, context.Canceled) {
		t.Errorf("lock while another holds it: %v, want context canceled", err)
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	again, err := s.lock(t.Context(), func() { t.Error("waits for a lock that nobody holds") })
	if err != nil {
		t.Fatal(err)
	}
	if err := again(); err != nil {
		t.Fatal(err)
	}
}

func TestPruneKeepsWhatIsUsed(t *testing.T) {
	s, err := openStore(t.TempDir(), testLog(t))
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, unused time.Duration) {
		if err := os.WriteFile(s.path(name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		then := time.Now().Add(-unused)
		if err := os.Chtimes(s.path(name), then, then); err != nil {
			t.Fatal(err)
		}
	}
	const day = 24 * time.Hour
	write("layers/tools-old.ext4", 31*day)
	write("layers/tools-old.json", 31*day)
	write("layers/tools-new.ext4", 29*day)
	write("layers/tools-new.json", 29*day)
	write("debs/old.deb", 31*day)
	write("debs/new.deb", 0)
	write("tarballs/new.tar.gz", 29*day)
	for i := range fewLayers {
		write(fmt.Sprintf("layers/lab-%d.ext4", i), time.Duration(i)*time.Hour)
	}
	write("layers/lab-yesterday.ext4", 23*time.Hour)
	write("layers/lab-before.ext4", 25*time.Hour)

	s.prune()
	for name, want := range map[string]bool{
		"layers/tools-old.ext4": false, "layers/tools-old.json": false, "layers/tools-new.ext4": true, "layers/tools-new.json": true,
		"debs/old.deb": false, "debs/new.deb": true, "tarballs/new.tar.gz": true,
		"layers/lab-0.ext4": true, fmt.Sprintf("layers/lab-%d.ext4", fewLayers-1): true,
		"layers/lab-yesterday.ext4": true, "layers/lab-before.ext4": false,
	} {
		if _, err := os.Stat(s.path(name)); (err == nil) != want {
			t.Errorf("%s: %v, want there: %v", name, err, want)
		}
	}
}
