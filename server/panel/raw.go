package panel

import (
	"errors"
	"fmt"

	"glassbox/sandbox/kernel"
)

// Raw is one of the files that a reading came from, as the kernel has it.
type Raw struct {
	Path string `json:"path"`           // as the learner finds it
	Host string `json:"host,omitempty"` // where it was read
	Text string `json:"text"`
	More int    `json:"more,omitempty"` // bytes that are left out
	Say  string `json:"say,omitempty"`  // why there is no text
}

// maxRaw bounds how much of a file is shown, in bytes.
const maxRaw = 16 << 10

// Raw reads the files that the latest reading of a panel came from. There are none if nobody has looked at it yet.
func (h *Hub) Raw(panel string) []Raw {
	h.mu.Lock()
	last, view := h.latest[panel], h.last.view
	h.mu.Unlock()
	if last == nil || view == nil {
		return nil
	}
	var out []Raw
	for _, path := range last.Paths {
		text, err := view.Text(path)
		one := Raw{Path: path, Host: text.Host, Text: text.Text}
		switch {
		case errors.Is(err, kernel.ErrNoText):
			one.Say = "It is gone."
		case err != nil:
			one.Say = fmt.Sprintf("We could not read it: %v.", err)
		case len(one.Text) > maxRaw:
			one.Text, one.More = one.Text[:maxRaw], len(one.Text)-maxRaw
		}
		out = append(out, one)
	}
	return out
}
