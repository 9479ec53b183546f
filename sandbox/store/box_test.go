package store_test

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"glassbox/sandbox"
	"glassbox/sandbox/kernel"
	"glassbox/sandbox/sandboxtest"
	"glassbox/sandbox/store"
)

func TestMain(m *testing.M) { sandboxtest.Main(m, "docker") }

// engine is a sandbox with a container engine and an image mini.
func engine(t *testing.T) (*sandboxtest.Sandbox, *store.Store) {
	t.Helper()
	s := sandboxtest.Start(t, func(spec *sandbox.Spec) {
		spec.Layers, spec.Engine = []string{"docker"}, true
		spec.Limits.Memory = 512 << 20
	})
	s.Must("curl -s $URL | docker import - mini")
	return s, store.Open(s.Source())
}

// write has the sandbox write a file.
func write(s *sandboxtest.Sandbox, file, text string) {
	s.Must("mkdir -p $(dirname " + file + ") && cat > " + file + " <<'END'\n" + text + "\nEND")
}

func image(t *testing.T, st *store.Store, name string, walk bool) *store.Image {
	t.Helper()
	i, err := st.Image(name, walk)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// TestBuiltImage builds an image with the engine and reads it, without asking the engine.
func TestBuiltImage(t *testing.T) {
	s, st := engine(t)
	if image(t, st, "app", false).Exists {
		t.Fatal("app is there before it was built")
	}
	write(s, "/root/b/Dockerfile", `FROM mini
LABEL a=b
ENV FOO="x=y"
WORKDIR /app
COPY id_rsa /app/id_rsa
RUN rm /app/id_rsa /etc/motd && echo -n hi > /hello && chmod 755 /hello && cp /bin/busybox /app/su && chmod 4755 /app/su && cp /app/su /app/off \
 && ln -s ../hello /app/link && ln -s /app /way && rm -rf /etc/apk && mkdir /etc/apk
RUN chmod 755 /app/off && touch /way/late
EXPOSE 8080 53/udp
VOLUME /vol
STOPSIGNAL SIGINT
USER 1000
ENTRYPOINT ["/hello"]
CMD echo done`)
	s.Must("echo secret > /root/b/id_rsa && cd /root/b && docker build -q -t app . && docker tag app example.com/me/app:v1")

	i := image(t, st, "app", true)
	got := map[string]any{
		"exists": i.Exists, "user": i.User, "entrypoint": i.Entrypoint, "cmd": i.Cmd, "FOO": i.Env["FOO"], "workdir": i.Workdir, "a": i.Labels["a"],
		"ports": i.Ports, "volumes": i.Volumes, "signal": i.StopSignal, "base": i.Base, "layers": len(i.Layers), "names": i.Names,
		"last": i.History[len(i.History)-1].CreatedBy,
	}
	want := map[string]any{
		"exists": true, "user": "1000", "entrypoint": []string{"/hello"}, "cmd": []string{"/bin/sh", "-c", "echo done"}, "FOO": "x=y", "workdir": "/app", "a": "b",
		"ports": []string{"53/udp", "8080/tcp"}, "volumes": []string{"/vol"}, "signal": "SIGINT", "base": "localhost/mini:latest", "layers": 4,
		"names": []string{"localhost/app:latest", "example.com/me/app:v1"},
		"last":  `/bin/sh -c #(nop) CMD echo done`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{"/app/su"}, i.SetuidFiles); diff != "" {
		t.Errorf("setuid files (-want +got)\n%s", diff)
	}
	top := i.Layers[2]
	if top.Files < 8 || top.Deletes < 1 || !strings.Contains(top.CreatedBy, "rm /app/id_rsa") || top.Size == 0 {
		t.Errorf("the layer of the first RUN: got %+v", top)
	}

	t.Run("what the engine says itself", func(t *testing.T) {
		inspect := func(format string) string { return s.Must("docker image inspect -f '" + format + "' app") }
		for what, pair := range map[string][2]string{
			"id":     {inspect("{{.Id}}"), i.ID},
			"size":   {inspect("{{.Size}}"), strconv.Itoa(i.Size)},
			"digest": {inspect("{{.Digest}}"), i.Digest},
		} {
			if pair[0] != pair[1] {
				t.Errorf("%s: the engine says %s, we say %s", what, pair[0], pair[1])
			}
		}
	})

	t.Run("names", func(t *testing.T) {
		for _, name := range []string{"app:latest", "localhost/app", "example.com/me/app:v1", i.ID, i.ID[:12], "sha256:" + i.ID, "app@" + i.Digest} {
			if got := image(t, st, name, false).ID; got != i.ID {
				t.Errorf("%s: got %q, want %q", name, got, i.ID)
			}
		}
		for _, name := range []string{"app:v1", "me/app:v1", "example.com/me/app", "docker.io/app", "ap", "", "app:", "@", "../app", strings.Repeat("a/", 3000)} {
			if i := image(t, st, name, false); i.Exists {
				t.Errorf("%q: got the image %s, want none", name, i)
			}
		}
	})

	t.Run("files", func(t *testing.T) {
		tests := []struct {
			path string
			want *kernel.File // nil for none
		}{
			{"/hello", &kernel.File{Type: "file", Mode: 0o755, Size: 2, Content: "hi"}},
			{"hello", &kernel.File{Type: "file", Mode: 0o755, Size: 2, Content: "hi"}},
			{"/app/link", &kernel.File{Type: "symlink", Mode: 0o777, Size: 8, Target: "../hello"}},
			{"/way/late", &kernel.File{Type: "file", Mode: 0o644}},
			{"/way/../way/./late", &kernel.File{Type: "file", Mode: 0o644}},
			{"/app/id_rsa", nil},
			{"/etc/motd", nil},
			{"/etc/apk/repositories", nil}, // below an opaque directory
			{"/hello/x", nil},
			{"/app/link/x", nil},
			{"/proc/self/exe", nil},
			{"/nowhere", nil},
		}
		for _, test := range tests {
			f, err := i.File(test.path)
			if err != nil {
				t.Errorf("%s: %v", test.path, err)
				continue
			}
			if f.Exists != (test.want != nil) {
				t.Errorf("%s: exists is %t", test.path, f.Exists)
			}
			if test.want == nil || !f.Exists {
				continue
			}
			got := &kernel.File{Type: f.Type, Mode: f.Mode, Size: f.Size, Content: f.Content, Target: f.Target, UID: f.UID, GID: f.GID}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s: (-want +got)\n%s", test.path, diff)
			}
			if inside := s.Must("stat -c %s " + f.Path); inside != strconv.Itoa(f.Size) {
				t.Errorf("%s: its path %s is not where the learner finds it", test.path, f.Path)
			}
		}
		// One of every kind in the base image, and its directory merged from several layers.
		etc, err := i.File("/etc")
		if err != nil || etc.Type != "directory" {
			t.Errorf("/etc: got %+v, %v", etc, err)
		}
	})

	t.Run("layers with", func(t *testing.T) {
		for path, want := range map[string]int{"/app/id_rsa": 1, "/etc/motd": 1, "/way/late": 1, "/app/off": 2, "/app": 3, "/nowhere": 0, "/etc/apk": 2} {
			layers, err := i.LayersWith(path)
			if err != nil || len(layers) != want {
				t.Errorf("%s: in %d layers, %v; want %d", path, len(layers), err, want)
			}
		}
	})

	t.Run("unique", func(t *testing.T) {
		// mini has a name, too, and shares the lowest layer.
		sum := 0
		for _, l := range i.Layers[1:] {
			sum += l.Size
		}
		if i.Unique != sum {
			t.Errorf("got %d bytes of its own, want %d", i.Unique, sum)
		}
	})

	t.Run("a new build is seen", func(t *testing.T) {
		write(s, "/root/c/Dockerfile", "FROM app\nUSER 0\nCMD [\"true\"]")
		s.Must("cd /root/c && docker build -q --format oci -t app .")
		now := image(t, st, "app", false)
		if now.User != "0" || now.Base != "localhost/app:latest" || !strings.HasPrefix(now.BaseDigest, "sha256:") || now.ID == i.ID {
			t.Errorf("got user %q from %q@%q, want 0 from the image before", now.User, now.Base, now.BaseDigest)
		}
		s.Must("docker rmi -f app")
		if image(t, st, "app", false).Exists {
			t.Error("it is still there after docker rmi")
		}
	})
}

