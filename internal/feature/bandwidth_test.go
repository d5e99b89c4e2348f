package feature

import (
	"math"
	"testing"

	"tap/internal/netconf"
	"tap/internal/netdev"
)

func TestInBytes(t *testing.T) {
	for _, tt := range []struct {
		bits netconf.Limit
		want netdev.Limit
	}{
		{netconf.Limit{Rate: 8, Burst: 640_000}, netdev.Limit{Rate: 1, Burst: 80_000}},
		{netconf.Limit{Rate: 15, Burst: 640_007}, netdev.Limit{Rate: 1, Burst: 80_000}}, // never more than asked for
		{netconf.Limit{Rate: 100_000_000_000, Burst: math.MaxUint32}, netdev.Limit{Rate: 12_500_000_000, Burst: 536_870_911}},
		{netconf.Limit{Rate: 1_000_000_000_000_000, Burst: math.MaxUint32}, netdev.Limit{Rate: 125_000_000_000_000, Burst: 536_870_911}},
	} {
		if got := inBytes(tt.bits); got != tt.want {
			t.Errorf("inBytes(%+v)\nwant %+v\ngot  %+v", tt.bits, tt.want, got)
		}
	}
}
