package network

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
	"golang.org/x/crypto/ssh"
)

// tarball is a file with the name of a release. Its content is of no matter to the gateway.
func tarball(t testing.TB) (path string, content []byte) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "alpine-minirootfs-3.20.3-x86_64.tar.gz")
	for i := range 1 << 18 {
		content = fmt.Appendf(content, "%d ", i)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path, content
}

func TestSites(t *testing.T) {
	alpine, content := tarball(t)
	g := openGateway(t, Config{
		Alpine:   alpine,
		Profiles: profiles,
		Sites: map[string]http.Handler{"Registry.example": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, "a site of the caller's")
		})},
	})
	b := newBox(t, g)
	if want := "http://dl-cdn.alpinelinux.org/alpine/v3.20/releases/x86_64/alpine-minirootfs-3.20.3-x86_64.tar.gz"; g.URL != want {
		t.Fatalf("URL %s, want %s", g.URL, want)
	}
	const raw = "raw.githubusercontent.com/docker/labs/master/security/seccomp/seccomp-profiles/"
	noChmod := string(profiles["default-no-chmod.json"].Data)
	tests := []struct {
		name, url string
		header    []string
		status    int
		body      string // exact, or
		contains  string
	}{
		{"teapot", "http://httpstat.us/418", nil, 418, "", "I'm a teapot\n"},
		{"teapot over TLS", "https://httpstat.us/418", nil, 418, "", "I'm a teapot\n"},
		{"status", "http://httpstat.us/503", nil, 503, "503 Service Unavailable\n", ""},
		{"status as JSON", "http://httpstat.us/200", []string{"Accept", "application/json"}, 200, `{"code":200,"description":"OK"}`, ""},
		{"status without a body", "http://httpstat.us/204", nil, 204, "", ""},
		{"redirect", "http://httpstat.us/302", nil, 302, "302 Found\n", ""},
		{"no status", "http://httpstat.us/1000", nil, 404, "", "418"},
		{"tarball", g.URL, nil, 200, string(content), ""},
		{"tarball over TLS", strings.Replace(g.URL, "http:", "https:", 1), nil, 200, string(content), ""},
		{"part of the tarball", g.URL, []string{"Range", "bytes=1000-1999"}, 206, string(content[1000:2000]), ""},
		{"checksum", g.URL + ".sha256", nil, 200, "", "  alpine-minirootfs-3.20.3-x86_64.tar.gz\n"},
		{"tarball's short address", "http://glassbox.lab/alpine.tar.gz", nil, 200, string(content), ""},
		{"another tarball", "http://dl-cdn.alpinelinux.org/alpine/edge", nil, 404, "", g.URL[len("http://"):]},
		{"profile", "https://" + raw + "default-no-chmod.json", nil, 200, noChmod, ""},
		{"profile's short address", "http://glassbox.lab/default-no-chmod.json", nil, 200, noChmod, ""},
		{"other profile", "https://" + raw + "default.json", nil, 200, string(profiles["default.json"].Data), ""},
		{"no profile", "https://" + raw + "nothing.json", nil, 404, "", raw + "default.json"},
		{"key", "https://github.com/allanbreyes.keys", nil, 200, "", "glassbox-lab-key"},
		{"no key", "https://github.com/torvalds.keys", nil, 404, "", "https://github.com/allanbreyes.keys"},
		{"private key", "http://glassbox.lab/lab.key", nil, 200, "", "OPENSSH PRIVATE KEY"},
		{"CA", "http://glassbox.lab/ca.pem", nil, 200, string(g.CA.Certificate), ""},
		{"index", "http://glassbox.lab", nil, 200, "", "  glassbox.lab/alpine.tar.gz"},
		{"index by address", "http://" + g.Address.String() + "/", nil, 200, "", "httpstat.us"},
		{"index by address over TLS", "https://" + g.Address.String() + "/", nil, 200, "", "httpstat.us"},
		{"no such page", "http://glassbox.lab/nothing", nil, 404, "", "http://glassbox.lab"},
		{"caller's site", "https://registry.example/v2/", nil, 200, "a site of the caller's", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			response, body := b.get(t, g, tt.url, tt.header...)
			if response.StatusCode != tt.status {
				t.Errorf("%s, want %d", response.Status, tt.status)
			}
			if tt.contains == "" && body != tt.body {
				t.Errorf("%d bytes that differ: %s", len(body), cmp.Diff(head(tt.body), head(body)))
			}
			if !strings.Contains(body, tt.contains) {
				t.Errorf("no %q in:\n%s", tt.contains, body)
			}
			if tt.body != "" && tt.contains == "" && response.ContentLength != int64(len(tt.body)) {
				t.Errorf("Content-Length %d, want %d", response.ContentLength, len(tt.body))
			}
		})
	}
}

