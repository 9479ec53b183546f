package sandbox_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"glassbox/sandbox"
	"glassbox/sandbox/sandboxtest"
)

// A probe is a piece of this test program that runs inside a sandbox, where it makes system calls that no shell command
// makes. It prints the name of the error that it got.
var probes = map[string]func() error{
	"io_uring_setup": func() error {
		var params [120]byte
		_, _, e := unix.Syscall(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&params)), 0)
		return e
	},
	"keyctl":       func() error { _, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_SESSION_KEYRING, false); return err },
	"userfaultfd":  func() error { _, _, e := unix.Syscall(unix.SYS_USERFAULTFD, 0, 0, 0); return e },
	"bpf":          func() error { _, _, e := unix.Syscall(unix.SYS_BPF, 0, 0, 0); return e },
	"perf":         func() error { _, err := unix.PerfEventOpen(&unix.PerfEventAttr{}, 0, -1, -1, 0); return err },
	"handle":       func() error { _, _, e := unix.Syscall(unix.SYS_OPEN_BY_HANDLE_AT, 0, 0, 0); return e },
	"kexec":        func() error { _, _, e := unix.Syscall(unix.SYS_KEXEC_LOAD, 0, 0, 0); return e },
	"af_alg":       func() error { _, err := unix.Socket(unix.AF_ALG, unix.SOCK_SEQPACKET, 0); return err },
	"af_vsock":     func() error { _, err := unix.Socket(unix.AF_VSOCK, unix.SOCK_STREAM, 0); return err },
	"netlink_xfrm": func() error { _, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_XFRM); return err },
	"sctp":         func() error { _, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_SCTP); return err },
	"tiocsti":      func() error { return typeInto(unix.TIOCSTI) },
	"tiocsti_high": func() error { return typeInto(unix.TIOCSTI | 1<<32) },
	"ulp": func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		if err != nil {
			return err
		}
		return unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_ULP, "tls")
	},
	"killed": func() error { // leaves a child behind, and is killed
		child := exec.Command("/proc/self/exe")
		child.Env, child.Stdin = append(os.Environ(), "GLASSBOX_PROBE=steal"), os.Stdin
		if err := child.Start(); err != nil {
			return err
		}
		return unix.Kill(unix.Getpid(), unix.SIGKILL)
	},
	"steal": func() error { // takes the terminal when the shell has it back, and ends
		signal.Ignore(unix.SIGTTOU)
		for {
			front, err := unix.IoctlGetInt(0, unix.TIOCGPGRP)
			if err != nil {
				return err
			}
			if front != unix.Getpgrp() {
				break
			}
			time.Sleep(time.Millisecond)
		}
		if err := unix.Setpgid(0, 0); err != nil {
			return err
		}
		if err := unix.IoctlSetPointerInt(0, unix.TIOCSPGRP, unix.Getpgrp()); err != nil {
			return err
		}
		return os.WriteFile("/lab/stolen", nil, 0o600)
	},
	"over_ptmx": func() error { // mounts a symbolic link over ptmx
		if err := os.Symlink("/dev/ptmx", "/lab/link"); err != nil {
			return err
		}
		link, err := unix.OpenTree(unix.AT_FDCWD, "/lab/link", unix.OPEN_TREE_CLONE|unix.AT_SYMLINK_NOFOLLOW)
		if err != nil {
			return err
		}
		return unix.MoveMount(link, "", unix.AT_FDCWD, "/dev/pts/ptmx", unix.MOVE_MOUNT_F_EMPTY_PATH)
	},
	"x32": func() error { _, _, e := unix.Syscall(0x40000000|unix.SYS_GETPID, 0, 0, 0); return e },
}

func typeInto(request uintptr) error {
	c := byte('x')
	_, _, e := unix.Syscall(unix.SYS_IOCTL, 0, request, uintptr(unsafe.Pointer(&c)))
	return e
}

