package sandbox_test

import (
	"os"
	"testing"

	"glassbox/sandbox/sandboxtest"
)

func TestMain(m *testing.M) {
	if probe := os.Getenv("GLASSBOX_PROBE"); probe != "" {
		runProbe(probe) // we are in a sandbox: see probe_test.go
	}
	sandboxtest.Main(m)
}
