package terminal

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// tape is a Shell that writes what the test feeds it, and remembers what it was typed.
type tape struct {
	output chan []byte // what the program writes
	rest   []byte
	exit   chan int
	closed chan struct{}
	once   sync.Once

	deaf chan struct{} // when not nil, Write blocks until it or the shell is closed

	mu    sync.Mutex
	typed bytes.Buffer
	sizes []Size
	reads int // bytes
}

func newTape() *tape {
	return &tape{output: make(chan []byte), exit: make(chan int, 1), closed: make(chan struct{})}
}

func (t *tape) Read(p []byte) (int, error) {
	if len(t.rest) == 0 {
		select {
		case b, ok := <-t.output:
			if !ok {
				return 0, io.EOF
			}
			t.rest = b
		case <-t.closed:
			return 0, io.EOF
		}
	}
	n := copy(p, t.rest)
	t.rest = t.rest[n:]
	t.mu.Lock()
	t.reads += n
	t.mu.Unlock()
	return n, nil
}

func (t *tape) Write(p []byte) (int, error) {
	if t.deaf != nil {
		select {
		case <-t.deaf:
		case <-t.closed:
			return 0, io.ErrClosedPipe
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.typed.Write(p)
}

func (t *tape) Resize(s Size) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sizes = append(t.sizes, s)
	return nil
}

func (t *tape) Wait() (int, error) {
	select {
	case status := <-t.exit:
		return status, nil
	case <-t.closed:
		return -1, errors.New("closed")
	}
}

func (t *tape) Close() error {
	t.once.Do(func() { close(t.closed) })
	return nil
}

func (t *tape) read() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.reads
}

// endless feeds the shell with blocks of 4 KiB until it is closed, like yes(1).
func (t *tape) endless() {
	block := bytes.Repeat([]byte("y\n"), 2048)
	for {
		select {
		case t.output <- block:
		case <-t.closed:
			return
		}
	}
}

func start(t *testing.T, shell Shell, o Options) *Session {
	t.Helper()
	s := Start(shell, Size{24, 80}, o, slog.New(slog.DiscardHandler))
	t.Cleanup(func() { _ = s.Close(); <-s.Ended() })
	return s
}

func attach(t *testing.T, s *Session, offset int64, role Role) *Viewer {
	t.Helper()
	v, err := s.Attach(offset, role)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// take takes until there is nothing, and returns the bytes and what was told apart from them.
func take(v *Viewer) (b []byte, told []Output) {
	for {
		switch o := v.Take(1 << 16); o.Kind {
		case Nothing:
			return b, told
		case Bytes:
			b = append(b, o.Bytes...)
		default:
			told = append(told, o)
		}
	}
}

func TestExitIsToldAfterTheLastByte(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shell := newTape()
		s := start(t, shell, Options{})
		v := attach(t, s, 0, Writer)
		shell.output <- []byte("bye\r\n")
		shell.exit <- 7
		<-s.Ended()
		b, told := take(v)
		if string(b) != "bye\r\n" {
			t.Errorf("got %q", b)
		}
		if n := len(told); n != 2 || told[0].Kind != Attached || told[1].Kind != Exit || told[1].Status != 7 {
			t.Errorf("told %+v, want attached, then exit with status 7", told)
		}
		if err := v.Type([]byte("x")); !errors.Is(err, ErrEnded) {
			t.Errorf("typing after the end: %v", err)
		}
		late := attach(t, s, 2, Reader)
		if b, _ := take(late); string(b) != "e\r\n" {
			t.Errorf("a late viewer got %q", b)
		}
	})
}

// A process that the shell left on its tty must not keep the session alive.
func TestBackgroundProcessKeepsNoSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shell := newTape()
		s := start(t, shell, Options{})
		attach(t, s, 0, Writer) // acknowledges nothing
		go shell.endless()
		shell.exit <- 0
		began := time.Now()
		<-s.Ended()
		if d := time.Since(began); d > time.Second {
			t.Errorf("ended after %v", d)
		}
	})
}

