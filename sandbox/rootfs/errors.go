package rootfs

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrNoTools tells that the layers of Debian packages cannot be made on this host: it is no Debian, or its archive
// cannot be reached. [Prepare] goes on without them and keeps the words in [Root.ToolsReason].
var ErrNoTools = errors.New("no tools layer")

// ErrDigest tells that a file is not the one that the manifest names: damaged, cut off, or another release.
var ErrDigest = errors.New("wrong digest")

// ErrNotPrepared tells that something is not in the cache, and that nobody asked for it to be made.
var ErrNotPrepared = errors.New("not prepared yet")

// inWords adds to an error of the file system what the operator can do about it.
func inWords(err error, cache string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT), saysDiskFull(err):
		return fmt.Errorf("%w\nno space is left where the layers are kept: free about 500 MB in %s, or set GLASSBOX_CACHE to another directory", err, cache)
	case errors.Is(err, unix.EROFS), errors.Is(err, unix.EACCES):
		return fmt.Errorf("%w\nthe layers are kept in %s: make it writable, or set GLASSBOX_CACHE to another directory", err, cache)
	}
	return err
}

// saysDiskFull recognises ENOSPC in the words of a program that we ran.
func saysDiskFull(err error) bool {
	return strings.Contains(err.Error(), "No space left on device")
}
