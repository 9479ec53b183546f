package server

import (
	"fmt"

	"glassbox/server/lesson"
)

// taught are the courses as this machine shows them.
type taught struct {
	courses []*lesson.Course
	lessons map[string]*taughtLesson // by slug
}

// taughtLesson is a lesson of one of the courses.
type taughtLesson struct {
	*lesson.Lesson
	course    *lesson.Course
	exercises []string // ids
	version   string   // see versionOf
}

// lesson is the lesson of that slug.
func (t *taught) lesson(slug string) (*taughtLesson, error) {
	if l := t.lessons[slug]; l != nil {
		return l, nil
	}
	return nil, notFound("There is no such lesson.")
}

// version is the version of the lesson of that slug; empty if there is none.
func (t *taught) version(slug string) string {
	if l := t.lessons[slug]; l != nil {
		return l.version
	}
	return ""
}

// Teach has the server teach other courses from now on, such as the same ones after an author has changed a file. Pages
// that are open show it at once. Boxes that run keep what is in them, and are judged by what the exercises ask now. It is
// an error if two courses have a lesson of the same name, and then nothing changes.
func (s *Server) Teach(courses ...*lesson.Course) error {
	t := &taught{courses, make(map[string]*taughtLesson)}
	for _, c := range courses {
		for _, l := range c.Lessons {
			if other := t.lessons[l.Slug]; other != nil {
				return fmt.Errorf("the lesson %s is in two courses, %q and %q: rename one of the files", l.Slug, other.course.Title, c.Title)
			}
			page, err := l.For(s.facts(), lesson.First)
			if err != nil {
				return err
			}
			known := &taughtLesson{Lesson: l, course: c}
			for _, e := range page.Exercises() {
				known.exercises = append(known.exercises, e.ID)
			}
			if known.version, err = versionOf(page); err != nil {
				return err
			}
			t.lessons[l.Slug] = known
		}
	}
	s.taught.Store(t)
	for _, seat := range s.seats.of("") {
		if err := seat.renew(); err != nil {
			return err
		}
	}
	return nil
}
