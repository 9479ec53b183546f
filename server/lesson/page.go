package lesson

import (
	"fmt"
	"html/template"
	"slices"
	"strings"

	"github.com/yuin/goldmark/ast"
	extast "github.com/yuin/goldmark/extension/ast"

	"glassbox/server/check"
)

// For makes the page of one machine and one learner. The same facts and the same draw give the same page.
func (l *Lesson) For(facts Facts, draw Draw) (*Page, error) {
	var dropped []branch
	for _, v := range l.variants {
		shown, err := holds(v.program, facts)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: condition %s: %w", l.File, v.when.first, v.expr, err)
		}
		for _, b := range v.branches() {
			if b.when != shown {
				dropped = append(dropped, b)
			}
		}
	}
	isDropped := func(line int) bool {
		return slices.ContainsFunc(dropped, func(b branch) bool { return b.holds(line) })
	}
	drawn := l.draw(draw)
	p := l.frame(drawn)
	p.facts = facts
	b := &builder{
		page: p, md: l.md, report: &report{file: l.File}, first: l.Terminals[0],
		src: []byte(fill(l.source.text(isDropped), drawn)), dropped: map[int]branch{},
	}
	for _, d := range dropped {
		b.dropped[d.opens.first] = d
	}
	shown := map[string]bool{}
	for _, h := range l.headings {
		h.title = fill(h.title, drawn)
		switch {
		case h.level != 2:
		case isDropped(h.line):
			h.html = template.HTML(fill(string(h.html), drawn)) // values need no escaping
			b.gone = append(b.gone, h)
		default:
			shown[h.title] = true
		}
	}
	b.shown = shown
	b.build()
	return p, nil
}

// frame is the page without what is in the body.
func (l *Lesson) frame(drawn map[string]string) *Page {
	return &Page{
		Slug: l.Slug, Number: l.Number, Title: fill(l.Title, drawn), Summary: fill(l.Summary, drawn), Minutes: l.Minutes,
		Panels: l.Panels, Terminals: l.Terminals, Needs: l.Needs, Reading: l.Reading, Drawn: drawn,
	}
}

// builder makes a page of a text.
type builder struct {
	page    *Page
	md      *markdown
	report  *report
	first   string          // terminal of blocks that name none
	src     []byte          // with values, without what is dropped
	dropped map[int]branch  // by the line of the comment that opens it
	gone    []heading       // steps that are dropped
	shown   map[string]bool // titles of the steps that are not

	check bool // report what is wrong with the fences, too

	lost     map[int]*Skipped // dropped without a word, by the number of steps so far
	doc      ast.Node
	lines    lineIndex
	step     *Step
	prose    strings.Builder // not yet a block
	proseAt  int
	headings []heading
	scripts  []fragment
	titled   bool
}

func (b *builder) build() {
	b.doc = b.md.parse(b.src)
	b.lines = index(b.src)
	b.step = &b.page.Opening
	for n := b.doc.FirstChild(); n != nil; n = n.NextSibling() {
		b.node(n)
	}
	b.flush()
	b.give()
	b.page.scripts = b.scripts
	b.apart()
	for _, h := range b.headings {
		b.page.ids = append(b.page.ids, h.id)
	}
	b.page.Opening.finish()
	for i := range b.page.Steps {
		s := &b.page.Steps[i]
		if lost := b.lost[i+1]; lost != nil && len(s.Blocks) == 0 {
			lost.Step = true
			s.Blocks = []Block{lost}
		}
		s.finish()
	}
}

// apart keeps the ids of steps that are not shown, which the text no longer holds, apart from all others.
func (b *builder) apart() {
	taken := &headingIDs{taken: map[string]bool{}}
	for _, h := range b.headings {
		taken.Put([]byte(h.id))
	}
	for i := range b.page.Steps {
		if s := &b.page.Steps[i]; s.Skipped {
			s.ID = string(taken.Generate([]byte(s.Title), ast.KindHeading))
			b.page.ids = append(b.page.ids, s.ID)
		}
	}
}

// finish renders a step.
func (s *Step) finish() {
	isSkipped := func(b Block) bool { _, ok := b.(*Skipped); return ok }
	s.Skipped = len(s.Blocks) > 0 && !slices.ContainsFunc(s.Blocks, func(b Block) bool { return !isSkipped(b) })
	if len(s.Blocks) > 0 || s.ID != "" {
		s.HTML = s.section()
	}
}

