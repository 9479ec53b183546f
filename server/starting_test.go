package server

import (
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestStarting(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	early, err := Begin(Config{Assets: front, Log: slog.New(slog.DiscardHandler)}, l.(*net.TCPListener))
	if err != nil {
		t.Fatal(err)
	}
	site := "http://" + l.Addr().String()
	ask := func(path, accept, host string) (int, string) {
		t.Helper()
		r, err := http.NewRequest(http.MethodGet, site+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		r.Header.Set("Accept", accept)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(b)
	}
	for _, path := range []string{"/", "/lessons/one", "/nothing", "/assets/nothing.js"} {
		if status, text := ask(path, "text/html", ""); status != http.StatusServiceUnavailable || !strings.Contains(text, "The lab is being made ready.") {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
	early.Tell([]Task{{Name: "unpacking", Done: 7, Total: 89, Unit: "packages", Since: time.Now().Add(-3 * time.Second)}})
	status, text := ask("/lessons/one", "application/json", "")
	var got, want any
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(`{"say":"The lab is being made ready.","tasks":[{"name":"unpacking","done":7,"total":89,"unit":"packages","took":3}]}`), &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); status != http.StatusServiceUnavailable || diff != "" {
		t.Errorf("status %d (-want +got):\n%s", status, diff)
	}
	if status, _ := ask("/assets/app-1.js", "*/*", ""); status != http.StatusOK {
		t.Errorf("an asset: %d", status)
	}
	if status, _ := ask("/", "text/html", "evil.example"); status != http.StatusMisdirectedRequest {
		t.Errorf("under a name that is not ours: %d", status)
	}

	// Who comes between the two waits for the lab, on the same address.
	for range 2 {
		if err := early.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	answers := make(chan int, 1)
	go func() {
		res, err := http.Get(site + "/lessons/one")
		if err != nil {
			t.Error(err)
			answers <- 0
			return
		}
		defer res.Body.Close()
		answers <- res.StatusCode
	}()
	lab := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })}
	go lab.Serve(l)
	defer lab.Close()
	if status := <-answers; status != http.StatusTeapot {
		t.Errorf("the lab answers %d", status)
	}
}
