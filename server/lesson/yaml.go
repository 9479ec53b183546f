package lesson

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// A YAML decoder stops at its first problem and knows no position within a struct. An author is served better by all
// problems at once and by the exact line, so the syntax tree is read by hand. What is left of YAML is what authors
// need: maps, lists, texts, numbers and yes or no; no anchors, no tags.

// document is a piece of YAML within a file.
type document struct {
	report *report
	line   int // of the file, where the YAML begins
	text   string
}

// value is a node of a document.
type value struct {
	doc  *document
	node ast.Node
	name string // what the author calls it: "minutes"; for the words of a problem
}

// fields says what may stand in a map, and what to do with it.
type fields map[string]func(value)

// readYAML reads text, which begins at a line of the report's file, as a map that holds only the known fields.
func readYAML(r *report, text string, line int, what string, known fields) {
	doc := &document{report: r, line: line, text: text}
	file, err := parseYAML(text)
	if err != nil {
		doc.syntax(err)
		return
	}
	if len(file.Docs) > 1 {
		r.add(line, 0, what+" holds several YAML documents", "remove the lines of three dashes")
		return
	}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil {
		r.add(line, 0, what+" is empty", "write at least: "+enumerate(slices.Sorted(maps.Keys(known)), "or"))
		return
	}
	value{doc: doc, node: file.Docs[0].Body, name: what}.mapping(known)
}

// parseYAML turns a panic of the parser, which some nonsense causes, into an error.
func parseYAML(text string) (file *ast.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("this is not YAML (%v)", p)
		}
	}()
	return parser.ParseBytes([]byte(text), 0)
}

// syntax reports what the parser says.
func (d *document) syntax(err error) {
	line, column, text := d.line, 0, err.Error()
	if at, ok := errors.AsType[yaml.Error](err); ok {
		text = at.GetMessage()
		if t := at.GetToken(); t != nil && t.Position != nil {
			line, column = d.clamp(t.Position.Line), t.Position.Column
		}
	}
	fix := "compare with a block that works; what belongs together is indented by the same number of blanks"
	switch {
	case strings.Contains(text, "already defined"):
		fix = "keep one of them"
	case strings.Contains(text, "mapping value is not allowed"), strings.Contains(text, "could not find"), strings.Contains(text, "value is not allowed"):
		fix = "a text with a colon, a quote, a bracket or a # in it belongs between double quotes"
	case strings.Contains(text, "tab"):
		fix = "indent with blanks, not with tabs"
	}
	d.report.add(line, column, "the YAML cannot be read: "+text, fix)
}

// clamp is the line in the file of a line in the document, and always one of the document's own.
func (d *document) clamp(line int) int {
	last := d.line + strings.Count(strings.TrimSuffix(d.text, "\n"), "\n")
	return min(max(d.line+line-1, d.line), last)
}

// at is where a node begins: the line in the file, and the column.
func (v value) at() (line, column int) {
	node := v.node
	if m, ok := node.(*ast.MappingNode); ok && len(m.Values) > 0 {
		node = m.Values[0].Key
	}
	if m, ok := node.(*ast.MappingValueNode); ok {
		node = m.Key
	}
	if node == nil || node.GetToken() == nil || node.GetToken().Position == nil {
		return v.doc.line, 0
	}
	p := node.GetToken().Position
	return v.doc.clamp(p.Line), p.Column
}

// row is the text of a line of the file.
func (d *document) row(line int) string {
	rows := strings.Split(d.text, "\n")
	if i := line - d.line; i >= 0 && i < len(rows) {
		return rows[i]
	}
	return ""
}

// starts is where the first character of a text stands, so that the position of an error within it can be added.
func (v value) starts() (line, column int) {
	line, column = v.at()
	switch v.node.(type) {
	case *ast.LiteralNode: // "key: |" is followed by the text on lines of its own
		line = v.doc.clamp(line - v.doc.line + 2)
		row := v.doc.row(line)
		return line, len(row) - len(strings.TrimLeft(row, " ")) + 1
	case *ast.StringNode:
		if t := v.node.GetToken().Type; t == token.DoubleQuoteType || t == token.SingleQuoteType {
			column++
		}
	}
	return line, column
}

