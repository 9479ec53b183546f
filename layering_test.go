package glassbox

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "glassbox"

// layers says which of the module's packages a package may import; "x/..." stands for x and all below it. Importing goes
// downwards only: cmd over server over its parts over check over sandbox/kernel, and cmd over sandbox over its parts. So the server
// can be read, and tested, without a kernel that builds boxes.
var layers = map[string][]string{
	"cmd/glassbox":      {"server/...", "sandbox/...", "lessons", "assets"},
	"cmd/glassbox-init": {"sandbox/handshake"},
	"cmd/hello-world":   {},
	"cmd/seccomp-run":   {"sandbox/seccomp"},

	"server":           {"server/...", "sandbox/kernel", "sandbox/store"},
	"server/terminal":  {},
	"server/lesson":    {"server/check", "sandbox/kernel"},
	"server/panel":     {"server/check", "sandbox/kernel"},
	"server/classroom": {"server/check", "server/lesson"},
	"server/store":     {"server/classroom"},
	"server/check":     {"sandbox/kernel", "sandbox/store"},
	// Proves the lessons through the same door as the browser, so it stands above the server.
	"server/proof": {"server", "server/check", "server/lesson", "server/terminal", "sandbox/kernel", "sandbox/store"},

	// A rig puts a lab together from its parts; sandboxtest has one for tests.
	"sandbox/rig":         {"sandbox", "sandbox/...", "assets"},
	"sandbox/sandboxtest": {"sandbox", "sandbox/rig", "sandbox/rootfs", "assets"},
	"sandbox/doctor":      {"sandbox/..."},
	"sandbox": {
		"sandbox/cgroup", "sandbox/handshake", "sandbox/kernel", "sandbox/kmsg", "sandbox/network", "sandbox/rootfs", "sandbox/seccomp",
	},
	"sandbox/cgroup": {},
	// Holds tests only.
	"sandbox/enginetest": {},
	"sandbox/handshake":  {},
	"sandbox/image":      {"sandbox/rootfs"},
	"sandbox/kernel":     {},
	"sandbox/kmsg":       {},
	"sandbox/network":    {},
	"sandbox/rootfs":     {},
	"sandbox/seccomp":    {},
	"sandbox/store":      {"sandbox/kernel"},

	"assets":     {},
	"lessons":    {},
	"vagrant/vm": {},
	// Pages for the front end's tests.
	"web/fixture": {"server/lesson", "assets", "lessons"},
}

// forTests may be imported by tests beside what their package may.
var forTests = []string{"sandbox/sandboxtest", "sandbox/rig", "sandbox", "lessons", "assets"}

// homes says which packages may import what is not the module's, longest prefix first. What is not listed has no home of its own.
// A dependency with one home can be replaced in one place.
var homes = []struct {
	prefix string
	in     []string
	tests  bool // in tests of every package, too
}{
	{"github.com/yuin/goldmark", []string{"server/lesson"}, false},
	{"github.com/gorilla/websocket", []string{"server"}, false},
	{"github.com/creack/pty", []string{"sandbox", "cmd/glassbox-init", "cmd/glassbox"}, true},
	{"github.com/vishvananda/", []string{"sandbox/network"}, false},
	{"github.com/expr-lang/expr", []string{"server/check", "server/lesson"}, false},
	{"github.com/prometheus/procfs", []string{"sandbox/kernel"}, false},
	{"github.com/BurntSushi/toml", []string{"sandbox/store"}, false},
	{"github.com/google/go-containerregistry", []string{"sandbox/image"}, true},
	{"github.com/spf13/", []string{"cmd/..."}, false},
	{"github.com/google/go-cmp", nil, true},
	{"github.com/rogpeppe/go-internal", nil, true},
	{"golang.org/x/net/bpf", []string{"sandbox/seccomp", "sandbox/network"}, false},
	{"database/sql", []string{"server/store"}, false},
	{"os/exec", []string{"sandbox/...", "cmd/glassbox-init", "cmd/seccomp-run", "vagrant/vm"}, true},
	{"testing", []string{"sandbox/sandboxtest"}, true},
}

