package sandbox

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"glassbox/sandbox/handshake"
)

// socket is the lab's end of the conversation with a sandbox.
type socket struct {
	file *os.File
	conn syscall.RawConn
}

// socketPair returns the lab's end and the sandbox's. Messages that arrive at the lab's carry the sender's host pid.
func socketPair() (*socket, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("socketpair: %w", err)
	}
	ours, theirs := fds[0], os.NewFile(uintptr(fds[1]), "sandbox's end")
	fail := func(err error) (*socket, *os.File, error) {
		unix.Close(ours)
		theirs.Close()
		return nil, nil, err
	}
	if err := unix.SetsockoptInt(ours, unix.SOL_SOCKET, unix.SO_PASSCRED, 1); err != nil {
		return fail(fmt.Errorf("SO_PASSCRED: %w", err))
	}
	// Not blocking, so that a sandbox that says nothing costs the lab no thread.
	if err := unix.SetNonblock(ours, true); err != nil {
		return fail(err)
	}
	s := &socket{file: os.NewFile(uintptr(ours), "lab's end")}
	if s.conn, err = s.file.SyscallConn(); err != nil {
		return fail(err)
	}
	return s, theirs, nil
}

func (s *socket) send(m handshake.Message, fds ...int) error {
	var err error
	werr := s.conn.Write(func(fd uintptr) bool {
		err = handshake.Send(int(fd), m, fds...)
		return !isAgain(err)
	})
	if werr != nil {
		return werr
	}
	return err
}

// receive waits for a message of at most limit bytes. No descriptors are taken.
func (s *socket) receive(limit int) (handshake.Received, error) {
	var m handshake.Received
	var err error
	rerr := s.conn.Read(func(fd uintptr) bool {
		m, err = handshake.Receive(int(fd), limit, 0)
		return !isAgain(err)
	})
	if rerr != nil {
		return m, rerr
	}
	return m, err
}

func (s *socket) deadline(t time.Time) { _ = s.file.SetDeadline(t) }

func (s *socket) close() { s.file.Close() }

func isAgain(err error) bool { return errors.Is(err, unix.EAGAIN) }
