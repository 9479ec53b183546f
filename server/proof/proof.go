package proof

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"glassbox/sandbox/kernel"
	"glassbox/server"
	"glassbox/server/check"
	"glassbox/server/lesson"
)

// Prover proves exercises.
type Prover struct {
	Builder   server.Builder
	Facts     kernel.HostFacts
	Lesson    lesson.Facts      // the same for variants
	Connector *kernel.Connector // as the server has it; may be nil
	Workers   int               // how many boxes at a time; default 4
	Once      bool              // with the smallest values only, where a machine is too slow for more
	Done      func(Proof)       // hears of each exercise as it is done; may be nil
}

// Proof is what came of one exercise.
type Proof struct {
	Lesson   string `json:"lesson"`
	Exercise string `json:"exercise"`
	Line     int    `json:"line"`
	File     string `json:"file"`
	Runs     []Run  `json:"runs"`
	Proven   bool   `json:"proven"`
	Error    string `json:"error,omitempty"` // what is not as it should be, in words
	// Transcript is what stood on the terminals when it went wrong.
	Transcript string `json:"transcript,omitempty"`
}

// Run is one of the two runs.
type Run struct {
	Before check.Status  `json:"before"` // before the solution
	After  check.Status  `json:"after"`  // after it
	Took   time.Duration `json:"took"`   // from the end of the solution to the verdict, in nanoseconds
	Wrongs int           `json:"wrongs"` // wrong answers that were refused
}

const (
	// within is how long after the solution the check may take to pass, beyond the time that it must hold.
	within = time.Minute // an emulated machine is slow, and one on a busy host takes 20 s
	// hung is when a run counts as stuck. An emulated machine takes minutes over a program that is compiled several times.
	hung = 10 * time.Minute
	// refused is how long after a wrong answer it must still not pass.
	refused = 1 * time.Second
	// period is the time between two looks at the box: the server's.
	period = server.LookEvery
)

// Prove proves all exercises of the lessons.
func (p *Prover) Prove(ctx context.Context, lessons []*lesson.Lesson) ([]Proof, error) {
	type job struct {
		l        *lesson.Lesson
		exercise string
		at       int
	}
	var jobs []job
	var proofs []Proof
	for _, l := range lessons {
		page, err := l.For(p.Lesson, lesson.First)
		if err != nil {
			return nil, err
		}
		for _, x := range page.Exercises() {
			jobs = append(jobs, job{l, x.ID, len(proofs)})
			proofs = append(proofs, Proof{Lesson: l.Slug, Exercise: x.ID, Line: x.Line, File: l.File})
		}
	}
	workers := p.Workers
	if workers == 0 {
		workers = 4
	}
	queue := make(chan job)
	var working sync.WaitGroup
	for range workers {
		working.Go(func() {
			for j := range queue {
				proof := &proofs[j.at]
				err := p.exercise(ctx, j.l, j.exercise, proof)
				proof.Proven = err == nil
				if err != nil {
					proof.Error = err.Error()
				}
				if p.Done != nil {
					p.Done(*proof)
				}
			}
		})
	}
	for _, j := range jobs {
		select {
		case queue <- j:
		case <-ctx.Done():
		}
	}
	close(queue)
	working.Wait()
	return proofs, ctx.Err()
}

// exercise proves one exercise, twice unless Once.
func (p *Prover) exercise(ctx context.Context, l *lesson.Lesson, id string, proof *Proof) error {
	draws := []lesson.Draw{lesson.First, lesson.Last}
	if p.Once {
		draws = draws[:1]
	}
	for i, draw := range draws {
		page, err := l.For(p.Lesson, draw)
		if err != nil {
			return err
		}
		x := page.Exercise(id)
		if x == nil {
			return fmt.Errorf("run %d: the exercise is not in the lesson that these values make", i+1)
		}
		run, err := p.solve(ctx, page, x, proof)
		if err != nil {
			return fmt.Errorf("run %d: %w", i+1, err)
		}
		for n, wrong := range x.Wrongs {
			if err := p.err(ctx, page, x, wrong, proof); err != nil {
				return fmt.Errorf("run %d: wrong answer %d (line %d): %w", i+1, n+1, wrong[0].Line, err)
			}
			run.Wrongs++
		}
		proof.Runs = append(proof.Runs, run)
	}
	return nil
}

