package lesson

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"
)

//go:embed template
var templates embed.FS

// New writes a new lesson into the course in dir and returns the path of its file. The lesson is complete, has nothing
// to lint, and can be verified: an example to change. name may be any words: "Mount points" becomes
// 04-mount-points.md if the course has three lessons. Where there is no course yet, New begins one. Files that exist are
// left alone.
func New(dir, name string) (string, error) {
	id := trimDashes(slug(name))
	if id == "" || !idPattern.MatchString(id) {
		return "", fmt.Errorf("new lesson %q: the name needs letters from a to z, and must begin with one", name)
	}
	if err := os.MkdirAll(filepath.Join(dir, "pictures"), 0o755); err != nil {
		return "", fmt.Errorf("new lesson: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", fmt.Errorf("new lesson: %w", err)
	}
	last := 0
	for _, e := range entries {
		m := lessonFile.FindStringSubmatch(e.Name())
		if m == nil {
			continue
		}
		if m[2] == id {
			return "", fmt.Errorf("new lesson %s: %w: %s", id, fs.ErrExist, filepath.Join(dir, e.Name()))
		}
		if n, err := strconv.Atoi(m[1]); err == nil {
			last = max(last, n)
		}
	}
	title := strings.TrimSpace(strings.NewReplacer("-", " ", "_", " ", `"`, "", `\`, "", "\n", " ").Replace(name))
	title = strings.ToUpper(title[:1]) + title[1:]
	lesson := filepath.Join(dir, fmt.Sprintf("%02d-%s.md", last+1, id))
	words := map[string]string{"Title": title, "Slug": id}
	for _, f := range []struct {
		from, to string
		keep     bool // an existing file is as good
	}{
		{"course.yaml", filepath.Join(dir, CourseFile), true},
		{"picture.svg", filepath.Join(dir, "pictures", id+".svg"), true},
		{"lesson.md", lesson, false},
	} {
		err := write(f.to, f.from, words)
		if f.keep && errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("new lesson: %w", err)
		}
	}
	return lesson, nil
}

// write fills a template into a file that must not exist.
func write(path, from string, words map[string]string) error {
	text, err := templates.ReadFile("template/" + from)
	if err != nil {
		return err
	}
	// Lessons are full of double braces, so the template's are others.
	t, err := template.New(from).Delims("<<", ">>").Parse(string(text))
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	return errors.Join(t.Execute(f, words), f.Close())
}

func trimDashes(s string) string {
	for strings.Contains(s, "--") {
		s = strings.ReplaceAll(s, "--", "-")
	}
	return strings.Trim(strings.ReplaceAll(s, "_", "-"), "-")
}