func runProbe(name string) {
	probe, ok := probes[name]
	if !ok {
		fmt.Println("no such probe:", name)
		os.Exit(2)
	}
	var errno unix.Errno
	if err := probe(); errors.As(err, &errno) && errno != 0 {
		fmt.Println(unix.ErrnoName(errno))
		os.Exit(0)
	}
	fmt.Println("worked")
	os.Exit(0)
}

func TestRefusedCalls(t *testing.T) {
	s := sandboxtest.Start(t, nil)
	bring(t, s, "/lab/probe")
	tests := []struct{ probe, want string }{
		{"io_uring_setup", "ENOSYS"},
		{"keyctl", "ENOSYS"},
		{"userfaultfd", "ENOSYS"},
		{"handle", "ENOSYS"},
		{"kexec", "ENOSYS"},
		{"bpf", "EPERM"},
		{"perf", "EPERM"},
		{"af_alg", "EPERM|EAFNOSUPPORT"},
		{"af_vsock", "EPERM|EAFNOSUPPORT"},
		{"netlink_xfrm", "EPERM|EPROTONOSUPPORT|EAFNOSUPPORT"},
		{"sctp", "EPERM|EPROTONOSUPPORT"},
		{"tiocsti", "EPERM"},
		{"tiocsti_high", "EPERM"},
		{"ulp", "EPERM|ENOPROTOOPT"},
		{"x32", "ENOSYS"},
	}
	for _, test := range tests {
		t.Run(test.probe, func(t *testing.T) {
			got := s.Must("GLASSBOX_PROBE=" + test.probe + " /lab/probe")
			if !slices.Contains(strings.Split(test.want, "|"), got) {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// TestTerminalIsStolen: a shell lives on when the terminal is left to nobody, as by a fork of a shell that the kernel has killed for want of
// memory.
func TestTerminalIsStolen(t *testing.T) {
	s := sandboxtest.Start(t, nil)
	bring(t, s, "/lab/probe")
	terminal, err := s.Shell(t.Context(), sandbox.Command{Rows: 24, Cols: 80})
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	if _, err := terminal.Write([]byte("GLASSBOX_PROBE=killed /lab/probe\r")); err != nil {
		t.Fatal(err)
	}
	sandboxtest.Poll(t, time.Minute, func() error {
		if out, status := s.Run("ls /lab/stolen"); status != 0 {
			return errors.New(out)
		}
		return nil
	})
	if _, err := terminal.Write([]byte("echo alive-$((40+2)); exit\r")); err != nil {
		t.Fatal(err)
	}
	out, _ := io.ReadAll(terminal)
	if !strings.Contains(string(out), "alive-42") {
		t.Errorf("the shell is gone; it said %q", out)
	}
}

// TestNoTerminalOfTheHost: what a learner puts in the place of ptmx is not opened for the next shell, least of all a way to the host's.
func TestNoTerminalOfTheHost(t *testing.T) {
	s := sandboxtest.Start(t, nil)
	bring(t, s, "/lab/probe")
	if got := s.Must("GLASSBOX_PROBE=over_ptmx /lab/probe"); got != "worked" {
		t.Skipf("this kernel mounts no symbolic link: %s", got)
	}
	terminal, err := s.Shell(t.Context(), sandbox.Command{Argv: []string{"tty"}})
	if err == nil {
		out, _ := io.ReadAll(terminal)
		terminal.Close()
		t.Fatalf("a shell started, and its terminal is %q", out)
	}
	if !errors.Is(err, unix.EXDEV) && !errors.Is(err, unix.ELOOP) {
		t.Errorf("got %v, want %v", err, unix.EXDEV)
	}
}

// bring copies this test program into a sandbox.
func bring(t *testing.T, s *sandboxtest.Sandbox, at string) {
	t.Helper()
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	s.Must(": > " + at + " && chmod 755 " + at)
	f, err := os.OpenFile(filepath.Join("/proc", strconv.Itoa(s.Init()), "root", at), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.Copy(f, self); err != nil {
		t.Fatal(err)
	}
}
