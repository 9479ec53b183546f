package main

import (
	_ "embed"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// busybox is this machine's.
const busybox = "/bin/busybox"

//go:embed initramfs.sh
var initramfsScript string

// bootModules are those that the root disk is reached with.
var bootModules = []string{"virtio_pci", "virtio_blk"}

// writeInitramfs writes what the kernel unpacks first: a busybox for the machine, the modules for the disk, and the script that goes on there.
func writeInitramfs(w io.Writer, k kernel, busybox string) error {
	c := &cpio{w: w}
	for _, dir := range []string{"bin", "dev", "proc", "sys", "root", "modules"} {
		c.add(dir, 0o040755, nil)
	}
	program, err := os.ReadFile(busybox)
	if err != nil {
		return fmt.Errorf("%w; `make install-vm` installs busybox-static", err)
	}
	c.add("bin/busybox", 0o100755, program)
	modules, err := k.modules(bootModules...)
	if err != nil {
		return err
	}
	var order strings.Builder
	for _, file := range modules {
		module, err := os.ReadFile(filepath.Join(k.tree, "lib/modules", k.release, file))
		if err != nil {
			return err
		}
		c.add("modules/"+filepath.Base(file), 0o100644, module)
		fmt.Fprintln(&order, filepath.Base(file))
	}
	c.add("modules/order", 0o100644, []byte(order.String()))
	c.add("init", 0o100755, []byte(initramfsScript))
	return c.close()
}

// cpio writes an archive in the format "newc", the only one that the kernel unpacks. See the kernel's
// Documentation/driver-api/early-userspace/buffer-format.rst.
type cpio struct {
	w    io.Writer
	node int
	at   int
	err  error
}

func (c *cpio) add(name string, mode uint32, content []byte) {
	c.node++
	c.put(fmt.Appendf(nil, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%s\x00",
		c.node, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name)+1, 0, name))
	c.put(content)
}

func (c *cpio) close() error {
	c.add("TRAILER!!!", 0, nil)
	return c.err
}

// put writes bytes and fills up to a multiple of four.
func (c *cpio) put(b []byte) {
	for _, part := range [][]byte{b, make([]byte, -(c.at+len(b))&3)} {
		if c.err == nil {
			_, c.err = c.w.Write(part)
		}
		c.at += len(part)
	}
}
