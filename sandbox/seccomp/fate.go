package seccomp

import (
	"slices"
	"strings"
)

// Fate is what a policy does with one call.
type Fate struct {
	Name string
	Nr   uint32
	// Do is the action where no condition on arguments holds.
	Do Action
	// ByArgument are the other actions that arguments can lead to.
	ByArgument []Action
}

// Fates lists every call of an architecture, by name.
func (p Policy) Fates(arch Arch) []Fate {
	rules := map[string][]Rule{}
	for _, r := range p.Rules {
		for _, name := range r.Names {
			rules[name] = append(rules[name], r)
		}
	}
	var fates []Fate
	for name, nr := range calls().numbers[arch] {
		f := Fate{Name: name, Nr: nr, Do: p.Default}
		var conditional []Action
		for _, r := range rules[name] {
			if len(r.When) == 0 {
				f.Do = r.Do
				break
			}
			conditional = append(conditional, r.Do)
		}
		for _, do := range conditional {
			if do != f.Do && !slices.Contains(f.ByArgument, do) {
				f.ByArgument = append(f.ByArgument, do)
			}
		}
		fates = append(fates, f)
	}
	slices.SortFunc(fates, func(a, b Fate) int { return strings.Compare(a.Name, b.Name) })
	return fates
}
