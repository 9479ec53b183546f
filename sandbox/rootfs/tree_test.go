package rootfs

import (
	"archive/tar"
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func scratchTree(t testing.TB) *tree {
	t.Helper()
	tr, err := newTree(filepath.Join(t.TempDir(), "tree"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tr.close(); err != nil {
			t.Error(err)
		}
	})
	return tr
}

// stream is a tar of headers; a file's content is its name.
func stream(t testing.TB, headers ...tar.Header) []byte {
	t.Helper()
	var buffer bytes.Buffer
	out := tar.NewWriter(&buffer)
	for _, header := range headers {
		if header.Typeflag == tar.TypeReg {
			header.Size = int64(len(header.Name))
		}
		if header.Mode == 0 {
			header.Mode = 0o755
		}
		if err := out.WriteHeader(&header); err != nil {
			t.Fatal(err)
		}
		if header.Size > 0 {
			if _, err := out.Write([]byte(header.Name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	return buffer.Bytes()
}

func TestUnpackKeepsWhatTarSays(t *testing.T) {
	needRoot(t)
	tr := scratchTree(t)
	err := tr.unpack(bytes.NewReader(stream(t,
		tar.Header{Name: "./", Typeflag: tar.TypeDir},
		tar.Header{Name: "./tmp/", Typeflag: tar.TypeDir, Mode: 0o1777, ModTime: epoch},
		tar.Header{Name: "./bin/su", Typeflag: tar.TypeReg, Mode: 0o4755, Uid: 0, Gid: 5, ModTime: epoch},
		tar.Header{Name: "./bin/hard", Typeflag: tar.TypeLink, Linkname: "./bin/su"},
		tar.Header{Name: "/etc/mtab", Typeflag: tar.TypeSymlink, Linkname: "/proc/mounts", ModTime: epoch},
		tar.Header{Name: "etc/shadow", Typeflag: tar.TypeReg, Mode: 0o640, Uid: 7, Gid: 42},
		tar.Header{Name: "etc/shadow", Typeflag: tar.TypeReg, Mode: 0o600, Uid: 8, Gid: 42}, // the later wins
	)), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := tr.settle(); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name     string
		mode     fs.FileMode
		uid, gid uint32
	}{
		{"tmp", fs.ModeDir | fs.ModeSticky | 0o777, 0, 0},
		{"bin", fs.ModeDir | 0o755, 0, 0},
		{"bin/su", fs.ModeSetuid | 0o755, 0, 5},
		{"bin/hard", fs.ModeSetuid | 0o755, 0, 5},
		{"etc/mtab", fs.ModeSymlink | 0o777, 0, 0},
		{"etc/shadow", 0o600, 8, 42},
	}
	for _, test := range tests {
		about, err := tr.root.Lstat(test.name)
		if err != nil {
			t.Fatal(err)
		}
		stat := about.Sys().(*syscall.Stat_t)
		if about.Mode() != test.mode || stat.Uid != test.uid || stat.Gid != test.gid {
			t.Errorf("%s: %v %d:%d, want %v %d:%d", test.name, about.Mode(), stat.Uid, stat.Gid, test.mode, test.uid, test.gid)
		}
	}
	for _, name := range []string{"tmp", "bin/su", "etc/mtab"} {
		if about, err := tr.root.Lstat(name); err != nil || !about.ModTime().Equal(epoch) {
			t.Errorf("%s: time %v %v, want %v", name, about.ModTime(), err, epoch)
		}
	}
}

func TestUnpackRefuses(t *testing.T) {
	link := tar.Header{Name: "link", Typeflag: tar.TypeSymlink, Linkname: "../.."}
	tests := []struct {
		name    string
		headers []tar.Header
		says    string
	}{
		{"a path that climbs", []tar.Header{{Name: "../evil", Typeflag: tar.TypeReg}}, "leads out"},
		{"a path that climbs in the middle", []tar.Header{{Name: "a/../../evil", Typeflag: tar.TypeReg}}, "leads out"},
		{"a file through a link", []tar.Header{link, {Name: "link/evil", Typeflag: tar.TypeReg}}, "link/evil"},
		{"a file through an absolute link", []tar.Header{
			{Name: "link", Typeflag: tar.TypeSymlink, Linkname: "/tmp"}, {Name: "link/evil", Typeflag: tar.TypeReg},
		}, "link/evil"},
		{"a hard link to the outside", []tar.Header{{Name: "evil", Typeflag: tar.TypeLink, Linkname: "../../etc/passwd"}}, "leads out"},
		{"a hard link through a link", []tar.Header{link, {Name: "evil", Typeflag: tar.TypeLink, Linkname: "link/outside"}}, "evil"},
		{"a hard link to nothing", []tar.Header{{Name: "evil", Typeflag: tar.TypeLink, Linkname: "nothing"}}, "evil"},
		{"a device", []tar.Header{{Name: "dev/sda", Typeflag: tar.TypeBlock, Devmajor: 8}}, "neither file"},
		{"a pipe", []tar.Header{{Name: "pipe", Typeflag: tar.TypeFifo}}, "neither file"},
		{"a file in place of a full directory", []tar.Header{
			{Name: "d/f", Typeflag: tar.TypeReg}, {Name: "d", Typeflag: tar.TypeReg},
		}, "not empty"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			needRoot(t)
			tr := scratchTree(t)
			outside := filepath.Join(filepath.Dir(tr.dir), "outside")
			if err := os.WriteFile(outside, []byte("mine"), 0o600); err != nil {
				t.Fatal(err)
			}
			err := tr.unpack(bytes.NewReader(stream(t, test.headers...)), nil)
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want %q", err, test.says)
			}
			onlyTheTree(t, tr, outside)
		})
	}
}

// onlyTheTree fails if anything but the tree and the file outside is in the directory above the tree.
func onlyTheTree(t *testing.T, tr *tree, outside string) {
	t.Helper()
	there, err := os.ReadDir(filepath.Dir(tr.dir))
	if err != nil || len(there) != 2 {
		t.Errorf("beside the tree: %v %v", there, err)
	}
	about, err := os.Lstat(outside)
	if err != nil || about.Size() != 4 || about.Mode() != 0o600 || about.Sys().(*syscall.Stat_t).Nlink != 1 {
		t.Errorf("the file outside was touched: %v %v", about, err)
	}
}

func TestUnpackSkips(t *testing.T) {
	needRoot(t)
	tr := scratchTree(t)
	content := stream(t, tar.Header{Name: "./usr/share/man/x", Typeflag: tar.TypeReg}, tar.Header{Name: "./usr/bin/x", Typeflag: tar.TypeReg})
	if err := tr.unpack(bytes.NewReader(content), func(name string) bool { return dropped([]string{"usr/share/man"}, name) }); err != nil {
		t.Fatal(err)
	}
	if _, ok := tr.resolve("usr/share"); ok {
		t.Error("usr/share is there for nothing")
	}
	if _, ok := tr.resolve("usr/bin/x"); !ok {
		t.Error("usr/bin/x is missing")
	}
}

func TestResolveStaysInside(t *testing.T) {
	needRoot(t)
	tr := scratchTree(t)
	err := tr.unpack(bytes.NewReader(stream(t,
		tar.Header{Name: "usr/lib/libx.so.1.2", Typeflag: tar.TypeReg},
		tar.Header{Name: "usr/lib/libx.so.1", Typeflag: tar.TypeSymlink, Linkname: "libx.so.1.2"},
		tar.Header{Name: "lib64", Typeflag: tar.TypeSymlink, Linkname: "/usr/lib"},
		tar.Header{Name: "up", Typeflag: tar.TypeSymlink, Linkname: "../../../../usr/lib/libx.so.1"},
		tar.Header{Name: "loop", Typeflag: tar.TypeSymlink, Linkname: "loop"},
		tar.Header{Name: "host", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"},
	)), nil)
	if err != nil {
		t.Fatal(err)
	}
	const library = "usr/lib/libx.so.1.2"
	for name, want := range map[string]string{
		library: library, "usr/lib/libx.so.1": library, "lib64/libx.so.1": library, "up": library, "/up": library,
		"loop": "", "host": "", "nothing": "", "usr/lib": "usr/lib", "usr/lib/..": "usr", ".": "",
	} {
		got, ok := tr.resolve(name)
		if got != want || ok != (want != "" || name == ".") {
			t.Errorf("resolve(%q) = %q %v, want %q", name, got, ok, want)
		}
	}
}

// Whatever a tar says, nothing outside the tree is made, changed or removed.
func FuzzUnpack(f *testing.F) {
	for _, header := range []tar.Header{
		{Name: "./a/b", Typeflag: tar.TypeReg},
		{Name: "../evil", Typeflag: tar.TypeReg},
		{Name: "link", Typeflag: tar.TypeSymlink, Linkname: "../outside"},
		{Name: "hard", Typeflag: tar.TypeLink, Linkname: "../outside"},
		{Name: "d/", Typeflag: tar.TypeDir, Mode: 0o1777},
	} {
		f.Add(stream(f, header))
	}
	f.Add(stream(f,
		tar.Header{Name: "link", Typeflag: tar.TypeSymlink, Linkname: ".."},
		tar.Header{Name: "link/outside", Typeflag: tar.TypeReg},
		tar.Header{Name: "link", Typeflag: tar.TypeDir},
	))
	f.Fuzz(func(t *testing.T, content []byte) {
		tr := scratchTree(t)
		outside := filepath.Join(filepath.Dir(tr.dir), "outside")
		if err := os.WriteFile(outside, []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
		err := tr.unpack(bytes.NewReader(content), nil)
		if err == nil {
			if err := tr.settle(); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Logf("settle: %v", err)
			}
		}
		onlyTheTree(t, tr, outside)
	})
}

// Header by header, so that the fuzzer need not find tar's checksums by itself.
func FuzzUnpackEntries(f *testing.F) {
	f.Add("link", "..", byte(tar.TypeSymlink), "link/outside", "x", byte(tar.TypeReg))
	f.Add("a", "../outside", byte(tar.TypeLink), "a", "", byte(tar.TypeReg))
	f.Add("a/..", "/", byte(tar.TypeSymlink), "a/../../outside", "", byte(tar.TypeDir))
	f.Fuzz(func(t *testing.T, name1, link1 string, type1 byte, name2, link2 string, type2 byte) {
		tr := scratchTree(t)
		outside := filepath.Join(filepath.Dir(tr.dir), "outside")
		if err := os.WriteFile(outside, []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, header := range []tar.Header{
			{Name: name1, Linkname: link1, Typeflag: type1, Mode: 0o755},
			{Name: name2, Linkname: link2, Typeflag: type2, Mode: 0o600},
		} {
			clean, err := local(header.Name)
			if err != nil {
				continue
			}
			if err := tr.entry(clean, &header, strings.NewReader("evil")); err != nil {
				t.Logf("%q: %v", header.Name, err)
			}
			tr.resolve(header.Name)
		}
		onlyTheTree(t, tr, outside)
	})
}
