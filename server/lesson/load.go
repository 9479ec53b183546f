package lesson

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/yuin/goldmark/ast"
)

// CourseFile is the name of the file that describes a course.
const CourseFile = "course.yaml"

// Loader reads courses. The zero value reads them without knowing what there is outside of them.
type Loader struct {
	// Compile compiles an expression that gives true or false (that: of a check, after: of a prediction), and tells what
	// is wrong with it. Nil takes every expression.
	Compile func(expr string) error
	// CompileValue compiles an expression that gives a number (answer: of a prediction). Nil takes every expression.
	CompileValue func(expr string) error
	// Panels are the names of the panels that there are. Nil takes every name.
	Panels []string
	// Layers are the names of the layers that a sandbox can have beyond the tools. Nil takes every name.
	Layers []string
}

// Load reads a course without knowing what there is outside of it: [Loader.Load] of the zero Loader.
func Load(fsys fs.FS) (*Course, error) { return Loader{}.Load(fsys) }

// Load reads the course in fsys. The error is [Problems] when the files could be read and something in them is wrong;
// then the course is there as well, with those lessons that have no problem.
func (ld Loader) Load(fsys fs.FS) (*Course, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, fmt.Errorf("read the course: %w", err)
	}
	c := &Course{fsys: fsys, loader: ld, pictures: newGallery(fsys)}
	c.md = newMarkdown(places{pictures: c.pictures})
	order, problems := c.readCourse()
	numbers := map[string]int{}
	names := map[string]string{}
	for _, e := range entries {
		name := e.Name()
		m := lessonFile.FindStringSubmatch(name)
		if m == nil {
			if strings.HasSuffix(name, ".md") && !strings.EqualFold(name, "README.md") && !e.IsDir() {
				c.problems = append(c.problems, Problem{
					File: name, Line: 1, Severity: Warning, Text: "this file is no lesson",
					Fix: "name it with a number and lower-case words, such as 03-namespaces.md",
				})
			}
			continue
		}
		number, _ := strconv.Atoi(m[1])
		if other, ok := names[m[2]]; ok {
			problems = append(problems, Problem{File: name, Line: 1, Text: "the lesson " + m[2] + " is there twice: " + other, Fix: "rename one of the files"})
			continue
		}
		names[m[2]], numbers[m[2]] = name, number
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("read the course: %w", err)
		}
		l, found := ld.lesson(name, m[2], data, c.pictures)
		problems = append(problems, found...)
		if len(found) == 0 {
			c.Lessons = append(c.Lessons, l)
		}
	}
	c.sort(order, numbers)
	c.divide(numbers)
	if len(names) == 0 && len(problems) == 0 {
		problems = append(problems, Problem{File: CourseFile, Line: 1, Text: "the course has no lesson", Fix: "make one with: glassbox new lesson NAME"})
	}
	problems = append(problems, unknownLessons(order, names)...)
	if len(problems) > 0 {
		return c, Problems(problems).sorted()
	}
	return c, nil
}

// placed is a lesson's name in the order of a course.
type placed struct {
	slug string
	line int
}

// readCourse reads the course's file.
func (c *Course) readCourse() (order []placed, problems Problems) {
	r := &report{file: CourseFile}
	data, err := fs.ReadFile(c.fsys, CourseFile)
	if errors.Is(err, fs.ErrNotExist) {
		r.add(1, 0, "there is no "+CourseFile, "write one with a line such as title: Containers")
		return nil, r.problems
	}
	if err != nil {
		r.add(1, 0, err.Error(), "")
		return nil, r.problems
	}
	readYAML(r, strings.ReplaceAll(string(data), "\r\n", "\n"), 1, "the course", fields{
		"title":       func(v value) { c.Title = v.text() },
		"description": func(v value) { c.Description = v.text() },
		"parts": func(v value) {
			for _, item := range v.list() {
				c.Parts = append(c.Parts, readPart(item))
			}
		},
		"order": func(v value) {
			for _, item := range v.list() {
				line, _ := item.at()
				name := item.text()
				if m := lessonFile.FindStringSubmatch(name); m != nil {
					name = m[2]
				}
				order = append(order, placed{name, line})
			}
		},
	})
	for i := 1; i < len(c.Parts); i++ {
		if p := c.Parts[i]; p.from <= c.Parts[i-1].from {
			r.add(p.line, 0, fmt.Sprintf("the part %s begins at %d, which is not after the part before it", p.Title, p.from), "write the parts in the order of their lessons")
		}
	}
	if c.Title == "" && len(r.problems) == 0 {
		r.add(1, 0, "the course has no title", "write a line such as title: Containers")
	}
	return order, r.problems
}

