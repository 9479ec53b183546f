package kernel

import (
	"bytes"
	"strings"
)

// kinds are the links in /proc/PID/ns, see namespaces(7).
var kinds = [...]string{"cgroup", "ipc", "mnt", "net", "pid", "pid_for_children", "time", "time_for_children", "user", "uts"}

// namespaceIDs reads the links in ns below the directory of a process:
//
//	net -> net:[4026531840]
//
// 0 stands for one that cannot be read: a zombie has no namespaces but its user and pid ones, the time namespace came with Linux 5.6,
// and pid_for_children cannot be read before its first process exists.
func namespaceIDs(dir int) (ids [len(kinds)]int) {
	for i, kind := range kinds {
		target, err := readlink(dir, "ns/"+kind)
		if err != nil {
			continue
		}
		_, id, ok := strings.Cut(target, ":[")
		if !ok {
			continue
		}
		ids[i], _ = number([]byte(strings.TrimSuffix(id, "]")))
	}
	return ids
}

func (r *Reader) fillNamespaces(p *Process, dir int, buf *[]byte) {
	ids := namespaceIDs(dir)
	for i, to := range [...]*Namespace{
		&p.Namespaces.Cgroup, &p.Namespaces.IPC, &p.Namespaces.Mount, &p.Namespaces.Net, &p.Namespaces.Pid,
		&p.Namespaces.PidForChildren, &p.Namespaces.Time, &p.Namespaces.TimeForChildren, &p.Namespaces.User, &p.Namespaces.UTS,
	} {
		to.ID = ids[i]
		to.Own = ids[i] != 0 && ids[i] != r.own[i]
	}
	if p.Namespaces.Time.Own {
		if b, err := slurp(dir, "timens_offsets", buf); err == nil {
			p.MonotonicOffset, p.BoottimeOffset = parseOffsets(b)
		}
	}
}

// parseOffsets reads /proc/PID/timens_offsets, seconds and nanoseconds for each clock (time_namespaces(7)):
//
//	monotonic           0         0
//	boottime       604800         0
//
// For the namespace that the process's children will be in.
func parseOffsets(b []byte) (monotonic, boottime int) {
	lines(b, func(line []byte) bool {
		name, rest := field(line)
		seconds, _ := field(rest)
		n, _ := number(seconds)
		switch {
		case bytes.Equal(name, []byte("monotonic")), bytes.Equal(name, []byte("1")):
			monotonic = n
		case bytes.Equal(name, []byte("boottime")), bytes.Equal(name, []byte("7")):
			boottime = n
		}
		return true
	})
	return monotonic, boottime
}
