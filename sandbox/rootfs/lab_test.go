package rootfs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLabFilesAndAuthority(t *testing.T) {
	const authority = "-----BEGIN CERTIFICATE-----\nR2xhc3Nib3ggdGVzdCBhdXRob3JpdHk=\n-----END CERTIFICATE-----\n"
	source := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(source, []byte("#!/bin/sh\necho from the host\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	root := withTools(t, Config{CA: []byte(authority), Files: []File{
		{Path: "/etc/resolv.conf", Content: []byte("nameserver 192.0.2.1\n")},
		{Path: "/usr/local/bin/program", Mode: 0o755, Source: source},
		{Path: "/root/.hushlogin", Mode: 0o600},
		{Path: "/opt/link", Link: "/usr/local/bin/program"},
		{Path: "/etc/inputrc", Content: []byte("# the caller's\n")},
	}})
	tests := []struct{ name, script, want string }{
		{"content", "cat /etc/resolv.conf", "nameserver 192.0.2.1\n"},
		{"program", "program; /opt/link", "from the host\nfrom the host\n"},
		{"mode", "stat -c %a /root/.hushlogin", "600\n"},
		{"home stays private", "stat -c %a /root", "700\n"},
		{"the caller's wins", "cat /etc/inputrc", "# the caller's\n"},
		{"trusted by glibc's programs", "grep -c R2xhc3Nib3ggdGVzdCBhdXRob3JpdHk= /etc/ssl/certs/ca-certificates.crt", "1\n"},
		{"trusted by Alpine's", "grep -c R2xhc3Nib3ggdGVzdCBhdXRob3JpdHk= /etc/ssl/cert.pem", "1\n"},
		{"beside the world's", "test $(grep -c BEGIN /etc/ssl/cert.pem) -gt 100 && echo many", "many\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := in(t, root, test.script); got != test.want {
				t.Errorf("%s: got %q, want %q", test.script, got, test.want)
			}
		})
	}
	other := prepared(t, Config{})
	if other.Layers[1] != root.Layers[1] || other.Layers[2] == root.Layers[2] {
		t.Errorf("other lab files gave layers %v beside %v: want another lab and the same tools", other.Layers, root.Layers)
	}
}

func TestLabRefuses(t *testing.T) {
	tests := []struct {
		name   string
		config Config
		want   string
	}{
		{"relative path", Config{Files: []File{{Path: "etc/x"}}}, "want a clean absolute path"},
		{"path that climbs", Config{Files: []File{{Path: "/etc/../../x"}}}, "want a clean absolute path"},
		{"source that is not there", Config{Files: []File{{Path: "/x", Source: "/no/such/file"}}}, "lab file /x"},
		{"authority that is no PEM", Config{CA: []byte("hello")}, "not PEM"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.config.Cache = t.TempDir()
			b, err := newBuilder(test.config)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := b.lab(t.Context(), nil); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
