package enginetest

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"glassbox/sandbox/sandboxtest"
)

// step is a line that a learner types, and what must be in its output, or must not.
type step struct {
	line string
	want string // a part of the output; an alternative after each |
	not  string
}

// noise is what an engine says of things that a learner did not do.
var noise = regexp.MustCompile(`(WARN|ERRO)(\x1b\[0m)?\[|syslog`)

// follow types lines one after the other. Each must succeed, but for those that begin with "!".
func follow(t *testing.T, b *sandboxtest.Sandbox, steps []step) {
	t.Helper()
	for _, s := range steps {
		line, fails := strings.CutPrefix(s.line, "!")
		output, status := b.Run(line)
		if (status != 0) != fails {
			t.Fatalf("%q: got status %d and %q", line, status, output)
		}
		found := s.want == ""
		for want := range strings.SplitSeq(s.want, "|") {
			found = found || strings.Contains(output, want)
		}
		if !found {
			t.Errorf("%q: got %q, want %q", line, output, s.want)
		}
		if s.not != "" && strings.Contains(output, s.not) {
			t.Errorf("%q: got %q, want no %q", line, output, s.not)
		}
		if noise.MatchString(output) {
			t.Errorf("%q: it makes noise: %q", line, output)
		}
	}
}

// TestIdioms goes through the life of containers as the lessons do.
func TestIdioms(t *testing.T) {
	b := start(t)
	follow(t, b, []step{
		{"docker run --rm alpine echo hi", "hi", ""},
		{"docker run -d --rm --name web alpine sh -c 'echo started; touch /made; exec sleep 1000'", "", ""},
		{"docker ps", "web", ""},
		{"ps aux | grep '[s]leep 1000'", "root", ""}, // a container is a process
		{"docker exec $(docker ps -q) uname -a", "Linux", ""},
		{"docker exec web cat /proc/1/cmdline", "sleep", ""},
		{"docker exec -it web tty", "/dev/pts/", ""},
		{"docker logs web", "started", ""},
		{"docker diff web", "A /made", ""},
		{"docker top web", "sleep 1000", ""},
		{"docker inspect --format '{{.State.Status}}' web", "running", ""},
		{"docker stats --no-stream", "web", ""},
		{"echo from outside > /tmp/f && docker cp /tmp/f web:/f && docker exec web cat /f", "from outside", ""},
		{"docker cp web:/etc/alpine-release - | tar tf -", "alpine-release", ""},
		{"docker commit -q web kept && docker images", "kept", ""},
		{"docker stop -t 1 web", "web", ""},
		{"for i in $(seq 50); do docker ps -aq | grep -q . || break; sleep 0.2; done; docker ps -aq | wc -l", "0", ""}, // --rm comes a moment later
		{"docker run --rm kept ls /made", "/made", ""},
		{"!docker run --name failed alpine false", "", ""},
		{"docker ps -a", "Exited (1)", ""},
		{"docker rm failed", "", ""},
		{"docker run -d alpine sleep 1000 && docker run -d alpine sleep 1000", "", ""},
		{"docker stop -t 1 $(docker ps -aq) && docker rm $(docker ps -aq)", "", ""},
		{"docker tag kept other:1 && docker rmi kept", "Untagged", ""},
		{"docker rmi other:1 && docker images", "", "kept"},
		{"docker system prune -f", "Total reclaimed space", ""},
		{"docker info", "seccompEnabled: true", ""},
		{"docker version", "Podman Engine", ""}, // it says what it is
		{"docker run --rm -it alpine tty", "/dev/pts/0", ""},
	})
}

// TestProcesses looks at containers from the box and out of a container at the box.
func TestProcesses(t *testing.T) {
	b := start(t)
	follow(t, b, []step{
		{"docker run --rm alpine ps -o pid,args", "    1 ps", "conmon"},
		{"docker run --rm alpine hostname", "", "box"},
		{"docker run --rm --pid=host alpine ps -o args", "conmon", ""},
		{"docker run -it --rm --privileged --pid=host alpine nsenter -t 1 -m -u -n -i sh -c 'hostname; ls -d /lab'", "box", ""},
		{"docker run --rm -v /:/host alpine sh -c 'echo key > /host/root/authorized_keys; chroot /host hostname'", "", ""},
		{"cat /root/authorized_keys", "key", ""},
		{"docker run --rm --uts=host alpine hostname", "box", ""},
		{"docker run -d --name one alpine sleep 1000 && docker run --rm --pid=container:one alpine ps -o args", "sleep 1000", ""},
		{"docker kill one && docker wait one && docker rm one", "137", ""},
	})
	// What conmon and the containers leave is reaped: nothing but shells is left, and no zombie.
	sandboxtest.Poll(t, time.Minute, func() error {
		if left := b.Must("ps -e -o stat,args | grep -E '^Z|conmon|sleep 1000' | grep -v grep || true"); left != "" {
			return fmt.Errorf("left are %q", left)
		}
		return nil
	})
}