// open begins a step.
func (b *builder) open(s Step) {
	b.flush()
	b.page.Steps = append(b.page.Steps, s)
	b.step = &b.page.Steps[len(b.page.Steps)-1]
}

// add puts a block into the step.
func (b *builder) add(block Block) {
	b.flush()
	b.step.Blocks = append(b.step.Blocks, block)
}

// flush makes a block of the prose so far.
func (b *builder) flush() {
	if b.prose.Len() > 0 {
		b.step.Blocks = append(b.step.Blocks, &Prose{Line: b.proseAt, html: template.HTML(b.prose.String())})
		b.prose.Reset()
	}
}

// node takes one node of the document's uppermost level.
func (b *builder) node(n ast.Node) {
	line := b.lines.of(n)
	switch t := n.(type) {
	case *ast.HTMLBlock:
		if _, _, ok := commentOf(n, b.src); ok {
			if d, ok := b.dropped[line]; ok {
				b.drop(d)
			}
			return
		}
		if t.HTMLBlockType == ast.HTMLBlockType2 {
			text := strings.TrimSpace(htmlOf(t, b.src))
			if strings.HasSuffix(text, "-->") {
				b.page.comments = append(b.page.comments, reference{line: line, target: text})
				return
			}
			b.report.add(line, 0, "text after a comment, or a comment without an end, is not shown", "end the comment with --> and begin the text on the next line")
			return
		}
	case *ast.Heading:
		h := b.heading(t, line)
		switch {
		case t.Level == 1 && !b.titled: // the page has its title from the front matter
			b.titled = true
			return
		case t.Level == 2:
			b.open(Step{ID: h.id, Title: h.title, Heading: h.html, Line: line})
			return
		}
	case *ast.FencedCodeBlock:
		if b.fence(t, line) {
			return
		}
	case *extast.FootnoteList:
		b.nested(n)
		b.page.Footnotes = `<section class="footnotes">` + b.md.render(n, b.src) + "</section>\n"
		b.refer(n)
		return
	}
	b.nested(n)
	b.refer(n)
	b.step.Words += len(strings.Fields(plain(n, b.src)))
	if b.prose.Len() == 0 {
		b.proseAt = line
	}
	b.prose.WriteString(string(b.md.render(n, b.src)))
}

func (b *builder) refer(n ast.Node) {
	b.page.refers.collect(n, b.src, b.lines, 1)
}

func (b *builder) heading(n *ast.Heading, line int) heading {
	h := heading{line: line, level: n.Level, title: plain(n, b.src), html: b.md.inline(n, b.src)}
	if id, ok := n.AttributeString("id"); ok {
		h.id = string(id.([]byte))
	}
	b.headings = append(b.headings, h)
	b.refer(n)
	return h
}

// drop notes what this machine does not show.
func (b *builder) drop(d branch) {
	v := d.variant
	needs := inWords(v.expr)
	if !d.when {
		needs = inWords("not (" + v.expr + ")")
	}
	because := ""
	if d.when {
		because = v.because
	}
	steps := slices.DeleteFunc(slices.Clone(b.gone), func(h heading) bool { return !d.holds(h.line) })
	for _, h := range steps {
		if b.shown[h.title] {
			continue // its other variant is there; nobody misses this one
		}
		skipped := &Skipped{Line: h.line, Because: because, Needs: needs, Step: true, md: b.md}
		b.open(Step{ID: h.id, Title: h.title, Heading: h.html, Line: h.line, Skipped: true, Blocks: []Block{skipped}})
	}
	if len(steps) > 0 {
		return
	}
	skipped := &Skipped{Line: d.opens.first, Because: because, Needs: needs, md: b.md}
	if because != "" {
		b.add(skipped)
		return
	}
	if b.lost == nil {
		b.lost = map[int]*Skipped{}
	}
	b.lost[len(b.page.Steps)] = skipped
}

