package seccomp

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite syscalls.txt and assets/profiles from their sources")

// TestTable compares syscalls.txt with the tables of golang.org/x/sys, which are made from the kernel's headers.
func TestTable(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("no go command to ask where golang.org/x/sys is")
	}
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "golang.org/x/sys").Output()
	if err != nil {
		t.Skipf("go list: %v", err)
	}
	dir := filepath.Join(strings.TrimSpace(string(out)), "unix")
	line := regexp.MustCompile(`(?m)^\tSYS_([A-Z0-9_]+) += ([0-9]+)$`)
	// Not calls, but marks and masks among them.
	marks := []string{"arch_specific_syscall", "syscall_base", "oabi_syscall_base", "syscall_mask"}
	numbers := map[string]map[Arch]string{}
	// The other architectures are those that profiles in the wild speak of.
	for _, arch := range []Arch{"386", AMD64, "arm", ARM64, "loong64", "mips64le", "ppc64le", "riscv64", "s390x"} {
		src, err := os.ReadFile(filepath.Join(dir, "zsysnum_linux_"+string(arch)+".go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range line.FindAllStringSubmatch(string(src), -1) {
			name := strings.ToLower(m[1])
			if slices.Contains(marks, name) {
				continue
			}
			if numbers[name] == nil {
				numbers[name] = map[Arch]string{AMD64: "-", ARM64: "-"}
			}
			numbers[name][arch] = m[2]
		}
	}
	var lines []string
	for name, n := range numbers {
		lines = append(lines, fmt.Sprintf("%-24s %6s %6s\n", name, n[AMD64], n[ARM64]))
	}
	slices.Sort(lines)
	head, _, _ := strings.Cut(syscallTable, "#\n# name")
	want := head + fmt.Sprintf("#\n# %-22s %6s %6s\n", "name", AMD64, ARM64) + strings.Join(lines, "")
	if *update {
		if err := os.WriteFile("syscalls.txt", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, syscallTable); diff != "" {
		t.Errorf("syscalls.txt is not what golang.org/x/sys says; go test -run TestTable -update rewrites it (-want +got):\n%s", diff)
	}
}

// TestListsNameEachCallOnce finds a call that two lists decide, or that is named twice.
func TestListsNameEachCallOnce(t *testing.T) {
	lists := map[string]string{
		"modeCalls": modeCalls, "fileCalls": fileCalls, "memoryCalls": memoryCalls, "processCalls": processCalls,
		"eventCalls": eventCalls, "timeCalls": timeCalls, "socketCalls": socketCalls, "confineCalls": confineCalls,
		"spyCalls": spyCalls, "nestingCalls": nestingCalls, "refusedCalls": refusedCalls, "absentCalls": absentCalls,
	}
	in := map[string]string{}
	for list, names := range lists {
		for _, name := range words(names) {
			if in[name] != "" {
				t.Errorf("%s is in %s and in %s", name, in[name], list)
			}
			in[name] = list
			if !calls().known[name] {
				t.Errorf("%s: no architecture has a call %q", list, name)
			}
		}
	}
}
