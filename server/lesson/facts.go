package lesson

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"
)

// Facts are what a lesson may ask about the machine that it runs on.
type Facts struct {
	CgroupVersion int      // 1 or 2: which version has the controllers
	Kernel        string   // as uname -r says: "6.1.0-26-cloud-amd64"
	Layers        []string // what can be installed on top of the tools: "docker"
}

// condition is what the expression of a when comment sees.
type condition struct {
	CgroupVersion int                        `expr:"cgroup_version"`
	Kernel        string                     `expr:"kernel"`
	Layers        []string                   `expr:"layers"`
	KernelAtLeast func(string) (bool, error) `expr:"kernel_at_least"`
}

func (f Facts) condition() condition {
	return condition{
		CgroupVersion: f.CgroupVersion, Kernel: f.Kernel, Layers: f.Layers,
		KernelAtLeast: func(version string) (bool, error) {
			want, ok := numbers(version)
			if !ok {
				return false, fmt.Errorf("%q is no version of a kernel", version)
			}
			have, _ := numbers(f.Kernel)
			return slices.Compare(have, want) >= 0, nil
		},
	}
}

// numbers are those that a version begins with: 6 and 1 for "6.1-rc3", and whether there are any. Zeros at the end do
// not count, so that 6.1 is 6.1.0.
func numbers(version string) ([]int, bool) {
	var out []int
	for part := range strings.SplitSeq(version, ".") {
		digits := part
		if end := strings.IndexFunc(part, func(r rune) bool { return r < '0' || r > '9' }); end >= 0 {
			digits = part[:end]
		}
		n, err := strconv.Atoi(digits)
		if err != nil {
			break
		}
		out = append(out, n)
		if digits != part {
			break
		}
	}
	found := len(out) > 0
	for len(out) > 0 && out[len(out)-1] == 0 {
		out = out[:len(out)-1]
	}
	return out, found
}

// compileCondition compiles the expression of a when comment.
func compileCondition(text string) (*vm.Program, error) {
	p, err := expr.Compile(text, expr.Env(condition{}), expr.AsBool())
	if err != nil {
		return nil, err
	}
	// A version that is none is seen when the expression runs, if it gets that far.
	for _, f := range sampleFacts([]string{text}) {
		if _, err := expr.Run(p, f.condition()); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// holds tells whether a condition holds on a machine.
func holds(p *vm.Program, f Facts) (bool, error) {
	out, err := expr.Run(p, f.condition())
	if err != nil {
		return false, err
	}
	b, _ := out.(bool)
	return b, nil
}

// exprProblem is what is wrong in an expression, and where: line and column are counted from 1, and are 1 and 1 when err
// does not say.
func exprProblem(err error) (text string, line, column int) {
	var at *file.Error
	if errors.As(err, &at) && at.Line > 0 {
		return at.Message, at.Line, at.Column + 1
	}
	text, _, _ = strings.Cut(err.Error(), "\n")
	return text, 1, 1
}

// conditionHint is what to do about a condition that does not compile.
func conditionHint(text string, err error) string {
	if strings.Contains(err.Error(), "unknown name ") {
		_, name, _ := strings.Cut(err.Error(), "unknown name ")
		name, _, _ = strings.Cut(name, " ")
		return didYouMean(name, []string{"cgroup_version", "kernel", "kernel_at_least", "layers"})
	}
	if strings.Contains(text, "kernel") && strings.ContainsAny(text, "<>") {
		return `compare kernels with kernel_at_least("5.19")`
	}
	return `conditions look like cgroup_version == 2, kernel_at_least("5.19"), "docker" in layers`
}

// mentions are the kernels and layers that conditions ask for.
type mentions struct{ kernels, layers []string }

// Visit implements ast.Visitor.
func (m *mentions) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.CallNode:
		if id, ok := n.Callee.(*ast.IdentifierNode); ok && id.Value == "kernel_at_least" && len(n.Arguments) == 1 {
			if s, ok := n.Arguments[0].(*ast.StringNode); ok {
				m.kernels = append(m.kernels, s.Value)
			}
		}
	case *ast.BinaryNode:
		if s, ok := n.Left.(*ast.StringNode); ok && n.Operator == "in" {
			m.layers = append(m.layers, s.Value)
		}
	}
}

// sampleFacts are machines of every kind that the conditions tell apart: both versions of control groups, a kernel
// before and at each that is named, with and without the layers.
func sampleFacts(conditions []string) []Facts {
	var m mentions
	for _, c := range conditions {
		if tree, err := parser.Parse(c); err == nil {
			ast.Walk(&tree.Node, &m)
		}
	}
	kernels := append(slices.Clone(m.kernels), "0.1", "999")
	slices.SortFunc(kernels, func(a, b string) int {
		x, _ := numbers(a)
		y, _ := numbers(b)
		return cmp.Or(slices.Compare(x, y), cmp.Compare(a, b))
	})
	var out []Facts
	for _, version := range []int{2, 1} {
		for _, kernel := range slices.Compact(kernels) {
			out = append(out, Facts{CgroupVersion: version, Kernel: kernel, Layers: m.layers})
			if len(m.layers) > 0 {
				out = append(out, Facts{CgroupVersion: version, Kernel: kernel})
			}
		}
	}
	return out
}

// inWords says what a condition asks for, as a reader would.
func inWords(condition string) string {
	tree, err := parser.Parse(condition)
	if err != nil {
		return "`" + condition + "`"
	}
	return nodeInWords(tree.Node)
}

func nodeInWords(node ast.Node) string {
	switch n := node.(type) {
	case *ast.BinaryNode:
		id, isName := n.Left.(*ast.IdentifierNode)
		number, isNumber := n.Right.(*ast.IntegerNode)
		layer, isLayer := n.Left.(*ast.StringNode)
		switch {
		case n.Operator == "&&" || n.Operator == "and":
			return nodeInWords(n.Left) + " and " + nodeInWords(n.Right)
		case n.Operator == "||" || n.Operator == "or":
			return nodeInWords(n.Left) + " or " + nodeInWords(n.Right)
		case n.Operator == "==" && isName && isNumber && id.Value == "cgroup_version":
			return "control groups of version " + strconv.Itoa(number.Value)
		case n.Operator == "in" && isLayer:
			return layer.Value
		}
	case *ast.UnaryNode:
		if eq, ok := n.Node.(*ast.BinaryNode); ok && eq.Operator == "==" && eq.Left.String() == "cgroup_version" {
			return map[string]string{"1": "control groups of version 2", "2": "control groups of version 1"}[eq.Right.String()]
		}
		if in, ok := n.Node.(*ast.BinaryNode); ok && in.Operator == "in" && (n.Operator == "not" || n.Operator == "!") {
			return "no " + nodeInWords(in)
		}
		if call, ok := n.Node.(*ast.CallNode); ok && len(call.Arguments) == 1 {
			if s, ok := call.Arguments[0].(*ast.StringNode); ok {
				return "a kernel before Linux " + s.Value
			}
		}
	case *ast.CallNode:
		if len(n.Arguments) == 1 {
			if s, ok := n.Arguments[0].(*ast.StringNode); ok {
				return "Linux " + s.Value + " or newer"
			}
		}
	}
	return "`" + node.String() + "`"
}
