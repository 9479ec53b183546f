package lesson

import (
	"fmt"
	"html/template"
	"strings"
)

// The HTML of the blocks, as the table in the package's comment says. Texts come in rendered or escaped; ids and names of
// terminals are checked when a lesson is read, and hold nothing that needs escaping.

// HTML implements [Block].
func (b *Prose) HTML() template.HTML {
	return `<div class="prose">` + b.html + "</div>\n"
}

// HTML implements [Block].
func (b *Run) HTML() template.HTML { return runHTML("run", b.Terminal, b.Text, b.Interrupt) }

func runHTML(class, terminal, text string, interrupt bool) template.HTML {
	var b strings.Builder
	fmt.Fprintf(&b, `<figure class="%s" data-terminal="%s"`, class, terminal)
	hint := ""
	if interrupt {
		b.WriteString(" data-interrupt")
		hint = " (presses Ctrl-C first)"
	}
	fmt.Fprintf(&b, "><figcaption class=\"run-bar\"><span class=\"run-terminal\">%s</span>"+
		`<button type="button" class="run-go" data-run title="Run it in terminal %s%s">Run</button>`+
		`<button type="button" class="copy" data-copy>Copy</button></figcaption>`, terminal, terminal, hint)
	b.WriteString(`<pre class="shell" tabindex="0"><code>` + string(linesHTML(text, "#")) + "</code></pre></figure>\n")
	return template.HTML(b.String())
}

// commentSigns say how a comment begins in the languages whose comments are worth muting.
var commentSigns = map[string]string{
	"sh": "#", "bash": "#", "shell": "#", "dockerfile": "#", "yaml": "#", "yml": "#", "python": "#", "toml": "#", "ini": "#",
	"c": "//", "go": "//", "js": "//", "rust": "//", "cpp": "//",
}

// codeHTML shows code that is not run.
func codeHTML(language, text string) template.HTML {
	sign := commentSigns[strings.ToLower(language)]
	language = template.HTMLEscapeString(language)
	return template.HTML(`<figure class="code" data-language="` + language + `"><figcaption class="code-bar"><span class="code-language">` + language +
		`</span><button type="button" class="copy" data-copy>Copy</button></figcaption>` +
		`<pre class="code" tabindex="0"><code>` + string(linesHTML(text, sign)) + "</code></pre></figure>\n")
}

// linesHTML numbers the lines and marks the comments. Quotes reach over lines, as they do in a shell.
func linesHTML(text, sign string) template.HTML {
	var b strings.Builder
	var quote byte
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if i > 0 {
			b.WriteByte('\n')
		}
		at := len(line)
		if sign != "" {
			at, quote = commentStart(line, sign, quote)
		}
		fmt.Fprintf(&b, `<span class="line" data-line="%d">%s`, i+1, template.HTMLEscapeString(line[:at]))
		if at < len(line) {
			b.WriteString(`<span class="comment">` + template.HTMLEscapeString(line[at:]) + "</span>")
		}
		b.WriteString("</span>")
	}
	return template.HTML(b.String())
}

// commentStart is where the comment of a line begins, or the line's length. A comment begins a word and is not quoted.
// open is the quote that the lines before have left open, 0 for none; still is the one that this line leaves open.
func commentStart(line, sign string, open byte) (at int, still byte) {
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case open != 0:
			if c == '\\' && open == '"' {
				i++
			} else if c == open {
				open = 0
			}
		case c == '\\':
			i++
		case strings.HasPrefix(line[i:], sign) && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t' || line[i-1] == ';'):
			return i, 0
		case c == '\'' || c == '"':
			open = c
		}
	}
	return len(line), open
}

const verdict = `<div class="verdict" role="status" aria-live="polite"></div>`

