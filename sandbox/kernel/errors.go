package kernel

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Error says that reading failed on our side. It never means that the learner has not done something: what is not there is no
// error, see [gone].
type Error struct {
	// Op is what was done: open, read, parse.
	Op string
	// Path is the host's path of the file.
	Path string
	// Err is the cause; errors.Is finds the errno in it.
	Err error
}

func (e *Error) Error() string { return fmt.Sprintf("kernel: %s %s: %v", e.Op, e.Path, e.Err) }
func (e *Error) Unwrap() error { return e.Err }

// gone tells whether an error means that the process or group which a file describes is not, or is no longer, there.
//
//	ENOENT  the directory is gone, or the kernel has no such file
//	ESRCH   the process ended after its file was opened
//	ENODEV  the group was removed after its file was opened
//	ENOTDIR a part of the path is no directory
func gone(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH) || errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENOTDIR)
}