// TestConfinement tries what takes rights from a container, or gives it more.
func TestConfinement(t *testing.T) {
	b := start(t)
	const noChmod = "https://raw.githubusercontent.com/docker/labs/master/security/seccomp/seccomp-profiles/default-no-chmod.json"
	follow(t, b, []step{
		{"docker run --rm alpine grep CapEff /proc/self/status", "00000000a80425fb", ""}, // Docker's fourteen
		{"docker run --rm --privileged alpine grep CapEff /proc/self/status", "ffffffffff", ""},
		{"docker run --rm --privileged alpine sh -c 'mount -t tmpfs x /mnt && echo mounted'", "mounted", ""},
		{"!docker run --rm alpine mount -t tmpfs x /mnt", "ermission denied", ""},
		{"docker run --rm --cap-drop ALL alpine grep CapEff /proc/self/status", "0000000000000000", ""},
		{"docker run --rm --cap-drop ALL --cap-add CHOWN alpine grep CapEff /proc/self/status", "0000000000000001", ""},
		{"!docker run --rm --cap-drop CHOWN alpine chown 1 /tmp", "not permitted", ""},
		{"docker run --rm alpine grep Seccomp_filters /proc/self/status", "2", ""}, // the box's, and the engine's
		{"docker run --rm --privileged alpine grep Seccomp_filters /proc/self/status", "1", ""},
		{"!docker run --rm alpine unshare -n true", "not permitted", ""},
		{"wget -q " + noChmod, "", ""},
		{
			"docker run --rm --security-opt seccomp=default-no-chmod.json alpine sh -c 'touch /bin/lol; chmod +x /bin/lol; ls /bin/lol'",
			"Operation not permitted", "",
		},
		{"docker run --rm --security-opt seccomp=unconfined alpine unshare -U true", "", ""},
		{"!docker run --rm --read-only alpine touch /x", "ead-only", ""},
		{"docker run --rm --read-only --tmpfs /scratch alpine touch /scratch/x", "", ""},
		{"docker run --rm --user 1000:1000 alpine id -u", "1000", ""},
		{"!docker run --rm --user 1000 -v /:/host alpine touch /host/root/x", "ermission denied", ""},
		{"!docker run --rm -v /:/host:ro alpine touch /host/etc/x", "ead-only", ""},
		{"docker run --rm --security-opt no-new-privileges alpine grep NoNewPrivs /proc/self/status", "1", ""},
	})
}

// TestUserNamespaces gives containers a root that is not the box's.
func TestUserNamespaces(t *testing.T) {
	b := start(t)
	follow(t, b, []step{
		{"docker run --rm alpine cat /proc/self/uid_map", "         0          0      65536", ""},
		{"docker run --rm --uidmap 0:10000:1000 alpine cat /proc/self/uid_map", "         0      10000       1000", ""},
		{"docker run --rm --uidmap 0:10000:1000 alpine id -u", "0", ""},
		{"!docker run --rm --uidmap 0:10000:1000 -v /:/host alpine touch /host/root/x", "ermission denied", ""},
		{"docker run --rm --userns=auto:size=1000 alpine cat /proc/self/uid_map", "         0          1       1000", ""},
		{"docker run -d --name other --uidmap 0:10000:1000 alpine sleep 1000 && ps -o uid,args | grep '[s]leep 1000'", "10000", ""},
		// One time in several the engine complains of a busy shm, and has removed it all the same.
		{"docker rm -f -t 0 other; ! docker container exists other", "", ""},
	})
}

// TestLimits has limits of containers obeyed, by whichever version of control groups the machine has.
func TestLimits(t *testing.T) {
	b := start(t)
	follow(t, b, []step{
		{"!docker run --name fat -m 20m alpine tail /dev/zero", "", ""},
		{"docker inspect --format '{{.State.ExitCode}} {{.HostConfig.Memory}}' fat", "137 20971520", ""},
		{"dmesg", "tail", ""},
		{"docker run --rm -m 64m alpine sh -c 'cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null; true'", "67108864", ""},
		{"docker run --rm --pids-limit 5 alpine sh -c 'for i in 1 2 3 4 5 6 7; do sleep 1 & done' 2>&1; true", "can't fork", ""},
		{"docker run --rm --cpus 0.5 alpine sh -c 'cat /sys/fs/cgroup/cpu.max /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null; true'", "50000", ""},
		{"docker run -d --name held alpine sleep 1000 && docker pause held && docker inspect --format '{{.State.Status}}' held", "paused", ""},
		{"docker unpause held && docker rm -f -t 0 held", "", ""},
	})
}
