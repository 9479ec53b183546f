package check

import (
	"fmt"
	"slices"
	"time"

	"glassbox/sandbox/kernel"
)

// Status is what became of an exercise.
type Status string

// Passed and NotYet are about the learner's work; Failed is about ours, and never looks like a wrong answer.
const (
	Passed Status = "passed"
	NotYet Status = "not-yet"
	Failed Status = "failed"
)

// Verdict is the judgement on an exercise, with what it rests on.
type Verdict struct {
	Status   Status     `json:"status"`
	Check    int        `json:"check"`    // the number of the check that speaks, from 0; -1 when all hold
	Evidence []Evidence `json:"evidence"` // of the check that speaks; when all hold, of all
	Err      error      `json:"-"`        // why we failed, for the operator
}

// When says at which time the checks of an exercise must hold.
type When struct {
	Ever bool          // they need not hold at a look, if they held together between two
	Held time.Duration // they must hold together for so long without a break; 0 for the moment
}

// Exercise is the compiled checks of an exercise.
type Exercise struct {
	ID     string
	When   When
	Checks []*Expression
}

// NewExercise compiles the checks of an exercise.
func NewExercise(id string, when When, checks ...string) (*Exercise, error) {
	x := &Exercise{ID: id, When: when}
	for i, text := range checks {
		e, err := Compile(text)
		if err != nil {
			return nil, fmt.Errorf("exercise %s, check %d: %w", id, i+1, err)
		}
		x.Checks = append(x.Checks, e)
	}
	return x, nil
}

// Want says which parts of the View the exercise reads.
func (x *Exercise) Want() kernel.Want {
	var want kernel.Want
	for _, c := range x.Checks {
		want |= c.Want()
	}
	return want
}

// Judge looks at one moment: the first check that does not hold speaks; where all hold, each tells by what.
func (x *Exercise) Judge(s State) Verdict {
	v, in := x.judge(s)
	return x.explained(v, in)
}

// judge is Judge without evidence, which costs more; explained adds it.
func (x *Exercise) judge(s State) (Verdict, env) {
	var with storeWant
	for _, c := range x.Checks {
		with |= c.store
	}
	in, err := environment(s, with)
	if err != nil {
		return Verdict{Status: Failed, Err: fmt.Errorf("exercise %s: %w", x.ID, err)}, in
	}
	for i, c := range x.Checks {
		out, err := c.value(in)
		if err != nil {
			return Verdict{Status: Failed, Check: i, Err: fmt.Errorf("exercise %s, check %d, %q: %w", x.ID, i+1, c.Text, err)}, in
		}
		if out != true {
			return Verdict{Status: NotYet, Check: i}, in
		}
	}
	return Verdict{Status: Passed, Check: -1}, in
}

// mostEvidence is how many lines of evidence a verdict has at most.
const mostEvidence = 6

// explained is a verdict of judge's with its evidence.
func (x *Exercise) explained(v Verdict, in env) Verdict {
	switch {
	case v.Status == NotYet && v.Check >= 0:
		v.Evidence = x.Checks[v.Check].evidence(in, false)
	case v.Status == Passed:
		for _, c := range x.Checks {
			for _, e := range c.evidence(in, true) {
				if !slices.Contains(v.Evidence, e) {
					v.Evidence = append(v.Evidence, e)
				}
			}
		}
	}
	v.Evidence = v.Evidence[:min(len(v.Evidence), mostEvidence)]
	return v
}
