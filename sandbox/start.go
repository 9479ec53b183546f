package sandbox

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"glassbox/sandbox/cgroup"
	"glassbox/sandbox/handshake"
)

// startTimeout bounds one start. A start takes milliseconds; this is for a machine that is out of breath.
const startTimeout = 30 * time.Second

// fenceLimits are what one sandbox may hold at once, however it nests: see user_namespaces(7) and inotify(7). The lessons and
// a container engine need a few of each.
var fenceLimits = map[string]int{
	"max_user_namespaces":   64,
	"max_pid_namespaces":    64,
	"max_mnt_namespaces":    128,
	"max_uts_namespaces":    64,
	"max_ipc_namespaces":    64,
	"max_net_namespaces":    64,
	"max_cgroup_namespaces": 64,
	"max_time_namespaces":   64,
	"max_inotify_instances": 128,
	"max_inotify_watches":   65536,
}

// rlimits hold in all of the sandbox: a hard limit cannot be raised in a user namespace. See getrlimit(2).
var rlimits = []handshake.Rlimit{
	{Resource: unix.RLIMIT_NOFILE, Max: 4096},
	{Resource: unix.RLIMIT_CORE, Max: 0}, // a crash starts no helper of the host's, see core(5)
	{Resource: unix.RLIMIT_MEMLOCK, Max: 8 << 20},
	{Resource: unix.RLIMIT_MSGQUEUE, Max: 1 << 20},
	{Resource: unix.RLIMIT_SIGPENDING, Max: 1024},
	{Resource: unix.RLIMIT_RTPRIO, Max: 0},
	{Resource: unix.RLIMIT_NICE, Max: 20},
}

// ptys is how many terminals a sandbox may have.
const ptys = 64

// devSize is the size of the tmpfs at /dev in bytes; it holds directories and links.
const devSize = 64 << 10

// Start builds a sandbox. When it returns without an error, all walls are up; with one, nothing is left.
func (l *Lab) Start(ctx context.Context, spec Spec) (_ *Sandbox, err error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	defer l.blanks.refill()

	layers, beside, err := l.layersFor(spec.Layers)
	if err != nil {
		return nil, fmt.Errorf("start: %w", err)
	}
	s, err := l.blanks.take(ctx, spec.Scratch)
	if err != nil {
		return nil, fmt.Errorf("start: %w", err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("start: %w", err)
			if cerr := s.Close(ctx); cerr != nil {
				l.log.Error("a sandbox that did not start", "sandbox", s.id, "err", cerr)
			}
		}
	}()
	s.spec = spec
	if s.spec.Hostname == "" {
		s.spec.Hostname = "glassbox"
	}
	deadline, _ := ctx.Deadline()
	s.socket.deadline(deadline)

	if err := s.group.Limit(spec.Limits); err != nil {
		return nil, err
	}
	mounts, err := s.unfold(layers, beside)
	if err != nil {
		return nil, err
	}
	defer mounts.close()
	s.log = mounts.log

	// The cable is laid while PID 1 mounts.
	wired := make(chan error, 1)
	go func() { wired <- s.wire(ctx) }()
	built := s.build(mounts)
	if err := <-wired; err != nil {
		return nil, fmt.Errorf("network: %w", err)
	}
	if built != nil {
		return nil, built
	}
	if err := s.open(); err != nil {
		return nil, err
	}
	s.socket.deadline(time.Time{})
	go s.listen()
	return s, nil
}

// unfold lets the fence clone PID 1, with all its namespaces, and meanwhile builds the root that it will have.
func (s *Sandbox) unfold(layers []string, beside map[string]string) (*rootMounts, error) {
	limits := &handshake.Fence{Limits: fenceLimits}
	if err := s.socket.send(handshake.Message{Kind: handshake.Go, Fence: limits}); err != nil {
		return nil, err
	}
	mounts, err := s.lab.stage.mountRoot(s.id, layers, beside, s.scratch, s.userns, s.slot.first())
	if err != nil {
		return nil, err
	}
	hello, err := s.expect(handshake.Hello)
	if err != nil {
		mounts.close()
		return nil, err
	}
	s.init = hello.PID
	// The pid cannot have been given to another process: PID 1 is our child, and nobody has waited for it.
	pidfd, err := unix.PidfdOpen(s.init, unix.PIDFD_NONBLOCK)
	if err != nil {
		mounts.close()
		return nil, fmt.Errorf("pidfd: %w", err)
	}
	s.pidfd = os.NewFile(uintptr(pidfd), "pidfd")
	go s.watch()
	s.buryFence()
	return mounts, nil
}

