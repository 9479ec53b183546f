package lesson

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/expr-lang/expr"
	"github.com/google/go-cmp/cmp"
)

// course is a course of one lesson, with a line for a title before what front holds.
func course(front, body string) fstest.MapFS {
	return fstest.MapFS{
		"course.yaml": {Data: []byte("title: Test\n")},
		"01-one.md":   {Data: []byte("---\ntitle: One\n" + front + "---\n" + body)},
	}
}

// compile takes what is an expression and names no unknown variable.
func compile(text string) error {
	_, err := expr.Compile(text, expr.Env(map[string]any{"pids": 1, "limit": 2}), expr.AsBool())
	return err
}

func compileValue(text string) error {
	_, err := expr.Compile(text, expr.Env(map[string]any{"pids": 1, "limit": 2}))
	return err
}

// problemsOf are the problems of loading, a line each.
func problemsOf(t *testing.T, fsys fs.FS) []string {
	t.Helper()
	_, err := Loader{Compile: compile, CompileValue: compileValue}.Load(fsys)
	if err == nil {
		return nil
	}
	var ps Problems
	if !errors.As(err, &ps) {
		t.Fatalf("Load: %v is no list of problems", err)
	}
	return strings.Split(ps.Error(), "\n")
}

func TestLoadProblems(t *testing.T) {
	tests := []struct {
		name, front, body string
		want              []string
	}{
		{name: "nothing wrong", body: "Hello.\n\n## Step\n\nText.\n"},
		{
			name: "unknown key in the front matter", front: "minuts: 5\npanles: [memory]\n",
			want: []string{
				"01-one.md:3:1: unknown key minuts in the front matter; did you mean minutes?",
				"01-one.md:4:1: unknown key panles in the front matter; did you mean panels?",
			},
		},
		{
			name: "key that is like no other", front: "colour: red\n",
			want: []string{"01-one.md:3:1: unknown key colour in the front matter; there are minutes, needs, panels, reading, summary, terminals, title and values"},
		},
		{
			name: "key twice", front: "title: Two\n",
			want: []string{`01-one.md:3:1: the YAML cannot be read: mapping key "title" already defined at [1:1]; keep one of them`},
		},
		{
			name: "wrong types in the front matter", front: "minutes: soon\npanels: memory\nsummary: [a]\n",
			want: []string{
				"01-one.md:3:10: minutes must be a whole number",
				"01-one.md:4:9: panels must be a list; write each item on a line of its own that begins with a dash, or all between [ and ]",
				"01-one.md:5:10: summary must be a text; put it between double quotes",
			},
		},
		{
			name: "needs", front: "needs: {memory: 256MB, disk: 1GiB, pids: 0, layer: [docker]}\n",
			want: []string{
				`01-one.md:3:17: "256MB" is no size; write for example 256MiB; the units are KiB, MiB and GiB`,
				"01-one.md:3:42: pids must be between 1 and 65536",
				"01-one.md:3:45: unknown key layer in needs; did you mean layers?",
			},
		},
		{
			name: "values", front: "values:\n  a: {from: 9, to: 1}\n  b: {from: 1}\n  c: {wrod: true}\n  d: {of: [\"x y\"]}\n",
			want: []string{
				"01-one.md:4:3: the value a goes from 9 down to 1; write the smaller number first",
				"01-one.md:5:3: it is not clear what the value b is; write {from: 1, to: 9} for a number, {word: true} for a word, {of: [a, b]} for one of several",
				"01-one.md:6:7: unknown key wrod in c; did you mean word?",
				`01-one.md:7:12: "x y" cannot be a value; use letters, digits, and - . _ only, so that it means the same in a shell, in a check and in the text`,
			},
		},
		{
			name: "value that is not declared", front: "values: {limit: {from: 1, to: 9}}\n", body: "A {{limit}} and a {{limt}}.\n\nOf {{URL}}, {{.State.Pid}}, \\{{kept}}.\n",
			want: []string{
				"01-one.md:5:19: there is no value limt; did you mean {{limit}}?",
				"01-one.md:7:4: there is no value URL; declare it under values: in the front matter, or write \\{{URL}} if it is to stay as it is",
			},
		},
		{
			name: "terminals", front: "terminals: [one, One, one, interrupt]\n",
			want: []string{
				`01-one.md:3:18: "One" cannot be the name of a terminal; use at most 20 lower-case letters, digits and -`,
				"01-one.md:3:23: the terminal one is there twice; keep one of them",
				"01-one.md:3:28: a terminal cannot be called interrupt; the word has a meaning in run blocks",
			},
		},
		{
			name: "reading", front: "reading:\n  - {title: A, url: ftp://x}\n  - {title: B}\n",
			want: []string{
				`01-one.md:4:21: "ftp://x" is no web address; it begins with https://`,
				"01-one.md:5:6: an item of reading needs title and url",
			},
		},
		{
			name: "line numbers in a block",
			body: "## Step\n\n```exercise a\ntitle: A\ntask: B\nchecks:\n  - that: pids == 1\n    say: No.\n  - that: pids == 2\n    sya: No.\n```\n",
			want: []string{"01-one.md:13:5: unknown key sya in a check; did you mean say?"},
		},
		{
			name: "expressions",
			body: "```exercise a\ntitle: A\ntask: B\nchecks:\n  - that: pids == 1 && pidds == 2\n    say: No.\n  - that: \"pids + 'x' == 1\"\n    say: No.\n  - that: |\n      pids == 1 &&\n      lmit == 2\n    say: No.\n```\n",
			want: []string{
				"01-one.md:8:24: this condition cannot be read: unknown name pidds; see the reference of expressions in docs/authoring.md",
				"01-one.md:10:17: this condition cannot be read: invalid operation: + (mismatched types int and string); see the reference of expressions in docs/authoring.md",
				"01-one.md:14:7: this condition cannot be read: unknown name lmit; see the reference of expressions in docs/authoring.md",
			},
		},
		{
			name: "expressions of a prediction",
			body: "```predict a\nquestion: Q\nnumber: true\nafter: pids == 1\nanswer: pidss\nbecause: B\n```\n",
			want: []string{"01-one.md:8:9: this condition cannot be read: unknown name pidss; see the reference of expressions in docs/authoring.md"},
		},
		{
			name: "YAML that is none",
			body: "```quiz a\nquestion: What: this?\nchoices: [a]\n```\n",
			want: []string{"01-one.md:5:11: the YAML cannot be read: mapping value is not allowed in this context; a text with a colon, a quote, a bracket or a # in it belongs between double quotes"},
		},
		{
			name: "exercise without its keys",
			body: "```exercise a\nhints: [x]\n```\n\n```exercise b\n```\n\n```exercise\ntitle: C\ntask: C\nchecks: [{that: pids == 1, say: x}]\n```\n",
			want: []string{
				"01-one.md:4: an exercise needs checks, task and title; write a line that begins with checks:",
				"01-one.md:9: an exercise is empty; write at least: after, checks, hints, task, title or when",
				"01-one.md:11: the exercise has no id; write ```exercise and a short name for it, such as limit-memory",
			},
		},
		{
			name: "when of an exercise",
			body: "```exercise a\ntitle: A\ntask: A\nwhen: held\nchecks: [{that: pids == 1, say: x}]\n```\n```exercise b\ntitle: A\ntask: A\nwhen: held 5s\nchecks: [{that: pids == 1, say: x}]\n```\n```exercise c\ntitle: A\ntask: A\nwhen: sometimes\nchecks: [{that: pids == 1}]\n```\n",
			want: []string{
				`01-one.md:7:7: "held" does not say for how long; write for example held 5s, and at most held 10m`,
				`01-one.md:19:7: "sometimes" is no time; write now, ever, or for example held 5s`,
				"01-one.md:20:11: a check needs say; write say: and what is missing when the condition does not hold",
			},
		},
		{
			name: "ids and terminals in fences",
			body: "```quiz A\nquestion: Q\nchoices: [a]\n```\n```run one two\nls\n```\n```solution\nls\n```\n```run ../x\nls\n```\n```run\n```\n```note\nx\n```\n```note surprize\nx\n```\n",
			want: []string{
				`01-one.md:4: "A" cannot be an id; use lower-case letters, digits and -, and begin with a letter`,
				`01-one.md:8: "two" is too much; write the name of one terminal, and maybe interrupt`,
				"01-one.md:11: the solution does not say whose it is; write ```solution, the id of the exercise, and the terminal",
				`01-one.md:14: "../x" cannot be the name of a terminal; use at most 20 lower-case letters, digits and -`,
				"01-one.md:17: the run block is empty; write the commands, one in each line",
				"01-one.md:19: the note has no kind; write ```note and one of surprise, why, danger or docker",
				"01-one.md:22: there is no note surprize; did you mean surprise?",
			},
		},
		{
			name: "misspelt blocks",
			body: "```exersise a\n```\n\n```runn\nls\n```\n\n```node\nx\n```\n\n```sh\nls\n```\n",
			want: []string{
				"01-one.md:4: there is no block exersise; did you mean exercise?",
				"01-one.md:7: there is no block runn; did you mean run?",
			},
		},
		{
			name: "block that is not closed",
			body: "```run\nls\n\n## Step\n",
			want: []string{"01-one.md:4: the block that begins here is not closed; write the line that closes it: three backquotes and nothing else"},
		},
		{
			name: "block that swallows the next",
			body: "```run\nls\n\n```run\nls\n```\n",
			want: []string{"01-one.md:4: the block that begins here is not closed before the next one, in line 7; write the line that closes it: three backquotes and nothing else"},
		},
		{
			name: "block in a list",
			body: "- item\n\n  ```run\n  ls\n  ```\n\n  <!-- when: cgroup_version == 2 -->\n",
			want: []string{
				"01-one.md:6: a run block inside a list or a quotation is only shown as code; begin it at the left margin",
				"01-one.md:10: a when, else or end inside a list or a quotation does nothing; begin it at the left margin",
			},
		},
		{
			name: "variants",
			body: "<!-- when: cgroup_version == 2 -->\na\n<!-- else -->\nb\n<!-- else -->\nc\n<!-- end -->\n<!-- end -->\n<!-- else -->\n<!-- when: kernel >= 5.19 -->\nx\n<!-- end -->\n<!-- when: cgroup_versoin == 1 because: x -->\n<!-- end -->\n<!-- when: because: y -->\n<!-- end -->\n<!-- when: kernel_at_least(\"new\") -->\n<!-- end -->\n<!-- when: \"docker\" in layers -->\n",
			want: []string{
				"01-one.md:8: a second else; remove one of them",
				"01-one.md:11: there is no when before this end; write <!-- when: EXPR --> above, or remove it",
				"01-one.md:12: there is no when before this else; write <!-- when: EXPR --> above, or remove it",
				`01-one.md:13: the condition kernel >= 5.19 cannot be read: invalid operation: >= (mismatched types string and float64); compare kernels with kernel_at_least("5.19")`,
				"01-one.md:16: the condition cgroup_versoin == 1 cannot be read: unknown name cgroup_versoin; did you mean cgroup_version?",
				`01-one.md:18: a when without a condition; conditions look like cgroup_version == 2, kernel_at_least("5.19"), "docker" in layers`,
				`01-one.md:20: the condition kernel_at_least("new") cannot be read: "new" is no version of a kernel; conditions look like cgroup_version == 2, kernel_at_least("5.19"), "docker" in layers`,
				"01-one.md:22: this when has no end; write <!-- end --> on a line of its own, at the left margin, where the part ends",
			},
		},
		{
			name: "comment that swallows text",
			body: "Text.\n\n<!-- note --> More text.\n\n<!-- open\n",
			want: []string{
				"01-one.md:6: text after a comment, or a comment without an end, is not shown; end the comment with --> and begin the text on the next line",
				"01-one.md:8: text after a comment, or a comment without an end, is not shown; end the comment with --> and begin the text on the next line",
			},
		},
		{
			name: "predictions",
			body: "```predict a\nquestion: Q\nafter: pids == 1\nanswer: pids\nbecause: B\n```\n```predict b\nquestion: Q\nnumber: true\nwithin: much\nafter: pids == 1\nanswer: pids\nbecause: B\n```\n```predict c\nquestion: Q\nchoices: [a, {text: b, right: true}]\n```\n```predict d\nquestion: Q\nchoices: [a, b]\nwithin: 10%\n```\n",
			want: []string{
				"01-one.md:4: the prediction has no choices; write choices:, or number: true to ask for a number",
				`01-one.md:13:9: "much" is no share; write for example within: 10%`,
				"01-one.md:20:24: unknown key right in a choice; there are because and text",
				"01-one.md:22: a prediction needs after, answer and because; write a line that begins with after:",
				"01-one.md:22: within is for predictions of a number; remove it",
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := problemsOf(t, course(tt.front, tt.body))
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("problems (-want +got):\n%s", d)
			}
		})
	}
}

