package check

import (
	"fmt"
	"reflect"
	"strings"

	"glassbox/sandbox/kernel"
	"glassbox/sandbox/store"
)

// referenceTypes are the types that expressions can meet, in the order of the reference.
func referenceTypes() []reflect.Type {
	return []reflect.Type{
		reflect.TypeFor[env](),
		reflect.TypeFor[process](),
		reflect.TypeFor[kernel.Namespaces](), reflect.TypeFor[kernel.Namespace](), reflect.TypeFor[kernel.Capabilities](), reflect.TypeFor[kernel.IDMap](),
		reflect.TypeFor[kernel.Cgroup](), reflect.TypeFor[kernel.MemoryEvents](), reflect.TypeFor[kernel.CPUMax](),
		reflect.TypeFor[kernel.CPUStat](), reflect.TypeFor[kernel.Pressure](), reflect.TypeFor[kernel.Stall](),
		reflect.TypeFor[kernel.Mount](), reflect.TypeFor[kernel.Interface](),
		reflect.TypeFor[kernel.File](), reflect.TypeFor[kernel.FileCapabilities](), reflect.TypeFor[kernel.LogLine](), reflect.TypeFor[kernel.Event](),
		reflect.TypeFor[image](), reflect.TypeFor[store.History](), reflect.TypeFor[store.Layer](),
		reflect.TypeFor[container](), reflect.TypeFor[store.ContainerMount](), reflect.TypeFor[store.Change](),
	}
}

// field is a name that expressions can use.
type field struct {
	name string
	kind string
	unit string
	file string
	doc  string
	of   reflect.Type // that declares it
	goes string       // Go's name
}

// fieldsOf lists the fields of a type, those of embedded types included.
func fieldsOf(t reflect.Type) []field {
	var fields []field
	for f := range t.Fields() {
		if f.Anonymous {
			inner := f.Type
			if inner.Kind() == reflect.Pointer {
				inner = inner.Elem()
			}
			fields = append(fields, fieldsOf(inner)...)
			continue
		}
		name := f.Tag.Get("expr")
		if name == "" || name == "-" {
			continue
		}
		fields = append(fields, field{
			name: name, kind: kindOf(f.Type), unit: f.Tag.Get("unit"), file: f.Tag.Get("file"), doc: f.Tag.Get("doc"), of: t, goes: f.Name,
		})
	}
	return fields
}

// kindOf says what a type is in the words of the reference.
func kindOf(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return kindOf(t.Elem())
	case reflect.Slice:
		return "list of " + kindOf(t.Elem())
	case reflect.Map:
		return "map"
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "yes/no"
	case reflect.Int, reflect.Uint64, reflect.Float64:
		return "number"
	case reflect.Func:
		return "function"
	case reflect.Struct:
		if t.PkgPath() == "time" {
			return "time"
		}
		return heading(t)
	}
	return t.Kind().String()
}

func heading(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[process]():
		return "Process"
	case reflect.TypeFor[image]():
		return "Image"
	case reflect.TypeFor[container]():
		return "Container"
	}
	return t.Name()
}

// Reference is the list of all that expressions can use, in markdown, for docs/authoring.md. docs gives the comment of a Go field, by
// the type's and the field's name.
func Reference(docs func(typeName, fieldName string) string) string {
	var b strings.Builder
	for _, t := range referenceTypes() {
		if t == reflect.TypeFor[env]() {
			b.WriteString("### Names\n\n")
		} else {
			fmt.Fprintf(&b, "### %s\n\n", heading(t))
		}
		b.WriteString("| name | is | meaning |\n|---|---|---|\n")
		for _, f := range fieldsOf(t) {
			doc := f.doc
			if doc == "" {
				doc = docs(f.of.Name(), f.goes)
			}
			if f.unit != "" {
				doc += " Unit: " + f.unit + "."
			}
			if f.file != "" {
				doc += " Read from `" + f.file + "`."
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", f.name, f.kind, strings.ReplaceAll(strings.TrimSpace(doc), "|", "\\|"))
		}
		b.WriteString("\n")
	}
	return b.String()
}