// wire gives the sandbox its eth0.
func (s *Sandbox) wire(ctx context.Context) error {
	if s.lab.config.Network == nil {
		return nil
	}
	link, err := s.lab.config.Network.Attach(ctx, s.init)
	if err != nil {
		return err
	}
	s.link = link
	return nil
}

// build has PID 1 build the box from inside.
func (s *Sandbox) build(mounts *rootMounts) error {
	plan := &handshake.Plan{
		Hostname: s.spec.Hostname,
		Hosts:    "127.0.0.1\tlocalhost " + s.spec.Hostname + "\n::1\tlocalhost\n",
		Cgroups:  s.cgroups(),
		Rlimits:  rlimits,
		PTYs:     ptys,
		DevSize:  devSize,
		Filter:   s.lab.config.Filter,
	}
	if s.spec.Engine {
		plan.Filter = s.lab.config.Engine
	}
	for _, at := range mounts.at {
		plan.Mounts = append(plan.Mounts, handshake.Mount{At: at, File: at == "run/"+kernelLog})
	}
	if err := s.socket.send(handshake.Message{Kind: handshake.PlanFor, Plan: plan}, mounts.fds...); err != nil {
		return err
	}
	_, err := s.expect(handshake.Ready)
	return err
}

// cgroups says where each hierarchy is mounted inside: at /sys/fs/cgroup where version 2 has the controllers, and else
// each at the directory below it that the host has it at. Engines take a mount of both versions for a host of systemd's
// old days and refuse to work, so beside an engine a host with version 1 controllers shows these only; the box is in the other
// hierarchy all the same.
func (s *Sandbox) cgroups() []handshake.Cgroup {
	const root = "sys/fs/cgroup"
	if s.lab.host.Version() == 2 {
		return []handshake.Cgroup{{Version: 2, At: root, Delegate: cgroup.Controllers}}
	}
	var groups []handshake.Cgroup
	for _, h := range s.lab.host.Hierarchies {
		g := handshake.Cgroup{Version: h.Version, At: root + "/" + filepath.Base(h.Mount)}
		switch {
		case h.Version == 2 && s.spec.Engine:
			continue
		case h.Version == 1:
			g.Options = strings.Join(h.Controllers, ",")
			if strings.HasPrefix(g.Options, "name=") {
				continue // a named hierarchy limits nothing; the sandbox is in it all the same
			}
		}
		groups = append(groups, g)
	}
	return groups
}

// expect waits for a message of a kind. What PID 1 could not do is the error.
func (s *Sandbox) expect(kind handshake.Kind) (handshake.Received, error) {
	m, err := s.socket.receive(handshake.MaxReport)
	if err != nil {
		return m, fmt.Errorf("wait for %s: %w", kind, err)
	}
	if m.Kind == handshake.Failed {
		return m, fmt.Errorf("%s", m.Error)
	}
	if m.Kind != kind {
		return m, fmt.Errorf("wait for %s: got %s", kind, m.Kind)
	}
	return m, nil
}

// open takes hold of the sandbox's root and devpts from outside. Nothing of the learner's runs yet; later, no path inside
// is ever opened by name but with openat2(2), RESOLVE_IN_ROOT and RESOLVE_NO_MAGICLINKS.
func (s *Sandbox) open() error {
	root, err := unix.Open(filepath.Join("/proc", strconv.Itoa(s.init), "root"), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open the root: %w", err)
	}
	s.root = os.NewFile(uintptr(root), "root of "+s.id)
	devpts, err := unix.Openat2(root, "dev/pts", &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	})
	if err != nil {
		return fmt.Errorf("open devpts: %w", err)
	}
	s.devpts = os.NewFile(uintptr(devpts), "devpts of "+s.id)
	// Where memory runs out on the host, sandboxes' programs go before the host's; and in a sandbox, PID 1, which raises this for
	// whatever it starts, goes last. Nobody inside can lower it again.
	if err := os.WriteFile(filepath.Join("/proc", strconv.Itoa(s.init), "oom_score_adj"), []byte("100"), 0); err != nil {
		return fmt.Errorf("oom_score_adj: %w", err)
	}
	return nil
}