// HTML implements [Block]. Neither hints nor solutions are in it.
func (b *Exercise) HTML() template.HTML {
	var w strings.Builder
	fmt.Fprintf(&w, `<section class="exercise" id="exercise-%s" data-exercise="%s" data-hints="%d" data-when="%s" aria-labelledby="exercise-%s-title">`, b.ID, b.ID, len(b.Hints), b.When.Kind, b.ID)
	fmt.Fprintf(&w, `<h3 class="exercise-title" id="exercise-%s-title">%s</h3><div class="exercise-task prose">%s</div>`, b.ID, template.HTMLEscapeString(b.Title), b.TaskHTML())
	w.WriteString(`<div class="actions"><button type="button" class="check" data-check>Check</button>`)
	if len(b.Hints) > 0 {
		w.WriteString(`<button type="button" class="hint" data-hint>Hint</button>`)
	}
	if len(b.Solutions) > 0 {
		w.WriteString(`<button type="button" class="solution" data-solution>Solution</button>`)
	}
	w.WriteString("</div>" + verdict + `<div class="hints"></div><div class="answer"></div></section>` + "\n")
	return template.HTML(w.String())
}

// TaskHTML is the task, rendered.
func (b *Exercise) TaskHTML() template.HTML { return b.md.block(b.Task) }

// HintHTML is the hint of a stage, from 1; empty when there is none.
func (b *Exercise) HintHTML(stage int) template.HTML {
	if stage < 1 || stage > len(b.Hints) {
		return ""
	}
	return b.md.block(b.Hints[stage-1])
}

// SayHTML is what a check says when it does not hold, without a paragraph around it. index counts from 0.
func (b *Exercise) SayHTML(index int) template.HTML {
	if index < 0 || index >= len(b.Checks) {
		return ""
	}
	first, rest := b.md.phrase(b.Checks[index].Say)
	return first + rest
}

// SolutionHTML is the solution, with buttons that run it.
func (b *Exercise) SolutionHTML() template.HTML {
	var w strings.Builder
	for _, s := range b.Solutions {
		if s.File != "" {
			w.WriteString(string(fileHTML("run file solution", s)))
		} else {
			w.WriteString(string(runHTML("run solution", s.Terminal, s.Text, s.Interrupt)))
		}
	}
	return template.HTML(w.String())
}

// QuestionHTML is the question, rendered.
func (q *Quiz) QuestionHTML() template.HTML { return q.md.block(q.Question) }

// ChoicesHTML are the choices, rendered, without paragraphs around them.
func (q *Quiz) ChoicesHTML() []template.HTML { return choicesHTML(q.md, q.Choices) }

// ExplainHTML is the explanation, rendered; empty when there is none.
func (q *Quiz) ExplainHTML() template.HTML { return q.md.block(q.Explain) }

// HTML implements [Block]. What is right is not in it.
func (q *Quiz) HTML() template.HTML {
	kind, several := "radio", ""
	if q.Several() {
		kind, several = "checkbox", " data-several"
	}
	var w strings.Builder
	fmt.Fprintf(&w, `<section class="quiz" id="quiz-%s" data-quiz="%s"%s>`, q.ID, q.ID, several)
	question(&w, q.md, q.Question)
	writeChoices(&w, kind, q.ChoicesHTML())
	w.WriteString(`<button type="submit" class="answer">Answer</button></fieldset></form>` + verdict + "</section>\n")
	return template.HTML(w.String())
}

// QuestionHTML is the question, rendered.
func (q *Predict) QuestionHTML() template.HTML { return q.md.block(q.Question) }

// ChoicesHTML are the choices, rendered, without paragraphs around them.
func (q *Predict) ChoicesHTML() []template.HTML { return choicesHTML(q.md, q.Choices) }

// BecauseHTML is the explanation, rendered.
func (q *Predict) BecauseHTML() template.HTML { return q.md.block(q.Because) }

// HTML implements [Block].
func (q *Predict) HTML() template.HTML {
	var w strings.Builder
	fmt.Fprintf(&w, `<section class="predict" id="predict-%s" data-predict="%s">`, q.ID, q.ID)
	question(&w, q.md, q.Question)
	if q.Number {
		w.WriteString(`<label class="number"><span class="choice-text">A number:</span> <input type="number" name="value" step="any" required></label>`)
	} else {
		writeChoices(&w, "radio", q.ChoicesHTML())
	}
	w.WriteString(`<button type="submit" class="answer">Predict</button></fieldset></form>` + verdict + "</section>\n")
	return template.HTML(w.String())
}

