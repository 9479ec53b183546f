package kmsg

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	tests := []struct {
		name, record string
		want         record
		dmesg, raw   string
	}{
		{
			"plain", "4,339,1297272853,-;sh invoked oom-killer: order=0\n",
			record{Line: Line{Seq: 339, Priority: 4, Uptime: 1297272853 * time.Microsecond, Text: "sh invoked oom-killer: order=0"}},
			"[ 1297.272853] sh invoked oom-killer: order=0", "<4>[ 1297.272853] sh invoked oom-killer: order=0\n",
		},
		{
			"properties", "7,160,424069,-;pci_root PNP0A03:00: bridge; window\n SUBSYSTEM=acpi\n DEVICE=+acpi:PNP0A03:00\n",
			record{Line: Line{Seq: 160, Priority: 7, Uptime: 424069 * time.Microsecond, Text: "pci_root PNP0A03:00: bridge; window"}},
			"[    0.424069] pci_root PNP0A03:00: bridge; window", "<7>[    0.424069] pci_root PNP0A03:00: bridge; window\n",
		},
		{
			"caller and what may yet come", "6,1,100000000001,c,x=1,caller=T77,y;text\n",
			record{Line: Line{Seq: 1, Priority: 6, Uptime: 100000000001 * time.Microsecond, Text: "text"}, caller: "T77"},
			"[100000.000001] text", "<6>[100000.000001] text\n",
		},
		{
			"a process's", "13,2,5,-;systemd says",
			record{Line: Line{Seq: 2, Priority: 13, Uptime: 5 * time.Microsecond, Text: "systemd says"}},
			"[    0.000005] systemd says", "<13>[    0.000005] systemd says\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parse(tt.record)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(record{})); diff != "" {
				t.Error(diff)
			}
			if got.String() != tt.dmesg || got.Raw() != tt.raw {
				t.Errorf("%q, %q", got.String(), got.Raw())
			}
		})
	}
	for _, bad := range []string{"", "6,1,2;x", "6,1,2,-", "x,1,2,-;", "6,-1,2,-;", "6,1,2.5,-;", "-6,1,2,-;"} {
		if r, err := parse(bad); err == nil {
			t.Errorf("%q is %v", bad, r)
		}
	}
}

// played is a reader that gets records from a test.
type played struct {
	*Reader
	seq uint64
}

func play() *played { return &played{Reader: newReader(nil, nil)} }

// send gives the reader a message with the next sequence number.
func (p *played) send(caller, text string) {
	if caller != "" {
		caller = ",caller=" + caller
	}
	p.take(fmt.Sprintf("6,%d,%d,-%s;%s\n", p.seq, 1000*p.seq, caller, text), time.Time{})
	p.seq++
}

// texts are the messages of a feed.
func texts(f *Feed) (texts []string) {
	for _, l := range f.Lines() {
		texts = append(texts, l.Text)
	}
	return texts
}

// recorded reads the messages of a file of records.
func recorded(t testing.TB, name string) (messages []string) {
	t.Helper()
	file, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(strings.TrimSpace(string(file)), "\n") {
		_, text, ok := strings.Cut(line, ";")
		if !ok {
			t.Fatalf("%s: %q", name, line)
		}
		messages = append(messages, text)
	}
	return messages
}

// report makes a short one.
func oomReport(group, comm string, pid, uid int) []string {
	return []string{
		comm + " invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0",
		fmt.Sprintf("CPU: 1 UID: %d PID: %d Comm: %s Not tainted 6.18.44 #1", uid, pid, comm),
		"Call Trace:", " <TASK>", " dump_stack_lvl+0x57/0x80", " ? do_syscall_64+0x25e/0x280", "RIP: 0033:0x7f672b408992", " </TASK>",
		"memory: usage 96kB, limit 96kB, failcnt 48",
		"Memory cgroup stats for " + group + ":", "cache 0", "total_rss 4096",
		"Tasks state (memory values in pages):",
		"[  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem pgtables_bytes swapents oom_score_adj name",
		fmt.Sprintf("[  %5d] %d  %d      426      205      205        0         0    45056        0             0 %s", pid, uid, pid, comm),
		fmt.Sprintf("oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=%s,task_memcg=%[1]s,task=%s,pid=%d,uid=%d", group, comm, pid, uid),
		killedLine(comm, pid, uid),
	}
}

