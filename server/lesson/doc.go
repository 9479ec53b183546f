// Package lesson reads courses: directories of markdown files that hold text, commands to run, exercises, questions.
//
// # From file to page
//
// [Loader.Load] reads a course and reports every problem that it finds, each with its file and line, so that an author
// mends them in one go. A [Lesson] is a file as it was written. What a learner sees depends on the machine (control
// groups of version 1 or 2, the kernel, what is installed) and on values that are drawn for each learner; [Lesson.For]
// puts both in and gives a [Page], whose steps and blocks are rendered to HTML. [Course.Lint] finds what can be loaded
// and is still wrong: a link to nowhere, an exercise without a solution.
//
// The rules of progress (when does a solution unlock, is an answer right) are here as well, as pure code: [Attempts],
// [Quiz.Mark], [Predict.Mark].
//
// # A lesson's file
//
// The author's view of the format is docs/authoring.md. In short: YAML front matter between two lines of three dashes, then
// markdown. Each second-level heading opens a step. A fenced block whose first word is run, file, exercise, solution, wrong,
// quiz, predict or note is a block of the lesson; every other fence is code. The comments <!-- when: EXPR because: WORDS -->,
// <!-- else --> and <!-- end -->, each on a line of its own, enclose what only some machines show.
// {{name}} is replaced by a drawn value, everywhere; \{{name}} stays as {{name}}.
//
// # The HTML
//
// Raw HTML of the author is shown as text. Everything below is made here, so this table is the contract with whoever
// writes the style sheets and the program in the page. Elements named (empty) are filled by that program; hints,
// solutions and answers are never in the page before they are asked for.
//
//	section.step#STEP[data-step=STEP]       one step; its heading is h2.step-title (the id is the one a code host gives)
//	section.step.step-skipped               a step that this machine does not show; holds an aside.skipped
//	section.step.step-opening               the text before the first step; no heading, no id
//	a.step-anchor[href=#STEP]               in the heading, after its text
//	.prose                                  whatever holds running text: div.prose in a step, and with their own class
//	                                        exercise-task, question-text, question-more, note-body, skipped-body
//
//	figure.run[data-terminal=NAME]          commands for a terminal; [data-interrupt] when ^C is to be pressed first
//	  figcaption.run-bar                    holds span.run-terminal (the name), button.run-go[data-run], button.copy[data-copy]
//	  pre.shell > code                      span.line[data-line=N] for each line, N from 1, without the line's end
//	    span.comment                        a shell comment, from its # on
//	figure.run.file[data-terminal=NAME]     a file to write; [data-file=PATH], [data-before] and [data-after]: what is typed around its text
//	  figcaption.run-bar                    holds span.file-path, span.run-terminal, button.run-go[data-write], button.copy[data-copy]
//	  pre.code > code                       span.line, span.comment as below
//	figure.code[data-language=LANG]         code that is not run; figcaption.code-bar > span.code-language, button.copy[data-copy]
//	  pre.code > code                       span.line, span.comment as above
//
//	section.exercise#exercise-ID[data-exercise=ID][data-hints=N]   [data-when=now|ever|held]
//	  h3.exercise-title, div.exercise-task
//	  div.actions                           button.check[data-check], button.hint[data-hint] (when N > 0), button.solution[data-solution]
//	  div.verdict[role=status]              (empty)
//	  div.hints                             (empty) each hint as it comes
//	  div.answer                            (empty) the solution
//	    figure.run.solution                 a solution's block, as a run block; figure.run.file.solution as a file
//
//	section.quiz#quiz-ID[data-quiz=ID]      [data-several] when more than one choice is right
//	section.predict#predict-ID[data-predict=ID]
//	  form.question > fieldset              legend.question-text, div.question-more (what does not fit a legend)
//	    label.choice[data-choice=N]         input[type=radio|checkbox][name=choice][value=N] and span.choice-text; N from 0
//	    label.number                        input[type=number][name=value], for a prediction of a number
//	    button.answer[type=submit]
//	  div.verdict[role=status]              (empty)
//
//	aside.note.note-KIND                    KIND is surprise, why, danger or docker; p.note-label, div.note-body
//	aside.skipped                           what is missing on this machine; p.skipped-label, div.skipped-body
//	figure.picture                          svg (inlined) or img; figcaption when the picture has a title
//	span.picture                            the same in the middle of a paragraph
//	a.outside[target=_blank]                a link that leaves the course
//	div.table > table                       so that a wide table scrolls by itself
//	section.footnotes                       [Page.Footnotes]
//	section.contents                        [Page.Contents]: p.minutes, ol.steps > li > a
//	section.reading                         [Page.ReadingList]: h2, ul > li > a.outside
package lesson
