package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"glassbox/sandbox/sandboxtest"
)

// run runs the command line, with a state directory of its own.
func run(t *testing.T, stdin string, args ...string) (stdout string, status int, err error) {
	t.Helper()
	var out, errs bytes.Buffer
	c := command(strings.NewReader(stdin), &out, &errs)
	c.SetArgs(append([]string{"--data", t.TempDir()}, args...))
	err = c.ExecuteContext(t.Context())
	var exit exitStatus
	switch {
	case errors.As(err, &exit):
		return out.String(), int(exit), nil
	case err != nil:
		return out.String(), 1, err
	}
	return out.String(), 0, nil
}

func TestWordsForWhatIsWrong(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	broken := t.TempDir()
	for name, text := range map[string]string{
		"course.yaml": "title: T\ndescription: D\n",
		"01-one.md":   "---\ntitle: One\nsumary: typo\n---\n## Step\nText.\n",
	} {
		if err := os.WriteFile(filepath.Join(broken, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name string
		args []string
		want string // in the error, or in what is printed
	}{
		{"unknown command", []string{"sreve"}, "serve"},
		{"unknown flag", []string{"serve", "--adr", "x"}, "--adr"},
		{"port taken", []string{"serve", "--addr", taken.Addr().String()}, "choose one with --addr"},
		{"unknown lesson", []string{"verify", "nonsense"}, "control-groups"},
		{"watch without a directory", []string{"verify", "--watch"}, "--lessons"},
		{"malformed lesson", []string{"lint", "--lessons", broken}, "01-one.md:3"},
		{"no such directory", []string{"lint", "--lessons", filepath.Join(broken, "x")}, "no such file"},
		{"lesson without a name", []string{"new", "lesson"}, "accepts 1 arg"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			out, status, err := run(t, "", test.args...)
			if status == 0 {
				t.Fatalf("got status 0 and %q, want a failure", out)
			}
			text := out
			if err != nil {
				text += err.Error()
			}
			if !strings.Contains(text, test.want) {
				t.Errorf("got %q, want something with %q", text, test.want)
			}
		})
	}
}

func TestOwnLessonsAreClean(t *testing.T) {
	out, status, err := run(t, "", "lint")
	if status != 0 || err != nil || out != "" {
		t.Errorf("glassbox lint: got status %d, %v and\n%s", status, err, out)
	}
}

func TestNewLessonIsClean(t *testing.T) {
	dir := t.TempDir()
	if _, status, err := run(t, "", "new", "lesson", "signals", "--lessons", dir); status != 0 || err != nil {
		t.Fatalf("got status %d and %v", status, err)
	}
	out, status, err := run(t, "", "lint", "--lessons", dir)
	if status != 0 || err != nil || out != "" {
		t.Errorf("glassbox lint: got status %d, %v and\n%s", status, err, out)
	}
}

func TestDoctorSaysSomethingOfEach(t *testing.T) {
	out, _, err := run(t, "", "doctor", "--json")
	if err != nil {
		t.Fatal(err)
	}
	var findings []struct{ Name, Status, Found string }
	if err := json.Unmarshal([]byte(out), &findings); err != nil {
		t.Fatal(err)
	}
	if len(findings) < 12 {
		t.Errorf("got %d findings, want at least 12", len(findings))
	}
	for _, f := range findings {
		if f.Name == "" || f.Status == "" || f.Found == "" {
			t.Errorf("got %+v, want words for each", f)
		}
	}
}

func TestShell(t *testing.T) {
	sandboxtest.Require(t)
	if dir := sandboxtest.Config(t, t.TempDir()).Alpine; dir != "" {
		t.Setenv("GLASSBOX_ROOTFS", dir)
	}
	tests := []struct {
		name, stdin string
		args        []string
		want        string
		status      int
	}{
		{"a command", "", []string{"shell", "--", "id", "-u"}, "0", 0},
		{"its exit status", "", []string{"shell", "--", "sh", "-c", "exit 7"}, "", 7},
		{"killed by a signal", "", []string{"shell", "--", "sh", "-c", "kill -9 $$"}, "", 137},
		{"typed", "echo $((6*7))\nexit 3\n", []string{"shell", "--", "sh"}, "42", 3},
		{"typed to its end, before the shell has begun", "echo $((6*7))\n", []string{"shell"}, "42", 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			out, status, err := run(t, test.stdin, test.args...)
			if err != nil || status != test.status || !strings.Contains(out, test.want) {
				t.Errorf("got status %d, %v and %q; want status %d and %q", status, err, out, test.status, test.want)
			}
		})
	}
}
