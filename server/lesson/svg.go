package lesson

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"html/template"
	"io"
	"regexp"
	"strings"
)

// An SVG in an img element does not know the page's theme, which a reader may have forced. So pictures are put into
// the page itself, where their styles see the page's variables (--host, --sandbox …). What could run, load or link is
// taken out, and styles are confined to the picture.

const svgSpace = "http://www.w3.org/2000/svg"

// svgElements are those that draw, describe or style. There is no script, foreignObject, image, a, set or animate: the
// last two can set a link's target later.
var svgElements = setOf(`svg g defs symbol use switch title desc style path rect circle ellipse line polyline polygon
	text tspan textPath marker linearGradient radialGradient stop pattern clipPath mask filter feBlend feColorMatrix
	feComponentTransfer feComposite feDropShadow feFlood feFuncA feFuncB feFuncG feFuncR feGaussianBlur feMerge feMergeNode
	feMorphology feOffset feTile`)

// setOf is the set of the words of s.
func setOf(s string) map[string]bool {
	set := map[string]bool{}
	for word := range strings.FieldsSeq(s) {
		set[word] = true
	}
	return set
}

// inlineSVG makes a picture that is safe in a page. removed says what was taken out.
func inlineSVG(name string, data []byte) (svg template.HTML, removed Problems, err error) {
	ids := map[string]bool{}
	if err := eachSVG(data, func(_ *xml.Decoder, t xml.Token) {
		if s, ok := t.(xml.StartElement); ok {
			for _, a := range s.Attr {
				if a.Name.Space == "" && a.Name.Local == "id" {
					ids[a.Value] = true
				}
			}
		}
	}); err != nil {
		return "", nil, err
	}
	w := &svgWriter{report: report{file: name}, class: pictureClass(name), ids: ids}
	if err := eachSVG(data, w.token); err != nil {
		return "", nil, err
	}
	if !strings.HasPrefix(w.out.String(), "<svg") {
		return "", nil, errors.New("this is not an SVG picture")
	}
	return template.HTML(w.out.String()), w.report.problems, nil
}

func eachSVG(data []byte, each func(*xml.Decoder, xml.Token)) error {
	d := xml.NewDecoder(bytes.NewReader(data))
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("this is not an SVG picture: %w", err)
		}
		each(d, t)
	}
}

type svgWriter struct {
	report report
	class  string          // of the element around the picture
	ids    map[string]bool // of the picture, which get the class as a prefix
	out    strings.Builder
	skip   int  // how deep we are in something that is left out
	style  bool // we are in a style element
	depth  int
}

func (w *svgWriter) token(d *xml.Decoder, t xml.Token) {
	line, _ := d.InputPos()
	switch t := t.(type) {
	case xml.StartElement:
		w.depth++
		// Drawing programs leave elements of their own name spaces. They draw nothing.
		foreign := t.Name.Space != "" && t.Name.Space != svgSpace
		if w.skip > 0 || foreign || !svgElements[t.Name.Local] || (w.depth == 1) != (t.Name.Local == "svg" && w.out.Len() == 0) {
			if w.skip == 0 && !foreign {
				w.report.warn(line, "the element "+t.Name.Local+" is taken out of the picture", "draw it with plain shapes and texts")
			}
			w.skip++
			return
		}
		w.style = t.Name.Local == "style"
		w.out.WriteString("<" + t.Name.Local)
		for _, a := range t.Attr {
			w.attribute(line, t.Name.Local, a)
		}
		w.out.WriteString(">")
	case xml.EndElement:
		w.depth--
		if w.skip > 0 {
			w.skip--
			return
		}
		w.style = false
		w.out.WriteString("</" + t.Name.Local + ">")
	case xml.CharData:
		if w.skip > 0 || w.depth == 0 {
			return
		}
		s := string(t)
		if w.style {
			css, ok := confineCSS(s, "."+w.class, w.rename)
			if !ok {
				w.report.warn(line, "the picture's style sheet is taken out", "use plain rules: no @import, no fonts, nothing from elsewhere, no backslashes")
			}
			s = css
		}
		w.out.WriteString(template.HTMLEscapeString(s))
	}
}

