package lesson

import "glassbox/server/check"

// Compiled makes the exercise's checks ready to be judged.
func (b *Exercise) Compiled() (*check.Exercise, error) {
	texts := make([]string, 0, len(b.Checks))
	for _, c := range b.Checks {
		texts = append(texts, c.That)
	}
	return check.NewExercise(b.ID, check.When{Ever: b.When.Kind == Ever, Held: b.When.For}, texts...)
}
