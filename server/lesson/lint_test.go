package lesson

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

const (
	goodFront    = "summary: S\nminutes: 5\n"
	goodExercise = "```exercise a\ntitle: A\ntask: T\nchecks: [{that: pids == 1, say: x}]\nhints: [h]\n```\n"
	goodSolution = "```solution a\nls\n```\n```wrong a\nls\n```\n"
)

func TestLint(t *testing.T) {
	long := strings.Repeat("word ", 171)
	tests := []struct {
		name, front, body string
		files             map[string]string
		want              []string
	}{
		{name: "nothing wrong", front: goodFront, body: "## S\n\nText.\n\n" + goodExercise + goodSolution},
		{
			name: "front matter", front: "minutes: 61\npanels: [memory, mounts, mount, memory]\nneeds: {layers: [dokcer]}\n", body: "Text.\n",
			want: []string{
				"01-one.md:1: the lesson has no step; begin each step with a line such as ## Draw the line",
				"01-one.md:1: warning: the lesson has no summary; write a line such as summary: One sentence for the course's page.",
				"01-one.md:3: a lesson of 61 minutes; write a number from 1 to 60; make several lessons of a long one",
				"01-one.md:4: the panel memory is named twice; keep one of them",
				"01-one.md:4: there is no panel mount; did you mean mounts?",
				"01-one.md:5: there is no layer dokcer; did you mean docker?",
			},
		},
		{
			name: "headings and steps", front: goodFront, body: "# One\n\n## A\n\n# Two\n\nText.\n\n## B\n\n##\n\nText.\n\n## Long\n\n" + long + "\n",
			want: []string{
				"01-one.md:10: a second heading of the first level; the other is in line 6; begin steps with ##",
				"01-one.md:14: the step B is empty; write something below its heading, or remove it",
				"01-one.md:16: the step has no title; write it after the ##",
				"01-one.md:20: warning: the step Long has 171 words and does not fit a screen; make two steps of it, or stay below 170 words",
			},
		},
		{
			name: "exercise without anything", front: goodFront, body: "## S\n\n```exercise a\ntitle: A\ntask: T\nchecks: [{that: pids == 1, say: x}]\n```\n",
			want: []string{
				"01-one.md:8: the exercise a has no solution; write a block ```solution a",
				"01-one.md:8: the exercise a has no wrong answer; write a block ```wrong a with a mistake that people make",
				"01-one.md:8: warning: the exercise a has no hint; write two or three under hints: that point and do not tell",
			},
		},
		{
			name: "solution on one kind of machine only", front: goodFront,
			body: "## S\n\n" + goodExercise + "<!-- when: cgroup_version == 1 -->\n\n" + goodSolution + "<!-- end -->\n",
			want: []string{
				"01-one.md:8: the exercise a has no solution on machines with control groups of version 2; write a block ```solution a",
				"01-one.md:8: the exercise a has no wrong answer on machines with control groups of version 2; write a block ```wrong a with a mistake that people make",
			},
		},
		{
			name: "both variants of an exercise are no duplicate", front: goodFront,
			body: "## S\n\n<!-- when: cgroup_version == 1 -->\n\n" + goodExercise + "<!-- else -->\n\n" + goodExercise + "<!-- end -->\n\n" + goodSolution,
		},
		{
			name: "ids twice", front: goodFront, body: "## S\n\n" + goodExercise + goodExercise + "```quiz a\nquestion: Q\nchoices: [{text: x, right: true}, y]\n```\n" + goodSolution,
			want: []string{
				"01-one.md:14: the exercise a has no solution; write a block ```solution a",
				"01-one.md:14: the exercise a has no wrong answer; write a block ```wrong a with a mistake that people make",
				"01-one.md:14: the id a is there already, in line 8; give this exercise another id",
				"01-one.md:20: the id a is there already, in line 8; give this quiz another id",
			},
		},
		{
			name: "after", front: goodFront,
			body: "## S\n\n" + strings.Replace(goodExercise, "hints", "after: [b, a]\nhints", 1) + goodSolution,
			want: []string{
				"01-one.md:8: the exercise a comes after a, which is not before it; exercises build upon earlier ones",
				"01-one.md:8: the exercise a comes after b, which is not there; did you mean a?",
			},
		},
		{
			name: "terminals", front: goodFront + "terminals: [one, two]\n", body: "## S\n\n```run on\nls\n```\n" + goodExercise + strings.Replace(goodSolution, "solution a", "solution a twoo", 1),
			want: []string{
				"01-one.md:9: the run block is for a terminal on that the lesson does not have; did you mean one?",
				"01-one.md:18: the solution block is for a terminal twoo that the lesson does not have; did you mean two?",
			},
		},
		{
			name: "a file for a terminal that is not there", front: goodFront + "terminals: [one, two]\n", body: "## S\n\n```file /root/x tow\nx\n```\n",
			want: []string{"01-one.md:9: the file block is for a terminal tow that the lesson does not have; did you mean two?"},
		},
		{
			name: "solution of nobody", front: goodFront, body: "## S\n\n" + goodExercise + goodSolution + "```wrong aa\nls\n```\n",
			want: []string{"01-one.md:20: a wrong for an exercise aa that is not there; did you mean a?"},
		},
		{
			name: "questions", front: goodFront,
			body: "## S\n\n```quiz q\nquestion: Q\nchoices: [x, y]\n```\n```quiz r\nquestion: Q\nchoices: [{text: x, right: true}]\n```\n```quiz s\nquestion: Q\nchoices: [{text: x, right: true}, {text: y, right: true}]\n```\n```predict p\nquestion: Q\nchoices: [x]\nafter: pids == 1\nanswer: pids\nbecause: B\n```\n",
			want: []string{
				"01-one.md:8: no choice of the quiz q is right; write right: true below the one that is",
				"01-one.md:12: the quiz r has only one choice; write at least two",
				"01-one.md:16: warning: every choice of the quiz s is right; a question teaches by what is wrong",
				"01-one.md:20: the prediction p has only one choice; write at least two",
			},
		},
		{
			name: "links", front: goodFront,
			body:  "## S\n\n[a](02-two.md) [b](02-two.md#step-two) [c](#s) [d](https://example.org/x) <https://example.org>\n\n[e](02-two.md#stepp-two)\n[f](3-two.md)\n[g](03-tow.md)\n[h](#t)\n[i](/lessons/two)\n[j](javascript:alert(1))\n[k](../README.md)\n\n```note why\nSee\n[l](#u).\n```\n",
			files: map[string]string{"02-two.md": "---\ntitle: Two\nsummary: S\n---\n## Step two\n\nText.\n"},
			want: []string{
				"01-one.md:10: there is no step #stepp-two in 02-two.md; did you mean step-two?",
				"01-one.md:11: the link 3-two.md is dead on a code host; the file is called 02-two.md",
				"01-one.md:12: there is no lesson tow; did you mean two?",
				"01-one.md:13: there is no step #t in 01-one.md; did you mean s?",
				"01-one.md:14: the link /lessons/two leads nowhere on a code host; link to the lesson's file, such as 03-namespaces.md",
				`01-one.md:15: the link "javascript:alert(1)" leads nowhere; link to another lesson's file (03-namespaces.md), to a step (#draw-the-line), or to an address with https://`,
				`01-one.md:16: the link "../README.md" leads nowhere; link to another lesson's file (03-namespaces.md), to a step (#draw-the-line), or to an address with https://`,
				"01-one.md:20: there is no step #u in 01-one.md; did you mean s?",
			},
		},
		{
			name: "pictures", front: goodFront,
			body: "## S\n\n![A tree](pictures/tree.svg) ![](pictures/tree.svg) ![x](pictures/tre.svg)\n![x](https://example.org/x.png) ![x](/etc/passwd) ![x](../x.svg) ![x](pictures/bad.svg) ![x](pictures/js.svg)\n",
			files: map[string]string{
				"pictures/tree.svg": `<svg xmlns="http://www.w3.org/2000/svg"><rect/></svg>`,
				"pictures/bad.svg":  `<svg><rect></svg>`,
				"pictures/js.svg":   "<svg xmlns=\"http://www.w3.org/2000/svg\">\n<script>alert(1)</script>\n<rect onload=\"x\"/></svg>",
			},
			want: []string{
				"01-one.md:8: the picture pictures/tree.svg has no words for those who do not see it; say what it shows: ![A tree of two groups](pictures/tree.svg)",
				"01-one.md:8: there is no picture pictures/tre.svg; did you mean pictures/tree.svg?",
				`01-one.md:9: the picture "../x.svg" is not of this course; put it into pictures/ and write pictures/NAME.svg (or .png, .jpg, .gif, .webp, .avif)`,
				`01-one.md:9: the picture "/etc/passwd" is not of this course; put it into pictures/ and write pictures/NAME.svg (or .png, .jpg, .gif, .webp, .avif)`,
				`01-one.md:9: the picture "https://example.org/x.png" is not of this course; put it into pictures/ and write pictures/NAME.svg (or .png, .jpg, .gif, .webp, .avif)`,
				"01-one.md:9: the picture pictures/bad.svg cannot be shown: this is not an SVG picture: XML syntax error on line 1: element <rect> closed by </svg>; open it in a drawing program and save it again",
				"pictures/js.svg:2: warning: the element script is taken out of the picture; draw it with plain shapes and texts",
				"pictures/js.svg:3: warning: the attribute onload is taken out of the picture; a picture can neither run nor load anything",
			},
		},
		{
			name: "values that nobody uses", front: goodFront + "values: {limit: {from: 1, to: 9}, name: {word: true}}\n", body: "## S\n\n{{limit}} \\{{name}}\n",
			want: []string{"01-one.md:5: warning: the value name is not used; write {{name}} where it belongs, or remove it"},
		},
		{
			name: "text after a variant of steps", front: goodFront,
			body: "## S\n\nText.\n\n<!-- when: cgroup_version == 1 -->\n\n## T\n\nText.\n\n<!-- end -->\n\nWhose?\n\n## U\n\nText.\n",
			want: []string{"01-one.md:18: this belongs to no step on some machines: the steps before it are between when and end; begin a step with ## here, or move the end below"},
		},
		{
			name: "raw HTML", front: goodFront, body: "## S\n\nSome <b>bold</b> words.<br>\n\n<div>\nblock\n</div>\n\n<!-- a comment is fine -->\n",
			want: []string{
				"01-one.md:8: warning: </b> is shown as it is written; use markdown: **bold**, *stressed*, [words](link); write `</b>` to show it",
				"01-one.md:8: warning: <b> is shown as it is written; use markdown: **bold**, *stressed*, [words](link); write `<b>` to show it",
				"01-one.md:8: warning: <br> is shown as it is written; use markdown: **bold**, *stressed*, [words](link); write `<br>` to show it",
				"01-one.md:10: warning: <div> is shown as it is written; use markdown: **bold**, *stressed*, [words](link); write `<div>` to show it",
			},
		},
		{
			name: "comments that look like a variant's", front: goodFront, body: "## S\n\nText.\n\n<!-- When: cgroup_version == 2 -->\n\n<!-- ends -->\n\n<!-- when cgroup_version == 1 -->\n\n<!-- todo: more -->\n",
			want: []string{
				"01-one.md:10: warning: this comment does nothing; did you mean <!-- when: … -->, with a colon?",
				"01-one.md:12: warning: this comment does nothing; did you mean <!-- end -->?",
				"01-one.md:14: warning: this comment does nothing; did you mean <!-- when: … -->, with a colon?",
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files := course(tt.front, tt.body)
			for name, text := range tt.files {
				files[name] = &fstest.MapFile{Data: []byte(text)}
			}
			c, err := Loader{Panels: []string{"memory", "mounts"}, Layers: []string{"docker"}}.Load(files)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range c.Lint() {
				got = append(got, p.String())
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("problems (-want +got):\n%s", d)
			}
		})
	}
}

func TestLintFileNames(t *testing.T) {
	files := course(goodFront, "## S\n\nText.\n")
	files["Intro.md"] = &fstest.MapFile{Data: []byte("x")}
	files["readme.md"] = &fstest.MapFile{Data: []byte("x")}
	c, err := Load(files)
	if err != nil {
		t.Fatal(err)
	}
	want := "Intro.md:1: warning: this file is no lesson; name it with a number and lower-case words, such as 03-namespaces.md"
	if d := cmp.Diff(want, c.Lint().Error()); d != "" {
		t.Errorf("problems (-want +got):\n%s", d)
	}
}
