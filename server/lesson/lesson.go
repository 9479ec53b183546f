package lesson

import (
	"html/template"
	"io/fs"
	"slices"
)

// Course is a directory of lessons.
type Course struct {
	Title       string
	Description string    // markdown
	Lessons     []*Lesson // in the order in which they are taught
	Parts       []Part    // the lessons again, in groups; one without a title when the author makes none

	fsys     fs.FS
	loader   Loader
	pictures *gallery
	md       *markdown
	problems Problems // what Load saw that does not keep the course from being taught
}

// Part is a run of a course's lessons that belong together.
type Part struct {
	Title   string    // plain text; empty for lessons that are in none of the author's parts
	Summary string    // plain text, one sentence; may be empty
	Lessons []*Lesson // at least one

	from int // the number of the first file that belongs to it
	line int
}

// Lesson is the lesson that is named by its slug, or nil.
func (c *Course) Lesson(slug string) *Lesson {
	for _, l := range c.Lessons {
		if l.Slug == slug {
			return l
		}
	}
	return nil
}

// DescriptionHTML is the course's description, rendered.
func (c *Course) DescriptionHTML() template.HTML { return c.md.block(c.Description) }

// Lesson is one file of a course as its author wrote it, for every machine and every learner.
type Lesson struct {
	Slug      string // "control-groups", from the file's name
	File      string // "02-control-groups.md"
	Number    int    // its place in the course, from 1
	Title     string // plain text
	Summary   string // plain text, one sentence; may be empty
	Minutes   int    // how long it takes; 0 when the author does not say
	Panels    []string
	Terminals []string // at least one
	Needs     Needs
	Values    []Value
	Reading   []Reading

	source   source
	variants []*variant
	headings []heading
	md       *markdown
	lines    map[string]int // of the front matter's keys
}

// Terminal is the name of the terminal that a lesson has when it names none.
const Terminal = "shell"

// Needs is what a lesson wants of its sandbox. Zero means: as much as the lab gives by itself.
type Needs struct {
	Memory int64    `json:"memory,omitempty"` // bytes
	Disk   int64    `json:"disk,omitempty"`   // bytes
	Pids   int      `json:"pids,omitempty"`   // processes and threads
	Layers []string `json:"layers,omitempty"` // what is installed on top of the tools: "docker"
}

// Reading is something to read on.
type Reading struct {
	Title string `json:"title"`
	URL   string `json:"url"` // https or http
}

// Page is a lesson for one machine and one learner: variants are chosen, values are put in.
type Page struct {
	Slug      string
	Number    int
	Title     string
	Summary   string
	Minutes   int
	Panels    []string
	Terminals []string
	Needs     Needs
	Reading   []Reading
	Drawn     map[string]string // this learner's values, by name

	Opening   Step          // what stands before the first step; it has neither id nor title, and maybe no block
	Steps     []Step        // in order, those that this machine does not show included
	Footnotes template.HTML // empty when there are none

	facts    Facts       // of the machine
	ids      []string    // what can be linked to
	scripts  []fragment  // solutions and wrong answers, whether or not their exercise is there
	comments []reference // that are no variant's
	refers   references
}

// Step is a slide: a second-level heading and everything below it, up to the next one.
type Step struct {
	ID      string // the fragment of its address: "draw-the-line"
	Title   string // plain text
	Heading template.HTML
	Blocks  []Block
	HTML    template.HTML // the whole section
	Line    int           // of its heading in the file
	Words   int           // of prose: paragraphs, lists, tables, notes; no code and no exercises
	Skipped bool          // this machine does not show it; its blocks are [*Skipped] and say why
}

// Blocks are the blocks of the opening and of all steps, from front to back.
func (p *Page) Blocks() []Block {
	out := slices.Clone(p.Opening.Blocks)
	for _, s := range p.Steps {
		out = append(out, s.Blocks...)
	}
	return out
}

// Exercises are the exercises from front to back.
func (p *Page) Exercises() []*Exercise { return blocksOf[*Exercise](p) }

// Quizzes are the quizzes from front to back.
func (p *Page) Quizzes() []*Quiz { return blocksOf[*Quiz](p) }

// Predictions are the predictions from front to back.
func (p *Page) Predictions() []*Predict { return blocksOf[*Predict](p) }

// Runs are the blocks of commands from front to back.
func (p *Page) Runs() []*Run { return blocksOf[*Run](p) }

// Files are the files to write from front to back.
func (p *Page) Files() []*File { return blocksOf[*File](p) }

func blocksOf[B Block](p *Page) []B {
	var out []B
	for _, b := range p.Blocks() {
		if t, ok := b.(B); ok {
			out = append(out, t)
		}
	}
	return out
}

// Exercise is the exercise of that id, or nil.
func (p *Page) Exercise(id string) *Exercise {
	for _, e := range p.Exercises() {
		if e.ID == id {
			return e
		}
	}
	return nil
}

// Quiz is the quiz of that id, or nil.
func (p *Page) Quiz(id string) *Quiz {
	for _, q := range p.Quizzes() {
		if q.ID == id {
			return q
		}
	}
	return nil
}

// Prediction is the prediction of that id, or nil.
func (p *Page) Prediction(id string) *Predict {
	for _, q := range p.Predictions() {
		if q.ID == id {
			return q
		}
	}
	return nil
}

// Setup is what has to be typed in a fresh sandbox before the exercise of that id makes sense: the solutions of the
// exercises that it comes after, and of those that they come after, in the order of the page.
func (p *Page) Setup(id string) []Script {
	before := map[string]bool{}
	var mark func(id string)
	mark = func(id string) {
		e := p.Exercise(id)
		if e == nil {
			return
		}
		for _, a := range e.After {
			if !before[a] {
				before[a] = true
				mark(a)
			}
		}
	}
	mark(id)
	var out []Script
	for _, e := range p.Exercises() {
		if before[e.ID] && e.ID != id {
			out = append(out, e.Solutions...)
		}
	}
	return out
}

// reference is a link, a picture or an element of HTML in the text.
type reference struct {
	line   int
	target string // or the element
	alt    string // of a picture
}

// heading is a heading of the file.
type heading struct {
	line  int
	level int
	id    string
	title string
	html  template.HTML
}
