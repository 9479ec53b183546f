// Package sandbox builds the boxes that learners work in: Linux containers made of the very primitives the lessons
// teach, by hand and in the open.
//
// Seen from inside, a sandbox is an Alpine machine of one's own with oneself as root. Seen from the host, it is an
// unprivileged process tree. What holds it:
//
//   - a user namespace with 65,536 host ids that no other sandbox has, inside a fence that limits namespaces;
//   - pid, mount, uts, ipc, net and cgroup namespaces;
//   - a cgroup with limits, and inside it one that the learner owns;
//   - an overlay root, on shared layers that are read-only down to the block device, and a scratch file system of fixed size;
//   - one network cable, to a gateway that leads nowhere;
//   - a seccomp filter and resource limits.
//
// Start reads from top to bottom as the kernel is asked. Everything fails closed: if a step cannot be had, there is no
// sandbox, and the error names the step.
package sandbox

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"glassbox/sandbox/cgroup"
)

// Layer is a read-only ext4 image of which roots are made.
type Layer struct {
	Name  string // a word; learners see it in the options of their root's mount
	Image string // path
	At    string // where sandboxes have it as a mount of its own, absolute; empty for a layer of the root
}

// Network gives sandboxes their network.
type Network interface {
	// Attach connects the network namespace of a process.
	Attach(ctx context.Context, pid int) (Link, error)
}

// Link is one sandbox's connection.
type Link interface {
	Address() string // of the sandbox, without prefix length
	Gateway() string
	Close() error
}

type link = Link

// Config says what a lab builds its sandboxes from.
type Config struct {
	Dir     string  // for scratch images and mount points; on a disk with room, private to root
	Layers  []Layer // from the bottom up
	Extra   []Layer // those that only some lessons ask for, by name
	Init    []byte  // the program glassbox-init
	Filter  []byte  // seccomp: struct sock_filter[]
	Engine  []byte  // the same for a sandbox with a container engine, which speaks to netfilter
	Network Network // nil leaves sandboxes with a loopback interface that is down
	Shell   string  // the login shell; default bash
	Spares  int     // how many sandboxes are kept half-made, for a quick start
	Run     string  // for locks that all labs on the machine share; default /run/glassbox
	Log     *slog.Logger
}

// Spec says what one sandbox gets.
type Spec struct {
	Hostname string
	Limits   cgroup.Limits
	Scratch  int64    // bytes for all that the learner writes; 0 for DefaultScratch
	Layers   []string // names of Config.Extra
	Engine   bool     // a container engine shall run in it; see Sandbox.cgroups and Config.Engine
	Env      []string // added to every shell's environment
}

// DefaultLimits leave room for thirty learners in 16 GiB.
var DefaultLimits = cgroup.Limits{Memory: 256 << 20, Pids: 256, CPU: 1, Groups: 128}

// EngineLimits are those of a sandbox with a container engine, which compiles and builds: still thirty in 16 GiB.
var EngineLimits = cgroup.Limits{Memory: 512 << 20, Pids: 512, CPU: 1, Groups: 256}

// DefaultScratch is the size of a learner's disk in bytes. It is sparse: it costs what is written.
const DefaultScratch = 1 << 30

// Lab is the set of sandboxes that one process runs.
type Lab struct {
	config  Config
	log     *slog.Logger
	host    *cgroup.Host
	stage   *stage
	spawner *spawner
	maker   *scratchMaker
	blanks  *blanks
	layers  []string
	shell   string
	null    *os.File

	mu        sync.Mutex
	extra     map[string]bool // mounted so far
	sandboxes map[string]*Sandbox
	hint      int
	closed    bool
}

// Open prepares the host for sandboxes, and reaps what a lab that was killed left.
func Open(ctx context.Context, config Config) (_ *Lab, err error) {
	if config.Run == "" {
		config.Run = "/run/glassbox"
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	l := &Lab{
		config: config, log: config.Log, shell: config.Shell,
		extra: map[string]bool{}, sandboxes: map[string]*Sandbox{},
		hint: os.Getpid() % slots, // so that labs of different processes seldom try the same slot
	}
	defer func() {
		if err != nil {
			_ = l.Close(ctx)
		}
	}()
	if os.Geteuid() != 0 {
		return nil, errors.New("sandboxes are built by root: run glassbox as root (sudo)")
	}
	stageDir := filepath.Join(config.Dir, "stage")
	for _, dir := range []string{config.Run, config.Dir, stageDir} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
	}
	// What this process inherited from whoever started it must not reach a learner; what Go opens is close-on-exec already.
	if err := unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return nil, fmt.Errorf("close_range: %w (needs Linux 5.11)", err)
	}
	if l.host, err = cgroup.Detect("/proc/self/mountinfo"); err != nil {
		return nil, err
	}
	if err := l.host.Prepare(); err != nil {
		return nil, err
	}
	if err := l.reap(ctx); err != nil {
		return nil, fmt.Errorf("reap what an earlier run left: %w", err)
	}
	if l.null, err = os.OpenFile(os.DevNull, os.O_RDWR, 0); err != nil {
		return nil, err
	}
	if l.stage, err = newStage(stageDir); err != nil {
		return nil, err
	}
	if l.spawner, err = newSpawner(config.Init); err != nil {
		return nil, err
	}
	for _, layer := range config.Layers {
		if err := l.stage.mountLayer(layer.Name, layer.Image); err != nil {
			return nil, err
		}
		l.layers = append(l.layers, layer.Name)
	}
	l.maker = &scratchMaker{stage: l.stage, dir: config.Dir}
	l.blanks = newBlanks(l, config.Spares)
	return l, nil
}

