package kernel

import (
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// enter reads what the kernel tells only from inside a namespace: the host name (uname(2)) and the interfaces (rtnetlink(7)).
// /proc/PID/net tells some of the latter from outside, but neither addresses of interfaces that are down nor their flags.
//
// It is done on a thread that does nothing else meanwhile, by setns(2) with the namespace's own descriptor, whose inode
// number is compared before, so that a pid which is used again cannot lead elsewhere. Nothing of the sandbox's runs. A thread
// that cannot come back is given up.
func (r *Reader) enter(v *View) error {
	jobs := r.visits(v)
	if len(jobs) == 0 {
		return nil
	}
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		lost, err := visit(jobs)
		if !lost {
			runtime.UnlockOSThread()
		} // else the thread ends with this goroutine
		done <- err
	}()
	if err := <-done; err != nil {
		return err
	}
	uts, net := map[int]*Hostname{}, map[int]*Network{}
	for _, h := range v.Hostnames {
		uts[h.ID] = h
	}
	for _, n := range v.Networks {
		net[n.ID] = n
	}
	for _, p := range v.Processes {
		if h := uts[p.Namespaces.UTS.ID]; h != nil {
			p.Hostname = h.Name
		}
		if n := net[p.Namespaces.Net.ID]; n != nil {
			p.Interfaces = n.Interfaces
		}
	}
	return nil
}

// job is one namespace to go into.
type job struct {
	path string // /proc/PID/ns/net
	flag int    // CLONE_NEWNET or CLONE_NEWUTS
	id   int
	look func() error
	keep func()
}

// visits lists the namespaces that are to be seen, each once.
func (r *Reader) visits(v *View) []job {
	var jobs []job
	seen := map[int]bool{}
	left := maxFile // for the interfaces of all namespaces
	for _, p := range v.Processes {
		if ns := p.Namespaces.UTS; v.Want&WantHostnames != 0 && ns.ID != 0 && !seen[ns.ID] {
			seen[ns.ID] = true
			h := &Hostname{ID: ns.ID, Own: ns.Own, Reader: p.Pid}
			jobs = append(jobs, job{
				path: r.path(p.HostPid, "ns/uts"), flag: unix.CLONE_NEWUTS, id: ns.ID, look: h.look,
				keep: func() { v.Hostnames = append(v.Hostnames, h) },
			})
		}
		if ns := p.Namespaces.Net; v.Want&WantNetworks != 0 && ns.ID != 0 && !seen[ns.ID] {
			seen[ns.ID] = true
			n := &Network{ID: ns.ID, Own: ns.Own, Reader: p.Pid, Interfaces: []*Interface{}}
			jobs = append(jobs, job{
				path: r.path(p.HostPid, "ns/net"), flag: unix.CLONE_NEWNET, id: ns.ID, look: func() error { return n.look(&left) },
				keep: func() { v.Networks = append(v.Networks, n) },
			})
		}
	}
	return jobs
}

// visit does the jobs on the calling thread and brings it back. lost says that it could not.
func visit(jobs []job) (lost bool, err error) {
	home := map[int]int{}
	defer func() {
		for flag, fd := range home {
			if e := unix.Setns(fd, flag); e != nil { //nolint:forbidigo // on a locked thread, see enter
				lost, err = true, errors.Join(err, fmt.Errorf("setns back: %w", e))
			}
			unix.Close(fd)
		}
	}()
	for flag, name := range map[int]string{unix.CLONE_NEWNET: "net", unix.CLONE_NEWUTS: "uts"} {
		fd, err := openat(unix.AT_FDCWD, "/proc/thread-self/ns/"+name, unix.O_RDONLY|unix.O_CLOEXEC)
		if err != nil {
			return false, &Error{Op: "open", Path: "/proc/thread-self/ns/" + name, Err: err}
		}
		home[flag] = fd
	}
	for _, j := range jobs {
		if err := j.do(); err != nil {
			return false, err
		}
	}
	return false, nil
}

func (j job) do() error {
	fd, err := openat(unix.AT_FDCWD, j.path, unix.O_RDONLY|unix.O_CLOEXEC)
	if gone(err) {
		return nil // a later reading finds another process in it, if there is one
	}
	if err != nil {
		return &Error{Op: "open", Path: j.path, Err: err}
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return &Error{Op: "stat", Path: j.path, Err: err}
	}
	if int(st.Ino) != j.id {
		return nil
	}
	if err := unix.Setns(fd, j.flag); err != nil { //nolint:forbidigo // on a locked thread, see enter
		return &Error{Op: "enter", Path: j.path, Err: err}
	}
	if err := j.look(); err != nil {
		return &Error{Op: "look into", Path: j.path, Err: err}
	}
	j.keep()
	return nil
}

// look reads the names of the uts namespace of the calling thread.
func (h *Hostname) look() error {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return fmt.Errorf("uname: %w", err)
	}
	h.Name, h.Domain = unix.ByteSliceToString(u.Nodename[:]), unix.ByteSliceToString(u.Domainname[:])
	return nil
}
