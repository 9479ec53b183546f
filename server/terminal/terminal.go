// Package terminal keeps shells running while people come and go.
//
// A Session owns one Shell, which is a program on a pty, from its start to its end. Whatever the program writes goes
// into a scrollback that is addressed by absolute offset: byte 0 is the first byte that the shell ever wrote. Viewers
// attach at an offset, and take what follows it:
//
//	              Type                       Read                      Take
//	viewer ──▶ input (bounded) ──▶ pty ──▶ scrollback (bounded) ──▶ viewer, viewer, …
//	       ──────────────────────────────────── Ack ────────────▶ may the pty be read on?
//
// The offset does two things. A viewer that lost its connection attaches again where it stood and neither loses nor
// doubles a byte. And a viewer acknowledges what it has drawn, so the session knows how far behind it is.
//
// # The owner
//
// Of the viewers that may type (Writer), the one that attached last is the owner. Its window gives the pty its size, and
// its acknowledgements decide whether the pty is read: with more than Options.Window bytes unacknowledged the session
// stops reading, the kernel's buffer fills, and the program waits in write(2), as it would on a slow terminal. So ^C is
// answered after at most a window of old output, however fast the program writes. When the owner detaches, the writer
// that attached last before it takes over.
//
// Everybody else only looks. A viewer that falls behind the scrollback skips to what is left of it and is told the new
// offset; it slows down nobody.
//
// # Nobody there
//
// A shell without an owner keeps running and its output keeps being read, into the same bounded scrollback, but at no
// more than Options.Unattended bytes a second. The limit is there because a forgotten yes(1) would otherwise take a
// processor for as long as the sandbox lives, and the choice of a rate over a stop is there because a build that was
// left alone over lunch should be found finished.
//
// # Cost
//
// A session has three goroutines: one reads the pty, one writes it, one waits for the program. A viewer has none; whoever
// attached takes its output in a goroutine of his own. The scrollback grows in chunks of 32 KiB up to Options.Scrollback,
// so a shell that has shown a prompt and no more costs 32 KiB. See docs/protocol.md for how viewers speak over a socket.
package terminal

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// Shell is a program on the tty side of a pty; the methods are those of the pty side.
//
// Read returns io.EOF or any other error once nobody holds the tty any more (Linux says EIO). Close hangs up and makes
// Read, Write and Wait return. Wait returns the exit status as $? has it.
type Shell interface {
	io.ReadWriteCloser
	Resize(Size) error
	Wait() (status int, err error)
}

// Size is a terminal's size in character cells.
type Size struct{ Rows, Cols uint16 }

// MaxCells is the largest number of rows and of columns that a terminal may have. Beyond any screen, and small enough
// that no program in the sandbox or in the browser runs out of memory drawing it.
const MaxCells = 1000

// Check refuses a size that no terminal has.
func (s Size) Check() error {
	if s.Rows < 1 || s.Rows > MaxCells || s.Cols < 1 || s.Cols > MaxCells {
		return fmt.Errorf("a terminal has 1 to %d rows and columns, not %d rows and %d columns", MaxCells, s.Rows, s.Cols)
	}
	return nil
}

// Options are the bounds of a session. The zero value of each means its default.
type Options struct {
	// Scrollback is how many bytes of output are kept. Default 1 MiB: somewhat more than the 10,000 lines that the
	// page's terminal keeps.
	Scrollback int
	// Window is how many bytes the owner may have unacknowledged before the pty is no longer read. Default 512 KiB. A
	// browser draws some 20 MB/s and acknowledges once a frame (16 ms), so this never starves it, and it draws what was
	// under way within about 25 ms of a ^C. It must be smaller than Scrollback.
	Window int
	// Unattended is how many bytes a second are read while there is no owner. Default 1 MiB.
	Unattended int
	// Input is how many typed bytes may wait for the program to read them. Default 64 KiB.
	Input int
	// Patience is how long Type waits for a program that does not read its input. Default 5 s.
	Patience time.Duration
	// Grace is how long output is still read after the program has ended, while other processes hold its tty.
	// Default 500 ms.
	Grace time.Duration
	// Viewers is how many may be attached at a time. Default 64.
	Viewers int
}

func (o Options) withDefaults() Options {
	if o.Scrollback <= 0 {
		o.Scrollback = 1 << 20
	}
	if o.Window <= 0 || o.Window >= o.Scrollback {
		o.Window = o.Scrollback / 2
	}
	if o.Unattended <= 0 {
		o.Unattended = 1 << 20
	}
	if o.Input <= 0 {
		o.Input = 64 << 10
	}
	if o.Patience <= 0 {
		o.Patience = 5 * time.Second
	}
	if o.Grace <= 0 {
		o.Grace = 500 * time.Millisecond
	}
	if o.Viewers <= 0 {
		o.Viewers = 64
	}
	return o
}

var (
	// ErrEnded says that the shell has ended, so nothing can be typed.
	ErrEnded = errors.New("the shell has ended")
	// ErrNotReading says that the program in front does not read its input, so what was typed is dropped.
	ErrNotReading = errors.New("the program does not read its input")
	// ErrReadOnly says that this viewer may only look.
	ErrReadOnly = errors.New("this viewer may only look")
	// ErrCrowded says that as many viewers are attached as there may be.
	ErrCrowded = errors.New("too many viewers of one terminal")
	// ErrDetached says that the viewer is no longer attached.
	ErrDetached = errors.New("the viewer is detached")
	// ErrNeverSent says that a viewer acknowledged bytes that it was never given.
	ErrNeverSent = errors.New("acknowledged bytes that were never sent")
)