// TestLayering reads the imports of every Go file of the module.
func TestLayering(t *testing.T) {
	imports := map[string][]string{} // of each file
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); file != "." && (strings.HasPrefix(name, ".") || name == "node_modules" || name == "testdata") {
				return fs.SkipDir
			}
			return nil
		}
		if filepath.Ext(file) != ".go" {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range f.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			imports[filepath.ToSlash(file)] = append(imports[filepath.ToSlash(file)], imported)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(imports) < 10 {
		t.Fatalf("%d Go files; the walk has missed the module", len(imports))
	}
	for file, list := range imports {
		for _, imported := range list {
			if reason := refuse(file, imported); reason != "" {
				t.Errorf("%s imports %q: %s", file, imported, reason)
			}
		}
	}
}

// refuse says why a file may not import a package, or nothing.
func refuse(file, imported string) string {
	dir, test := path.Dir(file), strings.HasSuffix(file, "_test.go")
	own, inside := strings.CutPrefix(imported, module+"/")
	if inside {
		allowed, known := layers[dir]
		switch {
		case own == dir, covered(allowed, own), test && slices.Contains(forTests, own):
			return ""
		case !known && dir != ".":
			return dir + " is in no layer yet; give it one in layering_test.go"
		default:
			return dir + " may import of the module only [" + strings.Join(allowed, " ") + "]; see docs/design.md"
		}
	}
	for _, home := range homes {
		if imported != strings.TrimSuffix(home.prefix, "/") && !strings.HasPrefix(imported, strings.TrimSuffix(home.prefix, "/")+"/") {
			continue
		}
		if covered(home.in, dir) || test && (home.tests || dir == ".") {
			return ""
		}
		return "its home is [" + strings.Join(home.in, " ") + "]; elsewhere it is not to be needed"
	}
	return ""
}

// covered reports whether one of the patterns stands for the package.
func covered(patterns []string, pkg string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		parent, below := strings.CutSuffix(p, "/...")
		return p == pkg || below && (pkg == parent || strings.HasPrefix(pkg, parent+"/"))
	})
}

// TestRefuse tries the rules themselves.
func TestRefuse(t *testing.T) {
	tests := []struct {
		file, imported string
		refused        bool
	}{
		{"server/page.go", "glassbox/sandbox", true},
		{"server/page.go", "glassbox/sandbox/kernel", false},
		{"server/page_test.go", "glassbox/sandbox/sandboxtest", false},
		{"server/terminal/ring.go", "glassbox/sandbox/kernel", true},
		{"server/check/env.go", "glassbox/server/lesson", true},
		{"sandbox/cgroup/group.go", "glassbox/sandbox", true},
		{"sandbox/start.go", "glassbox/server", true},
		{"sandbox/kernel/view_test.go", "glassbox/sandbox/kernel", false},
		{"cmd/glassbox/main.go", "glassbox/server/lesson", false},
		{"cmd/glassbox-init/main.go", "glassbox/sandbox", true},
		{"server/clock/clock.go", "glassbox/server/check", true},
		{"server/lesson/parse.go", "github.com/yuin/goldmark/ast", false},
		{"server/page.go", "github.com/yuin/goldmark", true},
		{"server/terminal/viewer.go", "github.com/gorilla/websocket", true},
		{"server/socket.go", "github.com/gorilla/websocket", false},
		{"server/page.go", "os/exec", true},
		{"sandbox/rootfs/image.go", "os/exec", false},
		{"sandbox/rootfs/image.go", "github.com/google/go-cmp/cmp", true},
		{"server/page.go", "database/sql", true},
		{"server/page.go", "net/http", false},
	}
	for _, tt := range tests {
		if reason := refuse(tt.file, tt.imported); (reason != "") != tt.refused {
			t.Errorf("%s imports %s: refused %q, want refused: %t", tt.file, tt.imported, reason, tt.refused)
		}
	}
}
