package kernel

import (
	"errors"
	"sync"

	"golang.org/x/sys/unix"
)

// buffers are for one file's content each. They are reused, because a reading opens dozens of files.
type buffers struct{ pool sync.Pool }

func (b *buffers) get() *[]byte {
	if p, ok := b.pool.Get().(*[]byte); ok {
		return p
	}
	s := make([]byte, 8<<10)
	return &s
}

// maxFile bounds what is read of one kernel file, in bytes, and in one look of the mounts, and of the interfaces, of all namespaces. A
// sandbox has a bounded number of mounts and processes, so a file of the kernel's is larger only if the learner tries to hurt.
const maxFile = 4 << 20

// errTooLarge says that a file of the kernel's is longer than any honest one.
var errTooLarge = errors.New("longer than 4 MiB")

// slurp reads a whole file of the kernel's. It is os.ReadFile without the poller and the stat, which cost more than the read.
// Files in procfs and cgroupfs tell their end by a read of no bytes, and may give less than was asked for before it. What it
// returns is good until buf is used again.
func slurp(dir int, name string, buf *[]byte) ([]byte, error) {
	fd, err := openat(dir, name, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOCTTY)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	b, n := *buf, 0
	for {
		if n == len(b) {
			if n >= maxFile {
				return nil, errTooLarge
			}
			b = append(b, make([]byte, len(b))...)
			*buf = b
		}
		m, err := unix.Read(fd, b[n:])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if m <= 0 {
			return b[:n], nil
		}
		n += m
	}
}

// beginning reads the beginning of a file of the kernel's, up to what the buffer has room for.
func beginning(dir int, name string, buf *[]byte) ([]byte, error) {
	fd, err := openat(dir, name, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOCTTY)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	for {
		n, err := unix.Pread(fd, (*buf)[:maxCmdline], 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		return (*buf)[:max(n, 0)], err
	}
}

// record is slurp for a file that the kernel writes as one record (single_open, or a cgroup's file), see again.
func record(dir int, name string, buf *[]byte) ([]byte, error) {
	fd, err := openat(dir, name, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOCTTY)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	return again(fd, buf)
}

// again reads such a file from its start, for which the kernel makes it anew. What does not fill the buffer is all there is (fs/seq_file.c),
// and the read that would tell the end is saved.
func again(fd int, buf *[]byte) ([]byte, error) {
	for {
		n, err := unix.Pread(fd, *buf, 0)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return nil, err
		case n < len(*buf):
			return (*buf)[:n], nil
		case n >= maxFile:
			return nil, errTooLarge
		default:
			*buf = make([]byte, 2*len(*buf))
		}
	}
}

// openat is openat(2), again where a signal came between.
func openat(dir int, name string, flags int) (int, error) {
	for {
		fd, err := unix.Openat(dir, name, flags, 0)
		if !errors.Is(err, unix.EINTR) {
			return fd, err
		}
	}
}

// readlink is readlinkat(2) into a string.
func readlink(dir int, name string) (string, error) {
	var b [4096]byte
	n, err := unix.Readlinkat(dir, name, b[:])
	if err != nil {
		return "", err
	}
	return string(b[:n]), nil
}
