package server

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

func TestTerminal(t *testing.T) {
	b := newSite(t).browser(t)
	id := b.terminal(b.lab("one"), "one")
	var at int64
	w := b.socket("/ws/terminal/" + id)
	w.until(&at, "$ ")
	w.typ("echo a$((1+1))b\n")
	w.until(&at, "a2b")
	w.say(`{"type":"resize","rows":33,"cols":111}`)
	w.typ("stty size\n")
	w.until(&at, "33 111")
	w.Close()

	// The shell outlives the connection, and the stream goes on where it was.
	w = b.socket(fmt.Sprintf("/ws/terminal/%s?offset=%d", id, at))
	m := w.hear("attached")
	if int64(m["offset"].(float64)) != at || m["rows"].(float64) != 33 || m["owner"] != true {
		t.Errorf("attached again: %v, want the offset %d", m, at)
	}
	w.typ("exit 5\n")
	if m := w.hear("exit"); m["status"].(float64) != 5 {
		t.Errorf("exit: %v", m)
	}
	if code, why := w.closed(); code != websocket.CloseNormalClosure || why == "" {
		t.Errorf("closed with %d %q", code, why)
	}
}

func TestSameNameIsSameShell(t *testing.T) {
	b := newSite(t).browser(t)
	first := b.lab("one")
	id := b.terminal(first, "one")
	second := b.lab("one") // another tab
	if again := b.terminal(second, "one"); again != id {
		t.Errorf("another tab got terminal %s, want %s", again, id)
	}
	if two := b.terminal(second, "two"); two == id {
		t.Error("two terminals are one")
	}
	if n := b.site.workshop.built.Load(); n != 1 {
		t.Errorf("%d boxes were built", n)
	}
}

// Whatever bytes go in come out: split characters, bytes that are no UTF-8, NUL.
func TestBytesPassIntact(t *testing.T) {
	b := newSite(t, "/bin/sh", "-c", "stty raw -echo; echo ready; exec cat").browser(t)
	id := b.terminal(b.lab("one"), "one")
	w := b.socket("/ws/terminal/" + id)
	var at int64
	w.until(&at, "ready\n")
	want := make([]byte, 200<<10)
	if _, err := rand.Read(want); err != nil {
		t.Fatal(err)
	}
	copy(want, "\xc3")               // half a character
	copy(want[100:], "\xa4\x00\x80") // the other half, NUL, and a byte that begins nothing
	go func() {
		for rest := want; len(rest) > 0; {
			n := min(len(rest), 777)
			if err := w.WriteMessage(websocket.BinaryMessage, rest[:n]); err != nil {
				return
			}
			rest = rest[n:]
		}
	}()
	var got []byte
	for len(got) < len(want) {
		k, p, err := w.ReadMessage()
		if err != nil {
			t.Fatalf("after %d bytes: %v", len(got), err)
		}
		if k == websocket.BinaryMessage {
			got = append(got, p...)
		}
	}
	if !bytes.Equal(got, want) {
		t.Error("the bytes are not the same")
	}
}

func TestForeignOrigins(t *testing.T) {
	b := newSite(t).browser(t)
	id := b.terminal(b.lab("one"), "one")
	host := strings.TrimPrefix(b.site.URL, "http://")
	cases := map[string]http.Header{
		"missing":         {},
		"null":            {"Origin": {"null"}},
		"empty":           {"Origin": {""}},
		"foreign":         {"Origin": {"https://evil.example"}},
		"other port":      {"Origin": {"http://127.0.0.1:1"}},
		"prefix":          {"Origin": {"http://" + host + ".evil.example"}},
		"userinfo":        {"Origin": {"http://" + host + "@evil.example"}},
		"another scheme":  {"Origin": {"chrome-extension://" + host}},
		"ours and theirs": {"Origin": {b.site.URL, "https://evil.example"}},
	}
	for name, header := range cases {
		for _, path := range []string{"/ws/terminal/" + id, "/ws/terminal/unknown", "/ws/lab?lesson=one"} {
			c, resp, err := b.dial(path, header)
			if err == nil {
				c.Close()
				t.Errorf("%s: %s is open", name, path)
				continue
			}
			if resp == nil || resp.StatusCode != http.StatusForbidden {
				t.Errorf("%s: %s: %v, want 403", name, path, err)
			}
		}
	}
}

