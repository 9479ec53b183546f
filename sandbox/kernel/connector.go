package kernel

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Connector hears from the kernel's process connector (drivers/connector/cn_proc.c) of every fork, exec and exit on the machine,
// and tells each [Recorder] of those in its sandbox. One serves a whole lab. A process is a sandbox's if its parent was.
//
// It needs CAP_NET_ADMIN, the host's own pid and network namespaces, and a kernel with CONFIG_PROC_EVENTS.
type Connector struct {
	log  *slog.Logger
	fd   int
	done chan struct{}

	mu     sync.Mutex
	owners map[int]*Recorder // by the host's pid
	lost   uint64
}

// Of include/uapi/linux/cn_proc.h.
const (
	cnIdxProc, cnValProc = 1, 1
	cnMcastListen        = 1
	cnMcastIgnore        = 2
	cnNone               = 0x00000000 // the answer to cnMcastListen
	cnFork               = 0x00000001
	cnExec               = 0x00000002
	cnExit               = 0x80000000

	sizeofCnMsg = 20 // id (2 × 32 bits), seq, ack, len (16), flags (16)
	sizeofEvent = 16 // what (32 bits), cpu (32), timestamp_ns (64); then what depends on what
)

// Listen begins to hear, until ctx ends; Done is closed then. It fails where the kernel does not tell: without the right to ask, in another
// pid namespace than the host's, or without CONFIG_PROC_EVENTS.
func Listen(ctx context.Context, log *slog.Logger) (_ *Connector, err error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_CONNECTOR)
	if err != nil {
		return nil, fmt.Errorf("process connector: socket: %w", err)
	}
	defer func() {
		if err != nil {
			unix.Close(fd)
		}
	}()
	// A fork bomb makes some 20,000 events a second, of 76 bytes and 700 of bookkeeping each.
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 16<<20); err != nil {
		return nil, fmt.Errorf("process connector: SO_RCVBUFFORCE: %w", err)
	}
	wait := unix.NsecToTimeval(int64(250 * time.Millisecond)) // to notice that ctx has ended
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait); err != nil {
		return nil, fmt.Errorf("process connector: SO_RCVTIMEO: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: cnIdxProc}); err != nil {
		return nil, fmt.Errorf("process connector: bind: %w", err)
	}
	number := rand.Uint32() >> 1 // the answer has the next one
	if err := order(fd, cnMcastListen, number); err != nil {
		return nil, fmt.Errorf("process connector: listen: %w", err)
	}
	if err := answered(fd, number+1); err != nil {
		return nil, fmt.Errorf("process connector: %w", err)
	}
	c := &Connector{log: log, fd: fd, done: make(chan struct{}), owners: map[int]*Recorder{}}
	go c.hear(ctx)
	return c, nil
}

// order tells the kernel to speak, or to speak no more, and gives the order a number.
func order(fd int, what, number uint32) error {
	b := make([]byte, unix.SizeofNlMsghdr+sizeofCnMsg+4)
	le := binary.NativeEndian
	le.PutUint32(b, uint32(len(b)))
	le.PutUint16(b[4:], unix.NLMSG_DONE)
	le.PutUint32(b[12:], uint32(os.Getpid()))
	le.PutUint32(b[16:], cnIdxProc)
	le.PutUint32(b[20:], cnValProc)
	le.PutUint32(b[28:], number)
	le.PutUint16(b[32:], 4)
	le.PutUint32(b[36:], what)
	return unix.Sendto(fd, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
}

// answered waits for the kernel's answer with that number. Some do not answer who may not listen, so it does not wait for long.
func answered(fd int, number uint32) error {
	b := make([]byte, 64<<10)
	for deadline := time.Now().Add(2 * time.Second); time.Now().Before(deadline); {
		n, from, err := unix.Recvfrom(fd, b, 0)
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) || errors.Is(err, unix.ENOBUFS) {
			continue
		}
		if err != nil {
			return err
		}
		if a, ok := from.(*unix.SockaddrNetlink); !ok || a.Pid != 0 {
			continue
		}
		found, refused := false, unix.Errno(0)
		messages(b[:n], func(_ uint16, body []byte) {
			if errno, ok := parseProcAnswer(body, number); ok {
				found, refused = true, errno
			}
		})
		if found && refused != 0 {
			return fmt.Errorf("listen: %w", refused)
		}
		if found {
			return nil
		}
	}
	return errors.New("the kernel does not answer: this is not the host's pid namespace, or the kernel is without CONFIG_PROC_EVENTS")
}

