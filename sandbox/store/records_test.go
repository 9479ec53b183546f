package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"glassbox/sandbox/kernel"
)

func TestSpellings(t *testing.T) {
	aliases := map[string]string{"alpine": "docker.io/library/alpine", "fedora": "registry.fedoraproject.org/fedora"}
	tests := []struct {
		name string
		want []string
	}{
		{"app", []string{"localhost/app:latest", "docker.io/library/app:latest"}},
		{"app:v1", []string{"localhost/app:v1", "docker.io/library/app:v1"}},
		{"alpine:3.20", []string{"docker.io/library/alpine:3.20", "localhost/alpine:3.20", "docker.io/library/alpine:3.20"}},
		{"fedora@sha256:1", []string{"registry.fedoraproject.org/fedora@sha256:1", "localhost/fedora@sha256:1", "docker.io/library/fedora@sha256:1"}},
		{"localhost/alpine", []string{"localhost/alpine:latest"}},
		{"me/app", []string{"localhost/me/app:latest", "docker.io/me/app:latest"}},
		{"docker.io/app", []string{"docker.io/library/app:latest"}},
		{"docker.io/me/app", []string{"docker.io/me/app:latest"}},
		{"localhost/app", []string{"localhost/app:latest"}},
		{"gcr.io/distroless/static", []string{"gcr.io/distroless/static:latest"}},
		{"r.example:5000/app", []string{"r.example:5000/app:latest"}},
		{"app@sha256:00", []string{"localhost/app@sha256:00", "docker.io/library/app@sha256:00"}},
		{"", []string{"localhost/:latest", "docker.io/library/:latest"}},
	}
	for _, test := range tests {
		if diff := cmp.Diff(test.want, spellings(test.name, aliases)); diff != "" {
			t.Errorf("%q: (-want +got)\n%s", test.name, diff)
		}
	}
}

// id makes an id of an image, layer or container.
func id(n int) string { return fmt.Sprintf("%064x", n) }

func TestNamed(t *testing.T) {
	images := []imageRecord{
		{ID: id(0xa1), Names: []string{"localhost/app:latest"}, Digest: "sha256:1"},
		{ID: id(0xa2), Names: []string{"docker.io/library/app:latest", "docker.io/library/nginx:1.25"}, Digest: "sha256:2"},
		{ID: strings.Repeat("b", 63) + "1"},
		{ID: strings.Repeat("b", 63) + "2"},
		{ID: strings.Repeat("c", 64), place: "/own"},
		{ID: strings.Repeat("c", 64), place: "/other"},
	}
	tests := []struct{ name, want string }{
		{"app", id(0xa1)}, // the engine's own comes before Docker's
		{"docker.io/app", id(0xa2)},
		{"nginx", ""},
		{"nginx:1.25", id(0xa2)},
		{"nginx@sha256:2", id(0xa2)},
		{"nginx:1.25@sha256:2", id(0xa2)},
		{"nginx@sha256:1", ""},
		{"bbbb", ""}, // of two
		{strings.Repeat("b", 63) + "2", strings.Repeat("b", 63) + "2"},
		{"cc", strings.Repeat("c", 64)}, // one image in two places
		{"CC", ""},
		{"", ""},
	}
	for _, test := range tests {
		if got, _ := named(images, test.name, nil); got.ID != test.want {
			t.Errorf("%q: got %q, want %q", test.name, got.ID, test.want)
		}
	}
	if got, _ := named(images, "ccc", nil); got.place != "/own" {
		t.Errorf("of one image in two places, got that in %s, want that in the first", got.place)
	}
}

