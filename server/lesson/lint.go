package lesson

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"glassbox/server/check"
)

const (
	maxWords   = 170 // of prose in a step: about what a screen holds beside the terminals
	maxMinutes = 60
)

// Lint finds what is wrong in a course although it can be loaded. It looks at each lesson as every kind of machine shows
// it. Lessons that Load left out are not looked at.
func (c *Course) Lint() Problems {
	problems := slices.Clone(c.problems)
	pages := map[string][]*Page{}
	for _, l := range c.Lessons {
		r := &report{file: l.File}
		pages[l.Slug] = l.samples(r)
		problems = append(problems, r.problems...)
	}
	anchors := map[string][]string{}
	for slug, ps := range pages {
		for _, p := range ps {
			anchors[slug] = append(anchors[slug], p.ids...)
		}
	}
	for _, l := range c.Lessons {
		t := &linter{report: &report{file: l.File}, course: c, lesson: l, pages: pages[l.Slug], anchors: anchors}
		t.all()
		problems = append(problems, t.report.problems...)
	}
	return problems.sorted()
}

// samples are the pages of all kinds of machines that the lesson's conditions tell apart.
func (l *Lesson) samples(r *report) []*Page {
	var conditions []string
	for _, v := range l.variants {
		conditions = append(conditions, v.expr)
	}
	var out []*Page
	for _, f := range sampleFacts(conditions) {
		p, err := l.For(f, First)
		if err != nil {
			r.add(1, 0, err.Error(), "")
			continue
		}
		out = append(out, p)
	}
	return out
}

// linter looks at one lesson.
type linter struct {
	report  *report
	course  *Course
	lesson  *Lesson
	pages   []*Page
	anchors map[string][]string // what can be linked to, by lesson
}

func (t *linter) all() {
	t.front()
	t.headings()
	t.values()
	for _, p := range t.pages {
		t.ids(p)
		t.steps(p)
		t.exercises(p)
		t.quizzes(p)
		t.terminals(p)
		t.links(p)
		t.html(p)
	}
	t.pictures()
	t.orphans()
}

func (t *linter) front() {
	l, line := t.lesson, t.lesson.lines
	if n, ok := line["minutes"]; ok && (l.Minutes < 1 || l.Minutes > maxMinutes) {
		t.report.add(n, 0, fmt.Sprintf("a lesson of %d minutes", l.Minutes), "write a number from 1 to 60; make several lessons of a long one")
	}
	if l.Summary == "" {
		t.report.warn(1, "the lesson has no summary", "write a line such as summary: One sentence for the course's page.")
	}
	for i, name := range l.Panels {
		switch {
		case slices.Contains(l.Panels[:i], name):
			t.report.add(line["panels"], 0, "the panel "+name+" is named twice", "keep one of them")
		case t.course.loader.Panels != nil && !slices.Contains(t.course.loader.Panels, name):
			t.report.add(line["panels"], 0, "there is no panel "+name, didYouMean(name, t.course.loader.Panels))
		}
	}
	for _, name := range l.Needs.Layers {
		if t.course.loader.Layers != nil && !slices.Contains(t.course.loader.Layers, name) {
			t.report.add(line["needs"], 0, "there is no layer "+name, didYouMean(name, t.course.loader.Layers))
		}
	}
}

// headings looks at the file's headings, whatever the machine.
func (t *linter) headings() {
	first, steps := 0, 0
	for _, h := range t.lesson.headings {
		switch h.level {
		case 1:
			if first > 0 {
				t.report.add(h.line, 0, fmt.Sprintf("a second heading of the first level; the other is in line %d", first), "begin steps with ##")
			}
			first = h.line
		case 2:
			steps++
			if h.title == "" {
				t.report.add(h.line, 0, "the step has no title", "write it after the ##")
			}
		}
	}
	if steps == 0 {
		t.report.add(1, 0, "the lesson has no step", "begin each step with a line such as ## Draw the line")
	}
	// What follows a variant that holds steps would belong to one of them on some machines and to another on others.
	for _, v := range t.lesson.variants {
		for _, b := range v.branches() {
			inside := slices.ContainsFunc(t.lesson.headings, func(h heading) bool { return h.level == 2 && b.holds(h.line) })
			if inside && b.to == v.end.first {
				t.after(v)
			}
		}
	}
}

// after reports text between the end of a variant and the next step.
func (t *linter) after(v *variant) {
	for i := v.end.last; i < len(t.lesson.source.lines); i++ {
		line := strings.TrimSpace(t.lesson.source.lines[i])
		switch {
		case line == "":
			continue
		case !strings.HasPrefix(line, "## ") && !strings.HasPrefix(line, "<!--"):
			t.report.add(i+1, 0, "this belongs to no step on some machines: the steps before it are between when and end", "begin a step with ## here, or move the end below")
		}
		return
	}
}