func TestOwnerThatDoesNotAcknowledgeStopsThePTY(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shell := newTape()
		const window = 64 << 10
		s := start(t, shell, Options{Window: window, Unattended: 4096})
		go shell.endless()
		v := attach(t, s, 0, Writer)
		synctest.Wait()
		before := shell.read()
		time.Sleep(time.Minute) // of the bubble's clock
		synctest.Wait()
		if got := shell.read(); got != before {
			t.Errorf("%d bytes were read in a minute without an acknowledgement", got-before)
		}
		b, _ := take(v)
		if len(b) < window || len(b) > window+chunkSize {
			t.Errorf("got %d bytes ahead, want a window of %d", len(b), window)
		}
		if err := v.Ack(int64(len(b)) + 1); !errors.Is(err, ErrNeverSent) {
			t.Errorf("acknowledging bytes to come: %v", err)
		}
		if err := v.Ack(int64(len(b))); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if more, _ := take(v); len(more) < window {
			t.Errorf("got %d bytes after the acknowledgement", len(more))
		}
	})
}

// A viewer that only looks, and never, must not stop the owner.
func TestReaderThrottlesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shell := newTape()
		s := start(t, shell, Options{Scrollback: 128 << 10})
		owner := attach(t, s, 0, Writer)
		slow := attach(t, s, 0, Reader)
		go shell.endless()
		var drawn int64
		for drawn < 1<<20 {
			<-owner.Ready()
			b, _ := take(owner)
			drawn += int64(len(b))
			if err := owner.Ack(drawn); err != nil {
				t.Fatal(err)
			}
		}
		_, told := take(slow)
		last := told[len(told)-1]
		if last.Kind != Attached || last.Offset == 0 || last.Owner {
			t.Errorf("the slow reader was told %+v, want a new offset", told)
		}
	})
}

func TestUnattendedShellIsReadSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shell := newTape()
		const rate = 100_000
		s := start(t, shell, Options{Scrollback: 64 << 10, Unattended: rate})
		go shell.endless()
		time.Sleep(time.Minute) // of the bubble's clock
		synctest.Wait()
		if got := shell.read(); got < 55*rate || got > 65*rate {
			t.Errorf("%d bytes were read in a minute, want about %d", got, 61*rate)
		}
		s.mu.Lock()
		kept := len(s.ring.chunks) * chunkSize
		s.mu.Unlock()
		if kept > 128<<10 {
			t.Errorf("%d bytes are kept", kept)
		}
		// Whoever comes gets full speed at once.
		v := attach(t, s, 0, Writer)
		before := shell.read()
		for shell.read() < before+10*rate {
			<-v.Ready()
			for o := v.Take(1 << 20); o.Kind != Nothing; o = v.Take(1 << 20) {
				s.mu.Lock()
				at := v.cursor
				s.mu.Unlock()
				if err := v.Ack(at); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

func TestOwnersSizeRules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shell := newTape()
		s := start(t, shell, Options{})
		first := attach(t, s, 0, Writer)
		resize := func(v *Viewer, rows, cols uint16) {
			t.Helper()
			if err := v.Resize(Size{rows, cols}); err != nil {
				t.Fatal(err)
			}
		}
		resize(first, 30, 100)
		second := attach(t, s, 0, Writer)
		onlooker := attach(t, s, 0, Reader)
		resize(onlooker, 10, 10)
		resize(first, 31, 101) // remembered
		resize(second, 40, 120)
		take(first)
		take(onlooker)
		second.Detach()
		second.Detach()
		want := []Size{{30, 100}, {40, 120}, {31, 101}}
		shell.mu.Lock()
		defer shell.mu.Unlock()
		if len(shell.sizes) != 3 || shell.sizes[0] != want[0] || shell.sizes[1] != want[1] || shell.sizes[2] != want[2] {
			t.Errorf("the pty had the sizes %v, want %v", shell.sizes, want)
		}
		if _, told := take(first); len(told) != 1 || told[0].Kind != Resized || !told[0].Owner || told[0].Size != want[2] {
			t.Errorf("the new owner was told %+v", told)
		}
		if _, told := take(onlooker); len(told) != 1 || told[0].Owner || told[0].Size != want[2] {
			t.Errorf("the onlooker was told %+v", told)
		}
	})
}

func TestBadSizes(t *testing.T) {
	for _, size := range []Size{{0, 0}, {0, 80}, {24, 0}, {65535, 65535}, {24, 1001}, {1001, 80}} {
		if size.Check() == nil {
			t.Errorf("%v is accepted", size)
		}
	}
	for _, size := range []Size{{1, 1}, {24, 80}, {1000, 1000}} {
		if err := size.Check(); err != nil {
			t.Errorf("%v: %v", size, err)
		}
	}
}

