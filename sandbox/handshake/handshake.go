// Package handshake is the conversation between the lab and the first processes of a sandbox, over one
// SOCK_SEQPACKET socket that is descriptor 3 of each of them.
//
//	lab                        fence                      PID 1
//	 │  clone(NEWUSER), in the sandbox's cgroup             │
//	 ├───────────────────────────▶ │                        │
//	 │  joins it to the v1 hierarchies                      │
//	 ├── Go ─────────────────────▶ │ limits on namespaces   │
//	 │                             ├── clone(all, PARENT) ─▶│
//	 │                             ✕                        │
//	 │ ◀───────────────────────────────────────────── Hello ┤  the socket's credentials carry its host pid
//	 ├── Plan + mounts ────────────────────────────────────▶│  mounts, pivot_root, rlimits, seccomp
//	 │ ◀───────────────────────────────────────────── Ready ┤
//	 ├── Start + tty ──────────────────────────────────────▶│  one for every terminal
//	 │ ◀─────────────────────────────────── Started, Exited ┤
//
// Until Ready, both sides are our own code. After it the learner, who is root in there, may have taken PID 1 over with
// ptrace(2), so the lab takes no descriptor from the socket any more, bounds every message, and believes nothing that it
// can read from the kernel instead.
package handshake

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// FD is the descriptor of the socket in the fence and in PID 1.
const FD = 3

// InitFD is the descriptor of the program that both execute, in the fence.
const InitFD = 4

// MaxMessage bounds one message, in bytes. The largest is Plan, which carries a seccomp filter of at most 4096
// instructions of 8 bytes, as base64.
const MaxMessage = 128 << 10

// MaxReport bounds one message from PID 1 after Ready, in bytes.
const MaxReport = 4 << 10

// Kind names a message.
type Kind string

// The messages, in the order in which they are first sent.
const (
	Go      Kind = "go"
	Hello   Kind = "hello"
	PlanFor Kind = "plan"
	Ready   Kind = "ready"
	Failed  Kind = "failed"
	Start   Kind = "start"
	Started Kind = "started"
	Exited  Kind = "exited"
)

// Message is one packet. Which fields are set depends on Kind.
type Message struct {
	Kind  Kind   `json:"kind"`
	Fence *Fence `json:"fence,omitempty"` // Go
	Plan  *Plan  `json:"plan,omitempty"`  // PlanFor, with one descriptor for each of Plan.Mounts, in order
	Shell *Shell `json:"shell,omitempty"` // Start, with one descriptor: the tty

	ID     int    `json:"id,omitempty"`     // Started, Exited: the Shell's
	PID    int    `json:"pid,omitempty"`    // Started: as the sandbox sees it
	Status int    `json:"status,omitempty"` // Exited: as a shell's $? says it, 128+N for signal N
	Error  string `json:"error,omitempty"`  // Failed, Started: "step: what"
}

// Fence says how many namespaces and inotify instances the whole sandbox may hold; see user_namespaces(7), the
// files of /proc/sys/user. The sandbox's root can raise the limits of its own user namespace, but not these: they belong to the fence
// around it.
type Fence struct {
	Limits map[string]int `json:"limits"` // by file name, such as "max_net_namespaces"
}

// Plan is what PID 1 builds before it lets a learner in.
type Plan struct {
	Hostname string   `json:"hostname"`
	Mounts   []Mount  `json:"mounts"` // the first is the root
	Cgroups  []Cgroup `json:"cgroups"`
	Rlimits  []Rlimit `json:"rlimits"`
	PTYs     int      `json:"ptys"`    // how many terminals devpts gives out at most
	Filter   []byte   `json:"filter"`  // seccomp: struct sock_filter[], in the machine's byte order
	Hosts    string   `json:"hosts"`   // content of /etc/hosts
	DevSize  int      `json:"devSize"` // of the tmpfs at /dev, in bytes
}

// Mount says where a detached mount that comes along as a descriptor is attached, below the new root.
type Mount struct {
	At   string `json:"at"`
	File bool   `json:"file,omitempty"` // a file is mounted on a file
}

