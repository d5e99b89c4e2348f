package e2e

import (
	"testing"

	"tap/test/harness"
)

func TestStatus(t *testing.T) {
	host := harness.NewHost(t)
	host.Run("STATUS", "", conf(t)).WantOK()
	host.Run("STATUS", "", conf(t, hostLocal())).WantOK()
	host.Run("STATUS", "", conf(t, m{"mtu": 1})).WantError(codeNotAvailable, "mtu")
	host.Run("STATUS", "", conf(t, m{"ipam": m{"type": "nobody"}})).WantError(codeNotAvailable, "nobody", harness.BinDir(t))
}

func TestStatusOfIPAM(t *testing.T) {
	host := harness.NewHost(t)
	fails := func(code int) string {
		return conf(t, fake(m{"fail": m{"STATUS": m{"code": code, "msg": "unknown, or not ready"}}}))
	}
	host.Run("STATUS", "", conf(t, fake())).WantOK()
	host.Run("STATUS", "", fails(codeNotAvailable)).WantError(codeNotAvailable, "not ready")
	host.Run("STATUS", "", fails(codeLimited)).WantError(codeLimited, "not ready")
	host.Run("STATUS", "", fails(999)).WantError(codeNotAvailable, "not ready")
	host.Run("STATUS", "", fails(codeEnvironment)).WantOK() // it has no STATUS
	host.Run("STATUS", "", fails(1)).WantOK()               // it does not know the version
}

// VERSION needs no configuration.
func TestVersion(t *testing.T) {
	host := harness.NewHost(t)
	got := host.Run("VERSION", "", "").WantOK()
	for _, version := range []string{"0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"} {
		wantText(t, got.Stdout, `"`+version+`"`)
	}
}
