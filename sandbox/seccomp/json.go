package seccomp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// jsonValue is a part of a profile that knows where it stands, so that an error can say it: "$.syscalls[3].args[0].op".
type jsonValue struct {
	path string
	v    any
}

func (j jsonValue) errorf(format string, args ...any) error {
	return fmt.Errorf("%s: %s", j.path, fmt.Sprintf(format, args...))
}

// parseJSON reads one JSON value and nothing after it. A syntax error names line and column.
func parseJSON(data []byte) (jsonValue, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	err := d.Decode(&v)
	if err == nil && d.More() {
		err = errors.New("more than one value")
	}
	if err != nil {
		at := d.InputOffset()
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			at = syntax.Offset
		} else if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
			at = int64(len(data))
			err = errors.New("the file ends too early")
		}
		before := data[:min(at, int64(len(data)))]
		line := bytes.Count(before, []byte("\n")) + 1
		column := len(before) - (bytes.LastIndexByte(before, '\n') + 1)
		return jsonValue{}, fmt.Errorf("line %d, column %d: %w", line, max(column, 1), err)
	}
	return jsonValue{"$", v}, nil
}

// object returns the members of an object. Members that are null are taken for missing; a member that is not among the
// known is an error, since a typing mistake in a filter must not be passed over.
func (j jsonValue) object(known ...string) (map[string]jsonValue, error) {
	raw, ok := j.v.(map[string]any)
	if !ok {
		return nil, j.errorf("is %s; want an object", kind(j.v))
	}
	members := map[string]jsonValue{}
	for key, v := range raw {
		if !slices.Contains(known, key) {
			return nil, j.errorf("unknown key %q; there are %s", key, strings.Join(known, ", "))
		}
		if v != nil {
			members[key] = jsonValue{j.path + "." + key, v}
		}
	}
	return members, nil
}

func (j jsonValue) list() ([]jsonValue, error) {
	if j.v == nil {
		return nil, nil
	}
	raw, ok := j.v.([]any)
	if !ok {
		return nil, j.errorf("is %s; want a list", kind(j.v))
	}
	items := make([]jsonValue, len(raw))
	for i, v := range raw {
		items[i] = jsonValue{fmt.Sprintf("%s[%d]", j.path, i), v}
	}
	return items, nil
}

func (j jsonValue) text() (string, error) {
	s, ok := j.v.(string)
	if !ok {
		return "", j.errorf("is %s; want a string", kind(j.v))
	}
	return s, nil
}

func (j jsonValue) texts() ([]string, error) {
	items, err := j.list()
	if err != nil {
		return nil, err
	}
	var texts []string
	for _, item := range items {
		s, err := item.text()
		if err != nil {
			return nil, err
		}
		texts = append(texts, s)
	}
	return texts, nil
}

// number returns a whole number from 0 to limit.
func (j jsonValue) number(limit uint64) (uint64, error) {
	n, ok := j.v.(json.Number)
	if !ok {
		return 0, j.errorf("is %s; want a number", kind(j.v))
	}
	var u uint64
	if err := json.Unmarshal([]byte(n), &u); err != nil || u > limit {
		return 0, j.errorf("is %s; want a whole number from 0 to %d", n, limit)
	}
	return u, nil
}

func kind(v any) string {
	switch v.(type) {
	case nil:
		return "missing"
	case bool:
		return "true or false"
	case json.Number:
		return "a number"
	case string:
		return "a string"
	case []any:
		return "a list"
	default:
		return "an object"
	}
}
