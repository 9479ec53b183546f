package lesson

import (
	"bytes"
	"html/template"
	"sort"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// markdown renders the texts of one lesson: it knows where the lesson's links and pictures lead.
type markdown struct {
	whole   goldmark.Markdown // for the lesson's file: with ids of headings and footnotes
	snippet goldmark.Markdown // for the texts in its blocks
	places  places
}

func newMarkdown(p places) *markdown {
	// No Linkify: only what the author marks as a link is one.
	// Cells are aligned by an attribute, which a policy against inline styles lets pass.
	table := extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute))
	extensions := []goldmark.Extender{table, extension.Strikethrough, extension.TaskList}
	own := goldmark.WithRendererOptions(renderer.WithNodeRenderers(util.Prioritized(&nodeRenderer{places: p}, 100)))
	return &markdown{
		places:  p,
		whole:   goldmark.New(goldmark.WithExtensions(append(extensions, extension.Footnote)...), goldmark.WithParserOptions(parser.WithAutoHeadingID()), own),
		snippet: goldmark.New(goldmark.WithExtensions(extensions...), own),
	}
}

// parse reads a whole file.
func (m *markdown) parse(src []byte) ast.Node {
	ctx := parser.NewContext(parser.WithIDs(&headingIDs{taken: map[string]bool{}}))
	return m.whole.Parser().Parse(text.NewReader(src), parser.WithContext(ctx))
}

// render renders one node of a whole file.
func (m *markdown) render(n ast.Node, src []byte) template.HTML {
	var b bytes.Buffer
	if err := m.whole.Renderer().Render(&b, src, n); err != nil {
		return template.HTML(template.HTMLEscapeString(err.Error())) // a bytes.Buffer does not fail
	}
	return template.HTML(b.String())
}

// inline renders what is in a node, without the node itself.
func (m *markdown) inline(parent ast.Node, src []byte) template.HTML {
	var b strings.Builder
	for n := parent.FirstChild(); n != nil; n = n.NextSibling() {
		b.WriteString(string(m.render(n, src)))
	}
	return template.HTML(b.String())
}

// block renders a text of a block.
func (m *markdown) block(s string) template.HTML {
	var b bytes.Buffer
	if err := m.snippet.Convert([]byte(s), &b); err != nil {
		return template.HTML(template.HTMLEscapeString(err.Error()))
	}
	return template.HTML(b.String())
}

// phrase renders a text that must fit into a line: its first paragraph is first, without the paragraph's own element,
// and everything else is rest.
func (m *markdown) phrase(s string) (first, rest template.HTML) {
	src := []byte(s)
	doc := m.snippet.Parser().Parse(text.NewReader(src))
	n := doc.FirstChild()
	if n == nil {
		return "", ""
	}
	if n.Kind() != ast.KindParagraph {
		return template.HTML(template.HTMLEscapeString(plain(n, src))), m.block(s)
	}
	var more strings.Builder
	first = m.inline(n, src)
	for n = n.NextSibling(); n != nil; n = n.NextSibling() {
		more.WriteString(string(m.render(n, src)))
	}
	return first, template.HTML(more.String())
}

// references are what a text refers to, and what of it is HTML.
type references struct {
	links, pictures, html []reference
}

// collect adds what is below n; line is that of the file where src begins.
func (r *references) collect(n ast.Node, src []byte, lines lineIndex, line int) {
	_ = ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		at := line + lines.of(n) - 1
		switch l := n.(type) {
		case *ast.Link:
			r.links = append(r.links, reference{line: at, target: string(l.Destination)})
		case *ast.Image:
			r.pictures = append(r.pictures, reference{line: at, target: string(l.Destination), alt: plain(l, src)})
		case *ast.AutoLink:
			r.links = append(r.links, reference{line: at, target: string(l.URL(src))})
		case *ast.RawHTML:
			if s := string(l.Segments.Value(src)); !strings.HasPrefix(s, "<!--") {
				r.html = append(r.html, reference{line: at, target: s})
			}
		case *ast.HTMLBlock:
			if l.HTMLBlockType != ast.HTMLBlockType2 {
				s, _, _ := strings.Cut(strings.TrimSpace(htmlOf(l, src)), "\n")
				r.html = append(r.html, reference{line: at, target: s})
			}
		}
		return ast.WalkContinue, nil
	})
}

// collectFrom adds what is in a text that stands at a line.
func (r *references) collectFrom(m *markdown, s string, line int) {
	src := []byte(s)
	r.collect(m.snippet.Parser().Parse(text.NewReader(src)), src, index(src), line)
}

// plain is the text below n.
func plain(n ast.Node, src []byte) string {
	var b strings.Builder
	_ = ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch t := n.(type) {
		case *ast.Text:
			b.Write(util.UnescapePunctuations(t.Value(src)))
			if t.SoftLineBreak() || t.HardLineBreak() {
				b.WriteByte(' ')
			}
		case *ast.String:
			b.Write(t.Value)
		case *ast.AutoLink:
			b.Write(t.Label(src))
		case *ast.FencedCodeBlock, *ast.CodeBlock, *ast.HTMLBlock:
			return ast.WalkSkipChildren, nil
		default:
			if n.Type() == ast.TypeBlock && b.Len() > 0 {
				b.WriteByte(' ')
			}
		}
		return ast.WalkContinue, nil
	})
	return strings.TrimSpace(b.String())
}

// headingIDs gives headings the ids that code hosts give them, so that a link to a step works there and here.
type headingIDs struct{ taken map[string]bool }

// Generate implements parser.IDs.
func (h *headingIDs) Generate(value []byte, _ ast.NodeKind) []byte {
	base := slug(string(value))
	if base == "" {
		base = "step"
	}
	id := base
	for i := 1; h.taken[id]; i++ {
		id = base + "-" + itoa(i)
	}
	h.taken[id] = true
	return []byte(id)
}

// Put implements parser.IDs.
func (h *headingIDs) Put(value []byte) { h.taken[string(value)] = true }

// lineIndex holds the offset at which each line begins.
type lineIndex []int

func index(src []byte) lineIndex {
	l := make(lineIndex, 1, 1+bytes.Count(src, []byte("\n")))
	for i, c := range src {
		if c == '\n' {
			l = append(l, i+1)
		}
	}
	return l
}

// at is the line of an offset, from 1.
func (l lineIndex) at(offset int) int {
	return sort.Search(len(l), func(i int) bool { return l[i] > offset })
}

// of is the line where a node begins, or the one where the next node around it does.
func (l lineIndex) of(n ast.Node) int {
	for ; n != nil; n = n.Parent() {
		if f, ok := n.(*ast.FencedCodeBlock); ok && f.Info != nil {
			return l.at(f.Info.Segment.Start)
		}
		if n.Type() != ast.TypeDocument && n.Pos() >= 0 {
			return l.at(n.Pos())
		}
		if n.Type() == ast.TypeBlock && n.Lines() != nil && n.Lines().Len() > 0 {
			return l.at(n.Lines().At(0).Start)
		}
	}
	return 1
}
