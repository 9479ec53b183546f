package lesson

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestConditions(t *testing.T) {
	debian := Facts{CgroupVersion: 2, Kernel: "6.1.0-26-cloud-amd64", Layers: []string{"docker"}}
	tests := []struct {
		expr  string
		facts Facts
		want  bool
	}{
		{"cgroup_version == 2", debian, true},
		{"cgroup_version == 1", debian, false},
		{`kernel_at_least("6.1")`, debian, true},
		{`kernel_at_least("6.1.0")`, debian, true},
		{`kernel_at_least("6")`, debian, true},
		{`kernel_at_least("5.19")`, debian, true},
		{`kernel_at_least("6.1.1")`, debian, false},
		{`kernel_at_least("6.10")`, debian, false},
		{`kernel_at_least("6.9")`, Facts{Kernel: "6.10-rc3"}, true},
		{`kernel_at_least("6.9")`, Facts{Kernel: "unknown"}, false},
		{`"docker" in layers`, debian, true},
		{`"podman" in layers`, debian, false},
		{`"docker" in layers`, Facts{}, false},
		{`kernel startsWith "6.1." && not (cgroup_version == 1)`, debian, true},
	}
	for _, tt := range tests {
		p, err := compileCondition(tt.expr)
		if err != nil {
			t.Errorf("%s: %v", tt.expr, err)
			continue
		}
		got, err := holds(p, tt.facts)
		if err != nil || got != tt.want {
			t.Errorf("%s on %+v = %v, %v; want %v", tt.expr, tt.facts, got, err, tt.want)
		}
	}
}

func TestConditionInWords(t *testing.T) {
	tests := map[string]string{
		"cgroup_version == 2":                             "control groups of version 2",
		"not (cgroup_version == 2)":                       "control groups of version 1",
		`"docker" in layers`:                              "docker",
		`not ("docker" in layers)`:                        "no docker",
		`kernel_at_least("5.19") and cgroup_version == 1`: "Linux 5.19 or newer and control groups of version 1",
		`!kernel_at_least("5.19") || "docker" in layers`:  "a kernel before Linux 5.19 or docker",
		`kernel startsWith "6"`:                           "`kernel startsWith \"6\"`",
		"this is no condition":                            "`this is no condition`",
	}
	for expr, want := range tests {
		if got := inWords(expr); got != want {
			t.Errorf("inWords(%s) = %s, want %s", expr, got, want)
		}
	}
}

// What a machine shows of a lesson, as one line for each step: its title, and its text or why it is skipped.
func shown(t *testing.T, body string, f Facts) string {
	t.Helper()
	c, err := Load(course("", body))
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.Lesson("one").For(f, First)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, s := range append([]Step{p.Opening}, p.Steps...) {
		fmt.Fprintf(&b, "%s:", s.Title)
		for _, block := range s.Blocks {
			switch block := block.(type) {
			case *Skipped:
				fmt.Fprintf(&b, " [%s]", strings.TrimSpace(string(block.BodyHTML())))
			case *Prose:
				b.WriteString(" " + strings.TrimSpace(string(block.html)))
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestVariants(t *testing.T) {
	v1, v2 := Facts{CgroupVersion: 1, Kernel: "6.1"}, Facts{CgroupVersion: 2, Kernel: "6.1"}
	tests := []struct {
		name, body string
		facts      Facts
		want       string
	}{
		{"dropped without a word", "a\n<!-- when: cgroup_version == 2 -->\nb\n<!-- end -->\nc\n", v1, ": <p>a</p>\n<p>c</p>\n"},
		{"kept", "a\n\n<!-- when: cgroup_version == 2 -->\nb\n<!-- end -->\nc\n", v2, ": <p>a</p>\n<p>b</p>\n<p>c</p>\n"},
		{"dropped with a reason", "a\n<!-- when: cgroup_version == 2 because: No `v2`. -->\nb\n<!-- end -->\nc\n", v1, ": <p>a</p> [<p>No <code>v2</code>.</p>] <p>c</p>\n"},
		{"a comment of two lines", "<!-- when: cgroup_version == 2\n     because: No. -->\nb\n<!-- end -->\nc\n", v1, ": [<p>No.</p>] <p>c</p>\n"},
		{"else", "<!-- when: cgroup_version == 2 -->\nb\n<!-- else -->\nc\n<!-- end -->\n", v1, ": <p>c</p>\n"},
		{"else not taken", "<!-- when: cgroup_version == 2 -->\nb\n<!-- else -->\nc\n<!-- end -->\n", v2, ": <p>b</p>\n"},
		{"nested", "<!-- when: cgroup_version == 2 -->\na\n<!-- when: kernel_at_least(\"9\") -->\nb\n<!-- else -->\nc\n<!-- end -->\nd\n<!-- else -->\ne\n<!-- end -->\n", v2, ": <p>a</p>\n<p>c</p>\n<p>d</p>\n"},
		{"nested in what is dropped", "<!-- when: cgroup_version == 2 -->\na\n<!-- when: kernel_at_least(\"5\") because: X. -->\nb\n<!-- end -->\nd\n<!-- else -->\ne\n<!-- end -->\n", v1, ": <p>e</p>\n"},
		{
			"a whole step", "<!-- when: cgroup_version == 2 -->\n## S\n\na\n\n## T\n\nb\n<!-- end -->\n## U\n\nc\n", v1,
			":\nS: [<p>This step needs control groups of version 2.</p>]\nT: [<p>This step needs control groups of version 2.</p>]\nU: <p>c</p>\n",
		},
		{
			"a whole step with a reason", "<!-- when: cgroup_version == 2 because: Sorry. -->\n## S\n\na\n<!-- end -->\n", v1,
			":\nS: [<p>This step needs control groups of version 2.</p>\n<p>Sorry.</p>]\n",
		},
		{"a step that has another variant", "<!-- when: cgroup_version == 2 because: Sorry. -->\n## S\n\na\n<!-- else -->\n## S\n\nb\n<!-- end -->\n", v1, ":\nS: <p>b</p>\n"},
		{
			"all that is in a step", "## S\n\n<!-- when: cgroup_version == 2 -->\na\n<!-- end -->\n\n## T\n\nb\n", v1,
			":\nS: [<p>This step needs control groups of version 2.</p>]\nT: <p>b</p>\n",
		},
		{"comments in code are code", "```\n<!-- when: cgroup_version == 2 -->\n```\n", v1, ": " + strings.TrimSpace(string(codeHTML("", "<!-- when: cgroup_version == 2 -->\n"))) + "\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, shown(t, tt.body, tt.facts)); d != "" {
				t.Errorf("page (-want +got):\n%s", d)
			}
		})
	}
}
