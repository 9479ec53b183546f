package proof

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"glassbox/server/check"
)

// A look that fails by itself says nothing of the answer; the next one does, and so do looks that go on failing.
func TestLookThatFails(t *testing.T) {
	for _, test := range []struct {
		name  string
		fails int // looks
		want  check.Status
	}{
		{"some", 5, check.NotYet},
		{"all", 1 << 30, check.Failed},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j := &judge{}
				stop := make(chan struct{})
				defer close(stop)
				go func() {
					for n := 1; ; n++ {
						v := check.Verdict{Status: check.NotYet}
						if n <= test.fails {
							v = check.Verdict{Status: check.Failed, Err: errors.New("took longer than a second")}
						}
						j.mu.Lock()
						j.last, j.looks = v, n
						j.mu.Unlock()
						select {
						case <-stop:
							return
						case <-time.After(period):
						}
					}
				}()
				if v, err := j.now(t.Context()); err != nil || v.Status != test.want {
					t.Errorf("got %+v and %v, want %s", v, err, test.want)
				}
			})
		})
	}
}
