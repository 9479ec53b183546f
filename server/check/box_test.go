package check

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"glassbox/sandbox"
	"glassbox/sandbox/kernel"
	"glassbox/sandbox/sandboxtest"
	"glassbox/sandbox/store"
)

func TestMain(m *testing.M) { sandboxtest.Main(m, "docker") }

// TestContainers has an engine run containers, and asks the store and the kernel about them.
func TestContainers(t *testing.T) {
	if *update {
		t.Skip("only the reference is written")
	}
	s := sandboxtest.Start(t, func(spec *sandbox.Spec) {
		spec.Layers, spec.Engine = []string{"docker"}, true
		spec.Limits.Memory = 512 << 20
	})
	reader, err := s.Source().Open()
	if err != nil {
		t.Fatal(err)
	}
	st := store.Open(s.Source())
	judge := func(text string) Verdict {
		t.Helper()
		x, err := NewExercise("x", When{}, text)
		if err != nil {
			t.Fatal(err)
		}
		view, err := reader.Read(t.Context(), x.Want())
		if err != nil {
			t.Fatal(err)
		}
		return x.Judge(State{View: view, Store: st, Facts: kernel.HostFacts{}})
	}
	// holds waits for what takes a process some time.
	holds := func(texts ...string) {
		t.Helper()
		for _, text := range texts {
			sandboxtest.Poll(t, time.Minute, func() error {
				if v := judge(text); v.Status != Passed {
					return fmt.Errorf("%s: %s %v (%w)", text, v.Status, v.Evidence, v.Err)
				}
				return nil
			})
		}
	}

	holds(`len(containers) == 0`, `not container("web").exists`, `container("web").state == "stopped"`)
	s.Must("curl -s $URL | docker import - mini")
	s.Must("docker run -d --name web -v /root:/mnt:ro -v vol1:/data --tmpfs /scratch -e FOO=bar -w /tmp -u nobody --hostname teapot mini sh -c 'echo -n out; echo err >&2; sleep 1000'")
	holds(
		`container("web").running and container("web").state == "running" and container("web").name == "web"`,
		`container("web").image == "localhost/mini:latest" and container("web").image_id == image("mini").id`,
		`container("web").args[0] == "sh" and container("web").env.FOO == "bar" and container("web").workdir == "/tmp"`,
		`container("web").uid == 65534 and container("web").process.uid == 65534 and container("web").hostname == "teapot" and container("web").process.hostname == "teapot"`,
		`container("web").process.pids[-1] == 1 and container("web").pid == container("web").process.pid`,
		`any(container("web").processes, .comm == "sleep")`,
		`filter(container("web").shares, # != "cgroup") == ["time", "user"]`, // on version 1 it shares that as well
		`not container("web").privileged and container("web").process.own_filters > 0`,
		`not ("CAP_SYS_ADMIN" in container("web").process.capabilities.bounding)`,
		`len(container("web").mounts) == 3`,
		`any(container("web").mounts, .path == "/mnt" and .type == "bind" and .source == "/root" and .read_only)`,
		`any(container("web").mounts, .path == "/data" and .type == "volume" and .volume == "vol1" and not .read_only)`,
		`any(container("web").mounts, .path == "/scratch" and .type == "tmpfs" and .source == "")`,
		`container("web").output == "outerr\n"`,
		`container(container("web").id[:12]).name == "web"`,
		`file_of(container("web").process, "/etc/hostname").content startsWith "teapot"`,
	)

	t.Run("changes are as the engine tells them", func(t *testing.T) {
		s.Must("docker run -d --name edit mini sleep 1000")
		s.Must(`docker exec edit sh -c 'mkdir -p /a/b; touch /a/b/c /usr/lib/x /tmp/y; rm /etc/motd; rm -rf /etc/apk; mkdir /etc/apk; touch /etc/apk/q; echo x >> /etc/passwd; chmod 700 /srv; ln -s x /s; rm -rf /opt; echo > /opt'`)
		words := map[string]string{"A": "added", "C": "changed", "D": "deleted"}
		told := map[string]string{}
		for line := range strings.Lines(s.Must("docker diff edit")) {
			kind, path, _ := strings.Cut(strings.TrimSpace(line), " ")
			told[path] = words[kind]
		}
		if len(told) < 10 {
			t.Fatalf("docker diff told %v", told)
		}
		containers, err := st.Containers(store.Changes)
		if err != nil {
			t.Fatal(err)
		}
		ours := map[string]string{}
		for _, change := range containers[1].Changes {
			if ours[change.Path] != "" {
				t.Errorf("%s is told twice", change.Path)
			}
			ours[change.Path] = change.Kind
		}
		for path, kind := range told {
			if ours[path] != kind {
				t.Errorf("%s: the engine says %q, we say %q", path, kind, ours[path])
			}
		}
		for path, kind := range ours {
			if told[path] == "" {
				t.Errorf("%s: we say %q, the engine nothing", path, kind)
			}
		}
		holds(
			`any(container("edit").changes, .path == "/etc/motd" and .kind == "deleted")`,
			`container("edit").file("/a/b/c").exists and not container("edit").file("/etc/motd").exists and container("edit").file("/bin/busybox").size > 100000`,
			`len(container("web").changes) < 10`,
		)
	})

	t.Run("what is shared", func(t *testing.T) {
		s.Must("docker run -d --name open --net=host --pid=host --ipc=host --security-opt seccomp=unconfined --cap-add ALL mini sleep 1000")
		holds(
			`container("open").running`,
			`filter(container("open").shares, # != "cgroup") == ["ipc", "net", "pid", "time", "user"]`,
			`container("open").process.comm == "sleep" and container("open").process.own_filters == 0`,
			`container("open").privileged`,
		)
		s.Must("docker run -d --name bare --net=none --read-only --cap-drop ALL mini sleep 1000")
		holds(
			`container("bare").read_only and len(container("bare").mounts) == 0`,
			`len(container("bare").process.capabilities.bounding) == 0 and not container("bare").privileged`,
			`all(container("bare").process.interfaces, .name == "lo")`,
			`container("bare").published == []`,
		)
		s.Must("docker run -d --name ports -p 8080:80 -p 127.0.0.1:9053:53/udp mini sleep 1000")
		holds(`container("ports").published == ["127.0.0.1:9053/udp", "8080/tcp"]`)
		s.Must("docker rm -f -t 0 ports")
	})

	t.Run("it stops", func(t *testing.T) {
		s.Must("docker kill web && docker wait web")
		holds(
			`container("web").exists and not container("web").running and container("web").state == "stopped"`,
			`container("web").pid == 0 and not container("web").process.exists and len(container("web").shares) == 0`,
			`len(filter(containers, .running)) == 3`,
		)
		v := judge(`container("web").running`)
		if len(v.Evidence) != 1 || !strings.HasSuffix(v.Evidence[0].File, "/overlay-containers/containers.json") || v.Evidence[0].Got != "no" {
			t.Errorf("got the evidence %+v", v.Evidence)
		}
		s.Must("docker rm web")
		holds(`not container("web").exists`)
	})

	t.Run("evidence of a process is the kernel's", func(t *testing.T) {
		for text, file := range map[string]string{
			`container("bare").privileged`:               "status",
			`len(container("bare").shares) == 0`:         "ns",
			`container("bare").state == "stopped"`:       "mountinfo",
			`container("bare").process.own_filters == 0`: "status, its Seccomp_filters beyond the box’s",
			`not container("bare").process.ns.net.own`:   "ns",
			`container("bare").process.uid == 1`:         "status, its Uid",
		} {
			v := judge(text)
			pid := s.Must("docker inspect -f '{{.State.Pid}}' bare")
			if want := "/proc/" + pid + "/" + file; len(v.Evidence) != 1 || v.Evidence[0].File != want {
				t.Errorf("%s: got %+v, want %s", text, v, want)
			}
		}
	})

	t.Run("a paused one", func(t *testing.T) {
		s.Must("docker pause edit")
		holds(`container("edit").state == "paused" and container("edit").running`)
		s.Must("docker unpause edit")
		holds(`container("edit").state == "running"`)
	})

	t.Run("a store that says what is not", func(t *testing.T) {
		// The store can be made to tell of a container that nobody runs; the kernel cannot.
		const list = "/var/lib/containers/storage/overlay-containers/containers.json"
		id := strings.Repeat("f", 64)
		s.Must(fmt.Sprintf(`cp %s /tmp/list && jq -c '. + [{"id":"%s","names":["fake"],"layer":"%s","metadata":"{\"name\":\"fake\"}"}]' /tmp/list > %s`, list, id, id, list))
		holds(`container("fake").exists and not container("fake").running`)
		s.Must("echo '[' > " + list)
		if v := judge(`container("bare").exists`); v.Status != Failed {
			t.Errorf("got %+v, want failed", v)
		}
		if v := judge(`len(containers) == 0`); v.Status != Failed {
			t.Errorf("got %+v, want failed", v)
		}
		s.Must("cp /tmp/list " + list)
		holds(`container("bare").exists`)
	})
}

func BenchmarkContainer(b *testing.B) {
	s := sandboxtest.Start(b, func(spec *sandbox.Spec) { spec.Layers, spec.Engine = []string{"docker"}, true })
	s.Must("curl -s $URL | docker import - mini && docker run -d --name web mini sleep 1000 && docker exec web touch /x")
	st := store.Open(s.Source())
	reader, err := s.Source().Open()
	if err != nil {
		b.Fatal(err)
	}
	x, err := NewExercise("x", When{}, `container("web").running and any(container("web").changes, .path == "/x")`)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		view, err := reader.Read(b.Context(), x.Want())
		if err != nil {
			b.Fatal(err)
		}
		if v := x.Judge(State{View: view, Store: st}); v.Status != Passed {
			b.Fatalf("%+v", v)
		}
	}
}
