package lesson

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"
)

// patience is how long an exercise is open before its solution is there for the asking.
const patience = 2 * time.Minute

// Attempts is what a learner has done with one exercise so far.
type Attempts struct {
	Opened time.Time // when the learner first had the exercise on the page
	Checks int       // how often Check was pressed and it was not yet
	Hints  int       // how many hints were shown
	Passed bool
}

// Hint tells whether the hint of a stage, from 1, may be shown. Hints come one after the other; each may be seen again.
// say is what to tell the learner when it may not.
func (a Attempts) Hint(e *Exercise, stage int) (ok bool, say string) {
	switch {
	case len(e.Hints) == 0:
		return false, "There is no hint for this exercise."
	case stage < 1 || stage > len(e.Hints):
		return false, fmt.Sprintf("There are %d hints.", len(e.Hints))
	case a.Passed || stage <= a.Hints+1:
		return true, ""
	}
	return false, fmt.Sprintf("Read hint %d first.", a.Hints+1)
}

// Solution tells whether the solution may be shown: after an attempt, after all hints, or after two minutes. say is what
// to tell the learner when it may not.
func (a Attempts) Solution(e *Exercise, now time.Time) (ok bool, say string) {
	switch {
	case len(e.Solutions) == 0:
		return false, "There is no solution for this exercise."
	case a.Passed || a.Checks > 0,
		len(e.Hints) > 0 && a.Hints >= len(e.Hints),
		!a.Opened.IsZero() && now.Sub(a.Opened) >= patience:
		return true, ""
	case len(e.Hints) > a.Hints:
		return false, "Try first: press Check when you think you have it, or take a hint."
	}
	return false, "Try first: press Check when you think you have it."
}

// Mark tells whether exactly the right choices, numbered from 0, are chosen, and why: the reasons of the choices that
// were made, and the explanation once the answer is right. The reasons are markdown of one paragraph each.
func (q *Quiz) Mark(choices []int) (right bool, because []string) {
	right, missing := true, false
	for i, c := range q.Choices {
		chosen := slices.Contains(choices, i)
		if chosen != c.Right {
			right = false
			missing = missing || c.Right
		}
	}
	for _, i := range choices {
		if i < 0 || i >= len(q.Choices) {
			right = false
		}
	}
	for i, c := range q.Choices {
		// What is right about half an answer would give the other half away.
		if slices.Contains(choices, i) && c.Because != "" && (right || !c.Right) {
			because = append(because, c.Because)
		}
	}
	switch {
	case right && q.Explain != "":
		because = append(because, q.Explain)
	case !right && missing && len(because) == 0 && q.Several():
		because = append(because, "More than one choice is right, and not all of them are chosen.")
	}
	return right, because
}

// Valid tells whether a learner's answer is one: the number of a choice, or a number where one is asked for.
func (q *Predict) Valid(said string) bool {
	if q.Number {
		n, err := strconv.ParseFloat(said, 64)
		return err == nil && !math.IsInf(n, 0) && !math.IsNaN(n)
	}
	i, err := strconv.Atoi(said)
	return err == nil && i >= 0 && i < len(q.Choices)
}

// Mark compares a prediction with what the expression Answer gave, a number. got is that number in words of a
// [Predict.Valid] answer. An error means that the lesson is wrong, not the learner.
func (q *Predict) Mark(said string, measured any) (right bool, got string, err error) {
	n, ok := number(measured)
	if !ok {
		return false, "", fmt.Errorf("prediction %s: the answer is %v, which is no number", q.ID, measured)
	}
	got = strconv.FormatFloat(n, 'f', -1, 64)
	if !q.Valid(got) {
		return false, "", fmt.Errorf("prediction %s: the answer is %s, and there is no such choice", q.ID, got)
	}
	if !q.Valid(said) {
		return false, got, nil
	}
	guess, err := strconv.ParseFloat(said, 64)
	if err != nil {
		return false, got, nil
	}
	return math.Abs(guess-n) <= q.Within*math.Abs(n), got, nil
}

// number is a number of any of the types that an expression gives. True is 1 and false is 0.
func number(v any) (float64, bool) {
	switch v := v.(type) {
	case int:
		return float64(v), true
	case int64:
		return float64(v), true
	case uint64:
		return float64(v), true
	case uint32:
		return float64(v), true
	case int32:
		return float64(v), true
	case float64:
		return v, !math.IsNaN(v) && !math.IsInf(v, 0)
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	}
	return 0, false
}