func killedLine(comm string, pid, uid int) string {
	return fmt.Sprintf("Memory cgroup out of memory: Killed process %d (%s) total-vm:1704kB, anon-rss:128kB, file-rss:888kB, shmem-rss:0kB, UID:%d pgtables:44kB oom_score_adj:0", pid, comm, uid)
}

var (
	subjectA = Subject{Group: "/glassbox/1-aaaa", FirstUID: 100000, UIDs: 65536, Owns: func(pid int) bool { return pid/100 == 1 }}
	subjectB = Subject{Group: "/glassbox/1-aaaab", FirstUID: 200000, UIDs: 65536, Owns: func(pid int) bool { return pid/100 == 2 }}
)

func TestRecordedReports(t *testing.T) {
	for _, tt := range []struct {
		file  string
		group string
		uid   uint32
		lines int
	}{
		{"oom-v1-6.18.kmsg", "/glassbox/17-k3v9x2", 0, 82},         // recorded
		{"oom-v2-6.1.kmsg", "/glassbox/17-k3v9x2", 1880096768, 57}, // put together after the kernel's source
	} {
		for _, by := range []string{"group and user", "group", "group and caller"} {
			t.Run(tt.file+" by "+by, func(t *testing.T) {
				p := play()
				subject, caller := Subject{Group: tt.group}, ""
				switch by {
				case "group and user":
					subject.FirstUID, subject.UIDs = tt.uid, 65536
				case "group and caller":
					caller = "T999"
				}
				var delivered int
				subject.Deliver = func(lines []Line) { delivered += len(lines) }
				feed, other := p.Follow(subject), p.Follow(Subject{Group: "/glassbox/2-other", FirstUID: 1, UIDs: 1000})
				messages := recorded(t, tt.file)
				for i, m := range messages {
					p.send(caller, m)
					if i%7 == 0 { // what belongs to nobody may come in between
						p.send("", "EXT4-fs (loop4): unmounting filesystem ed2612b2-1040-4ddf-b965-1a07c3391762.")
					}
				}
				want := strings.Split(strings.ReplaceAll(strings.ReplaceAll(strings.Join(messages, "\n"), `\x0a`+"\n", "\n"), `\x0a`, "\n"), "\n")
				if diff := cmp.Diff(want, texts(feed)); diff != "" {
					t.Error(diff)
				}
				if delivered != len(want) || delivered != tt.lines {
					t.Errorf("%d lines delivered, want %d", delivered, tt.lines)
				}
				if got := texts(other); got != nil {
					t.Errorf("the other sandbox got %q", got)
				}
			})
		}
	}
}

// TestInterleaved: of two reports at once, with the lines of each in any order between the other's, nobody gets another's line.
func TestInterleaved(t *testing.T) {
	reportA, reportB := oomReport("/glassbox/1-aaaa/box/demo", "sh", 101, 100000), oomReport("/glassbox/1-aaaab", "dd", 201, 200007)
	of := map[string]string{}
	for i := range reportA {
		of[reportA[i]], of[reportB[i]] = "a", "b"
		if reportA[i] == reportB[i] {
			of[reportA[i]] = "both"
		}
	}
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 0))
		for _, callers := range [][2]string{{"T101", "T201"}, {"", ""}} {
			p := play()
			a, b := p.Follow(subjectA), p.Follow(subjectB)
			for i, j := 0, 0; i < len(reportA) || j < len(reportB); {
				if j == len(reportB) || i < len(reportA) && random.IntN(2) == 0 {
					p.send(callers[0], reportA[i])
					i++
				} else {
					p.send(callers[1], reportB[j])
					j++
				}
			}
			if callers[0] != "" {
				if diff := cmp.Diff(reportA, texts(a)); diff != "" {
					t.Fatal(diff)
				}
				if diff := cmp.Diff(reportB, texts(b)); diff != "" {
					t.Fatal(diff)
				}
				continue
			}
			for _, line := range texts(a) {
				if of[line] == "b" {
					t.Fatalf("seed %d: a got b's %q", seed, line)
				}
			}
			for _, line := range texts(b) {
				if of[line] == "a" {
					t.Fatalf("seed %d: b got a's %q", seed, line)
				}
			}
		}
	}
}