func TestAnothersTerminal(t *testing.T) {
	s := newSite(t)
	mine := s.browser(t)
	id := mine.terminal(mine.lab("one"), "one")

	stranger := s.browser(t)
	stranger.get("/")
	if _, resp, err := stranger.dial("/ws/terminal/"+id, stranger.origin()); err == nil || resp.StatusCode != http.StatusNotFound {
		t.Errorf("another visitor: %v, want 404", err)
	}
	nobody := s.browser(t)
	if _, resp, err := nobody.dial("/ws/terminal/"+id, nobody.origin()); err == nil || resp.StatusCode != http.StatusForbidden {
		t.Errorf("nobody: %v, want 403", err)
	}
	// A made-up cookie is nobody's.
	value := cookieOf(mine).Value
	flipped := "A"
	if value[0] == 'A' {
		flipped = "B"
	}
	forged := http.Header{"Origin": {s.URL}, "Cookie": {cookieName + "=" + flipped + value[1:]}}
	if _, resp, err := nobody.dial("/ws/terminal/"+id, forged); err == nil || resp.StatusCode != http.StatusForbidden {
		t.Errorf("a forged cookie: %v, want 403", err)
	}
}

func TestHostileControl(t *testing.T) {
	b := newSite(t).browser(t)
	lab := b.lab("one")
	id := b.terminal(lab, "one")
	cases := map[string]string{
		"0x0":           `{"type":"resize","rows":0,"cols":0}`,
		"65535²":        `{"type":"resize","rows":65535,"cols":65535}`,
		"65536":         `{"type":"resize","rows":65536,"cols":80}`,
		"negative":      `{"type":"resize","rows":-1,"cols":80}`,
		"text":          `{"type":"resize","rows":"24","cols":"80"}`,
		"fraction":      `{"type":"resize","rows":24.5,"cols":80}`,
		"half a size":   `{"type":"resize","rows":24}`,
		"no JSON":       `resize 24 80`,
		"array":         `[]`,
		"two":           `{"type":"ack","offset":0}{"type":"ack","offset":0}`,
		"unknown type":  `{"type":"dance"}`,
		"unknown key":   `{"type":"ack","offset":0,"extra":1}`,
		"ack of future": `{"type":"ack","offset":9223372036854775807}`,
		"ack of none":   `{"type":"ack"}`,
	}
	for name, text := range cases {
		w := b.socket("/ws/terminal/" + id)
		w.say(text)
		if code, why := w.closed(); code != websocket.ClosePolicyViolation || len(why) < 10 {
			t.Errorf("%s: closed with %d %q, want 1008 and words", name, code, why)
		}
	}

	for name, text := range map[string]string{
		"no JSON":      `watch`,
		"unknown type": `{"type":"dance"}`,
		"wrong type":   `{"type":"watch","panels":"memory"}`,
		"no panels":    `{"type":"watch"}`,
	} {
		w := b.socket("/ws/lab?lesson=one")
		w.say(text)
		if code, why := w.closed(); code != websocket.ClosePolicyViolation || len(why) < 10 {
			t.Errorf("lab, %s: closed with %d %q, want 1008 and words", name, code, why)
		}
	}
	w := b.socket("/ws/lab?lesson=one")
	w.typ("bytes")
	if code, _ := w.closed(); code != websocket.CloseUnsupportedData {
		t.Errorf("lab, bytes: closed with %d", code)
	}
	// The box has seen none of it.
	if again := b.terminal(lab, "one"); again != id {
		t.Errorf("the terminal is another one: %s, was %s", again, id)
	}
}

func TestLargeMessages(t *testing.T) {
	b := newSite(t).browser(t)
	id := b.terminal(b.lab("one"), "one")
	for name, m := range map[string]struct {
		kind, size, want int
	}{
		"10 MiB of bytes":      {websocket.BinaryMessage, 10 << 20, websocket.CloseMessageTooBig},
		"10 MiB of text":       {websocket.TextMessage, 10 << 20, websocket.CloseMessageTooBig},
		"5 KiB of text":        {websocket.TextMessage, 5 << 10, websocket.CloseMessageTooBig},
		"a byte more than may": {websocket.BinaryMessage, maxBinary + 1, websocket.CloseMessageTooBig},
	} {
		w := b.socket("/ws/terminal/" + id)
		_ = w.WriteMessage(m.kind, bytes.Repeat([]byte("x"), m.size)) // may fail: the server hangs up on it
		for {
			_, _, err := w.ReadMessage()
			if err == nil {
				continue
			}
			// The server may have hung up with our bytes unread, and the reset is then faster than the reason.
			if !websocket.IsCloseError(err, m.want) && !isReset(err) {
				t.Errorf("%s: %v", name, err)
			}
			break
		}
	}
}

