package lesson

import (
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func TestParts(t *testing.T) {
	text := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	step := "---\ntitle: T\n---\n## S\n\nText.\n"
	tests := []struct {
		name, course string
		want         string // titles of the parts and slugs of their lessons
		problems     []string
	}{
		{name: "none", course: "", want: "[:a b c]"},
		{name: "two", course: "parts:\n  - {title: One, from: 1}\n  - {title: Two, from: 10}\n", want: "[One:a b] [Two:c]"},
		{name: "lessons before the first", course: "parts: [{title: Two, from: 10}]\n", want: "[:a b] [Two:c]"},
		{name: "a part without lessons yet", course: "parts: [{title: One, from: 1}, {title: Later, from: 20}]\n", want: "[One:a b c]"},
		{name: "the other way round", course: "parts:\n  - {title: Two, from: 10}\n  - {title: One, from: 1}\n", problems: []string{
			"course.yaml:4: the part One begins at 1, which is not after the part before it; write the parts in the order of their lessons",
		}},
		{name: "without a number", course: "parts: [{title: Two}]\n", problems: []string{
			"course.yaml:2:10: a part needs title and from; write from: and the number of its first lesson's file",
		}},
		{name: "an unknown key", course: "parts: [{title: Two, form: 1}]\n", problems: []string{
			"course.yaml:2:22: unknown key form in a part; did you mean from?",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fsys := fstest.MapFS{"course.yaml": text("title: C\n" + tt.course), "01-a.md": text(step), "09-b.md": text(step), "10-c.md": text(step)}
			if d := cmp.Diff(tt.problems, problemsOf(t, fsys)); d != "" {
				t.Fatalf("problems (-want +got):\n%s", d)
			}
			if tt.problems != nil {
				return
			}
			c, err := Load(fsys)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for i, p := range c.Parts {
				if i > 0 {
					got += " "
				}
				got += "[" + p.Title + ":"
				for j, l := range p.Lessons {
					if j > 0 {
						got += " "
					}
					got += l.Slug
				}
				got += "]"
			}
			if got != tt.want {
				t.Errorf("parts %s, want %s", got, tt.want)
			}
		})
	}
}
