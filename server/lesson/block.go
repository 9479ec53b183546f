package lesson

import (
	"html/template"
	"time"
)

// Block is a piece of a step: [*Prose], [*Run], [*File], [*Exercise], [*Quiz], [*Predict], [*Note] or [*Skipped].
type Block interface {
	// At is the line of the lesson's file where the block begins.
	At() int
	// HTML is the block as the package's table of classes says. It is safe to put into a page.
	HTML() template.HTML
}

// Prose is running text: paragraphs, lists, tables, pictures, and code that is not run.
type Prose struct {
	Line int
	html template.HTML
}

// Run is a block of commands for a terminal.
type Run struct {
	Line      int
	Terminal  string
	Text      string // the commands, each line ended by "\n"
	Interrupt bool   // press ^C in the terminal before
}

// Exercise is a task whose end is seen in the kernel's state.
type Exercise struct {
	Line      int
	ID        string // unique in the lesson
	Title     string // plain text
	Task      string // markdown
	When      When
	Checks    []Check // all must hold; the first that does not speaks
	Hints     []string
	After     []string   // ids of exercises whose solutions this one builds upon
	Solutions []Script   // run one after the other, they solve it
	Wrongs    [][]Script // each by itself is an answer that does not; its scripts are run one after the other

	md *markdown
}

// Check is one condition of an exercise.
type Check struct {
	That   string // an expression over the sandbox's kernel.View
	Say    string // what is missing when it does not hold; markdown
	Line   int    // where That begins
	Column int
}

// Script is typed into a terminal line by line, as a learner would: commands, or a file.
type Script struct {
	Line      int
	Terminal  string
	Text      string // commands, or what is in the file; each line ended by "\n". See Typed
	Interrupt bool   // press ^C in the terminal before
	File      string // the path of the file that Text is written to; empty for commands
}

// When says at which time the checks must hold.
type When struct {
	Kind WhenKind
	For  time.Duration // how long without a break, for Held
}

// WhenKind is a kind of [When].
type WhenKind string

// The kinds.
const (
	Now  WhenKind = "now"  // all checks hold at the moment
	Ever WhenKind = "ever" // all have held together once since the sandbox was started
	Held WhenKind = "held" // all have held together for some time without a break
)

func (w When) String() string {
	if w.Kind == Held {
		return "held " + w.For.String()
	}
	return string(w.Kind)
}

// Quiz is a question with given answers.
type Quiz struct {
	Line     int
	ID       string // unique in the lesson
	Question string // markdown
	Choices  []Choice
	Explain  string // markdown, shown once the answer is right; may be empty

	md *markdown
}

// Choice is one answer to a question.
type Choice struct {
	Text    string // markdown, one paragraph
	Right   bool   // in a quiz
	Because string // markdown: why it is right or wrong; may be empty
}

// Predict asks what the kernel will do. Nobody knows the answer beforehand: it is measured.
type Predict struct {
	Line     int
	ID       string // unique in the lesson
	Question string // markdown
	Choices  []Choice
	Number   bool    // ask for a number instead of a choice
	Within   float64 // how far a predicted number may be off and still be right, as a share of the measured one: 0.1
	After    Expr    // holds as soon as the answer can be read
	Answer   Expr    // the number of the right choice, from 0, or the number that was asked for
	Because  string  // markdown

	md *markdown
}

// Expr is an expression over the kernel.View and where it stands.
type Expr struct {
	Text   string
	Line   int
	Column int
}

// Note is a box beside the text.
type Note struct {
	Line int
	Kind string // surprise, why, danger or docker
	Text string // markdown

	md *markdown
}

// Skipped stands where this machine does not show a part of the lesson.
type Skipped struct {
	Line    int
	Because string // the author's words, markdown; may be empty
	Needs   string // what the part needs, in words made from the condition: "control groups of version 2"
	Step    bool   // a whole step is not shown

	md *markdown
}

// At is the line where the text begins.
func (b *Prose) At() int { return b.Line }

// At is the line where the block begins.
func (b *Run) At() int { return b.Line }

// At is the line where the block begins.
func (b *Exercise) At() int { return b.Line }

// At is the line where the block begins.
func (q *Quiz) At() int { return q.Line }

// At is the line where the block begins.
func (q *Predict) At() int { return q.Line }

// At is the line where the block begins.
func (b *Note) At() int { return b.Line }

// At is the line where the part would begin.
func (b *Skipped) At() int { return b.Line }

// Several tells whether more than one choice is right.
func (q *Quiz) Several() bool {
	right := 0
	for _, c := range q.Choices {
		if c.Right {
			right++
		}
	}
	return right > 1
}
