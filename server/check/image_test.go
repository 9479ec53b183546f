package check

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"glassbox/sandbox/kernel"
	"glassbox/sandbox/store"
)

const storage = "/var/lib/containers/storage"

// engine adds to the state a store with an image app of two layers: the second deletes the key that the first contains.
func engine(t *testing.T, s State) (State, func(file, text string)) {
	t.Helper()
	dir := t.TempDir()
	write := func(file, text string) {
		t.Helper()
		file = filepath.Join(dir, storage, file)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	app, one, two := strings.Repeat("a", 64), strings.Repeat("1", 64), strings.Repeat("2", 64)
	write("overlay-images/images.json", fmt.Sprintf(`[{"id":%q,"names":["localhost/app:latest"],"layer":%q}]`, app, two))
	write("overlay-layers/layers.json", fmt.Sprintf(`[{"id":%q,"diff-size":2048},{"id":%q,"parent":%q,"diff-size":1024}]`, one, two, one))
	write("overlay-images/"+app+"/"+configName, `{"config":{"User":"nobody","Cmd":["/hello","world"],"Env":["FOO=bar"]},
		"history":[{"created_by":"COPY key /app/key"},{"created_by":"ENV FOO=bar","empty_layer":true},{"created_by":"RUN rm /app/key"}]}`)
	write("overlay/"+one+"/diff/app/key", "secret")
	write("overlay/"+one+"/diff/hello", "hi")
	write("overlay/"+two+"/diff/app/.wh.key", "")
	root, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	s.Store = store.Open(kernel.Source{ID: t.Name(), Root: root})
	return s, write
}

// configName is sha256:aaaa… in base64, as the engine names the file of an image's configuration.
var configName = "=c2hhMjU2OmFh" + strings.Repeat("YWFh", 20) + "YWE="

func TestImage(t *testing.T) {
	s, _ := engine(t, state())
	for _, text := range []string{
		`image("app").exists`,
		`not image("other").exists`,
		`image("app").user == "nobody" and image("app").entrypoint == []`,
		`image("app").cmd == ["/hello", "world"]`,
		`image("app").env.FOO == "bar" and image("app").env["BAR"] == ""`,
		`len(image("app").layers) == 2 and image("app").size == 3 * KiB`,
		`image("app").layers[0].created_by startsWith "COPY"`,
		`image("app").file("/hello").content == "hi"`,
		`not image("app").file("/app/key").exists`,
		`image("app").had("/app/key") and not image("app").had("/app/other")`,
		`image("app").layers_with("/app/key")[0].created_by contains "COPY"`,
		`image("app").setuid_files == []`,
		`image("app").layers[1].deletes == 1 and sum(image("app").layers, .files) == 4`,
		`len(filter(image("app").history, .empty_layer)) == 1`,
	} {
		t.Run(text, func(t *testing.T) {
			x, err := NewExercise("x", When{}, text)
			if err != nil {
				t.Fatal(err)
			}
			if v := x.Judge(s); v.Status != Passed {
				t.Errorf("got %+v", v)
			}
			if v := x.Judge(state()); v.Status == Failed && !strings.Contains(text, "[0]") && !strings.Contains(text, "[1]") {
				t.Errorf("without a store: got %+v", v)
			}
			if x.Want() == kernel.WantNothing {
				t.Error("it wants nothing, and so would not be looked at")
			}
		})
	}
}

// Layers are walked through only where an expression asks for what is found there.
func TestWalkIsAskedFor(t *testing.T) {
	for text, want := range map[string]storeWant{
		`image("app").exists`:                         0,
		`image("app").file("/x").exists`:              0,
		`len(image("app").setuid_files) == 0`:         wantWalk,
		`any(image("app").layers, .files > 100)`:      wantWalk,
		`image("app").layers[0].deletes > 0`:          wantWalk,
		`"setuid_files" == image("app").layers[0].id`: 0,
	} {
		e, err := Compile(text)
		if err != nil {
			t.Fatal(err)
		}
		if e.store != want {
			t.Errorf("%s: wants %b, want %b", text, e.store, want)
		}
	}
}

func TestImageEvidence(t *testing.T) {
	s, write := engine(t, state())
	app, one := strings.Repeat("a", 64), strings.Repeat("1", 64)
	tests := []struct {
		text string
		want Evidence
	}{
		{`image("other").exists`, Evidence{storage + "/overlay-images/images.json", "yes", "no"}},
		{`image("app").user == "root"`, Evidence{storage + "/overlay-images/" + app + "/" + configName, "root", "nobody"}},
		{`image("app").size < 1024`, Evidence{storage + "/overlay-layers/layers.json", "less than 1024", "3072"}},
		{`not image("app").had("/app/key")`, Evidence{storage + "/overlay/" + one + "/diff/app/key", "no", "yes"}},
		{`image("app").had("/app/lock")`, Evidence{"/app/lock in the layers of localhost/app:latest", "yes", "no"}},
		{`image("app").file("/hello").mode == 0o755`, Evidence{storage + "/overlay/" + one + "/diff/hello, its mode", "0755", "0644"}},
		{`image("app").file("/app/key").exists`, Evidence{"/app/key in the layers of localhost/app:latest", "yes", "no"}},
		{`len(image("app").layers_with("/app/key")) == 0`, Evidence{storage + "/overlay/" + one + "/diff/app/key", "0", "1"}},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			x, err := NewExercise("x", When{}, test.text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(Verdict{Status: NotYet, Evidence: []Evidence{test.want}}, x.Judge(s)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
	t.Run("a store that cannot be read is our failure", func(t *testing.T) {
		write("overlay-images/images.json", "{")
		x, err := NewExercise("x", When{}, `image("app").exists`)
		if err != nil {
			t.Fatal(err)
		}
		if v := x.Judge(s); v.Status != Failed || v.Err == nil || !strings.Contains(v.Err.Error(), "images.json") {
			t.Errorf("got %+v, want failed with the file", v)
		}
	})
}
