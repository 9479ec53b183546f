package lesson

import (
	"fmt"
	"html/template"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/net/html"
)

var attacks = []string{
	`<script>alert(1)</script>`,
	"<script\n>alert(1)</script\n>",
	`<SCRIPT SRC=//evil.example/x.js></SCRIPT>`,
	`<img src=x onerror=alert(1)>`,
	`<svg onload=alert(1)>`,
	`<svg><script>alert(1)</script></svg>`,
	`<svg><animate attributeName=href to=javascript:alert(1) /></svg>`,
	`<iframe src="javascript:alert(1)"></iframe>`,
	`<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>`,
	`<details open ontoggle=alert(1)>`,
	`<a href="javascript:alert(1)">x</a>`,
	`<style>@import url(//evil.example/x.css)</style>`,
	`<base href="//evil.example/">`,
	`<meta http-equiv=refresh content="0;url=//evil.example">`,
	`<form action=//evil.example><input name=x></form>`,
	`<!--><script>alert(1)</script>-->`,
	"<!-- x\n--><script>alert(1)</script>",
	`<?php <script>alert(1)</script> ?>`,
	`<![CDATA[<script>alert(1)</script>]]>`,
	`<!DOCTYPE html><script>alert(1)</script>`,
	`[x](javascript:alert(1))`,
	`[x](JaVaScRiPt:alert(1))`,
	`[x](&#106;avascript:alert(1))`,
	"[x](java\tscript:alert(1))",
	`[x](<java` + "\u0001" + `script:alert(1)>)`,
	`[x]( javascript:alert(1))`,
	`[x](vbscript:msgbox(1))`,
	`[x](data:text/html,<script>alert(1)</script>)`,
	`[x](//evil.example/x)`,
	`[x](/\evil.example)`,
	`[x](https://example.org/"onmouseover="alert(1))`,
	`[x](https://example.org "a\" onmouseover=\"alert(1)")`,
	`[x](#"onmouseover="alert(1))`,
	`[x][r]` + "\n\n" + `[r]: javascript:alert(1)`,
	`<javascript:alert(1)>`,
	`<data:text/html,x>`,
	`![x](javascript:alert(1))`,
	`![x" onerror="alert(1)](pictures/p.png)`,
	`![x](pictures/p.png"onerror="alert(1))`,
	`![x](pictures/evil.svg "t\"><script>alert(1)</script>")`,
	`![<script>alert(1)</script>](pictures/evil.svg)`,
	`![x](data:image/svg+xml,<svg onload=alert(1)>)`,
	"```\"><script>alert(1)</script>\nx\n```",
	"```sh onerror=alert(1)\n</code></pre><script>alert(1)</script>\n```",
	"    </code><script>alert(1)</script>",
	"`</code><script>alert(1)</script>`",
	"| <script>alert(1)</script> |\n| --- |\n| <img src=x onerror=alert(1)> |",
	`# <script>alert(1)</script> {onclick=alert(1)}`,
	`### x {#id onclick=alert(1)}`,
	`[^1]` + "\n\n" + `[^1]: <script>alert(1)</script> [x](javascript:alert(1))`,
	`~~<script>alert(1)</script>~~`,
	`<x@example.org?onclick=">`,
	`&lt;script&gt;alert(1)&lt;/script&gt;`,
}

const evilSVG = `<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x "y">]>
<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" onload="alert(1)">
<script>alert(1)</script><script xlink:href="//evil.example/x.js"/>
<foreignObject><body xmlns="http://www.w3.org/1999/xhtml"><script>alert(1)</script></body></foreignObject>
<a xlink:href="javascript:alert(1)"><text>x</text></a>
<use href="//evil.example/x.svg#y"/><use xlink:href="data:image/svg+xml,x"/><image href="//evil.example/x.png"/>
<rect fill="url(//evil.example/x.svg#y)" style="background:url('//evil.example/y')" onclick="alert(1)"/>
<rect><animate attributeName="href" values="javascript:alert(1)"/><set attributeName="onclick" to="alert(1)"/></rect>
<style>@import url(//evil.example/x.css); .a { fill: url(//evil.example/z) }</style>
<style>&lt;/style>&lt;script>alert(1)&lt;/script></style>
<style><![CDATA[</style><script>alert(1)</script>]]></style>
<text>&lt;script&gt;alert(1)&lt;/script&gt;</text><title>&lt;img src=x onerror=alert(1)></title>
<iframe xmlns="http://www.w3.org/1999/xhtml" src="javascript:alert(1)"/>
</svg>`

