package check

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"

	"glassbox/sandbox/kernel"
)

// search is an any(LIST, PREDICATE) of an expression. Its evidence is the element that it has found; or the one that comes nearest, with
// what it lacks. That is seldom asked for, so nothing is compiled before.
type search struct {
	list    ast.Node
	terms   []ast.Node // of the predicate; all of them must hold
	negated bool
}

func newSearch(b *ast.BuiltinNode) (s search, ok bool) {
	if b.Name != "any" || len(b.Arguments) != 2 {
		return s, false
	}
	p, ok := b.Arguments[1].(*ast.PredicateNode)
	if !ok {
		return s, false
	}
	return search{list: b.Arguments[0], terms: termsOf(p.Node)}, true
}

// termsOf are the parts that "and" joins.
func termsOf(n ast.Node) []ast.Node {
	if x, ok := n.(*ast.BinaryNode); ok && (x.Operator == "&&" || x.Operator == "and") {
		return append(termsOf(x.Left), termsOf(x.Right)...)
	}
	return []ast.Node{n}
}

// mostTerms is of how many terms an element tells.
const mostTerms = 3

// evidence is what the search rests on; holds says that it came out as it should. Where it cannot be told there is none.
func (s search) evidence(in env, holds bool) []Evidence {
	found := holds != s.negated
	switch {
	case found && s.negated: // there is something that should not be
		return s.of(in, len(s.terms), s.terms[0])
	case found:
		var all []Evidence
		for _, term := range s.terms[:min(len(s.terms), mostTerms)] {
			for _, e := range s.of(in, len(s.terms), term) {
				if _, within := searchOf(term); !within {
					e.Want = "" // it is what was read
				}
				all = append(all, e)
			}
		}
		return all
	case s.negated: // there is nothing, as it should be
		return s.none(in, s.terms)
	}
	// The element that comes nearest satisfies the most terms from the first on.
	for n, term := range slices.Backward(s.terms) {
		if n == 0 {
			break
		}
		if e := s.of(in, n, term); len(e) > 0 {
			return e
		}
	}
	return s.none(in, s.terms[:1])
}

// none tells that no element satisfies the terms.
func (s search) none(in env, terms []ast.Node) []Evidence {
	list, ok := s.compute(in, s.list.String())
	all := reflect.ValueOf(list)
	if !ok || all.Kind() != reflect.Slice {
		return nil
	}
	element := all.Type().Elem()
	if element.Kind() == reflect.Interface && all.Len() > 0 { // a list that was filtered
		element = reflect.TypeOf(all.Index(0).Interface())
	}
	words := make([]string, 0, len(terms))
	for _, t := range terms {
		word, ok := describe(in, element, t)
		if !ok {
			return nil // as an expression it says nothing to who has not written it
		}
		words = append(words, word)
	}
	want := "one " + strings.Join(words, ", ")
	if s.negated {
		want = "none " + strings.Join(words, ", ")
	}
	file := s.place(in)
	if file == places["processes"] {
		read := terms[0]
		if inner, ok := searchOf(read); ok {
			read = inner.list
		} else if c := comparisonOf(read); c.left != nil {
			read = c.left
		}
		file += "/" + tagOf(&process{}, fieldsIn(read)...)
	}
	return []Evidence{{File: strings.TrimSuffix(file, "/"), Want: want, Got: fmt.Sprintf("none of %d", all.Len())}}
}

// place names the file that the list is read from.
func (s search) place(in env) string {
	f, err := newFact(comparison{left: s.list}, s.list)
	if err != nil {
		return placeOf(s.list)
	}
	return f.file(in)
}

// describe says in words what a term asks of an element of that type: with its own net, with Name sleep. A line of a kernel's file is called by its
// name. It is not ok where that takes more than words.
func describe(in env, element reflect.Type, term ast.Node) (words string, ok bool) {
	if inner, is := searchOf(term); is && !inner.negated {
		return describe(in, elementOf(element, fieldsIn(inner.list)), inner.terms[0])
	}
	c := comparisonOf(term)
	fields := fieldsIn(c.left)
	switch c.left.(type) {
	case *ast.MemberNode:
	case *ast.PointerNode: // the element itself, which is a text or a number
	default:
		return "", false
	}
	name := lastOf(fields)
	if _, line := tagIn(element, fields...); line != "" {
		name = line
	}
	switch {
	case c.right != nil:
		program, err := part(c.right)
		if err != nil {
			return "", false
		}
		value, err := run(program, in)
		what, some := strings.CutPrefix(phrase(c.operator, c.negated, sayField(lastOf(fields), value)), "something ")
		switch {
		case name != "":
			what = "with " + name + " " + what
		case !some:
			what = "with " + what
		}
		return what, err == nil
	case c.negated || name == "":
		return "", false
	case name == "own" && len(fields) > 1:
		return "with its own " + fields[len(fields)-2], true
	}
	return "with " + name, true
}

// elementOf is the type of the elements of a list that is a field of a type; nil where that is no list.
func elementOf(t reflect.Type, fields []string) reflect.Type {
	for _, name := range fields {
		f, ok := fieldOf(t, name)
		if !ok {
			return nil
		}
		t = f.Type
	}
	if t == nil || t.Kind() != reflect.Slice {
		return nil
	}
	return t.Elem()
}

