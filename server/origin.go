package server

import (
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// ours tells whether a request to open a websocket comes from a page of our own. Browsers let any page open a websocket
// to anywhere and send the cookies along; the Origin header is the only thing that tells. So it must be there, once, and
// name the host that the request was sent to. A request without one comes from no browser, or from one that hides
// something; "null" is what sandboxed frames and files send.
func ours(r *http.Request) bool {
	origins := r.Header.Values("Origin")
	if len(origins) != 1 {
		return false
	}
	u, err := url.Parse(origins[0])
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return false
	}
	return strings.EqualFold(u.Host, r.Host)
}

// knownHost refuses requests for names that are not ours. A page of a foreign site can have its own name resolve to our
// address (DNS rebinding); its requests are then same-origin to the browser, and only the Host header is wrong. Without
// Config.Hosts we know no names of our own, but who connects by way of loopback should call us localhost or by address: an
// address cannot be rebound.
func (s *Server) knownHost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !known(s.config.Hosts, r) {
			http.Error(w, "Nobody has told this lab that it is called "+strconv.Quote(r.Host)+". Its operator can, with --host.", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func known(hosts []string, r *http.Request) bool {
	name := r.Host
	if h, _, err := net.SplitHostPort(name); err == nil {
		name = h
	}
	name = strings.Trim(name, "[]")
	if len(hosts) > 0 {
		return slices.ContainsFunc(hosts, func(host string) bool { return strings.EqualFold(host, name) })
	}
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok || !local.IP.IsLoopback() {
		return true
	}
	return strings.EqualFold(name, "localhost") || net.ParseIP(name) != nil
}

// contentSecurityPolicy: everything comes from here and nothing is inline, but for styles: xterm.js sets them, and so do
// the charts. A lesson's text can then bring no script into the page even if the renderer let one through.
const contentSecurityPolicy = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
	"object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// secured sets the headers that every response has.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentSecurityPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
		next.ServeHTTP(w, r)
	})
}
