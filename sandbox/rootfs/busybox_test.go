package rootfs

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

type noNetwork struct{}

func (noNetwork) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("dial tcp: lookup dl-cdn.alpinelinux.org: no such host")
}

// Where Alpine's server does not answer, a root of Debian's busybox stands in, and says so.
func TestBusyboxStandsIn(t *testing.T) {
	needDebian(t)
	withTools(t, Config{}) // else Debian's archive does not answer either
	cache := t.TempDir()
	if err := os.MkdirAll(filepath.Join(cache, "rootfs"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(CacheDir(), "rootfs", "debs"), filepath.Join(cache, "rootfs", "debs")); err != nil {
		t.Fatal(err)
	}
	config := Config{Cache: cache, Client: &http.Client{Transport: noNetwork{}}, Log: testLog(t)}
	root, err := Prepare(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	if root.Kind != Busybox || !strings.Contains(root.Reason, "dl-cdn.alpinelinux.org cannot be reached") || root.Version == "" {
		t.Errorf("kind %q, version %q, reason %q", root.Kind, root.Version, root.Reason)
	}
	tests := []struct{ name, script, want string }{
		{"says what it is", ". /etc/os-release; echo $NAME", "not Alpine"},
		{"applets", "busybox | head -1; readlink -f /bin/sh; ls /usr/bin/wc", "BusyBox v"},
		{"root's home", "grep ^root: /etc/passwd", "/root:/bin/sh"},
		{"users", "id", "uid=0(root)"},
		{"tools above it", "bash --version", "GNU bash"},
		{"ps is procps'", "bash -c 'ps --version'", "procps"},
		{"ifconfig is net-tools'", "bash -c 'ifconfig --version 2>&1'", "net-tools"},
		{"curl", "curl --version", "https"},
		{"login shell has a path", "env -i /bin/bash -lc 'echo $PATH'", "/usr/sbin"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := in(t, root, test.script); !strings.Contains(got, test.want) {
				t.Errorf("%s: got %q, want %q in it", test.script, got, test.want)
			}
		})
	}

	// What learners download is that very root.
	tr := scratchTree(t)
	if err := tr.unpackTarball(root.Tarball); err != nil {
		t.Fatal(err)
	}
	if _, ok := tr.resolve("bin/sh"); !ok {
		t.Error("no /bin/sh in the tarball")
	}

	again, err := Prepare(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	if again.Layers[0] != root.Layers[0] || again.Version != root.Version || again.Reason != root.Reason {
		t.Errorf("again: %+v, before: %+v", again, root)
	}
}

// With neither Alpine nor Debian there is no root, and the error names both.
func TestNothingCanBeHad(t *testing.T) {
	needDebian(t)
	aptWith(t, `Acquire::http::Proxy "http://127.0.0.1:1"; Acquire::https::Proxy "http://127.0.0.1:1"; Acquire::Retries "0";`)
	_, err := Prepare(t.Context(), Config{Cache: t.TempDir(), Client: &http.Client{Transport: noNetwork{}}, Log: testLog(t)})
	if err == nil || !strings.Contains(err.Error(), "dl-cdn.alpinelinux.org cannot be reached") || !strings.Contains(err.Error(), "nor can busybox stand in") {
		t.Errorf("got %v", err)
	}
}