func (t *linter) values() {
	r := &report{}
	drawn := t.lesson.draw(First)
	used := placeholders(r, strings.Join(t.lesson.source.lines, "\n"), drawn)
	for _, v := range t.lesson.Values {
		if !used[v.Name] {
			t.report.warn(v.Line, "the value "+v.Name+" is not used", "write {{"+v.Name+"}} where it belongs, or remove it")
		}
	}
}

func (t *linter) ids(p *Page) {
	seen := map[string]int{}
	check := func(kind, id string, line int) {
		if first, ok := seen[id]; ok {
			t.report.add(line, 0, fmt.Sprintf("the id %s is there already, in line %d", id, first), "give this "+kind+" another id")
			return
		}
		seen[id] = line
	}
	for _, b := range p.Blocks() {
		switch b := b.(type) {
		case *Exercise:
			check("exercise", b.ID, b.Line)
		case *Quiz:
			check("quiz", b.ID, b.Line)
		case *Predict:
			check("prediction", b.ID, b.Line)
		}
	}
}

func (t *linter) steps(p *Page) {
	for _, s := range p.Steps {
		if len(s.Blocks) == 0 {
			t.report.add(s.Line, 0, "the step "+s.Title+" is empty", "write something below its heading, or remove it")
		}
		if s.Words > maxWords {
			t.report.warn(s.Line, fmt.Sprintf("the step %s has %d words and does not fit a screen", s.Title, s.Words), fmt.Sprintf("make two steps of it, or stay below %d words", maxWords))
		}
	}
}

func (t *linter) exercises(p *Page) {
	var ids []string
	for _, e := range p.Exercises() {
		ids = append(ids, e.ID)
	}
	for i, e := range p.Exercises() {
		if len(e.Solutions) == 0 {
			t.report.add(e.Line, 0, "the exercise "+e.ID+" has no solution"+on(t.lesson, p), "write a block ```solution "+e.ID)
		}
		if len(e.Wrongs) == 0 {
			t.report.add(e.Line, 0, "the exercise "+e.ID+" has no wrong answer"+on(t.lesson, p), "write a block ```wrong "+e.ID+" with a mistake that people make")
		}
		if len(e.Hints) == 0 {
			t.report.warn(e.Line, "the exercise "+e.ID+" has no hint", "write two or three under hints: that point and do not tell")
		}
		for _, a := range e.After {
			switch at := slices.Index(ids, a); {
			case at < 0:
				t.report.add(e.Line, 0, "the exercise "+e.ID+" comes after "+a+", which is not there"+on(t.lesson, p), didYouMean(a, ids))
			case at >= i:
				t.report.add(e.Line, 0, "the exercise "+e.ID+" comes after "+a+", which is not before it", "exercises build upon earlier ones")
			}
		}
	}
}

// on says on which machines something is so, for a lesson that differs.
func on(l *Lesson, p *Page) string {
	if len(l.variants) == 0 {
		return ""
	}
	return fmt.Sprintf(" on machines with control groups of version %d", p.facts.CgroupVersion)
}

func (t *linter) quizzes(p *Page) {
	for _, q := range p.Quizzes() {
		right := 0
		for _, c := range q.Choices {
			if c.Right {
				right++
			}
		}
		switch {
		case len(q.Choices) < 2:
			t.report.add(q.Line, 0, "the quiz "+q.ID+" has only one choice", "write at least two")
		case right == 0:
			t.report.add(q.Line, 0, "no choice of the quiz "+q.ID+" is right", "write right: true below the one that is")
		case right == len(q.Choices) && right > 1:
			t.report.warn(q.Line, "every choice of the quiz "+q.ID+" is right", "a question teaches by what is wrong")
		}
	}
	for _, q := range p.Predictions() {
		if !q.Number && len(q.Choices) < 2 {
			t.report.add(q.Line, 0, "the prediction "+q.ID+" has only one choice", "write at least two")
		}
	}
}

func (t *linter) terminals(p *Page) {
	check := func(kind, name string, line int) {
		if !slices.Contains(p.Terminals, name) {
			t.report.add(line, 0, "the "+kind+" block is for a terminal "+name+" that the lesson does not have", didYouMean(name, p.Terminals))
		}
	}
	for _, b := range p.Runs() {
		check("run", b.Terminal, b.Line)
	}
	for _, b := range p.Files() {
		check("file", b.Terminal, b.Line)
	}
	for _, s := range p.scripts {
		check(s.kind, s.script.Terminal, s.script.Line)
	}
}

