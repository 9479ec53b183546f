package main

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"glassbox/sandbox/sandboxtest"
	"glassbox/server/lesson"
	"glassbox/server/proof"
)

// verify --watch proves a lesson when it is saved, and no other; and it goes on after a mistake.
func TestWatchProvesWhatIsSaved(t *testing.T) {
	r := sandboxtest.Rig(t)
	dir := t.TempDir()
	var paths []string
	for _, name := range []string{"one", "two"} {
		path, err := lesson.New(dir, name)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	proofs, said := make(chan proof.Proof, 10), make(lines, 10)
	o := &watch{
		prover: &proof.Prover{Builder: builder{r}, Workers: 1, Done: func(p proof.Proof) { proofs <- p }},
		offer:  r.Offer, facts: r.Lab.Facts, dir: dir, log: slog.New(slog.DiscardHandler), out: said,
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- o.run(ctx) }()
	expect := func(slug string, proven bool) {
		t.Helper()
		select {
		case p := <-proofs:
			if p.Lesson != slug || p.Proven != proven {
				t.Fatalf("%s is proven: %v (%s); want %s: %v", p.Lesson, p.Proven, p.Error, slug, proven)
			}
		case err := <-done:
			t.Fatalf("it has ended: %v", err)
		}
	}
	expect("one", true)
	expect("two", true)

	good, err := os.ReadFile(paths[1])
	if err != nil {
		t.Fatal(err)
	}
	save := func(from, to string) {
		t.Helper()
		if err := os.WriteFile(paths[1], bytes.Replace(good, []byte(from), []byte(to), 1), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	save("touch /root/{{name}}", "touch /root/other")
	expect("two", false)
	save("hints:", "hint:")
	if got, want := <-said, filepath.Base(paths[1])+":"; !strings.HasPrefix(got, want) || !strings.Contains(got, "unknown key hint") {
		t.Errorf("a mistake is told as %q, want %s… unknown key hint", got, want)
	}
	save("", "")
	expect("two", true)

	cancel()
	if err := <-done; err != nil {
		t.Errorf("at the end: %v", err)
	}
	if len(proofs) > 0 {
		t.Errorf("one more was proven: %+v", <-proofs)
	}
}

// lines is a writer that hands on what is written.
type lines chan string

func (l lines) Write(b []byte) (int, error) {
	l <- string(b)
	return len(b), nil
}
