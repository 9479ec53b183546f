package rootfs

import (
	"strings"
	"testing"
)

func TestManifestRefuses(t *testing.T) {
	tests := []struct{ name, text, says string }{
		{"unknown key", "alpin: {}", "unknown field"},
		{"no YAML", "alpine: [", "manifest"},
		{"short digest", "alpine: {sha256: {x86_64: abc}}", "64 hexadecimal digits"},
		{"layer without packages", "layers: {docker: {}}", "no packages"},
		{"name of our own", "layers: {lab: {packages: [bash]}}", "the name is taken"},
		{"bad pattern", "drop: ['[']", "syntax error in pattern"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := parseManifest([]byte(test.text))
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want %q", err, test.says)
			}
		})
	}
}

func TestDropped(t *testing.T) {
	patterns := []string{"usr/share/man", "etc/cron.*", "usr/lib/*/gconv"}
	for name, want := range map[string]bool{
		"usr/share/man": true, "usr/share/man/man1/x": true, "usr/share/manual": false, "usr/share": false, ".": false,
		"etc/cron.daily/x": true, "etc/crontab": false, "usr/lib/x86_64-linux-gnu/gconv/libCNS.so": true, "usr/lib/gconv": false,
	} {
		if got := dropped(patterns, name); got != want {
			t.Errorf("dropped(%q) = %v, want %v", name, got, want)
		}
	}
}