// wrong reports that v is not what is wanted.
func (v value) wrong(text, fix string) {
	line, column := v.at()
	v.doc.report.add(line, column, text, fix)
}

// mapping hands each field of a map to the function of its name.
func (v value) mapping(known fields) {
	var pairs []*ast.MappingValueNode
	switch n := v.node.(type) {
	case *ast.MappingNode:
		pairs = n.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{n}
	default:
		v.wrong(v.name+" must be a list of keys and values", "write lines such as: "+slices.Sorted(maps.Keys(known))[0]+": …")
		return
	}
	seen := map[string]bool{}
	for _, pair := range pairs {
		key := value{doc: v.doc, node: pair.Key}
		name := strings.TrimSpace(pair.Key.String())
		if s, ok := pair.Key.(*ast.StringNode); ok {
			name = s.Value
		}
		read, ok := known[name]
		switch {
		case !ok:
			key.wrong(fmt.Sprintf("unknown key %s in %s", name, v.name), didYouMean(name, slices.Collect(maps.Keys(known))))
		case seen[name]:
			key.wrong(fmt.Sprintf("the key %s is there twice", name), "keep one of them")
		default:
			read(value{doc: v.doc, node: pair.Value, name: name})
		}
		seen[name] = true
	}
}

// pairs are the keys and values of a map whose keys the author chooses.
func (v value) pairs() (keys, values []value) {
	var nodes []*ast.MappingValueNode
	switch n := v.node.(type) {
	case *ast.MappingNode:
		nodes = n.Values
	case *ast.MappingValueNode:
		nodes = []*ast.MappingValueNode{n}
	case *ast.NullNode:
		return nil, nil
	default:
		v.wrong(v.name+" must be a list of keys and values", "")
	}
	for _, n := range nodes {
		key := value{doc: v.doc, node: n.Key, name: "the key"}
		keys = append(keys, key)
		values = append(values, value{doc: v.doc, node: n.Value, name: key.text()})
	}
	return keys, values
}

// list are the items of a list.
func (v value) list() []value {
	s, ok := v.node.(*ast.SequenceNode)
	if !ok {
		v.wrong(v.name+" must be a list", "write each item on a line of its own that begins with a dash, or all between [ and ]")
		return nil
	}
	items := make([]value, len(s.Values))
	for i, n := range s.Values {
		items[i] = value{doc: v.doc, node: n, name: "an item of " + v.name}
	}
	return items
}

// texts are the items of a list of texts.
func (v value) texts() []string {
	var out []string
	for _, item := range v.list() {
		out = append(out, item.text())
	}
	return out
}

// text is a text. A number or a yes is taken as it is written.
func (v value) text() string {
	switch n := v.node.(type) {
	case *ast.StringNode:
		return v.filled(n.Value)
	case *ast.LiteralNode:
		return v.filled(n.Value.Value)
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return v.node.GetToken().Value
	case *ast.NullNode:
		return v.filled("")
	}
	v.wrong(v.name+" must be a text", "put it between double quotes")
	return ""
}

func (v value) filled(text string) string {
	if strings.TrimSpace(text) == "" {
		v.wrong(v.name+" is empty", "write something, or remove it")
	}
	return text
}

// number is a whole number.
func (v value) number() int {
	if n, ok := v.node.(*ast.IntegerNode); ok {
		if i, err := strconv.Atoi(strings.ReplaceAll(n.GetToken().Value, "_", "")); err == nil {
			return i
		}
	}
	v.wrong(v.name+" must be a whole number", "")
	return 0
}

// flag is true or false.
func (v value) flag() bool {
	if n, ok := v.node.(*ast.BoolNode); ok {
		return n.Value
	}
	v.wrong(v.name+" must be true or false", "")
	return false
}

// isText tells whether v is a single text.
func (v value) isText() bool {
	switch v.node.(type) {
	case *ast.MappingNode, *ast.MappingValueNode, *ast.SequenceNode:
		return false
	}
	return true
}