// head is the beginning of a long text.
func head(s string) string { return s[:min(len(s), 200)] }

func TestUnknownHost(t *testing.T) {
	config := Config{State: t.TempDir()}
	ca, err := OpenCA(config.State)
	if err != nil {
		t.Fatal(err)
	}
	s, err := newSites(config, &Gateway{Address: theGateway, CA: ca})
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"example.com", "EXAMPLE.com:80", "example.com.", "<script>"} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host = host
		s.ServeHTTP(w, r)
		if w.Code != http.StatusMisdirectedRequest || !strings.Contains(w.Body.String(), "httpstat.us") {
			t.Errorf("%s: %d %s", host, w.Code, w.Body)
		}
		if got := w.Header().Get("Content-Type"); !strings.HasPrefix(got, "text/plain") {
			t.Errorf("%s: Content-Type %s", host, got)
		}
	}
}

// Where there is no Alpine, another root is offered, and not as Alpine's.
func TestStandIn(t *testing.T) {
	file := filepath.Join(t.TempDir(), "busybox-root-debian-12-amd64.tar.gz")
	if err := os.WriteFile(file, []byte("a root"), 0o600); err != nil {
		t.Fatal(err)
	}
	config := Config{State: t.TempDir(), StandIn: file}
	ca, err := OpenCA(config.State)
	if err != nil {
		t.Fatal(err)
	}
	g := &Gateway{Address: theGateway, CA: ca}
	s, err := newSites(config, g)
	if err != nil {
		t.Fatal(err)
	}
	if want := "http://glassbox.lab/busybox-root-debian-12-amd64.tar.gz"; g.URL != want {
		t.Errorf("URL %s, want %s", g.URL, want)
	}
	for url, want := range map[string]string{g.URL: "a root", "http://glassbox.lab/": "glassbox.lab/busybox-root-debian-12-amd64.tar.gz"} {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, url, nil))
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %s", url, w.Code, w.Body)
		}
	}
	if _, ok := s.by[alpineHost]; ok {
		t.Error("it is offered in Alpine's name")
	}
}