// parseProcAnswer reads the answer with that number: struct cn_msg, with the number as its ack, and struct proc_event, whose only word
// is an errno.
func parseProcAnswer(b []byte, number uint32) (errno unix.Errno, ok bool) {
	const data = sizeofCnMsg + sizeofEvent
	if len(b) < data+4 || binary.NativeEndian.Uint32(b[sizeofCnMsg:]) != cnNone || binary.NativeEndian.Uint32(b[12:]) != number {
		return 0, false
	}
	return unix.Errno(binary.NativeEndian.Uint32(b[data:])), true
}

// Done is closed when it hears no more.
func (c *Connector) Done() <-chan struct{} { return c.done }

// Lost is how often the kernel had more to say than was taken in time. What fell out then is seen by sampling only.
func (c *Connector) Lost() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lost
}

// hear has a thread of its own, which the kernel wakes the moment that something happens: a program like true(1) lives for
// less than a millisecond after its exec. So it goes before all others, as a busy machine has many (sched(7)); it has little to do.
func (c *Connector) hear(ctx context.Context) {
	runtime.LockOSThread() // for good: the thread ends with the goroutine, and its priority with it
	urgent := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 1, Flags: unix.SCHED_FLAG_RESET_ON_FORK}
	if err := unix.SchedSetAttr(0, &urgent, 0); err != nil {
		c.log.Debug("process connector: no priority", "error", err)
	}
	defer close(c.done)
	defer func() {
		_ = order(c.fd, cnMcastIgnore, 0) // kernels before 6.6 do not notice that nobody listens any more, and go on
		unix.Close(c.fd)
	}()
	b := make([]byte, 64<<10)
	for ctx.Err() == nil {
		n, from, err := unix.Recvfrom(c.fd, b, 0)
		switch {
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ENOBUFS):
			c.mu.Lock()
			c.lost++
			clear(c.owners) // pids may mean others by now; the recorders name theirs again at their next look
			c.mu.Unlock()
			continue
		case err != nil:
			c.log.Error("process connector", "error", err)
			return
		}
		if a, ok := from.(*unix.SockaddrNetlink); !ok || a.Pid != 0 {
			continue // not from the kernel
		}
		messages(b[:n], func(_ uint16, body []byte) {
			if e, ok := parseProcEvent(body); ok {
				c.tell(e)
			}
		})
	}
}

// procEvent is one event of the process connector; pids are the host's.
type procEvent struct {
	what   uint32
	pid    int // of the process: in a fork, the child
	parent int // in a fork
	status int // at the end: as wait(2) gives it
}

// parseProcEvent reads struct cn_msg and struct proc_event. Those about threads and those of other kinds are not ok:
//
//	fork: parent_pid, parent_tgid, child_pid, child_tgid
//	exec: process_pid, process_tgid
//	exit: process_pid, process_tgid, exit_code, exit_signal, parent_pid, parent_tgid
func parseProcEvent(b []byte) (e procEvent, ok bool) {
	const data = sizeofCnMsg + sizeofEvent
	if len(b) < data {
		return e, false
	}
	word := func(i int) int {
		if len(b) < data+4*i+4 {
			return -1
		}
		return int(binary.NativeEndian.Uint32(b[data+4*i:]))
	}
	e.what = binary.NativeEndian.Uint32(b[sizeofCnMsg:])
	switch e.what {
	case cnFork:
		e.parent, e.pid = word(1), word(2)
		return e, e.pid > 0 && e.pid == word(3)
	case cnExec:
		e.pid = word(1)
		return e, e.pid > 0
	case cnExit:
		e.pid, e.status = word(0), word(2)
		return e, e.pid > 0 && e.pid == word(1) && e.status >= 0
	}
	return e, false
}

// tell hands an event to the recorder of the sandbox that it is about.
func (c *Connector) tell(e procEvent) {
	c.mu.Lock()
	of := e.pid
	if e.what == cnFork {
		of = e.parent
	}
	r := c.owners[of]
	switch {
	case e.what == cnExit || e.what == cnFork && r == nil: // a pid that was a sandbox's once, used again
		delete(c.owners, e.pid)
	case e.what == cnFork:
		c.owners[e.pid] = r
	}
	c.mu.Unlock()
	if r != nil {
		r.hear(e)
	}
}

// follow has a recorder told of these processes and of all that descend from them.
func (c *Connector) follow(r *Recorder, pids []int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, pid := range pids {
		c.owners[pid] = r
	}
}

func (c *Connector) forget(r *Recorder) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for pid, owner := range c.owners {
		if owner == r {
			delete(c.owners, pid)
		}
	}
}
