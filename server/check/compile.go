package check

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"

	"glassbox/sandbox/kernel"
)

// Bounds of an expression: authors are trusted, but a slip must not cost a class its server.
const (
	maxNodes = 500       // parts of an expression
	maxSteps = 1_000_000 // elements that it may visit or make, over all its loops
)

// Expression is a compiled one.
type Expression struct {
	Text string

	program  *vm.Program
	want     kernel.Want
	store    storeWant
	facts    []fact // of its comparisons, for evidence
	searches []search
}

// Compile compiles an expression that gives true or false. The error says where it goes wrong, and what may have been meant.
func Compile(text string) (*Expression, error) { return compile(text, expr.AsBool()) }

// CompileValue compiles an expression that gives a number: a measured one, or that of a choice.
func CompileValue(text string) (*Expression, error) { return compile(text, expr.AsFloat64()) }

func compile(text string, kind expr.Option) (*Expression, error) {
	program, err := expr.Compile(text, expr.Env(env{}), expr.MaxNodes(maxNodes), kind)
	if err != nil {
		return nil, words(err)
	}
	tree, err := parser.Parse(text)
	if err != nil {
		return nil, words(err)
	}
	e := &Expression{Text: text, program: program, want: wantOf(tree.Node), store: storeWantOf(tree.Node)}
	if e.facts, e.searches, err = factsOf(tree.Node); err != nil {
		return nil, fmt.Errorf("what %q compares: %w", text, err)
	}
	return e, nil
}

// Want says which parts of the View the expression reads.
func (e *Expression) Want() kernel.Want { return e.want }

// Value computes the expression. It reads the state and nothing else.
func (e *Expression) Value(s State) (any, error) {
	in, err := environment(s, e.store)
	if err != nil {
		return nil, err
	}
	return e.value(in)
}

func (e *Expression) value(in env) (any, error) { return run(e.program, in) }

func run(program *vm.Program, in env) (any, error) {
	machine := vm.VM{MemoryBudget: maxSteps}
	out, err := machine.Run(program, in)
	if err != nil {
		return nil, words(err)
	}
	return out, nil
}

// visitor calls a function for each part of an expression.
type visitor func(ast.Node)

// Visit makes it an ast.Visitor.
func (v visitor) Visit(node *ast.Node) { v(*node) }

// wantOf says which parts of the View an expression reads.
func wantOf(node ast.Node) kernel.Want {
	var want kernel.Want
	visit := func(name string) {
		want |= needs[name]
	}
	ast.Walk(&node, visitor(func(n ast.Node) {
		switch x := n.(type) {
		case *ast.IdentifierNode:
			visit(x.Value)
		case *ast.MemberNode:
			// A process's own mounts, host name and interfaces have the same names as the sandbox's.
			if s, ok := x.Property.(*ast.StringNode); ok {
				switch s.Value {
				case "mounts", "hostname", "interfaces":
					visit(s.Value)
				}
			}
		}
	}))
	return want
}

// unknown finds the name that the compiler did not know in what it says of it.
var unknown = regexp.MustCompile(`unknown name (\w+)|has no field (\w+)`)

// words makes an error of the compiler or the machine one for authors: without the picture of the expression, with a proposal.
func words(err error) error {
	text := err.Error()
	if ferr, ok := errors.AsType[*file.Error](err); ok {
		text = fmt.Sprintf("%s (column %d)", ferr.Message, ferr.Column+1)
	}
	if m := unknown.FindStringSubmatch(text); m != nil {
		if n := Nearest(m[1]+m[2], Names()); n != "" {
			text += "; did you mean " + n + "?"
		}
	}
	return errors.New(strings.TrimSpace(text))
}

// Names are all the names that expressions can use, sorted: of the environment and of the fields of what is in it.
func Names() []string {
	found := map[string]bool{}
	for _, t := range referenceTypes() {
		for _, f := range fieldsOf(t) {
			found[f.name] = true
		}
	}
	all := make([]string, 0, len(found))
	for name := range found {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}
