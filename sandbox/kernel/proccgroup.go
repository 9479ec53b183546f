package kernel

import (
	"bytes"
	"strings"
)

// membership is one line of /proc/PID/cgroup, see cgroups(7):
//
//	4:memory:/glassbox/17-k3v9x2/box/demo
//	2:cpu,cpuacct:/glassbox/17-k3v9x2/box
//	1:name=systemd:/
//	0::/glassbox/17-k3v9x2/box/shell                     v2
//
// The path is relative to the reader's cgroup namespace. A removed group is followed by " (deleted)".
type membership struct {
	controllers string
	path        string
}

func parseProcCgroup(b []byte) []membership {
	var all []membership
	lines(b, func(line []byte) bool {
		_, rest, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			return true
		}
		controllers, path, ok := bytes.Cut(rest, []byte(":"))
		if ok && len(path) > 0 && path[0] == '/' {
			all = append(all, membership{string(controllers), strings.TrimSuffix(string(path), " (deleted)")})
		}
		return true
	})
	return all
}
