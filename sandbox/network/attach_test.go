package network

import (
	"net"
	"slices"
	"testing"
	"time"
)

// TestFirstPacketArrives: when Attach returns, the cable carries. A lost first packet costs a second, the time to the next try.
func TestFirstPacketArrives(t *testing.T) {
	g := openGateway(t, Config{})
	for range 30 {
		b := newBox(t, g)
		start := time.Now()
		c, err := b.dial(t.Context(), "tcp", net.JoinHostPort(b.link.Gateway(), "80"))
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		if took := time.Since(start); took > 900*time.Millisecond {
			t.Fatalf("the first connection took %v", took)
		}
	}
}

// BenchmarkAttach measures from the sandbox's empty network namespace to a cable that carries.
func BenchmarkAttach(b *testing.B) {
	g := openGateway(b, Config{})
	spare := make([]*namespace, b.N)
	for i := range spare {
		var err error
		if spare[i], err = newNamespace(); err != nil {
			b.Fatal(err)
		}
		defer spare[i].close()
	}
	var took, closing []time.Duration
	b.ResetTimer()
	for i := range b.N {
		start := time.Now()
		l, err := g.AttachNamespace(b.Context(), spare[i].file)
		took = append(took, time.Since(start))
		if err != nil {
			b.Fatal(err)
		}
		start = time.Now()
		if err := l.Close(); err != nil {
			b.Fatal(err)
		}
		closing = append(closing, time.Since(start))
	}
	slices.Sort(took)
	slices.Sort(closing)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*95/100].Microseconds()), "p95-µs")
	b.ReportMetric(float64(closing[len(closing)/2].Microseconds()), "close-p50-µs")
}
