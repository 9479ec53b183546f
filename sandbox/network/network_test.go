package network

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"testing"
	"testing/fstest"
	"time"
)

// testTimeout is when something that should take microseconds counts as stuck; an emulated machine with thirty learners is slow.
const testTimeout = time.Minute

// profiles stand for those that the lab embeds.
var profiles = fstest.MapFS{
	"default.json":          {Data: []byte(`{"defaultAction": "SCMP_ACT_ERRNO"}`)},
	"default-no-chmod.json": {Data: []byte(`{"defaultAction": "SCMP_ACT_ERRNO", "no": "chmod"}`)},
}

// require skips a test that cannot run here. GLASSBOX_REQUIRE=1 makes that a failure.
func require(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		const why = "network namespaces need root"
		if os.Getenv("GLASSBOX_REQUIRE") == "1" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
}

func openGateway(t testing.TB, config Config) *Gateway {
	t.Helper()
	require(t)
	if config.State == "" {
		config.State = t.TempDir()
	}
	g, err := Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

// box is a network namespace that stands for a sandbox.
type box struct {
	*namespace
	link *Link
}

func newBox(t testing.TB, g *Gateway) *box {
	t.Helper()
	ns, err := newNamespace()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ns.close() })
	l, err := g.AttachNamespace(t.Context(), ns.file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return &box{namespace: ns, link: l}
}

// dial connects from inside the box, to a literal address.
func (b *box) dial(ctx context.Context, network, address string) (c net.Conn, err error) {
	err = b.do(func() error {
		c, err = (&net.Dialer{}).DialContext(ctx, network, address)
		return err
	})
	return c, err
}

// client is an HTTP client in the box that asks the gateway for names and trusts the lab.
func (b *box) client(g *Gateway) *http.Client {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(g.CA.Certificate)
	resolver := b.resolver()
	return &http.Client{
		Timeout: testTimeout,
		Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: roots},
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				host, port, err := net.SplitHostPort(address)
				if err != nil {
					return nil, err
				}
				ip, err := netip.ParseAddr(host)
				if err != nil {
					ips, err := resolver.LookupNetIP(ctx, "ip4", host)
					if err != nil {
						return nil, err
					}
					ip = ips[0]
				}
				return b.dial(ctx, network, net.JoinHostPort(ip.String(), port))
			},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// resolver asks the gateway, from inside the box.
func (b *box) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return b.dial(ctx, network, net.JoinHostPort(b.link.Gateway(), "53"))
	}}
}

// get fetches a page from inside the box.
func (b *box) get(t *testing.T, g *Gateway, url string, header ...string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := b.client(g).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}
