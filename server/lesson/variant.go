package lesson

import (
	"regexp"
	"strings"

	"github.com/expr-lang/expr/vm"
	"github.com/yuin/goldmark/ast"
)

// variant is a part of a lesson that only some machines show:
//
//	<!-- when: EXPR because: WORDS -->  first  <!-- else -->  second  <!-- end -->
type variant struct {
	expr    string
	because string
	program *vm.Program
	when    comment
	els     comment // first is 0 when there is none
	end     comment
}

// comment is where a comment stands: its first and its last line.
type comment struct{ first, last int }

// branch is one of a variant's two sides: the lines between two comments, both excluded.
type branch struct {
	variant  *variant
	opens    comment
	from, to int
	when     bool // the first side, shown when the condition holds
}

func (v *variant) branches() []branch {
	if v.els.first == 0 {
		return []branch{{variant: v, opens: v.when, from: v.when.last, to: v.end.first, when: true}}
	}
	return []branch{
		{variant: v, opens: v.when, from: v.when.last, to: v.els.first, when: true},
		{variant: v, opens: v.els, from: v.els.last, to: v.end.first},
	}
}

// holds tells whether a line is inside.
func (b branch) holds(line int) bool { return b.from < line && line < b.to }

var (
	variantComment = regexp.MustCompile(`^<!--\s*(?:(when)\s*:|(else|end)\b)\s*((?s:.*?))\s*-->$`)
	becauseWord    = regexp.MustCompile(`(?:^|\s)because:\s*`)
)

// commentOf is the word and the rest of a variant's comment; ok is false for anything else.
func commentOf(n ast.Node, src []byte) (word, rest string, ok bool) {
	b, is := n.(*ast.HTMLBlock)
	if !is || b.HTMLBlockType != ast.HTMLBlockType2 {
		return "", "", false
	}
	m := variantComment.FindStringSubmatch(strings.TrimSpace(htmlOf(b, src)))
	if m == nil {
		return "", "", false
	}
	return m[1] + m[2], m[3], true
}

// htmlOf is an HTML block as it is written.
func htmlOf(b *ast.HTMLBlock, src []byte) string {
	s := string(b.Lines().Value(src))
	if b.HasClosure() {
		s += string(b.ClosureLine.Value(src))
	}
	return s
}

// findVariants pairs the comments of a document.
func findVariants(r *report, doc ast.Node, src []byte, lines lineIndex) []*variant {
	var all, open []*variant
	for n := doc.FirstChild(); n != nil; n = n.NextSibling() {
		word, rest, ok := commentOf(n, src)
		if !ok {
			continue
		}
		line := lines.of(n)
		at := comment{line, line + strings.Count(strings.TrimSpace(htmlOf(n.(*ast.HTMLBlock), src)), "\n")}
		switch word {
		case "when":
			v := readWhen(r, rest, line)
			v.when = at
			all, open = append(all, v), append(open, v)
		case "else":
			switch {
			case len(open) == 0:
				r.add(line, 0, "there is no when before this else", "write <!-- when: EXPR --> above, or remove it")
			case open[len(open)-1].els.first != 0:
				r.add(line, 0, "a second else", "remove one of them")
			default:
				open[len(open)-1].els = at
			}
		case "end":
			if len(open) == 0 {
				r.add(line, 0, "there is no when before this end", "write <!-- when: EXPR --> above, or remove it")
				continue
			}
			open[len(open)-1].end = at
			open = open[:len(open)-1]
		}
	}
	for _, v := range open {
		r.add(v.when.first, 0, "this when has no end", "write <!-- end --> on a line of its own, at the left margin, where the part ends")
	}
	return all
}

func readWhen(r *report, rest string, line int) *variant {
	v := &variant{expr: rest}
	if at := becauseWord.FindStringIndex(rest); at != nil {
		v.expr, v.because = rest[:at[0]], strings.TrimSpace(rest[at[1]:])
	}
	v.expr = strings.TrimSpace(v.expr)
	if v.expr == "" {
		r.add(line, 0, "a when without a condition", conditionHint("", errNone{}))
		return v
	}
	p, err := compileCondition(v.expr)
	if err != nil {
		text, _, _ := exprProblem(err)
		r.add(line, 0, "the condition "+v.expr+" cannot be read: "+text, conditionHint(v.expr, err))
		return v
	}
	v.program = p
	return v
}

// errNone is the error of an expression that is not there.
type errNone struct{}

func (errNone) Error() string { return "no expression" }
