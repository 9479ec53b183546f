package panel

import (
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// changes lists the fields in which two readings differ, as paths through their JSON: "processes.7.state". An element of a list is named by what
// identifies it, a word or a number by itself, and not by where it stands, so that a new process does not make all that follow it look
// changed. Both are readings as JSON has them (maps, slices, float64, …).
func changes(before, after any) []string {
	var paths []string
	diff("", before, after, &paths)
	slices.Sort(paths)
	return paths
}

// identities are the fields that tell elements of a list apart, the first that an element has counts.
var identities = []string{"key", "pid", "id", "path", "name", "seq"}

func diff(path string, before, after any, paths *[]string) {
	switch a := after.(type) {
	case map[string]any:
		b, ok := before.(map[string]any)
		if !ok {
			*paths = append(*paths, path)
			return
		}
		for key, value := range a {
			diff(join(path, key), b[key], value, paths)
		}
	case []any:
		b, ok := before.([]any)
		if !ok {
			*paths = append(*paths, path)
			return
		}
		old := map[string]any{}
		for i, element := range b {
			old[identify(i, element)] = element
		}
		for i, element := range a {
			name := identify(i, element)
			was, ok := old[name]
			delete(old, name)
			if !ok {
				*paths = append(*paths, join(path, name))
				continue
			}
			diff(join(path, name), was, element, paths)
		}
		for name := range old { // what is gone
			*paths = append(*paths, join(path, name))
		}
	default:
		if !reflect.DeepEqual(before, after) {
			*paths = append(*paths, path)
		}
	}
}

func identify(index int, element any) string {
	switch x := element.(type) {
	case map[string]any:
		for _, key := range identities {
			if value, ok := x[key]; ok {
				return identify(index, value)
			}
		}
	case string:
		return x
	case float64:
		return strconv.FormatFloat(x, 'f', -1, 64) // not 4.02653184e+09
	}
	return strconv.Itoa(index)
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	// A dot in a name, as in a path or an address, would split it.
	return path + "." + strings.ReplaceAll(key, ".", "·")
}

// generic is a reading as JSON has it.
func generic(raw json.RawMessage) any {
	var v any
	_ = json.Unmarshal(raw, &v) // we have just marshalled it
	return v
}
