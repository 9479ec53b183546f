package sandbox_test

import (
	"strings"
	"testing"

	"glassbox/sandbox/sandboxtest"
)

// TestNesting does inside a sandbox what the lessons do: everything a container is made of, once more.
func TestNesting(t *testing.T) {
	s := sandboxtest.Start(t, nil)
	tests := []struct{ name, line, want string }{
		{"mount namespace", "unshare -m sh -c 'mount -t tmpfs x /mnt && df /mnt | tail -1 | cut -d\" \" -f1'", "x"},
		{"uts namespace", "unshare -u sh -c 'hostname teapot-is-life && hostname'; hostname", "teapot-is-life\nbox"},
		{"ipc namespace", "unshare -i ipcs -q | grep -c msqid", "1"},
		{"net namespace", "unshare -n ip -o link | wc -l", "1"},
		{"pid namespace", "unshare -p -f --mount-proc sh -c 'echo $$; ps -e | grep -c unshare'; true", "1\n0"},
		{"user namespace", "unshare -U -r id -u", "0"},
		{"cgroup namespace", "unshare -C cat /proc/self/cgroup | grep -vc ':/$'; true", "0"},
		{"time namespace", "unshare -T true && echo made", "made"},
		{"all at once", "unshare -m -u -i -n -p -f -U -r -C -T --mount-proc sh -c 'echo $$'", "1"},
		{"proc again", "mkdir -p /tmp/p && unshare -p -f sh -c 'mount -t proc p /tmp/p && echo /tmp/p/1; umount /tmp/p'", "/tmp/p/1"},
		{"proc after umount", "umount /proc && mount -t proc proc /proc && echo back", "back"},
		{"sysfs", "mkdir -p /tmp/s && unshare -n mount -t sysfs s /tmp/s && echo mounted", "mounted"},
		{"overlay", "cd /lab && mkdir -p lo hi wrk merged && echo l > lo/f && mount -t overlay overlay -o lowerdir=lo,upperdir=hi,workdir=wrk merged && echo h >> merged/f && cat hi/f && umount merged", "l\nh"},
		{"opaque directory", "cd /lab && mkdir -p lo/d && touch lo/d/x && mount -t overlay overlay -o lowerdir=lo,upperdir=hi,workdir=wrk,userxattr merged && rm -r merged/d && mkdir merged/d && ls merged/d | wc -l; umount merged", "0"},
		{"remove a directory of the lower layer", "rm -r /usr/share/misc /etc/apk && ls -d /etc/apk 2>/dev/null; echo gone", "gone"},
		{"pivot_root", "mkdir -p /tmp/new && unshare -m sh -c 'mount -t tmpfs n /tmp/new && mkdir /tmp/new/old && cp -a /bin /lib /tmp/new/ && cd /tmp/new && pivot_root . old && /bin/busybox umount -l /old && /bin/busybox ls --color=never -1 /'", "bin\nlib\nold"},
		{"chroot", "mkdir -p /tmp/c/bin && cp /bin/busybox /tmp/c/bin/ && cp -a /lib /tmp/c/ && chroot /tmp/c /bin/busybox echo inside", "inside"},
		{"set-user-ID", "cp /usr/bin/id /lab/id && chown 1000 /lab/id && chmod u+s /lab/id && /lab/id -u", "1000"},
		{"file capabilities", "cp $(command -v getcap) /lab/x && setcap cap_net_raw=ep /lab/x && getcap /lab/x", "/lab/x cap_net_raw=ep"},
		{"capabilities", "capsh --print | grep -c 'Current: =ep'", "1"},
		{"dropped capabilities", "capsh --drop=cap_chown -- -c 'chown 1 /tmp' 2>&1 | grep -c permitted", "1"},
		{"strace", "strace -f -e trace=openat true 2>&1 | grep -c exited", "1"},
		{"tty", "tty", "/dev/pts/"},
		{"teapot", "curl -s httpstat.us/418 | head -c 3", ""},
		{"tarball", "curl -s -o /tmp/a.tar.gz $URL && tar tzf /tmp/a.tar.gz | grep -c '^./etc/alpine-release\\|^./etc/os-release'", ""},
		{"name resolution", "getent hosts httpstat.us | wc -l", "1"},
		{"https", "wget -q -O - https://raw.githubusercontent.com/docker/labs/master/security/seccomp/seccomp-profiles/default-no-chmod.json | jq -r .defaultAction", "SCMP_ACT_ERRNO"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := s.Must(test.line)
			if got != test.want && (!strings.HasSuffix(test.want, "/") || !strings.HasPrefix(got, test.want)) && test.want != "" {
				t.Errorf("%q: got %q, want %q", test.line, got, test.want)
			}
			if test.want == "" && got == "" {
				t.Errorf("%q: got nothing", test.line)
			}
		})
	}
}
