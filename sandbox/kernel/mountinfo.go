package kernel

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// parseMountinfo reads /proc/PID/mountinfo, see proc_pid_mountinfo(5):
//
//	36 35 98:0 /mnt1 /mnt2 rw,noatime shared:1 master:2 - ext4 /dev/root rw,errors=continue
//	(id) (parent) (device) (root) (path) (options) (fields, none or more) - (type) (source) (super options)
//
// Spaces, tabs, newlines and backslashes in paths are \040, \011, \012 and \134. What the reader cannot see from its root is not
// in the file.
func parseMountinfo(b []byte) []*Mount {
	var all []*Mount
	lines(b, func(line []byte) bool {
		before, after, ok := bytes.Cut(line, []byte(" - "))
		if !ok {
			return true
		}
		words, rest := strings.Fields(string(before)), strings.Split(string(after), " ")
		if len(words) < 6 || len(rest) < 3 {
			return true
		}
		m := &Mount{
			Exists: true, Device: words[2], Root: unescape(words[3]), Path: unescape(words[4]), Options: strings.Split(words[5], ","),
			Type: rest[0], Source: unescape(rest[1]), SuperOptions: splitOptions(strings.Join(rest[2:], " ")),
		}
		m.ID, _ = strconv.Atoi(words[0])
		m.Parent, _ = strconv.Atoi(words[1])
		m.propagation(words[6:])
		m.ReadOnly = slices.Contains(m.Options, "ro") || slices.Contains(m.SuperOptions, "ro")
		if m.Type == "overlay" {
			m.layers()
		}
		all = append(all, m)
		return true
	})
	return all
}

func (m *Mount) propagation(fields []string) {
	var kinds []string
	for _, f := range fields {
		tag, value, _ := strings.Cut(f, ":")
		switch tag {
		case "shared":
			m.PeerGroup, _ = strconv.Atoi(value)
			kinds = append(kinds, tag)
		case "master":
			m.Master, _ = strconv.Atoi(value)
			kinds = append(kinds, "slave")
		case "unbindable":
			kinds = append(kinds, tag)
		}
	}
	m.Propagation = strings.Join(kinds, ",")
	if len(kinds) == 0 {
		m.Propagation = "private"
	}
}

// splitOptions splits at commas, but not at those that a backslash stands before: overlay escapes them so.
func splitOptions(s string) []string {
	options := []string{}
	start := 0
	for i := 0; i < len(s); i++ {
		if s[i] == ',' && (i == 0 || s[i-1] != '\\') {
			options = append(options, unescape(s[start:i]))
			start = i + 1
		}
	}
	return append(options, unescape(s[start:]))
}

// layers reads an overlay's options (Documentation/filesystems/overlayfs.rst):
//
//	lowerdir=/a:/b,upperdir=/up,workdir=/work
//	lowerdir+=/a,lowerdir+=/b,datadir+=/d                 the same, since Linux 6.8
//
// A colon in a path is \:.
func (m *Mount) layers() {
	for _, o := range m.SuperOptions {
		key, value, _ := strings.Cut(o, "=")
		switch key {
		case "lowerdir":
			m.Lower = append(m.Lower, splitLayers(value)...)
		case "lowerdir+":
			m.Lower = append(m.Lower, value)
		case "upperdir":
			m.Upper = strings.ReplaceAll(value, `\,`, ",")
		case "workdir":
			m.Work = strings.ReplaceAll(value, `\,`, ",")
		}
	}
}

func splitLayers(s string) []string {
	var all []string
	var layer strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			layer.WriteByte(s[i])
		case s[i] == ':':
			if layer.Len() > 0 { // a double colon separates layers that hold data only
				all = append(all, layer.String())
			}
			layer.Reset()
		default:
			layer.WriteByte(s[i])
		}
	}
	return append(all, layer.String())
}

// unescape undoes the kernel's \ooo.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(c))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// table is a mountinfo that was parsed. Mounts change seldom; nobody changes what was parsed.
type table struct {
	text   string
	mounts []*Mount
}

// mounts reads the mounts of each mount namespace through the first of its processes that gives them. PID 1 comes first,
// so the sandbox's own are as it sees them.
func (r *Reader) mounts(v *View) error {
	type view struct { // mountinfo shows what is below the reader's root
		ns   int
		root string
	}
	read := map[view][]*Mount{}
	known := map[int]bool{}
	tables := map[int]table{}
	left := maxFile
	defer func() { r.tables = tables }() // those of namespaces that are gone are forgotten
	buf := r.buffers.get()
	defer r.buffers.pool.Put(buf)
	for _, p := range v.Processes {
		ns := p.Namespaces.Mount
		if ns.ID == 0 {
			continue
		}
		at := view{ns.ID, p.Root}
		if mounts, ok := read[at]; ok {
			p.Mounts = mounts
			continue
		}
		b, err := r.mountinfo(p, buf)
		// A process that has ended, but was not waited for, has none: EINVAL.
		if gone(err) || err == unix.EINVAL { //nolint:errorlint // slurp gives bare errnos
			continue
		}
		if err != nil {
			return &Error{Op: "read", Path: r.path(p.HostPid, "mountinfo"), Err: err}
		}
		if left -= len(b); left < 0 {
			return &Error{Op: "read", Path: "/proc/*/mountinfo", Err: errTooLarge}
		}
		kept, ok := r.tables[ns.ID]
		if !ok || kept.text != string(b) {
			kept = table{string(b), parseMountinfo(b)}
		}
		tables[ns.ID] = kept
		p.Mounts = kept.mounts
		read[view{ns.ID, p.Root}] = p.Mounts
		if !known[ns.ID] {
			known[ns.ID] = true
			v.Mounts = append(v.Mounts, &MountNamespace{ID: ns.ID, Own: ns.Own, Reader: p.Pid, Mounts: p.Mounts})
		}
	}
	return nil
}

// mountinfo reads a process's mounts, and its root once more, if that was read: by chroot(2) or pivot_root(2) it may be another one than a
// moment ago, and what is seen from the one must not be told with the other.
func (r *Reader) mountinfo(p *Process, buf *[]byte) (b []byte, err error) {
	const most = 3 // a program that does nothing else shall not keep us
	for range most {
		b, err = slurp(unix.AT_FDCWD, r.path(p.HostPid, "mountinfo"), buf)
		if err != nil || p.Root == "" {
			return b, err
		}
		root := link(unix.AT_FDCWD, r.path(p.HostPid, "root"))
		if root == p.Root || root == "" {
			return b, nil
		}
		p.Root = root
	}
	return b, nil
}
