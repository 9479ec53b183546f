package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
)

// compile calls go build or go test for the architecture.
func (a architecture) compile(ctx context.Context, verb string, args ...string) error {
	_, err := outputWith(ctx, []string{"GOARCH=" + a.name}, "", "go", append([]string{verb}, args...)...)
	return err
}

// build compiles a command for the machine.
func (a architecture) build(ctx context.Context, pkg, file string) error {
	scratch, err := os.MkdirTemp("", "vm-build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	overlay, err := a.overlay(ctx, scratch)
	if err != nil {
		return err
	}
	return a.compile(ctx, "build", append(overlay, "-trimpath", "-ldflags=-s -w", "-o", file, pkg)...)
}

// overlay gives the flags by which go embeds the programs of assets/bin that are compiled for a foreign architecture, into
// scratch, in place of this machine's, which stay where they are. See "go help build".
func (a architecture) overlay(ctx context.Context, scratch string) ([]string, error) {
	if !a.foreign() {
		return nil, nil
	}
	root, err := output(ctx, "", "go", "list", "-m", "-f", "{{.Dir}}")
	if err != nil {
		return nil, err
	}
	root = strings.TrimSpace(root)
	programs, err := filepath.Glob(filepath.Join(root, "assets/bin/[a-z]*"))
	if err != nil {
		return nil, err
	}
	replace := map[string]string{}
	for _, program := range programs {
		name := filepath.Base(program)
		replace[program] = filepath.Join(scratch, name)
		if err := a.compile(ctx, "build", "-trimpath", "-ldflags=-s -w", "-o", replace[program], filepath.Join(root, "cmd", name)); err != nil {
			return nil, err
		}
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return nil, err
	}
	file := filepath.Join(scratch, "overlay.json")
	return []string{"-overlay", file}, os.WriteFile(file, text, 0o644)
}
