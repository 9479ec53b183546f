package terminal

import "bytes"

// chunkSize is the step in which the scrollback grows and forgets.
const chunkSize = 32 << 10

// ring is the scrollback: the last bytes of an endless stream, addressed by their offset in that stream.
//
//	offset 0 … forgotten … start ─ chunk ─┬─ chunk ─┬─ chunk ─ end … room …
//
// Bytes once committed are never written again, and a chunk is forgotten, not reused. So a slice that after returned stays
// true for as long as somebody holds it, and may be written to a socket while the ring goes on.
//
// The zero value is not usable; it needs a limit. A ring has no lock of its own.
type ring struct {
	chunks [][]byte // each of chunkSize bytes; the last one is filled up to end
	start  int64    // offset of the oldest byte that is kept; a multiple of chunkSize
	end    int64    // offset of the next byte
	limit  int      // keep at least this many bytes, and less than chunkSize more
}

// room returns space for the bytes that come next, at least one. They become part of the ring with commit.
func (r *ring) room() []byte {
	filled := int(r.end - r.start)
	if filled == len(r.chunks)*chunkSize {
		r.chunks = append(r.chunks, make([]byte, chunkSize))
	}
	return r.chunks[len(r.chunks)-1][filled%chunkSize:]
}

// commit appends the first n bytes of the room, and forgets chunks that are not needed any more.
func (r *ring) commit(n int) {
	r.end += int64(n)
	for int(r.end-r.start)-chunkSize >= r.limit {
		r.chunks[0] = nil
		r.chunks = r.chunks[1:]
		r.start += chunkSize
	}
}

// after returns bytes from offset on, as many as lie together and at most max; none if offset is end. The offset must
// not be before start or behind end.
func (r *ring) after(offset int64, most int) []byte {
	at := int(offset - r.start)
	n := min(int(r.end-offset), chunkSize-at%chunkSize, most)
	if n <= 0 {
		return nil
	}
	return r.chunks[at/chunkSize][at%chunkSize : at%chunkSize+n : at%chunkSize+n]
}

// entry returns where to begin for somebody who wants as much as is kept. After bytes were forgotten the oldest ones
// left may be the tail of a character or of an escape sequence, so it is the beginning of the first line, if there is
// one in the first chunk.
func (r *ring) entry() int64 {
	if r.start == 0 {
		return 0
	}
	first := r.after(r.start, chunkSize)
	if i := bytes.IndexByte(first, '\n'); i >= 0 {
		return r.start + int64(i) + 1
	}
	return r.start
}
