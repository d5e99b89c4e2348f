package runtime

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMachine(t *testing.T) {
	scripts(t, "frame", func(*testscript.Env) error { return nil })
}
