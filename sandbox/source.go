package sandbox

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"glassbox/sandbox/kernel"
)

// Source says where the sandbox's state stands on the host, for package kernel to read. It is good until the sandbox is
// closed.
func (s *Sandbox) Source() kernel.Source {
	source := kernel.Source{
		ID: s.id, Init: s.init, Proc: "/proc",
		FirstUID: uint32(s.slot.first()), Root: s.root, Log: s.Log,
	}
	for _, h := range s.lab.host.Hierarchies {
		source.Hierarchies = append(source.Hierarchies, kernel.Hierarchy{
			Version: h.Version, Controllers: h.Controllers, Outer: s.group.Outer(h), Inner: s.group.Inner(h),
		})
	}
	return source
}

// GroupPath is the path of the sandbox's outer group from the root of each hierarchy, as the kernel's log has it.
func (s *Sandbox) GroupPath() string { return s.group.Path() }

// Owns tells whether a host pid is that of a process of the sandbox.
func (s *Sandbox) Owns(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	return err == nil && strings.Contains(string(b), s.GroupPath()+"/")
}

// maxLog bounds the kernel's lines that are kept for a sandbox. The newest stay.
const maxLog = 2000

// AddLog takes lines that the kernel has written about the sandbox, and shows them inside: dmesg reads the file that they are written
// to. The learner can fill the disk that it is on; the lines then stay visible in Log.
func (s *Sandbox) AddLog(text string, lines ...kernel.LogLine) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, lines...)
	if extra := len(s.lines) - maxLog; extra > 0 {
		s.lines = append([]kernel.LogLine(nil), s.lines[extra:]...)
	}
	if s.log != nil {
		_, _ = s.log.WriteString(text)
	}
}

// Log is what the kernel wrote about the sandbox so far, oldest first.
func (s *Sandbox) Log() []kernel.LogLine {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]kernel.LogLine(nil), s.lines...)
}

// Facts are what lessons may depend on in this machine.
func (l *Lab) Facts() (kernel.HostFacts, error) {
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return kernel.HostFacts{}, fmt.Errorf("kernel release: %w", err)
	}
	facts := kernel.HostFacts{Release: strings.TrimSpace(string(release)), CgroupVersion: l.CgroupVersion()}
	_, _ = fmt.Sscanf(facts.Release, "%d.%d.%d", &facts.Version[0], &facts.Version[1], &facts.Version[2])
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, layer := range slices.Concat(l.config.Layers, l.config.Extra) {
		facts.Layers = append(facts.Layers, layer.Name)
	}
	return facts, nil
}
