package kernel

import (
	"errors"
	"strconv"
	"strings"
	"testing"
)

// TestFileShowsNoMoreThanTheLearnerSees puts files of the kernel's where a check reads. Some tell root of the host more than others.
func TestFileShowsNoMoreThanTheLearnerSees(t *testing.T) {
	b := start(t)
	b.run(`echo mine > /mnt/mine; chown 1000:1000 /mnt/mine; chmod 0 /mnt/mine; ln -s /proc /mnt/proc; touch /mnt/log; mount --bind /proc/kmsg /mnt/log`)
	v := b.read(WantNothing)
	for _, path := range []string{
		"/mnt/mine", "/mnt/log", "/mnt/proc/kmsg", "/mnt/proc/slabinfo", "/mnt/proc/kallsyms", "/mnt/proc/iomem", "/mnt/proc/1/stack", "/mnt/proc/1/limits",
		"/mnt/proc/sys/kernel/osrelease",
	} {
		if b.run("[ -e "+path+" ] && echo there") == "" {
			continue // this kernel has none
		}
		const most = 20
		want := b.run("head -c " + strconv.Itoa(most) + " " + path + " 2>/dev/null")
		f, err := v.FindFile(nil, path)
		if err != nil || !f.Exists {
			t.Errorf("%s: exists is %t, %v", path, f.Exists, err)
			continue
		}
		if got := strings.TrimRight(f.Content[:min(len(f.Content), most)], "\n"); got != want {
			t.Errorf("%s: got %q, and the learner gets %q", path, got, want)
		}
	}
	if got := v.File("/mnt/mine").Content; got != "mine\n" {
		t.Errorf("a file of another user's in the sandbox: got %q", got)
	}
}

// TestLongCommandLine reads a process that has a command line as long as the kernel takes.
func TestLongCommandLine(t *testing.T) {
	b := start(t)
	b.run(`long=$(head -c 100000 /dev/zero | tr '\0' x); sh -c 'sleep 1000; true' $long $long $long >/dev/null 2>&1 & `)
	var got string
	eventually(t, "a long command line", func() bool {
		for _, p := range b.read(WantProcesses).Processes {
			if strings.HasPrefix(p.Cmdline, "sh -c sleep 1000; true xxx") {
				got = p.Cmdline
			}
		}
		return got != ""
	})
	if len(got) > maxCmdline {
		t.Errorf("got %d bytes of it, want no more than %d", len(got), maxCmdline)
	}
}

// TestManyMounts has more mounts in three namespaces than a look takes, and in one as many as it does.
func TestManyMounts(t *testing.T) {
	b := start(t)
	name := strings.Repeat("m", 200)
	b.run("mkdir /mnt/" + name + "; cd /mnt/" + name + "; for i in 0 1 2 3 4 5 6 7 8 9; do mkdir " + name + "$i; done; " +
		"mount --bind . .; cd .; cd /mnt/" + name + "; for i in 0 1 2 3 4 5 6 7 8 9; do mount --rbind . " + name + "$i; done; cd /")
	v := b.read(WantMounts)
	if len(v.Mounts) != 1 || len(v.Mounts[0].Mounts) < 1024 {
		t.Fatalf("got %d namespaces, the first with %d mounts", len(v.Mounts), len(v.Mounts[0].Mounts))
	}
	b.run("for i in 1 2 3 4; do unshare -m sleep 1000 >/dev/null 2>&1 & done")
	r := b.open()
	var err error
	eventually(t, "too many mounts", func() bool {
		_, err = r.Read(t.Context(), WantMounts)
		return err != nil
	})
	if !errors.Is(err, errTooLarge) {
		t.Errorf("got %v, want %v", err, errTooLarge)
	}
}

func TestLean(t *testing.T) {
	few := &Process{Mounts: make([]*Mount, maxTables), Interfaces: make([]*Interface, maxTables)}
	if lean(few) != few {
		t.Error("a process with few mounts and interfaces is not kept as it is")
	}
	many := &Process{Pid: 7, Mounts: make([]*Mount, maxTables+1), Interfaces: make([]*Interface, maxTables+1)}
	if got := lean(many); got.Pid != 7 || got.Mounts != nil || got.Interfaces != nil || many.Mounts == nil {
		t.Errorf("got %d mounts and %d interfaces, want none", len(got.Mounts), len(got.Interfaces))
	}
}
