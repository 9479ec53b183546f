package rootfs

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPackageNames(t *testing.T) {
	got := packageNames("libc6 (>= 2.34), debconf (>= 0.5) | debconf-2.0, libtinfo6:any,  perl:any (>= 5), zlib1g [amd64], ")
	want := []string{"libc6", "debconf", "libtinfo6", "perl", "zlib1g"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

func TestParseURIs(t *testing.T) {
	sum := strings.Repeat("0123456789abcdef", 4)
	got, err := parseURIs([]byte("Reading lists…\n" +
		"'http://deb.debian.org/debian/pool/main/b/bash/bash_5.2.15-2%2bb13_amd64.deb' bash_5.2.15-2+b13_amd64.deb 1490652 SHA256:" + sum + "\n" +
		"'http://deb.debian.org/x' busybox-static_1%3a1.35.0_amd64.deb 928188 MD5Sum:abc\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]located{
		"bash":           {file: "bash_5.2.15-2+b13_amd64.deb", size: 1490652, sha256: sum},
		"busybox-static": {file: "busybox-static_1%3a1.35.0_amd64.deb", size: 928188},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(located{})); diff != "" {
		t.Errorf("places (-want +got):\n%s", diff)
	}
	for _, line := range []string{"'http://x'", "'http://x' ../../etc/x.deb 7 SHA256:" + sum, "'http://x' bash.tar 7", "'http://x' bash_1.deb many"} {
		if _, err := parseURIs([]byte(line)); err == nil {
			t.Errorf("%q is taken", line)
		}
	}
}

// needDebian skips where apt is not the system's, or its archive does not answer.
func needDebian(t *testing.T) {
	t.Helper()
	needRoot(t)
	for _, name := range []string{"apt-get", "dpkg-deb"} {
		if _, err := exec.LookPath(name); err != nil {
			skip(t, "no "+name)
		}
	}
}

// aptWith has apt read further options (apt.conf(5)) for the length of a test.
func aptWith(t *testing.T, options string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "apt.conf")
	if err := os.WriteFile(file, []byte(options), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("APT_CONFIG", file)
}

// Where Debian's archive does not answer, the lab runs without tools and says why.
func TestNoArchiveNoTools(t *testing.T) {
	needDebian(t)
	prepared(t, Config{}) // apt's lists are there
	cache := t.TempDir()
	// tcpmux: nobody listens.
	aptWith(t, `Acquire::http::Proxy "http://127.0.0.1:1"; Acquire::https::Proxy "http://127.0.0.1:1"; Acquire::Retries "0";`)
	root, err := Prepare(t.Context(), Config{Alpine: alpineFiles(t), Cache: cache, Log: testLog(t)})
	if err != nil {
		t.Fatal(err)
	}
	if root.Tools != nil || !strings.Contains(root.ToolsReason, "cannot be reached") {
		t.Errorf("tools %v, reason %q, want none because the archive cannot be reached", root.Tools, root.ToolsReason)
	}
	if len(root.Layers) != 2 || root.Layers[1].Name != layerLab {
		t.Errorf("layers %v, want alpine and lab", root.Layers)
	}
	if _, err := root.PrepareLayer(t.Context(), "nosuch"); err == nil {
		t.Error("a layer that nobody knows is prepared")
	}
	if got := in(t, root, "printf '<4>[    1.5] words\n' > /run/kmsg; dmesg"); got != "[    1.5] words\n" {
		t.Errorf("dmesg without tools: %q", got)
	}
}

// A machine whose package lists were never fetched fetches them once.
func TestListsAreFetchedWhereMissing(t *testing.T) {
	needDebian(t)
	withTools(t, Config{}) // else the archive does not answer
	state := t.TempDir()
	aptWith(t, `Dir::State::Lists "`+state+`/"; Dir::Cache "`+state+`/cache/";`)
	var steps []string
	var last Progress
	from, err := openArchive(t.TempDir(), &teller{hear: func(p Progress) { steps, last = append(steps, p.Step), p }})
	if err != nil {
		t.Fatal(err)
	}
	files, err := from.fetch(t.Context(), []string{"tree"})
	if err != nil {
		t.Fatal(err)
	}
	one, err := from.control(t.Context(), files[0])
	if err != nil || one.Package != "tree" || one.Version == "" {
		t.Errorf("got %+v %v", one, err)
	}
	if want := "fetching the lists of Debian's archive"; !slices.Contains(steps, want) {
		t.Errorf("steps %q, want %s", steps, want)
	}
	about, err := os.Stat(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if want := (Progress{Step: "downloading Debian packages", Done: about.Size(), Total: about.Size(), Unit: Bytes}); last != want {
		t.Errorf("at last %+v, want %+v", last, want)
	}
}

func TestPackageThatNobodyHas(t *testing.T) {
	needDebian(t)
	withTools(t, Config{})
	from, err := openArchive(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = from.fetch(t.Context(), []string{"no-such-package-at-all"})
	if err == nil || errors.Is(err, ErrNoTools) || !strings.Contains(err.Error(), "no-such-package-at-all") {
		t.Errorf("got %v, want an error that names the package", err)
	}
}

func TestHostThatIsNoDebian(t *testing.T) {
	err := aptError("update", errors.New("exit status 100"), "E: Failed to fetch http://x  Could not resolve 'deb.debian.org'\n")
	if !errors.Is(err, ErrNoTools) || !strings.Contains(err.Error(), "cannot be reached") {
		t.Errorf("no network: %v", err)
	}
	err = aptError("download", errors.New("exit status 100"), "E: Write error - write (28: No space left on device)\nE: Failed to fetch\n")
	if errors.Is(err, ErrNoTools) || !strings.Contains(inWords(err, "/cache").Error(), "no space is left") {
		t.Errorf("disk full: %v", inWords(err, "/cache"))
	}
}

// The proof names file and library where a package was left out.
func TestProofNamesWhatIsMissing(t *testing.T) {
	needDebian(t)
	withTools(t, Config{})
	from, err := openArchive(filepath.Join(CacheDir(), "rootfs", "debs"), nil)
	if err != nil {
		t.Fatal(err)
	}
	debs, err := from.closure(t.Context(), []string{"bash"}, []string{"libtinfo6", "libc6", "base-files", "debianutils"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	tr := scratchTree(t)
	for _, one := range debs {
		if err := from.extract(t.Context(), tr, one, nil); err != nil {
			t.Fatal(err)
		}
	}
	err = tr.prove(nil)
	if err == nil {
		t.Fatal("bash without libc and libtinfo is proved")
	}
	for _, says := range []string{"bin/bash needs libtinfo.so.6", "bin/bash needs libc.so.6", "bin/bash needs the interpreter /lib"} {
		if !strings.Contains(err.Error(), says) {
			t.Errorf("%v\ndoes not say %q", err, says)
		}
	}
	// With the layer below that has them it is whole.
	arch := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]
	below := []string{
		"lib/" + arch + "-linux-gnu/libc.so.6", "lib/" + arch + "-linux-gnu/libtinfo.so.6",
		"lib/ld-linux-aarch64.so.1", "lib64/ld-linux-x86-64.so.2",
	}
	slices.Sort(below)
	if err := tr.prove(below); err != nil {
		t.Errorf("with the libraries below: %v", err)
	}
}

func TestExtractFailsWithDamagedPackage(t *testing.T) {
	needDebian(t)
	from, err := openArchive(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(from.dir, "x_1_all.deb")
	if err := os.WriteFile(file, []byte("!<arch>\nno package"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := from.control(t.Context(), file); err == nil {
		t.Error("control fields of what is no package")
	}
	if err := from.extract(t.Context(), scratchTree(t), deb{File: file}, nil); err == nil || !strings.Contains(err.Error(), "x_1_all.deb") {
		t.Errorf("got %v, want an error that names the file", err)
	}
}
