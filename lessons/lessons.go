// Package lessons is the course: one markdown file a lesson, course.yaml, and their pictures. docs/authoring.md says how
// they are written.
package lessons

import "embed"

// Files are the course as the binary carries it.
//
//go:embed *.md course.yaml pictures
var Files embed.FS