// TestReadOnlyStore reads images of a second, read-only place, and those that are built on them.
func TestReadOnlyStore(t *testing.T) {
	s, st := engine(t)
	s.Must("docker save mini | docker --root /lab/images load -q")
	write(s, "/etc/containers/storage.conf", `[storage]
driver = "overlay"
graphroot = "/var/lib/containers/storage"
runroot = "/run/containers/storage"
[storage.options]
additionalimagestores = [
  "/lab/images", # those that come with the lab
]`)
	s.Must("docker rmi -f -a && docker --root /lab/images tag mini docker.io/library/alpine:latest docker.io/library/base:1")
	write(s, "/root/b/Dockerfile", "FROM base:1\nRUN echo hi > /hello")
	s.Must("cd /root/b && docker build -q -t app . && docker tag base:1 mine")
	for _, name := range []string{"alpine", "base:1", "docker.io/base:1", "mine"} {
		i := image(t, st, name, false)
		f, err := i.File("/etc/alpine-release")
		if err != nil || !f.Exists || !strings.HasPrefix(f.Path, "/lab/images/") {
			t.Errorf("%s: exists is %t; its file: %+v, %v", name, i.Exists, f, err)
		}
	}
	i := image(t, st, "app", true)
	if len(i.Layers) != 2 || i.Layers[1].Files < 1 || i.Base != "docker.io/library/base:1" {
		t.Fatalf("app: got base %q, %d layers, %+v", i.Base, len(i.Layers), *i.Layers[1])
	}
	for path, where := range map[string]string{"/hello": "/var/lib/containers/storage/overlay/", "/bin/busybox": "/lab/images/overlay/"} {
		f, err := i.File(path)
		if err != nil || !f.Exists || !strings.HasPrefix(f.Path, where) {
			t.Errorf("app has %s at %s (exists: %t, %v), want it below %s", path, f.Path, f.Exists, err, where)
		}
	}
}

