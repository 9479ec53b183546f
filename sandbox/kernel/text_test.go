package kernel

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestText(t *testing.T) {
	b := start(t)
	dir := b.group("memory", "demo")
	b.run("sleep 304 &")
	v, p := b.find(WantAll, "sleep 304")
	group := v.reader.memory()
	limit := "memory.max"
	if group.Version == 1 {
		limit = "memory.limit_in_bytes"
	}
	want, err := os.ReadFile(filepath.Join(dir, limit))
	if err != nil {
		t.Fatal(err)
	}
	proc := "/proc/" + itoa(p.Pid) + "/"
	tests := []struct{ path, host, want string }{
		{proc + "status", "/proc/" + itoa(p.HostPid) + "/status", "Name:\tsleep\n"},
		{proc + "cmdline", "/proc/" + itoa(p.HostPid) + "/cmdline", "sleep␀304␀"},
		{proc + "uid_map", "/proc/" + itoa(p.HostPid) + "/uid_map", "1900000000"},
		{proc + "ns/", "/proc/" + itoa(p.HostPid) + "/ns", "\nnet -> net:[" + itoa(p.Namespaces.Net.ID) + "]\n"},
		{proc + "net/dev", "/proc/" + itoa(p.HostPid) + "/net/dev", "lo:"},
		{group.learner + "/demo/" + limit, filepath.Join(dir, limit), string(want)},
		{"/run/kmsg", "/dev/kmsg", ""},
	}
	for _, tt := range tests {
		got, err := v.Text(tt.path)
		if err != nil {
			t.Errorf("%s: %v", tt.path, err)
		}
		if got.Path != tt.path || got.Host != tt.host || !strings.Contains(got.Text, tt.want) {
			t.Errorf("%s is %+v; want it from %s, with %q in it", tt.path, got, tt.host, tt.want)
		}
	}
}

// Whatever a learner names, nothing is read but the kernel's files of his own sandbox.
func TestTextOfNothingElse(t *testing.T) {
	b := start(t)
	v, p := b.find(WantProcesses, "sh")
	learner := v.reader.memory().learner
	for _, path := range []string{
		"", "/", "/etc/passwd", "/proc/1", "/proc/999999/status", "/proc/self/status", "/proc/" + itoa(os.Getpid()) + "/status",
		"/proc/" + itoa(p.Pid) + "/root/etc/passwd", "/proc/" + itoa(p.Pid) + "/environ", "/proc/" + itoa(p.Pid) + "/mem", "/proc/" + itoa(p.Pid) + "/../../etc/passwd",
		learner, learner + "/", learner + "/../../../../etc/passwd", learner + "/nothing/memory.max", learner + "/nothing",
	} {
		if got, err := v.Text(path); !errors.Is(err, ErrNoText) {
			t.Errorf("%q: %+v, %v; want no text", path, got, err)
		}
	}
}
