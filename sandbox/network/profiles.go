package network

import (
	"fmt"
	"io/fs"
	"net/http"
)

// profilePath is where docker/labs keeps its seccomp profiles.
const profilePath = "/docker/labs/master/security/seccomp/seccomp-profiles/"

// profileNames are those that the course uses.
var profileNames = [...]string{"default.json", "default-no-chmod.json"}

// profileMux serves the seccomp profiles, and adds them to the lab's own site.
func profileMux(files fs.FS, lab *index) (http.Handler, error) {
	mux := http.NewServeMux()
	var paths []string
	for _, name := range profileNames {
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, fmt.Errorf("seccomp profile: %w", err)
		}
		// As a code host serves raw files: as text.
		h := bytesHandler("text/plain; charset=utf-8", content)
		mux.Handle("GET "+profilePath+name, h)
		lab.add("/"+name, "a seccomp profile", h)
		paths = append(paths, profilePath+name)
	}
	return withHelp(mux, profileHost, paths...), nil
}
