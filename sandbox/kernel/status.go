package kernel

import (
	"bytes"
	"errors"
)

// status is what is used of /proc/PID/status, see proc_pid_status(5):
//
//	Name:	sh
//	State:	S (sleeping)
//	Pid:	4242
//	PPid:	4240
//	Uid:	1879113728	1879113728	1879113728	1879113728      real, effective, saved, file system
//	Gid:	1879113728	1879113728	1879113728	1879113728
//	NSpid:	4242	17	1                       from procfs's pid namespace to the process's own
//	Threads:	1
//	CapInh:	0000000000000000
//	CapPrm:	000001ffffffffff
//	CapEff:	000001ffffffffff
//	CapBnd:	000001ffffffffff
//	CapAmb:	0000000000000000
//	NoNewPrivs:	0
//	Seccomp:	2                                 0 disabled, 1 strict, 2 filter
//	Seccomp_filters:	1
//
// A newline in the name is escaped by the kernel as \n, and a backslash as \\.
type status struct {
	name                                              string
	state                                             byte
	pid, ppid                                         int
	uid, gid                                          [4]int
	nspid                                             []int
	threads                                           int
	inheritable, permitted, effective, bound, ambient uint64
	noNewPrivs                                        bool
	seccomp, filters                                  int
}

var errNoStatus = errors.New("no Pid and NSpid in it")

func parseStatus(b []byte) (s status, err error) {
	lines(b, func(line []byte) bool {
		key, value, ok := bytes.Cut(line, []byte(":\t"))
		if !ok {
			return true
		}
		switch string(key) {
		case "Name":
			s.name = unescapeStatus(value)
		case "State":
			if len(value) > 0 {
				s.state = value[0]
			}
		case "Pid":
			s.pid, _ = number(value)
		case "PPid":
			s.ppid, _ = number(value)
		case "Uid":
			copy(s.uid[:], numbers(value))
		case "Gid":
			copy(s.gid[:], numbers(value))
		case "NSpid":
			s.nspid = numbers(value)
		case "Threads":
			s.threads, _ = number(value)
		case "CapInh":
			s.inheritable = hex(value)
		case "CapPrm":
			s.permitted = hex(value)
		case "CapEff":
			s.effective = hex(value)
		case "CapBnd":
			s.bound = hex(value)
		case "CapAmb":
			s.ambient = hex(value)
		case "NoNewPrivs":
			s.noNewPrivs = len(value) == 1 && value[0] == '1'
		case "Seccomp":
			s.seccomp, _ = number(value)
		case "Seccomp_filters":
			s.filters, _ = number(value)
			return false // the rest is not used
		}
		return true
	})
	if s.pid <= 0 || len(s.nspid) == 0 {
		return s, errNoStatus
	}
	return s, nil
}

func unescapeStatus(b []byte) string {
	if bytes.IndexByte(b, '\\') < 0 {
		return string(b)
	}
	return string(bytes.ReplaceAll(bytes.ReplaceAll(b, []byte(`\n`), []byte("\n")), []byte(`\\`), []byte(`\`)))
}

// seccompMode names the values of Seccomp.
func seccompMode(mode int) string {
	switch mode {
	case 0:
		return "disabled"
	case 1:
		return "strict"
	default:
		return "filter"
	}
}
