package proof

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"glassbox/sandbox/kernel"
	"glassbox/server"
	"glassbox/server/terminal"
)

// idleBox is a box in which nothing happens.
type idleBox struct{ server.Box }

func (idleBox) Source() kernel.Source { return kernel.Source{} }
func (idleBox) Done() <-chan struct{} { return nil }

// slowShell takes its time over what is typed, and sleeps meanwhile, as on a busy machine.
type slowShell struct {
	terminal.Shell
	io.Reader
	writer io.Writer
}

func (s slowShell) Read(b []byte) (int, error) { return s.Reader.Read(b) }

func (s slowShell) Write(typed []byte) (int, error) {
	go func() {
		time.Sleep(5 * quiet)
		_, _ = io.WriteString(s.writer, strings.TrimSuffix(string(typed), "\r")+"\r\nanswer\r\n# ")
	}()
	return len(typed), nil
}

func TestWhatIsTypedIsTaken(t *testing.T) {
	reader, writer := io.Pipe()
	defer writer.Close()
	d := &desk{shell: slowShell{Reader: reader, writer: writer}}
	go d.listen()
	typist := &Typist{box: idleBox{}, proc: "/proc", desks: map[string]*desk{"one": d}}
	if err := typist.Type(t.Context(), "one", "question"); err != nil {
		t.Fatal(err)
	}
	if got, want := typist.Said("one"), "question\r\nanswer\r\n# "; got != want {
		t.Errorf("when the line was typed, the terminal said %q, want %q", got, want)
	}
}

func TestWhoWaitsForALine(t *testing.T) {
	for _, c := range []struct {
		name   string
		front  front
		output string
		want   bool
	}{
		{"a shell that sleeps", front{comm: "bash", state: 'S'}, "", true},
		{"a shell that reads a line", front{"bash", 'S', "poll_schedule_timeout.constprop.0"}, "", true},
		{"a shell that waits for a program", front{"sh", 'S', "do_wait"}, "root@box:~# ", false},
		{"a shell that waits for what a program says", front{"bash", 'S', "anon_pipe_read"}, "root@box:~# ", false},
		{"a shell that waits for a signal", front{"sh", 'S', "sigsuspend.isra.0"}, "root@box:~# ", false},
		{"a shell that works", front{comm: "bash", state: 'R'}, "root@box:~# ", false},
		{"another program", front{comm: "sleep", state: 'S'}, "root@box:~# ", false},
		{"the shell of a container", front{comm: "podman", state: 'S'}, "$ docker run -it ubuntu\r\n\x1b[1mroot@1f2e:/# \x1b[0m", true},
		{"busybox in a container", front{comm: "podman", state: 'S'}, "\r\n/ # ", true},
		{"a container that says something", front{comm: "podman", state: 'S'}, "root@box:~# docker run alpine cat\r\nhello", false},
		{"a build", front{comm: "podman", state: 'S'}, "root@box:~# docker build .\r\nSTEP 1/3: FROM scratch\r\n", false},
		{"a server in a container", front{comm: "podman", state: 'S'}, "", false},
	} {
		d := &desk{output: []byte(c.output)}
		if got := d.waits(c.front); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

func TestWhoAsksForMore(t *testing.T) {
	typed := "root@box:~# cat > x <<'EOF'" // the echo of what was typed before
	for _, c := range []struct {
		name, heard string
		want        bool
	}{
		{"the prompt for more", "\r\n\x1b[?2004l\r\x1b[?2004h> ", true},
		{"after a line that is echoed", "package main\r\n\x1b[?2004l\r\x1b[?2004h> ", true},
		{"the echo alone, which ends like a prompt", "cat > ", false},
		{"the prompt of a shell that has had its line", "EOF\r\nroot@box:~# ", false},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		d := &desk{output: []byte(typed + c.heard), count: 100_000 + len(typed+c.heard)} // the first 100 kB are forgotten
		if got := d.asks(ctx, 100_000+len(typed)); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
		cancel()
	}
}
