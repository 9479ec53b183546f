package terminal

import (
	"bytes"
	"testing"
)

// FuzzRing compares the ring with a plain slice that keeps everything. Two bytes of the script are one write: how much, and
// where somebody then reads.
func FuzzRing(f *testing.F) {
	f.Add(uint16(1), []byte{1, 0})
	f.Add(uint16(0), []byte{255, 255, 255, 0, 255, 7})
	f.Add(uint16(65535), bytes.Repeat([]byte{250, 3}, 40))
	f.Fuzz(func(t *testing.T, limit uint16, script []byte) {
		const scale = 977 // so that 255 of it are several chunks and no multiple of one
		r := ring{limit: int(limit)}
		var model []byte
		for len(script) >= 2 {
			n, from := int(script[0])*scale, int(script[1])
			script = script[2:]
			for n > 0 {
				room := r.room()
				if len(room) == 0 {
					t.Fatal("no room")
				}
				m := min(n, len(room))
				for i := range m {
					room[i] = byte((len(model) + i) * 31 >> 3)
				}
				model = append(model, room[:m]...)
				r.commit(m)
				n -= m
			}

			if r.end != int64(len(model)) {
				t.Fatalf("end is %d, want %d", r.end, len(model))
			}
			kept := int(r.end - r.start)
			if kept < min(r.limit, len(model)) {
				t.Fatalf("keeps %d bytes of %d, want at least %d", kept, len(model), r.limit)
			}
			if kept >= r.limit+chunkSize && kept > chunkSize {
				t.Fatalf("keeps %d bytes, want less than a chunk beyond %d", kept, r.limit)
			}
			if got := len(r.chunks) * chunkSize; got > r.limit+2*chunkSize {
				t.Fatalf("holds %d bytes of memory for a limit of %d", got, r.limit)
			}
			if e := r.entry(); e < r.start || e > r.end {
				t.Fatalf("entry %d is not in %d … %d", e, r.start, r.end)
			} else if e != 0 && e != r.start && model[e-1] != '\n' {
				t.Fatalf("entry %d is not the beginning of a line", e)
			}

			offset := r.start + int64(kept*from/255)
			want := model[offset:]
			for offset < r.end {
				b := r.after(offset, 1+from*200)
				if len(b) == 0 || !bytes.HasPrefix(want, b) {
					t.Fatalf("after %d: %d bytes that are not what was written", offset, len(b))
				}
				want, offset = want[len(b):], offset+int64(len(b))
			}
			if b := r.after(r.end, 10); b != nil {
				t.Fatalf("after the end: %q", b)
			}
		}
	})
}

// What after returned must stay true while the ring goes on: it may be on its way into a socket.
func TestRingForgetsWithoutOverwriting(t *testing.T) {
	r := ring{limit: 1}
	copy(r.room(), "first")
	r.commit(5)
	held := r.after(0, 5)
	for range 10 * chunkSize {
		r.room()[0] = 'x'
		r.commit(1)
	}
	if string(held) != "first" {
		t.Errorf("the held bytes became %q", held)
	}
	if r.start == 0 {
		t.Error("nothing was forgotten")
	}
}

// Bytes that are appended to a returned slice must not land in the ring.
func TestRingSlicesHaveNoRoom(t *testing.T) {
	r := ring{limit: 100}
	copy(r.room(), "abcdef")
	r.commit(6)
	_ = append(r.after(0, 3), "XYZ"...)
	if got := string(r.after(0, 6)); got != "abcdef" {
		t.Errorf("got %q", got)
	}
}
