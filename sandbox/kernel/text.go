package kernel

import (
	"bytes"
	"errors"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Text is one of the kernel's files as it is written.
type Text struct {
	Path string // as the sandbox has it: /proc/7/status
	Host string // as the host has it, from where it was read: /proc/31493/status
	Text string // what is in it; a NUL, which ends each word of a command line, is a ␀
}

// ErrNoText says that there is no such file, or none that is shown.
var ErrNoText = errors.New("there is no such file of the kernel's")

// texts are the files of a process that are shown as they are. None of them makes the kernel do work, and none is a link
// that leads elsewhere.
var texts = []string{"status", "stat", "cmdline", "cgroup", "mountinfo", "uid_map", "gid_map", "timens_offsets", "net/dev", "net/fib_trie", "limits"}

// Text reads a file of the kernel's by the path that the sandbox has for it: of a process of this View, such as
// /proc/7/status, of a group, or /run/kmsg, the sandbox's own lines of the kernel's log. Of the directory /proc/7/ns/ it is
// what the links say. It is read on the host's side, where nothing that the learner mounts or moves is in the way, and it is
// what the host sees: pids and ids are the host's.
func (v *View) Text(p string) (Text, error) {
	r := v.reader
	if r == nil {
		return Text{}, ErrNoText
	}
	clean := path.Clean(p)
	switch {
	case clean == "/run/kmsg":
		var b strings.Builder
		if r.src.Log != nil {
			for _, l := range r.src.Log() {
				b.WriteString(l.Text + "\n")
			}
		}
		return Text{Path: p, Host: "/dev/kmsg", Text: b.String()}, nil
	case strings.HasPrefix(clean, "/proc/"):
		pid, file, _ := strings.Cut(strings.TrimPrefix(clean, "/proc/"), "/")
		i := slices.IndexFunc(v.Processes, func(one *Process) bool { return strconv.Itoa(one.Pid) == pid })
		if i < 0 {
			return Text{}, ErrNoText
		}
		return r.textOf(v.Processes[i], p, file)
	}
	// The longest first: on a hybrid host the hierarchies are directories in one another.
	found, below := -1, ""
	for i, h := range r.hierarchies {
		if rest, ok := strings.CutPrefix(clean, h.learner+"/"); ok && (found < 0 || len(h.learner) > len(r.hierarchies[found].learner)) {
			found, below = i, rest
		}
	}
	if found < 0 {
		return Text{}, ErrNoText
	}
	return r.textBelow(r.hierarchies[found].Inner, p, below)
}

// textOf reads a file of a process.
func (r *Reader) textOf(of *Process, p, file string) (Text, error) {
	out := Text{Path: p, Host: r.path(of.HostPid, file)}
	dir, err := r.dirOf(of)
	if gone(err) {
		return out, ErrNoText
	}
	if err != nil {
		return out, err
	}
	defer unix.Close(dir)
	if file == "ns" {
		var b strings.Builder
		for _, kind := range kinds {
			if target, err := readlink(dir, "ns/"+kind); err == nil {
				b.WriteString(kind + " -> " + target + "\n")
			}
		}
		out.Text = b.String()
		return out, nil
	}
	if !slices.Contains(texts, file) {
		return out, ErrNoText
	}
	return r.fill(out, dir, file)
}

// textBelow reads a file of a group of the sandbox's.
func (r *Reader) textBelow(inner, p, below string) (Text, error) {
	out := Text{Path: p, Host: path.Join(inner, below)}
	// A group's name is the learner's; it has no links in it (cgroupfs makes none), and none is followed.
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS}
	root, err := openat(unix.AT_FDCWD, inner, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC)
	if err != nil {
		return out, ErrEnded
	}
	defer unix.Close(root)
	dir, err := unix.Openat2(root, path.Dir(below), &how)
	if gone(err) {
		return out, ErrNoText
	}
	if err != nil {
		return out, &Error{Op: "open", Path: path.Dir(out.Host), Err: err}
	}
	defer unix.Close(dir)
	return r.fill(out, dir, path.Base(below))
}

func (r *Reader) fill(out Text, dir int, file string) (Text, error) {
	buf := r.buffers.get()
	defer r.buffers.pool.Put(buf)
	b, err := slurp(dir, file, buf)
	if gone(err) || errors.Is(err, unix.EISDIR) {
		return out, ErrNoText
	}
	if err != nil {
		return out, &Error{Op: "read", Path: out.Host, Err: err}
	}
	out.Text = strings.ToValidUTF8(string(bytes.ReplaceAll(b, []byte{0}, []byte("␀"))), "\ufffd")
	return out, nil
}
