package lesson

import (
	"crypto/hmac"
	"crypto/sha256"
	_ "embed"
	"encoding/binary"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"glassbox/server/check"
)

// Value is something that each learner gets another one of, so that answers cannot be copied. Exactly one of the three
// kinds is set.
type Value struct {
	Name     string
	From, To int      // a whole number from From to To, both included
	Word     bool     // a word of lower-case letters that may be a file, a group or a host
	Of       []string // one of these
	Line     int
}

// Draw picks a number from 0 to n-1 for a value of a lesson. It answers the same every time. n is at least 1.
type Draw func(lesson, value string, n uint64) uint64

// First draws the least number, the first word.
func First(_, _ string, _ uint64) uint64 { return 0 }

// Last draws the greatest number, the last word.
func Last(_, _ string, n uint64) uint64 { return n - 1 }

// Seeded draws from a learner's seed: any bytes that stay the same and that the learner does not know. Who knows the
// values of one lesson learns nothing about those of another (HMAC-SHA256).
func Seeded(seed []byte) Draw {
	return func(lesson, value string, n uint64) uint64 {
		mac := hmac.New(sha256.New, seed)
		fmt.Fprintf(mac, "%s\x00%s", lesson, value)
		// With n below 2^32 the remainder of 64 random bits favours no number by more than 2^-32.
		return binary.BigEndian.Uint64(mac.Sum(nil)) % n
	}
}

//go:embed words.txt
var wordList string

// words are short, known to everybody, and neither commands nor names that a system has already.
func words() []string { return strings.Fields(wordList) }

// draw picks this learner's values. No two words of a lesson are the same.
func (l *Lesson) draw(d Draw) map[string]string {
	drawn := make(map[string]string, len(l.Values))
	var taken []string
	for _, v := range l.Values {
		switch {
		case v.Word:
			all := words()
			i := d(l.Slug, v.Name, uint64(len(all)))
			for slices.Contains(taken, all[i]) {
				i = (i + 1) % uint64(len(all))
			}
			taken = append(taken, all[i])
			drawn[v.Name] = all[i]
		case len(v.Of) > 0:
			drawn[v.Name] = v.Of[d(l.Slug, v.Name, uint64(len(v.Of)))]
		default:
			drawn[v.Name] = strconv.Itoa(v.From + int(d(l.Slug, v.Name, uint64(v.To-v.From+1))))
		}
	}
	return drawn
}

// A placeholder is {{name}}, without blanks: what Go templates (docker inspect -f '{{.State.Pid}}') and others write
// between double braces stays as it is. \{{name}} is no placeholder.
var placeholder = regexp.MustCompile(`\\?\{\{[A-Za-z_][A-Za-z0-9_-]*\}\}`)

// fill puts the drawn values into text. Line breaks stay where they are.
func fill(text string, drawn map[string]string) string {
	return placeholder.ReplaceAllStringFunc(text, func(found string) string {
		if found[0] == '\\' {
			return found[1:]
		}
		if v, ok := drawn[found[2:len(found)-2]]; ok {
			return v
		}
		return found
	})
}

// placeholders reports every placeholder of text that has no value, and returns the names of those that have.
func placeholders(r *report, text string, drawn map[string]string) (used map[string]bool) {
	used = map[string]bool{}
	known := make([]string, 0, len(drawn))
	for name := range drawn {
		known = append(known, name)
	}
	for i, line := range strings.Split(text, "\n") {
		for _, at := range placeholder.FindAllStringIndex(line, -1) {
			if line[at[0]] == '\\' {
				continue
			}
			name := line[at[0]+2 : at[1]-2]
			if _, ok := drawn[name]; ok {
				used[name] = true
				continue
			}
			fix := "declare it under values: in the front matter, or write \\{{" + name + "}} if it is to stay as it is"
			if n := check.Nearest(name, known); n != "" {
				fix = "did you mean {{" + n + "}}?"
			}
			r.add(i+1, len([]rune(line[:at[0]]))+1, "there is no value "+name, fix)
		}
	}
	return used
}

var valueName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)

// readValues reads what the front matter declares.
func readValues(v value) []Value {
	var out []Value
	keys, nodes := v.pairs()
	for i, key := range keys {
		val := Value{Name: key.text()}
		val.Line, _ = key.at()
		before := len(v.doc.report.problems)
		from, to := false, false
		nodes[i].mapping(fields{
			"from": func(v value) { val.From, from = v.number(), true },
			"to":   func(v value) { val.To, to = v.number(), true },
			"word": func(v value) { val.Word = v.flag() },
			"of": func(v value) {
				for _, item := range v.list() {
					val.Of = append(val.Of, item.text())
					if t := val.Of[len(val.Of)-1]; !plainValue.MatchString(t) {
						item.wrong(fmt.Sprintf("%q cannot be a value", t), "use letters, digits, and - . _ only, so that it means the same in a shell, in a check and in the text")
					}
				}
			},
		})
		kinds := 0
		for _, is := range []bool{from || to, val.Word, len(val.Of) > 0} {
			if is {
				kinds++
			}
		}
		const ways = "write {from: 1, to: 9} for a number, {word: true} for a word, {of: [a, b]} for one of several"
		switch {
		case len(v.doc.report.problems) > before:
		case !valueName.MatchString(val.Name):
			key.wrong(fmt.Sprintf("%q cannot be the name of a value", val.Name), "use letters, digits, - and _")
		case kinds != 1, from != to:
			key.wrong("it is not clear what the value "+val.Name+" is", ways)
		case val.From > val.To:
			key.wrong(fmt.Sprintf("the value %s goes from %d down to %d", val.Name, val.From, val.To), "write the smaller number first")
		case val.To-val.From < 0 || val.To-val.From >= 1<<31:
			key.wrong("the value "+val.Name+" has too many numbers to choose from", "")
		}
		if len(v.doc.report.problems) == before {
			out = append(out, val)
		}
	}
	return out
}

var plainValue = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
