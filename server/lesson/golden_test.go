package lesson

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares got with a file of testdata/golden, or writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; make it with go test -update", err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got), go test -update takes it over:\n%s", path, d)
	}
}

func loadTestCourse(t *testing.T) *Course {
	t.Helper()
	c, err := Load(os.DirFS("testdata/course"))
	if err != nil {
		t.Fatal(err)
	}
	if ps := c.Lint(); len(ps) > 0 {
		t.Fatalf("the test's course:\n%v", ps)
	}
	return c
}

// machines are the kinds that the test's lesson tells apart.
var machines = []struct {
	name  string
	facts Facts
	draw  Draw
}{
	{"v2", Facts{CgroupVersion: 2, Kernel: "6.1.0-26-cloud-amd64"}, Seeded([]byte("seed"))},
	{"v1-docker", Facts{CgroupVersion: 1, Kernel: "6.18.5", Layers: []string{"docker"}}, Last},
}

func TestPageHTML(t *testing.T) {
	l := loadTestCourse(t).Lesson("every-block")
	for _, m := range machines {
		t.Run(m.name, func(t *testing.T) {
			p, err := l.For(m.facts, m.draw)
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			fmt.Fprintf(&b, "<!-- contents -->\n%s<!-- opening -->\n%s", p.Contents(), p.Opening.HTML)
			for _, s := range p.Steps {
				fmt.Fprintf(&b, "<!-- step %s, line %d, %d words -->\n%s", s.ID, s.Line, s.Words, s.HTML)
			}
			fmt.Fprintf(&b, "<!-- footnotes -->\n%s<!-- reading -->\n%s", p.Footnotes, p.ReadingList())
			for _, e := range p.Exercises() {
				fmt.Fprintf(&b, "<!-- %s: hint, say, solution -->\n%s%s\n%s", e.ID, e.HintHTML(1), e.SayHTML(0), e.SolutionHTML())
			}
			golden(t, m.name+".html", b.String())
			inert(t, p.Opening.HTML)
			for _, s := range p.Steps {
				inert(t, s.HTML)
			}
		})
	}
}

// What must not be in a page before it is asked for.
func TestPageKeepsSecrets(t *testing.T) {
	p, err := loadTestCourse(t).Lesson("every-block").For(machines[0].facts, First)
	if err != nil {
		t.Fatal(err)
	}
	page := string(p.Opening.HTML + p.Footnotes)
	for _, s := range p.Steps {
		page += string(s.HTML)
	}
	for _, secret := range []string{"Hint <em>", "Hint two", "mkdir", "rmdir", "sleep 5", "It is", "explains", "exists(", "Things do", "There is no"} {
		if strings.Contains(page, secret) {
			t.Errorf("the page holds %q", secret)
		}
	}
}

func TestPageModel(t *testing.T) {
	l := loadTestCourse(t).Lesson("every-block")
	p, err := l.For(machines[0].facts, First)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(Needs{Memory: 64 << 20, Disk: 1 << 30, Pids: 32, Layers: []string{"docker"}}, p.Needs); d != "" {
		t.Errorf("needs (-want +got):\n%s", d)
	}
	if d := cmp.Diff(map[string]string{"limit": "64", "name": "acorn", "color": "red"}, p.Drawn); d != "" {
		t.Errorf("drawn (-want +got):\n%s", d)
	}
	e := p.Exercise("first")
	if d := cmp.Diff([]Check{{That: `exists("acorn")`, Say: "There is no `acorn`.", Line: 72, Column: 11}}, e.Checks); d != "" {
		t.Errorf("checks (-want +got):\n%s", d)
	}
	solution := []Script{{Line: 79, Terminal: "two", Text: "mkdir acorn\necho 64M > memory.max\n"}}
	if d := cmp.Diff(solution, e.Solutions); d != "" {
		t.Errorf("solutions (-want +got):\n%s", d)
	}
	wrongs := [][]Script{{{Line: 84, Terminal: "two", Text: "<&'\"\n", File: "other/file"}, {Line: 88, Terminal: "two", Text: "mkdir other\n"}}}
	if d := cmp.Diff(wrongs, e.Wrongs); d != "" {
		t.Errorf("wrong answers (-want +got):\n%s", d)
	}
	if got := p.Exercise("second").When.String(); got != "held 5s" {
		t.Errorf("when = %s, want held 5s", got)
	}
	if d := cmp.Diff(solution, p.Setup("second")); d != "" {
		t.Errorf("setup (-want +got):\n%s", d)
	}
	if got := p.Setup("first"); got != nil {
		t.Errorf("setup of the first exercise = %v, want none", got)
	}
	var steps []string
	for _, s := range p.Steps {
		steps = append(steps, fmt.Sprintf("%s %v", s.ID, s.Skipped))
	}
	want := []string{"prose false", "run false", "exercise-with-acorn false", "questions false", "notes false", "only-on-version-1 true", "both false"}
	if d := cmp.Diff(want, steps); d != "" {
		t.Errorf("steps (-want +got):\n%s", d)
	}
}
