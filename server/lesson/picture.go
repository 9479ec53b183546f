package lesson

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"image"
	_ "image/gif" // sizes of pictures
	_ "image/jpeg"
	_ "image/png"
	"io/fs"
	"path"
	"strings"
	"sync"
)

// pictureTypes are the kinds of pictures that a course may have.
var pictureTypes = map[string]string{
	".svg": "image/svg+xml", ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg",
	".gif": "image/gif", ".webp": "image/webp", ".avif": "image/avif",
}

// maxPicture bounds what is read of a picture, in bytes.
const maxPicture = 8 << 20

// gallery holds a course's pictures. Each is read once.
type gallery struct {
	fsys fs.FS
	mu   sync.Mutex
	read map[string]*picture
}

// picture is one file.
type picture struct {
	svg           template.HTML // what goes into the page; empty for others than SVG
	width, height int           // in pixels; 0 when unknown
	version       string        // another one when what is in the file is another
	removed       Problems      // what was taken out of an SVG
	err           error
}

func newGallery(fsys fs.FS) *gallery { return &gallery{fsys: fsys, read: map[string]*picture{}} }

// Picture reads a picture of the course by its name there, "pictures/tree.png", and says which content type it has. An
// SVG may hold scripts when it is opened by itself: serve it with "Content-Security-Policy: sandbox". Other files of the
// course are not found: fs.ErrNotExist.
func (c *Course) Picture(name string) (data []byte, contentType string, err error) {
	contentType = pictureTypes[strings.ToLower(path.Ext(name))]
	if contentType == "" || !fs.ValidPath(name) {
		return nil, "", fmt.Errorf("picture %s: %w", name, fs.ErrNotExist)
	}
	data, err = fs.ReadFile(c.fsys, name)
	return data, contentType, err
}

// get reads a picture, or remembers it.
func (g *gallery) get(name string) *picture {
	g.mu.Lock()
	defer g.mu.Unlock()
	if p := g.read[name]; p != nil {
		return p
	}
	p := &picture{}
	g.read[name] = p
	data, err := fs.ReadFile(g.fsys, name)
	switch {
	case err != nil:
		p.err = err
	case len(data) > maxPicture:
		p.err = fmt.Errorf("the picture has %d MiB; at most %d are shown", len(data)>>20, maxPicture>>20)
	case strings.EqualFold(path.Ext(name), ".svg"):
		p.svg, p.removed, p.err = inlineSVG(name, data)
	default:
		if c, _, err := image.DecodeConfig(bytes.NewReader(data)); err == nil {
			p.width, p.height = c.Width, c.Height
		}
		sum := sha256.Sum256(data)
		p.version = hex.EncodeToString(sum[:4])
	}
	return p
}

// class is the class that the styles of an inlined picture are confined to, with a blank before it.
func (g *gallery) class(name string) string {
	if !strings.EqualFold(path.Ext(name), ".svg") {
		return ""
	}
	return " " + pictureClass(name)
}

func pictureClass(name string) string {
	return "picture-" + slug(strings.NewReplacer("/", "-", ".", "-").Replace(strings.TrimSuffix(strings.TrimPrefix(name, "pictures/"), path.Ext(name))))
}

// html shows a picture, or its alternative text where there is none to show.
func (g *gallery) html(p places, name, alt string) template.HTML {
	escaped := template.HTMLEscapeString(alt)
	if name == "" {
		return template.HTML(`<span class="no-picture">` + escaped + "</span>")
	}
	pic := g.get(name)
	if pic.err != nil {
		return template.HTML(`<span class="no-picture">` + escaped + "</span>")
	}
	if pic.svg != "" {
		label := ` role="img" aria-label="` + escaped + `"`
		if alt == "" {
			label = ` aria-hidden="true"`
		}
		return template.HTML(strings.Replace(string(pic.svg), "<svg", "<svg"+label, 1))
	}
	size := ""
	if pic.width > 0 {
		size = fmt.Sprintf(` width="%d" height="%d"`, pic.width, pic.height)
	}
	return template.HTML(`<img src="` + template.HTMLEscapeString(p.pictureURL(name, pic.version)) + `" alt="` + escaped + `"` + size + ` loading="lazy">`)
}

// missing tells whether a picture's error is that it is not there.
func (p *picture) missing() bool { return errors.Is(p.err, fs.ErrNotExist) }

// list are the names of the pictures in a directory of the course.
func (g *gallery) list(dir string) []string {
	entries, err := fs.ReadDir(g.fsys, dir)
	if err != nil {
		return nil
	}
	var out []string
	for _, e := range entries {
		if pictureTypes[strings.ToLower(path.Ext(e.Name()))] != "" {
			out = append(out, path.Join(dir, e.Name()))
		}
	}
	return out
}
