// Vm runs a command, or the tests of packages, in a virtual machine with Debian's cloud kernel and cgroup version 2: what
// most users have, whatever this machine has.
//
//	go run ./vagrant/vm run [flags] -- COMMAND [ARG…]
//	go run ./vagrant/vm test [flags] PACKAGE… [-- TESTFLAG…]
//	go run ./vagrant/vm shell [flags]
//	go run ./vagrant/vm build [flags] PACKAGE FILE
//
// The command's output is this program's output, and its exit status this program's. Nothing is installed but what
// `make install-vm` names (and `make install-arm64`, for arm64); the kernel is downloaded by apt-get and unpacked into the cache.
//
// # How it is made
//
// QEMU emulates the processor (no KVM: the lab's builders are virtual machines themselves, and nested KVM is not to be relied on).
// The kernel finds an initramfs of busybox and the modules for virtio disks, which mounts the first disk and makes it the
// root by switch_root, since pivot_root(2) does not work from an initramfs. That disk is an ext4 image with busybox, the
// kernel's modules, and copies of this machine's mke2fs, dpkg-deb and so on with their libraries; it is made once, and
// changes to it are thrown away. The second disk is no file system but a tar archive of the files that the command wants.
//
//	ttyS0     the kernel's messages → a file, shown when there is no exit status
//	hvc0      the command's input and output
//	a port    the command's exit status, as a line
//
// # What is there
//
// /sys/fs/cgroup is cgroup2 with every controller, enabled for children; pressure (PSI) is on. /root is a home, /tmp a tmpfs, and 4 GiB are free
// on /. There is no network but lo, and nothing runs but the command: no systemd, no udev.
//
// # Another architecture
//
// With --arch arm64 the processor, the kernel and all programs are arm64's. Nothing of this machine could run there, so the disk
// is made of Debian's packages for arm64, which apt fetches with lists and a cache of its own: .cache/vm/arm64/apt/apt.conf, as
// APT_CONFIG, is that archive. Tests, and what build compiles, are cross-compiled with the programs of assets/bin for the same
// architecture in them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const usage = `usage: vm run   [flags] -- COMMAND [ARG…]
       vm test  [flags] PACKAGE… [-- TESTFLAG…]
       vm shell [flags]
       vm build [flags] PACKAGE FILE     compile a command for the machine

Run in a virtual machine with Debian's cloud kernel and cgroup version 2.

  --arch ARCH          amd64 or arm64 (default amd64)
  --put HOST[:GUEST]   bring a file or directory, to the same path or another (repeatable)
  --env NAME=VALUE     set a variable of the command's environment (repeatable)
  --dir DIR            start the command in DIR (default /root)
  --memory SIZE        memory of the machine (default 4G)
  --timeout DURATION   end the machine after so long, with exit status 124 (default 30m)
  --cache DIR          where the kernel and the disk are kept (default .cache/vm)
  --verbose            show the kernel's messages on standard error
