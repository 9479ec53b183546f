package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/creack/pty"
	"github.com/gorilla/websocket"

	"glassbox/sandbox/kernel"
	"glassbox/server/lesson"
	"glassbox/server/terminal"
)

// course is a course with every kind of block.
var course = fstest.MapFS{
	"course.yaml": file("title: Test course\ndescription: For *tests*.\norder: [one, two]\n"),
	"01-one.md": file(strings.ReplaceAll(`---
title: First lesson
summary: The first one.
panels: [memory]
terminals: [one, two]
values: {limit: {from: 64, to: 96}}
reading: [{title: "cgroups(7)", url: "https://man7.org/linux/man-pages/man7/cgroups.7.html"}]
---
Before the first step. <script>alert(1)</script> [bad](javascript:alert(1)) ![x](x.png "onerror=alert(1)")

## A step with ~code~

~~~run two
echo {{limit}}
~~~

~~~exercise first
title: Do it
task: Do **it** with {{limit}}.
checks:
  - that: cgroup("demo").exists
    say: There is no group ~demo~ yet.
  - that: cgroup("demo").memory_max == {{limit}} * MiB
    say: It has another limit.
hints: ["first *hint*", "second hint"]
~~~

~~~solution first one
echo the-secret-solution
~~~

~~~wrong first one
true
~~~

~~~quiz which
question: Which?
choices:
  - {text: this, right: true, because: it-is-this}
  - {text: that, because: it-is-not-that}
explain: the-explanation
~~~

~~~predict limit
question: Which limit will it have, in MiB?
number: true
after: cgroup("demo").exists && cgroup("demo").memory_max < 1000 * MiB
answer: cgroup("demo").memory_max / MiB
because: the-reason
~~~
`, "~~~", "```")),
	"02-two.md":      file("---\ntitle: Second lesson\nsummary: Another.\n---\n## Step\n\nText.\n"),
	"pictures/x.svg": file(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>`),
}

func init() {
	// ~ stands for a backquote in inline code above.
	f := course["01-one.md"]
	f.Data = []byte(strings.ReplaceAll(string(f.Data), "~", "`"))
}

func file(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }

// front is a built front end.
var front = fstest.MapFS{
	"manifest.json": file(`{"files": {"app.js": "app-1.js", "page.js": "page-1.js", "starting.js": "starting-1.js", "theme-first.js": "theme-first-1.js", "site.css": "site-1.css", "licences.txt": "licences.txt", "mark.svg": "mark-1.svg"}, "preload": ["sans-1.woff2"]}`),
	"app-1.js":      file("// " + strings.Repeat("the same words again and again ", 100)),
	"page-1.js":     file("//"), "starting-1.js": file("//"), "theme-first-1.js": file("//"), "site-1.css": file("/**/"), "licences.txt": file("MIT"), "mark-1.svg": file("<svg/>"),
	"sans-1.woff2": file("font"),
}

// workshop is a Builder of boxes whose shells are real programs on real ptys, but run beside the test and not in a sandbox.
type workshop struct {
	argv   []string     // of each shell
	fails  atomic.Bool  // building
	kernel string       // where the boxes' cgroup file systems are: directories of the test
	built  atomic.Int32 // boxes
	mu     sync.Mutex
	boxes  []*bench
}

func (w *workshop) Build(context.Context, lesson.Needs) (Box, error) {
	if w.fails.Load() {
		return nil, errors.New("step 7, mount /proc: operation not permitted")
	}
	b := &bench{workshop: w, id: fmt.Sprintf("box-%d", w.built.Add(1)), done: make(chan struct{})}
	b.group = filepath.Join(w.kernel, b.id, "inner")
	if err := os.MkdirAll(b.group, 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(b.group, "cgroup.procs"), fmt.Appendf(nil, "%d\n", os.Getpid()), 0o600); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.boxes = append(w.boxes, b)
	return b, nil
}

func (w *workshop) last() *bench {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.boxes[len(w.boxes)-1]
}

// bench is a Box for tests.
type bench struct {
	workshop *workshop
	id       string
	group    string // a directory that stands for the box's root group
	done     chan struct{}
	once     sync.Once
	closed   atomic.Bool
	mu       sync.Mutex
	shells   []*ptyShell
}

func (b *bench) ID() string { return b.id }

// Source has the test's own process as PID 1, and the test's directories as the cgroup file system.
func (b *bench) Source() kernel.Source {
	return kernel.Source{
		ID: b.id, Init: os.Getpid(),
		Hierarchies: []kernel.Hierarchy{{Version: 2, Controllers: []string{"memory", "pids", "cpu"}, Outer: filepath.Dir(b.group), Inner: b.group}},
	}
}

// demo makes a group of that name with a limit in MiB, as mkdir and echo would in a box.
func (b *bench) demo(t testing.TB, limit int) {
	t.Helper()
	dir := filepath.Join(b.group, "demo")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"cgroup.procs": "", "memory.max": fmt.Sprintf("%d\n", limit<<20)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func (b *bench) Done() <-chan struct{} { return b.done }

// end ends the box as a learner may, from within.
func (b *bench) end() { b.once.Do(func() { close(b.done) }) }

func (b *bench) Close(context.Context) error {
	b.closed.Store(true)
	b.end()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.shells {
		_ = s.Close()
	}
	return nil
}

func (b *bench) Open(_ context.Context, size terminal.Size) (terminal.Shell, error) {
	s, err := startShell(b.workshop.argv, size)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.shells = append(b.shells, s)
	return s, nil
}

// ptyShell is a program on a pty.
type ptyShell struct {
	*os.File
	cmd *exec.Cmd
}

func startShell(argv []string, size terminal.Size) (*ptyShell, error) {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = []string{"PS1=$ ", "PATH=/usr/bin:/bin", "TERM=dumb"}
	f, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: size.Rows, Cols: size.Cols})
	if err != nil {
		return nil, err
	}
	fd := int(f.Fd()) // makes it blocking; undo, so that Close wakes a reader
	if err := syscall.SetNonblock(fd, true); err != nil {
		return nil, err
	}
	return &ptyShell{os.NewFile(uintptr(mustDup(fd, f)), "ptmx"), cmd}, nil
}

