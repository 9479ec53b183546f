package kernel

// idRange is one line of /proc/PID/uid_map as the host reads it, see user_namespaces(7):
//
//	         0 1879113728      65536
//	(inside)   (outside)       (count)
//
// outside is the host's id, because the host's user namespace is the reader's.
type idRange struct{ inside, outside, count int }

func parseIDMap(b []byte) []idRange {
	var ranges []idRange
	lines(b, func(line []byte) bool {
		if n := numbers(line); len(n) == 3 {
			ranges = append(ranges, idRange{n[0], n[1], n[2]})
		}
		return len(ranges) < 340 // the kernel's own bound
	})
	return ranges
}

// overflow is the id that stands for one that has no mapping, see /proc/sys/kernel/overflowuid.
const overflow = 65534

// sandboxIDs is how many ids a sandbox has.
const sandboxIDs = 65536

// inside maps a host's id into a user namespace.
func inside(ranges []idRange, host int) int {
	for _, r := range ranges {
		if host >= r.outside && host-r.outside < r.count {
			return r.inside + host - r.outside
		}
	}
	return overflow
}

// has tells whether a host's id is the sandbox's.
func (s *Source) has(host int) bool {
	n := host - int(s.FirstUID)
	return n >= 0 && n < sandboxIDs
}

// id maps a host's id into the sandbox's user namespace.
func (s *Source) id(host int) int {
	if !s.has(host) {
		return overflow
	}
	return host - int(s.FirstUID)
}

// idMap is a mapping as the sandbox sees it.
func (s *Source) idMap(ranges []idRange) []IDMap {
	m := make([]IDMap, 0, len(ranges))
	for _, r := range ranges {
		m = append(m, IDMap{Inside: r.inside, Outside: s.id(r.outside), Count: r.count})
	}
	return m
}
