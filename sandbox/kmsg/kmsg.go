// Package kmsg gives each sandbox its own part of the kernel's log.
//
// The kernel has one log for the whole machine, and a sandbox may not see it. But a learner whose process was killed for want of
// memory wants to read in dmesg why. So one Reader for the lab reads /dev/kmsg on the host, and each Feed has those lines that are
// without doubt about one sandbox:
//
//   - the report of an out-of-memory kill, whole, from "sh invoked oom-killer" to "Killed process", when the group that ran out
//     of memory is at or under the sandbox's (report.go); only the lines about the victim when a group above it ran out,
//     for the rest of the report is about others;
//   - "cgroup: fork rejected by pids controller in …";
//   - segmentation faults and traps, and kills by seccomp, of a process of the sandbox's;
//   - where the kernel says who wrote a line (CONFIG_PRINTK_CALLER), all that a process of the sandbox's made it write.
//
// What cannot be attributed is given to nobody. Nor is a text trusted: a learner chooses the names of processes and groups, and
// could have them look like another's. See attribute in lines.go.
//
//	reader, err := kmsg.Open(ctx, "/dev/kmsg", log)
//	feed := reader.Follow(kmsg.Subject{
//		Group: "/glassbox/17-k3v9x2", FirstUID: 0x70110000, UIDs: 65536,
//		Deliver: func(lines []kmsg.Line) { … },
//	})
//	defer feed.Close()
package kmsg

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// maxRecord is more than the kernel makes of one message (PRINTK_MESSAGE_MAX in kernel/printk/internal.h), in bytes.
	maxRecord = 16 << 10
	// maxLines is how many lines a feed keeps.
	maxLines = 2000
)

// Subject says what is one sandbox's.
type Subject struct {
	// Group is the path of its outermost cgroup from the root of the hierarchy, as /proc/PID/cgroup has it.
	Group string
	// FirstUID and UIDs are the range of the host's user ids that are its own alone. None, where UIDs is 0.
	FirstUID, UIDs uint32
	// Owns tells whether the process with this pid of the host's is, or was, the sandbox's. It is asked when the line is read:
	// the process may be gone. May be nil. It must not call the reader or a feed.
	Owns func(pid int) bool
	// Deliver gets the lines as they come, those of a report all at once. It must not take long, and not call the reader or a
	// feed. May be nil.
	Deliver func([]Line)
}

// contains tells whether a cgroup path is at or under the subject's.
func (s Subject) contains(path string) bool {
	return s.Group != "" && s.Group != "/" && (path == s.Group || strings.HasPrefix(path, s.Group+"/"))
}

// has tells whether a user id is the subject's.
func (s Subject) has(uid uint32) bool { return uid >= s.FirstUID && uid-s.FirstUID < s.UIDs }

// Reader reads the kernel's log.
type Reader struct {
	file *os.File
	log  *slog.Logger
	done chan struct{}

	mu      sync.Mutex // guards all below, and all of a Feed
	feeds   map[*Feed]struct{}
	reports reports
	next    uint64 // the sequence number that is due
}

// Open begins to read the kernel's log, from its end. path is /dev/kmsg; it needs CAP_SYSLOG where the sysctl kernel.dmesg_restrict
// is set. The reader ends with Close, or with the context.
func Open(ctx context.Context, path string, log *slog.Logger) (*Reader, error) {
	// Non-blocking, so that reads wait in the runtime's poller and Close ends them.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("kernel log: %w", err)
	}
	if _, err := f.Seek(0, io.SeekEnd); err != nil { // "seek to the position after the last record"
		f.Close()
		return nil, fmt.Errorf("kernel log: %w", err)
	}
	r := newReader(f, log)
	stop := context.AfterFunc(ctx, func() { f.Close() })
	go func() {
		defer close(r.done)
		defer stop()
		r.read()
	}()
	return r, nil
}

func newReader(f *os.File, log *slog.Logger) *Reader {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Reader{file: f, log: log, done: make(chan struct{}), feeds: map[*Feed]struct{}{}, reports: newReports()}
}

// Close ends the reader. Its feeds get nothing more.
func (r *Reader) Close() error {
	err := r.file.Close()
	<-r.done
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

// read reads records until the file is closed.
func (r *Reader) read() {
	buffer := make([]byte, maxRecord)
	for {
		n, err := r.file.Read(buffer)
		switch {
		case err == nil:
			r.take(string(buffer[:n]), time.Now())
		case errors.Is(err, syscall.EPIPE):
			// "-EPIPE: messages have been overwritten"; the next read goes on with the oldest that is there. take sees the gap.
		case errors.Is(err, syscall.EINVAL):
			r.log.Warn("a record of the kernel log is larger than any can be")
		case errors.Is(err, os.ErrClosed):
			return
		default:
			r.log.Error("the kernel log cannot be read any longer; dmesg in sandboxes stays as it is", "err", err)
			return
		}
	}
}

// take hands on one record.
func (r *Reader) take(s string, now time.Time) {
	rec, err := parse(s)
	if err != nil {
		r.log.Warn("kernel log", "err", err, "record", s)
		return
	}
	rec.Read = now
	r.mu.Lock()
	defer r.mu.Unlock()
	if rec.Seq != r.next {
		r.reports.lost() // or the first one
	}
	r.next = rec.Seq + 1
	if !rec.kernels() {
		return
	}
	if feed, lines := r.attribute(rec); feed != nil {
		feed.add(lines)
	}
}

// Follow begins to collect what the kernel writes about a subject. Lines that were read before are not in it.
func (r *Reader) Follow(s Subject) *Feed {
	f := &Feed{reader: r, subject: s}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.feeds[f] = struct{}{}
	return f
}

// find returns the one feed that a condition holds for. Where it holds for two, their subjects are not told apart, and it is nobody's.
func (r *Reader) find(is func(Subject) bool) *Feed {
	var found *Feed
	for f := range r.feeds {
		if is(f.subject) {
			if found != nil {
				return nil
			}
			found = f
		}
	}
	return found
}

// Feed is the part of the kernel's log that is about one sandbox.
type Feed struct {
	reader  *Reader
	subject Subject
	lines   []Line // oldest first
}

// Lines returns the newest lines, up to 2,000, oldest first.
func (f *Feed) Lines() []Line {
	f.reader.mu.Lock()
	defer f.reader.mu.Unlock()
	return append([]Line(nil), f.lines...)
}

// Close ends the feed. When it returns, Deliver is not running, and is not called again.
func (f *Feed) Close() {
	f.reader.mu.Lock()
	defer f.reader.mu.Unlock()
	delete(f.reader.feeds, f)
	f.reader.reports.forget(f)
}

// add is called with the reader's lock held.
func (f *Feed) add(lines []Line) {
	f.lines = append(f.lines, lines...)
	if extra := len(f.lines) - maxLines; extra > 0 {
		f.lines = append([]Line(nil), f.lines[extra:]...)
	}
	if f.subject.Deliver != nil {
		f.subject.Deliver(lines)
	}
}
