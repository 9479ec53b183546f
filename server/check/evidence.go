package check

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm"

	"glassbox/sandbox/kernel"
	"glassbox/sandbox/store"
)

// Evidence is one thing that was read, beside what was wanted.
type Evidence struct {
	File string `json:"file"` // where the learner finds it
	Want string `json:"want"`
	Got  string `json:"got"`
}

// fact is one comparison of an expression that stands by itself, outside of any loop: it can be computed alone, and so shown.
type fact struct {
	operator string
	left     *vm.Program
	right    *vm.Program // nil where a yes or no is asked for
	holds    *vm.Program // the comparison itself
	negated  bool
	// The field on the left: the base is what has it (a Cgroup, a File …), and tag names its kernel file.
	base *vm.Program
	tag  string
	then string // the field after that, if there is one
	// Where that field is a function, such as had of an image, its first argument.
	argument *vm.Program
	text     string // where there is no such field: the file, or the left side as it is written
}

// factsOf finds the comparisons and the searches of an expression. It goes through "and", "or" and "not", and stops at anything else.
func factsOf(node ast.Node) (facts []fact, searches []search, err error) {
	var find func(n ast.Node, negated bool) error
	find = func(n ast.Node, negated bool) error {
		switch x := n.(type) {
		case *ast.UnaryNode:
			if x.Operator == "!" || x.Operator == "not" {
				return find(x.Node, !negated)
			}
		case *ast.BuiltinNode:
			if s, ok := newSearch(x); ok {
				s.negated = negated
				searches = append(searches, s)
			}
		case *ast.BinaryNode:
			switch x.Operator {
			case "&&", "and", "||", "or":
				if err := find(x.Left, negated); err != nil {
					return err
				}
				return find(x.Right, negated)
			}
			f, err := newFact(comparisonOf(n), n)
			if err != nil {
				return err
			}
			f.negated = negated
			facts = append(facts, f)
		case *ast.MemberNode, *ast.CallNode:
			f, err := newFact(comparisonOf(n), n)
			if err != nil {
				return err
			}
			f.negated = negated
			facts = append(facts, f)
		}
		return nil
	}
	err = find(node, false)
	return facts, searches, err
}

// comparison is a part of an expression that is true or false: of what it says it, and what it wants.
type comparison struct {
	left     ast.Node // nil where it cannot be told
	operator string
	right    ast.Node // nil where a yes or no is asked for
	negated  bool
}

// comparisonOf takes a comparison apart. What is read stands on the left, also where it was written on the right: "x" in .list.
func comparisonOf(n ast.Node) comparison {
	switch x := n.(type) {
	case *ast.UnaryNode:
		if x.Operator == "!" || x.Operator == "not" {
			c := comparisonOf(x.Node)
			c.negated = !c.negated
			return c
		}
	case *ast.BinaryNode:
		switch x.Operator {
		case "&&", "and", "||", "or":
			return comparison{}
		case "in":
			if _, reads := ast.Find(x.Left, isMember).(*ast.MemberNode); !reads {
				return comparison{left: x.Right, operator: "has", right: x.Left}
			}
		}
		return comparison{left: x.Left, operator: x.Operator, right: x.Right}
	case *ast.CallNode:
		if f, ok := x.Callee.(*ast.IdentifierNode); ok && f.Value == "has_all" && len(x.Arguments) > 1 {
			return comparison{left: x.Arguments[0], operator: "has", right: &ast.ArrayNode{Nodes: x.Arguments[1:]}}
		}
		return comparison{left: n}
	case *ast.MemberNode:
		return comparison{left: n}
	}
	return comparison{}
}

func isMember(n ast.Node) bool {
	_, ok := n.(*ast.MemberNode)
	return ok
}

func newFact(c comparison, whole ast.Node) (fact, error) {
	f := fact{operator: c.operator, text: placeOf(c.left)}
	var err error
	if f.left, err = part(c.left); err != nil {
		return f, err
	}
	if c.right != nil {
		if f.right, err = part(c.right); err != nil {
			return f, err
		}
	}
	if f.holds, err = part(whole); err != nil {
		return f, err
	}
	// The innermost object whose field is asked for: of cgroup("demo").cpu_max.quota_us it is cgroup("demo").
	return f, f.origin(c.left)
}

// part compiles a piece of an expression that compiled as a whole.
func part(n ast.Node) (*vm.Program, error) { return partOf(n.String()) }

