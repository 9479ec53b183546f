package server

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"sync"
)

// assets are the files of the built front end. Their names carry a hash of what is in them, so a browser may keep them for
// ever; manifest.json tells the names.
type assets struct {
	files   map[string]*asset // by file name
	names   map[string]string // "app.js" -> "app-4F2A91XQ.js"
	preload []string          // file names of fonts that every page needs
}

// asset is one file. It is held in memory, and compressed when somebody first asks.
type asset struct {
	content []byte
	kind    string // media type
	gzip    func() []byte
}

func loadAssets(front fs.FS) (*assets, error) {
	b, err := fs.ReadFile(front, "manifest.json")
	if err != nil {
		return nil, fmt.Errorf("the front end is not built: %w", err)
	}
	var manifest struct {
		Files   map[string]string `json:"files"`
		Preload []string          `json:"preload"`
	}
	if err := json.Unmarshal(b, &manifest); err != nil {
		return nil, fmt.Errorf("front end: manifest.json: %w", err)
	}
	a := &assets{files: make(map[string]*asset), names: manifest.Files, preload: manifest.Preload}
	err = fs.WalkDir(front, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || name == "manifest.json" || strings.HasPrefix(path.Base(name), ".") {
			return err
		}
		content, err := fs.ReadFile(front, name)
		if err != nil {
			return err
		}
		kind := mediaType(name)
		a.files[name] = &asset{content: content, kind: kind, gzip: sync.OnceValue(func() []byte { return compress(kind, content) })}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("front end: %w", err)
	}
	for name, file := range a.names {
		if a.files[file] == nil {
			return nil, fmt.Errorf("front end: manifest.json says that %s is %s, which is not there", name, file)
		}
	}
	return a, nil
}

// mediaType does not depend on what the machine has in /etc/mime.types.
func mediaType(name string) string {
	switch ext := path.Ext(name); ext {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".woff2":
		return "font/woff2"
	case ".svg":
		return "image/svg+xml"
	case ".png":
		return "image/png"
	case ".jpg", ".jpeg":
		return "image/jpeg"
	case ".webp":
		return "image/webp"
	case ".txt", ".md":
		return "text/plain; charset=utf-8"
	case ".json":
		return "application/json"
	default:
		if t := mime.TypeByExtension(ext); t != "" {
			return t
		}
		return "application/octet-stream"
	}
}

// compress returns nil where it is not worth it.
func compress(kind string, content []byte) []byte {
	if len(content) < 1<<10 || strings.HasPrefix(kind, "font/") || strings.HasPrefix(kind, "image/") && kind != "image/svg+xml" {
		return nil
	}
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil
	}
	_, err = w.Write(content)
	if err := errors.Join(err, w.Close()); err != nil || out.Len() >= len(content)*9/10 {
		return nil
	}
	return out.Bytes()
}

// address is where a built file is, by the name that templates have for it.
func (a *assets) address(name string) (string, error) {
	file, ok := a.names[name]
	if !ok {
		return "", fmt.Errorf("the front end has no %s", name)
	}
	return "/assets/" + file, nil
}

// fonts are the addresses of the fonts to preload.
func (a *assets) fonts() []string {
	out := make([]string, len(a.preload))
	for i, f := range a.preload {
		out[i] = "/assets/" + f
	}
	return out
}

// serve is GET /assets/FILE.
func (a *assets) serve(w http.ResponseWriter, r *http.Request) error {
	f := a.files[strings.TrimPrefix(r.URL.Path, "/assets/")]
	if f == nil {
		return notFound("There is no such file.")
	}
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Vary", "Accept-Encoding")
	content := f.content
	if z := f.gzip(); z != nil && acceptsGzip(r) {
		h.Set("Content-Encoding", "gzip")
		content = z
	}
	h.Set("Content-Length", fmt.Sprint(len(content)))
	_, _ = w.Write(content)
	return nil
}

// acceptsGzip reads as much of RFC 9110, 12.5.3, as browsers use: gzip is named, and not with q=0.
func acceptsGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		coding, q, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.TrimSpace(coding) == "gzip" {
			q = strings.TrimSpace(q)
			return q != "q=0" && !strings.HasPrefix(q, "q=0.000")
		}
	}
	return false
}
