package enginetest

import (
	"os"
	"testing"

	"glassbox/sandbox/sandboxtest"
)

func TestMain(m *testing.M) { sandboxtest.Main(m) }

// start gives a sandbox with an engine and the images. Where the processor is emulated (make test-vm), at a tenth of the
// speed or less, the test is skipped: TestEssentials runs there.
func start(t *testing.T) *sandboxtest.Sandbox {
	t.Helper()
	if os.Getenv("GLASSBOX_EMULATED") != "" {
		t.Skip("containers take too long on an emulated processor; TestEssentials is for that")
	}
	return sandboxtest.Start(t, sandboxtest.Engine)
}
