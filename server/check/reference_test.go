package check

import (
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the reference into docs/authoring.md")

// The reference for authors is made from the Go types, and so cannot say anything else than they do.
func TestReferenceIsInTheDocs(t *testing.T) {
	const file = "../../docs/authoring.md"
	const begin, end = "<!-- reference:begin -->\n", "<!-- reference:end -->"
	docs, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(docs), begin)
	got, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no %q and %q", file, begin, end)
	}
	comments := fieldComments(t, "../../sandbox/kernel", "../../sandbox/store")
	want := "\n" + Reference(func(typeName, fieldName string) string { return comments[typeName+"."+fieldName] })
	if *update {
		if err := os.WriteFile(file, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s is not up to date; run go test ./server/check -update (-want +got)\n%s", file, diff)
	}
}

func TestReferenceHasAMeaningForEverything(t *testing.T) {
	comments := fieldComments(t, "../../sandbox/kernel", "../../sandbox/store")
	for _, typ := range referenceTypes() {
		for _, f := range fieldsOf(typ) {
			if f.doc == "" && comments[f.of.Name()+"."+f.goes] == "" {
				t.Errorf("%s.%s has no comment", f.of.Name(), f.goes)
			}
		}
	}
}

// fieldComments reads the comments of the fields of all structs of packages, in one line, by "Type.Field".
func fieldComments(t *testing.T, dirs ...string) map[string]string {
	t.Helper()
	var files []string
	for _, dir := range dirs {
		found, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	comments := map[string]string{}
	for _, file := range files {
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			s, ok := spec.Type.(*ast.StructType)
			if !ok {
				return true
			}
			for _, f := range s.Fields.List {
				text := f.Doc.Text()
				if text == "" {
					text = f.Comment.Text()
				}
				for _, name := range f.Names {
					comments[spec.Name.Name+"."+name.Name] = strings.Join(strings.Fields(text), " ")
				}
			}
			return false
		})
	}
	return comments
}
