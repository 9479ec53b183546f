package enginetest

import (
	"testing"

	"glassbox/sandbox/sandboxtest"
)

// TestEssentials is what no machine may lack, in as few containers as tell: control groups of either version, exec, the way
// to the host, a published port, names, and a build. The other tests go into each.
func TestEssentials(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Engine)
	follow(t, b, []step{
		{"docker network create n && docker run -d --name web --network n -p 8080:80 -m 64m --pids-limit 20 busybox " +
			"sh -c 'echo served > index.html && exec httpd -f'", "", ""},
		{"docker exec web sh -c 'cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null; true'", "67108864", ""},
		{"docker exec web sh -c 'cat /sys/fs/cgroup/pids.max /sys/fs/cgroup/pids/pids.max 2>/dev/null; true'", "20", ""},
		{"curl -sS --retry 5 --retry-connrefused localhost:8080", "served", ""},
		{"docker stats --no-stream web", "67.11MB", ""},
		{"docker run --rm --privileged --pid=host --network n busybox sh -c " +
			"'wget -q -O - http://web && nsenter -t 1 -m -u -n -i hostname'", "box", ""},
		{"!docker run --name fat -m 20m busybox tail /dev/zero", "", ""},
		{"docker inspect --format '{{.State.ExitCode}}' fat", "137", ""},
		{"printf 'FROM busybox\\nRUN echo built > /x\\n' | docker build -t app - && docker run --rm app cat /x", "built", ""},
	})
}
