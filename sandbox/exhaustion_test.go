package sandbox_test

import (
	"slices"
	"testing"
	"time"

	"glassbox/sandbox"
	"glassbox/sandbox/sandboxtest"
)

// TestExhaustion has one learner use up everything that there is to use up. A second one and the host must not notice, and
// closing the first must leave nothing.
func TestExhaustion(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	tests := []struct{ name, line string }{
		{"fork bomb", "b() { b | b & }; b; sleep 2"},
		{"memory", "tail -c 2G /dev/zero | tail; true"},
		{"files in memory", "unshare -m sh -c 'mount -t tmpfs -o size=4G x /mnt && dd if=/dev/zero of=/mnt/x bs=1M count=2000'; true"},
		{"ramfs", "unshare -m sh -c 'mount -t ramfs x /mnt && dd if=/dev/zero of=/mnt/x bs=1M count=1000'; true"},
		{"disk", "dd if=/dev/zero of=/lab/x bs=1M count=3000; dd if=/dev/zero of=/var/x bs=1M count=3000; true"},
		{"inodes", "mkdir /lab/d && cd /lab/d && timeout 5 sh -c 'i=0; while : > $i 2>/dev/null; do i=$((i+1)); done'; true"},
		{"user namespaces", "for i in $(seq 100); do unshare -U sleep 20 2>/dev/null & done; sleep 1"},
		{"net namespaces", "for i in $(seq 100); do unshare -n sleep 20 2>/dev/null & done; sleep 2"},
		{"nested deep", "n=0; c='sleep 1'; while [ $n -lt 40 ]; do c=\"unshare -U $c\"; n=$((n+1)); done; $c 2>&1; true"},
		{"mounts", "unshare -m sh -c 'i=0; while [ $i -lt 2000 ] && mount -t tmpfs x /mnt 2>/dev/null; do i=$((i+1)); done'; true"},
		{"terminals", "for i in $(seq 100); do script -qc 'sleep 20' /dev/null >/dev/null 2>&1 & done; sleep 1"},
		{"groups", "cd /sys/fs/cgroup; [ -d memory ] && cd memory; i=0; while [ $i -lt 500 ] && mkdir g$i 2>/dev/null; do i=$((i+1)); done; true"},
		{"spinners", "for i in $(seq 64); do sh -c 'while :; do :; done' & done; sleep 2"},
		{"sync storm", "for i in $(seq 20); do sh -c 'while :; do echo x >> /lab/s; sync; done' & done; sleep 2"},
		{"stopped", "kill -STOP -1; true"},
	}
	neighbour := sandboxtest.Start(t, func(s *sandbox.Spec) { s.Hostname = "neighbour" })
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := sandboxtest.Start(t, nil)
			terminal, err := s.Shell(t.Context(), sandbox.Command{Argv: []string{"sh", "-c", test.line}})
			if err != nil {
				t.Fatal(err)
			}
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				_, _ = terminal.Wait()
			}()
			go func() {
				b := make([]byte, 32<<10)
				for {
					if _, err := terminal.Read(b); err != nil {
						return
					}
				}
			}()
			// While it rages, and after it: the neighbour answers within a time that a person calls at once. The machine may stand still for a
			// moment, whoever is on it; the neighbour must not, again and again.
			var took []time.Duration
			for range 5 {
				began := time.Now()
				if got := neighbour.Must("echo alive"); got != "alive" {
					t.Fatalf("the neighbour says %q", got)
				}
				took = append(took, time.Since(began).Round(time.Millisecond))
				select {
				case <-ended:
				case <-time.After(300 * time.Millisecond):
				}
			}
			if sorted := slices.Sorted(slices.Values(took)); sorted[len(sorted)/2] > 3*time.Second {
				t.Errorf("the neighbour took %v to answer", took)
			}
			select {
			case <-ended:
			case <-time.After(20 * time.Second): // some never end by themselves
			case <-s.Done():
			}
			terminal.Close()
			began := time.Now()
			if err := s.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			t.Logf("closed in %v", time.Since(began).Round(time.Millisecond))
			if found := traces(t, s.ID()); len(found) > 0 {
				t.Errorf("left behind: %q", found)
			}
		})
	}
}
