package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"
)

// The bounds of every websocket. What comes in is hostile until it is read.
const (
	maxBinary = 64 << 10 // bytes of a binary message from the browser
	maxText   = 4 << 10  // bytes of a text message from the browser

	// A whole message, all its fragments, has to arrive in this time after its first frame. Without it a client could send
	// empty fragments for ever, which no limit of size ends.
	messageTime = 10 * time.Second
	// A ping goes out every pingEvery; a connection from which nothing at all came for quietTime is dead. So a laptop that
	// went to sleep is noticed, and the shell it looked at is read on as one without an owner.
	pingEvery = 20 * time.Second
	quietTime = 50 * time.Second
	// The browser's side has to take what we write in this time, or the connection ends.
	writeTime = 15 * time.Second
)

// messagesOfOne is how fast one connection may send messages, pings among them. Beyond it, we read slower. A terminal that
// draws as fast as it can acknowledges every 32 KiB, some hundred times a second.
var messagesOfOne = quota{burst: 2000, interval: time.Second / 1000}

// questionsOfOne is how fast a page may ask: a click is a question, and so is each Enter in a terminal.
var questionsOfOne = quota{burst: 60, interval: time.Second / 20}

// socket is a websocket with our bounds. One goroutine reads it, and one writes it.
type socket struct {
	conn  *websocket.Conn
	quota quota // of messages
	rate  bucket

	mu      sync.Mutex
	message bool // a message has begun and is not complete
}

// errWords ends a connection with a reason that the other side is told.
type errWords struct {
	code int
	say  string
}

func (e *errWords) Error() string { return e.say }

// refuse is the error for a message that breaks the protocol.
func refuse(format string, a ...any) error {
	return &errWords{websocket.ClosePolicyViolation, fmt.Sprintf(format, a...)}
}

// upgrader makes websockets. Neither kind is compressed: a terminal's bytes are mostly a few at a time, readings are some
// kilobytes a second; the deflater would cost more memory and time than the network that it saves.
func newUpgrader() *websocket.Upgrader {
	return &websocket.Upgrader{
		HandshakeTimeout: 5 * time.Second,
		ReadBufferSize:   4 << 10,
		WriteBufferSize:  4 << 10,
		WriteBufferPool:  &sync.Pool{},
		CheckOrigin:      ours,
	}
}

// upgrade turns the request into a websocket. The caller has checked everything that deserves a status of its own.
func (s *Server) upgrade(w http.ResponseWriter, r *http.Request) (*socket, error) {
	u := *s.upgrader
	var failed *fault
	u.Error = func(_ http.ResponseWriter, _ *http.Request, status int, reason error) {
		failed = &fault{status: status, say: "This address is a websocket.", do: "Open the lesson's page instead.", err: reason}
	}
	conn, err := u.Upgrade(w, r, nil)
	if failed != nil {
		return nil, failed
	}
	if err != nil {
		return nil, &fault{status: http.StatusBadRequest, say: "The websocket could not be opened.", err: err}
	}
	sock := &socket{conn: conn, quota: messagesOfOne}
	conn.SetReadLimit(maxBinary)
	if err := sock.awake(); err != nil {
		return nil, err
	}
	conn.SetPongHandler(func(string) error { return sock.heard() })
	conn.SetPingHandler(func(payload string) error {
		if err := sock.heard(); err != nil {
			return err
		}
		err := conn.WriteControl(websocket.PongMessage, []byte(payload), time.Now().Add(time.Second))
		if errors.Is(err, websocket.ErrCloseSent) || isTimeout(err) {
			return nil
		}
		return err
	})
	return sock, nil
}

func isTimeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

// heard notes a ping or a pong.
func (s *socket) heard() error {
	s.slow()
	return s.awake()
}

// awake moves the time at which the connection is given up, unless a message is under way.
func (s *socket) awake() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.message {
		return nil
	}
	return s.conn.SetReadDeadline(time.Now().Add(quietTime))
}

// slow waits when messages come too fast. The reading goroutine calls it, so the other side is held back by TCP.
func (s *socket) slow() {
	for {
		wait := s.rate.take(s.quota, time.Now())
		if wait == 0 {
			return
		}
		time.Sleep(wait) //nolint:forbidigo // to be slow is what a quota is for
	}
}

// read returns the next message. For a message that is too large the error is an *errWords.
func (s *socket) read() (kind int, message []byte, err error) {
	s.slow()
	kind, r, err := s.conn.NextReader()
	if err != nil {
		return 0, nil, err
	}
	s.mu.Lock()
	s.message = true
	err = s.conn.SetReadDeadline(time.Now().Add(messageTime))
	s.mu.Unlock()
	if err != nil {
		return 0, nil, err
	}
	defer func() {
		s.mu.Lock()
		s.message = false
		s.mu.Unlock()
		if e := s.awake(); err == nil {
			err = e
		}
	}()

	limit := maxBinary
	if kind == websocket.TextMessage {
		limit = maxText
	}
	message, err = io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if errors.Is(err, websocket.ErrReadLimit) || err == nil && len(message) > limit {
		return 0, nil, &errWords{websocket.CloseMessageTooBig, fmt.Sprintf("a message of this kind has at most %d bytes", limit)}
	}
	if err == nil && kind == websocket.TextMessage && !utf8.Valid(message) {
		return 0, nil, &errWords{websocket.CloseInvalidFramePayloadData, "a text message is UTF-8"}
	}
	return kind, message, err
}

// write sends one message. Only the writing goroutine calls it.
func (s *socket) write(kind int, message []byte) error {
	if err := s.conn.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return err
	}
	return s.conn.WriteMessage(kind, message)
}

// writeJSON sends one text message. Only the writing goroutine calls it.
func (s *socket) writeJSON(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode a message: %w", err)
	}
	return s.write(websocket.TextMessage, b)
}

// ping asks the browser's side whether it is there. Any goroutine may call it.
func (s *socket) ping() error {
	err := s.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(time.Second))
	if isTimeout(err) {
		return nil // a large message is under way; its own deadline watches over it
	}
	return err
}

// close ends the connection and tells why, if err is for the other side's ears. Any goroutine may call it, more than once.
func (s *socket) close(err error) {
	code, say := websocket.CloseNormalClosure, ""
	if words, ok := errors.AsType[*errWords](err); ok {
		code, say = words.code, words.say
	}
	if _, ok := errors.AsType[*websocket.CloseError](err); !ok && code != 0 {
		_ = s.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, short(say)), time.Now().Add(time.Second))
	}
	s.conn.Close()
}

// short cuts words to what a close frame has room for: 123 bytes of UTF-8, see RFC 6455, 5.5.
func short(words string) string {
	const most = 123
	if len(words) <= most {
		return words
	}
	words = words[:most-len("…")]
	for !utf8.ValidString(words) {
		words = words[:len(words)-1]
	}
	return words + "…"
}

// decode reads a control message strictly: an object, known keys of the right types, nothing behind it.
func decode(message []byte, v any) error {
	d := json.NewDecoder(strings.NewReader(string(message)))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return refuse("the message is not understood: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return refuse("the message is not understood: there is something behind it")
	}
	return nil
}
