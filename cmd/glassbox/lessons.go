package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"glassbox/sandbox/kernel"
	"glassbox/sandbox/rig"
	"glassbox/server/check"
	"glassbox/server/lesson"
	"glassbox/server/panel"
)

// loader reads courses with all that lessons may name known.
func loader() lesson.Loader {
	return lesson.Loader{
		Compile:      func(text string) error { _, err := check.Compile(text); return err },
		CompileValue: func(text string) error { _, err := check.CompileValue(text); return err },
		Panels:       panel.Names(),
		Layers:       []string{rig.EngineLayer},
	}
}

// lessonFacts are the facts by which lessons choose their variants.
func lessonFacts(f kernel.HostFacts) lesson.Facts {
	return lesson.Facts{CgroupVersion: f.CgroupVersion, Kernel: f.Release, Layers: f.Layers}
}

func lintCommand() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:   "lint",
		Short: "Say what is wrong with the lessons",
		Long:  "Read all lessons and say, for each problem, the file, the line, what it is and what to do.\nThe exit status is 1 if there is an error; warnings do not count.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := course(dir)
			var problems lesson.Problems
			if err != nil && !errors.As(err, &problems) {
				return err
			}
			if c != nil && len(problems.Errors()) == 0 {
				problems = append(problems, c.Lint()...)
			}
			for _, p := range problems {
				fmt.Fprintln(cmd.OutOrStdout(), p)
			}
			if len(problems.Errors()) > 0 {
				return exitStatus(1)
			}
			return nil
		},
	}
	lessonsFlag(c, &dir)
	return c
}

func newCommand() *cobra.Command {
	c := &cobra.Command{Use: "new", Short: "Start something new"}
	var dir string
	l := &cobra.Command{
		Use:     "lesson NAME",
		Short:   "Write a lesson to begin with",
		Long:    "Write a complete little lesson, with a step, an exercise, its solution and a wrong answer, to a new file.",
		Example: "  glassbox new lesson signals --lessons my-course",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			file, err := lesson.New(dir, args[0])
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s\nNow look at it: glassbox serve --lessons %s\n", file, dir)
			return nil
		},
	}
	l.Flags().StringVar(&dir, "lessons", ".", "directory of the course")
	_ = l.MarkFlagDirname("lessons")
	c.AddCommand(l)
	return c
}

func lessonsFlag(c *cobra.Command, dir *string) {
	c.Flags().StringVar(dir, "lessons", "", "directory of a course (default: the one that comes with glassbox)")
	_ = c.MarkFlagDirname("lessons")
}
