package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// machine is one run of QEMU.
type machine struct {
	arch        architecture
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

const (
	// begun is what the first program in the machine says.
	begun = "the first program runs"
	// bootTime is how long the kernel may take until then. It takes some seconds, and some minutes where the host is very busy.
	bootTime = 5 * time.Minute
	// boots is how often it is tried.
	boots = 3
)

// errNoBoot says that the machine never came to its first program.
var errNoBoot = fmt.Errorf("no program runs in the machine after %v", bootTime)

// errHung says that a command has failed on a machine that hung itself.
var errHung = errors.New("the machine's kernel says that a processor of it hung")

// hangs is what a kernel says of a processor that does not answer, see Documentation/admin-guide/lockup-watchdogs.rst and
// Documentation/RCU/stallwarn.rst.
var hangs = regexp.MustCompile(`soft lockup - CPU#|rcu: INFO: .* stalls? on CPU`)

// run starts the machine, waits until it ends, and returns the command's exit status. It is started anew if it does not come to its first
// program, or if the command fails and the kernel says that a processor hung: on a busy host it happens that an emulated one waits for the
// other for ever ("soft lockup - CPU#0 stuck for 1047s! [swapper/0:1]"). Of what fails then, nothing can be said.
func (m machine) run(ctx context.Context) (status int, err error) {
	for n := range boots {
		if n > 0 {
			fmt.Fprintf(os.Stderr, "vm: %v; starting it again\n", err)
			m.showConsole(os.Stderr, false)
		}
		status, err = m.boot(ctx)
		if err == nil && status != 0 && m.hung() {
			err = errHung
		}
		if !errors.Is(err, errNoBoot) && !errors.Is(err, errHung) {
			break
		}
	}
	return status, err
}

// hung tells whether the kernel has said that a processor does not answer.
func (m machine) hung() bool {
	said, err := os.ReadFile(m.console)
	return err == nil && hangs.Match(said)
}

// boot starts the machine once.
func (m machine) boot(ctx context.Context) (status int, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go m.expect(ctx, cancel)
	args := append(slices.Clone(m.arch.machine),
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-accel", "tcg,thread=multi", "-smp", "2", "-m", m.memory,
		"-kernel", m.kernel.image, "-initrd", m.initramfs,
		"-append", "console="+m.arch.console+" quiet panic=-1 psi=1 random.trust_cpu=on mitigations=off",
		"-serial", "file:"+m.console,
		"-device", "virtio-serial-pci",
		"-chardev", "stdio,id=command,signal=off", "-device", "virtconsole,chardev=command",
		"-chardev", "file,id=status,path="+m.status, "-device", "virtserialport,chardev=status,name=status",
		"-drive", "if=none,id=root,format=raw,snapshot=on,file="+m.disk, "-device", "virtio-blk-pci,drive=root",
		"-drive", "if=none,id=payload,format=raw,readonly=on,file="+m.payload, "-device", "virtio-blk-pci,drive=payload",
	)
	cmd := exec.CommandContext(ctx, m.arch.qemu, args...)
	cmd.Stdout = m.out
	if m.interactive {
		cmd.Stdin = os.Stdin
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	// QEMU ends in order on SIGTERM, and removes the file with the changes to the disk.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	err = cmd.Run()
	if errors.Is(context.Cause(ctx), errNoBoot) {
		return statusFailed, errNoBoot
	}
	if err != nil {
		return statusFailed, fmt.Errorf("%s: %w\n%s", m.arch.qemu, err, strings.TrimSpace(stderr.String()))
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

// expect ends the machine if it does not come to its first program in time.
func (m machine) expect(ctx context.Context, end context.CancelCauseFunc) {
	late := time.After(bootTime)
	for {
		if said, err := os.ReadFile(m.console); err == nil && bytes.Contains(said, []byte(begun)) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-late:
			end(errNoBoot)
			return
		case <-time.After(time.Second):
		}
	}
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