func TestAlpineName(t *testing.T) {
	for _, name := range []string{"alpine.tar.gz", "alpine-minirootfs-3.20-x86_64.tar.gz", "alpine-minirootfs-3.20.3-../x.tar.gz"} {
		if _, err := newAlpine(filepath.Join(t.TempDir(), name)); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if _, err := newAlpine(filepath.Join(t.TempDir(), "alpine-minirootfs-3.20.3-aarch64.tar.gz")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestNames(t *testing.T) {
	g := openGateway(t, Config{})
	b := newBox(t, g)
	resolver := b.resolver()
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()

	addresses, err := resolver.LookupHost(ctx, "httpstat.us")
	if err != nil || !slices.Equal(addresses, []string{g.Address.String()}) {
		t.Errorf("httpstat.us: %v, %v", addresses, err)
	}
	var notFound *net.DNSError
	if _, err := resolver.LookupHost(ctx, "example.com"); !errors.As(err, &notFound) || !notFound.IsNotFound {
		t.Errorf("example.com: %v", err)
	}
	if names, err := resolver.LookupAddr(ctx, g.Address.String()); err != nil || !slices.Equal(names, []string{"glassbox.lab."}) {
		t.Errorf("the gateway's name: %v, %v", names, err)
	}

	for _, network := range []string{"udp", "tcp"} {
		conn, err := b.dial(ctx, network, net.JoinHostPort(g.Address.String(), "53"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if deadline, ok := ctx.Deadline(); ok {
			_ = conn.SetDeadline(deadline)
		}
		client := &dns.Conn{Conn: conn}
		for _, tt := range []struct {
			name          string
			kind          uint16
			rcode, answer int
		}{
			{"HTTPSTAT.us.", dns.TypeA, dns.RcodeSuccess, 1},
			{"httpstat.us.", dns.TypeAAAA, dns.RcodeSuccess, 0},
			{"httpstat.us.", dns.TypeMX, dns.RcodeSuccess, 0},
			{"www.httpstat.us.", dns.TypeA, dns.RcodeNameError, 0},
			{".", dns.TypeNS, dns.RcodeNameError, 0},
			{"store.dns.podman.", dns.TypeA, dns.RcodeRefused, 0}, // a container's: it is not for us to say
		} {
			if err := client.WriteMsg(new(dns.Msg).SetQuestion(tt.name, tt.kind)); err != nil {
				t.Fatal(err)
			}
			got, err := client.ReadMsg()
			if err != nil {
				t.Fatal(err)
			}
			if got.Rcode != tt.rcode || len(got.Answer) != tt.answer || !got.Authoritative {
				t.Errorf("%s: %v", network, got)
			}
			if tt.answer == 0 && tt.rcode != dns.RcodeRefused && len(got.Ns) != 1 {
				t.Errorf("%s: an empty answer without SOA: %v", network, got)
			}
		}
	}
}

// FuzzNames: a query makes an answer that can be packed, and never one that is longer than a datagram may be.
func FuzzNames(f *testing.F) {
	s := &nameServer{address: theGateway, names: []string{"httpstat.us"}}
	for _, kind := range []uint16{dns.TypeA, dns.TypeANY, dns.TypePTR} {
		q, err := new(dns.Msg).SetQuestion("httpstat.us.", kind).Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, packet []byte) {
		q := new(dns.Msg)
		if q.Unpack(packet) != nil {
			return
		}
		a := s.answer(q)
		if a.Id != q.Id || !a.Response {
			t.Errorf("not an answer to the question: %v", a)
		}
		if len(q.Question) == 1 && a.Len() > dns.MinMsgSize+255 {
			t.Errorf("%d bytes", a.Len())
		}
	})
}

func TestCA(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	first, err := OpenCA(state)
	if err != nil {
		t.Fatal(err)
	}
	again, err := OpenCA(state)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Certificate, again.Certificate) {
		t.Error("a second start has another authority")
	}
	if bytes.Contains(first.Certificate, []byte("PRIVATE")) {
		t.Error("the key is in what sandboxes are given")
	}
	stat, err := os.Stat(filepath.Join(state, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if stat.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", stat.Mode())
	}
	entries, err := os.ReadDir(state)
	if err != nil || len(entries) != 1 {
		t.Errorf("left in the state directory: %v, %v", entries, err)
	}

	first.names, first.address = []string{"glassbox.lab", "httpstat.us"}, theGateway.AsSlice()
	leaf, err := first.leaf("httpstat.us")
	if err != nil {
		t.Fatal(err)
	}
	if second, _ := first.leaf("HTTPSTAT.us"); second != leaf {
		t.Error("the certificate is made again")
	}
	if _, err := first.leaf("example.com"); err == nil {
		t.Error("signs for a site that the lab does not have")
	}
	if byAddress, err := first.leaf(""); err != nil || byAddress.Leaf.VerifyHostname(theGateway.String()) != nil {
		t.Errorf("the certificate for the address: %v", err)
	}

	if err := os.WriteFile(filepath.Join(state, "ca.pem"), []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenCA(state); err == nil {
		t.Error("a torn file is taken")
	}
}

func TestHandshakeForUnknownSite(t *testing.T) {
	g := openGateway(t, Config{})
	b := newBox(t, g)
	conn, err := b.dial(t.Context(), "tcp", net.JoinHostPort(g.Address.String(), "443"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	client := tls.Client(conn, &tls.Config{ServerName: "example.com", InsecureSkipVerify: true})
	if err := client.HandshakeContext(t.Context()); err == nil {
		t.Error("the gateway shows a certificate for example.com")
	}
}

func TestLabKey(t *testing.T) {
	state := t.TempDir()
	line, private, err := labKey(state)
	if err != nil {
		t.Fatal(err)
	}
	public, comment, _, _, err := ssh.ParseAuthorizedKey(line)
	if err != nil || public.Type() != ssh.KeyAlgoED25519 || comment != keyComment {
		t.Fatalf("%q: %v", line, err)
	}
	signer, err := ssh.ParsePrivateKey(private)
	if err != nil || !bytes.Equal(signer.PublicKey().Marshal(), public.Marshal()) {
		t.Errorf("the two halves are not of one key: %v", err)
	}
	if again, _, err := labKey(state); err != nil || !bytes.Equal(again, line) {
		t.Errorf("the second time it is %q, %v", again, err)
	}
	if err := os.WriteFile(filepath.Join(state, "lab.key"), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := labKey(state); err == nil || !strings.Contains(err.Error(), "remove the file") {
		t.Errorf("a damaged key gives %v", err)
	}
}
