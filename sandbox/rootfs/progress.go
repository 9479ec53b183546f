package rootfs

import (
	"sync"
	"time"
)

// Progress is a step of a build, and how much of it is done. Done and Total are counted in Unit; Total is 0 where it is not
// known, and nothing is guessed.
type Progress struct {
	Step        string // in words: "downloading Debian packages"
	Done, Total int64
	Unit        Unit
	Of          *Progress // the larger step that this is a part of; nil where there is none
}

// Unit is what is counted, as a noun in the plural.
type Unit string

// The units.
const (
	Bytes    Unit = "bytes"
	Packages Unit = "packages"
	Images   Unit = "images"
)

// A teller tells one listener of the steps of a build, one after the other, whoever does them. A nil teller tells nobody.
type teller struct {
	mu   sync.Mutex
	hear func(Progress)
	of   *Progress
}

func (t *teller) tell(p Progress) {
	if t == nil || t.hear == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	p.Of = t.of
	t.hear(p)
}

func (t *teller) say(step string) { t.tell(Progress{Step: step}) }

// within makes what is told from now on a part of p; nil ends that.
func (t *teller) within(p *Progress) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.of = p
}

// lookEvery is how often one looks how far a program is that does not tell by itself.
const lookEvery = 250 * time.Millisecond

// watched does something, and looks meanwhile how far it is.
func watched(do func() error, look func()) error {
	done := make(chan error, 1)
	go func() { done <- do() }()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-tick.C:
			look()
		}
	}
}
