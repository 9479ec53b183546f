package lesson

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// fragment is a solution or a wrong answer on its way to its exercise.
type fragment struct {
	kind     string // solution or wrong
	exercise string
	script   Script
}

// fence is a fenced block as it is written.
type fence struct {
	report *report
	md     *markdown
	line   int // of the opening fence
	kind   string
	args   []string
	body   string // ends with "\n", or is empty
	first  string // the lesson's first terminal
}

var fenceKinds = []string{"run", "file", "exercise", "solution", "wrong", "quiz", "predict", "note"}

// languages are first words of fences that are like those above and mean something else.
var languages = []string{"node"}

var (
	idPattern       = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)
	terminalPattern = regexp.MustCompile(`^[a-z][a-z0-9-]{0,19}$`)
)

// add reports a problem of the fence itself.
func (f *fence) add(text, fix string) { f.report.add(f.line, 0, text, fix) }

// id is the block's id, its first argument. Nothing may follow.
func (f *fence) id() string {
	switch {
	case len(f.args) == 0:
		f.add("the "+f.kind+" has no id", "write ```"+f.kind+" and a short name for it, such as limit-memory")
		return ""
	case len(f.args) > 1:
		f.add(fmt.Sprintf("after the id of the %s stands %q", f.kind, strings.Join(f.args[1:], " ")), "an id is one word; join words with -")
	case !idPattern.MatchString(f.args[0]):
		f.add(fmt.Sprintf("%q cannot be an id", f.args[0]), "use lower-case letters, digits and -, and begin with a letter")
		return ""
	}
	return f.args[0]
}

// terminal reads what follows: a terminal's name, and interrupt. Both may be absent.
func (f *fence) terminal(args []string) (name string, interrupt bool) {
	name = f.first
	if len(args) > 0 && args[len(args)-1] == "interrupt" {
		interrupt, args = true, args[:len(args)-1]
	}
	switch {
	case len(args) > 1:
		f.add(fmt.Sprintf("%q is too much", strings.Join(args[1:], " ")), "write the name of one terminal, and maybe interrupt")
		name = args[0]
	case len(args) == 1:
		name = args[0]
	}
	if !terminalPattern.MatchString(name) {
		f.add(fmt.Sprintf("%q cannot be the name of a terminal", name), "use at most 20 lower-case letters, digits and -")
		name = f.first
	}
	return name, interrupt
}

func (f *fence) commands() string {
	if strings.TrimSpace(f.body) == "" {
		f.add("the "+f.kind+" block is empty", "write the commands, one in each line")
	}
	return f.body
}

func (f *fence) run() *Run {
	name, interrupt := f.terminal(f.args)
	return &Run{Line: f.line, Terminal: name, Interrupt: interrupt, Text: f.commands()}
}

// fragment reads a solution or a wrong answer: commands, or, after the word file, a file.
func (f *fence) fragment() (fragment, bool) {
	if len(f.args) == 0 {
		f.add("the "+f.kind+" does not say whose it is", "write ```"+f.kind+", the id of the exercise, and the terminal")
		return fragment{}, false
	}
	out := fragment{kind: f.kind, exercise: f.args[0]}
	if len(f.args) > 1 && f.args[1] == "file" {
		f.args = f.args[2:]
		out.script = f.file().Script()
		return out, out.script.File != ""
	}
	name, interrupt := f.terminal(f.args[1:])
	out.script = Script{Line: f.line, Terminal: name, Interrupt: interrupt, Text: f.commands()}
	return out, true
}

func (f *fence) note() *Note {
	n := &Note{Line: f.line, Text: f.body, md: f.md}
	kinds := []string{"surprise", "why", "danger", "docker"}
	switch {
	case len(f.args) != 1:
		f.add("the note has no kind", "write ```note and one of "+enumerate(kinds, "or"))
		n.Kind = "why"
	case !slices.Contains(kinds, f.args[0]):
		f.add("there is no note "+f.args[0], didYouMean(f.args[0], kinds))
		n.Kind = "why"
	default:
		n.Kind = f.args[0]
	}
	if strings.TrimSpace(f.body) == "" {
		f.add("the note is empty", "write something, or remove it")
	}
	return n
}

// yaml reads the block's body. It tells whether nothing was wrong with it.
func (f *fence) yaml(known fields) bool {
	before := len(f.report.problems)
	readYAML(f.report, f.body, f.line+1, f.article(), known)
	return len(f.report.problems) == before
}

// article is what the block is called in a sentence.
func (f *fence) article() string {
	switch f.kind {
	case "exercise":
		return "an exercise"
	case "predict":
		return "a prediction"
	}
	return "a " + f.kind
}

// want reports the keys that are not there.
func (f *fence) want(have map[string]bool) {
	var missing []string
	for _, key := range slices.Sorted(maps.Keys(have)) {
		if !have[key] {
			missing = append(missing, key)
		}
	}
	if len(missing) > 0 {
		f.add(f.article()+" needs "+enumerate(missing, "and"), "write a line that begins with "+missing[0]+":")
	}
}

