package panel

import "glassbox/sandbox/kernel"

// log shows what the kernel wrote about this sandbox.
type log struct{}

// LogReading is the reading of the panel log. Only the last lines are in it.
type LogReading struct {
	Lines []kernel.LogLine `json:"lines"`
	More  int              `json:"more"` // how many older lines there are
}

// logLines is how many lines a reading has at most.
const logLines = 200

func (log) Name() string      { return "log" }
func (log) Title() string     { return "Kernel log" }
func (log) Want() kernel.Want { return kernel.WantLog }

func (log) Read(v *kernel.View, _ *kernel.Process) (any, []string) {
	lines, more := v.Log, 0
	if len(lines) > logLines {
		more = len(lines) - logLines
		lines = lines[more:]
	}
	if lines == nil {
		lines = []kernel.LogLine{}
	}
	return LogReading{Lines: lines, More: more}, []string{"/run/kmsg"}
}