func TestTypingIntoADeafProgram(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shell := newTape()
		shell.deaf = make(chan struct{})
		s := start(t, shell, Options{Input: 1000, Patience: 5 * time.Second})
		v := attach(t, s, 0, Writer)
		if err := v.Type(make([]byte, 500)); err != nil { // the one that the pty holds
			t.Fatal(err)
		}
		synctest.Wait()
		if err := v.Type(make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := v.Type([]byte("dropped")); !errors.Is(err, ErrNotReading) {
			t.Errorf("got %v", err)
		}
		if d := time.Since(began); d != 5*time.Second {
			t.Errorf("waited %v", d)
		}
		s.mu.Lock()
		if len(s.input) > 1000 || s.stalled != 0 {
			t.Errorf("%d bytes wait, %d callers", len(s.input), s.stalled)
		}
		s.mu.Unlock()
		close(shell.deaf)
		synctest.Wait()
		if got := shell.typed.Len(); got != 1500 {
			t.Errorf("%d bytes arrived", got)
		}
	})
}

// A paste into a program that answers before it reads on: the acknowledgements are behind the paste, so the pty has to be
// read without them.
func TestLargePasteDoesNotLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shell := newTape()
		shell.deaf = make(chan struct{})
		const window = 8 << 10
		s := start(t, shell, Options{Input: 1000, Window: window})
		v := attach(t, s, 0, Writer)
		answered := make(chan struct{})
		go func() {
			block := make([]byte, 4096)
			for range 4 * window / 4096 {
				shell.output <- block
			}
			close(shell.deaf) // now it reads
			close(answered)
		}()
		if err := v.Type(make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
		<-answered
		synctest.Wait()
		if got := shell.typed.Len(); got != 1<<20 {
			t.Errorf("%d bytes arrived", got)
		}
	})
}

func TestReadersMayNotType(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, newTape(), Options{Viewers: 1})
		if err := attach(t, s, 0, Reader).Type([]byte("x")); !errors.Is(err, ErrReadOnly) {
			t.Errorf("got %v", err)
		}
		if _, err := s.Attach(0, Writer); !errors.Is(err, ErrCrowded) {
			t.Errorf("one viewer too many: %v", err)
		}
	})
}

// TestStream is the promise itself: whatever the connections do, what each viewer has drawn is the program's output, byte by
// byte. A viewer drops at random, loses what was under way, and comes back with the offset it has drawn.
func TestStream(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			shell := newTape()
			s := start(t, shell, Options{Scrollback: 256 << 10, Window: 64 << 10, Unattended: 1 << 20})
			want := make([]byte, 600<<10)
			for i := range want {
				want[i] = byte(random.UintN(256))
			}
			go func() {
				for rest := want; len(rest) > 0; {
					n := min(len(rest), 1+random.IntN(9000))
					shell.output <- rest[:n]
					rest = rest[n:]
				}
				shell.exit <- 0
			}()
			viewers := sync.WaitGroup{}
			for i := range 3 {
				viewers.Go(func() {
					follow(t, s, rand.New(rand.NewPCG(seed, uint64(i)+2)), want, Role(i%2))
				})
			}
			viewers.Wait()
		})
	}
}

// follow draws the session's output until its end and compares it with what the program wrote.
func follow(t *testing.T, s *Session, random *rand.Rand, want []byte, role Role) {
	drawn := int64(0)
	for {
		v, err := s.Attach(drawn, role)
		if err != nil {
			t.Error(err)
			return
		}
		at := drawn
		for range 1 + random.IntN(100) {
			o := v.Take(1 + random.IntN(1<<15))
			switch o.Kind {
			case Nothing:
				<-v.Ready()
			case Attached:
				if o.Offset < drawn {
					t.Errorf("the offset went from %d back to %d", drawn, o.Offset)
				}
				at = o.Offset
			case Bytes:
				if !bytes.Equal(o.Bytes, want[at:at+int64(len(o.Bytes))]) {
					t.Errorf("at %d: not what the program wrote", at)
					v.Detach()
					return
				}
				at += int64(len(o.Bytes))
				if random.IntN(3) > 0 {
					drawn = at
					if err := v.Ack(drawn); err != nil {
						t.Error(err)
					}
				}
			case Exit:
				if at != int64(len(want)) {
					t.Errorf("the end came at %d of %d", at, len(want))
				}
				v.Detach()
				return
			}
		}
		v.Detach()
		time.Sleep(time.Duration(random.IntN(int(50 * time.Millisecond)))) // of the bubble's clock
	}
}