func TestLoadFiles(t *testing.T) {
	title := &fstest.MapFile{Data: []byte("title: Test\n")}
	plain := &fstest.MapFile{Data: []byte("---\ntitle: A\n---\n## S\n\nx\n")}
	tests := []struct {
		name string
		fsys fstest.MapFS
		want []string
	}{
		{name: "empty", fsys: fstest.MapFS{}, want: []string{"course.yaml:1: there is no course.yaml; write one with a line such as title: Containers"}},
		{name: "no lesson", fsys: fstest.MapFS{"course.yaml": title}, want: []string{"course.yaml:1: the course has no lesson; make one with: glassbox new lesson NAME"}},
		{name: "no title", fsys: fstest.MapFS{"course.yaml": {Data: []byte("description: x\n")}, "01-a.md": plain}, want: []string{"course.yaml:1: the course has no title; write a line such as title: Containers"}},
		{name: "no front matter", fsys: fstest.MapFS{"course.yaml": title, "01-a.md": {Data: []byte("# A\n")}}, want: []string{"01-a.md:1: there is no front matter; begin the file with a line of three dashes, title: and a name, and another line of three dashes"}},
		{name: "front matter without end", fsys: fstest.MapFS{"course.yaml": title, "01-a.md": {Data: []byte("---\ntitle: A\n")}}, want: []string{"01-a.md:1: the front matter has no end; write a line of three dashes after it"}},
		{name: "empty front matter", fsys: fstest.MapFS{"course.yaml": title, "01-a.md": {Data: []byte("---\n---\n")}}, want: []string{"01-a.md:2: the front matter is empty; write at least: minutes, needs, panels, reading, summary, terminals, title or values"}},
		{name: "not UTF-8", fsys: fstest.MapFS{"course.yaml": title, "01-a.md": {Data: []byte("---\ntitle: A\n---\nx\n\xff\n")}}, want: []string{"01-a.md:5: this line is no text in UTF-8; save the file as UTF-8"}},
		{name: "lesson twice", fsys: fstest.MapFS{"course.yaml": title, "01-a.md": plain, "02-a.md": plain}, want: []string{"02-a.md:1: the lesson a is there twice: 01-a.md; rename one of the files"}},
		{
			name: "order", fsys: fstest.MapFS{"course.yaml": {Data: []byte("title: T\norder:\n  - alpha\n  - 02-beta.md\n  - alpa\n  - alpha\n")}, "01-alpha.md": plain, "02-beta.md": plain},
			want: []string{"course.yaml:5: there is no lesson alpa; did you mean alpha?", "course.yaml:6: the lesson alpha is in the order twice; remove one of the lines"},
		},
		{name: "line ends and byte order mark", fsys: fstest.MapFS{"course.yaml": title, "01-a.md": {Data: []byte("\ufeff---\r\ntitle: A\r\n---\r\n## S\r\n\r\nx\r\n")}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, problemsOf(t, tt.fsys)); d != "" {
				t.Errorf("problems (-want +got):\n%s", d)
			}
		})
	}
}

