package kernel

import (
	"encoding/binary"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// maxDescriptors is at how many of a process's descriptors FindPorts looks.
const maxDescriptors = 1024

// FindPorts are the ports at which a process waits for others: 8080/tcp, or 127.0.0.1:53/udp where it does so at one address only. They
// are read when they are asked for, from the process's descriptors and the tables of its network namespace; there are none for a
// process that has ended. An error is an [*Error].
func (v *View) FindPorts(of *Process) ([]string, error) {
	if v.reader == nil || of == nil || !of.Exists || of.Ended {
		return nil, nil
	}
	return v.reader.ports(of)
}

func (r *Reader) ports(of *Process) ([]string, error) {
	dir, err := r.dirOf(of)
	if gone(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer unix.Close(dir)
	sockets, err := socketsOf(dir)
	if err != nil && !gone(err) {
		return nil, &Error{Op: "read", Path: r.path(of.HostPid, "fd"), Err: err}
	}
	if len(sockets) == 0 {
		return nil, nil
	}
	buf := r.buffers.get()
	defer r.buffers.pool.Put(buf)
	var all []string
	for _, table := range []string{"tcp", "tcp6", "udp", "udp6"} {
		b, err := slurp(dir, "net/"+table, buf)
		if gone(err) {
			continue // this kernel has no IPv6, or the process has ended
		}
		if err != nil {
			return nil, &Error{Op: "read", Path: r.path(of.HostPid, "net/"+table), Err: err}
		}
		all = append(all, waiting(b, strings.TrimSuffix(table, "6"), sockets)...)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// socketsOf are the inode numbers of the sockets that a process has open, from the links in /proc/PID/fd:
//
//	5 -> socket:[4802930]
func socketsOf(dir int) (map[string]bool, error) {
	fd, err := openat(dir, "fd", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC)
	if err != nil {
		return nil, err
	}
	list := os.NewFile(uintptr(fd), "fd")
	defer list.Close()
	names, _ := list.Readdirnames(maxDescriptors) // what was read before an error counts
	sockets := map[string]bool{}
	for _, name := range names {
		target, err := readlink(fd, name)
		if err != nil {
			continue // closed meanwhile
		}
		if inode, ok := strings.CutPrefix(target, "socket:["); ok {
			sockets[strings.TrimSuffix(inode, "]")] = true
		}
	}
	return sockets, nil
}

// waiting reads a table of sockets, /proc/PID/net/tcp and the like (proc_pid_net(5)):
//
//	sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
//	 0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4802930 1 …
//
// A TCP socket that listens has the state 0A, a UDP socket that nobody is connected to 07.
func waiting(b []byte, protocol string, sockets map[string]bool) (ports []string) {
	state := map[string]string{"tcp": "0A", "udp": "07"}[protocol]
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) < 10 || f[3] != state || !sockets[f[9]] {
			continue
		}
		if at, ok := parseEndpoint(f[1]); ok {
			ports = append(ports, at+"/"+protocol)
		}
	}
	return ports
}

// parseEndpoint reads an address and a port, both hexadecimal, the address in words of 32 bits as the processor has them: 0100007F:0035. The
// address that stands for all is left out.
func parseEndpoint(text string) (string, bool) {
	address, port, _ := strings.Cut(text, ":")
	n, err := strconv.ParseUint(port, 16, 16)
	if err != nil || n == 0 {
		return "", false
	}
	var raw []byte
	for ; len(address) >= 8; address = address[8:] {
		word, err := strconv.ParseUint(address[:8], 16, 32)
		if err != nil {
			return "", false
		}
		raw = binary.NativeEndian.AppendUint32(raw, uint32(word))
	}
	a, ok := netip.AddrFromSlice(raw)
	if !ok {
		return "", false
	}
	if a.IsUnspecified() {
		return strconv.FormatUint(n, 10), true
	}
	return netip.AddrPortFrom(a.Unmap(), uint16(n)).String(), true
}
