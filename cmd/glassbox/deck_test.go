package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"glassbox/sandbox/kernel"
	"glassbox/sandbox/sandboxtest"
	"glassbox/server/lesson"
	"glassbox/server/proof"
)

var update = flag.Bool("update", false, "write docs/deck.md")

// deckLine is one command of the talk that the course is made from.
type deckLine struct {
	slide    string
	command  string // as it stands on the slide, without the comment; "^D" is the key
	lesson   string // slug
	terminal string
	// The line of the lesson where it is another one: what takes the place of docker in the first half, or the file's name on
	// cgroup version 1.
	instead, v1 string
	want        string // a pattern that the terminal must show
	never       string // one that it must not show
	before      string // what is typed before it and does not stand on the slide
	note        string // for docs/deck.md
	late        bool   // what it shows comes a moment after what caused it: it is typed until it is there, as a learner would
}

// deck is the talk, in its order.
var deck = slices.Concat(primitives, docker)

// primitives is its first half, which needs no container engine.
var primitives = []deckLine{
	{slide: "Control groups", command: "sh", lesson: "control-groups", terminal: "one"},
	{slide: "Control groups", command: "ls", lesson: "control-groups", terminal: "one", never: "Killed"},
	{slide: "Control groups", command: "cd /sys/fs/cgroup", v1: "cd /sys/fs/cgroup/memory", lesson: "control-groups", terminal: "two"},
	{slide: "Control groups", command: "mkdir demo && cd demo", lesson: "control-groups", terminal: "two", want: "demo#"},
	{slide: "Control groups", command: "echo 100000 > memory.max", v1: "echo 100000 > memory.limit_in_bytes", lesson: "control-groups", terminal: "two", never: "denied|cannot"},
	{slide: "Control groups", command: "pidof sh > cgroup.procs", lesson: "control-groups", terminal: "two", never: "denied|cannot"},
	{slide: "Control groups", command: "ls", lesson: "control-groups", terminal: "one", want: "Killed", note: "the kernel kills it, or the shell"},
	{slide: "Control groups", command: "dmesg", lesson: "control-groups", terminal: "two", want: "Memory cgroup out of memory: Killed process", late: true},

	{slide: "Pivot root", command: "cd /dev/shm/alpine", lesson: "changing-root", terminal: "one", want: "/dev/shm/alpine#", note: "after `mkdir -p /dev/shm/alpine`, the set-up"},
	{slide: "Pivot root", command: "curl -o alpine.tar.gz $URL", lesson: "changing-root", terminal: "one", want: "100"},
	{slide: "Pivot root", command: "tar xzvf alpine.tar.gz", lesson: "changing-root", terminal: "one", want: "etc/"},
	{slide: "Pivot root", command: "chroot $PWD sh", lesson: "changing-root", terminal: "one", want: "/ #"},
	{slide: "Pivot root", command: "ps aux", lesson: "changing-root", terminal: "one", want: "PID", never: "bash", note: "empty: nothing is mounted on /proc in there"},
	{slide: "Pivot root", command: "touch foo bar baz", lesson: "changing-root", terminal: "one", never: "touch: "},

	{slide: "Namespaces", command: "ifconfig", lesson: "namespaces", terminal: "one", want: `eth0[\s\S]*inet 10\.77`},
	{slide: "Namespaces", command: "curl httpstat.us/418", lesson: "namespaces", terminal: "one", want: "teapot"},
	{slide: "Namespaces", command: "unshare --net --uts /bin/sh", lesson: "namespaces", terminal: "one"},
	{slide: "Namespaces", command: "hostname teapot-is-life", lesson: "namespaces", terminal: "one", never: "permitted"},
	{slide: "Namespaces", command: "exec bash", lesson: "namespaces", terminal: "one", want: "teapot-is-life"},
	{slide: "Namespaces", command: "ifconfig", lesson: "namespaces", terminal: "one", never: "eth0"},
	{slide: "Namespaces", command: "curl httpstat.us/418", lesson: "namespaces", terminal: "one", want: "ould not resolve|ouldn't connect", never: "I'm a teapot"},
	{slide: "Namespaces", command: "^D", instead: "exit", lesson: "namespaces", terminal: "one"},
	{slide: "Namespaces", command: "ifconfig", lesson: "namespaces", terminal: "one", want: "eth0"},
	{slide: "Namespaces", command: "curl httpstat.us/418", lesson: "namespaces", terminal: "one", want: "teapot"},
	{slide: "Namespaces", command: "hostname", lesson: "namespaces", terminal: "one", want: "glassbox", never: "teapot"},

	{slide: "A primordial container", command: "unshare --pid --fork chroot alpine sh", lesson: "primordial-container", terminal: "one", want: "/ #", note: "in /dev/shm, after unpacking the tarball there"},
	{slide: "A primordial container", command: "ps aux", lesson: "primordial-container", terminal: "one", want: "PID"},
	{slide: "A primordial container", command: "cat /etc/passwd", lesson: "primordial-container", terminal: "one", want: "root:x:0:0"},

	{slide: "Secure computing", command: `wget https://raw.githubusercontent.com/docker/labs/master/\`, lesson: "seccomp", terminal: "one", note: "the lab's gateway answers under that name, with a profile of our own that forbids the same calls"},
	{slide: "Secure computing", command: "security/seccomp/seccomp-profiles/default-no-chmod.json", lesson: "seccomp", terminal: "one", want: "saved"},
	{slide: "Secure computing", command: "docker run -it --rm --security-opt seccomp=default-no-chmod.json ubuntu", instead: "seccomp-run default-no-chmod.json bash", lesson: "seccomp", terminal: "one", note: "the same profile, put on by the lab's loader: no engine is needed for a filter"},
	{slide: "Secure computing", command: "touch /bin/lol", lesson: "seccomp", terminal: "one", never: "touch: "},
	{slide: "Secure computing", command: "chmod +x /bin/lol", lesson: "seccomp", terminal: "one", want: "Operation not permitted"},
	{slide: "Secure computing", command: "ls -la /", lesson: "seccomp", terminal: "one", want: "root"},

	{slide: "Linux capabilities", command: "capsh --print", lesson: "capabilities", terminal: "one", want: "cap_sys_admin"},
	{slide: "Linux capabilities", command: "docker run -it --rm ubuntu:latest", instead: "setpriv --bounding-set=-all,+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap,+net_bind_service,+net_raw,+sys_chroot,+mknod,+audit_write,+setfcap bash", lesson: "capabilities", terminal: "one", note: "the capabilities that Docker gives a container, put on by hand"},
	{slide: "Linux capabilities", command: "capsh --print", lesson: "capabilities", terminal: "one", want: "cap_setfcap", never: "Bounding set =[^\n]*cap_sys_admin"},
	{slide: "Linux capabilities", command: "^D", instead: "exit", lesson: "capabilities", terminal: "one"},

	{slide: "Overlays", command: "mount -t overlay overlay -o lowerdir=/lo,upperdir=/hi,workdir=/wrk /merged", lesson: "overlays", terminal: "one", never: "wrong fs|denied|failed", note: "after making the four directories where an overlay may have its upper layer"},
}

// docker is its second half, and what of the first half has docker on it.
var docker = []deckLine{
	{slide: "Where are containers running", command: "docker run -d --rm nginx:latest", lesson: "containers-are-processes", terminal: "one", want: "[0-9a-f]{64}"},
	{slide: "Where are containers running", command: "docker ps", lesson: "containers-are-processes", terminal: "one", want: "nginx:latest"},
	{slide: "Where are containers running", command: "ps aux | grep nginx", lesson: "containers-are-processes", terminal: "one", want: "nginx: master"},
	{slide: "Where are containers running", command: "uname -a", lesson: "containers-are-processes", terminal: "one", want: "Linux glassbox"},
	{slide: "Where are containers running", command: "docker exec $ID uname -a", lesson: "containers-are-processes", terminal: "one", want: "Linux [0-9a-f]{12}", before: "ID=$(docker ps -lq)", note: "after `ID=$(docker ps -lq)`"},
	{slide: "Where are containers running", command: "docker run -it --privileged --pid=host debian nsenter -t 1 -m -u -n -i sh", lesson: "containers-are-processes", terminal: "two", want: "# ", note: "the host is the learner's box"},
	{slide: "Where are containers running", command: "ps aux | grep nginx", lesson: "containers-are-processes", terminal: "two", want: "nginx: master"},
	{slide: "Where are containers running", command: "uname -a", lesson: "containers-are-processes", terminal: "two", want: "Linux glassbox"},

	{slide: "Secure computing, with Docker", command: `wget https://raw.githubusercontent.com/docker/labs/master/\`, lesson: "walls-of-docker", terminal: "one"},
	{slide: "Secure computing, with Docker", command: "security/seccomp/seccomp-profiles/default-no-chmod.json", lesson: "walls-of-docker", terminal: "one", want: "saved"},
	{slide: "Secure computing, with Docker", command: "docker run -it --rm --security-opt seccomp=default-no-chmod.json ubuntu", lesson: "walls-of-docker", terminal: "one", want: "# "},
	{slide: "Secure computing, with Docker", command: "touch /bin/lol", lesson: "walls-of-docker", terminal: "one", never: "touch: "},
	{slide: "Secure computing, with Docker", command: "chmod +x /bin/lol", lesson: "walls-of-docker", terminal: "one", want: "Operation not permitted"},
	{slide: "Secure computing, with Docker", command: "ls -la /", lesson: "walls-of-docker", terminal: "one", want: "root"},

	{slide: "Linux capabilities, with Docker", command: "capsh --print", lesson: "walls-of-docker", terminal: "one", want: "cap_sys_admin"},
	{slide: "Linux capabilities, with Docker", command: "docker run -it --rm ubuntu:latest", lesson: "walls-of-docker", terminal: "one", want: "# "},
	{slide: "Linux capabilities, with Docker", command: "capsh --print", lesson: "walls-of-docker", terminal: "one", want: "cap_setfcap", never: "Bounding set =[^\n]*cap_sys_admin"},
	{slide: "Linux capabilities, with Docker", command: "^D", instead: "exit", lesson: "walls-of-docker", terminal: "one"},
	{slide: "Linux capabilities, with Docker", command: "docker run -it --rm --privileged ubuntu", lesson: "walls-of-docker", terminal: "one", want: "# "},
	{slide: "Linux capabilities, with Docker", command: "capsh --print", lesson: "walls-of-docker", terminal: "one", want: "Bounding set =[^\n]*cap_sys_admin"},

	{slide: "Hello, world", command: "go mod init hello", lesson: "hello-world", terminal: "one", want: "creating new go.mod"},
	{slide: "Hello, world", command: "CGO_ENABLED=0 go build", lesson: "hello-world", terminal: "one", never: "cannot|error"},
	{slide: "Hello, world", command: "docker build -t app .", lesson: "hello-world", terminal: "one", want: "Successfully tagged"},
	{slide: "Hello, world", command: "docker run -it --rm app", lesson: "hello-world", terminal: "one", want: "hello world"},
	{slide: "Hello, world", command: "docker images", lesson: "hello-world", terminal: "one", want: "localhost/app +latest"},
	{slide: "Hello, world", command: "docker history app:latest", lesson: "hello-world", terminal: "one", want: "COPY"},
	{slide: "Hello, world", command: "docker save app:latest -o layers.tar", lesson: "hello-world", terminal: "one", never: "[Ee]rror"},
	{slide: "Hello, world", command: "tar xvf layers.tar -C layers", lesson: "hello-world", terminal: "one", before: "mkdir layers app", want: "manifest.json", note: "after `mkdir layers app`"},
	{slide: "Hello, world", command: "find layers -name layer.tar | xargs -I {} tar xvf {} -C app", lesson: "hello-world", terminal: "one", want: "hello"},

	{slide: "Build repeatability", command: "docker build -t app .", lesson: "builds", terminal: "one", want: "Successfully tagged"},
	{slide: "Build repeatability", command: "docker run -it --rm app", lesson: "builds", terminal: "one", want: "hello world"},
	{slide: "Build repeatability", command: "dive app", lesson: "builds", terminal: "one", want: "Layers"},

	{slide: "Multi-stage builds", command: "docker build -t small .", lesson: "builds", terminal: "one", want: "Successfully tagged"},
	{slide: "Multi-stage builds", command: "docker run -it --rm small", lesson: "builds", terminal: "one", want: "hello world"},

	{slide: "Overlays, with Docker", command: "docker build -t shop .", lesson: "builds", terminal: "one", want: "Successfully tagged"},

	{slide: "Root and a host's directory", command: "docker run -it --rm -v /:/host ubuntu", lesson: "root-and-a-volume", terminal: "one", want: "# "},
	{slide: "Root and a host's directory", command: "id", lesson: "root-and-a-volume", terminal: "one", want: "uid=0"},
	{slide: "Root and a host's directory", command: "cd /host/root", lesson: "root-and-a-volume", terminal: "one", want: "/host/root"},
	{slide: "Root and a host's directory", command: "curl https://github.com/allanbreyes.keys > ~/.ssh/authorized_keys", lesson: "root-and-a-volume", terminal: "one", before: "mkdir -p ~/.ssh; export CURL_CA_BUNDLE=/host/etc/ssl/certs/ca-certificates.crt", never: "curl: ", note: "the gateway answers under that name, with a key of the lab's own"},
	{slide: "Root and a host's directory", command: "ssh root@1.2.3.4", lesson: "root-and-a-volume", terminal: "two", want: "authenticity of host '1.2.3.4", before: "ip address add 1.2.3.4/32 dev lo; mkdir -p /etc/dropbear; dropbear -R -s; mkdir -p ~/.ssh; curl -so ~/.ssh/id_ed25519 http://glassbox.lab/lab.key; chmod 600 ~/.ssh/id_ed25519; curl -s https://github.com/allanbreyes.keys > ~/.ssh/authorized_keys", note: "the box is the host of the slide, after `dropbear -R -s` and `ip address add 1.2.3.4/32 dev lo`"},

	{slide: "Docker Compose", command: "docker-compose up", lesson: "compose", terminal: "one", want: "Ready to accept connections"},
	{slide: "Docker Compose", command: "docker-compose exec [service]", instead: "docker-compose exec store redis-cli get {{key}}", lesson: "compose", terminal: "two", before: "cd /root/app", never: "[Ee]rror|No such"},
	{slide: "Docker Compose", command: "docker-compose logs [service]", instead: "docker-compose logs web", lesson: "compose", terminal: "two", never: "[Ee]rror|No such"},
	{slide: "Docker Compose", command: "docker-compose run", instead: "docker-compose run --rm web ps", lesson: "compose", terminal: "two", want: `\b1 root +ps`},
	{slide: "Docker Compose", command: "docker-compose down", lesson: "compose", terminal: "two", want: "[Rr]emov"},

	{slide: "Docker commands and idioms", command: "docker diff [container]", instead: "docker diff {{name}}", lesson: "compose", terminal: "two", before: "docker run -d --name {{name}} debian sleep 1000; docker exec {{name}} rm /etc/issue", want: "D /etc/issue"},
	{slide: "Docker commands and idioms", command: "docker stop $(docker ps -aq)", lesson: "compose", terminal: "two", want: "[0-9a-f]{12}"},
	{slide: "Docker commands and idioms", command: "docker rm $(docker ps -aq)", lesson: "compose", terminal: "two", want: "[0-9a-f]{12}"},
	{slide: "Docker commands and idioms", command: "docker rmi [image]", instead: "docker rmi mine", lesson: "compose", terminal: "two", before: "docker run --name made debian touch /x; docker commit -q made mine", want: "Untagged"},
	{slide: "Docker commands and idioms", command: "docker system prune", instead: "docker system prune -f", lesson: "compose", terminal: "two", want: "made|[0-9a-f]{64}|reclaimed", note: "`-f`: without asking"},
}

// compiles are the slides on which something is compiled or unpacked at length.
var compiles = []string{"Hello, world", "Build repeatability", "Multi-stage builds", "Overlays, with Docker"}

// setUp is what a slide takes for granted, in the words of its lesson.
var setUp = map[string][]string{
	"Pivot root":             {"mkdir -p /dev/shm/alpine"},
	"A primordial container": {"mkdir -p /dev/shm/alpine", "curl -so /tmp/alpine.tar.gz $URL", "tar xzf /tmp/alpine.tar.gz -C /dev/shm/alpine", "cd /dev/shm"},
	"Overlays":               {"mkdir -p /lab/lo /lab/hi /lab/wrk /lab/merged", "ln -s /lab/lo /lab/hi /lab/wrk /lab/merged /"},
	"Hello, world":           {"cd /root/hello"},
	"Build repeatability":    {"cd /root/hello", "go mod init hello", "go mod tidy"},
	"Multi-stage builds":     {"cd /root/hello", "go mod init hello", "go mod tidy"},
	"Overlays, with Docker":  {"cd /root/shop"},
	"Docker Compose":         {"chmod +x /root/app/www/cgi-bin/hits", "cd /root/app"},
}

// deckFile is a file on a slide, and where its lesson has the learner write it.
type deckFile struct {
	slide  string
	lesson string // slug
	path   string
	// The lines of the slide, without comments. They stand in the lesson's file in this order; what stands between them is the
	// lesson's.
	lines []string
	note  string // for docs/deck.md
}

var deckFiles = []deckFile{
	{slide: "Overlays, with Docker", lesson: "builds", path: "/root/shop/Dockerfile", lines: []string{
		"FROM node:16-buster-slim", "RUN apt-get install imagemagick", "COPY ./app/package.json /app/", "RUN cd /app && npm install", "COPY ./app /app/",
	}, note: "the image is a stand-in that says so, and its packages come from the gateway"},
	{slide: "Hello, world", lesson: "hello-world", path: "/root/hello/hello.go", lines: []string{
		"// hello.go", "package main", `import "github.com/rs/zerolog/log"`, "func main() {", `log.Print("hello world")`, "}",
	}},
	{
		slide: "Hello, world", lesson: "hello-world", path: "/root/hello/Dockerfile", lines: []string{"FROM scratch", "COPY hello /", `CMD ["/hello"]`},
		note: "comments on lines of their own: behind an instruction they are none",
	},
	{slide: "Build repeatability", lesson: "builds", path: "/root/hello/Dockerfile", lines: []string{
		"ARG GOLANG_VERSION=1.19", "FROM golang:${GOLANG_VERSION}", "WORKDIR /src", "COPY go.mod go.sum ./", "RUN go mod download",
		"COPY hello.go ./", "RUN go build -o /hello", `CMD ["/hello"]`,
	}},
	{slide: "Multi-stage builds", lesson: "builds", path: "/root/hello/Dockerfile", lines: []string{
		"ARG GOLANG_VERSION=1.19", "FROM golang:${GOLANG_VERSION} as builder", "COPY go.mod go.sum ./", "RUN go mod download", "COPY hello.go ./",
		"RUN CGO_ENABLED=0 go build hello.go", "FROM scratch", "COPY --from=builder /hello /", `CMD ["/hello"]`,
	}, note: "with `WORKDIR /`"},
}

// beside are files that a slide's own files need beside them, which the lesson has the learner write.
var beside = map[string][]string{
	"Overlays, with Docker": {"/root/shop/app/package.json", "/root/shop/app/server.js"},
	"Build repeatability":   {"/root/hello/hello.go"},
	"Multi-stage builds":    {"/root/hello/hello.go"},
	"Docker Compose":        {"/root/app/compose.yaml", "/root/app/www/cgi-bin/hits"},
}

// of is the block of the lesson that has the file's lines.
func (f deckFile) of(page *lesson.Page) (block *lesson.File, step string) {
	for _, s := range page.Steps {
		for _, b := range s.Blocks {
			if b, ok := b.(*lesson.File); ok && b.Path == f.path && inOrder(b.Text, f.lines) {
				return b, s.Title
			}
		}
	}
	return nil, ""
}

// inOrder tells whether lines stand in a text in their order, whatever is between them and however they are indented.
func inOrder(text string, lines []string) bool {
	for line := range strings.Lines(text) {
		if len(lines) > 0 && strings.TrimSpace(line) == lines[0] {
			lines = lines[1:]
		}
	}
	return len(lines) == 0
}

// setUpOf is what is typed before a slide's lines: its files, and what it takes for granted.
func setUpOf(t *testing.T, page *lesson.Page, slide, terminal string) []lesson.Script {
	t.Helper()
	var scripts []lesson.Script
	add := func(f deckFile) {
		block, _ := f.of(page)
		if block == nil {
			t.Fatalf("slide %q: %s with its lines is in no file block of the lesson %s", slide, f.path, page.Slug)
		}
		scripts = append(scripts, block.Script())
	}
	for _, path := range beside[slide] {
		add(deckFile{path: path})
	}
	for _, f := range deckFiles {
		if f.slide == slide && f.lesson == page.Slug {
			add(f)
		}
	}
	for _, line := range setUp[slide] {
		scripts = append(scripts, lesson.Script{Terminal: terminal, Text: line + "\n"})
	}
	return scripts
}

// colour is what a program writes to a terminal beside its text, see console_codes(4).
var colour = regexp.MustCompile(`\x1b\[[0-9;?]*[A-Za-z]`)

var comment = regexp.MustCompile(`\s+#.*$`)

// find looks for a line among the blocks that a lesson runs or writes to files, and returns the title of its step.
func find(page *lesson.Page, terminal, line string) (step string, ok bool) {
	steps := append([]lesson.Step{page.Opening}, page.Steps...)
	for _, s := range steps {
		for _, b := range s.Blocks {
			block, ok := b.(interface{ Script() lesson.Script })
			if !ok || block.Script().Terminal != terminal {
				continue
			}
			for text := range strings.Lines(block.Script().Text) {
				if strings.TrimSpace(comment.ReplaceAllString(strings.TrimRight(text, "\n"), "")) == line {
					return s.Title, true
				}
			}
		}
	}
	return "", false
}

// inLesson is the line of the lesson, on a machine with that version of control groups.
func (d deckLine) inLesson(version int) string {
	switch {
	case version == 1 && d.v1 != "":
		return d.v1
	case d.instead != "":
		return d.instead
	}
	return d.command
}

// drawn is a line with the learner's values in place of their names.
func drawn(page *lesson.Page, line string) string {
	for name, value := range page.Drawn {
		line = strings.ReplaceAll(line, "{{"+name+"}}", value)
	}
	return line
}

func pages(t *testing.T, version int) map[string]*lesson.Page {
	t.Helper()
	c, err := course("")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]*lesson.Page{}
	for _, l := range c.Lessons {
		page, err := l.For(lesson.Facts{CgroupVersion: version, Kernel: "6.1.0"}, lesson.First)
		if err != nil {
			t.Fatal(err)
		}
		all[l.Slug] = page
	}
	return all
}