func TestLoadOrder(t *testing.T) {
	lesson := &fstest.MapFile{Data: []byte("---\ntitle: A\n---\n## S\n\nx\n")}
	files := fstest.MapFS{"10-ten.md": lesson, "2-two.md": lesson, "03-three.md": lesson, "README.md": lesson, "notes.txt": lesson}
	tests := []struct{ name, order, want string }{
		{"by number", "", "two three ten"},
		{"as the course says", "order: [ten, 03-three.md]\n", "ten three two"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files["course.yaml"] = &fstest.MapFile{Data: []byte("title: T\n" + tt.order)}
			c, err := Load(files)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for i, l := range c.Lessons {
				got = append(got, l.Slug)
				if l.Number != i+1 {
					t.Errorf("lesson %s has number %d, want %d", l.Slug, l.Number, i+1)
				}
			}
			if d := cmp.Diff(tt.want, strings.Join(got, " ")); d != "" {
				t.Errorf("order (-want +got):\n%s", d)
			}
		})
	}
}

// One bad lesson does not take the others away.
func TestLoadKeepsGoodLessons(t *testing.T) {
	files := course("", "## S\n\nx\n")
	files["02-two.md"] = &fstest.MapFile{Data: []byte("nothing")}
	c, err := Load(files)
	if err == nil || c == nil || c.Lesson("one") == nil || c.Lesson("two") != nil {
		t.Errorf("Load = %v, %v; want the lesson one and problems", c, err)
	}
}
