package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A slot is a place for one sandbox on the machine: a range of host ids that no other sandbox has, whichever process
// runs it. It is held by a lock on a file (flock(2)), which the kernel releases when the process that holds it ends, so that a
// successor can tell what a killed one left: whatever bears the number of a slot that can be locked.
type slot struct {
	number int
	lock   *os.File
}

const (
	// slots is the number of sandboxes that a machine can hold.
	slots = 4096
	// idsPerSlot is what a distribution gives a user in /etc/subuid, and what an engine inside needs.
	idsPerSlot = 65536
	// firstID lies above the ranges that systemd-nspawn (to 0x6fffffff) and /etc/subuid use.
	firstID = 0x7000_0000
)

// errSlots says that the machine is full.
var errSlots = fmt.Errorf("all %d places for sandboxes on this machine are taken", slots)

// takeSlot locks a free slot, looking from hint on. The directory is the same for every lab on the machine.
func takeSlot(dir string, hint int) (slot, error) {
	for i := range slots {
		n := (hint + i) % slots
		s, err := lockSlot(dir, n)
		if errors.Is(err, unix.EWOULDBLOCK) {
			continue
		}
		return s, err
	}
	return slot{}, errSlots
}

func lockSlot(dir string, number int) (slot, error) {
	f, err := os.OpenFile(filepath.Join(dir, strconv.Itoa(number)), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return slot{}, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return slot{}, err
	}
	return slot{number: number, lock: f}, nil
}

// first is the host id that is 0 in the sandbox.
func (s slot) first() int { return firstID + s.number*idsPerSlot }

func (s slot) release() { s.lock.Close() }

// slotOf reads the slot's number from the name of a sandbox, such as "17-k3v9x2".
func slotOf(id string) (int, bool) {
	number, _, ok := strings.Cut(id, "-")
	n, err := strconv.Atoi(number)
	return n, ok && err == nil && n >= 0 && n < slots
}