func isReset(err error) bool {
	return strings.Contains(err.Error(), "reset by peer") || strings.Contains(err.Error(), "broken pipe") || strings.Contains(err.Error(), "EOF")
}

// A message whose fragments never end, empty ones that no limit of size would stop, is given up in messageTime.
func TestEndlessFragments(t *testing.T) {
	if testing.Short() {
		t.Skip("takes as long as a message may take")
	}
	b := newSite(t).browser(t)
	id := b.terminal(b.lab("one"), "one")
	w := b.socket("/ws/terminal/" + id)
	raw := w.UnderlyingConn()
	mask := []byte{0, 0, 0, 0}
	if _, err := raw.Write(append([]byte{0x02, 0x80}, mask...)); err != nil { // binary, not final, empty
		t.Fatal(err)
	}
	pong := append([]byte{0x8a, 0x80}, mask...)
	more := append([]byte{0x00, 0x80}, mask...)
	began := time.Now()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for time.Since(began) < 2*messageTime {
		<-tick.C
		if _, err := raw.Write(append(append([]byte{}, pong...), more...)); err != nil {
			if d := time.Since(began); d > messageTime+5*time.Second {
				t.Errorf("given up after %v", d)
			}
			return
		}
	}
	t.Error("the connection is still open")
}

// A viewer that never reads costs a bounded amount of memory and stops nobody else's shell.
func TestReaderThatNeverReads(t *testing.T) {
	s := newSite(t)
	b := s.browser(t)
	id := b.terminal(b.lab("one"), "one")
	lazy := b.socket("/ws/terminal/" + id)
	if tcp, ok := lazy.UnderlyingConn().(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(4 << 10)
	}
	lazy.typ("yes\n")
	session, _ := s.server.seats.terminal(visitorOf(b), id)

	other := s.browser(t)
	w := other.socket("/ws/terminal/" + other.terminal(other.lab("two"), "shell"))
	var at int64
	for i := range 50 {
		w.typ(fmt.Sprintf("echo $((%d*7))x\n", i))
		w.until(&at, fmt.Sprintf("%dx", i*7))
	}
	if n := session.Kept(); n > 2<<20 {
		t.Errorf("%d bytes are kept for it", n)
	}
}

func visitorOf(b *browser) visitor {
	id, _, _ := strings.Cut(cookieOf(b).Value, ".")
	return visitor(id)
}

func TestNotThere(t *testing.T) {
	b := newSite(t).browser(t)
	for _, path := range []string{
		"/nothing", "/lessons/unknown", "/lessons/", "/lessons/one/../../../etc/passwd", "/lessons/one/..%2f..%2fetc%2fpasswd",
		"/lessons/one/pictures/none.svg", "/lessons/one/course.yaml", "/lessons/one/01-one.md", "/lessons/one/pictures/", "/assets/manifest.json",
		"/assets/..%2fkey", "/assets/", "/lessons/%2e%2e/%2e%2e/key", "/ws/nothing", "/lessons/one/pictures/x.svg%00",
	} {
		resp, body := b.do("GET", path, nil)
		if resp.StatusCode != http.StatusNotFound && resp.StatusCode != http.StatusMovedPermanently && resp.StatusCode != http.StatusTemporaryRedirect {
			t.Errorf("GET %s: %s", path, resp.Status)
		}
		if resp.StatusCode == http.StatusNotFound && len(body) < 20 {
			t.Errorf("GET %s: the page says %q", path, body)
		}
		if strings.Contains(body, "root:") {
			t.Errorf("GET %s gives a file of the host", path)
		}
	}
	if resp, _ := b.do("PUT", "/", nil); resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("PUT /: %s", resp.Status)
	}
}

func TestForgedPosts(t *testing.T) {
	s := newSite(t)
	b := s.browser(t)
	b.lab("one")
	for _, verb := range []string{"restart", "wipe"} {
		for name, header := range map[string]http.Header{
			"foreign origin":   {"Origin": {"https://evil.example"}},
			"null origin":      {"Origin": {"null"}},
			"cross-site":       {"Sec-Fetch-Site": {"cross-site"}},
			"same-site only":   {"Sec-Fetch-Site": {"same-site"}},
			"cross-site, liar": {"Sec-Fetch-Site": {"cross-site"}, "Origin": {s.URL}},
		} {
			resp, body := b.do("POST", "/lessons/one/"+verb, header)
			if resp.StatusCode != http.StatusForbidden || !strings.Contains(body, "Another site") {
				t.Errorf("%s, %s: %s", verb, name, resp.Status)
			}
		}
	}
	if n := s.workshop.built.Load(); n != 1 {
		t.Errorf("%d boxes were built", n)
	}
}

