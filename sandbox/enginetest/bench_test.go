package enginetest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"glassbox/sandbox"
	"glassbox/sandbox/sandboxtest"
)

// BenchmarkRun times `docker run --rm alpine true` in a box, beside the same podman on the machine itself, with an
// equal image. Both have their usual network, with a bridge and a port's worth of rules.
func BenchmarkRun(b *testing.B) {
	b.Run("box", func(b *testing.B) {
		s := sandboxtest.Start(b, func(spec *sandbox.Spec) {
			sandboxtest.Engine(spec)
			spec.Limits.CPU = 0 // what is compared has none
		})
		s.Must("docker run --rm alpine true") // makes the network
		b.ResetTimer()
		s.Must(fmt.Sprintf("for i in $(seq %d); do docker run --rm alpine true || exit; done", b.N))
	})
	b.Run("podman", func(b *testing.B) {
		if _, err := exec.LookPath("podman"); err != nil {
			b.Skipf("%v (apt-get install podman netavark)", err)
		}
		// The box's own settings: Debian's ask for more open files than a machine may allow.
		settings, err := filepath.Abs("../rootfs/layers/docker/etc/containers/containers.conf")
		if err != nil {
			b.Fatal(err)
		}
		dir := b.TempDir()
		tarball := sandboxtest.Rig(b).Root.Tarball
		// Its networks shall not be the machine's: a network namespace of its own, and a directory for what it keeps.
		const run = "run --rm alpine true"
		podman := fmt.Sprintf("podman --root %s --runroot %s --log-level=error ", filepath.Join(dir, "root"), filepath.Join(dir, "run"))
		// And crun refuses a machine that has both versions of control groups mounted.
		script := "ip link set lo up; mount -t tmpfs run /run; umount /sys/fs/cgroup/unified 2>/dev/null; " +
			podman + "import -q " + tarball + " docker.io/library/alpine:latest >/dev/null && " + podman + run + " && echo ready && read go && " +
			"for i in $(seq %d); do " + podman + run + " || exit; done; echo done; " +
			"while " + podman + "ps -aq | grep -q .; do sleep 0.1; done" // --rm comes a moment later
		c := exec.Command("unshare", "-m", "-n", "sh", "-c", fmt.Sprintf(script, b.N))
		c.Stderr = os.Stderr
		c.Env = append(os.Environ(), "CONTAINERS_CONF="+settings)
		stdin, err := c.StdinPipe()
		if err != nil {
			b.Fatal(err)
		}
		stdout, err := c.StdoutPipe()
		if err != nil {
			b.Fatal(err)
		}
		if err := c.Start(); err != nil {
			b.Fatal(err)
		}
		if _, err := fmt.Fscanln(stdout, new(string)); err != nil {
			b.Fatal(err)
		}
		b.ResetTimer()
		fmt.Fprintln(stdin, "go")
		if _, err := fmt.Fscanln(stdout, new(string)); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := c.Wait(); err != nil {
			b.Fatal(err)
		}
	})
}
