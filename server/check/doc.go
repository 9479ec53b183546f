// Package check decides whether an exercise is done, by the kernel's own state.
//
// An exercise holds predicates in a small typed expression language (expr-lang/expr) over what the kernel knows about the
// sandbox. They are compiled when the lesson loads, so that a typo fails the build and not a class. Nothing is run in
// the sandbox to decide one.
package check