func TestRestartAndWipe(t *testing.T) {
	s := newSite(t)
	b := s.browser(t)
	lab := b.lab("one")
	id := b.terminal(lab, "one")
	first := s.workshop.last()
	same := http.Header{"Sec-Fetch-Site": {"same-origin"}, "Accept": {"application/json"}}
	if resp, body := b.do("POST", "/lessons/one/restart", same); resp.StatusCode != http.StatusNoContent {
		t.Fatalf("restart: %s %s", resp.Status, body)
	}
	if m := lab.state("ready"); m["id"] == first.id { // "building" may have been skipped
		t.Errorf("the box is still %v", m)
	}
	if !first.closed.Load() {
		t.Error("the first box is still there")
	}
	if _, resp, err := b.dial("/ws/terminal/"+id, b.origin()); err == nil || resp.StatusCode != http.StatusNotFound {
		t.Errorf("the first box's terminal: %v, want 404", err)
	}

	// A form goes back to the page.
	seed := func() string {
		p, err := s.server.notebooks.read(visitorOf(b))
		if err != nil {
			t.Fatal(err)
		}
		return p.lesson("one").Seed
	}
	if seed() != "" {
		t.Error("there is a seed before the first wipe")
	}
	resp, _ := b.do("POST", "/lessons/one/wipe", http.Header{"Origin": {s.URL}})
	if seed() == "" {
		t.Error("the values are not drawn anew")
	}
	if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/lessons/one" {
		t.Errorf("wipe: %s to %q", resp.Status, resp.Header.Get("Location"))
	}
	if code, _ := lab.closed(); code != websocket.CloseServiceRestart {
		t.Errorf("the page was closed with %d", code)
	}
	if resp, _ := s.browser(t).do("POST", "/lessons/one/restart", same); resp.StatusCode != http.StatusForbidden {
		t.Errorf("restart by nobody: %s", resp.Status)
	}
}

func TestStartQuota(t *testing.T) {
	s := newSite(t)
	b := s.browser(t)
	lab := b.lab("one")
	same := http.Header{"Sec-Fetch-Site": {"same-origin"}, "Accept": {"application/json"}}
	refused, began := 0, time.Now()
	for range 30 {
		resp, body := b.do("POST", "/lessons/one/restart", same)
		switch {
		case resp.StatusCode == http.StatusTooManyRequests:
			refused++
			if !strings.Contains(body, "Wait") {
				t.Fatalf("refused with %q", body)
			}
		case resp.StatusCode != http.StatusNoContent:
			t.Fatalf("restart: %s", resp.Status)
		default:
			lab.state("ready")
		}
	}
	may := startsOfOne.burst + 1 + int(time.Since(began)/startsOfOne.interval) // of a slow machine, some more come back meanwhile
	if refused < 30-may {
		t.Errorf("%d of 30 restarts were refused", refused)
	}
	if n := int(s.workshop.built.Load()); n > may {
		t.Errorf("%d boxes were built", n)
	}
}

// A foreign name that is pointed at our address is not ours.
func TestRebinding(t *testing.T) {
	s := newSite(t)
	for host, want := range map[string]int{
		"evil.example":      http.StatusMisdirectedRequest,
		"evil.example:8080": http.StatusMisdirectedRequest,
		"":                  http.StatusBadRequest, // HTTP/1.1 asks for one
		"localhost:8080":    http.StatusOK,
		"127.0.0.1":         http.StatusOK,
		"[::1]:8080":        http.StatusOK,
	} {
		c, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		request := "GET /healthz HTTP/1.1\r\nConnection: close\r\n"
		if host != "" {
			request += "Host: " + host + "\r\n"
		}
		if _, err := c.Write([]byte(request + "\r\n")); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatalf("%q: %v", host, err)
		}
		resp.Body.Close()
		c.Close()
		if resp.StatusCode != want {
			t.Errorf("%q: %s, want %d", host, resp.Status, want)
		}
	}
	s.server.config.Hosts = []string{"lab.example"}
	if resp, _ := s.browser(t).do("GET", "/healthz", nil); resp.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("with names given, an address: %s", resp.Status)
	}
}