func partOf(text string) (*vm.Program, error) {
	return expr.Compile(text, expr.Env(env{}), expr.MaxNodes(maxNodes))
}

// origin walks down a chain of fields to the call or name that it begins with, and notes that, and the first field after it.
func (f *fact) origin(n ast.Node) (err error) {
	switch x := n.(type) {
	case *ast.BuiltinNode: // len(x.y) and the like are about x.y
		if len(x.Arguments) > 0 {
			return f.origin(x.Arguments[0])
		}
	case *ast.BinaryNode:
		return f.origin(x.Left)
	case *ast.CallNode: // a function that is a field, as in image("app").had("/key")
		if len(x.Arguments) > 0 {
			if f.argument, err = part(x.Arguments[0]); err != nil {
				return err
			}
			n = x.Callee
		}
	}
	then := ""
	for {
		m, ok := n.(*ast.MemberNode)
		if !ok {
			return nil
		}
		s, ok := m.Property.(*ast.StringNode)
		if !ok {
			n = m.Node
			continue
		}
		if _, deeper := m.Node.(*ast.MemberNode); deeper {
			n, then = m.Node, s.Value
			continue
		}
		f.base, err = part(m.Node)
		f.tag, f.then = s.Value, then
		return err
	}
}

// evidence is what the expression rests on: where it has failed, the facts that are not as they should be; where it holds, those that are.
func (e *Expression) evidence(in env, holds bool) []Evidence {
	var all []Evidence
	for _, f := range e.facts {
		is, err := run(f.holds, in)
		if err != nil || (is == !f.negated) != holds {
			continue
		}
		got, err := run(f.left, in)
		if err != nil {
			continue
		}
		ev := Evidence{File: f.file(in), Got: f.say(got)}
		switch {
		case f.right != nil:
			want, err := run(f.right, in)
			if err != nil {
				continue
			}
			ev.Want = phrase(f.operator, f.negated, f.say(want))
			if f.operator == "has" {
				ev.Got = sayList(got, want)
			}
		default:
			ev.Want = f.say(!f.negated)
		}
		if f.missing(in) {
			ev.Got = "nothing"
		}
		if ev.Want == ev.Got {
			ev.Want = "" // said once is enough
		}
		all = append(all, ev)
	}
	for _, s := range e.searches {
		all = append(all, s.evidence(in, holds)...)
	}
	return all
}

// say writes a value of the left side.
func (f fact) say(v any) string { return sayField(lastOf(f.fields()), v) }

// sayField writes a value of a field of that name: the mode of a file as chmod(1) takes it, and whose a namespace is.
func sayField(name string, v any) string {
	switch x := v.(type) {
	case int:
		if name == "mode" {
			return fmt.Sprintf("%04o", x)
		}
	case bool:
		if name == "own" && x {
			return "its own"
		}
		if name == "own" {
			return "not its own"
		}
	}
	return say(v)
}

// lastOf is the last of some fields: the one that a value is of.
func lastOf(fields []string) string {
	if len(fields) == 0 {
		return ""
	}
	return fields[len(fields)-1]
}

// phrase writes what a comparison wants: "at least 5".
func phrase(operator string, negated bool, value string) string {
	if operator == "has" && negated {
		return "without " + value
	}
	text := map[string]string{
		"==": "", "!=": "not ", ">=": "at least ", "<=": "at most ", ">": "more than ", "<": "less than ",
		"contains": "something with ", "startsWith": "something that begins with ", "endsWith": "something that ends with ",
		"matches": "something like ", "in": "one of ", "has": "with ",
	}[operator] + value
	if rest, ok := strings.CutPrefix(text, "some"); ok && negated {
		return "no" + rest
	}
	if negated {
		return "not " + text
	}
	return text
}

// sayList writes a list that was asked for an element. Of a long one it says only whether that is in it: forty other names would hide it.
func sayList(list, element any) string {
	const long = 8
	all, ok := list.([]string)
	one, is := element.(string)
	if !ok || !is || len(all) <= long {
		return say(list)
	}
	return fmt.Sprintf("%d, %s", len(all), phrase("has", !slices.Contains(all, one), one))
}