func (t *linter) links(p *Page) {
	pl := t.lesson.md.places
	for _, l := range p.refers.links {
		at := pl.link(l.target)
		switch {
		case at.url == "" && strings.HasPrefix(l.target, "/"):
			t.report.add(l.line, 0, "the link "+l.target+" leads nowhere on a code host", "link to the lesson's file, such as 03-namespaces.md")
		case at.url == "":
			t.report.add(l.line, 0, fmt.Sprintf("the link %q leads nowhere", l.target), "link to another lesson's file (03-namespaces.md), to a step (#draw-the-line), or to an address with https://")
		case at.outside:
		case t.course.Lesson(at.lesson) == nil:
			t.report.add(l.line, 0, "there is no lesson "+at.lesson, didYouMean(at.lesson, slices.Collect(maps.Keys(t.anchors))))
		case t.wrongFile(l.target, at):
			t.report.add(l.line, 0, "the link "+l.target+" is dead on a code host", "the file is called "+t.course.Lesson(at.lesson).File)
		case at.fragment != "" && !slices.Contains(t.anchors[at.lesson], at.fragment):
			known := slices.Clone(t.anchors[at.lesson])
			slices.Sort(known)
			t.report.add(l.line, 0, "there is no step #"+at.fragment+" in "+t.course.Lesson(at.lesson).File, didYouMean(at.fragment, slices.Compact(known)))
		}
	}
}

var commentWord = regexp.MustCompile(`^<!--\s*([A-Za-z]+)(\s*:|\s*-->|\s)`)

// html looks at what an author may have meant as HTML or as a variant's comment.
func (t *linter) html(p *Page) {
	for _, h := range p.refers.html {
		t.report.warn(h.line, h.target+" is shown as it is written", "use markdown: **bold**, *stressed*, [words](link); write `"+h.target+"` to show it")
	}
	for _, c := range p.comments {
		if m := commentWord.FindStringSubmatch(c.target); m != nil {
			like := check.Nearest(m[1], []string{"when", "else", "end"})
			marked := strings.TrimSpace(m[2]) != ""
			switch {
			case like == "when" && (marked || strings.EqualFold(m[1], like)):
				t.report.warn(c.line, "this comment does nothing", "did you mean <!-- when: … -->, with a colon?")
			case like != "" && marked:
				t.report.warn(c.line, "this comment does nothing", "did you mean <!-- "+like+" -->?")
			}
		}
	}
}

// wrongFile tells whether a link names the right lesson by a wrong number.
func (t *linter) wrongFile(destination string, at target) bool {
	file, _, _ := strings.Cut(strings.TrimPrefix(destination, "./"), "#")
	return file != "" && file != t.course.Lesson(at.lesson).File
}

func (t *linter) pictures() {
	pl := t.lesson.md.places
	for _, p := range t.pages {
		for _, i := range p.refers.pictures {
			if strings.TrimSpace(i.alt) == "" {
				t.report.add(i.line, 0, "the picture "+i.target+" has no words for those who do not see it", "say what it shows: ![A tree of two groups](pictures/tree.svg)")
			}
			name := pl.picture(i.target)
			if name == "" {
				t.report.add(i.line, 0, fmt.Sprintf("the picture %q is not of this course", i.target), "put it into pictures/ and write pictures/NAME.svg (or .png, .jpg, .gif, .webp, .avif)")
				continue
			}
			pic := t.course.pictures.get(name)
			switch {
			case pic.missing():
				t.report.add(i.line, 0, "there is no picture "+name, t.likePicture(name))
			case pic.err != nil:
				t.report.add(i.line, 0, "the picture "+name+" cannot be shown: "+pic.err.Error(), "open it in a drawing program and save it again")
			}
			t.report.problems = append(t.report.problems, pic.removed...)
		}
	}
}

// likePicture names the picture that is most like one that is not there.
func (t *linter) likePicture(name string) string {
	var known []string
	for _, dir := range []string{".", "pictures"} {
		known = append(known, t.course.pictures.list(dir)...)
	}
	if len(known) == 0 {
		return "put it into the course's directory"
	}
	return didYouMean(name, known)
}

// orphans reports solutions and wrong answers of exercises that are on no machine's page.
func (t *linter) orphans() {
	var known []string
	for _, p := range t.pages {
		for _, e := range p.Exercises() {
			known = append(known, e.ID)
		}
	}
	slices.Sort(known)
	known = slices.Compact(known)
	for _, p := range t.pages {
		for _, s := range p.scripts {
			if !slices.Contains(known, s.exercise) {
				t.report.add(s.script.Line, 0, "a "+s.kind+" for an exercise "+s.exercise+" that is not there", didYouMean(s.exercise, known))
			}
		}
	}
}
