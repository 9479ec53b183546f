package kernel

import (
	"bytes"
	"errors"
	"fmt"
)

// stat is what is used of /proc/PID/stat, see proc_pid_stat(5):
//
//	4242 (sh) S 4240 4242 4242 34816 4250 4194304 …
//	(1)  (2) (3)(4)  (5)  (6)  (7)   (8)                22: starttime, in ticks of 10 ms since the machine started
//
// The name may hold spaces and parentheses, so the fields are counted from the last parenthesis.
type stat struct {
	group, session, tty, foreground int
	start                           int // ticks since boot
}

var errStat = errors.New("too few fields")

func parseStat(b []byte) (s stat, err error) {
	i := bytes.LastIndexByte(b, ')')
	if i < 0 {
		return s, errStat
	}
	rest := b[i+1:]
	for n := 3; n <= 22; n++ {
		var word []byte
		word, rest = field(rest)
		if len(word) == 0 {
			return s, errStat
		}
		switch n {
		case 5:
			s.group, _ = number(word)
		case 6:
			s.session, _ = number(word)
		case 7:
			s.tty, _ = number(word)
		case 8:
			s.foreground, _ = number(word)
		case 22:
			s.start, _ = number(bytes.TrimSuffix(word, []byte("\n")))
		}
	}
	return s, nil
}

// ticks is how many of starttime's ticks make a second: sysconf(_SC_CLK_TCK), which is 100 on all of Linux's user space.
const ticks = 100

// ttyName names a terminal by its device number, in the encoding of /proc/PID/stat: major in bits 8 to 15, minor in bits 0 to 7
// and 20 to 31. Unix98 ptys have the majors 136 to 143 (Documentation/admin-guide/devices.txt).
func ttyName(nr int) string {
	major, minor := nr>>8&0xfff, nr&0xff|nr>>12&0xfff00
	switch {
	case nr == 0:
		return ""
	case major >= 136 && major <= 143:
		return fmt.Sprintf("pts/%d", (major-136)<<20|minor)
	case major == 4 && minor < 64:
		return fmt.Sprintf("tty%d", minor)
	case major == 4:
		return fmt.Sprintf("ttyS%d", minor-64)
	case major == 5 && minor == 1:
		return "console"
	default:
		return fmt.Sprintf("%d:%d", major, minor)
	}
}
