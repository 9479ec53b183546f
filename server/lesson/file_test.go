package lesson

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTyped(t *testing.T) {
	tests := []struct {
		name   string
		script Script
		want   string
	}{
		{"commands", Script{Text: "ls\n"}, "ls\n"},
		{"a file in a directory that every box has", Script{File: "/root/a", Text: "x\n"}, "cat > /root/a <<'EOF'\nx\nEOF\n"},
		{"a file in a directory that may be missing", Script{File: "/root/app/a", Text: "x\n"}, "mkdir -p /root/app && cat > /root/app/a <<'EOF'\nx\nEOF\n"},
		{"a file below the shell's directory", Script{File: "app/a", Text: "x\n"}, "mkdir -p app && cat > app/a <<'EOF'\nx\nEOF\n"},
		{"a file in the shell's directory", Script{File: "a", Text: "x\n"}, "cat > a <<'EOF'\nx\nEOF\n"},
		{"a file with the usual end in it", Script{File: "a", Text: "EOF\nEOF2\n"}, "cat > a <<'EOF3'\nEOF\nEOF2\nEOF3\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, tt.script.Typed()); d != "" {
				t.Errorf("Typed (-want +got):\n%s", d)
			}
		})
	}
}

func TestFileProblems(t *testing.T) {
	tests := []struct{ name, block, want string }{
		{"no path", "```file\nx\n```\n", "01-one.md:6: the file has no path; write ```file and where it is, such as /root/app/Dockerfile"},
		{"a path that a shell would change", "```file $HOME/x\nx\n```\n", `01-one.md:6: "$HOME/x" cannot be the path of a file; use letters, digits, and . _ - / only, such as /root/app/Dockerfile`},
		{"a directory", "```file /root/\nx\n```\n", "01-one.md:6: /root/ is a directory; name the file: /root/Dockerfile"},
		{"empty", "```file /root/x\n```\n", "01-one.md:6: the file /root/x is empty; write what is in it; an empty file is made by touch in a run block"},
		{"interrupt", "```file /root/x shell interrupt\nx\n```\n", "01-one.md:6: a file cannot be written with interrupt; interrupt in a run block before it"},
		{"in a solution", "```solution a file /root/\nx\n```\n", "01-one.md:6: /root/ is a directory; name the file: /root/Dockerfile"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if d := cmp.Diff([]string{tt.want}, problemsOf(t, course("", "## S\n\n"+tt.block))); d != "" {
				t.Errorf("problems (-want +got):\n%s", d)
			}
		})
	}
}