// Every command of the deck stands in a lesson, on either version of control groups, and docs/deck.md says where.
func TestDeckIsInTheLessons(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Where the talk's commands are\n\nThe course is made from a talk of 40 minutes. Each command of it runs in a lesson, as it stands on the\n" +
		"slide; where something stands in its place, the notes say what and why. A test runs them all in a sandbox, in this order,\nand looks for what the slide promises (`cmd/glassbox/deck_test.go`, which also writes this page).\n\n" +
		"| slide | command | lesson | step | notes |\n|---|---|---|---|---|\n")
	for _, version := range []int{1, 2} {
		all := pages(t, version)
		for _, d := range deck {
			line := d.inLesson(version)
			if all[d.lesson] == nil {
				t.Errorf("slide %q: there is no lesson %s", d.slide, d.lesson)
				continue
			}
			step, ok := find(all[d.lesson], d.terminal, drawn(all[d.lesson], line))
			if !ok {
				t.Errorf("cgroup version %d, slide %q: %q is in no block for terminal %s of the lesson %s", version, d.slide, line, d.terminal, d.lesson)
			}
			if version == 1 {
				continue
			}
			note := d.note
			if d.instead != "" {
				note = strings.TrimSuffix("here `"+d.instead+"`; "+note, "; ")
			}
			if d.v1 != "" {
				note = "on cgroup version 1: `" + d.v1 + "`"
			}
			fmt.Fprintf(&b, "| %s | `%s` | %s | %s | %s |\n", d.slide, strings.ReplaceAll(d.command, "|", `\|`), d.lesson, step, note)
		}
	}
	b.WriteString("\n## Files\n\nThe lines of these files on the slides stand in files that the learner writes, in the same order.\n\n| slide | file | lesson | step | notes |\n|---|---|---|---|---|\n")
	all := pages(t, 2)
	for _, f := range deckFiles {
		block, step := f.of(all[f.lesson])
		if block == nil {
			t.Errorf("slide %q: %s with its lines is in no file block of the lesson %s", f.slide, f.path, f.lesson)
			continue
		}
		fmt.Fprintf(&b, "| %s | `%s` | %s | %s | %s |\n", f.slide, f.path, f.lesson, step, f.note)
	}
	const file = "../../docs/deck.md"
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b.String(), string(got)); diff != "" {
		t.Errorf("%s is not up to date; run go test ./cmd/glassbox -run Deck -update (-want +got)\n%s", file, diff)
	}
}