// TestLabImages reads the images that come with the lab.
func TestLabImages(t *testing.T) {
	s, st := engine(t)
	for name := range strings.Lines(s.Must("docker images --format '{{.Repository}}:{{.Tag}}' | grep -v localhost")) {
		name = strings.TrimSpace(name)
		i := image(t, st, name, true)
		if want := s.Must("docker image inspect -f '{{.Id}} {{.Size}}' " + name); want != i.ID+" "+strconv.Itoa(i.Size) {
			t.Errorf("%s: got %s of %d bytes, the engine says %s", name, i.ID, i.Size, want)
		}
	}
	i := image(t, st, "debian", true)
	release, err := i.File("/usr/lib/os-release")
	if err != nil || !strings.Contains(release.Content, "Debian") || i.Labels["org.opencontainers.image.description"] == "" {
		t.Errorf("debian: got labels %v, os-release %q, %v", i.Labels, release.Content, err)
	}
	if su, err := i.File("/bin/su"); err != nil || su.Mode != 0o4755 || !slices.Contains(i.SetuidFiles, "/usr/bin/su") {
		t.Errorf("debian: /bin/su has mode %o, %v; setuid are %v", su.Mode, err, i.SetuidFiles)
	}
}

// TestAlias names an image by a short name of the engine's, where another one has the same name without a registry.
func TestAlias(t *testing.T) {
	s, st := engine(t)
	s.Must("docker tag mini alpine && mkdir /root/a && cd /root/a && printf 'FROM mini\\nLABEL which=alias' > Dockerfile && docker build -q -t docker.io/library/alpine .")
	for _, name := range []string{"alpine", "docker.io/alpine", "localhost/alpine"} {
		if got, want := image(t, st, name, false).ID, s.Must("docker image inspect -f '{{.Id}}' "+name); got != want {
			t.Errorf("%s: got %s, the engine says %s", name, got, want)
		}
	}
}

// TestClosed asks after the sandbox has gone.
func TestClosed(t *testing.T) {
	s, st := engine(t)
	if !image(t, st, "mini", false).Exists {
		t.Fatal("there is no mini")
	}
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if i, err := st.Image("mini", false); err == nil {
		t.Errorf("got %+v of a sandbox that has ended, want an error", i)
	}
}

func BenchmarkImage(b *testing.B) {
	s := sandboxtest.Start(b, func(spec *sandbox.Spec) { spec.Layers, spec.Engine = []string{"docker"}, true })
	s.Must("curl -s $URL | docker import - mini")
	st := store.Open(s.Source())
	for b.Loop() {
		i, err := st.Image("mini", true)
		if err != nil || !i.Exists {
			b.Fatal(err)
		}
	}
}
