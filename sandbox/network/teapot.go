package network

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// teapot is what RFC 2324 answers with.
const teapot = `
                  )   )
                 (   (
                  )   )
                 ___o___
       __      .'       '.      __
       \ \    /           \   /'  '\
        \ '--'   4  1  8   '-'      |
         '.       I'm a     |      /
           \     teapot     |___.-'
            \              /
             '.__________.'
            '=============='

`

// serveStatus is httpstat.us: it answers /NNN with that status, its number and its words; as JSON for a client that
// accepts nothing else.
func serveStatus(w http.ResponseWriter, r *http.Request) {
	path := strings.Trim(r.URL.Path, "/")
	code, err := strconv.Atoi(path)
	if path == "" {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		fmt.Fprintf(w, "Ask for a status by its number: curl %s/200, or %[1]s/418\n", teapotHost)
		return
	}
	if err != nil || code < 200 || code > 599 {
		// 1xx is no final answer (RFC 9110, 15.2).
		http.Error(w, fmt.Sprintf("%q is not a status from 200 to 599. Try %s/418", path, teapotHost), http.StatusNotFound)
		return
	}
	words := http.StatusText(code)
	if words == "" {
		words = "Unknown Code"
	}
	if code >= 300 && code < 400 && code != http.StatusNotModified {
		w.Header().Set("Location", "http://"+teapotHost)
	}
	var body []byte
	if accept := r.Header.Get("Accept"); strings.HasPrefix(accept, "application/json") {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		body, _ = json.Marshal(struct { // cannot fail
			Code        int    `json:"code"`
			Description string `json:"description"`
		}{code, words})
	} else {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		body = fmt.Appendf(nil, "%d %s\n", code, words)
		if code == http.StatusTeapot {
			body = append(body, teapot...)
		}
	}
	if code == http.StatusNoContent || code == http.StatusNotModified || code == http.StatusResetContent {
		body = nil // has none, RFC 9110, 15.3.5, 15.3.6 and 15.4.5
	} else {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(code)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
}
