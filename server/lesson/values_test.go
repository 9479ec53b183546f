package lesson

import (
	"regexp"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDraw(t *testing.T) {
	l := &Lesson{Slug: "one", Values: []Value{
		{Name: "limit", From: 64, To: 96}, {Name: "a", Word: true}, {Name: "b", Word: true}, {Name: "of", Of: []string{"x", "y"}}, {Name: "same", From: 7, To: 7},
	}}
	first := l.draw(Seeded([]byte("seed")))
	if d := cmp.Diff(first, l.draw(Seeded([]byte("seed")))); d != "" {
		t.Errorf("the same seed gives other values:\n%s", d)
	}
	if got := l.draw(First); got["limit"] != "64" || got["of"] != "x" {
		t.Errorf("First draws %v", got)
	}
	if got := l.draw(Last); got["limit"] != "96" || got["of"] != "y" {
		t.Errorf("Last draws %v", got)
	}
	seen := map[string]map[string]bool{}
	for i := range 500 {
		got := l.draw(Seeded([]byte(strconv.Itoa(i))))
		if n, err := strconv.Atoi(got["limit"]); err != nil || n < 64 || n > 96 {
			t.Fatalf("limit %s is not within 64 to 96", got["limit"])
		}
		if got["a"] == got["b"] {
			t.Fatalf("two words are both %s", got["a"])
		}
		for name, v := range got {
			if seen[name] == nil {
				seen[name] = map[string]bool{}
			}
			seen[name][v] = true
		}
	}
	// 500 learners with 33 numbers: each number is missed with probability 2e-7.
	if len(seen["limit"]) != 33 || len(seen["of"]) != 2 || len(seen["same"]) != 1 || len(seen["a"]) < 150 {
		t.Errorf("500 learners got %d limits, %d of two, %d of one, %d words", len(seen["limit"]), len(seen["of"]), len(seen["same"]), len(seen["a"]))
	}
	other := &Lesson{Slug: "two", Values: l.Values}
	if cmp.Equal(first, other.draw(Seeded([]byte("seed")))) {
		t.Error("another lesson has the same values")
	}
}

func TestWords(t *testing.T) {
	all := words()
	if len(all) < 250 {
		t.Errorf("%d words, want at least 250", len(all))
	}
	for _, w := range all {
		// At most 15 characters: the kernel cuts a process's name there (TASK_COMM_LEN is 16).
		if !regexp.MustCompile(`^[a-z]{3,15}$`).MatchString(w) {
			t.Errorf("the word %q is no plain word", w)
		}
	}
	sorted := slices.Clone(all)
	slices.Sort(sorted)
	if len(slices.Compact(sorted)) != len(all) {
		t.Error("a word is there twice")
	}
}

func TestFill(t *testing.T) {
	drawn := map[string]string{"limit": "73", "name": "heron"}
	tests := []struct{ text, want string }{
		{"{{limit}} MiB for {{name}}", "73 MiB for heron"},
		{"{{limit}}000", "73000"},
		{`\{{limit}}`, "{{limit}}"},
		{"{{ limit }} {{.State.Pid}} {{json .}} {{other}} {{{limit}}}", "{{ limit }} {{.State.Pid}} {{json .}} {{other}} {73}"},
	}
	for _, tt := range tests {
		if got := fill(tt.text, drawn); got != tt.want {
			t.Errorf("fill(%q) = %q, want %q", tt.text, got, tt.want)
		}
	}
}
