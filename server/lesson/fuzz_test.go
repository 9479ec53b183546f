package lesson

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"
)

// Whatever an author saves: nothing panics, every problem names a line that the file has, and every page that comes of
// it is harmless.
func FuzzLesson(f *testing.F) {
	for _, pattern := range []string{"testdata/course/*.md", "template/lesson.md", "../../lessons/*.md"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, name := range files {
			data, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(string(data))
		}
	}
	for _, a := range attacks {
		f.Add("---\ntitle: A\n---\n## S\n\n" + a)
	}
	f.Add("---\nvalues: {a: {from: 1, to: 2}}\n---\n<!-- when: cgroup_version == {{a}} -->\n<!-- end -->")
	f.Fuzz(func(t *testing.T, text string) {
		fsys := fstest.MapFS{"course.yaml": {Data: []byte("title: T\n")}, "01-one.md": {Data: []byte(text)}}
		c, err := Load(fsys)
		var ps Problems
		if err != nil && !errors.As(err, &ps) {
			t.Fatalf("Load: %v", err)
		}
		ps = append(ps, c.Lint()...)
		lines := strings.Count(strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n"), "\n") + 1
		for _, p := range ps {
			if p.File != "01-one.md" || p.Line < 1 || p.Line > lines || p.Column < 0 || p.Text == "" || !utf8.ValidString(p.Text) {
				t.Errorf("problem %+v of a file with %d lines", p, lines)
			}
		}
		for _, l := range c.Lessons {
			for _, facts := range []Facts{{CgroupVersion: 2, Kernel: "6.1"}, {CgroupVersion: 1}} {
				p, err := l.For(facts, Last)
				if err != nil {
					continue
				}
				for _, s := range append(p.Steps, p.Opening) {
					inert(t, s.HTML)
				}
				for _, e := range p.Exercises() {
					p.Setup(e.ID)
				}
			}
		}
	})
}