// searchOf takes a term that is a search itself: any(…) or not any(…).
func searchOf(term ast.Node) (s search, ok bool) {
	negated := false
	if x, is := term.(*ast.UnaryNode); is && (x.Operator == "!" || x.Operator == "not") {
		term, negated = x.Node, true
	}
	b, ok := term.(*ast.BuiltinNode)
	if !ok {
		return s, false
	}
	s, ok = newSearch(b)
	s.negated = negated
	return s, ok
}

// within is what a search that is a term of this one rests on, in the first of those.
func (s search) within(in env, those string, term ast.Node) (all []Evidence) {
	inner, ok := searchOf(term)
	if !ok || !strings.HasPrefix(inner.list.String(), ".") {
		return nil
	}
	element, ok := s.first(in, those)
	if !ok {
		return nil
	}
	holds, _ := s.first(in, fmt.Sprintf("map(%s, (%s))", those, term))
	tree, err := parser.Parse(fmt.Sprintf("(%s)[0]%s", those, inner.list))
	if err != nil {
		return nil
	}
	fields := fieldsIn(inner.list)
	inner.list = tree.Node
	for _, e := range inner.evidence(in, holds == true) {
		if place := placeIn(element, fields...); place != "" {
			e.File = place
		}
		all = append(all, e)
	}
	return all
}

// of is what one term finds in the first element that satisfies the first n terms.
func (s search) of(in env, n int, term ast.Node) []Evidence {
	those := fmt.Sprintf("filter(%s, (%s))[:1]", s.list, text(s.terms[:n]))
	element, ok := s.first(in, those)
	if !ok {
		return nil
	}
	if all := s.within(in, those, term); len(all) > 0 {
		return all
	}
	c := comparisonOf(term)
	e := Evidence{}
	if c.left != nil {
		got, ok := s.first(in, fmt.Sprintf("map(%s, (%s))", those, c.left))
		if !ok {
			return nil
		}
		name := lastOf(fieldsIn(c.left))
		e.Got = sayField(name, got)
		negated := c.negated != s.negated
		switch {
		case c.right != nil:
			if want, ok := s.first(in, fmt.Sprintf("map(%s, (%s))", those, c.right)); ok {
				e.Want = phrase(c.operator, negated, sayField(name, want))
				if c.operator == "has" {
					e.Got = sayList(got, want)
				}
			}
		default:
			e.Want = sayField(name, !negated)
		}
	} else if got, ok := s.first(in, fmt.Sprintf("map(%s, (%s))", those, term)); ok {
		e.Got = say(got)
		if is, ok := got.(bool); ok {
			e.Want = say(!is) // a search within the search: as an expression it says nothing to who has not written it
		}
	}
	fields := fieldsIn(c.left)
	if c.left == nil {
		fields = fieldsIn(term)
	}
	if call, of := calledIn(c.left); call != nil { // cgroup(.cgroup).memory_max is not read from the element
		if object, ok := s.first(in, fmt.Sprintf("map(%s, (%s))", those, call)); ok {
			e.File = placeIn(object, of...)
		}
	}
	switch element.(type) {
	case *kernel.Mount, *kernel.Interface: // by itself it does not know whose it is
		e.File = s.place(in)
	}
	if e.File == "" {
		e.File = placeIn(element, fields...)
	}
	if e.File == "" {
		e.File = s.place(in)
	}
	return []Evidence{e}
}

// calledIn is the call of which a part asks for fields, and those, the outer first: cgroup(.cgroup) and memory_max. It is nil where there is none.
func calledIn(n ast.Node) (call ast.Node, fields []string) {
	for {
		switch x := n.(type) {
		case *ast.BuiltinNode: // len(x.y) and the like are about x.y
			if len(x.Arguments) == 0 {
				return nil, nil
			}
			n = x.Arguments[0]
		case *ast.MemberNode:
			if s, ok := x.Property.(*ast.StringNode); ok {
				fields = append(fields, s.Value)
			}
			n = x.Node
		case *ast.CallNode:
			slices.Reverse(fields)
			return x, fields
		default:
			return nil, nil
		}
	}
}

// first computes a list and takes its first element; it is not ok where there is none.
func (s search) first(in env, text string) (any, bool) {
	out, ok := s.compute(in, text)
	list, is := out.([]any)
	if !ok || !is || len(list) == 0 {
		return nil, false
	}
	return list[0], true
}

// compute computes an expression that was made from parts of one that is known to be good.
func (s search) compute(in env, text string) (any, bool) {
	program, err := partOf(text)
	if err != nil {
		return nil, false
	}
	out, err := run(program, in)
	return out, err == nil
}

// text writes terms as the author did.
func text(terms []ast.Node) string {
	words := make([]string, 0, len(terms))
	for _, t := range terms {
		if len(terms) > 1 {
			words = append(words, "("+t.String()+")")
			continue
		}
		words = append(words, t.String())
	}
	return strings.Join(words, " && ")
}

// fieldsIn are the fields, the outer first, of the first thing that a part asks of a loop's element: ns, net and own of .ns.net.own.
func fieldsIn(n ast.Node) []string {
	if n == nil {
		return nil
	}
	var chain *ast.MemberNode
	ast.Walk(&n, visitor(func(n ast.Node) { // what is inside comes first
		if m, ok := n.(*ast.MemberNode); ok && (chain == nil || m.Node == ast.Node(chain)) {
			chain = m
		}
	}))
	var fields []string
	for chain != nil {
		if s, ok := chain.Property.(*ast.StringNode); ok {
			fields = append(fields, s.Value)
		}
		chain, _ = chain.Node.(*ast.MemberNode)
	}
	slices.Reverse(fields)
	return fields
}
