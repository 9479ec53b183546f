package seccomp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// A filter cannot be taken off again, so these tests start the test program anew, as root of a user namespace of its own, and
// let it say what the kernel answered there.
func TestMain(m *testing.M) {
	child, ok := children[os.Getenv("SECCOMP_TEST_CHILD")]
	if !ok {
		os.Exit(m.Run())
	}
	got := map[string]string{}
	if err := child(got); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(got); err != nil {
		os.Exit(1)
	}
}

var children = map[string]func(got map[string]string) error{
	"sandbox":    trySandbox,
	"nesting":    tryNesting,
	"int80":      func(got map[string]string) error { return tryInt80(got, false) },
	"int80walls": func(got map[string]string) error { return tryInt80(got, true) },
}

// runChild runs one of children and returns what it found.
func runChild(t *testing.T, name string) map[string]string {
	t.Helper()
	got, err := startChild(t, name)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func startChild(t *testing.T, name string) (map[string]string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Env = append(os.Environ(), "SECCOMP_TEST_CHILD="+name, "SECCOMP_TEST_DIR="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSPC) {
		skip(t, "no user namespaces: %v", err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, stderr.String())
	}
	got := map[string]string{}
	if err := json.Unmarshal(out, &got); err != nil {
		return nil, fmt.Errorf("%w: %q", err, out)
	}
	return got, nil
}

// skip skips, or fails where every test must run.
func skip(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("GLASSBOX_REQUIRE") == "1" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

func install(p Policy) error {
	f, err := p.Compile(Native)
	if err != nil {
		return err
	}
	return f.Install()
}

// errno makes a call and names its error.
func errno(trap uintptr, args ...uintptr) string {
	var a [6]uintptr
	copy(a[:], args)
	_, _, e := unix.RawSyscall6(trap, a[0], a[1], a[2], a[3], a[4], a[5])
	if e == 0 {
		return "ok"
	}
	return unix.ErrnoName(e)
}

func TestInstallSandbox(t *testing.T) {
	want := map[string]string{
		"AF_ALG":            "EAFNOSUPPORT",
		"AF_VSOCK":          "EAFNOSUPPORT",
		"NETLINK_XFRM":      "EPROTONOSUPPORT",
		"NETLINK_NETFILTER": "EPROTONOSUPPORT",
		"NETLINK_ROUTE":     "ok",
		"TCP":               "ok",
		"SCTP":              "EPROTONOSUPPORT",
		"TCP_ULP":           "ENOPROTOOPT",
		"TIOCSTI":           "EPERM",
		"TIOCSTI|1<<32":     "EPERM",
		"another ioctl":     "EBADF",
		"keyctl":            "ENOSYS",
		"io_uring_setup":    "ENOSYS",
		"userfaultfd":       "ENOSYS",
		"open_by_handle_at": "ENOSYS",
		"init_module":       "ENOSYS",
		"bpf":               "EPERM",
		"perf_event_open":   "EPERM",
		"call 999":          "ENOSYS",
		"every thread":      "2",
		"no_new_privs":      "0",
	}
	if Native == AMD64 {
		want["x32 getpid"] = "ENOSYS"
	}
	if diff := cmp.Diff(want, runChild(t, "sandbox")); diff != "" {
		t.Errorf("what the kernel answered (-want +got):\n%s", diff)
	}
}

func trySandbox(got map[string]string) error {
	// A second thread that is there before the filter is.
	ready, done := make(chan bool), make(chan bool)
	go func() {
		runtime.LockOSThread()
		ready <- true
		<-done
	}()
	<-ready
	defer close(done)

	tcp, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	if err := install(Sandbox(Options{})); err != nil {
		return err
	}
	ulp := []byte("tls\x00")
	const noFD = ^uintptr(0)
	got["AF_ALG"] = errno(unix.SYS_SOCKET, unix.AF_ALG, unix.SOCK_SEQPACKET)
	got["AF_VSOCK"] = errno(unix.SYS_SOCKET, unix.AF_VSOCK, unix.SOCK_STREAM)
	got["NETLINK_XFRM"] = errno(unix.SYS_SOCKET, unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_XFRM)
	got["NETLINK_NETFILTER"] = errno(unix.SYS_SOCKET, unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_NETFILTER)
	got["NETLINK_ROUTE"] = errno(unix.SYS_SOCKET, unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE)
	got["TCP"] = errno(unix.SYS_SOCKET, unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_CLOEXEC)
	got["SCTP"] = errno(unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_SEQPACKET)
	got["TCP_ULP"] = errno(unix.SYS_SETSOCKOPT, uintptr(tcp), unix.SOL_TCP, unix.TCP_ULP,
		uintptr(unsafe.Pointer(&ulp[0])), uintptr(len(ulp)))
	got["TIOCSTI"] = errno(unix.SYS_IOCTL, noFD, unix.TIOCSTI)
	got["TIOCSTI|1<<32"] = errno(unix.SYS_IOCTL, noFD, 1<<32|unix.TIOCSTI)
	got["another ioctl"] = errno(unix.SYS_IOCTL, noFD, unix.TIOCGWINSZ)
	got["keyctl"] = errno(unix.SYS_KEYCTL)
	got["io_uring_setup"] = errno(unix.SYS_IO_URING_SETUP, 1)
	got["userfaultfd"] = errno(unix.SYS_USERFAULTFD)
	got["open_by_handle_at"] = errno(unix.SYS_OPEN_BY_HANDLE_AT)
	got["init_module"] = errno(unix.SYS_INIT_MODULE)
	got["bpf"] = errno(unix.SYS_BPF)
	got["perf_event_open"] = errno(unix.SYS_PERF_EVENT_OPEN)
	got["call 999"] = errno(999)
	if Native == AMD64 {
		got["x32 getpid"] = errno(unix.SYS_GETPID | x32Bit)
	}
	tasks, err := filepath.Glob("/proc/self/task/*/status")
	if err != nil || len(tasks) < 2 {
		return fmt.Errorf("threads: %v, %w", tasks, err)
	}
	for _, task := range tasks {
		status, err := os.ReadFile(task)
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(status)) {
			key, value, _ := strings.Cut(line, ":")
			switch value = strings.TrimSpace(value); {
			case key == "Seccomp" && got["every thread"] != "0":
				got["every thread"] = value
			case key == "NoNewPrivs":
				got["no_new_privs"] = value
			}
		}
	}
	return nil
}

// TestInstallNesting makes, behind the filter, what containers are made of.
func TestInstallNesting(t *testing.T) {
	want := map[string]string{
		"unshare":          "ok",
		"clone3":           "EINVAL", // asked with a size of 0
		"sethostname":      "ok",
		"child in its own": "ok",
		"fsopen":           "ok",
		"mount":            "ok",
		"landlock":         "ok",
		"ptrace":           "EIO", // asked for nonsense
		"memfd_create":     "ok",
		"second filter":    "EPERM",
		"pivot_root":       "ok",
		"chroot":           "ok",
	}
	got := runChild(t, "nesting")
	if got["landlock"] == "EOPNOTSUPP" || got["landlock"] == "ENOSYS" {
		t.Log("this kernel has no Landlock, or it is off")
		delete(got, "landlock")
		delete(want, "landlock")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what the kernel answered (-want +got):\n%s", diff)
	}
}

func tryNesting(got map[string]string) error {
	runtime.LockOSThread()
	if err := install(Sandbox(Options{})); err != nil {
		return err
	}
	say := func(name string, err error) {
		got[name] = "ok"
		if e := unix.Errno(0); errors.As(err, &e) {
			got[name] = unix.ErrnoName(e)
		} else if err != nil {
			got[name] = err.Error()
		}
	}
	say("unshare", unix.Unshare(unix.CLONE_NEWUTS|unix.CLONE_NEWIPC|unix.CLONE_NEWCGROUP))
	say("sethostname", unix.Sethostname([]byte("inner")))
	got["clone3"] = errno(unix.SYS_CLONE3)

	cmd := exec.Command("/proc/self/exe", "-test.run=^$")
	cmd.Env = []string{}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{Size: 1}},
	}
	say("child in its own", cmd.Run())

	_, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
	say("fsopen", err)
	got["landlock"] = errno(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	got["ptrace"] = errno(unix.SYS_PTRACE, 0x7fff, uintptr(os.Getpid()))
	if got["ptrace"] == "ESRCH" { // not traced, which some kernels say first
		got["ptrace"] = "EIO"
	}
	_, err = unix.MemfdCreate("x", unix.MFD_CLOEXEC)
	say("memfd_create", err)

	dir := os.Getenv("SECCOMP_TEST_DIR")
	say("mount", unix.Mount("tmpfs", dir, "tmpfs", 0, ""))
	if err := install(Policy{Default: Allow, Rules: []Rule{{Names: words(modeCalls), Do: Errno(unix.EPERM)}}}); err != nil {
		return err
	}
	say("second filter", unix.Chmod(dir, 0o700))
	if err := unix.Chdir(dir); err != nil {
		return err
	}
	say("pivot_root", unix.PivotRoot(".", "."))
	say("chroot", unix.Chroot("."))
	return nil
}

