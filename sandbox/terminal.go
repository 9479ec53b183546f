package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"glassbox/sandbox/handshake"
)

// Command is a program to run on a new terminal of a sandbox.
type Command struct {
	Argv []string // default: a login shell
	Env  []string // added to the sandbox's own
	Dir  string   // default /root
	Rows uint16   // default 24
	Cols uint16   // default 80
}

// Terminal is the lab's side of a pty, whose other side, the tty, is /dev/pts/N in the sandbox. Its bytes are read and
// written raw. See pty(7).
type Terminal struct {
	pty  *os.File
	once sync.Once

	id     int
	ended  chan struct{}
	status int
}

// ErrEnded says that the sandbox is gone.
var ErrEnded = errors.New("the sandbox has ended")

// Shell opens one more terminal and starts a program on it.
func (s *Sandbox) Shell(ctx context.Context, c Command) (*Terminal, error) {
	ptmx, tty, err := s.openPTY(c)
	if err != nil {
		return nil, fmt.Errorf("terminal: %w", err)
	}
	defer unix.Close(tty)
	t := &Terminal{pty: ptmx, ended: make(chan struct{}), status: -1}

	started := make(chan error, 1)
	s.mu.Lock()
	s.nextID++
	t.id = s.nextID
	s.terminals[t.id] = t
	s.starting[t.id] = started
	s.mu.Unlock()

	shell := &handshake.Shell{ID: t.id, Argv: c.Argv, Env: append(s.env(), c.Env...), Dir: c.Dir}
	if len(shell.Argv) == 0 {
		shell.Argv = []string{"bash", "-l"}
		if s.lab.shell != "" {
			shell.Argv[0] = s.lab.shell
		}
	}
	if shell.Dir == "" {
		shell.Dir = "/root"
	}
	err = s.socket.send(handshake.Message{Kind: handshake.Start, Shell: shell}, tty)
	if err == nil {
		select {
		case err = <-started:
		case <-s.done:
			err = ErrEnded
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	if err != nil {
		s.forget(t.id)
		ptmx.Close()
		return nil, fmt.Errorf("terminal: %w", err)
	}
	return t, nil
}

// openPTY makes a pair in the sandbox's own devpts, from outside: the lab holds that file system by descriptor since
// before the learner came, and asks it for the tty by ioctl (TIOCGPTPEER) and never by a path. What the learner has mounted over
// ptmx is not opened: it may be a symbolic link, which would be followed on the host.
func (s *Sandbox) openPTY(c Command) (ptmx *os.File, tty int, err error) {
	fd, err := unix.Openat2(int(s.devpts.Fd()), "ptmx", &unix.OpenHow{
		Flags:   unix.O_RDWR | unix.O_NOCTTY | unix.O_CLOEXEC | unix.O_NONBLOCK,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_XDEV,
	})
	if err != nil {
		return nil, -1, fmt.Errorf("open ptmx: %w", err)
	}
	ptmx = os.NewFile(uintptr(fd), "ptmx")
	defer func() {
		if err != nil {
			ptmx.Close()
		}
	}()
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return nil, -1, fmt.Errorf("unlock the tty: %w", err)
	}
	peer, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)
	if errno != 0 {
		return nil, -1, fmt.Errorf("open the tty: %w", errno)
	}
	tty = int(peer)
	rows, cols := c.Rows, c.Cols
	if rows == 0 || cols == 0 {
		rows, cols = 24, 80
	}
	if err := pty.Setsize(ptmx, &pty.Winsize{Rows: rows, Cols: cols}); err != nil {
		unix.Close(tty)
		return nil, -1, fmt.Errorf("set the size: %w", err)
	}
	// Backspace in the kernel's own line editing then takes away a character and not a byte of it.
	if termios, err := unix.IoctlGetTermios(tty, unix.TCGETS); err == nil {
		termios.Iflag |= unix.IUTF8
		_ = unix.IoctlSetTermios(tty, unix.TCSETS, termios)
	}
	return ptmx, tty, nil
}

// Read reads what programs wrote to the tty. It returns an error once nobody holds the tty any more.
func (t *Terminal) Read(p []byte) (int, error) { return t.pty.Read(p) }

// Write types. What the terminal's line discipline makes of it, an interrupt for ^C say, is as on any terminal.
func (t *Terminal) Write(p []byte) (int, error) { return t.pty.Write(p) }

// Resize tells the programs on the tty how large it is, in characters. They get a SIGWINCH.
func (t *Terminal) Resize(rows, cols uint16) error {
	if err := pty.Setsize(t.pty, &pty.Winsize{Rows: rows, Cols: cols}); err != nil {
		return fmt.Errorf("resize: %w", err)
	}
	return nil
}

// Foreground is the process group in front of the terminal, as the host numbers it; 0 if there is none.
func (t *Terminal) Foreground() int {
	pgrp := 0
	conn, err := t.pty.SyscallConn()
	if err != nil {
		return 0
	}
	_ = conn.Control(func(fd uintptr) {
		if n, err := unix.IoctlGetInt(int(fd), unix.TIOCGPGRP); err == nil {
			pgrp = n
		}
	})
	return pgrp
}

// Wait waits for the program that Shell started and returns its exit status as a shell's $? has it. If the sandbox ended with it, the error is ErrEnded.
func (t *Terminal) Wait() (int, error) {
	<-t.ended
	if t.status < 0 {
		return t.status, ErrEnded
	}
	return t.status, nil
}

// Close hangs up: the programs on the tty get a SIGHUP.
func (t *Terminal) Close() error {
	var err error
	t.once.Do(func() { err = t.pty.Close() })
	return err
}
