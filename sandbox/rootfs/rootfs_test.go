package rootfs

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestMain lets the test program stand in for one that has a file system of 1 MiB for its cache (see TestDiskFull).
func TestMain(m *testing.M) {
	if dir := os.Getenv("ROOTFS_TEST_DISK_FULL"); dir != "" {
		os.Exit(fillDisk(dir))
	}
	os.Exit(m.Run())
}

// skip skips a test that cannot run here, and fails it where GLASSBOX_REQUIRE=1 says that it must.
func skip(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("GLASSBOX_REQUIRE") == "1" {
		t.Fatal(why)
	}
	t.Skip(why)
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		skip(t, "not root: layers are owned by root")
	}
}

// alpineFiles is a directory with Alpine's tarballs, or empty: then the cache or Alpine's server must do.
func alpineFiles(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("GLASSBOX_ROOTFS"); dir != "" {
		return dir
	}
	beside, err := filepath.Abs("../../../shared/alpine") // beside the module
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(beside); err == nil {
		return beside
	}
	return ""
}

func testLog(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// prepared is a root made of the real things, in the cache that all tests share.
func prepared(t *testing.T, config Config) *Root {
	t.Helper()
	needRoot(t)
	config.Alpine, config.Log = alpineFiles(t), testLog(t)
	root, err := Prepare(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// withTools is one with Alpine and the tools, or none where these cannot be had here.
func withTools(t *testing.T, config Config) *Root {
	t.Helper()
	root := prepared(t, config)
	if root.Tools == nil {
		skip(t, root.ToolsReason)
	}
	return root
}

// in runs a shell script in the root: its images mounted read-only in a mount namespace of the script's own, under an
// overlay, as the sandbox does.
func in(t *testing.T, root *Root, script string) string {
	t.Helper()
	where := t.TempDir()
	var mounts strings.Builder
	var lower []string
	for _, layer := range root.Layers {
		mounts.WriteString("mkdir -p " + where + "/" + layer.Name + " && mount -t ext4 -o ro,loop " + layer.Image + " " + where + "/" + layer.Name + " || exit 99\n")
		lower = append([]string{where + "/" + layer.Name}, lower...)
	}
	mounts.WriteString("mkdir -p " + where + "/root && mount -t overlay overlay -o lowerdir=" + strings.Join(lower, ":") + " " + where + "/root || exit 99\n")
	mounts.WriteString("mount -t proc proc " + where + "/root/proc && mount -t tmpfs tmpfs " + where + "/root/run && mount -t tmpfs tmpfs " + where + "/root/tmp && mount --rbind /dev " + where + "/root/dev || exit 99\n")
	mounts.WriteString("exec chroot " + where + "/root /bin/sh -c \"$SCRIPT\"\n")

	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", mounts.String())
	cmd.Env = []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm-256color", "LANG=C.UTF-8",
		"HOME=/root", "SCRIPT=" + script,
	}
	// A session of its own: an interactive shell must not take the terminal of whoever runs the tests.
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Setsid: true}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 99 {
		skip(t, "cannot mount the layers here: "+string(out))
	}
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
	return string(out)
}

func TestPrepareAgainIsQuick(t *testing.T) {
	first := prepared(t, Config{})
	var second *Root
	took := time.Hour
	for n := 0; n < 5 && took > time.Second; n++ { // a busy machine may stand still for as long; not every time
		start := time.Now()
		second = prepared(t, Config{})
		took = time.Since(start)
	}
	t.Logf("a prepared root takes %v to find", took)
	if took > time.Second {
		t.Errorf("every further start took more than a second, the last %v; want milliseconds", took)
	}
	for i, layer := range first.Layers {
		if layer != second.Layers[i] {
			t.Errorf("layer %d: got %v, then %v", i, layer, second.Layers[i])
		}
	}
}

// Many at once, from an empty cache (but for the downloads): one builds, all get the same, and nothing is left over.
// What they get is byte for byte what the shared cache has.
func TestPrepareAtOnceFromEmptyCache(t *testing.T) {
	shared := prepared(t, Config{})
	cache := t.TempDir()
	if err := os.MkdirAll(filepath.Join(cache, "rootfs"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(CacheDir(), "rootfs", "debs"), filepath.Join(cache, "rootfs", "debs")); err != nil {
		t.Fatal(err)
	}
	roots := make([]*Root, 4)
	start := time.Now()
	var all sync.WaitGroup
	for i := range roots {
		all.Go(func() {
			var err error
			if roots[i], err = Prepare(t.Context(), Config{Alpine: alpineFiles(t), Cache: cache, Log: testLog(t)}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if t.Failed() {
		return
	}
	t.Logf("four at once from an empty cache took %v", time.Since(start))
	for i := range roots {
		for j, layer := range roots[i].Layers {
			if layer != roots[0].Layers[j] {
				t.Errorf("root %d: layer %v, but root 0 has %v", i, layer, roots[0].Layers[j])
			}
		}
	}
	for j, layer := range roots[0].Layers {
		about, err := os.Stat(layer.Image)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("layer %s: %d bytes", layer.Name, about.Size())
		// A layer is named after its recipe; the archive may have released a package since the shared cache was built.
		if layer.Digest != shared.Layers[j].Digest || layer.Name != layerAlpine && !maps.Equal(roots[0].Tools, shared.Tools) {
			t.Logf("layer %s: the shared cache is of other packages", layer.Name)
			continue
		}
		want, err := fileDigest(shared.Layers[j].Image)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := fileDigest(layer.Image); err != nil || got != want {
			t.Errorf("layer %s: the same inputs gave another image than %s: sha256 %s %v, want %s", layer.Name, shared.Layers[j].Image, got, err, want)
		}
	}
	left, err := filepath.Glob(filepath.Join(cache, "rootfs", "work-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left over: %v %v", left, err)
	}
}

// Looking makes nothing: neither where all is there, nor where nothing is.
func TestLook(t *testing.T) {
	root := prepared(t, Config{})
	found, err := Look(t.Context(), Config{Alpine: alpineFiles(t)})
	switch {
	case root.Tools == nil && errors.Is(err, ErrNotPrepared): // they could not be had
	case err != nil:
		t.Error(err)
	case found.Layers[0] != root.Layers[0] || found.Kind != root.Kind:
		t.Errorf("found %+v, prepared %+v", found, root)
	}
	cache := t.TempDir()
	if _, err := Look(t.Context(), Config{Cache: cache}); !errors.Is(err, ErrNotPrepared) || !strings.Contains(err.Error(), "alpine-minirootfs") {
		t.Errorf("empty cache: %v, want ErrNotPrepared", err)
	}
	if images, err := filepath.Glob(filepath.Join(cache, "rootfs", "*", "*")); err != nil || len(images) > 0 {
		t.Errorf("looking made %v %v", images, err)
	}
}

// fillDisk is the child of TestDiskFull: it prepares a layer on a file system of 1 MiB, and prints the error.
func fillDisk(dir string) int {
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		os.Stderr.WriteString("mount: " + err.Error())
		return 99
	}
	big := bytes.Repeat([]byte("glass"), 1<<20)
	b, err := newBuilder(Config{Cache: dir, Files: []File{{Path: "/big", Content: big}}})
	if err == nil {
		_, err = b.lab(context.Background(), nil)
	}
	os.Stderr.WriteString(inWords(err, dir).Error())
	return 1
}

func TestDiskFull(t *testing.T) {
	needRoot(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), "ROOTFS_TEST_DISK_FULL="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() == 99 {
		skip(t, string(out))
	}
	if err == nil || !strings.Contains(string(out), "no space is left where the layers are kept") || !strings.Contains(string(out), dir) {
		t.Errorf("a full disk says: %v %q", err, out)
	}
}

func TestMissingProgramNamesItsPackage(t *testing.T) {
	_, err := program("mke2fs-that-nobody-has", "e2fsprogs")
	if err == nil || !strings.Contains(err.Error(), "apt-get install e2fsprogs") {
		t.Errorf("got %v, want the package's name", err)
	}
	if !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("got %v, want exec.ErrNotFound in it", err)
	}
}

func TestPrepareLayerKnowsOnlyTheManifest(t *testing.T) {
	root := prepared(t, Config{})
	for _, name := range []string{"nosuch", layerTools, layerAlpine, ""} {
		if _, err := root.PrepareLayer(t.Context(), name); err == nil || !strings.Contains(err.Error(), "no optional layer") {
			t.Errorf("PrepareLayer(%q): %v", name, err)
		}
	}
}

// Another layer is only text in the manifest: a recipe of one package, above the tools, with what these have left out.
func TestPrepareLayerAboveTools(t *testing.T) {
	root := withTools(t, Config{})
	root.builder.manifest.Layers["extra"] = recipe{Packages: []string{"keyutils"}}
	extra, err := root.PrepareLayer(t.Context(), "extra")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range root.OptionalLayers() {
		if name == layerTools {
			t.Error("tools are no optional layer")
		}
	}
	if _, err := readImage(t.Context(), extra.Image, "lib/x86_64-linux-gnu/libc.so.6"); err == nil {
		t.Error("libc is in the layer above tools too")
	}
	root.Layers = append(root.Layers, extra)
	if got := in(t, root, "keyctl --version"); !strings.Contains(got, "keyutils") {
		t.Errorf("keyctl: %q", got)
	}
}

func TestArchitectures(t *testing.T) {
	m, err := parseManifest(manifestYAML)
	if err != nil {
		t.Fatal(err)
	}
	for goarch, want := range map[string]string{
		"amd64": "https://dl-cdn.alpinelinux.org/alpine/v3.20/releases/x86_64/alpine-minirootfs-3.20.3-x86_64.tar.gz",
		"arm64": "https://dl-cdn.alpinelinux.org/alpine/v3.20/releases/aarch64/alpine-minirootfs-3.20.3-aarch64.tar.gz",
	} {
		arch, err := alpineArch(goarch)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Alpine.url(arch); got != want {
			t.Errorf("%s: got %s, want %s", goarch, got, want)
		}
		if dir := alpineFiles(t); dir != "" {
			if err := checkTarball(filepath.Join(dir, m.Alpine.file(arch)), m.Alpine.SHA256[arch]); err != nil && goarch == runtime.GOARCH {
				t.Error(err)
			}
		}
	}
	if _, err := alpineArch("riscv64"); err == nil {
		t.Error("riscv64 has no root file system, but no error either")
	}
}
