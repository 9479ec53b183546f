package network

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The sites that a lab offers by itself, by the names that the rest of the world knows them by.
const (
	labHost     = "glassbox.lab"
	teapotHost  = "httpstat.us"
	alpineHost  = "dl-cdn.alpinelinux.org"
	profileHost = "raw.githubusercontent.com"
	keyHost     = "github.com"
)

// sites sends a request to the site that its Host header names.
type sites struct {
	by      map[string]http.Handler
	address string // where a client that gives no name went to: the lab's own site
}

// newSites assembles what the gateway offers.
func newSites(config Config, g *Gateway) (*sites, error) {
	s := &sites{address: g.Address.String(), by: map[string]http.Handler{teapotHost: http.HandlerFunc(serveStatus)}}
	lab := newIndex(s)
	lab.add("/ca.pem", "the certificate that HTTPS is signed with here", bytesHandler("application/x-pem-file", g.CA.Certificate))

	if config.Alpine != "" {
		alpine, err := newAlpine(config.Alpine)
		if err != nil {
			return nil, err
		}
		s.by[alpineHost] = alpine.mux()
		g.URL = alpine.url()
		lab.add("/alpine.tar.gz", "Alpine's mini root filesystem, also at $URL", alpine)
	}
	if config.StandIn != "" {
		at := "/" + filepath.Base(config.StandIn)
		g.URL = "http://" + labHost + at
		lab.add(at, "a root filesystem in the place of Alpine's, also at $URL", rootTarball{config.StandIn})
	}
	if config.Profiles != nil {
		mux, err := profileMux(config.Profiles, lab)
		if err != nil {
			return nil, err
		}
		s.by[profileHost] = mux
	}
	line, private, err := labKey(config.State)
	if err != nil {
		return nil, err
	}
	keys := bytesHandler("text/plain; charset=utf-8", line)
	mux := http.NewServeMux()
	mux.Handle("GET /allanbreyes.keys", keys)
	s.by[keyHost] = withHelp(mux, keyHost, "/allanbreyes.keys")
	lab.add("/lab.keys", "an SSH public key of the lab's own, also at "+keyHost+"/allanbreyes.keys", keys)
	lab.add("/lab.key", "its private half, which in the world outside only its owner has", bytesHandler("application/x-pem-file", private))

	s.by[labHost] = lab.mux()
	for host, h := range config.Sites {
		s.by[strings.ToLower(host)] = h
	}
	return s, nil
}

// names lists the hosts, sorted.
func (s *sites) names() []string { return slices.Sorted(maps.Keys(s.by)) }

// ServeHTTP dispatches by host, paced for each sandbox.
func (s *sites) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if rate, ok := r.Context().Value(paceKey{}).(*pace); ok && rate.wait(r.Context()) != nil {
		return // the client is gone
	}
	host := strings.ToLower(r.Host)
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(host, ".")
	if host == s.address || host == "" {
		host = labHost
	}
	if h, ok := s.by[host]; ok {
		h.ServeHTTP(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusMisdirectedRequest)
	fmt.Fprintf(w, "%q cannot be reached from this lab: it has no internet.\nWhat it has: %s.\nMore at http://%s\n",
		host, strings.Join(s.names(), ", "), labHost)
}

// paceKey is the context key of a connection's *pace.
type paceKey struct{}

// The limits of an HTTP exchange. The last is for a learner who looks at a download that stands still.
const (
	headerTimeout = time.Minute // it costs a connection of the learner's own
	idleTimeout   = time.Minute
	writeTimeout  = 10 * time.Minute
	maxHeader     = 16 << 10 // bytes
)

// newWebServer makes the one server behind the listeners of all cables.
func newWebServer(s *sites, log *slog.Logger) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true) // one request at a time on a connection, so that the limit on connections limits requests
	return &http.Server{
		Handler:           s,
		Protocols:         protocols,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       writeTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug), // what clients do wrong
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			if outer, ok := c.(interface{ NetConn() net.Conn }); ok { // TLS
				c = outer.NetConn()
			}
			if c, ok := c.(*cableConn); ok {
				ctx = context.WithValue(ctx, paceKey{}, c.listener.rate)
			}
			return ctx
		},
	}
}

// bytesHandler serves a small file from memory.
func bytesHandler(contentType string, content []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(string(content)))
	})
}

// withHelp answers what the mux does not know with words that say what there is.
func withHelp(mux *http.ServeMux, host string, paths ...string) http.Handler {
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprintf(w, "This lab has no %s%s. What it has of this site:\n", host, r.URL.Path)
		for _, p := range paths {
			fmt.Fprintf(w, "  https://%s%s\n", host, p)
		}
		fmt.Fprintf(w, "and elsewhere: http://%s\n", labHost)
	})
	return mux
}