// mustDup gives a descriptor that the runtime's poller takes; f is done with.
func mustDup(fd int, f *os.File) int {
	defer f.Close()
	dup, err := syscall.Dup(fd)
	if err != nil {
		panic(err)
	}
	syscall.CloseOnExec(dup)
	return dup
}

func (s *ptyShell) Resize(size terminal.Size) error {
	return pty.Setsize(s.File, &pty.Winsize{Rows: size.Rows, Cols: size.Cols})
}

func (s *ptyShell) Wait() (int, error) {
	err := s.cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), nil
	}
	return 0, err
}

func (s *ptyShell) Close() error {
	err := s.File.Close() // SIGHUP
	_ = s.cmd.Process.Kill()
	return err
}

// site is a server that runs, for one test.
type site struct {
	*httptest.Server
	server   *Server
	workshop *workshop
	state    string
}

func newSite(t testing.TB, argv ...string) *site {
	t.Helper()
	if len(argv) == 0 {
		argv = []string{"/bin/sh"}
	}
	return newSiteIn(t, t.TempDir(), &workshop{argv: argv, kernel: t.TempDir()})
}

func newSiteIn(t testing.TB, state string, w *workshop) *site {
	t.Helper()
	c, err := lesson.Load(course)
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{
		Builder: w, Courses: []*lesson.Course{c}, Assets: front, State: state, Host: kernel.HostFacts{Release: "6.1.0", CgroupVersion: 2},
		Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(s)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
		web.Close()
	})
	return &site{web, s, w, state}
}

// browser is a visitor's.
type browser struct {
	t    testing.TB
	site *site
	http *http.Client
}

func (s *site) browser(t testing.TB) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t, s, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// do sends a request and returns the response with its body.
func (b *browser) do(method, path string, header http.Header) (*http.Response, string) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.site.URL+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	maps.Copy(r.Header, header)
	resp, err := b.http.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp, string(body)
}

// get is do for a page.
func (b *browser) get(path string) string {
	b.t.Helper()
	resp, body := b.do("GET", path, nil)
	if resp.StatusCode != http.StatusOK {
		b.t.Fatalf("GET %s: %s: %s", path, resp.Status, body)
	}
	return body
}

