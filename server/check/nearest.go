package check

import "strings"

// Nearest is the word of known that somebody who wrote word has most likely meant, or "" when none is near. A word is
// near when a third of its letters, and at least one, would have to change.
func Nearest(word string, known []string) string {
	best, distance := "", max(1, len(word)/3)+1
	for _, k := range known {
		if d := changes(strings.ToLower(word), strings.ToLower(k)); d < distance {
			best, distance = k, d
		}
	}
	return best
}

// changes is the number of letters to insert, remove, replace or swap with their neighbour that make a of b (optimal
// string alignment).
func changes(a, b string) int {
	s, t := []rune(a), []rune(b)
	before, above := make([]int, len(t)+1), make([]int, len(t)+1)
	for j := range above {
		above[j] = j
	}
	for i := range s {
		row := make([]int, len(t)+1)
		row[0] = i + 1
		for j := range t {
			differ := 1
			if s[i] == t[j] {
				differ = 0
			}
			row[j+1] = min(above[j+1]+1, row[j]+1, above[j]+differ)
			if i > 0 && j > 0 && s[i] == t[j-1] && s[i-1] == t[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, above = above, row
	}
	return above[len(t)]
}
