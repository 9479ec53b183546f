package lesson

import (
	"fmt"
	"html/template"
	"path"
	"regexp"
	"slices"
	"strings"
)

// File is a file that the learner writes into the box with one click.
type File struct {
	Line     int
	Terminal string // where it is written
	Path     string // as a shell takes it, without anything that would need quotes; from the shell's directory if it has no / in front
	Text     string // what is in it, each line ended by "\n"
}

// At is the line where the block begins.
func (b *File) At() int { return b.Line }

// HTML implements [Block].
func (b *File) HTML() template.HTML { return fileHTML("run file", b.Script()) }

// Script is the block as something to type.
func (b *File) Script() Script {
	return Script{Line: b.Line, Terminal: b.Terminal, Text: b.Text, File: b.Path}
}

// Script is the block as something to type.
func (b *Run) Script() Script {
	return Script{Line: b.Line, Terminal: b.Terminal, Text: b.Text, Interrupt: b.Interrupt}
}

// Typed is what is typed into the terminal: the commands, or those that write the file. Each line is ended by "\n".
func (s Script) Typed() string {
	if s.File == "" {
		return s.Text
	}
	before, after := writing(s.File, s.Text)
	return before + s.Text + after
}

// writing is what a shell needs before and after a file's text to write it: a here-document, which stands on the screen
// as it stands in the file. The directory is made as well, unless it is one that every box has, such as /root.
func writing(file, text string) (before, after string) {
	lines := strings.Split(text, "\n")
	end := "EOF"
	for n := 2; slices.Contains(lines, end); n++ {
		end = fmt.Sprintf("EOF%d", n)
	}
	if dir := path.Dir(file); strings.Contains(strings.TrimPrefix(dir, "/"), "/") || dir != "." && !path.IsAbs(file) {
		before = "mkdir -p " + dir + " && "
	}
	return before + "cat > " + file + " <<'" + end + "'\n", end + "\n"
}

// filePath is a path that means the same to every shell, quoted or not.
var filePath = regexp.MustCompile(`^[A-Za-z0-9._/][A-Za-z0-9._/@+-]*$`)

// path reads the path of a file that follows a block's words.
func (f *fence) path(name string) {
	switch {
	case !filePath.MatchString(name):
		f.add(fmt.Sprintf("%q cannot be the path of a file", name), "use letters, digits, and . _ - / only, such as /root/app/Dockerfile")
	case strings.HasSuffix(name, "/"), path.Base(name) == ".", path.Base(name) == "..":
		f.add(name+" is a directory", "name the file: "+path.Join(name, "Dockerfile"))
	}
}

func (f *fence) file() *File {
	b := &File{Line: f.line, Terminal: f.first, Text: f.body}
	if len(f.args) == 0 {
		f.add("the file has no path", "write ```file and where it is, such as /root/app/Dockerfile")
		return b
	}
	b.Path = f.args[0]
	f.path(b.Path)
	var interrupt bool
	if b.Terminal, interrupt = f.terminal(f.args[1:]); interrupt {
		f.add("a file cannot be written with interrupt", "interrupt in a run block before it")
	}
	if f.body == "" {
		f.add("the file "+b.Path+" is empty", "write what is in it; an empty file is made by touch in a run block")
	}
	return b
}

// fileHTML shows a file with a button that writes it. What is typed around its text is in attributes.
func fileHTML(class string, s Script) template.HTML {
	before, after := writing(s.File, s.Text)
	esc := template.HTMLEscapeString
	return template.HTML(fmt.Sprintf(`<figure class="%s" data-terminal="%s" data-file="%s" data-before="%s" data-after="%s">`+
		`<figcaption class="run-bar"><span class="file-path">%s</span><span class="run-terminal">%s</span>`+
		`<button type="button" class="run-go" data-write title="Write it in terminal %s">Write it</button>`+
		`<button type="button" class="copy" data-copy>Copy</button></figcaption>`+
		`<pre class="code" tabindex="0"><code>%s</code></pre></figure>`+"\n",
		class, s.Terminal, s.File, esc(before), esc(after), s.File, s.Terminal, s.Terminal, linesHTML(s.Text, commentSigns[languageOf(s.File)])))
}

// languageOf is the language of a file by its name, as after a fence; empty where its comments are not known.
func languageOf(file string) string {
	switch base := strings.ToLower(path.Base(file)); base {
	case "dockerfile", "containerfile", ".dockerignore", "makefile":
		return "dockerfile"
	default:
		return strings.TrimPrefix(path.Ext(base), ".")
	}
}