// Cgroup is one hierarchy to mount inside. Options is empty for version 2.
type Cgroup struct {
	Version int    `json:"version"`
	Options string `json:"options,omitempty"` // such as "memory" or "cpu,cpuacct"
	At      string `json:"at"`                // such as "sys/fs/cgroup" or "sys/fs/cgroup/memory"
	// Delegate lists the controllers that PID 1 enables for its children; only for version 2.
	Delegate []string `json:"delegate,omitempty"`
}

// Rlimit is a setrlimit(2), soft and hard alike.
type Rlimit struct {
	Resource int    `json:"resource"`
	Max      uint64 `json:"max"`
}

// Shell is a program to start on a tty.
type Shell struct {
	ID   int      `json:"id"`
	Argv []string `json:"argv"`
	Env  []string `json:"env"`
	Dir  string   `json:"dir"`
}

// ErrTruncated says that a message was longer than the receiver allows.
var ErrTruncated = errors.New("message truncated")

// Send writes one message, and the descriptors that belong to it, to the socket.
func Send(socket int, m Message, fds ...int) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if len(b) > MaxMessage {
		return fmt.Errorf("%s message of %d bytes: more than %d", m.Kind, len(b), MaxMessage)
	}
	var oob []byte
	if len(fds) > 0 {
		oob = unix.UnixRights(fds...)
	}
	for {
		err := unix.Sendmsg(socket, b, oob, nil, unix.MSG_NOSIGNAL)
		if err == nil {
			return nil
		}
		if err != unix.EINTR {
			return fmt.Errorf("send %s: %w", m.Kind, err)
		}
	}
}

// Received is what came with a message beside its text.
type Received struct {
	Message
	FDs []int // close-on-exec; the receiver's to close
	PID int   // of the sender, in the receiver's pid namespace; 0 unless the socket has SO_PASSCRED
}

// Receive reads one message of at most limit bytes and at most maxFDs descriptors. It returns io.EOF when the other
// side has closed. With maxFDs 0 the kernel drops whatever descriptors came along.
func Receive(socket, limit, maxFDs int) (Received, error) {
	buf := make([]byte, limit)
	oob := make([]byte, unix.CmsgSpace(unix.SizeofUcred)+unix.CmsgSpace(4*maxFDs))
	if maxFDs == 0 {
		oob = oob[:unix.CmsgSpace(unix.SizeofUcred)]
	}
	var n, oobn, flags int
	var err error
	for {
		n, oobn, flags, _, err = unix.Recvmsg(socket, buf, oob, unix.MSG_CMSG_CLOEXEC)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		return Received{}, err
	}
	r, err := control(oob[:oobn], maxFDs)
	if err != nil {
		return r, err
	}
	if n == 0 {
		return r, io.EOF
	}
	if flags&unix.MSG_TRUNC != 0 {
		return r, ErrTruncated
	}
	if err := json.Unmarshal(buf[:n], &r.Message); err != nil {
		return r, fmt.Errorf("message: %w", err)
	}
	return r, nil
}

// control takes credentials and descriptors out of a message's control part. Descriptors that nobody asked for, which
// fit beside the credentials by accident of alignment, are closed.
func control(oob []byte, maxFDs int) (Received, error) {
	var r Received
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return r, fmt.Errorf("control message: %w", err)
	}
	for i := range messages {
		switch messages[i].Header.Type {
		case unix.SCM_CREDENTIALS:
			cred, err := unix.ParseUnixCredentials(&messages[i])
			if err != nil {
				return r, fmt.Errorf("credentials: %w", err)
			}
			r.PID = int(cred.Pid)
		case unix.SCM_RIGHTS:
			fds, err := unix.ParseUnixRights(&messages[i])
			if err != nil {
				return r, fmt.Errorf("descriptors: %w", err)
			}
			r.FDs = append(r.FDs, fds...)
		}
	}
	for len(r.FDs) > maxFDs {
		last := len(r.FDs) - 1
		_ = unix.Close(r.FDs[last])
		r.FDs = r.FDs[:last]
	}
	return r, nil
}
