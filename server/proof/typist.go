package proof

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"glassbox/server"
	"glassbox/server/lesson"
	"glassbox/server/terminal"
)

// Typist types scripts into the terminals of a box.
type Typist struct {
	box   server.Box
	proc  string // the host's procfs
	desks map[string]*desk
}

// desk is one terminal with what was read from it.
type desk struct {
	shell terminal.Shell

	mu     sync.Mutex
	output []byte
	count  int       // bytes of output, those included that are no longer in it
	heard  time.Time // when the last output came
}

// patience is how long nothing may happen before the next line is typed all the same: what is in front may be a program that goes
// on, such as sleep or a server.
const patience = 15 * time.Second

// workFor is how long a program in front may work, be it heard or not: a container engine that builds an image.
const workFor = 10 * time.Minute

// quiet is how long a shell must have been silent and waiting before it counts as ready.
const quiet = 60 * time.Millisecond

// NewTypist types into a box. Terminals are opened when they are first named.
func NewTypist(box server.Box) *Typist {
	return &Typist{box: box, proc: "/proc", desks: map[string]*desk{}}
}

// Type types one line into a terminal and waits until a shell waits for the next one.
func (t *Typist) Type(ctx context.Context, terminal, line string) error {
	return t.Run(ctx, lesson.Script{Terminal: terminal, Text: line + "\n"})
}

// Said is what stands on a terminal, the last 64 KiB of it.
func (t *Typist) Said(terminal string) string {
	if d, ok := t.desks[terminal]; ok {
		return d.said()
	}
	return ""
}

// Close hangs up all terminals.
func (t *Typist) Close() {
	for _, d := range t.desks {
		_ = d.shell.Close()
	}
}

func (t *Typist) desk(ctx context.Context, name string) (*desk, error) {
	if d, ok := t.desks[name]; ok {
		return d, nil
	}
	shell, err := t.box.Open(ctx, terminal.Size{Rows: 40, Cols: 120})
	if err != nil {
		return nil, fmt.Errorf("terminal %s: %w", name, err)
	}
	d := &desk{shell: shell, heard: time.Now()}
	t.desks[name] = d
	go d.listen()
	return d, t.await(ctx, d, func() bool { return d.written() > 0 }) // its prompt
}

func (d *desk) listen() {
	b := make([]byte, 16<<10)
	for {
		n, err := d.shell.Read(b)
		d.mu.Lock()
		d.output = append(d.output, b[:n]...)
		d.count += n
		if extra := len(d.output) - 64<<10; extra > 0 {
			d.output = slices.Clone(d.output[extra:])
		}
		if n > 0 {
			d.heard = time.Now()
		}
		d.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// Run types a script, one line after the other, each when the shell waits for it.
func (t *Typist) Run(ctx context.Context, s lesson.Script) error {
	d, err := t.desk(ctx, s.Terminal)
	if err != nil {
		return err
	}
	if s.Interrupt {
		if _, err := d.shell.Write([]byte{3}); err != nil {
			return fmt.Errorf("terminal %s: %w", s.Terminal, err)
		}
		if err := t.await(ctx, d, func() bool { return true }); err != nil {
			return err
		}
	}
	lines := slices.Collect(strings.Lines(s.Typed()))
	for n, line := range lines {
		from := d.written()
		// A tab by itself asks the shell to complete a word; after ^V it is a tab, as in a file of Go.
		keys := strings.ReplaceAll(strings.TrimSuffix(line, "\n"), "\t", "\x16\t") + "\r"
		if _, err := d.shell.Write([]byte(keys)); err != nil {
			return fmt.Errorf("terminal %s, %q: %w", s.Terminal, line, err)
		}
		if s.File != "" && n < len(lines)-1 && d.asks(ctx, from) {
			continue
		}
		if err := t.await(ctx, d, func() bool { return bytes.Contains(d.since(from), []byte("\n")) }); err != nil {
			return err
		}
	}
	return nil
}

// written is how many bytes the terminal has written.
func (d *desk) written() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.count
}

// since is what the terminal has written since it had written so many bytes.
func (d *desk) since(from int) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.output[len(d.output)-min(d.count-from, len(d.output)):])
}