func question(w *strings.Builder, md *markdown, text string) {
	first, rest := md.phrase(text)
	fmt.Fprintf(w, `<form class="question"><fieldset><legend class="question-text prose">%s</legend>`, first)
	if rest != "" {
		fmt.Fprintf(w, `<div class="question-more prose">%s</div>`, rest)
	}
}

func writeChoices(w *strings.Builder, kind string, choices []template.HTML) {
	for i, c := range choices {
		fmt.Fprintf(w, `<label class="choice" data-choice="%d"><input type="%s" name="choice" value="%d"><span class="choice-text">%s</span></label>`, i, kind, i, c)
	}
}

func choicesHTML(md *markdown, choices []Choice) []template.HTML {
	out := make([]template.HTML, len(choices))
	for i, c := range choices {
		first, rest := md.phrase(c.Text)
		out[i] = first + rest
	}
	return out
}

// noteKinds are the kinds of notes and the words above them.
var noteKinds = map[string]string{
	"surprise": "What just happened", "why": "Why", "danger": "Danger", "docker": "In Docker",
}

// Label is the word above the note: "Why".
func (b *Note) Label() string { return noteKinds[b.Kind] }

// BodyHTML is the note's text, rendered.
func (b *Note) BodyHTML() template.HTML { return b.md.block(b.Text) }

// HTML implements [Block].
func (b *Note) HTML() template.HTML {
	return template.HTML(fmt.Sprintf(`<aside class="note note-%s"><p class="note-label">%s</p><div class="note-body prose">%s</div></aside>`+"\n", b.Kind, b.Label(), b.BodyHTML()))
}

// BodyHTML says why the part is not shown: the author's words, or else what the part needs.
func (b *Skipped) BodyHTML() template.HTML {
	what := "part"
	if b.Step {
		what = "step"
	}
	needs := b.md.block("This " + what + " needs " + b.Needs + ".")
	if b.Because == "" {
		return needs
	}
	if b.Step {
		return needs + b.md.block(b.Because)
	}
	return b.md.block(b.Because)
}

// HTML implements [Block].
func (b *Skipped) HTML() template.HTML {
	return `<aside class="skipped"><p class="skipped-label">Not on this machine</p><div class="skipped-body prose">` + b.BodyHTML() + "</div></aside>\n"
}

// section is a step's HTML.
func (s Step) section() template.HTML {
	var b strings.Builder
	switch s.ID {
	case "":
		b.WriteString(`<section class="step step-opening">`)
	default:
		class := "step"
		if s.Skipped {
			class = "step step-skipped"
		}
		id := template.HTMLEscapeString(s.ID)
		fmt.Fprintf(&b, `<section class="%s" id="%s" data-step="%s" aria-labelledby="%s-title">`, class, id, id, id)
		fmt.Fprintf(&b, `<h2 class="step-title" id="%s-title">%s <a class="step-anchor" href="#%s" aria-label="Link to this step">#</a></h2>`+"\n", id, s.Heading, id)
	}
	for _, block := range s.Blocks {
		b.WriteString(string(block.HTML()))
	}
	b.WriteString("</section>\n")
	return template.HTML(b.String())
}

// Contents is the table of what is on the page: how long it takes, and its steps.
func (p *Page) Contents() template.HTML {
	var b strings.Builder
	b.WriteString(`<section class="contents">`)
	if p.Minutes > 0 {
		fmt.Fprintf(&b, `<p class="minutes">About %d min</p>`, p.Minutes)
	}
	b.WriteString(`<ol class="steps">`)
	for _, s := range p.Steps {
		fmt.Fprintf(&b, `<li><a href="#%s">%s</a></li>`, template.HTMLEscapeString(s.ID), s.Heading)
	}
	b.WriteString("</ol></section>\n")
	return template.HTML(b.String())
}

// ReadingList is what to read on; empty when the lesson names nothing.
func (p *Page) ReadingList() template.HTML {
	if len(p.Reading) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString(`<section class="reading"><h2>Read on</h2><ul>`)
	for _, r := range p.Reading {
		b.WriteString("<li>" + string(anchor(target{url: r.URL, outside: true}, "")) + template.HTMLEscapeString(r.Title) + "</a></li>")
	}
	b.WriteString("</ul></section>\n")
	return template.HTML(b.String())
}
