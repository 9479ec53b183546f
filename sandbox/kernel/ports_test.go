package kernel

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWaiting(t *testing.T) {
	const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 2066350080        0 11 1 00000000558f6e4a 100 0 0 10 0
   1: 0100007F:235D 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12 1 00000000558f6e4a 100 0 0 10 0
   2: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 99 1 somebody else's
   3: 0100007F:1F91 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 11 1 connected
   4: 00000000000000000000000001000000:0035 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 13 1
   5: 00000000000000000000000000000000:0051 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 13 1
   6: 0000000000000000FFFF00000100007F:0052 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 13 1
   7: zz:0035 00000000:0000 0A 0 0 0 0 0 11
   8: 00000000:1F90
`
	sockets := map[string]bool{"11": true, "12": true, "13": true}
	want := []string{"8080/tcp", "127.0.0.1:9053/tcp", "[::1]:53/tcp", "81/tcp", "127.0.0.1:82/tcp"}
	if diff := cmp.Diff(want, waiting([]byte(table), "tcp", sockets)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	const udp = "3204: 0100007F:235D 00000000:0000 07 00000000:00000000 00:00000000 00000000 2066350080        0 12 2 00000000bab39abb 0\n"
	if diff := cmp.Diff([]string{"127.0.0.1:9053/udp"}, waiting([]byte(udp), "udp", sockets)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := waiting([]byte(udp), "tcp", sockets); got != nil {
		t.Errorf("got %v of a table of another protocol", got)
	}
}