// reap removes the groups, and ends the processes, of sandboxes whose lab is gone. What lives in a mount namespace went
// with it.
func (l *Lab) reap(ctx context.Context) error {
	groups, err := l.host.Find()
	if err != nil {
		return err
	}
	for _, g := range groups {
		number, ok := slotOf(g.Name())
		if !ok {
			continue // not ours
		}
		s, err := lockSlot(l.config.Run, number)
		if errors.Is(err, unix.EWOULDBLOCK) {
			continue // another lab's, alive
		}
		if err != nil {
			return err
		}
		l.log.Info("reaping a sandbox that an earlier run left", "sandbox", g.Name())
		err = errors.Join(g.Kill(ctx), g.Remove(ctx))
		s.release()
		if err != nil {
			return fmt.Errorf("%s: %w", g.Name(), err)
		}
	}
	return nil
}

// Offer adds to the layers that sandboxes may ask for by name. One whose name is known stays as it is.
func (l *Lab) Offer(layers ...Layer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, layer := range layers {
		if !slices.ContainsFunc(l.config.Extra, func(x Layer) bool { return x.Name == layer.Name }) {
			l.config.Extra = append(l.config.Extra, layer)
		}
	}
}

// layersFor lists the layers of a sandbox from the bottom up, and those that it has beside its root, by where. It mounts
// what nobody asked for before.
func (l *Lab) layersFor(names []string) (layers []string, beside map[string]string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	layers, beside = slices.Clone(l.layers), map[string]string{}
	for _, name := range names {
		i := slices.IndexFunc(l.config.Extra, func(x Layer) bool { return x.Name == name })
		if i < 0 {
			return nil, nil, fmt.Errorf("layer %q is not on this machine", name)
		}
		extra := l.config.Extra[i]
		if !l.extra[name] {
			if err := l.stage.mountLayer(name, extra.Image); err != nil {
				return nil, nil, err
			}
			l.extra[name] = true
		}
		if extra.At != "" {
			beside[extra.At] = name
		} else {
			layers = append(layers, name)
		}
	}
	return layers, beside, nil
}

// CgroupVersion is 1 or 2: where the host's memory controller is.
func (l *Lab) CgroupVersion() int { return l.host.Version() }

// newID names a sandbox: its slot and a few letters that tell it from the slot's last one.
func newID(s slot) string {
	var b [5]byte
	_, _ = rand.Read(b[:]) // never fails, see crypto/rand
	return strconv.Itoa(s.number) + "-" + strings.ToLower(base32.StdEncoding.EncodeToString(b[:]))
}

// nextHint says from which slot on to look for a free one.
func (l *Lab) nextHint() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hint++
	return l.hint
}

func (l *Lab) admit(s *Sandbox) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return errors.New("the lab is closing")
	}
	l.sandboxes[s.id] = s
	return nil
}

func (l *Lab) forget(s *Sandbox) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.sandboxes, s.id)
}

// Close ends all sandboxes and takes the lab away.
func (l *Lab) Close(ctx context.Context) error {
	if l.blanks != nil {
		l.blanks.close()
	}
	l.mu.Lock()
	l.closed = true
	left := make([]*Sandbox, 0, len(l.sandboxes))
	for _, s := range l.sandboxes {
		left = append(left, s)
	}
	l.mu.Unlock()

	errs := make([]error, len(left))
	var closing sync.WaitGroup
	for i, s := range left {
		closing.Go(func() { errs[i] = s.Close(ctx) })
	}
	closing.Wait()

	if l.spawner != nil {
		l.spawner.close()
	}
	if l.stage != nil {
		l.stage.close()
	}
	if l.null != nil {
		l.null.Close()
	}
	return errors.Join(errs...)
}