// Whatever an author writes, the page runs nothing and loads nothing from elsewhere.
func TestInert(t *testing.T) {
	for i, attack := range attacks {
		t.Run(fmt.Sprintf("%02d %.30s", i, attack), func(t *testing.T) {
			indented := "    " + strings.ReplaceAll(attack, "\n", "\n    ")
			quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`, "\u0001", `\u0001`).Replace(attack) + `"`
			body := attack + "\n\n## " + strings.ReplaceAll(attack, "\n", " ") + "\n\nText " + attack + "\n\n- " + attack + "\n\n> " + attack + "\n\n" +
				"```run\n" + strings.ReplaceAll(attack, "```", "") + "\n```\n" +
				"```note why\n" + strings.ReplaceAll(attack, "```", "") + "\n```\n" +
				"````exercise e\ntitle: " + quoted + "\ntask: |\n" + indented + "\nchecks: [{that: x, say: " + quoted + "}]\nhints: [" + quoted + "]\n````\n" +
				"```solution e\n" + strings.ReplaceAll(attack, "```", "") + "\n```\n" +
				"````quiz q\nquestion: |\n" + indented + "\nchoices: [{text: " + quoted + ", right: true}, " + quoted + "]\nexplain: " + quoted + "\n````\n" +
				"````predict p\nquestion: " + quoted + "\nchoices: [" + quoted + "]\nafter: x\nanswer: y\nbecause: " + quoted + "\n````\n" +
				"<!-- when: cgroup_version == 1 because: " + strings.ReplaceAll(strings.ReplaceAll(attack, "-->", ""), "\n", " ") + " -->\nx\n<!-- end -->\n"
			// No fence attack may end the file early: Load's problems are not what is tested here.
			fsys := fstest.MapFS{
				"course.yaml":       {Data: []byte("title: T\ndescription: |\n" + indented + "\n")},
				"01-one.md":         {Data: []byte("---\ntitle: " + quoted + "\nreading: [{title: " + quoted + ", url: \"https://example.org/\"}]\n---\n" + body)},
				"pictures/p.png":    {Data: []byte("x")},
				"pictures/evil.svg": {Data: []byte(strings.Replace(evilSVG, `<!DOCTYPE svg [<!ENTITY x "y">]>`, "", 1))},
			}
			c := &Course{pictures: newGallery(fsys)}
			l, problems := Loader{}.lesson("01-one.md", "one", fsys["01-one.md"].Data, c.pictures)
			if l == nil {
				t.Fatal(problems)
			}
			l.variants = slices.DeleteFunc(l.variants, func(v *variant) bool { return v.program == nil })
			p, err := l.For(Facts{CgroupVersion: 2, Kernel: "6.1"}, First)
			if err != nil {
				t.Fatal(err)
			}
			out := p.Opening.HTML + p.Footnotes + p.Contents() + p.ReadingList() + l.md.block(attack)
			for _, s := range p.Steps {
				out += s.HTML
			}
			for _, e := range p.Exercises() {
				out += e.SolutionHTML() + e.HintHTML(1) + e.SayHTML(0)
			}
			for _, q := range p.Quizzes() {
				out += q.QuestionHTML() + q.ExplainHTML()
			}
			for _, q := range p.Predictions() {
				out += q.BecauseHTML()
			}
			inert(t, out)
		})
	}
}

// allowed are the elements that a page may have.
var allowed = setOf(`html head body section div p span a h1 h2 h3 h4 h5 h6 ul ol li blockquote em strong del code pre hr br table thead tbody
	tr th td figure figcaption img aside form fieldset legend label input button sup`)