// sort puts the lessons in the course's order: those that it names, then the others by the number of their file.
func (c *Course) sort(order []placed, numbers map[string]int) {
	place := func(l *Lesson) int {
		if i := slices.IndexFunc(order, func(p placed) bool { return p.slug == l.Slug }); i >= 0 {
			return i
		}
		return len(order) + numbers[l.Slug]
	}
	slices.SortStableFunc(c.Lessons, func(a, b *Lesson) int { return place(a) - place(b) })
	for i, l := range c.Lessons {
		l.Number = i + 1
	}
}

func readPart(v value) Part {
	v.name = "a part"
	p := Part{from: -1}
	p.line, _ = v.at()
	before := len(v.doc.report.problems)
	v.mapping(fields{
		"title":   func(v value) { p.Title = v.text() },
		"summary": func(v value) { p.Summary = v.text() },
		"from":    func(v value) { p.from = v.number() },
	})
	if len(v.doc.report.problems) == before && (p.Title == "" || p.from < 0) {
		v.wrong("a part needs title and from", "write from: and the number of its first lesson's file")
	}
	return p
}

// divide gives each part its lessons: those whose file has a number from the part's own up to the next part's. A part
// that has none yet is left out.
func (c *Course) divide(numbers map[string]int) {
	parts := append([]Part{{}}, c.Parts...)
	for _, l := range c.Lessons {
		at := 0
		for i, p := range parts {
			if i > 0 && numbers[l.Slug] >= p.from {
				at = i
			}
		}
		parts[at].Lessons = append(parts[at].Lessons, l)
	}
	c.Parts = slices.DeleteFunc(parts, func(p Part) bool { return len(p.Lessons) == 0 })
}

func unknownLessons(order []placed, names map[string]string) Problems {
	r := &report{file: CourseFile}
	known := make([]string, 0, len(names))
	for slug := range names {
		known = append(known, slug)
	}
	seen := map[string]bool{}
	for _, p := range order {
		switch _, ok := names[p.slug]; {
		case !ok:
			r.add(p.line, 0, "there is no lesson "+p.slug, didYouMean(p.slug, known))
		case seen[p.slug]:
			r.add(p.line, 0, "the lesson "+p.slug+" is in the order twice", "remove one of the lines")
		}
		seen[p.slug] = true
	}
	return r.problems
}

// lesson reads one file.
func (ld Loader) lesson(file, slug string, data []byte, pictures *gallery) (*Lesson, Problems) {
	r := &report{file: file}
	l := &Lesson{File: file, Slug: slug, md: newMarkdown(places{lesson: slug, pictures: pictures}), lines: map[string]int{}}
	src, front, ok := readSource(r, data)
	if !ok {
		return nil, r.problems
	}
	l.source = src
	l.readFront(r, front)
	drawn := l.draw(First)
	placeholders(r, strings.Join(src.lines, "\n"), drawn)

	// The whole text, with every variant at once: what is wrong in one is found whatever the machine.
	b := &builder{page: l.frame(drawn), md: l.md, report: r, check: true, first: l.Terminals[0], src: []byte(fill(src.text(nil), drawn))}
	b.build()
	l.variants = findVariants(r, b.doc, b.src, b.lines)
	l.headings = b.headings
	if len(l.Values) > 0 {
		l.headings = l.rawHeadings()
	}
	ld.compile(r, b.page)
	return l, r.problems.sorted()
}

// rawHeadings are the headings with their placeholders.
func (l *Lesson) rawHeadings() []heading {
	b := &builder{page: l.frame(nil), md: l.md, report: &report{}, src: []byte(l.source.text(nil))}
	b.doc, b.lines = b.md.parse(b.src), index(b.src)
	b.step = &b.page.Opening
	for n := b.doc.FirstChild(); n != nil; n = n.NextSibling() {
		if h, ok := n.(*ast.Heading); ok {
			b.heading(h, b.lines.of(h))
		}
	}
	return b.headings
}

