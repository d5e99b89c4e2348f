package netdev

import (
	"net"
	"strings"
	"testing"
)

func cidr(text string) net.IPNet {
	_, n, err := net.ParseCIDR(text)
	if err != nil {
		panic(err) // invalid test data
	}
	return *n
}

func TestRouteString(t *testing.T) {
	tests := []struct {
		name  string
		route Route
		want  string
	}{
		{"without gateway", Route{Dst: cidr("10.0.0.0/8"), Hops: []Hop{{}}}, "10.0.0.0/8"},
		{"with gateway", Route{Dst: cidr("::/0"), Hops: []Hop{{Gateway: net.ParseIP("fd00::1")}}}, "::/0 via fd00::1"},
		{"several hops",
			Route{Dst: cidr("0.0.0.0/0"), Hops: []Hop{
				{Gateway: net.ParseIP("10.0.0.1")}, {Gateway: net.ParseIP("10.1.0.1"), OnLink: true},
			}},
			"0.0.0.0/0 via 10.0.0.1 via 10.1.0.1 onlink"},
		{"all numeric attributes", Route{Dst: cidr("10.0.0.0/8"), Hops: []Hop{{}}, Table: 1, Priority: 2, Scope: 3, MTU: 4, AdvMSS: 5},
			"10.0.0.0/8 table 1 priority 2 scope 3 mtu 4 advmss 5"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.route.String(); got != tt.want {
				t.Errorf("String\nwant %s\ngot  %s", tt.want, got)
			}
		})
	}
}

// The kernel would use a part of an invalid network, so netdev must reject it.
func TestAddRejectsInvalidNetworks(t *testing.T) {
	tests := []struct {
		name string
		n    net.IPNet
	}{
		{"empty", net.IPNet{}},
		{"no mask", net.IPNet{IP: net.ParseIP("10.0.0.1")}},
		{"mask of the other family", net.IPNet{IP: net.ParseIP("10.0.0.1"), Mask: net.CIDRMask(96, 128)}},
		{"IPv6 with an IPv4 mask", net.IPNet{IP: net.ParseIP("fd00::1"), Mask: net.CIDRMask(24, 32)}},
		{"non-contiguous mask", net.IPNet{IP: net.ParseIP("10.0.0.1"), Mask: net.IPv4Mask(255, 0, 255, 0)}},
		{"address of five bytes", net.IPNet{IP: net.IP{1, 2, 3, 4, 5}, Mask: net.CIDRMask(24, 32)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var conn *Conn // panics if used to send a request
			if err := conn.AddAddress(1, tt.n); err == nil || !strings.HasPrefix(err.Error(), "add address ") {
				t.Errorf("AddAddress\nwant an error\ngot  %v", err)
			}
			if err := conn.AddRoute(1, Route{Dst: tt.n, Hops: []Hop{{}}}); err == nil || !strings.HasPrefix(err.Error(), "add route ") {
				t.Errorf("AddRoute\nwant an error\ngot  %v", err)
			}
		})
	}
}
