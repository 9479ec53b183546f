package doctor

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// machine makes one out of files: name below proc -> content.
func machine(t *testing.T, files map[string]string) Machine {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return Machine{
		Proc: filepath.Join(dir, "proc"), Sys: filepath.Join(dir, "sys"), Dev: filepath.Join(dir, "dev"),
		Lib: filepath.Join(dir, "modules"), Path: []string{filepath.Join(dir, "bin")},
	}
}

func TestExamine(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string
		check string
		want  Status
		mend  string
	}{
		{"old kernel", map[string]string{"proc/sys/kernel/osrelease": "5.15.0-91-generic\n"}, "kernel", Missing, "5.19"},
		{"new kernel", map[string]string{"proc/sys/kernel/osrelease": "6.1.0-18-cloud-amd64\n"}, "kernel", OK, ""},
		{"very new kernel", map[string]string{"proc/sys/kernel/osrelease": "10.0.0\n"}, "kernel", OK, ""},
		{"no user namespaces", nil, "user namespaces", Missing, "CONFIG_USER_NS"},
		{"user namespaces off", map[string]string{"proc/sys/user/max_user_namespaces": "0\n"}, "user namespaces", Missing, "sysctl"},
		{"overlay built in", map[string]string{"proc/filesystems": "nodev\toverlay\n\text4\n"}, "overlay", OK, ""},
		{"overlay as module", map[string]string{
			"proc/sys/kernel/osrelease": "6.1.0\n", "modules/6.1.0/modules.dep": "kernel/fs/overlayfs/overlay.ko:\n",
		}, "overlay", OK, ""},
		{"no overlay", map[string]string{
			"proc/sys/kernel/osrelease": "6.1.0\n", "modules/6.1.0/modules.dep": "\n", "proc/filesystems": "nodev\ttmpfs\n",
		}, "overlay", Missing, "modprobe overlay"},
		{"containers", map[string]string{
			"proc/sys/kernel/osrelease": "6.1.0\n", "modules/6.1.0/modules.builtin": "kernel/net/bridge/bridge.ko\n",
			"modules/6.1.0/modules.dep": "kernel/net/netfilter/nf_tables.ko:\nkernel/net/netfilter/nft_chain_nat.ko:\nkernel/net/netfilter/nft_compat.ko:\n" +
				"kernel/net/netfilter/xt_MASQUERADE.ko:\nkernel/net/netfilter/xt_addrtype.ko:\nkernel/net/netfilter/xt_comment.ko:\n" +
				"kernel/net/netfilter/xt_conntrack.ko:\nkernel/net/netfilter/xt_mark.ko:\n" +
				"kernel/net/netfilter/xt_nat.ko:\nkernel/net/netfilter/xt_tcpudp.ko:\n",
		}, "containers in sandboxes", OK, ""},
		{"containers without a network", map[string]string{
			"proc/sys/kernel/osrelease": "6.1.0\n", "modules/6.1.0/modules.dep": "kernel/net/bridge/bridge.ko:\n",
		}, "containers in sandboxes", Warning, "linux-image-" + runtime.GOARCH},
		{"a kernel that tells nothing of its modules", map[string]string{"proc/sys/kernel/osrelease": "6.1.0\n"}, "containers in sandboxes", Warning, "modprobe -a bridge"},
		{"mke2fs", map[string]string{"bin/mke2fs": "#!"}, "mke2fs", OK, ""},
		{"no mke2fs", nil, "mke2fs", Missing, "e2fsprogs"},
		{"no controllers", map[string]string{"proc/self/mountinfo": "\n"}, "cgroup controllers", Missing, "cgroup_enable"},
		{"core pattern is a pipe", map[string]string{"proc/sys/kernel/core_pattern": "|/usr/share/apport/apport %p\n"}, "kernel.core_pattern", Warning, "sysctl kernel.core_pattern=core"},
		{"core pattern is a name", map[string]string{"proc/sys/kernel/core_pattern": "core\n"}, "kernel.core_pattern", OK, ""},
		{"Ubuntu's restriction", map[string]string{"proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1\n"}, "nested user namespaces", Missing, "apparmor_restrict_unprivileged_userns=0"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for _, f := range machine(t, test.files).Examine() {
				if f.Name != test.check {
					continue
				}
				if f.Status != test.want || !strings.Contains(f.Mend, test.mend) {
					t.Errorf("got %+v, want status %q and a mend with %q", f, test.want, test.mend)
				}
				if f.Status != OK && f.Mend == "" {
					t.Error("a finding that is not ok says what to do")
				}
				return
			}
			t.Errorf("no finding named %q", test.check)
		})
	}
}

func TestWorst(t *testing.T) {
	if got := Worst([]Finding{{Status: OK}, {Status: Warning}}); got != Warning {
		t.Errorf("got %q, want a warning", got)
	}
	if got := Worst([]Finding{{Status: Missing}, {Status: Warning}}); got != Missing {
		t.Errorf("got %q, want missing", got)
	}
}
