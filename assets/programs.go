package assets

import (
	"embed"
	"fmt"
)

//go:embed all:bin
var programs embed.FS

// Program returns a small program for sandboxes that the build put in bin: glassbox-init or seccomp-run.
func Program(name string) ([]byte, error) {
	b, err := programs.ReadFile("bin/" + name)
	if err != nil {
		return nil, fmt.Errorf("this glassbox was built without %s: build it with make", name)
	}
	return b, nil
}
