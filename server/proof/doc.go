// Package proof proves that the exercises of a course work, on the machine that it runs on.
//
// An exercise is proven when, in fresh sandboxes, its check says not yet before anything is done, passed after the
// solution, and still not yet after each of the wrong answers; and all that twice, with the smallest and with the
// largest values that a learner can draw. Solutions are typed into real terminals, line by line, as a learner types
// them: nothing knows what to do but the lesson.
package proof