// solve proves that the solution solves.
func (p *Prover) solve(ctx context.Context, page *lesson.Page, x *lesson.Exercise, proof *Proof) (Run, error) {
	var run Run
	err := p.in(ctx, page, x, proof, func(ctx context.Context, t *Typist, judge *judge) error {
		v, err := judge.now(ctx)
		if err != nil {
			return err
		}
		run.Before = v.Status
		if v.Status != check.NotYet {
			return fmt.Errorf("before the solution the check says %s, want %s", v.Status, check.NotYet)
		}
		for _, s := range x.Solutions {
			if err := t.Run(ctx, s); err != nil {
				return fmt.Errorf("solution (line %d): %w", s.Line, err)
			}
		}
		began := time.Now()
		v, err = judge.await(ctx, within+x.When.For)
		if err != nil {
			return err
		}
		run.After, run.Took = v.Status, time.Since(began)
		if v.Status != check.Passed {
			return fmt.Errorf("after the solution the check says %s: %s", v.Status, tell(x, v))
		}
		return nil
	})
	return run, err
}

// err proves that a wrong answer is refused.
func (p *Prover) err(ctx context.Context, page *lesson.Page, x *lesson.Exercise, wrong []lesson.Script, proof *Proof) error {
	return p.in(ctx, page, x, proof, func(ctx context.Context, t *Typist, judge *judge) error {
		for _, s := range wrong {
			if err := t.Run(ctx, s); err != nil {
				return err
			}
		}
		v, err := judge.await(ctx, refused+x.When.For)
		if err != nil {
			return err
		}
		if v.Status != check.NotYet {
			return fmt.Errorf("the check says %s, want %s", v.Status, check.NotYet)
		}
		return nil
	})
}

// in does something in a fresh box in which what the exercise builds upon is done.
func (p *Prover) in(ctx context.Context, page *lesson.Page, x *lesson.Exercise, proof *Proof, do func(context.Context, *Typist, *judge) error) (err error) {
	ctx, cancel := context.WithTimeout(ctx, hung)
	defer cancel()
	box, err := p.Builder.Build(ctx, page.Needs)
	if err != nil {
		return fmt.Errorf("build a box: %w", err)
	}
	defer func() { err = errors.Join(err, box.Close(context.WithoutCancel(ctx))) }()
	t := NewTypist(box)
	defer t.Close()
	judge, err := newJudge(ctx, box, x, p.Facts, p.Connector)
	if err != nil {
		return err
	}
	defer judge.stop()
	for _, name := range page.Terminals {
		if _, err := t.desk(ctx, name); err != nil {
			return err
		}
	}
	for _, s := range page.Setup(x.ID) {
		if err := t.Run(ctx, s); err != nil {
			return fmt.Errorf("set-up (line %d): %w", s.Line, err)
		}
	}
	judge.begin()
	if err := do(ctx, t, judge); err != nil {
		proof.Transcript = t.transcript()
		return err
	}
	return nil
}

// tell says what a verdict rests on, in a line.
func tell(x *lesson.Exercise, v check.Verdict) string {
	text := ""
	if v.Check >= 0 && v.Check < len(x.Checks) {
		text = fmt.Sprintf("%q does not hold", x.Checks[v.Check].That)
	}
	for _, e := range v.Evidence {
		text += fmt.Sprintf("; %s: want %s, got %s", e.File, e.Want, e.Got)
	}
	if v.Err != nil {
		text += "; " + v.Err.Error()
	}
	return text
}
