package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// machine is one run of QEMU.
type machine struct {
	kernel      kernel
	disk        string // ext4 image; stays as it is
	initramfs   string
	payload     string // tar archive
	console     string // receives the kernel's messages
	status      string // receives the command's exit status
	memory      string
	interactive bool
	out         io.Writer
}

// errNoStatus says that the machine ended without the command having done so.
var errNoStatus = errors.New("the machine ended before the command did")

// run starts the machine, waits until it ends, and returns the command's exit status.
func (m machine) run(ctx context.Context) (status int, err error) {
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64",
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max,la57=off", "-smp", "2", "-m", m.memory,
		"-kernel", m.kernel.image, "-initrd", m.initramfs,
		"-append", "console=ttyS0 quiet panic=-1 psi=1 random.trust_cpu=on mitigations=off",
		"-serial", "file:"+m.console,
		"-device", "virtio-serial-pci",
		"-chardev", "stdio,id=command,signal=off", "-device", "virtconsole,chardev=command",
		"-chardev", "file,id=status,path="+m.status, "-device", "virtserialport,chardev=status,name=status",
		"-drive", "if=none,id=root,format=raw,snapshot=on,file="+m.disk, "-device", "virtio-blk-pci,drive=root",
		"-drive", "if=none,id=payload,format=raw,readonly=on,file="+m.payload, "-device", "virtio-blk-pci,drive=payload",
	)
	cmd.Stdout = m.out
	if m.interactive {
		cmd.Stdin = os.Stdin
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	// QEMU ends in order on SIGTERM, and removes the file with the changes to the disk.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Run(); err != nil {
		return statusFailed, fmt.Errorf("qemu-system-x86_64: %w\n%s", err, strings.TrimSpace(stderr.String()))
	}
	said, err := os.ReadFile(m.status)
	if err != nil {
		return statusFailed, err
	}
	status, err = strconv.Atoi(strings.TrimSpace(string(said)))
	if err != nil {
		return statusFailed, errNoStatus
	}
	return status, nil
}

// showConsole prints the kernel's messages, or the end of them.
func (m machine) showConsole(w io.Writer, whole bool) {
	said, err := os.ReadFile(m.console)
	if err != nil {
		return
	}
	const tail = 4096
	if !whole && len(said) > tail {
		said = said[len(said)-tail:]
	}
	fmt.Fprintf(w, "\n--- the kernel's messages\n%s\n---\n", bytes.TrimSpace(said))
}
