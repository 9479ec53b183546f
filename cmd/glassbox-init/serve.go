package main

import (
	"errors"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"glassbox/sandbox/handshake"
)

// box is a built sandbox, seen from its PID 1.
type box struct {
	shells int // cgroup in which shells start; -1: where PID 1 is

	mu      sync.Mutex
	running map[int]int // pid -> the id of the terminal's program
}

// serve starts a shell for each tty that the lab sends, and reaps whatever ends: the shells, and the orphans that
// every PID 1 inherits. It returns when the lab closes the socket, and with PID 1 the sandbox ends.
func (b *box) serve() error {
	b.running = make(map[int]int)
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, unix.SIGCHLD)
	// A PID 1 gets only the signals that it has a handler for, and no learner's stray SIGTERM or SIGINT shall end the box.
	go func() {
		for range ended {
			b.reap()
		}
	}()
	for {
		m, err := handshake.Receive(handshake.FD, handshake.MaxMessage, 1)
		if errors.Is(err, io.EOF) || errors.Is(err, unix.ECONNRESET) {
			return nil
		}
		if err != nil {
			return err
		}
		if m.Kind != handshake.Start || m.Shell == nil || len(m.FDs) != 1 {
			continue
		}
		report := b.start(m.Shell, m.FDs[0])
		_ = unix.Close(m.FDs[0])
		if err := handshake.Send(handshake.FD, report); err != nil {
			return err
		}
	}
}

// start runs a program as the leader of a session of its own, with the tty as its controlling terminal.
func (b *box) start(shell *handshake.Shell, tty int) handshake.Message {
	b.mu.Lock() // so that reap does not see the pid before it is noted
	defer b.mu.Unlock()
	program, err := lookPath(shell.Argv[0], shell.Env)
	if err != nil {
		return handshake.Message{Kind: handshake.Started, ID: shell.ID, Error: shell.Argv[0] + ": " + err.Error()}
	}
	t := uintptr(tty)
	attr := &syscall.ProcAttr{
		Dir:   shell.Dir,
		Env:   shell.Env,
		Files: []uintptr{t, t, t},
		Sys:   &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0},
	}
	if b.shells >= 0 {
		attr.Sys.UseCgroupFD = true
		attr.Sys.CgroupFD = b.shells
	}
	pid, err := syscall.ForkExec(program, shell.Argv, attr)
	if err != nil {
		return handshake.Message{Kind: handshake.Started, ID: shell.ID, Error: shell.Argv[0] + ": " + err.Error()}
	}
	b.running[pid] = shell.ID
	// When memory runs out, the kernel shall take what the learner runs and not PID 1, with which all would end.
	_ = os.WriteFile("/proc/"+strconv.Itoa(pid)+"/oom_score_adj", []byte("300"), 0)
	return handshake.Message{Kind: handshake.Started, ID: shell.ID, PID: pid}
}

// reap collects all children that have ended. One SIGCHLD can stand for many.
func (b *box) reap() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, unix.WNOHANG, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
		id, ok := b.running[pid]
		if !ok {
			continue
		}
		delete(b.running, pid)
		code := status.ExitStatus()
		if status.Signaled() {
			code = 128 + int(status.Signal())
		}
		_ = handshake.Send(handshake.FD, handshake.Message{Kind: handshake.Exited, ID: id, Status: code})
	}
}

// lookPath finds a program as execvp(3) does, with the PATH that it will run with.
func lookPath(name string, env []string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	for _, e := range env {
		list, ok := strings.CutPrefix(e, "PATH=")
		if !ok {
			continue
		}
		for dir := range strings.SplitSeq(list, ":") {
			file := dir + "/" + name
			if err := unix.Access(file, unix.X_OK); err == nil {
				return file, nil
			}
		}
	}
	return "", os.ErrNotExist
}