// Every command of the deck does in a sandbox what the slide promises.
func TestDeck(t *testing.T) {
	r := sandboxtest.Rig(t)
	facts, err := r.Lab.Facts()
	if err != nil {
		t.Fatal(err)
	}
	slides := map[string][]deckLine{}
	var order []string
	for _, d := range deck {
		if slides[d.slide] == nil {
			order = append(order, d.slide)
		}
		slides[d.slide] = append(slides[d.slide], d)
	}
	for _, slide := range order {
		t.Run(slide, func(t *testing.T) {
			if slices.Contains(compiles, slide) && os.Getenv("GLASSBOX_EMULATED") != "" {
				t.Skip("it compiles a program, which takes an emulated machine minutes")
			}
			runSlide(t, slide, slides[slide], facts)
		})
	}
}

func runSlide(t *testing.T, slide string, lines []deckLine, facts kernel.HostFacts) {
	r := sandboxtest.Rig(t)
	page := pages(t, facts.CgroupVersion)[lines[0].lesson]
	for _, name := range page.Needs.Layers {
		if err := r.Offer(t.Context(), name); err != nil {
			t.Fatalf("layer %s: %v", name, err)
		}
	}
	box, err := builder{r}.Build(t.Context(), page.Needs)
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close(context.Background())
	typist := proof.NewTypist(box)
	defer typist.Close()
	for _, script := range setUpOf(t, page, slide, lines[0].terminal) {
		if err := typist.Run(t.Context(), script); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range lines {
		line := drawn(page, d.inLesson(facts.CgroupVersion))
		if d.before != "" {
			if err := typist.Type(t.Context(), d.terminal, drawn(page, d.before)); err != nil {
				t.Fatalf("%q: %v", d.before, err)
			}
		}
		before := len(typist.Said(d.terminal))
		if err := typist.Type(t.Context(), d.terminal, line); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		var said string
		sandboxtest.Poll(t, time.Minute, func() error {
			said = colour.ReplaceAllString(typist.Said(d.terminal)[before:], "")
			// What was typed comes back as an echo, which proves nothing.
			said = strings.Replace(said, line, "", 1)
			if d.want != "" && !regexp.MustCompile(d.want).MatchString(said) {
				if d.late {
					if err := typist.Type(t.Context(), d.terminal, line); err != nil {
						t.Fatalf("%q again: %v", line, err)
					}
				}
				return fmt.Errorf("%q: got\n%s\nwant %q in it", line, said, d.want)
			}
			return nil
		})
		if d.never != "" && regexp.MustCompile(d.never).MatchString(said) {
			t.Errorf("%q: got\n%s\nwant no %q in it", line, said, d.never)
		}
	}
}
