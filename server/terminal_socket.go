package server

import (
	"bytes"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/gorilla/websocket"

	"glassbox/server/terminal"
)

// maxFrame is how many bytes of output go into one frame. Large enough that frames cost nothing, small enough that a
// browser draws one within a frame of its own.
const maxFrame = 32 << 10

// serveTerminal is GET /ws/terminal/{id}?offset=N; see docs/protocol.md.
func (s *Server) serveTerminal(w http.ResponseWriter, r *http.Request) error {
	if !ours(r) {
		return errForeign
	}
	who, ok := s.signer.visitor(r)
	if !ok {
		return errNobody
	}
	session, seat := s.seats.terminal(who, r.PathValue("id"))
	if session == nil {
		return &fault{status: http.StatusNotFound, say: "There is no such terminal.", do: "Reload the lesson."}
	}
	offset := int64(0)
	if q := r.URL.Query().Get("offset"); q != "" {
		n, err := strconv.ParseInt(q, 10, 64)
		if err != nil || n < 0 {
			return &fault{status: http.StatusBadRequest, say: "The offset is a number of bytes, from 0."}
		}
		offset = n
	}
	viewer, err := session.Attach(offset, terminal.Writer)
	if err != nil {
		return &fault{status: http.StatusTooManyRequests, say: "This terminal is open in too many places.", do: "Close some of them.", err: err}
	}
	defer viewer.Detach()
	sock, err := s.upgrade(w, r)
	if err != nil {
		return err
	}
	if !s.sockets.add(sock) {
		return nil
	}
	defer s.sockets.remove(sock)

	gone := make(chan struct{})
	written := make(chan struct{})
	go func() {
		defer close(written)
		sock.close(show(sock, viewer, gone))
	}()
	sock.close(listen(sock, viewer, seat.command)) // before gone is: the reason to close is the reader's
	close(gone)
	<-written
	return nil
}

var (
	errForeign = &fault{status: http.StatusForbidden, say: "This page may not open a websocket here.", do: "Open the lab by its own address."}
	errNobody  = &fault{status: http.StatusForbidden, say: "We do not know you: the cookie is missing.", do: "Reload the page, with cookies allowed for this site."}
)

// attached, resized and exit are what a terminal's socket says in text.
type (
	attached struct {
		Type   string `json:"type"`
		Offset int64  `json:"offset"`
		Rows   uint16 `json:"rows"`
		Cols   uint16 `json:"cols"`
		Owner  bool   `json:"owner"`
	}
	resized struct {
		Type  string `json:"type"`
		Rows  uint16 `json:"rows"`
		Cols  uint16 `json:"cols"`
		Owner bool   `json:"owner"`
	}
	exit struct {
		Type   string `json:"type"`
		Status int    `json:"status"`
	}
)

// show writes what the viewer takes to the socket, until the shell has ended or the connection has.
func show(sock *socket, viewer *terminal.Viewer, gone <-chan struct{}) error {
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	for {
		var err error
		switch o := viewer.Take(maxFrame); o.Kind {
		case terminal.Bytes:
			err = sock.write(websocket.BinaryMessage, o.Bytes)
		case terminal.Attached:
			err = sock.writeJSON(attached{"attached", o.Offset, o.Size.Rows, o.Size.Cols, o.Owner})
		case terminal.Resized:
			err = sock.writeJSON(resized{"resized", o.Size.Rows, o.Size.Cols, o.Owner})
		case terminal.Exit:
			if err := sock.writeJSON(exit{"exit", o.Status}); err != nil {
				return err
			}
			return &errWords{websocket.CloseNormalClosure, "the shell has ended"}
		case terminal.Nothing:
			select {
			case <-viewer.Ready():
			case <-ping.C:
				err = sock.ping()
			case <-gone:
				return nil
			}
		}
		if err != nil {
			return err
		}
	}
}

// listen reads what the browser sends: bytes to type, and control messages. It calls command before the learner's Enter is typed.
func listen(sock *socket, viewer *terminal.Viewer, command func()) error {
	for {
		kind, message, err := sock.read()
		if err != nil {
			return err
		}
		if kind == websocket.BinaryMessage {
			if bytes.IndexByte(message, '\r') >= 0 {
				command()
			}
			err = viewer.Type(message)
			if errors.Is(err, terminal.ErrNotReading) || errors.Is(err, terminal.ErrEnded) {
				err = nil // as on any terminal, where it is lost as well
			}
		} else {
			err = control(message, viewer)
		}
		if err != nil {
			return err
		}
	}
}

// control obeys one control message.
func control(message []byte, viewer *terminal.Viewer) error {
	var c struct {
		Type   string  `json:"type"`
		Rows   *uint16 `json:"rows"`
		Cols   *uint16 `json:"cols"`
		Offset *int64  `json:"offset"`
	}
	if err := decode(message, &c); err != nil {
		return err
	}
	switch c.Type {
	case "resize":
		if c.Rows == nil || c.Cols == nil {
			return refuse("resize needs rows and cols")
		}
		size := terminal.Size{Rows: *c.Rows, Cols: *c.Cols}
		if err := size.Check(); err != nil {
			return refuse("%v", err)
		}
		if err := viewer.Resize(size); err != nil {
			return nil // the shell is about to end; its exit is on its way
		}
		return nil
	case "ack":
		if c.Offset == nil {
			return refuse("ack needs an offset")
		}
		if err := viewer.Ack(*c.Offset); err != nil {
			return refuse("%v", err)
		}
		return nil
	}
	return refuse("a terminal knows resize and ack, and not %q", c.Type)
}
