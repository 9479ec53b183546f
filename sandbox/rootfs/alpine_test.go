package rootfs

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tarball is a small .tar.gz of files with their content, and its digest.
func tarball(t *testing.T, files map[string]string) (content []byte, digest string) {
	t.Helper()
	var buffer bytes.Buffer
	zipped := gzip.NewWriter(&buffer)
	out := tar.NewWriter(zipped)
	for _, name := range sortedKeys(files) {
		if err := out.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(files[name]))}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(out, files[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(out.Close(), zipped.Close()); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(buffer.Bytes())
	return buffer.Bytes(), hex.EncodeToString(sum[:])
}

const testFile = "alpine-9.8.7-x86_64.tar.gz"

// seeker looks for a release 9.8.7 whose tarball is the given one, at a server that answers as serve says.
func seeker(t *testing.T, digest string, serve http.HandlerFunc) alpineSeeker {
	t.Helper()
	server := httptest.NewServer(serve)
	t.Cleanup(server.Close)
	return alpineSeeker{
		release: alpineRelease{
			Version: "9.8.7", File: "alpine-{version}-{arch}.tar.gz",
			URL:    server.URL + "/v{series}/{arch}/{file}",
			SHA256: map[string]string{"x86_64": digest},
		},
		goarch: "amd64", keep: t.TempDir(), client: server.Client(), progress: func(Progress) {},
	}
}

func TestAlpineIsDownloadedOnceAndKept(t *testing.T) {
	content, digest := tarball(t, map[string]string{"etc/alpine-release": "9.8.7\n"})
	asked := 0
	s := seeker(t, digest, func(w http.ResponseWriter, r *http.Request) {
		asked++
		if want := "/v9.8/x86_64/" + testFile; r.URL.Path != want {
			t.Errorf("asked for %s, want %s", r.URL.Path, want)
		}
		w.Write(content)
	})
	var last Progress
	s.progress = func(p Progress) { last = p }
	for range 2 {
		found, err := s.find(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(found.Tarball); err != nil || !bytes.Equal(got, content) {
			t.Errorf("kept tarball: %d bytes, %v, want %d", len(got), err, len(content))
		}
		if found.Kind != Alpine || found.Version != "9.8.7" || found.Reason != "" || filepath.Base(found.Tarball) != testFile {
			t.Errorf("found %+v", found)
		}
	}
	if asked != 1 {
		t.Errorf("asked the server %d times, want 1", asked)
	}
	if last.Done != int64(len(content)) || last.Total != int64(len(content)) {
		t.Errorf("last progress %+v, want all of %d bytes", last, len(content))
	}
}

func TestAlpineDamagedInCacheIsFetchedAnew(t *testing.T) {
	content, digest := tarball(t, map[string]string{"a": "b"})
	s := seeker(t, digest, func(w http.ResponseWriter, _ *http.Request) { w.Write(content) })
	if err := os.WriteFile(filepath.Join(s.keep, testFile), content[:len(content)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	found, err := s.find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := checkTarball(found.Tarball, digest); err != nil {
		t.Error(err)
	}
}

func TestAlpineRefused(t *testing.T) {
	content, digest := tarball(t, map[string]string{"a": strings.Repeat("glass", 10000)})
	other, _ := tarball(t, map[string]string{"a": "another"})
	tests := []struct {
		name  string
		serve http.HandlerFunc
		is    error
		says  []string
	}{
		{
			"another file", func(w http.ResponseWriter, _ *http.Request) { w.Write(other) },
			ErrDigest,
			[]string{"want sha256 " + digest, "another file", "--rootfs"},
		},
		{
			"a truncated file", func(w http.ResponseWriter, _ *http.Request) { w.Write(content[:len(content)/2]) },
			ErrDigest,
			[]string{"truncated"},
		},
		{
			"a download that breaks off", func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "100000")
				w.Write(content[:20])
			}, errUnreachable, []string{"broke off after 20 bytes"},
		},
		{"not there", http.NotFound, errUnreachable, []string{"404", testFile}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := seeker(t, digest, test.serve)
			_, err := s.find(t.Context())
			if !errors.Is(err, test.is) {
				t.Fatalf("got %v, want %v", err, test.is)
			}
			for _, say := range test.says {
				if !strings.Contains(err.Error(), say) {
					t.Errorf("%q does not say %q", err, say)
				}
			}
			if left, err := filepath.Glob(filepath.Join(s.keep, "*")); err != nil || len(left) > 0 {
				t.Errorf("left in the cache: %v %v", left, err)
			}
			if left, err := filepath.Glob(filepath.Join(s.keep, ".*")); err != nil || len(left) > 0 {
				t.Errorf("left in the cache: %v %v", left, err)
			}
		})
	}
}

func TestAlpineServerDoesNotAnswer(t *testing.T) {
	s := seeker(t, strings.Repeat("0", 64), http.NotFound)
	s.release.URL = "http://127.0.0.1:1/{file}" // tcpmux: nobody listens
	_, err := s.find(t.Context())
	if !errors.Is(err, errUnreachable) || !strings.Contains(err.Error(), "127.0.0.1:1 cannot be reached") {
		t.Errorf("got %v", err)
	}
}

func TestAlpineGivenByOperator(t *testing.T) {
	content, digest := tarball(t, map[string]string{"a": "b"})
	dir := t.TempDir()
	write := func(name string, content []byte) string {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, content, 0o644); err != nil {
			t.Fatal(err)
		}
		return file
	}
	right := write("right/"+testFile, content)
	renamed := write("my.tgz", content)
	cut := write("cut/"+testFile, content[:len(content)-9])
	empty := write("empty", nil)
	tests := []struct{ name, given, says string }{
		{"file", right, ""},
		{"file of another name", renamed, ""},
		{"directory", filepath.Dir(right), ""},
		{"nothing there", filepath.Join(dir, "nothing"), "no such file"},
		{"directory without it", dir, "holds no " + testFile},
		{"truncated", cut, "truncated"},
		{"empty", empty, "truncated"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := seeker(t, digest, func(http.ResponseWriter, *http.Request) { t.Error("the server was asked") })
			s.given = test.given
			found, err := s.find(t.Context())
			if test.says == "" {
				if err != nil {
					t.Fatal(err)
				}
				if got, err := os.ReadFile(found.Tarball); err != nil || !bytes.Equal(got, content) {
					t.Errorf("in the cache: %d bytes, %v", len(got), err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want %q", err, test.says)
			}
		})
	}
}

func TestCorruptTarballIsNamed(t *testing.T) {
	content, _ := tarball(t, map[string]string{"a": strings.Repeat("x", 1<<16)})
	for name, test := range map[string]struct {
		content []byte
		says    string
	}{
		"truncated": {content[:len(content)-20], "truncated"},
		"empty":     {nil, "truncated"},
		"no gzip":   {[]byte("hello, this is no tarball"), "invalid header"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "x.tar.gz")
			if err := os.WriteFile(file, test.content, 0o600); err != nil {
				t.Fatal(err)
			}
			tr := scratchTree(t)
			err := tr.unpackTarball(file)
			if err == nil || !strings.Contains(err.Error(), test.says) || !strings.Contains(err.Error(), file) {
				t.Errorf("got %v, want %q and the file", err, test.says)
			}
		})
	}
}
