package server

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"glassbox/server/lesson"
)

// edition is a lesson as a seat has it: with its visitor's values, and as its author had written it at some time.
type edition struct {
	*lesson.Page
	version string // of what the author wrote
}

// versionOf is short, and another one whenever something that a learner sees or is judged by is another.
func versionOf(page *lesson.Page) (string, error) {
	b, err := json.Marshal(page)
	if err != nil {
		return "", fmt.Errorf("the version of %s: %w", page.Slug, err)
	}
	sum := sha256.Sum256(append(b, page.Footnotes...))
	return base64.RawURLEncoding.EncodeToString(sum[:9]), nil
}

// Slips are what is wrong with the files of a course, for its author, who has its pages open.
type Slips struct {
	Problems lesson.Problems
	Old      bool // because of them the lessons are still those of before
}

// Warn has every open page of a lesson, and those that are opened later, show what is wrong with the course, until it is
// called again.
func (s *Server) Warn(slips Slips) {
	s.slips.Store(&slips)
	for _, seat := range s.seats.of("") {
		seat.mu.Lock()
		seat.tellEdition()
		seat.mu.Unlock()
	}
}

// lessonMessage tells which edition of the lesson there is, and what is to be said about it.
type lessonMessage struct {
	Type    string `json:"type"`
	Version string `json:"version"`
	// Outgrown says, in words, what the lesson needs and the box was not built with; empty nearly always.
	Outgrown string `json:"outgrown,omitempty"`
	// Slips are lines for the author: file, line, what is wrong, what to do. Old says that the text is that of before.
	Slips []string `json:"slips,omitempty"`
	Old   bool     `json:"old,omitempty"`
}

// tellEdition tells every page of the seat. The caller holds the lock.
func (s *seat) tellEdition() {
	for l := range s.labs {
		l.tell(lessonSlot, s.aboutEdition())
	}
}

// aboutEdition says which edition the seat has. The caller holds the lock.
func (s *seat) aboutEdition() lessonMessage {
	now := s.edition.Load()
	m := lessonMessage{Type: "lesson", Version: now.version}
	if s.box != nil && !reflect.DeepEqual(s.needs, now.Needs) {
		m.Outgrown = inWords(now.Needs)
	}
	if slips := s.server.slips.Load(); slips != nil {
		m.Old = slips.Old
		for _, p := range slips.Problems {
			m.Slips = append(m.Slips, p.String())
		}
	}
	return m
}

// inWords says what a lesson needs of its box.
func inWords(n lesson.Needs) string {
	var words []string
	for _, size := range []struct {
		bytes int64
		of    string
	}{{n.Memory, "of memory"}, {n.Disk, "of disk"}} {
		switch {
		case size.bytes >= 1<<30 && size.bytes%(1<<30) == 0:
			words = append(words, fmt.Sprintf("%d GiB %s", size.bytes>>30, size.of))
		case size.bytes > 0:
			words = append(words, fmt.Sprintf("%d MiB %s", size.bytes>>20, size.of))
		}
	}
	if n.Pids > 0 {
		words = append(words, fmt.Sprintf("%d processes", n.Pids))
	}
	for _, layer := range n.Layers {
		words = append(words, "the layer "+layer)
	}
	if len(words) == 0 {
		return "what every box has"
	}
	return strings.Join(words, ", ")
}

// renew brings the seat's lesson up to what is taught. The box and its terminals stay; exercises are judged by what they
// are now. A lesson that is no longer taught stays as it is.
func (s *seat) renew() error {
	version := s.server.taught.Load().version(s.lesson)
	if version == "" || s.edition.Load().version == version {
		return nil
	}
	page, work, err := s.server.pageOf(s.visitor, s.lesson)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.edition.Store(&edition{page, version})
	if s.glass != nil {
		if err := s.glass.renew(page, work.lesson(s.lesson)); err != nil {
			return err
		}
	}
	s.tellEdition()
	return nil
}
