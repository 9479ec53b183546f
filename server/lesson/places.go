package lesson

import (
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// The addresses that the server gives to what is in a course.
const lessonsPath = "/lessons/"

// places resolves what a lesson links to.
type places struct {
	lesson   string // slug
	pictures *gallery
}

// lessonFile is the name of a lesson's file: its number, and its slug.
var lessonFile = regexp.MustCompile(`^([0-9]+)-([a-z0-9][a-z0-9-]*)\.md$`)

// target is where a link leads.
type target struct {
	url      string // what the page says; empty when the link must not be followed
	outside  bool   // of the course
	lesson   string // slug of the lesson that is meant; empty for an outside link
	fragment string // what in the lesson is meant; may be empty
}

// link resolves the destination of a link. What is neither another lesson's file nor a plain web address leads nowhere:
// javascript: and data: never reach the page.
func (p places) link(destination string) target {
	u, err := url.Parse(strings.TrimSpace(destination))
	if err != nil {
		return target{}
	}
	switch strings.ToLower(u.Scheme) {
	case "http", "https":
		if u.Host == "" {
			return target{}
		}
		return target{url: u.String(), outside: true}
	case "mailto":
		return target{url: u.String(), outside: true}
	case "":
	default:
		return target{}
	}
	if u.Host != "" || u.RawQuery != "" {
		return target{}
	}
	fragment := ""
	if u.Fragment != "" {
		fragment = "#" + (&url.URL{Fragment: u.Fragment}).EscapedFragment()
	}
	if u.Path == "" {
		return target{url: fragment, lesson: p.lesson, fragment: u.Fragment}
	}
	m := lessonFile.FindStringSubmatch(strings.TrimPrefix(u.Path, "./"))
	if m == nil {
		return target{}
	}
	return target{url: lessonsPath + m[2] + fragment, lesson: m[2], fragment: u.Fragment}
}

// picture is the name of a picture within the course, or "" when the destination is none.
func (p places) picture(destination string) string {
	u, err := url.Parse(destination)
	if err != nil || u.Scheme != "" || u.Host != "" || u.RawQuery != "" || strings.HasPrefix(u.Path, "/") {
		return ""
	}
	name := path.Clean(u.Path)
	if name == "." || name == ".." || strings.HasPrefix(name, "../") || pictureTypes[strings.ToLower(path.Ext(name))] == "" {
		return ""
	}
	return name
}

// pictureURL is the address of a picture of this lesson. With its version, so that a browser does not show an old one.
func (p places) pictureURL(name, version string) string {
	return lessonsPath + p.lesson + "/" + (&url.URL{Path: name}).EscapedPath() + "?" + version
}

// slug is the id that a code host gives to a heading: lower case, blanks as dashes, no punctuation.
func slug(heading string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(strings.TrimSpace(heading)) {
		switch {
		case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
			b.WriteRune(r)
		case r == ' ':
			b.WriteByte('-')
		}
	}
	return b.String()
}

func itoa(n int) string { return strconv.Itoa(n) }
