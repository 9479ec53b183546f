package server

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"glassbox/server/terminal"
)

// echo is what a keystroke comes back from: the line discipline's own echo, so that no program's speed is in it.
var echo = []string{"/bin/sh", "-c", "stty -icanon; echo ready; exec sleep 1000"}

// BenchmarkKeystroke measures the time from a key to its echo through the websocket and, in turns, so that both see the
// same machine, on a bare pty.
func BenchmarkKeystroke(b *testing.B) {
	bare, err := startShell(echo, terminal.Size{Rows: 24, Cols: 80})
	if err != nil {
		b.Fatal(err)
	}
	defer bare.Close()
	buf := make([]byte, 64<<10)
	for got := ""; !contains(got, "ready\r\n"); {
		n, err := bare.Read(buf)
		if err != nil {
			b.Fatal(err)
		}
		got += string(buf[:n])
	}

	visitor := newSite(b, echo...).browser(b)
	w := visitor.socket("/ws/terminal/" + visitor.terminal(visitor.lab("one"), "one"))
	_ = w.SetReadDeadline(time.Now().Add(10 * time.Minute))
	var at int64
	w.until(&at, "ready\r\n")

	key := []byte("x")
	var through, beside []time.Duration
	for b.Loop() {
		began := time.Now()
		if err := w.WriteMessage(websocket.BinaryMessage, key); err != nil {
			b.Fatal(err)
		}
		for {
			kind, p, err := w.ReadMessage()
			if err != nil {
				b.Fatal(err)
			}
			if kind == websocket.BinaryMessage {
				at += int64(len(p))
				break
			}
		}
		through = append(through, time.Since(began))
		w.say(fmt.Sprintf(`{"type":"ack","offset":%d}`, at))

		began = time.Now()
		if _, err := bare.Write(key); err != nil {
			b.Fatal(err)
		}
		if _, err := bare.Read(buf); err != nil {
			b.Fatal(err)
		}
		beside = append(beside, time.Since(began))
	}
	report := func(times []time.Duration, name string) time.Duration {
		slices.Sort(times)
		b.ReportMetric(float64(times[len(times)/2].Nanoseconds())/1e3, name+"-p50-µs")
		b.ReportMetric(float64(times[len(times)*99/100].Nanoseconds())/1e3, name+"-p99-µs")
		return times[len(times)/2]
	}
	b.ReportMetric(0, "ns/op")
	ws, pty := report(through, "ws"), report(beside, "pty")
	b.ReportMetric(float64((ws-pty).Nanoseconds())/1e3, "more-p50-µs")
}

func contains(s, part string) bool { return len(s) >= len(part) && s[len(s)-len(part):] == part }

const bulk = 100_000_000 // bytes

// bulkFile is a file of text to cat.
func bulkFile(b *testing.B) string {
	line := "The quick brown fox jumps over the lazy dog and runs away from 12345 hounds.\n"
	path := filepath.Join(b.TempDir(), "text")
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 0, 1<<20)
	for len(block)+len(line) < cap(block) {
		block = append(block, line...)
	}
	for written := 0; written < bulk; {
		n, err := f.Write(block[:min(len(block), bulk-written)])
		if err != nil {
			b.Fatal(err)
		}
		written += n
	}
	return path
}

func catArgv(path string) []string {
	return []string{"/bin/sh", "-c", "stty raw -echo; read go; exec cat " + path}
}

// BenchmarkBulkBarePTY is cat of 100 MB, read from the pty as fast as can be.
func BenchmarkBulkBarePTY(b *testing.B) {
	argv := catArgv(bulkFile(b))
	b.SetBytes(bulk)
	for b.Loop() {
		shell, err := startShell(argv, terminal.Size{Rows: 24, Cols: 80})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := shell.Write([]byte("\n")); err != nil {
			b.Fatal(err)
		}
		n, _ := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{shell}, make([]byte, 64<<10))
		if n < bulk {
			b.Fatalf("got %d bytes", n)
		}
		shell.Close()
	}
}

// BenchmarkBulkWebsocket is cat of 100 MB through the server, with a browser that acknowledges every 32 KiB.
func BenchmarkBulkWebsocket(b *testing.B) {
	visitor := newSite(b, catArgv(bulkFile(b))...).browser(b)
	lab := visitor.lab("one")
	_ = lab.SetReadDeadline(time.Now().Add(10 * time.Minute))
	b.SetBytes(bulk)
	most := 0
	for b.Loop() {
		id := visitor.terminal(lab, "one")
		w := visitor.socket("/ws/terminal/" + id)
		_ = w.SetReadDeadline(time.Now().Add(10 * time.Minute))
		session, _ := visitor.site.server.seats.terminal(visitorOf(visitor), id)
		w.typ("\n")
		got, acked := 0, 0
		for done := false; !done; {
			kind, r, err := w.NextReader()
			if err != nil {
				b.Fatal(err)
			}
			if kind == websocket.TextMessage {
				var m struct{ Type string }
				done = json.NewDecoder(r).Decode(&m) == nil && m.Type == "exit"
				continue
			}
			n, err := io.Copy(io.Discard, r)
			if err != nil {
				b.Fatal(err)
			}
			if got += int(n); got-acked >= 32<<10 {
				acked = got
				w.say(fmt.Sprintf(`{"type":"ack","offset":%d}`, acked))
				most = max(most, session.Kept())
			}
		}
		if got < bulk {
			b.Fatalf("got %d bytes", got)
		}
		w.Close()
	}
	b.ReportMetric(float64(most)/(1<<20), "scrollback-MiB")
}
