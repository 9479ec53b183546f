package sandbox

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// attachLoop binds a file to a free loop device, see loop(4). The device is freed by itself when its last user, the mount,
// goes (LO_FLAGS_AUTOCLEAR). A read-only device refuses writes below any file system.
func attachLoop(image *os.File, readOnly bool) (*os.File, error) {
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("loop device: %w (load the module: modprobe loop)", err)
	}
	defer control.Close()
	mode := os.O_RDWR
	config := unix.LoopConfig{Fd: uint32(image.Fd())}
	config.Info.Flags = unix.LO_FLAGS_AUTOCLEAR
	if readOnly {
		mode = os.O_RDONLY
		config.Info.Flags |= unix.LO_FLAGS_READ_ONLY
	}
	// The number that LOOP_CTL_GET_FREE returns is only a proposal: another process may take it first.
	for range 64 {
		n, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
		if err != nil {
			return nil, fmt.Errorf("loop device: %w", err)
		}
		name := fmt.Sprintf("/dev/loop%d", n)
		device, err := openLoop(name, mode, n)
		if err != nil {
			return nil, fmt.Errorf("loop device: %w", err)
		}
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, device.Fd(), unix.LOOP_CONFIGURE, uintptr(unsafe.Pointer(&config)))
		if errno == 0 {
			return device, nil
		}
		device.Close()
		if !errors.Is(errno, unix.EBUSY) {
			return nil, fmt.Errorf("loop device: configure %s: %w", name, errno)
		}
	}
	return nil, errors.New("loop device: others take each free one first")
}

// loopMajor is the block major of loop devices, from the kernel's devices.txt.
const loopMajor = 7

// openLoop opens a loop device. Where no udev makes the node of a new one, it is made.
func openLoop(name string, mode, minor int) (*os.File, error) {
	device, err := os.OpenFile(name, mode, 0)
	if errors.Is(err, os.ErrNotExist) {
		if err := unix.Mknod(name, unix.S_IFBLK|0o600, int(unix.Mkdev(loopMajor, uint32(minor)))); err != nil && !errors.Is(err, os.ErrExist) {
			return nil, &os.PathError{Op: "mknod", Path: name, Err: err}
		}
		return os.OpenFile(name, mode, 0)
	}
	return device, err
}
