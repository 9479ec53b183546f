package kernel

import (
	"fmt"
	"testing"
)

// One look at a sandbox with four processes more than its PID 1, two of them in network namespaces of their own, and two
// groups, by what is wanted.
func BenchmarkRead(b *testing.B) {
	box := start(b)
	box.group("memory", "demo")
	box.run("sleep 1000 & sleep 1000 & unshare --net --uts --mount sleep 1000 & unshare --net sleep 1001 & true")
	box.find(WantNamespaces, "sleep 1001")
	r := box.open()
	for _, bench := range []struct {
		name string
		want Want
	}{
		{"processes", WantProcesses},
		{"namespaces", WantNamespaces},
		{"paths", WantPaths},
		{"maps", WantMaps},
		{"cgroups", WantCgroups},
		{"mounts", WantMounts},
		{"networks", WantNetworks},
		{"hostnames", WantHostnames},
		{"recorded", recorded},
		{"all", WantAll},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Read(b.Context(), bench.want); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("one group", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			v, err := r.Read(b.Context(), WantNothing)
			if err != nil {
				b.Fatal(err)
			}
			if !v.Cgroup("demo").Exists {
				b.Fatal("no group")
			}
		}
	})
	b.Run("file", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			v, _ := r.Read(b.Context(), WantNothing)
			if !v.File("/etc/passwd").Exists {
				b.Fatal(fmt.Errorf("no file"))
			}
		}
	})
}