// file names the kernel file that the left side of a fact was read from.
func (f fact) file(in env) string {
	if f.base == nil {
		return f.text
	}
	base, err := run(f.base, in)
	if err != nil {
		return f.text
	}
	if x, ok := base.(*image); ok {
		return x.where(f.tag, tagOf(x, f.tag), f.subject(in))
	}
	if place := placeIn(base, f.fields()...); place != "" {
		return place
	}
	return f.text
}

// missing says that the base is a file that is not there: what its mode or its owner would be is of no use to anybody.
func (f fact) missing(in env) bool {
	if f.base == nil || f.tag == "exists" {
		return false
	}
	base, _ := run(f.base, in)
	x, ok := base.(*kernel.File)
	return ok && !x.Exists
}

// fields are the fields of the base that the left side asks for, the outer one first.
func (f fact) fields() []string {
	if f.then == "" {
		return []string{f.tag}
	}
	return []string{f.tag, f.then}
}

// subject is what a function on the left side was asked about; empty where there is none.
func (f fact) subject(in env) string {
	if f.argument == nil {
		return ""
	}
	word, _ := run(f.argument, in) // it ran before, as a part of the whole
	text, _ := word.(string)
	return text
}

// placeIn names the kernel file that fields of an object were read from, the outer field first; empty where that is not known.
func placeIn(object any, fields ...string) string {
	switch x := object.(type) {
	case *kernel.Cgroup:
		if read, ok := x.Evidence(tagOf(x, fields...)); ok {
			return read.Path
		}
		return x.Place()
	case *kernel.File:
		if len(fields) > 0 && fields[0] != "exists" {
			return x.Path + ", its " + fields[0]
		}
		return x.Path
	case *kernel.Mount:
		return places["mounts"]
	case *kernel.Interface:
		return places["interfaces"]
	case *store.Layer:
		return x.Evidence(tagOf(x, fields...))
	case *container:
		return x.where(fields...)
	case *process:
		if x.Ended {
			return "pid " + say(x.Pid) + ", which has ended"
		}
		place := "/proc/" + say(x.Pid) + "/"
		if file, line := tagIn(reflect.TypeFor[process](), fields...); file == "status" && line != "" {
			return place + file + ", its " + line // it has sixty lines
		}
		return place + tagOf(x, fields...)
	}
	return ""
}

// places are the files that the names of the environment are read from.
var places = map[string]string{
	"processes":  "/proc/*",
	"shells":     "/proc/*",
	"cgroups":    "/sys/fs/cgroup",
	"mounts":     "/proc/1/mountinfo",
	"interfaces": "/proc/1/net/dev",
	"hostname":   "/proc/sys/kernel/hostname",
	"log":        "/run/kmsg",
	"containers": "/var/lib/containers/storage/overlay-containers/containers.json",
	"history":    "what has ended",
	"events":     "what happened",
}

// placeOf is the file of the first name in a part of an expression, or else the part itself.
func placeOf(n ast.Node) string {
	named := ast.Find(n, func(n ast.Node) bool {
		x, ok := n.(*ast.IdentifierNode)
		return ok && places[x.Value] != ""
	})
	if x, ok := named.(*ast.IdentifierNode); ok {
		return places[x.Value]
	}
	return n.String()
}

// tagOf is the tag that names the kernel file of a field, the outer fields first: cpu.stat of CPUStat, ns/net of Namespaces.Net.
func tagOf(object any, fields ...string) string {
	file, _ := tagIn(reflect.TypeOf(object), fields...)
	return file
}

// tagIn is tagOf for a type, with the name of the line in that file where there is one: status and Name of Comm.
func tagIn(t reflect.Type, fields ...string) (file, line string) {
	for _, name := range fields {
		f, ok := fieldOf(t, name)
		if !ok {
			break
		}
		if found := f.Tag.Get("file"); found != "" {
			file, line, _ = strings.Cut(found, ":")
		}
		t = f.Type
	}
	return file, line
}

// fieldOf finds a field of a struct, or of what points to one, by its name in expressions, in embedded types too.
func fieldOf(t reflect.Type, name string) (reflect.StructField, bool) {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil || t.Kind() != reflect.Struct {
		return reflect.StructField{}, false
	}
	for f := range t.Fields() {
		if f.Tag.Get("expr") == name {
			return f, true
		}
	}
	for f := range t.Fields() {
		if f.Anonymous && f.Type.Kind() == reflect.Pointer {
			return fieldOf(f.Type.Elem(), name)
		}
	}
	return reflect.StructField{}, false
}
