package lesson

import (
	"slices"
	"strings"

	"glassbox/server/check"
)

// didYouMean says what to do about an unknown word: the nearest known one, or all of them.
func didYouMean(word string, known []string) string {
	if n := check.Nearest(word, known); n != "" {
		return "did you mean " + n + "?"
	}
	if len(known) == 0 {
		return ""
	}
	known = slices.Clone(known)
	slices.Sort(known)
	return "there are " + enumerate(known, "and")
}

// enumerate joins words as people do: a, b and c.
func enumerate(words []string, and string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " " + and + " " + words[len(words)-1]
}
