package server

import "html/template"

// The templates and what they are given.
//
// Every page is a file below templates/ and is executed by its name:
//
//	course.html   CoursePage   GET /
//	lesson.html   LessonPage   GET /lessons/{lesson}
//	error.html    ErrorPage    every page that is not there, and every failure
//	starting.html StartingPage every page while the lab starts
//
// All files of the directory are parsed into one set, so they may share definitions ({{template "head" .}}). Each page
// embeds Frame, so that what every page needs is at {{.Title}}, {{.CourseTitle}} and so on. Functions for templates:
//
//	asset NAME   the address of a built file: {{asset "app.js"}} is /assets/app-4F2A91.js
//	fonts        the addresses of the fonts to preload
//	inc N        N + 1, for numbers that people read
//
// The Content-Security-Policy forbids inline scripts and event attributes. A <script type="application/json"> is no
// script in its eyes, and is how a page hands values to the program: {{.Start}} of a LessonPage, which html/template
// encodes as JSON there.

// Frame is what every page knows.
type Frame struct {
	Title       string        // of the document; plain text
	Description string        // one plain sentence, for the meta element; may be empty
	CourseTitle string        // the title of the lesson's course, or of the first one; plain text
	Parts       []PartSection // of that course
	Host        HostWords
	Path        string // of the request, cleaned: "/lessons/control-groups"
}

// PartSection is a group of lessons of a course, as the visitor has them.
type PartSection struct {
	Title   string // plain text; empty when the course has no parts
	Summary string // plain text; may be empty
	Lessons []LessonLink
}

// LessonLink is one lesson in the course's list, as the visitor has it.
type LessonLink struct {
	Slug    string // "control-groups"
	URL     string // "/lessons/control-groups"
	Number  int    // 1 for the first lesson of the course
	Title   string // plain text
	Summary string // plain text, one sentence
	Minutes int    // expected time; 0 when the author gives none
	Passed  int    // exercises that the visitor has passed
	Total   int    // exercises in the lesson
	Visited bool   // the visitor has opened the lesson
	Current bool   // the lesson of this page
	Lacks   string // what of this lab its box lacks, in words; empty nearly always
}

// Done tells whether every exercise of the lesson is passed. A lesson without exercises is done once it is opened.
func (l LessonLink) Done() bool { return l.Visited && l.Passed >= l.Total }

// HostWords says on which machine the sandboxes run, in words for the foot of a page.
type HostWords struct {
	Kernel        string // "6.1.0-26-cloud-amd64"
	CgroupVersion int    // 1 or 2; 0 when unknown
	Root          string // what the root of a sandbox is made from: "Alpine 3.20.3"; empty when unknown
	Notice        string // what every visitor must know, "this is busybox, not Alpine: …"; empty nearly always
}

// CoursePage is the list of lessons.
type CoursePage struct {
	Frame
	Courses []CourseSection // at least one
	// Boxes are the visitor's live sandboxes, the latest used first.
	Boxes []BoxLink
}

// CourseSection is a course with its lessons.
type CourseSection struct {
	Title  string        // plain text
	About  template.HTML // the course's description, rendered from its markdown
	Parts  []PartSection
	Passed int         // exercises that the visitor has passed in the whole course
	Total  int         // exercises in the whole course
	Next   *LessonLink // where to go on: the first lesson that is not done; nil when all are
}

// BoxLink is one live sandbox of the visitor.
type BoxLink struct {
	LessonTitle string
	URL         string // of its lesson
	Hostname    string // empty while it is being built
}

// LessonPage is a lesson beside its sandbox.
type LessonPage struct {
	Frame
	Lesson   LessonLink
	Previous *LessonLink // nil for the first lesson
	Next     *LessonLink // nil for the last one
	Steps    []Step      // in order; the first one may be what stands before the first heading
	// Contents (section.contents), Reading (section.reading) and Footnotes (section.footnotes) are rendered by package
	// lesson. Reading and Footnotes may be empty.
	Contents, Reading, Footnotes template.HTML
	// RestartURL and WipeURL take a POST (with fetch or a form; Origin or Sec-Fetch-Site must be ours). They answer a
	// fetch that has "Accept: application/json" with 204, and a form with 303 to the lesson.
	RestartURL string
	WipeURL    string
	Start      Start // what the program needs; put it into <script type="application/json" id="start">
}

// Start is what the lesson's program knows before it has opened a socket.
type Start struct {
	Lesson    string          `json:"lesson"`    // slug, for /ws/lab?lesson=
	Version   string          `json:"version"`   // of the lesson's text; the lab's socket tells when there is another
	Lab       string          `json:"lab"`       // path and query of the lab's socket: "/ws/lab?lesson=control-groups"
	Terminal  string          `json:"terminal"`  // path of a terminal's socket without its id: "/ws/terminal/"
	Terminals []string        `json:"terminals"` // names of the terminals, in the author's order
	Panels    []PanelChoice   `json:"panels"`    // all panels that there are; those of the lesson are Open, and come first in the author's order
	Passed    []string        `json:"passed"`    // ids of the exercises that the visitor has passed
	Total     int             `json:"total"`     // exercises in the lesson
	Quizzes   map[string]bool `json:"quizzes"`   // quizzes that the visitor has answered, and whether right
}

// PanelChoice is a panel that the visitor may open.
type PanelChoice struct {
	Name  string `json:"name"`  // "memory", as in the messages of the lab's socket
	Title string `json:"title"` // "Memory of the group"
	Open  bool   `json:"open"`  // the lesson opens it
}

// Step is one slide of a lesson. Package lesson renders it, and its documentation is the contract for the elements and
// classes within. What the visitor has done already (Start.Passed, Start.Quizzes) is for the page's program to mark.
type Step struct {
	ID    string        // fragment of the URL, unique in the page: "set-a-limit"; empty for what stands before the first heading
	Title string        // plain text
	HTML  template.HTML // the whole section.step, with its heading
}

// ErrorPage is every answer that is not the wanted one.
type ErrorPage struct {
	Frame
	Status int    // of the response: 404
	Say    string // what happened, in the visitor's words
	Do     string // what the visitor can do; may be empty
}