func TestParsersRefuse(t *testing.T) {
	many := "[" + strings.Repeat("{},", maxItems+1)
	images := func(b []byte) error { _, err := parseImages(b); return err }
	layers := func(b []byte) error { _, err := parseLayers(b); return err }
	containers := func(b []byte) error { _, err := parseContainers(b); return err }
	config := func(b []byte) error { _, err := parseConfig(b); return err }
	places := func(b []byte) error { _, err := parsePlaces(b); return err }
	tests := []struct {
		name  string
		parse func([]byte) error
		text  string
		want  string
	}{
		{"empty", images, "", "no JSON"},
		{"cut", images, `[{"id":"` + id(1) + `"`, "entry 0"},
		{"unended", images, `[`, "does not end"},
		{"object", images, `{}`, "no list"},
		{"more", images, `[] []`, "follows"},
		{"too many", images, many, "more than 4096"},
		{"path for an id", images, `[{"id":"../../../etc"}]`, "no image's id"},
		{"path for a layer", images, `[{"id":"` + id(1) + `","layer":"/etc"}]`, "no image's id"},
		{"number for a name", images, `[{"id":"` + id(1) + `","names":[1]}]`, "cannot unmarshal"},
		{"path for a parent", layers, `[{"id":"` + id(1) + `","parent":".."}]`, "no layer's id"},
		{"path for a container", containers, `[{"id":"."}]`, "no container's id"},
		{"list for a config", config, `[]`, "cannot unmarshal"},
		{"deep", config, strings.Repeat("[", 20_000), "max depth"},
		{"no TOML", places, "[storage", "expected"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if err := test.parse([]byte(test.text)); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
	if layers, err := parseLayers([]byte(`[{"id":"` + id(1) + `","diff-size":-5}]`)); err != nil || layers[0].Size != 0 {
		t.Errorf("a negative size: got %+v, %v", layers, err)
	}
	if none, err := parseImages([]byte(`null`)); err != nil || len(none) != 0 {
		t.Errorf("null, which the engine writes for an empty list: got %+v, %v", none, err)
	}
}

func TestParsePlaces(t *testing.T) {
	got, err := parsePlaces([]byte("[storage]\ngraphroot = \"/srv\"\n[storage.options]\nadditionalimagestores = [\n \"/a\", # one\n \"b/../c\",\n]\n"))
	if diff := cmp.Diff([]string{"/srv", "/a", "/c"}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	got, err = parsePlaces([]byte("[storage.options]\nadditionalimagestores = [" + strings.Repeat(`"/x",`, 100) + "]"))
	if len(got) != maxPlaces || got[0] != root || err != nil {
		t.Errorf("got %d places, the first %s, %v", len(got), got[0], err)
	}
}

// tree is a directory that stands in for a sandbox's root, and holds a store that the test writes.
type tree struct {
	t   testing.TB
	dir string
}

func plant(t testing.TB) (*tree, *Store) {
	t.Helper()
	dir := t.TempDir()
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return &tree{t, dir}, Open(kernel.Source{ID: t.Name(), Root: f})
}

func (f *tree) write(file, text string) {
	f.t.Helper()
	file = filepath.Join(f.dir, file)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		f.t.Fatal(err)
	}
}

func (f *tree) link(file, target string) {
	f.t.Helper()
	file = filepath.Join(f.dir, file)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Symlink(target, file); err != nil {
		f.t.Fatal(err)
	}
}

// app writes an image app of so many layers, numbered from 1, the lowest first.
func (f *tree) app(layers int) {
	f.t.Helper()
	var records []string
	for n := 1; n <= layers; n++ {
		parent := ""
		if n > 1 {
			parent = id(n - 1)
		}
		records = append(records, fmt.Sprintf(`{"id":%q,"parent":%q,"diff-size":%d}`, id(n), parent, n))
		if err := os.MkdirAll(filepath.Join(f.dir, diff(n)), 0o755); err != nil {
			f.t.Fatal(err)
		}
	}
	f.write(root+"/overlay-layers/layers.json", "["+strings.Join(records, ",")+"]")
	f.write(root+"/overlay-images/images.json", fmt.Sprintf(`[{"id":%q,"names":["localhost/app:latest"],"layer":%q}]`, id(0xa), id(layers)))
	f.write(root+"/overlay-images/"+id(0xa)+"/"+fileName("sha256:"+id(0xa)), `{"config":{"User":"me","Cmd":"true"}}`)
}

// diff is the directory of a layer.
func diff(n int) string { return root + "/overlay/" + id(n) + "/diff" }

// TestMerged looks through layers that no engine has written.
func TestMerged(t *testing.T) {
	f, st := plant(t)
	f.app(3)
	f.write(diff(1)+"/dir/one", "1")
	f.write(diff(1)+"/dir/gone", "1")
	f.write(diff(1)+"/hidden/one", "1")
	f.write(diff(1)+"/usr/bin/ls", "1")
	f.write(diff(1)+"/file", "1")
	f.write(diff(2)+"/dir/two", "2")
	f.write(diff(2)+"/dir/.wh.gone", "")
	f.write(diff(2)+"/hidden/.wh..wh..opq", "")
	f.write(diff(2)+"/hidden/two", "2")
	f.link(diff(2)+"/bin", "usr/bin")
	f.link(diff(2)+"/up", "dir/../usr/../../..//dir")
	f.link(diff(2)+"/abs", "/dir")
	f.link(diff(2)+"/ring", "/ring")
	f.link(diff(2)+"/out", "../../../../../../../../../etc")
	f.link(diff(2)+"/long", strings.Repeat("long/", 100)+"long")
	f.write(diff(3)+"/dir/one", "3")
	f.write(diff(3)+"/file/below", "3")
	f.write(diff(3)+"/usr/bin/late", "3")
	i, err := st.Image("app", true)
	if err != nil || !i.Exists || i.User != "me" || len(i.Layers) != 3 || i.Size != 6 {
		t.Fatalf("got %+v, %v", i, err)
	}
	tests := []struct{ path, want string }{
		{"/dir/one", "3"},
		{"/dir/two", "2"},
		{"/dir/gone", ""},
		{"/hidden/two", "2"},
		{"/hidden/one", ""},
		{"/bin/ls", "1"},
		{"/bin/late", "3"},
		{"/abs/two", "2"},
		{"/up/two", "2"},
		{"/../../dir/two", "2"},
		{"/file", ""},
		{"/file/below", "3"},
		{"/ring/x", ""},
		{"/long/x", ""},
		{"/out/passwd", ""},
		{"/out/hostname", ""},
		{"/dir/\x00", ""},
		{strings.Repeat("/dir", 2000), ""},
	}
	for _, test := range tests {
		got, err := i.File(test.path)
		if err != nil || got.Content != test.want {
			t.Errorf("%.80q: got %q, %v; want %q", test.path, got.Content, err, test.want)
		}
	}
	with, err := i.LayersWith("/bin/late")
	if err != nil || len(with) != 1 || with[0].ID != id(3) {
		t.Errorf("/bin/late: in %v, %v; want it in the third layer", with, err)
	}
	if with, err := i.LayersWith("/dir/gone"); err != nil || len(with) != 1 {
		t.Errorf("/dir/gone: in %v, %v; want it in the first layer, although the second deletes it", with, err)
	}
	if d := []int{i.Layers[0].Deletes, i.Layers[1].Deletes, i.Layers[2].Deletes}; !slices.Equal(d, []int{0, 2, 0}) {
		t.Errorf("whiteouts: got %v, want 0, 2, 0", d)
	}
}

// TestHostileStore has the learner put into the store what does not belong there.
func TestHostileStore(t *testing.T) {
	list := root + "/overlay-images/images.json"
	config := root + "/overlay-images/" + id(0xa) + "/" + fileName("sha256:"+id(0xa))
	pipe := func(f *tree, file string) {
		os.Remove(filepath.Join(f.dir, file))
		if err := unix.Mkfifo(filepath.Join(f.dir, file), 0o644); err != nil {
			f.t.Fatal(err)
		}
	}
	tests := []struct {
		name string
		do   func(*tree)
		want string // in the error; empty for an image that is not there
	}{
		{"no store", func(f *tree) { os.RemoveAll(filepath.Join(f.dir, root)) }, ""},
		{"no JSON", func(f *tree) { f.write(list, "{") }, list},
		{"a pipe", func(f *tree) { pipe(f, list) }, "it is no file but a fifo"},
		{"a pipe for a config", func(f *tree) { pipe(f, config) }, config},
		{"a directory", func(f *tree) { os.Remove(filepath.Join(f.dir, list)); f.write(list+"/x", "") }, "it is no file but a directory"},
		{"too large", func(f *tree) { truncate(f, list, maxList+1) }, "too large"},
		{"config too large", func(f *tree) { truncate(f, config, maxConfig+1) }, "too large"},
		{"config of the host", func(f *tree) { os.Remove(filepath.Join(f.dir, config)); f.link(config, "/etc/passwd") }, "it is no file but a symlink"},
		{"config gone", func(f *tree) { os.Remove(filepath.Join(f.dir, config)) }, ""},
		{"ring of layers", func(f *tree) {
			f.write(root+"/overlay-layers/layers.json", fmt.Sprintf(`[{"id":%q,"parent":%q},{"id":%q,"parent":%q}]`, id(1), id(2), id(2), id(1)))
		}, ""},
		{"layer missing", func(f *tree) { f.write(root+"/overlay-layers/layers.json", `[]`) }, ""},
		{"layer incomplete", func(f *tree) {
			f.write(root+"/overlay-layers/layers.json", fmt.Sprintf(`[{"id":%q,"flags":{"incomplete":true}}]`, id(1)))
		}, ""},
		{"registries.conf", func(f *tree) { f.write("/etc/containers/registries.conf.d/x.conf", "[aliases]\na = 1") }, "x.conf"},
		{"a pipe among the short names", func(f *tree) {
			f.write("/etc/containers/registries.conf.d/x", "")
			pipe(f, "/etc/containers/registries.conf.d/y.conf")
		}, "y.conf"},
		{"storage.conf", func(f *tree) { f.write("/etc/containers/storage.conf", "[[[") }, "/etc/containers/storage.conf"},
		{"layer's directory gone", func(f *tree) { os.RemoveAll(filepath.Join(f.dir, diff(1))) }, diff(1)},
		{"layer's directory a link out", func(f *tree) {
			os.RemoveAll(filepath.Join(f.dir, diff(1)))
			f.link(diff(1), "/../../../../etc")
		}, diff(1)},
		{"too deep", func(f *tree) { f.write(diff(1)+strings.Repeat("/d", 200)+"/x", "") }, "too large"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f, st := plant(t)
			f.app(1)
			test.do(f)
			i, err := st.Image("app", true)
			if test.want == "" {
				if err != nil || i.Exists {
					t.Fatalf("got %+v, %v; want none", i, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %+v, %v; want an error with %q", i, err, test.want)
			}
			if e, ok := errors.AsType[*Error](err); !ok {
				t.Errorf("got %T, want an *Error", e)
			}
		})
	}
}

// web writes a container web of the image app, which has one layer, and writes to layer 2.
func (f *tree) web() {
	f.t.Helper()
	f.app(1)
	f.write(root+"/overlay-layers/layers.json", fmt.Sprintf(`[{"id":%q},{"id":%q,"parent":%q}]`, id(1), id(2), id(1)))
	f.write(root+"/overlay-containers/containers.json", fmt.Sprintf(
		`[{"id":%q,"names":["web"],"layer":%q,"metadata":"{\"name\":\"web\",\"image-name\":\"localhost/app:latest\"}"},{"id":%q,"names":["builder"]}]`, id(0xc), id(2), id(0xd)))
	f.write(root+"/overlay-containers/"+id(0xc)+"/userdata/config.json", `{"process":{"args":["true"]},"mounts":[
		{"destination":"/mnt","type":"bind","source":"/root","options":["ro"]},{"destination":"/etc/hosts","type":"bind","source":"/run/`+id(0xc)+`/hosts"}]}`)
	f.write(root+"/overlay-containers/"+id(0xc)+"/userdata/ctr.log", "t stdout F one\nt stderr P tw\nt stderr F o\nbroken\n")
	f.write(diff(1)+"/dir/old", "1")
	f.write(diff(1)+"/dir/same", "1")
	f.write(diff(2)+"/dir/new", "2")
	f.write(diff(2)+"/dir/.wh.old", "")
}

func TestContainer(t *testing.T) {
	f, st := plant(t)
	f.web()
	c, err := st.Container("web", Changes|Output)
	if err != nil {
		t.Fatal(err)
	}
	got := []any{c.Exists, c.Name, c.Image, c.Args, len(c.Mounts), *c.Mounts[0], c.Output, c.Changes}
	want := []any{
		true, "web", "localhost/app:latest",
		[]string{"true"},
		1,
		ContainerMount{Path: "/mnt", Type: "bind", Source: "/root", ReadOnly: true},
		"one\ntwo\n",
		[]Change{{"/dir", "changed"}, {"/dir/old", "deleted"}, {"/dir/new", "added"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for name, exists := range map[string]bool{"web": true, id(0xc): true, id(0xc)[:63]: true, "builder": false, "": false} {
		if c, err := st.Container(name, 0); err != nil || c.Exists != exists {
			t.Errorf("%q: exists is %t, %v; want %t", name, c.Exists, err, exists)
		}
	}
	for file, want := range map[string]string{"/dir/new": "2", "/dir/same": "1", "/dir/old": ""} {
		if got, err := c.File(file); err != nil || got.Content != want {
			t.Errorf("%s: got %q, %v; want %q", file, got.Content, err, want)
		}
	}
}

func TestHostileContainer(t *testing.T) {
	userdata := root + "/overlay-containers/" + id(0xc) + "/userdata/"
	tests := []struct {
		name string
		do   func(*tree)
		want string // in the error; empty for none
	}{
		{"never started", func(f *tree) { os.RemoveAll(filepath.Join(f.dir, userdata)) }, ""},
		{"its layer gone", func(f *tree) { os.RemoveAll(filepath.Join(f.dir, diff(2))) }, ""},
		{"no JSON", func(f *tree) { f.write(userdata+"config.json", "[") }, "config.json"},
		{"a long log", func(f *tree) { truncate(f, userdata+"ctr.log", 1<<40) }, ""},
		{"the host's log", func(f *tree) {
			os.Remove(filepath.Join(f.dir, userdata, "ctr.log"))
			f.link(userdata+"ctr.log", "/etc/passwd")
		}, "no file but a symlink"},
		{"its layer a link out", func(f *tree) { os.RemoveAll(filepath.Join(f.dir, diff(2))); f.link(diff(2), "/etc") }, diff(2)},
		{"deep", func(f *tree) { f.write(diff(2)+strings.Repeat("/d", 100)+"/x", "") }, "too large"},
		{"wide", func(f *tree) {
			for n := range maxNames + 1 {
				f.write(fmt.Sprintf("%s/%d", diff(2), n), "")
			}
		}, "too large"},
		{"many", func(f *tree) {
			for n := range maxChanges + 1 {
				f.write(fmt.Sprintf("%s/%d/%d", diff(2), n/1000, n), "")
			}
		}, "too large"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f, st := plant(t)
			f.web()
			test.do(f)
			for _, err := range []error{second(st.Container("web", Changes|Output)), second(st.Containers(Changes | Output))} {
				if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
					t.Errorf("got %v, want %q", err, test.want)
				}
			}
		})
	}
}

// TestMuchInAll has a hundred containers with one long configuration and one long log, which take the disk's room only once.
func TestMuchInAll(t *testing.T) {
	for file, part := range map[string]Part{"config.json": 0, "ctr.log": Output} {
		f, st := plant(t)
		f.web()
		userdata := root + "/overlay-containers/" + id(0xc) + "/userdata/"
		text := "{" + strings.Repeat(" ", 400_000) + "}"
		if file == "ctr.log" {
			text = strings.Repeat("t stdout F one\n", 30_000)
		}
		f.write(userdata+file, text)
		var all []string
		for n := range 100 {
			of := id(0x1000 + n)
			all = append(all, fmt.Sprintf(`{"id":%q,"metadata":"{\"name\":\"n%d\"}"}`, of, n))
			linked := filepath.Join(f.dir, root, "overlay-containers", of, "userdata", file)
			if err := os.MkdirAll(filepath.Dir(linked), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Link(filepath.Join(f.dir, userdata, file), linked); err != nil {
				t.Fatal(err)
			}
		}
		f.write(root+"/overlay-containers/containers.json", "["+strings.Join(all, ",")+"]")
		if c, err := st.Container("n7", part); err != nil || !c.Exists {
			t.Errorf("%s: one of them: got %v, %v", file, c, err)
		}
		if _, err := st.Containers(part); !errors.Is(err, kernel.ErrTooLarge) {
			t.Errorf("%s: all of them: got %v, want %v", file, err, kernel.ErrTooLarge)
		}
		if st.held > maxAll {
			t.Errorf("%s: %d bytes are remembered, want at most %d", file, st.held, maxAll)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func truncate(f *tree, file string, size int64) {
	f.t.Helper()
	if err := os.Truncate(filepath.Join(f.dir, file), size); err != nil {
		f.t.Fatal(err)
	}
}

// FuzzStore reads a store of any content: it gives an image, none, or an error, and asks for no file outside.
func FuzzStore(f *testing.F) {
	f.Add(`[{"id":"`+id(0xa)+`","names":["localhost/app:latest"],"layer":"`+id(1)+`"}]`, `[{"id":"`+id(1)+`","diff-size":5}]`, `{"config":{"Cmd":["a"]},"history":[{"comment":"FROM x"}]}`, "app", "/etc")
	f.Add(`null`, `[]`, ``, "app@sha256:1", "..")
	f.Add(`[{"id":"`+id(0xa)+`","names":[null]}]`, `[null]`, `{"history":[{},{},{}]}`, "000", "/")
	f.Fuzz(func(t *testing.T, images, layers, config, name, file string) {
		tree, st := plant(t)
		tree.app(1)
		tree.write(root+"/overlay-images/images.json", images)
		tree.write(root+"/overlay-layers/layers.json", layers)
		tree.write(root+"/overlay-images/"+id(0xa)+"/"+fileName("sha256:"+id(0xa)), config)
		i, err := st.Image(name, true)
		if (i == nil) != (err != nil) {
			t.Fatalf("got %v and %v", i, err)
		}
		if err != nil || !i.Exists {
			return
		}
		if got, err := i.File(file); err == nil && got.Exists && !strings.HasPrefix(got.Path, root) {
			t.Errorf("%q is at %s", file, got.Path)
		}
		if _, err := i.LayersWith(file); err != nil {
			t.Errorf("%q: %v", file, err)
		}
	})
}

// FuzzRecords has the parsers read anything.
func FuzzRecords(f *testing.F) {
	f.Add([]byte(`[{"id":"` + id(1) + `","names":["a"],"layer":"` + id(2) + `","created":"2026-11-26T11:11:25Z","big-data-sizes":{"manifest":1}}]`))
	f.Add([]byte(`{"config":{"Cmd":["a"],"Entrypoint":"b","ExposedPorts":{"80/tcp":{}},"Healthcheck":{"Test":["CMD","x"]}},"history":[{"comment":"FROM x"}]}`))
	f.Add([]byte(`[{"id":"` + id(1) + `","names":["web"],"layer":"` + id(2) + `","metadata":"{\\"name\\":\\"web\\"}"}]`))
	f.Add([]byte(`{"process":{"args":["sh"],"user":{"uid":5}},"mounts":[{"destination":"/mnt","type":"bind","source":"/root","options":["ro"]}]}`))
	f.Add([]byte("2026-11-26T11:38:26.4+00:00 stdout F out\n"))
	f.Add([]byte("[storage]\ngraphroot = \"/x\"\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		images, err := parseImages(b)
		for _, image := range images {
			if err == nil && !identity.MatchString(image.ID) {
				t.Errorf("took %q for an id", image.ID)
			}
		}
		if layers, err := parseLayers(b); err == nil {
			a := lists{layers: map[string]layerRecord{}}
			for _, layer := range layers {
				a.layers[layer.ID] = layer
			}
			for _, layer := range layers {
				if chain, ok := a.chain(layer.ID); ok && len(chain) > len(layers) {
					t.Errorf("a chain of %d out of %d layers", len(chain), len(layers))
				}
			}
		}
		if config, err := parseConfig(b); err == nil {
			image := &Image{}
			image.layers([]layerRecord{{ID: id(1), Size: 1}}, config)
			image.base(config, nil)
		}
		if aliases, err := parseAliases(b); err == nil && len(spellings("x", aliases)) > 3 {
			t.Errorf("%d spellings", len(spellings("x", aliases)))
		}
		if places, err := parsePlaces(b); err == nil && (len(places) == 0 || len(places) > maxPlaces) {
			t.Errorf("%d places", len(places))
		}
		_, _ = parseManifest(b)
		if containers, err := parseContainers(b); err == nil {
			for _, c := range containers {
				newContainer(c, root)
			}
		}
		if config, err := parseRuntime(b); err == nil {
			newContainer(containerRecord{ID: id(1)}, root).configure(config)
		}
		if text := output(b); len(text) > len(b) {
			t.Errorf("a log of %d bytes has %d of output", len(b), len(text))
		}
	})
}
