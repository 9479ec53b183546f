package lesson

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Severity tells how bad a problem is.
type Severity int

const (
	// Error is a mistake: a learner would be harmed by it.
	Error Severity = iota
	// Warning is something that a good lesson has not.
	Warning
)

func (s Severity) String() string {
	if s == Warning {
		return "warning"
	}
	return "error"
}

// MarshalText writes "error" or "warning".
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Problem is one thing that is wrong in a course, and what to do about it.
type Problem struct {
	File     string   `json:"file"`             // within the course's directory
	Line     int      `json:"line"`             // from 1
	Column   int      `json:"column,omitempty"` // from 1, in characters; 0 when the whole line is meant
	Severity Severity `json:"severity"`
	Text     string   `json:"text"`          // what is wrong
	Fix      string   `json:"fix,omitempty"` // what to do
}

// String is "file:line: what; what to do", with the column where it is known.
func (p Problem) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d:", p.File, p.Line)
	if p.Column > 0 {
		fmt.Fprintf(&b, "%d:", p.Column)
	}
	if p.Severity == Warning {
		b.WriteString(" warning:")
	}
	b.WriteString(" " + p.Text)
	if p.Fix != "" {
		b.WriteString("; " + p.Fix)
	}
	return b.String()
}

// Problems is everything that is wrong, in the order of files and lines. As an error it has a line for each.
type Problems []Problem

func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Errors are the problems that are mistakes.
func (ps Problems) Errors() Problems {
	return slices.DeleteFunc(slices.Clone(ps), func(p Problem) bool { return p.Severity != Error })
}

// sorted returns ps in the order of files and lines, each problem once. A lesson is looked at once for each kind of
// machine, so the same mistake is found several times.
func (ps Problems) sorted() Problems {
	slices.SortFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Severity, b.Severity), cmp.Compare(a.Text, b.Text), cmp.Compare(a.Fix, b.Fix))
	})
	return slices.Compact(ps)
}

// report collects the problems of one file.
type report struct {
	file     string
	problems Problems
}

// add notes a mistake at a line. column may be 0.
func (r *report) add(line, column int, text, fix string) {
	r.problems = append(r.problems, Problem{File: r.file, Line: max(line, 1), Column: max(column, 0), Text: text, Fix: fix})
}

// warn notes what a good lesson has not.
func (r *report) warn(line int, text, fix string) {
	r.problems = append(r.problems, Problem{File: r.file, Line: max(line, 1), Severity: Warning, Text: text, Fix: fix})
}
