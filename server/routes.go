package server

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"

	"glassbox/server/lesson"
)

// course is GET /: the list of lessons.
func (s *Server) course(w http.ResponseWriter, r *http.Request) error {
	who := s.signer.welcome(w, r)
	p, err := s.notebooks.read(who)
	if err != nil {
		return err
	}
	page := CoursePage{Frame: s.frame(r, p)}
	for _, c := range s.taught.Load().courses {
		section := CourseSection{Title: c.Title, About: c.DescriptionHTML(), Parts: s.parts(r, c, p)}
		for _, part := range section.Parts {
			for i, l := range part.Lessons {
				section.Passed += l.Passed
				section.Total += l.Total
				if section.Next == nil && !l.Done() {
					section.Next = &part.Lessons[i]
				}
			}
		}
		page.Courses = append(page.Courses, section)
	}
	for _, seat := range s.seats.of(who) {
		if link, ok := seat.link(); ok {
			page.Boxes = append(page.Boxes, link)
		}
	}
	return s.render(w, http.StatusOK, "course.html", page)
}

// link is the seat's box for the course's page; false if there is none.
func (s *seat) link() (BoxLink, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	link := BoxLink{LessonTitle: s.edition.Load().Title, URL: "/lessons/" + s.lesson}
	if s.box != nil {
		link.Hostname = hostname(s.box)
	}
	return link, s.state == ready || s.state == building
}

// pageOf is the lesson that the request names, with this visitor's values, and what the visitor has done in it. It writes
// nothing, so that visitors who only read, and programs that never keep a cookie, leave no file behind.
func (s *Server) pageOf(who visitor, slug string) (*lesson.Page, *progress, error) {
	l, err := s.taught.Load().lesson(slug)
	if err != nil {
		return nil, nil, err
	}
	p, err := s.notebooks.read(who)
	if err != nil {
		return nil, nil, err
	}
	seed := p.lesson(slug).Seed
	if seed == "" {
		seed = s.signer.mac(string(who) + "/" + slug) // it cannot be a cookie's: an id has no slash
	}
	page, err := l.For(s.facts(), lesson.Seeded([]byte(seed)))
	if err != nil {
		return nil, nil, err
	}
	return page, p, nil
}

// lesson is GET /lessons/{lesson}.
func (s *Server) lesson(w http.ResponseWriter, r *http.Request) error {
	slug := r.PathValue("lesson")
	known, err := s.taught.Load().lesson(slug)
	if err != nil { // before anybody gets a cookie
		return err
	}
	page, p, err := s.pageOf(s.signer.welcome(w, r), slug)
	if err != nil {
		return err
	}
	out := LessonPage{
		Frame:      s.frame(r, p),
		Contents:   page.Contents(),
		Reading:    page.ReadingList(),
		Footnotes:  page.Footnotes,
		RestartURL: "/lessons/" + slug + "/restart",
		WipeURL:    "/lessons/" + slug + "/wipe",
		Start:      s.start(page, known.version, p.Lessons[slug]),
	}
	out.Title = page.Title + " · " + out.CourseTitle
	out.Description = page.Summary
	var all []LessonLink
	for _, part := range out.Parts {
		all = append(all, part.Lessons...)
	}
	for i := range all {
		if !all[i].Current {
			continue
		}
		out.Lesson = all[i]
		out.Lesson.Title, out.Lesson.Summary = page.Title, page.Summary
		if i > 0 {
			out.Previous = &all[i-1]
		}
		if i+1 < len(all) {
			out.Next = &all[i+1]
		}
	}
	if len(page.Opening.Blocks) > 0 {
		out.Steps = append(out.Steps, Step{HTML: page.Opening.HTML})
	}
	for _, step := range page.Steps {
		out.Steps = append(out.Steps, Step{ID: step.ID, Title: step.Title, HTML: step.HTML})
	}
	return s.render(w, http.StatusOK, "lesson.html", out)
}

// start is what the lesson's program needs.
func (s *Server) start(page *lesson.Page, version string, work *lessonWork) Start {
	out := Start{
		Lesson:    page.Slug,
		Version:   version,
		Lab:       "/ws/lab?lesson=" + page.Slug,
		Terminal:  "/ws/terminal/",
		Terminals: page.Terminals,
		Panels:    []PanelChoice{},
		Passed:    passedOf(page, work),
		Total:     len(page.Exercises()),
		Quizzes:   make(map[string]bool),
	}
	for _, q := range page.Quizzes() {
		if right, ok := work.Quizzes[q.ID]; ok {
			out.Quizzes[q.ID] = right
		}
	}
	known := panelChoices()
	for _, name := range page.Panels {
		if i := slices.IndexFunc(known, func(c PanelChoice) bool { return c.Name == name }); i >= 0 {
			c := known[i]
			c.Open = true
			out.Panels = append(out.Panels, c)
		}
	}
	for _, c := range known {
		if !slices.Contains(page.Panels, c.Name) {
			out.Panels = append(out.Panels, c)
		}
	}
	return out
}

// passedOf are the exercises of the page that are passed, in its order; never nil.
func passedOf(page *lesson.Page, work *lessonWork) []string {
	out := []string{}
	for _, e := range page.Exercises() {
		if work.passed(e.ID) {
			out = append(out, e.ID)
		}
	}
	return out
}

// picture is GET /lessons/{lesson}/{picture...}.
func (s *Server) picture(w http.ResponseWriter, r *http.Request) error {
	known, err := s.taught.Load().lesson(r.PathValue("lesson"))
	if err != nil {
		return err
	}
	b, kind, err := known.course.Picture(r.PathValue("picture"))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
		return notFound("There is no such picture.")
	}
	if err != nil {
		return fmt.Errorf("picture: %w", err)
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", "private, max-age=300")
	// An SVG that is opened by itself is a document, and may hold scripts.
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox")
	_, _ = w.Write(b)
	return nil
}

// restart is POST /lessons/{lesson}/restart: a fresh box. Progress stays.
func (s *Server) restart(w http.ResponseWriter, r *http.Request) error {
	who, ok := s.signer.visitor(r)
	slug := r.PathValue("lesson")
	if _, err := s.taught.Load().lesson(slug); err != nil {
		return err
	}
	if !ok {
		return errNobody
	}
	if seat := s.seats.find(place{who, slug}); seat != nil {
		if err := seat.restart(); err != nil {
			return err
		}
	}
	return s.done(w, r, slug)
}

// wipe is POST /lessons/{lesson}/wipe: no box, no progress, other values.
func (s *Server) wipe(w http.ResponseWriter, r *http.Request) error {
	who, ok := s.signer.visitor(r)
	slug := r.PathValue("lesson")
	if _, err := s.taught.Load().lesson(slug); err != nil {
		return err
	}
	if !ok {
		return errNobody
	}
	err := s.notebooks.change(who, func(p *progress) bool {
		_, had := p.Lessons[slug]
		p.Lessons[slug] = &lessonWork{Seed: randomID()}
		return had
	})
	if err != nil {
		return err
	}
	if seat := s.seats.find(place{who, slug}); seat != nil {
		s.seats.drop(seat)
	}
	return s.done(w, r, slug)
}

// done answers a POST: a form is sent back to its page, a program is not.
func (s *Server) done(w http.ResponseWriter, r *http.Request, slug string) error {
	if wantsJSON(r) {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	http.Redirect(w, r, "/lessons/"+slug, http.StatusSeeOther)
	return nil
}