`

// Exit statuses beside the command's own, as timeout(1) and docker run have them.
const (
	statusTimeout = 124
	statusFailed  = 125
)

// options are the flags.
type options struct {
	arch    architecture
	puts    list
	env     list
	dir     string
	memory  string
	timeout time.Duration
	cache   string
	verbose bool
}

// list is a flag that may be given several times.
type list []string

func (l *list) String() string     { return strings.Join(*l, " ") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM)
	status, err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "vm:", err)
	}
	os.Exit(status)
}

func run(ctx context.Context, args []string) (status int, err error) {
	var o options
	flags := flag.NewFlagSet("vm", flag.ContinueOnError)
	flags.Usage = func() { fmt.Fprint(flags.Output(), usage) }
	arch := flags.String("arch", "amd64", "")
	flags.Var(&o.puts, "put", "")
	flags.Var(&o.env, "env", "")
	flags.StringVar(&o.dir, "dir", "/root", "")
	flags.StringVar(&o.memory, "memory", "4G", "")
	flags.DurationVar(&o.timeout, "timeout", 30*time.Minute, "")
	flags.StringVar(&o.cache, "cache", ".cache/vm", "")
	flags.BoolVar(&o.verbose, "verbose", false, "")
	if len(args) == 0 {
		flags.Usage()
		return statusFailed, nil
	}
	verb := args[0]
	switch err := flags.Parse(args[1:]); {
	case errors.Is(err, flag.ErrHelp):
		return 0, nil
	case err != nil:
		return statusFailed, nil // flags has said it
	}
	if runtime.GOARCH != "amd64" {
		fmt.Printf("skipped: the virtual machine is started on amd64 only, and nobody has tried it on %s\n", runtime.GOARCH)
		return 0, nil
	}
	var known bool
	if o.arch, known = architectures[*arch]; !known {
		return statusFailed, fmt.Errorf("--arch %s: there are amd64 and arm64", *arch)
	}
	if o.cache, err = filepath.Abs(o.cache); err != nil {
		return statusFailed, err
	}
	if o.arch.foreign() {
		o.cache = filepath.Join(o.cache, o.arch.name)
	}

	job := &payload{arch: o.arch, env: o.env, dir: o.dir}
	for _, put := range o.puts {
		from, to, _ := strings.Cut(put, ":")
		if err := job.put(from, to); err != nil {
			return statusFailed, err
		}
	}
	switch rest := flags.Args(); {
	case verb == "run" && len(rest) > 0:
		job.command = rest
	case verb == "shell" && len(rest) == 0:
		job.command, job.interactive = []string{"sh", "-i"}, true
	case verb == "test" && len(rest) > 0:
		packages, testFlags := rest, []string{}
		for i, arg := range rest {
			if arg == "--" {
				packages, testFlags = rest[:i], rest[i+1:]
				break
			}
		}
		scratch, err := os.MkdirTemp("", "vm-tests-")
		if err != nil {
			return statusFailed, err
		}
		defer os.RemoveAll(scratch)
		if err := job.tests(ctx, scratch, packages, testFlags); err != nil {
			return statusFailed, err
		}
	case verb == "build" && len(rest) == 2:
		if _, err := openArchive(o.arch, filepath.Join(o.cache, "apt")); err != nil {
			return statusFailed, err
		}
		return 0, o.arch.build(ctx, rest[0], rest[1])
	default:
		flags.Usage()
		return statusFailed, nil
	}
	return start(ctx, o, job)
}

// start makes ready what the machine is made of, and runs it.
func start(ctx context.Context, o options, job *payload) (status int, err error) {
	from, err := openArchive(o.arch, filepath.Join(o.cache, "apt"))
	if err != nil {
		return statusFailed, err
	}
	kernel, err := prepareKernel(ctx, o.arch, from, filepath.Join(o.cache, "kernel"))
	if err != nil {
		return statusFailed, err
	}
	var root string
	var debs []string
	shell := busybox
	if o.arch.foreign() {
		root = filepath.Join(o.cache, "root")
		shell = filepath.Join(root, busybox)
		if debs, err = prepareRoot(ctx, from, root); err != nil {
			return statusFailed, err
		}
	}
	disk, err := prepareDisk(ctx, o.cache, kernel, root, debs)
	if err != nil {
		return statusFailed, err
	}
	scratch, err := os.MkdirTemp("", "vm-")
	if err != nil {
		return statusFailed, err
	}
	defer os.RemoveAll(scratch)
	m := machine{
		arch: o.arch, kernel: kernel, disk: disk, memory: o.memory, interactive: job.interactive,
		initramfs: filepath.Join(scratch, "initramfs"), payload: filepath.Join(scratch, "payload.tar"),
		console: filepath.Join(scratch, "console"), status: filepath.Join(scratch, "status"),
		out: os.Stdout,
	}
	if err := writeFile(m.initramfs, func(w io.Writer) error { return writeInitramfs(w, kernel, shell) }); err != nil {
		return statusFailed, err
	}
	if err := writeFile(m.payload, job.write); err != nil {
		return statusFailed, err
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	status, err = m.run(ctx)
	if o.verbose || err != nil || status != 0 { // a kernel whose tasks hang, or whose processors do, says so there
		m.showConsole(os.Stderr, o.verbose)
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return statusTimeout, fmt.Errorf("no end after %s", o.timeout)
	}
	return status, err
}

// writeFile makes a file from what write writes.
func writeFile(name string, write func(io.Writer) error) (err error) {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return write(f)
}