// fence takes a fenced block. It tells whether it was one of ours.
func (b *builder) fence(n *ast.FencedCodeBlock, line int) bool {
	b.unclosed(n, line)
	info := ""
	if n.Info != nil {
		info = string(n.Info.Segment.Value(b.src))
	}
	words := strings.Fields(info)
	if len(words) == 0 {
		return false
	}
	kind := words[0]
	if !slices.Contains(fenceKinds, kind) {
		if like := check.Nearest(kind, fenceKinds); like != "" && !slices.Contains(languages, kind) {
			b.report.add(line, 0, "there is no block "+kind, "did you mean "+like+"?")
		}
		return false
	}
	f := &fence{report: b.report, md: b.md, line: line, kind: kind, args: words[1:], body: string(n.Lines().Value(b.src)), first: b.first}
	switch kind {
	case "run":
		b.add(f.run())
	case "file":
		b.add(f.file())
	case "solution", "wrong":
		if s, ok := f.fragment(); ok {
			b.scripts = append(b.scripts, s)
		}
	case "note":
		note := f.note()
		b.add(note)
		b.step.Words += len(strings.Fields(note.Text))
		b.text(note.Text, line+1)
	case "exercise":
		e := f.exercise()
		b.add(e)
		b.page.ids = append(b.page.ids, "exercise-"+e.ID)
		b.text(e.Task, line)
		for _, h := range e.Hints {
			b.text(h, line)
		}
	case "quiz":
		q := f.quiz()
		b.add(q)
		b.page.ids = append(b.page.ids, "quiz-"+q.ID)
		b.text(q.Question, line)
		b.text(q.Explain, line)
	case "predict":
		q := f.predict()
		b.add(q)
		b.page.ids = append(b.page.ids, "predict-"+q.ID)
		b.text(q.Question, line)
		b.text(q.Because, line)
	}
	return true
}

// text notes the links and pictures of a text in a block.
func (b *builder) text(s string, line int) {
	b.page.refers.collectFrom(b.md, s, line)
}

// unclosed reports a fence that nobody closed: it swallows the rest of the file, or the next block.
func (b *builder) unclosed(n *ast.FencedCodeBlock, line int) {
	if !b.check {
		return
	}
	fix := "write the line that closes it: three backquotes and nothing else"
	for i := range n.Lines().Len() {
		s := n.Lines().At(i)
		words := strings.Fields(strings.TrimLeft(string(s.Value(b.src)), "`~"))
		if fenced(string(s.Value(b.src))) && len(words) > 0 && slices.Contains(fenceKinds, words[0]) {
			b.report.add(line, 0, fmt.Sprintf("the block that begins here is not closed before the next one, in line %d", b.lines.at(s.Start)), fix)
			return
		}
	}
	end := line + n.Lines().Len() // lines before the closing one; lines count from 1
	text := strings.Split(string(b.src), "\n")
	if end >= len(text) || !fenced(strings.TrimLeft(text[end], " \t>")) {
		b.report.add(line, 0, "the block that begins here is not closed", fix)
	}
}

func fenced(line string) bool {
	return strings.HasPrefix(line, "```") || strings.HasPrefix(line, "~~~")
}

// nested reports blocks that lose their meaning because they are inside a list or a quotation.
func (b *builder) nested(n ast.Node) {
	if !b.check {
		return
	}
	_ = ast.Walk(n, func(c ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering || c == n {
			return ast.WalkContinue, nil
		}
		if f, ok := c.(*ast.FencedCodeBlock); ok {
			line := b.lines.of(f)
			b.unclosed(f, line)
			if words := strings.Fields(string(f.Language(b.src))); len(words) > 0 && slices.Contains(fenceKinds, words[0]) {
				b.report.add(line, 0, "a "+words[0]+" block inside a list or a quotation is only shown as code", "begin it at the left margin")
			}
		}
		if _, _, ok := commentOf(c, b.src); ok {
			b.report.add(b.lines.of(c), 0, "a when, else or end inside a list or a quotation does nothing", "begin it at the left margin")
		}
		return ast.WalkContinue, nil
	})
}

// give hands solutions and wrong answers to their exercises. A file belongs to the wrong answer of commands that comes
// next: by itself it seldom is one.
func (b *builder) give() {
	files := map[*Exercise][]Script{}
	for _, s := range b.scripts {
		e := b.page.Exercise(s.exercise)
		if e == nil {
			continue
		}
		if s.kind == "solution" {
			e.Solutions = append(e.Solutions, s.script)
			continue
		}
		files[e] = append(files[e], s.script)
		if s.script.File == "" {
			e.Wrongs = append(e.Wrongs, files[e])
			delete(files, e)
		}
	}
	for e, scripts := range files {
		e.Wrongs = append(e.Wrongs, scripts)
	}
}
