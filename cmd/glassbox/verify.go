package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"glassbox/sandbox/kernel"
	"glassbox/sandbox/rig"
	"glassbox/server/lesson"
	"glassbox/server/proof"
)

// verifyOptions are the flags of verify.
type verifyOptions struct {
	dir     string
	json    bool
	watch   bool
	once    bool
	workers int
}

func verifyCommand(f *flags) *cobra.Command {
	var o verifyOptions
	c := &cobra.Command{
		Use:   "verify [LESSON …]",
		Short: "Prove every exercise in fresh sandboxes, on this machine's kernel",
		Long: "Prove for each exercise that its check says not yet in a fresh sandbox, passed after the solution,\n" +
			"and not yet after each wrong answer; twice, with the smallest and the largest values that a learner can draw.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return runVerify(cmd.Context(), f, o, args, cmd.OutOrStdout())
		},
	}
	lessonsFlag(c, &o.dir)
	c.Flags().BoolVar(&o.json, "json", false, "print JSON")
	c.Flags().BoolVar(&o.watch, "watch", false, "prove a lesson again whenever its file is saved (needs --lessons)")
	c.Flags().BoolVar(&o.once, "once", false, "with the smallest values only, for a machine that is slow")
	c.Flags().IntVar(&o.workers, "workers", 4, "how many sandboxes at a time")
	return c
}

func runVerify(ctx context.Context, f *flags, o verifyOptions, names []string, w io.Writer) (err error) {
	var chosen []*lesson.Lesson
	switch {
	case o.watch && o.dir == "":
		return errors.New("--watch needs --lessons: the course that comes with glassbox does not change")
	case !o.watch: // else what is wrong now may be right soon
		c, err := course(o.dir)
		if err != nil {
			return err
		}
		if chosen, err = choose(c, names); err != nil {
			return err
		}
	}
	config, err := f.rig(f.quiet())
	if err != nil {
		return err
	}
	config.Layers, config.Spares = layersOf(chosen), o.workers
	r, err := rig.Open(ctx, config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shut(ctx, r)) }()
	facts, err := r.Lab.Facts()
	if err != nil {
		return err
	}
	prover := &proof.Prover{Builder: builder{r}, Facts: facts, Lesson: lessonFacts(facts), Connector: listen(ctx, f.quiet()), Workers: o.workers, Once: o.once}
	if !o.json {
		var mu sync.Mutex
		prover.Done = func(p proof.Proof) {
			mu.Lock()
			defer mu.Unlock()
			printProof(w, p)
		}
	}
	if o.watch {
		watch := &watch{prover: prover, offer: r.Offer, facts: r.Lab.Facts, dir: o.dir, names: names, log: f.quiet(), out: w}
		return watch.run(ctx)
	}
	proofs, err := prover.Prove(ctx, chosen)
	if err != nil {
		return err
	}
	proven := 0
	for _, p := range proofs {
		if p.Proven {
			proven++
		}
	}
	if o.json {
		err = printJSON(w, facts, proofs)
	} else {
		_, err = fmt.Fprintf(w, "%d of %d exercises proven, on Linux %s with cgroup version %d\n", proven, len(proofs), facts.Release, facts.CgroupVersion)
	}
	if err == nil && proven < len(proofs) {
		return exitStatus(1)
	}
	return err
}

// choose finds lessons by their slugs; all of them without any.
func choose(c *lesson.Course, names []string) ([]*lesson.Lesson, error) {
	if len(names) == 0 {
		return c.Lessons, nil
	}
	var chosen []*lesson.Lesson
	for _, name := range names {
		l := c.Lesson(name)
		if l == nil {
			var slugs []string
			for _, l := range c.Lessons {
				slugs = append(slugs, l.Slug)
			}
			return nil, fmt.Errorf("no lesson %q; there are %s", name, strings.Join(slugs, ", "))
		}
		chosen = append(chosen, l)
	}
	return chosen, nil
}

// layersOf are the optional layers that lessons need.
func layersOf(all []*lesson.Lesson) []string {
	seen := map[string]bool{}
	var layers []string
	for _, l := range all {
		for _, layer := range l.Needs.Layers {
			if !seen[layer] {
				seen[layer] = true
				layers = append(layers, layer)
			}
		}
	}
	return layers
}

func printProof(w io.Writer, p proof.Proof) {
	sign := "✓"
	if !p.Proven {
		sign = "✗"
	}
	fmt.Fprintf(w, "%s %-24s %-28s", sign, p.Lesson, p.Exercise)
	for _, r := range p.Runs {
		fmt.Fprintf(w, " %s → %s (%v)", r.Before, r.After, r.Took.Round(10*time.Millisecond))
	}
	if len(p.Runs) > 0 {
		fmt.Fprintf(w, ", %d wrong refused", p.Runs[0].Wrongs)
	}
	fmt.Fprintln(w)
	if p.Error != "" {
		fmt.Fprintf(w, "  %s:%d: %s\n", p.File, p.Line, p.Error)
		for line := range strings.Lines(p.Transcript) {
			fmt.Fprintf(w, "    %s", line)
		}
		fmt.Fprintln(w)
	}
}

// watch is the proofs of a course while its author works on it.
type watch struct {
	prover *proof.Prover
	offer  func(ctx context.Context, layer string) error // makes a layer ready
	facts  func() (kernel.HostFacts, error)              // of the machine, with the layers that are ready
	dir    string
	names  []string // of the lessons; none for all
	log    *slog.Logger
	out    io.Writer

	sources map[string]string // what was proven last, by the lesson's slug
}

// run proves the course, and again each lesson whose file has changed, until ctx ends.
func (o *watch) run(ctx context.Context) error {
	o.sources = map[string]string{}
	err := loader().Watch(ctx, o.dir, o.log, func(c *lesson.Course, err error) {
		if err == nil {
			err = o.prove(ctx, c)
		}
		if err != nil && ctx.Err() == nil {
			fmt.Fprintln(o.out, err)
		}
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// prove proves those of the lessons whose files are others than before.
func (o *watch) prove(ctx context.Context, c *lesson.Course) error {
	chosen, err := choose(c, o.names)
	if err != nil {
		return err
	}
	var changed []*lesson.Lesson
	for _, l := range chosen {
		text, err := os.ReadFile(filepath.Join(o.dir, l.File))
		if err != nil {
			return err
		}
		if o.sources[l.Slug] != string(text) {
			o.sources[l.Slug] = string(text)
			changed = append(changed, l)
		}
	}
	if len(changed) == 0 {
		return nil
	}
	for _, layer := range layersOf(changed) {
		if err := o.offer(ctx, layer); err != nil {
			return err
		}
	}
	facts, err := o.facts()
	if err != nil {
		return err
	}
	o.prover.Facts, o.prover.Lesson = facts, lessonFacts(facts)
	proofs, err := o.prover.Prove(ctx, changed)
	if err == nil && o.prover.Done == nil {
		err = printJSON(o.out, facts, proofs)
	}
	return err
}

// printJSON prints proofs for programs.
func printJSON(w io.Writer, facts kernel.HostFacts, proofs []proof.Proof) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(map[string]any{"kernel": facts.Release, "cgroup_version": facts.CgroupVersion, "exercises": proofs})
}