func TestHeaders(t *testing.T) {
	b := newSite(t).browser(t)
	for path, want := range map[string]map[string]string{
		"/":                           {"Cache-Control": "no-store", "Content-Type": "text/html; charset=utf-8"},
		"/lessons/one":                {"Cache-Control": "no-store", "Content-Type": "text/html; charset=utf-8"},
		"/nothing":                    {"Cache-Control": "no-store", "Content-Type": "text/html; charset=utf-8"},
		"/assets/app-1.js":            {"Cache-Control": "public, max-age=31536000, immutable", "Content-Type": "text/javascript; charset=utf-8", "Vary": "Accept-Encoding"},
		"/lessons/one/pictures/x.svg": {"Content-Type": "image/svg+xml"},
		"/lessons/one/../../healthz":  {},
		"/ws/lab?lesson=one":          {"Content-Type": "application/json"},
		"/lessons/one/restart":        {},
		"/assets/sans-1.woff2":        {"Content-Type": "font/woff2"},
	} {
		resp, _ := b.do("GET", path, nil)
		for name, value := range want {
			if got := resp.Header.Get(name); got != value {
				t.Errorf("GET %s: %s is %q, want %q", path, name, got, value)
			}
		}
		csp := resp.Header.Get("Content-Security-Policy")
		if strings.Contains(csp, "script-src") || !strings.Contains(csp, "default-src '") || strings.Contains(csp, "unsafe-eval") {
			t.Errorf("GET %s: the policy is %q", path, csp)
		}
		if resp.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("GET %s: no nosniff", path)
		}
	}
	if c := cookieOf(b); c == nil || len(c.Value) < 40 {
		t.Errorf("cookie: %v", c)
	}
}

func TestCompressedAssets(t *testing.T) {
	b := newSite(t).browser(t)
	for accept, want := range map[string]string{"gzip": "gzip", "br, gzip;q=0.5": "gzip", "gzip;q=0": "", "br": "", "identity": ""} {
		resp, body := b.do("GET", "/assets/app-1.js", http.Header{"Accept-Encoding": {accept}})
		if got := resp.Header.Get("Content-Encoding"); got != want {
			t.Errorf("%q: %q, want %q", accept, got, want)
		}
		if plain := strings.HasPrefix(body, "// the same words"); plain != (want == "") {
			t.Errorf("%q: the body begins with %q", accept, body[:10])
		}
	}
	if resp, _ := b.do("GET", "/assets/sans-1.woff2", http.Header{"Accept-Encoding": {"gzip"}}); resp.Header.Get("Content-Encoding") != "" {
		t.Error("a font is compressed twice")
	}
}

// No goroutine is left for a page, a terminal or a box that has gone.
func TestNothingStays(t *testing.T) {
	s := newSite(t)
	before := runtime.NumGoroutine()
	for range 3 {
		b := s.browser(t)
		lab := b.lab("one")
		w := b.socket("/ws/terminal/" + b.terminal(lab, "one"))
		var at int64
		w.until(&at, "$ ")
		w.Close()
		lab.Close()
		resp, _ := b.do("POST", "/lessons/one/wipe", http.Header{"Origin": {s.URL}})
		if resp.StatusCode != http.StatusSeeOther {
			t.Fatal(resp.Status)
		}
		b.http.CloseIdleConnections()
	}
	deadline := time.Now().Add(time.Minute)
	for runtime.NumGoroutine() > before+2 {
		if time.Now().After(deadline) {
			buf := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, were %d:\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
		}
		time.Sleep(5 * time.Millisecond)
	}
	if n := len(s.server.seats.all) + len(s.server.seats.terminals); n != 0 {
		t.Errorf("%d seats and terminals are remembered", n)
	}
}

// Somebody who reads and opens no box leaves nothing on the disk, however often he comes without his cookie.
func TestReadersLeaveNoFiles(t *testing.T) {
	s := newSite(t)
	for range 20 {
		b := s.browser(t)
		b.get("/")
		first := b.get("/lessons/one")
		if again := b.get("/lessons/one"); limitOf(t, first) != limitOf(t, again) {
			t.Error("the values change")
		}
	}
	files, err := os.ReadDir(filepath.Join(s.state, "visitors"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 0 {
		t.Errorf("%d files", len(files))
	}
}
