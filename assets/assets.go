// Package assets holds what the binary carries with it: the built front end (dist) and the small programs that run
// inside sandboxes (bin). Both directories are filled by make and are empty in the repository.
package assets

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// ErrNotBuilt says that the binary was compiled before the front end was.
var ErrNotBuilt = errors.New("this glassbox was built without its pages: build it with make")

// Front returns the built front end: files whose names carry a hash of their content, so that a browser may keep them
// for ever, and manifest.json. It fails with ErrNotBuilt when there is nothing in it.
func Front() (fs.FS, error) {
	sub, err := fs.Sub(dist, "dist")
	if err != nil {
		return nil, fmt.Errorf("front end: %w", err)
	}
	if _, err := fs.Stat(sub, manifestName); err != nil {
		return nil, ErrNotBuilt
	}
	return sub, nil
}

const manifestName = "manifest.json"

// Manifest tells the names of the built files.
type Manifest struct {
	// Files maps a name as templates have it to the file's name: "app.js" to "app-4F2A91XQ.js".
	Files map[string]string `json:"files"`
	// Preload names the fonts that every page needs at once.
	Preload []string `json:"preload"`
}

// ReadManifest reads the manifest of a front end, which need not be the embedded one.
func ReadManifest(front fs.FS) (Manifest, error) {
	b, err := fs.ReadFile(front, manifestName)
	if err != nil {
		return Manifest{}, fmt.Errorf("front end: %w", err)
	}
	var m Manifest
	if err := json.Unmarshal(b, &m); err != nil {
		return Manifest{}, fmt.Errorf("front end: %s: %w", manifestName, err)
	}
	if len(m.Files) == 0 {
		return Manifest{}, fmt.Errorf("front end: %s names no files", manifestName)
	}
	return m, nil
}
