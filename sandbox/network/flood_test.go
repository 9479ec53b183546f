package network

import (
	"encoding/binary"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestFlood: a learner who floods the gateway does not take it from the others.
func TestFlood(t *testing.T) {
	g := openGateway(t, Config{})
	a, b := newBox(t, g), newBox(t, g)

	t.Run("connections", func(t *testing.T) {
		var held []net.Conn
		for range 3 * maxConns {
			c, err := a.dial(t.Context(), "tcp", net.JoinHostPort(g.Address.String(), "80"))
			if err != nil {
				t.Fatal(err)
			}
			held = append(held, c)
		}
		if response, _ := b.get(t, g, "http://httpstat.us/418"); response.StatusCode != http.StatusTeapot {
			t.Error(response.Status)
		}
		a.link.serving.listeners[1].mu.Lock()
		open := len(a.link.serving.listeners[1].conns)
		a.link.serving.listeners[1].mu.Unlock()
		if open > maxConns {
			t.Errorf("%d connections at once", open)
		}
		for _, c := range held {
			c.Close()
		}
		if response, _ := a.get(t, g, "http://httpstat.us/418"); response.StatusCode != http.StatusTeapot {
			t.Error(response.Status)
		}
	})

	t.Run("SYN", func(t *testing.T) {
		var frames [][]byte
		for i := range 20_000 {
			tcp := binary.BigEndian.AppendUint16(nil, uint16(1024+i))
			tcp = binary.BigEndian.AppendUint16(tcp, 80)
			tcp = append(tcp, make([]byte, 8)...)
			tcp = append(tcp, 5<<4, 2 /* SYN */, 0xff, 0xff, 0, 0, 0, 0)
			pseudo := append(append(append([]byte{}, own.AsSlice()...), theGateway.AsSlice()...), 0, unix.IPPROTO_TCP, 0, 20)
			binary.BigEndian.PutUint16(tcp[16:], checksum(append(pseudo, tcp...)))
			frames = append(frames, ethernet(ownMAC, unix.ETH_P_IP, ip(unix.IPPROTO_TCP, own, theGateway, tcp)))
		}
		// a must not answer the gateway's SYN-ACKs with RST: its own stack is deaf.
		if err := a.do(func() error {
			return os.WriteFile("/proc/sys/net/ipv4/conf/eth0/rp_filter", []byte("0"), 0)
		}); err != nil {
			t.Fatal(err)
		}
		flooded := make(chan struct{})
		go func() {
			defer close(flooded)
			a.inject(t, frames...)
		}()
		for range 5 {
			start := time.Now()
			if response, _ := b.get(t, g, "http://httpstat.us/418"); response.StatusCode != http.StatusTeapot {
				t.Error(response.Status)
			}
			t.Log("teapot in", time.Since(start))
		}
		<-flooded
	})
}
