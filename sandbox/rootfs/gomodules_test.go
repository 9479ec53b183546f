package rootfs

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// What go looked at without downloading it is no version that a learner's go may choose.
func TestProxyListsWhatCanBeHad(t *testing.T) {
	needRoot(t)
	from := t.TempDir()
	versions := filepath.Join(from, "example.com/log/@v")
	if err := os.MkdirAll(versions, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"v1.9.0.info", "v1.9.0.mod", "v1.9.0.zip", "v1.9.0.ziphash", "v1.9.0.lock",
		"v1.8.0.mod",                  // for its requirements
		"v1.10.0.info", "v1.10.0.mod", // the latest one
	} {
		if err := os.WriteFile(filepath.Join(versions, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tr := scratchTree(t)
	if err := tr.proxy(from, "usr/share/goproxy"); err != nil {
		t.Fatal(err)
	}
	laid := filepath.Join(tr.dir, "usr/share/goproxy/example.com/log/@v")
	list, err := os.ReadFile(filepath.Join(laid, "list"))
	if got, want := string(list), "v1.9.0\n"; err != nil || got != want {
		t.Errorf("list: got %q, want %q (%v)", got, want, err)
	}
	entries, err := os.ReadDir(laid)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, entry := range entries {
		got = append(got, entry.Name())
	}
	want := []string{"list", "v1.10.0.info", "v1.10.0.mod", "v1.8.0.mod", "v1.9.0.info", "v1.9.0.mod", "v1.9.0.zip"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