var (
	attributeName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]*$`)
	localURL      = regexp.MustCompile(`url\(\s*['"]?#([^'")\s]+)['"]?\s*\)`)
)

func (w *svgWriter) attribute(line int, element string, a xml.Attr) {
	name, value := a.Name.Local, a.Value
	link := name == "href"
	switch {
	case name == "xmlns" || a.Name.Space == "xmlns":
		if element == "svg" && a.Name.Space == "" && value == svgSpace && w.depth == 1 {
			w.out.WriteString(` xmlns="` + svgSpace + `"`)
		}
		return
	case a.Name.Space != "" && !link && a.Name.Space != "xml", !attributeName.MatchString(name):
		return // of a drawing program
	case w.depth == 1 && (name == "role" || name == "aria-label" || name == "aria-labelledby" || name == "aria-describedby" || name == "aria-hidden"):
		return // the lesson's alternative text says what the picture shows
	case strings.HasPrefix(strings.ToLower(name), "on"), link && !strings.HasPrefix(strings.TrimSpace(value), "#"),
		unsafeCSS(value), name == "src":
		w.report.warn(line, "the attribute "+name+" is taken out of the picture", "a picture can neither run nor load anything")
		return
	}
	switch {
	case name == "id":
		value = w.rename(value)
	case link:
		value = "#" + w.rename(strings.TrimSpace(value)[1:])
	case strings.HasPrefix(name, "aria-"):
		words := strings.Fields(value)
		for i := range words {
			words[i] = w.rename(words[i])
		}
		value = strings.Join(words, " ")
	default:
		value = w.localURLs(value)
	}
	w.out.WriteString(" " + name + `="` + template.HTMLEscapeString(value) + `"`)
}

// rename keeps the ids of several pictures in a page apart.
func (w *svgWriter) rename(id string) string {
	if w.ids[id] {
		return w.class + "-" + id
	}
	return id
}

func (w *svgWriter) localURLs(s string) string { return renameURLs(s, w.rename) }

func renameURLs(s string, rename func(string) string) string {
	return localURL.ReplaceAllStringFunc(s, func(m string) string {
		return "url(#" + rename(localURL.FindStringSubmatch(m)[1]) + ")"
	})
}

// unsafeCSS tells whether a style, or an attribute that may hold one, loads or runs something. A backslash could hide
// either.
func unsafeCSS(s string) bool {
	s = strings.ToLower(localURL.ReplaceAllString(s, ""))
	for _, bad := range []string{"url(", "image(", "image-set(", "@import", "@font-face", "@namespace", "@charset", "expression(", "javascript:", "-moz-binding", "behavior:", `\`, "</", "<!"} {
		if strings.Contains(s, bad) {
			return true
		}
	}
	return false
}

var (
	cssComment = regexp.MustCompile(`(?s)/\*.*?\*/`)
	cssID      = regexp.MustCompile(`#[A-Za-z_][A-Za-z0-9_-]*`)
)

// confineCSS puts scope before every selector, so that a picture's rules reach nothing else in the page.
func confineCSS(css, scope string, rename func(string) string) (out string, ok bool) {
	css = cssComment.ReplaceAllString(css, " ")
	if unsafeCSS(css) || strings.Count(css, "{") != strings.Count(css, "}") {
		return "", false
	}
	var b strings.Builder
	if !confineRules(&b, renameURLs(css, rename), scope, rename) {
		return "", false
	}
	return b.String(), true
}

// confineRules writes a list of rules.
func confineRules(b *strings.Builder, css, scope string, rename func(string) string) bool {
	for {
		open := strings.IndexByte(css, '{')
		if open < 0 {
			return strings.TrimSpace(css) == ""
		}
		body, rest, ok := cutBlock(css[open+1:])
		if !ok {
			return false
		}
		head := strings.TrimSpace(css[:open])
		css = rest
		switch {
		case strings.HasPrefix(head, "@media"), strings.HasPrefix(head, "@supports"):
			b.WriteString(head + "{")
			if !confineRules(b, body, scope, rename) {
				return false
			}
			b.WriteString("}")
		case head == "" || strings.ContainsAny(head, "@;}"):
			return false
		default:
			selectors := strings.Split(head, ",")
			for i, s := range selectors {
				selectors[i] = scope + " " + cssID.ReplaceAllStringFunc(strings.TrimSpace(s), func(id string) string { return "#" + rename(id[1:]) })
			}
			if strings.ContainsAny(body, "{}") {
				return false
			}
			b.WriteString(strings.Join(selectors, ",") + "{" + body + "}\n")
		}
	}
}

// cutBlock cuts at the brace that closes the block.
func cutBlock(css string) (body, rest string, ok bool) {
	depth := 1
	for i := range len(css) {
		switch css[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return css[:i], css[i+1:], true
			}
		}
	}
	return "", "", false
}
