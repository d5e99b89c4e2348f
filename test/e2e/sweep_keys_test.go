package e2e

import "testing"

// DEL finds what ADD made whatever became of the keys since.
func TestDelWithOtherKeys(t *testing.T) {
	for name, c := range map[string]struct{ made, now m }{
		"plain, now redirect": {m{}, m{"redirect": true}},
		"limited, now not":    {both(), m{}},
		"limited, now redirect and another name": {both(), m{"redirect": true, "tapName": "vm1"}},
		"unreadable":          {both(), m{"redirect": 5, "tapName": 7, "bandwidth": "x", "mtu": "y"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newTakeover(t)
			h.Run("ADD", "net1", conf(t, c.made)).WantOK()
			h.Run("DEL", "net1", conf(t, c.now)).WantOK()
			h.wantAsBefore()
		})
	}
	for name, now := range map[string]m{
		"redirect gone": {}, "redirect false": {"redirect": false}, "another name": {"redirect": true, "tapName": "vm9"},
		"unreadable": {"redirect": "x", "tapName": 3},
	} {
		t.Run("redirect, "+name, func(t *testing.T) {
			t.Parallel()
			h := newTakeover(t)
			h.add(both(), m{"tapName": "vm1"}).WantOK()
			h.Run("DEL", "eth0", conf(t, now)).WantOK()
			h.wantAsBefore()
			h.wantAnswers(true)
		})
	}
}