// compile compiles every expression of a page.
func (ld Loader) compile(r *report, p *Page) {
	try := func(compile func(string) error, text string, line, column int) {
		if compile == nil || strings.TrimSpace(text) == "" {
			return
		}
		err := compile(text)
		if err == nil {
			return
		}
		what, l, c := exprProblem(err)
		// All lines of a text that has several are indented alike.
		r.add(line+l-1, column+c-1, "this condition cannot be read: "+what, "see the reference of expressions in docs/authoring.md")
	}
	for _, e := range p.Exercises() {
		for _, c := range e.Checks {
			try(ld.Compile, c.That, c.Line, c.Column)
		}
	}
	for _, q := range p.Predictions() {
		try(ld.Compile, q.After.Text, q.After.Line, q.After.Column)
		try(ld.CompileValue, q.Answer.Text, q.Answer.Line, q.Answer.Column)
	}
}

// readFront reads the front matter, which begins in the second line.
func (l *Lesson) readFront(r *report, front string) {
	at := func(name string, read func(value)) func(value) {
		return func(v value) {
			l.lines[name], _ = v.at()
			read(v)
		}
	}
	before := len(r.problems)
	readYAML(r, front, 2, "the front matter", fields{
		"title":   at("title", func(v value) { l.Title = v.text() }),
		"summary": at("summary", func(v value) { l.Summary = v.text() }),
		"minutes": at("minutes", func(v value) { l.Minutes = v.number() }),
		"panels":  at("panels", func(v value) { l.Panels = v.texts() }),
		"terminals": at("terminals", func(v value) {
			for _, item := range v.list() {
				name := item.text()
				switch {
				case !terminalPattern.MatchString(name):
					item.wrong(fmt.Sprintf("%q cannot be the name of a terminal", name), "use at most 20 lower-case letters, digits and -")
				case name == "interrupt":
					item.wrong("a terminal cannot be called interrupt", "the word has a meaning in run blocks")
				case slices.Contains(l.Terminals, name):
					item.wrong("the terminal "+name+" is there twice", "keep one of them")
				default:
					l.Terminals = append(l.Terminals, name)
				}
			}
		}),
		"needs":  at("needs", func(v value) { l.Needs = readNeeds(v) }),
		"values": at("values", func(v value) { l.Values = readValues(v) }),
		"reading": at("reading", func(v value) {
			for _, item := range v.list() {
				l.Reading = append(l.Reading, readReading(item))
			}
		}),
	})
	if l.Title == "" && len(r.problems) == before {
		r.add(1, 0, "the lesson has no title", "write a line such as title: Control groups")
	}
	if len(l.Terminals) == 0 {
		l.Terminals = []string{Terminal}
	}
}

func readReading(v value) Reading {
	v.name = "an item of reading"
	var out Reading
	before := len(v.doc.report.problems)
	v.mapping(fields{
		"title": func(v value) { out.Title = v.text() },
		"url": func(v value) {
			out.URL = v.text()
			if u, err := url.Parse(out.URL); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
				v.wrong(fmt.Sprintf("%q is no web address", out.URL), "it begins with https://")
			}
		},
	})
	if len(v.doc.report.problems) == before && (out.Title == "" || out.URL == "") {
		v.wrong("an item of reading needs title and url", "")
	}
	return out
}

func readNeeds(v value) Needs {
	var n Needs
	v.mapping(fields{
		"memory": func(v value) { n.Memory = readSize(v) },
		"disk":   func(v value) { n.Disk = readSize(v) },
		"pids": func(v value) {
			if n.Pids = v.number(); n.Pids < 1 || n.Pids > 1<<16 {
				v.wrong("pids must be between 1 and 65536", "")
			}
		},
		"layers": func(v value) { n.Layers = v.texts() },
	})
	return n
}

var units = map[string]int64{"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}

// readSize reads "256MiB" as bytes.
func readSize(v value) int64 {
	text := strings.TrimSpace(v.text())
	digits := strings.TrimRight(text, "KMGiBbkm ")
	unit := strings.TrimSpace(text[len(digits):])
	factor, ok := units[unit]
	n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
	if !ok || err != nil || n < 1 || n > (1<<50)/factor {
		v.wrong(fmt.Sprintf("%q is no size", text), "write for example 256MiB; the units are KiB, MiB and GiB")
		return 0
	}
	return n * factor
}
