package kernel

import "bytes"

// lines calls f for each line, without its newline, until f returns false.
func lines(b []byte, f func(line []byte) bool) {
	for len(b) > 0 {
		line := b
		if i := bytes.IndexByte(b, '\n'); i >= 0 {
			line, b = b[:i], b[i+1:]
		} else {
			b = nil
		}
		if !f(line) {
			return
		}
	}
}

// field takes the first word off b. Words are separated by spaces and tabs.
func field(b []byte) (word, rest []byte) {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for i, c := range b {
		if c == ' ' || c == '\t' {
			return b[:i], b[i+1:]
		}
	}
	return b, nil
}

// number reads a decimal number, with a sign or without. What is too large becomes Unlimited, for v1 counters are unsigned.
func number(b []byte) (n int, ok bool) {
	negative := false
	if len(b) > 0 && b[0] == '-' {
		negative, b = true, b[1:]
	}
	if len(b) == 0 {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		if n > (Unlimited-9)/10 {
			n = Unlimited
			continue
		}
		n = n*10 + int(c-'0')
	}
	if negative {
		n = -n
	}
	return n, true
}

// numbers reads all numbers of a line.
func numbers(b []byte) []int {
	var all []int
	for word, rest := field(b); len(word) > 0; word, rest = field(rest) {
		if n, ok := number(word); ok {
			all = append(all, n)
		}
	}
	return all
}

// hex reads a hexadecimal number without prefix; what is none is 0.
func hex(b []byte) (n uint64) {
	if len(b) > 16 {
		return 0
	}
	for _, c := range b {
		switch {
		case '0' <= c && c <= '9':
			n = n<<4 | uint64(c-'0')
		case 'a' <= c && c <= 'f':
			n = n<<4 | uint64(c-'a'+10)
		default:
			return 0
		}
	}
	return n
}
