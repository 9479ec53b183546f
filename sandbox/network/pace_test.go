package network

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pace{every: 10 * time.Millisecond, burst: 50 * time.Millisecond}
		start := time.Now()
		for i, want := range []time.Duration{0, 0, 0, 0, 0, 0, 10, 20, 30} { // ms
			if err := p.wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := time.Since(start); got != want*time.Millisecond {
				t.Errorf("event %d at %v, want %vms", i, got, want)
			}
		}
		// Rest earns a burst, but not more than one.
		time.Sleep(time.Hour)
		start = time.Now()
		for range 7 {
			if err := p.wait(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if got := time.Since(start); got != p.every {
			t.Errorf("after a rest 7 events took %v", got)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := p.wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("wait without time: %v", err)
		}
	})
}
