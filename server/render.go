package server

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"path"
	"slices"

	"glassbox/server/lesson"
)

//go:embed templates
var templateFiles embed.FS

func parseTemplates(a *assets) (*template.Template, error) {
	t, err := template.New("").Funcs(template.FuncMap{
		"asset": a.address,
		"fonts": a.fonts,
		"inc":   func(n int) int { return n + 1 },
	}).ParseFS(templateFiles, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("templates: %w", err)
	}
	for _, name := range []string{"course.html", "lesson.html", "error.html", "starting.html"} {
		if t.Lookup(name) == nil {
			return nil, fmt.Errorf("templates: there is no %s", name)
		}
	}
	return t, nil
}

// render draws a page as a whole or not at all.
func (s *Server) render(w http.ResponseWriter, status int, name string, data any) error {
	var page bytes.Buffer
	if err := s.templates.ExecuteTemplate(&page, name, data); err != nil {
		return fmt.Errorf("draw %s: %w", name, err)
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store") // it shows what this visitor has done
	w.WriteHeader(status)
	_, _ = page.WriteTo(w)
	return nil
}

// frame is what every page knows; p may be nil.
func (s *Server) frame(r *http.Request, p *progress) Frame {
	if p == nil {
		p = &progress{}
	}
	taught := s.taught.Load()
	f := Frame{
		Path: path.Clean("/" + r.URL.Path),
		Host: HostWords{
			Kernel:        s.config.Host.Release,
			CgroupVersion: s.config.Host.CgroupVersion,
			Root:          s.config.Root,
			Notice:        s.config.Notice,
		},
	}
	course := taught.courses[0]
	if l := taught.lessons[r.PathValue("lesson")]; l != nil {
		course = l.course
	}
	f.Title, f.CourseTitle = course.Title, course.Title
	f.Parts = s.parts(r, course, p)
	return f
}

// parts are the lessons of a course, as the visitor has them.
func (s *Server) parts(r *http.Request, course *lesson.Course, p *progress) []PartSection {
	taught := s.taught.Load()
	here := path.Clean("/" + r.URL.Path)
	var parts []PartSection
	for _, part := range course.Parts {
		section := PartSection{Title: part.Title, Summary: part.Summary}
		for _, l := range part.Lessons {
			link := LessonLink{
				Slug:    l.Slug,
				URL:     "/lessons/" + l.Slug,
				Number:  l.Number,
				Title:   l.Title,
				Summary: l.Summary,
				Minutes: l.Minutes,
			}
			link.Current = link.URL == here
			if how, lacks := s.layers.lack(l.Needs.Layers); lacks {
				link.Lacks = map[ProvisionState]string{Making: "being prepared", Missing: "needs more than this lab has"}[how.State]
			}
			if known := taught.lessons[l.Slug]; known != nil {
				link.Total = len(known.exercises)
				if work := p.Lessons[l.Slug]; work != nil {
					link.Visited = !work.Opened.IsZero()
					for _, id := range known.exercises {
						if work.passed(id) {
							link.Passed++
						}
					}
				}
			}
			section.Lessons = append(section.Lessons, link)
		}
		parts = append(parts, section)
	}
	return parts
}

// facts are the host's, as lessons ask for them.
func (s *Server) facts() lesson.Facts {
	ready, others := s.layers.split()
	layers := slices.DeleteFunc(slices.Concat(s.config.Host.Layers, ready), func(l string) bool { return slices.Contains(others, l) })
	return lesson.Facts{CgroupVersion: s.config.Host.CgroupVersion, Kernel: s.config.Host.Release, Layers: layers}
}