// asks waits until a shell asks for the next line of a here-document: it writes a new line, and its prompt for more ("> ", PS2),
// when it is ready to read. It reports false where no such prompt comes: then the shell is one with another prompt.
func (d *desk) asks(ctx context.Context, from int) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	for {
		heard := d.since(from)
		if bytes.Contains(heard, []byte("\n")) && bytes.HasSuffix(heard, []byte("> ")) {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// await waits until somebody waits for a line, silently and for a moment; and no sooner than what was typed has been taken, which its echo tells: a
// shell that sleeps may have yet to hear of it. Where that takes too long, so be it.
func (t *Typist) await(ctx context.Context, d *desk, taken func() bool) error {
	began := time.Now()
	idle := began // since when nothing happens
	pulse := newPulse(t.box, time.Second)
	for time.Since(idle) < patience && time.Since(began) < workFor {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.box.Done():
			return fmt.Errorf("the box has ended; the terminal said:\n%s", d.said())
		case <-time.After(10 * time.Millisecond):
		}
		d.mu.Lock()
		last := d.heard
		d.mu.Unlock()
		if last.Before(began) {
			last = began
		}
		front := t.front(d)
		if time.Since(last) >= quiet && d.waits(front) && taken() {
			return nil
		}
		if slices.Contains(workers, front.comm) && (last.After(idle) || pulse.beats()) {
			idle = time.Now()
		}
	}
	return nil
}

// front is the program in front of a terminal: the leader of its foreground process group, see tcgetpgrp(3).
type front struct {
	comm  string
	state byte   // as proc_pid_stat(5) has it
	in    string // where in the kernel it sleeps, see proc_pid_wchan(5); empty where that is not told
}

// Programs by their names in /proc/PID/comm.
var (
	// shells wait for a line while they sleep, unless it is for a child, for a signal of its, or for what $(…) says.
	shells = []string{"bash", "sh", "ash", "dash", "busybox"}
	// relays put another terminal, that of a container or of another machine, behind the one that they are in front of.
	relays = []string{"podman", "docker-compose", "ssh"}
	// workers take their time, and end.
	workers = append([]string{"buildah", "skopeo", "go", "curl", "wget", "python3", "tar", "find", "xargs"}, relays...)
)

func (t *Typist) front(d *desk) front {
	shell, ok := d.shell.(interface{ Foreground() int })
	if !ok {
		return front{comm: "sh", state: 'S'}
	}
	pid := shell.Foreground()
	b, err := os.ReadFile(fmt.Sprintf("%s/%d/stat", t.proc, pid))
	if err != nil {
		return front{}
	}
	// pid (comm) state …
	from, to := strings.IndexByte(string(b), '('), strings.LastIndexByte(string(b), ')')
	if from < 0 || to < from || len(b) < to+3 {
		return front{}
	}
	in, _ := os.ReadFile(fmt.Sprintf("%s/%d/wchan", t.proc, pid))
	return front{comm: string(b[from+1 : to]), state: b[to+2], in: string(in)}
}

// busy are the kernel's functions in which a process sleeps that waits for a child, for what a child says, or for a signal. Compilers put words
// of their own behind them.
var busy = regexp.MustCompile(`^(do_wait|(anon_)?pipe_read|sigsuspend)\b`)

// waits tells whether the program in front waits for a line. Of a shell behind another terminal only the prompt is seen.
func (d *desk) waits(f front) bool {
	if slices.Contains(relays, f.comm) {
		return prompt.MatchString(d.said())
	}
	return slices.Contains(shells, f.comm) && f.state == 'S' && !busy.MatchString(f.in)
}

// prompt is a shell's, or a question, at the end of what was written; colours may follow it.
var prompt = regexp.MustCompile(`(?m)^[^\n]*[#$>?] (\x1b\[[0-9;?]*[A-Za-z])*\z`)

// A pulse tells whether a box is at work, by the processor time that it has used.
type pulse struct {
	file  string // cpu.stat of its group, which version 2 of cgroups has with and without a cpu controller
	every time.Duration
	at    time.Time
	used  time.Duration
	beat  bool
}

func newPulse(box server.Box, every time.Duration) *pulse {
	p := &pulse{every: every}
	for _, h := range box.Source().Hierarchies {
		if h.Version == 2 {
			p.file = filepath.Join(h.Outer, "cpu.stat")
		}
	}
	return p
}

// beats tells whether the box has used a fiftieth of a processor, or more, of late.
func (p *pulse) beats() bool {
	elapsed := time.Since(p.at)
	if p.file == "" || elapsed < p.every {
		return p.beat
	}
	b, err := os.ReadFile(p.file)
	if err != nil {
		return false
	}
	var usec int64
	if _, err := fmt.Sscanf(string(b), "usage_usec %d", &usec); err != nil {
		return false
	}
	used := time.Duration(usec) * time.Microsecond
	p.beat = used-p.used > elapsed/50
	p.at, p.used = time.Now(), used
	return p.beat
}

// said is what stands on the terminal.
func (d *desk) said() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return string(d.output)
}

// transcript is all that stands on the terminals, for whoever has to find out why an exercise is not proven.
func (t *Typist) transcript() string {
	var b strings.Builder
	for name, d := range t.desks {
		fmt.Fprintf(&b, "--- terminal %s\n%s\n", name, d.said())
	}
	return b.String()
}