func inert(t *testing.T, out template.HTML) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(string(out)))
	if err != nil {
		t.Fatal(err)
	}
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if n.Namespace == "" && !allowed[n.Data] || n.Namespace == "svg" && !svgElements[n.Data] || n.Namespace == "math" {
			t.Errorf("element %s %s in:\n%s", n.Namespace, n.Data, out)
		}
		if n.Namespace == "svg" && n.Data == "style" && n.FirstChild != nil && unsafeCSS(n.FirstChild.Data) {
			t.Errorf("style sheet %s", n.FirstChild.Data)
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(strings.ToLower(a.Key), "on") || a.Key == "srcdoc" || a.Key == "action" || a.Key == "formaction" {
				t.Errorf("attribute %s=%q of %s in:\n%s", a.Key, a.Val, n.Data, out)
			}
			if strings.Contains(a.Val, "url(") && !strings.Contains(a.Val, "url(#") {
				t.Errorf("attribute %s=%q of %s", a.Key, a.Val, n.Data)
			}
			if a.Key == "href" || a.Key == "src" {
				u, err := url.Parse(a.Val)
				if err != nil || !slices.Contains([]string{"", "https", "http", "mailto"}, u.Scheme) || u.Scheme == "" && (u.Host != "" || strings.HasPrefix(a.Val, `/\`)) {
					t.Errorf("address %s=%q of %s", a.Key, a.Val, n.Data)
				}
				if a.Key == "src" && u.Host != "" {
					t.Errorf("%s loads %q", n.Data, a.Val)
				}
			}
		}
	}
}

// The test above must be able to fail.
func TestInertSees(t *testing.T) {
	for _, bad := range []template.HTML{`<script>x</script>`, `<p onclick="x">`, `<a href="javascript:x">x</a>`, `<a href="//e">x</a>`, `<img src="https://e/x">`, `<svg><set/></svg>`, `<p style="background:url(x)">`} {
		probe := &testing.T{}
		inert(probe, bad)
		if !probe.Failed() {
			t.Errorf("%s passes for harmless", bad)
		}
	}
}

func TestInlineSVG(t *testing.T) {
	tests := []struct{ name, svg, want string }{
		{
			"ids and styles are the picture's own",
			`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9" aria-labelledby="t"><title id="t">T</title><style>/* c */ .a, #t > b { fill: url(#g) } @media (prefers-color-scheme: dark) { .a { fill: #fff } }</style><linearGradient id="g"/><rect fill="url( '#g' )" aria-describedby="t x"/><use href="#g"/></svg>`,
			`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><title id="picture-x-t">T</title><style>.picture-x .a,.picture-x #picture-x-t &gt; b{ fill: url(#picture-x-g) }` + "\n" + `@media (prefers-color-scheme: dark){.picture-x .a{ fill: #fff }` + "\n" + `}</style><linearGradient id="picture-x-g"></linearGradient><rect fill="url(#picture-x-g)" aria-describedby="picture-x-t x"></rect><use href="#picture-x-g"></use></svg>`,
		},
		{
			"drawing programs leave their own",
			`<svg xmlns="http://www.w3.org/2000/svg" xmlns:i="http://www.inkscape.org/x" i:version="1"><i:view zoom="1"><rect/></i:view><rect i:label="x" width="1"/></svg>`,
			`<svg xmlns="http://www.w3.org/2000/svg"><rect width="1"></rect></svg>`,
		},
		{
			"style sheets that load something go",
			`<svg xmlns="http://www.w3.org/2000/svg"><style>.a{fill:u\72l(x)}</style><style>.a{b:url(x)}</style><style>}.a{}</style><style>@font-face{src:x}</style><style>a{b{c:d}}</style></svg>`,
			`<svg xmlns="http://www.w3.org/2000/svg"><style></style><style></style><style></style><style></style><style></style></svg>`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, _, err := inlineSVG("pictures/x.svg", []byte(tt.svg))
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != tt.want {
				t.Errorf("inlineSVG:\n got %s\nwant %s", got, tt.want)
			}
		})
	}
	for _, bad := range []string{"", "text", "<p>x</p>", "<svg", "<svg></svg", "<html><svg/></html>"} {
		if got, _, err := inlineSVG("pictures/x.svg", []byte(bad)); err == nil {
			t.Errorf("inlineSVG(%q) = %s, want an error", bad, got)
		}
	}
}
