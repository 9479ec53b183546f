package enginetest

import (
	"strings"
	"testing"
	"time"
)

// TestExhaustedBuild lets builds use up what the box has. The engine says so, in its own words; the box works on, and so
// does the neighbour.
func TestExhaustedBuild(t *testing.T) {
	neighbour := start(t)
	tests := []struct{ name, run, want string }{
		{"memory", "tail /dev/zero", "exited on killed"},
		{"disk", "dd if=/dev/zero of=/big bs=1M count=5000", "No space left on device"},
		{"processes", "for i in $(seq 2000); do sleep 30 & done", "can't fork|Resource temporarily unavailable"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := start(t)
			output, status := b.Run("printf 'FROM alpine\\nRUN " + test.run + "\\n' | docker build -t x -")
			if status == 0 {
				t.Errorf("the build: got status 0 and %q", tail(output))
			}
			found := false
			for want := range strings.SplitSeq(test.want, "|") {
				found = found || strings.Contains(output, want)
			}
			if !found {
				t.Errorf("the build: got %q, want one of %q", tail(output), test.want)
			}
			began := time.Now()
			if got := neighbour.Must("docker run --rm alpine echo alive"); !strings.Contains(got, "alive") {
				t.Errorf("the neighbour: got %q", got)
			}
			t.Logf("the neighbour ran a container in %v", time.Since(began).Round(time.Millisecond))
			if got := b.Must("docker run --rm alpine echo alive"); !strings.Contains(got, "alive") {
				t.Errorf("the box: got %q", got)
			}
			b.Must("docker system prune -f")
		})
	}
}

// tail is the end of an output.
func tail(s string) string { return s[max(0, len(s)-500):] }