func (f *fence) exercise() *Exercise {
	e := &Exercise{Line: f.line, ID: f.id(), When: When{Kind: Now}, md: f.md}
	if !f.yaml(fields{
		"title": func(v value) { e.Title = v.text() },
		"task":  func(v value) { e.Task = v.text() },
		"when":  func(v value) { e.When = readWhenAt(v) },
		"checks": func(v value) {
			for _, item := range v.list() {
				e.Checks = append(e.Checks, readCheck(item))
			}
		},
		"hints": func(v value) { e.Hints = v.texts() },
		"after": func(v value) { e.After = v.texts() },
	}) {
		return e
	}
	f.want(map[string]bool{"title": e.Title != "", "task": e.Task != "", "checks": len(e.Checks) > 0})
	return e
}

func readCheck(v value) Check {
	v.name = "a check"
	var c Check
	before := len(v.doc.report.problems)
	v.mapping(fields{
		"that": func(v value) {
			c.That = v.text()
			c.Line, c.Column = v.starts()
		},
		"say": func(v value) { c.Say = v.text() },
	})
	switch {
	case len(v.doc.report.problems) > before:
	case c.That == "":
		v.wrong("a check needs that", "write that: and the condition")
	case c.Say == "":
		v.wrong("a check needs say", "write say: and what is missing when the condition does not hold")
	}
	return c
}

// maxHeld bounds how long a learner may be asked to wait.
const maxHeld = 10 * time.Minute

func readWhenAt(v value) When {
	text := v.text()
	words := strings.Fields(text)
	switch {
	case len(words) == 1 && words[0] == string(Now):
		return When{Kind: Now}
	case len(words) == 1 && words[0] == string(Ever):
		return When{Kind: Ever}
	case len(words) > 0 && words[0] == string(Held):
		d, err := time.ParseDuration(strings.Join(words[1:], ""))
		if err == nil && d > 0 && d <= maxHeld {
			return When{Kind: Held, For: d}
		}
		v.wrong(fmt.Sprintf("%q does not say for how long", text), "write for example held 5s, and at most held 10m")
		return When{Kind: Now}
	}
	v.wrong(fmt.Sprintf("%q is no time", text), "write now, ever, or for example held 5s")
	return When{Kind: Now}
}

func (f *fence) quiz() *Quiz {
	q := &Quiz{Line: f.line, ID: f.id(), md: f.md}
	if !f.yaml(fields{
		"question": func(v value) { q.Question = v.text() },
		"choices": func(v value) {
			for _, item := range v.list() {
				q.Choices = append(q.Choices, readChoice(item, true))
			}
		},
		"explain": func(v value) { q.Explain = v.text() },
	}) {
		return q
	}
	f.want(map[string]bool{"question": q.Question != "", "choices": len(q.Choices) > 0})
	return q
}

func readChoice(v value, quiz bool) Choice {
	if v.isText() {
		v.name = "a choice"
		return Choice{Text: v.text()}
	}
	v.name = "a choice"
	var c Choice
	known := fields{
		"text":    func(v value) { c.Text = v.text() },
		"because": func(v value) { c.Because = v.text() },
	}
	if quiz {
		known["right"] = func(v value) { c.Right = v.flag() }
	}
	before := len(v.doc.report.problems)
	v.mapping(known)
	if c.Text == "" && len(v.doc.report.problems) == before {
		v.wrong("a choice needs text", "write text: and the answer")
	}
	return c
}

func (f *fence) predict() *Predict {
	p := &Predict{Line: f.line, ID: f.id(), md: f.md}
	expr := func(to *Expr) func(value) {
		return func(v value) {
			to.Text = v.text()
			to.Line, to.Column = v.starts()
		}
	}
	if !f.yaml(fields{
		"question": func(v value) { p.Question = v.text() },
		"choices": func(v value) {
			for _, item := range v.list() {
				p.Choices = append(p.Choices, readChoice(item, false))
			}
		},
		"number":  func(v value) { p.Number = v.flag() },
		"within":  func(v value) { p.Within = readShare(v) },
		"after":   expr(&p.After),
		"answer":  expr(&p.Answer),
		"because": func(v value) { p.Because = v.text() },
	}) {
		return p
	}
	have := map[string]bool{"question": p.Question != "", "after": p.After.Text != "", "answer": p.Answer.Text != "", "because": p.Because != ""}
	switch {
	case p.Number && len(p.Choices) > 0:
		f.add("the prediction asks for a number and has choices", "remove one of number and choices")
	case !p.Number && len(p.Choices) == 0:
		f.add("the prediction has no choices", "write choices:, or number: true to ask for a number")
	case !p.Number && p.Within > 0:
		f.add("within is for predictions of a number", "remove it")
	}
	f.want(have)
	return p
}

// readShare reads "10%" as 0.1.
func readShare(v value) float64 {
	text := strings.TrimSpace(v.text())
	n, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(text, "%")), 64)
	if err != nil || !strings.HasSuffix(text, "%") || !(n >= 0 && n <= 100) {
		v.wrong(fmt.Sprintf("%q is no share", text), "write for example within: 10%")
		return 0
	}
	return n / 100
}
