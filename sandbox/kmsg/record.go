package kmsg

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// record is one message as /dev/kmsg hands it out, one with each read. The format, from Documentation/ABI/testing/dev-kmsg:
//
//	The output format consists of a prefix carrying the syslog prefix including priority and facility, the 64 bit message
//	sequence number and the monotonic timestamp in microseconds, and a flag field. All fields are separated by a ','.
//	Future extensions might add more comma separated values before the terminating ';'. Unknown fields and values should be
//	gracefully ignored. The human readable text string starts directly after the ';' and is terminated by a '\n'.
//	Untrusted values derived from hardware or other facilities are printed, therefore all non-printable characters and '\'
//	itself in the log message are escaped by "\x00" C-style hex encoding. A line starting with ' ', is a continuation line,
//	adding key/value pairs to the log message
//
//	7,160,424069,-;pci_root PNP0A03:00: host bridge window [io  0x0000-0x0cf7] (ignored)
//	 SUBSYSTEM=acpi
//	4,339,1297272853,-,caller=T9269;sh invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0
type record struct {
	Line
	caller string // "T9269" for a task, "C1" for a processor outside of any; empty where the kernel does not say (CONFIG_PRINTK_CALLER)
}

var errRecord = errors.New("not a record of /dev/kmsg")

// parse reads one record.
func parse(s string) (record, error) {
	head, text, ok := strings.Cut(s, ";")
	if !ok {
		return record{}, errRecord
	}
	fields := strings.Split(head, ",")
	if len(fields) < 4 {
		return record{}, errRecord
	}
	priority, err := strconv.ParseUint(fields[0], 10, 16)
	if err != nil {
		return record{}, fmt.Errorf("%w: priority %q", errRecord, fields[0])
	}
	seq, err := strconv.ParseUint(fields[1], 10, 64)
	if err != nil {
		return record{}, fmt.Errorf("%w: sequence number %q", errRecord, fields[1])
	}
	µs, err := strconv.ParseUint(fields[2], 10, 53) // 285 years
	if err != nil {
		return record{}, fmt.Errorf("%w: time %q", errRecord, fields[2])
	}
	r := record{Line: Line{Seq: seq, Priority: int(priority), Uptime: time.Duration(µs) * time.Microsecond}}
	for _, f := range fields[4:] {
		if caller, ok := strings.CutPrefix(f, "caller="); ok {
			r.caller = caller
		}
	}
	r.Text, _, _ = strings.Cut(text, "\n")
	return r, nil
}

// task is the host's pid of the task that wrote the record, where the kernel says so.
func (r record) task() (pid int, ok bool) {
	number, ok := strings.CutPrefix(r.caller, "T")
	pid, err := strconv.Atoi(number)
	return pid, ok && err == nil && pid > 0
}

// kernels tells whether the kernel wrote the record, and not a process of the host's by way of /dev/kmsg: facility 0, see syslog(3).
func (r record) kernels() bool { return r.Priority>>3 == 0 }

// Line is one message of the kernel's.
type Line struct {
	Seq      uint64        // its number in the kernel's log
	Priority int           // facility<<3 | level, see syslog(3)
	Uptime   time.Duration // since boot, by the kernel's own clock, in whole microseconds
	Read     time.Time     // when we read it, which is right after
	Text     string        // without control characters: the kernel writes \x1b for an escape
}

// String is the line as dmesg(1) prints it: "[  123.456789] text".
func (l Line) String() string {
	µs := l.Uptime.Microseconds()
	return fmt.Sprintf("[%5d.%06d] %s", µs/1e6, µs%1e6, l.Text)
}

// Raw is the line as syslog(2) gives it, which is what dmesg -F reads: "<6>[  123.456789] text", with a newline.
func (l Line) Raw() string {
	return fmt.Sprintf("<%d>%s\n", l.Priority, l)
}
