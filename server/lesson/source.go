package lesson

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// maxFile bounds a lesson's file, in bytes. A page that takes 15 minutes has about 30 KiB.
const maxFile = 1 << 20

// source is the text of a lesson's file, and where its parts are.
type source struct {
	lines []string
	body  int // the line after the front matter
}

// readSource makes the line ends plain and finds the front matter.
func readSource(r *report, data []byte) (s source, front string, ok bool) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if len(data) > maxFile {
		r.add(1, 0, "the file has more than a megabyte", "make several lessons of it")
		return source{}, "", false
	}
	text := strings.ReplaceAll(string(data), "\r\n", "\n")
	text = strings.ReplaceAll(text, "\r", "\n")
	for i, line := range strings.Split(text, "\n") {
		if !utf8.ValidString(line) || strings.ContainsRune(line, 0) {
			r.add(i+1, 0, "this line is no text in UTF-8", "save the file as UTF-8")
			return source{}, "", false
		}
	}
	s.lines = strings.Split(text, "\n")
	if strings.TrimRight(s.lines[0], " ") != "---" {
		r.add(1, 0, "there is no front matter", "begin the file with a line of three dashes, title: and a name, and another line of three dashes")
		return source{}, "", false
	}
	for i := 1; i < len(s.lines); i++ {
		if strings.TrimRight(s.lines[i], " ") == "---" {
			s.body = i + 2
			return s, strings.Join(s.lines[1:i], "\n") + "\n", true
		}
	}
	r.add(1, 0, "the front matter has no end", "write a line of three dashes after it")
	return source{}, "", false
}

// text is the file without its front matter, and without the lines that drop names; all other lines keep their
// numbers. drop may be nil.
func (s source) text(drop func(line int) bool) string {
	var b strings.Builder
	for i, line := range s.lines {
		if i > 0 {
			b.WriteByte('\n')
		}
		if i+1 >= s.body && (drop == nil || !drop(i+1)) {
			b.WriteString(line)
		}
	}
	return b.String()
}
