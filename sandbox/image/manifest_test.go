package image

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOwnManifest(t *testing.T) {
	m, err := parseManifest(manifestYAML)
	if err != nil {
		t.Fatal(err)
	}
	order := m.order()
	if len(order) != len(m.Images) {
		t.Fatalf("order has %d images, the manifest %d", len(order), len(m.Images))
	}
	references := map[string]string{}
	for i, name := range order {
		if from := m.Images[name].From; from != "" && !slices.Contains(order[:i], from) {
			t.Errorf("%s comes before %s, which it is made from", name, from)
		}
		for _, tag := range m.Images[name].Tags {
			full := m.reference(name) + ":" + tag
			if other, ok := references[full]; ok {
				t.Errorf("%s and %s are both %s", other, name, full)
			}
			references[full] = name
		}
	}
	// The names that the course's slides use.
	for _, want := range []string{
		"docker.io/library/nginx:latest", "docker.io/library/debian:latest", "docker.io/library/ubuntu:latest",
		"docker.io/library/golang:1.19", "docker.io/library/alpine:latest", "gcr.io/distroless/static:latest",
	} {
		if references[want] == "" {
			t.Errorf("no image %s", want)
		}
	}
}

func TestParseManifest(t *testing.T) {
	const good = "\n  base: {tags: [latest], what: a base, root: debian, packages: [x], config: {cmd: [sh]}}"
	for _, c := range []struct{ name, text, want string }{
		{"good", good, ""},
		{"unknown key", good + "\n  a: {tags: [x], what: a, root: debian, colour: red, config: {}}", "colour"},
		{"no tags", "\n  a: {what: a, root: debian, config: {}}", "a: no tags"},
		{"no words", "\n  a: {tags: [x], root: debian, config: {}}", "what"},
		{"nothing", "\n  a: {tags: [x], what: a, config: {}}", "made of nothing"},
		{"two bottoms", good + "\n  a: {tags: [x], what: a, root: debian, from: base, config: {}}", "either a root or"},
		{"another root", "\n  a: {tags: [x], what: a, root: fedora, config: {}}", `root "fedora"`},
		{"from nowhere", "\n  a: {tags: [x], what: a, from: b, packages: [x], config: {}}", `from "b", which is no image`},
		{"in a circle", "\n  a: {tags: [x], what: a, from: b, packages: [x], config: {}}\n  b: {tags: [x], what: a, from: a, packages: [x], config: {}}", "made from itself"},
		{"bad pattern", "\n  a: {tags: [x], what: a, root: debian, drop: ['[']}", "pattern"},
		{"modules without Go", "\n  a: {tags: [x], what: a, root: debian, modules: usr/x}", "a Go"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parseManifest([]byte("images:" + c.text + "\n"))
			if c.want == "" && err != nil {
				t.Errorf("got %v, want no error", err)
			}
			if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

func TestChain(t *testing.T) {
	m := manifest{Images: map[string]recipe{
		"base": {Drop: []string{"a"}},
		"mid":  {From: "base", Drop: []string{"b"}},
		"top":  {From: "mid"},
	}}
	if d := cmp.Diff([]string{"base", "mid", "top"}, m.chain("top")); d != "" {
		t.Errorf("chain (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"a", "b"}, m.drops("top")); d != "" {
		t.Errorf("drops (-want +got):\n%s", d)
	}
}

func TestReference(t *testing.T) {
	m := manifest{Images: map[string]recipe{"other": {Name: "gcr.io/a/b"}}}
	for name, want := range map[string]string{
		"nginx": "docker.io/library/nginx", "gcr.io/distroless/static": "gcr.io/distroless/static", "other": "gcr.io/a/b",
	} {
		if got := m.reference(name); got != want {
			t.Errorf("reference of %s: got %s, want %s", name, got, want)
		}
	}
}

func TestLeads(t *testing.T) {
	only := []string{"usr/share/zoneinfo", "var/lib/*/x"}
	for dir, want := range map[string]bool{"usr": true, "usr/share": true, "usr/lib": false, "var/lib/dpkg": true, "usr/share/zoneinfo": false} {
		if got := leads(only, dir); got != want {
			t.Errorf("leads(%s): got %v, want %v", dir, got, want)
		}
	}
}