// TestInt80 goes the way round that a filter without a check of the architecture leaves open.
func TestInt80(t *testing.T) {
	if Native != AMD64 {
		t.Skip("int 0x80 is of the x86")
	}
	open, err := startChild(t, "int80")
	if err != nil || open["getpid"] != "its pid" {
		t.Skipf("this kernel takes no calls through int 0x80: %v, %v", open, err)
	}
	if got := runChild(t, "int80walls")["getpid"]; got != "ENOSYS" {
		t.Errorf("getpid through int 0x80: %s, want ENOSYS", got)
	}
}

func tryInt80(got map[string]string, walls bool) error {
	page, err := unix.Mmap(-1, 0, unix.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC,
		unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return err
	}
	copy(page, []byte{
		0xb8, 20, 0, 0, 0, // mov eax, 20: getpid of i386
		0xcd, 0x80, // int 0x80
		0x48, 0x98, // cdqe: Go returns an int in rax
		0xc3, // ret
	})
	if walls {
		if err := install(Sandbox(Options{})); err != nil {
			return err
		}
	}
	// A func value points to a word that holds the address of the code.
	entry := unsafe.Pointer(&page[0])
	code := &entry
	switch result := (*(*func() int)(unsafe.Pointer(&code)))(); {
	case result == os.Getpid():
		got["getpid"] = "its pid"
	case result < 0:
		got["getpid"] = unix.ErrnoName(unix.Errno(-result))
	default:
		got["getpid"] = fmt.Sprint(result)
	}
	return nil
}