// dial opens a websocket with the given headers beside the cookie.
func (b *browser) dial(path string, header http.Header) (*websocket.Conn, *http.Response, error) {
	d := websocket.Dialer{Jar: b.http.Jar, HandshakeTimeout: time.Minute}
	return d.DialContext(b.t.Context(), "ws"+strings.TrimPrefix(b.site.URL, "http")+path, header)
}

func (b *browser) origin() http.Header { return http.Header{"Origin": {b.site.URL}} }

// wire is a websocket in a test.
type wire struct {
	*websocket.Conn
	t testing.TB
}

func (b *browser) socket(path string) *wire {
	b.t.Helper()
	c, resp, err := b.dial(path, b.origin())
	if err != nil {
		status := ""
		if resp != nil {
			status = resp.Status
		}
		b.t.Fatalf("dial %s: %v %s", path, err, status)
	}
	b.t.Cleanup(func() { c.Close() })
	_ = c.SetReadDeadline(time.Now().Add(time.Minute))
	return &wire{c, b.t}
}

// say sends a text message.
func (w *wire) say(message string) {
	w.t.Helper()
	if err := w.WriteMessage(websocket.TextMessage, []byte(message)); err != nil {
		w.t.Fatal(err)
	}
}

// message is any message of the server in text.
type message map[string]any

// hear reads until a text message of the given type comes, and returns it.
func (w *wire) hear(kind string) message {
	w.t.Helper()
	for {
		k, b, err := w.ReadMessage()
		if err != nil {
			w.t.Fatalf("waiting for %q: %v", kind, err)
		}
		if k != websocket.TextMessage {
			continue
		}
		var m message
		if err := json.Unmarshal(b, &m); err != nil {
			w.t.Fatalf("%s: %v", b, err)
		}
		if m["type"] == kind {
			return m
		}
	}
}

// state reads until the box is in the given state.
func (w *wire) state(want string) message {
	w.t.Helper()
	for {
		if m := w.hear("box"); m["state"] == want {
			return m
		}
	}
}

// closed reads until the server closes the socket, and returns the code and the reason.
func (w *wire) closed() (int, string) {
	w.t.Helper()
	for {
		_, _, err := w.ReadMessage()
		if closed, ok := errors.AsType[*websocket.CloseError](err); ok {
			return closed.Code, closed.Text
		}
		if err != nil {
			w.t.Fatalf("waiting for the end: %v", err)
		}
	}
}

// lab opens the lesson and its socket, and waits for the box.
func (b *browser) lab(lesson string) *wire {
	b.t.Helper()
	b.get("/lessons/" + lesson)
	w := b.socket("/ws/lab?lesson=" + lesson)
	w.state("ready")
	return w
}

// terminal opens a terminal of the lesson.
func (b *browser) terminal(lab *wire, name string) (id string) {
	b.t.Helper()
	lab.say(`{"type":"open","name":"` + name + `"}`)
	return lab.hear("terminal")["id"].(string)
}

// until reads output until it holds want, and acknowledges it.
func (w *wire) until(offset *int64, want string) string {
	w.t.Helper()
	var out strings.Builder
	for !strings.Contains(out.String(), want) {
		k, b, err := w.ReadMessage()
		if err != nil {
			w.t.Fatalf("waiting for %q: %v; got %q", want, err, out.String())
		}
		if k == websocket.TextMessage {
			var m struct {
				Type   string
				Offset int64
			}
			if json.Unmarshal(b, &m) == nil && m.Type == "attached" {
				*offset = m.Offset
			}
			continue
		}
		out.Write(b)
		*offset += int64(len(b))
		w.say(fmt.Sprintf(`{"type":"ack","offset":%d}`, *offset))
	}
	return out.String()
}

func (w *wire) typ(s string) {
	w.t.Helper()
	if err := w.WriteMessage(websocket.BinaryMessage, []byte(s)); err != nil {
		w.t.Fatal(err)
	}
}

func cookieOf(b *browser) *http.Cookie {
	u, err := url.Parse(b.site.URL)
	if err != nil {
		b.t.Fatal(err)
	}
	if c := b.http.Jar.Cookies(u); len(c) == 1 {
		return c[0]
	}
	return nil
}
