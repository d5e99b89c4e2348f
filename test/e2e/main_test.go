package e2e

import (
	"os"
	"testing"

	"tap/test/isolate"
)

func TestMain(m *testing.M) { os.Exit(isolate.Run(m.Run)) }
