package lesson

import (
	"bytes"
	"html/template"
	"strings"
	"unicode/utf8"

	"github.com/yuin/goldmark/ast"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/util"
)

// nodeRenderer renders what goldmark would render otherwise than the package's table of classes says, and everything
// that could carry an author's HTML into the page.
type nodeRenderer struct{ places places }

// RegisterFuncs implements renderer.NodeRenderer.
func (r *nodeRenderer) RegisterFuncs(reg renderer.NodeRendererFuncRegisterer) {
	reg.Register(ast.KindHTMLBlock, r.htmlBlock)
	reg.Register(ast.KindRawHTML, r.rawHTML)
	reg.Register(ast.KindFencedCodeBlock, r.code)
	reg.Register(ast.KindCodeBlock, r.code)
	reg.Register(ast.KindCodeSpan, r.codeSpan)
	reg.Register(ast.KindParagraph, r.paragraph)
	reg.Register(ast.KindImage, r.image)
	reg.Register(ast.KindLink, r.link)
	reg.Register(ast.KindAutoLink, r.autoLink)
	reg.Register(extast.KindTable, r.table)
}

// oneWord is the length, in characters, up to which code in a text is kept on one line. A browser breaks a line after each hyphen, and
// what stands there of --privileged is then another word.
const oneWord = 24

// codeSpan writes code in a text.
func (r *nodeRenderer) codeSpan(w util.BufWriter, src []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		_, _ = w.WriteString("</code>")
		return ast.WalkContinue, nil
	}
	var text []byte
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		text = append(text, bytes.ReplaceAll(c.(*ast.Text).Segment.Value(src), []byte("\n"), []byte(" "))...)
	}
	tag := "<code>"
	if utf8.RuneCount(text) <= oneWord && bytes.Contains(text, []byte("-")) {
		tag = `<code class="one-word">`
	}
	_, _ = w.WriteString(tag)
	_, _ = w.Write(util.EscapeHTML(text))
	return ast.WalkSkipChildren, nil
}

// htmlBlock shows an author's HTML as text; comments are left out.
func (r *nodeRenderer) htmlBlock(w util.BufWriter, src []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	b := n.(*ast.HTMLBlock)
	if entering && b.HTMLBlockType != ast.HTMLBlockType2 {
		_, _ = w.WriteString("<p>" + template.HTMLEscapeString(strings.TrimSpace(htmlOf(b, src))) + "</p>\n")
	}
	return ast.WalkSkipChildren, nil
}

func (r *nodeRenderer) rawHTML(w util.BufWriter, src []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	if s := string(n.(*ast.RawHTML).Segments.Value(src)); entering && !strings.HasPrefix(s, "<!--") {
		_, _ = w.WriteString(template.HTMLEscapeString(s))
	}
	return ast.WalkSkipChildren, nil
}

func (r *nodeRenderer) code(w util.BufWriter, src []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	if entering {
		language := ""
		if f, ok := n.(*ast.FencedCodeBlock); ok {
			language = string(f.Language(src))
		}
		_, _ = w.WriteString(string(codeHTML(language, string(n.Lines().Value(src)))))
	}
	return ast.WalkSkipChildren, nil
}

// alone tells whether a picture is all that is in its paragraph, and so a figure.
func alone(n ast.Node) bool {
	p := n.Parent()
	return p != nil && p.Kind() == ast.KindParagraph && p.ChildCount() == 1
}

func (r *nodeRenderer) paragraph(w util.BufWriter, _ []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	if c := n.FirstChild(); c != nil && c.Kind() == ast.KindImage && alone(c) {
		return ast.WalkContinue, nil
	}
	if entering {
		_, _ = w.WriteString("<p>")
	} else {
		_, _ = w.WriteString("</p>\n")
	}
	return ast.WalkContinue, nil
}

func (r *nodeRenderer) image(w util.BufWriter, src []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		return ast.WalkSkipChildren, nil
	}
	i := n.(*ast.Image)
	alt, title := plain(i, src), string(util.UnescapePunctuations(i.Title))
	name := r.places.picture(string(i.Destination))
	element := "span"
	if alone(n) {
		element = "figure"
	}
	_, _ = w.WriteString("<" + element + ` class="picture` + r.places.pictures.class(name) + `">`)
	_, _ = w.WriteString(string(r.places.pictures.html(r.places, name, alt)))
	if title != "" && element == "figure" {
		_, _ = w.WriteString("<figcaption>" + template.HTMLEscapeString(title) + "</figcaption>")
	}
	_, _ = w.WriteString("</" + element + ">")
	if element == "figure" {
		_ = w.WriteByte('\n')
	}
	return ast.WalkSkipChildren, nil
}

func (r *nodeRenderer) link(w util.BufWriter, src []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	l := n.(*ast.Link)
	t := r.places.link(string(l.Destination))
	switch {
	case !entering && t.url == "":
		_, _ = w.WriteString("</span>")
	case !entering:
		_, _ = w.WriteString("</a>")
	default:
		_, _ = w.WriteString(string(anchor(t, string(util.UnescapePunctuations(l.Title)))))
	}
	return ast.WalkContinue, nil
}

func (r *nodeRenderer) autoLink(w util.BufWriter, src []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		return ast.WalkContinue, nil
	}
	l := n.(*ast.AutoLink)
	destination := string(l.URL(src))
	if l.AutoLinkType == ast.AutoLinkEmail && !strings.HasPrefix(strings.ToLower(destination), "mailto:") {
		destination = "mailto:" + destination
	}
	t := r.places.link(destination)
	end := "</a>"
	if t.url == "" {
		end = "</span>"
	}
	_, _ = w.WriteString(string(anchor(t, "")) + template.HTMLEscapeString(string(l.Label(src))) + end)
	return ast.WalkContinue, nil
}

// anchor opens a link, or a span where the link must not be followed.
func anchor(t target, title string) template.HTML {
	if t.url == "" {
		return `<span class="dead-link">`
	}
	var b strings.Builder
	b.WriteString("<a")
	if t.outside {
		b.WriteString(` class="outside" target="_blank" rel="noopener noreferrer"`)
	}
	b.WriteString(` href="` + template.HTMLEscapeString(t.url) + `"`)
	if title != "" {
		b.WriteString(` title="` + template.HTMLEscapeString(title) + `"`)
	}
	b.WriteString(">")
	return template.HTML(b.String())
}

func (r *nodeRenderer) table(w util.BufWriter, _ []byte, _ ast.Node, entering bool) (ast.WalkStatus, error) {
	if entering {
		_, _ = w.WriteString(`<div class="table" tabindex="0" role="group" aria-label="table"><table>` + "\n")
	} else {
		_, _ = w.WriteString("</table></div>\n")
	}
	return ast.WalkContinue, nil
}
