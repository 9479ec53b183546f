package network

import (
	"fmt"
	"net/http"
	"strings"
)

// index is the lab's own site: short addresses for what it offers, and a page that lists them.
type index struct {
	sites *sites
	paths *http.ServeMux
	lines []string
}

func newIndex(s *sites) *index {
	return &index{sites: s, paths: http.NewServeMux()}
}

// add offers a file.
func (x *index) add(path, what string, h http.Handler) {
	x.paths.Handle("GET "+path, h)
	x.lines = append(x.lines, fmt.Sprintf("  %s%-23s %s\n", labHost, path, what))
}

// mux is the site. It is made last, when all is added.
func (x *index) mux() http.Handler {
	x.paths.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		fmt.Fprintf(w, `This is the gateway of your lab, and all that its cable leads to. There is no internet behind it.

Sites, over HTTP and HTTPS:
  %s

Files, for curl -O:
%s
A teapot, for curl:
  %s/418
`, strings.Join(x.sites.names(), "\n  "), strings.Join(x.lines, ""), teapotHost)
	})
	x.paths.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, fmt.Sprintf("The lab has no %s. What it has: http://%s", r.URL.Path, labHost), http.StatusNotFound)
	})
	return x.paths
}
