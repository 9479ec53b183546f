package lesson

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAttempts(t *testing.T) {
	opened := time.Date(2024, 5, 1, 10, 0, 0, 0, time.UTC)
	e := &Exercise{ID: "e", Hints: []string{"a", "b"}, Solutions: []Script{{}}}
	plain := &Exercise{ID: "p", Solutions: []Script{{}}}
	const try, tryHint = "Try first: press Check when you think you have it.", "Try first: press Check when you think you have it, or take a hint."
	solutions := []struct {
		name     string
		attempts Attempts
		exercise *Exercise
		after    time.Duration
		want     string // what is said; empty when the solution is there
	}{
		{"at once", Attempts{Opened: opened}, e, 0, tryHint},
		{"no hints to take", Attempts{Opened: opened}, plain, 0, try},
		{"after a check", Attempts{Opened: opened, Checks: 1}, e, 0, ""},
		{"after one hint", Attempts{Opened: opened, Hints: 1}, e, 0, tryHint},
		{"after all hints", Attempts{Opened: opened, Hints: 2}, e, 0, ""},
		{"just before two minutes", Attempts{Opened: opened}, e, 2*time.Minute - 1, tryHint},
		{"after two minutes", Attempts{Opened: opened}, e, 2 * time.Minute, ""},
		{"never opened", Attempts{}, e, time.Hour, tryHint},
		{"passed", Attempts{Opened: opened, Passed: true}, e, 0, ""},
		{"no solution", Attempts{Opened: opened, Passed: true}, &Exercise{}, 0, "There is no solution for this exercise."},
	}
	for _, tt := range solutions {
		ok, say := tt.attempts.Solution(tt.exercise, opened.Add(tt.after))
		if ok != (tt.want == "") || say != tt.want {
			t.Errorf("%s: Solution = %v, %q; want %q", tt.name, ok, say, tt.want)
		}
	}
	hints := []struct {
		attempts Attempts
		exercise *Exercise
		stage    int
		want     string
	}{
		{Attempts{}, e, 1, ""},
		{Attempts{}, e, 2, "Read hint 1 first."},
		{Attempts{Hints: 1}, e, 2, ""},
		{Attempts{Hints: 1}, e, 1, ""},
		{Attempts{Hints: 2}, e, 3, "There are 2 hints."},
		{Attempts{}, e, 0, "There are 2 hints."},
		{Attempts{}, plain, 1, "There is no hint for this exercise."},
		{Attempts{Passed: true}, e, 2, ""},
	}
	for _, tt := range hints {
		ok, say := tt.attempts.Hint(tt.exercise, tt.stage)
		if ok != (tt.want == "") || say != tt.want {
			t.Errorf("Hint %d after %+v = %v, %q; want %q", tt.stage, tt.attempts, ok, say, tt.want)
		}
	}
}

func TestQuizMark(t *testing.T) {
	one := &Quiz{Explain: "E", Choices: []Choice{{Because: "a"}, {Right: true, Because: "b"}, {}}}
	two := &Quiz{Choices: []Choice{{Right: true, Because: "a"}, {Right: true, Because: "b"}, {Because: "c"}}}
	const more = "More than one choice is right, and not all of them are chosen."
	tests := []struct {
		name    string
		quiz    *Quiz
		choices []int
		right   bool
		because []string
	}{
		{"right", one, []int{1}, true, []string{"b", "E"}},
		{"wrong", one, []int{0}, false, []string{"a"}},
		{"wrong without a reason", one, []int{2}, false, nil},
		{"none", one, nil, false, nil},
		{"right and wrong", one, []int{0, 1}, false, []string{"a"}},
		{"no such choice", one, []int{1, 7}, false, nil},
		{"negative", one, []int{-1}, false, nil},
		{"twice the same", one, []int{1, 1}, true, []string{"b", "E"}},
		{"both", two, []int{1, 0}, true, []string{"a", "b"}},
		{"half", two, []int{0}, false, []string{more}},
		{"half and wrong", two, []int{0, 2}, false, []string{"c"}},
		{"all", two, []int{0, 1, 2}, false, []string{"c"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			right, because := tt.quiz.Mark(tt.choices)
			if right != tt.right {
				t.Errorf("right = %v, want %v", right, tt.right)
			}
			if d := cmp.Diff(tt.because, because); d != "" {
				t.Errorf("because (-want +got):\n%s", d)
			}
		})
	}
}

func TestPredictMark(t *testing.T) {
	choice := &Predict{ID: "p", Choices: []Choice{{}, {}}}
	exact := &Predict{ID: "p", Number: true}
	near := &Predict{ID: "p", Number: true, Within: 0.1}
	tests := []struct {
		name     string
		predict  *Predict
		said     string
		measured any
		right    bool
		got      string
		fails    bool
	}{
		{"right choice", choice, "1", 1, true, "1", false},
		{"wrong choice", choice, "0", 1, false, "1", false},
		{"choice by a condition", choice, "1", true, true, "1", false},
		{"no such answer", choice, "2", 1, false, "1", false},
		{"the lesson has no such choice", choice, "1", 2, false, "", true},
		{"half a choice", choice, "1", 0.5, false, "", true},
		{"text", choice, "1", "1", false, "", true},
		{"nothing", choice, "1", nil, false, "", true},
		{"number", exact, "24", int64(24), true, "24", false},
		{"other number", exact, "25", uint64(24), false, "24", false},
		{"near", near, "26", 24, true, "24", false},
		{"not near", near, "27", 24, false, "24", false},
		{"negative", near, "-26", -24.0, true, "-24", false},
		{"no number", exact, "many", 24, false, "24", false},
		{"infinite", exact, "Inf", 24, false, "24", false},
	}
	for _, tt := range tests {
		right, got, err := tt.predict.Mark(tt.said, tt.measured)
		if right != tt.right || got != tt.got || (err != nil) != tt.fails {
			t.Errorf("%s: Mark(%q, %v) = %v, %q, %v; want %v, %q, error %v", tt.name, tt.said, tt.measured, right, got, err, tt.right, tt.got, tt.fails)
		}
	}
}
