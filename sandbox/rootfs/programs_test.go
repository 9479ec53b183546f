package rootfs

import (
	"strings"
	"testing"
)

func TestRootIsAlpineWithTools(t *testing.T) {
	root := withTools(t, Config{})
	var names []string
	for _, layer := range root.Layers {
		names = append(names, layer.Name)
	}
	if got := strings.Join(names, " "); got != "alpine tools lab" {
		t.Errorf("layers: %s, want alpine tools lab", got)
	}
	tests := []struct{ name, script, want string }{
		{"bash", "bash --version", "GNU bash"},
		{"bash by path", "/bin/bash -c 'echo $BASH_VERSION'", "."},
		{"sh is busybox", "readlink -f /bin/sh", "/bin/busybox"},
		{"ls is busybox", "readlink -f $(which ls)", "/bin/busybox"},
		{"curl", "curl --version", "https"},
		{"wget is GNU's", "wget --version", "GNU Wget"},
		{"capsh", "capsh --print", "Bounding set"},
		{"ps is procps'", "ps --version", "procps"},
		{"ps aux", "ps aux", "PID %CPU"},
		{"ifconfig", "ifconfig --version 2>&1", "net-tools"},
		{"ifconfig runs", "ifconfig -a", ""},
		{"mount is util-linux's", "mount --version", "util-linux"},
		{"unshare is util-linux's", "unshare --version", "util-linux"},
		{"unshare works", "unshare --net --uts /bin/sh -c 'hostname teapot-is-life; hostname'", "teapot-is-life"},
		{"ip", "ip -V", "iproute2"},
		{"strace", "strace -V", "strace"},
		{"jq", "echo '{\"a\":7}' | jq .a", "7"},
		{"nc by its alternative", "nc -h 2>&1", "OpenBSD"},
		{"pager", "pager --version", "less"},
		{"editor", "editor --version", "nano"},
		{"file knows its magic", "file /usr/bin/curl", "ELF 64-bit"},
		{"lsns", "lsns --version", "util-linux"},
		{"killall is psmisc's", "killall --version 2>&1", "PSmisc"},
		{"UTF-8", "bash -c 'x=€; echo ${#x}'", "1"},
		{"bash needs no locale files else", "bash -c true 2>&1 | wc -l", "0"},
		{"Alpine says what it is", "cat /etc/os-release", "Alpine Linux"},
		{"apk is Alpine's", "apk --version", "apk-tools"},
		{"setuid programs stay so", "stat -c %a $(readlink -f $(which umount))", "4755"},
		{"shadow belongs to its group", "stat -c %u:%g:%a /etc/shadow", "0:42:640"},
		{"no lost+found", "ls /", "bin"},
		{"versions are recorded", "jq -r .curl /" + ToolsFile, root.Tools["curl"]},
		{"names of hosts come from the file first", "cat /etc/nsswitch.conf", "files dns"},
		{"dmesg without a log", "dmesg; echo $?", "0"},
		{"dmesg reads the sandbox's log", `printf '<4>[   12.500000] Memory cgroup out of memory\n' > /run/kmsg; dmesg`, "[   12.500000] Memory cgroup out of memory"},
		{"dmesg takes its flags", `printf '<4>[   12.500000] Memory cgroup out of memory\n' > /run/kmsg; dmesg -x`, "kern  :warn"},
		{"terminals are known", "for term in xterm-256color xterm linux screen vt100; do find /lib/terminfo /usr/share/terminfo /etc/terminfo -name $term 2>/dev/null | grep -q . || echo no $term; done", ""},
		{"dmesg says its version", "dmesg --version", "util-linux"},
		{"dmesg follows", `printf '<4>[   12.500000] here\n' > /run/kmsg; unshare --pid --fork sh -c 'dmesg -w > /tmp/out & for i in $(seq 100); do grep -q here /tmp/out && break; sleep 0.05; done; cat /tmp/out'`, "[   12.500000] here"},
		{"shell is root at the host", "HOME=/ bash -ic 'echo ${PS1@P}' 2>/dev/null", "root@"},
		{"no alias", "bash -ic alias 2>/dev/null | wc -l", "0"},
		{"temporary directory", "stat -c %a /var/tmp", "1777"},
		{"certificates", "grep -c BEGIN /etc/ssl/certs/ca-certificates.crt", "1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := in(t, root, test.script)
			if !strings.Contains(got, test.want) {
				t.Errorf("%s: got %q, want %q in it", test.script, got, test.want)
			}
			if test.want == "" && test.name != "ifconfig runs" && got != "" {
				t.Errorf("%s: got %q, want nothing", test.script, got)
			}
			if test.name == "no lost+found" && strings.Contains(got, "lost+found") {
				t.Errorf("lost+found lies in the root: %q", got)
			}
		})
	}
}
